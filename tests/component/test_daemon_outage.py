"""The whole daemon: Braze away for long, or refusing everybody, with changes coming all the while.

`OUTAGE_S` says for how long: 20 s in the suite. `python -m tests.bench --outage` is the long one.
"""

from __future__ import annotations

import itertools
import os
import re
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from daemon.core.health import OUTAGE_PROBE_S
from daemon.core.pacer import COOL_DOWN_S_MAX
from tests.support.processes import wait_until
from tests.support.stage import add, remove

if TYPE_CHECKING:
    from tests.support.daemon import DaemonProcess
    from tests.support.stage import Stage

OUTAGE_S = float(os.environ.get("OUTAGE_S", "20"))
RESUME_S = 30.0
GROWTH_MIB_MAX = 24.0
COHORTS = ("a", "b", "c", "d")


class Traffic:
    """Changes of 4 x 500 members, over and over, and what they must come to."""

    def __init__(self, stage: Stage) -> None:
        self.expected: dict[str, set[str]] = {cohort: set() for cohort in COHORTS}
        self._stage = stage
        self._number = 0

    def produce(self, changes: int) -> None:
        for _ in range(changes):
            self._number += 1
            cohort, user = COHORTS[self._number % 4], f"u{self._number // 4 % 500}"
            joins = self._number % 7 != 0
            partition = self._number % 4
            self._stage.produce((add if joins else remove)(cohort, user), partition=partition)
            members = self.expected[cohort]
            (members.add if joins else members.discard)(user)


def rss_mib(daemon: DaemonProcess) -> float:
    text = daemon.get("/metrics")[1]
    found = re.search(r"^process_resident_memory_bytes (.*)$", text, re.MULTILINE)
    assert found is not None
    return float(found[1]) / 2**20


def arrivals(stage: Stage, since_s: float) -> list[float]:
    """Return when requests arrived from then on, in Unix time."""
    return [r.arrived_at_s for r in stage.simulator.seen() if r.arrived_at_s >= since_s]


def test_an_outage_costs_no_memory_no_partition_and_few_requests(wide_stage: Stage) -> None:
    stage = wide_stage
    traffic = Traffic(stage)
    daemon = stage.start()
    daemon.wait_until_assigned(4)
    traffic.produce(4_000)
    stage.wait_members(traffic.expected)

    stage.simulator.set_faults("status=503")
    traffic.produce(100)
    daemon.wait_for_reason("braze", timeout_s=60.0)
    declared_s, before_mib = time.time(), rss_mib(daemon)
    while time.time() < declared_s + OUTAGE_S:
        traffic.produce(40)
        assert daemon.get("/livez")[0] == 200
        assert daemon.get("/readyz")[0] == 200  # Braze's outage is no fault of this replica's.
    grown_mib = rss_mib(daemon) - before_mib
    ended_s = time.time()
    probes = [at_s for at_s in arrivals(stage, declared_s + OUTAGE_PROBE_S) if at_s < ended_s]
    stage.simulator.set_faults()

    stage.wait_members(traffic.expected, timeout_s=60.0)

    resumed_s = time.time() - ended_s
    print(f"{len(probes)} probes, {grown_mib:+.1f} MiB, whole again in {resumed_s:.1f} s")
    gaps = [later - earlier for earlier, later in itertools.pairwise(probes)]
    assert all(gap > OUTAGE_PROBE_S - 0.5 for gap in gaps)
    assert probes
    assert grown_mib < GROWTH_MIB_MAX
    assert resumed_s < RESUME_S
    assert len(daemon.log_lines("partitions_assigned")) == 1
    assert not daemon.log_lines("partitions_revoked") + daemon.log_lines("partitions_lost")
    wait_until("all is committed", lambda: not daemon.status()["pending"])


@pytest.mark.parametrize(("status", "reason"), [(403, "forbidden"), (404, "not_found")])
def test_a_refusal_of_everything_is_a_hold_that_ends_by_itself(
    stage: Stage, status: int, reason: str
) -> None:
    stage.simulator.set_faults(f"status={status}")
    stage.produce(add("vip", "u1"), add("other", "u1"))
    daemon = stage.start()

    held = daemon.wait_for_reason(reason)
    assert held["ready"] is False
    assert held["live"] is True
    assert daemon.status()["counters"]["dead_letters"] == 0
    assert (stage.committed_offset() or 0) == 0

    stage.simulator.set_faults()
    stage.wait_members(vip={"u1"}, other={"u1"}, timeout_s=RESUME_S)
    daemon.wait_until_ready()
    wait_until("the offset follows", lambda: stage.committed_offset() == 2)


@pytest.mark.parametrize("reset", ["none", "malformed", "past"])
def test_a_429_without_a_usable_reset_is_tried_again_soon(stage: Stage, reset: str) -> None:
    stage.simulator.set_faults(f"status=429,reset={reset},count=3,endpoint=users")
    stage.produce(add("vip", "u1"))
    stage.start()

    stage.wait_members(vip={"u1"})

    seen = [r for r in stage.simulator.seen() if r.outcome in ("429", "201")]
    times = [request.arrived_at_s for request in seen if request.endpoint == "users"]
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert len(gaps) == 3
    assert all(gap >= 0.9 for gap in gaps)  # Never at once.


def test_a_429_whose_reset_is_years_away_holds_for_about_an_hour(stage: Stage) -> None:
    stage.simulator.set_faults("status=429,reset=far,endpoint=users")
    stage.produce(add("vip", "u1"))
    daemon = stage.start()

    [wait] = [w for w in daemon.wait_for_reason("quota")["waits"] if w["reason"] == "quota"]

    found = re.fullmatch(r"for (\d+) s", wait["detail"])
    assert found is not None
    assert COOL_DOWN_S_MAX - 60.0 < float(found[1]) <= COOL_DOWN_S_MAX


def test_one_of_three_that_is_flooded_uses_its_own_share_and_no_more(wide_stage: Stage) -> None:
    stage = wide_stage
    per_hour, seconds = 36_000, 15.0
    share_per_s = per_hour * 0.9 * 0.97 / 3600 / 4
    changes = {"delivery.requests_per_hour": per_hour, "delivery.max_in_flight": 4}
    daemons = [stage.start(changes) for _ in range(3)]
    wait_until(
        "the partitions are shared out",
        lambda: sorted(len(d.status()["partitions"]) for d in daemons) == [1, 1, 2],
    )
    for daemon in daemons:
        daemon.wait_for("its share is known", lambda s: _has_share(s, per_hour))
    flooded = next(d for d in daemons if len(d.status()["partitions"]) == 1)
    partition = flooded.status()["partitions"][0]["partition"]

    stage.produce(*(add(f"c{number}", "u1") for number in range(500)), partition=partition)
    wait_until("it is at work", lambda: len(stage.simulator.seen()) > 8)
    begun_s = time.time()
    wait_until("it has worked", lambda: time.time() > begun_s + seconds, seconds + 30.0)

    used = [at_s for at_s in arrivals(stage, begun_s) if at_s < begun_s + seconds]
    used_per_s = len(used) / seconds
    print(f"used {used_per_s:.2f} of {share_per_s:.2f} requests a second")
    assert 0.9 * share_per_s <= used_per_s <= share_per_s + 1 / seconds
    assert Counter(d.status()["counters"]["requests"] > 0 for d in daemons)[True] == 1


def _has_share(status: dict[str, object], per_hour: int) -> bool:
    partitions, quota = status["partitions"], status["quota"]
    assert isinstance(partitions, list)
    assert isinstance(quota, dict)
    budget = per_hour * 0.9 * 0.97 / 3600 * len(partitions) / 4
    return abs(float(quota["budget_per_s"]) - budget) < 0.1
