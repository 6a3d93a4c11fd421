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
# # G-H. Low rank, bias correction, and how a run begins
#
# **The claim.** For a network of $d$ weights the extent tensor has $(2d)^2$ entries, yet a few vectors
# hold nearly all of it, and five cheap steps advance them. Bias correction enters the flow as two
# numbers taken from the step counter. And one pair of consecutive iterates starts everything
# {cite:p}`regis2026adam`.

# %% tags=["parameters", "hide-input"]
dimension = 12  # a whole number of at least 6 and at most 100
substeps = 4  # a whole number of at least 3 and at most 100
beta1_value = 0.9  # a finite number of at least 0.5 and below 1
beta2_value = 0.999  # a finite number of at least 0 and below 1
warmup = 80  # a whole number of at least 2 and at most 10000
figures = "build/figures"  # a folder that can be made or written to

# %% tags=["hide-input"]
from rodflow_book.notebook import check_parameters, one_thread, show
from rodflow_core.experiments.parameters import real, whole

check_parameters(
    globals(),
    "figures",
    dimension=whole(least=6, most=100),
    substeps=whole(least=3, most=100),
    beta1_value=real(least=0.5, below=1),
    beta2_value=real(least=0, below=1),
    warmup=whole(least=2, most=10_000),
)
one_thread()

# %% [markdown]
# ## G.1 Why a low rank is enough
#
# $\Sigma$ relaxes at the rate 2 per step, which is fast against the centre. Where the ends' displacements
# change slowly, it is at any time close to where its own equation {ref}`(200) <eq-200>` would come to
# rest, and that is half of the source:
#
# (eq-266)=
# $$
# \Sigma\approx\tfrac18\,\big(F_+F_+^\top+F_-F_-^\top\big).\tag{266}
# $$
#
# Two outer products have a rank of two at most. If the two displacements are nearly (anti)parallel, as
# they are for an optimizer that flips from end to end, it is nearly one. So keep $r$ directions,
#
# (eq-267)=
# $$
# \Sigma=U\Lambda U^\top,\qquad U\in\mathbb R^{D\times r}\ \text{orthonormal},\quad\Lambda\in\mathbb R^{r\times r},\tag{267}
# $$
#
# with $D=d$, or $2d$ in phase space: $rD$ numbers instead of $D^2$.

# %%
import sympy as sp

from rodflow_book.derivations import appendix_g as low_rank
from rodflow_book.derivations.appendix_g import dt, source
from rodflow_book.derivations.checks import agree, close, same
from rodflow_book.derivations.printed import Page, array

page = Page("appendix_g")
F_plus, F_minus = (sp.Matrix(sp.symbols(f"{name}_1:4")) for name in ("p", "q"))
outer = F_plus * F_plus.T + F_minus * F_minus.T
Sigma_rest = sp.MatrixSymbol("X", 3, 3).as_explicit()
solution = sp.solve(list(-2 * Sigma_rest + outer / 4), list(Sigma_rest))
at_rest = Sigma_rest.subs(solution)
page.holds(266, {r"\Sigma": at_rest, "F_+": F_plus, "F_-": F_minus})
same(266, at_rest.det(), 0)  # in three dimensions: a rank of two at most

# %% [markdown]
# ## G.1 Five steps
#
# One Euler substep of length $\Delta t$ turns $\Sigma$ into
# $(1-2\Delta t)\Sigma+\frac{\Delta t}4(F_+F_+^\top+F_-F_-^\top)$. In the representation
# {ref}`(267) <eq-267>`, with $\Lambda$ diagonal at the start:
#
# 1. *Decay.* Multiply the eigenvalues.
# 2. *Project.* Split both displacements into a part in the span of $U$ and the rest.
# 3. *Augment.* Append what is left of them, normalised, as new columns, if it is longer than a
#    threshold; Gram-Schmidt makes the second one orthogonal to the first.
# 4. *Add.* With $a_\pm$ now taken in the augmented basis, the outer products become small matrices.
# 5. *Truncate.* Diagonalise, $\Lambda_{\rm aug}=V\Lambda V^\top$, keep the $r$ largest eigenvalues and rotate
#    the basis to their eigenvectors. A QR step cleans up rounding.
#
# (eq-268)=
# (eq-269)=
# (eq-270)=
# (eq-271)=
# (eq-272)=
# (eq-273)=
# \begin{align}
# \Lambda&\leftarrow(1-2\Delta t)\,\Lambda,\tag{268}\\
# a_\pm&=U^\top F_\pm,\tag{269}\\
# F_\pm^\perp&=F_\pm-U\,a_\pm,\tag{270}\\
# U_{\rm aug}&=\Big[\,U,\ \frac{F_+^\perp}{\|F_+^\perp\|},\ \frac{F_-^\perp}{\|F_-^\perp\|}\Big]
# \in\mathbb R^{D\times(r+k)},\qquad k\le2,\tag{271}\\
# \Lambda_{\rm aug}&\leftarrow\begin{pmatrix}\Lambda&0\\0&0\end{pmatrix}
# +\frac{\Delta t}4\,\big(a_+a_+^\top+a_-a_-^\top\big),\qquad a_\pm=U_{\rm aug}^\top F_\pm,\tag{272}\\
# U&\leftarrow U_{\rm aug}\,V_{:,1:r}.\tag{273}
# \end{align}
#
# In code this is twenty lines, `five_steps`; the cell below also takes the steps as they are printed here,
# one formula after the other. Since the augmented basis spans everything that is added,
# nothing is lost before the truncation, so that it must give the dense Euler step wherever it may keep
# enough; and with fewer it must give the best approximation of that step of rank $r$ there is. Both are
# checked on random tensors, against NumPy's eigendecomposition of the dense matrix:

# %%
import inspect

import numpy as np
import torch

from rodflow_book.derivations.appendix_g import five_steps
from rodflow_book.derivations.numeric import extent_of, numbers, stacked, substep
from rodflow_core import theory
from rodflow_core.extent import relax

draw = np.random.default_rng(2)


def random_extent(rank):
    """A random tensor of some rank."""
    basis, _ = np.linalg.qr(draw.normal(size=(dimension, rank)))
    return extent_of(basis, -np.sort(-draw.uniform(0.1, 1, rank)))


def best(matrix, rank):
    """The nearest matrix of a rank, by its eigendecomposition."""
    values, vectors = np.linalg.eigh(matrix)
    return (vectors[:, -rank:] * values[-rank:]) @ vectors[:, -rank:].T


def orthogonal(vector, basis):
    """What is left of a vector beside an orthonormal basis: Gram-Schmidt, twice against rounding."""
    for _ in range(2):
        vector = vector - basis @ (basis.T @ vector)
    return vector


def printed_steps(before, ends, step, rank):
    """The five steps, each formula read from the page: (U, Lambda) after them."""
    names = {r"\Delta t": step, "U": sp.Matrix(before.basis.numpy())}
    names |= {"F_+": sp.Matrix(ends[0]), "F_-": sp.Matrix(ends[1])}
    names[r"\Lambda"] = sp.diag(*before.eigenvalues.tolist())
    (names[r"\Lambda"],) = page.right(268, names)
    names["a_+"], names["a_-"] = page.right(269, names)
    first, second = (array(part) for part in page.right(270, names))
    known = array(names["U"]).reshape(dimension, -1)
    for part, end in ((first, ends[0]), (second, ends[1])):
        close((269, 270), part, orthogonal(end, known), 1e-12, least=0.1)
    second = orthogonal(second, np.column_stack((known, first / np.linalg.norm(first))))
    names |= {r"F_+^\perp": sp.Matrix(first), r"F_-^\perp": sp.Matrix(second)}
    (names[r"U_{\rm aug}"],) = page.right(271, names)
    wider = sp.diag(names[r"\Lambda"], 0, 0)
    names[r"\begin{pmatrix}\Lambda&0\\0&0\end{pmatrix}"] = wider
    names["a_+"] = names["a_-"] = sp.zeros(
        wider.rows, 1
    )  # the second part of (272) says what they are
    _, names["a_+"], _, names["a_-"] = page.right(272, names)
    values, turn = np.linalg.eigh(array(page.right(272, names)[0]))
    (basis,) = page.right(273, names | {"V_{:,1:r}": sp.Matrix(turn[:, ::-1][:, :rank])})
    return array(basis).reshape(dimension, -1), np.diag(values[::-1][:rank])


step = 1 / substeps
for kept, allowed in ((0, 2), (1, 3), (3, 5), (3, 3), (4, 1)):
    before = random_extent(kept)
    plus, minus = numbers(draw.normal(size=(2, dimension)))
    dense = (1 - 2 * step) * before.dense() + step / 4 * (
        torch.outer(plus, plus) + torch.outer(minus, minus)
    )
    after = five_steps(before, plus, minus, step, allowed)
    close((268, 269, 270, 271, 272, 273), after.dense(), best(dense.numpy(), allowed), 1e-12)
    close(267, after.basis.T @ after.basis, np.eye(len(after.eigenvalues)), 1e-13, least=1.0)
    U, Lambda = (sp.Matrix(x) for x in (after.basis.numpy(), np.diag(after.eigenvalues.numpy())))
    (tensor,) = page.right(267, {"U": U, r"\Lambda": Lambda})
    close(267, array(tensor), after.dense(), 1e-12, least=0.1)
    if kept:
        basis, values = printed_steps(before, (plus.numpy(), minus.numpy()), step, allowed)
        close(
            (268, 269, 270, 271, 272, 273),
            basis @ values @ basis.T,
            after.dense(),
            1e-12,
            least=0.1,
        )
    library = relax(before, torch.stack((plus, minus)), step, allowed, weight=0.25)
    close(273, library.dense(), after.dense(), 1e-12)
print(inspect.getsource(five_steps).split('"""')[2])

# %% [markdown]
# The last line of the loop is the library's `relax`. It departs from the five steps and gives the same
# tensor: it holds the eigenpairs as rods $\sqrt{\lambda_i}\,u_i$. Rods and displacements, each times the
# root of its weight, are the rows of one $(r+2)\times D$ matrix $C$ with $C^\top C$ the new $\Sigma$, whose
# eigenvectors come out of the small Gram matrix $CC^\top$: the new rods are the old ones and the
# displacements, rotated among each other. That passes over the $D$ numbers a few times only, and needs
# neither a threshold (what is below rounding in $\Sigma$ is dropped) nor the paper's QR.
#
# **Decay, and which one.** The exact decay over a substep is $e^{-2\Delta t}$, which
# {ref}`(268) <eq-268>` replaces by its Euler factor. That is a choice, and the better one. The source in
# {ref}`(272) <eq-272>` has the weight $\Delta t$, and a tensor at rest must lose in step 1 what it gains in
# step 4: $\Sigma^*=\Delta t\cdot{\rm source}/(1-{\rm factor})$. Only the Euler factor gives
# {ref}`(266) <eq-266>` back, half of the source; the exponential one makes every rod too long.

# %%
(factor,) = page.right(268, {r"\Delta t": dt, r"\Lambda": 1})
same(268, low_rank.decayed_fixed_point(factor), source / 2)
exponential = low_rank.decayed_fixed_point(sp.exp(-2 * dt))
same(268, exponential, source * dt / (1 - sp.exp(-2 * dt)))
same(268, sp.series(exponential / (source / 2), dt, 0, 3).removeO(), 1 + dt + dt**2 / 3)

plus, minus = numbers(draw.normal(size=(2, dimension)))
rest_of_source = (torch.outer(plus, plus) + torch.outer(minus, minus)) / 8
lengths = {"Euler": [], "exponential": []}
fractions = np.array([1 / 2, 1 / 4, 1 / 8, 1 / 16])
for fraction in fractions:
    for name, factor in (("Euler", 1 - 2 * fraction), ("exponential", np.exp(-2 * fraction))):
        state = extent_of(np.zeros((dimension, 0)), [])
        for _ in range(round(16 / fraction)):
            state = five_steps(state, plus, minus, fraction, 2, decay=factor)
        lengths[name].append((state.dense().trace() / rest_of_source.trace()).item())
close(268, lengths["Euler"], 1.0, 1e-9)
close(268, lengths["exponential"], 2 * fractions / (1 - np.exp(-2 * fractions)), 1e-9)

# %% [markdown]
# **How much does truncation lose?** Adam on a landscape with several sharp directions at once, chosen
# to make it hard. The full tensor is integrated once; the displacements that drove it then drive copies
# of rank $1,2,\dots$ ({numref}`fig-g-rank`, left). "Best" is the dense tensor cut to the rank, which no
# method can beat.

# %%
from rodflow_core.flows import RodFlow, StableFlow, advance, endpoints
from rodflow_core.objective import FunctionObjective
from rodflow_core.optimizers import State, UpdateRule, make_rule
from rodflow_core.simulate import iterate

sharp = numbers(np.geomspace(30, 1, dimension // 2))
mixing = numbers(np.linalg.qr(draw.normal(size=(dimension // 2, dimension // 2)))[0])
landscape = FunctionObjective(
    lambda w: (0.5 * sharp * (mixing @ w) ** 2 + torch.cos(3 * w)).sum(), dimension // 2
)
adam = make_rule("adam", 0.3, beta1=0.5, beta2=0.9)
begin = adam.initial_state(numbers(draw.normal(size=dimension // 2)))
states = iterate(adam, landscape, begin, 20)
flow = RodFlow(adam, landscape, rank=dimension)
full = flow.initial(states[-2], states[-1])
start, moves = full.extent, []
for time in range(20, 45):
    for _ in range(substeps):
        ends = endpoints(full)
        g = landscape.gradients(adam.gradient_point(ends))
        c1, c2 = adam.corrections(time)
        moves.append(adam.displacement(ends, g, adam.preconditioner(full.nu, c2), c1))
        full = substep(flow, full, time, 1 / substeps)
dense = full.extent.dense().numpy()
ranks = np.arange(1, 8)
errors = {"five_steps": [], "relax": [], "best": []}
for rank in ranks:
    copies = {"five_steps": start, "relax": start}
    for move in moves:
        copies["five_steps"] = five_steps(copies["five_steps"], *move, 1 / substeps, int(rank))
        copies["relax"] = relax(copies["relax"], move, 1 / substeps, int(rank), weight=0.25)
    for name, copy in copies.items():
        errors[name].append(np.linalg.norm(copy.dense().numpy() - dense) / np.linalg.norm(dense))
    errors["best"].append(np.linalg.norm(best(dense, rank) - dense) / np.linalg.norm(dense))
    floor = max(errors["best"][-1] * (1 - 1e-9) - 1e-12, 0)
    assert errors["relax"][-1] >= floor, "no tensor of this rank can be nearer than the best one"
    close(273, copies["relax"].dense(), copies["five_steps"].dense(), 1e-9)

# %% tags=["remove-cell"]
import pandas as pd

from rodflow_book.figures import files
from rodflow_book.figures.appendix_g import bias_figure, rank_figure, start_figure

about = files.page_manifest(
    "notebooks/appendix_g.py",
    dimension=dimension,
    substeps=substeps,
    beta1=beta1_value,
    beta2=beta2_value,
    warmup=warmup,
)
rank_table = pd.DataFrame({"rank": ranks, **errors})
decay_table = pd.DataFrame({"substep": fractions, **lengths})
files.save(
    "g-rank",
    lambda: rank_figure(rank_table, decay_table),
    pd.concat([rank_table, decay_table], axis=1),
    figures,
    manifest=about,
    alt="Left: relative error of the extent tensor against its rank, logarithmic; the five steps and "
    "the library's update lie on each other, a little above the best possible, and fall steeply. "
    "Right: size of the resting tensor against the substep; with the Euler factor it is right at any "
    "substep, with the exponential factor too large.",
)

# %% [markdown]
# ```{figure} ../figures/g-rank.svg
# :name: fig-g-rank
# :alt: Left, relative error of the extent tensor against its rank, logarithmic; the five steps and the library's update lie on each other, a little above the best possible, and fall steeply. Right, size of the resting tensor against the substep; with the Euler factor it is right at any substep, with the exponential factor too large.
#
# **The library's update loses by truncation what the paper's five steps lose.** Left: what
# truncation costs after 25 optimizer steps. Right: where $\Sigma$ comes to rest under a constant
# source, for the two decays of step 1; points are `five_steps`, lines the closed form.
# ```

# %% tags=["hide-input"]
show(
    f"Here rank 1 is {100 * errors['relax'][0]:.0f}% off, rank 2 {100 * errors['relax'][1]:.1f}%, "
    f"rank 4 {100 * errors['relax'][3]:.1g}%. With four substeps the exponential decay would make "
    f"$\\Sigma$ {100 * (lengths['exponential'][1] - 1):.0f}% too large."
)

# %% [markdown]
# ## G.2 The bias of moments that start at zero
#
# On the linear loss $L=gw$ every gradient is $g$. Averages of it that start at zero approach $g$ and $g^2$
# from below:
#
# (eq-274)=
# (eq-275)=
# \begin{align}
# m_t&=(1-\beta_1^t)\,g,\tag{274}\\
# \nu_t&=(1-\beta_2^t)\,g^2.\tag{275}
# \end{align}
#
# By induction: both are zero at $t=0$, and
# $\beta\,(1-\beta^t)+(1-\beta)=1-\beta^{t+1}$. Adam therefore
# divides by what is missing,
#
# (eq-276)=
# (eq-277)=
# \begin{align}
# \hat m_t&=\frac{m_t}{1-\beta_1^t},\tag{276}\\
# \hat\nu_t&=\frac{\nu_t}{1-\beta_2^t},\tag{277}
# \end{align}
#
# which here gives $g$ and $g^2$ at once, from the first step.

# %%
from rodflow_book.derivations.appendix_g import c1, t
from rodflow_book.derivations.symbols import BETAS, P, beta1, beta2, eta, g, m

raw_m, raw_nu = (1 - beta1**t) * g, (1 - beta2**t) * g**2
ema = low_rank.average
same(274, [raw_m.subs(t, 0), raw_m.subs(t, t + 1)], [0, ema(raw_m, beta1, g)])
same(275, [raw_nu.subs(t, 0), raw_nu.subs(t, t + 1)], [0, ema(raw_nu, beta2, g**2)])
names = {r"\beta_1": beta1, r"\beta_2": beta2, "g": g}
for count in range(5):  # iterated from zero, as it is done
    steps_taken = names | {"t": sp.Integer(count), "m_t": sp.Integer(0), r"\nu_t": sp.Integer(0)}
    for _ in range(count):
        steps_taken["m_t"] = ema(steps_taken["m_t"], beta1, g)
        steps_taken[r"\nu_t"] = ema(steps_taken[r"\nu_t"], beta2, g**2)
    page.holds((274, 275), steps_taken)
    if count:
        page.holds((276, 277), steps_taken | {r"\hat m_t": g, r"\hat\nu_t": g**2})
some_step = {t: (0.0, 50.0)}
agree(274, raw_m, theory.raw_first_moment, [g, t, beta1], BETAS | some_step)
agree(275, raw_nu, theory.raw_second_moment, [g, t, beta2], BETAS | some_step)

# %% [markdown]
# **In the flow** the moments stay raw, and the step counter $t$ of the outer loop is handed to every
# substep, which makes of it
#
# (eq-278)=
# $$
# c_1=1-\beta_1^{t+1},\qquad c_2=1-\beta_2^{t+1}.\tag{278}
# $$
#
# The power is $t+1$, not $t$: the step from $t$ to $t+1$ is made with $m_{t+1}$ and $\nu_{t+1}$. (With $t$
# the first step would divide by zero.) Only what moves the *weight* is corrected. So the rod flow
# {ref}`(198) <eq-198>`-{ref}`(201) <eq-201>` becomes
#
# (eq-279)=
# (eq-280)=
# (eq-281)=
# (eq-282)=
# \begin{align}
# \dot{\bar w}&=-\eta\,P(\hat\nu)^{-1}\,\tfrac12\sum_\pm\big(\beta_1\hat m_\pm+(1-\beta_1)\,\hat g_\pm\big)
# =-\eta\,P(\hat\nu)^{-1}\big(\beta_1\hat m+(1-\beta_1)\,\hat g\big),\tag{279}\\
# \dot{\bar m}&=(1-\beta_1)\,(\bar g-\bar m),\tag{280}\\
# \dot\Sigma&=-2\,\Sigma+\tfrac14\big(F_+F_+^\top+F_-F_-^\top\big),\qquad
# F=\begin{pmatrix}-\eta\,P(\hat\nu)^{-1}\big(\beta_1\hat m+(1-\beta_1)\,\hat g\big)\\(1-\beta_1)\,(g-m)\end{pmatrix},\tag{281}\\
# \dot{\bar\nu}&=(1-\beta_2)\Big(\tfrac12\big(g_+^{\odot2}+g_-^{\odot2}\big)-\bar\nu\Big),\tag{282}
# \end{align}
#
# where a hat divides by a correction,
#
# (eq-283)=
# $$
# \hat m=\frac{\bar m}{c_1},\qquad\hat g_\pm=\frac{g_\pm}{c_1},\qquad\hat\nu=\frac{\bar\nu}{c_2}.\tag{283}
# $$
#
# Dividing the gradient, too, looks odd. It is because the bracket stands for $m_{t+1}$, which contains
# the newest gradient, and is divided as a whole:
#
# (eq-284)=
# $$
# \beta_1\hat m+(1-\beta_1)\,\hat g=\frac{\beta_1m_t+(1-\beta_1)\,g_t}{c_1}=\frac{m_{t+1}}{1-\beta_1^{t+1}}.\tag{284}
# $$

# %%
names |= {"t": t, r"\eta": eta, "P": lambda second: P, r"\hat\nu": sp.S.One}
# What is missing of g and g^2 in m_{t+1} and nu_{t+1}, so that dividing gives them back:
missing = [raw_m.subs(t, t + 1) / g, raw_nu.subs(t, t + 1) / g**2]
page.holds(278, names | {"c_1": missing[0], "c_2": missing[1]})
corrections = sp.Matrix(page.right(278, names))
agree(278, corrections, theory.bias_corrections, [t, beta1, beta2], BETAS | some_step)
g_plus, g_minus, mu = sp.symbols("g_+ g_- mu")
ends = {"g_+": g_plus, "g_-": g_minus, r"\bar m": m, r"\bar\nu": sp.Symbol("nu"), "c_1": c1}
ends |= {"c_2": sp.Symbol("c_2")}
ends[r"\hat m"], ends[r"\hat g_+"], _, _, ends[r"\hat g_-"], _ = page.right(283, names | ends)
ends[r"\hat g"] = (ends[r"\hat g_+"] + ends[r"\hat g_-"]) / 2
ends |= {r"\hat m_+": ends[r"\hat m"] + mu / c1, r"\hat m_-": ends[r"\hat m"] - mu / c1}
both_steps = [
    low_rank.corrected_step(slope).subs(m, m + sign * mu)
    for sign, slope in ((1, g_plus), (-1, g_minus))
]
page.holds(279, names | ends | {r"\dot{\bar w}": sum(both_steps) / 2})
moment = {"m_t": m, "g_t": g, "m_{t+1}": ema(m, beta1, g), "c_1": missing[0]}
hats = {r"\hat m": m / missing[0], r"\hat g": g / missing[0]}
page.holds(284, names | moment | hats)

# %% [markdown]
# In the optimizer, {ref}`(38) <eq-38>`-{ref}`(40) <eq-40>`: the library's Adam, five steps of it on
# $L=\frac32w^2$, against these three lines, each evaluated as Adam's chapter prints it.

# %%
from rodflow_core.landscapes import Quadratic

chapter = Page("adam", {r"\eta": 0.1, r"\beta_1": 0.8, r"\beta_2": 0.95})
by_page, first_m, second_m = [1.0], 0.0, 0.0
for taken in range(1, 6):
    pull = 3.0 * by_page[-1]
    first_m = low_rank.average(first_m, 0.8, pull)
    second_m = low_rank.average(second_m, 0.95, pull**2)
    (m_hat,) = chapter.right(38, {"m_t": first_m, "t": taken})
    (nu_hat,) = chapter.right(39, {r"\nu_t": second_m, "t": taken})
    hats = {r"\hat P_{t+1}": np.sqrt(float(nu_hat)) + 1e-8, r"\hat m_{t+1}": m_hat}
    (moved,) = chapter.right(40, hats | {"w_t": by_page[-1]})
    by_page.append(float(moved))
corrected = make_rule("adam", 0.1, beta1=0.8, beta2=0.95)
begin = corrected.initial_state(numbers([1.0]))
by_library = stacked(iterate(corrected, Quadratic(numbers([3.0])), begin, 5))[:, 0]
close((38, 39, 40), by_library, by_page, 1e-13)

# %% [markdown]
# One short substep of the library's flow at step 3 against {ref}`(279) <eq-279>`-{ref}`(283) <eq-283>`,
# each evaluated as it is printed, at a random rod on the landscape above:

# %%
from rodflow_core.extent import rod
from rodflow_core.flows import RodState

half_dimension = dimension // 2
centre, half = draw.normal(size=dimension), 0.3 * draw.normal(size=dimension)
second, short, now, rate = draw.uniform(0.5, 2, half_dimension), 1e-4, 3, 0.3
ends = np.stack((centre + half, centre - half))
slopes = landscape.gradients(numbers(ends[:, :half_dimension])).numpy()
values = {r"\eta": rate, r"\beta_1": 0.5, r"\beta_2": 0.9, "t": now}
values["c_1"], values["c_2"] = page.right(278, values)
values["P"] = lambda nu: sp.diag(*(np.sqrt(array(nu)) + 1e-8).tolist())
moments = [sp.Matrix(end[half_dimension:]) for end in ends]
values["g_+"], values["g_-"] = (sp.Matrix(slope) for slope in slopes)
values |= {r"\bar m": sp.Matrix(centre[half_dimension:]), r"\bar\nu": sp.Matrix(second)}
values |= {r"\bar g": (values["g_+"] + values["g_-"]) / 2}
m_hat, values[r"\hat g_+"], nu_hat, _, values[r"\hat g_-"], _ = page.right(283, values)
values |= {r"\hat m": m_hat, r"\hat\nu": nu_hat}
values[r"\hat g"] = (values[r"\hat g_+"] + values[r"\hat g_-"]) / 2
(values[r"\hat m_+"], *_), (values[r"\hat m_-"], *_) = (
    page.right(283, values | {r"\bar m": moment}) for moment in moments
)
extent = sp.Matrix(np.outer(half, half))
values |= {r"\Sigma": extent, "F_+": extent[:, :1], "F_-": extent[:, :1]}  # F is not known yet
values["F_+"], values["F_-"] = (
    page.right(
        281,
        values
        | {"m": moment, "g": values[f"g_{end}"]}
        | {r"\hat m": values[rf"\hat m_{end}"], r"\hat g": values[rf"\hat g_{end}"]},
    )[1]
    for end, moment in zip("+-", moments, strict=True)
)
by_279, by_280, by_282 = (
    page.right(279, values)[0],
    page.right(280, values)[0],
    page.right(282, values)[0],
)
by_281 = page.right(281, values | {"m": moments[0], "g": values["g_+"]})[0]
before = RodState(numbers(centre), numbers(second), rod(numbers(half)))
after = substep(RodFlow(adam, landscape, rank=3), before, now, short)
velocity = (after.z - before.z) / short
close((279, 283), velocity[:half_dimension], array(by_279), 1e-10, least=0.1)
close(280, velocity[half_dimension:], array(by_280), 1e-10, least=0.1)
spread = (after.extent.dense() - before.extent.dense()) / short
close(281, spread, array(by_281), 1e-9, least=0.1)
close(282, (after.nu - before.nu) / short, array(by_282), 1e-10, least=0.1)

# %% [markdown]
# {numref}`fig-g-bias` shows what is at stake. Without corrections Adam's first steps are too long, since
# $\nu$ is missing more than $m$ is; with them every step on the linear loss is $\eta$. The rod flow, with
# its centre half a step ahead and its $\bar\nu$ not yet updated, is not perfect in the first steps. With
# the power $t$ it would be worse.

# %%
SLOPE, RATE, SHOWN = 0.7, 0.1, 100
linear = FunctionObjective(lambda w: SLOPE * w.sum(), 1)
good_rule = make_rule("adam", RATE, beta1=beta1_value, beta2=beta2_value)
raw_rule = UpdateRule(RATE, good_rule.momentum, good_rule.second_moment, bias_correction=False)
moments, sizes = {}, {}
for name, rule in (("raw", raw_rule), ("corrected", good_rule)):
    states = iterate(rule, linear, rule.initial_state(numbers([0.0])), SHOWN)
    moments[name] = np.array([[s.z[1].item(), s.nu[0].item()] for s in states])
    sizes[name] = -np.diff([s.z[0].item() for s in states]) / RATE
count = np.arange(SHOWN + 1)
close(274, moments["raw"][:, 0], theory.raw_first_moment(SLOPE, count, beta1_value), 1e-12)
close(275, moments["raw"][:, 1], theory.raw_second_moment(SLOPE, count, beta2_value), 1e-12)
close((276, 277), sizes["corrected"], 1.0, 1e-6)  # epsilon is 1e-8, the root of nu at first 0.02
wanted = (1 - beta1_value ** count[1:]) / np.sqrt(1 - beta2_value ** count[1:])
close((274, 275), sizes["raw"], wanted, 1e-6)

flow = RodFlow(good_rule, linear)
state = flow.initial(states[0], states[1])
speed = {1: [], 0: []}
for time in range(1, SHOWN):
    ends = endpoints(state)
    for offset in speed:  # the power of (278), and the power t
        c_1, c_2 = good_rule.corrections(time - 1 + offset)
        pull = good_rule.displacement(
            ends, linear.gradients(ends[:, :1]), good_rule.preconditioner(state.nu, c_2), c_1
        )
        speed[offset].append(-pull.mean(0)[0].item() / RATE)
    state = advance(flow, state, time, substeps)
assert max(speed[1]) < max(speed[0]), "the power t must do worse"
close(278, speed[1][-1], 1.0, 2e-2)

# %% tags=["remove-cell"]
bias_table = pd.DataFrame(
    {
        "step": count[1:],
        "m_raw": moments["raw"][1:, 0] / SLOPE,
        "nu_raw": moments["raw"][1:, 1] / SLOPE**2,
        "m_corrected": moments["raw"][1:, 0] / SLOPE / (1 - beta1_value ** count[1:]),
        "nu_corrected": moments["raw"][1:, 1] / SLOPE**2 / (1 - beta2_value ** count[1:]),
        "step_raw": sizes["raw"],
        "step_corrected": sizes["corrected"],
        "rod_flow": [np.nan, *speed[1]],
        "rod_flow_power_t": [np.nan, *speed[0]],
    }
)
files.save(
    "g-bias",
    lambda: bias_figure(bias_table, beta1_value, beta2_value),
    bias_table,
    figures,
    manifest=about,
    alt="Left: raw first and second moment over their targets rise slowly from zero; the corrected "
    "ones are one from the first step. Right: the raw step is several times too long, the corrected "
    "one right from the start; the rod flow's speed comes down to it, more slowly with the power t.",
)

# %% [markdown]
# ```{figure} ../figures/g-bias.svg
# :name: fig-g-bias
# :alt: Left, raw first and second moment over their targets rise slowly from zero; the corrected ones are one from the first step. Right, the raw step is several times too long, the corrected one right from the start; the rod flow's speed comes down to it, more slowly with the power t.
#
# **Bias correction makes both moments right from the first step on.** Adam on a linear loss from
# zero moments. Left: the moments over what they estimate. Right: the length of a step over $\eta$.
# ```

# %% tags=["hide-input"]
show(
    f"The longest raw step is {sizes['raw'].max():.1f} $\\eta$. The rod flow's speed at its first "
    f"substep is {speed[1][0]:.2f} $\\eta$ with the power $t+1$ and {speed[0][0]:.2f} $\\eta$ with the "
    f"power $t$; it is within 10% of $\\eta$ from step "
    f"{1 + next(i for i, v in enumerate(speed[1]) if abs(v - 1) < 0.1)} on, and with the power $t$ "
    f"from step {1 + next(i for i, v in enumerate(speed[0]) if abs(v - 1) < 0.1)}."
)

# %% [markdown]
# ## H. Stable flows
#
# What a rod flow is compared with is the optimizer's own limit of small steps, with no rod: the flow of
# $F$ at a point. For gradient descent that is gradient flow,
#
# (eq-285)=
# $$
# \dot w=-\eta\,g(w).\tag{285}
# $$
#
# The eight others, in one table ($\hat m$, $\hat g$, $\hat\nu$ as in {ref}`(283) <eq-283>`; for the scalar
# ones $\|g\|^2$ stands for $g^{\odot2}$):
#
# | optimizer | $\dot w$ | $\dot m$ | $\dot\nu$ |
# | --- | --- | --- | --- |
# | heavy ball | $-\eta\,(\beta m+(1-\beta)g)$ | $(1-\beta)(g-m)$ | |
# | Nesterov, $g=g(w-\eta\beta m)$ | $-\eta\,(\beta m+(1-\beta)g)$ | $(1-\beta)(g-m)$ | |
# | (scalar) RMSProp | $-\eta\,P(\nu)^{-1}g$ | | $(1-\beta_2)(g^{\odot2}-\nu)$ |
# | (scalar) Adam | $-\eta\,P(\hat\nu)^{-1}(\beta_1\hat m+(1-\beta_1)\hat g)$ | $(1-\beta_1)(g-m)$ | $(1-\beta_2)(g^{\odot2}-\nu)$ |
# | (scalar) NAdam | $-\eta\,P(\hat\nu)^{-1}(\beta_1^2\hat m+(1-\beta_1^2)\hat g)$ | $(1-\beta_1)(g-m)$ | $(1-\beta_2)(g^{\odot2}-\nu)$ |
#
# The table in NumPy, against the library, which knows none of these names and derives all nine from the
# update rules:

# %%
from rodflow_core.optimizers import OPTIMIZERS

b1, b2, rate, now = 0.8, 0.95, 0.2, 4
w_, m_, nu_ = (
    draw.normal(size=half_dimension),
    draw.normal(size=half_dimension),
    draw.uniform(0.5, 2, half_dimension),
)


def slope_at(point):
    """The landscape's gradient, as an array."""
    return landscape.gradients(numbers(point)[None])[0].numpy()


def table(name):
    """A row of the table: the rates of w, m and nu."""
    grad = slope_at(w_ - rate * b1 * m_ if name == "nesterov" else w_)
    second, square = (nu_[0], (grad**2).sum()) if "scalar" in name else (nu_, grad**2)
    corrected = name.endswith("adam")
    cc1, cc2 = (1 - b1 ** (now + 1), 1 - b2 ** (now + 1)) if corrected else (1.0, 1.0)
    adaptive = corrected or name.endswith("rmsprop")
    scale = np.sqrt(second / cc2) + 1e-8 if adaptive else 1.0
    weight = {"gd": 0, "scalar_rmsprop": 0, "rmsprop": 0, "nadam": b1**2, "scalar_nadam": b1**2}
    share = weight.get(name, b1)
    velocity = -rate / scale * (share * m_ + (1 - share) * grad) / cc1
    return velocity, (1 - b1) * (grad - m_), (1 - b2) * (square - second)


for name, row in OPTIMIZERS.items():
    given = {"beta1": b1, "beta2": b2}
    rule = make_rule(name, rate, **{k: v for k, v in given.items() if k in row.hyperparameters})
    velocity, turn, change = table(name)
    z = numbers(np.concatenate((w_, m_)) if rule.has_moment else w_)
    second = rule.second_moment.initial(numbers(w_))
    second = None if second is None else numbers(nu_[0] if "scalar" in name else nu_)
    after = substep(StableFlow(rule, landscape), State(z, second), now, 1.0)
    expected = np.concatenate((velocity, turn)) if rule.has_moment else velocity
    if name == "gd":
        force = {"g": lambda point: sp.Matrix(slope_at(array(point)))}
        (printed,) = page.right(285, force | {r"\eta": rate, "w": sp.Matrix(w_)})
        close(285, after.z - z, array(printed), 1e-12, least=0.1)
    close(285, after.z - z, expected, 1e-12)
    if second is not None:
        close(285, after.nu - second, change, 1e-12)

# %% [markdown]
# ## H. The first rod
#
# The optimizer runs alone for $T$ steps, until it is in the regime that one wants to see. Then both
# flows start where it is, which is between its last two iterates:
#
# (eq-286)=
# (eq-287)=
# (eq-288)=
# (eq-289)=
# (eq-290)=
# (eq-291)=
# \begin{align}
# \bar w&=\tfrac12\,(w_T+w_{T-1}),\tag{286}\\
# \bar m&=\tfrac12\,(m_T+m_{T-1}),\tag{287}\\
# \bar\nu&=\tfrac12\,(\nu_T+\nu_{T-1}),\tag{288}\\
# \delta_z&=\tfrac12\,(z_T-z_{T-1}),\tag{289}\\
# \Lambda&=\big[\,\|\delta_z\|^2\,\big],\tag{290}\\
# U&=\frac{\delta_z}{\|\delta_z\|}.\tag{291}
# \end{align}
#
# The last three say $\Sigma=\delta_z\delta_z^\top$, of rank one: then $U\Lambda U^\top$ is
# $\frac{\delta_z}{\|\delta_z\|}\|\delta_z\|^2\frac{\delta_z^\top}{\|\delta_z\|}$. The ends of this rod *are* the two iterates.

# %%
d = sp.Matrix(sp.symbols("d_1:4", real=True))
earlier = sp.Matrix(sp.symbols("z_1:4", real=True))
page.holds(289, {r"\delta_z": d, "z_T": earlier + 2 * d, "z_{T-1}": earlier})
(U,), (Lambda,) = (page.right(number, {r"\delta_z": d}) for number in (291, 290))
same((290, 291), U * Lambda * U.T, d * d.T)
previous, current = (
    State(numbers(draw.normal(size=dimension)), numbers(draw.uniform(1, 2, half_dimension)))
    for _ in range(2)
)
begin = RodFlow(adam, landscape).initial(previous, current)
halves = slice(0, half_dimension), slice(half_dimension, None)
named = {"w_T": current.z[halves[0]], "w_{T-1}": previous.z[halves[0]]}
named |= {"m_T": current.z[halves[1]], "m_{T-1}": previous.z[halves[1]], r"\nu_T": current.nu}
named |= {r"\nu_{T-1}": previous.nu, "z_T": current.z, "z_{T-1}": previous.z}
named = {name: sp.Matrix(value.numpy()) for name, value in named.items()}
close(286, begin.z[halves[0]], array(page.right(286, named)[0]), 1e-14)
close(287, begin.z[halves[1]], array(page.right(287, named)[0]), 1e-14)
close(288, begin.nu, array(page.right(288, named)[0]), 1e-14)
named[r"\delta_z"] = page.right(289, named)[0]
displacement = numbers(array(named[r"\delta_z"]))
close(290, begin.extent.eigenvalues, array(page.right(290, named)[0]), 1e-13)
direction = begin.extent.basis[:, 0]
direction = direction * (direction @ displacement).sign()  # an eigenvector has no sign
close(291, direction, array(page.right(291, named)[0]), 1e-13)
both_ends = endpoints(begin)
close(289, both_ends, torch.stack((current.z, previous.z)), 1e-14)

# %% [markdown]
# {numref}`fig-g-start` begins a run like that, with gradient descent in a valley that sharpens to the
# right. From $T$ on, one unit of time is one step of each: first the optimizer, then the stable flow,
# then the rod flow, the last two in $K$ Euler substeps of $1/K$. Below the threshold all three agree;
# above it only two of them do.

# %%
ahead = 40
valley = FunctionObjective(
    lambda w: 0.5 * (3.7 + 0.6 * w[0]) * w[1] ** 2 - 0.5 * w[1] ** 4 - 0.03 * w[0], 2
)
descent = make_rule("gd", 0.5)
states = iterate(descent, valley, [0.0, 0.05], warmup + ahead)
iterates = stacked(states)
if not (np.abs(iterates[:, 1]) < 1).all():
    raise ValueError("the iterates leave the valley; lower warmup.")
flows = {"sf": StableFlow(descent, valley), "rod": RodFlow(descent, valley)}
now = {tag: flow.initial(states[warmup - 1], states[warmup]) for tag, flow in flows.items()}
first_rod = endpoints(now["rod"]).numpy()
close((286, 289), first_rod, iterates[[warmup, warmup - 1]], 1e-14)
paths = {tag: [state.z.numpy()] for tag, state in now.items()}
for time in range(warmup, warmup + ahead):
    for tag, flow in flows.items():
        now[tag] = advance(flow, now[tag], time, substeps)
        paths[tag].append(now[tag].z.numpy())
paths = {tag: np.array(path) for tag, path in paths.items()}
centres = (iterates[warmup - 1 : -1] + iterates[warmup:]) / 2
distance = {tag: np.linalg.norm(path - centres, axis=1) for tag, path in paths.items()}

# %% tags=["remove-cell"]
start_table = pd.DataFrame(
    {
        "step": warmup + np.arange(ahead + 1),
        **{f"iterate_{axis}": iterates[warmup:, i] for i, axis in enumerate("xy")},
        **{
            f"{tag}_{axis}": path[:, i]
            for tag, path in paths.items()
            for i, axis in enumerate("xy")
        },
        **{f"{tag}_distance": values for tag, values in distance.items()},
    }
)
files.save(
    "g-start",
    lambda: start_figure(iterates, warmup, first_rod, paths, distance),
    start_table,
    figures,
    manifest=about,
    alt="Left: gradient descent zigzags in a sharpening valley; the first rod reaches from one of its "
    "iterates to the next; from its centre the stable flow runs on to the right, the rod flow turns "
    "back with the iterates. Right: the stable flow's distance to the optimizer's centre grows, the "
    "rod flow's stays small.",
)

# %% [markdown]
# ```{figure} ../figures/g-start.svg
# :name: fig-g-start
# :alt: Left, gradient descent zigzags in a sharpening valley; the first rod reaches from one of its iterates to the next; from its centre the stable flow runs on to the right, the rod flow turns back with the iterates. Right, the stable flow's distance to the optimizer's centre grows, the rod flow's stays small.
#
# **A run begins with a rod between two iterates, and both flows start at its centre.** Left: the
# last iterates of the warm-up (grey), the first rod between two of them, and where the two flows go
# from its centre. Right: how far they are from the centre of the iterates.
# ```

# %% tags=["hide-input"]
show(
    f"After {ahead} steps the stable flow is {distance['sf'][-1]:.2g} from the optimizer's centre, the "
    f"rod flow {distance['rod'][-1]:.1g}."
)

# %% tags=["hide-input"]
from rodflow_book.derivations.ledger import show_checked

show_checked()
