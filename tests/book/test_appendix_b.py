"""Appendix B: what is right as printed, and refused when altered."""

import pytest
import sympy as sp
from appendices import holds

from rodflow_book.derivations import appendix_b as b
from rodflow_book.derivations.checks import same
from rodflow_book.derivations.generic import gradient, rod
from rodflow_book.derivations.symbols import S, Sigma, eta, kappa


def rod_of_descent():
    w0 = b.start()
    w1 = b.step(w0)
    return w0, w1, b.step(w1), *rod(w0, w1)


@pytest.mark.parametrize(
    "decay, drive, right",
    [(-2, sp.Rational(1, 4), True), (-1, sp.Rational(1, 4), False), (-2, sp.Rational(1, 2), False)],
)
def test_b_extent_difference(decay, drive, right):
    _, w1, w2, centre, half = rod_of_descent()
    _, after = rod(w1, w2)
    plus, minus = gradient(centre + half), gradient(centre - half)
    stated = decay * half * half.T + drive * eta**2 * (plus * plus.T + minus * minus.T)
    assert holds(same, after * after.T - half * half.T, stated) == right


@pytest.mark.parametrize("sign, right", [(-1, True), (1, False)])
def test_b_half_displacement_is_minus_half_a_step(sign, right):
    _, _, _, centre, half = rod_of_descent()
    assert holds(same, half, sign * eta / 2 * gradient(centre - half)) == right
    assert not holds(same, half, sign * eta / 2 * gradient(centre + half))


@pytest.mark.parametrize("limit, right", [(2 / eta, True), (1 / eta, False), (3 / eta, False)])
def test_b_quartic_amplitude_and_stability(limit, right):
    rate = b.quartic_flow()[1].subs(b.centre, 0)
    square = (S - limit) / kappa
    assert holds(same, rate.subs(Sigma, square), 0) == right
    slope = rate.diff(Sigma).subs(Sigma, square)
    assert holds(same, slope, -2 * eta * (S - limit)) == right


def test_b_lopsided_cycle_by_iteration():
    s, k, e = 6.2, 0.7, 0.5
    values = {S: s, kappa: k, eta: e}
    centre, half = (float(sp.sqrt(x.subs(values))) for x in b.lopsided_cycle())
    upper, lower = centre + half, centre - half
    assert upper - e * (s * upper - k * upper**3) == pytest.approx(lower, rel=1e-12)
    assert lower - e * (s * lower - k * lower**3) == pytest.approx(upper, rel=1e-12)
