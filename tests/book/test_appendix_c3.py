"""Appendix C.3: what is right as printed, and refused when altered."""

import numpy as np
import pytest
import sympy as sp
from appendices import holds

from rodflow_book.derivations import appendix_c3 as c3
from rodflow_book.derivations.checks import same
from rodflow_book.derivations.symbols import S, beta, delta, eta, kappa, lam, m, mu, sigma, w

S_HB = 2 / eta * (1 + beta) / (1 - beta)
S_NAG = S_HB / (1 + 2 * beta)
HALF = sp.Rational(1, 2)


@pytest.mark.parametrize("factor, right", [(HALF, True), (1, False), (sp.Rational(1, 4), False)])
def test_c3_operator_eigenvalues(factor, right):
    one, two = sp.symbols("lambda_1 lambda_2")
    products = (one**2, one * two, two**2)
    stated = sp.prod(sigma + 2 - factor * product for product in products)
    assert holds(same, c3.operator_polynomial(one + two, one * two), stated) == right


@pytest.mark.parametrize(
    "slope, right", [(-2 / eta, True), (-1 / eta, False), (2 / eta, False), (-2 * eta, False)]
)
def test_c3_fixed_rod(slope, right):
    for name in ("heavy_ball", "nesterov"):
        assert holds(same, c3.fixed_rods(name)[1], slope) == right
    square = c3.fixed_rods("heavy_ball")[0]
    assert holds(same, square, (S - S_HB) / kappa)
    assert not holds(same, square, (S - S_HB) / (3 * kappa))
    # Nesterov's look-ahead shortens the rod: without it the formula is heavy ball's.
    assert not holds(same, c3.fixed_rods("nesterov")[0], (S - S_NAG) / kappa)


@pytest.mark.parametrize(
    "linear, constant, right",
    [(-3 - 5 * beta, 2, True), (-3 - 4 * beta, 2, False), (-3 - 5 * beta, 1, False)],
)
def test_c3_on_cone_polynomial(linear, constant, right):
    derived = c3.rod_polynomial(c3.jacobian("heavy_ball")).subs(c3.H, 3 * S_HB - 2 * S)
    stated = sigma**2 + (2 * eta * (1 - beta) * S + linear) * sigma
    stated += constant * eta * (1 - beta) * (S - S_HB)
    assert holds(same, derived, stated) == right


def test_c3_perturbations_on_and_off_the_cone():
    jacobian = c3.jacobian("heavy_ball")
    xi = sp.Matrix(sp.symbols("xi_1 xi_2"))
    on = xi * c3.rod.T + c3.rod * xi.T
    across = sp.Matrix([-mu, delta])
    assert holds(same, c3.rod_derivative(on), xi)
    assert holds(same, c3.linearised(across * across.T, jacobian), -2 * across * across.T)
    assert not holds(same, c3.linearised(on, jacobian), -2 * on)
    for matrix, right in ((2 * sp.eye(2) + jacobian, True), (sp.eye(2) + jacobian, False)):
        moved = -matrix * xi
        stated = moved * c3.rod.T + c3.rod * moved.T
        assert holds(same, c3.linearised(on, jacobian), stated) == right


def test_c3_derivative_of_the_rod_by_finite_differences():
    start = np.array([0.8, -0.5])
    change = np.array([[0.3, -0.2], [-0.2, 0.7]])

    def rod(extent):
        values, vectors = np.linalg.eigh(extent)
        half = np.sqrt(values[-1]) * vectors[:, -1]
        return half * np.sign(half @ start)

    base, h = np.outer(start, start), 1e-5
    numeric = (rod(base + h * change) - rod(base - h * change)) / (2 * h)
    symbolic = c3.rod_derivative(sp.Matrix(change)).subs({delta: start[0], mu: start[1]})
    np.testing.assert_allclose(np.array(symbolic, dtype=float)[:, 0], numeric, rtol=1e-8)


def test_c3_centre_is_heavy_balls_linear_map():
    velocity, _ = c3.flow("heavy_ball", c3.quadratic)
    matrix = velocity.jacobian([w, m])
    trace = -(1 - beta) * (1 + eta * S)
    assert holds(same, c3.characteristic(matrix), lam**2 - trace * lam + eta * (1 - beta) * S)
    assert not holds(same, c3.characteristic(matrix), lam**2 + trace * lam + eta * (1 - beta) * S)
