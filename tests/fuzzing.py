"""Odd files and options, and the one property of what the command line makes of them.

*Exit 0 and a right result, or exit 2 and one sentence; nothing left behind.* How many cases are
tried is said by ``RODFLOW_FUZZ`` (100 where it says nothing; ``make fuzz`` takes 1,000).
"""

import contextlib
import hashlib
import io
import os
import zipfile
from pathlib import Path

import numpy as np
import torch
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from rodflow_core.experiments import cli

CASES = int(os.environ.get("RODFLOW_FUZZ", 100))
SHORT = ("--preset", "smoke", "--examples", "10", "--warmup", "3", "--steps", "2", "--quiet")

ODD = st.one_of(
    st.integers(-(2**70), 2**70).map(str),
    st.integers(-2, 6).map(str),
    st.floats().map(repr),
    st.sampled_from(["", " ", "nan", "-inf", "1e400", "True", "None", "[]", "0x10", "1_0", "mlp",
                     "meta", "privateuseone", "cpu:9", "../..", "/dev/null", "$(id)", "<script>",
                     "float16", "mnist", "é", "x" * 5000]),
    st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=12),
)  # fmt: skip


def cases(share: float) -> settings:
    """Give the settings of a part of all cases; the same cases each time."""
    return settings(
        max_examples=max(5, round(share * CASES)), deadline=None, database=None, derandomize=True,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip


def command(*arguments: object) -> tuple[int, str, str]:
    """Give status, output and errors of a command."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = cli.main([str(argument) for argument in arguments])
        except SystemExit as stop:
            status = int(stop.code or 0)
    return status, out.getvalue(), err.getvalue()


def assert_proper(found: tuple[int, str, str], allowed: tuple[int, ...] = (0,)) -> None:
    """See that a command gave a result, or status 2 and one sentence."""
    status, out, err = found
    assert "Traceback" not in out + err
    if status in allowed:
        return
    lines = [line for line in err.splitlines() if "error: " in line]
    assert status == 2, found
    assert len(lines) == 1 and err.rstrip().endswith(lines[0]), err
    assert len(lines[0]) < 6000


def left(folder: Path) -> list[str]:
    """Name what lies in a folder that no command should leave."""
    return [p.name for p in folder.rglob("*") if p.name.endswith((".tmp", ".part"))]


# --- bytes ---------------------------------------------------------------------------------------


@st.composite
def damage(draw, content: bytes) -> bytes:
    """Give content with bytes flipped, cut out, put in or cut off."""
    data = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        where = draw(st.integers(0, max(0, len(data) - 1)))
        kind = draw(st.sampled_from(["flip", "cut", "insert", "truncate", "overwrite"]))
        if kind == "flip" and data:
            data[where] ^= 1 << draw(st.integers(0, 7))
        elif kind == "cut":
            del data[where : where + draw(st.integers(1, 64))]
        elif kind == "insert":
            data[where:where] = draw(st.binary(min_size=1, max_size=32))
        elif kind == "truncate":
            del data[where:]
        else:
            piece = draw(st.binary(min_size=1, max_size=16))
            data[where : where + len(piece)] = piece
    return bytes(data)


# --- archives of images --------------------------------------------------------------------------


def header(descr: str, shape: tuple[int, ...]) -> bytes:
    """Give the head of an .npy file that says what it likes."""
    text = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape!r}, }}"
    text += " " * (-(len(text) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


def archive(path: Path, members: dict[str, bytes], compress: bool = False) -> None:
    """Write a zip of what is given."""
    kind = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
    with zipfile.ZipFile(path, "w", kind) as parts:
        for name, content in members.items():
            parts.writestr(name, content)


ARRAYS = st.builds(
    lambda descr, shape, body: header(descr, shape) + body,
    st.sampled_from(["|u1", "<i8", "<f4", "|O", "|S4", "<M8[s]", "|V8", "u1,u2", "nonsense", ""]),
    st.lists(st.sampled_from([0, 1, 3, 10, 32, -1, 2**31, 2**62, 2**70]), max_size=5).map(tuple),
    st.binary(max_size=300),
)


def balanced(per_class: int = 3) -> dict[str, bytes]:
    """Give the members of an archive that is as it should be."""
    rng = np.random.default_rng(0)
    found = {}
    for name, array in {
        "images.npy": rng.integers(0, 256, (10 * per_class, 32, 32, 3), dtype=np.uint8),
        "labels.npy": np.repeat(np.arange(10), per_class),
    }.items():
        buffer = io.BytesIO()
        np.save(buffer, array)
        found[name] = buffer.getvalue()
    return found


# --- checkpoints ---------------------------------------------------------------------------------


def forged(path: Path, change) -> None:
    """Change what a checkpoint says, and sign it again."""
    payload = path.read_bytes()[32:]
    read = torch.load(io.BytesIO(payload), weights_only=True)
    read["content"] = change(read["content"])
    buffer = io.BytesIO()
    torch.save(read, buffer)
    payload = buffer.getvalue()
    path.write_bytes(hashlib.sha256(payload).digest() + payload)


def places(value, at=()):
    """Give the places of all parts of a nested value."""
    yield at
    if isinstance(value, dict | list):
        parts = value.items() if isinstance(value, dict) else enumerate(value)
        for key, part in parts:
            yield from places(part, (*at, key))


def replaced(value, at, new):
    """Give a nested value with the part at a place replaced; ``KeyError`` in its stead cuts it."""
    if not at:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    if len(at) == 1 and new is KeyError:
        del copy[at[0]]
    else:
        copy[at[0]] = replaced(copy[at[0]], at[1:], new)
    return copy
