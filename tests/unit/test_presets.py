"""Presets: what known producers write, read without the user writing the mapping."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from daemon.config.inputs import InputSettings
from daemon.config.presets import PRESETS
from daemon.formats.changes import Ignored
from daemon.kafka.records import Reason
from tests.support.corpus import load, run_of_records
from tests.support.rows import ROW, VIP_U1_IN, VIP_U1_OUT, WHO, compiled, outcome, read, rows

SNOWFLAKE = {"preset": "snowflake-stream", "old_images": "remove"}
DATABRICKS = {"preset": "databricks-cdf", "old_images": "remove"}
FLATTENED = {"preset": "debezium-flattened"}


def problem_of(mapping: dict[str, Any], format_: str = "rows") -> str:
    with pytest.raises(ValidationError) as caught:
        InputSettings.model_validate({"topic": "t", "format": format_, "mapping": WHO | mapping})
    return str(caught.value)


@pytest.mark.parametrize("mark", ["$", "_"])
@pytest.mark.parametrize(
    ("action", "update", "expected"),
    [
        ("INSERT", False, VIP_U1_IN),
        ("INSERT", True, VIP_U1_IN),
        ("DELETE", False, VIP_U1_OUT),
        ("DELETE", True, VIP_U1_OUT),
        ("DELETE", "true", VIP_U1_OUT),
        ("delete", False, Reason.UNKNOWN_OP),
    ],
)
def test_a_snowflake_stream_in_both_spellings(
    mark: str, action: str, update: object, expected: object
) -> None:
    row = {**ROW, f"METADATA{mark}ACTION": action, f"METADATA{mark}ISUPDATE": update}

    assert outcome(read(rows(SNOWFLAKE), row)) == expected


def test_without_a_mark_of_old_images_each_removal_takes_its_member_out() -> None:
    op = {"column": "METADATA$ACTION", "add": ["INSERT"], "remove": ["DELETE"]}
    decoder = rows({"op": op, "old_images": "remove"})
    row = {**ROW, "METADATA$ACTION": "DELETE", "METADATA$ISUPDATE": True}

    assert outcome(read(decoder, row)) == VIP_U1_OUT


@pytest.mark.parametrize("update", [True, "true", "TRUE"])
def test_the_old_image_of_a_snowflake_update_may_be_ignored(update: object) -> None:
    decoder = rows(SNOWFLAKE | {"old_images": "ignore"})
    row = {**ROW, "METADATA$ACTION": "DELETE", "METADATA$ISUPDATE": update}

    assert outcome(read(decoder, row)) is Ignored.OLD_IMAGE
    assert outcome(read(decoder, row | {"METADATA$ISUPDATE": False})) == VIP_U1_OUT


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("insert", VIP_U1_IN),
        ("update_preimage", VIP_U1_OUT),
        ("update_postimage", VIP_U1_IN),
        ("delete", VIP_U1_OUT),
    ],
)
def test_a_databricks_change_feed(change: str, expected: object) -> None:
    assert outcome(read(rows(DATABRICKS), {**ROW, "_change_type": change})) == expected


def test_a_row_that_moves_leaves_where_it_was() -> None:
    decoder = rows(DATABRICKS)

    before = read(decoder, {"cohort": "a", "user": "u1", "_change_type": "update_preimage"})
    after = read(decoder, {"cohort": "b", "user": "u1", "_change_type": "update_postimage"})

    assert (outcome(before), outcome(after)) == ({"a": {"u1": False}}, {"b": {"u1": True}})


@pytest.mark.parametrize("row", [{"status": "left"}, {"user": "", "status": "active"}])
def test_an_old_image_that_was_no_membership_takes_nobody_out(row: dict[str, Any]) -> None:
    decoder = rows(DATABRICKS | {"member_when": {"column": "status", "in": ["active"]}})

    decoded = read(decoder, {**ROW, **row, "_change_type": "update_preimage"})

    assert outcome(decoded) is Ignored.OLD_IMAGE


@pytest.mark.parametrize(
    ("change", "expected"),
    [("INSERT", VIP_U1_IN), ("UPDATE", VIP_U1_IN), ("DELETE", VIP_U1_OUT)],
)
def test_bigquery_changes(change: str, expected: object) -> None:
    decoder = rows({"preset": "bigquery-changes"})

    assert outcome(read(decoder, {**ROW, "_CHANGE_TYPE": change})) == expected


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ({}, VIP_U1_IN),  # Deletes are left to the tombstones.
        ({"__deleted": "false"}, VIP_U1_IN),
        ({"__deleted": "true"}, VIP_U1_OUT),
        ({"__deleted": True}, VIP_U1_OUT),
        ({"__op": "r"}, VIP_U1_IN),
        ({"__op": "d"}, VIP_U1_OUT),
        ({"__op": "u", "__deleted": "false"}, VIP_U1_IN),
        ({"__op": "t"}, Reason.UNKNOWN_OP),
        ({"__deleted": "yes"}, Reason.UNKNOWN_OP),
        ({"__deleted": "true", "user": "", "cohort": ""}, Reason.MISSING_COHORT),
        ({"__deleted": "true", "user": ""}, Reason.MISSING_IDENTITY),
        ({"__deleted": "true", "user": 0}, Reason.MISSING_IDENTITY),
    ],
)
def test_a_flattened_record_of_debezium(extra: dict[str, Any], expected: object) -> None:
    assert outcome(read(rows(FLATTENED), {**ROW, **extra}, key={"id": 1})) == expected


def test_a_flattened_delete_under_the_default_identity_names_the_remedy() -> None:
    row = {"cohort": "", "user": "", "__deleted": "true"}

    (reject,) = read(rows(FLATTENED), row, key={"id": 1}).rejects

    assert "REPLICA IDENTITY FULL" in reject.detail


def test_a_user_whose_id_is_0_is_removed_where_the_key_names_it() -> None:
    row = {**ROW, "user": 0, "__deleted": "true"}

    assert outcome(read(rows(FLATTENED), row, key={"user": 0})) == {"vip": {"0": False}}


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ("Audience Entered", {"first_time_shopper": {"u1": True}}),
        ("Audience Exited", {"first_time_shopper": {"u1": False}}),
        ("Order Completed", Ignored.CONDITION_NOT_MET),
    ],
)
def test_segments_audiences_among_other_track_events(event: str, expected: object) -> None:
    decoder = compiled(format="rows", mapping={"preset": "segment-track"})
    properties = {"audience_key": "first_time_shopper", "first_time_shopper": True}
    row = {"type": "track", "userId": "u1", "event": event, "properties": properties}

    assert outcome(read(decoder, row)) == expected
    assert outcome(read(decoder, {"type": "identify", "userId": "u1"})) is (
        Ignored.CONDITION_NOT_MET
    )


def test_an_audience_event_of_nobody_known_is_a_reject() -> None:
    decoder = compiled(format="rows", mapping={"preset": "segment-track"})
    row = {"userId": None, "event": "Audience Entered", "properties": {"audience_key": "a"}}

    assert outcome(read(decoder, row)) is Reason.MISSING_IDENTITY


@pytest.mark.parametrize(("status", "add"), [("entered", True), ("left", False)])
def test_posthogs_membership_topic(status: str, *, add: bool) -> None:
    decoder = compiled(format="rows", mapping={"preset": "posthog"})
    person = "0190f2a4-7c3e-7000-8000-000000000001"
    row = {"person_id": person, "cohort_id": 42, "team_id": 1, "status": status}

    assert outcome(read(decoder, row)) == {"42": {person: add}}


def test_a_mapping_says_any_part_of_its_preset_otherwise() -> None:
    operation = {"column": "change_type", "add": ["INSERT"], "remove": ["DELETE"]}
    decoder = rows({"preset": "bigquery-changes", "op": operation})

    assert outcome(read(decoder, {**ROW, "change_type": "DELETE"})) == VIP_U1_OUT


def test_conditions_of_ones_own_take_the_place_of_the_presets() -> None:
    decoder = compiled(format="rows", mapping={"preset": "segment-track"}, only_when=[])

    assert outcome(read(decoder, {"event": "Order Completed"})) is Reason.UNKNOWN_OP


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_prints_as_the_mapping_it_stands_for(name: str) -> None:
    mapping: dict[str, Any] = {**WHO, "preset": name}
    if name in ("snowflake-stream", "databricks-cdf"):
        mapping["old_images"] = "ignore"
    settings = InputSettings.model_validate({"topic": "t", "format": "rows", "mapping": mapping})

    printed = settings.model_dump(mode="json", by_alias=True)

    assert printed["mapping"][0]["op"]
    assert InputSettings.model_validate(printed) == settings


@pytest.mark.parametrize(
    ("mapping", "said"),
    [
        ({}, "needs op or member_when"),
        ({"preset": "snowflake"}, "snowflake-stream"),
        ({"preset": "snowflake-stream"}, "old_images is required"),
        ({"preset": "bigquery-changes", "old_images": "ignore"}, "marks an old image"),
        ({"op": {"column": "op", "add": ["I"], "remove": ["I"]}}, "once"),
        ({"op": {"column": "op"}}, "lists the values"),
    ],
)
def test_a_mapping_of_rows_that_cant_be_meant_is_refused(
    mapping: dict[str, Any], said: str
) -> None:
    assert said in problem_of(mapping)


@pytest.mark.parametrize("format_", ["debezium", "upsert"])
def test_what_only_rows_can_say_is_refused_elsewhere(format_: str) -> None:
    assert "is for format rows" in problem_of({"preset": "posthog"}, format_)
    assert "is for format rows" in problem_of({"on_null": "remove"}, format_)


# By hand, from the statements that produced the records. The transform drops a truncate.
CAPTURED = {
    "cohort_membership": [
        {"c-snap": {"u-snap-1": True}},
        {"c-snap": {"u-snap-2": True}},
        {"c1": {"u1": True}},
        {"c1": {"u1": False}},  # active=false
        {"c1": {"u1": False}},  # A no-op update is a record too.
        {"c1": {"u1": False}},  # A change of the primary key: delete,
        Ignored.TOMBSTONE,
        {"c1": {"u1-renamed": False}},  # and create, while inactive.
        {"c1": {"u1-renamed": False}},
        Ignored.TOMBSTONE,
        {"c2": {"bulk-1": True}},
        {"c2": {"bulk-2": True}},
        {"c2": {"bulk-3": True}},
        {"c2": {"bulk-2": False}},
        {"c-special": {"infinity": True}},
        {"c-unicode": {'ünï😀 "q" \\ ,': True}},
    ],
    "membership_default_ident": [
        {"c-snap": {"d-1": True}},
        {"c2": {"d-2": True}},
        {"c-snap": {"d-1": False}},
        Reason.MISSING_COHORT,  # A delete that names nobody: never user "" of cohort "".
        Ignored.TOMBSTONE,
        {"c2": {"d-2": True}},
        Reason.MISSING_COHORT,
        Ignored.TOMBSTONE,
        {"c-toast": {"t-1": True}},
        {"c-toast": {"t-1": False}},
        {"c2": {"d-3": True}},
    ],
}


@pytest.mark.parametrize("table", CAPTURED)
def test_every_captured_flattened_record_is_read_as_the_capture_says(table: str) -> None:
    pair = {"cohort_id": {"column": "cohort_id"}, "external_id": {"column": "external_id"}}
    active = {"member_when": {"column": "active", "in": [True]}}
    decoder = rows([FLATTENED | pair | active | {"on_null": "ignore"}])
    run = load("flattened-plain.jsonl")[f"wflat2.public.{table}"]

    read_as = [
        outcome(decoder.decode(run_of_records([record], topic=run.partition.topic)))
        for record in run.records
    ]

    assert read_as == CAPTURED[table]
