"""An optimizer and its flows side by side: measure, then move (appendix H.2)."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
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
from rodflow_core.progress import KEPT, Plan, Progress, Spectra, check
from rodflow_core.quantities import OPTIMIZER, Quantity, name_of
from rodflow_core.sharpness import preconditioned_sharpness


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
        resumed = self._resumed(checkpoint, w)
        progress = resumed or Progress(0, [self.rule.initial_state(w)])
        end = self.warmup + self.steps
        started, saved = time.monotonic() - progress.seconds, time.monotonic()
        with tqdm(total=end, initial=progress.t, disable=not progress_bar, unit="step") as bar:
            if resumed and checkpoint and progress.t < end:
                with _gone_on_from(checkpoint):
                    self._go(progress)
                bar.update()
            while progress.t < end:
                self._go(progress)
                bar.update()
                progress.seconds = time.monotonic() - started
                if checkpoint and time.monotonic() - saved >= checkpoint.every:
                    checkpoint.save(progress.content())
                    saved = time.monotonic()
        self._measure(progress)
        progress.seconds = time.monotonic() - started
        return progress

    def _resumed(self, checkpoint: Checkpoint | None, w: Tensor) -> Progress | None:
        """Give where a checkpoint stands, if there is one."""
        if checkpoint is None or not checkpoint.path.exists():
            return None
        # What a state may hold is known from states of the flows themselves.
        zero = torch.zeros(self.objective.dim, dtype=w.dtype, device=w.device)
        like = self.rule.initial_state(zero)
        states = {tag: flow.initial(*[like] * KEPT) for tag, flow in self.flows.items()}
        kinds = {State, Track, Extent, ExtentRate} | named_tuples(states)
        content = checkpoint.load(kinds)
        if content is None:
            return None
        plan = Plan(
            self.warmup,
            self.steps,
            self.spectrum_every,
            OPTIMIZER,
            like,
            states,
            {name: entry.kind in self._spectra for name, entry in self.catalogue().items()},
        )
        try:
            return check(content, plan)
        except (LookupError, TypeError, AttributeError, ValueError) as error:
            raise _unfit(checkpoint, error) from error

    def _go(self, progress: Progress) -> None:
        """Measure, once the flows have started, then move."""
        if progress.t >= self.warmup:
            self._start_flows(progress)
            self._measure(progress)
        self._move(progress)

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


def _unfit(checkpoint: Checkpoint, error: Exception) -> ValueError:
    reason = " ".join(str(error).split())[:200].rstrip(".") or type(error).__name__
    return ValueError(
        f"checkpoint {checkpoint.path} cannot be read ({reason}); delete it to start afresh, or "
        "name another output."
    )


@contextlib.contextmanager
def _gone_on_from(checkpoint: Checkpoint) -> Iterator[None]:
    """Say of the first step after a resumption that it is the checkpoint that does not fit."""
    try:
        yield
    except (RuntimeError, LookupError, TypeError, AttributeError, ValueError) as error:
        raise _unfit(checkpoint, error) from error


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
