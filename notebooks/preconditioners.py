# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Preconditioners
#
# RMSProp {cite:p}`tieleman2012rmsprop` has no momentum. What it has instead is a ruler that it makes itself: it
# divides each step by a running size of the gradient. This page shows what that does to the edge of stability,
# first with one ruler for all weights, then with one for each. The rod stays the rod of {doc}`rod`; the ruler is added
# to it as one more smooth quantity.

# %% tags=["parameters", "hide-input"]
preset = "quick"  # one of smoke, quick, cifar, paper
learning_rate = 0.1  # a finite number above 0 and at most 10
beta2 = 0.95  # a finite number above 0 and below 1
slope = 0.1  # a finite number above 0 and at most 10
rise = 0.5  # a finite number above 0 and at most 10
steps = 400  # a whole number of at least 20 and at most 10000
rmsprop_steps = 800  # a whole number of at least 40 and at most 100000
figures = "build/figures"  # a folder that can be made or written to

# %% tags=["hide-input"]
from rodflow_book import notebook
from rodflow_core.experiments.parameters import real, whole

notebook.check_parameters(
    globals(),
    "preset figures",
    learning_rate=real(above=0, most=10),
    beta2=real(above=0, below=1),
    slope=real(above=0, most=10),
    rise=real(above=0, most=10),
    steps=whole(least=20, most=10_000),
    rmsprop_steps=whole(least=40, most=100_000),
)
notebook.one_thread()

# %% [markdown]
# ## One ruler
#
# Scalar RMSProp keeps one number, the **second moment** $\nu$: a running mean of the squared length of the gradient.
# The step is divided by its root. In short, with the equations' numbers in {doc}`scalar_rmsprop`,
#
# $$
# \nu_{t+1}=\beta_2\,\nu_t+(1-\beta_2)\,|g(w_t)|^2,\qquad w_{t+1}=w_t-\frac{\eta}{\sqrt{\nu_{t+1}}+\epsilon}\,g(w_t).
# $$
#
# So it is gradient descent with the {term}`effective step size` $\eta/\sqrt\nu$, and at the edge
#
# $$
# S=\frac{2}{\eta}\sqrt\nu,\qquad\text{that is}\qquad \frac{S}{\sqrt\nu}=\frac2\eta .
# $$
#
# On the left is the {term}`sharpness`, whose threshold moves with $\nu$. On the right is the {term}`preconditioned sharpness`,
# whose threshold stands still. It is the second that hovers.
#
# **Why the ruler needs no rod.** At the edge the gradient changes sign at every step. Its square does not. So
# $\nu$ is smooth where $w$ jumps, and a differential equation of its own is enough: it averages the squares at the two ends of the rod,
#
# $$
# \dot{\bar\nu}=(1-\beta_2)\Big(\tfrac12\big(|g_+|^2+|g_-|^2\big)-\bar\nu\Big).
# $$
#
# A flow that sees the gradient at the centre only, the {term}`stable flow`, misses most of it: at the centre of a bounce the gradient
# is small.
#
# ## A valley in which the edge moves
#
# Two weights: $x$ across a valley, $y$ along its floor, which falls, and on the way down the walls become steeper,
#
# $$
# L=\tfrac12\,(4+c\,y)\,x^2-\tfrac14\kappa\,x^4-a\,y .
# $$

# %%
import numpy as np
import torch

from rodflow_book.figures.models_toys import valleys
from rodflow_book.figures.valley import follow
from rodflow_core.optimizers import State, make_rule, midpoint
from rodflow_core.simulate import iterate


def numbers(*values):
    return torch.tensor(values, dtype=torch.float64)


kappa, begin = 0.5, 4.0 - 0.5 * rise  # the curvature at y = -0.5, where all start
valley = valleys([4.0], [[rise]], [slope], kappa=kappa)
rmsprop = make_rule("scalar_rmsprop", learning_rate, beta2=beta2)
# At the edge, and bouncing: the second moment that puts this curvature there.
bouncing = State(numbers(0.4 * learning_rate, -0.5), numbers((learning_rate * begin / 2) ** 2)[0])
paths = follow(rmsprop, valley, bouncing, steps)
descent = make_rule("gd", 0.5)  # its threshold is 4
fixed = follow(descent, valley, State(numbers(0.3, -0.5), None), steps, flows=())["disc"]

# %% tags=["remove-cell"]
from rodflow_book.figures import files
from rodflow_book.figures import preconditioners as plots

late = slice(steps // 2, None)
grown = {tag: path.sharpness[-1] / path.sharpness[0] for tag, path in paths.items()}
hovers = {tag: np.median(path.ratio[late]) for tag, path in paths.items()}
gap = {
    tag: np.median(np.linalg.norm(paths[tag].centre - paths["disc"].centre, axis=1)[late])
    for tag in ("sf", "rod")
}
still = fixed.sharpness[late]
usual = (learning_rate, beta2, slope, rise, steps) == (0.1, 0.95, 0.1, 0.5, 400)
if usual:
    assert grown["disc"] > 2 and abs(hovers["disc"] - 1) < 0.02, "it rises while it hovers"
    assert abs(grown["rod"] / grown["disc"] - 1) < 0.02 and abs(hovers["rod"] - 1) < 0.02
    assert np.ptp(still) < 1e-3 and abs(still[-1] / descent.threshold - 1) < 0.06, "it is held"
    assert hovers["sf"] > 3 and gap["sf"] > 50 * gap["rod"]
    assert abs(paths["disc"].length[-1] / (learning_rate / 2) - 1) < 0.05
about = files.page_manifest(
    "notebooks/preconditioners.py",
    learning_rate=learning_rate,
    beta2=beta2,
    slope=slope,
    rise=rise,
    kappa=kappa,
    steps=steps,
    descent_learning_rate=descent.learning_rate,
)
files.save(
    "preconditioners-valley",
    lambda: plots.valley_figure(paths, fixed, descent.threshold, learning_rate / 2),
    plots.valley_table(paths, fixed, learning_rate / 2),
    figures,
    manifest=about,
    alt=f"Left: the sharpness of scalar RMSProp rises to {grown['disc']:.2f} times its first value and the rod flow's with it; that of "
    f"gradient descent stays at {still[-1]:.2f}, its threshold being {descent.threshold:g}. Middle: over its threshold, the preconditioned "
    f"sharpness of RMSProp and of the rod flow is {hovers['disc']:.2f} and {hovers['rod']:.2f} in the median of the second half, that of the stable flow {hovers['sf']:.1f}. "
    "Right: the half-displacement settles at half the learning rate.",
)

# %% [markdown]
# ```{figure} ../figures/preconditioners-valley.svg
# :name: fig-preconditioners-valley
# :figclass: panels
# :alt: Left, the sharpness of scalar RMSProp and of its rod flow rises, while that of gradient descent stays just above its threshold. Middle, the preconditioned sharpness of RMSProp and of its rod flow stays at the threshold, that of the stable flow rises far beyond it. Right, the half-displacement of RMSProp and of the rod flow settles at half the learning rate.
#
# **The preconditioned sharpness hovers at $2/\eta$ while the sharpness itself goes on rising.** Scalar RMSProp ($\eta=0.1$,
# $\beta_2=0.95$), its flows, and gradient descent ($\eta=0.5$) in one valley ($a=0.1$, $c=\kappa=0.5$). Dotted, left: gradient descent's
# threshold; it settles a little above it, as the walls flatten outwards.
# ```

# %% tags=["hide-input"]
notebook.show(
    f"In {steps} steps the sharpness of RMSProp becomes {grown['disc']:.2f} times what it was, and its preconditioned sharpness is "
    f"{hovers['disc']:.3f} of $2/\\eta$ (median of the second half). The rod flow has {grown['rod']:.2f} and {hovers['rod']:.3f}, and its centre is "
    f"{gap['rod']:.2g} from RMSProp's. The stable flow is {gap['sf']:.2g} away: without the bounce its $\\nu$ is too small, its steps too long, and its "
    f"preconditioned sharpness {hovers['sf']:.1f} times the threshold."
)

# %% [markdown]
# Why half the learning rate? Where the bounce feeds $\nu$, it sets the edge at which it lives. Bouncing to $\pm\delta$ on a curvature $S$,
# the gradient is $S\delta$ at both ends, so $\sqrt\nu=S\delta$; being at the edge asks for $\sqrt\nu=\eta S/2$. Together
# $\delta=\eta/2$, {ref}`(190) <eq-190>`: **the curvature has dropped out.** A sharper valley is not bounced in more widely, it is measured
# with a longer ruler. Gradient descent has no such way out and diverges on every parabola that is too narrow.
#
# ## A ruler for each weight
#
# RMSProp itself keeps one $\nu$ for each weight, of that weight's own squared gradient; {doc}`rmsprop` has the equations. The preconditioner is
# then a diagonal matrix $P$ and the preconditioned sharpness the largest eigenvalue of $P^{-1/2}HP^{-1/2}$. Take a
# parabola that is ten times as sharp along one weight as along the other.

# %%
from rodflow_core.landscapes import Quadratic

curvatures = numbers(4.0, 40.0)
parabola = Quadratic(curvatures)
ratios, halves = {}, {}
for title, name in (("one ruler", "scalar_rmsprop"), ("one for each", "rmsprop")):
    rule = make_rule(name, learning_rate, beta2=beta2)
    edge = curvatures if name == "rmsprop" else curvatures[1]
    # A ruler somewhat longer than at the edge: both start below.
    begin_at = State(learning_rate * numbers(0.3, 0.4), (1.05 * learning_rate / 2 * edge) ** 2)
    states = iterate(rule, parabola, begin_at, 200)
    centres = [midpoint(*states[t - 1 : t + 1]) for t in range(2, len(states))]
    ratios[title] = np.stack([(curvatures / c.nu.sqrt() / rule.threshold) for c in centres])
    z = np.stack([state.z for state in states])
    halves[title] = np.abs(z[2:] - 2 * z[1:-1] + z[:-2]) / 4 / (learning_rate / 2)

# %% tags=["remove-cell"]
import pandas as pd

tail = {title: (ratios[title][-50:].mean(0), halves[title][-50:].mean(0)) for title in ratios}
if usual:
    np.testing.assert_allclose(tail["one ruler"][0], [0.1, 1], rtol=0.02)
    np.testing.assert_allclose(tail["one ruler"][1], [0, 1], atol=0.05)
    np.testing.assert_allclose(tail["one for each"][0], [1, 1], rtol=0.02)
    np.testing.assert_allclose(tail["one for each"][1], [1, 1], atol=0.05)
columns = {}
for title in ratios:
    for what, several in (("ratio", ratios), ("half", halves)):
        for direction, column in zip(("flatter", "sharper"), several[title].T, strict=True):
            columns[f"{title.replace(' ', '_')}_{what}_{direction}"] = column
files.save(
    "preconditioners-each",
    lambda: plots.each_figure(ratios, halves),
    pd.DataFrame(columns).rename_axis("step").reset_index(),
    figures,
    manifest=about | {"parameters": about["parameters"] | {"curvatures": curvatures.tolist()}},
    alt="With one ruler only the sharper of two directions is at the edge and bounces, to half the learning rate; the flatter one is at "
    f"{tail['one ruler'][0][0]:.2f} of the threshold and still. With a ruler for each, both are at the edge and both bounce as far.",
)

# %% [markdown]
# ```{figure} ../figures/preconditioners-each.svg
# :name: fig-preconditioners-each
# :figclass: panels
# :alt: With one ruler only the sharper of two directions is at the edge and bounces to half the learning rate, while the flatter one is far below and still. With a ruler for each, both are at the edge and both bounce as far.
#
# **One ruler keeps the sharpest direction at the edge; a ruler for each brings every direction there.** Scalar RMSProp (the two
# panels on the left) and RMSProp (on the right) on a parabola with curvatures 4 and 40, $\eta=0.1$, $\beta_2=0.95$. Curvature: preconditioned, over
# $2/\eta$.
# ```
#
# This is the two-weight form of what {doc}`rmsprop` sees on networks: several directions reach the edge together and take turns.
#
# ## What it buys: acceleration via regularization
#
# The paper's section 5.3 calls the moving edge a second channel, and credits {term}`central flow`
# {cite:p}`cohen2025central` with it and with its name. Gradient descent has one way only to be rid of sharpness above $2/\eta$: the oscillation
# grows until the loss bends it back. In RMSProp an oscillation also raises $\nu$. The threshold of the
# *preconditioned* sharpness stays, that of the sharpness itself rises; the effective step
# $\eta/\sqrt\nu$ shrinks. The claim is that this lets the sharpness go on rising, with less oscillation than it would take
# otherwise, and that it pays in the long run.
#
# On a network it can be tested by taking the channel away: RMSProp on the MLP and handwritten digits from the first steps on, and from the step at which it
# crosses its threshold once more with $\nu$ held as it is there.

# %%
import dataclasses

from rodflow_core import quantities
from rodflow_core.experiments import runs as computed
from rodflow_core.experiments.presets import preset as preset_row
from rodflow_core.experiments.records import values
from rodflow_core.optimizers import PerComponentSecondMoment
from rodflow_core.sharpness import preconditioned_sharpness

tests = preset == "smoke"
if tests:
    rmsprop_steps = 60
SAMPLES = 10 if tests else 50
full = notebook.recorded(
    "rmsprop", "mlp", preset, warmup=2, steps=rmsprop_steps, flows=(), eigenvalues=1,
    spectrum_every=max(1, rmsprop_steps // SAMPLES), raw_spectrum=True,
)  # fmt: skip
at = full["spectrum_step"].to_numpy()
ratio = values(full, "disc", "preconditioned_sharpness") / full.attrs["threshold"]
# The first steps jump over the threshold and back; what counts is to arrive.
beyond = np.flatnonzero((ratio > 1) & (at > rmsprop_steps // 20))
crossing = int(at[beyond[0]]) if len(beyond) else int(at[len(at) // 2])

lockstep, problem = computed.build(
    preset_row(preset, "rmsprop", "mlp", warmup=2, steps=rmsprop_steps, flows=())
)
rule, objective = lockstep.rule, lockstep.objective


class Held(PerComponentSecondMoment):
    """A second moment that stays what it is at the crossing."""

    def target(self, g, m):
        return nu_held.expand_as(g)


def onwards(rule, start, first):
    """Steps to the end: sharpness, effective step size, loss at the centre, oscillation."""
    states, rows, subspace = [*start], [], None
    for t in range(first, rmsprop_steps + 2):
        states = [*states[-2:], rule.step(objective, states[-1], t)]
        centre = midpoint(*states[-2:])
        row = {"step": t + 1, "loss": float(objective.value(centre.z))}
        row["oscillation"] = quantities.oscillation(*(s.z for s in states[::-1]))
        row["step_size"] = quantities.mean_effective_step_size(rule, centre, t)
        if (t - first) % (rmsprop_steps // SAMPLES) == 0:
            solved = preconditioned_sharpness(
                rule, objective, centre, t, start=subspace, tol=1e-3, raw=True
            )
            subspace, row["sharpness"] = solved.subspace, float(solved.settled().values[0])
        rows.append(row)
    return pd.DataFrame(rows)


first_states = iterate(rule, objective, rule.initial_state(problem.weights), crossing)[-3:]
nu_held = first_states[-1].nu
second = Held(rule.second_moment.beta2, rule.second_moment.epsilon)
courses = {
    "free": onwards(rule, first_states, crossing),
    "held": onwards(dataclasses.replace(rule, second_moment=second), first_states, crossing),
}
units = courses["free"].iloc[0]
lately = {tag: table.iloc[-len(table) // 4 :].median() for tag, table in courses.items()}
gone = not np.isfinite(courses["held"]["loss"]).all() or lately["held"]["loss"] > 10 * units["loss"]

# %% tags=["remove-cell"]
shown = {}
for tag, table in courses.items():
    drawn = table.copy()
    drawn["loss"] = plots.smoothed(table["loss"].to_numpy())
    drawn["sharpness"] = table["sharpness"].interpolate()
    for name in ("sharpness", "step_size", "loss"):
        drawn[name] = drawn[name] / units[name]
    shown[tag] = drawn
files.save(
    "preconditioners-channels",
    lambda: plots.channels_figure(shown, crossing),
    pd.concat(shown, names=["second_moment"]).reset_index(0),
    figures,
    manifest=files.run_manifest([full], "notebooks/preconditioners.py"),
    alt=f"RMSProp from step {crossing}, where it crosses its threshold, with its second moment free and held. Sharpness over its value there, "
    f"late median: {lately['free']['sharpness'] / units['sharpness']:.2f} and {lately['held']['sharpness'] / units['sharpness']:.2f}; effective step "
    f"size {lately['free']['step_size'] / units['step_size']:.2f} and {lately['held']['step_size'] / units['step_size']:.2f}; loss "
    f"{lately['free']['loss'] / units['loss']:.2f} and {lately['held']['loss'] / units['loss']:.2f}.",
)

# %% [markdown]
# ```{figure} ../figures/preconditioners-channels.svg
# :name: fig-preconditioners-channels
# :alt: RMSProp on the MLP from the step at which it crosses its threshold, with its second moment free and with it held. Three panels over optimizer steps: the sharpness, the effective step size, the loss, each over its value at the crossing.
#
# **With its second moment free the sharpness goes on rising; with it held it stays about where the edge was met.** RMSProp on the MLP, handwritten digits, past its edge, with its second moment free and held from the
# crossing on. All over the values at the crossing.
# ```

# %% tags=["hide-input"]


def compared(name):
    """Late medians of a quantity over its value at the crossing, free and held."""
    return [lately[tag][name] / units[name] for tag in ("free", "held")]


sharp, step, loss = (compared(name) for name in ("sharpness", "step_size", "loss"))
if preset == "quick" and rmsprop_steps == 800:
    assert sharp[0] > 1.25 and 0.95 < sharp[1] < 1.15, "what the caption says"
swing = lately["held"]["oscillation"] / lately["free"]["oscillation"]
after = courses["free"]["step_size"].to_numpy() / units["step_size"]
lines = [
    f"The crossing is at step {crossing}. In the last quarter of the steps after it (medians, over the values at the crossing) the "
    f"sharpness is {sharp[0]:.2f} with $\\nu$ free and {sharp[1]:.2f} with it held, the effective step size {step[0]:.2f} and {step[1]:.2f}, the "
    f"loss {loss[0]:.3g} and {loss[1]:.3g}; the oscillation with $\\nu$ held is {swing:.2g} times that with it free."
]
if gone:
    lines.append(
        "With $\\nu$ held RMSProp does not stay: the loss alone does not bend the oscillation back."
    )
else:
    lines.append(
        "**The sharpness goes on rising with the second channel"
        + (
            ", and less or not at all without it.** "
            if sharp[0] > 1.05 * sharp[1]
            else ", and without it as well.** "
        )
        if sharp[0] > 1.05
        else "**The sharpness does not go on rising here.** "
    )
    lines[-1] += (
        "It takes less oscillation with it, as the claim says. "
        if swing > 1.1
        else "It does not take less oscillation with it. "
    )
    lines[-1] += (
        "Whether it pays: the loss is lower with it."
        if loss[0] < 0.95 * loss[1]
        else "It does not pay in this run: the loss is lower without it."
        if loss[1] < 0.95 * loss[0]
        else "Whether it pays is not seen in this run: the losses are within 5 %."
    )
drop = 1 - (after / np.maximum.accumulate(after)).min()
lines.append(
    f"The effective step size falls by up to {drop:.0%} where the oscillation bursts; at the end it is {after[-1]:.2f} times what it was at the "
    "crossing"
    + (
        ": the gradients shrink as the loss falls, and the second moment with them. The price in effective step is seen at the bursts and "
        "not in the long run."
        if after[-1] > 1
        else "."
    )
)
notebook.show("\n\n".join(lines))

# %% [markdown]
# ## What you know now
#
# A preconditioner is a ruler that the optimizer makes from its own gradients. What hovers at $2/\eta$ is the sharpness measured with
# it; the sharpness itself may go on rising, for the bounce lengthens the ruler. Squares do not flip, so in the flow the second moment is one more smooth
# quantity beside the rod. In full: {doc}`scalar_rmsprop` and {doc}`rmsprop` have rule, flow and networks, {doc}`appendix D <appendix_d>` the
# fixed points and their stability.
