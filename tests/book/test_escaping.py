"""What others wrote, into a record, a file's name or a parameter, is shown and never obeyed."""

import html
import json
import os
import re
import shlex
import shutil
import string
import subprocess
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest
import torch
import xarray as xr
from docutils.core import publish_string
from hypothesis import given, settings
from hypothesis import strategies as st
from miniature import ROOT, snakemake, write
from miniature import project as project
from myst_parser.parsers.docutils_ import Parser
from toolkit import is_one_sentence

from rodflow_book import notebook
from rodflow_book.build import assemble, explorer, gallery, status
from rodflow_book.figures import files
from rodflow_book.figures.run import run_figure
from rodflow_book.markup import literal, markdown
from rodflow_core.experiments import records, runs
from rodflow_core.experiments.config import RunConfig
from rodflow_core.experiments.problem import Problem
from rodflow_core.landscapes import Quadratic

EVIL = (
    "<script>alert(1)</script> $(touch written) `touch written` | $y_1^2$ [a](javascript:b) "
    "![i](x) **b** _e_ \\n {doc}`index` &lt; # ~~s~~ <img src=x onerror=alert(1)>"
)


def rendered(text):
    """Give what a page makes of Markdown."""
    settings = {
        "myst_enable_extensions": ["dollarmath", "colon_fence", "amsmath"],
        "report_level": 5,
    }
    page = publish_string(
        text, parser=Parser(), writer_name="html5", settings_overrides=settings
    ).decode()
    return re.search(r"<main[^>]*>(.*)</main>", page, re.DOTALL)[1]


def words(page):
    return " ".join(html.unescape(re.sub(r"<[^>]*>", "", page)).split())


@given(st.text(string.printable, min_size=1, max_size=60))
@settings(max_examples=200, deadline=None)
def test_a_literal_text_is_shown_letter_by_letter(text):
    line = " ".join(text.split())
    page = rendered(f"before {literal(text)} after")
    assert words(page) == f"before {line} after".replace("  ", " ")
    assert set(re.findall(r"<(/?\w+)", page)) <= {"p", "/p"}


def test_without_it_a_text_would_be_obeyed():
    assert "<script>" in rendered(f"before {EVIL}") and "<strong>" in rendered(f"before {EVIL}")


@pytest.fixture(scope="module")
def own():
    """A run on a problem whose title is malicious."""
    bowl = Quadratic(torch.diag(torch.tensor([1.0, 0.1], dtype=torch.float64)))
    problem = Problem.from_landscape(bowl, torch.ones(2, dtype=torch.float64), title=EVIL)
    config = RunConfig("gd", 2.01, problem="given", warmup=2, steps=12, flows=("sf", "rod"),
                       eigenvalues=1, spectrum_every=2, dtype="float64")  # fmt: skip
    return runs.compute(runs.for_problem(config, problem), problem).assign_attrs(date=EVIL)


def test_a_title_is_shown_in_texts_and_tables(own):
    assert own.attrs["problem"] == EVIL
    texts = notebook.verdict(own), notebook.verdicts([own]), notebook.hyperparameters([own])
    for text, at_least in zip(texts, (1, 2, 2), strict=True):
        page = rendered(text)
        assert "<script" not in page and "<img" not in page and "<strong>b" not in page
        assert words(page).count(EVIL) >= at_least
    # A pipe is none between two cells.
    assert len(re.findall(r"<th ", rendered(markdown(["a", literal(EVIL)], [])))) == 2


def test_a_title_is_harmless_in_figures_manifests_and_the_gallery(own, tmp_path, project):
    odd = json.loads(own.attrs["flows"])
    odd[0]["title"] = "flow of $x"
    run = own.assign_attrs(flows=json.dumps(odd))
    about = files.run_manifest([run], "notebooks/your_own.py")
    alt = notebook.alt_text(run)
    assert EVIL in alt
    files.save("own", lambda: run_figure(run), run, tmp_path, alt=alt, manifest=about)
    drawn = ElementTree.parse(tmp_path / "own.svg")
    assert not [e for e in drawn.iter() if e.tag.endswith(("script", "image", "foreignObject"))]
    assert EVIL in json.loads((tmp_path / "own.json").read_text())["alt"]
    page = rendered(gallery._entry(tmp_path, "own").replace("{ref}", ""))
    assert "<script" not in page and EVIL in html.unescape(re.search(r'alt="([^"]*)"', page)[1])


@pytest.mark.parametrize("name", ["../own", "a/b", "$(touch x)", "a b", "", ".own", "own.svg", "ü"])
def test_a_figure_has_a_name_that_goes_into_paths_and_addresses(name, tmp_path):
    with pytest.raises(ValueError, match="no name for a figure") as caught:
        files.save(name, pytest.fail, xr.Dataset(), tmp_path, alt="")
    assert is_one_sentence(str(caught.value)) and not list(tmp_path.iterdir())


def test_parameters_and_machines_are_shown_under_a_page(tmp_path):
    made = {
        "source": "gd.py", "seconds": 1.0, "machine": EVIL, "python": "3", "peak_memory_mb": None,
        "parameters": {"preset": EVIL, "architectures": [EVIL, "mlp"]}, "versions": {"torch": "2",
        "rodflow": "0"},
    }  # fmt: skip
    new = assemble.nbformat.v4
    page = new.new_notebook(metadata={"rodflow": made})
    assemble.sign(page)
    for text, times in ((page.cells[-2].source, 3), (status.page({"gd": page}), 3)):
        bare = "\n".join(line for line in text.splitlines() if not line.startswith(":::"))
        shown = rendered(bare.replace("{doc}", ""))
        assert "<script" not in shown and "<img" not in shown
        assert words(shown).count("<script>alert(1)</script>") == times


NAME = "adam-mlp-quick $(touch written);'x"


def test_a_records_name_goes_whole_into_commands_and_addresses(tmp_path):
    cited = tmp_path / "figures" / "runs"
    cited.mkdir(parents=True)
    shutil.copy(ROOT / "figures" / "runs" / "adam-mlp-quick.nc", cited / f"{NAME}.nc")
    site = tmp_path / "site"
    (site / "figures" / "runs").mkdir(parents=True)
    shutil.copy(cited / f"{NAME}.nc", site / "figures" / "runs")
    assert not explorer.write(site, cited)
    index = (site / "explorer" / "index.js").read_text()
    entry = json.loads(index.split("=", 1)[1].rstrip(";\n"))["runs"][0]
    assert entry["name"] == NAME and unquote(entry["record"]) == f"figures/runs/{NAME}.nc"
    assert not set(entry["record"]) & set(" $();'#?")
    assert shlex.split(entry["command"])[-1] == f"figures/runs/{NAME}.nc"
    assert (site / "explorer" / "runs" / f"{NAME}.0.js").is_file()


def test_a_notebooks_name_is_not_run_by_a_shell(project):
    name = "odd $(touch written)`touch written`;touch written;'x"
    write(project / "notebooks" / f"{name}.py", '# %% tags=["parameters"]\nfigures = "figures"\n')
    for target in ("records", "book"):
        done = snakemake(project, "--", target)
        assert done.returncode == 0, done.stderr
    assert f"notebook notebooks/{name}.py" in (project / "calls").read_text()
    assert (project / "build" / "quick" / "notebooks" / f"{name}.ipynb").is_file()
    assert not list(project.rglob("written"))


@pytest.mark.parametrize("cores", ["1; touch written", "$$(touch written)", "`touch written`"])
def test_a_count_of_cores_is_not_run_by_a_shell(project, cores):
    done = subprocess.run(
        ["make", "-f", str(ROOT / "Makefile"), "book", "PY=python", f"CORES={cores}"],
        cwd=project, text=True, capture_output=True, timeout=300,
        env={**os.environ, "PATH": f"{os.path.dirname(os.sys.executable)}:{os.environ['PATH']}"},
    )  # fmt: skip
    assert done.returncode == 2 and "cores" in done.stderr
    assert not list(project.rglob("written"))


def test_a_records_words_are_no_code(own, tmp_path):
    """What a record says of itself is data, also where it is printed or judged."""
    path = tmp_path / f"{NAME}.nc"
    records.save(own, path)
    assert records.load(path).attrs["problem"] == EVIL
