"""Runs: built from a configuration or a problem, computed, recorded and replayed."""

from __future__ import annotations

import contextlib
import datetime
import functools
import json
import os
import platform
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import xarray as xr

from rodflow_core import __version__, quantities
from rodflow_core.central_flow import CentralFlow
from rodflow_core.checkpoint import Checkpoint
from rodflow_core.edge_flow import EdgeFlow
from rodflow_core.experiments import architectures, data, problem, records
from rodflow_core.experiments.code import core_code
from rodflow_core.experiments.config import RunConfig, member
from rodflow_core.experiments.problem import Problem
from rodflow_core.flows import DriftFreeRod, Flow, RodFlow, ShiftedCopy, StableFlow
from rodflow_core.integrators import make_integrator
from rodflow_core.lockstep import Lockstep, Progress
from rodflow_core.memory import keep_memory
from rodflow_core.objective import ModuleObjective, Objective
from rodflow_core.optimizers import OPTIMIZERS, UpdateRule, make_rule

FlowMaker = Callable[[UpdateRule, Objective, RunConfig], Flow]
"""Makes a flow of a rule and a loss, as a configuration says."""

FLOWS: dict[str, FlowMaker] = {
    "sf": lambda rule, loss, c: StableFlow(rule, loss, c.backward_error),
    "rod": lambda rule, loss, c: RodFlow(rule, loss, rank=c.rank, backward_error=c.backward_error),
    "free": lambda rule, loss, c: DriftFreeRod(
        rule, loss, backward_error=c.backward_error, leak=c.leak
    ),
    "floor": lambda rule, loss, c: ShiftedCopy(rule, loss),
    "corrected": lambda rule, loss, c: RodFlow(rule, loss, rank=c.rank, backward_error=True),
    "central": lambda rule, loss, c: CentralFlow(rule, loss),  # type: ignore[arg-type]
    "edge": lambda rule, loss, c: EdgeFlow(rule, loss),
}
FLOWS |= {"sf_fine": FLOWS["sf"], "rod_fine": FLOWS["rod"], "free_fine": FLOWS["free"]}
FLOWS |= {"rod_finer": FLOWS["rod"], "free_finer": FLOWS["free"]}
"""The flows that a run may hold, by tag; a further one is one more row."""

METHODS = {
    "sf_fine": "rk4:4", "rod_fine": "rk4:1", "free_fine": "rk4:1", "rod_finer": "rk4:4",
    "free_finer": "rk4:4", "central": "euler:2",
}  # fmt: skip
"""Integrators of flows that have one of their own, which a run's ``substeps`` leave alone.

``*_fine`` are the same models once more with Runge-Kutta 4, at the price of the paper's four Euler
substeps; ``*_finer``, where these two disagree, are resolved. Central flow is implicit in its
constraint: with two substeps it is where it is with four.
"""

_PACKAGES = ("torch", "numpy", "scipy", "scikit-learn", "xarray")
REPLAY_WARMUP, REPLAY_STEPS = 3, 2
"""Length of a replay."""
REPLAY_TOLERANCE = {"float64": 1e-8, "float32": 1e-3}
"""Relative difference from which a replay is another; rounding stays orders below, changed formulas
above."""


# --- building ------------------------------------------------------------------------------------


def problem_of(config: RunConfig) -> Problem:
    """Build the problem of a configuration: a preset's network and data, or one of one's own.

    Raises:
        ValueError: for a configuration that cannot be built, in one sentence.
    """
    _check_device(config.device)
    if config.problem is not None:
        return problem.named(config.problem)
    known = architectures.ARCHITECTURES[config.architecture].sizes
    for size in config.sizes:
        member(f"size of the {config.architecture}", size, known)
    dtype = getattr(torch, config.dtype)
    dataset = _dataset(config)
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
        (dataset.inputs, dataset.targets),
        config.loss,
        microbatch=config.microbatch,
        stacked=config.stacked,
        check=False,
    )
    title = f"{config.architecture}, {config.data}"
    return Problem(objective, objective.initial_weights(), title, dataset.digest)


def _dataset(config: RunConfig) -> data.Dataset:
    return data.load(
        config.data,
        config.examples,
        seed=config.seed,
        path=config.data_path,
        dtype=getattr(torch, config.dtype),
        device=config.device,
    )


def build(
    config: RunConfig,
    own: Problem | None = None,
    flows: Mapping[str, FlowMaker] | None = None,
) -> tuple[Lockstep, Problem]:
    """Build what a configuration describes.

    Args:
        config: the run.
        own: the problem to run on, where it is not the configuration's.
        flows: flows of one's own by tag, beside those the configuration names.

    Returns:
        The lockstep, and the problem it starts on.

    Raises:
        ValueError: for a configuration that cannot be built, in one sentence.
    """
    rule = make_rule(
        config.optimizer,
        config.learning_rate,
        **{"beta1": config.beta1, "beta2": config.beta2, "epsilon": config.epsilon},
        **config.hyperparameters,
    )
    for tag in config.flows:
        member("flow", tag, FLOWS)
    subject = own or problem_of(config)
    makers = {**{tag: FLOWS[tag] for tag in config.flows}, **(flows or {})}
    made = {tag: make(rule, subject.objective, config) for tag, make in makers.items()}
    for tag in config.integrators:
        member("flow", tag, made)
    methods = {**METHODS, **config.integrators}
    default = f"euler:{config.substeps}"
    lockstep = Lockstep(
        rule,
        subject.objective,
        made,
        config.warmup,
        config.steps,
        {tag: make_integrator(methods.get(tag, default)) for tag in made},
        config.spectrum_every,
        config.eigenvalues,
        config.spectrum_tolerance,
        config.raw_spectrum,
    )
    return lockstep, subject


def _check_device(device: str) -> None:
    try:
        float(torch.zeros(1, device=device) + 1)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ValueError(
            f"device {device!r} is not one this torch can compute on; expected one it can, such "
            "as cpu."
        ) from error


@contextlib.contextmanager
def on_threads(count: int) -> Iterator[None]:
    """Compute on so many threads: sums in another order give other bits."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def for_problem(config: RunConfig, own: Problem | None) -> RunConfig:
    """Give the configuration as it is recorded of a problem of one's own."""
    if own is None:
        return config
    dtype = str(own.weights.dtype).removeprefix("torch.")
    return config.replace(
        problem=config.problem or own.title, dtype=dtype, device=str(own.weights.device)
    )


# --- computing -----------------------------------------------------------------------------------


def compute(
    config: RunConfig,
    own: Problem | None = None,
    *,
    flows: Mapping[str, FlowMaker] | None = None,
    checkpoint: Path | None = None,
    progress_bar: bool = False,
    checkpoint_every: float = 20.0,
) -> xr.Dataset:
    """Compute a run, resuming where a checkpoint of it lies.

    Args:
        config: the run.
        own: the problem to run on, where it is not the configuration's.
        flows: flows of one's own by tag, beside those the configuration names.
        checkpoint: file to save to and resume from; it is left for the caller to remove.
        progress_bar: show one on standard error.
        checkpoint_every: seconds between two savings.

    Raises:
        ValueError: for a configuration that cannot be built, or a checkpoint of another one.

    Example:
        >>> from rodflow_core.landscapes import Quartic
        >>> quartic = Quartic(torch.tensor([22.0, 1.0]).double(), torch.tensor(1.0).double())
        >>> own = Problem.from_landscape(quartic, torch.tensor([0.3, 0.1]).double(), "a quartic")
        >>> run = compute(RunConfig("gd", 0.1, warmup=5, steps=20), own)
        >>> round(float(records.values(run, "rod", "delta_norm")[-1]), 2)
        1.41
    """
    config = for_problem(config, own)
    keep_memory()
    with on_threads(config.threads):
        lockstep, subject = build(config, own, flows)
        keeper = None
        if checkpoint is not None:
            identity = {**config.as_dict(), "code": core_code(), "problem": subject.digest}
            identity |= {f"flow {tag}": flow.title for tag, flow in lockstep.flows.items()}
            keeper = Checkpoint(checkpoint, identity, checkpoint_every)
        progress = lockstep.run(subject.weights, checkpoint=keeper, progress_bar=progress_bar)
        again = replay(config, own, flows)
    return as_dataset(config, lockstep, progress, subject, again)


def as_dataset(
    config: RunConfig,
    lockstep: Lockstep,
    progress: Progress,
    subject: Problem,
    again: Mapping[str, list[float]],
) -> xr.Dataset:
    """Give a finished run as a data set with units, long names, configuration and provenance.

    Dimensions: ``step`` (discrete steps taken, warm-up included), ``spectrum_step`` (the same, at
    the eigensolves) and ``eigenvalue`` (0 is the largest).
    """
    titles = {quantities.OPTIMIZER: "optimizer", **titles_of(lockstep)}
    variables: dict[str, Any] = {}
    for name, entry in lockstep.catalogue().items():
        title = titles[entry.trajectory]
        words = {
            "long_name": entry.quantity.long_name.format(title=title),
            "units": entry.quantity.units,
            "trajectory": entry.trajectory,
            "kind": entry.kind,
        }
        if name in progress.records:
            # What was computed in single precision fills no more of a file.
            numbers = np.asarray(progress.records[name], dtype=config.dtype)
            variables[name] = ("step", numbers, words)
            continue
        solves = progress.spectra[name]
        variables[name] = (("spectrum_step", "eigenvalue"), np.asarray(solves.values), words)
        for kind, quantity in quantities.OF_SOLVE.items():
            about = {
                "long_name": f"{quantity.long_name}: {words['long_name']}",
                "units": quantity.units or words["units"],
                "trajectory": entry.trajectory,
                "kind": f"{entry.kind}_{kind}",
            }
            variables[f"{name}_{kind}"] = (
                "spectrum_step",
                np.asarray(getattr(solves, kind)),
                about,
            )
    first, last = lockstep.warmup, lockstep.warmup + lockstep.steps
    coordinates = {
        "step": ("step", np.arange(first, last + 1), {"long_name": "optimizer step", "units": "1"})
    }
    if progress.spectra:
        words = {"long_name": "optimizer step of the eigensolve", "units": "1"}
        steps = np.arange(first, last + 1, lockstep.spectrum_every)
        coordinates["spectrum_step"] = ("spectrum_step", steps, words)
    return xr.Dataset(
        variables, coordinates, _attributes(config, lockstep, progress, subject, again)
    )


def titles_of(lockstep: Lockstep) -> dict[str, str]:
    """Give the titles of a run's flows by tag; a model that is there twice says how it is run."""
    titles: dict[str, str] = {}
    for tag, flow in lockstep.flows.items():
        title = flow.title + (", corrected" if getattr(flow, "backward_error", False) else "")
        again = title in titles.values()
        titles[tag] = f"{title} ({lockstep.integrator(tag).name})" if again else title
    return titles


def _attributes(
    config: RunConfig,
    lockstep: Lockstep,
    progress: Progress,
    subject: Problem,
    again: Mapping[str, list[float]],
) -> dict[str, object]:
    """Give the run's configuration and provenance as flat attributes."""
    flows = [
        {"tag": tag, "title": title, "integrator": lockstep.integrator(tag).name}
        | ({"integrator": "none"} if hasattr(lockstep.flows[tag], "step") else {})
        for tag, title in titles_of(lockstep).items()
    ]
    return {
        "title": f"{OPTIMIZERS[config.optimizer].title} on {subject.title}",
        "problem": subject.title,
        "problem_digest": subject.digest,
        "config": json.dumps(config.as_dict(), sort_keys=True),
        "flows": json.dumps(flows),
        "fingerprint": config.fingerprint,
        "numerics": records.NUMERICS,
        "code": core_code(),
        "replay": json.dumps(again, sort_keys=True),
        "rodflow": __version__,
        "packages": json.dumps({name: metadata.version(name) for name in _PACKAGES}),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "parameters": lockstep.objective.dim,
        "threshold": lockstep.rule.threshold,
        "failed": json.dumps(progress.failed),
        "troubles": json.dumps(progress.troubles),
        "evaluations": json.dumps({t: track.evaluations for t, track in progress.tracks.items()}),
        "seconds": round(progress.seconds, 2),
        "spent": json.dumps({tag: round(s, 4) for tag, s in progress.spent.items()}),
    }


# --- is a record current? ------------------------------------------------------------------------


def replay(
    config: RunConfig,
    own: Problem | None = None,
    flows: Mapping[str, FlowMaker] | None = None,
) -> dict[str, list[float]]:
    """Run the first few steps of a configuration, and give every quantity that is recorded.

    In float64 on the CPU on one thread, whatever the run itself used, so that rounding is far below
    what a changed formula changes; a problem of one's own keeps its dtype and device. The
    eigensolver is left out: `verification` sees that.
    """
    short = config.replace(warmup=REPLAY_WARMUP, steps=REPLAY_STEPS, spectrum_every=0)
    if config.problem is None:
        short = short.replace(dtype="float64", device="cpu")
    with on_threads(1):
        lockstep, subject = build(short, own, flows)
        progress = lockstep.run(subject.weights)
    return {name: list(map(float, series)) for name, series in progress.records.items()}


def replays_differ(
    one: Mapping[str, list[float]], other: Mapping[str, list[float]], tolerance: float
) -> str:
    """Name the first quantity in which a replay differs from another; empty where they agree.

    Numbers differ where they are further apart than the tolerance, relative to the larger, and
    than rounding; NaN equals NaN. What the other has beside does not make what this one says wrong.
    """
    if not set(one) <= set(other):
        return sorted(set(one) - set(other))[0]
    for name in sorted(one):
        a, b = np.asarray(one[name]), np.asarray(other[name])
        if a.shape != b.shape:
            return name
        # Distances that start at nought are differences of numbers of order one.
        apart = np.abs(a - b) > tolerance * np.maximum(np.abs(a), np.abs(b)) + 1e-5 * tolerance
        if (apart | (np.isnan(a) != np.isnan(b))).any():
            return name
    return ""


def replay_dtype(config: RunConfig) -> str:
    """Give the dtype of a run's replay: float64, but on a problem of one's own."""
    return config.dtype if config.problem is not None else "float64"


class Status(NamedTuple):
    """Whether a record is what its configuration would give today.

    Attributes:
        current: whether it is.
        reason: why, or why not.
    """

    current: bool
    reason: str


def status(
    run: xr.Dataset,
    config: RunConfig | None = None,
    own: Problem | None = None,
    flows: Mapping[str, FlowMaker] | None = None,
) -> Status:
    """Say whether a recorded run is current.

    It is where configuration, `NUMERICS` and the digest of the problem are what they are today,
    and, if the code has changed since, a replay gives the same numbers. Where the data are not at
    hand, neither digest nor replay can be looked at, and the record is taken at its word.

    Args:
        run: a record, as `records.load` gives it.
        config: what it should be of; its own where left out.
        own: the problem it should be of, where that is not the configuration's.
        flows: flows of one's own in it.

    Raises:
        ValueError: where ``config`` names a file of data that cannot be used.
    """
    recorded = records.configuration(run)
    asked = config is not None
    config = recorded if config is None else for_problem(config, own)
    differences = config.differences(recorded)
    if differences:
        return Status(False, f"its configuration differs in {', '.join(differences)}")
    if int(run.attrs["numerics"]) != records.NUMERICS:
        return Status(False, f"it has numerics {run.attrs['numerics']}, now {records.NUMERICS}")
    if own is None and config.problem is not None and ":" not in config.problem:
        return Status(True, "its problem is not at hand: taken at its word")
    try:
        digest = own.digest if own else problem_digest(config)
    except ValueError as error:
        if asked and config.data_path:  # a file that was named has to be one
            raise
        return Status(True, f"its data are not at hand, so it is taken at its word: {error}")
    if digest != run.attrs["problem_digest"]:
        return Status(False, "its data or start are others")
    if run.attrs["code"] == core_code():
        return Status(True, "configuration, data and code are the same")
    return _replayed(run, config, own, flows)


def _replayed(
    run: xr.Dataset,
    config: RunConfig,
    own: Problem | None,
    flows: Mapping[str, FlowMaker] | None,
) -> Status:
    """Say whether a replay with today's code gives what the record's own gave."""
    known = records.cache_directory() / "replays" / f"{run.attrs['digest'][:20]}-{core_code()}"
    agrees = Status(True, "the code has changed since; a replay gives the same numbers")
    if own is None and known.exists():
        return agrees
    stored = json.loads(run.attrs["replay"])
    tolerance = REPLAY_TOLERANCE[replay_dtype(config)]
    other = replays_differ(stored, replay(config, own, flows), tolerance)
    if other:
        return Status(False, f"a replay with today's code differs in {other}")
    if own is None:
        with contextlib.suppress(OSError):  # a cache that cannot be written costs time only
            known.parent.mkdir(parents=True, exist_ok=True)
            known.touch()
    return agrees


def problem_digest(config: RunConfig) -> str:
    """Give the digest of a configuration's problem, without building its network."""
    if config.problem is not None:
        return problem.named(config.problem).digest
    named = config.data_path or os.environ.get(data.CIFAR10_VARIABLE) or ""
    return _data_digest(config.data, config.examples, config.seed, named)


@functools.lru_cache(maxsize=64)
def _data_digest(name: str, examples: int, seed: int, path: str) -> str:
    own = path if path and name != "digits" else None
    return data.load(name, examples, seed=seed, path=own).digest


def load_or_run(
    config: RunConfig,
    own: Problem | None = None,
    *,
    flows: Mapping[str, FlowMaker] | None = None,
    path: Path | None = None,
    progress_bar: bool = True,
) -> xr.Dataset:
    """Give the recorded run of a configuration where it is current; else compute and record it.

    A record that was damaged is set aside, never deleted, and made again.

    Args:
        config: the run; while computing it is saved every ``RODFLOW_CHECKPOINT_SECONDS``, 20 unless
            set.
        own: the problem to run on, where it is not the configuration's.
        flows: flows of one's own by tag.
        path: where it is recorded; where left out, it is looked for among the cited records and in
            the cache, and put where `records.path_of` says.
        progress_bar: show one while computing.

    Raises:
        ValueError: for a configuration that cannot be built, an output that cannot be written, or
            a checkpoint of another run.
    """
    config = for_problem(config, own)
    digest = own.digest if own else ""
    for place in [Path(path)] if path else records.places(config, digest):
        run = _recorded(place, config, own, flows)
        if run is not None:
            return run
    path = Path(path or records.path_of(config, digest))
    records.check_writable(path)
    checkpoint = path.with_name(path.name + ".checkpoint")
    every = float(os.environ.get("RODFLOW_CHECKPOINT_SECONDS", 20))
    run = compute(
        config, own, flows=flows, checkpoint=checkpoint, progress_bar=progress_bar,
        checkpoint_every=every,
    )  # fmt: skip
    records.save(run, path)
    checkpoint.unlink(missing_ok=True)
    return run


def _recorded(
    path: Path,
    config: RunConfig,
    own: Problem | None,
    flows: Mapping[str, FlowMaker] | None,
) -> xr.Dataset | None:
    """Give the record that lies at a place, if there is one and it is current."""
    if not path.is_file():
        return None
    try:
        run = records.load(path)
    except ValueError as error:
        print(f"{error} It is kept as {records.set_aside(path).name}.", file=sys.stderr)
        return None
    found = status(run, config, own, flows)
    if not found.current:
        print(f"{path} is not current: {found.reason}.", file=sys.stderr)
    return run if found.current else None
