"""A topic that is deleted and made anew under a running daemon: parked, told, and continued."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import TopicCollection

from daemon.core.intent import Mark
from daemon.core.takeover import MADE_ANEW
from tests.support import topics
from tests.support.offsets_command import committed, offsets
from tests.support.stage import add

if TYPE_CHECKING:
    from tests.support.daemon import DaemonProcess
    from tests.support.stage import Stage

PARTITIONS = 4


def _append(stage: Stage, *values: bytes, partition: int = 0) -> None:
    """Append with a producer that has never seen the topic of before."""
    topics.produce(stage.bootstrap, stage.topic, values, partition=partition)


def _topic_id(stage: Stage) -> str:
    admin = topics.admin_of(stage.bootstrap)
    asked = admin.describe_topics(TopicCollection([stage.topic]))
    return str(asked[stage.topic].result(topics.TIMEOUT_S).topic_id)


def _wait_all_parked(daemon: DaemonProcess, topic: str) -> None:
    for partition in range(PARTITIONS):
        where = f"{topic}:{partition}"
        daemon.wait_for_line("partition_parked", partition=where, why=MADE_ANEW)

    def parked(status: dict[str, object]) -> bool:
        rows = status["partitions"]
        assert isinstance(rows, list)
        states = [row["state"] for row in rows if row["topic"] == topic]
        return states == ["parked"] * PARTITIONS

    daemon.wait_for("all of its partitions are parked", parked)


def test_row_32_it_parks_while_other_topics_go_on_until_a_reset(each_stage: Stage) -> None:
    stage = each_stage
    other = topics.create_topic(stage.bootstrap)
    inputs = {"inputs": [{"topic": stage.topic}, {"topic": other}]}
    stage.produce(add("vip", "old1"), add("vip", "old2"))
    daemon = stage.start(inputs)
    stage.wait_members(vip={"old1", "old2"})
    daemon.wait_until_assigned(PARTITIONS + 1)
    before = _topic_id(stage)

    topics.make_anew(stage.bootstrap, stage.topic, PARTITIONS)
    _append(stage, add("vip", "new1"), partition=1)

    _wait_all_parked(daemon, stage.topic)
    topics.produce(stage.bootstrap, other, [add("flows", "u1")])
    stage.wait_members(flows={"u1"})
    assert daemon.terminate() == 0

    # Whoever comes next finds it parked too, though the broker had forgotten the group's offsets.
    assert _topic_id(stage) != before
    marks = [Mark.decode(committed(stage, number)[1]) for number in range(PARTITIONS)]
    assert {mark and mark.topic_id for mark in marks} == {before}
    successor = stage.start(inputs)
    _wait_all_parked(successor, stage.topic)
    assert successor.terminate() == 0

    for number in range(PARTITIONS):
        where = f"{stage.topic}:{number}"
        said = offsets(stage, "reset", where, "--to", "earliest", "--yes", changes=inputs)
        assert said.code == 0, said.errors
    last = stage.start(inputs)
    stage.wait_members(vip={"old1", "old2", "new1"})
    _append(stage, add("vip", "new2"), partition=2)
    stage.wait_members(vip={"old1", "old2", "new1", "new2"})
    last.wait_until_ready()


def test_row_32_a_new_log_that_is_long_enough_is_not_read_on_for_long(each_stage: Stage) -> None:
    """The old position is within the new log, so no fetch of it need ever fail."""
    stage = each_stage
    stage.produce(*(add("vip", f"old{number}") for number in range(5)))
    daemon = stage.start()
    stage.wait_members(vip={f"old{number}" for number in range(5)})
    daemon.wait_until_assigned(PARTITIONS)
    before = _topic_id(stage)
    daemon.signal(signal.SIGSTOP)
    try:
        topics.make_anew(stage.bootstrap, stage.topic, PARTITIONS)
        _append(stage, *(add("vip", f"new{number}") for number in range(20)))
    finally:
        daemon.signal(signal.SIGCONT)

    _wait_all_parked(daemon, stage.topic)

    assert daemon.terminate() == 0
    mark = Mark.decode(committed(stage)[1])
    assert mark is not None
    assert mark.topic_id == before


def test_row_32_a_topic_that_was_gone_for_a_while_is_parked_when_it_is_back(
    each_stage: Stage,
) -> None:
    """Its partitions are taken away meanwhile, and no offset of them is left."""
    stage = each_stage
    stage.produce(add("vip", "old"))
    daemon = stage.start({"start": "latest"})
    daemon.wait_until_assigned(PARTITIONS)
    topics.delete_topic(stage.bootstrap, stage.topic)
    daemon.wait_for("nothing is left to read", lambda status: not status["partitions"])

    topics.create_topic(stage.bootstrap, PARTITIONS, name=stage.topic)
    _append(stage, add("vip", "new"))

    _wait_all_parked(daemon, stage.topic)
    assert daemon.terminate() == 0
    said = offsets(stage, "reset", f"{stage.topic}:0", "--to", "earliest", "--yes")
    assert said.code == 0, said.errors


@pytest.mark.parametrize("size", [0, 3])
def test_row_32_a_shorter_log_is_told_as_a_topic_made_anew(real_stage: Stage, size: int) -> None:
    stage = real_stage
    stage.produce(*(add("vip", f"old{number}") for number in range(5)))
    daemon = stage.start()
    stage.wait_members(vip={f"old{number}" for number in range(5)})

    topics.make_anew(stage.bootstrap, stage.topic, PARTITIONS)
    _append(stage, *(add("vip", f"new{number}") for number in range(size)))

    _wait_all_parked(daemon, stage.topic)
    assert stage.simulator.members("vip") == {f"old{number}" for number in range(5)}
    assert daemon.terminate() == 0
