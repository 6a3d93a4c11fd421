"""One schema of parameters: what is read, what is refused, and in which words."""

import dataclasses
import math
import re

import pytest

from rodflow_core.experiments import cli, parameters
from rodflow_core.experiments.config import FIELDS, RunConfig
from rodflow_core.experiments.parameters import check, one_of, real, several, whole


def refused(known, values):
    with pytest.raises(ValueError) as caught:
        check(known, values)
    words = str(caught.value)
    assert "\n" not in words and words.endswith(".") and len(words) < 1000
    return words


def test_every_field_of_a_configuration_has_a_schema():
    assert list(FIELDS) == [f.name for f in dataclasses.fields(RunConfig)]
    assert all(parameter.words for parameter in FIELDS.values())


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_no_field_takes_what_is_of_another_kind(name):
    """A whole number is no 5.0, True is no number, and nothing is NaN."""
    for value in (object(), math.nan, 5.5, True, [], {}, "x\0", b"x", 10**30, -1):
        try:
            FIELDS[name].read(value)
        except (ValueError, TypeError, OverflowError):
            continue
        kind = FIELDS[name].option
        allowed = {int: int, float: (int, float), bool: bool}.get(kind, (dict, list))
        assert isinstance(value, allowed)
        assert kind is bool or not isinstance(value, bool)
        assert not isinstance(value, float) or value == value


def test_all_that_is_wrong_is_said_at_once():
    with pytest.raises(ValueError) as caught:
        RunConfig("gd", math.nan, steps=5.5, dtype="float46")
    words = str(caught.value)
    assert "learning_rate is nan; expected a finite number above 0" in words
    assert "steps is 5.5; expected a whole number of at least 1" in words
    assert "dtype is 'float46' (did you mean 'float64'?); expected one of float32" in words
    assert "\n" not in words


def test_bounds_are_as_they_are_said():
    known = {
        "a": real(least=0, below=1),
        "b": real(above=0, most=2),
        "n": whole(least=2, most=3),
    }
    good = {"a": 0, "b": 2.0, "n": 3}
    assert check(known, good) == good
    for name, value in [("a", 1), ("a", -1e-300), ("b", 0), ("b", 2.1), ("n", 1), ("n", 4)]:
        assert refused(known, {**good, name: value}).startswith(f"{name} is {value}; expected ")
    assert refused(known, {"n": 10**5000}).startswith("n is a number too long to be printed; ")
    assert len(refused(known, {"n": "x" * 10**6})) < 300


def test_a_list_may_be_written_as_a_text():
    names = several(one_of(["mlp", "cnn"]))
    for written in ("['mlp', 'cnn']", '["mlp","cnn"]', "mlp,cnn", "mlp cnn", ["mlp", "cnn"]):
        assert names.read(written) == ["mlp", "cnn"]
    assert several(real()).read("[0.1, 2e-1]") == [0.1, 0.2]
    assert several(whole()).read("(1,2)") == [1, 2]
    for written in ("[]", "", [], "mlp,vit", "['mlp'", 3, None, {"mlp": 1}):
        if written == "['mlp'":  # a bracket that was forgotten is no other meaning
            assert names.read(written) == ["mlp"]
            continue
        assert "expected a list of 1 or more" in refused({"names": names}, {"names": written})
    assert several(whole(), least=2, most=2).expects.startswith("a list of 2, ")


def test_an_unknown_name_is_met_with_the_nearest():
    words = refused({"steps": whole()}, {"step": 3})
    assert words == "unknown parameter 'step' (did you mean 'steps'?); expected one of steps."


def test_a_folder_is_one_that_can_be_written(tmp_path):
    known = {"figures": parameters.folder()}
    (tmp_path / "file").touch()
    assert check(known, {"figures": str(tmp_path / "a" / "b")})
    for bad in ("", str(tmp_path / "file"), str(tmp_path / "file" / "x"), "/proc/1/x", "x\0",
                str(tmp_path / ("n" * 300)), 3, None):  # fmt: skip
        assert "expected a folder" in refused(known, {"figures": bad})
    assert not (tmp_path / "a").exists()


def test_the_help_of_the_command_line_says_the_schema(capsys):
    with pytest.raises(SystemExit):
        cli.main(["run", "--help"])
    printed = " ".join(capsys.readouterr().out.split())
    for name in cli.OPTIONS:
        field = FIELDS[name]
        words = field.words if field.option is bool else field.help
        assert "--" + name.replace("_", "-") in printed
        # A long word may be broken at its hyphen.
        assert re.sub(r"\s", "", words) in re.sub(r"\s", "", printed)


@pytest.mark.parametrize(
    "options",
    [["--steps", "0"], ["--rank", str(10**20)], ["--eigenvalues", "4000"], ["--beta1", "nan"],
     ["--microbatch", str(2**64)], ["--data", "mnist"], ["--learning-rate", "inf"],
     ["--device", ""], ["--threads", "0"], ["--spectrum-tolerance", "0"]],
)  # fmt: skip
def test_the_command_line_refuses_with_one_sentence(options, tmp_path, capsys):
    out = tmp_path / "x.nc"
    status = cli.main(["run", "--optimizer", "adam", "--preset", "smoke", "-o", str(out), *options])
    lines = capsys.readouterr().err.splitlines()
    assert status == 2 and len(lines) == 1 and lines[0].startswith("rodflow: error: ")
    assert options[0][2:].replace("-", "_").removeprefix("data").strip() in lines[0]
    assert not list(tmp_path.iterdir())
