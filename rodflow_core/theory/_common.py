"""What every closed form shares: argument checks, small matrices, the family of updates."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Real = float | NDArray[np.float64]
"""A number or an array of them; several arrays are broadcast against each other."""

Momentum = Literal["none", "heavy_ball", "nesterov", "dozat"]
"""The four treatments of the first moment."""

MOMENTA: tuple[Momentum, ...] = ("none", "heavy_ball", "nesterov", "dozat")
"""All four, as values to go through."""

OPTIMIZER_MOMENTUM: dict[str, Momentum] = {
    "gd": "none",
    "heavy_ball": "heavy_ball",
    "nesterov": "nesterov",
    "scalar_rmsprop": "none",
    "rmsprop": "none",
    "scalar_adam": "heavy_ball",
    "adam": "heavy_ball",
    "scalar_nadam": "dozat",
    "nadam": "dozat",
}
"""The first moment of each of the nine optimizers of Table 2."""


class UpdateWeights(NamedTuple):
    """The weights (a, b, l) of one linear momentum update.

    ``w' = w - eta (a m + b g)``, ``m' = beta m + (1 - beta) g``, with the gradient g taken at
    ``w - eta l m``. Our own notation: it covers (8)-(9), (69)-(71) and (211)-(212) at once.

    Attributes:
        moment: a, the weight of the first moment in the step.
        gradient: b, that of the gradient.
        look_ahead: l, how far ahead along the moment the gradient is taken.
    """

    moment: Real
    gradient: Real
    look_ahead: Real


def require(condition: object, message: str) -> None:
    """Raise ``ValueError(message)`` unless the condition holds everywhere (NaN does not)."""
    if not np.all(condition):  # type: ignore[call-overload]
        raise ValueError(message)


def check_learning_rate(learning_rate: Real) -> None:
    """Raise ValueError unless the learning rate is positive and finite."""
    ok = (np.asarray(learning_rate) > 0) & np.isfinite(learning_rate)
    require(ok, f"learning_rate must be positive and finite, got {learning_rate}: pass a rate > 0.")


def check_beta(beta: Real, name: str = "beta") -> None:
    """Raise ValueError unless the averaging coefficient lies in [0, 1)."""
    ok = (np.asarray(beta) >= 0) & (np.asarray(beta) < 1)
    require(ok, f"{name} must lie in [0, 1), got {beta}: pass a coefficient below one.")


def check_sharpness(sharpness: Real, *, positive: bool = False) -> None:
    """Raise ValueError unless the sharpness is finite (and positive where that is needed)."""
    ok = np.isfinite(sharpness)
    if positive:
        ok = ok & (np.asarray(sharpness) > 0)
    kind = "positive and finite" if positive else "finite"
    require(ok, f"sharpness must be {kind}, got {sharpness}: pass the curvature at the minimum.")


def check_kappa(kappa: Real) -> None:
    """Raise ValueError unless the quartic coefficient is positive and finite."""
    ok = (np.asarray(kappa) > 0) & np.isfinite(kappa)
    require(ok, f"kappa must be positive and finite, got {kappa}: pass a loss that flattens out.")


def update_weights(momentum: Momentum | UpdateWeights, beta: Real) -> UpdateWeights:
    """Weights (a, b, l) of a named momentum: (1), (15), (22)-(23), (48).

    none (0, 1, 0); heavy ball (beta, 1 - beta, 0); Nesterov (beta, 1 - beta, beta);
    Dozat (beta^2, 1 - beta^2, 0). Weights that are already given pass through, so that a new
    update rule has its thresholds and fixed points without a new function.

    Raises:
        ValueError: beta outside [0, 1), or an unknown name.
    """
    check_beta(beta)
    if isinstance(momentum, UpdateWeights):
        return momentum
    if momentum == "none":
        return UpdateWeights(0.0, 1.0, 0.0)
    if momentum == "heavy_ball":
        return UpdateWeights(beta, 1 - beta, 0.0)
    if momentum == "nesterov":
        return UpdateWeights(beta, 1 - beta, beta)
    if momentum == "dozat":
        return UpdateWeights(beta**2, 1 - beta**2, 0.0)
    raise ValueError(f"Unknown momentum {momentum!r}: choose one of {', '.join(MOMENTA)}.")


def named_momentum(momentum: str, allowed: tuple[str, ...]) -> None:
    """Raise ValueError unless the momentum is one of those that the formula covers."""
    if momentum not in allowed:
        raise ValueError(
            f"No closed form for momentum {momentum!r} here: choose one of {', '.join(allowed)}."
        )


def matrix(rows: list[list[Real]]) -> NDArray[np.float64]:
    """Stack broadcast entries into an array of shape (..., rows, columns)."""
    entries = np.broadcast_arrays(*[np.asarray(x, dtype=np.float64) for row in rows for x in row])
    stacked = np.stack(entries, axis=-1)
    return stacked.reshape(*stacked.shape[:-1], len(rows), len(rows[0]))
