"""What the built book weighs: the whole, what a page loads, and that nothing is there twice."""

import base64
import io
import os
import re
from collections import Counter
from hashlib import sha256
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import sphinx_book_theme
from browsing import browser as browser
from browsing import needs_browser, watched
from bs4 import BeautifulSoup
from fontTools.ttLib import TTFont

ROOT = Path(__file__).resolve().parents[2]
HTML = Path(os.environ.get("RODFLOW_BOOK", ROOT / "build" / "quick" / "html"))
PAGES = sorted(path.relative_to(HTML).as_posix() for path in HTML.rglob("*.html")
               if "_static" not in path.parts)  # fmt: skip
MB = 1_000_000
PICTURES = {".svg", ".png", ".webp", ".pdf"}

pytestmark = pytest.mark.skipif(
    not PAGES, reason=f"there is no book in {HTML}; `make book` builds it"
)


def files():
    return [path for path in HTML.rglob("*") if path.is_file()]


def by_kind(paths):
    """Say what the largest kinds of files weigh."""
    kinds = Counter()
    for path in paths:
        kinds["".join(path.suffixes[-2:]) if ".csv" in path.suffixes else path.suffix] += (
            path.stat().st_size
        )
    return ", ".join(f"{kind} {size / MB:.1f} MB" for kind, size in kinds.most_common(8))


def test_the_whole_site():
    """Among it the notebooks for download, which hold no outputs."""
    every = files()
    assert sum(path.stat().st_size for path in every) < 35 * MB, by_kind(every)


def test_the_theme():
    static = [path for path in files() if path.is_relative_to(HTML / "_static")]
    assert sum(path.stat().st_size for path in static) < 1 * MB
    assert not [path for path in static if path.suffix in (".map", ".po", ".mo", ".ttf", ".woff2")]


def test_no_picture_is_there_twice():
    pictures = [path for path in files() if path.suffix in PICTURES]
    assert len(pictures) > 300
    seen = Counter(sha256(path.read_bytes()).digest() for path in pictures)
    twice = [path.name for path in pictures if seen[sha256(path.read_bytes()).digest()] > 1]
    assert not twice


def loaded(page):
    """List the files that a page asks for by itself, before it is scrolled."""
    soup = BeautifulSoup((HTML / page).read_text(encoding="utf-8"), "html.parser")
    asked = [e["src"] for e in soup.select("script[src], img[src]:not([loading=lazy])")]
    asked += [e["href"] for e in soup.select("link[rel=stylesheet]")]
    places = {(HTML / page).parent / unquote(urlsplit(link).path) for link in asked}
    return {place.resolve() for place in places} | {(HTML / page).resolve()}


@pytest.mark.parametrize("page", PAGES)
def test_a_page(page):
    """What is fetched later, as the explorer's numbers, is measured in a browser below."""
    sizes = {path: path.stat().st_size for path in loaded(page) if "mathjax" not in path.parts}
    assert len(sizes) > 10 or page == "genindex.html"
    worst = sorted(sizes, key=sizes.__getitem__)[-4:]
    assert sum(sizes.values()) < 3 * MB, [(path.name, sizes[path]) for path in worst]


# Icons


def icons():
    """Give style sheet and letters of the icon font."""
    (sheet,) = HTML.glob("_static/vendor/fontawesome/*/css/all.min.css")
    text = sheet.read_text(encoding="utf-8")
    (data,) = re.findall(r"url\(data:font/woff;base64,([\w+/=]+)\)", text)
    return text, TTFont(io.BytesIO(base64.b64decode(data))).getBestCmap()


def test_every_icon_has_its_letter():
    sheet, letters = icons()
    used = set()
    for page in PAGES:
        text = (HTML / page).read_text(encoding="utf-8")
        # Also in what a script writes into the page.
        for classes in re.findall(r'<(?:i|span) class="([^"]*\bfa[brs]?[ -][^"]*)"', text):
            used |= {name for name in classes.split() if name.startswith("fa-")}
    shown = used - {"fa-solid", "fa-lg"}
    assert {"fa-bars", "fa-download", "fa-magnifying-glass"} <= shown
    for name in shown:
        found = re.search(rf"\.{name}:before[^{{}}]*\{{content:\"\\([0-9a-f]+)\"", sheet)
        assert found and int(found[1], 16) in letters, f"{name} has no letter"
    for name in ("fas", "fa-solid", "fa-lg"):
        assert re.search(rf"\.{name}[,{{]", sheet), f"no rule for {name}"


def test_what_the_style_sheets_show_before_words_is_in_the_font():
    _, letters = icons()
    theme = Path(sphinx_book_theme.__file__).parents[1] / "pydata_sphinx_theme"
    (whole,) = theme.rglob("fa-solid-900.ttf")
    known = TTFont(whole).getBestCmap()
    text = "".join(p.read_text(encoding="utf-8") for p in HTML.glob("_static/styles/*.css"))
    wanted = {ord(letter) for letter in re.findall("[\ue000-\uf8ff]", text)} & set(known)
    assert len(wanted) > 8 and wanted <= set(letters)
    # Only what is needed.
    assert len(letters) < 60 < len(known)


# In a browser

in_browser = needs_browser("what pages fetch by and by was not measured")


def fetched(browser, page, wait):
    """Open a page, and give what it has asked for by then."""
    with watched(browser) as (new_tab, troubles, requests):
        tab = new_tab(1280)
        tab.goto((HTML / page).as_uri(), wait_until="load")
        wait(tab)
        fonts = tab.evaluate(
            "document.fonts.load('900 16px \"Font Awesome 6 Free\"', '\\uf019').then(f => f.length)"
        )
        assert fonts == 1
        paths = {Path(unquote(urlsplit(url).path)) for url in requests if url.startswith("file:")}
    assert not [t for t in troubles if not re.match("log|debug|info", t)]
    return {path: path.stat().st_size for path in paths if "mathjax" not in path.parts}


@in_browser
def test_the_gallery_before_it_is_scrolled(browser):
    sizes = fetched(browser, "gallery.html", lambda tab: tab.wait_for_timeout(500))
    seen = [path for path in sizes if path.suffix == ".webp"]
    assert 0 < len(seen) < len(list(HTML.glob("figures/thumbnails/*.webp"))) / 2
    assert sum(sizes.values()) < 1.5 * MB
    assert not [path for path in sizes if path.suffix == ".svg"]


@in_browser
def test_the_explorer_with_its_first_run(browser):
    sizes = fetched(browser, "explorer.html", lambda tab: tab.wait_for_selector(".plot .area"))
    assert any(path.parent.name == "runs" for path in sizes)
    assert sum(sizes.values()) < 1 * MB
