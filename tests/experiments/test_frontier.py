"""Errors of integrators against runs, refinements and records that are known."""

import json

import numpy as np
import pytest
import xarray as xr

from rodflow_core.experiments import frontier, records, runs
from rodflow_core.experiments.presets import preset
from rodflow_core.flows import DriftFreeRod

FEW = ("euler:4", "euler:8", "rk4:1", "rkc2:2", frontier.FINE)


def config(optimizer="adam", **changes):
    return preset("smoke", optimizer, "mlp", **{"examples": 10, "steps": 4, **changes})


@pytest.fixture(scope="module")
def measured():
    return frontier.measure(config(), FEW)


def test_the_fine_integration_is_that_of_an_ordinary_run(measured):
    """An independent way to the same distances: the lockstep, with the reference as integrator."""
    fine = dict.fromkeys(frontier.MODELS, frontier.FINE)
    run = runs.compute(config(integrators=fine, spectrum_every=0))
    for i, tag in enumerate(frontier.MODELS):
        distance = records.values(run, tag, "distance")
        np.testing.assert_array_equal(measured["distance"][:, i], distance)
    np.testing.assert_array_equal(measured["floor"], records.values(run, "floor", "distance"))
    np.testing.assert_array_equal(measured["step"], run["step"])


def test_a_method_is_no_distance_from_itself_and_a_finer_one_is_closer(measured):
    error = {(p.model, p.method): p.error for p in frontier.points(measured)}
    for tag in frontier.MODELS:
        assert error[tag, frontier.FINE] == 0
        assert 0 < error[tag, "rk4:1"] < error[tag, "euler:8"] < error[tag, "euler:4"]


def test_gradients_are_those_evaluated(monkeypatch):
    calls, rate = [], DriftFreeRod.rate

    def counted(self, state, t):
        calls.append(t)
        return rate(self, state, t)

    monkeypatch.setattr(DriftFreeRod, "rate", counted)
    monkeypatch.setattr(frontier, "replay", lambda *_: {})
    steps, method = 9, "rkc2:3"
    run = frontier.measure(config(steps=steps), (method,))
    fine = sum(4 * int(name.partition(":")[2]) for name in (frontier.FINE, frontier.CHECK))
    found = [p.gradients for p in frontier.points(run) if p.model == "free"]
    assert found == [pytest.approx(frontier.GRADIENTS * (len(calls) / steps - fine))]


def made(apart, own=2.0, floor=1.0, failed=()):
    """A record of one method: apart from the fine integration by so much, the check by 0.1."""
    steps = len(apart)
    series = np.stack([np.stack([apart, np.full(steps, 0.1)], axis=1)] * 2, axis=1)
    variables = {
        "apart": (("step", "model", "method"), series),
        "distance": (("step", "model"), np.full((steps, 2), own)),
        "floor": ("step", np.full(steps, floor)),
    }
    methods = ["euler:4", frontier.CHECK]
    rates = {f"{tag} {method}": 4 * (steps - 1) for tag in frontier.MODELS for method in methods}
    attributes = {"methods": json.dumps(methods), "evaluations": json.dumps(rates)}
    attributes["failed"] = json.dumps(dict(failed))
    return xr.Dataset(variables, {"step": np.arange(steps)}, attributes)


def test_errors_are_root_mean_squares_over_the_models_own():
    run = made(np.array([9.0, 3.0, 4.0]))  # the first is the common start
    point = frontier.points(run)[0]
    assert point.error == pytest.approx(np.sqrt((9 + 16) / 2) / 2)
    assert (point.model, point.method, point.gradients) == ("rod", "euler:4", 8.0)
    assert point.resolved and not point.lost
    assert frontier.yardsticks(run)["free"] == pytest.approx((2.0, 0.5, 0.05))


def test_what_the_fine_integration_cannot_tell_is_not_resolved():
    assert not frontier.points(made(np.full(3, 0.29)))[0].resolved
    assert frontier.points(made(np.full(3, 0.31)))[0].resolved


def test_a_method_that_was_lost_has_no_error():
    point = frontier.points(made(np.array([0.0, 1.0, np.nan]), failed={"rod euler:4": 2}))[0]
    assert point.lost and np.isnan(point.error) and not point.resolved


def test_a_diverging_method_is_marked_and_the_others_go_on():
    # In steps so long that the method's own polynomial is far from the decay, of a large rate.
    run = frontier.measure(config("gd", learning_rate=2.0, steps=40), ("rkc2:16",))
    failed = json.loads(run.attrs["failed"])
    found = {f"{point.model} {point.method}": point.lost for point in frontier.points(run)}
    known = {name for name in failed if name in found}  # the check is no point
    assert failed and {name for name, lost in found.items() if lost} == known


@pytest.fixture
def places(tmp_path, monkeypatch):
    monkeypatch.setenv("RODFLOW_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("RODFLOW_RUNS", str(tmp_path / "cited"))
    monkeypatch.delenv("RODFLOW_CITE", raising=False)
    return tmp_path


def test_a_record_is_made_once_and_read_as_it_was_written(places, monkeypatch):
    first = frontier.load_or_measure(config(), FEW[:2])
    (path,) = places.rglob("*.nc")
    assert path.name.startswith("frontier-adam-mlp-") and path.parent.parent.name == "cache"
    monkeypatch.setattr(frontier, "measure", None)
    again = frontier.load_or_measure(config(), FEW[:2])
    xr.testing.assert_equal(first, again)
    assert frontier.points(first) == frontier.points(again)


def test_the_cited_record_stands_beside_the_run(places, monkeypatch):
    monkeypatch.setenv("RODFLOW_CITE", "1")
    frontier.load_or_measure(preset("smoke", "gd", "mlp"), ("euler:1",))
    assert [path.name for path in places.rglob("*.nc")] == ["frontier-gd-mlp-smoke.nc"]


def test_a_record_is_current_only_for_what_it_was_made_with(measured, monkeypatch):
    assert frontier.status(measured, config(), FEW).current
    assert "methods" in frontier.status(measured, config(), FEW[:2]).reason
    assert "learning_rate" in frontier.status(measured, config(learning_rate=0.1), FEW).reason
    # What is not looked at makes no difference.
    other = config(spectrum_every=1, substeps=8, flows=("rod",))
    assert frontier.status(measured, other, FEW).current
    monkeypatch.setattr(records, "NUMERICS", records.NUMERICS + 1)
    assert "numerics" in frontier.status(measured, config(), FEW).reason


def test_other_code_is_judged_by_what_it_gives(measured, monkeypatch):
    old = measured.assign_attrs(code="another")
    assert "gives the same numbers" in frontier.status(old, config(), FEW).reason
    advance = frontier._Path.advance

    def slower(self, t):
        advance(self, t - 1e-3)

    monkeypatch.setattr(frontier._Path, "advance", slower)
    found = frontier.status(old, config(), FEW)
    assert not found.current and "replay" in found.reason


@pytest.mark.parametrize("period", [10, 25, 60])
def test_swing_period_finds_a_cycle_on_a_slope(period):
    t = np.arange(301)
    length = 0.3 * np.exp(0.4 * np.cos(2 * np.pi * t / period) + 0.01 * t)
    assert frontier.swing_period(length) == pytest.approx(period, rel=0.15)


@pytest.mark.parametrize("gradients", [0.5, 1.0, 2.0, 4.0])
def test_span_is_the_first_that_costs_no_more(gradients):
    span = frontier.span_at(gradients)

    def cost(s):
        return 2 * len(frontier.rkc(s).tableau.weights) / s

    assert cost(span) <= gradients and all(cost(s) > gradients for s in range(1, span))


def test_every_method_has_a_name_that_is_known():
    for method in (*frontier.METHODS, frontier.FINE, frontier.CHECK):
        assert frontier.make_integrator(method).name == method
