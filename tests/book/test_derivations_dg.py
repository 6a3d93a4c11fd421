"""Appendices D to H: every equation in its place, and wrong variants that the checks refuse."""

import ast
import re
from pathlib import Path

import numpy as np
import pytest
import sympy as sp
import torch
import yaml
from toolkit import random

from rodflow_book.derivations import appendix_d as rmsprop
from rodflow_book.derivations import appendix_e as adam
from rodflow_book.derivations import appendix_f as bea
from rodflow_book.derivations import appendix_g as low_rank
from rodflow_book.derivations.appendix_d import BETA2, Sigma, beta2, g, nu
from rodflow_book.derivations.appendix_e import BETAS, beta1
from rodflow_book.derivations.checks import FalseEquation, agree, close, same
from rodflow_book.derivations.symbols import S, delta, eta, m, mu, w
from rodflow_core import theory
from rodflow_core.extent import Extent, relax_dense

ROOT = Path(__file__).resolve().parents[2]
PAGES = {
    "d": range(172, 191),
    "e1": range(191, 220),
    "e2": range(220, 244),
    "f": range(244, 266),
    "g": range(266, 292),
}
DIRECTIONS = {"heavy_ball": adam.new_moment, "dozat": adam.modified_moment}


def source(page):
    return (ROOT / "notebooks" / f"appendix_{page}.py").read_text()


# Every number in its place ------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES)
def test_every_number_has_one_target_and_one_tag_in_order(page):
    expected = list(PAGES[page])
    assert [int(n) for n in re.findall(r"^# \(eq-(\d+)\)=$", source(page), re.M)] == expected
    assert [int(n) for n in re.findall(r"\\tag\{(\d+)\}", source(page))] == expected


def asserted(page, names):
    """Numbers that the page's checks of these names are called with."""
    found = set()
    for node in ast.walk(ast.parse(source(page))):
        called = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        if called and node.func.id in names:
            constants = (c for c in ast.walk(node.args[0]) if isinstance(c, ast.Constant))
            found |= {constant.value for constant in constants}
    return found


@pytest.mark.parametrize("page", PAGES)
def test_the_index_says_how_each_number_is_checked(page):
    index = yaml.safe_load((ROOT / "book" / "equations_dh.yml").read_text())
    assert sorted(index) == list(range(172, 292))
    symbolic, numeric = asserted(page, {"same", "positive"}), asserted(page, {"agree", "close"})
    for number in PAGES[page]:
        how = index[number]["how"]
        assert (number in symbolic) == (how in ("symbolic", "both")), number
        assert (number in numeric) == (how in ("numeric", "both")), number
        assert index[number]["what"]


# Right as printed, refused when altered -----------------------------------------------------------


def holds(check, *sides):
    """Whether a check accepts."""
    try:
        check(0, *sides)
    except FalseEquation:
        return False
    return True


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
    assert holds(agree, matrix, theory.rmsprop_jacobian, [S, beta2], BETA2)
    assert not holds(agree, matrix.T, theory.rmsprop_jacobian, [S, beta2], BETA2)


def test_d_orbit_of_the_iterates_by_differences():
    decay, step = 0.8, 1e-6

    def turned(v):
        moment = decay * v[1] + (1 - decay) * v[0] ** 2
        return np.array([2 * v[0] / np.sqrt(moment) - v[0], moment])

    columns = [(turned(np.ones(2) + e) - turned(np.ones(2) - e)) / (2 * step) for e in
               step * np.eye(2)]  # fmt: skip
    matrix = np.array(rmsprop.orbit_matrix().subs(beta2, decay), dtype=float)
    np.testing.assert_allclose(matrix, np.array(columns).T, atol=1e-8)


@pytest.mark.parametrize("name", DIRECTIONS)
def test_e1_displacement_and_its_wrong_variants(name):
    slope, scale = sp.Function("g"), adam.P
    share = beta1 if name == "heavy_ball" else beta1**2
    move = adam.displacement(sp.Matrix([w, m]), slope, DIRECTIONS[name], scale)

    def stated(weight):
        return sp.Matrix([
            -eta / scale * (weight * m + (1 - weight) * slope(w)), (1 - beta1) * (slope(w) - m)
        ])  # fmt: skip

    assert holds(same, move, stated(share))
    assert not holds(same, move, stated(beta1**3))
    other = beta1**2 if name == "heavy_ball" else beta1
    assert not holds(same, move, stated(other))
    left = adam.exactness(DIRECTIONS[name])
    assert holds(same, left, [sp.zeros(2, 1), sp.zeros(2, 2)])


def test_e1_exactness_needs_the_joint_rod(monkeypatch):
    right = adam.displacement

    def without_momentum(point, slope, direction, scale):
        return right(sp.Matrix([point[0], 0]), slope, direction, scale)

    assert holds(same, adam.exactness(), [sp.zeros(2, 1), sp.zeros(2, 2)])
    # A displacement that takes the moment at the ends for zero, while the steps do not.
    calls = []

    def sometimes(*arguments):
        calls.append(1)
        return (right if len(calls) <= 2 else without_momentum)(*arguments)

    monkeypatch.setattr(adam, "displacement", sometimes)
    assert not holds(same, adam.exactness(), [sp.zeros(2, 1), sp.zeros(2, 2)])


def test_e1_the_shift_and_wrong_shifts():
    slope = sp.Function("g")
    next_w, next_m = adam.nesterov(w, m, slope)
    for shift, right in ((beta1, True), (1, False), (beta1**2, False), (-beta1, False)):
        own = adam.dozat(w - eta * shift * m, m, slope)
        assert holds(same, own, (next_w - eta * shift * next_m, next_m)) == right
    c, c_next = sp.symbols("c d", positive=True)
    assert holds(same, adam.shift_gap(sp.S.One, sp.S.One), 0)
    assert not holds(same, adam.shift_gap(c, c_next), 0)
    assert holds(same, adam.shift_gap(c, c), 0)


@pytest.mark.parametrize("factor, right", [(2, True), (1, False), (-2, False)])
def test_e1_threshold(factor, right):
    matrix = adam.dozat_matrix()
    limit = factor * (1 + beta1) / (eta * (1 - beta1) * (1 + 2 * beta1))
    assert holds(same, (matrix + sp.eye(2)).det().subs(S, limit), 0) == right
    heavy_ball = 2 / eta * (1 + beta1) / (1 - beta1)
    assert not holds(same, (matrix + sp.eye(2)).det().subs(S, heavy_ball), 0)


@pytest.mark.parametrize("name", DIRECTIONS)
def test_e2_bounce_and_its_wrong_variants(name):
    found = adam.bounce(DIRECTIONS[name])
    factor = (1 - beta1) / (1 + beta1)
    amplitude = factor * (1 if name == "heavy_ball" else 1 + 2 * beta1)
    assert holds(same, found["delta"], eta / 2 * amplitude)
    for wrong in (eta * amplitude, eta / 2 / amplitude, eta / 2 * amplitude**2, eta / 2):
        assert not holds(same, found["delta"], wrong)
    assert holds(same, found["mu"], -factor * S * delta)
    assert not holds(same, found["mu"], factor * S * delta)
    assert not holds(same, found["mu"], -S * delta)


def test_e2_nineteenth():
    found = adam.bounce()["delta"].subs(beta1, sp.Rational(9, 10))
    assert holds(same, found / (eta / 2), sp.Rational(1, 19))
    assert not holds(same, found / (eta / 2), sp.Rational(1, 20))


@pytest.mark.parametrize("name", DIRECTIONS)
def test_e2_stability_polynomial_against_the_library(name):
    x = sp.Symbol("x")
    polynomial = sp.Poly(adam.jacobian(DIRECTIONS[name]).charpoly(x).as_expr(), x).all_coeffs()
    other = "dozat" if name == "heavy_ball" else "heavy_ball"
    for momentum, right in ((name, True), (other, False)):

        def library(b1, b2, momentum=momentum):
            return theory.adaptive_polynomial(momentum, b1, b2)

        assert holds(agree, polynomial, library, [beta1, beta2], BETAS) == right


def test_e2_flow_in_the_valley_and_a_wrong_sign():
    rates = adam.flow(lambda x: S * x)
    right = sp.Matrix([[-eta * (1 - beta1) * S, -eta * beta1], [(1 - beta1) * S, -(1 - beta1)]])
    right[0, :] = right[0, :] / sp.sqrt(nu)
    matrix = sp.Matrix([rates.w, rates.m]).jacobian([w, m])
    assert holds(same, matrix, right)
    wrong = right.copy()
    wrong[0, 1] = -wrong[0, 1]
    assert not holds(same, matrix, wrong)
    assert holds(same, rates.nu.subs(w, 0), (1 - beta2) * (S**2 * delta**2 - nu))
    assert not holds(same, rates.nu.subs(w, 0), (1 - beta2) * (S**2 * mu**2 - nu))


def fields_of(scale2, scale3a, scale3b):
    """The first three fields of an unknown map, with coefficients of one's own."""
    F, plane = bea.unknown_map()
    second = scale2 * bea.lie(F, F, plane)
    third = scale3a * bea.lie(F, second, plane) + scale3b * bea.lie(second, F, plane)
    return [F, second, third], F, plane


@pytest.mark.parametrize(
    "coefficients, wrong_order",
    [
        ((-1 / 2, -1 / 2, -1 / 6), None),
        ((1 / 2, -1 / 2, -1 / 6), 2),
        ((-1, -1 / 2, -1 / 6), 2),
        ((-1 / 2, -1 / 6, -1 / 2), 3),
        ((-1 / 2, -1 / 2, 1 / 6), 3),
        ((-1 / 2, -1 / 2, -1 / 3), 3),
    ],
)
def test_f_orders_vanish_for_the_right_coefficients_only(coefficients, wrong_order):
    orders = bea.mismatch(*fields_of(*map(sp.nsimplify, coefficients)))
    zero = [order == sp.zeros(2, 1) for order in orders]
    first_wrong = zero.index(False) + 1 if False in zero else None
    assert first_wrong == wrong_order


def test_f_matching_finds_the_fields():
    (_, second, third), F, plane = fields_of(*[sp.Rational(-1, k) for k in (2, 2, 6)])
    found = bea.corrections(F, plane)
    assert holds(same, found, [F, second, third])


@pytest.mark.parametrize("sign, order", [(1, 2), (-1, 1)])
def test_f_a_wrong_second_field_has_order_one(sign, order):
    x, y = plane = sp.symbols("x y", real=True)
    swirl = sp.Matrix([y - sp.sin(x), -x - y * x**2 / 2])
    first, second, _ = (bea.numeric(f, plane) for f in bea.corrections(swirl, plane))
    start, scales, errors = np.array([0.9, -0.4]), [1 / 16, 1 / 32, 1 / 64], []
    for h in scales:
        steps = round(2 / h)
        flow = bea.integrate([first, lambda z: sign * second(z)], start, h, steps)
        errors.append(np.linalg.norm(flow[-1] - bea.iterate(first, start, h, steps)[-1]))
    assert bea.measured_order(scales, errors) == pytest.approx(order, abs=0.2)


def test_f_linear_terms_against_the_library():
    entries = sp.symbols("a:4", real=True)
    x, y = plane = sp.symbols("x y", real=True)
    fields = bea.corrections(sp.Matrix(2, 2, entries) * sp.Matrix([x, y]), plane)
    for order, field in enumerate(fields, 1):
        for other in (1, 2, 3):

            def library(*a, other=other):
                return theory.backward_error_term(np.reshape(a, (2, 2)), other)

            accepted = holds(agree, field.jacobian(plane), library, list(entries))
            assert accepted == (other == order)


def random_extent(rank, dim=7):
    basis, _ = torch.linalg.qr(random(rank, dim, rank))
    return Extent(basis, random(3, rank).abs().sort(descending=True).values)


@pytest.mark.parametrize("kept, rank", [(0, 2), (2, 4), (3, 1), (3, 3), (5, 7)])
def test_g_five_steps_are_the_dense_step_cut_to_rank(kept, rank):
    before, (plus, minus), dt = random_extent(kept), random(11, 2, 7), 0.25
    dense = relax_dense(before.dense(), 0.5 * torch.stack((plus, minus), 1), dt)
    values, vectors = np.linalg.eigh(dense.numpy())
    best = (vectors[:, -rank:] * values[-rank:]) @ vectors[:, -rank:].T
    after = low_rank.five_steps(before, plus, minus, dt, rank)
    close(273, after.dense(), best, 1e-12)
    wrong = low_rank.five_steps(before, plus, minus, dt, rank, decay=np.exp(-2 * dt))
    assert holds(close, wrong.dense(), best, 1e-3) == (kept == 0)
    without = low_rank.five_steps(before, plus, minus, dt, rank, threshold=10.0)
    assert not holds(close, without.dense(), best, 1e-3)


def test_g_a_direction_within_the_span_is_not_added():
    before = random_extent(2)
    inside = before.basis @ random(4, 2)
    after = low_rank.five_steps(before, inside, -inside, 0.25, 4)
    assert len(after.eigenvalues) == 2
    drive = 0.5 * torch.stack((inside, -inside), 1)
    close(271, after.dense(), relax_dense(before.dense(), drive, 0.25), 1e-12)


@pytest.mark.parametrize(
    "factor, right", [(1 - 2 * low_rank.dt, True), (sp.exp(-2 * low_rank.dt), False)]
)
def test_g_only_the_euler_factor_rests_where_the_flow_does(factor, right):
    rest = low_rank.decayed_fixed_point(factor)
    assert holds(same, rest, low_rank.source / 2) == right


@pytest.mark.parametrize("power, right", [(0, True), (1, False), (-1, False)])
def test_g_bias_of_the_raw_moment(power, right):
    t = low_rank.t
    raw = (1 - beta1 ** (t + power)) * g
    steps = [raw.subs(t, 0), raw.subs(t, t + 1)]
    assert holds(same, steps, [0, low_rank.average(raw, beta1, g)]) == right


def test_g_the_newest_gradient_is_corrected_too():
    c1 = low_rank.c1
    step = low_rank.corrected_step(g)
    hats = beta1 * m / c1 + (1 - beta1) * g / c1
    assert holds(same, step, -eta / low_rank.P * hats)
    raw_gradient = beta1 * m / c1 + (1 - beta1) * g
    assert not holds(same, step, -eta / low_rank.P * raw_gradient)
