"""What a run is: every number that determines it, in one flat table."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rodflow_core.experiments.parameters import (
    Parameter,
    check,
    hint,
    one_of,
    real,
    several,
    switch,
    table,
    text,
    whole,
)

ARCHITECTURES = ("mlp", "cnn", "vit")
"""Names of the networks that a configuration may ask for."""
DTYPES = ("float32", "float64")
"""Precisions in which a run may compute."""
VERIFY_TOLERANCE = {"float64": 1e-6, "float32": 1e-3}
"""By how much a run may differ that is computed again, where nothing else is said.

In float32, on two threads instead of one, an MLP on CIFAR-10 under gradient descent, below the edge
after a warm-up of 50, came within it for a few steps and to 0.0012 in twenty. At the edge it tells
one trajectory from another: after 600 steps of warm-up they were 0.12 apart, after 1,000 of Adam's
0.94. There the record's own thread count is to be taken, and the bits are the same.
"""
FLOWS = ("sf", "rod", "free", "floor")
"""Flows that a run holds unless it says otherwise: stable, the paper's rod, the drift-free rod, and
the shifted copy that is the sensitivity floor."""

DATA = ("digits", "cifar10")
"""Data sets that a configuration may ask for."""
LOSSES = ("mse", "cross_entropy")
"""Losses that a configuration may ask for."""

FIELDS: dict[str, Parameter] = {
    "optimizer": text("gd, heavy_ball, nesterov, adam, ..."),
    "learning_rate": real("step size", above=0),
    "beta1": real("decay of the first moment", least=0, below=1).or_none(),
    "beta2": real("decay of the second moment", least=0, below=1).or_none(),
    "epsilon": real("added to the square root of the second moment", least=0).or_none(),
    "hyperparameters": table("those of an optimizer of one's own"),
    "problem": text("a problem of one's own").or_none(),
    "architecture": one_of(ARCHITECTURES, "the network"),
    "sizes": table("sizes of the architecture that differ from its defaults"),
    "data": one_of(DATA, "where the images come from; digits are embedded"),
    "data_path": text("local .npz with CIFAR-10 images and labels").or_none(),
    "examples": whole("size of the class-balanced subset", least=1),
    "loss": one_of(LOSSES, "the loss"),
    "microbatch": whole("examples in one pass", least=1).or_none("all"),
    "stacked": switch("gradients at both endpoints in one vectorised pass"),
    "seed": whole("of the initial weights and of the subset"),
    "warmup": whole("discrete steps before the flows start", least=2),
    "steps": whole("steps side by side", least=1),
    "flows": several(text(), "tags of the flows of the run", least=0),
    "rank": whole("eigenpairs of the extent tensor kept", least=1, most=1000),
    "leak": real("share of the drift that seeds the drift-free rod", least=0, most=1),
    "substeps": whole("Euler substeps of the flows per step", least=1, most=100_000),
    "integrators": table("how flows are integrated, by tag"),
    "backward_error": switch("add the correction of F.2"),
    "spectrum_every": whole("steps between two eigensolves, 0 for none"),
    "eigenvalues": whole("leading eigenvalues in each eigensolve", least=1, most=100),
    "spectrum_tolerance": real(
        "residual of an eigenpair relative to the largest eigenvalue", above=0, below=1
    ),
    "raw_spectrum": switch("record the sharpness without preconditioner too"),
    "dtype": one_of(DTYPES, "precision"),
    "device": text("a torch device, for example cpu or cuda"),
    "threads": whole("of torch, 1 unless said otherwise", least=1, most=1024),
}
"""What each field of a configuration may be; command line and notebooks ask for the same."""

NOT_COMPARED = ("data_path",)
"""Fields that say where something lies, not what it is; what lies there has a digest."""


@dataclass(frozen=True)
class RunConfig:
    """Everything that determines the numbers of a run, beside its problem's own digest.

    Attributes:
        optimizer: a row of ``OPTIMIZERS``.
        learning_rate: step size.
        beta1: decay of the first moment, where the optimizer has one.
        beta2: decay of the second moment, where it has one.
        epsilon: added to the square root of the second moment.
        hyperparameters: those of an optimizer of one's own, by name.
        problem: title or ``package.module:function`` of a problem of one's own; the fields from
            ``architecture`` to ``stacked`` and ``seed`` are not used then.
        architecture: ``mlp``, ``cnn`` or ``vit``.
        sizes: sizes of the architecture that differ from its defaults.
        data: ``digits`` or ``cifar10``.
        data_path: local ``.npz`` with CIFAR-10 images.
        examples: size of the balanced subset.
        loss: ``mse`` or ``cross_entropy``.
        microbatch: examples in one pass; all where it is left out.
        stacked: gradients at both endpoints in one vectorised pass.
        seed: of the initial weights and of the subset.
        warmup: discrete steps before the flows start.
        steps: steps side by side.
        flows: tags of the flows, of ``runs.FLOWS``.
        rank: eigenpairs of the extent tensor kept.
        leak: share of the drift that seeds the drift-free rod.
        substeps: Euler substeps of the flows per step, where ``integrators`` says nothing else.
        integrators: how flows are integrated, by tag: ``{"rod": "rk4"}``.
        backward_error: add the backward-error correction to the flows.
        spectrum_every: steps between two eigensolves; 0 for none.
        eigenvalues: leading eigenvalues in each.
        spectrum_tolerance: residual of an eigenpair relative to the largest eigenvalue.
        raw_spectrum: record the sharpness without preconditioner too.
        dtype: ``float32`` or ``float64``.
        device: a torch device.
        threads: of torch; sums in another order give other bits.

    Raises:
        ValueError: for an unknown name, or a number of the wrong kind.

    Example:
        >>> RunConfig("gd", 0.1).replace(steps=100).steps
        100
    """

    optimizer: str
    learning_rate: float
    beta1: float | None = None
    beta2: float | None = None
    epsilon: float | None = None
    hyperparameters: Mapping[str, float] = field(default_factory=dict)
    problem: str | None = None
    architecture: str = "mlp"
    sizes: Mapping[str, Any] = field(default_factory=dict)
    data: str = "digits"
    data_path: str | None = None
    examples: int = 200
    loss: str = "mse"
    microbatch: int | None = None
    stacked: bool = False
    seed: int = 0
    warmup: int = 600
    steps: int = 300
    flows: tuple[str, ...] = FLOWS
    rank: int = 2
    leak: float = 1e-6
    substeps: int = 4
    integrators: Mapping[str, str] = field(default_factory=dict)
    backward_error: bool = False
    spectrum_every: int = 5
    eigenvalues: int = 3
    spectrum_tolerance: float = 1e-4
    raw_spectrum: bool = False
    dtype: str = "float64"
    device: str = "cpu"
    threads: int = 1

    def __post_init__(self) -> None:
        """Check kinds, and what the modules that use it would not."""
        values = {name: getattr(self, name) for name in FIELDS}
        if self.problem is not None:
            del values["architecture"]
        object.__setattr__(self, "flows", tuple(check(FIELDS, values)["flows"]))

    def as_dict(self) -> dict[str, object]:
        """Give the configuration as plain JSON values."""
        values = dataclasses.asdict(self)
        for name in ("hyperparameters", "sizes", "integrators"):
            values[name] = dict(values[name])
        values["flows"] = list(self.flows)
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> RunConfig:
        """Give the configuration that `as_dict` described; fields it did not know are as default.

        Raises:
            ValueError: for a field that there is not.
        """
        known = {f.name for f in dataclasses.fields(cls)}
        for key in values:
            member("parameter", key, known)
        return cls(**values)

    @property
    def fingerprint(self) -> str:
        """Short hash of the configuration: of what differs from the defaults, places left out.

        So a field that is added one day changes the name of no record.
        """
        defaults = RunConfig(self.optimizer, self.learning_rate).as_dict()
        needed = ("optimizer", "learning_rate")
        content = {
            k: v
            for k, v in self.as_dict().items()
            if k in needed or (k not in NOT_COMPARED and v != defaults[k])
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:10]

    def differences(self, other: RunConfig) -> list[str]:
        """Name the fields in which another configuration differs; places are not compared."""
        mine, theirs = self.as_dict(), other.as_dict()
        return [key for key in mine if key not in NOT_COMPARED and mine[key] != theirs[key]]

    def replace(self, **changes: Any) -> RunConfig:
        """Give the configuration with some fields changed.

        Raises:
            ValueError: for a name that is not a field.
        """
        known = [f.name for f in dataclasses.fields(self)]
        for key in changes:
            member("parameter", key, known)
        return dataclasses.replace(self, **changes)


def member(what: str, value: object, allowed: Iterable[object]) -> None:
    """Check that a value is one of those allowed.

    Raises:
        ValueError: where it is not; names the nearest one that is.

    Example:
        >>> member("dtype", "float64", DTYPES)
    """
    known = [str(a) for a in allowed]
    if value not in known:
        near = hint(value, known)
        raise ValueError(f"unknown {what} {value!r}{near}; expected one of {', '.join(known)}.")
