"""Numbers under stress: a sentence, or a record that is marked, never a number that looks right."""

import json

import numpy as np
import pytest
import torch
from toolkit import is_one_sentence

from rodflow_book import notebook
from rodflow_book.build import explorer_words
from rodflow_book.figures.run import run_figure
from rodflow_core import quantities
from rodflow_core.experiments import claims, cli, records, runs
from rodflow_core.experiments.config import RunConfig
from rodflow_core.experiments.presets import preset
from rodflow_core.experiments.problem import Problem
from rodflow_core.landscapes import Quadratic
from rodflow_core.optimizers import OPTIMIZERS

SIZE = {"warmup": 3, "steps": 6, "eigenvalues": 1, "spectrum_every": 2, "dtype": "float64"}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """No test reads or writes the user's cache or the project's records."""
    monkeypatch.setenv("RODFLOW_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("RODFLOW_RUNS", str(tmp_path / "cited"))


def network(change=lambda inputs, targets: (inputs, targets), dtype=torch.float64):
    """A small network; its data are changed."""
    draw = torch.Generator().manual_seed(0)
    inputs = torch.randn(6, 3, generator=draw, dtype=torch.float64)
    targets = torch.nn.functional.one_hot(torch.arange(6) % 2).double()
    data = change(inputs.clone(), targets.clone())
    torch.manual_seed(0)
    hidden = torch.nn.Linear(3, 4), torch.nn.Tanh()
    module = torch.nn.Sequential(*hidden, torch.nn.Linear(4, data[1].shape[1])).to(dtype)
    return Problem.from_module(module, data, title="a small network")


def run_of(problem, optimizer="adam", **changes):
    config = RunConfig(optimizer, changes.pop("learning_rate", 0.05), **{**SIZE, **changes})
    return runs.compute(runs.for_problem(config, problem), problem)


def spoilt(which, value):
    def change(*data):
        data[which][2, 1] = value
        return data

    return change


# --- data ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change, words",
    [
        (spoilt(0, np.nan), "loss at the start is nan"),
        (spoilt(1, np.nan), "loss at the start is nan"),
        (spoilt(1, np.inf), "loss at the start is inf"),
        (lambda x, y: (x[:0], y[:0]), "data set is empty"),
        (lambda x, y: (x.float(), y.float()), "same dtype"),
        (lambda x, y: (x[:, :2], y), "shapes cannot be multiplied"),
        (lambda x, y: (x, y[:4]), "6|4"),
    ],
)
def test_data_that_are_none_are_one_sentence(change, words):
    with pytest.raises(ValueError, match=words) as caught:
        network(change)
    assert is_one_sentence(str(caught.value))


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: run_of(network(lambda x, y: (x.half(), y.half()), torch.float16)), "float16"),
        (lambda: preset("smoke", "gd", "mlp", dtype="float16"), "float16"),
        (lambda: Problem.from_landscape(Quadratic(torch.eye(0)), torch.ones(0), "t"), "no weights"),
    ],
)
def test_half_precision_and_no_weights_are_one_sentence(make, words):
    with pytest.raises(ValueError, match=words) as caught:
        make()
    assert is_one_sentence(str(caught.value))


@pytest.mark.parametrize(
    "change",
    [lambda x, y: (x[:1], y[:1]), lambda x, y: (x, y[:, :1] * 0 + 1), lambda x, y: (x * 0, y * 0)],
    ids=["one example", "one class", "nothing but zeros"],
)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_few_data_give_numbers_that_are_numbers(change, optimizer):
    run = run_of(network(change), optimizer, flows=("sf", "rod", "floor"))
    assert run.attrs["failed"] == "{}" and records.doubts(run) == ""
    assert np.isfinite(records.values(run, "disc", "iterate_loss")).all()
    assert notebook.verdict(run) and run_figure(run)


IMAGES = np.random.default_rng(0).integers(0, 255, (60, 32, 32, 3), dtype=np.uint8)
LABELS = np.arange(60) % 10
FILES = {
    "one class": ({"images": IMAGES, "labels": np.full(60, 3)}, "no example of class 0"),
    "floats": ({"images": IMAGES / 255, "labels": LABELS}, "float64"),
    "halves": ({"images": (IMAGES / 255).astype(np.float16), "labels": LABELS}, "float16"),
    "nan": ({"images": np.full(IMAGES.shape, np.nan, "f4"), "labels": LABELS}, "float32"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_data_that_is_named_is_looked_at_also_where_a_record_is(tmp_path, capsys, name):
    """A record made from a good file was served for a bad one."""
    np.savez(tmp_path / "good.npz", images=IMAGES, labels=LABELS)
    content, words = FILES[name]
    np.savez(tmp_path / "bad.npz", **content)
    command = "run --optimizer gd --preset smoke --data cifar10 --architecture vit --examples 20 "
    command += "--warmup 2 --steps 2 --flows sf --eigenvalues 1 --quiet"
    place = ["-o", str(tmp_path / "run.nc")]
    assert cli.main([*command.split(), *place, "--data-path", str(tmp_path / "good.npz")]) == 0
    before = (tmp_path / "run.nc").read_bytes()
    assert cli.main([*command.split(), *place, "--data-path", str(tmp_path / "bad.npz")]) == 2
    err = capsys.readouterr().err
    assert words in err and is_one_sentence(err.removeprefix("rodflow: error: ").strip())
    assert (tmp_path / "run.nc").read_bytes() == before
    # Where none is named, the record is read without images, as everywhere in the book.
    assert cli.main([*command.split(), *place]) == 0


# --- divergence ----------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_divergence_at_the_first_step_marks_the_record(optimizer, tmp_path, capsys):
    run = run_of(network(), optimizer, learning_rate=1e308, flows=("sf", "rod", "free", "floor"))
    failed = json.loads(run.attrs["failed"])
    assert "disc" in failed and failed["disc"] <= SIZE["warmup"]
    for variable in run.data_vars.values():
        kind = str(variable.attrs["kind"])
        if not kind.endswith(("_converged", "_matvecs")):
            assert np.isnan(variable.to_numpy()[1:]).all(), variable.name
    claim = claims.assess(run)
    assert np.isnan(claim.ratio) and claim.verdict not in ("holds", "partly")
    assert "could not go on" in notebook.verdict(run) and run_figure(run)
    assert explorer_words.judged(run)
    records.save(run, tmp_path / "run.nc")
    assert cli.main(["info", str(tmp_path / "run.nc")]) == 0


@pytest.mark.parametrize("rate", [1e3, 1e30, 1e100, 1e200])
@pytest.mark.parametrize("optimizer", ["gd", "heavy_ball", "scalar_adam"])
def test_numbers_on_their_way_out_of_range_are_no_error(optimizer, rate):
    """Squares of what is finite overflow first: infinite is what they are then."""
    run = run_of(network(), optimizer, learning_rate=rate, warmup=2)
    assert notebook.verdict(run) and run_figure(run)


def test_a_covariance_whose_square_is_out_of_range():
    found = quantities.of_covariance(torch.full((2, 3), 1e100, dtype=torch.float64))
    assert found["spread"] == pytest.approx(6**0.5 * 1e100)
    assert np.isnan(found["effective_rank"])


# --- rank ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_rank_above_the_dimension_is_the_dimension(optimizer):
    """Of two weights a rod has at most two directions, four with the first moment."""
    bowl = Quadratic(torch.diag(torch.tensor([1.0, 0.3], dtype=torch.float64)))
    problem = Problem.from_landscape(bowl, torch.ones(2, dtype=torch.float64), "a bowl")
    whole, beyond = (
        run_of(problem, optimizer, rank=rank, learning_rate=0.3, flows=("rod", "free"))
        for rank in (4, 1000)
    )
    for name in whole.data_vars:
        np.testing.assert_allclose(beyond[name], whole[name], rtol=1e-12, atol=1e-300)
