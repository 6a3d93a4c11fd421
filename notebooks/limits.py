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
# and the [drift-free rod](drift_free). Two numbers sum up a run. One is **how many times closer** than the stable
# flow's a rod's centre stays to the optimizer's: the ratio of median distances, for which 5 is our bar. The other is its
# **sharpness over the optimizer's**, within 5% by our bar: a ratio of medians over the run, as the phases of copies of
# Adam are lost at the edge. A third tells what can be asked of any model,
# the **floor**: how far a copy of the optimizer itself ends up that was started a little aside, half a step, a quarter or a
# twentieth behind. A rod whose distance is that of the copies has lost nothing that could be kept.
# ({doc}`The page on CIFAR-10 <cifar10>` changes one thing at a time there.)

# %% tags=["parameters", "hide-input"]
preset = "quick"  # one of smoke, quick, cifar, paper
# one of gd, heavy_ball, nesterov, scalar_rmsprop, rmsprop, scalar_adam, adam, scalar_nadam, nadam
optimizer = "adam"
architecture = "mlp"  # one of mlp, cnn, vit
steps = 200  # a whole number of at least 1, or None
# a list of 1 or more, each a finite number of at least 0 and below 1
beta1s = [0.7, 0.8, 0.9, 0.95, 0.99]
rates = [3, 3, 3, 3, 10]  # a list of 1 or more, each a finite number above 0
ranks = [1, 4, 8]  # a list of 1 or more, each a whole number of at least 1 and at most 1000
substeps = [1, 2, 8, 16]  # a list of 1 or more, each a whole number of at least 1 and at most 1000
seeds = [1, 2, 3, 4]  # a list of 1 or more, each a whole number of at least 0
warmups = [20, 50, 100]  # a list of 1 or more, each a whole number of at least 2
window = 256  # a whole number of at least 16 and at most 10000
figures = "build/figures"  # a folder that can be made or written to

# %% tags=["hide-input"]
from rodflow_book.notebook import check_parameters, one_thread
from rodflow_core.experiments.config import FIELDS
from rodflow_core.experiments.parameters import real, several, whole

check_parameters(
    globals(),
    "preset optimizer architecture figures",
    steps=FIELDS["steps"].or_none(),
    beta1s=several(real(least=0, below=1)),
    rates=several(real(above=0)),
    ranks=several(whole(least=1, most=1000)),
    substeps=several(whole(least=1, most=1000)),
    seeds=several(whole()),
    warmups=several(whole(least=2)),
    window=whole(least=16, most=10_000),
)
one_thread()

# %% tags=["hide-input"]
import numpy as np
import pandas as pd
from IPython.display import SVG, display

from rodflow_book import notebook, tables
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


def publish(name, draw, table, several, alt, says=""):
    """Save a figure to cite with its numbers and the provenance of its runs, and show it."""
    manifest = files.run_manifest(list(several.values()), "notebooks/limits.py") | {"says": says}
    files.save(f"limits-{name}", draw, table, figures, alt=alt, manifest=manifest)
    display(SVG(filename=f"{figures}/limits-{name}.svg"))


def listed(table, column, digits=".2g"):
    """The numbers of a column with their labels, as words; a run that was lost says so."""
    words = [format(v, digits) if np.isfinite(v) else "lost" for v in table[column]]
    return ", ".join(
        f"{word} ({' '.join(label.split())})"
        for word, label in zip(words, table["label"], strict=True)
    )


def number(value, form):
    """A cell: two digits with their power of ten, or as many decimals as the form says."""
    if not np.isfinite(value):
        return "lost"
    return tables.power(value) if form == ".2g" else format(value, form)


def tabled(table, name, columns):
    """Columns of a sweep as a Markdown table, a run a row; a run that was lost says so.

    Args:
        table: of the sweep.
        name: head of the column of labels.
        columns: head and format of each column, by its name in the table.
    """
    rows = [
        [
            " ".join(row["label"].split()),
            *(number(row[c], form) for c, (_, form) in columns.items()),
        ]
        for _, row in table.iterrows()
    ]
    return tables.markdown((name, *(head for head, _ in columns.values())), rows)


def first(table, good):
    """The first label from which on everything is good, as words; none where the last is not."""
    from_here = np.logical_and.accumulate(np.asarray(good)[::-1])[::-1]
    return table["label"][from_here.argmax()] if from_here.any() else None


def those(table, good):
    """The labels of the rows that are good, as words."""
    words = [" ".join(label.split()) for label in table["label"][np.asarray(good)]]
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]])) or "none"


def span(table, column, digits):
    """The least and the largest number of a column, in words."""
    return f"{table[column].min():{digits}} to {table[column].max():{digits}}"


def sweep_says(words, table):
    """What a figure of a sweep shows, for its caption."""
    return (
        f"{words} the paper's rod is {span(table, 'ratio_rod', '.2g')} times closer to the optimizer than the stable "
        f"flow, the drift-free rod {span(table, 'ratio_free', '.2g')} times."
    )


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
    f"Period two is {span(table, 'alternating', '.2g')} of the optimizer's motion, and the paper's rod is "
    f"{span(table, 'ratio_rod', '.2g')} times closer than the stable flow.",
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
    "The leading eigendirections turn each at a frequency of its own.",
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
    """Growth per step and frequency of what leaves the two-cycle of one weight, appendix E.3."""
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
    "Parts of the power, and the frequency below which half of it lies, drift left out:\n\n"
    + tabled(
        table,
        r"$\beta_1$",
        {
            "alternating": ("period two", ".2g"),
            "longer": ("longer cycles", ".2g"),
            "drift": ("drift", ".2g"),
            "frequency": ("half of the power below", ".3f"),
        },
    )
    + f"\n\nAt the frequency $\\frac14$ there is {min(quarter):.2g} to "
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
# **Adam's own two-cycle is unstable.** {doc}`Appendix E.3 <appendix_e2>` shows that the bounce of {ref}`(243) <eq-243>` is an
# orbit on which Adam does not stay, for any $\beta_1$ above about 0.17: a longer bounce raises $\nu$, with a delay, this
# lowers the sharpness, the bounce shrinks, $\nu$ falls. For one weight it is known how fast a deviation grows,
# and that the length of the bounce then swings, which puts power at two frequencies beside $\frac12$.
#
# The second can be tested by taking it away: **hold $\nu$** where it stands after the warm-up, but for a factor that puts
# the sharpness 2% above the threshold, and watch again. And one can watch **how fast a small difference grows** between two copies of the
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
    f"Longer cycles are {span(table, 'longer', '.2g')} of the power, and {span(table, 'longer_held', '.2g')} with the "
    "second moment held.",
)

# %% [markdown]
# ```{figure} ../figures/limits-held.svg
# :name: fig-limits-held
# :alt: Left, longer cycles as a part of the power of the optimizer's motion over beta1, as it is and with the second moment held. Right, the growth of a small difference between two copies of the optimizer per step, as it is and with the second moment held, beside what appendix E.3 says of one weight.
#
# Adam as it is, and with its second moment held; a bar that cannot be seen is below a hundredth, or could
# not be measured. Dashed: what {doc}`appendix E.3 <appendix_e2>` says of one weight.
# ```

# %% tags=["hide-input"]
quiet = (table["longer_held"] < 0.1 * table["longer"]) & (
    table["growth_held"] < 0.1 * table["growth"]
)
# Where nothing alternates any more, there is nothing to ring either.
silent = table["drift_held"] > 0.9
gone = table["longer_held"].isna()
notebook.show(
    "Growth per step of a small difference, as Adam is, on one weight's two-cycle, and with $\\nu$ held; and what the power "
    "is then made of:\n\n"
    + tabled(
        table,
        r"$\beta_1$",
        {
            "growth": ("growth", ".2g"),
            "growth_cycle": ("on one weight", ".2g"),
            "growth_held": (r"$\nu$ held: growth", ".2g"),
            "longer_held": ("longer cycles", ".2g"),
            "alternating_held": ("period two", ".2g"),
        },
    )
    + "\n\nAt the median rate a difference is ten times as large after "
    f"{np.log(10) / table['growth'].median():.0f} steps."
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
table["dies"] = [2 / (1 - beta) for beta in motions]
lines.append(
    "Where each direction rings, momentum says, in part. Of the leading directions below their threshold, the table says by how "
    "much the frequency of most power misses three guesses: the formula's, that of the two-cycle's swing, and period two "
    "(medians). What is kicked dies out within about $2/(1-\\beta_1)$ steps.\n\n"
    + tabled(
        table,
        r"$\beta_1$",
        {
            "below": ("directions", ".0f"),
            "miss_ringing": ("misses: the formula's", ".2g"),
            "miss_cycle": ("the swing's", ".2g"),
            "miss_two": ("period two", ".2g"),
            "dies": ("dies out in steps", ".0f"),
        },
    )
    + "\n\n"
    + (
        f"The formula is twice as near as either at $\\beta_1$ {those(table, supported)}, and not at "
        f"{those(table, ~supported)}."
        if supported.any()
        else "Nowhere is the formula twice as near as the other two."
    )
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
    "Ringing of the optimizer's centre (root mean square); the floor, which is the median distance of copies of the optimizer; the "
    "median distance of the drift-free rod; and how many times closer than the stable flow each stays:\n\n"
    + tabled(
        table,
        r"$\beta_1$",
        {
            "ringing": ("ringing", ".2g"),
            "floor": ("floor", ".2g"),
            "distance_free": ("drift-free rod", ".2g"),
            "ratio_rod": ("closer: paper's rod", ".2g"),
            "ratio_free": ("drift-free rod", ".2g"),
            "ratio_floor": ("copies", ".2g"),
            "regime": ("oscillation / drift", ".2g"),
        },
    )
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
        f"**At {those(table, short)} it is above**, {' and '.join(f'{value:.1f}' for value in factor)} times as far as the copies. "
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


# %% tags=["hide-input"]
notebook.show(
    tabled(
        table,
        "rank $r$",
        {
            "ratio_rod": ("times closer: paper's rod", ".1f"),
            "ratio_free": ("drift-free rod", ".1f"),
            "distance_rod": ("distance of the paper's rod", ".4f"),
        },
    )
)

# %% tags=["hide-input"]
distance = table["distance_rod"]
same = first(table, distance == distance.iloc[-1])
enough = first(table, table["at_floor_rod"])
notebook.show(
    f"Copies of the optimizer end up {table['floor'].iloc[0]:.2g} away. "
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
    sweep_says("With these numbers of substeps", table),
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
    tabled(
        table,
        "$K$",
        {
            "ratio_rod": ("times closer: paper's rod", ".1f"),
            "ratio_free": ("drift-free rod", ".1f"),
            "distance_rod": ("distance: paper's rod", ".3f"),
            "distance_free": ("drift-free rod", ".3f"),
            "distance_sf": ("stable flow", ".2f"),
            "sharpness_sf": ("stable flow's sharpness / optimizer's", ".2f"),
        },
    )
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
    sweep_says("After these warm-ups", table),
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
    tabled(
        table,
        "warm-up steps",
        {
            "regime": ("oscillation / drift", ".1f"),
            "ratio_rod": ("times closer: paper's rod", ".1f"),
            "ratio_free": ("drift-free rod", ".1f"),
            "ratio_floor": ("copies", ".1f"),
            "sharpness_rod": ("sharpness / optimizer's: paper's rod", ".3f"),
            "sharpness_free": ("drift-free rod", ".3f"),
        },
    )
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
    + f"($\\beta_2$ is {base.beta2:g} here; a larger one makes the early start harder, see [the drift-free rod](drift_free).)"
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
    sweep_says("From seed to seed", table),
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
    f"Median and range over {len(double)} seeds, and the first seed in both precisions:\n\n"
    + tables.markdown(
        ("", "times closer", "sharpness / optimizer's", "double precision", "single precision"),
        [
            [
                title,
                spread(f"ratio_{tag}"),
                spread(f"sharpness_{tag}", ".3f"),
                *(f"{row[f'ratio_{tag}']:.2g} times closer" for row in (double.iloc[0], single)),
            ]
            for tag, title in (("rod", "paper's rod"), ("free", "drift-free rod"))
        ],
    )
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
everything = everything.assign(label=everything["sweep"] + " " + everything["label"])
notebook.show(
    tabled(
        everything,
        "sweep and value",
        {
            "regime": ("oscillation / drift", ".2g"),
            "ratio_rod": ("times closer: paper's rod", ".3g"),
            "ratio_free": ("drift-free rod", ".3g"),
            "ratio_floor": ("copies", ".3g"),
        },
    )
    + "\n\nPreconditioned sharpness: the optimizer's over its threshold, and the others' over the optimizer's.\n\n"
    + tabled(
        everything,
        "sweep and value",
        {
            "optimizer": ("optimizer / threshold", ".3f"),
            "sharpness_rod": ("paper's rod / optimizer", ".3f"),
            "sharpness_free": ("drift-free rod", ".3f"),
            "sharpness_sf": ("stable flow", ".2f"),
        },
    )
    + "\n\nThe records, in the same order: "
    + ", ".join(f"`{name}`" for name in dict.fromkeys(everything["run"]))
    + "."
)
