"""`cohortd offsets` between two runs of the daemon on a real Apache Kafka, for both protocols."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from confluent_kafka import ConsumerGroupState

from daemon.core.intent import Mark
from tests.support import topics
from tests.support.offsets_command import commit, committed, fingerprint_of, offsets
from tests.support.processes import wait_until
from tests.support.stage import CONSUMER_PROTOCOL, SHORT, Stage, add, stage_at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from daemon.config.document import Document

pytestmark = pytest.mark.kafka


@pytest.fixture(params=[SHORT, CONSUMER_PROTOCOL], ids=["classic", "consumer"])
def timing(request: pytest.FixtureRequest) -> Document:
    found: Document = request.param
    return found


@pytest.fixture
def real(kafka: str, tmp_path: Path, timing: Document) -> Iterator[Stage]:
    """Return a stage whose topic has two partitions."""

    def create(topic: str, partitions: int) -> str:
        return topics.create_topic(kafka, partitions, name=topic)

    with stage_at(kafka, tmp_path, create, partitions=2, timing=timing) as stage:
        yield stage


def members(stage: Stage) -> int:
    """Return how many members the group has, which must be none for it to be empty."""
    admin = topics.admin_of(stage.bootstrap)
    found = admin.describe_consumer_groups([stage.group])[stage.group].result(topics.TIMEOUT_S)
    assert bool(found.members) != (found.state is ConsumerGroupState.EMPTY), found.state
    return len(found.members)


def test_a_parked_partition_is_continued_by_a_reset(real: Stage) -> None:
    real.produce(add("vip", "u0"))
    first = real.start()
    real.wait_members(vip={"u0"})
    assert first.terminate() == 0
    real.produce(*[add("vip", f"u{n}") for n in range(1, 6)])
    topics.delete_records(real.bootstrap, real.topic, 0, 4)
    second = real.start()
    second.wait_for_line("partition_parked", partition=f"{real.topic}:0")
    second.wait_for_reason("parked")
    assert second.terminate() == 0
    shown = offsets(real, "show")
    assert "no member" in shown.out
    assert "parked, out of range: before the log's start" in " ".join(shown.row())

    said = offsets(real, "reset", f"{real.topic}:0", "--to", "earliest", "--yes")

    assert said.code == 0, said.errors
    assert "Offsets 1 to 3 are no longer in the log" in said.out
    assert members(real) == 0
    third = real.start()
    real.wait_members(vip={"u0", "u4", "u5"})
    third.wait_until_ready()
    assert third.terminate() == 0
    assert real.committed_offset() == 6
    assert " ".join(offsets(real, "show").row()).endswith("clean ours goes on")


def test_nothing_is_written_while_a_daemon_runs(real: Stage) -> None:
    real.produce(add("vip", "u1"))
    daemon = real.start()
    real.wait_members(vip={"u1"})
    wait_until("the offset follows", lambda: committed(real)[0] == 1)

    said = offsets(real, "reset", f"{real.topic}:0", "--to", "earliest", "--yes")
    shown = offsets(real, "show")

    assert said.code == 1
    assert f"group {real.group} has 1 member (cohortd at " in said.errors
    assert said.out == "", "it refuses before it says what would happen"
    assert ": 1 member (cohortd at " in shown.out
    assert committed(real)[0] == 1
    assert daemon.terminate() == 0


def test_a_topic_made_anew_is_read_again_after_a_reset(real: Stage) -> None:
    # Kafka 4 drops a topic's offsets when it is deleted; here they have outlived it, as they do
    # where a mirror or a restored backup brought them along.
    real.produce(*[add("vip", f"u{n}") for n in range(4)])
    commit(real, 2, Mark(2, True, "AAAAAAAAAAAAAAAAAAAAAA", fingerprint_of(real)).encode())
    first = real.start()
    first.wait_for_reason("parked")
    assert first.terminate() == 0

    said = offsets(real, "reset", f"{real.topic}:0", "--to", "1", "--yes")

    assert said.code == 0, said.errors
    assert "The topic was deleted and made anew" in said.out
    assert "Offsets 0 to 0 (up to 1 record) are never delivered" in said.out
    second = real.start()
    real.wait_members(vip={"u1", "u2", "u3"})
    second.wait_until_ready()
    assert second.terminate() == 0


def test_an_adopted_group_changes_hands(real: Stage) -> None:
    ours, theirs = {"braze.workspace": "ours"}, {"braze.workspace": "theirs"}
    real.produce(add("vip", "u1"))
    first = real.start(theirs)
    real.wait_members(vip={"u1"})
    assert first.terminate() == 0
    real.produce(add("vip", "u2"))
    refused = real.start(ours)
    refused.wait_for_reason("foreign_group")
    assert refused.terminate() == 0
    before = committed(real)[0]

    said = offsets(real, "adopt", "--yes", changes=ours)

    assert said.code == 0, said.errors
    assert committed(real)[0] == before
    assert members(real) == 0
    second = real.start(ours)
    real.wait_members(vip={"u1", "u2"})
    second.wait_until_ready()
    assert second.terminate() == 0
    former = real.start(theirs)
    former.wait_for_reason("foreign_group")
    assert former.terminate() == 0
