"""The notebooks that pages offer for download: readable and runnable in plain Jupyter."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

import nbformat
from docutils import nodes
from pybtex.database import Entry, parse_file
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from rodflow_book.build import citation
from rodflow_book.build.plain import Book, Place, plain


def places(app: Sphinx) -> dict[tuple[str, str], Place]:
    """Give all that a page may refer to: pages, labels, figures by number, terms, cited works."""
    env = app.env
    found = {
        ("doc", page): Place(title.astext(), f"{page}.html") for page, title in env.titles.items()
    }
    domain = env.get_domain("std")
    for label, (page, anchor) in domain.anonlabels.items():
        words = domain.labels[label][2] if label in domain.labels else label
        found["ref", label] = Place(words, f"{page}.html#{anchor}")
    for name, _, kind, page, anchor, _ in domain.get_objects():
        if kind == "term":
            found["term", name.lower()] = Place(name, f"{page}.html#{anchor}")
    for (page, anchor), number in figure_numbers(env).items():
        words = app.config.numfig_format["figure"] % number
        for label in (key for key, at in domain.anonlabels.items() if at == (page, anchor)):
            found["ref", label] = Place(words, f"{page}.html#{anchor}")
    for file in app.config.bibtex_bibfiles:
        for key, entry in parse_file(str(Path(app.srcdir) / file)).entries.items():
            found["cite", key] = Place(cited(entry), address(entry))
    return found


def figure_numbers(env: BuildEnvironment) -> dict[tuple[str, str], str]:
    """Give the number of every figure, by page and by each of its anchors."""
    found = {}
    for page, kinds in env.toc_fignumbers.items():
        numbers = kinds.get("figure", {})
        for figure in env.get_doctree(page).findall(nodes.figure) if numbers else ():
            if (number := numbers.get(figure["ids"][0])) is not None:
                for anchor in figure["ids"]:
                    found[page, anchor] = ".".join(map(str, number))
    return found


def cited(entry: Entry) -> str:
    """Give a work as texts cite it: authors and year."""
    names = [" ".join(person.last_names) for person in entry.persons["author"]]
    names = [re.sub(r"[{}]", "", name) for name in names]
    shown = " and ".join(names) if len(names) < 3 else f"{names[0]} et al."
    return f"{shown}, {entry.fields['year']}"


def address(entry: Entry) -> str:
    """Give where a work can be read, if its entry says so."""
    fields = entry.fields
    if "eprint" in fields and fields.get("archiveprefix") == "arXiv":
        return f"https://arxiv.org/abs/{fields['eprint']}"
    return f"https://doi.org/{fields['doi']}" if "doi" in fields else fields.get("url", "")


def write(app: Sphinx, exception: Exception | None) -> None:
    """Put the plain notebooks where the theme's button, and the link below a page, expect them."""
    if exception is not None or app.builder.format != "html":
        return
    source = Path(app.srcdir)
    where = citation.places(source)
    book = Book(places(app), where.book, where.code)
    for path in sorted((source / "notebooks").glob("*.ipynb")):
        page = posixpath.join("notebooks", path.stem)
        drawn = {file.stem for file in (source.parent / "figures" / path.stem).glob("*.png")}
        made = plain(nbformat.read(path, as_version=4), page, book, drawn)
        target = Path(app.outdir) / "_sources" / f"{page}.ipynb"
        target.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(made, target)


def setup(app: Sphinx) -> dict[str, object]:
    """Register with Sphinx."""
    app.connect("build-finished", write)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
