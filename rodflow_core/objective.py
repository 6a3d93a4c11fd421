"""A loss as a function of one flat vector: value, gradients at points, Hessian products."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor, nn

Loss = Callable[[Tensor, Tensor], Tensor]
"""Per-example loss: outputs ``(n, c)`` and targets ``(n, c)`` to ``(n,)``."""


class Objective(Protocol):
    """What optimizers, flows and the spectrum need to know of a loss."""

    @property
    def dim(self) -> int:
        """Number of weights ``d``."""

    def value(self, w: Tensor) -> Tensor:
        """Give the loss at ``w``, ``(d,)``, as a ``()`` tensor."""

    def gradients(self, points: Tensor) -> Tensor:
        """Give the gradients, ``(k, d)``, at a stack of points, ``(k, d)``."""

    def hvp(self, w: Tensor) -> Callable[[Tensor], Tensor]:
        """Give the map ``v -> H(w) v`` on ``(d,)`` vectors."""


def squared_error(outputs: Tensor, targets: Tensor) -> Tensor:
    """Half the squared distance of outputs to targets, ``(n, c)`` to ``(n,)``.

    The paper's MSE up to its normalisation, which its text does not give. It is written with
    ``square``, which has the higher derivatives that a Hessian-vector product takes.
    """
    return 0.5 * (outputs - targets).square().sum(-1)


def cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    """Cross entropy against (one-hot) target probabilities, ``(n, c)`` to ``(n,)``."""
    return -(targets * outputs.log_softmax(-1)).sum(-1)


LOSSES: dict[str, Loss] = {"mse": squared_error, "cross_entropy": cross_entropy}
"""Losses by name."""


class ModuleObjective:
    """The mean loss of a torch module over a data set, as a function of its flat parameters.

    The flat vector holds the parameters in the order of ``module.parameters()``. The module is
    called functionally and never changed.

    Args:
        module: maps inputs to ``(n, c)`` outputs; its buffers are held constant.
        inputs: ``(n, ...)``.
        targets: ``(n, c)``.
        loss: a name of ``LOSSES`` or a per-example loss.
        microbatch: examples in one pass; all of them where it is left out. The result is the same
            to rounding, in less memory.
        stacked: take the gradients at a stack of points in one vectorised pass (``torch.vmap``);
            otherwise in one pass each. On a GPU, and for small networks, the vectorised pass is
            faster; for large ones on a CPU it is not (``benchmarks/``).

    Raises:
        ValueError: for an empty data set, inputs and targets of different lengths, an unknown loss
            or a microbatch below 1.
    """

    def __init__(
        self,
        module: nn.Module,
        inputs: Tensor,
        targets: Tensor,
        loss: str | Loss = "mse",
        microbatch: int | None = None,
        stacked: bool = False,
    ) -> None:
        """Keep the data and the module's parameter shapes."""
        n = len(inputs)
        if n == 0:
            raise ValueError("the data set is empty; expected at least one example.")
        if len(targets) != n:
            raise ValueError(f"{n} inputs but {len(targets)} targets; expected as many of both.")
        if isinstance(loss, str) and loss not in LOSSES:
            raise ValueError(f"unknown loss {loss!r}; expected one of {', '.join(LOSSES)}.")
        if microbatch is not None and microbatch < 1:
            raise ValueError(f"microbatch is {microbatch}; expected at least 1 example.")
        self._module = module
        self._names = [name for name, _ in module.named_parameters()]
        self._shapes = [p.shape for p in module.parameters()]
        self._sizes = [p.numel() for p in module.parameters()]
        self._loss = LOSSES[loss] if isinstance(loss, str) else loss
        size = microbatch or n
        self._batches = list(zip(inputs.split(size), targets.split(size), strict=True))
        self._n = n
        self._stacked = stacked

    @property
    def dim(self) -> int:
        """Number of weights ``d``."""
        return sum(self._sizes)

    def initial_weights(self) -> Tensor:
        """Give the module's own parameters as a flat vector, ``(d,)``."""
        return torch.cat([p.detach().reshape(-1) for p in self._module.parameters()])

    def value(self, w: Tensor) -> Tensor:
        """Give the mean loss at ``w``, ``(d,)``, as a ``()`` tensor."""
        with torch.no_grad():
            parameters = self._unflatten(w)
            return sum(self._partial(parameters, *batch) for batch in self._batches)

    def gradients(self, points: Tensor) -> Tensor:
        """Give the gradients, ``(k, d)``, at a stack of points, ``(k, d)``."""
        if self._stacked and len(points) > 1:
            return self._stacked_gradients(points)
        out = torch.zeros_like(points)
        for w, row in zip(points, out, strict=True):
            self._add_gradient(w, row)
        return out

    def hvp(self, w: Tensor) -> Callable[[Tensor], Tensor]:
        """Give the map ``v -> H(w) v`` on ``(d,)`` vectors.

        Reverse over reverse. In one batch the graph is built once and serves every vector; with
        microbatches it is built anew for each, since keeping all of them would undo their purpose.
        """
        parameters = self._leaves(w)

        def gradient_graph(batch: tuple[Tensor, Tensor]) -> Tensor:
            partial = self._partial(parameters, *batch)
            grads = torch.autograd.grad(
                partial, parameters, create_graph=True, materialize_grads=True
            )
            return torch.cat([g.reshape(-1) for g in grads])

        def product(gradient: Tensor, v: Tensor, keep: bool) -> Tensor:
            if not gradient.requires_grad:  # a loss without curvature
                return torch.zeros_like(v)
            columns = torch.autograd.grad(
                gradient, parameters, v, retain_graph=keep, materialize_grads=True
            )
            return torch.cat([c.reshape(-1) for c in columns])

        if len(self._batches) == 1:
            gradient = gradient_graph(self._batches[0])
            return lambda v: product(gradient, v, True)
        return lambda v: sum(product(gradient_graph(b), v, False) for b in self._batches)

    def _unflatten(self, w: Tensor) -> list[Tensor]:
        parts = w.split(self._sizes)
        return [p.view(shape) for p, shape in zip(parts, self._shapes, strict=True)]

    def _leaves(self, w: Tensor) -> list[Tensor]:
        return [p.detach().requires_grad_() for p in self._unflatten(w)]

    def _partial(self, parameters: list[Tensor], inputs: Tensor, targets: Tensor) -> Tensor:
        """Give one batch's share of the mean loss."""
        # Buffers go in as copies: a module may update its own as it is called.
        named = {name: buffer.clone() for name, buffer in self._module.named_buffers()}
        named |= zip(self._names, parameters, strict=True)
        outputs = torch.func.functional_call(self._module, named, (inputs,))
        return self._loss(outputs, targets).sum() / self._n

    def _add_gradient(self, w: Tensor, out: Tensor) -> None:
        """Add the gradient at ``w`` to ``out``, both ``(d,)``, batch by batch."""
        parameters = self._leaves(w)
        pieces = self._unflatten(out)
        for batch in self._batches:
            partial = self._partial(parameters, *batch)
            grads = torch.autograd.grad(partial, parameters, materialize_grads=True)
            for piece, grad in zip(pieces, grads, strict=True):
                piece += grad

    def _stacked_gradients(self, points: Tensor) -> Tensor:
        """Take one reverse pass through the batched computation: the points do not interact."""
        leaf = points.detach().requires_grad_()
        total = torch.zeros_like(points)
        for inputs, targets in self._batches:
            losses = torch.vmap(lambda w: self._partial(self._unflatten(w), inputs, targets))(leaf)  # noqa: B023
            total += torch.autograd.grad(losses.sum(), leaf)[0]
        return total


class FunctionObjective:
    """A loss given as a torch function of one point.

    Args:
        function: maps ``(d,)`` to ``()``, in operations that torch can differentiate twice.
        dim: number of weights ``d``.
    """

    def __init__(self, function: Callable[[Tensor], Tensor], dim: int) -> None:
        """Keep the function."""
        self._function = function
        self._dim = dim

    @property
    def dim(self) -> int:
        """Number of weights ``d``."""
        return self._dim

    def value(self, w: Tensor) -> Tensor:
        """Give the loss at ``w``, ``(d,)``, as a ``()`` tensor."""
        return self._function(w)

    def gradients(self, points: Tensor) -> Tensor:
        """Give the gradients, ``(k, d)``, at points, ``(k, d)``."""
        return torch.vmap(torch.func.grad(self._function))(points)

    def hvp(self, w: Tensor) -> Callable[[Tensor], Tensor]:
        """Give the map ``v -> H(w) v`` on ``(d,)`` vectors."""
        gradient = torch.func.grad(self._function)
        return lambda v: torch.func.jvp(gradient, (w,), (v,))[1]
