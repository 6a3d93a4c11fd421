"""Lay the book's source tree out of prose, executed notebooks and figures.

    python -m rodflow_book.build.assemble build/quick

Jupyter Book wants all pages below one folder; here that folder is made anew, `source/` beside
`notebooks/` and `figures/` in the build folder of one preset.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterable
from fnmatch import fnmatch
from pathlib import Path

import nbformat
import yaml

from rodflow_book.build import (
    api,
    citation,
    equations,
    explorer,
    gallery,
    plain,
    rerun,
    site_figures,
    status,
)
from rodflow_book.build.publish import publish
from rodflow_book.captions import told
from rodflow_book.markup import literal
from rodflow_book.notebook import DOUBTS
from rodflow_core.atomic import refusal
from rodflow_core.experiments import records

ROOT = Path(__file__).resolve().parents[2]
LICENCES = ("LICENSE", "LICENSE-text")
"""Files of the checkout that pages link to, beside CITATION.cff."""


class BookError(ValueError):
    """The parts of the book do not fit together."""


def executed(folder: Path) -> dict[str, nbformat.NotebookNode]:
    """Read the executed notebooks, by name."""
    paths = sorted((folder / "notebooks").glob("*.ipynb"))
    sources = {path.stem for path in (ROOT / "notebooks").glob("*.py")}
    return {p.stem: nbformat.read(p, as_version=4) for p in paths if p.stem in sources}


def check_contents(notebooks: dict[str, nbformat.NotebookNode]) -> None:
    """Refuse a notebook that the contents do not list, and a chapter that is no notebook."""
    toc = yaml.safe_load((ROOT / "book" / "_toc.yml").read_text(encoding="utf-8"))
    pages = {f"notebooks/{name}" for name in notebooks}
    listed = [entry for entry in _entries(toc) if entry.startswith("notebooks/")]
    for page in sorted(pages):
        if not any(fnmatch(page, entry) for entry in listed):
            raise BookError(f"{page}.py is not in book/_toc.yml; add it as a chapter there.")
    for entry in listed:
        if not any(fnmatch(page, entry) for page in pages):
            raise BookError(f"book/_toc.yml lists {entry}, but there is no such notebook.")


def pages(notebooks: Iterable[str]) -> list[str]:
    """Sort notebooks as the contents list them."""
    toc = yaml.safe_load((ROOT / "book" / "_toc.yml").read_text(encoding="utf-8"))
    listed = _entries(toc)
    place = {
        name: next(i for i, entry in enumerate(listed) if fnmatch(f"notebooks/{name}", entry))
        for name in notebooks
    }
    return sorted(notebooks, key=lambda name: (place[name], name))


def _entries(node: object) -> list[str]:
    if isinstance(node, dict):
        own = [node[key] for key in ("file", "glob") if key in node]
        return own + [e for value in node.values() for e in _entries(value)]
    if isinstance(node, list):
        return [e for value in node for e in _entries(value)]
    return []


def merge_figures(folder: Path, target: Path) -> dict[str, str]:
    """Bring the figures of all notebooks together; no two may write the same file.

    Returns:
        The notebook of each figure that has a manifest, by the figure's stem.
    """
    seen: dict[Path, str] = {}
    for owner in sorted((folder / "figures").glob("*/")):
        for path in sorted(p for p in owner.rglob("*") if p.is_file()):
            relative = path.relative_to(owner)
            if path.name == ".snakemake_timestamp":
                continue
            if relative in seen:
                raise BookError(
                    f"the notebooks {seen[relative]} and {owner.name} both write the "
                    f"figure file {relative}; give one of them another name."
                )
            seen[relative] = owner.name
            (target / relative).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target / relative)
    return {path.stem: owner for path, owner in seen.items() if path.suffix == ".json"}


def hide_folder(notebook: nbformat.NotebookNode) -> None:
    """Leave out of the page where this build put the figures; settings that readers chose stay."""
    for cell in list(notebook.cells):
        if "injected-parameters" in cell.metadata.get("tags", []):
            lines = [
                line
                for line in cell.source.splitlines()
                if line and not line.startswith(("figures =", "#"))
            ]
            cell.source = "\n".join(lines)
            if not lines:
                notebook.cells.remove(cell)


_CITED = re.compile(
    r"```\{figure\} \.\./figures/(?P<row>[a-z_]+-[a-z]+)-cifar\.svg\n.*?\n```", re.DOTALL
)


def say_what_is_missing(notebook: nbformat.NotebookNode, figures: Path) -> None:
    """Put a sentence in place of the figure of a run on CIFAR-10 that is not recorded yet.

    These runs take hours, and images that are not here; a book that lacks one is a book still.
    """

    def sentence(found: re.Match[str]) -> str:
        row = found["row"]
        if (figures / f"{row}-cifar.svg").exists():
            return found[0]
        return f"*Not recorded yet; `rodflow sweep --preset cifar --only {row}` makes it.*"

    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = _CITED.sub(sentence, cell.source)


def tell_doubts(notebook: nbformat.NotebookNode) -> None:
    """End a page with what is to be doubted of the runs it shows, also where a cell is hidden."""
    said: dict[str, None] = {}
    for cell in notebook.cells:
        outputs = cell.get("outputs", [])
        doubts = [output for output in outputs if DOUBTS in output.get("metadata", {})]
        said |= dict.fromkeys("".join(output["data"]["text/markdown"]) for output in doubts)
        if doubts:
            cell.outputs = [output for output in outputs if output not in doubts]
    if said:
        text = "\n\n".join(said)
        notebook.cells.append(nbformat.v4.new_markdown_cell(f":::{{warning}}\n{text}\n:::"))


def sign(notebook: nbformat.NotebookNode) -> None:
    """End a page with what made it: source, settings, versions, time, machine."""
    made = notebook.metadata["rodflow"]
    chosen = ", ".join(f"{key} {literal(value)}" for key, value in status.settings(made).items())
    text = (
        f"Made from `notebooks/{made['source']}`"
        + (f" ({chosen})" if chosen else "")
        + f" in {made['seconds']:g} s on {literal(made['machine'])}; rodflow "
        f"{made['versions']['rodflow']}, torch {made['versions']['torch']}, "
        f"Python {made['python']}."
    )
    file = f"../_sources/notebooks/{Path(made['source']).stem}.ipynb"
    offer = f'<a href="{file}" download>This page as a notebook for plain Jupyter</a>'
    notebook.cells += [
        nbformat.v4.new_markdown_cell(f":::{{div}} made-by\n{text}\n:::"),
        nbformat.v4.new_markdown_cell(f":::{{div}} {plain.OFFER}\n{offer}\n:::"),
    ]


def say_where(source: Path) -> None:
    """Fill in what follows from the settings: the addresses of book and code, how to cite both."""
    where = citation.places(source)
    for path in source.glob("*.md"):
        path.write_text(citation.filled(path.read_text("utf-8"), where), encoding="utf-8")
    said = citation.cff((ROOT / "CITATION.cff").read_text(encoding="utf-8"), where)
    (source / "CITATION.cff").write_text(said, encoding="utf-8")


def assemble(folder: Path) -> None:
    """Make `folder/source` anew; with the quick preset, bring figures/ up to date too."""
    notebooks = executed(folder)
    check_contents(notebooks)
    source = folder / "source"
    shutil.rmtree(source, ignore_errors=True)
    ignored = shutil.ignore_patterns("vendor", "__pycache__")
    shutil.copytree(ROOT / "book", source, ignore=ignored)
    # What is copied to the site as it is: MathJax, and every figure with its data beside it.
    shutil.copytree(ROOT / "book" / "vendor", source / "site")
    owners = merge_figures(folder, source / "figures")
    if (source / "figures").exists():
        if folder.name == "quick":
            publish(source / "figures", ROOT / "figures")
        site_figures.prepare(source / "figures", folder / "lighter")
        shutil.copytree(source / "figures", source / "site" / "figures")
    explorer.write(source / "site", records.checkout_directory())
    (source / "notebooks").mkdir()
    for name, notebook in notebooks.items():
        hide_folder(notebook)
        say_what_is_missing(notebook, source / "figures")
        tell_doubts(notebook)
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                cell.source = told(cell.source, source / "figures")
        sign(notebook)
        nbformat.write(notebook, source / "notebooks" / f"{name}.ipynb")
    for name in LICENCES:
        shutil.copyfile(ROOT / name, source / name)
    say_where(source)
    page = source / "rerun.md"
    table = rerun.table(sorted((ROOT / "notebooks").glob("*.py")))
    page.write_text(page.read_text("utf-8").replace(rerun.TOKEN, table), encoding="utf-8")
    api.write(source, ROOT)
    (source / "status.md").write_text(status.page(notebooks), encoding="utf-8")
    texts = {name: "\n".join(c.source for c in notebooks[name].cells) for name in pages(notebooks)}
    shown = gallery.page(source / "figures", owners, texts)
    (source / "gallery.md").write_text(shown, encoding="utf-8")
    (source / "equations.md").write_text(equations.page(source), encoding="utf-8")


if __name__ == "__main__":
    try:
        assemble(Path(sys.argv[1]))
    except (BookError, api.ApiError, equations.EquationError) as error:
        sys.exit(f"error: {error}")
    except OSError as error:
        sys.exit(f"error: {refusal(error)}")
