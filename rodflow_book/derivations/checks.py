"""Checks of a numbered equation: symbolic equality, positivity, agreement with the library.

Each check notes in `CHECKED` which equation it has checked, and how: what the equation index says
of an equation is what was done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import sympy as sp
from numpy.typing import ArrayLike
from sympy.core.function import AppliedUndef

from rodflow_book.parameters import with_parameters

Number = int | tuple[int, ...]
"""A number of the paper's equations, or several that are checked at once."""

RANGES: dict[str, tuple[float, float]] = {
    "eta": (0.1, 1.5),
    "beta": (0.02, 0.95),
    "S": (0.3, 30.0),
    "kappa": (0.2, 3.0),
}
"""Where random parameters are drawn from, by the name of their symbol."""


DEFINITION, SYMBOLIC, NUMERIC, PRINTED = "definition", "symbolic", "numeric", "printed"
"""How an equation is checked; ``PRINTED``: its formula was read from the page and compared."""

CHECKED: dict[int, set[str]] = {}
"""What has been checked in this process, by number."""


def record(number: Number, how: str) -> None:
    """Note that a check of an equation was passed.

    Args:
        number: the equation's number in the paper.
        how: one of the four above.
    """
    for one in number if isinstance(number, tuple) else (number,):
        CHECKED.setdefault(one, set()).add(how)


def ranges(numbers: Iterable[int]) -> str:
    """Write numbers as the paper does, runs of three or more as a range."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    parts = []
    for run in runs:
        parts += [f"({run[0]})-({run[-1]})"] if len(run) > 2 else [f"({n})" for n in run]
    return ", ".join(parts)


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
    if rest == 0 or not rest.atoms(AppliedUndef):
        return sp.simplify(rest)
    # Values of unknown functions, and of their derivatives, are independent numbers: then the rest
    # is rational in them. (A derivative is met before the call in it, which would be a constant.)
    values = {call: sp.Dummy() for call in rest.atoms(AppliedUndef, sp.Derivative, sp.Subs)}
    return rest if sp.cancel(rest.xreplace(values)) != 0 else sp.Integer(0)


def same(number: Number, derived: object, stated: object, how: str = SYMBOLIC) -> None:
    """Assert that two symbolic expressions are equal, entry by entry.

    Args:
        number: the equation's number in the paper.
        derived: what the steps before it give: an expression, a matrix, or a sequence of these.
        stated: what the equation says.
        how: what the check is called in the registry.

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
    record(number, how)


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
    record(number, SYMBOLIC)


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


def close(
    number: Number,
    found: ArrayLike,
    expected: ArrayLike,
    tolerance: float,
    least: float = 0.0,
) -> None:
    """Assert that computed numbers are those that the equation gives, each on its own scale.

    Args:
        number: the equation's number in the paper.
        found: what was computed or simulated.
        expected: what the equation gives; broadcasts against ``found``.
        tolerance: largest difference of an entry, relative to the magnitude expected of it.
        least: magnitude that counts for entries below it: of those that decay, or are zero.

    Raises:
        FalseEquation: where an entry differs by more, or is not finite.
    """
    found, expected = np.asarray(found, dtype=float), np.asarray(expected, dtype=float)
    size = np.abs(expected)
    # Four units in the last place of the largest entry are rounding, whatever the entry.
    rounding = 4 * np.finfo(float).eps * np.max(size)
    allowed = np.maximum(tolerance * np.maximum(size, least), rounding)
    excess = np.max(np.abs(found - expected) / np.maximum(allowed, np.finfo(float).tiny))
    if not excess <= 1:
        raise FalseEquation(
            f"{_label(number)} is {excess * tolerance:.2g} (relative, in its worst entry) from "
            f"what was computed; expected at most {tolerance:.2g}{with_parameters()}."
        )
    record(number, NUMERIC)
