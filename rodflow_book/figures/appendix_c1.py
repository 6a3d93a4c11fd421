"""Figure of appendix C.1: the rods of heavy ball and Nesterov in phase space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rodflow_book.figures.marks import TITLES, closed, legend_above
from rodflow_book.figures.style import WIDTH, colour, line
from rodflow_core.simulate import Array, Trajectories


def phase_figure(
    runs: Mapping[str, Trajectories],
    corners: Mapping[str, Array],
    reach: float,
    rods: Sequence[int],
) -> Figure:
    """Draw both optimizers in phase space with their rods, and their half-displacements over time.

    Args:
        runs: momentum -> trajectories on the quartic.
        corners: momentum -> one end of the fixed rod, (delta*, mu*).
        reach: (delta - eta beta mu) / delta of the fixed rod: Nesterov's look-ahead.
        rods: times at which a rod is drawn.
    """
    figure, axes = plt.subplots(2, 2, figsize=(WIDTH, 7.2), height_ratios=(1.35, 1))
    for column, (name, run) in enumerate(runs.items()):
        stretch = reach if name == "nesterov" else 1.0
        _plane(axes[0, column], run, corners[name], stretch, rods)
        axes[0, column].set_title(TITLES[name], fontsize=14)
        _series(axes[1, column], run, corners[name])
    axes[0, 0].set_ylabel("first moment $m$")
    axes[1, 0].set_ylabel(r"$|\delta|$")
    legend_above(figure, axes[0, 1], 2, fontsize=13)
    axes[1, 0].legend(loc="lower right", fontsize=13)
    return figure


def _plane(
    axis: Axes, run: Trajectories, corner: Array, stretch: float, rods: Sequence[int]
) -> None:
    look = {"linewidth": 0.7, "marker": "o", "markersize": 4.5, "label": "iterates $(w_t,m_t)$"}
    axis.plot(*run.iterates.T, **line("disc", **look))
    axis.plot(
        [],
        [],
        **line("rod", linewidth=3, marker="o", label=r"rods $\bar z\pm\delta_z$ of the flow"),
    )
    for t in rods:
        ends = run.centre[t] + np.array([[-1], [1]]) * run.signed_half[t]
        axis.plot(*ends.T, color=colour("rod"), linewidth=2.6, marker="o", markersize=6.5, zorder=6)
    for sign in (1, -1):
        words = r"ends of the fixed rod, $F(\delta_z)=-2\delta_z$" if sign > 0 else None
        axis.plot(*(sign * corner), "o", markersize=17, color=colour("other"), zorder=7,
                  markerfacecolor="none", markeredgewidth=2, label=words)  # fmt: skip
        words = "weights where its gradients are taken" if sign > 0 else None
        axis.plot(sign * stretch * corner[0], 0, "D", markersize=9, color=colour("sf"), zorder=8,
                  label=words)  # fmt: skip
        axis.plot([sign * corner[0], sign * stretch * corner[0]], [sign * corner[1], 0],
                  color=colour("sf"), linewidth=1, linestyle=":")  # fmt: skip
    axis.axhline(0, color=colour("ink"), linewidth=0.8)
    axis.set_xlabel("weight $w$")
    axis.margins(x=0.12, y=0.12)


def _series(axis: Axes, run: Trajectories, corner: Array) -> None:
    axis.plot(np.abs(run.optimizer_half[:, 0]), **line("disc", label="iterates"))
    axis.plot(np.abs(run.half[:, 0]), **line("rod"))
    axis.axhline(corner[0], **closed())
    axis.set(xlabel="optimizer step", ylim=(0, None))
    axis.margins(x=0)
