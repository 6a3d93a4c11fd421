"""What the tests of the explorer in a browser share: a site, a page opened from disk, offline."""

import re

import numpy as np
import pytest
from browsing import browser as browser
from browsing import needs_browser, watched
from explorer_site import make

from rodflow_core.experiments import records

in_browser = needs_browser("the explorer was not tried")
HALF_A_DIGIT = 5e-6
"""What rounding to six significant digits may change, relatively."""
RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("explorer")
    runs, _ = make(folder)
    return folder / "site", runs


@pytest.fixture
def open_page(browser, made):
    """Open the explorer; at the end nothing may have gone wrong or been asked for elsewhere."""
    expected = []
    with watched(browser) as (new_tab, troubles, requests):

        def opened(hash="", width=1000, wait=True, allow="", **settings):
            expected.append(allow)
            tab = new_tab(width, **settings)
            tab.goto((made[0] / "explorer.html").as_uri() + hash, wait_until="load")
            if wait:
                tab.wait_for_selector(".plot .area")
            return tab

        yield opened
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
