"""What each (preset, optimizer, architecture) runs with: one table."""

from __future__ import annotations

import dataclasses
from typing import Any

from rodflow_core.experiments.config import ARCHITECTURES, DATA, RunConfig, member
from rodflow_core.experiments.regimes import REGIMES, Regime

__all__ = [
    "PRESETS",
    "REGIMES",
    "RIVALS",
    "SIZES",
    "Regime",
    "preset",
    "preset_of",
    "rows",
    "variants",
]


SIZES: dict[str, dict[str, dict[str, object]]] = {
    "digits": {"mlp": {}, "cnn": {}, "vit": {"heads": 1, "head_width": 16}},
    "cifar10": {
        "mlp": {"width": 200},
        "cnn": {"channels": [8, 16]},
        "vit": {"patch": 8, "width": 32, "mlp_width": 64, "heads": 2, "head_width": 16},
    },
}
"""Sizes of the architectures by data set, where they differ from the defaults."""

PAPER_SIZES: dict[str, dict[str, object]] = {
    "mlp": {"width": 200},
    "cnn": {"channels": [16, 32]},
    "vit": {"patch": 4, "width": 64, "mlp_width": 128, "heads": 4, "head_width": 16},
}
"""Sizes of the preset ``paper``."""

PAPER_MICROBATCH: dict[str, int] = {"vit": 500}
"""Examples in one pass of the preset ``paper``, where all at once take too much memory: the ViT's
activations, which the paper microbatches too (what is left: ``benchmarks/paper.json``)."""

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
    "cifar": {"data": "cifar10", **_LARGE},
    "paper": {"data": "cifar10", "examples": 5000, **_LARGE},
}
"""What each preset sets; scale, regime and sizes give the rest."""

_PLACES = ("data_path", "device", "threads")
"""Fields that say where and on what a run is computed: to change them explores nothing."""

PAPER_STEPS: dict[str, tuple[int, int]] = {
    "heavy_ball": (14000, 2000),
    "nesterov": (10000, 2000),
    "scalar_nadam": (1500, 2000),
}
"""The paper's warm-up and steps side by side (appendix H); of the others, 2,000 and 2,000."""

SCALE: dict[str, dict[str, dict[str, int]]] = {
    "digits": {
        "mlp": {"examples": 500, "steps": 300},
        "cnn": {"examples": 200, "steps": 300},
        "vit": {"examples": 200, "steps": 200},
    },
    "cifar10": {
        "mlp": {"examples": 1000, "steps": 200},
        "cnn": {"examples": 500, "steps": 100},
        "vit": {"examples": 250, "steps": 100},
    },
}
"""Examples and steps by data set and architecture: a minute each on digits, five on CIFAR-10."""

LONGER = {("cifar", "adam", "mlp"): 300}
"""Steps of rows that are followed longer: Adam on the MLP, of which the variants are."""

_RIVALS_ON_CIFAR = ("sf", "rod", "free", "floor", "central")
VARIANTS: dict[str, dict[str, dict[str, object]]] = {
    "adam-mlp": {
        "seed1": {"seed": 1},
        "seed2": {"seed": 2},
        "early": {"warmup": 400, "steps": 150},
        "beta2": {"beta2": 0.99, "steps": 150},
        "fine": {"flows": _JUDGED, "steps": 150},
        "n2000": {"examples": 2000, "steps": 150},
        "float64": {"dtype": "float64", "steps": 150},
        "full": {"warmup": 2000, "steps": 2000, "spectrum_every": 10},
    },
    "gd-mlp": {"rivals": {"flows": (*_RIVALS_ON_CIFAR, "edge"), "steps": 100}},
    "gd-cnn": {"rivals": {"flows": (*_RIVALS_ON_CIFAR, "edge"), "steps": 100}},
    "scalar_rmsprop-mlp": {"rivals": {"flows": _RIVALS_ON_CIFAR, "steps": 100}},
    "scalar_rmsprop-cnn": {"rivals": {"flows": _RIVALS_ON_CIFAR, "steps": 30}},
    "rmsprop-mlp": {"rivals": {"flows": _RIVALS_ON_CIFAR, "steps": 100}},
    "rmsprop-cnn": {"rivals": {"flows": _RIVALS_ON_CIFAR, "steps": 30}},
}
"""What is recorded beside the rows of ``cifar``: one change each; rivals where there are any.

For time, changes of Adam's settings are followed for half the row's steps, and the two RMSProps
beside central flow on the CNN for 30 steps, not 100.
"""


def preset(name: str, optimizer: str, architecture: str, **changes: object) -> RunConfig:
    """Give the configuration of a row of the table.

    On the digits, the whole company of judged models and rivals comes with the row as it stands; a
    row that is changed is an exploration, and holds the usual four flows unless others are asked
    for, as do the rows on CIFAR-10.

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
    own = str(PRESETS[name]["data"])
    data = str(changes.get("data", own))
    member("data", data, DATA)
    values: dict[str, object] = {**SCALE[own][architecture], **PRESETS[name]}
    if own == "digits" and not set(changes) - set(_PLACES):
        values["flows"] = (*_JUDGED, *RIVALS.get(optimizer, ()))
    if (name, optimizer, architecture) in LONGER:
        values["steps"] = LONGER[name, optimizer, architecture]
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
        values["sizes"] = PAPER_SIZES[architecture] if data == own else values["sizes"]
        values["microbatch"] = PAPER_MICROBATCH.get(architecture)
    for key in changes:
        member("parameter", key, [f.name for f in dataclasses.fields(RunConfig)])
    given: dict[str, Any] = {"optimizer": optimizer, "architecture": architecture}
    given |= {**values, **changes}
    return RunConfig(**given)


def variants(name: str, optimizer: str, architecture: str) -> dict[str, RunConfig]:
    """Give what is recorded beside a row of a preset, by name."""
    if name != "cifar":
        return {}
    known = VARIANTS.get(f"{optimizer}-{architecture}", {})
    return {key: preset(name, optimizer, architecture, **changes) for key, changes in known.items()}


def rows(name: str) -> dict[str, RunConfig]:
    """Give all that a preset records, by the name of the file without its suffix.

    Adam first, then the other optimizers on all architectures, then what is recorded beside.

    Raises:
        ValueError: for an unknown preset.
    """
    member("preset", name, PRESETS)
    tables = REGIMES[str(PRESETS[name]["data"])]
    optimizers = dict.fromkeys(("adam", *(o for table in tables.values() for o in table)))
    cells = [(o, a) for o in optimizers for a in tables if o in tables[a]]
    found = {f"{o}-{a}-{name}": preset(name, o, a) for o, a in cells}
    for o, a in cells:
        found |= {f"{o}-{a}-{name}-{key}": c for key, c in variants(name, o, a).items()}
    return found


def preset_of(config: RunConfig) -> str | None:
    """Give the preset of which a configuration is exactly a row; ``None`` where it is of none.

    Of what is recorded beside a row, the preset and its own name: ``cifar-seed1``.
    """
    for name in PRESETS:
        try:
            row = preset(name, config.optimizer, config.architecture)
            beside = variants(name, config.optimizer, config.architecture)
        except ValueError:
            continue
        named = {name: row, **{f"{name}-{key}": other for key, other in beside.items()}}
        for key, candidate in named.items():
            if not candidate.differences(config):
                return key
    return None
