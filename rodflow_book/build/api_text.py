"""Docstrings as pages: sections, examples, and links to equations and to other names."""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Iterable, Mapping

from rodflow_book.build import api_source
from rodflow_book.build.api_source import Field, Module

# Examples and literals are left as they are; single quotes may name something; numbers in brackets
# are the paper's equations, unless they follow a name, as an index or an argument would.
INLINE = re.compile(
    r"(?P<example>^[ \t]*>>>.*(?:\n[ \t]*\S.*)*)"
    r"|(?P<literal>``[^`]+``)"
    r"|^\$\$(?P<display>[^$]+)\$\$"
    r"|(?P<math>:math:`[^`]+`)|\$(?P<dollars>[^$\n]+)\$"
    r"|(?::(?:py:)?\w+:)?`(?P<single>[^`]+)`"
    r"|(?<![\w\])`])\((?P<number>\d{1,3})\)"
    r"|(?P<bar>\|)",
    re.MULTILINE,
)
NAME = re.compile(r"[A-Za-z_]\w*(\.\w+)*")
BLOCK = re.compile(r"(?P<before>^\S.*\n)\n(?=    \S)", re.MULTILINE)
OPENS_LITERALLY = " \t\n('\"<[{-/:"
CLOSES_LITERALLY = " \t\n)'\">]}-/:.,;!?\\"


class Names:
    """All that the reference documents, to be referred to.

    Args:
        known: full dotted names.
    """

    def __init__(self, known: Iterable[str]) -> None:
        """Keep the names."""
        self.known = frozenset(known)

    @classmethod
    def of(cls, modules: Iterable[Module]) -> Names:
        """Collect the names of modules, of what they make public, and of methods and fields."""
        known = []
        for module in modules:
            known.append(module.name)
            for definition in module.public:
                full = f"{module.name}.{definition.name}"
                known.append(full)
                if isinstance(definition.node, ast.ClassDef):
                    methods = api_source.public_methods(definition.node)
                    fields = api_source.fields_of(definition.node, definition.home)
                    known += [f"{full}.{item.name}" for item in [*methods, *fields]]
        return cls(known)

    def find(self, name: str, home: Module, within: str = "") -> str | None:
        """Give what a name in a docstring or a signature stands for, as a full dotted name.

        Args:
            name: as it is written.
            home: the module in which.
            within: the class in which.
        """
        first, _, rest = name.partition(".")
        origin = home.imported.get(first)
        candidates = [f"{home.name}.{within}.{name}"] if within else []
        candidates.append(f"{home.name}.{name}")
        if origin:
            candidates.append(f"{origin}.{rest}" if rest else origin)
        # Of a package's modules the package is what one imports from.
        packages = [c.replace(".theory.", ".theory.\0", 1) for c in candidates if ".theory." in c]
        candidates += [re.sub(r"\0\w+\.", "", c) for c in packages]
        candidates.append(name)
        if found := next((c for c in candidates if c in self.known), None):
            return found
        ends = [full for full in self.known if full.endswith(f".{name}")] if "." in name else []
        return ends[0] if len(ends) == 1 else None

    def qualified(self, node: ast.AST, home: Module) -> str:
        """Give an annotation or arguments as source, the project's names in full after a tilde."""
        return ast.unparse(_Qualify(self, home).visit(copy.deepcopy(node)))

    def field_type(self, field: Field) -> str:
        """Give a field's type as source, without the mark of a class variable."""
        written = self.qualified(field.annotation, field.home)
        return re.sub(r"^ClassVar\[(.*)\]$", r"\1", written)

    def field(self, field: Field) -> str:
        """Give a field as an argument."""
        written = f"{field.name}: {self.field_type(field)}"
        return f"{written} = {field.default}" if field.default else written


class _Qualify(ast.NodeTransformer):
    def __init__(self, names: Names, home: Module) -> None:
        self.names, self.home = names, home

    def visit_arg(self, node: ast.arg) -> ast.arg:
        if node.annotation is not None:
            node.annotation = self._in_full(node.annotation)
        return node

    def visit_arguments(self, node: ast.arguments) -> ast.arguments:
        # Defaults stay as they are written: only types lead somewhere.
        for argument in [*node.posonlyargs, *node.args, *node.kwonlyargs, node.vararg, node.kwarg]:
            if argument is not None:
                self.visit_arg(argument)
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return self._in_full(node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        return self._in_full(node)

    def _in_full(self, node: ast.expr) -> ast.expr:
        if isinstance(node, ast.Name | ast.Attribute):
            found = self.names.find(ast.unparse(node), self.home)
            return ast.Name(id=f"~{found}") if found else node
        return self.generic_visit(node)


def indent(lines: Iterable[str]) -> list[str]:
    """Indent by the three columns of a directive's body."""
    return [f"   {line}" if line else "" for line in lines]


def as_rst(
    doc: str,
    names: Names,
    home: Module,
    within: str = "",
    types: Mapping[str, str] | None = None,
) -> list[str]:
    """Give a docstring as lines of reStructuredText.

    Args:
        doc: the docstring, its indentation removed.
        names: what can be referred to.
        home: the module whose docstring it is.
        within: the class whose docstring, or whose method's, it is.
        types: of a class, the types of its fields, which the docstring does not repeat.
    """
    # Sphinx is needed where a page is made, and not by whoever asks which files count.
    from sphinx.ext.napoleon import Config, GoogleDocstring

    text = _inline(_blocks(doc), names, home, within)
    settings = Config(napoleon_use_ivar=False, napoleon_use_rtype=False)
    # An item of its lines may hold several.
    made = str(GoogleDocstring(text, settings, what="class" if types else "function"))
    result = []
    for line in made.splitlines():
        result.append(line)
        if types and (found := re.match(r"( *)\.\. attribute:: (\w+)$", line)):
            if found[2] in types:
                result.append(f"{found[1]}   :type: {types[found[2]]}")
    return result


def _blocks(doc: str) -> str:
    """Mark what is indented below running text, a formula or a command, as shown literally."""

    def marked(found: re.Match[str]) -> str:
        # Below a heading of a section, and within a list, indentation has its own meaning.
        if re.match(r"[A-Z]\w+:$|[-*] ", found["before"].strip()):
            return found[0]
        return f"{found['before']}\n::\n\n"

    return BLOCK.sub(marked, doc)


def _inline(text: str, names: Names, home: Module, within: str) -> str:
    from rodflow_book.build.equations import LAST

    def replaced(found: re.Match[str]) -> str:
        if found["example"] or found["math"]:
            return found[0]
        if found["display"]:
            return "\n".join([".. math::", "", *indent(found["display"].strip().splitlines()), ""])
        if found["dollars"]:
            return _apart(f":math:`{found['dollars']}`", found)
        if found["bar"]:
            return "\\|"
        if found["number"]:
            number = int(found["number"])
            if not 1 <= number <= LAST:
                return found[0]
            return _apart(f":ref:`({number}) <eq-{number}>`", found)
        written = found["single"] or found["literal"].strip("`")
        whole = NAME.fullmatch(written)
        # In double quotes there are arguments and formulas too: there only what looks like a name.
        telling = found["single"] or written[:1].isupper() or "." in written
        full = names.find(written, home, within) if whole and telling else None
        role = f":py:obj:`{written} <{full}>`" if full else f"``{written}``"
        return _apart(role, found)

    return INLINE.sub(replaced, text)


def _apart(markup: str, found: re.Match[str]) -> str:
    """Set markup off from what it touches, invisibly."""
    text, start, end = found.string, found.start(), found.end()
    before = "\\ " if start and text[start - 1] not in OPENS_LITERALLY else ""
    after = "\\ " if end < len(text) and text[end] not in CLOSES_LITERALLY else ""
    return f"{before}{markup}{after}"
