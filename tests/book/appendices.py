"""What the tests of the appendix pages share."""

import ast
from collections.abc import Callable
from pathlib import Path

from rodflow_book.derivations.checks import FalseEquation

ROOT = Path(__file__).resolve().parents[2]


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


def asserted(page: str, names: set[str]) -> set[int]:
    """Numbers that the page's checks of these names are called with."""
    found = set()
    for node in ast.walk(ast.parse(source(page))):
        called = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        if called and node.func.id in names:
            constants = (c for c in ast.walk(node.args[0]) if isinstance(c, ast.Constant))
            found |= {constant.value for constant in constants}
    return found
