"""Figures of appendix B: gradient descent's threshold, self-stabilization and bifurcations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from rodflow_book.figures.marks import closed, edged, marked, parted
from rodflow_book.figures.style import NAMES, WIDTH, colour, line
from rodflow_core.simulate import Array, Trajectories


def rate_figure(curve: Mapping[str, Array], points: Mapping[str, Array]) -> Figure:
    """Draw the growth rate of the squared oscillation on a quadratic against the sharpness.

    Args:
        curve: ``x`` (sharpness over threshold), ``disc`` and ``rod``: the closed forms.
        points: the same three, measured.
    """
    figure, axis = plt.subplots(figsize=(WIDTH * 0.85, 4.5))
    axis.axhline(0, color=colour("ink"), linewidth=1)
    marked(axis, 1, r"$S=2/\eta$", y=0.12)
    names = {
        "disc": r"gradient descent: $\log\,(1-\eta S)^2$",
        "rod": r"rod flow: $-2+\frac{1}{2}\eta^2S^2$",
    }
    for tag, name in names.items():
        axis.plot(curve["x"], curve[tag], **line(tag, label=name))
        axis.plot(points["x"], points[tag], **edged(tag, label=f"_measured, {NAMES[tag]}"))
    axis.plot([], [], "o", color=colour("ink"), markersize=6, label="measured")
    axis.text(0.7, -0.3, "oscillation decays", ha="right", va="center", fontsize=13, style="italic")
    axis.text(1.27, 0.3, "grows", ha="right", va="center", fontsize=13, style="italic")
    axis.set(xlabel=r"sharpness / threshold, $\eta S/2$", ylim=(-4.2, 1.6), xlim=(0, 1.3))
    axis.set_ylabel(r"growth of $\Sigma=\delta^2$ per step, log")
    figure.legend(loc="outside upper center", ncols=3, fontsize=13, columnspacing=1.2)
    return figure


def settling_figure(
    rates: Mapping[float, Array], squares: Array, runs: Sequence[Trajectories], target: float
) -> Figure:
    """Draw the phase line of the quartic's extent, and its settling over time.

    Args:
        rates: d(Sigma)/dt over ``squares`` for several ratios of sharpness and threshold.
        squares: values of Sigma, in units of the fixed point at the last ratio.
        runs: iterates and flow at the last ratio, from several starts.
        target: the fixed half-displacement at the last ratio.
    """
    figure, (phase, time) = plt.subplots(1, 2, figsize=(WIDTH, 4.4), width_ratios=(1, 1.15))
    phase.axhline(0, color=colour("ink"), linewidth=1)
    unit = list(rates.values())[-1].max()
    looks = [(0.45, 1.6), (0.7, 1.6), (1.0, 2.6)]
    for (ratio, rate), (alpha, width) in zip(rates.items(), looks, strict=True):
        look = {"color": colour("rod"), "alpha": alpha, "linewidth": width}
        phase.plot(squares, rate, label=f"_at {ratio:g} of the threshold", **look)
        at = int(np.argmin(np.abs(rate + 1.9 * unit)))
        side = -1 if ratio < 1 else 1
        words = rf"${ratio:g}\,S_{{\rm thr}}$" if ratio != 1 else r"$S_{\rm thr}$"
        phase.annotate(words, (squares[at], rate[at]), (6 * side, 0), textcoords="offset points",
                       color=colour("rod"), fontsize=13.5, va="center",
                       ha="left" if side > 0 else "right")  # fmt: skip
        zeros = squares[:-1][(rate[:-1] > 0) & (rate[1:] <= 0)]
        stable = zeros if len(zeros) else [0]
        phase.plot(stable, np.zeros(len(stable)), "o", color=colour("rod"), markersize=10,
                   zorder=6, clip_on=False, label="_where it settles")  # fmt: skip
        if ratio > 1:
            phase.plot(0, 0, "o", color=colour("rod"), markersize=10, zorder=7, clip_on=False,
                       markerfacecolor=plt.rcParams["axes.facecolor"])  # fmt: skip
    for x, direction in ((0.5, 1), (1.22, -1)):
        phase.annotate("", (x + 0.13 * direction, 0), (x - 0.13 * direction, 0),
                       arrowprops={"arrowstyle": "-|>", "color": colour("rod"), "lw": 2.4,
                                   "mutation_scale": 22})  # fmt: skip
    phase.set(xlabel=r"$\Sigma\,/\,\Sigma_*$", ylabel=r"$\dot\Sigma$  (scaled)",
              title=r"phase line for three sharpnesses",
              ylim=(-2.6 * unit, 1.4 * unit), xlim=(0, 1.08 * squares[-1]))  # fmt: skip
    phase.set_yticks([])
    for number, run in enumerate(runs):
        name = r"gradient descent, $|\delta_t|$" if number == 0 else None
        time.plot(np.abs(run.optimizer_half[:, 0]), **line("disc", label=name))
        name = r"rod flow, $\sqrt{\Sigma}$" if number == 0 else None
        time.plot(np.abs(run.half[:, 0]), **line("rod", label=name))
    time.axhline(target, **closed(label=r"$\delta_*=\sqrt{(S-2/\eta)/\kappa}$"))
    time.set(
        xlabel="optimizer step", ylim=(0, None), title=r"half-displacement at $1.1\,S_{\rm thr}$"
    )
    time.margins(x=0)
    time.legend(loc="lower right", fontsize=13)
    return figure


def bifurcation_figure(
    ratios: Array,
    iterates: Array,
    flow: Mapping[str, Array],
    forms: Sequence[tuple[Array, Array]],
    marks: Mapping[str, float],
) -> Figure:
    """Draw what gradient descent settles to on the quartic, against the sharpness.

    Args:
        ratios: sharpness over threshold, (n,).
        iterates: late iterates, (k, n), in units of ``sqrt(1 / (eta kappa))``.
        flow: ``x``, ``centre`` and ``half`` of the settled rod flow.
        forms: ratios and upper ends of each closed form; the mirror image is drawn as well.
        marks: name of a bifurcation -> its ratio.
    """
    figure, axis = plt.subplots(figsize=(WIDTH, 5.8))
    x = np.broadcast_to(ratios, iterates.shape)
    look = {"color": colour("disc"), "markersize": 1.6, "rasterized": True, "markeredgewidth": 0}
    late = parted(x.ravel(), iterates.ravel())
    words = "gradient descent: late iterates (and mirror image)"
    for sign, label in ((1, words), (-1, "_mirror image")):
        axis.plot(late[0], sign * late[1], "o", label=label, **look)
    for number, (at, ends) in enumerate(forms):
        for sign in (1, -1):
            first = number == 0 and sign > 0
            axis.plot(at, sign * ends, **closed(label="closed forms" if first else None))
    for sign in (1, -1):
        words = r"rod flow: settled ends $\bar w\pm\delta$" if sign > 0 else None
        ends = flow["centre"] + sign * flow["half"]
        axis.plot(flow["x"], ends, **edged("rod", markersize=8.5, label=words))
    for number, (words, at) in enumerate(marks.items()):
        place = (0.1, 0.56, 0.48)[number]
        marked(axis, at, words.replace(", ", ",\n"), place, side="right" if number else "left")
    axis.set(
        xlabel=r"sharpness at the minimum / threshold, $\eta S/2$", xlim=(ratios[0], ratios[-1])
    )
    axis.set_ylabel(r"weight, in units of $1/\sqrt{\eta\kappa}$")
    axis.xaxis.set_major_locator(mpl.ticker.MultipleLocator(0.1))
    legend = figure.legend(loc="outside upper center", ncols=2, fontsize=13.5)
    legend.legend_handles[0].set_markersize(6)
    return figure
