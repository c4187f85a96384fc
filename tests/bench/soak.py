"""Whether a daemon's memory stays where it is: a steady load, and a line through its samples.

The first fifth of the time is left out: the allocator, the Kafka client's buffers and the metrics
of each cohort reach their size in it. Memory is had in steps of up to a mebibyte, so a run of
minutes tells a leak that is large, and only one of an hour is held to a mebibyte an hour: see
`grows_too_fast`.
"""

from __future__ import annotations

import itertools
import random
import time
from dataclasses import replace

from tests.bench.daemon_run import Braze, Daemon, Setup
from tests.bench.logs import new_topic, producer
from tests.bench.slope import SLOPE_MAX, grows_too_fast, slope_of
from tests.bench.table import save, show
from tests.bench.workloads import WORKLOADS, Fold
from tests.support.processes import wait_until

SAMPLE_EVERY_S = 2.0
TICK_S = 0.05

HEAD = ("seconds", "ev/s", "records", "RSS MiB from", "to", "MiB an hour", "±", "exact")


def run(setup: Setup, rate: int, seconds: int) -> int:
    """Load a daemon steadily; 1 when its memory grows too fast, or something is wrong."""
    topic = new_topic(setup.bootstrap)
    workload, fold = WORKLOADS["flat"], Fold()
    setup = replace(setup, input=workload.input(topic))
    with Braze(setup.folder) as braze:
        setup = replace(setup, braze_url=braze.url)
        with Daemon(setup, resume=True) as daemon:
            daemon.wait_until_ready()
            samples = _pace(setup, rate, seconds, fold, daemon)
            wait_until("all members", lambda: braze.holds(fold.members()), 120.0)
            daemon.child.stop()
        wrong = {name: n for name, n in braze.get("stats")["violations"].items() if n}
    settled = [sample for sample in samples if sample[0] >= seconds / 5]
    slope = slope_of(settled)
    row = [f"{seconds}", f"{rate}", f"{rate * seconds}", f"{settled[0][1]:.1f}"]
    row += [f"{settled[-1][1]:.1f}", f"{slope.an_hour:+.2f}", f"{2 * slope.error:.2f}"]
    row += ["NO" if wrong else "yes"]
    print(show(HEAD, [row]))
    print(f"saved: {save('soak', {'samples': samples, **dict(zip(HEAD, row, strict=True))})}")
    grows = grows_too_fast(slope, settled[-1][0] - settled[0][0], seconds)
    if grows:
        print(f"memory grows too fast: {row[5]} ± {row[6]} MiB an hour, at most {SLOPE_MAX:g}")
    return int(bool(wrong) or grows)


def _pace(
    setup: Setup, rate: int, seconds: int, fold: Fold, daemon: Daemon
) -> list[tuple[float, float]]:
    """Produce at a steady rate, and return (seconds, MiB) of the daemon."""
    records = WORKLOADS["flat"].records(rate * seconds, random.randrange(2**32), fold)
    to = producer(setup.bootstrap)
    samples: list[tuple[float, float]] = []
    begun_s, sent = time.perf_counter(), 0
    while sent < rate * seconds:
        late_s = time.perf_counter() - begun_s
        due = max(0, int(late_s * rate) - sent)
        for key, value in itertools.islice(records, due):
            to.produce(setup.topic, value, key)
            sent += 1
        to.poll(0)
        if late_s >= len(samples) * SAMPLE_EVERY_S:
            samples.append((late_s, daemon.child.rss_mb()))
        time.sleep(TICK_S)
    assert to.flush(60) == 0
    return samples
