"""The whole daemon: records that can't be used, and members that Braze will never take."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

import pytest

from daemon.core.model import Device
from tests.support.mock_cluster import Api
from tests.support.processes import wait_until
from tests.support.stage import add

if TYPE_CHECKING:
    from confluent_kafka import Message

    from tests.support.mock_cluster import MockCluster
    from tests.support.stage import Stage

TOPIC_AUTHORIZATION_FAILED = 29
KAFKA_STORAGE_ERROR = 56  # A full disk.
UNKNOWN_TOPIC = 3


def headers_of(letter: Message) -> list[tuple[str, bytes | None]]:
    return cast("list[tuple[str, bytes | None]]", letter.headers() or [])


def said_of(letter: Message) -> dict[str, str]:
    return {name: (value or b"").decode() for name, value in headers_of(letter)}


def test_broken_records_become_dead_letters_untouched_and_the_offset_follows(stage: Stage) -> None:
    broken = b'\xff{"cohort_id": not json \x00'
    stage.produce(add("vip", "u1"))
    stage.produce(broken, key=b"\x00key", headers=[("trace", b"abc"), ("empty", None)])
    stage.produce(b'{"cohort_id":"vip","op":"upsert","external_id":"u2"}', add("vip", "u3"))
    daemon = stage.start()

    stage.wait_members(vip={"u1", "u3"})
    first, second = stage.letters(2)
    assert (first.key(), first.value()) == (b"\x00key", broken)
    assert headers_of(first)[:2] == [("trace", b"abc"), ("empty", None)]
    said = said_of(first)
    assert said["cohortd.reason"] == "invalid_json"
    assert said["__connect.errors.topic"] == stage.topic
    assert (said["__connect.errors.partition"], said["__connect.errors.offset"]) == ("0", "1")
    assert said["cohortd.replays"] == "0"
    assert said_of(second)["cohortd.reason"] == "unknown_op"
    wait_until("the offset follows", lambda: stage.committed_offset() == 4)
    first_line = daemon.log_lines("record_rejected")[0]
    assert (first_line["reason"], first_line["offset"]) == ("invalid_json", 1)
    metrics = daemon.get("/metrics")[1]
    assert 'cohortd_dead_letters_total{reason="unknown_op"} 1.0' in metrics
    assert daemon.terminate() == 0
    assert stage.committed()[0][1].clean


@pytest.mark.parametrize("code", [TOPIC_AUTHORIZATION_FAILED, KAFKA_STORAGE_ERROR])
def test_the_offset_waits_until_the_dead_letter_is_acknowledged(
    stage: Stage, mock: MockCluster, code: int
) -> None:
    stage.produce(add("vip", "u1"), b"broken", add("vip", "u2"))
    mock.fail_next(Api.PRODUCE, [code] * 1_000)
    daemon = stage.start()

    stage.wait_members(vip={"u1", "u2"})  # What is good does not wait for it.
    daemon.wait_for_line("dead_letter_failed")
    waiting = daemon.wait_for_reason("dead_letter")
    assert stage.letters_topic in waiting["waits"][0]["detail"]
    assert waiting["ready"] is True
    assert (stage.committed_offset() or 0) <= 1

    mock.clear_faults(Api.PRODUCE)
    assert [letter.value() for letter in stage.letters(1)] == [b"broken"]
    wait_until("the offset follows", lambda: stage.committed_offset() == 3)
    daemon.wait_until_ready()


def test_the_offset_waits_for_a_dead_letter_topic_that_is_missing(
    stage: Stage, mock: MockCluster
) -> None:
    mock.fail_topic(stage.letters_topic, UNKNOWN_TOPIC)
    stage.produce(add("vip", "u1"), b"broken", add("vip", "u2"))
    daemon = stage.start()

    stage.wait_members(vip={"u1", "u2"})
    waiting = daemon.wait_for_reason("dead_letter")
    assert any(stage.letters_topic in wait["detail"] for wait in waiting["waits"])
    assert (stage.committed_offset() or 0) <= 1

    mock.fail_topic(stage.letters_topic, 0)
    assert [letter.value() for letter in stage.letters(1)] == [b"broken"]
    wait_until("the offset follows", lambda: stage.committed_offset() == 3)


def test_without_a_dead_letter_topic_a_broken_record_stops_its_partition_only(
    wide_stage: Stage,
) -> None:
    stage = wide_stage
    daemon = stage.start({"dead_letter.topic": None})
    daemon.wait_until_assigned(4)
    stage.produce(add("vip", "u1"), b"broken", add("vip", "u2"))
    stage.produce(add("vip", "u3"), partition=1)

    stage.wait_members(vip={"u1", "u3"})
    parked = daemon.wait_for_reason("parked")
    assert [row["partition"] for row in parked["partitions"] if row["state"] == "parked"] == [0]
    stage.produce(add("vip", "u4"), partition=1)
    stage.wait_members(vip={"u1", "u3", "u4"})
    daemon.wait_for_line("partition_parked")  # It is written by another thread.
    [line] = daemon.log_lines("partition_parked")
    assert "record 1 " in line["why"]
    assert daemon.terminate() == 0
    assert {p: offset for p, (offset, _) in stage.committed(4).items()} == {0: 1, 1: 2, 2: 0, 3: 0}


def test_a_mapping_that_fits_nothing_holds_instead_of_flooding_the_dead_letters(
    stage: Stage,
) -> None:
    stage.produce(*(b'{"id":%d}' % number for number in range(2_000)))
    daemon = stage.start()

    daemon.wait_for_line("dead_letters_held")
    daemon.wait_for_reason("dead_letter")
    assert daemon.terminate() == 0
    assert (stage.committed_offset() or 0) < 2_000


def test_a_refused_member_becomes_a_dead_letter_and_all_others_arrive(stage: Stage) -> None:
    users = [f"u{number}" for number in range(60)]
    users[17], users[43] = "bad-1", "bad-2"
    stage.simulator.set_faults("status=400,member=bad-*,message=`user_ids` is not valid")
    stage.produce(*(add("vip", user, cohort_name="VIPs") for user in users))
    daemon = stage.start()

    stage.wait_members(vip=set(users) - {"bad-1", "bad-2"})
    letters = stage.letters(2)
    found = {json.loads(letter.value() or b"")["external_id"]: letter for letter in letters}
    assert found.keys() == {"bad-1", "bad-2"}
    assert json.loads(found["bad-1"].value() or b"") == {
        "cohort_id": "vip",
        "op": "add",
        "cohort_name": "VIPs",
        "external_id": "bad-1",
    }
    said = said_of(found["bad-1"])
    assert (said["cohortd.made"], said["cohortd.reason"]) == ("true", "refused")
    assert (said["__connect.errors.topic"], said["cohortd.offsets"]) == (stage.topic, "0-59")
    assert "bad-1" not in "".join(said.values())
    wait_until("the offset follows", lambda: stage.committed_offset() == 60)
    daemon.wait_for("two are shown", lambda status: status["counters"]["dead_letters"] == 2)


def test_a_cohort_that_is_refused_whole_becomes_dead_letters_and_others_flow(stage: Stage) -> None:
    stage.simulator.set_faults("status=400,cohort=bad,endpoint=users,message=bad cohort")
    stage.produce(*(add("bad", f"u{number}") for number in range(5)))
    daemon = stage.start()
    users: set[str] = set()

    def given_up() -> bool:
        users.add(f"w{len(users)}")
        stage.produce(add("well", max(users, key=lambda user: int(user[1:]))))
        stage.wait_members(well=users, timeout_s=10.0)
        return bool(daemon.status()["counters"]["dead_letters"] == 5)

    wait_until("its members are dead letters", given_up, 90.0)

    letters = [json.loads(letter.value() or b"") for letter in stage.letters(5)]
    assert {letter["external_id"] for letter in letters} == {f"u{n}" for n in range(5)}
    assert {letter["cohort_id"] for letter in letters} == {"bad"}
    assert stage.simulator.members("bad") == set()
    wait_until("the offset follows", lambda: stage.committed_offset() == 5 + len(users))


def test_when_everything_is_refused_nothing_becomes_a_dead_letter(stage: Stage) -> None:
    stage.simulator.set_faults("status=400,endpoint=users,message=no")
    stage.produce(*(add(cohort, f"u{n}") for cohort in ("a", "b") for n in range(3)))
    daemon = stage.start()

    held = daemon.wait_for_reason("refused_all")

    assert held["live"] is True
    assert 'cohortd_blocked{reason="refused_all"} 1.0' in daemon.get("/metrics")[1]
    stage.simulator.set_faults()
    stage.wait_members(a={"u0", "u1", "u2"}, b={"u0", "u1", "u2"}, timeout_s=60.0)
    wait_until("the offset follows", lambda: stage.committed_offset() == 6)
    assert daemon.status()["counters"]["dead_letters"] == 0


def test_empty_and_missing_values_are_ruled_on_and_counted(stage: Stage) -> None:
    stage.produce(
        None,
        b"",
        add("vip", ""),
        add("vip"),
        add("", "u1"),
        b'{"op":"add","external_id":"u1"}',
        b'{"cohort_id":"vip","external_id":"u1"}',
        add("vip", "", device_id="d1"),
        add("vip", "u1"),
        add("vip", "u2"),
    )
    daemon = stage.start({"dead_letter.max_ratio": 1.0})

    stage.wait_members(vip={"u1", "u2", Device("d1")})
    reasons = [said_of(letter)["cohortd.reason"] for letter in stage.letters(7)]
    assert reasons == [
        "null_value",
        "invalid_json",
        "missing_identity",
        "missing_identity",
        "missing_cohort",
        "missing_cohort",
        "unknown_op",
    ]
    page = daemon.get("/metrics")[1]
    for reason in set(reasons):
        name = f'cohortd_events_rejected_total{{reason="{reason}",topic="{stage.topic}"}}'
        assert f"{name} {reasons.count(reason)}.0" in page
    wait_until("the offset follows", lambda: stage.committed_offset() == 10)
