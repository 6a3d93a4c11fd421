"""Figures of the edge: on the way there, and what holds an optimizer at it."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from rodflow_book.figures.marks import labelled, legend_above
from rodflow_book.figures.style import WIDTH, colour, line

_TAGS = ("rod", "free", "sf", "other")
_MARKERS = ("o", "s", "^", "D")


def sharpening_figure(descents: Mapping[float, pd.DataFrame], adam: pd.DataFrame) -> Figure:
    """Draw the sharpness from the first steps on: gradient descent at several rates, and Adam.

    Args:
        descents: by learning rate, columns time (step times rate), sharpness, threshold.
        adam: columns step, ratio (preconditioned sharpness over threshold).
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDTH, 4.2), width_ratios=(1.25, 1))
    for tag, marker, (rate, table) in zip(_TAGS, _MARKERS, descents.items(), strict=False):
        label = rf"$\eta={rate:g}$"
        left.plot(table["time"], table["sharpness"], **_sampled(tag, marker), label=label)
        left.axhline(table["threshold"].iloc[0], color=colour(tag), linewidth=1.1, linestyle=":")
    labelled(left, r"gradient descent: sharpness, and $2/\eta$", r"time $\eta\,t$")
    right.plot(adam["step"], adam["ratio"], **_sampled("ink", "o"))
    right.axhline(1, color=colour("ink"), linewidth=1.1, linestyle=":")
    labelled(right, "Adam: preconditioned sharpness / threshold", "optimizer step", size=13)
    right.set_ylim(bottom=0)
    legend_above(figure, left, len(descents))
    return figure


def _sampled(tag: str, marker: str) -> dict[str, object]:
    """Give the style of a sharpness that is known every so many steps: no line where none is."""
    return {"color": colour(tag), "linestyle": "none", "marker": marker, "markersize": 4.5}


def cycle_figure(cycle: pd.DataFrame, length: float) -> Figure:
    """Draw gradient descent in a valley that sharpens: sharpness, bounce, and the loop they make.

    Args:
        cycle: columns step, ratio (sharpness over threshold), bounce (off the floor), free (the
            sharpness of gradient flow, over the threshold).
        length: of a bounce that holds against the slope.
    """
    figure, axes = plt.subplots(1, 3, figsize=(WIDTH, 3.9))
    ink = {"color": colour("ink"), "linewidth": 1.1, "linestyle": ":"}
    bounce = cycle["bounce"]
    axes[0].plot(cycle["step"], cycle["ratio"], **line("disc", label="gradient descent"))
    axes[0].plot(cycle["step"], cycle["free"], **line("sf", label="gradient flow"))
    axes[1].plot(cycle["step"], bounce, **line("disc"))
    axes[2].plot(cycle["ratio"], bounce, **line("disc", linewidth=1.8))
    axes[2].plot([1], [length], "o", color=colour("ink"), markersize=8, zorder=5)
    axes[0].axhline(1, **ink)
    axes[1].axhline(length, **ink)
    axes[2].axvline(1, **ink)
    axes[2].axhline(length, **ink)
    labelled(axes[0], r"sharpness / $(2/\eta)$", "step")
    labelled(axes[1], "bounce $|x_t|$", "step", ylim=(0, None))
    labelled(axes[2], "one against the other", r"sharpness / $(2/\eta)$", "bounce $|x_t|$",
             ylim=(0, None))  # fmt: skip
    for axis in axes[:2]:
        axis.margins(x=0)
    legend_above(figure, axes[0], 2)
    return figure
