"""The explorer in a browser: its controls and its address, by pointer, keys and finger."""

import re

import numpy as np
import pytest
from explorer_browser import browser as browser
from explorer_browser import choose, hash_of, in_browser, paths, read_out
from explorer_browser import made as made
from explorer_browser import open_page as open_page

pytestmark = in_browser


def test_every_menu_and_box_changes_what_is_drawn(open_page):
    tab = open_page()
    assert "Adam on the MLP, CIFAR-10" in tab.locator(".said").inner_text()
    choose(tab, "Quantity", "distance")
    assert "distance between centres (weight)" in tab.locator(".plot svg").first.inner_html()
    assert tab.locator("select").nth(3).input_value() == "log"
    before = paths(tab)
    choose(tab, "Axis", "linear")
    assert not np.array_equal(paths(tab)["rod"], before["rod"])
    tab.get_by_label("stable flow").uncheck()
    assert set(paths(tab)) == set(before) - {"sf"}
    choose(tab, "Variant", "adam-mlp-cifar-full")
    tab.wait_for_function("location.hash.includes('full')")
    assert "warm-up 2,000" in tab.locator(".said").inner_text()
    assert set(paths(tab)) == set(before) - {"sf"}  # what was turned off stays off
    choose(tab, "Data", "digits")
    assert "run=adam-mlp-" in hash_of(tab, "run=adam-mlp-")
    choose(tab, "Optimizer", "nesterov")
    assert "Nesterov on the MLP, Digits" in tab.locator(".said").inner_text()
    # Scalar Adam is here on CIFAR-10 alone.
    choose(tab, "Optimizer", "scalar_adam")
    assert "not recorded; this is" in tab.locator(".note").inner_text()
    option = tab.get_by_label("Network").locator("option[value=cnn]")
    assert option.get_attribute("disabled") is not None
    assert "(not recorded)" in option.inner_text()


def test_zoom_by_buttons_keys_wheel_and_drag(open_page):
    tab = open_page("#run=adam-mlp-cifar&q=distance")

    def click(name):
        tab.get_by_role("button", name=name).click()

    def interval():
        found = re.search(r"x=(\d+):(\d+)", tab.evaluate("location.hash"))
        return [int(end) for end in found.groups()]

    click("Zoom in")
    hash_of(tab, "x=")
    first, last = interval()
    assert 1000 < first < last < 1300 and last - first == pytest.approx(300 / 1.6, abs=2)
    click("Earlier")
    tab.wait_for_function("first => !location.hash.includes(`x=${first}:`)", arg=first)
    assert interval()[0] < first
    click("Whole run")
    tab.wait_for_function("!location.hash.includes('x=')")
    # The first sample, no distance at all, has no place on a logarithmic axis.
    assert len(paths(tab)["rod"]) == 300
    plot = tab.locator(".plot")
    plot.focus()
    plot.press("Home")
    plot.press("+")
    hash_of(tab, "x=1000:")
    plot.press("0")
    tab.wait_for_function("!location.hash.includes('x=')")
    box = plot.bounding_box()
    left = box["x"] + float(tab.locator(".plot .area").get_attribute("x"))
    width = float(tab.locator(".plot .area").get_attribute("width"))
    tab.mouse.move(left + width / 2, box["y"] + 150)
    tab.mouse.wheel(0, -100)
    hash_of(tab, "x=")
    plot.press("Escape")
    tab.wait_for_function("!location.hash.includes('x=')")
    for height, has_y in ((5, False), (150, True)):
        tab.mouse.move(left + width / 3, box["y"] + 80)
        tab.mouse.down()
        tab.mouse.move(left + 2 * width / 3, box["y"] + 80 + height, steps=4)
        assert tab.locator(".band").is_visible()
        tab.mouse.up()
        hash_of(tab, "x=")
        assert interval() == [pytest.approx(1100, abs=1), pytest.approx(1200, abs=1)]
        assert ("y=" in tab.evaluate("location.hash")) == has_y
        click("Whole run")
        tab.wait_for_function("!location.hash.includes('x=')")
    # A cursor that leaves what is in view takes it along.
    click("Zoom in")
    hash_of(tab, "x=")
    plot.press("End")
    tab.wait_for_function("location.hash.includes(':1300')")


def test_the_wheel_scrolls_the_page_past_the_drawing(open_page):
    tab = open_page("#run=adam-mlp-cifar&q=distance")
    tab.locator(".plot").hover()
    tab.mouse.wheel(0, 200)
    tab.wait_for_function("scrollY > 0")
    assert "x=" not in tab.evaluate("location.hash")


def test_the_address_gives_the_same_view_again(open_page):
    tab = open_page("#run=gd-mlp-quick")
    choose(tab, "Quantity", "distance")
    choose(tab, "Axis", "linear")
    tab.get_by_label("central flow").check()
    tab.get_by_label("stable flow", exact=True).uncheck()
    tab.get_by_role("button", name="Zoom in").click()
    tab.locator(".plot").press("ArrowRight")
    address = hash_of(tab, "step=")
    again = open_page(address)
    view = """() => [
        document.querySelector('.plot > svg').outerHTML, document.querySelector('.at').textContent,
        [...document.querySelectorAll('select')].map(s => s.value),
        [...document.querySelectorAll('.legend input')].map(i => i.checked)]"""
    assert again.evaluate(view) == tab.evaluate(view)
    assert again.evaluate("location.hash") == address
    # Back goes from choice to choice, not from zoom to zoom.
    tab.go_back()
    assert tab.get_by_label("stable flow", exact=True).is_checked()
    assert "x=" not in tab.evaluate("location.hash")
    for _ in range(3):
        tab.go_back()
    assert tab.evaluate("location.hash") == "#run=gd-mlp-quick"
    assert tab.get_by_label("Quantity", exact=True).input_value() == "preconditioned_sharpness"
    tab.go_forward()
    assert tab.get_by_label("Quantity", exact=True).input_value() == "distance"


def test_every_address_is_read_as_it_was_written(open_page):
    tab = open_page()
    for address in (
        "#run=adam-mlp-cifar",
        "#run=gd-mlp-quick&q=distance&models=disc,sf,edge&axis=linear&x=610:700&y=0.001:0.02&step=650",
        "#run=scalar_adam-mlp-cifar&q=loss&models=&y=1e-7:0.00003",
    ):
        again = tab.evaluate("a => rodflowExplorer.write(rodflowExplorer.read(a).state)", address)
        assert again == address
    # What the address says of the axes is what is drawn: at its ends.
    tab = open_page("#run=gd-mlp-quick&q=distance&axis=linear&x=610:700&y=0.001:0.02")
    drawn = paths(tab)["rod"]
    height = float(tab.locator(".plot .area").get_attribute("height"))
    width = float(tab.locator(".plot .area").get_attribute("width"))
    values = made_value(tab, 650)
    assert drawn[50][0] == pytest.approx(width * 40 / 90, abs=0.02)
    assert drawn[50][1] == pytest.approx(height * (0.02 - values) / 0.019, abs=0.02)


def made_value(tab, step):
    """Give the rod's distance at a step, as it was loaded."""
    return tab.evaluate(
        "step => rodflowExplorerData['gd-mlp-quick/0'].series.distance.rod[step - 600]", step
    )


def test_links_on_the_page_lead_to_views(open_page, made):
    tab = open_page()
    for link in tab.locator("ul li a[href^='#run']").all():
        link.click()
        name = re.search(r"run=([\w-]+)", link.get_attribute("href"))[1]
        tab.wait_for_function(
            "name => document.querySelector('.again').textContent.includes(name)", arg=name
        )
        assert name in made[1] and tab.locator(".note").inner_text() == ""
        assert len(paths(tab)) >= 3
        assert link.get_attribute("href") == tab.evaluate("location.hash")


@pytest.mark.parametrize(
    "hash, word",
    [
        ("#run=adam-mlp-nowhere", "no record adam-mlp-nowhere"),
        ("#run=adam-mlp-cifar&q=colour&x=9:1&y=b:c&step=1.5&axis=round", "holds no colour"),
        ("#run=adam-mlp-cifar&models=&x=-5:5000&step=-3", ""),
        ("#run=adam-mlp-cifar&models=rod,ghost,shade", "holds no model ghost, shade."),
        ("#run=adam-mlp-cifar&axis=round", "An axis is linear or log, not round."),
        ("#run=adam-mlp-cifar&x=9:1", "x=9:1 is no part of an axis; this is all of it."),
        ("#run=adam-mlp-cifar&y=1", "y=1 is no part of an axis; this is all of it."),
        ("#run=adam-mlp-cifar&step=1.5", "1.5 is no step."),
        ("#something-else", ""),
        ("#run=%3Cb%3E&q=%22", "There is no record <b>"),
    ],
)
def test_a_bad_address_gives_a_view_and_a_sentence(open_page, hash, word):
    tab = open_page(hash)
    note = tab.locator(".note").inner_text()
    assert word in note and (not word or note.endswith("."))
    assert not re.search("NaN|undefined|Infinity", tab.locator(".rodflow-explorer").inner_html())


def test_by_keyboard_alone(open_page):
    tab = open_page("#run=adam-mlp-cifar&q=distance")
    tab.locator("select").last.focus()
    seen = []
    for _ in range(6):
        tab.keyboard.press("Tab")
        seen.append(tab.evaluate("document.activeElement.textContent.trim().slice(0, 9)"))
    assert seen[:5] == ["Zoom in", "Zoom out", "Earlier", "Later", "Whole run"]
    assert tab.evaluate("document.activeElement.getAttribute('role')") == "slider"
    assert tab.locator(".plot").evaluate("e => getComputedStyle(e).outlineStyle") == "solid"
    tab.keyboard.press("+")
    tab.keyboard.press("ArrowRight")
    step, values = read_out(tab)
    assert values and 1000 < step < 1300
    slider = tab.locator(".plot")
    assert slider.get_attribute("aria-valuenow") == str(step)
    assert slider.get_attribute("aria-valuetext") == f"step {step}"
    tab.keyboard.press("Tab")
    tab.keyboard.press("Space")  # the first model is off
    assert not tab.locator(".legend input").first.is_checked()
    assert tab.evaluate("document.activeElement.type") == "checkbox"


def test_everything_has_a_name(open_page):
    tab = open_page("#run=gd-mlp-quick&q=distance")
    unnamed = """() => [...document.querySelectorAll('.rodflow-explorer :is(select, input)')]
        .filter(e => !e.labels.length || !e.labels[0].textContent.trim()).length"""
    assert tab.evaluate(unnamed) == 0
    ids = tab.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))
    for name in tab.locator(".plot").get_attribute("aria-describedby").split():
        assert len(tab.locator(f"#{name}").text_content().split()) > 8
    assert tab.locator(".legend li").count() == 10


@pytest.mark.parametrize("width", [1000, 390])
@pytest.mark.parametrize("hash", ["", "#run=gd-mlp-quick&q=distance&x=600:640&y=1e-5:3e-5", "#run=adam-mlp-cifar-full&q=nu_norm"])  # fmt: skip # noqa: E501
def test_it_fits_the_page_and_nothing_is_cut_off(open_page, width, hash):
    tab = open_page(hash, width, has_touch=width < 500, is_mobile=width < 500)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    boxes = [text.bounding_box() for text in tab.locator(".plot text").all()]
    assert len(boxes) > 5
    frame = tab.locator(".plot").bounding_box()
    for box in boxes:
        assert box["x"] >= frame["x"] - 0.5 and box["y"] >= frame["y"] - 0.5
        assert box["x"] + box["width"] <= frame["x"] + frame["width"] + 0.5
        assert box["y"] + box["height"] <= frame["y"] + frame["height"] + 0.5
    for i, a in enumerate(boxes):
        for b in boxes[i + 1 :]:
            apart = (
                a["x"] + a["width"] <= b["x"] or b["x"] + b["width"] <= a["x"]
                or a["y"] + a["height"] <= b["y"] + 2 or b["y"] + b["height"] <= a["y"] + 2
            )  # fmt: skip
            assert apart, (a, b)
    if width < 500:
        for element in tab.locator(
            ".rodflow-explorer :is(select, button, summary, .legend label, .links a)"
        ).all():
            if element.is_visible():
                box = element.bounding_box()
                assert min(box["height"], box["width"]) >= 43.9, element.inner_text()


def test_one_finger_moves_the_cursor(open_page):
    tab = open_page("#run=adam-mlp-cifar&q=distance", 390, has_touch=True, is_mobile=True)
    tab.locator(".plot").scroll_into_view_if_needed()
    box = tab.locator(".plot").bounding_box()
    tab.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + 100)
    step, values = read_out(tab)
    assert 1100 < step < 1200 and len(values) >= 3


def luminance(colour):
    rgb = [int(v) / 255 for v in re.findall(r"\d+", colour)[:3]]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in rgb]
    return sum(c * v for c, v in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_it_follows_the_page_into_the_dark(open_page):
    tab = open_page("#run=gd-mlp-quick&q=distance&models=sf,rod,free,floor,central,edge,corrected")
    groups = "[...document.querySelectorAll('.plot g.model')].map(g => getComputedStyle(g).color)"
    light = tab.evaluate(groups)
    tab.evaluate("document.documentElement.dataset.theme = 'dark'")
    dark = tab.evaluate(groups)
    assert len(light) == 7 and not set(light) & set(dark)
    # A line is seen on its page: three to one, as a graphic should.
    for colours, page in ((light, 1.0), (dark, luminance("rgb(18, 18, 18)"))):
        for colour in colours:
            high, low = sorted((luminance(colour), page), reverse=True)
            assert (high + 0.05) / (low + 0.05) >= 3, colour


def test_without_javascript_a_sentence_and_the_gallery(open_page):
    tab = open_page(wait=False, java_script_enabled=False)
    box = tab.locator(".rodflow-explorer")
    assert "With JavaScript" in box.inner_text()
    assert box.locator("a").get_attribute("href") == "gallery.html"
