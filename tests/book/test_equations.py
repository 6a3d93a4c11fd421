"""The equation index: every number in one place, with its tag, and with an entry."""

import nbformat
import pytest
import yaml

from rodflow_book.build import equations
from rodflow_book.build.equations import EquationError
from rodflow_book.derivations.ledger import METADATA

CUT = 250


def block(*numbers):
    targets = "".join(f"(eq-{n})=\n" for n in numbers)
    rows = "\\\\\n".join(rf"a_{{{n}}}&=b\tag{{{n}}}" for n in numbers)
    return f"{targets}\\begin{{align}}\n{rows}\n\\end{{align}}"


def single(number):
    return f"(eq-{number})=\n$$\na=b.\\tag{{{number}}}\n$$"


@pytest.fixture
def book(tmp_path):
    """A book of two pages, with the sources to change one thing at a time."""
    first = [f"Text.\n\n{single(n)}\n\nMore of {{ref}}`({n}) <eq-{n}>`." for n in range(1, 6)]
    first += [block(*range(n, n + 5)) for n in range(6, CUT, 5)]
    sources = {
        "checks": {n: ["definition", "printed"] for n in range(1, 49)}
        | {n: ["printed", "symbolic"] for n in range(49, 292)},
        "page": "# First page\n\n" + "\n\n".join(first),
        "notebook": ["# Second page", *(single(n) for n in range(CUT + 1, equations.LAST + 1))],
        "main": {n: {"how": "definition", "what": f"thing {n}"} for n in range(1, 49)},
        "rest": {n: {"how": "symbolic", "what": f"$|x_{{{n}}}|$"} for n in range(49, 292)},
    }

    def write():
        (tmp_path / "page.md").write_text(sources["page"])
        cells = [nbformat.v4.new_markdown_cell(text) for text in sources["notebook"]]
        text = f'"""\n{single(1)}\n"""'
        registry = {str(number): kinds for number, kinds in sources["checks"].items()}
        shown = nbformat.v4.new_output("display_data", metadata={METADATA: registry})
        cells += [nbformat.v4.new_code_cell(text, outputs=[shown])]
        (tmp_path / "notebooks").mkdir(exist_ok=True)
        nbformat.write(
            nbformat.v4.new_notebook(cells=cells), tmp_path / "notebooks" / "second.ipynb"
        )
        for name in ("main", "rest"):
            given = sources[name]
            text = given if isinstance(given, str) else yaml.safe_dump(given)
            (tmp_path / f"equations_{name}.yml").write_text(text)
        return tmp_path

    return sources, write


def test_the_page_leads_to_every_number(book):
    sources, write = book
    sources["main"][1] = {"same": 49, "what": "the first"}
    lines = equations.page(write()).splitlines()
    for number in range(1, equations.LAST + 1):
        row = [line for line in lines if line.startswith(f"| {{ref}}`({number}) <eq-{number}>` |")]
        assert len(row) == 1
        assert ("First page" if number <= CUT else "Second page") in row[0]
    # The first is checked where the paper repeats it.
    assert "- **definition** (47): " in "\n".join(lines)
    (row,) = (line for line in lines if line.startswith("| {ref}`(1) <eq-1>`"))
    assert "{ref}`(49) <eq-49>`" in row and row.endswith("| symbolic |")
    # A bar within a formula ends no cell.
    (row,) = (line for line in lines if line.startswith("| {ref}`(60) <eq-60>`"))
    assert r"$\|x_{60}\|$" in row


def test_an_equation_may_be_shown_again(book):
    sources, write = book
    before = equations.page(write())
    sources["page"] += "\n\n" + single(CUT + 1).replace(f"(eq-{CUT + 1})=\n", "")
    assert equations.page(write()) == before


def test_an_example_of_the_notation_is_no_place(book):
    sources, write = book
    sources["page"] += f"\n\n```text\n{single(3)}\n```\n"
    equations.page(write())


def replace(old, new):
    def change(sources):
        assert sources["page"].count(old) == 1
        sources["page"] = sources["page"].replace(old, new)

    return change


def duplicate(sources):
    sources["notebook"].append(single(7))


def lose_three(sources):
    sources["notebook"] = sources["notebook"][:-3]


def entry(number, value):
    def change(sources):
        sources["main" if number < 49 else "rest"][number] = value

    return change


def without(number):
    return lambda sources: sources["rest"].pop(number)


def twice(number):
    def change(sources):
        text = yaml.safe_dump(sources["rest"])
        sources["rest"] = text + f"{number}: {{how: both, what: again}}\n"

    return change


CASES = {
    "lost": (replace(single(4), "gone"), r"the paper's equation \(4\) has no place"),
    "several lost": (lose_three, r"the paper's equations \(289\)-\(291\) have no place"),
    "doubled": (duplicate, r"equation \(7\) has 2 places in the book, notebooks/second and page;"),
    "wrong tag": (replace(r"\tag{4}", r"\tag{5}"), r"page: the target \(4\) must .* has \(5\)\."),
    "no tag": (replace(r"\tag{4}", ""), r"page: the target \(4\) must stand .* has none\."),
    "tag alone": (replace("(eq-4)=\n", ""), r"the paper's equation \(4\) has no place"),
    "far away": (replace("(eq-4)=\n", "(eq-4)=\n\nWords.\n"), r"the target \(4\) .* has none\."),
    "one of a block": (replace("(eq-6)=\n", ""), r"the paper's equation \(6\) has no place"),
    "tag beyond": (replace("a_{6}&", r"a\tag{292}\\ a_{6}&"), r"page: there is no .* \(292\)"),
    "beyond": (replace(single(4), single(4) + "\n\n" + single(292)), r"no equation \(292\)"),
    "no entry": (without(60), r"the paper's equation \(60\) has no entry"),
    "two entries": (twice(60), r"\(60\) has two entries"),
    "unknown check": (entry(60, {"how": "believed", "what": "x"}), r"\(60\) is checked 'believed'"),
    "no check": (entry(60, {"what": "x"}), r"\(60\) is checked ''; expected definition, symbolic"),
    "no words": (entry(60, {"how": "both", "what": " "}), r"the entry of \(60\) must be a mapping"),
    "unknown field": (entry(60, {"how": "both", "what": "x", "who": 1}), r"the entry of \(60\)"),
    "same as nothing": (entry(60, {"same": 300, "what": "x"}), r"\(60\) cannot be the same as"),
    "same as itself": (entry(60, {"same": 60, "what": "x"}), r"\(60\) cannot be the same as \(60"),
}


@pytest.mark.parametrize(
    "claimed, done",
    [
        ("symbolic", ["numeric"]),
        ("numeric", ["symbolic"]),
        ("both", ["symbolic"]),
        ("definition", []),
        ("symbolic", ["symbolic", "numeric"]),
        ("prose", ["definition"]),
    ],
)
def test_what_is_claimed_is_what_was_done(book, claimed, done):
    sources, write = book
    sources["rest"][60]["how"] = claimed
    sources["checks"][60] = done
    # A number that merely stands in the code of a page checks nothing.
    sources["notebook"].append("`assert a < b, '(60) must hold'; same(60, a, b)`")
    with pytest.raises(EquationError, match=rf"\(60\) is said to be checked \({claimed}\), but"):
        equations.page(write())
    sources["checks"][60] = {"both": ["numeric", "symbolic"], "prose": []}.get(claimed, [claimed])
    (row,) = (x for x in equations.page(write()).splitlines() if x.startswith("| {ref}`(60)"))
    assert row.endswith(f"| {claimed}; printed, not tied |")


def test_what_is_printed_and_tied_to_nothing_is_listed(book):
    sources, write = book
    assert "None is left out." in equations.page(write())
    for number in (7, 60, 61, 62):
        sources["checks"][number] = [
            kind for kind in sources["checks"][number] if kind != "printed"
        ]
    text = equations.page(write())
    assert "Of 287 formulas" in text
    assert "**Printed, not tied** to a check: (7), (60)-(62)." in text
    assert text.count("; printed, not tied |") == 4


@pytest.mark.parametrize("change, message", CASES.values(), ids=CASES)
def test_what_is_wrong_stops_the_build_with_one_sentence(book, change, message):
    sources, write = book
    change(sources)
    with pytest.raises(EquationError, match=message) as raised:
        equations.page(write())
    assert str(raised.value).endswith(".") and "\n" not in str(raised.value)


def test_two_files_may_not_both_have_an_entry(book):
    sources, write = book
    sources["main"][60] = {"how": "both", "what": "x"}
    with pytest.raises(EquationError, match=r"\(60\) has two entries"):
        equations.page(write())


def test_repeated_equations_need_one_check_between_them(book):
    sources, write = book
    sources["main"][1] = {"same": 49, "what": "x"}
    sources["rest"][49] = {"same": 1, "what": "x"}
    with pytest.raises(EquationError, match=r"give \(49\) a `how`|give \(1\) a `how`"):
        equations.page(write())
