"""What a recorded run says of the paper's claims: ratios, medians, a slope, a verdict by rule."""

from __future__ import annotations

import json
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from rodflow_core.experiments.records import series, values
from rodflow_core.quantities import OPTIMIZER

CLOSER = 5.0
"""How many times closer than the stable flow's the rod flow's centre must be."""
WITHIN = 0.05
"""How far, relatively, its preconditioned sharpness may be from the optimizer's."""


class Tracking(NamedTuple):
    """How well a flow tracks the optimizer over one run; medians over the lockstep.

    Attributes:
        distance: of the flow's centre to the optimizer's, in weight.
        end_distance: the same at the last step.
        sharpness: preconditioned sharpness over its threshold.
        loss_error: relative error of the loss at the centre.
        delta_error: relative error of ``|delta|``; NaN for a stable flow. The drift-free rod is
            held against the optimizer's oscillation, the paper's against its half-displacement.
        mu_error: relative error of ``|mu|``; NaN without a first moment.
        nu_error: relative error of the norm of the second moment; NaN without one.
        alignment: ``|cos|`` between the half-displacements; NaN for a stable flow.
        alignment_quartiles: its lower and upper quartile.
        plateau: slope of ``log distance`` against ``log time``, second half; 0 is a plateau.
    """

    distance: float
    end_distance: float
    sharpness: float
    loss_error: float
    delta_error: float
    mu_error: float
    nu_error: float
    alignment: float
    alignment_quartiles: tuple[float, float]
    plateau: float


class Claims(NamedTuple):
    """What one run says.

    Attributes:
        ratio: median distance of the stable flow over that of the rod flow.
        end_ratio: the same at the last step.
        sharpness: the optimizer's preconditioned sharpness over its threshold, median.
        regime: oscillation over drift, median: far below 1 there is no rod to see.
        stable: how the stable flow tracks.
        rod: how the rod flow tracks.
        floor: median distance of the shifted copy of the optimizer, the sensitivity floor; NaN
            where the run has none.
        failed: trajectories that stopped being finite, with the step.
        verdict: ``holds``, ``partly`` or ``fails``, by the rule of ``verdict``.
    """

    ratio: float
    end_ratio: float
    sharpness: float
    regime: float
    stable: Tracking
    rod: Tracking
    floor: float
    failed: dict[str, int]
    verdict: str


def assess(run: xr.Dataset, tag: str = "rod") -> Claims:
    """Assess a recorded run.

    The first sample is left out of distances: all flows start at the optimizer's centre.

    Args:
        run: a data set made by ``runs.compute``.
        tag: the rod flow to assess.
    """
    stable, rod = tracking(run, "sf"), tracking(run, tag)
    ratio, end = stable.distance / rod.distance, stable.end_distance / rod.end_distance
    sharpness = _median(_series(run, OPTIMIZER, "preconditioned_sharpness"))
    sharpness /= run.attrs["threshold"]
    oscillation, drift = (_series(run, OPTIMIZER, kind) for kind in ("oscillation", "drift"))
    with np.errstate(divide="ignore", invalid="ignore"):
        regime = _median(oscillation / drift)
    floor = _median(_series(run, "floor", "distance")[1:])
    failed = json.loads(run.attrs["failed"])
    word = verdict(ratio, rod.sharpness / sharpness)
    return Claims(ratio, end, sharpness, regime, stable, rod, floor, failed, word)


def _series(run: xr.Dataset, tag: str, kind: str) -> NDArray:
    """Give a recorded quantity; NaN all along where the run has none of it."""
    found = series(run, tag, kind)
    return np.full(run.sizes["step"], np.nan) if found is None else values(run, tag, kind)


def tracking(run: xr.Dataset, tag: str) -> Tracking:
    """Measure how one flow tracks the optimizer; NaN throughout where the run has no such flow."""
    distance = _series(run, tag, "distance")[1:]

    def error(kind: str, truth: str = "") -> float:
        mine, theirs = series(run, tag, kind), series(run, OPTIMIZER, truth or kind)
        if mine is None or theirs is None:
            return float("nan")
        with np.errstate(divide="ignore", invalid="ignore"):
            return _median(np.abs(mine.to_numpy() / theirs.to_numpy() - 1))

    is_free = tag == "free"
    cosine = series(run, tag, "alignment")
    quartiles = (float("nan"), (float("nan"),) * 2) if cosine is None else _quartiles(cosine)
    return Tracking(
        _median(distance),
        float(distance[-1]),
        _median(_series(run, tag, "preconditioned_sharpness")) / run.attrs["threshold"],
        error("loss"),
        error("delta_norm", "oscillation" if is_free else ""),
        error("mu_norm", "mu_oscillation" if is_free else ""),
        error("nu_norm"),
        *quartiles,
        _slope(distance),
    )


def verdict(ratio: float, sharpness: float) -> str:
    """Give the verdict word: on the centre's ratio and on rod over optimizer sharpness.

    ``holds``: at least ``CLOSER`` times closer, sharpness within ``WITHIN``. ``partly``: one of the
    two. ``fails``: neither, or not finite.
    """
    met = int(ratio >= CLOSER) + int(abs(sharpness - 1) <= WITHIN)
    return ("fails", "partly", "holds")[met]


def _median(numbers: object) -> float:
    finite = np.asarray(numbers)
    finite = finite[np.isfinite(finite)]
    return float(np.median(finite)) if len(finite) else float("nan")


def _quartiles(numbers: object) -> tuple[float, tuple[float, float]]:
    """Give the median, and the lower and upper quartile, of the finite values."""
    finite = np.asarray(numbers)
    finite = finite[np.isfinite(finite)]
    if not len(finite):
        return float("nan"), (float("nan"), float("nan"))
    low, middle, high = np.quantile(finite, (0.25, 0.5, 0.75))
    return float(middle), (float(low), float(high))


def _slope(distance: np.ndarray) -> float:
    """Give the least-squares slope of log distance against log time over the second half."""
    time = np.arange(1, len(distance) + 1)
    half = slice(len(distance) // 2, None)
    good = np.isfinite(distance[half]) & (distance[half] > 0)
    if good.sum() < 2:
        return float("nan")
    return float(np.polyfit(np.log(time[half][good]), np.log(distance[half][good]), 1)[0])
