"""Finding the edge: where an optimizer oscillates at its threshold more than it drifts.

A rod can only be seen there. The scout runs the discrete optimizer alone, one learning rate after
the other, and looks up from time to time: how sharp, how much oscillation, how much loss is left.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch

from rodflow_core import quantities
from rodflow_core.experiments.config import RunConfig
from rodflow_core.experiments.problem import Problem
from rodflow_core.experiments.runs import build
from rodflow_core.flows import midpoint
from rodflow_core.lockstep import Lockstep
from rodflow_core.sharpness import preconditioned_sharpness

WINDOW = 20
"""Steps over which oscillation and drift are compared (median)."""
SHARPNESS = (0.97, 1.15)
"""Preconditioned sharpness over threshold that counts as being at the edge."""
REGIME = 2.0
"""Oscillation over drift above which a rod can be seen."""
LOSS = 0.02
"""Loss, as a part of the initial one, below which nothing is left to learn."""


class Sighting(NamedTuple):
    """What the scout saw at one learning rate after some steps.

    Attributes:
        learning_rate: step size.
        step: optimizer steps taken.
        sharpness: preconditioned sharpness at the centre over its threshold; NaN where the
            optimizer diverged, and where the eigensolve did not converge.
        regime: oscillation over drift, median over the last ``WINDOW`` steps.
        loss: loss at the centre.
        remaining: the same as a part of the initial loss.
        seconds: spent so far at this learning rate.
        good: whether it is a regime to run flows in, by the module's four numbers.
    """

    learning_rate: float
    step: int
    sharpness: float
    regime: float
    loss: float
    remaining: float
    seconds: float
    good: bool


def scout(
    config: RunConfig,
    learning_rates: Sequence[float],
    steps: Sequence[int],
    report: Callable[[Sighting], None] = lambda sighting: None,
    own: Problem | None = None,
) -> list[Sighting]:
    """Look for the edge along learning rates.

    Args:
        config: everything but the learning rate; its warm-up and steps are not used.
        learning_rates: to try.
        steps: after how many steps to look; each at least ``WINDOW``.
        report: called with each sighting as it is made.
        own: the problem to look at, where it is not the configuration's.

    Returns:
        All sightings, in order. An optimizer that diverges gives one with NaN and is left.

    Raises:
        ValueError: for a configuration that cannot be built, or nothing to try.
    """
    if not learning_rates or not steps or min(steps) < WINDOW:
        raise ValueError(
            f"expected learning rates, and steps of at least {WINDOW}; "
            f"got {list(learning_rates)} and {list(steps)}."
        )
    sightings = []
    for learning_rate in learning_rates:
        lockstep, problem = build(config.replace(learning_rate=learning_rate), own)
        for sighting in follow(lockstep, problem.weights, sorted(steps)):
            report(sighting)
            sightings.append(sighting)
    return sightings


def follow(lockstep: Lockstep, w: torch.Tensor, steps: Sequence[int]) -> Iterator[Sighting]:
    """Run the optimizer alone, and give what is seen after each of some numbers of steps.

    Args:
        lockstep: its rule and loss are used.
        w: initial weights, ``(d,)``.
        steps: after how many to look, rising.

    Yields:
        A sighting each; one with NaN, the last, where the optimizer diverges.
    """
    rule, objective = lockstep.rule, lockstep.objective
    initial, started = float(objective.value(w)), time.monotonic()
    iterates, ratios, subspace = [rule.initial_state(w)], [], None
    nan = float("nan")
    for t in range(steps[-1]):
        iterates = [*iterates[-2:], rule.step(objective, iterates[-1], t)]
        if not torch.isfinite(iterates[-1].z).all():
            seconds = time.monotonic() - started
            yield Sighting(rule.learning_rate, t + 1, nan, nan, nan, nan, seconds, False)
            return
        # Two norms of each are no small part of a step of a large network.
        if len(iterates) == 3 and any(0 <= step - t - 1 < WINDOW for step in steps):
            seen = quantities.of_optimizer(rule, iterates, t + 1)
            ratios.append(seen["oscillation"] / max(seen["drift"], 1e-300))
        if t + 1 in steps:
            centre = midpoint(*iterates[-2:])
            solved = preconditioned_sharpness(
                rule, objective, centre, t + 1, start=subspace, tol=1e-3
            )
            subspace = solved.subspace
            sharpness = float(solved.values[0]) / rule.threshold if solved.converged else nan
            regime = float(np.median(ratios[-WINDOW:]))
            loss = float(objective.value(rule.split(centre.z)[0]))
            remaining = loss / initial
            at_edge = SHARPNESS[0] <= sharpness <= SHARPNESS[1]
            good = at_edge and regime >= REGIME and remaining >= LOSS
            seconds = time.monotonic() - started
            yield Sighting(
                rule.learning_rate, t + 1, sharpness, regime, loss, remaining, seconds, good
            )


def line(sighting: Sighting) -> str:
    """Give a sighting as a line of the table that ``rodflow scout`` prints."""
    s = sighting
    if s.sharpness != s.sharpness:
        why = "diverged" if s.loss != s.loss else "unsolved"
        return f"{s.learning_rate:>13g} {s.step:>6} {why:>10} {'':>30} {s.seconds:>7.1f}"
    return (
        f"{s.learning_rate:>13g} {s.step:>6} {s.sharpness:>10.3f} {s.regime:>10.2f} "
        f"{s.loss:>10.4g} {100 * s.remaining:>8.1f}% {s.seconds:>7.1f}  {'<- good' * s.good}"
    )


HEADER = (
    f"{'learning rate':>13} {'step':>6} {'S / S_thr':>10} {'osc/drift':>10} {'loss':>10} "
    f"{'left':>9} {'seconds':>7}"
)
"""Head of that table."""
