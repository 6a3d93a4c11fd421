"""What makes a record stale: planted changes of the numerics; and harmless ones, which do not."""

import dataclasses

import pytest
import torch

from rodflow_core import extent, flows, integrators, lockstep, objective, optimizers, quantities
from rodflow_core.experiments import architectures, data, records, runs
from rodflow_core.experiments.config import RunConfig
from rodflow_core.optimizers import OPTIMIZERS, Row

TINY = {"examples": 20, "sizes": {"width": 4}, "warmup": 3, "steps": 2, "spectrum_every": 0}
CONFIGS = {
    "adam": RunConfig("adam", 3e-3, beta1=0.5, beta2=0.95, **TINY),
    "nesterov": RunConfig("nesterov", 0.3, beta1=0.5, **TINY),
    "rk4": RunConfig("rmsprop", 3e-4, integrators={"rod": "rk4", "free": "rkc2:2"}, **TINY),
}


@pytest.fixture(scope="module")
def recorded():
    """Records of code that is not today's: only a replay can vouch for them."""
    found = {}
    for name, config in CONFIGS.items():
        run = runs.compute(config).assign_attrs(code="older")
        found[name] = run.assign_attrs(digest=records.content_digest(run))
    return found


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("RODFLOW_CACHE", str(tmp_path))


def scaled(function, factor):
    """The function with its result off by a little."""
    return lambda *a, **k: function(*a, **k) * factor


def rate_off(flow, field, factor):
    """A flow's rate with one part of it off by a little."""
    rate = flow.rate

    def other(self, state, t):
        found = rate(self, state, t)
        return found._replace(**{field: getattr(found, field) * factor})

    return other


def changed_rk4(substeps=1):
    made = RK4(substeps)
    return dataclasses.replace(
        made, tableau=made.tableau._replace(weights=(1 / 6, 1 / 3, 1 / 3 + 1e-4, 1 / 6 - 1e-4))
    )


RK4 = integrators.rk4
SQUARED, DATA = objective.squared_error, data.DATASETS["digits"]
MUTANTS = {
    "an extent that decays a little faster": (extent, "DECAY", 2.0002, "adam nesterov"),
    "a drift-free rod that turns less": (
        flows.DriftFreeRod, "rate",
        rate_off(flows.DriftFreeRod, "half_displacement", 0.9999), "adam nesterov rk4",
    ),
    "a stable flow that is slower": (
        flows.StableFlow, "rate", rate_off(flows.StableFlow, "z", 0.9999), "adam nesterov rk4",
    ),
    "a heavy ball that is lighter": (
        optimizers.HeavyBall, "direction",
        lambda self, m, g: torch.lerp(g, m, self.beta * 1.0001), "adam nesterov",
    ),
    "a look-ahead that looks less far": (
        optimizers.Nesterov, "gradient_point",
        lambda self, w, m, rate: w - 0.999 * rate * self.beta * m, "nesterov",
    ),
    "a bias correction of the next step": (
        optimizers.UpdateRule, "corrections",
        lambda self, t: (
            (1 - self.momentum.beta ** (t + 2), 1 - self.second_moment.beta2 ** (t + 2))
            if self.bias_correction
            else (1.0, 1.0)
        ),
        "adam",
    ),
    "a second moment of other squares": (
        optimizers.PerComponentSecondMoment, "target",
        lambda self, g, m: 1.0001 * g.square(), "adam rk4",
    ),
    "a loss of another unit": (objective.LOSSES, "mse", scaled(SQUARED, 1.0001), "adam rk4"),
    "an oscillation of another fraction": (
        quantities, "oscillation", scaled(quantities.oscillation, 0.9999), "adam nesterov rk4",
    ),
    "a Runge-Kutta weight that is off": (
        integrators.INTEGRATORS, "rk4",
        integrators.INTEGRATORS["rk4"]._replace(make=changed_rk4), "rk4",
    ),
    "images of another contrast": (
        data, "DATASETS",
        {**data.DATASETS, "digits": dataclasses.replace(DATA, std=(0.3761,))}, "adam nesterov rk4",
    ),
    "a centre that is none": (
        lockstep, "midpoint",
        lambda a, b: flows.midpoint(a, b)._replace(z=0.4999 * a.z + 0.5001 * b.z), "adam nesterov",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MUTANTS)
def test_a_planted_change_makes_the_records_it_touches_stale(name, recorded, monkeypatch):
    where, what, changed, touched = MUTANTS[name]
    if isinstance(where, dict):
        monkeypatch.setitem(where, what, changed)
    else:
        monkeypatch.setattr(where, what, changed)
    for row in touched.split():
        found = runs.status(recorded[row])
        assert not found.current and "a replay with today's code differs" in found.reason, row


def test_what_changes_no_number_leaves_every_record_current(recorded, monkeypatch):
    """A tenth optimizer, a fourth architecture, another name for a private function."""
    monkeypatch.setitem(OPTIMIZERS, "tenth", Row("a tenth", optimizers.HeavyBall))
    more = {**architectures.ARCHITECTURES, "fourth": architectures.ARCHITECTURES["mlp"]}
    monkeypatch.setattr(architectures, "ARCHITECTURES", more)
    monkeypatch.setattr(extent, "_total", extent._sum, raising=False)
    for run in recorded.values():
        found = runs.status(run)
        assert found.current and "a replay gives the same numbers" in found.reason


def test_replays_differ_where_a_number_or_a_name_does():
    one = {"a": [1.0, float("nan")], "b": [0.0, 1e-17]}
    assert (
        runs.replays_differ(one, {"a": [1.0 + 1e-12, float("nan")], "b": [1e-18, 0.0]}, 1e-8) == ""
    )
    assert runs.replays_differ(one, {**one, "a": [1.0 + 1e-6, float("nan")]}, 1e-8) == "a"
    assert runs.replays_differ(one, {**one, "a": [1.0, 1.0]}, 1e-8) == "a"
    assert runs.replays_differ(one, {"a": one["a"]}, 1e-8) == "b"


def test_a_replay_is_in_float64_on_one_thread_whatever_the_run_was(recorded):
    single = CONFIGS["adam"].replace(dtype="float32", threads=2)
    assert runs.replay(single) == runs.replay(CONFIGS["adam"])


def test_a_quantity_that_is_new_leaves_a_record_current_and_one_that_is_lost_does_not(
    recorded, monkeypatch
):
    config = CONFIGS["adam"]
    run = recorded["adam"]
    known = quantities.of_optimizer
    monkeypatch.setattr(quantities, "of_optimizer", lambda *a: known(*a) | {"novelty": 1.0})
    more = {**quantities.OF_OPTIMIZER, "novelty": quantities.Quantity("a novelty", "1")}
    monkeypatch.setattr(quantities, "OF_OPTIMIZER", more)
    assert runs.status(run, config).current
    monkeypatch.undo()
    fewer = {k: v for k, v in quantities.OF_OPTIMIZER.items() if k != "drift"}
    monkeypatch.setattr(quantities, "OF_OPTIMIZER", fewer)
    monkeypatch.setattr(
        quantities,
        "of_optimizer",
        lambda *a: {k: v for k, v in known(*a).items() if k != "drift"},
    )
    found = runs.status(run, config)
    assert not found.current and "disc_drift" in found.reason
