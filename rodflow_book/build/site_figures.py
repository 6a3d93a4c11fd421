"""Figures as the site has them: the same pictures in fewer bytes, and a small one for the gallery.

What is cited, in `figures/`, stays as the notebooks wrote it. What is made here of a file is kept
from one build to the next, by content.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from PIL import Image

from rodflow_book.build import lighter, pdf
from rodflow_core import atomic

THUMBNAILS = "thumbnails"
"""Folder beside the figures."""
WIDTH, QUALITY = 360, 45
"""Pixels of a thumbnail, and what WebP makes of it."""


def prepare(figures: Path, kept: Path) -> None:
    """Make the files of figures smaller, and thumbnails of them; what is drawn stays.

    Args:
        figures: the folder.
        kept: where results stay from one build to the next.
    """
    kept.mkdir(parents=True, exist_ok=True)
    code = b"".join(
        Path(module).read_bytes() for module in (__file__, lighter.__file__, pdf.__file__)
    )
    wanted = set()

    def made(source: Path, make: Callable[[bytes], bytes], ending: str) -> bytes:
        content = source.read_bytes()
        known = kept / f"{sha256(code + content).hexdigest()[:20]}{ending}"
        wanted.add(known)
        if not known.is_file():
            atomic.write({known: make(content)})
        return known.read_bytes()

    small = figures / THUMBNAILS
    small.mkdir()
    for drawing in sorted(figures.glob("*.svg")):
        bitmap = drawing.with_suffix(".png")
        if bitmap.is_file():
            (small / f"{drawing.stem}.webp").write_bytes(made(bitmap, thumbnail, ".webp"))
        drawing.write_bytes(made(drawing, _lighter, ".svg"))
    for paper in sorted(figures.glob("*.pdf")):
        paper.write_bytes(made(paper, pdf.shorter, ".pdf"))
    for numbers in sorted(figures.glob("*.csv")):
        _zip(numbers)
    for manifest in sorted(figures.glob("*.json")):
        content = json.loads(manifest.read_text(encoding="utf-8"))
        text = json.dumps(content, separators=(",", ":"), ensure_ascii=False)
        manifest.write_text(text, encoding="utf-8")
    for old in set(kept.iterdir()) - wanted:
        old.unlink()


def _lighter(drawing: bytes) -> bytes:
    return lighter.lighter(drawing.decode()).encode()


def _zip(numbers: Path) -> None:
    """Put a table into a zip of its own, a third of its size: pandas and R read it as it is."""
    entry = zipfile.ZipInfo(numbers.name, date_time=(1980, 1, 1, 0, 0, 0))
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    with zipfile.ZipFile(numbers.with_suffix(".csv.zip"), "w") as archive:
        archive.writestr(entry, numbers.read_bytes(), compresslevel=9)
    numbers.unlink()


def thumbnail(bitmap: bytes) -> bytes:
    """Give a PNG as a small WebP."""
    image = Image.open(io.BytesIO(bitmap)).convert("RGB")
    image.thumbnail((WIDTH, 2 * WIDTH), Image.Resampling.LANCZOS, reducing_gap=2.0)
    written = io.BytesIO()
    image.save(written, format="webp", quality=QUALITY, method=4)
    return written.getvalue()
