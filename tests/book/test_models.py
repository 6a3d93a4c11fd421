"""Models of the edge: the toys' losses and ends, what is judged, what the figures draw."""

import dataclasses

import numpy as np
import pytest
import torch

from rodflow_book.figures import models, models_motion, models_toys
from rodflow_book.figures.models_toys import MODELS, Course, run, score, toys, valleys
from rodflow_book.figures.style import style
from rodflow_core import theory
from rodflow_core.landscapes import Quartic

BENT = valleys([4.0, 3.8], [[0.2, 0.06], [0.1, 0.3]], [0.02, 0.03], kappa=0.7)


def random(seed, *shape):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def short(name, steps):
    return dataclasses.replace(toys()[name], steps=steps)


# --- losses --------------------------------------------------------------------------------------


def test_derivatives_are_autograds():
    """First to third, of a valley with unequal numbers, against torch's of its value."""
    points, w, directions = random(1, 3, 4), random(2, 4).requires_grad_(), random(3, 2, 4)

    def slope(of, at, keep=True):
        return torch.autograd.grad(of, at, create_graph=keep)[0]

    for point in points:
        at = point.clone().requires_grad_()
        torch.testing.assert_close(BENT.gradients(point[None])[0], slope(BENT.value(at), at))
    gradient = slope(BENT.value(w), w)
    products = [slope(gradient @ v, w) for v in directions]
    turns = [slope(products[i] @ directions[j], w) for i, j in ((0, 0), (0, 1), (1, 1))]
    own = BENT.jet(w.detach(), directions)
    torch.testing.assert_close(own.gradient, gradient.detach())
    torch.testing.assert_close(own.products, torch.stack(products).detach())
    torch.testing.assert_close(own.turns, torch.stack(turns).detach())


def test_without_a_flat_direction_it_is_the_quartic():
    own = toys()["quartic"].objective
    oracle = Quartic(torch.tensor([4.4]).double(), torch.tensor([1.0]).double())
    points = random(4, 5, 1)
    torch.testing.assert_close(own.gradients(points), oracle.gradients(points))
    torch.testing.assert_close(own.value(points[0]), oracle.value(points[0]))


# --- where the toys end --------------------------------------------------------------------------


def test_quartic_well_holds_the_rods_and_no_one_else():
    found = run(short("quartic", 60))
    fixed = theory.quartic_fixed_point("none", 4.4, 1.0, 0.5, 0.0).half_displacement
    for tag in ("disc", "rod", "free", "corrected_rod", "floor"):
        assert found[tag].amplitude[-1] == pytest.approx(fixed, rel=1e-6)
    assert score(found, "central").lost == models_toys.FIRST + 1
    assert 10 < score(found, "edge").lost < 30
    assert np.isnan(score(found, "edge").distance)


def test_rmsprop_on_a_parabola_is_held_by_its_second_moment():
    found = run(short("rmsprop", 160), {tag: MODELS[tag] for tag in ("free", "central", "edge")})
    assert set(found) == {"disc", "free", "central"}  # Edge Flow is for gradient descent
    half = toys()["rmsprop"].rule.learning_rate / 2
    assert found["central"].amplitude[-1] == pytest.approx(half, rel=1e-3)
    assert found["free"].amplitude[-1] == pytest.approx(half, rel=0.03)
    assert found["central"].sharpness[-1] == pytest.approx(1, abs=1e-4)


def test_euler_with_one_substep_grows_as_the_optimizer():
    """In a sharpening valley a step of gradient descent is a step of Euler's method."""
    toy, two = short("sharpening", 250), {tag: MODELS[tag] for tag in ("free", "edge")}
    distances = {}
    for method in ("euler:1", "rk4:1"):
        found = run(toy, two, dict.fromkeys(two, method))
        distances[method] = [score(found, tag).distance for tag in two]
    for coarse, fine in zip(*distances.values(), strict=True):
        assert coarse < 0.2 * fine


def test_central_flow_is_integrated_finely_enough():
    """Its oscillation is the closed form, and halving the substep moves it little."""
    toy, one = short("sharpening", 120), {"central": MODELS["central"]}
    by = [run(toy, one, {"central": f"euler:{k}"})["central"] for k in (4, 8)]
    assert by[0].amplitude[-1] == pytest.approx((2 * 0.02 / 0.2) ** 0.5, rel=1e-3)
    assert np.linalg.norm(by[0].centre[-1] - by[1].centre[-1]) < 0.01


def test_paper_rod_turns_into_the_drift_where_the_drift_free_one_does_not():
    found = run(short("flattening", 260), {tag: MODELS[tag] for tag in ("rod", "free")})
    assert found["rod"].amplitude[150] == pytest.approx(0.5 * 0.5 * 0.02, rel=0.05)
    assert found["free"].amplitude[-1] == pytest.approx(found["disc"].amplitude[-1], rel=0.05)


# --- the score -----------------------------------------------------------------------------------


def test_score_by_hand():
    """Six steps, of which the last four count."""
    line = np.arange(6.0)[:, None]
    disc = Course(0 * line, np.full((6, 1), 2.0), np.full(6, 1.0))
    own = Course(line, np.full((6, 1), 1.0), np.array([9, 9, 1.1, 1.2, 1.3, 1.4]))
    found = score({"disc": disc, "own": own}, "own")
    assert found == pytest.approx((3.5, 0.5, 1.25, 0.25, -1))
    own.sharpness[4:] = np.nan
    assert score({"disc": disc, "own": own}, "own").lost == models_toys.FIRST + 4


# --- the motion ---------------------------------------------------------------------------------


def test_motion_has_the_courses_and_what_it_says_of_them():
    toy = toys()["flattening"]
    found = run(toy, {tag: MODELS[tag] for tag in models_motion.SHOWN if tag != "disc"})
    (valley, sharpness), steps, words = models_motion.models_motion(toy, found)
    assert len(words) == len(steps) and steps[-1] == toy.steps and steps[0] >= models_toys.FIRST
    at = np.array(steps) - models_toys.FIRST
    over_time = {track.kind: track for track in sharpness.tracks}
    above = {track.kind: track for track in valley.tracks}
    assert set(over_time) == set(above) == set(models_motion.SHOWN)
    for tag, track in over_time.items():
        np.testing.assert_array_equal(track.y, found[tag].sharpness[at])
    for tag in ("central", "edge", "rod", "free"):
        track, own = above[tag], found[tag]
        points = np.stack((track.y, track.x), 1)
        np.testing.assert_array_equal(points, own.centre[at])
        np.testing.assert_array_equal(np.stack((track.half_y, track.half_x), 1), own.swings[at])
    # The iterates lie about their centre, on both walls.
    disc = above["disc"]
    off = np.abs(np.abs(disc.y) - found["disc"].amplitude[at])
    assert off.max() < 0.1 and {-1.0, 1.0} <= set(np.sign(disc.y[-6:]))
    # What the panels' words say.
    last = {tag: own.sharpness[-1] for tag, own in found.items()}
    late = found["central"].sharpness[150:]
    assert abs(late - 1).max() < 1e-3 and abs(found["free"].sharpness[-1] / last["disc"] - 1) < 1e-3
    assert 1.02 < last["disc"] < found["disc"].sharpness.max() - 0.02
    assert found["edge"].sharpness[100:].min() < 0.96
    assert min(last["sf"], last["rod"]) > 1.1 and found["rod"].amplitude[-1] < 0.01


def test_motion_leaves_out_what_is_lost():
    toy = short("flattening", 12)
    found = run(toy, {tag: MODELS[tag] for tag in ("sf", "free")})
    found["sf"].sharpness[5:] = np.nan
    panels, steps, _ = models_motion.models_motion(toy, found)
    assert [track.kind for track in panels[1].tracks] == ["disc", "free"] and steps == [7, 12]


# --- figures -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tables():
    betas, shares = (0.0, 0.9), np.linspace(0.03, 0.97, 10)
    return models.response_table(betas, shares), models.paper_rod_table(betas, shares, 4)


def test_response_table_has_the_numbers_of_the_theory(tables):
    table, rods = tables
    ringing = table[(table["beta1"] == 0.9) & (table["model"] == "disc")]
    np.testing.assert_allclose(ringing["decay"], -0.5 * np.log(0.9), rtol=1e-9)
    plain = table[(table["beta1"] == 0) & (table["model"] == "free")]
    np.testing.assert_allclose(plain["decay"], 2 - 2 * plain["curvature"], rtol=1e-9)
    alone = rods[rods["beta1"] == 0]
    np.testing.assert_allclose(alone["least"], 1 - alone["curvature"] ** 2, rtol=1e-9)
    assert (rods["least"] <= rods["largest"]).all()


def test_ring_table_is_mirrored():
    table = models.ring_table(0.9, 11)
    centre, rod = (table[table["model"] == tag]["error"].to_numpy() for tag in ("sf", "free"))
    np.testing.assert_allclose(centre, rod[::-1], rtol=1e-12)


def test_models_are_told_apart_by_their_dashes():
    dashes = [str(models.look(tag)["linestyle"]) for tag in models.DRAWN if tag != "disc"]
    assert len(set(dashes)) == len(dashes)
    curves = [str(models.look(tag)["linestyle"]) for tag in models.CURVES if tag != "disc"]
    assert len(set(curves)) == len(curves)


def test_figures_keep_legends_off_the_curves(tables):
    found = {name: run(short(name, 12)) for name in ("quartic", "two")}
    titles = {name: toy.title for name, toy in toys().items()}
    with style():
        drawn = [
            models.response_figure(*tables),
            models.plane_figure((0.5, 0.9), {"flip": -1 + 0j, "period 4": 1j}, 0.9),
            models.toys_figure(found, titles),
            models.directions_figure(found["two"], 2),
        ]
        for figure in drawn:
            figure.canvas.draw()
            (legend,) = figure.legends
            box = legend.get_window_extent()
            assert 0 <= box.x0 and box.x1 <= figure.bbox.x1
            assert not any(box.overlaps(axis.get_window_extent()) for axis in figure.axes)
            models.plt.close(figure)


def test_table_of_the_toys_has_every_step():
    found = {"two": run(short("two", 12), {"free": MODELS["free"]})}
    table = models.toys_table(found)
    assert len(table) == 2 * 10 and table["step"].max() == 12
    assert (table.groupby("model")["distance"].first() == 0).all()
