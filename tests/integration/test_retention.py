"""How long what is not delivered lasts, on a real Apache Kafka that deletes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from confluent_kafka import Producer
from prometheus_client.parser import text_string_to_metric_families

from tests.support import topics
from tests.support.processes import wait_until
from tests.support.stage import add

if TYPE_CHECKING:
    from tests.support.daemon import DaemonProcess
    from tests.support.stage import Stage

HOUR_S = 3_600.0
WEEK_S = 7 * 24 * HOUR_S
NEAR_S = 120.0


def told(daemon: DaemonProcess, name: str, partition: int = 0) -> float | None:
    """Return the daemon's number for a partition of its topic, None where it has no series."""
    families = text_string_to_metric_families(daemon.get("/metrics")[1])
    return next(
        (
            sample.value
            for family in families
            for sample in family.samples
            if sample.name == f"cohortd_{name}" and sample.labels["partition"] == str(partition)
        ),
        None,
    )


def headroom_s(daemon: DaemonProcess) -> float | None:
    return told(daemon, "retention_headroom_seconds")


def test_a_daemon_tells_where_the_log_begins_and_how_long_its_records_last(
    real_stage: Stage,
) -> None:
    stage = real_stage
    topics.alter_topic(stage.bootstrap, stage.topic, retention_ms=str(round(WEEK_S * 1000)))
    stage.produce(*(add("vip", f"u{number}") for number in range(5)))
    daemon = stage.start()
    stage.wait_members(vip={f"u{number}" for number in range(5)})

    wait_until("all of the retention is left", lambda: headroom_s(daemon) == WEEK_S)
    assert told(daemon, "log_start_offset") == 0.0
    assert told(daemon, "log_start_offset", 3) == 0.0
    topics.delete_records(stage.bootstrap, stage.topic, 0, before=3)
    wait_until("the log begins later", lambda: told(daemon, "log_start_offset") == 3.0)
    assert headroom_s(daemon) == WEEK_S

    stage.simulator.set_faults("status=503")
    producer = Producer({"bootstrap.servers": stage.bootstrap, "log_level": 0})
    two_hours_ago_ms = round((time.time() - 2 * HOUR_S) * 1000)
    producer.produce(stage.topic, add("vip", "old"), partition=0, timestamp=two_hours_ago_ms)
    assert producer.flush(topics.TIMEOUT_S) == 0
    left_s = wait_until(
        "what waits is two hours old",
        lambda: left_s if (left_s := headroom_s(daemon) or 0.0) < WEEK_S - HOUR_S else None,
    )
    assert WEEK_S - 2 * HOUR_S - NEAR_S < left_s <= WEEK_S - 2 * HOUR_S

    topics.delete_records(stage.bootstrap, stage.topic, 0, before=6)
    wait_until("it is gone from the log", lambda: headroom_s(daemon) == 0.0)
    assert told(daemon, "committed_offset") == 5.0
    stage.simulator.set_faults()
    stage.wait_members(vip={f"u{number}" for number in range(5)} | {"old"})  # Read in time.
    wait_until("nothing waits any more", lambda: headroom_s(daemon) == WEEK_S)
    assert daemon.terminate() == 0
