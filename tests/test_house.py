"""The rules of the house: what is said, what size it has, which way imports go."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FLOORS = ("rodflow_core", "rodflow_book", "tests", "benchmarks")
SOURCES = sorted(path for floor in FLOORS for path in (ROOT / floor).rglob("*.py"))
TOOLS = Path(sys.executable).parent

# A file is one idea, a function one thought. What may be longer stands here, until it is split.
LONG_FILES = {
    "rodflow_core/experiments/runs.py",
    "rodflow_core/flows.py",
    "rodflow_core/integrators.py",
    "rodflow_core/objective.py",
    "rodflow_core/optimizers.py",
    "tests/core/test_integrators.py",
    "tests/core/test_lockstep.py",
    "tests/experiments/test_records.py",
}
LONG_FUNCTIONS = {"rodflow_core/spectrum.py:_iterate"}
MOST_LINES, MOST_LINES_OF_A_FUNCTION = 400, 60


def name_of(path):
    return path.relative_to(ROOT).as_posix()


def parse(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def tool(name, *arguments, cwd=ROOT, **environment):
    return subprocess.run(
        [str(TOOLS / name), *arguments],
        cwd=cwd,
        env=os.environ | environment,
        text=True,
        capture_output=True,
        timeout=300,
    )


def definitions(node, prefix=""):
    """Give the public functions, classes and methods that a module defines, by dotted name."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if not child.name.startswith("_"):
                yield f"{prefix}{child.name}", child
                if isinstance(child, ast.ClassDef):
                    yield from definitions(child, f"{child.name}.")
        elif isinstance(child, ast.If | ast.Try):
            yield from definitions(child, prefix)


def test_everything_public_in_the_core_says_what_it_is():
    silent, seen = [], 0
    for path in (path for path in SOURCES if name_of(path).startswith("rodflow_core/")):
        tree = parse(path)
        found = [("(module)", tree), *definitions(tree)]
        seen += len(found)
        silent += [f"{name_of(path)}:{name}" for name, d in found if not ast.get_docstring(d)]
    assert seen > 200
    assert not silent, "no docstring: " + ", ".join(silent)


def test_docstrings_are_in_form():
    done = tool("ruff", "check", "--select", "D", "--no-cache", "rodflow_core", "rodflow_book")
    assert done.returncode == 0, done.stdout


def test_every_source_is_checked():
    """Among them `rodflow_book/build`, whose name is that of what a build makes elsewhere."""
    done = tool("ruff", "check", "--show-files", ".")
    checked = {Path(line).resolve() for line in done.stdout.splitlines()}
    missed = {*SOURCES, *(ROOT / "notebooks").glob("*.py")} - checked
    assert not missed, ", ".join(map(name_of, missed))


def test_long_files_and_functions_are_known():
    """The lists say neither too little nor too much: what was split leaves them."""
    files = {p for p in SOURCES if len(p.read_text("utf-8").splitlines()) > MOST_LINES}
    assert {name_of(path) for path in files} == LONG_FILES
    functions = {
        f"{name_of(path)}:{node.name}"
        for path in SOURCES
        for node in ast.walk(parse(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno - node.lineno + 1 > MOST_LINES_OF_A_FUNCTION
    }
    assert functions == LONG_FUNCTIONS


CORE, RUNS = "rodflow_core/", "rodflow_core/experiments/"
PLANTED = {
    "core looks at experiments": (CORE + "flows.py", "import rodflow_core.experiments.runs"),
    "core looks at the book": (CORE + "flows.py", "import rodflow_book.tables"),
    "experiments look at the book": (RUNS + "runs.py", "import rodflow_book"),
    "core draws": (CORE + "theory/__init__.py", "import matplotlib.pyplot"),
    "experiments do algebra": (RUNS + "scout.py", "import sympy"),
    "experiments use pandas": (RUNS + "records.py", "from pandas import DataFrame"),
    "core displays, later": (CORE + "memory.py", "def f():\n    import IPython.display"),
    "a module on no floor": (CORE + "attic.py", "import math"),
}


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("house")
    for package in ("rodflow_core", "rodflow_book"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, folder / package, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def contracts(folder):
    return tool("lint-imports", "--no-cache", cwd=folder, PYTHONPATH=str(folder))


def test_imports_go_down_only(copy):
    done = contracts(copy)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path, line", PLANTED.values(), ids=PLANTED)
def test_an_import_that_goes_up_is_seen(copy, path, line):
    file = copy / path
    before = file.read_text(encoding="utf-8") if file.exists() else None
    try:
        file.write_text(f"{before or ''}\n{line}\n", encoding="utf-8")
        done = contracts(copy)
        assert done.returncode == 1 and "Could not" not in done.stdout, done.stdout + done.stderr
    finally:
        file.unlink()
        if before is not None:
            file.write_text(before, encoding="utf-8")


def test_no_module_imports_a_page():
    pages = {path.stem for path in (ROOT / "notebooks").glob("*.py")}
    for path in (p for p in SOURCES if name_of(p).startswith(("rodflow_core/", "rodflow_book/"))):
        for node in ast.walk(parse(path)):
            if isinstance(node, ast.Import):
                named = [alias.name for alias in node.names]
            else:
                named = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            tops = {name.partition(".")[0] for name in named if not getattr(node, "level", 0)}
            assert not tops & (pages | {"notebooks"}), f"{name_of(path)} imports a page"
