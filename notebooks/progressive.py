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
# # Progressive sharpening
#
# Before an optimizer is at the edge it has to get there. The {term}`sharpness` rises on the way, with every optimizer and on nearly every
# network: *progressive sharpening* {cite:p}`cohen2021edge`. The paper names it as what rod flow says nothing about, and no
# other model of this book does either. All of them start where it has ended, after a {term}`warm-up`; before the edge they
# follow whatever the loss does, as the {term}`stable flow` would. Here it is measured, with the discrete optimizers
# alone, so that it is seen what is left to be explained.

# %% tags=["parameters", "hide-input"]
preset = "quick"
rates = [0.1, 0.15, 0.2]
horizon = 70
adam_steps = 200
rmsprop_steps = 800
figures = "build/figures"

# %% tags=["hide-input"]
from rodflow_book import notebook

notebook.check_parameters(globals(), "preset rates horizon adam_steps rmsprop_steps figures")
notebook.one_thread()

# %% tags=["hide-input"]
import dataclasses

import numpy as np
import pandas as pd
import torch
from IPython.display import SVG, display

from rodflow_book.figures import files
from rodflow_book.figures import progressive as plots
from rodflow_core import quantities
from rodflow_core.experiments import runs as computed
from rodflow_core.experiments.presets import preset as preset_row
from rodflow_core.experiments.records import values
from rodflow_core.optimizers import PerComponentSecondMoment, State, make_rule, midpoint
from rodflow_core.sharpness import preconditioned_sharpness
from rodflow_core.simulate import iterate

tests = preset == "smoke"
if tests:
    rates, horizon, adam_steps, rmsprop_steps = [0.1, 0.2], 3, 20, 60
SAMPLES = 10 if tests else 50


def alone(optimizer, steps, **changes):
    """A run of the optimizer alone, looked at from its second step on."""
    every = max(1, steps // SAMPLES)
    return notebook.recorded(
        optimizer, "mlp", preset, warmup=2, steps=steps, flows=(), spectrum_every=every,
        eigenvalues=1, **changes,
    )  # fmt: skip


def publish(name, draw, table, several, alt):
    """Save a figure to cite with its numbers and the provenance of its runs, and show it."""
    manifest = files.run_manifest(several)
    files.save(f"progressive-{name}", draw, table, figures, alt=alt, manifest=manifest)
    display(SVG(filename=f"{figures}/progressive-{name}.svg"))


# %% [markdown]
# ## On the way to the edge
#
# Gradient descent on the MLP at several learning rates, and Adam, from the first steps on. If sharpening is a matter of the
# loss and not of the optimizer, then gradient descent at any small rate goes the same way at its own pace: the sharpness is one function
# of the time $\eta\,t$, until it meets the {term}`threshold` $2/\eta$ of the rate at hand.

# %%
descents = {rate: alone("gd", round(horizon / rate), learning_rate=rate) for rate in rates}
adam = alone("adam", adam_steps)
tables = {
    rate: pd.DataFrame(
        {
            "time": rate * run["spectrum_step"].to_numpy(),
            "sharpness": values(run, "disc", "preconditioned_sharpness"),
            "threshold": 2 / rate,
        }
    )
    for rate, run in descents.items()
}
climb = pd.DataFrame(
    {
        "step": adam["spectrum_step"].to_numpy(),
        "ratio": values(adam, "disc", "preconditioned_sharpness") / adam.attrs["threshold"],
    }
)

# %% tags=["hide-input"]
slow = tables[min(rates)]
meets, gaps = {}, {}
for rate, table in tables.items():
    over = table["sharpness"] > table["threshold"]
    meets[rate] = table["time"][over.idxmax()] if over.any() else np.nan
    # Until then, beside the slowest.
    until = np.nanmin([meets[rate], meets[min(rates)], horizon])
    before = table[table["time"] <= until]
    beside = np.interp(before["time"], slow["time"], slow["sharpness"])
    if rate != min(rates):
        gap = np.abs(before["sharpness"].to_numpy() / beside - 1)
        gaps[rate] = (gap[0], gap[-1])
over = climb["ratio"] > 1
arrives = climb["step"][over.idxmax()] if over.any() else None
later = climb["ratio"][over.idxmax() :].median() if over.any() else np.nan

# %% tags=["remove-cell"]
words = ", ".join(f"{time:.3g} at rate {rate:g}" for rate, time in meets.items())
publish(
    "sharpening",
    lambda: plots.sharpening_figure(tables, climb),
    pd.concat([pd.concat(tables, names=["rate"]).reset_index(0), climb], ignore_index=True),
    [*descents.values(), adam],
    "Left: sharpness of gradient descent over time, the rate times the step, rising along one curve until it meets each "
    f"rate's own threshold (times {words}) and staying about there. Right: Adam's preconditioned sharpness over its threshold, "
    f"{climb['ratio'].iloc[0]:.2f} at first, median {later:.2f} from the crossing on.",
)

# %% [markdown]
# ```{figure} ../figures/progressive-sharpening.svg
# :name: fig-progressive-sharpening
# :alt: Left, sharpness of gradient descent over time, the rate times the step, for several rates; the curves rise together until each meets its own threshold and stays about there. Right, Adam's preconditioned sharpness over its threshold from the first steps on; it rises to one and then swings about it.
#
# The sharpness from the first steps on. Dotted: the thresholds.
# ```

# %% tags=["hide-input"]
gained = slow["sharpness"].max() / slow["sharpness"].iloc[0]
notebook.show(
    f"At the slowest rate the sharpness of gradient descent rises to {gained:.2f} times its first value within the time {horizon:g}. "
    + "The thresholds are met at the times "
    + ", ".join(
        f"{time:.3g} ($\\eta={rate:g}$)" if time == time else f"never ($\\eta={rate:g}$)"
        for rate, time in meets.items()
    )
    + ". "
    + "Beside the slowest the others are "
    + ", ".join(f"{first:.1%}" for first, _ in gaps.values())
    + " off at the first look and "
    + ", ".join(f"{last:.1%}" for _, last in gaps.values())
    + " when they meet their threshold: "
    + (
        "**they come together as they rise**, though not to one curve. The first steps, long ones, lead to different places; how the "
        "sharpness rises from there is mostly the loss's business and not the learning rate's. "
        if all(last < 0.8 * first for first, last in gaps.values())
        else "this is not one curve. "
    )
    + f"Adam's preconditioned sharpness begins at {climb['ratio'].iloc[0]:.2f} of its threshold"
    + (
        f", is above it at step {arrives} and has a median of {later:.2f} from then on."
        if arrives is not None
        else " and does not reach it here."
    )
)

# %% [markdown]
# Nothing in this book predicts the rising part. A rod below the threshold dies away, a central flow without critical directions is the
# stable flow, and both then do what the gradient says. Why it leads to sharper places is a question about networks, not about
# oscillation. What the models do explain is why it stops.
#
# ## Acceleration via regularization
#
# With a {term}`preconditioner` the sharpness need not stop. The paper's section 5.3 describes a second channel, and credits {term}`central flow`
# {cite:p}`cohen2025central` with it and with its name. Gradient descent has one way only to be rid of sharpness above $2/\eta$: the oscillation
# grows until the loss bends it back. In RMSProp an oscillation also raises $\nu$. The threshold of the
# *preconditioned* sharpness stays $2/\eta$, that of the sharpness itself is $2\sqrt\nu/\eta$ and rises; the effective step
# $\eta/\sqrt\nu$ shrinks. The claim is that this lets the sharpness go on rising, with less oscillation than it would take
# otherwise, and that it pays in the long run.
#
# On a quadratic the second channel does it all. There is nothing that could bend the oscillation back, gradient descent
# diverges above $2/\eta$, and RMSProp settles at {ref}`(190) <eq-190>`: half-displacement $\eta/2$, effective step
# $2/S$, whatever $S$ is.

# %%
from rodflow_core.landscapes import Quadratic

for S in (3.0, 300.0):
    rule = make_rule("scalar_rmsprop", 0.1, beta2=0.9, epsilon=0.0)
    begin = State(torch.tensor([0.02], dtype=torch.float64), torch.tensor(0.1, dtype=torch.float64))
    last = iterate(rule, Quadratic(torch.tensor([S], dtype=torch.float64)), begin, 3000)[-2:]
    half = float((last[1].z - last[0].z).abs()[0]) / 2
    effective = rule.learning_rate / float(midpoint(*last).nu.sqrt())
    assert abs(half / (rule.learning_rate / 2) - 1) < 1e-6 and abs(effective * S / 2 - 1) < 1e-6

# %% [markdown]
# On the network it can be tested by taking the channel away: RMSProp from the first steps on, and from the step at which it
# crosses its threshold once more with $\nu$ held as it is there.

# %%
full = alone("rmsprop", rmsprop_steps, raw_spectrum=True)
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


def follow(rule, start, first):
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
            subspace, row["sharpness"] = solved.subspace, float(solved.values[0])
        rows.append(row)
    return pd.DataFrame(rows)


start = iterate(rule, objective, rule.initial_state(problem.weights), crossing)[-3:]
nu_held = start[-1].nu
second = Held(rule.second_moment.beta2, rule.second_moment.epsilon)
paths = {
    "free": follow(rule, start, crossing),
    "held": follow(dataclasses.replace(rule, second_moment=second), start, crossing),
}
units = paths["free"].iloc[0]
late = {tag: table.iloc[-len(table) // 4 :].median() for tag, table in paths.items()}
gone = not np.isfinite(paths["held"]["loss"]).all() or late["held"]["loss"] > 10 * units["loss"]

# %% tags=["remove-cell"]
shown = {}
for tag, table in paths.items():
    drawn = table.copy()
    drawn["loss"] = plots.smoothed(table["loss"].to_numpy())
    drawn["sharpness"] = table["sharpness"].interpolate()
    for name in ("sharpness", "step_size", "loss"):
        drawn[name] = drawn[name] / units[name]
    shown[tag] = drawn
publish(
    "channels",
    lambda: plots.channels_figure(shown, crossing),
    pd.concat(shown, names=["second_moment"]).reset_index(0),
    [full],
    f"RMSProp from step {crossing}, where it crosses its threshold, with its second moment free and held. Sharpness over its value there, "
    f"late median: {late['free']['sharpness'] / units['sharpness']:.2f} and {late['held']['sharpness'] / units['sharpness']:.2f}; effective step "
    f"size {late['free']['step_size'] / units['step_size']:.2f} and {late['held']['step_size'] / units['step_size']:.2f}; loss "
    f"{late['free']['loss'] / units['loss']:.2f} and {late['held']['loss'] / units['loss']:.2f}.",
)

# %% [markdown]
# ```{figure} ../figures/progressive-channels.svg
# :name: fig-progressive-channels
# :alt: RMSProp on the MLP from the step at which it crosses its threshold, with its second moment free and with it held. Three panels over optimizer steps: the sharpness, the effective step size, the loss, each over its value at the crossing.
#
# RMSProp past its edge, with the second channel and without. All over the values at the crossing.
# ```

# %% tags=["hide-input"]


def compared(name):
    """Late medians of a quantity over its value at the crossing, free and held."""
    return [late[tag][name] / units[name] for tag in ("free", "held")]


sharp, step, loss = (compared(name) for name in ("sharpness", "step_size", "loss"))
swing = late["held"]["oscillation"] / late["free"]["oscillation"]
after = paths["free"]["step_size"].to_numpy() / units["step_size"]
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
