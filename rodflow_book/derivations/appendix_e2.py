"""Appendix E.2 in SymPy: Adam's and NAdam's bounce in a valley, and whether it is stable.

One dimension, where scalar and per-component second moment are the same; epsilon dropped and no
bias correction, as in the paper.
"""

from __future__ import annotations

import sympy as sp

from rodflow_book.derivations.appendix_e1 import Direction, displacement, new_moment
from rodflow_book.derivations.symbols import S, beta2, delta, m, mu, w


def bounce(direction: Direction = new_moment) -> dict[str, sp.Expr]:
    """Solve F(delta_z) = -2 delta_z with nu = S^2 delta^2 on the quadratic: (238)-(243).

    Returns:
        ``mu`` as a function of delta, and ``delta`` itself.
    """
    length = sp.Symbol("delta", positive=True)
    step = displacement(sp.Matrix([length, mu]), lambda x: S * x, direction, S * length)
    (moment,) = sp.solve(step[1] + 2 * mu, mu)
    (found,) = sp.solve((step[0] + 2 * length).subs(mu, moment), length)
    return {"mu": moment.subs(length, delta), "delta": sp.simplify(found)}


def jacobian(direction: Direction = new_moment) -> sp.Matrix:
    """Linearise the rod's end and nu at the fixed point, in relative units: beyond the paper.

    With Sigma of rank one, (200) is -delta_z - F(delta_z)/2 for the rod's end where F(delta_z)
    is parallel to it; off it, the end obeys d(xi)/dt = -(2 I + A) xi and nu's own share.

    Returns:
        ``(3, 3)`` in (xi_w / delta*, xi_m / (S delta*), d nu / nu*).
    """
    point = bounce(direction)
    length = point["delta"]
    root = S * length
    a = displacement(sp.Matrix([w, m]), lambda x: S * x, direction, root).jacobian([w, m])
    scale = sp.diag(length, S * length)
    inner = -2 * sp.eye(2) - (scale**-1 * a * scale)
    # F_w is proportional to nu^(-1/2), and F_w = -2 delta*: its half change per relative nu.
    top = inner.row_join(sp.Matrix([-1, 0]))
    bottom = (1 - beta2) * sp.Matrix([[2, 0, -1]])
    return top.col_join(bottom).applyfunc(sp.simplify)
