"""A small site with the explorer and a few records, for its tests in Python and in a browser."""

import base64
import json
import math
import re
import shutil
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import xarray as xr

from rodflow_book.build import explorer
from rodflow_core.experiments import records, runs
from rodflow_core.experiments.presets import preset

ROOT = Path(__file__).resolve().parents[2]
CITED = ROOT / "figures" / "runs"
REAL = ("adam-mlp-cifar", "scalar_adam-mlp-cifar", "nesterov-mlp-quick", "gd-mlp-quick")
LOST_AT = 4
"""Sample from which on the rod of `lost` is not finite."""
GAP = 6
"""Sample that the loss of its drift-free rod lacks, finite before and after."""

PAGE = """<!doctype html>
<html lang="en" data-theme="light"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>Explorer</title></head>
<body>{body}</body></html>
"""


def lost(run: xr.Dataset) -> xr.Dataset:
    """The same run with a rod that stopped being finite, and a gap in another model's loss."""
    changed = run.copy(deep=True)
    for name, variable in changed.variables.items():
        if variable.attrs.get("trajectory") == "rod":
            late = slice(LOST_AT if variable.dims[0] == "step" else 1, None)
            changed[name][late] = np.inf if variable.attrs["kind"] == "distance" else np.nan
    changed["free_loss"][GAP] = np.nan
    failed = {"rod": int(run["step"][LOST_AT])}
    config = json.loads(run.attrs["config"]) | {"seed": 7}
    return changed.assign_attrs(failed=json.dumps(failed), config=json.dumps(config))


def long(run: xr.Dataset, steps: int = 2000) -> xr.Dataset:
    """A run over as many steps as the paper's, its numbers those of a shorter one over and over."""
    config = json.loads(run.attrs["config"]) | {"warmup": 2000, "steps": steps}
    several = run.isel(step=np.resize(np.arange(run.sizes["step"]), steps + 1))
    several = several.assign_coords(step=("step", np.arange(2000, 2001 + steps)))
    solves = 2000 + (run["spectrum_step"] - int(run["step"][0]))
    several = several.assign_coords(spectrum_step=("spectrum_step", solves.to_numpy()))
    return several.assign_attrs(config=json.dumps(config))


def make(folder: Path) -> tuple[dict[str, xr.Dataset], list[str]]:
    """Fill `folder/runs` with records and `folder/site` with the explorer.

    Returns:
        The records by name, and the sentences on what was left out.
    """
    place = folder / "runs"
    place.mkdir()
    small = runs.compute(preset("smoke", "adam", "mlp", examples=20, steps=12, spectrum_every=3))
    made = {
        "adam-mlp-small": small,
        "adam-mlp-lost": lost(small),
        "adam-mlp-cifar-full": long(records.load(CITED / "adam-mlp-cifar.nc")),
    }
    for name, run in made.items():
        records.save(run, place / f"{name}.nc")
    for name in REAL:
        shutil.copy(CITED / f"{name}.nc", place)
    (place / "gd-cnn-quick.nc").write_bytes((CITED / "gd-cnn-quick.nc").read_bytes()[:-100])
    shutil.copytree(ROOT / "book" / "vendor" / "explorer", folder / "site" / "explorer")
    left_out = explorer.write(folder / "site", place)
    text = (ROOT / "book" / "explorer.md").read_text(encoding="utf-8")
    body = re.search(r"<ul>.*</script>", text, re.DOTALL)[0]
    (folder / "site" / "explorer.html").write_text(PAGE.format(body=body), encoding="utf-8")
    return {n: records.load(place / f"{n}.nc") for n in (*made, *REAL)}, left_out


def index_of(site: Path) -> dict:
    """Read what the index says."""
    text = (site / "explorer" / "index.js").read_text(encoding="utf-8")
    return json.loads(re.fullmatch(r"window\.rodflowExplorerIndex=(.*);\n", text)[1])


def numbers_of(site: Path, name: str, part: int = 0) -> dict:
    """Read a file of numbers."""
    text = (site / "explorer" / "runs" / f"{name}.{part}.js").read_text(encoding="utf-8")
    found = re.fullmatch(r"\(window[^[]*\[\"([^\"]*)\"\]=\"([\w+/=]*)\";\n", text)
    assert found[1] == f"{name}/{part}"
    return unpacked(found[2])


def unpacked(text: str) -> dict:
    """Undo the packing, byte by byte."""
    line, _, raw = zlib.decompress(base64.b64decode(text)).partition(b"\n")
    file, at = json.loads(line), 0
    for by_tag in file["series"].values():
        for tag, count in by_tag.items():
            columns = [raw[at + i * count : at + (i + 1) * count] for i in range(4)]
            by_tag[tag] = values_of(zip(*columns, strict=True))
            at += 4 * count
    assert at == len(raw)
    return file


def values_of(numbers: Iterable[tuple[int, ...]]) -> list[float | None]:
    """Give the numbers that four bytes each stand for, the difference to the one before."""
    code, values = 0, []
    for each in numbers:
        step = int.from_bytes(bytes(each), "little")
        code = (code + ((step >> 1) ^ -(step & 1)) + 2**31) % 2**32 - 2**31
        power, place = divmod(abs(code), 900_000)
        size = float(f"{place + 100_000}e{power - 405}") if code else 0.0
        values.append(None if code == 2**30 else math.copysign(size, code))
    return values
