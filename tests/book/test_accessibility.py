"""Every page by the rules of accessibility that a machine can check: axe-core, wide and narrow."""

import os
from pathlib import Path

import pytest
from browsing import browser as browser
from browsing import needs_browser

ROOT = Path(__file__).resolve().parents[2]
HTML = Path(os.environ.get("RODFLOW_BOOK", ROOT / "build" / "quick" / "html"))
PAGES = sorted(path.relative_to(HTML).as_posix() for path in HTML.rglob("*.html")
               if "_static" not in path.parts)  # fmt: skip
GRAVE = {"critical", "serious"}

pytestmark = [
    pytest.mark.skipif(not PAGES, reason=f"there is no book in {HTML}; `make book` builds it"),
    needs_browser("accessibility was not looked at"),
]


def violations(tab):
    """What axe-core finds of serious and critical violations: rule and first places."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(tab, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        f"{one['impact']} {one['id']}: {node['target']} {node['html'][:160]}"
        for one in found
        if one["impact"] in GRAVE
        for node in one["nodes"][:3]
    ]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_has_no_serious_violation_wide_or_narrow(page, browser):
    context = browser.new_context(viewport={"width": 1280, "height": 900}, offline=True)
    try:
        tab = context.new_page()
        tab.goto((HTML / page).as_uri(), wait_until="load")
        tab.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        if tab.locator(".math").count():
            tab.evaluate("MathJax.startup.promise")
        # What was folded fades in.
        tab.wait_for_timeout(600)
        wide = violations(tab)
        tab.set_viewport_size({"width": 390, "height": 844})
        # The theme gives what now scrolls its tab stop once the window has kept its size a while.
        tab.wait_for_timeout(600)
        narrow = [one for one in violations(tab) if one not in wide]
    finally:
        context.close()
    assert not wide + narrow, "\n".join([f"{page}:", *wide, "narrow:", *narrow])


def test_what_is_wrong_is_seen(browser):
    context = browser.new_context()
    try:
        tab = context.new_page()
        tab.set_content("<html lang='en'><title>x</title><main><button></button></main></html>")
        assert any("button-name" in one for one in violations(tab))
    finally:
        context.close()
