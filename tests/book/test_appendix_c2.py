"""Appendix C.2: what is right as printed, and refused when altered."""

import pytest
import sympy as sp
from appendices import holds

from rodflow_book.derivations import appendix_c2 as c2
from rodflow_book.derivations import appendix_c3 as c3
from rodflow_book.derivations.checks import FalseEquation, agree, positive, same
from rodflow_book.derivations.symbols import S, beta, eta
from rodflow_core import theory

S_HB = 2 / eta * (1 + beta) / (1 - beta)
S_NAG = S_HB / (1 + 2 * beta)
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
    with pytest.raises(FalseEquation, match=r"\(79\) is .* \(relative, in"):
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
