"""Figures of the models of the edge: their linear response, and toys on which they part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rodflow_book.figures.marks import labelled, legend_above
from rodflow_book.figures.models_toys import FIRST, Course
from rodflow_book.figures.style import WIDTH, colour, line
from rodflow_core import theory

LOOKS: dict[str, dict[str, object]] = {
    "corrected": {
        "color": "sf",
        "linestyle": (0, (7, 1.5, 1.5, 1.5)),
        "linewidth": 1.7,
        "zorder": 3.5,
    },
    "corrected_rod": {
        "color": "corrected",
        "linestyle": (0, (7, 1.5, 1.5, 1.5)),
        "linewidth": 1.7,
        "zorder": 4.2,
    },
}
"""Lines of the models that the project's style does not know."""
NAMES = {
    "corrected": "centre, corrected",
    "corrected_rod": "rod flow, corrected",
    "central": "central flow",
    "edge": "Edge Flow",
}
SIZE = 14


def look(tag: str, **changes: object) -> dict[str, object]:
    """Give the line of a model, one of `LOOKS` or of the project's style."""
    if tag not in LOOKS:
        return line(tag, **changes)
    own = LOOKS[tag]
    found = {**own, "color": colour(str(own["color"])), "label": NAMES[tag]}
    return {**found, **changes}


# --- linear response -----------------------------------------------------------------------------

CURVES = {
    "disc": ("optimizer", theory.optimizer_exponent),
    "sf": ("centre of every flow", theory.centre_exponent),
    "corrected": ("centre, corrected", lambda x: theory.centre_exponent(x, 2)),
    "free": ("drift-free rod", theory.rod_exponent),
}
"""By tag: name in the legend, exponent for a multiplier."""
RATIOS = np.logspace(-1, 1, 5)
"""Lengths of ``mu`` over ``delta`` at the two-cycle, ``2 / eta``: units of the first moment."""


def response_table(betas: Sequence[float], shares: np.ndarray) -> pd.DataFrame:
    """Give decay and frequency of the slowest mode, over curvature.

    Args:
        betas: of heavy ball, and of Adam at a fixed preconditioner; 0 is gradient descent.
        shares: curvatures in units of the threshold, none at which a step leads to the minimum.
    """
    rows = []
    for beta in betas:
        x = slowest(beta, shares)
        for tag, (_, exponent) in CURVES.items():
            decay, frequency = theory.decay_frequency(exponent(x))
            rows += zip([beta] * len(x), [tag] * len(x), shares, decay, frequency, strict=True)
    return pd.DataFrame(rows, columns=["beta1", "model", "curvature", "decay", "frequency"])


def slowest(beta: float, shares: np.ndarray) -> np.ndarray:
    """Give the multiplier of largest modulus, over curvature in units of the threshold."""
    threshold = theory.heavy_ball_threshold(1.0, beta)
    return theory.multipliers("heavy_ball", threshold * shares, 1.0, beta)[:, 0]


def paper_rod_table(betas: Sequence[float], shares: np.ndarray, substeps: int) -> pd.DataFrame:
    """Give the decay of the paper's rod flow over curvature, least and largest over `RATIOS`.

    Args:
        betas: as in `response_table`.
        shares: curvatures in units of the threshold.
        substeps: of its integration.
    """
    rows = []
    for beta in betas:
        decays = np.tile(theory.paper_rod_decay(slowest(beta, shares)).same, (len(RATIOS), 1))
        if beta > 0:
            eta = (2 / RATIOS)[:, None]
            sharpness = theory.heavy_ball_threshold(eta, beta) * shares
            flow = theory.flow_matrix("heavy_ball", sharpness, eta, beta)
            decays = theory.principal_rod_decay(flow, substeps=substeps)
        rows += zip([beta] * len(shares), shares, decays.min(0), decays.max(0), strict=True)
    return pd.DataFrame(rows, columns=["beta1", "curvature", "least", "largest"])


def response_figure(table: pd.DataFrame, rods: pd.DataFrame) -> Figure:
    """Draw decay and frequency over curvature, a column for each ``beta1``.

    Args:
        table: of `response_table`.
        rods: of `paper_rod_table`.
    """
    betas = list(table["beta1"].unique())
    figure, axes = plt.subplots(
        2, len(betas), figsize=(WIDTH, 6.6), sharex=True, sharey="row", squeeze=False
    )
    for column, beta in enumerate(betas):
        for tag, (name, _) in CURVES.items():
            rows = table[(table["beta1"] == beta) & (table["model"] == tag)]
            for axis, kind in zip(axes[:, column], ("decay", "frequency"), strict=True):
                axis.plot(rows["curvature"], rows[kind], **look(tag, label=name))
        rows = rods[rods["beta1"] == beta]
        _rod_band(axes[0, column], rows)
        axes[0, column].set(yscale="log", ylim=(0.02, 5), xlim=(0, 1))
        axes[1, column].set(ylim=(-0.01, 0.51))
        labelled(axes[0, column], rf"$\beta_1={beta:g}$", "", size=SIZE)
        labelled(axes[1, column], "", r"curvature $/\,S_{\rm thr}$", size=SIZE)
    axes[0, 0].yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes[0, 0].set_ylabel("decay per step", fontsize=SIZE)
    axes[1, 0].set_ylabel("cycles per step", fontsize=SIZE)
    legend_above(figure, axes[0, 0], 3, fontsize=SIZE)
    return figure


def _rod_band(axis: Axes, rows: pd.DataFrame) -> None:
    """Draw the paper's rod: a line where the units do not matter, else what they make of it."""
    least, largest = rows["least"], rows["largest"]
    axis.fill_between(
        rows["curvature"], least, largest, color=colour("rod"), alpha=0.25, linewidth=0, zorder=2.5
    )
    axis.plot(rows["curvature"], least, **look("rod", linewidth=1.5, label="paper's rod"))
    axis.plot(rows["curvature"], largest, **look("rod", linewidth=0.9, label=None))


# --- the plane of multipliers --------------------------------------------------------------------

LEVELS = (0.05, 0.2)
"""Errors in one step, of the amplitude before it, whose level lines are drawn."""


def plane_figure(betas: Sequence[float], marks: Mapping[str, complex], along: float) -> Figure:
    """Draw where each model is accurate among multipliers, and its error along a ring.

    Args:
        betas: of the rings, of modulus ``sqrt(beta1)``.
        marks: points to be named.
        along: ``beta1`` of the ring on the right.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDTH, 5.0), width_ratios=(1.12, 1))
    _plane(left, betas, marks)
    table = ring_table(along)
    for tag in ("sf", "corrected", "free", "rod2"):
        rows = table[table["model"] == tag]
        name = {"rod2": "two terms about $-1$"}.get(tag, CURVES.get(tag, ("",))[0])
        shown = look("edge", label=name) if tag == "rod2" else look(tag, label=name)
        right.plot(rows["frequency"], rows["error"], **shown)
    right.set(yscale="log", xlim=(0, 0.5), ylim=(8e-4, 4))
    right.axvline(0.25, color=colour("ink"), linewidth=1.1, linestyle=":", zorder=1)
    right.annotate("period 4", (0.25, 0.02), (5, 0), xycoords=right.get_xaxis_transform(),
                   textcoords="offset points", fontsize=13)  # fmt: skip
    labelled(right, rf"error in one step, on the ring of $\beta_1={along:g}$",
             "cycles per step", size=SIZE)  # fmt: skip
    legend_above(figure, right, 2, fontsize=SIZE)
    return figure


def ring_table(beta: float, points: int = 200) -> pd.DataFrame:
    """Give each model's error in one step along the ring of a ``beta1``."""
    frequency = np.linspace(0, 0.5, points)
    x = np.sqrt(beta) * np.exp(2j * np.pi * frequency)
    exponents = {tag: exponent(x) for tag, (_, exponent) in CURVES.items() if tag != "disc"}
    exponents["rod2"] = theory.rod_exponent(x, 2)
    return pd.concat(
        pd.DataFrame({"model": tag, "frequency": frequency, "error": theory.multiplier_error(c, x)})
        for tag, c in exponents.items()
    )


def _plane(axis: Axes, betas: Sequence[float], marks: Mapping[str, complex]) -> None:
    side = np.linspace(-1.35, 1.35, 271)
    x = side[None] + 1j * side[:, None]
    for tag, exponent in {"sf": theory.centre_exponent, "free": theory.rod_exponent}.items():
        error = theory.multiplier_error(exponent(x), x)
        for level, alpha in zip(LEVELS, (0.45, 0.2), strict=True):
            axis.contourf(side, side, error, levels=[0, level], colors=[colour(tag)], alpha=alpha)
    turn = np.exp(1j * np.linspace(0, 2 * np.pi, 361))
    axis.plot(turn.real, turn.imag, color=colour("ink"), linewidth=1.4)
    for beta, dashes in zip(betas, ((0, (6, 2)), (0, (2, 1.5))), strict=False):
        ring = np.sqrt(beta) * turn
        axis.plot(ring.real, ring.imag, color=colour("disc"), linewidth=1.8, linestyle=dashes)
        axis.annotate(rf"$\beta_1={beta:g}$", (0, -np.sqrt(beta)), (0, 5), ha="center",
                      textcoords="offset points", va="bottom", fontsize=13)  # fmt: skip
    for words, at in marks.items():
        axis.plot(at.real, at.imag, "o", color=colour("ink"), markersize=6, zorder=6)
        # On the real axis towards the middle, where no ring passes; else away from it.
        place = (0.62 * at.real, 0) if at.imag == 0 else (at.real, 1.08 * at.imag)
        look_of = {"ha": "center", "va": "bottom"}
        if at.imag == 0:
            look_of = {"ha": "left" if at.real < 0 else "right", "va": "center"}
        axis.annotate(words, place, fontsize=13, **look_of)
    axis.set_aspect("equal")
    axis.grid(False)
    labelled(axis, "multipliers $x$ of one step", "Re $x$", "Im $x$", size=SIZE)


# --- toys ----------------------------------------------------------------------------------------

DRAWN = ("disc", "sf", "rod", "free", "edge", "central")
"""Models that are drawn; the corrected rod flow cannot be told from the rod flow on the toys."""


def toys_figure(courses: Mapping[str, Mapping[str, Course]], titles: Mapping[str, str]) -> Figure:
    """Draw toys, a row each: sharpness over threshold, oscillation, distance.

    Args:
        courses: by toy and model.
        titles: of the toys.
    """
    figure, axes = plt.subplots(
        len(courses), 3, figsize=(WIDTH, 0.9 + 2.75 * len(courses)), squeeze=False
    )
    for row, (name, models) in zip(axes, courses.items(), strict=True):
        truth = models["disc"]
        for tag in (tag for tag in DRAWN if tag in models):
            own = models[tag]
            steps = FIRST + np.arange(len(own.sharpness))
            shown = look(tag)
            row[0].plot(steps, own.sharpness, **shown)
            row[1].plot(steps, own.amplitude, **shown)
            if tag != "disc":  # all start at its centre
                distance = np.linalg.norm(own.centre - truth.centre, axis=1)
                row[2].plot(steps[1:], distance[1:], **shown)
        row[0].axhline(1, color=colour("ink"), linewidth=1.1, linestyle=":", zorder=1)
        _limits(row, models)
        row[0].set_ylabel(titles[name].replace(", ", ",\n"), fontsize=13)
    heads = "sharpness / threshold", "oscillation", "distance from optimizer"
    for axis, head in zip(axes[0], heads, strict=True):
        axis.set_title(head, fontsize=13)
    for axis in axes[-1]:
        axis.set_xlabel("optimizer step", fontsize=SIZE)
    fullest = max(range(len(axes)), key=lambda i: len(axes[i][0].lines))
    legend_above(figure, axes[fullest][0], 6, fontsize=12, columnspacing=1.2)
    return figure


def _limits(row: Sequence[Axes], models: Mapping[str, Course]) -> None:
    """Show what the optimizer does and some more: what is lost may leave the panels."""
    truth = models["disc"]
    low, high = truth.sharpness.min(), truth.sharpness.max()
    room = max(high - low, 0.1)
    row[0].set_ylim(low - 0.4 * room, high + 0.8 * room)
    row[1].set_ylim(0, 1.5 * truth.amplitude.max())
    row[2].set(yscale="log", ylim=(1e-5, 10))
    for axis in row:
        axis.margins(x=0)


def directions_figure(models: Mapping[str, Course], sharp: int) -> Figure:
    """Draw sharpness over threshold, and the oscillation in each sharp direction.

    Args:
        models: of one toy.
        sharp: how many sharp directions there are.
    """
    figure, axes = plt.subplots(1, 1 + sharp, figsize=(WIDTH, 3.6))
    truth = models["disc"]
    for tag in (tag for tag in DRAWN if tag in models):
        own, shown = models[tag], look(tag)
        steps = FIRST + np.arange(len(own.sharpness))
        axes[0].plot(steps, own.sharpness, **shown)
        for i in range(sharp):
            axes[1 + i].plot(steps, own.swings[:, i], **shown)
    axes[0].axhline(1, color=colour("ink"), linewidth=1.1, linestyle=":", zorder=1)
    room = np.ptp(truth.sharpness)
    axes[0].set_ylim(truth.sharpness.min() - 0.2 * room, truth.sharpness.max() + 0.6 * room)
    labelled(axes[0], "sharpness / threshold", "optimizer step", size=13)
    for i in range(sharp):
        axes[1 + i].set_ylim(0, 1.4 * truth.swings[:, i].max())
        labelled(axes[1 + i], f"oscillation, direction {i + 1}", "optimizer step", size=13)
    for axis in axes:
        axis.margins(x=0)
    legend_above(figure, axes[0], 6, fontsize=12, columnspacing=1.2)
    return figure


def toys_table(courses: Mapping[str, Mapping[str, Course]]) -> pd.DataFrame:
    """Give what the figures of the toys draw, a row for each toy, model and step."""
    frames = []
    for toy, models in courses.items():
        for tag, own in models.items():
            frame = pd.DataFrame({"sharpness": own.sharpness, "oscillation": own.amplitude})
            frame["distance"] = np.linalg.norm(own.centre - models["disc"].centre, axis=1)
            for i, swing in enumerate(own.swings.T):
                frame[f"swing_{i + 1}"] = swing
            frame.insert(0, "step", FIRST + np.arange(len(frame)))
            frame.insert(0, "model", tag)
            frame.insert(0, "toy", toy)
            frames.append(frame)
    return pd.concat(frames, ignore_index=True)
