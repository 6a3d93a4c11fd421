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
# # C.3 Momentum's rod on a slope, in a valley, in a well
#
# **The claim.** In one dimension the rod flow of heavy ball and Nesterov is six scalar equations. On a
# *linear* loss the rod is half a step long and lies still in the moment. On a *quadratic* it dies out
# below a threshold that is exactly the optimizer's own. On a *quartic* that flattens out, it settles at
# the length at which the average curvature along it equals that threshold, and this rod is stable
# against a change of its length and direction as well as against a second rod beside it.

# %% tags=["parameters", "hide-input"]
learning_rate = 0.2  # a finite number of at least 0.15 and at most 0.3
beta_value = 0.6  # a finite number of at least 0.45 and at most 0.65
kappa_value = 1.0  # a finite number above 0 and at most 100
excess = 0.1  # a finite number of at least 0.08 and at most 0.3
slope_value = 0.8  # a finite number above 0 and at most 10
substeps = 4  # a whole number of at least 1 and at most 100
figures = "build/figures"  # a folder that can be made or written to

# %% tags=["hide-input"]
from rodflow_book.notebook import check_parameters, one_thread, show
from rodflow_core.experiments.parameters import real, whole

check_parameters(
    globals(),
    "figures",
    learning_rate=real(least=0.15, most=0.3),
    beta_value=real(least=0.45, most=0.65),
    kappa_value=real(above=0, most=100),
    excess=real(least=0.08, most=0.3),
    slope_value=real(above=0, most=10),
    substeps=whole(least=1, most=100),
)
one_thread()
least = max(0.08, (1 - beta_value**0.5) ** 2 / (4 * (1 + beta_value)))  # below, nothing rings
if not least <= excess <= 0.3:
    raise ValueError(f"excess is {excess}; expected a number between {least:.3g} and 0.3.")

# %%
import sympy as sp

from rodflow_book.derivations import appendix_c3 as c
from rodflow_book.derivations.checks import agree, close, positive, same
from rodflow_book.derivations.printed import Page
from rodflow_book.derivations.symbols import S, beta, delta, eta, kappa, lam, m, mu, sigma, w
from rodflow_core import theory

g = sp.Function("g")
centre, rod = sp.Matrix([w, m]), c.rod  # here w and m stand for the centre
page = Page(
    "appendix_c3",
    {
        r"\eta": eta,
        r"\beta": beta,
        "S": S,
        r"\kappa": kappa,
        r"\lambda": lam,
        r"\sigma": sigma,
        "I": sp.eye(2),
        r"{\rm tr}": sp.Matrix.trace,
        r"\det": sp.Matrix.det,
        r"{\rm Re}": sp.re,
        r"\bar w": w,
        r"\bar m": m,
        r"\delta": delta,
        r"\mu": mu,
        r"\delta_z": rod,
        r"\Sigma_{ww}": c.S_ww,
        r"\Sigma_{wm}": c.S_wm,
        r"\Sigma_{mw}": c.S_wm,
        r"\Sigma_{mm}": c.S_mm,
    },
)
chapter = Page("phase_space", page.names)  # where the paper has some of these equations first


def ends_of(momentum):
    """What the page calls the displacements at the ends, and what they are made of."""
    names = {"g": lambda at: g(sp.expand(at))}
    for sign, end in ((1, "+"), (-1, "-")):
        point, moment = centre + sign * rod
        ahead = point - (eta * beta * moment if momentum == "nesterov" else 0)
        Fw, Fm = c.displacement(momentum, lambda at: g(sp.expand(at)), centre + sign * rod)
        names |= {f"F^w_{end}": Fw, f"F^m_{end}": Fm, f"m_{end}": moment}
        names |= {f"g_{end}": g(sp.expand(point)), rf"\tilde w_{end}": ahead}
    return names


def rates_of(velocity, rate):
    """What the page calls the right-hand sides of the flow."""
    names = {r"\dot{\bar w}": velocity[0], r"\dot{\bar m}": velocity[1]}
    names |= {r"\dot\Sigma_{ww}": rate[0, 0], r"\dot\Sigma_{wm}": rate[0, 1]}
    return names | {r"\dot\Sigma_{mw}": rate[1, 0], r"\dot\Sigma_{mm}": rate[1, 1]}


# %% [markdown]
# ## Six scalar equations
#
# In one dimension $\bar w,\bar m,\delta,\mu$ are numbers. Heavy ball's displacement
# {ref}`(64) <eq-64>`, at the ends $m_\pm=\bar m\pm\mu$ with $g_\pm=g(\bar w\pm\delta)$, has the components
#
# (eq-111)=
# (eq-112)=
# \begin{align}
# F^w_\pm&=-\eta\,\big(\beta m_\pm+(1-\beta)\,g_\pm\big),\tag{111}\\
# F^m_\pm&=(1-\beta)\,(g_\pm-m_\pm),\tag{112}
# \end{align}
#
# and Nesterov's, with its gradients from the look-ahead points
# $\tilde w_\pm=(\bar w-\eta\beta\bar m)\pm(\delta-\eta\beta\mu)$,
#
# (eq-113)=
# (eq-114)=
# \begin{align}
# F^w_\pm&=-\eta\,\big(\beta m_\pm+(1-\beta)\,g(\tilde w_\pm)\big),\tag{113}\\
# F^m_\pm&=(1-\beta)\,\big(g(\tilde w_\pm)-m_\pm\big).\tag{114}
# \end{align}
#
# The rod flow {ref}`(65) <eq-65>`-{ref}`(67) <eq-67>` is then
#
# (eq-115)=
# (eq-116)=
# (eq-117)=
# (eq-118)=
# (eq-119)=
# (eq-120)=
# \begin{align}
# \dot{\bar w}&=\tfrac12\,(F^w_++F^w_-),\tag{115}\\
# \dot{\bar m}&=\tfrac12\,(F^m_++F^m_-),\tag{116}\\
# \dot\Sigma_{ww}&=-2\Sigma_{ww}+\tfrac14\big((F^w_+)^2+(F^w_-)^2\big),\tag{117}\\
# \dot\Sigma_{wm}&=-2\Sigma_{wm}+\tfrac14\big(F^w_+F^m_++F^w_-F^m_-\big),\tag{118}\\
# \dot\Sigma_{mw}&=-2\Sigma_{mw}+\tfrac14\big(F^m_+F^w_++F^m_-F^w_-\big),\tag{119}\\
# \dot\Sigma_{mm}&=-2\Sigma_{mm}+\tfrac14\big((F^m_+)^2+(F^m_-)^2\big).\tag{120}
# \end{align}
#
# The two mixed entries obey the same equation; one suffices. Below, the left sides come from the
# update rules: one step, minus the point.

# %%
page.holds((111, 112), ends_of("heavy_ball"))
page.holds((113, 114), ends_of("nesterov"))
velocity, rate = c.flow("heavy_ball", g)
page.holds((115, 116, 117, 118, 119, 120), ends_of("heavy_ball") | rates_of(velocity, rate))

# %% [markdown]
# And the library's flow, one short Euler substep from a random rod on the quartic of
# {ref}`(138) <eq-138>`:

# %%
import numpy as np

from rodflow_book.derivations.numeric import extent_of, numbers, stacked, substep
from rodflow_core.extent import rod as rank_one
from rodflow_core.flows import RodFlow, RodState
from rodflow_core.landscapes import Linear, Quartic
from rodflow_core.optimizers import make_rule
from rodflow_core.simulate import iterate, side_by_side

MOMENTA = ("heavy_ball", "nesterov")
rules = {name: make_rule(name, learning_rate, beta1=beta_value) for name in MOMENTA}
values = {eta: learning_rate, beta: beta_value, S: 7.0, kappa: 0.9}
well = Quartic(numbers([7.0]), numbers(0.9))
for name, rule in rules.items():
    place, half = np.array([0.3, -0.4]), np.array([0.5, 1.1])
    before = RodState(numbers(place), None, rank_one(numbers(half)))
    after = substep(RodFlow(rule, well), before, 0, 1e-3)
    at = {w: 0.3, m: -0.4, delta: 0.5, mu: 1.1, c.S_ww: 0.25, c.S_wm: 0.55, c.S_mm: 1.21} | values
    velocity, rate = (np.array(side.subs(at), dtype=float) for side in c.flow(name, c.quartic))
    close((115, 116), (after.z.numpy() - place) / 1e-3, velocity[:, 0], 1e-11)
    change = (after.extent.dense() - before.extent.dense()).numpy() / 1e-3
    close((117, 118, 119, 120), change, rate, 1e-11)

# %% [markdown]
# ## On a slope: drift
#
# Let $L=gw$. The gradient is the same everywhere, so that heavy ball and Nesterov are one. The moment
# averages a constant,
#
# (eq-121)=
# $$
# \dot{\bar m}=(1-\beta)\,(g-\bar m),\tag{121}
# $$
#
# and arrives at $\bar m^*=g$. From there on the centre moves at the speed
#
# (eq-122)=
# $$
# \dot{\bar w}=-\eta\,g.\tag{122}
# $$
#
# With $\bar m=g$ the displacements at the two ends are $F^w_\pm=-\eta(g\pm\beta\mu)$ and
# $F^m_\pm=\mp(1-\beta)\mu$. Their squares and products leave
#
# (eq-123)=
# (eq-124)=
# (eq-125)=
# \begin{align}
# \dot\Sigma_{ww}&=-2\Sigma_{ww}+\tfrac{\eta^2}2\big(g^2+\beta^2\mu^2\big),\tag{123}\\
# \dot\Sigma_{wm}&=-2\Sigma_{wm}+\tfrac{\eta}2\,\beta(1-\beta)\,\mu^2,\tag{124}\\
# \dot\Sigma_{mm}&=-2\Sigma_{mm}+\tfrac12\,(1-\beta)^2\mu^2.\tag{125}
# \end{align}
#
# The rod's $\mu^2$ is at most $\Sigma_{mm}$, so the last equation decays at a rate of at least
# $2-\frac12(1-\beta)^2>0$. With it go $\mu$ and, by the second equation, $\Sigma_{wm}$. What stays is
#
# (eq-126)=
# (eq-127)=
# \begin{align}
# \Sigma_{ww}^*&=\tfrac14\,\eta^2g^2,\tag{126}\\
# \Sigma_{wm}^*&=\Sigma_{mm}^*=0,\tag{127}
# \end{align}
#
# a rod of half a step, $|\delta|=\frac12\eta|g|$: not an oscillation but the distance of two consecutive
# iterates on their way.

# %%
slope = c.slope
for name in MOMENTA:
    velocity, rate = c.flow(name, c.linear)
    page.holds(121, rates_of(velocity, rate) | {"g": slope})
    velocity, rate = velocity.subs(m, slope), rate.subs(m, slope)
    page.holds((122, 123, 124, 125), rates_of(velocity, rate) | {"g": slope})
    (still,) = sp.solve(list(rate.subs(mu, 0)), list(c.ENTRIES.values()), dict=True)
    entries = {rf"\Sigma_{{{key}}}^*": still[s] for key, s in c.ENTRIES.items()}
    page.holds((126, 127), entries | {"g": slope})
positive(125, 2 - (1 - beta) ** 2 / 2)
target = c.extent.subs(still)
agree(
    (126, 127),
    target,
    lambda s, e: theory.linear_steady_state(s, e).extent,
    (slope, eta),
)
agree(122, -eta * slope, lambda s, e: theory.linear_steady_state(s, e).velocity, (slope, eta))

ramp = Linear(numbers([slope_value]))
drift = side_by_side(rules["heavy_ball"], ramp, [0.0, 0.0], 30, substeps=20)
steady = theory.linear_steady_state(slope_value, learning_rate)
close(121, drift.centre[-1, 1], slope_value, 1e-4)
close(122, drift.centre[-1, 0] - drift.centre[-2, 0], steady.velocity, 1e-4)
close(126, drift.half[-1, 0] ** 2, steady.extent[0, 0], 1e-4)
close(127, 1 + (drift.half[-1, 1] / drift.half[-1, 0]) ** 2, 1.0, 1e-4)

# %% [markdown]
# ## In a valley: the threshold
#
# Let $L=\frac12Sw^2$. Heavy ball's $F$ is linear, $F(z)=Az$, and so is the motion of the centre:
#
# (eq-128)=
# $$
# \begin{pmatrix}\dot{\bar w}\\\dot{\bar m}\end{pmatrix}=A\begin{pmatrix}\bar w\\\bar m\end{pmatrix},\qquad
# A=\begin{pmatrix}-\eta(1-\beta)S&-\eta\beta\\(1-\beta)S&-(1-\beta)\end{pmatrix}.\tag{128}
# $$
#
# Its eigenvalues are the roots of
#
# (eq-129)=
# $$
# \lambda^2-({\rm tr}\,A)\,\lambda+\det A=0,\tag{129}
# $$
#
# with ${\rm tr}\,A=-(1-\beta)(1+\eta S)$ and $\det A=\eta(1-\beta)^2S+\eta\beta(1-\beta)S=\eta(1-\beta)S$. For
# $\eta,S>0$ and $0\le\beta<1$,
#
# (eq-130)=
# $$
# \lambda_1+\lambda_2={\rm tr}\,A<0,\qquad\lambda_1\lambda_2=\det A>0,\tag{130}
# $$
#
# so that both real parts are negative, at any sharpness: the centre decays to the minimum.

# %%
A = c.flow_matrix("heavy_ball")
velocity, rate = c.flow("heavy_ball", c.quadratic)
page.holds(128, rates_of(velocity, rate) | {"A": A})
page.asks(129, c.characteristic(A), {"A": A})
same(130, [A.trace(), A.det()], [-(1 - beta) * (1 + eta * S), eta * (1 - beta) * S])
first, second = sp.solve(c.characteristic(A), lam)
eigenvalues = {"A": A, r"\lambda_1": first, r"\lambda_2": second}
page.holds(130, eigenvalues)
page.says(130, 0, eigenvalues, side=2)
agree(128, A, lambda s, e, x: theory.flow_matrix("heavy_ball", s, e, x), (S, eta, beta))
agree(
    130,
    [A.trace(), A.det()],
    lambda s, e, x: theory.flow_trace_determinant("heavy_ball", s, e, x),
    (S, eta, beta),
)

# %% [markdown]
# With the centre at rest, the ends of a rod $\Sigma=\delta_z\delta_z^\top$ give $F_\pm=\pm A\delta_z$, hence
# $\dot\Sigma=-2\Sigma+\frac12A\delta_z\delta_z^\top A^\top$. That is linear in $\Sigma$, by the operator
#
# (eq-131)=
# $$
# \mathcal L(\Sigma)=-2\,\Sigma+\tfrac12\,A\,\Sigma\,A^\top.\tag{131}
# $$
#
# If $Av_i=\lambda_iv_i$, then $\mathcal L$ multiplies $v_iv_j^\top+v_jv_i^\top$ by
# $-2+\frac12\lambda_i\lambda_j$. There are three such products, and $\Sigma=0$ is stable if all three have
# negative real parts. The mixed one has if
#
# (eq-132)=
# $$
# \lambda_1\lambda_2<4,\tag{132}
# $$
#
# and it has for every sharpness below $S_{\rm HB}$, since there
#
# (eq-133)=
# $$
# \lambda_1\lambda_2=\det A=\eta(1-\beta)S<2\,(1+\beta)<4.\tag{133}
# $$
#
# The other two need, for either eigenvalue,
#
# (eq-134)=
# $$
# {\rm Re}\,\lambda^2<4.\tag{134}
# $$
#
# A complex pair has ${\rm Re}\,\lambda^2\le|\lambda|^2=\det A<4$ by {ref}`(133) <eq-133>`. Real ones are both
# negative by {ref}`(130) <eq-130>`, so that $\lambda^2<4$ first fails where the more negative one reaches
# $-2$. Put $\lambda=-2$ into {ref}`(129) <eq-129>`:
#
# $$
# 4+2\,{\rm tr}\,A+\det A=2\,(1+\beta)-\eta(1-\beta)S=0,
# $$
#
# (eq-135)=
# $$
# S_{\rm HB}=\frac2\eta\,\frac{1+\beta}{1-\beta}.\tag{135}
# $$
#
# (Below it the product $(\lambda_1+2)(\lambda_2+2)$, which is the left side, is positive: real eigenvalues
# lie on one side of $-2$ both, and not below, or their product were more than 4.) So {ref}`(134) <eq-134>`
# holds up to this sharpness, where the largest ${\rm Re}\,\lambda^2$ is 4, and no further.
# This is {ref}`(81) <eq-81>` again. It had to be: $I+A$ is the optimizer's step, and $-2$ is an eigenvalue
# of $A$ where $-1$ is one of $I+A$. **The flow of the centre knows nothing of the threshold, the flow of
# the extent knows it exactly.**

# %%
at_rest = {w: 0, m: 0}
rank_one_extent = {c.S_ww: delta**2, c.S_wm: delta * mu, c.S_mm: mu**2}
moved = {r"\mathcal L(\Sigma)": rate.subs(at_rest).subs(rank_one_extent)}
page.holds(131, moved | {r"\Sigma": rod * rod.T, "A": A})
y = sp.Symbol("y", positive=True)
lam1, lam2 = sp.symbols("lambda_1 lambda_2")
three = sp.prod(sigma + 2 - product / 2 for product in (lam1**2, lam1 * lam2, lam2**2))
same(131, c.operator_polynomial(lam1 + lam2, lam1 * lam2), three)
S_HB = c.threshold("heavy_ball")
below = {S: S_HB / (1 + y)}  # any sharpness below the threshold
mixed_rate = -2 + lam1 * lam2 / 2  # negative iff the product is below 4
page.asks(132, 2 * mixed_rate, {r"\lambda_1": lam1, r"\lambda_2": lam2})
pair = {r"\lambda_1": first.subs(below), r"\lambda_2": second.subs(below)}
pair |= {"A": A.subs(below), "S": S.subs(below)}
page.holds(133, pair)
page.says(133, page.sides(132, pair)[-1], pair)  # the bound that (132) asks for
at_edge = c.characteristic(A).subs(lam, -2)
same(135, at_edge, 2 * (1 + beta) - eta * (1 - beta) * S)
page.holds(135, {r"S_{\rm HB}": S_HB})
agree(135, S_HB, theory.heavy_ball_threshold, (eta, beta))

# %%
u, v = sp.symbols("u v", real=True)
own_rate = sp.re(sp.expand(-2 + (u + sp.I * v) ** 2 / 2))  # of an eigenvalue with itself
page.asks(134, 2 * own_rate, {r"\lambda": u + sp.I * v})
same(134, (u + sp.I * v) * (u - sp.I * v) - (2 * own_rate + 4), 2 * v**2)  # |x|^2 - Re x^2
positive(134, 4 - A.det().subs(below))  # a complex pair, and real ones not both below -2
positive(134, at_edge.subs(below))  # real ones, not on both sides of -2


def largest_square(rate, b, ratio=1.0):
    """Largest Re(lambda^2) of A at a sharpness, in thresholds of heavy ball."""
    sharpness = ratio * theory.heavy_ball_threshold(rate, b)
    eigenvalues = np.linalg.eigvals(theory.flow_matrix("heavy_ball", sharpness, rate, b))
    return (eigenvalues.astype(complex) ** 2).real.max()


agree(134, sp.Integer(4), largest_square, (eta, beta))  # reached at the threshold
draw = np.random.default_rng(5)
for rate, b in zip(draw.uniform(0.1, 1.5, 200), draw.uniform(0.02, 0.95, 200), strict=True):
    assert largest_square(rate, b, draw.uniform(0.01, 0.999)) < 4, "(134) below the threshold"
    assert largest_square(rate, b, draw.uniform(1.001, 2)) > 4, "(134) fails above the threshold"

# %% [markdown]
# Nesterov's gradient is $S(w-\eta\beta m)$. Again $F(z)=Az$, with $y=\eta(1-\beta)S$ and
#
# $$
# A=\begin{pmatrix}-y&-\eta\beta(1-y)\\(1-\beta)S&-(1-\beta)-\beta y\end{pmatrix},\qquad
# {\rm tr}\,A=-(1-\beta)(1+\eta S+\eta\beta S),\qquad\det A=y,
# $$
#
# so the centre decays here too. The extent obeys {ref}`(131) <eq-131>` with this $A$, and at
# $\lambda=-2$
#
# (eq-136)=
# $$
# 4-2(1-\beta)(1+\eta S+\eta\beta S)+\eta(1-\beta)S=0,\tag{136}
# $$
#
# which is $2(1+\beta)=\eta(1-\beta)(1+2\beta)S$:
#
# (eq-137)=
# $$
# S_{\rm NAG}=\frac{2\,(1+\beta)}{\eta\,(1-\beta)(1+2\beta)}.\tag{137}
# $$

# %%
step = eta * (1 - beta) * S
A_nag = c.flow_matrix("nesterov")
by_text = [[-step, -eta * beta * (1 - step)], [(1 - beta) * S, -(1 - beta) - beta * step]]
same(136, A_nag, sp.Matrix(by_text))
same(136, [A_nag.trace(), A_nag.det()], [-(1 - beta) * (1 + eta * S + eta * beta * S), step])
page.asks(136, c.characteristic(A_nag).subs(lam, -2))
S_NAG = c.threshold("nesterov")
page.holds(137, {r"S_{\rm NAG}": S_NAG})
agree(136, A_nag, lambda s, e, x: theory.flow_matrix("nesterov", s, e, x), (S, eta, beta))
agree(137, S_NAG, theory.nesterov_threshold, (eta, beta))

# %% tags=["hide-input"]
ratios = np.linspace(0, 1.2, 241)
rates = {}
for number, name in {135: "heavy_ball", 137: "nesterov"}.items():
    limit = rules[name].threshold
    matrices = theory.flow_matrix(name, ratios * limit, learning_rate, beta_value)
    rates[name] = np.array([theory.extent_operator_eigenvalues(a).real for a in matrices])
    largest = rates[name].max(1)
    assert (largest[ratios < 1 - 1e-9] < 0).all() and (largest[ratios > 1 + 1e-9] > 0).all()
    close(number, largest[np.argmin(np.abs(ratios - 1))] + 1, 1.0, 1e-9)

# %% tags=["remove-cell"]
import pandas as pd

from rodflow_book.figures import appendix_c3 as draw_c3
from rodflow_book.figures import files

about = files.page_manifest(
    "notebooks/appendix_c3.py",
    learning_rate=learning_rate,
    beta=beta_value,
    kappa=kappa_value,
    excess=excess,
    slope=slope_value,
    substeps=substeps,
)
slope_series = {
    "disc": drift.optimizer_half**2,
    "rod": drift.half**2,
    "target": [steady.extent[0, 0]],
}
columns = {"ratio": ratios}
for name in MOMENTA:
    columns |= {f"{name}_rate_{k}": rates[name][:, k] for k in range(3)}
files.save(
    "appendix-c3-slope-valley",
    lambda: draw_c3.slope_and_valley_figure(slope_series, ratios, rates),
    pd.DataFrame(columns),
    figures,
    manifest=about,
    alt="Left: on a linear loss the weight entry of the extent settles at a quarter of the squared step, "
    "the moment entry decays to nothing, for iterates and rod flow. Right: the three rates of the "
    "extent on a quadratic against sharpness over threshold, for heavy ball and Nesterov; the largest "
    "of each crosses zero at the threshold.",
)

# %% [markdown]
# ```{figure} ../figures/appendix-c3-slope-valley.svg
# :name: fig-appendix-c3-slope-valley
# :alt: Left, on a linear loss the weight entry of the extent settles at a quarter of the squared step, the moment entry decays to nothing, for iterates and rod flow. Right, the three rates of the extent on a quadratic against sharpness over threshold, for heavy ball and Nesterov; the largest of each crosses zero at the threshold.
#
# **On a slope the rod is half a step; in a valley it grows above the threshold and no sooner.**
# Left: drift, {ref}`(126) <eq-126>` and {ref}`(127) <eq-127>`. Right: the rates at which an extent
# grows or decays on the quadratic; the thick line is the largest of the three.
# ```
#
# ## In a well: a rod of its own length
#
# The loss is sharpest at its minimum and flattens out,
#
# (eq-138)=
# $$
# L(w)=\tfrac12\,S\,w^2-\tfrac14\,\kappa\,w^4,\qquad\kappa>0,\tag{138}
# $$
#
# with $g(w)=Sw-\kappa w^3$, an odd function. Put the centre at the origin, $\bar z=0$. Then
#
# (eq-139)=
# (eq-140)=
# (eq-141)=
# \begin{align}
# \bar g&=\tfrac12\big(g(\delta)+g(-\delta)\big)=0,\tag{139}\\
# \dot{\bar w}&=-\eta\,\big(\beta\bar m+(1-\beta)\,\bar g\big)=0,\tag{140}\\
# \dot{\bar m}&=(1-\beta)\,(\bar g-\bar m)=0,\tag{141}
# \end{align}
#
# and it stays there. Moreover $F_-=F(-\delta_z)=-F(\delta_z)=-F_+$, the two outer products are one, and with
# $F=F(\delta_z)$
#
# (eq-142)=
# $$
# \dot\Sigma=-2\,\Sigma+\tfrac12\,FF^\top.\tag{142}
# $$

# %%
same(138, c.quartic(w), S * w - kappa * w**3)
loss = sp.Lambda(w, sp.integrate(c.quartic(w), w))
for where in (page, chapter):
    where.holds(138, {"L": lambda at: loss(at), "w": w})
agree(138, c.quartic(w), theory.quartic_gradient, (w, S, kappa))
velocity, rate = (side.subs(at_rest) for side in c.flow("heavy_ball", c.quartic))
mean_gradient = (c.quartic(delta) + c.quartic(-delta)) / 2
still = rates_of(velocity, rate) | {r"\bar g": mean_gradient, "g": c.quartic, r"\bar m": 0}
page.holds((139, 140, 141), still)
# 0 = 0 says little of a formula, so the middle of (139) is compared with the mean of any gradient,
# and those of (140) and (141) with the rate of any centre.
own_mean = (g(delta) + g(-delta)) / 2
page.says(139, own_mean, {"g": g, r"\bar g": own_mean}, side=1)
anywhere = {r"\bar g": (g(w + delta) + g(w - delta)) / 2}
for number, own in zip((140, 141), c.flow("heavy_ball", g)[0], strict=True):
    page.says(number, own, rates_of(velocity, rate) | anywhere, side=1)
F = c.displacement("heavy_ball", c.quartic, rod)
same(142, c.displacement("heavy_ball", c.quartic, -rod), -F)
page.holds(142, {r"\dot\Sigma": rate, r"\Sigma": c.extent, "F": F})

# %% [markdown]
# A fixed point has
#
# (eq-143)=
# $$
# \Sigma=\tfrac14\,FF^\top,\tag{143}
# $$
#
# in components
#
# (eq-144)=
# (eq-145)=
# (eq-146)=
# \begin{align}
# \Sigma_{ww}&=\tfrac14\,(F^w)^2,\tag{144}\\
# \Sigma_{wm}&=\tfrac14\,F^wF^m,\tag{145}\\
# \Sigma_{mm}&=\tfrac14\,(F^m)^2.\tag{146}
# \end{align}
#
# The right side has rank one, so $\Sigma=\delta_z\delta_z^\top$, and two vectors with the same outer product
# are equal up to a sign:
#
# (eq-147)=
# $$
# F(\delta_z)=\pm2\,\delta_z.\tag{147}
# $$
#
# A step from one end of the rod should lead to the other,
#
# (eq-148)=
# $$
# \delta_z+F(\delta_z)=-\delta_z,\tag{148}
# $$
#
# which is the lower sign:
#
# (eq-149)=
# $$
# F(\delta_z)=-2\,\delta_z.\tag{149}
# $$
#
# (With the upper sign a step leads outwards from both ends. Such a rod exists, beyond the loss's summits;
# {ref}`the page on gradient descent <eq-56>` met it as the unstable border of the well.)

# %%
(fixed,) = sp.solve(list(rate), list(c.ENTRIES.values()), dict=True)
page.holds(143, {r"\Sigma": c.extent.subs(fixed), "F": F})
entries = {rf"\Sigma_{{{key}}}": fixed[s] for key, s in c.ENTRIES.items()}
page.holds((144, 145, 146), entries | {"F^w": F[0], "F^m": F[1]})
# Which displacements have four times the rod's outer product? Solved, not put in.
f = sp.Matrix(sp.symbols("f_w f_m"))
two = sp.solve(list(f * f.T - 4 * rod * rod.T), list(f), dict=True)
upper, lower = sorted(two, key=lambda solution: solution[f[0]] != 2 * delta)
page.says(147, f.subs(upper), {"F": lambda z: f}, side=1)
page.says(147, f.subs(lower), {"F": lambda z: f}, side=3)


def one_step(state):
    """Heavy ball's update of weight and moment, (57) and (58)."""
    new_moment = beta * state[1] + (1 - beta) * g(state[0])
    return sp.Matrix([state[0] - eta * new_moment, new_moment])


update = {"F": lambda z: c.displacement("heavy_ball", g, z)}
page.asks(148, one_step(rod) - (-rod), update)  # from one end of the rod to the other
page.asks(149, one_step(rod) + rod, update)

# %% [markdown]
# {ref}`(149) <eq-149>` is two scalar equations,
#
# (eq-150)=
# (eq-151)=
# \begin{align}
# -\eta\,\big(\beta\mu+(1-\beta)\,g(\delta)\big)&=-2\,\delta,\tag{150}\\
# (1-\beta)\,\big(g(\delta)-\mu\big)&=-2\,\mu.\tag{151}
# \end{align}
#
# The second gives the moment,
#
# (eq-152)=
# $$
# \mu=-\frac{1-\beta}{1+\beta}\,g(\delta).\tag{152}
# $$
#
# In the first, $\beta\mu+(1-\beta)g=(1-\beta)\,g\,\big(1-\frac{\beta}{1+\beta}\big)=\frac{1-\beta}{1+\beta}\,g$, so
# that
#
# (eq-153)=
# $$
# \frac{g(\delta)}{\delta}=\frac2\eta\,\frac{1+\beta}{1-\beta}=S_{\rm HB}.\tag{153}
# $$
#
# The gradient changes by $2g(\delta)$ over the rod's length $2\delta$. So the left side is **the average
# curvature along the rod**, and it must be the threshold. This holds for every even loss. A parabola has
# the same curvature everywhere, which is why at its threshold a rod of any length will do. Here
#
# (eq-154)=
# (eq-155)=
# (eq-156)=
# \begin{align}
# \frac{g(\delta)}{\delta}&=S-\kappa\,\delta^2,\tag{154}\\[4pt]
# S-\kappa\,\delta_*^2&=S_{\rm HB},\tag{155}\\[4pt]
# \delta_*^2&=\frac{S-S_{\rm HB}}\kappa,\tag{156}
# \end{align}
#
# and since $\kappa>0$ there is such a rod exactly if $S>S_{\rm HB}$. Its moment, by {ref}`(152) <eq-152>`
# with $g(\delta_*)=S_{\rm HB}\,\delta_*$, is $-\frac{1-\beta}{1+\beta}\,S_{\rm HB}\,\delta_*$, that is
#
# (eq-157)=
# (eq-158)=
# \begin{align}
# \mu_*&=-\frac2\eta\,\delta_*,\tag{157}\\[4pt]
# \Sigma_*&=\delta_*^2\begin{pmatrix}1&-2/\eta\\-2/\eta&4/\eta^2\end{pmatrix}.\tag{158}
# \end{align}

# %%
general = c.displacement("heavy_ball", g, rod) + 2 * rod
page.asks(150, general[0], {"g": g})
page.asks(151, general[1], {"g": g})
(moment,) = sp.solve(general[1], mu)
page.holds(152, {r"\mu": moment, "g": g})
(force,) = sp.solve(general[0].subs(mu, moment), g(delta))
page.holds(153, {"g(\\delta)": force, r"S_{\rm HB}": S_HB})
page.holds(154, {"g": c.quartic})
square, ratio = c.fixed_rods("heavy_ball")
length = sp.Symbol("delta", positive=True)  # delta_*, whose square is known
same(157, moment.subs(g(delta), S_HB * delta), ratio * delta)
star = {r"\delta_*^2": square, r"\delta_*": length, r"\mu_*": ratio * length}
star |= {r"S_{\rm HB}": S_HB, r"\Sigma_*": square * sp.Matrix([[1, ratio], [ratio, ratio**2]])}
page.holds((155, 156, 157, 158), star)
chapter.holds((155, 156, 157, 158), star)
Sigma_star = star[r"\Sigma_*"]
# And as an orbit of the update itself: this end is led to the other one.
end = sp.Matrix([length, ratio * length])
landed = one_step(end).subs(g(length), c.quartic(length))
same((148, 149), (landed / length).expand().subs(length**2, square), -end / length)
sharp = {S: (900.0, 2000.0), eta: (0.1, 1.5), beta: (0.02, 0.9)}  # above every threshold there
fixed_point = theory.quartic_fixed_point
agree(
    158,
    Sigma_star,
    lambda s, k, e, x: fixed_point("heavy_ball", s, k, e, x).extent,
    (S, kappa, eta, beta),
    sharp,
)
agree(
    (156, 157),
    [sp.sqrt(square), -2 / eta * sp.sqrt(square)],
    lambda s, k, e, x: fixed_point("heavy_ball", s, k, e, x)[:2],
    (S, kappa, eta, beta),
    sharp,
)
agree((154,), S - kappa * delta**2, theory.quartic_average_curvature, (delta, S, kappa))

# %% [markdown]
# The same steps for Nesterov (which the paper leaves to the reader) put the condition on the points where
# *its* gradients are taken. Their half-distance $\delta-\eta\beta\mu=(1+2\beta)\,\delta$ is what settles at
# $\sqrt{(S-S_{\rm NAG})/\kappa}$, so that
#
# $$
# \delta_*=\frac1{1+2\beta}\sqrt{\frac{S-S_{\rm NAG}}{\kappa}},\qquad\mu_*=-\frac2\eta\,\delta_* .
# $$

# %%
square_nag = (S - S_NAG) / kappa / (1 + 2 * beta) ** 2
same((156, 157), c.fixed_rods("nesterov"), (square_nag, -2 / eta))
agree(
    (156, 157),
    [sp.sqrt(square_nag), -2 / eta * sp.sqrt(square_nag)],
    lambda s, k, e, x: fixed_point("nesterov", s, k, e, x)[:2],
    (S, kappa, eta, beta),
    sharp,
)

# %% [markdown]
# ## Is it stable?
#
# Let $f(\Sigma)$ be the right side of {ref}`(142) <eq-142>`. A small symmetric $\delta\Sigma$ changes it by
# $-2\,\delta\Sigma+\frac12\big(F\,(J\dot x)^\top+(J\dot x)\,F^\top\big)$, where $\dot x$ is the change of the rod
# $\delta_z$ that $\delta\Sigma$ brings about, and $J$ is the Jacobian of $F$,
#
# (eq-159)=
# $$
# J=\frac{\partial F}{\partial z}\Big|_{\delta_z}
# =\begin{pmatrix}-\eta(1-\beta)H&-\eta\beta\\(1-\beta)H&-(1-\beta)\end{pmatrix},\tag{159}
# $$
#
# which is {ref}`(128) <eq-128>` with the curvature at the rod's end,
#
# (eq-160)=
# $$
# H=L''(\delta_*)=S-3\kappa\,\delta_*^2.\tag{160}
# $$

# %%
H = c.H
J = c.jacobian("heavy_ball")
page.holds(159, {"J": J, r"\frac{\partial F}{\partial z}\Big|_{\delta_z}": J, "H": H})
curvature = c.quartic(w).diff(w).subs(w, length)
page.holds(160, {"H": curvature, r"L''(\delta_*)": curvature, r"\delta_*": length})

# %% [markdown]
# How does the rod change with $\Sigma$? Take the unit vector along the rod and the one across,
#
# (eq-161)=
# $$
# u_1=\frac{\delta_z}{|\delta_z|},\qquad u_2\perp u_1,\quad|u_2|=1,\qquad
# \Sigma_*=|\delta_z|^2\,u_1u_1^\top.\tag{161}
# $$
#
# The matrices of rank one form a cone of two dimensions in the three-dimensional space of symmetric
# matrices. A perturbation leads off that cone or along it.
#
# **Off the cone**, a second eigenvalue appears,
#
# (eq-162)=
# $$
# \delta\Sigma=\varepsilon\,u_2u_2^\top,\tag{162}
# $$
#
# (eq-163)=
# $$
# \Sigma_*+\delta\Sigma=|\delta_z|^2\,u_1u_1^\top+\varepsilon\,u_2u_2^\top.\tag{163}
# $$
#
# As long as $\varepsilon<|\delta_z|^2$ the principal eigenpair is what it was,
#
# (eq-164)=
# $$
# \frac{\partial\delta_z}{\partial\Sigma}\,[\delta\Sigma]=0,\tag{164}
# $$
#
# and of the change of $f$ only $-2\,\delta\Sigma$ is left: **off the cone, perturbations decay at the rate
# 2**, whatever the optimizer.
#
# **On the cone**, the rod itself moves, by $\xi$,
#
# (eq-165)=
# $$
# \delta\Sigma=\xi\,\delta_z^\top+\delta_z\,\xi^\top,\tag{165}
# $$
#
# which is $(\delta_z+\xi)(\delta_z+\xi)^\top-\Sigma_*$ to first order, so that
#
# (eq-166)=
# $$
# \frac{\partial\delta_z}{\partial\Sigma}\,[\delta\Sigma]=\xi.\tag{166}
# $$
#
# With $F(\delta_z)=-2\delta_z$ the change of $f$ is
# $-2(\xi\delta_z^\top+\delta_z\xi^\top)-\big((J\xi)\,\delta_z^\top+\delta_z(J\xi)^\top\big)$. It has the form of
# {ref}`(165) <eq-165>` again, with $-(2I+J)\,\xi$ for $\xi$:
#
# (eq-167)=
# $$
# \dot\xi=-(2I+J)\,\xi.\tag{167}
# $$
#
# SymPy finds the change of the rod by differentiating its definition, $\Sigma x=(x\cdot x)\,x$:

# %%
across = sp.Matrix([-mu, delta]) / sp.sqrt(delta**2 + mu**2)
along = rod / sp.sqrt(delta**2 + mu**2)
eps = sp.Symbol("epsilon", positive=True)
off = eps * across * across.T
frame = {"u_1": along, "u_2": across, r"\Sigma_*": rod * rod.T, r"\varepsilon": eps}
page.holds(161, frame)
page.holds((162, 163), frame | {r"\delta\Sigma": off})
same(
    (162, 163),
    [(rod * rod.T + off) * along, (rod * rod.T + off) * across],
    [rod.dot(rod) * along, eps * across],
)
change_of_rod = r"\frac{\partial\delta_z}{\partial\Sigma}\,[\delta\Sigma]"
page.holds(164, {change_of_rod: c.rod_derivative(off)})
same(164, c.linearised(off, J), -2 * off)
xi = sp.Matrix(sp.symbols("xi_1 xi_2"))
small = sp.Symbol("s")
on = ((rod + small * xi) * (rod + small * xi).T).diff(small).subs(small, 0)
page.holds(165, {r"\delta\Sigma": on, r"\xi": xi})
page.holds(166, {change_of_rod: c.rod_derivative(on), r"\xi": xi})
turned = c.linearised(on, J)
moved = c.rod_derivative(turned)
page.holds(167, {r"\dot\xi": moved, "J": J, r"\xi": xi})
same(167, turned, moved * rod.T + rod * moved.T)

# %% [markdown]
# If $\sigma$ is an eigenvalue of $-(2I+J)$, then
#
# (eq-168)=
# $$
# \lambda_J=-2-\sigma\tag{168}
# $$
#
# is one of $J$. Put it into $\lambda_J^2-({\rm tr}\,J)\,\lambda_J+\det J=0$ with
# ${\rm tr}\,J=-(1-\beta)(1+\eta H)$ and $\det J=\eta(1-\beta)H$. The linear coefficient is
# $4+{\rm tr}\,J$, the constant one $4+2\,{\rm tr}\,J+\det J=2(1+\beta)-\eta(1-\beta)H$:
#
# (eq-169)=
# $$
# \sigma^2+\big(3+\beta-\eta(1-\beta)H\big)\,\sigma+\eta(1-\beta)\,(S_{\rm HB}-H)=0.\tag{169}
# $$
#
# What is $H$? By {ref}`(155) <eq-155>`
#
# (eq-170)=
# $$
# \kappa\,\delta_*^2=S-S_{\rm HB},\tag{170}
# $$
#
# which {ref}`(160) <eq-160>` turns into
#
# (eq-171)=
# $$
# H=3\,S_{\rm HB}-2\,S.\tag{171}
# $$
#
# Then $S_{\rm HB}-H=2(S-S_{\rm HB})$, and with $\eta(1-\beta)S_{\rm HB}=2(1+\beta)$ the polynomial becomes
#
# $$
# \sigma^2+\big(2\eta(1-\beta)S-3-5\beta\big)\,\sigma+2\eta(1-\beta)\,(S-S_{\rm HB})=0 .
# $$
#
# Both real parts are negative if and only if both coefficients are positive. The constant one asks for
# $S>S_{\rm HB}$. The linear one asks for $S>\frac{3+5\beta}{2\eta(1-\beta)}$, which is less, since
# $3+5\beta<4+4\beta$. **The fixed rod is stable wherever it exists.**

# %%
(shifted,) = sp.solve(-2 - lam - sigma, lam)  # -(2 + J) has sigma where J has lambda
same(168, c.characteristic(J).subs(lam, shifted), c.rod_polynomial(J))
page.holds(168, {r"\lambda_J": shifted})
polynomial = c.rod_polynomial(J)
page.asks(169, polynomial, {"H": H, r"S_{\rm HB}": S_HB})
page.holds(170, star)
end_curvature = curvature.subs(length**2, square)
page.holds(171, star | {"H": end_curvature})
final = [1, 2 * eta * (1 - beta) * S - 3 - 5 * beta, 2 * eta * (1 - beta) * (S - S_HB)]
same((169, 171), sp.Poly(polynomial.subs(H, end_curvature), sigma).all_coeffs(), final)
zero = (3 + 5 * beta) / (2 * eta * (1 - beta))
positive(169, S_HB - zero)
agree(
    159,
    J.subs(H, end_curvature),
    lambda s, e, x: theory.quartic_jacobian("heavy_ball", s, e, x),
    (S, eta, beta),
)
agree(169, final, lambda s, e, x: theory.quartic_polynomial("heavy_ball", s, e, x), (S, eta, beta))
agree(
    171,
    end_curvature,
    lambda s, e, x: theory.quartic_curvature(s, theory.heavy_ball_threshold(e, x)),
    (S, eta, beta),
)
agree(169, zero, theory.heavy_ball_linear_coefficient_zero, (eta, beta))

# %% [markdown]
# ## Turn the knobs
#
# Heavy ball on the quartic, its centre and its rod, computed on this page by the same formulas:
# press *Play*, or move a slider with the mouse or with the arrow keys. Push $S$ over the threshold and the
# rod finds its length; push it past $\frac32S_{\rm HB}$ and the centre leaves.
#
# ```{include} ../quartic_widget.md
# ```

# %% [markdown]
# ## In numbers
#
# First the decay of perturbations: the library's nonlinear flow from a fixed rod with a small second
# eigenvalue beside it, and from one that was stretched and turned a little; against the linear
# equations; and for the second, heavy ball's own iterates ({numref}`fig-appendix-c3-cone`).

# %%
from scipy.linalg import expm

rule = rules["heavy_ball"]
sharpness = (1 + excess) * rule.threshold
well = Quartic(numbers([sharpness]), numbers(kappa_value))
fixed = theory.quartic_fixed_point("heavy_ball", sharpness, kappa_value, learning_rate, beta_value)
star = np.array(fixed[:2])
jacobian = theory.quartic_jacobian("heavy_ball", sharpness, learning_rate, beta_value)
flow, fine = RodFlow(rule, well), 100
unit, size = star / np.linalg.norm(star), np.linalg.norm(star)
frame = np.stack((unit, [-unit[1], unit[0]]), axis=1)

state = RodState(numbers([0, 0]), None, extent_of(frame, [size**2, 1e-3 * size**2]))
second, lengths = [1e-3 * size**2], []
for _ in range(4 * fine):
    state = substep(flow, state, 0, 1 / fine)
    second.append(float(state.extent.eigenvalues[1]))
off_time = np.arange(len(second)) / fine
off = {"time": off_time, "rod": np.array(second) / second[0], "form": np.exp(-2 * off_time)}
close(164, np.log(off["rod"][-1]), -2 * off_time[-1], 2e-2)
close(164, state.half_displacement.abs().numpy(), np.abs(star), 1e-9)
landed = stacked(iterate(rule, well, star, 2))
close((148, 149), landed, [star, -star, star], 1e-12)  # the optimizer, from end to end

push = 1e-4 * size * frame @ np.array([1.0, 0.5])
state = RodState(numbers([0, 0]), None, rank_one(numbers(star + push)))
moved = [push]
for _ in range(20 * fine):
    state = substep(flow, state, 0, 1 / fine)
    half = state.half_displacement.numpy()
    moved.append(half * np.sign(half[0]) - star)
on_time = np.arange(len(moved)) / fine
linear_answer = np.array([expm(-(2 * np.eye(2) + jacobian) * t) @ push for t in on_time[::fine]])
close(167, np.array(moved[::fine])[:6] / push, linear_answer[:6] / push, 2e-2, least=1.0)
z = stacked(iterate(rule, well, star + push, 20))
deviation = z * (-1.0) ** np.arange(21)[:, None] - star
sigma_value = np.roots(
    theory.quartic_polynomial("heavy_ball", sharpness, learning_rate, beta_value)
)[0]

# %% tags=["remove-cell"]
scale = np.array([1, learning_rate / 2])


def size_of(steps):
    """Length of deviations, in units in which the fixed rod is as wide as it is high."""
    return np.linalg.norm(np.asarray(steps) * scale, axis=1) / np.linalg.norm(push * scale)


exact = np.array([expm(-(2 * np.eye(2) + jacobian) * t) @ push for t in on_time[::10]])
on = {
    "time": on_time[::10],
    "rod": size_of(moved)[::10],
    "form": size_of(exact),
    "step": np.arange(21),
    "disc": size_of(deviation),
}
files.save(
    "appendix-c3-cone",
    lambda: draw_c3.cone_figure(off, on, sigma_value),
    pd.DataFrame({key: on[key] for key in ("time", "rod", "form")}),
    figures,
    manifest=about,
    alt="Left: off the cone a second eigenvalue of the extent decays as exp(-2t). Right: on the cone the "
    "rod's deviation from the fixed rod decays in waves under an exponential envelope; the nonlinear "
    "flow lies on the linear solution, and heavy ball's iterates decay at a similar rate.",
)


def field(x, y):
    """Rate of the principal half-displacement while the extent has rank one, per fixed rod."""
    half = np.stack((x * star[0], -y * star[1]))
    force = theory.quartic_gradient(half[0], sharpness, kappa_value)
    F = np.stack(
        (
            -learning_rate * (beta_value * half[1] + (1 - beta_value) * force),
            (1 - beta_value) * (force - half[1]),
        )
    )
    square = (half**2).sum(0)
    inner = (F * half).sum(0) / square
    rate = -half + inner**2 * half / 4 + inner * (F - inner * half) / 2
    return rate[0] / star[0], -rate[1] / star[1]


flows, pairs = [], []
for x, height in ((0.15, -0.1), (1.5, -0.6), (-0.9, 0.2), (1.2, 0.3)):
    begin = np.array([x * star[0], -height * star[1]])
    # A centre at rest: the iterates are the ends of the rod.
    state = RodState(numbers([0, 0]), None, rank_one(numbers(begin)))
    path = [begin]
    for _ in range(200):
        state = substep(flow, state, 0, 1 / 20)
        half = state.half_displacement.numpy()
        path.append(half * (1 if half @ (path[-1] * scale**2) >= 0 else -1))
    flows.append(np.array(path) / star * [1, -1])
    z = stacked(iterate(rule, well, begin, 30))
    pairs.append(z * (-1.0) ** np.arange(31)[:, None] / star * [1, -1])
close((156, 157), np.abs([path[-1] for path in flows[:3]]), 1.0, 2e-2)
close((156, 157), 1 + np.abs(flows[3][-1]), 1.0, 1e-2)  # the rod that dies
if (beta_value, excess) == (0.6, 0.1):  # what is said of this start is said of the page's own well
    close((156, 157), np.abs(pairs[3][-1]), 1.0, 0.1)  # though the iterates do not
files.save(
    "appendix-c3-phase",
    lambda: draw_c3.phase_figure(field, flows, [pairs[0], pairs[3]]),
    pd.DataFrame({"delta": flows[0][:, 0], "mu": flows[0][:, 1]}),
    figures,
    manifest=about,
    alt="Phase portrait of the half-displacement of weight and moment on the quartic. Rods that point "
    "roughly along the falling diagonal turn onto it and run to one of the two ends of the fixed rod. "
    "One that points along the rising diagonal shrinks to the origin, though heavy ball started at its "
    "end comes to the fixed rod as well.",
)

# %% [markdown]
# ```{figure} ../figures/appendix-c3-cone.svg
# :name: fig-appendix-c3-cone
# :alt: Left, off the cone a second eigenvalue of the extent decays as exp(-2t). Right, on the cone the rod's deviation from the fixed rod decays in waves under an exponential envelope; the nonlinear flow lies on the linear solution, and heavy ball's iterates decay at a similar rate.
#
# **Perturbations of the fixed rod die out.** Left: {ref}`(164) <eq-164>`. Right: {ref}`(167)
# <eq-167>`; at this sharpness the two eigenvalues $\sigma$ are a complex pair, and the rod's length
# and direction ring as they settle. Heavy ball's own deviation, the sign turned at every step,
# rings as well.
# ```
#
# **When does it ring?** Not at once. At the threshold the roots of {ref}`(169) <eq-169>` are 0 and
# $-(1-\beta)$, both real. With $x=2\eta(1-\beta)(S-S_{\rm HB})$ the polynomial is
# $\sigma^2+(1-\beta+x)\,\sigma+x$, its discriminant $(1-\beta+x)^2-4x$ has the zeros $x=(1\mp\sqrt\beta)^2$, and
# the roots are a complex pair between them:
#
# $$
# \frac{(1-\sqrt\beta)^2}{4\,(1+\beta)}<\frac S{S_{\rm HB}}-1<\frac{(1+\sqrt\beta)^2}{4\,(1+\beta)}.
# $$
#
# Closer to the threshold, and beyond, the rod settles without ringing.
#
# Heavy ball's deviation is multiplied by $-(I+J)$ at every step, so by $1+\sigma$ where the flow's grows by
# $e^\sigma$. The two agree where $\sigma$ is small. For a complex pair $|1+\sigma|^2=(1+\sigma_1)(1+\sigma_2)$, which
# is $\beta$ at any sharpness: the optimizer settles like $\beta^{t/2}$. The flow settles like
# $e^{-(1-\beta+x)t/2}$, slower than that where $x<\log\frac1\beta-(1-\beta)$ and faster beyond. They share the
# fixed rod and its stability, not the time it takes.

# %%
same(169, polynomial.subs(H, end_curvature).subs(sigma, -1), beta)
past = sp.Symbol("x", positive=True)
beyond = {S: S_HB + past / (2 * eta * (1 - beta))}
monic = sp.Poly(polynomial.subs(H, end_curvature).subs(beyond), sigma)
same(169, monic.all_coeffs(), [1, 1 - beta + past, past])
borders = [(1 - sp.sqrt(beta)) ** 2, (1 + sp.sqrt(beta)) ** 2]
same(169, monic.discriminant(), sp.prod(past - border for border in borders))
same(169, beyond[S] / S_HB - 1, past / (4 * (1 + beta)))
rings = [(1 + sign * np.sqrt(beta_value)) ** 2 / (4 * (1 + beta_value)) for sign in (-1, 1)]
for border in rings:
    for factor, pair in ((0.99, border == rings[1]), (1.01, border == rings[0])):
        roots = np.roots(
            theory.quartic_polynomial(
                "heavy_ball", (1 + factor * border) * rule.threshold, learning_rate, beta_value
            )
        )
        assert (np.abs(roots.imag).max() > 0) == pair, "a complex pair between the borders only"
assert (abs(sigma_value.imag) > 0) == (rings[0] < excess < rings[1])
even = (np.log(1 / beta_value) - (1 - beta_value)) / (4 * (1 + beta_value))
assert (np.exp(sigma_value.real) < np.sqrt(beta_value)) == (excess > even)
show(
    f"At $\\beta={beta_value:g}$ the rod rings from {100 * rings[0]:.1f}% to {100 * rings[1]:.0f}% above "
    f"the threshold, and settles faster than the optimizer from {100 * even:.1f}% on. The figure has "
    f"{100 * excess:g}%."
)

# %% [markdown]
# In the plane of the rod's two components this looks like {numref}`fig-appendix-c3-phase`.
#
# ```{figure} ../figures/appendix-c3-phase.svg
# :name: fig-appendix-c3-phase
# :alt: Phase portrait of the half-displacement of weight and moment on the quartic. Rods that point roughly along the falling diagonal turn onto it and run to one of the two ends of the fixed rod. One that points along the rising diagonal shrinks to the origin, though heavy ball started at its end comes to the fixed rod as well.
#
# **A rod goes to the fixed rod, unless it dies.** The phase portrait of $(\delta,\mu)$ on the
# quartic above the threshold, the centre at rest. Streamlines: the rod's rate while $\Sigma$ has
# rank one. Lines: the library's flow from four rods (squares). Dots: heavy ball started at the ends
# of two of them, the sign turned at every step. Both ends of the diagonal are the same rod.
# ```
#
# **What local stability leaves open.** The fourth rod dies. It points across the oscillation, the part of it
# that would grow becomes the second eigenvector of $\Sigma$, and a second eigenvector is not fed: it decays at
# the rate 2 of {ref}`(164) <eq-164>` while heavy ball, from the same end, recovers. So $\Sigma=0$, which
# {ref}`(131) <eq-131>` calls unstable above the threshold, still attracts the flow from some directions: the
# linear operator describes an extent all of whose parts are driven, the flow drives the principal one. On a
# network the same happens where a drift outgrows the oscillation, see {ref}`Adam's chapter <adam-regime>`.
# (Ours, not the paper's.)
#
# Last, the amplitude against the sharpness, for both ({numref}`fig-appendix-c3-bifurcation`). As
# {ref}`for gradient descent <eq-56>`, the analysis held the centre at the origin. Let go, the centre obeys
# $\dot{\bar z}=J\bar z$ at the fixed rod, which needs $\det J=\eta(1-\beta)H>0$, that is, $H>0$: by
# {ref}`(171) <eq-171>`, $S<\frac32S_{\rm HB}$. There the oscillation loses its symmetry, in the flow and in
# the optimizer. The iterates are started near the fixed rod: for $\beta=0.6$ and $S$ above about
# $1.4\,S_{\rm HB}$, heavy ball started from a small weight overshoots and leaves the well. (Beyond the paper.)

# %%
same(171, J.det().subs(H, end_curvature), 2 * eta * (1 - beta) * (3 * S_HB / 2 - S))

panels = {}
for name, rule in rules.items():
    unit = np.sqrt(rule.threshold / kappa_value)
    ratios = np.linspace(0.9, 1.6, 281)
    many = Quartic(numbers(ratios * rule.threshold), numbers(kappa_value))
    reach = 1 if name == "heavy_ball" else 1 + 2 * beta_value
    near = 1.02 * unit * np.sqrt(np.maximum(ratios - 1, 1e-4)) / reach
    start = np.concatenate((near, -2 / learning_rate * near))
    z = stacked(iterate(rule, many, start, 500)[-9:])[:, :281]
    z = np.where(np.abs(z) < 3 * unit, z, np.nan)  # what has left the well is not drawn
    late = np.abs(np.diff(z, axis=0)) / 2 / unit
    flow_ratios = np.array([0.95, 1.03, 1.1, 1.18, 1.26, 1.34, 1.42])
    rods = []
    for ratio in flow_ratios:
        well = Quartic(numbers([ratio * rule.threshold]), numbers(kappa_value))
        run = side_by_side(rule, well, [0.1 * unit, 0.0], 120, substeps=2)
        rods.append(abs(run.half[-1, 0]) / unit)
    form_ratios = np.linspace(1, 1.5, 300)
    form = (
        theory.quartic_fixed_point(
            name, form_ratios * rule.threshold + 1e-12, kappa_value, learning_rate, beta_value
        ).half_displacement
        / unit
    )
    exact = np.sqrt(np.maximum(flow_ratios - 1, 0)) / reach
    close((156,), rods, exact, 1e-2, least=0.05)
    inside = (ratios > 1.02) & (ratios < 1.48)
    close((156,), late[:, inside], np.sqrt(ratios[inside] - 1) / reach, 1e-3)
    panels[name] = {
        "ratios": ratios,
        "disc": late,
        "flow_ratios": flow_ratios,
        "rod": np.array(rods),
        "form_ratios": form_ratios,
        "form": form,
    }

# %% tags=["remove-cell"]
columns = {"ratio": flow_ratios}
for name in MOMENTA:
    columns[f"{name}_rod"] = panels[name]["rod"]
    columns[f"{name}_iterates"] = np.interp(flow_ratios, ratios, panels[name]["disc"][-1])
files.save(
    "appendix-c3-bifurcation",
    lambda: draw_c3.bifurcation_figure(panels),
    pd.DataFrame(columns),
    figures,
    manifest=about,
    alt="Settled half-displacement on the quartic against sharpness over threshold, for heavy ball and "
    "Nesterov. Zero below the threshold, then a square root on which iterates, rod flow and closed form "
    "agree; beyond one and a half thresholds the iterates leave the symmetric oscillation.",
)

# %% [markdown]
# ```{figure} ../figures/appendix-c3-bifurcation.svg
# :name: fig-appendix-c3-bifurcation
# :alt: Settled half-displacement on the quartic against sharpness over threshold, for heavy ball and Nesterov. Zero below the threshold, then a square root on which iterates, rod flow and closed form agree; beyond one and a half thresholds the iterates leave the symmetric oscillation.
#
# **Nesterov's oscillation settles at an amplitude shorter by $1+2\beta$ than heavy ball's.** It
# feels the flattening further out than it goes.
# ```

# %% tags=["hide-input"]
worst = {
    name: np.abs(
        panel["rod"]
        - np.sqrt(np.maximum(panel["flow_ratios"] - 1, 0))
        / (1 if name == "heavy_ball" else 1 + 2 * beta_value)
    ).max()
    for name, panel in panels.items()
}
show(
    f"Measured: the settled rod flow is within {worst['heavy_ball']:.1g} of {{ref}}`(156) <eq-156>` for heavy "
    f"ball and {worst['nesterov']:.1g} for Nesterov (in units of $\\sqrt{{S_{{\\rm thr}}/\\kappa}}$). The "
    f"eigenvalues of {{ref}}`(169) <eq-169>` at {1 + excess:g} times the threshold have the real part "
    f"{sigma_value.real:.3f}; the second eigenvalue of the extent decays at the rate "
    f"{-np.log(off['rod'][-1]) / off_time[-1]:.3f} (Euler's {fine} substeps a step; exactly 2)."
)

# %% tags=["hide-input"]
from rodflow_book.derivations.ledger import show_checked

show_checked()
