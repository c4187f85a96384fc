"""Where the daemon's CPU goes: a sampler that weighs each sample by the CPU its thread has used.

`python -m tests.bench.profiled OUT run -c FILE` is `cohortd run` with one thread more, which looks
at all others every few milliseconds, asks the kernel for the CPU time of each, and books what has
come since to the frames it stands in. Time inside C counts for the Python line that called it.
What the process takes beside these threads and the sampler is librdkafka's own threads.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections import defaultdict
from pathlib import Path
from types import FrameType
from typing import NoReturn, TypeAlias

from tests.bench.daemon_run import Setup, drain
from tests.bench.logs import Log
from tests.bench.measured import ROOT

EVERY_S = 0.002
LINES = 35

Booked: TypeAlias = defaultdict[str, float]


class Sampler(threading.Thread):
    """Books CPU seconds by thread, by function (itself, and with what it calls), by line."""

    def __init__(self, out: Path) -> None:
        super().__init__(name="sampler", daemon=True)
        self._out = out
        self._over = threading.Event()
        self._used_s: dict[int, float] = {}
        self._own_s = 0.0
        self.threads: Booked = defaultdict(float)
        self.own: Booked = defaultdict(float)
        self.whole: Booked = defaultdict(float)
        self.lines: Booked = defaultdict(float)

    def run(self) -> None:
        while not self._over.wait(EVERY_S):
            frames = sys._current_frames()
            for thread in threading.enumerate():
                if thread is self or thread.ident is None or thread.ident not in frames:
                    continue
                try:
                    now_s = time.clock_gettime(time.pthread_getcpuclockid(thread.ident))
                except OSError:  # It has just ended.
                    continue
                since_s = now_s - self._used_s.get(thread.ident, 0.0)
                self._used_s[thread.ident] = now_s
                if since_s > 0:
                    self._book(thread.name, frames[thread.ident], since_s)
            self._own_s = time.thread_time()

    def _book(self, thread: str, frame: FrameType, cpu_s: float) -> None:
        self.threads[thread] += cpu_s
        self.own[_name(frame)] += cpu_s
        self.lines[f"{_name(frame)}:{frame.f_lineno}"] += cpu_s
        stack: set[str] = set()
        at: FrameType | None = frame
        while at is not None:
            stack.add(_name(at))
            at = at.f_back
        for name in stack:
            self.whole[name] += cpu_s

    def end(self) -> None:
        self._over.set()
        self.join()
        found = {
            "sampler": {"cpu_s": self._own_s},
            "threads": _most(self.threads, LINES),
            "itself": _most(self.own, LINES),
            "with what it calls": _most(self.whole, LINES * 3),
            "lines": _most(self.lines, LINES),
        }
        self._out.write_text(json.dumps(found))


def _most(booked: Booked, count: int) -> dict[str, float]:
    return dict(sorted(booked.items(), key=lambda item: -item[1])[:count])


def _name(frame: FrameType) -> str:
    path = Path(frame.f_code.co_filename)
    where = path.relative_to(ROOT) if path.is_relative_to(ROOT) else Path(*path.parts[-2:])
    return f"{where}:{frame.f_code.co_qualname}"


def show(setup: Setup, log: Log, *, resume: bool) -> None:
    """Drain a log with the sampler inside, and print what it saw."""
    out = setup.folder / "profile.json"
    wrapped = ("-m", "tests.bench.profiled", out)
    drained = drain(setup, log, resume=resume, wrapped=wrapped)
    assert drained.exact, drained.why
    found = json.loads(out.read_text())
    sampler_s = found.pop("sampler")["cpu_s"]
    seen_s = sum(found["threads"].values())
    rest_s = drained.usage.cpu_s - seen_s - sampler_s
    print(f"{drained.usage.cpu_s:.2f} CPU-s: Python's threads {seen_s:.2f},", end=" ")
    print(f"the sampler {sampler_s:.2f}, librdkafka's own and the interpreter's start {rest_s:.2f}")
    print(f"{drained.requests} requests of at least {log.requests_min}")
    for title, booked in found.items():
        print(f"\n-- {title}: CPU-s, us an event")
        for name, cpu_s in booked.items():
            print(f"{cpu_s:7.3f} {cpu_s / log.records * 1e6:6.2f}  {name}")


def main() -> None:
    sampler = Sampler(Path(sys.argv.pop(1)))
    leave = os._exit

    def end(status: int) -> NoReturn:
        sampler.end()
        leave(status)

    os._exit = end  # The daemon ends at once, past every `finally`.
    sampler.start()
    from daemon.cli import main as cohortd  # noqa: PLC0415  Its imports are sampled too.

    cohortd()


if __name__ == "__main__":
    main()
