"""Avro in Confluent's framing, for every format; and what is refused of it."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from daemon.config.inputs import InputSettings
from daemon.formats.avro import FramedJsonCodec
from daemon.formats.changes import HoldError, RejectError
from daemon.formats.decoders import compile_input
from daemon.kafka.records import Reason
from tests.support.avro import KnownSchemas, avro, framed, written
from tests.support.corpus import CORPUS, FakeRecord, load, run_of_records
from tests.support.rows import VIP_U1_IN, VIP_U1_OUT, outcome, read
from tests.support.unforeseen import nothing_caught

NATIVE = json.loads((Path(__file__).parents[2] / "schemas/membership_change.avsc").read_text())
ROW = {
    "type": "record",
    "name": "Row",
    "fields": [
        {"name": "op", "type": {"type": "enum", "name": "Op", "symbols": ["I", "D"]}},
        {"name": "cohort", "type": "string"},
        {"name": "user", "type": "long"},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "amount", "type": {"type": "bytes", "logicalType": "decimal",
                                    "precision": 30, "scale": 4}},
        {"name": "uid", "type": ["null", {"type": "string", "logicalType": "uuid"}]},
    ],
}  # fmt: skip
VALUE = {
    "op": "I",
    "cohort": "vip",
    "user": 9_007_199_254_740_993,
    "at": 1_767_323_045_000,
    "amount": Decimal("12.3400"),
    "uid": UUID("00000000-0000-4000-8000-000000000001"),
}
OP = {"op": {"column": "op", "add": ["I"], "remove": ["D"]}, "cohort_id": {"column": "cohort"}}


def rows_by(column: str, **mapping: object) -> Any:  # noqa: ANN401
    whole = OP | {"external_id": {"column": column}} | mapping
    return avro({1: json.dumps(ROW)}, format="rows", mapping=whole)


def test_a_native_event_is_read_by_the_schema_it_was_written_with() -> None:
    decoder = avro({1: json.dumps(NATIVE)})
    event = {"cohort_id": "vip", "op": "add", "external_id": "u1", "occurred_at": 1_767_323_045_000}

    decoded = read(decoder, written(NATIVE, event))

    assert outcome(decoded) == VIP_U1_IN
    assert decoded.change_set.event_time_s == 1_767_323_045.0


@pytest.mark.parametrize(
    ("column", "member"),
    [
        ("user", "9007199254740993"),
        ("amount", "12.3400"),
        ("uid", "00000000-0000-4000-8000-000000000001"),
    ],
)
def test_numbers_decimals_and_uuids_become_texts_exactly(column: str, member: str) -> None:
    decoded = read(rows_by(column, occurred_at={"column": "at"}), written(ROW, VALUE))

    assert outcome(decoded) == {"vip": {member: True}}
    assert decoded.change_set.event_time_s == 1_767_323_045.0


def test_an_upsert_has_its_identity_in_an_avro_key() -> None:
    key = {"type": "record", "name": "K", "fields": [{"name": "user", "type": "string"}]}
    schemas = {1: json.dumps(ROW), 2: json.dumps(key), 3: '"string"'}
    mapping = {"cohort_id": {"constant": "vip"}, "external_id": {"key": "user"}}
    whole = {"cohort_id": {"constant": "vip"}, "external_id": {"key": "."}}

    by_record = avro(schemas, format="upsert", mapping=mapping)
    by_text = avro(schemas, format="upsert", mapping=whole)

    assert outcome(read(by_record, written(ROW, VALUE), key=written(key, {"user": "u1"}, 2))) == (
        VIP_U1_IN
    )
    assert outcome(read(by_record, None, key=written(key, {"user": "u1"}, 2))) == VIP_U1_OUT
    assert outcome(read(by_text, None, key=written("string", "u1", 3))) == VIP_U1_OUT


def test_a_json_value_may_have_an_avro_key_and_the_other_way_about() -> None:
    mapping = OP | {"external_id": {"key": "."}}
    schemas = KnownSchemas({1: json.dumps(ROW), 3: '"string"'})
    mixed = InputSettings.model_validate(
        {"topic": "t", "format": "rows", "mapping": mapping, "key_encoding": "avro"}
    )
    plain = {"op": "I", "cohort": "vip"}

    decoded = read(compile_input(mixed, schemas=schemas), plain, key=written("string", "u1", 3))
    other = avro({1: json.dumps(ROW)}, format="rows", mapping=mapping, key_encoding="string")

    assert outcome(decoded) == VIP_U1_IN
    assert outcome(read(other, written(ROW, VALUE), key=b"u1")) == VIP_U1_IN


def test_records_of_two_versions_are_each_read_by_their_own() -> None:
    older = {**ROW, "fields": ROW["fields"][:3]}
    decoder = avro(
        {1: json.dumps(ROW), 2: json.dumps(older)},
        format="rows",
        mapping=OP | {"external_id": {"column": "user"}},
    )
    new, old = written(ROW, VALUE), written(older, VALUE | {"user": 7}, 2)

    decoded = decoder.decode(
        run_of_records([FakeRecord(new, _offset=1), FakeRecord(old, _offset=2)])
    )

    assert decoded.change_set.changes == {"vip": {"9007199254740993": True, "7": True}}


def _corpus_schemas() -> dict[int, str | None]:
    document = json.loads((CORPUS / "avro-schemas.json").read_text())
    return {int(number): json.dumps(schema) for number, schema in document["schemas"].items()}


def test_every_captured_change_event_says_in_avro_what_it_says_in_json() -> None:
    mapping = {
        "cohort_id": {"column": "cohort_id"},
        "external_id": {"column": "external_id"},
        "member_when": {"column": "active", "in": [True]},
        "cohort_name": {"column": "score"},  # A decimal, as a text.
    }
    in_avro = avro(_corpus_schemas(), format="debezium", mapping=mapping)
    in_json = compile_input(
        InputSettings.model_validate({"topic": "t", "format": "debezium", "mapping": mapping})
    )
    twins = load("envelope-schemas.jsonl")
    compared = 0
    for topic, run in load("envelope-avro-derived.jsonl").items():
        pairs = zip(run.records, twins[topic.removeprefix("avro.")].records, strict=True)
        for record, twin in pairs:
            said = [
                decoder.decode(run_of_records([each], topic=topic))
                for decoder, each in ((in_avro, record), (in_json, twin))
            ]
            assert outcome(said[0]) == outcome(said[1]), (topic, record.offset())
            assert said[0].change_set.names == said[1].change_set.names
            assert said[0].change_set.event_time_s == said[1].change_set.event_time_s
            compared += 1
    assert compared > 40


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"", Reason.INVALID_AVRO),
        (b"\x00\x00", Reason.INVALID_AVRO),
        (b'{"cohort_id":"vip"}', Reason.INVALID_AVRO),
        (framed(9, b""), Reason.UNKNOWN_SCHEMA),
        (written(ROW, VALUE)[:-1], Reason.INVALID_AVRO),  # Cut short,
        (written(ROW, VALUE) + b"\x00", Reason.INVALID_AVRO),  # or with something behind.
        (framed(1, b"\xff" * 40), Reason.INVALID_AVRO),
        (framed(1, b"\x00\x06\xff\xff\xff\x00\x00\x00\x00"), Reason.INVALID_AVRO),  # No UTF-8.
        (framed(1, b"x" * (1024 * 1024 + 1)), Reason.TOO_LARGE),
    ],
)
def test_what_is_no_avro_record_is_a_reject(value: bytes, reason: Reason) -> None:
    assert outcome(read(rows_by("user"), value)) is reason


def test_a_byte_that_goes_on_is_no_symbol_of_an_enum_of_many() -> None:
    symbols = ["remove", *(f"other_{at}" for at in range(1, 64)), "add"]
    fields = [
        {"name": "cohort_id", "type": "string"},
        {"name": "op", "type": {"type": "enum", "name": "Op", "symbols": symbols}},
        {"name": "external_id", "type": "string"},
    ]
    schema = {"type": "record", "name": "Event", "fields": fields}
    good = written(schema, {"cohort_id": "vip", "op": "remove", "external_id": "u1"})
    bad = good.replace(b"vip\x00", b"vip\x80")
    records = [FakeRecord(value, _offset=at) for at, value in enumerate([good, good, bad])]

    decoded = avro({1: json.dumps(schema)}).decode(run_of_records(records))

    assert [(reject.offset, reject.reason) for reject in decoded.rejects] == [
        (2, Reason.INVALID_AVRO)
    ]


def test_a_schema_that_is_not_known_yet_is_a_hold_and_nothing_of_the_run_is_taken() -> None:
    decoder = avro({1: json.dumps(NATIVE), 2: None})
    good = written(NATIVE, {"cohort_id": "vip", "op": "add", "external_id": "u1"})
    run = run_of_records([FakeRecord(good, _offset=1), FakeRecord(framed(2, b""), _offset=2)])

    with pytest.raises(HoldError) as held:
        decoder.decode(run)

    assert held.value.schema_id == 2
    assert held.value.readable == 1


@pytest.mark.parametrize("moment", [float("nan"), float("inf"), float("-inf")])
def test_a_time_that_is_no_number_is_none(moment: float) -> None:
    fields = [{"name": "cohort", "type": "string"}, {"name": "at", "type": "double"}]
    schema = {"type": "record", "name": "R", "fields": fields}
    mapping = {
        "op": {"column": "cohort", "add": ["vip"]},
        "cohort_id": {"column": "cohort"},
        "external_id": {"constant": "u1"},
        "occurred_at": {"column": "at"},
    }
    decoder = avro({1: json.dumps(schema)}, format="rows", mapping=mapping)

    with nothing_caught():
        decoded = read(decoder, written(schema, {"cohort": "vip", "at": moment}))

    assert outcome(decoded) == VIP_U1_IN
    assert decoded.change_set.event_time_s == 1_700_000_000.0


def test_a_decimal_whose_scale_would_fill_the_memory_is_a_reject() -> None:
    scale = 10**9
    amount = {"type": "bytes", "logicalType": "decimal", "precision": scale, "scale": scale}
    fields = [{"name": "cohort", "type": "string"}, {"name": "amount", "type": amount}]
    schema = {"type": "record", "name": "R", "fields": fields}
    mapping = {
        "op": {"column": "cohort", "add": ["vip"]},
        "cohort_id": {"column": "cohort"},
        "external_id": {"column": "amount"},
    }
    decoder = avro({1: json.dumps(schema)}, format="rows", mapping=mapping)

    with nothing_caught():
        decoded = read(decoder, framed(1, b"\x06vip" + b"\x02\x07"))

    assert outcome(decoded) is Reason.INVALID_VALUE


def test_json_in_the_frame_is_read_without_its_schema() -> None:
    settings = InputSettings.model_validate({"topic": "t", "encoding": "json-schema"})
    event = json.dumps({"cohort_id": "vip", "op": "add", "external_id": "u1"}).encode()

    assert outcome(read(compile_input(settings), framed(77, event))) == VIP_U1_IN
    assert outcome(read(compile_input(settings), event)) is Reason.INVALID_AVRO
    with pytest.raises(RejectError):
        FramedJsonCodec().open(framed(77, b"{"), "the value")
