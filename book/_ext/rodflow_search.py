r"""What Sphinx's search does not find: equations by number, and phrases with the words around them.

Sphinx keeps stems of words and no text, and its summaries are requests that a page opened from disk
may not make. So the words of all pages are written here as one script that sets a variable: the
search page may load that (`_static/rodflow_search.js`).
"""

from __future__ import annotations

import base64
import json
import re
import zlib
from pathlib import Path

import yaml
from bs4 import BeautifulSoup, Tag
from sphinx.application import Sphinx

DATA = "_static/rodflow-search-data.js"
# Code is found by Sphinx; the rest says the same under every figure, or is no text.
LEFT_OUT = (
    "script, style, svg, noscript, pre, nav, div.math, .headerlink, .figure-files, .figure-cite, "
    ".made-by, .download, .rodflow-player, .sig-paren, .sig-param, .sig-return"
)
# Of inline formulas, what has a sign of its own; the rest stays as it is written in TeX.
SIGNS = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "eta": "η", "kappa": "κ",
    "lambda": "λ", "mu": "μ", "nu": "ν", "rho": "ρ", "sigma": "σ", "tau": "τ", "phi": "φ",
    "omega": "ω", "Delta": "Δ", "Lambda": "Λ", "Sigma": "Σ", "nabla": "∇", "times": "×", "le": "≤",
    "ge": "≥", "approx": "≈", "infty": "∞", "to": "→", "pm": "±", "cdot": "·", "odot": "⊙",
    "top": "ᵀ", "sqrt": "√",
}  # fmt: skip


def spoken(tex: str) -> str:
    r"""Give a short formula as one line of text.

    >>> spoken(r"S_{\rm HB}>2/\eta")
    'S_HB>2/η'
    """
    text = re.sub(r"\\([A-Za-z]+) ?", lambda found: SIGNS.get(found[1], ""), tex)
    return re.sub(r"\\[,;:! ]|[{}]|\\", "", text)


def sections(page: str) -> list[list[str]]:
    """Give the words of a page as anchor, heading and text, section by section."""
    article = BeautifulSoup(page, "html.parser").select_one("article.bd-article")
    if article is None:
        return []
    for formula in article.select("span.math"):
        formula.string = spoken(re.sub(r"\\[()]", "", formula.get_text()))
    for part in article.select(LEFT_OUT):
        part.decompose()
    found = []
    for section in article.find_all("section"):
        inner = [part.extract() for part in section.find_all("section", recursive=False)]
        heading = section.find(re.compile("h[1-6]"))
        title = _text(heading.extract()) if heading else ""
        found.append([str(section.get("id", "")), title, _text(section)])
        section.extend(inner)
    return found


def _text(part: Tag) -> str:
    """Give the words of a part of a page; blocks and cells stand apart, words in a line do not."""
    for block in part.select("p, li, td, th, dt, dd, h1, h2, h3, h4, div, figcaption, summary, br"):
        block.append(" ")
    return " ".join(part.get_text().split())


def equations(app: Sphinx) -> dict[str, list[str]]:
    """Give each numbered equation's page, anchor and what it says, by number."""
    said: dict[str, str] = {}
    for path in sorted(Path(app.srcdir).glob("equations_*.yml")):
        for number, entry in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).items():
            words = " ".join(str(entry["what"]).split())
            said[str(number)] = re.sub(r"\$([^$]+)\$", lambda found: spoken(found[1]), words)
    return {
        number: [app.builder.get_target_uri(page), f"eq-{number}", said.get(number, "")]
        for page, numbers in getattr(app.env, "rodflow_equations", {}).items()
        for number in numbers
    }


def write_data(app: Sphinx, exception: Exception | None) -> None:
    """Write the script that the search page loads: the words of the book, in half the bytes."""
    if exception is not None or app.builder.format != "html":
        return
    site, pages = Path(app.outdir), []
    for name in sorted(app.env.found_docs):
        uri = app.builder.get_target_uri(name)
        words = sections((site / uri).read_text(encoding="utf-8"))
        pages.append([uri, app.env.titles[name].astext(), words])
    data = {"equations": equations(app), "pages": pages}
    text = json.dumps(data, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    path = site / DATA
    path.parent.mkdir(parents=True, exist_ok=True)
    packed = base64.b64encode(zlib.compress(text.encode(), 9)).decode()
    path.write_text(f'window.rodflowSearch = "{packed}";\n', encoding="utf-8")


def setup(app: Sphinx) -> dict[str, object]:
    """Register with Sphinx."""
    app.connect("build-finished", write_data)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
