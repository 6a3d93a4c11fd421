"""An optimizer's iterates, and its rod flow beside them, kept whole: for small landscapes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rodflow_core.flows import Flow, RodFlow, StableFlow, advance
from rodflow_core.objective import Objective
from rodflow_core.optimizers import State, UpdateRule

Array = NDArray[np.float64]
"""An array in double precision."""


class Trajectories(NamedTuple):
    """An optimizer and its flows, sampled once per step.

    Attributes:
        iterates: ``z_0 ... z_T``, ``(T + 1, D)``.
        centre: the rod flow's centre at the times ``0 ... T - 1``, ``(T, D)``.
        half: its principal half-displacement there, ``(T, D)``, of either sign.
        nu: the optimizer's second moments, ``(T + 1, ...)``, or ``None``.
        rod_nu: the rod flow's, ``(T, ...)``, or ``None``.
        stable: the stable flow, ``(T, D)``, or ``None``.
    """

    iterates: Array
    centre: Array
    half: Array
    nu: Array | None = None
    rod_nu: Array | None = None
    stable: Array | None = None

    @property
    def optimizer_centre(self) -> Array:
        """Means of consecutive iterates, equations (2), (12) and (195), ``(T, D)``."""
        return (self.iterates[1:] + self.iterates[:-1]) / 2

    @property
    def optimizer_half(self) -> Array:
        """Half-differences of consecutive iterates, equations (3), (13) and (196), ``(T, D)``."""
        return (self.iterates[1:] - self.iterates[:-1]) / 2

    @property
    def optimizer_nu(self) -> Array | None:
        """Means of consecutive second moments, ``(T, ...)``."""
        return None if self.nu is None else (self.nu[1:] + self.nu[:-1]) / 2

    @property
    def signed_half(self) -> Array:
        """The flow's half-displacement, with the sign of the optimizer's at each time."""
        sign = np.sign((self.half * self.optimizer_half).sum(1, keepdims=True))
        return self.half * np.where(sign == 0, 1, sign)


def iterate(
    rule: UpdateRule,
    objective: Objective,
    start: State | Sequence[float] | Tensor,
    steps: int,
    t: int = 0,
) -> list[State]:
    """Run an optimizer and keep every state.

    Args:
        rule: the update rule.
        objective: the loss.
        start: state at ``t``; or a phase-space vector, ``(D,)``, without a second moment.
        steps: how many.
        t: steps already taken.

    Returns:
        The states at ``t ... t + steps``.

    Example:
        >>> from rodflow_core.landscapes import Quadratic
        >>> from rodflow_core.optimizers import make_rule
        >>> parabola = Quadratic(torch.tensor([[1.0]], dtype=torch.float64))
        >>> [float(s.z) for s in iterate(make_rule("gd", 2.0), parabola, [1.0], 2)]
        [1.0, -1.0, 1.0]
    """
    states = [_state(start)]
    for i in range(steps):
        states.append(rule.step(objective, states[-1], t + i))
    return states


def side_by_side(
    rule: UpdateRule,
    objective: Objective,
    start: State | Sequence[float] | Tensor,
    steps: int,
    *,
    substeps: int = 4,
    rank: int = 2,
    stable: bool = False,
) -> Trajectories:
    """Run an optimizer, and the rod flow from its first two iterates, (286)-(291).

    Args:
        rule: the update rule.
        objective: the loss.
        start: state at t = 0, or a phase-space vector without a second moment.
        steps: how many.
        substeps: Euler substeps of the flows to each step of the optimizer.
        rank: eigenpairs of the extent tensor that are kept.
        stable: run the stable flow too.
    """
    states = iterate(rule, objective, start, steps)
    rods = _flow(RodFlow(rule, objective, rank=rank), states, substeps)
    points = _flow(StableFlow(rule, objective), states, substeps) if stable else None
    has_nu = states[0].nu is not None
    return Trajectories(
        _stack([s.z for s in states]),
        _stack([s.z for s in rods]),
        _stack([s.half_displacement for s in rods]),
        _stack([s.nu for s in states]) if has_nu else None,  # type: ignore[misc]
        _stack([s.nu for s in rods]) if has_nu else None,
        None if points is None else _stack([s.z for s in points]),
    )


def _flow(flow: Flow, states: Sequence[State], substeps: int) -> list[Any]:
    """Run a flow from an optimizer's first two states, for as many steps."""
    found = [flow.initial(*states[:2])]
    for t in range(1, len(states) - 1):
        found.append(advance(flow, found[-1], t, substeps))
    return found


def _state(start: State | Sequence[float] | Tensor) -> State:
    if isinstance(start, State):
        return start
    return State(torch.as_tensor(np.asarray(start, dtype=np.float64)), None)


def _stack(values: Sequence[Tensor]) -> Array:
    return torch.stack(list(values)).numpy()
