"""All that a lockstep run is at one moment, and whether what was saved can be that."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

import torch
from torch import Tensor

from rodflow_core.integrators import Track
from rodflow_core.optimizers import State

KEPT = 4
"""How many of the optimizer's last states are kept."""
_FEW = 64
"""Dimensions up to which shapes are left to the first step to find wrong."""


@dataclass
class Spectra:
    """The eigensolves of one operator along a run.

    Attributes:
        values: leading eigenvalues of each, largest first.
        residual: largest residual among them.
        converged: whether it converged, 1 or 0.
        matvecs: products it took.
    """

    values: list[list[float]] = field(default_factory=list)
    residual: list[float] = field(default_factory=list)
    converged: list[float] = field(default_factory=list)
    matvecs: list[float] = field(default_factory=list)

    def add(self, values: list[float], residual: float, converged: float, matvecs: float) -> None:
        """Append one eigensolve."""
        self.values.append(values)
        self.residual.append(residual)
        self.converged.append(converged)
        self.matvecs.append(float(matvecs))


@dataclass
class Progress:
    """All that a lockstep run is at one moment; saving and loading it loses nothing.

    Attributes:
        t: discrete steps taken.
        iterates: the last states of the optimizer, newest last, four at most.
        tracks: where each flow and its integrator stand; empty during the warm start.
        failed: step at which a trajectory stopped being finite or could not go on, by its tag.
        troubles: why, where there is more to say than that it was no longer finite.
        subspaces: where the next eigensolve of each operator starts.
        records: the values of each quantity, one per measurement, by recorded name.
        spectra: the eigensolves, by recorded name.
        seconds: wall-clock seconds spent so far, all sessions together.
        spent: the part of them that moving each trajectory took, by its tag; the optimizer's since
            the flows started. Measuring is in none of them.
    """

    t: int
    iterates: list[State]
    tracks: dict[str, Track] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)
    troubles: dict[str, str] = field(default_factory=dict)
    subspaces: dict[str, Tensor] = field(default_factory=dict)
    records: dict[str, list[float]] = field(default_factory=dict)
    spectra: dict[str, Spectra] = field(default_factory=dict)
    seconds: float = 0.0
    spent: dict[str, float] = field(default_factory=dict)

    @property
    def flows(self) -> dict[str, Any]:
        """The present state of each flow."""
        return {tag: track.state for tag, track in self.tracks.items()}

    def content(self) -> dict[str, Any]:
        """Give everything as what a checkpoint can hold."""
        content = {f.name: getattr(self, f.name) for f in fields(self)}
        content["spectra"] = {name: vars(solves) for name, solves in self.spectra.items()}
        return content

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Progress:
        """Give what `content` described."""
        spectra = {name: Spectra(**solves) for name, solves in content["spectra"].items()}
        return cls(**{**content, "spectra": spectra})


class Plan(NamedTuple):
    """What a run is to be: what its progress is checked against.

    Attributes:
        warmup: discrete steps before the flows start.
        steps: discrete steps side by side.
        spectrum_every: steps between two eigensolves; 0 for none.
        optimizer: tag of the optimizer.
        like: a state of the optimizer.
        states: a state of each flow, by tag.
        series: the names that are recorded, and whether each is an eigensolve's.
    """

    warmup: int
    steps: int
    spectrum_every: int
    optimizer: str
    like: State
    states: Mapping[str, Any]
    series: Mapping[str, bool]

    def measured(self, t: int) -> tuple[int, int]:
        """Give how many measurements and eigensolves have been made after ``t`` steps."""
        count = max(0, t - self.warmup)
        solves = -(-count // self.spectrum_every) if self.spectrum_every else 0
        return count, solves


def check(content: Mapping[str, Any], plan: Plan) -> Progress:
    """Give the progress that was saved, if it can be one of a run.

    Args:
        content: as `Progress.content` gave it; it may come from anywhere.
        plan: what the run is to be.

    Raises:
        ValueError: naming the first part that does not fit.
        LookupError, TypeError, AttributeError: where parts are missing, or of another kind.
    """
    if set(content) != {f.name for f in fields(Progress)}:
        raise ValueError("its parts are others")
    found = Progress.of(content)
    if not _is_count(found.t) or found.t > plan.warmup + plan.steps:
        raise ValueError(f"it stands at step {str(found.t)[:40]}")
    if not isinstance(found.iterates, list) or len(found.iterates) != min(found.t + 1, KEPT):
        raise ValueError("it has not the last states of the optimizer")
    vectors = (part for part in plan.like if isinstance(part, Tensor) and part.ndim)
    # In few dimensions a count of rods could be taken for one of them.
    dims = {len(part) for part in vectors if len(part) > _FEW}
    for state in found.iterates:
        _check_like(state, plan.like, dims, "a state of the optimizer")
    started = found.t > plan.warmup
    if set(found.tracks) != (set(plan.states) if started else set()):
        raise ValueError("its flows are others")
    for tag, track in found.tracks.items():
        _check_track(track, plan.states[tag], dims, tag)
    _check_words(found, {plan.optimizer, *plan.states})
    _check_series(found, plan)
    return found


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_size(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _check_like(value: Any, like: Any, dims: set[int], what: str) -> None:
    """See that a state is built as another; lengths that count rods or vectors may differ.

    Args:
        value: the state, or a part of it.
        like: the same part of another.
        dims: lengths of vectors, which may not differ.
        what: how it is called.
    """
    if isinstance(like, Tensor):
        same = isinstance(value, Tensor) and (value.dtype, value.ndim) == (like.dtype, like.ndim)
        if not same or any(
            n in dims and n != m for n, m in zip(like.shape, value.shape, strict=True)
        ):
            raise ValueError(f"{what} has another shape or precision")
        return
    if type(value) is not type(like):
        raise ValueError(f"{what} is of another kind")
    if isinstance(like, tuple):
        for part, pattern in zip(value, like, strict=True):
            _check_like(part, pattern, dims, what)


def _check_track(track: Any, like: Any, dims: set[int], tag: str) -> None:
    if not isinstance(track, Track):
        raise ValueError(f"the flow {tag!r} is of another kind")
    _check_like(track.state, like, dims, f"the state of {tag!r}")
    if track.start is not None:
        _check_like(track.start, like, dims, f"the state of {tag!r}")
    sizes = (track.begins, track.length, track.trial)
    if not (all(map(_is_size, sizes)) and _is_count(track.evaluations)):
        raise ValueError(f"the interval of {tag!r} is no interval")
    if not isinstance(track.trouble, str) or not isinstance(track.rates, list | tuple):
        raise ValueError(f"the interval of {tag!r} is no interval")


def _check_words(found: Progress, tags: set[str]) -> None:
    for name, good in (
        ("failed", _is_count), ("troubles", lambda v: isinstance(v, str)), ("spent", _is_size),
    ):  # fmt: skip
        table = getattr(found, name)
        fits = isinstance(table, dict) and set(table) <= tags and all(map(good, table.values()))
        if not fits:
            raise ValueError(f"its {name} is of another kind")
    if not _is_size(found.seconds) or found.seconds < 0:
        raise ValueError("its seconds are no time")


def _check_series(found: Progress, plan: Plan) -> None:
    """See that every series is there, as long as the steps say, and of numbers."""
    count, solves = plan.measured(found.t)
    spectra = {name for name, solved in plan.series.items() if solved}
    expected = {
        "records": set(plan.series) - spectra if count else set(),
        "spectra": spectra if solves else set(),
    }
    for name, wanted in expected.items():
        if set(getattr(found, name)) != wanted:
            raise ValueError(f"its {name} are others")
    for series in found.records.values():
        _check_numbers(series, count)
    for solved in found.spectra.values():
        for column in (solved.residual, solved.converged, solved.matvecs):
            _check_numbers(column, solves)
        if not isinstance(solved.values, list) or len(solved.values) != solves:
            raise ValueError("a series has another length")
        for row in solved.values:
            _check_numbers(row, len(solved.values[0]))
    for subspace in found.subspaces.values():
        if not isinstance(subspace, Tensor) or subspace.ndim != 2:
            raise ValueError("a subspace is none")
        if subspace.dtype != plan.like.z.dtype or not torch.isfinite(subspace).all():
            raise ValueError("a subspace is none")


def _check_numbers(series: Any, length: int) -> None:
    if not isinstance(series, list) or len(series) != length:
        raise ValueError("a series has another length")
    if not all(isinstance(value, float) for value in series):
        raise ValueError("a series is not of numbers")
