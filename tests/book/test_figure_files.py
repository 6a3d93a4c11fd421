"""A figure's files: the same numbers give the same bytes."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from PIL import Image

from rodflow_book.figures import files, style, svg
from rodflow_core.simulate import Trajectories

X = np.linspace(0.1, 3, 400)


def saved(folder, y):
    def draw():
        figure, (left, right) = plt.subplots(1, 2)
        left.plot(X, y, color=style.colour("rod"))
        right.plot(X[::20], y[::20], "o", color=style.colour("sf"))
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
    assert names == [f"curve.{s}" for s in ("csv", "json", "pdf", "png", "svg")]
    for name in names:
        assert (one / name).read_bytes() == (other / name).read_bytes(), name


def test_a_drawing_is_as_on_paper_and_has_a_twin_of_each_colour_for_a_dark_page(tmp_path):
    text = (saved(tmp_path, X) / "curve.svg").read_text("utf-8")
    used = set(re.findall(r"(?<![-\w])(fill|stroke): (#[0-9a-f]{6})", text))
    assert ("fill", style.PAPER) in used and ("fill", style.INK) in used
    (sheet,) = re.findall(r"@media \(prefers-color-scheme:dark\)\{(.*?)\}</style>", text)
    rules = re.findall(r'\[style\*="(\w+): (#\w+)"\]\{(\w+):(#\w+)!important\}', sheet)
    assert {(kind, light) for kind, light, _, _ in rules} == used
    for kind, light, changed, dark in rules:
        assert changed == kind and dark == style.dark_twin(light) != light
    # The line is where the numbers are: rounded to a hundredth of a point and no further.
    longest = max(re.findall(r' d="([^"]*)"', text), key=len)
    points = np.array(re.findall(r"[ML](\S+) (\S+?)(?=[L]|$)", longest), float)
    assert len(points) == len(X)
    slope, start = np.polyfit(X, points[:, 0], 1)
    assert np.abs(start + slope * X - points[:, 0]).max() < 0.011
    assert 0 < np.abs(np.round(points, 1) - points).max()


def test_greys_keep_their_distance_from_the_paper_and_other_colours_stay():
    greys = [style.dark_twin(f"#{v:02x}{v:02x}{v:02x}") for v in range(0x1A, 0x100)]
    shades = [int(grey[1:3], 16) for grey in greys]
    assert shades[0] == 0xE8 and shades[-1] == 0x12
    # But for the one that is the optimizer's own colour.
    own = 0x8A - 0x1A
    assert greys[own] == "#b8b8b8"
    assert (np.diff(np.delete(shades, own)) <= 0).all()
    assert style.dark_twin("#1f77b4") == "#1f77b4"
    with pytest.raises(ValueError, match="without <defs>; expected an SVG"):
        svg.for_both_schemes("<svg/>")


def test_the_bitmap_has_the_size_and_the_colours_of_the_drawing(tmp_path):
    image = Image.open(saved(tmp_path, X) / "curve.png")
    assert image.mode == "P" and round(image.info["dpi"][0]) == 100
    few = image.convert("RGB")
    assert few.getpixel((0, 0)) == (255, 255, 255)
    # The line itself is drawn in its very colour.
    wanted = tuple(int(style.colour("rod")[i : i + 2], 16) for i in (1, 3, 5))
    colours = {colour for _, colour in few.getcolors(10**6)}
    assert min(np.abs(np.subtract(wanted, c)).max() for c in colours) < 8


def test_few_colours_are_near_all_that_a_picture_has():
    # Paper, two lines with the shades of their edges, and one mark of a few pixels.
    shades = np.linspace(0, 1, 100)[:, None]
    ramps = [255 + shades * (np.array(line) - 255) for line in ((0, 114, 178), (213, 94, 0))]
    drawn = np.full((120, 200, 3), 255.0)
    drawn[10:20, :100], drawn[30:40, 100:] = ramps
    drawn[60:63, 60:63] = (0, 158, 115)
    image = Image.fromarray(drawn.astype(np.uint8))
    few = files.few_colours(image)
    assert few.mode == "P" and len(few.getcolors()) <= 32
    off = np.abs(np.asarray(few.convert("RGB")).astype(int) - drawn.astype(np.uint8))
    assert off.max() <= 24


def test_every_colour_of_a_cited_figure_is_of_the_style():
    known = {*style._COLOURS.values()}
    light = {one for one, _ in known}
    figures = sorted((Path(__file__).resolve().parents[2] / "figures").glob("*.svg"))
    assert figures
    for path in figures:
        used = set(re.findall(r"(?:fill|stroke): (#[0-9a-f]{6})", path.read_text("utf-8")))
        strange = {c for c in used - light if not c[1:3] == c[3:5] == c[5:7]}
        assert not strange, f"{path.name} has colours without a twin for a dark page: {strange}"


def test_trajectory_table_has_a_row_per_step():
    run = Trajectories(np.arange(8.0).reshape(4, 2), np.ones((3, 2)), -np.ones((3, 2)))
    table = files.trajectory_table(run, ("w", "m"))
    assert list(table["step"]) == [0, 1, 2]
    assert list(table["iterate_m"]) == [1, 3, 5] and list(table["centre_w"]) == [1, 3, 5]
    assert (table["half_w"] == 1).all() and (table["rod_half_w"] == 1).all()
    assert "stable_w" not in table
    stable = files.trajectory_table(run._replace(stable=np.zeros((3, 2))), ("w", "m"))
    assert list(stable["stable_m"]) == [0, 0, 0]
