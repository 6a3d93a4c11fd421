"""A run as an xarray data set with its provenance; loaded where it lies, else computed."""

from __future__ import annotations

import ast
import contextlib
import functools
import hashlib
import io
import json
import os
import platform
import re
import tokenize
from importlib import metadata
from pathlib import Path

import numpy as np
import torch
import xarray as xr

from rodflow_core import __version__
from rodflow_core import quantities as metrics
from rodflow_core.experiments import architectures, data
from rodflow_core.experiments.presets import RunConfig, preset_of
from rodflow_core.flows import RodFlow, StableFlow
from rodflow_core.lockstep import Checkpoint, Lockstep, Progress
from rodflow_core.objective import ModuleObjective
from rodflow_core.optimizers import OPTIMIZERS, make_rule

_NUMERICS = (
    "experiments/architectures", "experiments/data", "extent", "flows", "lockstep",
    "quantities", "objective", "optimizers", "experiments/records", "spectrum",
)  # fmt: skip
_PACKAGES = ("torch", "numpy", "scipy", "scikit-learn", "xarray")
_TITLES = {
    "disc": "optimizer",
    "sf": "stable flow",
    "rod": "rod flow",
    "free": "drift-free rod flow",
}


def runs_directory() -> Path:
    """Give the folder of recorded runs: ``RODFLOW_RUNS``, else the project's ``figures/runs``."""
    named = os.environ.get("RODFLOW_RUNS")
    return Path(named) if named else Path(__file__).parents[2] / "figures" / "runs"


@functools.cache
def core_version() -> str:
    """Give a short hash of the numerical modules, comments and docstrings left out.

    It says whether a recorded run came from the code at hand: rewording a docstring does not make
    a run stale, changing a formula does.
    """
    digest = hashlib.sha256()
    for name in _NUMERICS:
        digest.update(code_of((Path(__file__).parents[1] / f"{name}.py").read_text()).encode())
    return digest.hexdigest()[:10]


def code_of(source: str) -> str:
    """Give a module's code without its words: no comment, docstring, blank line or spacing.

    From tokens and not from the syntax tree, whose dump differs between versions of Python.
    """
    wordy: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            wordy.update(range(node.lineno, node.end_lineno + 1))
    silent = {tokenize.COMMENT, tokenize.NL}
    marks = {tokenize.INDENT: ">", tokenize.DEDENT: "<", tokenize.NEWLINE: ";"}
    parts = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in silent and not (token.start[0] in wordy and token.type not in marks):
            parts.append(marks.get(token.type, token.string))
    # A docstring leaves its end of line behind.
    return re.sub(";+", ";", " ".join(parts).replace(" ;", ";"))


def build(config: RunConfig) -> tuple[Lockstep, torch.Tensor, str]:
    """Build what a configuration describes.

    Returns:
        The lockstep, the initial weights ``(d,)``, and the digest of the data.

    Raises:
        ValueError: for a configuration that cannot be built, in one sentence.
    """
    rule = make_rule(
        config.optimizer,
        config.learning_rate,
        beta1=config.beta1,
        beta2=config.beta2,
        epsilon=config.epsilon,
    )
    dtype = getattr(torch, config.dtype)
    _check_device(config.device)
    dataset = data.load(
        config.data,
        config.examples,
        seed=config.seed,
        path=config.data_path,
        dtype=dtype,
        device=config.device,
    )
    module = architectures.build(
        config.architecture,
        dataset.image_shape,
        seed=config.seed,
        dtype=dtype,
        device=config.device,
        **config.sizes,
    )
    objective = ModuleObjective(
        module,
        dataset.inputs,
        dataset.targets,
        config.loss,
        microbatch=config.microbatch,
        stacked=config.stacked,
    )
    flows = {
        "sf": StableFlow(rule, objective, config.backward_error),
        "rod": RodFlow(rule, objective, config.rank, config.backward_error),
        "free": RodFlow(
            rule, objective, config.rank, config.backward_error, "drift_free", config.leak
        ),
    }
    lockstep = Lockstep(
        rule,
        objective,
        flows,
        config.warmup,
        config.steps,
        config.substeps,
        config.spectrum_every,
        config.eigenvalues,
    )
    return lockstep, objective.initial_weights(), dataset.digest


def _check_device(device: str) -> None:
    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ValueError(
            f"device {device!r} is not one this torch can use; expected one it can, such as cpu."
        ) from error


def compute(
    config: RunConfig,
    *,
    checkpoint: Path | None = None,
    progress_bar: bool = False,
    checkpoint_every: float = 20.0,
) -> xr.Dataset:
    """Compute a run, resuming where a checkpoint of it lies.

    Args:
        config: the run.
        checkpoint: file to save to and resume from; it is left for the caller to remove.
        progress_bar: show one on standard error.
        checkpoint_every: seconds between two savings.

    Raises:
        ValueError: for a configuration that cannot be built, or a checkpoint of another one.
    """
    lockstep, w, digest = build(config)
    keeper = None
    if checkpoint is not None:
        identity = {**config.as_dict(), "core": core_version(), "data digest": digest}
        keeper = Checkpoint(checkpoint, identity, checkpoint_every)
    progress = lockstep.run(w, checkpoint=keeper, progress_bar=progress_bar)
    return as_dataset(config, lockstep, progress, digest)


def as_dataset(
    config: RunConfig, lockstep: Lockstep, progress: Progress, digest: str
) -> xr.Dataset:
    """Give a finished run as a data set with units, long names, configuration and provenance.

    Dimensions: ``step`` (discrete steps taken, warm-up included), ``spectrum_step`` (the same, at
    the eigensolves) and ``eigenvalue`` (0 is the largest).
    """
    quantities = dict(metrics.OPTIMIZER_QUANTITIES)
    for tag, flow in lockstep.flows.items():
        quantities |= metrics.flow_quantities(tag, _TITLES.get(tag, tag), isinstance(flow, RodFlow))
    variables = {
        name: ("step", np.asarray(values), quantities[name]._asdict())
        for name, values in progress.records.items()
    }
    for name, rows in progress.spectra.items():
        table, (kind, title) = np.asarray(rows), _spectrum_title(name)
        words = {"units": "loss / weight^2" if kind == "sharpness" else "1 / learning rate"}
        words["long_name"] = f"{kind} at the {title}"
        variables[name] = (("spectrum_step", "eigenvalue"), table[:, :-3], words)
        for column, (suffix, units) in enumerate(
            (("residual", words["units"]), ("converged", "1"), ("matvecs", "1"))
        ):
            words = {"long_name": f"{suffix} of the {kind} solve at the {title}", "units": units}
            variables[f"{name}_{suffix}"] = ("spectrum_step", table[:, column - 3], words)
    first, last = lockstep.warmup, lockstep.warmup + lockstep.steps
    every = lockstep.spectrum_every or lockstep.steps + 1
    coordinates = {
        "step": ("step", np.arange(first, last + 1), {"long_name": "optimizer step", "units": "1"})
    }
    if progress.spectra:
        words = {"long_name": "optimizer step of the eigensolve", "units": "1"}
        coordinates["spectrum_step"] = ("spectrum_step", np.arange(first, last + 1, every), words)
    return xr.Dataset(variables, coordinates, _attributes(config, lockstep, progress, digest))


def _spectrum_title(name: str) -> tuple[str, str]:
    tag = name.split("_")[0]
    kind = "preconditioned sharpness" if "_pre_" in name else "sharpness"
    return kind, _TITLES.get(tag, tag)


def _attributes(
    config: RunConfig, lockstep: Lockstep, progress: Progress, digest: str
) -> dict[str, object]:
    """Give the run's configuration and provenance as flat attributes."""
    return {
        "title": f"{OPTIMIZERS[config.optimizer].title} on {config.architecture}, {config.data}",
        "config": json.dumps(config.as_dict(), sort_keys=True),
        "fingerprint": config.fingerprint,
        "core": core_version(),
        "rodflow": __version__,
        "packages": json.dumps({name: metadata.version(name) for name in _PACKAGES}),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "device": config.device,
        "dtype": config.dtype,
        "threads": torch.get_num_threads(),
        "data_digest": digest,
        "parameters": lockstep.objective.dim,
        "threshold": lockstep.rule.threshold,
        "failed": json.dumps(progress.failed),
        "seconds": round(progress.seconds, 2),
    }


def save(dataset: xr.Dataset, path: Path) -> None:
    """Write a run as NetCDF; the file appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        # NetCDF 3: the same run gives the same bytes, without HDF5's kilobytes for every variable.
        dataset.to_netcdf(temporary, engine="scipy", format="NETCDF3_64BIT")
        os.replace(temporary, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()


def load(path: Path) -> xr.Dataset:
    """Read a recorded run into memory.

    Raises:
        ValueError: where there is no such file, or it is not a run.
    """
    if not Path(path).is_file():
        raise ValueError(f"there is no run {path}; make it with `rodflow run ... -o {path}`.")
    try:
        dataset = xr.load_dataset(path, engine="scipy")
    except (OSError, TypeError, ValueError) as error:
        raise ValueError(f"{path} cannot be read as NetCDF; make it again.") from error
    if "config" not in dataset.attrs:
        raise ValueError(f"{path} is not a run of this project: it has no configuration.")
    return dataset


def recorded_path(config: RunConfig) -> Path:
    """Give where a run is recorded: under its preset's name, or under its fingerprint."""
    kind = preset_of(config) or config.fingerprint
    return runs_directory() / f"{config.optimizer}-{config.architecture}-{kind}.nc"


def is_current(dataset: xr.Dataset, config: RunConfig) -> bool:
    """Say whether a recorded run has this configuration and came from this core."""
    attrs = dataset.attrs
    return attrs["fingerprint"] == config.fingerprint and attrs["core"] == core_version()


def load_or_run(
    config: RunConfig, *, path: Path | None = None, progress_bar: bool = True
) -> xr.Dataset:
    """Give the recorded run of a configuration where it is current; else compute and record it.

    Args:
        config: the run; it is saved every ``RODFLOW_CHECKPOINT_SECONDS`` (20) while computing.
        path: where it is recorded; ``recorded_path(config)`` where left out.
        progress_bar: show one while computing.

    Raises:
        ValueError: for a configuration that cannot be built, or a checkpoint of another one.
    """
    path = path or recorded_path(config)
    if path.exists():
        with contextlib.suppress(ValueError):
            dataset = load(path)
            if is_current(dataset, config):
                return dataset
    checkpoint = path.with_name(path.name + ".checkpoint")
    every = float(os.environ.get("RODFLOW_CHECKPOINT_SECONDS", 20))
    dataset = compute(
        config, checkpoint=checkpoint, progress_bar=progress_bar, checkpoint_every=every
    )
    save(dataset, path)
    checkpoint.unlink(missing_ok=True)
    return dataset
