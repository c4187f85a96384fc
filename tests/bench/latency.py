"""How long an event takes to Braze's acceptance, at a steady pace.

Each event names a member of its own, so the simulator's history says when it was applied. The
producer's clock and the simulator's are one: both run on this machine.
"""

from __future__ import annotations

import bisect
import contextlib
import itertools
import random
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

HEAD = ("ev/s", "p50 ms", "p99 ms", "max ms", "cores", "requests", "RSS MB", "missing")


@dataclass(slots=True)
class Produced:
    """When each member's event was produced, in order, and what the daemon had used by then."""

    users: list[str]
    at_s: list[float]
    cpu_s: float = 0.0


def run(folder: Path, bootstrap: str, rate: int, seconds: int) -> int:
    """Pace events through a daemon; 1 when one of them never arrived."""
    topic = new_topic(bootstrap)
    with Braze(folder) as braze:
        setup = Setup(folder, bootstrap, braze.url, WORKLOADS["flat"].input(topic))
        with Daemon(setup, resume=False) as daemon:
            daemon.wait_until_ready()
            _pace(setup, rate, WARM_UP_S, daemon)
            before = _requests(braze)
            produced = _pace(setup, rate, seconds, daemon)
            cores = produced.cpu_s / seconds
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
    missing = len(produced.users) - len(waits_s)
    p50, p99, most = (_quantile(waits_s, part) for part in (0.5, 0.99, 1.0))
    row = [f"{rate}", f"{p50:.0f}", f"{p99:.0f}", f"{most:.0f}", f"{cores:.3f}"]
    row += [f"{requests}", f"{usage.peak_mb:.0f}", f"{missing}"]
    print(show(HEAD, [row]))
    over = len(waits_s) - bisect.bisect(waits_s, 2.0)
    print(f"over 2 s: {over}; saved: {save('latency', dict(zip(HEAD, row, strict=True)))}")
    return 1 if missing else 0


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
