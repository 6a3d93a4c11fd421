"""Figures of appendix E.2: Adam and NAdam on slopes and in valleys."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rodflow_book.figures.marks import BIG, closed, dots, labelled, legend_above, rings
from rodflow_book.figures.style import WIDTH, colour, line
from rodflow_core.simulate import Array, Trajectories

TITLES = {"none": "RMSProp", "dozat": "NAdam", "heavy_ball": "Adam"}
"""The optimizers by their momentum."""
TAGS = {"none": "disc", "dozat": "other", "heavy_ball": "rod"}
"""Their colours."""
LINES = {"none": "-", "dozat": (0, (7, 1.5, 1.5, 1.5)), "heavy_ball": (0, (1, 1))}
MARKERS = {"none": "o", "dozat": "s", "heavy_ball": "D"}
"""How they are told apart without colours."""


def slope_valley_figure(
    slopes: Mapping[str, Array], bounces: Mapping[str, Array], learning_rate: float
) -> Figure:
    """Draw the iterates of RMSProp, NAdam and Adam on a slope, and on their orbits in a valley.

    Args:
        slopes: weights over steps, by momentum.
        bounces: weights over steps, by momentum.
        learning_rate: the step size.
    """
    figure, (slope, valley) = plt.subplots(1, 2, figsize=(WIDTH, 4.3))
    widths = {"none": 6.0, "dozat": 3.2, "heavy_ball": 1.8}
    for momentum, path in slopes.items():
        slope.plot(
            path / learning_rate,
            color=colour(TAGS[momentum]),
            label=TITLES[momentum],
            linewidth=widths[momentum],
            linestyle=LINES[momentum],
        )
    last = len(next(iter(slopes.values()))) - 1
    guide = np.array([0.3, 0.8]) * last
    slope.plot(guide, 6 - (guide - guide[0]), **closed("ink"))
    for momentum, path in bounces.items():
        unit = path / learning_rate
        look = {"marker": MARKERS[momentum], "markersize": 8, "linewidth": 1.2}
        valley.plot(unit, color=colour(TAGS[momentum]), label=f"_{TITLES[momentum]}", **look)
        level = abs(unit[0])
        for sign in (1, -1):
            valley.plot(
                [-0.4, len(path) - 0.6],
                [sign * level] * 2,
                **closed("ink", linewidth=1, label=None),
            )
        words = {"none": r"$1/2$", "heavy_ball": r"$1/38$"}
        word = words.get(momentum, f"${level:.3f}$")
        shift = {"none": 0, "dozat": 9, "heavy_ball": -9}[momentum]
        valley.annotate(
            f"{TITLES[momentum]} {word}",
            (len(path) - 0.3, level),
            (0, shift),
            textcoords="offset points",
            fontsize=BIG,
            color=colour(TAGS[momentum]),
            va="center",
        )
    labelled(slope, r"on a slope: $\eta$ per step, all of them", "optimizer step", r"$w/\eta$")
    labelled(
        valley,
        r"in a valley: $\beta_1=0.9$ shortens the bounce",
        "optimizer step",
        r"$w/\eta$",
        xlim=(-0.6, len(path) + 5.2),
        ylim=(-0.62, 0.62),
    )
    valley.set_xticks(range(0, len(path), 4))
    legend_above(figure, slope, 4)
    return figure


def swings_figure(
    runs: Mapping[str, Trajectories], levels: Mapping[str, float], learning_rate: float
) -> Figure:
    """Draw the half-displacement of Adam and NAdam over steps, in units of RMSProp's.

    Args:
        runs: by momentum.
        levels: closed forms of the half-displacement.
        learning_rate: the step size.
    """
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 4.3), sharey=True)
    unit = learning_rate / 2
    words = {"heavy_ball": "Adam leaves its fixed rod", "dozat": "NAdam settles on its own"}
    for axis, (momentum, run) in zip(axes, runs.items(), strict=True):
        time = np.arange(len(run.half)) + 0.5
        axis.plot(time, np.abs(run.optimizer_half[:, 0]) / unit, **line("disc"))
        axis.plot(time, np.abs(run.half[:, 0]) / unit, **line("rod"))
        axis.axhline(levels[momentum] / unit, **closed("ink"))
        labelled(axis, words[momentum], "optimizer step", "", yscale="log", xlim=(0, len(time)))
        axis.set_ylim(4e-3, 2)
        words_here = rf"$|\delta_*|={levels[momentum] / unit:.3f}\,(\eta/2)$"
        axis.text(
            0.97, 0.94, words_here, transform=axis.transAxes, fontsize=16, ha="right", va="top"
        )
    axes[0].set_ylabel(r"$|\delta|\,/\,(\eta/2)$", fontsize=BIG)
    legend_above(figure, axes[0])
    return figure


def amplitude_figure(table: pd.DataFrame) -> Figure:
    """Draw the bounce of Adam and NAdam in units of RMSProp's, against beta1.

    Args:
        table: columns momentum, beta1, closed_form, settles, root_mean_square, low, high,
            rod_flow.
    """
    figure, axis = plt.subplots(figsize=(WIDTH * 0.9, 5.4))
    beta1 = np.linspace(0, 0.97, 200)
    factor = (1 - beta1) / (1 + beta1)
    for momentum, curve in {"dozat": factor * (1 + 2 * beta1), "heavy_ball": factor}.items():
        tag = TAGS[momentum]
        name = {"dozat": "NAdam", "heavy_ball": "Adam"}[momentum]
        axis.plot(beta1, curve, **closed(tag, linewidth=2, label=f"{name}: closed form"))
        rows = table[table["momentum"] == momentum]
        settles, swings = rows[rows["settles"]], rows[~rows["settles"]]
        axis.plot(
            settles["beta1"],
            settles["root_mean_square"],
            **rings("disc", color=colour(tag), label=f"{name}: optimizer, settled"),
        )
        axis.plot(
            settles["beta1"],
            settles["rod_flow"],
            **dots("disc", color=colour(tag), markersize=7, label=f"{name}: rod flow, settled"),
        )
        if len(swings):
            _swinging(axis, swings, colour(tag), f"{name}: optimizer, swinging (r.m.s.)")
    axis.axhline(1, color=colour("ink"), linewidth=1.2, linestyle=":")
    axis.text(0.97, 1.06, "RMSProp", fontsize=BIG, ha="right")
    axis.annotate(
        "1/19",
        (0.9, 1 / 19),
        (-58, -34),
        textcoords="offset points",
        fontsize=18,
        arrowprops={"arrowstyle": "->", "color": colour("ink")},
    )
    labelled(
        axis,
        "",
        r"$\beta_1$",
        r"half-displacement $|\delta|\,/\,(\eta/2)$",
        yscale="log",
        xlim=(0, 0.98),
        ylim=(6e-3, 1.8),
    )
    axis.legend(fontsize=13, loc="lower left")
    return figure


def _swinging(axis: Axes, swings: pd.DataFrame, tint: str, label: str) -> None:
    """Draw what does not settle: its root mean square, and from where to where it swings."""
    centre = swings["root_mean_square"]
    # The lower quantile may be as small as it likes; the axis ends at a tenth of the curve.
    below = centre - swings["low"].clip(lower=1e-3)
    span = [below, swings["high"].clip(lower=centre) - centre]
    axis.errorbar(
        swings["beta1"], centre, yerr=span, fmt="D", color=tint, markersize=9, elinewidth=1.3,
        capsize=4, zorder=6, label=label,
    )  # fmt: skip
