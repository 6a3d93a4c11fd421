"""Toys on which the models of the edge part: small losses, all models on one run, what is judged.

Distances are in weight, times in optimizer steps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rodflow_core.central_flow import CentralFlow
from rodflow_core.edge_flow import EdgeFlow
from rodflow_core.flows import DriftFreeRod, Flow, RodFlow, ShiftedCopy, StableFlow
from rodflow_core.integrators import make_integrator
from rodflow_core.objective import Jet
from rodflow_core.optimizers import State, UpdateRule, make_rule, midpoint
from rodflow_core.simulate import iterate

Make = Callable[[UpdateRule, Any], Flow]
MODELS: dict[str, Make] = {
    "floor": ShiftedCopy,
    "sf": StableFlow,
    "rod": RodFlow,
    "corrected_rod": lambda rule, objective: RodFlow(rule, objective, backward_error=True),
    "free": DriftFreeRod,
    "edge": EdgeFlow,
    "central": CentralFlow,
}
"""The models, by tag; among them a copy of the optimizer, as the floor."""
METHODS = {"central": "euler:4", "corrected_rod": "rk4:2"}
"""How a model is integrated; the others by `FINE`. Corrected, a centre decays by four a step."""
FINE = "rk4:1"
FIRST = 3
"""Step at which the flows start: what alternates is read off four iterates."""
LOST = 1e3
"""Times the optimizer's farthest point at which a model counts as lost."""


# --- losses --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Valleys:
    r"""Sharp directions ``d`` over flat ones ``s``, whose curvature is linear in ``s``.

    $$L=\tfrac12\sum_i\big(S_i+(Cs)_i\big)d_i^2-\tfrac14\sum_i\kappa_id_i^4-a\cdot s$$

    Weights are ``(d, s)``, ``(k + m,)``. Derivatives up to the third are written out.

    Attributes:
        sharpness: ``S``, ``(k,)``, the curvature at the origin.
        rise: ``C``, ``(k, m)``; no columns where there is no flat direction.
        slope: ``a``, ``(m,)``: how steeply the floor falls.
        kappa: ``(k,)``: how the walls flatten.
    """

    sharpness: Tensor
    rise: Tensor
    slope: Tensor
    kappa: Tensor

    @property
    def dim(self) -> int:
        """Number of weights."""
        return sum(self.rise.shape)

    def _split(self, w: Tensor) -> tuple[Tensor, Tensor]:
        k = len(self.sharpness)
        return w[..., :k], w[..., k:]

    def value(self, w: Tensor) -> Tensor:
        """Give the loss at ``w``."""
        d, s = self._split(w)
        curvature = self.sharpness + s @ self.rise.T
        return (0.5 * curvature * d**2 - 0.25 * self.kappa * d**4).sum(-1) - s @ self.slope

    def gradients(self, points: Tensor) -> Tensor:
        """Give the gradients at points, ``(n, k + m)``."""
        d, s = self._split(points)
        across = (self.sharpness + s @ self.rise.T) * d - self.kappa * d**3
        return torch.cat((across, 0.5 * d**2 @ self.rise - self.slope), -1)

    def hvp(self, w: Tensor) -> Callable[[Tensor], Tensor]:
        """Give the map ``v -> H(w) v``, of one vector or of rows."""
        d, s = self._split(w)
        curvature = self.sharpness + self.rise @ s - 3 * self.kappa * d**2

        def product(v: Tensor) -> Tensor:
            across, along = self._split(v)
            return torch.cat(
                (curvature * across + d * (along @ self.rise.T), (d * across) @ self.rise), -1
            )

        return product

    def jet(self, w: Tensor, directions: Tensor) -> Jet:
        """Give the derivatives at ``w`` along the rows of ``directions``, up to the third."""
        i, j = torch.triu_indices(len(directions), len(directions))
        across, along = self._split(directions)
        lifted = along @ self.rise.T
        both = across[i] * across[j]
        mixed = across[i] * lifted[j] + across[j] * lifted[i]
        turns = torch.cat((mixed - 6 * self.kappa * self._split(w)[0] * both, both @ self.rise), -1)
        return Jet(self.gradients(w[None])[0], self.hvp(w)(directions), turns)


def valleys(
    sharpness: Sequence[float],
    rise: Sequence[Sequence[float]] = (),
    slope: Sequence[float] = (),
    kappa: float = 0.0,
) -> Valleys:
    """Make a loss from numbers; without ``rise`` there is no flat direction."""
    k, m = len(sharpness), len(slope)
    lifted = torch.tensor(rise, dtype=torch.float64).reshape(k, m)
    numbers = (torch.tensor(v, dtype=torch.float64) for v in (sharpness, slope, [kappa] * k))
    first, second, third = numbers
    return Valleys(first, lifted, second, third)


@dataclass(frozen=True)
class Toy:
    """A loss, an optimizer on it, and where it starts.

    Attributes:
        title: in words.
        objective: the loss.
        rule: the optimizer.
        start: its first state.
        steps: how many are taken.
    """

    title: str
    objective: Valleys
    rule: UpdateRule
    start: State
    steps: int


def _start(*weights: float, nu: Sequence[float] | None = None) -> State:
    second = None if nu is None else torch.tensor(nu, dtype=torch.float64)
    return State(torch.tensor(weights, dtype=torch.float64), second)


def toys(steps: int = 400) -> dict[str, Toy]:
    """Give the toys by name. The threshold of gradient descent is 4 on all of them.

    Args:
        steps: of the optimizer on the longer ones; the two wells take a quarter and a half of them.
    """
    gd = make_rule("gd", 0.5)
    rmsprop = make_rule("rmsprop", 0.02, beta2=0.95)
    long, bent = [[0.2]], [[0.2, 0.06], [0.06, 0.2]]
    return {
        "quartic": Toy(
            "quartic well", valleys([4.4], kappa=1.0), gd, _start(0.08), max(steps // 4, 12)
        ),
        "rmsprop": Toy(
            "parabola, RMSProp",
            valleys([5.0]),
            rmsprop,
            _start(0.02, nu=[(5.0 / 95.0) ** 2]),
            max(steps // 2, 12),
        ),
        "sharpening": Toy(
            "sharpening valley", valleys([4.0], long, [0.02]), gd, _start(0.3, -0.5), steps
        ),
        "flattening": Toy(
            "sharpening valley, walls that flatten",
            valleys([4.0], long, [0.02], kappa=0.5),
            gd,
            _start(0.1, -1.0),
            steps,
        ),
        "two": Toy(
            "two sharp directions",
            valleys([4.0, 3.8], bent, [0.02, 0.03], kappa=0.2),
            gd,
            _start(0.3, 0.1, -0.5, -0.5),
            steps,
        ),
    }


# --- runs ----------------------------------------------------------------------------------------


class Course(NamedTuple):
    """What a model, or the optimizer, does over a run; NaN where it is lost.

    Attributes:
        centre: ``(T, d)``.
        swings: its oscillation, coordinate by coordinate, ``(T, d)``: what alternates, a rod, or
            the root of a covariance's diagonal.
        sharpness: at its centre, over the threshold, ``(T,)``.
    """

    centre: NDArray[np.float64]
    swings: NDArray[np.float64]
    sharpness: NDArray[np.float64]

    @property
    def amplitude(self) -> NDArray[np.float64]:
        """Length of the oscillation, ``(T,)``."""
        return np.linalg.norm(self.swings, axis=1)


def run(
    toy: Toy, models: Mapping[str, Make] = MODELS, methods: Mapping[str, str] = METHODS
) -> dict[str, Course]:
    """Run a toy's optimizer (``disc``) and, from its fourth iterate, the models there are for it.

    Args:
        toy: what is run.
        models: by tag; those that refuse the optimizer are left out.
        methods: integrators by tag; `FINE` for the others.
    """
    states = iterate(toy.rule, toy.objective, toy.start, toy.steps)
    times = range(FIRST, toy.steps + 1)
    centres = [midpoint(states[t - 1], states[t]) for t in times]
    swings = [0.25 * (states[t].z - 2 * states[t - 1].z + states[t - 2].z).abs() for t in times]
    found = {"disc": _course(toy, centres, swings)}
    far = LOST * max(float(state.z.norm()) for state in states)
    for tag, make in models.items():
        try:
            flow = make(toy.rule, toy.objective)
        except ValueError:  # the model is not defined for this optimizer
            continue
        found[tag] = _model(toy, flow, make_integrator(methods.get(tag, FINE)), states, far)
    return found


def _model(toy: Toy, flow: Any, method: Any, states: Sequence[State], far: float) -> Course:
    """Carry a flow beside the optimizer for as long as it stays finite."""
    state, centres, swings = flow.initial(*states[: FIRST + 1]), [], []
    for t in range(FIRST, toy.steps + 1):
        if t > FIRST:
            state = method.leap(flow, state, t - 1)
        point = flow.point(state)
        if not (point.z.isfinite().all() and float(point.z.norm()) < far):
            break
        centres.append(point)
        swings.append(_swing(state))
    return _course(toy, centres, swings)


def _swing(state: Any) -> Tensor:
    """Give the oscillation that a model's state stands for, coordinate by coordinate."""
    if hasattr(state, "factors"):
        return state.factors.square().sum(0).sqrt()
    if hasattr(state, "before"):
        return 0.5 * (state.now.z - state.before.z).abs()
    return state.half_displacement.abs() if hasattr(state, "half_displacement") else 0 * state.z


def _course(toy: Toy, centres: Sequence[State], swings: Sequence[Tensor]) -> Course:
    """Put numbers of every step together, with the sharpness of each centre."""
    count, dim = toy.steps + 1 - FIRST, toy.objective.dim
    shapes = (count, dim), (count, dim), count
    course = Course(*(np.full(shape, np.nan) for shape in shapes))
    for i, (point, swing) in enumerate(zip(centres, swings, strict=True)):
        course.centre[i], course.swings[i] = point.z.numpy(), swing.numpy()
        course.sharpness[i] = _sharpness(toy, point, FIRST + i)
    return course


def _sharpness(toy: Toy, point: State, t: int) -> float:
    """Give the leading eigenvalue of the preconditioned Hessian over the threshold, densely."""
    inverse = toy.rule.preconditioner(point.nu, toy.rule.corrections(t)[1]).inv_sqrt
    rows = toy.objective.hvp(point.z)(inverse(torch.eye(toy.objective.dim, dtype=torch.float64)))
    return float(torch.linalg.eigvalsh(inverse(rows))[-1]) / toy.rule.threshold


class Score(NamedTuple):
    """How near a model comes to the optimizer, over the last two thirds of a run.

    Attributes:
        distance: of the centres, median, in weight; NaN where the model was lost.
        amplitude: root mean square of the oscillation over the optimizer's.
        sharpness: median, over the threshold.
        error: median of |sharpness over the optimizer's - 1|.
        lost: step at which the model was lost, or -1.
    """

    distance: float
    amplitude: float
    sharpness: float
    error: float
    lost: int


def score(courses: Mapping[str, Course], tag: str) -> Score:
    """Compare a model (or ``disc`` itself) with the optimizer."""
    own, disc = courses[tag], courses["disc"]
    gone = np.flatnonzero(np.isnan(own.sharpness))
    late = slice(len(own.sharpness) // 3, None)
    distance = np.linalg.norm(own.centre - disc.centre, axis=1)[late]
    size, truth = (np.sqrt(np.mean(c.amplitude[late] ** 2)) for c in (own, disc))
    error = np.abs(own.sharpness / disc.sharpness - 1)[late]
    return Score(
        float(np.median(distance)),
        float(size / truth),
        float(np.median(own.sharpness[late])),
        float(np.median(error)),
        FIRST + int(gone[0]) if len(gone) else -1,
    )
