"""Pictures of phase space: the ellipse, the rod of heavy ball, and where it begins to oscillate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rodflow_book.figures.marks import closed, edged, labelled, legend_above, rings
from rodflow_book.figures.rod import draw_iterates, draw_rod
from rodflow_book.figures.style import WIDTH, colour, line
from rodflow_core.simulate import Array, Trajectories

# --- the ellipse ---------------------------------------------------------------------------------

_DASHES = ("-", (0, (5, 2)), (0, (1, 1)))


def ellipse_figure(
    spiral: Array,
    slide: Array,
    pair: tuple[int, int],
    ellipses: Mapping[float, Array],
    learning_rate: float,
) -> Figure:
    """Draw heavy ball turning about the minimum, its steps against its weights, and its ellipses.

    Args:
        spiral: iterates ``(w, m)`` of heavy ball, ``(T + 1, 2)``.
        slide: iterates of gradient descent, ``(T + 1,)``.
        pair: steps at which heavy ball passes one weight in opposite directions.
        ellipses: orbits without their decay, ``(k, 2)``, by share of the curvature of the last one.
        learning_rate: of heavy ball.
    """
    figure, (plane, steps, shapes) = plt.subplots(1, 3, figsize=(WIDTH, 4.1))
    draw_iterates(plane, spiral, label="heavy ball")
    plane.plot(*spiral[list(pair)].T, **rings("ink", label="two visits to one weight"))
    plane.axvline(spiral[pair[0], 0], color=colour("ink"), linewidth=1.1, linestyle=":")
    labelled(plane, "phase space", "weight $w$", "first moment $m$")
    move = np.diff(spiral[:, 0])
    draw_iterates(steps, np.column_stack((spiral[:-1, 0], move)))
    steps.plot(spiral[list(pair), 0], move[list(pair)], **rings("ink"))
    steps.plot(slide[:-1], np.diff(slide), color=colour("sf"), linewidth=1.6, marker="s",
               markersize=5, label="gradient descent")  # fmt: skip
    plane.plot([], [], color=colour("sf"), linewidth=1.6, marker="s", markersize=5,
               label="gradient descent")  # fmt: skip
    steps.axvline(spiral[pair[0], 0], color=colour("ink"), linewidth=1.1, linestyle=":")
    labelled(steps, "the step that follows", "weight $w$", "$w_{t+1}-w_t$")
    for (share, orbit), dash in zip(ellipses.items(), _DASHES, strict=True):
        shapes.plot(*orbit.T, color=colour("rod"), linestyle=dash, label=f"{100 * share:g}%")
    ends = np.array([1.0, -1.0])
    shapes.plot(ends, -2 / learning_rate * ends, color=colour("ink"), linewidth=1.1, linestyle=":")
    labelled(shapes, "nearer to the threshold", "weight $w$", "first moment $m$")
    shapes.legend(title="of the curvature", loc="upper right", fontsize=12,
                  title_fontsize=12, handlelength=1.6, borderaxespad=0)  # fmt: skip
    shapes.set_ylim(top=2.1 * 2 / learning_rate)
    legend_above(figure, plane, 3)
    return figure


def ellipse_table(spiral: Array, slide: Array, ellipses: Mapping[float, Array]) -> pd.DataFrame:
    """Give what `ellipse_figure` draws, as one table with a column that says of which curve."""
    parts = {"heavy ball": pd.DataFrame(spiral, columns=["w", "m"])}
    parts["heavy ball"]["step"] = np.append(np.diff(spiral[:, 0]), np.nan)
    parts["gradient descent"] = pd.DataFrame(
        {"w": slide, "step": np.append(np.diff(slide), np.nan)}
    )
    for share, orbit in ellipses.items():
        parts[f"ellipse at {share:g}"] = pd.DataFrame(orbit, columns=["w", "m"])
    return pd.concat(parts, names=["curve"]).reset_index(0).reset_index(drop=True)


# --- the rod -------------------------------------------------------------------------------------


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
    draw_iterates(axis, run.iterates, markersize=5.5)
    for t in rods:
        draw_rod(axis, run.centre[t], run.signed_half[t], linewidth=3, markersize=7)
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


# --- the threshold -------------------------------------------------------------------------------


def threshold_figure(
    sweep: pd.DataFrame, lines: pd.DataFrame, limits: Mapping[str, float]
) -> Figure:
    """Draw the length of the oscillation on the quartic against its curvature.

    Args:
        sweep: columns curvature, heavy_ball, rod, weight_rod: half-lengths.
        lines: columns curvature, rod_closed, weight_rod_closed.
        limits: threshold of ``rod`` and of ``weight_rod``.
    """
    figure, axis = plt.subplots(figsize=(WIDTH, 4.2))
    names = {"rod": "rod in phase space", "weight_rod": "rod in weight space"}
    tags, marks = {"rod": "rod", "weight_rod": "sf"}, {"rod": "o", "weight_rod": "s"}
    axis.plot(sweep["curvature"], sweep["heavy_ball"], **rings("disc", label="heavy ball"))
    for name, threshold in limits.items():
        axis.plot(lines["curvature"], lines[f"{name}_closed"], **closed(tags[name], label=None))
        axis.plot(sweep["curvature"], sweep[name],
                  **edged(tags[name], marker=marks[name], label=names[name]))  # fmt: skip
        axis.axvline(threshold, color=colour("ink"), linewidth=1.1, linestyle=":")
    words = {"rod": r"$S_{\rm HB}$", "weight_rod": r"$2/\eta$"}
    for name, threshold in limits.items():
        axis.annotate(words[name], (threshold, 1.7), (-6, 0), fontsize=15, ha="right",
                      textcoords="offset points")  # fmt: skip
    labelled(axis, "how far it bounces", "curvature $S$ at the bottom", r"half-length $|\delta|$")
    legend_above(figure, axis, 3)
    return figure
