"""The figure of a recorded run: the optimizer and every flow that the record holds."""

from __future__ import annotations

from collections.abc import Iterator

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rodflow_book.figures.style import WIDTH, colour, line, samples
from rodflow_core.experiments import records
from rodflow_core.quantities import OPTIMIZER

BESIDE = (
    "sf_fine", "rod_fine", "free_fine", "rod_finer", "free_finer", "corrected", "central", "edge",
)  # fmt: skip
"""Models that have a page of their own (`models`): a run's figure leaves them out."""
LARGEST = 1e100
"""From here on a number is of something that diverges, and an axis for it would overflow."""
SWINGS = 12
"""Swings of the half-displacement that can be told apart in half the width of a figure."""


def trajectories(run: xr.Dataset) -> dict[str, str]:
    """Give the tags and titles of the trajectories that are drawn, the optimizer first."""
    # A dollar sign in a title of one's own would begin a formula.
    flows = {tag: e["title"].replace("$", r"\$") for tag, e in records.flows(run).items()}
    drawn = {tag: title for tag, title in flows.items() if tag not in BESIDE}
    return {OPTIMIZER: "optimizer", **(drawn or flows)}


def run_figure(run: xr.Dataset) -> Figure:
    """Draw a run: the optimizer and its flows, quantity by quantity.

    First what the claims are about: preconditioned sharpness, and the distance between centres.
    Then the lengths ``|delta|`` and ``|mu|``, as wide as there is room and no longer than can be
    read, for they swing fast; then loss, ``|nu|`` and alignment. What a record does not hold has no
    panel.

    Args:
        run: a data set made by ``runs.compute``, whatever flows it holds.
    """
    first = [_sharpness] if "spectrum_step" in run.dims else []
    first += [_distance] if len(trajectories(run)) > 1 else []
    lengths = [_delta] + ([_mu] if _any(run, "mu_norm") else [])
    rest = [_loss] + ([_nu] if _any(run, "nu_norm") else [])
    rest += [_alignment] if _curves(run, "alignment") else []
    rows = [(row, height) for row, height in ((first, 3.0), (lengths, 2.2), (rest, 2.3)) if row]
    heights = [height for _, height in rows]
    figure = plt.figure(figsize=(WIDTH, sum(heights) + 0.5))
    bands = figure.subfigures(len(rows), 1, height_ratios=heights, squeeze=False)[:, 0]
    shown: dict[str, object] = {}
    for band, (row, _) in zip(bands, rows, strict=True):
        for panel, axis in zip(row, band.subplots(1, len(row), squeeze=False)[0], strict=True):
            axis.margins(x=0)
            panel(axis, run)
            axis.set_xlabel("optimizer step")
            for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
                if handle.get_linestyle() != "None":
                    shown.setdefault(label, handle)
    names = [name for name in trajectories(run).values() if name in shown]
    columns = -(-len(names) // -(-len(names) // 5))
    handles = [shown[name] for name in names]
    figure.legend(handles, names, loc="outside upper center", ncols=columns)
    if records.configuration(run).data == "cifar10":
        figure.supxlabel(made_with(run), fontsize=10.5)
    return figure


def made_with(run: xr.Dataset, shared: bool = True) -> str:
    """Say in a line what a run on images was made with; a figure is then whole without its page.

    Args:
        run: a recorded run.
        shared: whether data, precision, device and date stand in it; a figure of several runs,
            which have these in common, says them once, and has two lines for each run.
    """
    config = records.configuration(run)
    betas = [f"{beta:g}" for beta in (config.beta1, config.beta2) if beta is not None]
    names = [r"\beta_1"] * (config.beta1 is not None) + [r"\beta_2"] * (config.beta2 is not None)
    words = [f"$n={config.examples:,}$".replace(",", "{,}"), rf"$\eta={config.learning_rate:g}$"]
    words += [f"${name}={beta}$" for name, beta in zip(names, betas, strict=True)]
    if not shared:
        return ", ".join(words) + f"\nwarm-up {config.warmup:,}, then {config.steps:,} steps"
    words += [f"warm-up {config.warmup:,} steps"]
    words = ["CIFAR-10", *words, f"{config.dtype} on {config.device}"]
    # Records of digits were once made without a date.
    return ", ".join(words + ([run.attrs["date"]] if "date" in run.attrs else []))


def _curves(run: xr.Dataset, kind: str) -> dict[str, xr.DataArray]:
    """Give the series of one kind that a run holds, by tag."""
    found = {tag: records.series(run, tag, kind) for tag in trajectories(run)}
    return {tag: v.where(abs(v) < LARGEST) for tag, v in found.items() if v is not None}


def _any(run: xr.Dataset, kind: str) -> bool:
    values = records.series(run, OPTIMIZER, kind)
    return values is not None and bool(np.isfinite(values).any())


def _draw(axis: Axes, run: xr.Dataset, kind: str, leave: str = "") -> Iterator[str]:
    """Draw one kind of quantity of all trajectories but one; give the tags drawn."""
    titles = trajectories(run)
    for tag, series in _curves(run, kind).items():
        if tag != leave:
            axis.plot(run["step"], series, **line(tag, label=titles[tag]))
            yield tag


def _loss(axis: Axes, run: xr.Dataset) -> None:
    list(_draw(axis, run, "loss", "floor"))
    axis.set(title="loss at the centre", ylabel=r"$L(\bar w)$", yscale="log")
    plain_log_ticks(axis)


def _sharpness(axis: Axes, run: xr.Dataset) -> None:
    threshold, titles = run.attrs["threshold"], trajectories(run)
    for tag, series in _curves(run, "preconditioned_sharpness").items():
        if tag != "floor":
            values, look = series[:, 0] / threshold, line(tag, label=titles[tag])
            if tag == OPTIMIZER:
                look = samples(look, run["spectrum_step"].to_numpy())
            axis.plot(run["spectrum_step"], values, **look)
    axis.axhline(1, color=colour("ink"), linewidth=1.2, linestyle=":", zorder=1)
    ratio = r"$\lambda_{\max}/S_{\rm thr}$"
    axis.set(title=f"sharpness / threshold ({threshold:.4g})", ylabel=ratio)
    axis.ticklabel_format(axis="y", useOffset=False)


def _distance(axis: Axes, run: xr.Dataset) -> None:
    titles = trajectories(run)
    for tag, series in _curves(run, "distance").items():
        # All flows start at the optimizer's centre, at no distance from it.
        axis.plot(run["step"][1:], series[1:], **line(tag, label=titles[tag]))
    axis.set(
        title="distance between centres", ylabel=r"$|\bar w-\bar w_{\rm flow}|$",
        yscale="log",
    )  # fmt: skip


def _delta(axis: Axes, run: xr.Dataset) -> None:
    list(_draw(axis, run, "delta_norm", "floor"))
    axis.set(title=f"half-displacement{_readable(axis, run)}", ylabel=r"$|\delta|$")
    axis.set_ylim(bottom=0)


def _mu(axis: Axes, run: xr.Dataset) -> None:
    list(_draw(axis, run, "mu_norm", "floor"))
    axis.set(title=f"its first-moment part{_readable(axis, run)}", ylabel=r"$|\mu|$")
    axis.set_ylim(bottom=0)


def _readable(axis: Axes, run: xr.Dataset) -> str:
    """Show as many steps as have `SWINGS` swings of the optimizer; say so if not all."""
    length = records.values(run, OPTIMIZER, "delta_norm")
    tops = 1 + np.flatnonzero((length[1:-1] > length[:-2]) & (length[1:-1] >= length[2:]))
    if len(tops) <= 1.5 * SWINGS:
        return ""
    shown = int(10 * np.ceil(tops[SWINGS - 1] / 10))
    first = int(run["step"][0])
    axis.set_xlim(first, first + shown)
    return f", first {shown} steps"


def _nu(axis: Axes, run: xr.Dataset) -> None:
    list(_draw(axis, run, "nu_norm", "floor"))
    axis.set(title="second moment", ylabel=r"$|\nu|$", yscale="log")
    plain_log_ticks(axis)


def _alignment(axis: Axes, run: xr.Dataset) -> None:
    curves, titles = _curves(run, "alignment"), trajectories(run)
    tag = "rod" if "rod" in curves else next(iter(curves))
    axis.plot(run["step"], curves[tag], **line(tag, label=titles[tag], linewidth=1.0))
    cosine = r"$|\cos(\delta,\delta_{\rm rod})|$"
    axis.set(title="alignment", ylabel=cosine)
    axis.set_ylim(0, 1.03)


def plain_log_ticks(axis: Axes) -> None:
    """Label a log axis of less than two decades with plain numbers, few where it is short."""
    low, high = axis.get_ylim()
    if high / low < 100:
        even = mpl.ticker.MaxNLocator(4, steps=(1, 2, 5, 10))
        parts = mpl.ticker.LogLocator(subs=(1, 1.5, 2, 3, 4, 6) if high / low < 8 else (1, 2, 5))
        axis.yaxis.set_major_locator(even if high / low < 2 else parts)
        axis.yaxis.set_major_formatter(mpl.ticker.FuncFormatter(lambda v, _: f"{v:.3g}"))
        axis.yaxis.set_minor_formatter(mpl.ticker.NullFormatter())
