"""The glossary: what it must hold, what an entry is, and that what refers to it finds it."""

import re
from pathlib import Path

import pytest
from test_reference_pages import index

ROOT = Path(__file__).resolve().parents[2]
BOOK = ROOT / "book"
GLOSSARY = (BOOK / "glossary.md").read_text(encoding="utf-8")
WANTED = (
    "full-batch, sharpness, preconditioned sharpness, threshold, edge of stability, progressive "
    "sharpening, self-stabilisation, warm-up, lockstep, stable flow, gradient flow, rod, centre, "
    "extent tensor, half-displacement, phase space, rank, leak, drift-free rod, drive, substep, "
    "sensitivity floor, central flow, Edge Flow, oscillation over drift, regime, alignment, "
    "backward error analysis, preconditioner, second moment, bias correction, EMA form, verdict, "
    "replay, record, preset, scout, microbatch, Hessian, iterate, learning rate, momentum"
).split(", ")


def entries(text):
    """The terms with their definitions: names by line, definitions indented."""
    inside = re.search(r"```\{glossary\}\n(.*?)\n```", text, re.DOTALL)[1]
    found = {}
    for block in inside.split("\n\n"):
        lines = block.splitlines()
        names = [line for line in lines if not line.startswith(" ")]
        said = " ".join(line.strip() for line in lines if line.startswith(" "))
        found.update(dict.fromkeys(names, said))
    return found


ENTRIES = entries(GLOSSARY)


def plain(definition):
    """A definition as it is read: roles as their words, formulas as one."""
    text = re.sub(r"\{\w+\}`([^`<]+?)(?: <[^`]+>)?`", r"\1", definition)
    return re.sub(r"\$[^$]+\$", "x", text)


def faults(name, definition):
    """What is wrong with an entry, in words."""
    found = []
    sentences = re.findall(r"[^.?!]+[.?!](?=\s|$)", plain(definition))
    if not 2 <= len(sentences) <= 4:
        found.append(f"{name} has {len(sentences)} sentences")
    if not re.search(r"\{(doc|ref)\}`[^`]+`", definition.rsplit(". ", 1)[-1] or definition):
        found.append(f"{name} does not end where it is derived or measured")
    if re.search(rf"\{{term\}}`(?:[^`<]*<)?{re.escape(name)}>?`", definition, re.IGNORECASE):
        found.append(f"{name} refers to itself")
    return found


@pytest.mark.parametrize("name", ENTRIES)
def test_an_entry_is_short_and_says_where_it_is_derived_or_measured(name):
    assert not faults(name, ENTRIES[name])


@pytest.mark.parametrize(
    "planted",
    [
        "One sentence, {doc}`scale_out`.",
        "Two. Sentences.",
        "A {term}`thing`. So, {doc}`scale_out`.",
    ],
)
def test_a_wrong_entry_is_seen(planted):
    assert faults("thing", planted)


def test_the_words_of_the_field_are_there_in_order():
    assert not set(WANTED) - set(ENTRIES)
    assert list(ENTRIES) == sorted(ENTRIES, key=str.lower)


def pages():
    """The text of every page that has prose."""
    found = {p.stem: p.read_text(encoding="utf-8") for p in sorted(BOOK.glob("*.md"))}
    for path in sorted((ROOT / "notebooks").glob("*.py")):
        lines = path.read_text(encoding="utf-8").splitlines()
        found[path.stem] = "\n".join(line[2:] for line in lines if line.startswith("#"))
    return found


PAGES = pages()


def test_every_term_is_a_word_of_the_book():
    rest = " ".join(" ".join(t.split()) for n, t in PAGES.items() if n != "glossary").lower()
    # An entry names the thing, a page may inflect it.
    spelt = {"EMA form": "running average", "self-stabilisation": "self-stabilization"}
    missing = [name for name in ENTRIES if spelt.get(name, name).lower() not in rest]
    assert not missing


def asked(text):
    """The terms that a page refers to, in lower case."""
    roles = re.findall(r"\{term\}`([^`]+)`", text)
    return {re.sub(r".*<(.*)>", r"\1", role, flags=re.DOTALL).lower() for role in roles}


@pytest.mark.parametrize("page", PAGES)
def test_a_reference_to_a_term_finds_it(page):
    known = {name.lower() for name in ENTRIES}
    assert not {" ".join(name.split()) for name in asked(PAGES[page])} - known


def test_main_pages_refer_to_it():
    for page in ("index", "rod", "progressive"):
        assert len(asked(PAGES[page])) >= 4, page


def test_equations_and_pages_exist():
    assert {int(n) for n in re.findall(r"<eq-(\d+)>", GLOSSARY)} <= index()
    for target in re.findall(r"\{doc\}`(?:[^<`]*<)?([\w/]+)>?`", GLOSSARY):
        assert (BOOK / f"{target}.md").exists() or (ROOT / f"{target}.py").exists(), target
