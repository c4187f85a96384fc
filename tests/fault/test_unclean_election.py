"""Row 29: a stale replica is elected, and the log ends below what the group has committed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support import topics
from tests.support.offsets_command import offsets
from tests.support.processes import wait_until
from tests.support.stage import Stage, add, stage_at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.kafka_cluster import KafkaCluster

FIRST, STALE, WITNESS = 1, 2, 3
# The second replica of partition 0 will be elected without what it missed.
_NODES = [[FIRST, STALE], [WITNESS, FIRST]]
_UNCLEAN = {"unclean.leader.election.enable": "true", "min.insync.replicas": "1"}


@pytest.fixture
def unclean(kafka_three: KafkaCluster, tmp_path: Path) -> Iterator[Stage]:
    """Return a stage of two partitions."""
    bootstrap = kafka_three.bootstrap

    def create(topic: str, partitions: int) -> str:
        if partitions == 1:  # Of the dead letters.
            return topics.create_topic(bootstrap, 1, name=topic, replicas=3)
        return topics.create_topic_on(bootstrap, topic, _NODES, _UNCLEAN)

    with stage_at(bootstrap, tmp_path, create, partitions=2) as stage:
        yield stage


def _lag_behind(cluster: KafkaCluster, stage: Stage) -> None:
    """Let the second replica miss what is produced from here on."""
    cluster.servers[STALE].kill()
    wait_until(
        "the leader goes on alone", lambda: cluster.in_sync(stage.topic) == [FIRST], timeout_s=60.0
    )


def _elect_stale(cluster: KafkaCluster, stage: Stage) -> None:
    cluster.servers[FIRST].kill()
    cluster.servers[STALE].start()
    wait_until("the stale replica leads", lambda: cluster.leader(stage.topic) == STALE, 60.0)


def _users(first: int, last: int) -> set[str]:
    return {f"u{number}" for number in range(first, last)}


def _produce(stage: Stage, first: int, last: int) -> None:
    stage.produce(*(add("vip", f"u{number}") for number in range(first, last)))


def test_row_29_a_reader_whose_log_was_cut_under_it_parks_the_partition(
    kafka_three: KafkaCluster, unclean: Stage
) -> None:
    stage = unclean
    daemon = stage.start()
    _produce(stage, 0, 10)
    stage.wait_members(vip=_users(0, 10))
    _lag_behind(kafka_three, stage)
    _produce(stage, 10, 30)
    stage.wait_members(vip=_users(0, 30))
    wait_until("all is committed", lambda: stage.committed_offset() == 30)

    _elect_stale(kafka_three, stage)

    daemon.wait_for_line("partition_parked", 60.0, partition=f"{stage.topic}:0")
    stage.produce(add("flows", "u1"), partition=1)
    stage.wait_members(vip=_users(0, 30), flows={"u1"})
    daemon.wait_for_reason("parked")
    assert daemon.terminate() == 0
    assert stage.committed_offset() == 30


def test_row_29_a_log_that_was_cut_and_has_grown_past_the_commit_is_not_read_on(
    kafka_three: KafkaCluster, unclean: Stage
) -> None:
    """The offset is in the log again, of other records; only the leader's epoch tells."""
    stage = unclean
    first = stage.start()
    _produce(stage, 0, 10)
    stage.wait_members(vip=_users(0, 10))
    _lag_behind(kafka_three, stage)
    _produce(stage, 10, 30)
    stage.wait_members(vip=_users(0, 30))
    assert first.terminate() == 0
    assert stage.committed_offset() == 30
    _elect_stale(kafka_three, stage)
    topics.produce(  # The stage's own producer would miss what it was acknowledged.
        stage.bootstrap, stage.topic, [add("vip", f"u{number}") for number in range(100, 140)]
    )

    second = stage.start()

    second.wait_for_line("partition_parked", 60.0, partition=f"{stage.topic}:0")
    stage.produce(add("flows", "u1"), partition=1)
    stage.wait_members(vip=_users(0, 30), flows={"u1"})
    assert second.terminate() == 0
    assert stage.committed_offset() == 30
    said = offsets(stage, "reset", f"{stage.topic}:0", "--to", "10", "--yes")
    assert said.code == 0, said.errors
    third = stage.start()
    stage.wait_members(vip=_users(0, 30) | _users(100, 140), flows={"u1"})
    assert third.terminate() == 0
    assert stage.committed_offset() == 50
