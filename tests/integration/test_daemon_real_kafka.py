"""The whole daemon on a real Apache Kafka."""

from __future__ import annotations

import itertools
import threading
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Producer

from daemon.core.model import Alias, Device
from tests.support import topics
from tests.support.processes import wait_until
from tests.support.stage import add, remove

if TYPE_CHECKING:
    from tests.support.stage import Stage


def test_members_flow_and_a_restart_repeats_nothing(each_stage: Stage) -> None:
    stage = each_stage
    stage.produce(
        add("vip", "u1", cohort_name="VIPs"),
        add("vip", alias={"name": "a", "label": "email"}),
        add("vip", device_id="d1"),
        b"broken",
        remove("vip", "u9"),
    )
    stage.produce(*(add("all", f"u{number}") for number in range(1_500)), partition=3)
    daemon = stage.start()

    everyone = {f"u{number}" for number in range(1_500)}
    stage.wait_members(vip={"u1", Alias("a", "email"), Device("d1")}, all=everyone)
    assert stage.simulator.names() == {"vip": "VIPs", "all": "all"}
    [letter] = stage.letters(1)
    assert letter.value() == b"broken"
    daemon.wait_until_ready()
    stage.produce(add("vip", "u2"), remove("vip", device_id="d1"))
    # A stop delivers what was read; what was not is for whoever comes next.
    daemon.wait_for(
        "it has read all there is", lambda status: status["counters"]["records_read"] == 1_507
    )

    assert daemon.terminate() == 0

    stage.wait_members(vip={"u1", "u2", Alias("a", "email")})
    committed = stage.committed(4)
    assert {p: offset for p, (offset, _) in committed.items()} == {0: 7, 1: 0, 2: 0, 3: 1_500}
    assert all(mark.clean and mark.topic_id for _, mark in committed.values())
    since = stage.applied()
    successor = stage.start()
    successor.wait_until_assigned(4)
    stage.produce(remove("vip", "u1"), partition=0)
    stage.wait_members(vip={"u2", Alias("a", "email")})
    assert stage.deliveries(since) == [("vip", "u1", False)]
    successor.wait_for(
        "it has read one record", lambda status: status["counters"]["records_read"] == 1
    )


def test_what_is_taken_over_from_a_steady_stream_waits_for_no_more_than_there_is(
    each_stage: Stage,
) -> None:
    """The intent of the last owner reaches 20,000 offsets further than he has sent."""
    stage = each_stage
    over = threading.Event()

    def stream() -> None:
        for number in itertools.takewhile(lambda _: not over.wait(0.002), itertools.count()):
            stage.produce(add("vip", f"u{number}"))

    thread = threading.Thread(target=stream)
    thread.start()
    try:
        first = stage.start()
        wait_until("it delivers", lambda: stage.simulator.members("vip"))
        assert first.terminate() == 0
        before = len(stage.simulator.members("vip"))
        stage.start()
        wait_until(
            "the next one delivers", lambda: len(stage.simulator.members("vip")) > before, 20.0
        )
    finally:
        over.set()
        thread.join()


def test_a_rolling_restart_of_two_delivers_no_change_twice(each_stage: Stage) -> None:
    stage = each_stage
    running = [stage.start(), stage.start()]
    for daemon in running:
        daemon.wait_until_assigned(2)
    expected = set()
    for number in range(300):
        stage.produce(add("vip", f"u{number}"), partition=number % 4)
        expected.add(f"u{number}")
        if number in (100, 200):
            assert running.pop(0).terminate() == 0
            running.append(stage.start())

    stage.wait_members(vip=expected)
    for daemon in running:
        daemon.wait_until_assigned(2)
    delivered = stage.deliveries()
    assert len(delivered) == len(set(delivered)) == 300
    assert all(daemon.terminate() == 0 for daemon in running)
    assert sum(offset for offset, _ in stage.committed(4).values()) == 300


def test_after_a_kill_another_takes_over_and_ends_right(real_stage: Stage) -> None:
    stage = real_stage
    stage.simulator.set_faults("delay=50ms,jitter=200ms")
    victim, witness = stage.start(), stage.start()
    for daemon in (victim, witness):
        daemon.wait_until_assigned(2)
    expected: set[str] = set()
    for number in range(600):
        user = f"u{number % 151}"
        joins = number % 3 != 0
        stage.produce((add if joins else remove)("vip", user), partition=number % 151 % 4)
        (expected.add if joins else expected.discard)(user)
        if number == 300:
            victim.kill()

    stage.wait_members(vip=expected, timeout_s=45.0)
    witness.wait_for("nothing is pending", lambda status: not status["pending"])
    assert witness.terminate() == 0
    assert sum(offset for offset, _ in stage.committed(4).values()) == 600
    assert stage.simulator.members("vip") == expected


def test_aborted_records_are_never_seen_and_open_ones_only_when_committed(
    real_stage: Stage,
) -> None:
    stage = real_stage
    for name, commit in (("c1", True), ("aborted", False), ("c2", True)):
        topics.produce_transaction(stage.bootstrap, stage.topic, [add("vip", name)], commit=commit)
    daemon = stage.start()
    stage.wait_members(vip={"c1", "c2"})
    wait_until("control records are passed", lambda: stage.committed_offset() == 6)

    producer = Producer(
        {"bootstrap.servers": stage.bootstrap, "transactional.id": topics.unique("txn")}
    )
    producer.init_transactions(topics.TIMEOUT_S)
    producer.begin_transaction()
    producer.produce(stage.topic, add("vip", "c3"), partition=0)
    producer.flush(topics.TIMEOUT_S)
    stage.produce(add("vip", "behind"))  # Behind the open transaction, so not to be read either.
    stage.produce(add("vip", "elsewhere"), partition=1)
    stage.wait_members(vip={"c1", "c2", "elsewhere"})
    row = daemon.wait_for_partition("it has read on", lambda row: row["position"] == 6)
    assert row["state"] == "assigned"
    producer.commit_transaction(topics.TIMEOUT_S)

    stage.wait_members(vip={"c1", "c2", "c3", "behind", "elsewhere"})
    assert daemon.terminate() == 0
    offset, mark = stage.committed()[0]
    assert (offset, mark.clean) == (9, True)


def test_a_position_that_retention_took_parks_its_partition_and_the_others_go_on(
    real_stage: Stage,
) -> None:
    stage = real_stage
    stage.produce(*(add("vip", f"u{number}") for number in range(10)))
    first = stage.start()
    stage.wait_members(vip={f"u{number}" for number in range(10)})
    assert first.terminate() == 0
    stage.produce(*(add("vip", f"lost{number}") for number in range(5)))
    topics.delete_records(stage.bootstrap, stage.topic, 0, before=13)

    second = stage.start()
    stage.produce(add("other", "u1"), partition=1)

    stage.wait_members(other={"u1"})
    status = second.wait_for_reason("parked")
    assert [row["partition"] for row in status["partitions"] if row["state"] == "parked"] == [0]
    assert second.terminate() == 0
    assert len(second.log_lines("partition_parked")) == 1
    assert stage.committed()[0][0] == 10


def test_a_topic_made_anew_is_read_from_its_first_record(real_stage: Stage) -> None:
    stage = real_stage
    stage.produce(add("vip", "u1"), add("vip", "u2"))
    first = stage.start()
    stage.wait_members(vip={"u1", "u2"})
    assert first.terminate() == 0
    topics.make_anew(stage.bootstrap, stage.topic, 4)  # The broker forgets the group's offsets.
    stage.produce(*(add("vip", f"new{number}") for number in range(5)))

    second = stage.start()

    stage.wait_members(vip={"u1", "u2", *(f"new{number}" for number in range(5))})
    assert second.terminate() == 0
    offset, mark = stage.committed()[0]
    assert (offset, mark.clean) == (5, True)


@pytest.mark.parametrize("start", ["latest", "2037-01-01T00:00:00Z"])
def test_start_decides_for_a_topic_that_the_group_has_never_seen(
    real_stage: Stage, start: str
) -> None:
    stage = real_stage
    stage.produce(add("vip", "before"))
    daemon = stage.start({"start": start})
    daemon.wait_until_assigned(4)

    stage.produce(add("vip", "after"))

    stage.wait_members(vip={"after"})
