r"""What the book's pages leave to Sphinx, so that their sources stay plain and portable.

Figures. A page writes one figure, `../figures/loss.svg`, which is as light or dark as the page is.
Where `loss.pdf`, `loss.png`, `loss.csv` or `loss.json` lie next to it, the caption ends with links
to them, and a folded box says how to cite the figure and make it again (`rodflow_figures`). The
site holds each figure once, in `figures/`, where it can be linked to.

Equations. One that says its own number, the paper's, with `\tag` gets no second one.

Files. A page opened from disk may request nothing that its browser refuses to give.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import rodflow_figures
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

# In the order in which the links stand; the suffix and what it is called.
FILES = {".svg": "SVG", ".pdf": "PDF", ".png": "PNG", ".csv": "data", ".json": "manifest"}
FONT_PRELOAD = re.compile(r'<link rel="preload" as="font"[^>]*>\n?')


class FigureFiles(SphinxTransform):
    """Put the figures of a page into a box that can scroll, and links to their files below."""

    # Before Sphinx collects the images of the page, which it does once all transforms are done.
    default_priority = 400

    def apply(self, **kwargs: object) -> None:
        """Go through the images of the document."""
        page = Path(self.env.doc2path(self.env.docname)).parent
        for image in list(self.document.findall(nodes.image)):
            path = Path(os.path.normpath(page / image["uri"]))
            if "://" in image["uri"] or not path.is_file():
                continue
            figure = image.parent
            if isinstance(figure, nodes.figure):
                box = nodes.container(classes=["figure-image"])
                image.replace_self(box)
                box += image
                self._add_links(figure, path, page)

    def _add_links(self, figure: nodes.figure, path: Path, page: Path) -> None:
        if not path.is_relative_to(Path(self.env.srcdir) / "figures"):
            return
        line = nodes.paragraph(classes=["figure-files"])
        for file in (path.with_suffix(suffix) for suffix in FILES):
            if file.is_file():
                if line.children:
                    line += nodes.Text(" · ")
                # The site holds `figures/` as it is, so the link is the same as in the source.
                target = os.path.relpath(file, page).replace(os.sep, "/")
                line += nodes.reference("", FILES[file.suffix], refuri=target, internal=True)
        if line.children:
            legend = next(figure.findall(nodes.legend), None)
            if legend is None:
                legend = nodes.legend()
                figure += legend
            legend += line
            legend += rodflow_figures.cite_box(path.stem)
            rodflow_figures.mark(figure, path.stem, self.env)


class PaperNumbers(SphinxTransform):
    """Leave unnumbered what numbers itself."""

    default_priority = 400

    def apply(self, **kwargs: object) -> None:
        """Go through the displayed equations of the document."""
        for block in self.document.findall(nodes.math_block):
            text = block.astext()
            if r"\tag" in text:
                block["number"] = None
                # Sphinx puts what has a line break, a matrix too, into `split`: no place for a tag.
                if r"\\" in text and not block.get("nowrap"):
                    whole = f"\\begin{{equation}}{text.strip()}\\end{{equation}}"
                    block.children = [nodes.Text(whole)]
                    block["nowrap"] = True


def drop_font_preloads(app: Sphinx, exception: Exception | None) -> None:
    """Remove the theme's early requests for its icon font.

    A page opened from disk is refused them, each with an error; the style sheet's own request for
    the same font is granted.
    """
    if exception is None and app.builder.format == "html":
        for path in Path(app.outdir).rglob("*.html"):
            text = path.read_text(encoding="utf-8")
            path.write_text(FONT_PRELOAD.sub("", text), encoding="utf-8")


def show_figures_where_they_lie(app: Sphinx, exception: Exception | None) -> None:
    """Let pages show the figures of the site, and drop the copies that Sphinx made of them.

    What Sphinx renamed or changed on the way stays as it is.
    """
    if exception is not None or app.builder.format != "html":
        return
    site = Path(app.outdir)
    twice = [
        copy
        for copy in (site / "_images").glob("*")
        if (site / "figures" / copy.name).is_file()
        and (site / "figures" / copy.name).read_bytes() == copy.read_bytes()
    ]
    names = {f"_images/{copy.name}": f"figures/{copy.name}" for copy in twice}
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        shown = re.sub(r"_images/[^\"'#?)\s]+", lambda found: names.get(found[0], found[0]), text)
        if shown != text:
            page.write_text(shown, encoding="utf-8")
    for copy in twice:
        copy.unlink()


def setup(app: Sphinx) -> dict[str, object]:
    """Register with Sphinx."""
    # Jupyter Book sets it even where the extension that would read it is not wanted.
    app.add_config_value("comments_config", {}, "html")
    app.add_transform(FigureFiles)
    app.add_transform(PaperNumbers)
    app.connect("build-finished", drop_font_preloads)
    # The last word on what lies where, after the search index and the copying of images.
    app.connect("build-finished", show_figures_where_they_lie, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
