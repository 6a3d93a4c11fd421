"""Figure of appendix E.1: Nesterov's iterates and Dozat's change of variables."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from rodflow_book.figures.marks import BIG, dots, labelled, legend_above, rings
from rodflow_book.figures.style import WIDTH, colour, line
from rodflow_core.simulate import Array


def dozat_figure(
    paths: Mapping[bool, tuple[Array, Array, Array]], apart: Mapping[bool, Array]
) -> Figure:
    """Draw Nesterov, its look-ahead points and Dozat's iterates, without and with bias correction.

    Args:
        paths: iterates, look-ahead points and Dozat's iterates, ``(T, 2)`` each; the key says
            whether moments are corrected.
        apart: distance of the last two at each step.
    """
    figure, axes = plt.subplots(1, 3, figsize=(WIDTH * 1.15, 4.4), width_ratios=(1, 1, 1.05))
    titles = {False: "without bias correction", True: "with bias correction"}
    for axis, (corrected, (iterates, ahead, own)) in zip(axes, paths.items(), strict=False):
        axis.plot(
            *iterates.T,
            **line("disc", linewidth=1.6, marker="o", markersize=4, label="Nesterov $w_t$"),
        )
        words = r"its look-ahead points $w_t-\eta\beta m_t$"
        axis.plot(*ahead.T, **dots("rod", markersize=6, label=words))
        axis.plot(*own.T, **rings("sf", markersize=11, markeredgewidth=1.6, label="Dozat"))
        labelled(axis, titles[corrected], "$w_1$", "")
    axes[0].set_ylabel("$w_2$", fontsize=BIG)
    tags = {False: "rod", True: "sf"}
    for corrected, distance in apart.items():
        shown = np.maximum(distance, 1e-17)
        axes[2].plot(shown, color=colour(tags[corrected]), linewidth=2.4)
        word = titles[corrected]
        height = np.median(shown[len(shown) // 2 :]) * (30 if corrected else 60)
        axes[2].text(
            len(shown) * 0.98,
            height,
            word,
            color=colour(tags[corrected]),
            fontsize=13,
            ha="right",
            va="bottom",
        )
    labelled(
        axes[2],
        "distance, Dozat to look-ahead",
        "optimizer step",
        "",
        yscale="log",
        ylim=(1e-18, 1e2),
    )
    legend_above(figure, axes[0])
    return figure
