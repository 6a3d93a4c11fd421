"""The models of the edge side by side, played step by step: one valley, all of them in step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from rodflow_book.figures.models_toys import FIRST, Course, Toy
from rodflow_book.figures.style import NAMES
from rodflow_book.motion import Curve, Panel, Track
from rodflow_core.simulate import Array, iterate

TITLES = {**NAMES, "disc": "gradient descent", "sf": "gradient flow"}
SHOWN = ("disc", "sf", "central", "edge", "rod", "free")
"""Models that are played, lowest first."""
MARKS = ("dot", "square", "cross", "triangle", "diamond", "ring")
"""Their marks over time."""
EVERY = 5
"""Steps between two that are shown: an odd number, so that the optimizer is seen on either wall."""
_BANDS = 12
_DARKEST = 0.3


def models_motion(
    toy: Toy, courses: Mapping[str, Course]
) -> tuple[list[Panel], list[int], list[str]]:
    """Give the panels, the steps and the words of a toy with one sharp and one flat direction.

    A model that was lost on the way is left out.

    Args:
        toy: what was run, by gradient descent.
        courses: of `models_toys.run`, the optimizer as ``disc``.
    """
    steps = np.arange(toy.steps, FIRST - 1, -EVERY)[::-1]
    own = {
        tag: Course(*(values[steps - FIRST] for values in courses[tag]))
        for tag in SHOWN
        if tag in courses and np.isfinite(courses[tag].sharpness).all()
    }
    states = iterate(toy.rule, toy.objective, toy.start, toy.steps)
    iterates = np.stack([states[t].z.numpy() for t in steps])
    panels = [_valley(own, iterates, states[0].z.numpy()), _sharpness(own, steps)]
    return panels, [int(t) for t in steps], _words(own, steps)


def _valley(own: Mapping[str, Course], iterates: Array, first: Array) -> Panel:
    """Show the valley from above, every model with its width."""
    tracks = []
    for tag, course in own.items():
        along, across = course.centre.T[::-1]
        if tag == "disc":
            track = Track(TITLES[tag], tag, *iterates.T[::-1], start=(first[1], first[0]))
        elif tag == "sf":
            track = Track(TITLES[tag], tag, along, across, mark="square")
        else:
            half = course.swings.T[::-1]
            track = Track(TITLES[tag], tag, along, across, *half, mark="rod")
        tracks.append(track)
    farthest = np.concatenate([course.centre[:, 1] for course in own.values()])
    low, high = float(farthest.min()) - 0.2, float(farthest.max()) + 0.2
    # What swings farther than the optimizer by half goes out of the picture.
    reach = 1.5 * float(np.abs(iterates[:, 0]).max())
    at, shades = _shades(own["disc"], low, high, reach)
    return Panel(
        "the valley from above; dotted: sharpness 2/η",
        "Along a valley that sharpens to the right all go together as far as the threshold. "
        "There central flow stops. Gradient descent goes on, begins to bounce, is pushed back"
        " and settles, and the drift-free rod with it. Edge Flow is thrown far back. Gradient"
        " flow and the rod flow, whose rod has turned into the drift, do not stop.",
        (low, high),
        (-reach, reach),
        tracks,
        "along the floor",
        "across",
        curves=[*shades, Curve((at, at), (-reach, reach), dotted=True)],
    )


def _shades(disc: Course, low: float, high: float, reach: float) -> tuple[float, list[Curve]]:
    """Shade the valley beyond the threshold; give also where the threshold is."""
    # The sharpness is linear along the floor.
    rise, offset = np.polyfit(disc.centre[:, 1], disc.sharpness, 1)
    at = float((1 - offset) / rise)
    edges = np.linspace(min(at, high), high, _BANDS + 1)
    shades = [
        Curve(
            (a, b, b, a),
            (-reach, -reach, reach, reach),
            shade=round(_DARKEST * (i + 1) / _BANDS, 3),
        )
        for i, (a, b) in enumerate(zip(edges[:-1], edges[1:], strict=True))
        if b > a
    ]
    return float(np.clip(at, low, high)), shades


def _sharpness(own: Mapping[str, Course], steps: Array) -> Panel:
    """Show the sharpness at the centre over time."""
    values = np.concatenate([course.sharpness for course in own.values()] + [np.ones(1)])
    room = 0.06 * float(np.ptp(values))
    marks = dict(zip(SHOWN, MARKS, strict=True))
    # A mark is drawn whole at either end.
    room_for_marks = 0.035 * float(np.ptp(steps))
    return Panel(
        "sharpness over threshold",
        "All climb together to the threshold. Central flow stays on it. Gradient descent "
        "overshoots and settles a little above it, and the drift-free rod with it. Edge Flow "
        "falls far below it. Gradient flow and the rod flow climb on.",
        (float(steps[0]) - room_for_marks, float(steps[-1]) + room_for_marks),
        (float(values.min()) - room, float(values.max()) + room),
        [
            Track(TITLES[tag], tag, steps, course.sharpness, mark=marks[tag], wide=tag == "disc")
            for tag, course in own.items()
        ],
        "step",
        "sharpness / threshold",
        curves=[Curve((steps[0], steps[-1]), (1, 1), dotted=True)],
    )


def _words(own: Mapping[str, Course], steps: Sequence[int]) -> list[str]:
    return [
        f"Step {t}. Sharpness over threshold (and half-displacement): "
        + ", ".join(
            f"{TITLES[tag]} {course.sharpness[i]:.3f} ({course.amplitude[i]:.2f})"
            for tag, course in own.items()
        )
        + "."
        for i, t in enumerate(steps)
    ]
