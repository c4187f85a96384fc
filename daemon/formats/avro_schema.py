"""An Avro schema, looked at before anything is decoded by it.

A schema comes from whoever may write to the registry, and a decoder follows it blindly: a recursive
one crashes the interpreter inside fastavro 1.13, and five bytes of `array<null>` take 170 MB. What
could do that is refused here. What is left makes at most some dozen values a byte.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import fastavro
import msgspec
import orjson

from daemon.formats.avro_proof import proven_reader
from daemon.formats.avro_reader import ReadWhole
from daemon.formats.avro_types import Node
from daemon.formats.changes import RejectError
from daemon.formats.json_limits import check_limits
from daemon.formats.logical import Logical, Path
from daemon.kafka.records import Reason

NODES_MAX: Final = 5_000  # Of a schema written out, names replaced by what they stand for.
DEPTH_MAX: Final = 32
VALUES_A_BYTE_MAX: Final = 64
_FIXED_BYTES_MAX: Final = 1024 * 1024

_LEAST_BYTES: Final[Mapping[str, int]] = {
    "null": 0,
    "boolean": 1,
    "int": 1,
    "long": 1,
    "float": 4,
    "double": 8,
    "bytes": 1,
    "string": 1,
}
# Avro's logical types by the names under which `logical` knows what they mean in time.
_TIMES: Final[Mapping[str, str]] = {
    "date": "io.debezium.time.Date",
    "timestamp-millis": "io.debezium.time.Timestamp",
    "local-timestamp-millis": "io.debezium.time.Timestamp",
    "timestamp-micros": "io.debezium.time.MicroTimestamp",
    "local-timestamp-micros": "io.debezium.time.MicroTimestamp",
    "timestamp-nanos": "io.debezium.time.NanoTimestamp",
    "local-timestamp-nanos": "io.debezium.time.NanoTimestamp",
}


class AvroTypes(msgspec.Struct, frozen=True):
    """The logical types of a schema's parts; see `Types`."""

    schema: Any
    names: Mapping[str, Any]

    def get(self, path: Path, /) -> Logical | None:
        """Return the type at this path, by Connect's name or by Avro's."""
        at = self.schema
        for name in path:
            at = _field(_resolved(at, self.names), name)
            if at is None:
                return None
        found = _resolved(at, self.names)
        if not isinstance(found, dict):
            return None
        connect = found.get("connect.name")
        if isinstance(connect, str):
            return Logical(connect)
        told = _TIMES.get(str(found.get("logicalType")))
        return None if told is None else Logical(told)


class WriterSchema(msgspec.Struct, frozen=True):
    """A schema that is fit to decode by."""

    read: ReadWhole  # A body to its value. Raises `DamagedError` where it can't be.
    node: Node | None  # None where only fastavro reads it.
    types: AvroTypes


class _Measure(msgspec.Struct, frozen=True):
    """How many values a schema makes at most, arrays and maps apart, of how few bytes."""

    values: int
    bytes_least: int
    depth: int = 1  # What a name stands for counts as if it stood there.


def read_schema(text: str, references: Sequence[str] = ()) -> WriterSchema:
    """Return a writer's schema; raise `RejectError` where it is none, or not fit to decode by."""
    names: dict[str, Any] = {}
    try:
        parsed: Any = None
        schema: Any = None
        known: dict[str, Any] = {}  # fastavro's own.
        walk = _Walk(names)
        for each in (*references, text):
            schema = _json(each)
            walk.measure(schema, 0, "")
            parsed = fastavro.parse_schema(_without_times(schema), named_schemas=known)
    except RejectError:
        raise
    except Exception as error:  # noqa: BLE001  Of fastavro, whatever it may be: the schema is bad.
        raise _refused(f"it can't be parsed ({type(error).__name__})") from None
    return WriterSchema(*proven_reader(parsed, known), AvroTypes(schema, names))


def _json(text: str) -> Any:  # noqa: ANN401
    data = text.encode(errors="surrogatepass")
    try:
        check_limits(data, "the schema", depth_max=4 * DEPTH_MAX)  # A record in it is three deep.
    except RejectError as error:
        raise _refused(error.detail) from None
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        if text.isidentifier():  # A primitive may stand without its quotes.
            return text
        raise _refused("it is no JSON") from None


class _Walk:
    """Measures a schema and notes the names it defines."""

    def __init__(self, names: dict[str, Any]) -> None:
        self._names = names
        self._open: set[str] = set()
        self._measures: dict[str, _Measure] = {}

    def measure(self, schema: Any, depth: int, space: str) -> _Measure:  # noqa: ANN401
        """Return its measure; raise `RejectError` where it is not fit to decode by."""
        if depth > DEPTH_MAX:
            raise _refused(f"it is nested deeper than {DEPTH_MAX} levels")
        if isinstance(schema, str):
            return self._named(schema, depth, space)
        if isinstance(schema, list):
            return self._union(schema, depth, space)
        if not isinstance(schema, dict):
            raise _refused("a type in it is none of Avro's")
        kind = schema.get("type")
        if isinstance(kind, dict | list):
            return self.measure(kind, depth + 1, space)
        match kind:
            case "record" | "error" | "enum" | "fixed":
                return self._defined(schema, kind, depth, space)
            case "array" | "map":
                items = schema.get("items" if kind == "array" else "values")
                return self._repeated(items, depth, space)
            case str():
                return self._named(kind, depth, space)
        raise _refused("a type in it is none of Avro's")

    def _named(self, name: str, depth: int, space: str) -> _Measure:
        if name in _LEAST_BYTES:
            return _Measure(1, _LEAST_BYTES[name])
        full = name if "." in name or not space else f"{space}.{name}"
        for known in (full, name):
            if known in self._open:
                raise _refused(f"it is recursive: {known} holds itself")
            if known in self._measures:
                if depth + self._measures[known].depth > DEPTH_MAX:
                    raise _refused(f"it is nested deeper than {DEPTH_MAX} levels")
                return self._measures[known]
        raise _refused("it names a type that is not in it")

    def _union(self, branches: list[Any], depth: int, space: str) -> _Measure:
        if not branches:
            raise _refused("a union in it has no branches")
        each = [self.measure(branch, depth + 1, space) for branch in branches]
        least = 1 + min(branch.bytes_least for branch in each)
        return _checked(max(branch.values for branch in each), least, each)

    def _repeated(self, items: Any, depth: int, space: str) -> _Measure:  # noqa: ANN401
        inner = self.measure(items, depth + 1, space)
        if inner.values > VALUES_A_BYTE_MAX * inner.bytes_least:
            raise _refused("an array or map in it has items that take next to no bytes")
        return _Measure(1, 1, 1 + inner.depth)

    def _defined(self, schema: dict[str, Any], kind: str, depth: int, space: str) -> _Measure:
        name, own_space = schema.get("name"), schema.get("namespace", space)
        if not isinstance(name, str) or not isinstance(own_space, str):
            raise _refused("a named type in it has no name")
        full = name if "." in name or not own_space else f"{own_space}.{name}"
        if full in self._open:
            raise _refused(f"it is recursive: {full} holds itself")
        self._open.add(full)
        measure = self._content(schema, kind, depth, full.rpartition(".")[0])
        self._open.discard(full)
        self._names[full], self._measures[full] = schema, measure
        return measure

    def _content(self, schema: dict[str, Any], kind: str, depth: int, space: str) -> _Measure:
        if kind == "enum":
            return _Measure(1, 1)
        if kind == "fixed":
            size = schema.get("size")
            if not isinstance(size, int) or not 0 <= size <= _FIXED_BYTES_MAX:
                raise _refused("a fixed type in it has no size, or one over every limit")
            return _Measure(1, size)
        fields = schema.get("fields")
        if not isinstance(fields, list):
            raise _refused("a record in it has no fields")
        each = []
        for field in fields:
            if not isinstance(field, dict) or "type" not in field:
                raise _refused("a field in it has no type")
            each.append(self.measure(field["type"], depth + 1, space))
        values, least = sum(part.values for part in each), sum(part.bytes_least for part in each)
        return _checked(1 + values, least, each)


def _checked(values: int, bytes_least: int, parts: Sequence[_Measure]) -> _Measure:
    if values > NODES_MAX:
        raise _refused(f"it makes over {NODES_MAX} values of a record")
    return _Measure(values, bytes_least, 1 + max((part.depth for part in parts), default=0))


def _refused(detail: str) -> RejectError:
    return RejectError(Reason.REFUSED_SCHEMA, detail)


def _field(schema: Any, name: str) -> Any:  # noqa: ANN401
    if not isinstance(schema, dict):
        return None
    if schema.get("type") == "map":
        return schema.get("values")
    if schema.get("type") == "array":
        return schema.get("items")
    fields = schema.get("fields")
    named = (each for each in fields or () if isinstance(each, dict) and each.get("name") == name)
    return next((each["type"] for each in named), None)


def _resolved(schema: Any, names: Mapping[str, Any]) -> Any:  # noqa: ANN401
    """Return what a schema comes to: a name's definition, a union's first branch but null."""
    for _ in range(DEPTH_MAX):
        if isinstance(schema, list):
            schema = next((branch for branch in schema if branch != "null"), "null")
        elif isinstance(schema, dict) and isinstance(schema.get("type"), dict | list):
            schema = schema["type"]
        elif isinstance(schema, str):
            found = names.get(schema) or next(
                (each for name, each in names.items() if name.endswith(f".{schema}")), None
            )
            if found is None:
                return schema
            schema = found
        else:
            return schema
    return schema


def _without_times(schema: Any) -> Any:  # noqa: ANN401
    """Leave only the logical types that give a value its text: a time stays the number it is."""
    if isinstance(schema, list):
        return [_without_times(branch) for branch in schema]
    if not isinstance(schema, dict):
        return schema
    told = schema.get("logicalType")
    kept = told == "decimal" or (told == "uuid" and schema.get("type") == "fixed")
    return {
        name: _without_times(part) if name in ("type", "items", "values", "fields") else part
        for name, part in schema.items()
        if name != "logicalType" or kept
    }
