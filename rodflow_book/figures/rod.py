"""Pictures of the rod in weight space, from computed trajectories."""

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


def valley_figure(run: Trajectories, mesh: Mesh, rods: Sequence[int]) -> Figure:
    """Draw gradient descent bouncing along a valley, its rods and its stable flow.

    Args:
        run: the trajectories.
        mesh: the landscape.
        rods: times at which a rod is drawn.
    """
    figure, axis = plt.subplots(figsize=(WIDTH, 4.95))
    _landscape(axis, mesh)
    draw_iterates(axis, run.iterates, label="gradient descent: iterates $w_t$")
    axis.plot(*run.stable.T, **line("sf", linewidth=2.6, label="stable flow: gradient flow"))
    axis.plot(*run.stable[-1], "s", color=colour("sf"), markersize=9, zorder=5)
    words = r"rod flow: centre $\bar w$, rods $\bar w\pm\delta$"
    axis.plot(*run.centre.T, **line("rod", label=words))
    for t in rods:
        draw_rod(axis, run.centre[t], run.signed_half[t], linewidth=3.2, markersize=6.5)
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


def draw_iterates(axis: Axes, points: Array, **changes: object) -> None:
    """Draw an optimizer's iterates, joined by a thin line."""
    look = {"linewidth": 0.9, "marker": "o", "markersize": 4, "label": "optimizer"}
    axis.plot(*points.T, **line("disc", **{**look, **changes}))


def draw_rod(axis: Axes, centre: Array, half: Array, **look: float) -> None:
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
