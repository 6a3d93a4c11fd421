"""Stable flow and rod flow of any update rule: right-hand side and one Euler substep.

No optimizer is named here. Both flows see the rule through ``gradient_point``, ``displacement``,
``preconditioner`` and ``second_moment_rate``, and the loss through gradients (and, for the
backward-error correction, Hessian-vector products). Time is counted in optimizer steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from rodflow_core.extent import Extent, relax, rod
from rodflow_core.objective import Objective
from rodflow_core.optimizers import Preconditioner, State, UpdateRule


class RodState(NamedTuple):
    """Where a rod flow stands.

    Attributes:
        z: centre, ``(D,)``.
        nu: second moment, ``None``, ``()`` or ``(d,)``.
        extent: the extent tensor.
    """

    z: Tensor
    nu: Tensor | None
    extent: Extent


def midpoint(previous: State, current: State) -> State:
    """Give the mean of two consecutive states, equations (286)-(288)."""
    nu = None if current.nu is None else 0.5 * (previous.nu + current.nu)
    return State(0.5 * (previous.z + current.z), nu)


def tangent(
    rule: UpdateRule,
    objective: Objective,
    z: Tensor,
    v: Tensor,
    preconditioner: Preconditioner,
    c1: float = 1.0,
) -> Tensor:
    """Give the Jacobian-vector product ``DF(z) v``, ``P`` held fixed: equations (260)-(263).

    ``F`` is linear in ``(z, g)`` and the gradient point in ``z``, for every rule. The tangent is
    therefore ``F`` with ``(v, H v')`` for ``(z, g)``, where ``v'`` is the gradient point of ``v``.

    Args:
        rule: the update rule.
        objective: the loss.
        z: where, ``(D,)``.
        v: direction, ``(D,)``.
        preconditioner: ``P``.
        c1: first moment's bias correction.
    """
    curvature = objective.hvp(rule.gradient_point(z))(rule.gradient_point(v))
    return rule.displacement(v, curvature, preconditioner, c1)


@dataclass(frozen=True)
class StableFlow:
    """The flow of ``F`` itself at a point: what an optimizer does at small steps (appendix H.1).

    Attributes:
        rule: the update rule.
        objective: the loss.
        backward_error: add the correction ``-1/2 DF F`` of equation (257).
    """

    rule: UpdateRule
    objective: Objective
    backward_error: bool = False

    def initial(self, previous: State, current: State) -> State:
        """Start from the centre of two consecutive iterates, equations (286)-(288)."""
        return midpoint(previous, current)

    def substep(self, state: State, t: int, dt: float) -> State:
        """Take one Euler substep of length ``dt`` within the step from ``t`` to ``t + 1``."""
        rule = self.rule
        c1, c2 = rule.corrections(t)
        preconditioner = rule.preconditioner(state.nu, c2)
        z = state.z.unsqueeze(0)
        g = self.objective.gradients(rule.gradient_point(z))
        velocity = rule.displacement(z, g, preconditioner, c1)[0]
        if self.backward_error:
            turn = tangent(rule, self.objective, state.z, velocity, preconditioner, c1)
            velocity = velocity - 0.5 * turn
        rate = rule.second_moment_rate(state.nu, z, g)
        nu = None if rate is None else state.nu + dt * rate
        return State(state.z + dt * velocity, nu)


@dataclass(frozen=True)
class RodFlow:
    """The rod flow, equations (6)-(7), (18)-(20), (28)-(30), (43)-(46), (279)-(282).

    Attributes:
        rule: the update rule.
        objective: the loss.
        rank: eigenpairs of the extent tensor that are kept; the principal one is the rod.
        backward_error: add the correction of equations (257)-(265), to the centre only.
    """

    rule: UpdateRule
    objective: Objective
    rank: int = 2
    backward_error: bool = False

    def __post_init__(self) -> None:
        """Check the rank.

        Raises:
            ValueError: where it is below 1.
        """
        if self.rank < 1:
            raise ValueError(f"rank is {self.rank}; expected at least 1.")

    def initial(self, previous: State, current: State) -> RodState:
        """Start from the centre and half-difference of two consecutive iterates, (286)-(291)."""
        centre = midpoint(previous, current)
        return RodState(centre.z, centre.nu, rod(0.5 * (current.z - previous.z)))

    def substep(self, state: RodState, t: int, dt: float) -> RodState:
        """Take one Euler substep of length ``dt`` within the step from ``t`` to ``t + 1``."""
        rule = self.rule
        c1, c2 = rule.corrections(t)
        preconditioner = rule.preconditioner(state.nu, c2)
        ends = endpoints(state)
        g = self.objective.gradients(rule.gradient_point(ends))
        displacements = rule.displacement(ends, g, preconditioner, c1)
        velocity = displacements.mean(0)
        if self.backward_error:
            turns = [tangent(rule, self.objective, z, velocity, preconditioner, c1) for z in ends]
            velocity = velocity - 0.5 * torch.stack(turns).mean(0)
        rate = rule.second_moment_rate(state.nu, ends, g)
        nu = None if rate is None else state.nu + dt * rate
        extent = relax(state.extent, displacements.T, dt, self.rank, weight=0.25)
        return RodState(state.z + dt * velocity, nu, extent)


def endpoints(state: RodState) -> Tensor:
    """Give the two ends of the rod, centre plus and minus ``delta_z``, as ``(2, D)``."""
    half = state.extent.half_displacement
    return torch.stack((state.z + half, state.z - half))


Flow = StableFlow | RodFlow
FlowState = State | RodState


def advance(flow: Flow, state: FlowState, t: int, substeps: int) -> FlowState:
    """Advance a flow by one optimizer step, ``substeps`` Euler substeps long (appendix H.2)."""
    for _ in range(substeps):
        state = flow.substep(state, t, 1 / substeps)
    return state
