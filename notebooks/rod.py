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
# # The rod
#
# At the {term}`edge of stability` {cite:p}`cohen2021edge` an optimizer does not glide along the floor of a
# valley: it jumps from wall to wall. A differential equation for the iterates would have to jump
# too. {term}`Rod flow` {cite:p}`regis2026rod` asks for something easier. It follows **two consecutive
# iterates at once**, as one rigid object with a centre, a length and a direction, because all three
# change slowly while the iterates do not. This page builds the rod for gradient descent;
# {doc}`phase_space` carries it to optimizers with momentum {cite:p}`regis2026adam`. Every point drawn
# here was computed here. Equations bear the numbers of the paper.
#
# Try it first. Here gradient descent has one weight and a loss whose walls flatten with height,
# $L(w)=\frac12Sw^2-\frac14\kappa w^4$. Press *Play*, then take the sharpness below its threshold.
#
# ```{raw} html
# <div class="quartic-widget" data-optimizer="gd"><noscript>With JavaScript, gradient descent and its rod can be tried here on a loss with one weight.</noscript></div>
# <link rel="stylesheet" href="../quartic/quartic.css">
# <script src="../player/address.js"></script>
# <script src="../quartic/numerics.js"></script>
# <script src="../quartic/drawing.js"></script>
# <script src="../quartic/quartic.js"></script>
# ```

# %% tags=["parameters", "hide-input"]
learning_rate = 0.5  # a finite number above 0 and at most 10
slope = 0.1  # a finite number above 0 and at most 10
steps = 100  # a whole number of at least 10 and at most 10000
substeps = 4  # a whole number of at least 1 and at most 1000
figures = "build/figures"  # a folder that can be made or written to

# %% tags=["hide-input"]
from rodflow_book.notebook import check_parameters, one_thread, show
from rodflow_core.experiments.parameters import real, whole

check_parameters(
    globals(),
    "figures",
    learning_rate=real(above=0, most=10),
    slope=real(above=0, most=10),
    steps=whole(least=10, most=10_000),
    substeps=whole(least=1, most=1000),
)
one_thread()

# %% [markdown]
# ## Two iterates, one rod
#
# Gradient descent with learning rate $\eta$ on a loss $L$, with $g=\nabla L$, is
#
# (eq-1)=
# $$
# w_{t+1}=w_t-\eta\,g(w_t).\tag{1}
# $$
#
# Take two consecutive iterates, their centre and their half-difference:
#
# (eq-2)=
# (eq-3)=
# \begin{align}
# \bar w_t&=\tfrac12\,(w_t+w_{t+1}),\tag{2}\\
# \delta_t&=\tfrac12\,(w_{t+1}-w_t).\tag{3}
# \end{align}
#
# Nothing is lost: the ends of the rod *are* the iterates, $w_t=\bar w_t-\delta_t$ and
# $w_{t+1}=\bar w_t+\delta_t$. Write $g_\pm=g(\bar w_t\pm\delta_t)$ for the gradients at the two ends
# and $\bar g_t=\frac12(g_++g_-)$ for their mean. Then {ref}`(1) <eq-1>` gives, with no remainder,
#
# (eq-4)=
# (eq-5)=
# \begin{align}
# \bar w_{t+1}-\bar w_t&=-\eta\,\bar g_t,\tag{4}\\
# \delta_{t+1}\delta_{t+1}^\top-\delta_t\delta_t^\top
# &=-2\,\delta_t\delta_t^\top+\tfrac{\eta^2}{4}\big(g_+g_+^\top+g_-g_-^\top\big).\tag{5}
# \end{align}
#
# The first is the mean of two steps. For the second, half a step from either end is a
# half-difference: $\delta_{t+1}=-\frac\eta2g_+$ and $\delta_t=-\frac\eta2g_-$. Square both, add, and
# move one $\delta_t\delta_t^\top$ to the left.
#
# Why square? At the edge of stability $\delta_t$ changes sign at every step. The matrix
# $\delta_t\delta_t^\top$ does not notice. It holds the length and the direction of the rod and forgets
# only which end came first, which nothing on the right-hand sides depends on.
#
# ## The one approximation
#
# What changes slowly from step to step may be read as a differential equation. With an {term}`extent
# tensor` $\Sigma$ in the place of $\delta\delta^\top$, and one unit of time for one step,
#
# (eq-6)=
# (eq-7)=
# \begin{align}
# \dot{\bar w}&=-\eta\,\bar g,\tag{6}\\
# \dot\Sigma&=-2\,\Sigma+\tfrac{\eta^2}{4}\big(g_+g_+^\top+g_-g_-^\top\big),\tag{7}
# \end{align}
#
# where the rod is read off $\Sigma$ as its principal eigenvector times the square root of its
# principal eigenvalue, $\delta=\sqrt{\lambda_1}\,u_1$. This is the rod flow. Equations
# {ref}`(4) <eq-4>` and {ref}`(5) <eq-5>` are exact; promoting them to differential equations is the
# only approximation. (The first paper on rod flow corrects {ref}`(6) <eq-6>` for that promotion by
# backward error analysis. The correction changes little, and is left out here as in the second.)
#
# ## A curved valley
#
# The landscape is a valley along a circle of radius 3. With $s$ the distance along its floor and $d$
# the distance from it,
#
# $$
# L=\tfrac12\,S(s)\,d^2-\tfrac12\,d^4-a\,s,\qquad S(s)=4+0.08\,\big(e^{0.8\,(s+2.2)}-1\big).
# $$
#
# The floor slopes down as $s$ grows, and it sharpens: going down, one passes $S=4$, which is
# gradient descent's threshold $2/\eta$ at $\eta=0.5$. Across, the walls flatten with height, so that
# an oscillation finds an amplitude at which to stay.

# %%
import torch

RADIUS = 3.0


def sharpness(s):
    return 4 + 0.08 * (torch.exp(0.8 * (s + 2.2)) - 1)


def loss(s, d):
    return 0.5 * sharpness(s) * d**2 - 0.5 * d**4 - slope * s


def along(w):
    return RADIUS * torch.atan2(w[..., 0], w[..., 1])


def across(w):
    return w.norm(dim=-1) - RADIUS


# %% [markdown]
# An update rule and an objective make both flows: the rod flow, and for comparison the {term}`stable
# flow`, which for gradient descent is {term}`gradient flow`, $\dot w=-\eta\,g(w)$. Each is started at the
# centre of the first two iterates and then runs by itself, with a few Euler substeps to each step of
# the optimizer.

# %%
from rodflow_core.objective import FunctionObjective
from rodflow_core.optimizers import make_rule
from rodflow_core.simulate import side_by_side

valley = FunctionObjective(lambda w: loss(along(w), across(w)), 2)
descent = make_rule("gd", learning_rate)
angle = torch.tensor(-2.6 / RADIUS, dtype=torch.float64)
start = (RADIUS + 0.3) * torch.stack((angle.sin(), angle.cos()))
bounce = side_by_side(descent, valley, start, steps, substeps=substeps, stable=True)
w = torch.from_numpy(bounce.iterates)


# %% tags=["remove-cell"]
# The part of the landscape in which its walls rise.
if not (across(w).abs() < 1.4).all():
    raise ValueError(
        f"gradient descent leaves the valley, with learning_rate = {learning_rate}, slope = {slope}; "
        "lower the learning rate or the slope."
    )

# %% [markdown]
# First the exactness. These are the largest entries of left side minus right side of
# {ref}`(4) <eq-4>` and {ref}`(5) <eq-5>`, over all steps of this run:

# %%
centre, half = (w[:-1] + w[1:]) / 2, (w[1:] - w[:-1]) / 2


def outer(v):
    return v.unsqueeze(-1) * v.unsqueeze(-2)


g_plus = valley.gradients((centre + half)[:-1])
g_minus = valley.gradients((centre - half)[:-1])
residual_4 = centre.diff(dim=0) + learning_rate * (g_plus + g_minus) / 2
source = learning_rate**2 / 4 * (outer(g_plus) + outer(g_minus))
residual_5 = outer(half).diff(dim=0) - (-2 * outer(half)[:-1] + source)
residuals = residual_4.abs().max().item(), residual_5.abs().max().item()
assert max(residuals) < 1e-14, "(4) and (5) must hold to rounding"
print("left of (4): {:.0e}, of (5): {:.0e}".format(*residuals))

# %% [markdown]
# Rounding, and nothing else. Now the flows, in {numref}`fig-rod-valley`.

# %% tags=["remove-cell"]
import numpy as np

from rodflow_book.figures import files
from rodflow_book.figures.rod import Mesh, valley_figure, valley_series_figure

ends = along(torch.as_tensor(np.stack((bounce.iterates[0], bounce.stable[-1]))))
s = torch.linspace(ends[0] - 0.15, ends[1] + 0.75, 300, dtype=torch.float64)[:, None]
d = torch.linspace(-0.62, 0.62, 61, dtype=torch.float64)[None]
mesh = Mesh(
    *(
        v.numpy()
        for v in (
            (RADIUS + d) * torch.sin(s / RADIUS),
            (RADIUS + d) * torch.cos(s / RADIUS),
            loss(s, d),
            (sharpness(s) / descent.threshold).expand(-1, d.shape[1]),
        )
    )
)
at_centre = {
    tag: (sharpness(along(torch.as_tensor(points))) / descent.threshold).numpy()
    for tag, points in {
        "disc": bounce.optimizer_centre,
        "sf": bounce.stable,
        "rod": bounce.centre,
    }.items()
}
gap = {
    tag: np.linalg.norm(points - bounce.optimizer_centre, axis=1)
    for tag, points in {"sf": bounce.stable, "rod": bounce.centre}.items()
}
numbers = files.trajectory_table(bounce, ("x", "y"))
for tag, values in at_centre.items():
    numbers[f"{tag}_sharpness_over_threshold"] = values
about = files.page_manifest(
    "notebooks/rod.py", learning_rate=learning_rate, slope=slope, steps=steps, substeps=substeps
)
files.save(
    "rod-valley",
    lambda: valley_figure(bounce, mesh, range(0, steps, max(1, steps * 6 // 100))),
    numbers,
    figures,
    manifest=about,
    alt="Gradient descent zigzags across a curved valley that grows sharper to the right. Rods of "
    "the rod flow span the zigzag from rail to rail, their centre on its midline. The stable flow "
    f"follows the floor far beyond: after {steps} steps it is {gap['sf'][-1]:.2g} from the centre "
    f"of the iterates, the rod flow {gap['rod'][-1]:.1g}.",
)
files.save(
    "rod-valley-series",
    lambda: valley_series_figure(bounce, at_centre),
    numbers,
    figures,
    manifest=about,
    alt="Over optimizer steps: sharpness at the centre over its threshold, distance to the "
    "optimizer's centre and half-displacement. The rod flow lies on the optimizer; the stable "
    f"flow's sharpness climbs to {at_centre['sf'][-1]:.2f} times the threshold.",
)

# %% [markdown]
# ```{figure} ../figures/rod-valley.svg
# :name: fig-rod-valley
# :alt: Gradient descent zigzags across a curved valley that grows sharper to the right. Rods of the rod flow span the zigzag from rail to rail, their centre on its midline, and stop where the optimizer stops. The stable flow follows the floor far beyond, into the sharper part.
#
# **The rod spans the zigzag and stops with it; a point runs on.** Gradient descent in a curved valley, seen from
# above: level lines of the loss, darker where the valley is sharper ($\eta=0.5$, 100 steps). Both flows start at the centre of the first two iterates. The rods span the
# zigzag from rail to rail, and the centres of the iterates (rings) are theirs; the stable flow runs
# ahead on the floor.
# ```

# %% tags=["hide-input"]
from rodflow_core.flows import RodFlow, advance
from rodflow_core.optimizers import State


def extents(rule, objective, run):
    """Run the rod flow once more, for its whole extent tensors."""
    flow = RodFlow(rule, objective)
    states = [flow.initial(*(State(torch.from_numpy(z), None) for z in run.iterates[:2]))]
    for t in range(1, len(run.centre)):
        states.append(advance(flow, states[-1], t, substeps))
    return [state.extent for state in states]


end = torch.as_tensor(bounce.centre + bounce.signed_half)
late, mid = bounce.iterates[1:], steps // 2
rail = (across(end) - across(torch.as_tensor(late))).abs()
lag = (along(end) - along(torch.as_tensor(late))).abs()
drift = np.linalg.norm(np.diff(bounce.optimizer_centre, axis=0), axis=1) / 2
lengths = extents(descent, valley, bounce)[mid].eigenvalues.sqrt().tolist()
second = (
    lengths[1] if len(lengths) > 1 else 0.0
)  # one substep a step: nothing of the rod before is left
ratio = float(f"{gap['sf'][-1] / gap['rod'][-1]:.2g}")
show(
    f"After {steps} steps the rod flow's centre is **{gap['rod'][-1]:.2g}** from the centre of the "
    f"iterates (at most {gap['rod'].max():.2g} on the way), the stable flow **{gap['sf'][-1]:.3g}**: "
    f"about {ratio:g} times as far. The sharpness over "
    f"its threshold has come to {at_centre['disc'][-1]:.3f} for gradient descent, "
    f"{at_centre['rod'][-1]:.3f} for the rod flow and {at_centre['sf'][-1]:.3f} for the stable flow. "
    f"The rod's half-length, {np.linalg.norm(bounce.half[-1]):.3f}, is the iterates' "
    f"{np.linalg.norm(bounce.optimizer_half[-1]):.3f}."
)

# %% tags=["remove-cell"]
from rodflow_book.figures.rod_motions import valley_motion
from rodflow_book.motion import save_motion

panels, words = valley_motion(bounce, mesh, at_centre)
save_motion(
    "rod-valley",
    "Gradient descent in a curved valley, its rod, and gradient flow",
    panels,
    range(1, len(words) + 1),
    words,
    figures,
    rate=6,
    manifest=about,
)

# %% [markdown]
# The same, step by step: press *Play*.
#
# ```{raw} html
# <div class="rodflow-player" data-motion="rod-valley"><noscript>With JavaScript, the figure above can be played here step by step.</noscript></div>
# <link rel="stylesheet" href="../player/player.css">
# <script src="../figures/rod-valley.motion.js"></script>
# <script src="../player/player.js"></script>
# ```

# %% [markdown]
# ```{figure} ../figures/rod-valley-series.svg
# :name: fig-rod-valley-series
# :alt: Three panels over optimizer steps: sharpness at the centre over its threshold, distance to the optimizer's centre on a logarithmic scale, and half-displacement, for gradient descent, its stable flow and its rod flow. The rod flow lies on the optimizer in all three.
#
# **The rod flow lies on the optimizer in sharpness, place and length; the stable flow sharpens without limit.** The
# run of {numref}`fig-rod-valley` over time.
# ```
#
# **Why the optimizer stops, and how the rod knows.** By the symmetry of the walls the mean gradient
# along the valley, taken at the two ends $d=\pm|\delta|$, is about $\frac12S'(s)\,|\delta|^2-a$. The slope
# $a$ pulls down. The first term pushes back: ahead, where the valley is sharper, both walls are
# higher. This is {term}`self-stabilization` {cite:p}`damian2023self`, and it needs a length to act on. A
# point on the floor has none, so gradient flow goes on.

# %% tags=["hide-input"]
here = along(torch.as_tensor(bounce.centre[-1])).clone().requires_grad_()
(rise,) = torch.autograd.grad(sharpness(here), here)
push = 0.5 * rise.item() * float((bounce.half[-1] ** 2).sum())
show(
    f"At the end of the rod flow's path the push $\\frac12S'|\\delta|^2$ is {push:.3f}, against a slope "
    f"of {slope:g}."
)

# %% [markdown]
# **What the rod leaves out.** A displacement is oscillation plus {term}`drift`. The first alternates, the
# second does not, so that in $\Sigma$ they become two separate eigenvectors, and the principal one,
# the rod, stands squarely across the valley where the zigzag is slanted.

# %% tags=["hide-input"]
show(
    f"The ends of the rods therefore lie on the two rails of the zigzag (to {rail.median():.1g} in "
    f"$d$, median), but along a rail about half a step of drift from the iterate itself (median "
    f"{lag.median():.2g}; half the drift is {np.median(drift):.2g}). Nor is the drift lost: at step "
    f"{mid} the second eigenvalue of $\\Sigma$ has a root of {second:.3f}, and half the drift is "
    f"{drift[mid]:.3f}."
)

# %% [markdown]
# Where the drift is the larger of the two, the rod points along the path and sees nothing of the
# walls. To see it happen, run this notebook with `learning_rate` 0.45: the threshold then lies further
# down, the oscillation dies on the way to it, the drift takes the rod over, and the rod flow follows
# the stable flow while gradient descent begins to bounce again.
# {doc}`adam_rod` and {doc}`drift_free` come back to this.
#
# ## What you know now
#
# Two consecutive iterates of gradient descent are the two ends of a rod. Its centre and the square of its
# half-displacement move by exact identities that need the gradients at the two ends and nothing else; read as
# differential equations they are the rod flow, {ref}`(6) <eq-6>` and {ref}`(7) <eq-7>`. The rod feels both walls
# and therefore stops where gradient descent stops. In full: {doc}`appendix B <appendix_b>` derives it once more
# and solves it on parabola and quartic, {doc}`gd` has it on networks.
