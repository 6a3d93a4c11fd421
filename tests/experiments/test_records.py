"""Records: what is written, what is refused, what is current, what a kill leaves."""

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
import torch
import xarray as xr
from toolkit import is_one_sentence

from rodflow_core.experiments import (
    architectures,
    cli,
    code,
    commands,
    records,
    runs,
    verification,
)
from rodflow_core.experiments.config import ARCHITECTURES, FLOWS, RunConfig
from rodflow_core.experiments.presets import PRESETS, REGIMES, preset, preset_of
from rodflow_core.optimizers import OPTIMIZERS

SMOKE = preset("smoke", "adam", "mlp")
CLI = [sys.executable, "-m", "rodflow_core.experiments.cli"]
COMMAND = [*CLI, "run", "--optimizer", "adam", "--quiet"]


@pytest.fixture(scope="module")
def smoke():
    return runs.compute(SMOKE)


@pytest.fixture
def record(smoke, tmp_path):
    """A record on disk."""
    path = tmp_path / "run.nc"
    records.save(smoke, path)
    return path


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """No test reads or writes the user's cache or the project's records."""
    monkeypatch.setenv("RODFLOW_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("RODFLOW_RUNS", str(tmp_path / "cited"))
    monkeypatch.delenv("RODFLOW_CITE", raising=False)


# --- size ----------------------------------------------------------------------------------------


def test_a_record_beside_the_code_is_below_its_size():
    folder = Path(__file__).resolve().parents[2] / "figures" / "runs"
    sizes = {path.name: path.stat().st_size for path in folder.glob("*.nc")}
    assert sizes and max(sizes.values()) < records.LARGEST, max(sizes, key=sizes.get)


def test_a_long_run_leaves_out_lengths_of_the_shifted_copy_and_nothing_else(smoke, tmp_path):
    def longer(times):
        parts = [smoke.drop_dims("spectrum_step")] * times
        whole = xr.concat(parts, "step", combine_attrs="override")
        steps = np.arange(whole.sizes["step"], dtype=np.int32)
        return whole.assign_coords(step=("step", steps, smoke["step"].attrs))

    def gone(run):
        return set(run.data_vars) - set(records.slim(run).data_vars)

    assert records.slim(smoke) is smoke
    first = next(n for n in range(2, 10_000) if gone(longer(n)))
    # No more than has to go, and of a run that is too long whatever is done, no more than that.
    assert gone(longer(first)) == {"cos_delta_alignment_floor"}
    lengths = {"mu_norm_floor", "delta_norm_floor", "nu_norm_floor", "floor_loss"}
    assert gone(longer(2 * first)) == {"cos_delta_alignment_floor", *lengths}
    path = tmp_path / "long.nc"
    records.save(longer(first), path)
    assert path.stat().st_size < records.LARGEST
    assert "cos_delta_alignment_floor" not in records.load(path)


# --- content -------------------------------------------------------------------------------------


def test_a_run_says_what_it_is(smoke):
    assert records.configuration(smoke) == SMOKE
    assert smoke.attrs["fingerprint"] == SMOKE.fingerprint
    assert smoke.attrs["code"] == code.core_code()
    assert tuple(records.flows(smoke)) == SMOKE.flows and set(FLOWS) < set(SMOKE.flows)
    assert len({flow["title"] for flow in records.flows(smoke).values()}) == len(SMOKE.flows)
    spent = json.loads(smoke.attrs["spent"])
    assert set(spent) == {"disc", *SMOKE.flows} and all(s > 0 for s in spent.values())
    assert sum(spent.values()) < smoke.attrs["seconds"]
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


def test_series_are_found_by_trajectory_and_kind(smoke):
    for name, variable in smoke.data_vars.items():
        found = records.series(smoke, variable.attrs["trajectory"], variable.attrs["kind"])
        assert found is not None and found.name == name
    assert records.series(smoke, "rod", "nothing") is None
    with pytest.raises(ValueError, match="no nothing of 'rod'"):
        records.values(smoke, "rod", "nothing")


def test_the_sharpness_is_sampled_every_five_steps(smoke):
    assert smoke["spectrum_step"].diff("spectrum_step").to_numpy().tolist() == [5, 5]


# --- files ---------------------------------------------------------------------------------------


def test_saving_and_loading_lose_nothing_and_give_the_same_bytes(smoke, tmp_path):
    for name in ("a.nc", "b.nc"):
        records.save(smoke, tmp_path / name)
    loaded = records.load(tmp_path / "a.nc")
    xr.testing.assert_identical(loaded.drop_attrs(deep=False), smoke.drop_attrs(deep=False))
    assert {k: v for k, v in loaded.attrs.items() if k != "digest"} == smoke.attrs
    assert (tmp_path / "a.nc").read_bytes() == (tmp_path / "b.nc").read_bytes()
    assert (tmp_path / "a.nc").stat().st_size < 300_000


def test_a_failed_save_leaves_what_was_there(smoke, record, monkeypatch):
    before = record.read_bytes()

    write = Path.write_bytes

    def broken(self, content):
        write(self, content[: len(content) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", broken)
    with pytest.raises(OSError, match="No space") as caught:
        records.save(smoke, record)
    assert caught.value.filename == str(record)
    assert record.read_bytes() == before
    assert [p.name for p in record.parent.glob("*run*")] == ["run.nc"]


def test_every_flipped_bit_is_noticed(record):
    """80 places spread over the file: in numbers, attributes, names, the header, the padding."""
    whole, rng = record.read_bytes(), np.random.default_rng(0)
    for place in rng.integers(0, len(whole), 80):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(rng.integers(8))
        record.write_bytes(bytes(damaged))
        try:
            run = records.load(record)
        except ValueError as error:
            assert is_one_sentence(str(error)) and "run.nc" in str(error)
        else:  # a byte that nothing is read from: what is read is what was written
            assert records.content_digest(run) == run.attrs["digest"]


@pytest.mark.parametrize("length", [0, 1, 3, 4, 100, 1000, -1000, -1])
def test_a_truncated_record_is_one_sentence(record, length):
    record.write_bytes(record.read_bytes()[:length])
    with pytest.raises(ValueError, match="not a recorded run") as caught:
        records.load(record)
    assert is_one_sentence(str(caught.value))


def test_every_edit_of_a_value_or_an_attribute_is_noticed(smoke, record):
    signed = records.load(record)
    for name in ("disc_loss_w", "rod_pre_sharpness_wbar", "spectrum_step"):
        edited = signed.copy(deep=True)
        edited[name] = edited[name].copy(data=edited[name].to_numpy() + 1)
        assert records.content_digest(edited) != signed.attrs["digest"], name
    for key in signed.attrs:
        if key != "digest":
            edited = signed.assign_attrs({key: "another"})
            assert records.content_digest(edited) != signed.attrs["digest"], key
    edited = signed.copy(deep=True)
    edited["sf_loss"].attrs["units"] = "apples"
    assert records.content_digest(edited) != signed.attrs["digest"]


def test_a_netcdf_of_another_program_is_refused(tmp_path):
    path = tmp_path / "other.nc"
    xr.Dataset({"x": ("t", np.arange(3.0))}).to_netcdf(path, engine="scipy")
    with pytest.raises(ValueError, match="it has no title"):
        records.load(path)


def test_what_is_no_regular_file_is_never_replaced(smoke, tmp_path, capsys):
    """A pipe, a folder, a link, a device node: each in one sentence, each still there."""
    pipe, folder, link = tmp_path / "pipe", tmp_path / "folder", tmp_path / "link"
    os.mkfifo(pipe)
    folder.mkdir()
    link.symlink_to(tmp_path / "elsewhere.nc")
    for path, words in (
        (pipe, "not a regular file"),
        (folder, "not a regular file"),
        (link, "is a link"),
        (Path(os.devnull), "not a regular file"),
    ):
        with pytest.raises(ValueError, match=words):
            records.save(smoke, path)
        options = ["run", "--optimizer", "gd", "--preset", "smoke", "--quiet", "--force"]
        assert cli.main([*options, "-o", str(path)]) == 2
        error = capsys.readouterr().err
        assert words in error and error.count("\n") == 1
    assert pipe.is_fifo() and folder.is_dir() and link.is_symlink()
    assert Path(os.devnull).is_char_device()


def test_an_impossible_output_is_found_before_the_run(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(runs, "compute", lambda *a, **k: pytest.fail("it computed"))
    (tmp_path / "file").write_text("")
    long = tmp_path / ("x" * 300)
    for path in (tmp_path / "file" / "run.nc", long):
        options = ["run", "--optimizer", "gd", "--preset", "smoke", "--quiet", "-o", str(path)]
        assert cli.main(options) == 2
        assert capsys.readouterr().err.count("\n") == 1


# --- places --------------------------------------------------------------------------------------


def test_explorations_go_to_the_cache_and_the_build_cites(tmp_path, monkeypatch):
    for config in (SMOKE, preset("quick", "adam", "mlp"), SMOKE.replace(steps=3)):
        assert records.path_of(config).parent == tmp_path / "cache" / "runs"
        assert records.places(config)[0].parent == tmp_path / "cited"
    monkeypatch.setenv("RODFLOW_CITE", "1")
    quick = preset("quick", "adam", "mlp")
    assert records.path_of(quick) == tmp_path / "cited" / "adam-mlp-quick.nc"


def test_a_new_field_of_the_configuration_changes_no_name():
    assert SMOKE.fingerprint == dataclasses.replace(SMOKE, data_path="elsewhere").fingerprint
    assert SMOKE.fingerprint != SMOKE.replace(steps=11).fingerprint
    less = SMOKE.as_dict()
    del less["raw_spectrum"]  # as recorded before the field was there
    assert RunConfig.from_dict(less) == SMOKE


def test_an_installation_that_is_no_checkout_cites_nothing(tmp_path, monkeypatch):
    monkeypatch.delenv("RODFLOW_RUNS")
    monkeypatch.setattr(records, "__file__", str(tmp_path / "site" / "a" / "b" / "records.py"))
    assert records.cited_directory() is None
    assert [p.parent for p in records.places(SMOKE)] == [tmp_path / "cache" / "runs"]


# --- is it current? ------------------------------------------------------------------------------


def test_a_record_is_used_where_it_is_current_only(smoke, record, monkeypatch, capsys):
    computed = []
    monkeypatch.setattr(runs, "compute", lambda config, *a, **k: computed.append(config) or smoke)
    for path in (None, record):
        runs.load_or_run(SMOKE, path=path, progress_bar=False)
    runs.load_or_run(SMOKE, progress_bar=False)
    assert len(computed) == 1
    records.save(smoke.assign_attrs(numerics=records.NUMERICS - 1), record)
    runs.load_or_run(SMOKE, path=record, progress_bar=False)
    assert len(computed) == 2 and "it has numerics" in capsys.readouterr().err
    record.write_bytes(b"not a run")
    runs.load_or_run(SMOKE, path=record, progress_bar=False)
    assert len(computed) == 3 and "damaged-1" in capsys.readouterr().err
    assert record.with_name("run.nc.damaged-1").read_bytes() == b"not a run"


def test_the_same_code_is_taken_at_its_word_and_other_code_is_replayed(smoke, monkeypatch):
    signed = smoke.assign_attrs(digest=records.content_digest(smoke))
    assert runs.status(signed) == (True, "configuration, data and code are the same")
    replays = []
    replay = runs.replay
    monkeypatch.setattr(runs, "replay", lambda *a: replays.append(a) or replay(*a))
    older = signed.assign_attrs(code="older")
    assert runs.status(older).current and len(replays) == 1
    assert runs.status(older).current and len(replays) == 1  # known by now


def test_other_data_make_a_record_stale(tmp_path, monkeypatch):
    """By the digest of the images, wherever they lie."""
    rng, paths = np.random.default_rng(0), [tmp_path / "a.npz", tmp_path / "b.npz"]
    for path in paths:
        images = rng.integers(0, 256, (40, 32, 32, 3), dtype=np.uint8)
        np.savez(path, images=images, labels=np.arange(40) % 10)
    same = tmp_path / "same.npz"
    same.write_bytes(paths[0].read_bytes())
    config = RunConfig(
        "gd", 0.01, data="cifar10", data_path=str(paths[0]), examples=20, warmup=2, steps=1,
        sizes={"width": 4}, spectrum_every=0,
    )  # fmt: skip
    run = runs.compute(config)
    assert runs.status(run, config.replace(data_path=str(same))).current
    found = runs.status(run, config.replace(data_path=str(paths[1])))
    assert found == (False, "its data or start are others")
    monkeypatch.setenv("RODFLOW_CIFAR10", str(paths[1]))
    assert not runs.status(run, config.replace(data_path=None)).current
    monkeypatch.setenv("RODFLOW_CIFAR10", str(tmp_path / "gone.npz"))
    gone = runs.status(run, config.replace(data_path=None))
    assert gone.current and "taken at its word" in gone.reason
    with pytest.raises(ValueError, match=r"there is no file 'gone\.npz'"):  # it was named
        runs.status(run, config.replace(data_path=str(tmp_path / "gone.npz")))


def test_the_digest_of_code_ignores_words_and_heeds_code():
    text = '"""Words."""\n\n\ndef f(x):\n    """Words."""\n    # words\n    return x + 1\n'
    same = text.replace("Words", "Other words").replace("# words", "#  more\n")
    same = same.replace("\n\n\ndef", "\n\ndef").replace("return x + 1", "return (\n        x + 1)")
    assert code.code_of(text) != code.code_of(text.replace("+ 1", "+ 2"))
    assert code.code_of(text) == code.code_of(same.replace("(\n        x + 1)", "x + 1"))
    assert code.code_of("x = 'a b'\n") != code.code_of("x = 'ab'\n")


@pytest.mark.parametrize(
    ("changes", "says"),
    [({"steps": 11}, "steps"), ({"threads": 2}, "threads"), ({"dtype": "float32"}, "dtype")],
)
def test_another_configuration_is_named(smoke, changes, says):
    found = runs.status(smoke, SMOKE.replace(**changes))
    assert not found.current and found.reason.endswith(says)


def test_a_record_is_vouched_for_without_torch(record):
    program = (
        "import sys; from pathlib import Path\n"
        "from rodflow_core.experiments import records\n"
        "from rodflow_core.experiments.presets import preset\n"
        "c = preset('smoke', 'adam', 'mlp')\n"
        "print(records.vouched(Path(sys.argv[1]), c), records.vouched(Path(sys.argv[1]),"
        " c.replace(steps=3)), 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program, record], capture_output=True, text=True)
    assert done.stdout.split() == ["True", "False", "False"], done.stderr


# --- verify --------------------------------------------------------------------------------------


def test_verify_finds_the_same_bits_and_any_change(smoke, tmp_path, capsys):
    path = tmp_path / "run.nc"
    records.save(smoke, path)
    assert cli.main(["verify", str(path), "--quiet"]) == 0
    assert "the same bits" in capsys.readouterr().out
    assert verification.verify(smoke, steps=3).same
    edited = smoke.copy(deep=True)
    edited["dist_wbar_disc_to_rod"][5] *= 1.01
    found = verification.verify(edited)
    assert not found.same and not found.agrees and found.until == SMOKE.warmup + 5
    records.save(edited, path)  # signed anew: only computing it again can tell
    assert cli.main(["verify", str(path), "--quiet"]) == 1
    assert not verification.verify(smoke.assign_attrs(threshold=1.0)).agrees
    with pytest.raises(ValueError, match="data or the start"):
        verification.verify(smoke.assign_attrs(problem_digest="0"))
    with pytest.raises(ValueError, match="expected 1 to 10"):
        verification.verify(smoke, steps=11)


def test_on_other_threads_a_run_agrees_to_rounding(smoke):
    found = verification.verify(smoke, threads=2)
    assert found.agrees and found.worst[0] < 1e-8
    assert torch.get_num_threads() == 1


# --- presets and the command line ----------------------------------------------------------------


def test_every_row_of_every_preset_can_be_built():
    for name, optimizer, architecture in (
        (n, o, a) for n in ("smoke", "quick") for o in OPTIMIZERS for a in ARCHITECTURES
    ):
        config = preset(name, optimizer, architecture)
        lockstep, problem = runs.build(config)
        assert len(problem.weights) == lockstep.objective.dim and preset_of(config) == name
    assert set(ARCHITECTURES) == set(architectures.ARCHITECTURES)
    rows = [row for by in REGIMES.values() for table in by.values() for row in table.values()]
    assert all(row.reason for row in rows)


def test_the_judged_company_comes_with_the_row_as_it_stands():
    assert {"central", "edge", "corrected", "rod_fine"} <= set(preset("quick", "gd", "mlp").flows)
    assert "central" in preset("quick", "rmsprop", "mlp", threads=2).flows
    assert not {"central", "edge"} & set(preset("quick", "adam", "mlp").flows)
    assert preset("quick", "gd", "mlp", learning_rate=0.2).flows == FLOWS
    assert preset("quick", "gd", "mlp", steps=5, flows=("central",)).flows == ("central",)


def test_the_paper_preset_has_the_papers_steps():
    for optimizer, (total, warmup) in {
        "heavy_ball": (16000, 14000), "nesterov": (12000, 10000), "scalar_nadam": (3500, 1500),
        "adam": (4000, 2000), "rmsprop": (4000, 2000),
    }.items():  # fmt: skip
        config = preset("paper", optimizer, "cnn")
        assert (config.warmup + config.steps, config.warmup) == (total, warmup)


def test_presets_name_every_field_they_set():
    fields = {f.name for f in dataclasses.fields(RunConfig)}
    assert all(set(values) <= fields for values in PRESETS.values())
    with pytest.raises(ValueError, match="did you mean 'learning_rate'"):
        preset("smoke", "adam", "mlp", learning_rat=0.1)
    with pytest.raises(ValueError, match="no regime for 'mine'"):
        preset("smoke", "mine", "mlp")


@pytest.mark.parametrize(
    ("field", "value"),
    [("steps", 5.5), ("warmup", 10.0), ("learning_rate", True), ("seed", "1"), ("stacked", 1),
     ("sizes", [1]), ("beta1", "0.9"), ("threads", 0)],
)  # fmt: skip
def test_a_number_of_the_wrong_kind_is_refused(field, value):
    with pytest.raises(ValueError, match=f"{field} is") as caught:
        SMOKE.replace(**{field: value})
    assert is_one_sentence(str(caught.value))


@pytest.mark.parametrize("size", ["seed", "name", "module", "widht"])
def test_a_size_that_there_is_not_is_refused(size):
    with pytest.raises(ValueError, match="unknown size of the mlp") as caught:
        runs.build(SMOKE.replace(sizes={size: 1}))
    assert is_one_sentence(str(caught.value))


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
        (["--examples", "0"], "examples is"),
        (["--data", "cifar10", "--data-path", "nowhere.npz"], "nowhere.npz"),
        (["--data", "cifar10"], "torchvision"),
        (["--device", "nonsense"], "device 'nonsense'"),
        (["--device", "meta"], "device 'meta'"),
        (["--dtype", "float16"], "dtype is"),
        (["--warmup", "1"], "warmup is 1"),
        (["--threads", "0"], "threads is 0"),
        (["--optimizer", "heavy_ball", "--beta2", "0.9"], "heavy ball has no beta2"),
        (["--flows", "rood"], "did you mean 'rod'"),
        (["--integrator", "rod=rk5"], "unknown integrator 'rk5'"),
        (["--integrator", "rood=rk4"], "unknown flow 'rood'"),
        (["--integrator", "rod=euler:x"], "must be a positive whole number"),
        (["--problem", "nowhere:f", "--learning-rate", "1"], "cannot be imported"),
        (["--problem", "math:nothing", "--learning-rate", "1"], "has no function 'nothing'"),
        (["--problem", "os:getcwd", "--learning-rate", "1"], "gave str; expected a Problem"),
        (["--problem", "math", "--learning-rate", "1"], "expected package.module:function"),
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
    assert "not a recorded run" in capsys.readouterr().err
    assert cli.main(["info", str(tmp_path / "none.nc")]) == 2
    assert "there is no run" in capsys.readouterr().err


def test_another_run_is_not_overwritten_unasked(record, capsys):
    before = record.read_bytes()
    start = ["run", "--preset", "smoke", "--quiet", "-o", str(record)]
    assert cli.main([*start, "--optimizer", "gd"]) == 2
    assert "holds another run" in capsys.readouterr().err and record.read_bytes() == before
    assert cli.main([*start, "--optimizer", "gd", "--force"]) == 0
    assert json.loads(records.load(record).attrs["config"])["optimizer"] == "gd"


def test_info_tells_configuration_provenance_quantities_and_why_it_is_current(record, capsys):
    assert cli.main(["info", str(record)]) == 0
    text = capsys.readouterr().out
    words = ("learning_rate", "problem_digest", "cos_delta_alignment", "drift-free rod")
    assert all(w in text for w in words)
    assert "yes: configuration, data and code are the same" in text


def test_scout_prints_a_row_for_each_look_and_changes_no_option(capsys):
    options = ["--optimizer", "gd", "--preset", "smoke", "--learning-rates", "0.1", "0.2"]
    parsed = cli.parser().parse_args(["scout", *options])
    before = dict(vars(parsed))
    commands.configuration(parsed, learning_rate=0.1)
    assert vars(parsed) == before
    assert cli.main(["scout", *options, "--at", "20", "30"]) == 0
    assert len(capsys.readouterr().out.strip().splitlines()) == 5
    assert cli.main(["scout", *options, "--at", "5"]) == 2
    assert "at least 20" in capsys.readouterr().err


def test_a_killed_run_goes_on_to_the_same_bits(tmp_path):
    whole, killed = tmp_path / "whole.nc", tmp_path / "killed.nc"
    size = ["--preset", "smoke", "--steps", "120", "--spectrum-every", "40"]
    environment = {**os.environ, "RODFLOW_CHECKPOINT_SECONDS": "0"}
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
    # Another configuration may not take the checkpoint up; threads are part of it.
    for other, named in ((["--seed", "1"], "problem, seed"), (["--threads", "2"], "threads")):
        command = [*COMMAND, *size, *other, "-o", killed]
        refused = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert refused.returncode == 2
        assert f"belongs to another configuration ({named} differ" in refused.stderr
    # The environment's count of threads is none of a run's business.
    subprocess.run(
        [*COMMAND, *size, "-o", killed], check=True, env={**environment, "OMP_NUM_THREADS": "2"}
    )
    a, b = records.load(whole), records.load(killed)
    xr.testing.assert_equal(a, b)
    volatile = {"seconds": 0, "spent": 0, "digest": 0}
    assert {**a.attrs, **volatile} == {**b.attrs, **volatile}
    assert not list(tmp_path.glob("*.checkpoint")) and not list(tmp_path.glob("*.tmp"))
