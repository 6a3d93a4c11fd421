"""The page on phase space: its numbers are the core's and the closed forms'."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib import pyplot as plt

from rodflow_book.figures import phase_space
from rodflow_book.figures.style import style
from rodflow_core import theory
from rodflow_core.landscapes import Quadratic, Quartic
from rodflow_core.optimizers import make_rule
from rodflow_core.simulate import iterate

FIGURES = Path(__file__).resolve().parents[2] / "figures"


@pytest.fixture(scope="module")
def about():
    text = (FIGURES / "phase-space-ellipse.json").read_text(encoding="utf-8")
    return json.loads(text)["parameters"]


def curves():
    table = pd.read_csv(FIGURES / "phase-space-ellipse.csv")
    return {name: rows for name, rows in table.groupby("curve")}


def test_the_spiral_is_the_cores_and_shrinks_by_the_root_of_beta(about):
    parabola = Quadratic(torch.tensor([about["spiral_curvature"]]).double())
    beta = about["spiral_beta"]
    rule = make_rule("heavy_ball", about["learning_rate"], beta1=beta)
    found = curves()["heavy ball"]
    states = iterate(rule, parabola, [1.0, 0.0], len(found) - 1)
    known = np.stack([state.z.numpy() for state in states])
    np.testing.assert_allclose(found[["w", "m"]], known, atol=1e-6)
    # w^2 of a complex pair r exp(+-i theta): w_{t+1} w_{t-1} - w_t^2 is a multiple of r^{2t}.
    w = known[:, 0]
    shrinks = w[2:] * w[:-2] - w[1:-1] ** 2
    np.testing.assert_allclose(shrinks[1:] / shrinks[:-1], beta, rtol=1e-9)


def test_the_ellipses_close_onto_the_direction_of_the_fixed_rod(about):
    ellipses = {
        float(name.split()[-1]): rows[["w", "m"]].to_numpy()
        for name, rows in curves().items()
        if name.startswith("ellipse")
    }
    assert len(ellipses) == 3
    scale = np.array([1, about["learning_rate"] / 2])
    off = {}
    for share, points in ellipses.items():
        across = points * scale @ np.array([1, 1]) / 2**0.5
        along = points * scale @ np.array([1, -1]) / 2**0.5
        off[share] = np.ptp(across) / np.ptp(along)
    shares = sorted(off)
    assert off[shares[0]] > off[shares[1]] > off[shares[2]] and off[shares[2]] < 0.2


def test_the_lengths_over_curvature_are_the_closed_forms(about):
    table = pd.read_csv(FIGURES / "phase-space-threshold.csv")
    lines, table = table[table["heavy_ball"].isna()], table.dropna(subset=["heavy_ball"])
    eta = about["learning_rate"]
    for name, momentum, beta in (("rod", "heavy_ball", 0.5), ("weight_rod", "none", 0.0)):
        threshold = theory.flip_threshold(momentum, eta, beta)
        assert threshold == pytest.approx((2 + 2 * beta) / ((1 - beta) * eta))
        known = np.sqrt(np.maximum(table["curvature"] - threshold, 0))
        drawn = np.sqrt(np.maximum(lines["curvature"] - threshold, 0))
        np.testing.assert_allclose(lines[f"{name}_closed"], drawn, atol=1e-4)
        measured = table[name].notna()
        np.testing.assert_allclose(table[name][measured], known[measured], atol=2e-3)
    # The optimizer's own, once more.
    rule, row = make_rule("heavy_ball", eta, beta1=0.5), table.iloc[-1]
    well = Quartic(torch.tensor([row["curvature"]]).double(), torch.tensor(1.0))
    last = iterate(rule, well, [0.1, 0.0], 150)[-1]
    assert abs(float(last.z[0])) == pytest.approx(row["heavy_ball"], abs=1e-3)


def test_the_figures_draw_what_the_tables_say(about):
    found = curves()
    spiral, slide = found["heavy ball"], found["gradient descent"]
    ellipses = {0.1 * i: found["ellipse at 0.5"][["w", "m"]].to_numpy() for i in (1, 2, 3)}
    with style():
        figure = phase_space.ellipse_figure(
            spiral[["w", "m"]].to_numpy(), slide["w"].to_numpy(), (4, 11), ellipses, 0.5
        )
        drawn = figure.axes[0].lines[0].get_xydata()
        np.testing.assert_array_equal(drawn, spiral[["w", "m"]])
        np.testing.assert_allclose(
            figure.axes[1].lines[0].get_ydata(), spiral["step"][:-1], atol=1e-6
        )
        plt.close(figure)
