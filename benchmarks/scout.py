"""Scout CIFAR-10: follow each optimizer on each network until it settles at its edge.

    RODFLOW_CIFAR10=cifar10.npz python benchmarks/scout.py adam-mlp adam-cnn ...

What is tried, in which order, stands in `TRIES`; the rule is `regimes.choose`. Both were fixed
before any flow of a cell ran; steps with which gradient descent and Nesterov diverged at once were
replaced by smaller ones, and the band of the rule was moved once, as the page on CIFAR-10 says. A
setting is followed to `LAST` and looked at every `EVERY` steps; it is left as soon as it settles,
and with it the cell. What was seen is kept in `rodflow_core/experiments/scouted_cifar10.json`, cell
by cell; a cell that is there is not scouted again. No flow is run here.
"""

from __future__ import annotations

import fcntl
import json
import os
import platform
import sys
import time
from collections.abc import Iterator

import torch

from rodflow_core.experiments import regimes, runs
from rodflow_core.experiments.config import RunConfig
from rodflow_core.experiments.presets import PRESETS, SCALE, SIZES
from rodflow_core.experiments.scout import follow
from rodflow_core.memory import keep_memory

EVERY = 200
LAST = {"mlp": 3000, "cnn": 2000, "vit": 1600}
Setting = tuple[float, float | None, float | None]


def _settings(rates: list[float], beta1: float | None, beta2: float | None) -> list[Setting]:
    return [(rate, beta1, beta2) for rate in rates]


# Learning rate, beta1, beta2: the customary betas first, where they exist.
TRIES: dict[str, list[Setting]] = {
    "gd-mlp": _settings([0.02, 0.03], None, None),
    "heavy_ball-mlp": _settings([0.6, 0.3], 0.9, None),
    "nesterov-mlp": _settings([0.3, 0.1], 0.9, None),
    "scalar_rmsprop-mlp": _settings([0.01, 0.02], None, 0.99),
    "rmsprop-mlp": _settings([1e-4, 3e-5], None, 0.99),
    "scalar_adam-mlp": _settings([0.02, 0.05], 0.9, 0.99),
    "adam-mlp": _settings([1e-4, 3e-5], 0.9, 0.999),
    "scalar_nadam-mlp": _settings([0.02, 0.05], 0.9, 0.99),
    "nadam-mlp": _settings([1e-4, 3e-4], 0.9, 0.99),
    "gd-cnn": _settings([0.1, 0.2], None, None),
    "heavy_ball-cnn": _settings([1.0, 2.0], 0.9, None) + _settings([1.0], 0.8, None),
    "nesterov-cnn": _settings([0.5, 0.3, 0.2], 0.9, None),
    "scalar_rmsprop-cnn": _settings([0.05, 0.1], None, 0.99),
    "rmsprop-cnn": _settings([1e-3, 3e-4], None, 0.99),
    "scalar_adam-cnn": _settings([0.1, 0.05], 0.9, 0.99),
    "adam-cnn": _settings([1e-3, 3e-3], 0.9, 0.999),
    "scalar_nadam-cnn": _settings([0.1, 0.2], 0.9, 0.99),
    "nadam-cnn": _settings([1e-3, 3e-3], 0.9, 0.99),
    "gd-vit": _settings([0.1, 0.2], None, None),
    "heavy_ball-vit": _settings([0.3, 0.6], 0.9, None) + _settings([0.6], 0.8, None),
    "nesterov-vit": _settings([0.3, 0.15], 0.9, None),
    "scalar_rmsprop-vit": _settings([0.03, 0.06], None, 0.99),
    "rmsprop-vit": _settings([3e-4, 1e-3], None, 0.99),
    "scalar_adam-vit": _settings([0.06, 0.03], 0.9, 0.99),
    "adam-vit": _settings([1e-3, 2e-3], 0.9, 0.999) + _settings([1e-3], 0.9, 0.99),
    "scalar_nadam-vit": _settings([0.06, 0.1], 0.9, 0.99),
    "nadam-vit": _settings([5e-4, 1e-3], 0.9, 0.99),
}


def configuration(cell: str, setting: Setting) -> RunConfig:
    """Give the row of a cell as it would be run with a setting."""
    optimizer, architecture = cell.rsplit("-", 1)
    rate, beta1, beta2 = setting
    values = {**PRESETS["cifar"], **SCALE["cifar10"][architecture]}
    return RunConfig(
        optimizer, rate, beta1, beta2, architecture=architecture,
        sizes=SIZES["cifar10"][architecture], **values,
    )  # fmt: skip


def trial(cell: str, setting: Setting) -> dict[str, object]:
    """Follow one setting until it settles, diverges or reaches the last look."""
    lockstep, subject = runs.build(configuration(cell, setting))
    looks: list[list[float | None]] = []
    steps = range(EVERY, LAST[cell.rsplit("-", 1)[1]] + 1, EVERY)
    for seen in follow(lockstep, subject.weights, steps):
        numbers = (seen.sharpness, seen.regime, seen.remaining)
        looks.append([seen.step, *(None if x != x else float(f"{x:.4g}") for x in numbers)])
        print(f"{cell} {setting} {looks[-1]} {seen.seconds:.0f} s", flush=True)
        if regimes.settled(regimes.Trial(*setting, looks)) is not None:
            break
    return dict(zip(("learning_rate", "beta1", "beta2"), setting, strict=True)) | {"looks": looks}


def scout(cell: str) -> dict[str, object]:
    """Try the settings of a cell in order until one settles."""
    started, trials = time.monotonic(), []
    for setting in TRIES[cell]:
        trials.append(trial(cell, setting))
        if regimes.settled(regimes.Trial(**trials[-1])) is not None:
            break
    config = configuration(cell, TRIES[cell][0])
    return {
        "examples": config.examples,
        "sizes": dict(config.sizes),
        "dtype": config.dtype,
        "trials": trials,
        "seconds": round(time.monotonic() - started),
        "torch": torch.__version__,
        "machine": f"{platform.system()} {platform.machine()}",
    }


def cells() -> dict[str, dict[str, object]]:
    """Give what has been scouted."""
    if not regimes.SCOUTED.is_file():
        return {}
    return json.loads(regimes.SCOUTED.read_text(encoding="utf-8"))["cells"]


def keep(cell: str, found: dict[str, object]) -> None:
    """Add a cell to the table; two scouts at once do not lose each other's."""
    with open(regimes.SCOUTED.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        known = cells() | {cell: found}
        ordered = {name: known[name] for name in TRIES if name in known}
        temporary = regimes.SCOUTED.with_suffix(".tmp")
        temporary.write_text("\n".join(_lines(ordered)) + "\n", encoding="utf-8")
        os.replace(temporary, regimes.SCOUTED)


def _lines(found: dict[str, dict[str, object]]) -> Iterator[str]:
    """Give the cells as JSON, a trial a line."""
    yield f'{{"every": {EVERY}, "last": {json.dumps(LAST)}, "cells": {{'
    for i, (name, cell) in enumerate(found.items()):
        rest = json.dumps({k: v for k, v in cell.items() if k != "trials"})[1:-1]
        yield f' "{name}": {{{rest}, "trials": ['
        yield ",\n".join(f"  {json.dumps(one)}" for one in cell["trials"])
        yield " ]}" + ("," if i + 1 < len(found) else "")
    yield "}}"


def main(names: list[str]) -> int:
    """Scout the cells named, or all."""
    keep_memory()
    torch.set_num_threads(1)
    for name in names or list(TRIES):
        if name not in TRIES:
            print(f"error: unknown cell {name!r}; expected one of {', '.join(TRIES)}.")
            return 2
        if name not in cells():
            keep(name, scout(name))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
