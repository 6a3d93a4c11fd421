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
#     runs: [scalar_rmsprop-mlp, scalar_rmsprop-cnn, scalar_rmsprop-vit]
#     files: [figures/runs/scalar_rmsprop-*-cifar.nc]
# ---

# %% [markdown]
# # Scalar RMSProp
#
# **What is new: the step adapts; the momentum is gone.** The learning rate is divided by one number for all
# weights, the root of a running mean of $\|g\|^2$. A square does not alternate, so this second moment needs an
# equation and no rod. The rod is back among the weights, as for {doc}`gradient descent <gd>`, and what hovers at
# $2/\eta$ is the sharpness over that root: the {term}`preconditioned sharpness`.

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

chapter = Chapter("scalar_rmsprop", globals())

# %% [markdown]
# ## Rule, flow, threshold
#
# The second moment averages the squared norm of the gradient, and is updated before it is used:
#
# (eq-24)=
# (eq-25)=
# (eq-26)=
# \begin{align}
# \nu_{t+1}&=\beta_2\nu_t+(1-\beta_2)\,\|g_t\|^2 \tag{24}\\
# P&=\sqrt\nu+\epsilon \tag{25}\\
# w_{t+1}&=w_t-\eta\,P_{t+1}^{-1}g_t \tag{26}
# \end{align}
#
# A square does not flip its sign, so $\nu$ varies smoothly even where $w$ alternates. It needs a
# centre and no rod:
#
# (eq-27)=
# (eq-28)=
# \begin{align}
# \bar\nu_{t+1}-\bar\nu_t&\approx(1-\beta_2)\Big(\tfrac12\big(\|g_+\|^2+\|g_-\|^2\big)-\bar\nu_t\Big) \tag{27}\\
# \dot{\bar\nu}&=(1-\beta_2)\Big(\tfrac12\big(\|g_+\|^2+\|g_-\|^2\big)-\bar\nu\Big) \tag{28}
# \end{align}
#
# For the mean of two consecutive $\nu$ the first line is exact, although the paper writes it as an
# approximation ({doc}`appendix D <appendix_d>` asserts it). What is neglected is elsewhere: the two ends
# of the rod see one $P(\bar\nu)$, where the two steps used $P_{t+1}$ and $P_{t+2}$. Centre and extent
# follow as for gradient descent,
#
# (eq-29)=
# (eq-30)=
# \begin{align}
# \dot{\bar w}&=-\eta\,P^{-1}\bar g \tag{29}\\
# \dot\Sigma&=-2\,\Sigma+\tfrac{\eta^2}4\,P^{-1}\big(g_+g_+^\top+g_-g_-^\top\big)P^{-1} \tag{30}
# \end{align}
#
# with an effective step size that the flow itself moves:
#
# (eq-31)=
# $$
# \eta_{\rm eff}=\eta\,P(\bar\nu)^{-1}. \tag{31}
# $$
#
# **What is special.** The threshold is $2/\eta$ for $P^{-1}H$, not for $H$. Excess sharpness can be
# relieved in two ways: by the oscillation flattening the landscape under it, as for gradient descent,
# or by the oscillation raising $\nu$ and so shortening the step. On a pure quadratic the second alone
# is enough: RMSProp never diverges, it locks into a half-displacement of $\eta/2$, whatever the
# curvature ({doc}`appendix D <appendix_d>`). The rod flow sees this because it evaluates the gradient
# where the iterates are; the stable flow's $\nu$ is too small.
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
# ```{figure} ../figures/scalar_rmsprop-mlp-cifar.svg
# :name: fig-scalar_rmsprop-mlp-cifar
# :figclass: panels
# :alt: Panels over optimizer steps for scalar RMSProp on the MLP and CIFAR-10: loss at the centre, preconditioned sharpness over its threshold, distance between centres, half-displacement, alignment; optimizer, stable flow, rod flow, drift-free rod and shifted copy.
#
# Scalar RMSProp, its stable flow, its rod flow and the [drift-free rod](drift_free) on the MLP, CIFAR-10, side by side after the warm-up.
# ```
#
# ### CNN
#
# ```{figure} ../figures/scalar_rmsprop-cnn-cifar.svg
# :name: fig-scalar_rmsprop-cnn-cifar
# :figclass: panels
# :alt: Panels over optimizer steps for scalar RMSProp on the CNN and CIFAR-10: loss at the centre, preconditioned sharpness over its threshold, distance between centres, half-displacement, alignment; optimizer, stable flow, rod flow, drift-free rod and shifted copy.
#
# Scalar RMSProp, its stable flow, its rod flow and the [drift-free rod](drift_free) on the CNN, CIFAR-10, side by side after the warm-up.
# ```
#
# ### ViT
#
# ```{figure} ../figures/scalar_rmsprop-vit-cifar.svg
# :name: fig-scalar_rmsprop-vit-cifar
# :figclass: panels
# :alt: Panels over optimizer steps for scalar RMSProp on the ViT and CIFAR-10: loss at the centre, preconditioned sharpness over its threshold, distance between centres, half-displacement, alignment; optimizer, stable flow, rod flow, drift-free rod and shifted copy.
#
# Scalar RMSProp, its stable flow, its rod flow and the [drift-free rod](drift_free) on the ViT, CIFAR-10, side by side after the warm-up.
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
# ```{figure} ../figures/scalar_rmsprop-mlp.svg
# :name: fig-scalar_rmsprop-mlp
# :figclass: panels
# :alt: Panels over optimizer steps for scalar RMSProp on the MLP: loss at the centre, preconditioned sharpness over its threshold, distance between centres, half-displacement, alignment; optimizer, stable flow and rod flow.
#
# Scalar RMSProp, its stable flow and its rod flow on the MLP, handwritten digits, side by side after the warm-up.
# ```
#
# ```{figure} ../figures/scalar_rmsprop-cnn.svg
# :name: fig-scalar_rmsprop-cnn
# :figclass: panels
# :alt: Panels over optimizer steps for scalar RMSProp on the CNN: loss at the centre, preconditioned sharpness over its threshold, distance between centres, half-displacement, alignment; optimizer, stable flow and rod flow.
#
# Scalar RMSProp, its stable flow and its rod flow on the CNN, handwritten digits, side by side after the warm-up.
# ```
#
# ```{figure} ../figures/scalar_rmsprop-vit.svg
# :name: fig-scalar_rmsprop-vit
# :figclass: panels
# :alt: Panels over optimizer steps for scalar RMSProp on the ViT: loss at the centre, preconditioned sharpness over its threshold, distance between centres, half-displacement, alignment; optimizer, stable flow and rod flow.
#
# Scalar RMSProp, its stable flow and its rod flow on the ViT, handwritten digits, side by side after the warm-up.
# ```
# :::

# %% mystnb={"code_prompt_show": "Handwritten digits: numbers and verdicts", "code_prompt_hide": "Hide them"} tags=["hide-cell"]
show(hyperparameters(runs.values()))
show(verdicts(runs.values()))
