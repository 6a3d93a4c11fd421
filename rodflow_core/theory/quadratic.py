"""The flows on L = S w^2 / 2 in one dimension, and backward error analysis of a linear map."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import logm

from ._common import (
    Momentum,
    Real,
    UpdateWeights,
    check_learning_rate,
    check_sharpness,
    matrix,
    update_weights,
)


def _square(flow: ArrayLike) -> NDArray[np.float64]:
    """The matrix as float64; ValueError unless it is square."""
    a = np.asarray(flow, dtype=np.float64)
    if a.ndim != 2 or a.shape[0] != a.shape[1]:
        raise ValueError(f"flow must be a square matrix A, got shape {a.shape}: pass one matrix.")
    return a


def flow_matrix(
    momentum: Momentum | UpdateWeights, sharpness: Real, learning_rate: Real, beta: Real
) -> NDArray[np.float64]:
    """Matrix A of F(z) = A z on the quadratic, shape (..., 2, 2) on z = (w, m).

    Heavy ball (128); Nesterov (C.3.2, unnumbered); Dozat from (206), where I + A is (213);
    gradient descent ``none`` is -eta S, shape (..., 1, 1). For Adam (236) and NAdam pass
    eta / sqrt(nu), :func:`effective_learning_rate`. The centre obeys dz/dt = A z.

    Raises:
        ValueError: learning rate not positive, beta outside [0, 1), or unknown momentum.
    """
    check_learning_rate(learning_rate)
    check_sharpness(sharpness)
    a, b, look = update_weights(momentum, beta)
    if momentum == "none":
        return matrix([[-learning_rate * sharpness]])
    pull = learning_rate * sharpness
    return matrix(
        [
            [-b * pull, -learning_rate * (a - b * look * pull)],
            [(1 - beta) * sharpness, -(1 - beta) * (1 + look * pull)],
        ]
    )


def flow_trace_determinant(
    momentum: Momentum | UpdateWeights, sharpness: Real, learning_rate: Real, beta: Real
) -> tuple[Real, Real]:
    """Trace and determinant of :func:`flow_matrix`: (129)-(130), (136), after (236).

    trace = -eta b S - (1-beta)(1 + eta l S), determinant = (a+b) eta (1-beta) S; both of heavy
    ball and Nesterov have determinant eta (1-beta) S. For ``none`` both are -eta S.

    Raises:
        ValueError: learning rate not positive, beta outside [0, 1), or unknown momentum.
    """
    check_learning_rate(learning_rate)
    check_sharpness(sharpness)
    a, b, look = update_weights(momentum, beta)
    pull = learning_rate * sharpness
    if momentum == "none":
        return -pull, -pull
    trace = -b * pull - (1 - beta) * (1 + look * pull)
    return trace, (a + b) * (1 - beta) * pull


def extent_operator_eigenvalues(flow: ArrayLike) -> NDArray[np.complex128]:
    """Eigenvalues -2 + lambda_i lambda_j / 2 of Sigma -> -2 Sigma + A Sigma A^T / 2: (131).

    Args:
        flow: A, shape (D, D), for example from :func:`flow_matrix`.

    Returns:
        The D(D+1)/2 eigenvalues on symmetric matrices, i <= j, row by row. The fixed point
        Sigma = 0 is stable iff every real part is negative, (132)-(134). As in the paper
        the operator describes a rank-one Sigma; a rod flow of higher rank evaluates F at its
        principal half-displacement only.

    Raises:
        ValueError: the matrix is not square.
    """
    a = _square(flow)
    values = np.linalg.eigvals(a).astype(np.complex128)
    i, j = np.triu_indices(a.shape[0])
    return -2 + values[i] * values[j] / 2


def backward_error_term(flow: ArrayLike, order: int) -> NDArray[np.float64]:
    """Matrix of the n-th backward-error term of F(z) = A z: (-1)^(n+1) A^n / n.

    f1 = A (252), f2 = -A^2/2 (253)-(254), f3 = A^3/3 (255)-(256), and so on: the series of
    log(I + A), whose flow over one unit of time is I + A exactly, (248).

    Args:
        flow: A, shape (D, D).
        order: n >= 1.

    Returns:
        Array of shape (D, D).

    Raises:
        ValueError: an order below one, or a matrix that is not square.
    """
    a = _square(flow)
    if order != int(order) or order < 1:
        raise ValueError(f"order must be a whole number >= 1, got {order}: f1 is the first term.")
    return (-1.0) ** (order + 1) * np.linalg.matrix_power(a, int(order)) / order


def backward_error_field(flow: ArrayLike) -> NDArray[np.float64]:
    """Matrix log(I + A) of the exact modified flow of z -> z + A z: (245), (247)-(248).

    The series of :func:`backward_error_term` converges to it where A's spectral radius is below
    one, so far from the edge of stability, where I + A has the eigenvalue -1 and no real
    logarithm.

    Args:
        flow: A, shape (D, D).

    Returns:
        Array of shape (D, D).

    Raises:
        ValueError: I + A has an eigenvalue on the closed negative axis, or A is not square.
    """
    a = _square(flow)
    values = np.linalg.eigvals(a)
    # Eigenvalues of a real matrix come in conjugate pairs, so a real one has no imaginary part.
    if np.any((values.imag == 0) & (values.real <= -1)):
        raise ValueError("I + A has an eigenvalue <= 0 and no real logarithm: lower the sharpness.")
    return np.real(logm(np.eye(a.shape[0]) + a))
