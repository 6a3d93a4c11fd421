"""The figure of the claims page: how many times closer than the stable flow, run by run."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import pandas as pd
import xarray as xr
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from rodflow_book.figures import files
from rodflow_book.figures.marks import legend_above
from rodflow_book.figures.style import WIDTH, colour, line
from rodflow_book.notebook import ARCHITECTURE_TITLES
from rodflow_core.experiments.claims import CLOSER, Claims
from rodflow_core.experiments.records import values
from rodflow_core.optimizers import OPTIMIZERS
from rodflow_core.quantities import name_of

Key = tuple[str, str]


def save(
    paper: Mapping[Key, Claims],
    free: Mapping[Key, Claims],
    runs: Sequence[xr.Dataset],
    folder: str | os.PathLike[str],
) -> None:
    """Write the figure, its numbers and the runs it was drawn from.

    Args:
        paper: claims of the paper's rod by optimizer and architecture.
        free: the same of the drift-free rod.
        runs: the runs both come from.
        folder: where the files go.
    """
    numbers = pd.DataFrame(
        {
            "optimizer": [key[0] for key in paper],
            "architecture": [key[1] for key in paper],
            "ratio_rod": [c.ratio for c in paper.values()],
            "ratio_drift_free": [free[key].ratio for key in paper],
            "sharpness_optimizer": [c.sharpness for c in paper.values()],
            "sharpness_rod": [c.rod.sharpness for c in paper.values()],
            "sharpness_drift_free": [free[key].rod.sharpness for key in paper],
            "sharpness_stable": [c.stable.sharpness for c in paper.values()],
            "verdict_rod": [c.verdict for c in paper.values()],
            "verdict_drift_free": [free[key].verdict for key in paper],
        }
    )
    alt = "Centre-distance ratios of both rods for every optimizer and architecture, log axis."
    files.save(
        "claims", lambda: ratios(numbers), numbers, folder, alt=alt,
        manifest=files.run_manifest(runs),
    )  # fmt: skip


def ratios(numbers: pd.DataFrame) -> Figure:
    """Draw one panel per architecture: optimizers down, the ratio of distances across.

    Args:
        numbers: the table that ``save`` makes.
    """
    architectures = list(dict.fromkeys(numbers["architecture"]))
    optimizers = list(dict.fromkeys(numbers["optimizer"]))
    figure, axes = plt.subplots(
        1, len(architectures), figsize=(WIDTH, 4.4), sharey=True, sharex=True, squeeze=False
    )
    for axis, architecture in zip(axes.flat, architectures, strict=True):
        rows = numbers[numbers["architecture"] == architecture].set_index("optimizer")
        rows = rows.loc[optimizers]
        height = range(len(rows))
        for tag, column, marker in (("rod", "ratio_rod", "o"), ("free", "ratio_drift_free", "D")):
            name = "paper's rod" if tag == "rod" else "drift-free rod"
            # Side by side, so that neither hides the other where they agree.
            at = [h + (-0.13 if tag == "rod" else 0.13) for h in height]
            axis.plot(
                rows[column], at, marker, color=colour(tag), label=name, zorder=4,
                markersize=8 if tag == "rod" else 7,
            )  # fmt: skip
        axis.hlines(height, rows["ratio_rod"], rows["ratio_drift_free"],
                    color=colour("disc"), linewidth=1.5, zorder=1)  # fmt: skip
        axis.axvline(CLOSER, color=colour("ink"), linestyle=":", linewidth=1.3)
        axis.set(xscale="log", title=ARCHITECTURE_TITLES[architecture])
        labels = [OPTIMIZERS[name].title for name in optimizers]
        axis.set_yticks(list(height), labels, fontsize=14)
        axis.tick_params(axis="x", labelsize=13)
    figure.supxlabel("times closer to the optimizer's centre than the stable flow", fontsize=14)
    axes.flat[0].invert_yaxis()
    legend_above(figure, axes.flat[0], 2)
    return figure


def backward_error_numbers(without: xr.Dataset, corrected: xr.Dataset) -> pd.DataFrame:
    """Give what the backward-error figure shows, a row per step."""
    columns = {"step": without["step"].to_numpy()}
    for suffix, run in (("", without), ("_corrected", corrected)):
        for tag, kind in (("rod", "distance"), ("sf", "distance"), ("rod", "loss")):
            columns[name_of(tag, kind) + suffix] = values(run, tag, kind)
    return pd.DataFrame(columns)


def backward_error(without: xr.Dataset, corrected: xr.Dataset) -> Figure:
    """Draw the paper's Figure 5: the flows with and without the correction.

    Args:
        without: a run.
        corrected: the same run with ``backward_error``.
    """
    figure, axes = plt.subplots(1, 3, figsize=(WIDTH, 3.6))
    threshold = without.attrs["threshold"]
    marked = {"linestyle": "none", "marker": "x", "markersize": 7, "color": colour("other")}
    marked |= {"label": "rod flow, corrected", "zorder": 6}
    for tag in ("disc", "sf", "rod"):
        sharpness = values(without, tag, "preconditioned_sharpness") / threshold
        axes[0].plot(without["spectrum_step"], sharpness, **line(tag))
    few = slice(None, None, 4)
    other = values(corrected, "rod", "preconditioned_sharpness") / threshold
    axes[0].plot(corrected["spectrum_step"][few], other[few], **marked)
    axes[0].axhline(1, color=colour("ink"), linewidth=1.2, linestyle=":")
    axes[0].set(title="sharpness / threshold", ylabel=r"$\lambda_{\max}/S_{\rm thr}$")
    for tag in ("sf", "rod"):
        axes[1].plot(without["step"][1:], values(without, tag, "distance")[1:], **line(tag))
    every = slice(10, None, 15)
    steps = corrected["step"][every]
    axes[1].plot(steps, values(corrected, "rod", "distance")[every], **marked)
    axes[1].set(title="distance between centres", yscale="log")
    for tag in ("disc", "sf", "rod"):
        axes[2].plot(without["step"], values(without, tag, "loss"), **line(tag))
    axes[2].plot(steps, values(corrected, "rod", "loss")[every], **marked)
    axes[2].set(title="loss at the centre", yscale="log")
    for axis in axes:
        axis.set_xlabel("optimizer step")
        axis.margins(x=0)
    legend_above(figure, axes[0], 4, fontsize=11)
    return figure
