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
#     runs: [nesterov-mlp, nesterov-cnn, nesterov-vit]
#     files: [figures/runs/nesterov-*-cifar.nc]
# ---

# %% [markdown]
# # Nesterov
#
# **What is new: where the gradient is taken.** Nesterov's method {cite:p}`nesterov1983method` is
# {doc}`heavy ball <heavy_ball>` that looks ahead, to where the moment would carry the weights, before it takes its
# gradient. Phase space, rod and equations stay; the two ends of the rod look at the landscape from a little further
# out. So it feels the walls earlier, and its threshold is lower.

# %% tags=["parameters", "hide-input"]
preset = "quick"  # one of smoke, quick, cifar, paper
architectures = ["mlp", "cnn", "vit"]  # a list of 1 or more, each one of mlp, cnn, vit
learning_rate = None  # a finite number above 0, or None
beta1 = None  # a finite number of at least 0 and below 1, or None
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

chapter = Chapter("nesterov", globals())

# %% [markdown]
# ## Rule, flow, threshold
#
# The gradient is taken at $\tilde w_t=w_t-\eta\beta m_t$, where the present momentum would carry the
# weights. Only this changes in the displacement,
#
# (eq-22)=
# $$
# F(w,m)=\begin{pmatrix}-\eta\,\big(\beta m+(1-\beta)\,g(w-\eta\beta m)\big)\\(1-\beta)\,\big(g(w-\eta\beta m)-m\big)\end{pmatrix},\tag{22}
# $$
#
# and in the rod flow, {ref}`(18) <eq-18>` to {ref}`(20) <eq-20>`, only where the ends see the landscape:
#
# (eq-23)=
# $$
# g_\pm=g\big((\bar w-\eta\beta\bar m)\pm(\delta-\eta\beta\mu)\big).\tag{23}
# $$
#
# The threshold is lower than heavy ball's by the factor $1+2\beta$,
#
# $$
# S_{\rm NAG}=\frac2\eta\,\frac{1+\beta}{(1-\beta)(1+2\beta)} .
# $$
#
# **What is special.** In an oscillation $\mu$ points against $\delta$, so the look-ahead rod
# $\delta-\eta\beta\mu$ is *longer* than the rod: Nesterov feels the walls of the valley before it
# reaches them. That is why it becomes unstable earlier, and why it settles at a smaller amplitude
# ({doc}`appendix C.2 <appendix_c2>`).
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
# ```{figure} ../figures/nesterov-mlp-cifar.svg
# :name: fig-nesterov-mlp-cifar
# :figclass: panels
# :alt: Panels over optimizer steps for Nesterov on the MLP and CIFAR-10: loss at the centre, sharpness over its threshold, distance between centres, half-displacement, alignment; optimizer, stable flow, rod flow, drift-free rod and shifted copy.
#
# Nesterov, its stable flow, its rod flow and the [drift-free rod](drift_free) on the MLP, CIFAR-10, side by side after the warm-up.
# ```
#
# ### CNN
#
# ```{figure} ../figures/nesterov-cnn-cifar.svg
# :name: fig-nesterov-cnn-cifar
# :figclass: panels
# :alt: Panels over optimizer steps for Nesterov on the CNN and CIFAR-10: loss at the centre, sharpness over its threshold, distance between centres, half-displacement, alignment; optimizer, stable flow, rod flow, drift-free rod and shifted copy.
#
# Nesterov, its stable flow, its rod flow and the [drift-free rod](drift_free) on the CNN, CIFAR-10, side by side after the warm-up.
# ```
#
# ### ViT
#
# ```{figure} ../figures/nesterov-vit-cifar.svg
# :name: fig-nesterov-vit-cifar
# :figclass: panels
# :alt: Panels over optimizer steps for Nesterov on the ViT and CIFAR-10: loss at the centre, sharpness over its threshold, distance between centres, half-displacement, alignment; optimizer, stable flow, rod flow, drift-free rod and shifted copy.
#
# Nesterov, its stable flow, its rod flow and the [drift-free rod](drift_free) on the ViT, CIFAR-10, side by side after the warm-up.
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
# ```{figure} ../figures/nesterov-mlp.svg
# :name: fig-nesterov-mlp
# :figclass: panels
# :alt: Panels over optimizer steps for Nesterov on the MLP: loss at the centre, sharpness over its threshold, distance between centres, half-displacement, alignment; optimizer, stable flow and rod flow.
#
# Nesterov, its stable flow and its rod flow on the MLP, handwritten digits, side by side after the warm-up.
# ```
#
# ```{figure} ../figures/nesterov-cnn.svg
# :name: fig-nesterov-cnn
# :figclass: panels
# :alt: Panels over optimizer steps for Nesterov on the CNN: loss at the centre, sharpness over its threshold, distance between centres, half-displacement, alignment; optimizer, stable flow and rod flow.
#
# Nesterov, its stable flow and its rod flow on the CNN, handwritten digits, side by side after the warm-up.
# ```
#
# ```{figure} ../figures/nesterov-vit.svg
# :name: fig-nesterov-vit
# :figclass: panels
# :alt: Panels over optimizer steps for Nesterov on the ViT: loss at the centre, sharpness over its threshold, distance between centres, half-displacement, alignment; optimizer, stable flow and rod flow.
#
# Nesterov, its stable flow and its rod flow on the ViT, handwritten digits, side by side after the warm-up.
# ```
# :::

# %% mystnb={"code_prompt_show": "Handwritten digits: numbers and verdicts", "code_prompt_hide": "Hide them"} tags=["hide-cell"]
show(hyperparameters(runs.values()))
show(verdicts(runs.values()))
