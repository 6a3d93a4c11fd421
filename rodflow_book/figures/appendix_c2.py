"""Figures of appendix C.2: transition matrices, their eigenvalues, and orbits at the threshold."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rodflow_book.figures.marks import TAGS, TITLES, closed, edged, legend_above
from rodflow_book.figures.style import WIDTH, colour, line
from rodflow_core.simulate import Array, Trajectories


def plane_figure(
    paths: Mapping[str, Array], eigenvalues: Mapping[str, Array], ratios: Array
) -> Figure:
    """Draw the trace-determinant plane, and the eigenvalues, as the sharpness grows.

    Args:
        paths: momentum -> (trace, determinant) of the transition matrix, (n, 2).
        eigenvalues: momentum -> its two eigenvalues, (n, 2), complex.
        ratios: sharpness over the momentum's own threshold, (n,), increasing from 0.
    """
    figure = plt.figure(figsize=(WIDTH, 5.6))
    grid = figure.add_gridspec(2, 2, width_ratios=(1.5, 1))
    plane = figure.add_subplot(grid[:, 0])
    _triangle(plane)
    for name, path in paths.items():
        _path(plane, path, ratios, name)
    for row, (name, values) in enumerate(eigenvalues.items()):
        _circle(figure.add_subplot(grid[row, 1]), values, ratios, name)
    return figure


def _triangle(axis: Axes) -> None:
    ink = colour("ink")
    corners = np.array([[-2, 1], [2, 1], [0, -1]])
    axis.fill(*corners.T, color=colour("other"), alpha=0.14, linewidth=0)
    axis.plot(*np.vstack((corners, corners[:1])).T, color=colour("other"), linewidth=1.6)
    trace = np.linspace(-2.3, 2.3, 200)
    axis.plot(trace, trace**2 / 4, color=ink, linewidth=0.9, linestyle=":")
    axis.text(-0.3, 0.24, r"$\det=\frac{1}{4}{\rm tr}^2$", fontsize=14, ha="center")
    axis.text(-1.42, 0.28, r"an eigenvalue is $-1$", rotation=-45, fontsize=13, ha="center",
              va="center", color=colour("other"), rotation_mode="anchor",
              transform_rotates_text=True)  # fmt: skip
    axis.text(1.35, 0.2, r"an eigenvalue is $+1$", rotation=45, fontsize=13, ha="center",
              va="center", color=colour("other"), rotation_mode="anchor",
              transform_rotates_text=True)  # fmt: skip
    axis.text(0, 1.03, "a complex pair of modulus 1", fontsize=13, ha="center", va="bottom",
              color=colour("other"))  # fmt: skip
    axis.text(0, -0.55, "stable", fontsize=15, ha="center", style="italic", color=colour("other"))
    axis.set(
        xlim=(-2.35, 2.35), ylim=(-1.1, 1.3), xlabel=r"trace of $T$", ylabel=r"determinant of $T$"
    )


def _path(axis: Axes, path: Array, ratios: Array, name: str) -> None:
    tint = colour(TAGS[name])
    axis.plot(*path.T, color=tint, linewidth=2.6, zorder=4)
    at = int(np.argmin(np.abs(ratios - 1)))
    axis.plot(*path[at], "o", color=tint, markersize=11, zorder=6)
    axis.plot(*path[0], "o", color=tint, markersize=9, zorder=5, markerfacecolor="none")
    for spot in (0.28, 0.72):
        k = int(spot * len(path))
        axis.annotate("", path[k + 4], path[k], arrowprops={"arrowstyle": "-|>", "color": tint,
                      "mutation_scale": 24})  # fmt: skip
    offset = (4, 10) if name == "heavy_ball" else (12, -18)
    words = TITLES[name] + r", $S=S_{\rm " + ("HB" if name == "heavy_ball" else "NAG") + "}$"
    axis.annotate(words, path[at], offset, textcoords="offset points", color=tint, fontsize=14)
    if name == "heavy_ball":
        axis.annotate(
            r"$S=0$", path[0], (8, 0), textcoords="offset points", fontsize=13, va="center"
        )


def _circle(axis: Axes, values: Array, ratios: Array, name: str) -> None:
    angle = np.linspace(0, 2 * np.pi, 200)
    axis.plot(np.cos(angle), np.sin(angle), color=colour("other"), linewidth=1.5)
    axis.fill(np.cos(angle), np.sin(angle), color=colour("other"), alpha=0.14, linewidth=0)
    tint = colour(TAGS[name])
    axis.plot(values.real, values.imag, ".", color=tint, markersize=3.5, zorder=3)
    look = {"color": tint, "zorder": 6, "linestyle": "none", "marker": "o"}
    at = int(np.argmin(np.abs(ratios - 1)))
    axis.plot(values[0].real, values[0].imag, **look, markersize=8, markerfacecolor="none")
    axis.plot(values[at].real, values[at].imag, **look, markersize=9)
    axis.annotate("", (-1.32, 0), (-1.06, 0), zorder=7, arrowprops={
        "arrowstyle": "-|>", "color": tint, "lw": 2.4, "mutation_scale": 20})  # fmt: skip
    axis.set_aspect("equal")
    axis.set(xlim=(-1.5, 1.5), ylim=(-1.12, 1.12), xticks=(-1, 0, 1), yticks=(-1, 0, 1))
    axis.set_title(f"{TITLES[name]}: eigenvalues", color=tint)


def orbit_figure(
    runs: Mapping[str, Trajectories], forms: Mapping[str, Array], amplitudes: Mapping[str, float]
) -> Figure:
    """Draw weights at the threshold, the closed form, and the rod flow's ends.

    Args:
        runs: momentum -> trajectories on the quadratic.
        forms: momentum -> w_t of the closed form at each iterate.
        amplitudes: momentum -> amplitude of the two-period orbit.
    """
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 4.4))
    for axis, (name, run) in zip(axes, runs.items(), strict=True):
        steps = np.arange(len(run.iterates))
        look = {"linewidth": 1.0, "marker": "o", "markersize": 6, "label": "iterates $w_t$"}
        axis.plot(steps, run.iterates[:, 0], **line("disc", **look))
        words = "eigenvectors: (90), (108)"
        ring = {"marker": "o", "markersize": 11, "markerfacecolor": "none", "markeredgewidth": 1.5}
        axis.plot(steps, forms[name], **closed(linestyle="none", **ring, label=words))
        for sign in (1, -1):
            words = r"rod flow: ends $\bar w\pm\delta$" if sign > 0 else None
            ends = run.centre[:, 0] + sign * np.abs(run.half[:, 0])
            axis.plot(steps[:-1] + 0.5, ends, **line("rod", label=words))
            words = "amplitude: (91), (109)" if sign > 0 else None
            axis.axhline(sign * amplitudes[name], **closed(label=words, linewidth=1.4))
        axis.set(xlabel="optimizer step")
        axis.set_title(f"{TITLES[name]}: amplitude {amplitudes[name]:.3g} $|w_0|$")
        axis.margins(x=0.02)
    axes[0].set_ylabel("$w/|w_0|$")
    legend_above(figure, axes[0], 4, fontsize=11, columnspacing=1.2)
    return figure


def amplitude_figure(
    beta: Array, forms: Mapping[str, Array], points: Mapping[str, Mapping[str, Array]]
) -> Figure:
    """Draw the amplitude at the threshold against the momentum coefficient.

    Args:
        beta: where the closed forms are given.
        forms: momentum -> amplitude over |w_0| from rest, (92) and (109).
        points: momentum -> ``beta``, ``disc`` and ``rod``: settled half-differences.
    """
    figure, axis = plt.subplots(figsize=(WIDTH * 0.85, 4.9))
    for name, values in forms.items():
        axis.plot(beta, values, **closed(color=colour(TAGS[name]), linestyle="-", label=None))
        spots = points[name]
        first = name == "heavy_ball"
        ring = {"markersize": 13, "markerfacecolor": "none", "markeredgecolor": colour("disc")}
        words = "settled iterates" if first else None
        axis.plot(
            spots["beta"], spots["disc"], **edged("disc", **ring, markeredgewidth=2.2, label=words)
        )
        words = "settled rod flow" if first else None
        cross = {"marker": "+", "markersize": 10, "markeredgewidth": 2.2, "zorder": 8}
        axis.plot(spots["beta"], spots["rod"], **edged("disc", **cross, label=words,
                  markeredgecolor=colour("ink")))  # fmt: skip
    axis.axhline(1, color=colour("ink"), linewidth=1, linestyle=":")
    axis.text(0.95, 1.04, "gradient descent", va="bottom", ha="right", fontsize=13)
    axis.text(0.62, 9.5, r"heavy ball: $\frac{1+\beta}{1-\beta}$", color=colour("rod"), fontsize=17,
              ha="right")  # fmt: skip
    axis.text(0.62, 0.36, r"Nesterov: $\frac{1+\beta}{1+3\beta}$", color=colour("sf"), fontsize=17,
              ha="right")  # fmt: skip
    axis.set(yscale="log", xlim=(0, 0.96), ylim=(0.3, 50), xlabel=r"momentum coefficient $\beta$")
    axis.set_yticks([0.5, 1, 2, 5, 10, 20], ["0.5", "1", "2", "5", "10", "20"])
    axis.minorticks_off()
    axis.set_ylabel(r"amplitude / $|w_0|$ at the threshold")
    axis.legend(loc="upper left", fontsize=13.5)
    return figure
