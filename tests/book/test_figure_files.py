"""A figure's files: the same numbers give the same bytes."""

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt

from rodflow_book.figures import files
from rodflow_core.simulate import Trajectories

X = np.linspace(0.1, 3, 400)


def saved(folder, y):
    def draw():
        figure, (left, right) = plt.subplots(1, 2)
        left.plot(X, y)
        right.plot(X[::20], y[::20], "o")
        right.annotate("last", (X[-1], y[-1]), (5, 5), textcoords="offset points")
        right.set_yscale("log")
        return figure

    files.save(
        "curve", draw, pd.DataFrame({"x": X, "y": y}), folder, alt="a curve", manifest={"a": 1}
    )
    return folder


def test_the_last_bits_leave_no_trace(tmp_path):
    y = np.exp(np.sin(X)) / 3
    shaken = y * (1 + 1e-14 * np.random.default_rng(0).standard_normal(len(y)))
    assert (shaken != y).any()
    one, other = saved(tmp_path / "one", y), saved(tmp_path / "other", shaken)
    names = sorted(path.name for path in one.iterdir())
    assert names == [
        "curve-dark.svg",
        *(f"curve.{s}" for s in ("csv", "json", "pdf", "png", "svg")),
    ]
    for name in names:
        assert (one / name).read_bytes() == (other / name).read_bytes(), name


def test_trajectory_table_has_a_row_per_step():
    run = Trajectories(np.arange(8.0).reshape(4, 2), np.ones((3, 2)), -np.ones((3, 2)))
    table = files.trajectory_table(run, ("w", "m"))
    assert list(table["step"]) == [0, 1, 2]
    assert list(table["iterate_m"]) == [1, 3, 5] and list(table["centre_w"]) == [1, 3, 5]
    assert (table["half_w"] == 1).all() and (table["rod_half_w"] == 1).all()
    assert "stable_w" not in table
    stable = files.trajectory_table(run._replace(stable=np.zeros((3, 2))), ("w", "m"))
    assert list(stable["stable_m"]) == [0, 0, 0]
