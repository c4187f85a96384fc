"""A child process whose CPU seconds, wall time and memory are known when it has ended."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

ROOT = Path(__file__).parents[2]

_LOOK_S = 0.01

# As after a normal installation, whatever the caller's environment says: modules are compiled
# once, into a folder that `warm_up` fills, and not by each child anew.
_COMPILED = "PYTHONPYCACHEPREFIX"


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process cost from its start to its end: `cpu_s` is user and system together."""

    cpu_s: float
    wall_s: float
    peak_mb: float


class Measured:
    """A Python child; its output goes to a file. Ended by its own id, whatever happens."""

    def __init__(self, arguments: Sequence[str | Path], log: Path) -> None:
        self.log = log
        self._peak_mb = 0.0
        with log.open("wb") as out:
            self._begun_s = time.perf_counter()
            self._process = subprocess.Popen(
                [sys.executable, *map(str, arguments)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                env=_environment(log.parent),
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.returncode is None:
            self._process.kill()
            self._process.wait()

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace")

    @property
    def last_words(self) -> str:
        """The end of its last line: where a program says what was wrong."""
        lines = self.output.splitlines()
        return lines[-1][-600:] if lines else "it said nothing"

    @property
    def age_s(self) -> float:
        """How long ago it was started."""
        return time.perf_counter() - self._begun_s

    def cpu_s(self) -> float:
        """Return what it has used so far. Only where there is /proc."""
        stat = Path(f"/proc/{self._process.pid}/stat").read_text()
        ticks = stat.rpartition(")")[2].split()[11:13]
        return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")

    def wait_for(self, what: str, check: Callable[[], object], timeout_s: float) -> None:
        """Return when `check` says yes; fail when the process ends before, or time is up."""
        deadline_s = time.perf_counter() + timeout_s
        while not check():
            ended = self._reap(os.WNOHANG)
            if ended is not None or time.perf_counter() > deadline_s:
                why = "ended" if ended is not None else f"took over {timeout_s:.0f} s"
                raise AssertionError(f"{what}: the process {why}: {self.last_words}")
            time.sleep(_LOOK_S)

    def wait_for_line(self, text: str, timeout_s: float = 60.0) -> None:
        self.wait_for(text, lambda: text in self.output, timeout_s)

    def stop(self, timeout_s: float = 60.0) -> Usage:
        """Ask it to end, and see that it ends well."""
        self._process.send_signal(signal.SIGTERM)
        return self.ended(timeout_s)

    def ended(self, timeout_s: float = 300.0) -> Usage:
        """Wait for its own end, which must be a good one."""
        deadline_s = time.perf_counter() + timeout_s
        while (usage := self._reap(os.WNOHANG)) is None:
            assert time.perf_counter() < deadline_s, f"not ended in time: {self.last_words}"
            time.sleep(_LOOK_S)
        assert self._process.returncode == 0, self.last_words
        return usage

    def _reap(self, options: int) -> Usage | None:
        self._peak_mb = max(self._peak_mb, self._peak_now_mb())
        pid, status, used = os.wait4(self._process.pid, options)
        if pid == 0:
            return None
        self._process.returncode = os.waitstatus_to_exitcode(status)
        return Usage(used.ru_utime + used.ru_stime, self.age_s, self._peak_mb)

    def rss_mb(self) -> float:
        """Return its resident memory as it is now. Only where there is /proc."""
        return self._status_mb("VmRSS")

    def _peak_now_mb(self) -> float:
        """Return the peak so far; `ru_maxrss` would begin at what the parent had."""
        return self._status_mb("VmHWM")

    def _status_mb(self, name: str) -> float:
        try:
            status = Path(f"/proc/{self._process.pid}/status").read_text()
        except OSError:
            return 0.0
        found = re.search(rf"{name}:\s+(\d+) kB", status)
        return int(found[1]) / 1024 if found else 0.0


def _environment(folder: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {_COMPILED: str(folder / "compiled")}


def warm_up(folder: Path) -> None:
    """Compile everything that the children of this folder import."""
    imports = "import daemon.app, daemon.cli, daemon.commands, daemon.formats.framed, msgspec"
    with Measured(["-c", imports], folder / "warm.log") as child:
        child.ended()
