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
from rodflow_core.experiments import judge
from rodflow_core.experiments.claims import CLOSER, Claims
from rodflow_core.optimizers import OPTIMIZERS

Key = tuple[str, str]


def save(
    models: Mapping[str, Mapping[Key, Claims]],
    runs: Sequence[xr.Dataset],
    folder: str | os.PathLike[str],
    name: str = "claims",
) -> None:
    """Write the figure, its numbers and the runs it was drawn from.

    Args:
        models: assessed runs by model (``rod``, ``free`` and, where they are recorded,
            ``rod_fine``, ``free_fine``), and by optimizer and architecture.
        runs: the runs they come from.
        folder: where the files go.
        name: stem of the files.
    """
    first = models["rod"]
    columns: dict[str, list[object]] = {
        "optimizer": [key[0] for key in first],
        "architecture": [key[1] for key in first],
        "ratio_floor": [c.stable.distance / c.floor for c in first.values()],
        "sharpness_optimizer": [c.sharpness for c in first.values()],
        "sharpness_stable": [c.stable.sharpness for c in first.values()],
    }
    for tag, found in models.items():
        columns |= {f"ratio_{tag}": [c.ratio for c in found.values()]}
        columns |= {f"sharpness_{tag}": [c.rod.sharpness for c in found.values()]}
        for letter, claim in judge.CLAIMS.items():
            words = [claim.rule(c).verdict or "none" for c in found.values()]
            columns |= {f"{letter}_{tag}": words}
    numbers = pd.DataFrame(columns)
    alt = (
        "How many times closer than the stable flow both rods and the sensitivity floor are, for "
        "every optimizer and architecture, log axis, with bars at 5 and at 100."
    )
    manifest = {**files.run_manifest(runs, "notebooks/claims.py"), "says": _says(models)}
    files.save(
        name, lambda: ratios(numbers), numbers, folder, alt=alt, manifest=manifest,
    )  # fmt: skip


def _says(models: Mapping[str, Mapping[Key, Claims]]) -> str:
    """Say in how many runs each rod is as many times closer as our own bar asks."""
    many = {tag: sum(c.ratio >= CLOSER for c in models[tag].values()) for tag in ("rod", "free")}
    return (
        f"In {many['rod']} of {len(models['rod'])} runs the paper's rod stays at least {CLOSER:g} "
        f"times closer to the optimizer than the stable flow, in {many['free']} the drift-free rod."
    )


def ratios(numbers: pd.DataFrame) -> Figure:
    """Draw one panel per architecture: optimizers down, the ratio of distances across.

    Args:
        numbers: the table that ``save`` makes.
    """
    architectures = list(dict.fromkeys(numbers["architecture"]))
    optimizers = list(dict.fromkeys(numbers["optimizer"]))
    figure, axes = plt.subplots(
        1, len(architectures), figsize=(WIDTH, 5.2), sharey=True, sharex=True, squeeze=False
    )
    for axis, architecture in zip(axes.flat, architectures, strict=True):
        rows = numbers[numbers["architecture"] == architecture].set_index("optimizer")
        rows = rows.reindex(optimizers)  # what is not recorded has no mark
        height = range(len(rows))
        for tag, shift, marker in (("rod", -0.17, "o"), ("free", 0.17, "D")):
            name = "paper's rod" if tag == "rod" else "drift-free rod"
            # Side by side, so that neither hides the other; finely integrated ones are open.
            at = [h + shift for h in height]
            look = {"color": colour(tag), "zorder": 4, "markersize": 8 if tag == "rod" else 7}
            axis.plot(rows[f"ratio_{tag}"], at, marker, label=f"{name}, Euler $K=4$", **look)
            if f"ratio_{tag}_fine" not in rows:
                continue
            axis.plot(
                rows[f"ratio_{tag}_fine"],
                at,
                marker,
                label=f"{name}, RK4",
                fillstyle="none",
                **look,
            )
            axis.hlines(at, rows[f"ratio_{tag}"], rows[f"ratio_{tag}_fine"],
                        color=colour(tag), linewidth=1.2, zorder=1)  # fmt: skip
        axis.plot(
            rows["ratio_floor"], list(height), "|", color=colour("floor"), markersize=22,
            markeredgewidth=2.5, label="sensitivity floor", zorder=3,
        )  # fmt: skip
        for bar, style in ((CLOSER, ":"), (judge.SEVERAL_ORDERS, "--")):
            axis.axvline(bar, color=colour("ink"), linestyle=style, linewidth=1.3)
        axis.set(xscale="log", title=ARCHITECTURE_TITLES[architecture])
        labels = [OPTIMIZERS[name].title for name in optimizers]
        axis.set_yticks(list(height), labels, fontsize=14)
        axis.tick_params(axis="x", labelsize=13)
    figure.supxlabel("times closer to the optimizer's centre than the stable flow", fontsize=14)
    axes.flat[0].invert_yaxis()
    legend_above(figure, axes.flat[0], 3, fontsize=12)
    return figure
