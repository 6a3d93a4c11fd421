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

DRIVES = ("paper", "drift_free")
"""What may drive the extent of a rod flow."""

_ROUNDINGS = 100.0
"""Endpoints closer than so many roundings of the centre are too close to take a difference."""


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

    def initial(self, *iterates: State) -> State:
        """Start from the centre of the last two of consecutive iterates, (286)-(288)."""
        return midpoint(*iterates[-2:])

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

    With ``Fbar = (F+ + F-)/2`` and ``D = (F+ - F-)/2``, the paper drives the extent with
    ``1/4 (F+ F+^T + F- F-^T) = 1/2 (Fbar Fbar^T + D D^T)``. The drift-free rod, a departure from
    the paper, leaves out the drift ``Fbar`` and what of ``D`` does not alternate: inserting
    ``D = -2 delta_z + misfit`` and dropping the square of the misfit, the extent stays one rod,

        d(delta_z)/dt = -2 delta_z - D + leak Fbar.

    Its quadratic thresholds and its fixed points, ``Fbar = 0`` and ``F(delta_z) = -2 delta_z``, are
    those of the paper's drive. The last term keeps a seed alive, as the floor of a decayed rod.

    Attributes:
        rule: the update rule.
        objective: the loss.
        rank: eigenpairs of the extent tensor that are kept by the paper's drive; the principal one
            is the rod.
        backward_error: add the correction of equations (257)-(265), to the centre only.
        drive: ``paper`` or ``drift_free``.
        leak: share of the drift that seeds the drift-free rod, a pure number.
    """

    rule: UpdateRule
    objective: Objective
    rank: int = 2
    backward_error: bool = False
    drive: str = "paper"
    leak: float = 1e-6

    def __post_init__(self) -> None:
        """Check the rank, the drive and the leak.

        Raises:
            ValueError: where the rank is below 1, the drive unknown or the leak negative.
        """
        if self.rank < 1:
            raise ValueError(f"rank is {self.rank}; expected at least 1.")
        if self.drive not in DRIVES:
            raise ValueError(f"drive is {self.drive!r}; expected one of {', '.join(DRIVES)}.")
        if not 0 <= self.leak < float("inf"):
            raise ValueError(f"leak is {self.leak}; expected a finite number, 0 or larger.")

    def initial(self, *iterates: State) -> RodState:
        """Start from consecutive iterates, newest last.

        The centre and the paper's rod are the mean and half-difference of the last two,
        (286)-(291). The drift-free rod is a quarter of the second difference of the last three, in
        which a steady drift cancels; of two, it starts as the paper's.
        """
        previous, current = iterates[-2:]
        half = 0.5 * (current.z - previous.z)
        if self.drive == "drift_free" and len(iterates) > 2:
            half = 0.25 * (current.z - 2 * previous.z + iterates[-3].z)
        return RodState(*midpoint(previous, current), rod(half))

    def substep(self, state: RodState, t: int, dt: float) -> RodState:
        """Take one Euler substep of length ``dt`` within the step from ``t`` to ``t + 1``."""
        rule = self.rule
        c1, c2 = rule.corrections(t)
        preconditioner = rule.preconditioner(state.nu, c2)
        ends, half = endpoints(state), state.extent.half_displacement
        mean, spread = self._gradients(state.z, half)
        g = torch.stack((mean + spread, mean - spread))
        # F is linear in (z, g): the mean and half-difference of its values at the two ends.
        velocity = rule.displacement(state.z, mean, preconditioner, c1)
        difference = rule.displacement(half, spread, preconditioner, c1)
        if self.drive == "paper":
            sources = torch.stack((velocity, difference), dim=1)
            extent = relax(state.extent, sources, dt, self.rank, weight=0.5)
        else:
            extent = rod(half - dt * (2 * half + difference - self.leak * velocity))
        if self.backward_error:
            turns = [tangent(rule, self.objective, z, velocity, preconditioner, c1) for z in ends]
            velocity = velocity - 0.5 * torch.stack(turns).mean(0)
        rate = rule.second_moment_rate(state.nu, ends, g)
        nu = None if rate is None else state.nu + dt * rate
        return RodState(state.z + dt * velocity, nu, extent)

    def _gradients(self, z: Tensor, half: Tensor) -> tuple[Tensor, Tensor]:
        """Give the mean and half-difference, ``(d,)`` each, of the gradients at the two ends.

        A drift-free rod may decay to a length at which rounding swallows the difference of two
        gradients; its limit, a Hessian-vector product, is then taken at the centre.
        """
        point, reach = self.rule.gradient_point(z), self.rule.gradient_point(half)
        rounding = torch.finfo(z.dtype).eps * point.norm()
        if self.drive == "drift_free" and reach.norm() < _ROUNDINGS * rounding:
            return self.objective.gradients(point.unsqueeze(0))[0], self.objective.hvp(point)(reach)
        plus, minus = self.objective.gradients(torch.stack((point + reach, point - reach)))
        return 0.5 * (plus + minus), 0.5 * (plus - minus)


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
