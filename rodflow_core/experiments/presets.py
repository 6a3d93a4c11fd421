"""What a run is, and what each (preset, optimizer, architecture) runs with: one table."""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

ARCHITECTURES = ("mlp", "cnn", "vit")
DTYPES = ("float32", "float64")


@dataclass(frozen=True)
class RunConfig:
    """Everything that determines the numbers of a run.

    Attributes:
        optimizer: a row of ``OPTIMIZERS``.
        architecture: ``mlp``, ``cnn`` or ``vit``.
        learning_rate: step size.
        beta1: decay of the first moment, where the optimizer has one.
        beta2: decay of the second moment, where it has one.
        epsilon: added to the square root of the second moment.
        warmup: discrete steps before the flows start.
        steps: steps side by side.
        data: ``digits`` or ``cifar10``.
        data_path: local ``.npz`` with CIFAR-10 images.
        examples: size of the balanced subset.
        sizes: sizes of the architecture that differ from its defaults.
        loss: ``mse`` or ``cross_entropy``.
        rank: eigenpairs of the extent tensor kept.
        leak: share of the drift that seeds the drift-free rod.
        substeps: Euler substeps of the flows per step.
        backward_error: add the backward-error correction to both flows.
        spectrum_every: steps between two eigensolves.
        eigenvalues: leading eigenvalues in each.
        microbatch: examples in one pass; all where it is left out.
        stacked: gradients at both endpoints in one vectorised pass.
        seed: of the initial weights and of the subset.
        dtype: ``float32`` or ``float64``.
        device: a torch device.
    """

    optimizer: str
    architecture: str
    learning_rate: float
    beta1: float | None = None
    beta2: float | None = None
    epsilon: float | None = None
    warmup: int = 600
    steps: int = 300
    data: str = "digits"
    data_path: str | None = None
    examples: int = 200
    sizes: Mapping[str, object] = field(default_factory=dict)
    loss: str = "mse"
    rank: int = 2
    leak: float = 1e-6
    substeps: int = 4
    backward_error: bool = False
    spectrum_every: int = 10
    eigenvalues: int = 3
    microbatch: int | None = None
    stacked: bool = False
    seed: int = 0
    dtype: str = "float64"
    device: str = "cpu"

    def __post_init__(self) -> None:
        """Check what the modules that use it would not.

        Raises:
            ValueError: for an unknown architecture or dtype.
        """
        member("architecture", self.architecture, ARCHITECTURES)
        member("dtype", self.dtype, DTYPES)

    def as_dict(self) -> dict[str, object]:
        """Give the configuration as plain JSON values."""
        return {**dataclasses.asdict(self), "sizes": dict(self.sizes)}

    @property
    def fingerprint(self) -> str:
        """Short hash of the configuration: of the content of a data file, not of its path."""
        content = self.as_dict()
        if self.data_path is not None and Path(self.data_path).is_file():
            content["data_path"] = hashlib.sha256(Path(self.data_path).read_bytes()).hexdigest()
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:10]

    def replace(self, **changes: object) -> RunConfig:
        """Give the configuration with some fields changed.

        Raises:
            ValueError: for a name that is not a field.
        """
        known = [f.name for f in dataclasses.fields(self)]
        for key in changes:
            member("parameter", key, known)
        return dataclasses.replace(self, **changes)


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

PRESETS: dict[str, dict[str, object]] = {
    "smoke": {"data": "digits", "examples": 50, "warmup": 20, "steps": 10, "spectrum_every": 5},
    "quick": {"data": "digits", "spectrum_every": 20},
    "cifar": {"data": "cifar10", "examples": 1000, "steps": 400, "dtype": "float32"},
    "paper": {"data": "cifar10", "examples": 5000, "steps": 2000, "dtype": "float32"},
}
"""What each preset sets; regime and sizes give the rest."""

SCALE: dict[str, dict[str, int]] = {
    "mlp": {"examples": 500, "steps": 300},
    "cnn": {"examples": 200, "steps": 300},
    "vit": {"examples": 200, "steps": 200},
}
"""What a preset that does not say otherwise takes by architecture: a minute or so each."""


def preset(name: str, optimizer: str, architecture: str, **changes: object) -> RunConfig:
    """Give the configuration of a row of the table.

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
    values = {**SCALE[architecture], **PRESETS[name]}
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
    for key in changes:
        member("parameter", key, [f.name for f in dataclasses.fields(RunConfig)])
    return RunConfig(optimizer, architecture, **{**values, **changes})


def preset_of(config: RunConfig) -> str | None:
    """Give the preset of which a configuration is exactly a row; ``None`` where it is of none."""
    for name in PRESETS:
        try:
            row = preset(name, config.optimizer, config.architecture)
        except ValueError:
            continue
        if row == config:
            return name
    return None


def member(what: str, value: object, allowed: Iterable[object]) -> None:
    """Check that a value is one of those allowed.

    Raises:
        ValueError: where it is not; names the nearest one that is.
    """
    known = [str(a) for a in allowed]
    if value not in known:
        near = difflib.get_close_matches(str(value), known, 1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        raise ValueError(f"unknown {what} {value!r}{hint}; expected one of {', '.join(known)}.")
