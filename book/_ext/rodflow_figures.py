"""A figure has one number and one address, wherever it is shown, and says how to cite it.

A figure is known by its file: what shows `figures/adam-mlp.svg` is the figure `adam-mlp`. Its home
is the first notebook that shows it, else the first page, the gallery last. There it has its number,
its label `figure-adam-mlp`, for this book and for others, and the anchor of that name in its
address; elsewhere it has the number of its home.
"""

from __future__ import annotations

from html import escape

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from rodflow_book.build.checkout import VERSION, commit

GALLERY = "gallery"


def mark(figure: nodes.figure, stem: str, env: BuildEnvironment) -> None:
    """Give a figure of a page its anchor, and note it."""
    anchor = f"figure-{stem}"
    document = figure.document
    if not figure["ids"]:
        document.set_id(figure)
    first = figure["ids"][0]
    if anchor not in document.ids:
        figure["ids"].append(anchor)
        document.ids[anchor] = figure
    store: dict = env.__dict__.setdefault("rodflow_figures", {})
    store.setdefault(env.docname, {})[first] = stem


def cite_box(stem: str) -> nodes.raw:
    """Hold the place of what says how to cite a figure; it is known once all pages are read."""
    return nodes.raw("", "", format="html", classes=["figure-cite"], stem=stem)


def forget_page(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    """Drop what was noted of a page that is read anew."""
    env.__dict__.get("rodflow_figures", {}).pop(docname, None)


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
    for stem, (page, _, _) in homes.items():
        if isinstance(stem, str):
            anchor = f"figure-{stem}"
            domain.anonlabels[anchor] = (page, anchor)
            domain.labels[anchor] = (page, anchor, stem)
    env.rodflow_homes = homes
    return sorted({page for page, _ in stems})


def _rank(page: str) -> int:
    return 0 if page.startswith("notebooks/") else 2 if page == GALLERY else 1


def fill(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Say in each box how to cite its figure and how to make it again."""
    homes = getattr(app.env, "rodflow_homes", {})
    for box in list(doctree.findall(nodes.raw)):
        if "stem" in box:
            page, _, count = homes.get(box["stem"], (docname, "", None))
            entry, again = _entry(app, box["stem"], page, count), _again(page)
            text = (
                '<details class="figure-cite"><summary>Cite this figure, or make it again</summary>'
                f"<pre>{escape(entry)}</pre><pre>{escape(again)}</pre></details>"
            )
            box.replace_self(nodes.raw("", text, format="html"))


def _entry(app: Sphinx, stem: str, page: str, count: int | None) -> str:
    lines = [
        f"title = {{Figure {count}: {stem}}}" if count else f"title = {{Figure {stem}}}",
        "author = {{The Rod Flow companion authors}}",
        "year = {2026}",
        f"howpublished = {{Rod flow: the executable companion, version {VERSION}}}",
    ]
    made = commit()
    at = f"Commit {made}. " if made else ""
    lines.append(f"note = {{{at}File figures/{stem}.svg; data and manifest beside it. CC BY 4.0}}")
    if base := app.config.html_baseurl:
        lines.append(f"url = {{{base.rstrip('/')}/{page}.html#figure-{stem}}}")
    return f"@misc{{rodflow-{stem},\n  " + ",\n  ".join(lines) + "\n}"


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
