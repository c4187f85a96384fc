"""Schemas and records in Avro, made by hand."""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping
from typing import Any

import fastavro

from daemon.config.inputs import InputSettings
from daemon.formats.avro_schema import WriterSchema, read_schema
from daemon.formats.changes import HoldError, RejectError
from daemon.formats.decode import Decoder
from daemon.formats.decoders import compile_input
from daemon.kafka.records import Reason


class KnownSchemas:
    """Schemas that are at hand; one that is None is not known yet."""

    def __init__(self, schemas: Mapping[int, str | None]) -> None:
        self._texts = dict(schemas)
        self._compiled: dict[int, WriterSchema] = {}

    def get(self, schema_id: int) -> WriterSchema:
        if schema_id not in self._texts:
            raise RejectError(Reason.UNKNOWN_SCHEMA, f"schema {schema_id} is not in the registry")
        text = self._texts[schema_id]
        if text is None:
            raise HoldError(schema_id, "the registry is away")
        if schema_id not in self._compiled:
            self._compiled[schema_id] = read_schema(text)
        return self._compiled[schema_id]


def framed(schema_id: int, body: bytes) -> bytes:
    return struct.pack(">BI", 0, schema_id) + body


def written(schema: Any, value: object, schema_id: int = 1) -> bytes:  # noqa: ANN401
    """Return a record as a serializer of the registry writes it."""
    body = io.BytesIO()
    fastavro.schemaless_writer(body, fastavro.parse_schema(schema), value)
    return framed(schema_id, body.getvalue())


def avro(schemas: Mapping[int, str | None], **settings: object) -> Decoder:
    whole = InputSettings.model_validate({"topic": "t", "encoding": "avro", **settings})
    return compile_input(whole, schemas=KnownSchemas(schemas))
