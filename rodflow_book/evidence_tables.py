"""The tables of the page on CIFAR-10, as Markdown, from recorded runs and the scout's table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import xarray as xr

from rodflow_book.evidence import EARLY, Key, Nearness, Runs, change, nearness, span
from rodflow_book.markup import markdown, short
from rodflow_book.notebook import ARCHITECTURE_TITLES
from rodflow_book.tables import title
from rodflow_core.experiments import claims, presets, records, regimes
from rodflow_core.optimizers import OPTIMIZERS

PAPERS = tuple(name for name in OPTIMIZERS if name != "gd")
"""The eight optimizers of the paper; gradient descent is its predecessor's."""


AS_IT_IS = "as recorded"
"""What the run is called from which others differ."""


def number(value: float) -> str:
    """Give a number as `short` does, with commas; a dash where there is none."""
    if not np.isfinite(value):
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 else short(value)


# --- the protocol --------------------------------------------------------------------------------


def protocol(runs: Runs) -> str:
    """Warm-up and steps beside the paper's, with factors: ours over the paper's."""
    networks = list(dict.fromkeys(network for _, network in runs))
    head = ["warm-up + steps", "the paper", *(ARCHITECTURE_TITLES[n] for n in networks)]
    rows = []
    for name in dict.fromkeys(name for name, _ in runs):
        paper = presets.PAPER_STEPS.get(name, (2000, 2000)) if name in PAPERS else None
        cells = ["not in it" if paper is None else _steps(*paper)]
        for network in networks:
            if (name, network) not in runs:
                cells.append("–")
                continue
            own = records.configuration(runs[name, network])
            cell = _steps(own.warmup, own.steps)
            if paper is not None:
                cell += f" ({own.warmup / paper[0]:.2g},\u00a0{own.steps / paper[1]:.2g})"
            cells.append(cell)
        rows.append([f"[{_capital(OPTIMIZERS[name].title)}]({name})", *cells])
    return markdown(head, rows)


def _steps(warmup: int, steps: int) -> str:
    """Give warm-up and steps as a cell that is not broken in two."""
    return f"{warmup:,}\u00a0+\u00a0{steps:,}"


def networks_beside(runs: Runs) -> str:
    """What else belongs to the protocol, beside what our copy of the paper keeps of it."""
    by_network = {network: run for (_, network), run in runs.items()}
    configs = {network: records.configuration(run) for network, run in by_network.items()}

    def each(words: Mapping[str, object]) -> str:
        if len(set(words.values())) == 1:
            return str(next(iter(words.values())))
        return ", ".join(f"{ARCHITECTURE_TITLES[n]} {word}" for n, word in words.items())

    weights = {n: f"{int(run.attrs['parameters']):,}" for n, run in by_network.items()}
    lost = "not in our copy"
    rows = [
        ("images", f"one subset of CIFAR-10, its size {lost}",
         "CIFAR-10, balanced: " + each({n: f"{c.examples:,}" for n, c in configs.items()})),
        ("loss", "mean squared error, one-hot targets",
         each({n: _LOSSES[c.loss] for n, c in configs.items()}) + ", one-hot targets"),
        ("weights", f"sizes {lost}", each(weights)),
        ("learning rates, betas", lost, "below, with all that was tried"),
        ("integrator", f"Euler; the number of substeps {lost}",
         "Euler, " + each({n: f"{c.substeps} substeps" for n, c in configs.items()})),
        ("rank of the extent", lost, each({n: c.rank for n, c in configs.items()})),
        ("sharpness", f"every few steps; how many {lost}",
         "every " + each({n: f"{c.spectrum_every} steps" for n, c in configs.items()})),
        ("precision", lost, each({n: c.dtype for n, c in configs.items()})),
        ("seeds", lost, each({n: f"seed {c.seed}" for n, c in configs.items()})),
    ]  # fmt: skip
    return markdown(("", "the paper", "here"), rows, ":--")


_LOSSES = {"mse": "mean squared error", "cross_entropy": "cross-entropy"}


# --- how near ------------------------------------------------------------------------------------


def near(rows: Mapping[str, Nearness], first: int | None = None) -> str:
    """How many times closer than the stable flow the rods stay, a run a row.

    Args:
        rows: as measured, by what they are called.
        first: how many steps were early; `EARLY` where left out.
    """
    head = ("", "steps", "all steps", f"first {first or EARLY}", "last step", "drift-free rod",
            "shifted copy")  # fmt: skip
    lines = []
    for name, row in rows.items():
        numbers = (row.ratio, row.early, row.end, row.free, row.could)
        lines.append([name, f"{row.steps:,}", *map(number, numbers)])
    return markdown(head, lines)


def at_the_threshold(rows: Mapping[str, Nearness]) -> str:
    """The paper's rod over the floor, and its sharpness beside the optimizer's, a run a row."""
    head = ("", "rod's distance / floor", "S / threshold: optimizer", "paper's rod", "error")
    lines = []
    for name, row in rows.items():
        cells = [number(row.over_floor), f"{row.optimizer:.3f}", f"{row.sharpness:.3f}"]
        lines.append([name, *cells, _percent(row.error)])
    return markdown(head, lines)


def rivals(runs: Mapping[Key, xr.Dataset]) -> str:
    """Distance over the floor: stable flow, rods, central flow and Edge Flow."""
    tags = {"sf": "stable flow", "rod": "paper's rod", "free": "drift-free rod"}
    tags |= {"central": "central flow", "edge": "Edge Flow"}
    rows = []
    for key, run in runs.items():
        floor = claims.tracking(run, "floor").distance
        rows.append([title(key), *(number(claims.tracking(run, t).distance / floor) for t in tags)])
    return markdown(["distance / floor", *tags.values()], rows)


def prices(runs: Mapping[Key, xr.Dataset]) -> str:
    """What a step takes of the paper's rod and its rivals: evaluations of the rate, and seconds."""
    tags = {"rod": "paper's rod", "central": "central flow", "edge": "Edge Flow"}
    kinds = {"evaluations": "rates", "spent": "seconds"}
    rows = []
    for key, run in runs.items():
        steps, cells = run.sizes["step"] - 1, []
        for kind in kinds:
            each = json.loads(run.attrs.get(kind, "{}"))
            cells += [number(each.get(tag, np.nan) / steps) for tag in tags]
        rows.append([title(key), *cells])
    names = list(tags.values())
    head = ["a step takes"]
    for what in kinds.values():
        head += [f"{what}: {names[0]}", *names[1:]]
    return markdown(head, rows)


def rivals_in_words(runs: Mapping[Key, xr.Dataset]) -> str:
    """Say how far the rivals are from the optimizer, in distances of the paper's rod."""
    words = []
    for tag, name in (("central", "Central flow"), ("edge", "Edge Flow")):
        apart = [
            claims.tracking(run, tag).distance / claims.tracking(run, "rod").distance
            for run in runs.values()
            if tag in records.flows(run)
        ]
        closer = sum(value > 1 for value in apart)
        if apart:
            where = f"{len(apart)} run{'s' * (len(apart) > 1)}"
            words.append(
                f"{name} is {span(apart, '.2g')} times as far from the optimizer as the paper's "
                f"rod; of {where} the rod is closer in {closer or 'none'}."
            )
    return " ".join(words)


# --- regimes -------------------------------------------------------------------------------------


def rule() -> str:
    """The rule that chose the regimes, in words."""
    looks = [
        trial.looks for cells in regimes.scouted().values() for t in cells.values() for trial in t
    ]
    apart = sorted({b[0] - a[0] for seen in looks for a, b in zip(seen, seen[1:], strict=False)})
    low, high = regimes.EDGE
    return (
        "Settings were tried in an order that was fixed before, customary betas first, and looked "
        f"at every {' or '.join(f'{step:g}' for step in apart) or 'few'} steps. A look is clear "
        f"where the sharpness is {low:g} to {high:g} of its threshold and the oscillation at least "
        f"{regimes.CLEAR:g} times the drift. The first setting with two clear looks in a row is "
        "taken, and the flows start at the second. Where no setting has them, the look with the "
        "most oscillation is taken, of those at the edge if there are any, and the cell carries a "
        "dagger."
    )


def chosen() -> str:
    """What the rule chose for every cell: setting, warm-up, what was seen there."""
    tried = regimes.scouted()
    networks = [name for name in ARCHITECTURE_TITLES if name in tried]
    rows = []
    for optimizer in OPTIMIZERS:
        cells = []
        for network in networks:
            trials = tried[network].get(optimizer)
            cells.append("not scouted" if trials is None else _choice(trials))
        rows.append([f"[{_capital(OPTIMIZERS[optimizer].title)}]({optimizer})", *cells])
    return markdown(["", *(ARCHITECTURE_TITLES[name] for name in networks)], rows, ":--")


def _choice(trials: list[regimes.Trial]) -> str:
    if not any(look[2] for trial in trials for look in trial.looks):
        return "all that was tried diverged"
    regime = regimes.choose(trials)
    seen = next(
        look
        for trial in trials
        for look in trial.looks
        if look[0] == regime.warmup and trial[:3] == regime[:3] and look[2] is not None
    )
    dagger = "† " if regime.reason.startswith("†") else ""
    _, _, ratio, left = seen
    return (
        f"{dagger}{_setting(regime)}, from {regime.warmup:,}: {ratio:.2g} times, "
        f"{_percent(left)} left"
    )


def _setting(trial: regimes.Trial | regimes.Regime) -> str:
    betas = [f"{beta:g}" for beta in (trial.beta1, trial.beta2) if beta is not None]
    return f"{trial.learning_rate:g}" + (f" ({', '.join(betas)})" if betas else "")


def _percent(part: float | None) -> str:
    return "–" if part is None else f"{100 * part:.2g}%"


def tried(architecture: str) -> str:
    """All that the scout saw on one network: a setting a row, its looks side by side."""
    rows = []
    for optimizer, trials in regimes.scouted().get(architecture, {}).items():
        for trial in trials:
            columns = list(zip(*trial.looks, strict=True))
            sharp, ratio = (_series(column, "{:.2f}") for column in columns[1:3])
            left = ", ".join(_percent(part) for part in columns[3])
            step = regimes.settled(trial)
            words = f"from {step:,}" if step is not None else "no"
            about = [_capital(OPTIMIZERS[optimizer].title), _setting(trial)]
            rows.append([*about, f"{columns[0][-1]:,}", sharp, ratio, left, words])
    head = ("", r"$\eta$ (betas)", "to step", "S / threshold", "oscillation / drift", "loss left",
            "settles")  # fmt: skip
    return markdown(head, rows, ":--") if rows else "Nothing is scouted on this network."


def _series(values: tuple[float | None, ...], form: str) -> str:
    return ", ".join("diverged" if v is None else form.format(v) for v in values)


# --- what it takes -------------------------------------------------------------------------------


def seconds(runs: Runs) -> str:
    """Seconds of each recorded run, and their sum by network."""
    networks = list(dict.fromkeys(network for _, network in runs))
    rows = []
    for name in dict.fromkeys(name for name, _ in runs):
        there = [runs.get((name, n)) for n in networks]
        cells = ["–" if r is None else f"{float(r.attrs['seconds']):,.0f}" for r in there]
        rows.append([_capital(OPTIMIZERS[name].title), *cells])
    sums = [sum(float(r.attrs["seconds"]) for k, r in runs.items() if k[1] == n) for n in networks]
    rows.append(["**all**", *(f"**{total:,.0f}**" for total in sums)])
    return markdown(["seconds", *(ARCHITECTURE_TITLES[n] for n in networks)], rows)


def variants(
    base: xr.Dataset, found: Mapping[str, xr.Dataset], first: int | None = None
) -> dict[str, Nearness]:
    """Measure Adam's run on the MLP and what is recorded beside it, by what was changed.

    What was integrated finely is judged by its fine flows; everything else as the run itself.

    Args:
        base: the run.
        found: what is recorded beside it.
        first: how many steps are early; `EARLY` where left out.
    """
    rows = {AS_IT_IS: nearness(base, first=first)}
    for name, run in found.items():
        fine = "rod_fine" in records.flows(run)
        tags = ("rod_fine", "sf_fine") if fine else ("rod", "sf")
        words = change(run, base)
        rows[words if words and words not in rows else name] = nearness(run, *tags, first=first)
    return rows


def _capital(words: str) -> str:
    return words[0].upper() + words[1:]


def at_the_papers_counts(path: Path) -> str:
    """What a row of the preset ``paper`` would cost, network by network.

    Args:
        path: what ``benchmarks/paper.py`` has written.
    """
    bill = json.loads(path.read_text(encoding="utf-8"))
    hours: dict[str, list[float]] = {}
    for name, row in bill["rows on one core"].items():
        hours.setdefault(name.rsplit("-", 1)[1], []).append(row["hours, extrapolated"])
    head = ("", "weights", "examples in a pass", "seconds a gradient", "peak memory, GiB",
            "hours a row")  # fmt: skip
    rows = []
    for network, entry in bill["architectures"].items():
        low, high = min(hours[network]), max(hours[network])
        rows.append([
            ARCHITECTURE_TITLES[network], f"{entry['weights']:,}",
            f"{entry['microbatch'] or entry['examples']:,}", entry["seconds a gradient"],
            max(entry["peak memory, GiB"].values()), f"{low:g} to {high:g}",
        ])  # fmt: skip
    return markdown(head, rows)
