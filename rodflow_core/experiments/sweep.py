"""Sweeps: every run that a preset records, each in a process of its own. Needs no torch.

A sweep keeps no books of its own: what is done lies there as a record, what was begun as a
checkpoint beside it. So it may be killed at any moment, and the next one goes on, to the same bits.
"""

from __future__ import annotations

import difflib
import fnmatch
import functools
import os
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, TextIO

from rodflow_core import atomic
from rodflow_core.experiments import forecast, records
from rodflow_core.experiments.config import RunConfig
from rodflow_core.experiments.presets import rows
from rodflow_core.experiments.processes import Child, alone, stopped_by_signals

EVERY = 30.0
"""Seconds between two lines on the state of things, where standard error is no terminal."""
ALIKE = 3
"""Rows that are refused with the same sentence before the others are not tried."""


# --- what there is to do -------------------------------------------------------------------------


class Task(NamedTuple):
    """Rows to be recorded, and where.

    Attributes:
        preset: whose rows.
        rows: by the name of the file without its suffix, in order.
        folder: where the records lie.
        data_path: a file with CIFAR-10 images, or ``None``.
        device: a torch device, or ``None`` for the rows' own.
    """

    preset: str
    rows: dict[str, RunConfig]
    folder: Path
    data_path: str | None
    device: str | None

    def command(self, name: str) -> list[str]:
        """Give the command that computes a row, as a child of this process."""
        start = [sys.executable, "-m", "rodflow_core.experiments.cli", "run", "--row", name]
        # What stands there and is not the row of today is replaced: it is the row's own place.
        start += ["--force", "-o", str(self.path(name)), "--parent", str(os.getpid())]
        return start + (["--device", self.device] if self.device else [])

    def environment(self) -> dict[str, str]:
        """Give what is set beside: a record says what its images are, not where they lay."""
        path = {"RODFLOW_CIFAR10": str(Path(self.data_path).resolve())} if self.data_path else {}
        return {"OMP_NUM_THREADS": "1", **path}

    def path(self, name: str) -> Path:
        """Give the file of a row."""
        return self.folder / f"{name}.nc"

    def recorded(self, name: str) -> bool:
        """Say whether a row is surely recorded and current."""
        return records.vouched(self.path(name), self.rows[name])

    def listed(self) -> list[str]:
        """Give a line for each row: its name, and how far it is."""
        width = max(map(len, self.rows), default=0)
        return [f"{name:{width}}  {self._state(name)}" for name in self.rows]

    def _state(self, name: str) -> str:
        if self.recorded(name):
            return "recorded"
        if self.path(name).with_name(f"{name}.nc.checkpoint").exists():
            return "begun"
        return "to be looked at" if self.path(name).exists() else "to do"


def task(
    preset: str,
    *,
    folder: Path | None = None,
    only: Sequence[str] = (),
    data_path: str | None = None,
    device: str | None = None,
) -> Task:
    """Give what a sweep has to do.

    Args:
        preset: whose rows.
        folder: where the records lie; the cited ones where left out.
        only: names or patterns of rows, with or without the preset in them; all where empty.
        data_path: a file with CIFAR-10 images.
        device: a torch device in place of the rows' own.

    Raises:
        ValueError: for an unknown preset, a pattern that fits no row, or a folder that cannot be.
    """
    chosen = select(preset, only)
    if device is not None:
        if folder is None and any(config.device != device for config in chosen.values()):
            raise ValueError(
                f"records of the device {device!r} are not those that are cited; expected a folder "
                "of their own, -o FOLDER."
            )
        chosen = {name: config.replace(device=device) for name, config in chosen.items()}
    folder = folder or records.cited_directory()
    if folder is None:
        raise ValueError("this installation has no folder of records; expected one, -o FOLDER.")
    if data_path is not None and not Path(data_path).exists():
        raise ValueError(f"there is no file {data_path}; expected CIFAR-10 images in an .npz file.")
    return Task(preset, chosen, Path(folder), data_path, device)


def select(preset: str, only: Sequence[str] = ()) -> dict[str, RunConfig]:
    """Give the rows of a preset that patterns name, in the preset's order.

    Args:
        preset: whose rows.
        only: the patterns; the preset's name may be left out of them. All rows where there is none.

    Raises:
        ValueError: for an unknown preset, or a pattern that fits no row.

    Example:
        >>> list(select("smoke", ["gd-mlp", "adam-?nn-smoke"]))
        ['adam-cnn-smoke', 'gd-mlp-smoke']
    """
    known = rows(preset)
    short = {name: name.replace(f"-{preset}", "", 1) for name in known}
    wanted: set[str] = set()
    for pattern in only:
        fits = {n for n in known if any(fnmatch.fnmatchcase(x, pattern) for x in (n, short[n]))}
        if not fits:
            near = difflib.get_close_matches(pattern, [*short.values(), *known], 3)
            hint = f" (did you mean {' or '.join(map(repr, near))}?)" if near else ""
            raise ValueError(
                f"no row of {preset!r} is named {pattern!r}{hint}; expected one that "
                f"`rodflow sweep --preset {preset} --list` names."
            )
        wanted |= fits
    return {name: config for name, config in known.items() if not only or name in wanted}


# --- the sweep -----------------------------------------------------------------------------------


class Board:
    """What a sweep says: lines on what happened, and one on the state of things.

    On a terminal that one stays at the bottom; elsewhere it comes every `EVERY` seconds.
    """

    def __init__(self, stream: TextIO) -> None:
        """Say it to a stream."""
        self._stream, self._live = stream, stream.isatty()
        self._said = time.monotonic()

    def line(self, text: str) -> None:
        """Say that something happened."""
        print(("\r\x1b[K" if self._live else "") + text, file=self._stream, flush=True)

    def state(self, text: str) -> None:
        """Say how things stand."""
        if self._live:
            width = shutil.get_terminal_size().columns - 1
            print(f"\r\x1b[K{text[:width]}", end="", file=self._stream, flush=True)
        elif time.monotonic() - self._said >= EVERY:
            self._said = time.monotonic()
            self.line(text)

    def close(self) -> None:
        """Leave no line on the state of things behind."""
        if self._live:
            print("\r\x1b[K", end="", file=self._stream, flush=True)


class _Sweep:
    """A sweep under way."""

    def __init__(self, task: Task, cores: int, board: Board) -> None:
        self.task, self.cores, self.board = task, cores, board
        self.began = time.monotonic()
        self.speeds = forecast.Speeds()
        self.waiting: list[str] = []
        self.children: list[Child] = []
        self.paces: dict[str, forecast.Pace] = {}
        self.failed: dict[str, str] = {}
        for name in task.rows:
            if task.recorded(name):
                self.tidy(name)
                self.speeds.learn(records.load(task.path(name)))
            else:
                self.waiting.append(name)

    @property
    def done(self) -> int:
        left = len(self.waiting) + len(self.children) + len(self.failed)
        return len(self.task.rows) - left

    def tidy(self, name: str) -> None:
        """Remove what kills have left beside a record that is there now."""
        path = self.task.path(name)
        checkpoint = path.with_name(f"{path.name}.checkpoint")
        for other in (checkpoint, *atomic.left_beside(checkpoint), *atomic.left_beside(path)):
            other.unlink(missing_ok=True)

    def start(self) -> None:
        while self.waiting and len(self.children) < self.cores:
            name = self.waiting.pop(0)
            pace = forecast.Pace(self.task.rows[name])
            task = self.task
            self.children.append(Child(name, pace.report, task.command(name), task.environment()))
            self.paces[name] = pace
            self.board.line(f"{name}: started")

    def collect(self) -> None:
        for child in [child for child in self.children if child.ended()]:
            self.children.remove(child)
            failure = child.failure()
            for line in child.said[: -1 if failure else None]:
                self.board.line(f"{child.name}: {line}")
            if not failure and not self.task.path(child.name).is_file():
                failure = "it ended without a record."
            if failure:
                self.failed[child.name] = failure
                self.board.line(f"{child.name}: not recorded: {failure}")
                alike = list(self.failed.values()).count(failure)
                if child.process.returncode == 2 and alike == ALIKE and self.waiting:
                    self.board.line(
                        f"{len(self.waiting)} rows are not tried: they would end so too."
                    )
                    self.failed |= dict.fromkeys(self.waiting, failure)
                    self.waiting = []
                continue
            self.tidy(child.name)
            pace = self.paces[child.name]
            self.speeds.add(pace.config, pace.done, pace.seconds)
            self.board.line(f"{child.name}: recorded ({self.done} of {len(self.task.rows)})")

    def state(self) -> str:
        """Say how many rows are done, where the running ones stand, and how long it still takes."""
        running = []
        for child in self.children:
            config, step = self.task.rows[child.name], self.paces[child.name].step
            end = config.warmup + config.steps
            running.append(f"{child.name} {'starts' if step is None else f'{step}/{end}'}")
        waiting = [self.task.rows[name] for name in self.waiting]
        paces = [self.paces[child.name] for child in self.children]
        seconds, unknown = forecast.left(self.speeds, paces, waiting, self.cores)
        if not unknown:
            left = f"about {forecast.duration(seconds)} left"
        elif seconds:
            words = " and ".join(unknown)
            left = f"at least {forecast.duration(seconds)} left ({words}: speed not yet known)"
        else:
            left = "time left not yet known"
        elapsed = forecast.duration(time.monotonic() - self.began)
        done = f"{self.done}/{len(self.task.rows)} rows recorded"
        return "; ".join([done, ", ".join(running), f"{elapsed} so far", left])


def run(task: Task, cores: int | None = None, stream: TextIO | None = None) -> list[str]:
    """Compute what is not recorded yet; give the names of the rows that could not be.

    A row that fails is said, and the others go on. An interruption ends the rows under way too.

    Args:
        task: what there is to do.
        cores: rows at a time, on one thread each; as many as there are cores where left out.
        stream: where progress is said; standard error where left out.

    Raises:
        ValueError: for a number of cores that cannot be, or where another sweep is at work there.
    """
    cores = _available() if cores is None else cores
    if cores < 1:
        raise ValueError(f"cores is {cores}; expected at least 1.")
    board = Board(stream or sys.stderr)
    with stopped_by_signals(), alone(task.folder):
        sweep = _Sweep(task, cores, board)
        board.line(
            f"sweep of {task.preset}: {sweep.done} of {len(task.rows)} rows are recorded in "
            f"{task.folder}; {len(sweep.waiting)} to do, {cores} at a time"
        )
        try:
            while sweep.waiting or sweep.children:
                sweep.start()
                time.sleep(0.2)
                sweep.collect()
                if sweep.children:
                    board.state(sweep.state())
        finally:
            board.close()
            for child in sweep.children:
                child.process.terminate()
            for child in sweep.children:
                child.stop()
        elapsed = forecast.duration(time.monotonic() - sweep.began)
        board.line(f"{sweep.done} of {len(task.rows)} rows are recorded; {elapsed}")
    return list(sweep.failed)


@functools.cache
def _available() -> int:
    """Give the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
