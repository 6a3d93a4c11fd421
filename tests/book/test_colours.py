"""Curves of a panel are told apart by who does not see green: by line, mark or lightness."""

import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from rodflow_book.figures import style

FIGURES = Path(__file__).resolve().parents[2] / "figures"
STEMS = sorted(path.stem for path in FIGURES.glob("*.csv"))
# Machado, Oliveira and Fernandes (2009), deuteranopia: of linear RGB.
DEUTERANOPE = np.array(
    [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ]
)
# IEC 61966-2-1: linear sRGB to XYZ, whose white is D65.
XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
APART = 15.0
"""Distance in CIELAB from which on two colours are taken for two: a just noticeable one is 2.3."""


def linear(colour):
    value = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def lab(rgb):
    part = XYZ @ rgb / (XYZ @ np.ones(3))
    root = np.where(part > (6 / 29) ** 3, np.cbrt(part), part / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * root[1] - 16, 500 * (root[0] - root[1]), 200 * (root[1] - root[2])])


def distance(one, other):
    """How far apart two colours are to a deuteranope."""
    seen = (lab(np.clip(DEUTERANOPE @ linear(colour), 0, 1)) for colour in (one, other))
    return float(np.linalg.norm(np.subtract(*seen)))


def form(curve):
    """What a curve looks like without its colour."""
    return tuple(str(curve.get(key)) for key in ("kind", "dashes", "marker", "filled"))


def confused(manifest):
    """Pairs of curves of a panel that only two colours tell apart, which to some are one."""
    found = set()
    for panel in manifest["panels"]:
        curves = [curve for curve in panel["curves"] if curve["kind"] != "area"]
        for one, other in combinations(curves, 2):
            tints = one["colour"], other["colour"]
            if tints[0] == tints[1] or form(one) != form(other):
                continue
            pairs = (tints, tuple(map(style.dark_twin, tints)))
            if min(distance(*pair) for pair in pairs) < APART:
                found.add((panel["panel"], one["label"], other["label"]))
    return sorted(found)


def test_distances_are_those_of_the_eye():
    assert np.allclose(lab(linear("#ffffff")), [100, 0, 0], atol=0.01)
    # Sharma, Wu and Dalal's sRGB red in CIELAB.
    assert np.allclose(lab(linear("#ff0000")), [53.24, 80.09, 67.20], atol=0.05)
    # The green of Okabe and Ito is the optimizer's grey to a deuteranope, and to nobody else.
    assert distance("#009e73", style.colour("disc")) < 10
    assert distance(style.colour("free"), style.colour("disc")) > 2 * APART


@pytest.mark.parametrize("stem", STEMS)
def test_curves_of_a_panel_are_told_apart_without_green(stem):
    manifest = json.loads((FIGURES / f"{stem}.json").read_text("utf-8"))
    assert confused(manifest) == []


def test_curves_that_are_confused_are_noticed():
    def look(colour, **more):
        return {"kind": "line", "label": colour, "colour": colour, **more}

    grey, green = look("#8a8a8a"), look("#009e73")
    panel = {"panel": "a", "curves": [grey, green]}
    assert confused({"panels": [panel]}) == [("a", "#8a8a8a", "#009e73")]
    for other in (look("#009e73", dashes=[1, 1]), look("#d55e00"), look("#8a8a8a")):
        assert confused({"panels": [{**panel, "curves": [grey, other]}]}) == []
