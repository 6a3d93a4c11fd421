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
#   rodflow:
#     files: [rodflow_core/experiments/scouted_*.json]
# ---

# %% [markdown]
# (networks)=
# # H. Networks, data, and what is recorded
#
# The paper's appendix H {cite:p}`regis2026adam`, as it is run here: three networks, their data and loss,
# how they start, and the quantities that a run keeps. Shapes, counts and tables on this page are read off
# the code that makes the runs. The stable flows of H.1, {ref}`(285) <eq-285>`, and how the flows start,
# {ref}`(286) <eq-286>`-{ref}`(291) <eq-291>`, are on {doc}`appendix G-H's page <appendix_g>`.

# %% tags=["parameters", "hide-input"]
preset = "quick"  # one of smoke, quick, cifar, paper
init_scales = [0.25, 0.5, 1.0, 2.0, 4.0]  # a list of 1 or more, each a finite number above 0
first_steps = 40  # a whole number of at least 1 and at most 100000
figures = "build/figures"  # a folder that can be made or written to

# %% tags=["hide-input"]
from rodflow_book.notebook import check_parameters, one_thread, show
from rodflow_core.experiments.parameters import real, several, whole

check_parameters(
    globals(),
    "preset figures",
    init_scales=several(real(above=0)),
    first_steps=whole(least=1, most=100_000),
)
one_thread()

# %% tags=["hide-input"]
import torch

from rodflow_book.figures import files, networks
from rodflow_book.notebook import ARCHITECTURE_TITLES, DATA_TITLES
from rodflow_core.experiments import architectures, data, presets
from rodflow_core.experiments.architectures import parameter_count
from rodflow_core.optimizers import OPTIMIZERS

if preset == "smoke":
    # The tests want every line of this page, not every value.
    init_scales, first_steps = [0.5, 1.0], 2

# %% [markdown]
# ## What is the paper's, and what is ours
#
# Our copy of the paper keeps its words and lost its formulas and figures, the sizes of networks and of the
# data among them. What it says in words is taken over. The rest is chosen here, for one processor core: the
# preset `cifar` trains on CIFAR-10, as the paper does, and its runs are recorded ({doc}`the page on CIFAR-10 <cifar10>`);
# `quick` trains on handwritten digits, to be run again in minutes; `paper` is CIFAR-10 on a larger scale, for a GPU.
#
# | | the paper | here |
# | :-- | :-- | :-- |
# | images | one fixed subset of CIFAR-10 {cite:p}`krizhevsky2009learning` | balanced subsets: CIFAR-10, or digits {cite:p}`alpaydin1998digits,pedregosa2011scikit` |
# | size of the subset | not in our copy | by preset, below |
# | targets, loss | one-hot, MSE | one-hot, half the squared distance, mean over examples; the factor is not in our copy |
# | batch | full; the ViT's gradient in microbatches | full; any gradient in microbatches |
# | normalisation | by channel, with the usual constants of CIFAR-10 | the same constants; for digits those of all images |
# | augmentation, weight decay, dropout | none | none; anything random is refused |
# | MLP | three layers, biases; widths and activation not in our copy | three layers, biases, tanh |
# | CNN | two blocks of 3 x 3 convolution (padded, bias), activation, 2 x 2 average pooling; linear readout | the same, tanh |
# | ViT | SimpleViT {cite:p}`dosovitskiy2021image,beyer2022better`, three blocks, fixed sine-cosine positions, head at half its size | the same, GELU, no biases in the attention |
# | LayerNorm | one of plain operations, with scale and shift | the same |
# | rank $r$ and substeps $K$ | one value of each for all runs, not in our copy | 2 and 4 |
#
# How long the runs are does stand in the paper; its learning rates and decays do not stand in our copy, and
# a warm-up belongs to them. So `cifar` and `quick` have their own, each with the reason in {doc}`the table of claims <claims>`; `paper` takes the
# paper's. Warm-up + steps side by side:

# %% tags=["hide-input"]
lines = [
    "| | the paper | CIFAR-10: MLP | CNN | ViT | digits: MLP |",
    "| :-- | --: | --: | --: | --: | --: |",
]
known = presets.rows("cifar")
for name in OPTIMIZERS:
    papers = presets.PAPER_STEPS.get(name, (2000, 2000))
    rows = [known.get(f"{name}-{network}-cifar") for network in architectures.ARCHITECTURES]
    rows.append(presets.preset("quick", name, "mlp"))
    cells = ["not in it" if name == "gd" else f"{papers[0]:,} + {papers[1]:,}"]
    cells += ["–" if row is None else f"{row.warmup:,} + {row.steps:,}" for row in rows]
    lines.append(f"| {OPTIMIZERS[name].title} | " + " | ".join(cells) + " |")
own = rows[-1]
show("\n".join(lines))

# %% tags=["remove-cell"]
# What the tables and sentences above say of this project.
defaults = {name: row.sizes for name, row in architectures.ARCHITECTURES.items()}
assert [defaults[name]["activation"] for name in ("mlp", "cnn", "vit")] == ["tanh", "tanh", "gelu"]
assert (defaults["vit"]["depth"], defaults["vit"]["init_scale"]) == (3, 0.5)
assert (own.rank, own.substeps, own.loss) == (2, 4, "mse")
assert [presets.PRESETS[kind]["data"] for kind in ("quick", "cifar", "paper")] == [
    "digits",
    "cifar10",
    "cifar10",
]
assert not any(
    "to_qkv.bias" in n or "to_out.bias" in n
    for n, _ in networks.build("vit", "digits", {}).named_parameters()
)

# %% [markdown]
# ## Data
#
# A subset has as many examples of each class as of any other, give or take one. Row $i$ has class $i$ mod
# 10, so a smaller subset is the beginning of a larger one; within a class, the seed shuffles. Inputs are
# (image / largest pixel value - mean) / deviation by channel, targets are one-hot, and a digest of the
# bytes goes with every record.

# %%
subset, smaller = (data.load("digits", n, seed=0, dtype=torch.float64) for n in (505, 200))
counts = torch.bincount(subset.labels)
assert counts.max() - counts.min() == 1 and torch.equal(subset.inputs[:200], smaller.inputs)
assert torch.equal(subset.targets.argmax(1), subset.labels) and torch.all(
    subset.targets.sum(1) == 1
)
assert subset.image_shape == networks.SHAPES["digits"]
# The constants that the paper prints for CIFAR-10.
cifar = data.DATASETS["cifar10"]
assert cifar.mean == (0.4914, 0.4822, 0.4465) and cifar.std == (0.2470, 0.2435, 0.2616)
print("505 digits, of the classes 0 to 9:", *counts.tolist())

# %% tags=["hide-input"]
head = ("preset", "network", "data", "examples", "loss", "precision", "weights $d$")
LOSSES = {"mse": "squared error", "cross_entropy": "cross-entropy"}
lines = ["| " + " | ".join(head) + " |", "| :-- | :-- | :-- | --: | :-- | :-- | --: |"]
for kind in presets.PRESETS:
    for name in architectures.ARCHITECTURES:
        # Not of the learning rate, which a row on CIFAR-10 has once it is scouted.
        row = presets.preset(kind, "gd", name, learning_rate=1.0)
        module = networks.build(name, row.data, dict(row.sizes))
        cells = (
            f"`{kind}`",
            ARCHITECTURE_TITLES[name],
            DATA_TITLES[row.data],
            f"{row.examples:,}",
            LOSSES[row.loss],
            row.dtype,
            f"{parameter_count(module):,}",
        )
        lines.append("| " + " | ".join(cells) + " |")
show("\n".join(lines))

# %% [markdown]
# ## MLP

# %% tags=["hide-input"]
sizes = {data_set: presets.SIZES[data_set] for data_set in networks.SHAPES}


def parts(name, data_set):
    """The table of a network's layers on a data set."""
    return networks.layers(networks.build(name, data_set, dict(sizes[data_set][name])), data_set)


for data_set in networks.SHAPES:
    show(f"On {DATA_TITLES[data_set]}:\n\n" + networks.markdown(parts("mlp", data_set)))

# %% [markdown]
# ## CNN

# %% tags=["hide-input"]
for data_set in networks.SHAPES:
    show(f"On {DATA_TITLES[data_set]}:\n\n" + networks.markdown(parts("cnn", data_set)))

# %% [markdown]
# ## ViT
#
# Patches are normalised, embedded and normalised again; each block adds an attention and a feed-forward
# network to them; the mean over the patches goes through the head. There is no class token.

# %% tags=["hide-input"]
for data_set in networks.SHAPES:
    show(f"On {DATA_TITLES[data_set]}:\n\n" + networks.markdown(parts("vit", data_set)))

# %% [markdown]
# The same counts by hand. With $p$ entries to an input, width $h$ and $c$ classes, an MLP has
# $(p+1)h+(h+1)h+(h+1)c$ weights; a CNN has $(9c_0+1)c_1+(9c_1+1)c_2$ in its convolutions; a block of the
# ViT of width $h$, with $a$ numbers in all heads together and $f$ in its feed-forward network, has $2h+4ha$
# and $2h+(h+1)f+(f+1)h$.


# %%
def by_hand(name, data_set):
    """Count the weights from the sizes alone."""
    channels, rows, columns = networks.SHAPES[data_set]
    given = architectures.resolve_sizes(name, **sizes[data_set][name])
    if name == "mlp":
        h = given["width"]
        return (channels * rows * columns + 1) * h + (h + 1) * h + (h + 1) * 10
    if name == "cnn":
        first, second = given["channels"]
        readout = second * (rows // 4) * (columns // 4) + 1
        return (9 * channels + 1) * first + (9 * first + 1) * second + readout * 10
    h, f, a = given["width"], given["mlp_width"], given["heads"] * given["head_width"]
    p = channels * given["patch"] ** 2
    embed, block = (
        2 * p + (p + 1) * h + 2 * h,
        2 * h + 4 * h * a + 2 * h + (h + 1) * f + (f + 1) * h,
    )
    return embed + given["depth"] * block + 2 * h + (h + 1) * 10


for data_set in networks.SHAPES:
    for name in architectures.ARCHITECTURES:
        module = networks.build(name, data_set, dict(sizes[data_set][name]))
        assert (
            parts(name, data_set)["weights"].sum()
            == parameter_count(module)
            == by_hand(name, data_set)
        )

# %% [markdown]
# ## How they start
#
# Linear layers and convolutions start as torch has them: weights and biases uniform between
# $\pm1/\sqrt{\text{fan-in}}$. LayerNorms start with scale 1 and shift 0. The networks are drawn in torch's
# default precision and then cast, so that a seed means the same network in any precision.

# %%
for name in architectures.ARCHITECTURES:
    largest, rms = networks.spread(
        networks.build(name, "digits", {}, **({"init_scale": 1.0} if name == "vit" else {}))
    )
    assert largest <= 1 and abs(rms * 3**0.5 - 1) < 0.1  # a uniform distribution has 1 / sqrt(3)

# %% [markdown]
# **`init_scale`.** The head of the ViT starts at half its size. The paper says why: at full size the
# initial sharpness would put the iterates into a divergent regime at once. That can be tried. Gradient
# descent in the regime of {doc}`its chapter <gd>`, on the ViT on digits, with heads of several sizes. A
# start above the threshold need not diverge: it can be a *catapult*, which ends in a flatter place
# {cite:p}`lewkowycz2020large`.

# %% tags=["hide-input"]
config = presets.preset(preset, "gd", "vit")
threshold = 2 / config.learning_rate
table = networks.starts(config, init_scales, first_steps)
first, last = (
    table.groupby("scale")[["loss", "sharpness"]].nth(i).set_axis(init_scales) for i in (0, -1)
)
peak = table.groupby("scale")["loss"].max()

# %% tags=["remove-cell"]
about = files.page_manifest(
    "notebooks/networks.py", preset=preset, init_scales=init_scales, first_steps=first_steps
)
files.save(
    "networks-start",
    lambda: networks.starts_figure(table, threshold),
    table,
    figures,
    manifest=about,
    alt="Gradient descent on the ViT for several init_scale. Left: sharpness at the start, "
    + ", ".join(f"{value:.3g} at {scale:g}" for scale, value in first["sharpness"].items())
    + f"; threshold {threshold:g}. Right: loss over the first steps.",
)

# %% [markdown]
# ```{figure} ../figures/networks-start.svg
# :name: fig-networks-start
# :alt: Gradient descent on the ViT for several init_scale. Left, sharpness at the start grows with init_scale and passes the threshold between one half and one. Right, loss over the first steps: at large init_scale it first jumps up, then falls like the others.
#
# **A smaller head starts the ViT less sharp.** Left: sharpness of the ViT at its start over the
# size of its head; orange is the paper's choice, one half. Right: the loss of the first steps of
# gradient descent.
# ```

# %% tags=["hide-input"]
above = [scale for scale in init_scales if first["sharpness"][scale] > threshold]
jumped = [scale for scale in init_scales if peak[scale] > 1.01 * first["loss"][scale]]
lost = [scale for scale in init_scales if not last["loss"][scale] < first["loss"][scale]]


def listed(scales):
    """Some scales, in words."""
    return ", ".join(f"{scale:g}" for scale in scales) or "none"


words = f"At one half the network starts at {first['sharpness'][0.5] / threshold:.2f} thresholds, at one at {first['sharpness'][1.0] / threshold:.2f}"
words += (
    ": the first part of the reason holds here."
    if first["sharpness"][0.5] < threshold < first["sharpness"][1.0]
    else "."
)
words += f" Above the threshold start: {listed(above)}. The loss rises at first at: {listed(jumped)}. After {first_steps} steps it is not below where it began at: {listed(lost)}."
if above and not lost:
    words += (
        " So the divergence that the paper speaks of does not come, on this network and data: a start above the threshold is "
        "a catapult at most, and the loss comes down."
    )
show(words)

# %% [markdown]
# ## LayerNorm, three times differentiable
#
# Rod flows need gradients only, eigensolvers second derivatives, central flow third ones. The paper
# replaces every LayerNorm by a `TrainableLayerNorm` of smooth operations "rather than cached running
# statistics"; here it is `architectures.LayerNorm`. torch's own LayerNorm keeps no running statistics. The
# reason that can be measured is another one: take a function of one variable that passes through a
# LayerNorm, and compare its second and third derivative, by automatic differentiation, with the difference
# quotients of the first and of the second.

# %%
generator = torch.Generator().manual_seed(0)
x, v, c = torch.randn(3, 6, generator=generator, dtype=torch.float64)


def derivatives(norm, s):
    """The first three derivatives of c . tanh(norm(x + s v)) at s."""
    s = torch.tensor(s, dtype=torch.float64, requires_grad=True)
    y, found = (c * norm((x + s * v)[None])[0].tanh()).sum(), []
    for _ in range(3):
        (y,) = torch.autograd.grad(y, s, create_graph=True)
        found.append(y.item())
    return torch.tensor(found, dtype=torch.float64)


def quotients(norm, h=1e-3):
    """Central differences of the first and of the second derivative."""
    near = derivatives(norm, h) - derivatives(norm, -h)
    far = derivatives(norm, 2 * h) - derivatives(norm, -2 * h)
    return ((8 * near - far) / (12 * h))[:2]


errors = {}
for norm in (architectures.LayerNorm(6).double(), torch.nn.LayerNorm(6).double()):
    exact = quotients(norm)
    errors[type(norm).__module__] = ((derivatives(norm, 0.0)[1:] - exact) / exact).abs()
ours, theirs = errors.values()
assert ours.max() < 1e-8 and theirs[0] < 1e-8
for name, (second, third) in errors.items():
    print(f"{name}: second derivative off by {second:.0e}, third by {third:.0e}")

# %% tags=["hide-input"]
words = (
    "The second derivative is right for both. Relative error of the third: "
    f"{ours[1]:.1g} for the module of this book, {theirs[1]:.2g} for torch's. "
)
words += (
    f"In torch {torch.__version__.split('+')[0]} a model with `torch.nn.LayerNorm` has wrong third derivatives."
    if theirs[1] > 1e-3
    else "This version of torch has the third derivative right too."
)
show(words)

# %% [markdown]
# ## Positions
#
# A patch in row $i$ and column $j$ is told where it is by adding fixed numbers to its embedding: a quarter
# each of $\sin jf$, $\cos jf$, $\sin if$ and $\cos if$, with frequencies $f$ that fall from 1 to $10^{-4}$
# per patch. They are no weights.

# %%
given = architectures.resolve_sizes("vit", **sizes["cifar10"]["vit"])
side = networks.SHAPES["cifar10"][1] // given["patch"]  # patches in a row, and in a column
codes = architectures.sincos_positions(side, side, given["width"])
assert codes.shape == (side**2, given["width"])
assert torch.unique(codes, dim=0).shape == codes.shape
vit = networks.build("vit", "cifar10", dict(sizes["cifar10"]["vit"]))
assert torch.equal(vit.positions, codes) and "positions" not in dict(vit.named_parameters())

# %% [markdown]
# ## Microbatches
#
# The gradient over all examples is a mean, so it may be summed over parts. The memory is that of one part,
# the number is the same up to rounding. This is the ViT on digits in parts of 7, against all at once:

# %%
from rodflow_core.objective import ModuleObjective

vit = networks.build("vit", "digits", dict(sizes["digits"]["vit"]))
whole, split = (
    ModuleObjective(vit, (smaller.inputs, smaller.targets), microbatch=size) for size in (None, 7)
)
w = whole.initial_weights()
gradients = [objective.gradients(w[None])[0] for objective in (whole, split)]
difference = ((gradients[0] - gradients[1]).norm() / gradients[0].norm()).item()
assert difference < 1e-13
print(f"relative difference {difference:.0e}")

# %% [markdown]
# ## What is recorded
#
# The paper's names where the paper has one; a star marks what it does not name. For the optimizer the
# half-displacements are differences of iterates; for a rod they are the principal eigenpair of the extent.
# Where there is no first or no second moment the value is NaN. The centre of the optimizer is the mean of
# its last two iterates. "step" is recorded at every step, "eigensolve" every few. This is the list of an
# Adam run; the other flows of a run record what the rod flow does, under their own tags.

# %% tags=["hide-input"]
run = presets.preset("smoke", "adam", "mlp", data="digits")
listing = networks.quantities_table(run, ("sf", "rod"))
assert all(f"`{name}` |" in listing for name in networks.PAPER_NAMES)
show(listing)

# %% [markdown]
# All eighteen names of H.3 are in it.

# %% tags=["hide-input"]
assert len(networks.PAPER_NAMES) == 18
