"""A valley that sharpens downhill, and an optimizer with its flows in it: small runs kept whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from rodflow_book.figures.models_toys import FIRST, MODELS, Valleys
from rodflow_core.integrators import make_integrator
from rodflow_core.optimizers import State, UpdateRule, midpoint
from rodflow_core.simulate import Array, iterate

METHODS = {"sf": "rk4:8", "rod": "rk4:1", "free": "rk4:1"}
"""How the flows are integrated: where the stable flow runs on, the valley is stiff for it."""
_TURN = torch.tensor([[1.0, 1.0], [-1.0, 1.0]], dtype=torch.float64) / 2**0.5


@dataclass(frozen=True)
class Turned:
    """A landscape of two weights, turned by 45 degrees: each weight is across and along the valley.

    Attributes:
        inner: the landscape as it was, its weights ``(across, along)``.
    """

    inner: Valleys

    @property
    def dim(self) -> int:
        """Number of weights, two."""
        return 2

    def value(self, w: Tensor) -> Tensor:
        """Give the loss at ``w``."""
        return self.inner.value(turned_back(w))

    def gradients(self, points: Tensor) -> Tensor:
        """Give the gradients at points, ``(n, 2)``."""
        return turned(self.inner.gradients(turned_back(points)))

    def hvp(self, w: Tensor) -> Any:
        """Give the map ``v -> H(w) v``, of one vector or of rows."""
        product = self.inner.hvp(turned_back(w))
        return lambda v: turned(product(turned_back(v)))


def turned(v: Tensor) -> Tensor:
    """Turn vectors ``(across, along)`` into weights."""
    return v @ _TURN.T


def turned_back(w: Tensor) -> Tensor:
    """Turn weights into ``(across, along)``."""
    return w @ _TURN


class Path(NamedTuple):
    """What an optimizer, or a flow, does in a valley, from the third step on.

    Attributes:
        centre: weights, ``(T, d)``.
        half: of a flow its half-displacement, of the optimizer what alternates; ``(T, d)``.
        sharpness: largest eigenvalue of the Hessian at the centre, ``(T,)``.
        ratio: preconditioned sharpness there over the threshold, ``(T,)``.
    """

    centre: Array
    half: Array
    sharpness: Array
    ratio: Array

    @property
    def length(self) -> Array:
        """Length of the half-displacement, ``(T,)``."""
        return np.linalg.norm(self.half, axis=1)


def follow(
    rule: UpdateRule, objective: Any, start: State, steps: int, flows: Sequence[str] = ("sf", "rod")
) -> dict[str, Path]:
    """Run an optimizer (``disc``) and its flows, which start from its first iterates.

    Args:
        rule: the update rule.
        objective: the loss.
        start: state at t = 0.
        steps: of the optimizer.
        flows: tags of `METHODS`.
    """
    states = iterate(rule, objective, start, steps)
    times = range(FIRST, steps + 1)
    swings = [0.25 * (states[t].z - 2 * states[t - 1].z + states[t - 2].z) for t in times]
    points = [midpoint(states[t - 1], states[t]) for t in times]
    found = {"disc": _path(rule, objective, points, swings)}
    for tag in flows:
        flow, method = MODELS[tag](rule, objective), make_integrator(METHODS[tag])
        state = flow.initial(*states[: FIRST + 1])
        points, swings = [], []
        for t in times:
            state = method.leap(flow, state, t - 1) if t > FIRST else state
            points.append(flow.point(state))
            swings.append(getattr(state, "half_displacement", torch.zeros_like(state.z)))
        found[tag] = _path(rule, objective, points, swings)
    return found


def _path(
    rule: UpdateRule, objective: Any, points: Sequence[State], halves: Sequence[Tensor]
) -> Path:
    dim, unit = objective.dim, torch.eye(objective.dim, dtype=torch.float64)
    sharpness, ratio = [], []
    for i, point in enumerate(points):
        inverse = rule.preconditioner(point.nu, rule.corrections(FIRST + i)[1]).inv_sqrt
        product = objective.hvp(point.z[:dim])
        sharpness.append(_largest(product(unit)))
        ratio.append(_largest(inverse(product(inverse(unit)))) / rule.threshold)
    centre, half = (
        torch.stack([v[:dim] for v in rows]).numpy() for rows in ([p.z for p in points], halves)
    )
    return Path(centre, half, np.array(sharpness), np.array(ratio))


def _largest(matrix: Tensor) -> float:
    return float(torch.linalg.eigvalsh(matrix)[-1])
