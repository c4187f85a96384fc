"""A broker dies under load: what it led moves or waits, and nothing is lost or put in disorder."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from tests.support import topics
from tests.support.flips import PARTITIONS, Flips
from tests.support.processes import wait_until
from tests.support.stage import Stage, add, stage_at

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.brokers import KafkaServer
    from tests.support.kafka_cluster import KafkaCluster

KILLS = int(os.environ.get("BROKER_KILLS", "3"))
pytestmark = pytest.mark.timeout(300 + 60 * KILLS)
BACK_S = 30.0  # G10: progress within so long of the end of a fault.


def test_row_28_the_only_broker_is_killed_and_comes_back(
    kafka_server: KafkaServer, one_stage: Stage
) -> None:
    stage, flips = one_stage, Flips(one_stage)
    daemon = stage.start()
    flips.produce(100)
    stage.wait_members(flips.members())
    flips.produce(400)

    kafka_server.kill()
    daemon.wait_for_reason("kafka")
    kafka_server.start()
    back_s = time.monotonic()
    flips.produce(100)

    stage.wait_members(flips.members(), timeout_s=BACK_S)
    print(f"caught up {time.monotonic() - back_s:.1f} s after the broker was back")
    flips.settle()
    daemon.wait_until_ready()
    assert daemon.terminate() == 0


def test_row_27_the_coordinator_of_the_group_is_killed(
    kafka_three: KafkaCluster, each_three_stage: Stage
) -> None:
    stage, flips = each_three_stage, Flips(each_three_stage)
    daemon = stage.start()
    daemon.wait_until_assigned(PARTITIONS)
    flips.produce(100)
    flips.settle()
    before = stage.committed(PARTITIONS)

    victim = kafka_three.coordinator()
    kafka_three.servers[victim].kill()
    killed_s = time.monotonic()

    def moved() -> bool:
        after = stage.committed(PARTITIONS)
        return any(after[number][0] > before[number][0] for number in before)

    flips.produce_until("commits are taken again", moved, BACK_S)
    print(f"commits were taken {time.monotonic() - killed_s:.1f} s after the kill")
    flips.settle()
    assert kafka_three.coordinator() != victim
    assert daemon.terminate() == 0


def test_row_28_leaders_are_killed_one_after_the_other(
    kafka_three: KafkaCluster, three_stage: Stage
) -> None:
    stage, flips = three_stage, Flips(three_stage)
    daemon = stage.start()
    daemon.wait_until_assigned(PARTITIONS)
    for kill in range(KILLS):
        flips.produce(100)
        victim = kafka_three.leader(stage.topic, kill % PARTITIONS)
        kafka_three.servers[victim].kill()
        killed_s = time.monotonic()
        flips.produce(100)
        stage.wait_members(flips.members(), timeout_s=BACK_S)
        print(f"caught up {time.monotonic() - killed_s:.1f} s after node {victim} was killed")
        kafka_three.heal()

    flips.settle()
    assert wait_until("no fault is left", lambda: not daemon.status()["waits"])
    assert daemon.terminate() == 0


def test_row_28_a_partition_whose_leader_is_away_at_the_start_goes_on_when_it_is_back(
    kafka_three: KafkaCluster, tmp_path: Path
) -> None:
    """Where it is read from is confirmed by the leader, and there is none to confirm it."""
    bootstrap, alone = kafka_three.bootstrap, 2

    def create(topic: str, partitions: int) -> str:
        return topics.create_topic_on(bootstrap, topic, [[alone], [1]][:partitions], {})

    with stage_at(bootstrap, tmp_path, create, partitions=2) as stage:
        stage.produce(add("vip", "u1"))
        first = stage.start()
        stage.wait_members(vip={"u1"})
        first.wait_until_assigned(2)
        assert first.terminate() == 0
        stage.produce(add("vip", "u2"))
        kafka_three.servers[alone].kill()

        second = stage.start()

        stage.produce(add("flows", "u1"), partition=1)
        stage.wait_members(vip={"u1"}, flows={"u1"})
        kafka_three.servers[alone].start()
        stage.wait_members(vip={"u1", "u2"}, flows={"u1"}, timeout_s=BACK_S)
        assert second.terminate() == 0
        assert stage.committed_offset() == 2


def test_row_28_a_first_start_begins_what_has_a_leader_and_the_rest_as_it_comes_back(
    kafka_three: KafkaCluster, tmp_path: Path
) -> None:
    """Its offset is where `start` says, although the others have committed theirs by then."""
    bootstrap, alone = kafka_three.bootstrap, 2

    def create(topic: str, partitions: int) -> str:
        nodes = [[alone], [alone], [alone], [1]]
        return topics.create_topic_on(bootstrap, topic, nodes[-partitions:], {})

    with stage_at(bootstrap, tmp_path, create, partitions=4) as stage:
        for number in range(4):
            stage.produce(add("vip", "before"), partition=number)
        kafka_three.servers[alone].kill()

        daemon = stage.start({"start": "latest"})

        line = daemon.wait_for_line("partition_started", BACK_S, partition=f"{stage.topic}:3")
        assert line["offset"] == 1
        stage.produce(add("vip", "u3"), partition=3)
        stage.wait_members(vip={"u3"})
        wait_until("its offset is committed", lambda: stage.committed_offset(3) == 2)
        daemon.wait_for_reason("kafka")
        kafka_three.servers[alone].start()
        for number in range(3):
            at = f"{stage.topic}:{number}"
            line = daemon.wait_for_line("partition_started", BACK_S, partition=at)
            assert line["offset"] == 1
            stage.produce(add("vip", f"u{number}"), partition=number)
        stage.wait_members(vip={"u0", "u1", "u2", "u3"})
        assert daemon.terminate() == 0
