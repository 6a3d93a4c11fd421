"""The explorer's numbers: every recorded run as small script files that a page loads on demand.

    python -m rodflow_book.build.explorer build/quick/source/site

A page opened from disk may fetch nothing, but it may insert a `<script>`. So `explorer/index.js`
says which runs there are, what was run and how the book judges it, and `explorer/runs/*.js` hold
the numbers, rounded to `pack.DIGITS` significant digits, every recorded step of them. A run of more
than `LIMIT` numbers has several files, each with some of its quantities.

What is judged here is judged by `rodflow_book.notebook`, as on the other pages.
"""

from __future__ import annotations

import functools
import json
import re
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import xarray as xr
import yaml

from rodflow_book import notebook
from rodflow_book.build import explorer_words as words
from rodflow_book.build.pack import DIGITS, packed, rounded
from rodflow_book.figures.style import dark_twin, line
from rodflow_core.experiments import judge, presets, records
from rodflow_core.experiments.config import RunConfig
from rodflow_core.optimizers import OPTIMIZERS
from rodflow_core.quantities import OF_SOLVE, OPTIMIZER

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 60_000
"""Numbers in a file, unless a single quantity has more: some 200 kB."""


class Shown(NamedTuple):
    """How a quantity is shown.

    Attributes:
        title: in words.
        log: whether its axis is logarithmic unless the reader wants it linear.
    """

    title: str
    log: bool = False


SHARPNESS = "preconditioned_sharpness"
"""The kind that is shown over its threshold, eigenvalue by eigenvalue."""
QUANTITIES: Mapping[str, Shown] = {
    SHARPNESS: Shown("sharpness over threshold"),
    f"{SHARPNESS}_2": Shown("second eigenvalue over threshold"),
    f"{SHARPNESS}_3": Shown("third eigenvalue over threshold"),
    "distance": Shown("distance between centres", True),
    "loss": Shown("loss at the centre", True),
    "iterate_loss": Shown("loss at the iterates", True),
    "delta_norm": Shown("half-displacement |δ|"),
    "mu_norm": Shown("first-moment half-displacement |μ|"),
    "alignment": Shown("alignment |cos(δ, δ of the optimizer)|"),
    "nu_norm": Shown("second moment |ν|", True),
    "oscillation": Shown("oscillation |w(t) − 2w(t−1) + w(t−2)|/4"),
    "drift": Shown("drift |w(t) − w(t−2)|/4"),
    "mu_oscillation": Shown("oscillation of the first moment"),
    "step_size": Shown("mean effective step size"),
    "spread": Shown("spread of the oscillation's covariance"),
    "effective_rank": Shown("effective rank of the oscillation's covariance"),
    "sharpness": Shown("sharpness without preconditioner"),
    "critical": Shown("directions at the threshold"),
    "complementarity": Shown("residual of the complementarity problem", True),
}
"""In the order of the menu; a kind that is not here comes after these, under its own name."""

_DATA = {"digits": "Digits", "cifar10": "CIFAR-10"}
# A model that is integrated more finely has the colour of the same model, and a line of its own.
_FINER = {"fine": (8.0, 2.0, 1.0, 2.0), "finer": (2.0, 3.0)}


# --- numbers -------------------------------------------------------------------------------------


def series(run: xr.Dataset) -> dict[str, dict[str, xr.DataArray]]:
    """Give what is shown of a run: by kind, in the order of the menu, and by trajectory.

    Left out is what is finite nowhere, as a first moment of an optimizer that has none, and what is
    said of an eigensolve instead of the run. Preconditioned sharpness is divided by its threshold.
    """
    found: dict[str, dict[str, xr.DataArray]] = {}
    for variable in run.data_vars.values():
        kind, tag = variable.attrs.get("kind"), variable.attrs.get("trajectory")
        if kind is None or any(kind.endswith(f"_{name}") for name in OF_SOLVE):
            continue
        columns = {kind: variable}
        if variable.ndim == 2:
            variable = records.converged(run, str(variable.name))
            over = run.attrs["threshold"] if kind == SHARPNESS else 1.0
            names = [kind, *(f"{kind}_{i}" for i in range(2, variable.shape[1] + 1))]
            columns = {name: variable[:, i] / over for i, name in enumerate(names)}
        for name, values in columns.items():
            if bool(values.notnull().any()):
                units = "1" if kind == SHARPNESS else str(variable.attrs.get("units", ""))
                found.setdefault(name, {})[str(tag)] = values.assign_attrs(units=units)
    known = [kind for kind in QUANTITIES if kind in found]
    return {kind: found[kind] for kind in (*known, *sorted(set(found) - set(known)))}


def parts(run: xr.Dataset) -> list[dict[str, dict[str, xr.DataArray]]]:
    """Divide the numbers of a run into files: of each, the quantities by kind."""
    files: list[dict[str, dict[str, xr.DataArray]]] = [{}]
    for kind, by_tag in series(run).items():
        held = sum(values.size for by in files[-1].values() for values in by.values())
        if files[-1] and held + sum(values.size for values in by_tag.values()) > LIMIT:
            files.append({})
        files[-1][kind] = by_tag
    return files


def script(name: str, run: xr.Dataset, part: Mapping[str, Mapping[str, xr.DataArray]]) -> str:
    """Give a file of numbers: a script that hands them over.

    Args:
        name: under which the page asks for it.
        run: a recorded run.
        part: of what `parts` gives.
    """
    steps = {
        str(dim): [int(v) for v in run[dim].to_numpy()]
        for dim in ("step", "spectrum_step")
        if dim in run.coords
    }
    return (
        "(window.rodflowExplorerData=window.rodflowExplorerData||{})"
        f'[{json.dumps(name)}]="{packed(part, steps=steps)}";\n'
    )


# --- the index -----------------------------------------------------------------------------------


@functools.cache
def rows() -> frozenset[str]:
    """Give the names of all that the presets record."""
    return frozenset(name for kind in presets.PRESETS for name in presets.rows(kind))


def entry(name: str, run: xr.Dataset, files: list[dict], site: Path) -> dict:
    """Give what the index says of a run: what it is, what is judged, where its numbers are.

    Args:
        name: of the record's file, without its suffix.
        run: the record.
        files: of its numbers, as `parts` gives them.
        site: of the book, of which links are given.
    """
    config = records.configuration(run)
    entries = records.flows(run)
    base = words.base_of(config)
    named = name in rows()
    row = base is not None and not base.differences(config)
    beside = site / "figures" / "runs" / f"{name}.nc"
    return {
        "name": name,
        "optimizer": config.optimizer,
        "title": OPTIMIZERS[config.optimizer].title,
        "architecture": config.architecture,
        "data": config.data,
        "variant": "" if row else words.changes(config, base),
        "planned": named,
        "steps": [int(run["step"][0]), int(run["step"][-1])],
        "threshold": rounded(run.attrs["threshold"]),
        "models": {tag: words.label(tag, entries) for tag in (OPTIMIZER, *entries)},
        "hidden": words.hidden(name, entries),
        "kinds": {kind: i for i, part in enumerate(files) for kind in part},
        "files": len(files),
        "made": words.made(run),
        **words.judged(run),
        "chapter": f"notebooks/{config.optimizer}.html",
        "command": f"rodflow run --row {name} -o {name}.nc" if named
        else f"rodflow verify {shlex.quote(f'figures/runs/{name}.nc')}",
        "record": quote(f"figures/runs/{name}.nc") if beside.is_file() else "",
    }  # fmt: skip


def look(tag: str) -> dict[str, object]:
    """Give colours and line of a trajectory, as in the figures."""
    base, _, finer = tag.partition("_")
    drawn = line(base)
    light = str(drawn["color"])
    colours = {"light": light, "dark": dark_twin(light)}
    dashes = drawn["linestyle"][1] if isinstance(drawn["linestyle"], tuple) else ()
    width = 1.4 if finer else float(drawn["linewidth"])
    # In units of the width, as matplotlib has them; a picture wants them in its own.
    pattern = [round(width * dash, 2) for dash in (_FINER[finer] if finer in _FINER else dashes)]
    return {**colours, "width": width, "dash": pattern, "order": float(drawn["zorder"])}


def cite() -> str:
    """Say how what is downloaded is to be cited, from ``CITATION.cff``."""
    cff = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    paper = cff["references"][0]
    names = " and ".join(author["family-names"] for author in paper["authors"])
    return (
        f"{names} ({paper['year']}), {paper['title']}, {paper['identifiers'][0]['value']}; "
        f"{cff['title']}, version {cff['version']}"
    )


def _order(found: Mapping[str, object]) -> tuple:
    optimizers, networks = list(OPTIMIZERS), list(notebook.ARCHITECTURE_TITLES)
    at, network = optimizers.index(str(found["optimizer"])), str(found["architecture"])
    # CIFAR-10 first; the row before what is recorded beside it, and explorations last.
    data = list(reversed(_DATA)).index(str(found["data"]))
    last = (bool(found["variant"]), not found["planned"], found["variant"], found["name"])
    return (at, networks.index(network), data, *last)


def tell_apart(runs: list[dict]) -> None:
    """Add the record's own letters to what several runs of a cell would be called alike."""
    seen: dict[tuple, list[dict]] = {}
    for run in runs:
        cell = (run["optimizer"], run["architecture"], run["data"], run["variant"])
        seen.setdefault(cell, []).append(run)
    for alike in seen.values():
        for run in alike if len(alike) > 1 else []:
            run["variant"] = f"{run['variant'] or 'row'} ({run['name'].rsplit('-', 1)[1]})"


def write(site: Path, folder: Path | None) -> list[str]:
    """Write index and numbers of all recorded runs into a site.

    Args:
        site: of the book; the files lie in its ``explorer``.
        folder: of the records; ``None``, or one that is not there, has none.

    Returns:
        A sentence for each record that was left out because it is damaged.
    """
    target = site / "explorer"
    (target / "runs").mkdir(parents=True, exist_ok=True)
    runs: list[dict] = []
    units: dict[str, str] = {}
    left_out = []
    for path in sorted(folder.glob("*.nc")) if folder else []:
        if path.name.startswith("frontier-"):  # a measurement of integrators, and no run
            continue
        try:
            run = records.load(path)
        except (ValueError, OSError) as error:
            print(f"explorer: {error}", file=sys.stderr)
            left_out.append(f"{path.name} is damaged, or no record of this project.")
            continue
        shown = series(run)  # nothing of a comparison of integrators, which has no trajectories
        if not shown or not _of_the_book(records.configuration(run)):
            continue
        units |= {k: str(next(iter(by.values())).attrs["units"]) for k, by in shown.items()}
        files = parts(run)
        for i, part in enumerate(files):
            text = script(f"{path.stem}/{i}", run, part)
            (target / "runs" / f"{path.stem}.{i}.js").write_text(text, encoding="utf-8")
        runs.append(entry(path.stem, run, files, site))
    tell_apart(runs)
    runs.sort(key=_order)
    index = _index(runs, units, left_out)
    text = json.dumps(index, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    text = f"window.rodflowExplorerIndex={text};\n"
    (target / "index.js").write_text(text, encoding="utf-8")
    return left_out


def _of_the_book(config: RunConfig) -> bool:
    """Leave out an optimizer or a problem of one's own, which has a page of its own."""
    return config.problem is None and config.optimizer in OPTIMIZERS


def _index(runs: list[dict], units: Mapping[str, str], left_out: list[str]) -> dict:
    planned = [name for kind in words.PRESETS_OF.values() for name in presets.rows(kind)]
    tags = dict.fromkeys(tag for run in runs for tag in run["models"])
    kinds = [*(k for k in QUANTITIES if k in units), *sorted(set(units) - set(QUANTITIES))]
    quantities = {}
    for kind in kinds:
        title, log = QUANTITIES.get(kind, Shown(kind.replace("_", " ")))
        quantities[kind] = {
            "title": title, "log": log, "units": units[kind],
            "dim": "spectrum_step" if "sharpness" in kind else "step",
        }  # fmt: skip
    return {
        "digits": DIGITS,
        "cite": cite(),
        "architectures": notebook.ARCHITECTURE_TITLES,
        "data": dict(reversed(_DATA.items())),
        "quantities": quantities,
        "looks": {tag: look(tag) for tag in tags},
        "claims": [f"({letter}) {claim.title}" for letter, claim in judge.CLAIMS.items()],
        "legend": words.plain(re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", notebook.LEGEND)),
        "lacking": sorted(set(planned) - {run["name"] for run in runs}),
        "left_out": left_out,
        "runs": runs,
    }


if __name__ == "__main__":
    write(Path(sys.argv[1]), records.checkout_directory())
