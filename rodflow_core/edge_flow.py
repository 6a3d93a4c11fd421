r"""Edge Flow, a rival for gradient descent, as its abstract reads.

A centre on the symmetrised loss, a direction that follows the Hessian's leading eigenvector, and a
magnitude that grows while the curvature along it is above ``2 / eta``:

$$\dot{\bar w}=-\tfrac\eta2\big(g(\bar w+\rho u)+g(\bar w-\rho u)\big),\qquad
\dot u=\eta\,(I-uu^\top)H(\bar w)\,u,\qquad \dot\rho=(\eta\,u^\top H(\bar w)\,u-2)\,\rho .$$

Only the abstract of the source was at hand; details may differ from it. For ``delta = rho u`` this
is the drift-free rod with its ``D`` taken in the limit of a short rod.

Source: Marion, Edge Flow: A Tractable and Predictive Continuous-Time Model for Gradient Descent at
the Edge of Stability, arXiv:2606.18080 (2026).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from rodflow_core import quantities
from rodflow_core.flows import alternating, check_plain
from rodflow_core.objective import Objective
from rodflow_core.optimizers import State, UpdateRule, midpoint
from rodflow_core.quantities import Quantity


class EdgeState(NamedTuple):
    """Where Edge Flow stands.

    Attributes:
        z: centre, ``(d,)``.
        direction: of the oscillation, ``(d,)``; what counts is where it points.
        magnitude: of the oscillation, ``()``, in weight.
    """

    z: Tensor
    direction: Tensor
    magnitude: Tensor

    @property
    def half_displacement(self) -> Tensor:
        """The oscillation, ``(d,)``."""
        return self.magnitude * self.direction / self.direction.norm()


@dataclass(frozen=True)
class EdgeFlow:
    """Edge Flow: two gradients and one Hessian-vector product a rate.

    Attributes:
        rule: gradient descent.
        objective: the loss.

    Raises:
        ValueError: for a rule with momentum or a second moment, for which there is no Edge Flow.

    Example:
        >>> from rodflow_core.landscapes import Quadratic
        >>> from rodflow_core.optimizers import make_rule
        >>> flow = EdgeFlow(make_rule("gd", 1.0), Quadratic(torch.tensor([3.0, 1.0])))
        >>> state = EdgeState(torch.zeros(2), torch.tensor([1.0, 0.0]), torch.tensor(0.1))
        >>> flow.rate(state, t=0.0).magnitude  # (3 - 2) x 0.1
        tensor(0.1000)
    """

    rule: UpdateRule
    objective: Objective
    title: ClassVar[str] = "Edge Flow"
    offers: ClassVar[Mapping[str, Quantity]] = quantities.TWO_ENDS

    def __post_init__(self) -> None:
        """Check that the rule is gradient descent."""
        check_plain(self.rule, self.title, second_moment=False)

    def initial(self, *iterates: State) -> EdgeState:
        """Start from the mean of the last two iterates and what alternates in the last three."""
        half = alternating(*iterates)
        length = half.norm()
        # Where nothing alternates, any direction will do: it turns to the leading eigenvector.
        direction = half / length if length > 0 else torch.ones_like(half)
        return EdgeState(midpoint(*iterates[-2:]).z, direction, length)

    def rate(self, state: EdgeState, t: float) -> EdgeState:
        """Give the rates of centre, direction and magnitude."""
        eta, half = self.rule.learning_rate, state.half_displacement
        ends = torch.stack((state.z + half, state.z - half))
        velocity = -eta * self.objective.gradients(ends).mean(0)
        u = state.direction / state.direction.norm()
        pull = eta * self.objective.hvp(state.z)(u)
        curvature = u @ pull
        return EdgeState(velocity, pull - curvature * u, (curvature - 2) * state.magnitude)

    def point(self, state: EdgeState) -> State:
        """Give the centre."""
        return State(state.z, None)

    def measure(self, state: EdgeState, iterates: Sequence[State]) -> dict[str, float]:
        """Give the oscillation's length, its alignment, and the loss at its two ends."""
        half = state.half_displacement
        return quantities.of_ends(self.rule, self.objective, state.z, half, alternating(*iterates))
