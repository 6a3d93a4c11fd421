"""Appendix G: the extent tensor kept at low rank, and the bias of moments that start at zero."""

from __future__ import annotations

import sympy as sp
import torch
from torch import Tensor

from rodflow_book.derivations.numeric import extent_of
from rodflow_book.derivations.symbols import P, beta1, eta, m
from rodflow_core.extent import Extent

t = sp.Symbol("t", integer=True, nonnegative=True)
"""Steps taken."""

dt = sp.Symbol("Delta_t", positive=True)
"""Length of a substep."""

source, c1 = sp.symbols("source c_1", positive=True)
"""Source of the extent; the first moment's correction."""


def decayed_fixed_point(factor: sp.Expr) -> sp.Expr:
    """Solve Sigma = factor Sigma + dt source: where decay (268) and addition (272) balance.

    Args:
        factor: what the decay multiplies by, a function of ``dt``.
    """
    sigma = sp.Symbol("Sigma")
    (found,) = sp.solve(sp.Eq(sigma, factor * sigma + dt * source), sigma)
    return sp.simplify(found)


def average(value: sp.Expr, decay: sp.Expr, target: sp.Expr) -> sp.Expr:
    """Move an exponential average one step further towards its target, (35), (36)."""
    return decay * value + (1 - decay) * target


def corrected_step(slope: sp.Expr) -> sp.Expr:
    """Give Adam's displacement of the weight with both moments of t + 1 corrected, (40).

    Args:
        slope: the gradient, an expression.
    """
    moved = beta1 * m + (1 - beta1) * slope
    return -eta / P * moved / c1


def five_steps(
    extent: Extent,
    plus: Tensor,
    minus: Tensor,
    dt: float,
    rank: int,
    *,
    decay: float | None = None,
    threshold: float = 1e-12,
) -> Extent:
    """Advance the extent by one substep as appendix G.1 words it: (268)-(273).

    The library's ``relax`` gives the same tensor in another way; this twin is for comparison.

    Args:
        extent: U and Lambda of (267).
        plus: displacement at one end of the rod, ``(D,)``.
        minus: displacement at the other, ``(D,)``.
        dt: length of the substep.
        rank: how many eigenpairs to keep.
        decay: factor of step 1; ``1 - 2 dt`` where it is left out.
        threshold: shortest perpendicular part that is added, relative to the displacement.
    """
    basis, values = extent.basis, extent.eigenvalues
    values = (1 - 2 * dt if decay is None else decay) * values  # 1: decay (268)
    added = []
    for move in (plus, minus):  # 2 and 3: project (269), (270), and augment (271)
        widened = torch.cat([basis, *added], dim=1)
        rest = move - widened @ (widened.T @ move)
        rest = rest - widened @ (widened.T @ rest)  # Gram-Schmidt twice, against rounding
        if rest.norm() > threshold * move.norm():
            added.append((rest / rest.norm()).unsqueeze(1))
    basis = torch.cat([basis, *added], dim=1)
    inner = torch.diag(torch.cat((values, values.new_zeros(len(added)))))
    for move in (plus, minus):  # 4: add (272)
        parallel = basis.T @ move
        inner = inner + dt / 4 * torch.outer(parallel, parallel)
    values, turn = torch.linalg.eigh(inner)  # 5: truncate and re-orthogonalise (273)
    values, turn = values.flip(0)[:rank], turn.flip(1)[:, :rank]
    basis, triangle = torch.linalg.qr(basis @ turn)
    return extent_of(basis * triangle.diagonal().sign(), values)
