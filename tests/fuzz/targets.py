"""What is fuzzed: every way in which bytes from outside are read, and what must hold of each.

An input is one byte that chooses the target, and the parts it takes behind it: for a record its
value, key and headers, with `SEPARATOR` between them.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

from daemon.config.inputs import InputSettings
from daemon.config.settings import load
from daemon.core.intent import Mark
from daemon.errors import SettingsError
from daemon.formats.avro_schema import read_schema
from daemon.formats.changes import HoldError, RejectError
from daemon.formats.decode import Decoder
from daemon.formats.decoders import compile_input
from tests.support.avro import KnownSchemas
from tests.support.corpus import CORPUS, FakeRecord, run_of_records
from tests.support.unforeseen import nothing_caught

SEPARATOR: Final = b"\xff|"
CONFIG_BYTES: Final = 1_024
EVENT_SCHEMA: Final = 1001
ODD_SCHEMA: Final = 1002
Read: TypeAlias = Callable[[bytes], None]

_EVENT = json.loads((Path(__file__).parents[2] / "schemas/membership_change.avsc").read_text())
_CAPTURED = json.loads((CORPUS / "avro-schemas.json").read_text())["schemas"]
ODD: Final[dict[str, Any]] = {
    "type": "record",
    "name": "Odd",
    "fields": [
        {"name": "op", "type": {"type": "enum", "name": "Op", "symbols": ["I", "D"]}},
        {"name": "cohort", "type": ["null", "string"]},
        {"name": "user", "type": ["long", "string", {"type": "fixed", "name": "F", "size": 4}]},
        {"name": "tags", "type": {"type": "array", "items": "string"}},
        {"name": "more", "type": {"type": "map", "values": ["null", "double", "boolean"]}},
        {"name": "amount", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9}},
        {"name": "day", "type": {"type": "int", "logicalType": "date"}},
        {"name": "id", "type": {"type": "string", "logicalType": "uuid"}},
    ],
}
SCHEMAS: Final[dict[int, str | None]] = {
    **{int(number): json.dumps(schema) for number, schema in _CAPTURED.items()},
    EVENT_SCHEMA: json.dumps(_EVENT),
    ODD_SCHEMA: json.dumps(ODD),
    ODD_SCHEMA + 1: None,  # Not known yet.
}
_WHO = {"cohort_id": {"column": "cohort"}, "external_id": {"column": "user"}}
_EVERY = {
    **_WHO,
    "alias": {"name": {"column": "email", "lower": True}, "label": {"constant": "email"}},
    "device_id": {"key": "device"},
    "cohort_name": {"header": "name"},
    "member_when": {"column": "on", "in": [True, 1, "1", None]},
    "occurred_at": {"column": "at"},
}
_COLUMNS = [
    {"cohort_id": {"constant": "a"}, "external_id": {"column": "user", "trim": True}},
    {**_WHO, "cohort_id": {"column": 'deep."x.y".0'}},
]


def _rows(preset: str, **more: object) -> dict[str, object]:
    return {"format": "rows", "mapping": {**_WHO, "preset": preset, **more}}


_INPUTS: Final[dict[str, dict[str, object]]] = {
    "native": {},
    "native-device-first": {"match_on": ["device_id", "alias", "external_id"]},
    "native-avro": {"encoding": "avro"},
    "native-json-schema": {"encoding": "json-schema"},
    "debezium": {"format": "debezium", "mapping": _WHO},
    "debezium-every": {"format": "debezium", "mapping": _EVERY},
    "debezium-columns": {"format": "debezium", "mapping": _COLUMNS},
    "debezium-avro": {"format": "debezium", "encoding": "avro", "mapping": _EVERY},
    "debezium-json-schema": {"format": "debezium", "encoding": "json-schema", "mapping": _WHO},
    "rows-snowflake": _rows("snowflake-stream", old_images="remove"),
    "rows-databricks": _rows("databricks-cdf", old_images="ignore"),
    "rows-bigquery": _rows("bigquery-changes"),
    "rows-flattened": _rows("debezium-flattened", on_null="remove", cohort_id={"constant": "c"}),
    "rows-segment": {"format": "rows", "mapping": {"preset": "segment-track"}},
    "rows-posthog": {"format": "rows", "mapping": {"preset": "posthog"}},
    "rows-state": {"format": "rows", "mapping": _EVERY},
    "rows-avro": {"format": "rows", "encoding": "avro", "mapping": _EVERY},
    "upsert-text": {
        "format": "upsert",
        "key_encoding": "string",
        "mapping": {"cohort_id": {"topic": "(t)"}, "external_id": {"key": "."}},
    },
    "upsert-json": {
        "format": "upsert",
        "mapping": {"cohort_id": {"key": "cohort"}, "external_id": {"key": "user"}},
    },
    "upsert-avro": {
        "format": "upsert",
        "encoding": "avro",
        "mapping": {
            "cohort_id": {"key": "cohort"},
            "external_id": {"key": "user"},
            "member_when": {"column": "on", "in": [True]},
        },
    },
}


class Parts(NamedTuple):
    """A record, taken apart."""

    value: bytes | None
    key: bytes | None = None
    headers: tuple[tuple[str, bytes | None], ...] = ()


def split(data: bytes) -> Parts:
    """Return the record that an input stands for; an empty value or key is none."""
    value, *more = data.split(SEPARATOR)
    names = [part.decode("latin-1") for part in more[1::2]]
    headers = tuple(zip(names, (part or None for part in more[2::2]), strict=False))
    return Parts(value or None, (more[0] if more else b"") or None, headers)


def join(parts: Parts) -> bytes:
    """Return the input that stands for a record."""
    flat = [side for name, value in parts.headers for side in (name.encode(), value or b"")]
    more = [parts.key or b"", *flat] if parts.key or flat else []  # Some targets read no parts.
    return SEPARATOR.join([parts.value or b"", *more])


def _record(settings: dict[str, object]) -> Read:
    """Read one record: it is a reject, is ignored or makes changes, on either path alike."""
    whole = InputSettings.model_validate({"topic": "t", **settings})
    fast, slow = (compile_input(whole, schemas=KnownSchemas(SCHEMAS)) for _ in range(2))
    slow._fast = None

    def read(data: bytes) -> None:
        record = FakeRecord(*split(data))
        assert _outcome(fast, record) == _outcome(slow, record)

    return read


def _outcome(decoder: Decoder, record: FakeRecord) -> object:
    try:
        with nothing_caught():
            decoded = decoder.decode(run_of_records([record]))
    except HoldError as held:
        return held.schema_id
    settled = len(decoded.rejects) + sum(decoded.ignored.values())
    assert settled <= 1 <= settled + decoded.change_set.count, decoded
    return decoded


def _schema(data: bytes) -> None:
    """Refuse a writer's schema, or read any record by it."""
    text, body = split(data)[:2]
    written = (text or b"").decode("utf-8", "replace")
    try:
        read_schema(written)
    except RejectError:
        return
    whole = InputSettings.model_validate(
        {"topic": "t", "format": "rows", "encoding": "avro", "mapping": _EVERY}
    )
    decoder = compile_input(whole, schemas=KnownSchemas({1: written}))
    _outcome(decoder, FakeRecord(b"\0\0\0\0\1" + (body or b"")))


def _mark(data: bytes) -> None:
    """Read the metadata of a committed offset, which any client of the group may have written."""
    Mark.decode(data.decode("utf-8", "replace"))


def _configuration(data: bytes) -> None:
    """Load a configuration file: settings, or problems of one printable line each.

    It is the operator's own and read once, by a YAML parser in Python: a short one has to do,
    since a page of it takes longer than a record may.
    """
    _CONFIG.write_bytes(data[:CONFIG_BYTES])
    try:
        load([_CONFIG], {})
    except SettingsError as error:
        lines = [str(problem) for problem in error.problems]
        assert lines
        assert all(line.isprintable() for line in lines)


_FOLDER = tempfile.TemporaryDirectory(prefix="cohortd-fuzz-")
_CONFIG = Path(_FOLDER.name) / "cohortd.yaml"

TARGETS: Final[dict[str, Read]] = {
    **{name: _record(settings) for name, settings in _INPUTS.items()},
    "schema": _schema,
    "mark": _mark,
    "configuration": _configuration,
}
_NAMES: Final = tuple(TARGETS)


def run(data: bytes) -> str:
    """Read an input and return its target's name.

    Raise what a decoder must never raise, or AssertionError where a rule does not hold.
    """
    name = _NAMES[data[0] % len(_NAMES)] if data else _NAMES[0]
    TARGETS[name](data[1:])
    return name


def named(target: str, parts: Parts) -> bytes:
    """Return the input that gives these parts to this target."""
    return bytes([_NAMES.index(target)]) + join(parts)
