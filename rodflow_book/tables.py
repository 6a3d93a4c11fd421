"""The tables of the claims page, as Markdown, from assessed runs."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
import torch
import xarray as xr

from rodflow_book.markup import fixed, markdown, power, short
from rodflow_book.notebook import ARCHITECTURE_TITLES, configuration, ruled
from rodflow_core.experiments import judge
from rodflow_core.experiments.claims import Claims, assess
from rodflow_core.experiments.presets import REGIMES
from rodflow_core.experiments.records import flows
from rodflow_core.landscapes import Quadratic
from rodflow_core.optimizers import OPTIMIZERS, Identity, UpdateRule, make_rule

Key = tuple[str, str]
"""Optimizer and architecture."""


def title(key: Key) -> str:
    """Say what a run is of: a link to its chapter, and the architecture."""
    optimizer, architecture = key
    name = OPTIMIZERS[optimizer].title
    name = name[0].upper() + name[1:]
    return f"[{name}]({optimizer}), {ARCHITECTURE_TITLES[architecture]}"


Judged = Mapping[str, Mapping[Key, Claims]]
"""Assessed runs by model, and by optimizer and architecture."""


def rules() -> str:
    """The claims in the paper's words, and what is asked for."""
    rows = []
    for letter, claim in judge.CLAIMS.items():
        rows.append([f"({letter}) {claim.title}", f"“{claim.quote}”", claim.section, claim.bar])
    return markdown(("claim", "the paper's words", "section", "verdict"), rows, ":--")


def score(models: Judged, titles: Mapping[str, str]) -> str:
    """Count the verdicts of each model, claim by claim: holds, partly, fails."""
    rows = []
    for letter, claim in judge.CLAIMS.items():
        cells = [f"({letter}) {claim.title}"]
        for found in models.values():
            words = [claim.rule(c).verdict for c in found.values()]
            counts = [words.count(w) for w in (judge.HOLDS, judge.PARTLY, judge.FAILS)]
            cells.append(" / ".join(map(str, counts)))
        rows.append(cells)
    ours = ["our own bar"]
    for found in models.values():
        words = [c.verdict for c in found.values()]
        ours.append(" / ".join(str(words.count(w)) for w in ("holds", "partly", "fails")))
    return markdown(("", *titles.values()), [*rows, ours])


def judged(found: Mapping[Key, Claims]) -> str:
    """One model, run by run: the ruling on every claim."""
    rows = []
    for key, claim in found.items():
        rows.append([title(key), *map(ruled, judge.rulings(claim).values())])
    heads = (f"({k}) {c.title}" for k, c in judge.CLAIMS.items())
    return markdown(("", *heads), rows)


def distances(models: Judged) -> str:
    """Distances over the floor, for every integrator that is recorded.

    Args:
        models: assessed runs of ``rod`` and ``free``, and of ``rod_fine`` and ``free_fine``.
    """
    names = {"rod": "paper's rod", "rod_fine": "paper's rod, RK4", "free": "drift-free rod"}
    names["free_fine"] = "drift-free rod, RK4"
    rows = []
    for key, c in models["rod"].items():
        over = (c.stable.distance / c.floor, *(models[tag][key].above_floor for tag in models))
        rows.append([title(key), power(c.floor), *map(short, over)])
    return markdown(("", "floor", "stable flow", *(names[tag] for tag in models)), rows)


def regimes(models: Judged, coarse: Mapping[Key, Claims]) -> str:
    """How much closer the paper's rod is, and where: oscillation over drift, and sharpness.

    Args:
        models: assessed runs of ``rod``, and of ``rod_fine`` where there are any.
        coarse: the paper's rod measured by the stable flow at its own substeps.
    """
    fine = "rod_fine" in models
    head = ["", "times closer", *(["the same, stable flow fine"] if fine else [])]
    head += ["oscillation / drift", "S / threshold", "stable flow's S / threshold"]
    rows = []
    for key, c in models["rod"].items():
        cells = [title(key), short(coarse[key].ratio), *([short(c.ratio)] if fine else [])]
        cells += [short(c.regime), fixed(c.sharpness, 3), fixed(c.stable.sharpness, 2)]
        rows.append(cells)
    return markdown(head, rows)


def losses(models: Judged) -> str:
    """Errors of what models say of the loss: the raw one, and that at the centre."""
    head = ("", "raw loss: paper's rod", "drift-free rod", "stable flow")
    head += ("at the centre: paper's rod", "stable flow")
    rows = []
    for key, c in models["rod"].items():
        raw = (c.rod, models["free"][key].rod, c.stable)
        errors = [*(found.raw_loss_error for found in raw), c.rod.loss_error, c.stable.loss_error]
        rows.append([title(key), *map(_percent, errors)])
    return markdown(head, rows)


def moments(models: Judged) -> str:
    """Errors of the second moment, and the alignment of the paper's rod."""
    head = ("", r"$\|\nu\|$: paper's rod", "stable flow", "alignment", "quartiles")
    rows = []
    for key, c in models["rod"].items():
        low, high = c.rod.alignment_quartiles
        cells = [title(key), *map(_percent, (c.rod.nu_error, c.stable.nu_error))]
        rows.append([*cells, fixed(c.rod.alignment, 2), f"{low:.2f} to {high:.2f}"])
    return markdown(head, rows)


def diagnosis(runs: Mapping[Key, xr.Dataset], models: Judged) -> str:
    """Say of each run in which the paper's rod fails what explains it, and what mends it."""
    others = ["drift-free rod"] if "rod_fine" not in models else ["RK4", "drift-free rod"]
    rows = []
    for key, claim in models["rod"].items():
        rulings = judge.rulings(claim)
        lost = [k for k, r in rulings.items() if r.verdict == judge.FAILS and k != "f"]
        if not lost:
            continue
        found = judge.diagnose(runs[key])
        words = [f"({k}) {judge.CLAIMS[k].title}, {rulings[k].text}" for k in lost]
        why = "; ".join(found.findings) or "unexplained: no test of ours tells it apart"
        rows.append([title(key), "; ".join(words), why, *_mended(lost, runs[key], models, key)])
    head = ("", "fails", "out of the ordinary", *(f"mended by: {name}" for name in others))
    return markdown(head, rows, ":--") if rows else "Nothing fails."


def _mended(lost: list[str], run: xr.Dataset, models: Judged, key: Key) -> list[str]:
    """Say which of the lost claims RK4, where it is recorded, and the other rod keep."""
    others = [models["free"][key]]
    if "rod_finer" in flows(run):
        others = [assess(run, "rod_finer"), *others]
    elif "rod_fine" in models:
        others = [models["rod_fine"][key], *others]
    words = []
    for found in others:
        kept = judge.rulings(found)
        good = [f"({k})" for k in lost if kept[k].verdict not in (judge.FAILS, judge.NONE)]
        words.append(", ".join(good) or "–")
    return words


def thresholds() -> str:
    """Table 2: closed forms beside what bisection of the code's own step finds."""
    eta, beta1, beta2 = 0.1, 0.5, 0.99
    rows = []
    for name, row in OPTIMIZERS.items():
        betas = {"beta1": beta1, "beta2": beta2}
        given = {key: betas[key] for key in row.hyperparameters if key in betas}
        rule = make_rule(name, eta, **given)
        found = eta * computed_threshold(rule)
        chapter = f"[{row.title[0].upper() + row.title[1:]}]({name})"
        kind = {"NoSecondMoment": "none", "ScalarSecondMoment": "scalar"}
        second = kind.get(row.second_moment.__name__, "per component")
        form = threshold_formula(rule)
        rows.append([chapter, second, form, f"{eta * rule.threshold:.10g}", f"{found:.10g}"])
    head = ("", "preconditioner", r"$\eta\,S$", r"closed form ($\beta_1=0.5$)", "computed")
    return markdown(head, rows)


def threshold_formula(rule: UpdateRule) -> str:
    """Give the closed form of a threshold that a rule's factor equals, of those in Table 2.

    Found by value, so that a momentum of one's own needs no entry here: what equals none of them
    is given by its weights.
    """
    beta = rule.momentum.beta
    # In order: without momentum all three are one, and the first is what one wants to read.
    forms = (
        (1.0, r"$2$"),
        ((1 + beta) / (1 - beta), r"$2\,\frac{1+\beta_1}{1-\beta_1}$"),
        (
            (1 + beta) / ((1 - beta) * (1 + 2 * beta)),
            r"$2\,\frac{1+\beta_1}{(1-\beta_1)(1+2\beta_1)}$",
        ),
    )
    for value, form in forms:
        if abs(value / rule.momentum.threshold_factor - 1) < 1e-12:
            return form
    return r"$2/(b-ar+2lr)$"


def computed_threshold(rule: UpdateRule) -> float:
    """Bisect the curvature at which the step's linear map, ``P = 1``, gets an eigenvalue below -1.

    Args:
        rule: an update rule; late steps are taken, where no bias correction is left.

    Returns:
        The preconditioned sharpness at the threshold.
    """
    low, high = 1e-3 * rule.threshold, 10 * rule.threshold
    while high - low > 1e-12 * high:
        middle = 0.5 * (low + high)
        eigenvalues = np.linalg.eigvals(_linear_map(rule, middle))
        stable = eigenvalues.real.min() > -1
        low, high = (middle, high) if stable else (low, middle)
    return 0.5 * (low + high)


def _linear_map(rule: UpdateRule, sharpness: float) -> np.ndarray:
    """Give the matrix of one step on ``1/2 S w^2``, probed with unit vectors, ``P`` held at one."""
    objective = Quadratic(torch.tensor([sharpness], dtype=torch.float64))
    basis = torch.eye(1 + rule.has_moment, dtype=torch.float64)
    g = objective.gradients(rule.gradient_point(basis))
    return (basis + rule.displacement(basis, g, Identity())).T.numpy()


def hyperparameters(runs: Mapping[Key, xr.Dataset]) -> str:
    """The table of appendix H as it was run, with reasons; below, what networks have in common."""
    head = ("", r"$\eta$", r"$\beta_1$", r"$\beta_2$", "warm-up + steps", "seconds", "why")
    rows, shared = [], {}
    for key, run in runs.items():
        c = configuration(run)
        regime = REGIMES.get(c.data, {}).get(key[1], {}).get(key[0])
        betas = ["–" if b is None else f"{b:g}" for b in (c.beta1, c.beta2)]
        cells = [
            title(key),
            f"{c.learning_rate:g}",
            *betas,
            f"{c.warmup:,}\u00a0+\u00a0{c.steps:,}",
        ]
        cells += [f"{run.attrs['seconds']:,.0f}", in_symbols(regime.reason) if regime else ""]
        rows.append(cells)
        shared[ARCHITECTURE_TITLES[key[1]]] = (
            f"{c.examples:,} examples, {int(run.attrs['parameters']):,} weights"
        )
    words = "; ".join(f"{network}: {what}" for network, what in shared.items())
    align = ["--:"] * (len(head) - 2) + [":--"]
    return f"{markdown(head, rows, align)}\n\n{words}."


def in_symbols(reason: str) -> str:
    """Write the betas of a reason as the pages do."""
    return re.sub(r"\bbeta([12])\b(?: = ([\d.]+))?", _beta, reason)


def _beta(found: re.Match[str]) -> str:
    equals = f"={found[2]}" if found[2] else ""
    return rf"$\beta_{found[1]}{equals}$"


def _percent(value: float) -> str:
    return "–" if np.isnan(value) else f"{100 * value:.2g}%"
