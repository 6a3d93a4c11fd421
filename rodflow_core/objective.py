"""A loss as a function of one flat vector: value, gradients at points, Hessian products."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

Loss = Callable[[Tensor, Tensor], Tensor]
"""Outputs ``(n, ...)`` and targets ``(n, ...)`` to losses ``(n,)``, or to their mean, ``()``."""

Batch = tuple[Tensor, Tensor]
"""Inputs ``(n, ...)`` and targets ``(n, ...)``."""

REDUCTIONS = ("none", "mean")
"""What a loss gives of a batch: a number for each example, or the mean of these."""


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


class Jet(NamedTuple):
    """Derivatives at a point along a few directions ``v_i``, up to the third order.

    Attributes:
        gradient: ``(d,)``.
        products: ``H v_i``, ``(k, d)``.
        turns: gradients of ``v_i^T H v_j`` for the pairs ``i <= j`` in the order of
            ``torch.triu_indices``, ``(k (k + 1) / 2, d)``.
    """

    gradient: Tensor
    products: Tensor
    turns: Tensor


@runtime_checkable
class ThirdOrder(Objective, Protocol):
    """A loss that knows its third derivatives, which central flow needs."""

    def jet(self, w: Tensor, directions: Tensor) -> Jet:
        """Give the derivatives at ``w``, ``(d,)``, along the rows of ``directions``, ``(k, d)``."""


def squared_error(outputs: Tensor, targets: Tensor) -> Tensor:
    """Half the squared distance of outputs to targets, ``(n, c)`` to ``(n,)``.

    The paper's MSE up to its normalisation, which our copy of its text does not give. It is written
    with ``square``, which has the higher derivatives that a Hessian-vector product takes.

    Example:
        >>> squared_error(torch.tensor([[1.0, 2.0]]), torch.zeros(1, 2))
        tensor([2.5000])
    """
    return 0.5 * (outputs - targets).square().sum(-1)


def cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    """Cross entropy against (one-hot) target probabilities, ``(n, c)`` to ``(n,)``."""
    return -(targets * outputs.log_softmax(-1)).sum(-1)


LOSSES: dict[str, Loss] = {"mse": squared_error, "cross_entropy": cross_entropy}
"""Losses by name; each gives one number per example."""


class ModuleObjective:
    """The mean loss of a torch module over a data set, as a function of its trainable parameters.

    The flat vector holds the parameters that require a gradient, in the order of
    ``module.parameters()``; frozen ones stay what they are. The module is called functionally and
    never changed. The data are gone through once and kept in memory, on the device they are on.

    What would make the loss depend on anything but the weights is refused here: dropout or any
    other randomness, data that come in another order each time, batch normalisation in training
    mode.

    Args:
        module: maps inputs to outputs; its buffers are held constant.
        data: inputs and targets, two tensors of one length; or an iterable of such pairs, for
            example a ``DataLoader`` that does not shuffle.
        loss: a name of ``LOSSES``, or a function of outputs and targets.
        reduction: ``none`` where the loss gives one number per example, ``mean`` where it gives
            their mean over the batch, as torch's losses do by default. The objective is the mean
            over all examples in either case, whatever the batches.
        microbatch: examples in one pass, for data given as two tensors; all of them where it is
            left out. The result is the same to rounding, in less memory.
        stacked: take the gradients at a stack of points in one vectorised pass (``torch.vmap``);
            otherwise in one pass each. On a GPU, and for small networks, the vectorised pass is
            faster; for large ones on a CPU it is not (``benchmarks/``).
        check: evaluate the loss twice, and go through the data twice, to see that they are the
            same; to be left out where the caller knows.

    Raises:
        ValueError: for an empty data set, inputs and targets of different lengths, an unknown loss
            or reduction, a loss that does not give what ``reduction`` says, a microbatch below 1,
            nothing to train, or anything that is not deterministic.

    Example:
        >>> net = nn.Linear(3, 1, bias=False)
        >>> x, y = torch.eye(3), torch.zeros(3, 1)
        >>> own = ModuleObjective(net, (x, y), nn.MSELoss(), reduction="mean")
        >>> own.value(torch.tensor([3.0, 0.0, 0.0]))
        tensor(3.)
    """

    def __init__(
        self,
        module: nn.Module,
        data: Batch | Iterable[Batch],
        loss: str | Loss = "mse",
        *,
        reduction: str = "none",
        microbatch: int | None = None,
        stacked: bool = False,
        check: bool = True,
    ) -> None:
        """Keep the data and the parameters' shapes, and see that the loss is a function."""
        if isinstance(loss, str) and loss not in LOSSES:
            raise ValueError(f"unknown loss {loss!r}; expected one of {', '.join(LOSSES)}.")
        if reduction not in REDUCTIONS:
            raise ValueError(
                f"unknown reduction {reduction!r}; expected one of {', '.join(REDUCTIONS)}."
            )
        self._module = module
        named = [(name, p) for name, p in module.named_parameters() if p.requires_grad]
        if not named:
            raise ValueError("the module has no parameter that requires a gradient; nothing to do.")
        self._names = [name for name, _ in named]
        self._parameters: list[Tensor] = [p for _, p in named]
        self._shapes = [p.shape for p in self._parameters]
        self._sizes = [p.numel() for p in self._parameters]
        self._loss = LOSSES[loss] if isinstance(loss, str) else loss
        self._reduction = "none" if isinstance(loss, str) else reduction
        self._batches = list(_batches(data, microbatch))
        self._n = sum(len(inputs) for inputs, _ in self._batches)
        if self._n == 0:
            raise ValueError("the data set is empty; expected at least one example.")
        self._stacked = stacked
        if check:
            self._check(data, microbatch)

    @property
    def dim(self) -> int:
        """Number of weights ``d``."""
        return sum(self._sizes)

    @property
    def examples(self) -> int:
        """Number of examples ``n``."""
        return self._n

    def digest(self) -> str:
        """Give the sha256 of all inputs and targets, whatever batches they came in."""
        return _digest(self._batches)

    def initial_weights(self) -> Tensor:
        """Give the module's own trainable parameters as a flat vector, ``(d,)``."""
        return torch.cat([p.detach().reshape(-1) for p in self._parameters])

    def value(self, w: Tensor) -> Tensor:
        """Give the mean loss at ``w``, ``(d,)``, as a ``()`` tensor."""
        with torch.no_grad():
            parameters = self._unflatten(w)
            total = self._partial(parameters, *self._batches[0])
            for batch in self._batches[1:]:
                total = total + self._partial(parameters, *batch)
            return total

    def gradients(self, points: Tensor) -> Tensor:
        """Give the gradients, ``(k, d)``, at a stack of points, ``(k, d)``."""
        if self._stacked and len(points) > 1:
            return self._stacked_gradients(points)
        out = torch.empty_like(points)
        for w, row in zip(points, out, strict=True):
            self._write_gradient(w, row)
        return out

    def hvp(self, w: Tensor) -> Callable[[Tensor], Tensor]:
        """Give the map ``v -> H(w) v`` on ``(d,)`` vectors.

        Reverse over reverse. In one batch the graph is built once and serves every vector; with
        several it is built anew for each, since keeping all of them would undo their purpose.
        """
        parameters = self._leaves(w)

        def gradient_graph(batch: Batch) -> Tensor:
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

        def over_batches(v: Tensor) -> Tensor:
            total = torch.zeros_like(v)
            for batch in self._batches:
                total += product(gradient_graph(batch), v, False)
            return total

        return over_batches

    def jet(self, w: Tensor, directions: Tensor) -> Jet:
        """Give the derivatives at ``w``, ``(d,)``, along the rows of ``directions``, ``(k, d)``.

        Three reverse passes, one on top of the other, batch by batch.
        """
        k = len(directions)
        rows, columns = torch.triu_indices(k, k).tolist()
        total = Jet(*(w.new_zeros(n, self.dim) for n in (1, k, len(rows))))
        parameters = self._leaves(w)

        def slope(of: Tensor, along: Tensor | None, keep: bool) -> Tensor:
            if not of.requires_grad:  # nothing left to differentiate
                return of.new_zeros(self.dim)
            parts = torch.autograd.grad(
                of, parameters, along, retain_graph=True, create_graph=keep, materialize_grads=True
            )
            return torch.cat([part.reshape(-1) for part in parts])

        for batch in self._batches:
            gradient = slope(self._partial(parameters, *batch), None, True)
            products = [slope(gradient, v, True) for v in directions]
            turns = [
                slope(products[i], directions[j], False) for i, j in zip(rows, columns, strict=True)
            ]
            for sums, parts in zip(total, ([gradient], products, turns), strict=True):
                for row, part in zip(sums, parts, strict=True):
                    row += part.detach()
        return Jet(total.gradient[0], total.products, total.turns)

    def _unflatten(self, w: Tensor) -> list[Tensor]:
        parts = w.split(self._sizes)
        return [p.view(shape) for p, shape in zip(parts, self._shapes, strict=True)]

    def _leaves(self, w: Tensor) -> list[Tensor]:
        return [p.detach().requires_grad_() for p in self._unflatten(w)]

    def _partial(self, parameters: list[Tensor], inputs: Tensor, targets: Tensor) -> Tensor:
        """Give one batch's share of the mean loss."""
        losses = self._losses(parameters, inputs, targets)
        if self._reduction == "mean":
            return losses * (len(inputs) / self._n)
        return losses.sum() / self._n

    def _losses(self, parameters: list[Tensor], inputs: Tensor, targets: Tensor) -> Tensor:
        # Buffers go in as copies: a module may update its own as it is called.
        named = {name: buffer.clone() for name, buffer in self._module.named_buffers()}
        named |= zip(self._names, parameters, strict=True)
        outputs = torch.func.functional_call(self._module, named, (inputs,))
        return self._loss(outputs, targets)

    def _write_gradient(self, w: Tensor, out: Tensor) -> None:
        """Write the gradient at ``w`` to ``out``, both ``(d,)``, batch by batch."""
        parameters = self._leaves(w)
        pieces = self._unflatten(out)
        for i, batch in enumerate(self._batches):
            partial = self._partial(parameters, *batch)
            grads = torch.autograd.grad(partial, parameters, materialize_grads=True)
            for piece, grad in zip(pieces, grads, strict=True):
                piece.add_(grad) if i else piece.copy_(grad)

    def _stacked_gradients(self, points: Tensor) -> Tensor:
        """Take one reverse pass through the batched computation: the points do not interact."""
        leaf = points.detach().requires_grad_()
        total = torch.zeros_like(points)
        for inputs, targets in self._batches:
            losses = torch.vmap(lambda w: self._partial(self._unflatten(w), inputs, targets))(leaf)  # noqa: B023
            total += torch.autograd.grad(losses.sum(), leaf)[0]
        return total

    # --- what a stranger's module may do wrong ---------------------------------------------------

    def _check(self, data: Batch | Iterable[Batch], microbatch: int | None) -> None:
        """See that loss, data and module are what the class says."""
        for name, layer in self._module.named_modules():
            batch_norm = isinstance(layer, nn.modules.batchnorm._BatchNorm)
            if batch_norm and (layer.training or not layer.track_running_stats):
                remedy = "call module.eval() first" if layer.training else "keep running statistics"
                raise ValueError(
                    f"layer {name or type(layer).__name__!r} normalises by the batch, so the loss "
                    f"is no mean over the examples; {remedy}."
                )
        w = self.initial_weights()
        # At a start of zeros all examples may be alike: look beside it too.
        aside = w + 0.1 * torch.arange(len(w), dtype=w.dtype, device=w.device).cos()
        with torch.no_grad():
            self._check_loss()
            for point in (w, aside):
                self._check_repeatable(point)
                self._check_mean(self._unflatten(point))
        repeatable = not isinstance(data, tuple | list | Iterator)
        if repeatable and _digest(_batches(data, microbatch)) != self.digest():
            raise ValueError(
                "the data were not the same the second time; give a loader that neither shuffles "
                "nor draws at random."
            )

    def _check_repeatable(self, w: Tensor) -> None:
        """See that the loss at ``w`` is one number."""
        first, second = self.value(w), self.value(w)
        if not torch.equal(first, second) and not (first.isnan() & second.isnan()):
            raise ValueError(
                f"the loss is not deterministic (twice at the same weights: {float(first):.9g} and "
                f"{float(second):.9g}); take out dropout and noise, or call module.eval() first."
            )

    def _check_loss(self) -> None:
        """See that the loss gives a number per example, or a mean, as it was said to."""
        inputs, targets = self._batches[0]
        try:
            found = tuple(self._losses(self._parameters, inputs, targets).shape)
        except (RuntimeError, IndexError) as error:
            reason = " ".join(str(error).split())[:200].rstrip(".")
            raise ValueError(
                f"the loss cannot be computed ({reason}); expected inputs, targets and weights "
                "that fit in shape and dtype."
            ) from error
        if self._reduction == "none" and found != (len(inputs),):
            hint = (
                'pass reduction="mean" if it gives the mean over the batch, as torch\'s losses do'
                if found == ()
                else "sum or average what belongs to one example"
            )
            raise ValueError(
                f"the loss gave shape {found} for {len(inputs)} examples; expected "
                f"({len(inputs)},), one number per example: {hint}."
            )
        if self._reduction == "mean" and found != ():
            raise ValueError(
                f'the loss gave shape {found}; expected one number, (), for reduction="mean".'
            )

    def _check_mean(self, parameters: list[Tensor]) -> None:
        """See that a mean is the mean over the examples: that of the parts makes that of all."""
        if self._reduction != "mean" or self._n == 1:
            return
        few = self._few_examples()
        together = [torch.cat(parts) for parts in zip(*few, strict=True)]
        whole = self._losses(parameters, *together)
        mean = torch.stack([self._losses(parameters, *example) for example in few]).mean()
        if not torch.allclose(mean, whole, rtol=1e-3, equal_nan=True):
            raise ValueError(
                f"the loss of {len(few)} examples together is {float(whole):.6g}, the mean of "
                f"their own {float(mean):.6g}; expected a mean over the examples (no sum, no class "
                "weights)."
            )

    def _few_examples(self) -> list[Batch]:
        """Give up to eight examples spread over the data, which may be sorted by class."""
        at, begin, found = {i * (self._n - 1) // 7 for i in range(8)}, 0, []
        for batch in self._batches:
            size = len(batch[0])
            within = (i - begin for i in sorted(at) if begin <= i < begin + size)
            found += [tuple(part[i : i + 1] for part in batch) for i in within]
            begin += size
        shapes = [[part.shape for part in example] for example in found]
        return [example for example, shape in zip(found, shapes, strict=True) if shape == shapes[0]]  # type: ignore[misc]


def _batches(data: Batch | Iterable[Batch], microbatch: int | None) -> Iterator[Batch]:
    """Give the batches of data in either form."""
    if microbatch is not None and microbatch < 1:
        raise ValueError(f"microbatch is {microbatch}; expected at least 1 example.")
    if isinstance(data, tuple | list) and len(data) == 2 and isinstance(data[0], Tensor):
        inputs, targets = data
        if len(inputs) == 0:
            raise ValueError("the data set is empty; expected at least one example.")
        _check_lengths(inputs, targets)
        size = microbatch or len(inputs)
        yield from zip(inputs.split(size), targets.split(size), strict=True)
        return
    for batch in data:
        pair = isinstance(batch, tuple | list) and len(batch) == 2
        if not pair or not all(isinstance(part, Tensor) and part.ndim for part in batch):
            raise ValueError(
                f"the data give {type(batch).__name__}; expected pairs of tensors, inputs and "
                "targets, with a row for each example of a batch."
            )
        inputs, targets = batch
        _check_lengths(inputs, targets)
        if len(inputs):
            yield inputs, targets


def _check_lengths(inputs: Tensor, targets: Tensor) -> None:
    if len(targets) != len(inputs):
        raise ValueError(
            f"{len(inputs)} inputs but {len(targets)} targets; expected as many of both."
        )


def _digest(batches: Iterable[Batch]) -> str:
    """Sha256 over the examples in order: the same whatever batches they come in."""
    sums = [hashlib.sha256(), hashlib.sha256()]
    for i, batch in enumerate(batches):
        for tensor, digest in zip(batch, sums, strict=True):
            content = tensor.detach().cpu().contiguous()
            if i == 0:
                digest.update(f"{content.dtype}{tuple(content.shape[1:])}".encode())
            digest.update(content.view(-1).view(torch.uint8).numpy().tobytes())
    return hashlib.sha256(b"".join(s.digest() for s in sums)).hexdigest()


class FunctionObjective:
    """A loss given as a torch function of one point.

    Args:
        function: maps ``(d,)`` to ``()``, in operations that torch can differentiate twice.
        dim: number of weights ``d``.

    Example:
        >>> parabola = FunctionObjective(lambda w: w.square().sum(), dim=2)
        >>> parabola.gradients(torch.tensor([[1.0, -2.0]]))
        tensor([[ 2., -4.]])
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

    def jet(self, w: Tensor, directions: Tensor) -> Jet:
        """Give the derivatives at ``w``, ``(d,)``, along the rows of ``directions``, ``(k, d)``."""
        rows, columns = torch.triu_indices(len(directions), len(directions)).tolist()
        gradient = torch.func.grad(self._function)

        def product(at: Tensor, i: int) -> Tensor:
            return torch.func.jvp(gradient, (at,), (directions[i],))[1]

        def turn(i: int, j: int) -> Tensor:
            return torch.func.grad(lambda at: product(at, i) @ directions[j])(w)

        products = [product(w, i) for i in range(len(directions))]
        turns = [turn(i, j) for i, j in zip(rows, columns, strict=True)]
        empty = directions[:0]
        return Jet(
            gradient(w),
            torch.stack(products) if products else empty,
            torch.stack(turns) if turns else empty,
        )
