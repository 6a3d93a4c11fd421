"""Appendix C.3 in SymPy: momentum's rod flow in one dimension, on three loss functions."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Literal

import sympy as sp

from rodflow_book.derivations.symbols import S, beta, delta, eta, kappa, lam, m, mu, sigma, w

Momentum = Literal["heavy_ball", "nesterov"]
Gradient = Callable[[sp.Expr], sp.Expr]

slope = sp.Symbol("g", positive=True)
"""Gradient of the linear loss."""

H = sp.Symbol("H", real=True)
"""Curvature at the rod's ends, (160)."""

S_ww, S_wm, S_mm = sp.symbols("Sigma_ww Sigma_wm Sigma_mm", real=True)
extent = sp.Matrix([[S_ww, S_wm], [S_wm, S_mm]])
"""A symmetric extent tensor."""

ENTRIES = {"ww": S_ww, "wm": S_wm, "mm": S_mm}
"""Its entries, by the names of their rows and columns."""

rod = sp.Matrix([delta, mu])
"""The rod's half-displacement delta_z."""

linear: Gradient = lambda point: slope + 0 * point  # noqa: E731
quadratic: Gradient = lambda point: S * point  # noqa: E731


def quartic(point: sp.Expr) -> sp.Expr:
    """Differentiate (138)."""
    x = sp.Symbol("x")
    return (S * x**2 / 2 - kappa * x**4 / 4).diff(x).subs(x, point)


def displacement(momentum: Momentum, gradient: Gradient, z: sp.Matrix) -> sp.Matrix:
    """Give F = (F^w, F^m) at a point of phase space: one step of the update, minus the point."""
    weight, moment = z
    ahead = weight - eta * beta * moment if momentum == "nesterov" else weight
    new_moment = beta * moment + (1 - beta) * gradient(ahead)
    new_weight = weight - eta * new_moment
    return sp.Matrix([new_weight - weight, new_moment - moment])


def flow(momentum: Momentum, gradient: Gradient) -> tuple[sp.Matrix, sp.Matrix]:
    """Give the right-hand sides (65)-(67) in one dimension: of the centre, of the extent."""
    centre = sp.Matrix([w, m])
    plus = displacement(momentum, gradient, centre + rod)
    minus = displacement(momentum, gradient, centre - rod)
    return (plus + minus) / 2, -2 * extent + (plus * plus.T + minus * minus.T) / 4


def flow_matrix(momentum: Momentum) -> sp.Matrix:
    """Give A of F(z) = A z on the quadratic, (128)."""
    step = displacement(momentum, quadratic, sp.Matrix([w, m]))
    return step.jacobian([w, m]).applyfunc(sp.factor)


def operator_polynomial(trace: sp.Expr, determinant: sp.Expr) -> sp.Expr:
    """Give det(sigma - L) of (131) for a generic A of this trace and determinant.

    L acts on the three entries of a symmetric matrix.
    """
    matrix = sp.Matrix([[0, -determinant], [1, trace]])  # companion matrix of A's polynomial
    image = -2 * extent + matrix * extent * matrix.T / 2
    entries = [image[0, 0], image[0, 1], image[1, 1]]
    acting = sp.Matrix(entries).jacobian([S_ww, S_wm, S_mm])
    return sp.expand((sigma * sp.eye(3) - acting).det())


def threshold(momentum: Momentum) -> sp.Expr:
    """Solve A's characteristic equation at lambda = -2 for S, (135), (137)."""
    at_edge = (-2 * sp.eye(2) - flow_matrix(momentum)).det()
    (found,) = sp.solve(at_edge, S)
    return sp.factor(found)


@cache
def fixed_rods(momentum: Momentum) -> tuple[sp.Expr, sp.Expr]:
    """Solve F(delta_z) = -2 delta_z, (149), on the quartic: (delta^2, mu / delta)."""
    l2 = sp.Symbol("l2", positive=True)  # square of the gradient points' half-distance
    ahead = delta - eta * beta * mu if momentum == "nesterov" else delta
    mean = S - kappa * l2  # g(ahead) / ahead
    turned = displacement(momentum, lambda point: mean * point, rod) + 2 * rod
    ratio = sp.solve(turned[1], mu)[0] / delta
    (square,) = sp.solve(sp.simplify(turned[0].subs(mu, ratio * delta) / delta), l2)
    ratio = sp.simplify(ratio.subs(l2, square))
    reach = sp.simplify((ahead / delta).subs(mu, ratio * delta))
    return sp.factor(sp.simplify(square / reach**2)), sp.factor(ratio)


def jacobian(momentum: Momentum) -> sp.Matrix:
    """Differentiate F, (159), H for the curvature where the gradient is taken."""
    g = sp.Function("g")
    step = displacement(momentum, g, rod)
    matrix = step.jacobian([delta, mu]).doit()
    return matrix.replace(lambda e: isinstance(e, sp.Subs | sp.Derivative), lambda e: H)


def rod_derivative(change: sp.Matrix) -> sp.Matrix:
    """Give the change of the principal half-displacement x when Sigma = x x^T changes.

    x is defined by Sigma x = (x.x) x. Differentiated along ``change``, this is a linear equation
    for the change of x.

    Args:
        change: symmetric (2, 2).
    """
    dx = sp.Matrix(sp.symbols("dx_1 dx_2"))
    square = rod.dot(rod)
    left = change * rod + rod * rod.T * dx
    right = 2 * rod.dot(dx) * rod + square * dx
    found = sp.solve(list(left - right), list(dx), dict=True)[0]
    return dx.subs(found).applyfunc(sp.simplify)


def linearised(change: sp.Matrix, jacobian: sp.Matrix) -> sp.Matrix:
    """Give D(f)(Sigma*)[change] of f = -2 Sigma + F F^T / 2 where F(delta_z) = -2 delta_z."""
    turn = jacobian * rod_derivative(change)
    at_rod = -2 * rod
    return (-2 * change + (at_rod * turn.T + turn * at_rod.T) / 2).applyfunc(sp.simplify)


def rod_polynomial(jacobian: sp.Matrix) -> sp.Expr:
    """Give det(sigma + 2 + J), the characteristic polynomial of -(2 I + J), (167)."""
    return sp.expand(((sigma + 2) * sp.eye(2) + jacobian).det())


def characteristic(matrix: sp.Matrix) -> sp.Expr:
    """Give det(lambda - A)."""
    return sp.expand((lam * sp.eye(2) - matrix).det())
