"""How fast a backlog goes where each answer takes 300 ms: the quota is the limit, not the wait."""

from __future__ import annotations

import os
import statistics
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from tests.bench.daemon_run import Braze, Daemon, Setup
from tests.bench.logs import write_log
from tests.bench.table import save, show
from tests.bench.workloads import EVEN, WORKLOADS, Workload

ANSWER_MS = 300
BRAZE_QUOTA, RESERVE = 250_000, 0.1
PER_S_MIN = 60.0
_LOGS = (EVEN, WORKLOADS["flat"])
DRAIN_S_MAX = 150.0

HEAD = (
    "cohorts",
    "records",
    "requests",
    "seconds",
    "requests/s",
    "in the median s",
    "CPU-s",
    "RSS MB",
    "exact",
    "load",
)


def run(folder: Path, bootstrap: str, events: int, seed: int) -> int:
    """Drain a backlog of 50 cohorts, as large all of them and then skewed.

    1 when fewer requests a second were made than the quota is: from the first to the last of
    those that are as large, and in the median second of the skewed. At their end the largest is
    alone, with a flush at a time, so its last seconds say nothing of what limits a drain.
    """
    even, skewed = (_drain(folder, bootstrap, each, events, seed) for each in _LOGS)
    print(show(HEAD, [list(drained.row.values()) for drained in (even, skewed)]))
    print(f"saved: {save('slow-braze', {'rows': [even.row, skewed.row]})}")
    fast = min(even.per_s, skewed.median_s) >= PER_S_MIN
    return 0 if fast and even.exact and skewed.exact else 1


class _Drained(NamedTuple):
    row: dict[str, str]
    per_s: float
    median_s: float
    exact: bool


def _drain(folder: Path, bootstrap: str, workload: Workload, events: int, seed: int) -> _Drained:
    log = write_log(bootstrap, workload, events, seed)
    with Braze(folder, faults=[f"delay={ANSWER_MS}ms"], quota=BRAZE_QUOTA) as braze:
        setup = Setup(folder, bootstrap, braze.url, workload.input(log.topic))
        setup = replace(setup, requests_per_hour=BRAZE_QUOTA, reserve=RESERVE)
        with Daemon(setup, resume=True) as daemon:
            wanted = {name: len(members) for name, members in log.members.items()}
            daemon.child.wait_for("the log", lambda: braze.counts() == wanted, DRAIN_S_MAX)
            load = os.getloadavg()[0]
            exact = braze.holds(log.members)
            usage = daemon.child.stop()
        arrived_s = sorted(request["arrived_at_s"] for request in braze.logged("requests"))
    took_s = arrived_s[-1] - arrived_s[0]
    per_s = (len(arrived_s) - 1) / took_s
    by_second = Counter(int(at_s - arrived_s[0]) for at_s in arrived_s)
    median_s = statistics.median(by_second.values())
    row = [
        "as large" if workload is EVEN else "skewed",
        f"{log.records}",
        f"{len(arrived_s)}",
        f"{took_s:.1f}",
        f"{per_s:.1f}",
        f"{median_s:.1f}",
        f"{usage.cpu_s:.2f}",
        f"{usage.peak_mb:.0f}",
        "yes" if exact else "no",
        f"{load:.1f}",
    ]
    return _Drained(dict(zip(HEAD, row, strict=True)), per_s, median_s, exact)
