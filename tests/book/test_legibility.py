"""Words of a figure: cut off, upon one another, under a legend; and of none that is cited."""

import json
from pathlib import Path

import numpy as np
import pytest
from matplotlib import pyplot as plt

from rodflow_book.figures.legibility import troubles
from rodflow_book.figures.style import style

FIGURES = Path(__file__).resolve().parents[2] / "figures"
X = np.linspace(0, 1, 50)


@pytest.fixture
def panel():
    with style():
        figure, axis = plt.subplots(figsize=(4, 3))
        axis.plot(X, X**2, label="a curve")
        axis.set(title="a title", xlabel="across", ylabel="up")
        yield figure, axis
        plt.close(figure)


def test_a_plain_figure_can_be_read(panel):
    figure, axis = panel
    axis.legend(loc="upper left")
    axis.annotate("a word", (0.6, 0.1))
    assert troubles(figure) == []


def test_words_that_leave_the_page(panel):
    figure, axis = panel
    axis.set_title("a title that is far too long for the page that it has to be on " * 2)
    assert len(troubles(figure)) == 1 and troubles(figure)[0].startswith("cut off: a title that")


@pytest.mark.parametrize("apart", [0.01, 0.5])
def test_words_upon_words(panel, apart):
    figure, axis = panel
    axis.text(0.1, 0.4, "one")
    axis.text(0.1, 0.4 + apart, "other")
    expected = ["upon one another: one, other"] if apart < 0.1 else []
    assert troubles(figure) == expected


def test_tick_labels_upon_one_another(panel):
    figure, axis = panel
    axis.set_xticks([0, 0.01, 1], ["nought", "a bit more", "one"])
    assert "upon one another: nought, a bit more" in troubles(figure)


def test_labels_of_ticks_that_are_not_drawn_do_not_count(panel):
    figure, axis = panel
    axis.set_xticks([0, 0.5, 7], ["0", "half", "far outside"])
    axis.set_xlim(0, 1)
    assert troubles(figure) == []


@pytest.mark.parametrize("place", ["lower right", "upper left"])
@pytest.mark.parametrize("look", ["-", "o"])
def test_a_legend_over_a_curve(panel, place, look):
    figure, axis = panel
    for line in axis.get_lines():
        line.remove()
    axis.plot(X, X**8, look, label="steep")
    axis.legend(loc=place)
    # It runs along the floor, and up at the right.
    expected = ["a legend covers a curve of: a title"] if place == "lower right" else []
    assert troubles(figure) == expected


def test_a_segment_that_passes_under_a_legend_is_seen(panel):
    figure, axis = panel
    axis.plot([0, 1, 1.001], [1, 0.9, 0.9], label="three points")
    axis.legend(loc="upper center")
    assert troubles(figure) == ["a legend covers a curve of: a title"]


def test_a_slanted_word_has_no_box_to_speak_of(panel):
    figure, axis = panel
    axis.text(0.1, 0.4, "along a line", rotation=35)
    axis.text(0.15, 0.45, "beside")
    assert troubles(figure) == []


@pytest.mark.parametrize("path", sorted(FIGURES.glob("*.json")), ids=lambda path: path.stem)
def test_a_cited_figure_can_be_read(path):
    assert json.loads(path.read_text(encoding="utf-8")).get("illegible", []) == []
