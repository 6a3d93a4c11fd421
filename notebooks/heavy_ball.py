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
#     runs: [heavy_ball-mlp, heavy_ball-cnn, heavy_ball-vit]
#     files: [figures/runs/heavy_ball-*-cifar.nc]
# ---

# %% [markdown]
# # Heavy ball
#
# **What is new: memory.** Heavy ball steps along a running mean of the gradients, the first moment $m$
# {cite:p}`polyak1964some`. Weights alone no longer say what comes next, weights and moment do, and at the edge of
# stability both change sign together: the rod of {doc}`gradient descent <gd>` is lifted from the weights to phase
# space. A mean cancels what alternates, so the threshold is higher.

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

chapter = Chapter("heavy_ball", globals())

# %% [markdown]
# ## Rule, flow, threshold
#
# The update in averaging form is {ref}`(8) <eq-8>`, {ref}`(9) <eq-9>`; written for $z=(w,m)$ it is
# {ref}`(14) <eq-14>`, {ref}`(15) <eq-15>`, and its rod flow is {ref}`(18) <eq-18>` to
# {ref}`(20) <eq-20>`. The threshold {ref}`(10) <eq-10>`,
#
# $$
# S_{\rm HB}=\frac2\eta\,\frac{1+\beta}{1-\beta},
# $$
#
# is $38/\eta$ at $\beta=0.9$: averaging the gradient cancels what alternates, so it takes a sharper
# valley to make the iterates bounce.
#
# **What is special.** The same averaging does nothing to the drift. Momentum damps the oscillation by
# $(1-\beta)/(1+\beta)$ and leaves the steady motion as it is, so the larger $\beta$ is, the sooner the
# drift is the longer of the two, and the principal axis of the paper's $\Sigma$ turns into it. The
# runs on digits use a small $\beta$ for that reason; {ref}`adam-regime` tells the story.
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
# ```{figure} ../figures/heavy_ball-mlp-cifar.svg
# :name: fig-heavy_ball-mlp-cifar
# :figclass: panels
# :alt: Panels over optimizer steps for heavy ball on the MLP and CIFAR-10: loss at the centre, sharpness over its threshold, distance between centres, half-displacement, alignment; optimizer, stable flow, rod flow, drift-free rod and shifted copy.
#
# Heavy ball, its stable flow, its rod flow and the [drift-free rod](drift_free) on the MLP, CIFAR-10, side by side after the warm-up.
# ```
#
# ### CNN
#
# ```{figure} ../figures/heavy_ball-cnn-cifar.svg
# :name: fig-heavy_ball-cnn-cifar
# :figclass: panels
# :alt: Panels over optimizer steps for heavy ball on the CNN and CIFAR-10: loss at the centre, sharpness over its threshold, distance between centres, half-displacement, alignment; optimizer, stable flow, rod flow, drift-free rod and shifted copy.
#
# Heavy ball, its stable flow, its rod flow and the [drift-free rod](drift_free) on the CNN, CIFAR-10, side by side after the warm-up.
# ```
#
# ### ViT
#
# ```{figure} ../figures/heavy_ball-vit-cifar.svg
# :name: fig-heavy_ball-vit-cifar
# :figclass: panels
# :alt: Panels over optimizer steps for heavy ball on the ViT and CIFAR-10: loss at the centre, sharpness over its threshold, distance between centres, half-displacement, alignment; optimizer, stable flow, rod flow, drift-free rod and shifted copy.
#
# Heavy ball, its stable flow, its rod flow and the [drift-free rod](drift_free) on the ViT, CIFAR-10, side by side after the warm-up.
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
# ```{figure} ../figures/heavy_ball-mlp.svg
# :name: fig-heavy_ball-mlp
# :figclass: panels
# :alt: Panels over optimizer steps for heavy ball on the MLP: loss at the centre, sharpness over its threshold, distance between centres, half-displacement, alignment; optimizer, stable flow and rod flow.
#
# Heavy ball, its stable flow and its rod flow on the MLP, handwritten digits, side by side after the warm-up.
# ```
#
# ```{figure} ../figures/heavy_ball-cnn.svg
# :name: fig-heavy_ball-cnn
# :figclass: panels
# :alt: Panels over optimizer steps for heavy ball on the CNN: loss at the centre, sharpness over its threshold, distance between centres, half-displacement, alignment; optimizer, stable flow and rod flow.
#
# Heavy ball, its stable flow and its rod flow on the CNN, handwritten digits, side by side after the warm-up.
# ```
#
# ```{figure} ../figures/heavy_ball-vit.svg
# :name: fig-heavy_ball-vit
# :figclass: panels
# :alt: Panels over optimizer steps for heavy ball on the ViT: loss at the centre, sharpness over its threshold, distance between centres, half-displacement, alignment; optimizer, stable flow and rod flow.
#
# Heavy ball, its stable flow and its rod flow on the ViT, handwritten digits, side by side after the warm-up.
# ```
# :::

# %% mystnb={"code_prompt_show": "Handwritten digits: numbers and verdicts", "code_prompt_hide": "Hide them"} tags=["hide-cell"]
show(hyperparameters(runs.values()))
show(verdicts(runs.values()))
