"""A figure's files: pictures, numbers, manifest."""

from __future__ import annotations

import io
import json
import os
import platform
import re
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from rodflow_book.figures.columns import numbers as all_numbers
from rodflow_book.figures.legibility import troubles
from rodflow_book.figures.style import style
from rodflow_book.figures.svg import for_both_schemes
from rodflow_core import atomic
from rodflow_core.experiments import records
from rodflow_core.simulate import Trajectories

_STEM = re.compile(r"[A-Za-z0-9][\w-]*", re.ASCII)
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

    They appear together, once all is drawn, the manifest last. They carry no date, and what is
    drawn is rounded, so that the same numbers give the same bytes, also where another processor
    rounds their last digits in another way. Every curve that is drawn gets into the CSV, and the
    manifest says where it stands there (`columns.numbers`); it also says what cannot be read of
    the figure (`legibility.troubles`).

    Args:
        name: stem of the files.
        draw: makes the figure.
        numbers: what is drawn, as far as it has names; the rest is added.
        folder: where the files go.
        alt: what the figure shows, for readers who do not see it.
        manifest: what it was made from: parameters, data, versions, the run.

    Raises:
        ValueError: for a name that is no stem: it goes into paths, addresses and labels.
        OSError: where a file cannot be written; what was there is left as it was.
    """
    if not _STEM.fullmatch(name):
        raise ValueError(
            f"{name!r} is no name for a figure; expected letters, digits, hyphens, underscores."
        )
    files: dict[str, bytes] = {}
    with style():
        figure = draw()
        _round_off(figure)
        drawing = _saved(figure, format="svg", metadata={"Date": None}).decode()
        files[".svg"] = for_both_schemes(drawing).encode()
        # What follows is drawn in the same places; to find them again takes as long as to draw.
        figure.set_layout_engine("none")
        own = table(numbers) if isinstance(numbers, xr.Dataset) else numbers
        content, about = all_numbers(figure, own, _known(numbers))
        files[".pdf"] = _saved(figure, format="pdf", metadata={"CreationDate": None})
        files[".png"] = _bitmap(figure)
        found = troubles(figure)
        plt.close(figure)
    files[".csv"] = content.to_csv(index=False, float_format=f"%.{_DIGITS}g").encode()
    entry = {"figure": name, "alt": alt, **(manifest or {}), **about}
    if found:
        entry["illegible"] = found
    text = json.dumps(entry, indent=1, sort_keys=True) + "\n"
    files[".json"] = text.encode()
    atomic.write({Path(folder, f"{name}{ending}"): each for ending, each in files.items()})


def _saved(figure: Figure, **options: Any) -> bytes:
    drawn = io.BytesIO()
    figure.savefig(drawn, **options)
    return drawn.getvalue()


def _known(numbers: pd.DataFrame | xr.Dataset) -> dict[str, tuple[str, str]]:
    """Give meaning and units of a run's quantities, as it has them."""
    if not isinstance(numbers, xr.Dataset):
        return {}
    about = {str(name): numbers[name].attrs for name in numbers.variables}
    words = {name: (a.get("long_name", ""), a.get("units", "1")) for name, a in about.items()}
    return {name: (meaning, units) for name, (meaning, units) in words.items() if meaning}


def _bitmap(figure: Figure) -> bytes:
    """Give a PNG of few colours: lines on paper have few, and it is a quarter of the size."""
    few = few_colours(Image.open(io.BytesIO(_saved(figure, format="png"))))
    drawn = io.BytesIO()
    few.save(drawn, format="png", optimize=True, dpi=(plt.rcParams["savefig.dpi"],) * 2)
    return drawn.getvalue()


def few_colours(image: Image.Image, count: int = 32) -> Image.Image:
    """Give a picture in colours that it has, chosen so that none is far from one of them."""
    many = image.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    colours = np.reshape(many.getpalette(), (-1, 3)).astype(float)
    often = np.array(many.histogram()[: len(colours)])
    chosen = [int(often.argmax())]
    far = np.sum((colours - colours[chosen[0]]) ** 2, axis=1)
    while len(chosen) < count and (far * (often > 0)).max() > 0:
        # A colour of many pixels counts more, up to what is a thin line of it.
        chosen.append(int((far * np.sqrt(np.minimum(often, 20))).argmax()))
        far = np.minimum(far, np.sum((colours - colours[chosen[-1]]) ** 2, axis=1))
    # Shades of a colour next to each other, light ones first.
    palette = colours[sorted(chosen, key=lambda i: -colours[i].sum())]
    nearest = np.sum((colours[:, None] - palette) ** 2, axis=2).argmin(axis=1)
    few = many.point([*map(int, nearest), *[0] * (256 - len(nearest))])
    few.putpalette(palette.astype(np.uint8).tobytes())
    return few


def table(run: xr.Dataset) -> pd.DataFrame:
    """Give a run's scalar quantities, one row per step; eigensolves stand where made."""
    frame = run[[name for name in run if run[name].dims == ("step",)]].to_dataframe()
    if "spectrum_step" in run.dims:
        for name in run:
            if run[name].dims == ("spectrum_step", "eigenvalue"):
                frame[name] = records.converged(run, str(name))[:, 0].to_series()
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


def made_by(source: str) -> dict[str, object]:
    """Say which notebook makes a figure, by which command, and what to cite with it.

    Args:
        source: the notebook, from the root of the repository.
    """
    stem = Path(source).stem
    return {
        "source": source,
        "command": f"python -m rodflow_book.build.notebooks run {source} {stem}.ipynb",
        "cite": ["arXiv:2605.06821", "arXiv:2602.01480"],
    }


def page_manifest(source: str, **parameters: object) -> dict[str, object]:
    """Give what a figure without recorded runs was made from: notebook, parameters, versions."""
    packages = ("torch", "numpy", "sympy", "matplotlib")
    return {
        **made_by(source),
        "parameters": parameters,
        "dtype": "float64",
        "device": "cpu",
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in packages},
    }


def run_manifest(runs: Sequence[xr.Dataset], source: str) -> dict[str, object]:
    """Give the provenance of the runs a figure was drawn from, and the notebook that draws it."""
    entries = []
    for run in runs:
        entry = dict(run.attrs)
        for key in ("config", "packages", "failed", "flows", "troubles", "evaluations", "spent"):
            entry[key] = json.loads(entry.get(key, "{}"))
        del entry["replay"]  # stays with the record, whose digest is here
        entries.append({k: v.item() if hasattr(v, "item") else v for k, v in entry.items()})
    return {**made_by(source), "runs": entries}


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
