"""Central flow and Edge Flow against dense algebra, closed forms and each other's limits."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from rodflow_core.central_flow import CentralFlow
from rodflow_core.checkpoint import Checkpoint
from rodflow_core.edge_flow import EdgeFlow, EdgeState
from rodflow_core.flows import DriftFreeRod, DriftFreeState, StableFlow
from rodflow_core.integrators import make_integrator
from rodflow_core.landscapes import Linear, Quadratic, Quartic
from rodflow_core.lockstep import Lockstep
from rodflow_core.objective import FunctionObjective, ModuleObjective
from rodflow_core.optimizers import State, make_rule

RULES = {
    "gd": make_rule("gd", 0.1),
    "scalar_rmsprop": make_rule("scalar_rmsprop", 0.1, beta2=0.9),
    "rmsprop": make_rule("rmsprop", 0.1, beta2=0.9, epsilon=1e-3),
}


def exact(numbers):
    return torch.tensor(numbers, dtype=torch.float64)


def landscape(seed=0, dim=5):
    """A generic smooth loss with derivatives of all orders."""
    draw = torch.Generator().manual_seed(seed)
    mix = torch.randn(7, dim, generator=draw, dtype=torch.float64)
    tilt = torch.randn(dim, generator=draw, dtype=torch.float64)

    def loss(w):
        inner = mix @ w
        return (inner**2 / 2 + 0.3 * inner**3 / 3 + torch.cosh(inner / 2)).sum() + tilt @ w

    return FunctionObjective(loss, dim), loss


def point(dim=5, seed=1):
    draw = torch.Generator().manual_seed(seed)
    return 0.3 * torch.randn(dim, generator=draw, dtype=torch.float64)


# --- derivatives ---------------------------------------------------------------------------------


def dense_jet(function, w, directions):
    gradient = torch.func.grad(function)(w)
    hessian = torch.func.hessian(function)(w)
    third = torch.func.jacfwd(torch.func.hessian(function))(w)  # [i, j, k], k the derivative's
    turns = [
        torch.einsum("ijk,i,j->k", third, directions[i], directions[j])
        for i in range(len(directions))
        for j in range(i, len(directions))
    ]
    return gradient, directions @ hessian, torch.stack(turns)


def assert_jets_agree(found, expected):
    for mine, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-10, atol=1e-12)


def test_a_function_gives_its_third_derivatives():
    objective, loss = landscape()
    directions = torch.randn(3, 5, dtype=torch.float64)
    assert_jets_agree(objective.jet(point(), directions), dense_jet(loss, point(), directions))


@pytest.mark.parametrize("microbatch", [None, 2])
def test_a_network_gives_its_third_derivatives(microbatch):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double()
    x, y = torch.randn(5, 3).double(), torch.randn(5, 2).double()
    objective = ModuleObjective(net, (x, y), microbatch=microbatch)
    shapes = [p.shape for p in net.parameters()]

    def loss(w):
        parts = w.split([s.numel() for s in shapes])
        named = [p.view(s) for p, s in zip(parts, shapes, strict=True)]
        out = torch.tanh(x @ named[0].T + named[1]) @ named[2].T + named[3]
        return 0.5 * (out - y).square().sum(-1).mean()

    w, directions = objective.initial_weights(), torch.randn(2, objective.dim).double()
    assert_jets_agree(objective.jet(w, directions), dense_jet(loss, w, directions))


@pytest.mark.parametrize(
    "named",
    [
        Linear(torch.randn(4).double()),
        Quadratic(torch.randn(4).double()),
        Quartic(torch.rand(4).double() + 1, exact(0.7)),
    ],
    ids=["linear", "quadratic", "quartic"],
)
def test_the_landscapes_give_their_third_derivatives(named):
    w, directions = torch.randn(4).double(), torch.randn(2, 4).double()
    assert_jets_agree(named.jet(w, directions), dense_jet(named.value, w, directions))


def test_a_loss_with_no_curvature_has_a_jet():
    linear = nn.Linear(3, 1, bias=False).double()

    def mean_output(out, y):
        return out[:, 0]

    x = torch.ones(2, 3).double()
    jet = ModuleObjective(linear, (x, x), mean_output).jet(torch.zeros(3).double(), x)
    assert jet.products.abs().max() == 0 and jet.turns.abs().max() == 0
    assert jet.gradient.tolist() == [1, 1, 1]


# --- central flow --------------------------------------------------------------------------------


def preconditioner(rule, nu):
    """The diagonal of P, the learning rate apart, written down once more."""
    if nu is None:
        return torch.ones(5, dtype=torch.float64)
    return (nu.sqrt() + rule.second_moment.epsilon) * torch.ones(5, dtype=torch.float64)


def dense_substep(rule, loss, z, nu, dt):
    """One substep of central flow with one direction, from dense derivatives alone."""
    eta, d = rule.learning_rate, len(z)
    p = preconditioner(rule, nu)
    gradient, hessian = torch.func.grad(loss)(z), torch.func.hessian(loss)(z)
    half = p.rsqrt()
    values, vectors = torch.linalg.eigh(half[:, None] * hessian * half)
    u = half * vectors[:, -1]

    def velocity(x):
        pull = torch.func.grad(lambda w: u @ torch.func.hessian(loss)(w) @ u)(z)
        return -eta * (gradient + 0.5 * x * pull) / p

    def rate(x):
        if nu is None:
            return None
        product = hessian @ u
        target = gradient**2 + x * product**2
        target = target.sum() if nu.ndim == 0 else target
        b2 = rule.second_moment.beta2
        return (1 - b2) / b2 * (target - nu)

    def gap(x):
        """(2/eta) u'Pu - u'Hu, extrapolated to the end of the substep by its own derivative."""

        def along(s):
            moved = None if nu is None else nu + s * rate(x)
            q = preconditioner(rule, moved)
            return 2 / eta * (u**2 @ q) - u @ torch.func.hessian(loss)(z + s * velocity(x)) @ u

        at = torch.tensor(0.0, dtype=torch.float64)
        value, slope = torch.func.jvp(along, (at,), (torch.ones_like(at),))
        return float(value + dt * slope)

    # The gap is linear in x: closed form from two values.
    zero, one = gap(0.0), gap(1.0)
    x = max(0.0, -zero / (one - zero)) if float(values[-1]) > 0.975 * 2 / eta else 0.0
    new = None if nu is None else nu + dt * rate(x)
    assert d == 5
    return z + dt * velocity(x), new, x


def at_the_edge(name, factor):
    """A rule whose threshold the landscape's leading eigenvalue is `factor` times."""
    objective, loss = landscape()
    z = point()
    rule = RULES[name]
    nu = rule.second_moment.initial(z)
    if nu is not None:
        followed = rule.second_moment.target(torch.func.grad(loss)(z), None)
        nu = followed * (1 + 0.1 * torch.cos(torch.arange(nu.numel()).double()).reshape(nu.shape))
    half = preconditioner(rule, nu).rsqrt()
    top = torch.linalg.eigvalsh(half[:, None] * torch.func.hessian(loss)(z) * half)[-1]
    given = {k: getattr(rule.second_moment, k) for k in ("beta2", "epsilon") if nu is not None}
    return objective, loss, State(z, nu), make_rule(name, factor * 2 / float(top), **given)


@pytest.mark.parametrize("factor", [0.9, 1.0, 1.02])
@pytest.mark.parametrize("name", RULES)
def test_a_substep_is_what_dense_derivatives_give(name, factor):
    objective, loss, start, rule = at_the_edge(name, factor)
    flow = CentralFlow(rule, objective, tolerance=1e-13)
    found = flow.substep(flow.initial(start, start), t=0, dt=0.25)
    z, nu, x = dense_substep(rule, loss, start.z, start.nu, 0.25)
    assert (x > 0) == (factor >= 1)
    torch.testing.assert_close(found.z, z, rtol=1e-9, atol=1e-12)
    if nu is not None:
        torch.testing.assert_close(found.nu, nu, rtol=1e-9, atol=1e-12)
    assert len(found.factors) == (0 if factor < 0.97 else 1)
    if factor > 1:
        covariance = float(torch.trace(found.factors.T @ found.factors))
        half = preconditioner(rule, start.nu).rsqrt()
        dense = torch.linalg.eigh(half[:, None] * torch.func.hessian(loss)(start.z) * half)
        u = half * dense.eigenvectors[:, -1]
        assert covariance == pytest.approx(x * float(u @ u), rel=1e-8)


def run(flow, start, steps, substeps=4):
    state = flow.initial(start, start)
    for t in range(steps):
        state = make_integrator(f"euler:{substeps}").leap(flow, state, t)
    return state


def test_below_the_threshold_it_is_the_stable_flow():
    objective, _, start, rule = at_the_edge("rmsprop", 0.5)
    central, stable = CentralFlow(rule, objective), StableFlow(rule, objective)
    mine, theirs = run(central, start, 3), stable.initial(start, start)
    for t in range(3):
        theirs = make_integrator("euler:4").leap(stable, theirs, t)
    torch.testing.assert_close(mine.z, theirs.z, rtol=0.02, atol=1e-4)
    assert not len(mine.factors)


@pytest.mark.parametrize("push", [0.2, 1.0])
def test_a_sharpening_valley_is_held_at_its_edge(push):
    """L = y x^2 / 2 - push y with eta = 2: y rises to 1, and <x^2> = 2 push holds it there."""
    valley = FunctionObjective(lambda w: w[1] * w[0] ** 2 / 2 - push * w[1], 2)
    flow = CentralFlow(make_rule("gd", 2.0), valley)
    state = run(flow, State(exact([0.0, 0.2]), None), 20)
    assert float(state.z[1]) == pytest.approx(1, abs=1e-9)
    assert float(state.factors.square().sum()) == pytest.approx(2 * push, rel=1e-9)
    assert flow.measure(state, [State(state.z, None)] * 3)["iterate_loss"] == pytest.approx(
        0.5 * 2 * push - push, abs=1e-9
    )


def test_two_directions_enter_one_after_the_other():
    """Two valleys with a push each: both are held, their covariance is diagonal."""

    def loss(w):
        x, y, s, r = w
        return s * x**2 / 2 + r * y**2 / 2 - 0.05 * s - 0.03 * r

    flow = CentralFlow(make_rule("gd", 2.0), FunctionObjective(loss, 4))
    start = State(exact([0.0, 0.0, 0.8, 0.5]), None)
    first = run(flow, start, 4)
    assert len(first.factors) == 1
    state = run(flow, start, 20)
    covariance = state.factors.T @ state.factors
    assert state.z[2:].tolist() == pytest.approx([1, 1], abs=1e-6)
    assert covariance.diagonal()[:2].tolist() == pytest.approx([0.1, 0.06], rel=1e-6)
    assert float(covariance[0, 1]) == pytest.approx(0, abs=1e-8)
    assert float(state.residual) < 1e-9


def test_curvature_that_nothing_brings_down_has_no_answer():
    flow = CentralFlow(make_rule("gd", 1.0), Quadratic(exact([2.5, 1.0])))
    state = run(flow, State(torch.ones(2).double(), None), 1)
    assert torch.isnan(state.z).all()


def test_the_quartic_is_held_away_from_where_the_rod_stands():
    """Off the axis the constraint drives the centre out to where the curvature is 2 / eta."""
    quartic = Quartic(exact([2.2]), exact(1.0))
    flow = CentralFlow(make_rule("gd", 1.0), quartic)
    state = run(flow, State(exact([0.05]), None), 40)
    assert abs(float(state.z)) == pytest.approx(math.sqrt(0.2 / 3), rel=1e-6)


def test_float32_follows_float64():
    objective, _, start, rule = at_the_edge("rmsprop", 1.02)
    single = State(start.z.float(), start.nu.float())
    wide = run(CentralFlow(rule, objective), start, 2)
    found = run(CentralFlow(rule, landscape_in(torch.float32)), single, 2)
    assert found.z.dtype == torch.float32
    torch.testing.assert_close(found.z.double(), wide.z, rtol=1e-3, atol=1e-4)


def landscape_in(dtype):
    wide, loss = landscape()
    return FunctionObjective(lambda w: loss(w.double()).to(dtype), wide.dim)


@pytest.mark.parametrize("make", [CentralFlow, EdgeFlow])
def test_what_they_are_not_defined_for_is_refused(make):
    with pytest.raises(ValueError, match="is defined for .* only"):
        make(make_rule("adam", 0.1), landscape()[0])
    with pytest.raises(ValueError, match="is defined for gradient descent only"):
        EdgeFlow(make_rule("rmsprop", 0.1), landscape()[0])


def test_central_flow_needs_third_derivatives_and_a_direction():
    class Bare:
        dim = 2
        value = gradients = hvp = None

    with pytest.raises(ValueError, match="needs third derivatives"):
        CentralFlow(RULES["gd"], Bare())
    with pytest.raises(ValueError, match="most is 0"):
        CentralFlow(RULES["gd"], landscape()[0], most=0)


# --- Edge Flow -----------------------------------------------------------------------------------


def test_edge_flow_is_the_drift_free_rod_in_the_limit_of_a_short_rod():
    objective, _, start, rule = at_the_edge("gd", 1.02)
    edge, free = EdgeFlow(rule, objective), DriftFreeRod(rule, objective, leak=0.0)
    way = torch.randn(5, dtype=torch.float64)
    way /= way.norm()
    apart = []
    for length in (1e-2, 1e-3):
        mine = edge.rate(EdgeState(start.z, way, exact(length)), 0.0)
        theirs = free.rate(DriftFreeState(start.z, None, length * way), 0.0)
        delta = mine.magnitude * way + length * mine.direction
        torch.testing.assert_close(mine.z, theirs.z, rtol=1e-12, atol=1e-14)
        apart.append(float((delta - theirs.half_displacement).norm()) / length)
    assert apart[0] < 1e-2 and apart[1] < 1.1e-2 * apart[0]  # the square of the length


def test_the_direction_turns_to_the_leading_eigenvector():
    hessian = torch.diag(exact([3.0, 2.0, 1.0]))
    flow = EdgeFlow(make_rule("gd", 1.0), Quadratic(hessian))
    state = EdgeState(torch.zeros(3).double(), torch.ones(3).double(), exact(1e-3))
    for t in range(20):
        state = make_integrator("rk4").leap(flow, state, t)
    u = state.direction / state.direction.norm()
    assert abs(float(u[0])) == pytest.approx(1, abs=1e-6)


def test_edge_flow_rests_where_the_curvature_at_its_centre_is_at_the_edge():
    """On the sharpening valley, eta = 2: at y = 1, with the magnitude sqrt(2 push)."""
    valley = FunctionObjective(lambda w: w[1] * w[0] ** 2 / 2 - 0.05 * w[1], 2)
    flow = EdgeFlow(make_rule("gd", 2.0), valley)
    ahead, still = exact([1.0, 0.0]), exact([0.0, 1.0])
    for rate in flow.rate(EdgeState(still, ahead, exact(0.1).sqrt()), 0.0):
        assert float(rate.abs().max()) == pytest.approx(0, abs=1e-12)
    # Sharper, the oscillation grows; longer, it flattens the valley.
    sharper = flow.rate(EdgeState(1.1 * still, ahead, exact(0.1)), 0.0)
    assert float(sharper.magnitude) == pytest.approx((2 * 1.1 - 2) * 0.1)
    longer = flow.rate(EdgeState(still, ahead, exact(0.5)), 0.0)
    assert float(longer.z[1]) == pytest.approx(-2 * (0.25 / 2 - 0.05))


def test_edge_flow_starts_from_what_alternates():
    states = [State(exact([x, 1.0]), None) for x in (0.3, -0.1, 0.5)]
    state = EdgeFlow(RULES["gd"], landscape()[0]).initial(*states)
    assert float(state.magnitude) == pytest.approx(0.25 * (0.5 + 0.2 + 0.3))
    assert state.half_displacement.tolist() == pytest.approx([0.25, 0.0])
    still = EdgeFlow(RULES["gd"], landscape()[0]).initial(states[0], states[0], states[0])
    assert still.magnitude == 0 and torch.isfinite(still.direction).all()


def test_both_run_beside_the_optimizer(tmp_path):
    """As columns of a lockstep, resumed from a checkpoint to the same bits."""
    objective, _, start, rule = at_the_edge("gd", 0.98)
    flows = {"central": CentralFlow(rule, objective), "edge": EdgeFlow(rule, objective)}
    lockstep = Lockstep(rule, objective, flows, warmup=4, steps=6)
    whole = lockstep.run(start.z).records
    assert all(math.isfinite(x) for x in whole["dist_wbar_disc_to_central"])
    assert all(x > 0 for x in whole["delta_norm_edge"])
    keeper = Checkpoint(tmp_path / "run.checkpoint", {}, every=0.0)
    replace(lockstep, steps=3).run(start.z, checkpoint=keeper)
    assert keeper.path.exists()
    again = lockstep.run(start.z, checkpoint=keeper).records
    assert set(again) == set(whole)
    for name, series in whole.items():
        np.testing.assert_array_equal(series, again[name])
