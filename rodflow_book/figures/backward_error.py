"""The figure of the backward-error page: both flows with the correction and without it."""

from __future__ import annotations

import pandas as pd
import xarray as xr
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rodflow_book.figures.marks import legend_above
from rodflow_book.figures.style import NAMES, WIDTH, colour, line, samples
from rodflow_core.experiments.records import values
from rodflow_core.quantities import name_of

_FLOWS = ("sf", "rod")
_MARKERS = {"sf": "+", "rod": "x"}


def backward_error_numbers(without: xr.Dataset, corrected: xr.Dataset) -> pd.DataFrame:
    """Give what the backward-error figure shows, a row per step; eigensolves stand where made."""
    frame = pd.DataFrame({"step": without["step"].to_numpy()})
    frame[name_of("disc", "loss")] = values(without, "disc", "loss")
    at = frame["step"].isin(without["spectrum_step"].to_numpy())
    sharpness = "preconditioned_sharpness"
    frame.loc[at, name_of("disc", sharpness)] = values(without, "disc", sharpness)
    for suffix, run in (("", without), ("_corrected", corrected)):
        for tag in _FLOWS:
            for kind in ("distance", "loss"):
                frame[name_of(tag, kind) + suffix] = values(run, tag, kind)
            frame.loc[at, name_of(tag, sharpness) + suffix] = values(run, tag, sharpness)
    return frame


def _marked(tag: str) -> dict[str, object]:
    """Give the style of a corrected flow: crosses, that the line below them stays seen."""
    look = {"linestyle": "none", "marker": _MARKERS[tag], "markersize": 8, "zorder": 6}
    colours = {"sf": "sf", "rod": "corrected"}
    return {**look, "markeredgewidth": 1.6, "color": colour(colours[tag]),
            "label": f"{NAMES[tag]}, corrected"}  # fmt: skip


def backward_error(without: xr.Dataset, corrected: xr.Dataset) -> Figure:
    """Draw the paper's Figure 5, with the stable flow: lines without the correction, crosses with.

    Args:
        without: a run.
        corrected: the same run with ``backward_error``.
    """
    figure, axes = plt.subplots(1, 3, figsize=(WIDTH, 3.6))
    threshold = without.attrs["threshold"]
    _panel(axes[0], without, corrected, "preconditioned_sharpness", threshold)
    axes[0].axhline(1, color=colour("ink"), linewidth=1.2, linestyle=":")
    axes[0].set(title="sharpness / threshold", ylabel=r"$\lambda_{\max}/S_{\rm thr}$")
    _panel(axes[1], without, corrected, "distance")
    axes[1].set(title="distance between centres", yscale="log")
    _panel(axes[2], without, corrected, "loss")
    axes[2].set(title="loss at the centre", yscale="log")
    for axis in axes:
        axis.set_xlabel("optimizer step")
        axis.margins(x=0)
    legend_above(figure, axes[2], 3, fontsize=12)
    return figure


def _panel(
    axis: Axes, without: xr.Dataset, corrected: xr.Dataset, kind: str, unit: float = 1.0
) -> None:
    """Draw one quantity of the optimizer and of both flows, with the correction and without."""
    at_solves = kind == "preconditioned_sharpness"
    steps = without["spectrum_step" if at_solves else "step"].to_numpy()
    # All flows start at the optimizer's centre, at no distance from it.
    first = int(kind == "distance")
    few = max(1, len(steps) // 20)
    for tag in ("disc", *_FLOWS):
        if tag != "disc" or kind != "distance":
            look = samples(line(tag), steps) if tag == "disc" else line(tag)
            axis.plot(steps[first:], values(without, tag, kind)[first:] / unit, **look)
    for tag in _FLOWS:
        shown = slice(max(first, few // 2), None, few)
        axis.plot(steps[shown], values(corrected, tag, kind)[shown] / unit, **_marked(tag))
