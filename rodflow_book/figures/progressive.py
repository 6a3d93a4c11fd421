"""Figures of progressive sharpening: on the way to the edge, and past it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from rodflow_book.figures.marks import labelled, legend_above
from rodflow_book.figures.style import WIDTH, colour

_TAGS = ("rod", "free", "sf", "other")
_STYLES = ("-", (0, (5, 2)), (0, (1, 1)), (0, (6, 2, 1, 2)))


def sharpening_figure(descents: Mapping[float, pd.DataFrame], adam: pd.DataFrame) -> Figure:
    """Draw the sharpness from the first steps on: gradient descent at several rates, and Adam.

    Args:
        descents: by learning rate, columns time (step times rate), sharpness, threshold.
        adam: columns step, ratio (preconditioned sharpness over threshold).
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDTH, 4.2), width_ratios=(1.25, 1))
    for tag, look, (rate, table) in zip(_TAGS, _STYLES, descents.items(), strict=False):
        label = rf"$\eta={rate:g}$"
        left.plot(table["time"], table["sharpness"], color=colour(tag), linestyle=look,
                  linewidth=2.2, label=label)  # fmt: skip
        left.axhline(table["threshold"].iloc[0], color=colour(tag), linewidth=1.1, linestyle=":")
    labelled(left, r"gradient descent: sharpness, and $2/\eta$", r"time $\eta\,t$")
    right.plot(adam["step"], adam["ratio"], color=colour("ink"), linewidth=2.0)
    right.axhline(1, color=colour("ink"), linewidth=1.1, linestyle=":")
    labelled(right, "Adam: preconditioned sharpness / threshold", "optimizer step", size=13)
    right.set_ylim(bottom=0)
    legend_above(figure, left, len(descents))
    return figure


def channels_figure(runs: Mapping[str, pd.DataFrame], crossing: int) -> Figure:
    """Draw RMSProp past its edge, and what it does with its second moment held from there on.

    Args:
        runs: ``free`` and ``held``, columns step, sharpness, step_size, loss, each over its value
            at the crossing.
        crossing: the step at which the second moment is held.
    """
    figure, axes = plt.subplots(1, 3, figsize=(WIDTH, 3.9))
    words = {"free": "second moment free", "held": "held from the crossing on"}
    tags = {"free": "rod", "held": "sf"}
    panels = {"sharpness": "sharpness", "step_size": "effective step size", "loss": "loss"}
    for axis, (name, title) in zip(axes, panels.items(), strict=True):
        for tag, table in runs.items():
            axis.plot(table["step"], table[name], color=colour(tags[tag]), linewidth=2.2,
                      linestyle=_STYLES[list(runs).index(tag)], label=words[tag])  # fmt: skip
        axis.axvline(crossing, color=colour("ink"), linewidth=1.1, linestyle=":")
        labelled(axis, title, "optimizer step")
    for axis in axes[:2]:
        axis.set_ylim(bottom=0)
    axes[2].set_yscale("log")
    axes[2].yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes[2].set_yticks([0.3, 0.5, 1, 2, 4])
    axes[2].minorticks_off()
    legend_above(figure, axes[0], 2)
    return figure


def smoothed(values: np.ndarray, width: int = 9) -> np.ndarray:
    """Average over neighbouring steps, so that an alternation is not drawn as a band."""
    kernel = np.ones(min(width, len(values)))
    weights = np.convolve(np.ones(len(values)), kernel, "same")
    return np.convolve(values, kernel, "same") / weights
