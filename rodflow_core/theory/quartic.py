"""Fixed points of the flows on L = S w^2/2 - kappa w^4/4, sharpest at its minimum (C.3.3).

One formula serves all momenta: at the fixed point F(delta_z) = -2 delta_z, (149), the average
curvature along the segment between the two gradient points equals the threshold.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._common import (
    Momentum,
    Real,
    UpdateWeights,
    check_kappa,
    check_learning_rate,
    check_sharpness,
    matrix,
    require,
    update_weights,
)
from .quadratic import flow_matrix, flow_trace_determinant
from .thresholds import flip_threshold


class RodFixedPoint(NamedTuple):
    """A rod that a flow leaves as it is, centred at the origin of phase space.

    Attributes:
        half_displacement: delta* >= 0, unit of w.
        moment_half_difference: mu*, unit of g, or None without a first moment.
        gradient_half_length: half distance of the two points where the gradient is taken,
            delta* - eta l mu*; it is delta* but for Nesterov.
        second_moment: nu*, unit of g^2, or None where there is none.
    """

    half_displacement: Real
    moment_half_difference: Real | None
    gradient_half_length: Real
    second_moment: Real | None = None

    @property
    def extent(self) -> NDArray[np.float64]:
        """Sigma* = delta_z delta_z^T, (158): shape (..., 2, 2), without momentum (..., 1, 1)."""
        w, m = self.half_displacement, self.moment_half_difference
        if m is None:
            return matrix([[w * w]])
        return matrix([[w * w, w * m], [w * m, m * m]])


def quartic_gradient(weight: Real, sharpness: Real, kappa: Real) -> Real:
    """Gradient S w - kappa w^3 of the quartic loss (138)."""
    return sharpness * weight - kappa * weight**3


def quartic_average_curvature(half_length: Real, sharpness: Real, kappa: Real) -> Real:
    """Average curvature g(l)/l = S - kappa l^2 along the segment from -l to l: (153)-(154)."""
    return sharpness - kappa * half_length**2


def quartic_fixed_point(
    momentum: Momentum | UpdateWeights,
    sharpness: Real,
    kappa: Real,
    learning_rate: Real,
    beta: Real,
) -> RodFixedPoint:
    """Self-stabilised rod on the quartic loss: (149)-(158).

    The half length of the segment between the gradient points is
    ``l* = sqrt((S - S_threshold)/kappa)``, from (153)-(156). For heavy ball, Dozat and gradient
    descent (``none``; beta not used) it is delta* itself. Then ``mu* = -(1-beta)/(1+beta) g(l*)``,
    (152): -2 delta*/eta for heavy ball (157) and Nesterov, -2 delta*/(eta (1+2 beta)) for Dozat.

    Beyond the paper, which treats heavy ball: Nesterov takes its gradients at
    ``+-(delta - eta beta mu)`` (23), so the condition is on that look-ahead half-length, with
    Nesterov's own threshold, and ``delta* = l*/(1 + 2 beta)``. Dozat's coordinate
    theta = w - eta beta m is that look-ahead point, so its delta* is l*.

    Args:
        momentum: a name, or weights of one's own.
        sharpness: S, at or above the threshold; at the threshold the rod has no length.
        kappa: quartic coefficient, > 0.
        learning_rate: eta > 0.
        beta: coefficient of the first moment, in [0, 1).

    Returns:
        The fixed point with delta* >= 0; its mirror image is the same rod.

    Raises:
        ValueError: an argument out of its range, or S below the threshold.
    """
    check_kappa(kappa)
    check_sharpness(sharpness)
    limit = flip_threshold(momentum, learning_rate, beta)
    require(
        np.asarray(sharpness) >= limit,
        f"No oscillating fixed point: sharpness {sharpness} is below the threshold {limit}; "
        "raise the sharpness or the learning rate.",
    )
    length = np.sqrt((sharpness - limit) / kappa)
    if momentum == "none":
        return RodFixedPoint(length, None, length)
    look = update_weights(momentum, beta).look_ahead
    moment = -(1 - beta) / (1 + beta) * limit * length
    return RodFixedPoint(length + learning_rate * look * moment, moment, length)


def quartic_curvature(sharpness: Real, threshold: Real) -> Real:
    """Hessian H = 3 S_threshold - 2 S at the fixed rod's gradient points: (160), (170)-(171).

    Negative for S > 3 S_threshold/2, where the rod's ends have passed the inflection point.
    """
    return 3 * threshold - 2 * sharpness


def quartic_jacobian(
    momentum: Momentum | UpdateWeights, sharpness: Real, learning_rate: Real, beta: Real
) -> NDArray[np.float64]:
    """Jacobian J of F at the fixed rod's end: (159) with (160), shape (..., 2, 2) or (..., 1, 1).

    It is A of (128), or its counterpart, with H in place of S, and does not depend on kappa.

    Raises:
        ValueError: learning rate not positive, beta outside [0, 1), or unknown momentum.
    """
    check_sharpness(sharpness)
    limit = flip_threshold(momentum, learning_rate, beta)
    return flow_matrix(momentum, quartic_curvature(sharpness, limit), learning_rate, beta)


def quartic_polynomial(
    momentum: Momentum | UpdateWeights, sharpness: Real, learning_rate: Real, beta: Real
) -> NDArray[np.float64]:
    """Characteristic polynomial of the rod's perturbations, -(2 I + J): (165)-(171).

    ``sigma^2 + (4 + tr J) sigma + (4 + 2 tr J + det J)``, highest power first, shape (..., 3).
    Heavy ball: (1, 2 eta (1-beta) S - 3 - 5 beta, 2 eta (1-beta)(S - S_HB)), (169) after (171).
    Gradient descent: sigma + 2 eta S - 4, shape (..., 2). Perturbations that raise the rank
    decay at the rate 2 whatever the momentum, (161)-(164).

    Raises:
        ValueError: learning rate not positive, beta outside [0, 1), or unknown momentum.
    """
    check_sharpness(sharpness)
    limit = flip_threshold(momentum, learning_rate, beta)
    curvature = quartic_curvature(sharpness, limit)
    trace, determinant = flow_trace_determinant(momentum, curvature, learning_rate, beta)
    if momentum == "none":
        return matrix([[1.0, 2 + trace]])[..., 0, :]
    return matrix([[1.0, 4 + trace, 4 + 2 * trace + determinant]])[..., 0, :]


def quartic_rod_is_stable(
    momentum: Momentum | UpdateWeights, sharpness: Real, learning_rate: Real, beta: Real
) -> bool | NDArray[np.bool_]:
    """Whether the fixed rod with its centre held at the origin is stable: end of C.3.3.

    By Routh-Hurwitz on (169), with (161)-(164): true iff S > S_threshold for all named momenta.
    This is the paper's verdict. It says nothing of the centre: :func:`quartic_is_stable`.

    Raises:
        ValueError: learning rate not positive, beta outside [0, 1), or unknown momentum.
    """
    above = np.asarray(sharpness) > flip_threshold(momentum, learning_rate, beta)
    coefficients = quartic_polynomial(momentum, sharpness, learning_rate, beta)
    stable = above & np.all(coefficients > 0, axis=-1)
    return stable if stable.ndim else bool(stable)


def quartic_is_stable(
    momentum: Momentum | UpdateWeights, sharpness: Real, learning_rate: Real, beta: Real
) -> bool | NDArray[np.bool_]:
    """Whether the fixed point is stable with its centre free to move.

    Beyond the paper, which keeps the centre at the origin. To first order the centre obeys
    dz/dt = J z and does not mix with the rod, so J must be a stable matrix as well, which
    needs H > 0: for all named momenta true iff S_threshold < S < 3 S_threshold/2. This is also
    the stability of the discrete two-period orbit; above it the orbit loses its symmetry.

    Raises:
        ValueError: learning rate not positive, beta outside [0, 1), or unknown momentum.
    """
    limit = flip_threshold(momentum, learning_rate, beta)
    curvature = quartic_curvature(sharpness, limit)
    trace, determinant = flow_trace_determinant(momentum, curvature, learning_rate, beta)
    centre = np.asarray(trace) < 0
    if momentum != "none":
        centre = centre & (np.asarray(determinant) > 0)
    stable = centre & quartic_rod_is_stable(momentum, sharpness, learning_rate, beta)
    return stable if stable.ndim else bool(stable)


def heavy_ball_linear_coefficient_zero(learning_rate: Real, beta: Real) -> Real:
    """Sharpness (3 + 5 beta)/(2 eta (1-beta)) where the middle term of (169) vanishes.

    It lies below S_HB for every beta < 1, so that the constant term alone decides.

    Raises:
        ValueError: learning rate not positive, or beta outside [0, 1).
    """
    check_learning_rate(learning_rate)
    update_weights("heavy_ball", beta)
    return (3 + 5 * beta) / (2 * learning_rate * (1 - beta))
