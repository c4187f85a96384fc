"""What a consumer asks the cluster, and waits for: offsets, log ends, topics.

It owns the wording of what went wrong. Every question has a time limit, and raises
KafkaUnavailable when it gets no answer: the caller holds, and asks again.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from confluent_kafka import KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient

from daemon.core.model import Partition
from daemon.errors import KafkaUnavailable
from daemon.kafka.client_config import Properties, admin_config, client_log
from daemon.kafka.client_errors import describe, error_of
from daemon.kafka.records import Committed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from confluent_kafka import Consumer


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
            found[partition] = Committed(answer.offset, answer.metadata or "", answer.leader_epoch)
    return found


def partition_counts(client: Consumer, topics: Sequence[str], timeout_s: float) -> dict[str, int]:
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


def topic_ids(properties: Properties, names: Sequence[str], timeout_s: float) -> dict[str, str]:
    """Return the ids of topics. A client of its own asks, which is gone when this returns."""
    if not names:
        return {}
    admin = AdminClient(admin_config(properties), logger=client_log)
    try:
        answers = admin.describe_topics(TopicCollection(list(names)), request_timeout=timeout_s)
        return {name: str(answer.result().topic_id) for name, answer in answers.items()}
    except KafkaException as exception:
        raise _unanswered("the topics' ids", exception) from exception


def _unanswered(what: str, exception: KafkaException) -> KafkaUnavailable:
    return KafkaUnavailable(f"ask Kafka for {what}: {describe(error_of(exception))}")
