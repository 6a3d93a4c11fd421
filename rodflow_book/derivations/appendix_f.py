"""Appendix F: backward error analysis of z -> z + F(z), in SymPy and in numbers.

Fields are column matrices over a tuple of variables; an order is a number of factors F.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import sympy as sp
from scipy.integrate import solve_ivp

from rodflow_core.simulate import Array

Fields = Sequence[sp.Matrix]
Variables = Sequence[sp.Symbol]


def unknown_map() -> tuple[sp.Matrix, tuple[sp.Symbol, ...]]:
    """Give a map of the plane of which nothing is known, and its variables."""
    variables = sp.symbols("x y", real=True)
    return sp.Matrix([sp.Function(name)(*variables) for name in ("F_1", "F_2")]), variables


class Exponential:
    """The number e, as far as a page needs it: something to raise to the power of a matrix."""

    def __pow__(self, exponent: sp.Matrix) -> sp.Matrix:
        """Give the exponential of a matrix."""
        return exponent.exp().applyfunc(sp.simplify)


def lie(field: sp.Matrix, along: sp.Matrix, variables: Variables) -> sp.Matrix:
    """Give the derivative of a field along another, ``D(field) along``."""
    return field.jacobian(list(variables)) * along


def flow_orders(fields: Fields, variables: Variables, order: int) -> list[sp.Matrix]:
    """Give what f1 + f2 + ... displaces a point by in one unit of time, order by order, (249).

    The k-th term of the series is ``L^(k-1)/k!`` of the sum, ``L`` the Lie derivative along it.
    Order n of ``L`` of something is the sum over i + j = n of D(something_i) f_j.

    Args:
        fields: f1, f2, ...; those that are missing count as zero.
        variables: of the fields.
        order: how many orders to give.
    """
    zero = sp.zeros(len(variables), 1)
    sums = [*fields[:order], *[zero] * (order - len(fields))]
    term, total = sums, sums
    for k in range(2, order + 1):
        term = [
            sum((lie(term[i], sums[n - 1 - i], variables) for i in range(n)), zero)
            for n in range(order)
        ]
        total = [t + x / sp.factorial(k) for t, x in zip(total, term, strict=True)]
    return total


def corrections(displacement: sp.Matrix, variables: Variables) -> list[sp.Matrix]:
    """Solve for f1, f2, f3 by matching orders, (251), with no formula put in.

    Each order holds its own field once, undifferentiated: that field is minus the rest.
    """
    fields = [displacement]
    for order in (2, 3):
        rest = flow_orders(fields, variables, order)[-1]
        fields.append((-rest).applyfunc(lambda e: sp.expand(e.doit())))
    return fields


def mismatch(fields: Fields, displacement: sp.Matrix, variables: Variables) -> list[sp.Matrix]:
    """Give the orders of (251), left side minus right: zero where the fields are right.

    Args:
        fields: f1, f2, ...: as many orders are looked at.
        displacement: F.
        variables: of both.
    """
    orders = flow_orders(fields, variables, len(fields))
    orders[0] = orders[0] - displacement
    return [order.applyfunc(lambda e: sp.expand(e.doit())) for order in orders]


# --- in numbers ----------------------------------------------------------------------------------


def numeric(field: sp.Matrix, variables: Variables) -> Callable[[Array], Array]:
    """Make a function of a point out of a field."""
    function = sp.lambdify([list(variables)], list(field), "numpy")
    return lambda point: np.array(function(point), dtype=float)


def iterate(
    displacement: Callable[[Array], Array], start: Array, scale: float, steps: int
) -> Array:
    """Iterate ``z + scale F(z)``; gives all points, ``(steps + 1, D)``."""
    points = [np.asarray(start, dtype=float)]
    for _ in range(steps):
        points.append(points[-1] + scale * displacement(points[-1]))
    return np.array(points)


def integrate(
    fields: Sequence[Callable[[Array], Array]],
    start: Array,
    scale: float,
    steps: int,
    samples: int = 1,
) -> Array:
    """Integrate the modified flow ``sum scale^k f_k`` to rounding.

    Args:
        fields: f1, f2, ... that are kept.
        start: initial point.
        scale: what F is multiplied with.
        steps: units of time.
        samples: points per unit of time.

    Returns:
        The points, ``(steps * samples + 1, D)``.
    """

    def rate(_: float, z: Array) -> Array:
        return sum(scale ** (k + 1) * f(z) for k, f in enumerate(fields))

    times = np.linspace(0, steps, steps * samples + 1)
    return solve_ivp(rate, (0, steps), start, "DOP853", times, rtol=1e-12, atol=1e-14).y.T


def measured_order(scales: Sequence[float], errors: Sequence[float]) -> float:
    """Give the slope of log error against log step, by least squares."""
    return float(np.polyfit(np.log(scales), np.log(errors), 1)[0])
