"""Options, records, images and checkpoints that nobody meant: a result, or one sentence."""

import json
import shutil

import fuzzing
import numpy as np
import pytest
import torch
import xarray as xr
from fuzzing import SHORT, assert_proper, cases, command, left
from hypothesis import given
from hypothesis import strategies as st

from rodflow_core.experiments import cli, records, runs
from rodflow_core.experiments.presets import preset

RUN = ("run", "--optimizer", "gd", *SHORT)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a record of a short run, and caches of its own."""
    folder = tmp_path_factory.mktemp("fuzz")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RODFLOW_CACHE", str(folder / "cache"))
        patch.chdir(folder)
        assert command(*RUN, "-o", folder / "run.nc")[0] == 0
        yield folder


OPTIONS = ["--" + name.replace("_", "-") for name in cli.OPTIONS] + [
    "--optimizer", "--architecture", "--preset", "--problem", "--flows", "--integrator",
    "--hyperparameter", "--row", "-o",
]  # fmt: skip


@cases(0.35)
@given(given_options=st.lists(st.tuples(st.sampled_from(OPTIONS), fuzzing.ODD), max_size=3))
def test_options(place, given_options):
    out = place / "options.nc"
    extra = [part for option, value in given_options for part in (option, value)]
    found = command(*RUN, "-o", out, *extra)
    assert_proper(found)
    if found[0] == 0 and "-o" not in extra:
        records.load(out)
    for path in place.glob("options.nc*"):
        path.unlink()
    assert not left(place)


@cases(0.2)
@given(data=st.data())
def test_bytes_of_a_record(place, data):
    """What is damaged is refused: no number in it is believed."""
    content = (place / "run.nc").read_bytes()
    other = data.draw(fuzzing.damage(content))
    path = place / "damaged.nc"
    path.write_bytes(other)
    found = command("info", path)
    assert_proper(found)
    if found[0] == 0:  # then it says what was written
        assert records.content_digest(records.load(path)) == records.load(path).attrs["digest"]
        xr.testing.assert_equal(records.load(path), records.load(place / "run.nc"))


VALUES = st.sampled_from(
    ["", "[]", "{}", "null", "nonsense", '{"a": 1}', '[{"tag": "rod"}]', "1e400", '{"steps": -1}',
     "[" * 100_000, 0, -1, 2**31 - 1, np.nan, 1.5]
)  # fmt: skip


@cases(0.2)
@given(data=st.data())
def test_edited_and_signed_again(place, data):
    """Who can write a file can sign it; its form is looked at before it is used."""
    run = records.load(place / "run.nc")
    name = data.draw(st.sampled_from(sorted(set(run.attrs) - {"digest"})))
    value = data.draw(VALUES)
    deleted = data.draw(st.booleans())
    other = run.assign_attrs({name: value})
    if deleted:
        del other.attrs[name]
    if data.draw(st.booleans()):
        series = data.draw(st.sampled_from(sorted(run.data_vars)))
        other = other.drop_vars(series)
    path = place / "edited.nc"
    path.unlink(missing_ok=True)
    other.attrs["digest"] = records.content_digest(other)
    other.to_netcdf(path, engine="scipy", format="NETCDF3_64BIT")
    assert_proper(command("info", path))
    assert_proper(command("verify", path, "--steps", "1", "--quiet"), allowed=(0, 1))


@cases(0.1)
@given(data=st.data())
def test_images(place, data):
    members = dict(fuzzing.balanced(1))
    for name in ("images.npy", "labels.npy"):
        if data.draw(st.booleans()):
            members[name] = data.draw(fuzzing.ARRAYS | st.binary(max_size=50))
    path = place / "images.npz"
    fuzzing.archive(path, members, data.draw(st.booleans()))
    if data.draw(st.booleans()):
        path.write_bytes(data.draw(fuzzing.damage(path.read_bytes())))
    out = place / "images.nc"
    options = ("--data", "cifar10", "--data-path", path, "--learning-rate", "0.01")
    assert_proper(command(*RUN, *options, "--force", "-o", out))
    assert not left(place)


def test_a_file_that_unpacks_to_gigabytes_is_not_unpacked(place):
    path = place / "bomb.npz"
    head = fuzzing.header("|u1", (200_000, 32, 32, 3))
    labels = fuzzing.balanced(1)["labels.npy"]
    fuzzing.archive(path, {"images.npy": head + bytes(614_400_000), "labels.npy": labels}, True)
    assert path.stat().st_size < 10**6
    options = ("--data", "cifar10", "--data-path", path, "--learning-rate", "0.01")
    status, _, err = command(*RUN, *options, "-o", place / "bomb.nc")
    assert status == 2 and "it unpacks to 614,4" in err and len(err.splitlines()) == 1


@pytest.fixture(scope="module")
def checkpoint(place):
    """A checkpoint in the middle of a run, and the run."""
    config = preset("smoke", "adam", "mlp", examples=10, warmup=3, steps=6)
    path = place / "kept.nc.checkpoint"

    class Stopped(Exception):
        pass

    def stop(*_, **__):
        raise Stopped

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "replay", stop)  # all is computed and saved by then
        with pytest.raises(Stopped):
            runs.compute(config, checkpoint=path, checkpoint_every=0)
    return path


NEW = st.sampled_from(
    [None, -1, 3, 10**30, 1.5, float("nan"), "x", [], {}, [1, 2], {"map": []}, {"tuple": "x"}, True,
     torch.zeros(3), torch.zeros(2, 2), torch.zeros((), dtype=torch.int64), KeyError]
)  # fmt: skip


@cases(0.15)
@given(data=st.data())
def test_checkpoints_of_the_right_identity_and_wrong_content(place, checkpoint, data):
    """They are refused in a sentence, or gone on from to the end."""
    path = place / "forged.nc.checkpoint"
    shutil.copy(checkpoint, path)

    def change(content):
        every = list(fuzzing.places(content))[1:]
        return fuzzing.replaced(content, data.draw(st.sampled_from(every)), data.draw(NEW))

    fuzzing.forged(path, change)
    out = place / "forged.nc"
    out.unlink(missing_ok=True)
    options = ("--examples", "10", "--warmup", "3", "--steps", "6", "--quiet")
    found = command("run", "--optimizer", "adam", "--preset", "smoke", *options, "-o", out)
    assert_proper(found)
    if found[0] == 0:
        assert json.loads(records.load(out).attrs["config"])["steps"] == 6
    else:
        assert "checkpoint" in found[2]
    assert not left(place)
