"""One matplotlib style: colours and their twins on a dark page, lines, sizes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray

WIDTH = 10.0
"""Width of a full figure in inches; text is sized for it to be shown about 800 pixels wide."""

_BASE = {
    "font.size": 12,
    "axes.titlesize": 12.5,
    "axes.titlelocation": "left",
    "axes.labelsize": 13,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 11,
    "lines.linewidth": 1.8,
    "figure.constrained_layout.use": True,
    "figure.dpi": 110,
    # Of the PNG, whose lines SVG and PDF have in any resolution.
    "savefig.dpi": 100,
    # Which points of a line may be left out hangs on the last bits of all of them.
    "path.simplify": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "rodflow",
    "mathtext.fontset": "cm",
}
PAPER, INK = "#ffffff", "#1a1a1a"
_DARK_PAPER, _DARK_INK = "#121212", "#e8e8e8"
# After Okabe and Ito, with a leaf green: to who does not see green, theirs is the optimizer's grey.
# Lighter twins on a dark page.
_COLOURS = {
    "disc": ("#8a8a8a", "#b8b8b8"),
    "sf": ("#d55e00", "#ff9d52"),
    "rod": ("#0072b2", "#56b4e9"),
    "free": ("#2f7d32", "#a0e8a4"),
    "other": ("#a04c86", "#d668b4"),
    "floor": ("#56534f", "#c9c3bb"),
    "central": ("#a04c86", "#d668b4"),
    "edge": ("#8f6d00", "#e0bb4a"),
    "corrected": ("#3f6f8f", "#9cc4e4"),
    "ink": (INK, _DARK_INK),
}
_LINES = {
    "disc": {"linewidth": 3.2, "linestyle": "-", "zorder": 2},
    "sf": {"linewidth": 1.8, "linestyle": (0, (5, 2)), "zorder": 3},
    "rod": {"linewidth": 1.8, "linestyle": "-", "zorder": 4},
    "free": {"linewidth": 1.8, "linestyle": (0, (1, 1)), "zorder": 5},
    "floor": {"linewidth": 1.2, "linestyle": (0, (4, 1.5, 1, 1.5)), "zorder": 2.5},
    "central": {"linewidth": 1.8, "linestyle": (0, (7, 1.5, 1.5, 1.5)), "zorder": 4.5},
    "edge": {"linewidth": 1.6, "linestyle": (0, (3, 1, 1, 1, 1, 1)), "zorder": 5.5},
    "corrected": {"linewidth": 1.4, "linestyle": (0, (8, 3)), "zorder": 4.2},
}
# For flows that the project does not know by their tag.
_SPARE = [(0, (6, 1.5, 1, 1.5, 1, 1.5)), (0, (2, 2)), (0, (8, 2)), (0, (3, 1, 1, 1))]
NAMES = {
    "disc": "optimizer",
    "sf": "stable flow",
    "rod": "rod flow",
    "free": "drift-free rod",
    "floor": "shifted copy",
    "central": "central flow",
    "edge": "Edge Flow",
    "corrected": "rod flow, corrected",
}
"""How the trajectories are called in legends."""


@contextmanager
def style() -> Iterator[None]:
    """Draw in the project's style, for a light page; ``svg.for_both_schemes`` adds the dark one."""
    keys = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color",
            "grid.color")  # fmt: skip
    pages = ("figure.facecolor", "axes.facecolor", "savefig.facecolor")
    colours = {**dict.fromkeys(keys, INK), **dict.fromkeys(pages, PAPER)}
    with mpl.rc_context({**_BASE, **colours}):
        yield


def colour(tag: str) -> str:
    """Give the colour of a trajectory (``disc``, ``sf``, ``rod``, ``free``) or of the ``ink``.

    A tag that is not known has the colour of ``other``.
    """
    return _COLOURS.get(tag, _COLOURS["other"])[0]


def dark_twin(light: str) -> str:
    """Give what a colour of the style is on a dark page.

    A grey between ink and paper, such as a shade of level lines, becomes the grey as far from the
    dark page's paper. A colour that is not the style's stays what it is.

    Args:
        light: a colour of a drawing, as ``#rrggbb``.

    Example:
        >>> dark_twin("#ffffff"), dark_twin("#0072b2"), dark_twin("#ff0000")
        ('#121212', '#56b4e9', '#ff0000')
    """
    twins = dict(_COLOURS.values())
    red, green, blue = (int(light[i : i + 2], 16) for i in (1, 3, 5))
    low, high = int(INK[1:3], 16), int(PAPER[1:3], 16)
    if light in twins or not (red == green == blue and low <= red <= high):
        return twins.get(light, light)
    far = (high - red) / (high - low)
    paper, ink = int(_DARK_PAPER[1:3], 16), int(_DARK_INK[1:3], 16)
    return "#" + f"{round(paper + far * (ink - paper)):02x}" * 3


def line(tag: str, **changes: object) -> dict[str, object]:
    """Give the line style of a trajectory, with its name for the legend.

    Args:
        tag: of a trajectory; one that is not known gets a style of its own, by its letters.
        **changes: what is to differ.
    """
    spare = {"linewidth": 1.6, "linestyle": _SPARE[sum(map(ord, tag)) % len(_SPARE)], "zorder": 5}
    return {"color": colour(tag), "label": NAMES.get(tag, tag), **_LINES.get(tag, spare), **changes}


def samples(look: dict[str, object], at: Sequence[int] | NDArray[np.integer]) -> dict[str, object]:
    """Give the style of what is known at some steps only: dots there, and no line between them.

    An optimizer at the edge bounces with period two; a line through every fifth value would draw an
    oscillation slower than there is. What is known at every step keeps its line, and so do flows:
    they have no bounce to be missed, but what an integrator too coarse for them makes.

    Args:
        look: of the line.
        at: the steps.
    """
    if len(at) < 2 or at[1] - at[0] == 1:
        return look
    return {**look, "linestyle": "none", "marker": "o", "markersize": 4, "markeredgewidth": 0}
