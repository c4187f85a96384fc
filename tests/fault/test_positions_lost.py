"""Offsets that are gone or say nothing any more: "Missing offsets: one rule", on a real broker."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import KafkaException

from daemon.core.intent import Mark
from tests.support import topics
from tests.support.offsets_command import commit, committed, offsets
from tests.support.processes import wait_until
from tests.support.stage import add, remove

if TYPE_CHECKING:
    from tests.support.daemon import DaemonProcess
    from tests.support.stage import Stage

PARTITIONS = 4
PENDING_MAX = 2_000


def _forget_group(stage: Stage) -> None:
    """Delete the group, as it is when all its offsets have expired: it must have no member."""
    admin = topics.admin_of(stage.bootstrap)

    def deleted() -> bool:
        try:
            admin.delete_consumer_groups([stage.group])[stage.group].result(topics.TIMEOUT_S)
        except KafkaException:
            return False
        return True

    wait_until("the group is empty, and gone", deleted)


def _deliver(stage: Stage) -> None:
    """Have a daemon deliver a log whose old states differ from its last ones, and end."""
    stage.produce(add("vip", "u1"), remove("vip", "u2"), remove("vip", "u1"), add("vip", "u2"))
    daemon = stage.start()
    stage.wait_members(vip={"u2"})
    daemon.wait_until_assigned(PARTITIONS)
    assert daemon.terminate() == 0
    assert stage.committed_offset() == 4


def _started(daemon: DaemonProcess, stage: Stage, partition: int = 0) -> dict[str, object]:
    found: dict[str, object] = daemon.wait_for_line(
        "partition_started", partition=f"{stage.topic}:{partition}"
    )
    return found


def _at_s(line: dict[str, object]) -> float:
    return datetime.fromisoformat(str(line["timestamp"])).timestamp()


def test_row_31_expired_offsets_of_a_whole_group_begin_at_start_behind_the_logs_end(
    each_stage: Stage,
) -> None:
    stage = each_stage
    _deliver(stage)
    _forget_group(stage)
    since = stage.applied()

    daemon = stage.start()

    line = _started(daemon, stage)
    assert (line["offset"], line["sent_to"], line["waits_s"]) == (0, None, 0.0)
    wait_until("last states are sent again", lambda: len(stage.deliveries(since)) == 2)
    assert sorted(map(str, stage.deliveries(since))) == sorted(
        map(str, [("vip", "u1", False), ("vip", "u2", True)])
    )
    daemon.wait_until_ready()
    assert daemon.terminate() == 0
    assert stage.committed_offset() == 4


def test_row_31_expired_offsets_of_a_whole_group_with_latest_begin_at_the_end(
    real_stage: Stage,
) -> None:
    stage = real_stage
    _deliver(stage)
    _forget_group(stage)
    since = stage.applied()

    daemon = stage.start({"start": "latest"})

    assert _started(daemon, stage)["offset"] == 4
    daemon.wait_until_assigned(PARTITIONS)
    stage.produce(add("vip", "u3"))
    stage.wait_members(vip={"u2", "u3"})
    assert stage.deliveries(since) == [("vip", "u3", True)]


def test_row_31_an_offset_that_is_missing_beside_others_begins_at_the_first_record(
    each_stage: Stage,
) -> None:
    """Also with `latest`: the group has begun this topic, so nothing may be skipped."""
    stage = each_stage
    _deliver(stage)
    offset, metadata = committed(stage, 1)
    _forget_group(stage)
    commit(stage, offset, metadata or "", 1)
    stage.produce(add("vip", "u3"))

    daemon = stage.start({"start": "latest"})

    assert _started(daemon, stage)["offset"] == 0
    stage.wait_members(vip={"u2", "u3"})
    assert daemon.terminate() == 0


def test_row_31_a_commit_whose_metadata_was_wiped_waits_and_has_its_barrier_at_the_end(
    each_stage: Stage,
) -> None:
    stage = each_stage
    _deliver(stage)
    commit(stage, 1, "")  # As an admin's reset leaves it.
    since = stage.applied()

    daemon = stage.start()

    line = _started(daemon, stage)
    assert (line["offset"], line["sent_to"]) == (1, None)
    assert line["waits_s"] == pytest.approx(2.0, abs=0.1)  # delivery.settle
    wait_until("last states are sent again", lambda: len(stage.deliveries(since)) == 2)
    assert stage.simulator.members("vip") == {"u2"}
    assert ("vip", "u2", False) not in stage.deliveries(since)
    assert daemon.terminate() == 0
    mark = Mark.decode(committed(stage)[1])
    assert mark is not None
    assert mark.clean


def test_row_30_retention_that_passes_a_running_reader_parks_its_partition(
    each_stage: Stage,
) -> None:
    """Braze takes nothing, so reading waits, until the log has gone on without it."""
    stage = each_stage
    stage.simulator.set_faults("status=503")
    stage.produce(*(add("vip", f"u{number}") for number in range(30_000)))
    small = {"memory.max_pending_changes": PENDING_MAX}
    daemon = stage.start(small, module="tests.fault.small_memory")
    daemon.wait_for_reason("saturated")
    read: int = daemon.status()["partitions"][0]["position"]
    assert read < 25_000
    topics.delete_records(stage.bootstrap, stage.topic, 0, before=25_000)

    stage.simulator.set_faults()

    line = daemon.wait_for_line("partition_parked", partition=f"{stage.topic}:0")
    assert line["why"].startswith("_AUTO_OFFSET_RESET")
    stage.produce(add("flows", "u1"), partition=1)
    stage.wait_members(vip={f"u{number}" for number in range(read)}, flows={"u1"})
    status = daemon.wait_for_reason("parked")
    assert [row["partition"] for row in status["partitions"] if row["state"] == "parked"] == [0]
    assert daemon.terminate() == 0
    assert stage.committed_offset() == read  # What was read is delivered, and not a record more.


def test_row_30_retention_that_passed_many_commits_while_nothing_ran_parks_all_of_them_soon(
    each_wide_stage: Stage,
) -> None:
    stage, many = each_wide_stage, range(12)
    for number in many:
        stage.produce(add("vip", f"u{number}"), partition=number)
    daemon = stage.start()
    stage.wait_members(vip={f"u{number}" for number in many})
    daemon.wait_until_assigned(len(many))
    assert daemon.terminate() == 0
    for number in many:
        stage.produce(add("vip", "lost"), add("vip", "kept"), partition=number)
        topics.delete_records(stage.bootstrap, stage.topic, number, before=2)

    successor = stage.start()
    started_s = [_at_s(_started(successor, stage, number)) for number in many]
    parked_s = [
        _at_s(successor.wait_for_line("partition_parked", partition=f"{stage.topic}:{number}"))
        for number in many
    ]

    assert max(parked_s) - min(started_s) < 10.0  # One after the other took two seconds each.
    assert successor.terminate() == 0


def test_row_29_a_log_cut_short_below_the_commit_parks_its_partition(each_stage: Stage) -> None:
    """What an unclean election leaves: an offset of ours beyond the end of the log."""
    stage = each_stage
    _deliver(stage)
    _, metadata = committed(stage)
    commit(stage, 9, metadata or "")

    daemon = stage.start()

    line = daemon.wait_for_line("partition_parked", partition=f"{stage.topic}:0")
    assert line["why"].startswith("_AUTO_OFFSET_RESET")
    stage.produce(add("flows", "u1"), partition=1)
    stage.wait_members(vip={"u2"}, flows={"u1"})
    assert daemon.terminate() == 0
    assert committed(stage)[0] == 9
    said = offsets(stage, "reset", f"{stage.topic}:0", "--to", "latest", "--yes")
    assert said.code == 0, said.errors
    successor = stage.start()
    stage.produce(add("vip", "u3"))
    stage.wait_members(vip={"u2", "u3"})
    assert successor.terminate() == 0
