"""Names that outlive the process: a compacted topic remembers what Braze has been told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Producer

from tests.support.offsets_command import fingerprint_of
from tests.support.processes import wait_until
from tests.support.stage import add
from tests.support.topics import unique

if TYPE_CHECKING:
    from tests.support.mock_cluster import MockCluster
    from tests.support.stage import Stage


@pytest.fixture
def names(mock: MockCluster) -> str:
    """Return a topic for names. (The mock cluster compacts nothing, which changes nothing.)"""
    topic = unique("names")
    mock.create_topic(topic, 2)
    return topic


def announcements(stage: Stage) -> list[str]:
    return [r.cohort for r in stage.simulator.seen() if r.endpoint == "cohorts"]


def remembered(stage: Stage, topic: str, count: int) -> dict[str, str]:
    records = stage.read(topic, count)
    return {
        json.loads(each.key() or b"")[1]: json.loads(each.value() or b"")["name"]
        for each in records
    }


def test_after_a_restart_no_cohort_is_announced_again(stage: Stage, names: str) -> None:
    config = {"cohorts.names_topic": names}
    first = stage.start(config)
    stage.produce(add("vip", "u1", cohort_name="VIPs"), add("plain", "u1"))
    stage.wait_members(vip={"u1"}, plain={"u1"})
    assert remembered(stage, names, 2) == {"vip": "VIPs", "plain": "plain"}
    assert first.terminate() == 0
    told = len(announcements(stage))

    second = stage.start(config)
    stage.produce(add("vip", "u2", cohort_name="VIPs"), add("plain", "u2"), add("new", "u1"))
    stage.wait_members(vip={"u1", "u2"}, plain={"u1", "u2"}, new={"u1"})

    assert announcements(stage)[told:] == ["new"]
    second.wait_for_line("names_remembered")
    [line] = second.log_lines("names_remembered")
    assert (line["cohorts"], line["whole"]) == (2, True)
    assert second.terminate() == 0


def test_an_event_without_a_name_does_not_rename_a_cohort_to_its_id(
    stage: Stage, names: str
) -> None:
    config = {"cohorts.names_topic": names}
    first = stage.start(config)
    stage.produce(add("vip", "u1", cohort_name="VIPs"))
    stage.wait_members(vip={"u1"})
    remembered(stage, names, 1)
    assert first.terminate() == 0

    second = stage.start(config)
    stage.produce(add("vip", "u2"))
    stage.wait_members(vip={"u1", "u2"})

    assert stage.simulator.names()["vip"] == "VIPs"
    assert second.terminate() == 0


def test_a_name_that_has_changed_is_announced(stage: Stage, names: str) -> None:
    config = {"cohorts.names_topic": names}
    first = stage.start(config)
    stage.produce(add("vip", "u1", cohort_name="Old"))
    stage.wait_members(vip={"u1"})
    remembered(stage, names, 1)
    assert first.terminate() == 0

    stage.start(config)
    stage.produce(add("vip", "u2", cohort_name="New"))

    wait_until("the new name", lambda: stage.simulator.names()["vip"] == "New", 30.0)


def test_what_another_destination_or_nobody_wrote_is_passed_over(stage: Stage, names: str) -> None:
    producer = Producer({"bootstrap.servers": stage.bootstrap})
    for key, value in (
        (b'["0badcafe","vip"]', b'{"name":"Theirs"}'),
        (b"vip", b"{"),
        (b'["a"]', b"{}"),
        (None, None),
        (b"[1,2,3]", b'{"name":7}'),
    ):
        producer.produce(names, value, key)
    assert producer.flush(30) == 0

    daemon = stage.start({"cohorts.names_topic": names})
    stage.produce(add("vip", "u1"))
    stage.wait_members(vip={"u1"})

    assert announcements(stage) == ["vip"]
    assert daemon.terminate() == 0


def test_a_topic_that_is_not_there_is_told_and_holds_nobody_up_for_long(stage: Stage) -> None:
    daemon = stage.start({"cohorts.names_topic": unique("missing")})
    stage.produce(add("vip", "u1"))

    stage.wait_members(vip={"u1"}, timeout_s=60.0)

    daemon.wait_for_line("names_trouble")
    daemon.wait_for_line("names_remembered")
    [line] = daemon.log_lines("names_remembered")
    assert line["whole"] is False
    assert daemon.terminate() == 0


def test_a_remembered_cohort_that_braze_has_lost_is_announced_anew(
    stage: Stage, names: str
) -> None:
    producer = Producer({"bootstrap.servers": stage.bootstrap})
    key = json.dumps([fingerprint_of(stage), "vip"]).encode()
    producer.produce(names, b'{"name":"vip"}', key)
    assert producer.flush(30) == 0

    daemon = stage.start({"cohorts.names_topic": names})
    stage.produce(add("vip", "u1"))
    stage.wait_members(vip={"u1"})

    stage.excused = frozenset({"unknown_cohort"})  # Once: how else should it learn of it?
    assert stage.simulator.stats()["violations"]["unknown_cohort"] == 1
    assert announcements(stage) == ["vip"]
    assert daemon.status()["counters"]["dead_letters"] == 0
    assert daemon.terminate() == 0
