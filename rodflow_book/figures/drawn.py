"""What a figure draws, read off the figure: curves, areas, bars, and lines across a panel."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import Collection
from matplotlib.colors import to_hex
from matplotlib.container import BarContainer
from matplotlib.contour import ContourSet
from matplotlib.lines import AxLine, Line2D
from matplotlib.patches import FancyArrowPatch, Patch, Rectangle
from matplotlib.path import Path

from rodflow_core.simulate import Array

NOTHING = ("None", "none", " ", "")
"""How matplotlib says that there is no line, or no marker."""
SHORT = 5
"""Points below which a curve is put together with others that look the same, as rods are."""


class Curve(NamedTuple):
    """Points of a panel that belong together.

    Attributes:
        label: its name, in the legend or, where it begins with ``_``, not; empty without one.
        kind: ``line``, ``points``, ``line and points``, ``area`` or ``bars``.
        points: ``(n, 2)``, in units of the axes; of bars, the middles of their ends.
        parts: how many points each connected piece of it has.
        look: colour, dashes, marker, as far as it has them.
    """

    label: str
    kind: str
    points: Array
    parts: tuple[int, ...]
    look: dict[str, object]


def curves(axes: Axes) -> list[Curve]:
    """Give the curves of a panel, short ones that look the same as one.

    Args:
        axes: the panel.

    Raises:
        ValueError: for an image, whose numbers are not read.

    Example:
        >>> from matplotlib import pyplot as plt
        >>> figure, axes = plt.subplots()
        >>> lines = axes.plot([0, 1, 2], [0.0, np.nan, 4.0], "o", label="two points")
        >>> [(curve.label, curve.kind, curve.parts) for curve in curves(axes)]
        [('two points', 'points', (1, 1))]
        >>> plt.close(figure)
    """
    if axes.images:
        raise ValueError("an image is drawn; expected lines, areas and bars, which can be read.")
    found = [curve for curve in _each(axes) if len(curve.points)]
    long = [curve for curve in found if len(curve.points) >= SHORT or curve.kind == "bars"]
    short = sorted((c for c in found if all(c is not other for other in long)), key=_like)
    return long + [_together(list(same)) for _, same in groupby(short, key=_like)]


def _like(curve: Curve) -> str:
    return repr((curve.kind, curve.look))


def _together(same: Sequence[Curve]) -> Curve:
    points, parts = _joined([curve.points for curve in same])
    if len(same) == 1:
        return same[0]
    label = next((curve.label for curve in same if curve.label), "")
    return same[0]._replace(label=label, points=points, parts=parts)


def guides(axes: Axes) -> Iterator[dict[str, object]]:
    """Give straight lines and bands across a panel, a number or two each, and marks along its edge.

    Args:
        axes: the panel.

    Raises:
        ValueError: for a line that stands by the panel and not by numbers.
    """
    for line in axes.get_lines():
        look = {"label": _name(line.get_label()), "colour": to_hex(line.get_color())}
        x, y = _of_data(line, axes)
        if not np.size(line.get_xdata()):
            continue  # it stands for others in a legend
        if isinstance(line, AxLine):
            yield {"through": _two_points(line), **look}
        elif x != y and line.get_marker() not in NOTHING:
            values, place = line.get_data(orig=False)[:: 1 if x else -1]
            look |= {"marker": str(line.get_marker()), "at": _short(np.ravel(place)[0])}
            yield {"x" if x else "y": [_short(value) for value in values], **look}
        elif x != y:
            value = np.asarray(line.get_xdata() if x else line.get_ydata(), float)[0]
            yield {"x" if x else "y": _short(value), **look}
        elif not x and line.get_visible():
            raise ValueError(f"{line} stands by the panel; expected numbers, or a line across.")
    for patch in axes.patches:
        x, y = _of_data(patch, axes)
        if not isinstance(patch, FancyArrowPatch) and x != y:
            box = patch.get_path().transformed(patch.get_patch_transform()).get_extents()
            ends = (box.x0, box.x1) if x else (box.y0, box.y1)
            colour = to_hex(patch.get_facecolor())
            yield {"x" if x else "y": [_short(end) for end in ends], "colour": colour}


def _short(value: float) -> float:
    return float(f"{value:.7g}")


def _two_points(line: AxLine) -> list[list[float]]:
    one, other = line.get_xy1(), line.get_xy2()
    if other is None:
        other = (one[0] + 1, one[1] + line.get_slope())
    return [[_short(value) for value in point] for point in (one, other)]


def _each(axes: Axes) -> Iterator[Curve]:
    bars = [each for each in axes.containers if isinstance(each, BarContainer)]
    yield from map(_bars, bars)
    for line in axes.get_lines():
        if line.get_visible() and _of_data(line, axes) == (True, True):
            yield _line(line)
    for collection in axes.collections:
        if isinstance(collection, ContourSet):
            yield from _levels(collection)
        else:
            yield _pieces(collection)
    known = {id(bar) for container in bars for bar in container}
    for patch in axes.patches:
        arrow = isinstance(patch, FancyArrowPatch)
        if not arrow and id(patch) not in known and _of_data(patch, axes) == (True, True):
            yield _patch(patch)


def _of_data(artist: Line2D | Patch, axes: Axes) -> tuple[bool, bool]:
    """Say along which axes an artist stands where data say, not where the panel's edge is."""
    if isinstance(artist, AxLine):
        return False, False
    x, y = artist.get_transform().contains_branch_seperately(axes.transData)
    return bool(x), bool(y)


def _name(label: object) -> str:
    """What a curve is called; a name that begins with ``_`` is not for the legend."""
    words = " ".join(str(label).split())
    return "" if re.fullmatch(r"None|_\w*?\d+|_nolegend_|_", words) else words.removeprefix("_")


def _line(line: Line2D) -> Curve:
    drawn, marked = line.get_linestyle() not in NOTHING, line.get_marker() not in NOTHING
    look: dict[str, object] = {"colour": to_hex(line.get_color())}
    pattern = line._unscaled_dash_pattern[1]
    if drawn and pattern:
        look["dashes"] = [_short(part) for part in pattern]
    if marked:
        look["marker"] = str(line.get_marker())
        hollow = line.get_fillstyle() == "none" or str(line.get_markerfacecolor()) == "none"
        look["filled"] = not hollow
    if line.get_rasterized():
        look["as"] = "bitmap"
    kind = " and ".join(["line"] * drawn + ["points"] * marked)
    points, parts = _joined([np.column_stack([np.asarray(v, float) for v in line.get_data(False)])])
    return Curve(_name(line.get_label()), kind or "line", points, parts, look)


def _joined(pieces: Iterable[Array]) -> tuple[Array, tuple[int, ...]]:
    """Put pieces one after another; a number that is none ends a piece."""
    whole: list[Array] = []
    for piece in pieces:
        there = np.isfinite(piece).all(axis=1)
        cuts = np.flatnonzero(np.diff(there)) + 1
        whole += [run for run in np.split(piece, cuts) if len(run) and np.isfinite(run[0]).all()]
    return np.vstack([np.empty((0, 2)), *whole]), tuple(map(len, whole))


def _outlines(path: Path) -> list[Array]:
    """The connected pieces of a path; a closed one ends where it begins."""
    if path.codes is None:
        return [path.vertices]
    vertices = path.vertices.copy()
    starts = np.flatnonzero(path.codes == Path.MOVETO)
    pieces = []
    for start, stop in zip(starts, [*starts[1:], len(vertices)], strict=True):
        closing = start + np.flatnonzero(path.codes[start:stop] == Path.CLOSEPOLY)
        vertices[closing] = vertices[start]
        pieces.append(vertices[start:stop])
    return pieces


def _pieces(collection: Collection) -> Curve:
    filled = len(collection.get_facecolor()) > 0
    colours = [*collection.get_facecolor(), *collection.get_edgecolor()]
    look: dict[str, object] = {"colour": to_hex(colours[0])} if colours else {}
    points, parts = _joined(p for path in collection.get_paths() for p in _outlines(path))
    kind = "area" if filled else "line"
    return Curve(_name(collection.get_label()), kind, points, parts, look)


def _levels(contours: ContourSet) -> Iterator[Curve]:
    tints = contours.get_facecolor() if contours.filled else contours.get_edgecolor()
    kind, word = ("area", "from level") if contours.filled else ("line", "level")
    for number, path in enumerate(contours.get_paths()):
        points, parts = _joined(_outlines(path))
        label = f"{word} {contours.levels[number]:.4g}"
        look: dict[str, object] = {"colour": to_hex(tints[number % len(tints)])}
        yield Curve(label, kind, points, parts, look)


def _patch(patch: Patch) -> Curve:
    points, parts = _joined(_outlines(patch.get_path().transformed(patch.get_patch_transform())))
    look: dict[str, object] = {"colour": to_hex(patch.get_facecolor())}
    return Curve(_name(patch.get_label()), "area", points, parts, look)


def _bars(container: BarContainer) -> Curve:
    bars = [bar for bar in container if isinstance(bar, Rectangle)]
    bars = [bar for bar in bars if np.isfinite(bar.get_bbox().bounds).all()]
    points = [[b.get_x() + b.get_width() / 2, b.get_y() + b.get_height()] for b in bars]
    look: dict[str, object] = {}
    if bars:
        look["colour"] = to_hex(bars[0].get_facecolor())
        look["width"] = _short(bars[0].get_width())
        look["from"] = [_short(bar.get_y()) for bar in bars]
    label, points = _name(container.get_label()), np.reshape(np.array(points, float), (-1, 2))
    return Curve(label, "bars", points, (1,) * len(points), look)
