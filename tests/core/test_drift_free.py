"""The drift-free rod: what it keeps of the paper's, and that drift and rounding do not reach it."""

import numpy as np
import pytest
import torch
from toolkit import (
    NINE,
    Valley,
    is_one_sentence,
    make,
    random,
    some_state,
    substep,
    twin_of,
)

from rodflow_core import theory
from rodflow_core.extent import rod
from rodflow_core.flows import DriftFreeRod, DriftFreeState, RodFlow, RodState, advance
from rodflow_core.landscapes import Linear, Quadratic, Quartic
from rodflow_core.optimizers import State

UNSCALED = ("gd", "heavy_ball", "nesterov")
LATE = 10**6


def tensor(*values, dtype=torch.float64):
    return torch.tensor(values, dtype=dtype)


def free(rule, objective, leak=0.0):
    return DriftFreeRod(rule, objective, leak=leak)


def start(flow, w, offset):
    """A rod from two iterates about ``w``, a flip apart in every part that the state has."""
    halves = [flow.rule.initial_state(s * offset).z for s in (-1.0, 1.0)]
    centre = flow.rule.initial_state(w)
    return flow.initial(*(State(centre.z + half, centre.nu) for half in halves))


@pytest.mark.parametrize("name", NINE)
def test_its_rates_are_those_of_the_two_ends(name):
    """-2 delta - D + leak Fbar, with F of the paper at both ends, in numpy."""
    rule, leak, t = make(name, 0.3, 0.8), 0.1, 4
    begin, half = some_state(rule, 2, 1), some_state(rule, 2, 2).z
    rates = DriftFreeRod(rule, Valley(), leak=leak).rate(DriftFreeState(*begin, half), t + 0.5)
    twin, gradient = twin_of(name, rule), Valley().numpy_gradient
    nu = None if begin.nu is None else begin.nu.numpy()
    moves, targets = [], []
    for end in ((begin.z + half).numpy(), (begin.z - half).numpy()):
        g, target = twin.evaluate(end, gradient)
        moves.append(twin.displacement(end, g, nu, t))
        targets.append(target)
    mean, spread = (moves[0] + moves[1]) / 2, (moves[0] - moves[1]) / 2
    np.testing.assert_allclose(rates.z, mean, rtol=1e-12, atol=1e-14)
    expected = -2 * half.numpy() - spread + leak * mean
    np.testing.assert_allclose(rates.half_displacement, expected, rtol=1e-12, atol=1e-14)
    if nu is not None:
        target = sum(targets) / 2
        np.testing.assert_allclose(rates.nu, (1 - twin.beta2) * (target - nu), rtol=1e-12)


@pytest.mark.parametrize("name", NINE)
def test_its_correction_is_the_paper_s_and_of_the_centre_only(name):
    rule = make(name, 0.3, 0.8)
    begin, half = some_state(rule, 2, 1), some_state(rule, 2, 2).z
    state = DriftFreeState(*begin, half)
    plain, corrected = (DriftFreeRod(rule, Valley(), b).rate(state, 4.5) for b in (False, True))
    paper = RodFlow(rule, Valley(), backward_error=True)
    expected = paper.rate(RodState(*begin, rod(half)), 4.5).z
    torch.testing.assert_close(corrected.z, expected, rtol=1e-13, atol=1e-14)
    assert (corrected.z - plain.z).norm() > 1e-6
    assert torch.equal(corrected.half_displacement, plain.half_displacement)


def test_it_starts_from_what_alternates_in_the_last_three_iterates():
    flow = free(make("gd", 0.5), Linear(tensor(1.0)))
    path = [State(tensor(0.3 * t + (-1) ** t * 2.0), None) for t in range(4)]
    begun = flow.initial(*path)  # the last three of four
    assert float(begun.half_displacement) == pytest.approx(-2, rel=1e-14)
    assert float(begun.z) == pytest.approx(0.3 * 2.5, rel=1e-14)
    assert torch.equal(flow.initial(*path[1:]).half_displacement, begun.half_displacement)
    of_two = flow.initial(*path[2:])
    assert float(of_two.half_displacement) == pytest.approx(-2 + 0.15, rel=1e-14)


@pytest.mark.parametrize("name", UNSCALED)
def test_a_whole_step_moves_the_ends_as_two_optimizers_and_exchanges_them(name):
    rule, objective = make(name, 0.7), Quartic(tensor(3.0, 1.0), tensor(0.4, 0.2))
    size = 2 * (1 + rule.has_moment)
    z, half = random(1, size), 0.3 * random(2, size)
    moved = substep(free(rule, objective), DriftFreeState(z, None, half), 0, 1.0)
    plus, minus = (rule.step(objective, State(z + s * half, None), 0).z for s in (1, -1))
    torch.testing.assert_close(moved.z, 0.5 * (plus + minus), rtol=1e-13, atol=1e-14)
    flipped = moved.half_displacement
    torch.testing.assert_close(flipped, 0.5 * (minus - plus), rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("centre", [0.0, 50.0])
def test_on_a_quadratic_every_direction_follows_its_own_exponential_whatever_the_drift(centre):
    eta, substeps, steps = 0.5, 4, 6
    sharpness, half = tensor(4.2, 3.7, 0.1), tensor(0.02, 0.5, 1.0)
    flow = free(make("gd", eta), Quadratic(sharpness))
    state = start(flow, torch.full_like(half, centre), half)
    for t in range(steps):
        state = advance(flow, state, t, substeps)
    expected = (1 + (eta * sharpness - 2) / substeps) ** (steps * substeps) * half
    torch.testing.assert_close(state.half_displacement, expected, rtol=1e-9, atol=1e-12)


def test_a_steady_drift_leaves_nothing_where_the_paper_keeps_a_rod():
    eta, slope = 0.5, tensor(3.0)
    iterates = [State(-eta * t * slope, None) for t in range(3)]
    for kind, expected in ((DriftFreeRod, 0.0), (RodFlow, eta * 3.0 / 2)):
        flow = kind(make("gd", eta), Linear(slope))
        state = flow.initial(*iterates)
        assert float(state.half_displacement.norm()) == pytest.approx(expected, abs=1e-15)
        for t in range(20):
            state = advance(flow, state, t, 4)
        length = float(state.half_displacement.norm())
        assert length == pytest.approx(expected, rel=1e-12, abs=1e-6 * eta * 3.0)


@pytest.mark.parametrize("name", UNSCALED)
def test_on_the_quartic_it_settles_where_the_paper_does(name):
    kind = {"gd": "none"}.get(name, name)
    rule, kappa = make(name, 0.5), 0.7
    beta = rule.momentum.beta
    sharpness = 1.1 * theory.flip_threshold(kind, 0.5, beta)
    expected = theory.quartic_fixed_point(kind, sharpness, kappa, 0.5, beta).half_displacement
    flow = free(rule, Quartic(tensor(sharpness), tensor(kappa)), leak=1e-6)
    state = start(flow, tensor(0.0), tensor(0.01))
    for t in range(400):
        state = advance(flow, state, t, 4)
    w, _ = rule.split(state.half_displacement)
    assert abs(float(w)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("name", ["scalar_rmsprop", "rmsprop"])
def test_on_a_quadratic_rmsprop_settles_at_half_the_learning_rate(name):  # equation (190)
    flow = free(make(name, 0.1, beta2=0.9, epsilon=0.0), Quadratic(tensor(3.0)))
    state = start(flow, tensor(0.0), tensor(0.02))
    state = state._replace(nu=torch.full_like(state.nu, 0.02))
    for t in range(1500):
        state = advance(flow, state, LATE + t, 4)
    assert float(state.half_displacement.norm()) == pytest.approx(0.05, rel=1e-9)


@pytest.mark.parametrize("name", NINE)
def test_a_rod_below_rounding_still_knows_its_curvature_in_float32(name):
    rule, halves = make(name, 0.5), {}
    for dtype in (torch.float32, torch.float64):
        objective = Quartic(tensor(3.0, 1.0, 0.2, dtype=dtype), tensor(0.1, 0.1, 0.1, dtype=dtype))
        centre = rule.initial_state(tensor(1.0, 2.0, 3.0, dtype=dtype))
        half = rule.initial_state(1e-9 * tensor(1.0, -1.0, 2.0, dtype=dtype)).z
        nu = None if centre.nu is None else torch.ones_like(centre.nu)
        moved = substep(free(rule, objective), DriftFreeState(centre.z, nu, half), LATE, 0.25)
        halves[dtype] = moved.half_displacement.double()
    torch.testing.assert_close(halves[torch.float32], halves[torch.float64], rtol=1e-5, atol=1e-15)


def test_a_dead_rod_is_reseeded_by_the_leak():
    rule, objective = make("gd", 0.5), Quadratic(tensor(4.4, 0.1))
    state = DriftFreeState(tensor(1.0, 1.0), None, tensor(0.0, 0.0))
    for leak, alive in ((1e-6, True), (0.0, False)):
        moved = state
        for t in range(5):
            moved = advance(free(rule, objective, leak), moved, t, 4)
        half = moved.half_displacement
        assert bool(half.norm() > 0) is alive
        assert not alive or abs(float(half[0])) > 10 * abs(float(half[1]))


@pytest.mark.parametrize("wrong", [{"leak": -1.0}, {"leak": float("inf")}, {"leak": float("nan")}])
def test_a_wrong_option_is_named(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))) as caught:
        DriftFreeRod(make("gd", 0.5), Linear(tensor(1.0)), **wrong)
    assert is_one_sentence(str(caught.value))
