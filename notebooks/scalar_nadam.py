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
#     files: [figures/runs/scalar_nadam-*-cifar.nc]
# ---

# %% [markdown]
# # Scalar NAdam
#
# **What is new: Nesterov's momentum in {doc}`scalar Adam <scalar_adam>`**, in the form that Dozat
# {cite:p}`dozat2016nadam` gave it: the step gives more weight to the gradient just taken. One line of the flow
# changes, and the threshold is {doc}`Nesterov's <nesterov>`, lower than Adam's.

# %% tags=["parameters", "hide-input"]
preset = "quick"  # one of smoke, quick, cifar, paper
architectures = ["mlp", "cnn", "vit"]  # a list of 1 or more, each one of mlp, cnn, vit
learning_rate = None  # a finite number above 0, or None
beta1 = None  # a finite number of at least 0 and below 1, or None
beta2 = None  # a finite number of at least 0 and below 1, or None
epsilon = None  # a finite number of at least 0, or None
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
# ```{figure} ../figures/scalar_nadam-mlp-cifar.svg
# :name: fig-scalar_nadam-mlp-cifar
# :figclass: panels
# :alt: Panels over optimizer steps for scalar NAdam on the MLP and CIFAR-10: loss at the centre, preconditioned sharpness over its threshold, distance between centres, half-displacement, alignment; optimizer, stable flow, rod flow, drift-free rod and shifted copy.
#
# Scalar NAdam, its stable flow, its rod flow and the [drift-free rod](drift_free) on the MLP, CIFAR-10, side by side after the warm-up.
# ```
#
# ### CNN
#
# ```{figure} ../figures/scalar_nadam-cnn-cifar.svg
# :name: fig-scalar_nadam-cnn-cifar
# :figclass: panels
# :alt: Panels over optimizer steps for scalar NAdam on the CNN and CIFAR-10: loss at the centre, preconditioned sharpness over its threshold, distance between centres, half-displacement, alignment; optimizer, stable flow, rod flow, drift-free rod and shifted copy.
#
# Scalar NAdam, its stable flow, its rod flow and the [drift-free rod](drift_free) on the CNN, CIFAR-10, side by side after the warm-up.
# ```
#
# ### ViT
#
# ```{figure} ../figures/scalar_nadam-vit-cifar.svg
# :name: fig-scalar_nadam-vit-cifar
# :figclass: panels
# :alt: Panels over optimizer steps for scalar NAdam on the ViT and CIFAR-10: loss at the centre, preconditioned sharpness over its threshold, distance between centres, half-displacement, alignment; optimizer, stable flow, rod flow, drift-free rod and shifted copy.
#
# Scalar NAdam, its stable flow, its rod flow and the [drift-free rod](drift_free) on the ViT, CIFAR-10, side by side after the warm-up.
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
# ```{figure} ../figures/scalar_nadam-mlp.svg
# :name: fig-scalar_nadam-mlp
# :figclass: panels
# :alt: Panels over optimizer steps for scalar NAdam on the MLP: loss at the centre, preconditioned sharpness over its threshold, distance between centres, half-displacement, alignment; optimizer, stable flow and rod flow.
#
# Scalar NAdam, its stable flow and its rod flow on the MLP, handwritten digits, side by side after the warm-up.
# ```
#
# ```{figure} ../figures/scalar_nadam-cnn.svg
# :name: fig-scalar_nadam-cnn
# :figclass: panels
# :alt: Panels over optimizer steps for scalar NAdam on the CNN: loss at the centre, preconditioned sharpness over its threshold, distance between centres, half-displacement, alignment; optimizer, stable flow and rod flow.
#
# Scalar NAdam, its stable flow and its rod flow on the CNN, handwritten digits, side by side after the warm-up.
# ```
#
# ```{figure} ../figures/scalar_nadam-vit.svg
# :name: fig-scalar_nadam-vit
# :figclass: panels
# :alt: Panels over optimizer steps for scalar NAdam on the ViT: loss at the centre, preconditioned sharpness over its threshold, distance between centres, half-displacement, alignment; optimizer, stable flow and rod flow.
#
# Scalar NAdam, its stable flow and its rod flow on the ViT, handwritten digits, side by side after the warm-up.
# ```
# :::

# %% mystnb={"code_prompt_show": "Handwritten digits: numbers and verdicts", "code_prompt_hide": "Hide them"} tags=["hide-cell"]
show(hyperparameters(runs.values()))
show(verdicts(runs.values()))
