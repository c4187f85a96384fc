"""A broker that stays connected and answers nobody: the loop turns, nothing is lost (G6, G10, G14).

`FREEZE_S` says for how long it is frozen: 15 s in the suite, 60 s in long runs. The group's
session is 6 s, so the daemon loses its partitions meanwhile and its lease after 1.5 s.
"""

from __future__ import annotations

import os
import re
import signal
import time
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import KafkaException

from tests.support.processes import wait_until
from tests.support.stage import Stage, add, stage_at
from tests.support.topics import create_topic

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.brokers import KafkaServer
    from tests.support.daemon import DaemonProcess

FREEZE_S = float(os.environ.get("FREEZE_S", "15"))
LEASE_S = 1.5
REQUEST_S = 2.0
GRACE_S = 10.0


@pytest.fixture
def stage(kafka_server: KafkaServer, tmp_path: Path) -> Iterator[Stage]:
    def create(topic: str, partitions: int) -> str:
        return create_topic(kafka_server.bootstrap, partitions, name=topic)

    with stage_at(kafka_server.bootstrap, tmp_path, create, partitions=2) as stage:
        yield stage
    kafka_server.thaw()
    wait_until("the broker serves again", lambda: _serves(kafka_server), 120.0)


def _serves(server: KafkaServer) -> bool:
    """Tell whether it does what the next test asks for; a thawed one registers anew first."""
    try:
        create_topic(server.bootstrap)
    except (KafkaException, TimeoutError):
        return False
    return True


def turns(daemon: DaemonProcess) -> dict[str, float]:
    """Return how many turns of the intake took at most so many seconds, by the bound's name."""
    text = daemon.get("/metrics")[1]
    rows = re.findall(r'^cohortd_intake_turn_seconds_bucket\{le="(.*)"\} (.*)$', text, re.MULTILINE)
    return {bound: float(count) for bound, count in rows}


def arrivals(stage: Stage) -> list[float]:
    """Return when requests arrived, in Unix time."""
    return [request.arrived_at_s for request in stage.simulator.seen()]


def wait_while_alive(daemon: DaemonProcess, until_s: float) -> None:
    def over() -> bool:
        assert daemon.get("/livez")[0] == 200
        return time.monotonic() >= until_s

    wait_until("the time is over", over, until_s - time.monotonic() + 30.0)


def test_while_it_is_frozen_the_loop_turns_and_afterwards_everything_arrives(
    stage: Stage, kafka_server: KafkaServer
) -> None:
    stage.simulator.set_faults("status=503,cohort=ill,endpoint=users")
    daemon = stage.start()
    daemon.wait_until_assigned(2)
    stage.produce(*(add("ill", f"u{number}") for number in range(50)))
    stage.produce(*(add("well", f"u{number}") for number in range(50)), partition=1)
    stage.wait_members(well={f"u{number}" for number in range(50)})
    before = turns(daemon)

    kafka_server.freeze()
    silent_from_s = time.time() + LEASE_S + REQUEST_S
    until_s = time.monotonic() + FREEZE_S
    daemon.wait_for_reason("lease")
    wait_while_alive(daemon, until_s)
    daemon.wait_for(
        "it says that its session is over", lambda status: status["membership"] == "joining"
    )
    after = turns(daemon)
    stage.simulator.set_faults()
    thawed_at_s, asked_before = time.time(), arrivals(stage)
    kafka_server.thaw()

    everyone = {f"u{number}" for number in range(50)}
    stage.wait_members(ill=everyone, well=everyone, timeout_s=60.0)
    resumed_s = time.time() - thawed_at_s
    assert asked_before[-1] > silent_from_s - LEASE_S - REQUEST_S - 2.0  # It was at it till then.
    assert asked_before[-1] < silent_from_s
    made = {bound: after[bound] - before[bound] for bound in after}
    slow = made["+Inf"] - made["0.5"]
    print(f"{made['+Inf']:.0f} turns, {slow:.0f} over 0.5 s; whole again in {resumed_s:.1f} s")
    assert made["+Inf"] > FREEZE_S
    assert made["1.0"] == made["+Inf"]
    assert resumed_s < 30.0
    stage.produce(add("well", "later"), partition=1)
    stage.wait_members(well={*everyone, "later"})
    wait_until("all is committed", lambda: _offsets(stage) == [50, 51])
    assert daemon.terminate() == 0


def _offsets(stage: Stage) -> list[int]:
    return [offset for _, (offset, _) in sorted(stage.committed(2).items())]


@pytest.mark.parametrize("frozen_for_s", [0.0, 8.0], ids=["just-now", "session-over"])
def test_a_stop_is_answered_in_time_and_the_next_one_loses_nothing(
    stage: Stage, kafka_server: KafkaServer, frozen_for_s: float
) -> None:
    daemon = stage.start({"window.max_age": "1h"})
    daemon.wait_until_assigned(2)
    stage.produce(*(add("vip", f"u{number}") for number in range(50)))
    daemon.wait_for("all is read", lambda status: status["counters"]["records_read"] == 50)

    kafka_server.freeze()
    wait_while_alive(daemon, time.monotonic() + frozen_for_s)
    begun_s = time.monotonic()
    daemon.signal(signal.SIGTERM)

    assert daemon.wait() == 0
    took_s = time.monotonic() - begun_s
    print(f"stopped in {took_s:.1f} s of a grace of {GRACE_S:.0f} s")
    assert took_s < GRACE_S + 2.0
    assert len(daemon.log_lines("drain_started")) == 1
    kafka_server.thaw()
    stage.start()
    stage.wait_members(vip={f"u{number}" for number in range(50)}, timeout_s=60.0)
