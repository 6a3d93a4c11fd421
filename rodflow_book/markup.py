"""Markdown that pages are made of."""

from __future__ import annotations

from collections.abc import Iterable


def markdown(head: Iterable[str], rows: Iterable[Iterable[object]], align: str = "--:") -> str:
    """Give a Markdown table.

    Args:
        head: of the columns.
        rows: cells.
        align: of all columns but the first, which is left-aligned.

    Example:
        >>> print(markdown(("", "loss"), [["rod", 1.5]]))
        |  | loss |
        | :-- | --: |
        | rod | 1.5 |
    """
    head = list(head)
    lines = ["| " + " | ".join(head) + " |", "| :-- |" + f" {align} |" * (len(head) - 1)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def short(value: float) -> str:
    """Give a number as a cell has it: two digits, no fraction from a hundred on, a dash for NaN.

    Example:
        >>> short(617.5), short(2.84), short(float("nan"))
        ('618', '2.8', '–')
    """
    return "–" if value != value else f"{value:.0f}" if value >= 100 else f"{value:.2g}"
