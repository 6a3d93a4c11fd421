"""What a flow costs, side by side in one run: medians and ratios, JSON beside its environment.

    python benchmarks/cost.py [-o benchmarks/cost.json] [--rounds 15]

Every pair of figures is measured in alternation, so that a drift of the machine's speed reaches
both; only ratios are worth quoting. On one thread.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import torch

from rodflow_core.experiments import architectures, data
from rodflow_core.flows import DriftFreeRod, RodFlow, StableFlow, endpoints, midpoint
from rodflow_core.integrators import euler
from rodflow_core.memory import keep_memory
from rodflow_core.objective import ModuleObjective
from rodflow_core.optimizers import make_rule
from rodflow_core.sharpness import preconditioned_sharpness

TARGETS = {
    "rod substep over its two gradients": {
        "large": {"gd": 1.10, "rmsprop": 1.10, "adam": 1.20},
        "digits": 1.5,
    },
    "warm products over cold": 1 / 3,
    "sharpness of all trajectories every 5 steps over what the flows cost": 0.5,
}
"""Bounds fixed before the measurements they judge."""

RATES = {"gd": 0.05, "rmsprop": 1e-4, "adam": 1e-4}
ROD = 1e-2
"""Length that the rods are measured at: about what they have at the edge of stability."""
EVERY = 5
"""Steps between two eigensolves."""
WARMUP = 300
"""Steps before the first one: at the edge, or near it."""


def alternate(
    rounds: int, clock: Callable[[], float] = time.perf_counter, /, **actions: Callable[[], object]
) -> dict[str, list[float]]:
    """Time actions in turn, in milliseconds; the first round warms up and is not counted."""
    times: dict[str, list[float]] = {name: [] for name in actions}
    for turn in range(rounds + 1):
        for name, action in actions.items():
            start = clock()
            action()
            if turn:
                times[name].append((clock() - start) * 1e3)
    return times


def ratio(a: list[float], b: list[float]) -> float:
    """Median of the ratios, pair by pair."""
    return round(statistics.median(x / y for x, y in zip(a, b, strict=True)), 3)


def network(kind: str) -> ModuleObjective:
    """The two networks that the figures are stated for."""
    if kind == "digits":
        chosen = data.load("digits", 200, seed=0, dtype=torch.float64)
        module = architectures.build("mlp", chosen.image_shape, seed=0, dtype=torch.float64)
        return ModuleObjective(module, (chosen.inputs, chosen.targets), check=False)
    # The cost does not depend on what the images show, and none are shipped: random ones do.
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(1000, 3, 32, 32, generator=generator)
    targets = torch.nn.functional.one_hot(torch.arange(1000) % 10, 10).float()
    module = architectures.build("mlp", (3, 32, 32), seed=0, dtype=torch.float32, width=200)
    return ModuleObjective(module, (inputs, targets), check=False)


def flows(objective: ModuleObjective, name: str, rounds: int) -> dict[str, object]:
    """A substep of each flow against its gradients, under one rule."""
    rule = make_rule(name, RATES[name])
    states = [rule.initial_state(objective.initial_weights())]
    for t in range(20):
        states.append(rule.step(objective, states[-1], t))
    method, found = euler(4), {}
    for flow in (
        StableFlow(rule, objective),
        RodFlow(rule, objective),
        DriftFreeRod(rule, objective),
    ):
        before, now = states[-2:]
        if not isinstance(flow, StableFlow):
            half = 0.5 * (now.z - before.z)
            centre = midpoint(before, now)
            half *= ROD / half.norm()
            before = before._replace(z=centre.z - half)
            now = now._replace(z=centre.z + half)
        state = flow.initial(before, now)
        stable = isinstance(flow, StableFlow)
        points = rule.gradient_point(state.z.unsqueeze(0) if stable else endpoints(state))
        times = alternate(
            rounds,
            substep=lambda flow=flow, state=state: method._step(flow, state, 20, 0.0),
            gradients=lambda points=points: objective.gradients(points),
        )
        found[flow.title] = {
            "substep_ms": round(statistics.median(times["substep"]), 3),
            "gradients_ms": round(statistics.median(times["gradients"]), 3),
            "substep over its gradients": ratio(times["substep"], times["gradients"]),
        }
    moved = [state.z] if stable else [state.z, state.half_displacement]
    numbers = sum(t.numel() for t in moved) + (0 if state.nu is None else state.nu.numel())
    rods = 2 * len(state.z)
    found["numbers held per weight"] = {
        "drift-free rod": round(numbers / objective.dim, 2),
        "rod flow, rank 2": round((numbers - len(state.z) + rods) / objective.dim, 2),
    }
    return found


def spectrum(objective: ModuleObjective, name: str, k: int, tolerance: float) -> dict[str, object]:
    """Products of cold and warm eigensolves every few steps, and their cost in gradients."""
    rule = make_rule(name, RATES[name])
    states = [rule.initial_state(objective.initial_weights())]
    for t in range(WARMUP):
        states = [*states[-1:], rule.step(objective, states[-1], t)]
    subspace, warm, cold = None, [], []
    for i in range(6):
        t = WARMUP + EVERY * i
        centre = midpoint(*states)
        solve = {"k": k, "tol": tolerance}
        first = preconditioned_sharpness(rule, objective, centre, t, **solve)
        then = preconditioned_sharpness(rule, objective, centre, t, start=subspace, **solve)
        subspace = then.subspace
        if i:
            cold.append(first.matvecs)
            warm.append(then.matvecs)
        for j in range(EVERY):
            states = [*states[-1:], rule.step(objective, states[-1], t + j)]
    w = rule.split(states[-1].z)[0]
    v = torch.randn(objective.dim, dtype=w.dtype)
    product = objective.hvp(w)
    times = alternate(
        8, graph=lambda: objective.hvp(w), product=lambda: product(v),
        gradient=lambda: objective.gradients(w.unsqueeze(0)),
    )  # fmt: skip
    graph, one = (
        ratio(times["graph"], times["gradient"]),
        ratio(times["product"], times["gradient"]),
    )
    spent = 4 * (graph + one * statistics.mean(warm))
    # Per step: 4 substeps of one gradient, and twice 4 of two.
    flows_cost = EVERY * (4 + 8 + 8)
    return {
        "pairs": k,
        "tolerance": tolerance,
        "cold": cold,
        "warm": warm,
        "warm over cold": round(sum(warm) / sum(cold), 3),
        "gradients a product": one,
        "gradients a graph": graph,
        "sharpness of all four over what the flows cost": round(spent / flows_cost, 3),
    }


def measure(kind: str, rounds: int) -> dict[str, object]:
    """All figures of one network."""
    objective = network(kind)
    found: dict[str, object] = {"weights": objective.dim}
    found["flows"] = {name: flows(objective, name, rounds) for name in RATES}
    found["spectrum"] = {
        f"{name}, {k} pairs, tolerance {tolerance:g}": spectrum(objective, name, k, tolerance)
        for name in ("gd", "adam")
        for k, tolerance in ((1, 1e-2), (3, 1e-2), (3, 1e-4 if kind == "digits" else 1e-3))
    }
    return found


NETWORKS = {
    "digits": "MLP 64-32-32-10, 200 examples, float64",
    "large": "MLP 3072-200-200-10, 1,000 examples, float32",
}
"""The networks in words."""


def run(path: str, words: str, rounds: int, measured: Callable[[int], dict[str, object]]) -> None:
    """Measure, print, and write the file whole: what both benchmarks' command lines do.

    Args:
        path: of the script; its JSON stands beside it.
        words: what it says of itself.
        rounds: default of ``--rounds``.
        measured: gives the figures.
    """
    parser = argparse.ArgumentParser(description=words.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, default=Path(path).with_suffix(".json"))
    parser.add_argument("--rounds", type=int, default=rounds)
    options = parser.parse_args()
    torch.set_num_threads(1)
    keep_memory()  # as every run does
    environment = {
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "threads": 1,
        "rounds": options.rounds,
        **{name: metadata.version(name) for name in ("torch", "numpy")},
    }
    text = json.dumps({"environment": environment, **measured(options.rounds)}, indent=1) + "\n"
    print(text)
    temporary = options.output.with_suffix(".tmp")
    temporary.write_text(text)
    temporary.replace(options.output)


def measured(rounds: int) -> dict[str, object]:
    """All figures of both networks, and the bounds."""
    found = {
        f"{kind}: {title}": measure(kind, (10 if kind == "digits" else 1) * rounds)
        for kind, title in NETWORKS.items()
    }
    return {"targets": TARGETS, **found}


if __name__ == "__main__":
    run(__file__, __doc__, 15, measured)
