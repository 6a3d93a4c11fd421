r"""A page of the book as a notebook for plain Jupyter: an install cell on top, no outputs.

The pages are written in MyST: roles, directives, targets. Plain Jupyter shows these as they stand.
Here a reference becomes words, and a link where the book has an address (`html.baseurl`); a
figure that the notebook itself draws is shown by a cell; rows of an `align` carry their numbers in
`$$`. What has no plain form stops the build.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

OFFER = "download"
"""The class of what offers this notebook below its page, and has no place in itself."""


class PlainError(ValueError):
    """A page says something that has no plain form."""


@dataclass(frozen=True)
class Place:
    """What is referred to: how it is called, and where it is, `page.html#anchor` or an address."""

    words: str
    where: str = ""


@dataclass(frozen=True)
class Book:
    """What a page needs to know of the rest.

    Attributes:
        places: by kind and name: of pages (`doc`), labels (`ref`), terms and cited works (`cite`).
        address: of the book on the web, empty without one.
        code: address of its repository, empty without one.
    """

    places: Mapping[tuple[str, str], Place] = field(default_factory=dict)
    address: str = ""
    code: str = ""

    def link(self, words: str, where: str) -> str:
        """Give words as a Markdown link where there is something to link to."""
        if "://" not in where:
            where = f"{self.address.rstrip('/')}/{where}" if self.address and where else ""
        return f"[{words}]({where})" if where else words


_ROLE = re.compile(r"\{([a-z:]+)\}`([^`]+)`")
# In an f-string braces are doubled, and a name in single ones is no role.
_ROLE_IN_CODE = re.compile(r"\{?\{(ref|numref|doc|term|cite:[pt])\}\}?`([^`\n]+)`")
_TITLED = re.compile(r"(?s)(.*?)\s*<([^>]+)>")
_LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([\w./-]+)\)")
_TARGET = re.compile(r"(?m)^\([\w-]+\)=\n")
_ALIGN = re.compile(r"(?ms)^\\begin\{align(\*?)\}(.*?)\\end\{align\1\}")
_FENCE = re.compile(r"(?P<marks>`{3,}|:{3,})\{(?P<name>[\w:-]+)\} ?(?P<argument>.*)")
_LISTING = re.compile(r"(?ms)^(`{3,})(?!\{).*?^\1$")


def plain(
    notebook: NotebookNode, page: str, book: Book, drawn: Collection[str] = ()
) -> NotebookNode:
    """Give a notebook of the book as one for plain Jupyter.

    Args:
        notebook: as it was executed, in MyST.
        page: its name in the book, such as `notebooks/rod`.
        book: the rest.
        drawn: stems of the figures that the notebook writes itself.

    Raises:
        PlainError: for a role, a directive or a reference that is not known here.
    """
    writer = _Writer(page, book, drawn)
    cells = [cell for old in notebook.cells for cell in writer.cells(old)]
    # The title first: it is what a reader sees of a file.
    cells[1:1] = install(page, book)
    made = new_notebook(cells=cells)
    for number, cell in enumerate(cells):
        # Of themselves they are drawn by lot, and two builds would differ.
        cell["id"] = f"cell-{number}"
    made.metadata["kernelspec"] = {
        "name": "python3", "display_name": "Python 3", "language": "python",
    }  # fmt: skip
    made.metadata["language_info"] = {"name": "python"}
    nbformat.validate(made)
    return made


def install(page: str, book: Book) -> list[NotebookNode]:
    """Give the words and the cell that install the code, which without an address is put there."""
    where = f"*A page of the book {book.link('Rod flow', page + '.html')}, as a notebook.* "
    lines = [
        "import importlib.util, pathlib, sys",
        "",
        'if importlib.util.find_spec("rodflow_book") is None:',
    ]
    if book.code:
        where += "The next cell fetches and installs the code where it is missing"
        lines.append(f"    !git clone --quiet --depth 1 {book.code} rodflow")
    else:
        where += (
            "This copy of the book knows no address of its code: unpack the code's archive into "
            "a folder `rodflow` beside this notebook, and the next cell installs it where it is "
            "missing"
        )
    lines += [
        '    if not pathlib.Path("rodflow/pyproject.toml").is_file():',
        '        raise FileNotFoundError("the code is not in a folder rodflow here; put it there")',
        "    %pip install --quiet -r rodflow/requirements.txt",
        "    %pip install --quiet --no-deps -e rodflow",
        "    # What was installed a moment ago, in this kernel too.",
        '    sys.path.insert(0, str(pathlib.Path("rodflow").resolve()))',
    ]
    where += ", with the exact versions of the packages it was tested with (Python 3.11 or newer)."
    return [new_markdown_cell(where), new_code_cell("\n".join(lines))]


@dataclass(frozen=True)
class _Writer:
    page: str
    book: Book
    drawn: Collection[str]

    def cells(self, old: NotebookNode) -> Iterator[NotebookNode]:
        tags = old.metadata.get("tags", [])
        if old.cell_type == "code":
            cell = new_code_cell(self._prose(old.source, in_code=True))
            if "parameters" in tags:
                cell.metadata["tags"] = ["parameters"]
            elif {"hide-input", "hide-cell", "remove-input", "remove-cell"} & set(tags):
                # Folded, as it is in the book.
                cell.metadata["jupyter"] = {"source_hidden": True}
            if "remove-cell" in tags and old.outputs:
                # What it draws comes below, with its caption.
                cell.source = f"%%capture\n{cell.source}"
            yield cell
        else:
            for made in self._blocks(old.source.splitlines()):
                if made.source.strip():
                    yield made

    def _blocks(self, lines: list[str]) -> Iterator[NotebookNode]:
        """Give the cells of a text: a figure of this notebook's own is a cell of code."""
        said: list[str] = []
        while lines:
            fence = _FENCE.fullmatch(lines[0])
            if fence is None:
                said.append(lines[0])
                lines = lines[1:]
                continue
            end = _end(lines, fence["marks"], self.page)
            body, lines = lines[1:end], lines[end + 1 :]
            for part in self._directive(fence["name"], fence["argument"].strip(), body):
                if isinstance(part, str):
                    said += ["", *part.splitlines(), ""]
                else:
                    yield self._said(said)
                    said = []
                    yield part
        yield self._said(said)

    def _said(self, lines: list[str]) -> NotebookNode:
        text = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
        return new_markdown_cell(_outside_listings(self._prose, text))

    def _directive(self, name: str, argument: str, body: list[str]) -> Iterator[str | NotebookNode]:
        options = {}
        while body and (option := re.fullmatch(r":([a-z-]+): *(.*)", body[0])):
            options[option[1]] = option[2]
            body = body[1:]
        if name == "figure":
            yield from self._figure(argument, options, "\n".join(body).strip())
        elif name in ("raw", "include"):
            # A player or a widget.
            yield f"*What moves here is on the page of the book: {self._here()}.*"
        elif name == "div" and argument == OFFER:
            yield ""
        elif name in ("div", "dropdown"):
            yield f"**{argument}**" if name == "dropdown" else ""
            for cell in self._blocks(body):
                yield cell.source if cell.cell_type == "markdown" else cell
        else:
            raise PlainError(f"{self.page} has a directive {{{name}}}, which has no plain form.")

    def _here(self) -> str:
        place = self.book.places.get(("doc", self.page), Place(self.page))
        return self.book.link(place.words, f"{self.page}.html")

    def _figure(
        self, path: str, options: Mapping[str, str], caption: str
    ) -> Iterator[str | NotebookNode]:
        stem = posixpath.splitext(posixpath.basename(path))[0]
        alt = options.get("alt", "").replace("[", "(").replace("]", ")")
        number = self.book.places.get(("ref", options.get("name", "")), Place("Figure")).words
        if stem in self.drawn:
            cell = new_code_cell(
                "from IPython.display import Image\n\n"
                f'Image(f"{{figures}}/{stem}.png", alt={alt!r})'
            )
            cell.metadata["jupyter"] = {"source_hidden": True}
            yield cell
        elif self.book.address:
            yield f"![{alt}]({self.book.address.rstrip('/')}/figures/{stem}.svg)"
        else:
            caption += f" *(`figures/{stem}.svg` of the code.)*"
        yield f"**{number}.** {caption}"

    def _prose(self, text: str, in_code: bool = False) -> str:
        """Replace what only MyST knows; in code, which may make such words, only references."""
        if not in_code:
            text = _ALIGN.sub(_aligned, _TARGET.sub("", text))
        role = _ROLE_IN_CODE if in_code else _ROLE
        text = role.sub(lambda found: self._role(found[1], found[2]), text)
        return _LINK.sub(self._link, text)

    def _role(self, role: str, content: str) -> str:
        content = " ".join(content.split())
        if role.startswith("cite:"):
            works = [self._place("cite", key.strip()) for key in content.split(",")]
            return "(" + "; ".join(self.book.link(work.words, work.where) for work in works) + ")"
        titled = _TITLED.fullmatch(content)
        words, target = (titled[1], titled[2]) if titled else ("", content)
        kind = {"numref": "ref"}.get(role, role)
        if kind == "doc":
            target = self._page(target)
        elif kind == "term":
            target = target.lower()
        elif kind != "ref":
            raise PlainError(f"{self.page} has a role {{{role}}}, which has no plain form.")
        place = self._place(kind, target)
        return self.book.link(words or (content if kind == "term" else place.words), place.where)

    def _page(self, target: str) -> str:
        return posixpath.normpath(posixpath.join("/", posixpath.dirname(self.page), target))[1:]

    def _place(self, kind: str, target: str) -> Place:
        try:
            return self.book.places[kind, target]
        except KeyError:
            raise PlainError(f"{self.page} refers to {target!r}, which no page has.") from None

    def _link(self, found: re.Match[str]) -> str:
        words, target = found[1], found[2]
        known = (("doc", self._page(target)), ("ref", target))
        for key in known:
            if key in self.book.places:
                return self.book.link(words, self.book.places[key].where)
        return found[0]


def _outside_listings(change, text: str) -> str:
    """Change a text except for the code that it lists."""
    parts, start = [], 0
    for listing in _LISTING.finditer(text):
        parts += [change(text[start : listing.start()]), listing[0]]
        start = listing.end()
    return "".join([*parts, change(text[start:])])


def _end(lines: list[str], marks: str, page: str) -> int:
    """Give where a directive ends: at the marks that opened it, whatever is nested in others."""
    depth = 0
    for index, line in enumerate(lines[1:], 1):
        if line.startswith(marks + "{"):
            depth += 1
        elif line.rstrip() == marks:
            if depth == 0:
                return index
            depth -= 1
    raise PlainError(f"a directive of {page} has no end.")


def _aligned(found: re.Match[str]) -> str:
    """Give rows with numbers as one formula between dollars, which has no numbers of its own."""
    rows = re.sub(r"\\tag\{(\w+)\}", r"\\qquad\\text{(\1)}", found[2].strip())
    return f"$$\n\\begin{{aligned}}\n{rows}\n\\end{{aligned}}\n$$"
