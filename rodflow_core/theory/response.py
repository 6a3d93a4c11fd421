r"""Linear response: what an optimizer and its models do in a direction of a quadratic.

There one step is linear. In a direction in which it multiplies by ``x`` the optimizer is at ``x^t``
after ``t`` steps, and each model is at ``exp(c t)`` with an exponent ``c`` of its own: the
optimizer's ``log x``, a series of it about ``x = 1`` for the centre of every flow, and one about
``x = -1`` for the rods. ``-Re c`` is the decay per step, ``|Im c| / 2 pi`` the frequency in cycles
per step.

The nine optimizers have their multipliers from :func:`multipliers`, the adaptive ones at a fixed
preconditioner, with ``eta / P`` for the learning rate. Beyond the paper, which has the thresholds.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._common import Momentum, Real, UpdateWeights, require
from .quadratic import flow_matrix

Exponents = NDArray[np.complex128]
"""Exponents ``c`` of ``exp(c t)``, per step."""


class Response(NamedTuple):
    """What an exponent says.

    Attributes:
        decay: of the amplitude, per step; negative where it grows.
        frequency: cycles per step, in [0, 1/2]: what steps can tell apart.
    """

    decay: NDArray[np.float64]
    frequency: NDArray[np.float64]


def _complex(x: ArrayLike) -> NDArray[np.complex128]:
    values = np.asarray(x, dtype=np.complex128)
    # Conjugates tell the same; a real multiplier comes with either sign of its zero.
    return values.real + 1j * np.abs(values.imag)


def multipliers(
    momentum: Momentum | UpdateWeights, sharpness: Real, learning_rate: Real, beta: Real
) -> NDArray[np.complex128]:
    """Multipliers ``x`` of one step on the quadratic, largest modulus first.

    They are ``1 + lambda`` for the eigenvalues of :func:`flow_matrix`; shape (..., 2), without
    momentum (..., 1).

    Raises:
        ValueError: learning rate not positive, beta outside [0, 1), or unknown momentum.

    Example:
        >>> x = multipliers("heavy_ball", 2.0, 1.0, 0.25)
        >>> (x.imag > 0).sum(), abs(x).round(3)  # a pair of modulus sqrt(beta)
        (np.int64(1), array([0.5, 0.5]))
    """
    flow = flow_matrix(momentum, sharpness, learning_rate, beta)
    values = 1 + np.linalg.eigvals(flow).astype(np.complex128)
    order = np.argsort(-np.abs(values), axis=-1, kind="stable")
    return np.take_along_axis(values, order, axis=-1)


def optimizer_exponent(x: ArrayLike) -> Exponents:
    """Exponent ``log x`` of the optimizer itself; its imaginary part in [0, pi].

    Raises:
        ValueError: a multiplier of zero, which has no logarithm.
    """
    values = _complex(x)
    require(values != 0, "a multiplier is 0: nothing is left after one step, and no exponent.")
    return np.log(values)


def centre_exponent(x: ArrayLike, order: int = 1) -> Exponents:
    """Exponent of the centre of every flow: ``log x`` about ``x = 1``, cut after some terms.

    Its displacement is ``F = (x - 1) z``, so the first term is ``x - 1``. The second is the
    backward-error correction, ``-(x - 1)^2 / 2``, (257). The series converges for |x - 1| < 1.

    Args:
        x: multipliers.
        order: number of terms, at least 1.

    Raises:
        ValueError: an order below one.
    """
    return _logarithm(_complex(x) - 1, order)


def rod_exponent(x: ArrayLike, order: int = 1) -> Exponents:
    """Exponent of the drift-free rod, alternation included: ``log x`` about ``x = -1``.

    The rod obeys ``d(delta)/dt = -2 delta - D`` with ``D = (x - 1) delta``, and stands for
    ``(-1)^t delta``: in all ``i pi - (1 + x)``. Edge Flow's magnitude obeys the same for gradient
    descent. Further terms, which no flow has, are ``-(1 + x)^n / n``; the series converges for
    |1 + x| < 1.

    Args:
        x: multipliers.
        order: number of terms, at least 1.

    Raises:
        ValueError: an order below one.
    """
    return 1j * np.pi + _logarithm(-1 - _complex(x), order)


def _logarithm(u: NDArray[np.complex128], order: int) -> Exponents:
    """Give the first terms of the series of ``log(1 + u)``."""
    if order != int(order) or order < 1:
        raise ValueError(f"order must be a whole number >= 1, got {order}: give a count of terms.")
    return sum((-1.0) ** (n + 1) * u**n / n for n in range(1, order + 1))  # type: ignore[return-value]


class PaperRod(NamedTuple):
    """Decays per step of the length of the paper's rod if its drive were linear in ``Sigma``.

    Half of what ``Sigma`` decays by. For real multipliers both are ``1 - (1 - x)^2 / 4``, tangent
    to ``1 + x`` at -1.

    Attributes:
        same: of the mode that belongs to ``x`` twice, ``1 - Re (1 - x)^2 / 4``.
        mixed: of the mode that belongs to ``x`` and its conjugate, ``1 - |1 - x|^2 / 4``.
    """

    same: NDArray[np.float64]
    mixed: NDArray[np.float64]


def paper_rod_decay(x: ArrayLike) -> PaperRod:
    """Decays of the paper's rod as (131) has them, its centre at rest.

    The extent's operator ``-2 Sigma + A Sigma A^T / 2`` has the eigenvalues
    ``-2 + lambda_i lambda_j / 2`` with ``lambda = x - 1``. The flow itself evaluates ``F`` at the
    principal eigenvector of ``Sigma`` only. On a real axis of the step that is the same; where the
    step rotates it is not: :func:`principal_rod_decay`.

    Raises:
        ValueError: a multiplier that is not finite.
    """
    values = _complex(x)
    require(np.isfinite(values), "a multiplier is not finite: give the step's own eigenvalues.")
    square = (1 - values) ** 2
    return PaperRod(1 - square.real / 4, 1 - np.abs(square) / 4)


def principal_rod_decay(
    flow: ArrayLike, steps: int = 100, substeps: int = 32
) -> NDArray[np.float64]:
    """Decay per step of the paper's rod flow itself, in a plane in which the step is linear.

    ``dSigma/dt = -2 Sigma + (A delta)(A delta)^T / 2`` with ``delta`` the principal
    half-displacement is integrated with the classical Runge-Kutta method; it is homogeneous, and
    settles to a decay of its own. The drive of a rotation turns the rod away from itself, and which
    direction is principal depends on the units of ``w`` and ``m``: so does the decay.

    Args:
        flow: matrices ``A`` of ``F``, shape (..., D, D), for example from :func:`flow_matrix`.
        steps: optimizer steps; the mean is taken over the second half.
        substeps: to a step; where the two eigenvalues cross the rate jumps, and the error is of
            first order in their length.

    Returns:
        Decays of the length, the root of the trace of ``Sigma``.

    Example:
        >>> float(principal_rod_decay(np.array([[-1.5]])).round(6))  # x = -1/2: 1 - (3/2)^2 / 4
        0.4375
    """
    a = np.asarray(flow, dtype=np.float64)
    seed = np.cos(1.0 + np.arange(a.shape[-1]))  # along no axis
    sigma = np.broadcast_to(np.outer(seed, seed), a.shape)

    def rate(extent: NDArray[np.float64]) -> NDArray[np.float64]:
        values, vectors = np.linalg.eigh(extent)
        drive = np.einsum("...ij,...j->...i", a, vectors[..., -1])
        square = drive[..., :, None] * drive[..., None, :]
        return -2 * extent + 0.5 * values[..., -1, None, None] * square

    h, total = 1 / substeps, 0.0
    for i in range(steps * substeps):
        k1 = rate(sigma)
        k2 = rate(sigma + h / 2 * k1)
        k3 = rate(sigma + h / 2 * k2)
        k4 = rate(sigma + h * k3)
        sigma = sigma + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        size = np.trace(sigma, axis1=-2, axis2=-1)
        sigma = sigma / size[..., None, None]
        if 2 * i >= steps * substeps:
            total = total - np.log(size) / 2
    return np.asarray(total) / (steps / 2)


def decay_frequency(exponent: ArrayLike) -> Response:
    """Decay and frequency per step of an exponent; frequencies are folded into [0, 1/2]."""
    values = np.asarray(exponent, dtype=np.complex128)
    cycles = np.mod(np.abs(values.imag) / (2 * np.pi), 1.0)
    return Response(-values.real, np.minimum(cycles, 1 - cycles))


def multiplier_error(exponent: ArrayLike, x: ArrayLike) -> NDArray[np.float64]:
    """Error of a model in one step, ``|exp(c) - x|``, relative to the amplitude before it."""
    return np.abs(np.exp(np.asarray(exponent, dtype=np.complex128)) - _complex(x))


def kept_energy(decay: ArrayLike) -> NDArray[np.float64]:
    """Sum over steps of the squared amplitude after a kick of size one, for a decay per step.

    ``1 / (1 - exp(-2 decay))``; infinite where it does not decay.
    """
    rate = np.asarray(decay, dtype=np.float64)
    gone = -np.expm1(-2 * np.where(rate > 0, rate, 1.0))
    return np.where(rate > 0, 1 / gone, np.inf)
