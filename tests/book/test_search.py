"""The search page, from disk: equations by number, phrases with the words around them."""

import functools
import os
import re
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

import pytest
from browsing import browser as browser
from browsing import needs_browser, watched
from bs4 import BeautifulSoup

ROOT = Path(__file__).resolve().parents[2]
HTML = Path(os.environ.get("RODFLOW_BOOK", ROOT / "build" / "quick" / "html"))
FOUND = ".rodflow-search"

pytestmark = [
    pytest.mark.skipif(not (HTML / "search.html").is_file(), reason=f"there is no book in {HTML}"),
    needs_browser("the search was not tried"),
]


@pytest.fixture
def search(browser):
    """Type something into the search of a page, and give the page of what was found."""
    with watched(browser) as (new_tab, troubles, requests):

        def typed(query, width=1280):
            tab = new_tab(width)
            tab.goto((HTML / "index.html").as_uri(), wait_until="load")
            tab.keyboard.press("Control+k")
            tab.keyboard.type(query)
            with tab.expect_navigation(url=re.compile(r"search\.html")):
                tab.keyboard.press("Enter")
            # Sphinx's search ends with a sentence, whatever it finds; ours with its words.
            tab.wait_for_function("document.querySelector('.search-summary')?.innerText > ''")
            tab.wait_for_selector(".rodflow-search[data-done]", state="attached")
            return tab

        yield typed
        assert [t for t in troubles if not t.startswith("log: ")] == []
        assert {urlsplit(url).scheme for url in requests} <= {"file", "data"}


@functools.cache
def parse(path):
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def place(link):
    """Give what a link leads to: the file, and the element of its anchor."""
    target, anchor = urldefrag(link)
    path = Path(unquote(urlsplit(target).path))
    return path, parse(path).find(id=unquote(anchor))


@pytest.mark.parametrize("query", ["(153)", "153", "equation 153", "Eq. (153)"])
def test_an_equation_is_found_by_its_number(query, search):
    tab = search(query)
    assert tab.locator(f"{FOUND} h2").inner_text() == "Equation (153)"
    path, element = place(tab.locator(f"{FOUND} p a").first.evaluate("a => a.href"))
    assert path.name == "appendix_c3.html" and element is not None
    after = element if element.name == "div" else element.find_next("div", class_="math")
    assert r"\tag{153}" in after.get_text()
    # And who refers to it.
    pages = tab.locator(f"{FOUND} li a").evaluate_all("links => links.map(a => a.pathname)")
    assert any(page.endswith("notebooks/gd.html") for page in pages)
    assert set(tab.locator(f"{FOUND} mark").all_inner_texts()) == {"(153)"}


@pytest.mark.parametrize(
    ("query", "width"), [("edge of stability", 1280), ('"Edge  of stability"', 390)]
)
def test_a_phrase_is_shown_where_pages_say_it(query, width, search):
    tab = search(query, width)
    links = tab.locator(f"{FOUND} li a").evaluate_all("links => links.map(a => a.href)")
    assert len(links) == len(set(links)) > 5
    texts = tab.locator(f"{FOUND} li").all_inner_texts()
    for link, text in zip(links, texts, strict=True):
        path, element = place(link)
        said = " ".join(element.get_text().split()).lower()
        assert "edge of stability" in said, path
        assert "edge of stability" in text.lower(), text
    assert len(tab.locator(f"{FOUND} mark").all()) >= len(links) - 1
    # Enough of the words around to judge by.
    assert all(len(text) > 60 for text in texts)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width


def test_every_page_that_says_it_is_found(search):
    tab = search("edge of stability")
    links = tab.locator(f"{FOUND} li a").evaluate_all("links => links.map(a => a.href)")
    found = {place(link)[0].relative_to(HTML).as_posix() for link in links}
    said = set()
    for path in HTML.rglob("*.html"):
        article = path.read_text(encoding="utf-8").partition("<article")[2]
        paragraphs = re.findall(r"<p>.*?</p>", article, re.DOTALL)
        words = [" ".join(re.sub(r"<[^>]*>", "", text).split()).lower() for text in paragraphs]
        if any("edge of stability" in text for text in words):
            said.add(path.relative_to(HTML).as_posix())
    assert len(said) > 5 and said <= found


def test_what_nobody_says_is_left_to_sphinx(search):
    tab = search("no page says these words in a row")
    assert tab.locator(FOUND).inner_text() == ""
    assert tab.locator("#search-results").is_visible()


def test_an_equation_that_is_none_is_not_found(search):
    assert search("(999)").locator(f"{FOUND} h2").count() == 0


def test_the_results_are_reached_by_keyboard(search):
    tab = search("(153)")
    tab.keyboard.press("Tab")
    # The hint of the link that is now focused; to leave while it loads would be a failed request.
    tab.wait_for_function("window.rodflowHints")
    with tab.expect_navigation(url=re.compile(r"appendix_c3\.html#eq-153")):
        tab.keyboard.press("Enter")
