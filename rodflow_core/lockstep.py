"""An optimizer and its flows side by side: measure, then move (appendix H.2)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

import torch
from torch import Tensor
from tqdm import tqdm

from rodflow_core import quantities
from rodflow_core.checkpoint import Checkpoint, named_tuples
from rodflow_core.extent import Extent, ExtentRate
from rodflow_core.flows import Flow, midpoint
from rodflow_core.integrators import Integrator, Track, euler
from rodflow_core.objective import Objective
from rodflow_core.optimizers import State, UpdateRule
from rodflow_core.quantities import OPTIMIZER, Quantity, name_of
from rodflow_core.sharpness import preconditioned_sharpness

KEPT = 4
"""How many of the optimizer's last states are kept."""


class Entry(NamedTuple):
    """What a recorded series is.

    Attributes:
        trajectory: tag of the optimizer or of a flow.
        kind: of the quantity.
        quantity: how it is to be read.
    """

    trajectory: str
    kind: str
    quantity: Quantity


@dataclass
class Spectra:
    """The eigensolves of one operator along a run.

    Attributes:
        values: leading eigenvalues of each, largest first.
        residual: largest residual among them.
        converged: whether it converged, 1 or 0.
        matvecs: products it took.
    """

    values: list[list[float]] = field(default_factory=list)
    residual: list[float] = field(default_factory=list)
    converged: list[float] = field(default_factory=list)
    matvecs: list[float] = field(default_factory=list)

    def add(self, values: list[float], residual: float, converged: float, matvecs: float) -> None:
        """Append one eigensolve."""
        self.values.append(values)
        self.residual.append(residual)
        self.converged.append(converged)
        self.matvecs.append(float(matvecs))


@dataclass
class Progress:
    """All that a lockstep run is at one moment; saving and loading it loses nothing.

    Attributes:
        t: discrete steps taken.
        iterates: the last states of the optimizer, newest last, four at most.
        tracks: where each flow and its integrator stand; empty during the warm start.
        failed: step at which a trajectory stopped being finite or could not go on, by its tag.
        troubles: why, where there is more to say than that it was no longer finite.
        subspaces: where the next eigensolve of each operator starts.
        records: the values of each quantity, one per measurement, by recorded name.
        spectra: the eigensolves, by recorded name.
        seconds: wall-clock seconds spent so far, all sessions together.
        spent: the part of them that moving each trajectory took, by its tag; the optimizer's since
            the flows started. Measuring is in none of them.
    """

    t: int
    iterates: list[State]
    tracks: dict[str, Track] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)
    troubles: dict[str, str] = field(default_factory=dict)
    subspaces: dict[str, Tensor] = field(default_factory=dict)
    records: dict[str, list[float]] = field(default_factory=dict)
    spectra: dict[str, Spectra] = field(default_factory=dict)
    seconds: float = 0.0
    spent: dict[str, float] = field(default_factory=dict)

    @property
    def flows(self) -> dict[str, Any]:
        """The present state of each flow."""
        return {tag: track.state for tag, track in self.tracks.items()}

    def content(self) -> dict[str, Any]:
        """Give everything as what a checkpoint can hold."""
        content = {f.name: getattr(self, f.name) for f in fields(self)}
        content["spectra"] = {name: vars(solves) for name, solves in self.spectra.items()}
        return content

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Progress:
        """Give what `content` described."""
        spectra = {name: Spectra(**solves) for name, solves in content["spectra"].items()}
        return cls(**{**content, "spectra": spectra})


@dataclass(frozen=True)
class Lockstep:
    """An optimizer and its flows, and how long and how finely they run side by side.

    Attributes:
        rule: the update rule.
        objective: the loss.
        flows: the flows by tag (``sf`` and ``rod`` give the paper's names of quantities).
        warmup: discrete steps before the flows start, at least 2.
        steps: discrete steps side by side.
        integrators: how each flow is integrated, by tag; the paper's Euler where left out.
        spectrum_every: steps between two eigensolves; 0 for none.
        eigenvalues: leading eigenvalues in each.
        spectrum_tolerance: residual of an eigenpair relative to the largest eigenvalue.
        raw_spectrum: solve for the sharpness without preconditioner too, where there is one.
    """

    rule: UpdateRule
    objective: Objective
    flows: Mapping[str, Flow]
    warmup: int
    steps: int
    integrators: Mapping[str, Integrator] = field(default_factory=dict)
    spectrum_every: int = 5
    eigenvalues: int = 3
    spectrum_tolerance: float = 1e-4
    raw_spectrum: bool = False

    def __post_init__(self) -> None:
        """Check the counts and the tags.

        Raises:
            ValueError: where a count is too small to run with, or a tag cannot be one.
        """
        least = {"warmup": 2, "steps": 1, "spectrum_every": 0, "eigenvalues": 1}
        for name, minimum in least.items():
            if getattr(self, name) < minimum:
                raise ValueError(f"{name} is {getattr(self, name)}; expected at least {minimum}.")
        for tag in self.flows:
            if not tag.isidentifier() or tag == OPTIMIZER:
                raise ValueError(
                    f"a flow cannot be called {tag!r}; expected a word of letters, digits and _, "
                    f"other than {OPTIMIZER!r}."
                )
        for tag in self.integrators:
            if tag not in self.flows:
                raise ValueError(
                    f"an integrator is given for {tag!r}; expected one of the flows, "
                    f"{', '.join(self.flows)}."
                )
        for tag, flow in self.flows.items():
            self.integrator(tag).check(flow)
        self.catalogue()

    def catalogue(self) -> dict[str, Entry]:
        """Say of every recorded series, by its name, what it is.

        Raises:
            ValueError: where two flows would record under one name.
        """
        entries = [Entry(OPTIMIZER, kind, q) for kind, q in quantities.OF_OPTIMIZER.items()]
        for tag, flow in self.flows.items():
            offered = {**quantities.OF_FLOW, **flow.offers}
            entries += [Entry(tag, kind, quantity) for kind, quantity in offered.items()]
        for tag in self._solved if self.spectrum_every else ():
            entries += [Entry(tag, kind, quantities.OF_SPECTRUM[kind]) for kind in self._spectra]
        found: dict[str, Entry] = {}
        for entry in entries:
            name = name_of(entry.trajectory, entry.kind)
            if name in found:
                raise ValueError(
                    f"the flows {found[name].trajectory!r} and {entry.trajectory!r} would both "
                    f"record {name!r}; give one of them another tag."
                )
            found[name] = entry
        return found

    def integrator(self, tag: str) -> Integrator:
        """Give the integrator of a flow."""
        return self.integrators.get(tag) or euler()

    def run(
        self, w: Tensor, *, checkpoint: Checkpoint | None = None, progress_bar: bool = False
    ) -> Progress:
        """Run from initial weights, or from where a checkpoint stands, to the end.

        A trajectory that stops being finite is marked in ``failed``; its later samples are NaN and
        the others go on.

        Args:
            w: initial weights, ``(d,)``.
            checkpoint: where to save and resume.
            progress_bar: show one, on standard error.

        Raises:
            ValueError: for a checkpoint of another configuration.
        """
        progress = self._resumed(checkpoint) or Progress(0, [self.rule.initial_state(w)])
        end = self.warmup + self.steps
        started, saved = time.monotonic() - progress.seconds, time.monotonic()
        with tqdm(total=end, initial=progress.t, disable=not progress_bar, unit="step") as bar:
            while progress.t < end:
                if progress.t >= self.warmup:
                    self._start_flows(progress)
                    self._measure(progress)
                self._move(progress)
                bar.update()
                progress.seconds = time.monotonic() - started
                if checkpoint and time.monotonic() - saved >= checkpoint.every:
                    checkpoint.save(progress.content())
                    saved = time.monotonic()
        self._measure(progress)
        progress.seconds = time.monotonic() - started
        return progress

    def _resumed(self, checkpoint: Checkpoint | None) -> Progress | None:
        """Give where a checkpoint stands, if there is one."""
        if checkpoint is None or not checkpoint.path.exists():
            return None
        # What a state may hold is known from states of the flows themselves.
        like = self.rule.initial_state(torch.zeros(self.objective.dim))
        states = [flow.initial(*[like] * KEPT) for flow in self.flows.values()]
        kinds = {State, Track, Extent, ExtentRate} | named_tuples(states)
        content = checkpoint.load(kinds)
        try:
            return None if content is None else Progress.of(content)
        except (LookupError, TypeError, AttributeError) as error:
            raise ValueError(
                f"checkpoint {checkpoint.path} cannot be read; delete it to start afresh, or name "
                "another output."
            ) from error

    def _start_flows(self, progress: Progress) -> None:
        if not progress.tracks:
            last = progress.iterates
            progress.tracks = {
                tag: self.integrator(tag).begin(flow.initial(*last))
                for tag, flow in self.flows.items()
            }

    def _move(self, progress: Progress) -> None:
        """Take one step of the optimizer and of every flow that is still finite."""
        t, clock = progress.t, _Clock(progress.spent if progress.tracks else {})
        if OPTIMIZER not in progress.failed:
            new = self.rule.step(self.objective, progress.iterates[-1], t)
            progress.iterates = [*progress.iterates[1 - KEPT :], new]
            if not torch.isfinite(new.z).all():
                progress.failed[OPTIMIZER] = t + 1
        clock.book(OPTIMIZER)
        for tag, track in progress.tracks.items():
            if tag in progress.failed:
                continue
            moved = self.integrator(tag).advance(self.flows[tag], track, t)
            progress.tracks[tag] = moved
            if moved.trouble:
                progress.troubles[tag] = moved.trouble
            if moved.trouble or not finite(moved.state):
                progress.failed[tag] = t + 1
            clock.book(tag)
        progress.t = t + 1

    def _measure(self, progress: Progress) -> None:
        """Record every quantity at the present moment; nothing moves."""
        found = {OPTIMIZER: self._optimizer_values(progress)}
        found |= {tag: self._flow_values(progress, tag) for tag in self.flows}
        for tag, values in found.items():
            for kind, value in values.items():
                progress.records.setdefault(name_of(tag, kind), []).append(value)
        if self.spectrum_every and (progress.t - self.warmup) % self.spectrum_every == 0:
            self._measure_spectra(progress)

    def _optimizer_values(self, progress: Progress) -> dict[str, float]:
        if OPTIMIZER in progress.failed:
            return dict.fromkeys(quantities.OF_OPTIMIZER, float("nan"))
        rule, objective = self.rule, self.objective
        before, now = progress.iterates[-2:]
        losses = {
            "iterate_loss": float(objective.value(rule.split(now.z)[0])),
            "loss": float(objective.value(rule.split(midpoint(before, now).z)[0])),
        }
        return losses | quantities.of_optimizer(rule, progress.iterates, progress.t)

    def _flow_values(self, progress: Progress, tag: str) -> dict[str, float]:
        flow = self.flows[tag]
        if tag in progress.failed:
            return dict.fromkeys({**quantities.OF_FLOW, **flow.offers}, float("nan"))
        state = progress.tracks[tag].state
        point = flow.point(state)
        centre = midpoint(*progress.iterates[-2:]).z
        values = {
            "loss": float(self.objective.value(self.rule.split(point.z)[0])),
            "nu_norm": quantities.nu_norm(point.nu),
            "distance": quantities.centre_distance(self.rule, centre, point.z),
        }
        own = flow.measure(state, progress.iterates)
        if set(own) != set(flow.offers):
            raise ValueError(
                f"the {flow.title} measured {', '.join(own) or 'nothing'}; expected what it "
                f"offers, {', '.join(flow.offers) or 'nothing'}."
            )
        return values | own

    @property
    def _solved(self) -> tuple[str, ...]:
        """The trajectories whose sharpness is solved for: all but copies of the optimizer."""
        models = (tag for tag, flow in self.flows.items() if not hasattr(flow, "step"))
        return (OPTIMIZER, *models)

    @property
    def _spectra(self) -> tuple[str, ...]:
        """The kinds of sharpness that are solved for."""
        preconditioned = self.rule.second_moment.initial(torch.zeros(1)) is not None
        raw = self.raw_spectrum and preconditioned
        return ("preconditioned_sharpness", "sharpness") if raw else ("preconditioned_sharpness",)

    def _measure_spectra(self, progress: Progress) -> None:
        centres = {OPTIMIZER: midpoint(*progress.iterates[-2:])}
        centres |= {tag: self.flows[tag].point(state) for tag, state in progress.flows.items()}
        for tag in self._solved:
            centre = None if tag in progress.failed else centres[tag]
            for kind in self._spectra:
                self._solve(progress, tag, kind, centre)

    def _solve(self, progress: Progress, tag: str, kind: str, centre: State | None) -> None:
        """Solve for the leading eigenvalues at a centre, and record them."""
        k, name = min(self.eigenvalues, self.objective.dim), name_of(tag, kind)
        solves = progress.spectra.setdefault(name, Spectra())
        if centre is None:
            nan = float("nan")
            solves.add([nan] * k, nan, 0.0, 0.0)
            return
        solved = preconditioned_sharpness(
            self.rule,
            self.objective,
            centre,
            progress.t,
            k,
            start=progress.subspaces.get(name),
            tol=self.spectrum_tolerance,
            raw=kind == "sharpness",
        )
        progress.subspaces[name] = solved.subspace
        residual = float(solved.residuals.max())
        solves.add(solved.values.tolist(), residual, float(solved.converged), solved.matvecs)


class _Clock:
    """Books the time since it last did so."""

    def __init__(self, spent: dict[str, float]) -> None:
        self._spent, self._last = spent, time.perf_counter()

    def book(self, tag: str) -> None:
        now = time.perf_counter()
        self._spent[tag] = self._spent.get(tag, 0.0) + now - self._last
        self._last = now


def finite(state: Any) -> bool:
    """Say whether every number of a flow's state is finite."""
    if isinstance(state, Tensor):
        return bool(torch.isfinite(state).all())
    if isinstance(state, Extent):  # its eigenvalues are NaN where its rods are not finite
        return bool(torch.isfinite(state.eigenvalues).all())
    if isinstance(state, tuple | list):
        return all(finite(part) for part in state)
    return True
