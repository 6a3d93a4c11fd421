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
# # Cost and accuracy
#
# At the price of the paper's Euler method, eight gradients to a step of the optimizer, the classical
# Runge-Kutta method follows the drift-free rod tens of times more closely, for some optimizers
# hundreds of times. For most of them three gradients are as good as Euler's eight. With two or fewer
# no method is much closer to the flow than the flow is to the optimizer. The paper names cost as what
# keeps rod flows from large models. How much accuracy does a gradient buy?

# %% tags=["parameters", "hide-input"]
preset = "quick"  # one of smoke, quick, cifar, paper
optimizers = [
    "gd",
    "heavy_ball",
    "nesterov",
    "scalar_rmsprop",
    "rmsprop",
    "scalar_adam",
    "adam",
    "scalar_nadam",
    "nadam",
]  # a list of 1 or more, each one of gd, heavy_ball, nesterov, scalar_rmsprop, rmsprop, scalar_adam, adam, scalar_nadam, nadam
figures = "build/figures"  # a folder that can be made or written to

# %% tags=["hide-input"]
from rodflow_book import notebook

notebook.check_parameters(
    globals(),
    "preset optimizers figures",
)
notebook.one_thread()

# %% [markdown]
# ## What is measured
#
# A flow is a differential equation, and what is run is a method for it. Two errors add up: the **model's**,
# how far the flow is from the optimizer, and the **method's**, how far what is computed is from the flow. Only
# the second can be bought off with gradients, and it need not be smaller than the first.
#
# Every method starts the flow at the same state, on the MLP on digits, in the regimes of the optimizers'
# chapters, and is compared over the first hundred steps. The *error of a method* is the distance, in weight space, of its centre from the centre of the same flow
# integrated finely (Runge-Kutta 4, eight substeps, 64 gradients), root mean square over the steps. It is
# given in units of the *error of the model*, the same mean of the distance between the fine centre and the
# optimizer's. The price is the number of *gradients* to a step of the optimizer. A rod takes two for each
# rate, one at each end; Euler with $K$ substeps takes $2K$, Runge-Kutta 4 eight. RKC2
# (Sommeijer, Shampine and Verwer, 1998) is stabilised for decay, and so may take steps longer than the
# optimizer's; its adaptive form chooses them.
#
# At the edge of stability trajectories can separate whatever the method is. Then nobody knows the flow's own
# trajectory, and a distance from any approximation of it says nothing of the method. So the flow
# is integrated twice finely, with four and with eight substeps. An error counts as **resolved** where it is three times
# the distance of these two or more; all others are hollow in the figures and in brackets in the table.

# %% tags=["hide-input"]
from IPython.display import SVG, display

from rodflow_book import tables
from rodflow_book.figures import cost as plots_cost
from rodflow_book.figures import files
from rodflow_core.experiments import claims, frontier
from rodflow_core.integrators import RHO
from rodflow_core.optimizers import OPTIMIZERS

tests = preset == "smoke"
# Another preset's networks would take a day; the question is the method's, not the network's.
kind = "smoke" if tests else "quick"
methods = frontier.METHODS
if tests:
    optimizers = ["gd", "scalar_adam"]
    methods = ("euler:4", "rk4:1", "rk4:2", "rkc2:2", "rkc2:16", "adaptive:0.3")
runs = {name: frontier.load_or_measure(frontier.row(kind, name), methods) for name in optimizers}
table = plots_cost.numbers(runs)


def errors(model, method):
    """Errors of a method by optimizer, and whether they are resolved."""
    rows = table[(table["model"] == model) & (table["method"] == method)]
    return rows.set_index("optimizer")


def short(value, digits=2):
    """A number in a few digits, without powers of ten where it is large."""
    text = f"{value:.{digits}g}"
    return f"{float(text):,.0f}" if abs(value) >= 10**digits else text


def span(values, digits=2):
    """The range of some numbers, in words."""
    values = [float(value) for value in values if value == value]
    if not values:
        return "none"
    low, high = (short(value, digits) for value in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"


def named(names):
    """Optimizers, in words."""
    words = [OPTIMIZERS[name].title for name in names]
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def publish(name, draw, numbers, alt, several=runs):
    """Save a figure to cite with its numbers and the provenance of its runs, and show it."""
    manifest = files.run_manifest(list(several.values()), "notebooks/cost.py")
    files.save(name, draw, numbers, figures, alt=alt, manifest=manifest)
    display(SVG(filename=f"{figures}/{name}.svg"))


def frontier_alt(model, title):
    cells = [
        f"{method} {span(errors(model, method)['error'])}"
        for method in ("euler:4", "rk4:1", "rkc2:2")
    ]
    return (
        f"Error over gradients per step for the {title}, a panel for each optimizer, log axes: Euler, "
        f"Runge-Kutta 4, RKC2 and adaptive RKC2. Errors over the model's own: {'; '.join(cells)}."
    )


# %% [markdown]
# ## The drift-free rod

# %% tags=["remove-cell"]
publish(
    "cost-free",
    lambda: plots_cost.frontier_figure(table, "free"),
    table[table["model"] == "free"],
    frontier_alt("free", "drift-free rod"),
)

# %% [markdown]
# ```{figure} ../figures/cost-free.svg
# :name: fig-cost-free
# :alt: Error over gradients per optimizer step for the drift-free rod, a panel for each optimizer on log axes; Runge-Kutta 4 lies far below Euler at the same price, RKC2 reaches to fewer gradients.
#
# **At eight gradients Runge-Kutta 4 integrates the drift-free rod orders of magnitude better than
# Euler; RKC2 reaches Euler's accuracy at about three.** Below the line at 1 a method is better than
# the model. Hollow: not resolved; the dotted line is the distance of the two fine integrations.
# ```

# %% tags=["hide-input"]
euler, rk4, rkc = (errors("free", name) for name in ("euler:4", "rk4:1", "rkc2:2"))
known = rk4.index[rk4["resolved"] & euler["resolved"]]
gain = (euler["error"] / rk4["error"])[known]
if not tests:
    # What the first paragraph says.
    assert len(known) >= 5 and 10 < gain.median() < 100 and gain.max() > 200
    assert (rkc["error"] < euler["error"]).sum() > len(runs) / 2
    cheap = table[(table["gradients"] < 2.01) & ~table["lost"]]
    assert cheap["error"].min() > 0.6 and cheap["error"].median() > 1
notebook.show(
    f"Euler with four substeps leaves an error of {span(euler['error'])} of the model's own. "
    f"Runge-Kutta 4, **at the same eight gradients**, leaves {span(rk4['error'])}: where both are resolved "
    f"({len(known)} of {len(runs)} optimizers), it is **{span(gain)} times more accurate** (median "
    f"{short(gain.median())}). RKC2 in steps of two takes {span(rkc['gradients'])} gradients and "
    f"leaves {span(rkc['error'][known])} there. Eight gradients leave less than a tenth of the model's error for "
    f"{named(rk4.index[rk4['error'] < 0.1])}; three, less than a third for {named(rkc.index[rkc['error'] < 1 / 3])}."
)

# %% [markdown]
# ## The paper's rod

# %% tags=["remove-cell"]
publish(
    "cost-rod",
    lambda: plots_cost.frontier_figure(table, "rod"),
    table[table["model"] == "rod"],
    frontier_alt("rod", "paper's rod flow"),
)

# %% [markdown]
# ```{figure} ../figures/cost-rod.svg
# :name: fig-cost-rod
# :alt: Error over gradients per optimizer step for the paper's rod flow, a panel for each optimizer on log axes; Runge-Kutta 4 lies below Euler at the same price, by less than for the drift-free rod.
#
# For the paper's rod flow Runge-Kutta 4 gains less over Euler than for the drift-free rod; drawn as
# in {numref}`fig-cost-free`.
# ```

# %% tags=["hide-input"]
euler, rk4, rkc, finer = (errors("rod", name) for name in ("euler:4", "rk4:1", "rkc2:2", "rk4:2"))
known_rod = rk4.index[rk4["resolved"] & euler["resolved"]]
gain_rod = (euler["error"] / rk4["error"])[known_rod]
halved = (rk4["error"] / finer["error"])[known_rod]
smooth = (errors("free", "rk4:1")["error"] / errors("free", "rk4:2")["error"])[known]
notebook.show(
    f"Runge-Kutta 4 is {span(gain_rod)} times more accurate than Euler at the same price "
    f"({len(known_rod)} of {len(runs)} optimizers resolved). Half the step makes it {span(halved)} times more "
    f"accurate (16 is what its order promises; the drift-free rod has {span(smooth)}). RKC2 in steps of two leaves "
    f"{span(rkc['error'])}."
)

# %% [markdown]
# Where half the step falls short of that, it is the cut: $\Sigma$ is cut back to two eigenpairs at every
# stage, and a cut is not smooth, while the order of a method is that of smooth flows. With eight eigenpairs kept
# the order comes back. The drift-free rod is one vector, and nothing is cut from it.

# %% tags=["hide-input"]
rough = optimizers[0] if tests else "heavy_ball"
wide = frontier.load_or_measure(frontier.row(kind, rough, rank=8), ("euler:4", "rk4:1", "rk4:2"))
wide_error = {p.method: p.error for p in frontier.points(wide) if p.model == "rod"}
order = wide_error["rk4:1"] / wide_error["rk4:2"]
if not tests:
    assert order > 14 and halved[rough] < 4
title = OPTIMIZERS[rough].title
notebook.show(
    f"{title[0].upper()}{title[1:]}: half the step makes Runge-Kutta 4 {short(halved[rough])} times more accurate with two "
    f"eigenpairs, {short(order)} times with eight."
)

# %% [markdown]
# ## All numbers
#
# First the yardsticks. *Model*: error of the model, in weight. *Copy*: the same of a copy of the optimizer started half a
# step behind, over the model's: where it is near 1 or above, no model can be asked to be closer. *Fine*: distance of the
# two fine integrations, over the same.

# %% tags=["hide-input"]
TITLED = {"free": "drift-free rod", "rod": "paper's rod"}
# What a method is called, how long its steps are, and whether its price depends on the run.
FIXED = {
    "euler:4": "Euler, 4 substeps",
    "euler:16": "Euler, 16",
    "rk4:1": "Runge-Kutta 4",
    "rkc2:2": "RKC2, steps of 2",
    "rkc2:4": "RKC2, steps of 4",
}
ADAPTIVE = {
    "adaptive:0.3": "tolerance 0.3",
    "adaptive:0.03": "tolerance 0.03",
}


def chapter(name):
    """An optimizer, as a link to its chapter."""
    title = OPTIMIZERS[name].title
    return f"[{title[0].upper()}{title[1:]}]({name})"


def error_of(point):
    """An error, in brackets where it is not resolved."""
    if point["lost"]:
        return "lost"
    error = tables.power(point["error"])
    return error if point["resolved"] else f"({error})"


def price(model, method):
    """Gradients to a step of a method that takes as many whatever the run."""
    found = errors(model, method)
    (gradients,) = found["gradients"][~found["lost"]].round(6).unique()
    return f"{FIXED[method]}: {gradients:.2g}"


def errors_of(model):
    """The errors of the methods for one flow, an optimizer a row: of fixed price, and adaptive."""
    fixed, adaptive = ([m for m in several if m in methods] for several in (FIXED, ADAPTIVE))
    head = ["", *(price(model, method) for method in fixed)]
    beside = [f"**The {TITLED[model]}**"]
    for method in adaptive:
        beside += [f"adaptive RKC2, {ADAPTIVE[method]}", "gradients"]
    lines, chosen = [], []
    for name in optimizers:
        points = {method: errors(model, method).loc[name] for method in (*fixed, *adaptive)}
        lines.append([chapter(name), *(error_of(points[method]) for method in fixed)])
        chosen.append([chapter(name)])
        for method in adaptive:
            point = points[method]
            price_here = "–" if point["lost"] else f"{point['gradients']:.1f}"
            chosen[-1] += [error_of(point), price_here]
    head[0] = beside[0]
    return f"{tables.markdown(head, lines)}\n\n{tables.markdown(beside, chosen)}"


yardsticks = []
for name in optimizers:
    found = frontier.yardsticks(runs[name])
    yardsticks.append([chapter(name), *(tables.power(v) for model in TITLED for v in found[model])])
head = [
    f"{TITLED[model]}: model" if part == "model" else part
    for model in TITLED
    for part in ("model", "copy", "fine")
]
notebook.show(tables.markdown(["", *head], yardsticks))

# %% [markdown]
# And the errors of the methods, over the model's. A head says a method and its gradients to a step of the optimizer. The
# adaptive RKC2 takes as many as it needs; they stand beside its error. In brackets: what is not resolved.

# %% tags=["hide-input"]
notebook.show("\n\n".join(errors_of(model) for model in TITLED))

# %% [markdown]
# ## Where no error can be told

# %% tags=["hide-input"]
fine = {tag: errors(tag, "rk4:2")["apart"] for tag in frontier.MODELS}
floor = errors("free", "rk4:2")["floor"]
blurred = {tag: list(apart.index[apart > 0.1]) for tag, apart in fine.items()}
if not tests:
    assert blurred == {"rod": ["scalar_adam"], "free": []}
words = []
for tag, title in TITLED.items():
    found = blurred[tag]
    text = f"of {named(found)} ({span(fine[tag][found])})" if found else "of no optimizer"
    words.append(f"for the {title} {text}")
far = list(floor.index[floor > 1])
notebook.show(
    f"Two fine integrations end up a tenth of the model's error apart, or more, {', '.join(words)}. The copy of the "
    f"optimizer, started half a step behind, ends up {span(floor)} times as far from it as the drift-free rod; farther "
    f"than the rod for {named(far) if far else 'no optimizer'}."
)

# %% [markdown]
# Where two fine integrations part, nobody knows the flow's own trajectory after a hundred steps, and no method can be
# blamed for missing it. What can be compared is then what the flow is like: its sharpness, its loss. Where the copy is farther
# off than the rod, the model is already closer than can be asked, and a method whose error is smaller than the model's adds
# nothing that could be seen.
#
# ## How much of scalar Adam's failure is Euler's?
#
# [Scalar Adam](scalar_adam) is the optimizer that the rod flows model worst. The same run of 300 steps,
# all flows integrated otherwise:

# %%
several = {
    method: notebook.recorded(
        "scalar_adam",
        "mlp",
        kind,
        integrators=dict.fromkeys(("sf", "rod", "free"), method) if method != "euler:4" else None,
    )
    for method in ("euler:4", "rk4:1", "rk4:4")
}
judged = {
    (method, tag): claims.assess(run, tag, "sf")
    for method, run in several.items()
    for tag in frontier.MODELS
}

# %% tags=["hide-input"]
for tag in frontier.MODELS:
    lines = []
    for method in several:
        claim = judged[method, tag]
        cells = [tables.power(claim.rod.distance), tables.short(claim.ratio)]
        cells += [
            f"{v:.3f}" for v in (claim.rod.sharpness, claim.stable.sharpness, claim.sharpness)
        ]
        lines.append([notebook.METHODS[method], *cells])
    head = [
        f"**{TITLED[tag]}**",
        "distance",
        "times closer",
        "S",
        "stable flow's S",
        "optimizer's S",
    ]
    notebook.show(tables.markdown(head, lines))

# %% [markdown]
# Times closer than the stable flow, which is integrated likewise (medians). $S$: preconditioned sharpness over the threshold.

# %% tags=["hide-input"]
by_euler, by_fine = (
    {tag: judged[method, tag] for tag in frontier.MODELS} for method in ("euler:4", "rk4:4")
)
notebook.show(
    " ".join(
        f"The {title} is {by_euler[tag].ratio:.3g} times closer than the stable flow by Euler, "
        f"{by_fine[tag].ratio:.3g} times by the fine integration, and its sharpness over the optimizer's "
        f"{by_euler[tag].rod.sharpness / by_euler[tag].sharpness:.3f} and "
        f"{by_fine[tag].rod.sharpness / by_fine[tag].sharpness:.3f}."
        for tag, title in (("rod", "paper's rod"), ("free", "drift-free rod"))
    )
)

# %% tags=["hide-input"]
left = {tag: by_fine[tag].rod.distance / by_euler[tag].rod.distance for tag in frontier.MODELS}
coarse = judged["rk4:1", "rod"].stable
if not tests:
    assert left["free"] < 0.4 and 0.7 < left["rod"] < 1.4
    assert coarse.sharpness < 1.1 and by_fine["rod"].stable.sharpness > 2
notebook.show(
    f"Integrated finely, the drift-free rod is at {left['free']:.0%} of its distance by Euler, the paper's rod at "
    f"{left['rod']:.0%}."
)

# %% [markdown]
# So the answer differs. **The drift-free rod's distance is mostly Euler's**; integrated well, its sharpness is about
# a per cent off. **The paper's rod fails by itself**: integrated well, it is as far off as before.
#
# The middle row is a warning. One Runge-Kutta step to a step of the optimizer keeps even the *stable* flow near the threshold,
# though the flow itself climbs far above it. An explicit method is an iteration, and has an edge of stability of
# its own: Runge-Kutta 4 bears a decay of 2.8 in a step, gradient descent one of 2. What looks like a good model may be a
# coarse method.
#
# ## Less than one gradient
#
# An optimizer takes one gradient to a step. Can a flow, which is smooth, be cheaper than what it models? Two
# things stand against it. The rod decays at a rate of 2 per step, whatever the network. Over a step of $h$
# optimizer steps an explicit method must be stable for a decay of $2h$ and a little more, and what $s$ stages can
# bear grows as $s^2$: RKC2 bears $0.65\,(s^2-1)$, and the best method of second order about $0.81\,s^2$.
# So the stages needed grow as $\sqrt h$, and gradients fall as $2s/h\sim1/\sqrt h$ only.

# %% tags=["hide-input"]
step = frontier.span_at(1.0)
best = 4 * RHO / 0.81  # 2 s = h gradients in h steps, and 0.81 s^2 = RHO h
whole = {name: notebook.recorded(name, "mlp", kind) for name in optimizers}
periods = plots_cost.swing_numbers(whole)
longest = errors("free", "rkc2:16"), errors("rod", "rkc2:16")
gone = [rows["lost"] | (rows["error"] > plots_cost.OFF_SCALE) for rows in longest]
lost = sum(int(rows.sum()) for rows in gone)
longest = [rows[~out] for rows, out in zip(longest, gone, strict=True)]
per_swing = periods["disc"] / step
notebook.show(
    f"To cost one gradient to a step, RKC2 must go in steps of **{step}** optimizer steps, and no explicit method of "
    f"second order in steps of less than {best:.0f}. But $|\\delta|$, what is to be followed, itself swings with "
    f"a period of {span(periods['disc'])} steps (median {periods['disc'].median():.0f}; the rods: "
    f"{span(periods[list(frontier.MODELS)].to_numpy().ravel())}). That leaves {span(per_swing)} steps of the "
    f"method to a swing. Measured, at {span(longest[0]['gradients'])} gradients: an error "
    f"of {span(longest[0]['error'])} times the model's own for the drift-free rod, {span(longest[1]['error'])} for the "
    f"paper's; {lost} of {2 * len(runs)} were lost, or more than {plots_cost.OFF_SCALE:,.0f} times off."
)

# %% tags=["remove-cell"]
shown = "adam" if "adam" in runs else optimizers[0]
publish(
    "cost-swings",
    lambda: plots_cost.swings_figure(whole[shown], periods, step),
    periods,
    f"Left: length of the half-displacement over the steps, {OPTIMIZERS[shown].title} and its rods. Right: "
    f"period of its swings for each optimizer, {span(periods['disc'])} steps, beside bands of {step} steps.",
)

# %% [markdown]
# ```{figure} ../figures/cost-swings.svg
# :name: fig-cost-swings
# :alt: Left, the length of the half-displacement of Adam and of its two rods over the steps, which swings by a factor of a few. Right, the period of such swings for each optimizer, beside the length of a step that would cost one gradient.
#
# **A step of a method that costs one gradient is no shorter than many a swing that it would have to
# follow.** Left, grey bands are each one such step; right, the period on either side of which lies
# half the power of $\log|\delta|$, the band again one such step.
# ```

# %% [markdown]
# So the rod flow is no shortcut in time: it models *what* oscillation does to the weights, in three to eight gradients a step.
