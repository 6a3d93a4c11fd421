"""The pages one looks things up in: what they name exists, and stands where they say."""

import contextlib
import dataclasses
import functools
import importlib
import re
from pathlib import Path

import pytest
import torch
import yaml

from rodflow_book.figures import networks
from rodflow_core.central_flow import CentralFlow
from rodflow_core.edge_flow import EdgeFlow, EdgeState
from rodflow_core.experiments import runs
from rodflow_core.experiments.data import load
from rodflow_core.experiments.presets import preset
from rodflow_core.flows import DriftFreeRod, RodFlow, StableFlow
from rodflow_core.landscapes import Quadratic
from rodflow_core.objective import FunctionObjective
from rodflow_core.optimizers import OPTIMIZERS, make_rule

ROOT = Path(__file__).resolve().parents[2]
BOOK = ROOT / "book"
APPENDIX_A = (
    r"\eta", r"\beta_1", r"\beta_2", r"\epsilon", "w_t", "m", r"\nu", r"\hat m", r"\hat\nu", "g",
    r"g_t^{\odot2}", "P", r"\bar w", r"\delta", r"\mu", r"g_\pm", r"\bar g", "z", r"\delta_z", "F",
    r"\Sigma", r"\Sigma_{ww}", r"\Sigma_{wm}", r"\Sigma_{mm}",
)  # fmt: skip
"""What the paper's own table holds; our copy of it keeps the meanings and not the symbols."""


def page(name):
    return (BOOK / f"{name}.md").read_text(encoding="utf-8")


def rows(text):
    """The rows of the tables whose first column is a symbol, as lists of cells."""
    lines = [line for line in text.splitlines() if line.startswith("| $")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def whole(cell):
    """A cell with its names in one piece: the page breaks long ones before a dot."""
    return cell.replace("` `.", ".")


def code_names(text):
    """Everything in backticks in the column `In code` that is a dotted name."""
    cells = [whole(row[-1]) for row in rows(text)]
    return [name for cell in cells for name in re.findall(r"`([\w.]+\.[\w.]+)`", cell)]


def resolve(name):
    """Find `module.Class.attribute` in `rodflow_core`; a field without default counts too.

    Raises:
        LookupError: where there is no such thing.
    """
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(["rodflow_core", *parts[:cut]]))
        except ModuleNotFoundError:
            continue
        break
    else:
        raise LookupError(f"{name}: rodflow_core has no module {parts[0]}.")
    for part in parts[cut:]:
        fields = {f.name for f in dataclasses.fields(found)} if _is_dataclass(found) else set()
        if part in fields and not hasattr(found, part):
            return part
        if not hasattr(found, part):
            raise LookupError(f"{name}: {getattr(found, '__name__', found)} has no {part}.")
        found = getattr(found, part)
    if cut == len(parts):
        raise LookupError(f"{name} is a module.")
    return found


def _is_dataclass(found):
    return isinstance(found, type) and dataclasses.is_dataclass(found)


# --- equations -----------------------------------------------------------------------------------

BLOCK = re.compile(
    r"(?:^\(eq-\d+\)=\n)+\s*(\$\$.*?\$\$|\\begin\{([a-z]+\*?)\}.*?\\end\{\2\})", re.M | re.S
)


@functools.cache
def formulas():
    """What is printed before each `\\tag{N}` at its place in the book, by number."""
    found = {}
    for path in sorted((ROOT / "notebooks").glob("*.py")):
        lines = path.read_text(encoding="utf-8").splitlines()
        prose = "\n".join(line[2:] for line in lines if line.startswith("#"))
        for block in BLOCK.finditer(prose):
            start, text = 0, block.group(1)
            for tag in re.finditer(r"\\tag\{(\d+)\}", text):
                found[int(tag.group(1))] = text[start : tag.start()]
                start = tag.end()
    return found


@functools.cache
def index():
    """The numbers of the equation index."""
    files = sorted(BOOK.glob("equations_*.yml"))
    return {n for file in files for n in yaml.safe_load(file.read_text(encoding="utf-8"))}


def tokens(formula):
    """Control words, letters and signs in order; a roman index is one token, spacing is none."""
    formula = re.sub(r"\\(?:begin|end|text|mathrm)\{[^}]*\}|\\\\(?:\[\w+\])?", " ", formula)
    formula = re.sub(r"\{\\rm\s+(\w+)\}", r"@\1@", formula)
    formula = re.sub(r"\\mathcal\s*(\w)", r"@script\1@", formula)
    formula = re.sub(r"\\(?:,|;|!|quad|qquad|big|Big|bigg)(?![a-z])|[{}&\s]", " ", formula)
    return re.findall(r"@\w+@|\\[A-Za-z]+|[^\s]", formula)


def stands_in(symbol, formula):
    """Whether a formula holds a symbol; without index, it is not one with a fixed index."""
    wanted, given = tokens(symbol), tokens(formula)
    size = len(wanted)
    for i in range(len(given) - size + 1):
        after = given[i + size : i + size + 2]
        fixed = len(after) == 2 and after[0] == "_" and after[1][0] in "@0123456789"
        here = given[i : i + size]
        if len(here) == size and not fixed and all(map(_agree, wanted, here)):
            return True
    return False


def _agree(wanted, given):
    return given == wanted or (wanted == r"\pm" and given in "+-")


def symbol_of(row):
    return row[0].strip("$")


def number_of(row):
    shown, target = re.fullmatch(r"\{ref\}`\((\d+)\) <eq-(\d+)>`", row[1]).groups()
    assert shown == target
    return int(shown)


NOTATION = [row for row in rows(page("notation")) if len(row) == 6]


def test_the_table_is_whole():
    assert len(NOTATION) > 50
    symbols = [symbol_of(row) for row in NOTATION]
    assert len(set(symbols)) == len(symbols)
    assert not set(APPENDIX_A) - set(symbols)
    assert all(cell for row in NOTATION for cell in row)


@pytest.mark.parametrize("name", sorted(set(code_names(page("notation")))))
def test_names_in_code_exist(name):
    resolve(name)


def test_every_symbol_has_a_name_in_code():
    assert all(re.search(r"`[\w.]+\.[\w.]+`", whole(row[-1])) for row in NOTATION)


@pytest.mark.parametrize(
    "name", ["optimizers.State.nuu", "optimizer.State.nu", "optimizers.UpdateRule.rate", "flows"]
)
def test_a_wrong_name_is_found_out(name):
    with pytest.raises(LookupError):
        resolve(name)


@pytest.mark.parametrize("row", NOTATION, ids=symbol_of)
def test_a_symbol_stands_first_where_the_table_says(row):
    number, symbol = number_of(row), symbol_of(row)
    assert number in index(), f"there is no equation ({number})"
    assert stands_in(symbol, formulas()[number]), f"({number}) does not hold {symbol}"
    earlier = [n for n in sorted(formulas()) if n < number and stands_in(symbol, formulas()[n])]
    assert not earlier, f"{symbol} stands in ({earlier[0]}) already"


def test_what_stands_in_a_formula():
    assert stands_in("S", r"\eta(1-\beta)S") and not stands_in("S", r"S_{\rm HB}=\frac2\eta")
    assert stands_in(r"\beta", r"\beta\,m") and not stands_in(r"\beta", r"\beta_1m")
    assert stands_in(r"\delta_z", r"\delta_{z,t}") and not stands_in("T", r"F_+F_+^\top")
    assert stands_in(r"S_{\rm HB}", r"S_{\rm HB}=\frac2\eta")
    assert not stands_in(r"\bar w", r"\bar m")


# --- all reference pages -------------------------------------------------------------------------

PAGES = [BOOK / f"{name}.md" for name in ("glossary", "notation", "related")]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_references_lead_somewhere(path):
    text = path.read_text(encoding="utf-8")
    # An equation has one place in the book, and these pages are none.
    assert not re.search(r"^\(eq-\d+\)=|\\tag\{", text, re.M)
    assert {int(n) for n in re.findall(r"<eq-(\d+)>", text)} <= index()
    assert all(a == b for a, b in re.findall(r"`\((\d+)\) <eq-(\d+)>`", text))
    for target in re.findall(r"\{doc\}`(?:[^<`]*<)?([\w/]+)>?`", text):
        # These are written by the build.
        built = target in ("equations", "gallery", "status", "api/index")
        sources = (BOOK / f"{target}.md", ROOT / f"{target}.py")
        assert built or any(source.exists() for source in sources), target


def cited(text):
    keys = re.findall(r"\{cite:[pt]\}`([^`]+)`", text)
    return {key.strip() for group in keys for key in group.split(",")}


def entries():
    """The keys of the bibliography."""
    return re.findall(r"^@\w+\{([^,]+),", (BOOK / "references.bib").read_text("utf-8"), re.M)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_citations_have_entries(path):
    assert not cited(path.read_text(encoding="utf-8")) - set(entries())


def test_no_entry_is_given_twice():
    assert len(set(entries())) == len(entries())


# --- related work --------------------------------------------------------------------------------

EXPECTED = {
    "Stable flow": lambda rule, loss: StableFlow(rule, loss),
    "Modified equation": lambda rule, loss: StableFlow(rule, loss, backward_error=True),
    "Rod flow |": lambda rule, loss: RodFlow(rule, loss),
    "{doc}`Drift-free rod": lambda rule, loss: DriftFreeRod(rule, loss),
}
"""Rows of the table of models whose price the code can be asked for."""


class Counting:
    """A quadratic that counts what it is asked for."""

    def __init__(self):
        self.valley = Quadratic(torch.tensor([3.0, 1.0, 0.5], dtype=torch.float64))
        self.dim, self.gradient_count, self.product_count = 3, 0, 0

    def gradients(self, points):
        self.gradient_count += len(points)
        return self.valley.gradients(points)

    def hvp(self, w):
        def product(v):
            self.product_count += 1
            return self.valley.hvp(w)(v)

        return product


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("name", EXPECTED)
def test_the_table_of_models_says_what_a_rate_costs(name, optimizer):
    (line,) = (line for line in page("related").splitlines() if line.startswith(f"| {name}"))
    cells = [cell.strip() for cell in line.strip("|").split(" | ")]
    assert cells[2] == "all nine" and len(OPTIMIZERS) == 9
    loss, rule = Counting(), make_rule(optimizer, 0.1)
    start = rule.initial_state(torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64))
    states = [start]
    for t in range(2):
        states.append(rule.step(loss, states[-1], t))
    flow = EXPECTED[name](rule, loss)
    state = flow.initial(*states)
    loss.gradient_count = loss.product_count = 0
    flow.rate(state, 2.0)
    assert cells[3:] == [str(loss.gradient_count), str(loss.product_count), "0", "0"]


def cells_of(name):
    """The cells of a row of the table of models, behind its name."""
    (line,) = (line for line in page("related").splitlines() if line.startswith(f"| {name} |"))
    return [cell.strip() for cell in line.strip("|").split(" | ")][1:]


@pytest.mark.parametrize(("name", "flow"), [("Central flow", CentralFlow), ("Edge Flow", EdgeFlow)])
def test_the_rivals_are_for_the_optimizers_that_the_table_says(name, flow):
    bowl = FunctionObjective(lambda w: (w[0] ** 2 + 2) * w[1] ** 2, 2)
    found = []
    for row in OPTIMIZERS:
        with contextlib.suppress(ValueError):
            flow(make_rule(row, 0.1), bowl)
            found.append(OPTIMIZERS[row].title)
    assert ", ".join(found) == cells_of(name)[1]


def test_the_price_of_edge_flow():
    loss = Counting()
    flow = EdgeFlow(make_rule("gd", 0.1), loss)
    unit = torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64)
    flow.rate(EdgeState(2 * unit, unit, torch.tensor(0.1)), 0.0)
    assert cells_of("Edge Flow")[2:] == [
        str(loss.gradient_count),
        str(loss.product_count),
        "0",
        "0",
    ]


@pytest.mark.parametrize("k", [1, 2, 3])
def test_the_price_of_central_flow(k):
    bowl = FunctionObjective(lambda w: (w[0] ** 2 + w[1] + 2) * w.square().sum(), 3)
    jet = bowl.jet(torch.ones(3, dtype=torch.float64), torch.eye(3, dtype=torch.float64)[:k])
    gradients, _, pairs, turns = cells_of("Central flow")[2:]
    assert (gradients, pairs, turns) == ("1", "$k$", "$k(k+1)/2$")
    assert (jet.gradient.ndim, len(jet.products), len(jet.turns)) == (1, k, k * (k + 1) // 2)


def test_what_is_read_off_an_abstract_only_is_said():
    paragraph = next(p for p in page("related").split("\n\n") if p.startswith("**Edge Flow**"))
    assert "read off its abstract only" in " ".join(paragraph.split())


# --- networks ------------------------------------------------------------------------------------

CASES = [(name, data) for name in ("mlp", "cnn", "vit") for data in networks.SHAPES]


@pytest.mark.parametrize(("name", "data"), CASES)
def test_the_parts_of_a_network_are_all_of_it(name, data):
    module = networks.build(name, data, {})
    table = networks.layers(module, data)
    assert table["weights"].sum() == sum(p.numel() for p in module.parameters())
    assert table["output"].iloc[-1] == (10,)
    blocks = table.set_index("part")["times"]
    assert blocks.max() == (3 if name == "vit" else 1)
    if name == "vit":
        assert blocks["attention"] == blocks["feed-forward"] == 3
    assert f"**{table['weights'].sum():,}**" in networks.markdown(table)
    # A network that has been called still has no hooks.
    assert not any(part._forward_hooks for part in module.modules())


def test_a_start_of_another_size_is_seen():
    module = networks.build("mlp", "digits", {})
    largest, rms = networks.spread(module)
    assert 0.99 < largest <= 1 and rms == pytest.approx(3**-0.5, rel=0.05)
    with torch.no_grad():
        module[1].weight.mul_(2)
    assert networks.spread(module)[0] > 1.9


def test_the_list_of_quantities_is_that_of_a_run():
    config = preset("smoke", "adam", "mlp")
    table = networks.quantities_table(config, ("sf", "rod"))
    names = re.findall(r"^\| `(\w+)`( \*)? \|", table, re.M)
    assert {name for name, star in names if not star} == set(networks.PAPER_NAMES)
    assert len(set(networks.PAPER_NAMES)) == 18  # as many as H.3 names
    catalogue = runs.build(config)[0].catalogue()
    wanted = [n for n, entry in catalogue.items() if entry.trajectory in ("disc", "sf", "rod")]
    assert [name for name, _ in names] == wanted
    lines = table.splitlines()
    assert sum(line.endswith("| eigensolve |") for line in lines) == 3
    assert all(line.replace(r"\|", "").count("|") == 6 for line in lines)


def test_starting_from_a_smaller_head():
    config = preset("smoke", "gd", "vit", examples=10)
    table = networks.starts(config, [0.5, 1.0], 1)
    assert table["step"].tolist() == [0, 1, 0, 1]
    for scale, rows in table.groupby("scale"):
        module = networks.build("vit", "digits", {**config.sizes, "init_scale": scale})
        data = load("digits", 10, seed=0, dtype=torch.float64)
        loss = (module(data.inputs) - data.targets).square().sum().item() / 20
        assert rows["loss"].iloc[0] == pytest.approx(loss, rel=1e-12)
    assert table["sharpness"].is_monotonic_increasing


def test_it_is_our_copy_that_lost_something():
    for path in (*PAGES, ROOT / "notebooks" / "networks.py"):
        text = re.sub(r"\s+#?\s*", " ", path.read_text(encoding="utf-8"))
        assert not re.search(r"[Pp]aper('s text)? (has |had )?lost", text), path
