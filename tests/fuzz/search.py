"""The search itself, in a process of its own: nothing of the daemon may be imported before it."""

from __future__ import annotations

import argparse
import os
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import atheris

from tests.fuzz.untraced import Untraced

CPU_S_MAX = 0.05
GROWTH_MAX = 64 * 2**20
BYTES_MAX = 16_384
# Until here the interpreter, the decoders' caches and the search itself fill up.
WARM_AFTER = 20_000


class Judge:
    """Runs one input after another, measures each, and ends the process after the last."""

    def __init__(self, run: Callable[[bytes], str], runs: int) -> None:
        self._run = run
        self._runs = runs
        self._untraced = Untraced()
        self._done = 0
        self._longest = (0.0, "")
        self._warm = 0
        self._of_target: Counter[str] = Counter()
        self._began_s = time.monotonic()

    def __call__(self, data: bytes) -> None:
        """Take one input; one that took too long is timed where no search looks on."""
        name, took_s = self._time(data)
        if took_s > CPU_S_MAX:
            took_s = min(took_s, self._untraced.cost_s(data))
        self._done += 1
        self._of_target[name] += 1
        if self._done > WARM_AFTER:
            assert took_s <= CPU_S_MAX, f"{took_s * 1e3:.1f} ms"
            self._longest = max(self._longest, (took_s, name))
        elif self._done == WARM_AFTER:
            self._warm = resident()
        if self._done == self._runs:
            self._finish()

    def _time(self, data: bytes) -> tuple[str, float]:
        began_s = time.thread_time()
        name = self._run(data)
        return name, time.thread_time() - began_s

    def _finish(self) -> None:
        longest_s, where = self._longest
        growth = max(peak() - self._warm, 0)
        [(_, fewest)] = self._of_target.most_common()[-1:]
        print(
            f"{self._done:,} inputs in {time.monotonic() - self._began_s:.0f} s, each target at"
            f" least {fewest:,}: none raised, the longest took {longest_s * 1e3:.1f} ms of a"
            f" processor ({where}), memory grew by {growth / 2**20:.1f} MiB"
        )
        sys.stdout.flush()
        os._exit(0 if growth <= GROWTH_MAX else 1)


def resident() -> int:
    """Return the bytes this process has in memory."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize()


def peak() -> int:
    """Return the most bytes it has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    """Search until it ends; what reaches something new is put into the folder."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.search", description=__doc__)
    parser.add_argument("--runs", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("folder", type=Path)
    asked = parser.parse_args()
    with atheris.instrument_imports(include=["daemon.formats", "daemon.config", "daemon.core"]):
        from tests.fuzz.targets import run  # noqa: PLC0415  So that the search sees into it.
    words = Path(__file__).with_name("words.dict")
    settings = [
        f"-max_len={BYTES_MAX}",
        f"-seed={asked.seed}",
        f"-dict={words}",
        "-rss_limit_mb=0",
        "-verbosity=0",
    ]
    atheris.Setup([sys.argv[0], *settings, str(asked.folder)], Judge(run, asked.runs))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
