"""Analytic landscapes on which the theory has closed forms: linear, quadratic, quartic."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from rodflow_core.objective import Jet


class Linear:
    """``L(w) = <slope, w>``: no curvature, only drift (appendices C.3.1, D.2.1, E.3.1).

    Args:
        slope: ``(d,)``.
    """

    def __init__(self, slope: Tensor) -> None:
        """Keep the slope."""
        self.slope = slope

    @property
    def dim(self) -> int:
        """Number of weights ``d``."""
        return len(self.slope)

    def value(self, w: Tensor) -> Tensor:
        """Give the loss at ``w``, ``(d,)``, as a ``()`` tensor."""
        return self.slope @ w

    def gradients(self, points: Tensor) -> Tensor:
        """Give the gradients, ``(k, d)``, at points, ``(k, d)``."""
        return self.slope.expand_as(points).clone()

    def hvp(self, w: Tensor) -> Callable[[Tensor], Tensor]:
        """Give the map ``v -> 0``."""
        return torch.zeros_like

    def jet(self, w: Tensor, directions: Tensor) -> Jet:
        """Give the slope; nothing beyond it."""
        return Jet(self.slope.clone(), torch.zeros_like(directions), _no_turns(directions))


class Quadratic:
    """``L(w) = 1/2 w^T H w`` (appendices C.2, C.3.2, D.2.2, E.3.2).

    Args:
        hessian: symmetric ``(d, d)``, or its diagonal ``(d,)``.

    Raises:
        ValueError: where it is neither a vector nor a symmetric matrix.
    """

    def __init__(self, hessian: Tensor) -> None:
        """Keep the Hessian."""
        if hessian.ndim == 1:
            hessian = hessian.diag()
        if hessian.ndim != 2 or hessian.shape != hessian.T.shape or (hessian != hessian.T).any():
            raise ValueError(
                f"hessian has shape {tuple(hessian.shape)}; expected (d,) or a symmetric (d, d)."
            )
        self.hessian = hessian

    @property
    def dim(self) -> int:
        """Number of weights ``d``."""
        return len(self.hessian)

    def value(self, w: Tensor) -> Tensor:
        """Give the loss at ``w``, ``(d,)``, as a ``()`` tensor."""
        return 0.5 * w @ self.hessian @ w

    def gradients(self, points: Tensor) -> Tensor:
        """Give the gradients, ``(k, d)``, at points, ``(k, d)``."""
        return points @ self.hessian

    def hvp(self, w: Tensor) -> Callable[[Tensor], Tensor]:
        """Give the map ``v -> H v``, the same everywhere."""
        return lambda v: self.hessian @ v

    def jet(self, w: Tensor, directions: Tensor) -> Jet:
        """Give gradient and products; the curvature is the same everywhere."""
        return Jet(self.hessian @ w, directions @ self.hessian, _no_turns(directions))


class Quartic:
    """``L(w) = sum_i (S_i w_i^2 / 2 - kappa_i w_i^4 / 4)``, equation (138) along each axis.

    Sharpest at the origin: the minimal landscape on which an oscillation stabilises itself. It is
    unbounded below; the analysis holds within ``|w| < sqrt(S / kappa)``.

    Args:
        sharpness: ``S``, ``(d,)``, the curvature at the origin.
        kappa: ``(d,)`` or ``()``, positive.

    Raises:
        ValueError: where ``kappa`` is not positive.
    """

    def __init__(self, sharpness: Tensor, kappa: Tensor) -> None:
        """Keep both coefficients."""
        if not (kappa > 0).all():
            raise ValueError(f"kappa is {kappa.tolist()}; expected positive numbers.")
        self.sharpness, self.kappa = sharpness, kappa

    @property
    def dim(self) -> int:
        """Number of weights ``d``."""
        return len(self.sharpness)

    def value(self, w: Tensor) -> Tensor:
        """Give the loss at ``w``, ``(d,)``, as a ``()`` tensor."""
        return (0.5 * self.sharpness * w**2 - 0.25 * self.kappa * w**4).sum()

    def gradients(self, points: Tensor) -> Tensor:
        """Give the gradients, ``(k, d)``, at points, ``(k, d)``."""
        return self.sharpness * points - self.kappa * points**3

    def hvp(self, w: Tensor) -> Callable[[Tensor], Tensor]:
        """Give the map ``v -> (S - 3 kappa w^2) v``."""
        curvature = self.sharpness - 3 * self.kappa * w**2
        return lambda v: curvature * v

    def jet(self, w: Tensor, directions: Tensor) -> Jet:
        """Give the derivatives at ``w``, ``(d,)``, along the rows of ``directions``, ``(k, d)``."""
        rows, columns = torch.triu_indices(len(directions), len(directions))
        turns = -6 * self.kappa * w * directions[rows] * directions[columns]
        return Jet(self.gradients(w[None])[0], self.hvp(w)(directions), turns)


def _no_turns(directions: Tensor) -> Tensor:
    k = len(directions)
    return directions.new_zeros(k * (k + 1) // 2, directions.shape[1])
