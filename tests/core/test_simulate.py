"""Trajectories kept whole, against the parts they are made of."""

import numpy as np
import pytest
import torch
from toolkit import NINE, Valley, make, some_state

from rodflow_core.flows import RodFlow, StableFlow, advance
from rodflow_core.optimizers import State
from rodflow_core.simulate import Trajectories, iterate, side_by_side

STEPS = 6


@pytest.mark.parametrize("name", NINE)
def test_all_three_stand_at_the_same_times(name):
    rule, valley = make(name, 0.1), Valley()
    start = some_state(rule, 2, 1, 0.3)
    found = side_by_side(rule, valley, start, STEPS, substeps=3, rank=1, stable=True)
    states = [start]
    for t in range(STEPS):
        states.append(rule.step(valley, states[-1], t))
    np.testing.assert_array_equal(found.iterates, torch.stack([s.z for s in states]))
    flows = RodFlow(rule, valley, rank=1), StableFlow(rule, valley)
    rod, point = (flow.initial(*states[:2]) for flow in flows)
    for t in range(STEPS):
        np.testing.assert_array_equal(found.centre[t], rod.z)
        np.testing.assert_array_equal(found.half[t], rod.half_displacement)
        np.testing.assert_array_equal(found.stable[t], point.z)
        np.testing.assert_allclose(
            found.optimizer_centre[t], (states[t].z + states[t + 1].z) / 2, rtol=1e-15
        )
        np.testing.assert_allclose(
            found.optimizer_half[t], (states[t + 1].z - states[t].z) / 2, rtol=1e-15
        )
        if start.nu is None:
            assert found.nu is found.rod_nu is found.optimizer_nu is None
        else:
            np.testing.assert_array_equal(found.nu[t], states[t].nu)
            np.testing.assert_array_equal(found.rod_nu[t], rod.nu)
            mean = (states[t].nu + states[t + 1].nu) / 2
            np.testing.assert_allclose(found.optimizer_nu[t], mean, rtol=1e-15)
        # The flows stand at t + 1/2, between two iterates, and move by the step from t + 1.
        rod, point = (advance(f, s, t + 1, 3) for f, s in zip(flows, (rod, point), strict=True))
    assert len(found.centre) == len(found.half) == len(found.stable) == STEPS
    np.testing.assert_array_equal(np.abs(found.signed_half), np.abs(found.half))
    assert ((found.signed_half * found.optimizer_half).sum(1) >= 0).all()


def test_a_start_may_be_numbers_and_nothing_changes():
    rule, valley = make("gd", 0.1), Valley()
    w = torch.tensor([0.5, -0.4], dtype=torch.float64)
    kept = w.clone()
    paths = [side_by_side(rule, valley, x, 3) for x in (w, [0.5, -0.4], State(w, None))]
    for path in paths[1:]:
        np.testing.assert_array_equal(path.centre, paths[0].centre)
    assert torch.equal(w, kept) and paths[0].stable is None
    assert len(iterate(rule, valley, w, 0)) == 1


def test_a_half_displacement_keeps_its_sign_where_the_optimizer_s_has_none():
    still = np.zeros((3, 2))
    half = np.array([[1.0, -2.0], [0.0, 3.0]])
    path = Trajectories(iterates=still, centre=still[:2], half=half)
    np.testing.assert_array_equal(path.signed_half, half)
    back = path._replace(iterates=np.array([[0.0, 0.0], [-1.0, 0.0], [-1.0, -1.0]]))
    np.testing.assert_array_equal(back.signed_half, -half)
