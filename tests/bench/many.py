"""How fresh 500 cohorts are on Braze's own quota, by the daemon itself and not its simulation."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

from tests.bench.daemon_run import Braze, Daemon, Setup
from tests.bench.logs import PARTITIONS, new_topic
from tests.bench.pacing import applied, changes, pace, quantile, requests, waits_s
from tests.bench.packing import Load
from tests.bench.table import save, show
from tests.bench.workloads import WORKLOADS

COHORTS = 500
BRAZE_QUOTA, RESERVE = 250_000, 0.1
WARM_UP_S = 30  # All are announced in it.
BEST_MAX = 1.3

_HEAD = ("cohorts", "ev/s", "s", "best p99 s", "p50 s", "p99 s", "max s", "x best", "requests/s")
_MORE = ("429", "cores", "RSS MB", "load")
HEAD = (*_HEAD, *_MORE)


def run(folder: Path, bootstrap: str, rate: int, seconds: int) -> int:
    """Pace events through a daemon on a quota that is enforced; 1 when it is not well spent."""
    best_s = Load("paced", (1.0,) * COHORTS, rate=rate).best_p99_s()
    topic = new_topic(bootstrap)
    found = changes([f"cohort-{number:03d}" for number in range(COHORTS)], range(PARTITIONS))
    with Braze(folder, quota=BRAZE_QUOTA) as braze:
        setup = Setup(folder, bootstrap, braze.url, WORKLOADS["flat"].input(topic))
        setup = replace(setup, requests_per_hour=BRAZE_QUOTA, reserve=RESERVE)
        # As much as this part of an hour has: whoever spends faster meets the limit.
        whole_s = WARM_UP_S + seconds + 3 * best_s
        braze.limit_quota(BRAZE_QUOTA, round(BRAZE_QUOTA / 3600 * whole_s))
        with Daemon(setup, resume=False) as daemon:
            daemon.wait_until_ready()
            pace(daemon, found, rate, WARM_UP_S)
            before = sum(requests(braze).values())
            produced = pace(daemon, found, rate, seconds)
            per_s = (sum(requests(braze).values()) - before) / seconds
            load, rss_mb = os.getloadavg()[0], daemon.child.rss_mb()
            pace(daemon, found, rate, 2 * best_s)  # The last of them leave as all others did.
            waits = waits_s(produced, applied(braze))
            refused = sum(requests(braze, end).get("429", 0) for end in ("users", "cohorts"))
    # What is not there yet is at least as old as it is now.
    now_s = time.time()
    waits += sorted(now_s - at_s for at_s in list(produced.at_s.values())[len(waits) :])
    p50, p99, most = (quantile(waits, part) for part in (0.5, 0.99, 1.0))
    row = [f"{COHORTS}", f"{rate}", f"{seconds}", f"{best_s:.1f}", f"{p50:.1f}", f"{p99:.1f}"]
    row += [f"{most:.1f}", f"{p99 / best_s:.2f}", f"{per_s:.1f}", f"{refused}"]
    row += [f"{produced.cpu_s / seconds:.3f}", f"{rss_mb:.0f}", f"{load:.1f}"]
    print(show(HEAD, [row]))
    print(f"saved: {save('many', dict(zip(HEAD, row, strict=True)))}")
    return 1 if refused or p99 > BEST_MAX * best_s else 0
