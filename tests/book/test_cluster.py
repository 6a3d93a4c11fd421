"""Every row of a preset as a job of its own, here and through a stand-in for a batch system."""

import os
import shlex
import subprocess

import pytest
from miniature import RECORD, ROOT, snakemake, write
from miniature import project as project

ROWS = [f"row {name}-mlp-quick{end}" for name in ("adam", "gd") for end in ("", "-seed1")]


def runs_of(project, *options):
    """Ask for every row of the preset; give what was called, in alphabetical order."""
    calls = project / "calls"
    calls.unlink(missing_ok=True)
    done = snakemake(project, *options, "--", "runs")
    called = sorted(calls.read_text().splitlines()) if calls.exists() else []
    return done, called


def test_every_row_of_a_preset_is_one_job_and_made_once(project):
    write(project / "refuse", "")
    done, called = runs_of(project, "--keep-going")
    assert done.returncode == 1 and not called and "rodflow: error: refused." in done.stderr
    (project / "refuse").unlink()
    done, called = runs_of(project)
    assert done.returncode == 0 and called == ROWS, done.stderr
    done, called = runs_of(project)
    assert done.returncode == 0 and not called
    (project / RECORD.parent / "gd-mlp-quick-seed1.nc").unlink()
    write(project / RECORD, "damaged")
    done, called = runs_of(project)
    assert done.returncode == 0 and called == [ROWS[0], ROWS[3]]
    # What was looked at leaves one mark a row, and no row takes another's for its own.
    marks = [path.name[:-17] for path in (project / "build/quick/swept").iterdir()]
    assert sorted(f"row {name}" for name in marks) == ROWS


def test_rows_are_made_by_the_jobs_of_a_cluster(project):
    pytest.importorskip(
        "snakemake_executor_plugin_cluster_generic",
        reason="the generic executor, snakemake-executor-plugin-cluster-generic, is not installed",
    )
    write(project / "bin" / "submit", '#!/bin/bash\nbash "${@: -1}" > job.log 2>&1 &\necho $!\n')
    (project / "bin" / "submit").chmod(0o755)
    (project / "elsewhere").mkdir()
    cluster = ["--executor", "cluster-generic", "--cluster-generic-submit-cmd", "bin/submit"]
    cluster += ["--jobs", "2", "--seconds-between-status-checks", "1"]
    done, called = runs_of(project, *cluster, "--config", "folder=elsewhere")
    assert done.returncode == 0 and called == ROWS, done.stderr
    assert {f"row {path.stem}" for path in (project / "elsewhere").iterdir()} == set(ROWS)
    done, called = runs_of(project, *cluster, "--config", "folder=elsewhere")
    assert done.returncode == 0 and not called


def test_records_of_another_device_need_a_folder_of_their_own(project):
    done = snakemake(project, "--dry-run", "--config", "device=cuda", "--", "runs")
    assert done.returncode != 0 and "expected folder=... too" in done.stderr


@pytest.mark.parametrize(
    "options, command",
    [
        (["PRESET=cifar", "CORES=2"], "rodflow sweep --preset cifar --cores 2"),
        (["PRESET=paper"], "rodflow sweep --preset paper"),
    ],
)
def test_make_runs_calls_the_sweep(options, command):
    make = ["make", "--dry-run", "-f", str(ROOT / "Makefile"), "runs", "PY=python", *options]
    # Within a make, such as `make test`, another one would say where it is, and take its options.
    alone = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    alone = {key: value for key, value in alone.items() if key not in ("MFLAGS", "CORES", "PRESET")}
    done = subprocess.run(make, env=alone, capture_output=True, text=True, timeout=60, check=True)
    assert shlex.split(done.stdout.splitlines()[-1]) == ["PYTHONPATH=$PWD", *command.split()]
