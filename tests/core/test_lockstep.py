"""Optimizer and flows side by side: what is recorded, what fails, what an interruption leaves."""

import dataclasses
import functools
import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from toolkit import NINE, Network, Valley, examples, is_one_sentence, iterate, make, random

from rodflow_core import quantities as metrics
from rodflow_core.flows import RodFlow, StableFlow, advance, midpoint
from rodflow_core.landscapes import Quadratic
from rodflow_core.lockstep import Checkpoint, Lockstep
from rodflow_core.optimizers import OPTIMIZERS

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
    short = {"warmup": WARMUP, "steps": STEPS, "substeps": 2, "spectrum_every": EVERY}
    coarse = {"eigenvalues": 1, "spectrum_tolerance": 1e-2}
    return Lockstep(rule, objective, flows, **(short | coarse | options))


def start():
    return network().weights(seed=1)


def assert_same_bits(a, b, names=None):
    """Records, spectra and failures of two runs, NaN equal to NaN."""
    for before, after in ((a.records, b.records), (a.spectra, b.spectra)):
        keys = set(before) if names is None else set(before) & set(names)
        assert keys and (names is not None or keys == set(after))
        for key in keys:
            np.testing.assert_array_equal(np.array(before[key]), np.array(after[key]), key)
    if names is None:
        assert a.failed == b.failed and a.t == b.t


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
        run = lockstep(name, steps=EVERY, spectrum_tolerance=1e-7, eigenvalues=2)
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
                key = metrics.spectrum_name(tag, preconditioned)
                names.add(key)
                assert len(progress.spectra[key]) == 2
                *values, residual, converged, matvecs = progress.spectra[key][-1]
                exact = torch.linalg.eigvalsh(matrix).flip(0)[:2]
                assert values == pytest.approx(exact.tolist(), rel=1e-8)
                assert converged == 1 and matvecs > 0
                assert residual <= 1e-7 * float(exact.abs().max()) * (1 + 1e-6)
        assert names == set(progress.spectra)

    def test_eigensolves_start_from_the_last_ones(self, name):
        """The operators hardly move in one step: nothing is left but to see that."""
        run = lockstep(name, steps=4, spectrum_every=1, spectrum_tolerance=1e-3)
        spectra = run.run(start()).spectra
        for key, rows in spectra.items():
            first, *later = (row[-1] for row in rows)
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
    """A stable flow that takes steps far too long."""

    def substep(self, state, t, dt):
        return super().substep(state, t, 1e60 * dt)


@dataclass(frozen=True)
class RunawayRod(RodFlow):
    """A rod flow that takes steps far too long."""

    def substep(self, state, t, dt):
        rule = dataclasses.replace(self.rule, learning_rate=1e60)
        return RodFlow(rule, self.objective, self.rank).substep(state, t, dt)


@pytest.mark.parametrize("name", ["gd", "adam", "scalar_nadam"])
def test_a_flow_that_blows_up_is_marked_and_the_others_do_not_notice(name):
    objective = Valley()
    rule = make(name, 0.3)
    good = {"sf": StableFlow(rule, objective), "rod": RodFlow(rule, objective)}
    bad = {"wild": Runaway(rule, objective), **good, "wild_rod": RunawayRod(rule, objective)}
    w = random(3, 2)
    runs = [Lockstep(rule, objective, f, WARMUP, 10, 2, 2, 1).run(w) for f in (good, bad)]
    assert set(runs[1].failed) == {"wild", "wild_rod"} and not runs[0].failed
    assert_same_bits(runs[0], runs[1], names=[*runs[0].records, *runs[0].spectra])
    for tag in ("wild", "wild_rod"):
        marked = runs[1].failed[tag]
        assert WARMUP < marked < WARMUP + 10
        for key in metrics.flow_quantities(tag, "", tag == "wild_rod"):
            late = np.array(runs[1].records[key])[marked - WARMUP :]
            assert np.isnan(late).all(), key
        loss = "wild_loss" if tag == "wild" else "wild_rod_loss_wbar"
        assert np.isfinite(runs[1].records[loss][0])
        *values, residual, converged, matvecs = runs[1].spectra[metrics.spectrum_name(tag)][-1]
        assert np.isnan([*values, residual]).all() and converged == matvecs == 0


@pytest.mark.parametrize("name", ["gd", "heavy_ball"])
def test_an_optimizer_that_blows_up_is_marked_and_the_run_ends(name):
    objective = Quadratic(torch.tensor([1.0, 0.5], dtype=torch.float64))
    rule, flow = make(name, 1e60), StableFlow(make(name, 0.1), objective)
    for warmup in (2, 12):
        run = Lockstep(rule, objective, {"sf": flow}, warmup, 12, 2, 3, 1)
        progress = run.run(torch.tensor([1.0, -2.0], dtype=torch.float64))
        assert progress.t == warmup + 12 and progress.failed["disc"] <= 12
        for key in metrics.OPTIMIZER_QUANTITIES:
            assert math.isnan(progress.records[key][-1]), key
            assert len(progress.records[key]) == 13
        assert not math.isfinite(progress.records["dist_wbar_disc_to_sf"][-1])
        # Started before the optimizer failed, the flow goes on by itself.
        assert math.isfinite(progress.records["sf_loss"][-1]) == (warmup == 2)


# --- the rest ------------------------------------------------------------------------------------


def test_without_flows_or_spectra_the_optimizer_runs_alone():
    progress = lockstep("adam", flows={}, spectrum_every=0).run(start())
    assert set(progress.records) == set(metrics.OPTIMIZER_QUANTITIES) and not progress.spectra


def test_the_starting_point_is_left_as_it_is():
    w = start()
    lockstep("adam").run(w)
    assert torch.equal(w, start())


def test_every_recorded_name_has_a_title_and_units():
    progress = lockstep("adam").run(start())
    known = dict(metrics.OPTIMIZER_QUANTITIES)
    for tag, is_rod in (("sf", False), ("rod", True)):
        known |= metrics.flow_quantities(tag, f"the {tag}", is_rod)
    assert set(known) == set(progress.records)
    assert all(q.long_name and q.units for q in known.values())


def test_the_progress_bar_goes_to_standard_error(capsys):
    lockstep("gd", spectrum_every=0).run(start(), progress_bar=True)
    out, err = capsys.readouterr()
    assert not out and f"{WARMUP + STEPS}/{WARMUP + STEPS}" in err


@pytest.mark.parametrize(
    "options",
    [{"warmup": 1}, {"steps": 0}, {"substeps": 0}, {"spectrum_every": -1}, {"eigenvalues": 0}],
)
def test_counts_that_are_too_small_are_refused(options):
    ((key, value),) = options.items()
    with pytest.raises(ValueError, match=f"{key} is {value}; expected at least") as caught:
        lockstep("gd", **options)
    assert is_one_sentence(str(caught.value))


def test_the_nine_have_a_rate_that_moves_them():
    assert set(RATES) < set(OPTIMIZERS)
