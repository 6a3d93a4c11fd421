"""Optimizer and rod flow side by side, second moment included: appendices D to G's figures."""

from __future__ import annotations

from typing import NamedTuple

import torch

from rodflow_book.figures.rod import Array
from rodflow_core.flows import RodFlow, advance
from rodflow_core.objective import Objective
from rodflow_core.optimizers import State, UpdateRule


class Run(NamedTuple):
    """An optimizer's iterates and its rod flow, sampled once per step.

    Attributes:
        z: iterates z_0 ... z_T, ``(T + 1, D)``.
        nu: second moments, ``(T + 1, d)``.
        centre: the rod flow's centre at the times 0 ... T - 1, ``(T, D)``.
        half: its principal half-displacement, ``(T, D)``, of either sign.
        rod_nu: its second moment, ``(T, d)``.
    """

    z: Array
    nu: Array
    centre: Array
    half: Array
    rod_nu: Array

    @property
    def optimizer_centre(self) -> Array:
        """Means of consecutive iterates, (195), ``(T, D)``."""
        return (self.z[1:] + self.z[:-1]) / 2

    @property
    def optimizer_half(self) -> Array:
        """Half-differences of consecutive iterates, (196), ``(T, D)``."""
        return (self.z[1:] - self.z[:-1]) / 2

    @property
    def optimizer_nu(self) -> Array:
        """Means of consecutive second moments, ``(T, d)``."""
        return (self.nu[1:] + self.nu[:-1]) / 2


def iterate(rule: UpdateRule, objective: Objective, start: State, steps: int) -> list[State]:
    """Run an optimizer.

    Args:
        rule: the update rule.
        objective: the loss.
        start: state at t = 0.
        steps: how many.
    """
    states = [start]
    for t in range(steps):
        states.append(rule.step(objective, states[-1], t))
    return states


def side_by_side(
    rule: UpdateRule, objective: Objective, start: State, steps: int, substeps: int = 4
) -> Run:
    """Run an optimizer, and the rod flow from its first two iterates, (286)-(291).

    Args:
        rule: the update rule, one with a second moment.
        objective: the loss.
        start: state at t = 0.
        steps: how many.
        substeps: Euler substeps of the flow to each step of the optimizer.
    """
    states = iterate(rule, objective, start, steps)
    flow = RodFlow(rule, objective)
    rods = [flow.initial(states[0], states[1])]
    for t in range(1, steps):
        rods.append(advance(flow, rods[-1], t, substeps))

    def stack(values: list[torch.Tensor]) -> Array:
        return torch.stack(values).numpy()

    return Run(
        stack([s.z for s in states]),
        stack([s.nu for s in states]),
        stack([s.z for s in rods]),
        stack([s.extent.half_displacement for s in rods]),
        stack([s.nu for s in rods]),
    )
