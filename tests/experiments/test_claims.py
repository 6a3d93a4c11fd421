"""Verdicts and their numbers, on runs whose numbers are known."""

import json

import numpy as np
import pytest
import xarray as xr

from rodflow_core.experiments import claims
from rodflow_core.quantities import name_of


def made(rod=0.1, stable=1.0, sharpness=1.0, growth=0.0, n=201):
    """A run in which the rod flow stays ``rod`` away, growing as a power of time."""
    step = np.arange(n)
    path = np.maximum(step, 1.0) ** growth
    one = np.ones(n)
    variables = {
        ("sf", "distance"): stable * one,
        ("rod", "distance"): rod * path,
        ("disc", "loss"): one,
        ("sf", "loss"): 0.5 * one,
        ("rod", "loss"): 1.1 * one,
        ("disc", "delta_norm"): 2 * one,
        ("rod", "delta_norm"): 1.5 * one,
        ("disc", "oscillation"): 3 * one,
        ("disc", "drift"): one,
        ("rod", "alignment"): np.linspace(0, 1, n),
    }
    spectra = {
        ("disc", "preconditioned_sharpness"): 20.0,
        ("sf", "preconditioned_sharpness"): 40.0,
        ("rod", "preconditioned_sharpness"): 20.0 * sharpness,
    }
    solved = ("spectrum_step", "eigenvalue")
    return xr.Dataset(
        {name_of(*k): ("step", v, about(*k)) for k, v in variables.items()}
        | {name_of(*k): (solved, np.full((5, 2), v), about(*k)) for k, v in spectra.items()},
        {"step": step},
        {"threshold": 20.0, "failed": json.dumps({})},
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


def test_its_numbers():
    claim = claims.assess(made())
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


def test_a_run_without_a_stable_flow_or_spectra_has_no_ratio_and_no_traceback():
    run = made().drop_vars(["dist_wbar_disc_to_sf", "sf_loss", "sf_pre_sharpness"])
    run = run.drop_dims("spectrum_step")
    claim = claims.assess(run)
    assert np.isnan(claim.ratio) and np.isnan(claim.sharpness) and claim.verdict == "fails"
    assert claim.rod.loss_error == pytest.approx(0.1)
