"""Markdown that pages are made of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence


def markdown(
    head: Iterable[str], rows: Iterable[Iterable[object]], align: str | Sequence[str] = "--:"
) -> str:
    """Give a Markdown table.

    Args:
        head: of the columns.
        rows: cells.
        align: of all columns but the first, which is left-aligned; one mark, or one for each.

    Example:
        >>> print(markdown(("", "loss"), [["rod", 1.5]]))
        |  | loss |
        | :-- | --: |
        | rod | 1.5 |
    """
    head = list(head)
    marks = [align] * (len(head) - 1) if isinstance(align, str) else align
    lines = ["| " + " | ".join(head) + " |", "| :-- |" + "".join(f" {mark} |" for mark in marks)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def literal(text: object) -> str:
    r"""Give a text from elsewhere such that a page shows it letter by letter, and obeys none of it.

    Titles of problems, names of machines, parameters: what somebody wrote into a record or on a
    command line is neither Markdown nor HTML nor a formula.

    Example:
        >>> print(literal("<script>alert(1)</script> | $x$"), literal("x86_64"))
        \<script\>alert(1)\</script\> \| \$x\$ x86_64
    """
    line = " ".join(str(text).split())
    # An underscore within a word is no mark.
    return re.sub(r"[\\`*{}\[\]<>#|$&~^!@]|(?<!\w)_|_(?!\w)", r"\\\g<0>", line)


def short(value: float) -> str:
    """Give a number as a cell has it: two digits, no fraction from a hundred on, a dash for NaN.

    Example:
        >>> short(617.5), short(2.84), short(1.0), short(float("nan"))
        ('618', '2.8', '1.0', '–')
    """
    if value != value:
        return "–"
    return (
        f"{value:.0f}" if value >= 100 else f"{value:.1f}" if 1 <= value < 9.95 else f"{value:.2g}"
    )


def fixed(value: float, digits: int) -> str:
    """Give a number with as many decimals as its column has, a dash for NaN.

    Example:
        >>> fixed(1.0512, 2), fixed(float("nan"), 2)
        ('1.05', '–')
    """
    return "–" if value != value else f"{value:.{digits}f}"


def counted(value: float) -> str:
    """Give a count or a threshold: whole, with commas, from a hundred on, else four digits.

    Example:
        >>> counted(380000.0), counted(852.3), counted(6.66667)
        ('380,000', '852', '6.667')
    """
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.4g}"


def power(value: float) -> str:
    """Give a number in two digits, a small one with its power of ten written out.

    Example:
        >>> power(0.0016), power(2.8e-05), power(float("nan"))
        ('0.0016', '2.8·10⁻⁵', '–')
    """
    text = short(value)
    digits, _, exponent = text.partition("e")
    return f"{digits}·10{str(int(exponent)).translate(_RAISED)}" if exponent else text


_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
