"""The one guarded commit: what each answer of a broker means, and answers that come too late."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from daemon.core.intent import Mark
from daemon.core.lease import Lease
from daemon.core.model import Partition
from daemon.core.relay import Relay
from daemon.core.relay_rules import RelayRules
from daemon.core.tenure import Start
from daemon.intake.committer import Committer
from daemon.intake.ports import Ports
from daemon.kafka.records import Commit, CommitResult
from daemon.metrics import CohortLabels, Metrics
from tests.support.builders import members, run_of

P = Partition("input", 0)
Q = Partition("other", 0)
LEASE_S = 9.0

# What the broker, or the client for it, can answer to a commit; and how it is counted.
ERRORS = {
    "REBALANCE_IN_PROGRESS": "refused",
    "ILLEGAL_GENERATION": "refused",
    "STALE_MEMBER_EPOCH": "refused",
    "FENCED_MEMBER_EPOCH": "refused",
    "FENCED_INSTANCE_ID": "refused",
    "UNKNOWN_MEMBER_ID": "refused",
    "NOT_COORDINATOR": "failed",
    "COORDINATOR_NOT_AVAILABLE": "failed",
    "COORDINATOR_LOAD_IN_PROGRESS": "failed",
    "OFFSET_METADATA_TOO_LARGE": "failed",
    "INVALID_COMMIT_OFFSET_SIZE": "failed",
    "GROUP_AUTHORIZATION_FAILED": "failed",
    "TOPIC_AUTHORIZATION_FAILED": "failed",
    "UNKNOWN_TOPIC_OR_PART": "failed",
    "GROUP_ID_NOT_FOUND": "failed",
    "INVALID_GROUP_ID": "failed",
    "REQUEST_TIMED_OUT": "failed",
    "UNKNOWN": "failed",
    "_TIMED_OUT": "failed",
    "_TRANSPORT": "failed",
    "_WAIT_COORD": "failed",
    "_ASSIGNMENT_LOST": "failed",
    "_INVALID_ARG": "failed",
    "AN_ERROR_OF_A_LATER_RELEASE": "failed",
}


class FakeConsumer:
    """Keeps what was sent, and answers when it is told to."""

    def __init__(self) -> None:
        self.sent: list[Commit] = []
        self.results: list[CommitResult] = []
        self.at_once: str | None = None
        self.calls = 0

    def commit(self, commits: list[Commit]) -> None:
        self.sent += commits

    def commit_results(self) -> list[CommitResult]:
        results, self.results = self.results, []
        return results

    def commit_now(self, commits: list[Commit]) -> list[CommitResult]:
        self.calls += 1
        return [CommitResult(commit, self.at_once, "in words") for commit in commits]


class Scene:
    """A committer that owns P, of which ten changes wait in a window."""

    def __init__(self) -> None:
        self.consumer = FakeConsumer()
        self.renewed: list[float] = []
        self.relay = Relay(RelayRules(), Lease(LEASE_S))
        self.registry = CollectorRegistry()
        metrics = Metrics(self.registry, CohortLabels((), 3), partition_labels=True)
        line = SimpleNamespace(renew=self.renewed.append)
        ports = Ports(cast("Any", self.consumer), cast("Any", line), lambda: 0.0, metrics)
        self.committer = Committer(ports, self.relay)
        self.own(P)
        self.relay.absorb(run_of({"vip": members(10)}, partition=P), 0.0)

    def own(self, partition: Partition) -> None:
        self.relay.assign({partition: Start(0)})

    def answer(self, commit: Commit, error: str | None, now_s: float) -> None:
        self.consumer.results.append(CommitResult(commit, error, "in words"))
        self.committer.turn(now_s)

    def counted(self, result: str) -> float:
        page = generate_latest(self.registry).decode()
        start = f'cohortd_intent_commits_total{{result="{result}"}} '
        return float(next(line for line in page.splitlines() if line.startswith(start)).split()[1])

    def leaving(self, now_s: float) -> int:
        return sum(len(f.changes) for f in self.relay.seal(now_s, capacity=9, drain=True))


@pytest.mark.parametrize(("error", "result"), ERRORS.items())
def test_a_commit_that_is_not_taken_is_never_taken_for_done(error: str, result: str) -> None:
    scene = Scene()
    scene.committer.turn(0.0)
    [first] = scene.consumer.sent

    scene.answer(first, error, 0.1)

    assert scene.counted(result) == 1
    assert scene.counted("accepted") == 0
    assert scene.committer.committed == {}
    assert not scene.committer.done(0.1)
    assert scene.renewed == []
    assert not scene.relay.lease.fresh(0.1)
    assert scene.leaving(0.1) == 0
    assert scene.relay.pending > 0  # Nothing is dropped for it.


@pytest.mark.parametrize("error", ERRORS)
def test_a_commit_that_is_not_taken_is_repeated_soon_and_not_at_once(error: str) -> None:
    scene = Scene()
    scene.committer.turn(0.0)
    scene.answer(scene.consumer.sent[0], error, 0.1)
    scene.committer.turn(0.55, leaving=True)
    assert len(scene.consumer.sent) == 1

    scene.committer.turn(0.6)
    scene.answer(scene.consumer.sent[1], None, 0.7)

    assert scene.committer.committed == {P: 0}
    assert scene.relay.lease.until_s == 0.6 + LEASE_S  # From when the one that counts was sent.
    assert scene.leaving(0.7) == 10


def _mark(commit: Commit) -> Mark:
    mark = Mark.decode(commit.metadata)
    assert mark is not None
    return mark


def test_who_leaves_stays_until_the_broker_has_taken_the_word_that_all_is_clean() -> None:
    scene = Scene()
    scene.relay.give_up(P)
    scene.own(P)
    scene.committer.turn(0.0)
    scene.answer(scene.consumer.sent[0], None, 0.1)
    assert not _mark(scene.consumer.sent[0]).clean

    scene.committer.turn(0.2, leaving=True)
    [_, last] = scene.consumer.sent
    assert _mark(last).clean
    scene.answer(last, "ILLEGAL_GENERATION", 0.3)
    assert not scene.committer.done(0.3)

    scene.committer.turn(0.8, leaving=True)
    scene.answer(scene.consumer.sent[-1], None, 0.9)
    assert _mark(scene.consumer.sent[-1]).clean
    assert scene.committer.done(0.9)
    scene.committer.turn(1.0, leaving=True)
    assert len(scene.consumer.sent) == 3


def test_who_leaves_does_not_wait_for_a_word_that_can_not_be_given() -> None:
    scene = Scene()  # Of ten changes that are held.

    scene.committer.turn(0.0, leaving=True)
    scene.answer(scene.consumer.sent[0], None, 0.1)

    assert not _mark(scene.consumer.sent[0]).clean
    assert scene.committer.done(0.1)
    assert scene.leaving(0.1) == 10


def test_a_topic_whose_commits_fail_does_not_keep_back_another() -> None:
    scene = Scene()
    scene.own(Q)
    scene.committer.turn(0.0)
    mine, others = sorted(scene.consumer.sent, key=lambda commit: commit.partition)

    scene.answer(mine, "UNKNOWN_TOPIC_OR_PART", 0.1)
    scene.answer(others, None, 0.1)

    assert scene.committer.committed == {Q: 0}


@pytest.mark.parametrize("error", ERRORS)
def test_a_last_commit_that_is_not_taken_is_tried_once(error: str) -> None:
    scene = Scene()
    scene.consumer.at_once = error

    scene.committer.commit_last([P], 1.0)

    assert scene.consumer.calls == 1
    assert scene.committer.committed == {}
    assert not scene.relay.lease.fresh(1.0)


@pytest.mark.parametrize("error", [None, "ILLEGAL_GENERATION"])
def test_a_commit_for_the_lease_renews_it_only_when_it_is_taken(error: str | None) -> None:
    scene = Scene()
    scene.consumer.at_once = error

    scene.committer.renew([P], 1.0)

    assert scene.consumer.calls == 1
    assert scene.relay.lease.fresh(1.0) is (error is None)
    assert scene.renewed == ([1.0 + LEASE_S] if error is None else [])
    assert scene.leaving(1.0) == (10 if error is None else 0)


@pytest.mark.parametrize("sent_again", [False, True])
@pytest.mark.parametrize("error", [None, "ILLEGAL_GENERATION"])
def test_the_answer_to_a_commit_of_an_earlier_assignment_moves_nothing(
    error: str | None, *, sent_again: bool
) -> None:
    scene = Scene()
    scene.committer.turn(0.0)
    [old] = scene.consumer.sent
    scene.relay.give_up(P)
    scene.committer.forget(P)
    scene.own(P)
    scene.relay.absorb(run_of({"vip": members(10)}, partition=P), 1.0)
    if sent_again:
        scene.committer.turn(1.0)

    scene.answer(old, error, 1.0)

    assert scene.committer.committed == {}
    assert scene.renewed == []
    assert scene.leaving(1.0) == 0
    assert (scene.counted("accepted"), scene.counted("refused")) == (0, 0)
    assert scene.consumer.sent[-1] is not old  # What is owned now has a commit of its own.
    scene.answer(scene.consumer.sent[-1], None, 1.1)
    assert scene.leaving(1.1) == 10
