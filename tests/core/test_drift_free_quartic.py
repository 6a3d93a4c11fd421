"""The drift-free rod on the quartic: what it shares with (159)-(169), and where it does not die."""

import numpy as np
import pytest
import torch
from toolkit import make, substep, vector

from rodflow_core import theory
from rodflow_core.extent import rod
from rodflow_core.flows import DriftFreeRod, DriftFreeState, RodFlow, RodState
from rodflow_core.landscapes import Quartic
from rodflow_core.simulate import iterate

KINDS = {"gd": "none", "heavy_ball": "heavy_ball", "nesterov": "nesterov"}


def fixed_rod(name, excess=1.1):
    """A rule, its quartic above the threshold, and the fixed rod there, (149)."""
    rule = make(name, 0.2, 0.6)
    kind, beta = KINDS[name], rule.momentum.beta
    sharpness = excess * rule.threshold
    point = theory.quartic_fixed_point(kind, sharpness, 1.0, 0.2, beta)
    half = vector(*[x for x in point[:2] if x is not None][: 1 + rule.has_moment])
    return rule, Quartic(vector(sharpness), vector(1.0)), half


@pytest.mark.parametrize("name", KINDS)
def test_at_the_fixed_rod_its_linearisation_is_minus_two_minus_j(name):
    """(167) is -(2 I + J), J the Jacobian of F itself at the rod's end, by differences."""
    rule, well, star = fixed_rod(name)
    flow, origin = DriftFreeRod(rule, well, leak=0.0), torch.zeros_like(star)

    def turn(half):
        return flow.rate(DriftFreeState(origin, None, half), 0.0).half_displacement

    def move(z):
        g = well.gradients(rule.gradient_point(z[None]))
        return rule.displacement(z[None], g, rule.preconditioner(None))[0]

    assert turn(star).norm() < 1e-12 * star.norm()
    for i, length in enumerate(star.abs()):
        step = torch.zeros_like(star)
        step[i] = 1e-4 * length
        found = (turn(star + step) - turn(star - step)) / (2 * step[i])
        column = (move(star + step) - move(star - step)) / (2 * step[i])
        expected = -2 * step / step[i] - column
        torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-8)
    if name == "heavy_ball":
        jacobian = theory.quartic_jacobian(name, float(well.sharpness), 0.2, 0.6)
        shift = 1e-4 * star
        found = (turn(star + shift) - turn(star - shift)).numpy() / 2e-4
        np.testing.assert_allclose(found, -(2 * np.eye(2) + jacobian) @ star.numpy(), rtol=1e-6)


def test_the_fourth_rod_of_c3_recovers():
    """It points across the oscillation: the paper's drive lets it die, heavy ball comes back.

    Integrated finely: the first long substep of Euler's method throws the paper's rod across.
    """
    rule, well, star = fixed_rod("heavy_ball")
    begin = star * vector(1.2, -0.3)
    centre = torch.zeros_like(star)
    starts = {
        RodFlow(rule, well): RodState(centre, None, rod(begin)),
        DriftFreeRod(rule, well, leak=0.0): DriftFreeState(centre, None, begin),
    }
    ends = []
    for flow, state in starts.items():
        for _ in range(30 * 20):
            state = substep(flow, state, 0, 1 / 20)
        ends.append(state.half_displacement.abs())
    paper, free = ends
    assert paper.norm() < 1e-6 * star.norm()
    torch.testing.assert_close(free, star.abs(), rtol=1e-6, atol=0)
    last = iterate(rule, well, begin, 150)[-1].z
    torch.testing.assert_close(last.abs(), star.abs(), rtol=1e-6, atol=0)
