"""The page of the rivals: its numbers from runs that are known, its figures, its prices."""

import json
from pathlib import Path

import numpy as np
import pytest
from matplotlib import pyplot as plt

from rodflow_book import notebook
from rodflow_book.figures import rivals
from rodflow_core.experiments import claims, judge, records, runs
from rodflow_core.experiments.presets import preset

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def cells():
    return {
        (name, "mlp"): runs.compute(
            preset("smoke", name, "mlp").replace(examples=10, steps=4, spectrum_every=2)
        )
        for name in ("gd", "rmsprop")
    }


@pytest.fixture(scope="module")
def bench():
    return rivals.prices(ROOT / "benchmarks" / "rivals.json")


def test_every_model_has_a_row(cells):
    table = rivals.numbers(cells, {"gd-mlp": {"gradients a unit of time": {"rod": 8.5}}})
    found = set(zip(table["optimizer"], table["model"], strict=True))
    rods = {"rod", "free", "rod_fine", "free_fine", "sf_fine", "central"}
    assert {m for o, m in found if o == "rmsprop"} == rods
    assert {m for o, m in found if o == "gd"} == rods | {"edge", "corrected"}
    rod = table[(table["optimizer"] == "gd") & (table["model"] == "rod")].iloc[0]
    truth = claims.assess(cells["gd", "mlp"])
    assert rod["distance"] == truth.rod.distance and rod["gradients"] == 8.5
    assert rod["over_floor"] == truth.rod.distance / truth.floor
    assert np.isnan(table["gradients"].iloc[1])


def test_the_figures_draw_what_the_table_says(cells):
    table = rivals.numbers(cells, {})
    for figure in (
        rivals.distance_figure(cells),
        rivals.cost_figure(table.assign(gradients=8.0)),
        rivals.covariance_figure(cells),
    ):
        assert any(axis.lines for axis in figure.axes)
        plt.close(figure)
    drawn = rivals.covariances(cells)
    path = records.values(cells["gd", "mlp"], "central", "spread")
    np.testing.assert_array_equal(drawn["gd_central_spread"], path)


def test_the_prices_cover_every_row_and_rise_with_the_directions(bench):
    assert set(bench["rows"]) == {
        f"{o}-{a}" for o in ("gd", "scalar_rmsprop", "rmsprop") for a in ("mlp", "cnn", "vit")
    }
    for rules in bench["by critical directions"].values():
        for entry in rules.values():
            price = entry["gradients a unit of time"]
            central = [price[f"central flow, {k} critical, 2 substeps"] for k in range(4)]
            assert central[0] < central[1] < central[3]
            assert price["rod flow"] < central[1]


def test_no_prices_are_one_sentence(tmp_path):
    with pytest.raises(ValueError, match="make it with `python benchmarks/rivals.py`"):
        rivals.prices(tmp_path / "rivals.json")


def test_a_run_is_judged_in_words(cells):
    text = notebook.verdict(cells["gd", "mlp"])
    assert "a yardstick of what can be asked of a model" in text
    table = [line for line in text.splitlines() if line.startswith("|")]
    models = claims.models(cells["gd", "mlp"])
    assert len(table) == 2 + len(models)
    # Gradient descent has no second moment: no claim about one, and no preconditioner.
    assert [letter for letter in judge.CLAIMS if f"({letter})" in table[0]] == list("abcdf")
    assert "preconditioned" not in text
    assert any(line.startswith("| central flow, 2 substeps") for line in table)
    json.dumps(text)
