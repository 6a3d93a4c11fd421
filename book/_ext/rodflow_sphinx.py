r"""What the book's pages leave to Sphinx, so that their sources stay plain and portable.

Figures. A page writes one figure, `../figures/loss.svg`, which is as light or dark as the page is.
Where `loss.pdf`, `loss.png`, `loss.csv.zip` or `loss.json` lie next to it, the caption ends with
links to them, and a folded box says how to cite the figure and make it again (`rodflow_figures`).
The site holds each figure once, in `figures/`, where it can be linked to.

Equations. One that says its own number, the paper's, with `\tag` gets no second one.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import rodflow_figures
import rodflow_pages
from docutils import nodes
from myst_parser.mdit_to_docutils.sphinx_ import SphinxRenderer
from PIL import Image
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

# Of figures on a narrow page, in rem; `rodflow.css` has a class of each.
WIDTHS = (24, 28, 32, 36, 40)
# In the order in which the links stand; the suffix and what it is called.
FILES = {
    ".svg": "SVG", ".pdf": "PDF", ".png": "PNG", ".csv": "data", ".csv.zip": "data",
    ".json": "manifest",
}  # fmt: skip
# A page that knows how high they are does not jump when they come.
THUMBNAIL = re.compile(r'<img [^>]*src="(?:\.\./)*(figures/thumbnails/[^"]*)"')
# Words are outlines of letters that are a hundred units high, and as large as they are scaled.
LETTERS = re.compile(r'transform="[^"]*scale\(([\d.]+) -[\d.]+\)"')
POINTS = re.compile(r'<svg [^>]*?width="([\d.]+)pt"')


def _least_width(path: Path) -> list[str]:
    """Give the class of a figure whose smallest letters have eight pixels on a narrow page too."""
    if path.suffix != ".svg":
        return []
    text = path.read_text(encoding="utf-8")
    sizes, width = [100 * float(size) for size in LETTERS.findall(text)], POINTS.search(text)
    if not sizes or width is None:
        return []
    rem = float(width[1]) / min(sizes) * 8 / 16
    return [f"least-{next((w for w in WIDTHS if w > rem), WIDTHS[-1])}"]


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
            # A thumbnail is a link to its figure.
            shown = image.parent if isinstance(image.parent, nodes.reference) else image
            figure = shown.parent
            if isinstance(figure, nodes.figure):
                box = nodes.container(classes=["figure-image", *_least_width(path)])
                shown.replace_self(box)
                box += shown
                self._add_links(figure, path, page)

    def _add_links(self, figure: nodes.figure, path: Path, page: Path) -> None:
        figures = Path(self.env.srcdir) / "figures"
        if not path.is_relative_to(figures):
            return
        line = nodes.paragraph(classes=["figure-files"])
        for suffix, called in FILES.items():
            file = figures / f"{path.stem}{suffix}"
            if file.is_file():
                if line.children:
                    line += nodes.Text(" · ")
                # The site holds `figures/` as it is, so the link is the same as in the source.
                target = os.path.relpath(file, page).replace(os.sep, "/")
                line += nodes.reference("", called, refuri=target, internal=True)
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


def show_figures_where_they_lie(app: Sphinx) -> rodflow_pages.Mend:
    """Let pages show the figures of the site, and drop the copies that Sphinx made of them.

    What Sphinx renamed or changed on the way stays as it is.
    """
    site = Path(app.outdir)
    lying = {path.name: path for path in (site / "figures").rglob("*") if path.is_file()}
    names = {}
    for copy in sorted((site / "_images").glob("*")):
        one = lying.get(copy.name)
        if one is not None and one.read_bytes() == copy.read_bytes():
            names[f"_images/{copy.name}"] = one.relative_to(site).as_posix()
            copy.unlink()

    def mend(text: str) -> str:
        shown = re.sub(r"_images/[^\"'#?)\s]+", lambda found: names.get(found[0], found[0]), text)
        return THUMBNAIL.sub(sized, shown)

    def sized(found: re.Match[str]) -> str:
        with Image.open(site / found[1]) as image:
            return f'{found[0]} width="{image.width}" height="{image.height}"'

    return mend


def place_on_the_page(renderer: SphinxRenderer) -> str:
    """Name a displayed equation that has no label, which MyST does at random.

    So two builds of the same sources are the same, byte by byte.
    """
    env = renderer.sphinx_env
    return f"{env.docname.replace('/', '-')}-{env.new_serialno('amsmath')}"


def setup(app: Sphinx) -> dict[str, object]:
    """Register with Sphinx."""
    # Jupyter Book sets it even where the extension that would read it is not wanted.
    app.add_config_value("comments_config", {}, "html")
    SphinxRenderer._random_label = place_on_the_page
    app.add_transform(FigureFiles)
    app.add_transform(PaperNumbers)
    rodflow_pages.every_page(app, show_figures_where_they_lie)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
