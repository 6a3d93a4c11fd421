"""What the records on CIFAR-10 say, in numbers and in words, for the pages that lead with them.

    python -m rodflow_book.evidence

prints the score that README.md and book/index.md carry.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
import xarray as xr

from rodflow_book import notebook
from rodflow_book.notebook import ARCHITECTURE_TITLES
from rodflow_core.experiments import claims, judge, presets, records
from rodflow_core.optimizers import OPTIMIZERS

Key = tuple[str, str]
"""Optimizer and architecture."""
Runs = Mapping[Key, xr.Dataset]
"""Recorded runs by optimizer and architecture."""
EARLY = 300
"""Steps after the start over which runs of different lengths are compared, too."""
MARKERS = ("<!-- cifar10: made by rodflow_book.evidence -->", "<!-- /cifar10 -->")
"""What the score stands between in README.md and book/index.md."""


# --- what is recorded ----------------------------------------------------------------------------


CELLS = tuple((name, network) for name in OPTIMIZERS for network in ARCHITECTURE_TITLES)
"""All optimizers on all architectures."""


def recorded() -> dict[Key, xr.Dataset]:
    """Give the runs of the optimizers on the architectures, those that are recorded."""
    return {key: notebook.cited(*key) for key in CELLS if notebook.is_cited(*key)}


def lacking(runs: Runs) -> list[str]:
    """Give the stems of the runs that are planned and not among these."""
    return [f"{o}-{a}-cifar" for o, a in CELLS if (o, a) not in runs]


class Beside(NamedTuple):
    """What is recorded beside the rows, and what is not.

    Attributes:
        found: records by optimizer, architecture and name.
        lacking: the stems of those that are planned and not there.
    """

    found: dict[tuple[str, str, str], xr.Dataset]
    lacking: list[str]


def beside(name: str = "") -> Beside:
    """Give what is recorded beside the rows: the variants, and the runs with rivals.

    Args:
        name: of what is wanted, such as ``rivals``; where left out, everything but these.
    """
    found, without = {}, []
    for cell, planned in presets.VARIANTS.items():
        for variant in planned:
            key = (*cell.rsplit("-", 1), variant)
            if variant == (name or variant) and (name or variant != "rivals"):
                if notebook.is_cited(*key):
                    found[key] = notebook.cited(*key)
                else:
                    without.append(f"{cell}-cifar-{variant}")
    return Beside(found, without)


def unrecorded(stems: Iterable[str]) -> str:
    """Name what is planned and not recorded; nothing where all of it is."""
    names = [f"`{name}`" for name in stems]
    return f"Planned and not recorded: {', '.join(names)}." if names else ""


# --- numbers -------------------------------------------------------------------------------------


class Nearness(NamedTuple):
    """How near a model stays in one run; distances are medians over the steps side by side.

    Attributes:
        steps: side by side.
        ratio: distance of the stable flow over the model's.
        early: the same over the first steps that were asked for, or all where there are fewer.
        end: the same at the last step.
        over_floor: distance of the model over that of the shifted copy.
        could: distance of the stable flow over that of the shifted copy.
        optimizer: the optimizer's sharpness over its threshold.
        sharpness: the model's.
        error: typical relative error of the model's sharpness.
        free: the ratio of the drift-free rod, integrated as the model is; NaN where there is none.
    """

    steps: int
    ratio: float
    early: float
    end: float
    over_floor: float
    could: float
    optimizer: float
    sharpness: float
    error: float
    free: float


def nearness(
    run: xr.Dataset, tag: str = "rod", stable: str = "sf", first: int | None = None
) -> Nearness:
    """Measure how near a model stays.

    Args:
        run: a recorded run.
        tag: of the model.
        stable: tag of the stable flow that it is measured by.
        first: how many steps are early; `EARLY` where left out.
    """
    until = (first or EARLY) + 1
    found = claims.assess(run, tag, stable)
    early = [np.median(records.values(run, t, "distance")[1:until]) for t in (stable, tag)]
    free = claims.assess(run, tag.replace("rod", "free"), stable).ratio
    return Nearness(
        run.sizes["step"] - 1, found.ratio, float(early[0] / early[1]), found.end_ratio,
        found.above_floor, found.stable.distance / found.floor, found.sharpness,
        found.rod.sharpness, found.rod.sharpness_error.typical, free,
    )  # fmt: skip


def assessed(runs: Runs, tags: Iterable[str] = ("rod", "free")) -> dict[str, dict]:
    """Assess models of all runs: by tag, and by optimizer and architecture."""
    return {tag: {key: claims.assess(run, tag) for key, run in runs.items()} for tag in tags}


# --- words ---------------------------------------------------------------------------------------


def named(keys: Iterable[Key]) -> str:
    """Name some runs in words, without links: ``Adam on the MLP and the ViT; RMSProp on ...``."""
    networks: dict[str, list[str]] = {}
    for optimizer, architecture in keys:
        networks.setdefault(optimizer, []).append(f"the {ARCHITECTURE_TITLES[architecture]}")
    words = [f"{OPTIMIZERS[name].title} on {listed(on)}" for name, on in networks.items()]
    return "; ".join(words)


def listed(words: Iterable[str], last_word: str = "and") -> str:
    """Join words: ``a``, ``a and b``, ``a, b and c``."""
    *most, last = list(words)
    return f"{', '.join(most)} {last_word} {last}" if most else last


def unsettled(keys: Iterable[Key]) -> list[Key]:
    """Give the cells, with a dagger, of which no setting that was tried settles at the edge."""
    table = presets.REGIMES["cifar10"]
    return [k for k in keys if k[0] in table[k[1]] and table[k[1]][k[0]].reason.startswith("†")]


def span(numbers: Iterable[float], form: str = ",") -> str:
    """Give the smallest and the largest of some numbers, or the one that there is."""
    ordered = sorted(set(numbers))
    ends = dict.fromkeys((ordered[0], ordered[-1]))
    return " to ".join(format(number, form) for number in ends)


def score(runs: Runs) -> str:
    """Give the score on CIFAR-10: a sentence, then what fails and the regime, an item each.

    It stands in README.md and book/index.md, which a test compares with the records.

    Args:
        runs: all that are recorded.
    """
    found = assessed(runs, ("rod",))["rod"]
    words = {word: [k for k, c in found.items() if c.verdict == word] for word in _WORDS}
    hundred = [key for key, c in found.items() if c.ratio >= judge.SEVERAL_ORDERS]
    missing = len(lacking(runs))
    count = f"{len(runs)} runs"
    if missing:
        count = f"the {len(runs)} runs recorded so far of {len(runs) + missing}"
    text = (
        f"**On CIFAR-10, the paper's rod flow follows the optimizer in {len(words['holds'])} of "
        f"{count}**: at least {claims.CLOSER:g} times closer than the stable flow, and within "
        f"{claims.WITHIN:.0%} of the optimizer's sharpness.\n\n"
        f"- *What fails.* It does one of the two in {len(words['partly'])} runs and neither in "
        f"{len(words['fails'])}"
    )
    text += f" ({named(words['fails'])}). " if words["fails"] else ". "
    text += (
        f"{judge.SEVERAL_ORDERS:g} times closer, the least that the paper's “several orders of "
        f"magnitude” can mean, it is in {len(hundred)}"
    )
    text += f" ({named(hundred)})." if 0 < len(hundred) <= _FEW else "."
    return f"{text}\n- *The regime.* {_regime(runs)}"


def _regime(runs: Runs) -> str:
    """Say of what kind the runs are."""
    configs = [records.configuration(run) for run in runs.values()]
    betas = {c.beta1 for c in configs if c.beta1 is not None}
    sizes = listed((f"{n:,}" for n in sorted({c.examples for c in configs})), "or")
    text = (
        f"Full batch ({sizes} images), constant learning rate, at the edge of stability after "
        f"{span(c.warmup for c in configs)} steps of warm-up; no step is random. "
        f"{listed(_precisions(configs)).capitalize()}"
    )
    if betas:
        text += f", β1\u00a0=\u00a0{listed(f'{b:g}' for b in sorted(betas))}"
    if unsettled(runs):
        text += f". In {len(unsettled(runs))} runs no setting that was tried settles at the edge"
    return text + "."


_WORDS = ("holds", "partly", "fails")
_FEW = 4


def _precisions(configs: Iterable[records.RunConfig]) -> list[str]:
    names = {"float32": "single precision", "float64": "double precision"}
    return list(dict.fromkeys(names[c.dtype] for c in configs))


def adam_sentence(rows: Mapping[str, Nearness]) -> str:
    """Say whether any run of Adam comes to two orders of magnitude, and whether any could.

    Args:
        rows: by what was run.
    """
    bar = judge.SEVERAL_ORDERS
    reached = [name for name, row in rows.items() if row.ratio >= bar]
    early = [name for name, row in rows.items() if row.early >= bar and name not in reached]
    could = [name for name, row in rows.items() if row.could >= bar]
    best = max(rows, key=lambda name: np.nan_to_num(rows[name].ratio))
    text = (
        f"**Of these {len(rows)} runs, {len(reached)} come to {bar:g} times: {listed(reached)}.** "
        if reached
        else f"**None of these {len(rows)} runs comes to {bar:g} times.** The largest ratio is "
        f"{rows[best].ratio:.3g} ({best}). "
    )
    if early:
        text += f"Over the first {EARLY} steps alone, these do: {listed(early)}. "
    if len(could) == len(rows):
        return text + f"The shifted copy of the optimizer is {bar:g} times closer in all of them."
    if not could:
        return text + (
            f"Nor does the optimizer itself, started half a step behind, come to {bar:g} times in "
            "any of them."
        )
    return text + (
        f"The optimizer itself, started half a step behind, comes to {bar:g} times in {len(could)} "
        f"of them ({listed(could)}), and in the others it does not."
    )


def floor_sentence(runs: Runs) -> str:
    """Say that the floor is a yardstick and no bound: in how many runs the rod is nearer."""
    over = {key: claims.assess(run).above_floor for key, run in runs.items()}
    under = [key for key, value in over.items() if value < 1]
    if not under:
        return f"In none of the {len(over)} runs is the paper's rod nearer than that."
    best = min(under, key=lambda key: over[key])
    return (
        f"It is no bound: a rod starts at the optimizer's own centre and the copy half a step "
        f"behind, and in {len(under)} of the {len(over)} runs the paper's rod is nearer than the "
        f"copy (nearest {named([best])}, {over[best]:.2g} of the floor)."
    )


def drifting(runs: Runs) -> str:
    """Say in which runs the oscillation does not outweigh the drift, over the recorded steps."""
    found = [key for key, run in runs.items() if not claims.assess(run).regime > 1]
    return (
        f"Over the recorded steps the drift outweighs the oscillation (medians) in {len(found)} of "
        f"{len(runs)} runs" + (f": {named(found)}." if found else ".")
    )


# --- a change of one thing -----------------------------------------------------------------------


def change(run: xr.Dataset, base: xr.Dataset) -> str:
    """Say in words in what a run differs from another, but for its length.

    Nothing where there are no words for it.
    """
    mine, theirs = records.configuration(run), records.configuration(base)
    words = []
    for key in theirs.differences(mine):
        value = getattr(mine, key)
        if key in _CHANGES:
            words.append(_CHANGES[key](value))
    return ", ".join(words)


_CHANGES = {
    "seed": lambda v: f"seed {v}",
    "warmup": lambda v: f"warm-up {v:,}",
    "beta2": lambda v: rf"$\beta_2={v:g}$",
    "examples": lambda v: f"$n={v:,}$".replace(",", "{,}"),
    "dtype": lambda v: v,
    "flows": lambda v: "Runge-Kutta 4",
}


def main() -> None:
    """Print the score."""
    print(score(recorded()))


if __name__ == "__main__":
    main()
