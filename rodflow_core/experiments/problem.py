"""A problem: a loss, where to start on it, and what it is called. Everything runs on one."""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rodflow_core.objective import Batch, Loss, ModuleObjective, Objective


@dataclass(frozen=True, eq=False)
class Problem:
    """What an optimizer and its flows run on.

    Attributes:
        objective: the loss as a function of one flat vector.
        weights: where the optimizer starts, ``(d,)``; its dtype and device are the run's.
        title: what it is called in titles and captions: "my network on my data".
        digest: identifies loss, data and start; a record of a problem with another digest is not
            current.

    Raises:
        ValueError: where the weights are not one finite vector of the objective's length.

    Example:
        >>> from rodflow_core.landscapes import Quadratic
        >>> bowl = Quadratic(torch.tensor([1.0, 4.0]))
        >>> Problem.from_landscape(bowl, torch.ones(2), title="a bowl").objective.dim
        2
    """

    objective: Objective
    weights: Tensor
    title: str
    digest: str

    def __post_init__(self) -> None:
        """Check that the weights are a place to start from."""
        shape = tuple(self.weights.shape)
        if shape != (self.objective.dim,):
            raise ValueError(
                f"the weights have shape {shape}; expected ({self.objective.dim},), one number for "
                "each weight of the objective."
            )
        if not self.weights.is_floating_point() or not torch.isfinite(self.weights).all():
            raise ValueError("the weights are not all finite floating numbers; expected that.")
        if not self.weights.numel():
            raise ValueError("the problem has no weights; expected at least one to train.")
        value = self.objective.value(self.weights)
        if not torch.isfinite(value):
            raise ValueError(
                f"the loss at the start is {float(value)}; expected a finite number: look for NaN "
                "in the data."
            )

    @classmethod
    def from_module(
        cls,
        module: nn.Module,
        data: Batch | Iterable[Batch],
        loss: str | Loss = "mse",
        *,
        title: str,
        reduction: str = "none",
        microbatch: int | None = None,
        stacked: bool = False,
    ) -> Problem:
        """Make a problem of a torch module, data and a loss.

        Args:
            module: starts at its own parameters; those that require no gradient stay as they are.
            data: inputs and targets as two tensors, or an iterable of batches such as a
                ``DataLoader`` that does not shuffle.
            loss: a name of ``objective.LOSSES``, or a function of outputs and targets.
            title: what to call it.
            reduction: ``none`` where the loss gives one number per example, ``mean`` where it
                gives the mean of a batch.
            microbatch: examples in one pass.
            stacked: both ends of a rod in one vectorised pass.

        Raises:
            ValueError: as `ModuleObjective` does, for what is not a function of the weights alone.
        """
        objective = ModuleObjective(
            module, data, loss, reduction=reduction, microbatch=microbatch, stacked=stacked
        )
        weights = objective.initial_weights()
        words = f"{type(module).__name__} {loss if isinstance(loss, str) else _name(loss)}"
        return cls(objective, weights, title, _digest(words, objective.digest(), weights))

    @classmethod
    def from_landscape(cls, objective: Objective, weights: Tensor, title: str) -> Problem:
        """Make a problem of an analytic loss.

        Args:
            objective: for example one of `landscapes`, or a ``FunctionObjective``.
            weights: where to start, ``(d,)``.
            title: what to call it.
        """
        slope = objective.gradients(weights.unsqueeze(0))[0]
        # A loss has no bytes to hash; what it does at the start, to eight digits, tells it apart.
        words = " ".join(f"{float(x):.8g}" for x in (objective.value(weights), slope.norm()))
        return cls(objective, weights, title, _digest(title, words, weights))


def _name(loss: object) -> str:
    return getattr(loss, "__name__", type(loss).__name__)


def _digest(*parts: str | Tensor) -> str:
    sha = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part.detach().cpu().numpy().tobytes()
        sha.update(len(data).to_bytes(8, "big") + data)
    return sha.hexdigest()


def named(path: str) -> Problem:
    """Give the problem that ``package.module:function`` makes, called without arguments.

    Args:
        path: as on the command line; the module is imported from the present folder or the path.

    Raises:
        ValueError: where there is no such function, or it gives no problem.
    """
    where, _, function = path.partition(":")
    if not where or not function:
        raise ValueError(f"problem {path!r} is no place; expected package.module:function.")
    try:
        module = importlib.import_module(where)
    except ImportError as error:
        raise ValueError(
            f"the module of problem {path!r} cannot be imported ({error}); expected "
            "package.module:function, found from the present folder."
        ) from error
    make = getattr(module, function, None)
    if not callable(make):
        raise ValueError(
            f"{where} has no function {function!r}; expected one that gives a Problem."
        )
    problem = make()
    if not isinstance(problem, Problem):
        raise ValueError(f"{path} gave {type(problem).__name__}; expected a Problem.")
    return problem
