"""The methods in time: their order, their stability, and what they ask of a flow.

Independent of the code under test: closed forms on the quadratic, scipy's DOP853 on dense matrices
for a network, Sommeijer's recursion of RKC2 written out stage by stage.
"""

import dataclasses
import functools
import math
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp
from scipy.linalg import expm
from toolkit import Network, Valley, is_one_sentence, make, random, some_state, twin_of, vector

from rodflow_core import integrators
from rodflow_core.extent import Extent, ExtentRate, rod
from rodflow_core.flows import DriftFreeRod, DriftFreeState, RodFlow, RodState, StableFlow
from rodflow_core.integrators import INTEGRATORS, Integrator, make_integrator, moved, rkc2
from rodflow_core.landscapes import Quadratic
from rodflow_core.lockstep import Lockstep
from rodflow_core.optimizers import State

ALL = ("euler:4", "rk4", "rk4:2", "rkc2:2", "rkc2:3", "adaptive:0.01")


def run(integrator, flow, state, t, steps):
    """The track after some steps."""
    track = integrator.begin(state)
    for i in range(steps):
        track = integrator.advance(flow, track, t + i)
    return track


def slope(x, y):
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def refused(call, says):
    with pytest.raises(ValueError, match=says) as caught:
        call()
    assert is_one_sentence(str(caught.value)), caught.value


# --- flows that are ordinary differential equations ----------------------------------------------


class Point(NamedTuple):
    x: Any


@dataclass
class Equation:
    """``dx/dt = f(t, x)``, and the times at which it was asked."""

    f: Any
    title: str = "test's equation"
    asked: list = field(default_factory=list)

    def rate(self, state, t):
        self.asked.append(t)
        return Point(self.f(t, state.x))


def forced(t, x):
    """Not linear, not autonomous, smooth."""
    return torch.stack((-1.3 * x[0] + 0.4 * x[1] ** 2 + math.cos(t), -0.7 * x[1] - 0.2 * x[0] * t))


# --- packed states -------------------------------------------------------------------------------


def packed(state):
    """All numbers of a flow's state; an extent as its dense matrix."""
    if state is None:
        return np.zeros(0)
    if isinstance(state, Extent):
        return state.dense().numpy().ravel()
    if isinstance(state, torch.Tensor):
        return state.numpy().ravel()
    return np.concatenate([packed(part) for part in state])


def unpacked(y, like):
    """A state of the form of another, from such numbers."""
    parts = []
    for part in like:
        if part is None:
            parts.append(None)
        elif isinstance(part, Extent):
            d = part.rods.shape[1]
            values, vectors = torch.linalg.eigh(torch.from_numpy(y[: d * d].reshape(d, d)))
            values, vectors = values[values > 0].flip(0), vectors[:, values > 0].flip(1)
            parts.append(Extent((vectors * values.sqrt()).T, values))
            y = y[d * d :]
        else:
            parts.append(torch.from_numpy(y[: part.numel()].reshape(part.shape)))
            y = y[part.numel() :]
    return type(like)(*parts)


def packed_rate(rate):
    """The same of a rate, that of an extent multiplied out on dense matrices."""
    parts = []
    for part in rate:
        if hasattr(part, "drive"):
            drive = part.drive.numpy()
            parts.append((-2 * part.extent.dense().numpy() + part.weight * drive.T @ drive).ravel())
        elif part is not None:
            parts.append(part.numpy().ravel())
    return np.concatenate(parts)


def scipy_solution(flow, state, t, steps, counter=False):
    """The state after some steps by DOP853; with the paper's counter, step by step."""

    def f(s, y, i=None):
        return packed_rate(flow.rate(unpacked(y, state), s if i is None else t + i + 0.5))

    y, exact = packed(state), {"method": "DOP853", "rtol": 1e-12, "atol": 1e-13}
    if not counter:
        return solve_ivp(f, (t, t + steps), y, **exact).y[:, -1]
    for i in range(steps):
        y = solve_ivp(f, (0, 1), y, args=(i,), **exact).y[:, -1]
    return y


# --- order ---------------------------------------------------------------------------------------


ETA, STEPS, T = 0.5, 2, 3
CURVATURES = (1.0, 4.4)  # the second beyond the threshold, 2 / eta


def of_the_quadratic(kind):
    """A flow on the quadratic, its start, and where it is after STEPS in closed form.

    The centre moves along the first axis and the rod lies along the second: the two do not mix,
    and the extent is a diagonal, driven by the drift in the one and by the rod in the other.
    """
    rule, objective = make("gd", ETA), Quadratic(vector(*CURVATURES))
    a, b = (ETA * h for h in CURVATURES)
    z, half = vector(1.0, 0.0), vector(0.0, 0.8)
    decayed = math.exp(-a * STEPS)
    if kind is StableFlow:
        return kind(rule, objective), State(z, None), np.array([decayed, 0])
    if kind is RodFlow:
        drifted = a**2 / 2 * (decayed**2 - math.exp(-2 * STEPS)) / (2 - 2 * a)
        grown = 0.8**2 * math.exp((b**2 / 2 - 2) * STEPS)
        exact = np.array([decayed, 0, drifted, 0, 0, grown])
        return kind(rule, objective, rank=2), RodState(z, None, rod(half)), exact
    leak = 0.1
    flow, curvature = kind(rule, objective, leak=leak), np.diag([a, b])
    above = [-curvature, np.zeros((2, 2))]
    below = [-leak * curvature, curvature - 2 * np.eye(2)]
    matrix = np.block([above, below])
    exact = expm(matrix * STEPS) @ np.concatenate((z, half))
    return flow, DriftFreeState(z, None, half), exact


@functools.cache
def of_the_network(kind, counter):
    """A flow of Adam on a network, its start, and where it is after STEPS by scipy."""
    network = Network(n=12, hidden=2)
    rule = make("adam", 0.01, 0.6, 0.9)
    objective, start = network.objective(), some_state(rule, 64, 1, 0.3)
    half = 0.3 * some_state(rule, 64, 2).z
    flow, state = {
        StableFlow: lambda: (StableFlow(rule, objective), start),
        RodFlow: lambda: (RodFlow(rule, objective, rank=128), RodState(*start, rod(half))),
        DriftFreeRod: lambda: (
            DriftFreeRod(rule, objective, leak=0.1),
            DriftFreeState(*start, half),
        ),
    }[kind]()
    return flow, state, scipy_solution(flow, state, T, STEPS, counter)


METHODS = {  # with the lengths at which its errors are looked at, in steps
    "euler": (make_integrator("euler"), 1 / np.array([8, 16, 32, 64]), 1),
    "rk4": (make_integrator("rk4"), 1 / np.array([8, 16, 32]), 4),
    "rkc2": (make_integrator("rkc2:2"), 1 / np.array([8, 16, 32, 64]), 2),
    "rkc2 of two stages": (
        dataclasses.replace(make_integrator("rkc2"), tableau=rkc2(2)),
        1 / np.array([8, 16, 32, 64]),
        2,
    ),
}
KINDS = (StableFlow, RodFlow, DriftFreeRod)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", METHODS)
class TestOrder:
    def check(self, name, flow, state, exact):
        integrator, lengths, order = METHODS[name]
        assert integrator.tableau.order == order
        errors = []
        for length in lengths:
            track = run(dataclasses.replace(integrator, length=length), flow, state, T, STEPS)
            errors.append(np.linalg.norm(packed(track.state) - exact))
        assert slope(lengths, errors) == pytest.approx(order, abs=0.2), errors
        assert errors[-1] < 0.01 * np.linalg.norm(exact)

    def test_on_the_quadratic_against_its_closed_form(self, name, kind):
        self.check(name, *of_the_quadratic(kind))

    def test_on_a_network_against_scipy(self, name, kind):
        self.check(name, *of_the_network(kind, METHODS[name][0].counter))


@pytest.mark.parametrize("kind", KINDS)
class TestAdaptive:
    def check(self, flow, state, exact):
        """A step's error goes like its length cubed: the tolerance to 2/3 is left at the end."""
        tolerances, errors, evaluations = (1e-1, 1e-2, 1e-3, 1e-4), [], []
        for tolerance in tolerances:
            track = run(make_integrator(f"adaptive:{tolerance}"), flow, state, T, STEPS)
            assert not track.trouble
            errors.append(np.linalg.norm(packed(track.state) - exact))
            evaluations.append(track.evaluations)
        moved_by = STEPS * np.linalg.norm(packed_rate(flow.rate(state, T)))
        assert (np.array(errors) < moved_by * np.array(tolerances) ** (2 / 3)).all(), errors
        assert slope(tolerances, errors) == pytest.approx(2 / 3, abs=0.2), errors
        assert evaluations == sorted(evaluations) and evaluations[0] < evaluations[-1] / 3

    def test_on_the_quadratic_against_its_closed_form(self, kind):
        self.check(*of_the_quadratic(kind))

    def test_on_a_network_against_scipy(self, kind):
        self.check(*of_the_network(kind, False))


# --- stability -----------------------------------------------------------------------------------


def growth(tableau, decay):
    """The factor of one step of ``dx/dt = -decay x``."""
    integrator = Integrator("test's", tableau, 1.0)
    flow = Equation(lambda t, x: -decay * x)
    return float(integrator.leap(flow, Point(vector(1.0)), 0).x)


def interval(factor, top):
    """The largest decay up to which no step grows."""
    grid = np.linspace(0, top, 400)[1:]
    unstable = next(i for i, decay in enumerate(grid) if abs(factor(decay)) > 1 + 1e-12)
    low, high = grid[unstable - 1], grid[unstable]
    while high - low > 1e-10 * top:
        middle = (low + high) / 2
        low, high = (low, middle) if abs(factor(middle)) > 1 else (middle, high)
    return low


def interval_of(name, top):
    return interval(functools.partial(growth, make_integrator(name).tableau), top)


def test_stability_interval_of_euler_and_of_runge_kutta_4():
    assert interval_of("euler", 4) == pytest.approx(2, abs=1e-8)
    root = np.roots([1 / 24, -1 / 6, 1 / 2, -1, 0])  # R(-x) = 1
    expected = float(root[(abs(root.imag) < 1e-9) & (root.real > 0.1)].real[0])
    assert expected == pytest.approx(2.7853, abs=1e-4)
    assert interval_of("rk4", 4) == pytest.approx(expected, abs=1e-8)


def chebyshev(s, x):
    """T_0 ... T_s and two derivatives at x, by their recursions."""
    rows = np.zeros((s + 1, 3))
    rows[0], rows[1] = (1, 0, 0), (x, 1, 0)
    for j in range(2, s + 1):
        (a, da, dda), (b, db, ddb) = rows[j - 1], rows[j - 2]
        rows[j] = 2 * x * a - b, 2 * a + 2 * x * da - db, 4 * da + 2 * x * dda - ddb
    return rows


@pytest.mark.parametrize("s", [2, 3, 4, 6, 10])
def test_stability_polynomial_and_interval_of_rkc2(s):
    """R(z) = 1 - b T(w0) + b T(w0 + w1 z): between 1/3 and 1 up to 0.653 (s^2 - 1), damped."""
    w0 = 1 + 2 / 13 / s**2
    value, first, second = chebyshev(s, w0)[s]
    w1, b = first / second, second / first**2

    def polynomial(x):
        return 1 - b * value + b * chebyshev(s, w0 - w1 * x)[s][0]

    factor, damped = functools.partial(growth, rkc2(s)), (1 + w0) / w1
    for x in np.linspace(0, 1.1 * damped, 23):
        assert factor(x) == pytest.approx(polynomial(x), abs=1e-10)
    assert damped == pytest.approx(0.653 * (s**2 - 1), rel=3e-3)
    assert max(abs(factor(x)) for x in np.linspace(1, damped, 50)) < 0.97
    found = interval(factor, 1.5 * damped)
    assert found == pytest.approx(interval(polynomial, 1.5 * damped), rel=1e-8) and found > damped


@pytest.mark.parametrize("span", [1, 2, 3, 5, 10, 40])
def test_a_span_has_the_stages_that_a_rod_needs(span):
    """A rod decays at 2 per step, and what is expected at most is a little more."""
    tableau = make_integrator(f"rkc2:{span}").tableau
    decays = np.linspace(0, integrators.RHO, 60)[1:] * span
    assert all(abs(growth(tableau, x)) < 1 for x in decays)
    s = len(tableau.stages)
    assert s == 2 or abs(growth(rkc2(s - 1), decays[-1])) > 1  # and not more


# --- RKC2 against its recursion ------------------------------------------------------------------


def recursion(s, f, y0, t, h):
    """A step of RKC2 as Sommeijer, Shampine and Verwer write it, and its estimate of the error."""
    w0 = 1 + 2 / 13 / s**2
    rows = chebyshev(s, w0)
    w1 = rows[s][1] / rows[s][2]
    b = np.array([0, 0, *(rows[2:, 2] / rows[2:, 1] ** 2)])
    b[0] = b[1] = b[2]
    a = 1 - b * rows[:, 0]
    c = np.array([0, 0, *(w1 * rows[2:, 2] / rows[2:, 1])])
    c[1] = c[2] / rows[2][1]
    f0 = f(t, y0)
    y = [y0, y0 + b[1] * w1 * h * f0]
    for j in range(2, s + 1):
        mu, nu = 2 * b[j] * w0 / b[j - 1], -b[j] / b[j - 2]
        mu_tilde = 2 * b[j] * w1 / b[j - 1]
        gamma = -a[j - 1] * mu_tilde
        new = (1 - mu - nu) * y0 + mu * y[j - 1] + nu * y[j - 2]
        y.append(new + mu_tilde * h * f(t + c[j - 1] * h, y[j - 1]) + gamma * h * f0)
    estimate = 0.8 * (y0 - y[s]) + 0.4 * h * (f0 + f(t + h, y[s]))
    return y[s], estimate


@pytest.mark.parametrize("s", [2, 3, 5, 9])
def test_the_tableau_is_the_recursion_multiplied_out(s):
    y0, t, h = vector(0.7, -0.4), 1.3, 0.8
    expected, estimate = recursion(s, forced, y0, t, h)
    tableau, rates = rkc2(s), []
    for row, time in zip(tableau.stages, tableau.times, strict=True):
        stage = moved(y0, [(h * c, r) for c, r in zip(row, rates, strict=True)])
        rates.append(forced(t + time * h, stage))
    end = moved(y0, [(h * w, r) for w, r in zip(tableau.weights, rates, strict=True)])
    torch.testing.assert_close(end, expected, rtol=1e-12, atol=1e-13)
    rates.append(forced(t + h, end))
    error = moved(0 * y0, [(h * e, r) for e, r in zip(tableau.error, rates, strict=True)])
    torch.testing.assert_close(error, estimate, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("span", [2, 3, 7])
def test_a_span_is_one_step_of_the_recursion(span):
    """What stands at its end, whatever was interpolated on the way."""
    state, s = Point(vector(0.7, -0.4)), len(make_integrator(f"rkc2:{span}").tableau.stages)
    track = run(make_integrator(f"rkc2:{span}"), Equation(forced), state, 3, 2 * span)
    expected, _ = recursion(s, forced, state.x, 3, span)
    expected, _ = recursion(s, forced, expected, 3 + span, span)
    torch.testing.assert_close(track.state.x, expected, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("s", [2, 3, 7])
def test_order_conditions_of_the_tableau(s):
    tableau = rkc2(s)
    weights, times = np.array(tableau.weights), np.array(tableau.times)
    assert weights.sum() == pytest.approx(1, rel=1e-13)
    assert weights @ times == pytest.approx(1 / 2, rel=1e-12)
    assert [sum(row) for row in tableau.stages] == pytest.approx(times.tolist(), abs=1e-13)
    assert sum(tableau.error) == pytest.approx(0, abs=1e-12)  # nothing to say of a straight line


def test_fewer_than_two_stages_are_refused():
    refused(lambda: rkc2(1), "stages is 1")


# --- between two steps ---------------------------------------------------------------------------


@pytest.mark.parametrize("where", [0.25, 0.5, 0.8])
@pytest.mark.parametrize("name", ["rkc2:2", "adaptive:1e6"])
@pytest.mark.parametrize("kind", KINDS)
def test_between_two_ends_it_is_of_third_order(kind, name, where):
    """One interval, ever shorter: its end errs like the length cubed, and so does what is before.

    The second tolerance is so wide that the length is the one that was asked for.
    """
    flow, state, _ = of_the_quadratic(kind)
    integrator, lengths, errors = make_integrator(name), 1 / np.array([4, 8, 16, 32]), []
    for length in lengths:
        track = integrator._interval(flow, integrators.Track(state, begins=T, trial=length))
        assert (track.begins, track.length) == (T, length)
        between = integrator._between(track, where)
        exact = scipy_solution(flow, state, T, where * length)
        errors.append(np.linalg.norm(packed(between) - exact))
    assert slope(lengths, errors) == pytest.approx(3, abs=0.2), errors


@pytest.mark.parametrize("name", ["rkc2:3", "adaptive:0.01"])
def test_what_lies_between_joins_the_ends_and_their_rates(name):
    flow, integrator = Equation(forced), make_integrator(name)
    start = integrators.Track(Point(vector(0.7, -0.4)), begins=2.0, trial=1.5)
    track = integrator._interval(flow, start)
    h = track.length
    ends = [integrator._between(track, x).x for x in (0, 1)]
    assert torch.equal(ends[0], start.state.x)
    for x, end, rate in zip((0, 1), ends, (track.rates[0], track.rates[-1]), strict=True):
        torch.testing.assert_close(rate.x, forced(2 + h * x, end), rtol=1e-12, atol=1e-13)
        beside = [integrator._between(track, x + s * 1e-4).x for s in (1, -1)]
        along = (beside[0] - beside[1]) / (2e-4 * h)
        torch.testing.assert_close(along, rate.x, rtol=0, atol=1e-7)


@pytest.mark.parametrize("name", ALL)
def test_time_goes_on_without_a_gap(name):
    """A rate that is the time itself: every method has its integral exactly, at every step."""
    flow, integrator = Equation(lambda t, x: torch.full_like(x, t)), make_integrator(name)
    track = integrator.begin(Point(vector(0.0)))
    for t in range(5, 30):
        track = integrator.advance(flow, track, t)
        expected = ((t + 1) ** 2 - 5**2) / 2
        assert float(track.state.x) == pytest.approx(expected, rel=1e-12)


# --- what is counted, and with which time --------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
def test_every_evaluation_is_counted(name):
    flow = Equation(forced)
    track = run(make_integrator(name), flow, Point(vector(0.7, -0.4)), 3, 12)
    assert track.evaluations == len(flow.asked)
    expected = {"euler:4": 48, "rk4": 48, "rk4:2": 96}
    assert track.evaluations == expected.get(name, track.evaluations)
    if name.startswith("rkc2"):  # the rate at an end serves the next interval
        span = int(name[-1])
        stages = len(make_integrator(name).tableau.stages)
        assert track.evaluations == 12 // span * stages + 1


def test_the_times_at_which_a_flow_is_asked():
    def asked(name, steps=1):
        flow = Equation(forced)
        run(make_integrator(name), flow, Point(vector(0.7, -0.4)), 3, steps)
        return flow.asked

    assert asked("euler:4", 2) == [3.5] * 4 + [4.5] * 4
    assert asked("rk4") == [3, 3.5, 3.5, 4]
    assert asked("rk4:2") == [3, 3.25, 3.25, 3.5, 3.5, 3.75, 3.75, 4]
    times = asked("rkc2:2", 4)
    assert [times[0], *times[-1:]] == [3, 7] and times == sorted(times)
    assert times.count(5) == 1


@pytest.mark.parametrize("name", ["adam", "nadam", "scalar_adam"])
def test_the_counter_of_euler_is_the_paper_s(name):
    """G.2: all substeps of the step from t have the optimizer's corrections, 1 - beta^(t+1)."""
    rule, steps, substeps = make(name, 0.05, 0.6, 0.8), 3, 4
    start, twin = some_state(rule, 2, 1, 0.5), twin_of(name, rule)
    track = run(make_integrator(f"euler:{substeps}"), StableFlow(rule, Valley()), start, 2, steps)
    z, nu = start.z.numpy(), start.nu.numpy()
    for t in range(2, 2 + steps):
        for _ in range(substeps):
            dz, dnu = twin.stable_rate(z, nu, Valley().numpy_gradient, t)
            z, nu = z + dz / substeps, nu + dnu / substeps
    np.testing.assert_allclose(track.state.z, z, rtol=1e-12, atol=0)
    np.testing.assert_allclose(track.state.nu, nu, rtol=1e-12, atol=0)


# --- states of any form --------------------------------------------------------------------------


class Inner(NamedTuple):
    b: torch.Tensor
    pair: tuple
    nothing: None


class Outer(NamedTuple):
    a: torch.Tensor
    nothing: None
    inner: Inner


def nested(x):
    return Outer(x[:2], None, Inner(x[2:3], (x[3:], None), None))


class Nested:
    title = "nested"

    def rate(self, state, t):
        flat = torch.cat((state.a, state.inner.b, state.inner.pair[0]))
        return nested(torch.cat((forced(t, flat[:2]), forced(t, flat[2:]))))


@pytest.mark.parametrize("name", ALL)
def test_a_state_may_be_nested_and_hold_nothing(name):
    start = vector(0.7, -0.4, 0.2, 0.3)
    track = run(make_integrator(name), Nested(), nested(start.clone()), 3, 5)
    if name.startswith("adaptive"):  # it looks at the parts of a state one by one
        assert track.trial != 1 and torch.isfinite(track.state.a).all()
        return
    flat = Equation(lambda t, x: torch.cat((forced(t, x[:2]), forced(t, x[2:]))))
    expected = nested(run(make_integrator(name), flat, Point(start), 3, 5).state.x)
    found = track.state
    assert type(found) is Outer and type(found.inner) is Inner
    assert found.nothing is found.inner.nothing is found.inner.pair[1] is None
    for a, b in zip(
        (found.a, found.inner.b, found.inner.pair[0]),
        (expected.a, expected.inner.b, expected.inner.pair[0]),
        strict=True,
    ):
        assert torch.equal(a, b)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_it_is_given_changes(kind, name):
    flow, state, _ = of_the_quadratic(kind)
    kept = packed(state)
    integrator = make_integrator(name)
    track = integrator.begin(state)
    for t in range(3, 7):
        before = track.state, packed(track.state)
        track = integrator.advance(flow, track, t)
        np.testing.assert_array_equal(packed(before[0]), before[1])
    np.testing.assert_array_equal(packed(state), kept)


def test_an_error_is_that_of_the_worst_part():
    """A long vector that hardly moves does not hide a short one that does."""
    still = vector(*[1e6] * 50)

    def parts(t, state):
        return Outer(0 * state.a, None, Inner(-8 * state.inner.b, (0 * state.inner.b, None), None))

    class Mixed:
        rate = staticmethod(lambda state, t: parts(t, state))

    alone = Equation(lambda t, x: -8 * x)
    state = Outer(still, None, Inner(vector(1.0), (vector(0.0), None), None))
    mixed = run(make_integrator("adaptive:0.01"), Mixed(), state, 3, 4)
    expected = run(make_integrator("adaptive:0.01"), alone, Point(vector(1.0)), 3, 4)
    assert mixed.evaluations == expected.evaluations and mixed.trial == expected.trial
    assert torch.equal(mixed.state.inner.b, expected.state.x)


def test_the_estimate_is_relative_to_what_an_optimizer_step_moves_part_by_part():
    """Each part's estimate over the longer of its rates at both ends, on dense matrices."""
    h, tableau = 0.7, rkc2(2)
    rates, dense = [], []
    for seed, size in ((1, 1.0), (2, 3.0), (3, 0.1)):
        extent = rod(random(seed, 3))
        rate = RodState(
            size * random(seed + 10, 3), None, ExtentRate(extent, random(seed + 20, 2, 3), 0.5, 2)
        )
        rates.append(rate)
        drive = rate.extent.drive
        dense.append((rate.z, -2 * extent.dense() + 0.5 * drive.T @ drive))
    for order in (slice(None), slice(None, None, -1)):
        expected = []
        for part in range(2):
            ours = [rate[part] for rate in dense[order]]
            estimate = sum(h * e * r for e, r in zip(tableau.error, ours, strict=True)).norm()
            expected.append(float(estimate / max(ours[0].norm(), ours[-1].norm())))
        found = make_integrator("adaptive")._error(tableau, h, rates[order])
        assert found == pytest.approx(max(expected), rel=1e-12)


@pytest.mark.parametrize("tolerance", [1e-2, 1e-3, 1e-4])
def test_the_length_of_a_step_settles_where_few_are_rejected(tolerance):
    """On a steady rotation the right length is always the same."""
    flow = Equation(lambda t, x: torch.stack((x[1], -x[0])))
    integrator = make_integrator(f"adaptive:{tolerance}")
    track, used, lengths, t = integrator.begin(Point(vector(1.0, 0.0))), 1, [], 3.0
    track = track._replace(begins=t)
    while t < 40:
        track = integrator._interval(flow, track)
        t = track.begins + track.length
        used += len(track.rates) - 1
        lengths.append(track.length)
    assert track.evaluations < 1.1 * used
    assert max(lengths[5:]) < 1.1 * min(lengths[5:])


# --- what goes wrong -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "f", [lambda t, x: x**2, lambda t, x: x * math.nan, lambda t, x: torch.sqrt(4.5 - t - 0 * x)]
)
def test_an_adaptive_step_that_collapses_says_so(f):
    """At 1 / (4 - t), which has an end; without any rate at all; where rates cease to exist."""
    integrator = make_integrator("adaptive:0.001")
    track = integrator.begin(Point(vector(1.0)))
    for t in range(3, 6):
        before, track = track, integrator.advance(Equation(f), track, t)
    assert track.trouble == "the adaptive step fell below 0.001 of an optimizer step."
    assert track.state is before.state and track.evaluations >= before.evaluations
    assert torch.isfinite(track.state.x).all()


@dataclass(frozen=True)
class Ends(StableFlow):
    """A flow that comes to an end in finite time, on step 6."""

    def rate(self, state, t):
        rate = super().rate(state, t)
        return rate._replace(z=rate.z / math.sqrt(5.5 - t) if t < 5.5 else rate.z * math.nan)


def test_the_lockstep_marks_the_flow_with_that_sentence_and_the_others_do_not_notice():
    rule, objective = make("adam", 0.05), Valley()
    sound = {"sf": StableFlow(rule, objective)}
    methods = {"sf": make_integrator("adaptive:0.001"), "bad": make_integrator("adaptive:0.001")}
    w, options = vector(0.5, -0.4), {"warmup": 3, "steps": 6, "spectrum_every": 0}
    run = Lockstep(
        rule, objective, {"bad": Ends(rule, objective), **sound}, integrators=methods, **options
    )
    progress = run.run(w)
    (tag,) = progress.failed
    assert tag == "bad" and progress.failed["bad"] in (5, 6) and set(progress.troubles) == {"bad"}
    assert progress.troubles["bad"] == progress.tracks["bad"].trouble
    assert is_one_sentence(progress.troubles["bad"]) and "0.001" in progress.troubles["bad"]
    marked = progress.failed["bad"] - 3
    losses = np.array(progress.records["bad_loss"])
    assert np.isfinite(losses[:marked]).all() and np.isnan(losses[marked:]).all()
    alone = Lockstep(rule, objective, sound, integrators={"sf": methods["sf"]}, **options).run(w)
    assert progress.records["sf_loss"] == alone.records["sf_loss"]


# --- flows without a rate ------------------------------------------------------------------------


class Halves:
    """Its own Euler substep."""

    title = "flow with a substep"

    def __init__(self):
        self.asked = []

    def substep(self, state, t, dt):
        self.asked.append((t, dt))
        return Point(state.x * (1 - dt))


class Copies:
    """A whole step of its own."""

    title = "flow with a step"

    def __init__(self):
        self.asked = []

    def step(self, state, t):
        self.asked.append(t)
        return Point(state.x * 2)


def test_a_substep_of_its_own_is_taken_by_euler_and_refused_by_others():
    flow = Halves()
    track = run(make_integrator("euler:2"), flow, Point(vector(1.0)), 3, 2)
    assert flow.asked == [(3, 0.5)] * 2 + [(4, 0.5)] * 2 and track.evaluations == 4
    assert float(track.state.x) == 0.5**4
    for name in ALL[1:]:
        refused(
            lambda name=name: run(make_integrator(name), flow, Point(vector(1.0)), 3, 1),
            "the flow with a substep has a substep but no rate, which .* needs",
        )


@pytest.mark.parametrize("name", ALL)
def test_a_whole_step_of_its_own_is_taken_whatever_the_method(name):
    flow = Copies()
    track = run(make_integrator(name), flow, Point(vector(1.0)), 3, 3)
    assert flow.asked == [3, 4, 5] and track.evaluations == 3 and float(track.state.x) == 8


@pytest.mark.parametrize("name", ALL)
def test_a_flow_that_does_not_move_is_refused(name):
    class Nothing:
        title = "flow of nothing"

    refused(
        lambda: run(make_integrator(name), Nothing(), Point(vector(1.0)), 3, 1),
        "the flow of nothing has neither rate nor substep nor step",
    )


# --- names ---------------------------------------------------------------------------------------


def test_names_and_their_numbers():
    defaults = {"euler": "euler:4", "rk4": "rk4:1", "rkc2": "rkc2:2", "adaptive": "adaptive:0.01"}
    assert set(defaults) == set(INTEGRATORS)
    for short, name in defaults.items():
        assert make_integrator(short) == make_integrator(name)
        assert make_integrator(name).name == name
    assert make_integrator() == make_integrator(integrators.PAPER) == integrators.euler()
    assert make_integrator("euler:3").length == pytest.approx(1 / 3)
    assert make_integrator("rkc2:5").length == 5
    assert make_integrator("adaptive:1e-5").tolerance == 1e-5


@pytest.mark.parametrize("name", ["heun", "", ":4", "RK4", "euler4", None])
def test_an_unknown_name_is_refused_with_the_known_ones(name):
    refused(lambda: make_integrator(name), "unknown integrator .*" + ".*".join(INTEGRATORS))


@pytest.mark.parametrize(
    "name",
    ["euler:0", "euler:-4", "euler:2.5", "euler:x", "euler:inf", "rk4:0", "rkc2:0", "rkc2:1.5"]
    + ["euler:10000000", "adaptive:0", "adaptive:-1", "adaptive:nan", "adaptive:inf", "euler:4:4"],
)
def test_a_number_out_of_range_is_refused(name):
    refused(lambda: make_integrator(name), f"integrator '{name}': .* must be a positive")
