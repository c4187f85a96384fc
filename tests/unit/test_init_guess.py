"""What `cohortd init` makes of records: format, encodings and columns, or what is left to say."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from daemon.config.inputs import InputSettings
from daemon.formats.decoders import compile_input
from daemon.tools.init.guess import CHANGE_ME, Guess, guess
from daemon.tools.init.opening import keys_of, open_all, values_of
from tests.support import corpus
from tests.support.avro import KnownSchemas
from tests.support.corpus import FakeRecord

TOPIC = "shop.memberships"
Side = dict[str, object] | bytes | None


def data(side: Side) -> bytes | None:
    return json.dumps(side).encode() if isinstance(side, dict) else side


def guessed(*records: tuple[Side, Side]) -> Guess:
    """Return the guess for (key, value) pairs."""
    made = [FakeRecord(data(value), data(key)) for key, value in records]
    return guess(TOPIC, open_all(keys_of(made), None), open_all(values_of(made), None))


def entry_of(made: Guess) -> dict[str, Any]:
    assert made.complete, made.entry
    InputSettings.model_validate(made.entry)  # Whole ones are configurations as they stand.
    return made.entry


def rows(*values: dict[str, object]) -> Sequence[tuple[Side, Side]]:
    return [(b"key", value) for value in values]


def test_native_events_need_no_mapping() -> None:
    event: Side = {"cohort_id": "vip", "op": "add", "external_id": "u1"}

    assert entry_of(guessed((b'"u1"', event))) == {"topic": TOPIC}


def test_a_key_that_is_a_plain_text_is_told() -> None:
    event: Side = {"cohort_id": "vip", "op": "add", "external_id": "u1"}

    assert entry_of(guessed((b"user-1", event)))["key_encoding"] == "string"


def test_cloud_events_around_native_ones_are_native() -> None:
    inner = {"cohort_id": "vip", "op": "remove", "external_id": "u1"}
    event: Side = {"specversion": "1.0", "id": "1", "data": inner}

    assert "format" not in entry_of(guessed((None, event)))


@pytest.mark.parametrize("name", ["envelope-plain", "envelope-schemas"])
def test_captured_change_events_are_debezium(name: str) -> None:
    runs = corpus.load(f"{name}.jsonl")
    records = next(run.records for topic, run in runs.items() if topic.endswith("membership"))

    made = guess(TOPIC, open_all(keys_of(records), None), open_all(values_of(records), None))

    entry = entry_of(made)
    assert entry["format"] == "debezium"
    assert entry["mapping"]["cohort_id"] == {"column": "cohort_id"}
    assert entry["mapping"]["external_id"] == {"column": "external_id"}
    assert entry["mapping"]["member_when"] == {"column": "active", "in": [True]}


def test_change_events_in_avro_are_read_by_their_schemas() -> None:
    document = json.loads((corpus.CORPUS / "avro-schemas.json").read_text())
    known = KnownSchemas({int(n): json.dumps(schema) for n, schema in document["schemas"].items()})
    runs = corpus.load("envelope-avro-derived.jsonl")
    records = next(run.records for topic, run in runs.items() if topic.endswith("membership"))

    blind = guess(TOPIC, open_all(keys_of(records), None), open_all(values_of(records), None))
    made = guess(TOPIC, open_all(keys_of(records), known), open_all(values_of(records), known))

    assert "give --registry URL" in blind.left[0]
    assert blind.entry["mapping"]["cohort_id"] == {"column": CHANGE_ME}
    entry = entry_of(made)
    assert (entry["format"], entry["encoding"]) == ("debezium", "avro")
    assert entry["mapping"]["cohort_id"] == {"column": "cohort_id"}


@pytest.mark.parametrize(
    ("row", "preset"),
    [
        ({"METADATA$ACTION": "INSERT", "METADATA$ISUPDATE": False}, "snowflake-stream"),
        ({"METADATA_ACTION": "DELETE", "METADATA_ISUPDATE": True}, "snowflake-stream"),
        ({"_change_type": "insert"}, "databricks-cdf"),
        ({"_CHANGE_TYPE": "INSERT"}, "bigquery-changes"),
        ({"__deleted": "false"}, "debezium-flattened"),
    ],
)
def test_a_presets_marker_column_names_it(row: dict[str, object], preset: str) -> None:
    entry = entry_of(guessed(*rows({**row, "COHORT_ID": "vip", "USER_ID": "u1"})))

    assert (entry["format"], entry["mapping"]["preset"]) == ("rows", preset)
    assert entry["mapping"]["cohort_id"] == {"column": "COHORT_ID"}
    assert entry["mapping"]["external_id"] == {"column": "USER_ID"}


def test_track_events_are_found_among_others() -> None:
    entered: dict[str, object] = {
        "event": "Audience Entered",
        "userId": "u1",
        "properties": {"audience_key": "vip"},
    }

    entry = entry_of(guessed(*rows({"event": "Page Viewed", "userId": "u9"}, entered)))

    assert entry["mapping"] == {"preset": "segment-track"}


def test_a_column_of_operations_is_read_by_its_words() -> None:
    entry = entry_of(
        guessed(
            *rows(
                {"action": "Insert", "segment": "vip", "customer_id": "1"},
                {"action": "Delete", "segment": "vip", "customer_id": "1"},
            )
        )
    )

    assert entry["mapping"]["op"] == {"column": "action", "add": ["Insert"], "remove": ["Delete"]}
    assert entry["mapping"]["cohort_id"] == {"column": "segment"}


def test_rows_with_a_state_alone_are_members_while_it_holds() -> None:
    made = guessed(
        *rows(
            {"cohort": "vip", "user_id": "1", "status": "active"},
            {"cohort": "vip", "user_id": "1", "status": "left"},
        )
    )

    assert entry_of(made)["mapping"]["member_when"] == {"column": "status", "in": ["active"]}
    assert any("all values that mean membership" in line for line in made.left)


def test_an_address_is_an_alias_and_left_to_decide() -> None:
    made = guessed(*rows({"cohort": "vip", "email": "canary@example.com", "op": "add"}))

    assert entry_of(made)["mapping"]["alias"] == {
        "name": {"column": "email", "trim": True, "lower": True},
        "label": {"constant": "email"},
    }
    assert any("only if Braze has such aliases" in line for line in made.left)


def test_null_values_under_keys_are_upserts() -> None:
    key: Side = {"cohort_id": "vip", "user_id": "u1"}

    entry = entry_of(guessed((key, {"since": 1}), (key, None)))

    assert entry["format"] == "upsert"
    assert entry["mapping"]["cohort_id"] == {"key": "cohort_id"}
    assert entry["mapping"]["external_id"] == {"key": "user_id"}


def test_an_upsert_topic_of_one_cohort_takes_its_name_for_the_cohort() -> None:
    made = guessed((b"user-1", {"since": 1}), (b"user-2", None))

    entry = entry_of(made)
    assert entry["key_encoding"] == "string"
    assert entry["mapping"] == {"cohort_id": {"topic": ".*"}, "external_id": {"key": "."}}
    assert any("a part of it" in line for line in made.left)


def test_columns_without_a_name_we_know_are_marked() -> None:
    made = guessed(*rows({"foo": "canary-1", "bar": "canary-2", "op": "add"}))

    assert made.entry["mapping"]["cohort_id"] == {"column": CHANGE_ME}
    assert not made.complete
    assert len([line for line in made.left if "no column has a name we know" in line]) == 2


def test_no_value_of_a_record_but_words_of_operations_is_in_a_guess() -> None:
    made = guessed(
        *rows({"cohort": "canary", "user_id": "canary", "status": "canary", "op": "canary"})
    )

    assert "canary" not in str(made)
    assert made.entry["mapping"]["member_when"]["in"] == [CHANGE_ME]


@pytest.mark.parametrize(
    ("value", "encoding"),
    [(b"\0\0\0\0\x07\x06vip\x02", "avro"), (b'\0\0\0\0\x07{"a": 1}', "json-schema")],
)
def test_a_registrys_framing_is_told_from_json(value: bytes, encoding: str) -> None:
    made = guessed((b"k", value))

    assert made.entry["encoding"] == encoding


def test_rows_that_are_no_objects_under_keys_are_upserts() -> None:
    assert entry_of(guessed((b"user-1", b"17"), (b"user-2", b"18")))["format"] == "upsert"


def test_text_that_is_no_json_is_said() -> None:
    made = guessed((b"k", b"<xml/>"), (b"k", b"<xml/>"))

    assert "neither JSON nor in a registry's framing" in made.left[0]


def test_what_is_guessed_of_a_table_is_what_the_decoder_reads() -> None:
    entry = entry_of(
        guessed(*rows({"segment": "vip", "customer_id": 17, "action": "insert", "at": "x"}))
    )
    assert compile_input(InputSettings.model_validate(entry))
