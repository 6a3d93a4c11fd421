"""Which commit this checkout is at, where it is one."""

from __future__ import annotations

import functools
import subprocess
from pathlib import Path

from rodflow_core import __version__

ROOT = Path(__file__).resolve().parents[2]
VERSION = __version__


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


@functools.cache
def commit(root: Path = ROOT) -> str | None:
    """Give the commit in short, with a remark where tracked files differ from it.

    `None` without git, and where the folder is no checkout: one that merely lies in somebody
    else's does not count.
    """
    top = _git(root, "rev-parse", "--show-toplevel")
    name = _git(root, "rev-parse", "--short=12", "HEAD")
    if not (top and name) or Path(top).resolve() != root.resolve():
        return None
    changed = _git(root, "status", "--porcelain", "--untracked-files=no")
    return f"{name}, with local changes" if changed else name


@functools.cache
def commit_date(root: Path = ROOT) -> str | None:
    """Give the day of that commit, which two builds of it share; `None` as `commit`."""
    return _git(root, "show", "--no-patch", "--format=%cs", "HEAD") if commit(root) else None
