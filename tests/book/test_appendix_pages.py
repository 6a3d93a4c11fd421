"""The appendix pages: one name each, every equation in its place, checked as the index says."""

import re

import pytest
import yaml
from appendices import NUMERIC, PAGES, PRINTED, ROOT, SYMBOLIC, asserted, execute, source

from rodflow_book.build.equations import HOW
from rodflow_book.derivations import printed
from rodflow_book.derivations.checks import FalseEquation


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
    """Before anything is executed; the build compares with what the pages did check."""
    symbolic, numeric = asserted(page, SYMBOLIC), asserted(page, NUMERIC)
    for number in PAGES[page]:
        how = index[number]["how"]
        assert index[number]["what"] and how in HOW
        assert (number in numeric) == (how in ("numeric", "both")), number
        if how in ("symbolic", "both", "definition"):
            assert number in symbolic, number


def test_every_formula_of_the_paper_is_read_from_its_page():
    read = set().union(*(asserted(page, PRINTED) for page in PAGES))
    assert read >= set(range(1, 292))


MISPRINTS = {
    "b": [(55, r"-\eta\,", r"\eta\,"), (56, "-2", "-3"), (54, r"\tfrac\eta2", r"\tfrac{\eta^2}2")],
    "c1": [(57, r"(1-\beta)", r"(1+\beta)"), (67, r"\tfrac14", r"\tfrac12"), (72, r"-m", "+m")],
    "c2": [
        (81, r"\frac2\eta", r"\frac2{\eta^2}"),
        (89, r"\frac{2w_0", r"\frac{3w_0"),
        (109, r"1+3\beta", r"1-3\beta"),
        (110, r"1+3\beta", r"1+4\beta"),
    ],
    "c3": [
        (134, "<4", "<2"),
        (148, r"=-\delta_z", r"=\delta_z"),
        (149, r"-2", r"-3"),
        (158, r"4/\eta^2", r"4/\eta^3"),
    ],
    "d": [(174, r"\eta^2g^2", r"\eta^2g^3"), (183, r"-\frac", r"\frac"), (190, "4", "2")],
    "e1": [(193, r"-\eta", r"+\eta"), (205, r"\beta_1^2\,m_t", r"\beta_1^3\,m_t"), (218, "2", "3")],
    "e2": [(225, "g^2", "g^3"), (241, r"-\frac", r"\frac"), (243, r"\frac\eta2", r"\frac\eta3")],
    "f": [(246, r"\tfrac16", r"\tfrac13"), (254, r"-\tfrac12", r"\tfrac12"), (256, "16", "15")],
    "g": [
        (269, r"U^\top", r"2U^\top"),
        (272, r"+a_-", r"-a_-"),
        (274, r"\beta_1^t", r"\beta_1^{2t}"),
        (282, r"\tfrac12", r"\tfrac13"),
        (290, r"\|^2", r"\|^3"),
    ],
}
"""Coefficients, signs and exponents, altered one at a time: number, what is printed, misprint."""


@pytest.mark.parametrize(
    "page, number, right, wrong",
    [
        pytest.param(page, *case, id=f"{page}-{case[0]}")
        for page in MISPRINTS
        for case in MISPRINTS[page]
    ],
)
def test_a_misprint_is_refused(page, number, right, wrong, monkeypatch):
    text = source(page)
    tag = text.index(rf"\tag{{{number}}}")
    at = text.rindex(right, 0, tag)
    assert r"\tag" not in text[at:tag], "the misprint would stand in another equation"
    execute(page, number)  # as it is printed, it holds
    planted = text[:at] + wrong + text[at + len(right) :]
    read = printed.source
    monkeypatch.setattr(
        printed, "source", lambda name: planted if name == f"appendix_{page}" else read(name)
    )
    with pytest.raises(FalseEquation, match=rf"\({number}\)"):
        execute(page, number)


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
