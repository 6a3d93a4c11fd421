"""Sentences of the chapters that say what runs show: each stands there, and the records say so.

What a page computes needs no test here; these are in its prose.
"""

from pathlib import Path

import numpy as np
import pytest

from rodflow_book import notebook
from rodflow_core.experiments import claims, records, regimes
from rodflow_core.optimizers import OPTIMIZERS

ROOT = Path(__file__).resolve().parents[2]
NETWORKS = tuple(notebook.ARCHITECTURE_TITLES)
PAPERS = tuple(name for name in OPTIMIZERS if name != "gd")


@pytest.fixture(scope="module")
def digits():
    """The recorded runs on digits, by optimizer and network."""
    folder = ROOT / "figures" / "runs"
    return {
        (o, n): records.load(folder / f"{o}-{n}-quick.nc") for o in OPTIMIZERS for n in NETWORKS
    }


def says(page, sentence):
    """Insist that a notebook still says it; a sentence that is changed has its test changed."""
    lines = (ROOT / "notebooks" / f"{page}.py").read_text(encoding="utf-8").splitlines()
    text = " ".join(" ".join(line.removeprefix("#").split()) for line in lines)
    assert sentence in text, f"notebooks/{page}.py no longer says: {sentence}"


def regime(run):
    return claims.assess(run).regime


def test_gradient_descent_hovers_a_little_above_the_threshold(digits):
    says("gd", "the optimizer hovers at is a little *above* $2/\\eta$ at the centre")
    runs = [digits["gd", n] for n in NETWORKS] + [notebook.cited("gd", n) for n in NETWORKS]
    assert all(1 < claims.assess(run).sharpness < 1.15 for run in runs)


def test_the_optimizers_centre_hovers_above_central_flows(digits):
    says("rivals", "hovers above it, in these runs by up to 11%")
    cells = [(o, n) for o in ("gd", "scalar_rmsprop", "rmsprop") for n in NETWORKS]
    above = [claims.assess(digits[key]).sharpness - 1 for key in cells]
    assert min(above) > 0 and round(100 * max(above)) == 11


def test_the_metric_of_rmsprop_turns(digits):
    says("rmsprop", "the principal axis of $\\Sigma$ fluctuates more than for the scalar rule")
    for network in NETWORKS:
        quartiles = (
            claims.assess(digits[o, network]).rod.alignment_quartiles
            for o in ("rmsprop", "scalar_rmsprop")
        )
        usual, scalar = (high - low for low, high in quartiles)
        assert usual > scalar


def test_scalar_adam_drifts_most(digits):
    says("scalar_adam", "this one spends the most time with its drift longer than its oscillation")
    drifts = {}
    for name, network in digits:
        run = digits[name, network]
        longer = records.values(run, "disc", "drift") > records.values(run, "disc", "oscillation")
        drifts.setdefault(name, []).append(np.mean(longer))
    least = min(drifts["scalar_adam"])
    assert all(least > max(drifts[name]) for name in PAPERS if name != "scalar_adam")
    says("scalar_adam", "With $\\beta_2=0.9$ it settles between two and three times the drift")
    assert all(2 < regime(digits["scalar_adam", n]) < 3 for n in NETWORKS)


def test_scalar_nadam_oscillates_longer_than_scalar_adam(digits):
    says("scalar_nadam", "at the same $\\beta_1$ the oscillation is longer")
    for network in NETWORKS:
        pair = [digits[name, network] for name in ("scalar_nadam", "scalar_adam")]
        assert len({records.configuration(run).beta1 for run in pair}) == 1
        assert regime(pair[0]) > regime(pair[1])


def test_adams_stable_flow_stops_at_the_edge_of_eulers_method(digits):
    says("adam", "on the digits at about three times the threshold")
    for network in NETWORKS:
        assert 2.7 < claims.assess(digits["adam", network], "rod", "sf").stable.sharpness < 3.5


def test_a_coarse_stable_flow_is_closer_to_adam(digits):
    says("claims", "for Adam it is closer by a fifth or more")
    for network in NETWORKS:
        run = digits["adam", network]
        assert claims.assess(run).ratio >= 1.2 * claims.assess(run, "rod", "sf").ratio


def test_one_cell_would_have_been_chosen_otherwise(monkeypatch):
    says("cifar10", "That is the only cell for which it makes a difference.")

    def chosen():
        return {
            (network, name): regimes.choose(trials)[:4]
            for network, cells in regimes.scouted().items()
            for name, trials in cells.items()
        }

    now = chosen()
    monkeypatch.setattr(regimes, "EDGE", (regimes.EDGE[0], 1.15))
    assert [key for key, cell in chosen().items() if cell != now[key]] == [("cnn", "rmsprop")]
