r"""Central flow: the time average of an optimizer at the edge, a constraint giving its covariance.

The oscillation has mean zero and a covariance ``Sigma`` which lives on the directions whose
preconditioned curvature is at the threshold, and is what keeps it there. With the preconditioner
``P(nu)`` (the learning rate apart) and the threshold ``2 / eta``,

$$\dot w=-\eta P^{-1}\big[\nabla L+\tfrac12\nabla_w\langle\Sigma,H(w)\rangle\big],\qquad
0\preceq\Sigma\ \perp\ \tfrac2\eta P(\nu)-H(w)\succeq0,$$

and the second moment follows its target's average over the oscillation, at the rate
``(1 - beta2) / beta2``. A substep of length ``dt`` is explicit in ``w`` and ``nu``, implicit in the
constraint: ``Sigma = U X U^T`` is such that the curvature within ``U`` is at or below the threshold
at its end.

Source: Cohen, Damian, Talwalkar, Kolter and Lee, Understanding Optimization in Deep Learning with
Central Flows, arXiv:2410.24206.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from rodflow_core import complementarity, quantities
from rodflow_core.flows import alternating, check_plain
from rodflow_core.objective import Jet, ThirdOrder
from rodflow_core.optimizers import State, UpdateRule, midpoint
from rodflow_core.quantities import Quantity
from rodflow_core.sharpness import preconditioned_sharpness

TRACKED, CRITICAL = 0.75, 0.975
"""Parts of the threshold above which an eigenvalue is watched, and enters the constraint."""


class CentralState(NamedTuple):
    """Where central flow stands.

    Attributes:
        z: centre, ``(d,)``.
        nu: second moment, ``None``, ``()`` or ``(d,)``.
        factors: ``A``, ``(k, d)``, of the covariance ``Sigma = A^T A`` in weight space.
        values: tracked eigenvalues of ``P^-1/2 H P^-1/2`` at the last eigensolve, largest first.
        subspace: ``(d, j)``, where the next eigensolve starts; its first columns their vectors.
        age: steps since then, ``()``.
        residual: of the last complementarity problem, ``()``.
    """

    z: Tensor
    nu: Tensor | None
    factors: Tensor
    values: Tensor
    subspace: Tensor
    age: Tensor
    residual: Tensor


@dataclass(frozen=True)
class CentralFlow:
    """Central flow of a rule without momentum.

    Attributes:
        rule: the update rule.
        objective: a loss that knows its third derivatives.
        most: directions at the edge that are followed at most.
        refresh: steps between two eigensolves; in between, the directions stay.
        tolerance: residual of an eigenpair relative to the largest eigenvalue.

    Where the constraint cannot be met (no third derivative brings the curvature down), the state is
    NaN from there on: the model has no answer.

    Raises:
        ValueError: for a rule with momentum, for which there is no central flow; a loss without
            third derivatives; ``most`` below 1.

    Example:
        The valley ``5 y x^2 - y`` sharpens with ``y``, and 5 y x^2 holds it back; at the edge of
        gradient descent with ``eta = 0.2``, ``10 y = 2 / eta``, the two balance at ``x^2 = 1/5``:

        >>> from rodflow_core.objective import FunctionObjective
        >>> from rodflow_core.optimizers import make_rule
        >>> valley = FunctionObjective(lambda w: 5 * w[1] * w[0] ** 2 - w[1], 2)
        >>> flow = CentralFlow(make_rule("gd", 0.2), valley)
        >>> start = State(torch.tensor([0.0, 1.0]).double(), None)
        >>> state = flow.substep(flow.initial(start, start), t=0, dt=0.25)
        >>> [round(float(x), 3) for x in (state.factors @ state.factors.T)[0]]
        [0.2]
        >>> round(state.z[1].item(), 12)
        1.0
    """

    rule: UpdateRule
    objective: ThirdOrder
    most: int = 8
    refresh: float = 1.0
    tolerance: float = 1e-3
    title: ClassVar[str] = "central flow"
    offers: ClassVar[Mapping[str, Quantity]] = quantities.COVARIANCE

    def __post_init__(self) -> None:
        """Check rule, loss and count."""
        check_plain(self.rule, self.title, second_moment=True)
        if not isinstance(self.objective, ThirdOrder):
            raise ValueError(
                f"the {self.title} needs third derivatives, which this loss does not give; "
                "expected a method jet(w, directions), as that of FunctionObjective."
            )
        if self.most < 1:
            raise ValueError(f"most is {self.most}; expected at least 1 direction.")

    def initial(self, *iterates: State) -> CentralState:
        """Start from the mean of the last two iterates; the constraint gives the covariance."""
        z, nu = midpoint(*iterates[-2:])
        zero = z.new_zeros
        guess = alternating(*iterates)
        guess = guess / guess.norm() if guess.norm() > 0 else torch.ones_like(guess)
        return CentralState(
            z, nu, zero(0, len(z)), zero(0), guess[:, None], zero(()) + self.refresh, zero(())
        )

    def substep(self, state: CentralState, t: float, dt: float) -> CentralState:
        """Advance by ``dt`` optimizer steps.

        Args:
            state: where it stands.
            t: discrete steps taken, for the bias correction of ``nu``.
            dt: length of the substep.
        """
        if float(state.age) >= self.refresh * (1 - 1e-9):
            state = self._resolved(state, t)
        units = state.subspace[:, : len(state.values)].T
        units = units[state.values > CRITICAL * self.rule.threshold]
        preconditioner = self.rule.preconditioner(state.nu, self.rule.corrections(t - 0.5)[1])
        directions = preconditioner.inv_sqrt(units)  # so that U^T P U = 1
        jet = self.objective.jet(state.z, directions)
        drift, targets = self._second_moment(state.nu, jet)
        x, residual = self._covariance(state, t, dt, directions, jet, drift, targets)
        weights = _pair_weights(x)
        gradient = (jet.gradient + 0.5 * weights @ jet.turns)[None]
        velocity = self.rule.displacement(state.z[None], gradient, preconditioner)[0]
        nu = state.nu
        if nu is not None and drift is not None:
            nu = nu + dt * (drift + torch.tensordot(weights, targets, 1))
        values, vectors = torch.linalg.eigh(x)
        factors = (vectors * values.clamp_min(0).sqrt()).T @ directions
        return CentralState(
            state.z + dt * velocity, nu, factors, state.values, state.subspace, state.age + dt,
            residual,
        )  # fmt: skip

    def point(self, state: CentralState) -> State:
        """Give centre and second moment."""
        return State(state.z, state.nu)

    def measure(self, state: CentralState, iterates: Sequence[State]) -> dict[str, float]:
        """Give the covariance's size, spread and rank, where it points, and the loss it predicts.

        The time average of the loss of the iterates is ``L + <Sigma, H> / 2``.
        """
        product = self.objective.hvp(state.z)
        loss = float(self.objective.value(state.z))
        loss += 0.5 * sum(float(row @ product(row)) for row in state.factors)
        length, cosine = 0.0, float("nan")
        if state.factors.abs().sum() > 0:
            _, lengths, axes = torch.linalg.svd(state.factors, full_matrices=False)
            length = float(lengths[0])
            cosine = quantities.alignment(self.rule, axes[0], alternating(*iterates))
        return {
            "delta_norm": length,
            "alignment": cosine,
            "iterate_loss": loss,
            **quantities.of_covariance(state.factors),
            "critical": float(len(state.factors)),
            "complementarity": float(state.residual),
        }

    def _resolved(self, state: CentralState, t: float) -> CentralState:
        """Solve for the eigenpairs that are watched, and one more that may be coming."""
        dim, before = len(state.z), len(state.values)
        watched = int((state.values > TRACKED * self.rule.threshold).sum()) + 1
        k = min(watched if before else self.most, self.most, dim)
        solved = preconditioned_sharpness(
            self.rule,
            self.objective,
            self.point(state),
            # The optimizer's counter of a step; a centre's is half a step behind.
            t - 0.5,  # type: ignore[arg-type]
            k,
            start=state.subspace,
            tol=self.tolerance,
        )
        zero = torch.zeros_like(state.age)
        return state._replace(values=solved.values, subspace=solved.subspace, age=zero)

    def _second_moment(self, nu: Tensor | None, jet: Jet) -> tuple[Tensor | None, Tensor]:
        """Give the rate of ``nu`` without oscillation, and what each pair of directions adds.

        The target is quadratic in the gradient, so that an oscillation of covariance ``Sigma`` adds
        ``sum_ab X_ab T(H u_a, H u_b)``, ``T`` being its bilinear form.
        """
        if nu is None:
            return None, jet.turns
        moment = self.rule.second_moment
        rate = (1 - moment.beta2) / moment.beta2

        def target(g: Tensor) -> Tensor:
            return moment.target(g, None)  # type: ignore[return-value]

        rows, columns = torch.triu_indices(len(jet.products), len(jet.products))
        a, b = jet.products[rows], jet.products[columns]
        pairs = 0.25 * (target(a + b) - target(a - b))
        return rate * (target(jet.gradient) - nu), rate * pairs

    def _covariance(
        self,
        state: CentralState,
        t: float,
        dt: float,
        directions: Tensor,
        jet: Jet,
        drift: Tensor | None,
        targets: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Solve for ``X``, ``(k, k)``, such that the curvature ends at or below the threshold.

        Returns:
            ``X``, and the residual of the problem.
        """
        k, eta, nothing = len(directions), self.rule.learning_rate, state.z.new_zeros(())
        if k == 0:
            return state.z.new_zeros(0, 0), nothing
        c2 = self.rule.corrections(t - 0.5)[1]
        inverse = self.rule.preconditioner(state.nu, c2).inv
        rows, columns = torch.triu_indices(k, k)
        gap = (2 / eta) * torch.eye(k).to(state.z) - directions @ jet.products.T
        a = gap[rows, columns] + dt * eta * jet.turns @ inverse(jet.gradient)
        b = dt * eta / 2 * jet.turns @ inverse(jet.turns).T
        if state.nu is not None and drift is not None:
            moved = torch.cat((drift[None], targets))
            rises = torch.stack([self._rise(state.nu, way, c2, directions) for way in moved])
            rises = dt * (2 / eta) * rises[:, rows, columns]
            a, b = a + rises[0], b + rises[1:].T
        # A column counts an entry of X and its mirror image.
        b = b * torch.where(rows == columns, 1.0, 2.0).to(b)
        matrix = torch.zeros(k, k, dtype=torch.float64)
        matrix[rows, columns] = matrix[columns, rows] = a.double().cpu()
        solved = complementarity.solve(matrix.numpy(), b.double().cpu().numpy())
        x = torch.from_numpy(solved.x).to(state.z)
        if not torch.isfinite(x).all():
            x = torch.full_like(x, torch.nan)
        return x, nothing + solved.residual

    def _rise(self, nu: Tensor, way: Tensor, c2: float, directions: Tensor) -> Tensor:
        """Give the derivative of ``U^T P(nu) U`` along a change of ``nu``, ``(k, k)``."""

        def applied(second_moment: Tensor) -> Tensor:
            return self.rule.preconditioner(second_moment, c2).apply(directions)

        return directions @ torch.func.jvp(applied, (nu,), (way,))[1].T


def _pair_weights(x: Tensor) -> Tensor:
    """Give the entries ``i <= j`` of a symmetric matrix, those off the diagonal twice."""
    rows, columns = torch.triu_indices(len(x), len(x))
    return x[rows, columns] * torch.where(rows == columns, 1.0, 2.0).to(x)
