"""What an interrupted run leaves, and what is refused as one."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

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
from toolkit import is_one_sentence

from rodflow_core.lockstep import Checkpoint


@pytest.fixture
def checkpoint(tmp_path):
    """A checkpoint that a run was interrupted at, and its run."""
    made = Checkpoint(tmp_path / "deep" / "run.pt", {"optimizer": "adam", "seed": 0}, every=0)
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
    numbers = checkpoint.load().iterates[-1].z
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
        {"identity": {"optimizer": "adam", "seed": 0}, "progress": {"unknown": 1}},
        {"identity": {"optimizer": "adam", "seed": 0}, "progress": [1]},
        {"identity": None, "progress": {"t": 1, "iterates": []}},
        torch.zeros(3),
        "text",
    ],
    ids=repr,
)
def test_a_file_that_torch_reads_but_is_no_checkpoint_is_refused(checkpoint, content):
    torch.save(content, checkpoint.path)
    assert_refused(checkpoint, "cannot be read")


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
    assert checkpoint.load().t == 6
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
    spent = checkpoint.load().seconds
    assert 0 < spent < lockstep("adam").run(start(), checkpoint=checkpoint).seconds


def test_nothing_is_saved_before_its_time(tmp_path):
    checkpoint = Checkpoint(tmp_path / "run.pt", {}, every=1e9)
    lockstep("gd").run(start(), checkpoint=checkpoint)
    assert not list(tmp_path.iterdir())
