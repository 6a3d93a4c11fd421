"""A motion: recorded numbers that a page plays back, step by step, without a video.

The numbers are computed by a notebook and written among its figures, as a script that a page opened
from disk may load. The player (`book/vendor/player`) draws them and computes nothing.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rodflow_core import atomic

KINDS = ("disc", "sf", "rod", "free", "central", "edge", "other", "ink")
"""Looks of lines and marks, as in the figures: optimizer, its models, another, ink."""
MARKS = ("dot", "square", "diamond", "triangle", "ring", "cross", "rod")
"""Shapes at the step shown; a ``rod`` has two ends."""
RESOLUTION = 10_000
"""Parts of an axis that are told apart: more than a screen has pixels."""
LARGEST = 100_000
"""Bytes of a motion's file: a page loads it whether it is played or not."""

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True)
class Track:
    """What moves: a point, or a rod with two ends, and the line it leaves behind.

    Attributes:
        name: in the legend.
        kind: of `KINDS`.
        x: at every step shown.
        y: as ``x``.
        half_x: half of the rod, from its centre ``(x, y)``; of a point, ``None``.
        half_y: as ``half_x``.
        mark: of `MARKS`.
        trail: whether the line up to the step shown is drawn.
        wide: whether it is drawn wide, to be seen below another that lies on it.
        start: where that line begins, if it does so before the first step shown.
    """

    name: str
    kind: str
    x: ArrayLike
    y: ArrayLike
    half_x: ArrayLike | None = None
    half_y: ArrayLike | None = None
    mark: str = "dot"
    trail: bool = True
    wide: bool = False
    start: tuple[float, float] | None = None


@dataclass(frozen=True)
class Curve:
    """What stands still: a line, or an area with a shade.

    Attributes:
        x: of its points.
        y: as ``x``.
        kind: of `KINDS`.
        dotted: whether the line is dotted.
        shade: opacity of the area within, of 0 to 1; of a line, ``None``.
    """

    x: ArrayLike
    y: ArrayLike
    kind: str = "ink"
    dotted: bool = False
    shade: float | None = None


@dataclass(frozen=True)
class Panel:
    """One drawing of a motion.

    Attributes:
        title: above it.
        alt: what it shows, for readers who do not see it.
        x_range: ends of the horizontal axis.
        y_range: of the vertical one.
        tracks: what moves.
        x_label: name of the horizontal axis; without names no axes are drawn.
        y_label: of the vertical one.
        equal: whether a unit is as long across as it is up.
        curves: what stands still, lowest first.
        words: texts in the drawing, as ``(x, y, text)``, centred there.
    """

    title: str
    alt: str
    x_range: tuple[float, float]
    y_range: tuple[float, float]
    tracks: Sequence[Track]
    x_label: str = ""
    y_label: str = ""
    equal: bool = False
    curves: Sequence[Curve] = field(default=())
    words: Sequence[tuple[float, float, str]] = field(default=())


def save_motion(
    name: str,
    title: str,
    panels: Sequence[Panel],
    steps: Sequence[int],
    words: Sequence[str],
    folder: str | os.PathLike[str],
    *,
    rate: float = 8,
    manifest: Mapping[str, object] | None = None,
) -> Path:
    """Write a motion: its numbers as a script, ``NAME.motion.js``, and a manifest beside it.

    The script sets ``window.rodflowMotion[NAME]``. Numbers are rounded to a `RESOLUTION`-th of
    their axis, so that two builds of the same code agree.

    Args:
        name: stem of the files: small letters, digits, single hyphens.
        title: what the motion is called.
        panels: the drawings.
        steps: number of every step that is shown; the tracks are as long.
        words: what is to be seen at each of these, a sentence or two.
        folder: where the files go.
        rate: steps a second.
        manifest: what it was made from: parameters, data, versions, the run.

    Returns:
        The script's path.

    Raises:
        ValueError: for a bad name, a number that is not finite, lengths that differ, an unknown
            look, an empty axis, or a file that gets too large.

    Example:
        >>> import tempfile
        >>> w = [1.0, -0.8, 0.64]
        >>> track = Track("gradient descent", "disc", w, [v * v / 2 for v in w])
        >>> panel = Panel("A bowl", "A point goes down.", (-1, 1), (0, 1), [track], "w", "L")
        >>> said = [f"At {v}." for v in w]
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     text = save_motion("bowl", "A bowl", [panel], range(3), said, folder).read_text()
        >>> text[:38]
        '(window.rodflowMotion ??= {})["bowl"]='
    """
    steps, words = [int(step) for step in steps], [str(line) for line in words]
    _check(name, steps, words, rate)
    content = {
        "title": title,
        "rate": rate,
        "steps": steps,
        "words": words,
        "panels": [_panel(name, panel, len(steps)) for panel in panels],
    }
    text = json.dumps(content, separators=(",", ":"), allow_nan=False)
    script = f'(window.rodflowMotion ??= {{}})["{name}"]={text};\n'
    about = {"motion": name, "title": title, "alt": " ".join(panel.alt for panel in panels)}
    return _write(name, script, {**about, **(manifest or {})}, Path(folder))


def _write(name: str, script: str, manifest: Mapping[str, object], folder: Path) -> Path:
    if len(script) > LARGEST:
        raise ValueError(
            f"motion {name} has {len(script)} bytes; expected at most {LARGEST}: show fewer steps."
        )
    path = folder / f"{name}.motion.js"
    text = json.dumps(manifest, indent=1, sort_keys=True) + "\n"
    atomic.write({path: script.encode(), path.with_suffix(".json"): text.encode()})
    return path


def _check(name: str, steps: Sequence[int], words: Sequence[str], rate: float) -> None:
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"{name!r} is no name for a motion; expected small letters, digits and single hyphens."
        )
    if not steps or len(words) != len(steps):
        raise ValueError(
            f"motion {name} has {len(words)} texts for {len(steps)} steps; expected one for each."
        )
    if not rate > 0:
        raise ValueError(
            f"motion {name} has a rate of {rate}; expected more than 0 steps a second."
        )


def load_motion(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read what `save_motion` wrote.

    Raises:
        ValueError: where the file is no motion.
    """
    text = Path(path).read_text(encoding="utf-8")
    found = re.fullmatch(r'\(window\.rodflowMotion \?\?= \{\}\)\["[a-z0-9-]+"\]=(.*);\n', text)
    if not found:
        raise ValueError(f"{path} is no motion; expected a file that save_motion wrote.")
    return json.loads(found[1])


def decimals(span: float) -> int:
    """Give the digits after the point that a `RESOLUTION`-th of an axis needs.

    Example:
        >>> decimals(1.0), decimals(300.0)
        (4, 2)
    """
    return max(0, math.ceil(math.log10(RESOLUTION / span) - 1e-9))


def _panel(name: str, panel: Panel, length: int) -> dict[str, object]:
    """Give a panel as plain values, rounded."""
    where = f"motion {name}, panel {panel.title!r}"
    axes = {}
    for axis, (low, high) in {"x": panel.x_range, "y": panel.y_range}.items():
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise ValueError(
                f"{where}: the {axis} axis goes from {low} to {high}; expected less to more."
            )
        axes[axis] = decimals(high - low)
    tracks = [_track(where, track, length, axes) for track in panel.tracks]
    return {
        "title": panel.title,
        "alt": panel.alt,
        "x": [_number(where, v, axes["x"]) for v in panel.x_range],
        "y": [_number(where, v, axes["y"]) for v in panel.y_range],
        "labels": [panel.x_label, panel.y_label],
        "equal": panel.equal,
        "curves": [_curve(where, curve, axes) for curve in panel.curves],
        "words": [
            [_number(where, x, axes["x"]), _number(where, y, axes["y"]), text]
            for x, y, text in panel.words
        ],
        "tracks": tracks,
    }


def _track(where: str, track: Track, length: int, axes: Mapping[str, int]) -> dict[str, object]:
    where = f"{where}, track {track.name!r}"
    _known(where, "kind", track.kind, KINDS)
    _known(where, "mark", track.mark, MARKS)
    if (track.mark == "rod") != (track.half_x is not None and track.half_y is not None):
        raise ValueError(f"{where}: a rod, and nothing else, has half_x and half_y.")
    series = {"x": track.x, "y": track.y, "half_x": track.half_x, "half_y": track.half_y}
    numbers = {
        key: _series(where, key, values, axes[key[-1]], length)
        for key, values in series.items()
        if values is not None
    }
    if track.start is not None:
        numbers["start"] = [
            _number(where, v, axes[a]) for v, a in zip(track.start, "xy", strict=True)
        ]
    flags = {"trail": track.trail, "wide": track.wide}
    return {"name": track.name, "kind": track.kind, "mark": track.mark, **flags, **numbers}


def _curve(where: str, curve: Curve, axes: Mapping[str, int]) -> dict[str, object]:
    _known(where, "kind", curve.kind, KINDS)
    length = len(np.asarray(curve.x))
    numbers = {
        axis: _series(where, f"{axis} of a curve", values, axes[axis], length)
        for axis, values in {"x": curve.x, "y": curve.y}.items()
    }
    look = {"kind": curve.kind, "dotted": curve.dotted}
    return {**look, **({} if curve.shade is None else {"shade": curve.shade}), **numbers}


def _known(where: str, what: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise ValueError(f"{where}: unknown {what} {value!r}; expected one of {', '.join(known)}.")


def _series(where: str, what: str, values: ArrayLike, digits: int, length: int) -> list[float]:
    array: NDArray[np.float64] = np.asarray(values, dtype=float)
    if array.shape != (length,):
        raise ValueError(
            f"{where}: {what} has shape {array.shape}; expected ({length},), one for each step."
        )
    return [_number(where, value, digits) for value in array]


def _number(where: str, value: float, digits: int) -> float:
    """Round a number; a whole one is written without a point, and no zero has a sign."""
    if not math.isfinite(value):
        raise ValueError(f"{where}: {value} is among the numbers; expected finite ones.")
    rounded = round(float(value), digits)
    return int(rounded) if rounded == int(rounded) else rounded
