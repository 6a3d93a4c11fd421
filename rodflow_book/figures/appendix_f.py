"""Figures of appendix F: backward error analysis."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from rodflow_book.figures.marks import BIG, dots, labelled, legend_above
from rodflow_book.figures.style import WIDTH, colour, line
from rodflow_core.simulate import Array

_FIELDS = {1: ("sf", "$f_1$"), 2: ("other", "$f_1+f_2$"), 3: ("rod", "$f_1+f_2+f_3$")}


def orders_figure(
    scales: Array,
    errors: Mapping[int, list[float]],
    orders: Mapping[int, float],
    points: Array,
    curves: Mapping[int, Array],
) -> Figure:
    """Draw iterates with the flows of one, two and three fields, and errors against the step.

    Args:
        scales: what F is multiplied with.
        errors: distance after a fixed time, by number of fields.
        orders: measured slopes, by number of fields.
        points: iterates at a large step, ``(T, 2)``.
        curves: flows from the same start, by number of fields.
    """
    figure, (plane, error) = plt.subplots(1, 2, figsize=(WIDTH, 4.7))
    for kept, curve in curves.items():
        tag, name = _FIELDS[kept]
        plane.plot(*curve.T, color=colour(tag), linewidth=2.4, label=f"flow of {name}")
        error.plot(scales, errors[kept], **dots(tag, markersize=9, label=f"_error of {name}"))
        fit = np.polyfit(np.log(scales), np.log(errors[kept]), 1)
        fitted = np.exp(np.polyval(fit, np.log(scales)))
        error.plot(scales, fitted, color=colour(tag), linewidth=1.6, label=f"_line through {name}")
        error.annotate(
            f"slope {orders[kept]:.2f}",
            (scales[-1], errors[kept][-1]),
            (14, -4),
            textcoords="offset points",
            fontsize=BIG,
            color=colour(tag),
            va="top",
        )
    plane.plot(*points.T, "o", color=colour("ink"), markersize=7, zorder=6, label="iterates")
    labelled(plane, "heavy ball with a large step", "weight $w$", "first moment $m$")
    labelled(error, "error after a fixed time", "step $h$", "", xscale="log", yscale="log")
    error.set_xticks(scales, [f"1/{round(1 / h)}" for h in scales])
    error.minorticks_off()
    error.set_ylim(bottom=errors[3][-1] / 5)
    legend_above(figure, plane, 4)
    return figure


def edge_figure(edge: Array, sums: Mapping[int, Array], distance: Mapping[str, Array]) -> Figure:
    """Draw the series of log(1 - x) across the edge of stability, and a run with and without it.

    Args:
        edge: values of x, learning rate times sharpness.
        sums: truncated series, by number of fields.
        distance: of the flows from the optimizer's centre, by name.
    """
    figure, (rate, run) = plt.subplots(1, 2, figsize=(WIDTH, 4.7))
    with np.errstate(divide="ignore"):
        true = np.log(np.abs(1 - edge))
    rate.plot(edge, true, **line("disc", label="gradient descent"))
    for kept, values in sums.items():
        tag, name = _FIELDS[kept]
        rate.plot(edge, values, color=colour(tag), linewidth=2, label=name)
    rate.axvline(2, color=colour("ink"), linestyle=":", linewidth=1.4)
    rate.axvspan(1, edge[-1], color=colour("ink"), alpha=0.07, linewidth=0)
    rate.text(1.04, -7.2, "no real field\nhas this flow", fontsize=BIG, va="center")
    rate.text(1.97, 0.62, "edge", fontsize=BIG, ha="right", va="center")
    labelled(
        rate, "growth of $|w|$ per step, log", r"$\eta S$", "", xlim=(0, edge[-1]), ylim=(-8.6, 1)
    )
    rate.legend(fontsize=13, loc="lower left")
    for name, values in distance.items():
        tag = "sf" if "stable" in name else "rod"
        look = {"linewidth": 5, "alpha": 0.45, "linestyle": "-"}
        if "corrected" in name:
            look = {"linewidth": 2.2, "linestyle": (0, (1, 1.2))}
        run.plot(1 + np.arange(len(values)), values, **line(tag, label=name, **look))
    labelled(run, "distance to optimizer's centre", "optimizer step", "", yscale="log")
    run.legend(fontsize=13)
    return figure
