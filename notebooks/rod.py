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
# change slowly while the iterates do not. This page builds the rod for gradient descent, then
# carries it to phase space for heavy ball {cite:p}`regis2026adam`. Every point drawn here was
# computed here. Equations bear the numbers of the paper.

# %% tags=["parameters", "hide-input"]
learning_rate = 0.5
slope = 0.1
steps = 100
beta = 0.5
excess = 0.025
phase_steps = 30
substeps = 4
figures = "build/figures"

# %% tags=["hide-input"]
from rodflow_book.notebook import check_parameters, one_thread, show

check_parameters(globals(), "learning_rate slope steps beta excess phase_steps substeps figures")
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
def check_stays(distances, reach, place):
    """Stop where an optimizer has left the part of a landscape in which its walls rise."""
    if not (distances.abs() < reach).all():
        raise ValueError(
            f"the optimizer leaves {place}, with learning_rate = {learning_rate}, slope = {slope}, "
            f"beta = {beta}, excess = {excess}; lower the learning rate, the slope or the excess."
        )


check_stays(across(w), 1.4, "the valley")

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
residuals

# %% [markdown]
# Rounding, and nothing else. Now the flows, in {numref}`fig-rod-valley`.

# %% tags=["remove-cell"]
import numpy as np

from rodflow_book.figures import files
from rodflow_book.figures.rod import (
    Mesh,
    phase_figure,
    valley_figure,
    valley_series_figure,
)
from rodflow_core import theory

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
# Gradient descent in a curved valley, seen from above: level lines of the loss, darker where the
# valley is sharper. Both flows start at the centre of the first two iterates. The rods span the
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
second = extents(descent, valley, bounce)[mid].eigenvalues[1].sqrt().item()
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
from rodflow_book.figures.rod_motions import phase_motion, valley_motion
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
# The same run over time. The rod flow lies on the optimizer; the stable flow sharpens without limit.
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
# {ref}`Adam's chapter <adam-regime>` comes back to this.
#
# ## Heavy ball: a rod in phase space
#
# Heavy ball {cite:p}`polyak1964some` has a memory. In the form in which Adam uses it, the first
# moment $m$ is a running average of gradients,
#
# (eq-8)=
# (eq-9)=
# \begin{align}
# m_{t+1}&=\beta\,m_t+(1-\beta)\,g(w_t),\tag{8}\\
# w_{t+1}&=w_t-\eta\,m_{t+1},\tag{9}
# \end{align}
#
# and it becomes unstable on a quadratic of curvature
#
# (eq-10)=
# $$
# S_{\rm HB}=\frac2\eta\,\frac{1+\beta}{1-\beta}.\tag{10}
# $$
#
# Beyond it $w$ oscillates, and $m$ with it. The argument above rests on one fact: a half-difference is
# half a step, and a step is a function of where one stands. For heavy ball the weight alone does not
# say where one stands; weight and moment together do. So let the rod live in {term}`phase space`:
#
# (eq-11)=
# (eq-12)=
# (eq-13)=
# \begin{align}
# z&=(w,m),\tag{11}\\
# \bar z_t&=\tfrac12\,(z_t+z_{t+1}),\tag{12}\\
# \delta_{z,t}&=\tfrac12\,(z_{t+1}-z_t)=(\delta_t,\mu_t).\tag{13}
# \end{align}
#
# Put {ref}`(8) <eq-8>` into {ref}`(9) <eq-9>`, and one step is a displacement that depends on the
# state alone:
#
# (eq-14)=
# (eq-15)=
# \begin{align}
# z_{t+1}&=z_t+F(z_t),\tag{14}\\
# F(w,m)&=\begin{pmatrix}-\eta\,\big(\beta m+(1-\beta)\,g(w)\big)\\(1-\beta)\,\big(g(w)-m\big)\end{pmatrix}.\tag{15}
# \end{align}
#
# From here on the argument is the one above, with $F$ for $-\eta g$ and $F_\pm=F(\bar z\pm\delta_z)$:
#
# (eq-16)=
# (eq-17)=
# \begin{align}
# \bar z_{t+1}-\bar z_t&=\tfrac12\,(F_++F_-),\tag{16}\\
# \delta_{z,t+1}\delta_{z,t+1}^\top-\delta_{z,t}\delta_{z,t}^\top
# &=-2\,\delta_{z,t}\delta_{z,t}^\top+\tfrac14\big(F_+F_+^\top+F_-F_-^\top\big).\tag{17}
# \end{align}
#
# Both are exact again, and promoted they are heavy ball's rod flow:
#
# (eq-18)=
# (eq-19)=
# (eq-20)=
# (eq-21)=
# \begin{align}
# \dot{\bar w}&=-\eta\,\big(\beta\bar m+(1-\beta)\,\bar g\big),\tag{18}\\
# \dot{\bar m}&=(1-\beta)\,(\bar g-\bar m),\tag{19}\\
# \dot\Sigma&=-2\,\Sigma+\tfrac14\big(F_+F_+^\top+F_-F_-^\top\big),\tag{20}\\[6pt]
# \Sigma&=\begin{pmatrix}\Sigma_{ww}&\Sigma_{wm}\\\Sigma_{mw}&\Sigma_{mm}\end{pmatrix}.\tag{21}
# \end{align}
#
# ## One rod, not two
#
# Why not one rod for $w$ and another for $m$? Each of them would be known only up to its sign. The
# pair would have four corners, $(\pm\delta,\pm\mu)$ in every combination, and nothing to say which two of
# them the optimizer visits. The joint rod has two ends. Its sign is free only as a whole,
# $(\delta,\mu)\to-(\delta,\mu)$, and the block $\Sigma_{wm}$ holds what two separate rods forget: that
# $w$ and $m$ flip *together*, and in which sense.
#
# The smallest example is the quartic of the paper's appendix C, sharpest at the origin,
#
# $$
# L(w)=\tfrac12\,S\,w^2-\tfrac14\,\kappa\,w^4,\qquad\kappa>0.\tag{138}
# $$
#
# For $S>S_{\rm HB}$ the rod flow has a fixed point. Its rod is as long as it takes for the average
# curvature along it to be the threshold:
#
# \begin{align}
# S-\kappa\,\delta_*^2&=S_{\rm HB},\tag{155}\\[6pt]
# \delta_*^2&=\frac{S-S_{\rm HB}}{\kappa},\tag{156}\\[6pt]
# \mu_*&=-\frac2\eta\,\delta_*,\tag{157}\\[6pt]
# \Sigma_*&=\delta_*^2\begin{pmatrix}1&-2/\eta\\-2/\eta&4/\eta^2\end{pmatrix}.\tag{158}
# \end{align}
#
# Equation (157) is the joint flip. It had to be: from one end to the other $w$ moves
# by $2\delta_*$, and by {ref}`(9) <eq-9>` it is moved by $-\eta$ times the moment at the end it
# arrives at. The same function as above runs it:

# %%
from rodflow_core.landscapes import Quartic

KAPPA = 1.0
heavy_ball = make_rule("heavy_ball", learning_rate, beta1=beta)
curvature = (1 + excess) * heavy_ball.threshold
S = torch.tensor([curvature], dtype=torch.float64)
quartic = Quartic(S, torch.tensor(KAPPA))
start = torch.tensor([0.06, 0.0], dtype=torch.float64)  # (w, m)
flip = side_by_side(heavy_ball, quartic, start, phase_steps, substeps=substeps, stable=True)
z = torch.from_numpy(flip.iterates)

# %% tags=["remove-cell"]
reach = (curvature / KAPPA) ** 0.5
check_stays(z[:, 0], reach, "the well")

# %% [markdown]
# {ref}`(16) <eq-16>` and {ref}`(17) <eq-17>` hold to rounding:

# %%
centre, half = (z[:-1] + z[1:]) / 2, (z[1:] - z[:-1]) / 2


def F(points):
    g = quartic.gradients(heavy_ball.gradient_point(points))
    return heavy_ball.displacement(points, g, heavy_ball.preconditioner(None))


F_plus, F_minus = F((centre + half)[:-1]), F((centre - half)[:-1])
residual_16 = centre.diff(dim=0) - (F_plus + F_minus) / 2
source = (outer(F_plus) + outer(F_minus)) / 4
residual_17 = outer(half).diff(dim=0) - (-2 * outer(half)[:-1] + source)
residuals = residual_16.abs().max().item(), residual_17.abs().max().item()
assert max(residuals) < 1e-13, "(16) and (17) must hold to rounding"
residuals

# %% tags=["remove-cell"]
fixed = theory.quartic_fixed_point("heavy_ball", curvature, KAPPA, learning_rate, beta)
corner = np.array([fixed.half_displacement, fixed.moment_half_difference])
about = files.page_manifest(
    "notebooks/rod.py",
    learning_rate=learning_rate,
    beta=beta,
    excess=excess,
    kappa=KAPPA,
    steps=phase_steps,
    substeps=substeps,
)
times = sorted({0, phase_steps // 6, phase_steps // 3, phase_steps - 1})
files.save(
    "rod-phase-space",
    lambda: phase_figure(flip, corner, times, 2 / learning_rate),
    files.trajectory_table(flip, ("w", "m")),
    figures,
    manifest=about,
    alt="Left: heavy ball in the plane of weight and first moment. Iterates and rods lie on the "
    "falling diagonal and lengthen until they reach the two ends of the fixed rod; the two corners "
    "on the rising diagonal, which two separate rods would allow, are never visited. Right: weight "
    "and first moment over steps flip together inside the ends of the rod flow.",
)

# %% [markdown]
# ```{figure} ../figures/rod-phase-space.svg
# :name: fig-rod-phase-space
# :alt: Left, the plane of weight and first moment: iterates and rods lie on the falling diagonal and lengthen until they reach the two ends of the fixed rod, while the two corners on the rising diagonal are never visited. Right, weight and first moment over optimizer steps flip together, and the ends of the rod flow envelop them.
#
# Heavy ball on the quartic, just above its threshold. Left: phase space, with the rods of the flow at
# a few times; their common direction becomes $(1,-2/\eta)$. Right: the same over time; the flow's
# ends are the envelope of the iterates.
# ```

# %% tags=["remove-cell"]
panels, words = phase_motion(flip, corner)
save_motion(
    "rod-phase-space",
    "Heavy ball in phase space, and its rod",
    panels,
    range(1, len(words) + 1),
    words,
    figures,
    rate=3,
    manifest=about,
)

# %% [markdown]
# ```{raw} html
# <div class="rodflow-player" data-motion="rod-phase-space"><noscript>With JavaScript, the figure above can be played here step by step.</noscript></div>
# <link rel="stylesheet" href="../player/player.css">
# <script src="../figures/rod-phase-space.motion.js"></script>
# <script src="../player/player.js"></script>
# ```

# %% tags=["hide-input"]
scale = np.array([1, learning_rate / 2])  # in these units the fixed rod is as wide as it is high
length = np.linalg.norm(corner * scale)


def nearest(point):
    """Give the smallest distance of an iterate to plus or minus a point, in half-lengths."""
    distances = [np.linalg.norm((flip.iterates - p) * scale, axis=1) for p in (point, -point)]
    return np.min(distances) / length


def same_sign(points):
    return int((points[:, 0] * points[:, 1] > 0).sum())


extent = extents(heavy_ball, quartic, flip)[-1].dense().numpy()
away = np.linalg.norm(extent - fixed.extent) / np.linalg.norm(fixed.extent)
ends_apart = np.abs((flip.signed_half - flip.optimizer_half) * scale).max() / length
show(
    f"After {phase_steps} steps the flow's $\\Sigma$ is within {away:.1g} (relative) of "
    f"(158): the half-displacement is $({abs(flip.half[-1, 0]):.4f},"
    f"\\,-{abs(flip.half[-1, 1]):.4f})$, the fixed point "
    f"$({corner[0]:.4f},\\,{corner[1]:.4f})$. On the whole way it differs from the iterates' by at most "
    f"{100 * ends_apart:.0f}% of the rod's half-length. The iterates come within "
    f"{nearest(corner):.1g} half-lengths of the two ends of the fixed rod, and **never nearer than "
    f"{nearest(corner * [1, -1]):.2f} half-lengths** to the two corners that separate rods would "
    f"allow. Of {len(flip.iterates)} iterates, {same_sign(flip.iterates) or 'none'} have $w$ and $m$ of "
    "the same sign."
)

# %% [markdown]
# Two rods would not only be ambiguous: they would be wrong. A step from an end of the rod must lead
# to the other end. A step from a corner that is not an end leads elsewhere:

# %%
delta, mu = fixed.half_displacement, fixed.moment_half_difference
points = torch.tensor([[delta, mu], [delta, -mu]], dtype=torch.float64)
(points + F(points)) / points  # -1: flipped

# %% [markdown]
# From $(\delta_*,\mu_*)$ both coordinates flip exactly, $F(\delta_z)=-2\,\delta_z$. From
# $(\delta_*,-\mu_*)$ the weight is thrown beyond the other end, for gradient and memory now pull the
# same way.
#
# This rod, seen through a preconditioner, is Adam's: the next chapter.
