"""The tables of the claims page, as Markdown, from assessed runs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
import xarray as xr

from rodflow_book.markup import markdown
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


def distances(models: Judged, coarse: Mapping[Key, Claims]) -> str:
    """Distances over the floor and over each other, for every integrator that is recorded.

    Args:
        models: assessed runs of ``rod`` and ``free``, and of ``rod_fine`` and ``free_fine``.
        coarse: the paper's rod measured by the stable flow at its own substeps.
    """
    names = {"rod": "rod / floor", "rod_fine": "rod, RK4", "free": "drift-free"}
    names["free_fine"] = "drift-free, RK4"
    fine = "rod_fine" in models
    head = ["", "floor", "stable / floor", *(names[tag] for tag in models)]
    head += ["ratio, stable flow $K=4$", *(["ratio, stable flow fine"] if fine else [])]
    head += ["osc/drift", "S", "stable flow's S"]
    rows = []
    for key, c in models["rod"].items():
        cells = [title(key), f"{c.floor:.2g}", _short(c.stable.distance / c.floor)]
        cells += [_short(models[tag][key].above_floor) for tag in models]
        cells += [_short(coarse[key].ratio), *([_short(c.ratio)] if fine else [])]
        rows.append([*cells, f"{c.regime:.2g}", f"{c.sharpness:.3f}", f"{c.stable.sharpness:.2f}"])
    return markdown(head, rows)


def observables(models: Judged) -> str:
    """What a model says of quantities that a user sees: errors, stable flow beside both rods."""
    head = ("", "raw loss: rod", "drift-free", "stable", "loss at the centre: rod", "stable")
    head += (r"$\|\nu\|$: rod", "stable", "alignment (quartiles)")
    rows = []
    for key, c in models["rod"].items():
        r, s = c.rod, c.stable
        free = models["free"][key].rod
        cells = [title(key), *map(_percent, (r.raw_loss_error, free.raw_loss_error))]
        cells += [_percent(s.raw_loss_error), _percent(r.loss_error), _percent(s.loss_error)]
        cells += [_percent(r.nu_error), _percent(s.nu_error)]
        low, high = r.alignment_quartiles
        rows.append([*cells, f"{r.alignment:.2f} ({low:.2f} to {high:.2f})"])
    return markdown(head, rows)


def diagnosis(runs: Mapping[Key, xr.Dataset], models: Judged) -> str:
    """Say of each run in which the paper's rod fails a claim what its numbers show."""
    lines = []
    for key, claim in models["rod"].items():
        rulings = judge.rulings(claim)
        lost = [k for k, r in rulings.items() if r.verdict == judge.FAILS and k != "f"]
        if not lost:
            continue
        found = judge.diagnose(runs[key])
        words = [f"({k}) {judge.CLAIMS[k].title}, {rulings[k].text}" for k in lost]
        mended = _mended(lost, runs[key], models, key)
        why = "; ".join(found.findings) or "**unexplained**: no test of ours tells it apart"
        lines.append(f"- **{title(key)}**: {'; '.join(words)}. {why[0].upper() + why[1:]}.{mended}")
    return "\n".join(lines) or "Nothing fails."


def _mended(lost: list[str], run: xr.Dataset, models: Judged, key: Key) -> str:
    """Say which of the lost claims another integrator or the other rod keeps."""
    others = {"with the drift-free rod": models["free"][key]}
    if "rod_finer" in flows(run):
        others = {"with RK4, four substeps": assess(run, "rod_finer"), **others}
    elif "rod_fine" in models:
        others = {"with RK4": models["rod_fine"][key], **others}
    words = []
    for name, found in others.items():
        kept = judge.rulings(found)
        good = [f"({k})" for k in lost if kept[k].verdict not in (judge.FAILS, judge.NONE)]
        words.append(f"{name}, {', '.join(good) or 'none'}")
    return f" Mended {'; '.join(words)}."


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
    forms = {
        1.0: r"$2$",
        (1 + beta) / (1 - beta): r"$2\,\frac{1+\beta_1}{1-\beta_1}$",
        (1 + beta) / ((1 - beta) * (1 + 2 * beta)): (
            r"$2\,\frac{1+\beta_1}{(1-\beta_1)(1+2\beta_1)}$"
        ),
    }
    for value, form in forms.items():
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
    """The table of appendix H as it was run, with the reason for each row."""
    head = ("", r"$\eta$", r"$\beta_1$", r"$\beta_2$", "warm-up", "steps", "examples", "weights")
    head += ("seconds", "why")
    rows = []
    for key, run in runs.items():
        c = configuration(run)
        regime = REGIMES.get(c.data, {}).get(key[1], {}).get(key[0])
        betas = ["" if b is None else f"{b:g}" for b in (c.beta1, c.beta2)]
        cells = [title(key), f"{c.learning_rate:g}", *betas, c.warmup, c.steps, c.examples]
        cells += [run.attrs["parameters"], f"{run.attrs['seconds']:.0f}"]
        rows.append([*cells, regime.reason if regime else ""])
    return markdown(head, rows)


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.2g}"


def _percent(value: float) -> str:
    return "" if np.isnan(value) else f"{100 * value:.2g}%"
