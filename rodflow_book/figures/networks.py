"""The networks' page: what a network is made of, how it starts, what is recorded of a run."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from torch import nn

from rodflow_book.figures.marks import closed, dots, labelled
from rodflow_book.figures.style import WIDTH, colour
from rodflow_core.experiments import architectures, runs
from rodflow_core.experiments.config import RunConfig
from rodflow_core.optimizers import State, make_rule
from rodflow_core.quantities import OF_SPECTRUM, OPTIMIZER
from rodflow_core.sharpness import preconditioned_sharpness
from rodflow_core.simulate import iterate

SHAPES = {"digits": (1, 8, 8), "cifar10": (3, 32, 32)}
"""(C, H, W) of the images of each data set."""
PAPER_NAMES = (
    "disc_loss_w", "disc_loss_wbar", "sf_loss", "rod_loss_wbar",
    "disc_delta_norms", "disc_mu_norms", "delta_norm_rod", "mu_norm_rod",
    "disc_pre_sharpness_wbar", "sf_pre_sharpness", "rod_pre_sharpness_wbar",
    "nu_norm_disc", "nu_norm_sf", "nu_norm_rod", "disc_mean_ess",
    "dist_wbar_disc_to_sf", "dist_wbar_disc_to_rod", "cos_delta_alignment",
)  # fmt: skip
"""What the paper's appendix H.3 names."""


def build(name: str, data: str, sizes: dict[str, Any], **changes: Any) -> nn.Module:
    """Build a network for a data set, in float64, with the weights of seed 0."""
    given = {**sizes, **changes}
    return architectures.build(name, SHAPES[data], seed=0, dtype=torch.float64, **given)


def _parts(module: nn.Module) -> list[tuple[str, nn.Module]]:
    """Name the parts of a network: its children, and of a list of blocks every member."""
    found: list[tuple[str, nn.Module]] = []
    for name, child in module.named_children():
        if isinstance(child, nn.ModuleList):
            found += [(name, member) for member in child]
        else:
            found.append((name if not name.isdigit() else "", child))
    return found


def _words(name: str, part: nn.Module) -> str:
    """Say what a part is."""
    if isinstance(part, nn.Linear):
        return f"{name or 'linear'}, {part.in_features} to {part.out_features}"
    if isinstance(part, nn.Conv2d):
        height, width = part.kernel_size
        return f"convolution {height} x {width}, {part.in_channels} to {part.out_channels}, padded"
    if isinstance(part, nn.AvgPool2d):
        return f"average pooling {part.kernel_size} x {part.kernel_size}"
    if name:
        return name.replace("_", "-")
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(part).__name__).lower()
    return {"gelu": "GELU", "si lu": "SiLU"}.get(words, words)


def layers(module: nn.Module, data: str) -> pd.DataFrame:
    """Give the parts of a network in the order of a forward pass, as it is seen to make one.

    Returns:
        Columns part, times (blocks alike), output (shape for one image) and weights (of all).
    """
    seen: list[tuple[str, tuple[int, ...], int]] = []

    def note(name: str, part: nn.Module) -> None:
        def hook(_: nn.Module, __: object, out: torch.Tensor) -> None:
            seen.append(
                (_words(name, part), tuple(out.shape[1:]), architectures.parameter_count(part))
            )

        handles.append(part.register_forward_hook(hook))

    handles: list[torch.utils.hooks.RemovableHandle] = []
    for name, part in _parts(module):
        note(name, part)
    dtype = next(module.parameters()).dtype
    module(torch.zeros(1, *SHAPES[data], dtype=dtype))
    for handle in handles:
        handle.remove()
    frame = pd.DataFrame(seen, columns=["part", "output", "weights"])
    frame["times"] = 1
    # Blocks come in pairs, attention and feed-forward: equal rows are one, counted.
    if frame["part"].isin(["attention", "feed-forward"]).any():
        frame = frame.groupby(["part", "output"], sort=False, as_index=False).sum()
    return frame[["part", "times", "output", "weights"]]


def markdown(frame: pd.DataFrame) -> str:
    """Give the parts of a network as a Markdown table, with their sum."""
    lines = ["| part | blocks | output | weights |", "| :-- | --: | --: | --: |"]
    for row in frame.itertuples():
        shape = " x ".join(map(str, row.output))
        weights = f"{row.weights:,}" if row.weights else ""
        lines.append(f"| {row.part} | {row.times} | {shape} | {weights} |")
    return "\n".join([*lines, f"| **all** | | | **{frame['weights'].sum():,}** |"])


def spread(module: nn.Module) -> tuple[float, float]:
    """Give the largest weight and the rms weight of its layers, in units of 1 / sqrt(fan-in).

    Biases count as weights of their layer; a uniform distribution has the rms 1 / sqrt(3).
    """
    scaled = []
    for part in module.modules():
        if isinstance(part, nn.Linear | nn.Conv2d):
            fan_in = math.prod(part.weight.shape[1:])
            scaled += [p.detach().flatten() * fan_in**0.5 for p in part.parameters()]
    every = torch.cat(scaled)
    return float(every.abs().max()), float(every.square().mean().sqrt())


def starts(config: RunConfig, scales: Iterable[float], steps: int) -> pd.DataFrame:
    """Start a ViT with several ``init_scale`` and let its optimizer take a few steps.

    Args:
        config: of a ViT.
        scales: factors on the head's initial weights.
        steps: of the optimizer.

    Returns:
        A row per scale and step: scale, step, loss, sharpness (preconditioned, at the start).
    """
    rows = []
    rule = make_rule(config.optimizer, config.learning_rate)
    for scale in scales:
        problem = runs.problem_of(config.replace(sizes={**config.sizes, "init_scale": scale}))
        start = rule.initial_state(problem.weights)
        solved = preconditioned_sharpness(rule, problem.objective, start, 0)
        states: Sequence[State] = iterate(rule, problem.objective, start, steps)
        for step, state in enumerate(states):
            loss = float(problem.objective.value(rule.split(state.z)[0]))
            rows.append((scale, step, loss, float(solved.settled().values[0])))
    return pd.DataFrame(rows, columns=["scale", "step", "loss", "sharpness"])


def starts_figure(table: pd.DataFrame, threshold: float) -> Figure:
    """Draw sharpness at the start over ``init_scale``, and the loss of the first steps.

    Args:
        table: of `starts`.
        threshold: the optimizer's.
    """
    figure, (sharpness, loss) = plt.subplots(1, 2, figsize=(WIDTH, 4.3))
    first = table.groupby("scale", as_index=False).first()
    sharpness.axhline(threshold, **closed("ink", label=None))
    sharpness.plot(first["scale"], first["sharpness"], **dots("rod", linestyle="-", label=None))
    sharpness.annotate(
        r"$2/\eta$", (0.01, threshold), (4, 5), textcoords="offset points",
        xycoords=sharpness.get_yaxis_transform(), fontsize=14,
    )  # fmt: skip
    half = first[first["scale"] == 0.5]
    sharpness.plot(half["scale"], half["sharpness"], **dots("sf", markersize=11, label=None))
    labelled(sharpness, "sharpness at the start", "init_scale", xscale="log", yscale="log")
    sharpness.set_xticks(first["scale"], [f"{scale:g}" for scale in first["scale"]])
    sharpness.minorticks_off()
    shades = np.linspace(0.35, 1, len(first))
    for shade, (scale, rows) in zip(shades, table.groupby("scale"), strict=True):
        special = scale == 0.5
        look = {"color": colour("sf" if special else "rod"), "alpha": 1 if special else shade}
        loss.plot(rows["step"], rows["loss"], linewidth=2.6 if special else 1.8, **look)
        loss.annotate(
            f"{scale:g}", (0, rows["loss"].iloc[0]), (-4, -5 if scale < 0.5 else 0),
            textcoords="offset points",
            ha="right", va="center", fontsize=12, color=look["color"],
        )  # fmt: skip
    last = table["step"].max()
    labelled(loss, "loss, by init_scale", "optimizer step", yscale="log", xlim=(-0.13 * last, last))
    return figure


def quantities_table(config: RunConfig, tags: Sequence[str]) -> str:
    """Give what a run records, as a Markdown table, from the catalogue of its own lockstep.

    Args:
        config: of the run.
        tags: of the flows to list.
    """
    lockstep, _ = runs.build(config)
    names = {OPTIMIZER: "optimizer"}
    names |= {tag: flow.title for tag, flow in lockstep.flows.items()}
    lines = ["| recorded as | of | meaning | unit | when |", "| :-- | :-- | :-- | :-- | :-- |"]
    for name, entry in lockstep.catalogue().items():
        if entry.trajectory not in (OPTIMIZER, *tags):
            continue
        meaning = entry.quantity.long_name.format(title=names[entry.trajectory])
        meaning = meaning.replace("delta", "δ").replace("mu|", "μ|").replace("|", r"\|")
        when = "eigensolve" if entry.kind in OF_SPECTRUM else "step"
        mark = "" if name in PAPER_NAMES else " *"
        lines.append(
            f"| `{name}`{mark} | {names[entry.trajectory]} | {meaning} | {entry.quantity.units} "
            f"| {when} |"
        )
    return "\n".join(lines)
