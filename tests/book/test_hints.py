"""A small book as the real one is made: hints at references, what others can refer to, figures."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from browsing import browser as browser
from browsing import needs_browser
from bs4 import BeautifulSoup

from rodflow_book.build import api, api_source
from rodflow_book.build.api_text import Names

ROOT = Path(__file__).resolve().parents[2]
BOOK = ROOT / "book"
in_browser = needs_browser("the hints were not tried")
sys.path.append(str(BOOK / "_ext"))

FIGURE = "```{{figure}} {up}figures/rod-valley.svg\n:alt: A valley and rods.\n\nThe valley.\n```\n"
PAGES = {
    "start": "# Start\n\nSee {ref}`(153) <eq-153>`, a {term}`rod` and {ref}`(7) <eq-7>`.\n\n"
    "Beside {ref}`figure-rod-valley`.\n\n" + FIGURE.format(up=""),
    "notebooks/derive": "# Derive\n\n(eq-153)=\n(eq-156)=\n\\begin{align}\n"
    "g(\\delta)/\\delta&=S_{\\rm HB}\\tag{153}\\\\\n\\delta_*^2&=\\kappa^{-1}\\tag{156}\n"
    "\\end{align}\n\n(eq-7)=\n$$\n\\dot\\Sigma=-2\\Sigma.\\tag{7}\n$$\n\n"
    "(eq-47)=\n$$\n\\lambda=2/\\eta.\\tag{47}\n$$\n\n"
    "```{figure} ../figures/rod-phase-space.svg\n:alt: Rods in phase space.\n\nOther.\n```\n\n"
    + FIGURE.format(up="../"),
    "glossary": "# Glossary\n\n```{glossary}\nrod\n  Two iterates, $\\delta$; see "
    "{doc}`notebooks/derive`, {ref}`(153) <eq-153>`.\n```\n",
    "gallery": "# Gallery\n\n" + FIGURE.format(up="").replace(
        "The valley.", "{ref}`rod-valley <figure-rod-valley>`"
    ),
}  # fmt: skip
BASE = "https://host.invalid/rodflow/"
CODE = "https://code.invalid/somebody/rodflow"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Build it with the book's own settings, extensions and styles."""
    source = tmp_path_factory.mktemp("small")
    for name in ("_ext", "_static"):
        shutil.copytree(BOOK / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("references.bib", "equations_bc.yml"):
        shutil.copy(BOOK / name, source)
    shutil.copytree(BOOK / "vendor" / "mathjax", source / "site" / "mathjax")
    (source / "figures").mkdir()
    for stem in ("rod-valley", "rod-phase-space"):
        for path in (ROOT / "figures").glob(f"{stem}.*"):
            shutil.copy(path, source / "figures")
    module = api_source.read_module(ROOT, "rodflow_core.sharpness")
    pages = PAGES | {"api": "# API\n\n" + api._section(module, Names.of([module]))}
    for name, text in pages.items():
        (source / name).parent.mkdir(exist_ok=True)
        (source / f"{name}.md").write_text(text, encoding="utf-8")
    settings = yaml.safe_load((BOOK / "_config.yml").read_text(encoding="utf-8"))
    settings["html"]["baseurl"], settings["repository"]["url"] = BASE, CODE
    (source / "_config.yml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    chapters = [{"file": name} for name in pages if name != "start"]
    toc = {"format": "jb-book", "root": "start", "chapters": chapters}
    (source / "_toc.yml").write_text(yaml.safe_dump(toc), encoding="utf-8")
    command = [Path(sys.executable).parent / "jupyter-book", "build", "-W", "--keep-going", source]
    environment = os.environ | {"NO_COLOR": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return source / "_build" / "html"


def soup(site, page):
    return BeautifulSoup((site / f"{page}.html").read_text(encoding="utf-8"), "html.parser")


# --- what is written -----------------------------------------------------------------------------


def test_another_book_finds_names_equations_figures_and_terms(site):
    from sphinx.util.inventory import InventoryFile

    with (site / "objects.inv").open("rb") as file:
        found = InventoryFile.load(file, BASE, lambda base, path: base + path)
    assert "rodflow_core.sharpness.preconditioned_sharpness" in found["py:function"]
    labels = found["std:label"]
    assert labels["eq-153"][2] == f"{BASE}notebooks/derive.html#eq-153"
    assert labels["figure-rod-valley"][2] == f"{BASE}notebooks/derive.html#figure-rod-valley"
    assert "rod" in found["std:term"]


def test_another_book_refers_to_them_as_the_page_of_references_says(site, tmp_path):
    said = (BOOK / "references.md").read_text(encoding="utf-8")
    python, text = (
        re.search(rf"```{kind}\n(.*?)```", said, re.DOTALL)[1] for kind in ("python", "text")
    )
    # The small book has no chapter on Adam.
    text = text.replace("notebooks/adam", "notebooks/derive")
    settings = python.replace("None", repr(str(site / "objects.inv"))).replace("@BOOK@", BASE)
    settings += "extensions.append('myst_parser')\n"
    (tmp_path / "conf.py").write_text(settings, encoding="utf-8")
    (tmp_path / "index.md").write_text(f"# Another book\n\n{text}", encoding="utf-8")
    command = [sys.executable, "-m", "sphinx", "-qW", tmp_path, tmp_path / "out"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    links = {
        a["href"].removeprefix(BASE) for a in soup(tmp_path / "out", "index").select("a.external")
    }
    assert links >= {
        "notebooks/derive.html#figure-rod-valley",
        "notebooks/derive.html#eq-153",
        "glossary.html#term-rod",
        "notebooks/derive.html",
        "api.html#rodflow_core.sharpness.preconditioned_sharpness",
    }


def test_the_link_beside_a_figure_is_the_one_that_is_cited(site):
    for page in ("start", "notebooks/derive", "gallery"):
        for figure in soup(site, page).select("figure"):
            name = figure.img["src"].split("/")[-1].removesuffix(".svg")
            assert figure.select_one("figcaption a.headerlink")["href"] == f"#figure-{name}"


def test_a_figure_has_one_number_and_its_anchor_wherever_it_is(site):
    numbers = {}
    for page in ("start", "notebooks/derive", "gallery"):
        for figure in soup(site, page).select("figure"):
            name = figure.img["src"].split("/")[-1].removesuffix(".svg")
            numbers.setdefault(name, set()).add(figure.select_one(".caption-number").text.strip())
            assert figure.get("id") == f"figure-{name}" or figure.find(id=f"figure-{name}"), page
    # In the order of their homes: the start page shows the second.
    assert numbers == {"rod-phase-space": {"Fig. 1"}, "rod-valley": {"Fig. 2"}}
    (link,) = (a for a in soup(site, "gallery").select("figcaption a") if a.text == "rod-valley")
    assert link["href"] == "notebooks/derive.html#figure-rod-valley"


def test_a_reference_to_a_figure_says_its_number_and_a_short_title(site):
    links = soup(site, "start").select("p a[href='notebooks/derive.html#figure-rod-valley']")
    assert [link.text for link in links] == ["Fig. 2 (The valley)"]


@pytest.mark.parametrize(
    "caption, title",
    [
        ("The drift-free\nrod. At eight gradients: near.", "The drift-free rod"),
        ("Gradient descent, its rod and 1.5 more", "Gradient descent"),
        ("A rate of 1.5 per step", "A rate of 1.5 per step"),
        ("Bars (and lines)", "Bars"),
        (" ".join(["word"] * 20), " ".join(["word"] * 12) + " …"),
    ],
)
def test_a_short_title_is_the_beginning_of_a_caption(caption, title):
    import rodflow_figures

    assert rodflow_figures.short_title(caption) == title


@pytest.mark.parametrize("page", ["start", "notebooks/derive", "gallery"])
def test_the_entry_to_cite_has_number_and_address_of_the_home(site, page):
    entry = next(t for t in soup(site, page).select(".figure-cite pre") if "rod-valley" in t.text)
    assert "title = {Figure 2: rod-valley}" in entry.text
    assert f"url = {{{BASE}notebooks/derive.html#figure-rod-valley}}" in entry.text
    assert "CC BY 4.0" in entry.text


def test_the_rows_of_an_alignment_are_told_apart():
    import rodflow_hints

    block = (
        r"\begin{align}a&=\begin{pmatrix}1\\2\end{pmatrix},\tag{1}\\[2pt] b&=2.\tag{22}\end{align}"
    )
    rows = dict(rodflow_hints.formulas(block))
    assert rows["1"] == r"\begin{align*}a&=\begin{pmatrix}1\\2\end{pmatrix},\end{align*}"
    assert rows["22"] == r"\begin{align*}b&=2.\end{align*}"
    assert dict(rodflow_hints.formulas(r"x=1.\tag{3}")) == {"3": r"\[x=1.\]"}


# --- in a browser --------------------------------------------------------------------------------


@pytest.fixture
def open_page(browser, site):
    """Open a page from disk, offline; at the end nothing may have gone wrong or been asked for."""
    troubles, contexts = [], []

    def opened(page, width=1280, **settings):
        size = {"width": width, "height": 800}
        contexts.append(browser.new_context(viewport=size, offline=True, **settings))
        contexts[-1].set_default_timeout(120_000)
        tab = contexts[-1].new_page()
        tab.on("pageerror", lambda error: troubles.append(str(error)))
        tab.on("requestfailed", lambda request: troubles.append(f"failed {request.url}"))
        tab.on("request", lambda r: r.url.startswith("file:") or troubles.append(r.url))
        tab.goto((site / f"{page}.html").as_uri(), wait_until="load")
        tab.evaluate("MathJax.startup.promise")
        return tab

    yield opened
    for context in contexts:
        context.close()
    assert troubles == []


def hint(tab):
    return tab.locator("#rodflow-hint")


def to(tab, anchor):
    return tab.locator(f'article a[href$="#{anchor}"]').first


@in_browser
def test_an_equation_is_shown_when_pointed_at(open_page):
    tab = open_page("start")
    assert not hint(tab).is_visible()
    to(tab, "eq-153").hover()
    hint(tab).locator("mjx-container").first.wait_for()
    assert hint(tab).inner_text().startswith("(153) ") and hint(tab).is_visible()
    # Its own row alone, and no formula left as TeX.
    assert hint(tab).locator('mjx-container[display="true"]').count() == 1
    assert "\\" not in hint(tab).inner_text()
    # The pointer may go there; away from both, it closes.
    box = hint(tab).bounding_box()
    tab.mouse.move(box["x"] + 20, box["y"] + 10, steps=4)
    tab.wait_for_timeout(700)
    assert hint(tab).is_visible()
    tab.mouse.move(700, 700)
    hint(tab).wait_for(state="hidden")
    assert to(tab, "eq-153").get_attribute("aria-describedby") is None


@in_browser
def test_a_term_is_shown_on_focus_and_escape_closes_it(open_page):
    tab = open_page("start")
    link = to(tab, "term-rod")
    to(tab, "eq-153").focus()
    tab.keyboard.press("Tab")
    assert link.evaluate("link => link === document.activeElement")
    hint(tab).wait_for()
    assert hint(tab).get_attribute("role") == "tooltip"
    assert link.get_attribute("aria-describedby") == "rodflow-hint"
    assert hint(tab).inner_text().startswith("Two iterates, ")
    assert hint(tab).locator("a, button, [tabindex='0']").count() == 0
    tab.keyboard.press("Escape")
    assert not hint(tab).is_visible() and link.get_attribute("aria-describedby") is None
    assert link.evaluate("link => link === document.activeElement")
    tab.keyboard.press("Tab")
    hint(tab).wait_for()
    assert hint(tab).inner_text().startswith("(7)")


@in_browser
def test_a_page_without_formulas_of_its_own_shows_them(open_page):
    tab = open_page("api")
    to(tab, "eq-47").hover()
    hint(tab).locator("mjx-container").first.wait_for()


@in_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_narrow_page_and_follows_its_colours(open_page, scheme):
    tab = open_page("start", 390, color_scheme=scheme)
    to(tab, "eq-153").hover()
    hint(tab).locator("mjx-container").first.wait_for()
    box = hint(tab).bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 390
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    colour = "tip => getComputedStyle(tip).backgroundColor.match(/\\d+/g).map(Number)[0]"
    assert (hint(tab).evaluate(colour) < 128) == (scheme == "dark")


@in_browser
def test_on_a_touch_screen_a_reference_is_a_link(open_page):
    tab = open_page("start", 390, has_touch=True, is_mobile=True)
    to(tab, "eq-153").tap()
    tab.wait_for_url("**/notebooks/derive.html#eq-153")


@in_browser
def test_the_reference_of_the_code_fits_a_narrow_page(open_page):
    tab = open_page("api", 390)
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
