"""Appendix B in SymPy: gradient descent's rod, its threshold, its self-stabilization.

The plane stands for any number of weights: every identity is one between entries (i) or (i, j).
"""

from __future__ import annotations

import sympy as sp

from rodflow_book.derivations.generic import gradient
from rodflow_book.derivations.symbols import S, Sigma, eta, kappa

centre = sp.Symbol("wbar", real=True)
"""Centre of the rod in one dimension."""


def start() -> sp.Matrix:
    """Give a generic point of the plane."""
    return sp.Matrix(sp.symbols("w_1 w_2", real=True))


def step(point: sp.Matrix) -> sp.Matrix:
    """Take one step of gradient descent, (49)."""
    return point - eta * gradient(point)


def quartic_gradient(point: sp.Expr) -> sp.Expr:
    """Differentiate L = S w^2/2 - kappa w^4/4, (138); the quadratic at kappa = 0."""
    x = sp.Symbol("x")
    loss = S * x**2 / 2 - kappa * x**4 / 4
    return loss.diff(x).subs(x, point)


def quartic_flow() -> tuple[sp.Expr, sp.Expr]:
    """Give the right-hand sides (55), (56) in one dimension, as functions of centre and Sigma."""
    half = sp.sqrt(Sigma)
    plus, minus = quartic_gradient(centre + half), quartic_gradient(centre - half)
    velocity = -eta * (plus + minus) / 2
    rate = -2 * Sigma + eta**2 / 4 * (plus**2 + minus**2)
    return sp.expand(velocity), sp.expand(rate)


def jacobian(centre_value: sp.Expr, sigma_value: sp.Expr) -> sp.Matrix:
    """Linearise :func:`quartic_flow` at a point of the (centre, Sigma) plane."""
    matrix = sp.Matrix(quartic_flow()).jacobian([centre, Sigma])
    return matrix.subs({centre: centre_value, Sigma: sigma_value}).applyfunc(sp.simplify)


def lopsided_cycle() -> tuple[sp.Expr, sp.Expr]:
    """Give (centre^2, half-difference^2) of the two-cycle that is not symmetric.

    From c + d -> c - d -> c + d with c != 0 and d != 0: two equations, linear in both squares.
    """
    c, d, c2, d2 = sp.symbols("c d c2 d2", positive=True)
    plus = quartic_gradient(c + d)
    minus = quartic_gradient(c - d)
    still = sp.cancel((plus + minus) / (2 * c))
    turn = sp.cancel((eta * (plus - minus) / 2 - 2 * d) / d)
    squares = {c**2: c2, d**2: d2}
    found = sp.solve([sp.expand(e).subs(squares) for e in (still, turn)], [c2, d2], dict=True)
    return sp.simplify(found[0][c2]), sp.simplify(found[0][d2])


def cycle_multiplier(centre_squared: sp.Expr, half_squared: sp.Expr) -> sp.Expr:
    """Give the derivative of two steps of gradient descent along the cycle c + d, c - d."""
    c, d = sp.symbols("c d", positive=True)
    x = sp.Symbol("x")
    slope = (x - eta * quartic_gradient(x)).diff(x)
    product = sp.expand(slope.subs(x, c + d) * slope.subs(x, c - d))
    return sp.simplify(product.subs({c: sp.sqrt(centre_squared), d: sp.sqrt(half_squared)}))
