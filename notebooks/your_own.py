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
# (your-own)=
# # Bring your own
#
# **Your own network and data** make a `Problem`: ten lines from a torch module to the figure of a run
# and its verdict. **Your own optimizer** is *momentum × second moment*: a class for what is new, a row
# in a table for the rest. AdaBelief belongs to that family, and inherits all of it. Lion does not, and
# this page shows in numbers which assumption it breaks.

# %% tags=["parameters", "hide-input"]
preset = "quick"  # one of smoke, quick, cifar, paper
learning_rate = None  # a finite number above 0, or None
beta1 = 0.5  # a finite number of at least 0 and below 1, or None
beta2 = 0.95  # a finite number of at least 0 and below 1, or None
warmup = 400  # a whole number of at least 2
steps = 150  # a whole number of at least 1
figures = "build/figures"  # a folder that can be made or written to

# %% tags=["hide-input"]
from rodflow_book.notebook import check_parameters, one_thread
from rodflow_core.experiments.config import FIELDS

check_parameters(
    globals(),
    "preset figures",
    learning_rate=FIELDS["learning_rate"].or_none(),
    beta1=FIELDS["beta1"],
    beta2=FIELDS["beta2"],
    warmup=FIELDS["warmup"],
    steps=FIELDS["steps"],
)
one_thread()

# %% [markdown]
# (your-network)=
# ## Your own network and data
#
# A network with one hidden layer is to learn a sine. Nothing in it knows of this project: any torch
# module, any data, any loss that torch can differentiate twice.

# %%
import torch
from torch import nn

from rodflow_core.experiments.problem import Problem

torch.manual_seed(0)
x = torch.linspace(-3, 3, 40).double()[:, None]
net = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 1)).double()
mine = Problem.from_module(
    net, (x, (2 * x).sin()), nn.MSELoss(), reduction="mean", title="a sine, 40 points"
)

# %% [markdown]
# `nn.MSELoss()` gives the *mean* over a batch, and that is said: a loss that gives one number per
# example needs no `reduction`, and one that does neither is refused. The data may be two tensors, as
# here, a list of batches, or a `DataLoader` that does not shuffle. The loss must be a function of the
# weights alone: dropout, a shuffling loader, batch normalisation in training mode are found and
# refused, in a sentence. Frozen parameters stay frozen.
#
# At which learning rate, and after how many steps, is it at the edge of stability? The scout looks.

# %%
from rodflow_core.experiments import scout
from rodflow_core.experiments.config import RunConfig

tests = preset == "smoke"
looks = [20] if tests else [300, 500, 1000]
seen = scout.scout(RunConfig("gd", 0.1), [0.1, 0.2], looks, own=mine)
print(scout.HEADER, *map(scout.line, seen), sep="\n")

# %% [markdown]
# At 0.1 after 500 steps its sharpness is at the threshold and it oscillates far more than it drifts; 0.2
# diverges. So:

# %%
from rodflow_core.experiments.runs import load_or_run

if not tests:  # as the sentence above says
    look = seen[1]
    assert look.step == 500 and look.good and look.regime > 5
    assert seen[-1].learning_rate == 0.2 and seen[-1].sharpness != seen[-1].sharpness
size = {"warmup": 20, "steps": 10} if tests else {"warmup": 500, "steps": 200}
run = load_or_run(RunConfig("gd", 0.1, **size), mine)

# %% tags=["remove-cell"]
from rodflow_book import notebook

notebook.save_figure_of(run, "your-network", figures, "notebooks/your_own.py")

# %% [markdown]
# ```{figure} ../figures/your-network.svg
# :name: fig-your-network
# :figclass: panels
# :alt: Panels over optimizer steps for gradient descent on a small network that learns a sine: loss, sharpness over threshold, distance between centres, half-displacement, alignment; optimizer, stable flow, both rods and a shifted copy of the optimizer.
#
# Gradient descent on a network of the reader's: the figure that `run_figure(run)` draws.
# ```

# %% tags=["hide-input"]
from rodflow_core.experiments import claims

notebook.show(notebook.verdict(run))
notebook.show(
    f"A look is one moment. Over the {run.sizes['step'] - 1} steps of the run the oscillation is "
    f"{claims.assess(run).regime:.2g} times the drift (median)"
    + (
        ": for most of them there is little for a rod to see."
        if claims.assess(run).regime < 1
        else "."
    )
)

# %% [markdown]
# From the command line the same problem is the function that makes it: with `def sine(): ... return
# Problem(...)` in `mine.py`, `rodflow scout --problem mine:sine --optimizer gd --learning-rates 0.1
# 0.2` and `rodflow run --problem mine:sine --optimizer gd --learning-rate 0.1 --warmup 500 --steps 200
# -o sine.nc`.
#
# (your-optimizer)=
# ## Your own optimizer: AdaBelief
#
# AdaBelief (Zhuang et al., [arXiv:2010.07468](https://arxiv.org/abs/2010.07468)) is Adam, but its second
# moment follows the square of the *surprise* $g_t-m_{t+1}$, not of the gradient:
# it takes long steps where the gradient is what was expected. Since $m_{t+1}=\beta_1m_t+(1-\beta_1)g_t$,
#
# $$
# g_t-m_{t+1}=\beta_1\,(g_t-m_t).
# $$
#
# The factor $\beta_1$ scales $\sqrt\nu$, that is the learning rate (and $\epsilon$), so it is left to them: our $\eta$ is
# AdaBelief's divided by $\beta_1$. What is left is one line.

# %%
from torch import Tensor

from rodflow_core.optimizers import OPTIMIZERS, HeavyBall, PerComponentSecondMoment, Row, make_rule


class Surprise(PerComponentSecondMoment):
    """A second moment for each weight: the EMA of the square of what the first did not expect."""

    def target(self, g: Tensor, m: Tensor) -> Tensor:
        """Give the elementwise square of ``g - m``, ``(..., d)``."""
        return (g - m).square()


OPTIMIZERS["adabelief"] = Row("AdaBelief", HeavyBall, Surprise, bias_correction=True)

# %% [markdown]
# That is all. First, is it AdaBelief? Beside it, the paper's pseudocode written out
# (without the $\epsilon$ that its code adds to $\nu$ at every step), on a landscape with two weights.

# %%
import torch

from rodflow_core.objective import FunctionObjective

landscape = FunctionObjective(
    lambda w: 2.0 * w[0] ** 2 - w[0] ** 4 + 0.1 * w[1] + w[0] * w[1] ** 2, 2
)
start = torch.tensor([0.3, 1.0], dtype=torch.float64)

rule = make_rule("adabelief", learning_rate=0.02, beta1=0.5, beta2=0.95, epsilon=1e-8)
state = rule.initial_state(start)
w, m, s = start, torch.zeros(2), torch.zeros(2)
apart = 0.0
for t in range(100):
    state = rule.step(landscape, state, t)

    g = landscape.gradients(w[None])[0]
    m = 0.5 * m + (1 - 0.5) * g
    s = 0.95 * s + (1 - 0.95) * (g - m) ** 2
    m_hat, s_hat = m / (1 - 0.5 ** (t + 1)), s / (1 - 0.95 ** (t + 1))
    w = w - 0.5 * 0.02 * m_hat / (s_hat.sqrt() + 0.5 * 1e-8)
    apart = max(apart, (rule.split(state.z)[0] - w).abs().max().item())
assert apart < 1e-12
print(f"At most {apart:.0e} apart in a hundred steps.")

# %% [markdown]
# ### What it inherits
#
# - The **step**, the **displacement** $F$, and with them stable flow, rod flow, drift-free rod and
#   backward-error correction: none of them names an optimizer.
# - The **threshold**. It belongs to the momentum, and comes from Adam's, {ref}`(47) <eq-47>`; the curvature is seen through the new $P$.
#   A momentum of one's own need not say it: it is computed from the weights of its linear update, here
#   $a=\beta_1$ on $m$ and $b=1-\beta_1$ on $g$, as `theory.flip_threshold` does independently.
# - **Preconditioned sharpness**, recording, figures, `scout`, the command line.
# - The **tests**. `tests/core/test_tenth_optimizer.py` defines a tenth and an eleventh optimizer in the test itself and puts
#   them through every contract of the nine: discrete step against $F$ and $P$, threshold against the spectral radius
#   of the step on a quadratic, flows, correction, lockstep. Two lines there do the same for yours.

# %%
from rodflow_core.theory import UpdateWeights, flip_threshold

found = flip_threshold(UpdateWeights(0.5, 1 - 0.5, 0.0), 0.02, 0.5)
assert abs(found / rule.threshold - 1) < 1e-12
print(f"The rule says {rule.threshold:g}, its weights {found:g}.")

# %% [markdown]
# ### A regime
#
# Where does it oscillate at its edge? The scout looks along learning rates.

# %%
from rodflow_core.experiments import presets, runs

config = presets.preset(
    preset,
    "adabelief",
    "mlp",
    learning_rate=1e-2,
    beta1=beta1,
    beta2=beta2,
    warmup=None if tests else warmup,
    steps=None if tests else steps,
)
sightings = scout.scout(config, [3e-3, 1e-2], [20] if tests else [200, 400])
print(scout.HEADER, *map(scout.line, sightings), sep="\n")

# %% [markdown]
# The learning rate with the most oscillation for its drift is taken, unless one is given.

# %%
best = max(sightings, key=lambda sighting: sighting.regime)
config = config.replace(learning_rate=learning_rate or best.learning_rate)

# %% [markdown]
# ### The run
#
# `load_or_run` records it as any other run. A class in a notebook is no file of the project, but a record does
# not go by files: it carries a *replay*, the numbers of its own first steps. Change one line of `Surprise`, and the
# replay differs; the run is then computed anew. A row in `presets.py` makes it a chapter.

# %%
run = runs.load_or_run(config)

# %% tags=["remove-cell"]
notebook.save_figure_of(run, "adabelief-mlp", figures, "notebooks/your_own.py")

# %% [markdown]
# ```{figure} ../figures/adabelief-mlp.svg
# :name: fig-adabelief-mlp
# :alt: Panels over optimizer steps for AdaBelief on the MLP: loss at the centre, preconditioned sharpness over its threshold, distance between centres, half-displacement, second moment, alignment; optimizer, stable flow and rod flow.
#
# AdaBelief, its stable flow and both rods on the MLP, side by side after the warm-up.
# ```

# %% tags=["hide-input"]
notebook.show(notebook.verdict(run))

# %% [markdown]
# The flows were told nothing of AdaBelief but the one line above.
#
# ## Lion
#
# Lion (Chen et al., [arXiv:2302.06675](https://arxiv.org/abs/2302.06675)) follows a sign:
#
# \begin{align*}
# w_{t+1}&=w_t-\eta\,\mathrm{sign}\big(b_1m_t+(1-b_1)\,g_t\big),\\
# m_{t+1}&=b_2m_t+(1-b_2)\,g_t .
# \end{align*}
#
# It *can* be written as direction and preconditioner, $c=b_1m+(1-b_1)g$ and $P=\mathrm{diag}|c|$. But this $P$ is not slow:
# it is made anew of every direction, and is not smooth where $c=0$. Everything above takes $P$ as fixed over
# a rod. Then $F$ is linear in $(m,g)$, the mean of $F$ at the two ends is $F$ of the mean, and the threshold is a curvature. For a sign
# none of it holds, so Lion is no row. The discrete optimizer is one override.

# %%
from dataclasses import dataclass

from rodflow_core.optimizers import UpdateRule


@dataclass(frozen=True)
class LionMomentum(HeavyBall):
    """Lion's two averages: ``beta`` is the moment's, ``lead`` that of the direction."""

    lead: float = 0.9

    def direction(self, m: Tensor, g: Tensor) -> Tensor:
        """Give ``lead m + (1 - lead) g``."""
        return torch.lerp(g, m, self.lead)


class Lion(UpdateRule):
    """A rule whose displacement is not linear: the sign of the direction."""

    def displacement(self, z, g, preconditioner, c1=1.0, out=None):
        """Give ``F``, ``(..., D)``; there is no preconditioner apart from the direction."""
        _, m = self.split(z)
        step = -self.learning_rate * self.momentum.direction(m, g).sign()
        return torch.cat((step, (1 - self.momentum.beta) * (g - m)), dim=-1)


# %% [markdown]
# The identities of the rod hold for *any* $F$, if it is evaluated at each end. So this
# rod does, instead of using linearity, and drives the extent as the drift-free rod does.

# %%
from rodflow_core.flows import DriftFreeRod, DriftFreeState, StableFlow, endpoints


class TwoEnds(DriftFreeRod):
    """A drift-free rod for a displacement that is not linear: ``F`` at either end."""

    def rate(self, state: DriftFreeState, t: float) -> DriftFreeState:
        """Give the rates of centre and rod."""
        ends, half = endpoints(state), state.half_displacement
        g = self.objective.gradients(self.rule.gradient_point(ends))
        plus, minus = self.rule.displacement(ends, g, None)
        velocity, difference = (plus + minus) / 2, (plus - minus) / 2
        return DriftFreeState(velocity, None, -2 * half - difference + self.leak * velocity)


# %% tags=["hide-input"]
import numpy as np
import pandas as pd

from rodflow_core.experiments import limits
from rodflow_core.lockstep import Lockstep
from rodflow_core.quantities import name_of
from rodflow_core.simulate import iterate

size = {} if tests else {"examples": 200, "warmup": 300, "steps": 100}
other = presets.preset(preset, "heavy_ball", "mlp", **size)
_, problem = runs.build(other)
objective = problem.objective


def watch(rule):
    """Run a rule with its flows; measure its motion, and the linearity its rod counts on."""
    flows = {
        "sf": StableFlow(rule, objective),
        "free": DriftFreeRod(rule, objective),
    }
    if isinstance(rule, Lion):
        flows["ends"] = TwoEnds(rule, objective)
    side_by_side = Lockstep(rule, objective, flows, other.warmup, other.steps, spectrum_every=0)
    progress = side_by_side.run(problem.weights)
    distances = {tag: progress.records[name_of(tag, "distance")][1:] for tag in flows}
    median = {tag: np.median(values) for tag, values in distances.items()}

    end = other.warmup + other.steps
    states = iterate(rule, objective, progress.iterates[-1], 32 if tests else 128, t=end)
    moved = torch.stack([rule.split(state.z)[0] for state in states]).diff(dim=0).numpy()
    parts = limits.shares(moved)

    z = torch.stack([state.z for state in states[-2:]])
    g = objective.gradients(rule.gradient_point(z))
    P = rule.preconditioner(states[-1].nu, rule.corrections(end)[1])
    mean_of_F = rule.split(rule.displacement(z, g, P).mean(0))[0]
    F_of_mean = rule.split(rule.displacement(z.mean(0), g.mean(0), P))[0]
    return {
        "weights whose step changes sign": (np.sign(moved[1:]) != np.sign(moved[:-1])).mean(),
        "power of period two": parts.alternating,
        "power of longer cycles": parts.longer,
        "power of drift": parts.drift,
        "$F$ of the mean: error, part of the mean of $F$": float(
            (F_of_mean - mean_of_F).norm() / mean_of_F.norm()
        ),
        "distance of the stable flow": median["sf"],
        "times closer: drift-free rod of the family": median["sf"] / median["free"],
        "times closer: rod with $F$ at either end": median["sf"] / median.get("ends", np.nan),
    }


# %%
rules = {
    "AdaBelief": make_rule("adabelief", 1e-2, beta1=0.5, beta2=0.95),
    "Lion": Lion(1e-3, LionMomentum(0.99)),
    "Lion, a tenth of the rate": Lion(1e-4, LionMomentum(0.99)),
}
numbers = pd.DataFrame({name: watch(rule) for name, rule in rules.items()})

# %% tags=["hide-input"]
from rodflow_book.markup import markdown, power

# A flow that was lost has no distance; a rule whose F is linear has one rod only.
PERCENT = ("weights", "power")
cells = [
    [f"{v:.0%}" if str(name).startswith(PERCENT) and v > 0.01 else power(v) for v in row]
    for name, row in numbers.iterrows()
]
notebook.show(
    markdown(("", *numbers), ([n, *c] for n, c in zip(numbers.index, cells, strict=True)))
)

# %% tags=["hide-input"]
flips, two, _, drift, error, _, family, ends = numbers["Lion"]
slow = numbers["Lion, a tenth of the rate"]
notebook.show(
    f"At $\\eta=10^{{-3}}$ Lion bounces: {flips:.0%} of the steps of a weight undo the one before, and {two:.0%} of the "
    f"power has period two. $F$ of the mean is off by {error:.0%} of the mean of $F$, where AdaBelief's is off by "
    "rounding. The family's rod, which counts on that, "
    + (f"is {family:.2g} times closer than the stable flow" if family == family else "is lost")
    + f"; with $F$ at either end it is **{ends:.2g}** times closer than the stable flow. At a tenth of the rate {slow.iloc[3]:.0%} of the power is drift, and there is no rod to "
    f"see ({slow.iloc[7]:.2g})."
)

# %% [markdown]
# So it is not the rod that a sign breaks. Two iterates as one object is an idea that needs no
# preconditioner, and its identities hold for a jump as well. What breaks is the smooth half of the
# description: $P$ is no slow variable, and there is **no threshold**. A step of Lion is $\eta$ long
# in every weight whatever the curvature, so every valley is too sharp for it near its floor, and there
# is no sharpness at which an edge could hold it. A figure like AdaBelief's would have an empty panel.
