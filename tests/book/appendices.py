"""What the tests of the appendix pages share."""

import ast
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

from rodflow_book.derivations.checks import FalseEquation

ROOT = Path(__file__).resolve().parents[2]
PAGES = {
    "b": range(49, 57),
    "c1": range(57, 76),
    "c2": range(76, 111),
    "c3": range(111, 172),
    "d": range(172, 191),
    "e1": range(191, 220),
    "e2": range(220, 244),
    "f": range(244, 266),
    "g": range(266, 292),
}
"""The appendix pages, and the equations that have their place there."""

PRINTED = {"holds", "defines", "says", "asks", "right"}
SYMBOLIC = {"same", "positive", *PRINTED} - {"right"}
NUMERIC = {"agree", "close"}


def holds(check: Callable, *sides) -> bool:
    """Whether a check accepts."""
    try:
        check(0, *sides)
    except FalseEquation:
        return False
    return True


def source(page: str) -> str:
    """The text of an appendix page."""
    return (ROOT / "notebooks" / f"appendix_{page}.py").read_text()


@cache
def statements(page: str) -> list[ast.stmt]:
    """The page's code, statement by statement."""
    return ast.parse(source(page)).body


def called(node: ast.AST, names: set[str]) -> Iterable[ast.Call]:
    """Calls of checks within a statement."""
    for call in ast.walk(node):
        if isinstance(call, ast.Call):
            name = getattr(call.func, "attr", getattr(call.func, "id", ""))
            # `positive` and `same` are functions; the others are a page's methods.
            if name in names and call.args:
                yield call


def numbers(call: ast.Call, within: ast.stmt) -> set[int]:
    """Numbers that a check is called with, those that a loop of its statement hands it too."""
    found = _constants(call.args[0])
    if isinstance(call.args[0], ast.Name):
        for loop in ast.walk(within):
            if isinstance(loop, ast.For | ast.comprehension):
                targets = {n.id for n in ast.walk(loop.target) if isinstance(n, ast.Name)}
                found |= _constants(loop.iter) if call.args[0].id in targets else set()
    return found


def _constants(node: ast.AST) -> set[int]:
    values = (c.value for c in ast.walk(node) if isinstance(c, ast.Constant))
    return {value for value in values if type(value) is int}


def asserted(page: str, names: set[str]) -> set[int]:
    """Numbers that the page's checks of these names are called with."""
    return {
        n for node in statements(page) for call in called(node, names) for n in numbers(call, node)
    }


def derivation(page: str, wanted: Callable[[ast.stmt], bool]) -> ast.Module:
    """The statements that are wanted, and before them those that what they use comes from."""
    kept: list[ast.stmt] = []
    needed: set[str] = set()
    for node in reversed(statements(page)):
        bound = _bound(node)
        if wanted(node) or needed & bound:
            kept.append(node)
            if isinstance(node, ast.Assign | ast.FunctionDef):  # what it was before does not matter
                needed -= bound
            loaded = (n for n in ast.walk(node) if isinstance(n, ast.Name))
            needed |= {n.id for n in loaded if isinstance(n.ctx, ast.Load)}
    return ast.Module(kept[::-1], [])


def _bound(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    if isinstance(node, ast.FunctionDef):
        return {node.name}
    if isinstance(node, ast.Expr):
        return set()
    stored = [n for n in ast.walk(node) if isinstance(getattr(n, "ctx", None), ast.Store)]
    # d["a"] = 1 and d.a = 1 change d.
    inner = (n.value if isinstance(n, ast.Subscript | ast.Attribute) else n for n in stored)
    return {n.id for n in inner if isinstance(n, ast.Name)}


def execute(page: str, number: int) -> None:
    """Execute a page's checks of one equation as printed, and what they need."""
    compared = PRINTED - {"right"}
    if number not in asserted(page, compared):  # evaluated as printed, and compared elsewhere
        compared = PRINTED | SYMBOLIC | NUMERIC

    def wanted(node: ast.stmt) -> bool:
        return any(number in numbers(call, node) for call in called(node, compared))

    code = compile(ast.fix_missing_locations(derivation(page, wanted)), f"appendix_{page}", "exec")
    exec(code, {"__name__": f"appendix_{page}"})  # noqa: S102
