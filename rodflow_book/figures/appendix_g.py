"""Figures of appendices G and H: low rank, bias correction, the first rod."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from rodflow_book.figures.marks import BIG, closed, dots, labelled, legend_above, rings
from rodflow_book.figures.style import WIDTH, colour, line
from rodflow_core.simulate import Array


def rank_figure(ranks: pd.DataFrame, decay: pd.DataFrame) -> Figure:
    """Draw the error of a truncated extent against its rank, and the size of a resting one.

    Args:
        ranks: columns rank, five_steps, relax, best.
        decay: columns substep, Euler, exponential.
    """
    figure, (error, size) = plt.subplots(1, 2, figsize=(WIDTH, 4.3))
    error.plot(
        ranks["rank"],
        ranks["best"],
        **closed("ink", label="best possible", marker="_", markersize=14),
    )
    error.plot(ranks["rank"], ranks["five_steps"], **rings("disc", label="five steps (268)-(273)"))
    error.plot(ranks["rank"], ranks["relax"], **dots("rod", label="library's update"))
    labelled(
        error, "what truncation costs", "rank $r$", r"relative error of $\Sigma$", yscale="log"
    )
    error.set_xticks(ranks["rank"])
    error.legend(fontsize=13, loc="lower left")
    dt = np.geomspace(decay["substep"].min() * 0.8, decay["substep"].max() * 1.1, 100)
    curves = {"Euler": np.ones_like(dt), "exponential": 2 * dt / (1 - np.exp(-2 * dt))}
    words = {"Euler": r"decay $1-2\Delta t$", "exponential": r"decay $e^{-2\Delta t}$"}
    for (name, curve), tag in zip(curves.items(), ("rod", "sf"), strict=True):
        size.plot(dt, curve, color=colour(tag))
        size.plot(decay["substep"], decay[name], **dots(tag, label=words[name]))
    labelled(
        size,
        "where the extent comes to rest",
        r"substep $\Delta t$",
        r"$\Sigma\,/\,$(266)",
        xscale="log",
    )
    size.set_xticks(decay["substep"], [f"1/{round(1 / x)}" for x in decay["substep"]])
    size.minorticks_off()
    size.legend(fontsize=BIG)
    return figure


def bias_figure(table: pd.DataFrame, beta1: float, beta2: float) -> Figure:
    """Draw raw and corrected moments on a linear loss, and the length of the steps they make.

    Args:
        table: columns step, m_raw, nu_raw, m_corrected, nu_corrected, step_raw, step_corrected,
            rod_flow, rod_flow_power_t.
        beta1: decay of the first moment.
        beta2: decay of the second moment.
    """
    figure, (moment, step) = plt.subplots(1, 2, figsize=(WIDTH, 4.5))
    time = table["step"]
    few = slice(0, None, 6)
    for column, tag, name in (("m", "other", "m"), ("nu", "sf", r"\nu")):
        decay = {"m": beta1, "nu": beta2}[column]
        moment.plot(
            time[few],
            table[f"{column}_raw"][few],
            **dots(tag, label=f"${name}_t$ raw", markersize=7),
        )
        moment.plot(time, 1 - decay**time, **closed("ink", label=None))
        moment.plot(
            time[few],
            table[f"{column}_corrected"][few],
            **rings(
                tag, markersize={"m": 15, "nu": 9}[column], label=rf"$\hat{{{name}}}_t$ corrected"
            ),
        )
    moment.plot([], [], **closed("ink"))
    labelled(moment, "moment / what it estimates", "optimizer step", "", ylim=(-0.03, 1.42))
    moment.legend(fontsize=13, loc="upper center", ncols=2)
    step.plot(time, table["step_raw"], **line("disc", color=colour("sf"), label="optimizer, raw"))
    step.plot(time, table["step_corrected"], **line("disc", label="optimizer, corrected"))
    step.plot(time, table["rod_flow"], **line("rod", label="rod flow, power $t+1$"))
    step.plot(
        time,
        table["rod_flow_power_t"],
        **line("rod", linestyle=(0, (1, 1.4)), label="rod flow, power $t$"),
    )
    labelled(step, r"length of a step $/\,\eta$", "optimizer step", "", ylim=(0, None))
    step.legend(fontsize=13, loc="lower right", bbox_to_anchor=(1, 0.16), labelspacing=0.3)
    return figure


def start_figure(
    iterates: Array,
    warmup: int,
    rod: Array,
    paths: Mapping[str, Array],
    distance: Mapping[str, Array],
) -> Figure:
    """Draw the end of a warm-up, the first rod and where both flows go from its centre.

    Args:
        iterates: of the optimizer, ``(T, 2)``.
        warmup: step at which the flows start.
        rod: the first rod's two ends, ``(2, 2)``.
        paths: of both flows from there, by tag.
        distance: of both from the optimizer's centre.
    """
    figure, (plane, apart) = plt.subplots(1, 2, figsize=(WIDTH, 4.5), width_ratios=(1.45, 1))
    before, after = iterates[warmup - 12 : warmup + 1], iterates[warmup:]
    look = {"linewidth": 0.8, "marker": "o", "markersize": 4.5}
    plane.plot(*before.T, **line("disc", label="optimizer", **look))
    plane.plot(*after.T, **line("disc", label=None, alpha=0.45, **look))
    plane.plot(*rod.T, **line("rod", linewidth=4.5, marker="o", markersize=10, label="first rod"))
    for tag, path in paths.items():
        plane.plot(*path.T, **line(tag, linewidth=2.6))
        plane.plot(
            *path[-1], "s" if tag == "sf" else "D", color=colour(tag), markersize=10, zorder=8
        )
    plane.plot(*rod.mean(0), "o", color=colour("ink"), markersize=9, zorder=9)
    plane.annotate(
        "start",
        rod.mean(0),
        (10, 16),
        textcoords="offset points",
        fontsize=BIG,
        arrowprops={"arrowstyle": "-", "color": colour("ink")},
    )
    labelled(plane, "", r"along the valley (sharper $\rightarrow$)", "across")
    for tag, values in distance.items():
        apart.plot(np.maximum(values, 1e-6), **line(tag, linewidth=2.6, label=None))
    labelled(
        apart,
        "distance to optimizer's centre",
        "steps after the start",
        "",
        yscale="log",
        ylim=(1e-4, 3),
    )
    legend_above(figure, plane, 4)
    return figure
