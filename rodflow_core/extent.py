"""The extent tensor ``Sigma``, held as a few orthogonal rods, and how it moves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

DECAY = 2.0
"""Rate at which an undriven extent decays, per step: the ``-2 Sigma`` of (7), (20), (30), (45)."""


class Extent(NamedTuple):
    """Low-rank extent tensor, equation (267): ``Sigma = sum_i delta_i delta_i^T``.

    Departure from the paper: its eigenpairs are held as rods, ``delta_i = sqrt(lambda_i) u_i``. An
    update is then a rotation of rods and drives among each other, and no vector is ever divided by
    its length.

    Attributes:
        rods: mutually orthogonal half-displacements, ``(r, D)``, longest first.
        eigenvalues: ``lambda_i = |delta_i|^2``, ``(r,)``, in units of ``z`` squared.

    Example:
        >>> sigma = rod(torch.tensor([3.0, 4.0]))
        >>> sigma.eigenvalues, sigma.half_displacement
        (tensor([25.]), tensor([3., 4.]))
    """

    rods: Tensor
    eigenvalues: Tensor

    @property
    def half_displacement(self) -> Tensor:
        """Principal half-displacement ``sqrt(lambda_1) u_1``, ``(D,)``, up to its sign."""
        if not len(self.rods):
            return self.rods.new_zeros(self.rods.shape[1])
        return self.rods[0]

    @property
    def basis(self) -> Tensor:
        """Orthonormal eigenvectors ``U``, ``(D, r)``, of (267), up to their signs.

        Rods are orthogonal to rounding of the longest; the paper's QR makes of their directions a
        basis, each corrected by longer ones only.
        """
        return torch.linalg.qr((self.rods / self.eigenvalues.sqrt()[:, None]).T)[0]

    def dense(self) -> Tensor:
        """``Sigma`` as a ``(D, D)`` matrix: for tests and small landscapes."""
        return self.rods.T @ self.rods

    def moved(self, terms: Sequence[tuple[float, ExtentRate]]) -> Extent:
        """Give ``Sigma + sum_i c_i dSigma_i/dt``, cut to the rank of the rates.

        Args:
            terms: coefficients ``c_i``, in steps, and rates.
        """
        own, parts = 1.0, []
        for c, rate in terms:
            if rate.extent.rods is self.rods:  # not the tuple: a checkpoint makes that anew
                own -= DECAY * c
            else:
                parts.append((-DECAY * c, rate.extent.rods))
            parts.append((rate.weight * c, rate.drive))
        return _sum([(own, self.rods), *parts], terms[0][1].rank if terms else len(self.rods))


class ExtentRate(NamedTuple):
    """A rate of change, ``dSigma/dt = -2 Sigma + weight drive^T drive``, not multiplied out.

    Attributes:
        extent: ``Sigma`` where the rate was taken.
        drive: ``(k, D)``, in units of ``z`` per square root of a step.
        weight: of the drive.
        rank: how many eigenpairs an extent moved by it keeps.
    """

    extent: Extent
    drive: Tensor
    weight: float
    rank: int


def rod(half_displacement: Tensor) -> Extent:
    """Give the extent of a rod of rank one, equations (290), (291).

    Args:
        half_displacement: ``delta_z``, ``(D,)``; a zero vector gives an extent of rank zero.
    """
    square = half_displacement @ half_displacement
    rows = half_displacement.unsqueeze(0)
    kept = 0 if square == 0 else 1
    return Extent(rows[:kept], square.unsqueeze(0)[:kept])


def relax(extent: Extent, drive: Tensor, dt: float, rank: int, weight: float = 1.0) -> Extent:
    """Advance ``dSigma/dt = -2 Sigma + weight drive^T drive`` by an Euler step: (268)-(273).

    The decay is the Euler factor ``1 - 2 dt`` of (268), not ``exp(-2 dt)``: with the drive weighted
    by ``dt`` only the former keeps the fixed point.

    Departure from the paper: decay, projection, augmentation, addition and truncation are one
    eigenproblem of the Gram matrix of rods and drives, so that ``D`` is passed over a few times
    only. What is below rounding in ``Sigma`` is dropped.

    Args:
        extent: ``Sigma``; may have rank zero.
        drive: ``(k, D)``, in units of ``z`` per square root of a step.
        dt: length of the substep, in steps. Above 1/2 the decay overshoots: what would become
            negative is set to zero, and the result is accurate to the root of rounding only.
        rank: how many eigenpairs to keep, at least 1.
        weight: of the drive, not negative; 1/4 in equation (20) for ``F+`` and ``F-``, 1/2 for
            their mean and half-difference.

    Returns:
        The new extent, of rank at most ``rank``; all NaN where the drive is not finite.

    Raises:
        ValueError: for a rank below 1.
    """
    if rank < 1:
        raise ValueError(f"rank is {rank}; expected at least 1.")
    return extent.moved([(dt, ExtentRate(extent, drive, weight, rank))])


def relax_dense(sigma: Tensor, drive: Tensor, dt: float) -> Tensor:
    """Take the same Euler step on a dense ``Sigma``, ``(D, D)``: the twin for tests."""
    return (1 - DECAY * dt) * sigma + dt * drive.T @ drive


def norm(terms: Sequence[tuple[float, ExtentRate]]) -> float:
    """Give the Frobenius norm of a combination of rates, ``|sum_i c_i dSigma_i/dt|``."""
    parts = [(-DECAY * c, rate.extent.rods) for c, rate in terms if len(rate.extent.rods)]
    parts += [(rate.weight * c, rate.drive) for c, rate in terms]
    gram, weights = _weighted(parts)
    return float((weights @ gram.square() @ weights).clamp_min(0).sqrt())


def _sum(parts: Sequence[tuple[float, Tensor]], rank: int) -> Extent:
    """Give the leading eigenpairs of ``sum_i c_i X_i^T X_i``, rows ``X_i``, coefficients any."""
    like = parts[0][1]
    parts = [(c, rows) for c, rows in parts if c != 0 and len(rows)]
    if not parts:
        return Extent(like[:0], like.new_zeros(0))
    gram, weights = _weighted(parts)
    if not torch.isfinite(gram).all():
        return Extent(like.new_full((1, like.shape[1]), torch.nan), like.new_full((1,), torch.nan))
    scale = weights.abs().sqrt()
    # An orthonormal basis of the span, then Sigma in it.
    squares, vectors = torch.linalg.eigh(scale[:, None] * gram * scale)
    kept = squares > 10 * torch.finfo(like.dtype).eps * squares[-1]
    squares, vectors = squares[kept].flip(0), vectors[:, kept].flip(1)
    if (weights < 0).any():
        inner = vectors * squares.sqrt()
        values, turn = torch.linalg.eigh((inner.T * weights.sign()) @ inner)
        positive = values > 10 * torch.finfo(like.dtype).eps * values.abs().max()
        values, turn = values[positive].flip(0), turn[:, positive].flip(1)
        combine = vectors / squares.sqrt() @ turn * values.sqrt()
    else:  # the basis holds eigenvectors already
        values, combine = squares, vectors
    combine = (scale[:, None] * combine[:, :rank]).T.to(like.dtype)
    rods, at = torch.zeros_like(like[:0]), 0
    for _, rows in parts:
        share = combine[:, at : at + len(rows)]
        rods = share @ rows if at == 0 else rods.addmm_(share, rows)
        at += len(rows)
    return Extent(rods, values[:rank].to(like.dtype))


def _weighted(parts: Sequence[tuple[float, Tensor]]) -> tuple[Tensor, Tensor]:
    """Give the Gram matrix of all rows, and the coefficient of each, in double precision."""
    gram = _gram([rows for _, rows in parts]).to(torch.float64)
    return gram, torch.cat([gram.new_full((len(rows),), c) for c, rows in parts])


def _gram(blocks: Sequence[Tensor]) -> Tensor:
    """Give the inner products of all rows; the blocks are not copied together."""
    rows: list[list[Tensor]] = []
    for i, a in enumerate(blocks):
        # The lower triangle is the transpose of the upper one: each pass over D is made once.
        below = [rows[j][i].T for j in range(i)]
        rows.append([*below, *(a @ b.T for b in blocks[i:])])
    return torch.cat([torch.cat(row, dim=1) for row in rows])
