"""The two pictures of the rod: in weight space and in phase space, from computed trajectories."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_rgba
from matplotlib.figure import Figure
from numpy.typing import NDArray

from rodflow_core.plots import WIDTH, colour, line

Array = NDArray[np.float64]


class Trajectories(NamedTuple):
    """Iterates of an optimizer and its flows, in a plane, sampled once per step.

    Attributes:
        iterates: ``z_0 ... z_T``, ``(T + 1, 2)``.
        centre: the rod flow's centre at the times ``0 ... T - 1``, ``(T, 2)``.
        half: its principal half-displacement there, ``(T, 2)``, of either sign.
        stable: the stable flow there, ``(T, 2)``, or ``None``.
    """

    iterates: Array
    centre: Array
    half: Array
    stable: Array | None = None

    @property
    def optimizer_centre(self) -> Array:
        """Means of consecutive iterates, equations (2) and (12), ``(T, 2)``."""
        return (self.iterates[1:] + self.iterates[:-1]) / 2

    @property
    def optimizer_half(self) -> Array:
        """Half-differences of consecutive iterates, equations (3) and (13), ``(T, 2)``."""
        return (self.iterates[1:] - self.iterates[:-1]) / 2

    @property
    def signed_half(self) -> Array:
        """The flow's half-displacement, with the sign of the optimizer's at each time."""
        sign = np.sign((self.half * self.optimizer_half).sum(1, keepdims=True))
        return self.half * np.where(sign == 0, 1, sign)

    def table(self, names: Sequence[str]) -> pd.DataFrame:
        """Give one row per step, the two coordinates called as ``names``."""
        columns = {"step": np.arange(len(self.centre))}
        series = {"iterate": self.iterates[:-1], "centre": self.optimizer_centre,
                  "half": self.optimizer_half, "rod_centre": self.centre,
                  "rod_half": self.signed_half}  # fmt: skip
        if self.stable is not None:
            series["stable"] = self.stable
        for key, values in series.items():
            for name, column in zip(names, values.T, strict=True):
                columns[f"{key}_{name}"] = column
        return pd.DataFrame(columns)


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


def valley_figure(run: Trajectories, mesh: Mesh, rods: Sequence[int], close: int) -> Figure:
    """Draw gradient descent bouncing along a valley, its rods, its stable flow, and one rod close.

    Args:
        run: the trajectories.
        mesh: the landscape.
        rods: times at which a rod is drawn.
        close: time of the rod drawn in the close-up.
    """
    figure, axis = plt.subplots(figsize=(WIDTH, 5.3))
    _landscape(axis, mesh)
    _iterates(axis, run.iterates)
    axis.plot(*run.stable.T, **line("sf", linewidth=2.6))
    axis.plot(*run.stable[-1], "s", color=colour("sf"), markersize=9, zorder=5)
    axis.plot(*run.centre.T, **line("rod", label="rod flow: centre and rods"))
    for t in rods:
        _rod(axis, run.centre[t], run.signed_half[t], linewidth=3.2, markersize=6.5)
    last = len(run.centre)
    _beside(axis, mesh, run.stable[-1], f"stable flow\nat step {last}", colour("sf"))
    words = f"optimizer and rod flow\nat step {last}"
    _beside(axis, mesh, run.centre[-1], words, colour("rod"))
    axis.set_aspect("equal")
    axis.axis("off")
    axis.set(xlim=(mesh.x.min() - 0.05, mesh.x.max() + 0.05))
    axis.set(ylim=(mesh.y.min() - 0.45, mesh.y.max() + 0.3))
    axis.legend(loc="lower left", fontsize=13, borderaxespad=0)
    _close_up(axis, run, close)
    return figure


def _outwards(mesh: Mesh, index: int) -> Array:
    """Give the unit vector across the valley, from its second axis' first point to its last."""
    across = np.array([mesh.x[index, -1] - mesh.x[index, 0], mesh.y[index, -1] - mesh.y[index, 0]])
    return across / np.linalg.norm(across)


def _beside(axis: Axes, mesh: Mesh, point: Array, words: str, ink: str) -> None:
    """Write beside the valley, on its inner side, at the height of a point."""
    middle = mesh.x.shape[1] // 2
    index = int(np.argmin(np.hypot(mesh.x[:, middle] - point[0], mesh.y[:, middle] - point[1])))
    at = np.array([mesh.x[index, 0], mesh.y[index, 0]]) - 0.08 * _outwards(mesh, index)
    axis.text(*at, words, color=ink, ha="right", va="top", fontsize=13)


def _landscape(axis: Axes, mesh: Mesh) -> None:
    """Shade by sharpness, draw level lines of the loss, mark where the threshold is passed."""
    ink = np.array(to_rgba(colour("ink")))
    paper = np.array(to_rgba(plt.rcParams["axes.facecolor"]))
    shades = LinearSegmentedColormap.from_list("", [paper, 0.72 * paper + 0.28 * ink])
    axis.contourf(
        mesh.x, mesh.y, mesh.sharpness, levels=np.linspace(1, mesh.sharpness.max(), 25), cmap=shades,
        zorder=0, antialiased=False,
    )  # fmt: skip
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
            axis.text(*at, words, ha="center", va="center", fontsize=13, rotation=angle)


def _iterates(axis: Axes, points: Array, **changes: object) -> None:
    look = {"linewidth": 0.9, "marker": "o", "markersize": 4, "label": "optimizer: iterates"}
    axis.plot(*points.T, **line("disc", **{**look, **changes}))


def _rod(axis: Axes, centre: Array, half: Array, **look: float) -> None:
    """Draw one rod: a segment whose ends are marked."""
    ends = np.stack((centre - half, centre + half))
    edge = plt.rcParams["axes.facecolor"]
    axis.plot(
        *ends.T, color=colour("rod"), marker="o", markeredgecolor=edge, zorder=6,
        solid_capstyle="round", **look,
    )  # fmt: skip


def _close_up(axis: Axes, run: Trajectories, t: int) -> None:
    """Draw the rod at ``t`` with its neighbours, in a window of its own."""
    inset = axis.inset_axes((0.32, 0.0, 0.3, 0.5))
    _iterates(inset, run.iterates[t - 3 : t + 5], linewidth=1.2, markersize=7)
    inset.plot(*run.centre[t - 3 : t + 4].T, **line("rod"))
    _rod(inset, run.centre[t], run.signed_half[t], linewidth=4, markersize=10)
    inset.plot(*run.centre[t], "o", color=colour("rod"), markersize=8, zorder=7)
    for index, words, shift in ((t, "$w_t$", (-11, 0)), (t + 1, "$w_{t+1}$", (11, 0))):
        inset.annotate(
            words, run.iterates[index], shift, textcoords="offset points", va="center",
            ha="right" if shift[0] < 0 else "left", fontsize=15,
        )  # fmt: skip
    middle = run.centre[t] + 0.55 * run.signed_half[t]
    inset.annotate(r"$\delta$", middle, (9, 0), color=colour("rod"), textcoords="offset points",
                   va="center", fontsize=16)  # fmt: skip
    inset.annotate(r"$\bar w$", run.centre[t], (-10, 8), color=colour("rod"),
                   textcoords="offset points", ha="right", va="center", fontsize=16)  # fmt: skip
    inset.set_aspect("equal")
    inset.margins(0.22)
    inset.set(xticks=[], yticks=[])
    inset.spines[:].set_visible(True)
    inset.spines[:].set_alpha(0.5)
    axis.indicate_inset_zoom(inset, edgecolor=colour("ink"), alpha=0.5)


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
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3, fontsize=13)
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
              label="corners of two rods")  # fmt: skip
    for point in never:
        side = np.sign(point[0])
        axis.annotate(
            "never visited", point, (-14 * side, 0), textcoords="offset points", fontsize=13,
            color=colour("other"), ha="right" if side > 0 else "left", va="center",
        )  # fmt: skip
    axis.set(xlabel="weight $w$", ylabel="first moment $m$",
             xlim=1.32 * np.abs(corner[0]) * np.array([-1, 1]),
             ylim=1.26 * np.abs(corner[1]) * np.array([-1, 1]))  # fmt: skip
    axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2,
                columnspacing=1.2, handletextpad=0.5)  # fmt: skip


def _coordinate(axis: Axes, run: Trajectories, index: int, name: str) -> None:
    steps = np.arange(len(run.iterates))
    axis.plot(steps, run.iterates[:, index],
              **line("disc", linewidth=0.9, marker="o", markersize=4, label=f"${name}_t$"))  # fmt: skip
    # The rod at time t lies between the iterates t and t + 1: it is drawn half-way.
    times = np.arange(len(run.centre)) + 0.5
    axis.plot(times, run.centre[:, index], **line("rod", label=rf"centre $\bar {name}$"))
    half = np.abs(run.half[:, index])
    letter = r"\delta" if name == "w" else r"\mu"
    label = rf"ends $\bar {name}\pm|{letter}|$"
    for sign in (1, -1):
        axis.plot(times, run.centre[:, index] + sign * half,
                  **line("rod", linestyle=(0, (4, 1.5)), label=label if sign > 0 else None))  # fmt: skip
    axis.set_ylabel(f"${name}$")
    axis.margins(x=0.01)
    axis.legend(loc="lower center", bbox_to_anchor=(0.5, 0.97), ncols=3, columnspacing=1.0,
                handletextpad=0.4, handlelength=1.4)  # fmt: skip
    if index == 1:
        axis.set_xlabel("optimizer step")
