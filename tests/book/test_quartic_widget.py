"""The quartic widget, in a browser: its numbers are the core's, it plays, its address is a view."""

import itertools
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

ROOT = Path(__file__).resolve().parents[2]
BOOK = ROOT / "book"

pytestmark = needs_browser("the quartic widget was not tried")

PAGE = """<!doctype html>
<html lang="en" data-theme="light"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>Quartic</title></head>
<body>{widget}</body></html>
"""

STEPS = 200
# eta, beta (None: gradient descent), S over the threshold, kappa, w0, m0, substeps
RUNS = {
    "quiet": (0.5, 0.5, 0.9, 1.0, 0.05, 0.0, 4),
    "at the threshold": (0.5, 0.5, 1.0, 1.0, 0.05, 0.0, 4),
    "just above": (0.5, 0.5, 1.05, 1.0, 0.05, 0.0, 4),
    "far above": (0.2, 0.8, 1.2, 0.3, 0.3, -0.2, 4),
    "gradient descent": (0.7, 0.0, 1.3, 2.5, -0.1, 0.0, 3),
    "off centre": (1.0, 0.3, 1.52, 1.0, 0.1, 0.1, 8),
    "long substeps": (0.5, 0.3, 1.1, 1.0, 0.2, 0.4, 2),
    "from rest": (0.5, 0.5, 1.1, 1.0, 0.0, 0.0, 4),
    "descent": (0.5, None, 1.05, 1.0, 0.05, 0.0, 4),
    "descent, quiet": (0.3, None, 0.8, 2.0, 0.3, 0.0, 4),
    "descent, off centre": (0.5, None, 1.55, 0.5, 0.05, 0.0, 6),
}
PAGES = {"page": "heavy ball", "descent": "gradient descent"}


def snippet_of(page):
    """What a notebook writes for its widget."""
    text = (ROOT / "notebooks" / f"{page}.py").read_text(encoding="utf-8")
    (found,) = re.findall(r'\n# (<div class="quartic-widget".*?)\n# ```', text, re.DOTALL)
    return found.replace("\n# ", "\n")


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The snippets that the book includes, where the book has them: one folder below the site."""
    site = tmp_path_factory.mktemp("site")
    for folder in ("quartic", "player"):
        shutil.copytree(BOOK / "vendor" / folder, site / folder)
    (site / "notebooks").mkdir()
    widget = (BOOK / "quartic_widget.md").read_text(encoding="utf-8")
    for name, text in {"page": widget, "descent": snippet_of("rod")}.items():
        path = site / "notebooks" / f"{name}.html"
        path.write_text(PAGE.format(widget=text), encoding="utf-8")
    return path.with_name("page.html")


@pytest.fixture
def open_page(browser, page):
    """Open the page from disk; at the end nothing may have been asked for or gone wrong."""
    with watched(browser) as (new_tab, troubles, requests):

        def opened(width=900, name="page", hash="", clock=False, **settings):
            tab = new_tab(width, **settings)
            if clock:
                tab.clock.install(time=0)
            tab.goto(page.with_name(f"{name}.html").as_uri() + hash, wait_until="load")
            if clock:
                # From here on time passes only where a test says so, and no machine decides it.
                tab.clock.pause_at(10_000)
            return tab

        yield opened
    assert troubles == []
    names = {url.rsplit("/", 1)[1].split("#")[0] for url in requests if url.startswith("file:")}
    code = {"address.js", "numerics.js", "drawing.js", "quartic.js", "quartic.css"}
    assert code < names <= code | {f"{name}.html" for name in PAGES}
    assert all(url.startswith("file:") for url in requests), requests


def core(eta, beta, sharpness, kappa, w0, m0, substeps):
    """Give the same numbers as the widget's `simulate`, from the core."""
    double = {"dtype": torch.float64}
    plain = beta is None
    rule = make_rule("gd", eta) if plain else make_rule("heavy_ball", eta, beta1=beta)
    quartic = Quartic(torch.tensor([sharpness], **double), torch.tensor([kappa], **double))
    iterates = [State(torch.tensor([w0] if plain else [w0, m0], **double), None)]
    for t in range(STEPS):
        iterates.append(rule.step(quartic, iterates[-1], t))
    flow = RodFlow(rule, quartic, rank=1 if plain else 2)
    states = [flow.initial(iterates[0], iterates[1])]
    for t in range(1, STEPS):
        states.append(advance(flow, states[-1], t, substeps))
    sigmas = np.array([state.extent.dense().numpy() for state in states])
    found = {
        "iterates": np.array([state.z.numpy() for state in iterates]),
        "centres": np.array([state.z.numpy() for state in states]),
        "sigmas": sigmas.reshape(STEPS, 1) if plain else sigmas[:, [0, 0, 1], [0, 1, 1]],
        "rods": np.array([state.extent.half_displacement.numpy() for state in states]),
    }
    if plain:  # the widget's m stays what it is: zero
        found = {key: np.pad(value, ((0, 0), (0, 3 - value.shape[1] - (key != "sigmas"))))
                 for key, value in found.items()}  # fmt: skip
    return {**found, "threshold": rule.threshold}


@pytest.fixture(scope="module")
def simulate(browser, page):
    tab = browser.new_page()
    tab.goto(page.as_uri(), wait_until="load")
    yield lambda **values: tab.evaluate("v => window.rodflowQuartic.simulate(v)", values)
    tab.close()


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
def test_its_numbers_are_the_cores(simulate, run):
    eta, beta, excess, kappa, w0, m0, substeps = run
    sharpness = excess * float(theory.heavy_ball_threshold(eta, beta or 0.0))
    momentum = {} if beta is None else {"beta": beta}
    seen = simulate(
        eta=eta, S=sharpness, kappa=kappa, w0=w0, m0=m0, steps=STEPS, substeps=substeps, **momentum
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
    "sharpness S": ("1.06", "1.05"),
    "learning rate η": ("0.51", "0.50"),
    "momentum β": ("0.51", "0.50"),
    "flattening κ": ("1.1", "1.0"),
    "step shown t": ("5", "4"),
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


def test_by_keyboard_one_comes_to_everything_and_sees_where_one_is(open_page):
    tab = open_page()
    order = []
    for _ in range(7):
        tab.keyboard.press("Tab")
        order.append(tab.evaluate("document.activeElement.className || document.activeElement.id"))
        outline = tab.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid"
    keys = [name.rsplit("-", 1)[-1] for name in order]
    assert keys == ["ratio", "beta", "eta", "kappa", "play", "reset", "t"]


def test_the_verdict_turns_at_the_threshold(open_page):
    tab = open_page()
    assert "S = 12.6 lies above the threshold SHB = 12.00" in verdict(tab)
    press(tab, "sharpness S", "ArrowLeft", 5)
    assert verdict(tab).startswith("Quiet. S = 12 does not exceed the threshold")
    assert tab.locator(".plots .limit").count() == 0
    press(tab, "sharpness S", "ArrowRight", 8)
    press(tab, "step shown t", "End")
    assert verdict(tab).startswith("Oscillating. S = 12.96 lies above the threshold")
    assert "√((S − SHB)/κ) = 0.980. At step 59 the half-displacement in w is 0.980" in verdict(tab)
    assert tab.locator(".plots .limit").count() == 2
    press(tab, "flattening κ", "End")
    assert "√((S − SHB)/κ) = 0.490" in verdict(tab)
    tab.get_by_role("button", name="Reset").click()
    assert "12.6" in verdict(tab) and "0.775" in verdict(tab) and "At step 4 " in verdict(tab)


@pytest.mark.parametrize("name", PAGES)
def test_it_opens_before_the_oscillation_has_settled(open_page, name):
    """And the numbers that it says are the core's."""
    tab = open_page(name=name)
    beta, at = (0.5, 4) if name == "page" else (None, 10)
    sharpness = 1.05 * float(theory.heavy_ball_threshold(0.5, beta or 0.0))
    known = core(0.5, beta, sharpness, 1.0, 0.05, 0.0, 4)
    half = np.diff(known["iterates"][:, 0]) / 2
    settled = np.sqrt((sharpness - known["threshold"]) / 1.0)
    assert 0.2 < abs(half[at]) / settled < 0.6
    seen = verdict(tab)
    size = f"{abs(half[at]):.3g} for {PAGES[name]}"
    assert f"At step {at} the half-displacement in w is {size}" in seen
    assert f"and {abs(known['rods'][at, 0]):.3g} for the rod" in seen


@pytest.mark.parametrize("name", PAGES)
def test_the_range_of_the_sharpness_is_around_the_bifurcation(open_page, name):
    """All along it something else happens, and the iterates leave the well only near its end."""
    tab = open_page(name=name)
    slider = tab.get_by_label("sharpness S")
    low, high = (float(slider.get_attribute(end)) for end in ("min", "max"))
    assert 0.7 < low < 1 < 1.5 < high <= 2
    titles = []
    for ratio in np.arange(low, high + 1e-9, 0.05):
        slider.fill(f"{ratio:.2f}")
        drawing(tab)
        titles.append(tab.locator(".verdict b").inner_text().strip())
    assert titles[0] == "Quiet." and titles.count("Out of the well.") <= 0.25 * len(titles)
    assert titles.count("Oscillating.") >= 0.35 * len(titles)
    assert ("Off centre." in titles) == (name == "descent")


@pytest.mark.parametrize("name", PAGES)
def test_the_ends_of_the_sliders_are_drawn(open_page, name):
    tab = open_page(name=name)
    sliders = [input for input in tab.locator("input").all()]
    for ends in itertools.product(("min", "max"), repeat=len(sliders)):
        for slider, end in zip(sliders, ends, strict=True):
            slider.fill(slider.get_attribute(end))
        drawing(tab)
        assert not re.search("NaN|Infinity|undefined", tab.locator(".quartic-widget").inner_text())


def step_of(tab):
    return int(tab.get_by_label("step shown t").input_value())


def test_it_plays_when_asked_and_pauses(open_page):
    tab = open_page(name="descent", clock=True)
    tab.clock.run_for(5000)
    assert step_of(tab) == 10  # nothing moves by itself
    tab.get_by_role("button", name="Play").click()
    assert tab.locator(".verdict").get_attribute("aria-live") == "off"
    tab.clock.run_for(3.5 * 125)
    assert step_of(tab) == 13 and "At step 13 " in verdict(tab)
    tab.get_by_role("button", name="Pause").click()
    tab.clock.run_for(5000)
    assert step_of(tab) == 13
    assert tab.locator(".verdict").get_attribute("aria-live") == "polite"
    tab.get_by_role("button", name="Play").press("Enter")
    press(tab, "sharpness S", "ArrowRight")  # what is not time may be changed while it plays
    tab.clock.run_for(1.5 * 125)
    assert step_of(tab) == 14
    press(tab, "step shown t", "ArrowRight")  # who scrubs has paused
    tab.clock.run_for(5000)
    assert step_of(tab) == 15
    tab.get_by_role("button", name="Play").click()
    tab.clock.run_for(60 * 125)
    assert step_of(tab) == 59 and tab.get_by_role("button", name="Play").count() == 1
    tab.get_by_role("button", name="Play").click()
    assert step_of(tab) == 0
    tab.get_by_role("button", name="Reset").click()
    tab.clock.run_for(5000)
    assert step_of(tab) == 10 and tab.get_by_role("button", name="Play").count() == 1


def test_with_less_motion_it_steps_slowly(open_page):
    tab = open_page(clock=True, reduced_motion="reduce")
    tab.get_by_role("button", name="Play").click()
    tab.clock.run_for(450)
    assert step_of(tab) == 4
    tab.clock.run_for(100)
    assert step_of(tab) == 5


def state(tab):
    return {input.get_attribute("id"): input.input_value() for input in tab.locator("input").all()}


@pytest.mark.parametrize("name", PAGES)
def test_the_address_gives_the_same_view_again(open_page, name):
    tab = open_page(name=name)
    assert tab.evaluate("location.hash") == ""
    press(tab, "sharpness S", "ArrowRight", 7)
    press(tab, "flattening κ", "ArrowLeft", 2)
    press(tab, "step shown t", "Home")
    tab.wait_for_function("location.hash.includes('t:0')")
    address = tab.evaluate("location.hash")
    assert address == f"#{'quartic' if name == 'page' else name}=ratio:1.12,kappa:0.8,t:0"
    again = open_page(name=name, hash=address)
    assert state(again) == state(tab) and drawing(again) == drawing(tab)
    assert again.evaluate("location.hash") == address and verdict(again) == verdict(tab)
    again.get_by_role("button", name="Reset").click()
    again.wait_for_function("location.hash === ''")
    # A link on the page leads to a view, too; one to a section leaves the view as it is.
    again.evaluate("address => { location.hash = address }", address)
    again.wait_for_function("document.querySelector('[data-key=t] output').textContent === '0'")
    assert state(again) == state(tab)
    again.evaluate("location.hash = 'a-section'")
    assert state(again) == state(tab)


@pytest.mark.parametrize(
    "hash, word",
    [
        ("#quartic=ratio:9", "ratio goes from 0.8 to 1.6."),
        ("#quartic=colour:1,t:7", "there is no slider colour."),
        ("#quartic=t:,S", "t goes from 0 to 59; there is no slider S."),
        ("#quartic=t:7", ""),
        ("#another=t:9", ""),
    ],
)  # fmt: skip
def test_a_bad_address_gives_a_view_and_a_sentence(open_page, hash, word):
    tab = open_page(hash=hash)
    note = tab.locator(".note").text_content()
    assert note == (f"The address is not all understood: {word}" if word else "")
    assert step_of(tab) == (7 if "t:7" in hash else 4)
    drawing(tab)
    press(tab, "momentum β", "ArrowRight")
    assert tab.locator(".note").text_content() == ""


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width", [1400, 390])
def test_it_fits_the_page_and_says_what_it_shows(open_page, width, name):
    tab = open_page(width, name, has_touch=width < 500, is_mobile=width < 500)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    for image in tab.locator(".plots > svg").all():
        assert len(image.get_attribute("aria-label").split()) > 8
    # What is written in the drawings lies within them, and is not scaled down.
    for text in tab.locator(".plots text").all():
        box = text.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= width and box["height"] >= 12
    if width < 500:
        for target in tab.locator("button, input").all():
            box = target.bounding_box()
            assert box["height"] >= 44 and box["width"] >= 44


def test_it_follows_the_page_into_the_dark(open_page):
    tab = open_page()
    stroke = "element => getComputedStyle(element).stroke"
    light = tab.locator(".left .rod").last.evaluate(stroke)
    tab.evaluate("document.documentElement.dataset.theme = 'dark'")
    assert tab.locator(".left .rod").last.evaluate(stroke) != light


def test_without_javascript_a_sentence_stands_there(open_page, page, browser):
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(page.as_uri())
    assert "With JavaScript" in tab.locator(".quartic-widget").inner_text()
    context.close()
    open_page()
