"""Records of every format, in which any one part is something else than it should be.

Whatever a record says, reading it ends in changes, a rule that ignores it, or a reject: anything
else would end the process, and again at each start.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from daemon.formats.decode import Decoder
from tests.support.change_events import ACTIVE, debezium, event
from tests.support.corpus import FakeRecord, run_of_records
from tests.support.rows import compiled
from tests.support.unforeseen import nothing_caught

ODD: tuple[Any, ...] = (None, True, 0, -7, 2.5, 10**30, "", "x", "/w==", [], [5], {}, {"fields": 5})
DECIMAL = "org.apache.kafka.connect.data.Decimal"
COLUMNS = [
    {"field": "cohort", "type": "string", "optional": False},
    {"field": "user", "type": "bytes", "name": DECIMAL, "parameters": {"scale": "0"}},
    {"field": "status", "type": "string", "optional": True},
    {"field": "at", "type": "int64", "name": "io.debezium.time.MicroTimestamp"},
]
ROW = {"cohort": "vip", "user": "Kw==", "status": "active", "at": 1_700_000_000_000_000}
VARIABLE = {**ROW, "user": {"scale": 0, "value": "Kw=="}}
SIDES = [{"field": side, "type": "struct", "fields": COLUMNS} for side in ("before", "after")]
WHO = {"cohort_id": {"column": "cohort"}, "external_id": {"column": "user"}}
TIMED = {**WHO, "occurred_at": {"column": "at"}}
OP = {"op": {"column": "status", "add": ["active"], "remove": ["gone"]}}
NATIVE = {"cohort_id": "vip", "op": "add", "external_id": "u", "alias": {"name": "a", "label": "b"}}
AROUND = {"specversion": "1.0", "time": "2026-01-02T03:04:05Z", "datacontenttype": "text/json"}
CONDITIONS = [{"column": "op", "in": ["add"]}, {"column": "alias.name", "exists": True}]
_ABSENT = object()
BY_KEY = {"cohort_id": {"key": "cohort"}, "external_id": {"key": "user"}}


def wrapped(payload: object, *fields: object) -> dict[str, object]:
    return {"schema": {"type": "struct", "name": "x", "fields": list(fields)}, "payload": payload}


CASES: dict[str, tuple[Decoder, object, object]] = {
    "debezium": (debezium(mapping=ACTIVE), event("u", ROW, ROW), None),
    "debezium, wrapped": (
        debezium(mapping={**ACTIVE, **TIMED}),
        wrapped(event("u", VARIABLE, ROW), *SIDES),
        wrapped({"user": 1}, {"field": "user", "type": "int32"}),
    ),
    "debezium, signal": (
        debezium(),
        event("c", None, {"id": "1", "type": "execute-snapshot", "data": "{}"}),
        None,
    ),
    "debezium, transaction": (debezium(), {"status": "BEGIN", "id": "1", "ts_ms": 1}, None),
    "debezium, deleted": (debezium(), event("d", {**ROW, "user": 0}), {"user": 0}),
    "rows": (compiled(format="rows", mapping={**TIMED, **OP}), ROW, None),
    "rows, wrapped": (
        compiled(format="rows", mapping={**TIMED, **OP}, only_when=[{"column": "user", "in": [1]}]),
        wrapped(VARIABLE, *COLUMNS),
        None,
    ),
    "upsert": (compiled(format="upsert", mapping=BY_KEY), ROW, wrapped(ROW, *COLUMNS)),
    "native": (compiled(), NATIVE, None),
    "native, wrapped": (compiled(only_when=CONDITIONS), wrapped(NATIVE, *COLUMNS), None),
    "native, twice": (compiled(only_when=CONDITIONS), wrapped(wrapped(NATIVE, *COLUMNS)), None),
    "CloudEvent": (compiled(only_when=CONDITIONS), {**AROUND, "data": wrapped(NATIVE)}, None),
    "CloudEvent in base64": (compiled(), {**AROUND, "data_base64": "e30="}, None),
}


@pytest.mark.parametrize("name", CASES)
def test_no_part_of_a_record_that_is_something_else_ends_the_process(name: str) -> None:
    decoder, value, key = CASES[name]
    seen = 0
    for odd_value in variants(value):
        seen += read(decoder, odd_value, key)
    for odd_key in variants(key):
        seen += read(decoder, value, odd_key)
    assert seen > len(ODD)


def read(decoder: Decoder, value: object, key: object) -> int:
    raw_key = None if key is None else json.dumps(key).encode()
    record = FakeRecord(json.dumps(value).encode(), raw_key)
    with nothing_caught():
        decoded = decoder.decode(run_of_records([record, record]))
    rejected, ignored = len(decoded.rejects), sum(decoded.ignored.values())
    assert rejected + ignored + bool(decoded.change_set.changes) > 0
    return 1


def variants(whole: object) -> Iterator[object]:
    """Yield it with each of its parts replaced by each odd value, and left out."""
    for path in list(_paths(whole)):
        for odd in ODD:
            yield _with(whole, path, odd)
        yield _with(whole, path, _ABSENT)


def _paths(node: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    inside: Any = node.items() if isinstance(node, dict) else ()
    if isinstance(node, list):
        inside = enumerate(node)
    for step, inner in inside:
        yield from _paths(inner, (*path, step))


def _with(whole: object, path: tuple[Any, ...], odd: object) -> object:
    made: Any = copy.deepcopy(whole)
    node = made
    for step in path[:-1]:
        node = node[step]
    if odd is _ABSENT:
        del node[path[-1]]
    else:
        node[path[-1]] = copy.deepcopy(odd)
    return made
