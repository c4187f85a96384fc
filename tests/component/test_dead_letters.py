"""What a dead letter says, and what waits until it is acknowledged."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry

from daemon.core.lease import Lease
from daemon.core.model import Alias, ChangeSet, Device, Outcome, Partition, Refusal
from daemon.core.relay import Relay
from daemon.core.relay_rules import RelayRules
from daemon.core.tenure import Start
from daemon.intake.dead_letters import DeadLetters
from daemon.intake.letters import RATIO_RECORDS, Letters, Ratio
from daemon.kafka.records import Letter, Reason, Reject
from daemon.metrics import CohortLabels, Metrics

if TYPE_CHECKING:
    from daemon.core.model import Changes, Flush

P = Partition("input", 3)
BIG_ENOUGH = 10 * RATIO_RECORDS


class FakeOutbox:
    """Takes letters; a test says when they are acknowledged."""

    def __init__(self) -> None:
        self.letters: dict[int, Letter] = {}
        self.trouble: str | None = None
        self.held_bytes = 0
        self.ready: list[int] = []
        self.failed = 0

    def send(self, letter: Letter) -> int:
        ticket = len(self.letters) + 1
        self.letters[ticket] = letter
        return ticket

    def poll(self) -> list[int]:
        ready, self.ready = self.ready, []
        return ready

    def flush(self, timeout_s: float) -> bool:
        return True

    def close(self) -> None:
        self.letters.clear()


def made(
    outbox: FakeOutbox | None, registry: CollectorRegistry | None = None
) -> tuple[Letters, Relay]:
    relay = Relay(RelayRules(), Lease(100.0))
    relay.assign({P: Start(10)})
    for intent in (relay.intents([P], 0.0),):
        relay.acknowledge(intent, 0.0)
    registry = registry or CollectorRegistry()
    metrics = Metrics(registry, CohortLabels((), 3), partition_labels=True)
    return Letters(outbox, DeadLetters(), relay, metrics), relay


def sealed(relay: Relay, changes: Changes) -> Flush:
    after = 10 + len(changes)
    relay.absorb(ChangeSet(P, 10, after, {"vip": changes}, len(changes), {"vip": "VIPs"}), 0.0)
    [flush] = relay.seal(1.0, capacity=1, drain=True)
    return flush


def committable(relay: Relay) -> int:
    return relay.tenures[P].ledger.committable()[0]


def test_a_record_is_untouched_and_headers_of_an_earlier_journey_are_replaced() -> None:
    old = [
        ("trace", b"abc"),
        ("cohortd.reason", b"unknown_op"),
        ("__connect.errors.offset", b"1"),
        ("cohortd.replays", b"2"),
        ("empty", None),
    ]
    reject = Reject(P, 42, Reason.INVALID_JSON, "the value: malformed", b"\x00", b"\xff", old)

    letter = DeadLetters().of_record(reject)

    assert (letter.key, letter.value) == (b"\x00", b"\xff")
    assert letter.headers[:2] == [("trace", b"abc"), ("empty", None)]
    names = [name for name, _ in letter.headers]
    assert len(names) == len(set(names))
    said = dict(letter.headers)
    assert said["__connect.errors.topic"] == b"input"
    assert said["__connect.errors.partition"] == b"3"
    assert said["__connect.errors.offset"] == b"42"
    assert said["__connect.errors.exception.message"] == b"the value: malformed"
    assert said["cohortd.reason"] == b"invalid_json"
    assert said["cohortd.replays"] == b"2"


def test_a_refused_member_is_a_native_event_of_its_own() -> None:
    _, relay = made(None)
    changes: Changes = {"u1": True, Alias("a@x", "email"): False, Device("d1"): True}
    flush = sealed(relay, changes)
    outcome = Outcome(flush.id, (Refusal(changes, "refused", "not valid"),))

    letters = list(DeadLetters().of_refusal(flush, outcome))

    assert [reason for reason, _ in letters] == ["refused"] * 3
    common = {"cohort_id": "vip", "cohort_name": "VIPs"}
    assert [json.loads(letter.value or b"") for _, letter in letters] == [
        common | {"op": "add", "external_id": "u1"},
        common | {"op": "remove", "alias": {"name": "a@x", "label": "email"}},
        common | {"op": "add", "device_id": "d1"},
    ]
    assert len({letter.key for _, letter in letters}) == 3
    for _, letter in letters:
        said = dict(letter.headers)
        assert (said["cohortd.made"], said["cohortd.offsets"]) == (b"true", b"10-12")
        assert said["__connect.errors.stage"] == b"TASK_PUT"
        assert not any(b"u1" in (value or b"") for value in said.values())


def test_what_was_given_up_says_so() -> None:
    _, relay = made(None)
    flush = sealed(relay, {"u1": True})

    [(reason, letter)] = DeadLetters().of_refusal(
        flush, Outcome(flush.id, (Refusal({"u1": True}, "gave_up", "locked"),))
    )

    assert reason == "gave_up"
    assert dict(letter.headers)["cohortd.reason"] == b"gave_up"


def test_a_partition_is_held_until_every_letter_of_a_run_is_acknowledged() -> None:
    outbox = FakeOutbox()
    letters, relay = made(outbox)
    rejects = [Reject(P, offset, Reason.UNKNOWN_OP, "op") for offset in (11, 13)]

    letters.reject(P, 10, rejects)
    relay.advance(P, 20)

    assert (committable(relay), letters.waiting) == (10, 2)
    outbox.ready = [2]
    letters.turn(0.0)
    assert (committable(relay), letters.waiting) == (10, 1)
    outbox.ready = [1]
    letters.turn(0.0)
    assert (committable(relay), letters.waiting, letters.acknowledged.total()) == (20, 0, 2)


def test_a_flush_is_complete_when_the_letters_of_its_refused_are_acknowledged() -> None:
    outbox = FakeOutbox()
    letters, relay = made(outbox)
    flush = sealed(relay, {"u1": True, "u2": True})

    letters.complete(flush, Outcome(flush.id, (Refusal({"u2": True}, "refused", ""),)), 1.0)

    assert committable(relay) == 10
    assert flush.id in relay.in_flight  # So no newer change of the cohort overtakes it.
    assert not letters.acknowledged
    outbox.ready = [1]
    letters.turn(1.0)
    assert committable(relay) == 12
    assert relay.idle
    assert letters.acknowledged == {"refused": 1}


def test_a_letter_of_a_partition_given_up_since_moves_nothing() -> None:
    outbox = FakeOutbox()
    letters, relay = made(outbox)
    letters.reject(P, 10, [Reject(P, 11, Reason.UNKNOWN_OP, "op")])
    relay.advance(P, 20)
    relay.give_up(P)
    relay.assign({P: Start(10)})

    outbox.ready = [1]
    letters.turn(0.0)

    assert committable(relay) == 10


def test_without_a_topic_a_refused_member_holds_its_flush_and_says_why() -> None:
    letters, relay = made(None)
    flush = sealed(relay, {"u1": True})

    letters.complete(flush, Outcome(flush.id, (Refusal({"u1": True}, "refused", ""),)), 1.0)

    assert letters.possible is False
    assert "dead_letter.topic" in (letters.trouble or "")
    assert committable(relay) == 10


def test_the_ratio_is_taken_over_the_last_thousand_records() -> None:
    ratio = Ratio(0.5)

    assert not ratio.exceeded(RATIO_RECORDS - 1, RATIO_RECORDS - 1)  # Too few to judge by.
    assert ratio.exceeded(1, 1)
    assert not ratio.exceeded(BIG_ENOUGH, 0)
    assert not ratio.exceeded(100, 100)
    assert ratio.exceeded(BIG_ENOUGH, BIG_ENOUGH - 1)


def test_each_time_a_letter_is_not_taken_is_counted_once() -> None:
    outbox, registry = FakeOutbox(), CollectorRegistry()
    letters, _ = made(outbox, registry)
    counted = []

    for failed in (0, 3, 3, 5):
        outbox.failed = failed
        letters.turn(0.0)
        counted.append(registry.get_sample_value("cohortd_dead_letters_failed_total"))

    assert counted == [0.0, 3.0, 3.0, 5.0]
