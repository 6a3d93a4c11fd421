"""RMSProp with momentum: what sections 6.3 and E.3 say of Adam, and what ``torch.optim`` calls so.

The paper says that momentum and preconditioner *together* raise the threshold (6.3), and that Adam
is RMSProp with momentum rather than momentum with an adaptive step (E.3): on a slope it moves as
RMSProp, in a valley it bounces less. Its form preconditions the accumulated gradient, ``P^-1 m``.
torch's ``RMSprop(momentum=...)`` accumulates the preconditioned gradient. With a learning rate of
``(1 - beta) eta`` the two agree where ``P`` is constant, and nowhere else.
"""

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from toolkit import Network, frozen, iterate, random, vector

from rodflow_core import theory
from rodflow_core.flows import RodFlow, advance
from rodflow_core.landscapes import Linear, Quadratic
from rodflow_core.optimizers import (
    HeavyBall,
    PerComponentSecondMoment,
    State,
    UpdateRule,
    make_rule,
)

ETA, EPSILON = 0.01, 1e-8
BETAS = [0.1, 0.5, 0.9]
RELATED = Path(__file__).resolve().parents[2] / "book" / "related.md"
PAGE = " ".join(RELATED.read_text(encoding="utf-8").split())


def composed(beta1, beta2=0.99, eta=ETA, epsilon=EPSILON):
    """The paper's form, composed of its parts; no bias correction, as in E.3."""
    return UpdateRule(eta, HeavyBall(beta1), PerComponentSecondMoment(beta2, epsilon))


def torch_states(
    gradient, start, nu, steps, *, beta1, beta2, eta=ETA, epsilon=EPSILON, buffer=None
):
    """What torch.optim.RMSprop goes through: weights, buffer and square average after each step.

    ``alpha=1`` holds the square average where it starts.
    """
    w = start.clone().requires_grad_()
    options = {"lr": (1 - beta1) * eta, "momentum": beta1, "alpha": beta2, "eps": epsilon}
    walker = torch.optim.RMSprop([w], **options)
    walker.state[w] = {
        "step": torch.tensor(0.0),
        "square_avg": nu.clone(),
        "momentum_buffer": torch.zeros_like(start) if buffer is None else buffer.clone(),
    }
    kept = []
    for _ in range(steps + 1):
        state = walker.state[w]
        kept.append((w.detach().clone(), state["momentum_buffer"].clone()))
        w.grad = gradient(w.detach())
        walker.step()
    return kept


def torch_path(*args, **options):
    return torch.stack([w for w, _ in torch_states(*args, **options)])


def our_path(rule, objective, start, nu, steps):
    state = State(torch.cat((start, torch.zeros_like(start))), nu)
    states = iterate(rule, objective, state, steps)
    return torch.stack([rule.split(s.z)[0] for s in states])


def gradient_of(objective):
    return lambda w: objective.gradients(w[None])[0]


def farthest(ours, theirs):
    """The largest distance of two paths over the length of the way."""
    return float((ours - theirs).norm(dim=1).max() / (ours[-1] - ours[0]).norm())


# --- which rule it is ----------------------------------------------------------------------------


@pytest.mark.parametrize("beta1", BETAS)
def test_it_is_adam_without_bias_correction(beta1):
    adam = make_rule("adam", ETA, beta1=beta1, beta2=0.99, epsilon=EPSILON)
    assert dataclasses.replace(adam, bias_correction=False) == composed(beta1)


def test_without_momentum_it_is_rmsprop():
    network = Network()
    w, nu = network.weights(), torch.zeros(network.objective().dim, dtype=torch.float64)
    plain = make_rule("rmsprop", ETA, beta2=0.99, epsilon=EPSILON)
    states = iterate(plain, network.objective(), State(w, nu), 50)
    ours = our_path(composed(0.0), network.objective(), w, nu, 50)
    torch.testing.assert_close(ours, torch.stack([s.z for s in states]), rtol=0, atol=0)


# --- against torch -------------------------------------------------------------------------------


@pytest.mark.parametrize("beta1", BETAS)
@pytest.mark.parametrize("kind", ["quadratic", "network"])
def test_constant_preconditioners_make_the_two_forms_one(kind, beta1):
    network = Network()
    objective = network.objective() if kind == "network" else Quadratic(vector(3.0, 1.0, 0.2))
    start = network.weights() if kind == "network" else vector(1.0, -0.5, 2.0)
    nu = 0.3 + random(5, len(start)).square()
    ours = our_path(frozen(composed(beta1), nu), objective, start, nu, 200)
    theirs = torch_path(gradient_of(objective), start, nu, 200, beta1=beta1, beta2=1.0)
    assert farthest(ours, theirs) < 1e-12


@pytest.mark.parametrize("beta1", BETAS)
def test_they_differ_by_what_the_preconditioner_did_meanwhile(beta1):
    """Step for step: (1 - beta) sum_k beta^k (P_t^-1 - P_(t-k)^-1) g_(t-k), whatever the g."""
    steps, d, beta2 = 12, 3, 0.8
    script = random(7, steps + 1, d)

    class Scripted:
        def __init__(self):
            self.t = -1

        def gradients(self, points):
            self.t += 1
            return script[self.t][None]

    nu = torch.full((d,), 0.5, dtype=torch.float64)
    start = torch.zeros(d, dtype=torch.float64)
    ours = our_path(composed(beta1, beta2), Scripted(), start, nu, steps).diff(dim=0)
    theirs = torch_path(gradient_of(Scripted()), start, nu, steps, beta1=beta1, beta2=beta2).diff(
        dim=0
    )
    inverse, square = [], nu.numpy()
    for g in script.numpy()[:steps]:
        square = beta2 * square + (1 - beta2) * g**2
        inverse.append(1 / (np.sqrt(square) + EPSILON))
    for t in range(steps):
        terms = [
            beta1**k * (inverse[t] - inverse[t - k]) * script[t - k].numpy() for k in range(t + 1)
        ]
        expected = -ETA * (1 - beta1) * np.sum(terms, axis=0)
        np.testing.assert_allclose(ours[t] - theirs[t], expected, rtol=0, atol=1e-15)
    assert (ours - theirs).abs().max() > 0.02 * ours.abs().max()


def apart(beta2, beta1=0.9, steps=100, eta=3e-4):
    """How far the two forms part on a network, as a share of the way."""
    network = Network(n=60)
    objective, start = network.objective(), network.weights()
    nu = gradient_of(objective)(start).square()
    ours = our_path(composed(beta1, beta2, eta), objective, start, nu, steps)
    theirs = torch_path(gradient_of(objective), start, nu, steps, beta1=beta1, beta2=beta2, eta=eta)
    return farthest(ours, theirs)


def test_the_difference_is_of_the_order_of_one_minus_beta2():
    rest = np.array([1e-5, 1e-6, 1e-7])
    found = [apart(1 - x) for x in rest]
    slope, _ = np.polyfit(np.log(rest), np.log(found), 1)
    assert slope == pytest.approx(1, abs=0.02)


def test_the_page_says_how_far_they_part():
    """The sentence on the page of related work holds these numbers."""
    said = re.search(
        r"part by (\d+)%, (\d+)% and (\d+)% of the way at \$\\beta_2\$ of 0\.9, "
        r"0\.99 and 0\.999",
        PAGE,
    )
    assert said is not None
    found = [round(100 * apart(beta2)) for beta2 in (0.9, 0.99, 0.999)]
    assert [int(number) for number in said.groups()] == found


# --- 6.3: the threshold --------------------------------------------------------------------------


def torch_map(sharpness, beta1, p):
    """The matrix of torch's own step on ``1/2 S w^2`` in (w, buffer), its preconditioner at p."""
    nu = vector((p - EPSILON) ** 2)
    columns = [
        torch.cat(
            torch_states(lambda w: sharpness * w, w, nu, 1, beta1=beta1, beta2=1.0, buffer=buffer)[
                1
            ]
        )
        for w, buffer in ((vector(1.0), vector(0.0)), (vector(0.0), vector(1.0)))
    ]
    return torch.stack(columns, dim=1).numpy()


def our_map(sharpness, beta1, p):
    """The same of the composed rule, in (w, m)."""
    nu = vector((p - EPSILON) ** 2)
    rule, valley = frozen(composed(beta1), nu), Quadratic(vector(sharpness))
    basis = torch.eye(2, dtype=torch.float64)
    return torch.stack([rule.step(valley, State(z, nu), 0).z for z in basis], dim=1).numpy()


@pytest.mark.parametrize("beta1", [0.0, *BETAS])
@pytest.mark.parametrize("p", [0.05, 3.0])
def test_momentum_raises_the_threshold_in_the_preconditioned_metric(beta1, p):
    """(47) for both forms, and (1 + beta)/(1 - beta) of RMSProp's, by bisection of the step."""
    expected = theory.heavy_ball_threshold(ETA, beta1)
    for step in (our_map, torch_map) if beta1 else (our_map,):
        low, high = 0.1 * expected, 10 * expected
        while high - low > 1e-11 * high:
            middle = 0.5 * (low + high)
            stable = np.linalg.eigvals(step(middle * p, beta1, p)).real.min() > -1
            low, high = (middle, high) if stable else (low, middle)
        assert low == pytest.approx(expected, rel=1e-9)
    assert composed(beta1).threshold == pytest.approx(expected, rel=1e-13)
    rmsprop = make_rule("rmsprop", ETA).threshold
    assert expected / rmsprop == pytest.approx((1 + beta1) / (1 - beta1), rel=1e-13)


# --- E.3: slope and valley -----------------------------------------------------------------------


def settled_on_a_slope(rule, slope):
    """Speed and half-displacement that the rod flow and the optimizer come to on ``L = g w``."""
    landscape, z = Linear(vector(slope)), vector(0.0, 0.0)[: 1 + rule.has_moment]
    nu = None if rule.second_moment.beta2 == 0 else vector(slope**2 / 2)
    states = iterate(rule, landscape, State(z, nu), 250)
    flow = RodFlow(rule, landscape)
    state = before = flow.initial(*states[:2])
    for t in range(1, 250):
        before, state = state, advance(flow, state, t)
    speeds = [float(b.z[0] - a.z[0]) for a, b in ((before, state), states[-2:])]
    assert speeds[0] == pytest.approx(speeds[1], rel=1e-6)
    return speeds[0], abs(float(state.half_displacement[0]))


@pytest.mark.parametrize("slope", [0.01, 1.0, 100.0])
def test_on_a_slope_it_moves_as_rmsprop_and_not_as_momentum(slope):
    """(226), (227) are (177), (178); heavy ball's (122), (126) go with the slope."""
    rmsprop = make_rule("rmsprop", ETA, beta2=0.9, epsilon=0.0)
    for rule in (rmsprop, composed(0.9, 0.9, epsilon=0.0)):
        speed, half = settled_on_a_slope(rule, slope)
        assert (speed, half) == pytest.approx((-ETA, ETA / 2), rel=1e-6)
    momentum = make_rule("heavy_ball", ETA, beta1=0.9)
    speed, half = settled_on_a_slope(momentum, slope)
    assert (speed, half) == pytest.approx((-ETA * slope, ETA * slope / 2), rel=1e-6)


SHARPNESS = 3.0


def orbit(beta1):
    """Weight, first moment and second moment on the two-period orbit, (238), (241), (243)."""
    half = ETA / 2 * (1 - beta1) / (1 + beta1)
    return half, -(1 - beta1) / (1 + beta1) * SHARPNESS * half, (SHARPNESS * half) ** 2


@pytest.mark.parametrize("beta1", BETAS)
@pytest.mark.parametrize("beta2", [0.9, 0.999])
def test_in_a_valley_both_forms_bounce_less_than_rmsprop_by_the_same_factor(beta1, beta2):
    half, m, nu = orbit(beta1)
    valley = Quadratic(vector(SHARPNESS))
    rule = composed(beta1, beta2, epsilon=0.0)
    after = rule.step(valley, State(vector(half, m), vector(nu)), 0)
    assert after.z.tolist() == pytest.approx([-half, -m], rel=1e-13)
    assert float(after.nu) == pytest.approx(nu, rel=1e-13)
    buffer = vector(m / (1 - beta1) / np.sqrt(nu))
    options = {"beta1": beta1, "beta2": beta2, "epsilon": 0.0, "buffer": buffer}
    there = torch_states(gradient_of(valley), vector(half), vector(nu), 1, **options)[1]
    assert float(there[0]) == pytest.approx(-half, rel=1e-13)
    plain = make_rule("rmsprop", ETA, beta2=beta2, epsilon=0.0)
    bounced = plain.step(valley, State(vector(ETA / 2), vector((SHARPNESS * ETA / 2) ** 2)), 0)
    assert float(bounced.z) == pytest.approx(-ETA / 2, rel=1e-13)
    assert half / (ETA / 2) == pytest.approx((1 - beta1) / (1 + beta1), rel=1e-13)


def amplitudes(beta1, beta2, steps=6000):
    """The last amplitudes, over the orbit's, from a start one per cent off it: ours, torch's."""
    half, m, nu = orbit(beta1)
    valley, w = Quadratic(vector(SHARPNESS)), vector(1.01 * half)
    rule = composed(beta1, beta2, epsilon=0.0)
    states = iterate(rule, valley, State(torch.cat((w, vector(m))), vector(nu)), steps)
    ours = torch.stack([s.z[0] for s in states])
    buffer = vector(m / (1 - beta1) / np.sqrt(nu))
    options = {"beta1": beta1, "beta2": beta2, "epsilon": 0.0, "buffer": buffer}
    theirs = torch_path(gradient_of(valley), w, vector(nu), steps, **options)[:, 0]
    return [float(path[-500:].abs().max()) / half for path in (ours, theirs)]


def test_the_bounce_is_where_they_come_to_rest_for_small_beta_only():
    """The orbit is torch's too, but not its stability: between .172 and .238 only torch's rests."""
    for beta1, rests in ((0.1, (True, True)), (0.2, (False, True)), (0.5, (False, False))):
        found = amplitudes(beta1, 0.99)
        assert tuple(abs(a - 1) < 1e-3 for a in found) == rests
        assert all(a > 1.05 for a, still in zip(found, rests, strict=True) if not still)
    assert theory.adaptive_is_stable("heavy_ball", 0.1, 0.99)
    assert not theory.adaptive_is_stable("heavy_ball", 0.2, 0.99)


def spectral_radius(after, orbit_point):
    """Of a step linearised at a two-period orbit, the signs of all but the last entry turned."""
    turn = np.array([-1.0, -1.0, 1.0])
    np.testing.assert_allclose(turn * after(orbit_point), orbit_point, rtol=1e-12)
    columns = []
    for i, value in enumerate(orbit_point):
        aside = np.zeros(3)
        aside[i] = 1e-5 * value
        columns.append((after(orbit_point + aside) - after(orbit_point - aside)) / (2e-5 * value))
    return np.abs(np.linalg.eigvals(turn[:, None] * np.stack(columns, axis=1))).max()


def radii(beta1, beta2):
    """Spectral radius at the orbit of one step of ours and of torch's."""
    half, m, nu = orbit(beta1)
    valley, rule = Quadratic(vector(SHARPNESS)), composed(beta1, beta2, epsilon=0.0)
    gradient = gradient_of(valley)

    def ours(x):
        after = rule.step(valley, State(vector(*x[:2]), vector(x[2])), 0)
        return np.array([*after.z, *after.nu])

    def theirs(x):
        options = {"beta1": beta1, "beta2": beta2, "epsilon": 0.0, "buffer": vector(x[1])}
        w, buffer = torch_states(gradient, vector(x[0]), vector(x[2]), 1, **options)[1]
        nu = beta2 * x[2] + (1 - beta2) * float(gradient(vector(x[0]))) ** 2
        return np.array([*w, *buffer, nu])

    points = np.array([half, m, nu]), np.array([half, m / (1 - beta1) / np.sqrt(nu), nu])
    return [spectral_radius(f, x) for f, x in zip((ours, theirs), points, strict=True)]


@pytest.mark.parametrize(("beta1", "beta2"), [(0.1, 0.9), (0.3, 0.99), (0.9, 0.99)])
def test_our_orbit_is_as_stable_as_the_theory_says(beta1, beta2):
    matrix = theory.adaptive_cycle_matrix("heavy_ball", SHARPNESS, ETA, beta1, beta2)
    expected = np.abs(np.linalg.eigvals(matrix)).max()
    assert radii(beta1, beta2)[0] == pytest.approx(expected, rel=1e-7)


def test_the_page_says_beyond_which_beta_the_orbit_is_left():
    said = re.search(
        r"the paper's form leaves it beyond \$\\beta_1=([\d.]+)\$ "
        r"and torch's beyond \$([\d.]+)\$",
        PAGE,
    )
    assert said is not None
    for which, number in enumerate(said.groups()):
        below, above = (radii(float(number) + x, 0.99)[which] for x in (-5e-4, 5e-4))
        assert below < 1 < above
    assert min(radii(0.9, 0.99)) > 1
