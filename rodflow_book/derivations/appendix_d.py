"""Appendix D in SymPy: RMSProp's rod flow, its drift on a slope, its bounce in a valley.

The preconditioner's identities are shown in the plane, which stands for any number of weights; the
linear and the quadratic loss in one dimension, where the scalar and the per-component second moment
are the same, and with epsilon dropped.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import sympy as sp

from rodflow_book.derivations.generic import gradient
from rodflow_book.derivations.symbols import S, Sigma, beta2, eta, g, nu, w

epsilon = sp.Symbol("epsilon", positive=True)
"""What is added to the root of the second moment."""


# --- two steps, in the plane ---------------------------------------------------------------------


class Steps(NamedTuple):
    """Three consecutive iterates and what belongs to them, (24)-(26), (32)-(34).

    Attributes:
        w: iterates at t, t + 1, t + 2, each ``(2, 1)``.
        nu: second moments there, each ``(2, 1)``.
        g: gradients at t and t + 1.
        inverse: inverse preconditioners at t + 1 and t + 2.
    """

    w: list[sp.Matrix]
    nu: list[sp.Matrix]
    g: list[sp.Matrix]
    inverse: list[sp.Matrix]


def inverse_preconditioner(second_moment: sp.Matrix) -> sp.Matrix:
    """Give P^-1 of (25) and (34); both are this matrix, scalar nu with two equal entries."""
    return sp.diag(*[1 / (sp.sqrt(n) + epsilon) for n in second_moment])


def steps(scalar: bool, frozen: sp.Matrix | None = None) -> Steps:
    """Take two steps of RMSProp from a generic point.

    Args:
        scalar: one second moment for both weights, the EMA of the squared norm.
        frozen: inverse preconditioner to use in place of the moving one.
    """
    points = [sp.Matrix(sp.symbols("w_1 w_2", real=True))]
    names = "nu nu" if scalar else "nu_1 nu_2"
    moments = [sp.Matrix(sp.symbols(names, positive=True))]
    gradients, inverses = [], []
    for _ in range(2):
        slope = gradient(points[-1])
        target = slope.multiply_elementwise(slope)
        target = sp.ones(2, 1) * sum(target) if scalar else target
        moments.append(beta2 * moments[-1] + (1 - beta2) * target)
        inverses.append(inverse_preconditioner(moments[-1]) if frozen is None else frozen)
        points.append(points[-1] - eta * inverses[-1] * slope)
        gradients.append(slope)
    return Steps(points, moments, gradients, inverses)


# --- the flow, in one dimension ------------------------------------------------------------------


class Rates(NamedTuple):
    """Right-hand sides of the rod flow in one dimension, as functions of (w, Sigma, nu)."""

    w: sp.Expr
    Sigma: sp.Expr
    nu: sp.Expr


def flow(slope: Callable[[sp.Expr], sp.Expr]) -> Rates:
    """Write (28)-(30) for a loss in one dimension, its gradients taken at the rod's two ends.

    Args:
        slope: the loss's gradient.
    """
    plus, minus = slope(w + sp.sqrt(Sigma)), slope(w - sp.sqrt(Sigma))
    squares = plus**2 + minus**2
    return Rates(
        -eta / sp.sqrt(nu) * (plus + minus) / 2,
        sp.expand(-2 * Sigma + eta**2 / (4 * nu) * squares),
        (1 - beta2) * (sp.expand(squares) / 2 - nu),
    )


def linear_flow() -> Rates:
    """Derive (173)-(175), on L = g w."""
    return flow(lambda x: g)


def quadratic_flow() -> Rates:
    """Derive (183)-(185), on L = S w^2 / 2."""
    return flow(lambda x: S * x)


def steady(rates: Rates) -> dict[sp.Symbol, sp.Expr]:
    """Solve the last two rates for (Sigma, nu), both positive, wherever the centre is held."""
    found = sp.solve([rates.Sigma, rates.nu], [Sigma, nu], dict=True)
    return found[0]


def jacobian(rates: Rates, at: dict[sp.Symbol, sp.Expr]) -> sp.Matrix:
    """Linearise the (Sigma, nu) part of a flow at a point."""
    matrix = sp.Matrix([rates.Sigma, rates.nu]).jacobian([Sigma, nu])
    return matrix.subs(at).applyfunc(sp.simplify)


def orbit_matrix() -> sp.Matrix:
    """Linearise one discrete step at the two-period orbit (w, nu) = (eta/2, S^2 eta^2 / 4).

    The sign of w is turned at each step, so that the orbit is a fixed point. Our own counterpart of
    :func:`jacobian`, in the same relative units: both variables divided by their orbit's values.
    """
    x, n = sp.symbols("x n")
    moment = beta2 * n + (1 - beta2) * x**2
    weight = -(x - 2 * x / sp.sqrt(moment))
    return sp.Matrix([weight, moment]).jacobian([x, n]).subs({x: 1, n: 1})
