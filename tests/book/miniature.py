"""A small project under the real Snakefile, and stand-ins for what its rules call."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

RECORD = Path("figures/runs/adam-mlp-quick.nc")

NOTEBOOK = """\
# ---
# jupyter:
#   rodflow:
#     runs: [adam-mlp]
#     files: [figures/runs/*-cifar.nc]
# ---

# %% tags=["parameters"]
preset = "quick"
figures = "figures"

# %%
from rodflow_core.experiments import runs
"""

CORE = {
    "rodflow_core/__init__.py": "",
    "rodflow_core/flows.py": '"""Flows."""\n\nFACTOR = 2.0\n',
    "rodflow_core/experiments/__init__.py": "",
    "rodflow_core/experiments/central.py": "UNUSED = 1\n",
    "rodflow_core/experiments/records.py": """\
from rodflow_core.experiments.code import core_code


def written(row, numbers):
    return f"{row.fingerprint} {core_code()} {numbers}"


def vouched(path, row):
    return path.is_file() and path.read_text().startswith(f"{row.fingerprint} {core_code()} ")
""",
    "rodflow_core/experiments/runs.py": (
        "from rodflow_core.flows import FACTOR\nfrom rodflow_core.experiments import presets\n"
    ),
    "rodflow_core/experiments/presets.py": """\
from types import SimpleNamespace

PRESETS = ("quick",)
ROWS = {"adam": 1, "gd": 1}


def preset(name, optimizer, architecture):
    return SimpleNamespace(
        optimizer=optimizer, architecture=architecture,
        fingerprint=f"{name}{ROWS[optimizer]}", name=f"{optimizer}-{architecture}",
    )


def rows(name):
    return {f"{o}-mlp-{name}{end}": preset(name, o, "mlp") for o in ROWS for end in ("", "-seed1")}
""",
    **{
        f"rodflow_core/experiments/{name}.py": ""
        for name in ("architectures", "config", "data", "parameters", "problem")
    },
    "requirements.txt": "torch==1\n",
}

# Stand-ins that note that they were called, and make what the rule expects.
STUBS = {
    # It writes the record, as the command does: with the row and the code of today.
    "rodflow": """mkdir -p figures/runs
if [[ $2 == --row ]]; then
[[ -e refuse ]] && echo "rodflow: error: refused." >&2 && exit 2
echo "row $3" >> calls
exec python3 - "$3" "${@: -1}" <<'END'
import sys
sys.path[:0] = ["."]
from rodflow_core.experiments import presets, records
open(sys.argv[2], "w").write(records.written(presets.rows("quick")[sys.argv[1]], "made"))
END
fi
echo "run $3-$5" >> calls
[[ -e keep ]] || python3 - "$3" "$5" <<'END'
import sys
sys.path[:0] = ["."]
from rodflow_core.experiments import presets, records
row = presets.preset("quick", *sys.argv[1:])
open(f"figures/runs/{row.name}-quick.nc", "w").write(records.written(row, "made"))
END""",
    "python": 'case "$2" in *.notebooks) echo "notebook $4" >> calls; touch "$5";; esac',
    "jupyter-book": 'echo book >> calls; mkdir -p "${@: -1}/_build/html"\n'
    'touch "${@: -1}/_build/html/index.html"',
}


@pytest.fixture
def project(tmp_path):
    """A small project under the real Snakefile: two notebooks, a core of four modules."""
    shutil.copy(ROOT / "Snakefile", tmp_path)
    for name, text in CORE.items():
        write(tmp_path / name, text)
    for name in ("rodflow_book/__init__.py", "rodflow_book/build/__init__.py"):
        write(tmp_path / name, "")
    for name in ("rodflow_book/build", "rodflow_core/experiments/code.py"):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tmp_path / name, dirs_exist_ok=True)
        else:
            shutil.copy(ROOT / name, tmp_path / name)
    write(tmp_path / "notebooks" / "adam.py", NOTEBOOK)
    write(tmp_path / "notebooks" / "rod.py", '# %% tags=["parameters"]\nfigures = "figures"\n')
    write(tmp_path / "book" / "_toc.yml", "root: index\n")
    for name, text in STUBS.items():
        write(tmp_path / "bin" / name, f"#!/bin/bash\n{text}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    return tmp_path


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


FLAGS = ("--cores", "2", "--rerun-triggers", "params", "--rerun-incomplete", "--nolock", "--quiet",
         "host")  # fmt: skip


def snakemake(project, *arguments, program=(sys.executable, "-m", "snakemake")):
    """Call Snakemake as the Makefile does, with the stand-ins before everything else."""
    path = f"{project / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        [*program, *FLAGS, *arguments],
        cwd=project,
        text=True,
        env={**os.environ, "PATH": path, "XDG_CACHE_HOME": str(project.parent / "cache")},
        capture_output=True,
        timeout=600,
    )
