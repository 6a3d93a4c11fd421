"""Appendix C.2 in SymPy: transition matrices on the quadratic, their thresholds and orbits."""

from __future__ import annotations

from typing import Literal

import sympy as sp

from rodflow_book.derivations.symbols import S, beta, eta, lam

Momentum = Literal["heavy_ball", "nesterov"]

w_now, w_before, w_next, m_now = sp.symbols("w_t w_{t-1} w_{t+1} m_t", real=True)
w_0, m_0 = sp.symbols("w_0 m_0", real=True)
g = sp.Function("g")


def moment() -> sp.Expr:
    """Solve the position update (58) of the step before for m_t, (76) shifted by one."""
    position = sp.Eq(w_now, w_before - eta * m_now)
    return sp.solve(position, m_now)[0]


def look_ahead() -> sp.Expr:
    """Give Nesterov's point (69) by weights alone, (93)."""
    return sp.expand((w_now - eta * beta * m_now).subs(m_now, moment()))


def recurrence(momentum: Momentum, gradient: sp.Function | None = None) -> sp.Expr:
    """Eliminate the moment from (57), (58) or (69)-(71): w_{t+1} of w_t and w_{t-1}.

    Args:
        momentum: heavy ball or Nesterov.
        gradient: the gradient as a function; by default that of L = S w^2/2.
    """
    gradient = gradient or (lambda point: S * point)
    point = w_now if momentum == "heavy_ball" else look_ahead()
    new_moment = beta * m_now + (1 - beta) * gradient(point)
    return sp.expand((w_now - eta * new_moment).subs(m_now, moment()))


def transition(momentum: Momentum) -> sp.Matrix:
    """Read the matrix on (w_t, w_{t-1}) off the recurrence, (79)."""
    after = recurrence(momentum)
    row = [sp.factor(after.coeff(x)) for x in (w_now, w_before)]
    return sp.Matrix([row, [1, 0]])


def characteristic(matrix: sp.Matrix) -> sp.Expr:
    """Give det(lambda I - T)."""
    return sp.expand((lam * sp.eye(2) - matrix).det())


def threshold(momentum: Momentum) -> sp.Expr:
    """Solve the characteristic equation at lambda = -1 for S, (81), (99)."""
    (found,) = sp.solve(characteristic(transition(momentum)).subs(lam, -1), S)
    return sp.factor(found)


def critical(momentum: Momentum) -> sp.Matrix:
    """Give the transition matrix at the threshold, (83), (101)."""
    return transition(momentum).subs(S, threshold(momentum)).applyfunc(sp.simplify)


def transient(momentum: Momentum) -> sp.Expr:
    """Give the eigenvalue beside -1 at the threshold, (82), (100): minus the determinant."""
    return sp.simplify(-critical(momentum).det())


def eigenvector(matrix: sp.Matrix, value: sp.Expr | int) -> sp.Matrix:
    """Give the eigenvector of an eigenvalue whose lower entry is one, (84), (102)."""
    (vector,) = (matrix - value * sp.eye(2)).nullspace(simplify=True)
    return (vector / vector[1]).applyfunc(sp.simplify)


def first_state() -> sp.Matrix:
    """Give (w_0, w_{-1}), w_{-1} from the position update, (85), (103)."""
    before = sp.Symbol("w_{-1}")
    (found,) = sp.solve(sp.Eq(w_0, before - eta * m_0), before)
    return sp.Matrix([w_0, found])


def coefficients(vectors: sp.Matrix) -> tuple[sp.Expr, sp.Expr]:
    """Solve (86) for (a, b), given the eigenvectors as columns: (89), (107)."""
    found = sp.simplify(vectors.inv() * first_state())
    return sp.factor(found[0]), sp.factor(found[1])


def power(momentum: Momentum, step: int) -> sp.Matrix:
    """Apply the critical matrix ``step`` times to the first state: what (90), (108) must equal."""
    return (critical(momentum) ** step * first_state()).applyfunc(sp.simplify)
