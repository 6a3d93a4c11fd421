"""The styles for paper, narrow screens and calm readers, on a page of one part each."""

from pathlib import Path

import fitting
import pytest
from browsing import browser as browser
from browsing import needs_browser

STATIC = Path(__file__).resolve().parents[2] / "book" / "_static"
STYLES = "".join(
    (STATIC / name).read_text("utf-8") for name in ("rodflow.css", "rodflow_print.css")
)
SCRIPTS = "".join(
    (STATIC / f"rodflow_{name}.js").read_text("utf-8") for name in ("scroll", "print")
)
CODE = f"<div class='highlight'><pre>{'wide = ' * 60}</pre></div>"
CELLS = "<td>unbreakable</td>" * 16
TABLE = f"<div class='pst-scrollable-table-container'><table><tr>{CELLS}</tr></table></div>"
FOLDED = "<details class='sd-dropdown'><summary>More</summary>Words.</details>"

pytestmark = needs_browser("paper and narrow screens were not tried")


@pytest.fixture
def show(browser):
    context = browser.new_context(viewport={"width": 390, "height": 844}, offline=True)

    def shown(article, styles=STYLES, scripts=SCRIPTS):
        tab = context.new_page()
        tab.set_content(
            f"<html lang='en' data-theme='dark'><style>{styles}</style><script>{scripts}</script>"
            f"<article class='bd-article'>{article}</article></html>",
            wait_until="load",
        )
        return tab

    yield shown
    context.close()


def test_code_wraps_and_a_wide_table_says_that_it_scrolls(show):
    tab = show(CODE + TABLE)
    assert fitting.hidden(tab) == [] and fitting.widest(tab) <= 390
    box = tab.locator(".pst-scrollable-table-container")
    assert box.get_attribute("role") == "group" and "scrolls" in box.get_attribute("aria-label")
    tab.set_viewport_size({"width": 2400, "height": 900})
    tab.evaluate(fitting.FRAMES)
    assert box.get_attribute("data-scrolls") is None and box.get_attribute("tabindex") is None


def test_paper_cuts_nothing_off(show):
    player = "<div class='rodflow-player'><button>Play</button><p>Words.</p></div>"
    tab = show(CODE + TABLE.replace("<tr>", "<thead><tr>").replace("td>", "th>") + player)
    assert fitting.off_paper(tab) == []


def test_paper_is_light_and_unfolded_and_the_screen_as_it_was(show):
    tab = show(FOLDED)
    seen = "[document.documentElement.dataset.theme, document.querySelector('details').open]"
    assert tab.evaluate(seen) == ["dark", False]
    tab.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert tab.evaluate(seen) == ["light", True]
    tab.evaluate("dispatchEvent(new Event('afterprint'))")
    assert tab.evaluate(seen) == ["dark", False]


@pytest.mark.parametrize(
    "article", [CODE, TABLE, "<p style='width:900px'>x</p>", "<button>x</button>"]
)
def test_what_does_not_fit_is_seen(article, show):
    tab = show(article, styles="pre, div { overflow: auto }", scripts="")
    assert fitting.off_paper(tab)
    if article in (CODE, TABLE):
        assert fitting.hidden(tab)


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_who_asks_for_less_motion_gets_none(motion, show):
    tab = show("<p style='transition: color 2s; animation: turn 2s infinite'>x</p>")
    tab.emulate_media(reduced_motion=motion)
    style = tab.evaluate(
        "(() => { const s = getComputedStyle(document.querySelector('p'));"
        " return [s.transitionDuration, s.animationName]; })()"
    )
    assert style == (["0s", "none"] if motion == "reduce" else ["2s", "turn"])
