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
# # D. RMSProp
#
# **The claim.** RMSProp's rod flow is gradient descent's with a step size that the second moment sets
# {cite:p}`tieleman2012rmsprop,regis2026adam`. Two consequences follow in one dimension. On a slope,
# however steep, RMSProp moves by $\eta$ a step. In a valley, however sharp, it bounces with the
# half-displacement $\eta/2$: there is no sharpness at which it diverges.
#
# How to read a derivation here: see the beginning of {doc}`appendix B <appendix_b>`. The cell below a step takes
# the same step in SymPy and stops the page if the two disagree.

# %% tags=["parameters", "hide-input"]
learning_rate = 0.1  # a finite number above 0 and at most 1
beta2_value = 0.8  # a finite number of at least 0.5 and at most 0.95
steps = 120  # a whole number of at least 20 and at most 1000
substeps = 8  # a whole number of at least 1 and at most 100
figures = "build/figures"  # a folder that can be made or written to

# %% tags=["hide-input"]
from rodflow_book.notebook import check_parameters, one_thread, show
from rodflow_core.experiments.parameters import real, whole

check_parameters(
    globals(),
    "figures",
    learning_rate=real(above=0, most=1),
    beta2_value=real(least=0.5, most=0.95),
    steps=whole(least=20, most=1000),
    substeps=whole(least=1, most=100),
)
one_thread()

# %% [markdown]
# ## D.1 The rod flow
#
# RMSProp is {ref}`(24) <eq-24>`-{ref}`(26) <eq-26>`: a second moment $\nu$ that follows the squared
# gradient, a preconditioner $P=\sqrt\nu+\epsilon$ made of it, and a step along $-P^{-1}g$. The scalar
# kind keeps one $\nu$ for all weights and follows $\|g\|^2$; the usual kind keeps one for each weight,
# {ref}`(32) <eq-32>`-{ref}`(34) <eq-34>`. SymPy takes two steps of both in the plane, on a loss of
# whose gradient nothing is known:

# %%
import sympy as sp

from rodflow_book.derivations import appendix_d as rmsprop
from rodflow_book.derivations.checks import agree, close, positive, same
from rodflow_book.derivations.printed import Page
from rodflow_book.derivations.symbols import BETAS, S, Sigma, beta, beta2, eta, g, nu, w

page = Page(
    "appendix_d",
    {
        r"\eta": eta,
        r"\beta_2": beta2,
        r"\epsilon": rmsprop.epsilon,
        "S": S,
        "g": g,
        r"\bar w": w,
        r"\bar\nu": nu,
        r"\Sigma": Sigma,
        r"\delta": sp.sqrt(Sigma),
        r"{\rm sign}": sp.sign,
    },
)
# The chapters, where the paper has these equations first.
chapters = {
    "scalar": Page("scalar_rmsprop", page.names),
    "per component": Page("rmsprop", page.names),
}
kinds = {"scalar": rmsprop.steps(scalar=True), "per component": rmsprop.steps(scalar=False)}


def parts_of(kind, two):
    """What a chapter calls the parts of two steps; the scalar kind has one nu and one P for both."""

    def whole(vector):
        return vector[0] if kind == "scalar" else vector

    inverse = [x[0, 0] if kind == "scalar" else x for x in two.inverse]
    nu_bar = [whole(a + b) / 2 for a, b in zip(two.nu, two.nu[1:], strict=False)]
    names = {r"\nu_t": whole(two.nu[0]), r"\nu_{t+1}": whole(two.nu[1]), "g_t": two.g[0]}
    names |= {"w_t": two.w[0], "w_{t+1}": two.w[1], "P_{t+1}": inverse[0] ** -1}
    names |= {"g_-": two.g[0], "g_+": two.g[1], r"\bar g": (two.g[0] + two.g[1]) / 2}
    names |= {r"\bar\nu_t": nu_bar[0], r"\bar\nu_{t+1}": nu_bar[1], r"\bar\nu": nu_bar[0]}
    return names | {r"\dot{\bar\nu}": nu_bar[1] - nu_bar[0]}


one = parts_of("scalar", kinds["scalar"])
chapters["scalar"].defines((24, 26), one)
after = rmsprop.inverse_preconditioner(kinds["scalar"].nu[1])[0, 0]
chapters["scalar"].defines(25, {"P": 1 / after, r"\nu": one[r"\nu_{t+1}"]})
each = parts_of("per component", kinds["per component"])
chapters["per component"].defines(32, each)
second = each[r"\nu_{t+1}"]
root = {r"\sqrt\nu": second.applyfunc(sp.sqrt), r"\epsilon": rmsprop.epsilon * sp.ones(2, 1)}
matrix = {r"\mathrm{diag}": lambda v: sp.diag(*v), "P": each["P_{t+1}"]}
chapters["per component"].defines(34, root | matrix)
kinds["per component"].nu[1]

# %% [markdown]
# Are these the library's steps? One of each, on a quadratic in the plane, at random numbers:

# %%
import numpy as np

from rodflow_book.derivations.numeric import numbers
from rodflow_core.landscapes import Quadratic
from rodflow_core.optimizers import State, make_rule
from rodflow_core.simulate import iterate

EPSILON = 0.1  # large, so that it counts
S_1, S_2 = sp.symbols("S_1 S_2", positive=True)


def library_step(name, scalar):
    """One step of the library's optimizer, as a function of numbers."""

    def step(s1, s2, rate, decay, w1, w2, *seconds):
        rule = make_rule(name, rate, beta2=decay, epsilon=EPSILON)
        start = State(numbers([w1, w2]), numbers(seconds[0] if scalar else seconds))
        end = iterate(rule, Quadratic(numbers([s1, s2])), start, 1)[1]
        return [*end.z.numpy(), *np.atleast_1d(end.nu.numpy())]

    return step


for kind, number in {"scalar": (24, 25, 26), "per component": (32, 34)}.items():
    two, scalar = kinds[kind], kind == "scalar"
    slopes = {"g_1": lambda a, b: S_1 * a, "g_2": lambda a, b: S_2 * b}
    ends = [*two.w[1], *(two.nu[1][:1] if scalar else two.nu[1])]
    for name, slope in slopes.items():
        ends = [e.replace(sp.Function(name), slope) for e in ends]
    ends = [e.subs(rmsprop.epsilon, EPSILON) for e in ends]
    seconds = list(two.nu[0][:1] if scalar else two.nu[0])
    drawn = {s: (0.3, 3.0) for s in (S_1, S_2, *seconds)}
    agree(
        number,
        ends,
        library_step("scalar_rmsprop" if scalar else "rmsprop", scalar),
        [S_1, S_2, eta, beta2, *two.w[0], *seconds],
        BETAS | drawn,
    )

# %% [markdown]
# **The second moment.** A mean of two steps of $\nu$ needs the squared gradients at $w_t$ and at
# $w_{t+1}$. These are the two ends of the rod, so that
#
# $$
# \bar\nu_{t+1}-\bar\nu_t=(1-\beta_2)\Big(\tfrac12\big(\|g_+\|^2+\|g_-\|^2\big)-\bar\nu_t\Big)
# $$
#
# holds with no remainder, and per component with $g_\pm^{\odot2}$ for $\|g_\pm\|^2$. These are
# {ref}`(27) <eq-27>` and {ref}`(33) <eq-33>`.

# %%
chapters["scalar"].holds((27, 28), one)
chapters["per component"].holds(33, each)

# %% [markdown]
# **Centre and extent.** Were $P$ the same in both steps, everything would be as in
# {doc}`appendix B <appendix_b>`, with $\eta P^{-1}$ for $\eta$:
#
# $$
# \bar w_{t+1}-\bar w_t=-\eta P^{-1}\bar g,\qquad
# \delta_{t+1}\delta_{t+1}^\top-\delta_t\delta_t^\top=-2\,\delta_t\delta_t^\top
# +\tfrac{\eta^2}4P^{-1}\big(g_+g_+^\top+g_-g_-^\top\big)P^{-1}.
# $$
#
# It is not quite the same. The first step is made with $P_{t+1}$, the second with $P_{t+2}$, and the
# flow has one $P(\bar\nu)$. What it neglects is
#
# $$
# -\tfrac\eta2\Big(\big(P_{t+1}^{-1}-P(\bar\nu_t)^{-1}\big)g_-+\big(P_{t+2}^{-1}-P(\bar\nu_t)^{-1}\big)g_+\Big)
# $$
#
# in the centre, and as much in the extent. So the loss of exactness sits here, and not in the equation
# for $\nu$. It is small where $\nu$ changes little in a step, which is what a $\beta_2$ near one, or a
# gradient whose squares are as large at one end of the rod as at the other, both bring about.

# %%
P_inverse = sp.diag(*sp.symbols("p_1 p_2", positive=True))
frozen = rmsprop.steps(scalar=False, frozen=P_inverse)


def drift_and_half(two):
    """Change of the centre, and both half-differences."""
    return (two.w[2] - two.w[0]) / 2, (two.w[1] - two.w[0]) / 2, (two.w[2] - two.w[1]) / 2


drift, half, next_half = drift_and_half(frozen)
held = parts_of("per component", frozen) | {
    "P": P_inverse**-1,
    r"\dot{\bar w}": drift,
    r"\dot\Sigma": next_half * next_half.T - half * half.T,
    r"\Sigma": half * half.T,
}
chapters["scalar"].holds((29, 30), held)

moving = kinds["per component"]
P_bar = rmsprop.inverse_preconditioner((moving.nu[0] + moving.nu[1]) / 2)
neglected = sum(
    ((now - P_bar) * slope for now, slope in zip(moving.inverse, moving.g, strict=True)),
    sp.zeros(2, 1),
)
same(
    29,
    drift_and_half(moving)[0],
    -eta * P_bar * (moving.g[0] + moving.g[1]) / 2 - eta / 2 * neglected,
)

# %% [markdown]
# Promoted, these are the rod flow {ref}`(28) <eq-28>`-{ref}`(30) <eq-30>`. Nothing in it but $\nu$'s
# own equation tells it from gradient descent's {ref}`(6) <eq-6>`, {ref}`(7) <eq-7>` once one writes
#
# (eq-172)=
# $$
# \eta_{\rm eff}=\eta\,P(\bar\nu)^{-1}.\tag{172}
# $$
#
# The definition first, then the library, asked: one substep of scalar RMSProp's rod flow, and one of gradient descent's with the
# learning rate {ref}`(172) <eq-172>`, from the same random rod on a random quadratic.

# %%
from rodflow_book.derivations.numeric import substep
from rodflow_core import theory
from rodflow_core.extent import rod
from rodflow_core.flows import RodFlow, RodState
from rodflow_core.landscapes import Linear
from rodflow_core.simulate import side_by_side

eta_eff = eta * rmsprop.inverse_preconditioner([nu])[0, 0]
effective_names = {r"\eta_{\rm eff}": eta_eff, "P": lambda n: sp.sqrt(n) + rmsprop.epsilon}
page.defines(172, effective_names)
chapters["scalar"].defines(31, effective_names)
agree(172, eta_eff, theory.effective_learning_rate, (eta, nu, rmsprop.epsilon), {
    nu: (0.1, 9.0), rmsprop.epsilon: (0.0, 0.5)
})  # fmt: skip

draw = np.random.default_rng(4)
mixing = numbers(draw.normal(size=(3, 3)))
landscape = Quadratic(mixing @ mixing.T)
z, delta, second = numbers(draw.normal(size=3)), numbers(draw.normal(size=3)), numbers(0.7)
scalar = make_rule("scalar_rmsprop", learning_rate, beta2=beta2_value)
effective = theory.effective_learning_rate(
    learning_rate, float(second), scalar.second_moment.epsilon
)
after = substep(RodFlow(scalar, landscape), RodState(z, second, rod(delta)), 0, 0.1)
descent = RodFlow(make_rule("gd", effective), landscape)
plain = substep(descent, RodState(z, None, rod(delta)), 0, 0.1)
close(172, after.z, plain.z, 1e-14)
close(172, after.extent.dense(), plain.extent.dense(), 1e-13)

# %% [markdown]
# ## D.2 On a slope
#
# In one dimension the two kinds are one, and $\epsilon$ is dropped. On $L=gw$ both ends see the same
# gradient, $g_\pm=g$:
#
# (eq-173)=
# (eq-174)=
# (eq-175)=
# \begin{align}
# \dot{\bar w}&=-\frac{\eta\,g}{\sqrt{\bar\nu}},\tag{173}\\
# \dot\Sigma&=-2\,\Sigma+\frac{\eta^2g^2}{2\,\bar\nu},\tag{174}\\
# \dot{\bar\nu}&=(1-\beta_2)\,(g^2-\bar\nu).\tag{175}
# \end{align}

# %%
slope = rmsprop.linear_flow()


def rates_of(rates):
    """What the page calls the right-hand sides of the flow."""
    return {r"\dot{\bar w}": rates.w, r"\dot\Sigma": rates.Sigma, r"\dot{\bar\nu}": rates.nu}


page.holds((173, 174, 175), rates_of(slope))

# %% [markdown]
# The last equation knows neither of the others. It settles where its bracket vanishes; there the
# gradient cancels from the first, since $g/\sqrt{g^2}$ is its sign; and with $g^2/\bar\nu=1$ the second
# settles at a quarter of $\eta^2$:
#
# (eq-176)=
# (eq-177)=
# (eq-178)=
# \begin{align}
# \nu^*&=g^2,\tag{176}\\
# \dot{\bar w}&=-\eta\,{\rm sign}(g),\tag{177}\\
# \Sigma^*&=\frac{\eta^2}4.\tag{178}
# \end{align}

# %%
rest = rmsprop.steady(slope)
velocity = slope.w.subs(nu, rest[nu])
page.holds(176, {r"\nu^*": rest[nu]})
page.holds(177, {r"\dot{\bar w}": velocity})
page.holds(178, {r"\Sigma^*": rest[Sigma]})


def library(slope_value, rate):
    """The same three from the library."""
    state = theory.adaptive_linear_steady_state(slope_value, rate)
    return state.second_moment, state.velocity, state.extent[0, 0]


agree((176, 177, 178), [rest[nu], velocity, rest[Sigma]], library, [g, eta])

# %% [markdown]
# RMSProp on a slope is descent by the gradient's sign: $\eta$ a step, whatever the slope. Its rod is
# half a step long, and all of it is drift. Run it on three slopes a factor of a thousand apart
# ({numref}`fig-d-slope`), the second moment starting at one on each.

# %% tags=["remove-cell"]
import pandas as pd

from rodflow_book.figures import files
from rodflow_book.figures.appendix_d import (
    extent_portrait_figure,
    half_displacement_figure,
    slope_figure,
)

about = files.page_manifest(
    "notebooks/appendix_d.py",
    learning_rate=learning_rate,
    beta2=beta2_value,
    steps=steps,
    substeps=substeps,
)


def start(weight, second_moment):
    return State(numbers([weight]), numbers([second_moment]))


# %%
rule = make_rule("rmsprop", learning_rate, beta2=beta2_value)
slope_steps = min(steps, 80)
slopes = {
    value: side_by_side(rule, Linear(numbers([value])), start(0.0, 1.0), slope_steps, substeps=2)
    for value in (0.01, 0.1, 10.0)
}
closed = {value: theory.adaptive_linear_steady_state(value, learning_rate) for value in slopes}
if slope_steps * (1 - beta2_value) > 12:  # long enough to forget where nu started
    for value, run in slopes.items():
        speed = run.centre[-1, 0] - run.centre[-2, 0]
        close(177, [speed, np.diff(run.iterates[-2:, 0])[0]], closed[value].velocity, 1e-2)
        settled = np.abs(np.array([run.half[-1, 0], run.optimizer_half[-1, 0]]))
        close(178, settled**2, closed[value].extent[0, 0], 2e-2)

# %% tags=["remove-cell"]
table = {"step": np.arange(slope_steps)}
for value, run in slopes.items():
    table |= {
        f"iterate_{value:g}": run.iterates[:-1, 0],
        f"centre_{value:g}": run.centre[:, 0],
        f"half_{value:g}": np.abs(run.optimizer_half[:, 0]),
        f"rod_half_{value:g}": np.abs(run.half[:, 0]),
    }
files.save(
    "d-slope",
    lambda: slope_figure(slopes, learning_rate),
    pd.DataFrame(table),
    figures,
    manifest=about,
    alt="RMSProp on three slopes, 0.01, 0.1 and 10. Left: after a transient the weight falls by the "
    "learning rate per step on all three; optimizer and rod flow lie on each other. Right: the "
    "half-displacement settles at half the learning rate on all three.",
)

# %% [markdown]
# ```{figure} ../figures/d-slope.svg
# :name: fig-d-slope
# :alt: RMSProp on three slopes, 0.01, 0.1 and 10. Left, after a transient the weight falls at the same speed, the learning rate per step, on all three; optimizer and rod flow lie on each other. Right, the half-displacement settles at half the learning rate on all three.
#
# **RMSProp descends slopes of 0.01, 0.1 and 10 at one speed.** The transients differ because $\nu$
# starts at one and has to come down to $g^2$, or up to it. Dashed: the closed forms {ref}`(177)
# <eq-177>` and {ref}`(178) <eq-178>`.
# ```
#
# ## D.2 In a valley
#
# Now $L=\frac12Sw^2$ with $S>0$. The rod's ends are $\bar w\pm\delta$ with $\delta=\sqrt\Sigma$, and their
# gradients, the sum of these and the sum of their squares are
#
# (eq-179)=
# (eq-180)=
# (eq-181)=
# (eq-182)=
# \begin{align}
# g_+&=S\,(\bar w+\delta),\tag{179}\\
# g_-&=S\,(\bar w-\delta),\tag{180}\\
# g_++g_-&=2\,S\,\bar w,\tag{181}\\
# g_+^2+g_-^2&=2\,S^2\,(\bar w^2+\Sigma).\tag{182}
# \end{align}

# %%
x = sp.Symbol("x")
loss = S * x**2 / 2
plus, minus = (loss.diff(x).subs(x, w + sign * sp.sqrt(Sigma)) for sign in (1, -1))
page.holds((179, 180, 181, 182), {"g_+": plus, "g_-": minus})

# %% [markdown]
# In {ref}`(29) <eq-29>`, {ref}`(30) <eq-30>` and {ref}`(28) <eq-28>` that makes
#
# (eq-183)=
# (eq-184)=
# (eq-185)=
# \begin{align}
# \dot{\bar w}&=-\frac{\eta\,S}{\sqrt{\bar\nu}}\,\bar w,\tag{183}\\
# \dot\Sigma&=-2\,\Sigma+\frac{\eta^2S^2}{2\,\bar\nu}\,(\bar w^2+\Sigma),\tag{184}\\
# \dot{\bar\nu}&=(1-\beta_2)\,\big(S^2(\bar w^2+\Sigma)-\bar\nu\big).\tag{185}
# \end{align}
#
# The centre is pulled to the origin whatever the other two do, and two equations are left:
#
# (eq-186)=
# (eq-187)=
# \begin{align}
# \dot\Sigma&=-2\,\Sigma+\frac{\eta^2S^2}{2\,\bar\nu}\,\Sigma,\tag{186}\\
# \dot{\bar\nu}&=(1-\beta_2)\,(S^2\,\Sigma-\bar\nu).\tag{187}
# \end{align}

# %%
valley = rmsprop.quadratic_flow()
page.holds((183, 184, 185), rates_of(valley))
centred = rmsprop.Rates(*[rate.subs(w, 0) for rate in valley])
page.holds((186, 187), rates_of(centred))

# %% [markdown]
# Where both stand still, the second moment is the square of the gradient at the rod's ends. Put that
# into {ref}`(186) <eq-186>`, and sharpness and extent cancel together from the source, because it is
# the *normalised* gradient that drives the rod, and its square is one:
#
# (eq-188)=
# (eq-189)=
# (eq-190)=
# \begin{align}
# \nu^*&=S^2\,\Sigma^*,\tag{188}\\
# 0&=-2\,\Sigma^*+\frac{\eta^2}2,\tag{189}\\
# \Sigma^*&=\frac{\eta^2}4.\tag{190}
# \end{align}
#
# The half-displacement is $\sqrt{\Sigma^*}=\eta/2$, for every $S$. It is an orbit of the iterates, too:
# from $\eta/2$ the gradient $S\eta/2$ divided by its own size makes a step of $-\eta$, to $-\eta/2$.

# %%
(settled_nu,) = sp.solve(centred.nu, nu)
page.holds(188, {r"\nu^*": settled_nu, r"\Sigma^*": Sigma})
balance = sp.simplify(centred.Sigma.subs(nu, settled_nu))
page.says(189, balance, {r"\Sigma^*": Sigma})
(settled,) = sp.solve(balance, Sigma)
page.holds((189, 190), {r"\Sigma^*": settled})


def library(sharpness, rate):
    """Half-displacement and second moment at the fixed point, from the library."""
    point = theory.adaptive_fixed_point("none", sharpness, rate, 0.0)
    return point.half_displacement, point.second_moment


agree((188, 190), [sp.sqrt(settled), settled_nu.subs(Sigma, settled)], library, [S, eta])

# %% [markdown]
# **It is stable.** The paper linearises {ref}`(186) <eq-186>`, {ref}`(187) <eq-187>` there. The four
# derivatives make
#
# $$
# J=\begin{pmatrix}0&-2/S^2\\(1-\beta_2)S^2&-(1-\beta_2)\end{pmatrix},\qquad
# {\rm tr}\,J=-(1-\beta_2)<0,\qquad\det J=2\,(1-\beta_2)>0,
# $$
#
# so both eigenvalues have negative real parts: a spiral, since $({\rm tr}J)^2<4\det J$. Its rate of
# decay is $(1-\beta_2)/2$ per step. The iterates spiral in the same way. Linearise one step at their
# orbit, turning the sign of $w$ at every step, and the determinant is $\beta_2$: a modulus of
# $\sqrt{\beta_2}\approx1-(1-\beta_2)/2$.

# %%
J = rmsprop.jacobian(centred, {Sigma: settled, nu: settled_nu.subs(Sigma, settled)})
same(190, J, sp.Matrix([[0, -2 / S**2], [(1 - beta2) * S**2, -(1 - beta2)]]))
agree(190, J, theory.rmsprop_jacobian, [S, beta2], BETAS)
positive(190, -J.trace().subs(beta2, beta))
positive(190, J.det().subs(beta2, beta))
positive(190, (4 * J.det() - J.trace() ** 2).subs(beta2, beta))
orbit = rmsprop.orbit_matrix()
same(190, orbit.det(), beta2)
same(190, orbit.trace(), 3 * beta2 - 1)
J

# %% [markdown]
# {numref}`fig-d-portrait` is the phase portrait of {ref}`(186) <eq-186>`, {ref}`(187) <eq-187>`. In
# units of the fixed point, $x=\Sigma/\Sigma^*$ and $y=\bar\nu/\nu^*$, neither $S$ nor $\eta$ is left in
# it: $\dot x=2x\,(1/y-1)$ and $\dot y=(1-\beta_2)(x-y)$. The bounce grows while $\nu$ lags behind it
# ($y<1$), $\nu$ catches up, the effective step shrinks, the bounce decays.

# %%
unit, ratio = sp.symbols("x y", positive=True)
scaled = {Sigma: unit * eta**2 / 4, nu: ratio * S**2 * eta**2 / 4}
same(186, centred.Sigma.subs(scaled) / (eta**2 / 4), 2 * unit * (1 / ratio - 1))
same(187, centred.nu.subs(scaled) / (S**2 * eta**2 / 4), (1 - beta2) * (unit - ratio))

# %% [markdown]
# And now let it run, with sharpnesses from 0.01 to 10,000. Gradient descent with this learning rate
# diverges wherever $S>2/\eta$. Each run starts elsewhere: the weight with a square of
# $x_0$ times $\Sigma^*$, and a second moment that puts the first step across the valley floor.

# %%
sharpnesses, offsets = np.logspace(-2, 4, 5), np.linspace(0.4, 3.0, 5)


def bounce(sharpness, offset, substeps):
    """Run from a square of ``offset`` times the fixed point's."""
    first = offset**0.5 * learning_rate / 2
    second = (1 - (1 - beta2_value) * offset) / beta2_value * (sharpness * learning_rate / 2) ** 2
    valley = Quadratic(numbers([sharpness]))
    return side_by_side(rule, valley, start(first, second), steps, substeps=substeps)


valleys = [bounce(*pair, substeps) for pair in zip(sharpnesses, offsets, strict=True)]
half_rod = np.array([abs(run.half[-1, 0]) for run in valleys])
half_disc = np.array([abs(run.optimizer_half[-1, 0]) for run in valleys])
half_closed = theory.adaptive_fixed_point("none", sharpnesses, learning_rate, 0.0).half_displacement
if steps * (1 - beta2_value) >= 24:  # ten times the spiral's time constant, and more
    close(190, half_disc, half_closed, 1e-4)
    close(190, half_rod, half_closed, 1e-3)

# %% tags=["remove-cell"]
portrait = bounce(1.0, 3.0, 4 * substeps)
settled_table = pd.DataFrame(
    {
        "sharpness": sharpnesses,
        "optimizer": half_disc,
        "rod_flow": half_rod,
        "closed_form": half_closed,
    }
)
files.save(
    "d-half-displacement",
    lambda: half_displacement_figure(settled_table, portrait, learning_rate),
    settled_table,
    figures,
    manifest=about,
    alt="Left: the half-displacement of RMSProp and of its rod flow over steps, spiralling into half "
    "the learning rate. Right: the settled half-displacement over sharpness from 0.01 to 10,000 is "
    "half the learning rate everywhere, also where gradient descent diverges.",
)
reach = (learning_rate / 2) ** 2
spiral = pd.DataFrame(
    {
        "step": np.arange(steps),
        "optimizer_x": (portrait.optimizer_half[:, 0] / (learning_rate / 2)) ** 2,
        "optimizer_y": portrait.optimizer_nu[:, 0] / reach,
        "rod_x": (portrait.half[:, 0] / (learning_rate / 2)) ** 2,
        "rod_y": portrait.rod_nu[:, 0] / reach,
    }
)
files.save(
    "d-portrait",
    lambda: extent_portrait_figure(spiral, beta2_value),
    spiral,
    figures,
    manifest=about,
    alt="Phase portrait in the plane of extent and second moment, in units of the fixed point. Stream "
    "lines wind counter-clockwise into the crossing of the two nullclines; the rod flow and the "
    "iterates spiral in along them.",
)

# %% [markdown]
# ```{figure} ../figures/d-half-displacement.svg
# :name: fig-d-half-displacement
# :alt: Left, the half-displacement of RMSProp and of its rod flow over steps, spiralling into half the learning rate. Right, the settled half-displacement over sharpness from 0.01 to 10,000 is half the learning rate everywhere, also where gradient descent diverges.
#
# **RMSProp bounces by $\eta/2$ either way, whatever the sharpness.** Left: one run over time.
# Right: where five runs settle.
# ```
#
# ```{figure} ../figures/d-portrait.svg
# :name: fig-d-portrait
# :alt: Phase portrait in the plane of extent and second moment, in units of the fixed point. Stream lines wind counter-clockwise into the crossing of the two nullclines; the rod flow and the iterates spiral in along them.
#
# Extent and second moment go to their fixed point {ref}`(190) <eq-190>`: the run on the left of
# {numref}`fig-d-half-displacement` in their plane. The flow is sampled once per step, hence its
# corners. On the dotted lines extent or second moment stands still; they cross at the fixed point
# {ref}`(190) <eq-190>`.
# ```

# %% tags=["hide-input"]
worst = max(np.abs(half_disc / half_closed - 1).max(), np.abs(half_rod / half_closed - 1).max())
show(
    f"Over six decades of sharpness, iterates and rod flow settle within {worst:.1g} (relative) of "
    f"$\\eta/2={learning_rate / 2:g}$, after {steps} steps."
)

# %% [markdown]
# This is a real difference to gradient descent. There the sharpness decides between decay and
# divergence. Here it only decides what $\nu$ has to be: the preconditioned sharpness
# $S/\sqrt{\nu^*}=S/(S\eta/2)$ ends at $2/\eta$, gradient descent's threshold, for every $S$.

# %% tags=["hide-input"]
from rodflow_book.derivations.ledger import show_checked

show_checked()
