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
# # C.2 Thresholds of heavy ball and Nesterov
#
# **The claim.** On a quadratic, heavy ball and Nesterov are linear maps of two consecutive weights.
# As the sharpness grows, one eigenvalue leaves the unit disc, and it leaves through $-1$: at a
# threshold of its own, each settles into an oscillation of period two. Momentum raises the threshold
# of gradient descent, Nesterov's look-ahead takes part of that back; and at its threshold heavy ball
# amplifies the weight it starts from, while Nesterov dampens it.

# %% tags=["parameters", "hide-input"]
learning_rate = 0.1  # a finite number above 0 and at most 10
beta_value = 0.7  # a finite number above 0 and below 0.95
steps = 30  # a whole number of at least 10 and at most 1000
substeps = 10  # a whole number of at least 1 and at most 100
figures = "build/figures"  # a folder that can be made or written to

# %% tags=["hide-input"]
from rodflow_book.notebook import check_parameters, one_thread, show
from rodflow_core.experiments.parameters import real, whole

check_parameters(
    globals(),
    "figures",
    learning_rate=real(above=0, most=10),
    beta_value=real(above=0, below=0.95),
    steps=whole(least=10, most=1000),
    substeps=whole(least=1, most=100),
)
one_thread()

# %%
import sympy as sp

from rodflow_book.derivations import appendix_c2 as c
from rodflow_book.derivations.checks import agree, close, positive, same
from rodflow_book.derivations.printed import Page
from rodflow_book.derivations.symbols import S, beta, eta, lam
from rodflow_core import theory

w, w_before, w_next = c.w_now, c.w_before, c.w_next
page = Page(
    "appendix_c2",
    {
        r"\eta": eta,
        r"\beta": beta,
        "S": S,
        "g": c.g,
        r"\lambda": lam,
        "w_t": w,
        "w_{t-1}": w_before,
        "w_{t+1}": w_next,
    },
)

# %% [markdown]
# ## Heavy ball: one recurrence for the weight
#
# Heavy ball averages gradients into $m$ and steps by $-\eta m$, {ref}`(57) <eq-57>` and
# {ref}`(58) <eq-58>`. The moment is not independent of the weights: it is the last step, divided by
# $-\eta$.
#
# (eq-76)=
# $$
# m_{t+1}=\frac{w_t-w_{t+1}}{\eta}.\tag{76}
# $$
#
# One step earlier, $m_t=(w_{t-1}-w_t)/\eta$. Put both into {ref}`(57) <eq-57>`, multiply by $-\eta$ and
# solve for $w_{t+1}$:
#
# (eq-77)=
# $$
# w_{t+1}=w_t+\beta\,(w_t-w_{t-1})-\eta\,(1-\beta)\,g(w_t).\tag{77}
# $$
#
# This holds for any loss. For $L=\frac12Sw^2$ the gradient is $Sw_t$, and the weights obey a linear
# recurrence,
#
# (eq-78)=
# $$
# w_{t+1}=\big(1+\beta-\eta(1-\beta)S\big)\,w_t-\beta\,w_{t-1},\tag{78}
# $$
#
# or in matrix form
#
# (eq-79)=
# $$
# \begin{pmatrix}w_{t+1}\\w_t\end{pmatrix}=T\begin{pmatrix}w_t\\w_{t-1}\end{pmatrix},\qquad
# T=\begin{pmatrix}1+\beta-\eta(1-\beta)S&-\beta\\1&0\end{pmatrix}.\tag{79}
# $$

# %%
one_later = c.moment().subs({w_before: w, w: w_next}, simultaneous=True)
page.holds(76, {"m_{t+1}": one_later})
page.holds(77, {"w_{t+1}": c.recurrence("heavy_ball", c.g)})
page.holds(78, {"w_{t+1}": c.recurrence("heavy_ball")})
T = c.transition("heavy_ball")
page.holds(79, {"w_{t+1}": c.recurrence("heavy_ball"), "T": T})
agree(79, T, lambda s, e, x: theory.transition_matrix("heavy_ball", s, e, x), (S, eta, beta))

# %% [markdown]
# ## Where the eigenvalues leave the unit disc
#
# The characteristic equation $\det(\lambda I-T)=0$ is
#
# (eq-80)=
# $$
# \lambda^2-\big(1+\beta-\eta(1-\beta)S\big)\,\lambda+\beta=0.\tag{80}
# $$
#
# Its coefficients are real. A complex pair has the product $|\lambda|^2=\beta<1$ and stays inside. So
# an eigenvalue can leave only along the real axis: at $+1$, where the left side is $\eta(1-\beta)S>0$ and
# hence never zero, or at $-1$. There
#
# $$
# 1+\big(1+\beta-\eta(1-\beta)S\big)+\beta=0,
# $$
#
# and solved for the sharpness,
#
# (eq-81)=
# $$
# S_{\rm HB}=\frac2\eta\,\frac{1+\beta}{1-\beta}.\tag{81}
# $$
#
# The product of the eigenvalues is $\beta$ at any sharpness, so that the other one is then
#
# (eq-82)=
# $$
# \lambda_2=-\beta.\tag{82}
# $$

# %%
polynomial = c.characteristic(T)
page.asks(80, polynomial)
positive(80, 1 - T.det())  # a complex pair stays inside
positive(80, polynomial.subs(lam, 1))  # no crossing at +1
S_HB = c.threshold("heavy_ball")
page.holds(81, {r"S_{\rm HB}": S_HB})
Page("phase_space", page.names).holds(10, {r"S_{\rm HB}": S_HB})
page.holds(82, {r"\lambda_2": c.transient("heavy_ball")})
agree(81, S_HB, theory.heavy_ball_threshold, (eta, beta))
agree(82, -beta, lambda x: theory.transient_eigenvalue("heavy_ball", x), (beta,))

# %% [markdown]
# {numref}`fig-appendix-c2-plane` shows the same in the plane of trace and determinant, in which
# stability is a triangle. Heavy ball's determinant is $\beta$ throughout; its path is level and ends on
# the left edge. Nesterov's, derived below, runs down a line through the origin.

# %% tags=["remove-cell"]
import numpy as np
import pandas as pd

from rodflow_book.figures import appendix_c2 as draw_c2
from rodflow_book.figures import files

MOMENTA = ("heavy_ball", "nesterov")
ratios = np.linspace(0, 1.12, 561)
paths, eigenvalues = {}, {}
for name in MOMENTA:
    limit = theory.flip_threshold(name, learning_rate, beta_value)
    matrices = theory.transition_matrix(name, ratios * limit, learning_rate, beta_value)
    trace = np.trace(matrices, axis1=-2, axis2=-1)
    paths[name] = np.stack((trace, np.linalg.det(matrices)), axis=-1)
    eigenvalues[name] = np.linalg.eigvals(matrices).astype(complex)
    largest = np.abs(eigenvalues[name]).max(1)
    inside = (ratios > 0) & (ratios < 1 - 1e-9)
    assert (largest[inside] < 1).all() and (largest[ratios > 1 + 1e-9] > 1).all()
table = pd.DataFrame({"ratio": ratios})
for name in MOMENTA:
    table[f"{name}_trace"], table[f"{name}_determinant"] = paths[name].T
about = files.page_manifest(
    "notebooks/appendix_c2.py", learning_rate=learning_rate, beta=beta_value, substeps=substeps
)
files.save(
    "appendix-c2-plane",
    lambda: draw_c2.plane_figure(paths, eigenvalues, ratios),
    table,
    figures,
    manifest=about,
    alt="Left: the plane of trace and determinant with the stability triangle. As the sharpness grows, "
    "heavy ball moves left on a level line and Nesterov down a slanted one; both leave the triangle "
    "through its left edge, where an eigenvalue is -1. Right: their eigenvalues in the complex plane "
    "start on the real axis, circle as a complex pair inside the unit disc, meet the real axis again, "
    "and one leaves through -1.",
)

# %% [markdown]
# ```{figure} ../figures/appendix-c2-plane.svg
# :name: fig-appendix-c2-plane
# :alt: Left, the plane of trace and determinant with the stability triangle. As the sharpness grows, heavy ball moves left on a level line and Nesterov down a slanted one; both leave the triangle through its left edge, where an eigenvalue is -1. Right, their eigenvalues in the complex plane start on the real axis, circle as a complex pair inside the unit disc, meet the real axis again, and one leaves through -1.
#
# **Both optimizers become unstable through the left edge, that is, flipping sign at every step.**
# The transition matrix as the sharpness grows from 0 (open circles) to a little beyond the
# threshold (filled). Above the dotted parabola the eigenvalues are a complex pair.
# ```
#
# ## The two-period orbit
#
# At the threshold the matrix is
#
# (eq-83)=
# $$
# T=\begin{pmatrix}-(1+\beta)&-\beta\\1&0\end{pmatrix},\tag{83}
# $$
#
# with the eigenvectors, for $-1$ and for $-\beta$,
#
# (eq-84)=
# $$
# v_1=\begin{pmatrix}-1\\1\end{pmatrix},\qquad v_2=\begin{pmatrix}-\beta\\1\end{pmatrix}.\tag{84}
# $$
#
# The first is an oscillation that lasts, the second a transient. What an initial weight and moment
# have of each decides the amplitude. {ref}`(58) <eq-58>` one step before the first gives the weight
# that would have led there,
#
# (eq-85)=
# $$
# \begin{pmatrix}w_0\\w_{-1}\end{pmatrix}=\begin{pmatrix}w_0\\w_0+\eta m_0\end{pmatrix},\tag{85}
# $$
#
# and in the basis of eigenvectors
#
# (eq-86)=
# $$
# \begin{pmatrix}w_0\\w_0+\eta m_0\end{pmatrix}=a\,v_1+b\,v_2,\tag{86}
# $$
#
# which is to say
#
# (eq-87)=
# (eq-88)=
# \begin{align}
# -a-\beta b&=w_0,\tag{87}\\
# a+b&=w_0+\eta m_0.\tag{88}
# \end{align}
#
# Add the two: $(1-\beta)\,b=2w_0+\eta m_0$. Then take $a$ from the second:
#
# (eq-89)=
# $$
# a=-\frac{(1+\beta)\,w_0+\beta\eta m_0}{1-\beta},\qquad b=\frac{2w_0+\eta m_0}{1-\beta}.\tag{89}
# $$

# %%
critical = c.critical("heavy_ball")
v1, v2 = c.eigenvector(critical, -1), c.eigenvector(critical, -beta)
page.holds(83, {"T": critical})
page.holds(84, {"v_1": v1, "v_2": v2})
w_0, m_0 = c.w_0, c.m_0
state = c.first_state()
a, b = c.coefficients(sp.Matrix.hstack(v1, v2))
names = {"w_0": w_0, "m_0": m_0, "w_{-1}": state[1], "v_1": v1, "v_2": v2, "a": a, "b": b}
page.holds((85, 86, 87, 88, 89), names)
agree(83, critical, lambda x: theory.critical_transition_matrix("heavy_ball", x), (beta,))
agree(
    84, sp.Matrix.hstack(v1, v2), lambda x: theory.critical_eigenvectors("heavy_ball", x), (beta,)
)
agree(89, (a, b), lambda *p: theory.orbit_coefficients("heavy_ball", *p), (w_0, m_0, eta, beta))

# %% [markdown]
# Each step multiplies $v_1$ by $-1$ and $v_2$ by $-\beta$:
#
# (eq-90)=
# $$
# \begin{pmatrix}w_t\\w_{t-1}\end{pmatrix}=a\,(-1)^t\,v_1+b\,(-\beta)^t\,v_2.\tag{90}
# $$
#
# The second term dies out, and the first component of $v_1$ is $-1$, so that for large $t$
#
# (eq-91)=
# $$
# w_t\;\to\;(-1)^t\,\frac{(1+\beta)\,w_0+\beta\eta m_0}{1-\beta}.\tag{91}
# $$
#
# From rest, $m_0=0$, the amplitude is
#
# (eq-92)=
# $$
# \frac{1+\beta}{1-\beta}\,|w_0|,\tag{92}
# $$
#
# which is as large as momentum is long: 19 times the initial weight at $\beta=0.9$.


# %%
def orbit_holds(matrix, rate, a, b, v1, v2):
    """Derive both sides of (90), (108): at t = 0, and from any t to t + 1."""
    p, q = sp.symbols("p q")  # (-1)^t and rate^t, whatever t is
    ours = [a * v1 + b * v2, matrix * (p * a * v1 + q * b * v2)]
    return ours, [state, -p * a * v1 + rate * q * b * v2]


same(90, *orbit_holds(critical, -beta, a, b, v1, v2))
for t in (1, 2, 5):
    powers = c.power("heavy_ball", t)
    page.holds(90, names | {"t": sp.Integer(t), "w_t": powers[0], "w_{t-1}": powers[1]})
    agree(90, powers[0], lambda *p, t=t: theory.orbit("heavy_ball", t, *p), (w_0, m_0, eta, beta))
persistent = (a * v1)[0]
any_time, size = sp.Symbol("t", integer=True), sp.Symbol("w_0", positive=True)
page.holds(91, names | {"t": any_time, "w_t": persistent * (-1) ** any_time})
amplitude = persistent.subs({m_0: 0, w_0: size})
page.says(92, amplitude, {"w_0": size})
agree(
    (91, 92),
    sp.Abs(persistent),
    lambda *p: theory.orbit_amplitude("heavy_ball", *p),
    (w_0, m_0, eta, beta),
)

# %% [markdown]
# ## Nesterov
#
# Nesterov takes its gradient ahead, at $\tilde w_t=w_t-\eta\beta m_t$, {ref}`(69) <eq-69>`. With
# {ref}`(76) <eq-76>`, which is its position update too,
#
# (eq-93)=
# $$
# \tilde w_t=w_t+\beta\,(w_t-w_{t-1}).\tag{93}
# $$
#
# On the quadratic the moment's update {ref}`(70) <eq-70>` then reads
#
# (eq-94)=
# $$
# \frac{w_t-w_{t+1}}{\eta}=\beta\,\frac{w_{t-1}-w_t}{\eta}+(1-\beta)\,S\,\big(w_t+\beta\,(w_t-w_{t-1})\big),\tag{94}
# $$
#
# and solved for $w_{t+1}$,
#
# (eq-95)=
# $$
# w_{t+1}=w_t+\beta\,(w_t-w_{t-1})-\eta(1-\beta)S\,\big(w_t+\beta\,(w_t-w_{t-1})\big).\tag{95}
# $$
#
# The look-ahead point appears twice. With $y=\eta(1-\beta)S$,
#
# (eq-96)=
# $$
# w_{t+1}=(1+\beta)(1-y)\,w_t-\beta\,(1-y)\,w_{t-1}.\tag{96}
# $$

# %%
y = eta * (1 - beta) * S
page.holds(93, {r"\tilde w_t": c.look_ahead()})
page.holds((94, 95, 96), {"w_{t+1}": c.recurrence("nesterov"), "y": y})
T = c.transition("nesterov")
agree(96, T, lambda s, e, x: theory.transition_matrix("nesterov", s, e, x), (S, eta, beta))

# %% [markdown]
# The characteristic equation has now a constant term that depends on the sharpness:
#
# (eq-97)=
# $$
# \lambda^2-(1+\beta)(1-y)\,\lambda+\beta\,(1-y)=0.\tag{97}
# $$
#
# A complex pair needs a positive product $\beta(1-y)$, which is below $\beta$; so it stays inside again.
# At $\lambda=+1$ the left side is $y>0$. At $\lambda=-1$ it is $1+(1+\beta)(1-y)+\beta(1-y)$, which vanishes
# for
#
# (eq-98)=
# $$
# 1+(1+2\beta)(1-y)=0,\qquad\text{that is}\qquad y=\frac{2\,(1+\beta)}{1+2\beta},\tag{98}
# $$
#
# and $S=y/(\eta(1-\beta))$ gives the threshold
#
# (eq-99)=
# $$
# S_{\rm NAG}=\frac{2}{\eta}\,\frac{1+\beta}{(1-\beta)(1+2\beta)}.\tag{99}
# $$
#
# It is heavy ball's divided by $1+2\beta$. There $1-y=-1/(1+2\beta)$, so that the product of the
# eigenvalues is $-\beta/(1+2\beta)$, and with one of them $-1$ the other is
#
# (eq-100)=
# $$
# \lambda_2=\frac{\beta}{1+2\beta}.\tag{100}
# $$
#
# It is smaller than heavy ball's $\beta$, and positive: the transient is shorter and does not flip.

# %%
polynomial = c.characteristic(T)
page.asks(97, polynomial, {"y": y})
same(97, polynomial.subs(lam, 1), y)
positive(97, beta - (beta * (1 - y)))  # a complex pair stays inside
S_NAG = c.threshold("nesterov")
page.asks(98, polynomial.subs(lam, -1), {"y": y})
page.holds(98, {"y": y.subs(S, S_NAG)})
page.holds(99, {r"S_{\rm NAG}": S_NAG})
page.holds(100, {r"\lambda_2": c.transient("nesterov")})
positive(99, S_HB - S_NAG)
positive(100, beta - beta / (1 + 2 * beta))
agree(
    97,
    [1, -T.trace(), T.det()],
    lambda s, e, x: theory.characteristic_polynomial("nesterov", s, e, x),
    (S, eta, beta),
)
agree(99, S_NAG, theory.nesterov_threshold, (eta, beta))
agree(100, beta / (1 + 2 * beta), lambda x: theory.transient_eigenvalue("nesterov", x), (beta,))

# %% [markdown]
# At the threshold the matrix and its eigenvectors are
#
# (eq-101)=
# (eq-102)=
# \begin{align}
# T&=\begin{pmatrix}-\frac{1+\beta}{1+2\beta}&\frac{\beta}{1+2\beta}\\1&0\end{pmatrix},\tag{101}\\[4pt]
# v_1&=\begin{pmatrix}-1\\1\end{pmatrix},\qquad
# v_2=\begin{pmatrix}\frac{\beta}{1+2\beta}\\1\end{pmatrix}.\tag{102}
# \end{align}
#
# The initial state is that of heavy ball, since the position update is,
#
# (eq-103)=
# (eq-104)=
# \begin{align}
# \begin{pmatrix}w_0\\w_{-1}\end{pmatrix}&=\begin{pmatrix}w_0\\w_0+\eta m_0\end{pmatrix}\tag{103}\\
# &=a\,v_1+b\,v_2,\tag{104}
# \end{align}
#
# and so
#
# (eq-105)=
# (eq-106)=
# \begin{align}
# -a+\tfrac{\beta}{1+2\beta}\,b&=w_0,\tag{105}\\
# a+b&=w_0+\eta m_0.\tag{106}
# \end{align}
#
# Their sum is $\frac{1+3\beta}{1+2\beta}\,b=2w_0+\eta m_0$, hence
#
# (eq-107)=
# $$
# a=\frac{\beta\eta m_0-(1+\beta)\,w_0}{1+3\beta},\qquad
# b=\frac{(1+2\beta)(2w_0+\eta m_0)}{1+3\beta}.\tag{107}
# $$
#
# The state evolves as before,
#
# (eq-108)=
# $$
# \begin{pmatrix}w_t\\w_{t-1}\end{pmatrix}
# =a\,(-1)^t\,v_1+b\,\Big(\frac{\beta}{1+2\beta}\Big)^{t}\,v_2,\tag{108}
# $$
#
# with the amplitude $|a|$ in the end. From rest, $m_0=0$, this is
#
# (eq-109)=
# $$
# \frac{1+\beta}{1+3\beta}\,|w_0|,\tag{109}
# $$
#
# and for every $\beta$ between 0 and 1
#
# (eq-110)=
# $$
# \frac{1+\beta}{1+3\beta}<\frac{1+\beta}{1-\beta},\tag{110}
# $$
#
# as the denominators show. Indeed the left side is below 1 and the right side above it.

# %%
rate = beta / (1 + 2 * beta)
critical = c.critical("nesterov")
v1, v2 = c.eigenvector(critical, -1), c.eigenvector(critical, rate)
page.holds(101, {"T": critical})
page.holds(102, {"v_1": v1, "v_2": v2})
a, b = c.coefficients(sp.Matrix.hstack(v1, v2))
names |= {"v_1": v1, "v_2": v2, "a": a, "b": b}
page.holds((103, 105, 106, 107), names)
page.says(104, state, names)
same(108, *orbit_holds(critical, rate, a, b, v1, v2))
persistent = (a * v1)[0]
page.says(109, persistent.subs({m_0: 0, w_0: size}), {"w_0": size})
page.holds(110)
page.says(110, persistent.subs({m_0: 0, w_0: 1}), side=0)
page.says(110, amplitude / size, side=1)
positive(110, 1 - (1 + beta) / (1 + 3 * beta))
agree(101, critical, lambda x: theory.critical_transition_matrix("nesterov", x), (beta,))
agree(102, sp.Matrix.hstack(v1, v2), lambda x: theory.critical_eigenvectors("nesterov", x), (beta,))
agree(107, (a, b), lambda *p: theory.orbit_coefficients("nesterov", *p), (w_0, m_0, eta, beta))
for t in (0, 1, 5):
    powers = c.power("nesterov", t)
    page.holds(108, names | {"t": sp.Integer(t), "w_t": powers[0], "w_{t-1}": powers[1]})
    agree(108, powers[0], lambda *p, t=t: theory.orbit("nesterov", t, *p), (w_0, m_0, eta, beta))
agree(
    109,
    sp.Abs(persistent),
    lambda *p: theory.orbit_amplitude("nesterov", *p),
    (w_0, m_0, eta, beta),
)

# %% [markdown]
# ## In numbers
#
# Now the optimizers themselves, from $w_0=1$ at rest, each exactly at its threshold; and the rod flow
# from their first two iterates.

# %%
from rodflow_book.derivations.numeric import numbers
from rodflow_core.landscapes import Quadratic
from rodflow_core.optimizers import make_rule
from rodflow_core.simulate import side_by_side


def at_threshold(name, beta, steps):
    """Run an optimizer and its rod flow on the quadratic whose sharpness is the threshold."""
    rule = make_rule(name, learning_rate, beta1=beta)
    parabola = Quadratic(numbers([rule.threshold]))
    return side_by_side(rule, parabola, [1.0, 0.0], steps, substeps=substeps)


runs = {name: at_threshold(name, beta_value, steps) for name in MOMENTA}
forms = {
    name: theory.orbit(name, np.arange(steps + 1), 1.0, 0.0, learning_rate, beta_value)
    for name in MOMENTA
}
amplitudes = {
    name: theory.orbit_amplitude(name, 1.0, 0.0, learning_rate, beta_value) for name in MOMENTA
}
for number, name in {90: "heavy_ball", 108: "nesterov"}.items():
    close(number, runs[name].iterates[:, 0], forms[name], 1e-11)

# %% tags=["remove-cell"]
columns = {"step": np.arange(steps)}
for name in MOMENTA:
    columns |= {
        f"{name}_w": runs[name].iterates[:-1, 0],
        f"{name}_closed": forms[name][:-1],
        f"{name}_rod_centre": runs[name].centre[:, 0],
        f"{name}_rod_half": np.abs(runs[name].half[:, 0]),
    }
files.save(
    "appendix-c2-orbit",
    lambda: draw_c2.orbit_figure(runs, forms, amplitudes),
    pd.DataFrame(columns),
    figures,
    manifest=about,
    alt="Weights over optimizer steps at the threshold. Heavy ball grows from 1 to an oscillation of "
    "several times that amplitude, Nesterov shrinks to one of about half. The closed form lies on "
    "every iterate; the rod flow's ends settle too, for heavy ball at a smaller amplitude.",
)

betas = np.array([0.1, 0.25, 0.4, 0.55, 0.7, 0.8, 0.9])
points = {}
for name in MOMENTA:
    found = [at_threshold(name, value, int(12 + 12 / (1 - value))) for value in betas]
    points[name] = {
        "beta": betas,
        "disc": np.array([abs(run.optimizer_half[-1, 0]) for run in found]),
        "rod": np.array([abs(run.half[-1, 0]) for run in found]),
    }
    expected = theory.orbit_amplitude(name, 1.0, 0.0, learning_rate, betas)
    close({"heavy_ball": 92, "nesterov": 109}[name], points[name]["disc"], expected, 1e-4)
line_x = np.linspace(0, 0.95, 300)
lines = {name: theory.orbit_amplitude(name, 1.0, 0.0, learning_rate, line_x) for name in MOMENTA}
columns = {"beta": betas}
for name in MOMENTA:
    columns |= {f"{name}_{tag}": points[name][tag] for tag in ("disc", "rod")}
files.save(
    "appendix-c2-amplitude",
    lambda: draw_c2.amplitude_figure(line_x, lines, points),
    pd.DataFrame(columns),
    figures,
    manifest=about,
    alt="Amplitude at the threshold over the initial weight, against the momentum coefficient. Heavy "
    "ball's climbs from 1 to 19 at 0.9; Nesterov's falls from 1 to about one half. Settled iterates "
    "lie on the closed forms; the rod flow's points lie a little below them for heavy ball.",
)

# %% [markdown]
# ```{figure} ../figures/appendix-c2-orbit.svg
# :name: fig-appendix-c2-orbit
# :alt: Weights over optimizer steps at the threshold. Heavy ball grows from 1 to an oscillation of several times that amplitude, Nesterov shrinks to one of about half. The closed form lies on every iterate; the rod flow's ends settle too, for heavy ball at a smaller amplitude.
#
# **At the threshold a sum of two eigenvectors passes through every iterate; what is left of it
# after the transient is the two-period orbit.** Both optimizers start at the same weight.
# ```
#
# ```{figure} ../figures/appendix-c2-amplitude.svg
# :name: fig-appendix-c2-amplitude
# :alt: Amplitude at the threshold over the initial weight, against the momentum coefficient. Heavy ball's climbs from 1 to 19 at 0.9; Nesterov's falls from 1 to about one half. Settled iterates lie on the closed forms; the rod flow's points lie a little below them for heavy ball.
#
# **Heavy ball amplifies the orbit, Nesterov dampens it.** Lines: {ref}`(92) <eq-92>` and
# {ref}`(109) <eq-109>`.
# ```
#
# **Why the rod flow settles lower.** On a quadratic at its threshold every amplitude is an orbit, so
# nothing pulls towards a particular one: what is lost on the way stays lost. Project the extent on the
# left eigenvector $\ell$ of the oscillation, $\ell^\top A=-2\,\ell^\top$, with $A$ the matrix of
# $F(z)=Az$. By {ref}`(67) <eq-67>` with the centre at rest,
#
# $$
# \frac{d}{dt}\,\ell^\top\Sigma\,\ell=-2\,\ell^\top\Sigma\,\ell+\tfrac12\,(\ell^\top A\,\delta_z)^2
# =-2\,\ell^\top\big(\Sigma-\delta_z\delta_z^\top\big)\,\ell .
# $$
#
# While $\Sigma$ is a rod this is zero and the amplitude is kept exactly. While it relaxes and has a
# second eigenvector, whatever of the oscillation lies in that one decays. (Ours, not the paper's.) On
# a loss that flattens out there is one amplitude to come back to, and the flow finds it:
# {ref}`(156) <eq-156>` of {doc}`appendix C.3 <appendix_c3>`.

# %%
entries = sp.Matrix(2, 2, sp.symbols("A_11 A_12 A_21 A_22"))
extent = sp.Matrix([[*sp.symbols("s_1 s_2")], [*sp.symbols("s_2 s_3")]])
rod, left = sp.Matrix(sp.symbols("d_1 d_2")), sp.Matrix([[1, sp.Symbol("l")]])
condition = sp.solve(list(left * entries + 2 * left), [entries[0, 0], entries[0, 1]], dict=True)[0]
change = left * (-2 * extent + (entries * rod) * (entries * rod).T / 2) * left.T
same(67, change.subs(condition), -2 * left * (extent - rod * rod.T) * left.T)

# %% tags=["hide-input"]
loss = {name: 1 - points[name]["rod"][-1] / points[name]["disc"][-1] for name in MOMENTA}
show(
    f"Measured at $\\beta={beta_value:g}$, from $w_0=1$ at rest: heavy ball settles at "
    f"{abs(runs['heavy_ball'].optimizer_half[-1, 0]):.4f} "
    f"({{ref}}`(92) <eq-92>`: {amplitudes['heavy_ball']:.4f}), its rod flow at "
    f"{abs(runs['heavy_ball'].half[-1, 0]):.4f}; Nesterov at "
    f"{abs(runs['nesterov'].optimizer_half[-1, 0]):.4f} "
    f"({{ref}}`(109) <eq-109>`: {amplitudes['nesterov']:.4f}), its rod flow at "
    f"{abs(runs['nesterov'].half[-1, 0]):.4f}. At $\\beta=0.9$ the rod flow has lost "
    f"{100 * loss['heavy_ball']:.0f}% of heavy ball's amplitude and {100 * loss['nesterov']:.0f}% of "
    "Nesterov's by the end."
)

# %% tags=["hide-input"]
from rodflow_book.derivations.ledger import show_checked

show_checked()
