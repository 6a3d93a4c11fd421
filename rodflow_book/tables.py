"""The tables of the claims page, as Markdown, from assessed runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import torch
import xarray as xr

from rodflow_book.notebook import ARCHITECTURE_TITLES, configuration
from rodflow_core.experiments.claims import CLOSER, WITHIN, Claims
from rodflow_core.experiments.presets import REGIMES
from rodflow_core.landscapes import Quadratic
from rodflow_core.optimizers import OPTIMIZERS, Identity, UpdateRule, make_rule

Key = tuple[str, str]
"""Optimizer and architecture."""


def markdown(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """Give a Markdown table; the first column is left-aligned, the others right."""
    head = list(head)
    lines = ["| " + " | ".join(head) + " |", "| :-- |" + " --: |" * (len(head) - 1)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def title(key: Key) -> str:
    """Say what a run is of: a link to its chapter, and the architecture."""
    optimizer, architecture = key
    name = OPTIMIZERS[optimizer].title
    name = name[0].upper() + name[1:]
    return f"[{name}]({optimizer}), {ARCHITECTURE_TITLES[architecture]}"


def tally(paper: Mapping[Key, Claims], free: Mapping[Key, Claims]) -> str:
    """Count the verdicts of both rods."""
    words = []
    for name, group in {"the paper's rod": paper, "the drift-free rod": free}.items():
        counts = {w: sum(c.verdict == w for c in group.values()) for w in _WORDS}
        words.append(
            f"for {name} the claim holds in **{counts['holds']}** of {len(group)} runs, partly in "
            f"{counts['partly']}, and fails in {counts['fails']}"
        )
    text = "; ".join(words)
    return text[0].upper() + text[1:] + "."


_WORDS = {"holds": "holds", "partly": "*partly*", "fails": "**fails**"}


def centres(paper: Mapping[Key, Claims], free: Mapping[Key, Claims]) -> str:
    """Ratio of centre distances and sharpness over threshold, for both rods."""
    head = ("", "verdict", "ratio", "end", "S optimizer", "S rod", "S stable", "plateau")
    head += ("osc/drift", "drift-free: verdict", "ratio", "S")
    rows = []
    for key, c in paper.items():
        f = free[key]
        cells = [title(key), _WORDS[c.verdict], _short(c.ratio), _short(c.end_ratio)]
        cells += [f"{x:.3f}" for x in (c.sharpness, c.rod.sharpness, c.stable.sharpness)]
        cells += [f"{c.rod.plateau:.2f}", f"{c.regime:.2g}"]
        rows.append([*cells, _WORDS[f.verdict], _short(f.ratio), f"{f.rod.sharpness:.3f}"])
    return markdown(head, rows)


def tracked(paper: Mapping[Key, Claims], free: Mapping[Key, Claims]) -> str:
    """Relative errors and alignment, for both rods."""
    head = ("", "loss", r"$\|\delta\|$", r"$\|\mu\|$", r"$\|\nu\|$", "stable flow's loss")
    head += (r"stable flow's $\|\nu\|$", "alignment (quartiles)", "drift-free: loss")
    rows = []
    for key, c in paper.items():
        r, s = c.rod, c.stable
        cells = [title(key)]
        cells += [_percent(x) for x in (r.loss_error, r.delta_error, r.mu_error, r.nu_error)]
        cells += [_percent(s.loss_error), _percent(s.nu_error)]
        low, high = r.alignment_quartiles
        cells += [f"{r.alignment:.2f} ({low:.2f} to {high:.2f})"]
        rows.append([*cells, _percent(free[key].rod.loss_error)])
    return markdown(head, rows)


def diagnosis(paper: Mapping[Key, Claims], free: Mapping[Key, Claims]) -> str:
    """Say for each run in which the paper's rod does not meet the rule what its numbers show."""
    lines = []
    for key, c in paper.items():
        if c.verdict == "holds":
            continue
        misses = []
        if not c.ratio >= CLOSER:
            misses.append(f"only {_short(c.ratio)} times closer")
        deviation = c.rod.sharpness / c.sharpness - 1
        if not abs(deviation) <= WITHIN:
            misses.append(f"its sharpness {100 * deviation:+.0f} % off the optimizer's")
        why = "the two oscillate out of step in several sharp directions"
        if c.rod.sharpness > 1.1 * c.sharpness or c.regime < 2:
            why = "the rod has turned into the drift: the sharp direction is not evaluated"
        if c.failed:
            why = f"a trajectory stopped being finite ({', '.join(c.failed)})"
        other = free[key]
        lines.append(
            f"- **{title(key)}** ({c.verdict}): {' and '.join(misses)}. Oscillation over drift is "
            f"{c.regime:.2g}; {why}. The drift-free rod: ratio {_short(other.ratio)}, sharpness "
            f"{100 * (other.rod.sharpness / c.sharpness - 1):+.1f} % off ({other.verdict})."
        )
    return "\n".join(lines) or "Nothing fails."


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
    return "" if np.isnan(value) else f"{100 * value:.2g} %"
