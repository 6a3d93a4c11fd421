"""What `benchmarks/paper.py` says a row is made of is what a run is made of."""

import importlib
import json
from collections import Counter
from pathlib import Path

import pytest

from rodflow_core.experiments import runs
from rodflow_core.experiments.config import RunConfig
from rodflow_core.experiments.presets import preset
from rodflow_core.objective import ModuleObjective

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
TINY = {"examples": 20, "sizes": {"width": 8}, "warmup": 30, "steps": 7, "spectrum_every": 3}


@pytest.fixture
def paper(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("paper")


@pytest.mark.parametrize(
    "config",
    [
        RunConfig("adam", 3e-3, 0.5, 0.9, **TINY),
        RunConfig("gd", 0.3, substeps=3, flows=("sf", "rod"), **TINY),
        RunConfig("gd", 0.3, **{**TINY, "spectrum_every": 0}),
    ],
    ids=["usual", "substeps", "no_spectrum"],
)
def test_the_parts_of_a_row_are_those_of_a_run(config, paper, monkeypatch):
    counts = Counter()

    def counting(name, size):
        method = getattr(ModuleObjective, name)

        def counted(self, points):
            counts[name] += size(points)
            return method(self, points)

        monkeypatch.setattr(ModuleObjective, name, counted)

    monkeypatch.setattr(runs, "replay", lambda *_: {})
    counting("gradients", len)
    counting("value", lambda _: 1)
    counting("hvp", lambda _: 1)
    run = runs.compute(config)
    assert json.loads(run.attrs["failed"]) == {}
    found = paper.parts(config)
    counts["value"] -= 1  # that a problem takes at its start, to see that it is finite
    names = {"gradients": "gradients", "losses": "value", "eigensolves": "hvp"}
    assert found == {part: counts[name] for part, name in names.items()}
    rates = json.loads(run.attrs["evaluations"])
    moved = sum(n * paper.ENDS.get(tag, 1) for tag, n in rates.items())
    assert found["gradients"] == config.warmup + config.steps + moved


def test_a_step_with_the_four_flows_takes_22_gradients(paper):
    one, two = (paper.parts(RunConfig("gd", 0.3, steps=n))["gradients"] for n in (10, 11))
    assert two - one == 22


def test_the_recorded_bill_is_that_of_the_preset(paper):
    recorded = json.loads((BENCHMARKS / "paper.json").read_text(encoding="utf-8"))
    rows = recorded["rows on one core"]
    assert len(rows) == 27
    for name, found in rows.items():
        optimizer, architecture = name.rsplit("-", 1)
        config = preset("paper", optimizer, architecture, learning_rate=1e-3)
        measured = recorded["architectures"][architecture]
        assert found == paper.hours(config, measured, paper.products_of_an_eigensolve())
        assert measured["sizes"] == dict(config.sizes)
        assert (measured["examples"], measured["microbatch"]) == (5000, config.microbatch)
