"""Our reader of Avro reads what fastavro reads, and refuses what the specification forbids."""

from __future__ import annotations

import json
import time
from decimal import Decimal
from typing import Any

import pytest

from daemon.formats import avro_proof
from daemon.formats.avro_binary import DamagedError
from daemon.formats.avro_schema import WriterSchema, read_schema
from daemon.formats.changes import RejectError
from daemon.kafka.records import Reason
from tests.support.avro import avro, framed, written
from tests.support.rows import outcome, read

OP = {"type": "enum", "name": "Op", "symbols": ["add", "remove"]}
DECIMAL = {"type": "bytes", "logicalType": "decimal", "precision": 30, "scale": 2}
EVERYTHING: dict[str, Any] = {
    "type": "record",
    "name": "All",
    "fields": [
        {"name": name, "type": kind}
        for name, kind in {
            "op": OP,
            "again": "Op",
            "flag": "boolean",
            "small": "int",
            "large": "long",
            "single": "float",
            "double": "double",
            "raw": "bytes",
            "text": "string",
            "four": {"type": "fixed", "name": "Four", "size": 4},
            "list": {"type": "array", "items": ["null", "long"]},
            "map": {"type": "map", "values": {"type": "array", "items": "string"}},
            "one": ["null", {"type": "record", "name": "In", "fields": []}, "string"],
            "amount": DECIMAL,
            "uid": {"type": "fixed", "name": "U", "size": 16, "logicalType": "uuid"},
            "at": {"type": "long", "logicalType": "timestamp-millis"},
        }.items()
    ],
}
VALUE: dict[str, Any] = {
    "op": "remove",
    "again": "add",
    "flag": True,
    "small": -(2**31),
    "large": 2**63 - 1,
    "single": 0.5,
    "double": -1.25,
    "raw": b"\x00\xff",
    "text": "ünï" * 40,
    "four": b"abcd",
    "list": [None, 7, -1],
    "map": {"k": ["a", ""], "": []},
    "one": "x",
    "amount": Decimal("-12.30"),
    "uid": b"a" * 16,
    "at": 1_764_000_000_000,
}


def compiled(schema: object) -> WriterSchema:
    found = read_schema(json.dumps(schema))
    assert found.node is not None, "fastavro and our reader differ"
    return found


def refused(schema: object, body: bytes) -> str:
    with pytest.raises(DamagedError) as error:
        compiled(schema).read(body)
    return str(error.value)


def test_every_type_is_read_as_fastavro_reads_it() -> None:
    body = written(EVERYTHING, VALUE)[5:]

    assert compiled(EVERYTHING).read(body) == VALUE


@pytest.mark.parametrize(
    ("schema", "body", "said"),
    [
        (OP, b"\x01", "no such place"),  # -1, the last symbol to fastavro.
        (OP, b"\x04", "no such place"),
        (["null", "string"], b"\x01\x02a", "no such place"),
        (["null", "string"], b"\x04\x02a", "no such place"),
        ("boolean", b"\x02", "neither"),
        ("int", b"\x80\x80\x80\x80\x10", "32 bits"),
        ("long", b"\x80" * 10 + b"\x01", "ten bytes"),
        ("long", b"\xff" * 9 + b"\x7f", "64 bits"),
        ("string", b"\x01a", "below zero"),
        ("string", b"\x06ab", "cut short"),
        ("string", b"\x06\xed\xa0\x80", "UTF-8"),  # Half a surrogate pair.
        ("string", b"\x02\xff", "UTF-8"),
        ("double", b"\x00" * 7, "cut short"),
        ({"type": "fixed", "name": "F", "size": 2}, b"a", "cut short"),
        ("long", b"\x80", "cut short"),
        ("long", b"\x02\x00", "behind"),
        ({"type": "array", "items": "int"}, b"\x01\x7d\x02\x00", "below zero"),
        ({"type": "array", "items": "int"}, b"\x01\x04\x02\x00", "as long as it says"),
        ({"type": "array", "items": "int"}, b"\x7e\x02", "more items"),
        ({"type": "map", "values": "int"}, b"\x02\x02\xff\x02\x00", "UTF-8"),
        (DECIMAL, b"\x82\x08" + b"\x01" * 513, "every limit"),
    ],
)
def test_what_the_specification_forbids_is_refused(schema: object, body: bytes, said: str) -> None:
    assert said in refused(schema, body)


def test_a_block_may_say_how_long_it_is_and_a_number_may_be_longer_than_it_must() -> None:
    items = {"type": "array", "items": "int"}

    assert compiled(items).read(b"\x03\x04\x02\x04\x00") == [1, 2]
    assert compiled("long").read(b"\x82\x80\x00") == 1


def test_a_decimal_is_exact_beyond_the_precision_its_schema_claims() -> None:
    narrow = {"type": "bytes", "logicalType": "decimal", "precision": 2, "scale": 2}

    assert str(compiled(narrow).read(b"\x04\x7f\x7f")) == "326.39"


def test_a_damaged_place_in_an_enum_is_a_reject_and_no_removal() -> None:
    schema = {"type": "record", "name": "E", "fields": [
        {"name": "cohort_id", "type": "string"},
        {"name": "external_id", "type": "string"},
        {"name": "op", "type": OP},
    ]}  # fmt: skip
    value = {"cohort_id": "vip", "external_id": "u1", "op": "add"}
    decoder = avro({1: json.dumps(schema)})
    damaged = written(schema, value)[:-1] + b"\x01"

    assert outcome(read(decoder, damaged)) is Reason.INVALID_AVRO


def test_where_both_differ_fastavro_reads_and_long_decimals_cost_nothing() -> None:
    # Avro calls a decimal without precision a text of bytes; fastavro can't read it.
    odd = {"type": "record", "name": "R", "fields": [
        {"name": "odd", "type": {"type": "bytes", "logicalType": "decimal"}},
        {"name": "amount", "type": DECIMAL},
    ]}  # fmt: skip
    schema = read_schema(json.dumps(odd))
    long = b"\x80\xf1\x04" + b"\x01" * 40_000

    began_s = time.process_time()
    value = schema.read(b"\x02a" + long)

    assert schema.node is None
    assert value == {"odd": b"a", "amount": b"\x01" * 40_000}
    assert time.process_time() - began_s < 1.0
    with pytest.raises(DamagedError):
        schema.read(b"\x02a")


def test_a_reader_that_differs_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(avro_proof, "whole_reader", lambda _: lambda _: "wrong")

    schema = read_schema('"string"')

    assert schema.node is None
    assert schema.read(b"\x04u1") == "u1"


def test_a_refusal_names_the_schema_and_no_value() -> None:
    decoder = avro({7: '"string"'}, format="upsert", mapping=UPSERT)

    with pytest.raises(RejectError) as error:
        decoder._reader._codec.open(framed(7, b"\x08ann"), "the value")  # type: ignore[attr-defined]

    assert error.value.detail == "the value can't be read by schema 7: cut short"


UPSERT = {"cohort_id": {"constant": "vip"}, "external_id": {"key": "."}}
