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
# # E.3 Adam on a slope and in a valley
#
# **The claim.** On a slope Adam does what RMSProp does: $\eta$ a step, whatever the slope. In a valley
# it bounces less: $\frac{1-\beta_1}{1+\beta_1}$ times as far as RMSProp's $\eta/2$, whatever the
# sharpness. At $\beta_1=0.9$ that is one nineteenth {cite:p}`regis2026adam`. NAdam's factor, by the
# same steps, is $\frac{(1-\beta_1)(1+2\beta_1)}{1+\beta_1}$.
#
# Beyond the paper, this page asks whether the iterates ever get there. NAdam's do. Adam's do for
# small $\beta_1$ only: for larger ones the bounce is an equilibrium that iterates and rod flow both
# leave, the iterates in swings about it, the rod flow in bursts.

# %% tags=["parameters", "hide-input"]
learning_rate = 0.1  # a finite number above 0 and at most 1
beta2_value = 0.9  # a finite number of at least 0.8 and at most 0.9
figures = "build/figures"  # a folder that can be made or written to

# %% tags=["hide-input"]
from rodflow_book.notebook import check_parameters, one_thread, show
from rodflow_core.experiments.parameters import real

check_parameters(
    globals(),
    "figures",
    learning_rate=real(above=0, most=1),
    beta2_value=real(least=0.8, most=0.9),
)
one_thread()

# %% [markdown]
# ## On a slope
#
# One dimension, $\epsilon$ dropped, no bias correction. On $L=gw$ the gradient is $g$ at both ends, and
# {ref}`(198) <eq-198>`-{ref}`(201) <eq-201>` are
#
# (eq-220)=
# (eq-221)=
# (eq-222)=
# (eq-223)=
# \begin{align}
# \dot{\bar w}&=-\frac{\eta}{\sqrt{\bar\nu}}\,\big(\beta_1\bar m+(1-\beta_1)\,g\big),\tag{220}\\
# \dot{\bar m}&=(1-\beta_1)\,(g-\bar m),\tag{221}\\
# \dot\Sigma&=-2\,\Sigma+\tfrac14\big(F_+F_+^\top+F_-F_-^\top\big),\tag{222}\\
# \dot{\bar\nu}&=(1-\beta_2)\,(g^2-\bar\nu),\tag{223}
# \end{align}
#
# where the ends differ in their moments alone,
#
# $$
# F_\pm=\begin{pmatrix}-\eta\,\bar\nu^{-1/2}\big(\beta_1(\bar m\pm\mu)+(1-\beta_1)\,g\big)\\(1-\beta_1)\,(g-\bar m\mp\mu)\end{pmatrix}.
# $$

# %%
from functools import partial

import sympy as sp

from rodflow_book.derivations import appendix_e1 as adam
from rodflow_book.derivations.appendix_e2 import bounce, jacobian
from rodflow_book.derivations.checks import agree, close, positive, same
from rodflow_book.derivations.printed import Page
from rodflow_book.derivations.symbols import (
    BETAS,
    S,
    beta,
    beta1,
    beta2,
    delta,
    eta,
    g,
    m,
    mu,
    nu,
    w,
)
from rodflow_core import theory

rod = sp.Matrix([delta, mu])
page = Page(
    "appendix_e2",
    {
        r"\eta": eta,
        r"\beta_1": beta1,
        r"\beta_2": beta2,
        "S": S,
        "g": g,
        r"\bar w": w,
        r"\bar m": m,
        r"\bar\nu": nu,
        r"\delta": delta,
        r"\mu": mu,
        r"\Sigma": rod * rod.T,
        r"{\rm sign}": sp.sign,
    },
)


def flow_of(force):
    """Adam's rod flow under a force, the displacements at its ends, and what the page calls them."""
    rates = adam.flow(force)
    F_plus, F_minus = (
        adam.displacement(sp.Matrix([w, m]) + sign * rod, force, adam.new_moment, sp.sqrt(nu))
        for sign in (1, -1)
    )
    names = {r"\dot{\bar w}": rates.w, r"\dot{\bar m}": rates.m, r"\dot{\bar\nu}": rates.nu}
    return (
        rates,
        F_plus,
        F_minus,
        names | {r"\dot\Sigma": rates.Sigma, "F_+": F_plus, "F_-": F_minus},
    )


slope, F_plus, F_minus, names = flow_of(lambda x: g)
page.holds((220, 221, 222, 223), names)

# %% [markdown]
# Both moments forget where they started, and settle at what they average:
#
# (eq-224)=
# (eq-225)=
# (eq-226)=
# \begin{align}
# m^*&=g,\tag{224}\\
# \nu^*&=g^2,\tag{225}\\
# \dot{\bar w}&=-\eta\,{\rm sign}(g).\tag{226}
# \end{align}
#
# In the last line the bracket of {ref}`(220) <eq-220>` is $\beta_1g+(1-\beta_1)g=g$. With the moments at
# rest, the extent's own last entry obeys
# $\dot\Sigma_{mm}=-\big(2-\frac12(1-\beta_1)^2\big)\Sigma_{mm}$, so that $\mu$ dies out. Then both ends
# have the same displacement, $F_\pm=(-\eta\,{\rm sign}\,g,\,0)$, and setting {ref}`(222) <eq-222>` to
# zero leaves $\Sigma^*=\frac14F F^\top$:
#
# (eq-227)=
# $$
# \Sigma_{ww}^*=\frac{\eta^2}4,\qquad\Sigma_{wm}^*=\Sigma_{mm}^*=0.\tag{227}
# $$

# %%
(m_rest,), (nu_rest,) = sp.solve(slope.m, m), sp.solve(slope.nu, nu)
rest = {m: m_rest, nu: nu_rest}
page.holds(224, {"m^*": m_rest})
page.holds(225, {r"\nu^*": nu_rest})
page.holds(226, {r"\dot{\bar w}": slope.w.subs(rest)})
same(227, slope.Sigma[1, 1].subs(rest), -(2 - (1 - beta1) ** 2 / 2) * mu**2)
F_rest = F_plus.subs(rest).subs(mu, 0).applyfunc(sp.simplify)
same(227, F_rest, [-eta * sp.sign(g), 0])
settled = F_rest * F_rest.T / 4
entries = {r"\Sigma_{ww}^*": settled[0, 0], r"\Sigma_{wm}^*": settled[0, 1]}
page.holds(227, entries | {r"\Sigma_{mm}^*": settled[1, 1]})


def library(slope_value, rate):
    """The same from the library."""
    state = theory.adaptive_linear_steady_state(slope_value, rate)
    return state.moment, state.second_moment, state.velocity, *state.extent.ravel()


agree((224, 225, 226, 227), [m_rest, nu_rest, slope.w.subs(rest), settled], library, [g, eta])

# %% [markdown]
# ## In a valley
#
# On $L=\frac12Sw^2$ with $S>0$ the gradients at the ends of the rod $\delta_z=(\delta,\mu)$, their sum and
# the sum of their squares are
#
# (eq-228)=
# (eq-229)=
# (eq-230)=
# (eq-231)=
# \begin{align}
# g_+&=S\,(\bar w+\delta),\tag{228}\\
# g_-&=S\,(\bar w-\delta),\tag{229}\\
# g_++g_-&=2\,S\,\bar w,\tag{230}\\
# g_+^2+g_-^2&=2\,S^2\,(\bar w^2+\delta^2).\tag{231}
# \end{align}
#
# Put in, the rod flow is
#
# (eq-232)=
# (eq-233)=
# (eq-234)=
# (eq-235)=
# \begin{align}
# \dot{\bar w}&=-\frac{\eta}{\sqrt{\bar\nu}}\,\big(\beta_1\bar m+(1-\beta_1)\,S\,\bar w\big),\tag{232}\\
# \dot{\bar m}&=(1-\beta_1)\,(S\,\bar w-\bar m),\tag{233}\\
# \dot\Sigma&=-2\,\Sigma+\tfrac14\big(F_+F_+^\top+F_-F_-^\top\big),\qquad
# F_\pm=\begin{pmatrix}-\eta\,\bar\nu^{-1/2}\big(\beta_1(\bar m\pm\mu)+(1-\beta_1)\,S(\bar w\pm\delta)\big)\\(1-\beta_1)\,\big(S(\bar w\pm\delta)-(\bar m\pm\mu)\big)\end{pmatrix},\tag{234}\\
# \dot{\bar\nu}&=(1-\beta_2)\,\big(S^2(\bar w^2+\delta^2)-\bar\nu\big).\tag{235}
# \end{align}

# %%
x = sp.Symbol("x")
plus, minus = ((S * x**2 / 2).diff(x).subs(x, w + sign * delta) for sign in (1, -1))
page.holds((228, 229, 230, 231), {"g_+": plus, "g_-": minus})
valley, F_plus, F_minus, names = flow_of(lambda x: S * x)
page.holds((232, 233, 234, 235), names)

# %% [markdown]
# **The centre comes to rest.** Its two equations are linear in $(\bar w,\bar m)$:
#
# (eq-236)=
# $$
# \frac{d}{dt}\begin{pmatrix}\bar w\\\bar m\end{pmatrix}
# =\underbrace{\begin{pmatrix}-\eta(1-\beta_1)S/\sqrt{\bar\nu}&-\eta\beta_1/\sqrt{\bar\nu}\\(1-\beta_1)S&-(1-\beta_1)\end{pmatrix}}_{A}
# \begin{pmatrix}\bar w\\\bar m\end{pmatrix},\tag{236}
# $$
#
# with ${\rm tr}\,A=-(1-\beta_1)(1+\eta S/\sqrt{\bar\nu})<0$ and $\det A=\eta(1-\beta_1)S/\sqrt{\bar\nu}>0$:
# it decays to the origin, for every $\bar\nu$.

# %%
A = sp.Matrix([valley.w, valley.m]).jacobian([w, m])
turning = r"\frac{d}{dt}\begin{pmatrix}\bar w\\\bar m\end{pmatrix}"
page.holds(236, {turning: sp.Matrix([valley.w, valley.m])})
same(236, A.trace(), -(1 - beta1) * (1 + eta * S / sp.sqrt(nu)))
same(236, A.det(), eta * (1 - beta1) * S / sp.sqrt(nu))
positive(236, -A.trace().subs(beta1, beta))
positive(236, A.det().subs(beta1, beta))


def flow_of_adam(sharpness, rate, b, second):
    """Matrix of the centre's flow, from the library."""
    effective = theory.effective_learning_rate(rate, second)
    return theory.flow_matrix("heavy_ball", sharpness, effective, b)


agree(236, A, flow_of_adam, [S, eta, beta1, nu], {**BETAS, nu: (0.1, 9.0)})

# %% [markdown]
# **The rod at rest.** With the centre at the origin the second moment obeys, and settles at,
#
# (eq-237)=
# (eq-238)=
# \begin{align}
# \dot{\bar\nu}&=(1-\beta_2)\,(S^2\delta^2-\bar\nu),\tag{237}\\
# \nu^*&=S^2\,\delta_*^2.\tag{238}
# \end{align}
#
# At the origin $F$ is odd, $F_-=-F_+$, so {ref}`(234) <eq-234>` is $\dot\Sigma=-2\Sigma+\frac12FF^\top$. A
# rod stands still in it where its end is carried to the other end by one step,
# $F(\delta_z)=-2\,\delta_z$. In components,
#
# (eq-239)=
# (eq-240)=
# \begin{align}
# -\frac{\eta}{\sqrt{\nu^*}}\,\big(\beta_1\mu_*+(1-\beta_1)\,S\,\delta_*\big)&=-2\,\delta_*,\tag{239}\\
# (1-\beta_1)\,(S\,\delta_*-\mu_*)&=-2\,\mu_*.\tag{240}
# \end{align}

# %%
origin = {w: 0, m: 0}
page.holds(237, {r"\dot{\bar\nu}": valley.nu.subs(origin)})
(nu_of_rod,) = sp.solve(valley.nu.subs(origin), nu)
page.holds(238, {r"\nu^*": nu_of_rod, r"\delta_*": delta})
F = F_plus.subs(origin)
same((239, 240), F_minus.subs(origin), -F)
same((239, 240), valley.Sigma.subs(origin), -2 * rod * rod.T + F * F.T / 2)
a, b = sp.symbols("a b")
at_rest = (-2 * rod * rod.T + sp.Matrix([a, b]) * sp.Matrix([[a, b]]) / 2).subs(
    {a: -2 * delta, b: -2 * mu}
)
same((239, 240), at_rest, sp.zeros(2, 2))
row_w, row_m = F + 2 * rod
star = {r"\nu^*": nu, r"\delta_*": delta, r"\mu_*": mu}
page.asks(239, row_w, star)
page.asks(240, row_m, star)

# %% [markdown]
# The second line gives $\mu$ in terms of $\delta$. In the first, with $\sqrt{\nu^*}=S\delta_*$, sharpness and
# amplitude cancel on the left, and what is left on the right is the amplitude:
#
# (eq-241)=
# (eq-242)=
# (eq-243)=
# \begin{align}
# \mu_*&=-\frac{1-\beta_1}{1+\beta_1}\,S\,\delta_*,\tag{241}\\[2pt]
# 2\,\delta_*&=\frac{\eta}{S\,\delta_*}\Big((1-\beta_1)-\beta_1\,\frac{1-\beta_1}{1+\beta_1}\Big)S\,\delta_*,\tag{242}\\[2pt]
# \delta_*&=\frac\eta2\,\frac{1-\beta_1}{1+\beta_1}.\tag{243}
# \end{align}

# %%
length = sp.Symbol("delta", positive=True)
(mu_rest,) = sp.solve(row_m, mu)
page.holds(241, star | {r"\mu_*": mu_rest})
single = row_w.subs(mu, mu_rest).subs(delta, length).subs(nu, S**2 * length**2)
page.asks(242, single, {r"\delta_*": length})
(delta_rest,) = sp.solve(single, length)
page.holds(243, {r"\delta_*": delta_rest})
same(243, delta_rest.subs(beta1, sp.Rational(9, 10)), eta / 2 / 19)


def fixed_rod(momentum):
    """The fixed rod of the library, as a function of numbers."""

    def numbers_of(sharpness, rate, b):
        point = theory.adaptive_fixed_point(momentum, sharpness, rate, b)
        return point.half_displacement, point.moment_half_difference, point.second_moment

    return numbers_of


fixed = [delta_rest, mu_rest.subs(delta, delta_rest), S**2 * delta_rest**2]
agree((238, 241, 243), fixed, fixed_rod("heavy_ball"), [S, eta, beta1], BETAS)

# %% [markdown]
# **NAdam's fixed rod** is not in the paper, and takes the same steps with {ref}`(206) <eq-206>`. The
# second row, and with it {ref}`(241) <eq-241>`, is the same; in the first, the bracket is
# $(1-\beta_1^2)-\beta_1^2\frac{1-\beta_1}{1+\beta_1}=\frac{(1-\beta_1)(1+2\beta_1)}{1+\beta_1}$. Either way the
# preconditioned sharpness $S/\sqrt{\nu^*}=1/\delta_*$ is the optimizer's threshold of Table 2.

# %%
other = bounce(adam.modified_moment)
same(243, other["delta"], eta / 2 * (1 - beta1) * (1 + 2 * beta1) / (1 + beta1))
same(241, other["mu"], -(1 - beta1) / (1 + beta1) * S * delta)
fixed = [other["delta"], other["mu"].subs(delta, other["delta"]), S**2 * other["delta"] ** 2]
agree((238, 241, 243), fixed, fixed_rod("dozat"), [S, eta, beta1], BETAS)
for name, amplitude in (("adam", delta_rest), ("nadam", other["delta"])):
    agree(47, 1 / amplitude, partial(theory.threshold, name), [eta, beta1], BETAS)
seen = r"\lambda_{\max}\big(P^{-1/2}HP^{-1/2}\big)"  # in one dimension S / sqrt(nu*)
through = S / sp.sqrt(nu_of_rod.subs(delta, length))
Page("adam", page.names).holds(47, {seen: through.subs(length, delta_rest)})

# %% [markdown]
# ## Run it
#
# {numref}`fig-e-slope-valley` compares RMSProp, NAdam and Adam at $\beta_1=0.9$. On the slope all three
# move at the same speed. In the valley each is started on its orbit, that is, with the moments that
# the fixed rod says; RMSProp then bounces by $\eta/2$ either way, NAdam by 0.147 of that, Adam by a
# nineteenth.

# %%
import numpy as np

from rodflow_book.derivations.numeric import numbers, stacked
from rodflow_core.landscapes import Linear, Quadratic
from rodflow_core.optimizers import (
    Dozat,
    HeavyBall,
    NoMomentum,
    PerComponentSecondMoment,
    State,
    UpdateRule,
)
from rodflow_core.simulate import iterate, side_by_side

MOMENTA = {"none": NoMomentum, "dozat": Dozat, "heavy_ball": HeavyBall}
SHARPNESS = 3.0


def plain(momentum, b1):
    """RMSProp, NAdam or Adam as this page has them: epsilon 0, no bias correction."""
    first = MOMENTA[momentum](b1) if momentum != "none" else NoMomentum()
    return UpdateRule(learning_rate, first, PerComponentSecondMoment(beta2_value, 0.0))


def on_orbit(momentum, b1, stretch=1.0):
    """One end of the fixed rod; stretched, it is off its orbit by that factor."""
    point = theory.adaptive_fixed_point(momentum, SHARPNESS, learning_rate, b1)
    z = [stretch * point.half_displacement]
    z += [] if momentum == "none" else [stretch * point.moment_half_difference]
    return State(numbers(z), numbers([point.second_moment]))


slopes, bounces = {}, {}
for momentum in MOMENTA:
    rule = plain(momentum, 0.9)
    z = numbers([0.0] if momentum == "none" else [0.0, 0.0])
    falling = iterate(rule, Linear(numbers([0.2])), State(z, numbers([0.0])), 80)
    slopes[momentum] = stacked(falling)[:, 0]
    turning = iterate(rule, Quadratic(numbers([SHARPNESS])), on_orbit(momentum, 0.9), 12)
    bounces[momentum] = stacked(turning)[:, 0]
    speed = theory.adaptive_linear_steady_state(0.2, learning_rate).velocity
    close(226, np.diff(slopes[momentum])[-1], speed, 2e-3)
    half = theory.adaptive_fixed_point(momentum, SHARPNESS, learning_rate, 0.9).half_displacement
    close(243, bounces[momentum], half * (-1.0) ** np.arange(13), 1e-9)

# %% tags=["remove-cell"]
import pandas as pd

from rodflow_book.figures import files
from rodflow_book.figures.appendix_e2 import amplitude_figure, slope_valley_figure, swings_figure

about = files.page_manifest(
    "notebooks/appendix_e2.py", learning_rate=learning_rate, beta2=beta2_value
)
columns = {"step": np.arange(81)}
for momentum in MOMENTA:
    columns[f"slope_{momentum}"] = slopes[momentum]
    columns[f"valley_{momentum}"] = np.pad(bounces[momentum], (0, 68), constant_values=np.nan)
files.save(
    "e-slope-valley",
    lambda: slope_valley_figure(slopes, bounces, learning_rate),
    pd.DataFrame(columns),
    figures,
    manifest=about,
    alt="Left: RMSProp, NAdam and Adam fall at the same speed on a slope. Right: in a valley RMSProp "
    "bounces by half the learning rate, NAdam by 0.147 and Adam by one nineteenth of that.",
)

# %% [markdown]
# ```{figure} ../figures/e-slope-valley.svg
# :name: fig-e-slope-valley
# :alt: Left, RMSProp, NAdam and Adam fall at the same speed on a slope. Right, in a valley RMSProp bounces by half the learning rate, NAdam by 0.147 and Adam by one nineteenth of that.
#
# **Momentum shortens the bounce in sharp directions; in flat ones it changes the start and nothing
# else.**
# ```
#
# ## Do the iterates get there?
#
# A fixed rod need not attract. Turn it a little, let $\nu$ be a little off, and follow to first order
# (the paper does this for heavy ball on the quartic, {ref}`(159) <eq-159>`-{ref}`(169) <eq-169>`; here
# $\nu$ is free as well). A part of the perturbation that raises the rank decays at the rate 2. The rod's
# end $\xi$ and the second moment obey
#
# $$
# \dot\xi=-(2I+A)\,\xi-\begin{pmatrix}\delta_*/\nu^*\\0\end{pmatrix}d\nu,\qquad
# \dot{d\nu}=(1-\beta_2)\,\big(2S^2\delta_*\,\xi_w-d\nu\big).
# $$
#
# The characteristic polynomial is $\sigma^3+c_2\sigma^2+c_1\sigma+c_0$ with, for Adam,
#
# $$
# c_2=2-\beta_1-\beta_2,\qquad c_1=(1-\beta_2)(3-\beta_1),\qquad c_0=2\,(1-\beta_2)(1+\beta_1).
# $$
#
# All three are positive, and by Routh and Hurwitz the fixed rod is stable iff $c_2c_1>c_0$ too, which is
#
# $$
# 1-\beta_2>\frac{6\beta_1-1-\beta_1^2}{3-\beta_1}.
# $$
#
# The left side is small, so $\beta_1$ must be: near $\beta_2=1$ below $3-2\sqrt2\approx0.17$. For NAdam
# $c_2c_1>c_0$ always.

# %%
sigma = sp.Symbol("sigma")
for direction, momentum in ((adam.new_moment, "heavy_ball"), (adam.modified_moment, "dozat")):
    coefficients = sp.Poly(jacobian(direction).charpoly(sigma).as_expr(), sigma).all_coeffs()
    agree(
        243,
        coefficients,
        lambda *v, k=momentum: theory.adaptive_polynomial(k, *v),
        [beta1, beta2],
        BETAS,
    )
    _, c2, c1, c0 = (sp.factor(c) for c in coefficients)
    if momentum == "heavy_ball":
        same(
            243,
            [c2, c1, c0],
            [2 - beta1 - beta2, (1 - beta2) * (3 - beta1), 2 * (1 - beta2) * (1 + beta1)],
        )
        margin = (1 - beta2) * (3 - beta1) - (6 * beta1 - 1 - beta1**2)
        same(243, c2 * c1 - c0, (1 - beta2) * margin)
    else:
        y = sp.Symbol("y", positive=True)  # 1 - beta2 = y/(1+y): positive for every y is enough
        positive(243, (c2 * c1 - c0).subs(beta2, 1 / (1 + y)).subs(beta1, beta))

# %% [markdown]
# That linearisation took the rod's end for granted. Here is the flow itself, dense, in the four numbers
# $(\Sigma_{ww},\Sigma_{wm},\Sigma_{mm},\nu)$ with the rod read off by an eigendecomposition, and its Jacobian
# by automatic differentiation: the three eigenvalues above, and $-2$.

# %%
import torch


def dense_rates(packed, momentum, b1):
    """d/dt of (Sigma_ww, Sigma_wm, Sigma_mm, nu), centre at the origin; packed is (..., 4)."""
    sigma = packed[..., [0, 1, 1, 2]].unflatten(-1, (2, 2))
    values, vectors = torch.linalg.eigh(sigma)
    d, mo = (vectors[..., -1] * values[..., -1:].clamp_min(0).sqrt()).unbind(-1)
    weight = b1 if momentum == "heavy_ball" else b1**2
    direction = weight * mo + (1 - weight) * SHARPNESS * d
    move = torch.stack(
        (-learning_rate * direction / packed[..., 3].sqrt(), (1 - b1) * (SHARPNESS * d - mo)), -1
    )
    rate = -2 * sigma + move.unsqueeze(-1) * move.unsqueeze(-2) / 2
    second = (1 - beta2_value) * (SHARPNESS**2 * d**2 - packed[..., 3])
    return torch.stack((rate[..., 0, 0], rate[..., 0, 1], rate[..., 1, 1], second), -1)


def packed_orbit(momentum, b1):
    """The fixed rod as (Sigma_ww, Sigma_wm, Sigma_mm, nu)."""
    state = on_orbit(momentum, b1)
    d, mo = state.z
    return torch.stack((d * d, d * mo, mo * mo, state.nu[0]))


for momentum in ("heavy_ball", "dozat"):
    for b1 in (0.1, 0.5, 0.9):
        point = packed_orbit(momentum, b1)
        close(243, dense_rates(point, momentum, b1).abs().max() + 1, 1, 1e-12)
        full = torch.func.jacrev(dense_rates)(point, momentum, b1).numpy()
        three = theory.adaptive_jacobian(momentum, SHARPNESS, learning_rate, b1, beta2_value)
        expected = np.append(np.linalg.eigvals(three), -2)
        close(243, np.poly(np.linalg.eigvals(full)).real, np.poly(expected).real, 1e-7)

# %% [markdown]
# So at $\beta_1=0.9$ Adam's one nineteenth is an equilibrium on which neither the rod flow nor Adam
# itself stays. {numref}`fig-e-swings` starts both of them 5% off. (NAdam's spiral is a slow one, and
# Euler's method turns a slow spiral outwards where its substep exceeds $2|{\rm Re}\,\sigma|/|\sigma|^2$.
# The substep is therefore a fraction of that.)

# %%
SWING_STEPS = 120
spiral = np.linalg.eigvals(
    theory.adaptive_jacobian("dozat", SHARPNESS, learning_rate, 0.9, beta2_value)
)
largest_substep = (-2 * spiral.real / np.abs(spiral) ** 2).min()
swings = {}
for momentum in ("heavy_ball", "dozat"):
    swings[momentum] = side_by_side(
        plain(momentum, 0.9),
        Quadratic(numbers([SHARPNESS])),
        on_orbit(momentum, 0.9, 1.05),
        SWING_STEPS,
        substeps=int(np.ceil(2.5 / largest_substep)),
    )
levels = {
    momentum: theory.adaptive_fixed_point(momentum, SHARPNESS, learning_rate, 0.9).half_displacement
    for momentum in swings
}
for momentum, run in swings.items():
    late = np.abs(np.stack((run.half, run.optimizer_half))[:, -30:, 0]) / levels[momentum]
    if momentum == "dozat":
        close(243, late, 1.0, 0.025)  # it began at 0.05
    else:
        assert (late.max(1) > 1.2).all() and (late.min(1) < 0.5).all(), "Adam must swing, rod too"
print(
    f"Substep at which Euler's method turns the spiral outwards: {largest_substep:.2g} of a step."
)

# %% tags=["remove-cell"]
columns = {"step": np.arange(SWING_STEPS)}
for momentum, run in swings.items():
    columns[f"{momentum}_optimizer"] = np.abs(run.optimizer_half[:, 0])
    columns[f"{momentum}_rod_flow"] = np.abs(run.half[:, 0])
files.save(
    "e-swings",
    lambda: swings_figure(swings, levels, learning_rate),
    pd.DataFrame(columns),
    figures,
    manifest=about,
    alt="Half-displacement over steps at beta1 = 0.9, both started 5 % off the fixed rod. Adam "
    "swings about the closed form and its rod flow bursts; NAdam and its rod flow settle.",
)

# %% [markdown]
# ```{figure} ../figures/e-swings.svg
# :name: fig-e-swings
# :alt: Half-displacement over steps at beta1 = 0.9, both started 5 % off the fixed rod. Adam swings about the closed form and its rod flow bursts; NAdam and its rod flow settle at it.
#
# **Adam leaves its fixed rod and swings about it; NAdam settles.** Half-displacements are in units
# of RMSProp's, $\beta_1=0.9$.
# ```
#
# Far from the fixed rod the rod flow is no longer a model of this Adam: its swings are bursts, rarer
# and higher than the iterates'. One weight alone is a hard case, since there $\nu$ has nothing to follow
# but the bounce itself.
#
# What does the formula {ref}`(243) <eq-243>` mean for Adam, then? Over a long time the mean of
# $\bar\nu$ is $S^2$ times the mean of $\delta^2$, by {ref}`(237) <eq-237>`, and the bounce neither grows
# nor decays only while $\bar\nu$ is about $\nu^*$. If $\nu$ does not stray far, the *mean square* of the
# bounce must therefore be close to $\delta_*^2$, however wild its course. {numref}`fig-e-amplitude`
# measures it for the iterates, for all $\beta_1$. (A network has more to offer: other directions that
# feed $\nu$, and a sharpness that gives way. The experiments are in {doc}`Adam's chapter <adam>`.)

# %%
grid = np.array([0.05, 0.1, 0.15, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95])


def long_run(momentum, b1, steps=6000):
    """Half-displacements of the iterates for a row of beta1 at once, written out in NumPy."""
    point = theory.adaptive_fixed_point(momentum, SHARPNESS, learning_rate, b1)
    w, m = 1.05 * point.half_displacement, 1.05 * point.moment_half_difference
    second, path = point.second_moment.copy(), []
    for _ in range(steps):
        path.append(w)
        slope = SHARPNESS * w
        second = beta2_value * second + (1 - beta2_value) * slope**2
        m = b1 * m + (1 - b1) * slope
        step = m if momentum == "heavy_ball" else b1 * m + (1 - b1) * slope
        w = w - learning_rate * step / np.sqrt(second)
    return np.abs(np.diff(path, axis=0)) / 2


def settle(momentum, b1, time=400.0, dt=0.5):
    """Where the dense rod flow ends, for a row of beta1 at once; fourth-order Runge-Kutta."""
    row = torch.tensor(b1)
    state = torch.stack([packed_orbit(momentum, b) for b in b1]) * 1.1
    for _ in range(round(time / dt)):
        k1 = dense_rates(state, momentum, row)
        k2 = dense_rates(state + dt / 2 * k1, momentum, row)
        k3 = dense_rates(state + dt / 2 * k2, momentum, row)
        k4 = dense_rates(state + dt * k3, momentum, row)
        state = state + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return state[:, 0].sqrt().numpy()


measured = {momentum: long_run(momentum, grid) for momentum in ("heavy_ball", "dozat")}
library_run = iterate(
    plain("heavy_ball", 0.5), Quadratic(numbers([SHARPNESS])), on_orbit("heavy_ball", 0.5, 1.05), 40
)
by_library = stacked(library_run)[:, 0]
close(193, measured["heavy_ball"][:40, 5], np.abs(np.diff(by_library)) / 2, 1e-9)

stable = {
    momentum: np.array(
        [
            theory.adaptive_is_stable(momentum, b, beta2_value)
            and np.abs(
                np.linalg.eigvals(
                    theory.adaptive_cycle_matrix(momentum, SHARPNESS, learning_rate, b, beta2_value)
                )
            ).max()
            < 0.995
            for b in grid
        ]
    )
    for momentum in measured
}
tables = []
for momentum, halves in measured.items():
    late = halves[1000:] / (learning_rate / 2)
    settles = stable[momentum]
    flow_end = np.full(len(grid), np.nan)
    flow_end[settles] = settle(momentum, grid[settles]) / (learning_rate / 2)
    exact = fixed_rod(momentum)(SHARPNESS, learning_rate, grid)[0] / (learning_rate / 2)
    frame = pd.DataFrame(
        {
            "momentum": momentum,
            "beta1": grid,
            "closed_form": exact,
            "settles": settles,
            "root_mean_square": np.sqrt((late**2).mean(0)),
            "rod_flow": flow_end,
            "low": np.quantile(late, 0.1, axis=0),
            "high": np.quantile(late, 0.9, axis=0),
        }
    )
    tables.append(frame)
    close(243, frame["root_mean_square"][settles], exact[settles], 1e-6)
    close(243, flow_end[settles], exact[settles], 1e-2)
table = pd.concat(tables, ignore_index=True)

# %% tags=["remove-cell"]
files.save(
    "e-amplitude",
    lambda: amplitude_figure(table),
    table,
    figures,
    manifest=about,
    alt="Half-displacement over RMSProp's against beta1, logarithmic. Adam's closed form falls to one "
    "nineteenth at 0.9, NAdam's to 0.147. NAdam's iterates and rod flow lie on its curve. Adam's lie "
    "on its curve for small beta1; beyond, the root mean square of its swings still does, nearly.",
)

# %% [markdown]
# ```{figure} ../figures/e-amplitude.svg
# :name: fig-e-amplitude
# :alt: Half-displacement over RMSProp's against beta1, logarithmic. Adam's closed form falls to one nineteenth at 0.9, NAdam's to 0.147. NAdam's iterates and rod flow lie on its curve. Adam's lie on its curve for small beta1; beyond, the root mean square of its swings still does, nearly.
#
# **Momentum shortens the bounce, Adam's more than NAdam's.** Its length in units of RMSProp's
# $\eta/2$. Dashed: {ref}`(243) <eq-243>` and its counterpart for NAdam. Filled: where iterates and
# rod flow settle. Bars: where Adam's iterates swing, from their 10% to their 90% quantile, with the
# root mean square.
# ```

# %% tags=["hide-input"]
swinging = table[(table["momentum"] == "heavy_ball") & ~table["settles"]]
error = (swinging["root_mean_square"] / swinging["closed_form"] - 1).abs()
nine = swinging[swinging["beta1"] == 0.9].iloc[0]
show(
    f"Where Adam swings, the root mean square of its bounce is within {100 * error.max():.0f}% of "
    f"what (243) says; at $\\beta_1=0.9$ it is 1/{1 / nine['root_mean_square']:.1f} of RMSProp's, "
    f"and (243) is 1/{1 / nine['closed_form']:.0f}."
)

# %% tags=["hide-input"]
from rodflow_book.derivations.ledger import show_checked

show_checked()
