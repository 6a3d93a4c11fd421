"""A figure has one number and one address, wherever it is shown, and says how to cite it.

A figure is known by its file: what shows `figures/adam-mlp.svg` is the figure `adam-mlp`. Its home
is the first notebook that shows it, else the first page, the gallery last. There it has its number,
its label `figure-adam-mlp`, for this book and for others, and the anchor of that name in its
address; elsewhere it has the number of its home.

A reference to a figure shows its number and a short title, the beginning of its caption:
`{ref}`fig-rod-valley`` reads "Fig. 4 (Gradient descent in a curved valley)".
"""

from __future__ import annotations

import re
from html import escape
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.domains import Domain
from sphinx.environment import BuildEnvironment

from rodflow_book.build.citation import figure_entry, places

GALLERY = "gallery"
TITLE = 60
"""Characters that a short title has at most."""


def mark(figure: nodes.figure, stem: str, env: BuildEnvironment) -> None:
    """Give a figure of a page its anchor, and note it."""
    anchor = f"figure-{stem}"
    document = figure.document
    if not figure["ids"]:
        document.set_id(figure)
    if anchor not in document.ids:
        # The first is the one that the link beside the caption leads to, and that is cited.
        figure["ids"].insert(0, anchor)
        document.ids[anchor] = figure
    first = figure["ids"][0]
    store: dict = env.__dict__.setdefault("rodflow_figures", {})
    store.setdefault(env.docname, {})[first] = stem
    caption = next(figure.findall(nodes.caption), None)
    titles: dict = env.__dict__.setdefault("rodflow_titles", {})
    title = short_title(caption.astext() if caption else stem)
    # By each of its names: a label leads to one of them, its number is known by the first.
    for identifier in figure["ids"]:
        titles[env.docname, identifier] = (first, title)


def short_title(caption: str) -> str:
    """Give the beginning of a caption, up to its first mark or as many whole words as have room.

    Example:
        >>> short_title("The drift-free rod. At eight gradients it is near.")
        'The drift-free rod'
    """
    words = " ".join(caption.split())
    title = re.split(r"[.,:;(](?:\s|$)|\s\(", words, maxsplit=1)[0]
    return title if len(title) <= TITLE else title[:TITLE].rsplit(" ", 1)[0] + " …"


def cite_box(stem: str) -> nodes.raw:
    """Hold the place of what says how to cite a figure; it is known once all pages are read."""
    return nodes.raw("", "", format="html", classes=["figure-cite"], stem=stem)


def forget_page(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    """Drop what was noted of a page that is read anew."""
    env.__dict__.get("rodflow_figures", {}).pop(docname, None)
    titles = env.__dict__.get("rodflow_titles", {})
    for place in [place for place in titles if place[0] == docname]:
        del titles[place]


def number(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Number the figures by their homes, once Sphinx has numbered them by their places."""
    store: dict = getattr(env, "rodflow_figures", {})
    places = [
        (given[0], page, identifier)
        for page, numbers in env.toc_fignumbers.items()
        for identifier, given in numbers.get("figure", {}).items()
    ]
    homes, count = {}, 0
    stems = {}
    for _, page, identifier in sorted(places):
        # A figure that is no file of the book is one of its own.
        stem = store.get(page, {}).get(identifier, (page, identifier))
        stems[page, identifier] = stem
        known = homes.get(stem)
        if known is None or _rank(page) < _rank(known[0]):
            homes[stem] = (page, identifier)
    for _, page, identifier in sorted(places):
        stem = stems[page, identifier]
        if homes[stem] == (page, identifier):
            count += 1
            homes[stem] = (page, identifier, count)
    for (page, identifier), stem in stems.items():
        env.toc_fignumbers[page]["figure"][identifier] = (homes[stem][2],)
    domain = env.get_domain("std")
    _title_labels(env, domain, stems, homes)
    for stem, (page, identifier, count) in homes.items():
        if isinstance(stem, str):
            anchor = f"figure-{stem}"
            domain.anonlabels[anchor] = (page, anchor)
            _, title = getattr(env, "rodflow_titles", {}).get((page, identifier), ("", stem))
            domain.labels[anchor] = (page, anchor, f"Fig. {count} ({title})")
    env.rodflow_homes = homes
    return sorted({page for page, _ in stems})


def _title_labels(env: BuildEnvironment, domain: Domain, stems: dict, homes: dict) -> None:
    """Let a reference to a figure say its number and short title, instead of its whole caption."""
    titles: dict = getattr(env, "rodflow_titles", {})
    for label, (page, identifier, _) in list(domain.labels.items()):
        first, title = titles.get((page, identifier), ("", ""))
        if (page, first) in stems:
            count = homes[stems[page, first]][2]
            said = f"Fig. {count} ({title})"
            domain.labels[label] = (page, identifier, said)


def _rank(page: str) -> int:
    return 0 if page.startswith("notebooks/") else 2 if page == GALLERY else 1


def fill(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Say in each box how to cite its figure and how to make it again."""
    homes = getattr(app.env, "rodflow_homes", {})
    where = places(Path(app.srcdir))
    for box in list(doctree.findall(nodes.raw)):
        if "stem" in box:
            page, _, count = homes.get(box["stem"], (docname, "", None))
            entry, again = figure_entry(where, box["stem"], page, count), _again(page)
            text = (
                '<details class="figure-cite"><summary>Cite this figure, or make it again</summary>'
                f"<pre>{escape(entry)}</pre><pre>{escape(again)}</pre></details>"
            )
            box.replace_self(nodes.raw("", text, format="html"))


def _again(page: str) -> str:
    if not page.startswith("notebooks/"):
        return "make book"
    return (
        f"python -m rodflow_book.build.notebooks run {page}.py out.ipynb -p figures figures-again"
    )


def setup(app: Sphinx) -> dict[str, object]:
    """Register with Sphinx."""
    app.connect("env-purge-doc", forget_page)
    # After Sphinx's own numbering, which has the usual priority.
    app.connect("env-get-updated", number, priority=900)
    app.connect("doctree-resolved", fill)
    return {"version": "1", "parallel_read_safe": False, "parallel_write_safe": True}
