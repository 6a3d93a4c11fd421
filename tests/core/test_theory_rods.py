"""Fixed points of the rod and their stability: quartic loss, RMSProp, Adam, NAdam."""

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import fsolve
from theory_oracles import (
    KINDS,
    MOMENTA,
    complex_step,
    integrate,
    packed,
    quartic,
    radius,
    rod_flow,
    same_spectrum,
    step,
    whole_linearisation,
)

from rodflow_core import theory

examples = settings(max_examples=25, deadline=None)
ADAPTIVE = ("none", "heavy_ball", "dozat")
BETAS = st.floats(0.0, 0.97)


# The quartic --------------------------------------------------------------------------------------


@examples
@given(st.sampled_from(KINDS), st.floats(0.2, 3), BETAS, st.floats(1.01, 3), st.floats(0.1, 5))
def test_quartic_fixed_point_is_the_two_cycle_of_the_map(kind, eta, beta, excess, kappa):
    limit = theory.flip_threshold(kind, eta, beta)
    sharpness = excess * limit
    rod = theory.quartic_fixed_point(kind, sharpness, kappa, eta, beta)
    gradient = quartic(sharpness, kappa)
    delta, mu = rod.half_displacement, rod.moment_half_difference
    turned = np.array(step(kind, gradient, delta, mu or 0.0, eta, beta))
    np.testing.assert_allclose(turned[0], -delta, rtol=1e-11 * excess / (excess - 1))
    assert mu is None or turned[1] == pytest.approx(-mu, rel=1e-11 * excess / (excess - 1))
    reach = rod.gradient_half_length
    assert theory.quartic_average_curvature(reach, sharpness, kappa) == pytest.approx(limit)
    assert theory.quartic_gradient(reach, sharpness, kappa) == pytest.approx(gradient(reach))
    if kind == "nesterov":
        assert reach == pytest.approx(delta - eta * beta * mu, rel=1e-13)
        assert mu == pytest.approx(-2 * delta / eta, rel=1e-12)
    if kind == "heavy_ball":
        assert mu == pytest.approx(-2 * delta / eta, rel=1e-12)
        closed = delta**2 * np.array([[1, -2 / eta], [-2 / eta, 4 / eta**2]])
        np.testing.assert_allclose(rod.extent, closed, rtol=1e-12)


def test_quartic_fixed_point_is_found_by_a_root_finder():
    for kind in MOMENTA:
        eta, beta, sharpness, kappa = 0.5, 0.8, 1.3 * theory.flip_threshold(kind, 0.5, 0.8), 0.7
        rod = theory.quartic_fixed_point(kind, sharpness, kappa, eta, beta)
        gradient = quartic(sharpness, kappa)

        def turn(z, kind=kind, gradient=gradient, eta=eta, beta=beta):
            return np.array(step(kind, gradient, *z, eta, beta)) + z

        guess = 1.2 * np.array([rod.half_displacement, rod.moment_half_difference])
        found = fsolve(turn, guess, xtol=1e-13)
        np.testing.assert_allclose(found, guess / 1.2, rtol=1e-10)


@examples
@given(st.sampled_from(KINDS), st.floats(0.5, 2), st.floats(0.05, 0.9), st.floats(1.1, 1.9))
def test_quartic_linearisation_is_that_of_the_whole_flow(kind, eta, beta, excess):
    limit = theory.flip_threshold(kind, eta, beta)
    sharpness, kappa = excess * limit, limit
    rod = theory.quartic_fixed_point(kind, sharpness, kappa, eta, beta)
    jacobian = theory.quartic_jacobian(kind, sharpness, eta, beta)
    gradient = quartic(sharpness, kappa)
    ends = np.array([rod.half_displacement, rod.moment_half_difference or 0.0])
    exact = complex_step(lambda z: np.array(step(kind, gradient, *z, eta, beta)) - z, ends)
    dim = len(jacobian)
    np.testing.assert_allclose(jacobian, exact[:dim, :dim], rtol=1e-9, atol=1e-9)
    polynomial = theory.quartic_polynomial(kind, sharpness, eta, beta)
    np.testing.assert_allclose(polynomial, np.poly(-2 * np.eye(dim) - jacobian), atol=1e-9)

    # The whole flow: centre, extent on the cone, extent off it.
    state = packed(rod)
    rhs = rod_flow(kind, gradient, eta, beta)
    np.testing.assert_allclose(rhs(0, state), 0, atol=1e-11 * (1 + np.abs(state).max()))
    whole = whole_linearisation(rhs, rod)
    expected = [*np.linalg.eigvals(jacobian), *np.roots(polynomial), *[-2] * (dim - 1)]
    same_spectrum(whole, expected, 1e-8)
    clear = abs(excess - 1.5) > 1e-3
    if clear:
        stable = np.linalg.eigvals(whole).real.max() < 0
        assert theory.quartic_is_stable(kind, sharpness, eta, beta) == stable == (excess < 1.5)
    assert theory.quartic_rod_is_stable(kind, sharpness, eta, beta)
    assert not theory.quartic_rod_is_stable(kind, limit / 1.01, eta, beta)
    # The iterates' own orbit: one step and a turn of sign.
    if clear:
        assert (radius(np.eye(dim) + exact[:dim, :dim]) < 1) == (excess < 1.5)


def test_quartic_polynomial_of_heavy_ball_by_hand():
    eta, beta, s, sigma = sp.symbols("eta beta S sigma", positive=True)
    limit = 2 * (1 + beta) / (eta * (1 - beta))
    delta = sp.symbols("delta", positive=True)
    w, m = sp.symbols("w m")
    kappa = (s - limit) / delta**2  # (156) solved for kappa
    f = [
        x - y
        for x, y in zip(step("heavy_ball", quartic(s, kappa), w, m, eta, beta), (w, m), strict=True)
    ]
    jacobian = sp.Matrix(f).jacobian([w, m]).subs(w, delta)
    derived = (sigma * sp.eye(2) + 2 * sp.eye(2) + jacobian).det()
    printed = sigma**2 + (2 * eta * (1 - beta) * s - 3 - 5 * beta) * sigma
    printed += 2 * eta * (1 - beta) * (s - limit)
    assert sp.simplify(derived - printed) == 0
    values = {eta: 0.3, beta: 0.8, s: 70.0}
    numbers = [float(c.subs(values)) for c in sp.Poly(printed, sigma).all_coeffs()]
    found = theory.quartic_polynomial("heavy_ball", 70.0, 0.3, 0.8)
    np.testing.assert_allclose(found, numbers, rtol=1e-12)
    zero = theory.heavy_ball_linear_coefficient_zero(0.3, 0.8)
    assert zero < theory.heavy_ball_threshold(0.3, 0.8)
    assert abs(theory.quartic_polynomial("heavy_ball", zero, 0.3, 0.8)[1]) < 1e-12


@pytest.mark.parametrize("kind", KINDS)
def test_iterates_and_flow_end_on_the_quartic_rod(kind):
    eta, beta, kappa = 0.4, 0.6, 1.5
    sharpness = 1.2 * theory.flip_threshold(kind, eta, beta)
    rod = theory.quartic_fixed_point(kind, sharpness, kappa, eta, beta)
    gradient = quartic(sharpness, kappa)
    w, m = 0.7 * rod.half_displacement, 0.0
    for _ in range(600):
        w, m = step(kind, gradient, w, m, eta, beta)
    assert abs(w) == pytest.approx(rod.half_displacement, rel=1e-12)

    rhs = rod_flow(kind, gradient, eta, beta)
    goal = packed(rod)
    start = 0.8 * goal + 0.02 * (np.arange(len(goal)) < len(goal) // 2)
    np.testing.assert_allclose(integrate(rhs, start, 150.0), goal, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("kind", KINDS)
def test_centre_leaves_the_quartic_rod_above_three_halves(kind):
    eta, beta, kappa = 0.4, 0.6, 1.5
    sharpness = 1.6 * theory.flip_threshold(kind, eta, beta)
    rod = theory.quartic_fixed_point(kind, sharpness, kappa, eta, beta)
    w, m = 1.001 * rod.half_displacement, rod.moment_half_difference
    drift = 0.0
    for _ in range(2000):
        new, m = step(kind, quartic(sharpness, kappa), w, m, eta, beta)
        w, drift = new, max(drift, abs(w + new))
        if drift > 0.1 * rod.half_displacement:
            break  # from here some momenta settle on a lopsided orbit and others diverge
    assert drift > 0.1 * rod.half_displacement
    assert theory.quartic_rod_is_stable(kind, sharpness, eta, beta)
    assert not theory.quartic_is_stable(kind, sharpness, eta, beta)


# Adaptive optimizers ------------------------------------------------------------------------------


def adaptive_step(kind, sharpness, eta, beta1, beta2, state):
    """One step of RMSProp, Adam or NAdam on the quadratic: (24)-(26), (191)-(193), (202)-(205)."""
    w, m, nu = state
    g = sharpness * w
    nu = beta2 * nu + (1 - beta2) * g * g
    new_w, new_m = step(kind, lambda x: sharpness * x, w, m, eta / np.sqrt(nu), beta1)
    return np.array([new_w, new_m, nu])


def cycle_state(rod):
    return np.array([rod.half_displacement, rod.moment_half_difference or 0.0, rod.second_moment])


@examples
@given(st.sampled_from(ADAPTIVE), st.floats(0.1, 20), st.floats(1e-3, 2), BETAS, BETAS)
def test_adaptive_fixed_point_is_the_two_cycle_and_rests_in_the_flow(kind, s, eta, beta1, beta2):
    rod = theory.adaptive_fixed_point(kind, s, eta, beta1)
    state = cycle_state(rod)
    turned = adaptive_step(kind, s, eta, beta1, beta2, state) * [-1, -1, 1]
    np.testing.assert_allclose(turned, state, rtol=1e-12)
    start = packed(rod)
    rate = rod_flow(kind, lambda x: s * x, eta, beta1, beta2)(0, start)
    np.testing.assert_allclose(rate, 0, atol=1e-12 * (1 + np.abs(start).max()))
    limit = theory.flip_threshold(kind, eta, beta1)
    assert s / np.sqrt(rod.second_moment) == pytest.approx(limit, rel=1e-12)
    ratio = {"none": 1.0, "heavy_ball": (1 - beta1) / (1 + beta1)}
    ratio["dozat"] = ratio["heavy_ball"] * (1 + 2 * beta1)
    assert rod.half_displacement == pytest.approx(eta / 2 * ratio[kind], rel=1e-12)


@examples
@given(st.sampled_from(ADAPTIVE), st.floats(0.3, 3), st.floats(0.3, 2), BETAS, BETAS)
def test_adaptive_linearisation_is_that_of_flow_and_iterates(kind, s, eta, beta1, beta2):
    rod = theory.adaptive_fixed_point(kind, s, eta, beta1)
    nu = rod.second_moment
    centre = theory.flow_matrix(kind, s, theory.effective_learning_rate(eta, nu), beta1)
    assert np.linalg.eigvals(centre).real.max() < 0
    if kind == "none":
        found = theory.rmsprop_jacobian(s, beta2)
        others = []
    else:
        found = theory.adaptive_jacobian(kind, s, eta, beta1, beta2)
        others = [-2.0]
    polynomial = theory.adaptive_polynomial(kind, beta1, beta2)
    scale = np.abs(found).max() ** (len(found) - 1)
    np.testing.assert_allclose(polynomial, np.poly(found), rtol=1e-9, atol=1e-12 * scale)
    rhs = rod_flow(kind, lambda x: s * x, eta, beta1, beta2)
    whole = whole_linearisation(rhs, rod)
    expected = [*np.linalg.eigvals(centre), *np.linalg.eigvals(found), *others]
    same_spectrum(whole, expected, 1e-8)
    if kind != "none":
        discrete = theory.adaptive_cycle_matrix(kind, s, eta, beta1, beta2)
        exact = complex_step(
            lambda y: adaptive_step(kind, s, eta, beta1, beta2, y) * [-1, -1, 1], cycle_state(rod)
        )
        np.testing.assert_allclose(discrete, exact, rtol=1e-11, atol=1e-12 * np.abs(exact).max())
    growth = np.linalg.eigvals(found).real.max()
    if abs(growth) > 1e-9:
        assert theory.adaptive_is_stable(kind, beta1, beta2) == (growth < 0)


@examples
@given(BETAS, BETAS)
def test_stability_of_the_adaptive_rods(beta1, beta2):
    assert theory.adaptive_is_stable("none", 0.0, beta2)
    assert theory.adaptive_is_stable("dozat", beta1, beta2)
    margin = (1 - beta2) - (6 * beta1 - 1 - beta1**2) / (3 - beta1)
    if abs(margin) > 1e-9:
        assert theory.adaptive_is_stable("heavy_ball", beta1, beta2) == (margin > 0)


@pytest.mark.parametrize(
    ("kind", "beta1"), [("none", 0.0), ("heavy_ball", 0.1), ("dozat", 0.5), ("dozat", 0.9)]
)
def test_iterates_and_flow_end_on_the_adaptive_rod(kind, beta1):
    s, eta, beta2 = 3.0, 0.1, 0.8
    rod = theory.adaptive_fixed_point(kind, s, eta, beta1)
    state = cycle_state(rod) * [1.1, 1.0, 0.9]
    for _ in range(4000):
        state = adaptive_step(kind, s, eta, beta1, beta2, state)
    assert abs(state[0]) == pytest.approx(rod.half_displacement, rel=1e-10)
    goal = packed(rod)
    start = goal * 1.1
    end = integrate(rod_flow(kind, lambda x: s * x, eta, beta1, beta2), start, 600.0)
    np.testing.assert_allclose(end, goal, rtol=1e-6, atol=1e-9)


def test_adam_leaves_its_fixed_point_where_the_verdict_says_so():
    s, eta, beta1, beta2 = 3.0, 0.1, 0.9, 0.99
    assert not theory.adaptive_is_stable("heavy_ball", beta1, beta2)
    assert radius(theory.adaptive_cycle_matrix("heavy_ball", s, eta, beta1, beta2)) > 1
    rod = theory.adaptive_fixed_point("heavy_ball", s, eta, beta1)
    state, lengths = cycle_state(rod) * [1.001, 1, 1], []
    for _ in range(4000):
        state = adaptive_step("heavy_ball", s, eta, beta1, beta2, state)
        lengths.append(abs(state[0]) / rod.half_displacement)
    assert min(lengths[-500:]) < 0.1 and max(lengths[-500:]) > 2
