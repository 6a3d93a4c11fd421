"""What a parameter may be: one schema for configurations, the command line and notebooks.

A `Parameter` says of a value what kind it has and between what it lies, in words that a help, a
notebook and an error have in common. `check` looks at all of them and names all that are wrong.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import math
import os
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BIGGEST = 2**63 - 1
"""The largest whole number that torch takes."""


@dataclass(frozen=True)
class Parameter:
    """What one parameter may be.

    Attributes:
        expects: what it has to be, as an error says it.
        read: gives the value as it is used, or raises ``ValueError``.
        words: what the parameter is, as a help says it.
        option: the kind a command line reads; ``str`` where that is not said.
        choices: the names that it may be, where it is a name.
    """

    expects: str
    read: Callable[[Any], Any]
    words: str = ""
    option: type = str
    choices: Collection[str] = ()

    def or_none(self, means: str = "None") -> Parameter:
        """Give the same parameter that may also be left out, as ``None``.

        Args:
            means: what leaving it out means.
        """

        def read(value: Any) -> Any:
            return None if value is None else self.read(value)

        expects = self.expects.removesuffix(f", or {means}")
        return dataclasses.replace(self, expects=f"{expects}, or {means}", read=read)

    def called(self, words: str) -> Parameter:
        """Give the same parameter with other words about it."""
        return dataclasses.replace(self, words=words)

    @property
    def help(self) -> str:
        """What it is and what is expected, for a help."""
        expects = self.expects.removesuffix(", or None")
        return f"{self.words}: {expects}" if self.words else expects


def check(
    known: Mapping[str, Parameter], values: Mapping[str, Any], what: str = "parameter"
) -> dict[str, Any]:
    """Read values by their parameters.

    Args:
        known: the parameters by name.
        values: what they are to be.
        what: how a parameter is called where there is none of a name.

    Returns:
        The values as they are used.

    Raises:
        ValueError: in one sentence, for every value that is not what is expected, and every name
            that is not known.

    Example:
        >>> check({"steps": whole(least=1)}, {"steps": 5})
        {'steps': 5}
        >>> check({"steps": whole(least=1)}, {"steps": 5.5})
        Traceback (most recent call last):
        ...
        ValueError: steps is 5.5; expected a whole number of at least 1.
    """
    found, wrong = {}, []
    for name, value in values.items():
        if name not in known:
            wrong.append(_unknown(what, name, known))
            continue
        parameter = known[name]
        try:
            found[name] = parameter.read(value)
        except (ValueError, TypeError, OverflowError, AttributeError):
            shown = _short(value)
            near = hint(value, parameter.choices)
            wrong.append(f"{name} is {shown}{near}; expected {parameter.expects}")
    if wrong:
        raise ValueError(f"{', and '.join(wrong)}.")
    return found


def _unknown(what: str, name: object, known: Collection[str]) -> str:
    return f"unknown {what} {_short(name)}{hint(name, known)}; expected one of {', '.join(known)}"


def hint(value: object, known: Iterable[str]) -> str:
    """Ask for the nearest name that there is; empty where none is near.

    Example:
        >>> hint("adan", ["gd", "adam"])
        " (did you mean 'adam'?)"
    """
    # What is long is no name, and the search takes its length squared.
    if not isinstance(value, str) or len(value) > 80:
        return ""
    near = difflib.get_close_matches(value, list(known), 1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def _short(value: object) -> str:
    """Give a value as an error shows it: on one line, and not all of a long one."""
    try:
        text = " ".join(repr(value).split())
    except ValueError:  # a whole number of more than 4,300 digits
        text = "a number too long to be printed"
    return text if len(text) <= 80 else f"{text[:60]}... ({len(text):,} characters)"


# --- kinds ---------------------------------------------------------------------------------------


def whole(words: str = "", *, least: int = 0, most: int = BIGGEST) -> Parameter:
    """Give a whole number between two, both included; True is none, and neither is 5.0."""

    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise ValueError
        return int(value)

    expects = f"a whole number of at least {least}"
    expects += f" and at most {most}" if most < BIGGEST else ""
    return Parameter(expects, read, words, int)


def real(
    words: str = "",
    *,
    least: float = -math.inf,
    above: float = -math.inf,
    most: float = math.inf,
    below: float = math.inf,
) -> Parameter:
    """Give a finite number within bounds; ``above`` and ``below`` are not included."""

    def read(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError
        size = float(value)
        if not (math.isfinite(size) and least <= size <= most and above < size < below):
            raise ValueError
        return value

    bounds = [
        f"of at least {least:g}" if least > -math.inf else "",
        f"above {above:g}" if above > -math.inf else "",
        f"at most {most:g}" if most < math.inf else "",
        f"below {below:g}" if below < math.inf else "",
    ]
    expects = f"a finite number {' and '.join(filter(None, bounds))}".strip()
    return Parameter(expects, read, words, float)


def one_of(allowed: Iterable[str], words: str = "") -> Parameter:
    """Give a name out of those allowed."""
    choices = tuple(allowed)

    def read(value: Any) -> str:
        if not isinstance(value, str) or value not in choices:
            raise ValueError
        return value

    return Parameter(f"one of {', '.join(choices)}", read, words, str, choices)


def text(words: str = "") -> Parameter:
    """Give a text that is not empty and can be printed."""

    def read(value: Any) -> str:
        if not isinstance(value, str) or not value.strip() or not value.isprintable():
            raise ValueError
        return value

    return Parameter("a text", read, words)


def switch(words: str = "") -> Parameter:
    """Give True or False; papermill's ``-p`` gives these words as they are."""

    def read(value: Any) -> bool:
        if not isinstance(value, bool):
            raise ValueError
        return value

    return Parameter("True or False", read, words, bool)


def table(words: str = "") -> Parameter:
    """Give names and values."""

    def read(value: Any) -> Mapping[str, Any]:
        if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
            raise ValueError
        return value

    return Parameter("names and values", read, words)


def several(of: Parameter, words: str = "", *, least: int = 1, most: int = 1000) -> Parameter:
    """Give a list; also one that is written as a text, in brackets or between commas.

    ``papermill -p`` hands a list on as its text.

    Args:
        of: what each of them is.
        words: what they are.
        least: how many at least.
        most: how many at most.

    Example:
        >>> several(one_of(["mlp", "cnn"])).read("['mlp', 'cnn']")
        ['mlp', 'cnn']
        >>> several(real()).read("0.1, 0.2")
        [0.1, 0.2]
    """

    def read(value: Any) -> list[Any]:
        parts = _parts(value) if isinstance(value, str) else value
        if not isinstance(parts, list | tuple) or not least <= len(parts) <= most:
            raise ValueError
        return [of.read(part) for part in parts]

    count = f"{least} or more" if least else "none or more"
    count = f"{least}" if least == most else count
    expects = f"a list of {count}, each {of.expects}"
    return Parameter(expects, read, words, of.option, of.choices)


def _parts(written: str) -> list[Any]:
    """Give the parts of a list that is written: ``[1, 2]``, ``['a']``, ``a,b`` or ``a b``."""
    inner = written.strip().removeprefix("[").removesuffix("]")
    inner = inner.removeprefix("(").removesuffix(")")
    words = (inner.replace(",", " ") if "," in inner else inner).split()
    return [_plain(word) for word in words]


def _plain(word: str) -> Any:
    """Give a number where a word is one, else the word without quotes."""
    try:
        return json.loads(word, parse_constant=float)
    except json.JSONDecodeError:
        return word.strip("'\"")


def folder(words: str = "") -> Parameter:
    """Give a folder that can be written to, or made."""

    def read(value: Any) -> str:
        if not isinstance(value, str | os.PathLike) or not str(value) or "\0" in str(value):
            raise ValueError
        try:
            place = Path(value).absolute()
            there = next((p for p in (place, *place.parents) if os.path.lexists(p)), None)
        except OSError as error:  # a name too long
            raise ValueError from error
        if there is None or not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
            raise ValueError
        if any(len(part.encode()) > 255 for part in place.parts):
            raise ValueError
        return str(value)

    return Parameter("a folder that can be made or written to", read, words)
