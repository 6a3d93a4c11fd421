"""A stranger's problem: made, run, recorded, judged, drawn; and what is refused, in a sentence."""

import re
from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from toolkit import is_one_sentence
from torch import nn

from rodflow_book import notebook
from rodflow_book.figures.run import run_figure
from rodflow_core.experiments import claims, cli, records, runs, scout, verification
from rodflow_core.experiments.config import RunConfig
from rodflow_core.experiments.problem import Problem, named
from rodflow_core.flows import midpoint
from rodflow_core.landscapes import Quartic
from rodflow_core.optimizers import State
from rodflow_core.quantities import Quantity

ROOT = Path(__file__).resolve().parents[2]
SHORT = RunConfig("gd", 0.1, warmup=5, steps=10)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("RODFLOW_CACHE", str(tmp_path / "cache"))


def network(seed=0, dtype=torch.float64):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 3)).to(dtype)
        x, y = torch.randn(12, 2).to(dtype), torch.randint(3, (12,))
    return net, x, y


def mine(**changes):
    net, x, y = network(**changes)
    return Problem.from_module(net, (x, y), nn.CrossEntropyLoss(), reduction="mean", title="mine")


def quartic():
    loss = Quartic(torch.tensor([22.0, 1.0]).double(), torch.tensor(1.0).double())
    return Problem.from_landscape(loss, torch.tensor([0.3, 0.1]).double(), "a quartic")


@pytest.mark.parametrize("make", [mine, quartic])
def test_lockstep_scout_records_figures_and_claims_take_any_problem(make, tmp_path):
    own = make()
    run = runs.load_or_run(SHORT, own, progress_bar=False)
    again = runs.load_or_run(SHORT, own, progress_bar=False)
    assert again.attrs["digest"] and (again["rod_loss_wbar"] == run["rod_loss_wbar"]).all()
    assert run.attrs["problem"] == own.title and run.attrs["problem_digest"] == own.digest
    assert runs.status(again, SHORT, own).current
    assert verification.verify(again, own).same
    assert np.isfinite(claims.assess(run).rod.distance)
    assert own.title in notebook.verdict(run) and own.title in notebook.alt_text(run)
    plt.close(run_figure(run))
    assert [s.step for s in scout.scout(SHORT, [0.05], [20, 25], own=own)] == [20, 25]


def test_it_keeps_its_dtype_and_is_compared_by_its_content():
    own = mine(dtype=torch.float32)
    run = runs.compute(SHORT, own)
    assert records.configuration(run).dtype == "float32"
    assert not runs.status(run, SHORT, mine(seed=1, dtype=torch.float32)).current
    other = runs.status(run, SHORT.replace(steps=11), own)
    assert not other.current and "steps" in other.reason


def test_one_and_the_same_problem_has_one_digest():
    assert mine().digest == mine().digest != mine(seed=1).digest
    assert quartic().digest == quartic().digest
    net, x, y = network()
    halves = [(x[:5], y[:5]), (x[5:], y[5:])]
    loss = nn.CrossEntropyLoss()
    batches = Problem.from_module(net, halves, loss, reduction="mean", title="mine")
    assert batches.digest == mine().digest


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda p: {"weights": p.weights[:-1]}, "the weights have shape"),
        (lambda p: {"weights": p.weights * float("nan")}, "not all finite"),
        (lambda p: {"weights": p.weights.long()}, "not all finite floating"),
    ],
)
def test_a_start_that_is_none_is_refused(change, words):
    own = mine()
    with pytest.raises(ValueError, match=words) as caught:
        Problem(**{"objective": own.objective, "weights": own.weights, "title": "", "digest": "",
                   **change(own)})  # fmt: skip
    assert is_one_sentence(str(caught.value))


def test_data_with_nan_are_refused():
    net, x, y = network()
    with pytest.raises(ValueError, match="NaN in the data") as caught:
        Problem.from_module(net, (x * float("nan"), y), nn.CrossEntropyLoss(), reduction="mean",
                            title="mine")  # fmt: skip
    assert is_one_sentence(str(caught.value))


def test_the_command_line_takes_a_problem(tmp_path, monkeypatch, capsys):
    (tmp_path / "mine.py").write_text(
        "import torch\n"
        "from rodflow_core.experiments.problem import Problem\n"
        "from rodflow_core.landscapes import Quadratic\n\n\n"
        "def bowl():\n"
        "    loss = Quadratic(torch.tensor([3.0, 1.0]).double())\n"
        "    return Problem.from_landscape(loss, torch.ones(2).double(), 'a bowl')\n"
    )
    monkeypatch.chdir(tmp_path)
    own = ["--problem", "mine:bowl"]
    size = ["--warmup", "4", "--steps", "6", "--learning-rate", "0.5"]
    assert cli.main(["run", "--optimizer", "gd", *own, *size, "--quiet", "-o", "r.nc"]) == 0
    assert "gradient descent on a bowl" in capsys.readouterr().out
    assert cli.main(["info", "r.nc"]) == 0
    assert "yes: configuration, data and code are the same" in capsys.readouterr().out
    assert cli.main(["verify", "r.nc", "--quiet"]) == 0
    rates = ["--learning-rates", "0.1", "--at", "20"]
    assert cli.main(["scout", "--optimizer", "gd", *own, *rates]) == 0
    assert named("mine:bowl").title == "a bowl"


# --- a flow of one's own --------------------------------------------------------------------------


class Frozen(NamedTuple):
    z: torch.Tensor
    nu: torch.Tensor | None


class Still:
    """A model that stays where it started."""

    title = "still"
    offers = {"age": Quantity("age of the {title}", "step")}

    def initial(self, *iterates):
        return Frozen(*midpoint(*iterates[-2:]))

    def rate(self, state, t):
        nu = None if state.nu is None else torch.zeros_like(state.nu)
        return Frozen(torch.zeros_like(state.z), nu)

    def point(self, state):
        return State(state.z, state.nu)

    def measure(self, state, iterates):
        return {"age": 1.0}


def test_a_flow_of_ones_own_passes_through_lockstep_record_figure_and_claims(tmp_path):
    own, flows = quartic(), {"my_rod": lambda rule, loss, config: Still()}
    config = SHORT.replace(integrators={"my_rod": "rk4"})
    run = runs.compute(config, own, flows=flows)
    records.save(run, tmp_path / "r.nc")
    loaded = records.load(tmp_path / "r.nc")
    assert records.flows(loaded)["my_rod"] == {
        "tag": "my_rod", "title": "still", "integrator": "rk4:1",
    }  # fmt: skip
    assert records.values(loaded, "my_rod", "age").tolist() == [1.0] * 11
    assert records.series(loaded, "my", "loss") is None
    assert loaded["my_rod_pre_sharpness"].attrs["long_name"].endswith("at the still")
    assert np.isfinite(claims.assess(loaded, "my_rod").rod.distance)
    judged = notebook.verdict(loaded)
    assert "| still, RK4 |" in judged and "nan" not in judged
    figure = run_figure(loaded)
    legend = {
        text.get_text() for a in figure.axes if a.get_legend() for text in a.get_legend().texts
    }
    legend |= {text.get_text() for found in figure.legends for text in found.texts}
    assert "still" in legend
    plt.close(figure)
    assert runs.status(loaded, config, own, flows).current


def test_a_run_without_the_drift_free_rod_is_drawn_and_judged():
    run = runs.compute(SHORT.replace(flows=("sf", "rod")), quartic())
    plt.close(run_figure(run))
    assert "drift-free" not in notebook.verdict(run) + notebook.alt_text(run)


# --- as printed -----------------------------------------------------------------------------------


def test_the_ten_lines_of_the_readme_run_as_printed(tmp_path, monkeypatch, capsys):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    block = re.search(r"## Your own network.*?```python\n(.*?)```", text, re.DOTALL)[1]
    statements = [line for line in block.splitlines() if line and "import" not in line]
    assert len(statements) <= 10
    monkeypatch.chdir(tmp_path)
    exec(compile(block, "README.md", "exec"), {})
    assert "on a sine" in capsys.readouterr().out
    assert (tmp_path / "mine.svg").read_text().startswith("<?xml")
