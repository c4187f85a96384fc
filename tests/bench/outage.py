"""What an outage of Braze costs, and how fast a daemon comes back from it.

Changes come all the while, so the memory cap is met and the log grows. Catching up is compared
with the peak: another daemon draining the very same log, with a Braze that is well, on the same
machine in the same run. Both are timed from their first accepted update, so how long the end of
the outage takes to be noticed stands apart.
"""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.bench.daemon_run import Braze, Daemon, Setup
from tests.bench.logs import Log, new_topic, producer
from tests.bench.table import save, show
from tests.bench.workloads import WORKLOADS, Fold, Record

PENDING_MAX = 100_000  # Met soon: what an outage costs from then on is what it costs for ever.
CAUGHT_UP_WITHIN_S = 1_800.0
RATIO_MIN = 0.8
GROWTH_MB_MAX = 16.0
TICK_S = 0.05
SAMPLE_EVERY_S = 5.0

HEAD = (
    "outage s",
    "ev/s",
    "records",
    "RSS MB at the cap",
    "at the end",
    "noticed s",
    "catch-up /s",
    "peak /s",
    "ratio",
)


@dataclass(slots=True)
class Memory:
    """The daemon's resident memory since its pending changes have reached the cap."""

    samples_mb: list[float] = field(default_factory=list)

    @property
    def grown_mb(self) -> float:
        """Return how far the last tenth lies above the first."""
        part = max(1, len(self.samples_mb) // 10)
        first, last = self.samples_mb[:part], self.samples_mb[-part:]
        return sum(last) / part - sum(first) / part


def run(folder: Path, bootstrap: str, rate: int, seconds: int) -> int:
    """Let Braze be away for so long; 1 when what must hold after it does not."""
    topic = new_topic(bootstrap)
    workload = WORKLOADS["flat"]
    fold = Fold()
    records = workload.records(rate * seconds, random.randrange(2**32), fold)
    setup = Setup(folder, bootstrap, "", workload.input(topic), pending_max=PENDING_MAX)
    with Braze(folder) as braze:
        setup = replace(setup, braze_url=braze.url)
        with Daemon(setup, resume=True) as daemon:
            daemon.wait_until_ready()
            braze.set_faults("status=503")
            memory = _pace(setup, records, rate, daemon)
            log = Log(workload, topic, rate * seconds, fold.members(), fold.requests_min())
            braze.set_faults()
            noticed_s, caught_up_s = _timed(braze, daemon, log)
            daemon.child.stop()
    with Braze(folder) as braze:
        setup = replace(setup, braze_url=braze.url)
        with Daemon(setup, resume=True) as daemon:
            _, drained_s = _timed(braze, daemon, log)
            daemon.child.stop()
    ratio = drained_s / caught_up_s
    row = [f"{seconds}", f"{rate}", f"{log.records}"]
    row += [f"{memory.samples_mb[0]:.1f}", f"{memory.samples_mb[-1]:.1f}", f"{noticed_s:.1f}"]
    row += [f"{log.records / caught_up_s:.0f}", f"{log.records / drained_s:.0f}", f"{ratio:.2f}"]
    print(show(HEAD, [row]))
    saved = save("outage", dict(zip(HEAD, row, strict=True)))
    print(f"memory at the cap {memory.grown_mb:+.1f} MB; saved: {saved}")
    return 0 if ratio >= RATIO_MIN and memory.grown_mb <= GROWTH_MB_MAX else 1


def _pace(setup: Setup, records: Iterator[Record], rate: int, daemon: Daemon) -> Memory:
    """Produce all of them at a steady rate, and watch the daemon's memory from the cap on."""
    memory = Memory()
    to = producer(setup.bootstrap)
    begun_s, sent, next_sample_s = time.time(), 0, 0.0
    while True:
        due = int((time.time() - begun_s) * rate) - sent
        batch = list(itertools.islice(records, max(0, due)))
        if due > 0 and not batch:
            break
        for key, value in batch:
            to.produce(setup.topic, value, key)
        sent += len(batch)
        to.poll(0)
        if sent > 1.5 * PENDING_MAX and time.time() >= next_sample_s:
            memory.samples_mb.append(daemon.child.rss_mb())
            next_sample_s = time.time() + SAMPLE_EVERY_S
        time.sleep(TICK_S)
    assert to.flush(60) == 0
    assert memory.samples_mb, f"{sent} records never met the cap of {PENDING_MAX}: take longer"
    return memory


def _timed(braze: Braze, daemon: Daemon, log: Log) -> tuple[float, float]:
    """Return how long the first accepted update took from now, and from there all of them."""
    begun_s = time.perf_counter()
    daemon.child.wait_for("a first update", lambda: any(braze.counts().values()), 60.0)
    first_s = time.perf_counter()
    daemon.child.wait_for("the log", lambda: braze.holds(log.members), CAUGHT_UP_WITHIN_S)
    return first_s - begun_s, time.perf_counter() - first_s
