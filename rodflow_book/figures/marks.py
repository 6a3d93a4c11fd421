"""The marks that figures of several pages share: lines, dots, labels, legends."""

from __future__ import annotations

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rodflow_book.figures.style import NAMES, colour
from rodflow_core.simulate import Array

BIG = 14
"""Size of labels and words in most of these figures."""
TITLES = {"heavy_ball": "heavy ball", "nesterov": "Nesterov"}
"""How the momenta of appendix C are called in figures."""
TAGS = {"heavy_ball": "rod", "nesterov": "sf"}
"""Colours of the two where both stand in one panel."""


def closed(tag: str = "other", **changes: object) -> dict[str, object]:
    """Give the line style of a closed form.

    Args:
        tag: of its colour; a line in ``ink`` is darker, and therefore thinner.
        **changes: what is to differ.
    """
    look = {"color": colour(tag), "linewidth": 1.5 if tag == "ink" else 1.8, "zorder": 5}
    return {**look, "linestyle": (0, (4, 2)), "label": "closed form", **changes}


def dots(tag: str, **changes: object) -> dict[str, object]:
    """Give the style of single points of a trajectory."""
    look = {"linestyle": "none", "marker": "o", "markersize": 8, "zorder": 6}
    return {"color": colour(tag), "label": NAMES.get(tag), **look, **changes}


def edged(tag: str, **changes: object) -> dict[str, object]:
    """Give the style of points with a rim of the paper's colour, which part where they overlap."""
    rim = plt.rcParams["axes.facecolor"]
    return dots(tag, **{"markersize": 7, "label": None, "markeredgecolor": rim, **changes})


def rings(tag: str, **changes: object) -> dict[str, object]:
    """Give the style of open circles around points."""
    look = {"markerfacecolor": "none", "markersize": 14, "markeredgewidth": 2}
    return dots(tag, **{**look, **changes})


def parted(x: Array, y: Array) -> tuple[Array, Array]:
    """Give points without those that fall upon others: late iterates come back again and again.

    Args:
        x: of the points.
        y: of the points, to be told apart to a five-hundredth of their range.
    """
    size = np.ptp(y) / 500
    _, first = np.unique(np.column_stack((x, np.round(y / size))), axis=0, return_index=True)
    return x[first], y[first]


def marked(axis: Axes, x: float, words: str, y: float = 0.97, side: str = "left") -> None:
    """Draw a dotted vertical line with a name; ``side`` is the side of the text's anchor."""
    axis.axvline(x, color=colour("ink"), linewidth=1.2, linestyle=":", zorder=1)
    shift = 5 if side == "left" else -5
    axis.annotate(
        words, (x, y), (shift, 0), xycoords=axis.get_xaxis_transform(), fontsize=13,
        textcoords="offset points", ha=side, va="top",
    )  # fmt: skip


def labelled(
    axis: Axes, title: str, x: str, y: str = "", *, size: float = BIG, **changes: object
) -> None:
    """Give a panel its words, large.

    Args:
        axis: the panel.
        title: above it.
        x: below it.
        y: beside it.
        size: of the words; tick labels are a point smaller.
        **changes: what else is to be set.
    """
    axis.set(**changes)
    axis.set_title(title, fontsize=size)
    axis.set_xlabel(x, fontsize=size)
    axis.set_ylabel(y, fontsize=size)
    axis.tick_params(labelsize=size - 1)


def legend_above(figure: Figure, axis: Axes, columns: int = 3, **changes: object) -> None:
    """Put one legend, of what a panel shows, over all panels.

    Args:
        figure: with the panels.
        axis: the panel.
        columns: of the legend.
        **changes: what else is to differ.
    """
    handles, labels = axis.get_legend_handles_labels()
    look = {"loc": "outside upper center", "ncols": columns, "fontsize": BIG, **changes}
    figure.legend(handles, labels, **look)
