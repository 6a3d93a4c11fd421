"""Bring `figures/` up to date with what a build made, and touch nothing that says the same.

A figure is a set of files: pictures, numbers, manifest. On another machine its last bits differ and
its manifest names another minute. A set is published where it differs in substance, and then as a
whole: no file of one build stands beside those of another.
"""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Iterable
from pathlib import Path

from rodflow_core import atomic

TOLERANCE = 1e-6
"""Relative difference, to the largest number of its column, from which two numbers are two."""
MOVED = 0.1
"""Difference of a coordinate, in points, that can be seen."""

VOLATILE = {
    "seconds",
    "spent",
    "machine",
    "date",
    "python",
    "packages",
    "code",
    "digest",
    "rodflow",
    "replay",
}
"""Keys of a manifest that say when and on what a figure was made, not what it shows."""

_NUMBER = re.compile(r"-?\d+\.?\d*(?:e[-+]?\d+)?")
_DECIMAL = re.compile(r"[-−]?\d+(?:\.\d+)?")
_NAMED = re.compile(r'(?:id|href|xlink:href)="[^"]*"|url\(#[^)]*\)')


def publish(made: Path, figures: Path) -> list[str]:
    """Publish every figure that differs in substance.

    Args:
        made: folder with what the build made.
        figures: folder of what is cited.

    Returns:
        The stems of the sets that were published.
    """
    published = []
    there = _sets(figures)
    for stem, names in sorted(_sets(made).items()):
        ours = there.get(stem, set())
        if ours != names or not _same_set(made, figures, names):
            _replace(made, figures, names, ours - names)
            published.append(stem)
    return published


def _sets(folder: Path) -> dict[str, set[str]]:
    """Give the files of a folder by the figure that they belong to."""
    found: dict[str, set[str]] = {}
    for path in folder.glob("*") if folder.is_dir() else ():
        if path.is_file() and not path.name.startswith("."):
            found.setdefault(path.stem, set()).add(path.name)
    return found


def _same_set(one: Path, other: Path, names: Iterable[str]) -> bool:
    """Say whether numbers, manifest and drawing agree; bitmaps and PDFs follow from these."""
    kinds = {
        ".csv": _same_table, ".json": _same_manifest, ".svg": _same_drawing, ".js": _same_motion,
    }  # fmt: skip
    looked_at = [name for name in names if Path(name).suffix in kinds]
    if not looked_at:
        return all((one / name).read_bytes() == (other / name).read_bytes() for name in names)
    return all(
        (one / name).read_bytes() == (other / name).read_bytes()
        or kinds[Path(name).suffix](
            *((folder / name).read_text("utf-8") for folder in (one, other))
        )
        for name in looked_at
    )


def _same_table(one: str, other: str) -> bool:
    tables = [list(csv.reader(text.splitlines())) for text in (one, other)]
    if [len(row) for row in tables[0]] != [len(row) for row in tables[1]]:
        return False
    if not tables[0]:
        return True
    columns = zip(zip(*tables[0], strict=True), zip(*tables[1], strict=True), strict=True)
    return all(_same_column(a, b) for a, b in columns)


def _same_column(one: Iterable[str], other: Iterable[str]) -> bool:
    pairs = [(_number(a), _number(b), a == b) for a, b in zip(one, other, strict=True)]
    sizes = [abs(x) for a, b, _ in pairs for x in (a, b) if x is not None and math.isfinite(x)]
    bound = TOLERANCE * max(sizes, default=0.0)
    return all(
        same or (a is not None and b is not None and abs(a - b) <= bound) for a, b, same in pairs
    )


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _same_manifest(one: str, other: str) -> bool:
    return _close(settled(json.loads(one)), settled(json.loads(other)))


def settled(value: object) -> object:
    """Give a manifest without what another run of the same code changes."""
    if isinstance(value, dict):
        return {key: settled(part) for key, part in value.items() if key not in VOLATILE}
    return [settled(part) for part in value] if isinstance(value, list) else value


def _close(one: object, other: object) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_close(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_close, one, other))
    numbers = [isinstance(x, int | float) and not isinstance(x, bool) for x in (one, other)]
    if all(numbers):
        return math.isclose(one, other, rel_tol=TOLERANCE)  # type: ignore[arg-type]
    return one == other


def _same_drawing(one: str, other: str) -> bool:
    """Say whether two drawings look alike: the same strokes, none moved as far as can be seen."""
    texts = [_NAMED.sub("", text) for text in (one, other)]
    if _NUMBER.sub("", texts[0]) != _NUMBER.sub("", texts[1]):
        return False
    pairs = zip(*(map(float, _NUMBER.findall(text)) for text in texts), strict=True)
    return all(abs(a - b) <= MOVED for a, b in pairs)


def _same_motion(one: str, other: str) -> bool:
    """Say whether two motions agree: rounded numbers, but for a unit of the last digit written."""
    if _DECIMAL.sub("", one) != _DECIMAL.sub("", other):
        return False
    return all(map(_same_rounded, _DECIMAL.findall(one), _DECIMAL.findall(other)))


def _same_rounded(one: str, other: str) -> bool:
    digits = max(len(text.partition(".")[2]) for text in (one, other))
    a, b = (float(text.replace("−", "-")) for text in (one, other))
    # Whole numbers count something: a step.
    return a == b or (digits > 0 and abs(a - b) <= 1.01 * 10.0**-digits)


def _replace(made: Path, figures: Path, names: set[str], gone: set[str]) -> None:
    """Put a set in place of another: all is written beside it first, the manifest goes last.

    What `_same_set` looks at goes after what it does not: where this is cut off, the set still
    differs, and the next build finishes.
    """
    last = (".js", ".svg", ".csv", ".json")
    order = sorted(
        names, key=lambda name: (*(Path(name).suffix == end for end in last[::-1]), name)
    )
    atomic.write({figures / name: (made / name).read_bytes() for name in order})
    for name in gone:
        (figures / name).unlink(missing_ok=True)
