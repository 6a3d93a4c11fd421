"""Keeping memory: what a flow allocates in every substep need not be fetched anew each time."""

from __future__ import annotations

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_LARGE = 1 << 30


def keep_memory() -> bool:
    """Let the C library keep what is freed, where it is glibc; say whether it could be told.

    By default glibc returns large arrays to the system as soon as they are freed, and a substep
    that allocates them again pays for every page: on 657,000 weights a tenth of Adam's rod substep
    (``benchmarks/cost.py``). Numbers are not touched by it, peak memory hardly.

    Example:
        >>> isinstance(keep_memory(), bool)
        True
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library
        return False
    return bool(mallopt(_MMAP_THRESHOLD, _LARGE) and mallopt(_TRIM_THRESHOLD, _LARGE))
