"""The explorer in a browser: what it draws, says and gives away is what the records say."""

from xml.etree import ElementTree

import numpy as np
import pytest
from explorer_browser import (
    HALF_A_DIGIT,
    choose,
    hash_of,
    in_browser,
    number,
    paths,
    read_out,
    truth,
)
from explorer_browser import browser as browser
from explorer_browser import made as made
from explorer_browser import open_page as open_page
from explorer_site import GAP, LOST_AT, ROOT

pytestmark = in_browser

CASES = [
    ("adam-mlp-cifar", "preconditioned_sharpness"), ("nesterov-mlp-quick", "distance"),
    ("adam-mlp-small", "loss"), ("adam-mlp-cifar-full", "delta_norm"),
]  # fmt: skip


@pytest.mark.parametrize("name, kind", CASES)
def test_the_values_under_the_cursor_are_the_records(open_page, made, name, kind):
    run = made[1][name]
    tab = open_page(f"#run={name}&q={kind}")
    dim = "spectrum_step" if "sharpness" in kind else "step"
    steps = run[dim].to_numpy()
    plot = tab.locator(".plot")
    plot.focus()
    for key, place in (("Home", 0), ("ArrowRight", 1), ("End", -1), ("ArrowLeft", -2)):
        plot.press(key)
        step, values = read_out(tab)
        assert step == steps[place] and len(values) >= 3
        for tag, text in values.items():
            assert number(text) == pytest.approx(truth(run, kind, tag)[place], rel=HALF_A_DIGIT)
    said = tab.locator("[role=status].values")
    tab.wait_for_function(
        "step => document.querySelector('.values').textContent.startsWith(`Step ${step}:`)",
        arg=int(steps[-2]),
    )
    for text in values.values():
        assert text in said.inner_text()


@pytest.mark.parametrize("name, kind", CASES)
def test_the_lines_are_the_records(open_page, made, name, kind):
    run = made[1][name]
    drawn = paths(open_page(f"#run={name}&q={kind}"))
    steps = run["spectrum_step" if "sharpness" in kind else "step"].to_numpy()
    log = kind in ("distance", "loss")
    x, y, pixels = [], [], []
    for tag, points in drawn.items():
        values = truth(run, kind, tag)
        good = np.isfinite(values) & ((values > 0) | (not log))
        assert len(points) == good.sum()
        x.append(steps[good])
        y.append(np.log10(values[good]) if log else values[good])
        pixels.append(points)
    assert len(drawn) >= 3
    # One scale for all of them, and both axes straight: no model at another's place or step.
    pixels = np.concatenate(pixels)
    for data, seen in ((np.concatenate(x), pixels[:, 0]), (np.concatenate(y), pixels[:, 1])):
        fit = np.polyfit(data, seen, 1)
        np.testing.assert_allclose(np.polyval(fit, data), seen, atol=0.02)


def test_the_pointer_reads_off_what_is_under_it(open_page, made):
    tab = open_page("#run=adam-mlp-cifar&q=distance")
    run = made[1]["adam-mlp-cifar"]
    box = tab.locator(".plot").bounding_box()
    left = float(tab.locator(".plot .area").get_attribute("x"))
    width = float(tab.locator(".plot .area").get_attribute("width"))
    for share in (0.25, 0.5):
        tab.mouse.move(box["x"] + left + share * width, box["y"] + 100)
        place = round(share * 300)
        step, values = read_out(tab)
        assert step == 1000 + place
        for tag, text in values.items():
            expected = truth(run, "distance", tag)[place]
            assert number(text) == pytest.approx(expected, rel=HALF_A_DIGIT)
            cursor = tab.locator(".cursor circle").first
            assert float(cursor.get_attribute("cx")) == pytest.approx(share * width, abs=0.51)
    assert "step=1150" in hash_of(tab, "step=1150")


def test_numbers_of_the_view_as_a_file(open_page, made):
    run = made[1]["adam-mlp-cifar"]
    tab = open_page("#run=adam-mlp-cifar&q=distance&models=sf,rod,free&x=1010:1050")
    with tab.expect_download() as waiting:
        tab.get_by_role("button", name="Numbers (CSV)").click()
    assert waiting.value.suggested_filename == "adam-mlp-cifar-distance.csv"
    lines = waiting.value.path().read_text(encoding="utf-8").splitlines()
    head = [line for line in lines if line.startswith("#")]
    for word in ("adam-mlp-cifar.nc", "units: weight", "distance between centres", "2605.06821"):
        assert word in "\n".join(head)
    names, *rows = [line.split(",") for line in lines if not line.startswith("#")]
    assert names == ["step", "sf", "rod", "free"]
    table = np.array(rows, dtype=float)
    assert table[:, 0].tolist() == list(range(1010, 1051))
    for i, tag in enumerate(names[1:], 1):
        expected = truth(run, "distance", tag)[10:51]
        np.testing.assert_allclose(table[:, i], expected, rtol=HALF_A_DIGIT)


def test_the_view_as_a_drawing(open_page):
    tab = open_page("#run=gd-mlp-quick&q=distance&models=sf,rod,central")
    tab.evaluate("document.documentElement.dataset.theme = 'dark'")
    with tab.expect_download() as waiting:
        tab.get_by_role("button", name="Drawing (SVG)").click()
    assert waiting.value.suggested_filename == "gd-mlp-quick-distance.svg"
    text = waiting.value.path().read_text(encoding="utf-8")
    root = ElementTree.fromstring(text)
    name = {"s": "http://www.w3.org/2000/svg"}
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "distance between centres" in root.find("s:title", name).text
    assert "rod flow" in root.find("s:desc", name).text
    groups = root.findall(".//s:g[@data-model]", name)
    assert {g.get("data-model") for g in groups} == {"sf", "rod", "central"}
    words = [t.text for t in root.findall(".//s:text", name)]
    assert {"stable flow", "rod flow", "central flow", "optimizer step"} <= set(words)
    # Whole in itself: no variable or class of the page's sheet gives a colour.
    assert "var(" not in text and "#0072b2" in text


def test_what_is_not_finite_is_a_gap(open_page, made):
    tab = open_page("#run=adam-mlp-lost&q=loss")
    drawn = paths(tab)
    assert len(drawn["rod"]) == LOST_AT and len(drawn["sf"]) == 13
    # No line leads across what is missing.
    assert len(drawn["free"]) == 12
    d = tab.locator(".plot g.model[data-model=free] path").get_attribute("d")
    assert [piece.count("L") + 1 for piece in d.split("M")[1:]] == [GAP, 12 - GAP]
    tab.locator(".plot").focus()
    tab.keyboard.press("End")
    values = read_out(tab)[1]
    assert values["rod"] == "–" and number(values["sf"]) > 0
    tab.wait_for_function(
        "document.querySelector('.values').textContent.includes('rod flow no value')"
    )
    with tab.expect_download() as waiting:
        tab.get_by_role("button", name="Numbers (CSV)").click()
    last = waiting.value.path().read_text(encoding="utf-8").splitlines()[-1].split(",")
    assert last[3] == "" and all(last[i] for i in (0, 1, 2, 4))
    assert "fails" in tab.locator(".said").inner_text()


def test_a_file_that_is_not_there_gives_a_sentence(open_page, made):
    path = made[0] / "explorer" / "runs" / "nesterov-mlp-quick.0.js"
    hidden = path.with_suffix(".hidden")
    path.rename(hidden)
    try:
        tab = open_page("#run=nesterov-mlp-quick", wait=False, allow="ERR_FILE_NOT_FOUND|failed")
        tab.wait_for_function("document.querySelector('.note').textContent")
        note = tab.locator(".note").inner_text()
        assert (
            "nesterov-mlp-quick.0.js is missing" in note
            and note.count(".") == note.rstrip(".").count(".") + 1
        )
        # The others can be looked at; and this one too, once it is there.
        choose(tab, "Optimizer", "gd")
        tab.wait_for_selector(".plot .area")
        assert tab.locator(".note").inner_text() == ""
    finally:
        hidden.rename(path)
    choose(tab, "Optimizer", "nesterov")
    tab.wait_for_function("document.querySelector('.plot title').textContent.includes('Nesterov')")


@pytest.mark.parametrize(
    "name, pages",
    [
        ("adam-mlp-cifar", ["adam", "cifar10", "claims"]),
        ("gd-mlp-quick", ["gd", "rivals", "cost", "claims"]),
        ("adam-mlp-lost", ["adam", "limits", "claims"]),
    ],
)
def test_links_lead_to_where_such_a_run_is_discussed(open_page, name, pages):
    links = open_page(f"#run={name}").locator(".links a")
    found = [link.get_attribute("href") for link in links.all()]
    assert found == [f"notebooks/{page}.html" for page in pages]
    for page in pages:
        assert (ROOT / "notebooks" / f"{page}.py").is_file()
