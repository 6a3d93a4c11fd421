"""One drawing for a light and a dark page: an SVG that follows the colour scheme of its reader.

A figure is drawn once, in the light colours. To its SVG a style sheet is added that puts, on a dark
page, the dark twin in the place of each colour. Where style sheets are not read (in most programs
that are no browser) the drawing is the light one.
"""

from __future__ import annotations

import re

from rodflow_book.figures.style import dark_twin

DECIMALS = 2
"""Of a coordinate, in points of 1/72 inch: a hundredth of one cannot be seen."""

_COLOUR = re.compile(r"(?<![\w-])(fill|stroke): (#[0-9a-f]{6})\b")
_PATH = re.compile(r'(?<= d=")[^"]*(?=")')
_PLACE = re.compile(r'(?<= )([xy])="(-?\d+\.\d+)"')
_NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?|-?\d+e-?\d+")
_AROUND = re.compile(r"\s*([A-Za-z])\s*")


def for_both_schemes(text: str) -> str:
    r"""Give a drawing that matplotlib wrote in the light style colours for a dark page too.

    Coordinates are rounded on the way, to ``DECIMALS``: half of the bytes are digits that nobody
    can see.

    Args:
        text: the SVG.

    Raises:
        ValueError: for a text that is no SVG of matplotlib's.

    Example:
        >>> drawn = for_both_schemes('<svg><defs/><path d="M 1.2345 2 \nL 3.1 4" '
        ...                          'style="stroke: #0072b2"/></svg>')
        >>> 'd="M1.23 2L3.1 4"' in drawn, '{stroke:#56b4e9!important}' in drawn
        (True, True)
    """
    head, opened, rest = text.partition("<defs")
    if not opened:
        raise ValueError("a drawing without <defs>; expected an SVG that matplotlib wrote.")
    rules = []
    for kind, light in sorted(set(_COLOUR.findall(text))):
        rules.append(f'[style*="{kind}: {light}"]{{{kind}:{dark_twin(light)}!important}}')
    if "<image " in text:
        # A bitmap has light and dark exchanged, and keeps its hues.
        rules.append("image{filter:invert(.93) hue-rotate(180deg)}")
    sheet = "@media (prefers-color-scheme:dark){" + "".join(rules) + "}"
    whole = f'{head}<style type="text/css">{sheet}</style>\n {opened}{rest}'
    whole = _PATH.sub(lambda found: _AROUND.sub(r"\1", _shorter(found[0])).strip(), whole)
    return _PLACE.sub(lambda found: f'{found[1]}="{_shorter(found[2])}"', whole)


def _shorter(text: str) -> str:
    """Round the numbers in a text, and leave out the zeros at their ends."""

    def number(found: re.Match[str]) -> str:
        rounded = f"{float(found[0]):.{DECIMALS}f}".rstrip("0").rstrip(".")
        return "0" if rounded == "-0" else rounded

    return _NUMBER.sub(number, text)
