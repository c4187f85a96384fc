"""The embedded Kafka: librdkafka's mock cluster, which speaks the protocol on a port of its own.

It lives in the producer of this process and ends with it. Groups, commits and their metadata work
as on a broker; what is unlike one: about 5 MB a partition are kept, and nothing is on disk.
"""

from __future__ import annotations

import logging
from time import monotonic
from typing import Any
from zlib import crc32

from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, Producer, TopicPartition

from daemon.errors import CohortdError
from daemon.tools.demo.fold import LogRecord, Place

ANSWER_S = 10.0
READ_S = 30.0

_SILENT = logging.getLogger("cohortd.demo.kafka")
_SILENT.propagate = False
_SILENT.addHandler(logging.NullHandler())


class EmbeddedKafka:
    """A cluster of one broker, and the producer of the demo's records.

    Records of one key stand in one partition, in the order of `produce`.
    """

    def __init__(self) -> None:
        self._producer = Producer(
            {
                "test.mock.num.brokers": 1,
                "bootstrap.servers": "embedded.invalid",  # Replaced by the mock cluster's own.
                "enable.idempotence": True,  # Nothing twice, nothing out of order.
                "linger.ms": 5,
            },
            logger=_SILENT,
        )
        brokers = self._producer.list_topics(timeout=ANSWER_S).brokers.values()
        self.bootstrap = ",".join(f"{broker.host}:{broker.port}" for broker in brokers)
        self._partitions: dict[str, int] = {}
        self._failed: str | None = None
        self.ends: dict[tuple[str, int], int] = {}  # The next offset, by what was acknowledged.
        self.produced = 0

    def create_topic(self, topic: str) -> int:
        """Make the topic by asking for it; return how many partitions it has."""
        found = self._producer.list_topics(topic, timeout=ANSWER_S).topics[topic]
        if found.error is not None:
            raise CohortdError(f"embedded Kafka: topic {topic}: {found.error.str()}")
        self._partitions[topic] = len(found.partitions)
        self.ends |= {(topic, number): 0 for number in found.partitions}
        return len(found.partitions)

    def produce(self, topic: str, key: bytes, value: bytes | None) -> None:
        """Append a record; it is acknowledged later, in `poll`."""
        self._producer.produce(
            topic,
            value,
            key,
            crc32(key) % self._partitions[topic],
            on_delivery=self._delivered,
        )
        self.produced += 1

    def poll(self) -> None:
        """Take acknowledgements; raise CohortdError where a record was not taken."""
        self._producer.poll(0)
        if self._failed is not None:
            raise CohortdError(f"embedded Kafka: a record was not taken: {self._failed}")

    def flush(self) -> None:
        """Wait until everything produced is in the log."""
        left = self._producer.flush(READ_S)
        self.poll()
        if left:
            raise CohortdError(
                f"embedded Kafka: {left} records are not in the log after {READ_S} s"
            )

    def read(self, topic: str) -> list[LogRecord]:
        """Return the topic, from the first record of every partition to the last."""
        return [
            LogRecord(_place_of(message), message.timestamp()[1], message.value())
            for message in self._read_messages(topic)
        ]

    def read_origins(self, topic: str) -> list[Place]:
        """Return of each dead letter in the topic which record it was made of."""
        return [_origin_of(message) for message in self._read_messages(topic)]

    def _delivered(self, error: Any, message: Message) -> None:  # noqa: ANN401  As the client has it.
        if error is not None:
            self._failed = str(error)
            return
        place = _place_of(message)
        at = (str(message.topic()), place.partition)
        self.ends[at] = max(self.ends[at], place.offset + 1)

    def _read_messages(self, topic: str) -> list[Message]:
        consumer = Consumer(
            {
                "bootstrap.servers": self.bootstrap,
                "group.id": "cohortd-demo-reader",  # Joined by nobody: partitions are assigned.
                "enable.auto.commit": False,
                "fetch.wait.max.ms": 50,
            },
            logger=_SILENT,
        )
        try:
            partitions = [
                TopicPartition(topic, number, OFFSET_BEGINNING)
                for number in range(self._partitions[topic])
            ]
            ends = {
                at.partition: consumer.get_watermark_offsets(at, timeout=ANSWER_S)[1]
                for at in partitions
            }
            consumer.assign(partitions)
            return _consume(consumer, sum(ends.values()))
        finally:
            consumer.close()


def _consume(consumer: Consumer, count: int) -> list[Message]:
    """Return this many records; offsets of the demo's topics begin at 0 and have no gaps."""
    messages: list[Message] = []
    deadline_s = monotonic() + READ_S
    while len(messages) < count:
        if monotonic() > deadline_s:
            raise CohortdError(f"embedded Kafka: {len(messages)} of {count} records can be read")
        for message in consumer.consume(1000, 0.2):
            error = message.error()
            if error is not None:
                raise CohortdError(f"embedded Kafka: can't be read: {error.str()}")
            messages.append(message)
    return messages


def _place_of(message: Message) -> Place:
    partition, offset = message.partition(), message.offset()
    assert partition is not None
    assert offset is not None
    return Place(partition, offset)


def _origin_of(message: Message) -> Place:
    """Read the headers Kafka Connect's dead letters have, too."""
    headers = dict(message.headers() or [])

    def number(name: str) -> int:
        raw = headers.get(f"__connect.errors.{name}")
        try:
            return int(raw or b"")
        except ValueError:
            return -1

    return Place(number("partition"), number("offset"))
