"""How to cite the book and its figures, and where both are, from one place: the book's settings.

`book/_config.yml` says where the book stands on the web (`html.baseurl`) and where its code lies
(`repository.url`). What is not said there is said nowhere: no address is made up.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import yaml

from rodflow_book.build.checkout import VERSION, commit

TITLE = "Rod flow: the executable companion"
AUTHOR = "{The Rod Flow companion authors}"
YEAR = 2026
LICENCE = "CC BY 4.0"
_WHERE_KNOWN = re.compile(r"<!-- repository -->\n?(.*?)<!-- /repository -->\n?", re.DOTALL)


class Places(NamedTuple):
    """Where the book and its code are on the web; an empty text where that is not known."""

    book: str = ""
    code: str = ""

    def page(self, name: str, anchor: str = "") -> str:
        """Give the address of a page, or of a place on it; of the code where there is no book."""
        if not self.book:
            return self.code
        return f"{self.book}/{name}.html" + (f"#{anchor}" if anchor else "")


@functools.cache
def places(book: Path) -> Places:
    """Read the addresses from the settings in the folder of the book."""
    settings = yaml.safe_load((book / "_config.yml").read_text(encoding="utf-8"))

    def address(section: str, key: str) -> str:
        return str((settings.get(section) or {}).get(key) or "").rstrip("/")

    return Places(address("html", "baseurl"), address("repository", "url"))


def book_entry(where: Places) -> str:
    """Give the entry for the whole, for BibTeX."""
    made = commit()
    fields = {"title": TITLE, "author": AUTHOR, "year": YEAR}
    fields["note"] = f"Version {VERSION}" + (f", commit {made}" if made else "")
    return _entry("companion", fields, where.page("index"))


def figure_entry(where: Places, stem: str, page: str, count: int | None) -> str:
    """Give the entry for a figure, for BibTeX.

    Args:
        where: book and code are.
        stem: of the figure's files.
        page: its home, on which it has its anchor.
        count: its number; `None` where it has none.
    """
    made = commit()
    fields = {
        "title": f"Figure {count}: {stem}" if count else f"Figure {stem}",
        "author": AUTHOR,
        "year": YEAR,
        "howpublished": f"{TITLE}, version {VERSION}",
        "note": (f"Commit {made}. " if made else "")
        + f"File figures/{stem}.svg; data and manifest beside it. {LICENCE}",
    }
    return _entry(stem, fields, where.page(page, f"figure-{stem}"))


def _entry(name: str, fields: Mapping[str, object], url: str) -> str:
    lines = [f"  {key} = {{{value}}}" for key, value in fields.items()]
    lines += [f"  url = {{{url}}}"] if url else []
    return f"@misc{{rodflow-{name},\n" + ",\n".join(lines) + "\n}"


def cff(text: str, where: Places) -> str:
    """Add to `CITATION.cff` what a build knows and its source does not: addresses, the commit."""
    made = commit() or ""
    known = {"url": where.book, "repository-code": where.code}
    # Files that differ from a commit are not what it names.
    known["commit"] = "" if "," in made else made
    return text + "".join(f'{key}: "{value}"\n' for key, value in known.items() if value)


def filled(text: str, where: Places) -> str:
    """Fill in a page: the addresses, and the entry for the whole.

    What is said only where the code has an address stands between `<!-- repository -->` and
    `<!-- /repository -->`.

    Example:
        >>> page = "A<!-- repository -->, [code](@REPOSITORY@)<!-- /repository -->."
        >>> filled(page, Places())
        'A.'
        >>> filled(page, Places(code="https://host.invalid/rodflow"))
        'A, [code](https://host.invalid/rodflow).'
    """
    text = _WHERE_KNOWN.sub(r"\1" if where.code else "", text)
    tokens = {
        "@REPOSITORY@": where.code,
        "@BOOK@": where.book or "ADDRESS OF THIS BOOK",
        "@ENTRY@": book_entry(where),
    }
    for token, words in tokens.items():
        text = text.replace(token, words)
    return text
