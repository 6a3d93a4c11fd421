"""What the tests of the explorer in a browser share: a site, a page opened from disk, offline."""

import os
import re
import shutil

import numpy as np
import pytest
from explorer_site import make

from rodflow_core.experiments import records

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
EXECUTABLE = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)

needs_browser = pytest.mark.skipif(
    EXECUTABLE is None,
    reason="no Chromium on this machine: the explorer was not tried "
    "(install chromium, or set CHROMIUM to its path)",
)
HALF_A_DIGIT = 5e-6
"""What rounding to six significant digits may change, relatively."""
RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("explorer")
    runs, _ = make(folder)
    return folder / "site", runs


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=EXECUTABLE, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def open_page(browser, made):
    """Open the explorer; at the end nothing may have gone wrong or been asked for elsewhere."""
    troubles, requests, contexts, expected = [], [], [], []

    def opened(hash="", width=1000, wait=True, allow="", **settings):
        expected.append(allow)
        context = browser.new_context(
            viewport={"width": width, "height": 900}, offline=True, **settings
        )
        contexts.append(context)
        tab = context.new_page()
        tab.on("pageerror", lambda error: troubles.append(str(error)))
        tab.on("console", lambda message: troubles.append(f"{message.type}: {message.text}"))
        tab.on("requestfailed", lambda request: troubles.append(f"failed {request.url}"))
        tab.on("request", lambda request: requests.append(request.url))
        tab.goto((made[0] / "explorer.html").as_uri() + hash, wait_until="load")
        if wait:
            tab.wait_for_selector(".plot .area")
        return tab

    yield opened
    for context in contexts:
        context.close()
    allowed = [word for word in expected if word]
    assert [t for t in troubles if not any(re.search(word, t) for word in allowed)] == []
    assert all(url.startswith(("file:", "blob:")) for url in requests), requests


def truth(run, kind, tag):
    values = records.values(run, tag, kind)
    return values / run.attrs["threshold"] if kind == "preconditioned_sharpness" else values


def number(text):
    """Read a number as it is printed."""
    return float(text.replace("·10", "e").translate(RAISED).replace("−", "-"))


def read_out(tab):
    """Give the step of the read-out and its values by model."""
    step = int(tab.locator(".at").inner_text().removeprefix("Step "))
    values = {}
    for value in tab.locator(".legend .value").all():
        if value.inner_text():
            values[value.get_attribute("data-model")] = value.inner_text()
    return step, values


def hash_of(tab, word):
    """Wait until the address has followed."""
    tab.wait_for_function("word => location.hash.includes(word)", arg=word)
    return tab.evaluate("location.hash")


def choose(tab, label, value):
    tab.get_by_label(label, exact=True).select_option(value)


def paths(tab):
    """Give the points of every line that is drawn, in pixels, by model."""
    found = {}
    for group in tab.locator(".plot g.model").all():
        d = group.locator("path").get_attribute("d")
        pairs = re.findall(r"(-?[\d.]+) (-?[\d.]+)", d)
        found[group.get_attribute("data-model")] = np.array(pairs, dtype=float)
    return found
