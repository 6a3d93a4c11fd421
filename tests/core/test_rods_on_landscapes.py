"""Where the rod flow settles on the quartic, the quadratic and the linear loss: closed forms."""

import numpy as np
import pytest
import torch
from toolkit import LATE, NINE, frozen, make, probed_weights, some_nu, some_state, substep, vector

from rodflow_core import theory
from rodflow_core.extent import rod
from rodflow_core.flows import RodFlow, RodState, StableFlow, advance
from rodflow_core.landscapes import Linear, Quadratic, Quartic
from rodflow_core.optimizers import State


def settle(rule, objective, state, steps=100, substeps=8):
    flow = RodFlow(rule, objective, rank=2)
    for _ in range(steps):
        state = advance(flow, state, LATE, substeps)
    return state


class LandscapeContract:
    """Where the flows settle, for rules whose second moment is that of the gradient."""

    def test_quartic_holds_the_rod_at_its_closed_form(self, name):
        """(149)-(158): the mean curvature along the rod is the threshold. P is held, at 0.4."""
        free = make(name, 0.3, 0.5)
        nu = some_nu(free, 1)
        nu = None if nu is None else torch.full_like(nu, 0.16)
        rule, p = frozen(free, nu), 1.0 if nu is None else 0.4 + 1e-8
        weights, sharpness = probed_weights(rule), 1.2 * p * rule.threshold
        beta = rule.momentum.beta
        point = theory.quartic_fixed_point(weights, sharpness, 0.5, 0.3 / p, beta)
        assert theory.quartic_is_stable(weights, sharpness, 0.3 / p, beta)
        sigma = point.extent if rule.has_moment else point.extent[:1, :1]
        flow = RodFlow(rule, Quartic(vector(sharpness), vector(0.5)), rank=2)
        half = 0.7 * vector(*[x for x in point[:2] if x is not None][: 2 if rule.has_moment else 1])
        state = RodState(0.02 * half, nu, rod(half))
        for _ in range(30):
            state = advance(flow, state, LATE, 4)
        assert state.z.norm() < 1e-9 * half.norm()
        np.testing.assert_allclose(state.extent.dense(), sigma, rtol=1e-9, atol=1e-12)

    def test_quartic_below_the_threshold_has_no_rod(self, name):
        free = make(name, 0.3, 0.5)
        nu = some_nu(free, 1)
        rule = frozen(free, nu)
        p = 1.0 if nu is None else float(nu.sqrt()) + 1e-8
        flow = RodFlow(rule, Quartic(vector(0.8 * p * rule.threshold), vector(0.5)), rank=2)
        state = RodState(*some_state(rule, 1, 1, 0.01)[:1], nu, rod(some_state(rule, 1, 2, 0.05).z))
        for _ in range(25):
            state = advance(flow, state, LATE, 4)
        assert state.extent.eigenvalues[0] < 1e-6

    def test_quadratic_holds_an_adaptive_rod_at_the_threshold(self, name):
        """(186)-(190), (237)-(243): nu settles where S / P is the threshold, whatever S is."""
        rule, sharpness = make(name, 0.2, 0.1, 0.2, epsilon=0.0), 40.0
        if some_nu(rule, 1) is None:
            return
        length, beta = 1 / rule.threshold, rule.momentum.beta
        moment = -(1 - beta) / (1 + beta) * sharpness * length
        half = vector(length, moment)[: 2 if rule.has_moment else 1]
        nu = torch.full_like(some_nu(rule, 1), (1.2 * sharpness * length) ** 2)
        start = RodState(0.05 * half, nu, rod(0.8 * half))
        state = settle(rule, Quadratic(vector(sharpness)), start, 100)
        assert state.z.norm() < 1e-9
        assert sharpness / float(state.nu.sqrt()) == pytest.approx(rule.threshold, rel=1e-8)
        found = state.extent.half_displacement
        np.testing.assert_allclose(found * torch.sign(found[0]), half, rtol=1e-8)
        assert state.extent.eigenvalues[1:].norm() < 1e-10 * float(half @ half)

    def test_linear_landscape_leaves_drift_alone(self, name):
        """(121)-(127), (173)-(178), (220)-(227), for a slope of either sign."""
        for slope in (3.0, -0.2):
            rule = make(name, 0.2, 0.5, 0.5, epsilon=0.0)
            adaptive = some_nu(rule, 1) is not None
            steady = theory.linear_steady_state(slope, 0.2)
            if adaptive:
                steady = theory.adaptive_linear_steady_state(slope, 0.2)
            objective = Linear(vector(slope))
            flow = RodFlow(rule, objective, rank=2)
            start = some_state(rule, 1, 1)
            nu = None if start.nu is None else start.nu * slope**2
            state = RodState(start.z, nu, rod(some_state(rule, 1, 2).z))
            for t in range(50, 110):
                before, state = state, advance(flow, state, t, 2)
            w, m = rule.split(state.z)
            velocity = float((w - rule.split(before.z)[0])[0])
            assert velocity == pytest.approx(steady.velocity, rel=1e-9)
            assert m is None or float(m[0]) == pytest.approx(steady.moment, rel=1e-9)
            if adaptive:
                assert float(state.nu.sum()) == pytest.approx(steady.second_moment, rel=1e-9)
            dense = state.extent.dense().numpy()
            size = len(dense)
            np.testing.assert_allclose(dense, steady.extent[:size, :size], rtol=1e-8, atol=1e-12)
            point = State(state.z, state.nu)
            drift = substep(StableFlow(rule, objective), point, LATE, 1.0).z - state.z
            assert float(drift[0]) == pytest.approx(steady.velocity, rel=1e-9)


@pytest.mark.parametrize("name", NINE)
class TestNine(LandscapeContract):
    pass


# --- the paper's own numbers, written out --------------------------------------------------------


def test_heavy_ball_on_the_quartic_is_155_to_158():
    eta, beta, kappa = 0.5, 0.8, 2.0
    edge = 2 / eta * (1 + beta) / (1 - beta)
    sharpness = 1.3 * edge
    start = RodState(torch.zeros(2).double(), None, rod(vector(0.3, 0.1)))
    rule = make("heavy_ball", eta, beta)
    sigma = settle(rule, Quartic(vector(sharpness), vector(kappa)), start).extent.dense()
    expected = np.array([[1, -2 / eta], [-2 / eta, 4 / eta**2]]) * (sharpness - edge) / kappa
    np.testing.assert_allclose(sigma, expected, rtol=1e-10)


def test_gradient_descent_on_the_quartic():
    eta, kappa = 0.5, 2.0
    start = RodState(torch.zeros(1).double(), None, rod(vector(0.3)))
    after = settle(make("gd", eta), Quartic(vector(5.0), vector(kappa)), start)
    assert float(after.extent.eigenvalues[0]) == pytest.approx((5 - 2 / eta) / kappa, rel=1e-10)


def test_nesterov_on_the_quartic_holds_its_look_ahead_points_at_the_threshold():
    eta, beta, kappa = 0.5, 0.8, 2.0
    edge = 2 * (1 + beta) / (eta * (1 - beta) * (1 + 2 * beta))
    sharpness, rule = 1.3 * edge, make("nesterov", eta, beta)
    start = RodState(torch.zeros(2).double(), None, rod(vector(0.3, 0.1)))
    after = settle(rule, Quartic(vector(sharpness), vector(kappa)), start)
    ahead = rule.gradient_point(after.extent.half_displacement)
    assert float(ahead.square()) == pytest.approx((sharpness - edge) / kappa, rel=1e-10)


@pytest.mark.parametrize("name", ["rmsprop", "scalar_rmsprop"])
def test_rmsprop_on_the_quadratic_is_190(name):
    start = RodState(
        vector(0.0), torch.full_like(some_nu(make(name, 0.1), 1), 2.0), rod(vector(0.2))
    )
    rule = make(name, 0.1, beta2=0.2, epsilon=0.0)
    after = settle(rule, Quadratic(vector(7.0)), start)
    assert float(after.extent.half_displacement.abs()) == pytest.approx(0.1 / 2, rel=1e-8)


@pytest.mark.parametrize("name", ["adam", "scalar_adam"])
def test_adam_on_the_quadratic_is_243_where_it_is_stable(name):
    """(eta/2)(1-beta1)/(1+beta1); at (0.5, 0.9) it is an equilibrium that the flow leaves."""
    for beta1, beta2, stable in ((0.1, 0.2, True), (0.5, 0.9, False)):
        assert theory.adaptive_is_stable("heavy_ball", beta1, beta2) == stable
        length, sharpness = 0.05 * (1 - beta1) / (1 + beta1), 7.0
        half = vector(length, -(1 - beta1) / (1 + beta1) * sharpness * length)
        nu = torch.full_like(some_nu(make(name, 0.1), 1), (sharpness * length) ** 2)
        rule, objective = make(name, 0.1, beta1, beta2, 0.0), Quadratic(vector(sharpness))
        exact = RodState(torch.zeros(2).double(), nu, rod(half))
        once = substep(RodFlow(rule, objective), exact, LATE, 0.5)
        torch.testing.assert_close(
            once.extent.dense(), exact.extent.dense(), rtol=1e-12, atol=1e-15
        )
        torch.testing.assert_close(once.nu, nu, rtol=1e-12, atol=0)
        start, gaps = exact._replace(extent=rod(1.001 * half)), []
        for _ in range(40):
            start = settle(rule, objective, start, 1)
            gaps.append(abs(float(start.extent.half_displacement[0].abs()) / length - 1))
        assert max(gaps[-5:]) < 1e-6 if stable else max(gaps) > 0.01
