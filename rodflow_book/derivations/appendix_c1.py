"""Appendix C.1 in SymPy: the rod of heavy ball and of Nesterov in phase space.

Two weights and their two moments stand for any number: z has four entries.
"""

from __future__ import annotations

from typing import Literal

import sympy as sp

from rodflow_book.derivations.generic import gradient
from rodflow_book.derivations.symbols import beta, eta

Momentum = Literal["heavy_ball", "nesterov"]


def start() -> sp.Matrix:
    """Give a generic point of phase space, (59): two weights, two moments."""
    return sp.Matrix(sp.symbols("w_1 w_2 m_1 m_2", real=True))


def gradient_point(momentum: Momentum, z: sp.Matrix) -> sp.Matrix:
    """Give where the gradient is taken: the weights, or (69)."""
    ahead = z[:2, :] - eta * beta * z[2:, :]
    return ahead if momentum == "nesterov" else z[:2, :]


def step(momentum: Momentum, z: sp.Matrix) -> sp.Matrix:
    """Take one step as it is defined, (57)-(58) or (69)-(71)."""
    moment = beta * z[2:, :] + (1 - beta) * gradient(gradient_point(momentum, z))
    return sp.Matrix.vstack(z[:2, :] - eta * moment, moment)


def displacement(momentum: Momentum, z: sp.Matrix) -> sp.Matrix:
    """Write F as (64) and (72) have it: with the gradient and the old moment alone."""
    g, m = gradient(gradient_point(momentum, z)), z[2:, :]
    return sp.Matrix.vstack(-eta * (beta * m + (1 - beta) * g), (1 - beta) * (g - m))


def difference_equations(
    momentum: Momentum, centre: sp.Matrix, half: sp.Matrix
) -> tuple[sp.Matrix, sp.Matrix]:
    """Give the right-hand sides of the difference equations, those of (65)-(67), (73)-(75)."""
    plus, minus = (displacement(momentum, centre + sign * half) for sign in (1, -1))
    drive = plus * plus.T + minus * minus.T
    return (plus + minus) / 2, -2 * half * half.T + drive / 4
