"""The power of a motion against motions that are known; ringing against the code's own step."""

import numpy as np
import pytest
import torch
from toolkit import make, probe

from rodflow_core.experiments import limits, runs
from rodflow_core.experiments.presets import preset
from rodflow_core.landscapes import Quadratic
from rodflow_core.optimizers import State

T = 256


def path(f, amplitude=1.0, phase=0.3):
    return amplitude * np.cos(2 * np.pi * f * np.arange(T + 1) + phase)


@pytest.mark.parametrize(
    ("w", "expected"),
    [
        ((-1.0) ** np.arange(T + 1), (0, 0, 1)),
        (path(1 / 4), (0, 1, 0)),
        (path(0.3), (0, 1, 0)),
        (0.1 * np.arange(T + 1), (1, 0, 0)),
        (1e-3 * np.arange(T + 1) ** 2, (1, 0, 0)),
    ],
)
def test_a_pure_motion_has_one_share(w, expected):
    np.testing.assert_allclose(limits.shares(np.diff(w)), expected, atol=1e-6)


def test_shares_of_a_sum_are_those_of_the_displacements():
    """Alternation of 1 moves by 2 a step; a four-cycle through +-sqrt(2) by 2 sqrt(2), then 0."""
    cycle = path(1 / 4, 2.0, np.pi / 4)
    mean_squares = {"alternating": 4.0, "longer": 4.0}
    found = limits.shares(np.diff((-1.0) ** np.arange(T + 1) + cycle))._asdict()
    for name, value in mean_squares.items():
        assert found[name] == pytest.approx(value / sum(mean_squares.values()), rel=1e-3)


def test_power_is_that_of_the_windowed_motion_and_does_not_depend_on_coordinates():
    moved = np.random.default_rng(0).standard_normal((T + 1, 5))
    turn = np.linalg.qr(np.random.default_rng(1).standard_normal((5, 5)))[0]
    for steps in (T, T + 1):
        frequency, part = limits.power(moved[:steps])
        assert frequency[0] == 0 and frequency[-1] <= 0.5
        assert part.sum() == pytest.approx(1, abs=1e-12)
        np.testing.assert_allclose(limits.power(moved[:steps] @ turn)[1], part, atol=1e-14)
        window = np.hanning(steps + 1)[:-1, None]
        energy = ((window * moved[:steps]) ** 2).sum() / (window**2).sum()
        assert limits._mean_squares(moved[:steps])[1].sum() == pytest.approx(energy, rel=1e-12)


@pytest.mark.parametrize("f", [0.125, 0.25, 0.375, 0.4375])
def test_ringing_of_the_centre_is_that_of_the_midpoints(f):
    w = path(f, 0.7)
    midpoints = (w[1:] + w[:-1]) / 2
    assert limits.centre_ringing(np.diff(w)) == pytest.approx(np.std(midpoints[:T]), rel=1e-3)


def test_alternation_and_drift_leave_the_centre_at_rest():
    steps = np.arange(T + 1)
    assert limits.centre_ringing(np.diff((-1.0) ** steps + 0.1 * steps)) < 1e-6


def test_peak_finds_the_frequency_of_each_column():
    moved = np.diff(np.stack([path(0.25), path(0.375) + 0.1 * np.arange(T + 1)], axis=1), axis=0)
    np.testing.assert_allclose(limits.peak(moved), [0.25, 0.375], atol=1 / T)


def test_median_frequency_lies_between_two_cycles_by_their_power():
    low, high, drift = path(0.125, 2.0), path(0.375, 2.0), np.arange(T + 1.0)
    assert limits.median_frequency(np.diff(low + drift)) == pytest.approx(0.125, abs=1 / T)
    assert limits.median_frequency(np.diff(low + 3 * high)) == pytest.approx(0.375, abs=1 / T)
    assert limits.median_frequency(np.diff(9 * low + high)) == pytest.approx(0.125, abs=1 / T)


def test_a_lost_flow_has_no_ratio():
    run = runs.compute(preset("smoke", "adam", "mlp", examples=10, steps=4, spectrum_every=2))
    whole = limits.compare(run)
    assert np.isfinite(whole).all()
    assert whole.ratio_free == pytest.approx(whole.distance_sf / whole.distance_free, rel=1e-12)
    run.attrs["failed"] = '{"rod": 22}'
    lost = limits.compare(run)
    assert np.isnan([lost.ratio_rod, lost.sharpness_rod, lost.distance_rod]).all()
    assert lost.ratio_free == whole.ratio_free and lost.sharpness_sf == whole.sharpness_sf


@pytest.mark.parametrize("beta", [0.3, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("factor", [1e-4, 0.2, 0.6, 0.95, 1.1])
def test_ringing_frequency_is_the_angle_of_the_steps_multipliers(beta, factor):
    rule = make("heavy_ball", 0.1, beta1=beta)
    curvature = factor * rule.threshold
    quadratic = Quadratic(torch.tensor([[curvature]], dtype=torch.float64))
    step = probe(lambda z: rule.step(quadratic, State(z, None), 0).z, 2)
    multiplier = max(np.linalg.eigvals(step), key=abs)
    angle = abs(np.angle(multiplier)) / (2 * np.pi)
    assert limits.ringing_frequency(curvature, 0.1, beta) == pytest.approx(angle, abs=1e-7)
    if 0 < angle < 0.5:
        assert abs(multiplier) == pytest.approx(np.sqrt(beta), rel=1e-10)


@pytest.mark.parametrize("beta", [0.0, 1.0, -0.1])
def test_ringing_needs_a_moment(beta):
    with pytest.raises(ValueError, match="expected a number between 0 and 1"):
        limits.ringing_frequency(1.0, 0.1, beta)


def test_motion_is_the_optimizers_own():
    config = preset("smoke", "adam", "mlp", examples=10)
    motion = limits.motion(config, length=12, k=2)
    lockstep, problem = runs.build(config)
    w = problem.weights
    state, points = lockstep.rule.initial_state(w), []
    for t in range(config.warmup + 12):
        points.append(lockstep.rule.split(state.z)[0])
        state = lockstep.rule.step(lockstep.objective, state, t)
    points.append(lockstep.rule.split(state.z)[0])
    expected = torch.stack(points[config.warmup :]).diff(dim=0).numpy()
    np.testing.assert_array_equal(motion.displacements, expected)
    assert motion.modes.shape == (12, 2) and motion.curvatures.shape == (2,)
    assert motion.curvatures[0] >= motion.curvatures[1]


SMALL = {
    "examples": 10, "warmup": 12, "steps": 9, "spectrum_every": 0, "sizes": {"width": 4},
}  # fmt: skip


@pytest.mark.parametrize("name", ["adam", "scalar_nadam", "gd"])
def test_a_floor_of_half_a_step_is_that_of_a_run(name):
    config = preset("smoke", name, "mlp", **SMALL, flows=("floor",))
    run = runs.compute(config)
    several = limits.floors(config, (0.0, 0.5, 1.0), config.steps)
    assert several[0] == 0 and several[2] > 1.01 * several[1]
    recorded = np.median(run["dist_wbar_disc_to_floor"][1:])
    assert several[1] == pytest.approx(float(recorded), rel=1e-9)


@pytest.mark.parametrize("name", ["adam", "scalar_adam"])
def test_with_its_second_moment_held_adam_is_heavy_ball_in_one_metric(name):
    """In numpy, from the state after the warm-up; nothing of nu but its value at that time."""
    config, hold, steps = preset("smoke", name, "mlp", **SMALL), 0.7, 6
    found = limits.motion(config, steps, 2, hold=hold, settle=2)
    lockstep, problem = runs.build(config)
    rule, objective = lockstep.rule, lockstep.objective
    states = [rule.initial_state(problem.weights)]
    for t in range(config.warmup):
        states.append(rule.step(objective, states[-1], t))
    (w, m), nu = (part.numpy() for part in rule.split(states[-1].z)), states[-1].nu.numpy()
    centre = State(0.5 * (states[-1].z + states[-2].z), states[-1].nu)
    root = np.sqrt(nu / (1 - config.beta2 ** (config.warmup + 1)))
    hessian = probe(objective.hvp(rule.split(centre.z)[0]), objective.dim)
    scaled = np.broadcast_to(root, w.shape) ** -0.5
    top = np.linalg.eigvalsh(scaled[:, None] * hessian * scaled).max()
    root = np.sqrt(nu) * top / (hold * rule.threshold)
    path = [w]
    for t in range(config.warmup, config.warmup + steps + 2):
        g = objective.gradients(torch.from_numpy(w)[None])[0].numpy()
        m = config.beta1 * m + (1 - config.beta1) * g
        metric = root / np.sqrt(1 - config.beta2 ** (t + 1))
        w = w - config.learning_rate * m / (1 - config.beta1 ** (t + 1)) / metric
        path.append(w)
    moved = np.diff(path, axis=0)[2:]
    assert abs(moved[-1]).max() > 1e-6
    np.testing.assert_allclose(found.displacements, moved, rtol=2e-2, atol=1e-3 * abs(moved).max())


def test_without_a_second_moment_there_is_nothing_to_hold():
    with pytest.raises(ValueError, match="no second moment to hold"):
        limits.growth(preset("smoke", "gd", "mlp", **SMALL), 10, hold=1.0)


def test_an_optimizer_that_diverges_slowly_is_not_measured():
    config = preset("smoke", "gd", "mlp", **SMALL).replace(learning_rate=8.0, warmup=3)
    for measure in (limits.motion, limits.growth):
        with pytest.raises(ValueError, match="diverges here"):
            measure(config, 60)


def test_growth_is_that_of_the_tangent():
    """Against products of the step's Jacobian, I - eta H, from Hessian-vector products."""
    config = preset("smoke", "gd", "mlp", **SMALL).replace(learning_rate=0.3)
    lockstep, problem = runs.build(config)
    rule, objective = lockstep.rule, lockstep.objective
    states = [rule.initial_state(problem.weights)]
    for t in range(config.warmup):
        states.append(rule.step(objective, states[-1], t))
    w, v, logs = states[-1].z, states[-1].z - states[-2].z, []
    for t in range(40):
        v = v - config.learning_rate * objective.hvp(w)(v)
        w = rule.step(objective, State(w, None), t).z
        logs.append(float(v.norm().log()))
        v = v / v.norm()
    for every in (5, 10):
        found = limits.growth(config, 20, settle=20, every=every)
        assert found == pytest.approx(np.mean(logs[20:]), rel=1e-3, abs=1e-5)
