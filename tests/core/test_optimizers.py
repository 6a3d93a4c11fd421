"""The discrete steps, against torch.optim and independent implementations; and the nine rows."""

import math

import numpy as np
import pytest
import torch
from toolkit import (
    NINE,
    Network,
    Valley,
    is_one_sentence,
    iterate,
    make,
    probed_weights,
    random,
    some_state,
    twin_of,
)

from rodflow_core import theory
from rodflow_core.landscapes import Quadratic
from rodflow_core.optimizers import (
    OPTIMIZERS,
    Dozat,
    HeavyBall,
    Nesterov,
    NoMomentum,
    PerComponentSecondMoment,
    ScalarSecondMoment,
    State,
    UpdateRule,
    make_rule,
)

STEPS = 200


class StepContract:
    """What every update rule owes; ``name`` is given by the class that inherits."""

    def test_equals_the_step_that_displacement_and_preconditioner_imply(self, name):
        """z' = z + F(z) with P of the new second moment, the gradient taken by autograd."""
        network, rule = Network(), make(name, 0.05)
        states = iterate(rule, network.objective(), rule.initial_state(network.weights()), 5)
        for t, (state, new) in enumerate(zip(states, states[1:], strict=False)):
            c1, c2 = rule.corrections(t)
            g = torch.func.grad(network.loss)(rule.gradient_point(state.z))
            p = rule.preconditioner(new.nu, c2)
            f = rule.displacement(state.z, g, p, c1)
            torch.testing.assert_close(new.z, state.z + f, rtol=0, atol=1e-14)

    def test_equals_its_numpy_twin(self, name):
        """Any start, both moments at work, in the bowl of the tests."""
        rule, valley = make(name, 0.05, 0.8), Valley()
        start, twin = some_state(rule, 2, scale=0.5), twin_of(name, rule)
        nu = None if start.nu is None else start.nu.numpy()
        z = start.z.numpy()
        for t, state in enumerate(iterate(rule, valley, start, STEPS)):
            np.testing.assert_allclose(state.z, z, rtol=0, atol=1e-12)
            if nu is not None:
                np.testing.assert_allclose(state.nu, nu, rtol=1e-10, atol=0)
            z, nu = twin.step(z, nu, valley.numpy_gradient, t)

    def test_displacement_is_linear_in_point_and_gradient(self, name):
        """The tangent of every rule rests on this."""
        rule = make(name, 0.3)
        state, other = some_state(rule, 3, 1), some_state(rule, 3, 2)
        p, (g, h) = rule.preconditioner(state.nu), random(3, 2, 3)
        combined = rule.displacement(state.z + 2 * other.z, g + 2 * h, p, 0.7)
        parts = rule.displacement(state.z, g, p, 0.7), rule.displacement(other.z, h, p, 0.7)
        torch.testing.assert_close(combined, parts[0] + 2 * parts[1], rtol=1e-13, atol=1e-14)
        points = rule.gradient_point(state.z), rule.gradient_point(other.z)
        moved = rule.gradient_point(state.z + 2 * other.z)
        torch.testing.assert_close(moved, points[0] + 2 * points[1], rtol=1e-13, atol=1e-14)

    def test_stacks_of_points_equal_single_ones(self, name):
        rule = make(name, 0.3)
        p = rule.preconditioner(some_state(rule, 3).nu)
        z = torch.stack([some_state(rule, 3, seed).z for seed in range(4)]).view(2, 2, -1)
        g = random(5, 2, 2, 3)
        stacked, points = rule.displacement(z, g, p, 0.9), rule.gradient_point(z)
        assert stacked.shape == z.shape and points.shape == g.shape
        for i, j in np.ndindex(2, 2):
            single = rule.displacement(z[i, j], g[i, j], p, 0.9)
            torch.testing.assert_close(stacked[i, j], single, rtol=1e-15, atol=0)
            torch.testing.assert_close(points[i, j], rule.gradient_point(z[i, j]), rtol=0, atol=0)

    def test_at_rest_where_the_gradient_vanishes(self, name):
        rule, valley = make(name, 0.3), Valley()
        for state in iterate(rule, valley, rule.initial_state(torch.zeros(2).double()), 3):
            assert torch.equal(state.z, torch.zeros_like(state.z))

    def test_steps_change_nothing_that_they_are_given(self, name):
        rule, valley = make(name, 0.3), Valley()
        state = some_state(rule, 2)
        kept = [None if x is None else x.clone() for x in state]
        first, second = rule.step(valley, state, 3), rule.step(valley, state, 3)
        assert torch.equal(first.z, second.z)
        assert all(a is b or torch.equal(a, b) for a, b in zip(state, kept, strict=True))

    def test_dtype_follows_the_weights(self, name):
        rule = make(name, 0.3)
        start = rule.initial_state(torch.ones(2, dtype=torch.float32))
        for state in iterate(rule, Valley(), start, 2):
            assert {x.dtype for x in state if x is not None} == {torch.float32}

    def test_initial_state_has_zero_moments_and_its_own_memory(self, name):
        rule, w = make(name, 0.3), random(6, 3)
        state, kept = rule.initial_state(w), w.clone()
        state.z.add_(1)
        assert torch.equal(w, kept)
        point, m = rule.split(state.z)
        assert torch.equal(point, w + 1)
        assert m is None or torch.equal(m, torch.ones(3).double())
        assert state.nu is None or not state.nu.any()


@pytest.mark.parametrize("name", NINE)
class TestNine(StepContract):
    def test_weights_are_those_of_the_closed_forms(self, name):
        """The rules and the theory write the same update, each in its own way."""
        rule = make(name, 0.3, 0.7)
        expected = theory.update_weights(theory.OPTIMIZER_MOMENTUM[name], rule.momentum.beta)
        np.testing.assert_allclose(probed_weights(rule), expected, rtol=1e-14, atol=1e-16)

    def test_bias_corrections_are_278(self, name):
        rule = make(name, 0.3, 0.7, 0.95)
        for t in (0, 1, 9):
            expected = theory.bias_corrections(t, 0.7, 0.95) if "adam" in name else (1, 1)
            assert rule.corrections(t) == pytest.approx(expected, rel=1e-14)


# --- how the rules are related -------------------------------------------------------------------


@pytest.mark.parametrize("name", NINE)
def test_without_decay_of_the_first_moment_it_is_the_rule_without_one(name):
    """beta1 = 0 leaves the gradient itself: three families collapse to their first member."""
    simplest = {"none": "gd", "scalar": "scalar_rmsprop", "component": "rmsprop"}
    kind = OPTIMIZERS[name].second_moment
    kinds = {ScalarSecondMoment: "scalar", PerComponentSecondMoment: "component"}
    rule, base = make(name, 0.05, 0.0), make(simplest[kinds.get(kind, "none")], 0.05)
    # RMSProp's second moment is not corrected: start both from the same, late.
    state = some_state(base, 2)
    z = torch.cat((state.z, torch.zeros(2).double())) if rule.has_moment else state.z
    ours = iterate(rule, Valley(), State(z, state.nu), 20, t=10**6)
    for a, b in zip(ours, iterate(base, Valley(), state, 20), strict=True):
        torch.testing.assert_close(rule.split(a.z)[0], b.z, rtol=0, atol=1e-14)


@pytest.mark.parametrize("scalar", ["scalar_rmsprop", "scalar_adam", "scalar_nadam"])
def test_in_one_dimension_scalar_and_per_component_are_one(scalar):
    objective, w = Quadratic(torch.ones(1, 1).double()), random(0, 1)
    rules = [make(name, 0.05) for name in (scalar, scalar.removeprefix("scalar_"))]
    paths = [iterate(rule, objective, rule.initial_state(w), 50) for rule in rules]
    for a, b in zip(*paths, strict=True):
        torch.testing.assert_close(a.z, b.z, rtol=1e-13, atol=0)


def test_dozat_is_nesterov_in_the_coordinate_of_its_look_ahead_point():
    """E.2: theta = w - eta beta m, from any start."""
    valley, z = Valley(), 0.5 * random(1, 4)
    rules = UpdateRule(0.3, Nesterov(0.8)), UpdateRule(0.3, Dozat(0.8))
    theta = torch.cat((rules[0].gradient_point(z), z[2:]))
    pairs = zip(
        *(iterate(r, valley, State(s, None), 50) for r, s in zip(rules, (z, theta), strict=True)),
        strict=True,
    )
    for a, b in pairs:
        torch.testing.assert_close(rules[0].gradient_point(a.z), b.z[:2], rtol=0, atol=1e-14)


@pytest.mark.parametrize("shape", [(), (3,)])
def test_a_preconditioner_is_an_operator_with_an_inverse_and_a_root(shape):
    p = ScalarSecondMoment(0.9, 1e-3).preconditioner(random(2, *shape).square())
    v = random(3, 5, 3)
    dense = torch.diag((random(2, *shape).abs() + 1e-3).expand(3))
    torch.testing.assert_close(p.apply(v), v @ dense, rtol=1e-13, atol=0)
    torch.testing.assert_close(p.inv(v), v @ torch.linalg.inv(dense), rtol=1e-13, atol=0)
    torch.testing.assert_close(p.inv_sqrt(p.inv_sqrt(v)), p.inv(v), rtol=1e-13, atol=0)


# --- what is refused -----------------------------------------------------------------------------

BAD_RATES = [0, -0.1, math.nan, math.inf, -math.inf]
BAD_BETAS = [-0.1, 1, 1.5, math.nan, math.inf]


def assert_refused(build, says):
    with pytest.raises(ValueError, match=says) as caught:
        build()
    assert is_one_sentence(str(caught.value))


def test_an_unknown_optimizer_is_refused_with_the_known_ones():
    assert_refused(lambda: make_rule("adamw", 0.1), "'adamw'.*" + ".*".join(OPTIMIZERS))


@pytest.mark.parametrize("name", NINE)
@pytest.mark.parametrize("value", BAD_RATES)
def test_a_learning_rate_that_is_not_positive_is_refused(name, value):
    assert_refused(lambda: make_rule(name, value), f"learning_rate is {value}")


@pytest.mark.parametrize("name", NINE)
@pytest.mark.parametrize("key", ["beta1", "beta2"])
@pytest.mark.parametrize("value", BAD_BETAS)
def test_a_beta_outside_its_range_is_refused(name, key, value):
    says = f"{key} is {value}" if key in OPTIMIZERS[name].hyperparameters else f"has no {key}"
    assert_refused(lambda: make_rule(name, 0.1, **{key: value}), says)


@pytest.mark.parametrize("value", [-1e-8, math.nan, math.inf])
@pytest.mark.parametrize("name", ["scalar_rmsprop", "rmsprop", "scalar_adam", "nadam"])
def test_a_bad_epsilon_is_refused(name, value):
    assert_refused(lambda: make_rule(name, 0.1, epsilon=value), f"epsilon is {value}")


@pytest.mark.parametrize(
    ("name", "key"),
    [
        (n, k)
        for n in NINE
        for k in ("beta1", "beta2", "epsilon")
        if k not in OPTIMIZERS[n].hyperparameters
    ],
)
def test_a_hyperparameter_that_a_row_does_not_have_is_refused(name, key):
    assert_refused(
        lambda: make_rule(name, 0.1, **{key: 0.5}), f"{OPTIMIZERS[name].title} has no {key}"
    )


def test_the_ends_of_the_ranges_are_accepted():
    rule = make_rule("adam", 1e-300, beta1=0, beta2=0, epsilon=0)
    assert (rule.momentum.beta, rule.second_moment.beta2, rule.second_moment.epsilon) == (0, 0, 0)


def test_nesterov_with_a_preconditioner_is_refused():
    assert_refused(lambda: UpdateRule(0.1, Nesterov(0.9), ScalarSecondMoment()), "Dozat")


@pytest.mark.parametrize("momentum", [HeavyBall, Nesterov, Dozat, NoMomentum])
def test_a_momentum_checks_its_decay_itself(momentum):
    assert_refused(lambda: momentum(1.0), "beta1 is 1.0")
