"""Figures of the cost page: error against gradients, and how the length of the rod swings."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from rodflow_book.figures.marks import BIG, labelled, legend_above
from rodflow_book.figures.style import WIDTH, colour, line
from rodflow_core.experiments.frontier import GRADIENTS, MODELS, points, swing_period, yardsticks
from rodflow_core.experiments.records import values
from rodflow_core.integrators import INTEGRATORS, make_integrator
from rodflow_core.optimizers import OPTIMIZERS

_LOOKS = {
    "euler": ("sf", "o", (0, (5, 2))),
    "rk4": ("rod", "s", "-"),
    "rkc2": ("free", "^", (0, (1, 1))),
    "adaptive": ("other", "D", (0, (4, 1.5, 1, 1.5))),
}
"""Colour, marker and line of each family of methods."""


def numbers(runs: Mapping[str, xr.Dataset]) -> pd.DataFrame:
    """Give what the figures show, a row per optimizer, flow and method.

    Args:
        runs: records of `frontier` by optimizer.
    """
    rows = []
    for optimizer, run in runs.items():
        measured = yardsticks(run)
        for point in points(run):
            yardstick = measured[point.model]
            if point.lost:  # perhaps in the middle of a long step, paid for in advance
                point = point._replace(gradients=nominal(point.method))
            rows.append({"optimizer": optimizer, **point._asdict(), **yardstick._asdict()})
    table = pd.DataFrame(rows)
    table.insert(2, "family", table["method"].str.partition(":")[0])
    return table


def nominal(method: str) -> float:
    """Give the gradients per optimizer step that a method takes in steps of its first length."""
    integrator = make_integrator(method)
    return GRADIENTS * len(integrator.tableau.weights) / integrator.length


OFF_SCALE = 1e3
"""Error, in those of the model, above which a method is as good as lost."""


def frontier_figure(table: pd.DataFrame, model: str) -> Figure:
    """Draw error against gradients, a panel per optimizer, a line per family of methods.

    Args:
        table: as ``numbers`` gives it.
        model: tag of the flow.
    """
    table = table[table["model"] == model]
    gone = table["lost"] | (table["error"] > OFF_SCALE)
    table = table.assign(lost=gone, error=table["error"].where(~gone))
    optimizers = list(dict.fromkeys(table["optimizer"]))
    columns = min(3, len(optimizers))
    rows = -(-len(optimizers) // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(WIDTH, 1.6 + 2.6 * rows), sharex=True, sharey=True, squeeze=False
    )
    for axis, optimizer in zip(axes.flat, optimizers, strict=False):
        _panel(axis, table[table["optimizer"] == optimizer])
        axis.set_title(OPTIMIZERS[optimizer].title, fontsize=BIG)
    for axis in axes.flat[len(optimizers) :]:
        axis.set_visible(False)
    first = axes.flat[0]
    first.set(xscale="log", yscale="log", ylim=_limits(table))
    first.set_xticks([1, 2, 4, 8, 16, 32], ["1", "2", "4", "8", "16", "32"])
    first.xaxis.set_minor_locator(plt.NullLocator())
    figure.supxlabel("gradients to a step of the optimizer", fontsize=BIG)
    figure.supylabel("error / error of the model", fontsize=BIG)
    figure.legend(
        handles=_legend(table),
        loc="outside upper center",
        ncols=4,
        fontsize=BIG - 1,
        handlelength=2.4,
        columnspacing=1.2,
    )
    return figure


def _limits(table: pd.DataFrame) -> tuple[float, float]:
    """Give decades that hold all errors, with room for a cross at the top."""
    finite = table["error"][np.isfinite(table["error"])]
    low, high = np.log10(finite.min()), np.log10(max(finite.max(), 1.0))
    return 10 ** (np.floor(low) - 0.3), 10 ** (np.ceil(high) + 0.3)


def _panel(axis: Axes, table: pd.DataFrame) -> None:
    for family, (tag, marker, dashes) in _LOOKS.items():
        rows = table[table["family"] == family].sort_values("gradients")
        if rows.empty:
            continue
        look = {"color": colour(tag), "linestyle": "none", "marker": marker, "markersize": 7}
        look |= {"markeredgewidth": 1.8, "zorder": 5}
        axis.plot(rows["gradients"], rows["error"], color=colour(tag), linestyle=dashes, zorder=3)
        good = rows[rows["resolved"]]
        axis.plot(good["gradients"], good["error"], **look)
        rest = rows[~rows["resolved"] & ~rows["lost"]]
        page = plt.rcParams["axes.facecolor"]
        axis.plot(rest["gradients"], rest["error"], **look, markerfacecolor=page)
        lost = rows[rows["lost"]]
        if len(lost):
            axis.plot(lost["gradients"], np.full(len(lost), 0.93),
                      transform=axis.get_xaxis_transform(),
                      **{**look, "marker": "x", "markeredgewidth": 2.6})  # fmt: skip
    axis.axhline(1, color=colour("ink"), linewidth=1.2)
    axis.axhline(table["apart"].iloc[0], color=colour("disc"), linewidth=1.6, linestyle=":")
    axis.tick_params(labelsize=BIG - 2)


def _legend(table: pd.DataFrame) -> list[Line2D]:
    handles = [
        Line2D([], [], color=colour(tag), marker=marker, linestyle=dashes, markersize=8,
               label=INTEGRATORS[family].title)
        for family, (tag, marker, dashes) in _LOOKS.items()
    ]  # fmt: skip
    ink, page = colour("ink"), plt.rcParams["axes.facecolor"]
    handles.append(Line2D([], [], color=ink, linewidth=1.2, label="error of the model"))
    handles.append(
        Line2D(
            [], [], color=colour("disc"), linewidth=1.6, linestyle=":", label="two fine ones apart"
        )
    )
    mark = {"linestyle": "none", "markersize": 8, "markeredgewidth": 1.8}
    handles.append(
        Line2D([], [], color=ink, marker="o", markerfacecolor=page, label="not resolved", **mark)
    )
    if table["lost"].any():
        handles.append(
            Line2D([], [], color=ink, marker="x", label="off the scale, or lost", **mark)
        )
    return handles


def swing_numbers(runs: Mapping[str, xr.Dataset]) -> pd.DataFrame:
    """Give the period with which ``|delta|`` swings, in steps, of each optimizer and its rods."""
    periods = {
        tag: [swing_period(values(run, tag, "delta_norm")) for run in runs.values()]
        for tag in ("disc", *MODELS)
    }
    return pd.DataFrame({"optimizer": list(runs), **periods})


def swings_figure(run: xr.Dataset, table: pd.DataFrame, span: int) -> Figure:
    """Draw how ``|delta|`` swings in one run, and with what period in all of them.

    Args:
        run: a recorded run, of the optimizer and both rods.
        table: as ``swing_numbers`` gives it.
        span: steps to mark, those at which a method costs one gradient to a step.
    """
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(WIDTH, 4.4), gridspec_kw={"width_ratios": (1.1, 1)}
    )
    time = run["step"] - run["step"][0]
    for tag in ("disc", *MODELS):
        left.plot(time, values(run, tag, "delta_norm"), **line(tag))
    for start in range(0, int(time[-1]) + 1, 2 * span):
        left.axvspan(start, start + span, color=colour("disc"), alpha=0.16, linewidth=0)
    left.margins(x=0)
    labelled(left, run.attrs["title"].partition(" on ")[0] + r": $|\delta|$", "steps")
    rows = np.arange(len(table))
    for tag, marker, shift in (("disc", "o", -0.26), ("rod", "s", 0), ("free", "D", 0.26)):
        right.plot(table[tag], rows + shift, marker, color=colour(tag), markersize=6)
    right.axvspan(0, span, color=colour("disc"), alpha=0.16, linewidth=0)
    right.set_yticks(rows, [OPTIMIZERS[name].title for name in table["optimizer"]])
    right.set_xlim(0, 1.08 * table[["disc", *MODELS]].to_numpy().max())
    right.invert_yaxis()
    labelled(right, r"period of the swings of $|\delta|$", "steps")
    legend_above(figure, left, 3)
    return figure
