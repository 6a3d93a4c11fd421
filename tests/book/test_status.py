"""The status page: what it says of a build, and where it has it from."""

import subprocess
import sys

import nbformat
import pytest

from rodflow_book.build import checkout, notebooks, status


def made(seconds, memory=None, **parameters):
    """A notebook as the build leaves it; one of an earlier build has no memory."""
    notebook = nbformat.v4.new_notebook()
    notebook.metadata["rodflow"] = {
        "seconds": seconds,
        "parameters": {"figures": "elsewhere", "seed": None, **parameters},
        "machine": "Linux, 2 cores",
        "python": "3.11.7",
        "versions": {"rodflow": "0.1.0", "torch": "2.13.0"},
    } | ({"peak_memory_mb": memory} if memory else {})
    return notebook


def test_a_row_for_each_notebook_and_a_sum():
    text = status.page({"adam": made(12.34, 1500.2, preset="quick"), "rod": made(1.0, 300)})
    assert "| {doc}`adam <notebooks/adam>` | preset: quick | 12.3 | 1,500 |" in text
    assert "| {doc}`rod <notebooks/rod>` | none | 1.0 | 300 |" in text
    assert "| **All** | | **13.3** | **1,500** at most |" in text


def test_what_was_not_measured_is_said():
    text = status.page({"rod": made(1.0)})
    assert text.count("not measured") == 2


def test_versions_that_differ_are_all_named():
    other = made(1.0)
    other.metadata["rodflow"]["versions"]["torch"] = "2.14.0"
    text = status.page({"adam": made(1.0), "rod": other})
    assert "| torch | 2.13.0, 2.14.0 |" in text and f"| rodflow | {checkout.VERSION} |" in text


def test_two_builds_give_the_same_page():
    pages = [status.page({"rod": made(1.0, 300)}) for _ in range(2)]
    assert pages[0] == pages[1]


def test_the_peak_is_that_of_the_process_that_ended():
    before = notebooks.peak_memory_of_children()
    wanted = int(before + 200)
    subprocess.run([sys.executable, "-c", f"x = b'1' * {wanted * 10**6}"], check=True)
    assert wanted < notebooks.peak_memory_of_children() < wanted + 300


def git(folder, *arguments):
    identity = ("-c", "user.name=a", "-c", "user.email=a@b.invalid", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path):
    git(tmp_path, "init")
    (tmp_path / "a").write_text("1")
    git(tmp_path, "add", "a")
    git(tmp_path, "commit", "-m", "one", "--date", "2026-01-02T03:04:05")
    checkout.commit.cache_clear()
    return tmp_path


def test_the_commit_of_a_checkout(repository):
    name = checkout.commit(repository)
    assert len(name) == 12 and int(name, 16) >= 0
    assert checkout.commit_date(repository).startswith("20")
    (repository / "a").write_text("2")
    checkout.commit.cache_clear()
    assert checkout.commit(repository) == f"{name}, with local changes"


def test_somebody_elses_checkout_does_not_count(repository, tmp_path_factory, monkeypatch):
    inner = repository / "unpacked"
    inner.mkdir()
    assert checkout.commit(inner) is None and checkout.commit_date(inner) is None
    assert checkout.commit(tmp_path_factory.mktemp("plain")) is None
    checkout.commit.cache_clear()
    monkeypatch.setenv("PATH", "")
    assert checkout.commit(repository) is None
