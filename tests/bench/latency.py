"""How long an event takes to Braze's acceptance, at a steady pace.

Each event names a member of its own, so the simulator's history says when it was applied. The
producer's clock and the simulator's are one: both run on this machine.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import statistics
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.bench.daemon_run import Braze, Daemon, Setup
from tests.bench.logs import new_topic, producer
from tests.bench.table import save, show
from tests.bench.workloads import WORKLOADS, Fold
from tests.support.processes import wait_until

WARM_UP_S = 4  # Cohorts are announced and connections made in it; its events do not count.
TICK_S = 0.01

HEAD = ("ev/s", "p50 ms", "p99 ms", "max ms", "cores", "requests", "RSS MB", "missing", "load")


@dataclass(slots=True)
class Produced:
    """When each member's event was produced, in order, and what the daemon had used by then."""

    users: list[str]
    at_s: list[float]
    cpu_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Paced:
    """What one paced run came to; waits in milliseconds, `load` of the machine while it ran."""

    p50_ms: float
    p99_ms: float
    max_ms: float
    cores: float
    requests: float
    peak_mb: float
    missing: int
    load: float

    def cells(self) -> list[str]:
        """Return it as the table shows it."""
        waits = [f"{each:.0f}" for each in (self.p50_ms, self.p99_ms, self.max_ms)]
        rest = [f"{self.requests:.0f}", f"{self.peak_mb:.0f}", f"{self.missing}"]
        return [*waits, f"{self.cores:.3f}", *rest, f"{self.load:.1f}"]


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
            _pace(setup, rate, WARM_UP_S, daemon)
            before = _requests(braze)
            produced = _pace(setup, rate, seconds, daemon)
            load = os.getloadavg()[0]
            requests = _requests(braze) - before
            wanted = len(produced.users) + rate * WARM_UP_S
            with contextlib.suppress(AssertionError):  # Counted below as missing.
                wait_until("all members", lambda: sum(braze.counts().values()) >= wanted, 30.0)
            applied = _applied(braze)
            usage = daemon.child.stop()
    waits_s = sorted(
        applied[user] - at_s
        for user, at_s in zip(produced.users, produced.at_s, strict=True)
        if user in applied
    )
    p50, p99, most = (_quantile(waits_s, part) for part in (0.5, 0.99, 1.0))
    missing = len(produced.users) - len(waits_s)
    cores = produced.cpu_s / seconds
    return Paced(p50, p99, most, cores, requests, usage.peak_mb, missing, load)


def _pace(setup: Setup, rate: int, seconds: int, daemon: Daemon) -> Produced:
    """Produce at a steady rate for so long."""
    workload = replace(WORKLOADS["flat"], name=f"paced {time.time_ns()}")
    records = itertools.cycle(workload.records(rate * seconds * 2, random.randrange(2**32), Fold()))
    produced, seen = Produced([], []), set()
    to = producer(setup.bootstrap, linger_ms=2)
    cpu_s, begun_s = daemon.child.cpu_s(), time.time()
    while (late_s := time.time() - begun_s) < seconds:
        due = int(late_s * rate) - len(produced.users)
        for key, value in itertools.islice(records, max(0, due)):
            user = key.decode().partition("|")[2]
            if user in seen:
                continue  # One of those the workload names twice.
            seen.add(user)
            produced.users.append(user)
            produced.at_s.append(time.time())
            to.produce(setup.topic, value, key)
        to.poll(0)
        time.sleep(TICK_S)
    produced.cpu_s = daemon.child.cpu_s() - cpu_s
    assert to.flush(30) == 0
    return produced


def _requests(braze: Braze) -> int:
    return sum(braze.get("stats")["requests"]["users"].values())


def _applied(braze: Braze) -> dict[str, float]:
    """Return when each member was first added."""
    applied: dict[str, float] = {}
    since = 0
    while True:
        page: dict[str, Any] = braze.get(f"history?since={since}")
        assert not page["dropped"], "the simulator has forgotten the beginning"
        if not page["requests"]:
            return applied
        for request in page["requests"]:
            for user in request.get("adds", {}).get("user_ids", ()):
                applied.setdefault(user, request["applied_at_s"])
        since = page["next"]


def _quantile(ordered_s: list[float], part: float) -> float:
    """Return it in milliseconds."""
    at = min(len(ordered_s) - 1, int(part * len(ordered_s)))
    return ordered_s[at] * 1000 if ordered_s else float("nan")
