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
#     runs: [scalar_adam-mlp, scalar_adam-cnn, scalar_adam-vit]
#     files: [figures/runs/scalar_adam-*-cifar.nc]
# ---

# %% [markdown]
# # Scalar Adam
#
# **What is new: momentum and preconditioner at once**, in the simplest form: the first moment of
# {doc}`heavy ball <heavy_ball>`, the second of {doc}`scalar RMSProp <scalar_rmsprop>`, and a {term}`bias correction`
# of both. Its model is a rod in phase space with one number beside it.

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

chapter = Chapter("scalar_adam", globals())

# %% [markdown]
# ## Rule, flow, threshold
#
# {ref}`Adam's <eq-35>` with {ref}`(24) <eq-24>` for {ref}`(36) <eq-36>`: $\nu$ is the running mean of
# $\|g\|^2$, a single number, and $P=(\sqrt\nu+\epsilon)\,I$. The flow is {ref}`(43) <eq-43>` to
# {ref}`(46) <eq-46>` with $\|g_\pm\|^2$ in the last line. Because $P$ is a multiple of the identity,
# scalar Adam is heavy ball with a step size that moves, and its threshold is heavy ball's,
# $\frac2\eta\frac{1+\beta_1}{1-\beta_1}$ for the preconditioned sharpness.
#
# **What is special.** The scalar second moment makes the balance between drift and oscillation
# delicate. A single number has to serve the sharp and the flat directions; when the oscillation
# shrinks, $\nu$ shrinks, the step grows everywhere, and the drift with it. Of the eight optimizers on
# digits this one spends the most time with its drift longer than its oscillation, which is where the paper's
# rod loses sight of the sharp direction.
#
# **Regimes tried.** (For CIFAR-10 see {ref}`its page <cifar10-regimes>`.) On the digits' MLP, with
# $\beta_2=0.99$, the scout looked after 200 to 1,000 steps at $\eta$ = 0.03, 0.1, 0.2 with $\beta_1=0.5$ and at 0.03,
# 0.1 with $\beta_1=0.3$. The {term}`oscillation over drift` never came to 2; this repeats the first three:
#
# ```bash
# rodflow scout --optimizer scalar_adam --beta1 0.5 --beta2 0.99 \
#     --learning-rates 0.03 0.1 0.2 --at 200 400 600 800 1000
# ```
#
# With $\beta_2=0.9$ it settles between two and three times the drift: the regime of the runs on digits below, at the
# edge of where a rod can be seen.
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
# ```{figure} ../figures/scalar_adam-mlp-cifar.svg
# :name: fig-scalar_adam-mlp-cifar
# :figclass: panels
# :alt: Panels over optimizer steps for scalar Adam on the MLP and CIFAR-10: loss at the centre, preconditioned sharpness over its threshold, distance between centres, half-displacement, alignment; optimizer, stable flow, rod flow, drift-free rod and shifted copy.
#
# Scalar Adam, its stable flow, its rod flow and the [drift-free rod](drift_free) on the MLP, CIFAR-10, side by side after the warm-up.
# ```
#
# ### CNN
#
# ```{figure} ../figures/scalar_adam-cnn-cifar.svg
# :name: fig-scalar_adam-cnn-cifar
# :figclass: panels
# :alt: Panels over optimizer steps for scalar Adam on the CNN and CIFAR-10: loss at the centre, preconditioned sharpness over its threshold, distance between centres, half-displacement, alignment; optimizer, stable flow, rod flow, drift-free rod and shifted copy.
#
# Scalar Adam, its stable flow, its rod flow and the [drift-free rod](drift_free) on the CNN, CIFAR-10, side by side after the warm-up.
# ```
#
# ### ViT
#
# ```{figure} ../figures/scalar_adam-vit-cifar.svg
# :name: fig-scalar_adam-vit-cifar
# :figclass: panels
# :alt: Panels over optimizer steps for scalar Adam on the ViT and CIFAR-10: loss at the centre, preconditioned sharpness over its threshold, distance between centres, half-displacement, alignment; optimizer, stable flow, rod flow, drift-free rod and shifted copy.
#
# Scalar Adam, its stable flow, its rod flow and the [drift-free rod](drift_free) on the ViT, CIFAR-10, side by side after the warm-up.
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
# ```{figure} ../figures/scalar_adam-mlp.svg
# :name: fig-scalar_adam-mlp
# :figclass: panels
# :alt: Panels over optimizer steps for scalar Adam on the MLP: loss at the centre, preconditioned sharpness over its threshold, distance between centres, half-displacement, alignment; optimizer, stable flow and rod flow.
#
# Scalar Adam, its stable flow and its rod flow on the MLP, handwritten digits, side by side after the warm-up.
# ```
#
# ```{figure} ../figures/scalar_adam-cnn.svg
# :name: fig-scalar_adam-cnn
# :figclass: panels
# :alt: Panels over optimizer steps for scalar Adam on the CNN: loss at the centre, preconditioned sharpness over its threshold, distance between centres, half-displacement, alignment; optimizer, stable flow and rod flow.
#
# Scalar Adam, its stable flow and its rod flow on the CNN, handwritten digits, side by side after the warm-up.
# ```
#
# ```{figure} ../figures/scalar_adam-vit.svg
# :name: fig-scalar_adam-vit
# :figclass: panels
# :alt: Panels over optimizer steps for scalar Adam on the ViT: loss at the centre, preconditioned sharpness over its threshold, distance between centres, half-displacement, alignment; optimizer, stable flow and rod flow.
#
# Scalar Adam, its stable flow and its rod flow on the ViT, handwritten digits, side by side after the warm-up.
# ```
# :::

# %% mystnb={"code_prompt_show": "Handwritten digits: numbers and verdicts", "code_prompt_hide": "Hide them"} tags=["hide-cell"]
show(hyperparameters(runs.values()))
show(verdicts(runs.values()))
