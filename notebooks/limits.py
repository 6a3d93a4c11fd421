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
# (limits)=
# # Limits
#
# Where does the rod flow stop tracking, and why? One parameter is swept at a time, from one starting
# point: Adam on the MLP on digits, as in {ref}`its chapter <adam-regime>`. Every run carries the paper's rod
# and the [drift-free rod](drift_free). Two numbers sum up a run: **how many times closer** than the stable
# flow's a rod's centre stays to the optimizer's (ratio of median distances; 5 is our bar), and its
# **sharpness over the optimizer's** (of medians over the run, as the phases of copies of Adam are lost at the edge;
# within 5 % is our bar). A third tells what can be asked of any model,
# the **floor**: how far a copy of the optimizer itself ends up that was started a little aside, half a step, a quarter or a
# twentieth behind. A rod whose distance is that of the copies has lost nothing that could be kept.
# ({doc}`cifar10` changes one thing at a time on CIFAR-10.)

# %% tags=["parameters", "hide-input"]
preset = "quick"
optimizer = "adam"
architecture = "mlp"
steps = 200
beta1s = [0.7, 0.8, 0.9, 0.95, 0.99]
rates = [3, 3, 3, 3, 10]
ranks = [1, 4, 8]
substeps = [1, 2, 8, 16]
seeds = [1, 2, 3, 4]
warmups = [20, 50, 100]
window = 256
figures = "build/figures"

# %% tags=["hide-input"]
from rodflow_book.notebook import check_parameters, one_thread

check_parameters(
    globals(),
    (
        "preset optimizer architecture steps beta1s rates ranks substeps seeds warmups window figures"
    ),
)
one_thread()

# %% tags=["hide-input"]
import numpy as np
import pandas as pd
from IPython.display import SVG, display

from rodflow_book import notebook
from rodflow_book.figures import files
from rodflow_book.figures import limits as plots_limits
from rodflow_core import theory
from rodflow_core.experiments import limits, presets, records, runs
from rodflow_core.experiments.claims import verdict

SHIFTS = (0.5, 0.25, 0.05)
AT_FLOOR = 1.5
tests = preset == "smoke"
if tests:
    # The tests want every line of this page, not every value.
    steps, window = None, 32
    beta1s, rates, ranks, substeps, seeds, warmups = [0.9], [3], [1], [1], [1], [10]
# A sweep compares medians over a run: these are seen with an eigensolve every 20 steps, too.
base = presets.preset(
    preset, optimizer, architecture, steps=steps, spectrum_every=5 if tests else 20,
    flows=("sf", "rod", "free"),
)  # fmt: skip

# %% tags=["hide-input"]
floors_found = {}


def floor_of(config):
    """How far copies of the optimizer end up, by where they start; flows do not matter to it."""
    key = config.replace(rank=base.rank, substeps=base.substeps).fingerprint
    if key not in floors_found:
        floors_found[key] = limits.floors(config, SHIFTS, config.steps)
    return floors_found[key]


COLUMNS = ("sweep", "label", *limits.Comparison._fields, "seconds", "run")
collected = []


def sweep(name, configs):
    """Load or compute the runs of a sweep, given by label; remember them for the table."""
    several = {label: runs.load_or_run(config) for label, config in configs.items()}
    rows = [
        (
            name,
            label,
            *limits.compare(run),
            float(run.attrs["seconds"]),
            records.places(configs[label])[0].name,
        )
        for label, run in several.items()
    ]
    table = pd.DataFrame(rows, columns=COLUMNS)
    found = np.array([floor_of(config) for config in configs.values()])
    stable = table["distance_sf"].to_numpy()
    table = table.assign(
        floor=np.median(found, axis=1),
        ratio_floor=stable / np.median(found, axis=1),
        ratio_floor_low=stable / found.max(1),
        ratio_floor_high=stable / found.min(1),
    )
    for tag in ("rod", "free"):
        pairs = zip(table[f"ratio_{tag}"], table[f"sharpness_{tag}"], strict=True)
        table[f"verdict_{tag}"] = [verdict(ratio, abs(sharp - 1)) for ratio, sharp in pairs]
        table[f"at_floor_{tag}"] = table[f"distance_{tag}"] <= AT_FLOOR * table["floor"]
    collected.append(table)
    return table, several


def changed(field, values, own):
    """Configurations with one field changed, the starting point among them, in order."""
    marked = {value: base.replace(**{field: value}) for value in values} | {own: base}
    return {str(value): marked[value] for value in sorted(marked)}


def publish(name, draw, table, several, alt):
    """Save a figure to cite with its numbers and the provenance of its runs, and show it."""
    manifest = files.run_manifest(list(several.values()))
    files.save(f"limits-{name}", draw, table, figures, alt=alt, manifest=manifest)
    display(SVG(filename=f"{figures}/limits-{name}.svg"))


def listed(table, column, digits=".2g"):
    """The numbers of a column with their labels, as words; a run that was lost says so."""
    words = [format(v, digits) if np.isfinite(v) else "lost" for v in table[column]]
    return ", ".join(
        f"{word} ({' '.join(label.split())})"
        for word, label in zip(words, table["label"], strict=True)
    )


def first(table, good):
    """The first label from which on everything is good, as words; none where the last is not."""
    from_here = np.logical_and.accumulate(np.asarray(good)[::-1])[::-1]
    return table["label"][from_here.argmax()] if from_here.any() else None


def those(table, good):
    """The labels of the rows that are good, as words."""
    words = [" ".join(label.split()) for label in table["label"][np.asarray(good)]]
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]])) or "none"


def sweep_alt(words, table):
    return (
        f"Two panels over {words}. Times closer than the stable flow: paper's rod "
        f"{listed(table, 'ratio_rod')}; drift-free rod {listed(table, 'ratio_free')}; copies of the optimizer "
        f"{listed(table, 'ratio_floor')}. Sharpness over "
        f"the optimizer's: {listed(table, 'sharpness_rod', '.3f')}; {listed(table, 'sharpness_free', '.3f')}."
    )


# %% [markdown]
# ## Momentum
#
# The paper finds that tracking worsens for larger $\beta_1$, and suspects *period doubling*: that the
# iterates go round in cycles of four, eight, ... steps, of which a rod, which has two ends, knows
# nothing. That can be tested. Watch the discrete optimizer alone for some hundred steps after the
# warm-up, and take the power spectrum of its displacements. A 2-cycle has its power at the frequency
# $\frac12$ per step, a 4-cycle at $\frac14$ as well, drift at the very low end.
#
# Each $\beta_1$ has a learning rate that `rodflow scout --optimizer adam --architecture mlp --beta1
# ... --learning-rates ... --at 800` found for it: the one where oscillation is the largest part.
# The motions are computed here, the flows of the same optimizers are recorded runs.

# %%
betas = {str(base.beta1): base} | {
    str(beta): base.replace(beta1=beta, learning_rate=base.learning_rate * rate)
    for beta, rate in zip(beta1s, rates, strict=True)
}
table, several = sweep("momentum", betas)
motions = {config.beta1: limits.motion(config, window) for config in betas.values()}
parts = pd.DataFrame([limits.shares(motion.displacements) for motion in motions.values()])
ringing = [limits.centre_ringing(motion.displacements) for motion in motions.values()]
frequencies = [limits.median_frequency(motion.displacements) for motion in motions.values()]
table = table.join(parts).assign(ringing=ringing, frequency=frequencies)

# %% tags=["remove-cell"]
publish(
    "momentum",
    lambda: plots_limits.momentum_figure(table),
    table,
    several,
    "Left: stacked bars over beta1, parts of the power of the optimizer's motion; period two "
    f"{listed(table, 'alternating')}; longer cycles {listed(table, 'longer')}; drift "
    f"{listed(table, 'drift')}. Right: times closer than the stable flow, paper's rod "
    f"{listed(table, 'ratio_rod')}; drift-free rod {listed(table, 'ratio_free')}; copies of the optimizer "
    f"{listed(table, 'ratio_floor')}.",
)
shown = {beta: motion for beta, motion in motions.items() if beta in (base.beta1, 0.9, 0.99)}
publish(
    "ringing",
    lambda: plots_limits.ringing_figure(shown),
    plots_limits.ringing_numbers(shown),
    several,
    "Left: power of the optimizer's motion over frequency for three values of beta1. Right: the "
    "frequency at which the motion along each leading eigendirection has most power, over its "
    "preconditioned curvature in units of the threshold, on the curve of heavy ball's ringing.",
)

# %% [markdown]
# ```{figure} ../figures/limits-momentum.svg
# :name: fig-limits-momentum
# :alt: Left, stacked bars over beta1: parts of the power of the optimizer's motion that have period two, longer cycles, and drift. Right: how many times closer than the stable flow the two rods stay, over beta1.
#
# What the optimizer's motion is made of (power of its displacements), and how the rods track it. Bars:
# copies of the optimizer itself, started a little aside.
# ```
#
# ```{figure} ../figures/limits-ringing.svg
# :name: fig-limits-ringing
# :alt: Left: power of the optimizer's motion over frequency for three values of beta1. Right: the frequency at which each leading eigendirection moves, over its curvature, beside the curve of heavy ball's ringing.
#
# Left, power over frequency, drift left out. Right, where the power of each of the eight leading
# eigendirections peaks (dots), and where momentum makes a valley of that curvature ring (lines).
# ```

# %% tags=["hide-input"]
KIND = {"adam": "heavy_ball", "nadam": "dozat"}.get(base.optimizer)


def cycle(config):
    """Growth per step and frequency of what leaves the two-cycle of one weight, appendix E.2."""
    if KIND is None:
        return np.nan, np.nan
    step = theory.adaptive_cycle_matrix(KIND, 1.0, 1.0, config.beta1, config.beta2)
    leading = max(np.linalg.eigvals(step), key=abs)
    return np.log(abs(leading)), 0.5 - abs(np.angle(leading)) / (2 * np.pi)


rows = []
for config, motion in zip(betas.values(), motions.values(), strict=True):
    theory_says = limits.ringing_frequency(motion.curvatures, config.learning_rate, config.beta1)
    below = theory_says < 0.5
    found = limits.peak(motion.modes)[below]
    misses = [abs(found - guess) for guess in (theory_says[below], cycle(config)[1], 0.5)]
    rows.append((below.sum(), *(np.median(miss) if below.any() else np.nan for miss in misses)))
table[["below", "miss_ringing", "miss_cycle", "miss_two"]] = rows
supported = table["miss_ringing"] < 0.5 * table[["miss_cycle", "miss_two"]].min(axis=1)
quarter = [
    part[abs(frequency - 0.25) < 0.01].mean() / part[abs(frequency - 0.25) < 0.06].mean()
    for frequency, part in (limits.power(motion.displacements) for motion in motions.values())
]
notebook.show(
    f"Period two is {listed(table, 'alternating')} of the power; longer cycles, {listed(table, 'longer')}; "
    f"drift, {listed(table, 'drift')} ($\\beta_1$ in brackets). Drift left out, half of the power lies below "
    f"the frequency {listed(table, 'frequency', '.3f')}. At $\\frac14$ there is {min(quarter):.2g} to "
    f"{max(quarter):.2g} times the power of the neighbouring frequencies: "
    + ("something stands out there." if max(quarter) > 2 else "**no period four**.")
)

# %% [markdown]
# So the motion leaves period two. Two explanations offer themselves, neither of them period doubling.
#
# **Ringing of momentum.** In a valley of curvature $S$ below the threshold, a step
# of heavy ball, or of Adam in the metric of $P$, has the multipliers $x$ with
#
# $$
# x^2-\big(1+\beta_1-\eta S(1-\beta_1)\big)\,x+\beta_1=0 :
# $$
#
# a complex pair of modulus $\sqrt{\beta_1}$, whatever the curvature. Such a direction turns at its own
# frequency, which reaches $\frac12$ only near the threshold, and what kicks it dies out within
# about $2/(1-\beta_1)$ steps. But something must kick it.
#
# **Adam's own two-cycle is unstable.** {doc}`Appendix E.2 <appendix_e2>` shows that the bounce of {ref}`(243) <eq-243>` is an
# orbit on which Adam does not stay, for any $\beta_1$ above about 0.17: a longer bounce raises $\nu$, with a delay, this
# lowers the sharpness, the bounce shrinks, $\nu$ falls. For one weight it is known how fast a deviation grows,
# and that the length of the bounce then swings, which puts power at two frequencies beside $\frac12$.
#
# The second can be tested by taking it away: **hold $\nu$** where it stands after the warm-up, but for a factor that puts
# the sharpness 2 % above the threshold, and watch again. And one can watch **how fast a small difference grows** between two copies of the
# optimizer, a millionth of a step apart: a ringing that dies out by itself lets no difference grow.

# %%
HOLD, SETTLE = 1.02, window
rows = []
for config in betas.values():
    rows.append({"growth": limits.growth(config, window), "growth_cycle": cycle(config)[0]})
    try:
        still = limits.motion(config, window, hold=HOLD, settle=SETTLE)
        rows[-1] |= {
            f"{k}_held": v for k, v in limits.shares(still.displacements)._asdict().items()
        }
        rows[-1]["growth_held"] = limits.growth(config, window, hold=HOLD)
    except ValueError:  # with nu held, nothing may be left that could stop it
        rows[-1] |= dict.fromkeys(("drift_held", "longer_held", "alternating_held", "growth_held"))
table = table.join(pd.DataFrame(rows).astype(float))

# %% tags=["remove-cell"]
publish(
    "held",
    lambda: plots_limits.held_figure(table),
    table,
    several,
    f"Left: longer cycles as a part of the power, {listed(table, 'longer')}, and with the second moment held, "
    f"{listed(table, 'longer_held')}. Right: growth of a small difference per step, {listed(table, 'growth')}; held, "
    f"{listed(table, 'growth_held')}; on one weight's two-cycle {listed(table, 'growth_cycle')}.",
)

# %% [markdown]
# ```{figure} ../figures/limits-held.svg
# :name: fig-limits-held
# :alt: Left, longer cycles as a part of the power of the optimizer's motion over beta1, as it is and with the second moment held. Right, the growth of a small difference between two copies of the optimizer per step, as it is and with the second moment held, beside what appendix E.2 says of one weight.
#
# Adam as it is, and with its second moment held; a bar that cannot be seen is below a hundredth, or could
# not be measured. Dashed: what {doc}`appendix E.2 <appendix_e2>` says of one weight.
# ```

# %% tags=["hide-input"]
quiet = (table["longer_held"] < 0.1 * table["longer"]) & (
    table["growth_held"] < 0.1 * table["growth"]
)
# Where nothing alternates any more, there is nothing to ring either.
silent = table["drift_held"] > 0.9
gone = table["longer_held"].isna()
notebook.show(
    f"A small difference grows at a rate of {listed(table, 'growth')} per step; on one weight's two-cycle it would at "
    f"{listed(table, 'growth_cycle')}. At the median rate it is ten times as large after "
    f"{np.log(10) / table['growth'].median():.0f} steps. "
    f"With $\\nu$ held: {listed(table, 'growth_held')}; longer cycles are then {listed(table, 'longer_held')} of the "
    f"power, and period two is {listed(table, 'alternating_held')}."
)
kicked = quiet & ~silent
lines = []
if kicked.any():
    lines.append(
        f"**At $\\beta_1$ {those(table, kicked)} it is the second moment.** With it held Adam goes on oscillating, in a "
        "plain alternation, and a difference grows ten times as slowly at most. So the two-cycle's own instability makes the longer cycles there, and "
        "they are no ringing that a bounce keeps up."
    )
if silent.any():
    lines.append(
        f"At {those(table, silent)} the test says less: with $\\nu$ held the oscillation dies out altogether, and what is left is drift."
    )
if gone.any():
    lines.append(
        f"At {those(table, gone)} Adam diverges with $\\nu$ held, so that nothing can be said."
    )
other = ~(kicked | silent | gone)
if other.any():
    lines.append(
        f"At {those(table, other)} longer cycles remain with $\\nu$ held, though "
        + (
            "a difference grows ten times as slowly there, too."
            if (table["growth_held"] < 0.1 * table["growth"])[other].all()
            else "they are weaker."
        )
    )
lines.append(
    "Where each direction rings, momentum says, in part: of the leading directions below their threshold "
    f"({listed(table, 'below', '.0f')} of them) the frequency of most power misses that of the formula by "
    f"{listed(table, 'miss_ringing')}, that of the two-cycle's swing by {listed(table, 'miss_cycle')}, and period two by "
    f"{listed(table, 'miss_two')} (medians). "
    + (
        f"The formula is twice as near as either at $\\beta_1$ {those(table, supported)}, and not at "
        f"{those(table, ~supported)}."
        if supported.any()
        else "Nowhere is the formula twice as near as the other two."
    )
    + " What is kicked dies out within about $2/(1-\\beta_1)$ steps: "
    + ", ".join(f"{2 / (1 - beta):.0f} at {beta:g}" for beta in motions)
    + "."
)
notebook.show("\n\n".join(lines))

# %% [markdown]
# (The bands are rough: an alternation whose length swings has power beside $\frac12$, in the band of
# the longer cycles, and that a rod can follow.)
#
# What can then be asked of a rod? Averaging two iterates removes what alternates, but of a cycle of frequency $f$ leaves
# the part $\cos\pi f$: the optimizer's centre itself rings, and no rod is nearer to it than that. And where differences grow, no
# model is nearer to it for long than the optimizer's own copies are.

# %% tags=["hide-input"]
reached = table["at_floor_free"]
short = ~reached & (table["regime"] > 1)
notebook.show(
    f"Ringing of the optimizer's centre (root mean square): {listed(table, 'ringing')}. Floor, the median distance of "
    f"copies of the optimizer: {listed(table, 'floor')}. Median distance of "
    f"the drift-free rod: {listed(table, 'distance_free')}. The paper's rod is "
    f"{listed(table, 'ratio_rod')} times closer than the stable flow, the drift-free rod "
    f"{listed(table, 'ratio_free')} times, the copies {listed(table, 'ratio_floor')} times, at an oscillation over drift of "
    f"{listed(table, 'regime')}."
)
lines = []
if reached.any():
    lines.append(
        f"**At $\\beta_1$ {those(table, reached)} the drift-free rod is at the floor**, within {AT_FLOOR:g} times of it: "
        "it ends up as near to the optimizer as the optimizer's own copies, and lacks nothing that can be measured this way."
    )
if short.any():
    factor = (table["distance_free"] / table["floor"])[short]
    lines.append(
        f"**At {those(table, short)} it is above**, {', '.join(f'{value:.2g}' for value in factor)} times as far as the copies. "
        "Ringing of the centre is "
        + ", ".join(f"{value:.0%}" for value in (table["ringing"] / table["distance_free"])[short])
        + " of its distance, so that what is missing is not the ringing itself; what it is we do not know."
    )
lost = (table["at_floor_free"] | (table["ratio_free"] > 2)) & (table["ratio_rod"] < 2)
if lost.any():
    lines.append(
        f"**At {those(table, lost)} the drift takes the paper's rod**: its centre is hardly closer than the stable flow's, or no closer, "
        "while the drift-free rod stays."
    )
hopeless = table["regime"] < 1
if hopeless.any():
    lines.append(
        f"At {those(table, hopeless)} drift is larger than oscillation, and "
        + (
            "no flow is closer than the stable one."
            if (table[["ratio_rod", "ratio_free"]].max(axis=1) < 1.5)[hopeless].all()
            else "still a rod is closer than the stable flow."
        )
    )
notebook.show("\n\n".join(lines))

# %% [markdown]
# ## Rank
#
# $\Sigma$ is kept as its $r$ leading eigenpairs. Only the first is the rod; the others wait to
# take its place.

# %%
table, several = sweep("rank", changed("rank", ranks, base.rank))

# %% tags=["remove-cell"]
publish(
    "rank",
    lambda: plots_limits.sweep_figure(table, "rank $r$"),
    table,
    several,
    sweep_alt("rank", table),
)

# %% [markdown]
# ```{figure} ../figures/limits-rank.svg
# :name: fig-limits-rank
# :alt: Times closer than the stable flow, and sharpness over the optimizer's, of both rods over the rank of the extent.
#
# Rank of the extent. The drift-free rod is a single vector and has no rank.
# ```

# %% tags=["hide-input"]
notebook.show(
    f"The paper's rod is {listed(table, 'ratio_rod', '.3g')} times closer than the stable flow ($r$ in "
    f"brackets); the drift-free rod, {listed(table, 'ratio_free', '.3g')}."
)

# %% tags=["hide-input"]
distance = table["distance_rod"]
same = first(table, distance == distance.iloc[-1])
enough = first(table, table["at_floor_rod"])
notebook.show(
    f"Copies of the optimizer end up {table['floor'].iloc[0]:.2g} away, the paper's rod {listed(table, 'distance_rod', '.3g')}. "
    + (
        f"**At rank {enough} it is at the floor already**: more eigenpairs cannot bring it closer, and the rank is no limit."
        if enough == table["label"].iloc[0]
        else f"**It is at the floor from rank {enough} on.**"
        if enough
        else "**No rank brings it to the floor.**"
    )
    + (
        f" From rank {same} on nothing changes to the last digit: the drive has only the two ends of one rod to feed them from."
        if same and same != table["label"].iloc[-1]
        else ""
    )
)

# %% [markdown]
# ## Substeps
#
# Both flows are integrated by Euler's method, $K$ substeps to a step of the optimizer. One substep
# multiplies a rod that nothing drives by $1-2/K$: at $K=1$ by $-1$. The paper's $\Sigma$ would turn negative there; what does is set to zero.
# The drift-free rod at $K=1$ is two copies of the optimizer, one at each end, with one $P$ between them.
# And the stable flow at $K=1$ is the optimizer.

# %%
table, several = sweep("substeps", changed("substeps", substeps, base.substeps))

# %% tags=["remove-cell"]
publish(
    "substeps",
    lambda: plots_limits.sweep_figure(table, "substeps $K$"),
    table,
    several,
    sweep_alt("substeps", table),
)

# %% [markdown]
# ```{figure} ../figures/limits-substeps.svg
# :name: fig-limits-substeps
# :alt: Times closer than the stable flow, and sharpness over the optimizer's, of both rods over the number of substeps.
#
# Euler substeps per optimizer step.
# ```

# %% tags=["hide-input"]
notebook.show(
    f"Paper's rod: {listed(table, 'ratio_rod', '.3g')} times closer; drift-free rod: {listed(table, 'ratio_free', '.3g')} ($K$ in "
    f"brackets). Distance to the optimizer's centre: paper's rod {listed(table, 'distance_rod')}; drift-free rod "
    f"{listed(table, 'distance_free')}; stable flow {listed(table, 'distance_sf')}. The stable flow's sharpness over the "
    f"optimizer's: {listed(table, 'sharpness_sf')}."
)

# %% tags=["hide-input"]
enough = {tag: first(table, table[f"at_floor_{tag}"]) for tag in ("rod", "free")}
climbs = table["distance_sf"].iloc[-1] > 1.5 * table["distance_sf"].iloc[len(table) // 2]
few = table.iloc[0]
notebook.show(
    f"Copies of the optimizer end up {few['floor']:.2g} away. "
    + (
        f"**The paper's rod is at that floor from $K={enough['rod']}$ on, the drift-free rod from {enough['free']} on.** "
        if all(enough.values())
        else "**Not every rod gets to that floor.** "
    )
    + (
        "Beyond, the ratio still grows because the stable flow, better integrated, climbs further from the edge, and not because "
        "the rods come closer. "
        if climbs
        else ""
    )
    + (
        f"At $K={few['label']}$ the rods are {few['distance_rod'] / few['floor']:.2g} and {few['distance_free'] / few['floor']:.2g} times as "
        f"far off as the copies, their sharpness {few['sharpness_rod']:.3f} and {few['sharpness_free']:.3f} of the optimizer's. "
        if enough["rod"] != few["label"]
        else ""
    )
    + "At $K=1$ the comparison means little anyway: there the stable flow is Adam itself, started half a step aside."
)

# %% [markdown]
# ## An early start
#
# The starting point waits for the optimizer to oscillate more than it drifts. What if the
# flows start at once?

# %%
table, several = sweep("warm-up", changed("warmup", warmups, base.warmup))

# %% tags=["remove-cell"]
publish(
    "early",
    lambda: plots_limits.sweep_figure(table, "warm-up steps"),
    table,
    several,
    sweep_alt("warm-up", table),
)

# %% [markdown]
# ```{figure} ../figures/limits-early.svg
# :name: fig-limits-early
# :alt: Times closer than the stable flow, and sharpness over the optimizer's, of both rods over the length of the warm-up.
#
# Steps the optimizer takes alone before the flows start.
# ```

# %% tags=["hide-input"]
notebook.show(
    f"Oscillation over drift: {listed(table, 'regime')} (warm-up in brackets). Paper's rod: "
    f"{listed(table, 'ratio_rod')} times closer, sharpness over the optimizer's {listed(table, 'sharpness_rod', '.3f')}; "
    f"drift-free rod: {listed(table, 'ratio_free')} times, {listed(table, 'sharpness_free', '.3f')}."
)

# %% tags=["hide-input"]
enough = {tag: first(table, table[f"verdict_{tag}"] == "holds") for tag in ("rod", "free")}
lost = (table["ratio_rod"] < 5) & (table["ratio_free"] >= 5)
notebook.show(
    (
        f"**Both bars are met from a warm-up of {enough['rod']} steps on by the paper's rod, of {enough['free']} by the drift-free rod.** "
        if all(enough.values())
        else "**Not every rod meets both bars even after the longest warm-up.** "
    )
    + (
        f"With {those(table, lost)} the drift takes the paper's rod, and the drift-free rod, from the same start, is "
        f"{', '.join(f'{value:.2g}' for value in table['ratio_free'][lost])} times closer than the stable flow. "
        if lost.any()
        else ""
    )
    + f"The copies are {listed(table, 'ratio_floor')} times closer."
    + f" ($\\beta_2$ is {base.beta2:g} here; a larger one makes the early start harder, see [the drift-free rod](drift_free).)"
)

# %% [markdown]
# ## Seeds and precision
#
# A seed draws other initial weights and other examples. Single precision changes nothing but the rounding; trajectories
# at the edge separate all the same, and the question is whether the rod follows each.

# %%
configs = changed("seed", seeds, base.seed) | {"0\nfloat32": base.replace(dtype="float32")}
table, several = sweep("seed", configs)

# %% tags=["remove-cell"]
publish(
    "seeds",
    lambda: plots_limits.sweep_figure(table, "seed", joined=False),
    table,
    several,
    sweep_alt("seeds", table),
)

# %% [markdown]
# ```{figure} ../figures/limits-seeds.svg
# :name: fig-limits-seeds
# :alt: Times closer than the stable flow, and sharpness over the optimizer's, of both rods for five seeds in double and one in single precision.
#
# Five seeds in double precision; the first again in single precision.
# ```

# %% tags=["hide-input"]
double, single = table.iloc[:-1], table.iloc[-1]


def spread(column, digits=".2g"):
    low, middle, high = double[column].min(), double[column].median(), double[column].max()
    return f"{middle:{digits}} ({low:{digits}} to {high:{digits}})"


notebook.show(
    f"Median and range over {len(double)} seeds: paper's rod {spread('ratio_rod')} times closer, sharpness over the "
    f"optimizer's {spread('sharpness_rod', '.3f')}; drift-free rod {spread('ratio_free')} times, "
    f"{spread('sharpness_free', '.3f')}. In single precision: {single['ratio_rod']:.2g} and {single['ratio_free']:.2g} "
    f"times, where double precision gives {double.iloc[0]['ratio_rod']:.2g} and {double.iloc[0]['ratio_free']:.2g}."
)

# %% tags=["hide-input"]
holding = {tag: (table[f"verdict_{tag}"] == "holds").sum() for tag in ("rod", "free")}
notebook.show(
    f"Both bars are met in {holding['rod']} of {len(table)} runs by the paper's rod and in {holding['free']} by the drift-free rod. "
    + (
        "**Neither seed nor rounding matters here**: rounding changes which trajectory is followed, not how well."
        if min(holding.values()) == len(table)
        else "**Not every run meets them.**"
    )
    + f" At the floor: {table['at_floor_rod'].sum()} and {table['at_floor_free'].sum()}."
)

# %% [markdown]
# ## All numbers

# %% tags=["hide-input"]
everything = pd.concat(collected).drop_duplicates(["sweep", "label"])
heads = {
    "sweep": "sweep",
    "label": "value",
    "regime": "osc / drift",
    "optimizer": "optimizer, S / threshold",
    "ratio_rod": "rod: times closer",
    "ratio_free": "drift-free rod: times closer",
    "ratio_floor": "copies: times closer",
    "sharpness_rod": "rod: S / optimizer's",
    "sharpness_free": "drift-free rod",
    "sharpness_sf": "stable flow",
    "run": "run",
}
lines = [
    "| " + " | ".join(heads.values()) + " |",
    "| :-- | :-- |" + " --: |" * (len(heads) - 3) + " :-- |",
]
for _, row in everything.iterrows():
    cells = [
        " ".join(row[key].split()) if isinstance(row[key], str) else f"{row[key]:.3g}"
        for key in heads
    ]
    cells[-1] = f"`{cells[-1]}`"
    lines.append("| " + " | ".join(cells) + " |")
notebook.show("\n".join(lines).replace("| nan", "| lost"))
