"""A disk that is full at whatever moment: one sentence, nothing half written, and it goes on."""

import os
import resource
import subprocess
import sys

import pytest
import xarray as xr

from rodflow_core.experiments import records

# No file of the process may grow beyond its limit: the system says so as it does of a full disk.
LIMITED = """
import resource, sys
from rodflow_core.experiments import cli
most = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
sys.exit(cli.main(sys.argv[2:]))
"""


def limited(most, folder, *arguments):
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(most), *arguments], capture_output=True, text=True,
        cwd=folder, timeout=300,
        env={**os.environ, "RODFLOW_CHECKPOINT_SECONDS": "0"},
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


RUN = ("run", "--optimizer", "gd", "--preset", "smoke", "--examples", "10", "--warmup", "3",
       "--steps", "4", "--quiet", "-o", "run.nc")  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    assert limited(resource.RLIM_INFINITY, folder, *RUN)[0] == 0
    return records.load(folder / "run.nc")


@pytest.mark.parametrize("most", [100, 700, 20_000, 33_000])
def test_a_run_says_so_and_goes_on_where_there_is_room_again(tmp_path, whole, most):
    """Next to none, in the middle of a checkpoint, and in the middle of the record."""
    status, _, err = limited(most, tmp_path, *RUN)
    lines = err.splitlines()
    assert status == 2 and len(lines) == 1, err
    assert "too large (" in lines[0] and "run.nc" in lines[0]
    assert lines[0].endswith("give the same command again.")
    assert not list(tmp_path.glob("*.tmp")) and not (tmp_path / "run.nc").exists()
    assert limited(resource.RLIM_INFINITY, tmp_path, *RUN)[0] == 0
    assert [path.name for path in tmp_path.iterdir()] == ["run.nc"]
    xr.testing.assert_equal(records.load(tmp_path / "run.nc"), whole)


def test_what_was_there_stays_as_it_was(tmp_path, whole):
    assert limited(resource.RLIM_INFINITY, tmp_path, *RUN)[0] == 0
    before = (tmp_path / "run.nc").read_bytes()
    other = [*RUN, "--learning-rate", "0.01", "--force"]
    assert limited(3_000, tmp_path, *other)[0] == 2
    assert (tmp_path / "run.nc").read_bytes() == before


# What the notebooks and the build write; a picture of the second is larger than the limit.
FIGURES = """
import resource, sys
from pathlib import Path
import pandas as pd
from matplotlib import pyplot as plt
from rodflow_book.build import publish
from rodflow_book.figures import files

def save(folder, *numbers):
    def draw():
        figure, axis = plt.subplots()
        axis.plot(numbers)
        return figure
    files.save("wave", draw, pd.DataFrame({"y": numbers}), folder, alt="A wave.")

place = Path(sys.argv[1])
save(place / "before", 0.0, 1.0)
save(place / "cited", 0.0, 1.0)
save(place / "made", 0.0, 2.0)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
exec(sys.argv[3])
"""


@pytest.mark.parametrize("most", [100, 3_000, 8_000])
@pytest.mark.parametrize(
    "command",
    ['save(place / "cited", 0.0, 2.0)', 'publish.publish(place / "made", place / "cited")'],
)
def test_a_set_of_figures_stays_as_it_was(tmp_path, most, command):
    """Whichever of its files finds no room."""
    done = subprocess.run(
        [sys.executable, "-c", FIGURES, str(tmp_path), str(most), command],
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.stderr.splitlines()[-1].startswith("OSError: [Errno 27]"), done.stderr
    assert "/cited/wave." in done.stderr.splitlines()[-1]
    before, after = (
        {path.name: path.read_bytes() for path in (tmp_path / folder).iterdir()}
        for folder in ("before", "cited")
    )
    assert len(before) == 5 and after == before


def test_who_reads_may_have_seen_enough(tmp_path):
    """`rodflow info run.nc | head` ends in silence."""
    assert limited(resource.RLIM_INFINITY, tmp_path, *RUN)[0] == 0
    command = f"{sys.executable} -u -m rodflow_core.experiments.cli info run.nc | head -n 1"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}, timeout=120,
    )  # fmt: skip
    assert done.stderr == "" and done.returncode == 0
    assert done.stdout.startswith("gradient descent on mlp")
