"""The command line: ``rodflow run``, ``rodflow scout`` and ``rodflow info``."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from rodflow_core import __version__
from rodflow_core.experiments.presets import ARCHITECTURES, PRESETS, RunConfig, member, preset

_RUN_HELP = """\
Run an optimizer, its stable flow and its rod flow side by side, and record the run.

A preset gives every number; each option below replaces one. A run that was interrupted goes on
where it stopped when the same command is given again, to the same bits; one that is already
recorded by the same code is not computed again.
"""
_RUN_EXAMPLES = """\
examples:
  rodflow run --optimizer adam --architecture mlp --preset quick -o run.nc
  rodflow run --optimizer heavy_ball --architecture mlp --learning-rate 0.7 --beta1 0.6 -o hb.nc
  rodflow run --optimizer adam --architecture mlp --preset cifar --data-path cifar10.npz -o c.nc
  rodflow info run.nc
"""
_SCOUT_HELP = """\
Look for the edge of stability along learning rates: the optimizer runs alone, and from time to time
its preconditioned sharpness, its oscillation over its drift and its loss are printed. Rows marked
good are at the threshold (0.97 to 1.15), oscillate at least twice as much as they drift and have
loss left: a rod can be seen there. Give such a row to `rodflow run`: --learning-rate, --warmup.
"""
_SCOUT_EXAMPLES = """\
examples:
  rodflow scout --optimizer adam --architecture cnn --learning-rates 1e-3 3e-3 1e-2
  rodflow scout --optimizer heavy_ball --beta1 0.3 --learning-rates 0.4 0.8 --at 200 400 600
"""
_OPTIONS = {
    "learning_rate": (float, "step size"),
    "beta1": (float, "decay of the first moment, in [0, 1)"),
    "beta2": (float, "decay of the second moment, in [0, 1)"),
    "epsilon": (float, "added to the square root of the second moment"),
    "warmup": (int, "discrete steps before the flows start"),
    "steps": (int, "steps side by side"),
    "data": (str, "digits (embedded) or cifar10"),
    "data_path": (str, "local .npz with CIFAR-10 images and labels"),
    "examples": (int, "size of the class-balanced subset"),
    "loss": (str, "mse or cross_entropy"),
    "rank": (int, "eigenpairs of the extent tensor kept"),
    "leak": (float, "share of the drift that seeds the drift-free rod"),
    "substeps": (int, "Euler substeps of the flows per step"),
    "spectrum_every": (int, "steps between two eigensolves; 0 for none"),
    "eigenvalues": (int, "leading eigenvalues in each eigensolve"),
    "microbatch": (int, "examples in one pass"),
    "seed": (int, "of the initial weights and of the subset"),
    "dtype": (str, "float32 or float64"),
    "device": (str, "a torch device, for example cpu or cuda"),
}


def parser() -> argparse.ArgumentParser:
    """Build the parser of the command line."""
    top = argparse.ArgumentParser(
        prog="rodflow",
        description="Rod flow, executable: optimizers at the edge of stability and their flows.",
        epilog="`rodflow COMMAND --help` teaches each command.",
    )
    top.add_argument("--version", action="version", version=f"rodflow {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = _command(commands, "run", "compute and record a run", _RUN_HELP, _RUN_EXAMPLES)
    run.add_argument("-o", "--output", type=Path, required=True, help="NetCDF file to write")
    run.add_argument("--force", action="store_true", help="replace an output of another run")
    run.add_argument("--quiet", action="store_true", help="no progress bar")
    _numbers(run, _OPTIONS)
    run.add_argument(
        "--backward-error", action="store_true", default=None, help="add the correction of F.2"
    )
    scout = _command(commands, "scout", "look for the edge", _SCOUT_HELP, _SCOUT_EXAMPLES)
    scout.add_argument("--learning-rates", type=float, nargs="+", required=True, metavar="FLOAT")
    scout.add_argument(
        "--at", type=int, nargs="+", default=[200, 400, 600], metavar="INT",
        help="after how many steps to look (default: 200 400 600)",
    )  # fmt: skip
    alone = ("beta1", "beta2", "epsilon", "data", "data_path", "examples", "loss", "microbatch",
             "seed", "dtype", "device")  # fmt: skip
    _numbers(scout, {name: _OPTIONS[name] for name in alone})
    info = commands.add_parser(
        "info", help="say what a recorded run is", description="Say what a recorded run is."
    )
    info.add_argument("run", type=Path, help="NetCDF file written by `rodflow run`")
    return top


def _command(
    commands: argparse._SubParsersAction, name: str, words: str, description: str, epilog: str
) -> argparse.ArgumentParser:
    """Add a command that takes an optimizer, an architecture and a preset."""
    command = commands.add_parser(
        name,
        help=words,
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("--optimizer", required=True, help="gd, heavy_ball, nesterov, adam, ...")
    command.add_argument("--architecture", default="mlp", help=", ".join(ARCHITECTURES))
    command.add_argument("--preset", default="quick", help=", ".join(PRESETS))
    return command


def _numbers(command: argparse.ArgumentParser, options: Mapping[str, tuple[type, str]]) -> None:
    group = command.add_argument_group("numbers that replace the preset's")
    for name, (kind, words) in options.items():
        option = "--" + name.replace("_", "-")
        group.add_argument(option, type=kind, metavar=kind.__name__.upper(), help=words)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; give the exit status.

    Status 2 and one sentence on standard error for bad input, 130 when interrupted.
    """
    options = parser().parse_args(arguments)
    try:
        return {"run": _run, "scout": _scout, "info": _info}[options.command](options)
    except ValueError as error:
        print(f"rodflow: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("rodflow: interrupted; give the same command again to go on.", file=sys.stderr)
        return 130


def configuration(options: argparse.Namespace) -> RunConfig:
    """Give the configuration that the options of ``rodflow run`` describe."""
    known = {f.name for f in dataclasses.fields(RunConfig)} - {"optimizer", "architecture"}
    changes = {key: value for key, value in vars(options).items() if key in known}
    _check_optimizer(options.optimizer)
    return preset(options.preset, options.optimizer, options.architecture, **changes)


def _check_optimizer(name: str) -> None:
    from rodflow_core.optimizers import OPTIMIZERS  # torch takes a second: not for --help

    member("optimizer", name, OPTIMIZERS)


def _run(options: argparse.Namespace) -> int:
    config = configuration(options)
    from rodflow_core.experiments import records as runs

    path = options.output
    if path.exists() and not options.force:
        try:
            other = runs.load(path)
        except ValueError as error:
            raise ValueError(f"{error} It was left as it is; --force replaces it.") from error
        if other.attrs["fingerprint"] != config.fingerprint:
            raise ValueError(
                f"{path} holds another run ({other.attrs['title']}); "
                "name another output, or replace it with --force."
            )
    dataset = runs.load_or_run(config, path=path, progress_bar=not options.quiet)
    print(f"{path}: {dataset.attrs['title']}, {dataset.attrs['seconds']:.1f} s")
    for tag, step in json.loads(dataset.attrs["failed"]).items():
        print(f"  {tag} was no longer finite at step {step}; its later samples are NaN.")
    return 0


def _scout(options: argparse.Namespace) -> int:
    options.learning_rate = options.learning_rates[0]
    config = configuration(options)
    from rodflow_core.experiments import scout

    print(scout.HEADER, flush=True)
    scout.scout(
        config, options.learning_rates, options.at, lambda s: print(scout.line(s), flush=True)
    )
    return 0


def _info(options: argparse.Namespace) -> int:
    from rodflow_core.experiments import records as runs

    dataset = runs.load(options.run)
    attrs = dict(dataset.attrs)
    config = json.loads(attrs.pop("config"))
    print(attrs.pop("title"))
    print("\nconfiguration")
    for key, value in config.items():
        print(f"  {key:16} {value}")
    print("\nprovenance")
    for key, value in attrs.items():
        print(f"  {key:16} {value}")
    stale = attrs["core"] != runs.core_version()
    print(f"  {'current':16} {'no: the core has changed since' if stale else 'yes'}")
    print("\nquantities")
    for name, variable in dataset.data_vars.items():
        words = f"{variable.attrs['long_name']} [{variable.attrs['units']}]"
        print(f"  {name:40} {str(tuple(variable.sizes.values())):10} {words}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
