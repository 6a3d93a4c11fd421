"""Regimes: with which hyperparameters an optimizer oscillates at its edge more than it drifts.

On the digits they were chosen one by one, from tables that ``rodflow scout`` printed. On CIFAR-10 a
rule chooses them from the tables themselves, which are kept beside this file
(``scouted_cifar10.json``, written by ``benchmarks/scout.py``). Needs no torch.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

SCOUTED = Path(__file__).with_name("scouted_cifar10.json")
"""What was tried on CIFAR-10, and what was seen."""
EDGE = (0.97, 1.2)
"""Preconditioned sharpness over threshold that counts as being at the edge."""
CLEAR = 4.0
"""Oscillation over drift from which on a rod is clearly seen."""


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


class Trial(NamedTuple):
    """One setting that the scout followed, and what it saw.

    Attributes:
        learning_rate: step size.
        beta1: decay of the first moment, or ``None``.
        beta2: decay of the second moment, or ``None``.
        looks: for each look, in order: optimizer steps taken, preconditioned sharpness over its
            threshold, oscillation over drift (median of the last 20 steps), and the loss as a part
            of the initial one. A setting that diverged ends with one that has no numbers.
    """

    learning_rate: float
    beta1: float | None
    beta2: float | None
    looks: Sequence[Sequence[float | None]]


def clear(look: Sequence[float | None]) -> bool:
    """Say whether a look shows the edge, and an oscillation of `CLEAR` times the drift or more."""
    _, sharpness, regime, _ = look
    if sharpness is None or regime is None:
        return False
    return EDGE[0] <= sharpness <= EDGE[1] and regime >= CLEAR


def settled(trial: Trial) -> int | None:
    """Give the step of the first look that is clear, as the one before it was; else ``None``."""
    for before, look in zip(trial.looks, trial.looks[1:], strict=False):
        if clear(before) and clear(look):
            return int(look[0])  # type: ignore[arg-type]
    return None


def choose(trials: Sequence[Trial]) -> Regime:
    """Choose by the rule that was fixed before any flow ran.

    The first setting that settles, from the step on at which it does. Where none does, the look
    with the most oscillation over drift of all that are at the edge, or of all where none is; the
    reason then begins with a dagger.

    Args:
        trials: in the order in which they were tried.

    Raises:
        ValueError: where nothing was tried.

    Example:
        >>> choose([Trial(0.1, None, None, [[200, 0.7, 0.5, 0.5], [400, 1.01, 5.0, 0.2],
        ...                                 [600, 1.0, 6.0, 0.1]])]).warmup
        600
    """
    if not trials:
        raise ValueError("there is no regime to choose; expected what the scout saw.")
    tried = ", ".join(dict.fromkeys(_setting(trial) for trial in trials))
    for trial in trials:
        step = settled(trial)
        if step is not None:
            look = next(look for look in trial.looks if look[0] == step)
            reason = f"settled at the edge: {_seen(look)}; tried: {tried}"
            return Regime(trial.learning_rate, trial.beta1, trial.beta2, step, reason)
    seen = [(trial, look) for trial in trials for look in trial.looks if look[2] is not None]
    if not seen:
        raise ValueError(f"all that was tried diverged ({tried}); expected a smaller step.")
    at_edge = [(t, look) for t, look in seen if EDGE[0] <= (look[1] or 0) <= EDGE[1]]
    trial, look = max(at_edge or seen, key=lambda pair: float(pair[1][2] or 0))
    reason = f"† none settles; the most oscillation seen: {_seen(look)}; tried: {tried}"
    step = int(look[0])  # type: ignore[arg-type]
    return Regime(trial.learning_rate, trial.beta1, trial.beta2, step, reason)


def _setting(trial: Trial) -> str:
    betas = [f"{b:g}" for b in (trial.beta1, trial.beta2) if b is not None]
    return f"{trial.learning_rate:g}" + (f" ({', '.join(betas)})" if betas else "")


def _seen(look: Sequence[float | None]) -> str:
    _, sharpness, regime, left = look
    return (
        f"sharpness {sharpness:.2f} of the threshold, oscillation {regime:.1f} times the drift, "
        f"{100 * (left or 0):.2g}% of the loss left"
    )


@functools.cache
def scouted() -> Mapping[str, Mapping[str, Sequence[Trial]]]:
    """Give what was tried on CIFAR-10, by architecture and optimizer."""
    if not SCOUTED.is_file():
        return {}
    cells: dict[str, Any] = json.loads(SCOUTED.read_text(encoding="utf-8"))["cells"]
    found: dict[str, dict[str, list[Trial]]] = {}
    for name, cell in cells.items():
        optimizer, architecture = name.rsplit("-", 1)
        trials = [Trial(**trial) for trial in cell["trials"]]
        found.setdefault(architecture, {})[optimizer] = trials
    return found


def _chosen(architecture: str) -> dict[str, Regime]:
    """Give the chosen rows; an optimizer that diverged at all that was tried has none."""
    found = scouted().get(architecture, {})
    survived = {n: t for n, t in found.items() if any(look[2] for one in t for look in one.looks)}
    return {name: choose(trials) for name, trials in survived.items()}


REGIMES: dict[str, dict[str, dict[str, Regime]]] = {
    "digits": {"mlp": _DIGITS_MLP, "cnn": _DIGITS_CNN, "vit": _DIGITS_VIT},
    "cifar10": {name: _chosen(name) for name in ("mlp", "cnn", "vit")},
}
"""Regimes by data set, architecture and optimizer."""
