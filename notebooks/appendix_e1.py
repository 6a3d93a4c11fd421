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
# # E.1-E.2 Adam, NAdam, and Dozat's change of variables
#
# **The claim.** Adam {cite:p}`kingma2015adam` is heavy ball with RMSProp's step size: so is its rod
# flow. NAdam {cite:p}`dozat2016nadam` differs from it in one line. Without a preconditioner NAdam is
# Nesterov's method, seen from the look-ahead point; with bias correction it no longer is
# {cite:p}`regis2026adam`.

# %% tags=["parameters", "hide-input"]
learning_rate = 0.05  # a finite number of at least 0.01 and at most 0.2
beta1_value = 0.9  # a finite number of at least 0.1 and below 1
steps = 60  # a whole number of at least 10 and at most 1000
figures = "build/figures"  # a folder that can be made or written to

# %% tags=["hide-input"]
from rodflow_book.notebook import check_parameters, one_thread, show
from rodflow_core.experiments.parameters import real, whole

check_parameters(
    globals(),
    "figures",
    learning_rate=real(least=0.01, most=0.2),
    beta1_value=real(least=0.1, below=1),
    steps=whole(least=10, most=1000),
)
one_thread()

# %% [markdown]
# ## E.1 Adam
#
# Without bias correction, which waits for {doc}`appendix G.2 <appendix_g>`, and with $P=\sqrt\nu+\epsilon$ per
# component:
#
# (eq-191)=
# (eq-192)=
# (eq-193)=
# \begin{align}
# \nu_{t+1}&=\beta_2\,\nu_t+(1-\beta_2)\,g_t^{\odot2},\tag{191}\\
# m_{t+1}&=\beta_1\,m_t+(1-\beta_1)\,g_t,\tag{192}\\
# w_{t+1}&=w_t-\eta\,P_{t+1}^{-1}m_{t+1}.\tag{193}
# \end{align}
#
# Three variables, of two kinds. $w$ and $m$ flip together at every step at the edge of stability, so
# they belong into one vector of phase space, with one midpoint and one half-difference:
#
# (eq-194)=
# (eq-195)=
# (eq-196)=
# \begin{align}
# z_t&=(w_t,m_t),\tag{194}\\
# \bar z_t&=\tfrac12\,(z_t+z_{t+1}),\tag{195}\\
# \delta_{z,t}&=\tfrac12\,(z_{t+1}-z_t)=(\delta_t,\mu_t).\tag{196}
# \end{align}
#
# $\nu$ follows squares, which do not flip; of it only the midpoint $\bar\nu$ is kept. Put
# {ref}`(192) <eq-192>` into {ref}`(193) <eq-193>`, subtract $z_t$, and a step is $z_{t+1}=z_t+F(z_t)$ with
#
# (eq-197)=
# $$
# F(w,m)=\begin{pmatrix}-\eta\,P^{-1}\big(\beta_1m+(1-\beta_1)\,g(w)\big)\\[2pt](1-\beta_1)\,\big(g(w)-m\big)\end{pmatrix}.\tag{197}
# $$

# %%
import sympy as sp

from rodflow_book.derivations import appendix_e1 as adam
from rodflow_book.derivations import generic
from rodflow_book.derivations.checks import agree, close, same
from rodflow_book.derivations.printed import Page
from rodflow_book.derivations.symbols import BETAS, P, S, beta1, beta2, delta, eta, m, mu, nu, w

slope = sp.Function("g")  # the gradient of an arbitrary loss
page = Page("appendix_e1", {r"\eta": eta, r"\beta_1": beta1, r"\beta_2": beta2, "g": slope})
chapter = Page("adam", page.names)  # where the paper has Adam's equations first


def parts_of(direction):
    """What the page calls the parts of one step from (w, m, nu), and of its rod."""
    moved, new, second = adam.step(w, m, nu, slope, direction)
    names = {"w_t": w, "m_t": m, r"\nu_t": nu, "g_t": slope(w)}
    names |= {"w_{t+1}": moved, "m_{t+1}": new, r"\nu_{t+1}": second, "P_{t+1}": sp.sqrt(second)}
    names |= {"z_t": sp.Matrix([w, m]), "z_{t+1}": sp.Matrix([moved, new])}
    centre, half = generic.rod(names["z_t"], names["z_{t+1}"])
    names |= {r"\bar z_t": centre, r"\delta_{z,t}": half, r"\delta_t": half[0], r"\mu_t": half[1]}
    return names | {r"\tilde m_t": direction(m, slope(w))}


def displacement_of(direction):
    """F of a state in two parts, P held: the step's own change where P is that of the new nu."""

    def F(*parts):
        return adam.displacement(sp.Matrix(parts), slope, direction, P)

    return F


one = parts_of(adam.new_moment)
page.defines((191, 192, 193, 194, 195, 196), one)
# One weight: a diagonal matrix is a number. The derivations drop epsilon; (37) keeps it.
epsilon = sp.Symbol("epsilon", positive=True)
diagonal = {"P": sp.sqrt(nu) + epsilon, r"\mathrm{diag}": lambda x: x, r"\nu": nu}
chapter.defines((35, 36, 37), one | diagonal | {r"\epsilon": epsilon})
held = {"F": displacement_of(adam.new_moment), "P": P, "w": w, "m": m}
page.holds(197, held)
change = one["z_{t+1}"] - one["z_t"]
same(197, change, held["F"](w, m).subs(P, one["P_{t+1}"]))
held |= {"F^w": held["F"](w, m)[0], "F^m": held["F"](w, m)[1]}
chapter.holds((41, 42), held)

# %% [markdown]
# **What is exact.** Write $F_\pm=F(\bar z\pm\delta_z)$. While $P$ is held, half a step is a
# half-difference, $\delta_{z,t}=\frac12F_-$ and $\delta_{z,t+1}=\frac12F_+$, and the argument of
# {doc}`appendix B <appendix_b>` goes through word for word:
#
# $$
# \bar z_{t+1}-\bar z_t=\tfrac12(F_++F_-),\qquad
# \delta_{z,t+1}\delta_{z,t+1}^\top-\delta_{z,t}\delta_{z,t}^\top
# =-2\,\delta_{z,t}\delta_{z,t}^\top+\tfrac14\big(F_+F_+^\top+F_-F_-^\top\big).
# $$
#
# As for RMSProp in {doc}`appendix D <appendix_d>`, the only thing neglected is that $P$ moves a little between the
# two steps. The equation of $\bar\nu$ is exact. `exactness` takes two steps with an arbitrary gradient
# and returns what is left of both identities:

# %%
zero = (sp.zeros(2, 1), sp.zeros(2, 2))
same(197, adam.exactness(adam.new_moment), zero)

# %% [markdown]
# Promoted, they are Adam's rod flow:
#
# (eq-198)=
# (eq-199)=
# (eq-200)=
# (eq-201)=
# \begin{align}
# \dot{\bar w}&=-\eta\,P^{-1}\big(\beta_1\bar m+(1-\beta_1)\,\bar g\big),\tag{198}\\
# \dot{\bar m}&=(1-\beta_1)\,(\bar g-\bar m),\tag{199}\\
# \dot\Sigma&=-2\,\Sigma+\tfrac14\big(F_+F_+^\top+F_-F_-^\top\big),\tag{200}\\
# \dot{\bar\nu}&=(1-\beta_2)\Big(\tfrac12\big(g_+^{\odot2}+g_-^{\odot2}\big)-\bar\nu\Big),\tag{201}
# \end{align}
#
# with $P=P(\bar\nu)$, $g_\pm=g(\bar w\pm\delta)$ and $\bar g=\frac12(g_++g_-)$. The mean of two
# displacements is the first pair, since $F$ is linear in $m$ and in the gradient.

# %%
rod = sp.Matrix([delta, mu])
g_plus, g_minus = slope(w + delta), slope(w - delta)


def flow_of(direction):
    """What the page calls the rod flow's parts; here w, m and nu stand for the centre's."""
    rates = adam.flow(slope, direction)
    plus, minus = (
        adam.displacement(sp.Matrix([w, m]) + sign * rod, slope, direction, sp.sqrt(nu))
        for sign in (1, -1)
    )
    names = {r"\dot{\bar w}": rates.w, r"\dot{\bar m}": rates.m, r"\dot\Sigma": rates.Sigma}
    names |= {r"\dot{\bar\nu}": rates.nu, r"\bar m": m, r"\bar\nu": nu, r"\Sigma": rod * rod.T}
    names |= {"F_+": plus, "F_-": minus, "P": sp.sqrt(nu)}
    return names | {"g_+": g_plus, "g_-": g_minus, r"\bar g": (g_plus + g_minus) / 2}


page.holds((198, 199, 200, 201), flow_of(adam.new_moment))
chapter.holds((43, 44, 45, 46), flow_of(adam.new_moment))

# %% [markdown]
# ## E.1 NAdam
#
# The moments are Adam's. The step follows $\tilde m_t$ in the place of $m_{t+1}$,
#
# (eq-202)=
# (eq-203)=
# (eq-204)=
# \begin{align}
# \nu_{t+1}&=\beta_2\,\nu_t+(1-\beta_2)\,g_t^{\odot2},\tag{202}\\
# m_{t+1}&=\beta_1\,m_t+(1-\beta_1)\,g_t,\tag{203}\\
# w_{t+1}&=w_t-\eta\,P_{t+1}^{-1}\tilde m_t,\tag{204}
# \end{align}
#
# which is the new moment, averaged with the newest gradient once more:
#
# (eq-205)=
# $$
# \tilde m_t=\beta_1\,m_{t+1}+(1-\beta_1)\,g_t=\beta_1^2\,m_t+(1-\beta_1^2)\,g_t.\tag{205}
# $$
#
# The second form is {ref}`(203) <eq-203>` put into the first: $\beta_1(1-\beta_1)+(1-\beta_1)=1-\beta_1^2$.
# So NAdam's displacement is Adam's with $\beta_1^2$ for $\beta_1$ in the first row, and only there:
#
# (eq-206)=
# $$
# F(w,m)=\begin{pmatrix}-\eta\,P^{-1}\big(\beta_1^2m+(1-\beta_1^2)\,g(w)\big)\\[2pt](1-\beta_1)\,\big(g(w)-m\big)\end{pmatrix}.\tag{206}
# $$

# %%
one = parts_of(adam.modified_moment)
page.defines((202, 203, 204), one)
page.holds(205, one)
Page("nadam", page.names).holds(48, one)
held = {"F": displacement_of(adam.modified_moment), "P": P, "w": w, "m": m}
page.holds(206, held)
same(206, one["z_{t+1}"] - one["z_t"], held["F"](w, m).subs(P, one["P_{t+1}"]))

# %% [markdown]
# Nothing in the argument used what $F$ is, so it holds for this one, and promoted it is NAdam's rod
# flow:
#
# (eq-207)=
# (eq-208)=
# (eq-209)=
# (eq-210)=
# \begin{align}
# \dot{\bar w}&=-\eta\,P^{-1}\big(\beta_1^2\bar m+(1-\beta_1^2)\,\bar g\big),\tag{207}\\
# \dot{\bar m}&=(1-\beta_1)\,(\bar g-\bar m),\tag{208}\\
# \dot\Sigma&=-2\,\Sigma+\tfrac14\big(F_+F_+^\top+F_-F_-^\top\big),\tag{209}\\
# \dot{\bar\nu}&=(1-\beta_2)\Big(\tfrac12\big(g_+^{\odot2}+g_-^{\odot2}\big)-\bar\nu\Big).\tag{210}
# \end{align}

# %%
same(206, adam.exactness(adam.modified_moment), zero)
page.holds((207, 208, 209, 210), flow_of(adam.modified_moment))

# %% [markdown]
# **The library takes these steps, and integrates these flows.** First one step of each optimizer,
# without bias correction and on $L=\frac12Sw^2$. Then one short substep of its flows, from a random rod in five
# dimensions on a curved landscape, divided by its length, against the right-hand sides above written
# out in NumPy:

# %%
import numpy as np
import torch

from rodflow_book.derivations.numeric import numbers, stacked, substep
from rodflow_core import theory
from rodflow_core.extent import rod as rank_one
from rodflow_core.flows import RodFlow, RodState
from rodflow_core.landscapes import Quadratic
from rodflow_core.objective import FunctionObjective
from rodflow_core.optimizers import (
    Dozat,
    HeavyBall,
    PerComponentSecondMoment,
    State,
    UpdateRule,
    make_rule,
)
from rodflow_core.simulate import iterate


def library_step(momentum):
    """One step of the library's optimizer without bias correction, as a function of numbers."""

    def step(sharpness, rate, b1, b2, weight, moment, second):
        rule = UpdateRule(
            rate, momentum(b1), PerComponentSecondMoment(b2, 0.0), bias_correction=False
        )
        start = State(numbers([weight, moment]), numbers([second]))
        end = iterate(rule, Quadratic(numbers([sharpness])), start, 1)[1]
        return [*end.z.numpy(), *end.nu.numpy()]

    return step


for direction, momentum, number in (
    (adam.new_moment, HeavyBall, (191, 192, 193)),
    (adam.modified_moment, Dozat, (202, 203, 204)),
):
    moved = adam.step(w, m, nu, lambda x: S * x, direction)
    drawn = BETAS | {nu: (0.3, 3.0)}
    agree(number, moved, library_step(momentum), [S, eta, beta1, beta2, w, m, nu], drawn)

curved = FunctionObjective(lambda w: (w**2).sum() + torch.cos(w.cumsum(0)).sum() + w.prod(), 5)
draw = np.random.default_rng(7)
centre, half = draw.normal(size=10), 0.3 * draw.normal(size=10)
second, dt, b1, b2 = draw.uniform(0.5, 2, size=5), 1e-4, 0.8, 0.95


def by_hand(weight_of_m):
    """Right-hand sides of (198)-(201), or (207)-(210), at that rod."""
    ends = np.stack((centre + half, centre - half))
    gradients = curved.gradients(numbers(ends[:, :5])).numpy()
    direction = weight_of_m * ends[:, 5:] + (1 - weight_of_m) * gradients
    scale = np.sqrt(second) + 1e-8
    moves = np.hstack((-learning_rate * direction / scale, (1 - b1) * (gradients - ends[:, 5:])))
    spread = -2 * np.outer(half, half) + moves.T @ moves / 4
    return moves.mean(0), spread, (1 - b2) * ((gradients**2).mean(0) - second)


for name, weight in (("adam", b1), ("nadam", b1**2)):
    flow = RodFlow(make_rule(name, learning_rate, beta1=b1, beta2=b2), curved, rank=3)
    before = RodState(numbers(centre), numbers(second), rank_one(numbers(half)))
    after = substep(flow, before, 10**6, dt)  # so late that bias correction is one
    velocity, spread, rate = by_hand(weight)
    close((198, 199, 207, 208), (after.z - before.z) / dt, velocity, 1e-10)
    close((200, 209), (after.extent.dense() - before.extent.dense()) / dt, spread, 1e-9)
    close((201, 210), (after.nu - before.nu) / dt, rate, 1e-10, least=0.05)

# %% [markdown]
# ## E.2 Is NAdam Adam with Nesterov's momentum?
#
# Nesterov's method {cite:p}`nesterov1983method` takes its gradient at a look-ahead point,
# {ref}`(69) <eq-69>`-{ref}`(71) <eq-71>`:
#
# $$
# g_t=g(w_t-\eta\beta\,m_t),\qquad m_{t+1}=\beta\,m_t+(1-\beta)\,g_t,\qquad w_{t+1}=w_t-\eta\,m_{t+1}.
# $$
#
# Dozat's form takes it where the weight is, and is NAdam without $P$:
#
# $$
# g_t=g(\theta_t),\qquad m_{t+1}=\beta\,m_t+(1-\beta)\,g_t,\qquad
# \theta_{t+1}=\theta_t-\eta\,\big(\beta\,m_{t+1}+(1-\beta)\,g_t\big).
# $$
#
# Let $\theta_t=w_t-\eta\beta\,m_t$ be the look-ahead point. The gradients are then the same, and so are
# the moments. Follow $\theta$ through a step of Nesterov:
#
# $$
# \theta_{t+1}=w_{t+1}-\eta\beta\,m_{t+1}=w_t-\eta\,m_{t+1}-\eta\beta\,m_{t+1}
# =\theta_t+\eta\beta\,m_t-\eta\,m_{t+1}-\eta\beta\,m_{t+1}.
# $$
#
# Since $m_{t+1}-\beta m_t=(1-\beta)\,g_t$, the middle terms are $-\eta(1-\beta)\,g_t$, and this is
# Dozat's step. Two methods, one trajectory: Dozat's iterates are Nesterov's look-ahead points.

# %%
next_w, next_m = adam.nesterov(w, m, slope)
theta = w - eta * beta1 * m
own, own_m = adam.dozat(theta, m, slope)
same(211, own_m, next_m)
same(212, own, next_w - eta * beta1 * next_m)
same(212, adam.shift_gap(sp.S.One, sp.S.One), 0)

# %% [markdown]
# **With bias correction it fails.** Let both methods divide their moment by $c_t=1-\beta^t$ wherever
# they step or look ahead with it. The two corrections in $\theta_t=w_t-\eta\beta\,m_t/c_t$ and in the
# step, $m_{t+1}/c_{t+1}$, are then not the same, the cancellation above is not complete, and from a
# common point the two come out apart by
#
# $$
# \theta^{\rm Dozat}_{t+1}-\theta^{\rm Nesterov}_{t+1}
# =\eta\beta\,m_t\Big(\frac1{c_{t+1}}-\frac1{c_t}\Big).
# $$
#
# It dies out like $\beta^t$, but what it has done to the trajectory by then stays done.

# %%
c, c_next = sp.symbols("c_t c_next", positive=True)
gap = adam.shift_gap(c, c_next)
same(212, gap, eta * beta1 * m * (1 / c_next - 1 / c))
gap

# %% [markdown]
# {numref}`fig-e-dozat` runs all of it from one start, in a curved valley.

# %%
valley = FunctionObjective(lambda w: 2.0 * (w[1] - 0.5 * w[0] ** 2) ** 2 + 0.5 * w[0] ** 2, 2)
first = numbers([-1.8, 0.2])


def nesterov(corrected):
    """Iterates and look-ahead points of Nesterov; with corrections, c_0 meets m_0 = 0."""
    w, m, iterates, ahead = first, torch.zeros_like(first), [], []
    for t in range(steps):
        now = 1 - beta1_value**t if corrected and t else 1.0
        then = 1 - beta1_value ** (t + 1) if corrected else 1.0
        look = w - learning_rate * beta1_value * m / now
        iterates.append(w)
        ahead.append(look)
        m = beta1_value * m + (1 - beta1_value) * valley.gradients(look[None])[0]
        w = w - learning_rate * m / then
    return torch.stack(iterates).numpy(), torch.stack(ahead).numpy()


def dozat(corrected):
    """Iterates of Dozat's form, from the library's update rule."""
    rule = UpdateRule(learning_rate, Dozat(beta1_value), bias_correction=corrected)
    return stacked(iterate(rule, valley, rule.initial_state(first), steps - 1))[:, :2]


paths = {corrected: (*nesterov(corrected), dozat(corrected)) for corrected in (False, True)}
apart = {key: np.linalg.norm(ahead - own, axis=1) for key, (_, ahead, own) in paths.items()}
if not np.isfinite(apart[True]).all():
    raise ValueError("the iterates leave the valley; lower learning_rate.")
close(212, paths[False][2], paths[False][1], 1e-12)
assert apart[True].max() > 1e-3, "with bias correction the two must come apart"

# %% tags=["remove-cell"]
import pandas as pd

from rodflow_book.figures import files
from rodflow_book.figures.appendix_e1 import dozat_figure

columns = {"step": np.arange(steps)}
for corrected, word in ((False, "plain"), (True, "corrected")):
    for name, points in zip(("nesterov", "ahead", "dozat"), paths[corrected], strict=True):
        columns |= {f"{word}_{name}_{axis}": points[:, i] for i, axis in enumerate("xy")}
    columns[f"{word}_distance"] = apart[corrected]
about = files.page_manifest(
    "notebooks/appendix_e1.py", learning_rate=learning_rate, beta=beta1_value, steps=steps
)
files.save(
    "e-dozat",
    lambda: dozat_figure(paths, apart),
    pd.DataFrame(columns),
    figures,
    manifest=about,
    alt="Left: in a curved valley Dozat's iterates are circles exactly around the look-ahead points "
    "of Nesterov's trajectory. Middle: with bias correction the circles leave the points. Right: the "
    f"distance of the two is at rounding without bias correction and up to {apart[True].max():.2g} "
    "with it.",
)

# %% [markdown]
# ```{figure} ../figures/e-dozat.svg
# :name: fig-e-dozat
# :alt: Left, in a curved valley Dozat's iterates are circles exactly around the look-ahead points of Nesterov's trajectory. Middle, with bias correction the circles leave the points. Right, the distance of the two is at rounding without bias correction and many orders larger with it.
#
# **Without bias correction Dozat's iterates are Nesterov's look-ahead points at every step; with it
# they are not.** Grey: Nesterov. Blue: its look-ahead points $w_t-\eta\beta m_t$. Circles: Dozat's
# iterates.
# ```

# %% tags=["hide-input"]
show(
    f"Largest distance over {steps} steps: {apart[False].max():.1g} without bias correction, "
    f"{apart[True].max():.2g} with it."
)

# %% [markdown]
# ### The threshold, again
#
# Being Nesterov in other coordinates, Dozat's form has to have its sharpness threshold. On
# $L=\frac12S\theta^2$ the gradient is $S\theta$, and the two lines become
#
# (eq-211)=
# (eq-212)=
# \begin{align}
# m_{t+1}&=\beta\,m_t+(1-\beta)\,S\,\theta_t,\tag{211}\\
# \theta_{t+1}&=\theta_t-\eta\,\big(\beta\,m_{t+1}+(1-\beta)\,S\,\theta_t\big)
# =\big(1-\eta(1-\beta^2)S\big)\,\theta_t-\eta\beta^2\,m_t.\tag{212}
# \end{align}
#
# That is a matrix, with its trace and its determinant:
#
# (eq-213)=
# (eq-214)=
# (eq-215)=
# \begin{align}
# \begin{pmatrix}\theta_{t+1}\\m_{t+1}\end{pmatrix}
# &=\begin{pmatrix}1-\eta(1-\beta^2)S&-\eta\beta^2\\(1-\beta)S&\beta\end{pmatrix}
# \begin{pmatrix}\theta_t\\m_t\end{pmatrix},\tag{213}\\[4pt]
# {\rm tr}\,T&=1+\beta-\eta(1-\beta^2)S,\tag{214}\\
# \det T&=\beta-\eta\beta(1-\beta)S.\tag{215}
# \end{align}
#
# In the determinant the terms in $S$ are $-\beta(1-\beta^2)+\beta^2(1-\beta)=-\beta(1-\beta)$ times $\eta$.

# %%
q = sp.Symbol("beta", positive=True)
quadratic = [line.subs(beta1, q) for line in adam.dozat(w, m, lambda x: S * x)]
T = adam.dozat_matrix().subs(beta1, q)
step = {r"\theta_t": w, "m_t": m, r"\theta_{t+1}": quadratic[0], "m_{t+1}": quadratic[1]}
names = {r"\beta": q, "S": S, "T": T, r"{\rm tr}": sp.Matrix.trace, r"\det": sp.Matrix.det} | step
page.holds((211, 212, 213, 214, 215), names)
same(213, T * sp.Matrix([w, m]), quadratic)
agree(213, T, lambda *x: theory.transition_matrix("dozat", *x), [S, eta, q])

# %% [markdown]
# Its eigenvalues are the roots of
#
# (eq-216)=
# $$
# \lambda^2-\big(1+\beta-\eta(1-\beta^2)S\big)\,\lambda+\beta-\eta\beta(1-\beta)S=0.\tag{216}
# $$
#
# As the sharpness grows, one of them leaves the unit disc through $-1$: the iterates then oscillate
# with period two. Put $\lambda=-1$, collect what has an $S$, and solve:
#
# (eq-217)=
# (eq-218)=
# (eq-219)=
# \begin{align}
# 1+\big(1+\beta-\eta(1-\beta^2)S\big)+\beta-\eta\beta(1-\beta)S&=0,\tag{217}\\[2pt]
# 2\,(1+\beta)&=\eta\,(1-\beta)(1+2\beta)\,S,\tag{218}\\
# S&=\frac{2\,(1+\beta)}{\eta\,(1-\beta)(1+2\beta)}.\tag{219}
# \end{align}

# %%
lam = sp.Symbol("lambda")
polynomial = T.charpoly(lam).as_expr()
page.asks(216, polynomial, names | {r"\lambda": lam})
at_flip = polynomial.subs(lam, -1)
page.asks(217, at_flip, names)
page.asks(218, at_flip, names)
(threshold,) = sp.solve(at_flip, S)
page.holds(219, names | {"S": threshold})
agree(219, threshold, theory.nesterov_threshold, [eta, q])
nesterov_map = [line.subs(beta1, q) for line in adam.nesterov(w, m, lambda x: S * x)]
same(216, sp.Matrix(nesterov_map).jacobian([w, m]).charpoly(lam).as_expr(), polynomial)

# %% [markdown]
# It is Nesterov's {ref}`(99) <eq-99>`, and the last line says why: in both coordinates the step has
# the same characteristic polynomial. Does nothing leave the disc earlier? The other two ways out are
# through $+1$, where the polynomial is $\eta(1-\beta)S>0$ for our signs, and as a complex pair, which
# needs a determinant of one, and ours is at most $\beta$. (A real pair with a product between $-1$ and
# $\beta$ leaves through one of the two points.)

# %%
same(216, polynomial.subs(lam, 1), eta * (1 - q) * S)
same(215, q - T.det(), eta * q * (1 - q) * S)
draw = np.random.default_rng(3)
for _ in range(50):
    rate, decay = draw.uniform(0.1, 1.5), draw.uniform(0.02, 0.95)
    edge = theory.threshold("nadam", rate, decay)
    radii = [
        np.abs(np.linalg.eigvals(theory.transition_matrix("dozat", x * edge, rate, decay))).max()
        for x in (0.01, 0.5, 0.999, 1.001)
    ]
    assert max(radii[:3]) < 1 < radii[3], "stable below (219), unstable above"

# %% tags=["hide-input"]
from rodflow_book.derivations.ledger import show_checked

show_checked()
