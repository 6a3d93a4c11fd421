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
