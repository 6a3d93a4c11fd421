"""Figures of the limits: where the two rods stop tracking, and how an optimizer's motion rings."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rodflow_book.figures.marks import labelled, legend_above
from rodflow_book.figures.style import NAMES, WIDTH, colour, line
from rodflow_core.experiments.claims import CLOSER, WITHIN
from rodflow_core.experiments.limits import FAST, SLOW, Motion, peak, power, ringing_frequency

BIG = 15
"""Size of labels and words in these figures."""
_MARKS = {"rod": ("o", -0.06), "free": ("s", 0.06)}
_BETAS = ("rod", "free", "sf", "other", "disc")


def _ticks(axis: Axes, labels: list[str]) -> None:
    axis.set_xticks(range(len(labels)), labels)
    axis.set_xlim(-0.5, len(labels) - 0.5)
    axis.grid(axis="x", visible=False)


def _look(tag: str, marker: str, joined: bool) -> dict[str, object]:
    changes = {} if joined else {"linestyle": "none"}
    return line(tag, marker=marker, markersize=10, **{"linewidth": 2.2, **changes})


def ratio_panel(axis: Axes, table: pd.DataFrame, x: str, joined: bool = True) -> None:
    """Draw how many times closer than the stable flow each rod stays, a row of the table a tick.

    A rod that did not stay finite is a cross at the lower edge. Bars, where the table has them, are
    copies of the optimizer itself.
    """
    if "ratio_floor" in table:
        for place, row in enumerate(table.to_dict("records")):
            axis.plot([place] * 2, [row["ratio_floor_low"], row["ratio_floor_high"]],
                      color=colour("floor"), linewidth=9, alpha=0.45, solid_capstyle="butt",
                      zorder=1.5, label=NAMES["floor"] if place == 0 else None)  # fmt: skip
    for tag, (marker, shift) in _MARKS.items():
        ratio = table[f"ratio_{tag}"].to_numpy()
        place = np.arange(len(ratio)) + shift
        axis.plot(place, ratio, **_look(tag, marker, joined))
        lost = ~np.isfinite(ratio)
        floor = np.full(lost.sum(), 0.04)
        axis.plot(place[lost], floor, "x", color=colour(tag), markersize=12, markeredgewidth=3,
                  transform=axis.get_xaxis_transform())  # fmt: skip
    for level, word in ((CLOSER, f"{CLOSER:g}: our bar"), (1, "1: no better")):
        axis.axhline(level, color=colour("ink"), linewidth=1.1, linestyle=":", zorder=1)
        axis.annotate(word, (0.995, level), (0, 3), xycoords=axis.get_yaxis_transform(),
                      textcoords="offset points", ha="right", fontsize=12)  # fmt: skip
    axis.set_yscale("log")
    low, high = axis.get_ylim()
    axis.set_ylim(min(low, 0.6), max(high * 1.3, 12))
    axis.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    _ticks(axis, list(table["label"]))
    labelled(axis, "times closer than the stable flow", x, size=BIG)


def sweep_figure(table: pd.DataFrame, x: str, joined: bool = True) -> Figure:
    """Draw a sweep: distance ratio and sharpness of both rods.

    Args:
        table: columns label, ratio_rod, ratio_free, sharpness_rod, sharpness_free (flow over
            optimizer); ratio_floor, ratio_floor_low, ratio_floor_high where it was measured.
        x: what the labels are.
        joined: whether they have an order, and lines between them a meaning.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDTH, 4.2))
    ratio_panel(left, table, x, joined)
    right.axhspan(1 - WITHIN, 1 + WITHIN, color=colour("disc"), alpha=0.25, linewidth=0)
    for tag, (marker, shift) in _MARKS.items():
        place = np.arange(len(table)) + shift
        right.plot(place, table[f"sharpness_{tag}"], **_look(tag, marker, joined))
    low, high = right.get_ylim()
    right.set_ylim(min(low, 0.88), max(high, 1.12))
    _ticks(right, list(table["label"]))
    labelled(right, "sharpness, flow over optimizer", x, size=BIG)
    legend_above(figure, left, 3, fontsize=BIG)
    return figure


def momentum_figure(table: pd.DataFrame) -> Figure:
    """Draw, over ``beta1``, how the optimizer's motion is divided, and how the rods track it.

    Args:
        table: columns label, drift, longer, alternating, ratio_rod, ratio_free, and of the floor
            ratio_floor, ratio_floor_low, ratio_floor_high.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDTH, 4.6))
    parts = {
        "alternating": ("rod", "period two"),
        "longer": ("sf", "longer cycles"),
        "drift": ("disc", "drift"),
    }
    base = np.zeros(len(table))
    for name, (tag, word) in parts.items():
        left.bar(range(len(table)), table[name], 0.72, base, color=colour(tag), label=word)
        base += table[name].to_numpy()
    left.set_ylim(0, 1)
    left.set_axisbelow(True)
    _ticks(left, list(table["label"]))
    labelled(left, "the optimizer's motion, parts of its power", r"$\beta_1$", size=BIG)
    left.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=3, fontsize=13,
                handlelength=1, columnspacing=1.2)  # fmt: skip
    ratio_panel(right, table, r"$\beta_1$")
    right.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=3, fontsize=13,
                 handlelength=1.6, columnspacing=1.2)  # fmt: skip
    return figure


def held_figure(table: pd.DataFrame) -> Figure:
    """Draw what is left of the optimizer's motion with its second moment held.

    Args:
        table: columns label, longer, longer_held, growth, growth_held, growth_cycle; NaN where
            there is none.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDTH, 4.2))
    place = np.arange(len(table))
    bars = (
        ("longer", "sf", "as it is", -0.19),
        ("longer_held", "free", "second moment held", 0.19),
    )
    for name, tag, word, shift in bars:
        left.bar(place + shift, table[name], 0.36, color=colour(tag), label=word)
    left.set_ylim(0, 1)
    left.set_axisbelow(True)
    _ticks(left, list(table["label"]))
    labelled(left, "longer cycles, part of the power", r"$\beta_1$", size=BIG)
    looks = {
        "growth": _look("sf", "o", True) | {"label": None},
        "growth_held": _look("free", "s", True) | {"label": None},
        "growth_cycle": {"color": colour("ink"), "linestyle": (0, (4, 2)), "linewidth": 1.6,
                         "label": "two-cycle of one weight, E.3"},
    }  # fmt: skip
    for name, look in looks.items():
        right.plot(place, table[name], **look)
    right.axhline(0, color=colour("ink"), linewidth=1.1, linestyle=":", zorder=1)
    _ticks(right, list(table["label"]))
    labelled(right, "growth of a small difference, per step", r"$\beta_1$", size=BIG)
    shown = [axis.get_legend_handles_labels() for axis in (left, right)]
    handles, labels = (sum(parts, []) for parts in zip(*shown, strict=True))
    figure.legend(handles, labels, loc="outside upper center", ncols=3, fontsize=BIG)
    return figure


def ringing_figure(motions: Mapping[float, Motion]) -> Figure:
    """Draw power over frequency, and at which frequency each leading eigendirection rings.

    Args:
        motions: by ``beta1``, five at most.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDTH, 4.6))
    curvature = np.linspace(0, 1.15, 300)
    for tag, (beta, motion) in zip(_BETAS, motions.items(), strict=False):
        frequency, part = power(motion.displacements)
        shown = frequency >= SLOW
        # Relative to what a motion without a preferred frequency would have there.
        level = part[shown] / part[shown].mean()
        left.plot(frequency[shown], _smooth(level), color=colour(tag), linewidth=2.2)
        # In units of the threshold, 2 (1 + beta) / (eta (1 - beta)), the curve has no eta.
        scale = 2 * (1 + beta) / (1 - beta)
        right.plot(curvature, ringing_frequency(scale * curvature, 1, beta), color=colour(tag),
                   linewidth=1.8)  # fmt: skip
        right.plot(motion.curvatures / motion.threshold, peak(motion.modes), "o", color=colour(tag),
                   markersize=9, markeredgecolor=plt.rcParams["axes.facecolor"],
                   label=rf"$\beta_1={beta:g}$")  # fmt: skip
    left.set(yscale="log", xlim=(SLOW, 0.5))
    left.axvspan(FAST, 0.5, color=colour("disc"), alpha=0.25, linewidth=0)
    left.axvline(0.25, color=colour("ink"), linewidth=1.1, linestyle=":")
    left.annotate("period 4", (0.25, 0.02), (4, 0), xycoords=left.get_xaxis_transform(),
                  textcoords="offset points", fontsize=13)  # fmt: skip
    left.annotate("period 2", (0.497, 0.02), xycoords=left.get_xaxis_transform(), fontsize=13,
                  ha="right")  # fmt: skip
    labelled(left, "power of the motion (mean 1)", "cycles per step", size=BIG)
    right.set(xlim=(0.4, 1.12), ylim=(0.15, 0.53))
    labelled(right, "frequency of each leading direction", r"curvature $/\,S_{\rm thr}$", size=BIG)
    legend_above(figure, right, 5, fontsize=BIG)
    return figure


def ringing_numbers(motions: Mapping[float, Motion]) -> pd.DataFrame:
    """Give what ``ringing_figure`` draws: one row per point, columns beta1, curve, x, y."""
    rows = []
    for beta, motion in motions.items():
        points = zip(*power(motion.displacements), strict=True)
        rows += [(beta, "power over frequency", x, y) for x, y in points]
        points = zip(motion.curvatures / motion.threshold, peak(motion.modes), strict=True)
        rows += [(beta, "frequency over curvature / threshold", x, y) for x, y in points]
    return pd.DataFrame(rows, columns=["beta1", "curve", "x", "y"])


def _smooth(values: np.ndarray, width: int = 5) -> np.ndarray:
    """Average over neighbouring frequencies; fewer at the ends."""
    kernel = np.ones(min(width, len(values)))
    counts = np.convolve(np.ones(len(values)), kernel, "same")
    return np.convolve(values, kernel, "same") / counts
