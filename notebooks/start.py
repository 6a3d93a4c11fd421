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
# # Start here
#
# This page is for a reader who has trained a network with backpropagation and has never heard of
# anything else in this book. It takes ten minutes. It begins with one weight, goes on to a small
# network, and ends where the other chapters begin. All that is drawn here is computed here, or in the
# chapter that is named.

# %% tags=["parameters", "hide-input"]
learning_rate = 0.25  # a finite number of at least 0.25 and at most 0.3
examples = 50  # a whole number of at least 40 and at most 50
warmup = 220  # a whole number of at least 220 and at most 300
steps = 180  # a whole number of at least 100 and at most 400
figures = "build/figures"  # a folder that can be made or written to

# %% tags=["hide-input"]
from rodflow_book.notebook import check_parameters, one_thread, show
from rodflow_core.experiments.parameters import real, whole

check_parameters(
    globals(),
    "figures",
    learning_rate=real(least=0.25, most=0.3),
    examples=whole(least=40, most=50),
    warmup=whole(least=220, most=300),
    steps=whole(least=100, most=400),
)
one_thread()

# %% [markdown]
# ## One parabola
#
# **Gradient descent** takes the weights $w_t$ and goes a step against the gradient $g$ of the loss $L$,
#
# $$
# w_{t+1}=w_t-\eta\,g(w_t).
# $$
#
# The factor $\eta$ is the **learning rate**. How large may it be? Take one weight and a parabola,
# $L=\frac12Sw^2$. The number $S$ says how narrow the parabola is. Its gradient is $Sw$, so that
#
# $$
# w_{t+1}=(1-\eta S)\,w_t:
# $$
#
# every step multiplies $w$ by the same number. With $\eta S<1$ the weight slides down one side. With
# $1<\eta S<2$ the number is negative: each step lands on the other side, but lower. With $\eta S>2$ it
# lands on the other side, and higher. The border is
#
# $$
# S=\frac2\eta,
# $$
#
# the **stability threshold** of gradient descent. The narrower the parabola, the smaller the learning rate must be.

# %%
import numpy as np
import torch

from rodflow_core.landscapes import Quadratic
from rodflow_core.optimizers import make_rule
from rodflow_core.simulate import iterate

S, w0, products = 4.0, 1.0, [0.4, 1.8, 2.08]
parabola = Quadratic(torch.tensor([S], dtype=torch.float64))
runs = {}
for product in products:
    states = iterate(make_rule("gd", product / S), parabola, [w0], 12)
    runs[product] = np.array([float(state.z) for state in states])
    np.testing.assert_allclose(runs[product][1:] / runs[product][:-1], 1 - product, rtol=1e-12)

# %% tags=["remove-cell"]
from rodflow_book.figures import files
from rodflow_book.figures import start as plots
from rodflow_book.motion import save_motion

slides, inward, outward = runs.values()
assert (slides > 0).all() and (np.sign(inward[1:]) == -np.sign(inward[:-1])).all()
assert abs(inward[-1]) < w0 < abs(outward[-1])
about = files.page_manifest("notebooks/start.py", S=S, w0=w0, eta_S=products)
files.save(
    "start-parabola",
    lambda: plots.parabola_figure(runs, S),
    plots.parabola_table(runs, S),
    figures,
    manifest=about,
    alt="Left: gradient descent on a parabola from the same start. With eta S = 0.4 it slides down one "
    "side, with 1.8 it jumps from side to side and downwards, with 2.08 from side to side and upwards. "
    "Right: the distance from the minimum on a logarithmic axis: three straight lines, two falling, one "
    "rising.",
)
bouncing = {product: runs[product] for product in products[1:]}
panels, words = plots.parabola_motion(bouncing, S)
save_motion(
    "start-parabola",
    "Gradient descent below and above the threshold",
    panels,
    range(len(inward)),
    words,
    figures,
    rate=3,
    manifest=about,
)

# %% [markdown]
# ```{figure} ../figures/start-parabola.svg
# :name: fig-start-parabola
# :figclass: panels
# :alt: Left, gradient descent on a parabola from the same start: with eta S = 0.4 it slides down one side, with 1.8 it jumps from side to side and downwards, with 2.08 from side to side and upwards. Right, the distance from the minimum on a logarithmic axis: three straight lines, two falling, one rising.
#
# **Below $2/\eta$ the bounce dies away, above it grows.** Gradient descent on a parabola ($S=4$) at three learning
# rates. On the right, a straight line is a constant factor: $|1-\eta S|$ at each step.
# ```
#
# Watch the two that bounce. Press *Play*, or go step by step.
#
# ```{raw} html
# <div class="rodflow-player" data-motion="start-parabola"><noscript>With JavaScript, the two that bounce can be played here step by step. The figure above shows the same steps.</noscript></div>
# <link rel="stylesheet" href="../player/player.css">
# <script src="../figures/start-parabola.motion.js"></script>
# <script src="../player/address.js"></script>
# <script src="../player/player.js"></script>
# ```
#
# ## A network
#
# Two things differ in a network: it has many weights, and its loss is no parabola.
#
# First, what does *not* differ. Gradient descent in this book is **full-batch**: every step uses the
# gradient of the same, whole data set. The next weights are then a function of the present weights
# alone. No batch is drawn, nothing is random, and the same start gives the same run. What bounces here
# is not noise. (Training in practice draws batches, and their noise comes on top of what is shown here. Neither the
# paper nor this book models it.)
#
# Now the many weights. Along each direction through a point the loss is nearly a parabola, as long as one stays near;
# along some directions a narrower one than along others. The narrowness in all directions stands in the **Hessian** $H$, the matrix of second
# derivatives: along a unit vector $v$ it is $v^\top Hv$. The largest value that this can have is the
# largest eigenvalue of $H$, and it is called the **sharpness**. It takes the place of $S$. If it is above
# $2/\eta$, gradient descent bounces outwards along that one direction.
#
# For a million weights nobody can write $H$ down. But a **Hessian-vector product** $Hv$ is one more
# backpropagation, through the number $g\cdot v$, and a few such products find the largest eigenvalue.
# Here is a network small enough to do both: a perceptron with two hidden layers that is to tell
# handwritten digits apart.

# %%
from torch import nn

from rodflow_core.experiments import data
from rodflow_core.experiments.problem import Problem
from rodflow_core.optimizers import State, midpoint
from rodflow_core.sharpness import preconditioned_sharpness

digits = data.load("digits", examples, seed=0, dtype=torch.float64)
torch.manual_seed(0)
net = nn.Sequential(nn.Linear(64, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 10))
net.double()
for parameter in net.parameters():
    parameter.data /= 2  # a flatter place to start from
own = Problem.from_module(net, (digits.inputs.flatten(1), digits.targets), title="a small network")
loss, gd = own.objective, make_rule("gd", learning_rate)


def sharpness(w, subspace=None):
    """The largest eigenvalue of the Hessian, by Hessian-vector products."""
    found = preconditioned_sharpness(gd, loss, State(w, None), 0, start=subspace, tol=1e-3)
    return float(found.settled().values[0]), found.subspace


product = loss.hvp(own.weights)
H = torch.stack([product(v) for v in torch.eye(loss.dim, dtype=torch.float64)])
largest = float(torch.linalg.eigvalsh(H)[-1])
assert abs(sharpness(own.weights)[0] / largest - 1) < 1e-3
print(f"{loss.dim:,} weights, sharpness {largest:.2f}, threshold {gd.threshold:g}")

# %% [markdown]
# These are the number of weights, the sharpness at the start, and the threshold $2/\eta$: far below it,
# all is quiet. So let it train.
#
# ## The edge of stability

# %%
path = iterate(gd, loss, gd.initial_state(own.weights), warmup + steps)
again = iterate(gd, loss, gd.initial_state(own.weights), 20)
assert all(torch.equal(a.z, b.z) for a, b in zip(again, path, strict=False))  # nothing is random

# %% tags=["hide-input"]
from rodflow_core.flows import StableFlow, advance

flow = StableFlow(gd, loss)
smooth = [flow.initial(*path[:2])]
for t in range(1, warmup + steps):
    smooth.append(advance(flow, smooth[-1], t, substeps=2))
centres = [midpoint(*path[t : t + 2]).z for t in range(len(smooth))]


def measured(points, where):
    """The sharpness along a path, over its threshold."""
    ratios, subspace = [], None
    for i in where:
        value, subspace = sharpness(points[i], subspace)
        ratios.append(value / gd.threshold)
    return np.array(ratios)


# %% tags=["remove-cell"]
import pandas as pd

where = [0, *range(4, len(centres), 5)]  # of the centres; that of w_0 and w_1 is there at step 1
climb = pd.DataFrame(
    {
        "step": np.array(where) + 1,
        "disc": measured(centres, where),
        "sf": measured([state.z for state in smooth], where),
    }
)
losses = pd.DataFrame(
    {
        "step": np.arange(len(centres)) + 1,
        "disc": [float(loss.value(state.z)) for state in path[1:]],
        "sf": [float(loss.value(state.z)) for state in smooth],
    }
)
about = files.page_manifest(
    "notebooks/start.py",
    learning_rate=learning_rate,
    examples=examples,
    warmup=warmup,
    steps=steps,
)
crossing = int(climb["step"][(climb["disc"] > 1).idxmax()])
late = climb[climb["step"] >= warmup]
hover = late["disc"].median()
first = climb["disc"].iloc[0]
rises = int((np.diff(losses["disc"][crossing:]) > 0).sum())
before = int((np.diff(losses["disc"][:crossing]) > 0).sum())
files.save(
    "start-edge",
    lambda: plots.edge_figure(climb, losses, warmup),
    losses.merge(climb, how="left", on="step", suffixes=("_loss", "_sharpness")),
    figures,
    manifest=about,
    alt=f"Left: the sharpness of gradient descent over its threshold rises from {first:.2f}, passes 1 at "
    f"step {crossing}, climbs to {climb['disc'].max():.2f}, falls back and hovers at {hover:.2f}; that of "
    f"gradient flow goes on to {climb['sf'].iloc[-1]:.2f}. Right: the loss of both falls; that of gradient "
    "descent goes up and down from about where its sharpness falls back.",
)
assert first < 0.5 and crossing > 0 and climb["disc"].max() > 1.2, "progressive sharpening"
assert 0.9 < hover < 1.15 and late["disc"].max() < climb["disc"].max(), "it hovers"
assert climb["sf"].iloc[-1] > 1.3 * hover and before == 0 and rises > 20
assert losses["disc"].iloc[-1] < 0.05 * losses["disc"].iloc[0], "and it learns"

# %% [markdown]
# ```{figure} ../figures/start-edge.svg
# :name: fig-start-edge
# :figclass: panels
# :alt: Left, sharpness over its threshold. For gradient descent it rises from far below to beyond 1, falls back and hovers just above 1; for gradient flow it keeps rising. Right, the loss of both falls; that of gradient descent goes up and down from about where its sharpness falls back.
#
# **The sharpness of gradient descent rises to $2/\eta$ and stays about there; that of a smooth path goes on rising.** The network
# (50 digits, $\eta=0.25$) from its first step on. The sharpness is that at the mean of two consecutive iterates, which
# does not bounce. Dotted: the threshold. Dashed: gradient flow, the path of infinitely small steps, of which
# more below. Shaded: the warm-up, likewise.
# ```

# %% tags=["hide-input"]
show(
    f"The sharpness begins at {first:.2f} times its threshold and rises while the network learns: this is "
    f"**progressive sharpening**. At step {crossing} it passes $2/\\eta$. Along the sharpest direction "
    "gradient descent now bounces outwards, as on the parabola: at first too little to be seen, then so far "
    f"up the walls that the loss rises again and again ({before} times in the {crossing} steps before, "
    f"{rises} times in the {len(losses) - crossing} after). On a parabola that would be the end. Here the "
    f"sharpness falls back, and from step {warmup} on it hovers at {hover:.2f} times the threshold, while "
    f"the loss comes down to {losses['disc'].iloc[-1] / losses['disc'].iloc[0]:.1%} of its first value. "
    "This state is the **edge of stability** {cite:p}`cohen2021edge`."
)

# %% [markdown]
# Networks that are trained at a fixed learning rate typically get there. {doc}`progressive` measures the way and
# explains what holds them there; the rest of the book is about models of it.
#
# ## Why it does not diverge
#
# Because a loss is no parabola. The picture to have in mind is a valley that grows narrower downhill.
# Gradient descent follows its floor until the valley is too narrow for the steps, and begins to bounce
# from wall to wall. But the walls are steeper ahead than behind. A point that is high up on a wall is
# therefore pushed *back*, towards the wider part, and the farther it bounces, the harder it is pushed. Where
# the push is as strong as the slope of the floor, it stops. Nor do the bounces grow for ever: the walls
# flatten with height, so that a long bounce meets less steepness than a short one, and at some length it
# repeats itself. The sharpness stays near the threshold. This is **self-stabilization** {cite:p}`damian2023self`.
#
# ```{raw} html
# <div class="rodflow-player" data-motion="rod-valley"><noscript><img src="../figures/rod-valley.svg" alt="Gradient descent zigzags across a curved valley that grows narrower and stops; gradient flow runs on along the floor."> With JavaScript, this can be played step by step.</noscript></div>
# <link rel="stylesheet" href="../player/player.css">
# <script src="../figures/rod-valley.motion.js"></script>
# <script src="../player/player.js"></script>
# ```
#
# The valley is seen from above, shaded more strongly where it is sharper, and computed in {doc}`rod`.
#
# ## Why a smooth path cannot follow
#
# Theory likes smooth paths: they are solutions of differential equations. The obvious one is **gradient
# flow**, the path that starts with gradient descent and moves by infinitely small steps,
# $\dot w=-\eta\,g(w)$. The same can be made of any optimizer; this book calls it the optimizer's
# **stable flow**. A stable flow has no threshold, never bounces, and feels no wall. So in both pictures
# it keeps to the floor and runs on into the sharper part, where gradient descent never is.
#
# The way out is to give the path a width. Take two consecutive iterates as *one* object, a **rod**: its
# **centre** is their mean, its **half-displacement** $\delta$ half their difference. The iterates jump. The
# centre, the length and the direction of the rod hardly change from step to step, and what changes slowly can
# be described by a differential equation. This one is the **rod flow** {cite:p}`regis2026rod,regis2026adam`. It
# takes the gradient at *both* ends of the rod, so it feels both walls, and stops where gradient descent
# stops.
#
# ## What warm-up means here
#
# A rod flow describes the bounce. It does not describe how the bounce came about from nothing. So
# every run in this book has two parts. In the **warm-up** the optimizer runs alone, until it is at the
# edge and bounces. Then the flows are started, at the centre of its last two iterates, and from there on all
# move side by side, none told anything more about the others. (The word has nothing to do with a learning
# rate that is raised slowly. Here the learning rate never changes.) For the network above, the warm-up is
# the shaded part, and this is what follows.

# %%
from rodflow_core.experiments.config import RunConfig
from rodflow_core.experiments.records import values
from rodflow_core.experiments.runs import compute

config = RunConfig(
    "gd",
    learning_rate,
    warmup=warmup,
    steps=steps,
    flows=("sf", "rod"),
    spectrum_every=10,
    eigenvalues=1,
    spectrum_tolerance=1e-3,
)
run = compute(config, own)

# %% tags=["remove-cell"]
beside = pd.DataFrame({"step": run["step"]})
for tag in ("sf", "rod"):
    beside[f"distance_{tag}"] = values(run, tag, "distance")
ratios = pd.DataFrame({"step": run["spectrum_step"]})
for tag in ("disc", "sf", "rod"):
    ratios[tag] = values(run, tag, "preconditioned_sharpness") / gd.threshold
beside = beside.merge(ratios, how="left", on="step")
end, typical = ratios.iloc[-1], beside.median()
nearer = typical["distance_sf"] / typical["distance_rod"]
files.save(
    "start-beside",
    lambda: plots.beside_figure(beside),
    beside,
    figures,
    manifest=about,
    alt=f"Left: sharpness over threshold after the warm-up. Gradient descent and the rod flow stay together, "
    f"at {end['disc']:.2f} and {end['rod']:.2f} in the end; gradient flow rises to {end['sf']:.2f}. Right: "
    f"distance from the centre of gradient descent, median {typical['distance_sf']:.2g} for gradient flow "
    f"and {typical['distance_rod']:.2g} for the rod flow.",
)
# The run beside the flows is the one that was drawn from the first step on.
same = climb.merge(ratios, on="step")
assert len(same) > 10 and np.allclose(same["disc_x"], same["disc_y"], rtol=5e-3)
assert abs(end["rod"] / end["disc"] - 1) < 0.05 and end["sf"] > 1.2 * end["disc"] and nearer > 3

# %% [markdown]
# ```{figure} ../figures/start-beside.svg
# :name: fig-start-beside
# :figclass: panels
# :alt: Left, sharpness over threshold after the warm-up: gradient descent and the rod flow stay together just above 1, gradient flow rises away from them. Right, distance from the centre of gradient descent on a logarithmic axis: gradient flow is several times as far as the rod flow.
#
# **The rod flow stays with gradient descent; gradient flow does not.** The same network after the warm-up, with both
# flows started beside gradient descent.
# ```

# %% tags=["hide-input"]
show(
    f"At the end the sharpness over its threshold is {end['disc']:.2f} for gradient descent, "
    f"**{end['rod']:.2f} for the rod flow** and {end['sf']:.2f} for gradient flow. Half of the time the rod "
    f"flow is within {typical['distance_rod']:.2g} of gradient descent's centre, gradient flow within "
    f"{typical['distance_sf']:.2g}: {nearer:.1f} times as far."
)

# %% [markdown]
# Three things are always compared, and always at centres: the sharpness, the distance, and the length of
# the rod.
#
# ## Adam has its own ruler
#
# Adam divides each weight's step by a running size of that weight's gradient, kept in a diagonal matrix $P$,
# the **preconditioner**. It measures the landscape with a ruler that it makes itself, another for each weight.
# What is at the threshold is then not the sharpness of $H$ but the **preconditioned sharpness**, the largest
# eigenvalue of $P^{-1/2}HP^{-1/2}$ {cite:p}`cohen2022adaptive`. The momentum moves the threshold, from
# $2/\eta$ to $\frac2\eta\frac{1+\beta_1}{1-\beta_1}$, and the rod lives in the space of weights *and*
# momentum. Otherwise all is as above. {doc}`phase_space`, {doc}`preconditioners` and {doc}`adam_rod` take this
# apart and put it together again.
#
# ## Where to go
#
# - The room *Learn* goes on from here, page after page: {doc}`the edge <progressive>`, {doc}`the rod <rod>`,
#   {doc}`phase_space`, {doc}`preconditioners`, {doc}`adam_rod`, and {doc}`a rod beyond the paper's <drift_free>`.
# - {doc}`cifar10`: the evidence. Nine optimizers, three networks, the paper's data; and where it fails.
# - {doc}`your_own`: the same for your network and your data, in ten lines.
