"""Appendix F: what is right, and refused when altered."""

import numpy as np
import pytest
import sympy as sp
from appendices import holds

from rodflow_book.derivations import appendix_f as bea
from rodflow_book.derivations.checks import agree, same
from rodflow_core import theory


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
