"""Processes of a sweep: one at a time on a folder, its children, and how they all end."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from rodflow_core.experiments import records

try:
    import fcntl
except ImportError:  # Windows has no such lock: there, nobody is kept from a second sweep
    fcntl = None  # type: ignore[assignment]

_BAR = re.compile(r"(\d+)/\d+ \[")
"""Steps taken and steps in all, as the progress bar of a run says them."""


def end_with(parent: int) -> None:
    """Let this process end when the sweep that started it does, however that ends.

    Linux kills it at once. Elsewhere it ends at its next report, which nobody reads any more.
    """
    if platform.system() == "Linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None, use_errno=True).prctl(pr_set_pdeathsig, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it was gone before
        sys.exit(1)


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold a folder, so that there is one sweep on it; whose owner dies releases it.

    Raises:
        ValueError: where another sweep holds it, or it cannot be written.
    """
    path = folder / "sweep.lock"
    records.check_writable(path)
    with path.open("a+", encoding="utf-8") as file:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                file.seek(0)
                raise ValueError(
                    f"another sweep ({file.read().strip() or 'unknown'}) is at work on {folder}; "
                    "wait for it, or name another folder with -o."
                ) from error
            except OSError:  # some network file systems have no locks: then none is held
                pass
        file.truncate(0)
        file.write(f"process {os.getpid()} on {platform.node()}\n")
        file.flush()
        yield


@contextlib.contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Let a sweep end on SIGTERM and SIGHUP as on SIGINT.

    What is ignored, as SIGHUP is under nohup, stays so.
    """
    names = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    several = [getattr(signal, name) for name in names]
    before = {number: signal.getsignal(number) for number in several}
    heard = [number for number in several if before[number] is not signal.SIG_IGN]
    for number in heard:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number in heard:
            signal.signal(number, before[number])


class Child:
    """A row that is being computed, in a process of its own.

    Attributes:
        name: of the row.
        said: lines that it wrote on standard error, its progress bar left out.
        process: the process.
    """

    def __init__(
        self,
        name: str,
        report: Callable[[int, float], None],
        command: Sequence[str],
        environment: Mapping[str, str],
    ) -> None:
        """Start it.

        Args:
            name: of the row.
            report: called with the step that it stands at, and the time.
            command: which `end_with` this process.
            environment: what is set beside this process's own.
        """
        self.name, self._report = name, report
        self.said: list[str] = []
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={**os.environ, **environment},
        )
        assert self.process.stderr is not None
        self._reader = threading.Thread(target=self._read, args=(self.process.stderr,), daemon=True)
        self._reader.start()

    def _read(self, stream: IO[bytes]) -> None:
        """Follow the progress bar of the run; keep what else it says."""
        rest = ""
        with stream:
            while chunk := os.read(stream.fileno(), 65536):
                *lines, rest = re.split(r"[\r\n]", rest + chunk.decode(errors="replace"))
                # The bar ends a line when it begins the next: the last one counts as it stands.
                for line in (*lines, rest):
                    if found := _BAR.search(line):
                        self._report(int(found[1]), time.monotonic())
                self._keep(lines)
        self._keep([rest])

    def _keep(self, lines: Sequence[str]) -> None:
        self.said += [x.strip() for x in lines if x.strip() and not _BAR.search(x)]
        del self.said[:-20]

    def ended(self) -> bool:
        """Say whether it has ended, and all that it said is read."""
        if self.process.poll() is None:
            return False
        self._reader.join(5)
        return True

    def failure(self) -> str:
        """Say in a sentence why it failed; empty where it did not."""
        status = self.process.returncode
        if status == 0:
            return ""
        if status < 0:
            hint = "; was there enough memory?" if -status == signal.SIGKILL else "."
            return f"killed by {signal.Signals(-status).name}{hint}"
        return self.said[-1].removeprefix("rodflow: error: ") if self.said else f"status {status}."

    def stop(self) -> None:
        """End it: what it has saved is whole, whenever that is."""
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
