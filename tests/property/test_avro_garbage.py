"""Whatever bytes and schemas come, a record is read or refused, in little time and memory."""

from __future__ import annotations

import json
import time
import tracemalloc
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemon.formats.avro_schema import read_schema
from daemon.formats.changes import RejectError
from tests.support.avro import avro, framed, written
from tests.support.rows import read

quick = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))

NESTED: dict[str, Any] = {
    "type": "record",
    "name": "Change",
    "fields": [
        {"name": "op", "type": {"type": "enum", "name": "Op", "symbols": ["I", "D"]}},
        {"name": "cohort", "type": ["null", "string"]},
        {"name": "user", "type": ["long", "string", {"type": "fixed", "name": "F", "size": 4}]},
        {"name": "tags", "type": {"type": "array", "items": "string"}},
        {"name": "more", "type": {"type": "map", "values": ["null", "double", "bytes"]}},
        {"name": "amount", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9}},
    ],
}
VALUE = {
    "op": "I",
    "cohort": "vip",
    "user": 7,
    "tags": ["a"],
    "more": {"x": 1.5},
    "amount": Decimal(3),
}
MAPPING = {
    "op": {"column": "op", "add": ["I"], "remove": ["D"]},
    "cohort_id": {"column": "cohort"},
    "external_id": {"column": "user"},
    "device_id": {"column": "amount"},
}
WHOLE = written(NESTED, VALUE)


def decoder() -> Any:  # noqa: ANN401
    return avro({1: json.dumps(NESTED)}, format="rows", mapping=MAPPING)


def damaged() -> st.SearchStrategy[bytes]:
    pieces = st.binary(max_size=6) | st.just(b"\xff" * 9 + b"\x7f") | st.just(b"\x01")

    def damage(at: int, size: int, piece: bytes) -> bytes:
        body = WHOLE[5:]
        at %= len(body) + 1
        return framed(1, body[:at] + piece + body[at + size :])

    return st.builds(damage, st.integers(0, 100), st.integers(0, 3), pieces)


@quick
@given(damaged() | st.binary(max_size=80).map(lambda body: framed(1, body)) | st.binary(max_size=9))
def test_any_bytes_are_read_or_refused(value: bytes) -> None:
    decoded = read(decoder(), value)

    assert len(decoded.rejects) + decoded.change_set.count + sum(decoded.ignored.values()) == 1


_NAMES = st.sampled_from(["A", "B", "C", "null", "int", "string", "a.B", "bytes"])
_SCHEMAS = st.recursive(
    _NAMES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.builds(lambda items: {"type": "array", "items": items}, inner)
        | st.builds(lambda values: {"type": "map", "values": values}, inner)
        | st.builds(
            lambda name, kinds: {
                "type": "record",
                "name": name,
                "fields": [{"name": f"f{at}", "type": kind} for at, kind in enumerate(kinds)],
            },
            _NAMES,
            st.lists(inner, max_size=4),
        )
        | st.builds(lambda size: {"type": "fixed", "name": "F", "size": size}, st.integers(-1, 9))
        | st.dictionaries(st.sampled_from(["type", "name", "items", "x"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@quick
@given(_SCHEMAS | st.text(max_size=20), st.binary(max_size=40))
def test_any_schema_is_fit_to_decode_by_or_refused(schema: object, body: bytes) -> None:
    text = schema if isinstance(schema, str) else json.dumps(schema)
    try:
        read_schema(text)
    except RejectError:
        return
    mapping = {"cohort_id": {"column": "f0"}, "external_id": {"column": "f1"}}
    state = {"member_when": {"column": "f2", "in": [1]}}
    read(avro({1: text}, format="rows", mapping=mapping | state), framed(1, body))


@pytest.mark.parametrize(
    "body",
    [
        b"\xfe\xff\xff\xff\x0f",  # A text of 2^31 bytes,
        b"\x00\x02\x00\x06abc\xfe\xff\xff\xff\xff\xff\xff\xff\x7f",  # an array without end,
        b"\x00\x02\x02a\x00\x02" + b"\x01" * 60,  # and a count below zero.
    ],
)
def test_what_says_it_is_huge_costs_nothing(body: bytes) -> None:
    reader = decoder()
    tracemalloc.start()
    began_s = time.perf_counter()

    decoded = read(reader, framed(1, body))

    took_s, (_, peak) = time.perf_counter() - began_s, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(decoded.rejects) == 1
    assert took_s < 1.0
    assert peak < 4 * 2**20
