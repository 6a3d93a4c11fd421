"""Optimizer, stable flow and rod flow side by side: measure, then move (appendix H.2)."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import pickle
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from rodflow_core import quantities as metrics
from rodflow_core.extent import Extent
from rodflow_core.flows import Flow, FlowState, RodFlow, RodState, advance, midpoint
from rodflow_core.objective import Objective
from rodflow_core.optimizers import State, UpdateRule
from rodflow_core.spectrum import leading_eigenpairs, preconditioned_operator

torch.serialization.add_safe_globals([State, RodState, Extent])


@dataclass
class Progress:
    """All that a lockstep run is at one moment; saving and loading it loses nothing.

    Attributes:
        t: discrete steps taken.
        iterates: the last states of the optimizer, newest last, three at most.
        flows: where each flow stands; empty during the warm start.
        failed: step at which a trajectory stopped being finite, by its tag.
        subspaces: where the next eigensolve of each trajectory starts.
        records: the values of each quantity, one per measurement.
        spectra: eigenvalues, residuals, convergence and cost of each eigensolve.
        seconds: wall-clock seconds spent so far, all sessions together.
    """

    t: int
    iterates: list[State]
    flows: dict[str, FlowState] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)
    subspaces: dict[str, Tensor] = field(default_factory=dict)
    records: dict[str, list[float]] = field(default_factory=dict)
    spectra: dict[str, list[list[float]]] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(frozen=True)
class Checkpoint:
    """A file that an interrupted run resumes from, to the same bits.

    Attributes:
        path: where it lies; it appears whole or not at all.
        identity: what the run is (configuration, code); a checkpoint of another is refused.
        every: seconds between two savings; 0 saves at every step.
    """

    path: Path
    identity: Mapping[str, object]
    every: float = 20.0

    def save(self, progress: Progress) -> None:
        """Write the file whole, then put it in place."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_name(f"{self.path.name}.{os.getpid()}.tmp")
        content = {f.name: getattr(progress, f.name) for f in fields(progress)}
        buffer = io.BytesIO()
        torch.save({"identity": dict(self.identity), "progress": content}, buffer)
        payload = buffer.getvalue()
        # The digest goes first: a file that was damaged must not be resumed from.
        temporary.write_bytes(hashlib.sha256(payload).digest() + payload)
        os.replace(temporary, self.path)

    def load(self) -> Progress | None:
        """Read the file; ``None`` where there is none.

        Raises:
            ValueError: where it cannot be read, or belongs to another configuration.
        """
        if not self.path.exists():
            return None
        remedy = "delete it to start afresh, or name another output"
        try:
            stored = self.path.read_bytes()
            digest, payload = stored[:32], stored[32:]
            if hashlib.sha256(payload).digest() != digest:
                raise ValueError("its digest does not match its content")
            content = torch.load(io.BytesIO(payload), weights_only=True)
            identity, progress = dict(content["identity"]), Progress(**content["progress"])
        except (OSError, RuntimeError, EOFError, LookupError, TypeError, ValueError,
                pickle.UnpicklingError) as error:  # fmt: skip
            raise ValueError(f"checkpoint {self.path} cannot be read; {remedy}.") from error
        if identity != dict(self.identity):
            keys = sorted(set(identity) | set(self.identity))
            other = [key for key in keys if identity.get(key) != self.identity.get(key)]
            raise ValueError(
                f"checkpoint {self.path} belongs to another configuration "
                f"({', '.join(other)} differ); {remedy}."
            )
        return progress

    def remove(self) -> None:
        """Delete the file, if it is there."""
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()


@dataclass(frozen=True)
class Lockstep:
    """An optimizer and its flows, and how long and how finely they run side by side.

    Attributes:
        rule: the update rule.
        objective: the loss.
        flows: the flows by tag (``sf`` and ``rod`` give the paper's names of quantities).
        warmup: discrete steps before the flows start, at least 2.
        steps: discrete steps side by side.
        substeps: Euler substeps of each flow per step.
        spectrum_every: steps between two eigensolves; 0 for none.
        eigenvalues: leading eigenvalues in each.
        spectrum_tolerance: residual of an eigenpair relative to the largest eigenvalue.
    """

    rule: UpdateRule
    objective: Objective
    flows: Mapping[str, Flow]
    warmup: int
    steps: int
    substeps: int = 4
    spectrum_every: int = 20
    eigenvalues: int = 3
    spectrum_tolerance: float = 1e-4

    def __post_init__(self) -> None:
        """Check the counts.

        Raises:
            ValueError: where a count is too small to run with.
        """
        least = {"warmup": 2, "steps": 1, "substeps": 1, "spectrum_every": 0, "eigenvalues": 1}
        for name, minimum in least.items():
            if getattr(self, name) < minimum:
                raise ValueError(f"{name} is {getattr(self, name)}; expected at least {minimum}.")

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
        progress = checkpoint.load() if checkpoint else None
        progress = progress or Progress(0, [self.rule.initial_state(w)])
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
                    checkpoint.save(progress)
                    saved = time.monotonic()
        self._measure(progress)
        progress.seconds = time.monotonic() - started
        return progress

    def _start_flows(self, progress: Progress) -> None:
        if not progress.flows:
            last = progress.iterates
            progress.flows = {tag: flow.initial(*last) for tag, flow in self.flows.items()}

    def _move(self, progress: Progress) -> None:
        """Take one step of the optimizer and of every flow that is still finite."""
        t = progress.t
        if "disc" not in progress.failed:
            new = self.rule.step(self.objective, progress.iterates[-1], t)
            progress.iterates = [*progress.iterates[-2:], new]
            if not torch.isfinite(new.z).all():
                progress.failed["disc"] = t + 1
        for tag, state in progress.flows.items():
            if tag in progress.failed:
                continue
            new = advance(self.flows[tag], state, t, self.substeps)
            progress.flows[tag] = new
            if not (torch.isfinite(new.z).all() and _finite_extent(new)):
                progress.failed[tag] = t + 1
        progress.t = t + 1

    def _measure(self, progress: Progress) -> None:
        """Record every quantity at the present moment; nothing moves."""
        values = self._optimizer_values(progress)
        for tag in self.flows:
            values |= self._flow_values(progress, tag)
        for name, value in values.items():
            progress.records.setdefault(name, []).append(value)
        if self.spectrum_every and (progress.t - self.warmup) % self.spectrum_every == 0:
            self._measure_spectra(progress)

    def _optimizer_values(self, progress: Progress) -> dict[str, float]:
        if "disc" in progress.failed:
            return dict.fromkeys(metrics.OPTIMIZER_QUANTITIES, float("nan"))
        rule, objective = self.rule, self.objective
        long_before, before, now = progress.iterates
        centre = midpoint(before, now)
        delta, mu = metrics.half_displacement_norms(rule, 0.5 * (now.z - before.z))
        w, w_before, w_long = (rule.split(s.z)[0] for s in (now, before, long_before))
        return {
            "disc_loss_w": float(objective.value(w)),
            "disc_loss_wbar": float(objective.value(rule.split(centre.z)[0])),
            "disc_delta_norms": delta,
            "disc_mu_norms": mu,
            "nu_norm_disc": metrics.nu_norm(centre.nu),
            "disc_mean_ess": metrics.mean_effective_step_size(rule, centre, progress.t),
            "disc_oscillation": metrics.oscillation(w, w_before, w_long),
            "disc_drift": metrics.drift(w, w_long),
            "disc_mu_oscillation": self._moment_oscillation(progress),
        }

    def _moment_oscillation(self, progress: Progress) -> float:
        moments = [self.rule.split(state.z)[1] for state in reversed(progress.iterates)]
        return float("nan") if moments[0] is None else metrics.oscillation(*moments)

    def _flow_values(self, progress: Progress, tag: str) -> dict[str, float]:
        is_rod = isinstance(self.flows[tag], RodFlow)
        names = list(metrics.flow_quantities(tag, "", is_rod))
        if tag in progress.failed:
            return dict.fromkeys(names, float("nan"))
        rule, state = self.rule, progress.flows[tag]
        values = [float(self.objective.value(rule.split(state.z)[0])), metrics.nu_norm(state.nu)]
        before, now = progress.iterates[-2:]
        values.append(metrics.centre_distance(rule, midpoint(before, now).z, state.z))
        if isinstance(state, RodState):
            half = state.extent.half_displacement
            values += metrics.half_displacement_norms(rule, half)
            # What the flow would start from here is what it models of the iterates.
            truth = self.flows[tag].initial(*progress.iterates).extent.half_displacement
            values.append(metrics.alignment(rule, half, truth))
        return dict(zip(names, values, strict=True))

    def _measure_spectra(self, progress: Progress) -> None:
        centres = {"disc": midpoint(*progress.iterates[-2:]), **progress.flows}
        c2 = self.rule.corrections(progress.t)[1]
        for tag, state in centres.items():
            w, _ = self.rule.split(state.z)
            preconditioner = self.rule.preconditioner(state.nu, c2)
            kinds: dict[bool, Callable[[Tensor], Tensor] | None] = {True: preconditioner.inv_sqrt}
            if state.nu is not None:
                kinds[False] = None
            product = None if tag in progress.failed else self.objective.hvp(w)
            for preconditioned, inv_sqrt in kinds.items():
                self._solve(progress, metrics.spectrum_name(tag, preconditioned), product, inv_sqrt)

    def _solve(
        self,
        progress: Progress,
        name: str,
        product: Callable[[Tensor], Tensor] | None,
        inv_sqrt: Callable[[Tensor], Tensor] | None,
    ) -> None:
        """Solve for the leading eigenvalues of one operator and record them under ``name``."""
        k = min(self.eigenvalues, self.objective.dim)
        row = [float("nan")] * k + [float("nan"), 0.0, 0.0]
        if product is not None:
            like = progress.iterates[-1].z
            solved = leading_eigenpairs(
                product if inv_sqrt is None else preconditioned_operator(product, inv_sqrt),
                self.objective.dim,
                k,
                start=progress.subspaces.get(name),
                tol=self.spectrum_tolerance,
                dtype=like.dtype,
                device=like.device,
            )
            progress.subspaces[name] = solved.subspace
            row = [*solved.values.tolist(), float(solved.residuals.max())]
            row += [float(solved.converged), float(solved.matvecs)]
        progress.spectra.setdefault(name, []).append(row)


def _finite_extent(state: FlowState) -> bool:
    return not isinstance(state, RodState) or bool(torch.isfinite(state.extent.eigenvalues).all())
