"""Runs -> notebooks -> figures -> book.

    snakemake --cores all --rerun-triggers params --rerun-incomplete --nolock [--config preset=cifar]

What is stale is decided by content, not by time: a clone gives every file an arbitrary time, and an
editor that saves an unchanged file gives it a new one. So every rule carries, as its parameter, a
key hashed from all that its product depends on (rodflow_book/build/content.py), and the only trigger is
`params`: a job runs again when its key differs from the one with which its product was made, when
the product is missing, or when it was left unfinished. Sources are `ancient`, for the same reason.

    run         its row of presets.py and the modules of the core that a run imports; this key
                stands in the product's name, so that a record of figures/runs can be vouched for
    notebook    its own text, the modules it imports, its runs
    book        book/, the executed notebooks and their figures
"""

import sys
from pathlib import Path

import jupytext

ROOT = Path(workflow.basedir)
sys.path[:0] = [str(ROOT)]
from rodflow_book.build.content import core_closure, digest
from rodflow_core.experiments.presets import preset

PRESET = config.get("preset", "quick")
BUILD = f"build/{PRESET}"
SOURCES = {path.stem: path for path in sorted((ROOT / "notebooks").glob("*.py"))}
# The table of presets counts through its rows, so that an edit of one row leaves the others alone.
RUN_CODE = digest(*core_closure("from rodflow_core.experiments import records", without=["presets"]))


def runs_of(name):
    """The runs a notebook names in its header, `rodflow: {runs: [adam-mlp]}`; it may name none."""
    return jupytext.read(SOURCES[name]).metadata.get("rodflow", {}).get("runs", [])


def row_of(run):
    optimizer, architecture = run.rsplit("-", 1)
    return preset(PRESET, optimizer, architecture)


def notebook_key(name):
    text = SOURCES[name].read_text(encoding="utf-8")
    rows = [ROWS[run].fingerprint for run in RUNS[name]]
    code = core_closure(text, without=["presets"] if rows else [])
    return digest(PRESET, text, ROOT / "rodflow_book/build/notebooks.py", *code, *rows)


def marker(run):
    """The file that says: the run is recorded, as this code and this row of the table make it."""
    path = ROOT / BUILD / "recorded" / f"{run}-{digest(ROWS[run].fingerprint, RUN_CODE)}"
    record = ROOT / "figures/runs" / f"{run}-{PRESET}.nc"
    if record.exists() and not path.exists():
        from rodflow_core.experiments import records as runs  # torch takes seconds: not where the answer is known

        try:
            current = runs.is_current(runs.load(record), ROWS[run])
        except ValueError:
            current = False
        if current:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    return path.relative_to(ROOT).as_posix()


RUNS = {name: runs_of(name) for name in SOURCES}
ROWS = {run: row_of(run) for runs in RUNS.values() for run in runs}
MARKERS = {run: marker(run) for run in ROWS}
NOTEBOOK_KEYS = {name: notebook_key(name) for name in SOURCES}
BOOK_KEY = digest(*NOTEBOOK_KEYS.values(), ROOT / "book", ROOT / "rodflow_book/build/assemble.py", ROOT / "rodflow_book/build/gallery.py", ROOT / "rodflow_book/build/equations.py")


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
        key=BOOK_KEY,
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
        runs=lambda wildcards: [MARKERS[run] for run in RUNS[wildcards.name]],
    output:
        notebook=f"{BUILD}/notebooks/{{name}}.ipynb",
        # Written here first: figures/ gets them when the whole book has been built.
        figures=directory(f"{BUILD}/figures/{{name}}"),
    params:
        key=lambda wildcards: NOTEBOOK_KEYS[wildcards.name],
    log:
        f"{BUILD}/logs/notebook-{{name}}.log",
    threads: 1
    shell:
        """
        echo "notebook {wildcards.name}"
        mkdir -p {output.figures}
        python -m rodflow_book.build.notebooks run {input.source} {output.notebook} \
        -d preset {PRESET} -d figures {output.figures} > {log} 2>&1 \
        || {{ tail -n 40 {log} >&2; exit 1; }}
        """


rule run:
    # The record itself is no output: Snakemake would delete it before the job starts, and with it
    # what an interrupted run has to go on from. --force replaces the record of an earlier row.
    output:
        touch(f"{BUILD}/recorded/{{run}}-{{key}}"),
    params:
        optimizer=lambda wildcards: ROWS[wildcards.run].optimizer,
        architecture=lambda wildcards: ROWS[wildcards.run].architecture,
    log:
        f"{BUILD}/logs/run-{{run}}-{{key}}.log",
    threads: 1
    shell:
        """
        echo "run {wildcards.run}, preset {PRESET}; progress in {log}"
        rm -f {BUILD}/recorded/{wildcards.run}-*
        rodflow run --optimizer {params.optimizer} --architecture {params.architecture} \
        --preset {PRESET} --force -o figures/runs/{wildcards.run}-{PRESET}.nc > {log} 2>&1 \
        || {{ tail -c 2000 {log} >&2; exit 1; }}
        """
