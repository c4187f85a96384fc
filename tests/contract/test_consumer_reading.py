"""Reading through `KafkaConsumer`: on a mock cluster and a real broker, under both protocols."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from confluent_kafka import KafkaError

from daemon.core.model import Partition
from daemon.kafka.records import Commit, PartitionFault
from tests.support.mock_cluster import Api
from tests.support.topics import delete_records, produce_transaction, unique

if TYPE_CHECKING:
    from tests.support.members import Cluster

MANY = [b"%d" % number for number in range(2_000)]


def test_records_come_in_order_and_the_end_of_the_log_is_told(cluster: Cluster) -> None:
    topic = cluster.topic(2)
    cluster.produce(topic, [b"a", b"b", None], partition=1)
    member = cluster.member(topic)

    member.join(2)
    member.read_to_end()

    assert member.values == {Partition(topic, 1): [b"a", b"b", None]}
    assert member.ends == {Partition(topic, 0): 0, Partition(topic, 1): 3}


def test_the_end_is_told_again_after_more_records(cluster: Cluster) -> None:
    topic = cluster.topic()
    cluster.produce(topic, [b"a"])
    member = cluster.member(topic)
    member.join(1)
    member.read_to_end()

    cluster.produce(topic, [b"b"])
    member.read_to_end()

    assert member.ends == {Partition(topic, 0): 2}
    assert member.values[Partition(topic, 0)] == [b"a", b"b"]


def test_topics_that_meet_on_one_partition_number_are_kept_apart(cluster: Cluster) -> None:
    first, second = cluster.topic(), cluster.topic()
    cluster.produce(first, MANY)
    cluster.produce(second, [b"x"] * 2_000)
    member = cluster.member(first, second)

    member.join(2)
    member.read_to_end()

    assert member.values[Partition(first, 0)] == MANY
    assert member.values[Partition(second, 0)] == [b"x"] * 2_000


def test_nothing_comes_while_paused_and_all_of_it_once_resumed(cluster: Cluster) -> None:
    topic = cluster.topic()
    at = Partition(topic, 0)
    cluster.produce(topic, MANY)
    member = cluster.member(topic)
    member.poll_until("the first", lambda: member.offsets[at], max_records=100)

    for _ in range(5):
        member.consumer.pause([at])
        before = len(member.offsets[at])
        member.poll_for(5)
        assert len(member.offsets[at]) == before
        member.consumer.resume([at])
        member.poll_until("more", lambda: len(member.offsets[at]) > before, max_records=100)  # noqa: B023
    member.read_to_end()

    assert member.values[at] == MANY


def test_after_a_seek_the_next_record_is_the_one_sought(cluster: Cluster) -> None:
    topic = cluster.topic(2)
    at, other = Partition(topic, 0), Partition(topic, 1)
    cluster.produce(topic, MANY, partition=0)
    cluster.produce(topic, MANY, partition=1)
    member = cluster.member(topic)
    member.poll_until("both", lambda: member.offsets[at] and member.offsets[other], max_records=50)

    for target in (0, 1_500, 17, 900, 1, 1_990):
        member.offsets[at].clear()
        member.consumer.seek(at, target)
        member.poll_until("a record", lambda: member.offsets[at], max_records=50)
        assert member.offsets[at][0] == target
    member.read_to_end()

    assert member.offsets[at][-1] == 1_999
    assert member.offsets[other] == list(range(2_000))


def test_a_paused_partition_can_be_sought_and_stays_paused(cluster: Cluster) -> None:
    topic = cluster.topic()
    at = Partition(topic, 0)
    cluster.produce(topic, MANY[:100])
    member = cluster.member(topic)
    member.join(1)
    member.read_to_end()
    member.offsets.clear()

    member.consumer.pause([at])
    member.consumer.seek(at, 90)
    member.poll_for(5)
    while_paused = dict(member.offsets)
    member.consumer.resume([at])
    member.read_to_end()

    assert while_paused == {}
    assert member.offsets[at] == list(range(90, 100))


@pytest.mark.parametrize("position", [7, 1_000])
def test_a_position_outside_the_log_is_a_fault_of_that_partition(
    cluster: Cluster, position: int
) -> None:
    topic = cluster.topic(2)
    at, other = Partition(topic, 0), Partition(topic, 1)
    cluster.produce(topic, MANY[:20], partition=0)
    cluster.produce(topic, MANY[:20], partition=1)
    if cluster.mock is not None:
        cluster.mock.delete_records(topic, 0, 10)
    else:
        delete_records(cluster.bootstrap, topic, 0, 10)
    member = cluster.member(topic)
    member.starts = lambda _: {at: position, other: 0}

    member.poll_until("a fault and the other's end", lambda: member.faults and other in member.ends)

    assert member.offsets == {other: list(range(20))}
    assert [(fault.partition, fault.code) for fault in member.faults] == [
        (at, "_AUTO_OFFSET_RESET")
    ]
    assert isinstance(member.faults[0], PartitionFault)


def test_a_commit_of_an_epoch_the_log_does_not_know_is_a_fault_although_its_offset_is_there(
    cluster: Cluster,
) -> None:
    """So it is when a log was cut short and has grown past the commit since."""
    if not cluster.real:
        pytest.skip("the mock cluster refuses to commit such an epoch")
    topic, group = cluster.topic(), unique("group")
    at = Partition(topic, 0)
    cluster.produce(topic, MANY[:20])
    first = cluster.member(topic, group=group)
    first.join(1)
    [result] = first.consumer.commit_now([Commit(at, 10, "", 99)])
    assert result.error is None
    first.consumer.close()

    second = cluster.member(topic, group=group)
    second.poll_until("a fault", lambda: second.faults)

    assert second.offsets == {}
    assert [(fault.partition, fault.code) for fault in second.faults] == [
        (at, "_AUTO_OFFSET_RESET")
    ]


def test_a_fetch_that_a_broker_fails_is_made_again_and_is_no_fault(cluster: Cluster) -> None:
    if cluster.mock is None:
        pytest.skip("a real broker fails no fetch to order")
    topic = cluster.topic(2)
    cluster.produce(topic, MANY[:20])
    member = cluster.member(topic)
    member.join(2)
    member.read_to_end()

    cluster.mock.fail_next(Api.FETCH, [KafkaError.UNKNOWN] * 3)
    member.poll_until("it is told", lambda: any(each.repeats for each in member.events))
    cluster.produce(topic, MANY[20:40])
    member.read_to_end()

    assert member.offsets[Partition(topic, 0)] == list(range(40))
    assert member.faults == []
    assert {each.code for each in member.events} == {"UNKNOWN"}
    assert member.consumer.failing_topics() == set()


def test_a_partition_at_fault_goes_on_after_a_seek(cluster: Cluster) -> None:
    topic = cluster.topic()
    at = Partition(topic, 0)
    cluster.produce(topic, MANY[:20])
    member = cluster.member(topic, begins_at=1_000)
    member.poll_until("a fault", lambda: member.faults)

    member.consumer.seek(at, 5)
    member.read_to_end()

    assert member.offsets[at] == list(range(5, 20))


def test_a_partition_that_is_not_begun_is_silent_until_it_is(cluster: Cluster) -> None:
    topic = cluster.topic(2)
    first, second = Partition(topic, 0), Partition(topic, 1)
    cluster.produce(topic, MANY[:20], partition=0)
    cluster.produce(topic, MANY[:20], partition=1)
    member = cluster.member(topic)
    member.starts = lambda _: {first: 0}
    member.poll_until("the end of the first", lambda: first in member.ends)
    member.poll_for(5)
    before = dict(member.offsets)

    member.consumer.begin({second: 3})
    member.read_to_end()

    assert before == {first: list(range(20))}
    assert member.offsets[second] == list(range(3, 20))


def test_a_partition_never_begun_is_given_back_like_any_other(cluster: Cluster) -> None:
    topic = cluster.topic(2)
    member = cluster.member(topic)
    member.starts = lambda _: {Partition(topic, 0): 0}
    member.join(2)

    member.consumer.close()

    assert member.calls[-1] == ("revoke", [Partition(topic, 0), Partition(topic, 1)])


def test_position_is_none_before_the_first_and_the_next_offset_after(cluster: Cluster) -> None:
    topic = cluster.topic(2)
    full, empty = Partition(topic, 0), Partition(topic, 1)
    cluster.produce(topic, MANY[:20], partition=0)
    member = cluster.member(topic, begins_at=0)
    seen: list[int | None] = []
    member.assigning = lambda found: seen.extend(member.consumer.position(at) for at in found)

    member.join(2)
    member.read_to_end()

    assert seen == [None, None]
    assert member.consumer.position(full) == 20
    assert member.consumer.position(empty) == 0
    assert member.consumer.position(Partition(topic, 7)) is None


def test_the_log_is_measured_by_fetches_and_by_asking(cluster: Cluster) -> None:
    topic = cluster.topic()
    at = Partition(topic, 0)
    member = cluster.member(topic)
    member.join(1)
    cluster.produce(topic, MANY[:20])
    member.poll_until("20 records", lambda: len(member.offsets[at]) == 20)

    assert member.consumer.end_offset(at) == 20
    assert member.consumer.end_offset(Partition(topic, 7)) is None
    assert member.consumer.log_range(at, 10) == (0, 20)
    assert member.consumer.offset_at(at, 4_000_000_000_000, 10) == 20
    assert member.consumer.partition_counts(10) == {topic: 1}


def test_the_end_of_a_log_that_comes_back_is_not_the_one_of_before(cluster: Cluster) -> None:
    topic, group = cluster.topic(2), unique("group")
    for number in range(2):
        cluster.produce(topic, MANY[:20], partition=number)
    first = cluster.member(topic, group=group, begins_at=0)
    first.join(2)
    first.read_to_end()
    second = cluster.member(topic, group=group, begins_at=0)
    second.poll_until("they share", lambda: len(second.owned) == len(first.owned) == 1, first)
    [moved] = second.owned
    cluster.produce(topic, MANY[20:30], partition=moved.number)
    second.poll_until("it is read", lambda: len(second.offsets[moved]) == 30, first)
    back: list[int | None] = []
    first.assigning = lambda found: back.extend(first.consumer.end_offset(at) for at in found)

    second.consumer.close()
    first.join(2)
    assert moved in first.owned
    first.poll_until("it is read again", lambda: len(first.offsets[moved]) == 50)

    assert back == [None]
    assert first.consumer.end_offset(moved) == 30


@pytest.mark.parametrize("commit", [True, False], ids=["committed", "aborted"])
def test_transactions_leave_gaps_that_the_position_passes(cluster: Cluster, commit: bool) -> None:
    if not cluster.real:
        pytest.skip("the mock cluster writes no control records")
    topic = cluster.topic()
    at = Partition(topic, 0)
    cluster.produce(topic, [b"a"])
    produce_transaction(cluster.bootstrap, topic, [b"b", b"c"], commit=commit)
    cluster.produce(topic, [b"d"])
    produce_transaction(cluster.bootstrap, topic, [b"e"], commit=commit)
    member = cluster.member(topic)

    member.join(1)
    member.read_to_end()

    # A marker is written some time after the producer's commit returned, but before the next.
    member.poll_until("all of the log", lambda: member.consumer.position(at) == 7)
    assert member.values[at] == ([b"a", b"b", b"c", b"d", b"e"] if commit else [b"a", b"d"])
    assert len(member.offsets[at]) < 7
    assert member.consumer.log_range(at, 10) == (0, 7)


def test_a_log_of_control_records_alone_is_passed_as_well(cluster: Cluster) -> None:
    if not cluster.real:
        pytest.skip("the mock cluster writes no control records")
    topic = cluster.topic()
    at = Partition(topic, 0)
    produce_transaction(cluster.bootstrap, topic, [b"a"], commit=False)
    member = cluster.member(topic)

    member.join(1)
    member.read_to_end()

    member.poll_until("all of the log", lambda: member.consumer.position(at) == 2)
    assert member.offsets == {}
