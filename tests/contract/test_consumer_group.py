"""The group through `KafkaConsumer`: joining, sharing, losing, topics that come later."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from confluent_kafka import KafkaError

from daemon.core.model import Partition
from daemon.errors import KafkaFatal, KafkaUnavailable
from daemon.kafka.consumer import KafkaConsumer
from daemon.kafka.records import Commit
from tests.support.members import Cluster, Member
from tests.support.mock_cluster import Api, MockCluster
from tests.support.processes import free_port
from tests.support.topics import admin_of, unique

if TYPE_CHECKING:
    from collections.abc import Sequence

VALUES = [b"%d" % number for number in range(500)]


def skip_where_the_mock_drops_members(cluster: Cluster) -> None:
    if cluster.mock is not None and cluster.protocol == "classic":
        pytest.skip("the mock's classic coordinator drops a member that is late to rejoin")


def commit_all(member: Member) -> None:
    """Let a member commit what it has read when it is asked to give a partition back."""

    def commit(partitions: Sequence[Partition]) -> None:
        commits = [
            Commit(at, position, "")
            for at in partitions
            if (position := member.consumer.position(at)) is not None
        ]
        for result in member.consumer.commit_now(commits):
            assert result.error is None, result

    member.revoking = commit


def test_two_members_share_and_hand_over_without_loss_or_repetition(cluster: Cluster) -> None:
    skip_where_the_mock_drops_members(cluster)
    topic = cluster.topic(4)
    every = [Partition(topic, number) for number in range(4)]
    for number in range(4):
        cluster.produce(topic, VALUES, partition=number)
    group = unique("group")
    first = cluster.member(topic, group=group)
    commit_all(first)
    first.join(4)
    first.poll_until("a beginning", lambda: all(first.offsets[at] for at in every), max_records=50)

    second = cluster.member(topic, group=group)
    commit_all(second)
    first.poll_until(
        "a fair share",
        lambda: len(first.owned) == 2 and len(second.owned) == 2,
        second,
        max_records=20,
    )
    assert first.owned.isdisjoint(second.owned)
    first.consumer.close()
    second.poll_until("all of it", lambda: len(second.owned) == 4)
    second.read_to_end()

    for at in every:
        assert first.values[at] + second.values[at] == VALUES, at


def test_a_partition_revoked_while_paused_is_not_paused_when_it_returns(cluster: Cluster) -> None:
    skip_where_the_mock_drops_members(cluster)
    topic = cluster.topic(2)
    every = {Partition(topic, 0), Partition(topic, 1)}
    group = unique("group")
    first = cluster.member(topic, group=group)
    first.join(2)
    first.consumer.pause(sorted(every))
    second = cluster.member(topic, group=group)
    first.poll_until("a share", lambda: len(first.owned) == len(second.owned) == 1, second)
    [returned] = second.owned

    second.consumer.close()
    first.join(2)
    cluster.produce(topic, VALUES[:20], partition=returned.number)
    first.poll_until("its records", lambda: len(first.offsets[returned]) == 20)

    assert returned in every


@pytest.mark.parametrize("code", [KafkaError.UNKNOWN_MEMBER_ID, KafkaError.ILLEGAL_GENERATION])
def test_a_member_thrown_out_has_lost_its_partitions_and_commits_nothing(
    mock: MockCluster, code: int
) -> None:
    cluster = Cluster(mock.bootstrap, "classic", mock)
    topic = cluster.topic()
    member = cluster.member(topic)
    member.join(1)
    in_lost: list[str | None] = []
    lost = member.on_lost

    def on_lost(partitions: Sequence[Partition]) -> None:
        lost(partitions)
        results = member.consumer.commit_now([Commit(at, 0, "") for at in partitions])
        in_lost.extend(result.error for result in results)

    member.on_lost = on_lost  # type: ignore[method-assign]
    mock.fail_next(Api.HEARTBEAT, [code])
    member.poll_until("the loss", lambda: ("lost", [Partition(topic, 0)]) in member.calls)
    member.join(1)

    assert in_lost == ["_ASSIGNMENT_LOST"]
    assert [name for name, _ in member.calls] == ["assign", "lost", "assign"]
    cluster.close()


@pytest.mark.parametrize("code", [KafkaError.UNKNOWN_MEMBER_ID, KafkaError.FENCED_MEMBER_EPOCH])
def test_a_member_thrown_out_of_a_kip_848_group_has_lost_its_partitions(
    mock: MockCluster, code: int
) -> None:
    cluster = Cluster(mock.bootstrap, "consumer", mock)
    topic = cluster.topic()
    member = cluster.member(topic)
    member.join(1)

    mock.fail_next(Api.CONSUMER_GROUP_HEARTBEAT, [code])
    member.poll_until("the loss", lambda: ("lost", [Partition(topic, 0)]) in member.calls)
    member.join(1)

    assert [name for name, _ in member.calls] == ["assign", "lost", "assign"]
    cluster.close()


@pytest.mark.parametrize("callback", ["on_assign", "on_revoke"])
def test_what_the_listener_raises_is_raised_by_the_poll(cluster: Cluster, callback: str) -> None:
    topic = cluster.topic(2)
    group = unique("group")
    member = cluster.member(topic, group=group)

    def fail(_: Sequence[Partition]) -> None:
        raise ZeroDivisionError(callback)

    if callback == "on_assign":
        member.assigning = fail
        with pytest.raises(ZeroDivisionError, match="on_assign"):
            member.join(2)
        return
    member.join(2)
    member.revoking = fail
    second = cluster.member(topic, group=group)

    with pytest.raises(ZeroDivisionError, match="on_revoke"):
        member.poll_until("a share", lambda: second.owned, second)


def test_a_pattern_matches_whole_names_and_topics_that_come_later(cluster: Cluster) -> None:
    prefix = unique("shop").replace("-", "_")
    cluster.topic(1, f"{prefix}.a")
    cluster.topic(1, f"{prefix}.a.dlq")
    member = cluster.member(rf"^{prefix}\.[a-z]")
    member.join(1)

    cluster.topic(1, f"{prefix}.b")
    member.join(2)
    cluster.produce(f"{prefix}.b", [b"x"])
    at = Partition(f"{prefix}.b", 0)
    member.poll_until("its record", lambda: member.values[at] == [b"x"])

    assert {partition.topic for partition in member.owned} == {f"{prefix}.a", f"{prefix}.b"}
    assert member.consumer.partition_counts(10) == {f"{prefix}.a": 1, f"{prefix}.b": 1}


def test_a_missing_topic_is_told_and_read_once_it_is_there(cluster: Cluster) -> None:
    if cluster.mock is not None and cluster.protocol == "consumer":
        pytest.skip("the mock's KIP-848 coordinator does not look for topics again")
    missing, present = unique("later"), cluster.topic()
    member = cluster.member(missing, present)
    member.join(1)
    assert member.consumer.partition_counts(10) == {present: 1}
    if cluster.protocol == "classic":  # A KIP-848 broker waits in silence.
        member.poll_until(
            "the news",
            lambda: any(event.code == "UNKNOWN_TOPIC_OR_PART" for event in member.events),
        )
        assert {event.topic for event in member.events} == {missing}

    cluster.topic(1, missing)
    member.poll_until("its partitions", lambda: Partition(missing, 0) in member.owned)
    cluster.produce(missing, [b"x"])
    at = Partition(missing, 0)
    member.poll_until("its record", lambda: member.values[at] == [b"x"])


def test_partitions_added_to_a_topic_are_read(kafka: str) -> None:
    from confluent_kafka.cimpl import NewPartitions  # noqa: PLC0415

    cluster = Cluster(kafka, "classic")
    topic = cluster.topic(1)
    member = cluster.member(topic)
    member.join(1)

    admin = admin_of(kafka)
    admin.create_partitions([NewPartitions(topic, 2)])[topic].result(10)
    member.join(2)
    cluster.produce(topic, [b"x"], partition=1)
    member.poll_until("its record", lambda: member.values[Partition(topic, 1)] == [b"x"])

    cluster.close()


def test_an_unreachable_cluster_is_an_event_and_questions_end_in_time() -> None:
    consumer = KafkaConsumer(
        {"bootstrap.servers": f"127.0.0.1:{free_port()}", "group.id": "nobody"}, ["topic"]
    )
    member = Member.__new__(Member)
    consumer.subscribe(member)
    codes: set[str] = set()

    for _ in range(200):
        assert consumer.poll_runs(10, 0.02) == []
        codes |= {event.code for event in consumer.client_events()}
        if "_ALL_BROKERS_DOWN" in codes:
            break

    assert "_ALL_BROKERS_DOWN" in codes
    with pytest.raises(KafkaUnavailable, match="committed offsets"):
        consumer.committed([Partition("topic", 0)], 0.2)
    with pytest.raises(KafkaUnavailable, match="cluster's topics"):
        consumer.partition_counts(0.2)
    with pytest.raises(KafkaUnavailable, match="topic:0"):
        consumer.log_range(Partition("topic", 0), 0.2)
    consumer.close()


def test_a_fatal_error_ends_the_next_poll(mock: MockCluster) -> None:
    cluster = Cluster(mock.bootstrap, "classic", mock)
    topic = cluster.topic()
    member = cluster.member(topic, group_instance_id="twin")
    member.join(1)
    mock.fail_next(Api.HEARTBEAT, [KafkaError.FENCED_INSTANCE_ID])

    with pytest.raises(KafkaFatal, match=r"gave up: _FATAL: .*[Ff]enced"):
        member.poll_until("the end", lambda: False)

    member.consumer.close()
