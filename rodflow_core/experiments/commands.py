"""What the commands of ``rodflow`` do with their options."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from rodflow_core.experiments import processes, sweep
from rodflow_core.experiments.config import RunConfig, member
from rodflow_core.experiments.parameters import hint
from rodflow_core.experiments.presets import PRESETS, preset, rows

if TYPE_CHECKING:
    from pathlib import Path

    from rodflow_core.experiments.problem import Problem
    from rodflow_core.experiments.verification import Finding


def configuration(options: argparse.Namespace, **changes: object) -> RunConfig:
    """Give the configuration that the options of a command describe.

    Args:
        options: as parsed.
        **changes: fields that the options do not say.
    """
    known = {f.name for f in dataclasses.fields(RunConfig)} - {"optimizer", "architecture"}
    given = {key: value for key, value in vars(options).items() if key in known} | changes
    if given.get("flows"):
        given["flows"] = tuple(given["flows"])
    if getattr(options, "integrator", None):
        given["integrators"] = dict(options.integrator)
    if options.hyperparameter:
        given["hyperparameters"] = {key: _number(key, v) for key, v in options.hyperparameter}
    if options.optimizer is None:
        raise ValueError("there is nothing to run; expected an --optimizer, or a --row.")
    _check_optimizer(options.optimizer)
    if options.problem is None:
        architecture = options.architecture or "mlp"
        return preset(options.preset or "quick", options.optimizer, architecture, **given)
    if given.get("learning_rate") is None:
        raise ValueError("a problem of your own has no preset; expected a --learning-rate.")
    given = {key: value for key, value in given.items() if value is not None}
    return RunConfig(options.optimizer, **given)


def row(options: argparse.Namespace) -> RunConfig:
    """Give the row of a preset that ``--row`` names; where and on what it runs may be said beside.

    Raises:
        ValueError: for a name that is no row's, or an option that would make another run of it.
    """
    places = ("data_path", "device", "threads")
    free = ("command", "row", "parent", "output", "force", "quiet", *places)
    for key, value in vars(options).items():
        if key not in free and value is not None:
            option = "--" + key.replace("_", "-")
            raise ValueError(f"--row {options.row} is a whole run; expected no {option} with it.")
    known = {name: config for key in PRESETS for name, config in rows(key).items()}
    if options.row not in known:
        raise ValueError(
            f"unknown row {options.row!r}{hint(options.row, known)}; expected one that "
            "`rodflow sweep --preset PRESET --list` names."
        )
    given = {key: getattr(options, key) for key in places}
    return known[options.row].replace(**{k: v for k, v in given.items() if v is not None})


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise ValueError(f"hyperparameter {name} is {text!r}; expected a number.") from error


def _check_optimizer(name: str) -> None:
    from rodflow_core.optimizers import OPTIMIZERS  # torch takes a second: not for --help

    member("optimizer", name, OPTIMIZERS)


def _problem(options: argparse.Namespace) -> Problem | None:
    """Give the problem that --problem names; it is made here, so that it is made once."""
    if options.problem is None:
        return None
    from rodflow_core.experiments.problem import named

    return named(options.problem)


def _run(options: argparse.Namespace) -> int:
    if options.parent is not None:
        processes.end_with(options.parent)
    named = row(options) if options.row else configuration(options)
    from rodflow_core.experiments import records, runs

    path = options.output
    records.check_writable(path)
    own = _problem(options)
    config = runs.for_problem(named, own)
    if path.exists() and not options.force:
        try:
            other = records.load(path)
        except ValueError as error:
            raise ValueError(f"{error} It was left as it is; --force replaces it.") from error
        if config.differences(records.configuration(other)):
            raise ValueError(
                f"{path} holds another run ({other.attrs['title']}); "
                "name another output, or replace it with --force."
            )
    run = runs.load_or_run(config, own, path=path, progress_bar=not options.quiet)
    print(f"{path}: {run.attrs['title']}, {run.attrs['seconds']:.1f} s")
    troubles = json.loads(run.attrs["troubles"])
    for tag, step in json.loads(run.attrs["failed"]).items():
        why = troubles.get(tag, f"{tag} was no longer finite.")
        print(f"  {tag} ended at step {step}: {why} Its later samples are NaN.")
    if doubts := records.doubts(run):
        print(f"  {doubts}")
    return 0


def _sweep(options: argparse.Namespace) -> int:
    task = sweep.task(
        options.preset,
        folder=options.output,
        only=options.only,
        data_path=options.data_path,
        device=options.device,
    )
    if options.list:
        print("\n".join(task.listed()))
        return 0
    missing = sweep.run(task, options.cores)
    if missing:
        few = "row is" if len(missing) == 1 else "rows are"
        print(f"rodflow: {len(missing)} {few} missing: {', '.join(missing)}.", file=sys.stderr)
    return 1 if missing else 0


def _scout(options: argparse.Namespace) -> int:
    own = _problem(options)
    config = configuration(options, learning_rate=options.learning_rates[0])
    from rodflow_core.experiments import scout

    print(scout.HEADER, flush=True)
    scout.scout(
        config, options.learning_rates, options.at, lambda s: print(scout.line(s), flush=True), own
    )
    return 0


def _info(options: argparse.Namespace) -> int:
    from rodflow_core.experiments import records, runs

    run = records.load(options.run)
    attrs = dict(run.attrs)
    config = json.loads(attrs.pop("config"))
    flows = json.loads(attrs.pop("flows"))
    del attrs["replay"]
    print(attrs.pop("title"))
    print("\nconfiguration")
    for key, value in config.items():
        print(f"  {key:18} {value}")
    print("\nflows")
    for flow in flows:
        print(f"  {flow['tag']:18} {flow['title']}, integrator {flow['integrator']}")
    print("\nprovenance")
    for key, value in attrs.items():
        print(f"  {key:18} {value}")
    found = runs.status(run, own=_problem(options))
    print(f"  {'current':18} {'yes' if found.current else 'no'}: {found.reason}")
    if doubts := records.doubts(run):
        print(f"  {'doubts':18} {doubts}")
    print("\nquantities")
    for name, variable in run.data_vars.items():
        words = f"{variable.attrs['long_name']} [{variable.attrs['units']}]"
        print(f"  {name:40} {str(tuple(variable.sizes.values())):10} {words}")
    return 0


def _verify(options: argparse.Namespace) -> int:
    from rodflow_core.experiments import records, verification

    if options.findings and options.tolerance is not None:
        raise ValueError("--findings has bars of its own; expected no --tolerance with it.")
    run = records.load(options.run)
    now = verification.again(
        run,
        _problem(options),
        steps=options.steps,
        threads=options.threads,
        progress_bar=not options.quiet,
    )
    if options.findings:
        return _say_findings(options.run, verification.findings(run, now))
    found = verification.compare(run, now, options.tolerance)
    if found.same:
        print(f"{options.run}: the same bits in {found.compared} series.")
        return 0
    size, name = found.worst
    print(
        f"{options.run}: {found.compared} series compared; largest difference {size:.2g}, {name}."
    )
    if found.agrees:
        print(f"  All within {found.tolerance:g}.")
        return 0
    print(f"  Above {found.tolerance:g} from step {found.until} on.")
    config = records.configuration(run)
    if options.threads not in (None, config.threads):
        print(
            f"  It was computed on {options.threads} threads, recorded on {config.threads}: over "
            f"{config.warmup} steps of warm-up rounding alone can grow so. The record's own count "
            "tells whether it does, and --findings whether it matters."
        )
    return 1


def _say_findings(path: Path, found: list[Finding]) -> int:
    """Say what is found of each model, in the record and now; give the exit status."""
    print(f"{path}: recorded, and computed now")
    for one in found:
        verdicts = "{} and {}".format(*one.verdict)
        ratios = "{:.3g} and {:.3g} times closer".format(*one.ratio)
        sharpness = "sharpness over threshold {:.3f} and {:.3f}".format(*one.sharpness)
        same = "the same" if one.same else "not the same"
        print(f"  {one.tag}: {verdicts}, {ratios}, {sharpness}: {same}.")
    return 0 if all(one.same for one in found) else 1


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "run": _run,
    "sweep": _sweep,
    "scout": _scout,
    "info": _info,
    "verify": _verify,
}
"""What each command calls; it gives the exit status."""
