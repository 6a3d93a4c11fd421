"""Verdicts and their numbers, on runs whose numbers are known."""

import json

import numpy as np
import pytest
import xarray as xr

from rodflow_core.experiments import claims, judge
from rodflow_core.quantities import name_of


def made(rod=0.1, stable=1.0, sharpness=1.0, growth=0.0, n=201, delta=None, **more):
    """A run in which the rod flow stays ``rod`` away, growing as a power of time.

    Args:
        delta: ``|delta|`` of the rod, and of the optimizer.
        more: further series, ``tag__kind=values``.
    """
    step = np.arange(n)
    path = np.maximum(step, 1.0) ** growth
    one = np.ones(n)
    variables = {
        ("sf", "distance"): stable * one,
        ("rod", "distance"): rod * path,
        ("disc", "loss"): one,
        ("disc", "iterate_loss"): 2 * one,
        ("sf", "loss"): 0.5 * one,
        ("rod", "loss"): 1.1 * one,
        ("rod", "iterate_loss"): 2.2 * one,
        ("disc", "delta_norm"): 2 * one if delta is None else delta[1],
        ("rod", "delta_norm"): 1.5 * one if delta is None else delta[0],
        ("disc", "oscillation"): 3 * one,
        ("disc", "drift"): one,
        ("rod", "alignment"): np.linspace(0, 1, n),
    }
    variables |= {tuple(key.split("__")): value * one for key, value in more.items()}
    solves = np.full(5, sharpness) if np.ndim(sharpness) == 0 else np.asarray(sharpness)
    spectra = {
        ("disc", "preconditioned_sharpness"): 20.0 * np.ones(5),
        ("sf", "preconditioned_sharpness"): 40.0 * np.ones(5),
        ("rod", "preconditioned_sharpness"): 20.0 * solves,
    }
    solved = ("spectrum_step", "eigenvalue")
    tags = dict.fromkeys(tag for tag, _ in variables if tag != "disc")
    flows = [{"tag": tag, "title": tag, "integrator": "euler:4"} for tag in tags]
    return xr.Dataset(
        {name_of(*k): ("step", v, about(*k)) for k, v in variables.items()}
        | {name_of(*k): (solved, np.stack((v, 0.9 * v), 1), about(*k)) for k, v in spectra.items()},
        {"step": step},
        {"threshold": 20.0, "failed": json.dumps({}), "flows": json.dumps(flows)},
    )


def about(tag, kind):
    return {"trajectory": tag, "kind": kind}


@pytest.mark.parametrize(
    "rod, sharpness, word",
    [(0.2, 1.049, "holds"), (0.201, 1.0, "partly"), (0.1, 1.051, "partly"), (0.3, 0.9, "fails")],
)
def test_the_rule(rod, sharpness, word):
    claim = claims.assess(made(rod=rod, sharpness=sharpness))
    assert claim.verdict == word
    assert claim.ratio == pytest.approx(1 / rod)
    assert claim.rod.sharpness == pytest.approx(sharpness)


def test_the_finest_stable_flow_is_the_baseline():
    run = made(rod=0.1, stable=1.0, sf_fine__distance=3.0, floor__distance=0.05)
    assert claims.assess(run).ratio == pytest.approx(30)
    assert claims.assess(run).baseline == "sf_fine"
    assert claims.assess(run, "rod", "sf").ratio == pytest.approx(10)
    assert claims.assess(run).above_floor == pytest.approx(2)
    assert claims.models(run) == ["rod"]


def test_sharpness_is_judged_solve_by_solve():
    """Equal medians are not enough: the old rule let this pass."""
    run = made(sharpness=[0.2, 1.0, 3.0, 0.4, 1.8])
    claim = claims.assess(run)
    assert claim.rod.sharpness == 1.0
    assert claim.rod.sharpness_error == (pytest.approx(0.8), pytest.approx(2.0), True)
    assert claim.verdict == "partly"
    assert judge.rulings(claim)["c"].verdict == judge.FAILS


def wave(shift=0.0, scale=1.0, n=201):
    return scale * (2 + np.sin(np.pi / 10 * (np.arange(n) - shift)))


def test_where_phases_are_lost_distributions_are_compared():
    half = 10  # half a period
    claim = claims.assess(made(delta=(wave(half), wave())))
    assert claim.rod.phase < -0.9 and not claim.rod.delta.pointwise
    assert claim.rod.delta.worst < 0.05
    louder = claims.assess(made(delta=(wave(half, 1.3), wave())))
    assert louder.rod.delta.typical == pytest.approx(0.3, abs=0.03)
    same = claims.assess(made(delta=(wave(0, 1.3), wave())))
    assert same.rod.delta == (pytest.approx(0.3), pytest.approx(0.3), True)


def test_the_raw_loss_is_averaged_over_a_window():
    """An oscillation of the loss that averages out is no error; an offset is."""
    n = 200
    rough = 1 + 0.5 * (-1.0) ** np.arange(n)
    run = made(n=n, disc__iterate_loss=rough, rod__iterate_loss=1.0)
    assert claims.assess(run).rod.raw_loss_error == pytest.approx(0, abs=1e-12)
    assert claims.assess(run).stable.raw_loss_error == pytest.approx(0.5)  # its loss is 0.5


def test_a_model_that_stops_does_not_live_on_its_first_steps():
    path = np.full(201, 1e-3)
    path[50:] = np.nan
    claim = claims.assess(made(rod__distance=path))
    assert claim.rod.failed and np.isnan(claim.ratio) and claim.verdict != "holds"
    assert judge.rulings(claim)["a"].verdict == judge.FAILS


@pytest.mark.parametrize(
    "letter, run, word",
    [
        ("a", made(rod=0.0099), "holds"),
        ("a", made(rod=0.011), "partly"),
        ("a", made(rod=0.21), "fails"),
        ("b", made(growth=0.24), "holds"),
        ("b", made(growth=0.45), "partly"),
        ("b", made(growth=0.55), "fails"),
        ("b", made(growth=-0.8), "holds"),
        ("c", made(sharpness=0.96), "holds"),
        ("c", made(sharpness=[1, 1, 1.21, 1, 1]), "partly"),
        ("c", made(sharpness=1.06), "fails"),
        ("d", made(delta=(wave(scale=1.09), wave())), "holds"),
        ("d", made(delta=(wave(scale=0.8), wave())), "partly"),
        ("d", made(delta=(wave(scale=1.3), wave())), "fails"),
        ("d", made(delta=(wave(), wave()), rod__mu_norm=1.3, disc__mu_norm=1.0), "fails"),
        ("e", made(), ""),
        ("e", made(rod__nu_norm=0.96, disc__nu_norm=1.0, sf__nu_norm=1.0), "holds"),
        ("e", made(rod__nu_norm=0.91, disc__nu_norm=1.0, sf__nu_norm=1.0), "partly"),
        ("e", made(rod__nu_norm=0.5, disc__nu_norm=1.0, sf__nu_norm=1.0), "fails"),
        ("f", made(), "holds"),
        ("f", made(rod__alignment=0.95), "fails"),
    ],
)
def test_each_claim_has_its_bar(letter, run, word):
    assert judge.rulings(claims.assess(run))[letter].verdict == word


def test_claims_quote_the_paper_and_say_their_bars():
    for claim in judge.CLAIMS.values():
        assert claim.quote and claim.section in ("7", "I") and claim.bar


def test_the_diagnosis_is_measured():
    calm = judge.diagnose(made(delta=(wave(), wave())))
    assert calm.findings == () and calm.lag == 0 and calm.drift == pytest.approx(1 / 3)
    assert calm.critical == 1 and calm.recorded == 2
    late = judge.diagnose(made(delta=(wave(7), wave())))
    assert late.lag == 7 and any("when shifted by 7 steps" in f for f in late.findings)
    drifting = judge.diagnose(made(delta=(wave(), wave()), disc__drift=2.0))
    assert any(f.startswith("drift: it is 0.67") for f in drifting.findings)
    coarse = judge.diagnose(made(delta=(wave(), wave()), rod_fine__distance=0.04))
    assert coarse.integration == pytest.approx(2.5)
    assert any(f.startswith("integration") for f in coarse.findings)
    peak = wave()
    peak[100] = 30
    burst = judge.diagnose(made(delta=(peak, wave())))
    assert any(f.startswith("bursts") for f in burst.findings)
    several = made(delta=(wave(), wave()), rod__alignment=0.4)
    name = name_of("disc", "preconditioned_sharpness")
    several[name][:] = 20.0
    assert any("2 or more at the edge" in f for f in judge.diagnose(several).findings)


def test_its_numbers():
    claim = claims.assess(made())
    assert claim.rod.raw_loss_error == pytest.approx(0.1)
    assert claim.sharpness == 1 and claim.stable.sharpness == 2 and claim.regime == 3
    assert claim.rod.loss_error == pytest.approx(0.1) and claim.stable.loss_error == 0.5
    assert claim.rod.delta_error == 0.25 and np.isnan(claim.rod.mu_error)
    assert claim.rod.alignment == pytest.approx(0.5)
    assert claim.rod.alignment_quartiles == pytest.approx((0.25, 0.75))


@pytest.mark.parametrize("growth", [0.0, 0.5, 1.0])
def test_the_plateau_is_the_exponent_of_the_growth(growth):
    assert claims.assess(made(growth=growth)).rod.plateau == pytest.approx(growth, abs=1e-10)


def test_nothing_finite_fails():
    run = made()
    run["dist_wbar_disc_to_rod"][:] = np.nan
    run["rod_pre_sharpness_wbar"][:] = np.nan
    claim = claims.assess(run)
    assert claim.verdict == "fails" and np.isnan(claim.ratio)
    found = judge.rulings(claim)
    assert found["a"].verdict == found["b"].verdict == found["c"].verdict == judge.FAILS


def test_a_run_without_a_stable_flow_or_spectra_has_no_ratio_and_no_traceback():
    run = made().drop_vars(["dist_wbar_disc_to_sf", "sf_loss", "sf_pre_sharpness"])
    run = run.drop_dims("spectrum_step")
    claim = claims.assess(run)
    assert np.isnan(claim.ratio) and np.isnan(claim.sharpness) and claim.verdict == "fails"
    found = judge.rulings(claim)
    assert found["a"].verdict == found["c"].verdict == judge.NONE and not found["a"].text
    assert claim.rod.loss_error == pytest.approx(0.1)
