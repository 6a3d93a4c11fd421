"""The reference of the code: whole, true to the code, and no public name without words."""

import importlib
import inspect
import re
from pathlib import Path

import pytest
import yaml

from rodflow_book.build import api, api_source
from rodflow_book.build.api_text import Names, as_rst

ROOT = Path(__file__).resolve().parents[2]
PAGES = api.pages(ROOT)
MODULES = [name for page in api.PAGES.values() for name in page.modules]


def section(name):
    """What the reference says of a module."""
    (text,) = (t for t in PAGES.values() if f".. py:module:: {name}\n" in t)
    return text.split(f".. py:module:: {name}\n")[1].split("\n````")[0]


def public(module):
    """What a module makes public, from the imported module itself."""
    listed = getattr(module, "__all__", None)
    for name, thing in vars(module).items():
        kind = inspect.isfunction(thing) or inspect.isclass(thing)
        if not kind or name.startswith("_"):
            continue
        if name in listed if listed is not None else thing.__module__ == module.__name__:
            yield name, thing


@pytest.mark.parametrize("name", MODULES)
def test_every_public_name_is_there_with_its_signature(name):
    text, seen = section(name), 0
    for short, thing in public(importlib.import_module(name)):
        seen += 1
        head = re.search(
            rf"^\.\. py:(?:function|class|exception):: {short}(\(.*\))?( ->.*)?$", text, re.M
        )
        assert head, f"{name}.{short} is missing"
        if inspect.isfunction(thing):
            for parameter in inspect.signature(thing).parameters:
                assert re.search(rf"\b{parameter}\b", head[1]), f"{short} lacks {parameter}"
        elif hasattr(thing, "_fields"):
            assert re.findall(r"(?:\(|, )(\w+):", head[1]) == list(thing._fields)
    assert seen or name.endswith(("commands", "presets"))


@pytest.mark.parametrize("name", MODULES)
def test_public_methods_are_there(name):
    text = section(name)
    for short, thing in public(importlib.import_module(name)):
        if not inspect.isclass(thing):
            continue
        (body,) = re.findall(
            rf"^\.\. py:(?:class|exception):: {short}\b.*\n((?:\n|   .*\n?)*)", text + "\n", re.M
        )
        for method, value in vars(thing).items():
            if not method.startswith("_") and inspect.isfunction(value):
                if value.__name__ == method and value.__qualname__.startswith(short):
                    assert f"   .. py:method:: {method}(" in body, f"{short}.{method}"
            elif isinstance(value, property) and not method.startswith("_"):
                assert f"   .. py:property:: {method}\n" in body, f"{short}.{method}"


def test_the_contents_list_every_page_and_no_other():
    toc = yaml.safe_load((ROOT / "book" / "_toc.yml").read_text(encoding="utf-8"))
    chapters = [c for part in toc["parts"] for c in part["chapters"]]
    (found,) = (c for c in chapters if c.get("file") == "api/index")
    assert [s["file"] for s in found["sections"]] == [f"api/{key}" for key in api.PAGES]


def test_what_the_readme_imports_of_the_book_is_in_it():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"(?:from|-m) (rodflow_book[\w.]+)", readme))
    assert named and named <= set(MODULES)


# --- a small package with faults planted ---------------------------------------------------------

GOOD = '''\
"""A module."""

from __future__ import annotations

from typing import NamedTuple

LIMIT: int = 3
"""How many."""


class Thing(NamedTuple):
    """A thing.

    Attributes:
        size: how large.
    """

    size: int

    def grown(self, by: Thing | None = None) -> Thing:
        """Give a larger `Thing`, equation (153)."""


def work(thing: Thing, *, times: int = 2) -> list[Thing]:
    """Do it, (7) and ``f(12)``, $x|y$; see `Thing.grown` and :class:`Thing`.

    Example:
        >>> work(Thing(1), times=(8))
        (9)
    """


def _hidden():
    pass
'''

FAULTS = {
    "a function": ('    """Do it,', '    """""" and """Do it,', "alone.work"),
    "a class": (
        '    """A thing.\n\n    Attributes:\n        size: how large.\n    """\n',
        "",
        "Thing",
    ),
    "a method": (
        '        """Give a larger `Thing`, equation (153)."""',
        "        pass",
        "Thing.grown",
    ),
    "a field": ("        size: how large.", "        weight: how heavy.", "alone.Thing.size"),
    "a constant": ('"""How many."""', "", "alone.LIMIT"),
}


def planted(root, text, name="alone"):
    path = root / f"{name}.py"
    path.write_text(text, encoding="utf-8")
    return api_source.read_module(root, name)


def test_a_documented_module_passes(tmp_path):
    api_source.check_documented(planted(tmp_path, GOOD))


@pytest.mark.parametrize("before, after, lacking", FAULTS.values(), ids=FAULTS)
def test_a_public_name_without_words_is_refused(tmp_path, before, after, lacking):
    assert GOOD.count(before) == 1
    module = planted(tmp_path, GOOD.replace(before, after))
    with pytest.raises(api_source.ApiError, match=rf"{re.escape(lacking)}.*without a docstring"):
        api_source.check_documented(module)


def test_a_planted_name_stops_the_pages(tmp_path, monkeypatch):
    """The whole way, as a build goes it: a copy of the sources, with one function more."""
    for path in api.sources(ROOT):
        target = tmp_path / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    assert set(api.pages(tmp_path)) == set(PAGES)
    extra = tmp_path / "rodflow_core" / "attic.py"
    extra.write_text('"""Old things."""\n', encoding="utf-8")
    with pytest.raises(api_source.ApiError, match="rodflow_core.attic is on no page"):
        api.pages(tmp_path)
    extra.unlink()
    flows = tmp_path / "rodflow_core" / "flows.py"
    flows.write_text(flows.read_text("utf-8") + "\n\ndef silent(x):\n    return x\n", "utf-8")
    api_source._parsed.cache_clear()
    with pytest.raises(api_source.ApiError, match=r"rodflow_core\.flows\.silent"):
        api.pages(tmp_path)


def test_a_docstring_becomes_links_and_leaves_examples_alone(tmp_path):
    module = planted(tmp_path, GOOD)
    text = api._section(module, Names.of([module]))
    assert (
        ".. py:function:: work(thing: ~alone.Thing, *, times: int=2) -> list[~alone.Thing]" in text
    )
    assert ":ref:`(153) <eq-153>`" in text and ":ref:`(7) <eq-7>`" in text
    assert ":py:obj:`Thing.grown <alone.Thing.grown>`" in text
    assert "and :py:obj:`Thing <alone.Thing>`." in text and ":math:`x|y`" in text
    assert "``f(12)``" in text and ">>> work(Thing(1), times=(8))" in text and "   (9)" in text
    assert "eq-12>" not in text and "eq-8>" not in text and "eq-9>" not in text
    assert "   .. attribute:: size\n      :type: int\n" in text and "_hidden" not in text


def test_a_displayed_formula_stays_one(tmp_path):
    module = planted(tmp_path, GOOD)
    doc = "Words.\n\n$$\\dot w=-(7)\\,w,\\qquad\n0\\preceq x$$\n\nand more."
    text = "\n".join(as_rst(doc, Names([]), module))
    assert ".. math::\n\n   \\dot w=-(7)\\,w,\\qquad\n   0\\preceq x\n\n" in text
    assert "$$" not in "".join(PAGES.values())


@pytest.mark.parametrize("written", ["(0)", "(292)", "x(5)", "a[1](5)", "(12a)"])
def test_what_is_no_equation_gets_no_link(tmp_path, written):
    module = planted(tmp_path, GOOD)
    assert ":ref:" not in "\n".join(as_rst(f"See {written}.", Names([]), module))


# What may stand before a number that is no equation's: a setting, or a unit.
COUNT = re.compile(r"(?:[A-Z_]{4,}``|seconds?|default|steps?|MB) :ref:")


def test_numbers_in_docstrings_are_equations():
    text = "\n".join(PAGES.values())
    numbers = {int(n) for n in re.findall(r"<eq-(\d+)>", text)}
    assert {7, 47, 153, 278} <= numbers and max(numbers) <= 291
    assert not COUNT.search(text)
    assert COUNT.search("``RODFLOW_CHECKPOINT_SECONDS`` :ref:`(20) <eq-20>`")
