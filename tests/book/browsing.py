"""What the tests in a browser share: which browser, and pages watched while they are open."""

import os
import shutil
from contextlib import contextmanager

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
EXECUTABLE = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)


def needs_browser(untried):
    """Skip where there is no browser, and say what was therefore not tried."""
    return pytest.mark.skipif(
        EXECUTABLE is None,
        reason=f"no Chromium on this machine: {untried} "
        "(install chromium, or set CHROMIUM to its path)",
    )


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=EXECUTABLE, args=["--no-sandbox"])
        yield running
        running.close()


@contextmanager
def watched(browser):
    """Open pages offline, and note what goes wrong on them and what they ask for.

    Gives ``new_tab(width, **settings)``, the list of troubles and that of the requests; the pages
    are closed at the end.
    """
    troubles, requests, contexts = [], [], []

    def new_tab(width, **settings):
        context = browser.new_context(
            viewport={"width": width, "height": 900}, offline=True, **settings
        )
        contexts.append(context)
        tab = context.new_page()
        tab.on("pageerror", lambda error: troubles.append(str(error)))
        tab.on("console", lambda message: troubles.append(f"{message.type}: {message.text}"))
        tab.on("requestfailed", lambda request: troubles.append(f"failed {request.url}"))
        tab.on("request", lambda request: requests.append(request.url))
        return tab

    try:
        yield new_tab, troubles, requests
    finally:
        for context in contexts:
            context.close()
