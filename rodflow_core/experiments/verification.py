"""A record computed again and compared: number by number, or by what is found of it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import xarray as xr

from rodflow_core.experiments import claims, records, runs
from rodflow_core.experiments.config import VERIFY_TOLERANCE
from rodflow_core.experiments.problem import Problem

RATIO, SHARPNESS = 2.0, 0.05
"""How far a finding may be from the recorded one: factor of the ratio, part of the sharpness."""
_FIXED = ("threshold", "parameters", "flows", "title", "numerics")
"""Attributes that a run computed again must share."""
_WORK = ("_matvecs", "_residual", "_complementarity")
"""Ends of names of what solvers say of their own work: a residual is nothing but rounding."""


class Verification(NamedTuple):
    """How a record compares with the same run computed now.

    Attributes:
        same: whether every number compared has the same bits.
        agrees: whether every number is within the tolerance.
        worst: largest relative difference, and the series it was found in.
        until: first step with a difference above the tolerance; ``None`` where there is none.
        compared: series compared.
        tolerance: that was kept or not.
    """

    same: bool
    agrees: bool
    worst: tuple[float, str]
    until: int | None
    compared: int
    tolerance: float


class Finding(NamedTuple):
    """What is found of one model, in the record and in the run computed now.

    Attributes:
        tag: the model.
        verdict: by our own bar, of both.
        ratio: how many times closer than the stable flow, of both.
        sharpness: median preconditioned sharpness over its threshold, of both.
    """

    tag: str
    verdict: tuple[str, str]
    ratio: tuple[float, float]
    sharpness: tuple[float, float]

    @property
    def same(self) -> bool:
        """Whether the two verdicts are the same, and the numbers within `RATIO` and `SHARPNESS`.

        Two numbers that are not finite are the same.
        """
        return (
            self.verdict[0] == self.verdict[1]
            and _within(self.ratio, math.log(RATIO), math.log)
            and _within(self.sharpness, SHARPNESS, lambda x: x / self.sharpness[0])
        )


def again(
    run: xr.Dataset,
    own: Problem | None = None,
    *,
    steps: int | None = None,
    threads: int | None = None,
    flows: Mapping[str, runs.FlowMaker] | None = None,
    progress_bar: bool = False,
) -> xr.Dataset:
    """Compute a recorded run again, all or its first steps; the record is not touched.

    Args:
        run: the record.
        own: its problem, where that is not its configuration's.
        steps: how many of its steps side by side; all where left out.
        threads: compute on so many, instead of the record's own.
        flows: flows of one's own in it.
        progress_bar: show one on standard error.

    Raises:
        ValueError: where the problem cannot be built or is another, or has not so many steps.
    """
    config = records.configuration(run)
    if steps is not None and not 1 <= steps <= config.steps:
        raise ValueError(f"steps is {steps}; expected 1 to {config.steps}, as many as recorded.")
    if threads is not None and threads < 1:
        raise ValueError(f"threads is {threads}; expected 1 or more.")
    short = config.replace(steps=steps or config.steps, threads=threads or config.threads)
    found = own.digest if own else runs.problem_digest(config)
    if found != run.attrs["problem_digest"]:
        raise ValueError("the data or the start at hand are not those of the record.")
    return runs.compute(short, own, flows=flows, progress_bar=progress_bar)


def compare(run: xr.Dataset, now: xr.Dataset, tolerance: float | None = None) -> Verification:
    """Compare a record with the run computed now, number by number.

    Args:
        run: the record.
        now: as `again` gives it.
        tolerance: relative to the largest magnitude of a series up to the step; where left out,
            that of `VERIFY_TOLERANCE` for the record's dtype, and for the replay's own.

    Example:
        >>> from rodflow_core.experiments.config import RunConfig
        >>> config = RunConfig("gd", 0.1, examples=20, sizes={"width": 4}, warmup=3, steps=4)
        >>> run = runs.compute(config)
        >>> compare(run, again(run)).same
        True
    """
    config = records.configuration(run)
    limit = VERIFY_TOLERANCE[config.dtype] if tolerance is None else tolerance
    exact = VERIFY_TOLERANCE[runs.replay_dtype(config)] if tolerance is None else tolerance
    stored, replayed = (json.loads(r.attrs["replay"]) for r in (run, now))
    if runs.replays_differ(stored, replayed, exact):
        return Verification(False, False, (math.inf, "the replay"), config.warmup, 0, exact)
    for key in _FIXED:
        if str(run.attrs[key]) != str(now.attrs[key]):
            unlike = (math.inf, f"the attribute {key}")
            return Verification(False, False, unlike, config.warmup, 0, limit)
    same, worst, until, compared = True, (0.0, "nothing"), None, 0
    for name in now.data_vars:
        if name not in run or str(name).endswith(_WORK):
            continue
        a, b = run[name].to_numpy()[: len(now[name])], now[name].to_numpy()
        compared += 1
        same &= bool(np.array_equal(a, b, equal_nan=True))
        apart = _apart(a, b)
        worst = max(worst, (float(apart.max(initial=0.0)), str(name)))
        late = np.flatnonzero((apart > limit).reshape(len(apart), -1).any(1))
        if len(late):
            at = int(now[now[name].dims[0]].to_numpy()[late[0]])
            until = at if until is None else min(until, at)
    return Verification(same, until is None, worst, until, compared, limit)


def verify(
    run: xr.Dataset,
    own: Problem | None = None,
    *,
    steps: int | None = None,
    threads: int | None = None,
    tolerance: float | None = None,
    flows: Mapping[str, runs.FlowMaker] | None = None,
    progress_bar: bool = False,
) -> Verification:
    """Compute a recorded run again, all or its first steps, and compare every number.

    The arguments are those of `again` and `compare`.

    Raises:
        ValueError: where the problem cannot be built or is another, or has not so many steps.
    """
    now = again(run, own, steps=steps, threads=threads, flows=flows, progress_bar=progress_bar)
    return compare(run, now, tolerance)


def findings(run: xr.Dataset, now: xr.Dataset) -> list[Finding]:
    """Compare what is found of every model, in the record and in the run computed now.

    At the edge of stability in float32 two trajectories that differ by rounding part, as any two
    neighbours do there; what is said of the models must not. The record counts as far as the run
    computed now goes.

    Args:
        run: the record.
        now: as `again` gives it.

    Raises:
        ValueError: for a record without a stable flow or without a model, of which nothing is
            found.

    Example:
        >>> from rodflow_core.experiments.config import RunConfig
        >>> config = RunConfig("gd", 0.1, examples=20, sizes={"width": 4}, warmup=3, steps=4)
        >>> run = runs.compute(config)
        >>> {finding.tag: finding.same for finding in findings(run, again(run))}
        {'rod': True, 'free': True}
    """
    if records.series(run, "sf", "distance") is None or not claims.models(run):
        raise ValueError(
            "nothing is found of a record without a stable flow and a model; expected both."
        )
    cut = run.isel({dim: slice(size) for dim, size in now.sizes.items()})
    found = []
    for tag in claims.models(now):
        a, b = claims.assess(cut, tag), claims.assess(now, tag)
        sharpness = (a.rod.sharpness, b.rod.sharpness)
        found.append(Finding(tag, (a.verdict, b.verdict), (a.ratio, b.ratio), sharpness))
    return found


def _apart(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Give the differences relative to the largest magnitude so far; infinite where one is NaN."""
    where = np.isnan(a) != np.isnan(b)
    scale = np.fmax.accumulate(np.fmax(np.abs(a), np.abs(b)), axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(where, np.inf, np.nan_to_num(np.abs(a - b) / scale))


def _within(pair: tuple[float, float], size: float, of: Callable[[float], float]) -> bool:
    """Tell whether two numbers are both not finite, or on a scale no farther apart than a size."""
    if not all(map(math.isfinite, pair)):
        return not any(map(math.isfinite, pair))
    return abs(of(pair[1]) - of(pair[0])) <= size
