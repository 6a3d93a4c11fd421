r"""What a reference says, shown where it stands: data for `_static/rodflow_hints.js`.

A page refers to an equation as `{ref}`(153) <eq-153>`` and to a term of the glossary as
`{term}`rod``. The script shows either when it is pointed at or focused. What it shows is read here
from the pages themselves, once, and written as one script that sets a variable: a page opened from
disk may load that, and no other kind of file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import escape
from pathlib import Path

import yaml
from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

DATA = "_static/rodflow-hints-data.js"
TAG = re.compile(r"\\tag\{(\d+)\}")
ROW_END = re.compile(r"^\s*\\\\(\[[^\]]*\])?")


def formulas(text: str) -> Iterator[tuple[str, str]]:
    """Give the numbered formulas of a displayed block as TeX, by number: of `align` row by row."""
    inner = re.fullmatch(r"\s*\\begin\{(align)\}(.*)\\end\{\1\}\s*", text, re.DOTALL)
    body = inner[2] if inner else re.sub(r"\\(?:begin|end)\{equation\}", "", text)
    start = 0
    for tag in TAG.finditer(body):
        row = ROW_END.sub("", body[start : tag.start()]).strip()
        yield tag[1], f"\\begin{{align*}}{row}\\end{{align*}}" if inner else f"\\[{row}\\]"
        start = tag.end()


def read_page(app: Sphinx, doctree: nodes.document) -> None:
    """Note a page's equations, and that a page which refers to something needs MathJax."""
    env = app.env
    store: dict = env.__dict__.setdefault("rodflow_equations", {})
    found = dict(
        pair for block in doctree.findall(nodes.math_block) for pair in formulas(block.astext())
    )
    # Shown again elsewhere, an equation has its place where its target is.
    store[env.docname] = {n: tex for n, tex in found.items() if f"eq-{n}" in doctree.ids}
    for reference in doctree.findall(addnodes.pending_xref):
        if reference["reftarget"].startswith("eq-") or reference["reftype"] == "term":
            env.get_domain("math").data["has_equations"][env.docname] = True


def forget_page(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    """Drop what was noted of a page that is read anew."""
    env.__dict__.get("rodflow_equations", {}).pop(docname, None)


def words(folder: Path) -> dict[str, str]:
    """Give what the equation index says of every number, as HTML."""
    said: dict[str, str] = {}
    for path in sorted(folder.glob("equations_*.yml")):
        for number, entry in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).items():
            text = escape(" ".join(str(entry["what"]).split()))
            said[str(number)] = re.sub(r"\$([^$]+)\$", r'<span class="math">\\(\1\\)</span>', text)
    return said


def definitions(app: Sphinx) -> dict[str, str]:
    """Give what the glossary says of every term, as HTML without links, by the term's anchor."""
    found: dict[str, str] = {}
    listed = app.env.get_domain("std").get_objects()
    for docname in sorted({page for _, _, kind, page, _, _ in listed if kind == "term"}):
        doctree = app.env.get_and_resolve_doctree(docname, app.builder)
        for item in doctree.findall(nodes.definition_list_item):
            names = [n for n in item.children if isinstance(n, nodes.term)]
            body = next(item.findall(nodes.definition)).deepcopy()
            # A hint is read, not entered: nothing in it can be reached.
            for link in list(body.findall(nodes.reference)):
                link.replace_self(link.children)
            text = "".join(app.builder.render_partial(node)["fragment"] for node in body.children)
            for anchor in (anchor for name in names for anchor in name["ids"]):
                found[anchor] = text
    return found


def write_data(app: Sphinx, exception: Exception | None) -> None:
    """Write the script that holds all hints."""
    if exception is not None or app.builder.format != "html":
        return
    said = words(Path(app.srcdir))
    hints = definitions(app)
    for page in getattr(app.env, "rodflow_equations", {}).values():
        for number, tex in page.items():
            about = f"<p>({number}) {said[number]}</p>" if number in said else f"<p>({number})</p>"
            hints[f"eq-{number}"] = f'{about}<div class="math">{escape(tex)}</div>'
    text = json.dumps(hints, ensure_ascii=False, sort_keys=True, indent=0)
    path = Path(app.outdir) / DATA
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"window.rodflowHints = {text};\n", encoding="utf-8")


def setup(app: Sphinx) -> dict[str, object]:
    """Register with Sphinx."""
    app.connect("doctree-read", read_page)
    app.connect("env-purge-doc", forget_page)
    app.connect("build-finished", write_data)
    return {"version": "1", "parallel_read_safe": False, "parallel_write_safe": True}
