"""Kill what writes files, at random moments: nothing half, nothing left, and on to the same bits.

    python tests/kills.py --times 100 --kinds run sweep

Each kind is a command that makes something in a folder. It is done once in peace; then it is
started again and again, and killed with all its children at a random moment of the time that it
took in peace, and goes on from whatever lies there. In the end it is left alone, and what it made
must be what was made in peace. `make test` has a few kills of its own.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rodflow_core.experiments import records

ROOT = Path(__file__).resolve().parents[1]
SMALL = ("--preset", "smoke", "--examples", "20", "--warmup", "30", "--steps", "60")
VOLATILE = {"date": "", "seconds": 0, "spent": "", "digest": ""}


@dataclass(frozen=True)
class Kind:
    """A command that is killed, and how what it made is looked at.

    Attributes:
        command: what is run in a folder, which it is given.
        made: gives what lies in the folder in the end, without times and dates; it raises where
            something is half.
    """

    command: Callable[[Path], list[str]]
    made: Callable[[Path], dict[str, object]]


def runs_in(folder: Path) -> dict[str, object]:
    """Give the content of the records of a folder; a damaged one is an error."""
    return {
        path.name: records.content_digest(records.load(path).assign_attrs(VOLATILE))
        for path in sorted(folder.rglob("*.nc"))
    }


CLI = [sys.executable, "-m", "rodflow_core.experiments.cli"]
KINDS = {
    "run": Kind(
        lambda place: [*CLI, "run", "--optimizer", "adam", *SMALL, "-o", f"{place}/run.nc"], runs_in
    ),
    "sweep": Kind(
        lambda place: [*CLI, "sweep", "--preset", "smoke", "--only", "*-mlp", "-o", str(place)],
        runs_in,
    ),
}
"""What is killed. Records and checkpoints are written by these."""


def start(kind: Kind, folder: Path) -> subprocess.Popen:
    """Start a command at the head of a group of its own, saving as often as it can."""
    environment = {
        **os.environ, "RODFLOW_CHECKPOINT_SECONDS": "0", "PYTHONPATH": str(ROOT),
        "RODFLOW_CACHE": str(folder / "cache"), "MPLBACKEND": "agg",
    }  # fmt: skip
    return subprocess.Popen(
        kind.command(folder), cwd=ROOT, env=environment, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def living(group: int) -> bool:
    """Say whether a process of a group is alive."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def kill(process: subprocess.Popen) -> None:
    """Kill a command and all its children, and wait until none is left."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()
    until = time.monotonic() + 30
    while living(process.pid) and time.monotonic() < until:
        time.sleep(0.05)
    assert not living(process.pid), "a child outlived the kill"


def trial(kind: Kind, times: int, folder: Path, seed: int = 0) -> int:
    """Kill a command so many times, then let it end; give how many kills found it running.

    Raises:
        AssertionError: where something half was left, or what was made in the end is another.
    """
    chance = random.Random(seed)
    peace, killed = folder / "peace", folder / "killed"
    for place in (peace, killed):
        place.mkdir(parents=True)
    began = time.monotonic()
    assert start(kind, peace).wait() == 0
    took, hit = time.monotonic() - began, 0
    expected = kind.made(peace)
    assert expected
    for _ in range(times):
        process = start(kind, killed)
        try:
            process.wait(chance.uniform(0, took))
        except subprocess.TimeoutExpired:
            hit += 1
        kill(process)
        for name, content in kind.made(killed).items():
            assert content == expected[name], f"{name} is not what was made in peace"
        if hit and not process.returncode:  # it was done: once more from the start
            shutil.rmtree(killed)
            killed.mkdir()
    assert start(kind, killed).wait() == 0
    assert kind.made(killed) == expected
    left = {p.name for p in killed.rglob("*") if p.is_file() and "cache" not in p.parts}
    stray = left - {p.name for p in peace.rglob("*") if p.is_file()}
    # What a killed process had begun to write lies beside, under a name that nothing reads.
    assert all(name.endswith(".tmp") for name in stray), stray
    return hit


def main() -> None:
    """Kill each kind, and say how often."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=100)
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=KINDS)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    for name in options.kinds:
        with tempfile.TemporaryDirectory() as folder:
            hit = trial(KINDS[name], options.times, Path(folder), options.seed)
        print(f"{name}: {hit} of {options.times} found it running; the same bits.", flush=True)


if __name__ == "__main__":
    main()
