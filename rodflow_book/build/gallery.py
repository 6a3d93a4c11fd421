"""The page of all figures, made by the build from the figures themselves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from rodflow_book.build.site_figures import THUMBNAILS

HEAD = """# Gallery

Every figure of the book. Each comes as SVG, PDF and PNG, with the numbers it was drawn from (data:
a CSV in a zip, `pandas.read_csv` takes it as it is)
and how it was made (manifest: parameters, versions, device, seconds, the runs). A figure has the
number that it has on its own page; its name leads there. How to cite one stands under it; the
whole is cited by [`CITATION.cff`](CITATION.cff). Text and figures are under
[CC BY 4.0](https://creativecommons.org/licenses/by/4.0/): use them, and say where they are from.
"""


def page(figures: Path, owners: Mapping[str, str], sources: Mapping[str, str]) -> str:
    """Write the gallery.

    Args:
        figures: folder of figure files; a figure is an SVG with a manifest beside it.
        owners: notebook by stem of its figures.
        sources: text of each notebook by name, in the order of the book.
    """
    parts = [HEAD]
    for notebook, text in sources.items():
        stems = [stem for stem, owner in owners.items()
                 if owner == notebook and (figures / f"{stem}.svg").is_file()]  # fmt: skip
        # In the order in which the page shows them; what it does not show comes last.
        shown = {stem: text.find(f"figures/{stem}.svg") for stem in stems}
        entries = [
            _entry(figures, stem)
            for stem in sorted(stems, key=lambda stem: (shown[stem] < 0, shown[stem], stem))
        ]
        if entries:
            parts += [f"## [{title(text)}](notebooks/{notebook})\n", "::::{div} gallery\n"]
            parts += [*entries, "::::\n"]
    return "\n".join(parts)


def title(text: str) -> str:
    """Give the title of a page: its first heading."""
    return next(line[2:].strip() for line in text.splitlines() if line.startswith("# "))


def _entry(figures: Path, stem: str) -> str:
    manifest = json.loads((figures / f"{stem}.json").read_text(encoding="utf-8"))
    # In quotes: a bare option ends where a comment would begin.
    alt = json.dumps(" ".join(str(manifest["alt"]).split()), ensure_ascii=False)
    caption = f"{{ref}}`{stem} <figure-{stem}>`"
    return (
        f"```{{figure}} figures/{THUMBNAILS}/{stem}.webp\n:alt: {alt}\n:loading: lazy\n"
        f":target: figures/{stem}.svg\n\n{caption}\n```\n"
    )
