"""The extent tensor ``Sigma = U diag(lambda) U^T``, its relaxation, and the rod it stands for."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Extent(NamedTuple):
    """Low-rank extent tensor, equation (267).

    Attributes:
        basis: orthonormal ``U``, ``(D, r)``.
        eigenvalues: ``lambda``, ``(r,)``, not negative, decreasing, in units of ``z`` squared.
    """

    basis: Tensor
    eigenvalues: Tensor

    @property
    def half_displacement(self) -> Tensor:
        """Principal half-displacement ``sqrt(lambda_1) u_1``, ``(D,)``, up to its sign."""
        if not len(self.eigenvalues):
            return self.basis.new_zeros(len(self.basis))
        return self.eigenvalues[0].sqrt() * self.basis[:, 0]

    def dense(self) -> Tensor:
        """``Sigma`` as a ``(D, D)`` matrix: for tests and small landscapes."""
        return (self.basis * self.eigenvalues) @ self.basis.T


def rod(half_displacement: Tensor) -> Extent:
    """Give the extent of a rod of rank one, equations (290), (291).

    Args:
        half_displacement: ``delta_z``, ``(D,)``; a zero vector gives an extent of rank zero.
    """
    length = half_displacement.norm()
    if length == 0:
        return Extent(half_displacement.new_zeros(len(half_displacement), 0), length.new_zeros(0))
    return Extent((half_displacement / length).unsqueeze(1), length.square().unsqueeze(0))


def relax(extent: Extent, drive: Tensor, dt: float, rank: int, weight: float = 1.0) -> Extent:
    """Advance ``dSigma/dt = -2 Sigma + weight drive drive^T`` by an Euler step: (268)-(273).

    The decay is the Euler factor ``1 - 2 dt`` of (268), not ``exp(-2 dt)``: with the drive weighted
    by ``dt`` only the former keeps the fixed point.

    Departure from the paper: decay, projection, augmentation, addition and truncation are one
    eigenproblem of the Gram matrix of basis and drive, scaled by the square roots of their weights,
    so that ``D`` is passed over a few times only. What is below rounding in ``Sigma`` is dropped.
    The closing re-orthogonalisation is the paper's QR, by a Cholesky factor.

    Args:
        extent: ``Sigma``; may have rank zero.
        drive: ``(D, k)``, in units of ``z`` per square root of a step.
        dt: length of the substep, in steps. Above 1/2 the decay overshoots: what would become
            negative is set to zero, and the result is accurate to the root of rounding only.
        rank: how many eigenpairs to keep, at least 1.
        weight: of the drive, not negative; 1/4 in equation (20).

    Returns:
        The new extent, of rank at most ``rank``; all NaN where the drive is not finite.

    Raises:
        ValueError: for a rank below 1.
    """
    if rank < 1:
        raise ValueError(f"rank is {rank}; expected at least 1.")
    # Vectors are rows in here: every operation over D is then on contiguous memory.
    rows, drive_rows = extent.basis.T, drive.T
    cross = rows @ drive
    gram = torch.cat(
        (
            torch.cat((rows @ extent.basis, cross), dim=1),
            torch.cat((cross.T, drive_rows @ drive), dim=1),
        )
    )
    gain = drive.new_full((len(drive_rows),), weight * dt)
    weights = torch.cat(((1 - 2 * dt) * extent.eigenvalues, gain))
    scale = weights.abs().sqrt()
    gram = scale[:, None] * gram * scale
    if not torch.isfinite(gram).all():
        return Extent(drive.new_full((len(drive), 1), torch.nan), drive.new_full((1,), torch.nan))
    # An orthonormal basis of the span, then Sigma in it; for dt <= 1/2 it is already diagonal.
    squares, vectors = torch.linalg.eigh(gram)
    kept = squares > 10 * torch.finfo(drive.dtype).eps * squares[-1]
    squares, vectors = squares[kept], vectors[:, kept]
    inner = vectors * squares.sqrt()
    eigenvalues, turn = torch.linalg.eigh((inner.T * weights.sign()) @ inner)
    chosen = eigenvalues.flip(0)[:rank] > 0
    eigenvalues = eigenvalues.flip(0)[:rank][chosen]
    turn = turn.flip(1)[:, :rank][:, chosen]
    combine = (scale[:, None] * vectors / squares.sqrt() @ turn).T
    split = len(extent.eigenvalues)
    new_rows = torch.addmm(combine[:, split:] @ drive_rows, combine[:, :split], rows)
    # Eigenvector i is orthogonal to rounding times lambda_1 / lambda_i. QR corrects each by those
    # before it only, which leaves Sigma as it is to rounding; a symmetric correction would not.
    factor = torch.linalg.cholesky(new_rows @ new_rows.T)
    return Extent((torch.linalg.inv(factor) @ new_rows).T, eigenvalues)


def relax_dense(sigma: Tensor, drive: Tensor, dt: float) -> Tensor:
    """Take the same Euler step on a dense ``Sigma``, ``(D, D)``: the twin for tests."""
    return (1 - 2 * dt) * sigma + dt * drive @ drive.T
