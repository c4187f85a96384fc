"""The producer of dead letters, on the mock cluster: acknowledged is written, the rest is kept."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from confluent_kafka import Consumer, Message, TopicPartition

from daemon.kafka.login import Login
from daemon.kafka.outbox import CUT_HEADER, KEPT_BYTES, Outbox
from daemon.kafka.records import Letter
from daemon.tokens.source import NoToken, Token, TokenSource
from tests.support.mock_cluster import Api
from tests.support.processes import wait_until
from tests.support.topics import unique

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.mock_cluster import MockCluster

HEADERS = [("why", b"so")]
BESIDE = len(b"key" + b"why" + b"so")  # What a letter of `Box` holds beside its value.
TOPIC_AUTHORIZATION_FAILED = 29
MSG_SIZE_TOO_LARGE = 10


class Counted(Outbox):
    """An outbox that counts how often it hands a letter to its producer."""

    tried = 0

    def _produce(self, ticket: int) -> bool:
        self.tried += 1
        return super()._produce(ticket)


class Box:
    """An outbox, its topic, and what has been acknowledged."""

    def __init__(self, mock: MockCluster, **properties: str) -> None:
        self.topic = mock.create_topic(unique("letters"))
        self._bootstrap = mock.bootstrap
        more = {name.replace("_", "."): value for name, value in properties.items()}
        self.outbox = Counted({"bootstrap.servers": mock.bootstrap, **more}, self.topic)
        self.acknowledged: list[int] = []

    def send(self, *values: bytes | None) -> list[int]:
        return [self.outbox.send(Letter(b"key", value, HEADERS)) for value in values]

    def poll_until_acknowledged(self, tickets: list[int]) -> None:
        def all_came() -> bool:
            self.acknowledged += self.outbox.poll()
            return set(tickets) <= set(self.acknowledged)

        wait_until("all is acknowledged", all_came)

    def written(self, count: int) -> list[Message]:
        consumer = Consumer({"bootstrap.servers": self._bootstrap, "group.id": unique("reader")})
        found: list[Message] = []
        try:
            consumer.assign([TopicPartition(self.topic, 0, 0)])

            def enough() -> bool:
                found.extend(m for m in consumer.consume(100, 0.1) if m.error() is None)
                return len(found) >= count

            wait_until(f"{count} letters", enough)
        finally:
            consumer.close()
        return found


@pytest.fixture
def box(mock: MockCluster) -> Iterator[Box]:
    box = Box(mock)
    yield box
    box.outbox.close()


def test_each_letter_is_written_whole_and_acknowledged_once(box: Box) -> None:
    tickets = box.send(b"\x00\xff", None, b"")

    box.poll_until_acknowledged(tickets)

    assert sorted(box.acknowledged) == tickets
    assert [m.value() for m in box.written(3)] == [b"\x00\xff", None, b""]
    assert {m.key() for m in box.written(3)} == {b"key"}
    assert [m.headers() for m in box.written(3)] == [HEADERS] * 3
    assert box.outbox.poll() == []
    assert box.outbox.trouble is None


def test_a_letter_that_is_refused_is_kept_and_written_later(box: Box, mock: MockCluster) -> None:
    mock.fail_next(Api.PRODUCE, [TOPIC_AUTHORIZATION_FAILED] * 1_000)
    tickets = box.send(b"a", b"b")

    def trouble() -> str | None:
        assert box.outbox.poll() == []
        return box.outbox.trouble

    assert box.topic in wait_until("it says why", trouble)
    assert box.outbox.flush(0.0) is False

    mock.clear_faults(Api.PRODUCE)
    box.poll_until_acknowledged(tickets)
    assert sorted(m.value() or b"" for m in box.written(2)) == [b"a", b"b"]
    assert box.outbox.trouble is None


def test_it_counts_how_often_a_letter_is_not_taken(box: Box, mock: MockCluster) -> None:
    [taken] = box.send(b"a")
    box.poll_until_acknowledged([taken])
    assert box.outbox.failed == 0

    mock.fail_next(Api.PRODUCE, [TOPIC_AUTHORIZATION_FAILED] * 2)
    box.poll_until_acknowledged(box.send(b"b"))

    assert box.outbox.failed == 2


def test_letters_survive_a_broker_that_is_away(box: Box, mock: MockCluster) -> None:
    mock.set_down()
    tickets = box.send(*(b"%d" % number for number in range(50)))
    begun_s = time.monotonic()
    assert box.outbox.flush(0.3) is False
    assert time.monotonic() - begun_s < 5.0

    mock.set_up()

    box.poll_until_acknowledged(tickets)
    assert {m.value() for m in box.written(50)} == {b"%d" % number for number in range(50)}


def test_flush_waits_for_all_and_leaves_the_tickets_to_poll(box: Box) -> None:
    tickets = box.send(b"a", b"b")

    assert box.outbox.flush(10.0) is True

    assert sorted(box.outbox.poll()) == tickets


def test_a_letter_too_large_for_the_topic_is_cut_and_says_what_is_missing(
    box: Box, mock: MockCluster
) -> None:
    mock.fail_next(Api.PRODUCE, [MSG_SIZE_TOO_LARGE] * 2)  # As part of a batch, then alone.
    large = b"x" * 600_000
    tickets = box.send(large)

    box.poll_until_acknowledged(tickets)

    [message] = box.written(1)
    value = message.value() or b""
    assert large.startswith(value)
    assert len(value) < len(large)
    headers = dict(cast("list[tuple[str, bytes | None]]", message.headers() or []))
    assert headers["why"] == b"so"
    assert (headers[CUT_HEADER] or b"").startswith(b"sha256:")
    assert (headers[CUT_HEADER] or b"").endswith(b" 600000")


def test_a_letter_counts_until_it_is_acknowledged_and_a_cut_one_what_is_left_of_it(
    box: Box, mock: MockCluster
) -> None:
    mock.fail_next(Api.PRODUCE, [MSG_SIZE_TOO_LARGE] * 2 + [TOPIC_AUTHORIZATION_FAILED] * 1_000)
    tickets = box.send(b"x" * 600_000)
    assert box.outbox.held_bytes == 600_000 + BESIDE

    def cut() -> bool:
        assert box.outbox.poll() == []
        return box.outbox.held_bytes < 600_000

    wait_until("it is cut", cut)
    told = len(CUT_HEADER) + len("sha256: 600000") + 64
    assert box.outbox.held_bytes == KEPT_BYTES[0] + BESIDE + told

    mock.clear_faults(Api.PRODUCE)
    box.poll_until_acknowledged(tickets)
    assert box.outbox.held_bytes == 0


def test_what_the_producer_has_no_room_for_waits_for_it_and_is_written(mock: MockCluster) -> None:
    box = Box(mock, queue_buffering_max_messages="3")
    mock.set_down()
    tickets = box.send(*(b"%d" % number for number in range(500)))

    for _ in range(20):
        assert box.outbox.poll() == []

    assert box.outbox.tried <= 3 + 1 + 20  # One of those that wait, each time.
    mock.set_up()
    box.poll_until_acknowledged(tickets)
    assert sorted(box.acknowledged) == tickets
    assert {m.value() for m in box.written(500)} == {b"%d" % number for number in range(500)}
    assert box.outbox.held_bytes == 0
    box.outbox.close()


def test_that_the_producer_has_no_room_is_no_trouble_of_its_own(mock: MockCluster) -> None:
    box = Box(mock, queue_buffering_max_messages="3")

    tickets = box.send(*(b"%d" % number for number in range(50)))

    assert box.outbox.trouble is None
    box.poll_until_acknowledged(tickets)
    assert box.outbox.trouble is None
    box.outbox.close()


def is_of_a_client(name: Path) -> bool:
    try:
        return name.read_text().startswith("rdk:")
    except (FileNotFoundError, ProcessLookupError):  # It ended after it was listed.
        return False


def test_a_producer_that_was_replaced_is_gone_with_its_threads_and_its_copies(box: Box) -> None:
    def of_clients() -> int:
        return sum(map(is_of_a_client, Path("/proc/self/task").glob("*/comm")))

    box.poll_until_acknowledged(box.send(b"first"))
    before = of_clients()

    for _ in range(3):
        tickets = box.send(*[b"x" * 1_000] * 10)
        box.outbox._broken = True
        box.poll_until_acknowledged(tickets)

    wait_until("only one is left", lambda: not box.outbox.poll() and of_clients() <= before)
    assert len(set(box.acknowledged)) == len(box.acknowledged) == 31


def test_close_does_not_wait_for_what_can_not_be_written(box: Box, mock: MockCluster) -> None:
    mock.set_down()
    box.send(b"a")
    begun_s = time.monotonic()

    box.outbox.close()

    assert time.monotonic() - begun_s < 5.0


def test_a_client_with_nothing_to_say_is_heard_once_a_second(mock: MockCluster) -> None:
    asked: list[float] = []
    now_s = 100.0

    def source() -> dict[str, str]:  # Whoever hears the client looks here first.
        asked.append(now_s)
        return {}

    topic, login = mock.create_topic(unique("letters")), Login(source)
    properties = {"bootstrap.servers": mock.bootstrap}
    outbox = Outbox(properties, topic, clock=lambda: now_s, login=login)
    asked.clear()

    for _ in range(1_000):
        assert outbox.poll() == []
        now_s += 0.01

    assert 10 <= len(asked) <= 11
    asked.clear()
    outbox.send(Letter(b"key", b"value", []))
    wait_until("the letter is acknowledged", outbox.poll)
    assert asked  # At once, though no second has passed.
    outbox.close()


def test_without_a_token_to_log_in_with_letters_are_kept_and_it_says_why() -> None:
    def fetch() -> Token:
        raise NoToken("nobody is in")

    source = TokenSource(fetch)
    wait_until("it was asked", lambda: "nobody is in" in source.trouble)
    outbox = Outbox({"bootstrap.servers": "127.0.0.1:1", "oauth_cb": source}, "letters")

    outbox.send(Letter(b"key", b"value", []))

    assert outbox.poll() == []
    assert outbox.trouble == "topic letters: no token to log in with: nobody is in"
    assert not outbox.flush(0.1)
    outbox.close()
