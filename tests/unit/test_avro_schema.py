"""Schemas that are not fit to decode by are refused before anything is decoded."""

from __future__ import annotations

import json
from typing import Any

import pytest

from daemon.formats.avro_schema import DEPTH_MAX, read_schema
from daemon.formats.changes import RejectError
from daemon.kafka.records import Reason


def record(name: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401
    listed = [{"name": field, "type": kind} for field, kind in fields.items()]
    return {"type": "record", "name": name, "fields": listed}


def array(items: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"type": "array", "items": items}


def refused(schema: object, *references: object) -> str:
    with pytest.raises(RejectError) as error:
        read_schema(json.dumps(schema), [json.dumps(each) for each in references])
    assert error.value.reason is Reason.REFUSED_SCHEMA
    return error.value.detail


def nested(depth: int) -> Any:  # noqa: ANN401
    schema: Any = "int"
    for level in range(depth):
        schema = record(f"R{level}", x=schema)
    return schema


def laughing(levels: int) -> list[dict[str, Any]]:
    """Each record holds the one before ten times: ten to the power of the levels in all."""
    schemas = [record("L0", x="int")]
    for level in range(1, levels):
        fields = {f"f{at}": f"L{level - 1}" for at in range(10)}
        schemas.append(record(f"L{level}", **fields))
    return schemas


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        (record("R", next=["null", "R"]), "recursive"),
        (record("A", b=record("B", a=["null", "A"])), "recursive"),
        (array("null"), "next to no bytes"),
        (array(record("E")), "next to no bytes"),
        (array(record("N", **{f"n{at}": "null" for at in range(10)})), "next to no bytes"),
        (array(["null", record("W", **{f"n{at}": "null" for at in range(90)}, b="int")]), "bytes"),
        ({"type": "map", "values": "null"}, "next to no bytes"),
        (array({"type": "fixed", "name": "F", "size": 0}), "next to no bytes"),
        (nested(DEPTH_MAX + 1), "deeper"),
        (laughing(6), "values of a record"),
        (record("R", **{f"f{at}": "int" for at in range(5_001)}), "values of a record"),
        ("nothing", "names a type"),
        (record("R", x="Other"), "names a type"),
        ({"type": "fixed", "name": "F", "size": 2**40}, "over every limit"),
        ([], "no branches"),
        (7, "none of Avro's"),
        ({"type": "record", "name": "R"}, "no fields"),
        ({"type": "record", "fields": []}, "no name"),
        (record("R", x={"type": "enum", "name": "E", "symbols": ["a", "a"]}), "parsed"),
    ],
)
def test_it_is_refused_with_why(schema: object, said: str) -> None:
    assert said in refused(schema)


def test_a_chain_of_names_counts_as_deep_as_it_goes() -> None:
    chain: list[Any] = [record("C0", x="int")]
    chain += [record(f"C{at}", x=f"C{at - 1}") for at in range(1, DEPTH_MAX + 2)]

    assert "deeper" in refused(chain)


def test_what_is_no_json_is_refused_and_a_bare_primitive_is_not() -> None:
    with pytest.raises(RejectError):
        read_schema("{")
    assert read_schema("string").types.get(()) is None


def test_a_schema_may_refer_to_others() -> None:
    who = record("com.acme.Who", user="string")
    whole = record("com.acme.Change", who="com.acme.Who", again=["null", "com.acme.Who"])

    schema = read_schema(json.dumps(whole), [json.dumps(who)])

    assert schema.types.get(("who", "user")) is None
    assert "names a type" in refused(whole)


def test_times_keep_their_meaning_and_their_numbers() -> None:
    day = {"type": "int", "logicalType": "date"}
    connect = {"type": "long", "connect.name": "io.debezium.time.MicroTimestamp"}
    schema = read_schema(json.dumps(record("R", day=["null", day], at=connect, plain="long")))

    names = [schema.types.get((field,)) for field in ("day", "at", "plain")]

    assert [None if each is None else each.name for each in names] == [
        "io.debezium.time.Date",
        "io.debezium.time.MicroTimestamp",
        None,
    ]
