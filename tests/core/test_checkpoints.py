"""What an interrupted run leaves, and what is refused as one."""

import dataclasses
import hashlib
import io
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from test_lockstep import (
    Interrupted,
    Interrupting,
    assert_same_bits,
    lockstep,
    network,
    start,
    whole,
)
from toolkit import is_one_sentence, random

from rodflow_core.checkpoint import Checkpoint
from rodflow_core.extent import Extent
from rodflow_core.flows import RodState
from rodflow_core.integrators import Track
from rodflow_core.optimizers import State as PackageState

IDENTITY = {"optimizer": "adam", "seed": 0}
TYPES = {PackageState, Track, RodState, Extent}


@pytest.fixture
def checkpoint(tmp_path):
    """A checkpoint that a run was interrupted at, and its run."""
    made = Checkpoint(tmp_path / "deep" / "run.pt", IDENTITY, every=0)
    with pytest.raises(Interrupted):
        lockstep("adam", Interrupting(network().objective(), after=60)).run(
            start(), checkpoint=made
        )
    assert made.path.exists()
    return made


def assert_refused(checkpoint, says):
    with pytest.raises(ValueError, match=says) as caught:
        lockstep("adam").run(start(), checkpoint=checkpoint)
    assert is_one_sentence(str(caught.value)) and str(checkpoint.path) in str(caught.value)


def test_a_truncated_checkpoint_is_refused(checkpoint):
    content = checkpoint.path.read_bytes()
    for length in (0, 1, 4, 100, len(content) // 2, len(content) - 30, len(content) - 1):
        checkpoint.path.write_bytes(content[:length])
        assert_refused(checkpoint, "cannot be read")


def test_a_corrupt_checkpoint_is_refused(checkpoint):
    content, rng = bytearray(checkpoint.path.read_bytes()), np.random.default_rng(0)
    position = content.index(b"data.pkl") + 400
    damaged = content.copy()
    damaged[position : position + 200] = rng.bytes(200)
    for wrong in (
        bytes(damaged),
        rng.bytes(len(content)),
        b"not a checkpoint\n",
        b"PK\x03\x04",
        b"\x80\x02.",
    ):
        checkpoint.path.write_bytes(wrong)
        assert_refused(checkpoint, "cannot be read")


def test_a_single_flipped_bit_in_the_numbers_is_refused(checkpoint):
    """The bits of a resumed run are those of the run, or there is no resumed run."""
    content = checkpoint.path.read_bytes()
    numbers = checkpoint.load(TYPES)["iterates"][-1].z
    position = content.index(numbers.numpy().tobytes()) + 3
    damaged = bytearray(content)
    damaged[position] ^= 1
    checkpoint.path.write_bytes(bytes(damaged))
    assert_refused(checkpoint, "cannot be read")


@pytest.mark.parametrize(
    "content",
    [
        [1, 2],
        {},
        {"identity": {}},
        {"identity": IDENTITY},
        {"identity": IDENTITY, "content": {"unknown": 1}},
        {"identity": IDENTITY, "content": {"map": [["unknown", 1]]}},
        {"identity": IDENTITY, "content": {"map": [["t", 1], ["spectra", {"map": []}], ["u", 1]]}},
        {"identity": IDENTITY, "content": {"map": 1}},
        {"identity": IDENTITY, "content": [1]},
        {"identity": IDENTITY, "content": {"tuple": "Unknown", "of": []}},
        {"identity": IDENTITY, "content": {"map": [["t", {"tuple": "Extent", "of": [1]}]]}},
        {"identity": None, "content": {"map": [["t", 1], ["iterates", []]]}},
        torch.zeros(3),
        "text",
    ],
    ids=repr,
)
def test_a_file_that_torch_reads_but_is_no_checkpoint_is_refused(checkpoint, content):
    """With the right digest before it, and without."""
    torch.save(content, checkpoint.path)
    payload = checkpoint.path.read_bytes()
    assert_refused(checkpoint, "cannot be read")
    checkpoint.path.write_bytes(hashlib.sha256(payload).digest() + payload)
    assert_refused(checkpoint, "cannot be read")


def test_nothing_in_a_file_is_executed(checkpoint, tmp_path):
    class Deadly:
        def __reduce__(self):
            return (tmp_path / "done").touch, ()

    buffer = io.BytesIO()
    torch.save({"identity": IDENTITY, "content": Deadly()}, buffer)
    payload = buffer.getvalue()
    checkpoint.path.write_bytes(hashlib.sha256(payload).digest() + payload)
    assert_refused(checkpoint, "cannot be read")
    assert not (tmp_path / "done").exists()


@pytest.mark.parametrize(
    ("identity", "names"),
    [
        ({"optimizer": "gd", "seed": 0}, "optimizer differ"),
        ({"optimizer": "adam", "seed": 1}, "seed differ"),
        ({"optimizer": "adam"}, "seed differ"),
        ({"optimizer": "adam", "seed": 0, "rank": 1}, "rank differ"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused_and_says_what_differs(checkpoint, identity, names):
    assert_refused(dataclasses.replace(checkpoint, identity=identity), names)


@pytest.mark.parametrize("written", [0.0, 0.5, 1.0])
def test_a_kill_during_the_save_leaves_the_previous_checkpoint(checkpoint, monkeypatch, written):
    previous = checkpoint.path.read_bytes()

    def killed(temporary, path):
        os.truncate(temporary, int(written * os.path.getsize(temporary)))
        raise Interrupted

    with monkeypatch.context() as patch:
        patch.setattr("os.replace", killed)
        with pytest.raises(Interrupted):
            lockstep("adam").run(start(), checkpoint=checkpoint)
    assert checkpoint.path.read_bytes() == previous
    resumed = lockstep("adam").run(start(), checkpoint=checkpoint)
    assert_same_bits(whole("adam")[0], resumed)


KILLED = """
import os, signal, sys
from pathlib import Path
from typing import NamedTuple
sys.path[:0] = sys.argv[2:]
import test_lockstep as t
saves, replace = [], os.replace
def deadly(temporary, path):
    saves.append(path)
    if len(saves) == 7:
        os.truncate(temporary, 200)
        os.kill(os.getpid(), signal.SIGKILL)
    replace(temporary, path)
os.replace = deadly
made = t.Checkpoint(Path(sys.argv[1]), {"a": 1}, every=0)
t.lockstep("rmsprop").run(t.start(), checkpoint=made)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL on Windows")
def test_a_process_killed_in_the_middle_of_a_save_resumes_to_the_same_bits(tmp_path):
    path, here = tmp_path / "run.pt", Path(__file__).parent
    arguments = [sys.executable, "-c", KILLED, path, here, here.parent]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=120)
    assert done.returncode == -9, done.stderr
    assert len(list(tmp_path.iterdir())) == 2  # the previous file, and half of the next
    checkpoint = Checkpoint(path, {"a": 1}, every=0)
    assert checkpoint.load(TYPES)["t"] == 6
    resumed = lockstep("rmsprop").run(start(), checkpoint=checkpoint)
    assert_same_bits(whole("rmsprop")[0], resumed)


def test_a_finished_run_resumes_to_itself(tmp_path):
    checkpoint = Checkpoint(tmp_path / "run.pt", {}, every=0)
    first = lockstep("gd").run(start(), checkpoint=checkpoint)
    assert_same_bits(first, lockstep("gd").run(start(), checkpoint=checkpoint))
    checkpoint.remove()
    checkpoint.remove()
    assert checkpoint.load() is None


def test_checkpoints_keep_the_seconds_of_all_sessions(checkpoint):
    spent = checkpoint.load(TYPES)["seconds"]
    assert 0 < spent < lockstep("adam").run(start(), checkpoint=checkpoint).seconds


# --- what a checkpoint can hold ------------------------------------------------------------------


class Inner(NamedTuple):
    rods: torch.Tensor
    nothing: None


def keep(tmp_path, value, types=()):
    checkpoint = Checkpoint(tmp_path / "kept.pt", {})
    checkpoint.save({"value": value})
    return checkpoint.load(types)["value"]


def test_nested_tuples_lists_and_numbers_come_back(tmp_path):
    value = {"a b": [1, 2.5, None, "text", True], "": Inner(random(0, 3), None), "c": {"d": []}}
    found = keep(tmp_path, value, {Inner})
    assert found["a b"] == value["a b"] and found["c"] == {"d": []}
    assert type(found[""]) is Inner and torch.equal(found[""].rods, value[""].rods)
    assert keep(tmp_path, {"map": 1, "tuple": 2}) == {"map": 1, "tuple": 2}
    assert math.isnan(keep(tmp_path, math.nan)) and keep(tmp_path, -math.inf) == -math.inf


def test_one_tensor_in_two_places_is_one_tensor_again(tmp_path):
    """An extent recognises itself in its rate, which tells how its sum is rounded."""
    shared, other = random(0, 3), random(0, 3)
    a, b, c = keep(tmp_path, [shared, Inner(shared, None), other], {Inner})
    assert a is b.rods and torch.equal(a, c) and a is not c


def test_two_types_of_one_name_are_told_apart(tmp_path):
    """A flow of one's own may call its state what the package calls another."""

    class State(NamedTuple):
        anything: torch.Tensor
        more: torch.Tensor

    own, theirs = State(random(0, 2), random(1, 2)), PackageState(random(2, 2), None)
    found = keep(tmp_path, [own, theirs], {State, PackageState})
    assert [type(x) for x in found] == [State, PackageState]


def test_a_row_of_a_large_tensor_does_not_take_it_along(tmp_path):
    keep(tmp_path, torch.zeros(10**6)[:3])
    assert (tmp_path / "kept.pt").stat().st_size < 10**4


def test_a_type_that_is_not_expected_is_refused(tmp_path):
    with pytest.raises(ValueError, match="cannot be read") as caught:
        keep(tmp_path, Inner(random(0, 2), None))
    assert is_one_sentence(str(caught.value))


def test_a_place_that_cannot_be_written_is_left_clean(tmp_path, monkeypatch):
    def full(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="no space"):
        Checkpoint(tmp_path / "kept.pt", {}).save({})
    assert not list(tmp_path.iterdir())


def test_nothing_is_saved_before_its_time(tmp_path):
    checkpoint = Checkpoint(tmp_path / "run.pt", {}, every=1e9)
    lockstep("gd").run(start(), checkpoint=checkpoint)
    assert not list(tmp_path.iterdir())
