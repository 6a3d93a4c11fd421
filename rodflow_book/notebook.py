"""What every notebook needs: checked parameters, runs, their figures and words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping
from pathlib import Path
from typing import cast

import torch
import xarray as xr
from IPython.display import SVG, Markdown, display

from rodflow_book import captions
from rodflow_book.figures import files
from rodflow_book.figures.run import run_figure, trajectories
from rodflow_book.markup import counted, fixed, literal, markdown, power, short
from rodflow_book.parameters import RUN_PARAMETERS, check_parameters
from rodflow_core.experiments import claims, judge, records, runs
from rodflow_core.experiments.config import FLOWS, RunConfig, member
from rodflow_core.experiments.presets import preset
from rodflow_core.experiments.records import configuration
from rodflow_core.optimizers import OPTIMIZERS, NoSecondMoment

ARCHITECTURE_TITLES = {"mlp": "MLP", "cnn": "CNN", "vit": "ViT"}
"""How the architectures are called in prose."""
DATA_TITLES = {"digits": "handwritten digits", "cifar10": "CIFAR-10 images"}
"""How examples of the data are called in prose."""


def one_thread() -> None:
    """Compute on one thread: two notebooks at once then share two cores without fighting."""
    torch.set_num_threads(1)


def recorded(optimizer: str, architecture: str, kind: str, **changes: object) -> xr.Dataset:
    """Give the run of a preset's row, some fields changed; computed where not recorded.

    Args:
        optimizer: a row of ``OPTIMIZERS``.
        architecture: ``mlp``, ``cnn`` or ``vit``.
        kind: the preset.
        **changes: fields of ``RunConfig``; ``None`` leaves a field as the preset has it.

    Raises:
        ValueError: for an unknown name, or a value that cannot be run.
    """
    member("optimizer", optimizer, OPTIMIZERS)
    return _looked_at(runs.load_or_run(preset(kind, optimizer, architecture, **changes)))


def cited(optimizer: str, architecture: str, variant: str | None = None) -> xr.Dataset:
    """Give a record on CIFAR-10 as the book cites it, from the checkout's ``figures/runs``.

    Its content is checked; nothing is replayed or computed, and no image is needed. Tests that keep
    their own runs elsewhere (``RODFLOW_RUNS``) find these records here all the same.

    Args:
        optimizer: a row of ``OPTIMIZERS``.
        architecture: ``mlp``, ``cnn`` or ``vit``.
        variant: of what is recorded beside a row, such as ``seed1`` or ``rivals``.

    Raises:
        ValueError: for an unknown name, or where there is no such record.
    """
    path = _cited_path(optimizer, architecture, variant)
    if not path.is_file():
        raise ValueError(f"there is no record {path}; make it with `rodflow sweep --preset cifar`.")
    return _looked_at(records.load(path))


def _looked_at(run: xr.Dataset) -> xr.Dataset:
    """Give a run, and say below the cell what is to be doubted of it: the page ends with it."""
    if doubts := records.doubts(run):
        text = f"{_capital(literal(subject(run)))}: {literal(doubts)}"
        display(Markdown(text), metadata={DOUBTS: True})
    return run


DOUBTS = "rodflow-doubts"
"""Metadata of an output that says what is to be doubted of a run."""


def is_cited(optimizer: str, architecture: str, variant: str | None = None) -> bool:
    """Say whether there is a record on CIFAR-10 that `cited` would read.

    Raises:
        ValueError: for an unknown name, or an installation that is no checkout.
    """
    return _cited_path(optimizer, architecture, variant).is_file()


def _cited_path(optimizer: str, architecture: str, variant: str | None) -> Path:
    member("optimizer", optimizer, OPTIMIZERS)
    member("architecture", architecture, ARCHITECTURE_TITLES)
    folder = records.checkout_directory()
    if folder is None:
        raise ValueError(
            "the cited records lie in figures/runs of a checkout, and this installation is none; "
            "clone the repository."
        )
    return folder / f"{optimizer}-{architecture}-cifar{f'-{variant}' if variant else ''}.nc"


class Chapter:
    """An optimizer's chapter: its runs on the architectures, their figures and verdicts.

    The chapters of the nine optimizers have these cells in common; what differs between them is
    their prose.

    Args:
        optimizer: a row of ``OPTIMIZERS``.
        namespace: the notebook's ``globals()``, right after its parameters: ``preset``,
            ``architectures``, ``figures`` and what it has of `RUN_PARAMETERS`.

    Raises:
        ValueError: for a parameter that the chapter does not have, or a value that is not one.
    """

    def __init__(self, optimizer: str, namespace: MutableMapping[str, object]) -> None:
        """Check the parameters."""
        own = set(OPTIMIZERS[optimizer].hyperparameters)
        foreign = {"beta1", "beta2", "epsilon"} - own
        known = {key: p for key, p in RUN_PARAMETERS.items() if key not in foreign}
        check_parameters(namespace, "preset architectures figures", **known)
        one_thread()
        self.optimizer, self.preset = optimizer, str(namespace["preset"])
        self.architectures = list(cast("list[str]", namespace["architectures"]))
        self.figures = str(namespace["figures"])
        self.changes = {name: namespace[name] for name in known if name in namespace}
        method = self.changes.pop("integrator", None)
        if method is not None:
            flows = [tag for tag in FLOWS if tag != "floor"]
            self.changes["integrators"] = dict.fromkeys(flows, method)

    def runs(self) -> dict[str, xr.Dataset]:
        """Give the runs by architecture: recorded ones where they are current, else computed."""
        return {
            name: recorded(self.optimizer, name, self.preset, **self.changes)
            for name in self.architectures
        }

    def cited(self) -> dict[str, xr.Dataset]:
        """Give what is recorded on CIFAR-10 by architecture, whatever the parameters say."""
        there = [name for name in self.architectures if is_cited(self.optimizer, name)]
        return {name: cited(self.optimizer, name) for name in there}

    def save_figures(self, recorded_as: Mapping[str, xr.Dataset], suffix: str = "") -> None:
        """Write the figure of each run to cite, and show it to whoever runs the notebook."""
        for architecture, run in recorded_as.items():
            name = f"{self.optimizer}-{architecture}{suffix}"
            save_figure_of(run, name, self.figures, f"notebooks/{self.optimizer}.py")


def save_figure_of(run: xr.Dataset, name: str, folder: str | Path, source: str) -> None:
    """Write the figure of a run to cite, and show it to whoever runs the notebook.

    Args:
        run: what is drawn.
        name: stem of the files.
        folder: where they go.
        source: the notebook that draws it, from the root of the repository.
    """
    manifest = {**files.run_manifest([run], source), "says": captions.says(run)}
    files.save(name, lambda: run_figure(run), run, folder, alt=alt_text(run), manifest=manifest)
    display(SVG(filename=str(Path(folder) / f"{name}.svg")))


def subject(run: xr.Dataset) -> str:
    """Say what a run is of, in a few words: optimizer, architecture, data."""
    config = configuration(run)
    title = OPTIMIZERS[config.optimizer].title
    if config.problem is not None:
        return f"{title} on {run.attrs['problem']}"
    network = ARCHITECTURE_TITLES[config.architecture]
    return f"{title} on the {network}, {config.examples:,} {DATA_TITLES[config.data]}"


def sharpness_of(run: xr.Dataset) -> str:
    """Name what is at the threshold: only with a preconditioner is it preconditioned."""
    plain = OPTIMIZERS[configuration(run).optimizer].second_moment is NoSecondMoment
    return "sharpness" if plain else "preconditioned sharpness"


def judged(run: xr.Dataset) -> dict[str, claims.Claims]:
    """Assess every model of the optimizer in a run, by tag, the paper's rod first.

    The stable flows are what they are measured by, the shifted copy what bounds them.
    """
    tags = sorted(claims.models(run), key=lambda tag: tag != "rod")
    return {tag: claims.assess(run, tag) for tag in tags}


def alt_text(run: xr.Dataset) -> str:
    """Say what the figure of a run shows, with its numbers, for a reader who does not see it."""
    drawn = trajectories(run)
    models = {tag: claim for tag, claim in judged(run).items() if tag in drawn}
    first = next(iter(models.values()))
    sharpness = [f"optimizer {first.sharpness:.2f}"]
    sharpness += [f"{drawn[tag]} {claim.rod.sharpness:.2f}" for tag, claim in models.items()]
    distance = [f"{drawn[tag]} {claim.rod.distance:.2g}" for tag, claim in models.items()]
    if "sf" in drawn:
        stable = claims.tracking(run, "sf")
        sharpness.append(f"{drawn['sf']} {stable.sharpness:.2f}")
        distance.append(f"{drawn['sf']} {stable.distance:.2g}")
    return (
        f"Panels over optimizer steps for {subject(run)}: loss, {sharpness_of(run)}, distance "
        f"between centres, half-displacements, alignment. Median sharpness over threshold: "
        f"{', '.join(sharpness)}. Median distance to the optimizer's centre: {', '.join(distance)}."
    )


def verdict(run: xr.Dataset) -> str:
    """Give what is judged of a run, as a paragraph and a table; every number comes from the run."""
    models = judged(run)
    claim = next(iter(models.values()))
    text = f"**{_capital(literal(subject(run)))}.** "
    if claim.sharpness == claim.sharpness:
        text += (
            f"The optimizer's {sharpness_of(run)} is {claim.sharpness:.3f} of its threshold "
            f"(median over {run.sizes['step'] - 1} steps), "
        )
    text += f"its oscillation {claim.regime:.2g} times its drift. "
    if claim.stable.distance == claim.stable.distance:
        method = records.flows(run)[claim.baseline]["integrator"]
        text += (
            f"The stable flow's centre ({METHODS.get(method) or literal(method)}) is "
            f"{power(claim.stable.distance)} from the optimizer's, its sharpness "
            f"{claim.stable.sharpness:.2f} of the threshold. "
        )
    if claim.floor == claim.floor:
        text += (
            "A copy of the optimizer started half a step behind ends up "
            f"{power(claim.floor)} away: a yardstick of what can be asked of a model."
        )
    text += _stopped(run, claim)
    paragraphs = (text.strip(), literal(records.doubts(run)), judgement(run, models), LEGEND)
    return "\n\n".join(filter(None, paragraphs))


def _stopped(run: xr.Dataset, claim: claims.Claims) -> str:
    words = ""
    for lost, step in claim.failed.items():
        title = records.flows(run).get(lost, {"title": "optimizer"})["title"]
        words += f" The {literal(title)} could not go on at step {step}."
    return words


def _capital(words: str) -> str:
    return words[0].upper() + words[1:]


LEGEND = (
    "The floor is the distance of the copy. (a) times closer than the stable flow, (b) slope of "
    "log distance against log time, (c) error of the sharpness, typical / worst, (d) and (e) "
    "typical errors, (f) median alignment; † of the distribution, where phases are lost. No mark: "
    "the [claim](claims) holds. Euler takes four substeps to a step of the optimizer; RK4 is "
    "Runge-Kutta 4, one."
)
"""What stands under a table of rulings."""


def judgement(run: xr.Dataset, models: Mapping[str, claims.Claims]) -> str:
    """Give the rulings on the models of a run as a Markdown table, a model a row.

    A claim by which no model can be judged, such as that of a second moment where there is none,
    has no column.
    """
    entries = records.flows(run)
    rulings = {tag: judge.rulings(claim) for tag, claim in models.items()}
    told = [key for key in judge.CLAIMS if any(found[key].cell for found in rulings.values())]
    head = ["model", "distance / floor", *(f"({key}) {judge.CLAIMS[key].title}" for key in told)]
    rows = []
    for tag, claim in models.items():
        method = entries[tag]["integrator"]
        title = entries[tag]["title"].split(" (")[0]
        named = f"{literal(title)}, {SHORTER.get(method) or literal(method)}"
        cells = [named, short(claim.above_floor)]
        rows.append([*cells, *(ruled(rulings[tag][key]) for key in told)])
    return markdown(head, rows, ":--")


METHODS = {
    "euler:4": "Euler, $K=4$",
    "rk4:1": "Runge-Kutta 4",
    "rk4:4": "Runge-Kutta 4, $K=4$",
    "euler:2": "2 substeps",
}
"""How the integrators are called."""
SHORTER = METHODS | {"euler:4": "Euler", "rk4:1": "RK4"}
"""The same in the first column of a wide table; `LEGEND` explains."""
MARKS = {"holds": "", "partly": "*partly*", "fails": "**fails**", "": ""}
"""How verdicts are printed: what holds has no mark."""


def ruled(ruling: judge.Ruling) -> str:
    """Give a ruling as a cell: the number and the verdict."""
    return f"{ruling.cell} {MARKS[ruling.verdict]}".strip() or "–"


def verdicts(several: Iterable[xr.Dataset]) -> str:
    """Give what is measured and judged of runs: a table of all, a table each, and the legend."""
    several = list(several)
    if not several:
        return ""
    parts = [regimes(several)]
    for run in several:
        parts += [f"**{_capital(literal(subject(run)))}**", judgement(run, judged(run))]
    return "\n\n".join([*parts, LEGEND])


def regimes(several: Iterable[xr.Dataset]) -> str:
    """Give where runs are, a run a row: optimizer, stable flow, and the copy as a yardstick."""
    head = ("", "steps", "sharpness / threshold", "oscillation / drift", "stable flow: distance")
    head += ("its sharpness / threshold", "copy: distance")
    rows, methods, stopped = [], [], ""
    named = {configuration(run).optimizer: sharpness_of(run) for run in several}
    for run in several:
        claim = next(iter(judged(run).values()))
        stable = claim.stable
        what = subject(run) if len(named) > 1 else subject(run).split(" on ", 1)[1]
        cells = [literal(what.removeprefix("the ")), f"{run.sizes['step'] - 1:,}"]
        cells += [fixed(claim.sharpness, 3), short(claim.regime), power(stable.distance)]
        rows.append(
            [_capital(cells[0]), *cells[1:], fixed(stable.sharpness, 2), power(claim.floor)]
        )
        if claim.baseline in records.flows(run):
            method = records.flows(run)[claim.baseline]["integrator"]
            methods.append(METHODS.get(method) or literal(method))
        stopped += _stopped(run, claim)
    which = f" ({' or '.join(dict.fromkeys(methods))})" if methods else ""
    return (
        f"Medians over the steps side by side: the optimizer's {max(named.values(), key=len)} and "
        f"its oscillation over its drift; the distance of the stable flow{which} from it, "
        "centre from centre; and that of a copy of the optimizer started half a step behind, a "
        f"yardstick of what can be asked of a model.{stopped}\n\n{markdown(head, rows)}"
    )


def hyperparameters(several: Iterable[xr.Dataset]) -> str:
    """Give the numbers of runs as a Markdown table, a run a column; nothing of no runs."""
    columns = {run.attrs["title"]: _numbers(run) for run in several}
    if not columns:
        return ""
    keys = dict.fromkeys(key for numbers in columns.values() for key in numbers)
    del keys["architecture"]
    head = ["", *(str(numbers["architecture"]) for numbers in columns.values())]
    return markdown(head, ([key, *(n.get(key, "") for n in columns.values())] for key in keys))


def _numbers(run: xr.Dataset) -> dict[str, object]:
    config = configuration(run)
    methods = {entry["integrator"] for entry in records.flows(run).values()} - {"none"}
    own = config.problem is not None
    named = literal(run.attrs["problem"]) if own else ARCHITECTURE_TITLES[config.architecture]
    rows = {
        "architecture": named,
        r"learning rate $\eta$": f"{config.learning_rate:g}",
        r"$\beta_1$": config.beta1,
        r"$\beta_2$": config.beta2,
        "threshold": counted(run.attrs["threshold"]),
        "data": None if own else f"{config.examples:,} {DATA_TITLES[config.data]}",
        "weights": counted(run.attrs["parameters"]),
        "warm-up steps": counted(config.warmup),
        "steps side by side": counted(config.steps),
        "integrators": "; ".join(METHODS.get(method, method) for method in sorted(methods)),
        "rank": config.rank,
        "sharpness every": f"{config.spectrum_every} steps",
        "precision": config.dtype,
        "recorded": literal(run.attrs["date"]) if "date" in run.attrs else None,
        "seconds": counted(run.attrs["seconds"]),
        "run": f"`{_name(config)}`",
    }
    return {key: value for key, value in rows.items() if value is not None}


def _name(config: RunConfig) -> str:
    return records.places(config)[0].name


def show(text: str) -> None:
    """Show Markdown below a cell."""
    display(Markdown(text))
