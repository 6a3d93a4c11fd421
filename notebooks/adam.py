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
#     runs: [adam-mlp, adam-cnn, adam-vit]
#     files: [figures/runs/adam-*-cifar.nc]
# ---

# %% [markdown]
# # Adam
#
# **What is new: a second moment for each weight**, where {doc}`scalar Adam <scalar_adam>` has one for all. Adam
# {cite:p}`kingma2015adam` is heavy ball with RMSProp's preconditioner, and its rod flow is the same sum: **a rod in
# phase space, and a smooth second moment.** Nothing else is added.

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

chapter = Chapter("adam", globals())

# %% [markdown]
# ## The update rule
#
# Adam keeps two running averages of the gradient $g_t=\nabla L(w_t)$: the first moment $m$, and the
# second moment $\nu$ of its square, taken for each weight by itself.
#
# (eq-35)=
# (eq-36)=
# (eq-37)=
# \begin{align}
# m_{t+1}&=\beta_1m_t+(1-\beta_1)\,g_t \tag{35}\\
# \nu_{t+1}&=\beta_2\nu_t+(1-\beta_2)\,g_t^{\odot2} \tag{36}\\
# w_{t+1}&=w_t-\eta\,P_{t+1}^{-1}m_{t+1},\qquad P=\mathrm{diag}\big(\sqrt\nu+\epsilon\big) \tag{37}
# \end{align}
#
# Both averages start at zero. Adam divides out the bias this leaves,
#
# (eq-38)=
# (eq-39)=
# (eq-40)=
# \begin{align}
# \hat m_t&=\frac{m_t}{1-\beta_1^t} \tag{38}\\
# \hat\nu_t&=\frac{\nu_t}{1-\beta_2^t} \tag{39}\\
# w_{t+1}&=w_t-\eta\,\hat P_{t+1}^{-1}\hat m_{t+1} \tag{40}
# \end{align}
#
# and so does everything below; the formulas leave it out, as the paper does, and the code does not
# (appendix G.2: the flow is handed the optimizer's step counter).
#
# In code, Adam is a row of a table: one momentum, one second moment.

# %%
from rodflow_core.optimizers import OPTIMIZERS

row = OPTIMIZERS["adam"]
print(
    f"{row.title} = {row.momentum.__name__} × {row.second_moment.__name__},",
    "with bias correction" if row.bias_correction else "without bias correction",
)

# %% [markdown]
# ## The flow
#
# Write $z=(w,m)$. Putting {ref}`(35) <eq-35>` into {ref}`(37) <eq-37>`, a step is
# $z_{t+1}=z_t+F(z_t)$ with
#
# (eq-41)=
# (eq-42)=
# \begin{align}
# F(w,m)&=\begin{pmatrix}F^w\\F^m\end{pmatrix},\tag{41}\\
# F^w&=-\eta P^{-1}\big(\beta_1m+(1-\beta_1)\,g(w)\big),\qquad F^m=(1-\beta_1)\big(g(w)-m\big). \tag{42}
# \end{align}
#
# At the edge of stability $w$ and $m$ change sign together from step to step. So take two
# consecutive iterates as one object: its centre $\bar z_t=\frac12(z_t+z_{t+1})$ and its
# half-displacement $\delta_{z,t}=\frac12(z_{t+1}-z_t)$. Its ends *are* the iterates,
# $z_t=\bar z_t-\delta_{z,t}$ and $z_{t+1}=\bar z_t+\delta_{z,t}$. With $F_\pm=F(\bar z\pm\delta_z)$,
#
# - the centre moves by the mean of two steps, $\bar z_{t+1}-\bar z_t=\frac12(F_++F_-)$;
# - the next half-displacement is half the step from the far end, $\delta_{z,t+1}=\frac12F_+$, and
#   this one was half the step from the near end, $\delta_{z,t}=\frac12F_-$. Therefore
#   $\delta_{z,t+1}\delta_{z,t+1}^\top-\delta_{z,t}\delta_{z,t}^\top
#   =-2\,\delta_{z,t}\delta_{z,t}^\top+\frac14\big(F_+F_+^\top+F_-F_-^\top\big)$.
#
# For a fixed preconditioner both are identities. Neither depends on the sign of $\delta_z$, which
# flips at every step; what flips has been squared away, and what is left changes slowly enough to
# be a differential equation. The second moment needs no rod: it averages *squares*, which do not
# flip. Its rate is the mean over both ends.
#
# (eq-43)=
# (eq-44)=
# (eq-45)=
# (eq-46)=
# \begin{align}
# \dot{\bar w}&=-\eta P^{-1}\big(\beta_1\bar m+(1-\beta_1)\,\bar g\big),\qquad \bar g=\tfrac12(g_++g_-) \tag{43}\\
# \dot{\bar m}&=(1-\beta_1)\,(\bar g-\bar m) \tag{44}\\
# \dot\Sigma&=-2\,\Sigma+\tfrac14\big(F_+F_+^\top+F_-F_-^\top\big) \tag{45}\\
# \dot{\bar\nu}&=(1-\beta_2)\Big(\tfrac12\big(g_+^{\odot2}+g_-^{\odot2}\big)-\bar\nu\Big) \tag{46}
# \end{align}
#
# The rod $\delta_z=(\delta,\mu)$ is read off $\Sigma$: its principal eigenvector, times the square
# root of the principal eigenvalue. One eigenvector gives both parts, so their signs agree.
#
# What is *not* exact for Adam: the two ends of the rod see one $P(\bar\nu)$, where the two steps
# used $P_{t+1}$ and $P_{t+2}$, and $\nu$ has no half-difference of its own. Both errors are of the
# size of one step's change of $\nu$.
#
# ### The same, executed
#
# A few lines make an optimizer and its rod flow, here on a landscape with two weights, and check
# the first identity with Adam's preconditioner held fixed.

# %%
import torch

from rodflow_core.flows import RodFlow, advance
from rodflow_core.objective import FunctionObjective
from rodflow_core.optimizers import Diagonal, make_rule

landscape = FunctionObjective(
    lambda w: 2.0 * w[0] ** 2 - w[0] ** 4 + 0.1 * w[1] + w[0] * w[1] ** 2, 2
)
adam = make_rule("adam", learning_rate=0.05, beta1=0.5, beta2=0.99)

before = adam.initial_state(torch.tensor([0.3, 1.0], dtype=torch.float64))
now = adam.step(landscape, before, 0)
rod = RodFlow(adam, landscape, rank=2)
state = advance(rod, rod.initial(before, now), t=1, substeps=4)
delta, mu = state.extent.half_displacement.chunk(2)
for name, part in {"rod in w": delta, "rod in m": mu}.items():
    print(name, *(f"{value:+.4f}" for value in part.tolist()))

# %%
P = Diagonal(torch.tensor([0.7, 0.2], dtype=torch.float64))


def F(z):
    return adam.displacement(z, landscape.gradients(adam.gradient_point(z[None]))[0], P)


z0 = torch.tensor([0.3, 1.0, 0.1, -0.2], dtype=torch.float64)
z1 = z0 + F(z0)
z2 = z1 + F(z1)
centre, half = (z0 + z1) / 2, (z1 - z0) / 2
moved = (z1 + z2) / 2 - centre
residual = (moved - (F(centre + half) + F(centre - half)) / 2).abs().max().item()
next_half = (z2 - z1) / 2
change = torch.outer(next_half, next_half) - torch.outer(half, half)
ends = [F(centre + half), F(centre - half)]
right = -2 * torch.outer(half, half) + sum(torch.outer(f, f) for f in ends) / 4
residual_extent = (change - right).abs().max().item()
assert max(residual, residual_extent) < 1e-15
print(f"Both identities hold to {max(residual, residual_extent):.0e}.")

# %% [markdown]
# ## The threshold
#
# What is at the edge is not the sharpness of $H$ but that of the Hessian seen through the
# preconditioner. Adam oscillates when
#
# (eq-47)=
# $$
# \lambda_{\max}\big(P^{-1/2}HP^{-1/2}\big)=\frac2\eta\,\frac{1+\beta_1}{1-\beta_1},\tag{47}
# $$
#
# heavy ball's threshold for the preconditioned step size: $38/\eta$ at $\beta_1=0.9$, $6/\eta$ at
# $\beta_1=0.5$. The rod flow changes stability at the same curvature: it is where the eigenvalue
# $-2$ of the linearised $F$ makes the extent neither grow nor shrink. Bisecting the curvature at which
# the code's own step, its preconditioner held at one, gets an eigenvalue below $-1$:

# %%
from rodflow_book.derivations.checks import close
from rodflow_book.tables import computed_threshold

eta, b1 = adam.learning_rate, adam.momentum.beta
formula = 2 / eta * (1 + b1) / (1 - b1)
close(47, computed_threshold(adam), formula, 1e-10)
print(f"bisection {computed_threshold(adam):.6g}, formula {formula:.6g}")

# %% [markdown]
# ## The runs
#
# In the warm-up Adam runs alone. Then its flows start from the centre of its last two iterates and run side by
# side with it. They are its *stable flow*, the flow of $F$ at a point, which is Adam at small steps; its *rod flow*;
# and the [drift-free rod](drift_free). A *shifted copy* of Adam itself, started half a
# step behind, says how near anything can stay. Measuring comes before moving, and all are compared at
# the centre.
#
# On CIFAR-10, the paper's data. The runs are recorded; {doc}`the page on CIFAR-10 <cifar10>` puts them beside the paper's
# protocol.

# %%
cited = chapter.cited()

# %% tags=["remove-cell"]
chapter.save_figures(cited, "-cifar")

# %% tags=["remove-cell"]
from rodflow_book.figures.files import run_manifest
from rodflow_book.figures.run_motion import run_motion
from rodflow_book.motion import save_motion

if "mlp" in cited:
    titles = {"disc": "Adam", "sf": "stable flow", "rod": "rod flow", "free": "drift-free rod"}
    save_motion(
        "adam-mlp-cifar",
        "Adam on the MLP and CIFAR-10, and its flows beside it",
        *run_motion(cited["mlp"], titles),
        chapter.figures,
        manifest=run_manifest([cited["mlp"]], "notebooks/adam.py"),
    )

# %% [markdown]
# ### MLP
#
# ```{figure} ../figures/adam-mlp-cifar.svg
# :name: fig-adam-mlp-cifar
# :figclass: panels
# :alt: Panels over optimizer steps for Adam on the MLP and CIFAR-10: loss at the centre, preconditioned sharpness over its threshold, distance between centres, half-displacement, alignment; optimizer, stable flow, rod flow, drift-free rod and shifted copy.
#
# Adam, its stable flow, its rod flow and the [drift-free rod](drift_free) on the MLP, CIFAR-10, side by side after the warm-up.
# ```
#
# ```{raw} html
# <div class="rodflow-player" data-motion="adam-mlp-cifar"><noscript>With JavaScript, sharpness and distance can be played here step by step.</noscript></div>
# <link rel="stylesheet" href="../player/player.css">
# <script src="../figures/adam-mlp-cifar.motion.js"></script>
# <script src="../player/address.js"></script>
# <script src="../player/player.js"></script>
# ```
#
# ### CNN
#
# ```{figure} ../figures/adam-cnn-cifar.svg
# :name: fig-adam-cnn-cifar
# :figclass: panels
# :alt: Panels over optimizer steps for Adam on the CNN and CIFAR-10: loss at the centre, preconditioned sharpness over its threshold, distance between centres, half-displacement, alignment; optimizer, stable flow, rod flow, drift-free rod and shifted copy.
#
# Adam, its stable flow, its rod flow and the [drift-free rod](drift_free) on the CNN, CIFAR-10, side by side after the warm-up.
# ```
#
# ### ViT
#
# ```{figure} ../figures/adam-vit-cifar.svg
# :name: fig-adam-vit-cifar
# :figclass: panels
# :alt: Panels over optimizer steps for Adam on the ViT and CIFAR-10: loss at the centre, preconditioned sharpness over its threshold, distance between centres, half-displacement, alignment; optimizer, stable flow, rod flow, drift-free rod and shifted copy.
#
# Adam, its stable flow, its rod flow and the [drift-free rod](drift_free) on the ViT, CIFAR-10, side by side after the warm-up.
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
# ```{figure} ../figures/adam-mlp.svg
# :name: fig-adam-mlp
# :figclass: panels
# :alt: Panels over optimizer steps for Adam on the MLP: loss at the centre, preconditioned sharpness over its threshold, distance between centres, half-displacement, alignment; optimizer, stable flow and rod flow.
#
# Adam, its stable flow and its rod flow on the MLP, handwritten digits, side by side after the warm-up.
# ```
#
# ```{figure} ../figures/adam-cnn.svg
# :name: fig-adam-cnn
# :figclass: panels
# :alt: Panels over optimizer steps for Adam on the CNN: loss at the centre, preconditioned sharpness over its threshold, distance between centres, half-displacement, alignment; optimizer, stable flow and rod flow.
#
# Adam, its stable flow and its rod flow on the CNN, handwritten digits, side by side after the warm-up.
# ```
#
# ```{figure} ../figures/adam-vit.svg
# :name: fig-adam-vit
# :figclass: panels
# :alt: Panels over optimizer steps for Adam on the ViT: loss at the centre, preconditioned sharpness over its threshold, distance between centres, half-displacement, alignment; optimizer, stable flow and rod flow.
#
# Adam, its stable flow and its rod flow on the ViT, handwritten digits, side by side after the warm-up.
# ```
# :::

# %% mystnb={"code_prompt_show": "Handwritten digits: numbers and verdicts", "code_prompt_hide": "Hide them"} tags=["hide-cell"]
show(hyperparameters(runs.values()))
show(verdicts(runs.values()))

# %% [markdown]
# ## How to read it
#
# - **Sharpness.** The stable flow knows no threshold and goes on sharpening past it. The optimizer
#   and the rod flow are held at it by their own oscillation. (What stops the stable flow in the end, on the
#   digits at about three times the threshold, is the edge of its own Euler method with four substeps:
#   {doc}`backward_error`.)
# - **Distance.** All start at the same point. A flow that sees the landscape only at its
#   centre drifts away at once; the rod's two ends feel the walls.
# - **$|\nu|$.** The second moment is fed by gradients at the ends of the oscillation, which are
#   larger than at the centre. The stable flow misses that part.
# - **Alignment.** Several directions are at the edge at once; the optimizer's last displacement and
#   the principal axis of $\Sigma$ may prefer different ones. The paper reports the same fluctuation.
#
# (adam-regime)=
# ## The regime
#
# A rod models what *oscillates*. Its extent is built from whole displacements, and a displacement is
# oscillation plus drift. Where the drift is the larger of the two, the principal axis of $\Sigma$
# points along the drift, the ends of the rod lie ahead and behind on the same path, and the rod flow
# is the stable flow. Two numbers tell: $\frac14|w_{t+1}-2w_t+w_{t-1}|$, the alternating part of the
# motion, and $\frac14|w_{t+1}-w_{t-1}|$, the steady part.

# %% tags=["hide-input"]
from rodflow_book.markup import markdown, short
from rodflow_book.notebook import ARCHITECTURE_TITLES
from rodflow_core.experiments.claims import assess
from rodflow_core.experiments.records import configuration

lines = []
for where, several in (("CIFAR-10", cited), ("digits", runs)):
    for name, run in several.items():
        config = configuration(run)
        cells = [f"{config.beta1:g}", f"{config.beta2:g}", f"{config.warmup:,}"]
        ratio = short(assess(run).regime)
        lines.append([f"{ARCHITECTURE_TITLES[name]}, {where}", *cells, ratio])
head = ("", r"$\beta_1$", r"$\beta_2$", "warm-up steps", "oscillation / drift (median)")
show(markdown(head, lines))
drifting = [ARCHITECTURE_TITLES[name] for name, run in cited.items() if assess(run).regime <= 1]
show(
    f"On CIFAR-10 the drift is the larger of the two on: {', '.join(drifting)}."
    if drifting
    else "On CIFAR-10 the oscillation is the larger of the two on every network."
)

# %% [markdown]
# The customary $\beta_1$ is 0.9. On the digits, with their few examples, Adam drifts at 0.9 ({doc}`drift_free` shows
# such a run); so the runs on digits have a smaller one.
