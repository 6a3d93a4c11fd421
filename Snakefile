"""Runs -> notebooks -> figures -> book.

    snakemake --cores all --rerun-triggers params --rerun-incomplete --nolock [--config preset=cifar]

What is stale is decided by content, not by time: a clone gives every file an arbitrary time, and an
editor that saves an unchanged file gives it a new one. So every rule carries, as its parameter, a
key hashed from all that its product depends on (rodflow_book/build/content.py), and the only
trigger is `params`: a job runs again when its key differs from the one with which its product was
made, when the product is missing, or when it was left unfinished. Sources are `ancient`, for the
same reason.

    record      where a recorded run is not surely current: looked at, replayed, made again if need be
    notebook    its own text, the modules it imports, its runs and their records, the environment
    book        book/, the executed notebooks and their figures

Snakemake asks for a job's parameters twice: to see whether it is stale, and again when its inputs
are there, which is what it notes down. So a key may count in a record that an earlier job makes.
Nothing is written while this file is read.
"""

import sys
from pathlib import Path

import jupytext

ROOT = Path(workflow.basedir)
sys.path[:0] = [str(ROOT)]
from rodflow_book.build.content import closure, digest
from rodflow_core.experiments import records
from rodflow_core.experiments.code import core_code
from rodflow_core.experiments.presets import PRESETS, preset

PRESET = str(config.get("preset", "quick"))
if PRESET not in PRESETS:
    sys.exit(f"error: unknown preset {PRESET!r}; expected one of {', '.join(PRESETS)}.")
BUILD = f"build/{PRESET}"
SOURCES = {path.stem: path for path in sorted((ROOT / "notebooks").glob("*.py"))}
ENVIRONMENT = ROOT / "requirements.txt"
RECORDS = ROOT / "figures/runs"


def runs_of(name):
    """The runs a notebook names in its header, `rodflow: {runs: [adam-mlp]}`; it may name none."""
    return jupytext.read(SOURCES[name]).metadata.get("rodflow", {}).get("runs", [])


def row_of(run):
    optimizer, architecture = run.rsplit("-", 1)
    return preset(PRESET, optimizer, architecture)


def record_of(run):
    return RECORDS / f"{run}-{PRESET}.nc"


def content_of(run):
    """The record's bytes as they are now, or nothing where there is none."""
    return digest(record_of(run)) if record_of(run).is_file() else ""


def notebook_key(name):
    text = SOURCES[name].read_text(encoding="utf-8")
    rows = [ROWS[run].fingerprint + content_of(run) for run in RUNS[name]]
    # Of the presets its own rows count, and not those of others.
    code = closure(text, without=["rodflow_core.experiments.presets"] if rows else [])
    made = ROOT / "rodflow_book/build/notebooks.py"
    return digest(PRESET, text, made, ENVIRONMENT, *code, *rows)


def book_key():
    modules = ("assemble", "publish", "gallery", "equations")
    made = [ROOT / f"rodflow_book/build/{name}.py" for name in modules]
    return digest(*map(notebook_key, SOURCES), ROOT / "book", *made)


RUNS = {name: runs_of(name) for name in SOURCES}
ROWS = {run: row_of(run) for runs in RUNS.values() for run in runs}
# What a record's look is called: by all that it may depend on. A record of this very code and row
# needs none; one that is damaged, or lost, does.
LOOKS = {
    run: f"{run}-{digest(ROWS[run].fingerprint, core_code(), content_of(run))}"
    for run in ROWS
    if not records.vouched(record_of(run), ROWS[run])
}


wildcard_constraints:
    run="[^/]+",
    key="[0-9a-f]{16}",
    name="[^/]+",


localrules:
    book,


rule book:
    input:
        notebooks=expand(f"{BUILD}/notebooks/{{name}}.ipynb", name=SOURCES),
        figures=expand(f"{BUILD}/figures/{{name}}", name=SOURCES),
    output:
        f"{BUILD}/html/index.html",
    params:
        key=lambda wildcards: book_key(),
    log:
        f"{BUILD}/logs/book.log",
    shell:
        # The new site takes the old one's place only once it is whole.
        """
        echo "book"
        (python -m rodflow_book.build.assemble {BUILD} \
        && NO_COLOR=1 jupyter-book build -W --keep-going {BUILD}/source) > {log} 2>&1 \
        || {{ grep -iE 'warning|error' {log} >&2; exit 1; }}
        rm -rf {BUILD}/html && mv {BUILD}/source/_build/html {BUILD}/html
        """


rule notebook:
    input:
        source=ancient("notebooks/{name}.py"),
        runs=lambda wildcards: [
            f"{BUILD}/recorded/{LOOKS[run]}" for run in RUNS[wildcards.name] if run in LOOKS
        ],
    output:
        notebook=f"{BUILD}/notebooks/{{name}}.ipynb",
        # Written here first: figures/ gets them when the whole book has been built.
        figures=directory(f"{BUILD}/figures/{{name}}"),
    params:
        key=lambda wildcards: notebook_key(wildcards.name),
    log:
        f"{BUILD}/logs/notebook-{{name}}.log",
    threads: 1
    shell:
        """
        echo "notebook {wildcards.name}"
        mkdir -p {output.figures}
        RODFLOW_CITE=1 python -m rodflow_book.build.notebooks run {input.source} {output.notebook} \
        -d preset {PRESET} -d figures {output.figures} > {log} 2>&1 \
        || {{ tail -n 40 {log} >&2; exit 1; }}
        """


rule record:
    # The record itself is no output: Snakemake would delete it before the job starts, and with it
    # what an interrupted run has to go on from. The command looks at it first: one implementation
    # for the build, the notebooks and the shell. The mark of a look goes when the notebooks that
    # asked for it are made, so that no old one speaks for a record that was lost since.
    output:
        temp(touch(f"{BUILD}/recorded/{{run}}-{{key}}")),
    params:
        optimizer=lambda wildcards: ROWS[wildcards.run].optimizer,
        architecture=lambda wildcards: ROWS[wildcards.run].architecture,
    log:
        f"{BUILD}/logs/run-{{run}}-{{key}}.log",
    threads: 1
    shell:
        """
        echo "run {wildcards.run}, preset {PRESET}; progress in {log}"
        rodflow run --optimizer {params.optimizer} --architecture {params.architecture} \
        --preset {PRESET} --force -o figures/runs/{wildcards.run}-{PRESET}.nc > {log} 2>&1 \
        || {{ tail -c 2000 {log} >&2; exit 1; }}
        """
