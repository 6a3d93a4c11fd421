"""One matplotlib style, for print and for a dark page: colours, lines, sizes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib as mpl

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
    "savefig.dpi": 150,
    # Which points of a line may be left out hangs on the last bits of all of them.
    "path.simplify": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "rodflow",
    "mathtext.fontset": "cm",
}
_PAPER = {"light": "#ffffff", "dark": "#121212"}
_INK = {"light": "#1a1a1a", "dark": "#e8e8e8"}
# Okabe and Ito's colours, which colour-blind readers tell apart; lighter twins on a dark page.
_COLOURS = {
    "light": {
        "disc": "#8a8a8a", "sf": "#d55e00", "rod": "#0072b2", "free": "#009e73", "other": "#a6518a",
        "floor": "#56534f", "central": "#a6518a", "edge": "#8f6d00", "corrected": "#3f6f8f",
    },
    "dark": {
        "disc": "#b8b8b8", "sf": "#ff9d52", "rod": "#56b4e9", "free": "#3fd0a4", "other": "#e39ccb",
        "floor": "#c9c3bb", "central": "#e39ccb", "edge": "#e0bb4a", "corrected": "#9cc4e4",
    },
}  # fmt: skip
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
def style(mode: str = "light") -> Iterator[None]:
    """Draw in the project's style.

    Args:
        mode: ``light`` or ``dark``.

    Raises:
        ValueError: for another mode.
    """
    if mode not in _INK:
        raise ValueError(f"unknown mode {mode!r}; expected light or dark.")
    ink, page = _INK[mode], _PAPER[mode]
    colours = {
        key: ink
        for key in ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color",
                    "ytick.color", "grid.color")
    }  # fmt: skip
    pages = {key: page for key in ("figure.facecolor", "axes.facecolor", "savefig.facecolor")}
    with mpl.rc_context({**_BASE, **colours, **pages}):
        previous, _MODE[:] = list(_MODE), [mode]
        try:
            yield
        finally:
            _MODE[:] = previous


_MODE = ["light"]


def colour(tag: str) -> str:
    """Give the colour of a trajectory (``disc``, ``sf``, ``rod``, ``free``) or of the ``ink``.

    A tag that is not known has the colour of ``other``.
    """
    mode = _MODE[0]
    return _INK[mode] if tag == "ink" else _COLOURS[mode].get(tag, _COLOURS[mode]["other"])


def line(tag: str, **changes: object) -> dict[str, object]:
    """Give the line style of a trajectory, with its name for the legend.

    Args:
        tag: of a trajectory; one that is not known gets a style of its own, by its letters.
        **changes: what is to differ.
    """
    spare = {"linewidth": 1.6, "linestyle": _SPARE[sum(map(ord, tag)) % len(_SPARE)], "zorder": 5}
    return {"color": colour(tag), "label": NAMES.get(tag, tag), **_LINES.get(tag, spare), **changes}
