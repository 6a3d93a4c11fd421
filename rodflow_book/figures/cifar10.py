"""The paper's Figure 3 as one plate: Adam on three networks, quantity by quantity."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rodflow_book import notebook
from rodflow_book.figures import files
from rodflow_book.figures.run import made_with, plain_log_ticks
from rodflow_book.figures.style import NAMES, WIDTH, colour, line, samples
from rodflow_core.experiments import claims, records
from rodflow_core.quantities import OPTIMIZER

TAGS = (OPTIMIZER, "sf", "rod", "free")
"""The trajectories of the plate; the sensitivity floor stands among the distances."""


class Row(NamedTuple):
    """A row of the plate.

    Attributes:
        kind: of the quantity.
        words: beside its panels.
        tags: of the trajectories that have it.
        scale: of the axis.
    """

    kind: str
    words: str
    tags: tuple[str, ...]
    scale: str


ROWS = (
    Row("preconditioned_sharpness", "sharpness /\nthreshold", TAGS, "linear"),
    Row("distance", "distance between\ncentres", (*TAGS[1:], "floor"), "log"),
    Row("delta_norm", "half-displacement\n" r"$|\delta|$", (OPTIMIZER, "rod", "free"), "linear"),
    Row("loss", "loss at\nthe centre", TAGS, "log"),
)


def numbers(runs: Mapping[str, xr.Dataset]) -> pd.DataFrame:
    """Give what is drawn, a column a curve: ``mlp_rod_distance``; a row per step since the start.

    The sharpness stands at the steps at which it was solved for, over its threshold; distances
    begin after the start, where all of them are zero.

    Args:
        runs: by architecture.
    """
    columns: dict[str, pd.Series] = {}
    for name, run in runs.items():
        start = int(run["step"][0])
        for row in ROWS:
            for tag in row.tags:
                series = records.series(run, tag, row.kind)
                if series is None:
                    continue
                values, at = records.values(run, tag, row.kind), run["step"].to_numpy() - start
                if row.kind == "preconditioned_sharpness":
                    values = values / run.attrs["threshold"]
                    at = run["spectrum_step"].to_numpy() - start
                if row.kind == "distance":
                    values, at = values[1:], at[1:]
                columns[f"{name}_{tag}_{row.kind}"] = pd.Series(values, index=at)
    return pd.DataFrame(columns).rename_axis("step_since_start").reset_index()


def plate(table: pd.DataFrame, labels: Mapping[str, str], below: str) -> Figure:
    """Draw the plate: networks across, quantities down, one legend.

    Args:
        table: of `numbers`; every column of it is a curve.
        labels: what each network's runs were made with, by architecture.
        below: what they have in common.
    """
    figure, axes = plt.subplots(
        len(ROWS), len(labels), figsize=(WIDTH, 10.6), sharex="col", squeeze=False
    )
    shown: dict[str, object] = {}
    for j, (name, words) in enumerate(labels.items()):
        for row, axis in zip(ROWS, axes[:, j], strict=True):
            _panel(axis, table, name, row)
            for handle, title in zip(*axis.get_legend_handles_labels(), strict=True):
                if handle.get_linestyle() != "None":
                    shown.setdefault(title, handle)
            if j == 0:
                axis.set_ylabel(row.words)
        axes[0, j].set_title(notebook.ARCHITECTURE_TITLES[name], fontsize=15, pad=38)
        small = axes[0, j].annotate(
            words, (0, 1), (0, 6), xycoords="axes fraction", textcoords="offset points",
            fontsize=9.5,
        )  # fmt: skip
        small.set_in_layout(False)  # the title above it has kept its room
        axes[-1, j].set_xlabel("steps since the warm-up")
    figure.align_ylabels(axes[:, 0])
    names = [NAMES[tag] for tag in (*TAGS, "floor") if NAMES[tag] in shown]
    handles = [shown[name] for name in names]
    figure.legend(handles, names, loc="outside upper center", ncols=5, fontsize=13)
    figure.supxlabel(below, fontsize=10.5)
    return figure


def _panel(axis: Axes, table: pd.DataFrame, name: str, row: Row) -> None:
    for tag in row.tags:
        column = f"{name}_{tag}_{row.kind}"
        if column in table:
            there = table[column].notna()
            look = line(tag, label=NAMES[tag])
            if tag == OPTIMIZER:
                look = samples(look, table["step_since_start"][there].to_numpy())
            axis.plot(table["step_since_start"][there], table[column][there], **look)
    axis.set_yscale(row.scale)
    axis.margins(x=0)
    if row.kind == "preconditioned_sharpness":
        axis.axhline(1, color=colour("ink"), linewidth=1.2, linestyle=":", zorder=1)
    if row.kind == "delta_norm":
        axis.set_ylim(bottom=0)
    if row.kind == "loss":
        plain_log_ticks(axis)


def save(runs: Mapping[str, xr.Dataset], folder: str | os.PathLike[str]) -> None:
    """Write the plate, its numbers and the runs it was drawn from.

    Args:
        runs: of Adam, by architecture.
        folder: where the files go.
    """
    table = numbers(runs)
    labels = {name: made_with(run, shared=False) for name, run in runs.items()}
    manifest = files.run_manifest(list(runs.values()), "notebooks/cifar10.py")
    times = {name: claims.assess(run, "rod", "sf").ratio for name, run in runs.items()}
    closer = ", ".join(
        f"{times[name]:.0f} times on the {notebook.ARCHITECTURE_TITLES[name]}" for name in times
    )
    manifest["says"] = f"The rod flow stays closer to Adam than the stable flow: {closer}."
    files.save(
        "figure-3", lambda: plate(table, labels, _shared(runs)), table, folder,
        alt=alt_text(runs), manifest=manifest,
    )  # fmt: skip


def _shared(runs: Mapping[str, xr.Dataset]) -> str:
    """Say what the runs have in common: data, precision, device, and when they were recorded."""
    configs = [records.configuration(run) for run in runs.values()]
    places = sorted({f"{c.dtype} on {c.device}" for c in configs})
    dates = sorted({str(run.attrs["date"]) for run in runs.values() if "date" in run.attrs})
    when = " to ".join(dict.fromkeys((dates[0], dates[-1]))) if dates else ""
    return ", ".join(["Adam on CIFAR-10", *places, *([f"recorded {when}"] if when else [])])


def alt_text(runs: Mapping[str, xr.Dataset]) -> str:
    """Say what the plate shows, with its numbers, for a reader who does not see it."""
    words = []
    for name, run in runs.items():
        rod, free = (claims.assess(run, tag, "sf") for tag in ("rod", "free"))
        words.append(
            f"on the {notebook.ARCHITECTURE_TITLES[name]} sharpness {rod.sharpness:.2f} "
            f"(optimizer), {rod.stable.sharpness:.2f} (stable flow), {rod.rod.sharpness:.2f} (rod "
            f"flow) and {free.rod.sharpness:.2f} (drift-free rod) of the threshold, distance "
            f"{rod.stable.distance:.2g}, {rod.rod.distance:.2g} and {free.rod.distance:.2g}, "
            f"shifted copy {_number(rod.floor)}"
        )
    return (
        f"{len(ROWS)} rows of panels, networks across: sharpness over threshold, distance between "
        "centres, half-displacement and loss of Adam, its stable flow, the rod flow and the "
        f"drift-free rod over steps since the warm-up. Medians: {'; '.join(words)}."
    )


def _number(value: float) -> str:
    return "not recorded" if np.isnan(value) else f"{value:.2g}"
