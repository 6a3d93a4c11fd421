"""Cost against accuracy: how far an integrator is from the flow that it integrates.

The error of a method is the distance, in weight space, of the centre it gives from that of the same
flow integrated finely, root mean square over the lockstep steps, over the distance of the latter to
the optimizer's centre, the model's own error. Two fine integrations tell how far the fine one can
be believed: where trajectories separate whatever the method, the number is no error of the method.

A record is an ordinary one (`records`) with variables of its own; those that the book cites:

    RODFLOW_CITE=1 python -m rodflow_core.experiments.frontier [OPTIMIZER ...]
"""

from __future__ import annotations

import hashlib
import itertools
import json
import sys
import time
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import xarray as xr
from numpy.typing import ArrayLike
from torch import Tensor

from rodflow_core import quantities
from rodflow_core.experiments import records, runs
from rodflow_core.experiments.code import code_of, core_code
from rodflow_core.experiments.config import RunConfig
from rodflow_core.experiments.limits import power
from rodflow_core.experiments.presets import preset
from rodflow_core.flows import Flow, midpoint
from rodflow_core.integrators import Integrator, Track, make_integrator, rkc
from rodflow_core.lockstep import KEPT, finite
from rodflow_core.memory import keep_memory
from rodflow_core.optimizers import OPTIMIZERS, State

MODELS = ("rod", "free")
"""The flows that are integrated: the paper's rod and the drift-free rod."""
METHODS = (
    *(f"euler:{substeps}" for substeps in (1, 2, 4, 8, 16)),
    *(f"rk4:{substeps}" for substeps in (1, 2)),
    *(f"rkc2:{span}" for span in (1, 2, 3, 4, 8, 16)),
    *(f"adaptive:{tolerance}" for tolerance in (0.3, 0.03, 0.003)),
)
"""The methods that are measured."""
FINE, CHECK = "rk4:8", "rk4:4"
"""The fine integration, and a coarser one among the methods: their distance bounds its error."""
GRADIENTS = 2
"""Gradients to a rate of a rod: one at each end."""
RESOLVED = 3.0
"""An error is one where it is at least so many times the distance of the two fine integrations."""
STEPS = 100
"""Steps over which methods are compared: in many more, a chaotic flow forgets where it began."""

_SERIES = {
    "apart": (("model", "method"), "distance of the centre from the finely integrated one"),
    "distance": (("model",), "distance of the finely integrated centre from the optimizer's"),
    "floor": ((), "distance of the shifted copy of the optimizer from its centre"),
}
"""What is recorded of every step: its dimensions beside the step, and what it is."""


# --- measuring -----------------------------------------------------------------------------------


class _Path:
    """A flow under way with one method."""

    def __init__(self, flow: Flow, method: Integrator, iterates: Sequence[State]) -> None:
        self.flow, self.method = flow, method
        self.track: Track = method.begin(flow.initial(*iterates))
        self.lost: int | None = None

    def advance(self, t: int) -> None:
        """Go on from step ``t``, unless it was lost before."""
        if self.lost is None:
            self.track = self.method.advance(self.flow, self.track, t)
            if self.track.trouble or not finite(self.track.state):
                self.lost = t + 1

    def centre(self) -> Tensor:
        """Give the centre, ``(D,)``; NaN where it was lost."""
        z = self.flow.point(self.track.state).z
        return z if self.lost is None else torch.full_like(z, torch.nan)


class _Bundle:
    """An optimizer, and both rods integrated with every method beside it."""

    def __init__(self, config: RunConfig, methods: Sequence[str]) -> None:
        lockstep, self.problem = runs.build(_plain(config))
        self.rule, self.objective = lockstep.rule, lockstep.objective
        self.iterates = [self.rule.initial_state(self.problem.weights)]
        for t in range(config.warmup):
            self.step(t)
        self.methods = tuple(methods)

        def path(tag: str, method: str) -> _Path:
            return _Path(lockstep.flows[tag], make_integrator(method), self.iterates)

        self.fine = [path(tag, FINE) for tag in MODELS]
        self.tried = [[path(tag, method) for method in methods] for tag in MODELS]
        self.copy = path("floor", FINE)

    def step(self, t: int) -> None:
        """Take a step of the optimizer."""
        new = self.rule.step(self.objective, self.iterates[-1], t)
        self.iterates = [*self.iterates[1 - KEPT :], new]

    def advance(self, t: int) -> None:
        """Take a step of everything."""
        self.step(t)
        for path in (*self.fine, self.copy, *sum(self.tried, [])):
            path.advance(t)

    def look(self) -> dict[str, Any]:
        """Give every series' value at the present step."""
        centre = midpoint(*self.iterates[-2:]).z
        fine = [path.centre() for path in self.fine]
        tried = [[path.centre() for path in row] for row in self.tried]
        return {
            "apart": [[self._far(z, f) for z in row] for row, f in zip(tried, fine, strict=True)],
            "distance": [self._far(f, centre) for f in fine],
            "floor": self._far(self.copy.centre(), centre),
        }

    def _far(self, a: Tensor, b: Tensor) -> float:
        return quantities.centre_distance(self.rule, a, b)

    def each(self, say: Callable[[_Path], object]) -> str:
        """Say something of every flow and method, as JSON; nothing where it is ``None``."""
        found = {
            f"{tag} {method}": say(path)
            for tag, row in zip(MODELS, self.tried, strict=True)
            for method, path in zip(self.methods, row, strict=True)
        }
        return json.dumps({key: value for key, value in found.items() if value is not None})


def measure(config: RunConfig, methods: Sequence[str] = METHODS) -> xr.Dataset:
    """Integrate both rods with every method, beside the optimizer, and record the distances.

    Dimensions: ``step`` (discrete steps taken, warm-up included), ``model`` (as ``MODELS``) and
    ``method`` (as the attribute ``methods`` lists them; the last is ``CHECK``).

    Args:
        config: the run; its flows, integrators and eigensolves are not used.
        methods: names that `make_integrator` takes.

    Raises:
        ValueError: for a configuration that cannot be built, or an unknown method.
    """
    keep_memory()
    started, methods = time.monotonic(), (*methods, CHECK)
    bundle, found = _run(config, methods)
    steps = np.arange(config.warmup, config.warmup + config.steps + 1)
    variables = {}
    for name, (dimensions, words) in _SERIES.items():
        about = {"long_name": words, "units": "weight"}
        variables[name] = (("step", *dimensions), np.asarray([row[name] for row in found]), about)
    about = {"long_name": "optimizer step", "units": "1"}
    attributes = {
        **_provenance(config, bundle),
        "replay": json.dumps(replay(config, methods)),
        "seconds": round(time.monotonic() - started, 2),
    }
    return xr.Dataset(variables, {"step": ("step", steps, about)}, attributes)


def _plain(config: RunConfig) -> RunConfig:
    """Give the configuration with what does not matter here at one value."""
    return config.replace(flows=(*MODELS, "floor"), integrators={}, spectrum_every=0, substeps=4)


def _run(config: RunConfig, methods: Sequence[str]) -> tuple[_Bundle, list[dict[str, Any]]]:
    """Run all steps, on the configuration's threads, and look at each."""
    with runs.on_threads(config.threads):
        bundle = _Bundle(config, methods)
        found = [bundle.look()]
        for t in range(config.warmup, config.warmup + config.steps):
            bundle.advance(t)
            found.append(bundle.look())
    return bundle, found


def _provenance(config: RunConfig, bundle: _Bundle) -> dict[str, object]:
    config, titles = _plain(config), [path.flow.title for path in bundle.fine]
    flows = [{"tag": tag, "title": title} for tag, title in zip(MODELS, titles, strict=True)]
    return {
        "title": f"{OPTIMIZERS[config.optimizer].title} on {bundle.problem.title}",
        "problem": bundle.problem.title,
        "problem_digest": bundle.problem.digest,
        "config": json.dumps(config.as_dict(), sort_keys=True),
        "flows": json.dumps(flows),
        "methods": json.dumps(bundle.methods),
        "numerics": records.NUMERICS,
        "code": code(),
        "packages": json.dumps({name: metadata.version(name) for name in ("torch", "numpy")}),
        "parameters": bundle.objective.dim,
        "threshold": bundle.rule.threshold,
        "failed": bundle.each(lambda path: path.lost),
        "troubles": bundle.each(lambda path: path.track.trouble or None),
        "evaluations": bundle.each(lambda path: path.track.evaluations),
    }


# --- recording -----------------------------------------------------------------------------------


def code() -> str:
    """Give a digest of the code that makes the numbers: the core's, and that of this module."""
    own = hashlib.sha256(code_of(Path(__file__).read_text(encoding="utf-8")).encode())
    return f"{core_code()}-{own.hexdigest()[:12]}"


def replay(config: RunConfig, methods: Sequence[str]) -> dict[str, list[float]]:
    """Take the first few steps of a configuration, and give everything that is measured."""
    short = config.replace(warmup=runs.REPLAY_WARMUP, steps=runs.REPLAY_STEPS, threads=1)
    _, found = _run(short, methods)
    return {name: np.ravel([row[name] for row in found]).tolist() for name in _SERIES}


def status(run: xr.Dataset, config: RunConfig, methods: Sequence[str] = METHODS) -> runs.Status:
    """Say whether a record is what its configuration would give today.

    It is where configuration, methods, `NUMERICS` and problem are what they are today, and, if the
    code has changed since, the first few steps give the same numbers.
    """
    differences = _plain(config).differences(records.configuration(run))
    if _methods(run) != [*methods, CHECK]:
        differences.append("methods")
    if differences:
        return runs.Status(False, f"it differs in {', '.join(differences)}")
    if int(run.attrs["numerics"]) != records.NUMERICS:
        return runs.Status(False, f"it has numerics {run.attrs['numerics']}")
    if runs.problem_digest(config) != run.attrs["problem_digest"]:
        return runs.Status(False, "its data or start are others")
    if run.attrs["code"] == code():
        return runs.Status(True, "configuration, data and code are the same")
    again = replay(config, (*methods, CHECK))
    tolerance = runs.REPLAY_TOLERANCE[config.dtype]
    other = runs.replays_differ(json.loads(run.attrs["replay"]), again, tolerance)
    if other:
        return runs.Status(False, f"a replay with today's code differs in {other}")
    return runs.Status(True, "the code has changed since; a replay gives the same numbers")


def load_or_measure(config: RunConfig, methods: Sequence[str] = METHODS) -> xr.Dataset:
    """Give the record of a configuration where it is current; else measure and record it.

    Its place is beside the run's of the same configuration, its name begins with ``frontier-``.

    Raises:
        ValueError: as `measure` does, or where a record is damaged or cannot be written.
    """
    for path in map(_beside, records.places(config)):
        if path.is_file():
            run = records.load(path, of_a_run=False)
            found = status(run, config, methods)
            if found.current:
                return run
            print(f"{path} is not current: {found.reason}.", file=sys.stderr)
    path = _beside(records.path_of(config))
    records.check_writable(path)
    run = measure(config, methods)
    records.save(run, path)
    return run


def _beside(path: Path) -> Path:
    return path.with_name(f"frontier-{path.name}")


# --- reading -------------------------------------------------------------------------------------


class Point(NamedTuple):
    """What a method costs, and how far it is from the flow.

    Attributes:
        model: tag of the flow.
        method: name of the integrator.
        gradients: evaluated per optimizer step, while it was finite.
        error: root mean square distance from the fine integration, over the model's own error; NaN
            where it was lost.
        resolved: whether the fine integration can be believed so far.
        lost: whether it stopped being finite.
    """

    model: str
    method: str
    gradients: float
    error: float
    resolved: bool
    lost: bool


class Yardstick(NamedTuple):
    """What the errors of a model are measured by.

    Attributes:
        own: root mean square distance of the flow from the optimizer's centre, in weight.
        floor: that of the shifted copy of the optimizer, over ``own``.
        apart: that of the two fine integrations from each other, over ``own``.
    """

    own: float
    floor: float
    apart: float


def yardsticks(run: xr.Dataset) -> dict[str, Yardstick]:
    """Give what the errors in a record are measured by, by model."""
    found = {}
    for i, tag in enumerate(MODELS):
        own, apart = _rms(run["distance"][:, i]), _rms(run["apart"][:, i, -1])
        found[tag] = Yardstick(own, _rms(run["floor"]) / own, apart / own)
    return found


def _methods(run: xr.Dataset) -> list[str]:
    return json.loads(run.attrs["methods"])


def points(run: xr.Dataset) -> list[Point]:
    """Give cost and error of every method in a record, but of the check."""
    measured, (first, *_, last) = yardsticks(run), run["step"].to_numpy().tolist()
    rates, failed = (json.loads(run.attrs[key]) for key in ("evaluations", "failed"))
    found = []
    for i, (tag, (own, _, apart)) in enumerate(measured.items()):
        for j, method in enumerate(_methods(run)[:-1]):
            name, error = f"{tag} {method}", _rms(run["apart"][:, i, j]) / own
            gradients = GRADIENTS * rates[name] / (failed.get(name, last) - first)
            resolved = error >= RESOLVED * apart
            found.append(Point(tag, method, gradients, error, resolved, name in failed))
    return found


def swing_period(length: ArrayLike) -> float:
    """Give the period with which ``|delta|`` swings, in steps.

    Half of the power of its logarithm, a steady growth or decay taken out, is slower, half faster.

    Args:
        length: ``|delta|`` at consecutive steps, ``(T,)``, positive.
    """
    logarithm = np.log(np.asarray(length, dtype=float))
    time = np.arange(len(logarithm))
    frequency, part = power(logarithm - np.polyval(np.polyfit(time, logarithm, 1), time))
    half = max(1, int(np.searchsorted(np.cumsum(part), 0.5)))
    return float(1 / frequency[half])


def span_at(gradients: float) -> int:
    """Give the length, in optimizer steps, that an RKC2 step must have to cost no more than this.

    Args:
        gradients: evaluated per optimizer step, positive.

    Example:
        >>> span_at(4.0)
        2
    """
    spans = itertools.count(1)
    return next(s for s in spans if GRADIENTS * len(rkc(s).tableau.weights) <= gradients * s)


def _rms(series: xr.DataArray) -> float:
    # Over the steps but the first, where all flows start alike.
    return float(np.sqrt(np.mean(series.to_numpy()[1:] ** 2)))


def row(kind: str, optimizer: str, **changes: object) -> RunConfig:
    """Give the configuration in which the methods are compared: a preset's row, fewer steps."""
    config = preset(kind, optimizer, "mlp", **changes)
    return config.replace(steps=min(config.steps, STEPS))


def main() -> None:
    """Measure what is not current of the nine rules on the digits MLP, or of those named."""
    for optimizer in sys.argv[1:] or OPTIMIZERS:
        run = load_or_measure(row("quick", optimizer))
        print(f"{optimizer}: {run.attrs['seconds']:g} s", flush=True)


if __name__ == "__main__":
    main()
