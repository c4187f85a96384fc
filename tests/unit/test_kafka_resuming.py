"""Reading on from an offset with a leader epoch asks the broker first."""

from __future__ import annotations

import itertools
import math
import time
from typing import TYPE_CHECKING, Any, cast

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from daemon.errors import KafkaFatal
from daemon.kafka.resuming import assign

if TYPE_CHECKING:
    from collections.abc import Mapping


class Client:
    """Refuses to seek so many times by partition, as librdkafka does until it has started one.

    One whose offset is out of range it never starts.
    """

    def __init__(
        self, refusals: Mapping[int, float] | None = None, code: int = KafkaError._STATE
    ) -> None:
        self.calls: list[tuple[str, Any]] = []
        self.sought: list[TopicPartition] = []
        self._code = code
        self._refusals = dict(refusals or {})

    def incremental_assign(self, starts: list[TopicPartition]) -> None:
        self.calls.append(("assign", starts))

    def seek(self, start: TopicPartition) -> None:
        self.calls.append(("seek", start))
        left = self._refusals.get(start.partition, 0)
        if left > 0:
            self._refusals[start.partition] = left - 1
            raise KafkaException(KafkaError(self._code))
        self.sought.append(start)


def _known(count: int) -> list[TopicPartition]:
    return [TopicPartition("t", number, 5, leader_epoch=3) for number in range(count)]


[KNOWN] = _known(1)
PLAIN = TopicPartition("t", 1, 7)


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return how long was slept for, where nobody sleeps."""
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    return slept


def test_only_an_offset_with_an_epoch_is_sought_and_after_it_was_assigned() -> None:
    client = Client()

    assign(cast("Consumer", client), [KNOWN, PLAIN])

    assert client.calls == [("assign", [KNOWN, PLAIN]), ("seek", KNOWN)]


def test_one_that_is_not_started_yet_is_sought_again() -> None:
    client = Client({0: 2})

    assign(cast("Consumer", client), [KNOWN])

    assert client.calls == [("assign", [KNOWN]), *[("seek", KNOWN)] * 3]


@pytest.mark.parametrize("count", [1, 60])
def test_however_many_are_out_of_range_they_are_waited_for_together(
    naps: list[float], count: int
) -> None:
    client, beats = Client(dict.fromkeys(range(count), math.inf)), [0.0]

    assign(cast("Consumer", client), _known(count), lambda: beats.append(sum(naps)))

    assert sum(naps) == pytest.approx(2.0)
    gaps = [after - before for before, after in itertools.pairwise(beats)]
    assert max(gaps) < 0.1  # Whoever watches this thread hears of it all the while.


def test_each_that_starts_is_sought_although_others_never_do(naps: list[float]) -> None:
    client = Client({0: math.inf, 1: 150, 2: math.inf, 3: 300})

    assign(cast("Consumer", client), _known(5))

    assert [start.partition for start in client.sought] == [4, 1, 3]
    assert sum(naps) == pytest.approx(3.0 + 2.0, abs=0.1)  # Two seconds after the last of them.


def test_any_other_refusal_is_told() -> None:
    client = Client({0: 1}, KafkaError._INVALID_ARG)

    with pytest.raises(KafkaFatal, match=r"read on from t \[0\] at 5"):
        assign(cast("Consumer", client), [KNOWN])
