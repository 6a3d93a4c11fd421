"""The widget of the quartic page, in a browser: its numbers are the core's, its sliders redraw."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from browsing import browser as browser
from browsing import needs_browser, watched

from rodflow_core import theory
from rodflow_core.flows import RodFlow, advance
from rodflow_core.landscapes import Quartic
from rodflow_core.optimizers import State, make_rule

BOOK = Path(__file__).resolve().parents[2] / "book"

pytestmark = needs_browser("the quartic widget was not tried")

PAGE = """<!doctype html>
<html lang="en" data-theme="light"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>Quartic</title></head>
<body>{widget}</body></html>
"""

STEPS = 200
# eta, beta, S over the threshold, kappa, w0, m0, substeps
RUNS = {
    "quiet": (0.5, 0.5, 0.9, 1.0, 0.05, 0.0, 4),
    "at the threshold": (0.5, 0.5, 1.0, 1.0, 0.05, 0.0, 4),
    "just above": (0.5, 0.5, 1.05, 1.0, 0.05, 0.0, 4),
    "far above": (0.2, 0.8, 1.2, 0.3, 0.3, -0.2, 4),
    "gradient descent": (0.7, 0.0, 1.3, 2.5, -0.1, 0.0, 3),
    "off centre": (1.0, 0.3, 1.52, 1.0, 0.1, 0.1, 8),
    "long substeps": (0.5, 0.3, 1.1, 1.0, 0.2, 0.4, 2),
    "from rest": (0.5, 0.5, 1.1, 1.0, 0.0, 0.0, 4),
}


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The snippet that the book includes, where the book has it: one folder below the site."""
    site = tmp_path_factory.mktemp("site")
    shutil.copytree(BOOK / "vendor" / "quartic", site / "quartic")
    (site / "notebooks").mkdir()
    widget = (BOOK / "quartic_widget.md").read_text(encoding="utf-8")
    path = site / "notebooks" / "page.html"
    path.write_text(PAGE.format(widget=widget), encoding="utf-8")
    return path


@pytest.fixture
def open_page(browser, page):
    """Open the page from disk; at the end nothing may have been asked for or gone wrong."""
    with watched(browser) as (new_tab, troubles, requests):

        def opened(width=900, **settings):
            tab = new_tab(width, **settings)
            tab.goto(page.as_uri(), wait_until="load")
            return tab

        yield opened
    assert troubles == []
    names = {url.rsplit("/", 1)[1] for url in requests if url.startswith("file:")}
    assert names == {"page.html", "quartic.js", "quartic.css"}
    assert all(url.startswith("file:") for url in requests), requests


def core(eta, beta, sharpness, kappa, w0, m0, substeps):
    """Give the same numbers as the widget's `simulate`, from the core."""
    double = {"dtype": torch.float64}
    rule = make_rule("heavy_ball", eta, beta1=beta)
    quartic = Quartic(torch.tensor([sharpness], **double), torch.tensor([kappa], **double))
    iterates = [State(torch.tensor([w0, m0], **double), None)]
    for t in range(STEPS):
        iterates.append(rule.step(quartic, iterates[-1], t))
    flow = RodFlow(rule, quartic, rank=2)
    states = [flow.initial(iterates[0], iterates[1])]
    for t in range(1, STEPS):
        states.append(advance(flow, states[-1], t, substeps))
    sigmas = np.array([state.extent.dense().numpy() for state in states])
    return {
        "iterates": np.array([state.z.numpy() for state in iterates]),
        "centres": np.array([state.z.numpy() for state in states]),
        "sigmas": sigmas[:, [0, 0, 1], [0, 1, 1]],
        "rods": np.array([state.extent.half_displacement.numpy() for state in states]),
        "threshold": rule.threshold,
    }


@pytest.fixture(scope="module")
def simulate(browser, page):
    tab = browser.new_page()
    tab.goto(page.as_uri(), wait_until="load")
    yield lambda **values: tab.evaluate("v => window.rodflowQuartic.simulate(v)", values)
    tab.close()


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
def test_its_numbers_are_the_cores(simulate, run):
    eta, beta, excess, kappa, w0, m0, substeps = run
    sharpness = excess * float(theory.heavy_ball_threshold(eta, beta))
    seen = simulate(
        eta=eta, beta=beta, S=sharpness, kappa=kappa, w0=w0, m0=m0, steps=STEPS, substeps=substeps
    )
    known = core(eta, beta, sharpness, kappa, w0, m0, substeps)
    assert np.isfinite(known["iterates"]).all()
    for key in ("iterates", "centres", "sigmas", "threshold"):
        np.testing.assert_allclose(seen[key], known[key], rtol=1e-9, atol=1e-9, err_msg=key)
    # A rod has no sign.
    rods = np.array(seen["rods"])
    rods *= np.where((rods * known["rods"]).sum(1, keepdims=True) < 0, -1, 1)
    np.testing.assert_allclose(rods, known["rods"], rtol=1e-9, atol=1e-9)


def test_it_settles_at_the_closed_form(simulate):
    seen = simulate(eta=0.5, beta=0.5, S=13, kappa=2, w0=0.05, m0=0, steps=STEPS, substeps=4)
    fixed = theory.quartic_fixed_point("heavy_ball", 13.0, 2.0, 0.5, 0.5)
    (ww, wm), (_, mm) = fixed.extent
    np.testing.assert_allclose(seen["sigmas"][-1], [ww, wm, mm], rtol=1e-9)
    assert abs(seen["rods"][-1][0]) == pytest.approx(np.sqrt((13 - 12) / 2), rel=1e-9)


def drawing(tab):
    paths = tab.locator(".plots path").evaluate_all("ps => ps.map(p => p.getAttribute('d'))")
    assert paths and not any("NaN" in path or "Infinity" in path for path in paths)
    return paths


def press(tab, slider, key, times=1):
    tab.get_by_label(slider).focus()
    for _ in range(times):
        tab.keyboard.press(key)


def verdict(tab):
    return tab.get_by_role("status").filter(has_text="half-displacement").inner_text()


SLIDERS = {
    "learning rate η": ("0.51", "0.50"),
    "momentum β": ("0.51", "0.50"),
    "sharpness S": ("12.7", "12.6"),
    "flattening κ": ("1.1", "1.0"),
    "step shown t": ("99", "98"),
}


@pytest.mark.parametrize("slider", SLIDERS)
def test_a_slider_is_moved_by_the_keyboard(open_page, slider):
    tab = open_page()
    more, less = SLIDERS[slider]
    number = tab.locator(f'output[for="{tab.get_by_label(slider).get_attribute("id")}"]')
    press(tab, slider, "ArrowRight")
    assert number.inner_text() == more
    before = drawing(tab)
    press(tab, slider, "ArrowLeft")
    assert number.inner_text() == less
    assert drawing(tab) != before


def test_the_verdict_turns_at_the_threshold(open_page):
    tab = open_page()
    assert "threshold SHB = 12.00" in verdict(tab)
    press(tab, "sharpness S", "ArrowLeft", 6)
    assert verdict(tab).startswith("Quiet. S = 12 does not exceed the threshold")
    assert tab.locator(".plots .limit").count() == 0
    press(tab, "sharpness S", "ArrowRight", 10)
    assert verdict(tab).startswith("Oscillating. S = 13 lies above the threshold")
    assert "√((S − SHB)/κ) = 1.00. At step 99 the half-displacement in w is 1.00" in verdict(tab)
    assert tab.locator(".plots .limit").count() == 2
    press(tab, "flattening κ", "End")
    assert "√((S − SHB)/κ) = 0.500" in verdict(tab)
    tab.get_by_role("button", name="Start values").click()
    assert "12.6" in verdict(tab) and "0.775" in verdict(tab)


def test_the_ends_of_the_sliders_are_drawn(open_page):
    tab = open_page()
    titles = set()
    for eta in ("Home", "End"):
        for beta in ("Home", "End"):
            for sharpness in ("Home", "End"):
                press(tab, "learning rate η", eta)
                press(tab, "momentum β", beta)
                press(tab, "sharpness S", sharpness)
                drawing(tab)
                text = tab.locator(".verdict").inner_text()
                assert not re.search("NaN|Infinity|undefined", text)
                titles.add(text.split(".")[0])
    assert titles == {"Quiet", "Out of the well"}


@pytest.mark.parametrize("width", [1400, 390])
def test_it_fits_the_page_and_says_what_it_shows(open_page, width):
    tab = open_page(width)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    for image in tab.locator(".plots > svg").all():
        assert len(image.get_attribute("aria-label").split()) > 8
    # What is written in the drawings lies within them, and is not scaled down.
    for text in tab.locator(".plots text").all():
        box = text.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= width and box["height"] >= 12


def test_it_follows_the_page_into_the_dark(open_page):
    tab = open_page()
    stroke = "element => getComputedStyle(element).stroke"
    light = tab.locator(".phase .rod").last.evaluate(stroke)
    tab.evaluate("document.documentElement.dataset.theme = 'dark'")
    assert tab.locator(".phase .rod").last.evaluate(stroke) != light


def test_without_javascript_a_sentence_stands_there(open_page, page, browser):
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(page.as_uri())
    assert "With JavaScript" in tab.locator(".quartic-widget").inner_text()
    context.close()
    open_page()
