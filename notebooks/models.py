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
# Which smooth model of an optimizer at the edge of stability is to be used, and what does it miss? Five are
# compared here: the paper's rod flow {cite:p}`regis2026adam`, the [drift-free rod](drift_free), the first rod
# flow with its [backward-error correction](backward_error) {cite:p}`regis2026rod`, central flow
# {cite:p}`cohen2025central`, and Edge Flow {cite:p}`marion2026edge`, which is rebuilt here from its
# abstract, so that details may differ. First a calculation that explains all of them in a quadratic valley;
# then toys, each with one thing on which they part.

# %% tags=["parameters", "hide-input"]
preset = "quick"  # one of smoke, quick, cifar, paper
betas = [0.0, 0.5, 0.9]  # a list of 1 or more, each a finite number of at least 0 and below 1
ring_beta = 0.9  # a finite number above 0 and below 1
ring_frequency = 0.35  # a finite number above 0 and below 0.5
toy_steps = 400  # a whole number of at least 50 and at most 100000
figures = "build/figures"  # a folder that can be made or written to

# %% tags=["hide-input"]
from rodflow_book import notebook
from rodflow_core.experiments.parameters import real, several, whole

notebook.check_parameters(
    globals(),
    "preset figures",
    betas=several(real(least=0, below=1)),
    ring_beta=real(above=0, below=1),
    ring_frequency=real(above=0, below=0.5),
    toy_steps=whole(least=50, most=100_000),
)
notebook.one_thread()

# %% tags=["hide-input"]
import numpy as np
from IPython.display import SVG, display

from rodflow_book import tables
from rodflow_book.figures import files, models_toys
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
# - The **centre** of every flow obeys $\dot z=F$, so its exponent is $x-1$: the first term of $\log x$ *about
#   $x=1$*. The backward-error correction $-\frac12DF\,F$ of {ref}`(257) <eq-257>` adds the second,
#   $-\frac12(x-1)^2$.
# - The **drift-free rod** obeys $\dot\delta=-2\delta-D$ with $D=(x-1)\,\delta$ and stands for an alternation,
#   $(-1)^t\,\delta$. Together its exponent is $i\pi-(1+x)$: the first term of $\log x$ *about $x=-1$*.
# - **Edge Flow** has the same rod for gradient descent, $\dot\rho=(\eta\lambda-2)\rho=-(1+x)\rho$.
# - The **paper's rod** obeys $\dot\Sigma=-2\Sigma+\frac12DD^\top$ (its centre at rest; a drift adds its own
#   square). On a real axis $\Sigma=\delta^2$ decays by $2-\frac12(1-x)^2$, the length by half of that:
#   $(1+x)-\frac14(1+x)^2$. It is tangent to the drift-free rod at $x=-1$, and decays less; the optimizer,
#   with $(1+x)+\frac12(1+x)^2+\dots$, more.
# - **Central flow** has no such rate. On a quadratic below the threshold its covariance is zero from the
#   first moment on; above it, its constraint cannot be met.
#
# So a rod flow holds two expansions of one logarithm, one for what stays and one for what alternates. The
# start divides the motion between them: the mean of two iterates takes $\frac12(1+x)$ of it, the
# half-difference $\frac12(x-1)$. Heavy ball, and Adam at a fixed preconditioner, have two multipliers with
# $x_1x_2=\beta_1$: where they are complex they lie on the ring $|x|=\sqrt{\beta_1}$.
# {numref}`fig-models-response` shows the slower of the two.

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
# **In one direction the centre follows the optimizer at small curvature, the drift-free rod near
# the threshold.** Grey is what the optimizer does, the lines what its models do: above, decay per
# step; below, cycles per step. Without momentum Edge Flow is the drift-free rod. The paper's rod in
# a plane that rotates has no one decay: the band is what it does for all units of $m$, $|\mu|$
# between a tenth of $|\delta|$ and ten times that.
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

# %% tags=["hide-input"]
turned_real = (1 + np.sqrt(rods["beta1"])) ** 2 / (2 * (1 + rods["beta1"]))
real = rods[(rods["beta1"] > 0) & (rods["curvature"] > turned_real)]
stuck = real[real["largest"] > 0.5]
notebook.show(
    "Beside the threshold the multipliers are real again, and the band should close to the line $1-\\frac14(1-x)^2$. It does not "
    f"at {len(stuck)} of the {len(real)} curvatures drawn there: in one of the units the rod stays, for all of a hundred steps, in a direction that "
    "has next to no drive, and decays by about one per step. An extent that is evaluated at one direction only may miss the sharp one."
    if len(stuck)
    else "Beside the threshold the multipliers are real again, and the band closes."
)

# %% [markdown]
# Why does the paper's rod lose ringing so fast, and why do units matter? Its drive is evaluated at the
# *principal* eigenvector of $\Sigma$. Where a step rotates, $D$ points elsewhere than $\delta$; $\Sigma$
# grows a second eigenvector, in which nothing is evaluated until it has become the longer. Which of the two
# is longer is a comparison of weights with gradients. The drift-free rod is one vector that turns, and knows
# no units.
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
# **The drift-free rod is accurate about $-1$, the centre about $+1$.** Left: where one step of a
# model is off by less than 5% and 20% of the amplitude; orange the centre, green the drift-free
# rod. Right: the same error along a ring.
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
    f"On {lost.mean():.0%} of the frequencies of that ring neither expansion is within 20% per step. A rod's ringing decays at "
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
# **Backward error cannot help at the edge.** The correction adds terms of the expansion about $x=1$, which
# converges for $|x-1|<1$. The edge, $x=-1$, is at a distance of two, on the other side of the singularity
# $x=0$: there, terms have all one sign and grow.

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
    f"$-\\frac12(1+x)^2$, which none of these flows has: at {ring_frequency:g} it takes the error of one step from {float(first):.2f} to "
    f"{float(second):.2f}."
)

# %% [markdown]
# **Ringing of momentum** lives on $|x|=\sqrt{\beta_1}$, and decays by $-\frac12\log\beta_1$ at every
# curvature. Models decay by $1\mp\mathrm{Re}\,x$: they lose it within a few steps. The rod has a frequency
# for it, if not quite the right one; what it lacks is persistence. With $\beta_1$ towards one the ring comes
# to the unit circle, and most of it stays as far from $\pm1$ as before. How much of a network's run this
# makes is another question, which {ref}`Limits <limits>` asks.

# %% tags=["hide-input"]
halfway = {
    name: abs(
        theory.multipliers(name, 0.5 * theory.flip_threshold(name, 1.0, ring_beta), 1.0, ring_beta)
    )[0]
    for name in ("heavy_ball", "nesterov")
}
if usual:
    assert halfway["nesterov"] < 0.9 * halfway["heavy_ball"]
notebook.show(
    f"Nesterov's momentum, and NAdam's, whose multipliers are the same, ring less: at half the threshold $|x|$ is "
    f"{halfway['nesterov']:.2f} at $\\beta_1={ring_beta:g}$, for heavy ball and Adam {halfway['heavy_ball']:.2f}; their ringing decays by "
    f"{-np.log(halfway['nesterov']):.2f} per step, and {-np.log(halfway['heavy_ball']):.3f}."
)

# %% [markdown]
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
    "Neither sees this edge. The nine optimizers have no such threshold (it is infinite for all of their momenta), so that at the edge of a "
    "quadratic valley two ends are enough for them."
)

# %% [markdown]
# ## Toys
#
# Beyond the quadratic, five small losses, each with one thing on which models part. They have sharp
# directions $d$ over flat ones $s$,
#
# $$
# L=\tfrac12\sum_i\big(S_i+(Cs)_i\big)\,d_i^2-\tfrac14\,\kappa\sum_id_i^4-a\cdot s :
# $$
#
# the floor falls with slope $a$, the walls sharpen along it with $C$, and flatten with height by $\kappa$.
# All models start at the optimizer's fourth iterate and run by themselves. They are integrated well
# (Runge-Kutta 4, a step to each step of the optimizer, two for the corrected rod flow; central flow, whose
# constraint is implicit, by its own substep, four to a step). The tables are of the last two thirds of a run. They give
# the median distance to the optimizer's centre; the oscillation, as root mean square over the optimizer's;
# the median sharpness at the centre over the threshold; and how far that is from the optimizer's at the same
# step (median). The *shifted copy* is the optimizer itself, started half a step behind: a yardstick of what
# can be asked of a model.

# %%
toys = models_toys.toys(24 if tests else toy_steps)
courses = {name: models_toys.run(toy) for name, toy in toys.items()}
scores = {
    name: {tag: models_toys.score(models, tag) for tag in models}
    for name, models in courses.items()
}

# %% tags=["hide-input"]
usual_toys = not tests and toy_steps == 400
TITLES = {
    "disc": "optimizer",
    "floor": "shifted copy",
    "sf": "stable flow",
    "rod": "rod flow",
    "corrected_rod": "rod flow, corrected",
    "free": "[drift-free rod](drift_free)",
    "edge": "Edge Flow",
    "central": "central flow",
}


def toy_table(name):
    """The scores on a toy, a model a row."""
    lines = []
    for tag, found in scores[name].items():
        if found.lost >= 0:
            cells = [f"lost at step {found.lost}", "", "", ""]
        else:
            cells = [
                "" if tag == "disc" else tables.power(found.distance),
                f"{found.amplitude:.3f}",
                f"{found.sharpness:.4f}",
                "" if tag == "disc" else f"{100 * found.error:.2g}%",
            ]
        lines.append([TITLES[tag], *cells])
    return tables.markdown(["", "distance", "oscillation", "S / threshold", "off by"], lines)


def toys_alt(names):
    """What a figure of toys shows, in numbers."""
    words = []
    for name in names:
        several = [
            f"{TITLES[tag].strip('[').split(']')[0]} "
            + (f"lost at step {s.lost}" if s.lost >= 0 else f"{s.distance:.2g}")
            for tag, s in scores[name].items()
            if tag != "disc"
        ]
        words.append(f"{toys[name].title}: {', '.join(several)}")
    return f"Sharpness, oscillation and distance over steps. Median distance to the optimizer's centre. {'. '.join(words)}."


def publish_toys(name, several, draw=None):
    """Save a figure of toys: a row of panels for each, unless it is drawn otherwise."""
    shown = {key: courses[key] for key in several}
    titles = {key: toy.title for key, toy in toys.items()}
    draw = draw or (lambda: plots_models.toys_figure(shown, titles))
    publish(name, draw, plots_models.toys_table(shown), toys_alt(several), toy_steps=toy_steps)


def last(name, tag, of="sharpness"):
    """A quantity of a course at the end of a run."""
    return float(getattr(courses[name][tag], of)[-1])


# %% [markdown]
# ### Wells: what holds an oscillation where no third derivative does
#
# The **quartic well** (138) is too sharp at the bottom, and flattens on both sides. At its centre, where by
# symmetry every model's centre comes to rest, the third derivative is zero; what tells models apart is the
# oscillation. In the **parabola** nothing flattens at all, and RMSProp holds the oscillation by its second
# moment.

# %% tags=["remove-cell"]
wells = ["quartic", "rmsprop"]
publish_toys(
    "models-wells",
    wells,
)

# %% [markdown]
# ```{figure} ../figures/models-wells.svg
# :name: fig-models-wells
# :alt: Sharpness over threshold, oscillation and distance to the optimizer's centre over steps, on the quartic well and on a parabola with RMSProp. Both rods lie on the optimizer in both; in the well Edge Flow's oscillation grows without end and central flow has no answer; on the parabola central flow holds the mean of a decaying oscillation.
#
# **In the well central flow has no answer, and the corrected rod flow lies on the rod flow.**
# Above, gradient descent in the quartic well; below, RMSProp on a parabola (Edge Flow is for
# gradient descent only).
# ```

# %% tags=["hide-input"]
well = toys["quartic"]
fixed = float(theory.quartic_fixed_point("none", 4.4, 1.0, 0.5, 0.0).half_displacement)
rods_there = {tag: last("quartic", tag, "amplitude") for tag in ("rod", "free")}
quartic = scores["quartic"]
if usual_toys:
    assert all(abs(value / fixed - 1) < 1e-3 for value in rods_there.values())
    assert quartic["central"].lost == models_toys.FIRST + 1 and 0 < quartic["edge"].lost < 30
notebook.show(
    f"{toy_table('quartic')}\n\n"
    f"The rods settle at the closed form (156), {fixed:.4f}, to {max(abs(v / fixed - 1) for v in rods_there.values()):.0e}: they take the "
    "curvature *across* their two ends. Edge Flow takes it at the centre, where it is above the threshold for ever, and its oscillation grows "
    + (
        f"until it is lost at step {quartic['edge'].lost}. "
        if quartic["edge"].lost >= 0
        else "without a bound. "
    )
    + "Central flow demands that the curvature at the centre come down to the threshold, and there is no "
    "third derivative that could bring it down: "
    + (
        "it has **no answer**, from its first step on."
        if quartic["central"].lost >= 0
        else "its constraint is not met."
    )
)

# %% tags=["hide-input"]
half_step = toys["rmsprop"].rule.learning_rate / 2
swing = {tag: courses["rmsprop"][tag].amplitude for tag in ("disc", "rod", "free", "central")}
late = slice(len(swing["disc"]) // 3, None)
spread = {tag: float(np.std(values[late]) / np.mean(values[late])) for tag, values in swing.items()}
if usual_toys:
    assert all(abs(values[-1] / half_step - 1) < 0.05 for values in swing.values())
    assert spread["central"] < 0.2 * spread["disc"] and spread["free"] > 0.5 * spread["disc"]
notebook.show(
    f"{toy_table('rmsprop')}\n\n"
    f"On the parabola all come to an oscillation of $\\eta/2$ = {half_step:g}, (190). Central flow too: its constraint "
    "acts on $2P(\\nu)-H$, and the oscillation raises $\\nu$, so it needs no third derivative here. It is there at once, as a time average "
    f"should be; the optimizer's oscillation swings about it, by {spread['disc']:.0%} (standard deviation), the drift-free rod's by "
    f"{spread['free']:.0%}, the rod flow's by {spread['rod']:.0%}, central flow's by {spread['central']:.0%}."
)

# %% [markdown]
# ### Valleys that sharpen
#
# Down a floor that falls, the walls sharpen: progressive sharpening. Beyond the threshold the oscillation
# grows and pushes back, $\dot s=-\eta\,(\frac12C^\top d^2-a)$: self-stabilization {cite:p}`damian2023self`.
# The first valley has nothing else. In the second the walls flatten with height, and it is entered from afar,
# so that the oscillation dies first.

# %% tags=["remove-cell"]
slopes = ["sharpening", "flattening"]
publish_toys(
    "models-valleys",
    slopes,
)

# %% [markdown]
# ```{figure} ../figures/models-valleys.svg
# :name: fig-models-valleys
# :alt: Sharpness over threshold, oscillation and distance to the optimizer's centre over steps, in two valleys that sharpen. In the first, sharpness swings about the threshold; rods and Edge Flow swing with it, central flow stays at the threshold. In the second, the optimizer settles above the threshold and only the drift-free rod with it.
#
# **Above, rods and Edge Flow coincide; below, the rod flow lies on the stable flow.** Gradient
# descent in two valleys that sharpen.
# ```

# %% tags=["remove-cell"]
from rodflow_book.figures.models_motion import models_motion
from rodflow_book.motion import save_motion

save_motion(
    "models-side-by-side",
    "The models of the edge in a valley that sharpens and whose walls flatten",
    *models_motion(toys["flattening"], courses["flattening"]),
    figures,
    manifest=files.page_manifest("notebooks/models.py", toy_steps=toy_steps),
)

# %% [markdown]
# The second valley, played: all models in step, each with its width, at every fifth step.
#
# ```{raw} html
# <div class="rodflow-player" data-motion="models-side-by-side"><noscript>With JavaScript, the second valley of the figure above can be played here step by step.</noscript></div>
# <link rel="stylesheet" href="../player/player.css">
# <script src="../figures/models-side-by-side.motion.js"></script>
# <script src="../player/address.js"></script>
# <script src="../player/player.js"></script>
# ```

# %% tags=["hide-input"]
cycle = {tag: courses["sharpening"][tag] for tag in ("disc", "rod", "free", "edge", "central")}
middle = len(cycle["disc"].sharpness) // 2
growth = {
    tag: float(c.amplitude[middle:].max() / c.amplitude[:middle].max()) for tag, c in cycle.items()
}
swinging = {tag: float(np.ptp(c.sharpness[len(c.sharpness) // 3 :])) for tag, c in cycle.items()}
mean_square = float((2 * 0.02 / 0.2) ** 0.5)
if usual_toys:
    assert growth["disc"] > 1.05 > max(growth[tag] for tag in ("rod", "free", "edge"))
    assert scores["sharpening"]["sf"].distance > 5 * scores["sharpening"]["free"].distance
    assert abs(last("sharpening", "central", "amplitude") / mean_square - 1) < 0.02
notebook.show(
    f"{toy_table('sharpening')}\n\n"
    f"Without anything that damps it, the sharpness swings: over {swinging['disc']:.3f} of the threshold for gradient descent, {swinging['free']:.3f} "
    f"for the drift-free rod, {swinging['edge']:.3f} for Edge Flow, {swinging['central']:.3f} for central flow, which is a time average and has "
    f"no bursts; its oscillation is $\\sqrt{{2a/c}}$ = {mean_square:.3f} from the first moment on. Gradient descent's bursts **grow**, by a factor of "
    f"{growth['disc']:.2f} from the first half of the run to the second; the rods' do not ({growth['rod']:.2f} and {growth['free']:.2f})."
)

# %% [markdown]
# Why do they grow? For slow variables, centre and length, a step of the optimizer *is* a step of Euler's
# method, (4) and (5), and Euler's method makes a swing grow. A flow takes the limit of infinitely many. That
# can be tested: integrated by Euler's method with one substep, the models must grow as the optimizer does,
# with more, less.

# %% tags=["hide-input"]
substeps = (1, 2, 4) if not tests else (1,)
swings_by = {
    k: models_toys.run(
        toys["sharpening"],
        {tag: models_toys.MODELS[tag] for tag in ("free", "edge")},
        dict.fromkeys(("free", "edge"), f"euler:{k}"),
    )
    for k in substeps
}
euler_growth = {
    (k, tag): float(several[tag].amplitude[middle:].max() / several[tag].amplitude[:middle].max())
    for k, several in swings_by.items()
    for tag in ("free", "edge")
}
if usual_toys:
    assert all(abs(euler_growth[1, tag] - growth["disc"]) < 0.03 for tag in ("free", "edge"))
    assert (
        euler_growth[1, "free"] > euler_growth[2, "free"] > euler_growth[4, "free"] > growth["free"]
    )
by_euler = {
    tag: ", ".join(f"{euler_growth[k, tag]:.3f}" for k in substeps) for tag in ("free", "edge")
}
notebook.show(
    f"The optimizer grows by {growth['disc']:.3f}; by Euler with {', '.join(map(str, substeps))} substeps the drift-free rod by "
    f"{by_euler['free']}, Edge Flow by {by_euler['edge']}; integrated well, both by {growth['free']:.3f}."
)

# %% tags=["hide-input"]
flat = scores["flattening"]
half_drift = 0.5 * 0.5 * 0.02  # half of eta times the slope
excess = 0.5 * (2 * 0.02 / 0.2) / toys["flattening"].rule.threshold
if usual_toys:
    assert flat["free"].distance < 0.1 * min(
        flat[tag].distance for tag in ("rod", "edge", "central")
    )
    assert abs(last("flattening", "rod", "amplitude") / half_drift - 1) < 0.1
    assert abs(last("flattening", "disc") - 1 - excess) < 0.1 * excess
    assert abs(last("flattening", "central") - 1) < 1e-3
notebook.show(
    f"{toy_table('flattening')}\n\n"
    f"Here **only the drift-free rod follows**: {flat['free'].distance:.2g} from the optimizer, the others {flat['central'].distance:.2g} (central flow), "
    f"{flat['edge'].distance:.2g} (Edge Flow) and {flat['rod'].distance:.2g} (rod flow). Two things happen. Below the threshold the "
    "oscillation becomes shorter than the drift, and the paper's rod turns into the drift: at the end its half-length is "
    f"{last('flattening', 'rod', 'amplitude'):.4f}, half a step of the drift is {half_drift:g}. And what comes to the threshold is the curvature across "
    f"the oscillation, not that at the centre: the optimizer ends at a sharpness of {last('flattening', 'disc'):.4f} thresholds, at $1+\\kappa\\,\\delta^2\\eta/2$ "
    f"= {1 + excess:.4f}; the drift-free rod at {last('flattening', 'free'):.4f}; central flow, whose constraint is on the centre, at {last('flattening', 'central'):.4f}."
)

# %% [markdown]
# ### Two sharp directions, one after the other
#
# Two flat directions, each sharpening one of two sharp ones, and a little of the other. The first reaches the
# threshold early, the second later.

# %% tags=["remove-cell"]
publish_toys("models-two", ["two"], lambda: plots_models.directions_figure(courses["two"], 2))

# %% [markdown]
# ```{figure} ../figures/models-two.svg
# :name: fig-models-two
# :alt: Sharpness over threshold, and the oscillation in each of two sharp directions over steps. The first direction oscillates from step 100 on, the second from about 250 on. Both rods follow in both; Edge Flow bursts; central flow enters each direction as soon as its curvature is at the threshold.
#
# **Both rods follow gradient descent in two sharp directions, where Edge Flow bursts and central
# flow is early.**
# ```

# %% tags=["hide-input"]
pair = scores["two"]


def enters(tag, i):
    """Step at which the oscillation in a sharp direction first grows beyond 0.2, after it was below."""
    swing = courses["two"][tag].swings[:, i]
    below = np.flatnonzero(swing < 0.2)
    after = np.flatnonzero(swing[below[0] :] > 0.2) if len(below) else []
    return int(models_toys.FIRST + below[0] + after[0]) if len(after) else None


entry = {
    tag: [enters(tag, i) for i in range(2)] for tag in ("disc", "rod", "free", "edge", "central")
}
if usual_toys:
    assert max(pair["rod"].distance, pair["free"].distance) < 0.25 * min(
        pair["edge"].distance, pair["central"].distance
    )
    assert all(
        abs(a - b) < 15
        for tag in ("rod", "free")
        for a, b in zip(entry[tag], entry["disc"], strict=True)
    )
    assert entry["central"][1] < entry["disc"][1] - 50
notebook.show(
    f"{toy_table('two')}\n\n"
    "The oscillation in the two directions passes 0.2 at steps "
    + "; ".join(
        f"{' and '.join(map(str, entry[tag]))} ({TITLES[tag].strip('[').split(']')[0]})"
        for tag in entry
    )
    + ". **One rod is enough for two directions**: gradient descent alternates in both at the same time, its half-displacement is one "
    "vector, and so is the rod. Central flow's covariance has both, but it has them as soon as the curvature at the centre is at the "
    "threshold, where the optimizer's oscillation must first grow from what is left of it."
)

# %% [markdown]
# ### What the toys say


# %% tags=["hide-input"]
follows = {
    tag: [
        name
        for name in toys
        if tag in scores[name]
        and scores[name][tag].lost < 0
        and scores[name][tag].error < 0.01
        and abs(scores[name][tag].amplitude - 1) < 0.1
    ]
    for tag in ("rod", "corrected_rod", "free", "edge", "central")
}
if usual_toys:
    assert len(follows["free"]) == len(toys)
    assert set(toys) - set(follows["rod"]) == {"flattening"}
    assert follows["central"] == ["rmsprop"] and follows["edge"] == ["sharpening"]
    same = [
        abs(scores[name]["rod"].sharpness - scores[name]["corrected_rod"].sharpness)
        for name in toys
    ]
    assert max(same) < 1e-3
notebook.show(
    "In how many toys a model keeps the sharpness within a hundredth of the optimizer's at the same step (median), and the "
    "oscillation within a tenth:\n\n"
    + tables.markdown(
        ("", "follows in", "was run on"),
        [
            [TITLES[tag], len(names), sum(tag in scores[name] for name in toys)]
            for tag, names in follows.items()
        ],
    )
)

# %% [markdown]
# - A **rod** measures the curvature across its own two ends. It follows long oscillations, transients, and
#   several directions that alternate together. The paper's is lost where drift outgrows oscillation.
# - **Edge Flow** is the drift-free rod for short oscillations, and goes wrong as far as the curvature changes
#   along the rod.
# - **Central flow** gives the time average, needs no oscillation to start from, and gives nothing of
#   transients. It puts the curvature of the *centre* at the threshold: it is off by what the walls flatten,
#   and has no answer where nothing brings that curvature down.
# - **Backward error** changes nothing here: across the valley the centre is at rest, and along it there is no
#   curvature to correct for.
#
# None of this is evidence about networks, where many directions are near the edge, and walls are of all
# kinds: {doc}`rivals` has all of these models beside the optimizers on networks, and what each costs.
