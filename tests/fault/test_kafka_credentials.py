"""A password that is changed, and a right that is taken away, while the daemon runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from confluent_kafka.admin._acl import AclOperation
from confluent_kafka.admin._resource import ResourceType

from tests.support.processes import wait_until
from tests.support.stage import add

if TYPE_CHECKING:
    from tests.support.daemon import DaemonProcess
    from tests.support.door import Door

READ = AclOperation.READ


def _wait_for_hold(daemon: DaemonProcess, remedy: str) -> None:
    """Return when it waits for Kafka and says what a person is to do."""

    def told(status: dict[str, Any]) -> bool:
        details = [wait["detail"] for wait in status["waits"] if wait["reason"] == "kafka"]
        return any(remedy in detail for detail in details)

    daemon.wait_for(f"it says: {remedy}", told)


def test_row_38_a_rotated_password_is_a_hold_until_its_file_has_the_new_one(door: Door) -> None:
    daemon = door.open()
    door.stage.produce(add("vip", "u1"), b"broken")
    door.stage.wait_members(vip={"u1"})
    door.stage.letters(1)

    door.broker.set_password(door.user, "canary-second")

    _wait_for_hold(daemon, "correct the user, password or mechanism")
    door.stage.produce(add("vip", "u2"), b"broken too")
    assert daemon.status()["counters"]["records_read"] == 2
    door.password_file.write_text("canary-second\n")
    daemon.wait_for_line("secret_reloaded", files=[str(door.password_file)])
    door.stage.wait_members(vip={"u1", "u2"})
    door.stage.letters(2)  # The producer has the new one too.
    daemon.wait_until_ready()
    assert not daemon.log_lines("secret_needs_restart")
    assert daemon.terminate() == 0
    assert door.stage.committed_offset() == 4


def test_row_38_a_password_changed_in_its_file_first_is_taken_without_a_gap(door: Door) -> None:
    daemon = door.open()
    door.stage.produce(add("vip", "u1"))
    door.stage.wait_members(vip={"u1"})
    daemon.wait_until_ready()

    door.password_file.write_text("canary-second\n")
    door.broker.set_password(door.user, "canary-second")

    daemon.wait_for_line("secret_reloaded", files=[str(door.password_file)])
    door.stage.produce(add("vip", "u2"))
    door.stage.wait_members(vip={"u1", "u2"})
    daemon.wait_until_ready()
    assert daemon.terminate() == 0


def test_row_38_the_right_to_read_the_topic_taken_away_is_a_hold_until_it_is_given_back(
    door: Door,
) -> None:
    daemon = door.open()
    door.stage.produce(add("vip", "u1"))
    door.stage.wait_members(vip={"u1"})
    daemon.wait_until_ready()

    door.broker.forbid(door.user, ResourceType.TOPIC, door.stage.topic, READ)

    _wait_for_hold(daemon, "grant Read")
    door.stage.produce(add("vip", "u2"))
    assert daemon.status()["counters"]["records_read"] == 1
    door.broker.allow(door.user, ResourceType.TOPIC, door.stage.topic, READ)
    door.stage.wait_members(vip={"u1", "u2"})
    daemon.wait_until_ready()
    assert not daemon.log_lines("partition_parked")
    assert daemon.terminate() == 0
    assert door.stage.committed_offset() == 2


def test_row_38_the_right_to_the_group_taken_away_is_a_hold_until_it_is_given_back(
    door: Door,
) -> None:
    daemon = door.open()
    door.stage.produce(add("vip", "u1"))
    door.stage.wait_members(vip={"u1"})
    daemon.wait_until_ready()

    door.broker.forbid(door.user, ResourceType.GROUP, door.stage.group, READ)

    def held() -> bool:
        reasons = {wait["reason"] for wait in daemon.status()["waits"]}
        return bool(reasons & {"kafka", "lease"})

    wait_until("it may send nothing", held)
    door.stage.produce(add("vip", "u2"))
    door.broker.allow(door.user, ResourceType.GROUP, door.stage.group, READ)
    door.stage.wait_members(vip={"u1", "u2"})
    daemon.wait_until_ready()
    assert not daemon.log_lines("partition_parked")
    assert daemon.terminate() == 0
    assert door.stage.committed_offset() == 2
