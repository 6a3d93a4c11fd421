"""Figures of preconditioners: an edge that moves, a ruler for each weight, what it buys."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from rodflow_book.figures.marks import labelled, legend_above
from rodflow_book.figures.style import WIDTH, colour, line
from rodflow_book.figures.valley import Path
from rodflow_core.simulate import Array

_STYLES = ("-", (0, (5, 2)), (0, (1, 1)))


def valley_figure(
    paths: Mapping[str, Path], descent: Path, threshold: float, unit: float
) -> Figure:
    """Draw scalar RMSProp in a valley that sharpens, its flows, and gradient descent.

    Args:
        paths: ``disc``, ``sf`` and ``rod`` of RMSProp.
        descent: gradient descent in the same valley.
        threshold: of gradient descent.
        unit: half-displacement at which RMSProp settles on a parabola.
    """
    figure, axes = plt.subplots(1, 3, figsize=(WIDTH, 3.9))
    names = {"disc": "RMSProp"}
    for tag, path in paths.items():
        look = line(tag, **({"label": names[tag]} if tag in names else {}))
        axes[0].plot(path.sharpness, **look)
        axes[1].plot(path.ratio, **look)
        if tag != "sf":
            axes[2].plot(path.length / unit, **look)
    look = {"color": colour("other"), "linestyle": _STYLES[2], "linewidth": 2.2}
    axes[0].plot(descent.sharpness, **look, label="gradient descent")
    axes[0].axhline(threshold, color=colour("ink"), linewidth=1.1, linestyle=":")
    for axis in axes[1:]:
        axis.axhline(1, color=colour("ink"), linewidth=1.1, linestyle=":")
    axes[1].set_yscale("log")
    axes[1].set_yticks([1, 2, 5])
    axes[1].yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes[1].minorticks_off()
    axes[2].set_ylim(bottom=0)
    labelled(axes[0], "sharpness", "step", ylim=(0, None))
    labelled(axes[1], r"preconditioned / $(2/\eta)$", "step")
    labelled(axes[2], r"half-length / $(\eta/2)$", "step")
    for axis in axes:
        axis.margins(x=0)
    legend_above(figure, axes[0], 4)
    return figure


def valley_table(paths: Mapping[str, Path], descent: Path, unit: float) -> pd.DataFrame:
    """Give what `valley_figure` draws, a row a step."""
    table = {"step": np.arange(len(descent.sharpness))}
    for tag, path in {**paths, "descent": descent}.items():
        table[f"{tag}_sharpness"] = path.sharpness
        table[f"{tag}_ratio"], table[f"{tag}_half"] = path.ratio, path.length / unit
    return pd.DataFrame(table)


def each_figure(ratios: Mapping[str, Array], halves: Mapping[str, Array]) -> Figure:
    """Draw two directions of a parabola under one ruler and under a ruler for each.

    Args:
        ratios: by optimizer, preconditioned curvature over the threshold, flat and sharp.
        halves: by optimizer, half-displacement over ``eta / 2``, ``(T, 2)``.
    """
    figure, axes = plt.subplots(1, 4, figsize=(WIDTH, 3.6), sharey="row")
    looks = {
        "flatter": {"color": colour("free"), "linestyle": (0, (5, 2)), "linewidth": 3.8},
        "sharper": {"color": colour("rod"), "linestyle": "-", "linewidth": 1.8},
    }
    columns = [(what, name) for name in ratios for what in ("curvature", "half-length")]
    for axis, (what, name) in zip(axes, columns, strict=True):
        values = (ratios if what == "curvature" else halves)[name]
        for column, (direction, look) in zip(values.T, looks.items(), strict=True):
            axis.plot(column, label=f"{direction} direction", **look)
        axis.axhline(1, color=colour("ink"), linewidth=1.1, linestyle=":")
        axis.margins(x=0)
        labelled(axis, f"{name}:\n{what}", "step", size=13)
    axes[0].set_ylim(0, 1.1 * max(values.max() for values in (*ratios.values(), *halves.values())))
    legend_above(figure, axes[0], 2)
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
