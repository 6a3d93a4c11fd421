"""Is an optimizer's motion of period two? Its power over frequency, and how momentum rings.

The paper suspects cycles longer than two behind the poorer tracking at large momentum. These are
the measurements that tell; they look at the discrete optimizer alone.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from rodflow_core.experiments.claims import assess
from rodflow_core.experiments.config import RunConfig
from rodflow_core.experiments.runs import build
from rodflow_core.flows import midpoint
from rodflow_core.lockstep import Lockstep
from rodflow_core.optimizers import State
from rodflow_core.sharpness import preconditioned_sharpness
from rodflow_core.simulate import iterate

SLOW, FAST = 0.05, 0.45
"""Frequencies, in cycles per step, that part drift, longer cycles and alternation (period 2)."""


class Motion(NamedTuple):
    """How an optimizer moved over a window of steps.

    Attributes:
        displacements: ``w(t+1) - w(t)``, ``(T, d)``, in weight.
        modes: the same in the metric of ``P``, along leading eigenvectors of the preconditioned
            Hessian at the middle of the window, ``(T, k)``.
        curvatures: their eigenvalues, ``(k,)``, in units of 1 / learning rate.
        threshold: the rule's, in the same units.
    """

    displacements: NDArray
    modes: NDArray
    curvatures: NDArray
    threshold: float


class Shares(NamedTuple):
    """How the power of a motion is divided; the three sum to one.

    Attributes:
        drift: at frequencies below ``SLOW``.
        longer: between, cycles of 2.2 to 20 steps.
        alternating: above ``FAST``: of period two, or within a tenth of it.
    """

    drift: float
    longer: float
    alternating: float


def motion(config: RunConfig, length: int = 256, k: int = 8) -> Motion:
    """Run the discrete optimizer of a configuration, and watch it after its warm-up.

    Args:
        config: the run; its flows are not used.
        length: steps to watch.
        k: leading eigenvectors to project on.

    Raises:
        ValueError: for a configuration that cannot be built, or an optimizer that diverges.
    """
    lockstep, problem = build(config)
    rule, objective = lockstep.rule, lockstep.objective
    before = iterate(rule, objective, rule.initial_state(problem.weights), config.warmup)[-1]
    states = iterate(rule, objective, before, length, t=config.warmup)
    points = np.stack([rule.split(state.z)[0].cpu().numpy() for state in states])
    if not np.isfinite(points).all():
        raise ValueError(f"{config.optimizer} diverges here; lower learning_rate.")
    displacements = np.diff(points, axis=0)
    middle = len(states) // 2
    basis, curvatures = _modes(lockstep, states[middle - 1 : middle + 1], config, k, middle)
    return Motion(displacements, displacements @ basis, curvatures, rule.threshold)


def _modes(
    lockstep: Lockstep, states: list[State], config: RunConfig, k: int, middle: int
) -> tuple[NDArray, NDArray]:
    """Give ``P^1/2 v`` of the leading eigenvectors ``v``, ``(d, k)``, and their eigenvalues."""
    rule, objective = lockstep.rule, lockstep.objective
    centre, t = midpoint(*states), config.warmup + middle
    solved = preconditioned_sharpness(rule, objective, centre, t, k, tol=1e-3)
    preconditioner = rule.preconditioner(centre.nu, rule.corrections(t)[1])
    basis = preconditioner.apply(preconditioner.inv_sqrt(solved.vectors.T)).T
    return basis.cpu().numpy(), solved.values.cpu().numpy()


def power(displacements: NDArray) -> tuple[NDArray, NDArray]:
    """Give the power of a motion over frequency, as parts of one.

    A Hann window keeps the drift, slow but never periodic, out of the other frequencies. The power
    is that of the displacement: alternation of amplitude ``a`` counts ``(2a)^2``.

    Args:
        displacements: ``(T, ...)``, one step after the other; summed over what is behind ``T``.

    Returns:
        Frequencies in cycles per step, 0 to 1/2, and the power at each; it sums to one.
    """
    frequency, squares = _mean_squares(displacements)
    return frequency, squares / squares.sum()


def _mean_squares(displacements: NDArray) -> tuple[NDArray, NDArray]:
    """Give frequencies and the mean square of the motion at each, in weight^2."""
    steps = len(displacements)
    window = np.hanning(steps + 1)[:-1, None]
    spectrum = np.fft.rfft(window * displacements.reshape(steps, -1), axis=0)
    squares = (np.abs(spectrum) ** 2).sum(1) / (steps * (window**2).sum())
    # Every frequency but the two ends stands for its negative as well.
    squares[1 : (steps + 1) // 2] *= 2
    return np.fft.rfftfreq(steps), squares


def shares(displacements: NDArray) -> Shares:
    """Divide the power of a motion, ``(T, ...)``, into drift, longer cycles and alternation."""
    frequency, part = power(displacements)
    drift, alternating = part[frequency < SLOW].sum(), part[frequency > FAST].sum()
    return Shares(float(drift), float(1 - drift - alternating), float(alternating))


def median_frequency(displacements: NDArray) -> float:
    """Give the frequency on either side of which lies half of the power, drift left out."""
    frequency, part = power(displacements)
    kept = frequency >= SLOW
    below = np.cumsum(part[kept]) / part[kept].sum()
    return float(frequency[kept][np.searchsorted(below, 0.5)])


def peak(displacements: NDArray, slowest: float = SLOW) -> NDArray:
    """Give the frequency of most power of each column of ``(T, k)``, drift left out: ``(k,)``."""
    found = []
    for column in displacements.T:
        frequency, part = power(column)
        kept = frequency >= slowest
        found.append(frequency[kept][part[kept].argmax()])
    return np.array(found)


def centre_ringing(displacements: NDArray) -> float:
    """Give how far, root mean square, the midpoints of consecutive iterates ring, in weight.

    Averaging two iterates takes out what alternates, and of a cycle of frequency ``f`` leaves the
    part ``cos(pi f)``. A flow without that ringing is so far from the optimizer's centre at best.

    Args:
        displacements: ``w(t+1) - w(t)``, ``(T, d)``; frequencies below ``SLOW`` are left out.
    """
    frequency, squares = _mean_squares((displacements[1:] + displacements[:-1]) / 2)
    kept = frequency >= SLOW
    # A displacement is 2 sin(pi f) times the motion itself.
    return float(np.sqrt((squares[kept] / (2 * np.sin(np.pi * frequency[kept])) ** 2).sum()))


def ringing_frequency(curvature: ArrayLike, learning_rate: float, beta: float) -> NDArray:
    """Give the frequency at which heavy ball rings in a quadratic valley, in cycles per step.

    The multipliers of a step solve ``x^2 - (1 + beta - eta S (1 - beta)) x + beta = 0``, the
    characteristic polynomial of (8), (9). A complex pair has modulus ``sqrt(beta)`` at every
    curvature, and the angle given here; real ones are 0 (no ringing) or 1/2 (period two). For Adam
    the curvature is the preconditioned one.

    Args:
        curvature: ``S``, any shape.
        learning_rate: ``eta``.
        beta: decay of the first moment, in (0, 1).

    Raises:
        ValueError: where ``beta`` lies outside (0, 1).
    """
    if not 0 < beta < 1:
        raise ValueError(f"beta is {beta}; expected a number between 0 and 1.")
    trace = 1 + beta - learning_rate * np.asarray(curvature) * (1 - beta)
    return np.arccos(np.clip(trace / (2 * np.sqrt(beta)), -1, 1)) / (2 * np.pi)


class Comparison(NamedTuple):
    """How both rods track one run, in numbers; NaN where one of the flows did not stay finite.

    Attributes:
        regime: oscillation over drift of the optimizer, median.
        optimizer: its preconditioned sharpness over threshold, median.
        ratio_rod: median centre distance of the stable flow over that of the paper's rod.
        ratio_free: the same of the drift-free rod.
        sharpness_rod: median sharpness of the paper's rod over the optimizer's.
        sharpness_free: the same of the drift-free rod.
        sharpness_sf: the same of the stable flow.
        distance_rod: median centre distance of the paper's rod, in weight.
        distance_free: the same of the drift-free rod.
        distance_sf: the same of the stable flow.
    """

    regime: float
    optimizer: float
    ratio_rod: float
    ratio_free: float
    sharpness_rod: float
    sharpness_free: float
    sharpness_sf: float
    distance_rod: float
    distance_free: float
    distance_sf: float


def compare(run: xr.Dataset) -> Comparison:
    """Compare both rods of a recorded run with its stable flow and its optimizer.

    A flow that stopped being finite has no median: those of its finite part would flatter it.
    """
    claim, free = assess(run), assess(run, "free")
    lost = claim.failed

    def unless(tags: tuple[str, ...], value: float) -> float:
        return float("nan") if any(tag in lost for tag in ("disc", *tags)) else value

    return Comparison(
        claim.regime,
        claim.sharpness,
        unless(("sf", "rod"), claim.ratio),
        unless(("sf", "free"), free.ratio),
        unless(("rod",), claim.rod.sharpness / claim.sharpness),
        unless(("free",), free.rod.sharpness / claim.sharpness),
        unless(("sf",), claim.stable.sharpness / claim.sharpness),
        unless(("rod",), claim.rod.distance),
        unless(("free",), free.rod.distance),
        unless(("sf",), claim.stable.distance),
    )
