"""The table of what each page can be rerun with, made by the build from the pages themselves."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rodflow_book.build import notebooks
from rodflow_book.markup import markdown

TOKEN = "@PARAMETERS@"
"""What stands in `book/rerun.md` in the table's place."""


def table(sources: Iterable[Path]) -> str:
    """Give the parameters of notebooks with their defaults, pages that share them in one row.

    Args:
        sources: the notebooks, as `py:percent`.

    Raises:
        NotebookError: for a notebook without one cell of parameters.
    """
    pages: dict[str, list[str]] = {}
    for source in sources:
        known = notebooks.parameters(notebooks.read(source), source.name)
        said = ", ".join(_said(name, value) for name, value in known.items() if name != "figures")
        pages.setdefault(said, []).append(f"{{doc}}`{source.stem} <notebooks/{source.stem}>`")
    rows = [[", ".join(names), said or "none"] for said, names in pages.items()]
    return markdown(["Page", "Parameters and defaults"], rows, ":--")


def _said(name: str, value: object) -> str:
    return f"`{name}`" if value is None else f"`{name} = {value!r}`".replace("'", '"')
