"""An installation that is not editable, and a checkout that cannot be written."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rodflow_core.experiments import code

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The package as pip installs it, from a copy: pip builds beside the sources."""
    folder = tmp_path_factory.mktemp("installation")
    source = folder / "source"
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("rodflow_core", "rodflow_book"):
        shutil.copytree(ROOT / name, source / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    command = "install --quiet --no-deps --no-build-isolation --no-index --target".split()
    place = folder / "packages"
    subprocess.run([sys.executable, "-m", "pip", *command, place, source], check=True)
    shutil.rmtree(source)
    return place


def called(installed, folder, *arguments):
    # Before the checkout, which the tests' own environment has installed too.
    environment = {**os.environ, "PYTHONPATH": str(installed), "RODFLOW_CACHE": str(folder / "c")}
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True,
        timeout=300,
    )  # fmt: skip


def test_nothing_is_left_out(installed):
    def files(root):
        found = (p for name in ("rodflow_core", "rodflow_book") for p in (root / name).rglob("*"))
        return {p.relative_to(root) for p in found if p.is_file() and p.suffix != ".pyc"}

    there = files(installed)
    assert there == files(ROOT) and len(there) > 100
    assert Path("rodflow_core/experiments/scouted_cifar10.json") in there


def test_runs_are_computed_judged_and_looked_up_as_in_a_checkout(installed, tmp_path):
    run = "run --optimizer gd --preset smoke --steps 4 --warmup 3 --quiet -o run.nc".split()
    cli = ("-m", "rodflow_core.experiments.cli")
    for arguments in (run, ("info", "run.nc"), ("verify", "run.nc")):
        done = called(installed, tmp_path, *cli, *arguments)
        assert done.returncode == 0, done.stderr
    words = (
        "import rodflow_core; from rodflow_book import evidence_tables, notebook\n"
        "from rodflow_core.experiments import code, records\n"
        "print(rodflow_core.__file__, records.checkout_directory(), code.core_code())\n"
        "assert evidence_tables.tried('mlp')\n"
        "try: notebook.cited('gd', 'mlp')\n"
        "except ValueError as error: print(error)\n"
        "print(notebook.verdict(records.load('run.nc')))"
    )
    done = called(installed, tmp_path, "-c", words)
    assert done.returncode == 0, done.stderr
    first, second, *rest = done.stdout.splitlines()
    assert first == f"{installed}/rodflow_core/__init__.py None {code.core_code()}"
    assert "this installation is none; clone the repository." in second
    assert "Gradient descent on the MLP" in rest[0]


def test_a_sweep_needs_a_folder_there_and_says_so(installed, tmp_path):
    cli = ("-m", "rodflow_core.experiments.cli", "sweep", "--preset", "smoke")
    done = called(installed, tmp_path, *cli)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert "expected one, -o FOLDER" in done.stderr


@pytest.mark.parametrize("target", ["book", "test", "runs", "environment"])
def test_a_checkout_that_cannot_be_written_is_one_sentence(tmp_path, target):
    place = tmp_path / "checkout"
    place.mkdir()
    for name in ("Makefile", "requirements.txt"):
        shutil.copy(ROOT / name, place)
    # To root every folder can be written, but for those of a file system that cannot.
    script = f'mount --bind -o ro "{place}" "{place}" && cd "{place}" && touch x 2> /dev/null'
    unshared = ["unshare", "--mount", "bash", "-c"]
    if os.geteuid():
        place.chmod(0o555)
        unshared, script = ["bash", "-c"], f'cd "{place}" && touch x 2> /dev/null'
    elif (
        not shutil.which("unshare")
        or subprocess.run([*unshared, f"{script}; [[ $? = 1 ]]"]).returncode
    ):
        pytest.skip("nothing can be mounted here")
    options = "" if target == "environment" else "PY=python"
    make = f"{script}; exec make {target} {options}"
    done = subprocess.run([*unshared, make], capture_output=True, text=True, timeout=60)
    place.chmod(0o755)
    said = [line for line in done.stderr.splitlines() if not line.startswith("make")]
    assert done.returncode == 2 and len(said) == 1
    assert said[0].startswith("error: this folder cannot be written")
    assert sorted(p.name for p in place.iterdir()) == ["Makefile", "requirements.txt"]
