"""Figures of Adam's rod in a small valley: beside Adam, and where a large beta1 takes it."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from rodflow_book.figures.marks import BIG, closed, labelled, legend_above, rings
from rodflow_book.figures.style import WIDTH, colour, line
from rodflow_book.figures.valley import Path


def valley_figure(paths: Mapping[str, Path], distances: pd.DataFrame, unit: float) -> Figure:
    """Draw Adam in a valley that sharpens, and its flows.

    Args:
        paths: ``disc``, ``sf``, ``rod``.
        distances: of the flows' centres from Adam's, a column each.
        unit: half-displacement of one weight on a parabola.
    """
    figure, axes = plt.subplots(1, 3, figsize=(WIDTH, 3.9))
    for tag, path in paths.items():
        look = line(tag, **({"label": "Adam"} if tag == "disc" else {}))
        axes[0].plot(path.ratio, **look)
        if tag != "disc":
            axes[1].plot(distances[tag].index[1:], distances[tag][1:], **look)
        if tag != "sf":
            axes[2].plot(path.length / unit, **look)
    axes[0].axhline(1, color=colour("ink"), linewidth=1.1, linestyle=":")
    axes[0].set_yscale("log")
    axes[0].set_yticks([1, 2, 5, 10])
    axes[0].yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes[0].minorticks_off()
    axes[1].set_yscale("log")
    labelled(axes[0], "preconditioned / threshold", "step")
    labelled(axes[1], "distance from Adam", "step")
    labelled(axes[2], "half-length / closed form", "step", ylim=(0, None))
    for axis in axes:
        axis.margins(x=0)
    legend_above(figure, axes[0], 3)
    return figure


def beta_figure(sweep: pd.DataFrame) -> Figure:
    """Draw how far Adam bounces and drifts, and how near the rods stay, against ``beta1``.

    Args:
        sweep: columns beta1, oscillation, drift, closed, rod, free: lengths, and how many times
            closer than the stable flow each rod is.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDTH, 4.1))
    beta1 = sweep["beta1"]
    left.plot(beta1, sweep["oscillation"], **rings("disc", markersize=10, label="oscillation"))
    left.plot(beta1, sweep["closed"], **closed("ink"))
    left.plot(beta1, sweep["drift"], color=colour("sf"), marker="s", markersize=6,
              linestyle=(0, (5, 2)), label="half of the drift")  # fmt: skip
    for tag, mark in (("rod", "o"), ("free", "D")):
        right.plot(beta1, sweep[tag], **line(tag, marker=mark, markersize=7, zorder=5))
    right.axhline(1, color=colour("ink"), linewidth=1.1, linestyle=":")
    for axis in (left, right):
        axis.set_yscale("log")
    labelled(left, "how far Adam moves", r"$\beta_1$", "length")
    labelled(right, "times closer than the stable flow", r"$\beta_1$")
    left.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    left.set_yticks([0.003, 0.01, 0.03])
    left.minorticks_off()
    both = [axis.get_legend_handles_labels() for axis in (left, right)]
    handles, labels = ([*one, *other] for one, other in zip(*both, strict=True))
    figure.legend(handles, labels, loc="outside upper center", ncols=3, fontsize=BIG)
    return figure
