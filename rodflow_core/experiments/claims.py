"""What a recorded run says of a model: how near it stays, and what it says of what is seen.

Measures only, and our own bar; what the paper claims, in its own words, is judged in `judge`.
"""

from __future__ import annotations

import json
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from rodflow_core.experiments.records import flows, series, values
from rodflow_core.quantities import OPTIMIZER

CLOSER = 5.0
"""Our bar: how many times closer than the stable flow's a model's centre must be."""
WITHIN = 0.05
"""Our bar: how far, relatively, its preconditioned sharpness may be from the optimizer's."""
IN_PHASE = 0.5
"""Correlation of ``|delta|`` over a run below which model and optimizer have lost their phase."""
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
"""What is compared of two distributions over a run, where phases are lost."""
WINDOW = 20
"""Steps over which the loss of the iterates is averaged."""


class Agreement(NamedTuple):
    """How far a series is from the optimizer's, relatively.

    Attributes:
        typical: median of ``|model / optimizer - 1|``.
        worst: the largest.
        pointwise: whether it is of values at the same steps; otherwise of the two distributions'
            `QUANTILES`, since a shift in time is no error of amplitude.
    """

    typical: float
    worst: float
    pointwise: bool


class Tracking(NamedTuple):
    """How well a flow tracks the optimizer over one run; medians over the lockstep.

    Attributes:
        distance: of the flow's centre to the optimizer's, in weight.
        end_distance: the same at the last step.
        sharpness: preconditioned sharpness over its threshold.
        sharpness_error: how far it is from the optimizer's, solve by solve.
        loss_error: relative error of the loss at the centre.
        raw_loss_error: relative error of the loss of the iterates, averaged over `WINDOW` steps: at
            the rod's two ends, or as a covariance predicts it; at the centre of a point.
        delta: error of ``|delta|``; NaN for a stable flow. What is modelled as alternating is held
            against the optimizer's oscillation, the paper's rod against its half-displacement.
        mu: error of ``|mu|``; NaN without a first moment.
        nu: error of the norm of the second moment; NaN without one.
        alignment: ``|cos|`` between the half-displacements; NaN for a stable flow.
        alignment_quartiles: its lower and upper quartile.
        alignment_decile: its lower decile.
        plateau: slope of ``log distance`` against ``log time``, second half; 0 is a plateau.
        phase: correlation of ``|delta|`` with the optimizer's over the run; NaN for a stable flow.
        failed: whether it stopped being finite.
    """

    distance: float
    end_distance: float
    sharpness: float
    sharpness_error: Agreement
    loss_error: float
    raw_loss_error: float
    delta: Agreement
    mu: Agreement
    nu: Agreement
    alignment: float
    alignment_quartiles: tuple[float, float]
    alignment_decile: float
    plateau: float
    phase: float
    failed: bool

    @property
    def delta_error(self) -> float:
        """Typical error of ``|delta|``."""
        return self.delta.typical

    @property
    def mu_error(self) -> float:
        """Typical error of ``|mu|``."""
        return self.mu.typical

    @property
    def nu_error(self) -> float:
        """Typical error of the second moment."""
        return self.nu.typical


class Claims(NamedTuple):
    """What one run says of one model.

    Attributes:
        ratio: median distance of the stable flow over that of the model.
        end_ratio: the same at the last step.
        baseline: tag of the stable flow it is measured by: the finely integrated one where the run
            has it, since the distance of the other depends on its substeps.
        sharpness: the optimizer's preconditioned sharpness over its threshold, median.
        regime: oscillation over drift, median: far below 1 there is no rod to see.
        stable: how that stable flow tracks.
        rod: how the model tracks.
        floor: median distance of the shifted copy of the optimizer, the sensitivity floor; NaN
            where the run has none.
        failed: trajectories that stopped being finite, with the step.
        verdict: ``holds``, ``partly`` or ``fails`` by our own bar, the rule of ``verdict``.
    """

    ratio: float
    end_ratio: float
    baseline: str
    sharpness: float
    regime: float
    stable: Tracking
    rod: Tracking
    floor: float
    failed: dict[str, int]
    verdict: str

    @property
    def above_floor(self) -> float:
        """Distance of the model's centre over the sensitivity floor."""
        return self.rod.distance / self.floor


def assess(run: xr.Dataset, tag: str = "rod", baseline: str | None = None) -> Claims:
    """Assess a recorded run.

    The first sample is left out of distances: all flows start at the optimizer's centre.

    Args:
        run: a data set made by ``runs.compute``.
        tag: the model to assess.
        baseline: tag of the stable flow; where left out, the finest the run has.
    """
    baseline = baseline or ("sf_fine" if series(run, "sf_fine", "distance") is not None else "sf")
    stable, rod = tracking(run, baseline), tracking(run, tag)
    ratio, end = stable.distance / rod.distance, stable.end_distance / rod.end_distance
    if rod.failed:  # the steps before do not count for it
        ratio = end = float("nan")
    sharpness = _median(_series(run, OPTIMIZER, "preconditioned_sharpness"))
    sharpness /= run.attrs["threshold"]
    regime = _median(_quotient(*(_series(run, OPTIMIZER, k) for k in ("oscillation", "drift"))))
    floor = _median(_series(run, "floor", "distance")[1:])
    failed = json.loads(run.attrs["failed"])
    word = verdict(ratio, rod.sharpness_error.typical)
    return Claims(ratio, end, baseline, sharpness, regime, stable, rod, floor, failed, word)


def truth_of(tag: str, kind: str) -> str:
    """Give the optimizer's quantity that a model's is held against.

    The paper's rod models half a displacement, drift included; what is modelled as alternating or
    as a covariance is the oscillation alone.
    """
    alternating = tag.split("_")[0] in ("free", "edge", "central")
    names = {"delta_norm": "oscillation", "mu_norm": "mu_oscillation"}
    return names.get(kind, kind) if alternating else kind


def models(run: xr.Dataset) -> list[str]:
    """Give the tags of a run's models of the edge: all flows but stable ones and the copy."""
    return [tag for tag in flows(run) if tag not in ("sf", "sf_fine", "floor")]


def _series(run: xr.Dataset, tag: str, kind: str) -> NDArray:
    """Give a recorded quantity; NaN all along where the run has none of it."""
    found = series(run, tag, kind)
    return np.full(run.sizes["step"], np.nan) if found is None else values(run, tag, kind)


def _quotient(one: NDArray, other: NDArray) -> NDArray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return one / other


def agreement(mine: NDArray, theirs: NDArray, pointwise: bool = True) -> Agreement:
    """Compare two series of one length, value by value or by their distributions.

    Example:
        >>> agreement(np.array([1.0, 2.0, 3.0]), np.array([3.0, 2.0, 1.0]), pointwise=False)
        Agreement(typical=0.0, worst=0.0, pointwise=False)
    """
    good = np.isfinite(mine) & np.isfinite(theirs)
    if not good.any() or not np.isfinite(mine[-1]):
        return Agreement(float("nan"), float("nan"), pointwise)
    mine, theirs = mine[good], theirs[good]
    if not pointwise:
        mine, theirs = np.quantile(mine, QUANTILES), np.quantile(theirs, QUANTILES)
    apart = np.abs(_quotient(mine, theirs) - 1)
    return Agreement(_median(apart), float(np.max(apart)), pointwise)


def tracking(run: xr.Dataset, tag: str) -> Tracking:
    """Measure how one flow tracks the optimizer; NaN throughout where the run has no such flow."""
    distance = _series(run, tag, "distance")[1:]
    in_step = phase(run, tag)
    pointwise = not in_step < IN_PHASE

    def compared(kind: str, pointwise: bool = pointwise) -> Agreement:
        truth = truth_of(tag, kind)
        if series(run, tag, kind) is None or series(run, OPTIMIZER, truth) is None:
            return Agreement(float("nan"), float("nan"), pointwise)
        return agreement(values(run, tag, kind), values(run, OPTIMIZER, truth), pointwise)

    cosine = series(run, tag, "alignment")
    quartiles = (float("nan"), (float("nan"),) * 2) if cosine is None else _quartiles(cosine)
    low = np.array([]) if cosine is None else cosine.to_numpy()[np.isfinite(cosine)]
    return Tracking(
        _median(distance),
        float(distance[-1]),
        _median(_series(run, tag, "preconditioned_sharpness")) / run.attrs["threshold"],
        compared("preconditioned_sharpness"),
        compared("loss", True).typical,
        _raw_loss_error(run, tag),
        compared("delta_norm"),
        compared("mu_norm"),
        compared("nu_norm"),
        *quartiles,
        float(np.quantile(low, 0.1)) if len(low) else float("nan"),
        _slope(distance),
        in_step,
        bool(len(distance)) and not np.isfinite(distance[-1]),
    )


def phase(run: xr.Dataset, tag: str) -> float:
    """Give the correlation of a model's ``|delta|`` with the optimizer's, step by step.

    NaN where there is none, and where either does not vary.
    """
    mine, theirs = (
        series(run, tag, "delta_norm"),
        _series(run, OPTIMIZER, truth_of(tag, "delta_norm")),
    )
    if mine is None:
        return float("nan")
    good = np.isfinite(mine.to_numpy()) & np.isfinite(theirs)
    a, b = mine.to_numpy()[good], theirs[good]
    if len(a) < 3 or np.ptp(a) <= 1e-9 * np.abs(a).max() or np.ptp(b) <= 1e-9 * np.abs(b).max():
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def _raw_loss_error(run: xr.Dataset, tag: str) -> float:
    """Compare the loss of the iterates, averaged over a window, with what a model says of it."""
    kind = "iterate_loss" if series(run, tag, "iterate_loss") is not None else "loss"
    mine, theirs = _series(run, tag, kind), _series(run, OPTIMIZER, "iterate_loss")
    window = np.full(min(WINDOW, len(mine)), 1 / min(WINDOW, len(mine)))
    averages = [np.convolve(part, window, mode="valid") for part in (mine, theirs)]
    return _median(np.abs(_quotient(*averages) - 1))


def verdict(ratio: float, sharpness_error: float) -> str:
    """Give the verdict by our own bar: on the centre's ratio and on the sharpness.

    ``holds``: at least ``CLOSER`` times closer, sharpness typically within ``WITHIN``. ``partly``:
    one of the two. ``fails``: neither, or not finite.
    """
    met = int(ratio >= CLOSER) + int(abs(sharpness_error) <= WITHIN)
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
