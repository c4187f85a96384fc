"""Commits through `KafkaConsumer`: on a mock cluster and a real broker, under both protocols."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import KafkaError

from daemon.core.model import Partition
from daemon.kafka.commits import SILENT_AFTER_S
from daemon.kafka.consumer import KafkaConsumer
from daemon.kafka.records import Commit, CommitResult, Committed
from tests.support.members import Cluster, Member
from tests.support.mock_cluster import Api, MockCluster
from tests.support.topics import unique

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.support.brokers import KafkaServer

INTENT = '{"v":1,"to":20010,"s":"open","t":"x","f":"é"}'


def answers(member: Member, count: int) -> list[CommitResult]:
    member.poll_until(f"{count} answers", lambda: len(member.results) >= count)
    return member.results


def test_a_commit_is_answered_and_read_back_with_its_intent(cluster: Cluster) -> None:
    topic = cluster.topic(2)
    at, other = Partition(topic, 0), Partition(topic, 1)
    cluster.produce(topic, [b"a", b"b"])
    member = cluster.member(topic)
    member.join(2)
    commit = Commit(at, 1, INTENT, 0)

    member.consumer.commit([commit])

    assert answers(member, 1) == [CommitResult(commit)]
    found = member.consumer.committed([at, other], 10)
    assert found[other] is None
    stored = found[at]
    assert stored is not None
    assert (stored.offset, stored.metadata) == (1, INTENT)
    assert stored.leader_epoch in (0, None)
    assert member.consumer.oldest_commit_age_s() is None


def test_commits_under_way_together_each_get_their_own_answer(cluster: Cluster) -> None:
    first, second = cluster.topic(), cluster.topic()
    cluster.produce(first, [b"a", b"b", b"c"])
    member = cluster.member(first, second)
    member.join(2)
    commits = [Commit(Partition(first, 0), offset, f"to {offset}") for offset in (1, 2, 3)]
    commits.append(Commit(Partition(second, 0), 0, ""))

    for commit in commits:
        member.consumer.commit([commit])
    assert member.consumer.oldest_commit_age_s() is not None

    results = answers(member, 4)
    assert {result.commit: result.error for result in results} == dict.fromkeys(commits)


def test_nothing_is_committed_for_a_partition_of_another(cluster: Cluster) -> None:
    topic, foreign = cluster.topic(), cluster.topic()
    group = unique("group")
    cluster.produce(foreign, [b"a", b"b"])
    owner = cluster.member(foreign, group=group)
    owner.join(1)
    theirs = Commit(Partition(foreign, 0), 2, "theirs")
    owner.consumer.commit([theirs])
    assert answers(owner, 1) == [CommitResult(theirs)]
    member = cluster.member(topic, group=group)
    member.poll_until("an assignment", lambda: member.owned, owner)

    back = Commit(Partition(foreign, 0), 1, "ours")
    member.consumer.commit([back])
    at_once = member.consumer.commit_now([back])

    assert [result.error for result in answers(member, 1)] == ["_ASSIGNMENT_LOST"]
    assert [result.error for result in at_once] == ["_ASSIGNMENT_LOST"]
    found = owner.consumer.committed([Partition(foreign, 0)], 10)[Partition(foreign, 0)]
    assert found is not None
    assert (found.offset, found.metadata) == (2, "theirs")


def test_nothing_is_committed_backwards(cluster: Cluster) -> None:
    topic = cluster.topic()
    at = Partition(topic, 0)
    cluster.produce(topic, [b"a", b"b", b"c"])
    member = cluster.member(topic)
    member.join(1)
    good = Commit(at, 2, "good")
    member.consumer.commit([good])
    assert answers(member, 1) == [CommitResult(good)]
    member.results.clear()

    back = Commit(at, 1, "back")
    member.consumer.commit([back])
    at_once = member.consumer.commit_now([back])

    assert [result.error for result in answers(member, 1)] == ["_INVALID_ARG"]
    assert [result.error for result in at_once] == ["_INVALID_ARG"]
    found = member.consumer.committed([at], 10)[at]
    assert found is not None
    assert (found.offset, found.metadata) == (2, "good")


def test_one_topic_that_fails_does_not_fail_another(cluster: Cluster) -> None:
    if not cluster.real:
        pytest.skip("the mock cluster does not limit metadata")
    good, bad = cluster.topic(), cluster.topic()
    member = cluster.member(good, bad)
    member.join(2)
    commits = [Commit(Partition(bad, 0), 0, "m" * 5_000), Commit(Partition(good, 0), 0, "fine")]

    member.consumer.commit(commits)
    at_once = member.consumer.commit_now(commits)

    expected = {bad: "OFFSET_METADATA_TOO_LARGE", good: None}
    for results in (answers(member, 2), at_once):
        assert {result.commit.partition.topic: result.error for result in results} == expected


def test_the_last_commit_is_made_inside_the_revocation(cluster: Cluster) -> None:
    topic = cluster.topic()
    at = Partition(topic, 0)
    group = unique("group")
    cluster.produce(topic, [b"a", b"b", b"c"])
    member = cluster.member(topic, group=group)
    member.join(1)
    member.read_to_end()
    results: list[CommitResult] = []

    def last_commit(partitions: Sequence[Partition]) -> None:
        results.extend(member.consumer.commit_now([Commit(at, 2, "clean") for at in partitions]))

    member.revoking = last_commit
    member.consumer.close()
    successor = cluster.member(topic, group=group)
    successor.join(1)
    successor.read_to_end()

    assert results == [CommitResult(Commit(at, 2, "clean"))]
    assert successor.values[at] == [b"c"]


def member_refused_as_it_leaves(
    cluster: Cluster, topic: str, group: str, code: int
) -> tuple[Member, list[CommitResult]]:
    """Return a member that has committed 1 of 3, and where its last commit will be answered."""
    mock = cluster.mock
    assert mock is not None
    at = Partition(topic, 0)
    member = cluster.member(topic, group=group)
    member.join(1)
    member.consumer.commit([Commit(at, 1, "open")])
    answers(member, 1)
    results: list[CommitResult] = []

    def last_commit(partitions: Sequence[Partition]) -> None:
        mock.fail_next(Api.OFFSET_COMMIT, [code])
        results.extend(member.consumer.commit_now([Commit(at, 3, "clean") for at in partitions]))

    member.revoking = last_commit
    return member, results


@pytest.mark.parametrize("code", [KafkaError.ILLEGAL_GENERATION, KafkaError.UNKNOWN_MEMBER_ID])
def test_a_refused_last_commit_does_not_keep_a_member_from_leaving(
    mock: MockCluster, code: int
) -> None:
    cluster = Cluster(mock.bootstrap, "classic", mock)
    topic = cluster.topic()
    cluster.produce(topic, [b"a", b"b", b"c"])
    for _ in range(30):  # Every eighth or so would hang, and this process with it.
        member, results = member_refused_as_it_leaves(cluster, topic, unique("group"), code)
        member.consumer.close()

        assert [result.error for result in results] == [KafkaError(code).name()]
        cluster.members.remove(member)


@pytest.mark.parametrize("code", [KafkaError.ILLEGAL_GENERATION, KafkaError.UNKNOWN_MEMBER_ID])
def test_a_last_commit_that_is_refused_leaves_the_offset_as_it_was(
    mock: MockCluster, code: int
) -> None:
    cluster = Cluster(mock.bootstrap, "classic", mock)
    topic, group = cluster.topic(), unique("group")
    at = Partition(topic, 0)
    cluster.produce(topic, [b"a", b"b", b"c"])

    member, results = member_refused_as_it_leaves(cluster, topic, group, code)
    member.consumer.close()
    # It need not join, which would wait for the session of the one that was refused.
    successor = cluster.member(topic, group=group)

    assert [result.error for result in results] == [KafkaError(code).name()]
    assert successor.consumer.committed([at], 10)[at] == Committed(1, "open", 0)
    cluster.close()


REFUSALS = [
    KafkaError.REBALANCE_IN_PROGRESS,
    KafkaError.STALE_MEMBER_EPOCH,
    KafkaError.UNKNOWN_MEMBER_ID,
    KafkaError.OFFSET_METADATA_TOO_LARGE,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.INVALID_COMMIT_OFFSET_SIZE,
]


@pytest.mark.parametrize("code", [*REFUSALS, KafkaError.ILLEGAL_GENERATION])
def test_a_refused_commit_is_told_by_name_and_a_later_one_taken(
    mock: MockCluster, code: int
) -> None:
    cluster = Cluster(mock.bootstrap, "classic", mock)
    topic = cluster.topic()
    member = cluster.member(topic)
    member.join(1)
    mock.fail_next(Api.OFFSET_COMMIT, [code])

    member.consumer.commit([Commit(Partition(topic, 0), 0, "first")])
    first = answers(member, 1)[0]
    member.results.clear()
    member.poll_until("still ours", lambda: member.owned)
    member.consumer.commit([Commit(Partition(topic, 0), 0, "second")])

    assert first.error == KafkaError(code).name()
    assert first.detail
    assert answers(member, 1)[0].error is None
    cluster.close()


@pytest.mark.parametrize(
    "code",
    [
        KafkaError.NOT_COORDINATOR,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.REQUEST_TIMED_OUT,
    ],
)
def test_a_coordinator_that_moves_costs_a_commit_at_most_time(mock: MockCluster, code: int) -> None:
    cluster = Cluster(mock.bootstrap, "classic", mock)
    topic = cluster.topic()
    # A search for the coordinator on a busy machine must not end the session before the commit.
    member = cluster.member(topic, session_timeout_ms=30_000)
    member.join(1)
    mock.fail_next(Api.OFFSET_COMMIT, [code])
    commit = Commit(Partition(topic, 0), 0, "first")

    member.consumer.commit([commit])
    first = answers(member, 1)[0]

    # librdkafka repeats some by itself; the others come back by name. Neither is ever assumed.
    assert first.error in (None, KafkaError(code).name())
    found = member.consumer.committed([commit.partition], 10)[commit.partition]
    assert (found == Committed(0, "first", 0)) == (first.error is None)
    cluster.close()


def test_a_commit_in_the_revocation_does_not_wait_for_a_silent_coordinator(
    mock: MockCluster,
) -> None:
    cluster = Cluster(mock.bootstrap, "classic", mock)
    topic = cluster.topic()
    now = time.monotonic()
    offset_s = 0.0
    member = cluster.member(topic)
    member.consumer.close()
    member.consumer = KafkaConsumer(cluster.properties(), [topic], clock=lambda: now + offset_s)
    member.consumer.subscribe(member)
    member.join(1)
    mock.delay_next(Api.OFFSET_COMMIT, 2_000)
    commit = Commit(Partition(topic, 0), 0, "owed")
    member.consumer.commit([commit])
    member.poll_for(3)
    assert member.results == []

    offset_s = SILENT_AFTER_S + 1
    results = member.consumer.commit_now([commit])

    assert [(result.commit, result.error) for result in results] == [(commit, "_TIMED_OUT")]
    assert answers(member, 1) == [CommitResult(commit)]
    cluster.close()


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_a_frozen_coordinator_never_blocks_the_loop(
    kafka: str, kafka_server: KafkaServer, protocol: str
) -> None:
    cluster = Cluster(kafka, protocol)
    topic = cluster.topic()
    at = Partition(topic, 0)
    cluster.produce(topic, [b"a", b"b"])
    member = cluster.member(topic)
    member.join(1)
    member.read_to_end()
    longest_s = 0.0

    kafka_server.freeze()
    started_s = time.monotonic()
    while time.monotonic() - started_s < 2.0:
        turn_s = time.monotonic()
        if member.consumer.oldest_commit_age_s() is None:
            member.consumer.commit([Commit(at, 1, "frozen")])
        member.poll()
        assert member.consumer.position(at) == 2
        assert member.consumer.end_offset(at) == 2
        longest_s = max(longest_s, time.monotonic() - turn_s)
    owed_s = member.consumer.oldest_commit_age_s()
    none_yet = list(member.results)
    kafka_server.thaw()

    assert longest_s < 1.0
    assert none_yet == []
    assert owed_s is not None
    assert owed_s > 1.0
    assert answers(member, 1) == [CommitResult(Commit(at, 1, "frozen"))]
    cluster.close()
