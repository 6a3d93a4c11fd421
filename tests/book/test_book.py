"""The built book: whole in its links and words, and right in a browser that is given no network."""

import io
import os
import re
from pathlib import Path
from urllib.parse import parse_qs, unquote, urldefrag, urlsplit

import fitting
import pytest
from browsing import browser as browser
from browsing import needs_browser
from bs4 import BeautifulSoup
from PIL import Image
from sphinx.util.inventory import InventoryFile

import rodflow_core

ROOT = Path(__file__).resolve().parents[2]
HTML = Path(os.environ.get("RODFLOW_BOOK", ROOT / "build" / "quick" / "html"))
PAGES = sorted(path.relative_to(HTML).as_posix() for path in HTML.rglob("*.html")
               if "_static" not in path.parts)  # fmt: skip

pytestmark = pytest.mark.skipif(
    not PAGES, reason=f"there is no book in {HTML}; `make book` builds it"
)


def parse(page):
    return BeautifulSoup((HTML / page).read_text(encoding="utf-8"), "html.parser")


@pytest.fixture(scope="module")
def soups():
    return {page: parse(page) for page in PAGES}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page, soups):
    for element in soups[page].select("[href], [src]"):
        link = element.get("href") or element.get("src") or ""
        target, anchor = urldefrag(link)
        if urlsplit(target).scheme in ("http", "https", "mailto", "data", "javascript"):
            continue
        path = (HTML / page).parent / unquote(urlsplit(target).path) if target else HTML / page
        assert path.exists(), f"{page}: {link} leads to no file"
        name = Path(os.path.normpath(path)).relative_to(HTML).as_posix()
        if name == "explorer.html" and anchor.startswith("run="):
            # A view of the explorer, which reads the address itself.
            record = parse_qs(anchor)["run"][0]
            files = list((HTML / "explorer" / "runs").glob(f"{record}.*.js"))
            assert files, f"{page}: {link} leads to no record"
        elif anchor and name in soups:
            found = soups[name].find(id=unquote(anchor))
            assert found is not None, f"{page}: {link} leads to no place on {name}"


@pytest.mark.parametrize("page", PAGES)
def test_nothing_on_a_page_is_random(page):
    """Two builds of the same sources are the same."""
    drawn = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
    assert not re.search(drawn, (HTML / page).read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", PAGES)
def test_nothing_is_loaded_from_elsewhere(page, soups):
    for element in soups[page].select("script[src], link[href], img[src], iframe[src]"):
        link = element.get("src") or element.get("href")
        assert urlsplit(link).scheme in ("", "data"), f"{page} loads {link}"
    for script in soups[page].find_all("script"):
        assert "://" not in script.get_text(), f"{page} names a host in a script"


@pytest.mark.parametrize("page", PAGES)
def test_images_say_what_they_show(page, soups):
    for image in soups[page].find_all("img"):
        alt = image.get("alt") or ""
        assert len(alt.split()) >= 3, f"{page}: {image['src']} has no alternative text, but {alt!r}"


def test_figures_are_shown_from_where_they_can_be_linked_to(soups):
    images = [(page, image) for page, soup in soups.items() for image in soup.select("figure img")]
    assert images, "the book shows no figure"
    for page, image in images:
        path = ((HTML / page).parent / image["src"]).resolve().relative_to(HTML.resolve())
        assert path.parts[0] == "figures", f"{page} shows {path}"
        assert not (HTML / "_images" / path.name).exists(), f"{path.name} is in the site twice"


def test_the_first_page_is_filled_in(soups):
    page = soups["index.html"]
    text = page.get_text()
    assert not re.search(r"@[A-Z]+@|<!--", text), "something was not filled in"
    (entry,) = (
        block.get_text() for block in page.select("pre") if "rodflow-companion" in block.text
    )
    assert f"Version {rodflow_core.__version__}" in entry
    links = {link["href"] for link in page.select("article a[href]")}
    assert links >= {f"https://arxiv.org/abs/{number}" for number in ("2605.06821", "2602.01480")}
    # What other books look names up in, as the page of references says.
    assert (HTML / "objects.inv").is_file()


def test_other_books_can_refer_to_what_is_here(soups):
    inventory = InventoryFile.load(
        io.BytesIO((HTML / "objects.inv").read_bytes()), "", os.path.join
    )
    for kind, name, page in (
        ("std:label", "eq-153", "notebooks/appendix_c3.html"),
        ("std:label", "figure-rod-valley", "notebooks/rod.html"),
        ("std:term", "edge of stability", "glossary.html"),
    ):
        target, anchor = urldefrag(inventory[kind][name][2])
        assert target == page and soups[page].find(id=anchor), f"{name} is said to be at {target}"


# In a browser


in_browser = needs_browser("the book was not opened in a browser")


@pytest.fixture
def open_page(browser):
    """Open pages from disk, offline, and at the end refuse whatever went wrong on them."""
    troubles, contexts = [], []

    def opened(page, scheme="light", query=""):
        context = browser.new_context(
            viewport={"width": 1400, "height": 900}, color_scheme=scheme, offline=True
        )
        contexts.append(context)
        tab = context.new_page()
        tab.on("pageerror", lambda error: troubles.append(f"{page}: {error}"))
        tab.on("requestfailed", lambda request: troubles.append(f"{page}: failed {request.url}"))
        tab.on("request", lambda request: note_outside(page, request.url))
        tab.on("console", lambda message: note_message(page, message))
        tab.goto((HTML / page).as_uri() + query, wait_until="load")
        # What is folded is to be as right as the rest.
        tab.evaluate("document.querySelectorAll('details.sd-dropdown').forEach(d => d.open = true)")
        if tab.locator(".math").count():
            tab.evaluate("MathJax.startup.promise")
        return tab

    def note_outside(page, url):
        if urlsplit(url).scheme not in ("file", "data", "blob"):
            troubles.append(f"{page}: asked for {url}")

    def note_message(page, message):
        if message.type in ("error", "warning"):
            troubles.append(f"{page}: {message.type}: {message.text}")

    yield opened
    for context in contexts:
        context.close()
    assert not troubles, "\n".join(troubles)


@in_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("page", PAGES)
def test_a_page_opens_from_disk_wide_and_narrow(page, scheme, open_page):
    tab = open_page(page, scheme)
    check_mathematics(tab)
    check_figures(tab, scheme)
    for width in (1280, 390):
        tab.set_viewport_size({"width": width, "height": 844})
        assert fitting.widest(tab) <= width, f"{page} does not fit {width} px"
        assert fitting.hidden(tab) == [], f"{page} at {width} px"
    assert fitting.off_paper(tab) == [], f"{page} on paper"


def check_mathematics(tab):
    formulas = tab.locator("article .math").count()
    assert tab.locator("article .math mjx-container").count() >= formulas
    assert tab.locator("mjx-merror, [data-mjx-error]").all_inner_texts() == []


def check_figures(tab, scheme):
    """They are shown and loaded, in the page's colours, with their captions."""
    for image in tab.locator("article img").all():
        # A thumbnail comes when it is scrolled to.
        image.scroll_into_view_if_needed()
        image.evaluate("image => image.decode()")
        assert image.is_visible()
        assert image.evaluate("image => image.complete && image.naturalWidth > 0")
        assert image.evaluate("image => getComputedStyle(image).colorScheme") == scheme
    assert all(caption.is_visible() for caption in tab.locator("figure figcaption").all())


@in_browser
@pytest.mark.parametrize("system", ["light", "dark"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_figure_is_as_dark_as_its_page(theme, system, open_page):
    """Whatever the reader's system says: the button of the page decides."""
    tab = open_page("notebooks/rod.html", system)
    tab.evaluate("theme => document.documentElement.dataset.theme = theme", theme)
    shot = tab.locator("article figure img").first.screenshot()
    corner = Image.open(io.BytesIO(shot)).convert("L").getpixel((3, 3))
    assert (corner < 40) if theme == "dark" else (corner > 240)


WIDGETS = [page for page in PAGES if 'class="quartic-widget"' in (HTML / page).read_text("utf-8")]


@in_browser
@pytest.mark.parametrize("page", WIDGETS)
def test_a_slider_lies_below_its_words_in_the_books_theme(page, open_page):
    """A class of the theme's own would put one upon the other."""
    tab = open_page(page)
    controls = tab.locator(".quartic-widget .control").all()
    assert len(controls) >= 4
    for control in controls:
        words, slider = (control.locator(part).bounding_box() for part in ("label", "input"))
        assert words["y"] + words["height"] <= slider["y"] + 1, control.inner_text()


@in_browser
def test_the_first_screen_has_the_picture_and_the_score(open_page):
    tab = open_page("index.html")
    tab.set_viewport_size({"width": 1280, "height": 800})
    for what in (
        "article figure img",
        "article p:has(a[href*='2605.06821'])",
        "article p > strong",
    ):
        box = tab.locator(what).first.bounding_box()
        assert box["y"] > 0 and box["y"] + box["height"] <= 800, what


@in_browser
def test_the_search_finds_a_page(open_page):
    tab = open_page("search.html", query="?q=Adam")
    tab.wait_for_selector("#search-results li a", timeout=20_000)
    links = tab.locator("#search-results li a").evaluate_all("links => links.map(a => a.href)")
    assert any("adam.html" in link for link in links)
