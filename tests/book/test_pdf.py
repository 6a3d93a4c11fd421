"""A shorter PDF draws and says the same, and is whole: every object is where its table says."""

import re
import zlib
from pathlib import Path

import numpy as np
import pytest

from rodflow_book.build import pdf

FIGURES = Path(__file__).resolve().parents[2] / "figures"
TOKEN = re.compile(rb"\((?:\\.|[^\\)])*\)|[^\s()\[\]]+")


def streams(data):
    """Give what is drawn: by number the streams that hold operators, without their compression."""
    found = {}
    objects = re.findall(rb"\n(\d+) 0 obj\n((?:(?!endobj).)*?)stream\n(.*?)\nendstream", data, re.S)
    for name, head, body in objects:
        if b"/FlateDecode" in head and not re.search(rb"/ObjStm|/XRef|/Image|/BitsPer", head):
            found[int(name)] = TOKEN.findall(zlib.decompress(body))
    return found


def number(token):
    try:
        return float(token)
    except ValueError:
        return None


@pytest.mark.parametrize("name", ["adam-mlp-cifar", "limits-seeds", "start-parabola"])
def test_a_shorter_pdf_is_the_same(name):
    long = (FIGURES / f"{name}.pdf").read_bytes()
    short = pdf.shorter(long)
    assert len(short) < 0.85 * len(long)
    before, after = streams(long), streams(short)
    assert before.keys() == after.keys() and len(before) > 20
    moved = 0
    for name, one in before.items():
        other = after[name]
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            x, y = number(a), number(b)
            # Words and operators stay as they are.
            assert a == b if x is None or y is None else abs(x - y) <= 0.0051
            assert x is None or abs(x) >= 1.5 or abs(x - y) <= 0.00006
            moved += a != b
    assert moved > 100


def test_every_object_is_where_the_table_says():
    long = (FIGURES / "adam-mlp.pdf").read_bytes()
    short = pdf.shorter(long)
    start = int(re.search(rb"startxref\n(\d+)\n%%EOF\n$", short)[1])
    head, _, rest = short[start:].partition(b"stream\n")
    length = int(re.search(rb"/Length (\d+)", head)[1])
    rows = np.frombuffer(zlib.decompress(rest[:length]), np.uint8).reshape(-1, 7)
    assert len(rows) == int(re.search(rb"/Size (\d+)", head)[1])
    assert re.search(rb"/Root \d+ 0 R", head) and re.search(rb"/Info \d+ 0 R", head)
    held = {}
    (holder,) = {int.from_bytes(bytes(row[1:5]), "big") for row in rows if row[0] == 2}
    place = int.from_bytes(bytes(rows[holder][1:5]), "big")
    head, _, rest = short[place:].partition(b"stream\n")
    length, first = (int(re.search(rb"/%b (\d+)" % k, head)[1]) for k in (b"Length", b"First"))
    text = zlib.decompress(rest[:length])
    pairs = np.reshape([int(n) for n in text[:first].split()], (-1, 2))
    ends = [*pairs[1:, 1], len(text) - first + 1]
    for (name, at), end in zip(pairs, ends, strict=True):
        held[name] = text[first + at : first + end - 1]
    known = dict(re.findall(rb"\n(\d+) 0 obj\n(.*?)\nendobj", long, re.S))
    for i, row in enumerate(rows[1:], start=1):
        place = int.from_bytes(bytes(row[1:5]), "big")
        if row[0] == 1:
            assert short[place:].startswith(b"%d 0 obj\n" % i)
        else:
            assert pairs[int.from_bytes(bytes(row[5:]), "big"), 0] == i
            assert held[i] == known[b"%d" % i]
    with pytest.raises(ValueError, match="expected a PDF that matplotlib wrote"):
        pdf.shorter(b"%PDF-1.4")
