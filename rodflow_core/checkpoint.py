"""Files that an interrupted run resumes from, to the same bits."""

from __future__ import annotations

import contextlib
import hashlib
import io
import pickle
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rodflow_core import atomic


@dataclass(frozen=True)
class Checkpoint:
    """A file that an interrupted run resumes from.

    What lies in it are numbers, texts and tensors, in lists and dictionaries: nothing in it is
    executed when it is read.

    Attributes:
        path: where it lies; it appears whole or not at all.
        identity: what the run is (configuration, data, code); a checkpoint of another is refused.
        every: seconds between two savings; 0 saves at every step.
    """

    path: Path
    identity: Mapping[str, object]
    every: float = 20.0

    def save(self, content: Mapping[str, Any]) -> None:
        """Write the file whole, then put it in place.

        Args:
            content: numbers, texts, ``None``, tensors, and lists, dictionaries and named tuples
                of these.

        Raises:
            OSError: where it cannot be written; nothing is left behind then.
        """
        buffer = io.BytesIO()
        torch.save({"identity": dict(self.identity), "content": packed(dict(content))}, buffer)
        payload = buffer.getvalue()
        # The digest goes first: a file that was damaged must not be resumed from.
        atomic.write({self.path: hashlib.sha256(payload).digest() + payload})

    def load(self, types: Iterable[type] = ()) -> dict[str, Any] | None:
        """Read the file; ``None`` where there is none.

        Args:
            types: the named tuples that may be in it.

        Raises:
            ValueError: where it cannot be read, or belongs to another configuration.
        """
        if not self.path.exists():
            return None
        remedy = "delete it to start afresh, or name another output"
        try:
            stored = self.path.read_bytes()
            digest, payload = stored[:32], stored[32:]
            if hashlib.sha256(payload).digest() != digest:
                raise ValueError("its digest does not match its content")
            read = torch.load(io.BytesIO(payload), weights_only=True)
            if not isinstance(read, dict):
                raise TypeError("it holds no dictionary")
            identity = dict(read["identity"])
            content = dict(unpacked(read["content"], {name_of(kind): kind for kind in types}))
        except (OSError, RuntimeError, EOFError, LookupError, TypeError, ValueError,
                pickle.UnpicklingError) as error:  # fmt: skip
            raise ValueError(f"checkpoint {self.path} cannot be read; {remedy}.") from error
        if identity != dict(self.identity):
            keys = sorted(set(identity) | set(self.identity))
            other = [key for key in keys if identity.get(key) != self.identity.get(key)]
            raise ValueError(
                f"checkpoint {self.path} belongs to another configuration "
                f"({', '.join(other)} differ); {remedy}."
            )
        return content

    def remove(self) -> None:
        """Delete the file, if it is there."""
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()


def name_of(kind: type) -> str:
    """Give what tells a type from others of the same short name."""
    return f"{kind.__module__}.{kind.__qualname__}"


def packed(value: Any, copies: dict[int, Tensor] | None = None) -> Any:
    """Give a value with its named tuples as plain lists that carry the tuple's name.

    Args:
        value: see `Checkpoint.save`.
        copies: of tensors met before, by identity: one in two places is to be one again.
    """
    copies = {} if copies is None else copies
    if hasattr(value, "_fields"):
        return {"tuple": name_of(type(value)), "of": [packed(part, copies) for part in value]}
    if isinstance(value, Mapping):
        return {"map": [[key, packed(part, copies)] for key, part in value.items()]}
    if isinstance(value, list | tuple):
        return [packed(part, copies) for part in value]
    if isinstance(value, Tensor):
        if id(value) not in copies:  # a row of a larger tensor would take all of it along
            copies[id(value)] = value.clone()
        return copies[id(value)]
    return value


def unpacked(value: Any, types: Mapping[str, type]) -> Any:
    """Give back what was `packed`, plain tuples as lists.

    Args:
        value: as `packed` gave it.
        types: named tuples by name.

    Raises:
        LookupError: for a named tuple that is not among ``types``.
        TypeError: for one with another number of parts.
    """
    if isinstance(value, list):
        return [unpacked(part, types) for part in value]
    if not isinstance(value, dict):
        return value
    if "map" in value:
        return {key: unpacked(part, types) for key, part in value["map"]}
    return types[value["tuple"]](*(unpacked(part, types) for part in value["of"]))


def named_tuples(*values: Any) -> set[type]:
    """Give the types of all named tuples in values."""
    found: set[type] = set()
    for value in values:
        if isinstance(value, Mapping):
            found |= named_tuples(*value.values())
        elif isinstance(value, list | tuple):
            found |= named_tuples(*value)
            if hasattr(value, "_fields"):
                found.add(type(value))
    return found
