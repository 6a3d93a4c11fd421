"""Every tensor follows the device: on a second, pretended one a run has the bits of the CPU's."""

import json

import numpy as np
import pytest
import torch
from elsewhere import NAME, Elsewhere, SecondDevice, difference
from toolkit import NINE, is_one_sentence

from rodflow_core.experiments import cli, records, runs
from rodflow_core.experiments.config import RunConfig
from rodflow_core.experiments.problem import Problem
from rodflow_core.objective import FunctionObjective

TINY = {"examples": 10, "sizes": {"width": 32}, "warmup": 4, "steps": 2, "spectrum_every": 2,
        "eigenvalues": 1, "spectrum_tolerance": 0.5}  # fmt: skip
BETAS = {"heavy_ball": (0.5, None), "nesterov": (0.5, None), "rmsprop": (None, 0.9),
         "scalar_rmsprop": (None, 0.9)}  # fmt: skip
RATES = {"gd": 0.4, "heavy_ball": 0.1, "nesterov": 0.1, "rmsprop": 0.01, "scalar_rmsprop": 1.0}
"""Such that some directions are at the edge at once, where central flow is there."""
RIVALS = {"gd": ("corrected", "central", "edge"), "rmsprop": ("central",),
          "scalar_rmsprop": ("central",)}  # fmt: skip
ON_THE_CPU = {
    "spectrum.py:_starting_block": "drawn there, so that random columns are everywhere the same"
}
"""Where the core makes anything as long as the weights on the CPU, and why it may."""


def config(name, **changes):
    beta1, beta2 = BETAS.get(name, (None, None) if name == "gd" else (0.5, 0.9))
    flows = ("sf", "rod", "free", "floor", *RIVALS.get(name, ()))
    return RunConfig(
        name, RATES.get(name, 3e-3), beta1, beta2, **{"flows": flows, **TINY, **changes}
    )


CONFIGS = {name: config(name) for name in NINE} | {
    "methods": config("adam", integrators={"sf": "adaptive", "rod": "rk4", "free": "rkc2:2"}),
    "corrected": config("nadam", backward_error=True, raw_spectrum=True, microbatch=6, steps=1),
    "float32": config("adam", dtype="float32", loss="cross_entropy"),
    "stacked": config("gd", stacked=True, flows=("sf", "rod", "free")),
    "cnn": config("gd", flows=("sf", "rod"), architecture="cnn", sizes={"channels": [8, 32]}),
    "vit": config("gd", architecture="vit", sizes={"depth": 1}, flows=("sf", "rod")),
}


@pytest.fixture(autouse=True)
def _no_forward_mode(monkeypatch):
    monkeypatch.setattr(torch.func, "jvp", difference)


def content(progress):
    """All numbers of a run, NaN comparable."""
    numbers = {**progress.records, **{n: s.values for n, s in progress.spectra.items()}}
    return {name: np.asarray(series).tobytes() for name, series in numbers.items()}


@pytest.mark.parametrize("name", CONFIGS)
def test_a_run_on_a_second_device_has_the_bits_of_one_on_the_cpu(name):
    lockstep, problem = runs.build(CONFIGS[name])
    here = lockstep.run(problem.weights)
    with SecondDevice() as second:
        lockstep, problem = runs.build(CONFIGS[name].replace(device=NAME))
        assert isinstance(problem.weights, Elsewhere)
        second.large = len(problem.weights)
        there = lockstep.run(problem.weights)
    assert content(there) == content(here) and there.failed == here.failed == {}
    assert set(second.seen) == set(ON_THE_CPU)
    assert "central" not in CONFIGS[name].flows or max(there.records["central_critical"]) >= 1
    states = [part for state in there.flows.values() for part in state if part is not None]
    assert all(isinstance(part, Elsewhere) for part in states if isinstance(part, torch.Tensor))


def test_a_function_of_ones_own_runs_on_a_second_device():
    valley = FunctionObjective(lambda w: 5 * w[1] * w[0] ** 2 - w[1] + w[2] ** 2, 3)
    start = torch.tensor([0.3, 0.9, 0.1]).double()
    size = {"warmup": 4, "steps": 3, "eigenvalues": 2, "flows": ("rod", "central", "edge")}
    found = []
    for device in ("cpu", NAME):
        with SecondDevice():
            own = Problem(valley, start.to(device), "a valley", "0")
            lockstep, problem = runs.build(RunConfig("gd", 0.2, **size), own)
            found.append(content(lockstep.run(problem.weights)))
    assert found[0] == found[1]


def test_the_pretended_device_refuses_what_a_gpu_refuses():
    with SecondDevice():
        there = torch.ones(3, device=NAME)
        here, zero = torch.ones(3), torch.tensor(2.0)
        assert (there + zero).tolist() == (there.cpu() + zero).tolist() == [3, 3, 3]
        assert there[here[:2].long()].tolist() == [1, 1] and float(there.sum()) == 3
        assert isinstance(there.double(), Elsewhere) and not isinstance(there.cpu(), Elsewhere)
        for refused in (
            lambda: there + here,
            lambda: here @ there,
            lambda: here[there.long()],
            lambda: torch.stack([there.sum(), zero]),
            lambda: zero.add_(there.sum()),
            lambda: torch.add(there, there, out=here),
            lambda: there.numpy(),
            lambda: torch.randn(3, device=NAME, generator=torch.Generator()),
        ):
            with pytest.raises((RuntimeError, TypeError)):
                refused()


def test_a_record_says_on_which_device_it_was_made(tmp_path, capsys):
    path = tmp_path / "run.nc"
    options = ["run", "--optimizer", "adam", "--preset", "smoke", "--steps", "2", "--quiet"]
    with SecondDevice():
        assert cli.main([*options, "--device", NAME, "-o", str(path)]) == 0
    run = records.load(path)
    assert json.loads(run.attrs["config"])["device"] == NAME
    there = records.configuration(run)
    differ = there.differences(there.replace(device="cpu"))
    assert differ == ["device"]
    capsys.readouterr()
    assert cli.main(["info", str(path)]) == 0
    assert [line.split() for line in capsys.readouterr().out.splitlines()].count(
        ["device", NAME]
    ) == 1


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize("device", ["cuda", "cuda:3"])
def test_a_device_that_is_not_there_is_one_sentence(device, tmp_path, capsys):
    output = tmp_path / "run.nc"
    options = ["run", "--optimizer", "adam", "--preset", "smoke", "--quiet", "-o", str(output)]
    assert cli.main([*options, "--device", device]) == 2
    said = capsys.readouterr().err.removesuffix("\n")
    assert f"device {device!r} is not one this torch can compute on" in said
    assert is_one_sentence(said) and not output.exists()
