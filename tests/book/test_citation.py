"""How book and figures are cited, what follows from the addresses, where the literature is."""

import re
from pathlib import Path

import pytest
import yaml

import rodflow_core
from rodflow_book.build import citation

ROOT = Path(__file__).resolve().parents[2]
BOOK = ROOT / "book"
WHERE = citation.Places("https://host.invalid/rodflow", "https://code.invalid/somebody/rodflow")


@pytest.fixture
def folder(tmp_path):
    """Settings of a book with addresses, one of them with a slash at its end."""
    settings = yaml.safe_load((BOOK / "_config.yml").read_text(encoding="utf-8"))
    settings["html"]["baseurl"], settings["repository"]["url"] = f"{WHERE.book}/", WHERE.code
    (tmp_path / "_config.yml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    return tmp_path


def test_addresses_come_from_the_settings_and_none_is_made_up(folder):
    assert citation.places(folder) == WHERE
    assert citation.places(BOOK) == ("", "")


def test_a_figure_is_cited_with_version_commit_and_anchor(monkeypatch):
    monkeypatch.setattr(citation, "commit", lambda: "0123456789ab")
    entry = citation.figure_entry(WHERE, "loss", "notebooks/adam", 3)
    assert entry.startswith("@misc{rodflow-loss,") and "title = {Figure 3: loss}" in entry
    assert f"version {rodflow_core.__version__}}}" in entry
    assert "note = {Commit 0123456789ab. File figures/loss.svg; " in entry and "CC BY 4.0" in entry
    assert f"url = {{{WHERE.book}/notebooks/adam.html#figure-loss}}" in entry
    assert entry.count("{") == entry.count("}")
    # Of a book that is nowhere the code may be somewhere.
    only_code = citation.figure_entry(WHERE._replace(book=""), "loss", "notebooks/adam", 3)
    assert f"url = {{{WHERE.code}}}" in only_code


def test_without_an_address_or_git_an_entry_says_nothing_of_them(monkeypatch):
    monkeypatch.setattr(citation, "commit", lambda: None)
    nowhere = citation.Places()
    for entry in (
        citation.figure_entry(nowhere, "loss", "notebooks/adam", None),
        citation.book_entry(nowhere),
    ):
        assert "url" not in entry and "ommit" not in entry
    assert citation.cff("version: 1\n", nowhere) == "version: 1\n"


def test_the_file_to_cite_gets_what_the_build_knows(monkeypatch):
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert yaml.safe_load(text)["version"] == rodflow_core.__version__
    monkeypatch.setattr(citation, "commit", lambda: "0123456789ab")
    said = yaml.safe_load(citation.cff(text, WHERE))
    assert said["url"] == WHERE.book and said["repository-code"] == WHERE.code
    assert said["commit"] == "0123456789ab"
    # What has been changed since is not that commit.
    monkeypatch.setattr(citation, "commit", lambda: "0123456789ab, with local changes")
    assert "commit" not in yaml.safe_load(citation.cff(text, WHERE))


@pytest.mark.parametrize("where", [WHERE, citation.Places()], ids=["somewhere", "nowhere"])
@pytest.mark.parametrize("page", ["index", "references"])
def test_a_page_is_filled_in(page, where):
    text = citation.filled((BOOK / f"{page}.md").read_text(encoding="utf-8"), where)
    assert not re.search(r"@[A-Z]+@|<!-- /?repository", text)
    if page == "index":
        assert citation.book_entry(where) in text
        assert (f"git clone {where.code} rodflow" in text) == bool(where.code)
        assert (f"[Code]({where.code})" in text) == bool(where.code)
    else:
        assert (WHERE.book in text) == bool(where.book)


# --- the literature ------------------------------------------------------------------------------

ENTRIES = re.findall(
    r"^@\w+\{(\w+),\n(.*?)\n\}", (BOOK / "references.bib").read_text(encoding="utf-8"), re.M | re.S
)
LINKS = {
    "doi": r"10\.\d{4,9}/\S+",
    "url": r"https://\S+",
    "eprint": r"\d{4}\.\d{4,5}",
}


@pytest.mark.parametrize(("key", "fields"), ENTRIES, ids=[key for key, _ in ENTRIES])
def test_an_entry_can_be_followed(key, fields):
    found = dict(re.findall(r"^\s*(doi|url|eprint)\s*=\s*\{(.*)\},?$", fields, re.M))
    assert found, f"{key} has no doi, no url and no arXiv number"
    assert all(re.fullmatch(LINKS[kind], value) for kind, value in found.items())
