"""What a backlog in one partition costs the cohorts that live in the others.

The same live cohorts are paced twice: alone, and beside one cohort with far more changes waiting
than memory holds. Both daemons have Braze's own quota, and the defaults but for the window.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from tests.bench.daemon_run import Braze, Daemon, Setup
from tests.bench.logs import PARTITIONS, Placed, new_topic, produce_all, producer
from tests.bench.pacing import applied, changes, pace, quantile, requests, waits_s
from tests.bench.table import save, show
from tests.bench.workloads import WORKLOADS, native
from tests.support.processes import wait_until

LIVE = tuple(f"live-{number:02d}" for number in range(49))
LIVE_PARTITIONS = tuple(range(1, PARTITIONS))
BACKLOG = "backlog"
BRAZE_QUOTA, RESERVE = 250_000, 0.1
WARM_UP_S = 20  # The cohorts are announced in it, and memory is as full as it gets.
LATE_S = 15.0
RATIO_MAX = 2.0
_T0_MS = 1_764_000_000_000

_HEAD = ("live cohorts", "p50 ms", "p99 ms", "max ms", "missing", "cores", "requests/s")
_MORE = ("backlog sent", "RSS MB", "load")
HEAD = (*_HEAD, *_MORE)


@dataclass(frozen=True, slots=True)
class Lived:
    """How the live cohorts fared."""

    who: str
    waits_s: list[float]
    missing: int
    cores: float
    per_s: float
    backlog_sent: int
    peak_mb: float
    load: float

    def cells(self) -> list[str]:
        """Return it as the table shows it."""
        waits = [f"{quantile(self.waits_s, part) * 1000:.0f}" for part in (0.5, 0.99, 1.0)]
        rest = [f"{self.cores:.3f}", f"{self.per_s:.1f}", f"{self.backlog_sent}"]
        return [
            self.who,
            *waits,
            f"{self.missing}",
            *rest,
            f"{self.peak_mb:.0f}",
            f"{self.load:.1f}",
        ]


def run(folder: Path, bootstrap: str, rate: int, seconds: int, backlog: int) -> int:
    """Pace the live cohorts alone and beside a backlog; 1 when that costs too much."""
    setup = Setup(folder, bootstrap, "", {}, requests_per_hour=BRAZE_QUOTA, reserve=RESERVE)
    found = [_live(setup, rate, seconds, waiting) for waiting in (0, backlog)]
    alone, beside = (quantile(each.waits_s, 0.99) for each in found)
    rows = [each.cells() for each in found]
    print(show(HEAD, rows))
    document = {"rows": [dict(zip(HEAD, row, strict=True)) for row in rows], "backlog": backlog}
    print(f"p99 beside / alone: {beside / alone:.2f}; saved: {save('beside', document)}")
    return 1 if beside > RATIO_MAX * alone or any(each.missing for each in found) else 0


def _live(setup: Setup, rate: int, seconds: int, backlog: int) -> Lived:
    topic = new_topic(setup.bootstrap)
    produce_all(producer(setup.bootstrap), topic, _backlog(backlog))
    live = changes(LIVE, LIVE_PARTITIONS)
    with Braze(setup.folder, quota=BRAZE_QUOTA) as braze:
        here = replace(setup, braze_url=braze.url, input=WORKLOADS["flat"].input(topic))
        with Daemon(here, resume=True) as daemon:
            daemon.wait_until_ready()
            warm = pace(daemon, live, rate, WARM_UP_S)
            before, since = sum(requests(braze).values()), _next(braze)
            produced = pace(daemon, live, rate, seconds)
            load = os.getloadavg()[0]
            per_s = (sum(requests(braze).values()) - before) / seconds
            peak_mb = daemon.child.rss_mb()
            with contextlib.suppress(AssertionError):  # Counted below as missing.
                wanted = len(produced.at_s) + len(warm.at_s)
                wait_until("all live members", lambda: _live_count(braze) >= wanted, LATE_S)
            found = applied(braze, since)
            sent = braze.counts().get(BACKLOG, 0)
    waits = waits_s(produced, found)
    who = "beside a backlog" if backlog else "alone"
    missing = len(produced.at_s) - len(waits)
    return Lived(who, waits, missing, produced.cpu_s / seconds, per_s, sent, peak_mb, load)


def _next(braze: Braze) -> int:
    """Return the number of the request that is applied next."""
    since = 0
    while (page := braze.get(f"history?since={since}"))["requests"]:
        since = page["next"]
    return since


def _live_count(braze: Braze) -> int:
    return sum(count for cohort, count in braze.counts().items() if cohort != BACKLOG)


def _backlog(count: int) -> Iterator[Placed]:
    for number in range(count):
        yield 0, *native(BACKLOG, f"b{number:023d}", _T0_MS + number, add=True)
