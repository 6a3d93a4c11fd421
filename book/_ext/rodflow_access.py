"""What the theme leaves to be said to those who do not see the page, or have no mouse."""

from __future__ import annotations

import re

import rodflow_pages
from sphinx.application import Sphinx

SAID = {
    # An arrow is no name.
    '<summary><span class="toctree-toggle"': (
        '<summary aria-label="Pages below this one"><span class="toctree-toggle"'
    ),
    # What is in it are the entries of a bibliography, which say so themselves, and no list items.
    '<div role="list" class="citation-list">': '<div class="citation-list">',
}
"""What the theme and docutils write, and what is written in its place."""

# The parameters of a long signature, a line each: no list of definitions, for nothing is defined.
_PARAMETERS = re.compile(r'<dl>\n((?:<dd><em class="sig-param">.*?</dd>\n)+)</dl>', re.DOTALL)


def say(app: Sphinx) -> rodflow_pages.Mend:
    """Put the words in. What scrolls gets its tab stop on the page (`rodflow_scroll.js`)."""

    def mend(text: str) -> str:
        for old, new in SAID.items():
            text = text.replace(old, new)
        return _PARAMETERS.sub(_lines, text)

    return mend


def _lines(found: re.Match[str]) -> str:
    lines = found[1].replace("<dd>", '<span class="sig-line">').replace("</dd>", "</span>")
    return f'<span class="sig-lines">\n{lines}</span>'


def setup(app: Sphinx) -> dict[str, object]:
    """Register with Sphinx."""
    rodflow_pages.every_page(app, say)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
