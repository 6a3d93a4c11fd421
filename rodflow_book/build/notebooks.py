"""Execute the book's notebooks with checked parameters.

    python -m rodflow_book.build.notebooks run notebooks/adam.py out.ipynb -p preset smoke
    python -m rodflow_book.build.notebooks smoke build/smoke

`run` executes one notebook through papermill. `smoke` writes every notebook that has a preset,
unexecuted, with the parameters of the tests: nbmake then executes them.
"""

from __future__ import annotations

import argparse
import ast
import os
import platform
import resource
import sys
from importlib import metadata
from pathlib import Path

import jupytext
import nbformat
import papermill

from rodflow_core.atomic import refusal

ROOT = Path(__file__).resolve().parents[2]
"""The checkout, in which notebooks are executed."""
PACKAGES = ("rodflow", "torch", "numpy", "scipy", "xarray", "matplotlib")
"""What is named, with its version, under every page."""


class NotebookError(ValueError):
    """A notebook, or a parameter of one, that is not what the build expects."""


def read(path: Path) -> nbformat.NotebookNode:
    """Read a notebook from its py:percent source."""
    if not path.is_file():
        raise NotebookError(f"there is no notebook {path}; those there are lie in notebooks/*.py.")
    return jupytext.read(path)


def parameters(notebook: nbformat.NotebookNode, name: str) -> dict[str, object]:
    """Give the names and defaults in the notebook's parameters cell.

    Raises:
        NotebookError: if there is not exactly one such cell, or a default is not a literal.
    """
    cells = [c for c in notebook.cells if "parameters" in c.metadata.get("tags", [])]
    if len(cells) != 1:
        raise NotebookError(f'{name} has {len(cells)} cells tagged "parameters"; it needs one.')
    found: dict[str, object] = {}
    for node in ast.parse(cells[0].source).body:
        if isinstance(node, ast.AnnAssign):
            targets: list[ast.expr] = [node.target]
        elif isinstance(node, ast.Assign):
            targets = node.targets
        else:
            targets = []
        if not targets or not all(isinstance(t, ast.Name) for t in targets):
            raise NotebookError(f"the parameters cell of {name} may hold only `name = value`.")
        try:
            value = ast.literal_eval(node.value)
        except ValueError as error:
            raise NotebookError(
                f"a default in the parameters cell of {name} must be a literal, "
                f"not `{ast.unparse(node.value)}`."
            ) from error
        found.update({t.id: value for t in targets})
    return found


def check(given: dict[str, object], known: dict[str, object], name: str) -> None:
    """Refuse a parameter that the notebook does not have; papermill itself would only warn."""
    for key in given:
        if key not in known:
            raise NotebookError(f"{name} has no parameter {key!r}; it has {', '.join(known)}.")


def where_known(wanted: dict[str, object], known: dict[str, object]) -> dict[str, object]:
    """Keep what the notebook has a parameter for; the analytic ones have no preset."""
    return {key: value for key, value in wanted.items() if key in known}


def peak_memory_of_children() -> float:
    """Give the most memory that a process held which this one started and saw end, in MB.

    After a notebook has been executed, that is its kernel.
    """
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    # In bytes on macOS, elsewhere in units of 1,024 bytes.
    return round(most * (1 if sys.platform == "darwin" else 1024) / 1e6, 1)


def run(source: Path, output: Path, given: dict[str, object]) -> None:
    """Execute a notebook; the output appears only once all of it has succeeded."""
    notebook = read(source)
    known = parameters(notebook, source.name)
    check(given, known, source.name)
    # What equals the default is left out, so that a page shows its parameters once.
    given = {key: value for key, value in given.items() if value != known[key]}
    output.parent.mkdir(parents=True, exist_ok=True)
    unfinished = output.with_suffix(".unfinished.ipynb")
    try:
        done = papermill.execute_notebook(
            notebook,
            unfinished,
            parameters=given,
            cwd=ROOT,
            kernel_name="python3",
            language="python",
            progress_bar=False,
        )
        _sign(done, source, {**known, **given})
        nbformat.write(done, unfinished)
        unfinished.replace(output)
    except OSError as error:  # half a notebook helps nobody; one with an error in a cell does
        unfinished.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, error.filename or str(output)) from error


def _sign(done: nbformat.NotebookNode, source: Path, given: dict[str, object]) -> None:
    """Note in a notebook what it was executed from, and on what."""
    done.metadata["rodflow"] = {
        **done.metadata.get("rodflow", {}),
        "source": source.name,
        "seconds": round(done.metadata.papermill.duration, 1),
        "parameters": given,
        "peak_memory_mb": peak_memory_of_children(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        "versions": {package: metadata.version(package) for package in PACKAGES},
    }


def smoke(folder: Path) -> None:
    """Write notebooks with the tests' parameters, figures going to a folder of their own.

    One without a preset has nothing smaller to run; the build of the book executes it.
    """
    sources = sorted((ROOT / "notebooks").glob("*.py"))
    if not sources:
        raise NotebookError("notebooks/ holds no .py notebook to test.")
    (folder / "notebooks").mkdir(parents=True, exist_ok=True)
    for old in (folder / "notebooks").glob("*.ipynb"):
        old.unlink()
    for source in sources:
        notebook = read(source)
        wanted = {"preset": "smoke", "figures": str((folder / "figures").resolve())}
        known = parameters(notebook, source.name)
        if "preset" not in known:
            continue
        given = where_known(wanted, known)
        # nbmake starts a kernel by the notebook's own word; all of ours are the running Python's.
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
        target = folder / "notebooks" / f"{source.stem}.ipynb"
        papermill.execute_notebook(
            notebook, target, parameters=given, language="python", prepare_only=True
        )


def _value(text: str) -> object:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("run", help="execute one notebook")
    one.add_argument("source", type=Path)
    one.add_argument("output", type=Path)
    one.add_argument(
        "-p",
        nargs=2,
        action="append",
        default=[],
        metavar=("NAME", "VALUE"),
        dest="given",
        help="set a parameter; may be repeated",
    )
    one.add_argument(
        "-d",
        nargs=2,
        action="append",
        default=[],
        metavar=("NAME", "VALUE"),
        dest="wanted",
        help="the same, but only where the notebook has it",
    )
    tests = commands.add_parser("smoke", help="write all notebooks with the tests' parameters")
    tests.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    try:
        if arguments.command == "run":
            known = parameters(read(arguments.source), arguments.source.name)
            given = where_known(dict(arguments.wanted), known) | dict(arguments.given)
            given = {key: _value(value) for key, value in given.items()}
            run(arguments.source, arguments.output, given)
        else:
            smoke(arguments.folder)
    except (NotebookError, papermill.exceptions.PapermillExecutionError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: {refusal(error)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
