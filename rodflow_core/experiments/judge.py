"""The paper's claims, one by one, in its own strength, and what explains a miss.

Every bar stands here, and stood before the runs that it judges. A claim's words are the paper's;
where the paper gives no number, the bar is ours and is said to be.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import xarray as xr

from rodflow_core.experiments import claims
from rodflow_core.experiments.claims import Agreement, Claims
from rodflow_core.experiments.records import flows, series, values
from rodflow_core.quantities import OPTIMIZER

SEVERAL_ORDERS = 100.0
"""What "several orders of magnitude" asks at the least: two."""
LEVEL, SLOW = 0.25, 0.5
"""Slopes of log distance against log time: levelled off, and no faster than a random walk."""
TRACKED = (0.10, 0.25)
"""Typical relative errors up to which a length is tracked accurately, and in part."""
STRONG = (0.05, 0.10)
"""Typical relative errors that are a strong agreement, and one in part."""
AT_THRESHOLD = (0.05, 0.20)
"""Relative errors of the sharpness: typical, and worst, for it to be at the right value."""
NEAR_ONE = 0.9
"""An alignment whose lower decile stays above hovers near one."""

HOLDS, PARTLY, FAILS, NONE = "holds", "partly", "fails", ""
"""Verdicts; the last where the claim does not apply."""


class Ruling(NamedTuple):
    """The verdict on one claim in one run.

    Attributes:
        verdict: `HOLDS`, `PARTLY`, `FAILS`, or `NONE`.
        number: the measured number that it rests on.
        text: the number in words.
        cell: the same, as short as it can be; empty where there is nothing to judge by.
    """

    verdict: str
    number: float
    text: str
    cell: str


_UNTOLD = Ruling(NONE, float("nan"), "", "")
"""Of a run that has nothing to judge the claim by."""


class Claim(NamedTuple):
    """A claim of the paper.

    Attributes:
        title: in a few words.
        quote: the paper's words.
        section: where they stand.
        bar: what is asked for here, in words.
        rule: gives the ruling of an assessed run.
    """

    title: str
    quote: str
    section: str
    bar: str
    rule: Callable[[Claims], Ruling]


def _closer(c: Claims) -> Ruling:
    if np.isnan(c.stable.distance):
        return _UNTOLD
    met = HOLDS if c.ratio >= SEVERAL_ORDERS else PARTLY if c.ratio >= claims.CLOSER else FAILS
    return Ruling(met, c.ratio, f"{_short(c.ratio)} times", _short(c.ratio))


def _levels_off(c: Claims) -> Ruling:
    slope = c.rod.plateau
    met = HOLDS if slope <= LEVEL else PARTLY if slope <= SLOW else FAILS
    return Ruling(met, slope, f"slope {slope:.2f}", f"{slope:.2f}")


def _at_threshold(c: Claims) -> Ruling:
    if np.isnan(c.sharpness):
        return _UNTOLD
    typical, worst, pointwise = c.rod.sharpness_error
    met = HOLDS if typical <= AT_THRESHOLD[0] else FAILS
    if met == HOLDS and not worst <= AT_THRESHOLD[1]:
        met = PARTLY
    text = f"{_percent(typical)}, worst {_percent(worst)}{_how(pointwise)}"
    cell = f"{_percent(typical)}\u2009/\u2009{_percent(worst)}{_how(pointwise, '†')}"
    return Ruling(met, typical, text, cell)


def _lengths(c: Claims) -> Ruling:
    errors = [e for e in (c.rod.delta, c.rod.mu) if not np.isnan(e.typical)]
    if not errors and not c.rod.failed:
        return _UNTOLD
    return _error(max(errors, key=lambda e: e.typical, default=c.rod.delta), TRACKED)


def _second_moment(c: Claims) -> Ruling:
    return _UNTOLD if np.isnan(c.stable.nu.typical) else _error(c.rod.nu, STRONG)


def _error(found: Agreement, bars: tuple[float, float]) -> Ruling:
    met = HOLDS if found.typical <= bars[0] else PARTLY if found.typical <= bars[1] else FAILS
    text = f"{_percent(found.typical)}{_how(found.pointwise)}"
    cell = f"{_percent(found.typical)}{_how(found.pointwise, '†')}"
    return Ruling(met, found.typical, text, cell)


def _fluctuates(c: Claims) -> Ruling:
    low, high = c.rod.alignment_quartiles
    if np.isnan(low):
        return _UNTOLD
    met = HOLDS if c.rod.alignment_decile < NEAR_ONE else FAILS
    median = f"{c.rod.alignment:.2f}"
    return Ruling(met, c.rod.alignment, f"{median} ({low:.2f} to {high:.2f})", median)


CLAIMS: Mapping[str, Claim] = {
    "a": Claim(
        "closer", "several orders of magnitude more closely than the stable flow", "7",
        f"holds: {SEVERAL_ORDERS:g} times closer; partly: {claims.CLOSER:g} times, our own bar",
        _closer,
    ),
    "b": Claim(
        "levels off", "the rod flow discrepancy levels off", "I",
        f"slope of log distance against log time, second half; holds: {LEVEL:g} at most, partly: "
        f"{SLOW:g}",
        _levels_off,
    ),
    "c": Claim(
        "sharpness", "hovers at the correct preconditioned sharpness threshold", "I",
        f"relative error to the optimizer's; holds: typically {AT_THRESHOLD[0]:.0%}, nowhere "
        f"{AT_THRESHOLD[1]:.0%}; partly: typically",
        _at_threshold,
    ),
    "d": Claim(
        "lengths", "accurately tracks the magnitudes of the position half-displacement and the "
        "momentum half-displacement", "I",
        f"typical relative error of the worse of the two; holds: {TRACKED[0]:.0%}, partly: "
        f"{TRACKED[1]:.0%}",
        _lengths,
    ),
    "e": Claim(
        "second moment", "strong agreement between the second moment of rod flow and [that] of the "
        "discrete-time optimizer", "I",
        f"typical relative error of its norm; holds: {STRONG[0]:.0%}, partly: {STRONG[1]:.0%}",
        _second_moment,
    ),
    "f": Claim(
        "alignment", "rather than hovering near 1, the alignment fluctuates", "I",
        f"holds: lower decile of the cosine below {NEAR_ONE:g}",
        _fluctuates,
    ),
}  # fmt: skip
"""The paper's claims by letter; the section is its own (I: the appendix)."""


def rulings(claim: Claims) -> dict[str, Ruling]:
    """Judge an assessed run, claim by claim."""
    return {letter: entry.rule(claim) for letter, entry in CLAIMS.items()}


# --- what explains a miss ------------------------------------------------------------------------


class Diagnosis(NamedTuple):
    """What is measured of a run in which a model misses a claim.

    Attributes:
        drift: drift over oscillation of the optimizer, median.
        critical: of its recorded eigenvalues, those above 0.95 of the threshold, median.
        recorded: eigenvalues recorded.
        phase: correlation of ``|delta|`` with the optimizer's.
        lag: shift in steps at which the two correlate most.
        bursts: peak over median of ``|delta|``: of the model, and of the optimizer.
        integration: distance of the model over that of the same, integrated as finely as the run
            has it; NaN where it has none.
        findings: what is out of the ordinary, in words.
    """

    drift: float
    critical: float
    recorded: int
    phase: float
    lag: int
    bursts: tuple[float, float]
    integration: float
    findings: tuple[str, ...]


MUCH_DRIFT, BURST, INTEGRATION, REACH = 0.5, 2.0, 1.5, 40
"""From which on: drift over oscillation, bursts over the optimizer's, distance over that of the
same model finely integrated; and how far a shift is looked for, in steps."""


def diagnose(run: xr.Dataset, tag: str = "rod") -> Diagnosis:
    """Measure what may explain a miss; what no test explains has no finding.

    Args:
        run: a recorded run.
        tag: of the model.
    """
    claim = claims.assess(run, tag)
    leading = _series(run, OPTIMIZER, "preconditioned_sharpness")
    critical = (
        float(np.median((leading > 0.95 * run.attrs["threshold"]).sum(1)))
        if leading.size
        else np.nan
    )
    bursts = (
        _burst(run, tag, "delta_norm"),
        _burst(run, OPTIMIZER, claims.truth_of(tag, "delta_norm")),
    )
    finest = next((t for t in (f"{tag}_finer", f"{tag}_fine") if t in flows(run)), None)
    fine = claims.tracking(run, finest).distance if finest else np.nan
    found = Diagnosis(
        1 / claim.regime if claim.regime else np.inf, critical,
        leading.shape[1] if leading.size else 0, claim.rod.phase, _lag(run, tag), bursts,
        claim.rod.distance / fine,
        (),
    )  # fmt: skip
    return found._replace(findings=tuple(_findings(found, claim)))


def _findings(d: Diagnosis, c: Claims) -> list[str]:
    words = []
    if d.drift > MUCH_DRIFT:
        words.append(f"drift: it is {d.drift:.2g} of the oscillation")
    if d.integration > INTEGRATION:
        words.append(f"integration: finely integrated, it is {d.integration:.2g} times nearer")
    if d.phase < claims.IN_PHASE:
        words.append(
            f"phase: the two lengths correlate by {d.phase:.2f}, most when shifted by {d.lag} steps"
        )
    if d.bursts[0] > BURST * d.bursts[1]:
        words.append(
            f"bursts: its length peaks at {_short(d.bursts[0])} times its median, the optimizer's "
            f"at {_short(d.bursts[1])}"
        )
    if d.critical > 1 and c.rod.alignment < NEAR_ONE:
        several = f"{d.critical:.0f}" + (" or more" if d.critical >= d.recorded else "")
        words.append(
            f"several directions: {several} at the edge, alignment {c.rod.alignment:.2f} (median)"
        )
    return words


def _series(run: xr.Dataset, tag: str, kind: str) -> np.ndarray:
    found = series(run, tag, kind)
    return np.empty((0, 0)) if found is None else found.to_numpy()


def _burst(run: xr.Dataset, tag: str, kind: str) -> float:
    if series(run, tag, kind) is None:
        return np.nan
    length = values(run, tag, kind)
    length = length[np.isfinite(length)]
    return float(length.max() / np.median(length)) if len(length) and np.median(length) else np.nan


def _lag(run: xr.Dataset, tag: str) -> int:
    """Give the shift in steps at which the lengths correlate most; positive: the model is late."""
    if series(run, tag, "delta_norm") is None:
        return 0
    mine = values(run, tag, "delta_norm")
    theirs = values(run, OPTIMIZER, claims.truth_of(tag, "delta_norm"))
    reach = min(REACH, len(mine) // 4)
    shifts = sorted(range(-reach, reach + 1), key=abs)
    found = [_correlation(mine, theirs, shift) for shift in shifts]
    return next(s for s, c in zip(shifts, found, strict=True) if c >= max(found) - 1e-6)


def _correlation(mine: np.ndarray, theirs: np.ndarray, shift: int) -> float:
    a = mine[max(shift, 0) : len(mine) + min(shift, 0)]
    b = theirs[max(-shift, 0) : len(theirs) + min(-shift, 0)]
    good = np.isfinite(a) & np.isfinite(b)
    if good.sum() < 3 or not np.ptp(a[good]) or not np.ptp(b[good]):
        return -1.0
    return float(np.corrcoef(a[good], b[good])[0, 1])


def _short(value: float) -> str:
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if 0.995 <= value < 9.95 else f"{value:.2g}"


def _percent(value: float) -> str:
    return f"{100 * value:.0f}%" if value >= 0.995 else f"{100 * value:.2g}%"


def _how(pointwise: bool, mark: str = " (of the distribution)") -> str:
    return "" if pointwise else mark
