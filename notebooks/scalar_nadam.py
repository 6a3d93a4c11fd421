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
#     runs: [scalar_nadam-mlp, scalar_nadam-cnn, scalar_nadam-vit]
# ---

# %% [markdown]
# # Scalar NAdam
#
# Scalar Adam with Dozat's form of Nesterov's momentum.

# %% tags=["parameters", "hide-input"]
preset = "quick"
architectures = ["mlp", "cnn", "vit"]
learning_rate = None
beta1 = None
beta2 = None
epsilon = None
rank = None
substeps = None
integrator = None
warmup = None
steps = None
seed = None
dtype = None
device = None
data = None
data_path = None
examples = None
figures = "build/figures"

# %% tags=["hide-input"]
from rodflow_book.notebook import Chapter, hyperparameters, show, verdicts

chapter = Chapter("scalar_nadam", globals())

# %% [markdown]
# ## Rule, flow, threshold
#
# {ref}`NAdam's <eq-48>` direction, with the scalar second moment {ref}`(24) <eq-24>`. The flow is
# {ref}`(43) <eq-43>` to {ref}`(46) <eq-46>` with $\beta_1^2\bar m+(1-\beta_1^2)\,\bar g$ in the first
# line and $\|g_\pm\|^2$ in the last; the threshold is Nesterov's,
# $\frac2\eta\frac{1+\beta_1}{(1-\beta_1)(1+2\beta_1)}$.
#
# **What is special.** The fresh gradient has the larger weight, $1-\beta_1^2$ where Adam gives it
# $1-\beta_1$. Momentum then cancels less of what alternates: at the same $\beta_1$ the oscillation is
# longer, the rod is easier to see, and the scalar preconditioner does no harm.
#
# ## The runs

# %%
runs = chapter.runs()

# %% tags=["hide-input"]
show(hyperparameters(runs.values()))

# %% tags=["remove-cell"]
chapter.save_figures(runs)

# %% [markdown]
# ### MLP
#
# ```{figure} ../figures/scalar_nadam-mlp.svg
# :name: fig-scalar_nadam-mlp
# :figclass: panels
# :alt: Panels over optimizer steps for scalar NAdam on the MLP: loss at the centre, preconditioned sharpness over its threshold, distance between centres, half-displacement, alignment; optimizer, stable flow and rod flow.
#
# Scalar NAdam, its stable flow and its rod flow on the MLP, side by side after the warm-up.
# ```
#
# ### CNN
#
# ```{figure} ../figures/scalar_nadam-cnn.svg
# :name: fig-scalar_nadam-cnn
# :figclass: panels
# :alt: Panels over optimizer steps for scalar NAdam on the CNN: loss at the centre, preconditioned sharpness over its threshold, distance between centres, half-displacement, alignment; optimizer, stable flow and rod flow.
#
# Scalar NAdam, its stable flow and its rod flow on the CNN, side by side after the warm-up.
# ```
#
# ### ViT
#
# ```{figure} ../figures/scalar_nadam-vit.svg
# :name: fig-scalar_nadam-vit
# :figclass: panels
# :alt: Panels over optimizer steps for scalar NAdam on the ViT: loss at the centre, preconditioned sharpness over its threshold, distance between centres, half-displacement, alignment; optimizer, stable flow and rod flow.
#
# Scalar NAdam, its stable flow and its rod flow on the ViT, side by side after the warm-up.
# ```

# %% tags=["hide-input"]
show(verdicts(runs.values()))
