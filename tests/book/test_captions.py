"""Captions: what is measured of a run stands under its figure, and of other figures nothing."""

import json
from pathlib import Path

import pytest

from rodflow_book import captions
from rodflow_core.experiments import claims, records

RUNS = Path(__file__).resolve().parents[2] / "figures" / "runs"
PAGE = """Words.

```{figure} ../figures/adam-mlp.svg
:name: fig-adam-mlp
:alt: What is seen.

Adam on the MLP.
```

```{figure} ../figures/other.svg
:alt: Another.

Another figure.
```
"""


@pytest.mark.parametrize("name", ["adam-mlp-cifar", "scalar_adam-mlp-cifar", "gd-cnn-cifar"])
def test_the_numbers_are_those_of_the_judge(name):
    run = records.load(RUNS / f"{name}.nc")
    claim, config = claims.assess(run), records.configuration(run)
    text = captions.says(run)
    ratio = f"{claim.ratio:.0f}" if claim.ratio >= 9.95 else f"{claim.ratio:.1f}"
    assert f"stays {ratio} times closer" in text
    error = claim.rod.sharpness_error
    assert f"sharpness {100 * error.typical:.2g}% off" in text
    assert ("in distribution" in text) == (not error.pointwise)
    assert text.count("**") == 2 and f": **{claim.verdict}**." in text
    assert f"Over {config.steps:,} steps" in text and rf"$\eta={config.learning_rate:g}$" in text
    assert f"{config.warmup:,} steps of warm-up" in text
    assert (r"\beta_1" in text) == (config.beta1 is not None)


def test_of_a_run_without_the_rod_or_the_stable_flow_nothing_is_said():
    run = records.load(RUNS / "gd-mlp-quick.nc")
    flows = json.loads(run.attrs["flows"])
    for tag in ("sf", "rod"):
        fewer = [entry for entry in flows if entry["tag"] != tag]
        assert len(fewer) == len(flows) - 1
        assert captions.says(run.assign_attrs(flows=json.dumps(fewer))) == ""


def test_a_caption_ends_with_what_the_manifest_says(tmp_path):
    (tmp_path / "adam-mlp.json").write_text(json.dumps({"says": "It stays near."}))
    (tmp_path / "other.json").write_text(json.dumps({"alt": "Another."}))
    page = captions.told(PAGE, tmp_path)
    assert "\nAdam on the MLP. It stays near.\n```" in page
    assert page.replace(" It stays near.", "") == PAGE
    assert captions.told(PAGE, tmp_path / "nowhere") == PAGE
