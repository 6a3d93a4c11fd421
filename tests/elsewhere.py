"""A pretended device: a second place for tensors, where no other is, which keeps a GPU's rules.

Tensors on it say that they are on ``lazy``, but hold their numbers, on the CPU, out of sight. An
operation on them is refused as a GPU refuses it: with a tensor of the CPU that is more than a
scalar, with a random generator of the CPU. So a run must give the bits that it gives on the CPU.
"""

import functools
import sys
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import torch
from torch.utils._python_dispatch import TorchDispatchMode

NAME = "lazy"
"""A name that torch knows, of a device that no build has of itself."""

_CORE = str(Path(__file__).resolve().parents[1] / "rodflow_core")
_COPIES = {"copy_", "_to_copy"}
"""Operations that take numbers from one device to another."""
_INDEXED = {"index", "index_put_", "index_put", "_index_put_impl_"}
"""Operations whose indices may be on the CPU."""


class Elsewhere(torch.Tensor):
    """A tensor on the pretended device."""

    @staticmethod
    def __new__(cls, numbers):
        return torch.Tensor._make_wrapper_subclass(
            cls, numbers.shape, strides=numbers.stride(), dtype=numbers.dtype, device=NAME,
            storage_offset=numbers.storage_offset(), layout=numbers.layout,
        )  # fmt: skip

    def __init__(self, numbers):
        self.numbers = numbers

    def tolist(self):
        """Give the numbers: torch does not do it of its own where there is a subclass."""
        return self.numbers.tolist()

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        return computed(func, args, kwargs or {})


class SecondDevice(TorchDispatchMode):
    """Where this is active there is a second device.

    Attributes:
        large: numbers from which on a tensor that is made on the CPU is noted; 0 for never.
        seen: the functions of the core in which that was, and how often.
    """

    def __init__(self):
        super().__init__()
        self.large, self.seen = 0, Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = computed(func, args, kwargs or {})
        for tensor in _tensors(result):
            if not isinstance(tensor, Elsewhere) and 0 < self.large <= tensor.numel():
                self.seen[_function_of_the_core()] += 1
        return result


def _function_of_the_core():
    frame = sys._getframe(1)
    while frame is not None and not frame.f_code.co_filename.startswith(_CORE):
        frame = frame.f_back
    code = frame.f_code if frame else None
    return f"{Path(code.co_filename).name}:{code.co_name}" if code else "nowhere"


class Argument(NamedTuple):
    """What an operation says of one of its arguments."""

    name: str
    written: bool


@functools.cache
def _schema(func):
    """Give an operation's name and arguments; torch reads them anew each time, slowly."""
    schema = func._schema
    arguments = tuple(Argument(a.name, bool(a.is_write)) for a in schema.arguments)
    return schema.name.removeprefix("aten::"), arguments


def computed(func, args, kwargs):
    """Compute one operation where it belongs, or refuse it as a GPU would."""
    name, arguments = _schema(func)
    target = kwargs.get("device")
    asked = target is not None and torch.device(target).type == NAME
    if asked and kwargs.get("generator") is not None:
        raise RuntimeError(f"{name}: a generator of the CPU draws nothing on another device.")
    given = [*zip(arguments, args, strict=False)]
    given += [
        (argument, kwargs[argument.name]) for argument in arguments if argument.name in kwargs
    ]
    tensors = [(argument, t, v is not t) for argument, v in given for t in _tensors(v)]
    moved = any(isinstance(tensor, Elsewhere) for _, tensor, _ in tensors)
    wrong = [a.name for a, tensor, row in tensors if _misplaced(name, a, tensor, row)]
    if moved and wrong and name not in _COPIES:
        raise RuntimeError(f"{name}: expected one device, but {', '.join(wrong)} on the CPU.")
    plain = {key: _each(_numbers, value) for key, value in kwargs.items()}
    plain |= {"device": torch.device("cpu")} if asked else {}
    result = func(*[_each(_numbers, value) for value in args], **plain)
    if not (moved if target is None else asked):
        return result
    written = [tensor for argument, tensor, _ in tensors if argument.written]
    if written:  # and given back
        return written[0] if len(written) == 1 else tuple(written)
    return _each(lambda t: Elsewhere(t) if isinstance(t, torch.Tensor) else t, result)


def _each(function, value):
    """Apply a function to a value, or to each of a list or tuple of them."""
    if isinstance(value, list | tuple):
        return type(value)(function(part) for part in value)
    return function(value)


def _tensors(value):
    """Give the tensors in an argument, which is one, or a list of them, or none."""
    parts = value if isinstance(value, list | tuple) else (value,)
    return [part for part in parts if isinstance(part, torch.Tensor)]


def _misplaced(name, argument, tensor, one_of_a_list):
    """Say whether a tensor of the CPU may not stand where there are others of a GPU."""
    if isinstance(tensor, Elsewhere) or (name in _INDEXED and argument.name == "indices"):
        return False
    return bool(tensor.dim()) or one_of_a_list or argument.written


def _numbers(value):
    return value.numbers if isinstance(value, Elsewhere) else value


def difference(function, primals, tangents):
    """Stand for ``torch.func.jvp``, which a subclass of tensors is not carried through.

    A difference: what is computed so is as good on both devices.
    """
    (at,), (way,), h = primals, tangents, 1e-6
    value = function(at)
    return value, (function(at + h * way) - value) / h
