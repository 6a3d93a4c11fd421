"""What every notebook needs: checked parameters, runs, their figures and words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch
import xarray as xr
from IPython.display import Markdown, display

from rodflow_core import claims, plots, runs
from rodflow_core.optimizers import OPTIMIZERS
from rodflow_core.presets import RunConfig, member, preset

_INTERACTIVE = {"In", "Out", "exit", "quit", "open", "get_ipython"}
ARCHITECTURE_TITLES = {"mlp": "MLP", "cnn": "CNN", "vit": "ViT"}
"""How the architectures are called in prose."""


def check_parameters(namespace: Mapping[str, object], known: str) -> None:
    """Stop a notebook that was given a parameter it does not have; papermill itself only warns.

    Call it in the first cell after the parameters, before anything else is defined.

    Args:
        namespace: the notebook's ``globals()``.
        known: names of its parameters, separated by blanks.

    Raises:
        ValueError: naming the parameter, and those there are.
    """
    for name, value in namespace.items():
        hidden = name.startswith("_") or name in _INTERACTIVE
        if not hidden and getattr(value, "__name__", None) != name:
            member("notebook parameter", name, known.split())


def one_thread() -> None:
    """Compute on one thread: two notebooks at once then share two cores without fighting."""
    torch.set_num_threads(1)


def recorded(optimizer: str, architecture: str, kind: str, **changes: object) -> xr.Dataset:
    """Give the run of a preset's row, some fields changed; computed where not recorded.

    Args:
        optimizer: a row of ``OPTIMIZERS``.
        architecture: ``mlp``, ``cnn`` or ``vit``.
        kind: the preset.
        **changes: fields of ``RunConfig``; ``None`` leaves a field as the preset has it.

    Raises:
        ValueError: for an unknown name, or a value that cannot be run.
    """
    member("optimizer", optimizer, OPTIMIZERS)
    return runs.load_or_run(preset(kind, optimizer, architecture, **changes))


def save_run_figure(run: xr.Dataset, name: str, folder: str | Path) -> None:
    """Write the figure of a run to cite, with its numbers and its manifest."""
    alt = alt_text(run)
    manifest = plots.run_manifest([run])
    plots.save(name, lambda: plots.run_figure(run), run, folder, alt=alt, manifest=manifest)


def configuration(run: xr.Dataset) -> RunConfig:
    """Give the configuration a run was made with."""
    return RunConfig(**json.loads(run.attrs["config"]))


def subject(run: xr.Dataset) -> str:
    """Say what a run is of, in a few words: optimizer, architecture, data."""
    config = configuration(run)
    data = {"digits": "handwritten digits", "cifar10": "CIFAR-10 images"}[config.data]
    network = ARCHITECTURE_TITLES[config.architecture]
    return f"{OPTIMIZERS[config.optimizer].title} on the {network}, {config.examples} {data}"


def alt_text(run: xr.Dataset) -> str:
    """Say what the figure of a run shows, with its numbers, for a reader who does not see it."""
    claim = claims.assess(run)
    return (
        f"Panels over optimizer steps for {subject(run)}: the rod flow lies on the optimizer in "
        f"loss, half-displacement and preconditioned sharpness "
        f"({claim.rod.sharpness:.2f} times the threshold; optimizer {claim.sharpness:.2f}), "
        f"the stable flow's sharpness is {claim.stable.sharpness:.2f} times the threshold and its "
        f"distance to the optimizer's centre {claim.ratio:.2g} times the rod flow's."
    )


def verdict(run: xr.Dataset) -> str:
    """Give the sentence of verdict under a run's figure; every number in it comes from the run."""
    claim = claims.assess(run)
    words = {
        "holds": "**The claim holds.**",
        "partly": "**The claim holds in part.**",
        "fails": "**The claim does not hold here.**",
    }
    text = (
        f"{words[claim.verdict]} {subject(run)[0].upper() + subject(run)[1:]}: the rod flow's "
        f"centre stays {claim.rod.distance:.2g} from the optimizer's, the stable flow's "
        f"{claim.stable.distance:.2g} (medians over {run.sizes['step'] - 1} steps): a ratio of "
        f"**{claim.ratio:.3g}**, {claim.end_ratio:.3g} at the end. Median preconditioned "
        f"sharpness over threshold: optimizer {claim.sharpness:.3f}, rod flow "
        f"{claim.rod.sharpness:.3f}, stable flow {claim.stable.sharpness:.3f}. The oscillation is "
        f"{claim.regime:.2g} times the drift."
    )
    for tag, step in claim.failed.items():
        text += f" The {plots.NAMES[tag]} was no longer finite at step {step}."
    return text


def hyperparameters(run: xr.Dataset) -> str:
    """Give the numbers of a run as a Markdown table."""
    config = configuration(run)
    rows = {
        "learning rate": config.learning_rate,
        r"$\beta_1$": config.beta1,
        r"$\beta_2$": config.beta2,
        "data": f"{config.examples} of {config.data}",
        "parameters": run.attrs["parameters"],
        "warm-up": f"{config.warmup} steps",
        "side by side": f"{config.steps} steps of {config.substeps} substeps",
        "rank": config.rank,
        "precision": config.dtype,
        "threshold": f"{run.attrs['threshold']:.5g}",
        "computed in": f"{run.attrs['seconds']:.0f} s",
    }
    rows = {key: value for key, value in rows.items() if value is not None}
    lines = ["| " + " | ".join(rows) + " |", "|" + " --- |" * len(rows)]
    return "\n".join([*lines, "| " + " | ".join(str(v) for v in rows.values()) + " |"])


def show(text: str) -> None:
    """Display Markdown."""
    display(Markdown(text))
