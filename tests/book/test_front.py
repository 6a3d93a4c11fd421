"""The first pages and *Rerun*: what they show is there, and nothing of the book is left out."""

import re
from pathlib import Path

import pytest
import yaml

from rodflow_book import evidence
from rodflow_book.build import notebooks, rerun
from rodflow_core.experiments import cli, records, verification
from rodflow_core.experiments.config import VERIFY_TOLERANCE
from rodflow_core.optimizers import OPTIMIZERS

ROOT = Path(__file__).resolve().parents[2]
BOOK = ROOT / "book"
FRONT = ("README.md", "book/index.md")
TOC = yaml.safe_load((BOOK / "_toc.yml").read_text(encoding="utf-8"))


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def prose(name):
    """What a notebook says in words."""
    lines = read(f"notebooks/{name}.py").splitlines()
    return "\n".join(line[2:] for line in lines if line.startswith("#"))


# --- README and first page -----------------------------------------------------------------------


@pytest.mark.parametrize("page", FRONT)
def test_picture_score_papers_and_commands_come_before_all_else(page):
    first = (
        read(page).split("\n## ")[0] if page == "book/index.md" else read(page).split("## Your")[0]
    )
    assert "figures/rod-valley.svg" in first and evidence.MARKERS[0] in first
    for wanted in ("https://arxiv.org/abs/2605.06821", "https://arxiv.org/abs/2602.01480"):
        assert wanted in first
    assert re.search(r"^make book .*\n^make test ", first, re.M)


@pytest.mark.parametrize("page", FRONT)
def test_the_regime_stands_with_the_score(page):
    begin, end = evidence.MARKERS
    said = read(page).split(begin)[1].split(end)[0]
    for words in ("Full batch", "constant learning rate", "edge of stability", "no step is random"):
        assert words in said
    assert "What fails" in said


def test_both_name_the_same_times():
    times = [re.findall(r"# .*?(\d[\d to]*minutes)", read(page)) for page in FRONT]
    assert times[0] == times[1] and len(times[0]) == 2


def rooms():
    """The parts of the contents, and the pages that each lists by name."""
    return {
        part["caption"]: [entry["file"] for entry in part["chapters"] if "file" in entry]
        for part in TOC["parts"]
    }


def test_the_first_page_names_every_room_and_what_is_in_it():
    text = read("book/index.md").split("## What is in the book")[1].split("\n## ")[0]
    said = dict(re.findall(r"^\*\*(.+?)\*\*\n: (.*?)(?=\n\n)", text, re.M | re.S))
    assert list(said) == list(rooms())
    for room, pages in rooms().items():
        named = re.findall(r"\{doc\}`(?:[^<`]*<)?([\w/]+)>?`", said[room])
        if room == "Optimizers":
            # From the first to the last.
            assert named == [pages[0], pages[-1]] and len(pages) == len(OPTIMIZERS)
        else:
            assert not set(pages) - set(named), room


# --- rerun ---------------------------------------------------------------------------------------

SOURCES = sorted((ROOT / "notebooks").glob("*.py"))


def test_every_page_stands_in_the_table_with_its_parameters():
    table = rerun.table(SOURCES)
    assert read("book/rerun.md").count(rerun.TOKEN) == 1
    for source in SOURCES:
        (row,) = (line for line in table.splitlines() if f"<notebooks/{source.stem}>`" in line)
        known = notebooks.parameters(notebooks.read(source), source.name)
        names = re.findall(r"`(\w+)(?: = [^`]*)?`", row.split(" | ")[1])
        assert names == [name for name in known if name != "figures"]


def commands(page):
    """The commands of a page, those over several lines in one."""
    blocks = re.findall(r"```bash\n(.*?)```", read(page), re.S)
    joined = re.sub(r"(\\|\|)\n\s*", r"\1 ", "\n".join(blocks))
    return [line.split("    #")[0].replace("\\ ", "").strip() for line in joined.splitlines()]


@pytest.mark.parametrize("page", ["README.md", "book/rerun.md"])
def test_what_a_command_gives_a_page_is_a_parameter_of_it(page):
    found = [line for line in commands(page) if re.search(r"notebooks/\w+\.py", line)]
    assert found
    for line in found:
        source = ROOT / re.search(r"notebooks/\w+\.py", line)[0]
        given = re.findall(r" -p (\w+)", line) + re.findall(r"-y '(\w+):", line)
        assert given
        notebooks.check(
            dict.fromkeys(given), notebooks.parameters(notebooks.read(source), source.name), line
        )


def test_the_page_says_what_verify_asks_for():
    rows = {
        row.split(" | ")[0][2:]: row for row in read("book/rerun.md").splitlines() if " | " in row
    }
    for dtype, words in (("float64", "double"), ("float32", "single")):
        assert f"within {VERIFY_TOLERANCE[dtype]:g}" in rows[f"`verify`, {words} precision"]
    findings = rows["`verify --findings`"]
    assert f"factor of {verification.RATIO:g}," in findings
    assert f"within {100 * verification.SHARPNESS:g} %" in findings


def test_no_record_has_an_eigensolve_that_did_not_converge():
    """The page of reruns says so."""
    cited = [p for p in (ROOT / "figures/runs").glob("*.nc") if not p.name.startswith("frontier-")]
    assert len(cited) > 50
    assert not [path.name for path in cited if records.doubts(records.load(path))]


def test_commands_of_the_page_are_commands():
    for line in commands("book/rerun.md"):
        if line.startswith("rodflow "):
            cli.parser().parse_args(line.split()[1:])


# --- chapters ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(OPTIMIZERS)[1:])
def test_a_chapter_says_first_what_is_new(name):
    first = prose(name).split("%% [markdown]\n")[1].split("\n%%")[0].strip()
    title, lead = first.split("\n\n", 1)
    assert title.startswith("# ") and lead.startswith("**What is new")
    assert "$$" not in lead and "\\begin" not in lead and "\n\n" not in lead
    # It is new beside another chapter, which is named.
    others = set(OPTIMIZERS) - {name}
    assert others & set(re.findall(r"\{doc\}`(?:[^<`]*<)?(\w+)>?`", lead))


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_a_page_is_called_by_its_name(source):
    # Nobody reads in one order.
    assert not re.search(r"\b(next|previous|last)\s+chapter\b", prose(source.stem), re.I)
