"""The page of Adam's rod: its small runs against the core's Adam and the closed forms."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib import pyplot as plt

from rodflow_book.figures import adam_rod
from rodflow_book.figures.models_toys import valleys
from rodflow_book.figures.style import style
from rodflow_book.figures.valley import Turned, follow, turned
from rodflow_core import theory
from rodflow_core.optimizers import (
    OPTIMIZERS,
    HeavyBall,
    PerComponentSecondMoment,
    State,
    UpdateRule,
)

FIGURES = Path(__file__).resolve().parents[2] / "figures"


@pytest.fixture(scope="module")
def about():
    return json.loads((FIGURES / "adam-rod-beta1.json").read_text(encoding="utf-8"))["parameters"]


@pytest.fixture(scope="module")
def sweep():
    return pd.read_csv(FIGURES / "adam-rod-beta1.csv")


def test_it_is_the_tables_adam_but_for_the_bias(about):
    rule = UpdateRule(
        about["learning_rate"],
        HeavyBall(about["beta1"]),
        PerComponentSecondMoment(about["beta2"]),
    )
    row = OPTIMIZERS["adam"].rule(about["learning_rate"], beta1=0.1, beta2=0.95)
    assert (type(rule.momentum), type(rule.second_moment)) == (
        type(row.momentum),
        type(row.second_moment),
    )
    assert rule.threshold == pytest.approx(theory.threshold("adam", 0.1, 0.1))


def test_the_preconditioned_sharpness_is_at_the_threshold_and_the_length_is_the_closed_form():
    table = pd.read_csv(FIGURES / "adam-rod-valley.csv")
    late = table[table["step"] > len(table) // 3]
    for tag in ("disc", "rod"):
        assert late[f"{tag}_ratio"].median() == pytest.approx(1, abs=0.01)
    for tag in ("disc", "rod"):
        assert late[f"{tag}_half"].mean() == pytest.approx(1, rel=0.03)
    assert (table["distance_sf"] > 5 * table["distance_rod"])[30:].all()


def test_one_point_of_the_sweep_once_more(about, sweep):
    eta, a, c, beta = about["learning_rate"], about["slope"], about["rise"], about["betas"][-1]
    rule = UpdateRule(eta, HeavyBall(beta), PerComponentSecondMoment(about["beta2"]))
    k = (1 - beta) / (1 + beta)
    curvature = 4 - c / 2
    ruler, x = curvature * eta / 2 * k, 0.4 * eta * k
    pair = torch.tensor([[x, -0.5], [-2 * ruler * x / eta, -a]]).double()
    start = State(turned(pair).flatten(), torch.full((2,), ruler**2).double())
    valley = Turned(valleys([4.0], [[c]], [a], kappa=0.5))
    found = follow(rule, valley, start, about["steps"], ("rod",))["disc"]
    late = slice(about["steps"] // 3, None)
    row = sweep.iloc[-1]
    length = np.sqrt((found.half[late] ** 2).sum(1).mean())
    assert length == pytest.approx(row["oscillation"], rel=1e-3)
    drift = np.median(np.linalg.norm(np.diff(found.centre, axis=0), axis=1)[late]) / 2
    assert drift == pytest.approx(row["drift"], rel=1e-3)


def test_what_is_claimed_of_beta1(sweep):
    np.testing.assert_allclose(sweep["oscillation"], sweep["closed"], rtol=0.15)
    longer = sweep["oscillation"] > sweep["drift"]
    assert longer.iloc[0] and not longer.iloc[-1] and longer.is_monotonic_decreasing
    assert sweep["rod"].is_monotonic_decreasing and sweep["rod"].iloc[-1] < 2
    assert (sweep["free"] > 0.9 * sweep["rod"]).all()


def test_the_figure_draws_the_sweep(sweep):
    with style():
        figure = adam_rod.beta_figure(sweep)
        drawn = {line.get_label(): line.get_ydata() for a in figure.axes for line in a.get_lines()}
        np.testing.assert_array_equal(drawn["rod flow"], sweep["rod"])
        np.testing.assert_array_equal(drawn["half of the drift"], sweep["drift"])
        plt.close(figure)
