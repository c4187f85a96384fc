"""Between our partitions and librdkafka's lists of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from confluent_kafka import OFFSET_INVALID, TopicPartition

from daemon.core.model import Partition

if TYPE_CHECKING:
    from collections.abc import Iterable

    from daemon.kafka.records import Committed


def plain(listed: Iterable[TopicPartition]) -> list[Partition]:
    """Return what a list of librdkafka's names."""
    return [Partition(entry.topic, entry.partition) for entry in listed]


def listed(partition: Partition, offset: int = OFFSET_INVALID) -> TopicPartition:
    """Return an entry of such a list."""
    return TopicPartition(partition.topic, partition.number, offset)


def resumed(partition: Partition, offset: int, committed: Committed | None) -> TopicPartition:
    """Return an entry to read on from, with the leader epoch if this is what was committed."""
    if committed is None or committed.offset != offset or committed.leader_epoch is None:
        return listed(partition, offset)
    return TopicPartition(*partition, offset, leader_epoch=committed.leader_epoch)
