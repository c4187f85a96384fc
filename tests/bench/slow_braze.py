"""How fast a backlog goes where each answer takes 300 ms: the quota is the limit, not the wait."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

from tests.bench.daemon_run import Braze, Daemon, Setup
from tests.bench.logs import write_log
from tests.bench.pacing import requests
from tests.bench.table import save, show
from tests.bench.workloads import WORKLOADS

ANSWER_MS = 300
BRAZE_QUOTA, RESERVE = 250_000, 0.1
PER_S_MIN = 60.0
LOOK_S = 0.05
DRAIN_S_MAX = 150.0

HEAD = ("answer ms", "records", "requests", "seconds", "requests/s", "CPU-s", "RSS MB", "load")


def run(folder: Path, bootstrap: str, events: int, seed: int) -> int:
    """Drain a backlog of 50 cohorts; 1 when fewer requests a second were made than the quota is."""
    log = write_log(bootstrap, WORKLOADS["flat"], events, seed)
    with Braze(folder, faults=[f"delay={ANSWER_MS}ms"], quota=BRAZE_QUOTA) as braze:
        setup = Setup(folder, bootstrap, braze.url, WORKLOADS["flat"].input(log.topic))
        setup = replace(setup, requests_per_hour=BRAZE_QUOTA, reserve=RESERVE)
        with Daemon(setup, resume=True) as daemon:
            daemon.child.wait_for("a first update", lambda: _made(braze) > 0, 60.0)
            begun_s, before = time.perf_counter(), _made(braze)
            daemon.child.wait_for("the log", lambda: _is_done(braze, log.members), DRAIN_S_MAX)
            took_s, made = time.perf_counter() - begun_s, _made(braze) - before
            exact = braze.holds(log.members)
            load = os.getloadavg()[0]
            usage = daemon.child.stop()
    row = [f"{ANSWER_MS}", f"{log.records}", f"{made}", f"{took_s:.1f}", f"{made / took_s:.1f}"]
    row += [f"{usage.cpu_s:.2f}", f"{usage.peak_mb:.0f}", f"{load:.1f}"]
    print(show(HEAD, [row]))
    print(f"exact: {exact}; saved: {save('slow-braze', dict(zip(HEAD, row, strict=True)))}")
    return 0 if exact and made / took_s >= PER_S_MIN else 1


def _made(braze: Braze) -> int:
    return sum(sum(requests(braze, endpoint).values()) for endpoint in ("users", "cohorts"))


def _is_done(braze: Braze, wanted: dict[str, set[str]]) -> bool:
    time.sleep(LOOK_S)
    return braze.counts() == {name: len(members) for name, members in wanted.items()}
