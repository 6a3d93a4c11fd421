"""Draw a figure's curves from its manifest and CSV alone, and read those of its SVG."""

import base64
import io
import re
from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np
import pandas as pd
from PIL import Image

SVG, LINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}href"
WITHIN = 0.02
"""Points of 1/72 inch by which what is redrawn may be off: the SVG has hundredths."""


class Stroke(NamedTuple):
    """A connected piece of a curve, or single points, in points from the upper left corner."""

    points: np.ndarray
    joined: bool


def redrawn(manifest: dict, table: pd.DataFrame) -> list[Stroke]:
    """Give what the curves and guides of a manifest are on the page."""
    found = []
    for panel in manifest["panels"]:
        for curve in panel["curves"]:
            if curve.get("as") != "bitmap":
                found += strokes(curve, *points_of(curve, table), panel, manifest["size"])
        for guide in panel["guides"]:
            found += across(guide, panel, manifest["size"])
    return found


def points_of(curve: dict, table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Give a curve's numbers: two columns, in the rows in which both stand."""
    both = table[[curve["x"], curve["y"]]].to_numpy(float)
    both = both[np.isfinite(both).all(axis=1)]
    x, y = both[slice(*curve["rows"])].T if "rows" in curve else both.T
    return x, y


def placed(x, y, panel, size):
    """Put numbers of a panel on the page."""
    left, bottom, width, height = panel["box"]
    parts = [along(x, panel["x"]), along(y, panel["y"])]
    return np.column_stack((left + width * parts[0], size[1] - bottom - height * parts[1]))


def along(values, axis):
    low, high = axis["limits"]
    if axis["scale"] == "log":
        # matplotlib puts what has no logarithm far below.
        with np.errstate(divide="ignore", invalid="ignore"):
            logs = np.where(np.asarray(values) > 0, np.log10(values), -1000)
        return (logs - np.log10(low)) / (np.log10(high) - np.log10(low))
    assert axis["scale"] == "linear", axis
    return (np.asarray(values) - low) / (high - low)


def strokes(curve, x, y, panel, size):
    if curve["kind"] == "bars":
        bases, half = curve["from"], curve["width"] / 2
        ends = zip(x, y, bases, strict=True)
        boxes = [
            placed(at + half * np.array([-1, 1, 1, -1, -1]), [base, base, top, top, base],
                   panel, size)
            for at, top, base in ends
        ]  # fmt: skip
        return [Stroke(box, True) for box in boxes]
    points, found = placed(x, y, panel, size), []
    if "line" in curve["kind"] or curve["kind"] == "area":
        parts = curve.get("parts", len(points))
        many = [parts] * (len(points) // parts) if isinstance(parts, int) else parts
        assert sum(many) == len(points), curve
        found += [Stroke(part, True) for part in np.split(points, np.cumsum(many)[:-1])]
    if "points" in curve["kind"]:
        found.append(Stroke(points, False))
    return found


def across(guide, panel, size):
    (x0, x1), (y0, y1) = (panel[key]["limits"] for key in "xy")
    if "through" in guide:
        (ax, ay), (bx, by) = guide["through"]
        slope = (by - ay) / (bx - ax)
        ends = [(x, ay + slope * (x - ax)) for x in (x0, x1)]
        ends += [(ax + (y - ay) / slope, y) for y in (y0, y1)]
        # It enters the panel where it has crossed one edge of each pair, and leaves at the next.
        return [Stroke(placed(*np.array(sorted(ends)[1:3]).T, panel, size), True)]
    value = guide.get("x", guide.get("y"))
    if "at" in guide:
        linear = {"limits": [0, 1], "scale": "linear"}
        flat = {**panel, "y" if "x" in guide else "x": linear}
        pair = (value, [guide["at"]] * len(value))
        return [Stroke(placed(*pair[:: 1 if "x" in guide else -1], flat, size), False)]
    if isinstance(value, list):
        edges = np.array([0, 1, 1, 0, 0]), np.array([0, 0, 1, 1, 0])
        ends = (x0, x1), (y0, y1)
        ends = (value, ends[1]) if "x" in guide else (ends[0], value)
        corners = [np.take(pair, edge) for pair, edge in zip(ends, edges, strict=True)]
        return [Stroke(placed(*corners, panel, size), True)]
    pair = ([value] * 2, [y0, y1]) if "x" in guide else ([x0, x1], [value] * 2)
    return [Stroke(placed(*pair, panel, size), True)]


def drawn(text: str) -> list[Stroke]:
    """Give what an SVG of matplotlib's draws by numbers: no axes, ticks, words, legends, arrows."""
    root = ElementTree.fromstring(text)
    shapes = {e.get("id"): e for e in root.iter(f"{SVG}path") if e.get("id")}
    found = []
    for axes in root.iter(f"{SVG}g"):
        if re.fullmatch(r"axes_\d+", axes.get("id", "")):
            for group in axes:
                name = re.sub(r"_\d+$", "", group.get("id", ""))
                if name not in ("matplotlib.axis", "text", "legend"):
                    found += _strokes(group, shapes, bare=name == "patch")
    return found


def _strokes(group, shapes, bare):
    defined = {id(e) for d in group.iter(f"{SVG}defs") for e in d.iter()}
    found, markers = [], []
    for element in group.iter():
        if element.tag == f"{SVG}path" and id(element) not in defined:
            # Backgrounds and edges of panels are not clipped to them; arrows are small or not.
            if bare and not (element.get("clip-path") and _large(element.get("d"))):
                continue
            found += [Stroke(piece, True) for piece in _pieces(element.get("d"))]
        elif element.tag == f"{SVG}use":
            at = np.array([float(element.get("x", 0)), float(element.get("y", 0))])
            shape = shapes[element.get(LINK)[1:]]
            if _is_area(group):
                found += [Stroke(piece + at, True) for piece in _pieces(shape.get("d"))]
            else:
                markers.append(at)
    return found + ([Stroke(np.array(markers), False)] if markers else [])


def _is_area(group):
    return not group.get("id", "").startswith(("line2d", "PathCollection"))


def _large(path):
    return np.ptp(np.vstack(_pieces(path)), axis=0).max() > 13


def _pieces(path):
    pieces = []
    for command, rest in re.findall(r"([MLQCzZ])([^MLQCzZ]*)", path or ""):
        numbers = np.array(rest.split(), float).reshape(-1, 2)
        if command == "M":
            pieces.append([*numbers])
        elif command in "zZ":
            pieces[-1].append(pieces[-1][0])
        else:
            pieces[-1] += [*numbers]
    return [np.array(piece) for piece in pieces]


def differences(manifest: dict, table: pd.DataFrame, text: str) -> list[str]:
    """Say which strokes of an SVG the numbers do not give, and which of theirs it does not have."""
    both, found = (redrawn(manifest, table), drawn(text)), []
    # A point may lie on the very edge of what is compared, but not on both.
    for edge in (0.3, 0.5):
        ours, theirs = (_inside(strokes, manifest, edge) for strokes in both)
        found.append(
            _missing(theirs, ours, "not in the numbers") + _missing(ours, theirs, "not in the SVG")
        )
    return min(found, key=len)


def _inside(strokes: list[Stroke], manifest: dict, edge: float) -> list[Stroke]:
    """Keep what lies in a panel: beyond it matplotlib leaves out points as it likes."""
    found = []
    for stroke in strokes:
        if stroke.joined and np.ptp(stroke.points, axis=0).max() < WITHIN:
            continue  # a level line that is a point
        seen = _seen(stroke.points, manifest, edge)
        cuts = np.flatnonzero(np.diff(seen)) + 1
        if not stroke.joined:
            cuts = np.arange(1, len(seen))
        for run, mark in zip(np.split(stroke.points, cuts), np.split(seen, cuts), strict=True):
            if mark.any():
                found.append(Stroke(run, stroke.joined))
    return found


def _seen(points, manifest, edge):
    x, y = points[:, 0], manifest["size"][1] - points[:, 1]
    seen = np.zeros(len(points), bool)
    for left, bottom, width, height in (panel["box"] for panel in manifest["panels"]):
        beside = (left - edge <= x) & (x <= left + width + edge)
        seen |= beside & (bottom - edge <= y) & (y <= bottom + height + edge)
    return seen


def _missing(wanted: list[Stroke], there: list[Stroke], words: str) -> list[str]:
    sorts: dict[tuple[bool, int], np.ndarray] = {}
    for key in {(other.joined, len(other.points)) for other in there}:
        same = [o.points for o in there if (o.joined, len(o.points)) == key]
        sorts[key] = np.array(same)
    found = []
    for one in wanted:
        others = sorts.get((one.joined, len(one.points)))
        if others is None or np.abs(others - one.points).max(axis=(1, 2)).min() > WITHIN:
            kind = "line" if one.joined else "point"
            found.append(f"{kind} of {len(one.points)} from {one.points[0].round(1)} {words}")
    return found


def dots_of_bitmaps(manifest: dict, table: pd.DataFrame, text: str) -> tuple[float, float]:
    """Compare the points that an SVG has as bitmaps with those of the numbers.

    Gives how far, in pixels, a coloured pixel is from a point at most, and a point from a
    coloured pixel.
    """
    far, empty = 0.0, 0.0
    for image, panel in zip(_bitmaps(text), _with_bitmap(manifest), strict=True):
        curves = [c for c in panel["curves"] if c.get("as") == "bitmap"]
        points = np.vstack([placed(*points_of(c, table), panel, manifest["size"]) for c in curves])
        inner = points[_seen(points, {**manifest, "panels": [panel]}, edge=-1)]
        coloured, size = image
        apart = [np.abs(coloured - p).max(axis=1).min() for p in inner]
        empty = max(empty, max(apart) / size)
        near = [np.abs(points - c).max(axis=1).min() for c in coloured]
        far = max(far, max(near) / size)
    return far, empty


def _with_bitmap(manifest):
    return [p for p in manifest["panels"] if any(c.get("as") == "bitmap" for c in p["curves"])]


def _bitmaps(text):
    """Give the coloured pixels of each bitmap, as points from the upper left, and their size."""
    for image in ElementTree.fromstring(text).iter(f"{SVG}image"):
        data = image.get(LINK).partition("base64,")[2]
        pixels = np.array(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGBA"))
        left, top, width = (float(image.get(key)) for key in ("x", "y", "width"))
        turned = re.fullmatch(r"scale\(1 -1\) translate\(0 (\S+)\)", image.get("transform"))
        size = width / pixels.shape[1]
        rows, columns = np.nonzero(pixels[..., 3])
        down = -(top + float(turned[1]) + size * (rows + 0.5))
        yield np.column_stack((left + size * (columns + 0.5), down)), size
