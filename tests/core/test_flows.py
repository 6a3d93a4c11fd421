"""Stable flow and rod flow: exact identities, independent ODE solutions, closed forms."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp
from toolkit import (
    LATE,
    NINE,
    Network,
    Valley,
    frozen,
    is_one_sentence,
    iterate,
    make,
    probe,
    random,
    some_nu,
    some_state,
    substep,
    twin_of,
    vector,
)

from rodflow_core import theory
from rodflow_core.extent import Extent, relax_dense, rod
from rodflow_core.flows import RodFlow, RodState, StableFlow, advance, endpoints, midpoint, tangent
from rodflow_core.landscapes import Quadratic
from rodflow_core.optimizers import OPTIMIZERS, State


def at_the_edge(name, sharpness=1.0, excess=1.2, beta1=0.5, **options):
    """The rule whose threshold is ``sharpness / excess``."""
    factor = make(name, 1.0, beta1).threshold
    return make(name, excess * factor / sharpness, beta1, **options)


def packed(*parts):
    return np.concatenate([np.ravel(p) for p in parts if p is not None])


def solve(rate, z, nu, sigma, t, steps):
    """Integrate the flow's ODE over whole steps, each with its own bias corrections."""
    shapes = [None if x is None else np.shape(x) for x in (z, nu, sigma)]

    def unpacked(y):
        parts, start = [], 0
        for shape in shapes:
            stop = start if shape is None else start + int(np.prod(shape))
            parts.append(None if shape is None else y[start:stop].reshape(shape)[()])
            start = stop
        return parts

    y = packed(z, nu, sigma)
    for i in range(steps):
        y = solve_ivp(
            lambda _, y, i=i: packed(*rate(*unpacked(y), t + i)), (0, 1), y, rtol=1e-10, atol=1e-12
        ).y[:, -1]
    return y


def assert_first_order(errors, substeps):
    """Regression of log-error on log-dt, and a last error that is worth the name."""
    slope = np.polyfit(np.log(1 / np.array(substeps)), np.log(errors), 1)[0]
    assert slope == pytest.approx(1, abs=0.2)
    assert errors[-1] < 0.05


def assert_ends(state, a, b):
    """The rod reaches from one iterate to the other, in either order."""
    ends = endpoints(state)
    if (ends[0] - a.z).norm() > (ends[1] - a.z).norm():
        ends = ends.flip(0)
    torch.testing.assert_close(ends, torch.stack((a.z, b.z)), rtol=0, atol=1e-14)


class FlowContract:
    """What both flows owe for every rule; ``name`` is given by the class that inherits."""

    # --- what is exact ---

    def test_difference_equations_hold_on_a_network(self, name):
        """(4), (5), (16), (17), between any two steps of the optimizer, to rounding.

        F is that of the step itself. With a second moment P belongs to a step, not to a rod: the
        end z_t moves by the P of step t, the end z_{t+1} by that of step t + 1, and with these two
        the equations are exact. So is (27) for the mean of nu. What the rod flow gives up is only
        that it moves both ends by one P.
        """
        network, rule = Network(), make(name, 0.05, 0.8)
        objective = network.objective()
        states = iterate(rule, objective, rule.initial_state(network.weights()), 6)
        for t, (a, b, c) in enumerate(zip(states, states[1:], states[2:], strict=False)):
            assert_ends(RodFlow(rule, objective).initial(a, b), a, b)
            g = objective.gradients(rule.gradient_point(torch.stack((b.z, a.z))))
            moves = []
            for (start, end, step), gradient in zip(((b, c, t + 1), (a, b, t)), g, strict=True):
                c1, c2 = rule.corrections(step)
                p = rule.preconditioner(end.nu, c2)
                moves.append(rule.displacement(start.z, gradient, p, c1))
            f_plus, f_minus = moves
            centre, next_centre = midpoint(a, b), midpoint(b, c)
            moved = next_centre.z - centre.z
            torch.testing.assert_close(moved, (f_plus + f_minus) / 2, rtol=0, atol=1e-14)
            half, next_half = (b.z - a.z) / 2, (c.z - b.z) / 2
            drive = torch.stack((f_plus, f_minus)) / 2
            expected = relax_dense(torch.outer(half, half), drive, 1.0)
            actual = torch.outer(next_half, next_half)
            assert (actual - expected).norm() < 1e-13 * drive.norm() ** 2
            if a.nu is not None:
                rate = rule.second_moment_rate(centre.nu, torch.stack((b.z, a.z)), g)
                torch.testing.assert_close(next_centre.nu - centre.nu, rate, rtol=0, atol=1e-14)

    def test_a_substep_of_one_step_is_the_optimizer_where_p_stands_still(self, name):
        """Euler with dt = 1 undoes the step from differences to derivatives."""
        network = Network()
        rule, w = make(name, 0.05), network.weights()
        nu = some_nu(rule, len(w))
        rule, objective = frozen(rule, nu), network.objective()
        start = some_state(rule, len(w), 3, 0.3)
        a, b, c = iterate(rule, objective, State(start.z, nu), 2, t=LATE)
        flow = RodFlow(rule, objective, rank=2)
        after = substep(flow, flow.initial(a, b), LATE, 1.0)
        torch.testing.assert_close(after.z, (b.z + c.z) / 2, rtol=0, atol=1e-13)
        half = (c.z - b.z) / 2
        expected = torch.outer(half, half)
        # The old extent cancels against its own half of the drive.
        size = float((b.z - a.z).square().sum())
        assert (after.extent.dense() - expected).norm() < 1e-13 * max(size, float(half @ half))

    def test_one_p_for_both_ends_errs_by_how_fast_the_second_moment_moves(self, name):
        """... which is what (28) and (46) give up: first order in 1 - beta2."""
        if OPTIMIZERS[name].second_moment().beta2 == 0:
            return
        gaps, rates = [], (1e-2, 1e-3, 1e-4)
        for rate in rates:
            rule = make(name, 0.1, beta2=1 - rate)
            z = vector(0.5, -0.4).repeat(2 if rule.has_moment else 1)
            states = iterate(rule, Valley(), State(z, some_nu(rule, 2)), 2, t=LATE)
            flow = RodFlow(rule, Valley())
            after = substep(flow, flow.initial(*states[:2]), LATE, 1.0)
            gaps.append(float((after.z - midpoint(*states[1:]).z).norm()))
        assert np.polyfit(np.log(rates), np.log(gaps), 1)[0] == pytest.approx(1, abs=0.05)

    def test_flows_start_from_two_iterates(self, name):
        """(286)-(291)."""
        rule = make(name, 0.3)
        a, b = some_state(rule, 3, 1), some_state(rule, 3, 2)
        stable = StableFlow(rule, None).initial(a, b)
        state = RodFlow(rule, None).initial(a, b)
        for centre in (stable, state):
            torch.testing.assert_close(centre.z, (a.z + b.z) / 2, rtol=1e-15, atol=0)
            assert (a.nu is None) == (centre.nu is None)
            if a.nu is not None:
                torch.testing.assert_close(centre.nu, (a.nu + b.nu) / 2, rtol=1e-15, atol=0)
        half = (b.z - a.z) / 2
        expected = torch.outer(half, half)
        torch.testing.assert_close(state.extent.dense(), expected, rtol=1e-13, atol=1e-15)
        assert_ends(state, a, b)

    def test_a_rod_without_length_moves_as_the_stable_flow(self, name):
        rule, start = make(name, 0.3), some_state(make(name, 0.3), 2)
        for option in (False, True):
            point = substep(StableFlow(rule, Valley(), option), start, 3, 0.25)
            state = RodState(start.z, start.nu, rod(torch.zeros_like(start.z)))
            moved = substep(RodFlow(rule, Valley(), backward_error=option), state, 3, 0.25)
            torch.testing.assert_close(moved.z, point.z, rtol=0, atol=1e-15)
            if start.nu is not None:
                torch.testing.assert_close(moved.nu, point.nu, rtol=0, atol=1e-15)

    def test_the_sign_of_the_rod_is_free(self, name):
        rule, start = make(name, 0.3), some_state(make(name, 0.3), 2)
        extent = rod(some_state(rule, 2, 5).z)
        flow = RodFlow(rule, Valley(), backward_error=True)
        pair = [
            substep(
                flow,
                RodState(start.z, start.nu, Extent(s * extent.rods, extent.eigenvalues)),
                3,
                0.2,
            )
            for s in (1, -1)
        ]
        torch.testing.assert_close(pair[0].z, pair[1].z, rtol=0, atol=1e-15)
        sigmas = [state.extent.dense() for state in pair]
        torch.testing.assert_close(*sigmas, rtol=1e-13, atol=1e-15)

    def test_substeps_change_nothing_that_they_are_given_and_keep_the_dtype(self, name):
        rule = make(name, 0.3)
        start = State(*(None if x is None else x.float() for x in some_state(rule, 2)))
        state = RodState(*start, rod(some_state(rule, 2, 5).z.float()))
        flows = (StableFlow(rule, Valley(), True), start), (RodFlow(rule, Valley(), 2, True), state)
        for flow, begin in flows:
            kept = [None if x is None else x.clone() for x in begin[:2]]
            first, second = substep(flow, begin, 2, 0.25), substep(flow, begin, 2, 0.25)
            assert torch.equal(first.z, second.z)
            assert all(a is b or torch.equal(a, b) for a, b in zip(begin[:2], kept, strict=True))
            assert first.z.dtype == torch.float32
            assert first.nu is None or first.nu.dtype == torch.float32
            if isinstance(first, RodState):
                assert {x.dtype for x in first.extent} == {torch.float32}

    # --- backward error ---

    def test_tangent_is_the_jacobian_vector_product_of_the_displacement(self, name):
        """(260)-(263) by forward-mode autograd through F and the gradient, P fixed."""
        network, rule = Network(), make(name, 0.3, 0.8)
        d = len(network.weights())
        state, v, c1 = some_state(rule, d, 1, 0.3), some_state(rule, d, 2).z, 0.7
        p = rule.preconditioner(state.nu)
        gradient = torch.func.grad(network.loss)

        def displacement(z):
            return rule.displacement(z, gradient(rule.gradient_point(z)), p, c1)

        expected = torch.func.jvp(displacement, (state.z,), (v,))[1]
        actual = tangent(rule, network.objective(), state.z, v, p, c1)
        torch.testing.assert_close(actual, expected, rtol=1e-11, atol=1e-13)

    def test_correction_of_the_rod_flow_takes_the_mean_tangent_of_both_ends(self, name):
        """(257), with the mean Hessian of (261): to the centre only."""
        rule, c = make(name, 0.3, 0.8), make(name, 0.3, 0.8).corrections(4)
        start, extent = some_state(rule, 2, 1), rod(some_state(rule, 2, 2).z)
        state, p = RodState(*start, extent), rule.preconditioner(start.nu, c[1])
        gradient = torch.func.grad(Valley().value)

        def mean_displacement(z):
            ends = (z + extent.half_displacement, z - extent.half_displacement)
            moves = [rule.displacement(e, gradient(rule.gradient_point(e)), p, c[0]) for e in ends]
            return (moves[0] + moves[1]) / 2

        velocity = mean_displacement(start.z)
        turn = torch.func.jvp(mean_displacement, (start.z,), (velocity,))[1]
        plain, corrected = (
            substep(RodFlow(rule, Valley(), 2, b), state, 4, 0.2) for b in (False, True)
        )
        torch.testing.assert_close(plain.z, start.z + 0.2 * velocity, rtol=0, atol=1e-14)
        expected = start.z + 0.2 * (velocity - 0.5 * turn)
        torch.testing.assert_close(corrected.z, expected, rtol=0, atol=1e-14)
        assert torch.equal(corrected.extent.dense(), plain.extent.dense())

    def test_correction_on_a_quadratic_is_the_second_term_of_the_series(self, name):
        nu = some_nu(make(name, 0.3), 2)
        rule, h = frozen(make(name, 0.3, 0.8), nu), random(4, 2, 2)
        objective = Quadratic(h @ h.T)

        def velocity(z, backward_error):
            flow = StableFlow(rule, objective, backward_error)
            return substep(flow, State(z, nu), LATE, 1.0).z - z

        dim = 4 if rule.has_moment else 2
        plain, corrected = (probe(lambda z, b=b: velocity(z, b), dim) for b in (False, True))
        expected = plain + theory.backward_error_term(plain, 2)
        np.testing.assert_allclose(corrected, expected, rtol=1e-12, atol=1e-13)

    def test_correction_raises_the_order_of_agreement_with_one_step(self, name):
        """As eta and 1 - beta1 shrink together F does, and the flow's error over one step with it:
        like h^2 without the correction, h^3 with it (P held fixed, as the correction holds it)."""
        sizes, errors = 0.4 / 2.0 ** np.arange(1, 5), {False: [], True: []}
        for h in sizes:
            free = make(name, h, 1 - h)
            nu = some_nu(free, 2)
            rule, start = frozen(free, nu), some_state(free, 2, 7, 0.5).z
            discrete = rule.step(Valley(), State(start, nu), LATE).z.numpy()
            for option, found in errors.items():
                flow = StableFlow(rule, Valley(), option)

                def rate(_, z, flow=flow, nu=nu):
                    z = torch.from_numpy(z)
                    return substep(flow, State(z, nu), LATE, 1.0).z - z

                y = solve_ivp(rate, (0, 1), start.numpy(), rtol=1e-9, atol=1e-11).y[:, -1]
                found.append(np.linalg.norm(y - discrete))
        orders = [np.polyfit(np.log(sizes), np.log(errors[b]), 1)[0] for b in (False, True)]
        assert orders == pytest.approx([2, 3], abs=0.2)
        assert errors[True][-1] < 0.1 * errors[False][-1]

    # --- against independent solutions ---

    def test_stable_flow_converges_at_first_order_to_its_ode(self, name):
        rule, t, steps = at_the_edge(name, excess=0.5), 2, 3
        start, twin = some_state(rule, 2, 1, 0.5), twin_of(name, rule)
        nu = None if start.nu is None else start.nu.numpy()
        gradient = Valley().numpy_gradient

        def rate(z, nu, _, t):
            return twin.stable_rate(z, nu, gradient, t)

        exact, errors, substeps = (
            solve(rate, start.z.numpy(), nu, None, t, steps),
            [],
            (8, 16, 32),
        )
        for k in substeps:
            state = start
            for i in range(steps):
                state = advance(StableFlow(rule, Valley()), state, t + i, k)
            errors.append(np.linalg.norm(packed(*state) - exact))
        assert_first_order(errors, substeps)

    def test_rod_flow_converges_at_first_order_to_its_dense_ode(self, name):
        """(6)-(7), (18)-(20), (28)-(30), (43)-(46), (279)-(282), on dense matrices in numpy."""
        rule, t, steps = at_the_edge(name, excess=0.8), 2, 2
        start, twin = some_state(rule, 2, 1, 0.3), twin_of(name, rule)
        nu = None if start.nu is None else start.nu.numpy()
        dim = len(start.z)
        extent = rod(0.4 * some_state(rule, 2, 2).z)
        gradient = Valley().numpy_gradient

        def rate(z, nu, sigma, t):
            return twin.rod_rate(z, nu, sigma, gradient, t)

        exact = solve(rate, start.z.numpy(), nu, extent.dense().numpy(), t, steps)
        errors, substeps = [], (8, 16, 32)
        flow = RodFlow(rule, Valley(), rank=dim)
        for k in substeps:
            state = RodState(start.z, start.nu, extent)
            for i in range(steps):
                state = advance(flow, state, t + i, k)
            found = packed(state.z, state.nu, state.extent.dense())
            errors.append(np.linalg.norm(found - exact))
        assert_first_order(errors, substeps)


@pytest.mark.parametrize("name", NINE)
class TestNine(FlowContract):
    pass


# --- what is refused, what fails -----------------------------------------------------------------


@pytest.mark.parametrize("rank", [0, -3])
def test_a_rank_below_one_is_refused(rank):
    with pytest.raises(ValueError, match=f"rank is {rank}") as caught:
        RodFlow(make("adam", 0.1), Valley(), rank=rank)
    assert is_one_sentence(str(caught.value))


@pytest.mark.parametrize("name", ["gd", "adam"])
def test_a_rod_that_blows_up_is_nan_and_raises_nothing(name):
    rule = make(name, 1e3)
    state = RodState(*some_state(rule, 2), rod(some_state(rule, 2, 1).z))
    flow = RodFlow(dataclasses.replace(rule, learning_rate=1e30), Valley())
    for _ in range(12):
        state = advance(flow, state, LATE, 2)
    assert torch.isnan(state.extent.eigenvalues).all()
    assert not torch.isfinite(state.z).all()
