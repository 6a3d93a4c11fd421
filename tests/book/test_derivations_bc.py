"""Appendices B and C: every equation in its place, and wrong variants that the checks refuse."""

import ast
import re
from pathlib import Path

import numpy as np
import pytest
import sympy as sp
import yaml

from rodflow_book.derivations import appendix_b as b
from rodflow_book.derivations import appendix_c1 as c1
from rodflow_book.derivations import appendix_c2 as c2
from rodflow_book.derivations import appendix_c3 as c3
from rodflow_book.derivations.checks import FalseEquation, agree, close, positive, same
from rodflow_book.derivations.symbols import S, beta, delta, eta, kappa, lam, m, mu, sigma, w
from rodflow_core import theory

ROOT = Path(__file__).resolve().parents[2]
PAGES = {"b": range(49, 57), "c1": range(57, 76), "c2": range(76, 111), "c3": range(111, 172)}
S_HB = 2 / eta * (1 + beta) / (1 - beta)
S_NAG = S_HB / (1 + 2 * beta)


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
            for constant in ast.walk(node.args[0]):
                if isinstance(constant, ast.Constant):
                    found.add(constant.value)
    return found


@pytest.mark.parametrize("page", PAGES)
def test_the_index_says_how_each_number_is_checked(page):
    index = yaml.safe_load((ROOT / "book" / "equations_bc.yml").read_text())
    assert sorted(index) == list(range(49, 172))
    symbolic, numeric = asserted(page, {"same", "positive"}), asserted(page, {"agree", "close"})
    for number in PAGES[page]:
        how = index[number]["how"]
        assert how in ("definition", "symbolic", "numeric", "both") and index[number]["what"]
        if how != "definition":
            assert (number in symbolic) == (how in ("symbolic", "both")), number
            assert (number in numeric) == (how in ("numeric", "both")), number


# Right as printed, refused when altered -----------------------------------------------------------


def holds(check, *sides):
    """Whether a check accepts."""
    try:
        check(0, *sides)
    except FalseEquation:
        return False
    return True


def rod_of_descent():
    w0 = b.start()
    w1 = b.step(w0)
    return w0, w1, b.step(w1), *b.rod(w0, w1)


@pytest.mark.parametrize(
    "decay, drive, right",
    [(-2, sp.Rational(1, 4), True), (-1, sp.Rational(1, 4), False), (-2, sp.Rational(1, 2), False)],
)
def test_b_extent_difference(decay, drive, right):
    _, w1, w2, centre, half = rod_of_descent()
    _, after = b.rod(w1, w2)
    plus, minus = b.gradient(centre + half), b.gradient(centre - half)
    stated = decay * half * half.T + drive * eta**2 * (plus * plus.T + minus * minus.T)
    assert holds(same, after * after.T - half * half.T, stated) == right


@pytest.mark.parametrize("sign, right", [(-1, True), (1, False)])
def test_b_half_displacement_is_minus_half_a_step(sign, right):
    _, _, _, centre, half = rod_of_descent()
    assert holds(same, half, sign * eta / 2 * b.gradient(centre - half)) == right
    assert not holds(same, half, sign * eta / 2 * b.gradient(centre + half))


@pytest.mark.parametrize("limit, right", [(2 / eta, True), (1 / eta, False), (3 / eta, False)])
def test_b_quartic_amplitude_and_stability(limit, right):
    rate = b.quartic_flow()[1].subs(b.centre, 0)
    square = (S - limit) / kappa
    assert holds(same, rate.subs(b.Sigma, square), 0) == right
    slope = rate.diff(b.Sigma).subs(b.Sigma, square)
    assert holds(same, slope, -2 * eta * (S - limit)) == right


def test_b_lopsided_cycle_by_iteration():
    s, k, e = 6.2, 0.7, 0.5
    values = {S: s, kappa: k, eta: e}
    centre, half = (float(sp.sqrt(x.subs(values))) for x in b.lopsided_cycle())
    upper, lower = centre + half, centre - half
    assert upper - e * (s * upper - k * upper**3) == pytest.approx(lower, rel=1e-12)
    assert lower - e * (s * lower - k * lower**3) == pytest.approx(upper, rel=1e-12)


@pytest.mark.parametrize("name", ["heavy_ball", "nesterov"])
def test_c1_displacement_and_its_wrong_variants(name):
    z = c1.start()
    moved = c1.step(name, z) - z
    assert holds(same, moved, c1.displacement(name, z))
    other = "nesterov" if name == "heavy_ball" else "heavy_ball"
    assert not holds(same, moved, c1.displacement(other, z))
    g, moment = c1.gradient(c1.gradient_point(name, z)), z[2:, :]
    old_moment = sp.Matrix.vstack(-eta * moment, (1 - beta) * (g - moment))
    assert not holds(same, moved, old_moment)


@pytest.mark.parametrize("name", ["heavy_ball", "nesterov"])
def test_c1_difference_equations_and_their_wrong_variants(name):
    z0 = c1.start()
    z1 = c1.step(name, z0)
    centre, half = c1.rod(z0, z1)
    after_centre, after = c1.rod(z1, c1.step(name, z1))
    velocity, rate = c1.difference_equations(name, centre, half)
    assert holds(same, after_centre - centre, velocity)
    assert holds(same, after * after.T - half * half.T, rate)
    assert not holds(same, after_centre - centre, 2 * velocity)
    assert not holds(same, after[0] ** 2 - half[0] ** 2, rate[0, 0] + half[0] ** 2)
    # One rod: turned as a whole nothing changes, turned in its moment alone the mixed block does.
    split = sp.Matrix.vstack(half[:2, :], -half[2:, :])
    assert holds(same, rate, c1.difference_equations(name, centre, -half)[1])
    assert not holds(same, rate[0, 2], c1.difference_equations(name, centre, split)[1][0, 2])


HALF = sp.Rational(1, 2)


@pytest.mark.parametrize(
    "name, right, wrong",
    [
        ("heavy_ball", S_HB, (S_NAG, 2 / eta, 2 / eta / (1 - beta))),
        ("nesterov", S_NAG, (S_HB, S_HB / (1 + beta), S_HB * HALF)),
    ],
)
def test_c2_and_c3_thresholds(name, right, wrong):
    # Two derivations: an eigenvalue -1 of the transition matrix, and -2 of the flow's.
    for derived in (c2.threshold(name), c3.threshold(name)):
        assert holds(same, derived, right)
        assert not any(holds(same, derived, formula) for formula in wrong)


@pytest.mark.parametrize("name", ["heavy_ball", "nesterov"])
def test_c2_recurrence_is_what_the_library_steps(name):
    matrix = c2.transition(name)
    limits = (S, eta, beta)
    agree(79, matrix, lambda *p: theory.transition_matrix(name, *p), limits)
    with pytest.raises(FalseEquation, match=r"\(79\) is .* \(relative\)"):
        agree(79, matrix.T, lambda *p: theory.transition_matrix(name, *p), limits)


def test_c2_coefficients_and_amplitudes():
    for name, rate in {"heavy_ball": -beta, "nesterov": beta / (1 + 2 * beta)}.items():
        assert holds(same, c2.transient(name), rate)
        assert not holds(same, c2.transient(name), -rate)
        a, _ = c2.coefficients(sp.Matrix([[-1, rate], [1, 1]]))
        scale = 1 - beta if name == "heavy_ball" else 1 + 3 * beta
        at_rest = -a.subs(c2.m_0, 0)
        assert holds(same, at_rest, (1 + beta) / scale * c2.w_0)
        assert not holds(same, at_rest, (1 + beta) / (1 + 2 * beta) * c2.w_0)
        assert not holds(same, at_rest, c2.w_0 / scale)


def test_c2_inequality_is_refused_the_other_way_round():
    heavy, nesterov = (1 + beta) / (1 - beta), (1 + beta) / (1 + 3 * beta)
    assert holds(positive, heavy - nesterov)
    assert not holds(positive, nesterov - heavy)


@pytest.mark.parametrize("factor, right", [(HALF, True), (1, False), (sp.Rational(1, 4), False)])
def test_c3_operator_eigenvalues(factor, right):
    one, two = sp.symbols("lambda_1 lambda_2")
    products = (one**2, one * two, two**2)
    stated = sp.prod(sigma + 2 - factor * product for product in products)
    assert holds(same, c3.operator_polynomial(one + two, one * two), stated) == right


@pytest.mark.parametrize(
    "slope, right", [(-2 / eta, True), (-1 / eta, False), (2 / eta, False), (-2 * eta, False)]
)
def test_c3_fixed_rod(slope, right):
    for name in ("heavy_ball", "nesterov"):
        assert holds(same, c3.fixed_rods(name)[1], slope) == right
    square = c3.fixed_rods("heavy_ball")[0]
    assert holds(same, square, (S - S_HB) / kappa)
    assert not holds(same, square, (S - S_HB) / (3 * kappa))
    # Nesterov's look-ahead shortens the rod: without it the formula is heavy ball's.
    assert not holds(same, c3.fixed_rods("nesterov")[0], (S - S_NAG) / kappa)


@pytest.mark.parametrize(
    "linear, constant, right",
    [(-3 - 5 * beta, 2, True), (-3 - 4 * beta, 2, False), (-3 - 5 * beta, 1, False)],
)
def test_c3_on_cone_polynomial(linear, constant, right):
    derived = c3.rod_polynomial(c3.jacobian("heavy_ball")).subs(c3.H, 3 * S_HB - 2 * S)
    stated = sigma**2 + (2 * eta * (1 - beta) * S + linear) * sigma
    stated += constant * eta * (1 - beta) * (S - S_HB)
    assert holds(same, derived, stated) == right


def test_c3_perturbations_on_and_off_the_cone():
    jacobian = c3.jacobian("heavy_ball")
    xi = sp.Matrix(sp.symbols("xi_1 xi_2"))
    on = xi * c3.rod.T + c3.rod * xi.T
    across = sp.Matrix([-mu, delta])
    assert holds(same, c3.rod_derivative(on), xi)
    assert holds(same, c3.linearised(across * across.T, jacobian), -2 * across * across.T)
    assert not holds(same, c3.linearised(on, jacobian), -2 * on)
    for matrix, right in ((2 * sp.eye(2) + jacobian, True), (sp.eye(2) + jacobian, False)):
        moved = -matrix * xi
        stated = moved * c3.rod.T + c3.rod * moved.T
        assert holds(same, c3.linearised(on, jacobian), stated) == right


def test_c3_derivative_of_the_rod_by_finite_differences():
    start = np.array([0.8, -0.5])
    change = np.array([[0.3, -0.2], [-0.2, 0.7]])

    def rod(extent):
        values, vectors = np.linalg.eigh(extent)
        half = np.sqrt(values[-1]) * vectors[:, -1]
        return half * np.sign(half @ start)

    base, h = np.outer(start, start), 1e-5
    numeric = (rod(base + h * change) - rod(base - h * change)) / (2 * h)
    symbolic = c3.rod_derivative(sp.Matrix(change)).subs({delta: start[0], mu: start[1]})
    np.testing.assert_allclose(np.array(symbolic, dtype=float)[:, 0], numeric, rtol=1e-8)


def test_c3_centre_is_heavy_balls_linear_map():
    velocity, _ = c3.flow("heavy_ball", c3.quadratic)
    matrix = velocity.jacobian([w, m])
    trace = -(1 - beta) * (1 + eta * S)
    assert holds(same, c3.characteristic(matrix), lam**2 - trace * lam + eta * (1 - beta) * S)
    assert not holds(same, c3.characteristic(matrix), lam**2 + trace * lam + eta * (1 - beta) * S)


# The checks themselves ----------------------------------------------------------------------------


def test_checks_name_the_equation_and_the_difference():
    with pytest.raises(FalseEquation, match=r"^\(81\) is false: derived minus stated is "):
        same(81, S_HB, S_NAG)
    with pytest.raises(FalseEquation, match=r"^\(87\), \(88\) has 1 entries; derived were 2\.$"):
        same((87, 88), [S, S], S)
    with pytest.raises(FalseEquation, match=r"^\(110\) is not shown"):
        positive(110, beta - 1)
    with pytest.raises(FalseEquation):
        close(56, np.nan, 1.0, 1.0)
