"""The quantities of appendix H.3 under their paper names, and two that tell a run's regime."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from rodflow_core.optimizers import State, UpdateRule


class Quantity(NamedTuple):
    """How a recorded quantity is to be read.

    Attributes:
        long_name: in words.
        units: its units; ``1`` for pure numbers.
    """

    long_name: str
    units: str


OPTIMIZER_QUANTITIES: dict[str, Quantity] = {
    "disc_loss_w": Quantity("loss at the optimizer's iterate", "1"),
    "disc_loss_wbar": Quantity("loss at the optimizer's centre", "1"),
    "disc_delta_norms": Quantity("half-displacement |delta| of the optimizer", "weight"),
    "disc_mu_norms": Quantity("first-moment half-displacement |mu| of the optimizer", "gradient"),
    "nu_norm_disc": Quantity("norm of the optimizer's second moment, centred", "gradient^2"),
    "disc_mean_ess": Quantity("mean effective step size, mean of eta / P", "weight / gradient"),
    "disc_oscillation": Quantity("|w(t) - 2 w(t-1) + w(t-2)| / 4", "weight"),
    "disc_drift": Quantity("|w(t) - w(t-2)| / 4", "weight"),
    "disc_mu_oscillation": Quantity("|m(t) - 2 m(t-1) + m(t-2)| / 4", "gradient"),
}
"""What is recorded of the discrete optimizer at every step."""


def flow_quantities(tag: str, title: str, is_rod: bool) -> dict[str, Quantity]:
    """Give what is recorded of a flow at every step.

    Args:
        tag: short name: ``sf`` and ``rod`` give the paper's names.
        title: how the flow is called in words.
        is_rod: whether it has an extent.
    """
    quantities = {
        f"{tag}_loss_wbar" if is_rod else f"{tag}_loss": Quantity(f"loss at the {title}", "1"),
        f"nu_norm_{tag}": Quantity(f"norm of the {title}'s second moment", "gradient^2"),
        f"dist_wbar_disc_to_{tag}": Quantity(
            f"distance of the {title} from the optimizer's centre", "weight"
        ),
    }
    if is_rod:
        alignment = "cos_delta_alignment" if tag == "rod" else f"cos_delta_alignment_{tag}"
        quantities |= {
            f"delta_norm_{tag}": Quantity(f"half-displacement |delta| of the {title}", "weight"),
            f"mu_norm_{tag}": Quantity(
                f"first-moment half-displacement |mu| of the {title}", "gradient"
            ),
            alignment: Quantity(f"|cos| between delta of the {title} and of the optimizer", "1"),
        }
    return quantities


def spectrum_name(tag: str, preconditioned: bool = True) -> str:
    """Give the paper's name of a (preconditioned) sharpness; ``tag`` may be ``disc``."""
    suffix = "" if tag == "sf" else "_wbar"
    return f"{tag}_{'pre_' if preconditioned else ''}sharpness{suffix}"


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
