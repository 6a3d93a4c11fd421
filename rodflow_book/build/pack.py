"""Numbers for a script in a third of the bytes, unpacked by `book/vendor/explorer/data.js`.

A number of six significant digits is written as a whole number: 900,000 for every power of ten, and
the place of its digits among 100,000 to 999,999. Numbers that follow each other are then near each
other, so the differences are small; their bytes, all first ones before all second ones, go through
`zlib`, and the result, as base64, into a string. Nothing but the digits after the sixth is lost.
"""

from __future__ import annotations

import base64
import json
import math
import zlib
from collections.abc import Iterable, Mapping

import numpy as np

DIGITS = 6
"""Significant digits that are kept of a number."""
FIRST = 10 ** (DIGITS - 1)
LOWEST = -400
"""A power of ten below that of every number."""
NOT_FINITE = 1 << 30


def packed(series: Mapping[str, Mapping[str, Iterable[float]]], **head: object) -> str:
    """Pack numbers by kind and trajectory.

    Args:
        series: the numbers; what is not finite is ``null`` when it is unpacked.
        head: what else the reader is to have.

    Returns:
        base64 of deflated bytes: a line of JSON, ``head`` with how many numbers each series has,
        and then, series by series and column by column, the differences of their codes.
    """
    places: dict[str, dict[str, int]] = {}
    body = []
    for kind, by_tag in series.items():
        places[kind] = {}
        for tag, values in by_tag.items():
            codes = np.array([code(float(v)) for v in np.asarray(values)], dtype="<i4")
            places[kind][tag] = len(codes)
            steps = np.diff(codes, prepend=np.int32(0))
            # The sign goes last, so that a small difference has small bytes either way.
            folded = ((steps << 1) ^ (steps >> 31)).astype("<i4")
            body.append(folded.view(np.uint8).reshape(-1, 4).T.tobytes())
    line = json.dumps({**head, "series": places}, separators=(",", ":"), allow_nan=False) + "\n"
    return base64.b64encode(zlib.compress(line.encode() + b"".join(body), 9)).decode()


def code(value: float) -> int:
    """Give the whole number that a number is written as.

    Example:
        >>> code(1.0) - code(0.999999), code(1.00001) - code(1.0), code(-1.0) + code(1.0), code(0.0)
        (1, 1, 0, 0)
    """
    if not math.isfinite(value):
        return NOT_FINITE
    if value == 0:
        return 0
    digits, _, power = f"{abs(value):.{DIGITS - 1}e}".partition("e")
    place = int(digits.replace(".", "")) - FIRST
    size = (int(power) - LOWEST) * 9 * FIRST + place
    return size if value > 0 else -size


def rounded(value: float) -> float:
    """Round to `DIGITS` significant digits."""
    return float(f"{value:.{DIGITS}g}")
