"""Numbers beside the symbols: tensors, paths, one short substep of a flow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from rodflow_core.extent import Extent
from rodflow_core.flows import HasRate
from rodflow_core.integrators import moved
from rodflow_core.optimizers import State
from rodflow_core.simulate import Array


def numbers(values: ArrayLike) -> Tensor:
    """Give a float64 tensor."""
    return torch.as_tensor(np.asarray(values, dtype=np.float64))


def stacked(states: Sequence[State]) -> Array:
    """Give the phase-space vectors of states, one a row."""
    return torch.stack([state.z for state in states]).numpy()


def substep(flow: HasRate, state: Any, t: int, dt: float) -> Any:
    """Take one Euler substep of a flow, of any length, on the way from step ``t`` to ``t + 1``.

    Args:
        flow: the flow.
        state: where it stands.
        t: discrete steps taken; the flow is handed the middle of the step, as in the paper.
        dt: length of the substep, in steps.
    """
    return moved(state, [(dt, flow.rate(state, t + 0.5))])


def extent_of(basis: ArrayLike, eigenvalues: ArrayLike) -> Extent:
    """Give the extent ``U Lambda U^T`` of (267).

    Args:
        basis: ``U``, orthonormal columns, ``(D, r)``.
        eigenvalues: the diagonal of ``Lambda``, ``(r,)``, positive, largest first.
    """
    basis, eigenvalues = numbers(basis), numbers(eigenvalues)
    return Extent((basis * eigenvalues.sqrt()).T, eigenvalues)
