"""Files that appear whole or not at all, also several that belong together."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Mapping
from pathlib import Path

STALE = 600.0
"""Seconds after which what lies beside a file is not being written any more: a write takes less."""


def beside(path: Path) -> Path:
    """Give the name under which this process writes a file before it is put in place.

    Example:
        >>> name = beside(Path("runs/gd.nc")).name
        >>> name.startswith(".gd.nc."), name.endswith(".tmp")
        (True, True)
    """
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


def left_beside(path: Path) -> list[Path]:
    """Give what processes that were killed, or still run, have beside a file."""
    head = f".{path.name}."
    return [
        other
        for other in path.parent.iterdir()
        if other.name.startswith(head)
        and other.name.endswith(".tmp")
        and other.name[len(head) : -len(".tmp")].isdigit()
    ]


def refusal(error: OSError) -> str:
    """Say what the system refused, where, and what to do.

    Example:
        >>> refusal(OSError(28, "No space left on device", "gd.nc"))
        'No space left on device (gd.nc); see to it and give the same command again.'
    """
    what = error.strerror or str(error) or type(error).__name__
    where = f" ({error.filename})" if error.filename else ""
    return f"{what}{where}; see to it and give the same command again."


def write(contents: Mapping[Path, bytes]) -> None:
    """Write files: all of them beside their places first, then each is put in place, in order.

    A full disk, or whatever else ends this early, leaves what was there as it was. A kill can fall
    between two files being put in place: whoever has to tell puts last what is looked at first.
    What earlier kills left beside these files is removed once it is `STALE`.

    Args:
        contents: bytes by path; folders are made.

    Raises:
        OSError: where one cannot be written; it names the file, and nothing is left behind.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write({Path(folder, "a.csv"): b"1", Path(folder, "a.json"): b"{}"})
        ...     sorted(path.name for path in Path(folder).iterdir())
        ['a.csv', 'a.json']
    """
    path = None
    try:
        for path, content in contents.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            beside(path).write_bytes(content)
        for path in contents:
            os.replace(beside(path), path)
    except OSError as error:
        if error.errno is None or path is None:
            raise
        # What a full disk says names no file.
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        for path in contents:
            with contextlib.suppress(OSError):
                beside(path).unlink()
    for path in contents:
        for other in left_beside(path):
            with contextlib.suppress(OSError):
                if time.time() - other.stat().st_mtime > STALE:
                    other.unlink()
