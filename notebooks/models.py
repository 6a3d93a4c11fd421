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
# (models)=
# # Models of the edge
#
# Which smooth model of an optimizer at the edge of stability is to be used, and what does it miss? Five
# are compared here: the paper's rod flow {cite:p}`regis2026adam`, the [drift-free rod](drift_free), the
# first rod flow with its [backward-error correction](backward_error) {cite:p}`regis2026rod`, central flow
# {cite:p}`cohen2025central`, and Edge Flow (Marion 2026, arXiv:2606.18080), which is rebuilt here from its
# abstract, so that details may differ. First a calculation that explains all of them in a quadratic valley;
# then toys, each with one thing on which they part.

# %% tags=["parameters", "hide-input"]
preset = "quick"
betas = [0.0, 0.5, 0.9]
ring_beta = 0.9
ring_frequency = 0.35
toy_steps = 600
figures = "build/figures"

# %% tags=["hide-input"]
from rodflow_book import notebook

notebook.check_parameters(globals(), "preset betas ring_beta ring_frequency toy_steps figures")
notebook.one_thread()

# %% tags=["hide-input"]
import numpy as np
import pandas as pd
from IPython.display import SVG, display

from rodflow_book import tables
from rodflow_book.figures import files
from rodflow_book.figures import models as plots_models
from rodflow_core import theory

tests = preset == "smoke"
# What is said of these numbers is bound to them; other parameters are the reader's own.
usual = not tests and (betas, ring_beta, ring_frequency) == ([0.0, 0.5, 0.9], 0.9, 0.35)


def publish(name, draw, numbers, alt, **parameters):
    """Save a figure to cite with its numbers, and show it."""
    manifest = files.page_manifest("notebooks/models.py", **parameters)
    files.save(name, draw, numbers, figures, alt=alt, manifest=manifest)
    display(SVG(filename=f"{figures}/{name}.svg"))


def rates(exponent):
    """Decay and frequency of an exponent, as two numbers."""
    return tuple(float(value) for value in theory.decay_frequency(exponent))


# %% [markdown]
# ## Linear response
#
# Near a minimum one step is linear, and in each direction of its own it multiplies by a number $x$, real or
# complex. After $t$ steps the optimizer is at
#
# $$
# x^t=e^{t\,\log x} :
# $$
#
# it decays by $-\log|x|$ per step and turns by $\arg x$. A smooth model has another exponent in the place of
# $\log x$, and everything that it gets right or wrong in a quadratic valley is the difference of the two.
# Write $F=(x-1)\,z$ for the displacement of one step.
#
# - The **centre** of every flow obeys $\dot z=F$, so its exponent is $x-1$: the first term of $\log x$
#   *about $x=1$*. The backward-error correction $-\frac12DF\,F$ of {ref}`(257) <eq-257>` adds the second,
#   $-\frac12(x-1)^2$.
# - The **drift-free rod** obeys $\dot\delta=-2\delta-D$ with $D=(x-1)\,\delta$ and stands for an alternation,
#   $(-1)^t\,\delta$. Together its exponent is $i\pi-(1+x)$: the first term of $\log x$ *about $x=-1$*.
# - **Edge Flow** has the same rod for gradient descent, $\dot\rho=(\eta\lambda-2)\rho=-(1+x)\rho$.
# - The **paper's rod** obeys $\dot\Sigma=-2\Sigma+\frac12DD^\top$ (its centre at rest). On a real axis
#   $\Sigma=\delta^2$ decays by $2-\frac12(1-x)^2$, the length by half of that: $(1+x)-\frac14(1+x)^2$. It is
#   tangent to the drift-free rod at $x=-1$, and decays less; the optimizer, with
#   $(1+x)+\frac12(1+x)^2+\dots$, more.
# - **Central flow** has no such rate. On a quadratic below the threshold its covariance is zero from the first moment on;
#   above it, its constraint cannot be met.
#
# So a rod flow holds two expansions of one logarithm, one for what stays and one for what alternates. Heavy ball, and Adam at a
# fixed preconditioner, have two multipliers with $x_1x_2=\beta_1$: where they are complex they lie
# on the ring $|x|=\sqrt{\beta_1}$. {numref}`fig-models-response` shows the slower of the two.

# %% tags=["hide-input"]
shares = np.linspace(0.0007, 1, 60 if tests else 400)
rod_shares = np.concatenate((np.linspace(0.02, 0.94, 24), 1 - np.logspace(-1.3, -3.6, 10)))
table = plots_models.response_table(betas, shares)
rods = plots_models.paper_rod_table(
    betas, rod_shares[:: 6 if tests else 1], substeps=4 if tests else 32
)

# %% tags=["remove-cell"]
publish(
    "models-response",
    lambda: plots_models.response_figure(table, rods),
    table.merge(rods.assign(model="rod"), "outer", ["beta1", "model", "curvature"]),
    "Decay and frequency per step over curvature in units of the threshold, for "
    f"beta1 = {', '.join(f'{b:g}' for b in betas)}. Without momentum the centre of a flow follows the "
    "optimizer at small curvature and the rods near the threshold. With momentum the optimizer's decay is "
    "flat, half of -log beta1, and all models decay faster but for the two ends.",
    betas=betas,
)

# %% [markdown]
# ```{figure} ../figures/models-response.svg
# :name: fig-models-response
# :alt: Decay per step and cycles per step over curvature in units of the threshold, for three values of beta1. The optimizer's decay is a peak without momentum and a flat line with it; centres follow it at the left end, rods at the right end, and in between all models decay faster.
#
# What the optimizer does (grey) and what its models do, in one direction. Above, decay per step; below, cycles
# per step. Without momentum Edge Flow is the drift-free rod. The paper's rod in a plane that rotates has no one decay: the band is what it
# does for all units of $m$, $|\mu|$ between a tenth of $|\delta|$ and ten times that.
# ```

# %% tags=["hide-input"]
x = np.sqrt(ring_beta) * np.exp(2j * np.pi * ring_frequency)
at_ring = {
    "optimizer": rates(theory.optimizer_exponent(x)),
    "drift-free rod": rates(theory.rod_exponent(x)),
    "centre": rates(theory.centre_exponent(x)),
    "corrected centre": rates(theory.centre_exponent(x, 2)),
}
pull = 1 + ring_beta - 2 * x.real  # eta (1 - beta) S
share = pull / (2 * (1 + ring_beta))
eta = 2 / np.logspace(-1, 1, 5 if tests else 21)
turning = theory.principal_rod_decay(
    theory.flow_matrix("heavy_ball", pull / (eta * (1 - ring_beta)), eta, ring_beta),
    substeps=8 if tests else 32,
)
linear = theory.paper_rod_decay(x)
if usual:
    assert np.round(at_ring["optimizer"][0], 3) == 0.053
    assert [round(at_ring[key][0], 2) for key in ("drift-free rod", "centre")] == [0.44, 1.56]
    assert round(float(linear.same), 2) == 0.54 and turning.min() > 0.7 and turning.max() < 1.001
notebook.show(
    f"At $\\beta_1={ring_beta:g}$ and a frequency of {ring_frequency:g} ({share:.2f} of the threshold) the "
    f"optimizer's ringing decays by **{at_ring['optimizer'][0]:.3f}** per step, the drift-free rod by "
    f"**{at_ring['drift-free rod'][0]:.2f}** (at a frequency of {at_ring['drift-free rod'][1]:.2f}), the centre of a flow by "
    f"**{at_ring['centre'][0]:.2f}**, corrected for backward error by {at_ring['corrected centre'][0]:.2f}. The paper's rod "
    f"decays by **{turning.min():.2f} to {turning.max():.2f}**, by the units in which $m$ is measured. "
    f"(The eigenvalues of its linear form, (131), halved, would be {float(linear.mixed):.2f} and "
    f"{float(linear.same):.2f}: it does not reach them.)"
)

# %% [markdown]
# Why does the paper's rod lose ringing so fast, and why do units matter? Its drive is evaluated at the *principal*
# eigenvector of $\Sigma$. Where a step rotates, $D$ points elsewhere than $\delta$; $\Sigma$ grows a second eigenvector, in
# which nothing is evaluated until it has become the longer. Which of the two is longer is a comparison of weights with gradients. The
# drift-free rod is one vector that turns, and knows no units.
#
# ### The two ends of the plane

# %% tags=["remove-cell"]
period_four = theory.UpdateWeights(0.625, 0.375, 0.0)
circle = theory.multipliers(period_four, 4.0, 1.0, 0.5)
ring = plots_models.ring_table(ring_beta)
publish(
    "models-plane",
    lambda: plots_models.plane_figure(
        [b for b in betas if b > 0][-2:],
        {"flip": -1 + 0j, "still": 1 + 0j, "period 4": 1j},
        ring_beta,
    ),
    ring,
    "Left: the complex plane of multipliers with the unit circle and the rings of momentum. The centre of a "
    "flow is accurate in a disc about 1, a rod in its mirror image about -1; most of the rings lies outside both. "
    f"Right: error in one step along the ring of beta1 = {ring_beta:g} over frequency; the curves cross at a quarter.",
    betas=betas,
    ring_beta=ring_beta,
)

# %% [markdown]
# ```{figure} ../figures/models-plane.svg
# :name: fig-models-plane
# :alt: Left, the complex plane of multipliers: unit circle, two rings of momentum, a shaded disc about 1 where the centre of a flow is accurate and its mirror image about -1 where a rod is. Right, error in one step along a ring over frequency; centre and rod are mirror images that cross at a quarter.
#
# Left: where one step of a model is off by less than 5 % and 20 % of the amplitude; orange the centre, green the drift-free rod.
# Right: the same error along a ring.
# ```

# %% tags=["hide-input"]
frequency = ring[ring["model"] == "free"]["frequency"].to_numpy()
off = {tag: ring[ring["model"] == tag]["error"].to_numpy() for tag in ("sf", "free", "rod2")}
lost = np.minimum(off["sf"], off["free"]) > 0.2
turn = np.sqrt(ring_beta) * np.exp(2j * np.pi * frequency)
true_decay = -0.5 * np.log(ring_beta)
twice = 1 + turn.real < 2 * true_decay
share_of = (1 + ring_beta - 2 * turn.real) / (2 * (1 + ring_beta))
kept = theory.kept_energy(at_ring["drift-free rod"][0]) / theory.kept_energy(true_decay)
if usual:
    assert 0.4 < lost.mean() < 0.7 and share_of[twice].min() > 0.96 and kept < 0.2
notebook.show(
    f"On {lost.mean():.0%} of the frequencies of that ring neither expansion is within 20 % per step. A rod's ringing decays at "
    f"most twice too fast only in directions above **{share_of[twice].min():.2f}** of the threshold. After a kick at a frequency of "
    f"{ring_frequency:g} the drift-free rod holds **{kept:.0%}** of the energy (squared amplitude, summed over steps) that the "
    "optimizer holds."
)

# %% [markdown]
# ### What follows
#
# **Thresholds.** Both rods' rates vanish at $x=-1$ and nowhere else on the unit circle. Whatever the
# momentum, an expansion about $-1$ has the optimizer's threshold exactly, with its first term.

# %% tags=["hide-input"]
momenta = [
    (name, beta) for name in theory.MOMENTA for beta in ((0.3, 0.9) if name != "none" else (0.0,))
]
residue = []
for name, beta in momenta:
    at_edge = theory.multipliers(name, theory.flip_threshold(name, 1.0, beta), 1.0, beta)
    edge = at_edge[np.argmin(abs(at_edge + 1))]
    residue += [rates(theory.rod_exponent(edge))[0], *map(float, theory.paper_rod_decay(edge))]
assert max(map(abs, residue)) < 1e-6
notebook.show(
    f"At the thresholds of {len(momenta)} momenta (those of the nine optimizers, two $\\beta_1$ each) both rods' rates are zero to "
    f"{max(map(abs, residue)):.0e}."
)

# %% [markdown]
#
# **Backward error cannot help at the edge.** The correction adds terms of the expansion about $x=1$, which converges
# for $|x-1|<1$. The edge, $x=-1$, is at a distance of two, on the other side of the singularity $x=0$:
# there, terms have all one sign and grow.

# %% tags=["hide-input"]
orders = range(1, 6)
partial = [-float(theory.centre_exponent(-1.0, n).real) for n in orders]
assert all(b > a for a, b in zip(partial, partial[1:], strict=False))
second = theory.multiplier_error(theory.rod_exponent(x, 2), x)
first = theory.multiplier_error(theory.rod_exponent(x), x)
assert second < first
notebook.show(
    f"With {', '.join(map(str, orders))} terms the centre decays at the threshold by {', '.join(f'{v:.3g}' for v in partial)} "
    "per step, where the optimizer does not decay at all. What would help is a second term about $x=-1$, "
    f"$-\\frac12(1+x)^2$, which no published flow has: at {ring_frequency:g} it takes the error of one step from {float(first):.2f} to "
    f"{float(second):.2f}."
)

# %% [markdown]
# **Ringing of momentum** lives on $|x|=\sqrt{\beta_1}$, and decays by $-\frac12\log\beta_1$ at every curvature. Models
# decay by $1\mp\mathrm{Re}\,x$: they lose it within a few steps. It is not missing from the rod flow for lack of a frequency, which the
# rod has, but for lack of persistence. With $\beta_1$ towards one the ring comes to the unit circle and stays as far from $\pm1$ as before.
#
# **Period four.** At $x=\pm i$ both expansions are equally far off.

# %% tags=["hide-input"]
decays = [rates(series(circle[0]))[0] for series in (theory.centre_exponent, theory.rod_exponent)]
gone = [rates(series(circle[0]))[1] for series in (theory.centre_exponent, theory.rod_exponent)]
assert np.allclose(np.sort_complex(circle), [-1j, 1j]) and np.allclose(decays, 1)
others = [theory.rotation_threshold(m, 1.0, 0.9) for m in theory.MOMENTA]
assert np.isinf(others).all()
flip = float(theory.flip_threshold(period_four, 1.0, 0.5))
notebook.show(
    "Take $w'=w-\\eta\\,(0.625\\,m+0.375\\,g)$, $m'=\\frac12(m+g)$: older gradients weigh more than in heavy ball. At "
    f"$\\eta S=4$ its multipliers are $\\pm i$; the two-cycle would come at {flip:g} only. A period of four sets in, and both "
    f"models decay there by {decays[0]:.3g} per step, at frequencies of {gone[0]:.2f} and {gone[1]:.2f} in the place of 0.25. "
    "Neither sees this edge. The nine optimizers have no such threshold (it is infinite for all of their momenta), so that in a "
    "quadratic valley two ends are enough for them."
)
