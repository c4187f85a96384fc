"""Reading on from an offset with a leader epoch asks the broker first."""

from __future__ import annotations

from typing import Any, cast

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from daemon.errors import KafkaFatal
from daemon.kafka.resuming import assign


class Client:
    """Refuses to seek so many times, as librdkafka does until it has started a partition."""

    def __init__(self, code: int = KafkaError._STATE, refusals: int = 0) -> None:
        self.calls: list[tuple[str, Any]] = []
        self._code = code
        self._refusals = refusals

    def incremental_assign(self, starts: list[TopicPartition]) -> None:
        self.calls.append(("assign", starts))

    def seek(self, start: TopicPartition) -> None:
        self.calls.append(("seek", start))
        if self._refusals:
            self._refusals -= 1
            raise KafkaException(KafkaError(self._code))


KNOWN = TopicPartition("t", 0, 5, leader_epoch=3)
PLAIN = TopicPartition("t", 1, 7)


def test_only_an_offset_with_an_epoch_is_sought_and_after_it_was_assigned() -> None:
    client = Client()

    assign(cast("Consumer", client), [KNOWN, PLAIN])

    assert client.calls == [("assign", [KNOWN, PLAIN]), ("seek", KNOWN)]


def test_one_that_is_not_started_yet_is_sought_again() -> None:
    client = Client(refusals=2)

    assign(cast("Consumer", client), [KNOWN])

    assert client.calls == [("assign", [KNOWN]), *[("seek", KNOWN)] * 3]


def test_any_other_refusal_is_told() -> None:
    client = Client(KafkaError._INVALID_ARG, refusals=1)

    with pytest.raises(KafkaFatal, match=r"read on from t \[0\] at 5"):
        assign(cast("Consumer", client), [KNOWN])
