"""What is recorded of a run: appendix H.3 under its paper names, and what tells a run's regime.

A quantity belongs to a *trajectory*, the optimizer (``disc``) or a flow by its tag, and has a
*kind*, such as ``loss`` or ``delta_norm``. `name_of` composes its recorded name from the two, for
the paper's trajectories the paper's; nothing takes a name apart again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import torch
from torch import Tensor

from rodflow_core.objective import Objective
from rodflow_core.optimizers import State, UpdateRule, midpoint

OPTIMIZER = "disc"
"""Tag of the discrete optimizer, as the paper has it."""


class Quantity(NamedTuple):
    """How a recorded quantity is to be read.

    Attributes:
        long_name: in words; ``{title}`` stands for the trajectory's.
        units: its units; ``1`` for pure numbers.
    """

    long_name: str
    units: str


OF_OPTIMIZER: Mapping[str, Quantity] = MappingProxyType(
    {
        "iterate_loss": Quantity("loss at the {title}'s iterate", "1"),
        "loss": Quantity("loss at the {title}'s centre", "1"),
        "delta_norm": Quantity("half-displacement |delta| of the {title}", "weight"),
        "mu_norm": Quantity("first-moment half-displacement |mu| of the {title}", "gradient"),
        "nu_norm": Quantity("norm of the {title}'s second moment, centred", "gradient^2"),
        "step_size": Quantity("mean effective step size, mean of eta / P", "weight / gradient"),
        "oscillation": Quantity("|w(t) - 2 w(t-1) + w(t-2)| / 4", "weight"),
        "drift": Quantity("|w(t) - w(t-2)| / 4", "weight"),
        "mu_oscillation": Quantity("|m(t) - 2 m(t-1) + m(t-2)| / 4", "gradient"),
    }
)
"""What is recorded of the discrete optimizer at every step."""

OF_FLOW: Mapping[str, Quantity] = MappingProxyType(
    {
        "loss": Quantity("loss at the {title}", "1"),
        "nu_norm": Quantity("norm of the {title}'s second moment", "gradient^2"),
        "distance": Quantity("distance of the {title} from the optimizer's centre", "weight"),
    }
)
"""What is recorded of every flow at every step; a flow adds its own."""

NOTHING: Mapping[str, Quantity] = MappingProxyType({})
"""What a flow without an extent adds."""

ROD: Mapping[str, Quantity] = MappingProxyType(
    {
        "delta_norm": Quantity("half-displacement |delta| of the {title}", "weight"),
        "mu_norm": Quantity("first-moment half-displacement |mu| of the {title}", "gradient"),
        "alignment": Quantity("|cos| between delta of the {title} and of the optimizer", "1"),
    }
)
"""What a flow with a rod adds."""

TWO_ENDS: Mapping[str, Quantity] = MappingProxyType(
    {**ROD, "iterate_loss": Quantity("loss of the iterates as the {title} has it", "1")}
)
"""What a flow adds whose rod stands for two iterates: their loss, the mean over its ends."""

_SPREAD = {
    "spread": Quantity("root of the trace of the oscillation's covariance, {title}", "weight"),
    "effective_rank": Quantity("effective rank of the oscillation's covariance, {title}", "1"),
}
EXTENT: Mapping[str, Quantity] = MappingProxyType({**TWO_ENDS, **_SPREAD})
"""What a flow with a whole extent tensor adds."""

COVARIANCE: Mapping[str, Quantity] = MappingProxyType(
    {
        **{kind: EXTENT[kind] for kind in ("delta_norm", "alignment", "iterate_loss")},
        **_SPREAD,
        "critical": Quantity("directions at the threshold, {title}", "1"),
        "complementarity": Quantity("residual of the complementarity problem, {title}", "1"),
    }
)
"""What a flow adds that has a covariance but no rod: central flow."""

OF_SPECTRUM: Mapping[str, Quantity] = MappingProxyType(
    {
        "preconditioned_sharpness": Quantity(
            "preconditioned sharpness at the {title}", "1 / learning rate"
        ),
        "sharpness": Quantity("sharpness at the {title}", "loss / weight^2"),
    }
)
"""Leading eigenvalues of the (preconditioned) Hessian, at the eigensolves."""

OF_SOLVE: Mapping[str, Quantity] = MappingProxyType(
    {
        "residual": Quantity("largest residual of the eigensolve", ""),
        "converged": Quantity("whether the eigensolve converged", "1"),
        "matvecs": Quantity("products that the eigensolve took", "1"),
    }
)
"""What is recorded of each eigensolve; the residual in the units of the eigenvalues."""

_PAPER_NAMES: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("disc", "iterate_loss"): "disc_loss_w",
        ("disc", "loss"): "disc_loss_wbar",
        ("disc", "delta_norm"): "disc_delta_norms",
        ("disc", "mu_norm"): "disc_mu_norms",
        ("disc", "step_size"): "disc_mean_ess",
        ("disc", "preconditioned_sharpness"): "disc_pre_sharpness_wbar",
        ("disc", "sharpness"): "disc_sharpness_wbar",
        ("sf", "preconditioned_sharpness"): "sf_pre_sharpness",
        ("rod", "loss"): "rod_loss_wbar",
        ("rod", "preconditioned_sharpness"): "rod_pre_sharpness_wbar",
        ("rod", "sharpness"): "rod_sharpness_wbar",
        ("rod", "alignment"): "cos_delta_alignment",
    }
)
_PATTERNS: Mapping[str, str] = MappingProxyType(
    {
        "nu_norm": "nu_norm_{tag}",
        "distance": "dist_wbar_disc_to_{tag}",
        "delta_norm": "delta_norm_{tag}",
        "mu_norm": "mu_norm_{tag}",
        "alignment": "cos_delta_alignment_{tag}",
        "preconditioned_sharpness": "{tag}_pre_sharpness",
    }
)


def name_of(tag: str, kind: str) -> str:
    """Give the recorded name of a quantity: the paper's where the paper has one.

    Example:
        >>> name_of("rod", "alignment"), name_of("my_rod", "loss")
        ('cos_delta_alignment', 'my_rod_loss')
    """
    pattern = _PATTERNS.get(kind, "{tag}_{kind}")
    return _PAPER_NAMES.get((tag, kind), pattern.format(tag=tag, kind=kind))


def half_displacement_norms(rule: UpdateRule, half: Tensor) -> tuple[float, float]:
    """Give ``|delta|`` and ``|mu|`` of a half-displacement, ``(D,)``; NaN where no ``m``."""
    delta, mu = rule.split(half)
    return float(delta.norm()), float("nan") if mu is None else float(mu.norm())


def nu_norm(nu: Tensor | None) -> float:
    """Give the norm of a second moment; NaN where there is none."""
    return float("nan") if nu is None else float(nu.norm())


def mean_effective_step_size(rule: UpdateRule, state: State, t: int) -> float:
    """Give the mean of the diagonal of ``eta P^-1``, in weight per gradient."""
    w, _ = rule.split(state.z)
    preconditioner = rule.preconditioner(state.nu, rule.corrections(t)[1])
    return rule.learning_rate * float(preconditioner.inv(torch.ones_like(w)).mean())


def centre_distance(rule: UpdateRule, a: Tensor, b: Tensor) -> float:
    """Give the distance of two phase-space points in weight space."""
    return float((rule.split(a)[0] - rule.split(b)[0]).norm())


def alignment(rule: UpdateRule, a: Tensor, b: Tensor) -> float:
    """Give ``|cos|`` between the weight parts of two half-displacements, whose signs are free."""
    a, b = rule.split(a)[0], rule.split(b)[0]
    return float((a @ b).abs() / (a.norm() * b.norm()))


def oscillation(w: Tensor, before: Tensor, long_before: Tensor) -> float:
    """Give ``|w(t) - 2 w(t-1) + w(t-2)| / 4``: the part of the motion that alternates."""
    return float((w - 2 * before + long_before).norm()) / 4


def drift(w: Tensor, long_before: Tensor) -> float:
    """Give ``|w(t) - w(t-2)| / 4``: the part of the motion that does not alternate."""
    return float((w - long_before).norm()) / 4


def of_rod(rule: UpdateRule, half: Tensor, truth: Tensor) -> dict[str, float]:
    """Give what a flow with a rod offers, `ROD`.

    Args:
        rule: the update rule.
        half: the flow's half-displacement, ``(D,)``.
        truth: the optimizer's, ``(D,)``.
    """
    delta, mu = half_displacement_norms(rule, half)
    return {"delta_norm": delta, "mu_norm": mu, "alignment": alignment(rule, half, truth)}


def of_ends(
    rule: UpdateRule, objective: Objective, z: Tensor, half: Tensor, truth: Tensor
) -> dict[str, float]:
    """Give what a flow offers whose rod stands for two iterates, `TWO_ENDS`.

    Args:
        rule: the update rule.
        objective: the loss.
        z: centre, ``(D,)``.
        half: half-displacement, ``(D,)``.
        truth: the optimizer's.
    """
    losses = [float(objective.value(rule.split(end)[0])) for end in (z + half, z - half)]
    return of_rod(rule, half, truth) | {"iterate_loss": sum(losses) / 2}


def of_covariance(factors: Tensor) -> dict[str, float]:
    """Give spread and effective rank, ``(tr S)^2 / tr S^2``, of a covariance ``S = A^T A``.

    Args:
        factors: the rows of ``A``, ``(r, d)``.

    Example:
        >>> of_covariance(2 * torch.eye(3)[:1])
        {'spread': 2.0, 'effective_rank': 1.0}
    """
    gram = factors @ factors.T
    trace, square = float(gram.trace()), float(gram.square().sum())
    # Not trace**2: the power of a number that is too large raises, the product is infinite.
    return {"spread": trace**0.5, "effective_rank": trace * trace / square if square else 0.0}


def of_optimizer(rule: UpdateRule, iterates: Sequence[State], t: int) -> dict[str, float]:
    """Give what is recorded of the optimizer at every step, but for its losses.

    Args:
        rule: the update rule.
        iterates: its last three states or more, newest last.
        t: discrete steps taken.
    """
    long_before, before, now = iterates[-3:]
    centre = midpoint(before, now)
    delta, mu = half_displacement_norms(rule, 0.5 * (now.z - before.z))
    (w, m), (w1, m1), (w2, m2) = (rule.split(s.z) for s in (now, before, long_before))
    has_moment = m is not None and m1 is not None and m2 is not None
    ringing = oscillation(m, m1, m2) if has_moment else float("nan")  # type: ignore[arg-type]
    return {
        "delta_norm": delta,
        "mu_norm": mu,
        "nu_norm": nu_norm(centre.nu),
        "step_size": mean_effective_step_size(rule, centre, t),
        "oscillation": oscillation(w, w1, w2),
        "drift": drift(w, w2),
        "mu_oscillation": ringing,
    }
