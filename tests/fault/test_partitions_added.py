"""Partitions that are added to a topic while daemons read it under load."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Self

from confluent_kafka import Producer
from confluent_kafka.cimpl import NewPartitions

from tests.support import topics
from tests.support.processes import wait_until
from tests.support.stage import add

if TYPE_CHECKING:
    from tests.support.daemon import DaemonProcess
    from tests.support.stage import Stage

BEFORE, AFTER = 4, 8
REQUESTS_PER_HOUR = 36_000  # Ten a second, so that a share is easily told from the whole.


class _Load:
    """A producer that appends to the first partitions without end, about 500 records a second."""

    def __init__(self, stage: Stage) -> None:
        self.users: set[str] = set()
        self._stage = stage
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        producer = Producer({"bootstrap.servers": self._stage.bootstrap, "linger.ms": 5})
        while not self._stopping.wait(0.02):
            for number in range(10):
                user = f"u{len(self.users)}"
                producer.produce(self._stage.topic, add("load", user), partition=number % BEFORE)
                self.users.add(user)
            producer.poll(0)
        assert producer.flush(topics.TIMEOUT_S) == 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()


def _add_partitions(stage: Stage) -> None:
    admin = topics.admin_of(stage.bootstrap)
    admin.create_partitions([NewPartitions(stage.topic, AFTER)])[stage.topic].result(
        topics.TIMEOUT_S
    )


def _budget(daemon: DaemonProcess) -> float:
    found: float = daemon.status()["quota"]["budget_per_s"]
    return found


def test_row_33_they_are_read_from_their_first_record_and_shared_out(each_stage: Stage) -> None:
    stage = each_stage
    changes = {"start": "latest", "delivery.requests_per_hour": REQUESTS_PER_HOUR}
    daemons = [stage.start(changes), stage.start(changes)]
    for daemon in daemons:
        daemon.wait_until_assigned(BEFORE // 2)
    whole = sum(_budget(daemon) for daemon in daemons)

    with _Load(stage) as load:
        wait_until("the load flows", lambda: stage.simulator.members("load"))
        _add_partitions(stage)
        for number in range(BEFORE, AFTER):  # Before anybody reads them, and `start` is latest.
            values = [add("new", f"u{number}-{n}") for n in range(50)]
            topics.produce(stage.bootstrap, stage.topic, values, partition=number)
        for daemon in daemons:
            daemon.wait_until_assigned(AFTER // 2)
            daemon.wait_for_line("partitions_added", topic=stage.topic, before=BEFORE, now=AFTER)
        stage.wait_members(new={f"u{p}-{n}" for p in range(BEFORE, AFTER) for n in range(50)})

    stage.wait_members(load=load.users)
    assert sum(_budget(daemon) for daemon in daemons) <= whole * 1.001
    delivered = stage.deliveries()
    assert len(delivered) == len(set(delivered))
    for daemon in daemons:
        assert "cohortd_partitions_added_total 4.0" in daemon.get("/metrics")[1]
        assert daemon.terminate() == 0
    assert sum(offset for offset, _ in stage.committed(AFTER).values()) == len(load.users) + 200
