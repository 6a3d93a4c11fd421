"""How long a sweep will take: the work of a row, and the speeds that were measured. No torch.

Work is counted in gradients, weighted with the examples that each sees; how many a model takes for
a step was read off recorded runs on the digits. What a unit of work costs on this machine is
measured for each architecture: in the sweep itself, else in the records that lie there already.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterable

import xarray as xr

from rodflow_core.experiments.config import RunConfig

GRADIENTS = {
    "sf": 4, "rod": 8, "free": 8, "floor": 1, "sf_fine": 16, "rod_fine": 8, "free_fine": 8,
    "rod_finer": 32, "free_finer": 32, "corrected": 30, "central": 100, "edge": 18,
}  # fmt: skip
"""Gradients that a flow takes for a step, or as many as its other work is worth."""
_BY_SUBSTEPS = ("sf", "rod", "free", "corrected")
EIGENSOLVE = 35
"""The same for an eigensolve."""
ENOUGH = 5.0
"""Seconds of computing from which on a speed counts as measured."""


def work(config: RunConfig, step: int | None = None) -> float:
    """Give the work of a run, or of its steps so far.

    Example:
        >>> config = RunConfig("gd", 0.1, warmup=10, steps=1, flows=("sf",), spectrum_every=0,
        ...                    examples=1, dtype="float32")
        >>> work(config), work(config, 4)
        (15.0, 4.0)
    """
    end = config.warmup + config.steps
    done = end if step is None else min(step, end)
    side = 1.0
    for tag in config.flows:
        scale = config.substeps / 4 if tag in _BY_SUBSTEPS else 1
        side += GRADIENTS.get(tag, 8) * scale
    if config.spectrum_every:
        solved = 1 + sum(tag != "floor" for tag in config.flows)
        side += EIGENSOLVE * solved / config.spectrum_every
    beside = max(0, done - config.warmup)
    weight = config.examples * (2 if config.dtype == "float64" else 1)
    return weight * (done - beside + beside * side)


class Speeds:
    """Seconds for a unit of work, by architecture.

    Example:
        >>> speeds = Speeds()
        >>> config = RunConfig("gd", 0.1)
        >>> speeds.left(config) is None
        True
        >>> speeds.add(config, work(config), 60.0)
        >>> round(speeds.left(config), 3)
        60.0
    """

    def __init__(self) -> None:
        """Know nothing yet."""
        self._measured: dict[str, tuple[float, float]] = {}
        self._recorded: dict[str, tuple[float, float]] = {}

    def learn(self, run: xr.Dataset) -> None:
        """Take the speed of a recorded run, which counts until one is measured."""
        config = RunConfig.from_dict(json.loads(run.attrs["config"]))
        if not json.loads(run.attrs["failed"]):
            _add(self._recorded, config, work(config), float(run.attrs["seconds"]))

    def add(self, config: RunConfig, done: float, seconds: float) -> None:
        """Take what was measured: so much work of a run in so many seconds."""
        _add(self._measured, config, done, seconds)

    def left(self, config: RunConfig, step: int = 0, running: Iterable[Pace] = ()) -> float | None:
        """Give the seconds that a run still takes from a step on; ``None`` where none is known.

        Args:
            config: the run.
            step: where it stands.
            running: what else was measured, of runs under way.
        """
        sums = dict(self._measured)
        for pace in running:
            _add(sums, pace.config, pace.done, pace.seconds)
        for known in (sums, self._recorded):
            seconds, done = known.get(config.architecture, (0.0, 0.0))
            if done and (seconds >= ENOUGH or known is self._recorded):
                return seconds / done * (work(config) - work(config, step))
        return None


def _add(
    sums: dict[str, tuple[float, float]], config: RunConfig, done: float, seconds: float
) -> None:
    before = sums.get(config.architecture, (0.0, 0.0))
    sums[config.architecture] = (before[0] + seconds, before[1] + done)


class Pace:
    """How fast a run goes, from the steps that it reports.

    Attributes:
        config: the run.
        step: the last step reported; ``None`` before the first.
    """

    def __init__(self, config: RunConfig) -> None:
        """Follow a run."""
        self.config = config
        self.step: int | None = None
        self._first, self._began, self._last = 0, 0.0, 0.0

    def report(self, step: int, now: float) -> None:
        """Take a report; a run may begin anywhere, where a checkpoint stood."""
        if self.step is None:
            self._first, self._began = step, now
        self.step, self._last = step, now

    @property
    def seconds(self) -> float:
        """Seconds between the first report and the last."""
        return self._last - self._began

    @property
    def done(self) -> float:
        """Work between the first report and the last."""
        return work(self.config, self.step or 0) - work(self.config, self._first)


def left(
    speeds: Speeds, running: Iterable[Pace], waiting: Iterable[RunConfig], cores: int
) -> tuple[float, list[str]]:
    """Give the seconds that all rows still take, and the architectures that could not be counted.

    Rows are dealt out as the sweep does it: the next one to whoever is free first.
    """
    paces = list(running)
    unknown: dict[str, None] = {}

    def seconds(config: RunConfig, step: int) -> float:
        found = speeds.left(config, step, paces)
        if found is None:
            unknown[config.architecture] = None
        return found or 0.0

    loads = [seconds(pace.config, pace.step or 0) for pace in paces]
    loads += [0.0] * (cores - len(loads))
    heapq.heapify(loads)
    for config in waiting:
        heapq.heapreplace(loads, loads[0] + seconds(config, 0))
    return max(loads), list(unknown)


def duration(seconds: float) -> str:
    """Say a time in the two units that matter.

    Example:
        >>> [duration(s) for s in (42.4, 60 * 59.9, 3600 * 3.25, 86400 * 2 + 3600 * 5)]
        ['42 s', '60 min', '3 h 15 min', '2 d 5 h']
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes <= 90:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 24 else f"{hours // 24} d {hours % 24} h"
