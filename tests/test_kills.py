"""Ten kills of what `kills.py` kills in hundreds."""

import kills
import pytest


@pytest.mark.parametrize(("kind", "times"), [("run", 3), ("notebook", 2), ("publish", 5)])
def test_what_is_killed_is_whole_and_comes_to_the_same_bits(tmp_path, kind, times):
    """A sweep is killed in `test_sweep.py`, a build of the book in `test_pipeline.py`."""
    kills.trial(kills.KINDS[kind], times, tmp_path / "trial", seed=11)


def test_a_command_that_tears_what_it_writes_is_found_out(tmp_path):
    """A mutant: it writes in place, and two times in pieces."""
    torn = (
        "import sys, time; f = open(sys.argv[1], 'w')\n"
        "for part in 'ab': f.write(part); f.flush(); time.sleep(1)"
    )
    kind = kills.Kind(
        lambda place: [kills.sys.executable, "-c", torn, f"{place}/file"],
        lambda place: {path.name: path.read_text() for path in place.glob("file")},
    )
    with pytest.raises(AssertionError, match="not what was made in peace"):
        kills.trial(kind, 8, tmp_path / "trial", seed=11)
