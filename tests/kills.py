"""Kill what writes files, at random moments: nothing half, nothing left, and on to the same bits.

    python tests/kills.py --times 100
    python tests/kills.py --times 20 --kinds book long

Each kind is a command that makes something in a folder. It is done once in peace; then it is
started again and again, and killed with all its children at a random moment of the time that it
took in peace, and goes on from whatever lies there. In the end it is left alone, and what it made
must be what was made in peace. `make test` has ten kills of it (`test_kills.py`).
"""

from __future__ import annotations

import argparse
import json
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

import nbformat
import psutil

from rodflow_book.build import publish
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
        every: seconds between two checkpoints; "0" saves at every step, "" as shipped.
        before: puts into the folder what the command starts from.
    """

    command: Callable[[Path], list[str]]
    made: Callable[[Path], dict[str, object]]
    every: str = "0"
    before: Callable[[Path], object] = Path.mkdir


def runs_in(folder: Path) -> dict[str, object]:
    """Give the content of the records of a folder; a damaged one is an error."""
    return {
        path.name: records.content_digest(records.load(path).assign_attrs(VOLATILE))
        for path in sorted(folder.rglob("*.nc"))
    }


def figures_in(folder: Path) -> dict[str, object]:
    """Give the files of figures, as they are; of a manifest, what it says of the figure."""
    found: dict[str, object] = {}
    for path in sorted(folder.glob("figures/*")):
        if path.is_file() and not path.name.startswith("."):
            content = path.read_bytes()
            manifest = path.suffix == ".json"
            found[path.name] = publish.settled(json.loads(content)) if manifest else content
    return found


def notebook_in(folder: Path) -> dict[str, object]:
    """Give what a notebook shows, and its figures."""
    found = figures_in(folder)
    if (folder / "out.ipynb").is_file():
        cells = nbformat.read(folder / "out.ipynb", as_version=4).cells
        shown = json.dumps([(cell.source, cell.get("outputs")) for cell in cells])
        found["out.ipynb"] = shown.replace(str(folder), "")
    return found


def site_in(folder: Path) -> dict[str, object]:
    """Give the files of the built book, without the words that say when it was built."""
    site = folder / "build" / "quick" / "html"
    found = {f"cited {name}": content for name, content in figures_in(folder).items()}
    if (site / "index.html").is_file():
        for path in sorted(site.rglob("*")):
            if path.is_file():
                found[str(path.relative_to(site))] = path.read_bytes()
    return found


def checkout(folder: Path) -> None:
    """Copy this checkout with what was built in it, but for the book itself."""
    ignored = shutil.ignore_patterns(".venv", ".git", "html", "source", "incomplete", "locks")
    shutil.copytree(ROOT, folder, ignore=ignored)


CLI = [sys.executable, "-m", "rodflow_core.experiments.cli"]
KINDS = {
    "run": Kind(
        lambda place: [*CLI, "run", "--optimizer", "adam", *SMALL, "-o", f"{place}/run.nc"], runs_in
    ),
    "sweep": Kind(
        lambda place: [*CLI, "sweep", "--preset", "smoke", "--only", "*-mlp", "-o", str(place)],
        runs_in,
    ),
    "notebook": Kind(
        lambda place: [
            sys.executable, "-m", "rodflow_book.build.notebooks", "run", "notebooks/rod.py",
            f"{place}/out.ipynb", "-p", "figures", f"{place}/figures",
        ],
        notebook_in,
    ),
    "publish": Kind(
        lambda place: [
            sys.executable, "-c", "import sys; from pathlib import Path\n"
            "from rodflow_book.build.publish import publish\n"
            "publish(*map(Path, sys.argv[1:]))", str(ROOT / "figures"), f"{place}/figures",
        ],
        figures_in,
    ),
    "long": Kind(
        lambda place: [*CLI, "run", "--optimizer", "adam", "-o", f"{place}/run.nc"],
        runs_in,
        every="",
    ),
    "book": Kind(
        lambda place: ["make", "-C", str(place), "book", "PY=python"], site_in, before=checkout
    ),
}  # fmt: skip
"""What is killed. The last two take a while: a run at the shipped interval, and a whole book."""
QUICK = ("run", "sweep", "notebook", "publish")


def start(kind: Kind, folder: Path) -> subprocess.Popen:
    """Start a command at the head of a group of its own, saving as often as it can."""
    environment = {
        **os.environ, "RODFLOW_CHECKPOINT_SECONDS": kind.every, "PYTHONPATH": str(ROOT),
        "RODFLOW_CACHE": str(folder / "cache"), "MPLBACKEND": "agg",
    }  # fmt: skip
    if not kind.every:
        del environment["RODFLOW_CHECKPOINT_SECONDS"]
    return subprocess.Popen(
        kind.command(folder), cwd=ROOT, env=environment, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def living(folder: Path) -> list[psutil.Process]:
    """Give the processes that work for a folder; a notebook's kernel is in no group of ours."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("RODFLOW_CACHE") == str(folder / "cache"):
                found.append(process)
        except psutil.Error:
            continue
    return found


def kill(process: subprocess.Popen, folder: Path) -> None:
    """Kill a command and its group, and wait until nothing that it started is left."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()
    until = time.monotonic() + 30
    while living(folder) and time.monotonic() < until:
        time.sleep(0.05)
    assert not living(folder), "a child outlived the kill"


def trial(kind: Kind, times: int, folder: Path, seed: int = 0) -> int:
    """Kill a command so many times, then let it end; give how many kills found it running.

    Raises:
        AssertionError: where something half was left, or what was made in the end is another.
    """
    chance = random.Random(seed)
    peace, killed = folder / "peace", folder / "killed"
    folder.mkdir(parents=True, exist_ok=True)
    for place in (peace, killed):
        kind.before(place)
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
        kill(process, killed)
        for name, content in kind.made(killed).items():
            assert content == expected[name], f"{name} is not what was made in peace"
        if not process.returncode:  # it was done: once more from the start
            shutil.rmtree(killed)
            kind.before(killed)
    assert start(kind, killed).wait() == 0
    assert kind.made(killed) == expected
    own = {"cache", ".snakemake"}
    left = {p.name for p in killed.rglob("*") if p.is_file() and not own & set(p.parts)}
    stray = left - {p.name for p in peace.rglob("*") if p.is_file()}
    # What a killed process had begun to write lies beside, under a name that nothing reads.
    assert all(name.endswith(".tmp") for name in stray), stray
    return hit


def main() -> None:
    """Kill each kind, and say how often."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=100)
    parser.add_argument("--kinds", nargs="+", default=QUICK, choices=KINDS)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    for name in options.kinds:
        with tempfile.TemporaryDirectory() as folder:
            hit = trial(KINDS[name], options.times, Path(folder), options.seed)
        print(f"{name}: {hit} of {options.times} found it running; the same bits.", flush=True)


if __name__ == "__main__":
    main()
