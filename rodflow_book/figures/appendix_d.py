"""Figures of appendix D: RMSProp on slopes and in valleys."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from rodflow_book.figures.marks import BIG, closed, dots, labelled, legend_above, rings
from rodflow_book.figures.style import WIDTH, colour, line
from rodflow_core.simulate import Trajectories


def slope_figure(runs: Mapping[float, Trajectories], learning_rate: float) -> Figure:
    """Draw RMSProp's path and half-displacement on several slopes.

    Args:
        runs: by slope.
        learning_rate: the step size.
    """
    figure, (path, half) = plt.subplots(1, 2, figsize=(WIDTH, 4.3))
    for i, (value, run) in enumerate(runs.items()):
        named = {} if i == 0 else {"label": None}
        time = np.arange(len(run.centre))
        path.plot(time, run.iterates[:-1, 0], **line("disc", linewidth=5, **named))
        path.plot(time + 0.5, run.centre[:, 0], **line("rod", **named))
        half.plot(
            time + 0.5, np.abs(run.optimizer_half[:, 0]), **line("disc", linewidth=5, **named)
        )
        half.plot(time + 0.5, np.abs(run.half[:, 0]), **line("rod", **named))
        word = f"slope {value:g}"
        path.annotate(
            word,
            (time[-1], run.centre[-1, 0]),
            (5, 0),
            textcoords="offset points",
            fontsize=13,
            va="center",
        )
    last = len(time)
    first = next(iter(runs.values())).centre
    guide = np.array([0.6, 0.95]) * last
    path.plot(guide, first[0, 0] - learning_rate * (guide - guide[0]), **closed("ink"))
    path.annotate(
        r"$-\eta$ per step",
        (guide.mean(), -learning_rate * np.ptp(guide) / 2),
        (8, 4),
        textcoords="offset points",
        fontsize=BIG,
    )
    half.axhline(learning_rate / 2, **closed("ink", label=None))
    half.annotate(
        r"$\eta/2$",
        (0.99, learning_rate / 2),
        (0, 5),
        textcoords="offset points",
        xycoords=half.get_yaxis_transform(),
        fontsize=16,
        ha="right",
    )
    labelled(
        path,
        r"every slope is descended at speed $\eta$",
        "optimizer step",
        "weight $w$",
        xlim=(0, 1.3 * last),
    )
    labelled(
        half, r"half-displacement $|\delta|$", "optimizer step", "", yscale="log", xlim=(0, last)
    )
    legend_above(figure, path)
    return figure


def half_displacement_figure(
    settled: pd.DataFrame, run: Trajectories, learning_rate: float
) -> Figure:
    """Draw RMSProp's half-displacement over steps, and where it settles over the sharpness.

    Args:
        settled: columns sharpness, optimizer, rod_flow, closed_form.
        run: one of the runs.
        learning_rate: the step size.
    """
    figure, (path, end) = plt.subplots(1, 2, figsize=(WIDTH, 4.3))
    shown = min(len(run.half), 80)
    time = np.arange(shown) + 0.5
    path.plot(time, np.abs(run.optimizer_half[:shown, 0]), **line("disc", linewidth=4))
    path.plot(time, np.abs(run.half[:shown, 0]), **line("rod"))
    path.axhline(learning_rate / 2, **closed("ink", label=r"closed form $\eta/2$"))
    labelled(
        path,
        r"the bounce settles $\ldots$",
        "optimizer step",
        r"half-displacement $|\delta|$",
        xlim=(0, shown),
        ylim=(0, None),
    )
    end.axvspan(
        2 / learning_rate,
        settled["sharpness"].max() * 3,
        color=colour("sf"),
        alpha=0.13,
        linewidth=0,
    )
    end.axhline(0.5, **closed("ink"))
    end.plot(settled["sharpness"], settled["optimizer"] / learning_rate, **rings("disc"))
    end.plot(settled["sharpness"], settled["rod_flow"] / learning_rate, **dots("rod"))
    end.annotate(
        "gradient descent\ndiverges",
        (2 / learning_rate, 0.14),
        (8, 0),
        fontsize=13,
        textcoords="offset points",
        color=colour("sf"),
        va="center",
    )
    labelled(
        end,
        r"$\ldots$ at $\eta/2$ for every sharpness",
        "sharpness $S$",
        r"$|\delta|/\eta$",
        xscale="log",
        ylim=(0, 0.75),
    )
    end.set_xlim(settled["sharpness"].min() / 3, settled["sharpness"].max() * 3)
    legend_above(figure, path)
    return figure


def extent_portrait_figure(spiral: pd.DataFrame, beta2: float) -> Figure:
    """Draw the phase portrait of (186), (187) in units of the fixed point, with one run in it.

    Args:
        spiral: columns optimizer_x, optimizer_y, rod_x, rod_y, one row per step.
        beta2: decay of the second moment.
    """
    figure, axis = plt.subplots(figsize=(WIDTH * 0.85, 5.4))
    right = 1.08 * max(spiral["optimizer_x"].max(), spiral["rod_x"].max(), 2)
    top = 1.12 * max(spiral["optimizer_y"].max(), spiral["rod_y"].max(), 1.6)
    x, y = np.meshgrid(np.linspace(1e-3, right, 60), np.linspace(0.03, top, 60))
    stream = axis.streamplot(
        x,
        y,
        2 * x * (1 / y - 1),
        (1 - beta2) * (x - y),
        color=colour("disc"),
        density=1.15,
        linewidth=0.7,
    )
    stream.lines.set_label("_streamlines")
    ink = {"color": colour("ink"), "linewidth": 1.6, "linestyle": ":"}
    axis.axhline(1, **ink)
    axis.plot([0, min(right, top)], [0, min(right, top)], **ink)
    paper = plt.rcParams["axes.facecolor"]
    box = {"facecolor": paper, "edgecolor": "none", "alpha": 0.85, "pad": 1.5}
    axis.text(
        right * 0.985, 1.03, r"$\dot\Sigma=0$", fontsize=16, ha="right", va="bottom", bbox=box
    )
    corner = min(right, top) * 0.9
    axis.text(
        corner, corner * 1.03, r"$\dot{\bar\nu}=0$", fontsize=16, ha="right", va="bottom", bbox=box
    )
    axis.plot(spiral["rod_x"], spiral["rod_y"], **line("rod", linewidth=3))
    axis.plot(
        spiral["optimizer_x"],
        spiral["optimizer_y"],
        **dots("other", markersize=6, zorder=5, label="optimizer, step by step"),
    )
    axis.plot(
        1,
        1,
        "*",
        color=colour("sf"),
        markersize=22,
        zorder=8,
        markeredgecolor=paper,
        label="fixed point",
    )
    labelled(
        axis,
        "",
        r"extent $\Sigma\,/\,(\eta^2/4)$",
        r"second moment $\bar\nu\,/\,(S^2\eta^2/4)$",
        xlim=(0, right),
        ylim=(0, top),
    )
    axis.grid(False)
    legend_above(figure, axis)
    return figure
