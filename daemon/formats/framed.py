"""Compiles what stands in Confluent's framing: Avro, and JSON beside its schema."""

from __future__ import annotations

from daemon.config.inputs import Encoding, InputSettings
from daemon.formats.avro import AvroCodec, FramedJsonCodec, Schemas
from daemon.formats.avro_debezium import RowLoops
from daemon.formats.avro_native import NativeLoops
from daemon.formats.avro_path import AvroPath, WriteLoop
from daemon.formats.changes import Reader
from daemon.formats.codec import Codec
from daemon.formats.debezium_shape import plain_columns


def codec(encoding: Encoding, schemas: Schemas | None) -> Codec:
    """Return how a framed value is read."""
    if encoding == "json-schema":
        return FramedJsonCodec()
    return AvroCodec(_brought(schemas))


def native_path(
    settings: InputSettings, schemas: Schemas | None, reader: Reader
) -> AvroPath | None:
    """Return the fast path of native events, None where there is none."""
    return _path(settings, schemas, reader, NativeLoops(settings.match_on))


def row_path(settings: InputSettings, schemas: Schemas | None, reader: Reader) -> AvroPath | None:
    """Return the fast path of change events, None where there is none."""
    columns = plain_columns(settings.mapping[0])
    if columns is None:
        return None
    loops = RowLoops(settings.mapping[0], columns, settings.match_on)
    return _path(settings, schemas, reader, loops)


def _path(
    settings: InputSettings, schemas: Schemas | None, reader: Reader, write: WriteLoop
) -> AvroPath | None:
    return AvroPath(_brought(schemas), write, reader) if settings.encoding == "avro" else None


def _brought(schemas: Schemas | None) -> Schemas:
    assert schemas is not None, "whoever reads Avro brings the schemas"
    return schemas
