"""The explorer in a browser: a second run beside the first, drawn, in words and in files."""

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
from explorer_site import LOST_AT

pytestmark = in_browser

PAIR = "#run=adam-mlp-cifar&q=distance&beside=adam-mlp-cifar-full"


def beside(tab):
    tab.wait_for_selector(".legend .beside")
    return {tag: line for tag, line in paths(tab).items() if tag.endswith("-beside")}


def test_its_values_are_the_records_counted_from_the_start_of_the_flows(open_page, made):
    tab = open_page(PAIR)
    assert set(beside(tab)) == {f"{tag}-beside" for tag in ("sf", "rod", "free", "floor")}
    plot = tab.locator(".plot")
    first, second = made[1]["adam-mlp-cifar"], made[1]["adam-mlp-cifar-full"]
    assert (first["step"][0], second["step"][0]) == (1000, 2000)
    for key, place in (("Home", 0), ("ArrowRight", 1), ("End", 300)):
        plot.press(key)
        step, values = read_out(tab)
        assert step == 1000 + place and len(values) == 8
        for tag, text in values.items():
            run = second if tag.endswith("-beside") else first
            expected = truth(run, "distance", tag.removesuffix("-beside"))[place]
            assert number(text) == pytest.approx(expected, rel=HALF_A_DIGIT)
    tab.wait_for_function("document.querySelector('.values').textContent.includes('warm-up 2,000')")
    # And so are the lines: all of them on one scale.
    drawn = paths(tab)
    logs, pixels = [], []
    for tag, points in drawn.items():
        run = second if tag.endswith("-beside") else first
        values = truth(run, "distance", tag.removesuffix("-beside"))
        logs.append(np.log10(values[values > 0]))
        pixels.append(points[:, 1])
        assert len(points) == len(logs[-1])
    logs, pixels = np.concatenate(logs), np.concatenate(pixels)
    np.testing.assert_allclose(np.polyval(np.polyfit(logs, pixels, 1), logs), pixels, atol=0.02)


def test_where_it_has_no_sample_or_no_finite_value_there_is_no_number(open_page):
    tab = open_page("#run=adam-mlp-small&q=loss&beside=adam-mlp-lost")
    assert len(beside(tab)["rod-beside"]) == LOST_AT
    tab.locator(".plot").press("End")
    values = read_out(tab)[1]
    assert values["rod-beside"] == "–" and number(values["sf-beside"]) == number(values["sf"])
    # Nesterov's 300 steps are longer than these 12, and these end before Nesterov's do.
    tab = open_page("#run=nesterov-mlp-quick&q=loss&beside=adam-mlp-small")
    beside(tab)
    tab.locator(".plot").press("End")
    values = read_out(tab)[1]
    assert values["sf-beside"] == "–" and number(values["sf"]) > 0


def test_the_menu_the_address_and_the_models_follow(open_page):
    tab = open_page("#run=adam-mlp-cifar&q=distance")
    assert tab.get_by_label("Compare with").input_value() == ""
    own = paths(tab)
    choose(tab, "Compare with", "adam-mlp-cifar-full")
    assert hash_of(tab, "beside=") == PAIR
    drawn = beside(tab)
    tab.get_by_label("stable flow", exact=True).uncheck()
    assert set(beside(tab)) == set(drawn) - {"sf-beside"}
    address = hash_of(tab, "models=")
    again = open_page(address)
    assert set(beside(again)) == set(drawn) - {"sf-beside"}
    assert again.evaluate("location.hash") == address and paths(again).keys() == paths(tab).keys()
    tab.go_back()
    assert set(beside(tab)) == set(drawn)
    tab.go_back()
    tab.wait_for_function("!document.querySelector('.legend .beside')")
    assert paths(tab).keys() == own.keys()
    # It stays beside another quantity that it holds, and leaves with one that it lacks.
    tab.go_forward()
    choose(tab, "Quantity", "loss")
    assert hash_of(tab, "q=loss") == PAIR.replace("distance", "loss")
    beside(tab)
    choose(tab, "Compare with", "gd-mlp-quick")
    hash_of(tab, "beside=gd-mlp-quick")
    choose(tab, "Quantity", "nu_norm")
    assert hash_of(tab, "q=nu_norm") == "#run=adam-mlp-cifar&q=nu_norm"


def test_files_have_both_runs(open_page, made):
    tab = open_page(f"{PAIR}&models=sf,rod&x=1010:1050")
    beside(tab)
    with tab.expect_download() as waiting:
        tab.get_by_role("button", name="Numbers (CSV)").click()
    lines = waiting.value.path().read_text(encoding="utf-8").splitlines()
    head = "\n".join(line for line in lines if line.startswith("#"))
    assert "beside it: adam-mlp-cifar-full" in head and "warm-up 2,000" in head
    names, *rows = [line.split(",") for line in lines if not line.startswith("#")]
    assert names == ["step", "sf", "rod", "sf-beside", "rod-beside"]
    table = np.array(rows, dtype=float)
    for i, tag in enumerate(("sf", "rod"), 3):
        expected = truth(made[1]["adam-mlp-cifar-full"], "distance", tag)[10:51]
        np.testing.assert_allclose(table[:, i], expected, rtol=HALF_A_DIGIT)
    with tab.expect_download() as waiting:
        tab.get_by_role("button", name="Drawing (SVG)").click()
    text = waiting.value.path().read_text(encoding="utf-8")
    assert 'data-model="rod-beside"' in text and "warm-up 2,000" in text


@pytest.mark.parametrize("name", ["nothing", "adam-mlp-cifar", "gd-mlp-quick", "%3Cb%3E"])
def test_what_cannot_stand_beside_gives_a_sentence(open_page, name):
    """No such record, the run itself, one without that quantity, and something that is no name."""
    tab = open_page(f"#run=adam-mlp-cifar&q=nu_norm&beside={name}")
    note = tab.locator(".note").inner_text()
    assert note == f"There is no record {name.replace('%3Cb%3E', '<b>')} to stand beside it."
    assert tab.locator(".legend .beside").count() == 0 and len(paths(tab)) >= 3
