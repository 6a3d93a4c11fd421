"""Numbers behind figures: each figure is drawn again from its CSV, and no curve is left out."""

import copy
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from redrawing import differences, dots_of_bitmaps, drawn, points_of, redrawn

from rodflow_book.figures import columns, files
from rodflow_book.figures import drawn as reading

ROOT = Path(__file__).resolve().parents[2]
FIGURES = ROOT / "figures"
STEMS = sorted(path.stem for path in FIGURES.glob("*.csv"))
X = np.linspace(0.1, 3, 60)


def read(stem, folder=FIGURES):
    manifest = json.loads((folder / f"{stem}.json").read_text("utf-8"))
    text = (folder / f"{stem}.svg").read_text("utf-8")
    return manifest, pd.read_csv(folder / f"{stem}.csv"), text


@pytest.mark.parametrize("stem", STEMS)
def test_a_figure_is_drawn_again_from_its_numbers_alone(stem):
    manifest, table, text = read(stem)
    assert drawn(text), "nothing is drawn"
    assert differences(manifest, table, text) == []


@pytest.mark.parametrize("stem", STEMS)
def test_a_manifest_says_what_made_the_figure_and_what_each_column_is(stem):
    manifest, table, _ = read(stem)
    assert list(manifest["columns"]) and set(manifest["columns"]) == set(table)
    for name, entry in manifest["columns"].items():
        assert entry["meaning"].strip() and entry["units"].strip(), name
    assert (ROOT / manifest["source"]).is_file() and manifest["source"] in manifest["command"]
    assert manifest["cite"] and manifest["alt"].strip()


def test_figures_with_points_as_a_bitmap_have_those_points():
    found = 0
    for stem in STEMS:
        manifest, table, text = read(stem)
        if '"bitmap"' in json.dumps(manifest):
            found += 1
            far, empty = dots_of_bitmaps(manifest, table, text)
            # A marker is a few pixels wide; each point has one in its own place.
            assert far < 4.5 and empty < 1, stem
    assert found


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A figure with what figures have: gaps, marks, bars, areas, lines across, a slanted line."""

    def draw():
        figure, (left, right) = plt.subplots(1, 2, figsize=(7, 3))
        gap = np.where(np.abs(X - 1) < 0.2, np.nan, X**2)
        left.plot(X, gap, label="with a gap")
        left.plot(X[::5], np.sin(X[::5]), "o", label="every fifth")
        left.plot(X, -np.sqrt(X), "--", label="not in the table")
        left.fill_between(X, 0, np.sin(X), alpha=0.3)
        left.axhline(0.5)
        left.axline((0, 0), (1, 0.5))
        left.axvspan(1, 2, alpha=0.2)
        left.set_xlim(0, 3)
        right.bar([0, 1, 2], [3, 1, 2], 0.5, label="bars")
        right.hlines([1, 2], [0, 1], [1, 2])
        for x in (0.5, 1.5):
            right.plot([x, x + 0.2], [0.5, 0.7], "s-", color="#0072b2")
        right.plot(X, 2 + np.sin(9 * X) * 1e9 * (X > 2.9), label="far outside")
        right.set(ylim=(0, 4), xlim=(-1, 3))
        return figure

    place = tmp_path_factory.mktemp("drawn")
    table = pd.DataFrame({"x": X, "sine": np.sin(X), "word": "a"})
    files.save("all", draw, table, place, alt="all", manifest=files.made_by("notebooks/gd.py"))
    return place


def test_all_that_can_be_drawn_is_in_the_numbers(folder):
    manifest, table, text = read("all", folder)
    assert differences(manifest, table, text) == []
    (left, right) = manifest["panels"]
    fifth = next(curve for curve in left["curves"] if curve["label"] == "every fifth")
    assert (fifth["x"], fifth["y"], fifth["rows"]) == ("x", "sine", [0, 56, 5])
    assert table["x"].notna().sum() == len(X) and list(table)[:3] == ["x", "sine", "word"]
    assert {"a: with a gap", "a: not in the table", "b: bars"} <= set(table)
    assert manifest["columns"]["word"]["meaning"] == "word (not drawn)"
    short = next(curve for curve in right["curves"] if curve["kind"] == "line and points")
    assert short["parts"] == 2 and len(points_of(short, table)[0]) == 4


def curves_and_guides(manifest):
    for at, panel in enumerate(manifest["panels"]):
        for kind in ("curves", "guides"):
            yield from ((at, kind, number) for number in range(len(panel[kind])))


def test_each_curve_that_is_left_out_is_missed(folder):
    manifest, table, text = read("all", folder)
    places = list(curves_and_guides(manifest))
    assert len(places) >= 10
    for at, kind, number in places:
        fewer = copy.deepcopy(manifest)
        gone = fewer["panels"][at][kind].pop(number)
        assert differences(fewer, table, text), gone


def test_a_number_that_is_changed_and_a_curve_that_is_not_drawn_are_noticed(folder):
    manifest, table, text = read("all", folder)
    curve = next(c for c in manifest["panels"][0]["curves"] if c["label"] == "not in the table")
    wrong = table.copy()
    wrong.loc[7, curve["y"]] *= 1.01
    assert differences(manifest, wrong, text)
    more = copy.deepcopy(manifest)
    more["panels"][0]["curves"].append({**curve, "x": "sine"})
    assert len(redrawn(more, table)) == len(redrawn(manifest, table)) + 1
    found = differences(more, table, text)
    assert found and all("not in the SVG" in words for words in found)


def test_what_cannot_be_read_is_refused():
    figure, axes = plt.subplots()
    axes.imshow(np.eye(2))
    with pytest.raises(ValueError, match="an image is drawn; expected lines"):
        reading.curves(axes)
    axes.clear()
    axes.plot([0, 1], [0, 1], transform=axes.transAxes)
    with pytest.raises(ValueError, match="stands by the panel; expected numbers"):
        columns.numbers(figure, pd.DataFrame(), {})
    plt.close(figure)
