"""Parameters of notebooks: each has a kind and a range, said where it stands."""

import math
import re
from pathlib import Path

import ends
import nbformat
import pytest
from nbclient import NotebookClient
from toolkit import is_one_sentence

from rodflow_book import parameters
from rodflow_book.derivations import checks
from rodflow_core.experiments.parameters import Parameter, check, one_of, real, several, whole

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(path.stem for path in (ROOT / "notebooks").glob("*.py"))
CELL = re.compile(r'^# %% tags=\["parameters"[^\n]*\n(.*?)(?=^# %%)', re.S | re.M)


def cells(page):
    """Give the parameters cell and the one after it, that looks at them."""
    text = (ROOT / "notebooks" / f"{page}.py").read_text(encoding="utf-8")
    found = CELL.search(text)
    rest = text[found.end() :].partition("\n")[2]
    return found[1], rest.partition("\n# %%")[0]


def given(page, **changes):
    """Run the two cells as papermill does: what is given comes between them."""
    values, look = cells(page)
    namespace = {"__name__": "notebook"}
    exec(values, namespace)
    namespace.update(changes)
    exec(look, namespace)
    return namespace


@pytest.fixture
def schemas(monkeypatch):
    """The parameters that a page asks for, by name."""
    seen = {}

    def watch(known, values, what="parameter"):
        if what == "notebook parameter":
            seen.update(known)
        return check(known, values, what)

    monkeypatch.setattr(parameters, "check", watch)

    def of(page):
        seen.clear()
        given(page)
        return dict(seen)

    return of


def names(page):
    return re.findall(r"^([a-z_0-9]+) = ", cells(page)[0], re.M)


@pytest.mark.parametrize("page", PAGES)
def test_what_a_parameter_may_be_stands_beside_it(page, schemas):
    schema, written = schemas(page), cells(page)[0]
    assert set(schema) == set(names(page))
    for name, parameter in schema.items():
        stands = re.search(
            rf"^(?:# (.*)\n)?{name} = (?:\[\n(?:    .*\n)*\]|[^\n#]*?)(?:  # (.*))?$", written, re.M
        )
        assert parameter.expects in stands.groups(), name


BAD = (
    math.nan,
    -1,
    "x\0",
    object,
    10**400,
    [],
    [None],
    {"a": 1},
    b"x",
    True,
    "/proc/1/x/y",
    "['x'",
)


@pytest.mark.parametrize("page", PAGES)
def test_a_value_that_is_none_is_refused_before_anything_is_computed(page, schemas):
    for name, parameter in schemas(page).items():
        refused = 0
        for bad in BAD:
            try:
                parameter.read(bad)
            except (ValueError, TypeError, OverflowError, AttributeError):
                if callable(bad):  # that is no parameter at all, but something imported
                    continue
                with pytest.raises(ValueError) as caught:
                    given(page, **{name: bad})
                words = str(caught.value)
                assert is_one_sentence(words) and words.startswith(f"{name} is "), words
                assert words.endswith(f"expected {parameter.expects}.")
                refused += 1
        assert refused >= 3, name


def test_all_that_is_wrong_is_said_at_once():
    with pytest.raises(ValueError) as caught:
        given("adam", learning_rate=math.nan, architectures="['mlp', 'cmn']", steps=0, rate=1)
    words = str(caught.value)
    for part in (
        "learning_rate is nan; expected", "architectures is \"['mlp', 'cmn']\"; expected",
        "steps is 0; expected", "unknown notebook parameter 'rate'",
    ):  # fmt: skip
        assert part in words
    assert is_one_sentence(words)


@pytest.mark.parametrize("written", ["['mlp', 'cnn']", "mlp,cnn", '["mlp", "cnn"]', ["mlp", "cnn"]])
def test_a_list_may_be_a_text(written):
    space = given("gd", architectures=written)
    assert space["architectures"] == ["mlp", "cnn"] == space["chapter"].architectures
    assert given("progressive", rates="0.1, 0.2")["rates"] == [0.1, 0.2]


def test_every_page_has_parameters_of_the_schema_only(schemas):
    for page in PAGES:
        assert all(isinstance(p, Parameter) for p in schemas(page).values())


# --- both ends of a range ------------------------------------------------------------------------


def test_a_range_has_two_ends():
    for parameter, values in (
        (real(least=0.5, below=1), [0.5, 0.9995]),
        (whole(least=3, most=100), [3, 100]),
        (real(above=0), [1e-3]),
        (several(real(least=0, most=2)), [[0.0], [2.0]]),
        (one_of(("a", "b")), []),
    ):
        assert ends.ends(parameter) == values


@pytest.mark.parametrize(
    "page, change",
    [
        ("rod", {"substeps": 1}),
        ("appendix_c3", {"excess": 0.3}),
        ("appendix_e1", {"beta1_value": 0.1}),
    ],
)
def test_a_page_is_executed_at_an_end_of_a_range(page, change, tmp_path):
    """Some of the hundred and fifty that `python tests/ends.py` goes through."""
    ((name, value),) = change.items()
    assert value in ends.ends(ends.schema(page)[name])
    assert ends.execute(page, tmp_path, **change) == ""


def test_an_equation_that_fails_for_other_parameters_names_them(monkeypatch):
    monkeypatch.setattr(parameters, "CHOSEN", {"excess": 0.3, "steps": 4})
    with pytest.raises(
        checks.FalseEquation, match=r"these were excess = 0\.3, steps = 4\.$"
    ) as caught:
        checks.close(57, 2.0, 1.0, 1e-3)
    assert is_one_sentence(str(caught.value))


def test_an_assertion_that_fails_for_other_parameters_names_them():
    """Its last line in a notebook is one sentence, with the traceback above it as ever."""
    look = (
        "excess = 0.3\n"
        "from rodflow_book.parameters import check_parameters\n"
        "from rodflow_core.experiments.parameters import real\n"
        "check_parameters(globals(), excess=real(above=0))"
    )
    claims = {
        "assert excess < 0.2": "what the page says here does not hold, as",
        "assert excess < 0.2, 'it hovers'": "what the page says here does not hold (it hovers), as",
        "import numpy as np; np.testing.assert_allclose(excess, 0.2)":
        "what the page says here does not hold (Not equal to tolerance rtol=1e-07, atol=0), as",
        "from rodflow_book.derivations.checks import close; close(57, excess, 0.2, 1e-3)":
        "(57) is 0.5 (relative, in its worst entry) from what was computed; expected at most 0.001",
    }  # fmt: skip
    cells = [nbformat.v4.new_code_cell(source) for source in (look, *claims)]
    page = nbformat.v4.new_notebook(cells=cells)
    where = {"metadata": {"path": ROOT}}
    NotebookClient(page, kernel_name="python3", resources=where, allow_errors=True).execute()
    for said, cell in zip(claims.values(), page.cells[1:], strict=True):
        (error,) = cell.outputs
        assert error.evalue.startswith(said)
        assert error.evalue.endswith("these were excess = 0.3.")
        assert is_one_sentence(error.evalue)
        assert error.traceback[-1].endswith(error.evalue) and "^" not in error.evalue
        assert len(error.traceback) > 2, "where it failed is shown"
