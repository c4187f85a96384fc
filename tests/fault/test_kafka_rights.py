"""Least privilege: three rights are enough for `run`, and with them nothing else can be done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import Consumer, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._acl import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
)
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from confluent_kafka.admin._resource import ResourcePatternType, ResourceType
from confluent_kafka.cimpl import NewPartitions, NewTopic

from tests.support.processes import wait_until
from tests.support.stage import add
from tests.support.topics import TIMEOUT_S, unique

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.door import Door


ASKED_S = 10.0


def test_three_rights_are_enough_to_run(door: Door) -> None:
    daemon = door.open({"log.level": "debug"})
    door.stage.produce(add("vip", "u1"), b"broken", add("vip", "u2"))
    door.stage.wait_members(vip={"u1", "u2"})
    door.stage.letters(1)
    daemon.wait_until_ready()

    assert daemon.terminate() == 0
    successor = door.open({"log.level": "debug"})
    door.stage.produce(add("vip", "u3"))
    door.stage.wait_members(vip={"u1", "u2", "u3"})
    successor.wait_until_ready()

    assert successor.terminate() == 0
    assert door.stage.committed_offset() == 4
    assert daemon.log_lines("kafka_error") == successor.log_lines("kafka_error") == []
    # It does not even ask for more, but for what it can do without: the session of a group of the
    # newer protocol, which stands in the configuration, and how long a topic keeps records.
    asked = {f"Group:{door.stage.group}", f"Topic:{door.stage.topic}"}
    assert door.broker.denied(door.user) <= {f"DESCRIBE_CONFIGS on {each}" for each in asked}


def test_without_the_right_to_read_settings_all_is_told_but_how_long_records_last(
    door: Door,
) -> None:
    daemon = door.open()
    door.stage.produce(add("vip", "u1"))
    door.stage.wait_members(vip={"u1"})

    wait_until(
        "the settings are refused",
        lambda: f"DESCRIBE_CONFIGS on Topic:{door.stage.topic}" in door.broker.denied(door.user),
    )
    wait_until(
        "it is told where the log begins",
        lambda: "cohortd_log_start_offset{" in daemon.get("/metrics")[1],
    )

    assert "cohortd_retention_headroom_seconds{" not in daemon.get("/metrics")[1]
    assert daemon.log_lines("kafka_error") == []
    daemon.wait_until_ready()
    assert daemon.terminate() == 0


def _produce(door: Door, topic: str) -> None:
    told: list[Any] = []
    producer = Producer({"bootstrap.servers": door.broker.secured, "log_level": 0, **door.login})
    producer.produce(topic, b"x", on_delivery=lambda error, _message: told.append(error))
    producer.flush(TIMEOUT_S)
    if told and told[0] is not None:
        raise KafkaException(told[0])


def _consume(door: Door, topic: str, group: str) -> None:
    consumer = Consumer(
        {
            "bootstrap.servers": door.broker.secured,
            "group.id": group,
            "log_level": 0,
            **door.login,
        }
    )
    try:
        consumer.assign([TopicPartition(topic, 0, 0)])
        consumer.committed([TopicPartition(topic, 0)], ASKED_S)
        message: Message | None = consumer.poll(ASKED_S)
        error = None if message is None else message.error()
        if error is not None:
            raise KafkaException(error)
    finally:
        consumer.close()


def _administer(door: Door, act: Callable[[AdminClient], dict[Any, Any]]) -> None:
    """Do it as the user; the client must live until there is an answer."""
    admin = AdminClient({"bootstrap.servers": door.broker.secured, "log_level": 0, **door.login})
    for future in act(admin).values():
        future.result(TIMEOUT_S)


def _alter(door: Door) -> None:
    entry = ConfigEntry("retention.ms", "1", incremental_operation=AlterConfigOpType.SET)
    topic = ConfigResource(ConfigResource.Type.TOPIC, door.stage.topic, incremental_configs=[entry])
    _administer(door, lambda admin: admin.incremental_alter_configs([topic]))


def _allow_itself(door: Door) -> None:
    rule = AclBinding(
        ResourceType.TOPIC,
        door.stage.letters_topic,
        ResourcePatternType.LITERAL,
        f"User:{door.user}",
        "*",
        AclOperation.READ,
        AclPermissionType.ALLOW,
    )
    _administer(door, lambda admin: admin.create_acls([rule]))


def _read_rights(door: Door) -> None:
    every = AclBindingFilter(
        ResourceType.ANY,
        None,  # type: ignore[arg-type]  # Any name, anybody, from anywhere.
        ResourcePatternType.ANY,
        None,  # type: ignore[arg-type]
        None,  # type: ignore[arg-type]
        AclOperation.ANY,
        AclPermissionType.ANY,
    )
    _administer(door, lambda admin: {every: admin.describe_acls(every)})


EXTRA: dict[str, Callable[[Door], None]] = {
    "write to the input": lambda door: _produce(door, door.stage.topic),
    "read the dead letters": lambda door: _consume(
        door, door.stage.letters_topic, door.stage.group
    ),
    "read as another group": lambda door: _consume(door, door.stage.topic, unique("other")),
    "delete the input's records": lambda door: _administer(
        door, lambda admin: admin.delete_records([TopicPartition(door.stage.topic, 0, 1)])
    ),
    "delete the input": lambda door: _administer(
        door, lambda admin: admin.delete_topics([door.stage.topic])
    ),
    "delete the dead letters": lambda door: _administer(
        door, lambda admin: admin.delete_topics([door.stage.letters_topic])
    ),
    "delete the group": lambda door: _administer(
        door, lambda admin: admin.delete_consumer_groups([door.stage.group])
    ),
    "create a topic": lambda door: _administer(
        door, lambda admin: admin.create_topics([NewTopic(unique("topic"), 1, 1)])
    ),
    "add partitions": lambda door: _administer(
        door, lambda admin: admin.create_partitions([NewPartitions(door.stage.topic, 2)])
    ),
    "change retention": _alter,
    "allow itself more": _allow_itself,
    "read who may what": _read_rights,
}


@pytest.mark.parametrize("door", ["classic"], indirect=True)
def test_whoever_has_the_daemons_login_can_do_nothing_else(door: Door) -> None:
    daemon = door.open()
    door.stage.produce(add("vip", "u1"))
    door.stage.wait_members(vip={"u1"})
    daemon.wait_until_ready()
    done: dict[str, str] = {}

    for what, act in EXTRA.items():
        before = door.broker.denied(door.user)
        try:
            act(door)
            end = "done"
        except KafkaException as error:
            end = error.args[0].name()
        # Of some the client asks again until its time is over, or says nothing; the broker does.
        refused = end.endswith("AUTHORIZATION_FAILED") or door.broker.denied(door.user) - before
        if not refused:
            done[what] = end

    assert done == {}
    door.stage.produce(add("vip", "u2"))
    door.stage.wait_members(vip={"u1", "u2"})
    assert daemon.terminate() == 0


@pytest.mark.parametrize("door", ["classic"], indirect=True)
@pytest.mark.parametrize("missing", [0, 1, 2], ids=["read topic", "read group", "write letters"])
def test_each_of_the_three_rights_is_needed(door: Door, missing: int) -> None:
    daemon = door.open()
    right = door.rights[missing]
    daemon.wait_until_ready()

    door.broker.forbid(door.user, *right)
    door.stage.produce(add("vip", "u1"), b"broken")

    daemon.wait_for("it waits", lambda status: status["waits"])
    door.broker.allow(door.user, *right)
    door.stage.wait_members(vip={"u1"})
    door.stage.letters(1)
    assert daemon.terminate() == 0
