"""A password that is changed, and a right that is taken away, while the daemon runs."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka.admin._acl import AclOperation
from confluent_kafka.admin._resource import ResourceType

from tests.support.processes import wait_until
from tests.support.secured_broker import SecuredKafka
from tests.support.stage import CONSUMER_PROTOCOL, SHORT, Stage, add, stage_at
from tests.support.topics import create_topic, unique

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.daemon import DaemonProcess

READ, WRITE = AclOperation.READ, AclOperation.WRITE


@dataclass
class Door:
    """A stage at the open door of a broker, whose daemons come in by the guarded one."""

    broker: SecuredKafka
    stage: Stage
    user: str

    @property
    def password_file(self) -> Path:
        return self.stage.folder / "kafka.password"

    def open(self) -> DaemonProcess:
        """Give a user all the rights a daemon needs, and start one with that user's password."""
        self.broker.set_password(self.user, "canary-first")
        self.password_file.write_text("canary-first\n")
        self.broker.allow(self.user, ResourceType.TOPIC, self.stage.topic, READ)
        self.broker.allow(self.user, ResourceType.GROUP, self.stage.group, READ)
        self.broker.allow(self.user, ResourceType.TOPIC, self.stage.letters_topic, WRITE)
        properties: dict[str, Any] = {
            "security.protocol": "sasl_plaintext",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": self.user,
            "sasl.password": {"file": str(self.password_file)},
        }
        return self.stage.start(
            {"kafka.bootstrap_servers": self.broker.secured, "kafka.properties": properties}
        )


@pytest.fixture(scope="module")
def broker(kafka: str, server_folder: Path) -> Iterator[SecuredKafka]:
    """Return a broker of its own; whoever asks for `kafka` knows that Java is there."""
    del kafka
    if os.environ.get("COHORTD_TEST_BOOTSTRAP"):
        pytest.skip("needs a broker with settings of its own")
    with SecuredKafka(server_folder / "secured") as server:
        yield server


@pytest.fixture(params=[SHORT, CONSUMER_PROTOCOL], ids=["classic", "consumer"])
def door(request: pytest.FixtureRequest, broker: SecuredKafka, tmp_path: Path) -> Iterator[Door]:
    def create(topic: str, partitions: int) -> str:
        return create_topic(broker.bootstrap, partitions, name=topic)

    with stage_at(broker.bootstrap, tmp_path, create, timing=request.param) as stage:
        yield Door(broker, stage, unique("user"))


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
