r"""The equation index: where each of the paper's equations stands in the book, and its check.

    python -m rodflow_book.build.equations build/quick/source

A page gives an equation its place by a line `(eq-N)=` before the displayed block that holds its
`\tag{N}`; several such lines may precede one block. A tag without that line shows again an equation
whose place is elsewhere. The files `equations_*.yml` say of every number
what the equation states and how the book checks it:

    10: {how: symbolic, what: 'heavy ball''s threshold'}
    18: {same: 65, what: 'the centre''s weight'}        # `same`: repeated as (65), checked there

A number without a place, with two, without its tag or without an entry stops the build. So does an
entry that claims another check than the pages have made: they keep a registry
(`rodflow_book.derivations.checks`), which each shows at its end. The registry also says which
formulas were read from the page and compared; the index lists those that were not.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import nbformat
import yaml

from rodflow_book.derivations.checks import DEFINITION, NUMERIC, PRINTED, SYMBOLIC, ranges
from rodflow_book.derivations.ledger import METADATA

LAST = 291
HOW = {
    DEFINITION: "names a quantity or an update rule: compared with its definition in code",
    SYMBOLIC: "derived with a computer algebra system, and asserted",
    NUMERIC: "evaluated, and compared with the simulation or with another route to the number",
    "both": "symbolic and numeric",
    "prose": "explained in words; no code checks it",
}
SECTIONS = {
    1: "3 Gradient descent",
    8: "4 Heavy ball and Nesterov",
    24: "5 RMSProp",
    35: "6 Adam and NAdam",
    49: "B Gradient descent",
    57: "C.1 Heavy ball and Nesterov: the flows",
    76: "C.2 Thresholds on the quadratic",
    111: "C.3 The flow in one dimension",
    121: "C.3.1 Linear loss, momentum",
    128: "C.3.2 Quadratic loss, momentum",
    138: "C.3.3 Quartic loss, momentum",
    172: "D RMSProp",
    191: "E.1 Adam and NAdam: the flows",
    211: "E.2 Dozat's form of Nesterov",
    220: "E.3 Adam in one dimension",
    244: "F Backward error analysis",
    266: "G Low rank and bias correction",
    285: "H Stable flows, initialisation",
}
"""The paper's sections by the number of their first equation."""

TARGETS = r"(?:^\(eq-\d+\)=\n)+"
BLOCK = r"\$\$.*?\$\$|\\begin\{(?P<env>[a-z]+\*?)\}.*?\\end\{(?P=env)\}"
PLACE = re.compile(rf"(?P<targets>{TARGETS})\s*(?P<block>{BLOCK})?", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"^(`{3,}|~{3,})\w[^\n]*\n.*?^\1[ \t]*$", re.MULTILINE | re.DOTALL)
TAG = re.compile(r"\\tag\{(\d+)\}")


class EquationError(ValueError):
    """An equation without its place in the book, or without its entry in the index."""


class Place(NamedTuple):
    """Where an equation stands.

    Attributes:
        page: the page's path in the book, without suffix.
        title: its heading.
    """

    page: str
    title: str


class Entry(NamedTuple):
    """What the index says of an equation.

    Attributes:
        what: short words.
        how: a key of `HOW`; empty where the check is that of `same`.
        same: number under which the paper repeats it, or `None`.
    """

    what: str
    how: str = ""
    same: int | None = None


def read_pages(folder: Path) -> dict[str, str]:
    """Give the text of every page, by its path without suffix; of notebooks, the prose."""
    pages = {}
    for path in sorted([*folder.glob("*.md"), *folder.glob("notebooks/*.ipynb")]):
        if path.suffix == ".md":
            text = path.read_text(encoding="utf-8")
        else:
            cells = nbformat.read(path, as_version=4).cells
            text = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
        pages[path.relative_to(folder).with_suffix("").as_posix()] = text
    return pages


def read_checks(folder: Path) -> dict[int, set[str]]:
    """Give what the executed pages have checked, and how: the registry at the end of each."""
    found: dict[int, set[str]] = {}
    for path in sorted(folder.glob("notebooks/*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells:
            for output in cell.get("outputs", []):
                for number, kinds in output.get("metadata", {}).get(METADATA, {}).items():
                    found.setdefault(int(number), set()).update(kinds)
    return found


def how_checked(kinds: Iterable[str]) -> str:
    """Give the key of `HOW` for what was done."""
    kinds = set(kinds)
    if {SYMBOLIC, NUMERIC} <= kinds:
        return "both"
    return next((how for how in (SYMBOLIC, NUMERIC, DEFINITION) if how in kinds), "prose")


def find_places(pages: Mapping[str, str]) -> dict[int, Place]:
    """Find where each number stands, and that its tag stands there too.

    Raises:
        EquationError: where a target's tag is missing, or a number is doubled or lost.
    """
    found: dict[int, list[Place]] = {}
    tagged: dict[int, str] = {}
    for page, text in pages.items():
        text = CODE.sub("", text)
        heading = re.search(r"^# +(.+)$", text, re.MULTILINE)
        place = Place(page, heading[1].strip() if heading else page)
        for match in PLACE.finditer(text):
            targets = [int(n) for n in re.findall(r"\d+", match["targets"])]
            tags = {int(n) for n in TAG.findall(match["block"] or "")}
            if lost := [n for n in targets if n not in tags]:
                raise EquationError(
                    f"{page}: the target{_s(lost)} {ranges(lost)} must stand directly before a "
                    f"block with the same tag{_s(lost)}, but the block there has "
                    f"{ranges(tags) if tags else 'none'}."
                )
            for number in targets:
                found.setdefault(number, []).append(place)
        tagged |= {int(n): page for n in TAG.findall(text)}
    for number, places in sorted(found.items()):
        if len(places) > 1:
            where = " and ".join(place.page for place in places)
            raise EquationError(
                f"equation ({number}) has {len(places)} places in the book, {where}; keep one "
                "`(eq-N)=` and refer to it from elsewhere."
            )
    _complete(found, "place in the book; write `(eq-N)=` directly before its block")
    for number in sorted(set(tagged) - set(found)):
        raise EquationError(
            f"{tagged[number]}: there is no equation ({number}); the paper's go to ({LAST})."
        )
    return {number: places[0] for number, places in found.items()}


def read_entries(paths: Iterable[Path]) -> dict[int, Entry]:
    """Read what the index says of each number.

    Raises:
        EquationError: where an entry is doubled, missing or not understood.
    """
    entries: dict[int, Entry] = {}
    for path in paths:
        text = path.read_text(encoding="utf-8")
        # The parser would let the last of two entries win.
        counts = Counter(re.findall(r"^(\d+)\s*:", text, re.MULTILINE))
        for number, fields in (yaml.safe_load(text) or {}).items():
            if counts[str(number)] > 1 or number in entries:
                raise EquationError(f"equation ({number}) has two entries; {path.name} has one.")
            entries[number] = _entry(number, fields, path.name)
    _complete(entries, "entry in the equation index; add it to book/equations_*.yml")
    for number, entry in entries.items():
        if entry.same and not entries[entry.same].how:
            raise EquationError(
                f"equation ({number}) is said to be checked as ({entry.same}), which names no "
                f"check of its own; give ({entry.same}) a `how`."
            )
    return entries


def _entry(number: object, fields: object, file: str) -> Entry:
    known = isinstance(fields, dict) and set(fields) <= set(Entry._fields)
    if not known or not str(fields.get("what") or "").strip():
        raise EquationError(
            f"{file}: the entry of ({number}) must be a mapping with `what`, `how` and, for an "
            f"equation that the paper repeats, `same`; it is {fields!r}."
        )
    how, same = fields.get("how", ""), fields.get("same")
    if how not in HOW and (how or same is None):
        raise EquationError(
            f"{file}: equation ({number}) is checked {how!r}; expected {', '.join(HOW)}."
        )
    if same is not None and (same not in range(1, LAST + 1) or same == number):
        raise EquationError(f"{file}: ({number}) cannot be the same as ({same}).")
    return Entry(" ".join(str(fields["what"]).split()), how, same)


def _complete(numbers: Iterable[int], lacking: str) -> None:
    expected = set(range(1, LAST + 1))
    if lost := expected - set(numbers):
        has = "has" if len(lost) == 1 else "have"
        raise EquationError(f"the paper's equation{_s(lost)} {ranges(lost)} {has} no {lacking}.")
    if unknown := sorted(set(numbers) - expected, key=str):
        raise EquationError(f"there is no equation ({unknown[0]}); the paper's go to ({LAST}).")


def _s(numbers: Iterable[int]) -> str:
    return "s" if len(list(numbers)) > 1 else ""


def page(folder: Path) -> str:
    """Give the index as a MyST page.

    Args:
        folder: the book's source tree, with `*.md`, `notebooks/*.ipynb` and `equations_*.yml`.

    Raises:
        EquationError: where a number lacks its place or its entry, or has two.
    """
    entries = read_entries(sorted(folder.glob("equations_*.yml")))
    places = find_places(read_pages(folder))
    done = read_checks(folder)
    checks = {n: how_checked(done.get(e.same or n, ())) for n, e in entries.items()}
    for number, entry in entries.items():
        claimed = entry.how or entries[entry.same or number].how
        if claimed != checks[number]:
            raise EquationError(
                f"equation ({number}) is said to be checked ({claimed}), but what the pages have "
                f"checked makes it ({checks[number]}); make the check, or correct its entry."
            )
    loose = [number for number in entries if PRINTED not in done.get(number, ())]
    counts = Counter(checks.values())
    lines = [
        "# Equation index",
        "",
        f"Every numbered equation of the paper {{cite:p}}`regis2026adam`, (1) to ({LAST}), stands "
        "in this book under the paper's number. A number below leads to its place. The last "
        "column says how it is checked:",
        "",
        *[f"- **{how}** ({counts[how]}): {words}." for how, words in HOW.items() if counts[how]],
        "",
        f"Of {LAST - len(loose)} formulas what is checked was read from the page itself: a "
        "misprint stops the build. "
        + (f"**Printed, not tied** to a check: {ranges(loose)}." if loose else "None is left out."),
    ]
    for number in range(1, LAST + 1):
        if number in SECTIONS:
            lines += ["", f"## {SECTIONS[number]}", ""]
            lines += ["| No. | What it says | Page | Check |", "| :-- | :-- | :-- | :-- |"]
        entry, place = entries[number], places[number]
        what = entry.what
        if entry.same:
            what += f"; also {{ref}}`({entry.same}) <eq-{entry.same}>`"
        # A bar ends a table's cell, in a formula too.
        cells = [
            f"{{ref}}`({number}) <eq-{number}>`",
            what.replace("|", "\\|"),
            place.title.replace("|", "\\|"),
            checks[number] + ("; printed, not tied" if number in loose else ""),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    try:
        print(page(Path(sys.argv[1])), end="")
    except EquationError as error:
        sys.exit(f"error: {error}")
