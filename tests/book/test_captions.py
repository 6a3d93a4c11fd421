"""Captions: what is measured of a run stands under its figure, and of other figures nothing."""

import json
import re
from pathlib import Path

import pytest

from rodflow_book import captions
from rodflow_core.experiments import claims, records

RUNS = Path(__file__).resolve().parents[2] / "figures" / "runs"
# What a claim is made with in these captions; a new one may have to be added.
VERB = re.compile(
    r"\b(is|are|was|has|have|stays?|grows?|settles?|becomes?|passes|amplifies|goes|die?s?|descends|"
    r"bounces|shortens|leaves|makes|ends|loses|begins|turn|rises?|starts|span|lies|coincide|agree|"
    r"follows?|takes|integrates|gains|feels|bursts|could|falls|go|sharpen|decays|keeps|holds|does|"
    r"hovers|flip|spans)\b"
)
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
    assert f"sharpness, every {config.spectrum_every} steps." in text
    assert (r"\beta_1" in text) == (config.beta1 is not None)


def test_of_a_run_without_the_rod_or_the_stable_flow_nothing_is_said():
    run = records.load(RUNS / "gd-mlp-quick.nc")
    flows = json.loads(run.attrs["flows"])
    for tag in ("sf", "rod"):
        fewer = [entry for entry in flows if entry["tag"] != tag]
        assert len(fewer) == len(flows) - 1
        assert captions.says(run.assign_attrs(flows=json.dumps(fewer))) == ""


def test_a_caption_begins_with_what_the_manifest_says(tmp_path):
    (tmp_path / "adam-mlp.json").write_text(json.dumps({"says": "It stays near."}))
    (tmp_path / "other.json").write_text(json.dumps({"alt": "Another."}))
    page = captions.told(PAGE, tmp_path)
    assert "\nIt stays near. Adam on the MLP.\n```" in page
    assert page.replace("It stays near. ", "") == PAGE
    assert captions.told(PAGE, tmp_path / "nowhere") == PAGE


def captions_of_the_book():
    """Every caption as it is published, by figure: the manifest's finding first."""
    root = RUNS.parents[1]
    for path in (*sorted((root / "notebooks").glob("*.py")), *sorted((root / "book").glob("*.md"))):
        lines = path.read_text(encoding="utf-8").splitlines()
        if path.suffix == ".py":
            lines = [line[1:].removeprefix(" ") for line in lines if line.startswith("#")]
        for found in captions._FIGURE.finditer(captions.told("\n".join(lines), RUNS.parent)):
            yield f"{path.stem}: {found['stem']}", " ".join(found["caption"].split())


def first_sentence(caption):
    """What is in bold at the beginning, else up to the first full stop or colon."""
    bold = re.match(r"\*\*(.+?)\*\*", caption)
    return bold[1] if bold else re.split(r"(?<=[.:])\s+(?=[A-Z*(])", caption)[0]


def test_each_caption_begins_with_a_claim():
    found = list(captions_of_the_book())
    assert len(found) > 100
    bare = [name for name, caption in found if not VERB.search(first_sentence(caption))]
    assert bare == []


@pytest.mark.parametrize(
    "caption", ["Perturbations of the fixed rod.", "Left: the moments. Right: it is half as long."]
)
def test_a_caption_that_names_its_panels_only_is_noticed(caption):
    assert not VERB.search(first_sentence(caption))


def test_a_caption_of_a_run_says_data_settings_and_verdict():
    count = 0
    for path in sorted(RUNS.parent.glob("*-cifar.json")):
        manifest = json.loads(path.read_text(encoding="utf-8"))
        if len(manifest["runs"]) == 1:
            config, says = manifest["runs"][0]["config"], manifest["says"]
            count += 1
            assert f"{config['examples']:,}".replace(",", "{,}") in says, path.name
            assert rf"$\eta={config['learning_rate']:g}$" in says and "Our own bar" in says
            betas = [config[name] for name in ("beta1", "beta2") if config[name] is not None]
            assert says.count(r"$\beta_") == len(betas)
            assert all(f"={beta:g}$" in says for beta in betas), path.name
    assert count >= 27
