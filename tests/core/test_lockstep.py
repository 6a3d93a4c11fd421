"""Optimizer and flows side by side: what is recorded, what fails, what an interruption leaves."""

import dataclasses
import functools
import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from toolkit import NINE, Network, Valley, examples, is_one_sentence, iterate, make, random

from rodflow_core import quantities, sharpness
from rodflow_core.checkpoint import Checkpoint, packed
from rodflow_core.flows import (
    DriftFreeRod,
    Flow,
    RodFlow,
    ShiftedCopy,
    StableFlow,
    advance,
    midpoint,
)
from rodflow_core.integrators import euler, make_integrator, moved
from rodflow_core.landscapes import Quadratic
from rodflow_core.lockstep import Lockstep
from rodflow_core.optimizers import State
from rodflow_core.quantities import Quantity, name_of

WARMUP, STEPS, EVERY = 4, 6, 2
RATES = {"gd": 0.3, "heavy_ball": 0.3, "nesterov": 0.3}


@functools.cache
def network():
    return Network(n=12, hidden=2)


def lockstep(name, objective=None, flows=None, **options):
    """A short run of a rule on digits with both flows."""
    objective = objective or network().objective()
    rule = make(name, RATES.get(name, 0.02))
    if flows is None:
        flows = {"sf": StableFlow(rule, objective), "rod": RodFlow(rule, objective, rank=2)}
    short = {"warmup": WARMUP, "steps": STEPS, "spectrum_every": EVERY}
    coarse = {"eigenvalues": 1, "spectrum_tolerance": 1e-2}
    euler_twice = {"integrators": dict.fromkeys(flows, euler(2))}
    return Lockstep(rule, objective, flows, **(short | coarse | euler_twice | options))


def start():
    return network().weights(seed=1)


def assert_same_bits(a, b, names=None):
    """Records, spectra and failures of two runs, NaN equal to NaN."""
    for before, after in ((a.records, b.records), (columns(a), columns(b))):
        keys = {k for k in before if names is None or k.split(".")[0] in names}
        assert keys and (names is not None or keys == set(after))
        for key in keys:
            np.testing.assert_array_equal(np.array(before[key]), np.array(after[key]), key)
    if names is None:
        assert a.failed == b.failed and a.troubles == b.troubles and a.t == b.t


def columns(progress):
    """The eigensolves of a run, each of what it recorded by itself."""
    return {
        f"{name}.{column}": values
        for name, solves in progress.spectra.items()
        for column, values in vars(solves).items()
    }


class Interrupted(BaseException):
    """Not an Exception: nothing may catch it."""


@dataclass
class Interrupting:
    """An objective whose n-th evaluation of any kind never returns."""

    objective: object
    after: float = math.inf
    calls: int = 0

    @property
    def dim(self):
        return self.objective.dim

    def _count(self):
        self.calls += 1
        if self.calls > self.after:
            raise Interrupted

    def value(self, w):
        self._count()
        return self.objective.value(w)

    def gradients(self, points):
        self._count()
        return self.objective.gradients(points)

    def hvp(self, w):
        product = self.objective.hvp(w)

        def counted(v):
            self._count()
            return product(v)

        return counted


@functools.cache
def whole(name):
    """A run that nothing interrupts, and how many evaluations it took."""
    objective = Interrupting(network().objective())
    return lockstep(name, objective).run(start()), objective.calls


class LockstepContract:
    """What a run owes for every rule; ``name`` is given by the class that inherits."""

    def test_records_what_the_parts_give_by_themselves(self, name):
        run = lockstep(name)
        rule, objective = run.rule, run.objective
        progress = run.run(start())
        states = iterate(rule, objective, rule.initial_state(start()), WARMUP + STEPS)
        flows = {
            tag: flow.initial(*states[WARMUP - 1 : WARMUP + 1]) for tag, flow in run.flows.items()
        }
        records = progress.records
        assert {len(values) for values in records.values()} == {STEPS + 1}
        assert progress.t == WARMUP + STEPS and not progress.failed

        for i, t in enumerate(range(WARMUP, WARMUP + STEPS + 1)):
            before, now = states[t - 1], states[t]
            centre = midpoint(before, now)
            expected = {
                "disc_loss_w": network().loss(rule.split(now.z)[0]),
                "disc_loss_wbar": network().loss(rule.split(centre.z)[0]),
                "sf_loss": network().loss(rule.split(flows["sf"].z)[0]),
                "rod_loss_wbar": network().loss(rule.split(flows["rod"].z)[0]),
            }
            half = 0.5 * (now.z - before.z)
            rod_half = flows["rod"].extent.half_displacement
            ends = (rule.split(flows["rod"].z + sign * rod_half)[0] for sign in (1, -1))
            expected["rod_iterate_loss"] = sum(network().loss(end) for end in ends) / 2
            dim = len(rule.split(now.z)[0])
            lengths = torch.linalg.eigvalsh(flows["rod"].extent.dense()[:dim, :dim])
            expected["rod_spread"] = lengths.sum().sqrt()
            expected["rod_effective_rank"] = lengths.sum() ** 2 / lengths.square().sum()
            nothing = torch.tensor(math.nan)
            keys = ("disc_delta_norms", "disc_mu_norms"), ("delta_norm_rod", "mu_norm_rod")
            for pair, displacement in zip(keys, (half, rod_half), strict=True):
                for key, part in zip(pair, rule.split(displacement), strict=True):
                    expected[key] = nothing if part is None else part.norm()
            for tag in ("sf", "rod"):
                gap = rule.split(centre.z - flows[tag].z)[0]
                expected[f"dist_wbar_disc_to_{tag}"] = gap.norm()
            for tag, nu in (("disc", centre.nu), ("sf", flows["sf"].nu), ("rod", flows["rod"].nu)):
                expected[f"nu_norm_{tag}"] = nothing if nu is None else nu.norm()
            a, b = rule.split(half)[0], rule.split(rod_half)[0]
            expected["cos_delta_alignment"] = (a @ b).abs() / (a.norm() * b.norm())
            w, v, u = (rule.split(states[t - k].z)[0] for k in range(3))
            expected["disc_oscillation"] = (w - 2 * v + u).norm() / 4
            expected["disc_drift"] = (w - u).norm() / 4
            m, n, o = (rule.split(states[t - k].z)[1] for k in range(3))
            expected["disc_mu_oscillation"] = nothing if m is None else (m - 2 * n + o).norm() / 4
            p = rule.preconditioner(centre.nu, rule.corrections(t)[1])
            expected["disc_mean_ess"] = rule.learning_rate * p.inv(torch.ones_like(w)).mean()
            assert set(expected) == set(records)
            for key, value in expected.items():
                found = records[key][i]
                assert found == pytest.approx(float(value), rel=1e-9, abs=1e-12, nan_ok=True), key
            flows = {tag: advance(run.flows[tag], s, t, 2) for tag, s in flows.items()}

    def test_flows_start_at_the_centre_of_the_optimizer(self, name):
        records = lockstep(name, steps=1, spectrum_every=0).run(start()).records
        assert records["dist_wbar_disc_to_sf"][0] == records["dist_wbar_disc_to_rod"][0] == 0
        assert records["cos_delta_alignment"][0] == pytest.approx(1, abs=1e-12)
        assert records["delta_norm_rod"][0] == pytest.approx(
            records["disc_delta_norms"][0], rel=1e-12
        )

    def test_spectra_equal_dense_ones(self, name):
        """Raw and preconditioned, of all three, at the centres where the run ended."""
        run = lockstep(name, steps=EVERY, spectrum_tolerance=1e-7, eigenvalues=2, raw_spectrum=True)
        progress = run.run(start())
        rule, c2 = run.rule, run.rule.corrections(progress.t)[1]
        centres = {"disc": midpoint(*progress.iterates[-2:]), **progress.flows}
        names = set()
        for tag, state in centres.items():
            w = rule.split(state.z)[0]
            hessian = torch.func.hessian(network().loss)(w)
            root = torch.diag(rule.preconditioner(state.nu, c2).inv_sqrt(torch.ones_like(w)))
            for preconditioned in (True, False) if state.nu is not None else (True,):
                matrix = root @ hessian @ root if preconditioned else hessian
                kind = "preconditioned_sharpness" if preconditioned else "sharpness"
                names.add(name_of(tag, kind))
                solves = progress.spectra[name_of(tag, kind)]
                assert {len(values) for values in vars(solves).values()} == {2}
                exact = torch.linalg.eigvalsh(matrix).flip(0)[:2]
                assert solves.values[-1] == pytest.approx(exact.tolist(), rel=1e-8)
                assert solves.converged[-1] == 1 and solves.matvecs[-1] > 0
                assert solves.residual[-1] <= 1e-7 * float(exact.abs().max()) * (1 + 1e-6)
        assert names == set(progress.spectra)

    def test_eigensolves_start_from_the_last_ones(self, name):
        """The operators hardly move in a step: nothing is left but to see that, and to explore."""
        run = lockstep(name, steps=4, spectrum_every=1, spectrum_tolerance=1e-3)
        spectra = run.run(start()).spectra
        for key, solves in spectra.items():
            first, *later = np.array(solves.matvecs) - sharpness._EXPLORE
            assert np.mean(later) < 0.7 * first, key

    @examples(2)
    @given(data=st.data())
    def test_an_interrupted_run_resumes_to_the_same_bits(self, name, data, tmp_path_factory):
        """Killed inside any evaluation, in the warm start, a step, a flow or an eigensolve."""
        uninterrupted, calls = whole(name)
        moments = data.draw(st.lists(st.integers(1, calls), min_size=1, max_size=2))
        path = tmp_path_factory.mktemp("run") / "checkpoint.pt"
        checkpoint = Checkpoint(path, {"rule": name, "steps": [1, 2]}, every=0)
        for moment in moments:
            with pytest.raises(Interrupted):
                lockstep(name, Interrupting(network().objective(), after=moment - 1)).run(
                    start(), checkpoint=checkpoint
                )
                raise Interrupted  # a resumed run may need fewer evaluations than this
        # The start is in the checkpoint, unless not one step was taken.
        w = start() if not path.exists() else torch.full_like(start(), torch.nan)
        resumed = lockstep(name).run(w, checkpoint=checkpoint)
        assert_same_bits(uninterrupted, resumed)


@pytest.mark.parametrize("name", NINE)
class TestNine(LockstepContract):
    pass


# --- failure is a value --------------------------------------------------------------------------


@dataclass(frozen=True)
class Runaway(StableFlow):
    """A stable flow that moves far too fast."""

    def rate(self, state, t):
        return State(*(x if x is None else 1e60 * x for x in super().rate(state, t)))


@dataclass(frozen=True)
class RunawayRod(RodFlow):
    """A rod flow that moves far too fast."""

    def rate(self, state, t):
        rule = dataclasses.replace(self.rule, learning_rate=1e60)
        return RodFlow(rule, self.objective, self.rank).rate(state, t)


@pytest.mark.parametrize("name", ["gd", "adam", "scalar_nadam"])
def test_a_flow_that_blows_up_is_marked_and_the_others_do_not_notice(name):
    objective = Valley()
    rule = make(name, 0.3)
    good = {"sf": StableFlow(rule, objective), "rod": RodFlow(rule, objective)}
    bad = {"wild": Runaway(rule, objective), **good, "wild_rod": RunawayRod(rule, objective)}
    w = random(3, 2)
    options = {"spectrum_every": 2, "eigenvalues": 1}
    runs = [Lockstep(rule, objective, f, WARMUP, 10, **options).run(w) for f in (good, bad)]
    assert set(runs[1].failed) == {"wild", "wild_rod"} and not runs[0].failed
    assert_same_bits(runs[0], runs[1], names=[*runs[0].records, *runs[0].spectra])
    for tag in ("wild", "wild_rod"):
        marked = runs[1].failed[tag]
        assert WARMUP < marked < WARMUP + 10
        for kind in {**quantities.OF_FLOW, **bad[tag].offers}:
            late = np.array(runs[1].records[name_of(tag, kind)])[marked - WARMUP :]
            assert np.isnan(late).all(), kind
        assert np.isfinite(runs[1].records[f"{tag}_loss"][0])
        solves = runs[1].spectra[f"{tag}_pre_sharpness"]
        assert np.isnan([*solves.values[-1], solves.residual[-1]]).all()
        assert solves.converged[-1] == solves.matvecs[-1] == 0


@pytest.mark.parametrize("name", ["gd", "heavy_ball"])
def test_an_optimizer_that_blows_up_is_marked_and_the_run_ends(name):
    objective = Quadratic(torch.tensor([1.0, 0.5], dtype=torch.float64))
    rule, flow = make(name, 1e60), StableFlow(make(name, 0.1), objective)
    for warmup in (2, 12):
        run = Lockstep(rule, objective, {"sf": flow}, warmup, 12, spectrum_every=3, eigenvalues=1)
        progress = run.run(torch.tensor([1.0, -2.0], dtype=torch.float64))
        assert progress.t == warmup + 12 and progress.failed["disc"] <= 12
        for key in (name_of("disc", kind) for kind in quantities.OF_OPTIMIZER):
            assert math.isnan(progress.records[key][-1]), key
            assert len(progress.records[key]) == 13
        assert not math.isfinite(progress.records["dist_wbar_disc_to_sf"][-1])
        # Started before the optimizer failed, the flow goes on by itself.
        assert math.isfinite(progress.records["sf_loss"][-1]) == (warmup == 2)


# --- a flow of one's own -------------------------------------------------------------------------


class Ends(NamedTuple):
    """Both ends of a rod, and how long it has been so: nested, with what may be nothing."""

    plus: torch.Tensor
    minus: torch.Tensor


class MyState(NamedTuple):
    ends: Ends
    nu: torch.Tensor | None
    age: torch.Tensor


@dataclass(frozen=True)
class MyRod:
    """Two stable flows that pull each other together: nothing that the package knows of."""

    rule: object
    objective: object
    title = "rod of my own"
    offers = {
        "length": Quantity("length of the {title}", "weight"),
        "age": Quantity("age of the {title}", "step"),
    }

    def initial(self, *iterates):
        before, now = iterates[-2:]
        age = torch.zeros((), dtype=now.z.dtype)
        return MyState(Ends(now.z, before.z), midpoint(before, now).nu, age)

    def point(self, state):
        return State((state.ends.plus + state.ends.minus) / 2, state.nu)

    def rate(self, state, t):
        stable = StableFlow(self.rule, self.objective)
        plus, minus = (stable.rate(State(z, state.nu), t) for z in state.ends)
        pull = (state.ends.minus - state.ends.plus) / 2
        nu = None if state.nu is None else (plus.nu + minus.nu) / 2
        return MyState(Ends(plus.z + pull, minus.z - pull), nu, torch.ones_like(state.age))

    def measure(self, state, iterates):
        length = self.rule.split(state.ends.plus - state.ends.minus)[0].norm()
        return {"length": float(length), "age": float(state.age)}


@dataclass(frozen=True)
class MySubsteps(MyRod):
    """The same, with a substep in place of a rate."""

    rate = None
    title = "substeps of my own"

    def __getattribute__(self, name):
        if name == "rate":
            raise AttributeError(name)
        return super().__getattribute__(name)

    def substep(self, state, t, dt):
        return moved(state, [(dt, MyRod(self.rule, self.objective).rate(state, t + 0.5))])


def test_a_flow_of_ones_own_is_recorded_under_its_tag():
    objective, rule = network().objective(), make("adam", 0.02)
    flows = {"my_rod": MyRod(rule, objective), "my_steps": MySubsteps(rule, objective)}
    assert all(isinstance(flow, Flow) for flow in flows.values())
    run = lockstep("adam", objective, flows)
    progress = run.run(start())
    own = ("loss", "distance", "length", "age")
    expected = {f"my_rod_{kind}" for kind in own if kind != "distance"}
    expected |= {"dist_wbar_disc_to_my_rod", "nu_norm_my_rod", "my_rod_pre_sharpness"}
    recorded = set(progress.records) | set(progress.spectra)
    assert {name for name in recorded if "my_rod" in name} == expected
    assert run.catalogue()["my_rod_length"].quantity.units == "weight"
    assert progress.records["my_rod_age"] == pytest.approx(range(STEPS + 1), abs=1e-14)
    for kind in (*own, "nu_norm"):  # its own substep is Euler's, and so is its rate's
        records = [progress.records[name_of(tag, kind)] for tag in flows]
        assert records[0] == pytest.approx(records[1], rel=1e-13)


def test_a_flow_that_measures_something_else_than_it_offers_is_refused():
    @dataclass(frozen=True)
    class Forgetful(MyRod):
        def measure(self, state, iterates):
            return {"length": 1.0}

    objective, rule = network().objective(), make("adam", 0.02)
    with pytest.raises(ValueError, match="measured length; expected .* length, age") as caught:
        lockstep("adam", objective, {"my_rod": Forgetful(rule, objective)}).run(start())
    assert is_one_sentence(str(caught.value))


METHODS = ("euler:2", "rk4", "rkc2:2", "rkc2:3", "adaptive:0.01")


def zoo(method, objective=None):
    """Flows of every kind under one method, with Adam."""
    objective = objective or network().objective()
    rule = make("adam", 0.02)
    flows = {
        "sf": StableFlow(rule, objective, backward_error=True),
        "rod": RodFlow(rule, objective, rank=3),
        "free": DriftFreeRod(rule, objective),
        "my_rod": MyRod(rule, objective),
        "floor": ShiftedCopy(rule, objective),
    }
    if method.startswith("euler"):
        flows["my_steps"] = MySubsteps(rule, objective)
    integrators = dict.fromkeys(flows, make_integrator(method))
    return lockstep("adam", objective, flows, integrators=integrators, spectrum_every=4)


@pytest.mark.parametrize("method", METHODS)
def test_every_flow_under_every_method_resumes_to_the_same_bits(method, tmp_path):
    """Interrupted again and again, between any two evaluations and within any interval."""
    counting = Interrupting(network().objective())
    uninterrupted = zoo(method, counting).run(start())
    assert not uninterrupted.failed
    checkpoint = Checkpoint(tmp_path / "run.pt", {"method": method}, every=0)
    sessions, patience = 0, 23
    while True:
        objective = Interrupting(network().objective(), after=patience)
        try:
            resumed = zoo(method, objective).run(start(), checkpoint=checkpoint)
        except Interrupted:
            sessions, patience = sessions + 1, patience + 11
            continue
        break
    assert sessions > 5
    assert_same_bits(uninterrupted, resumed)
    for tag, track in uninterrupted.tracks.items():
        assert packed(track) == Same(packed(resumed.tracks[tag])), tag


@dataclass(eq=False)
class Same:
    """Equality of what a checkpoint packs, tensors to the bit."""

    of: object

    def __eq__(self, other):
        if isinstance(self.of, torch.Tensor):
            return torch.equal(self.of, other)
        if isinstance(self.of, dict):
            return set(self.of) == set(other) and all(Same(self.of[k]) == other[k] for k in self.of)
        if isinstance(self.of, list):
            pairs = zip(self.of, other, strict=True)
            return len(self.of) == len(other) and all(Same(a) == b for a, b in pairs)
        return self.of == other


def test_each_flow_has_its_own_method_and_euler_where_none_is_given():
    run = zoo("euler:2")
    mixed = {"rod": make_integrator("rkc2:2"), "sf": make_integrator("rk4")}
    progress = dataclasses.replace(run, integrators=mixed).run(start())
    by_rk4, by_rkc = zoo("rk4").run(start()), zoo("rkc2:2").run(start())
    by_euler = dataclasses.replace(run, integrators={}).run(start())
    assert progress.records["sf_loss"] == by_rk4.records["sf_loss"]
    assert progress.records["rod_loss_wbar"] == by_rkc.records["rod_loss_wbar"]
    assert progress.records["free_loss"] == by_euler.records["free_loss"]
    assert progress.tracks["free"].evaluations == 4 * STEPS
    assert progress.tracks["floor"].evaluations == STEPS


# --- the sensitivity floor -----------------------------------------------------------------------


def states_of(*points, nu=None):
    return [State(torch.tensor(p, dtype=torch.float64), nu) for p in points]


@pytest.mark.parametrize("name", ["gd", "nesterov", "adam", "scalar_nadam", "rmsprop"])
def test_the_floor_is_an_optimizer_started_aside(name):
    rule, valley = make(name, 0.3), Valley()
    w = random(3, 2)
    states = iterate(rule, valley, rule.initial_state(w), 4)
    floor = ShiftedCopy(rule, valley)
    state = floor.initial(*states[1:])

    def aside(new, old):
        nu = None if new.nu is None else 0.75 * new.nu + 0.25 * old.nu
        return State(0.75 * new.z + 0.25 * old.z, nu)

    for found, expected in (
        (state.now, aside(states[4], states[2])),
        (state.before, aside(states[3], states[1])),
    ):
        torch.testing.assert_close(found.z, expected.z, rtol=1e-14, atol=1e-15)
        if expected.nu is not None:
            torch.testing.assert_close(found.nu, expected.nu, rtol=1e-14, atol=1e-15)
    path = iterate(rule, valley, state.now, 6, t=4)
    progress = Lockstep(rule, valley, {"floor": floor}, 4, 6, spectrum_every=0).run(w)
    assert torch.equal(progress.flows["floor"].now.z, path[-1].z)
    assert torch.equal(progress.flows["floor"].before.z, path[-2].z)
    centre, half = midpoint(*path[-2:]), 0.5 * (path[-1].z - path[-2].z)
    own = rule.split(centre.z)[0]
    assert progress.records["floor_loss"][-1] == pytest.approx(float(valley.value(own)), rel=1e-14)
    expected = float(rule.split(half)[0].norm())
    assert progress.records["delta_norm_floor"][-1] == pytest.approx(expected, rel=1e-14)


def test_without_drift_the_floor_is_the_optimizer():
    """On a two-period orbit there is no drift: the copy starts where the optimizer is."""
    rule = make("gd", 0.5)
    objective = Quadratic(torch.full((3,), 4.0, dtype=torch.float64))
    run = Lockstep(rule, objective, {"floor": ShiftedCopy(rule, objective)}, 4, 6, spectrum_every=0)
    progress = run.run(random(3, 3))
    assert progress.records["dist_wbar_disc_to_floor"] == [0.0] * 7
    assert torch.equal(progress.flows["floor"].now.z, progress.iterates[-1].z)
    assert progress.records["cos_delta_alignment_floor"] == pytest.approx([1.0] * 7, abs=1e-14)


@pytest.mark.parametrize("name", ["gd", "heavy_ball", "nesterov"])
def test_on_a_convex_quadratic_the_floor_stays_half_a_step_of_drift_behind(name):
    """A linear step carries the gap along: it is a quarter of z(t) - z(t-2) at all times."""
    rule = make(name, 0.3)
    objective = Quadratic(torch.tensor([0.2, 1.0, 5.0], dtype=torch.float64))
    run = Lockstep(rule, objective, {"floor": ShiftedCopy(rule, objective)}, 4, 10)
    progress = run.run(random(3, 3))
    states = iterate(rule, objective, rule.initial_state(random(3, 3)), 14)
    centres = [midpoint(a, b).z for a, b in zip(states, states[1:], strict=False)]
    gaps = [(b - a) / 4 for a, b in zip(centres, centres[2:], strict=False)]  # centre t - 1/2
    expected = [float(rule.split(gap)[0].norm()) for gap in gaps[1:]]
    found = progress.records["dist_wbar_disc_to_floor"]
    assert found == pytest.approx(expected, rel=1e-9)
    behind = progress.iterates[-1].z - progress.flows["floor"].now.z
    drift = (states[-1].z - states[-3].z) / 4
    torch.testing.assert_close(behind, drift, rtol=1e-9, atol=1e-12)
    w = rule.split(behind)[0]
    assert float(w.norm()) == pytest.approx(progress.records["disc_drift"][-1], rel=1e-9)


def test_with_fewer_iterates_the_floor_starts_less_aside_and_alternates_all_the_same():
    a, b, c, d = states_of([8.0], [0.0], [4.0], [16.0])
    floor = ShiftedCopy(make("gd", 0.1), None)
    assert [float(s.z) for s in floor.initial(a, b, c, d)] == [5.0, 12.0]
    assert [float(s.z) for s in floor.initial(b, c, d)] == [4.0, 12.0]
    assert [float(s.z) for s in floor.initial(c, d)] == [4.0, 16.0]


def test_no_sharpness_is_solved_for_at_a_copy_of_the_optimizer():
    run = zoo("rk4")
    progress = run.run(start())
    assert "floor_pre_sharpness" not in set(run.catalogue()) | set(progress.spectra)
    assert {"my_rod_pre_sharpness", "free_pre_sharpness"} < set(progress.spectra)


# --- names ---------------------------------------------------------------------------------------


def test_the_names_of_the_paper():
    """Appendix H.3, all of them."""
    progress = lockstep("adam").run(start())
    every_step = """disc_loss_w disc_loss_wbar sf_loss rod_loss_wbar disc_delta_norms disc_mu_norms
    delta_norm_rod mu_norm_rod nu_norm_disc nu_norm_sf nu_norm_rod disc_mean_ess
    dist_wbar_disc_to_sf dist_wbar_disc_to_rod cos_delta_alignment"""
    assert set(every_step.split()) < set(progress.records)
    every_k = {"disc_pre_sharpness_wbar", "sf_pre_sharpness", "rod_pre_sharpness_wbar"}
    assert set(progress.spectra) == every_k


@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize("name", ["gd", "heavy_ball", "rmsprop", "scalar_adam"])
def test_the_sharpness_itself_is_solved_for_where_it_is_another(name, raw):
    run = lockstep(name, steps=1, raw_spectrum=raw)
    spectra = set(run.run(start()).spectra)
    preconditioned = {name_of(tag, "preconditioned_sharpness") for tag in ("disc", "sf", "rod")}
    itself = {"disc_sharpness_wbar", "sf_sharpness", "rod_sharpness_wbar"}
    assert spectra == preconditioned | (itself if raw and name not in RATES else set())


class Offering(StableFlow):
    def __new__(cls, *names):
        offers = {name: Quantity("something", "1") for name in names}
        return dataclass(frozen=True)(type("Offering", (StableFlow,), {"offers": offers}))(
            make("adam", 0.02), None
        )


@pytest.mark.parametrize(
    ("flows", "says"),
    [
        ({"a": ("b_loss",), "a_b": ()}, "'a' and 'a_b' would both record 'a_b_loss'"),
        ({"rod": ("delta_norm",), "delta_norm": ("rod",)}, "both record 'delta_norm_rod'"),
        ({"disc_loss": ("wbar",)}, "'disc' and 'disc_loss' would both record 'disc_loss_wbar'"),
        ({"a": ("pre_sharpness",)}, "both record 'a_pre_sharpness'"),
    ],
)
def test_two_series_of_one_name_are_refused(flows, says):
    made = {tag: Offering(*names) for tag, names in flows.items()}
    with pytest.raises(ValueError, match=says) as caught:
        lockstep("adam", flows=made)
    assert is_one_sentence(str(caught.value))


@pytest.mark.parametrize("tag", ["disc", "", "my rod", "1st", "a-b", "a/b"])
def test_a_tag_that_is_no_word_is_refused(tag):
    with pytest.raises(ValueError, match="a flow cannot be called") as caught:
        lockstep("adam", flows={tag: Offering()})
    assert is_one_sentence(str(caught.value))


def test_a_method_that_no_flow_takes_is_refused_before_anything_runs():
    objective, rule = network().objective(), make("adam", 0.02)
    flows = {"my_steps": MySubsteps(rule, objective)}
    for tag, name, says in (
        ("my_step", "euler:2", "an integrator is given for 'my_step'"),
        ("my_steps", "rk4", "substeps of my own has a substep but no rate"),
    ):
        with pytest.raises(ValueError, match=says) as caught:
            lockstep("adam", objective, flows, integrators={tag: make_integrator(name)})
        assert is_one_sentence(str(caught.value))


# --- the rest ------------------------------------------------------------------------------------


def test_without_flows_or_spectra_the_optimizer_runs_alone():
    progress = lockstep("adam", flows={}, spectrum_every=0).run(start())
    names = {name_of("disc", kind) for kind in quantities.OF_OPTIMIZER}
    assert set(progress.records) == names and not progress.spectra


def test_the_starting_point_is_left_as_it_is():
    w = start()
    lockstep("adam").run(w)
    assert torch.equal(w, start())


def test_every_recorded_name_has_a_title_and_units():
    run = lockstep("adam", raw_spectrum=True)
    progress, known = run.run(start()), run.catalogue()
    assert set(known) == set(progress.records) | set(progress.spectra)
    for name, entry in known.items():
        assert name == name_of(entry.trajectory, entry.kind)
        assert entry.quantity.long_name and entry.quantity.units


def test_the_progress_bar_goes_to_standard_error(capsys):
    lockstep("gd", spectrum_every=0).run(start(), progress_bar=True)
    out, err = capsys.readouterr()
    assert not out and f"{WARMUP + STEPS}/{WARMUP + STEPS}" in err


@pytest.mark.parametrize(
    "options",
    [{"warmup": 1}, {"steps": 0}, {"spectrum_every": -1}, {"eigenvalues": 0}],
)
def test_counts_that_are_too_small_are_refused(options):
    ((key, value),) = options.items()
    with pytest.raises(ValueError, match=f"{key} is {value}; expected at least") as caught:
        lockstep("gd", **options)
    assert is_one_sentence(str(caught.value))


def test_the_nine_have_a_rate_that_moves_them():
    assert set(RATES) < set(NINE)
