"""Figures of appendices D and E: how RMSProp, Adam and NAdam drift on slopes and bounce in valleys."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from rodflow_core.derivations.adaptive_runs import Run
from rodflow_core.plots import NAMES, WIDTH, colour, line

BIG = 14
"""Size of labels and words in these figures."""


def closed(**changes: object) -> dict[str, object]:
    """Give the line style of a closed form."""
    look = {"color": colour("ink"), "linewidth": 1.5, "linestyle": (0, (4, 2)), "zorder": 5}
    return {**look, "label": "closed form", **changes}


def dots(tag: str, **changes: object) -> dict[str, object]:
    """Give the style of single points of a trajectory."""
    look = {"linestyle": "none", "marker": "o", "markersize": 8, "zorder": 6}
    return {"color": colour(tag), "label": NAMES.get(tag), **look, **changes}


def rings(tag: str, **changes: object) -> dict[str, object]:
    """Give the style of open circles around points."""
    look = {"markerfacecolor": "none", "markersize": 14, "markeredgewidth": 2}
    return dots(tag, **{**look, **changes})


def labelled(axis: Axes, title: str, x: str, y: str, **changes: object) -> None:
    """Give a panel its words, large."""
    axis.set(**changes)
    axis.set_title(title, fontsize=BIG)
    axis.set_xlabel(x, fontsize=BIG)
    axis.set_ylabel(y, fontsize=BIG)
    axis.tick_params(labelsize=13)


def legend_above(figure: Figure, axis: Axes, columns: int = 3) -> None:
    """Put one legend over all panels."""
    handles, labels = axis.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=columns, fontsize=BIG)


# --- D: RMSProp ----------------------------------------------------------------------------------


def slope_figure(runs: Mapping[float, Run], learning_rate: float) -> Figure:
    """Draw RMSProp's path and half-displacement on several slopes.

    Args:
        runs: by slope.
        learning_rate: the step size.
    """
    figure, (path, half) = plt.subplots(1, 2, figsize=(WIDTH, 4.3))
    for i, (value, run) in enumerate(runs.items()):
        named = {} if i == 0 else {"label": None}
        time = np.arange(len(run.centre))
        path.plot(time, run.z[:-1, 0], **line("disc", linewidth=5, **named))
        path.plot(time + 0.5, run.centre[:, 0], **line("rod", **named))
        half.plot(time + 0.5, np.abs(run.optimizer_half[:, 0]), **line("disc", linewidth=5, **named))
        half.plot(time + 0.5, np.abs(run.half[:, 0]), **line("rod", **named))
        word = f"slope {value:g}"
        path.annotate(word, (time[-1], run.centre[-1, 0]), (5, 0), textcoords="offset points",
                      fontsize=13, va="center")  # fmt: skip
    last = len(time)
    first = next(iter(runs.values())).centre
    guide = np.array([0.6, 0.95]) * last
    path.plot(guide, first[0, 0] - learning_rate * (guide - guide[0]), **closed())
    path.annotate(r"$-\eta$ per step", (guide.mean(), -learning_rate * np.ptp(guide) / 2), (8, 4),
                  textcoords="offset points", fontsize=BIG)  # fmt: skip
    half.axhline(learning_rate / 2, **closed(label=None))
    half.annotate(r"$\eta/2$", (0.99, learning_rate / 2), (0, 5), textcoords="offset points",
                  xycoords=half.get_yaxis_transform(), fontsize=16, ha="right")  # fmt: skip
    labelled(path, r"every slope is descended at speed $\eta$", "optimizer step", "weight $w$",
             xlim=(0, 1.3 * last))  # fmt: skip
    labelled(half, r"half-displacement $|\delta|$", "optimizer step", "", yscale="log",
             xlim=(0, last))  # fmt: skip
    legend_above(figure, path)
    return figure


def half_displacement_figure(settled: pd.DataFrame, run: Run, learning_rate: float) -> Figure:
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
    path.axhline(learning_rate / 2, **closed(label=r"closed form $\eta/2$"))
    labelled(path, r"the bounce settles $\ldots$", "optimizer step", r"half-displacement $|\delta|$",
             xlim=(0, shown), ylim=(0, None))  # fmt: skip
    end.axvspan(2 / learning_rate, settled["sharpness"].max() * 3, color=colour("sf"), alpha=0.13,
                linewidth=0)  # fmt: skip
    end.axhline(0.5, **closed())
    end.plot(settled["sharpness"], settled["optimizer"] / learning_rate, **rings("disc"))
    end.plot(settled["sharpness"], settled["rod_flow"] / learning_rate, **dots("rod"))
    end.annotate("gradient descent\ndiverges", (2 / learning_rate, 0.14), (8, 0), fontsize=13,
                 textcoords="offset points", color=colour("sf"), va="center")  # fmt: skip
    labelled(end, r"$\ldots$ at $\eta/2$ for every sharpness", "sharpness $S$", r"$|\delta|/\eta$",
             xscale="log", ylim=(0, 0.75))  # fmt: skip
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
    axis.streamplot(x, y, 2 * x * (1 / y - 1), (1 - beta2) * (x - y), color=colour("disc"),
                    density=1.15, linewidth=0.7, arrowsize=1.0)  # fmt: skip
    ink = {"color": colour("ink"), "linewidth": 1.6, "linestyle": ":"}
    axis.axhline(1, **ink)
    axis.plot([0, min(right, top)], [0, min(right, top)], **ink)
    paper = plt.rcParams["axes.facecolor"]
    box = {"facecolor": paper, "edgecolor": "none", "alpha": 0.85, "pad": 1.5}
    axis.text(right * 0.985, 1.03, r"$\dot\Sigma=0$", fontsize=16, ha="right", va="bottom", bbox=box)
    corner = min(right, top) * 0.9
    axis.text(corner, corner * 1.03, r"$\dot{\bar\nu}=0$", fontsize=16, ha="right", va="bottom",
              bbox=box)  # fmt: skip
    axis.plot(spiral["rod_x"], spiral["rod_y"], **line("rod", linewidth=3))
    axis.plot(spiral["optimizer_x"], spiral["optimizer_y"],
              **dots("other", markersize=6, zorder=5, label="optimizer, step by step"))  # fmt: skip
    axis.plot(1, 1, "*", color=colour("sf"), markersize=22, zorder=8, markeredgecolor=paper,
              label="fixed point")  # fmt: skip
    labelled(axis, "", r"extent $\Sigma\,/\,(\eta^2/4)$",
             r"second moment $\bar\nu\,/\,(S^2\eta^2/4)$", xlim=(0, right), ylim=(0, top))  # fmt: skip
    axis.grid(False)
    legend_above(figure, axis)
    return figure


# --- E: Adam and NAdam ---------------------------------------------------------------------------


def dozat_figure(
    paths: Mapping[bool, tuple[NDArray, NDArray, NDArray]], apart: Mapping[bool, NDArray]
) -> Figure:
    """Draw Nesterov, its look-ahead points and Dozat's iterates, without and with bias correction.

    Args:
        paths: iterates, look-ahead points and Dozat's iterates, ``(T, 2)`` each; the key says
            whether moments are corrected.
        apart: distance of the last two at each step.
    """
    figure, axes = plt.subplots(1, 3, figsize=(WIDTH * 1.15, 4.4), width_ratios=(1, 1, 1.05))
    titles = {False: "without bias correction", True: "with bias correction"}
    for axis, (corrected, (iterates, ahead, own)) in zip(axes, paths.items(), strict=False):
        axis.plot(*iterates.T, **line("disc", linewidth=1.6, marker="o", markersize=4,
                                      label="Nesterov $w_t$"))  # fmt: skip
        words = r"its look-ahead points $w_t-\eta\beta m_t$"
        axis.plot(*ahead.T, **dots("rod", markersize=6, label=words))
        axis.plot(*own.T, **rings("sf", markersize=11, markeredgewidth=1.6, label="Dozat"))
        labelled(axis, titles[corrected], "$w_1$", "")
    axes[0].set_ylabel("$w_2$", fontsize=BIG)
    tags = {False: "rod", True: "sf"}
    for corrected, distance in apart.items():
        shown = np.maximum(distance, 1e-17)
        axes[2].plot(shown, color=colour(tags[corrected]), linewidth=2.4)
        word = titles[corrected]
        height = np.median(shown[len(shown) // 2 :]) * (30 if corrected else 60)
        axes[2].text(len(shown) * 0.98, height, word, color=colour(tags[corrected]), fontsize=13,
                     ha="right", va="bottom")  # fmt: skip
    labelled(axes[2], "distance, Dozat to look-ahead", "optimizer step", "", yscale="log",
             ylim=(1e-18, 1e2))  # fmt: skip
    legend_above(figure, axes[0])
    return figure


TITLES = {"none": "RMSProp", "dozat": "NAdam", "heavy_ball": "Adam"}
"""The optimizers by their momentum."""
TAGS = {"none": "disc", "dozat": "other", "heavy_ball": "rod"}
"""Their colours."""


def slope_valley_figure(
    slopes: Mapping[str, NDArray], bounces: Mapping[str, NDArray], learning_rate: float
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
        slope.plot(path / learning_rate, color=colour(TAGS[momentum]), label=TITLES[momentum],
                   linewidth=widths[momentum])  # fmt: skip
    last = len(next(iter(slopes.values()))) - 1
    guide = np.array([0.3, 0.8]) * last
    slope.plot(guide, 6 - (guide - guide[0]), **closed())
    for momentum, path in bounces.items():
        unit = path / learning_rate
        valley.plot(unit, color=colour(TAGS[momentum]), marker="o", markersize=8, linewidth=1.2)
        level = abs(unit[0])
        for sign in (1, -1):
            valley.plot([-0.4, len(path) - 0.6], [sign * level] * 2, **closed(linewidth=1, label=None))
        words = {"none": r"$1/2$", "heavy_ball": r"$1/38$"}
        word = words.get(momentum, f"${level:.3f}$")
        shift = {"none": 0, "dozat": 9, "heavy_ball": -9}[momentum]
        valley.annotate(f"{TITLES[momentum]} {word}", (len(path) - 0.3, level), (0, shift),
                        textcoords="offset points", fontsize=BIG, color=colour(TAGS[momentum]),
                        va="center")  # fmt: skip
    labelled(slope, r"on a slope: $\eta$ per step, all of them", "optimizer step", r"$w/\eta$")
    labelled(valley, r"in a valley: $\beta_1=0.9$ shortens the bounce", "optimizer step",
             r"$w/\eta$", xlim=(-0.6, len(path) + 5.2), ylim=(-0.62, 0.62))  # fmt: skip
    valley.set_xticks(range(0, len(path), 4))
    legend_above(figure, slope, 4)
    return figure


def swings_figure(
    runs: Mapping[str, Run], levels: Mapping[str, float], learning_rate: float
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
        axis.axhline(levels[momentum] / unit, **closed())
        labelled(axis, words[momentum], "optimizer step", "", yscale="log", xlim=(0, len(time)))
        axis.set_ylim(4e-3, 2)
        words_here = rf"$|\delta_*|={levels[momentum] / unit:.3f}\,(\eta/2)$"
        axis.text(0.97, 0.94, words_here, transform=axis.transAxes, fontsize=16, ha="right", va="top")
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
        axis.plot(beta1, curve, **closed(color=colour(tag), linewidth=2, label=f"{name}: closed form"))
        rows = table[table["momentum"] == momentum]
        settles, swings = rows[rows["settles"]], rows[~rows["settles"]]
        axis.plot(settles["beta1"], settles["root_mean_square"],
                  **rings("disc", color=colour(tag), label=f"{name}: optimizer, settled"))  # fmt: skip
        axis.plot(settles["beta1"], settles["rod_flow"],
                  **dots("disc", color=colour(tag), markersize=7,
                         label=f"{name}: rod flow, settled"))  # fmt: skip
        if len(swings):
            # The lower quantile may be as small as it likes; the axis ends at a tenth of the curve.
            centre = swings["root_mean_square"]
            span = [centre - swings["low"].clip(lower=1e-3), swings["high"].clip(lower=centre) - centre]
            axis.errorbar(swings["beta1"], centre, yerr=span, fmt="D", color=colour(tag),
                          markersize=9, elinewidth=1.3, capsize=4, zorder=6,
                          label=f"{name}: optimizer, swinging (r.m.s.)")  # fmt: skip
    axis.axhline(1, color=colour("ink"), linewidth=1.2, linestyle=":")
    axis.text(0.97, 1.06, "RMSProp", fontsize=BIG, ha="right")
    axis.annotate("1/19", (0.9, 1 / 19), (-58, -34), textcoords="offset points", fontsize=18,
                  arrowprops={"arrowstyle": "->", "color": colour("ink")})  # fmt: skip
    labelled(axis, "", r"$\beta_1$", r"half-displacement $|\delta|\,/\,(\eta/2)$", yscale="log",
             xlim=(0, 0.98), ylim=(6e-3, 1.8))  # fmt: skip
    axis.legend(fontsize=13, loc="lower left")
    return figure
