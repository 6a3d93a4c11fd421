"""What a page has checked, for its reader and for the equation index."""

from __future__ import annotations

from IPython.display import Markdown, display

from rodflow_book.derivations.checks import (
    CHECKED,
    DEFINITION,
    NUMERIC,
    PRINTED,
    SYMBOLIC,
    ranges,
)

METADATA = "rodflow_checked"
"""Under this name the output of `show_checked` carries the registry."""

WORDS = {
    PRINTED: "read from the page's text and compared",
    DEFINITION: "definitions in code",
    SYMBOLIC: "in SymPy",
    NUMERIC: "in numbers",
}


def show_checked() -> None:
    """End a page with what its cells have checked; the equation index is made from this."""
    parts = []
    for how, words in WORDS.items():
        numbers = [n for n, kinds in CHECKED.items() if how in kinds]
        if numbers:
            parts.append(f"{words}: {ranges(numbers)}")
    registry = {str(number): sorted(kinds) for number, kinds in sorted(CHECKED.items())}
    text = Markdown("**Checked in this run** " + "; ".join(parts) + ".")
    display(text, metadata={METADATA: registry})
