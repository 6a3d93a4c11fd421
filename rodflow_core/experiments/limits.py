"""Is an optimizer's motion of period two, and can it be followed at all?

The paper suspects cycles longer than two behind the poorer tracking at large momentum. These are
the measurements that tell; they look at the discrete optimizer alone: its power over frequency, how
momentum rings, how fast copies of it part, and what is left with its second moment held.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from rodflow_core.experiments.claims import assess
from rodflow_core.experiments.config import RunConfig
from rodflow_core.experiments.runs import build
from rodflow_core.flows import midpoint
from rodflow_core.objective import Objective
from rodflow_core.optimizers import ScalarSecondMoment, State, UpdateRule
from rodflow_core.sharpness import preconditioned_sharpness
from rodflow_core.simulate import iterate

SLOW, FAST = 0.05, 0.45
"""Frequencies, in cycles per step, that part drift, longer cycles and alternation (period 2)."""

_FAR = 1e6
"""Weights so many times as large as at the start are taken for divergence."""


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


@dataclasses.dataclass(frozen=True)
class _Held(ScalarSecondMoment):
    """A second moment, of either kind, that follows itself and so stays what it is."""

    value: Tensor | None = None

    def target(self, g: Tensor, m: Tensor | None) -> Tensor | None:
        """Give the value that is held."""
        return self.value


class _Start(NamedTuple):
    """An optimizer after its warm-up: its last states, newest last, and steps taken."""

    rule: UpdateRule
    objective: Objective
    states: list[State]
    t: int


def _warm(config: RunConfig, hold: float | None) -> _Start:
    """Run the warm-up of a configuration; hold the second moment from then on, where asked to."""
    lockstep, problem = build(config)
    rule, objective, t = lockstep.rule, lockstep.objective, config.warmup
    states = iterate(rule, objective, rule.initial_state(problem.weights), t)[-4:]
    _check_stays(config, rule, rule.initial_state(problem.weights), states[-1])
    if hold is None:
        return _Start(rule, objective, states, t)
    second, nu = rule.second_moment, states[-1].nu
    if nu is None or not isinstance(second, ScalarSecondMoment):
        raise ValueError(f"{config.optimizer} has no second moment to hold; leave hold out.")
    centre = State(midpoint(*states[-2:]).z, nu)
    sharpness = preconditioned_sharpness(rule, objective, centre, t, tol=1e-3).settled()
    # P is about the root of nu, and the preconditioned sharpness goes with 1 / P.
    nu = nu * float(sharpness.values[0] / (hold * rule.threshold)) ** 2
    rule = dataclasses.replace(rule, second_moment=_Held(second.beta2, second.epsilon, nu))
    return _Start(rule, objective, [State(state.z, nu) for state in states], t)


def _check_stays(config: RunConfig, rule: UpdateRule, first: State, last: State) -> None:
    """See that an optimizer has not gone off; double precision would let it for a long time."""
    far, near = (float(rule.split(state.z)[0].norm()) for state in (last, first))
    if not far < _FAR * near:
        raise ValueError(f"{config.optimizer} diverges here; lower learning_rate.")


def motion(
    config: RunConfig, length: int = 256, k: int = 8, *, hold: float | None = None, settle: int = 0
) -> Motion:
    """Run the discrete optimizer of a configuration, and watch it after its warm-up.

    Args:
        config: the run; its flows are not used.
        length: steps to watch.
        k: leading eigenvectors to project on.
        hold: hold the second moment where it stands after the warm-up, but for a factor with which
            the preconditioned sharpness begins at so many thresholds; ``None`` lets it be.
        settle: steps after the warm-up that are not watched.

    Raises:
        ValueError: for a configuration that cannot be built, or an optimizer that diverges.
    """
    start = _warm(config, hold)
    rule, objective, first = start.rule, start.objective, start.t + settle
    before = iterate(rule, objective, start.states[-1], settle, t=start.t)[-1]
    states = iterate(rule, objective, before, length, t=first)
    points = np.stack([rule.split(state.z)[0].cpu().numpy() for state in states])
    _check_stays(config, rule, start.states[-1], states[-1])
    displacements = np.diff(points, axis=0)
    middle = len(states) // 2
    seen = _Start(rule, objective, states[middle - 1 : middle + 1], first + middle)
    basis, curvatures = _modes(seen, k)
    return Motion(displacements, displacements @ basis, curvatures, rule.threshold)


def _modes(seen: _Start, k: int) -> tuple[NDArray, NDArray]:
    """Give ``P^1/2 v`` of the leading eigenvectors ``v``, ``(d, k)``, and their eigenvalues."""
    rule, objective = seen.rule, seen.objective
    centre = midpoint(*seen.states)
    solved = preconditioned_sharpness(rule, objective, centre, seen.t, k, tol=1e-3).settled()
    preconditioner = rule.preconditioner(centre.nu, rule.corrections(seen.t)[1])
    basis = preconditioner.apply(preconditioner.inv_sqrt(solved.vectors.T)).T
    return basis.cpu().numpy(), solved.values.cpu().numpy()


def floors(config: RunConfig, shifts: Sequence[float], length: int) -> NDArray:
    """Give how far copies of the optimizer, started aside, end up from it: medians, ``(n,)``.

    The centres are compared, as a flow's is. A shift of 1/2 is the flow ``floor`` of a run.

    Args:
        config: the run; its flows are not used.
        shifts: how many steps behind each copy starts, in units of the drift, 0 to 2.
        length: steps side by side.
    """
    rule, objective, states, t = _warm(config, None)
    # Iterates two steps apart have the same parity: the copy alternates as the optimizer does.
    pairs = [[_between(states[i], states[i - 2], s / 2) for i in (-2, -1)] for s in shifts]
    pair, found = states[-2:], []
    for i in range(length):
        pair, *pairs = ([now, rule.step(objective, now, t + i)] for _, now in [pair, *pairs])
        centre = rule.split(midpoint(*pair).z)[0]
        found.append(
            [float((rule.split(midpoint(*other).z)[0] - centre).norm()) for other in pairs]
        )
    return np.median(found, axis=0)


def _between(one: State, other: State, share: float) -> State:
    """Give the state a share of the way from one to the other."""
    if one.nu is None or other.nu is None:
        return State(torch.lerp(one.z, other.z, share), None)
    return State(torch.lerp(one.z, other.z, share), torch.lerp(one.nu, other.nu, share))


def growth(
    config: RunConfig, length: int, *, hold: float | None = None, settle: int = 50, every: int = 10
) -> float:
    """Give the rate, per step, at which a small difference between two copies grows.

    The largest Lyapunov exponent over the stretch: a copy is kept a millionth of a step aside.
    Above zero no model can follow for longer than a few times its inverse.

    Args:
        config: the run; its flows are not used.
        length: steps over which the growth is averaged.
        hold: as in `motion`.
        settle: steps before, in which the difference turns to where it grows.
        every: steps between two rescalings.

    Raises:
        ValueError: for an optimizer that diverges.
    """
    rule, objective, states, t = _warm(config, hold)
    before, now = states[-2:]
    size = 1e-6 * float((now.z - before.z).norm())
    copy, logs = _between(now, before, 1e-6), []
    for i in range(settle + length):
        now, copy = (rule.step(objective, state, t + i) for state in (now, copy))
        if (i + 1) % every == 0:
            apart = float((copy.z - now.z).norm())
            _check_stays(config, rule, states[-1], now)
            logs.append(np.log(apart / size) / every if apart else -np.inf)
            copy = _between(now, copy, size / apart if apart else 0.0)
    return float(np.mean(logs[settle // every :]))


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
