"""The PDF of a figure without digits that nobody sees, its small parts together in one stream.

matplotlib writes coordinates with up to ten decimals, and each of a hundred objects by itself, with
a line in a table of places. Since version 1.5 a PDF may hold objects and table in compressed
streams, which LaTeX and every reader of the last twenty years know.
"""

from __future__ import annotations

import re
import zlib

COORDINATE, FACTOR = 2, 4
"""Decimals of a coordinate, in points, and of what is a factor or a colour: less than 1.5."""

_STRING_OR_NUMBER = re.compile(rb"\((?:\\.|[^\\)])*\)|-?\d+\.\d+")
_LENGTH = re.compile(rb"/Length \d+(?: 0 R)?")
_TABLE = re.compile(rb"xref\n0 (\d+)\n((?:\d{10} \d{5} [nf] ?\r?\n)+)trailer\n<<(.*?)>>", re.DOTALL)


def shorter(pdf: bytes) -> bytes:
    """Give a PDF that matplotlib wrote in fewer bytes.

    Raises:
        ValueError: for what is none.
    """
    table = _TABLE.search(pdf)
    if table is None:
        raise ValueError("no table of objects at the end; expected a PDF that matplotlib wrote.")
    places = [int(line[:10]) for line in table[2].splitlines()[1:]]
    ends = dict(zip(sorted(places), [*sorted(places)[1:], table.start()], strict=True))
    whole, small = {}, {}
    for number, place in enumerate(places, start=1):
        body = pdf[place : ends[place]].partition(b" obj\n")[2].rpartition(b"\nendobj")[0]
        if b"stream\n" in body:
            whole[number] = _stream(body)
        else:
            small[number] = body
    # The numbers that said how long a stream is are said in it now; they stay, a few bytes each.
    return _file(whole, small, table[3])


def _stream(body: bytes) -> bytes:
    head, _, rest = body.partition(b"stream\n")
    data = rest.rpartition(b"\nendstream")[0]
    drawn = b"/FlateDecode" in head and not re.search(rb"/Subtype /Image|/BitsPer", head)
    if drawn:
        data = zlib.compress(_STRING_OR_NUMBER.sub(_rounded, zlib.decompress(data)), 9)
    head = _LENGTH.sub(b"/Length %d" % len(data), head)
    return head + b"stream\n" + data + b"\nendstream"


def _rounded(found: re.Match[bytes]) -> bytes:
    text = found[0]
    if text.startswith(b"("):
        return text
    value = float(text)
    decimals = COORDINATE if abs(value) >= 1.5 else FACTOR
    short = b"%.*f" % (decimals, value)
    return short.rstrip(b"0").rstrip(b".") if float(short) else b"0"


def _file(whole: dict[int, bytes], small: dict[int, bytes], trailer: bytes) -> bytes:
    """Write objects: those with a stream each by itself, the others in one stream."""
    last = max([*whole, *small])
    holder, index = last + 1, last + 2
    offsets, texts = [], []
    at = 0
    for number, body in small.items():
        offsets.append(b"%d %d" % (number, at))
        texts.append(body)
        at += len(body) + 1
    first = b" ".join(offsets) + b"\n"
    packed = zlib.compress(first + b"\n".join(texts), 9)
    head = b"<< /Type /ObjStm /N %d /First %d /Filter /FlateDecode /Length %d >>\n"
    whole[holder] = (head % (len(small), len(first), len(packed))) + (
        b"stream\n" + packed + b"\nendstream"
    )
    out = bytearray(b"%PDF-1.5\n%\xac\xdc\xab\xba\n")
    # Of each object: that it is free, at a place, or the n-th in another; where; which.
    rows = {0: (0, 0, 65535)}
    rows |= {number: (2, holder, i) for i, number in enumerate(small)}
    for number, body in whole.items():
        rows[number] = (1, len(out), 0)
        out += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    start = len(out)
    rows[index] = (1, start, 0)
    table = b"".join(
        kind.to_bytes(1, "big") + place.to_bytes(4, "big") + more.to_bytes(2, "big")
        for kind, place, more in (rows[number] for number in range(index + 1))
    )
    table = zlib.compress(table, 9)
    known = re.sub(rb"/Size \d+", b"/Size %d" % (index + 1), trailer.strip())
    out += b"%d 0 obj\n<< /Type /XRef /W [1 4 2] /Filter /FlateDecode /Length %d %b >>\n" % (
        index, len(table), known,
    )  # fmt: skip
    out += b"stream\n%b\nendstream\nendobj\nstartxref\n%d\n%%%%EOF\n" % (table, start)
    return bytes(out)
