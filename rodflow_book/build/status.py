"""The status page: what made this book, how long each notebook took, and how much memory."""

from __future__ import annotations

from collections.abc import Mapping

import nbformat

from rodflow_book.build import checkout
from rodflow_book.markup import literal

HEAD = """(status)=
# Status

What this book was made from, and what each notebook took when it was last executed: in this build,
or in an earlier one where nothing that it depends on has changed since. Memory is the most that its
kernel held at one time.
"""


def settings(made: Mapping) -> dict[str, object]:
    """Give the parameters that have a value, but for the folder of the figures."""
    return {
        key: value
        for key, value in made["parameters"].items()
        if value is not None and key != "figures"
    }


def page(notebooks: Mapping[str, nbformat.NotebookNode]) -> str:
    """Write the page.

    Args:
        notebooks: executed, by name; each says in its metadata what made it.
    """
    made = {name: notebook.metadata["rodflow"] for name, notebook in notebooks.items()}
    lines = [
        HEAD,
        "## Made with",
        "",
        "| What | Which |",
        "| :-- | :-- |",
        *(f"| {name} | {value} |" for name, value in _made_with(list(made.values()))),
        "",
        "## Notebooks",
        "",
        "| Notebook | Parameters | Seconds | Peak memory, MB |",
        "| :-- | :-- | --: | --: |",
    ]
    for name, entry in made.items():
        chosen = "; ".join(f"{key}: {_plain(value)}" for key, value in settings(entry).items())
        memory = entry.get("peak_memory_mb")
        cells = [
            f"{{doc}}`{name} <notebooks/{name}>`",
            chosen or "none",
            f"{entry['seconds']:,.1f}",
            "not measured" if memory is None else f"{memory:,.0f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    total = sum(entry["seconds"] for entry in made.values())
    measured = [entry["peak_memory_mb"] for entry in made.values() if entry.get("peak_memory_mb")]
    most = f"**{max(measured):,.0f}** at most" if measured else "not measured"
    lines.append(f"| **All** | | **{total:,.1f}** | {most} |")
    return "\n".join(lines) + "\n"


def _plain(value: object) -> str:
    """Give a parameter as a reader would write it: a list without its brackets."""
    return literal(", ".join(map(str, value)) if isinstance(value, list) else value)


def _made_with(made: list[Mapping]) -> list[tuple[str, str]]:
    """Give the source and the versions; those that differ between notebooks are all named."""
    rows = [("rodflow", checkout.VERSION)]
    if name := checkout.commit():
        # The day of the commit and not of the build, which would differ between two builds of it.
        rows.append(("Commit", f"`{name.split(',')[0]}`{name[12:]}, of {checkout.commit_date()}"))
    kinds = {
        "Machine": [literal(entry["machine"]) for entry in made],
        "Python": [entry["python"] for entry in made],
    }
    for entry in made:
        for package, version in entry["versions"].items():
            if package != "rodflow":
                kinds.setdefault(package, []).append(version)
    rows += [(kind, ", ".join(sorted(set(values)))) for kind, values in kinds.items() if values]
    return rows
