"""`cohortd offsets` on librdkafka's mock cluster.

The mock does not tell a group's members, and takes no commit without a member's name once a
member has been there; so what stands before a daemon here is committed by hand. The rest is shown
on a real broker (test_offsets_real_kafka.py).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from daemon.core.intent import TO_THE_END, Intent, Mark
from daemon.core.model import Partition
from daemon.errors import CohortdError
from daemon.tools.offsets.group import look, write
from tests.support.offsets_command import commit, committed, fingerprint_of, offsets, settings_of
from tests.support.processes import free_port
from tests.support.stage import add, remove

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.mock_cluster import MockCluster
    from tests.support.stage import Stage

OTHERS = "0badcafe"
USAGE = 2


def topic_id(stage: Stage) -> str:
    return look(settings_of(stage)).positions[0].topic_id


def mark_of(stage: Stage, sent_to: int = 0, fingerprint: str = "") -> str:
    ours = fingerprint_of(stage)
    return Mark(sent_to, True, topic_id(stage), fingerprint or ours).encode()


# --- show ----------------------------------------------------------------------------------------


def test_show_tells_each_partition_and_changes_nothing(
    wide_stage: Stage, mock: MockCluster
) -> None:
    stage = wide_stage
    for partition in range(4):
        stage.produce(*[add("vip", f"u{n}") for n in range(10)], partition=partition)
    mock.delete_records(stage.topic, 2, 6)
    marks = [mark_of(stage, 20_004), mark_of(stage, 8, OTHERS), mark_of(stage, 9)]
    for partition, mark in enumerate(marks):
        commit(stage, 4, mark, partition)
    before = [committed(stage, number) for number in range(4)]

    said = offsets(stage, "show")

    assert said.code == 0, said.errors
    rows = [" ".join(said.row(number)[1:]) for number in range(4)]
    assert rows == [
        "4 0 10 6 20004 clean ours goes on",
        f"4 0 10 6 8 clean {OTHERS} another destination's",
        "4 6 10 - 9 clean ours parked, out of range: before the log's start",
        "- 0 10 - - - - no offset",
    ]
    assert "cohortd offsets adopt" in said.out
    assert "cohortd offsets reset" in said.out
    assert [committed(stage, number) for number in range(4)] == before


def test_show_tells_offsets_that_carry_no_mark(stage: Stage) -> None:
    stage.produce(add("vip", "u1"))
    commit(stage, 1, "")

    said = offsets(stage, "show")

    assert " ".join(said.row()[1:]) == "1 0 1 0 - - none goes on"


def test_show_tells_what_an_input_names_and_nobody_has(stage: Stage, mock: MockCluster) -> None:
    mock.fail_topic("missing", 3)

    said = offsets(
        stage, "show", changes={"inputs": [{"topic": stage.topic}, {"topic": "missing"}]}
    )

    assert said.code == 0
    assert said.row()
    assert "cohortd: topic missing (" in said.errors


def test_a_cluster_that_does_not_answer_is_a_readable_line(stage: Stage) -> None:
    nowhere = f"127.0.0.1:{free_port()}"

    said = offsets(stage, "show", changes={"kafka.bootstrap_servers": nowhere})

    assert (said.code, said.out) == (1, "")
    assert said.errors.startswith(f"cohortd: kafka.bootstrap_servers: {nowhere}")
    assert len(said.errors.splitlines()) == 1


# --- reset ---------------------------------------------------------------------------------------


def test_a_reset_continues_a_partition_whose_position_is_lost(
    stage: Stage, mock: MockCluster
) -> None:
    stage.produce(*[add("vip", f"u{n}") for n in range(10)])
    commit(stage, 2, mark_of(stage, 4))
    mock.delete_records(stage.topic, 0, 6)

    said = offsets(stage, "reset", f"{stage.topic}:0", "--to", "earliest", "--yes")

    assert said.code == 0, said.errors
    assert "Offsets 2 to 5 are no longer in the log" in said.out
    offset, metadata = committed(stage)
    ours = fingerprint_of(stage)
    assert offset == 6
    assert Mark.decode(metadata) == Mark(6, False, topic_id(stage), ours)
    daemon = stage.start()
    stage.wait_members(vip={"u6", "u7", "u8", "u9"})
    daemon.wait_until_ready()
    assert daemon.terminate() == 0
    assert stage.committed_offset() == 10


def test_after_a_reset_backwards_only_last_states_are_sent(stage: Stage) -> None:
    stage.produce(add("vip", "u1"), remove("vip", "u1"), add("vip", "u2"))
    commit(stage, 3, mark_of(stage, 3))

    said = offsets(stage, "reset", f"{stage.topic}:0", "--to", "0", "--yes")

    assert said.code == 0, said.errors
    assert "Offsets 0 to 2 (up to 3 records) were committed already" in said.out
    assert "read up to offset 3 or the log's end" in said.out
    stage.start()
    stage.wait_members(vip={"u2"})
    assert [op for cohort, member, op in stage.deliveries() if "u1" in str(member)] == [False]


def test_a_reset_skips_a_record_only_after_it_was_said(stage: Stage) -> None:
    stage.produce(add("vip", "u1"), add("vip", "u2"))
    commit(stage, 0, mark_of(stage))
    before = committed(stage)

    said = offsets(stage, "reset", f"{stage.topic}:0", "--to", "1")

    assert said.code == USAGE
    assert "Offsets 0 to 0 (up to 1 record) are never delivered" in said.out
    assert "repeat the command with --yes" in said.errors
    assert committed(stage) == before


@pytest.mark.parametrize(("answer", "code", "offset"), [("y", 0, 1), ("n", 1, 0), ("?", 1, 0)])
def test_at_a_terminal_a_person_is_asked(stage: Stage, answer: str, code: int, offset: int) -> None:
    stage.produce(add("vip", "u1"))
    commit(stage, 0, mark_of(stage))

    said = offsets(stage, "reset", f"{stage.topic}:0", "--to", "latest", answer=answer)

    assert said.code == code, said.errors
    assert "Go on? [y/N]" in said.out
    assert ("nothing was changed" in said.out) is (code == 1)
    assert committed(stage)[0] == offset


@pytest.mark.parametrize(
    ("to", "code", "text"),
    [
        ("3", 1, "has offsets 0 to 2"),
        ("-1", USAGE, "--to: -1 is no place in a log"),
        ("newest", USAGE, "write earliest, latest or an offset"),
    ],
)
def test_a_place_that_is_not_in_the_log_is_refused(
    stage: Stage, to: str, code: int, text: str
) -> None:
    stage.produce(add("vip", "u1"), add("vip", "u2"))
    commit(stage, 0, mark_of(stage))
    before = committed(stage)

    said = offsets(stage, "reset", f"{stage.topic}:0", f"--to={to}", "--yes")

    assert said.code == code
    assert text in said.errors
    assert len(said.errors.splitlines()) == 1
    assert committed(stage) == before


def test_a_topic_of_no_input_is_no_target(stage: Stage) -> None:
    said = offsets(stage, "reset", "other:0", "--to", "latest", "--yes")

    assert said.code == USAGE
    assert "topic other is in no input" in said.errors


def test_another_destinations_offset_is_not_reset(stage: Stage) -> None:
    commit(stage, 0, mark_of(stage, 0, OTHERS))
    before = committed(stage)

    said = offsets(stage, "reset", f"{stage.topic}:0", "--to", "latest", "--yes")

    assert said.code == 1
    assert OTHERS in said.errors
    assert committed(stage) == before


def test_nothing_is_written_while_a_daemon_runs(stage: Stage) -> None:
    stage.produce(add("vip", "u1"))
    daemon = stage.start()
    stage.wait_members(vip={"u1"})

    said = offsets(stage, "reset", f"{stage.topic}:0", "--to", "earliest", "--yes")

    assert said.code == 1
    assert "has members" in said.errors
    assert "stop every cohortd of this group" in said.errors
    stage.produce(add("vip", "u2"))
    stage.wait_members(vip={"u1", "u2"})
    assert daemon.terminate() == 0
    assert stage.committed_offset() == 2


def test_what_was_committed_meanwhile_is_not_overwritten(stage: Stage) -> None:
    stage.produce(add("vip", "u1"), add("vip", "u2"))
    settings = settings_of(stage)
    commit(stage, 0, mark_of(stage))
    seen = {position.partition: position.committed for position in look(settings).positions}
    commit(stage, 1, mark_of(stage))
    before = committed(stage)
    intent = Intent(Partition(stage.topic, 0), 2, Mark(2, False, "", settings.fingerprint))

    with pytest.raises(CohortdError, match="have changed meanwhile, so nothing was written"):
        write(settings, [intent], seen)

    assert committed(stage) == before
    unseen = dataclasses.replace(intent, offset=0)
    write(settings, [unseen], {p.partition: p.committed for p in look(settings).positions})
    assert committed(stage)[0] == 0


# --- adopt ---------------------------------------------------------------------------------------


def test_an_adopted_group_is_sent_from_by_its_new_configuration(wide_stage: Stage) -> None:
    stage = wide_stage
    stage.produce(add("vip", "u1"), add("vip", "u2"))
    stage.produce(add("vip", "u3"), partition=1)
    commit(stage, 1, mark_of(stage, 1, OTHERS), 0)
    commit(stage, 0, "", 1)

    said = offsets(stage, "adopt", "--yes")

    assert said.code == 0, said.errors
    assert f"2 partitions to take over (fingerprint {OTHERS} on 1, none on 1" in said.out
    assert "Nothing is removed" in said.out
    ours = fingerprint_of(stage)
    kept = Mark(1, False, topic_id(stage), ours), Mark(TO_THE_END, False, topic_id(stage), ours)
    assert stage.committed(2) == {0: (1, kept[0]), 1: (0, kept[1])}
    daemon = stage.start()
    stage.wait_members(vip={"u2", "u3"})
    daemon.wait_until_ready()
    assert not daemon.log_lines("foreign_group")


def test_adopting_what_is_ours_already_writes_nothing(stage: Stage) -> None:
    stage.produce(add("vip", "u1"))
    commit(stage, 1, mark_of(stage, 1))
    before = committed(stage)

    said = offsets(stage, "adopt")

    assert said.code == 0, said.errors
    assert "nothing to take over" in said.out
    assert committed(stage) == before


def test_adopting_needs_consent(stage: Stage) -> None:
    commit(stage, 0, mark_of(stage, 0, OTHERS))
    before = committed(stage)

    said = offsets(stage, "adopt")

    assert said.code == USAGE
    assert "repeat the command with --yes" in said.errors
    assert committed(stage) == before


# --- the command line ----------------------------------------------------------------------------


def test_the_configuration_may_be_named_after_the_word_as_well(
    stage: Stage, tmp_path: Path
) -> None:
    more = tmp_path / "more.yaml"
    more.write_text("kafka: {group_id: another-group}\n")

    said = offsets(stage, "show", "-c", str(more))

    assert said.code == 0, said.errors
    assert said.out.startswith("group another-group: ")
