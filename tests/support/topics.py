"""Topics with names of their own, and what tests put into them."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from confluent_kafka import KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from confluent_kafka.admin._listoffsets import OffsetSpec
from confluent_kafka.cimpl import NewTopic

from tests.support.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

TIMEOUT_S = 45.0


def unique(prefix: str) -> str:
    """Return a name no other test uses: for topics, groups and transactional ids."""
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


def admin_of(bootstrap: str) -> AdminClient:
    """Return a client that has met the brokers.

    Before that it only knows addresses, and a request on its way to one of these is lost when the
    broker behind it becomes known (`_DESTROY_BROKER`, librdkafka 2.16).
    """
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    admin.list_topics(timeout=TIMEOUT_S)
    return admin


def create_topic(
    bootstrap: str,
    partitions: int = 1,
    *,
    name: str | None = None,
    config: dict[str, str] | None = None,
    replicas: int = 1,
    timeout_s: float = TIMEOUT_S,
) -> str:
    """Create a topic at a real broker and return its name when the broker shows it."""
    topic = name or unique("topic")
    admin = admin_of(bootstrap)
    new = NewTopic(topic, partitions, replicas, config=config or {})
    admin.create_topics([new])[topic].result(timeout_s)
    return topic


def create_topic_on(
    bootstrap: str, topic: str, nodes: list[list[int]], config: dict[str, str]
) -> str:
    """Create a topic whose partitions have their replicas on these nodes, the leader's first."""
    admin = admin_of(bootstrap)
    new = NewTopic(topic, len(nodes), replica_assignment=nodes, config=config)
    admin.create_topics([new])[topic].result(TIMEOUT_S)
    return topic


def delete_topic(bootstrap: str, topic: str) -> None:
    admin = admin_of(bootstrap)
    admin.delete_topics([topic])[topic].result(TIMEOUT_S)


def make_anew(bootstrap: str, topic: str, partitions: int) -> None:
    """Delete the topic and create it again; return when the leaders show the new one's logs.

    A broker learns of both after the controller has answered: what is produced before that goes
    into the old log, acknowledged, and is deleted with it.
    """
    admin = admin_of(bootstrap)
    delete_topic(bootstrap, topic)
    latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
    asked = {TopicPartition(topic, number): latest for number in range(partitions)}

    def created() -> bool:
        try:
            create_topic(bootstrap, partitions, name=topic)
        except KafkaException:
            return False
        return True

    def empty() -> bool:
        try:
            found = admin.list_offsets(asked, request_timeout=TIMEOUT_S)
            return all(future.result(TIMEOUT_S).offset == 0 for future in found.values())
        except KafkaException:
            return False

    wait_until("the topic is created again", created)
    wait_until("its new logs are there", empty)


def delete_records(bootstrap: str, topic: str, partition: int, before: int) -> None:
    """Move the start of the log, as retention would."""
    admin = admin_of(bootstrap)
    target = TopicPartition(topic, partition, before)
    admin.delete_records([target])[target].result(TIMEOUT_S)


def alter_topic(bootstrap: str, topic: str, **config: str) -> None:
    """Set topic settings; an underscore stands for a dot."""
    entries = [
        ConfigEntry(key.replace("_", "."), value, incremental_operation=AlterConfigOpType.SET)
        for key, value in config.items()
    ]
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=entries)
    admin = admin_of(bootstrap)
    admin.incremental_alter_configs([resource])[resource].result(TIMEOUT_S)


def produce(
    bootstrap: str,
    topic: str,
    values: Iterable[bytes | None],
    *,
    partition: int = 0,
    key: bytes | None = None,
    headers: Sequence[tuple[str, bytes | None]] = (),
) -> list[int]:
    """Append to one partition in order and return the offsets, all acknowledged."""
    offsets: list[int] = []
    producer = Producer(
        {"bootstrap.servers": bootstrap, "linger.ms": 0, "enable.idempotence": True}
    )

    def delivered(error: object, message: Message) -> None:
        assert error is None, error
        offset = message.offset()
        assert offset is not None
        offsets.append(offset)

    for value in values:
        producer.produce(
            topic,
            value,
            key,
            partition,
            on_delivery=delivered,
            headers=list(headers) or None,
        )
        producer.poll(0)
    assert producer.flush(TIMEOUT_S) == 0, "not all records were acknowledged"
    return offsets


def produce_transaction(
    bootstrap: str,
    topic: str,
    values: Iterable[bytes],
    *,
    partition: int = 0,
    commit: bool = True,
) -> None:
    """Append in one transaction, whose end takes an offset of its own in the log."""
    producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": unique("txn")})
    producer.init_transactions(TIMEOUT_S)
    producer.begin_transaction()
    for value in values:
        producer.produce(topic, value, partition=partition)
    if producer.flush(TIMEOUT_S) != 0:
        raise KafkaException("not all records of the transaction were acknowledged")
    if commit:
        producer.commit_transaction(TIMEOUT_S)
    else:
        producer.abort_transaction(TIMEOUT_S)
