"""The last records of the topics: read by position, outside any group, and nothing committed."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from confluent_kafka import KafkaError, Message, TopicPartition

from daemon.core.model import Partition
from daemon.kafka.client_errors import describe, is_passing
from daemon.tools.check.cluster import Cluster

RECORDS_MAX: Final = 20  # Of each topic.
TOPICS_MAX: Final = 20
_SAMPLE_S: Final = 8.0
_TURN_S: Final = 0.2


@dataclass(slots=True)
class Sample:
    """What was read, which partitions failed and how, and which gave nothing in time."""

    records: dict[Partition, list[Message]] = field(default_factory=lambda: defaultdict(list))
    faults: dict[Partition, str] = field(default_factory=dict)
    silent: list[Partition] = field(default_factory=list)


def begin_at(ranges: Mapping[Partition, tuple[int, int]]) -> dict[Partition, int]:
    """Return from where to read so that each topic gives about its last `RECORDS_MAX` records.

    Partitions without records are left out, and topics beyond `TOPICS_MAX`.
    """
    by_topic: dict[str, list[Partition]] = defaultdict(list)
    for partition, (low, high) in ranges.items():
        if high > low:
            by_topic[partition.topic].append(partition)
    starts: dict[Partition, int] = {}
    for topic in list(by_topic)[:TOPICS_MAX]:
        for partition, number in _shared(by_topic[topic], ranges).items():
            starts[partition] = ranges[partition][1] - number
    return starts


def _shared(
    partitions: list[Partition], ranges: Mapping[Partition, tuple[int, int]]
) -> dict[Partition, int]:
    """Deal the topic's records out in turns; a partition that has no more is passed over."""
    taken: dict[Partition, int] = {}
    left = RECORDS_MAX
    while left:
        before = left
        for partition in partitions:
            low, high = ranges[partition]
            if left and taken.get(partition, 0) < high - low:
                taken[partition] = taken.get(partition, 0) + 1
                left -= 1
        if left == before:
            break
    return taken


def read_last(cluster: Cluster, ranges: Mapping[Partition, tuple[int, int]]) -> Sample:
    """Read up to the ends the ranges tell, for a few seconds at most."""
    starts = begin_at(ranges)
    sample = Sample()
    left = set(starts)
    end_s = time.monotonic() + cluster.limit_s(_SAMPLE_S)
    consumer = cluster.consumer
    consumer.assign([TopicPartition(*partition, start) for partition, start in starts.items()])
    while left and time.monotonic() < end_s:
        for message in consumer.consume(200, _TURN_S):
            partition = Partition(message.topic() or "", message.partition() or 0)
            if partition in left and _is_last(message, ranges[partition][1], partition, sample):
                left.discard(partition)
    consumer.unassign()
    sample.silent = sorted(left)
    return sample


def _is_last(message: Message, end: int, partition: Partition, sample: Sample) -> bool:
    """Take a record in; tell whether the partition has no more to give."""
    error = message.error()
    if error is None:
        offset = message.offset() or 0
        if offset < end:
            sample.records[partition].append(message)
        return offset >= end - 1
    if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001
        return True
    if is_passing(error):
        return False
    sample.faults[partition] = describe(error)
    return True
