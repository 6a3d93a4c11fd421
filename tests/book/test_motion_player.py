"""The motion player, in a browser: it shows the recorded numbers, and moves only when asked."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from browsing import browser as browser
from browsing import needs_browser, watched

from rodflow_book.motion import load_motion

ROOT = Path(__file__).resolve().parents[2]
BOOK, FIGURES = ROOT / "book", ROOT / "figures"
PUBLISHED = sorted(FIGURES.glob("*.motion.js"))

pytestmark = needs_browser("the motion player was not tried")

PLAYER = re.compile(
    r'# <div class="rodflow-player" data-motion="([a-z-]+)">.*?player\.js"></script>',
    re.DOTALL,
)
PAGE = """<!doctype html>
<html lang="en" data-theme="light"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>Motion</title></head>
<body>{players}</body></html>
"""


def snippets():
    """What the pages write for their players, by the name of the motion."""
    found = {}
    for page in sorted((ROOT / "notebooks").glob("*.py")):
        for snippet in PLAYER.finditer(page.read_text(encoding="utf-8")):
            found[snippet[1]] = snippet[0].replace("\n# ", "\n").removeprefix("# ")
    return found


SHOWN = snippets()


def test_every_motion_is_shown_and_every_player_has_one():
    assert {path.name.removesuffix(".motion.js") for path in PUBLISHED} == set(SHOWN)


def test_every_page_with_a_player_has_its_address():
    for page in sorted((ROOT / "notebooks").glob("*.py")):
        text = page.read_text(encoding="utf-8")
        if 'class="rodflow-player"' in text:
            assert '<script src="../player/address.js"></script>' in text, page.name


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The snippets that the notebooks include, where the book has them: a folder below the site."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(BOOK / "vendor" / "player", folder / "player")
    for sub in ("figures", "notebooks"):
        (folder / sub).mkdir()
    stills = re.findall(r'src="\.\./figures/([\w-]+\.svg)"', "".join(SHOWN.values()))
    for path in (*PUBLISHED, *(FIGURES / still for still in stills)):
        shutil.copy(path, folder / "figures")
    for name, snippet in {**SHOWN, "all": "\n".join(SHOWN.values())}.items():
        page = folder / "notebooks" / f"{name}.html"
        # On some pages the address is with what stands above the player.
        snippet += '<script src="../player/address.js"></script>'
        page.write_text(PAGE.format(players=snippet), encoding="utf-8")
    return folder / "notebooks"


@pytest.fixture
def open_page(browser, site):
    """Open a page from disk, its clock in our hands; at the end nothing may have gone wrong."""
    with watched(browser) as (new_tab, troubles, requests):

        def opened(name="rod-valley", width=900, hash="", **settings):
            tab = new_tab(width, **settings)
            tab.clock.install(time=0)
            tab.goto((site / f"{name}.html").as_uri() + hash, wait_until="load")
            # From here on time passes only where a test says so, and no machine decides it.
            tab.clock.pause_at(10_000)
            return tab

        yield opened
    assert troubles == []
    assert requests and all(url.startswith("file:") for url in requests), requests


def data_of(name):
    return load_motion(FIGURES / f"{name}.motion.js")


def number(tab):
    return int(tab.locator("input").first.input_value())


def said(tab):
    return tab.locator(".said[role=status]").first.text_content()


def positions(tab):
    """Where the marks are, as fractions of each panel's area: from left to right, from below."""
    return tab.locator(".panels > svg").evaluate_all(
        """panels => panels.map(panel => {
            const area = panel.querySelector('svg.area');
            const [w, h] = ['width', 'height'].map(k => area[k].baseVal.value);
            const at = (x, y) => [x / w, 1 - y / h];
            return [...panel.querySelectorAll('g[data-track]')].map(group => {
                const places = [...group.querySelectorAll('circle, rect')].map(mark => {
                    const box = mark.getBBox();
                    return at(box.x + box.width / 2, box.y + box.height / 2);
                });
                return {track: group.dataset.track, places};
            });
        })"""
    )


def expected(found, i):
    """Where the marks have to be at a step, by the numbers in the file."""
    panels = []
    for panel in found["panels"]:
        (x0, x1), (y0, y1) = panel["x"], panel["y"]
        marks = []
        for track in panel["tracks"]:
            x, y = track["x"][i], track["y"][i]
            ends = [(x, y)]
            if track["mark"] == "rod":
                dx, dy = track["half_x"][i], track["half_y"][i]
                ends = [(x - dx, y - dy), (x + dx, y + dy)]
            if track["mark"] in ("cross", "diamond", "triangle"):
                ends = []
            places = [((a - x0) / (x1 - x0), (b - y0) / (y1 - y0)) for a, b in ends]
            marks.append((track["name"], places))
        panels.append(marks)
    return panels


def assert_shows(tab, found, i):
    for seen, known in zip(positions(tab), expected(found, i), strict=True):
        assert [mark["track"] for mark in seen] == [name for name, _ in known]
        for mark, (_, places) in zip(seen, known, strict=True):
            np.testing.assert_allclose(
                np.reshape(mark["places"], (-1, 2)), np.reshape(places, (-1, 2)), atol=1e-4
            )
    assert said(tab) == found["words"][i] and number(tab) == i
    assert tab.locator("output").first.text_content() == str(found["steps"][i])


@pytest.mark.parametrize("name", SHOWN)
def test_scrubbing_shows_the_recorded_values(open_page, name):
    tab, found = open_page(name), data_of(name)
    last = len(found["steps"]) - 1
    assert_shows(tab, found, last)  # a finished picture, before anything is pressed
    for i in (0, 1, last // 3, last // 2, last):
        tab.locator("input").fill(str(i))
        assert_shows(tab, found, i)
        trails = tab.locator(".area .trail").evaluate_all("ps => ps.map(p => p.getAttribute('d'))")
        assert trails and not any("NaN" in d or "Infinity" in d for d in trails)
        lengths = {d.count("L") + d.count("M") for d in trails}
        assert lengths <= {i + 1, i + 2}  # so far, and no farther


def test_it_plays_when_asked_and_pauses(open_page):
    tab, found = open_page(), data_of("rod-valley")
    last, pace = len(found["steps"]) - 1, 1000 / found["rate"]
    tab.clock.run_for(20 * pace)
    assert_shows(tab, found, last)  # nothing moves by itself
    tab.get_by_role("button", name="Play").click()
    assert_shows(tab, found, 0)
    tab.clock.run_for(3.5 * pace)
    assert_shows(tab, found, 3)
    assert tab.locator(".said").get_attribute("aria-live") == "off"
    tab.get_by_role("button", name="Pause").click()
    tab.clock.run_for(20 * pace)
    assert_shows(tab, found, 3)
    assert tab.locator(".said").get_attribute("aria-live") == "polite"
    tab.get_by_role("button", name="Play").click()
    tab.clock.run_for(1.5 * pace)
    assert_shows(tab, found, 4)  # it goes on where it was
    tab.locator("input").fill(str(last - 2))
    tab.clock.run_for(20 * pace)
    assert_shows(tab, found, last - 2)  # who scrubs has paused
    tab.get_by_role("button", name="Play").click()
    tab.clock.run_for(20 * pace)
    assert_shows(tab, found, last)
    assert tab.get_by_role("button", name="Play").count() == 1


def test_it_works_by_keyboard(open_page):
    tab, found = open_page(), data_of("rod-valley")
    last = len(found["steps"]) - 1
    order = []
    for _ in range(4):
        tab.keyboard.press("Tab")
        order.append(
            tab.evaluate("document.activeElement.className || document.activeElement.type")
        )
        outline = tab.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid"  # where one is, is seen
    assert order == ["play", "back", "on", "range"]
    slider = tab.get_by_label("Step", exact=True)
    for key, i in (
        ("Home", 0),
        ("ArrowRight", 1),
        ("ArrowRight", 2),
        ("ArrowLeft", 1),
        ("End", last),
    ):
        tab.keyboard.press(key)
        assert_shows(tab, found, i)
        assert slider.get_attribute("aria-valuetext") == f"step {found['steps'][i]}"
    tab.get_by_role("button", name="Step back").press("Enter")
    assert_shows(tab, found, last - 1)
    for _ in range(3):
        tab.get_by_role("button", name="Step on").press("Space")
    assert_shows(tab, found, last)
    tab.locator("button.play").press("Space")
    tab.clock.run_for(1500 / found["rate"])
    assert_shows(tab, found, 1)
    tab.locator("button.play").press("Enter")
    tab.clock.run_for(5000)
    assert_shows(tab, found, 1)


def test_with_less_motion_it_steps_slowly(open_page):
    tab, found = open_page(reduced_motion="reduce"), data_of("rod-valley")
    assert found["rate"] > 2
    tab.clock.run_for(5000)
    assert_shows(tab, found, len(found["steps"]) - 1)
    tab.get_by_role("button", name="Play").click()
    tab.clock.run_for(450)
    assert_shows(tab, found, 0)
    tab.clock.run_for(100)
    assert_shows(tab, found, 1)


@pytest.mark.parametrize("width", [1280, 390])
def test_it_fits_the_page_and_says_what_it_shows(open_page, width):
    tab = open_page("all", width)
    assert tab.locator(".rodflow-player svg[role=img]").count() > len(SHOWN)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    for image in tab.locator(".panels > svg").all():
        assert len(image.get_attribute("aria-label").split()) > 8
        box = image.bounding_box()
        for text in image.locator("text").all():
            inner = text.bounding_box()
            assert inner["x"] >= box["x"] - 1 and inner["y"] >= box["y"] - 1, text.text_content()
            assert inner["x"] + inner["width"] <= box["x"] + box["width"] + 1, text.text_content()
            assert inner["y"] + inner["height"] <= box["y"] + box["height"] + 1
            assert inner["height"] >= 12
    for target in tab.locator("button, input").all():
        box = target.bounding_box()
        assert box["height"] >= 44 and box["width"] >= 44
    # Nothing below moves while it plays.
    for player in tab.locator(".rodflow-player").all():
        before = player.bounding_box()["height"]
        player.locator("input").fill("1")
        assert player.bounding_box()["height"] == before


def test_lines_and_marks_differ_without_colour(open_page):
    """No two entries of a legend have one width, one dash and one shape."""
    tab = open_page("all")
    for player in tab.locator(".rodflow-player").all():
        looks = player.locator(".legend svg").evaluate_all(
            """keys => keys.map(key => JSON.stringify([...key.children].map(part => {
                const style = getComputedStyle(part);
                const shape = part.classList.contains('mark') || part.classList.contains('ring');
                return [part.tagName, style.strokeDasharray, style.strokeWidth,
                        style.fill === 'none', shape ? part.getAttribute('d') : ''];
            })))"""
        )
        assert looks and len(set(looks)) == len(looks), looks


def test_it_follows_the_page_into_the_dark(open_page):
    tab = open_page("all")
    look = """() => Object.entries({
            stroke: '.area .trail, .area .visited, .area .bar, .area .ring, .area .still',
            fill: '.area .mark, .panels text, .area .shade',
            color: '.said, .title, button, .legend',
        }).flatMap(([property, parts]) => [...document.querySelectorAll(parts)]
            .map(part => getComputedStyle(part)[property]))"""
    light = tab.evaluate(look)
    tab.evaluate("document.documentElement.dataset.theme = 'dark'")
    dark = tab.evaluate(look)
    assert len(light) > 20 and all(a != b for a, b in zip(light, dark, strict=True))


def test_a_page_may_have_several_and_each_has_its_own_step(open_page):
    tab = open_page("all")
    sliders = tab.locator("input")
    assert sliders.count() == len(SHOWN)
    before = [slider.input_value() for slider in sliders.all()]
    sliders.nth(1).fill("1")
    after = [slider.input_value() for slider in sliders.all()]
    assert [a == b for a, b in zip(before, after, strict=True)].count(False) == 1
    ids = tab.locator("[id]").evaluate_all("es => es.map(e => e.id)")
    assert len(set(ids)) == len(ids)


def test_the_address_gives_the_same_step_again(open_page):
    tab, found = open_page("all"), data_of("rod-valley")
    player = tab.locator('[data-motion="rod-valley"]')
    for i in (7, 12):
        player.locator("input").fill(str(i))
    assert tab.evaluate("location.hash") == ""  # not while it still moves
    tab.clock.run_for(300)
    address = tab.evaluate("location.hash")
    assert address == f"#rod-valley={found['steps'][12]}"
    again = open_page("all", hash=address)
    shown = again.locator('[data-motion="rod-valley"]')
    assert shown.locator("input").input_value() == "12"
    assert shown.locator(".said").text_content() == found["words"][12]
    assert again.evaluate("scrollY") > 0  # it is what one came for
    others = again.locator(".rodflow-player:not([data-motion='rod-valley']) input").all()
    assert all(other.input_value() == other.get_attribute("max") for other in others)
    # Two on one page stand side by side in the address; the last step needs no word.
    again.locator("[data-motion='start-parabola'] input").fill("1")
    again.clock.run_for(300)
    assert again.evaluate("location.hash") == f"{address}&start-parabola=1"
    shown.locator("input").fill(shown.locator("input").get_attribute("max"))
    again.clock.run_for(300)
    assert again.evaluate("location.hash") == "#start-parabola=1"
    again.evaluate("location.hash = 'rod-valley=3'")
    again.wait_for_function(
        "document.querySelector('[data-motion=rod-valley] input').value === '2'"
    )
    assert found["steps"][2] == 3


@pytest.mark.parametrize("text", ["1000", "-1", "2.5", "x", "<b>"])
def test_a_step_that_is_not_there_gives_a_sentence(open_page, text):
    tab, found = open_page(hash=f"#rod-valley={text}"), data_of("rod-valley")
    note = tab.locator(".note")
    assert note.inner_text() == f"The address asks for step {text}, which is not shown here."
    assert_shows(tab, found, len(found["steps"]) - 1)
    tab.locator("input").fill("3")
    assert note.text_content() == ""


def test_without_numbers_it_says_so(open_page, site):
    page = (site / "rod-valley.html").read_text(encoding="utf-8")
    lacking = re.sub(r"<script[^>]*motion\.js.*?</script>", "", page)
    (site / "lacking.html").write_text(lacking, encoding="utf-8")
    tab = open_page("lacking")
    text = tab.locator(".rodflow-player").inner_text()
    assert text == "The numbers of the motion “rod-valley” are not beside this page."


@pytest.mark.parametrize("name", SHOWN)
def test_without_javascript_a_sentence_stands_there(open_page, name):
    tab = open_page(name, java_script_enabled=False)
    assert "With JavaScript" in tab.locator(".rodflow-player").inner_text()
    assert tab.locator("button").count() == 0
