"""What the explorer says of a recorded run: what was run, how it is called, what is judged.

The judging is `rodflow_book.notebook`'s, as on the other pages; here are only words.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping

import xarray as xr

from rodflow_book import notebook
from rodflow_book.captions import off
from rodflow_book.figures.run import BESIDE
from rodflow_book.figures.style import NAMES
from rodflow_book.markup import short
from rodflow_core.experiments import claims, judge, presets, records
from rodflow_core.experiments.config import RunConfig
from rodflow_core.quantities import OPTIMIZER

PRESETS_OF = {"digits": "quick", "cifar10": "cifar"}
"""The preset whose row a run on these data is, or is held against."""


def plain(text: str) -> str:
    """Take the marks of Markdown and of formulas out of a sentence."""
    text = re.sub(r"(?<!\\)(\*\*|\$)", "", text).replace("K=4", "K = 4")
    return re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", text)


_WORDS = {
    "learning_rate": "η = {:g}",
    "beta1": "β₁ = {:g}",
    "beta2": "β₂ = {:g}",
    "seed": "seed {}",
    "warmup": "warm-up {:,}",
    "steps": "{:,} steps",
    "examples": "n = {:,}",
    "dtype": "{}",
    "device": "on {}",
    "threads": "{} threads",
    "rank": "rank {}",
    "substeps": "K = {}",
    "leak": "leak {:g}",
    "loss": "{}",
}


def changes(config: RunConfig, base: RunConfig | None) -> str:
    """Say in what a run differs from the row of its preset; nothing where it is that row."""
    if base is None:
        return "of a page of its own"
    words = []
    for key in base.differences(config):
        value = getattr(config, key)
        if key in _WORDS and value is not None:
            words.append(_WORDS[key].format(value))
        elif key == "backward_error" and value:
            words.append("backward-error correction")
        elif key == "integrators":
            methods = (notebook.METHODS.get(m, m) for m in dict.fromkeys(value.values()))
            words.append(plain(", ".join(methods)))
        elif key == "flows":
            words += _other_flows(value, base.flows)
    # What is left only says how often something was measured.
    return ", ".join(words) or "recorded once more"


def _other_flows(flows: tuple[str, ...], usual: tuple[str, ...]) -> list[str]:
    if not flows:
        return ["the optimizer alone"]
    more = [tag for tag in flows if tag not in usual]
    fine = [tag for tag in more if "_fine" in tag]
    named = [f"with {NAMES.get(tag, tag)}" for tag in more if tag not in fine]
    return named + (["finely integrated too"] if fine else [])


def base_of(config: RunConfig) -> RunConfig | None:
    """Give the row that a run is or is an exploration of; ``None`` where there is none."""
    try:
        return presets.preset(PRESETS_OF[config.data], config.optimizer, config.architecture)
    except (KeyError, ValueError):
        return None


def made(run: xr.Dataset) -> str:
    """Say what a run was made with."""
    config = records.configuration(run)
    words = [f"n = {config.examples:,}", f"η = {config.learning_rate:g}"]
    words += [
        f"{name} = {beta:g}"
        for name, beta in (("β₁", config.beta1), ("β₂", config.beta2))
        if beta is not None
    ]
    threads = "1 thread" if config.threads == 1 else f"{config.threads} threads"
    words += [
        f"warm-up {config.warmup:,} steps",
        f"then {config.steps:,} steps side by side",
        f"seed {config.seed}",
        f"{config.dtype} on {config.device} ({threads})",
        f"recorded {run.attrs['date']}" if "date" in run.attrs else "recorded without its date",
    ]
    return ", ".join(words) + "."


def judged(run: xr.Dataset) -> dict[str, object]:
    """Give what the book's pages say of a run: its sentence, our own bar, the rulings by model."""
    if not claims.models(run):
        return {"said": "No model of the edge was run here: nothing to judge."}
    models = {
        tag: claims.assess(only(run, tag), tag)
        for tag in sorted(claims.models(run), key=lambda tag: tag != "rod")
    }
    first = next(iter(models))
    _, said = plain(notebook.verdict(only(run, first)).split("\n\n")[0]).split(". ", 1)
    entries = records.flows(run)
    rows = []
    for tag, claim in models.items():
        cells = [notebook.ruled(ruling) for ruling in judge.rulings(claim).values()]
        rows.append([label(tag, entries), short(claim.above_floor), *cells])
    found: dict[str, object] = {
        "said": f"{said.strip()} {records.doubts(run)}".strip(),
        "rows": rows,
    }
    rod = models.get("rod")
    if rod is not None and math.isfinite(rod.ratio):
        found |= {"verdict": rod.verdict, "bar": _bar(rod)}
    elif rod is not None and rod.rod.failed:
        found |= {"verdict": rod.verdict, "bar": "The paper's rod flow stopped being finite"}
    return found


def only(run: xr.Dataset, tag: str) -> xr.Dataset:
    """Give of a run what a model of it is judged by; a series is found sooner among few."""
    needed = (OPTIMIZER, "sf", "sf_fine", "floor", tag)
    return run[[n for n, v in run.variables.items() if v.attrs.get("trajectory") in needed]]


def _bar(rod: claims.Claims) -> str:
    ratio = short(rod.ratio)
    text = f"The paper's rod flow is {ratio} times closer to the optimizer than the stable flow"
    if math.isfinite(rod.rod.sharpness_error.typical):
        text += f", its sharpness typically {off(rod.rod.sharpness_error)}"
    return f"{text} (asked for: {claims.CLOSER:g} times, {claims.WITHIN:.0%})"


def label(tag: str, entries: Mapping[str, Mapping[str, str]]) -> str:
    """Name a trajectory of a run: as in the figures, with its integrator where it has another."""
    if tag == OPTIMIZER:
        return NAMES[OPTIMIZER]
    title = entries[tag]["title"].split(" (")[0]
    method = entries[tag]["integrator"]
    usual = method in ("euler:4", "none") or tag in ("central", "edge")
    return title if usual else f"{title}, {plain(notebook.METHODS.get(method, method))}"


def hidden(name: str, entries: Iterable[str]) -> list[str]:
    """Give the models that are off until the reader turns them on: those with a page of their own.

    But for the rivals in what was run for them, and for what there is instead of a rod.
    """
    entries = list(entries)
    beside = [tag for tag in entries if tag in BESIDE]
    if "rivals" in name or "rod" not in entries:
        return [tag for tag in beside if tag not in ("central", "edge")]
    return beside
