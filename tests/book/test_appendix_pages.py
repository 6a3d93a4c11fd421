"""The appendix pages: one name each, every equation in its place, checked as the index says."""

import re

import pytest
import yaml
from appendices import ROOT, asserted, source

PAGES = {
    "b": range(49, 57),
    "c1": range(57, 76),
    "c2": range(76, 111),
    "c3": range(111, 172),
    "d": range(172, 191),
    "e1": range(191, 220),
    "e2": range(220, 244),
    "f": range(244, 266),
    "g": range(266, 292),
}


@pytest.mark.parametrize("page", PAGES)
def test_every_number_has_one_target_and_one_tag_in_order(page):
    expected = list(PAGES[page])
    assert [int(n) for n in re.findall(r"^# \(eq-(\d+)\)=$", source(page), re.M)] == expected
    assert [int(n) for n in re.findall(r"\\tag\{(\d+)\}", source(page))] == expected


@pytest.fixture(scope="module")
def index():
    """How each number is checked, and what it is."""
    early, late = (
        yaml.safe_load((ROOT / "book" / f"equations_{part}.yml").read_text())
        for part in ("bc", "dh")
    )
    assert sorted(early) == list(range(49, 172)) and sorted(late) == list(range(172, 292))
    return early | late


@pytest.mark.parametrize("page", PAGES)
def test_the_index_says_how_each_number_is_checked(page, index):
    symbolic, numeric = asserted(page, {"same", "positive"}), asserted(page, {"agree", "close"})
    for number in PAGES[page]:
        how = index[number]["how"]
        assert index[number]["what"]
        assert how in ("definition", "symbolic", "numeric", "both")
        # In appendices B and C a definition may be checked on top.
        if how != "definition" or page >= "d":
            assert (number in symbolic) == (how in ("symbolic", "both")), number
            assert (number in numeric) == (how in ("numeric", "both")), number


def test_a_page_has_one_name():
    names = {f"appendix_{page}" for page in PAGES}
    for folder, prefix in {
        "notebooks": "",
        "rodflow_book/derivations": "",
        "rodflow_book/figures": "",
        "tests/book": "test_",
    }.items():
        found = {path.stem for path in (ROOT / folder).glob(f"{prefix}appendix_*.py")}
        assert {name.removeprefix(prefix) for name in found} - {"appendix_pages"} == names


def test_derivations_draw_nothing():
    for path in (ROOT / "rodflow_book" / "derivations").glob("*.py"):
        assert "figures" not in "".join(re.findall(r"^(?:from|import) .*", path.read_text(), re.M))
