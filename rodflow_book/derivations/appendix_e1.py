"""Appendix E.1 in SymPy: the rod flow of Adam and NAdam, Dozat's change of variables.

One dimension, where scalar and per-component second moment are the same; epsilon dropped and no
bias correction, as in the paper.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import sympy as sp

from rodflow_book.derivations.symbols import P, S, beta1, beta2, delta, eta, m, mu, nu, w

Direction = Callable[[sp.Expr, sp.Expr], sp.Expr]
"""The direction that a moment and a gradient make together."""

Slope = Callable[[sp.Expr], sp.Expr]
"""The gradient of a loss in one dimension."""


def new_moment(moment: sp.Expr, slope: sp.Expr) -> sp.Expr:
    """Give m_{t+1} of (192), (203)."""
    return beta1 * moment + (1 - beta1) * slope


def modified_moment(moment: sp.Expr, slope: sp.Expr) -> sp.Expr:
    """Give NAdam's direction (205): the new moment, moved once more towards the gradient."""
    return beta1 * new_moment(moment, slope) + (1 - beta1) * slope


def step(
    weight: sp.Expr,
    moment: sp.Expr,
    second: sp.Expr,
    slope: Slope,
    direction: Direction = new_moment,
) -> tuple[sp.Expr, sp.Expr, sp.Expr]:
    """Take one step, (191)-(193), or NAdam's with ``modified_moment``: (202)-(204).

    Args:
        weight: w_t.
        moment: m_t.
        second: nu_t.
        slope: the loss's gradient.
        direction: what the step follows.

    Returns:
        Weight, moment and second moment at t + 1.
    """
    g = slope(weight)
    second = beta2 * second + (1 - beta2) * g**2
    return weight - eta / sp.sqrt(second) * direction(moment, g), new_moment(moment, g), second


def displacement(point: sp.Matrix, slope: Slope, direction: Direction, scale: sp.Expr) -> sp.Matrix:
    """Give F of (197) (direction ``new_moment``) or (206) (``modified_moment``).

    Args:
        point: (w, m).
        slope: the loss's gradient.
        direction: what the step follows.
        scale: the preconditioner.
    """
    weight, moment = point
    g = slope(weight)
    return sp.Matrix([-eta / scale * direction(moment, g), new_moment(moment, g) - moment])


class Rates(NamedTuple):
    """Right-hand sides of the rod flow as functions of (w, m), (delta, mu) and nu.

    Attributes:
        w: of the centre's weight.
        m: of the centre's first moment.
        Sigma: of the extent, ``(2, 2)``.
        nu: of the second moment.
    """

    w: sp.Expr
    m: sp.Expr
    Sigma: sp.Matrix
    nu: sp.Expr


def flow(slope: Slope, direction: Direction = new_moment) -> Rates:
    """Write (198)-(201), or NAdam's (207)-(210), with Sigma = delta_z delta_z^T of rank one."""
    rod = sp.Matrix([delta, mu])
    ends = [sp.Matrix([w, m]) + sign * rod for sign in (1, -1)]
    scale = sp.sqrt(nu)
    steps = [displacement(end, slope, direction, scale) for end in ends]
    centre = (steps[0] + steps[1]) / 2
    sigma = -2 * rod * rod.T + (steps[0] * steps[0].T + steps[1] * steps[1].T) / 4
    squares = sum(slope(end[0]) ** 2 for end in ends) / 2
    return Rates(
        sp.expand(centre[0]), sp.expand(centre[1]), sigma, (1 - beta2) * (sp.expand(squares) - nu)
    )


def exactness(direction: Direction = new_moment) -> tuple[sp.Matrix, sp.Matrix]:
    """Take two steps with P held fixed; give what is left of both difference equations.

    Returns:
        Left side minus right side of the equations for the centre and for the extent: zero.
    """
    slope = sp.Function("g")
    states = [sp.Matrix(sp.symbols("w_0 m_0", real=True))]
    for _ in range(2):
        states.append(states[-1] + displacement(states[-1], slope, direction, P))
    centre, rod = (states[0] + states[1]) / 2, (states[1] - states[0]) / 2
    next_rod = (states[2] - states[1]) / 2
    # The rod's ends are the iterates; written out, so that SymPy sees the same argument of g.
    ends = [(centre + sign * rod).applyfunc(sp.expand) for sign in (1, -1)]
    plus, minus = (displacement(end, slope, direction, P) for end in ends)
    left = (states[2] - states[0]) / 2 - (plus + minus) / 2
    source = (plus * plus.T + minus * minus.T) / 4
    extent = next_rod * next_rod.T - rod * rod.T + 2 * rod * rod.T - source

    def same_arguments(entry: sp.Expr) -> sp.Expr:
        return sp.expand(entry.replace(slope, lambda x: slope(sp.expand(x))))

    return left.applyfunc(same_arguments), extent.applyfunc(same_arguments)


# --- Dozat's change of variables -----------------------------------------------------------------


def nesterov(weight: sp.Expr, moment: sp.Expr, slope: Slope) -> tuple[sp.Expr, sp.Expr]:
    """Take one step of Nesterov, (69)-(71): gradient at the look-ahead point."""
    moved = new_moment(moment, slope(weight - eta * beta1 * moment))
    return weight - eta * moved, moved


def dozat(weight: sp.Expr, moment: sp.Expr, slope: Slope) -> tuple[sp.Expr, sp.Expr]:
    """Take one step of Dozat's form: gradient where the weight is, modified moment."""
    g = slope(weight)
    return weight - eta * modified_moment(moment, g), new_moment(moment, g)


def shift_gap(first: sp.Expr, second: sp.Expr) -> sp.Expr:
    """Give how far Dozat's step leads from the shift of Nesterov's, bias-corrected or not.

    Nesterov with corrections: theta = w - eta beta m_t / c_t, w' = w - eta m_{t+1} / c_{t+1}.
    Dozat with corrections: theta' = theta - eta (beta m_{t+1} + (1-beta) g) / c_{t+1}.

    Args:
        first: c_t; 1 without correction.
        second: c_{t+1}; 1 without correction.

    Returns:
        Dozat's theta_{t+1} minus the shift of Nesterov's w_{t+1}.
    """
    slope = sp.Function("g")
    theta = w - eta * beta1 * m / first
    moved = new_moment(m, slope(theta))
    shifted = w - eta * moved / second - eta * beta1 * moved / second
    own = theta - eta * modified_moment(m, slope(theta)) / second
    return sp.factor(sp.expand(own - shifted))


def dozat_matrix() -> sp.Matrix:
    """Derive (213): Dozat's form on L = S theta^2 / 2, as a matrix on (theta, m)."""
    return sp.Matrix(dozat(w, m, lambda x: S * x)).jacobian([w, m])
