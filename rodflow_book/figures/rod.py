"""The two pictures of the rod: in weight space and in phase space, from computed trajectories."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_rgba
from matplotlib.figure import Figure

from rodflow_book.figures.marks import legend_above
from rodflow_book.figures.style import WIDTH, colour, line
from rodflow_core.simulate import Array, Trajectories


class Mesh(NamedTuple):
    """A landscape on a curvilinear mesh; all ``(n, k)``, the second axis across the valley.

    Attributes:
        x: first coordinate.
        y: second coordinate.
        loss: the loss.
        sharpness: curvature across the valley, in units of the stability threshold.
    """

    x: Array
    y: Array
    loss: Array
    sharpness: Array


# --- gradient descent in a valley ----------------------------------------------------------------


def valley_figure(run: Trajectories, mesh: Mesh, rods: Sequence[int]) -> Figure:
    """Draw gradient descent bouncing along a valley, its rods and its stable flow.

    Args:
        run: the trajectories.
        mesh: the landscape.
        rods: times at which a rod is drawn.
    """
    figure, axis = plt.subplots(figsize=(WIDTH, 4.95))
    _landscape(axis, mesh)
    _iterates(axis, run.iterates, label="gradient descent: iterates $w_t$")
    axis.plot(*run.stable.T, **line("sf", linewidth=2.6, label="stable flow: gradient flow"))
    axis.plot(*run.stable[-1], "s", color=colour("sf"), markersize=9, zorder=5)
    words = r"rod flow: centre $\bar w$, rods $\bar w\pm\delta$"
    axis.plot(*run.centre.T, **line("rod", label=words))
    for t in rods:
        _rod(axis, run.centre[t], run.signed_half[t], linewidth=3.2, markersize=6.5)
    ring = {"markerfacecolor": plt.rcParams["axes.facecolor"], "markersize": 6.5, "zorder": 7}
    axis.plot(*run.optimizer_centre[list(rods)].T, "o", color=colour("ink"), **ring,
              label=r"centres $\frac{1}{2}(w_t+w_{t+1})$ of the iterates")  # fmt: skip
    last = len(run.centre)
    _beside(axis, mesh, run.stable[-1], f"stable flow\nat step {last}", "sf", inside=True)
    words = f"gradient descent and\nrod flow at step {last}"
    _beside(axis, mesh, run.centre[-1], words, "rod", inside=False)
    axis.set_aspect("equal")
    axis.axis("off")
    axis.set(xlim=(mesh.x.min() - 0.05, mesh.x.max() + 0.05))
    axis.set(ylim=(mesh.y.min() - 0.22, mesh.y.max() + 0.36))
    axis.legend(loc="lower center", bbox_to_anchor=(0.43, 0), fontsize=14, borderaxespad=0)
    return figure


def _outwards(mesh: Mesh, index: int) -> Array:
    """Give the unit vector across the valley, from its second axis' first point to its last."""
    across = np.array([mesh.x[index, -1] - mesh.x[index, 0], mesh.y[index, -1] - mesh.y[index, 0]])
    return across / np.linalg.norm(across)


def _beside(axis: Axes, mesh: Mesh, point: Array, words: str, tag: str, inside: bool) -> None:
    """Write beside the valley, at the height of a point."""
    middle = mesh.x.shape[1] // 2
    index = int(np.argmin(np.hypot(mesh.x[:, middle] - point[0], mesh.y[:, middle] - point[1])))
    edge, side = (0, -1) if inside else (-1, 1)
    at = np.array([mesh.x[index, edge], mesh.y[index, edge]]) + 0.06 * side * _outwards(mesh, index)
    va = "top" if inside else "bottom"
    axis.text(*at, words, color=colour(tag), ha="right", va=va, fontsize=14, linespacing=1.1)


def _landscape(axis: Axes, mesh: Mesh) -> None:
    """Shade by sharpness, draw level lines of the loss, mark where the threshold is passed."""
    ink = np.array(to_rgba(colour("ink")))
    paper = np.array(to_rgba(plt.rcParams["axes.facecolor"]))
    shades = LinearSegmentedColormap.from_list("", [paper, 0.72 * paper + 0.28 * ink])
    steps = np.linspace(1, max(mesh.sharpness.max(), 1.01), 25)
    axis.contourf(
        mesh.x, mesh.y, mesh.sharpness, levels=steps, cmap=shades, zorder=0, antialiased=False
    )
    levels = np.quantile(mesh.loss, np.linspace(0, 0.9, 14))
    axis.contour(
        mesh.x, mesh.y, mesh.loss, levels=levels, colors=[tuple(ink)], alpha=0.28, linewidths=0.7,
        linestyles="-", zorder=1,
    )  # fmt: skip
    along = mesh.sharpness[:, 0]
    for value in (1.0, 1.25, 1.5, 2.0):
        if along.min() < value < along.max():
            index = int(np.argmax(along >= value))
            x, y, outwards = mesh.x[index], mesh.y[index], _outwards(mesh, index)
            axis.plot(x, y, color=ink, linewidth=1.0, linestyle=":", zorder=1)
            words = r"sharpness $=2/\eta$" if value == 1 else rf"${value:g}\times 2/\eta$"
            angle = np.degrees(np.arctan2(outwards[1], outwards[0])) - 90
            at = np.array([x[-1], y[-1]]) + 0.13 * outwards
            axis.text(*at, words, ha="center", va="center", fontsize=13.5, rotation=angle)


def _iterates(axis: Axes, points: Array, **changes: object) -> None:
    look = {"linewidth": 0.9, "marker": "o", "markersize": 4, "label": "optimizer"}
    axis.plot(*points.T, **line("disc", **{**look, **changes}))


def _rod(axis: Axes, centre: Array, half: Array, **look: float) -> None:
    """Draw one rod: a segment whose ends are marked."""
    ends = np.stack((centre - half, centre + half))
    edge = plt.rcParams["axes.facecolor"]
    axis.plot(
        *ends.T, color=colour("rod"), marker="o", markeredgecolor=edge, zorder=6,
        solid_capstyle="round", **look,
    )  # fmt: skip


def valley_series_figure(run: Trajectories, sharpness: dict[str, Array]) -> Figure:
    """Draw, over steps, sharpness over threshold, distance to the optimizer's centre, rod length.

    Args:
        run: the trajectories.
        sharpness: at the centre of ``disc``, ``sf`` and ``rod``, in units of the threshold.
    """
    figure, axes = plt.subplots(1, 3, figsize=(WIDTH, 3.3))
    for tag, values in sharpness.items():
        axes[0].plot(values, **line(tag))
    axes[0].axhline(1, color=colour("ink"), linewidth=1.2, linestyle=":", zorder=1)
    axes[0].set_title("sharpness / threshold")
    for tag, points in {"sf": run.stable, "rod": run.centre}.items():
        distance = np.linalg.norm(points - run.optimizer_centre, axis=1)
        axes[1].plot(np.arange(1, len(distance)), distance[1:], **line(tag))
    axes[1].set(title="distance to optimizer's centre", yscale="log")
    for tag, half in {"disc": run.optimizer_half, "rod": run.half}.items():
        axes[2].plot(np.linalg.norm(half, axis=1), **line(tag))
    axes[2].set_title(r"half-displacement $|\delta|$")
    axes[2].set_ylim(bottom=0)
    for axis in axes:
        axis.set_xlabel("optimizer step")
        axis.margins(x=0)
    legend_above(figure, axes[0], fontsize=13)
    return figure


# --- heavy ball in phase space -------------------------------------------------------------------


def phase_figure(run: Trajectories, corner: Array, rods: Sequence[int], unit: float) -> Figure:
    """Draw heavy ball in the plane ``(w, m)`` with its rods, and both coordinates over steps.

    Args:
        run: the trajectories.
        corner: one end ``(delta*, mu*)`` of the rod at the fixed point, equation (157).
        rods: times at which a rod is drawn.
        unit: how many units of ``m`` are drawn as long as one unit of ``w``.
    """
    figure = plt.figure(figsize=(WIDTH, 5.4))
    grid = figure.add_gridspec(2, 2, width_ratios=(1.12, 1))
    plane = figure.add_subplot(grid[:, 0])
    _plane(plane, run, corner, rods)
    plane.set_aspect(1 / unit)
    legend_above(figure, plane, 4, fontsize=11, markerscale=0.8)
    for row, name in enumerate(("w", "m")):
        _coordinate(figure.add_subplot(grid[row, 1]), run, row, name)
    return figure


def _plane(axis: Axes, run: Trajectories, corner: Array, rods: Sequence[int]) -> None:
    ink = colour("ink")
    for sign in (1, -1):
        axis.axline((0, 0), corner * (1, sign), color=ink, linewidth=0.9, linestyle=":", alpha=0.7)
    _iterates(axis, run.iterates, markersize=5.5)
    for t in rods:
        _rod(axis, run.centre[t], run.signed_half[t], linewidth=3, markersize=7)
    axis.plot([], [], **line("rod", marker="o", label="rod flow: rods"))
    fixed, never = corner * [[1, 1], [-1, -1]], corner * [[1, -1], [-1, 1]]
    axis.plot(*fixed.T, "o", color=ink, markersize=17, markerfacecolor="none", zorder=7,
              markeredgewidth=1.4, label="ends of the fixed rod")  # fmt: skip
    axis.plot(*never.T, "X", color=colour("other"), markersize=14, zorder=7,
              label="corners of two separate rods")  # fmt: skip
    for point in never:
        side = np.sign(point[0])
        axis.annotate(
            "never visited", point, (-14 * side, 0), textcoords="offset points", fontsize=13,
            color=colour("other"), ha="right" if side > 0 else "left", va="center",
        )  # fmt: skip
    axis.set(xlabel="weight $w$", ylabel="first moment $m$",
             xlim=1.32 * np.abs(corner[0]) * np.array([-1, 1]),
             ylim=1.26 * np.abs(corner[1]) * np.array([-1, 1]))  # fmt: skip


def _coordinate(axis: Axes, run: Trajectories, index: int, name: str) -> None:
    values, centre, half = run.iterates[:, index], run.centre[:, index], np.abs(run.half[:, index])
    look = {"linewidth": 0.9, "marker": "o", "markersize": 4, "label": f"${name}_t$"}
    axis.plot(values, **line("disc", **look))
    # The rod at time t lies between the iterates t and t + 1: it is drawn half-way.
    times = np.arange(len(centre)) + 0.5
    axis.plot(times, centre, **line("rod", label=rf"centre $\bar {name}$"))
    letter = r"\delta" if name == "w" else r"\mu"
    look = line("rod", linestyle=(0, (4, 1.5)), label=rf"ends $\bar {name}\pm|{letter}|$")
    axis.plot(times, centre + half, **look)
    axis.plot(times, centre - half, **{**look, "label": None})
    axis.set_ylabel(f"${name}$", fontsize=14)
    axis.margins(x=0.01)
    axis.legend(
        loc="lower center", bbox_to_anchor=(0.5, 0.97), ncols=3, columnspacing=1.0,
        handletextpad=0.4, handlelength=1.4, fontsize=12,
    )  # fmt: skip
    if index == 1:
        axis.set_xlabel("optimizer step")
