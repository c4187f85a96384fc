"""Logs in a real Kafka: written once for a whole run, and the place where a group begins them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from daemon.core.intent import Mark
from tests.bench.workloads import Fold, Workload
from tests.support.brokers import KafkaServer
from tests.support.topics import unique

BOOTSTRAP = "COHORTD_TEST_BOOTSTRAP"
PARTITIONS = 4

ANY_PARTITION = -1  # The key's own.

Placed: TypeAlias = tuple[int, bytes, bytes | None]  # The partition to write to, and the record.

_QUIET = {"log_level": 3}  # Errors only.


@dataclass(frozen=True, slots=True)
class Log:
    """A workload in a topic."""

    workload: Workload
    topic: str
    records: int
    members: dict[str, set[str]]
    requests_min: int

    @property
    def members_in_all(self) -> int:
        return sum(map(len, self.members.values()))


@contextlib.contextmanager
def kafka(folder: Path) -> Iterator[str]:
    """Give the bootstrap servers of a real Apache Kafka: the one named, else one of our own."""
    named = os.environ.get(BOOTSTRAP)
    if named:
        yield named
        return
    with KafkaServer(folder / "kafka") as server:
        yield server.bootstrap


def new_topic(bootstrap: str, partitions: int = PARTITIONS) -> str:
    """Create a topic, without librdkafka's chatter between the figures."""
    topic = unique("bench")
    admin = AdminClient({"bootstrap.servers": bootstrap, **_QUIET})
    admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(15.0)
    return topic


def producer(bootstrap: str, linger_ms: int = 20, **more: str | int) -> Producer:
    """Return a producer whose batches are as a busy service's are."""
    return Producer(
        {
            **_QUIET,
            **{name.replace("_", "."): value for name, value in more.items()},
            "bootstrap.servers": bootstrap,
            "compression.type": "lz4",
            # Else a retry, as after a leader that is not known yet, puts changes out of order.
            "enable.idempotence": True,
            "linger.ms": linger_ms,
            "batch.num.messages": 10_000,
            "queue.buffering.max.messages": 500_000,
        }
    )


def write_log(bootstrap: str, workload: Workload, records: int, seed: int) -> Log:
    """Write a log, keyed so that all changes of a member share a partition."""
    return fill(producer(bootstrap), new_topic(bootstrap), workload, records, seed)


def fill(to: Producer, topic: str, workload: Workload, records: int, seed: int) -> Log:
    """Write a log into a topic that is there."""
    fold = Fold()
    written = workload.records(records, seed, fold)
    produce_all(to, topic, ((ANY_PARTITION, *record) for record in written))
    return Log(workload, topic, records, fold.members(), fold.requests_min())


def produce_all(to: Producer, topic: str, records: Iterable[Placed]) -> None:
    """Write records as fast as the broker takes them, and see that it has them."""
    for at, (partition, key, value) in enumerate(records):
        while True:
            try:
                to.produce(topic, value, key, partition)
                break
            except BufferError:
                to.poll(0.05)
        if at % 1_000 == 0:
            to.poll(0)
    assert to.flush(120) == 0, "not all records were acknowledged"


def begin_at_zero(bootstrap: str, group: str, topic: str, fingerprint: str) -> None:
    """Commit the log's beginning as a daemon that stopped cleanly there would have done."""
    mark = Mark(sent_to=0, clean=True, topic_id="", fingerprint=fingerprint).encode()
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group})
    offsets = [TopicPartition(topic, number, 0, mark) for number in range(PARTITIONS)]
    consumer.commit(offsets=offsets, asynchronous=False)
    consumer.close()


def committed(bootstrap: str, group: str, topic: str, partitions: int = PARTITIONS) -> int:
    """Return how many records a group has committed in all."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group})
    asked = [TopicPartition(topic, number) for number in range(partitions)]
    found = consumer.committed(asked, timeout=10.0)
    consumer.close()
    return sum(max(0, each.offset) for each in found)
