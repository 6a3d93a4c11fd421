"""The pages as a reader reads them: no raw output, no caption for a link, no table that is a sheet.

Each check is a function of a page, and is shown to find what it is for on a planted example.
"""

import os
import re
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

ROOT = Path(__file__).resolve().parents[2]
HTML = Path(os.environ.get("RODFLOW_BOOK", ROOT / "build" / "quick" / "html"))
PAGES = sorted(
    path.relative_to(HTML).as_posix()
    for path in HTML.rglob("*.html")
    if not {"_static", "api"} & set(path.parts)
    and path.name not in ("search.html", "genindex.html")
)
COLUMNS = 8
"""A table has so many columns at most: what a screen of 1,280 pixels has room for."""
LINK = 60
"""Characters of a link's words; whatever is longer is a caption or a sentence."""

RAW = {
    "the repr of an object": r"\b(?:Row|Trial|Claims|array|tensor)\(|dtype=|<class |np\.\w+\(",
    "a number with all its bits": r"\d\.\d{8,}|\d{9,}\.\d",
    "a number that is none": r"\bnan\b|\binf\b",
    "a progress bar": r"\d+/\d+ \[\d\d:\d\d",
    "a tuple of numbers": r"^\(-?[\d.]+(?:e-?\d+)?(?:, -?[\d.]+(?:e-?\d+)?)+,?\)$",
    "a constant for an answer": r"^(?:True|False|None)$",
}
ELSEWHERE = r"\b(?:the )?(?:next|previous|last|preceding|following) (?:chapter|page)\b"


def article(html):
    """The body of a page without what the reader may unfold, or has written himself: code."""
    body = BeautifulSoup(html, "html.parser").find("article")
    for hidden in body.select(".cell_input, .figure-cite, .figure-files, script, noscript"):
        hidden.decompose()
    return body


def outputs(body):
    """What cells print: their text, but for code that is shown on purpose."""
    return [
        pre.get_text().strip()
        for pre in body.select(".cell_output pre")
        if not pre.find_parent(class_=re.compile("highlight-python"))
    ]


def prose(body):
    """Paragraphs, entries and cells of tables, without formulas and code."""
    body = BeautifulSoup(str(body), "html.parser")
    for gone in body.select("pre, code, .math"):
        gone.decompose()
    return [" ".join(part.get_text().split()) for part in body.select("p, li, td, th, dd, h2, h3")]


def raw(body):
    """What a program prints where a reader expects words."""
    texts = outputs(body) + prose(body)
    return [
        f"{what}: {text[:80]}"
        for text in texts
        for what, pattern in RAW.items()
        if re.search(pattern, text, re.MULTILINE)
    ]


def long_links(body):
    """Links whose words are more than a title."""
    links = (" ".join(link.get_text().split()) for link in body.select("a.reference.internal"))
    return [words for words in links if len(words) > LINK]


def order(body):
    """Words that are true only in one order of the pages."""
    return [found[0] for text in prose(body) for found in re.finditer(ELSEWHERE, text)]


def wide(body):
    """Tables with more columns than a screen has room for."""
    heads = (table.find("tr").find_all(["th", "td"]) for table in body.select("table"))
    return [" | ".join(cell.get_text() for cell in head) for head in heads if len(head) > COLUMNS]


def hollow(body):
    """Headings under which nothing stands, neither text nor a heading of their own."""
    empty = []
    for section in body.select("section"):
        inside = [child for child in section.find_all(recursive=False)]
        if all(child.name in ("h1", "h2", "h3", "h4", "span") for child in inside):
            empty.append(section.get_text().strip())
    return empty


def preconditioned(body):
    """What a page of an optimizer without a preconditioner says of one, in what it computes."""
    said = [part.get_text() for part in body.select(".cell_output p, .cell_output td, figcaption")]
    return [text for text in said if "preconditioned" in text]


CHECKS = (raw, long_links, order, wide, hollow)
PLANTED = {
    raw: [
        '<div class="cell_output"><pre>Row(title=&#39;Adam&#39;)</pre></div>',
        '<div class="cell_output"><pre>np.float64(0.5)</pre></div>',
        '<div class="cell_output"><pre>120.00000000002768</pre></div>',
        '<div class="cell_output"><pre>(27, 21, 25)</pre></div>',
        '<div class="cell_output"><pre>(1.4e-17, 5.6e-17)</pre></div>',
        '<div class="cell_output"><pre>True</pre></div>',
        '<div class="cell_output"><pre> 14%| | 97/700 [00:00<00:00, 9step/s]</pre></div>',
        "<p>closer by a factor of nan</p>",
        "<table><tr><td>1.0354201889698347</td></tr></table>",
        "<p>it is tensor([1.0])</p>",
    ],
    long_links: [
        f'<p><a class="reference internal" href="#x">{"Gradient descent in a valley. " * 3}</a></p>'
    ],
    order: ["<p>This is Adam's: the next chapter.</p>", "<p>See the previous page.</p>"],
    wide: [f"<table><tr>{'<th>x</th>' * (COLUMNS + 1)}</tr></table>"],
    hollow: ["<section><h2>Numbers</h2></section>"],
    preconditioned: [
        '<div class="cell_output"><p>The preconditioned sharpness is 1.0.</p></div>',
        "<figcaption>median preconditioned sharpness</figcaption>",
    ],
}
SOUND = (
    "<section><h2>Numbers</h2><p>At \\(x\\) it is 1.0354 in 27 runs (1, 2), infinite or not.</p>"
    '<section><h3>One</h3><div class="cell_output"><pre>bisection 120, formula 120</pre></div>'
    '<div class="cell_input"><pre>x = float("nan"), np.float64(1)</pre></div></section></section>'
    '<p>The last step; <a class="reference internal" href="#x">the rod</a>; <code>nan</code>.</p>'
    f"<table><tr>{'<th>x</th>' * COLUMNS}</tr></table>"
)


@pytest.mark.parametrize(
    "check, html", [(check, html) for check, several in PLANTED.items() for html in several]
)
def test_a_check_finds_what_is_planted(check, html):
    assert check(article(f"<article>{html}</article>"))


@pytest.mark.parametrize("check", PLANTED, ids=lambda check: check.__name__)
def test_a_check_leaves_alone_what_is_sound(check):
    assert check(article(f"<article>{SOUND}</article>")) == []


of_the_book = pytest.mark.skipif(
    not PAGES, reason=f"there is no book in {HTML}; `make book` builds it"
)


@of_the_book
@pytest.mark.parametrize("page", PAGES)
def test_a_page_reads_well(page):
    body = article((HTML / page).read_text(encoding="utf-8"))
    assert {check.__name__: found for check in CHECKS if (found := check(body))} == {}


@of_the_book
@pytest.mark.parametrize("name", ["gd", "heavy_ball", "nesterov"])
def test_without_a_preconditioner_nothing_is_preconditioned(name):
    body = article((HTML / "notebooks" / f"{name}.html").read_text(encoding="utf-8"))
    assert preconditioned(body) == []
