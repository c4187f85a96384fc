"""`cohortd plan` on librdkafka's mock cluster: what it says, and that `run` then does just that."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from daemon.core.intent import Mark
from tests.support.commands import Said, command
from tests.support.offsets_command import commit, fingerprint_of
from tests.support.processes import free_port
from tests.support.stage import add, change, remove

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.mock_cluster import MockCluster
    from tests.support.stage import Stage


def plan(stage: Stage, *words: str, changes: Mapping[str, object] | None = None) -> Said:
    """Run the command to its end, as a person does."""
    return command(stage, "plan", *words, changes=changes)


def document(stage: Stage, *words: str, changes: Mapping[str, object] | None = None) -> Any:  # noqa: ANN401
    said = plan(stage, "--format", "json", *words, changes=changes)
    assert said.code == 0, said.errors + said.out
    return json.loads(said.out)


def cohort(found: Any, name: str) -> dict[str, Any]:  # noqa: ANN401
    return next(each for each in found["cohorts"] if each["cohort_id"] == name)


def test_says_for_each_cohort_what_would_be_sent(wide_stage: Stage) -> None:
    stage = wide_stage
    stage.produce(add("vip", "u1"), add("vip", "u2", cohort_name="VIPs"), remove("vip", "u1"))
    stage.produce(add("vip", "u3"), add("gold", "u4"), partition=1)

    said = plan(stage)

    assert said.code == 0, said.errors
    lines = [line.split() for line in said.out.splitlines()]
    assert ["vip", "VIPs", "2", "1", "1"] in lines
    assert ["gold", "gold", "1", "0", "1"] in lines
    assert "5 records in 4 partitions: 5 changes, 1 superseded" in said.out
    assert "4 requests in all (2 to announce cohorts), 0.0% of an hour's 250,000" in said.out
    assert "u1" not in said.out


def test_nothing_is_committed_or_sent(stage: Stage) -> None:
    stage.produce(add("vip", "u1"))

    plan(stage)

    assert stage.committed() == {}
    assert stage.applied() == 0


def test_run_then_delivers_the_last_changes_of_the_plan(wide_stage: Stage) -> None:
    stage = wide_stage
    for number in range(4):
        users = [f"u{number}-{n}" for n in range(50)]
        stage.produce(*[add("vip", user) for user in users], partition=number)
        stage.produce(*[remove("vip", user) for user in users[::3]], partition=number)
        stage.produce(b"no json", add("gold", f"g{number}"), partition=number)

    found = document(stage, "--show-ids")
    stage.start()
    stage.wait_members(
        {
            each["cohort_id"]: {who["external_id"] for who in each["add_ids"]}
            for each in found["cohorts"]
        }
    )

    last = {(name, user): is_add for name, user, is_add in stage.deliveries()}
    planned = {
        (each["cohort_id"], who["external_id"]): is_add
        for each in found["cohorts"]
        for key, is_add in (("add_ids", True), ("remove_ids", False))
        for who in each[key]
    }
    assert planned == last
    assert found["rejected"][0]["count"] == len(stage.letters(4)) == 4


def test_begins_where_the_group_stands(stage: Stage) -> None:
    stage.produce(add("vip", "u1"), add("vip", "u2"), add("vip", "u3"))
    mark = Mark(2, True, "", fingerprint_of(stage)).encode()
    commit(stage, 2, mark)

    found = document(stage)

    assert (found["from"], found["records"]) == ("committed", 1)
    assert cohort(found, "vip")["adds"] == 1


def test_without_offsets_start_decides(stage: Stage) -> None:
    stage.produce(add("vip", "u1"))

    found = document(stage, changes={"start": "latest"})

    assert (found["from"], found["records"], found["cohorts"]) == ("latest", 0, [])


def test_rejects_come_with_reasons_and_places_never_with_values(stage: Stage) -> None:
    bad = b'{"cohort_id": "vip", "op": "canary-op", "external_id": "canary-user"}'
    stage.produce(add("vip", "u1"), bad, None, bad)

    found = document(stage)

    places = {each["reason"]: each["examples"] for each in found["rejected"]}
    assert places == {
        "unknown_op": [f"{stage.topic}:0:1", f"{stage.topic}:0:3"],
        "null_value": [f"{stage.topic}:0:2"],
    }


def test_ignored_records_are_counted_by_rule(stage: Stage) -> None:
    stage.produce(add("vip", "u1"), add("test-x", "u1"))

    found = document(stage, changes={"cohorts.exclude": ["test-*"]})

    rule = {"topic": stage.topic, "rule": "cohort_not_selected", "count": 1}
    assert found["ignored"] == [rule]
    assert [each["cohort_id"] for each in found["cohorts"]] == ["vip"]


def test_a_glob_shows_only_its_cohorts(stage: Stage) -> None:
    stage.produce(add("vip", "u1"), add("vip-eu", "u1"), add("gold", "u1"))

    found = document(stage, "--cohort", "vip*")

    assert sorted(each["cohort_id"] for each in found["cohorts"]) == ["vip", "vip-eu"]


def test_without_dead_letters_a_partition_stops_at_its_first_bad_record(stage: Stage) -> None:
    stage.produce(add("vip", "u1"), b"no json", add("vip", "u2"))

    said = plan(stage, changes={"dead_letter.topic": None})

    assert said.code == 1
    assert f"problem: {stage.topic}:0 would stand still: at offset 1: a record" in said.out
    assert ["vip", "vip", "1", "0", "1"] in [line.split() for line in said.out.splitlines()]


def test_a_member_in_two_partitions_is_said(wide_stage: Stage) -> None:
    stage = wide_stage
    stage.produce(add("vip", "u1"), partition=0)
    stage.produce(remove("vip", "u1"), add("vip", "u2"), partition=3)

    said = plan(stage)

    assert said.code == 0
    assert "the changes of 1 of 2 members stand in more than one partition" in said.out


def test_another_destinations_offsets_are_a_problem(stage: Stage) -> None:
    stage.produce(add("vip", "u1"))
    commit(stage, 0, Mark(0, True, "", "0badcafe").encode())

    said = plan(stage)

    assert said.code == 1
    assert "its offset belongs to another destination (fingerprint 0badcafe)" in said.out


def test_a_lost_position_is_a_problem_and_the_others_are_planned(
    wide_stage: Stage, mock: MockCluster
) -> None:
    stage = wide_stage
    for number in (0, 1):
        stage.produce(*[add("vip", f"u{number}-{n}") for n in range(10)], partition=number)
        commit(stage, 2, Mark(2, True, "", fingerprint_of(stage)).encode(), number)
    mock.delete_records(stage.topic, 0, 5)

    said = plan(stage)

    assert said.code == 1
    assert f"{stage.topic}:0 would stand still: the group's offset 2 is out of range" in said.out
    assert ["vip", "vip", "8", "0", "1"] in [line.split() for line in said.out.splitlines()]


def test_ids_are_shown_only_when_asked_for(stage: Stage) -> None:
    stage.produce(
        add("vip", "u1"),
        change("remove", "vip", device_id="d1"),
        add("vip", alias={"name": "a@b.c", "label": "email"}),
    )

    said = plan(stage, "--show-ids")

    assert '    add {"external_id": "u1"}' in said.out.splitlines()
    assert '    remove {"device_id": "d1"}' in said.out.splitlines()
    assert '    add {"alias": {"name": "a@b.c", "label": "email"}}' in said.out.splitlines()


def test_a_cluster_that_does_not_answer_is_a_readable_line(stage: Stage) -> None:
    said = plan(stage, changes={"kafka.bootstrap_servers": f"127.0.0.1:{free_port()}"})

    assert (said.code, said.out) == (1, "")
    assert len(said.errors.splitlines()) == 1
    assert said.errors.startswith("cohortd: kafka.bootstrap_servers: ")


@pytest.mark.parametrize("words", [["--until", "1"], ["--format", "xml"]])
def test_a_word_it_does_not_know_is_usage(stage: Stage, words: list[str]) -> None:
    assert plan(stage, *words).code == 2


def test_a_stretch_larger_than_one_poll_is_read_whole(stage: Stage) -> None:
    stage.produce(*[add("vip", f"u{n}") for n in range(25_000)])

    found = document(stage)

    assert found["records"] == found["members"] == 25_000
    assert cohort(found, "vip")["requests"] == 25
    assert found["group"] == stage.group


def test_what_the_names_topic_remembers_is_not_announced_again(
    stage: Stage, mock: MockCluster
) -> None:
    topic = mock.create_topic(f"{stage.topic}-names")
    changes = {"cohorts.names_topic": topic}
    stage.produce(add("vip", "u1", cohort_name="VIPs"), add("old", "u1", cohort_name="Old"))
    daemon = stage.start(changes)
    stage.wait_members(vip={"u1"}, old={"u1"})
    daemon.wait_for_line("cohort_announced", cohort="vip")
    daemon.wait_for_line("cohort_announced", cohort="old")
    assert daemon.terminate() == 0
    stage.produce(add("vip", "u2"), add("old", "u2", cohort_name="Older"), add("new", "u2"))

    found = document(stage, changes=changes)
    forgetful = document(stage)

    assert (found["announcements"], forgetful["announcements"]) == (2, 3)
    names = {each["cohort_id"]: each["name"] for each in found["cohorts"]}
    assert names == {"vip": "VIPs", "old": "Older", "new": "new"}


def test_a_names_topic_that_is_missing_remembers_nothing(stage: Stage) -> None:
    stage.produce(add("vip", "u1"))

    found = document(stage, changes={"cohorts.names_topic": f"{stage.topic}-names"})

    assert found["announcements"] == 1


def test_rows_and_upserts_are_planned_as_they_are_read(wide_stage: Stage) -> None:
    stage = wide_stage
    rows = {
        "format": "rows",
        "mapping": {
            "preset": "databricks-cdf",
            "old_images": "ignore",
            "cohort_id": {"column": "cohort"},
            "external_id": {"column": "user"},
        },
    }
    upserts = {
        "format": "upsert",
        "key_encoding": "string",
        "mapping": {"cohort_id": {"constant": "vip"}, "external_id": {"key": "."}},
    }
    for kind, user in (("insert", 1), ("insert", 2), ("delete", 1), ("update_preimage", 2)):
        row = {"_change_type": kind, "cohort": "vip", "user": user}
        stage.produce(json.dumps(row).encode())
    of_rows = document(stage, changes={"inputs": [{"topic": stage.topic, **rows}]})
    stage.produce(b"{}", key=b"u1", partition=1)
    stage.produce(None, key=b"u2", partition=1)
    of_upserts = document(
        stage, changes={"inputs": [{"topic": stage.topic, **upserts}], "start": "earliest"}
    )

    found = cohort(of_rows, "vip")
    assert (found["adds"], found["removes"]) == (1, 1)
    assert of_rows["ignored"] != []
    found = cohort(of_upserts, "vip")
    assert (found["adds"], found["removes"]) == (1, 1)
    assert [each["reason"] for each in of_upserts["rejected"]] == ["missing_identity"]
