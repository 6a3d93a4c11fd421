"""Whether the words of a figure can be read: measured from the boxes in which they are drawn."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from matplotlib.transforms import Bbox

SLACK = 1.0
"""Points by which boxes may touch: letters do not fill their boxes to the edge."""


def troubles(figure: Figure) -> list[str]:
    """Say which words are cut off, which lie upon one another, and which legend covers a curve.

    Args:
        figure: as it will be saved; it is drawn once more.

    Returns:
        A sentence for each trouble; none of a figure that can be read.

    Example:
        >>> from matplotlib import pyplot as plt
        >>> figure, axis = plt.subplots(figsize=(3, 3))
        >>> text = figure.text(0.8, 0.95, "beyond the edge")
        >>> troubles(figure)
        ['cut off: beyond the edge']
        >>> plt.close(figure)
    """
    figure.draw_without_rendering()
    boxes = [(text, _box(text)) for text in _texts(figure)]
    page = figure.bbox.padded(_pixels(figure))
    found = [f"cut off: {_words(text)}" for text, box in boxes if not _inside(box, page)]
    upright = [(text, box) for text, box in boxes if text.get_rotation() % 90 == 0]
    found += [
        f"upon one another: {_words(one)}, {_words(other)}"
        for (one, a), (other, b) in combinations(upright, 2)
        if _overlap(a, b, _pixels(figure))
    ]
    for legend in figure.findobj(Legend):
        box = legend.get_window_extent().padded(-_pixels(figure))
        axes = [axis for axis in figure.axes if axis.bbox.overlaps(box)]
        found += [
            f"a legend covers a curve of: {axis.get_title(loc='left') or axis.get_title()}"
            for axis in axes
            if any(_crosses(points, box) for points in _curves(axis))
        ]
    return found


def _pixels(figure: Figure) -> float:
    return SLACK * figure.dpi / 72


def _box(text: Text) -> Bbox:
    return text.get_window_extent()


def _words(text: Text) -> str:
    return " ".join(text.get_text().split())


def _inside(box: Bbox, page: Bbox) -> bool:
    return bool(page.x0 <= box.x0 and box.x1 <= page.x1 and page.y0 <= box.y0 and box.y1 <= page.y1)


def _overlap(one: Bbox, other: Bbox, slack: float) -> bool:
    both = Bbox.intersection(one, other)
    return both is not None and min(both.width, both.height) > 2 * slack


def _texts(figure: Figure) -> Iterator[Text]:
    """All words that are drawn; a label of a tick beyond the end of its axis is not."""
    hidden = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
                shown = low - 1e-9 * abs(low) <= tick.get_loc() <= high + 1e-9 * abs(high)
                if not (shown and axes.axison and axes.get_visible() and axis.get_visible()):
                    hidden |= {tick.label1, tick.label2}
    for text in figure.findobj(Text):
        if text.get_visible() and text.get_text().strip() and text not in hidden:
            yield text


def _curves(axes: Axes) -> Iterator[np.ndarray]:
    """The curves and points of a panel, its bars and the lines across it, in pixels."""
    for bar in (bar for group in axes.containers for bar in group if isinstance(bar, Rectangle)):
        yield _dense(bar.get_transform().transform(bar.get_path().vertices))
    for line in axes.get_lines():
        points = line.get_transform().transform(np.column_stack(line.get_data(orig=False)))
        if line.get_visible() and len(points):
            joined = line.get_linestyle() not in ("None", "none", " ", "")
            yield _dense(points) if joined else points
    for collection in axes.collections:
        offsets = np.ma.filled(collection.get_offsets(), np.nan)
        if len(offsets) > 1:
            yield collection.get_offset_transform().transform(offsets)


def _dense(points: np.ndarray) -> np.ndarray:
    """Put points between any two, so many that a segment is seen where it passes."""
    steps = np.abs(np.diff(points, axis=0))
    longest = np.max(steps, initial=0.0, where=np.isfinite(steps))
    parts = np.linspace(0, 1, int(np.clip(longest / 3, 1, 400)), endpoint=False)[:, None]
    between = points[:-1, None] + parts * np.diff(points, axis=0)[:, None]
    return np.vstack((between.reshape(-1, 2), points[-1:]))


def _crosses(points: np.ndarray, box: Bbox) -> bool:
    x, y = points.T
    return bool(((box.x0 < x) & (x < box.x1) & (box.y0 < y) & (y < box.y1)).any())
