"""What every notebook needs: checked parameters, runs, their figures and words."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType

import torch
import xarray as xr
from IPython.display import SVG, Markdown, display

from rodflow_book.figures import style as plots
from rodflow_core.experiments import claims
from rodflow_core.experiments import records as runs
from rodflow_core.experiments.presets import RunConfig, member, preset
from rodflow_core.optimizers import OPTIMIZERS

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
        # A parameter is a plain value; what has been imported is not.
        if not hidden and not isinstance(value, ModuleType) and not callable(value):
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


def recorded_runs(
    optimizer: str, architectures: Iterable[str], kind: str, **changes: object
) -> dict[str, xr.Dataset]:
    """Give the runs of several architectures, by name: ``recorded`` for each."""
    return {name: recorded(optimizer, name, kind, **changes) for name in architectures}


def save_run_figures(recorded_as: Mapping[str, xr.Dataset], folder: str | Path) -> None:
    """Write the figure of each run to cite, named after optimizer and architecture."""
    for architecture, run in recorded_as.items():
        save_figure_of(run, f"{configuration(run).optimizer}-{architecture}", folder)


def save_figure_of(run: xr.Dataset, name: str, folder: str | Path) -> None:
    """Write the figure of a run to cite, and show it to whoever runs the notebook."""
    manifest = plots.run_manifest([run])
    plots.save(
        name, lambda: plots.run_figure(run), run, folder, alt=alt_text(run), manifest=manifest
    )
    display(SVG(filename=str(Path(folder) / f"{name}.svg")))


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
    claim, free = claims.assess(run), claims.assess(run, "free")
    return (
        f"Panels over optimizer steps for {subject(run)}: loss, preconditioned sharpness, distance "
        f"between centres, half-displacements, alignment. Median sharpness over threshold: "
        f"optimizer {claim.sharpness:.2f}, rod flow {claim.rod.sharpness:.2f}, drift-free rod "
        f"{free.rod.sharpness:.2f}, stable flow {claim.stable.sharpness:.2f}. Median distance to "
        f"the optimizer's centre: rod flow {claim.rod.distance:.2g}, drift-free rod "
        f"{free.rod.distance:.2g}, stable flow {claim.stable.distance:.2g}."
    )


def verdict(run: xr.Dataset) -> str:
    """Give the sentences of verdict under a run's figure; every number comes from the run."""
    claim, free = claims.assess(run), claims.assess(run, "free")
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
        f"{claim.regime:.2g} times the drift. The [drift-free rod](drift_free) has a ratio of "
        f"**{free.ratio:.3g}** and a sharpness of {free.rod.sharpness:.3f}."
    )
    for tag, step in claim.failed.items():
        text += f" The {plots.NAMES[tag]} was no longer finite at step {step}."
    return text


def verdicts(several: Iterable[xr.Dataset]) -> str:
    """Give the verdict of each run as a paragraph."""
    return "\n\n".join(verdict(run) for run in several)


def hyperparameters(several: Iterable[xr.Dataset]) -> str:
    """Give the numbers of runs as a Markdown table, a run a column."""
    columns = {run.attrs["title"]: _numbers(run) for run in several}
    rows = {key: None for numbers in columns.values() for key in numbers}
    head = [ARCHITECTURE_TITLES[n["architecture"]] for n in columns.values()]
    lines = ["| | " + " | ".join(head) + " |", "| :-- |" + " --: |" * len(head)]
    for key in rows:
        if key != "architecture":
            cells = [str(numbers.get(key, "")) for numbers in columns.values()]
            lines.append(f"| {key} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _numbers(run: xr.Dataset) -> dict[str, object]:
    config = configuration(run)
    rows = {
        "architecture": config.architecture,
        r"learning rate $\eta$": config.learning_rate,
        r"$\beta_1$": config.beta1,
        r"$\beta_2$": config.beta2,
        "threshold": f"{run.attrs['threshold']:.5g}",
        "data": f"{config.examples} {config.data}",
        "weights": run.attrs["parameters"],
        "warm-up steps": config.warmup,
        "steps side by side": config.steps,
        "substeps": config.substeps,
        "rank": config.rank,
        "precision": config.dtype,
        "seconds": f"{run.attrs['seconds']:.0f}",
        "run": f"`{runs.recorded_path(config).name}`",
    }
    return {key: value for key, value in rows.items() if value is not None}


def show(text: str) -> None:
    """Display Markdown."""
    display(Markdown(text))
