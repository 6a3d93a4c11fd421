"""A figure's files: pictures, numbers, manifest."""

from __future__ import annotations

import io
import json
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from rodflow_book.figures.legibility import troubles
from rodflow_book.figures.style import style
from rodflow_book.figures.svg import for_both_schemes
from rodflow_core.simulate import Trajectories

_DIGITS = 7
"""Significant digits that are drawn: what rounding does to the last ones moves no line."""


def save(
    name: str,
    draw: Callable[[], Figure],
    numbers: pd.DataFrame | xr.Dataset,
    folder: str | os.PathLike[str],
    *,
    alt: str,
    manifest: Mapping[str, object] | None = None,
) -> None:
    """Write a figure to cite: SVG (light and dark), PDF, PNG, numbers (CSV), manifest (JSON).

    The files carry no date, and what is drawn is rounded, so that the same numbers give the same
    bytes, also where another processor rounds their last digits in another way. What cannot be
    read of it (`legibility.troubles`) is said in its manifest.

    Args:
        name: stem of the files.
        draw: makes the figure.
        numbers: what is drawn.
        folder: where the files go.
        alt: what the figure shows, for readers who do not see it.
        manifest: what it was made from: parameters, data, versions, the run.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with style():
        figure = draw()
        _round_off(figure)
        drawn = io.StringIO()
        figure.savefig(drawn, format="svg", metadata={"Date": None})
        figure.savefig(folder / f"{name}.pdf", metadata={"CreationDate": None})
        _save_bitmap(figure, folder / f"{name}.png")
        found = troubles(figure)
        plt.close(figure)
    (folder / f"{name}.svg").write_text(for_both_schemes(drawn.getvalue()), encoding="utf-8")
    if isinstance(numbers, xr.Dataset):
        numbers = table(numbers)
    numbers.to_csv(folder / f"{name}.csv", index=False, float_format=f"%.{_DIGITS}g")
    content = {"figure": name, "alt": alt, **(manifest or {})}
    if found:
        content["illegible"] = found
    text = json.dumps(content, indent=1, sort_keys=True)
    (folder / f"{name}.json").write_text(text + "\n")


def _save_bitmap(figure: Figure, path: Path) -> None:
    """Write a PNG of 256 colours: lines on paper have no more, and it is a third of the size."""
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png")
    few = Image.open(drawn).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    few.save(path, optimize=True, dpi=(plt.rcParams["savefig.dpi"],) * 2)


def table(run: xr.Dataset) -> pd.DataFrame:
    """Give a run's scalar quantities, one row per step; eigensolves stand where made."""
    frame = run[[name for name in run if run[name].dims == ("step",)]].to_dataframe()
    if "spectrum_step" in run.dims:
        for name in run:
            if run[name].dims == ("spectrum_step", "eigenvalue"):
                frame[name] = run[name][:, 0].to_series()
    return frame.reset_index()


def trajectory_table(run: Trajectories, names: Sequence[str]) -> pd.DataFrame:
    """Give an optimizer and its flows, one row per step.

    Args:
        run: the trajectories.
        names: what the coordinates are called, in order.
    """
    series = {
        "iterate": run.iterates[:-1],
        "centre": run.optimizer_centre,
        "half": run.optimizer_half,
        "rod_centre": run.centre,
        "rod_half": run.signed_half,
    }
    if run.stable is not None:
        series["stable"] = run.stable
    columns = {"step": np.arange(len(run.centre))}
    for key, values in series.items():
        for name, column in zip(names, values.T, strict=True):
            columns[f"{key}_{name}"] = column
    return pd.DataFrame(columns)


def page_manifest(source: str, **parameters: object) -> dict[str, object]:
    """Give what a figure without recorded runs was made from: notebook, parameters, versions."""
    packages = ("torch", "numpy", "sympy", "matplotlib")
    return {
        "source": source,
        "parameters": parameters,
        "dtype": "float64",
        "device": "cpu",
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in packages},
        "cite": ["arXiv:2605.06821", "arXiv:2602.01480"],
    }


def run_manifest(runs: Sequence[xr.Dataset]) -> dict[str, object]:
    """Give the provenance of the runs a figure was drawn from."""
    entries = []
    for run in runs:
        entry = dict(run.attrs)
        for key in ("config", "packages", "failed", "flows", "troubles", "evaluations", "spent"):
            entry[key] = json.loads(entry.get(key, "{}"))
        del entry["replay"]  # stays with the record, whose digest is here
        entries.append({k: v.item() if hasattr(v, "item") else v for k, v in entry.items()})
    return {"runs": entries}


def _rounded(values: ArrayLike) -> NDArray[np.float64]:
    """Round each number to so many significant digits; by way of text, which is exact."""
    values = np.asarray(values, dtype=float)
    digits = [float(f"{value:.{_DIGITS - 1}e}") for value in values.ravel()]
    return np.reshape(digits, values.shape)


def _round_off(figure: Figure) -> None:
    """Round where lines, words and axes stand: markers and edges snap to whole pixels."""
    for axis in figure.axes:
        # First the limits: they follow from the data, and do not follow any more once set.
        axis.set(xlim=_rounded(axis.get_xlim()), ylim=_rounded(axis.get_ylim()))
        for line in axis.get_lines():
            line.set_data(*map(_rounded, line.get_data(orig=False)))
        for text in axis.texts:
            text.set_position(_rounded(text.get_position()))
            if isinstance(text, Annotation):
                text.xy = tuple(_rounded(text.xy))
