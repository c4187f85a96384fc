from __future__ import annotations

from typing import Any, cast

from confluent_kafka import KafkaError, TopicPartition

from daemon.core.model import Partition
from daemon.kafka.client_config import consumer_config, producer_config
from daemon.kafka.commits import BACKWARDS, FORGOTTEN_AFTER_S, CommitBook, CommitSender
from daemon.kafka.records import Commit, CommitResult

AT = Partition("t", 0)
REFUSED = KafkaError(KafkaError.REBALANCE_IN_PROGRESS)


def answer(commit: Commit) -> TopicPartition:
    return TopicPartition(*commit.partition, commit.offset, commit.metadata)


def test_answers_in_any_order_find_their_commit() -> None:
    book = CommitBook()
    commits = [Commit(AT, 1, "a"), Commit(AT, 2, "b"), Commit(AT, 2, "c"), Commit(AT, 3, "")]
    for commit in commits:
        book.sent(commit, 0.0)

    book.heard(REFUSED, [answer(commits[2])])
    for commit in (commits[3], commits[0]):
        book.heard(None, [answer(commit)])

    assert book.drain(1.0) == [
        CommitResult(commits[2], "REBALANCE_IN_PROGRESS", REFUSED.str()),
        CommitResult(commits[3]),
        CommitResult(commits[0]),
    ]
    assert book.oldest_age_s(4.0) == 4.0
    book.heard(None, [answer(commits[1])])
    assert book.oldest_age_s(4.0) is None


def test_the_same_commit_sent_twice_is_answered_twice() -> None:
    book, commit = CommitBook(), Commit(AT, 1, "a")
    book.sent(commit, 1.0)
    book.sent(commit, 2.0)

    book.heard(None, [answer(commit)])

    assert book.oldest_age_s(3.0) == 1.0
    book.heard(None, [answer(commit)])
    assert book.drain(3.0) == [CommitResult(commit)] * 2


def test_an_answer_nobody_waits_for_changes_nothing() -> None:
    book = CommitBook()

    book.heard(None, [answer(Commit(AT, 1, "a"))])

    assert book.drain(0.0) == []


def test_a_commit_never_answered_fails_in_the_end_and_its_late_answer_is_ignored() -> None:
    book, commit = CommitBook(), Commit(AT, 1, "a")
    book.sent(commit, 0.0)
    assert book.drain(FORGOTTEN_AFTER_S) == []

    [result] = book.drain(FORGOTTEN_AFTER_S + 1)
    book.heard(None, [answer(commit)])

    assert (result.commit, result.error) == (commit, "_TIMED_OUT")
    assert book.oldest_age_s(200.0) is None
    assert book.drain(200.0) == []


class FakeClient:
    def __init__(self) -> None:
        self.offsets: list[int] = []

    def commit(self, *, offsets: list[TopicPartition], asynchronous: bool) -> list[TopicPartition]:
        self.offsets += [entry.offset for entry in offsets]
        return [] if asynchronous else offsets


def test_where_a_partition_begins_again_may_be_lower_than_where_it_was_left() -> None:
    client = FakeClient()
    sender = CommitSender(cast("Any", client), CommitBook(), {AT}, lambda: 0.0)
    sender.send([Commit(AT, 5, "")])
    sender.send([Commit(AT, 4, "")])
    refused = [result.error for result in sender.results()]

    sender.forget(AT)  # Given up; meanwhile a person has reset it.
    sender.send([Commit(AT, 2, "")])

    assert refused == [BACKWARDS]
    assert client.offsets == [5, 2]
    assert sender.results() == []


def test_nobody_can_take_back_what_a_guarantee_rests_on() -> None:
    config = consumer_config(
        {"enable.auto.commit": True, "auto.offset.reset": "latest", "fetch.queue.backoff.ms": 7}
    )

    assert config["enable.auto.commit"] is False
    assert config["auto.offset.reset"] == "error"
    assert config["isolation.level"] == "read_committed"
    assert config["partition.assignment.strategy"] == "cooperative-sticky"
    assert config["fetch.queue.backoff.ms"] == 7


def test_under_kip_848_nothing_is_set_that_the_broker_decides() -> None:
    config = consumer_config({"group.protocol": "consumer", "session.timeout.ms": 6000})

    assert not {"partition.assignment.strategy", "session.timeout.ms"} & config.keys()


def test_a_producer_is_told_nothing_of_consumers() -> None:
    config = producer_config({"group.id": "g", "session.timeout.ms": 1, "sasl.username": "u"})

    assert not {"group.id", "session.timeout.ms", "auto.offset.reset"} & config.keys()
    assert config["sasl.username"] == "u"
    assert (config["acks"], config["enable.idempotence"]) == ("all", True)
