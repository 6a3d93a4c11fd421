"""Appendix E.1: what is right as printed, and refused when altered."""

import pytest
import sympy as sp
from appendices import holds

from rodflow_book.derivations import appendix_e1 as adam
from rodflow_book.derivations.checks import same
from rodflow_book.derivations.symbols import P, S, beta1, eta, m, w

DIRECTIONS = {"heavy_ball": adam.new_moment, "dozat": adam.modified_moment}


@pytest.mark.parametrize("name", DIRECTIONS)
def test_e1_displacement_and_its_wrong_variants(name):
    slope, scale = sp.Function("g"), P
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
