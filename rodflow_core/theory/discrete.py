"""The discrete updates on L = S w^2 / 2: transition matrices and two-period orbits (C.2, E.2).

States are (w_t, w_{t-1}) for heavy ball and Nesterov, with w_{-1} = w_0 + eta m_0, (85), and
(theta_t, m_t) for Dozat's form, theta = w - eta beta m.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ._common import (
    Momentum,
    Real,
    check_beta,
    check_learning_rate,
    check_sharpness,
    matrix,
    named_momentum,
)

_TWO_STEP = ("heavy_ball", "nesterov")
_WITH_MOMENT = ("heavy_ball", "nesterov", "dozat")


def transition_matrix(
    momentum: Momentum, sharpness: Real, learning_rate: Real, beta: Real
) -> NDArray[np.float64]:
    """Transition matrix of one step on the quadratic, shape (..., 2, 2).

    Heavy ball (79), Nesterov from the recurrence (94)-(96), both on (w_t, w_{t-1}); Dozat (213)
    on (theta_t, m_t); ``none`` is gradient descent's 1 - eta S, shape (..., 1, 1).

    Raises:
        ValueError: learning rate not positive, beta outside [0, 1), or unknown momentum.
    """
    check_learning_rate(learning_rate)
    check_beta(beta)
    check_sharpness(sharpness)
    named_momentum(momentum, ("none", *_WITH_MOMENT))
    if momentum == "none":
        return matrix([[1 - learning_rate * sharpness]])
    y = learning_rate * (1 - beta) * sharpness
    if momentum == "heavy_ball":
        return matrix([[1 + beta - y, -beta], [1.0, 0.0]])
    if momentum == "nesterov":
        return matrix([[(1 + beta) * (1 - y), -beta * (1 - y)], [1.0, 0.0]])
    return matrix([[1 - (1 + beta) * y, -learning_rate * beta**2], [(1 - beta) * sharpness, beta]])


def critical_transition_matrix(momentum: Momentum, beta: Real) -> NDArray[np.float64]:
    """Transition matrix at the threshold on (w_t, w_{t-1}): heavy ball (83), Nesterov (101).

    Raises:
        ValueError: beta outside [0, 1), or another momentum than these two.
    """
    check_beta(beta)
    named_momentum(momentum, _TWO_STEP)
    if momentum == "heavy_ball":
        return matrix([[-(1 + beta), -beta], [1.0, 0.0]])
    return matrix([[-(1 + beta) / (1 + 2 * beta), beta / (1 + 2 * beta)], [1.0, 0.0]])


def characteristic_polynomial(
    momentum: Momentum, sharpness: Real, learning_rate: Real, beta: Real
) -> NDArray[np.float64]:
    """Coefficients (1, -trace, determinant), highest power first: (80), (97), (214)-(216).

    Shape (..., 3); Nesterov and Dozat share theirs, being one map in two coordinates.

    Raises:
        ValueError: learning rate not positive, beta outside [0, 1), or no first moment.
    """
    check_learning_rate(learning_rate)
    check_beta(beta)
    check_sharpness(sharpness)
    named_momentum(momentum, _WITH_MOMENT)
    y = learning_rate * (1 - beta) * sharpness
    if momentum == "heavy_ball":
        trace, determinant = 1 + beta - y, beta + 0 * y
    else:
        trace, determinant = (1 + beta) * (1 - y), beta * (1 - y)
    return matrix([[1.0, -trace, determinant]])[..., 0, :]


def transient_eigenvalue(momentum: Momentum, beta: Real) -> Real:
    """Eigenvalue beside -1 at the threshold: -beta (82), or beta/(1+2 beta) (100).

    The transient towards the two-period orbit shrinks by its modulus at every step.

    Raises:
        ValueError: beta outside [0, 1), or no first moment.
    """
    check_beta(beta)
    named_momentum(momentum, _WITH_MOMENT)
    return -beta if momentum == "heavy_ball" else beta / (1 + 2 * beta)


def critical_eigenvectors(momentum: Momentum, beta: Real) -> NDArray[np.float64]:
    """Eigenvectors at the threshold as columns, shape (..., 2, 2): (84), (102).

    The first, (-1, 1), is the persistent oscillation, the second the transient; neither is
    normalised, as in the paper. On (w_t, w_{t-1}).

    Raises:
        ValueError: beta outside [0, 1), or another momentum than heavy ball and Nesterov.
    """
    named_momentum(momentum, _TWO_STEP)
    return matrix([[-1.0, transient_eigenvalue(momentum, beta)], [1.0, 1.0]])


def orbit_coefficients(
    momentum: Momentum, weight: Real, moment: Real, learning_rate: Real, beta: Real
) -> tuple[Real, Real]:
    """Coefficients (a, b) of the initial state in the two eigenvectors: (89), (107).

    Args:
        momentum: ``heavy_ball`` or ``nesterov``.
        weight: w_0.
        moment: m_0.
        learning_rate: eta > 0.
        beta: in [0, 1).

    Returns:
        a (persistent) and b (transient), in the unit of w.

    Raises:
        ValueError: learning rate not positive, beta outside [0, 1), or another momentum.
    """
    check_learning_rate(learning_rate)
    check_beta(beta)
    named_momentum(momentum, _TWO_STEP)
    kick = learning_rate * moment
    if momentum == "heavy_ball":
        scale = 1 - beta
        return -((1 + beta) * weight + beta * kick) / scale, (2 * weight + kick) / scale
    scale = 1 + 3 * beta
    return (
        (beta * kick - (1 + beta) * weight) / scale,
        (1 + 2 * beta) * (2 * weight + kick) / scale,
    )


def orbit(
    momentum: Momentum, step: Real, weight: Real, moment: Real, learning_rate: Real, beta: Real
) -> Real:
    """Weight w_t after ``step`` whole steps at exactly the threshold: (90), (108).

    Raises:
        ValueError: a negative or fractional step, learning rate not positive, beta outside
            [0, 1), or another momentum than heavy ball and Nesterov.
    """
    steps = np.asarray(step)
    if not np.all((steps >= 0) & (steps == np.floor(steps))):
        raise ValueError(f"step must be a whole number >= 0, got {step}: count optimizer steps.")
    a, b = orbit_coefficients(momentum, weight, moment, learning_rate, beta)
    sign = 1.0 - 2.0 * (steps % 2)
    rate = transient_eigenvalue(momentum, beta)
    # The transient's first component is its eigenvalue: one power more than the step.
    return -a * sign + b * np.power(rate, steps + 1.0)


def orbit_amplitude(
    momentum: Momentum, weight: Real, moment: Real, learning_rate: Real, beta: Real
) -> Real:
    """Amplitude of the two-period orbit at the threshold: (91), (92), (109).

    Heavy ball ``|(1+beta) w_0 + beta eta m_0| / (1-beta)``; Nesterov
    ``|(1+beta) w_0 - beta eta m_0| / (1+3 beta)``; both are |a| of (89), (107), for any m_0.
    The amplitude is half the distance of consecutive iterates, so it is the rod's
    half-displacement. Gradient descent (``none``) keeps |w_0|. For Dozat's form, in theta with
    ``weight`` = theta_0, ``(1+2 beta) |(1+beta) theta_0 + beta^2 eta m_0| / (1+3 beta)``:
    not in the paper, it follows from theta = w - eta beta m.

    Raises:
        ValueError: learning rate not positive, beta outside [0, 1), or unknown momentum.
    """
    named_momentum(momentum, ("none", *_WITH_MOMENT))
    check_learning_rate(learning_rate)
    check_beta(beta)
    if momentum == "none":
        return abs(weight)  # type: ignore[return-value]
    if momentum == "dozat":
        shifted = weight + learning_rate * beta * moment
        a, _ = orbit_coefficients("nesterov", shifted, moment, learning_rate, beta)
        return (1 + 2 * beta) * abs(a)  # type: ignore[operator]
    return abs(orbit_coefficients(momentum, weight, moment, learning_rate, beta)[0])  # type: ignore[return-value]
