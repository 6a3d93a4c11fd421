"""Runs -> notebooks -> figures -> book.

    F="--cores all --rerun-triggers params --rerun-incomplete --nolock --config preset=quick"
    snakemake $F records && snakemake $F

What is stale is decided by content, not by time: a clone gives every file an arbitrary time, and an
editor that saves an unchanged file gives it a new one. So every rule carries, as its parameter, a
key hashed from all that its product depends on (rodflow_book/build/content.py), and the only
trigger is `params`: a job runs again when its key differs from the one with which its product was
made, when the product is missing, or when it was left unfinished. Sources are `ancient`, for the
same reason.

    record      where a recorded run is not surely current: looked at, replayed, made again if need be
    sweep_row   the same for every row of a preset, one job each, for a cluster (target: runs)
    notebook    its own text, the modules it imports, its runs and their records, the environment
    book        book/, the executed notebooks and their figures

Keys are taken while this file is read, and a record counts in them by its content. Therefore two
calls: the first sees to the records, the second finds them as they are. The second alone is right
too, but makes a page once more, later, whose record it made itself.

Nothing is written while this file is read.
"""

import functools
import shlex
import sys
import time
from pathlib import Path

ROOT = Path(workflow.basedir)
sys.path[:0] = [str(ROOT)]
from rodflow_book.build import api
from rodflow_book.build.content import closure, digest, header
from rodflow_core.experiments import records
from rodflow_core.experiments.code import core_code
from rodflow_core.experiments.presets import PRESETS, preset, rows

PRESET = str(config.get("preset", "quick"))
if PRESET not in PRESETS:
    sys.exit(f"error: unknown preset {PRESET!r}; expected one of {', '.join(PRESETS)}.")
BUILD = f"build/{PRESET}"
SOURCES = {path.stem: path for path in sorted((ROOT / "notebooks").glob("*.py"))}
ENVIRONMENT = ROOT / "requirements.txt"
RECORDS = ROOT / "figures/runs"
# Of the target `runs`: where its records go, and on which device they are made.
FOLDER = Path(str(config.get("folder", RECORDS)))
DEVICE = str(config.get("device", ""))
if DEVICE and "folder" not in config:
    sys.exit("error: a device has no place among the records that are cited; expected folder=... too.")


def needs_of(name, kind):
    """What a notebook names in its header, `rodflow: {runs: [adam-mlp], files: [...]}`, if it does."""
    return header(SOURCES[name].read_text(encoding="utf-8")).get("rodflow", {}).get(kind, [])


def files_of(name):
    """The files that a notebook names, or names by a pattern; what matches one may be none."""
    for pattern in needs_of(name, "files"):
        yield from sorted(ROOT.glob(pattern)) if "*" in pattern else [ROOT / pattern]


def row_of(run):
    optimizer, architecture = run.rsplit("-", 1)
    return preset(PRESET, optimizer, architecture)


def record_of(run):
    return RECORDS / f"{run}-{PRESET}.nc"


def notebook_key(name):
    text = SOURCES[name].read_text(encoding="utf-8")
    rows = [ROWS[run].fingerprint + CONTENT[run] for run in RUNS[name]]
    # Of the presets its own rows count, and not those of others.
    code = closure(text, without=["rodflow_core.experiments.presets"] if rows else [])
    made = ROOT / "rodflow_book/build/notebooks.py"
    return digest(PRESET, text, made, ENVIRONMENT, *code, *rows, *files_of(name))


def look(run):
    """The file that says: the record was looked at, as it is, with this code and this row."""
    # One that is not there has to be made, whatever was looked at before: its name is always new.
    content = CONTENT[run] or str(time.time_ns())
    return f"{BUILD}/recorded/{run}-{digest(ROWS[run].fingerprint, core_code(), content)}"


@functools.cache
def sweep_rows():
    """Every row of the preset, by the name of its file; read when `runs` is asked for."""
    found = rows(PRESET)
    return {name: row.replace(device=DEVICE) for name, row in found.items()} if DEVICE else found


def sweep_looks(wildcards):
    """What says of each row that is not surely current that it was looked at: names as in `look`."""
    looks = []
    for name, row in sweep_rows().items():
        path = FOLDER / f"{name}.nc"
        if not records.vouched(path, row):
            content = digest(path) if path.is_file() else str(time.time_ns())
            key = digest(str(FOLDER), row.fingerprint, core_code(), content)
            looks.append(f"{BUILD}/swept/{name}-{key}")
    return looks


RUNS = {name: needs_of(name, "runs") for name in SOURCES}
ROWS = {run: row_of(run) for runs in RUNS.values() for run in runs}
CONTENT = {run: digest(record_of(run)) if record_of(run).is_file() else "" for run in ROWS}
# A record of this very code and row needs no look; one that is damaged or not there does.
LOOKS = {run: look(run) for run in ROWS if not records.vouched(record_of(run), ROWS[run])}
NOTEBOOK_KEYS = {name: notebook_key(name) for name in SOURCES}
ASSEMBLED = (
    "api", "api_source", "api_text", "assemble", "checkout", "citation", "equations", "explorer",
    "gallery", "lighter", "pdf", "plain", "publish", "rerun", "site_figures", "status",
)
EXPLORER = ROOT / "rodflow_book/build/explorer.py"
BOOK_KEY = digest(
    *NOTEBOOK_KEYS.values(),
    ROOT / "book",
    *(ROOT / f"rodflow_book/build/{name}.py" for name in ASSEMBLED),
    # The explorer shows every record; of the presets it has only what the records say themselves.
    *sorted(RECORDS.glob("*.nc")),
    *closure(EXPLORER.read_text(encoding="utf-8"), without=["rodflow_core.experiments.presets"]),
    # The reference shows docstrings, so of these files words count too.
    *(path.read_text(encoding="utf-8") for path in api.sources(ROOT)),
    *(ROOT / name for name in ("CITATION.cff", "LICENSE", "LICENSE-text") if (ROOT / name).is_file()),
)


wildcard_constraints:
    run="[^/]+",
    row="[^/]+",
    key="[0-9a-f]{16}",
    name="[^/]+",


localrules:
    book,
    records,
    runs,


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


rule records:
    input:
        LOOKS.values(),


rule runs:
    input:
        sweep_looks,


rule notebook:
    input:
        source=ancient("notebooks/{name}.py"),
        runs=lambda wildcards: [LOOKS[run] for run in RUNS[wildcards.name] if run in LOOKS],
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
        echo notebook {wildcards.name:q}
        mkdir -p {output.figures:q}
        RODFLOW_CITE=1 python -m rodflow_book.build.notebooks run {input.source:q} \
        {output.notebook:q} -d preset {PRESET} -d figures {output.figures:q} > {log:q} 2>&1 \
        || {{ tail -n 40 {log:q} >&2; exit 1; }}
        """


rule record:
    # The record itself is no output: Snakemake would delete it before the job starts, and with it
    # what an interrupted run has to go on from. The command looks at it first: one implementation
    # for the build, the notebooks and the shell.
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
        echo run {wildcards.run:q}, preset {PRESET}\\; progress in {log:q}
        rm -f {BUILD}/recorded/{wildcards.run:q}-*
        rodflow run --optimizer {params.optimizer:q} --architecture {params.architecture:q} \
        --preset {PRESET} --force -o figures/runs/{wildcards.run:q}-{PRESET}.nc > {log:q} 2>&1 \
        || {{ tail -c 2000 {log:q} >&2; exit 1; }}
        """


rule sweep_row:
    # As `record`, for what `rodflow sweep` computes on one machine. A job that was killed goes on
    # from the checkpoint beside its record, on whatever node: the folder is one that all of them see.
    output:
        touch(f"{BUILD}/swept/{{row}}-{{key}}"),
    params:
        device=f"--device {shlex.quote(DEVICE)}" if DEVICE else "",
        folder=shlex.quote(str(config.get("folder", "figures/runs"))),
    log:
        f"{BUILD}/logs/row-{{row}}-{{key}}.log",
    threads: 1
    resources:
        mem_mb=4000,
        runtime=1440,
    shell:
        """
        echo row {wildcards.row:q}\\; progress in {log:q}
        rm -f {BUILD}/swept/{wildcards.row:q}-????????????????
        rodflow run --row {wildcards.row:q} {params.device} --force \
        -o {params.folder}/{wildcards.row:q}.nc > {log:q} 2>&1 \
        || {{ tail -c 2000 {log:q} >&2; exit 1; }}
        """
