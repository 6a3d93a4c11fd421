"""One function per figure, one matplotlib style, for print and for a dark page."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import xarray as xr
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

WIDTH = 10.0
"""Width of a full figure in inches; text is sized for it to be shown about 800 pixels wide."""

_BASE = {
    "font.size": 12,
    "axes.titlesize": 12.5,
    "axes.titlelocation": "left",
    "axes.labelsize": 13,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 11,
    "lines.linewidth": 1.8,
    "figure.constrained_layout.use": True,
    "figure.dpi": 110,
    "savefig.dpi": 150,
    "svg.fonttype": "path",
    "svg.hashsalt": "rodflow",
    "mathtext.fontset": "cm",
}
_PAPER = {"light": "#ffffff", "dark": "#121212"}
_INK = {"light": "#1a1a1a", "dark": "#e8e8e8"}
# Okabe and Ito's colours, which colour-blind readers tell apart; lighter twins on a dark page.
_COLOURS = {
    "light": {
        "disc": "#8a8a8a", "sf": "#d55e00", "rod": "#0072b2", "free": "#009e73", "other": "#a6518a",
    },
    "dark": {
        "disc": "#b8b8b8", "sf": "#ff9d52", "rod": "#56b4e9", "free": "#3fd0a4", "other": "#e39ccb",
    },
}  # fmt: skip
_LINES = {
    "disc": {"linewidth": 3.2, "linestyle": "-", "zorder": 2},
    "sf": {"linewidth": 1.8, "linestyle": (0, (5, 2)), "zorder": 3},
    "rod": {"linewidth": 1.8, "linestyle": "-", "zorder": 4},
    "free": {"linewidth": 1.8, "linestyle": (0, (1, 1)), "zorder": 5},
}
NAMES = {"disc": "optimizer", "sf": "stable flow", "rod": "rod flow", "free": "drift-free rod"}
"""How the trajectories are called in legends."""


@contextmanager
def style(mode: str = "light") -> Iterator[None]:
    """Draw in the project's style.

    Args:
        mode: ``light`` or ``dark``.

    Raises:
        ValueError: for another mode.
    """
    if mode not in _INK:
        raise ValueError(f"unknown mode {mode!r}; expected light or dark.")
    ink, page = _INK[mode], _PAPER[mode]
    colours = {
        key: ink
        for key in ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color",
                    "ytick.color", "grid.color")
    }  # fmt: skip
    pages = {key: page for key in ("figure.facecolor", "axes.facecolor", "savefig.facecolor")}
    with mpl.rc_context({**_BASE, **colours, **pages}):
        previous, _MODE[:] = list(_MODE), [mode]
        try:
            yield
        finally:
            _MODE[:] = previous


_MODE = ["light"]


def colour(tag: str) -> str:
    """Give the colour of a trajectory (``disc``, ``sf``, ``rod``, ``free``) or of the ``ink``."""
    mode = _MODE[0]
    return _INK[mode] if tag == "ink" else _COLOURS[mode][tag]


def line(tag: str, **changes: object) -> dict[str, object]:
    """Give the line style of a trajectory, with its name for the legend."""
    return {"color": colour(tag), "label": NAMES[tag], **_LINES[tag], **changes}


def run_figure(run: xr.Dataset) -> Figure:
    """Draw a run: optimizer, stable flow and both rod flows, quantity by quantity.

    Loss, preconditioned sharpness, centre distances, ``|delta|``, ``|mu|`` and ``|nu|`` where the
    optimizer has them, alignment.

    Args:
        run: a data set made by ``runs.compute``.
    """
    panels = [_loss, _sharpness, _distance, _delta]
    panels += [_mu] if np.isfinite(run["disc_mu_norms"]).any() else []
    panels += [_nu] if np.isfinite(run["nu_norm_disc"]).any() else []
    panels += [_alignment]
    columns, rows = 3, -(-len(panels) // 3)
    figure, axes = plt.subplots(rows, columns, figsize=(WIDTH, 2.7 * rows))
    for panel, axis in zip(panels, axes.flat, strict=False):
        panel(axis, run)
        axis.set_xlabel("optimizer step")
        axis.margins(x=0)
    for axis in axes.flat[len(panels) :]:
        axis.axis("off")
    handles, labels = axes.flat[0].get_legend_handles_labels()
    if len(panels) < rows * columns:
        axes.flat[len(panels)].legend(handles, labels, loc="center", fontsize=13)
    else:
        figure.legend(handles, labels, loc="outside upper center", ncols=3, fontsize=13)
    return figure


def _curves(axis: Axes, run: xr.Dataset, names: Mapping[str, str]) -> None:
    for tag, name in names.items():
        if name in run:
            axis.plot(run["step"], run[name], **line(tag))


def _loss(axis: Axes, run: xr.Dataset) -> None:
    rods = {tag: f"{tag}_loss_wbar" for tag in ("rod", "free")}
    _curves(axis, run, {"disc": "disc_loss_wbar", "sf": "sf_loss", **rods})
    axis.set(title="loss at the centre", ylabel=r"$L(\bar w)$", yscale="log")
    _plain_log_ticks(axis)


def _sharpness(axis: Axes, run: xr.Dataset) -> None:
    threshold = run.attrs["threshold"]
    names = {"disc": "disc_pre_sharpness_wbar", "sf": "sf_pre_sharpness"}
    names |= {tag: f"{tag}_pre_sharpness_wbar" for tag in ("rod", "free")}
    for tag, name in names.items():
        axis.plot(run["spectrum_step"], run[name][:, 0] / threshold, **line(tag))
    axis.axhline(1, color=colour("ink"), linewidth=1.2, linestyle=":", zorder=1)
    ratio = r"$\lambda_{\max}/S_{\rm thr}$"
    axis.set(title=f"sharpness / threshold ({threshold:.4g})", ylabel=ratio)


def _distance(axis: Axes, run: xr.Dataset) -> None:
    for tag in ("sf", "rod", "free"):
        axis.plot(run["step"][1:], run[f"dist_wbar_disc_to_{tag}"][1:], **line(tag))
    axis.set(
        title="distance between centres", ylabel=r"$|\bar w-\bar w_{\rm flow}|$",
        yscale="log",
    )  # fmt: skip


def _delta(axis: Axes, run: xr.Dataset) -> None:
    _curves(
        axis, run, {"disc": "disc_delta_norms", "rod": "delta_norm_rod", "free": "delta_norm_free"}
    )
    axis.set(title="half-displacement", ylabel=r"$|\delta|$")
    axis.set_ylim(bottom=0)


def _mu(axis: Axes, run: xr.Dataset) -> None:
    _curves(axis, run, {"disc": "disc_mu_norms", "rod": "mu_norm_rod", "free": "mu_norm_free"})
    axis.set(title="its first-moment part", ylabel=r"$|\mu|$")
    axis.set_ylim(bottom=0)


def _nu(axis: Axes, run: xr.Dataset) -> None:
    _curves(axis, run, {tag: f"nu_norm_{tag}" for tag in ("disc", "sf", "rod", "free")})
    axis.set(title="second moment", ylabel=r"$|\nu|$", yscale="log")
    _plain_log_ticks(axis)


def _alignment(axis: Axes, run: xr.Dataset) -> None:
    axis.plot(run["step"], run["cos_delta_alignment"], **line("rod", linewidth=1.0))
    cosine = r"$|\cos(\delta,\delta_{\rm rod})|$"
    axis.set(title="alignment with the optimizer's rod", ylabel=cosine)
    axis.set_ylim(0, 1.03)


def _plain_log_ticks(axis: Axes) -> None:
    """Label a log axis of less than two decades with plain numbers."""
    low, high = axis.get_ylim()
    if high / low < 100:
        axis.yaxis.set_major_locator(mpl.ticker.LogLocator(subs=(1, 2, 5)))
        axis.yaxis.set_major_formatter(mpl.ticker.FuncFormatter(lambda v, _: f"{v:.3g}"))
        axis.yaxis.set_minor_formatter(mpl.ticker.NullFormatter())


# --- files ---------------------------------------------------------------------------------------


def save(
    name: str,
    draw: Callable[[], Figure],
    numbers: pd.DataFrame | xr.Dataset,
    folder: str | os.PathLike[str],
    *,
    alt: str,
    manifest: Mapping[str, object] | None = None,
) -> None:
    """Write a figure to cite: SVG, PDF, PNG, a dark SVG, numbers (CSV), manifest (JSON).

    The files carry no date, so that the same numbers give the same bytes.

    Args:
        name: stem of the files.
        draw: makes the figure; called once in each style.
        numbers: what is drawn.
        folder: where the files go.
        alt: what the figure shows, for readers who do not see it.
        manifest: what it was made from: parameters, data, versions, the run.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for mode, suffixes in {"light": ("svg", "pdf", "png"), "dark": ("svg",)}.items():
        with style(mode):
            figure = draw()
            for suffix in suffixes:
                stem = name if mode == "light" else f"{name}-dark"
                dateless = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}
                figure.savefig(folder / f"{stem}.{suffix}", metadata=dateless[suffix])
            plt.close(figure)
    if isinstance(numbers, xr.Dataset):
        numbers = table(numbers)
    numbers.to_csv(folder / f"{name}.csv", index=False, float_format="%.8g")
    content = {"figure": name, "alt": alt, **(manifest or {})}
    text = json.dumps(content, indent=1, sort_keys=True)
    (folder / f"{name}.json").write_text(text + "\n")


def table(run: xr.Dataset) -> pd.DataFrame:
    """Give a run's scalar quantities, one row per step; eigensolves stand where made."""
    frame = run[[name for name in run if run[name].dims == ("step",)]].to_dataframe()
    if "spectrum_step" in run.dims:
        for name in run:
            if run[name].dims == ("spectrum_step", "eigenvalue"):
                frame[name] = run[name][:, 0].to_series()
    return frame.reset_index()


def run_manifest(runs: Sequence[xr.Dataset]) -> dict[str, object]:
    """Give the provenance of the runs a figure was drawn from."""
    entries = []
    for run in runs:
        entry = dict(run.attrs)
        for key in ("config", "packages", "failed"):
            entry[key] = json.loads(entry[key])
        entries.append({k: v.item() if hasattr(v, "item") else v for k, v in entry.items()})
    return {"runs": entries}
