"""RMSProp, Adam and NAdam on L = S w^2 / 2 in one dimension, epsilon dropped (D.2, E.3).

The scalar and the per-component second moment are the same there. No bias correction: the fixed
points are those of late times.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ._common import (
    Momentum,
    Real,
    check_beta,
    check_sharpness,
    matrix,
    named_momentum,
    update_weights,
)
from .quadratic import flow_matrix
from .quartic import RodFixedPoint
from .thresholds import flip_threshold

_ADAPTIVE = ("none", "heavy_ball", "dozat")


def adaptive_fixed_point(
    momentum: Momentum, sharpness: Real, learning_rate: Real, beta1: Real
) -> RodFixedPoint:
    """Oscillating fixed point on the quadratic: RMSProp (186)-(190), Adam (236)-(243), NAdam.

    The preconditioned sharpness S/sqrt(nu*) equals the threshold of Table 2, and nu* = S^2
    delta*^2, (188), (238); hence ``delta* = 1/S_threshold`` whatever S is: eta/2 for RMSProp
    (190), (eta/2)(1-beta1)/(1+beta1) for Adam (243). NAdam, not in the paper, by the same
    steps: (eta/2)(1-beta1)(1+2 beta1)/(1+beta1). mu* = -(1-beta1)/(1+beta1) S delta*, (241).

    Args:
        momentum: ``none`` (RMSProp; beta1 not used), ``heavy_ball`` (Adam), ``dozat`` (NAdam).
        sharpness: S > 0.
        learning_rate: eta > 0, unit of w.
        beta1: coefficient of the first moment, in [0, 1).

    Returns:
        delta*, mu*, nu* and the gradients' half-length.

    Raises:
        ValueError: an argument out of its range, or another momentum.
    """
    named_momentum(momentum, _ADAPTIVE)
    check_sharpness(sharpness, positive=True)
    length = 1 / flip_threshold(momentum, learning_rate, beta1) + 0 * sharpness
    moment = None if momentum == "none" else -(1 - beta1) / (1 + beta1) * sharpness * length
    return RodFixedPoint(length, moment, length, (sharpness * length) ** 2)


def rmsprop_jacobian(sharpness: Real, beta2: Real) -> NDArray[np.float64]:
    """Jacobian of (Sigma, nu) at RMSProp's fixed point: after (190), shape (..., 2, 2).

    Trace -(1-beta2), determinant 2 (1-beta2): a stable spiral for every beta2 in [0, 1).

    Raises:
        ValueError: sharpness not positive, or beta2 outside [0, 1).
    """
    check_sharpness(sharpness, positive=True)
    check_beta(beta2, "beta2")
    rate = 1 - beta2
    return matrix([[0.0, -2 / sharpness**2], [rate * sharpness**2, -rate]])


def adaptive_jacobian(
    momentum: Momentum, sharpness: float, learning_rate: float, beta1: float, beta2: float
) -> NDArray[np.float64]:
    """Jacobian of the flow in (delta, mu, nu) at Adam's or NAdam's fixed point, shape (3, 3).

    Not in the paper, which stops at (243): the same steps as (161)-(167), with nu free. The
    rod's end obeys d(xi)/dt = -(2 I + A) xi - (delta*/nu*, 0) d(nu), the second moment
    d(nu)' = (1-beta2)(2 S^2 delta* xi_w - d(nu)). Perturbations that raise the rank decay at
    the rate 2, the centre by (236).

    Raises:
        ValueError: an argument out of its range, or another momentum than these two.
    """
    named_momentum(momentum, ("heavy_ball", "dozat"))
    check_beta(beta2, "beta2")
    point = adaptive_fixed_point(momentum, sharpness, learning_rate, beta1)
    length, nu = point.half_displacement, point.second_moment
    flow = flow_matrix(momentum, sharpness, learning_rate / np.sqrt(nu), beta1)  # type: ignore[arg-type]
    rate = 1 - beta2
    out = np.zeros((3, 3))
    out[:2, :2] = -2 * np.eye(2) - flow
    out[0, 2] = -length / nu  # type: ignore[operator]
    out[2] = [2 * rate * sharpness**2 * length, 0.0, -rate]
    return out


def adaptive_cycle_matrix(
    momentum: Momentum, sharpness: float, learning_rate: float, beta1: float, beta2: float
) -> NDArray[np.float64]:
    """Linearised discrete step at Adam's or NAdam's two-period orbit, shape (3, 3).

    In (w, m, nu), with the signs of w and m turned at every step so that the orbit stands still.
    The orbit of the iterates is stable iff the spectral radius is below one. Not in the paper;
    it is the discrete counterpart of :func:`adaptive_jacobian`.

    Raises:
        ValueError: an argument out of its range, or another momentum than these two.
    """
    named_momentum(momentum, ("heavy_ball", "dozat"))
    check_beta(beta2, "beta2")
    point = adaptive_fixed_point(momentum, sharpness, learning_rate, beta1)
    length, nu = point.half_displacement, point.second_moment
    flow = flow_matrix(momentum, sharpness, learning_rate / np.sqrt(nu), beta1)  # type: ignore[arg-type]
    out = np.zeros((3, 3))
    out[:2, :2] = -np.eye(2) - flow
    out[2] = [2 * (1 - beta2) * sharpness**2 * length, 0.0, beta2]
    # The step uses nu_{t+1}, so nu's own row enters the weight's.
    out[0] -= length / nu * out[2]  # type: ignore[operator]
    return out


def adaptive_polynomial(momentum: Momentum, beta1: Real, beta2: Real) -> NDArray[np.float64]:
    """Characteristic polynomial of :func:`adaptive_jacobian`, highest power first, (..., 4).

    With k = 1 - beta2: (1, 1+beta1-q+k, k (3+beta1-q), 2 k (1+beta1)), where q = 2 beta1 for
    Adam and 2 beta1^2/(1+2 beta1) for NAdam. Neither S nor eta enters. RMSProp (``none``):
    (1, k, 2k) of :func:`rmsprop_jacobian`, shape (..., 3). Not in the paper.

    Raises:
        ValueError: beta1 or beta2 outside [0, 1), or another momentum.
    """
    named_momentum(momentum, _ADAPTIVE)
    update_weights(momentum, beta1)
    check_beta(beta2, "beta2")
    k = 1 - beta2
    if momentum == "none":
        return matrix([[1.0, k, 2 * k]])[..., 0, :]
    q = 2 * beta1 if momentum == "heavy_ball" else 2 * beta1**2 / (1 + 2 * beta1)
    return matrix([[1.0, 1 + beta1 - q + k, k * (3 + beta1 - q), 2 * k * (1 + beta1)]])[..., 0, :]


def adaptive_is_stable(momentum: Momentum, beta1: Real, beta2: Real) -> bool | NDArray[np.bool_]:
    """Whether the flow's oscillating fixed point on the quadratic is stable (Routh-Hurwitz).

    Always for RMSProp, (190) and after, and for NAdam. For Adam iff
    ``1 - beta2 > (6 beta1 - 1 - beta1^2)/(3 - beta1)``: with beta2 near one only for
    beta1 < 3 - 2 sqrt(2) = 0.17. Beyond, its amplitude (243) is an equilibrium that the flow,
    like the iterates themselves (:func:`adaptive_cycle_matrix`), leaves in growing swings.
    The verdict for Adam and NAdam is not in the paper.

    Raises:
        ValueError: beta1 or beta2 outside [0, 1), or another momentum.
    """
    coefficients = adaptive_polynomial(momentum, beta1, beta2)
    stable = np.all(coefficients > 0, axis=-1)
    if momentum != "none":
        c2, c1, c0 = np.moveaxis(coefficients[..., 1:], -1, 0)
        stable = stable & (c2 * c1 > c0)
    return stable if stable.ndim else bool(stable)
