"""The figures of the page on the rivals: distances, cost against accuracy, covariances."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
import xarray as xr
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rodflow_book.figures import files
from rodflow_book.figures.marks import legend_above
from rodflow_book.figures.style import NAMES, WIDTH, colour, line
from rodflow_book.notebook import ARCHITECTURE_TITLES
from rodflow_core.experiments import claims, records
from rodflow_core.optimizers import OPTIMIZERS
from rodflow_core.quantities import OPTIMIZER

Key = tuple[str, str]
"""Optimizer and architecture."""
SHOWN = ("sf_fine", "rod", "free", "central", "edge", "corrected")
"""Models of the page, in the order of its legends."""
_MARKERS = {"sf_fine": "v", "rod": "o", "free": "D", "central": "s", "edge": "P", "corrected": "X"}
_FILLS = {"mlp": "full", "cnn": "left", "vit": "none"}
_LIKE = {"sf_fine": "sf"}


def numbers(runs: Mapping[Key, xr.Dataset], prices: Mapping[str, Mapping]) -> pd.DataFrame:
    """Give what is compared, a row for each run and model.

    Args:
        runs: runs with rivals.
        prices: what a unit of time of each model costs, by run (``rows`` of the benchmark).
    """
    rows = []
    for (optimizer, architecture), run in runs.items():
        price = prices.get(f"{optimizer}-{architecture}", {}).get("gradients a unit of time", {})
        for tag in (*claims.models(run), "sf_fine"):
            found = claims.assess(run, tag)
            series = records.series(run, tag, "critical")
            rows.append(
                {
                    "optimizer": optimizer,
                    "architecture": architecture,
                    "model": tag,
                    "distance": found.rod.distance,
                    "over_floor": found.above_floor,
                    "ratio": found.ratio,
                    "sharpness_error": found.rod.sharpness_error.typical,
                    "amplitude_error": found.rod.delta.typical,
                    "raw_loss_error": found.rod.raw_loss_error,
                    "alignment": found.rod.alignment,
                    "critical": np.nan if series is None else float(np.mean(series[1:])),
                    "gradients": price.get(tag, np.nan),
                    "failed": found.rod.failed,
                }
            )
    return pd.DataFrame(rows)


def save(
    runs: Mapping[Key, xr.Dataset], table: pd.DataFrame, folder: str | os.PathLike[str]
) -> None:
    """Write the page's three figures, with their numbers and the runs they come from."""
    manifest = files.run_manifest(list(runs.values()), "notebooks/rivals.py")
    paths, spreads = _paths(runs), covariances(runs)
    says = _says(table)
    for name, draw, content, alt in (
        ("rivals-distance", lambda: distance_figure(runs), paths,
         "Distance to the optimizer's centre over steps, log axis, for every model of the edge: a "
         "panel for each of three optimizers and three networks."),
        ("rivals-cost", lambda: cost_figure(table), table,
         "Distance over the sensitivity floor against the cost of a unit of time in gradients, on "
         "log axes: a panel an optimizer, a colour and shape a model, a filling a network."),
        ("rivals-covariance", lambda: covariance_figure(runs), spreads,
         "Size and effective rank of the oscillation's covariance on the MLP over steps: the "
         "optimizer's oscillation, the rod's extent, central flow's covariance."),
    ):  # fmt: skip
        about = {**manifest, "says": says[name]}
        files.save(name, draw, content, folder, alt=alt, manifest=about)


def _says(table: pd.DataFrame) -> dict[str, str]:
    """Say what each figure shows: which model is nearest, what it costs, how long its rod is."""
    drawn = table[table["model"].isin(SHOWN)].dropna(subset=["distance"])
    least = drawn.loc[drawn.groupby(["optimizer", "architecture"])["distance"].idxmin(), "model"]
    nearest = [f"{NAMES.get(tag, tag)} in {n}" for tag, n in least.value_counts().items()]
    runs = f"of {len(least)} runs"
    price = drawn.groupby("model")["gradients"].agg(["min", "max"]).dropna()
    costs = [
        f"{NAMES[tag]} {low:.0f} to {high:.0f}"
        for tag, (low, high) in price.iterrows() if tag in ("rod", "central", "edge")
    ]  # fmt: skip
    off = table[table["architecture"] == "mlp"].groupby("model")["amplitude_error"].median()
    errors = [f"{off[tag]:.2g} ({NAMES[tag]})" for tag in ("rod", "free", "central") if tag in off]
    return {
        "rivals-distance": f"Nearest to the optimizer is, {runs}, {', '.join(nearest)}.",
        "rivals-cost": f"A unit of time takes gradients: {', '.join(costs)}.",
        "rivals-covariance": "The length of the oscillation is off by a part, in the median, of "
        f"{', '.join(errors)}.",
    }


def _paths(runs: Mapping[Key, xr.Dataset]) -> pd.DataFrame:
    columns: dict[str, pd.Series] = {}
    for (optimizer, architecture), run in runs.items():
        since = np.arange(run.sizes["step"])
        for tag in (*_shown(run), "floor"):
            path = pd.Series(records.values(run, tag, "distance"), index=since)
            columns[f"{optimizer}_{architecture}_{tag}"] = path
    frame = pd.DataFrame(columns)
    return frame.rename_axis("step_since_start").reset_index()


def _shown(run: xr.Dataset) -> list[str]:
    return [tag for tag in SHOWN if records.series(run, tag, "distance") is not None]


def _look(tag: str, **changes: object) -> dict[str, object]:
    like = _LIKE.get(tag, tag)
    return line(like, label=NAMES.get(like, like), **changes)


def distance_figure(runs: Mapping[Key, xr.Dataset]) -> Figure:
    """Draw the distance to the optimizer's centre: optimizers across, networks down."""
    optimizers, architectures = (list(dict.fromkeys(part)) for part in zip(*runs, strict=True))
    figure, axes = plt.subplots(
        len(architectures), len(optimizers), figsize=(WIDTH, 2.5 * len(architectures) + 0.8),
        squeeze=False, sharex="row",
    )  # fmt: skip
    for i, architecture in enumerate(architectures):
        for j, optimizer in enumerate(optimizers):
            axis, run = axes[i, j], runs[optimizer, architecture]
            for tag in (*_shown(run), "floor"):
                path = records.values(run, tag, "distance")
                axis.plot(np.arange(1, len(path)), path[1:], **_look(tag))
            name = f"{OPTIMIZERS[optimizer].title}, {ARCHITECTURE_TITLES[architecture]}"
            axis.set(yscale="log", title=name)
            axis.margins(x=0)
            if j == 0:
                axis.set_ylabel("distance")
            if i == len(architectures) - 1:
                axis.set_xlabel("steps since the start")
    legend_above(figure, axes[0, optimizers.index("gd") if "gd" in optimizers else 0], 4)
    return figure


def cost_figure(table: pd.DataFrame) -> Figure:
    """Draw accuracy against cost: an optimizer a panel."""
    optimizers = list(dict.fromkeys(table["optimizer"]))
    figure, axes = plt.subplots(
        1, len(optimizers), figsize=(WIDTH, 4.2), sharey=True, sharex=True, squeeze=False
    )
    for axis, optimizer in zip(axes.flat, optimizers, strict=True):
        rows = table[(table["optimizer"] == optimizer) & table["model"].isin(SHOWN)]
        for _, row in rows.iterrows():
            look = _mark(row["model"], row["architecture"])
            axis.plot(row["gradients"], row["over_floor"], **look)
        axis.axhline(1, color=colour("floor"), linewidth=1.3, linestyle=":")
        axis.set(xscale="log", yscale="log", title=OPTIMIZERS[optimizer].title)
        axis.xaxis.set_major_locator(mpl.ticker.LogLocator(subs=(1, 2, 5)))
        axis.xaxis.set_major_formatter(mpl.ticker.FuncFormatter(lambda v, _: f"{v:g}"))
        axis.xaxis.set_minor_formatter(mpl.ticker.NullFormatter())
        axis.set_xlabel("gradients a unit of time")
    axes.flat[0].set_ylabel("distance over the floor")
    _legend(figure, axes.flat[0], table)
    return figure


def _mark(model: str, architecture: str) -> dict[str, object]:
    """Give the point of a model on a network: the model's colour and shape, filled by network."""
    tint = colour(_LIKE.get(model, model))
    return {
        "linestyle": "none", "marker": _MARKERS[model], "fillstyle": _FILLS[architecture],
        "color": tint, "markerfacecoloralt": plt.rcParams["axes.facecolor"], "markersize": 9,
    }  # fmt: skip


def _legend(figure: Figure, axis: Axes, table: pd.DataFrame) -> None:
    """Name models by colour and shape, networks by filling, with points that are nowhere."""
    for tag in SHOWN:
        if tag in set(table["model"]):
            like = _LIKE.get(tag, tag)
            axis.plot([], [], **_mark(tag, "mlp"), label=NAMES.get(like, like))
    for architecture in dict.fromkeys(table["architecture"]):
        look = {**_mark("rod", architecture), "color": colour("ink")}
        axis.plot([], [], **look, label=ARCHITECTURE_TITLES[architecture])
    legend_above(figure, axis, 5, fontsize=12)


_COVARIANCES = (("rod", "spread"), ("central", "spread"), ("free", "delta_norm"))


def covariances(runs: Mapping[Key, xr.Dataset], architecture: str = "mlp") -> pd.DataFrame:
    """Give sizes and effective ranks of the oscillation on one network, a column each."""
    columns: dict[str, pd.Series] = {}
    for (optimizer, network), run in runs.items():
        if network != architecture:
            continue
        wanted = [(OPTIMIZER, "oscillation"), *_COVARIANCES]
        wanted += [("rod", "effective_rank"), ("central", "effective_rank")]
        for tag, kind in wanted:
            series = pd.Series(records.values(run, tag, kind), index=np.arange(run.sizes["step"]))
            columns[f"{optimizer}_{tag}_{kind}"] = series
    return pd.DataFrame(columns).rename_axis("step_since_start").reset_index()


def covariance_figure(runs: Mapping[Key, xr.Dataset]) -> Figure:
    """Draw size and effective rank of the oscillation on the MLP, an optimizer a column."""
    frame = covariances(runs)
    optimizers = list(dict.fromkeys(key[0] for key in runs))
    figure, axes = plt.subplots(
        2, len(optimizers), figsize=(WIDTH, 5.2), sharex="col", squeeze=False
    )
    time = frame["step_since_start"]
    for j, optimizer in enumerate(optimizers):
        top, bottom = axes[:, j]
        top.plot(time, frame[f"{optimizer}_{OPTIMIZER}_oscillation"], **line(OPTIMIZER))
        for tag, kind in _COVARIANCES:
            top.plot(time, frame[f"{optimizer}_{tag}_{kind}"], **_look(tag))
        for tag in ("rod", "central"):
            bottom.plot(time, frame[f"{optimizer}_{tag}_effective_rank"], **_look(tag))
        top.set(title=OPTIMIZERS[optimizer].title)
        top.set_ylim(bottom=0)
        bottom.set_ylim(bottom=0)
        bottom.set_xlabel("steps since the start")
        for axis in (top, bottom):
            axis.margins(x=0)
    axes[0, 0].set_ylabel(r"$\sqrt{{\rm tr}\,\Sigma}$")
    axes[1, 0].set_ylabel("effective rank")
    legend_above(figure, axes[0, 0], 4)
    return figure


def prices(path: str | os.PathLike[str]) -> dict:
    """Read the benchmark's JSON.

    Raises:
        ValueError: where it is not there.
    """
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except OSError as error:
        raise ValueError(
            f"there is no {path}; make it with `python benchmarks/rivals.py`."
        ) from error


def unit_prices(found: Mapping[str, Mapping], models: Sequence[str]) -> pd.DataFrame:
    """Give gradients a unit of time by network and rule, a column a model that has a price."""
    rows = {
        f"{network}, {OPTIMIZERS[rule].title}": entry["gradients a unit of time"]
        for network, rules in found.items()
        for rule, entry in rules.items()
    }
    frame = pd.DataFrame(rows).T
    return frame[[name for name in models if name in frame]]
