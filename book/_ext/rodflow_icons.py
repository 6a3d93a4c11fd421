"""Of the theme's two thousand icons the site has those that it shows.

The theme loads Font Awesome twice, as a script of 1.5 MB that replaces each icon by a drawing and
as a style sheet with fonts. The style sheet is enough. It keeps the rules of the classes that are
used, and holds the one font that is needed, cut down to the letters that are.
"""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import rodflow_pages
from fontTools import subset
from fontTools.ttLib import TTFont
from sphinx.application import Sphinx

SCRIPT = re.compile(r'<script src="[^"]*fontawesome[^"]*"></script>\n?')
# A page opened from disk is refused what the theme asks for early, each with an error.
PRELOAD = re.compile(r'<link rel="preload" as="(?:font"|script" href="[^"]*fontawesome)[^>]*>\n?')
# A family, as `fas`, or what follows one, as `fa-download`.
CLASS = re.compile(r"(?<![\w-])fa(?:[bdlrs]|-[a-z0-9-]+)?(?![\w-])")
RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
PRIVATE = re.compile("[\ue000-\uf8ff]")
ESCAPED = re.compile(r"\\([ef][0-9a-f]{3})\b")


def drop_requests(app: Sphinx) -> rodflow_pages.Mend:
    """Remove the script, and the early requests."""
    return lambda text: PRELOAD.sub("", SCRIPT.sub("", text))


def cut_down(app: Sphinx, exception: Exception | None) -> None:
    """Write style sheet and font anew, of what the finished site uses."""
    if exception is not None or app.builder.format != "html":
        return
    site = Path(app.outdir)
    (sheet,) = site.glob("_static/vendor/fontawesome/*/css/all.min.css")
    fonts = sheet.parents[1] / "webfonts"
    for script in sheet.parents[1].glob("js/*"):
        script.unlink()
    own = [p for p in site.glob("_static/**/*.*") if p.suffix in (".js", ".css") and p != sheet]
    texts = [p.read_text(encoding="utf-8") for p in [*own, *site.rglob("*.html")]]
    used = {name for text in texts for name in CLASS.findall(text)}
    # What the theme's own style sheets show before admonitions and links.
    letters = {letter for text in texts[: len(own)] for letter in PRIVATE.findall(text)}
    rules, own_letters = kept(sheet.read_text(encoding="utf-8"), used)
    font = smaller(fonts / "fa-solid-900.ttf", letters | own_letters)
    data = base64.b64encode(font).decode()
    face = (
        "@font-face{font-family:Font Awesome\\ 6 Free;font-style:normal;font-weight:900;"
        f'src:url(data:font/woff;base64,{data}) format("woff")}}'
    )
    sheet.write_text(f"{rules}\n{face}\n", encoding="utf-8")
    for path in fonts.iterdir():
        path.unlink()
    fonts.rmdir()


def kept(sheet: str, used: set[str]) -> tuple[str, set[str]]:
    r"""Give the rules of a style sheet for the classes that are used, and the letters in them.

    Example:
        >>> kept("/*! A */.fa-a,.fa-b{top:0}.fa-b:before{content:'\\f0e7'}", {"fa-a"})
        ('/*! A */.fa-a{top:0}', set())
    """
    head, end, rest = sheet.partition("*/")
    rest = re.sub(r"@(?:font-face\{[^{}]*\}|[^{]*\{(?:[^{}]*\{[^{}]*\})*\s*\})", "", rest)
    out = []
    for selectors, body in RULE.findall(rest):
        wanted = [s for s in selectors.split(",") if set(CLASS.findall(s)) <= used
                  and (CLASS.search(s) or ":root" in s)]  # fmt: skip
        if wanted:
            out.append(f"{','.join(wanted).strip()}{{{body}}}")
    text = "".join(out)
    return head + end + text, {chr(int(code, 16)) for code in ESCAPED.findall(text)}


def smaller(path: Path, letters: set[str]) -> bytes:
    """Give a font of some letters, as WOFF."""
    options = subset.Options(flavor="woff", layout_features=[], hinting=False, notdef_outline=True)
    font = TTFont(path, recalcTimestamp=False)
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=map(ord, letters))
    cutter.subset(font)
    written = io.BytesIO()
    font.flavor = "woff"
    font.save(written)
    return written.getvalue()


def setup(app: Sphinx) -> dict[str, object]:
    """Register with Sphinx."""
    rodflow_pages.every_page(app, drop_requests)
    app.connect("build-finished", cut_down, priority=950)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
