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
# # B. Gradient descent
#
# **The claim.** Centre and squared half-difference of two consecutive iterates of gradient descent
# obey exact difference equations that need nothing but each other. Read as differential equations,
# they make an oscillation grow above the sharpness $2/\eta$ and no sooner; and where the loss flattens
# out away from its minimum, the oscillation stops growing at the amplitude at which gradient descent
# stops. The last two are the theorems of the first paper on rod flow {cite:p}`regis2026rod`; the
# first is appendix B of the second {cite:p}`regis2026adam`.
#
# How to read the appendix pages: each equation bears the paper's number, and below each step a cell
# has SymPy take the same step and compares. `page.holds(number, names)` reads the equation with that
# number *from the text of this page*, puts in what the derivation has for each of its symbols, and
# stops the page where its sides differ: a misprint does. `page.defines` does this where the equation
# is a definition, and what it is compared with is the code's. `same(number, derived, stated)` compares
# two expressions beside it, `agree` a formula with the library's function at random parameters,
# `close` with a simulation. Each of these notes what it has checked, and how; the
# {doc}`equation index </equations>` is made from these notes.

# %% tags=["parameters", "hide-input"]
learning_rate = 0.5  # a finite number above 0 and at most 10
kappa_value = 1.0  # a finite number above 0 and at most 100
excess = 0.1  # a finite number of at least 0.08 and below 0.45
steps = 40  # a whole number of at least 30 and at most 1000
substeps = 4  # a whole number of at least 1 and at most 100
figures = "build/figures"  # a folder that can be made or written to

# %% tags=["hide-input"]
from rodflow_book.notebook import check_parameters, one_thread, show
from rodflow_core.experiments.parameters import real, whole

check_parameters(
    globals(),
    "figures",
    learning_rate=real(above=0, most=10),
    kappa_value=real(above=0, most=100),
    excess=real(least=0.08, below=0.45),
    steps=whole(least=30, most=1000),
    substeps=whole(least=1, most=100),
)
one_thread()

# %% [markdown]
# ## From iterates to a rod
#
# Gradient descent on a loss $L$ with gradient $g=\nabla L$ is
#
# (eq-49)=
# $$
# w_{t+1}=w_t-\eta\,g(w_t).\tag{49}
# $$
#
# Take two consecutive iterates and name their midpoint and their half-difference:
#
# (eq-50)=
# (eq-51)=
# \begin{align}
# \bar w_t&=\tfrac12\,(w_t+w_{t+1}),\tag{50}\\
# \delta_t&=\tfrac12\,(w_{t+1}-w_t).\tag{51}
# \end{align}
#
# In SymPy: a generic point of the plane, and an arbitrary loss, of whose gradient nothing is known
# but that it is a function of the point. (Every identity below is one between the entries of vectors,
# or of their outer products; two weights therefore stand for any number.)

# %%
import sympy as sp

from rodflow_book.derivations import appendix_b as b
from rodflow_book.derivations.checks import agree, close, same
from rodflow_book.derivations.generic import gradient, rod
from rodflow_book.derivations.printed import Page
from rodflow_book.derivations.symbols import S, Sigma, eta, kappa

page = Page("appendix_b", {r"\eta": eta, "S": S, r"\kappa": kappa})
chapter = Page("rod", page.names)  # where the paper has the same equations first
w0 = b.start()
w1 = b.step(w0)
w2 = b.step(w1)
centre, delta = rod(w0, w1)
next_centre, next_delta = rod(w1, w2)
iterates = {"w_t": w0, "w_{t+1}": w1, r"\bar w_t": centre, r"\delta_t": delta, "g": gradient}
page.defines((49, 50, 51), iterates)
chapter.defines((1, 2, 3), iterates)
w1

# %% [markdown]
# Sum and difference of {ref}`(50) <eq-50>` and {ref}`(51) <eq-51>` give the iterates back, so that
# nothing was lost; and half a step is half a displacement:
#
# (eq-52)=
# (eq-53)=
# (eq-54)=
# \begin{align}
# w_t&=\bar w_t-\delta_t,\tag{52}\\
# w_{t+1}&=\bar w_t+\delta_t,\tag{53}\\
# \delta_t&=-\tfrac\eta2\,g(\bar w_t-\delta_t).\tag{54}
# \end{align}

# %%
page.holds((52, 53, 54), iterates)

# %% [markdown]
# ## The difference equations are exact
#
# Write $g_\pm=g(\bar w_t\pm\delta_t)$ for the gradients at the two ends. The midpoint moves by the mean
# of two steps, one from each end:
#
# $$
# \bar w_{t+1}-\bar w_t=\tfrac12(w_{t+1}-w_t)+\tfrac12(w_{t+2}-w_{t+1})=-\tfrac\eta2\,(g_-+g_+),
# $$
#
# which is {ref}`(4) <eq-4>`. For the half-difference, $\delta_t=-\frac\eta2g_-$ by
# {ref}`(54) <eq-54>`, and one step later $\delta_{t+1}=-\frac\eta2g(w_{t+1})=-\frac\eta2g_+$. Square both:
#
# $$
# \delta_{t+1}\delta_{t+1}^\top-\delta_t\delta_t^\top
# =\tfrac{\eta^2}4\,g_+g_+^\top-\delta_t\delta_t^\top
# =-2\,\delta_t\delta_t^\top+\tfrac{\eta^2}4\,\big(g_+g_+^\top+g_-g_-^\top\big).
# $$
#
# The last step adds and subtracts $\delta_t\delta_t^\top=\frac{\eta^2}4g_-g_-^\top$ once. It looks
# idle, and it is the point: the middle form knows which end came first, the last one does not. It is
# {ref}`(5) <eq-5>`.

# %%
g_plus, g_minus = gradient(centre + delta), gradient(centre - delta)


def difference_equations(g_plus, g_minus, delta):
    """Right-hand sides of (4) and (5)."""
    drive = g_plus * g_plus.T + g_minus * g_minus.T
    return -eta * (g_plus + g_minus) / 2, -2 * delta * delta.T + eta**2 / 4 * drive


velocity, rate = difference_equations(g_plus, g_minus, delta)
same(4, next_centre - centre, velocity)
same(5, next_delta * next_delta.T - delta * delta.T, rate)
mean = (g_plus + g_minus) / 2
ends = {"g_+": g_plus, "g_-": g_minus, r"\bar g": mean, r"\bar g_t": mean}
after = {r"\bar w_{t+1}": next_centre, r"\delta_{t+1}": next_delta}
chapter.holds((4, 5), iterates | ends | after)

# %% [markdown]
# Under $\delta\to-\delta$ the two ends change places, and neither right-hand side notices. A
# differential equation has no "every other step", so this symmetry had to be there before the
# promotion:

# %%
turned = difference_equations(g_minus, g_plus, -delta)
same((4, 5), turned, (velocity, rate))

# %% [markdown]
# ## The rod flow
#
# One unit of time for one step, an extent tensor $\Sigma$ for $\delta\delta^\top$, and a dot for a
# difference. This is the one approximation:
#
# (eq-55)=
# (eq-56)=
# \begin{align}
# \dot{\bar w}&=-\eta\,\bar g,\qquad\bar g=\tfrac12\,(g_++g_-),\tag{55}\\
# \dot\Sigma&=-2\,\Sigma+\tfrac{\eta^2}4\,\big(g_+g_+^\top+g_-g_-^\top\big),\tag{56}
# \end{align}
#
# with $g_\pm=g(\bar w\pm\delta)$, where $\delta$ is the principal eigenvector of $\Sigma$ times the
# square root of its eigenvalue. The extent gets a name of its own, since in continuous time it need
# not stay of rank one. As printed, with the exact differences for the dots and $\delta_t\delta_t^\top$
# for $\Sigma$:

# %%
promoted = ends | {
    r"\dot{\bar w}": next_centre - centre,
    r"\dot\Sigma": next_delta * next_delta.T - delta * delta.T,
    r"\Sigma": delta * delta.T,
}
page.holds((55, 56), promoted)
chapter.holds((6, 7), promoted)

# %% [markdown]
# Is that what the library integrates? One Euler substep of its rod flow, at a random rod of a random
# quadratic landscape in three dimensions, divided by its length:

# %%
import numpy as np
import torch

from rodflow_book.derivations.numeric import numbers, stacked, substep
from rodflow_core import theory
from rodflow_core.extent import rod as rank_one
from rodflow_core.flows import RodFlow, RodState
from rodflow_core.landscapes import Quadratic, Quartic
from rodflow_core.optimizers import make_rule
from rodflow_core.simulate import iterate, side_by_side

draw = np.random.default_rng(1)
descent = make_rule("gd", learning_rate)
mixing = numbers(draw.normal(size=(3, 3)))
landscape = Quadratic(mixing @ mixing.T)
at, half, dt = numbers(draw.normal(size=3)), numbers(draw.normal(size=3)), 1e-3
before = RodState(at, None, rank_one(half))
after = substep(RodFlow(descent, landscape, rank=3), before, 0, dt)
ends = landscape.gradients(torch.stack((at + half, at - half)))
sources = learning_rate**2 / 4 * ends.T @ ends
sigma = before.extent.dense()
close(55, (after.z - at) / dt, -learning_rate * ends.mean(0), 1e-11)
close(56, (after.extent.dense() - sigma) / dt, -2 * sigma + sources, 1e-11)

# %% [markdown]
# ## The threshold, on a quadratic
#
# Let $L=\frac12Sw^2$ in one dimension. Then $g_\pm=S(\bar w\pm\delta)$ and $\delta^2=\Sigma$, so that
# $\bar g=S\bar w$ and $g_+^2+g_-^2=2S^2(\bar w^2+\Sigma)$:
#
# $$
# \dot{\bar w}=-\eta S\,\bar w,\qquad
# \dot\Sigma=\Big(\tfrac12\,\eta^2S^2-2\Big)\,\Sigma+\tfrac12\,\eta^2S^2\,\bar w^2.
# $$
#
# The centre decays whatever $S$ is. Once it has, the extent decays if $\eta S<2$ and grows if
# $\eta S>2$: **the rod flow has the stability threshold of gradient descent,** $S=2/\eta$
# {cite:p}`cohen2021edge`. A gradient flow, which is all that remains when $\Sigma=0$, has none.

# %%
wbar = b.centre
flow_velocity, flow_rate = (side.subs(kappa, 0) for side in b.quartic_flow())
same(55, flow_velocity, -eta * S * wbar)
same(56, flow_rate, (eta**2 * S**2 / 2 - 2) * Sigma + eta**2 * S**2 * wbar**2 / 2)
growth = sp.cancel(flow_rate.subs(wbar, 0) / Sigma)
assert sp.solve(growth, S) == [2 / eta]
agree(56, 2 / eta, theory.gd_threshold, (eta,))
agree(
    56,
    growth,
    lambda s, e: theory.extent_operator_eigenvalues(theory.flow_matrix("none", s, e, 0)).real,
    (S, eta),
)

# %% [markdown]
# Gradient descent itself multiplies $w$, hence $\delta$, by $1-\eta S$ at each step, so that
# $\log\delta^2$ grows by $\log(1-\eta S)^2$. The flow's rate is another function. But the two vanish at the
# same sharpness, **and with the same slope**: at the edge of stability, and only there, the promotion
# costs nothing to first order. {numref}`fig-appendix-b-rate` shows both, and both measured.

# %%
y = sp.Symbol("y", positive=True)  # eta S
discrete, continuous = sp.log((1 - y) ** 2), growth.subs(S, y / eta)
assert discrete.subs(y, 2) == continuous.subs(y, 2) == 0
assert discrete.diff(y).subs(y, 2) == continuous.diff(y).subs(y, 2) == 2

# %% tags=["remove-cell"]
import pandas as pd

from rodflow_book.figures import appendix_b as draw_b
from rodflow_book.figures import files

curve_x = np.linspace(0.005, 1.3, 400)
curve = {
    "x": curve_x,
    "disc": np.log((1 - 2 * curve_x) ** 2),
    "rod": -2 + 2 * curve_x**2,
}
measured = {"x": np.array([0.2, 0.35, 0.65, 0.8, 0.9, 1.0, 1.1, 1.2]), "disc": [], "rod": []}
for ratio in measured["x"]:
    parabola = Quadratic(numbers([ratio * descent.threshold]))
    run = side_by_side(descent, parabola, [1.0], 3)
    halves = np.abs(run.optimizer_half[:, 0])
    measured["disc"].append(2 * np.log(halves[2] / halves[1]))
    still = RodState(numbers([0.0]), None, rank_one(numbers([1.0])))
    flow = RodFlow(descent, parabola)
    for _ in range(400):
        still = substep(flow, still, 0, 1 / 400)
    measured["rod"].append(float(still.extent.eigenvalues[0].log()))
measured = {key: np.array(value) for key, value in measured.items()}
close(49, measured["disc"], np.log((1 - 2 * measured["x"]) ** 2), 1e-10)
close(56, measured["rod"], -2 + 2 * measured["x"] ** 2, 1e-2, least=1.0)
files.save(
    "appendix-b-rate",
    lambda: draw_b.rate_figure(curve, measured),
    pd.DataFrame(curve),
    figures,
    manifest=files.page_manifest(
        "notebooks/appendix_b.py", learning_rate=learning_rate, substeps=400
    ),
    alt="Growth of the squared oscillation per step against sharpness over threshold, for gradient "
    "descent and rod flow. The curves touch at zero where the sharpness is the threshold; far below, "
    "gradient descent's plunges to minus infinity at half the threshold.",
)

# %% [markdown]
# ```{figure} ../figures/appendix-b-rate.svg
# :name: fig-appendix-b-rate
# :alt: Growth of the squared oscillation per step against sharpness over threshold, for gradient descent and rod flow. The curves touch at zero where the sharpness is the threshold; far below, gradient descent's plunges to minus infinity at half the threshold.
#
# **Above the threshold an oscillation on a quadratic grows, below it decays, in gradient descent
# and in its rod flow.** Measured (dots) and by the closed forms (lines). The two curves touch where
# it matters. Away from the threshold the flow is an interpolation, no more: at $\eta S=1$ gradient
# descent lands on the minimum in one step.
# ```
#
# ## Self-stabilization, on a quartic
#
# A loss that is sharpest at its minimum and flattens out:
# $L=\frac12Sw^2-\frac14\kappa w^4$ with $\kappa>0$, so $g=Sw-\kappa w^3$. It is odd: at $\bar w=0$ the two
# gradients cancel, the centre stays, and
#
# $$
# \dot\Sigma=-2\,\Sigma+\tfrac12\,\eta^2\,\Sigma\,(S-\kappa\Sigma)^2 .
# $$
#
# In the bracket stands the gradient at the rod's end divided by the rod's half-length: the average
# curvature along the rod. For the extent to stand still, $\Sigma=0$, or this average curvature is
# $2/\eta$:
#
# $$
# S-\kappa\,\Sigma_*=\frac2\eta,\qquad
# \delta_*=\sqrt{\Sigma_*}=\sqrt{\frac{S-2/\eta}{\kappa}},
# $$
#
# which exists if and only if $S>2/\eta$. Linearised there, $\dot\epsilon=-2(\eta S-2)\,\epsilon$: **stable
# wherever it exists.** At $\Sigma=0$ the rate is that of the quadratic, so the rod of length zero is
# stable exactly where the other does not exist.

# %%
quartic_velocity, quartic_rate = b.quartic_flow()
assert quartic_velocity.subs(wbar, 0) == 0
extent_rate = quartic_rate.subs(wbar, 0)
same(56, extent_rate, -2 * Sigma + eta**2 * Sigma * (S - kappa * Sigma) ** 2 / 2)
fixed = (S - 2 / eta) / kappa
same(56, extent_rate.subs(Sigma, fixed), 0)
slope = extent_rate.diff(Sigma).subs(Sigma, fixed)
same(56, slope, -2 * (eta * S - 2))
above = {S: (21.0, 60.0), eta: (0.1, 1.5)}  # eta S > 2 throughout
agree(
    56,
    sp.sqrt(fixed),
    lambda s, k, e: theory.quartic_fixed_point("none", s, k, e, 0).half_displacement,
    (S, kappa, eta),
    above,
)
agree(56, [1, -slope], lambda s, e: theory.quartic_polynomial("none", s, e, 0), (S, eta), above)

# %% [markdown]
# The square has another root, $S-\kappa\Sigma=-2/\eta$: a rod so long that its ends lie beyond the loss's
# two summits, where a step leads outwards. It is a fixed point of the extent and no orbit of
# gradient descent, and it is unstable with rate $2\,(\eta S+2)$: the border of the well.

# %%
border = (S + 2 / eta) / kappa
same(56, extent_rate.subs(Sigma, border), 0)
same(56, extent_rate.diff(Sigma).subs(Sigma, border), 2 * (eta * S + 2))

# %% [markdown]
# Now gradient descent itself, the flow, and the closed form ({numref}`fig-appendix-b-settling`).

# %%
sharpness = (1 + excess) * descent.threshold
quartic = Quartic(numbers([sharpness]), numbers(kappa_value))
target = theory.quartic_fixed_point(
    "none", sharpness, kappa_value, learning_rate, 0
).half_displacement
runs = [side_by_side(descent, quartic, [x * target], steps, substeps=substeps) for x in (0.08, 1.5)]
for run in runs:
    close(56, np.abs(run.optimizer_half[-1, 0]), target, 1e-3)
    close(56, np.abs(run.half[-1, 0]), target, 1e-3)

# %% tags=["remove-cell"]
squares = np.linspace(0, 1.6, 600)
rates = {}
for ratio in (0.95, 1.0, 1 + excess):
    s, extent = ratio * descent.threshold, squares * target**2
    rates[ratio] = (
        -2 * extent + learning_rate**2 * extent * (s - kappa_value * extent) ** 2 / 2
    ) / target**2
table = files.trajectory_table(runs[0], ("w",))
files.save(
    "appendix-b-settling",
    lambda: draw_b.settling_figure(rates, squares, runs, target),
    table,
    figures,
    manifest=files.page_manifest(
        "notebooks/appendix_b.py",
        learning_rate=learning_rate,
        kappa=kappa_value,
        excess=excess,
        substeps=substeps,
    ),
    alt="Left: the rate of change of the extent against the extent. Below the threshold it is negative "
    "throughout; above, positive up to a stable fixed point and negative beyond. Right: half-"
    "displacement over steps from a small and from a large start; gradient descent and rod flow "
    "both settle at the closed form.",
)

# %% [markdown]
# ```{figure} ../figures/appendix-b-settling.svg
# :name: fig-appendix-b-settling
# :alt: Left, the rate of change of the extent against the extent. Below the threshold it is negative throughout; above, positive up to a stable fixed point and negative beyond. Right, half-displacement over steps from a small and from a large start; gradient descent and rod flow both settle at the closed form.
#
# **Above the threshold an oscillation settles at one length, whatever it starts from.** Left: where
# the curve is positive the rod grows, where it is negative it shrinks; a filled dot is stable, an
# open one unstable. Right: from either side, gradient descent and rod flow settle at the same
# half-displacement.
# ```
#
# ## How far does it reach?
#
# The analysis above held the centre at the origin. Set it free. The centre's own rate at the fixed rod
# is $-\eta(S-3\kappa\Sigma_*)=2\eta S-6$: it decays as long as $S<3/\eta$, **one and a half times the
# threshold**. There the symmetric cycle loses its stability to a lopsided one. Its two ends solve
# $g_++g_-=0$ and $\frac\eta2(g_+-g_-)=2\delta$, two equations that are linear in the squares:
#
# $$
# \bar w^2=\frac{\eta S-3}{4\eta\kappa},\qquad\delta^2=\frac{\eta S+1}{4\eta\kappa}.
# $$
#
# Every two-cycle of gradient descent, symmetric or not, is a fixed point of
# {ref}`(55) <eq-55>`-{ref}`(56) <eq-56>`, since one step maps its rod onto itself. So the flow has the
# lopsided rod as well, and there it is stable for every $S>3/\eta$: the trace of the linearisation is
# $-2$, its determinant $2(\eta S-3)(\eta S+1)$. Gradient descent is not: two of its steps along the cycle
# have the derivative $9-2(\eta S-1)^2$, which passes $-1$ at $\eta S=1+\sqrt5$. From there on it visits four
# points, then eight, and a rod has only two ends. (None of this paragraph is in the paper.)

# %%
same(55, b.jacobian(0, fixed), sp.diag(2 * eta * S - 6, 4 - 2 * eta * S))
lopsided_centre, lopsided_extent = b.lopsided_cycle()
same(
    (55, 56),
    [lopsided_centre, lopsided_extent],
    [(eta * S - 3) / (4 * eta * kappa), (eta * S + 1) / (4 * eta * kappa)],
)
linear = b.jacobian(sp.sqrt(lopsided_centre), lopsided_extent)
same((55, 56), [linear.trace(), linear.det()], [-2, 2 * (eta * S - 3) * (eta * S + 1)])
same(49, b.cycle_multiplier(lopsided_centre, lopsided_extent), 9 - 2 * (eta * S - 1) ** 2)

# %% tags=["hide-input"]
# Coordinates of one landscape are independent: a whole diagram of gradient descent is one run.
ratios = np.linspace(0.9, 1.68, 900)
many = Quartic(numbers(ratios * descent.threshold), numbers(kappa_value))
unit = 1 / np.sqrt(learning_rate * kappa_value)
late = stacked(iterate(descent, many, np.full(900, 0.3 * unit), 600)[-64:]) / unit

flow_ratios = np.array([0.95, 1.04, 1.1, 1.2, 1.3, 1.4, 1.46, 1.54, 1.58, 1.62, 1.66])
settled = []
for ratio in flow_ratios:
    landscape = Quartic(numbers([ratio * descent.threshold]), numbers(kappa_value))
    run = side_by_side(descent, landscape, [0.3 * unit], 220, substeps=2)
    settled.append((run.centre[-1, 0] / unit, abs(run.half[-1, 0]) / unit))
flow_centre, flow_half = np.array(settled).T
expected_centre = np.sqrt(np.maximum(2 * flow_ratios - 3, 0)) / 2
expected_half = np.where(
    flow_ratios < 1.5, np.sqrt(np.maximum(2 * flow_ratios - 2, 0)), np.sqrt(2 * flow_ratios + 1) / 2
)
close(55, np.abs(flow_centre), expected_centre, 1e-4, least=0.1)
close(56, flow_half, expected_half, 1e-4, least=0.1)

# %% tags=["remove-cell"]
low, high = np.linspace(1, 1.5, 200), np.linspace(1.5, ratios[-1], 100)
lopsided_ends = np.sqrt(2 * high - 3) / 2 + np.array([[1], [-1]]) * np.sqrt(2 * high + 1) / 2
forms = [(low, np.sqrt(2 * low - 2)), *((high, ends) for ends in lopsided_ends)]
marks = {
    r"threshold, $\eta S=2$": 1.0,
    r"lopsided, $\eta S=3$": 1.5,
    r"four points, $\eta S=1+\sqrt{5}$": (1 + np.sqrt(5)) / 2,
}
flow_points = {"x": flow_ratios, "centre": flow_centre, "half": flow_half}
files.save(
    "appendix-b-bifurcation",
    lambda: draw_b.bifurcation_figure(ratios, late, flow_points, forms, marks),
    pd.DataFrame(
        {
            "ratio": flow_ratios,
            "rod_centre": flow_centre,
            "rod_half": flow_half,
            "closed_centre": expected_centre,
            "closed_half": expected_half,
        }
    ),
    figures,
    manifest=files.page_manifest(
        "notebooks/appendix_b.py", learning_rate=learning_rate, kappa=kappa_value
    ),
    alt="Late iterates of gradient descent on the quartic against sharpness over threshold: one point "
    "below 1, two symmetric points that part like a square root up to 1.5, two lopsided points up to "
    "1.62, then four and more. The settled ends of the rod flow lie on the two points throughout, and "
    "go on along the unstable two-cycle where the iterates part into four.",
)

# %% [markdown]
# ```{figure} ../figures/appendix-b-bifurcation.svg
# :name: fig-appendix-b-bifurcation
# :alt: Late iterates of gradient descent on the quartic against sharpness over threshold. One point below 1, two symmetric points that part like a square root up to 1.5, two lopsided points up to 1.62, then four and more. The settled ends of the rod flow lie on the two points throughout, and go on along the unstable two-cycle where the iterates part into four.
#
# **The rod has gradient descent's amplitude, and its loss of symmetry, exactly; what it cannot have
# is more than two ends.** Dots: what gradient descent settles to, and what the rod flow settles to,
# as the sharpness at the minimum grows.
# ```

# %% tags=["hide-input"]
spread = np.abs(late[-2:].mean(0))
show(
    f"Measured: at {1 + excess:g} times the threshold gradient descent's half-displacement is "
    f"{abs(runs[0].optimizer_half[-1, 0]):.6f}, the rod flow's {abs(runs[0].half[-1, 0]):.6f}, the closed "
    f"form {target:.6f}. Over the whole diagram the settled ends of the flow are within "
    f"{max(np.abs(flow_half - expected_half).max(), np.abs(np.abs(flow_centre) - expected_centre).max()):.1g} "
    "of the two-cycle's."
)

# %% tags=["hide-input"]
from rodflow_book.derivations.ledger import show_checked

show_checked()
