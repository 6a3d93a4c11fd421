"""Sweeps: what is skipped, what a kill leaves, what is said of rows that fail, and of the time."""

import io
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import xarray as xr
from toolkit import is_one_sentence

from rodflow_core.experiments import cli, forecast, processes, records, runs, sweep
from rodflow_core.experiments.config import RunConfig
from rodflow_core.experiments.presets import rows

PAIR = ["nadam-mlp", "heavy_ball-mlp"]
NAMES = ["heavy_ball-mlp-smoke", "nadam-mlp-smoke"]
LINUX = pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are looked for in /proc")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """No test reads or writes the user's cache or the project's records."""
    monkeypatch.setenv("RODFLOW_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("RODFLOW_RUNS", str(tmp_path / "cited"))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """Two rows, computed without an interruption."""
    folder = tmp_path_factory.mktemp("whole")
    for name, config in sweep.select("smoke", PAIR).items():
        runs.load_or_run(config, path=folder / f"{name}.nc", progress_bar=False)
    return folder


def task(folder, *only):
    return sweep.task("smoke", folder=folder, only=only or PAIR)


def said(task, cores=2):
    """Run a sweep; give what is missing and what it said."""
    stream = io.StringIO()
    return sweep.run(task, cores, stream), stream.getvalue()


@pytest.fixture
def stub(monkeypatch, recorded):
    """Let children be a few lines of Python each, by row; a row without any makes its record."""
    lines = {}

    def command(self, name):
        copy = f"import shutil; shutil.copy({str(recorded / name)!r} + '.nc', {str(self.folder)!r})"
        return [sys.executable, "-c", lines.get(name, copy)]

    monkeypatch.setattr(sweep.Task, "command", command)
    return lines


def processes_at(folder):
    """Give the processes whose command names a folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if str(folder) in words and int(entry.name) != os.getpid():
            found.append(int(entry.name))
    return found


def gone(folder):
    """Wait for the processes of a folder to be gone."""
    until = time.monotonic() + 60
    while processes_at(folder) and time.monotonic() < until:
        time.sleep(0.05)
    return not processes_at(folder)


# --- what there is to do -------------------------------------------------------------------------


def test_rows_are_named_with_or_without_their_preset():
    known = rows("smoke")
    assert list(sweep.select("smoke")) == list(known) and len(known) == 27
    assert list(sweep.select("smoke", PAIR)) == [name for name in known if name in NAMES]
    assert list(sweep.select("smoke", ["*-vit", "gd-mlp-smoke"])) == [
        name for name in known if "-vit-" in name or name == "gd-mlp-smoke"
    ]


@pytest.mark.parametrize(
    "options, words",
    [
        (["--only", "gd-mpl"], "no row of 'smoke' is named 'gd-mpl' (did you mean 'gd-mlp'"),
        (["--only", "gd-mlp", "xyz*"], "named 'xyz*'; expected one that `rodflow sweep"),
        (["--preset", "smokey"], "did you mean 'smoke'"),
        (["--cores", "0"], "cores is 0"),
        (["--data-path", "nowhere.npz"], "there is no file nowhere.npz"),
        (["--device", "cuda"], "a folder of their own, -o FOLDER"),
    ],
)
def test_bad_input_gets_one_sentence_and_status_2(options, words, capsys):
    assert cli.main(["sweep", "--preset", "smoke", "--only", "gd-mlp", *options]) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1


@pytest.mark.parametrize(
    "options, words",
    [
        (["--row", "adam-mlp-smok"], "did you mean 'adam-mlp-smoke'"),
        (["--row", "adam-mlp-smoke", "--steps", "3"], "expected no --steps with it"),
        (["--row", "adam-mlp-smoke", "--preset", "quick"], "expected no --preset with it"),
        ([], "expected an --optimizer, or a --row"),
    ],
)
def test_a_row_is_a_whole_run_and_has_a_name(options, words, tmp_path, capsys):
    assert cli.main(["run", *options, "-o", str(tmp_path / "run.nc")]) == 2
    error = capsys.readouterr().err
    assert words in error and is_one_sentence(error.removeprefix("rodflow: error: ").strip())


def test_the_list_says_how_far_each_row_is(recorded, tmp_path, capsys):
    names = list(sweep.select("smoke", [*PAIR, "adam-*"]))
    (tmp_path / f"{names[0]}.nc.checkpoint").touch()
    (tmp_path / f"{names[1]}.nc").write_bytes((recorded / f"{NAMES[0]}.nc").read_bytes())
    (tmp_path / f"{NAMES[1]}.nc").write_bytes((recorded / f"{NAMES[1]}.nc").read_bytes())
    options = ["sweep", "--preset", "smoke", "--only", *PAIR, "adam-*", "-o", str(tmp_path)]
    assert cli.main([*options, "--list"]) == 0
    states = dict(line.split(None, 1) for line in capsys.readouterr().out.splitlines())
    assert list(states) == names
    assert states[names[0]] == "begun" and states[names[1]] == "to be looked at"
    assert states[NAMES[1]] == "recorded" and states[NAMES[0]] == "to do"
    assert not (tmp_path / "sweep.lock").exists()


# --- rows that are done, and rows that fail ------------------------------------------------------


def test_what_is_recorded_is_skipped_and_what_kills_left_is_removed(recorded, stub, tmp_path):
    work = task(tmp_path)
    missing, words = said(work)
    assert not missing and "0 of 2 rows are recorded" in words and "2 of 2 rows" in words
    for name in (*NAMES, "other"):
        for file in (f"{name}.nc.checkpoint", f".{name}.nc.7.tmp", f".{name}.nc.checkpoint.7.tmp"):
            (tmp_path / file).touch()
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.nc")}
    stub |= dict.fromkeys(NAMES, "raise SystemExit(1)")
    missing, words = said(work)
    assert not missing and "started" not in words
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.nc")}
    left = {path.name for path in tmp_path.iterdir() if path.suffix in (".tmp", ".checkpoint")}
    assert left == {"other.nc.checkpoint", ".other.nc.7.tmp", ".other.nc.checkpoint.7.tmp"}


def test_a_row_that_fails_is_said_and_the_others_go_on(stub, tmp_path, capsys):
    refused = "import sys; print('rodflow: error: it cannot be.', file=sys.stderr); sys.exit(2)"
    killed = "import os; os.kill(os.getpid(), 9)"
    stub |= {"adam-mlp-smoke": refused, "gd-mlp-smoke": killed, "nadam-cnn-smoke": "pass"}
    only = ["adam-mlp", "gd-mlp", "nadam-cnn", *PAIR]
    options = ["--only", *only, "--cores", "1", "-o", str(tmp_path)]
    assert cli.main(["sweep", "--preset", "smoke", *options]) == 1
    words = capsys.readouterr().err
    assert "adam-mlp-smoke: not recorded: it cannot be.\n" in words
    assert "gd-mlp-smoke: not recorded: killed by SIGKILL; was there enough memory?\n" in words
    assert "nadam-cnn-smoke: not recorded: it ended without a record.\n" in words
    last = words.splitlines()[-1]
    assert last.startswith("rodflow: 3 rows are missing: adam-mlp-smoke, gd-mlp-smoke, nadam-cnn")
    assert {path.stem for path in tmp_path.glob("*.nc")} == set(NAMES)


def test_rows_that_would_all_be_refused_alike_are_not_tried(stub, tmp_path):
    refused = "import sys; print('rodflow: error: no data.', file=sys.stderr); sys.exit(2)"
    stub |= dict.fromkeys(rows("smoke"), refused)
    missing, words = said(task(tmp_path, "*"), 1)
    assert len(missing) == 27 and words.count(": started") == sweep.ALIKE
    assert "24 rows are not tried" in words


def test_no_more_rows_run_at_a_time_than_there_are_cores(stub, tmp_path):
    (tmp_path / "now").mkdir()
    count = (
        "import os, time; from pathlib import Path; "
        f"f = Path({str(tmp_path / 'now')!r}); (f / str(os.getpid())).touch(); time.sleep(0.3); "
        f"print(len(list(f.iterdir())), file=open({str(tmp_path / 'seen')!r}, 'a')); "
        "(f / str(os.getpid())).unlink()"
    )
    stub |= dict.fromkeys(rows("smoke"), count)
    said(task(tmp_path, "*-mlp"), 3)
    seen = [int(line) for line in (tmp_path / "seen").read_text().split()]
    assert len(seen) == 9 and max(seen) <= 3 and seen.count(1) < 9


def test_the_path_of_the_images_goes_into_no_record(tmp_path):
    (tmp_path / "images.npz").touch()
    work = sweep.task("smoke", folder=tmp_path, data_path=str(tmp_path / "images.npz"))
    assert not any("images.npz" in word for word in work.command(NAMES[0]))
    assert work.environment()["RODFLOW_CIFAR10"] == str(tmp_path / "images.npz")


# --- one at a time, and how they end -------------------------------------------------------------


def test_a_second_sweep_of_a_folder_is_refused(stub, tmp_path):
    with processes.alone(tmp_path):
        with pytest.raises(ValueError, match="another sweep .process .* is at work") as caught:
            said(task(tmp_path))
        assert is_one_sentence(str(caught.value)) and not list(tmp_path.glob("*.nc"))
    assert not said(task(tmp_path))[0]


PARENT = """\
import sys
from pathlib import Path
from rodflow_core.experiments import cli, sweep

CHILD = "import sys, time; from rodflow_core.experiments import processes; "
CHILD += "processes.end_with(int(sys.argv[1])); open(sys.argv[2], 'w').close(); time.sleep(600)"
sweep.Task.command = lambda self, name: [
    sys.executable, "-c", CHILD, str(sweep.os.getpid()), f"{self.folder}/{name}.there"]
only = ["--only", "nadam-mlp", "heavy_ball-mlp", "--cores", "2"]
sys.exit(cli.main(["sweep", "--preset", "smoke", *only, "-o", sys.argv[1]]))
"""


@LINUX
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_no_child_outlives_its_sweep(number, tmp_path):
    def heard():  # what runs in the background was told to ignore some of them
        for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(one, signal.SIG_DFL)

    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path)], stderr=subprocess.PIPE, text=True,
        preexec_fn=heard,
    )  # fmt: skip
    until = time.monotonic() + 120
    while len(list(tmp_path.glob("*.there"))) < 2 and time.monotonic() < until:
        time.sleep(0.05)
    assert len(processes_at(tmp_path)) == 3
    parent.send_signal(number)
    error = parent.communicate(timeout=60)[1]
    assert parent.returncode == (-9 if number == signal.SIGKILL else 130)
    assert "Traceback" not in error
    assert ("interrupted; give the same command again" in error) is (number != signal.SIGKILL)
    assert gone(tmp_path)
    with processes.alone(tmp_path):  # the folder is free again
        pass


@LINUX
def test_a_sweep_killed_ten_times_goes_on_to_the_same_bits(recorded, tmp_path):
    chance = random.Random(0)
    command = [sys.executable, "-m", "rodflow_core.experiments.cli", "sweep", "--preset", "smoke"]
    command += ["--only", *PAIR, "--cores", "2", "-o", str(tmp_path)]
    environment = {**os.environ, "RODFLOW_CHECKPOINT_SECONDS": "0"}

    def marks():
        paths = [tmp_path / f"{name}.nc.checkpoint" for name in NAMES]
        return [path.stat().st_mtime_ns if path.exists() else 0 for path in paths]

    resumed = 0
    for attempt in range(10):
        before = marks()
        process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        # Some while it starts, whatever that does just then, and some amid the computation.
        until = time.monotonic() + (chance.uniform(0, 2) if attempt % 2 else 300)
        while process.poll() is None and time.monotonic() < until:
            if attempt % 2 == 0 and marks() != before:
                time.sleep(chance.uniform(0, 0.15))
                break
            time.sleep(0.01)
        resumed += marks() != before
        process.kill()
        process.wait()
        assert gone(tmp_path)
    assert resumed >= 3
    assert subprocess.run(command, env=environment, stderr=subprocess.DEVNULL).returncode == 0
    for name in NAMES:
        a, b = (records.load(folder / f"{name}.nc") for folder in (recorded, tmp_path))
        xr.testing.assert_equal(a, b)
        volatile = {"date": "", "seconds": 0, "spent": 0}
        one, other = (records.content_digest(run.assign_attrs(volatile)) for run in (a, b))
        assert one == other
    left = [path.name for path in tmp_path.iterdir() if path.suffix in (".tmp", ".checkpoint")]
    assert not left


# --- what is said --------------------------------------------------------------------------------


def test_a_child_reports_its_steps_and_what_it_said(tmp_path):
    steps = []
    script = "import sys; sys.stderr.write('\\r 0/30 [?]\\r 7/30 [?]\\nwords\\n'); sys.exit(1)"
    command = [sys.executable, "-c", script]
    child = processes.Child("a", lambda step, now: steps.append(step), command, {})
    child.process.wait()
    assert child.ended() and child.failure() == "words" and child.said == ["words"]
    assert steps[0] == 0 and steps[-1] == 7


SF = RunConfig("gd", 0.1, warmup=100, steps=100, flows=("sf",), spectrum_every=0, dtype="float32")


def test_time_left_is_what_the_measured_speed_gives():
    speeds, pace = forecast.Speeds(), forecast.Pace(SF)
    assert forecast.left(speeds, [pace], [SF], 2) == (0.0, ["mlp"])
    pace.report(50, 1000.0)  # it goes on from a checkpoint
    pace.report(100, 1010.0)  # 0.2 s a gradient; a step side by side takes five
    seconds, unknown = forecast.left(speeds, [pace], [SF, SF.replace(architecture="cnn")], 2)
    assert seconds == pytest.approx(120.0) and unknown == ["cnn"]
    assert forecast.left(speeds, [pace], [SF] * 3, 2)[0] == pytest.approx(240.0)
    assert forecast.left(speeds, [pace], [SF] * 3, 1)[0] == pytest.approx(100 + 3 * 120.0)


def test_speeds_of_records_count_until_one_is_measured(recorded):
    speeds, run = forecast.Speeds(), records.load(recorded / f"{NAMES[0]}.nc")
    config = records.configuration(run)
    speeds.learn(run)
    assert speeds.left(config) == pytest.approx(run.attrs["seconds"])
    speeds.add(config, forecast.work(config), 1.0)  # too short to say anything
    assert speeds.left(config) == pytest.approx(run.attrs["seconds"])
    speeds.add(config, forecast.work(config), 999.0)
    assert speeds.left(config) == pytest.approx(500.0)


def test_the_state_is_one_line_at_the_bottom_of_a_terminal_and_rare_elsewhere(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal, file = Terminal(), io.StringIO()
    for stream in (terminal, file):
        board = sweep.Board(stream)
        board.state("x" * 500)
        board.line("done")
        board.state("y")
        board.close()
    assert terminal.getvalue().count("\n") == 1 and "\r\x1b[Kdone\n" in terminal.getvalue()
    assert "x" * 200 not in terminal.getvalue() and terminal.getvalue().endswith("\r\x1b[K")
    assert file.getvalue() == "done\n"
    monkeypatch.setattr(sweep, "EVERY", 0.0)
    sweep.Board(file).state("now")
    assert file.getvalue() == "done\nnow\n"
