"""The session timeout of a group of the newer protocol, as its configuration has it (G6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource

from tests.support import topics
from tests.support.processes import wait_until
from tests.support.stage import add

if TYPE_CHECKING:
    from tests.support.brokers import KafkaServer
    from tests.support.stage import Stage

ASKED = {"kafka.session_timeout": None}  # Which the stage sets for everybody else.


def _set_session(stage: Stage, session_ms: int) -> None:
    entry = ConfigEntry(
        "consumer.session.timeout.ms",
        str(session_ms),
        incremental_operation=AlterConfigOpType.SET,
    )
    resource = ConfigResource(ConfigResource.Type.GROUP, stage.group, incremental_configs=[entry])
    admin = topics.admin_of(stage.bootstrap)
    admin.incremental_alter_configs([resource])[resource].result(topics.TIMEOUT_S)


def test_it_is_asked_for_and_followed_when_it_changes(newer_stage: Stage) -> None:
    stage = newer_stage
    daemon = stage.start(ASKED)
    told = daemon.wait_for_line("group_session_told")
    assert (told["session_s"], told["heartbeat_s"], told["lease_s"]) == (6.0, 0.5, 1.5)
    stage.produce(add("vip", "u1"))
    stage.wait_members(vip={"u1"})

    _set_session(stage, 5_400)  # 0.9 s would be left.
    daemon.wait_for_line("group_session_too_short", session_s=5.4)
    status = daemon.wait_for_reason("lease")
    [detail] = [wait["detail"] for wait in status["waits"] if wait["reason"] == "lease"]
    assert "at least 5.5s, or lower delivery.request_timeout" in detail
    stage.produce(add("vip", "u2"))
    wait_until("it is read", lambda: daemon.status()["counters"]["records_read"] == 2)
    assert stage.simulator.members("vip") == {"u1"}

    _set_session(stage, 10_000)
    stage.wait_members(vip={"u1", "u2"})
    daemon.wait_for_line("group_session_told", session_s=10.0, lease_s=5.5)
    assert daemon.terminate() == 0


def test_a_setting_that_is_longer_than_what_is_so_is_warned_of(newer_stage: Stage) -> None:
    stage = newer_stage
    daemon = stage.start({"kafka.session_timeout": "12s"})

    daemon.wait_for_line("group_session_shorter", session_s=6.0)

    stage.produce(add("vip", "u1"))
    stage.wait_members(vip={"u1"})
    assert daemon.terminate() == 0


def test_without_an_answer_it_waits_and_does_not_exit(
    newer_stage: Stage, kafka_server: KafkaServer
) -> None:
    stage = newer_stage
    stage.produce(add("vip", "u1"))
    kafka_server.freeze()
    daemon = stage.start(ASKED)
    daemon.wait_for("it runs", lambda status: status["waits"] or not status["partitions"])
    assert not daemon.log_lines("group_session_told")

    kafka_server.thaw()

    stage.wait_members(vip={"u1"})
    daemon.wait_for_line("group_session_told")
    assert daemon.terminate() == 0
