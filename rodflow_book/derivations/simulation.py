"""Optimizer and rod flow side by side on a small landscape, for the appendix pages' figures."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib import metadata

import numpy as np
import torch

from rodflow_book.figures.rod import Array, Trajectories
from rodflow_core.flows import RodFlow, advance
from rodflow_core.objective import Objective
from rodflow_core.optimizers import State, UpdateRule


def numbers(values: Sequence[float] | Array) -> torch.Tensor:
    """Give a float64 tensor."""
    return torch.as_tensor(np.asarray(values, dtype=np.float64))


def iterate(rule: UpdateRule, objective: Objective, start: Sequence[float], steps: int) -> Array:
    """Run an optimizer.

    Args:
        rule: the update rule.
        objective: the loss.
        start: phase-space vector z_0, (D,).
        steps: how many.

    Returns:
        z_0 ... z_steps, (steps + 1, D).
    """
    states = [State(numbers(start), None)]
    for t in range(steps):
        states.append(rule.step(objective, states[-1], t))
    return torch.stack([state.z for state in states]).numpy()


def side_by_side(
    rule: UpdateRule,
    objective: Objective,
    start: Sequence[float],
    steps: int,
    substeps: int = 4,
) -> Trajectories:
    """Run an optimizer, and the rod flow from its first two iterates.

    Args:
        rule: the update rule.
        objective: the loss.
        start: phase-space vector z_0, (D,).
        steps: how many.
        substeps: Euler substeps of the flow to each step of the optimizer.

    Returns:
        Iterates, and the flow's centre and principal half-displacement once per step.
    """
    iterates = iterate(rule, objective, start, steps)
    flow = RodFlow(rule, objective)
    first, second = (State(torch.from_numpy(z), None) for z in iterates[:2])
    states = [flow.initial(first, second)]
    for t in range(1, steps):
        states.append(advance(flow, states[-1], t, substeps))
    centre = torch.stack([state.z for state in states]).numpy()
    half = torch.stack([state.extent.half_displacement for state in states]).numpy()
    return Trajectories(iterates, centre, half)


def manifest(source: str, **parameters: object) -> dict[str, object]:
    """Give what a figure was made from: notebook, parameters, versions."""
    packages = ("torch", "numpy", "sympy", "matplotlib")
    return {
        "source": source,
        "parameters": parameters,
        "dtype": "float64",
        "device": "cpu",
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in packages},
        "cite": ["arXiv:2605.06821", "arXiv:2602.01480"],
    }
