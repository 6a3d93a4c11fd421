"""The page of all figures, made by the build from the figures themselves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

HEAD = """# Gallery

Every figure of the book. Each comes as SVG, PDF and PNG, with the numbers it was drawn from (data)
and how it was made (manifest: parameters, versions, device, seconds, the runs). A figure has the
number that it has on its own page; its name leads there. How to cite one stands under it; the
whole is cited by [`CITATION.cff`](CITATION.cff). Text and figures are under
[CC BY 4.0](https://creativecommons.org/licenses/by/4.0/): use them, and say where they are from.
"""


def page(figures: Path, owners: Mapping[str, str]) -> str:
    """Write the gallery.

    Args:
        figures: folder of figure files; a figure is an SVG with a manifest beside it.
        owners: notebook by stem of its figures.
    """
    parts = [HEAD]
    for notebook in sorted(set(owners.values())):
        stems = sorted(stem for stem, owner in owners.items() if owner == notebook)
        entries = [_entry(figures, stem) for stem in stems if (figures / f"{stem}.svg").is_file()]
        if entries:
            parts += [f"## From {{doc}}`notebooks/{notebook}`\n", *entries]
    return "\n".join(parts)


def _entry(figures: Path, stem: str) -> str:
    manifest = json.loads((figures / f"{stem}.json").read_text(encoding="utf-8"))
    alt = " ".join(str(manifest["alt"]).split())
    caption = f"{{ref}}`{stem} <figure-{stem}>`"
    return f"```{{figure}} figures/{stem}.svg\n:alt: {alt}\n:width: 75%\n\n{caption}\n```\n"
