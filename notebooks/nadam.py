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
#     runs: [nadam-mlp, nadam-cnn, nadam-vit]
#     files: [figures/runs/nadam-*-cifar.nc]
# ---

# %% [markdown]
# # NAdam
#
# **What is new: a second moment for each weight**, where {doc}`scalar NAdam <scalar_nadam>` has one for all; or,
# seen from {doc}`adam`, Nesterov's momentum in the form that Dozat {cite:p}`dozat2016nadam` gave it. State and rod
# are Adam's. The step gives more weight to the gradient just taken, and the threshold is lower.

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

chapter = Chapter("nadam", globals())

# %% [markdown]
# ## Rule, flow, threshold
#
# NAdam does not take its gradient at a look-ahead point. It moves the new moment once more towards
# the gradient it has just seen,
#
# (eq-48)=
# $$
# \tilde m_t=\beta_1m_{t+1}+(1-\beta_1)\,g_t=\beta_1^2m_t+(1-\beta_1^2)\,g_t, \tag{48}
# $$
#
# and steps along $\tilde m_t$ where Adam steps along $m_{t+1}$. Without preconditioner and bias
# correction this *is* Nesterov's method, seen from $\theta_t=w_t-\eta\beta m_t$
# ({doc}`appendix E <appendix_e1>`); with them it is not, but the threshold is the same,
# $\frac2\eta\frac{1+\beta_1}{(1-\beta_1)(1+2\beta_1)}$ for the preconditioned sharpness.
# In the flow, {ref}`(43) <eq-43>` to {ref}`(46) <eq-46>`, the direction in the first line becomes
# $\beta_1^2\bar m+(1-\beta_1^2)\,\bar g$.
#
# **What is special, and which NAdam this is.** `torch.optim.NAdam` lets $\beta_1$ follow a schedule,
# and corrects the momentum term with the *next* step's factor $1-\beta_1^{t+2}$. The paper has a
# constant $\beta_1$ and corrects both terms with this step's factor, as does the code here. The tests
# compare with torch after accounting for exactly that difference.
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
# ```{figure} ../figures/nadam-mlp-cifar.svg
# :name: fig-nadam-mlp-cifar
# :figclass: panels
# :alt: Panels over optimizer steps for NAdam on the MLP and CIFAR-10: loss at the centre, preconditioned sharpness over its threshold, distance between centres, half-displacement, alignment; optimizer, stable flow, rod flow, drift-free rod and shifted copy.
#
# NAdam, its stable flow, its rod flow and the [drift-free rod](drift_free) on the MLP, CIFAR-10, side by side after the warm-up.
# ```
#
# ### CNN
#
# ```{figure} ../figures/nadam-cnn-cifar.svg
# :name: fig-nadam-cnn-cifar
# :figclass: panels
# :alt: Panels over optimizer steps for NAdam on the CNN and CIFAR-10: loss at the centre, preconditioned sharpness over its threshold, distance between centres, half-displacement, alignment; optimizer, stable flow, rod flow, drift-free rod and shifted copy.
#
# NAdam, its stable flow, its rod flow and the [drift-free rod](drift_free) on the CNN, CIFAR-10, side by side after the warm-up.
# ```
#
# ### ViT
#
# ```{figure} ../figures/nadam-vit-cifar.svg
# :name: fig-nadam-vit-cifar
# :figclass: panels
# :alt: Panels over optimizer steps for NAdam on the ViT and CIFAR-10: loss at the centre, preconditioned sharpness over its threshold, distance between centres, half-displacement, alignment; optimizer, stable flow, rod flow, drift-free rod and shifted copy.
#
# NAdam, its stable flow, its rod flow and the [drift-free rod](drift_free) on the ViT, CIFAR-10, side by side after the warm-up.
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
# ```{figure} ../figures/nadam-mlp.svg
# :name: fig-nadam-mlp
# :figclass: panels
# :alt: Panels over optimizer steps for NAdam on the MLP: loss at the centre, preconditioned sharpness over its threshold, distance between centres, half-displacement, alignment; optimizer, stable flow and rod flow.
#
# NAdam, its stable flow and its rod flow on the MLP, handwritten digits, side by side after the warm-up.
# ```
#
# ```{figure} ../figures/nadam-cnn.svg
# :name: fig-nadam-cnn
# :figclass: panels
# :alt: Panels over optimizer steps for NAdam on the CNN: loss at the centre, preconditioned sharpness over its threshold, distance between centres, half-displacement, alignment; optimizer, stable flow and rod flow.
#
# NAdam, its stable flow and its rod flow on the CNN, handwritten digits, side by side after the warm-up.
# ```
#
# ```{figure} ../figures/nadam-vit.svg
# :name: fig-nadam-vit
# :figclass: panels
# :alt: Panels over optimizer steps for NAdam on the ViT: loss at the centre, preconditioned sharpness over its threshold, distance between centres, half-displacement, alignment; optimizer, stable flow and rod flow.
#
# NAdam, its stable flow and its rod flow on the ViT, handwritten digits, side by side after the warm-up.
# ```
# :::

# %% mystnb={"code_prompt_show": "Handwritten digits: numbers and verdicts", "code_prompt_hide": "Hide them"} tags=["hide-cell"]
show(hyperparameters(runs.values()))
show(verdicts(runs.values()))
