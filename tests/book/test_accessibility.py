"""Every page by the rules of accessibility that a machine can check: axe-core, wide and narrow."""

import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HTML = Path(os.environ.get("RODFLOW_BOOK", ROOT / "build" / "quick" / "html"))
PAGES = sorted(path.relative_to(HTML).as_posix() for path in HTML.rglob("*.html")
               if "_static" not in path.parts)  # fmt: skip
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
EXECUTABLE = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
GRAVE = {"critical", "serious"}

pytestmark = [
    pytest.mark.skipif(not PAGES, reason=f"there is no book in {HTML}; `make book` builds it"),
    pytest.mark.skipif(
        EXECUTABLE is None,
        reason="no Chromium on this machine: accessibility was not looked at "
        "(install chromium, or set CHROMIUM to its path)",
    ),
]


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=EXECUTABLE, args=["--no-sandbox"])
        yield running
        running.close()


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
