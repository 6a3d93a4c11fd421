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
#     runs: [gd-mlp, gd-cnn, gd-vit]
#     files: [figures/runs/gd-*-cifar.nc]
# ---

# %% [markdown]
# # Gradient descent
#
# The plain case: no momentum, no preconditioner, and the rod lives in weight space. The predecessor
# paper {cite:p}`regis2026rod` is about this optimizer alone; every other chapter adds to it.

# %% tags=["parameters", "hide-input"]
preset = "quick"  # one of smoke, quick, cifar, paper
architectures = ["mlp", "cnn", "vit"]  # a list of 1 or more, each one of mlp, cnn, vit
learning_rate = None  # a finite number above 0, or None
rank = None  # a whole number of at least 1 and at most 1000, or None
substeps = None  # a whole number of at least 1 and at most 100000, or None
integrator = None  # euler:K, rk4, rkc2:STEPS or adaptive:ERROR, or None
warmup = None  # a whole number of at least 2, or None
steps = None  # a whole number of at least 1, or None
seed = None  # a whole number of at least 0, or None
dtype = None  # one of float32, float64, or None
device = None  # a text, or None
data = None  # one of digits, cifar10, or None
data_path = None  # a text, or None
examples = None  # a whole number of at least 1, or None
figures = "build/figures"  # a folder that can be made or written to

# %% tags=["hide-input"]
from rodflow_book.notebook import Chapter, hyperparameters, show, verdicts

chapter = Chapter("gd", globals())

# %% [markdown]
# ## Rule, flow, threshold
#
# The update is {ref}`(1) <eq-1>`, the rod flow {ref}`(6) <eq-6>` and {ref}`(7) <eq-7>`; {ref}`fig-rod-valley`
# shows both at work. On a quadratic of curvature $S$ an iterate is multiplied by $1-\eta S$, so the
# threshold is $S=2/\eta$: there the factor is $-1$ and the iterates repeat with period two. The rod
# flow's extent obeys $\dot\Sigma=(-2+\frac12\eta^2S^2)\,\Sigma$ and changes stability at the same $S$.
# {doc}`Appendix B <appendix_b>` derives both, and the amplitude at which an oscillation stabilises
# itself.
#
# **What is special.** With no memory in the optimizer, nothing but the landscape makes the rod rotate;
# how much it does is measured {ref}`below <gd-alignment>`. The sharpness that
# the optimizer hovers at is a little *above* $2/\eta$ at the centre: the rod feels the average
# curvature between its ends, which is lower than at the centre on a valley that flattens outwards
# (equation {ref}`(153) <eq-153>` says the same for heavy ball).
#
# ## The runs
#
# On CIFAR-10, the paper's data. The runs are recorded; {doc}`the page on CIFAR-10 <cifar10>` puts them beside the paper's
# protocol.

# %%
cited = chapter.cited()

# %% tags=["remove-cell"]
chapter.save_figures(cited, "-cifar")

# %% [markdown]
# ### MLP
#
# ```{figure} ../figures/gd-mlp-cifar.svg
# :name: fig-gd-mlp-cifar
# :figclass: panels
# :alt: Panels over optimizer steps for gradient descent on the MLP and CIFAR-10: loss at the centre, sharpness over its threshold, distance between centres, half-displacement, alignment; optimizer, stable flow, rod flow, drift-free rod and shifted copy.
#
# Gradient descent, its stable flow, its rod flow and the [drift-free rod](drift_free) on the MLP, CIFAR-10, side by side after the warm-up.
# ```
#
# ### CNN
#
# ```{figure} ../figures/gd-cnn-cifar.svg
# :name: fig-gd-cnn-cifar
# :figclass: panels
# :alt: Panels over optimizer steps for gradient descent on the CNN and CIFAR-10: loss at the centre, sharpness over its threshold, distance between centres, half-displacement, alignment; optimizer, stable flow, rod flow, drift-free rod and shifted copy.
#
# Gradient descent, its stable flow, its rod flow and the [drift-free rod](drift_free) on the CNN, CIFAR-10, side by side after the warm-up.
# ```
#
# ### ViT
#
# ```{figure} ../figures/gd-vit-cifar.svg
# :name: fig-gd-vit-cifar
# :figclass: panels
# :alt: Panels over optimizer steps for gradient descent on the ViT and CIFAR-10: loss at the centre, sharpness over its threshold, distance between centres, half-displacement, alignment; optimizer, stable flow, rod flow, drift-free rod and shifted copy.
#
# Gradient descent, its stable flow, its rod flow and the [drift-free rod](drift_free) on the ViT, CIFAR-10, side by side after the warm-up.
# ```

# %% tags=["hide-input"]
show(hyperparameters(cited.values()))

# %% tags=["hide-input"]
show(verdicts(cited.values()))

# %% [markdown]
# ### Handwritten digits
#
# The same on small images, in double precision. A change of this page's parameters runs these again; the
# table below says how long each took here.

# %%
runs = chapter.runs()

# %% tags=["remove-cell"]
chapter.save_figures(runs)

# %% [markdown]
# :::{dropdown} Handwritten digits: what you can rerun yourself
#
# ```{figure} ../figures/gd-mlp.svg
# :name: fig-gd-mlp
# :figclass: panels
# :alt: Panels over optimizer steps for gradient descent on the MLP: loss at the centre, sharpness over its threshold, distance between centres, half-displacement, alignment; optimizer, stable flow and rod flow.
#
# Gradient descent, its stable flow and its rod flow on the MLP, handwritten digits, side by side after the warm-up.
# ```
#
# ```{figure} ../figures/gd-cnn.svg
# :name: fig-gd-cnn
# :figclass: panels
# :alt: Panels over optimizer steps for gradient descent on the CNN: loss at the centre, sharpness over its threshold, distance between centres, half-displacement, alignment; optimizer, stable flow and rod flow.
#
# Gradient descent, its stable flow and its rod flow on the CNN, handwritten digits, side by side after the warm-up.
# ```
#
# ```{figure} ../figures/gd-vit.svg
# :name: fig-gd-vit
# :figclass: panels
# :alt: Panels over optimizer steps for gradient descent on the ViT: loss at the centre, sharpness over its threshold, distance between centres, half-displacement, alignment; optimizer, stable flow and rod flow.
#
# Gradient descent, its stable flow and its rod flow on the ViT, handwritten digits, side by side after the warm-up.
# ```
# :::

# %% mystnb={"code_prompt_show": "Handwritten digits: numbers and verdicts", "code_prompt_hide": "Hide them"} tags=["hide-cell"]
show(hyperparameters(runs.values()))
show(verdicts(runs.values()))

# %% [markdown]
# (gd-alignment)=
# ### Alignment
#
# Measured on the digits, where three eigenvalues are recorded. A long oscillation does not by itself hold the
# rod in place. Where several eigenvalues are at the threshold together, every direction that they span may oscillate, and neither the optimizer nor the
# flow is bound to keep to one of them.

# %% tags=["hide-input"]
import numpy as np

from rodflow_book.markup import markdown, short
from rodflow_book.notebook import ARCHITECTURE_TITLES
from rodflow_core.experiments import claims
from rodflow_core.experiments.records import series

NEAR = 0.95
rows = {}
for name, run in runs.items():
    claim = claims.assess(run)
    solved = series(run, "disc", "preconditioned_sharpness").to_numpy() / run.attrs["threshold"]
    crowd = np.median((solved > NEAR).sum(1))
    rows[name] = (claim.rod.alignment, *claim.rod.alignment_quartiles, crowd, claim.regime)
show(
    "Medians over the steps. Alignment is the cosine between the rod and the optimizer's half-displacement; of the "
    f"{solved.shape[1]} eigenvalues that are recorded, the table counts those above {NEAR:g} of the threshold.\n\n"
    + markdown(
        ("", "alignment", "quartiles", "eigenvalues at the edge", "oscillation / drift"),
        [
            [
                ARCHITECTURE_TITLES[name],
                f"{middle:.2f}",
                f"{low:.2f} to {high:.2f}",
                f"{crowd:.0f} of {solved.shape[1]}",
                short(regime),
            ]
            for name, (middle, low, high, crowd, regime) in rows.items()
        ],
    )
)
best, worst = (pick(rows, key=lambda name: rows[name][0]) for pick in (max, min))
if rows[best][0] - rows[worst][0] > 0.05:
    full = min(row[3] for row in rows.values()) == solved.shape[1]
    crowded = rows[worst][3] > rows[best][3]
    show(
        f"It does not stay near one everywhere: {rows[best][0]:.2f} on the {ARCHITECTURE_TITLES[best]}, "
        f"{rows[worst][0]:.2f} on the {ARCHITECTURE_TITLES[worst]}. "
        + (
            "Every eigenvalue that is recorded is at the edge on all of them, so that the records cannot tell "
            "whether the crowd there is larger where the alignment is lower."
            if full
            else "More eigenvalues are at the edge there."
            if crowded
            else "No more eigenvalues are at the edge there: that is not the reason."
        )
    )
