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
from rodflow_book.figures.style import WIDTH, colour
from rodflow_book.notebook import ARCHITECTURE_TITLES
from rodflow_core.experiments.claims import CLOSER, Claims
from rodflow_core.optimizers import OPTIMIZERS

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
