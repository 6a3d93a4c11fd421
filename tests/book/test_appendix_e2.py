"""Appendix E.2: what is right as printed, and refused when altered."""

import pytest
import sympy as sp
from appendices import holds

from rodflow_book.derivations import appendix_e1 as adam
from rodflow_book.derivations.appendix_e2 import bounce, jacobian
from rodflow_book.derivations.checks import agree, same
from rodflow_book.derivations.symbols import BETAS, S, beta1, beta2, delta, eta, m, mu, nu, w
from rodflow_core import theory

DIRECTIONS = {"heavy_ball": adam.new_moment, "dozat": adam.modified_moment}


@pytest.mark.parametrize("name", DIRECTIONS)
def test_e2_bounce_and_its_wrong_variants(name):
    found = bounce(DIRECTIONS[name])
    factor = (1 - beta1) / (1 + beta1)
    amplitude = factor * (1 if name == "heavy_ball" else 1 + 2 * beta1)
    assert holds(same, found["delta"], eta / 2 * amplitude)
    for wrong in (eta * amplitude, eta / 2 / amplitude, eta / 2 * amplitude**2, eta / 2):
        assert not holds(same, found["delta"], wrong)
    assert holds(same, found["mu"], -factor * S * delta)
    assert not holds(same, found["mu"], factor * S * delta)
    assert not holds(same, found["mu"], -S * delta)


def test_e2_nineteenth():
    found = bounce()["delta"].subs(beta1, sp.Rational(9, 10))
    assert holds(same, found / (eta / 2), sp.Rational(1, 19))
    assert not holds(same, found / (eta / 2), sp.Rational(1, 20))


@pytest.mark.parametrize("name", DIRECTIONS)
def test_e2_stability_polynomial_against_the_library(name):
    x = sp.Symbol("x")
    polynomial = sp.Poly(jacobian(DIRECTIONS[name]).charpoly(x).as_expr(), x).all_coeffs()
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
