"""Where each curve of a figure stands in its CSV: none can be forgotten there.

A curve is two columns of the CSV, in the rows in which both have a number; the manifest says which
columns and, where it is so, that only every so many of these rows are drawn, or that the curve is
in parts. Manifest and CSV are enough to draw the figure again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import product
from string import ascii_lowercase

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rodflow_book.figures.drawn import SHORT, Curve, curves, guides
from rodflow_core.simulate import Array

_NEAR = 2e-6
"""Part by which numbers may differ that are the same: both are rounded to seven digits."""


def numbers(
    figure: Figure, table: pd.DataFrame, known: Mapping[str, tuple[str, str]]
) -> tuple[pd.DataFrame, dict[str, object]]:
    """Complete a table with what is drawn and not in it, and say where each curve stands.

    Args:
        figure: as it was saved last.
        table: what its maker gives as its numbers.
        known: meaning and units of columns, where the maker knows them.

    Returns:
        The table, and for the manifest: the ``size`` of the figure, its ``panels`` with their
        curves (``box`` and ``size`` in points of 1/72 inch, from the lower left), its ``columns``.
    """
    found, panels, scale = _Columns(table), [], 72 / figure.dpi
    shown = [axes for axes in figure.axes if axes.get_visible()]
    names = {repr((c.kind, c.look)): c.label for a in shown for c in curves(a) if c.label}
    for letter, axes in zip(ascii_lowercase, shown, strict=False):
        entries = [
            {"label": curve.label, "kind": curve.kind, **found.place(letter, axes, curve),
             **_parts(curve), **curve.look}
            for curve in sorted(_named(axes, names), key=lambda curve: -len(curve.points))
        ]  # fmt: skip
        panels.append(
            {
                "panel": letter,
                "title": _title(axes),
                "x": _axis(axes.get_xlabel(), axes.get_xscale(), axes.get_xlim()),
                "y": _axis(axes.get_ylabel(), axes.get_yscale(), axes.get_ylim()),
                "box": [round(float(scale * v), 4) for v in axes.bbox.bounds],
                "curves": entries,
                "guides": list(guides(axes)),
            }
        )
    size = [round(float(scale * v), 4) for v in figure.bbox.size]
    return found.frame(), {"size": size, "panels": panels, "columns": found.meanings(known)}


def _named(axes: Axes, names: Mapping[str, str]) -> list[Curve]:
    """Give the curves of a panel; one without a name has that of another that looks the same."""
    return [
        curve._replace(label=curve.label or names.get(repr((curve.kind, curve.look)), ""))
        for curve in curves(axes)
    ]


def _words(text: str) -> str:
    return " ".join(text.split())


def _title(axes: Axes) -> str:
    return _words(axes.get_title(loc="left") or axes.get_title())


def _axis(label: str, scale: str, limits: tuple[float, float]) -> dict[str, object]:
    return {"label": _words(label), "scale": scale, "limits": [float(v) for v in limits]}


def _parts(curve: Curve) -> dict[str, object]:
    """Say of a curve in parts how many points each has: a number where all have as many."""
    if len(curve.parts) < 2 or curve.kind in ("points", "bars"):
        return {}
    return {"parts": curve.parts[0] if len(set(curve.parts)) == 1 else list(curve.parts)}


class _Columns:
    """The columns of a CSV, and which of them a curve is."""

    def __init__(self, table: pd.DataFrame) -> None:
        self._own, self._new = table.reset_index(drop=True), {}
        numeric = self._own.select_dtypes("number")
        self._all = {str(name): numeric[name].to_numpy(float) for name in numeric}
        self._said: dict[str, str] = {}
        self._across: set[str] = set()

    def place(self, letter: str, axes: Axes, curve: Curve) -> dict[str, object]:
        """Give the columns and rows of a curve; make those that there are not."""
        where = self._found(curve.points) or self._added(letter, curve)
        x, y = str(where["x"]), str(where["y"])
        what = ", ".join(dict.fromkeys(filter(None, (_title(axes), _beside(axes)))))
        self._said.setdefault(x, _below(axes) or f"across, panel {letter}")
        said = f"{what or f'panel {letter}'}: {curve.label}" if curve.label else what
        self._said.setdefault(y, said or f"up, panel {letter}")
        self._across.add(x)
        return where

    def _found(self, points: Array) -> dict[str, object] | None:
        """Find two columns in whose common rows, or every so many of them, a curve stands."""
        if len(points) == 1 and (points == np.round(points)).all():
            return None  # such a point stands in many a table by chance
        if len(points) > 1 and np.ptp(points[:, 1]) == 0:
            return None  # and so does such a line
        # Most columns do not even have the first number.
        across, up = ([n for n, v in self._all.items() if _same(v, at).any()] for at in points[0])
        for y, x in product(up, across):
            if x != y:
                acrosses, ups = self._all[x], self._all[y]
                length = min(len(ups), len(acrosses))
                pair = np.column_stack((acrosses[:length], ups[:length]))
                pair = pair[np.isfinite(pair).all(axis=1)]
                rows = _rows(pair, points) if len(pair) >= len(points) else None
                if rows == slice(0, len(pair), 1):
                    return {"x": x, "y": y}
                if rows:
                    return {"x": x, "y": y, "rows": [rows.start, rows.stop, rows.step]}
        return None

    def _added(self, letter: str, curve: Curve) -> dict[str, object]:
        plain = _plain(curve.label) or curve.kind
        name, number = f"{letter}: {plain}", 1
        while name in self._all:
            number += 1
            name = f"{letter}: {plain} ({number})"
        x, y = curve.points.T
        for across, values in self._all.items() if len(x) >= SHORT else ():
            at = _positions(values, x)
            if at is not None:
                column = np.full(len(values), np.nan)
                column[at] = y
                self._all[name] = self._new[name] = column
                return {"x": across, "y": name}
        for key, values in ((f"{name}, x", x), (name, y)):
            self._all[key] = self._new[key] = values
        return {"x": f"{name}, x", "y": name}

    def frame(self) -> pd.DataFrame:
        """Give the table with what was added to it."""
        added = {name: pd.Series(values) for name, values in self._new.items()}
        return pd.concat([self._own, pd.DataFrame(added)], axis=1)

    def meanings(self, known: Mapping[str, tuple[str, str]]) -> dict[str, dict[str, str]]:
        """Say what each column is, and in which units: the maker's words, else the panel's."""
        found = {}
        for name in map(str, (*self._own, *self._new)):
            said = self._said.get(name, f"{name.replace('_', ' ')} (not drawn)")
            steps = name in self._across and re.search(r"\bsteps?\b", said)
            meaning, units = known.get(name, (said, "step" if steps else "1"))
            found[name] = {"meaning": meaning, "units": units}
        return found


def _plain(label: str) -> str:
    """Give a label without its formulas or, where it is nothing else, without their signs."""
    words = _words(re.sub(r"\$[^$]*\$", "", label)).strip(" :,()")
    return words or _words(re.sub(r"[$\\{}]", " ", label))


def _below(axes: Axes) -> str:
    """What stands below a panel, or below the one whose axis it shares, or below them all."""
    shared = axes.get_shared_x_axes().get_siblings(axes)
    labels = [axes.get_xlabel(), *(other.get_xlabel() for other in shared)]
    figure = axes.get_figure(root=True)
    return _words(next(filter(None, labels), figure.get_supxlabel() if figure else ""))


def _beside(axes: Axes) -> str:
    """What stands beside a panel, or beside the one whose axis it shares, or beside them all."""
    shared = axes.get_shared_y_axes().get_siblings(axes)
    labels = [axes.get_ylabel(), *(other.get_ylabel() for other in shared)]
    figure = axes.get_figure(root=True)
    return _words(next(filter(None, labels), figure.get_supylabel() if figure else ""))


def _same(values: Array, wanted: Array) -> Array:
    """Say row by row what is the same number, or pair of numbers."""
    near = np.abs(values - wanted) <= _NEAR * np.abs(wanted)
    return near.all(axis=-1) if near.ndim > 1 else near


def _rows(pair: Array, points: Array) -> slice | None:
    """Give which of the rows of two columns are the points: from the first on, every so many."""
    first = np.flatnonzero(_same(pair, points[0]))[:1]
    if not len(first):
        return None
    start, every = int(first[0]), 1
    if len(points) > 1:
        second = np.flatnonzero(_same(pair[start + 1 :], points[1]))[:1]
        if not len(second):
            return None
        every = int(second[0]) + 1
    rows = slice(start, start + every * (len(points) - 1) + 1, every)
    chosen = pair[rows]
    return rows if len(chosen) == len(points) and _same(chosen, points).all() else None


def _positions(values: Array, x: Array) -> Array | None:
    """Give the rows in which a column has these numbers, in order; none where it lacks one."""
    there = np.flatnonzero(np.isfinite(values))
    order = there[np.argsort(values[there], kind="stable")]
    if len(order) < len(x):
        return None
    slack = _NEAR * np.abs(x)
    at = order[np.minimum(np.searchsorted(values[order], x - slack), len(order) - 1)]
    rising = (np.diff(at) > 0).all()
    return at if rising and (np.abs(values[at] - x) <= slack).all() else None
