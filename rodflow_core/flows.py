"""Flows that model an optimizer: their right-hand sides, and what they say of it.

No optimizer is named here. Flows see a rule through ``gradient_point``, ``displacement``,
``preconditioner`` and ``second_moment_rate``, and the loss through gradients (and, for the
backward-error correction, Hessian-vector products). Time is counted in optimizer steps. How a flow
is integrated is said elsewhere (`integrators`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor

from rodflow_core import quantities
from rodflow_core.extent import Extent, ExtentRate, rod
from rodflow_core.objective import Objective
from rodflow_core.optimizers import Preconditioner, State, UpdateRule, midpoint
from rodflow_core.quantities import Quantity

_ROUNDINGS = 100.0
"""Endpoints closer than so many roundings of the centre are too close to take a difference."""


@runtime_checkable
class Flow(Protocol):
    """What a model of an optimizer has to say of itself to be run, recorded, drawn and judged.

    Its state is a ``NamedTuple`` of tensors, ``None`` and other such tuples. A flow gives its
    ``rate``; one that has none gives ``substep(state, t, dt)`` in its place, an explicit Euler step
    of its own; and one that moves by whole optimizer steps gives ``step(state, t)``.
    """

    title: ClassVar[str]
    """What it is called in words, for legends and tables."""

    offers: ClassVar[Mapping[str, Quantity]]
    """What ``measure`` gives, beside what is recorded of every flow."""

    def initial(self, *iterates: State) -> Any:
        """Start from consecutive iterates, newest last: at least two, four where there are."""

    def point(self, state: Any) -> State:
        """Give the centre ``z`` and second moment that the state stands for."""

    def measure(self, state: Any, iterates: Sequence[State]) -> dict[str, float]:
        """Give what it ``offers``, beside the optimizer's last iterates."""


class HasRate(Flow, Protocol):
    """A flow given by a differential equation."""

    def rate(self, state: Any, t: float) -> Any:
        """Give the time derivative, in the state's own form, at time ``t`` in optimizer steps."""


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

    @property
    def half_displacement(self) -> Tensor:
        """Principal half-displacement, ``(D,)``, of either sign."""
        return self.extent.half_displacement


class DriftFreeState(NamedTuple):
    """Where a drift-free rod stands.

    Attributes:
        z: centre, ``(D,)``.
        nu: second moment, ``None``, ``()`` or ``(d,)``.
        half_displacement: the rod, ``(D,)``.
    """

    z: Tensor
    nu: Tensor | None
    half_displacement: Tensor


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


def _corrections(rule: UpdateRule, t: float) -> tuple[float, float]:
    """Give the bias corrections at time ``t`` of a flow, equation (278).

    The paper hands a flow the optimizer's counter, the same at all substeps of a step from ``t`` to
    ``t + 1``: ``1 - beta^(t+1)``. As a function of time this is taken at the middle of the step.
    """
    return rule.corrections(t - 0.5)


@dataclass(frozen=True)
class StableFlow:
    """The flow of ``F`` itself at a point: what an optimizer does at small steps (appendix H.1).

    Attributes:
        rule: the update rule.
        objective: the loss.
        backward_error: add the correction ``-1/2 DF F`` of equation (257).

    Example:
        >>> from rodflow_core.landscapes import Quadratic
        >>> from rodflow_core.optimizers import make_rule
        >>> flow = StableFlow(make_rule("gd", 0.1), Quadratic(torch.tensor([[2.0]])))
        >>> flow.rate(State(torch.tensor([1.0]), None), t=0.0).z
        tensor([-0.2000])
    """

    rule: UpdateRule
    objective: Objective
    backward_error: bool = False
    title: ClassVar[str] = "stable flow"
    offers: ClassVar[Mapping[str, Quantity]] = quantities.NOTHING

    def initial(self, *iterates: State) -> State:
        """Start from the centre of the last two of consecutive iterates, (286)-(288)."""
        return midpoint(*iterates[-2:])

    def rate(self, state: State, t: float) -> State:
        """Give the displacement per step, and the rate of the second moment."""
        rule = self.rule
        c1, c2 = _corrections(rule, t)
        preconditioner = rule.preconditioner(state.nu, c2)
        z = state.z.unsqueeze(0)
        g = self.objective.gradients(rule.gradient_point(z))
        velocity = rule.displacement(z, g, preconditioner, c1)[0]
        if self.backward_error:
            turn = tangent(rule, self.objective, state.z, velocity, preconditioner, c1)
            velocity = velocity - 0.5 * turn
        return State(velocity, rule.second_moment_rate(state.nu, z, g))

    def point(self, state: State) -> State:
        """Give the state itself."""
        return state

    def measure(self, state: State, iterates: Sequence[State]) -> dict[str, float]:
        """Give nothing: a point has no extent."""
        return {}


@dataclass(frozen=True)
class _TwoEnds:
    """What both rods share: the gradients at two ends, and the rates of centre and moment."""

    rule: UpdateRule
    objective: Objective
    offers: ClassVar[Mapping[str, Quantity]] = quantities.TWO_ENDS

    def point(self, state: Any) -> State:
        """Give centre and second moment."""
        return State(state.z, state.nu)

    def measure(self, state: Any, iterates: Sequence[State]) -> dict[str, float]:
        """Give ``|delta|``, ``|mu|``, the alignment with what the iterates show, and their loss."""
        half = state.half_displacement
        # What the flow would start from here is what it models of the iterates.
        truth = self.initial(*iterates).half_displacement
        return quantities.of_ends(self.rule, self.objective, state.z, half, truth)

    def initial(self, *iterates: State) -> Any:
        """Start from consecutive iterates."""
        raise NotImplementedError

    def _rates(
        self, state: Any, t: float, few_roundings: float = 0.0
    ) -> tuple[Tensor, Tensor | None, tuple[Tensor, Preconditioner, float]]:
        """Give ``Fbar`` and ``D``, the second moment's rate, and what a correction needs.

        ``Fbar`` and ``D``, the rows of ``(2, D)``, are the mean and half-difference of ``F`` at the
        two ends. ``F`` is linear in ``(z, g)``: they are ``F`` of means and of half-differences.
        """
        rule, half = self.rule, state.half_displacement
        c1, c2 = _corrections(rule, t)
        preconditioner = rule.preconditioner(state.nu, c2)
        ends = torch.empty(2, len(state.z), dtype=state.z.dtype, device=state.z.device)
        torch.add(state.z, half, out=ends[0])
        torch.sub(state.z, half, out=ends[1])
        point, reach = rule.gradient_point(state.z), rule.gradient_point(half)
        rounding = torch.finfo(point.dtype).eps * point.norm() if few_roundings else 0.0
        if few_roundings and reach.norm() < few_roundings * rounding:
            # Rounding would swallow the difference: its limit is a Hessian-vector product.
            mean = self.objective.gradients(point.unsqueeze(0))[0]
            spread = self.objective.hvp(point)(reach)
            g = torch.stack((mean + spread, mean - spread))
        else:
            g = self.objective.gradients(rule.gradient_point(ends))
            spread = (g[0] - g[1]).mul_(0.5)
            mean = g[0] - spread
        both = torch.empty_like(ends)
        rule.displacement(state.z, mean, preconditioner, c1, out=both[0])
        rule.displacement(half, spread, preconditioner, c1, out=both[1])
        nu = rule.second_moment_rate(state.nu, ends, g)
        return both, nu, (ends, preconditioner, c1)

    def _corrected(self, velocity: Tensor, context: tuple[Tensor, Preconditioner, float]) -> Tensor:
        """Give the centre's velocity with the correction of (257)-(265)."""
        ends, preconditioner, c1 = context
        turns = [tangent(self.rule, self.objective, z, velocity, preconditioner, c1) for z in ends]
        return velocity - 0.5 * torch.stack(turns).mean(0)


@dataclass(frozen=True)
class RodFlow(_TwoEnds):
    """The paper's rod flow, equations (6)-(7), (18)-(20), (28)-(30), (43)-(46), (279)-(282).

    With ``Fbar = (F+ + F-)/2`` and ``D = (F+ - F-)/2``, the extent is driven with
    ``1/4 (F+ F+^T + F- F-^T) = 1/2 (Fbar Fbar^T + D D^T)``.

    Attributes:
        rule: the update rule.
        objective: the loss.
        rank: eigenpairs of the extent tensor that are kept; the principal one is the rod.
        backward_error: add the correction of equations (257)-(265), to the centre only.

    Raises:
        ValueError: where the rank is below 1.

    Example:
        >>> from rodflow_core.landscapes import Quadratic
        >>> from rodflow_core.optimizers import make_rule
        >>> flow = RodFlow(make_rule("gd", 1.0), Quadratic(torch.tensor([[2.0]])))
        >>> ends = State(torch.tensor([1.0]), None), State(torch.tensor([-1.0]), None)
        >>> state = flow.initial(*ends)
        >>> advance(flow, state, t=1, substeps=4).half_displacement.abs()  # at the threshold
        tensor([1.])
    """

    rank: int = 2
    backward_error: bool = False
    title: ClassVar[str] = "rod flow"
    offers: ClassVar[Mapping[str, Quantity]] = quantities.EXTENT

    def __post_init__(self) -> None:
        """Check the rank."""
        if self.rank < 1:
            raise ValueError(f"rank is {self.rank}; expected at least 1.")

    def initial(self, *iterates: State) -> RodState:
        """Start from the mean and half-difference of the last two iterates, (286)-(291)."""
        previous, current = iterates[-2:]
        half = 0.5 * (current.z - previous.z)
        return RodState(*midpoint(previous, current), rod(half))

    def rate(self, state: RodState, t: float) -> RodState:
        """Give the rates of centre, second moment and extent."""
        drive, nu, context = self._rates(state, t)
        velocity = self._corrected(drive[0], context) if self.backward_error else drive[0]
        return RodState(velocity, nu, ExtentRate(state.extent, drive, 0.5, self.rank))  # type: ignore[arg-type]

    def measure(self, state: RodState, iterates: Sequence[State]) -> dict[str, float]:
        """Give what its principal rod shows, and the whole extent's spread and effective rank."""
        rods, _ = self.rule.split(state.extent.rods)
        return super().measure(state, iterates) | quantities.of_covariance(rods)


@dataclass(frozen=True)
class DriftFreeRod(_TwoEnds):
    """The drift-free rod, a departure from the paper: it keeps only what alternates.

    Of the paper's drive ``1/2 (Fbar Fbar^T + D D^T)`` it leaves out the drift ``Fbar`` and what of
    ``D`` does not alternate: inserting ``D = -2 delta_z + misfit`` and dropping the square of the
    misfit, the extent stays one rod,

        d(delta_z)/dt = -2 delta_z - D + leak Fbar.

    Its quadratic thresholds and its fixed points, ``Fbar = 0`` and ``F(delta_z) = -2 delta_z``, are
    those of the paper's drive. The last term keeps a seed alive.

    Attributes:
        rule: the update rule.
        objective: the loss.
        backward_error: add the correction of equations (257)-(265), to the centre only.
        leak: share of the drift that seeds the rod, a pure number.

    Raises:
        ValueError: where the leak is negative or not finite.
    """

    backward_error: bool = False
    leak: float = 1e-6
    title: ClassVar[str] = "drift-free rod"

    def __post_init__(self) -> None:
        """Check the leak."""
        if not 0 <= self.leak < float("inf"):
            raise ValueError(f"leak is {self.leak}; expected a finite number, 0 or larger.")

    def initial(self, *iterates: State) -> DriftFreeState:
        """Start from the mean of the last two iterates, and what alternates in the last three.

        That is a quarter of their second difference, in which a steady drift cancels; of two
        iterates, it is half their difference, as the paper's rod.
        """
        return DriftFreeState(*midpoint(*iterates[-2:]), alternating(*iterates))

    def rate(self, state: DriftFreeState, t: float) -> DriftFreeState:
        """Give the rates of centre, second moment and rod."""
        (velocity, difference), nu, context = self._rates(state, t, _ROUNDINGS)
        turn = difference.add_(state.half_displacement, alpha=2).neg_()
        turn.add_(velocity, alpha=self.leak)
        if self.backward_error:
            velocity = self._corrected(velocity, context)
        return DriftFreeState(velocity, nu, turn)


def alternating(*iterates: State) -> Tensor:
    """Give what alternates in consecutive iterates, newest last, ``(D,)``.

    A quarter of the second difference of the last three, in which a steady drift cancels; of two
    iterates, half their difference.
    """
    *before, previous, current = iterates
    if not before:
        return 0.5 * (current.z - previous.z)
    return 0.25 * (current.z - 2 * previous.z + before[-1].z)


def check_plain(rule: UpdateRule, title: str, *, second_moment: bool) -> None:
    """See that a rule has no momentum, and no second moment where there must be none.

    Raises:
        ValueError: where it has, since the flow of that title is not defined for it.
    """
    has_nu = rule.second_moment.initial(torch.zeros(1)) is not None
    if rule.has_moment or (has_nu and not second_moment):
        defined = "rules without momentum" if second_moment else "gradient descent"
        raise ValueError(f"the {title} is defined for {defined} only; leave it out of this run.")


class PairState(NamedTuple):
    """The last two iterates of a copy of the optimizer.

    Attributes:
        before: the older one.
        now: the newer one.
    """

    before: State
    now: State


@dataclass(frozen=True)
class ShiftedCopy:
    """The sensitivity floor: a second optimizer, started half a step behind the first.

    What a smooth model is told of the optimizer is not sharper in time than half a step; where a
    copy of the optimizer itself, started so much aside, ends up at some distance, nothing closer
    can be asked of any model. It starts from iterates of the same parity, so that it alternates as
    the first does: ``3/4 z(t) + 1/4 z(t-2)``, half a step of the drift behind.

    Attributes:
        rule: the update rule.
        objective: the loss.
    """

    rule: UpdateRule
    objective: Objective
    title: ClassVar[str] = "shifted copy"
    offers: ClassVar[Mapping[str, Quantity]] = quantities.ROD

    def initial(self, *iterates: State) -> PairState:
        """Start from the last four of consecutive iterates; where there are fewer, less aside."""
        # Two steps back has the same parity; one step back would shorten the oscillation.
        past = [iterates[i - 2] if 2 - i <= len(iterates) else iterates[i] for i in (-1, -2)]
        pairs = zip((iterates[-1], iterates[-2]), past, strict=True)
        now, before = (
            State(
                torch.lerp(new.z, old.z, 0.25),
                None if new.nu is None or old.nu is None else torch.lerp(new.nu, old.nu, 0.25),
            )
            for new, old in pairs
        )
        return PairState(before, now)

    def step(self, state: PairState, t: int) -> PairState:
        """Take the optimizer's own step from ``t`` to ``t + 1``."""
        return PairState(state.now, self.rule.step(self.objective, state.now, t))

    def point(self, state: PairState) -> State:
        """Give the mean of its last two iterates."""
        return midpoint(*state)

    def measure(self, state: PairState, iterates: Sequence[State]) -> dict[str, float]:
        """Give its half-displacement, and the alignment with the optimizer's."""
        half = 0.5 * (state.now.z - state.before.z)
        truth = 0.5 * (iterates[-1].z - iterates[-2].z)
        return quantities.of_rod(self.rule, half, truth)


def endpoints(state: RodState | DriftFreeState) -> Tensor:
    """Give the two ends of the rod, centre plus and minus ``delta_z``, as ``(2, D)``."""
    half = state.half_displacement
    return torch.stack((state.z + half, state.z - half))


def advance(flow: Flow, state: Any, t: int, substeps: int = 4) -> Any:
    """Advance a flow by one optimizer step, ``substeps`` Euler substeps long (appendix H.2).

    Args:
        flow: the flow.
        state: where it stands at step ``t``.
        t: discrete steps taken.
        substeps: Euler substeps, the paper's 4 where left out.
    """
    from rodflow_core.integrators import euler  # which knows flows, not the other way round

    return euler(substeps).leap(flow, state, t)
