"""The build: what makes a product stale, what does not, and notebooks' parameters."""

import os
import subprocess
import sys
from pathlib import Path

import jupytext
import pytest
from miniature import CORE, RECORD, ROOT, snakemake, write
from miniature import project as project

from rodflow_book.build import content, notebooks


def build(project):
    """Build, and give what was called, in alphabetical order."""
    calls = project / "calls"
    calls.unlink(missing_ok=True)
    for target in ("records", "book"):
        done = snakemake(project, "--", target)
        assert done.returncode == 0, done.stderr
    return sorted(calls.read_text().splitlines()) if calls.exists() else []


RUN, ADAM, ROD = "run adam-mlp", "notebook notebooks/adam.py", "notebook notebooks/rod.py"


def test_a_build_redoes_what_an_edit_concerns_and_nothing_else(project):
    assert build(project) == ["book", ADAM, ROD, RUN]
    core = project / "rodflow_core"
    presets = CORE["rodflow_core/experiments/presets.py"]

    # Neither times nor words nor the code of others matter to what is computed; the reference of
    # the code, a part of the book, consists of words.
    for path in core.rglob("*.py"):
        path.touch()
    write(core / "flows.py", '"""Other words."""\n\nFACTOR = 2.0  # and a remark\n')
    write(core / "experiments" / "central.py", "UNUSED = 2\n")
    write(core / "experiments" / "presets.py", presets.replace('"gd": 1', '"gd": 2'))
    assert build(project) == ["book"]
    for path in core.rglob("*.py"):
        path.touch()
    assert build(project) == []

    write(core / "flows.py", "FACTOR = 3.0\n")
    assert build(project) == ["book", ADAM, RUN]
    write(core / "experiments" / "presets.py", presets.replace('"adam": 1', '"adam": 2'))
    assert build(project) == ["book", ADAM, RUN]
    write(project / "requirements.txt", "torch==2\n")
    assert build(project) == ["book", ADAM, ROD]

    # A file that a page names by a pattern: one more, another content, none.
    cited = project / "figures" / "runs" / "adam-mlp-cifar.nc"
    for words in ("recorded", "recorded again"):
        write(cited, words)
        assert build(project) == ["book", ADAM]
    cited.unlink()
    assert build(project) == ["book", ADAM]
    # One that no page names is in the explorer all the same.
    write(cited.with_name("adam-mlp-cifar-seed1.nc"), "recorded")
    assert build(project) == ["book"]


def vouched_for(project, numbers):
    """Give what a record of today's row and code says."""
    code = (
        "from rodflow_core.experiments import presets, records\n"
        f"print(records.written(presets.preset('quick', 'adam', 'mlp'), {numbers!r}), end='')"
    )
    return subprocess.run(
        [sys.executable, "-c", code], cwd=project, text=True, capture_output=True, check=True
    ).stdout


def test_a_record_that_is_vouched_for_is_not_looked_at_and_its_numbers_count(project):
    write(project / RECORD, vouched_for(project, "1"))
    assert build(project) == ["book", ADAM, ROD]
    write(project / RECORD, vouched_for(project, "2"))
    assert build(project) == ["book", ADAM]
    (project / RECORD).touch()
    assert build(project) == []


def test_a_record_that_is_damaged_lost_or_of_older_code_is_looked_at_once(project):
    assert build(project) == ["book", ADAM, ROD, RUN]
    whole = (project / RECORD).read_text()
    write(project / RECORD, "damaged")
    assert build(project) == [RUN]  # the parse did not stop at it, and the numbers are the same
    (project / RECORD).unlink()
    assert build(project) == [RUN] and (project / RECORD).read_text() == whole
    write(project / "keep", "")  # the command finds the record current by its replay, and keeps it
    write(project / "rodflow_core" / "flows.py", "FACTOR = 3.0\n")
    assert build(project) == ["book", ADAM, RUN]
    assert build(project) == []


def test_nothing_is_written_while_the_file_is_read(project):
    def listed():
        found = (p for p in project.rglob("*") if "__pycache__" not in p.parts)
        return {p.relative_to(project): p.stat().st_mtime_ns for p in found if p.is_file()}

    before = listed()
    assert snakemake(project, "--dry-run").returncode == 0
    changed = {p for p, at in listed().items() if before.get(p) != at}
    assert not {p for p in changed if p.parts[0] != ".snakemake"}


def test_a_build_goes_on_where_it_was_interrupted(project):
    stub = project / "bin" / "python"
    whole = stub.read_text()
    # The process that drives the build is killed while the second notebook is being executed.
    stub.write_text(whole.replace("touch", "[[ $4 == *rod.py ]] && kill -9 $(cat driver); touch"))
    wrapper = project / "bin" / "drive"
    write(wrapper, f'#!/bin/bash\necho $$ > driver\nexec {sys.executable} -m snakemake "$@"\n')
    wrapper.chmod(0o755)
    assert snakemake(project, "--", "records").returncode == 0
    notebooks = [f"build/quick/notebooks/{name}.ipynb" for name in ("adam", "rod")]
    first = snakemake(project, "--cores", "1", "--", *notebooks, program=[str(wrapper)])
    assert first.returncode == -9
    before = sorted((project / "calls").read_text().splitlines())
    stub.write_text(whole)
    after = build(project)
    assert ROD in before and ROD in after
    assert sorted(before + after) == sorted(["book", ADAM, ROD, ROD, RUN])


def test_a_preset_is_one_of_those_there_are(project):
    done = snakemake(project, "--dry-run", "--config", "preset=quikc")
    assert done.returncode != 0 and "unknown preset 'quikc'; expected one of" in done.stderr
    for preset in ("quikc", "quick'; touch written; '", "$(touch written)", "quick smoke"):
        done = subprocess.run(
            ["make", "-f", str(ROOT / "Makefile"), "book", "PY=python", f"PRESET={preset}"],
            cwd=project,
            env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
            text=True,
            capture_output=True,
            timeout=300,
        )
        assert done.returncode == 2 and "unknown preset" in done.stderr
    assert not (project / "written").exists() and not (project / "build").exists()


def test_core_closure_follows_packages_and_relative_imports(tmp_path, monkeypatch):
    monkeypatch.setattr(content, "ROOT", tmp_path)
    for name, text in {
        "__init__.py": "",
        "a.py": "from .theory import gain\n",
        "b.py": "",
        "theory/__init__.py": "from rodflow_core.theory.gain import GAIN\n",
        "theory/gain.py": "from ..b import x\n",
        "theory/loss.py": "",
    }.items():
        write(tmp_path / "rodflow_core" / name, text)
    reached = content.closure("import numpy\nfrom rodflow_core import a\n")
    names = [path.relative_to(tmp_path / "rodflow_core").as_posix() for path in reached]
    assert names == ["__init__.py", "a.py", "b.py", "theory/__init__.py", "theory/gain.py"]


@pytest.mark.parametrize("source", sorted((ROOT / "notebooks").glob("*.py")), ids=lambda p: p.stem)
def test_a_header_is_read_as_jupytext_reads_it(source):
    expected = jupytext.read(source).metadata.get("rodflow")
    assert content.header(source.read_text(encoding="utf-8")).get("rodflow") == expected


def notebook(cell):
    return jupytext.reads(f'# %% tags=["parameters"]\n{cell}\n', fmt="py:percent")


def test_parameters_are_read_with_their_defaults():
    cell = 'preset: str = "quick"\n# a remark\nseed = -1\nrates = [0.1, 2e-3]\n'
    assert notebooks.parameters(notebook(cell), "n.py") == {
        "preset": "quick",
        "seed": -1,
        "rates": [0.1, 2e-3],
    }


def test_an_unknown_parameter_stops_the_notebook():
    with pytest.raises(notebooks.NotebookError, match=r"no parameter 'presett'; it has preset"):
        notebooks.check({"presett": "smoke"}, {"preset": "quick"}, "n.py")


@pytest.mark.parametrize("cell", ["import os", "seed = max(1, 2)", "a, b = 1, 2"])
def test_a_parameters_cell_holds_only_literals(cell):
    with pytest.raises(notebooks.NotebookError, match="parameters cell"):
        notebooks.parameters(notebook(cell), "n.py")


def test_a_notebook_needs_one_parameters_cell():
    with pytest.raises(notebooks.NotebookError, match="it needs one"):
        notebooks.parameters(jupytext.reads("# %%\nx = 1\n", fmt="py:percent"), "n.py")


def test_every_notebook_says_where_its_figures_go():
    sources = sorted((ROOT / "notebooks").glob("*.py"))
    assert sources
    for source in sources:
        assert notebooks.parameters(notebooks.read(source), source.name)["figures"]


def test_the_command_line_refuses_an_unknown_parameter(tmp_path):
    source = tmp_path / "n.py"
    write(source, '# %% tags=["parameters"]\npreset = "quick"\n')
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "rodflow_book.build.notebooks",
            "run",
            str(source),
            str(tmp_path / "out.ipynb"),
            "-p",
            "presett",
            "smoke",
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1
    assert done.stderr == "error: n.py has no parameter 'presett'; it has preset.\n"
    assert not (tmp_path / "out.ipynb").exists()
