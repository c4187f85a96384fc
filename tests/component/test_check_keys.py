"""`check --keys` on the mock cluster: members whose changes stand in more than one partition."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from daemon.tools.check import run
from daemon.tools.check.finding import Level
from daemon.tools.check.keys import look_at_keys
from tests.support.offsets_command import settings_of
from tests.support.stage import add, remove

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.stage import Stage


def told(
    stage: Stage, hashes_max: int = 1_000_000, changes: Mapping[str, object] | None = None
) -> dict[Level, list[str]]:
    [group] = look_at_keys(settings_of(stage, changes), hashes_max)
    found: dict[Level, list[str]] = {}
    for finding in group.findings:
        found.setdefault(finding.level, []).append(str(finding))
    return found


def test_members_in_one_partition_each_are_fine(wide_stage: Stage) -> None:
    for number in range(4):
        wide_stage.produce(
            *[add("vip", f"u{number}-{n}") for n in range(10)],
            remove("vip", f"u{number}-1"),
            partition=number,
        )

    assert told(wide_stage) == {
        Level.OK: [
            "keys: each member's changes stand in one partition: 44 records read, 40 members"
        ]
    }


def test_a_member_in_two_partitions_is_a_problem_with_both_offsets(wide_stage: Stage) -> None:
    stage = wide_stage
    stage.produce(add("vip", "other"), add("vip", "canary-stray"), partition=1)
    stage.produce(add("gold", "canary-stray"), remove("vip", "canary-stray"), partition=3)

    [line] = told(stage)[Level.PROBLEM]

    places = f"(a member of cohort vip at {stage.topic}:1:1 and {stage.topic}:3:1)"
    assert "the changes of 1 stand in more than one partition: 4 records read, 3 members" in line
    assert places in line
    assert "key the topic by user" in line
    assert "canary" not in line


def test_upserts_are_looked_at_by_their_keys(wide_stage: Stage) -> None:
    stage = wide_stage
    mapping = {"cohort_id": {"constant": "vip"}, "external_id": {"key": "."}}
    entry = {"topic": stage.topic, "format": "upsert", "key_encoding": "string", "mapping": mapping}
    stage.produce(b"{}", key=b"u1", partition=1)
    stage.produce(b"{}", key=b"u2", partition=2)
    stage.produce(None, key=b"u1", partition=3)

    [line] = told(stage, changes={"inputs": [entry]})[Level.PROBLEM]

    assert f"(a member of cohort vip at {stage.topic}:1:0 and {stage.topic}:3:0)" in line


def test_it_reads_what_the_group_has_long_passed(wide_stage: Stage) -> None:
    wide_stage.produce(add("vip", "u1"), partition=0)
    wide_stage.start()
    wide_stage.wait_members(vip={"u1"})
    wide_stage.produce(remove("vip", "u1"), partition=2)

    assert Level.PROBLEM in told(wide_stage)


def test_records_that_cannot_be_used_are_said(stage: Stage) -> None:
    stage.produce(add("vip", "u1"), b"no json")

    [line] = told(stage)[Level.NOTE]

    assert line.startswith(f"{stage.topic}: 1 record can't be used")


def test_the_command_ends_with_1_where_one_was_found(
    wide_stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    wide_stage.produce(add("vip", "u1"), partition=0)
    fine = run(settings_of(wide_stage), keys=True)
    wide_stage.produce(add("vip", "u1"), partition=1)

    found = run(settings_of(wide_stage), keys=True)

    assert (fine, found) == (0, 1)
    assert capsys.readouterr().out.splitlines()[-1] == "check: 1 problem, no warning"


def test_many_members_are_found_in_little_memory(wide_stage: Stage) -> None:
    for number in range(2):
        wide_stage.produce(*[add("vip", f"u{n}") for n in range(3_000)], partition=number)

    [line] = told(wide_stage, hashes_max=500)[Level.PROBLEM]

    assert "looked at, one in 16" in line
