"""How a flow is carried through time: explicit Runge-Kutta methods, a row each.

A method is a tableau. States are never added to each other: each stage is the state at the start
plus rates times coefficients, so that a state may be anything that can be moved by rates (a
``NamedTuple`` of tensors, an `Extent`). The same holds between two ends of an interval, where the
cubic Hermite interpolant is a combination of the rates met on the way.

The paper's method is explicit Euler with four substeps, and the default of all that reproduces it.

Sources: Hairer, Norsett and Wanner, Solving Ordinary Differential Equations I (1993); Sommeijer,
Shampine and Verwer, J. Comput. Appl. Math. 88 (1998) 315, for the stabilised method RKC2.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from rodflow_core.extent import ExtentRate, norm
from rodflow_core.flows import Flow

RHO = 2.5
"""Largest rate of decay that a flow is expected to have, per step: what RKC2 is to be stable for.

A rod decays at 2 per step, and the centre along a direction at the threshold likewise.
"""

SMALLEST = 1e-3
"""Length in steps below which an adaptive method gives up."""


class Tableau(NamedTuple):
    """An explicit Runge-Kutta method.

    Attributes:
        stages: coefficients of earlier rates at each stage; the first is empty.
        weights: coefficients of the rates at the end.
        times: of the stages, in lengths of the step.
        order: of convergence.
        error: coefficients of the rates, that at the end included, which estimate the error of a
            step; empty where there is no estimate.
    """

    stages: tuple[tuple[float, ...], ...]
    weights: tuple[float, ...]
    times: tuple[float, ...]
    order: int
    error: tuple[float, ...] = ()


class Track(NamedTuple):
    """Where an integrator stands with a flow: enough to go on to the same bits.

    Attributes:
        state: of the flow at the present step.
        start: state at the start of the interval under way; ``None`` where there is none.
        rates: met on that interval, that at its end included.
        begins: when it began, in steps.
        length: its length, in steps.
        trial: length that the next one is tried with.
        evaluations: rates evaluated so far.
        trouble: why it could not go on; empty where all is well.
    """

    state: Any
    start: Any = None
    rates: tuple[Any, ...] = ()
    begins: float = 0.0
    length: float = 0.0
    trial: float = 0.0
    evaluations: int = 0
    trouble: str = ""


@dataclass(frozen=True)
class Integrator:
    """A tableau, and how it is stepped.

    Attributes:
        name: as `make_integrator` takes it.
        tableau: the method.
        length: of one of its steps, in optimizer steps: 1/K for K substeps, or several.
        counter: hand the flow one time for all stages of an optimizer step, the middle of it: the
            paper's "synthetic step counter" (appendix G.2); otherwise each stage its own.
        tolerance: error of a step, relative to what one optimizer step moves, at which the length
            of the next is aimed; 0 for fixed lengths.
    """

    name: str
    tableau: Tableau
    length: float
    counter: bool = False
    tolerance: float = 0.0

    def begin(self, state: Any) -> Track:
        """Start with a flow's initial state."""
        return Track(state, trial=self.length)

    def advance(self, flow: Flow, track: Track, t: int) -> Track:
        """Go on from step ``t`` to step ``t + 1``.

        Raises:
            ValueError: for a flow without a rate under a method other than Euler's.
        """
        if not hasattr(flow, "rate") or (self.length <= 1 and not self.tolerance):
            spent = track.evaluations + (1 if hasattr(flow, "step") else self._per_step)
            return track._replace(state=self.leap(flow, track.state, t), evaluations=spent)
        track = track if track.start is not None else track._replace(begins=float(t))
        while not track.trouble and track.begins + track.length < t + 1:
            track = self._interval(flow, track)
        if track.trouble:
            return track
        where = (t + 1 - track.begins) / track.length
        return track._replace(state=self._between(track, where))

    def leap(self, flow: Flow, state: Any, t: int) -> Any:
        """Take the whole substeps of one optimizer step."""
        if not hasattr(flow, "rate"):
            return self._own_steps(flow, state, t)
        substeps = round(1 / self.length)
        for i in range(substeps):
            state = self._step(flow, state, t, i / substeps)
        return state

    @property
    def _per_step(self) -> int:
        return round(1 / self.length) * len(self.tableau.weights)

    def check(self, flow: Flow) -> None:
        """See that a flow can be carried by this method.

        Raises:
            ValueError: for a flow without a rate, unless it has a step of its own, or a substep and
                the method is Euler's.
        """
        if hasattr(flow, "rate") or hasattr(flow, "step"):
            return
        if not hasattr(flow, "substep"):
            raise ValueError(
                f"the {flow.title} has neither rate nor substep nor step; expected one of them."
            )
        if self.tableau.order != 1:
            raise ValueError(
                f"the {flow.title} has a substep but no rate, which {self.name} needs; "
                "integrate it with euler."
            )

    def _own_steps(self, flow: Any, state: Any, t: int) -> Any:
        """Advance a flow that has no rate: by its own substep, or by whole steps."""
        self.check(flow)
        if hasattr(flow, "step"):
            return flow.step(state, t)
        substeps = round(1 / self.length)
        for _ in range(substeps):
            state = flow.substep(state, t, 1 / substeps)
        return state

    def _step(self, flow: Any, state: Any, t: int, offset: float) -> Any:
        """Take one step of the method within the optimizer step from ``t``."""
        rates: list[Any] = []
        for coefficients, time in zip(self.tableau.stages, self.tableau.times, strict=True):
            terms = [(self.length * c, r) for c, r in zip(coefficients, rates, strict=True) if c]
            now = t + (0.5 if self.counter else offset + self.length * time)
            rates.append(flow.rate(moved(state, terms), now))
        return moved(
            state, [(self.length * b, r) for b, r in zip(self.tableau.weights, rates, strict=True)]
        )

    def _interval(self, flow: Any, track: Track) -> Track:
        """Take the next step of a method whose steps are not whole parts of an optimizer step."""
        begins = track.begins + track.length
        start = track.state if track.start is None else self._between(track, 1.0)
        first = track.rates[-1] if track.rates else flow.rate(start, begins)
        spent, length = track.evaluations + (not track.rates), track.trial
        while True:
            rates = [first]
            tableau = self.tableau if not self.tolerance else rkc2(_stages_for(length))
            for coefficients, time in zip(tableau.stages[1:], tableau.times[1:], strict=True):
                terms = [(length * c, r) for c, r in zip(coefficients, rates, strict=True)]
                rates.append(flow.rate(moved(start, terms), begins + length * time))
            end = moved(
                start, [(length * b, r) for b, r in zip(tableau.weights, rates, strict=True)]
            )
            rates.append(flow.rate(end, begins + length))
            spent += len(rates) - 1
            done = Track(track.state, start, tuple(rates), begins, length, length, spent)
            if not self.tolerance:
                return done
            error = self._error(tableau, length, rates)
            change = 0.8 * (self.tolerance / max(error, 1e-300)) ** (1 / tableau.order)
            if error <= self.tolerance:
                return done._replace(trial=length * min(max(change, 0.1), 3.0))
            length *= min(max(change, 0.1), 0.9) if math.isfinite(error) else 0.1
            if length < SMALLEST:
                return track._replace(
                    evaluations=spent,
                    trouble=f"the adaptive step fell below {SMALLEST:g} of an optimizer step.",
                )

    def _error(self, tableau: Tableau, length: float, rates: Sequence[Any]) -> float:
        """Give the estimated error of a step, relative to what one optimizer step moves.

        Part by part of the state, the largest: weights are long vectors that move little, and an
        error relative to their own length would say nothing.
        """
        terms = [(length * e, r) for e, r in zip(tableau.error, rates, strict=True)]
        errors = _norms(terms)
        scales = [max(a, b) for a, b in zip(*(_norms([(1.0, rates[i])]) for i in (0, -1)))]  # noqa: B905
        if not all(math.isfinite(error) for error in errors):
            return math.inf
        return max((e / s for e, s in zip(errors, scales, strict=True) if s > 0), default=0.0)

    def _between(self, track: Track, where: float) -> Any:
        """Give the state at a part ``where`` of the interval: cubic Hermite interpolation."""
        x, h = where, track.length
        tableau = self.tableau if not self.tolerance else rkc2(len(track.rates) - 1)
        blend = 3 * x**2 - 2 * x**3
        coefficients = [h * blend * b for b in tableau.weights] + [h * (x**3 - x**2)]
        coefficients[0] += h * (x - 2 * x**2 + x**3)
        terms = [(c, r) for c, r in zip(coefficients, track.rates, strict=True) if c]
        return moved(track.start, terms)


def moved(state: Any, terms: Sequence[tuple[float, Any]]) -> Any:
    """Give ``state + sum_i c_i rate_i``.

    Args:
        state: a tensor, ``None``, a ``NamedTuple`` of such, or what has a method ``moved``.
        terms: coefficients, in steps, and rates in the state's form.

    Example:
        >>> moved((torch.tensor([1.0]), None), [(0.5, (torch.tensor([4.0]), None))])
        (tensor([3.]), None)
    """
    if state is None or not terms:
        return state
    if isinstance(state, Tensor):
        (c, rate), *rest = terms
        out = torch.add(state, rate, alpha=c)
        for c, rate in rest:
            out.add_(rate, alpha=c)
        return out
    if hasattr(state, "moved"):
        return state.moved(terms)
    parts = [moved(part, [(c, rate[i]) for c, rate in terms]) for i, part in enumerate(state)]
    return type(state)(*parts) if hasattr(state, "_fields") else tuple(parts)


def _norms(terms: Sequence[tuple[float, Any]]) -> list[float]:
    """Give the norm of each part of a combination of rates."""
    _, rate = terms[0]
    if rate is None:
        return []
    if isinstance(rate, Tensor):
        return [float(moved(torch.zeros_like(rate), terms).norm())]
    if isinstance(rate, ExtentRate):
        return [norm(terms)]
    parts = ([(c, rate[i]) for c, rate in terms] for i in range(len(rate)))
    return [size for part in parts for size in _norms(part)]


# --- the methods ---------------------------------------------------------------------------------


def euler(substeps: int = 4) -> Integrator:
    """Explicit Euler, the paper's method (appendix H.2), with its counter (G.2)."""
    tableau = Tableau(((),), (1.0,), (0.0,), 1)
    return Integrator(f"euler:{substeps}", tableau, 1 / substeps, counter=True)


def rk4(substeps: int = 1) -> Integrator:
    """The classical Runge-Kutta method of order four."""
    stages = ((), (0.5,), (0.0, 0.5), (0.0, 0.0, 1.0))
    tableau = Tableau(stages, (1 / 6, 1 / 3, 1 / 3, 1 / 6), (0.0, 0.5, 0.5, 1.0), 4)
    return Integrator(f"rk4:{substeps}", tableau, 1 / substeps)


def rkc(span: int = 2) -> Integrator:
    """RKC2, stabilised for decay, in steps of ``span`` optimizer steps."""
    return Integrator(f"rkc2:{span}", rkc2(_stages_for(span)), float(span))


def adaptive(tolerance: float = 0.01) -> Integrator:
    """RKC2 with an error estimate; step length and stages follow it."""
    return Integrator(f"adaptive:{tolerance:g}", rkc2(2), 1.0, tolerance=tolerance)


def _stages_for(length: float) -> int:
    """Give the stages that make RKC2 stable for a decay of ``RHO`` over a step."""
    return max(2, math.ceil(math.sqrt(1 + length * RHO / ((2 / 3) * (1 - 4 / 195)))))


@functools.cache
def rkc2(stages: int) -> Tableau:
    """Give the tableau of the second-order Runge-Kutta-Chebyshev method, damping 2/13.

    Its recursion in the stages is multiplied out: row j holds the coefficients of the rates in
    stage j minus the start.

    Args:
        stages: at least 2; stable on the negative axis up to about ``0.65 (stages^2 - 1)``.

    Raises:
        ValueError: for fewer than two stages.
    """
    if stages < 2:
        raise ValueError(f"stages is {stages}; expected at least 2.")
    s, w0 = stages, 1 + 2 / (13 * stages**2)
    chebyshev = np.polynomial.Chebyshev.basis
    values = [[float(chebyshev(j).deriv(n)(w0)) for n in range(3)] for j in range(s + 1)]
    w1 = values[s][1] / values[s][2]
    b = [values[j][2] / values[j][1] ** 2 if j >= 2 else 0.0 for j in range(s + 1)]
    b[0] = b[1] = b[2]
    rows = np.zeros((s + 1, s))
    times = np.zeros(s + 1)
    rows[1, 0] = times[1] = b[1] * w1
    for j in range(2, s + 1):
        mu, nu = 2 * b[j] * w0 / b[j - 1], -b[j] / b[j - 2]
        gain = 2 * b[j] * w1 / b[j - 1]
        loss = -(1 - b[j - 1] * values[j - 1][0]) * gain
        rows[j] = mu * rows[j - 1] + nu * rows[j - 2]
        rows[j, j - 1] += gain
        rows[j, 0] += loss
        times[j] = rows[j].sum()
    # The estimate of the paper, 0.8 (y0 - y1) + 0.4 dt (f0 + f1).
    error = np.append(-0.8 * rows[s], 0.4)
    error[0] += 0.4
    return Tableau(
        tuple(tuple(map(float, rows[j, :j])) for j in range(s)),
        tuple(map(float, rows[s])),
        tuple(map(float, times[:s])),
        2,
        tuple(map(float, error)),
    )


class Row(NamedTuple):
    """A method by name.

    Attributes:
        title: in words.
        make: takes the number behind the colon.
        kind: of that number.
        number: its default.
        meaning: what it is.
    """

    title: str
    make: Callable[[Any], Integrator]
    kind: type
    number: float
    meaning: str


INTEGRATORS: dict[str, Row] = {
    "euler": Row("explicit Euler", euler, int, 4, "substeps in an optimizer step"),
    "rk4": Row("Runge-Kutta 4", rk4, int, 1, "substeps in an optimizer step"),
    "rkc2": Row("stabilised RKC2", rkc, int, 2, "optimizer steps in a step"),
    "adaptive": Row("adaptive RKC2", adaptive, float, 0.01, "relative error of a step"),
}
"""The methods by name; a further one is one more row."""

PAPER = "euler:4"
"""The paper's method: explicit Euler, four substeps (appendix H.2)."""


def make_integrator(name: str = PAPER) -> Integrator:
    """Give the integrator that a name describes: ``euler:4``, ``rk4``, ``rkc2:2``, ``adaptive``.

    Args:
        name: a row of ``INTEGRATORS``, and behind a colon its number where it is not the default.

    Raises:
        ValueError: for an unknown name or a number out of range.

    Example:
        >>> make_integrator("rk4").tableau.order
        4
    """
    key, _, number = str(name).partition(":")
    if key not in INTEGRATORS:
        raise ValueError(
            f"unknown integrator {name!r}; expected one of {', '.join(INTEGRATORS)}, with a number "
            f"behind a colon, such as {PAPER}."
        )
    row = INTEGRATORS[key]
    try:
        value = row.kind(number or row.number)
    except ValueError:
        value = math.nan
    if not 0 < value <= 10**6:
        number = "whole number" if row.kind is int else "number"
        raise ValueError(f"integrator {name!r}: {row.meaning} must be a positive {number}.")
    return row.make(value)
