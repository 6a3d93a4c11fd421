"""Update rules: momentum x second moment, and the nine rows of that family the paper uses.

An update rule says five things and nothing else: where the gradient is taken, which direction it
makes of ``(m, g)``, what the second moment follows, which preconditioner that gives, and the
stability threshold. The discrete step, the displacement ``F`` and therefore every flow follow.

Shapes. A phase-space point ``z`` is ``(..., D)``: ``D = d`` without momentum; with it ``D = 2d``,
holding ``(w, m)``. Leading dimensions are stacks of points. The second moment ``nu`` is ``None``,
``()`` or ``(d,)``. Time is counted in optimizer steps.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from rodflow_core.objective import Objective
from rodflow_core.theory._common import UpdateWeights


class State(NamedTuple):
    """Where an optimizer or its stable flow stands.

    Attributes:
        z: phase-space point, ``(D,)``.
        nu: second moment, ``None``, ``()`` or ``(d,)``.
    """

    z: Tensor
    nu: Tensor | None


def midpoint(previous: State, current: State) -> State:
    """Give the mean of two consecutive states, equations (286)-(288)."""
    if previous.nu is None or current.nu is None:
        return State(0.5 * (previous.z + current.z), None)
    return State(0.5 * (previous.z + current.z), 0.5 * (previous.nu + current.nu))


class Preconditioner(Protocol):
    """A positive definite operator on weight space; acts on the last dimension."""

    def apply(self, v: Tensor) -> Tensor:
        """Give ``P v``."""

    def inv(self, v: Tensor) -> Tensor:
        """Give ``P^-1 v``."""

    def inv_sqrt(self, v: Tensor) -> Tensor:
        """Give ``P^-1/2 v``."""


@dataclass(frozen=True)
class Diagonal:
    """Diagonal preconditioner: equation (25) with a scalar, equation (34) with a vector.

    Attributes:
        diagonal: ``()`` or ``(d,)``, positive.
    """

    diagonal: Tensor

    def apply(self, v: Tensor) -> Tensor:
        """Give ``P v``."""
        return self.diagonal * v

    def inv(self, v: Tensor) -> Tensor:
        """Give ``P^-1 v``."""
        return v / self.diagonal

    def inv_sqrt(self, v: Tensor) -> Tensor:
        """Give ``P^-1/2 v``."""
        return v / self.diagonal.sqrt()


@dataclass(frozen=True)
class Identity:
    """No preconditioner: gradient descent and plain momentum."""

    def apply(self, v: Tensor) -> Tensor:
        """Give ``v``."""
        return v

    inv = apply
    inv_sqrt = apply


def check_beta(name: str, value: float) -> None:
    """Check the decay rate of a moment.

    Raises:
        ValueError: where it lies outside [0, 1).
    """
    if not 0 <= value < 1:
        raise ValueError(f"{name} is {value}; expected a number in [0, 1).")


# --- momentum ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class NoMomentum:
    """No first moment: the direction is the gradient, and ``z = w``.

    Also the base of every momentum: override what differs.

    Attributes:
        beta: decay of the first moment, here 0.
    """

    beta: float = 0.0
    has_moment = False

    def __post_init__(self) -> None:
        """Check ``beta``.

        Raises:
            ValueError: where it lies outside [0, 1).
        """
        check_beta("beta1", self.beta)

    def gradient_point(self, w: Tensor, m: Tensor | None, learning_rate: float) -> Tensor:
        """Give the point at which the gradient is taken."""
        return w

    def direction(self, m: Tensor | None, g: Tensor) -> Tensor:
        """Give the direction that is preconditioned and followed; linear in ``(m, g)``."""
        return g

    @property
    def weights(self) -> UpdateWeights:
        """Weights of the linear update, read off the two methods by probing them.

        Example:
            >>> HeavyBall(0.5).weights
            UpdateWeights(moment=0.5, gradient=0.5, look_ahead=0.0)
        """
        one, zero = torch.ones(1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
        moment = float(self.direction(one, zero)) if self.has_moment else 0.0
        ahead = 0.0 - float(self.gradient_point(zero, one, 1.0)) if self.has_moment else 0.0
        return UpdateWeights(moment, float(self.direction(zero, one)), ahead)

    @property
    def threshold_factor(self) -> float:
        """Stability threshold in units of ``2 / learning_rate``: Table 2, (10), (99), (219).

        On a quadratic of curvature ``S`` the multiplier -1 is reached where
        ``1 = eta S ((b - a r) / 2 + l r)``, with ``r = (1 - beta) / (1 + beta)`` and the
        ``weights`` ``(a, b, l)``; so a momentum of one's own need not say its threshold.

        Example:
            >>> round(HeavyBall(0.9).threshold_factor, 10)
            19.0
        """
        a, b, ahead = self.weights
        r = (1 - self.beta) / (1 + self.beta)
        return float(1 / (b - a * r + 2 * ahead * r))


@dataclass(frozen=True)
class HeavyBall(NoMomentum):
    """Heavy ball in EMA form, equations (8), (9); Adam's momentum, (35), (37)."""

    has_moment = True

    def direction(self, m: Tensor | None, g: Tensor) -> Tensor:
        """Give ``m`` after its update, ``beta m + (1 - beta) g``."""
        return torch.lerp(g, m, self.beta)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Nesterov(HeavyBall):
    """Nesterov's look-ahead, equations (69)-(71), without a preconditioner."""

    def gradient_point(self, w: Tensor, m: Tensor | None, learning_rate: float) -> Tensor:
        """Give the look-ahead point ``w - learning_rate beta m``, equation (69)."""
        return w - learning_rate * self.beta * m  # type: ignore[operator]


@dataclass(frozen=True)
class Dozat(HeavyBall):
    """Dozat's form of Nesterov, NAdam's momentum, equations (48) and (205): no look-ahead point."""

    def direction(self, m: Tensor | None, g: Tensor) -> Tensor:
        """Give ``beta^2 m + (1 - beta^2) g``: the new moment, moved once more towards ``g``."""
        return torch.lerp(g, m, self.beta**2)  # type: ignore[arg-type]


# --- second moment -------------------------------------------------------------------------------


@dataclass(frozen=True)
class NoSecondMoment:
    """No second moment, no preconditioner."""

    beta2 = 0.0

    def initial(self, w: Tensor) -> Tensor | None:
        """Give the second moment before the first step."""
        return None

    def target(self, g: Tensor, m: Tensor | None) -> Tensor | None:
        """Give what the second moment follows; ``g`` and ``m`` (old) are ``(..., d)``."""
        return None

    def preconditioner(self, nu: Tensor | None) -> Preconditioner:
        """Give the preconditioner that a (corrected) second moment makes."""
        return Identity()


@dataclass(frozen=True)
class ScalarSecondMoment(NoSecondMoment):
    """One second moment for all weights: the EMA of the squared norm, equations (24), (25).

    Attributes:
        beta2: its decay, in [0, 1).
        epsilon: added to its square root, in units of the gradient, not negative.
    """

    beta2: float = 0.99
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        """Check both numbers.

        Raises:
            ValueError: where ``beta2`` lies outside [0, 1) or ``epsilon`` is negative.
        """
        check_beta("beta2", self.beta2)
        if not (math.isfinite(self.epsilon) and self.epsilon >= 0):
            raise ValueError(f"epsilon is {self.epsilon}; expected a finite number, 0 or larger.")

    def initial(self, w: Tensor) -> Tensor | None:
        """Give zero, ``()``."""
        return w.new_zeros(())

    def target(self, g: Tensor, m: Tensor | None) -> Tensor | None:
        """Give ``|g|^2``, ``(...)``."""
        return g.square().sum(-1)

    def preconditioner(self, nu: Tensor | None) -> Preconditioner:
        """Give ``sqrt(nu) + epsilon``, equations (25) and (34)."""
        return Diagonal(nu.sqrt().add_(self.epsilon))  # type: ignore[union-attr]


@dataclass(frozen=True)
class PerComponentSecondMoment(ScalarSecondMoment):
    """A second moment for each weight: the EMA of the squared gradient, equations (32), (34)."""

    def initial(self, w: Tensor) -> Tensor | None:
        """Give zeros, ``(d,)``."""
        return torch.zeros_like(w)

    def target(self, g: Tensor, m: Tensor | None) -> Tensor | None:
        """Give the elementwise square of ``g``, ``(..., d)``."""
        return g.square()


# --- the rule ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class UpdateRule:
    """One optimizer of the family; everything else in the project is derived from its methods.

    Attributes:
        learning_rate: step size ``eta``, positive.
        momentum: where the gradient is taken and which direction it makes.
        second_moment: what is followed and which preconditioner it gives.
        bias_correction: divide both moments by ``1 - beta^(t+1)``, equations (278)-(284).
    """

    learning_rate: float
    momentum: NoMomentum = NoMomentum()
    second_moment: NoSecondMoment = NoSecondMoment()
    bias_correction: bool = False

    def __post_init__(self) -> None:
        """Check the learning rate, and that the combination means something.

        Raises:
            ValueError: where the learning rate is not a positive finite number, or where Nesterov's
                look-ahead point is asked for together with a preconditioner.
        """
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise ValueError(
                f"learning_rate is {self.learning_rate}; expected a positive finite number."
            )
        preconditioned = type(self.second_moment) is not NoSecondMoment
        if isinstance(self.momentum, Nesterov) and preconditioned:
            raise ValueError(
                "Nesterov's look-ahead point is defined without a second moment only; "
                "use Dozat's form (nadam, scalar_nadam) with one."
            )

    @property
    def has_moment(self) -> bool:
        """Whether the state holds a first moment, that is whether ``D = 2d``."""
        return self.momentum.has_moment

    @property
    def threshold(self) -> float:
        """Threshold of the (preconditioned) sharpness, Table 2, in units of curvature."""
        return 2 / self.learning_rate * self.momentum.threshold_factor

    def split(self, z: Tensor) -> tuple[Tensor, Tensor | None]:
        """Split points ``(..., D)`` into ``w`` and ``m`` (``None`` where there is none)."""
        if not self.has_moment:
            return z, None
        w, m = z.chunk(2, dim=-1)
        return w, m

    def initial_state(self, w: Tensor) -> State:
        """Give the state before the first step: both moments zero.

        Args:
            w: initial weights, ``(d,)``.
        """
        z = torch.cat((w, torch.zeros_like(w))) if self.has_moment else w.clone()
        return State(z, self.second_moment.initial(w))

    def corrections(self, t: float) -> tuple[float, float]:
        """Give ``(c1, c2)``, equation (278), for the step ``t -> t + 1``; else ``(1, 1)``.

        Args:
            t: steps already taken. A flow may ask for times between two steps.
        """
        if not self.bias_correction:
            return 1.0, 1.0
        return 1 - self.momentum.beta ** (t + 1), 1 - self.second_moment.beta2 ** (t + 1)

    def gradient_point(self, z: Tensor) -> Tensor:
        """Give where the gradient is taken, ``(..., d)``, for points ``z``, ``(..., D)``."""
        return self.momentum.gradient_point(*self.split(z), self.learning_rate)

    def preconditioner(self, nu: Tensor | None, c2: float = 1.0) -> Preconditioner:
        """Give ``P(nu / c2)``."""
        return self.second_moment.preconditioner(nu if nu is None or c2 == 1 else nu / c2)

    def displacement(
        self,
        z: Tensor,
        g: Tensor,
        preconditioner: Preconditioner,
        c1: float = 1.0,
        out: Tensor | None = None,
    ) -> Tensor:
        """Give the displacement ``F`` of one step, equations (15), (42), (206), (281).

        Args:
            z: points, ``(..., D)``.
            g: gradients at ``gradient_point(z)``, ``(..., d)``.
            preconditioner: ``P``, the same for all points.
            c1: first moment's bias correction.
            out: where to write it, ``(..., D)``; a new tensor where left out.

        Returns:
            ``F``, ``(..., D)``, in units of ``z`` per step.
        """
        # What a flow costs beside its gradients is passes over z: here is one where it can be.
        w, m = self.split(z)
        direction = self.momentum.direction(m, g)
        step = preconditioner.inv(direction)
        rate = -self.learning_rate / c1
        if out is None:  # autograd goes through this one
            parts = (
                [step * rate] if m is None else [step * rate, (1 - self.momentum.beta) * (g - m)]
            )
            return torch.cat(parts, dim=-1)
        torch.mul(step, rate, out=out[..., : w.shape[-1]])
        if m is not None:
            torch.sub(g, m, out=out[..., w.shape[-1] :]).mul_(1 - self.momentum.beta)
        return out

    def second_moment_rate(self, nu: Tensor | None, z: Tensor, g: Tensor) -> Tensor | None:
        """Give ``(1 - beta2)(target - nu)``, the target averaged over a stack: (27), (33), (46).

        Args:
            nu: second moment, ``None``, ``()`` or ``(d,)``.
            z: stack of points, ``(k, D)``.
            g: gradients there, ``(k, d)``.

        Returns:
            Change of ``nu`` per step, shaped as ``nu``.
        """
        if nu is None:
            return None
        _, m = self.split(z)
        # One after the other: a stack of squares would be one more array to be filled.
        targets = (
            self.second_moment.target(g[i], None if m is None else m[i]) for i in range(len(g))
        )
        total = next(targets).clone()  # type: ignore[union-attr]
        for target in targets:
            total.add_(target)  # type: ignore[arg-type]
        return total.div_(len(g)).sub_(nu).mul_(1 - self.second_moment.beta2)

    def step(self, objective: Objective, state: State, t: int) -> State:
        """Take the discrete step from ``t`` to ``t + 1`` (``t`` counts from 0).

        The second moment is updated before it is used: ``P`` is that of ``t + 1``, equation (26).

        Args:
            objective: the loss.
            state: state at ``t``.
            t: number of steps already taken.
        """
        z = state.z.unsqueeze(0)
        g = objective.gradients(self.gradient_point(z))
        rate = self.second_moment_rate(state.nu, z, g)
        nu = None if rate is None else state.nu + rate  # type: ignore[operator]
        c1, c2 = self.corrections(t)
        displacement = self.displacement(z, g, self.preconditioner(nu, c2), c1)
        return State(state.z + displacement[0], nu)


# --- the rows ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """A named optimizer of the family.

    Attributes:
        title: how it is called in prose.
        momentum: class of its momentum.
        second_moment: class of its second moment.
        bias_correction: whether its moments are corrected.
    """

    title: str
    momentum: type[NoMomentum] = NoMomentum
    second_moment: type[NoSecondMoment] = NoSecondMoment
    bias_correction: bool = False

    @property
    def hyperparameters(self) -> tuple[str, ...]:
        """Names beside the learning rate: the fields of both classes, ``beta`` as ``beta1``."""
        own = [f.name for f in dataclasses.fields(self.momentum)] if self._has_moment else []
        own = ["beta1" if name == "beta" else name for name in own]
        return (*own, *(f.name for f in dataclasses.fields(self.second_moment)))

    def rule(self, learning_rate: float, **hyperparameters: float) -> UpdateRule:
        """Give the update rule with these hyperparameters; those left out keep their defaults."""
        known = [f.name for f in dataclasses.fields(self.momentum)]
        given = {("beta" if k == "beta1" else k): v for k, v in hyperparameters.items()}
        first = {k: given.pop(k) for k in list(given) if k in known}
        if self._has_moment:
            first.setdefault("beta", 0.9)
        momentum, second_moment = self.momentum(**first), self.second_moment(**given)
        return UpdateRule(learning_rate, momentum, second_moment, self.bias_correction)

    @property
    def _has_moment(self) -> bool:
        return self.momentum.has_moment


OPTIMIZERS: dict[str, Row] = {
    "gd": Row("gradient descent"),
    "heavy_ball": Row("heavy ball", HeavyBall),
    "nesterov": Row("Nesterov", Nesterov),
    "scalar_rmsprop": Row("scalar RMSProp", NoMomentum, ScalarSecondMoment),
    "rmsprop": Row("RMSProp", NoMomentum, PerComponentSecondMoment),
    "scalar_adam": Row("scalar Adam", HeavyBall, ScalarSecondMoment, True),
    "adam": Row("Adam", HeavyBall, PerComponentSecondMoment, True),
    "scalar_nadam": Row("scalar NAdam", Dozat, ScalarSecondMoment, True),
    "nadam": Row("NAdam", Dozat, PerComponentSecondMoment, True),
}
"""The paper's eight optimizers and gradient descent, by name. A tenth is one more row."""


def make_rule(name: str, learning_rate: float, **hyperparameters: float | None) -> UpdateRule:
    """Give the update rule of a row of ``OPTIMIZERS``.

    Args:
        name: the row.
        learning_rate: step size, positive.
        **hyperparameters: what the row's ``hyperparameters`` name: ``beta1`` (0.9 where it is
            left out or ``None``), ``beta2`` (0.99), ``epsilon`` (1e-8), or a row's own.

    Raises:
        ValueError: for an unknown name, a hyperparameter that the row does not have, or a value
            out of range.

    Example:
        >>> round(make_rule("adam", 1e-3, beta1=0.5).threshold, 6)
        6000.0
    """
    if name not in OPTIMIZERS:
        raise ValueError(f"unknown optimizer {name!r}; expected one of {', '.join(OPTIMIZERS)}.")
    row = OPTIMIZERS[name]
    given = {key: value for key, value in hyperparameters.items() if value is not None}
    for key in given:
        if key not in row.hyperparameters:
            has = ", ".join(("learning_rate", *row.hyperparameters))
            raise ValueError(f"{row.title} has no {key}; it takes {has}.")
    return row.rule(learning_rate, **given)
