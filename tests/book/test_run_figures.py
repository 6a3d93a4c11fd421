"""The figures of runs: no oscillation is drawn that there is not, and swings can be told apart."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rodflow_book.figures import run, style

FIGURES = Path(__file__).resolve().parents[2] / "figures"


def runs():
    """Manifests of the figures of one run each."""
    for path in sorted(FIGURES.glob("*.csv")):
        manifest = json.loads(path.with_suffix(".json").read_text("utf-8"))
        titles = [panel["title"] for panel in manifest["panels"]]
        if len(manifest.get("runs", [])) == 1 and titles[0].startswith("sharpness / threshold"):
            yield pytest.param(path.stem, manifest, id=path.stem)


@pytest.mark.parametrize(("stem", "manifest"), list(runs()))
def test_a_sharpness_that_is_known_at_some_steps_has_no_line_between_them(stem, manifest):
    every = manifest["runs"][0]["config"]["spectrum_every"]
    kinds = {curve["label"]: curve["kind"] for curve in manifest["panels"][0]["curves"]}
    assert kinds["optimizer"] == ("points" if every > 1 else "line")
    assert "line" in kinds.values()


@pytest.mark.parametrize(("stem", "manifest"), list(runs()))
def test_a_panel_of_lengths_has_no_more_swings_than_can_be_read(stem, manifest):
    (panel,) = [p for p in manifest["panels"] if p["title"].startswith("half-displacement")]
    table = pd.read_csv(FIGURES / f"{stem}.csv")
    low, high = panel["x"]["limits"]
    length = table.loc[table["step"].between(low, high), "disc_delta_norms"].to_numpy()
    tops = (length[1:-1] > length[:-2]) & (length[1:-1] >= length[2:])
    assert 2 <= len(length) and tops.sum() <= 1.5 * run.SWINGS
    # What is left out is said.
    assert (len(length) < len(table)) == ("first" in panel["title"])


def test_samples():
    line = style.line("disc")
    assert style.samples(line, np.arange(5)) == line
    assert style.samples(line, np.arange(0, 25, 5))["linestyle"] == "none"
