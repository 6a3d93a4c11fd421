"""The rod's two pictures, played step by step: in a curved valley, and in phase space."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from rodflow_book.figures.rod import Mesh
from rodflow_book.motion import Curve, Panel, Track
from rodflow_core.simulate import Array, Trajectories

_BANDS = 16
"""Strips of one shade into which the valley is cut."""
_DARKEST = 0.3
_MARKED = (1.0, 1.25, 1.5, 2.0)
"""Sharpness over threshold at which a line is drawn across."""


def valley_motion(
    run: Trajectories, mesh: Mesh, sharpness: Mapping[str, Array]
) -> tuple[list[Panel], list[str]]:
    """Give the panel and the words of gradient descent in a valley, its rod and gradient flow.

    At step ``t + 1`` the rod of time ``t`` is shown, whose ends stand for the iterates ``t`` and
    ``t + 1``.

    Args:
        run: the trajectories.
        mesh: the landscape.
        sharpness: at the centre of ``disc``, ``sf`` and ``rod``, in units of the threshold.
    """
    curves, words = _landscape(mesh)
    first = tuple(map(float, run.iterates[0]))
    tracks = [
        Track("gradient descent", "disc", *run.iterates[1:].T, start=first),
        Track("gradient flow", "sf", *run.stable.T, mark="square"),
        Track("rod flow", "rod", *run.centre.T, *run.signed_half.T, mark="rod"),
    ]
    panel = Panel(
        "from above; dotted: sharpness over 2/η",
        "Gradient descent bounces along the valley from wall to wall and stops where it has become "
        "too narrow. A rod spans the bounce and stops with it. Gradient flow keeps to the floor.",
        (mesh.x.min() - 0.05, mesh.x.max() + 0.05),
        (mesh.y.min() - 0.06, mesh.y.max() + 0.3),
        tracks,
        equal=True,
        curves=curves,
        words=words,
    )
    return [panel], _valley_words(run, sharpness)


def _landscape(mesh: Mesh) -> tuple[list[Curve], list[tuple[float, float, str]]]:
    """Shade the valley by sharpness, and mark where the threshold is passed."""
    along = mesh.sharpness[:, 0]
    curves, words = [], []
    edges = np.linspace(0, len(along) - 1, _BANDS + 1).round().astype(int)
    for begin, end in zip(edges[:-1], edges[1:], strict=True):
        rows = np.unique(np.linspace(begin, end, 5).round().astype(int))
        share = (along[rows].mean() - 1) / max(along.max() - 1, 0.01)
        ring = [np.concatenate((v[rows, 0], v[rows[::-1], -1])) for v in (mesh.x, mesh.y)]
        curves.append(Curve(*ring, shade=round(_DARKEST * float(np.clip(share, 0, 1)), 3)))
    rows = np.linspace(0, len(along) - 1, 60).round().astype(int)
    middle = mesh.x.shape[1] // 2
    for column, dotted in ((0, False), (middle, True), (-1, False)):
        curves.append(Curve(mesh.x[rows, column], mesh.y[rows, column], dotted=dotted))
    for value in _MARKED:
        if along.min() < value < along.max():
            row = int(np.argmax(along >= value))
            ends = mesh.x[row, [0, -1]], mesh.y[row, [0, -1]]
            curves.append(Curve(*ends, dotted=True))
            outwards = np.array([np.diff(v)[0] for v in ends])
            at = np.array([v[1] for v in ends]) + 0.14 * outwards / np.linalg.norm(outwards)
            words.append((*map(float, at), f"{value:g} ×"))
    return curves, words


def _valley_words(run: Trajectories, sharpness: Mapping[str, Array]) -> list[str]:
    gap = {
        tag: np.linalg.norm(points - run.optimizer_centre, axis=1)
        for tag, points in {"sf": run.stable, "rod": run.centre}.items()
    }
    half = np.linalg.norm(run.half, axis=1)
    return [
        f"Step {t + 1}. Sharpness over 2/η: gradient descent {sharpness['disc'][t]:.2f}, rod flow "
        f"{sharpness['rod'][t]:.2f}, gradient flow {sharpness['sf'][t]:.2f}. The rod reaches "
        f"{half[t]:.2f} to either side. From the centre of the iterates, the rod flow is "
        f"{gap['rod'][t]:.3f} away and gradient flow {gap['sf'][t]:.3f}."
        for t in range(len(half))
    ]


def phase_motion(run: Trajectories, corner: Array) -> tuple[list[Panel], list[str]]:
    """Give the panels and the words of heavy ball in the plane ``(w, m)``, and of ``w`` over time.

    Args:
        run: the trajectories.
        corner: one end ``(delta*, mu*)`` of the rod at the fixed point, equation (157).
    """
    steps = np.arange(1, len(run.iterates))
    iterates, centre, half = run.iterates[1:], run.centre, run.signed_half
    # Before the bounce has grown, a run may go farther than the fixed rod.
    reach = 1.3 * np.max([np.abs(corner), np.abs(run.iterates).max(0)], axis=0)
    still = np.ones(len(steps))
    marks = [
        Track(name, kind, x * still, y * still, mark=mark, trail=False)
        for name, kind, mark, ends in (
            ("ends of the fixed rod", "ink", "ring", (corner, -corner)),
            (
                "corners of two separate rods",
                "other",
                "cross",
                (corner * [1, -1], corner * [-1, 1]),
            ),
        )
        for x, y in ends
    ]
    first = tuple(map(float, run.iterates[0]))
    plane = Panel(
        "phase space: weight and first moment",
        "The iterates jump between the two ends of a rod that grows along the falling diagonal "
        "until it is the fixed rod. Two crosses on the rising diagonal are never visited.",
        (-reach[0], reach[0]),
        (-reach[1], reach[1]),
        [
            *marks,
            Track("heavy ball", "disc", *iterates.T, start=first),
            Track("rod flow", "rod", *centre.T, *half.T, mark="rod", trail=False),
        ],
        "weight w",
        "first moment m",
    )
    size = np.abs(half[:, 0])
    over_time = Panel(
        "the weight over time",
        "The weight of heavy ball flips at every step, inside the two ends of the rod, which draw "
        "apart and then stay.",
        (-0.5, float(steps[-1]) + 0.5),
        (-reach[0], reach[0]),
        [
            Track("heavy ball", "disc", steps, iterates[:, 0], start=(0.0, first[0])),
            Track("ends of the rod over time", "rod", steps, centre[:, 0] + size, mark="square"),
            Track("ends of the rod over time", "rod", steps, centre[:, 0] - size, mark="square"),
        ],
        "step",
        "weight w",
    )
    return [plane, over_time], _phase_words(run, corner)


def _phase_words(run: Trajectories, corner: Array) -> list[str]:
    parts = enumerate(zip(run.iterates[1:], run.signed_half, strict=True), start=1)
    return [
        f"Step {t}. Heavy ball is at w = {_signed(w)}, m = {_signed(m)}: "
        f"{'opposite signs' if w * m < 0 else 'the same sign'}. The rod reaches {abs(d):.3f} to "
        f"either side in w and {abs(mu):.2f} in m; the fixed rod, {abs(corner[0]):.3f} and "
        f"{abs(corner[1]):.2f}."
        for t, ((w, m), (d, mu)) in parts
    ]


def _signed(value: float) -> str:
    return f"{value:.3f}".replace("-", "−")
