"""Appendix D: what is right as printed, and refused when altered."""

import numpy as np
import pytest
import sympy as sp
from appendices import holds

from rodflow_book.derivations import appendix_d as rmsprop
from rodflow_book.derivations.checks import agree, same
from rodflow_book.derivations.symbols import BETAS, S, Sigma, beta2, eta, g, nu, w
from rodflow_core import theory


@pytest.mark.parametrize("scalar", [True, False])
def test_d_second_moment_is_exact_and_the_centre_is_not(scalar):
    two = rmsprop.steps(scalar)
    first, last = ((a + b) / 2 for a, b in zip(two.nu, two.nu[1:], strict=False))
    squares = [v.multiply_elementwise(v) for v in two.g]
    if scalar:
        squares = [sp.ones(2, 1) * sum(v) for v in squares]
    rate = (1 - beta2) * ((squares[0] + squares[1]) / 2 - first)
    assert holds(same, last - first, rate)
    assert not holds(same, last - first, (1 - beta2) * (squares[0] - first))
    moved = (two.w[2] - two.w[0]) / 2
    mean_slope = (two.g[0] + two.g[1]) / 2
    assert not holds(same, moved, -eta * rmsprop.inverse_preconditioner(first) * mean_slope)
    held = rmsprop.steps(scalar, frozen=sp.diag(*sp.symbols("p q", positive=True)))
    moved, mean_slope = (held.w[2] - held.w[0]) / 2, (held.g[0] + held.g[1]) / 2
    assert holds(same, moved, -eta * held.inverse[0] * mean_slope)


@pytest.mark.parametrize(
    "extent, speed, right",
    [
        (eta**2 / 4, -eta * sp.sign(g), True),
        (eta**2 / 2, -eta * sp.sign(g), False),
        (eta**2 * g**2 / 4, -eta * sp.sign(g), False),
        (eta**2 / 4, -eta * g, False),
        (eta**2 / 4, eta * sp.sign(g), False),
    ],
)
def test_d_slope(extent, speed, right):
    flow = rmsprop.linear_flow()
    rest = rmsprop.steady(flow)
    assert holds(same, [rest[Sigma], flow.w.subs(nu, rest[nu])], [extent, speed]) == right


@pytest.mark.parametrize(
    "amplitude, right", [(eta / 2, True), (eta, False), (2 / S, False), (eta / (2 * S), False)]
)
def test_d_valley(amplitude, right):
    centred = rmsprop.Rates(*[rate.subs(w, 0) for rate in rmsprop.quadratic_flow()])
    rest = rmsprop.steady(centred)
    assert holds(same, rest[Sigma], amplitude**2) == right
    assert holds(same, rest[nu], S**2 * amplitude**2) == right
    matrix = rmsprop.jacobian(centred, rest)
    assert holds(agree, matrix, theory.rmsprop_jacobian, [S, beta2], BETAS)
    assert not holds(agree, matrix.T, theory.rmsprop_jacobian, [S, beta2], BETAS)


def test_d_orbit_of_the_iterates_by_differences():
    decay, step = 0.8, 1e-6

    def turned(v):
        moment = decay * v[1] + (1 - decay) * v[0] ** 2
        return np.array([2 * v[0] / np.sqrt(moment) - v[0], moment])

    columns = [(turned(np.ones(2) + e) - turned(np.ones(2) - e)) / (2 * step) for e in
               step * np.eye(2)]  # fmt: skip
    matrix = np.array(rmsprop.orbit_matrix().subs(beta2, decay), dtype=float)
    np.testing.assert_allclose(matrix, np.array(columns).T, atol=1e-8)
