"""What a module makes public, read from its source; a public name without words is an error."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple


class ApiError(ValueError):
    """A public name without a docstring, or a module without a page."""


class Module(NamedTuple):
    """A module as its source tells it.

    Attributes:
        name: dotted.
        doc: its docstring.
        public: what it makes public, in the order of the source.
        imported: dotted origin of every name that it imports.
        tree: the parsed source.
        root: folder that holds the packages.
    """

    name: str
    doc: str
    public: tuple[Definition, ...]
    imported: dict[str, str]
    tree: ast.Module
    root: Path


class Definition(NamedTuple):
    """A function, a class or a constant.

    Attributes:
        name: its own, not dotted.
        node: the statement that defines it.
        doc: its docstring; of a constant, the string below it.
        home: the module whose source defines it.
    """

    name: str
    node: ast.stmt
    doc: str
    home: Module


class Field(NamedTuple):
    """An annotated field of a class.

    Attributes:
        name: its own.
        annotation: its type.
        default: its default as source, empty for none.
        doc: the string below it, empty for none.
        is_variable: whether it is a class variable and no argument.
        described: whether its class, or one between, says what it is.
        owner: name of the class that defines it.
        home: the module whose source defines it.
    """

    name: str
    annotation: ast.expr
    default: str
    doc: str
    is_variable: bool
    described: bool
    owner: str
    home: Module


def read_module(root: Path, name: str) -> Module:
    """Read a module, or a package that exports by `__all__` what its modules define.

    Raises:
        ApiError: where there is no such module, or no docstring.
    """
    module = _parsed(root, name)
    exported = _exported(module.tree)
    own = {definition.name: definition for definition in _definitions(module)}
    if exported is None:
        return module._replace(public=tuple(d for key, d in own.items() if not key.startswith("_")))
    found = [own[key] for key in own if key in exported]
    # What comes from elsewhere: by origin, in the order of the imports, and there of the source.
    homes = dict.fromkeys(module.imported[key].rpartition(".")[0] for key in module.imported)
    for home in homes:
        names = {k.rpartition(".")[2] for k in module.imported.values() if k.startswith(f"{home}.")}
        wanted = names & set(exported) - set(own)
        if wanted:
            found += [d for d in _definitions(_parsed(root, home)) if d.name in wanted]
    if lost := set(exported) - {d.name for d in found}:
        raise ApiError(f"{name} exports {min(lost)}, which no module of the project defines.")
    return module._replace(public=tuple(found))


@cache
def _parsed(root: Path, name: str) -> Module:
    base = root.joinpath(*name.split("."))
    path = base / "__init__.py" if base.is_dir() else base.with_suffix(".py")
    if not path.is_file():
        raise ApiError(f"there is no module {name}; correct PAGES in rodflow_book/build/api.py.")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    doc = ast.get_docstring(tree)
    if not doc:
        raise ApiError(f"{name} has no docstring; say in one what it is for.")
    package = name.split(".") if base.is_dir() else name.split(".")[:-1]
    return Module(name, doc, (), dict(_imports(tree, package)), tree, root)


def _imports(tree: ast.Module, package: list[str]) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            base = [node.module] if node.module else []
            if node.level:
                base = [*package[: len(package) - node.level + 1], *base]
            for alias in node.names:
                yield alias.asname or alias.name, ".".join([*base, alias.name])
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.asname or alias.name.split(".")[0], alias.name


def _exported(tree: ast.Module) -> list[str] | None:
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return list(ast.literal_eval(node.value))
    return None


def _definitions(module: Module) -> Iterator[Definition]:
    """Give what a module defines itself, private names too."""
    constants: dict[str, list] = {}
    for node, below in _with_string_below(module.tree.body):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield Definition(node.name, node, ast.get_docstring(node) or "", module)
            continue
        for name in _targets(node):
            # What is said of a constant may stand below a later statement that adds to it.
            first = constants.setdefault(name, [node, ""])
            first[1] = below or first[1]
    for name, (node, doc) in constants.items():
        if not name.startswith("__"):
            yield Definition(name, node, doc, module)


def _targets(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.Assign):
        return [t.id for t in node.targets if isinstance(t, ast.Name)]
    if isinstance(node, ast.AnnAssign | ast.AugAssign) and isinstance(node.target, ast.Name):
        return [node.target.id]
    return []


def _with_string_below(body: list[ast.stmt]) -> Iterator[tuple[ast.stmt, str]]:
    for node, after in zip(body, [*body[1:], None], strict=True):
        said = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
        text = after.value.value if said else ""
        yield node, " ".join(text.split()) if isinstance(text, str) else ""


# --- classes -------------------------------------------------------------------------------------


def public_methods(node: ast.ClassDef) -> list[ast.FunctionDef]:
    """Give the methods and properties of a class that begin with no underscore."""
    found = [n for n in node.body if isinstance(n, ast.FunctionDef)]
    return [n for n in found if not n.name.startswith("_")]


def makes_init(node: ast.ClassDef, home: Module) -> bool:
    """Whether a class is made from its fields: a dataclass or a named tuple."""
    if any("dataclass" in ast.unparse(d) for d in node.decorator_list):
        return True
    bases = [ast.unparse(base) for base in node.bases]
    return "NamedTuple" in bases


def fields_of(node: ast.ClassDef, home: Module) -> list[Field]:
    """Give the annotated fields of a class that are public, those of its bases first."""
    found: dict[str, Field] = {}
    for base in node.bases:
        definition = _class_named(ast.unparse(base), home)
        if definition is not None:
            inherited = fields_of(definition.node, definition.home)  # type: ignore[arg-type]
            found |= {field.name: field for field in inherited}
    for statement, below in _with_string_below(node.body):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            name, annotation = statement.target.id, statement.annotation
            if not name.startswith("_"):
                default = ast.unparse(statement.value) if statement.value else ""
                variable = ast.unparse(annotation).startswith("ClassVar")
                found[name] = Field(
                    name, annotation, default, below, variable, bool(below), node.name, home
                )
    doc = ast.get_docstring(node) or ""
    for name, field in found.items():
        if re.search(rf"^\s+{name}\s*:", doc, re.MULTILINE):
            found[name] = field._replace(described=True)
    return list(found.values())


def _class_named(name: str, home: Module) -> Definition | None:
    """Find a class of the project by the name that a module knows it by."""
    for definition in _definitions(home):
        if definition.name == name and isinstance(definition.node, ast.ClassDef):
            return definition
    origin, _, own = home.imported.get(name, "").rpartition(".")
    if origin.startswith(("rodflow_core", "rodflow_book")):
        return _class_named(own, _parsed(home.root, origin))
    return None


# --- the check -----------------------------------------------------------------------------------


def check_documented(module: Module) -> None:
    """Check that everything public says what it is.

    Raises:
        ApiError: naming what does not.
    """
    silent = [
        f"{definition.home.name}.{lacking}"
        for definition in module.public
        for lacking in _silent(definition)
    ]
    if silent:
        raise ApiError(
            f"{', '.join(silent)}: public, and without a docstring; say in one what it is, "
            "or let its name begin with an underscore."
        )


def _silent(definition: Definition) -> Iterator[str]:
    if not definition.doc:
        yield definition.name
    node = definition.node
    if isinstance(node, ast.ClassDef):
        for method in public_methods(node):
            if not ast.get_docstring(method):
                yield f"{definition.name}.{method.name}"
        for field in fields_of(node, definition.home):
            if not (field.described or field.is_variable):
                yield f"{definition.name}.{field.name}"
