"""The notebooks that pages offer: nothing of MyST is in them, and they run in plain Jupyter."""

import os
import re
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from rodflow_book.build.plain import Book, Place, PlainError, plain

ROOT = Path(__file__).resolve().parents[2]
HTML = Path(os.environ.get("RODFLOW_BOOK", ROOT / "build" / "quick" / "html"))
OFFERED = sorted((HTML / "_sources" / "notebooks").glob("*.ipynb"))
MYST = {
    "a role": r"\{[a-z:]+\}`",
    "a directive": r"(?m)^ *(:::|```\{)",
    "a target": r"(?m)^\([\w-]+\)=",
    "an environment out of dollars": r"\\begin\{align\*?\}",
    "a marker of cells": r"(?m)^# %%",
    "HTML": r"<(a|div|img|link|script)\b",
}
"""What plain Jupyter would show as it stands."""
BOOK = Book(
    {
        ("doc", "notebooks/rod"): Place("The rod", "notebooks/rod.html"),
        ("doc", "notation"): Place("Notation", "notation.html"),
        ("ref", "eq-4"): Place("eq-4", "notebooks/rod.html#eq-4"),
        ("ref", "fig-valley"): Place("Fig. 3", "notebooks/rod.html#fig-valley"),
        ("term", "edge of stability"): Place("edge of stability", "glossary.html#term-edge"),
        ("cite", "cohen2021edge"): Place("Cohen et al., 2021", "https://arxiv.org/abs/2103.00065"),
    }
)
PUBLISHED = Book(
    BOOK.places, address="https://host.invalid/book/", code="https://host.invalid/code"
)
TEXT = r"""# A page

(eq-4)=
\begin{align}
a&=b,\tag{4}\\
c&=d.
\end{align}

See {ref}`(4) <eq-4>`, {numref}`fig-valley`, the {term}`edge
of stability` {cite:p}`cohen2021edge`, {doc}`../notation` and [the rod](rod); not $[0](w)$.

:::{dropdown} More
$$
e=f.\tag{5}
$$
:::

```{figure} ../figures/valley.svg
:name: fig-valley
:alt: A valley with [two] walls.

The valley of {ref}`(4) <eq-4>`.
```

```python
text = "{ref}`(4) <eq-4>`"
```
"""


def myst(notebook):
    """Give what a notebook has of MyST."""
    return [
        f"{what}: {found[0]!r} in {cell.source[:60]!r}"
        for cell in notebook.cells
        for what, pattern in MYST.items()
        if cell.cell_type == "markdown" or what == "a role"
        for found in re.finditer(pattern, re.sub(r"(?ms)^```\w+\n.*?^```$", "", cell.source))
        # In an f-string of code a name in braces before a backtick is no role.
        if cell.cell_type == "markdown" or re.match(r"\{(ref|term|cite|doc|numref)\b", found[0])
    ]


def made(text, book=BOOK, drawn=(), code=""):
    cells = [new_markdown_cell(text), *([new_code_cell(code)] if code else [])]
    return plain(new_notebook(cells=cells), "notebooks/page", book, drawn)


def words(notebook):
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def test_what_myst_says_becomes_words():
    notebook = made(TEXT)
    assert myst(notebook) == []
    text = words(notebook)
    assert "$$\n\\begin{aligned}\na&=b,\\qquad\\text{(4)}\\\\\nc&=d.\n\\end{aligned}\n$$" in text
    assert (
        "See (4), Fig. 3, the edge of stability ([Cohen et al., 2021](https://arxiv.org/abs/"
        "2103.00065)), Notation and the rod; not $[0](w)$." in text
    )
    assert "**More**\n\n$$\ne=f.\\tag{5}\n$$" in text
    assert "**Fig. 3.** The valley of (4). *(`figures/valley.svg` of the code.)*" in text
    assert '```python\ntext = "{ref}`(4) <eq-4>`"\n```' in text


def test_with_an_address_words_are_links():
    text = words(made(TEXT, PUBLISHED))
    assert "[(4)](https://host.invalid/book/notebooks/rod.html#eq-4)" in text
    assert "[the rod](https://host.invalid/book/notebooks/rod.html)" in text
    assert "![A valley with (two) walls.](https://host.invalid/book/figures/valley.svg)" in text


def test_a_figure_that_the_notebook_draws_is_shown_by_a_cell():
    notebook = made(TEXT, drawn={"valley"})
    (cell,) = (cell for cell in notebook.cells if "Image(" in cell.source)
    assert "Image(f\"{figures}/valley.png\", alt='A valley with (two) walls.')" in cell.source
    after = notebook.cells[notebook.cells.index(cell) + 1]
    assert after.source.startswith("**Fig. 3.** The valley of (4).\n")


@pytest.mark.parametrize(
    "text",
    ["{math}`x`", "```{tip}\nMind.\n```", "{ref}`eq-5`", "{cite:p}`nobody`", "```{figure} a.svg"],
)
def test_what_has_no_plain_form_stops_the_build(text):
    with pytest.raises(PlainError, match="notebooks/page"):
        made(text)


@pytest.mark.parametrize("text", [TEXT, "# %% [markdown]", "\\begin{align}\na\n\\end{align}"])
def test_what_is_left_is_seen(text):
    assert myst(new_notebook(cells=[new_markdown_cell(text)]))


def test_in_code_only_references_are_words():
    code = 'show(f"{{ref}}`(4) <eq-4>`: {x}")\nassert f"`{name}` |" in y, "`"'
    cell = made("# A page", code=code).cells[-1]
    assert cell.source == 'show(f"(4): {x}")\nassert f"`{name}` |" in y, "`"'


@pytest.mark.parametrize("book", [BOOK, PUBLISHED], ids=["no address", "an address"])
def test_the_code_is_installed_where_it_is_missing(book):
    title, said, install = made("# A page", book).cells
    assert title.source == "# A page" and "requirements.txt" in install.source
    assert ("git clone" in install.source) == bool(book.code)
    assert ("knows no address" in said.source) != bool(book.code)


# What the built book offers


offered = pytest.mark.skipif(not OFFERED, reason=f"there is no book in {HTML}")


@offered
def test_every_page_that_is_a_notebook_offers_one():
    assert {p.stem for p in OFFERED} == {p.stem for p in (ROOT / "notebooks").glob("*.py")}
    for path in OFFERED:
        page = (HTML / "notebooks" / f"{path.stem}.html").read_text(encoding="utf-8")
        # The theme's button, and the link below the page.
        assert page.count(f'href="../_sources/notebooks/{path.name}"') == 2, path.name
    assert sum(path.stat().st_size for path in OFFERED) < 1.5e6


@offered
@pytest.mark.parametrize("path", OFFERED, ids=lambda path: path.stem)
def test_an_offered_notebook_is_plain(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert myst(notebook) == []
    assert "pip install" in notebook.cells[2].source
    assert not any(cell.get("outputs") for cell in notebook.cells)


@offered
def test_an_offered_notebook_runs_away_from_the_checkout(tmp_path, monkeypatch):
    from nbclient import NotebookClient

    monkeypatch.setenv("RODFLOW_CACHE", str(tmp_path / "cache"))
    notebook = nbformat.read(HTML / "_sources/notebooks/rod.ipynb", as_version=4)
    (settings,) = (c for c in notebook.cells if "parameters" in c.metadata.get("tags", []))
    settings.source += "\nsteps = 30"
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = [
        output
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if "image/png" in output.get("data", {})
    ]
    assert (tmp_path / "build/figures/rod-valley.svg").is_file()
    assert len(shown) == len(re.findall(r"(?m)^\*\*Fig\. ", words(notebook))) == 2
