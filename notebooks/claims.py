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
#   rodflow:
#     runs: [gd-mlp, gd-cnn, gd-vit, heavy_ball-mlp, heavy_ball-cnn, heavy_ball-vit, nesterov-mlp, nesterov-cnn, nesterov-vit, scalar_rmsprop-mlp, scalar_rmsprop-cnn, scalar_rmsprop-vit, rmsprop-mlp, rmsprop-cnn, rmsprop-vit, scalar_adam-mlp, scalar_adam-cnn, scalar_adam-vit, adam-mlp, adam-cnn, adam-vit, scalar_nadam-mlp, scalar_nadam-cnn, scalar_nadam-vit, nadam-mlp, nadam-cnn, nadam-vit]
# ---

# %% [markdown]
# # The table of claims
#
# The paper claims that, for all eight optimizers, the rod flow's centre stays much closer to the
# optimizer's than the stable flow's does, that its discrepancy levels off, that its preconditioned
# sharpness hovers at the threshold, and that $|\delta|$, $|\mu|$ and $|\nu|$ are tracked. Here is
# each of these, as a number, for every optimizer on every architecture, gradient descent included.
# Every number comes from a recorded run; failures stay.

# %% tags=["parameters", "hide-input"]
preset = "quick"
architectures = ["mlp", "cnn", "vit"]
figures = "build/figures"

# %% tags=["hide-input"]
from rodflow_book import notebook

notebook.check_parameters(globals(), "preset architectures figures")
notebook.one_thread()

# %% [markdown]
# ## The rule
#
# A claim **holds** where the rod flow's centre is at least 5 times closer to the optimizer's than the
# stable flow's (medians over the steps side by side) *and* its median preconditioned sharpness is
# within 5 % of the optimizer's. It holds **partly** where one of the two is met, and **fails** where
# neither is.

# %%
from rodflow_book import tables
from rodflow_core.experiments import claims
from rodflow_core.optimizers import OPTIMIZERS

runs = {
    (optimizer, architecture): notebook.recorded(optimizer, architecture, preset)
    for optimizer in OPTIMIZERS
    for architecture in architectures
}
paper = {key: claims.assess(run) for key, run in runs.items()}
free = {key: claims.assess(run, "free") for key, run in runs.items()}

# %% tags=["remove-cell"]
from rodflow_book.figures import claims as plots_claims

plots_claims.save(paper, free, list(runs.values()), figures)

# %% [markdown]
# ```{figure} ../figures/claims.svg
# :name: fig-claims
# :alt: For each optimizer and architecture, how many times closer to the optimizer's centre the paper's rod flow and the drift-free rod are than the stable flow, on a log axis with the bar of the claim at 5.
#
# How many times closer than the stable flow: the paper's rod and the drift-free rod, for every
# optimizer on every architecture. The dotted line is the claim's bar.
# ```

# %% tags=["hide-input"]
notebook.show(tables.tally(paper, free))

# %% [markdown]
# ## Centre and sharpness
#
# *Ratio*: median distance of the stable flow's centre over the rod flow's; *end*: the same at the last
# step. *S*: median preconditioned sharpness over the threshold. *Plateau*: slope of the rod's log
# distance against log time over the second half, 0 where it has levelled off, 1 where it grows in
# proportion to time. *Osc/drift* tells whether there is an oscillation to model.

# %% tags=["hide-input"]
notebook.show(tables.centres(paper, free))

# %% [markdown]
# ## What else is tracked
#
# Median relative errors of the paper's rod flow and, where there is one, of its second moment;
# alignment of its rod with the optimizer's half-displacement.

# %% tags=["hide-input"]
notebook.show(tables.tracked(paper, free))

# %% [markdown]
# ## What fails, and why

# %% tags=["hide-input"]
notebook.show(tables.diagnosis(paper, free))

# %% [markdown]
# ## Table 2, computed
#
# The thresholds of the preconditioned sharpness, $\eta$ times the closed form, and $\eta$ times what
# the code does: bisection of the curvature at which the step's own linear map, the second moment held
# fixed, gets an eigenvalue below $-1$.

# %% tags=["hide-input"]
notebook.show(tables.thresholds())

# %% [markdown]
# ## What was run
#
# The paper's text lost its hyperparameters. These are the ones that were really run, with the reason
# for each; `rodflow scout` finds such rows for a network of your own.

# %% tags=["hide-input"]
notebook.show(tables.hyperparameters(runs))
