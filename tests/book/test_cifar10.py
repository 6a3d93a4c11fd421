"""The pages that carry CIFAR-10: their records, their figure, their words, and who counts them."""

import json
import re
import runpy
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from matplotlib import pyplot as plt
from toolkit import is_one_sentence

from rodflow_book import evidence, evidence_tables, notebook, tables
from rodflow_book.build.content import header
from rodflow_book.figures import cifar10 as plots
from rodflow_book.figures import claims as marks
from rodflow_book.figures.run import made_with, run_figure
from rodflow_core.experiments import claims, presets, records, regimes
from rodflow_core.optimizers import OPTIMIZERS

ROOT = Path(__file__).resolve().parents[2]
NETWORKS = tuple(notebook.ARCHITECTURE_TITLES)
FLOWS = ("sf", "rod", "free", "floor")


def stand_in(optimizer, architecture, flows=FLOWS, steps=60, **changes):
    """A record on digits as if it were one on CIFAR-10: shorter, with fewer flows, and signed."""
    run = records.load(ROOT / "figures" / "runs" / f"{optimizer}-{architecture}-quick.nc")
    run = run.isel(eigenvalue=slice(0, 1), step=slice(0, steps + 1))
    run = run.isel(spectrum_step=run["spectrum_step"].to_numpy() <= int(run["step"][-1]))
    run = run[[name for name in run if run[name].attrs["trajectory"] in ("disc", *flows)]]
    config = json.loads(run.attrs["config"]) | {
        "data": "cifar10", "examples": 1000, "dtype": "float32", "steps": steps,
        "flows": list(flows), **changes,
    }  # fmt: skip
    entries = [e for e in json.loads(run.attrs["flows"]) if e["tag"] in flows]
    return run.assign_attrs(config=json.dumps(config), flows=json.dumps(entries), date="2026-01-31")


@pytest.fixture(scope="module")
def runs():
    """Two optimizers on all networks."""
    return {(o, a): stand_in(o, a) for o in ("gd", "adam") for a in NETWORKS}


@pytest.fixture
def checkout(tmp_path, monkeypatch, runs):
    """A checkout whose records are the stand-ins, with one variant and one run with rivals."""
    for (optimizer, architecture), run in runs.items():
        records.save(run, tmp_path / f"{optimizer}-{architecture}-cifar.nc")
    records.save(stand_in("adam", "mlp", seed=1), tmp_path / "adam-mlp-cifar-seed1.nc")
    company = (*FLOWS, "central", "edge")
    records.save(stand_in("gd", "mlp", company), tmp_path / "gd-mlp-cifar-rivals.nc")
    monkeypatch.setattr(records, "checkout_directory", lambda: tmp_path)
    monkeypatch.setenv("RODFLOW_RUNS", str(tmp_path / "elsewhere"))
    return tmp_path


# --- records -------------------------------------------------------------------------------------


def test_a_cited_record_is_that_of_the_checkout(checkout):
    run = notebook.cited("adam", "mlp", "seed1")
    assert records.configuration(run).seed == 1 and records.flows(run).keys() == set(FLOWS)


@pytest.mark.parametrize(
    "what, said",
    [
        (("adam", "vit", "seed1"), "rodflow sweep --preset cifar"),
        (("adagrad", "mlp"), "unknown optimizer 'adagrad'"),
        (("adam", "lstm"), "unknown architecture 'lstm'"),
    ],
)
def test_a_record_that_is_not_there_is_one_sentence(checkout, what, said):
    with pytest.raises(ValueError, match=said) as caught:
        notebook.cited(*what)
    assert is_one_sentence(str(caught.value))


def test_a_record_that_was_changed_is_found_out(checkout):
    path = checkout / "adam-mlp-cifar.nc"
    run = xr.load_dataset(path, engine="scipy")
    run["dist_wbar_disc_to_rod"] /= 10
    run.to_netcdf(path, engine="scipy", format="NETCDF3_64BIT")
    with pytest.raises(ValueError, match="its content is not what was written"):
        notebook.cited("adam", "mlp")


def test_without_a_checkout_it_is_one_sentence(monkeypatch):
    monkeypatch.setattr(records, "checkout_directory", lambda: None)
    with pytest.raises(ValueError, match="clone the repository") as caught:
        notebook.cited("adam", "mlp")
    assert is_one_sentence(str(caught.value))


def test_what_is_not_recorded_is_named(checkout):
    found, lacking = evidence.beside()
    assert set(found) == {("adam", "mlp", "seed1")}
    planned = {f"adam-mlp-cifar-{name}" for name in presets.VARIANTS["adam-mlp"]}
    assert set(lacking) == planned - {"adam-mlp-cifar-seed1"}
    words = evidence.unrecorded(lacking)
    assert all(f"`{name}`" in words for name in lacking) and "seed1" not in words
    found, lacking = evidence.beside("rivals")
    assert set(found) == {("gd", "mlp", "rivals")} and "adam-mlp-cifar-fine" not in lacking
    assert "rmsprop-cnn-cifar-rivals" in lacking and evidence.unrecorded([]) == ""


def test_a_page_lives_without_a_run(checkout, runs, tmp_path):
    """What is not recorded is named, and everything else is there."""
    (checkout / "gd-vit-cifar.nc").unlink()
    found = evidence.recorded()
    assert set(found) == set(runs) - {("gd", "vit")}
    assert "gd-vit-cifar" in evidence.lacking(found)
    assert f"the {len(found)} runs recorded so far of 27" in evidence.score(found)
    gd = next(row for row in evidence_tables.protocol(found).splitlines() if "(gd)" in row)
    assert gd.endswith("| – |")
    assert "| – |" in evidence_tables.seconds(found)
    marks.save(evidence.assessed(found), list(found.values()), tmp_path, name="claims-cifar")
    text = (tmp_path / "claims-cifar.csv").read_text(encoding="utf-8")
    assert text.count("\n") == 1 + len(found)
    given = {"preset": "quick", "architectures": NETWORKS, "figures": "figures"}
    assert set(notebook.Chapter("gd", given).cited()) == {"mlp", "cnn"}
    assert notebook.Chapter("nadam", given).cited() == {}
    assert notebook.hyperparameters([]) == ""


def test_the_pages_name_the_records_they_read():
    """What a page reads is part of the key by which the build knows that it is stale."""
    for name in OPTIMIZERS:
        files = header((ROOT / "notebooks" / f"{name}.py").read_text("utf-8"))["rodflow"]["files"]
        assert files == [f"figures/runs/{name}-*-cifar.nc"]
    for name in ("cifar10", "claims"):
        files = header((ROOT / "notebooks" / f"{name}.py").read_text("utf-8"))["rodflow"]["files"]
        assert "figures/runs/*-cifar.nc" in files


# --- the figure ----------------------------------------------------------------------------------


def test_the_plate_draws_what_its_table_holds(runs):
    adam = {network: runs["adam", network] for network in NETWORKS}
    table = plots.numbers(adam)
    labels = {name: made_with(run, shared=False) for name, run in adam.items()}
    figure = plots.plate(table, labels, "below")
    curves = [line for axis in figure.axes for line in axis.lines if line.get_label()[0] != "_"]
    columns = [name for name in table if name != "step_since_start"]
    assert len(curves) == len(columns) == 3 * (4 + 4 + 3 + 4)
    drawn = {tuple(np.round(line.get_ydata(), 12)) for line in curves}
    assert drawn == {tuple(np.round(table[name].dropna(), 12)) for name in columns}
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["optimizer", "stable flow", "rod flow", "drift-free rod", "shifted copy"]
    plt.close(figure)
    rod = table["mlp_rod_distance"].dropna()
    assert rod.median() == claims.assess(adam["mlp"]).rod.distance
    truth = records.values(adam["vit"], "disc", "preconditioned_sharpness")
    solved = table["vit_disc_preconditioned_sharpness"].dropna() * adam["vit"].attrs["threshold"]
    np.testing.assert_allclose(solved, truth)


def test_the_plate_says_its_numbers_to_who_does_not_see_it(runs):
    text = plots.alt_text({"mlp": runs["adam", "mlp"]})
    found = claims.assess(runs["adam", "mlp"])
    assert f"{found.stable.distance:.2g}, {found.rod.distance:.2g}" in text
    assert f"shifted copy {found.floor:.2g}" in text


def test_a_figure_of_images_says_what_made_it(runs):
    run = runs["adam", "mlp"]
    figure = run_figure(run)
    words = figure.get_supxlabel()
    for part in ("CIFAR-10", "1{,}000", "0.003", "0.95", "800", "float32", "cpu", "2026-01-31"):
        assert part in words, part
    assert "2026" not in made_with(run.drop_attrs().assign_attrs(config=run.attrs["config"]))
    plain = run_figure(records.load(ROOT / "figures" / "runs" / "adam-mlp-quick.nc"))
    assert plain.get_supxlabel() == ""  # figures of digits stay as they were
    for one in (figure, plain):
        plt.close(one)


# --- numbers and words ---------------------------------------------------------------------------


def test_who_counts_comes_to_the_same(checkout, runs):
    counted = runpy.run_path(str(ROOT / "benchmarks" / "count.py"))["count"](checkout)
    assert set(counted) == {f"{o}-{a}-cifar" for o, a in runs}
    for (optimizer, architecture), run in runs.items():
        ratio, error = counted[f"{optimizer}-{architecture}-cifar"]
        truth = claims.assess(run)
        assert ratio == pytest.approx(truth.ratio, rel=1e-12)
        mine = records.values(run, "rod", "preconditioned_sharpness")
        theirs = records.values(run, "disc", "preconditioned_sharpness")
        assert error == pytest.approx(claims.agreement(mine, theirs).typical, rel=1e-12)
    # It imports nothing of this project.
    text = (ROOT / "benchmarks" / "count.py").read_text(encoding="utf-8")
    assert not re.search(r"import rodflow|from rodflow", text)


def test_a_rod_that_was_lost_counts_for_nobody(checkout):
    run = stand_in("adam", "mlp")
    run["dist_wbar_disc_to_rod"][40:] = np.nan
    records.save(run, checkout / "adam-mlp-cifar.nc")
    count = runpy.run_path(str(ROOT / "benchmarks" / "count.py"))["count"]
    assert np.isnan(count(checkout)["adam-mlp-cifar"][0]) and np.isnan(claims.assess(run).ratio)


def test_the_beginning_of_a_run_is_measured_by_itself():
    long, short = (evidence.nearness(stand_in("adam", "mlp", steps=n)) for n in (200, 60))
    assert long.early == long.ratio and short.early == short.ratio  # neither has more steps
    assert long.ratio != short.ratio and (long.steps, short.steps) == (200, 60)
    whole = stand_in("adam", "mlp", steps=200)
    early, evidence.EARLY = evidence.EARLY, 60
    try:
        assert evidence.nearness(whole).early == pytest.approx(short.ratio)
    finally:
        evidence.EARLY = early
    assert evidence.nearness(whole, first=60).early == pytest.approx(short.ratio)
    rows = evidence_tables.variants(whole, {"seed2": stand_in("adam", "mlp", seed=2)}, 60)
    assert rows[evidence_tables.AS_IT_IS].early == pytest.approx(short.ratio)
    assert "| first 60 |" in evidence_tables.near(rows, 60)


def test_a_change_is_said_in_words(runs):
    base = runs["adam", "mlp"]
    said = {
        "seed 2": {"seed": 2},
        "warm-up 400": {"warmup": 400},
        r"$\beta_2=0.99$": {"beta2": 0.99},
        "$n=2{,}000$": {"examples": 2000},
        "float64": {"dtype": "float64", "steps": 20},
    }
    for words, change in said.items():
        assert evidence.change(stand_in("adam", "mlp", **change), base) == words
    rows = evidence_tables.variants(base, {"seed2": stand_in("adam", "mlp", seed=2)})
    assert list(rows) == [evidence_tables.AS_IT_IS, "seed 2"]
    fine = stand_in("adam", "mlp", (*FLOWS, "sf_fine", "rod_fine", "free_fine"))
    row = evidence_tables.variants(base, {"fine": fine})["Runge-Kutta 4"]
    assert row.ratio == claims.assess(fine, "rod_fine", "sf_fine").ratio


def near(**changes):
    numbers = dict.fromkeys(evidence.Nearness._fields, 1.0) | changes
    return evidence.Nearness(**numbers)


def test_whether_two_orders_of_magnitude_are_reached():
    none = evidence.adam_sentence({"a": near(ratio=3.0, could=50.0), "b": near(ratio=99.0)})
    assert "None of these 2 runs comes to 100 times" in none and "99 (b)" in none
    assert "come to 100 times in any of them" in none
    some = evidence.adam_sentence(
        {"a": near(ratio=120.0, could=300.0), "b": near(early=100.0), "c": near(could=101.0)}
    )
    assert "Of these 3 runs, 1 come to 100 times: a." in some
    assert "first 300 steps alone, these do: b" in some and "in 2 of them (a and c)" in some


def test_the_floor_is_said_to_be_no_bound(runs):
    near_, far = (key for key in runs if key[0] == "adam" and key[1] in ("mlp", "cnn"))
    shifted = {near_: runs[near_].copy(), far: runs[far].copy()}
    shifted[near_]["dist_wbar_disc_to_rod"] = shifted[near_]["dist_wbar_disc_to_floor"] / 4
    shifted[near_]["dist_wbar_disc_to_rod"].attrs = runs[near_]["dist_wbar_disc_to_rod"].attrs
    words = evidence.floor_sentence(shifted)
    nearer = [key for key, run in shifted.items() if claims.assess(run).above_floor < 1]
    assert f"in {len(nearer)} of the 2 runs" in words and "Adam on the MLP, 0.25" in words
    shifted[near_]["disc_drift"] *= 1e6
    shifted[near_]["disc_drift"].attrs = runs[near_]["disc_drift"].attrs
    assert "in 1 of 2 runs: Adam on the MLP." in evidence.drifting(shifted)


def test_the_score_is_that_of_the_judge(runs):
    found = evidence.assessed(runs)["rod"]
    line = evidence.score(runs)
    holds = sum(c.verdict == "holds" for c in found.values())
    failing = [key for key, c in found.items() if c.verdict == "fails"]
    assert f"in {holds} of the {len(runs)} runs recorded so far of 27**" in line.splitlines()[0]
    assert f"neither in {len(failing)}" in line and "1,000 images" in line
    # A sentence, and two items; the regime is among them.
    assert line.count("\n") == 3 and line.count("\n- *") == 2
    assert "Full batch" in line and "constant learning rate" in line and "no step is random" in line
    lost = {key: run.copy() for key, run in runs.items()}
    lost["adam", "cnn"]["dist_wbar_disc_to_rod"][:] = np.nan
    lost["adam", "cnn"]["rod_pre_sharpness_wbar"][:] = np.nan
    assert "Adam on the CNN" in evidence.score(lost)


def test_runs_are_named_by_optimizer():
    keys = [("adam", "mlp"), ("adam", "cnn"), ("adam", "vit"), ("gd", "mlp")]
    assert evidence.named(keys) == (
        "Adam on the MLP, the CNN and the ViT; gradient descent on the MLP"
    )
    assert evidence.span([3, 1, 2]) == "1 to 3" and evidence.span([1000]) == "1,000"


def test_the_tables_have_a_row_for_everything(checkout, runs):
    protocol = evidence_tables.protocol(runs).replace("\u00a0", " ")
    assert protocol.count("\n") == 1 + 2
    adam = next(line for line in protocol.splitlines() if "(adam)" in line)
    assert "2,000 + 2,000 | 800 + 60 (0.4, 0.03)" in adam
    assert "1,000" in evidence_tables.networks_beside(runs)
    rows = {"a": evidence.nearness(runs["adam", "mlp"])}
    assert f"| a | 60 | {evidence_tables.number(rows['a'].ratio)} |" in evidence_tables.near(rows)
    rivals = {key[:2]: run for key, run in evidence.beside("rivals").found.items()}
    table = evidence_tables.rivals(rivals).splitlines()
    assert len(table) == 3 and all(row.count("|") == table[0].count("|") for row in table)
    assert "of 1 run the rod is closer in" in evidence_tables.rivals_in_words(rivals)
    assert evidence_tables.rivals_in_words({}) == ""
    both = evidence.assessed(runs)
    coarse = {key: claims.assess(run, "rod", "sf") for key, run in runs.items()}
    assert "RK4" not in tables.distances(both) and "fine" not in tables.regimes(both, coarse)
    # What was integrated coarsely only is explained as far as it goes.
    assert tables.diagnosis(runs, both).startswith("|  | fails | out of the ordinary |")
    several = [tables.distances(both), tables.regimes(both, coarse), tables.losses(both)]
    for table in (*several, tables.moments(both)):
        assert len(table.splitlines()) == 2 + len(runs)
    prices = evidence_tables.prices(rivals).splitlines()
    assert prices[0].count("|") == 2 + 6 and prices[0].count("central flow") == 2
    assert f"| a | {evidence_tables.number(rows['a'].over_floor)} |" in (
        evidence_tables.at_the_threshold(rows)
    )
    assert evidence_tables.seconds(runs).count("\n") == 1 + 2 + 1


TRIALS = [
    regimes.Trial(0.1, 0.9, None, [[200, 0.9, 1.0, 0.5], [400, None, None, None]]),
    regimes.Trial(0.05, 0.9, None, [[200, 1.0, 5.0, 0.25], [400, 1.01, 6.0, 0.125]]),
]


def test_the_papers_counts_have_a_row_for_every_network():
    bill = json.loads((ROOT / "benchmarks" / "paper.json").read_text(encoding="utf-8"))
    lines = evidence_tables.at_the_papers_counts(ROOT / "benchmarks" / "paper.json").splitlines()
    assert len(lines) == 2 + len(NETWORKS)
    assert f"{bill['architectures']['vit']['weights']:,}" in lines[-1]
    longest = max(row["hours, extrapolated"] for row in bill["rows on one core"].values())
    assert f"to {longest:g}" in lines[-1]


def test_what_was_tried_is_all_there(monkeypatch):
    gone = [regimes.Trial(9.0, 0.9, None, [[200, None, None, None]])]
    table = {"mlp": {"adam": TRIALS, "gd": TRIALS[:1]}, "cnn": {"adam": TRIALS[:1], "gd": gone}}
    monkeypatch.setattr(regimes, "scouted", lambda: table)
    chosen = evidence_tables.chosen().splitlines()
    adam = next(row for row in chosen if "(adam)" in row)
    assert "0.05 (0.9), from 400: 6 times, 12% left" in adam
    assert "† 0.1 (0.9), from 200: 1 times, 50% left" in adam
    assert "diverged" in next(row for row in chosen if "(gd)" in row)
    assert "not scouted" in next(row for row in chosen if "(nadam)" in row)
    tried = evidence_tables.tried("mlp")
    assert "0.90, diverged" in tried and "from 400" in tried and tried.count("| no |") == 2
    assert "every 200 steps" in evidence_tables.rule()


# --- the line on the first pages -----------------------------------------------------------------


@pytest.mark.parametrize("page", ["README.md", "book/index.md"])
def test_the_first_pages_carry_the_score(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    begin, end = evidence.MARKERS
    assert text.count(begin) == text.count(end) == 1
    line = text.split(begin)[1].split(end)[0].strip()
    assert line == evidence.score(evidence.recorded()), (
        f"{page} does not say what the records say; paste what "
        "`python -m rodflow_book.evidence` prints."
    )
