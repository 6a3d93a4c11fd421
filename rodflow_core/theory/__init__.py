"""Closed forms of the rod flow paper's appendices B to G: thresholds, orbits, fixed points.

Plain functions of floats or broadcasting numpy arrays. Source of every equation number:
Regis and Chewi, *A Rod Flow Model for Adam at the Edge of Stability* (arXiv:2605.06821).
"""

from ._common import MOMENTA, OPTIMIZER_MOMENTUM, Momentum, UpdateWeights, update_weights
from .adaptive import (
    adaptive_cycle_matrix,
    adaptive_fixed_point,
    adaptive_is_stable,
    adaptive_jacobian,
    adaptive_polynomial,
    rmsprop_jacobian,
)
from .discrete import (
    characteristic_polynomial,
    critical_eigenvectors,
    critical_transition_matrix,
    orbit,
    orbit_amplitude,
    orbit_coefficients,
    transient_eigenvalue,
    transition_matrix,
)
from .linear import (
    LinearSteadyState,
    adaptive_linear_steady_state,
    bias_corrections,
    linear_steady_state,
    raw_first_moment,
    raw_second_moment,
)
from .quadratic import (
    backward_error_field,
    backward_error_term,
    extent_operator_eigenvalues,
    flow_matrix,
    flow_trace_determinant,
)
from .quartic import (
    RodFixedPoint,
    heavy_ball_linear_coefficient_zero,
    quartic_average_curvature,
    quartic_curvature,
    quartic_fixed_point,
    quartic_gradient,
    quartic_is_stable,
    quartic_jacobian,
    quartic_polynomial,
    quartic_rod_is_stable,
)
from .thresholds import (
    effective_learning_rate,
    flip_threshold,
    gd_threshold,
    heavy_ball_threshold,
    nesterov_threshold,
    rotation_threshold,
    threshold,
)

__all__ = [
    "MOMENTA",
    "OPTIMIZER_MOMENTUM",
    "LinearSteadyState",
    "Momentum",
    "RodFixedPoint",
    "UpdateWeights",
    "adaptive_cycle_matrix",
    "adaptive_fixed_point",
    "adaptive_is_stable",
    "adaptive_jacobian",
    "adaptive_linear_steady_state",
    "adaptive_polynomial",
    "backward_error_field",
    "backward_error_term",
    "bias_corrections",
    "characteristic_polynomial",
    "critical_eigenvectors",
    "critical_transition_matrix",
    "effective_learning_rate",
    "extent_operator_eigenvalues",
    "flip_threshold",
    "flow_matrix",
    "flow_trace_determinant",
    "gd_threshold",
    "heavy_ball_linear_coefficient_zero",
    "heavy_ball_threshold",
    "linear_steady_state",
    "nesterov_threshold",
    "orbit",
    "orbit_amplitude",
    "orbit_coefficients",
    "quartic_average_curvature",
    "quartic_curvature",
    "quartic_fixed_point",
    "quartic_gradient",
    "quartic_is_stable",
    "quartic_jacobian",
    "quartic_polynomial",
    "quartic_rod_is_stable",
    "raw_first_moment",
    "raw_second_moment",
    "rmsprop_jacobian",
    "rotation_threshold",
    "threshold",
    "transient_eigenvalue",
    "transition_matrix",
    "update_weights",
]
