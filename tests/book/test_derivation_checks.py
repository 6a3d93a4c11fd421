"""The checks of the derivations themselves."""

import numpy as np
import pytest
import sympy as sp
from sympy.abc import a, b, x

from rodflow_book.derivations import checks, printed
from rodflow_book.derivations.checks import FalseEquation, agree, close, positive, same
from rodflow_book.derivations.ledger import METADATA, show_checked
from rodflow_book.derivations.printed import Page, UnreadableError
from rodflow_book.derivations.symbols import S, beta, eta

S_HB = 2 / eta * (1 + beta) / (1 - beta)
S_NAG = S_HB / (1 + 2 * beta)


def test_checks_name_the_equation_and_the_difference():
    with pytest.raises(FalseEquation, match=r"^\(81\) is false: derived minus stated is "):
        same(81, S_HB, S_NAG)
    with pytest.raises(FalseEquation, match=r"^\(87\), \(88\) has 1 entries; derived were 2\.$"):
        same((87, 88), [S, S], S)
    with pytest.raises(FalseEquation, match=r"^\(110\) is not shown"):
        positive(110, beta - 1)
    with pytest.raises(FalseEquation):
        close(56, np.nan, 1.0, 1.0)


def test_a_derivative_of_an_unknown_function_is_no_constant():
    f = sp.Function("f")(x)
    same(254, f * f.diff(x) * 2, (f**2).diff(x))
    with pytest.raises(FalseEquation):
        same(254, -f * f.diff(x) / 2, f * f.diff(x) / 2)


def test_close_judges_each_entry_on_its_own_scale():
    """An error of a tenth in a small entry once passed beside a large one: (67), (75)."""
    with pytest.raises(FalseEquation, match=r"^\(67\), \(75\) is 0\.1 "):
        close((67, 75), [0.11, 1.0], [0.1, 1.0], 1e-2)
    close(67, [0.1001, 1.0], [0.1, 1.0], 1e-2)
    close(67, [1e-5, 1.0], [0.0, 1.0], 1e-4, least=0.5)
    with pytest.raises(FalseEquation):
        close(67, [1e-5, 1.0], [0.0, 1.0], 1e-4)
    close(67, [0.0, 1e-16], [0.0, 1.0e-16], 1e-2)


def test_only_a_check_that_was_passed_is_in_the_registry(monkeypatch):
    monkeypatch.setattr(checks, "CHECKED", {})
    with pytest.raises(FalseEquation):
        same(81, S_HB, S_NAG)
    with pytest.raises(FalseEquation):
        close(82, 1.0, 2.0, 0.1)
    assert checks.CHECKED == {}
    same((81, 10), S_HB, S_HB)
    positive(110, S_HB.subs(beta, 0))
    agree(81, 2 * eta, lambda rate: 2 * rate, (eta,))
    assert checks.CHECKED == {81: {"symbolic", "numeric"}, 10: {"symbolic"}, 110: {"symbolic"}}


def test_the_ledger_hands_the_registry_on(monkeypatch):
    monkeypatch.setattr("rodflow_book.derivations.ledger.CHECKED", {3: {"printed"}, 1: {"numeric"}})
    shown = []
    monkeypatch.setattr(
        "rodflow_book.derivations.ledger.display", lambda text, metadata: shown.append(metadata)
    )
    show_checked()
    assert shown == [{METADATA: {"1": ["numeric"], "3": ["printed"]}}]


A, v = sp.Matrix([[1, 2], [3, 4]]), sp.Matrix([a, b])
NAMES = {
    "a": a,
    "b": b,
    "x": x,
    "A": A,
    "v": v,
    r"\beta": beta,
    "a_t": a + 1,
    "f": sp.Function("f"),
}
FORMULAS = {
    r"\tfrac12ab^2": a * b**2 / 2,
    r"\frac{a+b}x\,b": (a + b) * b / x,
    r"-a/b\,x-\big(a-b\big)": -a / b * x - a + b,
    r"a_t\,a": (a + 1) * a,
    r"Av": A * v,
    r"v^\top A^{-1}v": v.T * A.inv() * v,
    r"v^{\odot2}": sp.Matrix([a**2, b**2]),
    r"\|v\|^2": a**2 + b**2,
    r"\begin{pmatrix}a&-b\\1&0\end{pmatrix}v": sp.Matrix([[a, -b], [1, 0]]) * v,
    r"(a,v)": sp.Matrix([a, a, b]),
    r"\sqrt{a+b}\,f(a-b)^2": sp.sqrt(a + b) * sp.Function("f")(a - b) ** 2,
    r"12\,a^{10}": 12 * a**10,
    r"\sum_\pm\big(a\pm b\big)\,x": 2 * a * x,
    r"\underbrace{a+b}_{A}x": (a + b) * x,
}


def page_of(latex, monkeypatch):
    monkeypatch.setattr(printed, "source", lambda page: f"# $$\n# {latex}.\\tag{{7}}\n# $$")
    return Page("any", NAMES)


@pytest.mark.parametrize("latex, value", FORMULAS.items(), ids=list(FORMULAS))
def test_a_formula_is_read_as_it_is_printed(latex, value, monkeypatch):
    page = page_of(f"x={latex}", monkeypatch)
    (right,) = page.right(7)
    same(7, right, value)
    with pytest.raises(FalseEquation):
        page.says(7, value + value)


def test_relations_and_both_signs(monkeypatch):
    page = page_of(r"a\pm b=x_\pm,\qquad a<b=2x,\quad v\in A", monkeypatch)
    names = {"x_+": a + b, "x_-": a - b}
    assert [c.relations for c in page.chains(7, names)] == [["="], ["<", "="]] * 2
    assert page.sides(7, names)[:2] == [a + b, a + b] and page.sides(7, names)[5:7] == [
        a - b,
        a - b,
    ]


@pytest.mark.parametrize(
    "latex, message",
    [
        (r"x=a_s", "ends in no known name"),
        (r"x=c", "c stands for nothing here"),
        (r"x=(a", r"\. stands for nothing here"),
        (r"x=a)", r"\) is not understood"),
    ],
)
def test_what_is_bound_to_nothing_is_named(latex, message, monkeypatch):
    with pytest.raises(UnreadableError, match=message):
        page_of(latex, monkeypatch).sides(7)
    with pytest.raises(UnreadableError, match=r"any has no equation \(8\)"):
        page_of(latex, monkeypatch).sides(8)


def test_a_zero_is_that_of_the_other_side(monkeypatch):
    page_of("Av=0", monkeypatch).holds(7, {"v": sp.zeros(2, 1)})
    with pytest.raises(FalseEquation):
        page_of("Av=0", monkeypatch).holds(7)
    with pytest.raises(FalseEquation, match="equates a matrix with a number"):
        page_of("Av=a", monkeypatch).holds(7)
