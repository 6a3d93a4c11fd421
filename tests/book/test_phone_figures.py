"""On a phone the words of a figure have eight pixels: it keeps its width and scrolls."""

import os
import re
from pathlib import Path

import pytest
from browsing import browser as browser
from browsing import needs_browser

ROOT = Path(__file__).resolve().parents[2]
HTML = Path(os.environ.get("RODFLOW_BOOK", ROOT / "build" / "quick" / "html"))
PAGES = sorted(path for path in HTML.rglob("*.html") if "_static" not in path.parts)
LEAST = 8.0
# Words are outlines of letters that are a hundred units high, and as large as they are scaled.
LETTERS = re.compile(r'<g (?:style="[^"]*" )?transform="[^"]*scale\(([\d.]+) -[\d.]+\)"')
WIDTH = re.compile(r'<svg [^>]*?width="([\d.]+)pt"')

pytestmark = [
    pytest.mark.skipif(not PAGES, reason=f"there is no book in {HTML}; `make book` builds it"),
    needs_browser("figures were not looked at on a phone"),
]


def smallest_letters(svg: str) -> float:
    """Give the smallest size of letters of a figure, as a part of its width."""
    sizes = [100 * float(size) for size in LETTERS.findall(svg)]
    return min(sizes) / float(WIDTH.search(svg)[1])


def shown(tab):
    """What a page shows of figures that were given no width: file, width, box, tab stop."""
    return tab.evaluate(
        """() => [...document.querySelectorAll(".figure-image img:not([style*=width])")].map(
            (image) => [image.src, image.getBoundingClientRect().width,
                        image.parentElement.closest(".figure-image").scrollWidth,
                        image.parentElement.closest(".figure-image").tabIndex])"""
    )


def test_words_of_figures_can_be_read_and_the_rest_be_reached(browser):
    context = browser.new_context(viewport={"width": 390, "height": 844}, offline=True)
    seen = set()
    try:
        tab = context.new_page()
        # Mathematics says nothing here.
        tab.route(re.compile("mathjax|tex-"), lambda route: route.abort())
        for page in PAGES:
            if "figure-image" not in page.read_text(encoding="utf-8"):
                continue
            tab.goto(page.as_uri(), wait_until="load")
            assert tab.evaluate("document.documentElement.scrollWidth") <= 390, page.name
            for source, width, scrolls, stop in shown(tab):
                file = HTML / "figures" / Path(source).name
                # A thumbnail is there to be recognized: it fits, and does not scroll.
                assert file.suffix != ".webp" or scrolls <= 390, file.name
                if file.suffix != ".svg" or not file.is_file():
                    continue
                size = width * smallest_letters(file.read_text(encoding="utf-8"))
                assert size >= LEAST, f"{file.name} on {page.name}: {size:.1f} pixels"
                # What is wider than its box has a tab stop there.
                assert scrolls >= width - 1 and (scrolls <= 390 or stop == 0), file.name
                seen.add(file.name)
    finally:
        context.close()
    assert len(seen) > 90


def test_letters_are_measured():
    svg = '<svg width="720pt" x="1"><g transform="translate(1 2) scale(0.12 -0.12)"></g></svg>'
    assert smallest_letters(svg) == pytest.approx(12 / 720)
