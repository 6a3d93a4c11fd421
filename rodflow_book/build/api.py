"""The reference of the code, made from its docstrings and signatures.

    python -m rodflow_book.build.api build/api

Nothing is imported: what a module defines, and how, is read from its source, so that a page shows
types as they are written and the build does not wait for torch. A public name without a docstring,
or a module that is on no page, stops the build.

Public is what `__all__` names where a module has one, and elsewhere what begins with no underscore;
of a class its methods, properties and annotated fields. A field is documented under `Attributes:`
or `Args:` of its class or by a string below it; class variables that a protocol asks for are
documented there.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import NamedTuple

from rodflow_book.build import api_source
from rodflow_book.build.api_source import ApiError, Definition, Module
from rodflow_book.build.api_text import Names, as_rst, indent

ROOT = Path(__file__).resolve().parents[2]


class Page(NamedTuple):
    """One page of the reference.

    Attributes:
        title: its heading.
        about: a sentence on what is there.
        modules: what it documents, dotted.
    """

    title: str
    about: str
    modules: tuple[str, ...]


def _page(title: str, about: str, package: str, modules: str) -> Page:
    return Page(title, about, tuple(f"{package}.{name}" for name in modules.split()))


RUNS = "rodflow_core.experiments"
PAGES = {
    "optimizers": _page(
        "Optimizers and losses",
        "Update rules as momentum times second moment, and what they are run on.",
        "rodflow_core",
        "optimizers objective landscapes",
    ),
    "flows": _page(
        "Flows",
        "The stable flow, the rods, the models of others, and what integrates them.",
        "rodflow_core",
        "flows extent integrators central_flow complementarity edge_flow",
    ),
    "lockstep": _page(
        "Lockstep and what is measured",
        "Optimizer and flows side by side, their quantities, and the eigenvalues.",
        "rodflow_core",
        "simulate lockstep progress quantities sharpness spectrum checkpoint atomic memory",
    ),
    "theory": _page(
        "Closed forms",
        "Thresholds, orbits and fixed points of the paper's appendices.",
        "rodflow_core",
        "theory",
    ),
    "experiments": _page(
        "Problems, configurations, runs",
        "What is run, with which settings, and how it is recorded.",
        RUNS,
        "problem config parameters runs verification records wellformed presets regimes scout "
        "architectures data code",
    ),
    "judging": _page(
        "Claims and measurements",
        "What a recorded run says of a model.",
        RUNS,
        "claims judge limits frontier",
    ),
    "commands": _page(
        "The command line",
        "What stands behind `rodflow`, and how many runs are computed.",
        RUNS,
        "cli commands sweep forecast processes",
    ),
    "book": _page(
        "The book's own tools",
        "What a notebook of this book calls, and what executes it.",
        "rodflow_book",
        "notebook figures.run figures.files evidence build.notebooks",
    ),
}
"""The pages, by file name, in their order."""

OVERVIEW = """(api)=
# API

Every public name of `rodflow_core` and `rodflow_core.experiments`, and of `rodflow_book` what a
page of one's own needs. The text is that of the docstrings. A number in brackets leads to the
paper's equation.

| Page | What is there |
| :-- | :-- |
{rows}

## From another book

`objects.inv`, beside this site's `index.html`, lists what can be referred to from elsewhere: the
names above; every equation, as `eq-N` with the paper's number; every figure, as `figure-NAME` with
the name of its file; every term of the {{doc}}`glossary </glossary>`. A book made with Jupyter Book
or Sphinx reads it by intersphinx, from the site's address or from a folder:

```yaml
sphinx:
  extra_extensions: [sphinx.ext.intersphinx]
  config:
    intersphinx_mapping:
      rodflow: ["https://your.host/rodflow/", null]
      # or, of a book that was built beside it: ["../rodflow/build/quick/html", null]
```

It then refers to this book as to itself:

```markdown
{{py:class}}`rodflow_core.flows.RodFlow`, {{external:std:ref}}`equation (153) <eq-153>`,
{{external:std:ref}}`the figure <figure-rod-valley>`, {{external:std:term}}`extent tensor`
```
"""


def modules_to_document(root: Path) -> set[str]:
    """Give every module of the core and of the experiments that has to be on a page."""
    found = set()
    for path in sorted((root / "rodflow_core").rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        # A package stands for its modules where it exports them by name.
        if parts[:2] == ("rodflow_core", "theory"):
            parts = parts[:2]
        if not parts[-1].startswith("_"):
            found.add(".".join(parts))
    return found


def check_pages(root: Path) -> None:
    """Check that every module is on one page.

    Raises:
        ApiError: where one is on none or on two, or is not there.
    """
    listed = [name for page in PAGES.values() for name in page.modules]
    if twice := {name for name in listed if listed.count(name) > 1}:
        raise ApiError(f"{min(twice)} is on two pages of the API; keep one.")
    if lacking := modules_to_document(root) - set(listed):
        raise ApiError(
            f"{min(lacking)} is on no page of the API; add it to one of PAGES in "
            "rodflow_book/build/api.py."
        )


def sources(root: Path = ROOT) -> list[Path]:
    """List the files whose text the pages are made of."""
    own = [
        name for page in PAGES.values() for name in page.modules if name.startswith("rodflow_book")
    ]
    files = [root.joinpath(*name.split(".")).with_suffix(".py") for name in own]
    return [*sorted((root / "rodflow_core").rglob("*.py")), *filter(Path.is_file, files)]


def pages(root: Path = ROOT) -> dict[str, str]:
    """Give the pages as MyST texts, by file name without suffix; `index` leads to the others.

    Raises:
        ApiError: where a public name has no docstring, or a module no page.
    """
    check_pages(root)
    read = {
        name: api_source.read_module(root, name) for page in PAGES.values() for name in page.modules
    }
    for module in read.values():
        api_source.check_documented(module)
    names = Names.of(read.values())
    rows, texts = [], {}
    for key, page in PAGES.items():
        parts = [f"# {page.title}", page.about]
        parts += [_section(read[name], names) for name in page.modules]
        texts[key] = "\n\n".join(parts) + "\n"
        package = f"{page.modules[0].partition('.')[0]}."
        package = f"{RUNS}." if page.modules[0].startswith(RUNS) else package
        listed = ", ".join(f"`{name.removeprefix(package)}`" for name in page.modules)
        about = f"{page.about} In `{package[:-1]}`: {listed}."
        rows.append(f"| {{doc}}`{page.title} <{key}>` | {about} |")
    return {"index": OVERVIEW.format(rows="\n".join(rows)), **texts}


def _section(module: Module, names: Names) -> str:
    """Give a module's heading and all that it makes public."""
    lines = [f".. py:module:: {module.name}", ""]
    lines += [*as_rst(module.doc, names, module), ""]
    for definition in module.public:
        lines += [*_definition(definition, module, names), ""]
    body = "\n".join(lines).rstrip()
    return f"## `{module.name}`\n\n````{{eval-rst}}\n{body}\n````"


def _definition(definition: Definition, module: Module, names: Names) -> list[str]:
    node, doc = definition.node, definition.doc
    if isinstance(node, ast.ClassDef):
        return _class(definition, module, names)
    if isinstance(node, ast.FunctionDef):
        head = f".. py:function:: {definition.name}{_signature(node, definition.home, names)}"
        return [head, "", *indent(as_rst(doc, names, definition.home))]
    head = [f".. py:data:: {definition.name}"]
    if isinstance(node, ast.AnnAssign):
        head.append(f"   :type: {names.qualified(node.annotation, definition.home)}")
    value = ast.unparse(node.value) if getattr(node, "value", None) else ""
    if value and len(value) <= 60:
        head.append(f"   :value: {value}")
    return [*head, "", *indent(as_rst(doc, names, definition.home))]


def _signature(node: ast.FunctionDef, home: Module, names: Names, method: bool = False) -> str:
    arguments = names.qualified(node.args, home)
    if method and not any(_is(d, "staticmethod") for d in node.decorator_list):
        arguments = arguments.partition(",")[2].strip()
    returns = f" -> {names.qualified(node.returns, home)}" if node.returns else ""
    return f"({arguments}){returns}"


def _is(decorator: ast.expr, name: str) -> bool:
    return ast.unparse(decorator).split("(")[0].split(".")[-1] == name


def _class(definition: Definition, module: Module, names: Names) -> list[str]:
    node, home = definition.node, definition.home
    fields = api_source.fields_of(node, home)
    signature = ""
    if fields and api_source.makes_init(node, home):
        shown = [names.field(field) for field in fields if not field.is_variable]
        signature = f"({', '.join(shown)})"
    else:
        for method in node.body:
            if isinstance(method, ast.FunctionDef) and method.name == "__init__":
                signature = _signature(method, home, names, method=True).partition(" -> ")[0]
    types = {field.name: names.field_type(field) for field in fields}
    lines = as_rst(definition.doc, names, home, within=definition.name, types=types)
    for field in fields:
        if field.doc and field.owner == definition.name:
            lines += ["", f".. py:attribute:: {field.name}", f"   :type: {types[field.name]}", ""]
            lines += indent(as_rst(field.doc, names, field.home, within=definition.name))
    for method in api_source.public_methods(node):
        lines += ["", *_method(method, definition, names)]
    kind = "exception" if definition.name.endswith("Error") else "class"
    return [f".. py:{kind}:: {definition.name}{signature}", "", *indent(lines)]


def _method(method: ast.FunctionDef, owner: Definition, names: Names) -> list[str]:
    doc = as_rst(ast.get_docstring(method) or "", names, owner.home, within=owner.name)
    decorators = [d for d in method.decorator_list]
    if any(_is(d, "property") or _is(d, "cached_property") for d in decorators):
        head = [f".. py:property:: {method.name}"]
        if method.returns:
            head.append(f"   :type: {names.qualified(method.returns, owner.home)}")
    else:
        head = [f".. py:method:: {method.name}{_signature(method, owner.home, names, method=True)}"]
        head += [
            f"   :{kind}:"
            for kind in ("classmethod", "staticmethod")
            if any(_is(d, kind) for d in decorators)
        ]
    return [*head, "", *indent(doc)]


def write(folder: Path, root: Path = ROOT) -> None:
    """Write the pages into `folder/api`.

    Raises:
        ApiError: as `pages`.
    """
    target = folder / "api"
    target.mkdir(parents=True, exist_ok=True)
    for name, text in pages(root).items():
        (target / f"{name}.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    try:
        write(Path(sys.argv[1]))
    except ApiError as error:
        sys.exit(f"error: {error}")
