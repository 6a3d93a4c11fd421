"""Sharpness thresholds on a quadratic: Table 2 and the general formula behind it.

The learning rate eta has the unit of weight / gradient, a sharpness that of gradient / weight;
for the adaptive optimizers both are meant in the preconditioned metric.
"""

from __future__ import annotations

import numpy as np

from ._common import (
    OPTIMIZER_MOMENTUM,
    Momentum,
    Real,
    UpdateWeights,
    check_beta,
    check_learning_rate,
    update_weights,
)


def _inverse_positive(numerator: Real, denominator: Real) -> Real:
    """Numerator / denominator where the denominator is positive, infinity elsewhere."""
    numerator, denominator = np.broadcast_arrays(numerator, denominator)
    positive = denominator > 0
    out = np.where(positive, numerator / np.where(positive, denominator, 1.0), np.inf)
    return out if out.ndim else float(out)


def gd_threshold(learning_rate: Real) -> Real:
    """Threshold 2/eta of gradient descent, and of RMSProp in its own metric (Table 2).

    Raises:
        ValueError: learning rate not positive.
    """
    check_learning_rate(learning_rate)
    return 2 / learning_rate


def heavy_ball_threshold(learning_rate: Real, beta: Real) -> Real:
    """Threshold (2/eta) (1+beta)/(1-beta) of heavy ball and Adam: (10)=(81)=(135), (47).

    Raises:
        ValueError: learning rate not positive, or beta outside [0, 1).
    """
    check_learning_rate(learning_rate)
    check_beta(beta)
    return 2 / learning_rate * (1 + beta) / (1 - beta)


def nesterov_threshold(learning_rate: Real, beta: Real) -> Real:
    """Threshold (2/eta) (1+beta)/((1-beta)(1+2 beta)): (99)=(137)=(219), Nesterov, Dozat, NAdam.

    Raises:
        ValueError: learning rate not positive, or beta outside [0, 1).
    """
    check_learning_rate(learning_rate)
    check_beta(beta)
    return 2 / learning_rate * (1 + beta) / ((1 - beta) * (1 + 2 * beta))


def flip_threshold(momentum: Momentum | UpdateWeights, learning_rate: Real, beta: Real) -> Real:
    """Sharpness at which an eigenvalue of the update is -1, for any weights (a, b, l).

    ``S = (2/eta) / (b + (2 l - a)(1-beta)/(1+beta))``, infinite where the denominator is not
    positive. It is the solution of F(delta_z) = -2 delta_z, (149), on the quadratic, and gives
    (81), (99) and (219) as special cases. The formula goes beyond the paper, which treats each
    optimizer by itself. For weights of one's own see also :func:`rotation_threshold`.

    Raises:
        ValueError: learning rate not positive, beta outside [0, 1), or an unknown momentum.
    """
    check_learning_rate(learning_rate)
    a, b, look = update_weights(momentum, beta)
    # Without a first moment beta means nothing; a = l = 0 takes it out of the formula.
    effective = b + (2 * look - a) * (1 - beta) / (1 + beta)
    return _inverse_positive(np.asarray(2 / learning_rate), effective)


def rotation_threshold(momentum: Momentum | UpdateWeights, learning_rate: Real, beta: Real) -> Real:
    """Sharpness at which a complex pair of eigenvalues leaves the unit circle.

    The update's determinant on a quadratic is ``beta + eta S ((1-beta)(a-l) - beta b)``; it is
    one at ``S = (1-beta) / (eta ((1-beta)(a-l) - beta b))``. Infinite for the optimizers of
    Table 2: that is why (80) and (97) need no more than their real root -1. With a + b > 0 an
    update of one's own is stable on the quadratic for 0 < S < the smaller of the flip and the
    rotation threshold. Beyond the paper.

    Raises:
        ValueError: learning rate not positive, beta outside [0, 1), or an unknown momentum.
    """
    check_learning_rate(learning_rate)
    a, b, look = update_weights(momentum, beta)
    growth = (1 - beta) * (a - look) - beta * b
    return _inverse_positive(np.asarray((1 - beta) / learning_rate), growth)


def threshold(optimizer: str, learning_rate: Real, beta1: Real | None = None) -> Real:
    """Threshold of the (preconditioned) sharpness of a named optimizer, Table 2.

    Args:
        optimizer: one of the nine keys of ``OPTIMIZER_MOMENTUM``.
        learning_rate: eta > 0.
        beta1: coefficient of the first moment (heavy ball and Nesterov too); not used by
            ``gd``, ``scalar_rmsprop`` and ``rmsprop``.

    Returns:
        The threshold, in the unit of 1/eta.

    Raises:
        ValueError: unknown optimizer, learning rate not positive, beta1 missing or
            outside [0, 1).
    """
    if optimizer not in OPTIMIZER_MOMENTUM:
        names = ", ".join(OPTIMIZER_MOMENTUM)
        raise ValueError(f"Unknown optimizer {optimizer!r}: choose one of {names}.")
    momentum = OPTIMIZER_MOMENTUM[optimizer]
    if momentum == "none":
        return gd_threshold(learning_rate)
    if beta1 is None:
        raise ValueError(f"The threshold of {optimizer} depends on beta1: pass beta1.")
    if momentum == "heavy_ball":
        return heavy_ball_threshold(learning_rate, beta1)
    return nesterov_threshold(learning_rate, beta1)


def effective_learning_rate(learning_rate: Real, second_moment: Real, epsilon: Real = 0.0) -> Real:
    """Preconditioned step size eta / (sqrt(nu) + epsilon): (31)=(172), with P of (25), (34).

    Raises:
        ValueError: learning rate not positive, nu negative, or sqrt(nu) + epsilon not positive.
    """
    check_learning_rate(learning_rate)
    if not np.all(np.asarray(second_moment) >= 0):
        raise ValueError(f"second_moment must be >= 0, got {second_moment}: pass a mean square.")
    preconditioner = np.sqrt(second_moment) + epsilon
    if not np.all(preconditioner > 0):
        raise ValueError("The preconditioner is not positive: pass nu > 0 or epsilon > 0.")
    return learning_rate / preconditioner
