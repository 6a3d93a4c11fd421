"""A recorded run, played step by step: sharpness and distance, as far as they have come."""

from __future__ import annotations

import numpy as np
import xarray as xr

from rodflow_book.motion import Curve, Panel, Track
from rodflow_core.experiments.records import values
from rodflow_core.quantities import OPTIMIZER
from rodflow_core.simulate import Array

_MARKS = {OPTIMIZER: "dot", "sf": "square", "rod": "diamond", "free": "ring"}


def run_motion(run: xr.Dataset, titles: dict[str, str]) -> tuple[list[Panel], list[int], list[str]]:
    """Give the panels, the steps and the words of a run, at the steps of its eigensolves.

    Args:
        run: a recorded run with eigensolves.
        titles: what its trajectories are called, by tag, the optimizer first.
    """
    steps = run["spectrum_step"].to_numpy()
    ratios = {
        tag: values(run, tag, "preconditioned_sharpness") / run.attrs["threshold"] for tag in titles
    }
    at = np.isin(run["step"].to_numpy(), steps)
    distances = {tag: values(run, tag, "distance")[at] for tag in titles if tag != OPTIMIZER}
    ends = (float(steps[0]), float(steps[-1]))
    # A mark is drawn whole at either end.
    x_range = _range([np.array(ends)])
    panels = [
        Panel(
            "sharpness over threshold",
            "The preconditioned sharpness of the optimizer and of its flows, step by step.",
            x_range,
            _range(list(ratios.values()) + [np.ones(1)]),
            _tracks(titles, steps, ratios),
            "step",
            "sharpness / threshold",
            curves=[Curve(ends, (1, 1), dotted=True)],
        ),
        Panel(
            "distance from the optimizer",
            "The distance of each flow's centre from the optimizer's, step by step.",
            x_range,
            _range([*distances.values(), np.zeros(1)]),
            _tracks(titles, steps, distances),
            "step",
            "distance",
        ),
    ]
    words = []
    for i, step in enumerate(steps):
        sharp = ", ".join(f"{titles[tag]} {ratio[i]:.2f}" for tag, ratio in ratios.items())
        apart = ", ".join(f"{titles[tag]} {far[i]:.2g}" for tag, far in distances.items())
        words.append(f"Step {step}. Sharpness over threshold: {sharp}. Distance: {apart}.")
    return panels, [int(step) for step in steps], words


def _tracks(titles: dict[str, str], steps: Array, series: dict[str, Array]) -> list[Track]:
    return [
        Track(titles[tag], tag, steps, ys, mark=_MARKS[tag], wide=tag == OPTIMIZER)
        for tag, ys in series.items()
    ]


def _range(several: list[Array]) -> tuple[float, float]:
    """Give the ends of an axis that holds several series, with a little room."""
    low, high = (float(end(np.concatenate(several))) for end in (np.min, np.max))
    room = 0.04 * (high - low)
    return low - room, high + room
