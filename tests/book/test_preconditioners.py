"""The edge and preconditioners: the small runs of both pages, against closed forms and the core."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from rodflow_book.figures.models_toys import valleys
from rodflow_book.figures.valley import Turned, follow, turned, turned_back
from rodflow_core.landscapes import Quadratic
from rodflow_core.optimizers import State, make_rule
from rodflow_core.simulate import iterate, side_by_side

FIGURES = Path(__file__).resolve().parents[2] / "figures"
VALLEY = valleys([4.0], [[0.5]], [0.1], kappa=0.7)


def table(name):
    return pd.read_csv(FIGURES / f"{name}.csv")


def parameters(name):
    return json.loads((FIGURES / f"{name}.json").read_text(encoding="utf-8"))["parameters"]


def numbers(*values):
    return torch.tensor(values, dtype=torch.float64)


# --- the valley ----------------------------------------------------------------------------------


def test_a_turned_valley_has_autograds_derivatives_and_the_same_curvatures():
    own, w = Turned(VALLEY), numbers(0.3, -0.4)
    torch.testing.assert_close(own.gradients(w[None])[0], torch.func.grad(own.value)(w))
    hessian = torch.func.hessian(own.value)(w)
    torch.testing.assert_close(own.hvp(w)(torch.eye(2).double()), hessian)
    torch.testing.assert_close(own.hvp(w)(w), hessian @ w)
    inner = VALLEY.hvp(turned_back(w))(torch.eye(2).double())
    torch.testing.assert_close(torch.linalg.eigvalsh(hessian), torch.linalg.eigvalsh(inner))
    torch.testing.assert_close(turned(turned_back(w)), w)
    assert not torch.allclose(hessian, inner)


@pytest.mark.parametrize("name", ["gd", "heavy_ball", "rmsprop"])
def test_what_is_followed_is_the_cores(name):
    betas = {"heavy_ball": {"beta1": 0.5}, "rmsprop": {"beta2": 0.9}}.get(name, {})
    rule = make_rule(name, 0.1, **betas)
    start = rule.initial_state(numbers(0.2, -0.5))
    if start.nu is not None:
        start = start._replace(nu=numbers(0.04, 0.04))
    found = follow(rule, VALLEY, start, 12, flows=("rod",))
    known = side_by_side(rule, VALLEY, start, 12)
    np.testing.assert_allclose(found["disc"].centre, known.optimizer_centre[2:, :2], rtol=1e-13)
    z = known.iterates[:, :2]
    swings = (z[3:] - 2 * z[2:-1] + z[1:-2]) / 4
    np.testing.assert_allclose(found["disc"].half, swings, atol=1e-15)
    # At its start the rod is the last two iterates.
    np.testing.assert_allclose(found["rod"].centre[0], found["disc"].centre[0], atol=1e-13)
    assert found["rod"].length[0] == pytest.approx(np.linalg.norm(z[3] - z[2]) / 2, rel=0.2)
    w = torch.from_numpy(found["disc"].centre[-1])
    hessian = torch.func.hessian(VALLEY.value)(w)
    assert found["disc"].sharpness[-1] == pytest.approx(float(torch.linalg.eigvalsh(hessian)[-1]))
    if name != "rmsprop":
        np.testing.assert_allclose(
            found["disc"].ratio, found["disc"].sharpness / rule.threshold, rtol=1e-12
        )


# --- the edge ------------------------------------------------------------------------------------


def test_the_cycle_is_the_map_on_paper_and_its_mean_square_is_two_a_over_c():
    about, found = parameters("progressive-cycle"), table("progressive-cycle")
    eta, c, a = about["learning_rate"], about["c"], about["a"]
    x, sharp = found["x"].to_numpy(), found["ratio"].to_numpy() * 2 / eta
    np.testing.assert_allclose(x[1:], (1 - eta * sharp[:-1]) * x[:-1], rtol=1e-5)
    np.testing.assert_allclose(np.diff(sharp), eta * c * (a - c * x[:-1] ** 2 / 2), atol=5e-6)
    down = np.flatnonzero((sharp[:-1] > 2 / eta) & (sharp[1:] <= 2 / eta))
    whole = slice(down[0], down[-1])
    assert len(down) >= 3 and np.mean(x[whole] ** 2) == pytest.approx(2 * a / c, rel=0.01)
    assert np.diff(found["free"]) == pytest.approx(eta * c * a / (2 / eta), rel=1e-2)


# --- preconditioners -----------------------------------------------------------------------------


def test_the_sharpness_rises_while_the_preconditioned_one_hovers():
    about, found = parameters("preconditioners-valley"), table("preconditioners-valley")
    late = found[found["step"] > len(found) // 2]
    for tag in ("disc", "rod"):
        assert late[f"{tag}_ratio"].between(0.98, 1.02).all()
        assert late[f"{tag}_sharpness"].is_monotonic_increasing
    assert found["disc_sharpness"].iloc[-1] > 2 * found["disc_sharpness"].iloc[0]
    # At the edge sqrt(nu) is eta S / 2, and the bounce eta / 2: (190).
    assert late["disc_half"].to_numpy() == pytest.approx(1, rel=0.03)
    # Gradient descent is held: S - kappa x^2 = 2 / eta across, c x^2 / 2 = a along.
    held = 2 / about["descent_learning_rate"] + about["kappa"] * 2 * about["slope"] / about["rise"]
    assert late["descent_sharpness"].to_numpy() == pytest.approx(held, rel=1e-3)
    assert late["sf_ratio"].min() > 3


def test_each_direction_is_at_the_edge_with_a_ruler_of_its_own():
    about, late = (
        parameters("preconditioners-each"),
        table("preconditioners-each").iloc[-50:].mean(),
    )
    flat, sharp = about["curvatures"]
    assert late["one_ruler_ratio_flatter"] == pytest.approx(flat / sharp, rel=0.01)
    assert late["one_ruler_half_flatter"] < 1e-6
    for what in ("ratio", "half"):
        assert late[f"one_ruler_{what}_sharper"] == pytest.approx(1, abs=0.01)
        for direction in ("flatter", "sharper"):
            assert late[f"one_for_each_{what}_{direction}"] == pytest.approx(1, abs=0.01)
    # Once more, from another start: the curvature drops out.
    rule = make_rule("rmsprop", about["learning_rate"], beta2=0.9)
    start = State(numbers(0.03, 0.04), numbers(0.05, 5.0))
    last = iterate(rule, Quadratic(numbers(flat, sharp)), start, 1500)[-2:]
    half = (last[1].z - last[0].z).abs().numpy() / 2
    assert half == pytest.approx(about["learning_rate"] / 2, rel=1e-3)
