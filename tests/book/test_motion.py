"""Motions: what their files hold is what the core computes. The player has its own tests."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from toolkit import is_one_sentence

from rodflow_book import motion
from rodflow_book.build.publish import publish
from rodflow_book.motion import Curve, Panel, Track, load_motion, save_motion
from rodflow_core import theory
from rodflow_core.experiments import records
from rodflow_core.landscapes import Quadratic, Quartic
from rodflow_core.optimizers import make_rule
from rodflow_core.simulate import iterate, side_by_side

ROOT = Path(__file__).resolve().parents[2]
FIGURES = ROOT / "figures"
PUBLISHED = sorted(FIGURES.glob("*.motion.js"))


def published(name):
    """A motion that the book shows, what it was made from, and its tracks by panel."""
    found = load_motion(FIGURES / f"{name}.motion.js")
    manifest = json.loads((FIGURES / f"{name}.motion.json").read_text(encoding="utf-8"))
    return found, manifest, [panel["tracks"] for panel in found["panels"]]


def assert_holds(panel, track, **known):
    """A track's numbers are the known ones, rounded as their axis is, and not one digit less."""
    for key, values in known.items():
        low, high = panel[key[-1]]
        digits = motion.decimals(high - low)
        assert 10.0**-digits <= (high - low) / 1000
        rounded = np.round(np.asarray(values, dtype=float), digits)
        np.testing.assert_allclose(track[key], rounded, rtol=0, atol=1e-12)


def test_the_parabola_is_the_cores():
    found, manifest, tracks = published("start-parabola")
    about = manifest["parameters"]
    bowl = Quadratic(torch.tensor([about["S"]], dtype=torch.float64))
    for panel, (track,), product in zip(found["panels"], tracks, about["eta_S"][1:], strict=True):
        rule = make_rule("gd", product / about["S"])
        states = iterate(rule, bowl, [about["w0"]], len(found["steps"]) - 1)
        w = np.array([float(state.z) for state in states])
        np.testing.assert_allclose(w, about["w0"] * (1 - product) ** np.arange(len(w)))
        assert_holds(panel, track, x=w, y=about["S"] * w**2 / 2)


def test_heavy_ball_and_its_rod_are_the_cores():
    found, manifest, (plane, over_time) = published("rod-phase-space")
    about = manifest["parameters"]
    rule = make_rule("heavy_ball", about["learning_rate"], beta1=about["beta"])
    curvature = (1 + about["excess"]) * rule.threshold
    S = torch.tensor([curvature], dtype=torch.float64)
    quartic = Quartic(S, torch.tensor(about["kappa"]))
    start = found["panels"][0]["tracks"][4]["start"]
    run = side_by_side(rule, quartic, start, about["steps"], substeps=about["substeps"])
    fixed = theory.quartic_fixed_point(
        "heavy_ball", curvature, about["kappa"], about["learning_rate"], about["beta"]
    )
    ends, panel = (fixed.half_displacement, fixed.moment_half_difference), found["panels"][0]
    still = np.ones(about["steps"])
    assert_holds(panel, plane[0], x=ends[0] * still, y=ends[1] * still)
    (x, y), (cx, cy), (dx, dy) = run.iterates[1:].T, run.centre.T, run.signed_half.T
    assert_holds(panel, plane[4], x=x, y=y)
    assert_holds(panel, plane[5], x=cx, y=cy, half_x=dx, half_y=dy)
    assert_holds(found["panels"][1], over_time[1], x=found["steps"], y=cx + np.abs(dx))
    assert f"w = {x[3]:.3f}".replace("-", "−") in found["words"][3]


def test_the_valley_is_the_figures():
    found, _, ((descent, flow, rod),) = published("rod-valley")
    table, (panel,) = pd.read_csv(FIGURES / "rod-valley.csv"), found["panels"]
    # Below its steps the table goes on with the lines of the landscape.
    table = table[table["step"].notna()]
    unit = 10.0 ** -motion.decimals(panel["x"][1] - panel["x"][0])
    for track, key in ((flow, "stable"), (rod, "rod_centre")):
        for axis in "xy":
            # The table has seven digits: what is rounded twice may be half a unit off.
            np.testing.assert_allclose(
                track[axis], table[f"{key}_{axis}"], rtol=0, atol=0.51 * unit
            )
    for axis in "xy":
        known = table[f"iterate_{axis}"].to_numpy()
        np.testing.assert_allclose(descent[axis][:-1], known[1:], rtol=0, atol=0.51 * unit)
        half = table[f"rod_half_{axis}"]
        np.testing.assert_allclose(rod[f"half_{axis}"], half, rtol=0, atol=0.51 * unit)
    ratio = table["sf_sharpness_over_threshold"].iloc[-1]
    assert f"gradient flow {ratio:.2f}" in found["words"][-1]


def test_adams_motion_is_its_record():
    found, manifest, (sharp, apart) = published("adam-mlp-cifar")
    run = records.load(FIGURES / "runs" / "adam-mlp-cifar.nc")
    assert found["steps"] == run["spectrum_step"].to_numpy().tolist()
    at = np.isin(run["step"], run["spectrum_step"])
    for track, tag in zip(sharp, ("disc", "sf", "rod", "free"), strict=True):
        ratio = records.values(run, tag, "preconditioned_sharpness") / run.attrs["threshold"]
        assert_holds(found["panels"][0], track, y=ratio)
    for track, tag in zip(apart, ("sf", "rod", "free"), strict=True):
        assert_holds(found["panels"][1], track, y=records.values(run, tag, "distance")[at])
    assert manifest["runs"][0]["config"]["optimizer"] == "adam"


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.name)
def test_a_published_motion_is_small_and_says_what_it_shows(path):
    found = load_motion(path)
    assert path.stat().st_size < 100_000
    assert len(set(found["words"])) == len(found["steps"]) == len(found["words"])
    manifest = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    assert all(len(panel["alt"].split()) > 8 for panel in found["panels"])
    assert manifest["motion"] == path.name.removesuffix(".motion.js") and manifest["alt"]


def saved(folder, *, name="bowl", steps=3, words=3, rate=8, panel=None, **track):
    given = {"x": [1.0, -0.8, 0.64], "y": [0.5, 0.32, 0.2], "kind": "disc", **track}
    panel = {"x_range": (-1, 1), "y_range": (0, 1), **(panel or {})}
    drawn = Panel("A bowl", "A point goes down.", tracks=[Track("w", **given)], **panel)
    said = [f"At {i}." for i in range(words)]
    return save_motion(name, "A bowl", [drawn], range(steps), said, folder, rate=rate)


def test_what_is_saved_is_read_again(tmp_path):
    path = saved(tmp_path, y=[1 / 3, 0.25, -1e-9], start=(0.1234567, 0))
    (panel,) = load_motion(path)["panels"]
    (track,) = panel["tracks"]
    assert track["x"] == [1, -0.8, 0.64] and track["y"] == [0.3333, 0.25, 0]
    assert track["start"] == [0.1235, 0]
    assert "-0," not in path.read_text() and sorted(p.name for p in tmp_path.iterdir()) == [
        "bowl.motion.js",
        "bowl.motion.json",
    ]
    with pytest.raises(ValueError, match="no motion"):
        load_motion(path.with_suffix(".json"))


REFUSED = {
    "a name with a path": ({"name": "../bowl"}, "no name for a motion"),
    "a name with a quote": ({"name": 'a"];alert(1)//'}, "no name for a motion"),
    "no name": ({"name": ""}, "no name for a motion"),
    "not a number": ({"y": [0.5, float("nan"), 0.2]}, "nan is among the numbers"),
    "infinite": ({"x": [0.5, float("inf"), 0.2]}, "inf is among the numbers"),
    "an infinite start": ({"start": (float("inf"), 0)}, "inf is among the numbers"),
    "a short track": ({"x": [1.0, 2.0]}, r"x has shape \(2,\); expected \(3,\)"),
    "a long track": ({"y": [1.0] * 4}, r"y has shape \(4,\); expected \(3,\)"),
    "a text too few": ({"words": 2}, "2 texts for 3 steps"),
    "a text too many": ({"words": 4}, "4 texts for 3 steps"),
    "no steps": ({"steps": 0, "words": 0}, "0 texts for 0 steps"),
    "no rate": ({"rate": 0}, "more than 0 steps a second"),
    "an unknown kind": ({"kind": "blue"}, "unknown kind 'blue'; expected one of disc"),
    "an unknown mark": ({"mark": "star"}, "unknown mark 'star'; expected one of dot"),
    "a rod without a half": ({"mark": "rod"}, "half_x and half_y"),
    "a point with a half": ({"half_x": [0] * 3, "half_y": [0] * 3}, "half_x and half_y"),
    "an empty axis": ({"panel": {"x_range": (1, 1)}}, "x axis goes from 1 to 1"),
    "an endless axis": ({"panel": {"y_range": (0, float("inf"))}}, "y axis goes from 0 to inf"),
    "a curve that ends early": (
        {"panel": {"curves": [Curve([0, 1, 2], [0, 1])]}},
        "y of a curve has shape",
    ),
}


@pytest.mark.parametrize(("changes", "words"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_motion_is_refused_in_a_sentence(tmp_path, changes, words):
    with pytest.raises(ValueError, match=words) as caught:
        saved(tmp_path, **changes)
    assert is_one_sentence(str(caught.value)), str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_motion_that_gets_too_large_is_refused(tmp_path):
    many = np.random.default_rng(0).random(9000)
    with pytest.raises(ValueError, match="expected at most 100000: show fewer steps"):
        saved(tmp_path, x=many, y=many, steps=9000, words=9000)


@pytest.mark.parametrize(
    ("changes", "differs"),
    [
        ({}, False),
        ({"y": [0.50004, 0.32, 0.2]}, False),  # rounds to a unit more, at most
        ({"y": [0.50006, 0.32, 0.2]}, False),
        ({"y": [0.5003, 0.32, 0.2]}, True),
        ({"kind": "rod"}, True),
        ({"rate": 9}, True),
    ],
)
def test_a_motion_is_published_where_it_differs(tmp_path, changes, differs):
    one, other = tmp_path / "one", tmp_path / "other"
    saved(one)
    assert publish(one, other) == ["bowl.motion"] and publish(one, other) == []
    saved(one, **changes)
    assert publish(one, other) == (["bowl.motion"] if differs else [])
