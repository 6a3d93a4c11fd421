"""The explorer's files: they say what the records say, and what the book's pages judge of them."""

import math
import re

import numpy as np
import pytest
from explorer_site import LOST_AT, REAL, index_of, make, numbers_of, unpacked
from toolkit import is_one_sentence

from rodflow_book import notebook
from rodflow_book.build import explorer, explorer_words, pack
from rodflow_book.figures.style import dark_twin, line
from rodflow_core.experiments import claims, judge, presets, records

HALF_A_DIGIT = 5e-6
"""What rounding to six significant digits may change, relatively."""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("explorer")
    runs, left_out = make(folder)
    return folder / "site", runs, left_out


def test_numbers_keep_six_digits_and_nothing_that_is_not_finite():
    several = [1234567.0, -1.23456789e-9, 0.1, 0.0, -0.5, 999999.5, 9.9999951e-8, 3e200, 5e-324]
    rng = np.random.default_rng(0)
    several += list(rng.standard_normal(20_000) * 10.0 ** rng.integers(-300, 300, 20_000))
    series = {"loss": {"rod": [*several, math.nan, math.inf, -math.inf, 1.0], "sf": [-1e308]}}
    given = unpacked(pack.packed(series, steps=[4]))
    assert given["steps"] == [4] and given["series"]["loss"]["sf"] == [-1e308]
    assert given["series"]["loss"]["rod"] == [*(float(f"{v:.6g}") for v in several), *[None] * 3, 1]


@pytest.mark.parametrize("name", ["adam-mlp-small", "adam-mlp-lost", "adam-mlp-cifar", *REAL[2:]])
def test_every_series_of_a_record_is_there_to_the_rounding(made, name):
    site, runs, _ = made
    run, index = runs[name], index_of(site)
    entry = next(e for e in index["runs"] if e["name"] == name)
    files = [numbers_of(site, name, i) for i in range(entry["files"])]
    seen = 0
    for variable in run.data_vars.values():
        kind, tag = variable.attrs["kind"], variable.attrs["trajectory"]
        if kind.endswith(("_residual", "_converged", "_matvecs")) or variable.isnull().all():
            continue
        file = files[entry["kinds"][kind]]
        truth = records.values(run, tag, kind)
        if kind == "preconditioned_sharpness":
            truth = truth / run.attrs["threshold"]
        given = np.array(file["series"][kind][tag], dtype=float)
        finite = np.isfinite(truth)
        assert np.isnan(given[~finite]).all()
        np.testing.assert_allclose(given[finite], truth[finite], rtol=HALF_A_DIGIT)
        steps = file["steps"][index["quantities"][kind]["dim"]]
        assert steps == run[variable.dims[0]].to_numpy().tolist()
        seen += 1
    assert seen > 20
    assert seen == sum(
        len(by_tag) for file in files for kind, by_tag in file["series"].items()
        if not re.search(r"_[23]$", kind)
    )  # fmt: skip


def test_further_eigenvalues_are_quantities_of_their_own(made):
    site, runs, _ = made
    run = runs["gd-mlp-quick"]
    given = numbers_of(site, "gd-mlp-quick")["series"]
    for i in (2, 3):
        truth = records.series(run, "rod", "preconditioned_sharpness").to_numpy()[:, i - 1]
        seen = given[f"preconditioned_sharpness_{i}"]["rod"]
        np.testing.assert_allclose(seen, truth / run.attrs["threshold"], rtol=HALF_A_DIGIT)


def test_a_run_that_is_lost_has_nulls_from_there_on(made):
    series = numbers_of(made[0], "adam-mlp-lost")["series"]
    for kind in ("loss", "distance", "delta_norm"):
        given = series[kind]["rod"]
        assert None not in given[:LOST_AT] and set(given[LOST_AT:]) == {None}
    assert None not in series["loss"]["disc"] + series["loss"]["sf"]
    entry = next(e for e in index_of(made[0])["runs"] if e["name"] == "adam-mlp-lost")
    assert entry["verdict"] == "fails" and "stopped being finite" in entry["bar"]


def test_a_long_run_is_divided_by_quantity_and_keeps_every_step(made):
    site, runs, _ = made
    entry = next(e for e in index_of(site)["runs"] if e["name"] == "adam-mlp-cifar-full")
    assert entry["files"] > 1
    held = [numbers_of(site, entry["name"], i) for i in range(entry["files"])]
    for kind, i in entry["kinds"].items():
        assert kind in held[i]["series"]
    assert all(len(file["steps"]["step"]) == 2001 for file in held)
    truth = records.values(runs[entry["name"]], "rod", "loss")
    given = held[entry["kinds"]["loss"]]["series"]["loss"]["rod"]
    np.testing.assert_allclose(given, truth, rtol=HALF_A_DIGIT)


def test_files_are_small(made):
    site, _, _ = made
    files = list((site / "explorer" / "runs").glob("*.js"))
    assert len(files) > 5 and max(f.stat().st_size for f in files) < 300_000
    code = sum(f.stat().st_size for f in (site / "explorer").glob("*.*"))
    # With the index of ten times as many records the page stays below a megabyte.
    entries = len(index_of(site)["runs"])
    assert code + (90 / entries) * (site / "explorer" / "index.js").stat().st_size < 1_000_000


def test_a_damaged_record_is_left_out_with_a_sentence(made):
    site, runs, left_out = made
    assert left_out == ["gd-cnn-quick.nc is damaged, or no record of this project."]
    assert is_one_sentence(left_out[0])
    index = index_of(site)
    assert index["left_out"] == left_out
    assert {e["name"] for e in index["runs"]} == set(runs)
    assert "gd-cnn-quick" in index["lacking"] and "adam-mlp-cifar" not in index["lacking"]


def test_nothing_but_runs_of_the_books_optimizers_is_shown(tmp_path):
    folder = records.checkout_directory()
    others = [*folder.glob("frontier-gd-*.nc"), *folder.glob("adabelief-*.nc")]
    explorations = list(folder.glob("gd-mlp-??????????.nc"))
    assert len(others) >= 2 and len(explorations) >= 3
    for path in (*others, *explorations):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    assert explorer.write(tmp_path / "site", tmp_path) == []
    entries = index_of(tmp_path / "site")["runs"]
    assert {e["name"] for e in entries} == {path.stem for path in explorations}
    assert all(e["command"].startswith("rodflow verify figures/runs/gd-mlp-") for e in entries)
    # Without a rod, central flow is what there is to see.
    central = [e for e in entries if "central" in e["models"] and "rod" not in e["models"]]
    assert central and all(e["hidden"] == [] for e in central)
    assert explorer.write(tmp_path / "none", None) == []
    assert index_of(tmp_path / "none")["runs"] == []


@pytest.mark.parametrize("name", REAL)
def test_what_is_judged_is_what_the_books_pages_judge(made, name):
    site, runs, _ = made
    entry = next(e for e in index_of(site)["runs"] if e["name"] == name)
    run = runs[name]
    claim = claims.assess(run, "rod")
    assert entry["verdict"] == claim.verdict
    ratio = float(re.search(r"is (\S+) times closer", entry["bar"])[1])
    assert ratio == pytest.approx(claim.ratio, rel=0.05)
    off = float(re.search(r"typically (\S+)% off", entry["bar"])[1])
    assert off == pytest.approx(100 * claim.rod.sharpness_error.typical, rel=0.05)
    page = explorer_words.plain(notebook.verdict(run).split("\n\n")[0])
    assert page.endswith(entry["said"]) and f"{claim.sharpness:.3f}" in entry["said"]
    for (model, _, *cells), (tag, own) in zip(
        entry["rows"], notebook.judged(run).items(), strict=True
    ):
        assert model == entry["models"][tag]
        assert cells == [notebook.ruled(ruling) for ruling in judge.rulings(own).values()]


def test_the_page_says_of_scalar_adam_what_its_record_says():
    run = notebook.cited("scalar_adam", "mlp")
    assert judge.rulings(claims.assess(run, "rod"))["c"].verdict == judge.FAILS


def test_variants_say_in_what_they_differ(made):
    entries = {e["name"]: e for e in index_of(made[0])["runs"]}
    assert entries["adam-mlp-cifar"]["variant"] == entries["gd-mlp-quick"]["variant"] == ""
    assert entries["adam-mlp-cifar-full"]["variant"] == "warm-up 2,000, 2,000 steps"
    base = presets.preset("cifar", "gd", "mlp")
    rivals = presets.variants("cifar", "gd", "mlp")["rivals"]
    words = explorer_words.changes(rivals, base)
    assert "central flow" in words and "Edge Flow" in words
    flows = [tag for tag in rivals.flows]
    assert explorer_words.hidden("gd-mlp-cifar-rivals", flows) == []
    fine = presets.variants("cifar", "adam", "mlp")["fine"]
    assert explorer_words.changes(fine, presets.preset("cifar", "adam", "mlp")).endswith(
        "finely integrated too"
    )
    named = [e["variant"] for e in entries.values() if e["optimizer"] == "adam"]
    assert len(named) == len(set(named))


def test_what_would_be_called_alike_is_told_apart():
    cell = {"optimizer": "gd", "architecture": "mlp", "data": "digits"}
    runs = [{**cell, "name": f"gd-mlp-{end}", "variant": "seed 1"} for end in ("aa", "bb")]
    explorer.tell_apart(runs)
    assert [run["variant"] for run in runs] == ["seed 1 (aa)", "seed 1 (bb)"]


def test_looks_are_those_of_the_figures():
    seen = set()
    for tag in ("disc", "sf", "rod", "free", "floor", "central", "edge", "corrected"):
        drawn = explorer.look(tag)
        assert drawn["light"] == line(tag)["color"]
        assert drawn["dark"] == dark_twin(line(tag)["color"]) != drawn["light"]
        seen.add((*drawn["dash"], drawn["width"]))
    # Without colour, too, no two are alike; nor a model and the same, finely integrated.
    assert len(seen) == 8
    for finer in ("rod_fine", "rod_finer"):
        assert explorer.look(finer)["light"] == explorer.look("rod")["light"]
        seen.add((*explorer.look(finer)["dash"], explorer.look(finer)["width"]))
    assert len(seen) == 10
