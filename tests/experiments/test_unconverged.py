"""Eigensolves that did not converge: said wherever the run is, and used nowhere."""

import functools
import itertools

import nbformat
import numpy as np
import pytest
import torch

from rodflow_book import notebook
from rodflow_book.build import assemble, explorer, explorer_words
from rodflow_book.figures import files
from rodflow_core import sharpness, spectrum
from rodflow_core.experiments import claims, cli, presets, records, runs, scout

ROW = presets.preset("smoke", "adam", "mlp", examples=20, warmup=10, steps=40, flows=("sf", "rod"))
SHARPNESS = "preconditioned_sharpness"


@pytest.fixture(scope="module")
def whole():
    return runs.compute(ROW)


@pytest.fixture(scope="module")
def cut():
    """The same run; of every other record, the three eigensolves are stopped on their way."""
    calls = itertools.count()

    def stopped(*args, **options):
        few = {"max_matvecs": 8} if next(calls) // 3 % 2 else {}
        return spectrum.leading_eigenpairs(*args, **{**options, **few})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sharpness, "leading_eigenpairs", stopped)
        return runs.compute(ROW)


def test_of_a_run_that_converged_nothing_is_said(whole):
    assert records.doubts(whole) == ""
    assert "converge" not in notebook.verdict(whole)
    at = records.series(whole, "rod", SHARPNESS)
    assert at is not None and at.identical(whole[str(at.name)])


def test_values_on_their_way_are_neither_drawn_nor_judged(whole, cut):
    said = records.doubts(cut)
    assert said.count("did not converge") == 3 and "largest residual" in said
    for tag in ("disc", "sf", "rod"):
        raw = next(
            v for v in cut.data_vars.values()
            if (v.attrs["trajectory"], v.attrs["kind"]) == (tag, SHARPNESS)
        )  # fmt: skip
        open_ones = cut[f"{raw.name}_converged"].to_numpy() == 0
        assert open_ones[1::2].all() and not open_ones[::2].any()
        assert np.isfinite(raw).all()  # the record keeps what there is
        seen = records.values(cut, tag, SHARPNESS)
        assert np.array_equal(np.isnan(seen), open_ones)
        assert np.array_equal(files.table(cut)[str(raw.name)].dropna(), seen[~open_ones])
        assert np.array_equal(explorer.series(cut)[SHARPNESS][tag].isnull(), open_ones)
    left = np.median(records.values(whole, "disc", SHARPNESS)[::2]) / whole.attrs["threshold"]
    assert claims.assess(cut).sharpness == pytest.approx(left, rel=1e-5)
    # Whatever stands where a solve did not converge: the finding is the same.
    odd = cut.copy(deep=True)
    raw = str(records.series(cut, "rod", SHARPNESS).name)
    odd[raw][1::2] *= 10.0
    assert repr(claims.assess(odd)) == repr(claims.assess(cut))
    unaware = claims.assess(odd.drop_vars(f"{raw}_converged"))
    assert unaware.rod.sharpness > 1.1 * claims.assess(cut).rod.sharpness


def test_it_is_said_beside_the_verdict_in_the_explorer_and_in_the_shell(cut, tmp_path, capsys):
    said = records.doubts(cut)
    assert said in notebook.verdict(cut)
    assert str(explorer_words.judged(cut)["said"]).endswith(said)
    records.save(cut, tmp_path / "run.nc")
    assert cli.main(["info", str(tmp_path / "run.nc")]) == 0
    assert said in capsys.readouterr().out


def test_a_page_ends_with_it_also_where_its_cell_is_hidden(cut, monkeypatch):
    shown = []
    monkeypatch.setattr(runs, "load_or_run", lambda config: cut)
    monkeypatch.setattr(notebook, "display", lambda text, metadata: shown.append((text, metadata)))
    notebook.recorded("adam", "mlp", "smoke")
    (text, metadata), new = shown[0], nbformat.v4
    output = new.new_output("display_data", {"text/markdown": text.data}, metadata=metadata)
    cell = new.new_code_cell("run", outputs=[output], metadata={"tags": ["remove-cell"]})
    page = new.new_notebook(cells=[cell, new.new_code_cell("again", outputs=[output])])
    assemble.tell_doubts(page)
    assert not page.cells[0].outputs and not page.cells[1].outputs
    last = page.cells[-1].source
    assert last.startswith(":::{warning}\nAdam on the MLP") and last.count(records.doubts(cut)) == 1
    before = len(page.cells)
    assemble.tell_doubts(page)
    assert len(page.cells) == before


def test_who_needs_the_value_at_once_gets_a_sentence():
    diagonal = torch.linspace(1, 2, 500, dtype=torch.float64)
    found = spectrum.leading_eigenpairs(
        lambda v: diagonal * v, 500, 3, max_matvecs=8, dtype=torch.float64
    )
    with pytest.raises(ValueError, match=r"did not converge in \d+ products \(largest residual"):
        found.settled()


def test_the_scout_does_not_choose_by_it(monkeypatch):
    few = functools.partial(spectrum.leading_eigenpairs, max_matvecs=4)
    monkeypatch.setattr(sharpness, "leading_eigenpairs", few)
    seen = list(scout.scout(ROW, [ROW.learning_rate], [20, 30]))
    assert seen and all(np.isnan(s.sharpness) and not s.good for s in seen)
    assert all("unsolved" in scout.line(s) for s in seen)
