"""How close a run must come that is computed again: by the record's dtype, unless it is said."""

import json

import pytest

from rodflow_core.experiments import claims, cli, records, runs, verification
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
    found = verification.verify(run.assign_attrs(replay=json.dumps(replay)))
    assert not found.agrees and found.worst[1] == "the replay"
    assert found.tolerance == VERIFY_TOLERANCE["float64"]
    assert verification.verify(run).same


def test_residuals_of_solvers_are_not_compared():
    """A tenth of rounding or ten times of it is rounding."""
    size = {**TINY, "spectrum_every": 2, "eigenvalues": 1, "dtype": "float64"}
    run = runs.compute(RunConfig("gd", 0.1, flows=("sf", "rod", "central"), **size))
    names = [n for n in run.data_vars if str(n).endswith(("_complementarity", "_residual"))]
    assert any(str(n).endswith("_complementarity") for n in names)
    other = run.copy(deep=True)
    for name in names:
        other[name] += 1e-15
    assert verification.compare(run, other).same
    other["central_loss"] *= 1 + 1e-5
    assert not verification.compare(run, other).agrees


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


# --- what is found of the models -----------------------------------------------------------------


def test_findings_are_the_same_where_the_numbers_differ_and_not_where_the_models_do(
    recorded, tmp_path, capsys
):
    run = recorded["float32"]
    path = edited(run, 1e-2, tmp_path / "run.nc")
    assert cli.main(["verify", str(path), "--quiet", "--findings"]) == 0
    said = capsys.readouterr().out
    assert "rod: " in said and said.count(": the same.") == len(claims.models(run)) > 1
    changed = run.copy(deep=True)
    changed["dist_wbar_disc_to_sf"] *= 2.5
    records.save(changed, path)
    assert cli.main(["verify", str(path), "--quiet", "--findings"]) == 1
    assert "not the same." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("field", "pair", "same"),
    [
        ("verdict", ("holds", "partly"), False),
        ("ratio", (10.0, 19.9), True),
        ("ratio", (19.9, 10.0), True),
        ("ratio", (10.0, 20.1), False),
        ("ratio", (20.1, 10.0), False),
        ("ratio", (float("nan"), 10.0), False),
        ("ratio", (10.0, float("inf")), False),
        ("ratio", (float("nan"), float("nan")), True),
        ("sharpness", (1.0, 1.049), True),
        ("sharpness", (1.0, 0.951), True),
        ("sharpness", (1.0, 1.051), False),
        ("sharpness", (1.0, 0.949), False),
        ("sharpness", (1.0, float("nan")), False),
        ("sharpness", (float("nan"), float("nan")), True),
    ],
)
def test_a_finding_is_the_same_within_its_bars(field, pair, same):
    finding = verification.Finding("rod", ("holds", "holds"), (10.0, 10.0), (1.0, 1.0))
    assert finding.same
    assert finding._replace(**{field: pair}).same == same


def test_findings_are_those_of_the_claims_over_the_steps_computed(recorded):
    run = recorded["float64"]
    now = verification.again(run, steps=2, threads=1)
    found = {finding.tag: finding for finding in verification.findings(run, now)}
    assert list(found) == claims.models(run) and all(f.same for f in found.values())
    found, first = found["rod"], claims.assess(now)
    assert found.ratio == (first.ratio, first.ratio) and found.verdict == (first.verdict,) * 2
    assert first.ratio != claims.assess(run).ratio


@pytest.mark.parametrize("flows", [("sf",), ("rod",)])
def test_findings_need_a_stable_flow_and_a_model(flows):
    run = runs.compute(RunConfig("gd", 0.1, flows=flows, **TINY))
    with pytest.raises(ValueError, match="stable flow and a model"):
        verification.findings(run, run)


@pytest.mark.parametrize("options", [["--findings", "--tolerance", "1"], ["--threads", "0"]])
def test_options_that_say_nothing_are_refused(options, recorded, tmp_path, capsys):
    path = edited(recorded["float64"], 0.0, tmp_path / "run.nc")
    assert cli.main(["verify", str(path), "--quiet", *options]) == 2
    assert capsys.readouterr().err.count("expected") == 1
