"""The (preconditioned) sharpness at a centre: what hovers at the threshold."""

from __future__ import annotations

from torch import Tensor

from rodflow_core.objective import Objective
from rodflow_core.optimizers import State, UpdateRule
from rodflow_core.spectrum import Eigenpairs, leading_eigenpairs, preconditioned_operator

_EXPLORE = 2
"""Products into new directions in every solve: what rises from below is not overlooked."""


def preconditioned_sharpness(
    rule: UpdateRule,
    objective: Objective,
    centre: State,
    t: int,
    k: int = 1,
    *,
    start: Tensor | None = None,
    tol: float = 1e-4,
    raw: bool = False,
) -> Eigenpairs:
    """Give the leading eigenpairs of ``P^-1/2 H P^-1/2`` at a centre, equation (47).

    Args:
        rule: gives the preconditioner; without a second moment it is the identity.
        objective: the loss.
        centre: where, with its second moment.
        t: discrete steps taken, for the bias correction of ``nu``.
        k: how many.
        start: ``subspace`` of the eigensolve before.
        tol: residual relative to the largest eigenvalue.
        raw: leave the preconditioner out, which gives the sharpness itself.

    Returns:
        Eigenvalues in units of curvature over preconditioner; eigenvectors of the symmetric
        operator, with their residuals.

    Example:
        >>> import torch
        >>> from rodflow_core.landscapes import Quadratic
        >>> from rodflow_core.optimizers import make_rule
        >>> bowl, gd = Quadratic(torch.tensor([1.0, 4.0])), make_rule("gd", 0.1)
        >>> found = preconditioned_sharpness(gd, bowl, State(torch.ones(2), None), t=0)
        >>> round(float(found.values[0]), 4)
        4.0
    """
    w, _ = rule.split(centre.z)
    operator = objective.hvp(w)
    if not raw and centre.nu is not None:
        preconditioner = rule.preconditioner(centre.nu, rule.corrections(t)[1])
        operator = preconditioned_operator(operator, preconditioner.inv_sqrt)
    return leading_eigenpairs(
        operator,
        objective.dim,
        k,
        start=start,
        tol=tol,
        explore=_EXPLORE,
        dtype=w.dtype,
        device=w.device,
    )
