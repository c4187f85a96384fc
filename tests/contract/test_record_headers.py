"""Headers as Kafka has them: of any name. On a mock cluster and a real broker."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from confluent_kafka import Consumer, TopicPartition

from daemon.core.model import Partition
from daemon.kafka.headers import headers_of
from daemon.kafka.records import Reason, Record, Run
from tests.support.processes import wait_until
from tests.support.raw_headers import produce_with_header
from tests.support.rows import compiled

if TYPE_CHECKING:
    from tests.support.members import Cluster


def read_one(cluster: Cluster, topic: str) -> Record:
    consumer = Consumer(cluster.properties())
    try:
        consumer.assign([TopicPartition(topic, 0, 0)])
        [message] = wait_until("a record", lambda: consumer.consume(1, 0.5))
    finally:
        consumer.close()
    assert message.error() is None
    return cast("Record", message)


def test_a_name_that_is_no_utf8_costs_the_headers_and_nothing_else(cluster: Cluster) -> None:
    topic = cluster.topic()
    produce_with_header(cluster.bootstrap, topic, b"na\xefve", b"{")
    message = read_one(cluster, topic)

    assert [headers_of(message) for _ in range(3)] == [()] * 3
    assert message.value() == b"{"


def test_a_reject_with_such_a_name_is_a_dead_letter_without_headers(cluster: Cluster) -> None:
    topic = cluster.topic()
    produce_with_header(cluster.bootstrap, topic, b"na\xefve", b"{")
    run = Run(Partition(topic, 0), [read_one(cluster, topic)], 0, 1)

    [reject] = compiled().decode(run).rejects

    assert (reject.reason, reject.value, reject.headers) == (Reason.INVALID_JSON, b"{", ())


def test_headers_of_any_other_name_are_there(cluster: Cluster) -> None:
    topic = cluster.topic()
    produce_with_header(cluster.bootstrap, topic, "naïve".encode(), b"x")

    assert list(headers_of(read_one(cluster, topic))) == [("naïve", b"v")]
