"""Runs, presets and the command line: what is recorded, what is refused, what survives a kill."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from rodflow_core.experiments import architectures, cli
from rodflow_core.experiments import records as runs
from rodflow_core.experiments.presets import (
    ARCHITECTURES,
    PRESETS,
    REGIMES,
    RunConfig,
    preset,
    preset_of,
)
from rodflow_core.optimizers import OPTIMIZERS

SMOKE = preset("smoke", "adam", "mlp")
COMMAND = [
    sys.executable,
    "-m",
    "rodflow_core.experiments.cli",
    "run",
    "--optimizer",
    "adam",
    "--quiet",
]


@pytest.fixture(scope="module")
def smoke():
    return runs.compute(SMOKE)


def test_a_run_says_what_it_is(smoke):
    assert json.loads(smoke.attrs["config"]) == SMOKE.as_dict()
    assert smoke.attrs["fingerprint"] == SMOKE.fingerprint
    assert smoke.attrs["core"] == runs.core_version()
    for name, variable in smoke.variables.items():
        assert variable.attrs["long_name"] and variable.attrs["units"], name


def test_it_has_every_quantity_of_appendix_h3(smoke):
    paper = (
        "disc_loss_w disc_loss_wbar sf_loss rod_loss_wbar disc_delta_norms disc_mu_norms "
        "delta_norm_rod mu_norm_rod nu_norm_disc nu_norm_sf nu_norm_rod disc_mean_ess "
        "dist_wbar_disc_to_sf dist_wbar_disc_to_rod cos_delta_alignment "
        "disc_pre_sharpness_wbar sf_pre_sharpness rod_pre_sharpness_wbar"
    ).split()
    assert all(np.isfinite(smoke[name]).all() for name in paper)


def test_saving_and_loading_lose_nothing_and_give_the_same_bytes(smoke, tmp_path):
    for name in ("a.nc", "b.nc"):
        runs.save(smoke, tmp_path / name)
    xr.testing.assert_identical(runs.load(tmp_path / "a.nc"), smoke)
    assert (tmp_path / "a.nc").read_bytes() == (tmp_path / "b.nc").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.nc", "b.nc"]


def test_a_failed_save_leaves_what_was_there(smoke, tmp_path, monkeypatch):
    path = tmp_path / "run.nc"
    runs.save(smoke, path)
    before = path.read_bytes()

    def broken(self, target, **kwargs):
        Path(target).write_bytes(b"half a file")
        raise OSError("no space left on device")

    monkeypatch.setattr(xr.Dataset, "to_netcdf", broken)
    with pytest.raises(OSError, match="no space"):
        runs.save(smoke, path)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_a_recorded_run_is_used_where_it_is_current_only(smoke, tmp_path, monkeypatch):
    path, computed = tmp_path / "run.nc", []
    monkeypatch.setattr(runs, "compute", lambda config, **_: computed.append(config) or smoke)
    runs.load_or_run(SMOKE, path=path, progress_bar=False)
    runs.load_or_run(SMOKE, path=path, progress_bar=False)
    assert len(computed) == 1
    runs.save(smoke.assign_attrs(core="another"), path)
    runs.load_or_run(SMOKE, path=path, progress_bar=False)
    path.write_bytes(b"not a run")
    runs.load_or_run(SMOKE, path=path, progress_bar=False)
    assert len(computed) == 3


def test_the_core_version_ignores_words_and_heeds_code(tmp_path):
    text = '"""Words."""\n\n\ndef f(x):\n    """Words."""\n    # words\n    return x + 1\n'
    same = text.replace("Words", "Other words").replace("# words", "#  more\n")
    same = same.replace("\n\n\ndef", "\n\ndef").replace("return x + 1", "return (\n        x + 1)")
    assert runs.code_of(text) != runs.code_of(text.replace("+ 1", "+ 2"))
    assert runs.code_of(text) == runs.code_of(same.replace("(\n        x + 1)", "x + 1"))
    assert runs.code_of("x = 'a b'\n") != runs.code_of("x = 'ab'\n")


def test_every_row_of_every_preset_can_be_built():
    for name, optimizer, architecture in (
        (n, o, a) for n in ("smoke", "quick") for o in OPTIMIZERS for a in ARCHITECTURES
    ):
        config = preset(name, optimizer, architecture)
        lockstep, w, _ = runs.build(config)
        assert len(w) == lockstep.objective.dim and preset_of(config) == name
    assert set(ARCHITECTURES) == set(architectures.ARCHITECTURES)
    rows = [row for by in REGIMES.values() for table in by.values() for row in table.values()]
    assert all(row.reason for row in rows)


def test_the_fingerprint_is_of_the_content_of_a_data_file(tmp_path):
    a, b = tmp_path / "a.npz", tmp_path / "b.npz"
    a.write_bytes(b"1"), b.write_bytes(b"1")
    config = SMOKE.replace(data="cifar10", data_path=str(a))
    assert config.fingerprint == config.replace(data_path=str(b)).fingerprint
    b.write_bytes(b"2")
    assert config.fingerprint != config.replace(data_path=str(b)).fingerprint
    for field in dataclasses.fields(RunConfig):
        if field.name == "learning_rate":
            assert SMOKE.fingerprint != SMOKE.replace(learning_rate=0.5).fingerprint


@pytest.mark.parametrize(
    "options, words",
    [
        (["--optimizer", "adm"], "did you mean 'adam'"),
        (["--architecture", "resnet"], "unknown architecture"),
        (["--preset", "fast"], "unknown preset"),
        (["--beta1", "1.0"], "beta1 is 1.0"),
        (["--beta2", "-0.1"], "beta2 is -0.1"),
        (["--learning-rate", "0"], "learning_rate is 0.0"),
        (["--learning-rate", "nan"], "learning_rate is nan"),
        (["--rank", "0"], "rank is 0"),
        (["--examples", "0"], "number of examples"),
        (["--data", "cifar10", "--data-path", "nowhere.npz"], "nowhere.npz"),
        (["--data", "cifar10"], "torchvision"),
        (["--device", "nonsense"], "device 'nonsense'"),
        (["--dtype", "float16"], "unknown dtype"),
        (["--warmup", "1"], "warmup is 1"),
        (["--optimizer", "heavy_ball", "--beta2", "0.9"], "heavy ball has no beta2"),
    ],
)
def test_bad_input_gets_one_sentence_and_status_2(options, words, tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("RODFLOW_CIFAR10", raising=False)
    monkeypatch.setitem(sys.modules, "torchvision", None)
    if "--optimizer" not in options:
        options = ["--optimizer", "adam", *options]
    output = tmp_path / "run.nc"
    start = ["run", "--preset", "smoke", "--quiet", "-o", str(output)]
    assert cli.main([*start, *options]) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1 and "Traceback" not in error
    assert not output.exists()


def test_a_broken_data_file_and_a_broken_run_are_named(tmp_path, capsys):
    broken = tmp_path / "broken.npz"
    broken.write_bytes(b"PK\x03\x04 cut off")
    options = ["--data", "cifar10", "--data-path", str(broken), "--learning-rate", "0.1"]
    start = ["run", "--optimizer", "gd", "--preset", "smoke", "-o", str(tmp_path / "r.nc")]
    assert cli.main([*start, *options]) == 2
    assert "broken.npz" in capsys.readouterr().err
    assert cli.main(["info", str(broken)]) == 2
    assert "cannot be read" in capsys.readouterr().err
    assert cli.main(["info", str(tmp_path / "none.nc")]) == 2
    assert "there is no run" in capsys.readouterr().err


def test_another_run_is_not_overwritten_unasked(smoke, tmp_path, capsys):
    path = tmp_path / "run.nc"
    runs.save(smoke, path)
    before = path.read_bytes()
    start = ["run", "--preset", "smoke", "--quiet", "-o", str(path)]
    assert cli.main([*start, "--optimizer", "gd"]) == 2
    assert "holds another run" in capsys.readouterr().err and path.read_bytes() == before
    assert cli.main([*start, "--optimizer", "gd", "--force"]) == 0
    assert json.loads(runs.load(path).attrs["config"])["optimizer"] == "gd"


def test_info_tells_configuration_provenance_and_quantities(smoke, tmp_path, capsys):
    runs.save(smoke, tmp_path / "run.nc")
    assert cli.main(["info", str(tmp_path / "run.nc")]) == 0
    text = capsys.readouterr().out
    assert all(w in text for w in ("learning_rate", "data_digest", "cos_delta_alignment", "yes"))


def test_scout_prints_a_row_for_each_look(capsys):
    options = ["--optimizer", "gd", "--preset", "smoke", "--learning-rates", "0.1", "0.2"]
    assert cli.main(["scout", *options, "--at", "20", "30"]) == 0
    assert len(capsys.readouterr().out.strip().splitlines()) == 5
    assert cli.main(["scout", *options, "--at", "5"]) == 2
    assert "at least 20" in capsys.readouterr().err


def test_a_killed_run_goes_on_to_the_same_bits(tmp_path):
    whole, killed = tmp_path / "whole.nc", tmp_path / "killed.nc"
    size = ["--preset", "smoke", "--steps", "120", "--spectrum-every", "40"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "RODFLOW_CHECKPOINT_SECONDS": "0"}
    subprocess.run([*COMMAND, *size, "-o", whole], check=True, env=environment)
    for _ in range(3):
        process = subprocess.Popen([*COMMAND, *size, "-o", killed], env=environment)
        checkpoint = tmp_path / "killed.nc.checkpoint"
        since = checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0
        until = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < until:
            if checkpoint.exists() and checkpoint.stat().st_mtime_ns > since:
                time.sleep(0.05)
                break
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not killed.exists() and (tmp_path / "killed.nc.checkpoint").exists()
    # Another configuration may not take the checkpoint up.
    other = [*COMMAND, *size, "--seed", "1", "-o", killed]
    refused = subprocess.run(other, env=environment, capture_output=True, text=True)
    assert refused.returncode == 2
    assert "belongs to another configuration (data digest, seed" in refused.stderr
    subprocess.run([*COMMAND, *size, "-o", killed], check=True, env=environment)
    a, b = runs.load(whole), runs.load(killed)
    xr.testing.assert_equal(a, b)
    assert {**a.attrs, "seconds": 0} == {**b.attrs, "seconds": 0}
    assert not list(tmp_path.glob("*.checkpoint")) and not list(tmp_path.glob("*.tmp"))


def test_presets_name_every_field_they_set():
    fields = {f.name for f in dataclasses.fields(RunConfig)}
    assert all(set(values) <= fields for values in PRESETS.values())
    with pytest.raises(ValueError, match="did you mean 'learning_rate'"):
        preset("smoke", "adam", "mlp", learning_rat=0.1)
    with pytest.raises(ValueError, match="no regime for 'mine'"):
        preset("smoke", "mine", "mlp")
