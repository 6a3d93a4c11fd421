r"""The semidefinite complementarity problem that fixes central flow's covariance.

Given a symmetric ``A`` and a linear map ``B`` of symmetric matrices, find ``X`` with

$$0\preceq X\ \perp\ A+B[X]\succeq 0 .$$

The matrices are as small as the number of directions at the edge. One direction has a closed form;
more are solved by a semismooth Newton method on ``X = [X - A - B[X]]_+``, the brackets being the
projection onto positive semidefinite matrices, with projected steps where Newton's would not do.

Source: Sun and Sun, Math. Oper. Res. 27 (2002) 150, for the derivative of the projection.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

TOLERANCE = 1e-11
"""Residual at which the iteration ends, in the units in which ``A`` is of order one."""
_NEWTON, _PROJECTED, _ROUNDS = 30, 200, 8


class Solution(NamedTuple):
    """What was found, and how far it can be trusted.

    Attributes:
        x: ``(k, k)``, positive semidefinite.
        residual: ``|X - [X - A - B[X]]_+|`` over ``|A|``, with ``B`` scaled to order one.
    """

    x: NDArray
    residual: float


def pairs(k: int) -> tuple[NDArray, NDArray]:
    """Give the rows and columns of the ``k (k + 1) / 2`` pairs ``i <= j``, in order."""
    return np.triu_indices(k)


def _vector(matrix: NDArray) -> NDArray:
    """Give a symmetric matrix as a vector of the same norm."""
    i, j = pairs(len(matrix))
    return matrix[i, j] * np.where(i == j, 1.0, np.sqrt(2.0))


def _matrix(vector: NDArray, k: int) -> NDArray:
    i, j = pairs(k)
    out = np.zeros((k, k))
    out[i, j] = out[j, i] = vector / np.where(i == j, 1.0, np.sqrt(2.0))
    return out


def solve(a: NDArray, b: NDArray) -> Solution:
    """Solve the complementarity problem.

    Args:
        a: symmetric ``(k, k)``.
        b: ``(m, m)`` over the pairs of `pairs`: ``b[p, q]`` is entry ``p`` of ``B[E_q]``, with
            ``E_q`` the matrix that has a one at entry ``q`` and its mirror image. ``B`` should be
            positive semidefinite, nearly symmetric at least.

    Returns:
        The solution. Where there is none (curvature that nothing in reach of ``B`` brings down),
        one direction gives an infinite ``X``; with several, the residual stays of order one.

    Example:
        >>> solve(np.array([[-1.0]]), np.array([[2.0]])).x
        array([[0.5]])
    """
    k = len(a)
    scale_a, scale_b = float(np.abs(a).max()), float(np.abs(b).max())
    if not (np.isfinite(scale_a) and np.isfinite(scale_b)):
        return Solution(np.full((k, k), np.nan), np.nan)
    if k == 1:
        with np.errstate(divide="ignore"):
            found = np.maximum(0.0, -a / b) if a[0, 0] < 0 else np.zeros((1, 1))
        return Solution(found, 0.0 if np.isfinite(found).all() else 1.0)
    if scale_a == 0 or scale_b == 0:
        feasible = np.linalg.eigvalsh(a)[0] >= 0
        return Solution(np.zeros((k, k)), 0.0 if feasible else 1.0)
    i, j = pairs(k)
    weight = np.where(i == j, 1.0, np.sqrt(2.0))
    # Of unknowns with the matrices' own norm; a column of b already counts a pair and its mirror.
    m = b / scale_b * weight[:, None] / weight[None, :]
    x, residual = _newton(_vector(a / scale_a), m, k)
    return Solution(_matrix(x, k) * scale_a / scale_b, residual)


def _newton(a: NDArray, m: NDArray, k: int) -> tuple[NDArray, float]:
    """Solve in vectors: Newton where it helps, projected steps to come near enough."""
    x = np.zeros_like(a)
    step = 1.0 / max(float(np.linalg.norm(m, 2)), 1e-300)
    best, least = x, np.inf
    for _ in range(_ROUNDS):
        for _ in range(_NEWTON):
            found, jacobian = _residual(x, a, m, k)
            size = float(np.linalg.norm(found))
            if size < least:
                best, least = x, size
            if least < TOLERANCE:
                return best, least
            move = np.linalg.lstsq(jacobian, -found, rcond=None)[0]
            lengths = [0.5**n for n in range(8)]
            tried = [np.linalg.norm(_residual(x + s * move, a, m, k)[0]) for s in lengths]
            nearest = int(np.argmin(tried))
            if not tried[nearest] < (1 - 1e-4) * size:
                break
            x = x + lengths[nearest] * move
        x = best
        for _ in range(_PROJECTED):
            x = _projected(x - step * (a + m @ x), k)[0]
    return best, least


def _residual(x: NDArray, a: NDArray, m: NDArray, k: int) -> tuple[NDArray, NDArray]:
    """Give ``x - [x - a - m x]_+`` and its Jacobian."""
    one = np.eye(len(x))
    there, slope = _projected(x - a - m @ x, k)
    return x - there, one - slope @ (one - m)


def _projected(y: NDArray, k: int) -> tuple[NDArray, NDArray]:
    """Give the projection onto positive semidefinite matrices, and its derivative."""
    values, q = np.linalg.eigh(_matrix(y, k))
    positive = np.maximum(values, 0.0)
    gap = values[:, None] - values[None, :]
    same = np.abs(gap) < 1e-14
    rise = positive[:, None] - positive[None, :]
    factor = np.where(same, (values[:, None] > 0) * 1.0, rise / np.where(same, 1.0, gap))
    columns = []
    for unit in np.eye(len(y)):
        turned = q.T @ _matrix(unit, k) @ q
        columns.append(_vector(q @ (factor * turned) @ q.T))
    return _vector((q * positive) @ q.T), np.array(columns).T
