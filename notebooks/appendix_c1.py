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
# # C.1 Heavy ball and Nesterov
#
# **The claim.** For an optimizer with memory the rod lives in phase space. Weight and moment together
# obey exact difference equations of the same form as gradient descent's, with the displacement $F$ of one
# step where $-\eta g$ stood. Nesterov's differ from heavy ball's only in the point at which $F$ takes its
# gradient. The rod is one: its equations are symmetric under turning it as a whole, and under nothing less.

# %% tags=["parameters", "hide-input"]
learning_rate = 0.2  # a finite number above 0 and at most 10
beta_value = 0.5  # a finite number of at least 0.1 and at most 0.8
kappa_value = 1.0  # a finite number above 0 and at most 100
excess = 0.1  # a finite number of at least 0.05 and at most 0.25
steps = 40  # a whole number of at least 20 and at most 1000
substeps = 4  # a whole number of at least 1 and at most 100
figures = "build/figures"  # a folder that can be made or written to

# %% tags=["hide-input"]
from rodflow_book.notebook import check_parameters, one_thread, show
from rodflow_core.experiments.parameters import real, whole

check_parameters(
    globals(),
    "figures",
    learning_rate=real(above=0, most=10),
    beta_value=real(least=0.1, most=0.8),
    kappa_value=real(above=0, most=100),
    excess=real(least=0.05, most=0.25),
    steps=whole(least=20, most=1000),
    substeps=whole(least=1, most=100),
)
one_thread()

# %% [markdown]
# ## Heavy ball
#
# The first moment averages gradients, and the weight follows it {cite:p}`polyak1964some`:
#
# (eq-57)=
# (eq-58)=
# \begin{align}
# m_{t+1}&=\beta\,m_t+(1-\beta)\,g(w_t),\tag{57}\\
# w_{t+1}&=w_t-\eta\,m_{t+1},\tag{58}
# \end{align}
#
# with $0\le\beta<1$. At the edge of stability both flip sign about their centres at every step, and they
# flip together. So join them:
#
# (eq-59)=
# $$
# z_t=(w_t,m_t).\tag{59}
# $$
#
# Midpoint and half-difference of two consecutive states are
#
# (eq-60)=
# (eq-61)=
# \begin{align}
# \bar z_t&=\tfrac12\,(z_t+z_{t+1})=(\bar w_t,\bar m_t),\tag{60}\\
# \delta_{z,t}&=\tfrac12\,(z_{t+1}-z_t)=(\delta_t,\mu_t),\tag{61}
# \end{align}
#
# whose lower halves belong to the moment:
#
# (eq-62)=
# (eq-63)=
# \begin{align}
# \bar m_t&=\tfrac12\,(m_t+m_{t+1}),\tag{62}\\
# \mu_t&=\tfrac12\,(m_{t+1}-m_t).\tag{63}
# \end{align}
#
# {ref}`(58) <eq-58>` uses the new moment. Put {ref}`(57) <eq-57>` into it, subtract the old state, and a
# step is a displacement that depends on the state alone:
#
# (eq-64)=
# $$
# z_{t+1}=z_t+F(z_t),\qquad
# F(w,m)=\begin{pmatrix}-\eta\,\big(\beta m+(1-\beta)\,g(w)\big)\\(1-\beta)\,\big(g(w)-m\big)\end{pmatrix}.\tag{64}
# $$
#
# In SymPy: two weights, two moments, and a gradient of which nothing is known.

# %%
import sympy as sp

from rodflow_book.derivations import appendix_c1 as c
from rodflow_book.derivations.checks import close, same
from rodflow_book.derivations.generic import gradient, rod
from rodflow_book.derivations.printed import Page
from rodflow_book.derivations.symbols import beta, eta

page = Page("appendix_c1", {r"\eta": eta, r"\beta": beta, "g": gradient})
chapter = Page("phase_space", page.names)  # where the paper has the same equations first


def phase_space(momentum, z0):
    """Three states from z0, and what the page calls their parts and their rods."""
    z1 = c.step(momentum, z0)
    z2 = c.step(momentum, z1)
    (centre, half), (next_centre, next_half) = rod(z0, z1), rod(z1, z2)
    names = {"z": z0, "z_t": z0, "z_{t+1}": z1, r"\bar z": centre, r"\bar z_t": centre}
    for name, state in list(names.items()):
        names |= {name.replace("z", "w"): state[:2, :], name.replace("z", "m"): state[2:, :]}
    names |= {r"\delta_{z,t}": half, r"\delta_t": half[:2, :], r"\mu_t": half[2:, :]}
    names |= {r"\bar z_{t+1}": next_centre, r"\delta_{z,t+1}": next_half}
    return z1, centre, half, next_centre, next_half, names


def step_of(momentum):
    """F as a function of a state, or of its two parts: one step of the update, minus the state."""

    def F(*parts):
        state = sp.Matrix.vstack(*parts)
        return c.step(momentum, state) - state

    return F


z0 = c.start()
z1, centre, half, next_centre, next_half, names = phase_space("heavy_ball", z0)
names["F"] = step_of("heavy_ball")
page.defines((57, 58, 59, 60, 61), names)
chapter.defines((8, 9, 11, 12, 13), names)
page.holds((62, 63, 64), names)
chapter.holds((14, 15), names)
z1 - z0

# %% [markdown]
# From here on it is gradient descent's argument. The ends of the rod are the iterates,
# $\bar z_t-\delta_{z,t}=z_t$ and $\bar z_t+\delta_{z,t}=z_{t+1}$, and half a step is a half-difference:
# $\delta_{z,t}=\frac12F(z_t)=\frac12F_-$ and $\delta_{z,t+1}=\frac12F_+$, with $F_\pm=F(\bar z_t\pm\delta_{z,t})$. So
#
# $$
# \bar z_{t+1}-\bar z_t=\tfrac12\,(F_++F_-),\qquad
# \delta_{z,t+1}\delta_{z,t+1}^\top-\delta_{z,t}\delta_{z,t}^\top
# =-2\,\delta_{z,t}\delta_{z,t}^\top+\tfrac14\big(F_+F_+^\top+F_-F_-^\top\big),
# $$
#
# {ref}`(16) <eq-16>` and {ref}`(17) <eq-17>`, where once more $\delta_z\delta_z^\top=\frac14F_-F_-^\top$ was added
# and subtracted. Both are exact.

# %%
velocity, rate = c.difference_equations("heavy_ball", centre, half)
same(16, next_centre - centre, velocity)
same(17, next_half * next_half.T - half * half.T, rate)
names |= {"F_-": c.displacement("heavy_ball", z0), "F_+": c.displacement("heavy_ball", z1)}
chapter.holds((16, 17), names)

# %% [markdown]
# **One rod, not two.** The right-hand sides do not change when the rod is turned as a whole,
# $(\delta,\mu)\to-(\delta,\mu)$. Turn only its moment, and they do:

# %%
same((16, 17), c.difference_equations("heavy_ball", centre, -half), (velocity, rate))
moment_turned = sp.Matrix.vstack(half[:2, :], -half[2:, :])
_, other_rate = c.difference_equations("heavy_ball", centre, moment_turned)
assert sp.expand(other_rate[0, 2] - rate[0, 2]) != 0

# %% [markdown]
# Promoted to differential equations these are heavy ball's rod flow. The velocity of the centre is the
# mean of two values of $F$, which is linear in moment and gradient, so that only $\bar g$ remains of them:
#
# (eq-65)=
# (eq-66)=
# (eq-67)=
# \begin{align}
# \dot{\bar w}&=-\eta\,\big(\beta\bar m+(1-\beta)\,\bar g\big),\tag{65}\\
# \dot{\bar m}&=(1-\beta)\,(\bar g-\bar m),\tag{66}\\
# \dot\Sigma&=-2\,\Sigma+\tfrac14\big(F_+F_+^\top+F_-F_-^\top\big),\tag{67}
# \end{align}
#
# with $g_\pm=g(\bar w\pm\delta)$ and $\bar g=\frac12(g_++g_-)$. The extent has four blocks,
#
# (eq-68)=
# $$
# \Sigma=\begin{pmatrix}\Sigma_{ww}&\Sigma_{wm}\\\Sigma_{mw}&\Sigma_{mm}\end{pmatrix},\tag{68}
# $$
#
# and $(\delta,\mu)$ is its principal eigenvector times the square root of its eigenvalue. The block
# $\Sigma_{wm}$ is what two separate rods would lack.


# %%
def promoted(velocity, rate, half, mean_gradient):
    """The exact differences for the dots, and the rod's outer product for the extent."""
    return {
        r"\dot{\bar w}": velocity[:2, :],
        r"\dot{\bar m}": velocity[2:, :],
        r"\dot\Sigma": rate,
        r"\Sigma": half * half.T,
        r"\bar g": mean_gradient,
    }


mean_gradient = (gradient(z0[:2, :]) + gradient(z1[:2, :])) / 2
change = next_half * next_half.T - half * half.T
names |= promoted(next_centre - centre, change, half, mean_gradient)
page.holds((65, 66, 67), names)
chapter.holds((18, 19, 20), names)
weight, moment = half[:2, :], half[2:, :]
blocks = {
    r"\Sigma_{ww}": weight * weight.T,
    r"\Sigma_{wm}": weight * moment.T,
    r"\Sigma_{mw}": moment * weight.T,
    r"\Sigma_{mm}": moment * moment.T,
}
page.holds(68, names | blocks)
chapter.holds(21, names | blocks)

# %% [markdown]
# ## Nesterov
#
# Nesterov's method {cite:p}`nesterov1983method` takes its gradient where the moment is about to lead:
#
# (eq-69)=
# (eq-70)=
# (eq-71)=
# \begin{align}
# \tilde w_t&=w_t-\eta\beta\,m_t,\tag{69}\\
# m_{t+1}&=\beta\,m_t+(1-\beta)\,g(\tilde w_t),\tag{70}\\
# w_{t+1}&=w_t-\eta\,m_{t+1}.\tag{71}
# \end{align}
#
# The look-ahead point depends on the state alone, so this is a displacement as well, with
# $g(w-\eta\beta m)$ for $g(w)$:
#
# (eq-72)=
# $$
# F(w,m)=\begin{pmatrix}-\eta\,\big(\beta m+(1-\beta)\,g(w-\eta\beta m)\big)\\
# (1-\beta)\,\big(g(w-\eta\beta m)-m\big)\end{pmatrix}.\tag{72}
# $$
#
# Nothing in the derivation above asked where $F$ takes its gradient. So centre and half-difference obey the
# same difference equations, exactly. Only the two gradient points have moved. At the ends of the rod,
#
# $$
# (\bar w\pm\delta)-\eta\beta\,(\bar m\pm\mu)=(\bar w-\eta\beta\bar m)\pm(\delta-\eta\beta\mu):
# $$
#
# a look-ahead midpoint, and a half-displacement that is shifted by the moment's.

# %%
y1, centre, half, next_centre, next_half, names = phase_space("nesterov", z0)
names |= {"F": step_of("nesterov"), r"\tilde w_t": c.gradient_point("nesterov", z0)}
look_ahead = Page("nesterov", page.names)  # the chapter
page.defines((69, 70, 71), names)
page.holds(72, names)
look_ahead.holds(22, names)
velocity, rate = c.difference_equations("nesterov", centre, half)
same(16, next_centre - centre, velocity)
same(17, next_half * next_half.T - half * half.T, rate)
for sign in (1, -1):
    ahead = c.gradient_point("nesterov", centre + sign * half)
    middle = centre[:2, :] - eta * beta * centre[2:, :]
    same(23, ahead, middle + sign * (half[:2, :] - eta * beta * half[2:, :]))
rod_names = {r"\delta": half[:2, :], r"\mu": half[2:, :]}
g_minus, g_plus = (gradient(c.gradient_point("nesterov", z)) for z in (z0, y1))
look_ahead.holds(23, names | rod_names | {"g_+": g_plus, "g_-": g_minus})

# %% [markdown]
# The rod flow of Nesterov is that of heavy ball,
#
# (eq-73)=
# (eq-74)=
# (eq-75)=
# \begin{align}
# \dot{\bar w}&=-\eta\,\big(\beta\bar m+(1-\beta)\,\bar g\big),\tag{73}\\
# \dot{\bar m}&=(1-\beta)\,(\bar g-\bar m),\tag{74}\\
# \dot\Sigma&=-2\,\Sigma+\tfrac14\big(F_+F_+^\top+F_-F_-^\top\big),\tag{75}
# \end{align}
#
# with $g_\pm=g\big((\bar w-\eta\beta\bar m)\pm(\delta-\eta\beta\mu)\big)$ throughout, in $\bar g$ and in $F_\pm$.

# %%
names |= {"F_-": c.displacement("nesterov", z0), "F_+": c.displacement("nesterov", y1)}
change = next_half * next_half.T - half * half.T
page.holds(
    (73, 74, 75), names | promoted(next_centre - centre, change, half, (g_plus + g_minus) / 2)
)

# %% [markdown]
# ## In numbers
#
# The library's flows, one short Euler substep at a random rod on a random quartic landscape of three
# weights, against {ref}`(65) <eq-65>`-{ref}`(67) <eq-67>` and {ref}`(73) <eq-73>`-{ref}`(75) <eq-75>` written
# out in NumPy; and its steps, against {ref}`(57) <eq-57>`-{ref}`(58) <eq-58>` and
# {ref}`(69) <eq-69>`-{ref}`(71) <eq-71>`.

# %%
import numpy as np

from rodflow_book.derivations.numeric import numbers, substep
from rodflow_core import theory
from rodflow_core.extent import rod as rank_one
from rodflow_core.flows import RodFlow, RodState
from rodflow_core.landscapes import Quartic
from rodflow_core.optimizers import make_rule
from rodflow_core.simulate import iterate, side_by_side

MOMENTA = ("heavy_ball", "nesterov")
rules = {name: make_rule(name, learning_rate, beta1=beta_value) for name in MOMENTA}
draw = np.random.default_rng(2)
sharp, curve = draw.uniform(2, 8, 3), draw.uniform(0.5, 2, 3)
landscape = Quartic(numbers(sharp), numbers(curve))
at, half = draw.normal(size=6), draw.normal(size=6)


def force(name, z):
    """The gradient, by hand, where the optimizer takes it."""
    point = z[:3] - (learning_rate * beta_value * z[3:] if name == "nesterov" else 0)
    return sharp * point - curve * point**3


for name in MOMENTA:
    moment = beta_value * at[3:] + (1 - beta_value) * force(name, at)
    by_hand = np.concatenate((at[:3] - learning_rate * moment, moment))
    stepped = iterate(rules[name], landscape, at, 1)[1].z
    before = RodState(numbers(at), None, rank_one(numbers(half)))
    after = substep(RodFlow(rules[name], landscape, rank=6), before, 0, 1e-3)
    ends = [force(name, at + sign * half) for sign in (1, -1)]
    mean = sum(ends) / 2
    velocity = np.concatenate(
        (
            -learning_rate * (beta_value * at[3:] + (1 - beta_value) * mean),
            (1 - beta_value) * (mean - at[3:]),
        )
    )
    F = [
        np.concatenate(
            (
                -learning_rate * (beta_value * (at + sign * half)[3:] + (1 - beta_value) * g),
                (1 - beta_value) * (g - (at + sign * half)[3:]),
            )
        )
        for sign, g in zip((1, -1), ends, strict=True)
    ]
    change = -2 * np.outer(half, half) + sum(np.outer(f, f) for f in F) / 4
    found = (after.extent.dense() - before.extent.dense()).numpy() / 1e-3
    if name == "heavy_ball":
        close((57, 58), stepped, by_hand, 1e-13)
        close((65, 66), (after.z.numpy() - at) / 1e-3, velocity, 1e-11)
        close(67, found, change, 1e-10)
    else:
        close((69, 70, 71), stepped, by_hand, 1e-13)
        close((73, 74), (after.z.numpy() - at) / 1e-3, velocity, 1e-11)
        close(75, found, change, 1e-10)

# %% [markdown]
# What the look-ahead does can be seen on the quartic of {ref}`(138) <eq-138>`, each optimizer a little above
# its own threshold ({numref}`fig-appendix-c1-phase`). The fixed rods are those of
# {ref}`the page on three losses <eq-156>`.

# %%
runs, corners = {}, {}
for name, rule in rules.items():
    sharpness = (1 + excess) * rule.threshold
    well = Quartic(numbers([sharpness]), numbers(kappa_value))
    corners[name] = np.array(
        theory.quartic_fixed_point(name, sharpness, kappa_value, learning_rate, beta_value)[:2]
    )
    start = [0.15 * corners[name][0], 0.0]
    runs[name] = side_by_side(rule, well, start, steps, substeps=substeps)
    close((67, 75), np.abs(runs[name].half[-1]), np.abs(corners[name]), 1e-2)
    close((58, 71), np.abs(runs[name].optimizer_half[-1]), np.abs(corners[name]), 1e-2)

# %% tags=["remove-cell"]
import pandas as pd

from rodflow_book.figures import appendix_c1 as draw_c1
from rodflow_book.figures import files

times = sorted({0, steps // 8, steps // 5, steps - 1})
columns = {"step": np.arange(steps)}
for name, run in runs.items():
    columns |= {
        f"{name}_w": run.iterates[:-1, 0],
        f"{name}_m": run.iterates[:-1, 1],
        f"{name}_rod_delta": run.signed_half[:, 0],
        f"{name}_rod_mu": run.signed_half[:, 1],
    }
files.save(
    "appendix-c1-phase",
    lambda: draw_c1.phase_figure(runs, corners, 1 + 2 * beta_value, times),
    pd.DataFrame(columns),
    figures,
    manifest=files.page_manifest(
        "notebooks/appendix_c1.py",
        learning_rate=learning_rate,
        beta=beta_value,
        kappa=kappa_value,
        excess=excess,
        substeps=substeps,
    ),
    alt="Heavy ball and Nesterov in the plane of weight and moment. Rods lie on the falling diagonal and "
    "lengthen until they are the fixed rod. Heavy ball takes its gradients below the rod's ends; "
    "Nesterov further out. Below, the half-displacements of iterates and rod flow over time settle at "
    "the closed form.",
)

# %% [markdown]
# ```{figure} ../figures/appendix-c1-phase.svg
# :name: fig-appendix-c1-phase
# :alt: Heavy ball and Nesterov in the plane of weight and moment. Rods lie on the falling diagonal and lengthen until they are the fixed rod. Heavy ball takes its gradients below the rod's ends; Nesterov further out. Below, the half-displacements of iterates and rod flow over time settle at the closed form.
#
# **In phase space both fixed rods have the direction $(1,-2/\eta)$.** Diamonds: the weights at
# which the gradients of the fixed rod are taken; at heavy ball's ends themselves, and $1+2\beta$
# times as far out for Nesterov, because at an end of the rod the moment points outwards.
# ```

# %% tags=["hide-input"]
gap = {
    name: np.abs(np.abs(run.half[:, 0]) - np.abs(run.optimizer_half[:, 0])).max() / corners[name][0]
    for name, run in runs.items()
}
show(
    f"On the whole way the flow's half-displacement differs from the iterates' by at most "
    f"{100 * gap['heavy_ball']:.0f}% of the fixed one for heavy ball, {100 * gap['nesterov']:.0f}% for "
    f"Nesterov; at the end both are within 1% of it."
)

# %% tags=["hide-input"]
from rodflow_book.derivations.ledger import show_checked

show_checked()
