"""Linear response: exponents of the models, against the project's own steps and flows."""

import numpy as np
import pytest
import torch
from scipy.linalg import expm
from toolkit import LATE, NINE, frozen, make, probe, probed_weights, some_nu, vector

from rodflow_core import theory
from rodflow_core.extent import rod
from rodflow_core.flows import DriftFreeRod, DriftFreeState, RodFlow, RodState, StableFlow
from rodflow_core.integrators import rk4
from rodflow_core.landscapes import Quadratic
from rodflow_core.optimizers import State

RING = 0.9**0.5 * np.exp(2j * np.pi * 0.35)
"""On the ring of beta1 = 0.9, at a frequency of 0.35 cycles per step."""
FINE = rk4(32)


def one_direction(name, share, beta=0.6):
    """A rule with its second moment held, a curvature at a share of its threshold, and ``P``."""
    free = make(name, 0.3, beta)
    nu = some_nu(free, 1)
    nu = None if nu is None else torch.full_like(nu, 0.16)
    rule, p = frozen(free, nu), 1.0 if nu is None else 0.4 + 1e-8
    return rule, share * p * rule.threshold, p, nu


def step_matrix(rule, sharpness, nu):
    """The matrix of the rule's own step on the quadratic, probed column by column."""
    objective = Quadratic(vector(sharpness))
    size = 2 if rule.has_moment else 1
    return probe(lambda z: rule.step(objective, State(z, nu), LATE).z, size)


def slopes(lengths):
    """Slope of the logarithm from the third quarter to the end."""
    logs = np.log(np.asarray(lengths))
    start = 3 * len(logs) // 4
    return (logs[-1] - logs[start]) / (len(logs) - 1 - start)


class ResponseContract:
    """For every rule: multipliers and exponents against its own step and its own flows."""

    @pytest.mark.parametrize("share", [0.03, 0.4, 0.9, 1.0])
    def test_multipliers_are_the_steps_own_eigenvalues(self, name, share):
        rule, sharpness, p, nu = one_direction(name, share)
        found = theory.multipliers(
            probed_weights(rule), sharpness, rule.learning_rate / p, rule.momentum.beta
        )[: 2 if rule.has_moment else 1]
        own = np.linalg.eigvals(step_matrix(rule, sharpness, nu)).astype(complex)
        own = own[np.argsort(-abs(own))]
        if not rule.has_moment:
            found = found[np.argmin(abs(found - own))][None]
        np.testing.assert_allclose(
            np.sort_complex(found), np.sort_complex(own), rtol=1e-10, atol=1e-12
        )

    def test_the_centre_moves_with_its_exponent(self, name):
        """Plain and corrected: the flow's own matrix has the exponents as eigenvalues."""
        rule, sharpness, _, nu = one_direction(name, 0.7)
        x = np.linalg.eigvals(step_matrix(rule, sharpness, nu))
        for order in (1, 2):
            flow = StableFlow(rule, Quadratic(vector(sharpness)), backward_error=order == 2)
            rates = probe(lambda z, f=flow: f.rate(State(z, nu), LATE).z, len(x))
            same_up_to_conjugates(np.linalg.eigvals(rates), theory.centre_exponent(x, order))

    def test_the_drift_free_rod_moves_with_its_exponent(self, name):
        rule, sharpness, _, nu = one_direction(name, 0.7)
        x = np.linalg.eigvals(step_matrix(rule, sharpness, nu))
        flow = DriftFreeRod(rule, Quadratic(vector(sharpness)), leak=0.0)
        start = torch.zeros(len(x), dtype=torch.float64)
        rates = probe(
            lambda z: flow.rate(DriftFreeState(start, nu, z), LATE).half_displacement, len(x)
        )
        alternating = np.linalg.eigvals(rates) + 1j * np.pi
        same_up_to_conjugates(alternating - 1j * np.pi, theory.rod_exponent(x) - 1j * np.pi)

    def test_a_rod_at_the_threshold_neither_grows_nor_decays(self, name):
        rule, sharpness, p, _ = one_direction(name, 1.0)
        x = theory.multipliers(
            probed_weights(rule), sharpness, rule.learning_rate / p, rule.momentum.beta
        )
        flip = x[np.argmin(abs(x + 1))]
        assert abs(theory.decay_frequency(theory.rod_exponent(flip)).decay) < 1e-7
        assert all(abs(decay) < 1e-7 for decay in theory.paper_rod_decay(flip))


@pytest.mark.parametrize("name", NINE)
class TestNine(ResponseContract):
    pass


def same_up_to_conjugates(found, expected):
    """Two spectra of real matrices, of which the second may hold a pair as one number twice."""
    found, expected = (np.asarray(v) for v in (found, expected))
    key = [np.sort_complex(v.real + 1j * abs(v.imag)) for v in (found, expected)]
    np.testing.assert_allclose(*key, rtol=1e-9, atol=1e-11)


# --- numbers -------------------------------------------------------------------------------------


def test_ring_of_nine_tenths_by_hand():
    """|x| = sqrt(.9) at .35 cycles: Re x = -.55762, Im x = .76750, by trigonometry."""
    decay = {
        "optimizer": theory.optimizer_exponent(RING),
        "centre": theory.centre_exponent(RING),
        "rod": theory.rod_exponent(RING),
    }
    found = {key: theory.decay_frequency(value) for key, value in decay.items()}
    assert found["optimizer"].decay == pytest.approx(-0.5 * np.log(0.9), abs=1e-12)
    assert found["optimizer"].frequency == pytest.approx(0.35, abs=1e-12)
    assert found["centre"].decay == pytest.approx(1.557622, abs=1e-6)
    assert found["rod"].decay == pytest.approx(0.442378, abs=1e-6)
    assert found["rod"].frequency == pytest.approx(0.5 - 0.767501 / (2 * np.pi), abs=1e-6)
    paper = theory.paper_rod_decay(RING)
    assert paper == pytest.approx((0.540718, 0.246189), abs=1e-6)


def test_series_are_of_the_logarithm():
    for order in (1, 2, 3, 6):
        for near, series in ((1, theory.centre_exponent), (-1, theory.rod_exponent)):
            gaps = [abs(series(near + h, order) - np.log(near + h)) for h in (0.1j, 0.05j)]
            assert gaps[0] / gaps[1] == pytest.approx(2 ** (order + 1), rel=0.15)


def test_backward_error_gets_worse_at_the_edge_with_every_order():
    """At x = -1 the optimizer neither grows nor decays; all terms have one sign."""
    decays = [-theory.centre_exponent(-1.0, n).real for n in range(1, 12)]
    assert decays[:3] == pytest.approx([2, 4, 4 + 8 / 3])
    assert (np.diff(decays) > 0).all()


def test_corrected_rod_flow_has_the_second_order_centre():
    """The rod's own correction, averaged over two ends, is the point's on a quadratic."""
    rule, sharpness, _, nu = one_direction("adam", 0.5)
    flow = RodFlow(rule, Quadratic(vector(sharpness)), backward_error=True)
    half = rod(vector(0.3, -0.2))
    rates = probe(lambda z: flow.rate(RodState(z, nu, half), LATE).z, 2)
    x = np.linalg.eigvals(step_matrix(rule, sharpness, nu))
    same_up_to_conjugates(np.linalg.eigvals(rates), theory.centre_exponent(x, 2))


@pytest.mark.parametrize("share", [0.6, 0.9, 1.0, 1.05])
def test_paper_rod_without_momentum(share):
    """The flow itself, integrated finely; and below: it decays less than the optimizer."""
    rule = make("gd", 0.3)
    sharpness = share * rule.threshold
    flow = RodFlow(rule, Quadratic(vector(sharpness)))
    state, lengths = RodState(torch.zeros(1).double(), None, rod(vector(0.4))), []
    for t in range(8):
        state = FINE.leap(flow, state, t)
        lengths.append(float(state.half_displacement.abs()))
    x = 1 - rule.learning_rate * sharpness
    same, mixed = theory.paper_rod_decay(x)
    assert same == pytest.approx(mixed)
    assert -slopes(lengths) == pytest.approx(float(same), abs=1e-7)


def test_extent_operator_has_the_two_readings():
    """Dense: Sigma -> -2 Sigma + A Sigma A^T / 2 on symmetric matrices, exponentiated."""
    a = theory.flow_matrix("heavy_ball", 30.0, 1.0, 0.9)
    x = 1 + np.linalg.eigvals(a)[0]
    operator = -2 * np.eye(4) + 0.5 * np.kron(a, a)
    values = np.log(np.linalg.eigvals(expm(operator)).astype(complex)).real / 2
    same, mixed = theory.paper_rod_decay(x)
    for reading in (same, mixed):
        assert np.min(abs(values + reading)) < 1e-10


@pytest.mark.parametrize("eta", [0.2, 2.0])
def test_principal_rod_is_the_flow_itself(eta):
    """The code's own flow, in two units of the moment; later, rounding parts the two."""
    rule = make("heavy_ball", eta, 0.9)
    sharpness = 0.8 * rule.threshold
    flow = RodFlow(rule, Quadratic(vector(sharpness)))
    state, lengths, method = (
        RodState(vector(0, 0), None, rod(torch.arange(1.0, 3).double().cos())),
        [],
        rk4(4),
    )
    for t in range(8):
        state = method.leap(flow, state, t)
        lengths.append(float(state.extent.eigenvalues.sum().sqrt()))
    own = -(np.log(lengths[-1]) - np.log(lengths[3])) / 4
    a = theory.flow_matrix("heavy_ball", sharpness, eta, 0.9)
    assert float(theory.principal_rod_decay(a, 8, 4)) == pytest.approx(own, abs=1e-5)


@pytest.mark.parametrize("share", [0.5, 0.8, 0.95])
def test_paper_rod_loses_ringing_faster_than_the_drift_free_one(share):
    """Whatever the units of the moment; and faster than (131) makes believe."""
    eta = np.logspace(-1, 1, 5)
    sharpness = share * theory.heavy_ball_threshold(eta, 0.9)
    decays = theory.principal_rod_decay(
        theory.flow_matrix("heavy_ball", sharpness, eta, 0.9), substeps=16
    )
    x = theory.multipliers("heavy_ball", sharpness[0], eta[0], 0.9)[0]
    linear = theory.paper_rod_decay(x)
    assert decays.min() > linear.mixed
    assert share < 0.6 or decays.min() > theory.decay_frequency(theory.rod_exponent(x)).decay
    assert decays.max() < 1.01


def test_period_four_is_as_far_from_either_model():
    """A rule whose pair leaves the circle at i: models decay at one per step, it not at all."""
    weights = theory.UpdateWeights(0.625, 0.375, 0.0)
    x = theory.multipliers(weights, 4.0, 1.0, 0.5)
    np.testing.assert_allclose(np.sort_complex(x), [-1j, 1j], atol=1e-12)
    assert theory.rotation_threshold(weights, 1.0, 0.5) == pytest.approx(4.0)
    for series in (theory.centre_exponent, theory.rod_exponent):
        assert theory.decay_frequency(series(x[0])).decay == pytest.approx(1.0)
    errors = [
        theory.multiplier_error(s(x), x) for s in (theory.centre_exponent, theory.rod_exponent)
    ]
    np.testing.assert_allclose(*errors)


def test_error_of_a_step_and_kept_energy():
    assert theory.multiplier_error(theory.optimizer_exponent(RING), RING) < 1e-15
    assert theory.multiplier_error(theory.rod_exponent(-1.0), -1.0) < 1e-15
    decay = theory.decay_frequency(theory.optimizer_exponent(RING)).decay
    assert theory.kept_energy(decay) == pytest.approx(10.0)
    assert theory.kept_energy(0.0) == np.inf
    assert theory.decay_frequency(2j * np.pi * 0.7).frequency == pytest.approx(0.3)


def test_refusals_are_one_sentence():
    for call in (
        lambda: theory.centre_exponent(0.5, 0),
        lambda: theory.rod_exponent(0.5, 1.5),
        lambda: theory.optimizer_exponent([0.5, 0.0]),
        lambda: theory.paper_rod_decay(np.nan),
    ):
        with pytest.raises(ValueError, match=r"\.$"):
            call()
