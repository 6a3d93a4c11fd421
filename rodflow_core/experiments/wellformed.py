"""Whether a record has the form of one: every attribute and every series, before anything uses it.

The digest says that a record is what was written, not that it was written by this project: who can
write a file can sign it. So what is read off a record is of its kind, or the record is refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr

DIMENSIONS = ("step", "spectrum_step", "eigenvalue")
"""Dimensions of a run's series."""


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _table(each: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, dict) and all(map(each, value.values()))


def _are_flows(value: Any) -> bool:
    kinds = ("tag", "title", "integrator")
    return isinstance(value, list) and all(
        isinstance(entry, dict) and all(_is_text(entry.get(kind)) for kind in kinds)
        for entry in value
    )


def _are_numbers(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_number, value))


_PLAIN: dict[str, Callable[[Any], bool]] = {
    "title": _is_text, "problem": _is_text, "problem_digest": _is_text, "code": _is_text,
    "numerics": _is_count, "seconds": _is_number,
}  # fmt: skip
_OF_A_RUN: dict[str, Callable[[Any], bool]] = {
    "threshold": _is_number, "parameters": _is_count, "rodflow": _is_text, "python": _is_text,
    "machine": _is_text,
}  # fmt: skip
_JSON: dict[str, Callable[[Any], bool]] = {
    "failed": _table(_is_count), "replay": _table(_are_numbers),
}  # fmt: skip
_JSON_OF_A_RUN: dict[str, Callable[[Any], bool]] = {
    "flows": _are_flows, "troubles": _table(_is_text), "evaluations": _table(_is_number),
    "packages": _table(_is_text),
}  # fmt: skip


def check(run: xr.Dataset, *, of_a_run: bool = True) -> None:
    """See that a record has the form of one.

    Args:
        run: as it was read.
        of_a_run: whether it has to be a run's; a measurement of integrators has series of its own.

    Raises:
        ValueError: naming the first attribute or series that is not of its kind.
    """
    plain = {**_PLAIN, **(_OF_A_RUN if of_a_run else {})}
    for name, good in plain.items():
        if not good(_value(run, name)):
            raise ValueError(f"its {name} is not of its kind")
    for name, good in {**_JSON, **(_JSON_OF_A_RUN if of_a_run else {})}.items():
        if not good(_parsed(run, name)):
            raise ValueError(f"its {name} is not of its kind")
    if of_a_run:
        _check_series(run)


def _value(run: xr.Dataset, name: str) -> Any:
    if name not in run.attrs:
        raise ValueError(f"it has no {name}")
    value = run.attrs[name]
    return value.item() if isinstance(value, np.generic) else value


def _parsed(run: xr.Dataset, name: str) -> Any:
    text = _value(run, name)
    if not isinstance(text, str):
        raise ValueError(f"its {name} is not of its kind")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"its {name} cannot be read") from error


def _check_series(run: xr.Dataset) -> None:
    """See that every series is of numbers, over known dimensions, and says what it is."""
    for dimension in ("step", *(["spectrum_step"] if "spectrum_step" in run.sizes else [])):
        steps = run.variables.get(dimension)
        if steps is None or steps.dims != (dimension,) or steps.dtype.kind != "i":
            raise ValueError(f"it has no {dimension} to count by")
        if not len(steps) or np.any(np.diff(steps.to_numpy()) <= 0):
            raise ValueError(f"its {dimension} does not count up")
    for name, series in run.data_vars.items():
        if series.dtype.kind not in "fiu" or not set(series.dims) <= set(DIMENSIONS):
            raise ValueError(f"its {name} is no series of numbers over steps")
        if series.dims[:1] not in (("step",), ("spectrum_step",)) or series.ndim > 2:
            raise ValueError(f"its {name} is no series of numbers over steps")
        for words in ("long_name", "units", "trajectory", "kind"):
            if not _is_text(series.attrs.get(words)):
                raise ValueError(f"its {name} does not say its {words}")
