"""What many cohorts cost: the start with all of their names remembered, and memory.

The simulator is new each time and knows none of them, so those that are sent from are announced at
their first refusal: the column shows that too.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass, replace
from pathlib import Path

from daemon.config.settings import load
from tests.bench.daemon_run import Braze, Daemon, Setup, new_group
from tests.bench.logs import new_topic, producer
from tests.bench.table import save, show
from tests.bench.workloads import native

SENT = 1_000  # So many of them get a member; each is a request of its own.
HEAD = (
    "names topic",
    "ready s",
    "RSS MB then",
    "remembered",
    "sent",
    "RSS MB after",
    "kB a cohort sent",
    "announcements",
    "s",
)


@dataclass(frozen=True, slots=True)
class Found:
    """One run."""

    ready_s: float
    ready_mb: float
    remembered: int
    sent_mb: float
    announced: int
    sent_s: float

    def row(self, name: str) -> list[str]:
        each_kb = (self.sent_mb - self.ready_mb) * 1024 / SENT
        told = [f"{self.ready_s:.1f}", f"{self.ready_mb:.0f}", f"{self.remembered}", f"{SENT}"]
        told += [f"{self.sent_mb:.0f}", f"{each_kb:.1f}", f"{self.announced}", f"{self.sent_s:.0f}"]
        return [name, *told]


def run(folder: Path, bootstrap: str, cohorts: int) -> int:
    """Measure with a topic of names and without."""
    names = new_topic(bootstrap)
    rows = []
    for topic in (None, names):
        setup = Setup(folder, bootstrap, "", {"topic": new_topic(bootstrap)}, names_topic=topic)
        found = _measure(setup, cohorts)
        rows.append(found.row("yes" if topic else "no"))
    print(show(HEAD, rows))
    found_all = {"rows": [dict(zip(HEAD, row, strict=True)) for row in rows]}
    print(f"saved: {save('cohorts', found_all)}")
    return 0


def _fill(setup: Setup, topic: str, cohorts: int) -> None:
    to = producer(setup.bootstrap)
    _, file = new_group(setup, resume=False)
    fingerprint = load([file], {}).fingerprint
    for number in range(cohorts):
        key = json.dumps([fingerprint, f"c{number}"]).encode()
        to.produce(topic, json.dumps({"name": f"Cohort {number}"}).encode(), key)
        to.poll(0)
    assert to.flush(60) == 0


def _measure(setup: Setup, cohorts: int) -> Found:
    with Braze(setup.folder) as braze:
        own = replace(setup, braze_url=braze.url)
        if own.names_topic is not None:
            _fill(own, own.names_topic, cohorts)
        begun_s = time.perf_counter()
        with Daemon(own, resume=True) as daemon:
            daemon.wait_until_ready()
            ready_s, ready_mb = time.perf_counter() - begun_s, daemon.child.rss_mb()
            to, sent_s = producer(own.bootstrap), time.perf_counter()
            for number in range(SENT):
                key, value = native(f"c{number}", "u1", 1_764_000_000_000, add=True)
                to.produce(own.topic, value, key)
            assert to.flush(60) == 0
            daemon.child.wait_for("all", lambda: sum(braze.counts().values()) >= SENT, 600.0)
            took_s, sent_mb = time.perf_counter() - sent_s, daemon.child.rss_mb()
            remembered = re.search(r'"names_remembered".*?"cohorts":(\d+)', daemon.child.output)
            daemon.child.stop()
        announced = sum(braze.get("stats")["requests"].get("cohorts", {}).values())
    count = int(remembered[1]) if remembered else 0
    return Found(ready_s, ready_mb, count, sent_mb, announced, took_s)
