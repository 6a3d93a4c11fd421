"""Steady states on the linear loss L = g w, and the bias of moments that start at zero."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._common import Real, check_beta, check_learning_rate, matrix, require


class LinearSteadyState(NamedTuple):
    """Steady motion of a flow on the linear loss.

    Attributes:
        velocity: d(w bar)/dt, weight per optimizer step.
        moment: steady first moment m* (also the last gradient's average without momentum).
        second_moment: steady nu*, or None where there is none.
        extent: Sigma* on (w, m), shape (..., 2, 2); its first entry is the extent in weight space.
    """

    velocity: Real
    moment: Real
    second_moment: Real | None
    extent: NDArray[np.float64]


def linear_steady_state(slope: Real, learning_rate: Real) -> LinearSteadyState:
    """Gradient descent, heavy ball, Nesterov and Dozat on L = g w: (121)-(127).

    m* = g, velocity -eta g, Sigma_ww* = eta^2 g^2 / 4 and Sigma_wm* = Sigma_mm* = 0. The rod is
    half a step long: it is drift, not oscillation.

    Raises:
        ValueError: learning rate not positive.
    """
    check_learning_rate(learning_rate)
    half_step = learning_rate * slope / 2
    return LinearSteadyState(
        velocity=-learning_rate * slope,
        moment=slope,
        second_moment=None,
        extent=matrix([[half_step**2, 0.0], [0.0, 0.0]]),
    )


def adaptive_linear_steady_state(slope: Real, learning_rate: Real) -> LinearSteadyState:
    """RMSProp (173)-(178), Adam and NAdam (220)-(227) on L = g w, epsilon dropped.

    nu* = g^2, m* = g, velocity -eta sign(g), Sigma_ww* = eta^2 / 4 whatever the slope.

    Raises:
        ValueError: learning rate not positive, or a slope of zero (then nu* = 0).
    """
    check_learning_rate(learning_rate)
    require(np.asarray(slope) != 0, "slope must not be 0 without epsilon: pass a sloping loss.")
    return LinearSteadyState(
        velocity=-learning_rate * np.sign(slope),
        moment=slope,
        second_moment=slope**2,
        extent=matrix([[learning_rate**2 / 4 + 0 * slope, 0.0], [0.0, 0.0]]),
    )


def bias_corrections(step: Real, beta1: Real, beta2: Real) -> tuple[Real, Real]:
    """Factors c1 = 1 - beta1^(t+1), c2 = 1 - beta2^(t+1) of the step t -> t+1: (278).

    The step t counts from 0. The moments that drive this step are m_{t+1} and nu_{t+1}.

    Raises:
        ValueError: a negative step, or a coefficient outside [0, 1).
    """
    require(np.asarray(step) >= 0, f"step must be >= 0, got {step}: steps count from 0.")
    check_beta(beta1, "beta1")
    check_beta(beta2, "beta2")
    return 1 - beta1 ** (step + 1), 1 - beta2 ** (step + 1)


def raw_first_moment(slope: Real, step: Real, beta1: Real) -> Real:
    """Uncorrected m_t = (1 - beta1^t) g on the linear loss, from m_0 = 0: (274).

    Raises:
        ValueError: a negative step, or beta1 outside [0, 1).
    """
    require(np.asarray(step) >= 0, f"step must be >= 0, got {step}: steps count from 0.")
    check_beta(beta1, "beta1")
    return (1 - beta1**step) * slope


def raw_second_moment(slope: Real, step: Real, beta2: Real) -> Real:
    """Uncorrected nu_t = (1 - beta2^t) g^2 on the linear loss, from nu_0 = 0: (275).

    Raises:
        ValueError: a negative step, or beta2 outside [0, 1).
    """
    require(np.asarray(step) >= 0, f"step must be >= 0, got {step}: steps count from 0.")
    check_beta(beta2, "beta2")
    return (1 - beta2**step) * slope**2
