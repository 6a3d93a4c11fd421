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
from rodflow_core.extent import relax
from rodflow_core.flows import RodFlow, StableFlow, endpoints
from rodflow_core.objective import ModuleObjective
from rodflow_core.optimizers import make_rule
from rodflow_core.spectrum import leading_eigenpairs, preconditioned_operator

TARGETS = {"rod_over_two_gradients": {"large": 1.15, "digits": 2.0}}


def alternate(rounds: int, **actions: Callable[[], object]) -> dict[str, list[float]]:
    """Time actions in turn, in milliseconds; the first round warms up and is not counted."""
    times: dict[str, list[float]] = {name: [] for name in actions}
    for turn in range(rounds + 1):
        for name, action in actions.items():
            start = time.perf_counter()
            action()
            if turn:
                times[name].append((time.perf_counter() - start) * 1e3)
    return times


def ratio(a: list[float], b: list[float]) -> float:
    """Median of the ratios, pair by pair."""
    return statistics.median(x / y for x, y in zip(a, b, strict=True))


def network(kind: str) -> ModuleObjective:
    """The two networks that the figures are stated for."""
    torch.manual_seed(0)
    if kind == "digits":
        chosen = data.load("digits", 200, seed=0, dtype=torch.float64)
        module = architectures.build("mlp", chosen.image_shape, seed=0, dtype=torch.float64)
        return ModuleObjective(module, chosen.inputs, chosen.targets)
    # The cost does not depend on what the images show, and none are shipped: random ones do.
    inputs = torch.randn(1000, 3, 32, 32)
    targets = torch.nn.functional.one_hot(torch.arange(1000) % 10, 10).float()
    module = architectures.build("mlp", (3, 32, 32), seed=0, dtype=torch.float32, width=200)
    return ModuleObjective(module, inputs, targets)


def measure(kind: str, rounds: int) -> dict[str, object]:
    """All figures of one network, under Adam."""
    objective = network(kind)
    rule = make_rule("adam", 1e-3, beta1=0.5, beta2=0.99)
    before = rule.initial_state(objective.initial_weights())
    now = rule.step(objective, before, 0)
    for t in range(1, 20):
        before, now = now, rule.step(objective, now, t)
    rod, stable = RodFlow(rule, objective, rank=2), StableFlow(rule, objective)
    state, point = rod.initial(before, now), stable.initial(before, now)
    for _ in range(4):
        state = rod.substep(state, 20, 0.25)
    ends = rule.gradient_point(endpoints(state))
    drive = 0.5 * torch.randn(2, len(state.z), dtype=state.z.dtype).T
    batched = torch.vmap(torch.func.grad(objective_function(objective)))
    times = alternate(
        rounds,
        rod_substep=lambda: rod.substep(state, 20, 0.25),
        two_gradients=lambda: objective.gradients(ends),
        stable_substep=lambda: stable.substep(point, 20, 0.25),
        one_gradient=lambda: objective.gradients(ends[:1]),
        two_calls=lambda: (objective.gradients(ends[:1]), objective.gradients(ends[1:])),
        vectorised_pair=lambda: batched(ends),
        extent_update=lambda: relax(state.extent, drive, 0.25, 2),
    )
    tensors = [state.z, state.nu, state.extent.basis, state.extent.eigenvalues]
    held = sum(t.numel() * t.element_size() for t in tensors)
    return {
        "weights": objective.dim,
        "median_ms": {name: round(statistics.median(v), 3) for name, v in times.items()},
        "ratios": {
            "rod_over_two_gradients": round(ratio(times["rod_substep"], times["two_gradients"]), 3),
            "stable_over_one_gradient": round(
                ratio(times["stable_substep"], times["one_gradient"]), 3
            ),
            "stack_over_two_calls": round(ratio(times["two_gradients"], times["two_calls"]), 3),
            "vectorised_over_two_calls": round(
                ratio(times["vectorised_pair"], times["two_calls"]), 3
            ),
            "extent_share_of_substep": round(
                ratio(times["extent_update"], times["rod_substep"]), 3
            ),
        },
        "bytes_held_by_rod_flow": held,
        "bytes_per_weight": round(held / objective.dim, 2),
        "spectrum_matvecs": spectrum(objective, rule, now, state.nu),
    }


def objective_function(objective: ModuleObjective) -> Callable[[torch.Tensor], torch.Tensor]:
    """The loss as one function of a flat vector, for the vectorised pair."""
    inputs, targets = objective._batches[0]
    return lambda w: objective._partial(objective._unflatten(w), inputs, targets)


def spectrum(objective: ModuleObjective, rule, state, nu) -> dict[str, int]:
    """Matrix-vector products of a cold eigensolve and of a warm one, ten steps later."""
    subspace, spent = None, {}
    for name in ("first, cold", "ten steps later, warm"):
        w = rule.split(state.z)[0]
        operator = preconditioned_operator(objective.hvp(w), rule.preconditioner(nu).inv_sqrt)
        kwargs = {"tol": 1e-4, "dtype": w.dtype}
        solved = leading_eigenpairs(operator, objective.dim, 3, start=subspace, **kwargs)
        cold = leading_eigenpairs(operator, objective.dim, 3, **kwargs)
        spent[name] = solved.matvecs
        spent["ten steps later, cold"] = cold.matvecs
        subspace = solved.subspace
        for t in range(20, 30):
            state = rule.step(objective, state, t)
    return spent


def main() -> None:
    """Measure, print, and write the file whole."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, default=Path(__file__).with_suffix(".json"))
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    torch.set_num_threads(1)
    result = {
        "environment": {
            "python": platform.python_version(),
            "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
            "threads": 1,
            "rounds": options.rounds,
            **{name: metadata.version(name) for name in ("torch", "numpy")},
        },
        "targets": TARGETS,
        "digits: MLP 64-32-32-10, 200 examples, float64": measure("digits", 10 * options.rounds),
        "large: MLP 3072-200-200-10, 1,000 examples, float32": measure("large", options.rounds),
    }
    text = json.dumps(result, indent=1) + "\n"
    print(text)
    temporary = options.output.with_suffix(".tmp")
    temporary.write_text(text)
    temporary.replace(options.output)


if __name__ == "__main__":
    main()
