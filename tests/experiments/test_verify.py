"""How close a run must come that is computed again: by the record's dtype, unless it is said."""

import json

import pytest

from rodflow_core.experiments import cli, records, runs
from rodflow_core.experiments.config import DTYPES, VERIFY_TOLERANCE, RunConfig

TINY = {"examples": 20, "sizes": {"width": 4}, "warmup": 3, "steps": 4, "spectrum_every": 0}
SERIES = "disc_loss_w"


@pytest.fixture(scope="module")
def recorded():
    return {dtype: runs.compute(RunConfig("gd", 0.1, dtype=dtype, **TINY)) for dtype in DTYPES}


def edited(run, part, path):
    """Write the run with its first loss off by a part, signed anew."""
    changed = run.copy(deep=True)
    changed[SERIES][0] *= 1 + part
    records.save(changed, path)
    return path


@pytest.mark.parametrize(
    ("dtype", "part", "options", "status", "said"),
    [
        ("float64", 1e-7, [], 0, "All within 1e-06."),
        ("float64", 1e-5, [], 1, "Above 1e-06 from step 3 on."),
        ("float64", 1e-5, ["--tolerance", "1e-4"], 0, "All within 0.0001."),
        ("float32", 1e-4, [], 0, "All within 0.001."),
        ("float32", 1e-2, [], 1, "Above 0.001 from step 3 on."),
        ("float32", 1e-4, ["--tolerance", "1e-6"], 1, "Above 1e-06 from step 3 on."),
    ],
)
def test_the_tolerance_follows_the_dtype_unless_it_is_given(
    dtype, part, options, status, said, recorded, tmp_path, capsys
):
    path = edited(recorded[dtype], part, tmp_path / "run.nc")
    assert cli.main(["verify", str(path), "--quiet", *options]) == status
    out = capsys.readouterr().out
    assert said in out and f", {SERIES}." in out


def test_the_replay_is_in_float64_and_so_is_its_tolerance(recorded):
    run = recorded["float32"]
    replay = json.loads(run.attrs["replay"])
    replay[SERIES][-1] *= 1 + 1e-5
    found = runs.verify(run.assign_attrs(replay=json.dumps(replay)))
    assert not found.agrees and found.worst[1] == "the replay"
    assert found.tolerance == VERIFY_TOLERANCE["float64"]
    assert runs.verify(run).same


def test_help_says_the_tolerances(capsys):
    with pytest.raises(SystemExit):
        cli.main(["verify", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert all(f"{size:g} in {dtype}" in said for dtype, size in VERIFY_TOLERANCE.items())


def test_a_run_on_other_threads_that_differs_says_what_may_have_made_it_differ(
    recorded, tmp_path, capsys
):
    path = edited(recorded["float32"], 1e-2, tmp_path / "run.nc")
    assert cli.main(["verify", str(path), "--quiet", "--threads", "2"]) == 1
    words = "computed on 2 threads, recorded on 1"
    assert words in capsys.readouterr().out
    assert cli.main(["verify", str(path), "--quiet"]) == 1
    assert words not in capsys.readouterr().out
