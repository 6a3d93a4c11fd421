"""Content keys: what a product of the build was made from, as one short digest.

A clone gives every file an arbitrary time, so times cannot say what is stale. A key can: it is the
hash of what a product depends on, found by following the imports of the project. Of Python code
only what runs counts: rewording a comment or a docstring makes nothing stale.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import yaml

from rodflow_core.experiments.code import code_of

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("rodflow_core", "rodflow_book")


def digest(*parts: str | Path) -> str:
    """Hash texts and files (by name and content; a folder by all it holds)."""
    sha = hashlib.sha256()
    for part in parts:
        if isinstance(part, str):
            _feed(sha, part.encode())
            continue
        for path in _files(part):
            _feed(sha, path.relative_to(ROOT).as_posix().encode())
            _feed(sha, _code(path) if path.suffix == ".py" else path.read_bytes())
    return sha.hexdigest()[:16]


def _feed(sha, data: bytes) -> None:
    # The length goes first, so that no two lists of parts run together into the same bytes.
    sha.update(len(data).to_bytes(8, "big"))
    sha.update(data)


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        found = (p for p in path.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
        yield from sorted(found)
    else:
        yield path


@functools.cache
def _code(path: Path) -> bytes:
    return code_of(path.read_text(encoding="utf-8")).encode()


def header(source: str) -> dict:
    """Give a notebook's own metadata: what stands under `jupyter` at the top of its source.

    Jupytext would say the same, after a second that no reading of the build should take.
    """
    block = re.match(r"# ---\n((?:#.*\n)*?)# ---\n", source)
    text = re.sub(r"^# ?", "", block[1], flags=re.MULTILINE) if block else ""
    return (yaml.safe_load(text) or {}).get("jupyter", {})


def closure(source: str, without: Iterable[str] = ()) -> list[Path]:
    """List the files of the project that a Python source reaches through imports, in fixed order.

    Args:
        source: Python text to start from.
        without: Dotted modules at which to stop: neither they nor, through them, others count.
    """
    stop = {ROOT.joinpath(*name.split(".")).with_suffix(".py") for name in without}
    waiting = _imported(source) - stop
    reached: set[Path] = set()
    while waiting:
        path = waiting.pop()
        reached.add(path)
        waiting |= _imported_by(path) - reached - stop
    return sorted(reached)


@functools.cache
def _imported_by(path: Path) -> frozenset[Path]:
    return frozenset(_imported(path.read_text(encoding="utf-8"), path))


def _imported(source: str, path: Path | None = None) -> set[Path]:
    """List the files of the project that a source imports itself; `path` is where it lies in it."""
    found: set[Path] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                found |= _resolve(alias.name.split("."))
        elif isinstance(node, ast.ImportFrom):
            base = node.module.split(".") if node.module else []
            if node.level and path is not None:
                base = [*path.relative_to(ROOT).parts[: -node.level], *base]
            for alias in node.names:
                found |= _resolve([*base, alias.name])
    return found


def _resolve(parts: list[str]) -> set[Path]:
    """List what importing a dotted name executes: each package on the way, then the module."""
    if parts[0] not in PACKAGES:
        return set()
    found = set()
    for length in range(1, len(parts) + 1):
        place = ROOT.joinpath(*parts[:length])
        for path in (place / "__init__.py", place.with_suffix(".py")):
            if path.is_file():
                found.add(path)
    return found
