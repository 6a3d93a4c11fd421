"""The finished pages are gone through once, and what they do not use is left out of the site.

An extension that has something to mend in them says so with `every_page`; each page is then read,
handed from one to the next, and written where that changed it. After the pages go the files below
`_static` that no page, script or style sheet names.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from sphinx.application import Sphinx

Mend = Callable[[str], str]
MAP = re.compile(r"/\*# sourceMappingURL=[^*]*\*/|//# sourceMappingURL=\S*")
KEPT = re.compile(
    r"(<(?:pre|script|style|textarea)\b.*?</(?:pre|script|style|textarea)>)", re.DOTALL
)
INDENT = re.compile(r"\n\s+")
CODE = re.compile(r"<pre>.*?</pre>", re.DOTALL)
# Names, punctuation, space.
UNMARKED = re.compile(r'<span class="[npw]">([^<]*)</span>')
LITERAL = re.compile(r'<code class="[^"]*literal[^"]*">.*?</code>', re.DOTALL)
WORD = re.compile(r'<span class="pre">([^<]*)</span>')
READ = (".html", ".js", ".css")


def every_page(app: Sphinx, begin: Callable[[Sphinx], Mend]) -> None:
    """Have every page of the site mended.

    Args:
        app: of the build.
        begin: called once the site is there; gives what is done to the text of each page.
    """
    app.__dict__.setdefault("rodflow_mends", []).append(begin)


def walk(app: Sphinx, exception: Exception | None) -> None:
    """Go through the pages."""
    if exception is not None or app.builder.format != "html":
        return
    mends = [begin(app) for begin in app.__dict__.get("rodflow_mends", [])]
    for page in sorted(Path(app.outdir).rglob("*.html")):
        text = mended = page.read_text(encoding="utf-8")
        for mend in mends:
            mended = mend(mended)
        if mended != text:
            page.write_text(mended, encoding="utf-8")


def plain_code(app: Sphinx) -> Mend:
    """Take the marks off what the style of the code shows like the rest: a fifth of all pages."""

    def mend(text: str) -> str:
        text = CODE.sub(lambda block: UNMARKED.sub(r"\1", block[0]), text)
        # Words of a name in running text, which may break like others (`rodflow.css`).
        return LITERAL.sub(lambda name: WORD.sub(r"\1", name[0]), text)

    return mend


def flush_left(app: Sphinx) -> Mend:
    """Take off what lines are indented by, where a browser does not show it."""

    def mend(text: str) -> str:
        parts = KEPT.split(text)
        parts[::2] = [INDENT.sub("\n", part) for part in parts[::2]]
        return "".join(parts)

    return mend


def leave_out(app: Sphinx, exception: Exception | None) -> None:
    """Remove from `_static` what nothing names: source maps, translations, logos of services."""
    if exception is not None or app.builder.format != "html":
        return
    site = Path(app.outdir)
    static = site / "_static"
    for path in [*static.rglob("*.js"), *static.rglob("*.css")]:
        text = path.read_text(encoding="utf-8")
        if (without := MAP.sub("", text)) != text:
            path.write_text(without, encoding="utf-8")
    texts = [p.read_text(encoding="utf-8") for p in site.glob("*.html")]
    texts += [p.read_text(encoding="utf-8") for p in site.glob("notebooks/*.html")]
    texts += [p.read_text(encoding="utf-8") for p in static.rglob("*") if p.suffix in READ[1:]]
    said = "\n".join(texts)
    for path in [p for p in static.rglob("*") if p.is_file()]:
        if path.name not in said and "LICENSE" not in path.name:
            path.unlink()
    for folder in sorted((p for p in static.rglob("*") if p.is_dir()), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()


def setup(app: Sphinx) -> dict[str, object]:
    """Register with Sphinx."""
    every_page(app, plain_code)
    every_page(app, flush_left)
    # After the search index and the copying of images.
    app.connect("build-finished", walk, priority=900)
    app.connect("build-finished", leave_out, priority=960)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
