"""Figures of the drift-free rod: the fourth rod of C.3, and where it parts with Edge Flow."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from numpy.typing import NDArray

from rodflow_book.figures.marks import dots, labelled, legend_above
from rodflow_book.figures.style import WIDTH, colour, line

LOOK = {
    "rod": line("rod", label="paper's rod", linewidth=2.4),
    "free": line("free", label="drift-free rod", linewidth=2.6),
    "edge": {"label": "Edge Flow", "linewidth": 2.0, "linestyle": (0, (6, 2, 1, 2))},
}
"""How the models are drawn here; their colours depend on the page."""


def _look(tag: str) -> dict[str, object]:
    return {**LOOK[tag], "color": colour("other" if tag == "edge" else tag)}


def fourth_rod_figure(
    rods: Mapping[str, NDArray], optimizer: NDArray, substeps: int, shown: int = 30
) -> Figure:
    """Draw how both rods and the optimizer's alternation go on from the same end.

    Args:
        rods: by tag, half-displacement ``(delta, mu)`` in units of the fixed rod's, ``(T, 2)``.
        optimizer: the same of the optimizer, its sign turned at every step, ``(steps, 2)``.
        substeps: samples of the rods to a step.
        shown: steps that are drawn.
    """
    figure, (plane, course) = plt.subplots(1, 2, figsize=(WIDTH, 4.4))
    for tag, path in rods.items():
        path = path[: shown * substeps + 1]
        plane.plot(path[:, 0], path[:, 1], **_look(tag))
        lengths = np.linalg.norm(path, axis=1) / np.sqrt(2)
        course.plot(np.arange(len(path)) / substeps, lengths, **_look(tag))
    seen = optimizer[: shown + 1]
    plane.plot(seen[:, 0], seen[:, 1], **dots("disc", label="heavy ball"))
    course.plot(np.linalg.norm(seen, axis=1) / np.sqrt(2), **dots("disc", label="heavy ball"))
    plane.plot(*optimizer[0], "s", color=colour("ink"), markersize=9, zorder=8)
    plane.plot([-1, 1], [-1, 1], "D", color=colour("ink"), markersize=8, zorder=3, fillstyle="none")
    course.axhline(1, color=colour("ink"), linewidth=1.1, linestyle=":", zorder=1)
    labelled(plane, "the rod, over the fixed rod", r"$\delta/\delta_*$", r"$\mu/\mu_*$")
    labelled(course, "its length, over the fixed rod's", "time in optimizer steps")
    course.set_ylim(bottom=0)
    legend_above(figure, course, 3)
    return figure


def parting_figure(rates: pd.DataFrame, course: pd.DataFrame, valleys: pd.DataFrame) -> Figure:
    """Draw where Edge Flow and the drift-free rod part: rate, course, amplitude where they settle.

    Args:
        rates: columns length (over the fixed rod's), disc, free, edge: growth of the rod per step.
        course: columns step, disc, free, edge: length of the rod over the fixed rod's; NaN where
            it has left the well.
        valleys: columns flattening, disc, free, edge: length where the oscillation settles, over
            the optimizer's; flattening is the walls' share in stopping it.
    """
    figure, axes = plt.subplots(1, 3, figsize=(WIDTH, 4.2))
    panels = (
        (axes[0], rates, "length"), (axes[1], course, "step"), (axes[2], valleys, "flattening")
    )  # fmt: skip
    for axis, table, x in panels:
        axis.plot(table[x], table["disc"], **line("disc", label="gradient descent", linewidth=5))
        for tag in ("free", "edge"):
            axis.plot(table[x], table[tag], **_look(tag))
    axes[0].axhline(0, color=colour("ink"), linewidth=1.1, linestyle=":", zorder=1)
    labelled(axes[0], "growth per step", "length / fixed rod")
    axes[1].axhline(1, color=colour("ink"), linewidth=1.1, linestyle=":", zorder=1)
    labelled(axes[1], "length / fixed rod", "optimizer step", ylim=(0, 2))
    labelled(axes[2], "settled length / optimizer's", "the walls' share")
    legend_above(figure, axes[0], 3)
    return figure
