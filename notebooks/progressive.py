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
# # The edge
#
# {doc}`start` has shown one network on its way to the {term}`edge of stability`. This page asks two things of it.
# How does an optimizer get there? And what holds it there? The first is measured here and explained by no model of this
# book; the second is the mechanism that all of them rest on.

# %% tags=["parameters", "hide-input"]
preset = "quick"  # one of smoke, quick, cifar, paper
rates = [0.1, 0.15, 0.2]  # a list of 1 or more, each a finite number above 0
horizon = 70  # a finite number above 0
adam_steps = 200  # a whole number of at least 10 and at most 100000
cycle_steps = 500  # a whole number of at least 40 and at most 100000
figures = "build/figures"  # a folder that can be made or written to

# %% tags=["hide-input"]
from rodflow_book import notebook
from rodflow_core.experiments.parameters import real, several, whole

notebook.check_parameters(
    globals(),
    "preset figures",
    rates=several(real(above=0)),
    horizon=real(above=0),
    adam_steps=whole(least=10, most=100_000),
    cycle_steps=whole(least=40, most=100_000),
)
notebook.one_thread()

# %% tags=["hide-input"]
import numpy as np
import pandas as pd
from IPython.display import SVG, display

from rodflow_book.figures import files
from rodflow_book.figures import progressive as plots
from rodflow_core.experiments.records import values

tests = preset == "smoke"
if tests:
    rates, horizon, adam_steps = [0.1, 0.2], 3, 20
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
    manifest = files.run_manifest(several, "notebooks/progressive.py")
    files.save(f"progressive-{name}", draw, table, figures, alt=alt, manifest=manifest)
    display(SVG(filename=f"{figures}/progressive-{name}.svg"))


# %% [markdown]
# ## Progressive sharpening
#
# The {term}`sharpness` rises while a network learns, with every optimizer and on nearly every network
# {cite:p}`cohen2021edge`. The paper names it as what rod flow says nothing about. Its models start where it has ended,
# after a {term}`warm-up`. So here are the optimizers alone, on handwritten digits, to see what is left to be explained.
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
# **The sharpness rises until it meets the threshold of the learning rate at hand, and stays about there.** MLP, handwritten
# digits, from the first steps on; left gradient descent at three learning rates $\eta$, right Adam. Dotted: the thresholds.
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
# ## Self-stabilization
#
# The smallest loss that shows it has two weights: $x$ across a valley, and $y$ along its floor, which falls with
# slope $a$ while the walls become steeper at the rate $c$,
#
# $$
# L(x,y)=\tfrac12\,(S_0+c\,y)\,x^2-a\,y .
# $$
#
# The sharpness is $S=S_0+c\,y$ where $x$ is small. A step of gradient descent is
#
# $$
# x_{t+1}=(1-\eta S_t)\,x_t,\qquad S_{t+1}=S_t+\eta c\,\big(a-\tfrac12\,c\,x_t^2\big).
# $$
#
# The first says how the bounce grows: while $S>2/\eta$. The second says how the sharpness moves: up while the bounce
# is short, and down while $\frac12cx^2>a$. So each drives the other, like foxes and hares. Sharpness lets the
# bounce grow, the bounce takes the sharpness down, below the threshold the bounce dies, and the sharpness comes back.
# Neither can run away. This is {term}`self-stabilization` {cite:p}`damian2023self`.

# %%
from rodflow_book.figures.models_toys import valleys
from rodflow_core.optimizers import make_rule
from rodflow_core.simulate import iterate

rate, S0, c, a = 0.5, 4.0, 0.2, 0.02
descent, valley = make_rule("gd", rate), valleys([S0], [[c]], [a])
path = iterate(descent, valley, [0.4, -0.1], cycle_steps)
x, y = np.array([state.z.numpy() for state in path]).T
bounce, sharp = np.abs(x), S0 + c * y
np.testing.assert_allclose(x[1:], (1 - rate * sharp[:-1]) * x[:-1], rtol=1e-12)
np.testing.assert_allclose(np.diff(sharp), rate * c * (a - c * x[:-1] ** 2 / 2), atol=1e-12)

# %% [markdown]
# Over a long time $S$ returns to where it was. Then the second equation, summed over the steps, says that on average
# $\frac12c\,x^2=a$: **the mean square of the bounce is $2a/c$, just what it takes to hold against the slope.** No learning rate
# stands in it.

# %% tags=["remove-cell"]
cycle = pd.DataFrame({"step": np.arange(len(x)), "ratio": sharp / descent.threshold, "x": x})
cycle["bounce"] = cycle["x"].abs()
falls = np.flatnonzero((cycle["ratio"][:-1].to_numpy() > 1) & (cycle["ratio"][1:].to_numpy() <= 1))
turns = len(falls)
whole = slice(falls[0], falls[-1]) if turns > 1 else slice(None)  # a number of whole turns
square = float((x[whole] ** 2).mean())
free = S0 + c * (-0.1 + rate * a * np.arange(len(x)))  # gradient flow, from the floor
if cycle_steps == 500:
    assert turns >= 3 and abs(square / (2 * a / c) - 1) < 0.02, "the mean square is 2a/c"
    assert abs(cycle["ratio"][whole].mean() - 1) < 0.01 and free[-1] / descent.threshold > 1.2
cycle["free"] = free / descent.threshold
files.save(
    "progressive-cycle",
    lambda: plots.cycle_figure(cycle, (2 * a / c) ** 0.5),
    cycle,
    figures,
    manifest=files.page_manifest(
        "notebooks/progressive.py", learning_rate=rate, S0=S0, c=c, a=a, steps=cycle_steps
    ),
    alt=f"Left: over steps, the sharpness of gradient descent swings about its threshold, {turns} times down through it; that of gradient "
    "flow rises straight on. Middle: the bounce swells after each crossing and dies again. Right: bounce against sharpness, loops around "
    "the point where the sharpness is at the threshold and the bounce is the root of 2a/c.",
)
display(SVG(filename=f"{figures}/progressive-cycle.svg"))

# %% [markdown]
# ```{figure} ../figures/progressive-cycle.svg
# :name: fig-progressive-cycle
# :figclass: panels
# :alt: Left, over steps, the sharpness of gradient descent swings about its threshold while that of gradient flow rises straight on. Middle, the bounce swells after each crossing and dies again. Right, bounce against sharpness, loops around the point where the sharpness is at the threshold and the bounce is the root of 2a/c.
#
# **The bounce holds the sharpness at the threshold; without it the sharpness runs on.** Gradient descent in the valley
# above, $\eta=0.5$, $S_0=4$, $c=0.2$, $a=0.02$. Dotted: the threshold $2/\eta$, and the length $\sqrt{2a/c}$.
# ```

# %% tags=["hide-input"]
notebook.show(
    f"Over {max(turns - 1, 1)} whole turns the mean of the sharpness is {cycle['ratio'][whole].mean():.3f} of the threshold, and the mean "
    f"square of the bounce {square:.3f}, where $2a/c$ is {2 * a / c:.3f}. Gradient flow, on the floor, has no bounce: its "
    f"sharpness is {cycle['free'].iloc[-1]:.2f} times the threshold after {cycle_steps} steps."
)

# %% [markdown]
# Here nothing damps the swing, and the turns even widen a little ({doc}`models` says why). In a network there is more to a loss than
# this: walls that flatten with height give the bounce a length at which it repeats itself, and the swing dies out.
#
# ## What you know now
#
# Training takes a network to sharper places until the sharpness meets the threshold; no model here says why. At the
# threshold the bounce and the sharpness hold each other: that is the edge. What a smooth path lacks is the bounce, so a model of the edge
# has to carry one. In full: {doc}`models` has every model of the edge in such valleys, {doc}`limits` what the rods do
# before the edge.
