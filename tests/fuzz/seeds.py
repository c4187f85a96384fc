"""Where the search begins: captured records, and one good input of each target."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from tests.fuzz.targets import EVENT_SCHEMA, ODD, ODD_SCHEMA, SCHEMAS, TARGETS, Parts, named
from tests.support.avro import framed, written
from tests.support.corpus import CORPUS, load

_ROW = {"cohort": "vip", "user": 7, "on": True, "email": "A@b", "at": 1_700_000_000_000}
_NESTED = _ROW | {"deep": {"x.y": ["vip"]}}
_EVENT = {"cohort_id": "vip", "op": "add", "external_id": "u1", "cohort_name": "VIP"}
_KEY = {"device": "d1", "cohort": "vip", "user": "u1"}
_SOURCES: dict[str, dict[str, object]] = {
    "rows-snowflake": {"METADATA$ACTION": "DELETE", "METADATA$ISUPDATE": True},
    "rows-databricks": {"_change_type": "update_preimage", "_commit_version": 4},
    "rows-bigquery": {"_CHANGE_TYPE": "UPDATE"},
    "rows-flattened": {"__deleted": "false", "__op": "u"},
    "rows-posthog": {"status": "entered", "cohort_id": 5, "person_id": "p-1"},
    "rows-state": {},
    "upsert-text": {},
    "upsert-json": {},
}
_SEGMENT = {
    "type": "track",
    "event": "Audience Entered",
    "userId": "u1",
    "properties": {"audience_key": "vip"},
}
_CLOUD_HEADERS = (
    ("ce_specversion", b"1.0"),
    ("ce_type", b"membership"),
    ("ce_id", b"1"),
    ("ce_source", b"/x"),
    ("ce_time", b"2026-01-02T03:04:05Z"),
)
_EXAMPLE = Path(__file__).parents[2] / "deploy" / "examples"


def seeds() -> Iterator[bytes]:
    """Return every input to begin with."""
    for path in sorted(CORPUS.glob("*.jsonl")):
        for run in load(path.name).values():
            for record in run.records:
                parts = Parts(record.value(), record.key())
                for target in TARGETS:
                    if target.startswith("debezium") or target == "rows-flattened":
                        yield named(target, parts)
    yield from _made()
    yield from _others()


def _made() -> Iterator[bytes]:
    key, headers = _json(_KEY), (("name", b"VIP"),)
    alias = _EVENT | {"external_id": None, "alias": {"name": "a", "label": "email"}}
    structured = {"specversion": "1.0", "type": "x", "id": "1", "source": "/", "data": _EVENT}
    for event in (_EVENT, alias, structured, _EVENT | {"op": "remove", "device_id": "d"}):
        yield named("native", Parts(_json(event)))
        yield named("native-device-first", Parts(_json(event)))
        yield named("native-json-schema", Parts(framed(1, _json(event))))
    yield named("native", Parts(_json(_EVENT), None, _CLOUD_HEADERS))
    for target, source in _SOURCES.items():
        yield named(target, Parts(_json(_NESTED | source), key, headers))
        yield named(target, Parts(None, key))
    yield named("rows-segment", Parts(_json(_SEGMENT)))
    for op in "crudtm":
        envelope = {"op": op, "before": _NESTED, "after": _NESTED, "source": {"ts_ms": 1}}
        wrapped = {"schema": {"fields": [{"field": "after", "fields": []}]}, "payload": envelope}
        for value in (_json(envelope), _json(wrapped)):
            yield named("debezium", Parts(value, key))
            yield named("debezium-every", Parts(value, key, headers))
            yield named("debezium-columns", Parts(value, key))
            yield named("debezium-json-schema", Parts(framed(1, value), framed(1, key)))


def _others() -> Iterator[bytes]:
    odd = {"op": "I", "cohort": "vip", "user": 7, "tags": ["a"], "more": {"x": 1.5}}
    odd |= {"amount": 3, "day": 9, "id": "9a1f1d2e-0000-4000-8000-000000000000"}
    text = SCHEMAS[EVENT_SCHEMA]
    assert text is not None
    event = written(json.loads(text), _native(), EVENT_SCHEMA)
    for target in ("native-avro", "debezium-avro", "rows-avro", "upsert-avro"):
        yield named(target, Parts(event, event))
        yield named(target, Parts(_odd(odd), _odd(odd)))
        for number in SCHEMAS:  # What is made once for each schema is made before the search.
            yield named(target, Parts(framed(number, b"x"), framed(number, b"x")))
            yield named(target, Parts(framed(number, b"x"), None))
    for schema in SCHEMAS.values():
        if schema is not None and len(schema) < 4_000:
            yield named("schema", Parts(schema.encode(), b"\x02\x06vip\x00"))
    yield named("mark", Parts(b'{"v":1,"to":7,"s":"clean","t":"abc","f":"d"}'))
    for path in sorted(_EXAMPLE.glob("**/*.y*ml")):
        yield named("configuration", Parts(path.read_bytes()))
    yield named("configuration", Parts(yaml.safe_dump({"inputs": [{"topic": "t"}]}).encode()))


def _native() -> dict[str, Any]:
    return _EVENT | {"alias": None, "device_id": None, "occurred_at": None}


def _odd(value: dict[str, Any]) -> bytes:
    return written(ODD, value | {"amount": Decimal(3)}, ODD_SCHEMA)


def _json(value: object) -> bytes:
    return json.dumps(value).encode()
