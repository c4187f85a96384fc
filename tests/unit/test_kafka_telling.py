"""Of which topics a fetch fails, where the log's end is told by every fetch that goes well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from confluent_kafka import KafkaError, Message

from daemon.core.model import Partition
from daemon.kafka.client_errors import EventLog
from daemon.kafka.runs import Reading
from daemon.kafka.telling import Telling

if TYPE_CHECKING:
    from confluent_kafka import TopicPartition

A, B = Partition("a", 0), Partition("b", 0)


class Client:
    """Remembers the end of every log as the last fetch told it: none where that failed."""

    def __init__(self) -> None:
        self.ends = {"a": 9, "b": 9}

    def get_watermark_offsets(self, at: TopicPartition, *, cached: bool) -> tuple[int, int]:
        assert cached
        return 0, self.ends[at.topic]


def _telling(client: Client) -> tuple[Telling, Reading]:
    telling, reading = Telling(), Reading()
    telling._consumer, telling._reading = cast("Any", client), reading
    for partition in (A, B):
        reading.begin(partition, 0)
    return telling, reading


def _failed(partition: Partition) -> Message:
    return Message(*partition, -1001, error=KafkaError(KafkaError.UNKNOWN))


def test_a_topic_fails_until_a_fetch_goes_well_although_nothing_is_left_to_read() -> None:
    client = Client()
    telling, reading = _telling(client)
    reading.take([Message(*A, 8, value=b"v")], EventLog())
    assert telling.failing_topics() == set()

    client.ends["a"] = -1
    reading.take([_failed(A)], EventLog())
    assert telling.failing_topics() == {"a"}

    client.ends["a"] = 9
    assert telling.failing_topics() == set()


def test_a_partition_that_was_never_heard_fails_whatever_the_client_remembers() -> None:
    telling, reading = _telling(Client())

    reading.take([_failed(B)], EventLog())

    assert telling.failing_topics() == {"b"}
