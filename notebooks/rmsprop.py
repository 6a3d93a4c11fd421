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
#     runs: [rmsprop-mlp, rmsprop-cnn, rmsprop-vit]
#     files: [figures/runs/rmsprop-*-cifar.nc]
# ---

# %% [markdown]
# # RMSProp
#
# **What is new: a second moment for each weight** {cite:p}`tieleman2012rmsprop`, where
# {doc}`scalar RMSProp <scalar_rmsprop>` has one for all. The preconditioner becomes a diagonal matrix. It no longer
# only scales the landscape, it deforms it: the directions at the edge are eigenvectors of $P^{-1/2}HP^{-1/2}$, and
# not of the Hessian.

# %% tags=["parameters", "hide-input"]
preset = "quick"  # one of smoke, quick, cifar, paper
architectures = ["mlp", "cnn", "vit"]  # a list of 1 or more, each one of mlp, cnn, vit
learning_rate = None  # a finite number above 0, or None
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

chapter = Chapter("rmsprop", globals())

# %% [markdown]
# ## Rule, flow, threshold
#
# {ref}`Scalar RMSProp <eq-24>` with the elementwise square in place of the squared norm:
#
# (eq-32)=
# (eq-33)=
# (eq-34)=
# \begin{align}
# \nu_{t+1}&=\beta_2\nu_t+(1-\beta_2)\,g_t^{\odot2} \tag{32}\\
# \dot{\bar\nu}&=(1-\beta_2)\Big(\tfrac12\big(g_+^{\odot2}+g_-^{\odot2}\big)-\bar\nu\Big) \tag{33}\\
# P&=\mathrm{diag}\big(\sqrt\nu+\epsilon\big) \tag{34}
# \end{align}
#
# Centre and extent keep their form, {ref}`(29) <eq-29>` and {ref}`(30) <eq-30>`. What hovers at
# $2/\eta$ is the largest eigenvalue of $P^{-1/2}HP^{-1/2}$, which has the eigenvalues of $P^{-1}H$ and
# is symmetric. Neither here nor for the scalar version is there a bias correction.
#
# **What is special.** The metric turns. A direction that oscillates raises exactly those components of
# $\nu$ that carry it, so several directions reach the edge together and take turns: the alignment of
# the optimizer's last displacement with the principal axis of $\Sigma$ fluctuates more than for the
# scalar rule.
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
# ```{figure} ../figures/rmsprop-mlp-cifar.svg
# :name: fig-rmsprop-mlp-cifar
# :figclass: panels
# :alt: Panels over optimizer steps for RMSProp on the MLP and CIFAR-10: loss at the centre, preconditioned sharpness over its threshold, distance between centres, half-displacement, alignment; optimizer, stable flow, rod flow, drift-free rod and shifted copy.
#
# RMSProp, its stable flow, its rod flow and the [drift-free rod](drift_free) on the MLP, CIFAR-10, side by side after the warm-up.
# ```
#
# ### CNN
#
# ```{figure} ../figures/rmsprop-cnn-cifar.svg
# :name: fig-rmsprop-cnn-cifar
# :figclass: panels
# :alt: Panels over optimizer steps for RMSProp on the CNN and CIFAR-10: loss at the centre, preconditioned sharpness over its threshold, distance between centres, half-displacement, alignment; optimizer, stable flow, rod flow, drift-free rod and shifted copy.
#
# RMSProp, its stable flow, its rod flow and the [drift-free rod](drift_free) on the CNN, CIFAR-10, side by side after the warm-up.
# ```
#
# ### ViT
#
# ```{figure} ../figures/rmsprop-vit-cifar.svg
# :name: fig-rmsprop-vit-cifar
# :figclass: panels
# :alt: Panels over optimizer steps for RMSProp on the ViT and CIFAR-10: loss at the centre, preconditioned sharpness over its threshold, distance between centres, half-displacement, alignment; optimizer, stable flow, rod flow, drift-free rod and shifted copy.
#
# RMSProp, its stable flow, its rod flow and the [drift-free rod](drift_free) on the ViT, CIFAR-10, side by side after the warm-up.
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
# ```{figure} ../figures/rmsprop-mlp.svg
# :name: fig-rmsprop-mlp
# :figclass: panels
# :alt: Panels over optimizer steps for RMSProp on the MLP: loss at the centre, preconditioned sharpness over its threshold, distance between centres, half-displacement, alignment; optimizer, stable flow and rod flow.
#
# RMSProp, its stable flow and its rod flow on the MLP, handwritten digits, side by side after the warm-up.
# ```
#
# ```{figure} ../figures/rmsprop-cnn.svg
# :name: fig-rmsprop-cnn
# :figclass: panels
# :alt: Panels over optimizer steps for RMSProp on the CNN: loss at the centre, preconditioned sharpness over its threshold, distance between centres, half-displacement, alignment; optimizer, stable flow and rod flow.
#
# RMSProp, its stable flow and its rod flow on the CNN, handwritten digits, side by side after the warm-up.
# ```
#
# ```{figure} ../figures/rmsprop-vit.svg
# :name: fig-rmsprop-vit
# :figclass: panels
# :alt: Panels over optimizer steps for RMSProp on the ViT: loss at the centre, preconditioned sharpness over its threshold, distance between centres, half-displacement, alignment; optimizer, stable flow and rod flow.
#
# RMSProp, its stable flow and its rod flow on the ViT, handwritten digits, side by side after the warm-up.
# ```
# :::

# %% mystnb={"code_prompt_show": "Handwritten digits: numbers and verdicts", "code_prompt_hide": "Hide them"} tags=["hide-cell"]
show(hyperparameters(runs.values()))
show(verdicts(runs.values()))
