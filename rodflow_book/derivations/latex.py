r"""The LaTeX of the pages' formulas, evaluated: every symbol is bound by whoever asks.

The dialect is what the pages use: sums, products by juxtaposition, fractions, powers, roots, norms,
column vectors, `pmatrix`, chains of relations. A formula with `\pm` is two formulas. A name is any
piece of LaTeX, and the longest that fits is taken, so that `\dot{\bar w}` or a whole
`\frac{\partial F}{\partial z}` can stand for something.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import sympy as sp

Names = Mapping[str, Any]
"""What a piece of LaTeX stands for: an expression, a matrix, or a function of these."""

TOKEN = re.compile(r"\\[a-zA-Z]+|\\\\|\\.|\S")
IGNORED = {
    "\\,", "\\;", "\\:", "\\!", "\\ ", "\\left", "\\right", "\\big", "\\Big", "\\bigl", "\\bigr",
    "\\displaystyle",
}  # fmt: skip
EQUAL = ("=", "\\to", "\\leftarrow", "\\approx")
LESS, MORE, ACROSS = ("<",), (">",), ("\\perp",)
RELATIONS = (*EQUAL, *LESS, *MORE, *ACROSS)
UNREAD = ("\\in", "\\le")  # what kind of thing a symbol is, left to the prose around it
OPEN, CLOSE = ("(", "[", "{", "\\matrix"), (")", "]", "}", "\\endmatrix")


class UnreadableError(ValueError):
    """A formula in which something is bound to nothing, or that the dialect does not have."""


class Chain(NamedTuple):
    """Sides of one printed relation, ``a = b < c``, with what stands between them."""

    sides: list[Any]
    relations: list[str]


def read(latex: str, names: Names, last: bool = False) -> list[Chain]:
    """Evaluate the relations of a formula, those that stand side by side one after the other.

    Args:
        latex: the formula, without its tag.
        names: what its symbols stand for.
        last: whether only the last side of each relation is evaluated.

    Raises:
        UnreadableError: where a symbol is bound to nothing, or something is not in the dialect.
    """
    bound = {tuple(_tokens(key)): value for key, value in names.items()}
    return [
        _chain(tokens, bound, last)
        for signed in _signs(_tokens(latex))
        for tokens in _split(signed)
    ]


# --- tokens --------------------------------------------------------------------------------------


def _tokens(latex: str) -> list[str]:
    latex = re.sub(r"\\text\{[^}]*\}", r"\\qquad", latex)
    latex = latex.replace(r"\begin{pmatrix}", r"\matrix ").replace(r"\end{pmatrix}", r"\endmatrix ")
    latex = re.sub(r"\\\\\[[^]]*\]", r"\\\\", latex)
    tokens = [token for token in TOKEN.findall(latex) if token not in IGNORED]
    return _sums(tokens)


def _sums(tokens: list[str]) -> list[str]:
    r"""Write out ``\sum_\pm ( ... )``: the bracket with either sign."""
    head = ["\\sum", "_", "\\pm"]
    for i in range(len(tokens)):
        if tokens[i : i + 3] == head:
            end = _matching(tokens, i + 3) + 1
            plus, minus = _signs(tokens[i + 3 : end])
            return [*tokens[:i], "(", *plus, "+", *minus, ")", *_sums(tokens[end:])]
    return tokens


def _matching(tokens: list[str], start: int) -> int:
    depth = 0
    for i in range(start, len(tokens)):
        depth += (tokens[i] in OPEN) - (tokens[i] in CLOSE)
        if depth == 0:
            return i
    raise UnreadableError(f"{tokens[start]} is not closed.")


def _signs(tokens: list[str]) -> list[list[str]]:
    if not {"\\pm", "\\mp"} & set(tokens):
        return [tokens]
    upper, lower = {"\\pm": "+", "\\mp": "-"}, {"\\pm": "-", "\\mp": "+"}
    return [[signs.get(token, token) for token in tokens] for signs in (upper, lower)]


def _split(tokens: list[str]) -> list[list[str]]:
    """Part the relations of a line, which stand side by side after commas and blanks."""
    parts: list[list[str]] = [[]]
    depth = 0
    for token in tokens:
        depth += (token in OPEN) - (token in CLOSE)
        if depth == 0 and token in (",", ".", "\\qquad", "\\quad", "\\Rightarrow"):
            parts.append([])
        elif depth or token not in ("&", "\\\\"):
            parts[-1].append(token)
    return [part for part in map(_read_part, parts) if part]


def _read_part(tokens: list[str]) -> list[str]:
    cut = next((i for i, token in enumerate(tokens) if token in UNREAD), len(tokens))
    whole = cut == len(tokens) or any(token in RELATIONS for token in tokens[:cut])
    return tokens[:cut] if whole else []


def _chain(tokens: list[str], names: dict[tuple[str, ...], Any], last: bool) -> Chain:
    sides: list[list[str]] = [[]]
    relations, depth = [], 0
    for token in tokens:
        depth += (token in OPEN) - (token in CLOSE)
        if depth == 0 and token in RELATIONS:
            relations.append(token)
            sides.append([])
        else:
            sides[-1].append(token)
    if not sides[0]:  # the line goes on from the one above
        sides, relations = sides[1:], relations[1:]
    if last:
        sides, relations = sides[-1:], []
    return Chain([_Reader(side, names).whole() for side in sides], relations)


# --- expressions ---------------------------------------------------------------------------------


def _norm(value: Any) -> Any:
    return sp.sqrt(value.dot(value)) if isinstance(value, sp.MatrixBase) else sp.Abs(value)


def _function(value: Any) -> bool:
    return callable(value) and not isinstance(value, sp.Basic | sp.MatrixBase)


def _stack(parts: list[Any]) -> Any:
    if len(parts) == 1:
        return parts[0]
    return sp.Matrix.vstack(*[p if isinstance(p, sp.MatrixBase) else sp.Matrix([p]) for p in parts])


def _side_by_side(parts: list[Any]) -> Any:
    return sp.Matrix.hstack(*[p if isinstance(p, sp.MatrixBase) else sp.Matrix([p]) for p in parts])


class _Reader:
    """Recursive descent over the tokens of one side."""

    def __init__(self, tokens: list[str], names: dict[tuple[str, ...], Any]) -> None:
        self.tokens, self.at = tokens, 0
        self.names = sorted(names.items(), key=lambda item: -len(item[0]))
        self.ends: list[str] = []  # bars that are open

    def whole(self) -> Any:
        value = self.sum()
        if self.next:
            raise UnreadableError(f"{self.next} is not understood.")
        return value

    @property
    def next(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, *expected: str) -> str:
        token = self.next
        if expected and token not in expected:
            raise UnreadableError(f"expected {expected[0]}, found {token or 'the end'}.")
        self.at += 1
        return token

    def sum(self) -> Any:
        sign = -1 if self.next in ("+", "-") and self.take() == "-" else 1
        value = sign * self.term()
        while self.next in ("+", "-"):
            sign = 1 if self.take() == "+" else -1
            value = value + sign * self.term()
        return value

    def term(self) -> Any:
        value = self.factor()
        while self.next and not self.stops():
            if self.next == "/":
                self.take()
                value = value / self.factor()
            else:
                value = value * self.factor()
        return value

    def stops(self) -> bool:
        closing = self.ends and self.next == self.ends[-1]
        return bool(closing) or self.next in (*CLOSE, "+", "-", ",", "&", "\\\\")

    def factor(self) -> Any:
        value = self.atom()
        while self.next == "^":
            self.take()
            value = self.power(value)
        return value

    def power(self, value: Any) -> Any:
        inner = self.tokens[self.at : _matching(self.tokens, self.at) + 1]
        bare = [token for token in inner if token not in "{}"]
        if bare == ["\\top"]:
            self.at += len(inner)
            return value.T if isinstance(value, sp.MatrixBase) else value
        if bare == ["\\odot", "2"]:
            self.at += len(inner)
            matrix = isinstance(value, sp.MatrixBase)
            return value.multiply_elementwise(value) if matrix else value**2
        return value ** self.argument()

    def argument(self) -> Any:
        """Read what a command takes: a group, or one symbol or digit."""
        if self.next.isdigit():
            return sp.Integer(self.take())
        return self.group() if self.next == "{" and not self.name(False) else self.atom()

    def group(self) -> Any:
        self.take("{")
        value = self.sum()
        self.take("}")
        return value

    def name(self, take: bool = True) -> tuple[Any] | None:
        """Find the longest name that begins here, as a 1-tuple, as a name may stand for 0."""
        for key, value in self.names:
            if tuple(self.tokens[self.at : self.at + len(key)]) == key:
                if take:
                    self.at += len(key)
                return (value,)
        return None

    def atom(self) -> Any:
        found = self.name()
        if found:
            if self.next in ("_", "'"):
                raise UnreadableError(
                    f"{''.join(self.tokens[: self.at + 2])} ends in no known name."
                )
            return self.applied(found[0]) if _function(found[0]) else found[0]
        token = self.take()
        if token.isdigit():
            while self.next.isdigit():
                token += self.take()
            return sp.Integer(token)
        if token in ("(", "["):
            return _stack(self.list(")")) if token == "(" else _side_by_side(self.list("]"))
        if token in ("|", "\\|"):
            return self.bars(token)
        if token == "{":
            self.at -= 1
            return self.group()
        reader: Callable[[], Any] | None = {
            "\\frac": self.fraction,
            "\\tfrac": self.fraction,
            "\\sqrt": lambda: sp.sqrt(self.argument()),
            "\\matrix": self.matrix,
            "\\underbrace": self.underbrace,
        }.get(token)
        if reader is None:
            raise UnreadableError(f"{token or 'the end'} stands for nothing here.")
        return reader()

    def applied(self, function: Callable[..., Any]) -> Any:
        """Apply a function to a bracket, or to what follows; one of ``takes`` 2 to two factors."""
        takes = getattr(function, "takes", 1)
        if self.next == "(" and takes == 1:
            self.take()
            return function(*self.list(")"))
        return function(*[self.factor() for _ in range(takes)])

    def list(self, end: str) -> list[Any]:
        bars, self.ends = self.ends, []
        parts = [self.sum()]
        while self.next == ",":
            self.take()
            parts.append(self.sum())
        self.take(end)
        self.ends = bars
        return parts

    def bars(self, bar: str) -> Any:
        self.ends.append(bar)
        value = self.sum()
        self.ends.pop()
        self.take(bar)
        return _norm(value)

    def fraction(self) -> Any:
        above = self.argument()
        return above / self.argument()

    def matrix(self) -> Any:
        bars, self.ends = self.ends, []
        rows: list[list[Any]] = [[]]
        while True:
            cell = self.sum()
            rows[-1].append(cell if isinstance(cell, sp.MatrixBase) else sp.Matrix([[cell]]))
            end = self.take("\\endmatrix", "&", "\\\\")
            if end == "\\endmatrix":
                self.ends = bars
                return sp.Matrix.vstack(*[sp.Matrix.hstack(*row) for row in rows])
            if end == "\\\\":
                rows.append([])

    def underbrace(self) -> Any:
        value = self.group()
        self.take("_")
        self.at = _matching(self.tokens, self.at) + 1
        return value
