"""A figure's files: pictures, numbers, manifest."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pandas as pd
import xarray as xr
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from rodflow_book.figures.style import style


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
        for key in ("config", "packages", "failed", "flows", "troubles", "evaluations"):
            entry[key] = json.loads(entry[key])
        del entry["replay"]  # stays with the record, whose digest is here
        entries.append({k: v.item() if hasattr(v, "item") else v for k, v in entry.items()})
    return {"runs": entries}
