"""What a row of the preset `paper` costs: seconds, memory and operations of its parts, and hours.

    python benchmarks/paper.py [-o benchmarks/paper.json] [--rounds 1]

Each architecture is built as the preset has it, on 5,000 images, in a process of its own, so that
its peak memory is its own. Times are seconds of the processor on one thread, taken in alternation;
ratios to one gradient are what to quote. The hours of a row are its parts times what they cost, not
a run; what flows compute beside gradients is left out (`cost.py`). Nothing was measured on a GPU.
The images are random: the cost does not depend on what they show.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import statistics
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import torch
from cost import alternate, ratio, run
from torch.utils.flop_counter import FlopCounterMode

from rodflow_core.experiments import architectures
from rodflow_core.experiments.config import ARCHITECTURES, RunConfig
from rodflow_core.experiments.presets import preset
from rodflow_core.memory import keep_memory
from rodflow_core.objective import ModuleObjective
from rodflow_core.optimizers import OPTIMIZERS

ENDS = {"sf": 1, "rod": 2, "free": 2}
"""Gradients in a rate of a flow that is carried by Euler substeps; the shifted copy takes one a
step, as the optimizer does."""
LOSSES = {"sf": 1, "rod": 3, "free": 3, "floor": 1}
"""Losses in a measurement of a flow: at its point, and at the two ends of a rod; the optimizer's
are at its iterate and at its centre."""
COUNTED = 50
"""Examples in which operations are counted; they are proportional to the number of examples."""


def parts(config: RunConfig) -> dict[str, int]:
    """Give how many gradients, losses and eigensolves a run is made of.

    Args:
        config: a run of the usual flows, carried by Euler substeps.
    """
    each = {tag: config.substeps * ENDS[tag] if tag in ENDS else 1 for tag in config.flows}
    measured = config.steps + 1
    solved = [tag for tag in config.flows if tag != "floor"]
    times = config.steps // config.spectrum_every + 1 if config.spectrum_every else 0
    return {
        "gradients": config.warmup + config.steps * (1 + sum(each.values())),
        "losses": measured * (2 + sum(LOSSES[tag] for tag in config.flows)),
        "eigensolves": times * (1 + len(solved)),
    }


def products_of_an_eigensolve() -> float:
    """Give the mean products of a warm eigensolve as the preset makes them, from `cost.json`."""
    cost = json.loads(Path(__file__).with_name("cost.json").read_text(encoding="utf-8"))
    large = next(found for title, found in cost.items() if title.startswith("large"))
    named = (s for name, s in large["spectrum"].items() if "1 pairs, tolerance 0.01" in name)
    return statistics.mean(products for solves in named for products in solves["warm"])


def row(optimizer: str, architecture: str) -> RunConfig:
    """Give a row of the preset; its learning rate, which costs nothing, is none to be used."""
    return preset("paper", optimizer, architecture, learning_rate=1e-3)


def network(config: RunConfig, examples: int | None = None) -> ModuleObjective:
    """Give the loss of a row, on random images: what they show costs nothing."""
    n = examples or config.examples
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(n, 3, 32, 32, generator=generator)
    targets = torch.nn.functional.one_hot(torch.arange(n) % 10, 10).float()
    module = architectures.build(
        config.architecture, (3, 32, 32), seed=0, dtype=torch.float32, **config.sizes
    )
    return ModuleObjective(module, (inputs, targets), microbatch=config.microbatch, check=False)


def peak() -> float:
    """Give the largest memory of this process so far, in GiB."""
    found = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(found / (2**30 if sys.platform == "darwin" else 2**20), 2)


def operations(config: RunConfig) -> dict[str, float]:
    """Count the floating-point operations of each part, those of products and convolutions."""
    # In several batches, as in the row, the graph of the gradient is built for every product.
    batch = COUNTED // 2 if config.microbatch else None
    objective = network(config.replace(microbatch=batch), COUNTED)
    w = objective.initial_weights()
    held = [objective.hvp(w)]
    found = {}
    for name, action in (
        ("gradient", lambda: objective.gradients(w[None])),
        ("loss", lambda: objective.value(w)),
        ("graph", lambda: objective.hvp(w)),
        ("product", lambda: held[0](torch.ones_like(w))),
    ):
        with FlopCounterMode(display=False) as counter:
            action()
        found[name] = float(counter.get_total_flops()) * config.examples / COUNTED
    return found


def measure(architecture: str, rounds: int) -> dict[str, object]:
    """Measure an architecture of the preset, in a process that has done nothing else."""
    torch.set_num_threads(1)
    keep_memory()  # as every run does
    config = row("adam", architecture)
    memory = {"before": peak()}
    objective = network(config)
    w = objective.initial_weights()
    v = torch.randn(len(w), generator=torch.Generator().manual_seed(1))
    objective.gradients(w[None])
    memory["after a gradient"] = peak()
    held = []
    times = alternate(
        rounds,
        time.process_time,
        gradient=lambda: objective.gradients(w[None]),
        loss=lambda: objective.value(w),
        graph=lambda: held.append(objective.hvp(w)),
        product=lambda: held.pop()(v),
    )
    memory["after a Hessian-vector product"] = peak()
    return {
        "sizes": dict(config.sizes),
        "weights": objective.dim,
        "examples": config.examples,
        "microbatch": config.microbatch,
        "seconds a gradient": round(statistics.median(times["gradient"]) / 1e3, 3),
        "gradients a loss": ratio(times["loss"], times["gradient"]),
        "gradients a graph": ratio(times["graph"], times["gradient"]),
        "gradients a product": ratio(times["product"], times["gradient"]),
        "peak memory, GiB": memory,
        "operations": operations(config),
    }


def hours(config: RunConfig, found: Mapping[str, object], products: float) -> dict[str, object]:
    """Extrapolate a row: what it is made of, in gradients and in hours of this processor."""
    made = parts(config)
    price = {key: float(found[f"gradients a {key}"]) for key in ("loss", "graph", "product")}  # type: ignore[arg-type]
    solve = price["graph"] + products * price["product"]
    worth = made["gradients"] + made["losses"] * price["loss"] + made["eigensolves"] * solve
    counted: Mapping[str, float] = found["operations"]  # type: ignore[assignment]
    flops = (
        made["gradients"] * counted["gradient"]
        + made["losses"] * counted["loss"]
        + made["eigensolves"] * (counted["graph"] + products * counted["product"])
    )
    return {
        "warmup": config.warmup,
        "steps": config.steps,
        **made,
        "worth in gradients": round(worth),
        "hours, extrapolated": round(worth * float(found["seconds a gradient"]) / 3600, 1),  # type: ignore[arg-type]
        "operations": flops,
    }


def measured(rounds: int) -> dict[str, object]:
    """Measure the three architectures, and extrapolate every row."""
    before, products = os.getloadavg()[0], products_of_an_eigensolve()
    found: dict[str, dict[str, object]] = {}
    spawn = multiprocessing.get_context("spawn")
    for architecture in ARCHITECTURES:
        with ProcessPoolExecutor(1, spawn) as pool:
            found[architecture] = pool.submit(measure, architecture, rounds).result()
    return {
        "load": {
            "before": round(before, 1),
            "after": round(os.getloadavg()[0], 1),
            "note": "jobs beside this one; seconds are of the processor, and caches are shared",
        },
        "architectures": found,
        "products in an eigensolve": {
            "mean": round(products, 2), "source": "benchmarks/cost.json, large MLP, warm"
        },
        "rows on one core": {
            f"{o}-{a}": hours(row(o, a), found[a], products)
            for a in ARCHITECTURES
            for o in OPTIMIZERS
        },
        "on a GPU": {
            "seconds": "not measured",
            "formula": "operations of a row / operations a second that the GPU reaches on them",
        },
    }  # fmt: skip


if __name__ == "__main__":
    run(__file__, __doc__, 1, measured)
