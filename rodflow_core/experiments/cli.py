"""The command line: ``rodflow run``, ``sweep``, ``scout``, ``info`` and ``verify``."""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from rodflow_core import __version__, atomic
from rodflow_core.experiments import commands
from rodflow_core.experiments.config import ARCHITECTURES, FIELDS, FLOWS, VERIFY_TOLERANCE
from rodflow_core.experiments.presets import PRESETS

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
  rodflow run --optimizer adam --problem mine:network --learning-rate 1e-3 -o mine.nc
  rodflow run --optimizer gd --integrator rod=rk4 free=rkc2 -o fine.nc
  rodflow run --row adam-mlp-cifar-seed1 -o figures/runs/adam-mlp-cifar-seed1.nc
  rodflow info run.nc
"""
_SWEEP_HELP = """\
Compute every run that a preset records, each in a process of its own. What is recorded and current
is skipped. A sweep that was interrupted, at whatever moment, goes on where it stopped when the same
command is given again, to the same bits. Status 0 where every row is recorded, 1 where one is not.
"""
_SWEEP_EXAMPLES = """\
examples:
  rodflow sweep --preset cifar --list
  rodflow sweep --preset cifar --cores 2 --data-path cifar10.npz
  rodflow sweep --preset cifar --only adam-mlp 'gd-*' -o runs
  rodflow sweep --preset paper --device cuda --cores 1 -o runs
"""
_VERIFY_HELP = """\
Compute a recorded run again, all of it or its first steps, and compare every number. Status 0 where
all are within the tolerance, 1 where they are not. On the same threads and the same kind of
processor the bits are the same. On others they are not, and at the edge of stability the difference
grows: in float32, over a warm-up of a thousand steps, to all of it. What is found of the models
should stay: --findings compares, model by model, the verdict, how many times closer than the stable
flow it is (within a factor of 2) and its sharpness (within 5 %).
"""
_VERIFY_EXAMPLES = """\
examples:
  rodflow verify run.nc
  rodflow verify run.nc --steps 20
  rodflow verify run.nc --threads 2 --findings
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
  rodflow scout --optimizer adam --problem mine:network --learning-rates 1e-4 1e-3
"""
OPTIONS = (
    "learning_rate", "beta1", "beta2", "epsilon", "warmup", "steps", "data", "data_path",
    "examples", "loss", "rank", "leak", "substeps", "raw_spectrum", "spectrum_tolerance",
    "spectrum_every", "eigenvalues", "microbatch", "seed", "dtype", "device", "threads",
    "backward_error",
)  # fmt: skip
"""Fields of a configuration that an option replaces; `config.FIELDS` says what each may be."""


def parser() -> argparse.ArgumentParser:
    """Build the parser of the command line."""
    top = argparse.ArgumentParser(
        prog="rodflow",
        description="Rod flow, executable: optimizers at the edge of stability and their flows.",
        epilog="`rodflow COMMAND --help` teaches each command.",
    )
    top.add_argument("--version", action="version", version=f"rodflow {__version__}")
    group = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _run_options(group)
    _sweep_options(group)
    scout = _command(group, "scout", "look for the edge", _SCOUT_HELP, _SCOUT_EXAMPLES)
    scout.add_argument("--learning-rates", type=float, nargs="+", required=True, metavar="FLOAT")
    scout.add_argument(
        "--at", type=int, nargs="+", default=[200, 400, 600], metavar="INT",
        help="after how many steps to look (default: 200 400 600)",
    )  # fmt: skip
    alone = ("beta1", "beta2", "epsilon", "data", "data_path", "examples", "loss", "microbatch",
             "seed", "dtype", "device", "threads")  # fmt: skip
    _numbers(scout, alone)
    info = group.add_parser(
        "info", help="say what a recorded run is", description="Say what a recorded run is."
    )
    info.add_argument("run", type=Path, help="NetCDF file written by `rodflow run`")
    verify = group.add_parser(
        "verify",
        help="compute a recorded run again and compare",
        description=_VERIFY_HELP,
        epilog=_VERIFY_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verify.add_argument("run", type=Path, help="NetCDF file written by `rodflow run`")
    verify.add_argument("--steps", type=int, metavar="INT", help="the first so many only")
    verify.add_argument("--threads", type=int, metavar="INT", help="instead of the record's own")
    usual = ", ".join(f"{size:g} in {dtype}" for dtype, size in VERIFY_TOLERANCE.items())
    verify.add_argument(
        "--tolerance", type=float, metavar="FLOAT",
        help=f"relative to the largest value of a series so far (default: {usual})",
    )  # fmt: skip
    verify.add_argument(
        "--findings", action="store_true",
        help="compare what is found of the models, in place of every number",
    )  # fmt: skip
    verify.add_argument("--quiet", action="store_true", help="no progress bar")
    for command in (info, verify):
        command.add_argument(
            "--problem", metavar="MODULE:FUNCTION", help="gives the problem, where it is your own"
        )
    return top


def _run_options(group: argparse._SubParsersAction) -> None:
    run = _command(group, "run", "compute and record a run", _RUN_HELP, _RUN_EXAMPLES)
    run.add_argument(
        "--row", metavar="NAME",
        help="a run that a preset records, in place of optimizer, architecture and preset",
    )  # fmt: skip
    run.add_argument("--parent", type=int, help=argparse.SUPPRESS)  # a sweep, to end with
    run.add_argument("-o", "--output", type=Path, required=True, help="NetCDF file to write")
    run.add_argument("--force", action="store_true", help="replace an output of another run")
    run.add_argument("--quiet", action="store_true", help="no progress bar")
    _numbers(run, OPTIONS)
    run.add_argument(
        "--flows", nargs="+", metavar="TAG", help=f"flows of the run (default: {' '.join(FLOWS)})"
    )
    run.add_argument(
        "--integrator", nargs="+", action="extend", metavar="TAG=NAME", type=_pair,
        help="how a flow is integrated: euler:K, rk4, rkc2:STEPS, adaptive:ERROR",
    )  # fmt: skip


def _sweep_options(group: argparse._SubParsersAction) -> None:
    """Add the command that computes every row of a preset."""
    sweep = group.add_parser(
        "sweep",
        help="compute and record every run of a preset",
        description=_SWEEP_HELP,
        epilog=_SWEEP_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    sweep.add_argument("--preset", required=True, help=", ".join(PRESETS))
    sweep.add_argument("--cores", type=int, metavar="INT", help="runs at a time (default: all)")
    sweep.add_argument(
        "--only", nargs="+", metavar="ROW", default=[],
        help="these rows only; * and ? stand for anything, and the preset's name may be left out",
    )  # fmt: skip
    sweep.add_argument("--list", action="store_true", help="say what there is, and compute nothing")
    sweep.add_argument("--data-path", metavar="STR", help="local .npz with CIFAR-10 images")
    sweep.add_argument("--device", metavar="STR", help="a torch device, for example cpu or cuda")
    sweep.add_argument(
        "-o", "--output", type=Path, metavar="FOLDER",
        help="where the records lie (default: figures/runs of the checkout)",
    )  # fmt: skip


def _pair(text: str) -> tuple[str, str]:
    """Give the two sides of ``NAME=VALUE``."""
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def _command(
    group: argparse._SubParsersAction, name: str, words: str, description: str, epilog: str
) -> argparse.ArgumentParser:
    """Add a command that takes an optimizer, an architecture and a preset."""
    command = group.add_parser(
        name,
        help=words,
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument(
        "--optimizer", required=name != "run", help="gd, heavy_ball, nesterov, adam, ..."
    )
    command.add_argument("--architecture", help=f"{', '.join(ARCHITECTURES)} (default: mlp)")
    command.add_argument(
        "--problem", metavar="MODULE:FUNCTION", help="your own network and data: gives a Problem"
    )
    command.add_argument(
        "--hyperparameter", nargs="+", action="extend", metavar="NAME=VALUE", type=_pair,
        help="one of an optimizer of your own",
    )  # fmt: skip
    command.add_argument("--preset", help=f"{', '.join(PRESETS)} (default: quick)")
    return command


def _numbers(command: argparse.ArgumentParser, names: Iterable[str]) -> None:
    group = command.add_argument_group("what replaces the preset's")
    for name in names:
        field = FIELDS[name]
        option, kind = "--" + name.replace("_", "-"), field.option
        if kind is bool:
            group.add_argument(option, action="store_true", default=None, help=field.words)
        else:
            group.add_argument(option, type=kind, metavar=kind.__name__.upper(), help=field.help)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; give the exit status.

    Status 2 and one sentence on standard error for bad input, 130 when interrupted.
    """
    options, rest = (line := parser()).parse_known_args(arguments)
    if rest:  # in quotes: an empty one would not be seen
        line.error(f"unrecognized arguments: {shlex.join(rest)}")
    # A problem of one's own lies where one works.
    sys.path.insert(0, str(Path.cwd()))
    try:
        status = commands.COMMANDS[options.command](options)
        sys.stdout.flush()
        return status
    except ValueError as error:
        print(f"rodflow: error: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # Who reads the output has seen enough: `rodflow info run.nc | head`.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        print(f"rodflow: error: {atomic.refusal(error)}", file=sys.stderr)
        return 2
    except MemoryError:
        print("rodflow: error: there is not enough memory; ask for less.", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("rodflow: interrupted; give the same command again to go on.", file=sys.stderr)
        return 130
    finally:
        sys.path.remove(str(Path.cwd()))


if __name__ == "__main__":
    sys.exit(main())
