"""The seam between encodings and formats: what a format reads must not depend on how it came."""

from __future__ import annotations

import json
from typing import Any

import pytest

from daemon.config.mapping import Mapping
from daemon.formats.change_event import JsonOpener, TreeOpener
from daemon.formats.changes import Change, RejectError
from daemon.formats.codec import TEXT, JsonCodec
from daemon.formats.debezium import DebeziumReader
from daemon.formats.mapping import RowMapping
from daemon.formats.native import NativeReader
from daemon.formats.wrapping import Wrappings
from daemon.kafka.records import Reason, Record
from tests.support.corpus import load, run_of

MAPPING = RowMapping(
    Mapping.model_validate(
        {"cohort_id": {"column": "cohort_id"}, "external_id": {"column": "external_id"}}
    ),
    ("external_id",),
)
MATCH_ON = ("external_id", "alias", "device_id")


def _said(reader: Any, topic: str, record: Record) -> object:  # noqa: ANN401
    try:
        return reader.read(topic, record), reader.occurred_at_s(topic, record)
    except RejectError as error:
        return error.reason


@pytest.mark.parametrize("file", ["envelope-plain", "envelope-schemas", "replay-after-kill"])
def test_an_event_decoded_whole_says_what_one_decoded_in_parts_says(file: str) -> None:
    in_parts = JsonOpener(Wrappings(MAPPING.columns))
    by_parts = DebeziumReader(MAPPING, in_parts, JsonCodec())
    by_tree = DebeziumReader(MAPPING, TreeOpener(JsonCodec()), JsonCodec())
    seen = 0
    for run in load(f"{file}.jsonl").values():
        for record in run.records:
            expected = _said(by_parts, run.partition.topic, record)
            assert _said(by_tree, run.partition.topic, record) == expected
            seen += 1
    assert seen > 5


def test_a_native_event_says_the_same_in_any_codec() -> None:
    event = {"cohort_id": "vip", "op": "add", "alias": {"name": "a@b.c", "label": "email"}}
    (record,) = run_of({**event, "occurred_at": 1_700_000_000_000}).records

    plain, coded = NativeReader(MATCH_ON), NativeReader(MATCH_ON, JsonCodec())

    assert _said(plain, "t", record) == _said(coded, "t", record)
    assert coded.read("t", record) == plain.read("t", record)


@pytest.mark.parametrize("codec", [None, JsonCodec()])
def test_a_native_event_is_taken_out_of_connects_wrapping(codec: JsonCodec | None) -> None:
    event = {"cohort_id": "vip", "op": "remove", "external_id": "u1"}
    (record,) = run_of({"schema": {"type": "struct"}, "payload": event}).records

    read = NativeReader(MATCH_ON, codec).read("t", record)

    assert read == (Change("vip", "u1", add=False),)


@pytest.mark.parametrize("value", [b"[]", b'"text"', b"7"])
def test_a_value_that_is_no_record_is_a_reject(value: bytes) -> None:
    (record,) = run_of(value).records

    assert _said(NativeReader(MATCH_ON, JsonCodec()), "t", record) is Reason.INVALID_RECORD
    opened = DebeziumReader(MAPPING, TreeOpener(JsonCodec()), TEXT)
    assert _said(opened, "t", record) is Reason.INVALID_RECORD


def test_the_schema_around_a_key_tells_its_types() -> None:
    schema = {"fields": [{"field": "id", "name": "io.debezium.time.Date"}]}
    tree = JsonCodec().open(
        json.dumps({"schema": schema, "payload": {"id": 3}}).encode(), "the key"
    )

    logical = tree.types.get(("id",))

    assert logical is not None
    assert (tree.value, logical.name) == ({"id": 3}, "io.debezium.time.Date")
