"""What the derivations begin with: an arbitrary loss, and the rod of two consecutive points."""

from __future__ import annotations

import sympy as sp


def gradient(point: sp.Matrix) -> sp.Matrix:
    """Give the gradient of an arbitrary loss: two functions of which nothing is known."""
    at = [sp.expand(x) for x in point]
    return sp.Matrix([sp.Function(name)(*at) for name in ("g_1", "g_2")])


def rod(first: sp.Matrix, second: sp.Matrix) -> tuple[sp.Matrix, sp.Matrix]:
    """Give centre and half-difference of two consecutive points, (50), (51), (60), (61)."""
    return (first + second) / 2, (second - first) / 2
