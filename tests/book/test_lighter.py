"""A lighter drawing is the same drawing: every stroke and letter within a hundredth of a point."""

import io
import re
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from browsing import browser as browser
from browsing import needs_browser, watched
from PIL import Image

from rodflow_book.build import lighter, site_figures

FIGURES = Path(__file__).resolve().parents[2] / "figures"
CITED = (
    "adam-mlp-cifar",
    "start-parabola",
    "appendix-c3-cone",
    "rivals-distance",
    "drift-free-trap",
)
SVG, LINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}href"
ARGUMENTS = {"M": 2, "L": 2, "H": 1, "V": 1, "Q": 4, "C": 6, "Z": 0}


def points_of(d):
    """Give the points of a path, absolute, whatever its commands."""
    here, start, found = np.zeros(2), np.zeros(2), []
    for letter, text in re.findall(r"([A-Za-z])([^A-Za-z]*)", d):
        numbers = [float(n) for n in re.findall(r"-?(?:\d+\.?\d*|\.\d+)", text)]
        kind, relative = letter.upper(), letter.islower()
        if kind == "Z":
            here = start
            continue
        for i in range(0, len(numbers), ARGUMENTS[kind]):
            part = numbers[i : i + ARGUMENTS[kind]]
            if kind in "HV":
                at = (here if relative else here.copy()).copy()
                at["HV".index(kind)] = part[0] + relative * at["HV".index(kind)]
                points = [at]
            else:
                points = np.reshape(part, (-1, 2)) + relative * here
            if not (kind in "LHV" and np.array_equal(points[-1], here)):
                found += list(points)
            here = points[-1]
            if kind == "M":
                start, kind = here, "L"
    return np.array(found)


def matrix(text):
    """Give a transform as a matrix."""
    whole = np.eye(3)
    for name, inner in re.findall(r"(\w+)\(([^)]*)\)", text or ""):
        v = [float(n) for n in re.split(r"[ ,]+", inner.strip())]
        step = np.eye(3)
        if name == "translate":
            step[:2, 2] = v if len(v) == 2 else (v[0], 0)
        elif name == "scale":
            step[0, 0], step[1, 1] = v[0], v[-1]
        elif name == "rotate":
            c, s = np.cos(np.radians(v[0])), np.sin(np.radians(v[0]))
            step[:2, :2] = [[c, -s], [s, c]]
        else:
            assert name == "matrix"
            step[:2] = np.reshape(v, (3, 2)).T
        whole = whole @ step
    return whole


def strokes(text):
    """Give what a drawing draws, in order: the points of each stroke on the page, and its style."""
    root = ElementTree.fromstring(text)
    named = {e.get("id"): e for e in root.iter() if e.get("id")}
    found = []
    sheet = text.partition("<style")[2].partition("@media")[0]
    classes = dict(re.findall(r"\.(\w+)\{([^}]*)\}", sheet))

    def style_of(element, inherited):
        said = element.get("style") or classes.get(element.get("class"), "")
        own = (p.partition(":") for p in said.split(";") if p.strip())
        return inherited | {k.strip(): v.strip() for k, _, v in own}

    def walk(element, at, style, clip):
        style = style_of(element, style)
        at = at @ matrix(element.get("transform"))
        clip = element.get("clip-path") or clip
        if element.tag == f"{SVG}use":
            at = at @ matrix(f"translate({element.get('x', 0)} {element.get('y', 0)})")
            walk(named[element.get(LINK)[1:]], at, style, clip)
        elif element.tag == f"{SVG}path":
            points = points_of(element.get("d") or "")
            if len(points):
                where = points @ at[:2, :2].T + at[:2, 2]
                box = named[re.search(r"#(.*)\)", clip)[1]][0] if clip else None
                bounds = box.attrib if box is not None else {}
                found.append((where, style, {k: float(bounds[k]) for k in ("x", "y") if bounds}))
        elif element.tag != f"{SVG}defs":
            for child in element:
                walk(child, at, style, clip)

    walk(root, np.eye(3), {}, None)
    return found


def looks(style):
    """Give a style by what it shows: numbers as numbers, no offset of nothing."""
    return {
        key: [float(n) for n in re.split("[, ]+", value)] if re.match(r"[\d.]", value) else value
        for key, value in style.items()
        if (key, value) != ("stroke-dashoffset", "0")
    }


@pytest.mark.parametrize("name", CITED)
def test_a_lighter_drawing_is_the_same(name):
    text = (FIGURES / f"{name}.svg").read_text("utf-8")
    less = lighter.lighter(text)
    before, after = strokes(text), strokes(less)
    assert len(before) == len(after) > 50
    for (one, look, clip), (other, same, bounds) in zip(before, after, strict=True):
        assert looks(look) == looks(same) and clip == bounds
        assert one.shape == other.shape
        assert np.abs(one - other).max() < 0.015
    assert len(less) < 0.65 * len(text) or "<image" in text
    # On a dark page each colour has its twin wherever it is.
    light, _, dark = less.partition("</style>")[0].partition("@media")
    for kind, colour, twin in set(re.findall(r'\[style\*="(\w+): (#\w+)"\]\{\w+:(#\w+)', text)):
        names = re.findall(rf"\.(\w+)\{{(?:[^}}]*;)?{kind}:{colour}\b", light)
        assert names
        (changed,) = re.findall(rf"([.\w,]+)\{{{kind}:{twin}\}}", dark) if twin else ()
        assert changed.replace(".", "").split(",") == names


@needs_browser("drawings were not compared as they are shown")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_lighter_drawing_looks_the_same(scheme, browser, tmp_path):
    text = (FIGURES / "adam-mlp-cifar.svg").read_text("utf-8")
    shots = []
    with watched(browser) as (new_tab, _, _):
        tab = new_tab(1000, color_scheme=scheme)
        for name, drawing in (("one", text), ("less", lighter.lighter(text))):
            (tmp_path / f"{name}.svg").write_text(drawing, encoding="utf-8")
            tab.goto((tmp_path / f"{name}.svg").as_uri())
            shots.append(np.array(Image.open(io.BytesIO(tab.screenshot())).convert("L"), float))
    off = np.abs(shots[0] - shots[1])
    # Single pixels at the edge of a letter.
    assert off.max() < 80 and (off > 25).mean() < 5e-4
    assert (shots[1].mean() > 200) == (scheme == "light")


def test_a_path_goes_on_from_where_it_is():
    rng = np.random.default_rng(0)
    walk = np.cumsum(rng.normal(0, 0.004, (3000, 2)), axis=0)
    d = "M" + "L".join(f"{x:.5f} {y:.5f}" for x, y in walk)
    short = lighter.path(d, 100, 2)
    # Roundings do not add up: the last point is where it was.
    assert np.abs(points_of(short)[-1] - walk[-1]).max() <= 0.0051
    assert lighter.path("M0 0L0 0", 100, 2) == "M0 0l0 0"
    assert lighter.path("M1 1L3 1L3 1L2 1L2 4zL5 5", 1) == "M1 1h2-1v3zl4 4"


def test_what_is_made_of_a_file_is_made_once(tmp_path, monkeypatch):
    made = []
    real = lighter.lighter
    monkeypatch.setattr(lighter, "lighter", lambda text: made.append(text) or real(text))
    for time in range(3):
        figures = tmp_path / f"figures-{time}"
        figures.mkdir()
        for end in (".svg", ".png", ".csv"):
            source = FIGURES / ("start-edge" if time < 2 else "start-beside")
            (figures / f"one{end}").write_bytes(source.with_suffix(end).read_bytes())
        site_figures.prepare(figures, tmp_path / "kept")
        assert (figures / "thumbnails" / "one.webp").stat().st_size < 30_000
        assert len(made) == (1 if time < 2 else 2)
        # What is no longer wanted does not stay.
        assert len(list((tmp_path / "kept").iterdir())) == 2
    with zipfile.ZipFile(figures / "one.csv.zip") as archive:
        assert archive.read("one.csv") == source.with_suffix(".csv").read_bytes()
    assert not (figures / "one.csv").exists()
