"""What each (preset, optimizer, architecture) runs with: one table."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

from rodflow_core.experiments.config import ARCHITECTURES, RunConfig, member


class Regime(NamedTuple):
    """Hyperparameters with which an optimizer oscillates at its edge more than it drifts.

    Attributes:
        learning_rate: step size.
        beta1: decay of the first moment, or ``None``.
        beta2: decay of the second moment, or ``None``.
        warmup: steps before the flows start.
        reason: why these.
    """

    learning_rate: float
    beta1: float | None
    beta2: float | None
    warmup: int
    reason: str


_DIGITS_MLP = {
    "gd": Regime(0.3, None, None, 600, "oscillation ten times the drift"),
    "heavy_ball": Regime(0.5, 0.3, None, 400, "beta1 = 0.9 does not reach the edge; 0.5 drifts"),
    "nesterov": Regime(0.3, 0.5, None, 600, "beta1 = 0.9 does not reach the edge"),
    "scalar_rmsprop": Regime(0.02, None, 0.99, 800, "before step 800 the extent can be drift"),
    "rmsprop": Regime(3e-4, None, 0.99, 600, "at the edge, loss far from zero"),
    "scalar_adam": Regime(0.03, 0.5, 0.9, 800, "beta2 = 0.99 drifts at every learning rate"),
    "adam": Regime(3e-3, 0.5, 0.95, 800, "beta1 = 0.9 drifts; beta2 = 0.99 gives half the ratio"),
    "scalar_nadam": Regime(0.1, 0.5, 0.99, 800, "at 0.03 drift and oscillation are equal"),
    "nadam": Regime(1e-3, 0.5, 0.99, 800, "at the edge, loss far from zero"),
}
_DIGITS_CNN = {
    "gd": Regime(0.4, None, None, 400, "0.2 and below drift"),
    "heavy_ball": Regime(0.8, 0.3, None, 400, "0.4 and below drift"),
    "nesterov": Regime(0.6, 0.5, None, 400, "0.4 drifts until step 600"),
    "scalar_rmsprop": Regime(0.1, None, 0.99, 400, "0.03 drifts until step 600"),
    "rmsprop": Regime(1e-3, None, 0.99, 600, "at the edge, loss far from zero"),
    "scalar_adam": Regime(0.1, 0.5, 0.9, 600, "the best of three: oscillation twice the drift"),
    "adam": Regime(1e-2, 0.5, 0.95, 400, "below, oscillation is under three times the drift"),
    "scalar_nadam": Regime(0.2, 0.5, 0.99, 400, "0.1 drifts"),
    "nadam": Regime(3e-3, 0.5, 0.99, 400, "at the edge, loss far from zero"),
}
_DIGITS_VIT = {
    "gd": Regime(0.1, None, None, 400, "at the edge, loss far from zero"),
    "heavy_ball": Regime(0.2, 0.3, None, 400, "0.8 diverges"),
    "nesterov": Regime(0.2, 0.5, None, 600, "0.1 drifts"),
    "scalar_rmsprop": Regime(0.03, None, 0.99, 400, "oscillation seven times the drift"),
    "rmsprop": Regime(3e-4, None, 0.99, 300, "1e-3 leaves no loss, 2e-4 drifts"),
    "scalar_adam": Regime(0.03, 0.5, 0.9, 600, "the best of three: oscillation twice the drift"),
    "adam": Regime(1e-3, 0.3, 0.95, 200, "beta1 = 0.5 drifts until no loss is left"),
    "scalar_nadam": Regime(0.06, 0.5, 0.99, 300, "0.03 drifts"),
    "nadam": Regime(5e-4, 0.5, 0.99, 300, "2e-4 drifts"),
}
# Read off short runs on 1,000 images with the MLP; CNN and ViT start from them, to be scouted.
_CIFAR = {
    "gd": Regime(0.1, None, None, 600, "at the edge within a few hundred steps"),
    "heavy_ball": Regime(0.2, 0.5, None, 600, "beta1 = 0.9 drifts early"),
    "nesterov": Regime(0.1, 0.9, None, 600, "at the edge within a few hundred steps"),
    "scalar_rmsprop": Regime(0.01, None, 0.99, 600, "at the edge within a few hundred steps"),
    "rmsprop": Regime(1e-4, None, 0.99, 600, "at the edge within a few hundred steps"),
    "scalar_adam": Regime(0.01, 0.5, 0.99, 800, "beta1 = 0.9 drifts early"),
    "adam": Regime(1e-4, 0.5, 0.99, 800, "beta1 = 0.9 drifts early"),
    "scalar_nadam": Regime(0.01, 0.5, 0.99, 800, "at the edge within a few hundred steps"),
    "nadam": Regime(1e-4, 0.9, 0.99, 800, "at the edge within a few hundred steps"),
}

REGIMES: dict[str, dict[str, dict[str, Regime]]] = {
    "digits": {"mlp": _DIGITS_MLP, "cnn": _DIGITS_CNN, "vit": _DIGITS_VIT},
    "cifar10": {"mlp": _CIFAR, "cnn": _CIFAR, "vit": _CIFAR},
}
"""Regimes by data set, architecture and optimizer: what `rodflow scout` found, and why."""

SIZES: dict[str, dict[str, dict[str, object]]] = {
    "digits": {"mlp": {}, "cnn": {}, "vit": {"heads": 1, "head_width": 16}},
    "cifar10": {
        "mlp": {"width": 64},
        "cnn": {"channels": [16, 32]},
        "vit": {"patch": 8, "width": 64, "mlp_width": 128, "heads": 4, "head_width": 16},
    },
}
"""Sizes of the architectures by data set, where they differ from the defaults."""

# On large networks an eigensolve is dear: the largest eigenvalue, to 0.1 % (its own residual says).
_LARGE: dict[str, object] = {"dtype": "float32", "eigenvalues": 1, "spectrum_tolerance": 1e-2}

_JUDGED = ("sf", "rod", "free", "floor", "sf_fine", "rod_fine", "free_fine")
RIVALS: dict[str, tuple[str, ...]] = {
    "gd": ("corrected", "central", "edge"),
    "scalar_rmsprop": ("central",),
    "rmsprop": ("central",),
    # The one optimizer on which Euler's method and Runge-Kutta 4 give different rods.
    "scalar_adam": ("rod_finer", "free_finer"),
}
"""What runs beside the judged models of an optimizer: the rival models that there are of it."""

PRESETS: dict[str, dict[str, object]] = {
    "smoke": {"data": "digits", "examples": 50, "warmup": 20, "steps": 10},
    "quick": {"data": "digits"},
    "cifar": {"data": "cifar10", "examples": 1000, "steps": 400, **_LARGE},
    "paper": {"data": "cifar10", "examples": 5000, **_LARGE},
}
"""What each preset sets; regime and sizes give the rest."""

_PLACES = ("data_path", "device", "threads")
"""Fields that say where and on what a run is computed: to change them explores nothing."""

PAPER_STEPS: dict[str, tuple[int, int]] = {
    "heavy_ball": (14000, 2000),
    "nesterov": (10000, 2000),
    "scalar_nadam": (1500, 2000),
}
"""The paper's warm-up and steps side by side (appendix H); of the others, 2,000 and 2,000."""

SCALE: dict[str, dict[str, int]] = {
    "mlp": {"examples": 500, "steps": 300},
    "cnn": {"examples": 200, "steps": 300},
    "vit": {"examples": 200, "steps": 200},
}
"""What a preset that does not say otherwise takes by architecture: a minute or so each."""


def preset(name: str, optimizer: str, architecture: str, **changes: object) -> RunConfig:
    """Give the configuration of a row of the table.

    The whole company of judged models and rivals comes with the row as it stands; a row that is
    changed is an exploration, and holds the usual four flows unless others are asked for.

    Args:
        name: the preset.
        optimizer: an update rule; one that has no row needs at least a ``learning_rate``.
        architecture: ``mlp``, ``cnn`` or ``vit``.
        **changes: fields of ``RunConfig`` to change; ``None`` leaves a field as it is.

    Raises:
        ValueError: for an unknown preset, architecture or field, or an optimizer that neither has
            a row nor is given a learning rate.
    """
    member("preset", name, PRESETS)
    member("architecture", architecture, ARCHITECTURES)
    changes = {key: value for key, value in changes.items() if value is not None}
    values: dict[str, object] = {**SCALE[architecture], **PRESETS[name]}
    if not set(changes) - set(_PLACES):
        values["flows"] = (*_JUDGED, *RIVALS.get(optimizer, ()))
    data = str(changes.get("data", values["data"]))
    values["sizes"] = SIZES.get(data, {}).get(architecture, {})
    regime = REGIMES.get(data, {}).get(architecture, {}).get(optimizer)
    if regime is not None:
        fields_ = regime._asdict()
        del fields_["reason"]
        values = {**fields_, **values}
    elif "learning_rate" not in changes:
        raise ValueError(
            f"there is no regime for {optimizer!r} on {data} and {architecture}; "
            "expected an optimizer of the table, or a learning_rate beside it."
        )
    if name == "paper":
        values["warmup"], values["steps"] = PAPER_STEPS.get(optimizer, (2000, 2000))
    for key in changes:
        member("parameter", key, [f.name for f in dataclasses.fields(RunConfig)])
    given: dict[str, Any] = {"optimizer": optimizer, "architecture": architecture}
    given |= {**values, **changes}
    return RunConfig(**given)


def preset_of(config: RunConfig) -> str | None:
    """Give the preset of which a configuration is exactly a row; ``None`` where it is of none."""
    for name in PRESETS:
        try:
            row = preset(name, config.optimizer, config.architecture)
        except ValueError:
            continue
        if not row.differences(config):
            return name
    return None
