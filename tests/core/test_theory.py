"""Closed forms against SymPy, spectra of the step, simulated iterates and integrated flows."""

import numpy as np
import pytest
import sympy as sp
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.linalg import expm
from theory_oracles import (
    KINDS,
    MOMENTA,
    bisect,
    custom_matrix,
    integrate,
    radius,
    rod_flow,
    same_spectrum,
    step,
    step_matrix,
)

from rodflow_core import theory

examples = settings(max_examples=25, deadline=None)
RATES = st.floats(0.01, 10.0)
BETAS = st.floats(0.0, 0.97)
NUMBERS = st.floats(-3.0, 3.0)
ETA, BETA, S = sp.symbols("eta beta S", positive=True)


# Thresholds ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", theory.OPTIMIZER_MOMENTUM)
def test_threshold_solves_the_period_two_condition(name):
    kind = theory.OPTIMIZER_MOMENTUM[name]
    w, m = sp.symbols("w m")
    new_w, new_m = step(kind, lambda x: S * x, w, m, ETA, BETA)
    moment = 0 if kind == "none" else sp.solve(new_m + m, m)[0]
    (solution,) = sp.solve(sp.simplify((new_w + w).subs(m, moment) / w), S)
    table = {"none": 2 / ETA, "heavy_ball": 2 * (1 + BETA) / (ETA * (1 - BETA))}
    expected = table.get(kind, 2 * (1 + BETA) / (ETA * (1 - BETA) * (1 + 2 * BETA)))
    assert sp.simplify(solution - expected) == 0
    for eta, beta in ((0.3, 0.0), (0.02, 0.5), (1.7, 0.9)):
        value = float(solution.subs({ETA: eta, BETA: beta}))
        assert theory.threshold(name, eta, beta) == pytest.approx(value, rel=1e-13)
        assert theory.flip_threshold(kind, eta, beta) == pytest.approx(value, rel=1e-13)


@examples
@given(st.sampled_from(KINDS), RATES, BETAS)
def test_threshold_is_where_the_spectral_radius_and_the_extent_leave_stability(kind, eta, beta):
    limit = theory.flip_threshold(kind, eta, beta)
    found = bisect(lambda s: radius(step_matrix(kind, s, eta, beta)) > 1, 1e-3 / eta, 1e3 / eta)
    assert limit == pytest.approx(found, rel=1e-10)

    def grows(s):
        flow = theory.flow_matrix(kind, s, eta, beta)
        return theory.extent_operator_eigenvalues(flow).real.max() > 0

    assert limit == pytest.approx(bisect(grows, 1e-3 / eta, 1e3 / eta), rel=1e-10)
    assert theory.rotation_threshold(kind, eta, beta) == np.inf


@examples
@given(RATES, BETAS, st.floats(-0.5, 2), st.floats(0.05, 2), st.floats(0, 1))
def test_threshold_of_any_weights(eta, beta, a, b, look):
    assume(a + b > 0.02)
    weights = theory.UpdateWeights(a, b, look)
    limit = min(f(weights, eta, beta) for f in (theory.flip_threshold, theory.rotation_threshold))
    assume(0.01 < limit * eta < 1e4)
    found = bisect(
        lambda s: radius(custom_matrix(weights, s, eta, beta)) > 1, 1e-4 / eta, 1e6 / eta
    )
    assert limit == pytest.approx(found, rel=1e-7)


def test_thresholds_of_the_figures():
    assert theory.threshold("adam", 1.0, 0.9) == pytest.approx(38, rel=1e-14)
    assert theory.threshold("nadam", 1.0, 0.9) == pytest.approx(38 / 2.8, rel=1e-14)
    assert theory.effective_learning_rate(0.1, 4.0, 0.5) == pytest.approx(0.04, rel=1e-15)


# Discrete updates ---------------------------------------------------------------------------------


@examples
@given(st.sampled_from(KINDS), RATES, BETAS, st.floats(0.01, 50))
def test_transition_matrix_is_the_step_in_its_coordinates(kind, eta, beta, sharpness):
    expected = step_matrix(kind, sharpness, eta, beta)
    if kind in ("heavy_ball", "nesterov"):  # (w_t, m_t) to (w_t, w_{t-1} = w_t + eta m_t)
        change = np.array([[1.0, 0.0], [1.0, eta]])
        expected = change @ expected @ np.linalg.inv(change)
    found = theory.transition_matrix(kind, sharpness, eta, beta)
    scale = (1 + eta * sharpness) * max(1, sharpness, 1 / eta, eta) ** 2
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14 * scale)
    if kind == "none":
        return  # one number, no polynomial
    coefficients = theory.characteristic_polynomial(kind, sharpness, eta, beta)
    direct = [1, -np.trace(found), np.linalg.det(found)]
    np.testing.assert_allclose(coefficients, direct, rtol=1e-11, atol=1e-13 * (1 + eta * sharpness))


@examples
@given(st.sampled_from(("heavy_ball", "nesterov")), RATES, BETAS)
def test_eigenvectors_at_the_threshold(kind, eta, beta):
    limit = theory.flip_threshold(kind, eta, beta)
    critical = theory.critical_transition_matrix(kind, beta)
    np.testing.assert_allclose(
        critical, theory.transition_matrix(kind, limit, eta, beta), rtol=1e-12, atol=1e-14
    )
    vectors = theory.critical_eigenvectors(kind, beta)
    values = np.array([-1.0, theory.transient_eigenvalue(kind, beta)])
    np.testing.assert_allclose(critical @ vectors, vectors * values, atol=2e-15)
    assert abs(values[1]) < 1


@examples
@given(st.sampled_from(KINDS), RATES, st.floats(0.0, 0.9), NUMBERS, NUMBERS)
def test_two_period_orbit_is_what_the_iterates_do(kind, eta, beta, w0, kick):
    m0 = kick / eta
    limit = theory.flip_threshold(kind, eta, beta)
    path, w, m = [], w0, m0
    for _ in range(400):
        path.append(w)
        w, m = step(kind, lambda x: limit * x, w, m, eta, beta)
    amplitude = theory.orbit_amplitude(kind, w0, m0, eta, beta)
    scale = 1e-9 * (1 + abs(w0) + abs(kick))
    np.testing.assert_allclose(np.abs(path[-2:]), amplitude, rtol=0, atol=scale)
    if kind in ("heavy_ball", "nesterov"):
        closed = theory.orbit(kind, np.arange(400), w0, m0, eta, beta)
        np.testing.assert_allclose(path, closed, rtol=0, atol=scale)


def test_orbit_amplitudes_from_rest():
    beta, w0 = 0.9, 2.0
    heavy = theory.orbit_amplitude("heavy_ball", w0, 0.0, 0.1, beta)
    nesterov = theory.orbit_amplitude("nesterov", w0, 0.0, 0.1, beta)
    assert heavy == pytest.approx((1 + beta) / (1 - beta) * w0, rel=1e-14)
    assert nesterov == pytest.approx((1 + beta) / (1 + 3 * beta) * w0, rel=1e-14)


# Linear and quadratic flows -----------------------------------------------------------------------


@examples
@given(st.sampled_from(KINDS), RATES, BETAS, st.floats(-5, 50))
def test_flow_matrix_trace_and_extent_operator(kind, eta, beta, sharpness):
    flow = theory.flow_matrix(kind, sharpness, eta, beta)
    expected = step_matrix(kind, sharpness, eta, beta)
    expected = expected - np.eye(len(expected))
    size = 1 + np.abs(expected).max()
    np.testing.assert_allclose(flow, expected, rtol=1e-12, atol=1e-14 * size)
    trace, determinant = theory.flow_trace_determinant(kind, sharpness, eta, beta)
    assert trace == pytest.approx(np.trace(expected), rel=1e-12, abs=1e-14 * size)
    product = np.prod(np.linalg.eigvals(expected)).real
    assert determinant == pytest.approx(product, rel=1e-9, abs=1e-13 * size**2)
    basis = [
        np.array(b, dtype=float) for b in ([[1, 0], [0, 0]], [[0, 1], [1, 0]], [[0, 0], [0, 1]])
    ]
    basis = basis if len(flow) == 2 else [np.eye(1)]
    upper = np.triu_indices(len(flow))
    operator = np.array([(-2 * b + flow @ b @ flow.T / 2)[upper] for b in basis]).T
    found = theory.extent_operator_eigenvalues(flow)
    same_spectrum(operator, found, 1e-12)


@pytest.mark.parametrize(
    ("kind", "adaptive"),
    [*((kind, False) for kind in KINDS), ("none", True), ("heavy_ball", True), ("dozat", True)],
)
def test_linear_steady_state_is_reached(kind, adaptive):
    eta, slope, beta, beta2 = 0.3, -1.7, 0.6, 0.9
    rhs = rod_flow(kind, lambda _: slope, eta, beta, beta2 if adaptive else None)
    dim = 1 if kind == "none" else 2
    start = np.array([0.4] * dim + ([0.5] if dim == 1 else [0.5, 0.1, 0.7]) + [0.2] * adaptive)
    end = integrate(rhs, start, 300.0)
    state = (theory.adaptive_linear_steady_state if adaptive else theory.linear_steady_state)(
        slope, eta
    )
    assert rhs(0, end)[0] == pytest.approx(state.velocity, rel=1e-9)
    extent = state.extent[:dim, :dim][np.triu_indices(dim)]
    np.testing.assert_allclose(end[dim : dim + len(extent)], extent, atol=1e-10)
    assert dim == 1 or end[1] == pytest.approx(state.moment, rel=1e-9)
    assert not adaptive or end[-1] == pytest.approx(state.second_moment, rel=1e-9)


@examples
@given(st.integers(0, 60), BETAS, BETAS, NUMBERS)
def test_bias_of_moments_from_zero(steps, beta1, beta2, slope):
    m = nu = 0.0
    for _ in range(steps):
        m, nu = beta1 * m + (1 - beta1) * slope, beta2 * nu + (1 - beta2) * slope**2
    assert theory.raw_first_moment(slope, steps, beta1) == pytest.approx(m, rel=1e-12, abs=1e-14)
    assert theory.raw_second_moment(slope, steps, beta2) == pytest.approx(nu, rel=1e-12, abs=1e-14)
    if steps:
        c1, c2 = theory.bias_corrections(steps - 1, beta1, beta2)
        assert (m / c1, nu / c2) == pytest.approx((slope, slope**2), rel=1e-11, abs=1e-14)


@examples
@given(st.sampled_from(MOMENTA), RATES, BETAS, st.floats(0.01, 0.9))
def test_backward_error_field_interpolates_the_step(kind, eta, beta, fraction):
    limit = theory.flip_threshold(kind, eta, beta)
    flow = theory.flow_matrix(kind, fraction * limit, eta, beta)
    assume(not np.any(np.linalg.eigvals(flow).real <= -0.999))
    field = theory.backward_error_field(flow)
    size = 1 + np.abs(flow).max() + np.abs(field).max()
    np.testing.assert_allclose(expm(field), np.eye(2) + flow, atol=1e-9 * size**2)
    first, second, third = (theory.backward_error_term(flow, n) for n in (1, 2, 3))
    np.testing.assert_array_equal(first, flow)
    np.testing.assert_allclose(second, -flow @ first / 2, atol=1e-14 * size**2)
    recursion = -first @ second / 2 - second @ first / 6  # (256)
    np.testing.assert_allclose(third, recursion, atol=1e-14 * size**3)
    if radius(flow) < 0.5:
        series = sum(theory.backward_error_term(flow, n) for n in range(1, 80))
        np.testing.assert_allclose(series, field, atol=1e-10 * size)


# Arguments ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "arguments", "word"),
    [
        (theory.gd_threshold, (0.0,), "learning_rate"),
        (theory.gd_threshold, (np.inf,), "learning_rate"),
        (theory.heavy_ball_threshold, (0.1, 1.0), "beta"),
        (theory.nesterov_threshold, (0.1, -0.1), "beta"),
        (theory.nesterov_threshold, (0.1, np.nan), "beta"),
        (theory.threshold, ("sgd", 0.1), "optimizer"),
        (theory.threshold, ("adam", 0.1), "beta1"),
        (theory.flip_threshold, ("polyak", 0.1, 0.5), "momentum"),
        (theory.effective_learning_rate, (0.1, -1.0), "second_moment"),
        (theory.effective_learning_rate, (0.1, 0.0), "preconditioner"),
        (theory.transition_matrix, ("adam", 1.0, 0.1, 0.5), "momentum"),
        (theory.orbit, ("heavy_ball", 0.5, 1.0, 0.0, 0.1, 0.5), "step"),
        (theory.orbit_coefficients, ("dozat", 1.0, 0.0, 0.1, 0.5), "momentum"),
        (theory.bias_corrections, (-1, 0.9, 0.99), "step"),
        (theory.bias_corrections, (1, 0.9, 1.0), "beta2"),
        (theory.adaptive_linear_steady_state, (0.0, 0.1), "slope"),
        (theory.flow_matrix, ("heavy_ball", np.nan, 0.1, 0.5), "sharpness"),
        (theory.extent_operator_eigenvalues, (np.ones((2, 3)),), "square"),
        (theory.backward_error_term, (np.eye(2), 0), "order"),
        (theory.backward_error_field, ([[-1.0]],), "logarithm"),
        (theory.backward_error_field, ([[-1.5]],), "logarithm"),
        (theory.quartic_fixed_point, ("none", 3.0, 0.0, 1.0, 0.0), "kappa"),
        (theory.quartic_fixed_point, ("none", 1.9, 1.0, 1.0, 0.0), "below the threshold"),
        (theory.quartic_fixed_point, ("nesterov", 3.0, 1.0, 0.1, 0.9), "below the threshold"),
        (theory.adaptive_fixed_point, ("nesterov", 1.0, 0.1, 0.9), "momentum"),
        (theory.adaptive_fixed_point, ("dozat", 0.0, 0.1, 0.9), "sharpness"),
        (theory.adaptive_is_stable, ("heavy_ball", 0.9, 1.0), "beta2"),
    ],
)
def test_wrong_arguments_are_refused_in_one_sentence(function, arguments, word):
    with pytest.raises(ValueError, match=word) as caught:
        function(*arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
def test_arrays_are_broadcast(kind):
    eta = np.array([0.1, 0.2, 0.5])
    beta = np.array([[0.0], [0.5]])
    limit = theory.flip_threshold(kind, eta, beta)
    sharpness = 1.2 * np.broadcast_to(limit, (2, 3))
    rods = theory.quartic_fixed_point(kind, sharpness, 2.0, eta, beta)
    flows = theory.flow_matrix(kind, sharpness, eta, beta)
    stable = theory.quartic_is_stable(kind, sharpness, eta, beta)
    for i, j in np.ndindex(2, 3):
        args = (eta[j], beta[i, 0])
        one = theory.quartic_fixed_point(kind, sharpness[i, j], 2.0, *args)
        np.testing.assert_array_equal(
            np.broadcast_to(rods.extent, (2, 3, *one.extent.shape))[i, j], one.extent
        )
        np.testing.assert_array_equal(flows[i, j], theory.flow_matrix(kind, sharpness[i, j], *args))
        assert stable[i, j] and theory.quartic_is_stable(kind, sharpness[i, j], *args) is True
