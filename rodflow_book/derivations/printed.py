r"""A page's numbered formulas as it prints them: read from its LaTeX, and put to the test.

`Page("appendix_c2").holds(81, {r"S_{\rm HB}": threshold, r"\eta": eta, ...})` evaluates the
equation that the page tags with 81, every symbol in it bound to what the derivation has for it,
left sides too, and asserts that its sides agree. Nothing is typed twice, so a misprint stops the
page.

`latex` says what of LaTeX is understood.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from rodflow_book.derivations import checks
from rodflow_book.derivations.latex import (
    ACROSS,
    LESS,
    MORE,
    Chain,
    Names,
    UnreadableError,
    read,
)

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"

BLOCK = re.compile(r"\$\$(.*?)\$\$|\\begin\{align\}(.*?)\\end\{align\}", re.DOTALL)
TAG = re.compile(r"\\tag\{(\d+)\}")
ROW_END = re.compile(r"^[\s.,]*(\\\\(\[[^]]*\])?)?")


def equations(text: str) -> dict[int, str]:
    """Give the LaTeX of every tagged equation in a page's prose, the first of each number."""
    found: dict[int, str] = {}
    for match in BLOCK.finditer(re.sub(r"^# ?", "", text, flags=re.MULTILINE)):
        pieces = TAG.split(match[1] or match[2])
        for body, number in zip(pieces[::2], pieces[1::2], strict=False):
            found.setdefault(int(number), ROW_END.sub("", body).strip())
    return found


@cache
def source(page: str) -> str:
    """Read a page's source."""
    return (NOTEBOOKS / f"{page}.py").read_text(encoding="utf-8")


class Page:
    """A page's printed equations.

    Args:
        name: the page, a notebook's name without suffix.
        names: what the page's symbols stand for, wherever a check does not say otherwise.
    """

    def __init__(self, name: str, names: Names | None = None) -> None:
        """Read the page."""
        self.name, self.names = name, dict(names or {})
        self.equations = equations(source(name))

    def chains(self, number: int, names: Names | None = None, last: bool = False) -> list[Chain]:
        """Evaluate the relations of one equation.

        Args:
            number: its tag on this page.
            names: symbols of this equation, beside the page's own.
            last: whether only the last side of each is evaluated.

        Raises:
            UnreadableError: where the page has no such tag, or a symbol is bound to nothing.
        """
        if number not in self.equations:
            raise UnreadableError(f"{self.name} has no equation ({number}).")
        try:
            return read(self.equations[number], self.names | dict(names or {}), last)
        except UnreadableError as error:
            raise UnreadableError(f"{self.name}, ({number}): {error}") from None

    def sides(self, number: int, names: Names | None = None) -> list[Any]:
        """Give the sides of an equation, those of all its relations in one row."""
        return [side for chain in self.chains(number, names) for side in chain.sides]

    def holds(
        self, number: checks.Number, names: Names | None = None, how: str = checks.SYMBOLIC
    ) -> None:
        """Assert equations as they are printed, every symbol put in.

        Args:
            number: their tags on this page.
            names: symbols of these equations, beside the page's own.
            how: what the check is called in the registry.

        Raises:
            FalseEquation: where two sides of an equation differ.
        """
        for one in number if isinstance(number, tuple) else (number,):
            for chain in self.chains(one, names):
                if not chain.relations:
                    raise UnreadableError(f"{self.name}, ({one}): a part of it states nothing.")
                for left, right, relation in zip(
                    chain.sides, chain.sides[1:], chain.relations, strict=False
                ):
                    _assert(one, left, right, relation, how)
            checks.record(one, checks.PRINTED)

    def defines(self, number: checks.Number, names: Names | None = None) -> None:
        """Assert that the code's definition is the printed one."""
        self.holds(number, names, checks.DEFINITION)

    def right(self, number: int, names: Names | None = None) -> list[Any]:
        """Evaluate the right sides of an equation's relations, to go on with.

        The caller compares what comes of it: with the library, or with another derivation.

        Args:
            number: its tag on this page.
            names: symbols of the right sides, beside the page's own.
        """
        chains = self.chains(number, names, last=True)
        checks.record(number, checks.PRINTED)
        return [chain.sides[-1] for chain in chains]

    def says(
        self, number: int, derived: object, names: Names | None = None, side: int = -1
    ) -> None:
        """Assert that one side of a printed equation is what was derived.

        Args:
            number: its tag on this page.
            derived: what the steps before it give.
            names: symbols of this equation, beside the page's own.
            side: which one, counted as in `sides`; the last where it is left out.
        """
        checks.same(number, derived, self.sides(number, names)[side])
        checks.record(number, checks.PRINTED)

    def asks(self, number: int, derived: object, names: Names | None = None) -> None:
        """Assert what a printed condition, ``a = b`` or ``a < b``, asks: left minus right."""
        (left, right), _ = self.chains(number, names)[0]
        checks.same(number, derived, left - right if right != 0 else left)
        checks.record(number, checks.PRINTED)


def _assert(number: int, left: Any, right: Any, relation: str, how: str) -> None:
    if relation in ACROSS:
        left, right = left.dot(right), 0
    if relation in LESS or relation in MORE:
        checks.positive(number, right - left if relation in LESS else left - right)
        return
    # A printed 0 is the zero of whatever stands on the other side.
    if isinstance(left, sp.MatrixBase) != isinstance(right, sp.MatrixBase):
        shape = (left if isinstance(left, sp.MatrixBase) else right).shape
        if not (shape == (1, 1) or 0 in (left, right)):
            raise checks.FalseEquation(f"({number}) equates a matrix with a number.")
        left, right = (
            x if isinstance(x, sp.MatrixBase) else x * sp.ones(*shape) for x in (left, right)
        )
    checks.same(number, left, right, how)


def array(value: Any) -> NDArray[np.float64]:
    """Give a number or a matrix of numbers as an array, a column as a vector."""
    if not isinstance(value, sp.MatrixBase):
        return np.array(float(value))
    numbers = np.array(value.tolist(), dtype=float)
    return numbers[:, 0] if value.shape[1] == 1 else numbers
