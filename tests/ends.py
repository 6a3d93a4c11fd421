"""Execute pages at both ends of what each of their own parameters may be, the others as they are.

    python tests/ends.py rod appendix_c3
    python tests/ends.py

Without names, all pages that have numbers of their own; that takes an hour. An end that is not
itself allowed is taken a thousandth of the range within. A page ends well, or in one sentence: what
is left is a page that should not have been let begin.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rodflow_book import parameters
from rodflow_core.experiments.parameters import Parameter, check

ROOT = Path(__file__).resolve().parents[1]
CELL = re.compile(r'^# %% tags=\["parameters"[^\n]*\n(.*?)(?=^# %%)', re.S | re.M)
PAGES = (
    "rod adam_rod phase_space preconditioners models start progressive networks appendix_b "
    "appendix_c1 appendix_c2 appendix_c3 appendix_d appendix_e1 appendix_e2 appendix_f appendix_g"
).split()
LIMIT = 600
"""Seconds; a page that still computes then has got through what is checked."""

# A page is a script too; what it would show to a reader is dropped.
RUN = (
    "import sys, IPython.display\n"
    "IPython.display.display = lambda *shown, **options: None\n"
    "exec(compile(sys.stdin.read(), 'page', 'exec'), {'__name__': '__main__'})"
)


def split(page: str) -> tuple[str, str]:
    """Give a page up to its parameters, and what follows them."""
    text = (ROOT / "notebooks" / f"{page}.py").read_text(encoding="utf-8")
    found = CELL.search(text)
    assert found
    return text[: found.end(1)], text[found.end(1) :]


def schema(page: str) -> dict[str, Parameter]:
    """Give the parameters that a page checks, by name."""
    seen: dict[str, Parameter] = {}

    def watch(known, values, what="parameter"):
        seen.update(known)
        return check(known, values, what)

    values, rest = split(page)
    parameters.check, before = watch, parameters.check
    try:
        exec(values + rest.partition("\n")[2].partition("\n# %%")[0], {"__name__": "page"})
    finally:
        parameters.check = before
    return seen


def ends(parameter: Parameter) -> list[object]:
    """Give the least and the largest value of a number, or of a list's only one."""
    said = parameter.expects
    found = {key: re.search(rf"{key} ([\d.]+)", said.split("each")[-1])
             for key in ("at least", "above", "at most", "below")}  # fmt: skip
    bound = {key: float(match[1]) for key, match in found.items() if match}
    low, high = bound.get("at least", bound.get("above")), bound.get("at most", bound.get("below"))
    if "number" not in said or low is None:
        return []
    within = 1e-3 * (1 if high is None else high - low)
    values = [low if "at least" in bound else low + within]
    if high is not None:
        values.append(high if "at most" in bound else high - within)
    if "whole" in said:
        values = [int(value) for value in values]
    return [[v] for v in values] if said.startswith("a list") else list(values)


def execute(page: str, folder: Path, **changes: object) -> str:
    """Execute a page with other parameters; give what it ended in: nothing, or its last line."""
    before, after = split(page)
    changes |= {"figures": str(folder / "figures")}
    if "preset" in schema(page):
        changes["preset"] = "smoke"
    given = "".join(f"{name} = {value!r}\n" for name, value in changes.items())
    environment = {
        **os.environ, "MPLBACKEND": "agg", "RODFLOW_CACHE": str(folder / "cache"),
        "PYTHONPATH": str(ROOT),
    }  # fmt: skip
    try:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", RUN], input=f"{before}\n{given}\n{after}",
            text=True, capture_output=True, cwd=ROOT, env=environment, timeout=LIMIT,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return ""
    return done.stderr.strip().splitlines()[-1] if done.returncode else ""


def main(pages: list[str]) -> int:
    """Execute pages, say how each ends, and give how many ended badly."""
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        for page in pages:
            for name, parameter in schema(page).items():
                for value in ends(parameter):
                    said = execute(page, Path(folder), **{name: value})
                    bad += bool(said) and not said.startswith("ValueError")
                    print(f"{page} {name} = {value}: {said or 'well'}", flush=True)
    return bad


if __name__ == "__main__":
    sys.exit(min(main(sys.argv[1:] or PAGES), 1))
