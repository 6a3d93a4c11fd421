"""Checks of a numbered equation: symbolic equality, positivity, agreement with the library."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import sympy as sp
from numpy.typing import ArrayLike
from sympy.core.function import AppliedUndef

Number = int | tuple[int, ...]
"""A number of the paper's equations, or several that are checked at once."""

RANGES: dict[str, tuple[float, float]] = {
    "eta": (0.1, 1.5),
    "beta": (0.02, 0.95),
    "S": (0.3, 30.0),
    "kappa": (0.2, 3.0),
}
"""Where random parameters are drawn from, by the name of their symbol."""


class FalseEquation(AssertionError):
    """An equation that does not hold."""


def _label(number: Number) -> str:
    numbers = number if isinstance(number, tuple) else (number,)
    return ", ".join(f"({n})" for n in numbers)


def _entries(side: object) -> list[sp.Expr]:
    """Give the entries of an expression, a matrix, or a sequence of these, in order."""
    if isinstance(side, sp.MatrixBase):
        return list(side)
    if isinstance(side, Sequence):
        return [entry for part in side for entry in _entries(part)]
    return [sp.sympify(side)]


def _difference(one: sp.Expr, other: sp.Expr) -> sp.Expr:
    """Give one minus other, 0 where SymPy can see that it vanishes."""
    rest = sp.expand(one - other)
    calls = rest.atoms(AppliedUndef)
    if rest == 0 or not calls:
        return sp.simplify(rest)
    # Values of unknown functions are independent numbers: then the rest is rational in them.
    values = {call: sp.Dummy() for call in calls}
    return rest if sp.cancel(rest.xreplace(values)) != 0 else sp.Integer(0)


def same(number: Number, derived: object, stated: object) -> None:
    """Assert that two symbolic expressions are equal, entry by entry.

    Args:
        number: the equation's number in the paper.
        derived: what the steps before it give: an expression, a matrix, or a sequence of these.
        stated: what the equation says.

    Raises:
        FalseEquation: where they differ, showing the difference.
    """
    left, right = _entries(derived), _entries(stated)
    if len(left) != len(right):
        raise FalseEquation(f"{_label(number)} has {len(right)} entries; derived were {len(left)}.")
    for one, other in zip(left, right, strict=True):
        rest = _difference(one, other)
        if rest != 0:
            raise FalseEquation(f"{_label(number)} is false: derived minus stated is {rest}.")


def positive(number: Number, expression: sp.Expr) -> None:
    """Assert that an expression is positive for all 0 < beta < 1 and positive other symbols.

    The interval is mapped to all positive x by beta = 1/(1+x), so that signs of coefficients
    decide.

    Args:
        number: the equation's number in the paper.
        expression: rational in its symbols, all declared positive but for ``beta``.

    Raises:
        FalseEquation: where SymPy cannot see that it is positive.
    """
    x = sp.Symbol("x", positive=True)
    betas = {s: 1 / (1 + x) for s in expression.free_symbols if s.name == "beta"}
    mapped = sp.factor(sp.together(expression.subs(betas)))
    if not mapped.is_positive:
        raise FalseEquation(f"{_label(number)} is not shown: {expression} may not be positive.")


def agree(
    number: Number,
    expression: object,
    function: Callable[..., ArrayLike],
    symbols: Sequence[sp.Symbol],
    ranges: Mapping[sp.Symbol, tuple[float, float]] | None = None,
) -> None:
    """Assert that a numeric function of the library is a symbolic expression, at random points.

    Args:
        number: the equation's number in the paper.
        expression: an expression, a matrix, or a sequence of expressions.
        function: takes one number for each symbol, gives as many numbers as there are entries.
        symbols: the function's arguments, in order.
        ranges: of symbols whose range is not that of ``RANGES``; (-2, 2) where there is none.

    Raises:
        FalseEquation: where they differ by more than rounding.
    """
    spans = {s: RANGES.get(s.name, (-2.0, 2.0)) for s in symbols} | dict(ranges or {})
    formula = sp.lambdify(list(symbols), _entries(expression), "numpy")
    draw = np.random.default_rng(0)
    for _ in range(20):
        point = [float(draw.uniform(*spans[s])) for s in symbols]
        expected = np.array(formula(*point), dtype=float)
        found = np.asarray(function(*point), dtype=float).ravel()
        close(number, found, expected, 1e-10)


def close(number: Number, found: ArrayLike, expected: ArrayLike, tolerance: float) -> None:
    """Assert that computed numbers are those that the equation gives.

    Args:
        number: the equation's number in the paper.
        found: what was computed or simulated.
        expected: what the equation gives; broadcasts against ``found``.
        tolerance: largest difference, relative to the largest magnitude among the expected.

    Raises:
        FalseEquation: where they differ by more, or are not finite.
    """
    found, expected = np.asarray(found, dtype=float), np.asarray(expected, dtype=float)
    apart = np.max(np.abs(found - expected)) / max(np.max(np.abs(expected)), 1e-12)
    if not apart <= tolerance:
        raise FalseEquation(
            f"{_label(number)} is {apart:.2g} (relative) from what was computed; expected at most "
            f"{tolerance:.2g}."
        )
