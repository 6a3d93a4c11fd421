"""Figures of the first page: a parabola, a network on its way to the edge, and at it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rodflow_book.figures.marks import BIG, labelled, legend_above
from rodflow_book.figures.style import WIDTH, colour, line, samples
from rodflow_book.motion import Curve, Panel, Track
from rodflow_core.simulate import Array

# --- a parabola ----------------------------------------------------------------------------------

_TAGS = ("rod", "free", "sf")
_LOOKS = ("-", (0, (1, 1)), (0, (5, 2)))
_MARKS = ("o", "D", "s")


def parabola_figure(runs: Mapping[float, Array], curvature: float) -> Figure:
    """Draw gradient descent on a parabola at several learning rates, and how far it is from 0.

    Args:
        runs: iterates by the learning rate times the curvature.
        curvature: of the parabola.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDTH, 4.1), width_ratios=(1.15, 1))
    reach = 1.06 * max(np.abs(w).max() for w in runs.values())
    bowl = np.linspace(-reach, reach, 121)
    left.plot(bowl, curvature * bowl**2 / 2, color=colour("ink"), linewidth=1.2, alpha=0.6)
    looks = zip(runs.items(), _TAGS, _LOOKS, _MARKS, strict=True)
    for (product, w), tag, dash, mark in looks:
        look = {"color": colour(tag), "linestyle": dash, "linewidth": 1.9, "marker": mark,
                "markersize": 6, "label": rf"$\eta S={product:g}$"}  # fmt: skip
        left.plot(w, curvature * w**2 / 2, **look)
        right.plot(np.abs(w), **look)
    labelled(left, "where it goes", "weight $w$", "loss $L$")
    labelled(right, r"how far from the minimum: $|w_t|$", "step $t$")
    right.set_yscale("log")
    legend_above(figure, left)
    return figure


def parabola_table(runs: Mapping[float, Array], curvature: float) -> pd.DataFrame:
    """Give what `parabola_figure` draws: the iterates, and the parabola at them."""
    tables = [
        pd.DataFrame({"eta_S": product, "step": np.arange(len(w)), "w": w,
                      "loss": curvature * w**2 / 2})
        for product, w in runs.items()
    ]  # fmt: skip
    reach = 1.06 * max(np.abs(w).max() for w in runs.values())
    bowl = np.linspace(-reach, reach, 121)
    tables.append(pd.DataFrame({"w": bowl, "loss": curvature * bowl**2 / 2}))
    return pd.concat(tables, ignore_index=True)


def parabola_motion(runs: Mapping[float, Array], curvature: float) -> tuple[list[Panel], list[str]]:
    """Give the panels and the words of gradient descent on a parabola, one panel a learning rate.

    Args:
        runs: iterates by the learning rate times the curvature; all as long.
        curvature: of the parabola.
    """
    panels, sentences = [], []
    for product, w in runs.items():
        reach = 1.15 * float(np.abs(w).max())
        bowl = np.linspace(-reach, reach, 61)
        inward = abs(w[-1]) < abs(w[0])
        side = "below" if product < 2 else "above"
        panels.append(
            Panel(
                f"learning rate {product:g}/S, {side} 2/S",
                "A point jumps from one wall of a parabola to the other, each time "
                f"{'lower' if inward else 'higher'}.",
                (-reach, reach),
                (-0.06 * curvature * reach**2 / 2, curvature * reach**2 / 2),
                [Track("gradient descent", "disc", w, curvature * w**2 / 2)],
                "weight w",
                "loss L",
                curves=[Curve(bowl, curvature * bowl**2 / 2)],
            )
        )
        sentences.append([f"{_place(now)} at {product:g}/S" for now in w])
    words = [
        f"After {t} steps w is " + " and ".join(at) + "."
        for t, at in enumerate(zip(*sentences, strict=True))
    ]
    return panels, words


def _place(w: float) -> str:
    """Write a number with three digits and a minus sign."""
    return f"{w:.3g}".replace("-", "−")


# --- a network -----------------------------------------------------------------------------------


def edge_figure(climb: pd.DataFrame, losses: pd.DataFrame, warmup: int) -> Figure:
    """Draw sharpness and loss of gradient descent and of gradient flow from the first step on.

    Args:
        climb: columns step, disc, sf: the sharpness over the threshold.
        losses: columns step, disc, sf.
        warmup: where the flows of the next figure are started.
    """
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 4.2), width_ratios=(1.3, 1))
    names = {"disc": "gradient descent", "sf": "gradient flow"}
    for axis, table in zip(axes, (climb, losses), strict=True):
        for tag, name in names.items():
            look = line(tag, label=name)
            if tag == "disc" and table is climb:
                look = samples(look, table["step"].to_numpy())
            axis.plot(table["step"], table[tag], **look)
        axis.axvspan(0, warmup, color=colour("ink"), alpha=0.06, linewidth=0)
        axis.margins(x=0)
    axes[0].axhline(1, color=colour("ink"), linewidth=1.2, linestyle=":", zorder=1)
    axes[0].annotate(r"$2/\eta$", (0, 1), (6, 4), textcoords="offset points", fontsize=BIG)
    axes[0].set_ylim(bottom=0)
    labelled(axes[0], r"sharpness / $(2/\eta)$", "step")
    labelled(axes[1], "loss", "step")
    _plain_log(axes[1], losses[["disc", "sf"]].to_numpy())
    axes[1].text(warmup, axes[1].get_ylim()[1], "warm-up ", ha="right", va="top", fontsize=BIG - 1)
    legend_above(figure, axes[1], 2)
    return figure


def beside_figure(table: pd.DataFrame) -> Figure:
    """Draw gradient descent at the edge with its two flows beside it.

    Args:
        table: columns step, disc, sf, rod: the sharpness over the threshold, where it is known;
            distance_sf, distance_rod: from the centre of gradient descent's iterates.
    """
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 4.0), width_ratios=(1.15, 1))
    names = {"disc": "gradient descent", "sf": "gradient flow", "rod": "rod flow"}
    for tag, name in names.items():
        known = table[table[tag].notna()]
        look = line(tag, label=name)
        look = samples(look, known["step"].to_numpy()) if tag == "disc" else look
        axes[0].plot(known["step"], known[tag], **look)
    axes[0].axhline(1, color=colour("ink"), linewidth=1.2, linestyle=":", zorder=1)
    for tag in ("sf", "rod"):
        # All start at one place, which has no logarithm.
        axes[1].plot(table["step"][1:], table[f"distance_{tag}"][1:], **line(tag))
    axes[1].set_yscale("log")
    labelled(axes[0], r"sharpness / $(2/\eta)$", "step")
    labelled(axes[1], "distance from gradient descent", "step")
    for axis in axes:
        axis.margins(x=0)
    legend_above(figure, axes[0], 3)
    return figure


def _plain_log(axis: Axes, values: Array) -> None:
    """Use a logarithmic axis whose ticks are numbers as one reads them."""
    axis.set_yscale("log")
    shown: Sequence[float] = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10]
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    axis.set_yticks([v for v in shown if low <= v <= high])
    axis.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.minorticks_off()
