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
# # Phase space
#
# {doc}`rod` has made a rod of two weights, for gradient descent. An optimizer with momentum also
# carries a memory, and for it that rod is not enough. This page shows why, with the smallest example
# there is: the rod has to live in {term}`phase space`, the space of weights *and* memory
# {cite:p}`regis2026adam`.

# %% tags=["parameters", "hide-input"]
learning_rate = 0.5  # a finite number of at least 0.4 and at most 1
beta = 0.5  # a finite number of at least 0.45 and at most 0.5
excess = 0.025  # a finite number above 0 and below 0.3
steps = 30  # a whole number of at least 10 and at most 300
substeps = 4  # a whole number of at least 4 and at most 1000
spiral_beta = 0.95  # a finite number of at least 0.9 and at most 0.97
spiral_curvature = 4.0  # a finite number of at least 3 and at most 6
figures = "build/figures"  # a folder that can be made or written to

# %% tags=["hide-input"]
from rodflow_book.notebook import check_parameters, one_thread, show
from rodflow_core.experiments.parameters import real, whole

check_parameters(
    globals(),
    "figures",
    learning_rate=real(least=0.4, most=1),
    beta=real(least=0.45, most=0.5),
    excess=real(above=0, below=0.3),
    steps=whole(least=10, most=300),
    substeps=whole(least=4, most=1000),
    spiral_beta=real(least=0.9, most=0.97),
    spiral_curvature=real(least=3, most=6),
)
one_thread()

# %% [markdown]
# ## An optimizer with a memory
#
# Heavy ball {cite:p}`polyak1964some` has a memory. In the form in which Adam uses it, the first
# moment $m$ is a running average of gradients,
#
# (eq-8)=
# (eq-9)=
# \begin{align}
# m_{t+1}&=\beta\,m_t+(1-\beta)\,g(w_t),\tag{8}\\
# w_{t+1}&=w_t-\eta\,m_{t+1},\tag{9}
# \end{align}
#
# The factor $1-\beta$ is a convention. Polyak's own form, $w_{t+1}=w_t+\beta(w_t-w_{t-1})-\eta'g(w_t)$, is
# the same optimizer with $\eta'=(1-\beta)\,\eta$.
#
# ## Two steps from one weight
#
# The rod of gradient descent rests on one fact: half of the rod is half a step, and a step is a function of
# the weight. At either end one knows where the optimizer goes next. Is that so for heavy ball? Take
# the simplest loss, the parabola $\frac12Sw^2$, and a curvature far below the threshold.

# %%
import numpy as np
import torch

from rodflow_core import theory
from rodflow_core.flows import RodFlow, advance
from rodflow_core.landscapes import Quadratic, Quartic
from rodflow_core.optimizers import State, make_rule
from rodflow_core.simulate import iterate, side_by_side

S = spiral_curvature
parabola = Quadratic(torch.tensor([S], dtype=torch.float64))
rolling = make_rule("heavy_ball", learning_rate, beta1=spiral_beta)
spiral = np.stack([state.z.numpy() for state in iterate(rolling, parabola, [1.0, 0.0], 60)])
sliding = make_rule("gd", 0.25 / S)
slide = np.array([float(state.z) for state in iterate(sliding, parabola, [1.0], 20)])

# %% [markdown]
# Heavy ball turns about the minimum, on an ellipse that shrinks by $\sqrt\beta$ a step. Nothing flips yet.
# A step of heavy ball multiplies $(w,m)$ by a matrix $T$ of determinant $\beta$; where its eigenvalues are a
# complex pair, both have modulus $\sqrt\beta$, and $|\ell\cdot(w,m)|$, with a left eigenvector $\ell$, is what
# shrinks:

# %%


def transition(S):
    """The matrix of one step of heavy ball on (w, m)."""
    return np.eye(2) + theory.flow_matrix("heavy_ball", S, learning_rate, spiral_beta)


def mode(matrix):
    """The eigenvalue whose imaginary part is not negative, and its eigenvector."""
    found, vectors = np.linalg.eig(matrix)
    first = int(np.argmax(found.imag))
    return found[first], vectors[:, first]


_, left = mode(transition(S).T)
radius = np.abs(spiral @ left)
np.testing.assert_allclose(radius[1:] / radius[:-1], spiral_beta**0.5, rtol=1e-10)
print(
    f"A step multiplies by {radius[1] / radius[0]:.6f}; the root of beta is {spiral_beta**0.5:.6f}."
)

# %% tags=["remove-cell"]
from rodflow_book.figures import files
from rodflow_book.figures import phase_space as plots

# Two visits to nearly one weight, in opposite directions.
move = np.diff(spiral[:, 0])
pairs = [(i, j) for i in range(len(move)) for j in range(i + 1, len(move)) if move[i] * move[j] < 0]
apart = [abs(spiral[i, 0] - spiral[j, 0]) / min(abs(move[i]), abs(move[j])) for i, j in pairs]
pair = pairs[int(np.argmin(apart))]
one, other = spiral[list(pair), 0]
assert min(apart) < 0.1, "far less apart than either moves"
np.testing.assert_allclose(np.diff(slide), -0.25 * slide[:-1], rtol=1e-12)

turn = np.exp(1j * np.linspace(0, 2 * np.pi, 121))
closes = (1 + spiral_beta**0.5) ** 2 / (learning_rate * (1 - spiral_beta))
np.testing.assert_allclose(mode(transition(closes))[0], -(spiral_beta**0.5), atol=1e-6)
assert 0.999 < closes / rolling.threshold < 1
ellipses = {}
for share in (0.05, 0.5, 0.95):
    value, v = mode(transition(share * closes))
    assert value.imag > 0 and abs(abs(value) - spiral_beta**0.5) < 1e-12
    ellipses[share] = np.real(np.outer(turn, v / v[0]))
about = files.page_manifest(
    "notebooks/phase_space.py",
    learning_rate=learning_rate,
    spiral_beta=spiral_beta,
    spiral_curvature=spiral_curvature,
)
files.save(
    "phase-space-ellipse",
    lambda: plots.ellipse_figure(spiral, slide, pair, ellipses, learning_rate),
    plots.ellipse_table(spiral, slide, ellipses),
    figures,
    manifest=about,
    alt=f"Left: heavy ball on a parabola turns about the minimum in the plane of weight and moment. At step {pair[0]} and "
    f"step {pair[1]} it is at the weight {one:.2f}, once on its way down and once on its way up. Middle: the next step against the "
    "weight. For gradient descent all points are on one line; for heavy ball they turn, two steps to a weight. "
    "Right: the ellipse at three curvatures; the nearer to the threshold, the nearer it is to the falling diagonal.",
)

# %% [markdown]
# ```{figure} ../figures/phase-space-ellipse.svg
# :name: fig-phase-space-ellipse
# :figclass: panels
# :alt: Left, heavy ball on a parabola turns about the minimum in the plane of weight and moment, and passes one weight twice, in opposite directions. Middle, the next step against the weight: for gradient descent one line, for heavy ball a turn, with two steps to a weight. Right, the ellipse at three curvatures; the nearer to the threshold, the nearer it is to the falling diagonal.
#
# **A weight does not say where heavy ball goes next; weight and moment do.** Left: its iterates on a parabola
# ($\eta=0.5$, $\beta=0.95$, $S=4$), far below the threshold; the two marked are at one weight. Middle: the step
# that follows, against the weight. Right: the ellipse on which it turns, at three curvatures, as shares of that at
# which turning ends; there it has closed onto the dotted diagonal $(1,-2/\eta)$, and what turned now flips.
# ```

# %% tags=["hide-input"]
show(
    f"At step {pair[0]} heavy ball is at $w={one:.3f}$ and moves by {move[pair[0]]:+.3f}; at step {pair[1]} it is at $w={other:.3f}$ "
    f"and moves by {move[pair[1]]:+.3f}. The weight cannot tell these two apart. The moment can: it is "
    f"{spiral[pair[0], 1]:.3f} and {spiral[pair[1], 1]:.3f}."
)

# %% [markdown]
# Would two consecutive weights not do? In their order they would: by {ref}`(9) <eq-9>` their difference *is* the moment. But a
# rod has no order. What varies smoothly is $\delta\delta^\top$, the square, which forgets which end came first. For gradient
# descent nothing is lost with it. For heavy ball it is the sign of the moment.

# %% [markdown]
# ## The lift
#
# Where one stands is the pair of weight and moment. So let the rod live in {term}`phase space`:
#
# (eq-11)=
# (eq-12)=
# (eq-13)=
# \begin{align}
# z&=(w,m),\tag{11}\\
# \bar z_t&=\tfrac12\,(z_t+z_{t+1}),\tag{12}\\
# \delta_{z,t}&=\tfrac12\,(z_{t+1}-z_t)=(\delta_t,\mu_t).\tag{13}
# \end{align}
#
# Put {ref}`(8) <eq-8>` into {ref}`(9) <eq-9>`, and one step is a displacement that depends on the
# state alone:
#
# (eq-14)=
# (eq-15)=
# \begin{align}
# z_{t+1}&=z_t+F(z_t),\tag{14}\\
# F(w,m)&=\begin{pmatrix}-\eta\,\big(\beta m+(1-\beta)\,g(w)\big)\\(1-\beta)\,\big(g(w)-m\big)\end{pmatrix}.\tag{15}
# \end{align}
#
# From here on the argument is that of {doc}`rod`, with $F$ for $-\eta g$ and $F_\pm=F(\bar z\pm\delta_z)$:
#
# (eq-16)=
# (eq-17)=
# \begin{align}
# \bar z_{t+1}-\bar z_t&=\tfrac12\,(F_++F_-),\tag{16}\\
# \delta_{z,t+1}\delta_{z,t+1}^\top-\delta_{z,t}\delta_{z,t}^\top
# &=-2\,\delta_{z,t}\delta_{z,t}^\top+\tfrac14\big(F_+F_+^\top+F_-F_-^\top\big).\tag{17}
# \end{align}
#
# Both are exact again, and promoted they are heavy ball's rod flow:
#
# (eq-18)=
# (eq-19)=
# (eq-20)=
# (eq-21)=
# \begin{align}
# \dot{\bar w}&=-\eta\,\big(\beta\bar m+(1-\beta)\,\bar g\big),\tag{18}\\
# \dot{\bar m}&=(1-\beta)\,(\bar g-\bar m),\tag{19}\\
# \dot\Sigma&=-2\,\Sigma+\tfrac14\big(F_+F_+^\top+F_-F_-^\top\big),\tag{20}\\[6pt]
# \Sigma&=\begin{pmatrix}\Sigma_{ww}&\Sigma_{wm}\\\Sigma_{mw}&\Sigma_{mm}\end{pmatrix}.\tag{21}
# \end{align}
#
# ## The threshold
#
# Heavy ball becomes unstable on a quadratic of curvature
#
# (eq-10)=
# $$
# S_{\rm HB}=\frac2\eta\,\frac{1+\beta}{1-\beta}.\tag{10}
# $$
#
# In Polyak's form this reads $(2+2\beta)/\eta'$. It is $2/\eta$ times a factor that grows with the memory: an average over
# steps that alternate has little left of them, so the valley may be sharper before the iterates bounce. Up to
# there the optimizer turns, or slides; from there on the matrix of a step has an eigenvalue below $-1$, and $w$ and $m$ flip
# together at every step.

# %%
for b in (0.0, 0.5, 0.9):
    rule = make_rule("heavy_ball", learning_rate, beta1=b)
    at = np.eye(2) + theory.flow_matrix("heavy_ball", rule.threshold, learning_rate, b)
    assert abs(np.linalg.eigvals(at).real.min() + 1) < 1e-7
    assert abs(rule.threshold - (2 + 2 * b) / ((1 - b) * learning_rate)) < 1e-9

# %% [markdown]
# ## One rod, not two
#
# Why not one rod for $w$ and another for $m$? Each of them would be known only up to its sign. The
# pair would have four corners, $(\pm\delta,\pm\mu)$ in every combination, and nothing to say which two of
# them the optimizer visits. The joint rod has two ends. Its sign is free only as a whole,
# $(\delta,\mu)\to-(\delta,\mu)$, and the block $\Sigma_{wm}$ holds what two separate rods forget: that
# $w$ and $m$ flip *together*, and in which sense.
#
# The smallest example is the quartic of the paper's appendix C, sharpest at the origin,
#
# $$
# L(w)=\tfrac12\,S\,w^2-\tfrac14\,\kappa\,w^4,\qquad\kappa>0.\tag{138}
# $$
#
# For $S>S_{\rm HB}$ the rod flow has a fixed point. Its rod is as long as it takes for the average
# curvature along it to be the threshold:
#
# \begin{align}
# S-\kappa\,\delta_*^2&=S_{\rm HB},\tag{155}\\[6pt]
# \delta_*^2&=\frac{S-S_{\rm HB}}{\kappa},\tag{156}\\[6pt]
# \mu_*&=-\frac2\eta\,\delta_*,\tag{157}\\[6pt]
# \Sigma_*&=\delta_*^2\begin{pmatrix}1&-2/\eta\\-2/\eta&4/\eta^2\end{pmatrix}.\tag{158}
# \end{align}
#
# Equation (157) is the joint flip. It had to be: from one end to the other $w$ moves
# by $2\delta_*$, and by {ref}`(9) <eq-9>` it is moved by $-\eta$ times the moment at the end it
# arrives at. The function that ran gradient descent's rod runs this one:

# %%
KAPPA = 1.0
heavy_ball = make_rule("heavy_ball", learning_rate, beta1=beta)
curvature = (1 + excess) * heavy_ball.threshold
S = torch.tensor([curvature], dtype=torch.float64)
quartic = Quartic(S, torch.tensor(KAPPA))
start = torch.tensor([0.06, 0.0], dtype=torch.float64)  # (w, m)
flip = side_by_side(heavy_ball, quartic, start, steps, substeps=substeps, stable=True)
z = torch.from_numpy(flip.iterates)

# %% tags=["remove-cell"]
if not (z[:, 0].abs() < (curvature / KAPPA) ** 0.5).all():
    raise ValueError(
        f"heavy ball leaves the well, with learning_rate = {learning_rate}, beta = {beta}, "
        f"excess = {excess}; lower the excess."
    )

# %% [markdown]
# {ref}`(16) <eq-16>` and {ref}`(17) <eq-17>` hold to rounding:

# %%
centre, half = (z[:-1] + z[1:]) / 2, (z[1:] - z[:-1]) / 2


def outer(v):
    return v.unsqueeze(-1) * v.unsqueeze(-2)


def F(points):
    g = quartic.gradients(heavy_ball.gradient_point(points))
    return heavy_ball.displacement(points, g, heavy_ball.preconditioner(None))


F_plus, F_minus = F((centre + half)[:-1]), F((centre - half)[:-1])
residual_16 = centre.diff(dim=0) - (F_plus + F_minus) / 2
source = (outer(F_plus) + outer(F_minus)) / 4
residual_17 = outer(half).diff(dim=0) - (-2 * outer(half)[:-1] + source)
residuals = residual_16.abs().max().item(), residual_17.abs().max().item()
assert max(residuals) < 1e-13, "(16) and (17) must hold to rounding"
print("left of (16): {:.0e}, of (17): {:.0e}".format(*residuals))

# %% tags=["remove-cell"]
fixed = theory.quartic_fixed_point("heavy_ball", curvature, KAPPA, learning_rate, beta)
corner = np.array([fixed.half_displacement, fixed.moment_half_difference])
about = files.page_manifest(
    "notebooks/phase_space.py",
    learning_rate=learning_rate,
    beta=beta,
    excess=excess,
    kappa=KAPPA,
    steps=steps,
    substeps=substeps,
)
times = sorted({0, steps // 6, steps // 3, steps - 1})
files.save(
    "rod-phase-space",
    lambda: plots.phase_figure(flip, corner, times, 2 / learning_rate),
    files.trajectory_table(flip, ("w", "m")),
    figures,
    manifest=about,
    alt="Left: heavy ball in the plane of weight and first moment. Iterates and rods lie on the "
    "falling diagonal and lengthen until they reach the two ends of the fixed rod; the two corners "
    "on the rising diagonal, which two separate rods would allow, are never visited. Right: weight "
    "and first moment over steps flip together inside the ends of the rod flow.",
)

# %% [markdown]
# ```{figure} ../figures/rod-phase-space.svg
# :name: fig-rod-phase-space
# :alt: Left, the plane of weight and first moment: iterates and rods lie on the falling diagonal and lengthen until they reach the two ends of the fixed rod, while the two corners on the rising diagonal are never visited. Right, weight and first moment over optimizer steps flip together, and the ends of the rod flow envelop them.
#
# **Weight and moment flip together: the rod grows along one diagonal, and two of the four corners are never
# visited.** Heavy ball on the quartic, $\eta=0.5$, $\beta=0.5$, 2.5% above its threshold. Left: phase space, with the
# rods of the flow at a few times; their common direction becomes $(1,-2/\eta)$. Right: the same over time; the
# flow's ends are the envelope of the iterates.
# ```

# %% tags=["remove-cell"]
from rodflow_book.figures.rod_motions import phase_motion
from rodflow_book.motion import save_motion

panels, words = phase_motion(flip, corner)
save_motion(
    "rod-phase-space",
    "Heavy ball in phase space, and its rod",
    panels,
    range(1, len(words) + 1),
    words,
    figures,
    rate=3,
    manifest=about,
)

# %% [markdown]
# The same, step by step: press *Play*.
#
# ```{raw} html
# <div class="rodflow-player" data-motion="rod-phase-space"><noscript>With JavaScript, the figure above can be played here step by step.</noscript></div>
# <link rel="stylesheet" href="../player/player.css">
# <script src="../figures/rod-phase-space.motion.js"></script>
# <script src="../player/address.js"></script>
# <script src="../player/player.js"></script>
# ```
#
# And with sliders: other momenta and curvatures, computed on this page by the same formulas.
#
# ```{include} ../quartic_widget.md
# ```

# %% tags=["hide-input"]
scale = np.array([1, learning_rate / 2])  # in these units the fixed rod is as wide as it is high
length = np.linalg.norm(corner * scale)


def nearest(point):
    """Give the smallest distance of an iterate to plus or minus a point, in half-lengths."""
    distances = [np.linalg.norm((flip.iterates - p) * scale, axis=1) for p in (point, -point)]
    return np.min(distances) / length


def same_sign(points):
    return int((points[:, 0] * points[:, 1] > 0).sum())


flow = RodFlow(heavy_ball, quartic)
state = flow.initial(*(State(torch.from_numpy(z), None) for z in flip.iterates[:2]))
for t in range(1, steps):
    state = advance(flow, state, t, substeps)
away = np.linalg.norm(state.extent.dense().numpy() - fixed.extent) / np.linalg.norm(fixed.extent)
ends_apart = np.abs((flip.signed_half - flip.optimizer_half) * scale).max() / length
show(
    f"After {steps} steps the flow's $\\Sigma$ is within {away:.1g} (relative) of "
    f"(158): the half-displacement is $({abs(flip.half[-1, 0]):.4f},"
    f"\\,-{abs(flip.half[-1, 1]):.4f})$, the fixed point "
    f"$({corner[0]:.4f},\\,{corner[1]:.4f})$. On the whole way it differs from the iterates' by at most "
    f"{100 * ends_apart:.0f}% of the rod's half-length. The iterates come within "
    f"{nearest(corner):.1g} half-lengths of the two ends of the fixed rod, and **never nearer than "
    f"{nearest(corner * [1, -1]):.2f} half-lengths** to the two corners that separate rods would "
    f"allow. Of {len(flip.iterates)} iterates, {same_sign(flip.iterates) or 'none'} have $w$ and $m$ of "
    "the same sign."
)

# %% [markdown]
# Two rods would not only be ambiguous: they would be wrong. A step from an end of the rod must lead
# to the other end. A step from a corner that is not an end leads elsewhere:

# %%
delta, mu = fixed.half_displacement, fixed.moment_half_difference
points = torch.tensor([[delta, mu], [delta, -mu]], dtype=torch.float64)
for point, (w, m) in zip(("end", "corner"), (points + F(points)) / points, strict=True):
    print(f"{point}: w times {w:+.2f}, m times {m:+.2f}")  # -1: flipped

# %% [markdown]
# From $(\delta_*,\mu_*)$ both coordinates flip exactly, $F(\delta_z)=-2\,\delta_z$. From
# $(\delta_*,-\mu_*)$ the weight is thrown beyond the other end, for gradient and memory now pull the
# same way.
#
# ## A rod that leaves the moment out
#
# What would a rod in weight space do? The nearest thing to one is gradient descent's rod flow at the same
# learning rate: heavy ball with its moment replaced by what it is a mean of. On the quartic, at curvatures from below
# gradient descent's threshold to above heavy ball's:

# %%
descent = make_rule("gd", learning_rate)
rows = []
for times_over in (0.8, 1.2, 1.6, 2.0, 2.4, 2.8, 3.1, 3.2, 3.3):
    well = Quartic(torch.tensor([times_over * descent.threshold]).double(), torch.tensor(KAPPA))
    small = torch.tensor([0.1], dtype=torch.float64)
    lifted = side_by_side(heavy_ball, well, [0.1, 0.0], 150, substeps=substeps)
    flow = RodFlow(descent, well)
    state = flow.initial(State(-small, None), State(small, None))
    for t in range(150):
        state = advance(flow, state, t, substeps)
    rows.append(
        {
            "curvature": times_over * descent.threshold,
            "heavy_ball": np.abs(lifted.iterates[-10:, 0]).mean(),
            "rod": abs(lifted.half[-1, 0]),
            "weight_rod": float(state.half_displacement.abs()[0]),
        }
    )

# %% tags=["remove-cell"]
import pandas as pd

sweep = pd.DataFrame(rows)
# Beyond heavy ball's own threshold the other rod is so long that four substeps no longer carry it.
sweep.loc[sweep["curvature"] > heavy_ball.threshold, "weight_rod"] = np.nan
limits = {"rod": heavy_ball.threshold, "weight_rod": descent.threshold}
for name, threshold in limits.items():
    closed = np.sqrt(np.maximum(sweep["curvature"] - threshold, 0) / KAPPA)  # (156)
    sweep[f"{name}_closed"] = closed
    known = sweep[name].notna()
    np.testing.assert_allclose(sweep[name][known], closed[known], atol=2e-3)
np.testing.assert_allclose(sweep["heavy_ball"], sweep["rod_closed"], atol=2e-3)
quiet = sweep[sweep["curvature"].between(descent.threshold, heavy_ball.threshold)]
assert len(quiet) > 3 and (quiet["heavy_ball"] < 1e-3).all() and (quiet["weight_rod"] > 0.5).all()
grid = np.linspace(sweep["curvature"].min(), sweep["curvature"].max(), 401)
lines = pd.DataFrame({"curvature": grid})
for name, threshold in limits.items():
    lines[f"{name}_closed"] = np.sqrt(np.maximum(grid - threshold, 0) / KAPPA)
files.save(
    "phase-space-threshold",
    lambda: plots.threshold_figure(sweep, lines, limits),
    pd.concat((sweep, lines), ignore_index=True),
    figures,
    manifest=about,
    alt="Length of the oscillation on the quartic against its curvature. A rod in weight space oscillates from gradient "
    f"descent's threshold {descent.threshold:g} on. Heavy ball is still up to its own threshold {heavy_ball.threshold:g}, "
    "and the rod in phase space with it; beyond, both have one length.",
)

# %% [markdown]
# ```{figure} ../figures/phase-space-threshold.svg
# :name: fig-phase-space-threshold
# :alt: Length of the oscillation on the quartic against its curvature. A rod in weight space oscillates from gradient descent's threshold on. Heavy ball is still up to its own threshold, three times as high, and the rod in phase space with it; beyond, both have one length.
#
# **A rod without the moment bounces where heavy ball is still; the rod in phase space has heavy ball's length.** Quartic with
# $\kappa=1$, $\eta=0.5$, $\beta=0.5$. Lines: (156) with either threshold. Marks: what is left after 150 steps.
# ```

# %% tags=["hide-input"]
show(
    f"Between the thresholds {descent.threshold:g} and {heavy_ball.threshold:g} heavy ball comes to rest at every curvature tried (at most "
    f"{quiet['heavy_ball'].max():.1g} is left), and so does its rod in phase space; the rod without the moment has "
    f"half-lengths from {quiet['weight_rod'].min():.2f} to {quiet['weight_rod'].max():.2f} there. Above, heavy ball and its rod agree to "
    f"{np.abs(sweep['heavy_ball'] - sweep['rod']).max():.1g}."
)

# %% [markdown]
# ## What you know now
#
# With a memory, the next step is a function of weight and moment together, so the rod of a momentum method lives
# in phase space: one rod, whose weight and moment flip jointly. Its flow is {ref}`(18) <eq-18>` to
# {ref}`(20) <eq-20>`, and it begins to oscillate where heavy ball does, at {ref}`(10) <eq-10>`. In full:
# {doc}`appendix C.1 <appendix_c1>` derives the flows of heavy ball and Nesterov, {doc}`C.2 <appendix_c2>` the
# thresholds, {doc}`C.3 <appendix_c3>` the fixed rod; {doc}`heavy_ball` and {doc}`nesterov` have them on networks.
