"""How long an event takes to Braze's acceptance, at a steady pace."""

from __future__ import annotations

import contextlib
import os
import random
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from tests.bench.daemon_run import Braze, Daemon, Setup
from tests.bench.logs import ANY_PARTITION, PARTITIONS, new_topic
from tests.bench.measured import Measured
from tests.bench.pacing import Change, applied, pace, quantile, requests, waits_s
from tests.bench.table import save, show
from tests.bench.workloads import WORKLOADS, Fold
from tests.support.processes import wait_until

WARM_UP_S = 4  # Cohorts are announced and connections made in it; its events do not count.

HEAD = (
    *("ev/s", "p50 ms", "p99 ms", "max ms"),
    *("cores", "decode alone", "requests", "RSS MB", "missing", "load"),
)


@dataclass(frozen=True, slots=True)
class Paced:
    """What one paced run came to; waits in milliseconds, `load` of the machine while it ran.

    `decode_cores` is what a loop takes that only decodes the same pace into dicts: what a core is,
    on a machine where whoever wakes seldom finds a cold one.
    """

    p50_ms: float
    p99_ms: float
    max_ms: float
    cores: float
    decode_cores: float
    requests: float
    peak_mb: float
    missing: int
    load: float

    def cells(self) -> list[str]:
        """Return it as the table shows it."""
        waits = [f"{each:.0f}" for each in (self.p50_ms, self.p99_ms, self.max_ms)]
        rest = [f"{self.requests:.0f}", f"{self.peak_mb:.0f}", f"{self.missing}"]
        cores = [f"{self.cores:.3f}", f"{self.decode_cores:.3f}"]
        return [*waits, *cores, *rest, f"{self.load:.1f}"]


def run(folder: Path, bootstrap: str, rate: int, seconds: int, rounds: int) -> int:
    """Pace events through a daemon, `rounds` times; 1 when one of them never arrived."""
    found = [_round(folder, bootstrap, rate, seconds) for _ in range(rounds)]
    fields = [[getattr(each, name) for each in found] for name in Paced.__slots__]
    median = Paced(*map(statistics.median, fields))
    rows = [[f"{rate}", *each.cells()] for each in found]
    print(show(HEAD, [*rows, ["median", *median.cells()]]))
    print(
        f"saved: {save('latency', {'rows': [dict(zip(HEAD, row, strict=True)) for row in rows]})}"
    )
    return 1 if any(each.missing for each in found) else 0


def _round(folder: Path, bootstrap: str, rate: int, seconds: int) -> Paced:
    topic = new_topic(bootstrap)
    with Braze(folder) as braze:
        setup = Setup(folder, bootstrap, braze.url, WORKLOADS["flat"].input(topic))
        with Daemon(setup, resume=False) as daemon:
            daemon.wait_until_ready()
            warm = pace(daemon, _flat(), rate, WARM_UP_S)
            before = sum(requests(braze).values())
            produced = pace(daemon, _flat(), rate, seconds)
            load = os.getloadavg()[0]
            made = sum(requests(braze).values()) - before
            wanted = len(produced.at_s) + len(warm.at_s)
            with contextlib.suppress(AssertionError):  # Counted below as missing.
                wait_until("all members", lambda: sum(braze.counts().values()) >= wanted, 30.0)
            waits = waits_s(produced, applied(braze))
            usage = daemon.child.stop()
    p50, p99, most = (quantile(waits, part) * 1000 for part in (0.5, 0.99, 1.0))
    missing = len(produced.at_s) - len(waits)
    cores, decode_cores = produced.cpu_s / seconds, _decode_cores(folder, bootstrap, rate, seconds)
    return Paced(p50, p99, most, cores, decode_cores, made, usage.peak_mb, missing, load)


@dataclass(frozen=True, slots=True)
class _Follower:
    """A loop that only decodes."""

    setup: Setup
    child: Measured


def _decode_cores(folder: Path, bootstrap: str, rate: int, seconds: int) -> float:
    topic = new_topic(bootstrap)
    setup = Setup(folder, bootstrap, "", WORKLOADS["flat"].input(topic))
    arguments = ["-m", "tests.bench.consume", "follow", bootstrap, topic, f"{PARTITIONS}"]
    with Measured(arguments, folder / "follow.log") as child:
        follower = _Follower(setup, child)
        pace(follower, _flat(), rate, WARM_UP_S)
        return pace(follower, _flat(), rate, seconds).cpu_s / seconds


def _flat() -> Iterator[Change]:
    """Yield the flat workload's first word on each member."""
    workload = replace(WORKLOADS["flat"], name=f"paced {time.time_ns()}")
    seen: set[str] = set()
    for key, value in workload.records(10**9, random.randrange(2**32), Fold()):
        user = key.decode().partition("|")[2]
        if user not in seen:
            seen.add(user)
            yield ANY_PARTITION, user, key, value
