"""What a consumer asks the cluster, and waits for: offsets, log ends, topics.

It owns the wording of what went wrong. Every question has a time limit, and raises
KafkaUnavailable when it gets no answer: the caller holds, and asks again.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from confluent_kafka import KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource

from daemon.core.model import Partition
from daemon.errors import KafkaUnavailable
from daemon.kafka.client_errors import describe, error_of
from daemon.kafka.records import Committed, GroupTimes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from confluent_kafka import Consumer
    from confluent_kafka.admin._topic import TopicDescription

_NO_ID = "AAAAAAAAAAAAAAAAAAAAAA"  # 16 bytes of zero: what stands where there is no id.


def whole(topic: str) -> str:
    """Let a pattern match whole names under both protocols.

    By itself librdkafka matches the beginning of a name, a KIP-848 broker the whole of it.
    """
    return f"^({topic[1:]})$" if topic.startswith("^") else topic


def committed(
    client: Consumer, partitions: Sequence[Partition], timeout_s: float
) -> dict[Partition, Committed | None]:
    """Return what the group has committed, None for a partition without an offset."""
    asked = [TopicPartition(*partition) for partition in partitions]
    try:
        answers = client.committed(asked, timeout=timeout_s) if asked else []
    except KafkaException as exception:
        raise _unanswered("the group's committed offsets", exception) from exception
    found: dict[Partition, Committed | None] = {}
    for answer in answers:
        partition = Partition(answer.topic, answer.partition)
        if answer.error is not None:
            raise KafkaUnavailable(f"committed offset of {partition}: {describe(answer.error)}")
        found[partition] = None
        if answer.offset >= 0:
            found[partition] = Committed(answer.offset, _metadata(answer), answer.leader_epoch)
    return found


def _metadata(answer: TopicPartition) -> str:
    try:
        return answer.metadata or ""
    except UnicodeDecodeError:
        return ""  # A stranger's: no mark of ours.


def partition_counts(
    client: Consumer | AdminClient, topics: Sequence[str], timeout_s: float
) -> dict[str, int]:
    """Return the partitions of each topic that exists and is named, or matched by a pattern."""
    try:
        known = client.list_topics(timeout=timeout_s).topics
    except KafkaException as exception:
        raise _unanswered("the cluster's topics", exception) from exception
    names = {topic for topic in topics if not topic.startswith("^")}
    patterns = [re.compile(topic) for topic in topics if topic.startswith("^")]
    return {
        name: len(topic.partitions)
        for name, topic in known.items()
        if topic.error is None
        and (name in names or any(pattern.match(name) for pattern in patterns))
    }


def log_range(client: Consumer, partition: Partition, timeout_s: float) -> tuple[int, int]:
    """Return the first offset and the end of the log (of what is committed to it)."""
    try:
        low, high = client.get_watermark_offsets(TopicPartition(*partition), timeout=timeout_s)
    except KafkaException as exception:
        raise _unanswered(f"the log's range of {partition}", exception) from exception
    return low, high


def offset_at(client: Consumer, partition: Partition, timestamp_ms: int, timeout_s: float) -> int:
    """Return the first offset at or after a time, the end of the log when there is none."""
    asked = [TopicPartition(*partition, timestamp_ms)]
    try:
        [answer] = client.offsets_for_times(asked, timeout=timeout_s)
    except KafkaException as exception:
        raise _unanswered(f"an offset of {partition} by time", exception) from exception
    if answer.error is not None:
        raise KafkaUnavailable(f"offset of {partition} by time: {describe(answer.error)}")
    return answer.offset if answer.offset >= 0 else log_range(client, partition, timeout_s)[1]


def describe_topics(
    admin: AdminClient, names: Sequence[str], timeout_s: float
) -> dict[str, TopicDescription]:
    """Return those of the topics that the brokers tell of; one in trouble hides no other."""
    if not names:
        return {}
    found: dict[str, TopicDescription] = {}
    asked = admin.describe_topics(TopicCollection(list(names)), request_timeout=timeout_s)
    for name, answer in asked.items():
        try:
            found[name] = answer.result()
        except KafkaException as exception:
            if error_of(exception).code() < 0:  # librdkafka's own: there was no answer at all.
                raise _unanswered(f"topic {name}", exception) from exception
    return found


def topic_id(topic: TopicDescription) -> str:
    """Return a topic's id; empty where the broker is older than topic ids (Kafka 2.8)."""
    told = str(topic.topic_id)
    return "" if told == _NO_ID else told


def group_times(admin: AdminClient, group: str, timeout_s: float) -> GroupTimes:
    """Return the times of a group of the newer protocol, the broker's own where it has none.

    It takes DescribeConfigs on the group, and Kafka 4.
    """
    asked = ConfigResource(ConfigResource.Type.GROUP, group)
    try:
        found = admin.describe_configs([asked], request_timeout=timeout_s)[asked].result()
    except KafkaException as exception:
        raise _unanswered(f"the configuration of group {group}", exception) from exception
    try:
        session_ms, heartbeat_ms = (
            int(found[f"consumer.{name}.ms"].value)
            for name in ("session.timeout", "heartbeat.interval")
        )
    except (KeyError, TypeError, ValueError):
        raise KafkaUnavailable(f"the broker tells no session timeout of group {group}") from None
    return GroupTimes(session_ms / 1000, heartbeat_ms / 1000)


def _unanswered(what: str, exception: KafkaException) -> KafkaUnavailable:
    return KafkaUnavailable(f"ask Kafka for {what}: {describe(error_of(exception))}")
