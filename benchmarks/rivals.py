"""What a unit of time of each model of the edge costs: the bill, in gradients of the same network.

    python benchmarks/rivals.py [-o benchmarks/rivals.json] [--rounds 9]

A unit of time is an optimizer step. Each model moves from the same state with the integrator it is
run with in the book, in alternation with a gradient, in seconds of the processor on one thread;
only ratios are worth quoting. Two parts: by the number of critical directions, which are made so by
lowering the threshold below the network's own eigenvalues (what they cost does not depend on where
it is); and for each row of the preset `quick` that has rivals, along ten steps after its warm-up.
"""

from __future__ import annotations

import statistics
import time

import torch
from cost import NETWORKS, RATES, ROD, alternate, network, ratio, run

from rodflow_core.central_flow import CRITICAL, CentralFlow
from rodflow_core.edge_flow import EdgeFlow
from rodflow_core.experiments import runs
from rodflow_core.experiments.config import ARCHITECTURES
from rodflow_core.experiments.presets import RIVALS, preset
from rodflow_core.flows import DriftFreeRod, RodFlow, StableFlow
from rodflow_core.integrators import make_integrator
from rodflow_core.objective import ModuleObjective
from rodflow_core.optimizers import State, make_rule, midpoint
from rodflow_core.sharpness import preconditioned_sharpness

DIRECTIONS = (0, 1, 2, 3)
"""Directions at the edge for which central flow is priced."""
METHODS = {
    "stable flow": "euler:4", "rod flow": "euler:4", "rod flow, RK4": "rk4:1",
    "drift-free rod": "euler:4", "Edge Flow": "euler:4", "rod flow, corrected": "euler:4",
}  # fmt: skip


def row(optimizer: str, architecture: str, units: int = 10) -> dict[str, object]:
    """The price of a unit of time along a row of the preset `quick`, in gradients."""
    config = preset("quick", optimizer, architecture).replace(spectrum_every=0)
    lockstep, problem = runs.build(config)
    rule, states = lockstep.rule, [lockstep.rule.initial_state(problem.weights)]
    for t in range(config.warmup):
        states = [*states[-3:], rule.step(lockstep.objective, states[-1], t)]
    tracks = {
        tag: lockstep.integrator(tag).begin(flow.initial(*states))
        for tag, flow in lockstep.flows.items()
    }
    times: dict[str, list[float]] = {tag: [] for tag in ("gradient", *tracks)}
    critical = []
    for t in range(config.warmup, config.warmup + units + 1):
        start = time.process_time()
        lockstep.objective.gradients(states[-1].z[None])
        times["gradient"].append(time.process_time() - start)
        for tag, flow in lockstep.flows.items():
            start = time.process_time()
            tracks[tag] = lockstep.integrator(tag).advance(flow, tracks[tag], t)
            times[tag].append(time.process_time() - start)
        critical.append(len(tracks["central"].state.factors))
    # The first unit starts from nothing: a cold eigensolve, graphs that torch has not seen.
    times = {tag: values[1:] for tag, values in times.items()}
    gradient = statistics.median(times.pop("gradient"))
    return {
        "gradient_ms": round(1e3 * gradient, 3),
        "critical directions": statistics.median(critical[1:]),
        "gradients a unit of time": {
            tag: round(statistics.median(values) / gradient, 2) for tag, values in times.items()
        },
    }


def edge(objective: ModuleObjective, name: str) -> tuple[State, State, list[float]]:
    """Two iterates around a point early in training, a rod apart, and its leading eigenvalues."""
    rule = make_rule(name, RATES[name])
    states = [rule.initial_state(objective.initial_weights())]
    for t in range(30):
        states = [*states[-1:], rule.step(objective, states[-1], t)]
    centre = midpoint(*states)
    solved = preconditioned_sharpness(rule, objective, centre, 30, 4, tol=1e-4)
    half = solved.vectors[:, 0]
    if centre.nu is not None:
        half = rule.preconditioner(centre.nu).inv_sqrt(half)
    half = half * (ROD / half.norm())
    before, now = (State(centre.z + sign * half, centre.nu) for sign in (-1, 1))
    return before, now, solved.values.tolist()


def bill(objective: ModuleObjective, name: str, rounds: int) -> dict[str, object]:
    """The price of a unit of time of every model there is of an optimizer, in gradients."""
    before, now, values = edge(objective, name)
    rule = make_rule(name, RATES[name])
    flows = {
        "stable flow": StableFlow(rule, objective),
        "rod flow": RodFlow(rule, objective),
        "rod flow, RK4": RodFlow(rule, objective),
        "drift-free rod": DriftFreeRod(rule, objective),
    }
    if name == "gd":
        flows["Edge Flow"] = EdgeFlow(rule, objective)
        flows["rod flow, corrected"] = RodFlow(rule, objective, backward_error=True)
    actions = {"gradient": lambda: objective.gradients(now.z[None])}
    memory = {}
    for title, flow in flows.items():
        state, method = flow.initial(before, now), make_integrator(METHODS[title])
        actions[title] = lambda m=method, f=flow, s=state: m.leap(f, s, 30)
        memory[title] = held(state, objective.dim)
    for k in DIRECTIONS:
        # Between the k-th eigenvalue and the next, that k of them count as critical.
        level = (values[k - 1] * values[k]) ** 0.5 / CRITICAL if k else 2 * values[0]
        flow = CentralFlow(make_rule(name, 2 / level), objective)
        state = flow.substep(flow.substep(flow.initial(before, now), 30, 1e-9), 30, 1e-9)
        assert len(state.factors) == k, (len(state.factors), k)
        for substeps in (2, 4):
            title = f"central flow, {k} critical, {substeps} substeps"
            state = state._replace(age=torch.ones_like(state.age))
            actions[title] = lambda f=flow, s=state, n=substeps: unit(f, s, n)
            memory[title] = held(state, objective.dim) + k + k * (k + 1) / 2
    times = alternate(rounds, time.process_time, **actions)
    gradient = times.pop("gradient")
    return {
        "gradients a unit of time": {title: ratio(t, gradient) for title, t in times.items()},
        "numbers held per weight": {title: round(n, 2) for title, n in memory.items()},
    }


def unit(flow: CentralFlow, state: object, substeps: int) -> None:
    """Take one unit of time, its eigensolve included, from a state that has just been solved."""
    for _ in range(substeps):
        moved = flow.substep(state, 30, 1 / substeps)
        # Not carried on: with a threshold so low, the flow would leave the place it is priced at.
        state = state._replace(age=moved.age, subspace=moved.subspace, values=moved.values)


def held(state: object, dim: int) -> float:
    """Numbers that a state holds for each weight."""
    if isinstance(state, torch.Tensor):
        return state.numel() / dim
    return sum(held(part, dim) for part in state) if isinstance(state, tuple) else 0.0


def measured(rounds: int) -> dict[str, object]:
    """The bill by critical directions, and along the rows that have central flow."""
    found = {}
    for kind, title in NETWORKS.items():
        objective = network(kind)
        found[title] = {name: bill(objective, name, rounds) for name in ("gd", "rmsprop")}
    priced = [name for name, others in RIVALS.items() if "central" in others]
    rows = {f"{name}-{kind}": row(name, kind) for name in priced for kind in ARCHITECTURES}
    return {"by critical directions": found, "rows": rows}


if __name__ == "__main__":
    run(__file__, __doc__, 9, measured)
