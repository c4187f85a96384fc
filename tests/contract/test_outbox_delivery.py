"""Dead letters through `Outbox`: acknowledged or kept, on a mock cluster and a real broker."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from daemon.kafka.outbox import CUT_HEADER, Outbox
from daemon.kafka.records import Letter
from tests.support.mock_cluster import Api, MockCluster
from tests.support.processes import free_port, wait_until
from tests.support.topics import create_topic, delete_topic, unique

if TYPE_CHECKING:
    from collections.abc import Iterator


class Desk:
    """An outbox with a clock of its own, and all tickets it has reported."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self.now_s = 0.0
        self.outbox = Outbox({"bootstrap.servers": bootstrap}, topic, clock=lambda: self.now_s)
        self.tickets: list[int] = []

    def wait_for(self, count: int) -> list[int]:
        def turn() -> bool:
            self.now_s += 1.0
            self.tickets += self.outbox.poll()
            return len(self.tickets) >= count

        wait_until(f"{count} acknowledgements", turn, 30.0)
        return sorted(self.tickets)


@pytest.fixture(params=["mock", pytest.param("kafka", marks=pytest.mark.kafka)])
def bootstrap(request: pytest.FixtureRequest) -> str:
    found = request.getfixturevalue(str(request.param))
    return found.bootstrap if isinstance(found, MockCluster) else str(found)


@pytest.fixture
def desk(bootstrap: str, request: pytest.FixtureRequest) -> Iterator[Desk]:
    topic = unique("dlq")
    mock = request.getfixturevalue("mock") if "mock" in request.node.name else None
    if mock is not None:
        mock.create_topic(topic)
    else:
        create_topic(bootstrap, name=topic)
    desk = Desk(bootstrap, topic)
    yield desk
    desk.outbox.close()


def written(bootstrap: str, topic: str, count: int) -> list[Message]:
    """Return the records of a topic's only partition, at least `count`."""
    reader = Consumer({"bootstrap.servers": bootstrap, "group.id": unique("reader")})
    reader.assign([TopicPartition(topic, 0, 0)])
    found: list[Message] = []

    def read() -> bool:
        messages = reader.consume(count, 0.1)
        found.extend(message for message in messages if message.error() is None)
        return len(found) >= count

    wait_until(f"{count} records of {topic}", read)
    reader.close()
    return found


def test_a_letter_is_written_as_it_is_and_acknowledged(bootstrap: str, desk: Desk) -> None:
    headers = [("trace", b"1"), ("trace", None), ("cohortd.reason", b"invalid_json")]
    letters = [Letter(b"key", b"\xff{", headers), Letter(None, None, [])]

    tickets = [desk.outbox.send(letter) for letter in letters]

    assert desk.wait_for(2) == tickets
    assert desk.outbox.flush(1)
    found = written(bootstrap, desk.outbox._topic, 2)
    assert [(m.key(), m.value(), m.headers() or []) for m in found] == [
        (letter.key, letter.value, letter.headers) for letter in letters
    ]
    assert desk.outbox.trouble is None


def test_a_flush_waits_for_all(bootstrap: str, desk: Desk) -> None:
    tickets = [desk.outbox.send(Letter(None, b"%d" % number, [])) for number in range(500)]

    assert desk.outbox.flush(30)
    assert sorted(desk.outbox.poll()) == tickets
    found = written(bootstrap, desk.outbox._topic, 500)
    assert [message.value() for message in found] == [b"%d" % number for number in range(500)]


def test_a_letter_too_large_is_cut_and_carries_the_hash_of_the_whole(kafka: str) -> None:
    topic = create_topic(kafka, config={"max.message.bytes": "20000"})
    desk = Desk(kafka, topic)
    value = bytes(range(256)) * 1_000
    small = [desk.outbox.send(Letter(b"k", b"x" * 9_000, [])) for _ in range(5)]

    large = desk.outbox.send(Letter(b"k", value, [("trace", b"1"), ("cohortd.reason", b"r")]))

    assert desk.wait_for(6) == [*small, large]
    found = {message.value(): message.headers() for message in written(kafka, topic, 6)}
    whole = f"sha256:{hashlib.sha256(value).hexdigest()} {len(value)}".encode()
    assert found.keys() == {b"x" * 9_000, value[:5_000]}  # The small ones are whole.
    assert found[value[:5_000]] == [
        ("trace", b"1"),
        ("cohortd.reason", b"r"),
        (CUT_HEADER, whole),
    ]
    desk.outbox.close()


def test_headers_too_large_leave_only_what_says_where_it_came_from(kafka: str) -> None:
    topic = create_topic(kafka, config={"max.message.bytes": "10000"})
    desk = Desk(kafka, topic)
    headers = [("huge", b"h" * 50_000), ("cohortd.reason", b"too_large")]

    desk.outbox.send(Letter(b"k" * 20_000, b"v", headers))

    desk.wait_for(1)
    [message] = written(kafka, topic, 1)
    assert message.key() is None
    assert [header[0] for header in message.headers() or []] == ["cohortd.reason", CUT_HEADER]
    desk.outbox.close()


def test_a_missing_topic_is_trouble_until_it_is_there(kafka: str) -> None:
    topic = unique("dlq")
    create_topic(kafka, name=topic)
    delete_topic(kafka, topic)
    outbox = Outbox({"bootstrap.servers": kafka, "topic.metadata.propagation.max.ms": 500}, topic)
    desk = Desk.__new__(Desk)
    desk.outbox, desk.tickets, desk.now_s = outbox, [], 0.0
    ticket = outbox.send(Letter(None, b"v", []))

    wait_until("trouble", lambda: outbox.poll() or outbox.trouble)
    text = outbox.trouble
    assert outbox.flush(0.1) is False
    create_topic(kafka, name=topic)
    assert desk.wait_for(1) == [ticket]

    assert text is not None
    assert text.startswith(f"topic {topic}: ")
    assert "UNKNOWN_TOPIC" in text
    assert outbox.trouble is None
    outbox.close()


@pytest.mark.parametrize(
    "code",
    [
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.POLICY_VIOLATION,
        KafkaError.NOT_ENOUGH_REPLICAS,
    ],
)
def test_a_refused_letter_is_sent_again_until_it_is_taken(mock: MockCluster, code: int) -> None:
    topic = mock.create_topic(unique("dlq"))
    desk = Desk(mock.bootstrap, topic)
    mock.fail_next(Api.PRODUCE, [code] * 3)

    tickets = [desk.outbox.send(Letter(None, b"%d" % number, [])) for number in range(3)]

    assert desk.wait_for(3) == tickets
    found = written(mock.bootstrap, topic, 3)
    assert {message.value() for message in found} == {b"0", b"1", b"2"}
    desk.outbox.close()


def test_a_fatal_error_costs_the_producer_and_no_letter(mock: MockCluster) -> None:
    topic = mock.create_topic(unique("dlq"))
    desk = Desk(mock.bootstrap, topic)
    mock.fail_next(Api.PRODUCE, [KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER])
    first = desk.outbox._producer

    tickets = [desk.outbox.send(Letter(None, b"%d" % number, [])) for number in range(3)]

    assert desk.wait_for(3) == tickets
    assert {message.value() for message in written(mock.bootstrap, topic, 3)} == {b"0", b"1", b"2"}
    assert desk.outbox._producer is not first
    desk.outbox.close()


def test_an_unreachable_broker_is_told_while_letters_wait() -> None:
    outbox = Outbox({"bootstrap.servers": f"127.0.0.1:{free_port()}"}, "dlq")

    outbox.send(Letter(None, b"v", []))
    wait_until("trouble", lambda: outbox.poll() or outbox.trouble)

    assert outbox.trouble is not None
    assert outbox.trouble.startswith("topic dlq: ")
    assert outbox.flush(0.1) is False
    outbox.close()


def test_no_letter_is_lost_while_the_broker_is_away(mock: MockCluster) -> None:
    topic = mock.create_topic(unique("dlq"))
    desk = Desk(mock.bootstrap, topic)
    mock.set_down()
    tickets = [desk.outbox.send(Letter(None, b"%d" % number, [])) for number in range(10)]
    wait_until("trouble", lambda: desk.outbox.poll() or desk.outbox.trouble)

    mock.set_up()

    assert desk.wait_for(10) == tickets
    desk.outbox.close()
