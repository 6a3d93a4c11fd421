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
# ---

# %% [markdown]
# # The drift-free rod
#
# The paper's rod is built from whole displacements, and a displacement is oscillation *plus* drift.
# Where the drift is the longer of the two, the rod turns into it and no longer sees the sharp
# direction ({ref}`adam-regime`). This page goes beyond the paper: it derives a rod that keeps only
# what alternates, from the same two gradients. In every chapter it stands beside the paper's rod.

# %% tags=["parameters", "hide-input"]
preset = "quick"
seed = None
examples = None
figures = "build/figures"

# %% tags=["hide-input"]
from rodflow_book import notebook

notebook.check_parameters(globals(), "preset seed examples figures")
notebook.one_thread()

# %% [markdown]
# ## What it models
#
# Split the iterates into what drifts and what alternates, $z_t=c_t+(-1)^t\delta_t$, with $c$ nearly
# linear in $t$ and $\delta$ nearly constant. Then
#
# $$
# \tfrac12(z_t-z_{t-1})\approx\tfrac12\dot c+(-1)^t\delta,\qquad
# \tfrac14(z_t-2z_{t-1}+z_{t-2})\approx(-1)^t\delta .
# $$
#
# The first difference, the paper's rod, holds half the drift. In the second difference it cancels.
# The drift-free rod is a model of the second difference.
#
# ## Its equation
#
# With $F_\pm=F(\bar z\pm\delta)$, write $\bar F=\frac12(F_++F_-)$ for the drift and
# $D=\frac12(F_+-F_-)$ for what differs between the ends. The source of the paper's extent equation
# {ref}`(20) <eq-20>` separates:
#
# $$
# \tfrac14\big(F_+F_+^\top+F_-F_-^\top\big)=\tfrac12\,\bar F\bar F^\top+\tfrac12\,DD^\top .
# $$
#
# The first part is drift alone. Leave it out. An oscillation of period two has $D=-2\delta$; write
# $D=-2\delta+e$. For $\Sigma=\delta\delta^\top$,
#
# $$
# -2\Sigma+\tfrac12DD^\top=-\big(\delta e^\top+e\,\delta^\top\big)+\tfrac12\,ee^\top .
# $$
#
# Only the last term leads out of rank one. It is of second order in the misfit $e$, always has the
# sign of growth, and is no oscillation. Without it $\Sigma$ stays a single rod for ever, and its
# equation is linear in what the gradients say:
#
# $$
# \boxed{\;\dot\delta=-e=-2\,\delta-D(\delta)\;}
# $$
#
# No extent tensor, no eigenproblem, no rank. The same two identities, by a computer:

# %%
import sympy as sp

plus, minus, half = (sp.Matrix(sp.symbols(f"{name}0:3")) for name in "abd")
drift, spread = (plus + minus) / 2, (plus - minus) / 2
source = (plus * plus.T + minus * minus.T) / 4
assert sp.expand(source - drift * drift.T / 2 - spread * spread.T / 2) == sp.zeros(3, 3)

misfit = spread + 2 * half
left = -2 * half * half.T + spread * spread.T / 2
right = -(half * misfit.T + misfit * half.T) + misfit * misfit.T / 2
assert sp.expand(left - right) == sp.zeros(3, 3)

# %% [markdown]
# There is a second way to read it. One Euler step of length one, of $\dot{\bar z}=\bar F$ and of the
# boxed equation together, gives $\bar z'\mp\delta'=\bar z\pm\delta+F(\bar z\pm\delta)$: **two copies
# of the optimizer, started at the two ends, each take their own step and then exchange their names.**
# That holds exactly on any landscape, the preconditioner held fixed.
#
# ## Same thresholds, same fixed points
#
# - On a quadratic $D=A\,\delta$ with $A=\partial F/\partial z$, whatever the drift and wherever the
#   centre is. An eigenvalue $\lambda$ of $A$ gives the rate $-2-\lambda$, zero at $\lambda=-2$: there
#   the optimizer's own multiplier $1+\lambda$ is $-1$. Every threshold of Table 2 is kept. (The paper's
#   extent has the rate $-2+\frac12\lambda^2$, zero at the same $\lambda$.)
# - A fixed point has $\bar F=0$ and $D=-2\delta$. At a centre of symmetry $F_-=-F_+$, so this is
#   $F(\delta)=-2\delta$, the paper's {ref}`(149) <eq-149>`.
# - All alternating directions superpose in one vector. The paper's extent evaluates the gradient
#   along its principal axis only; here directions that reach the edge together are all at the ends.
# - It differs on purpose where nothing oscillates: on a linear loss the paper's extent settles at
#   $\eta^2g^2/4$, {ref}`(126) <eq-126>`, and this one at zero.
#
# ## The seed
#
# Below the threshold $\delta$ dies away exponentially, and later needs as long to come back. Something
# must be left to grow from. The flow adds a leak of the drift,
#
# $$
# \dot\delta=-2\,\delta-D(\delta)+\ell\,\bar F,\qquad \ell=10^{-6},
# $$
#
# which keeps $|\delta|$ above a millionth of the half-drift and vanishes at every fixed point, so it
# biases nothing. Where the rod is alive at the start, $\ell$ does not matter; where it must be born
# during the run, $\ell$ sets the date of birth, logarithmically. In single precision the two ends can
# be nearer than rounding allows; then the difference of their gradients is taken as what it tends to,
# a Hessian-vector product at the centre.
#
# In code it is a flow of its own, `DriftFreeRod(rule, objective)`, whose state holds the one vector.
#
# ## Where the paper's rod loses sight, and this one does not
#
# Adam with the customary $\beta_1=0.9$, after a long warm-up, and Adam started early, when its drift
# is still large. In both the paper's rod flow follows the stable flow at first.

# %%
runs = {
    "trap": notebook.recorded(
        "adam",
        "mlp",
        preset,
        learning_rate=1e-3,
        beta1=0.9,
        beta2=0.99,
        warmup=None if preset == "smoke" else 1000,
        seed=seed,
        examples=examples,
    ),
    "early": notebook.recorded(
        "adam",
        "mlp",
        preset,
        beta2=0.99,
        warmup=None if preset == "smoke" else 50,
        seed=seed,
        examples=examples,
    ),
}

# %% tags=["remove-cell"]
for name, run in runs.items():
    notebook.save_figure_of(run, f"drift-free-{name}", figures)

# %% [markdown]
# ```{figure} ../figures/drift-free-trap.svg
# :name: fig-drift-free-trap
# :figclass: panels
# :alt: Adam with beta1 0.9 on the MLP: the paper's rod flow leaves the threshold with the stable flow, the drift-free rod stays at the optimizer's sharpness and close to its centre.
#
# Adam with $\beta_1=0.9$: oscillation shorter than drift.
# ```

# %% tags=["hide-input"]
notebook.show(notebook.verdict(runs["trap"]))

# %% [markdown]
# ```{figure} ../figures/drift-free-early.svg
# :name: fig-drift-free-early
# :figclass: panels
# :alt: Adam from step 50 on the MLP: the paper's rod flow departs at the start, the drift-free rod stays close to the optimizer.
#
# Adam ($\beta_1=0.5$) from step 50: no warm-up to speak of.
# ```

# %% tags=["hide-input"]
notebook.show(notebook.verdict(runs["early"]))

# %% [markdown]
# The table of [all claims](claims) has both rods for every optimizer and architecture.
#
# **What it does not do.** In quiet phases, when nothing alternates, the optimizer's second
# difference is the curvature of a smooth path; alignment with it means nothing then. And where the
# oscillation is born inside a run, the rod takes off when the seed has grown, not when the
# optimizer's own perturbation has.
