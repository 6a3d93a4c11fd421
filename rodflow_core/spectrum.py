r"""Leading eigenpairs of a symmetric operator that is known only by its products.

Training at the edge of stability holds several eigenvalues of the Hessian at one threshold, so
what has to be resolved here is a tight cluster, often an exact multiplicity, of which a single
Krylov sequence sees one direction. The solver therefore works on a block. It is the Lanczos method
with thick restarts, in Davidson's form: Rayleigh-Ritz on the whole orthonormal basis, then one new
direction from the residual of each pair that is still open. Without a preconditioner both names
span the same space, but in this form a warm start needs no treatment of its own.

A wanted pair is open until its residual is below the tolerance. The next best Ritz vectors, the
guards, are open too while value plus residual reaches the last wanted value: as long as one of
them may belong among the wanted, the answer is not final. They are handed on to the next call.

No residual tells of an eigenvector to which the whole basis is orthogonal. From a random start it
was never met (4,140 runs on spectra with clusters and multiplicities; 2 failed when guards were
never open). A warm start relies on the operator turning from call to call, so that residuals above
the tolerance point to a rival; along gradient descent on a small network at the edge of stability
none was overlooked in 190 calls. An operator that turns by less than the tolerance while another
eigenvalue overtakes the leaders hides it for good: that needs `explore`, a cold start from time to
time, or a guess of the new direction among the columns of `start`.

Sources: Davidson, J. Comput. Phys. 17 (1975) 87, for the expansion; Wu and Simon, SIAM J. Matrix
Anal. Appl. 22 (2000) 602, for the thick restart.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["Eigenpairs", "leading_eigenpairs", "preconditioned_operator"]


class Eigenpairs(NamedTuple):
    """Approximate leading eigenpairs, and how far they can be trusted.

    Attributes:
        values: (k,) eigenvalues, largest first, in the units of the operator.
        vectors: (dim, k) orthonormal eigenvectors, in the order of `values`.
        residuals: (k,) norms |A v - lambda v|, in the units of the operator. Some eigenvalue of A
            lies within this distance of each value.
        converged: whether every residual reached the tolerance, and no guard may still belong among
            the wanted pairs.
        matvecs: products with the operator that were spent.
        subspace: (dim, at most k + guard) orthonormal; the `start` of the next call. Its first
            columns are `vectors`, the others those carried as guards.
    """

    values: Tensor
    vectors: Tensor
    residuals: Tensor
    converged: bool
    matvecs: int
    subspace: Tensor

    def settled(self) -> Eigenpairs:
        """Give these eigenpairs where they converged: a value on its way is not the value.

        Raises:
            ValueError: where they did not.

        Example:
            >>> matrix = torch.diag(torch.tensor([3.0, 1.0, 0.5]))
            >>> leading_eigenpairs(lambda v: matrix @ v, 3).settled().values.round(decimals=3)
            tensor([3.])
        """
        if self.converged:
            return self
        raise ValueError(
            f"the largest eigenvalues did not converge in {self.matvecs} products (largest "
            f"residual {float(self.residuals.max()):.2g}, eigenvalue {float(self.values[0]):.4g}); "
            "a lower learning rate or another start may have a spectrum that does."
        )


def leading_eigenpairs(
    matvec: Callable[[Tensor], Tensor],
    dim: int,
    k: int = 1,
    *,
    start: Tensor | None = None,
    tol: float = 1e-6,
    max_matvecs: int | None = None,
    guard: int = 2,
    explore: int = 0,
    dtype: torch.dtype | None = None,
    device: torch.device | str | None = None,
    seed: int = 0,
) -> Eigenpairs:
    r"""Find the k algebraically largest eigenpairs of a symmetric operator.

    Args:
        matvec: product with the operator A, (dim,) -> (dim,). A must be symmetric; only
            one half of its projection is computed, and an antisymmetric part goes unnoticed.
        dim: size of the operator.
        k: number of eigenpairs, 1 <= k <= dim.
        start: (dim, j) columns that span a guess, such as `subspace` of an earlier call. Missing
            columns, and those that are not finite, are drawn at random; those beyond
            k + guard are left out. A call in which nothing has moved costs k + guard products.
        tol: largest residual accepted, relative to the largest |eigenvalue| met. It is not taken
            below 64 + sqrt(dim) / 4 roundings of the dtype, the accuracy of a product. A value is
            wrong by about the residual squared over the gap behind the guards: where values alone
            are wanted, 1e-2 gave them to 0.1 % (one or three of an MLP of 6.6e5 weights at the
            edge of stability, every five steps).
        max_matvecs: products allowed, at least k; by default 100 + 50 k. Memory follows it, up to
            twice max(24, 4 (k + guard)) vectors.
        guard: vectors carried beyond the wanted ones.
        explore: products that go at least into new directions, whatever the tolerance: beyond what
            is open, into the residual of the last guard, which so finds what rises from below over
            the calls. 2 is enough.
        dtype: torch.float32 or torch.float64; that of `start`, else torch's default.
        device: that of `start`, else the CPU.
        seed: of the random columns, the same on every device.

    Returns:
        The eigenpairs reached. Where the products ran out, `converged` is False and the residuals
        say how far it came. Where the operator gave a NaN or an infinity, `converged` is False,
        values, vectors and residuals are NaN, and `subspace` is the last finite one.

    Raises:
        ValueError: k, guard, max_matvecs, the dtype or a shape is not what is expected.
    """
    dtype = dtype or (torch.get_default_dtype() if start is None else start.dtype)
    max_matvecs = 100 + 50 * k if max_matvecs is None else max_matvecs
    _check(dim, k, guard, max_matvecs, start, dtype)
    width = min(k + guard, dim)
    block = _starting_block(start, dim, width, dtype, device, seed)
    return _iterate(matvec, block, k, tol, max_matvecs, explore)


def preconditioned_operator(
    hvp: Callable[[Tensor], Tensor], inv_sqrt: Callable[[Tensor], Tensor]
) -> Callable[[Tensor], Tensor]:
    r"""Compose $v \mapsto P^{-1/2} H P^{-1/2} v$, the preconditioned Hessian of eq. (47).

    It is symmetric and has the eigenvalues of $P^{-1} H$, whose eigenvectors are $P^{-1/2} v$.

    Args:
        hvp: product with the Hessian H, (d,) -> (d,).
        inv_sqrt: product with the inverse square root of the symmetric positive definite
            preconditioner P, (d,) -> (d,).

    Returns:
        Product with the preconditioned Hessian, (d,) -> (d,).
    """
    return lambda v: inv_sqrt(hvp(inv_sqrt(v)))


def _starting_block(
    start: Tensor | None,
    dim: int,
    width: int,
    dtype: torch.dtype,
    device: torch.device | str | None,
    seed: int,
) -> Tensor:
    """Return (width, dim) orthonormal rows: the columns of `start`, then random ones."""
    given = torch.empty(0, dim, dtype=dtype, device=device)
    if start is not None:
        given = start.detach().to(device=device, dtype=dtype).T[:width]
        given = _orthonormal(given[torch.isfinite(given).all(1)], given[:0])
    if len(given) == width:
        return given
    generator = torch.Generator().manual_seed(seed)
    random = torch.randn(width, dim, dtype=dtype, device="cpu", generator=generator)
    return torch.cat([given, _orthonormal(random.to(given), given, width - len(given))])


def _iterate(
    matvec: Callable[[Tensor], Tensor],
    block: Tensor,
    k: int,
    tol: float,
    max_matvecs: int,
    explore: int,
) -> Eigenpairs:
    """Run the block Davidson iteration from the orthonormal rows of `block`."""
    width, dim = block.shape
    # Restarts leave up to some sixty roundings in V and A V; the part that grows with the size is
    # what a network of 2e5 parameters reached in float32, with a factor of three.
    tol = max(tol, (64 + dim**0.5 / 4) * torch.finfo(block.dtype).eps)
    capacity = min(dim, max(4 * width, 24))  # vectors of the basis: memory against restarts
    # Beside the products, passes over these two are what a call costs: vectors are rows, and each
    # turn only adds to what stands.
    rows = min(capacity, max_matvecs)
    basis, image = block.new_empty(rows, dim), block.new_empty(rows, dim)  # V and A V, transposed
    projected = torch.zeros(rows, rows, dtype=torch.float64)  # V' A V
    size, matvecs, scale = 0, 0, 0.0
    while True:
        block = block[: max_matvecs - matvecs]
        old, size = size, size + len(block)
        basis[old:size] = block
        _apply(matvec, block, image[old:size])
        matvecs += len(block)

        added = _inner(basis[:size], image[old:size])
        projected[:size, old:size] = added
        projected[old:size, :size] = added.T
        projected[old:size, old:size] = (added[old:] + added[old:].T) / 2
        if not bool(torch.isfinite(added).all()):
            # The first rows are finite: those that the caller gave or, later, the best known.
            return _not_finite(basis[: min(size, width)].clone().T, k, matvecs)
        values, rotation = _rayleigh_ritz(projected[:size, :size], like=basis)
        scale = max(scale, float(values.abs().max()))
        vectors = rotation[:width] @ basis[:size]
        residuals = torch.addcmul(
            rotation[:width] @ image[:size], vectors, values[:width, None], value=-1
        )
        # In units of the operator, so that no square can overflow or vanish.
        unit = scale or 1.0
        residuals, leaders = residuals / unit, values[:width] / unit
        norms = torch.linalg.vector_norm(residuals, dim=1)
        # The wanted pairs above the tolerance, and the guards that may belong among them.
        open_pairs = (norms > tol) & (leaders + norms >= leaders[k - 1])
        converged = not bool(open_pairs.any())
        if matvecs < width + explore:
            open_pairs[-1] = True

        if bool(open_pairs.any()) and matvecs < max_matvecs:
            # One of them at a time takes fewer products, and overlooked rivals: all at once.
            candidates = residuals[open_pairs]
            if capacity < dim and size + len(candidates) > capacity:
                kept = (capacity + width) // 2
                basis[:kept] = rotation[:kept] @ basis[:size]
                image[:kept] = rotation[:kept] @ image[:size]
                size = kept
                projected[:size, :size] = torch.diag(values[:size])
            block = _orthonormal(candidates, basis[:size], capacity - size)
            if len(block) > 0:
                continue
        return Eigenpairs(
            values=values[:k],
            vectors=vectors[:k].T,
            residuals=norms[:k] * scale,
            converged=converged,
            matvecs=matvecs,
            subspace=vectors.T,
        )


def _inner(left: Tensor, right: Tensor) -> Tensor:
    """Return left @ right.T in double precision on the CPU.

    Added up in one piece, the 6e5 terms of a network in float32 were wrong by up to 6e-5.
    """
    pieces = zip(left.split(2**14, 1), right.split(2**14, 1), strict=True)
    return torch.stack([a @ b.T for a, b in pieces]).cpu().sum(0, dtype=torch.float64)


def _rayleigh_ritz(projected: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
    """Solve the small eigenproblem, largest first, in double precision; the vectors are rows."""
    values, rotation = torch.linalg.eigh(projected)
    return values.flip(0).to(like), rotation.T.flip(0).to(like)


def _orthonormal(candidates: Tensor, basis: Tensor, limit: int | None = None) -> Tensor:
    """Return orthonormal rows, at most `limit`, for what the candidates add to the basis."""
    limit = len(candidates) if limit is None else limit
    # What is left of a unit vector below this is rounding and points nowhere.
    floor = 100 * candidates.shape[1] ** 0.5 * torch.finfo(basis.dtype).eps
    added = candidates.new_empty(min(limit, len(candidates)), candidates.shape[1])
    count = 0
    for candidate in candidates:
        if count == len(added):
            break
        direction = candidate / candidate.abs().max().clamp_min(torch.finfo(basis.dtype).tiny)
        direction = torch.nn.functional.normalize(direction, dim=0)
        remainder = 1.0
        for _ in range(2):  # once leaves rounding that the division below may magnify
            before = remainder
            for known in (basis, added[:count]):
                direction = torch.addmv(direction, known.T, known @ direction, alpha=-1)
            remainder = float(_inner(direction[None], direction[None])) ** 0.5
            # Most of it stayed, so the rounding of what was taken out is small against it.
            if remainder > 0.5 * before:
                break
        if remainder > floor:
            torch.div(direction, remainder, out=added[count])
            count += 1
    return added[:count]


def _apply(matvec: Callable[[Tensor], Tensor], block: Tensor, out: Tensor) -> None:
    """Multiply each row; copied at once, since a matvec may reuse its output."""
    for vector, image in zip(block, out, strict=True):
        product = matvec(vector).detach()
        if product.shape != vector.shape:
            raise ValueError(
                f"matvec returned shape {tuple(product.shape)} for a vector of shape "
                f"{tuple(vector.shape)}, expected the same; flatten its result."
            )
        image.copy_(product)


def _not_finite(subspace: Tensor, k: int, matvecs: int) -> Eigenpairs:
    """Report an operator that gave a NaN or an infinity."""
    nan = subspace.new_full((k,), torch.nan)
    vectors = subspace.new_full((subspace.shape[0], k), torch.nan)
    return Eigenpairs(nan, vectors, nan.clone(), False, matvecs, subspace)


def _check(
    dim: int, k: int, guard: int, max_matvecs: int, start: Tensor | None, dtype: torch.dtype
) -> None:
    """Raise the ValueError that names what the caller has to change."""
    if not 1 <= k <= dim:
        raise ValueError(f"k is {k}, expected 1 <= k <= dim = {dim}; ask for fewer eigenpairs.")
    if guard < 0:
        raise ValueError(f"guard is {guard}, expected 0 or more; 2 is the default.")
    if max_matvecs < k:
        raise ValueError(f"max_matvecs is {max_matvecs}, expected at least k = {k}; raise it.")
    if dtype not in (torch.float32, torch.float64):
        raise ValueError(f"dtype is {dtype}, expected torch.float32 or torch.float64; pass one.")
    if start is not None and (start.ndim != 2 or start.shape[0] != dim):
        raise ValueError(
            f"start has shape {tuple(start.shape)}, expected (dim = {dim}, j); "
            "give the guess as columns."
        )
