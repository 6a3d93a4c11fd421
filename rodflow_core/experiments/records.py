"""Recorded runs as files: written whole, read with their digest checked. Needs no torch.

A record is an xarray data set in NetCDF. Each variable says in its attributes which trajectory and
which kind of quantity it is; `series` finds it by these two. A record carries

1. the digest of its problem: data and start;
2. its whole configuration, dtype and thread count included;
3. `NUMERICS`, raised by hand when results are meant to change;
4. a replay: every quantity over the first steps of a short run of its own configuration;
5. a digest of its own content, checked whenever it is read.

`runs.status` compares the first four with what is at hand.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from rodflow_core import atomic
from rodflow_core.experiments import wellformed
from rodflow_core.experiments.code import core_code
from rodflow_core.experiments.config import RunConfig
from rodflow_core.experiments.presets import preset_of

NUMERICS = 1
"""Raised by hand when results are meant to change; records of another number are stale."""

_NEEDED = ("title", "config", "numerics", "flows", "problem_digest", "threshold", "failed", "code",
           "replay", "seconds", "digest")  # fmt: skip


# --- places --------------------------------------------------------------------------------------


def cited_directory() -> Path | None:
    """Give the folder of cited records: ``RODFLOW_RUNS``, else the checkout's ``figures/runs``.

    An installation that is not a checkout has none.
    """
    named = os.environ.get("RODFLOW_RUNS")
    return Path(named) if named else checkout_directory()


def checkout_directory() -> Path | None:
    """Give the checkout's own ``figures/runs``, whatever ``RODFLOW_RUNS`` says.

    An installation that is not a checkout has none.
    """
    checkout = Path(__file__).resolve().parents[2]
    return checkout / "figures" / "runs" if (checkout / "pyproject.toml").is_file() else None


def cache_directory() -> Path:
    """Give the folder of everything else: ``RODFLOW_CACHE``, else the platform's for caches."""
    named = os.environ.get("RODFLOW_CACHE")
    if named:
        return Path(named)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "rodflow"
    if os.name == "nt":
        return Path(os.environ.get("LOCALAPPDATA", Path.home())) / "rodflow" / "Cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rodflow"


def places(config: RunConfig, digest: str = "") -> list[Path]:
    """Give where a run may be recorded: among the cited records, and in the cache.

    Args:
        config: the run.
        digest: of its problem, where that is one's own.
    """
    name = preset_of(config) if config.problem is None else None
    kind = name or config.fingerprint + (f"-{digest[:10]}" if digest else "")
    subject = config.architecture if config.problem is None else "own"
    file = f"{config.optimizer}-{subject}-{kind}.nc"
    cited = cited_directory()
    found = [cited / file] if cited is not None and config.problem is None else []
    return [*found, cache_directory() / "runs" / file]


def path_of(config: RunConfig, digest: str = "") -> Path:
    """Give where a run is to be recorded: in the cache, whoever explores.

    What the book cites is recorded by its build, which sets ``RODFLOW_CITE``.
    """
    several = places(config, digest)
    return several[0] if os.environ.get("RODFLOW_CITE") else several[-1]


# --- content -------------------------------------------------------------------------------------


def series(run: xr.Dataset, trajectory: str, kind: str) -> xr.DataArray | None:
    """Give a recorded quantity, or ``None`` where the run has none of it.

    Eigenvalues are those that `converged`.

    Args:
        run: a recorded run.
        trajectory: ``disc`` for the optimizer, else a flow's tag.
        kind: of the quantity, such as ``loss``.
    """
    # Of `run.data_vars` each would be made a data array, with coordinates, only to be looked at.
    for name, variable in run.variables.items():
        if (variable.attrs.get("trajectory"), variable.attrs.get("kind")) == (trajectory, kind):
            return converged(run, str(name))
    return None


def converged(run: xr.Dataset, name: str) -> xr.DataArray:
    """Give a variable of a run, NaN where it is of an eigensolve that did not converge.

    What is drawn, judged or listed must not take a value on its way for the value. The record has
    them all, with their residuals.
    """
    solved = run.variables.get(f"{name}_converged")
    if solved is None or bool((solved == 1).all()):
        return run[name]
    return run[name].where(run[f"{name}_converged"] == 1)


def doubts(run: xr.Dataset) -> str:
    """Say which eigensolves of a run did not converge, a sentence each; nothing where all did.

    Those of a trajectory that was no longer finite do not count: that is said of the run itself.
    """
    said = []
    for name, variable in run.variables.items():
        solved = run.variables.get(f"{name}_converged")
        if solved is None:
            continue
        finite = np.isfinite(variable.to_numpy()).all(axis=1)
        open_ones = finite & (solved.to_numpy() == 0)
        if open_ones.any():
            residuals = run.variables[f"{name}_residual"].to_numpy()[open_ones]
            said.append(
                f"{open_ones.sum()} of {finite.sum()} eigensolves did not converge "
                f"({variable.attrs['long_name']}; largest residual {residuals.max():.2g}): "
                "their values are neither drawn nor judged."
            )
    return " ".join(said)


def values(run: xr.Dataset, trajectory: str, kind: str) -> NDArray:
    """Give a recorded quantity as an array; leading eigenvalues of a spectrum.

    Raises:
        ValueError: where the run has none of it.
    """
    found = series(run, trajectory, kind)
    if found is None:
        raise ValueError(f"{run.attrs['title']} has no {kind} of {trajectory!r} recorded.")
    return found.to_numpy()[:, 0] if found.ndim == 2 else found.to_numpy()


def flows(run: xr.Dataset) -> dict[str, dict[str, str]]:
    """Give the flows of a run by tag: title and integrator of each."""
    return {entry["tag"]: entry for entry in json.loads(run.attrs["flows"])}


def configuration(run: xr.Dataset) -> RunConfig:
    """Give the configuration a run was made with."""
    return RunConfig.from_dict(json.loads(run.attrs["config"]))


def content_digest(run: xr.Dataset) -> str:
    """Give the sha256 of all that a record says, its own digest left out."""
    sha = hashlib.sha256()
    for name in sorted(map(str, run.variables)):
        variable = run[name]
        data = variable.to_numpy()
        # A file keeps whole numbers in fewer bytes, and all of them in another order.
        kind = "<i8" if data.dtype.kind in "iub" else data.dtype.newbyteorder("<")
        parts = (name, repr(variable.dims), repr(data.shape), _attributes(variable.attrs))
        for part in parts:
            sha.update(part.encode() + b"\0")
        sha.update(np.ascontiguousarray(data, dtype=kind).tobytes())
    sha.update(_attributes({k: v for k, v in run.attrs.items() if k != "digest"}).encode())
    return sha.hexdigest()


def _attributes(attrs: Mapping[object, object]) -> str:
    plain = {str(k): np.asarray(v).tolist() for k, v in attrs.items()}
    return json.dumps(plain, sort_keys=True)


# --- files ---------------------------------------------------------------------------------------


def check_writable(path: Path) -> None:
    """See that a file can be put where a run is to be recorded, before the run is computed.

    Raises:
        ValueError: where it is a folder, a link, a device or a pipe, or its folder cannot be made.
    """
    path = Path(path)
    try:
        if path.is_symlink():
            raise ValueError(f"{path} is a link; name the file it points to, or another.")
        if path.exists() and not path.is_file():
            raise ValueError(f"{path} is not a regular file; name another output.")
        path.parent.mkdir(parents=True, exist_ok=True)
        probe = atomic.beside(path)
        probe.touch()
        probe.unlink()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ValueError(f"{path} cannot be written ({reason}); name another output.") from error


LARGEST = 300_000
"""Bytes from which a record is too large to be kept beside the code."""
_SPARED = ("alignment", "mu_norm", "delta_norm", "nu_norm", "loss")
"""What is left out of a long record of the shifted copy of the optimizer, in this order."""


def slim(run: xr.Dataset) -> xr.Dataset:
    """Leave out of a long run what nobody asks for, until its file is below ``LARGEST`` bytes.

    Of the shifted copy only the distance is used, the sensitivity floor; its lengths and its loss
    are kept where there is room. A shorter run, and all else of a long one, stays whole.

    Args:
        run: a data set made by ``runs.compute``.

    Example:
        >>> slim(xr.Dataset({"short": ("step", [1.0, 2.0])})).sizes["step"]
        2
    """
    spared = {
        str(entry.attrs.get("kind")): str(name)
        for name, entry in run.data_vars.items()
        if entry.attrs.get("trajectory") == "floor"
    }
    for kind in _SPARED:
        # Words and the names of variables come on top of the numbers.
        if run.nbytes + _words(run) < LARGEST:
            break
        run = run.drop_vars(spared[kind]) if kind in spared else run
    return run


def _words(run: xr.Dataset) -> int:
    own = sum(200 + sum(len(str(a)) for a in v.attrs.values()) for v in run.variables.values())
    return own + sum(len(str(value)) for value in run.attrs.values())


def save(run: xr.Dataset, path: Path) -> None:
    """Write a run as NetCDF, its digest in it; the file appears whole or not at all.

    A run too long to be kept beside the code is made `slim` first.

    Raises:
        OSError: where it cannot be written; what was there is left as it was.
        ValueError: where something stands there that is not a regular file.
    """
    check_writable(path)
    run = slim(run)
    signed = run.assign_attrs(digest=content_digest(run))
    # NetCDF 3: the same run gives the same bytes, without HDF5's kilobytes for every variable.
    content = signed.to_netcdf(None, engine="scipy", format="NETCDF3_64BIT")
    atomic.write({path: bytes(content)})


def load(path: Path, *, of_a_run: bool = True) -> xr.Dataset:
    """Read a recorded run into memory, and check that it says what was written.

    Args:
        path: of the file.
        of_a_run: whether it has to be a run's; a measurement of integrators has a form of its own.

    Raises:
        ValueError: where there is no such file, it is not a run, or its content was changed.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"there is no run {path}; make it with `rodflow run ... -o {path}`.")
    try:
        run = xr.load_dataset(path, engine="scipy")
        missing = [key for key in _NEEDED if key not in run.attrs]
        if missing:
            raise ValueError(f"it has no {missing[0]}")
        if content_digest(run) != run.attrs["digest"]:
            raise ValueError("its content is not what was written")
        wellformed.check(run, of_a_run=of_a_run)
        configuration(run)
    except Exception as error:  # whatever a damaged file makes its reader raise
        reason = str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
        raise ValueError(
            f"{path} is not a recorded run of this project, or was damaged ({reason}); "
            "make it again."
        ) from error
    return run


def vouched(path: Path, config: RunConfig) -> bool:
    """Say, without torch, whether a record is surely current as far as code and configuration go.

    Where it is not, `runs.status` decides.
    """
    try:
        run = load(path)
        same = not config.differences(configuration(run))
        return same and (int(run.attrs["numerics"]), run.attrs["code"]) == (NUMERICS, core_code())
    except (ValueError, OSError):
        return False


def set_aside(path: Path) -> Path:
    """Rename a damaged record, so that it can be made again and looked at; give its new name."""
    for i in range(1, 1000):
        aside = path.with_name(f"{path.name}.damaged-{i}")
        if not aside.exists():
            os.replace(path, aside)
            return aside
    raise ValueError(f"there are too many damaged records beside {path}; remove them.")
