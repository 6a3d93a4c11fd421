"""Files that appear whole or not at all."""

import os
import subprocess
import sys
import time

import pytest

from rodflow_core import atomic


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("blocked", range(3))
def test_where_one_cannot_be_written_none_is(tmp_path, monkeypatch, blocked):
    files = [tmp_path / name for name in ("a.svg", "a.csv", "a.json")]
    atomic.write(dict.fromkeys(files, b"old"))
    atomic.beside(files[blocked]).mkdir()  # a folder where the file would be written
    with pytest.raises(OSError, match=r"a\.") as caught:
        atomic.write(dict.fromkeys(files, b"new"))
    assert caught.value.filename == str(files[blocked])
    assert {path.read_bytes() for path in files} == {b"old"}
    atomic.beside(files[blocked]).rmdir()
    assert names(tmp_path) == ["a.csv", "a.json", "a.svg"]


def test_they_are_put_in_place_in_the_order_given(tmp_path, monkeypatch):
    done, replace = [], os.replace
    monkeypatch.setattr(os, "replace", lambda *a: (done.append(a[1].name), replace(*a)))
    atomic.write({tmp_path / name: b"" for name in "cab"})
    assert done == ["c", "a", "b"]


def test_what_kills_left_goes_with_the_next_writing_and_what_is_being_written_stays(tmp_path):
    old, young, other, no_number = (
        tmp_path / name for name in (".a.csv.7.tmp", ".a.csv.8.tmp", ".b.csv.7.tmp", ".a.csv.x.tmp")
    )
    for path in (old, young, other, no_number):
        path.touch()
        if path != young:
            os.utime(path, (time.time() - 2 * atomic.STALE,) * 2)
    assert sorted(atomic.left_beside(tmp_path / "a.csv")) == [old, young]
    atomic.write({tmp_path / "a.csv": b""})
    assert not old.exists() and young.exists() and other.exists() and no_number.exists()


FULL = """
import resource, sys
from pathlib import Path
from rodflow_core import atomic
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, 1_000))
atomic.write({Path(sys.argv[1], "small"): b"1", Path(sys.argv[1], "large"): b"1" * 2_000})
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such limit on Windows")
def test_a_full_disk_names_the_file(tmp_path):
    done = subprocess.run([sys.executable, "-c", FULL, tmp_path], capture_output=True, text=True)
    last = done.stderr.splitlines()[-1]
    assert last.startswith("OSError: [Errno 27]") and last.endswith("/large'")
    assert names(tmp_path) == []
