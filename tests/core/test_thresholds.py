"""Where stability changes on a quadratic: the code's own steps and substeps, against closed forms.

With a second moment the step is not linear and has no sharpness threshold by itself: Table 2 speaks
of the preconditioned sharpness at a given P. Here the second moment is therefore held fixed, by one
that follows the value at which it stands; everything else is the rule's own code.
"""

import math

import numpy as np
import pytest
import scipy.linalg
import torch
from hypothesis import given
from hypothesis import strategies as st
from toolkit import (
    LATE,
    NINE,
    examples,
    frozen,
    make,
    probe,
    probed_weights,
    random,
    some_nu,
    substep,
)

from rodflow_core import theory
from rodflow_core.extent import rod
from rodflow_core.flows import RodFlow, RodState, StableFlow
from rodflow_core.landscapes import Quadratic
from rodflow_core.optimizers import OPTIMIZERS, State

BRACKET = (1 - 1e-3, 1 + 1e-3)
SCATTER = 1e-3
"""How far a rod starts beside the critical direction, relatively."""
hyperparameters = st.fixed_dictionaries(
    {
        "learning_rate": st.floats(-3, 1).map(lambda x: 10**x),
        "beta1": st.floats(0, 0.9),
        "beta2": st.floats(0, 0.999),
        "epsilon": st.floats(-8, 0).map(lambda x: 10**x),
    }
)


class Case:
    """A rule and a quadratic in two dimensions at ``factor`` times the rule's threshold."""

    def __init__(self, name, hyper, seed, factor, t=LATE):
        free = make(name, **hyper)
        self.nu = some_nu(free, 2, seed)
        self.rule, self.t = frozen(free, self.nu), t
        c1, c2 = self.rule.corrections(t)
        ones = torch.ones(2, dtype=torch.float64)
        p = np.diag(self.rule.preconditioner(self.nu, c2).apply(ones).numpy())
        turn = np.linalg.qr(random(seed, 2, 2).numpy())[0]
        # The momentum's correction c1 acts as a learning rate larger by 1 / c1.
        leading = factor * c1 * self.rule.threshold
        hessian = np.sqrt(p) @ (turn * [leading, 0.4 * leading]) @ turn.T @ np.sqrt(p)
        self.objective = Quadratic(torch.from_numpy((hessian + hessian.T) / 2))
        found = scipy.linalg.eigh(hessian, p, eigvals_only=True)[-1]
        assert found == pytest.approx(leading, rel=1e-12)
        self.dim = 4 if self.rule.has_moment else 2

    def step(self, z):
        """The discrete step as a map of z."""
        return self.rule.step(self.objective, State(z, self.nu), self.t).z

    def velocity(self, z):
        """The stable flow's velocity: a substep of length one, less where it started."""
        flow = StableFlow(self.rule, self.objective)
        return substep(flow, State(z, self.nu), self.t, 1.0).z - z

    def growth_of_iterates(self):
        """Growth of the weights per step, late: the norm over one window against the next."""
        z, norms = random(1, self.dim), []
        for _ in range(400):
            z = self.step(z)
            norms.append(float(z[:2].norm()))
        return np.linalg.norm(norms[300:]) / np.linalg.norm(norms[200:300])

    def run_rod(self, dt, time=40):
        """Centre distance and logarithm of the largest eigenvalue of the extent, per substep."""
        flow = RodFlow(self.rule, self.objective, rank=2)
        # A rod feels the landscape at its ends only: started across the critical direction, or
        # turned away from it by a drift longer than itself, it does not grow into it; with momentum
        # a tenth beside it can be too much, where another direction is nearly parallel. So it
        # starts along it, with a little of every other, its centre close to the minimum.
        values, vectors = np.linalg.eig(probe(self.step, self.dim))
        critical = torch.from_numpy(vectors[:, np.abs(values + 1).argmin()].real.copy())
        half = critical * (1 + SCATTER * random(3, self.dim))
        state = RodState(1e-3 * critical * random(2, self.dim), self.nu, rod(half))
        distances, sizes = [], []
        for _ in range(round(time / dt)):
            state = substep(flow, state, self.t, dt)
            distances.append(float(state.z[:2].norm()))
            sizes.append(math.log(state.extent.eigenvalues[0]))
        return np.array(distances), np.array(sizes)


class ThresholdContract:
    """What every update rule owes; ``name`` is given by the class that inherits."""

    @examples(12)
    @given(hyper=hyperparameters, seed=st.integers(0, 10**6))
    def test_spectral_radius_of_the_step_crosses_one(self, name, hyper, seed):
        radii = []
        for factor in BRACKET:
            case = Case(name, hyper, seed, factor)
            radii.append(np.abs(np.linalg.eigvals(probe(case.step, case.dim))).max())
        assert radii[0] < 1 < radii[1]

    @examples(6)
    @given(hyper=hyperparameters, seed=st.integers(0, 10**6), t=st.integers(0, 30))
    def test_bias_correction_scales_the_threshold(self, name, hyper, seed, t):
        """At step t, in the metric of P(nu / c2), it is c1 times that of Table 2."""
        below, above = (Case(name, hyper, seed, factor, t) for factor in BRACKET)
        assert np.abs(np.linalg.eigvals(probe(below.step, below.dim))).max() < 1
        assert np.abs(np.linalg.eigvals(probe(above.step, above.dim))).max() > 1

    @examples(3)
    @given(hyper=hyperparameters, seed=st.integers(0, 10**6))
    def test_iterates_change_stability(self, name, hyper, seed):
        below, above = (Case(name, hyper, seed, factor) for factor in BRACKET)
        assert below.growth_of_iterates() < 1 < above.growth_of_iterates()

    @examples(3)
    @given(hyper=hyperparameters, seed=st.integers(0, 10**6))
    def test_extent_of_the_rod_flow_changes_stability_and_its_centre_does_not(
        self, name, hyper, seed
    ):
        """Above, it grows at the rate of (131), -2 + lambda^2 / 2, as Euler's method has it."""
        for factor in BRACKET:
            case, dt = Case(name, hyper, seed, factor), 0.25
            distances, sizes = case.run_rod(dt)
            assert (sizes[-1] > sizes[-40]) == (factor > 1)
            assert distances[-1] < 1e-2 * distances[0]
        rates = theory.extent_operator_eigenvalues(probe(case.velocity, case.dim))
        expected = math.log1p(dt * rates.real.max())
        assert expected > 0
        assert sizes[-1] - sizes[-2] == pytest.approx(expected, rel=1e-2)

    @examples(12)
    @given(hyper=hyperparameters, seed=st.integers(0, 10**6))
    def test_velocity_is_the_step_less_the_identity(self, name, hyper, seed):
        """The critical eigenvalue -1 of the step is the flow's -2, and the centre is stable."""
        case = Case(name, hyper, seed, 1.0)
        step, flow = probe(case.step, case.dim), probe(case.velocity, case.dim)
        # w and m have different units: compare in weights where the sizes differ.
        np.testing.assert_allclose(flow + np.eye(case.dim), step, rtol=1e-9, atol=1e-9)
        values = np.linalg.eigvals(flow)
        assert values.real.min() == pytest.approx(-2, abs=1e-6)
        assert values.real.max() < 0

    @examples(12)
    @given(hyper=hyperparameters)
    def test_equals_the_flip_threshold_of_its_weights(self, name, hyper):
        rule = make(name, **hyper)
        weights, beta = probed_weights(rule), rule.momentum.beta
        expected = theory.flip_threshold(weights, rule.learning_rate, beta)
        assert rule.threshold == pytest.approx(expected, rel=1e-12)
        assert theory.rotation_threshold(weights, rule.learning_rate, beta) > rule.threshold


@pytest.mark.parametrize("name", NINE)
class TestNine(ThresholdContract):
    @examples(12)
    @given(hyper=hyperparameters)
    def test_equals_table_2(self, name, hyper):
        rule = make(name, **hyper)
        expected = theory.threshold(name, rule.learning_rate, rule.momentum.beta)
        assert rule.threshold == pytest.approx(expected, rel=1e-12)

    def test_one_dimensional_step_has_the_spectrum_of_the_transition_matrix(self, name):
        """(79), (96), (213): on (w_t, w_{t-1}) or (theta_t, m_t); eigenvalues do not mind which."""
        rule = make(name, 0.3, 0.7)
        nu = some_nu(rule, 1)
        nu = None if nu is None else torch.full_like(nu, 0.25)
        rule = frozen(rule, nu)
        effective = 0.3 if nu is None else theory.effective_learning_rate(0.3, 0.25, 1e-8)
        for sharpness in (0.5, 2.0, 9.0):
            objective = Quadratic(torch.full((1, 1), sharpness, dtype=torch.float64))

            def step(z, objective=objective):
                return rule.step(objective, State(z, nu), LATE).z

            probed = probe(step, 2 if rule.has_moment else 1)
            momentum, beta = theory.OPTIMIZER_MOMENTUM[name], rule.momentum.beta
            expected = theory.transition_matrix(momentum, sharpness, effective, beta)
            np.testing.assert_allclose(
                np.sort_complex(np.linalg.eigvals(probed)),
                np.sort_complex(np.linalg.eigvals(expected)),
                atol=1e-12,
            )
            flow = theory.flow_matrix(momentum, sharpness, effective, beta)
            np.testing.assert_allclose(probed - np.eye(len(probed)), flow, atol=1e-14)


def test_every_row_of_table_2_is_an_optimizer():
    assert len(theory.OPTIMIZER_MOMENTUM) == 9 and set(theory.OPTIMIZER_MOMENTUM) <= set(OPTIMIZERS)


@pytest.mark.parametrize(("name", "start"), [("heavy_ball", (0.3, 0.0)), ("nesterov", (0.3, -0.4))])
def test_at_the_threshold_the_iterates_settle_on_the_two_period_orbit(name, start):
    """(90), (91), (108), (109), for any first moment."""
    rule = make(name, 0.2, 0.6)
    objective = Quadratic(torch.full((1, 1), rule.threshold, dtype=torch.float64))
    state = State(torch.tensor(start, dtype=torch.float64), None)
    for t in range(60):
        expected = theory.orbit(name, t, *start, 0.2, 0.6)
        assert float(state.z[0]) == pytest.approx(float(expected), abs=1e-12)
        state = rule.step(objective, state, t)
    amplitude = theory.orbit_amplitude(name, *start, 0.2, 0.6)
    assert abs(float(state.z[0])) == pytest.approx(float(amplitude), rel=1e-10)
