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


def relax(extent: Extent, drive: Tensor, dt: float, rank: int) -> Extent:
    """Advance ``dSigma/dt = -2 Sigma + drive drive^T`` by one Euler step: equations (268)-(273).

    Decay, project, augment, add, truncate. The decay is the Euler factor ``1 - 2 dt`` of (268), not
    ``exp(-2 dt)``: with the drive weighted by ``dt`` only the former keeps the fixed point.

    Departure from the paper: the QR of its last step is a polar correction of the basis folded into
    the final rotation. It is as accurate on a nearly orthonormal basis, and no pass over ``D``.

    Args:
        extent: ``Sigma``; may have rank zero.
        drive: ``(D, k)``, in units of ``z`` per square root of a step.
        dt: length of the substep, in steps, in (0, 1/2] for a positive semidefinite result.
        rank: how many eigenpairs to keep, at least 1.

    Returns:
        The new extent, of rank at most ``rank``; all NaN where the drive is not finite.

    Raises:
        ValueError: for a rank below 1.
    """
    if rank < 1:
        raise ValueError(f"rank is {rank}; expected at least 1.")
    # Vectors are rows in here: every operation over D is then on contiguous memory.
    rows, drive_rows = extent.basis.T, drive.T
    decayed = (1 - 2 * dt) * extent.eigenvalues
    new_rows = _augmentation(rows, drive_rows)
    rows = torch.cat((rows, new_rows))
    coefficients = rows @ drive_rows.T
    core = torch.diag(torch.nn.functional.pad(decayed, (0, len(new_rows))))
    core = core + dt * coefficients @ coefficients.T
    if not torch.isfinite(core).all():
        return Extent(drive.new_full((len(drive), 1), torch.nan), drive.new_full((1,), torch.nan))
    eigenvalues, vectors = torch.linalg.eigh(core)
    kept = min(rank, len(eigenvalues))
    eigenvalues = eigenvalues.flip(0)[:kept].clamp(min=0)
    vectors = vectors.flip(1)[:, :kept]
    # (I + E)^-1/2 = I - E/2 + O(E^2), with E the loss of orthonormality, a few roundings.
    error = rows @ rows.T - torch.eye(len(rows), dtype=rows.dtype, device=rows.device)
    return Extent(((vectors.T - 0.5 * vectors.T @ error) @ rows).T, eigenvalues)


def relax_dense(sigma: Tensor, drive: Tensor, dt: float) -> Tensor:
    """Take the same Euler step on a dense ``Sigma``, ``(D, D)``: the twin for tests."""
    return (1 - 2 * dt) * sigma + dt * drive @ drive.T


def _augmentation(rows: Tensor, drive_rows: Tensor) -> Tensor:
    """Give orthonormal rows for what of the drive lies outside the basis: (270), (271).

    Gram-Schmidt, each projection taken twice: once loses orthogonality where little is left. A part
    is dropped where it is indistinguishable from the rounding of the vector it is left of.
    """
    found = rows[:0]
    negligible = 10 * torch.finfo(drive_rows.dtype).eps
    for row in drive_rows:
        perpendicular = row
        for _ in range(2):
            perpendicular = perpendicular - (rows @ perpendicular) @ rows
            perpendicular = perpendicular - (found @ perpendicular) @ found
        length = perpendicular.norm()
        if length > negligible * row.norm():
            found = torch.cat((found, (perpendicular / length).unsqueeze(0)))
    return found
