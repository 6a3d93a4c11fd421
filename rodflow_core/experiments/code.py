"""Digests of code: what a record or a page was made with. Needs no torch.

A digest of code never decides alone whether a record is current (`runs.status`): it says whether
the replay must be looked at.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import io
import re
import tokenize
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
"""Folder of the core."""
_EXPERIMENTS = ("architectures", "config", "data", "parameters", "problem", "runs")


@functools.cache
def core_code() -> str:
    """Give a short digest of the code that makes a run's numbers, words left out."""
    paths = sorted(PACKAGE.glob("*.py"))
    paths += [PACKAGE / "experiments" / f"{name}.py" for name in _EXPERIMENTS]
    digest = hashlib.sha256()
    for path in paths:
        digest.update(code_of(path.read_text(encoding="utf-8")).encode())
    return digest.hexdigest()[:12]


def code_of(source: str) -> str:
    """Give a module's code without its words: no comment, docstring, blank line or spacing.

    From tokens and not from the syntax tree, whose dump differs between versions of Python.
    """
    wordy: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            wordy.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    silent = {tokenize.COMMENT, tokenize.NL}
    marks = {tokenize.INDENT: ">", tokenize.DEDENT: "<", tokenize.NEWLINE: ";"}
    parts = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in silent and not (token.start[0] in wordy and token.type not in marks):
            parts.append(marks.get(token.type, token.string))
    # A docstring leaves its end of line behind.
    return re.sub(";+", ";", " ".join(parts).replace(" ;", ";"))
