"""Confluent's framing, and Avro behind it: read by the schema it was written with.

Source: Confluent's wire format: a zero byte, the schema's id in four bytes, the body.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple, Protocol

from daemon.formats.avro_binary import DamagedError
from daemon.formats.avro_schema import WriterSchema
from daemon.formats.changes import RejectError
from daemon.formats.codec import JsonCodec, Tree
from daemon.formats.json_limits import check_size
from daemon.kafka.records import Reason

_FRAME: Final = struct.Struct(">BI")
FRAME_BYTES: Final = _FRAME.size


class Framed(NamedTuple):
    """What stands behind the frame, and the id in it."""

    schema_id: int
    body: bytes


class Schemas(Protocol):
    """Where writers' schemas are known."""

    def get(self, schema_id: int) -> WriterSchema:
        """Return the schema.

        Raise `RejectError` where there is none such or it is refused, and `HoldError` where that
        is not known yet.
        """


def unframe(data: bytes, place: str) -> Framed:
    """Take the frame off; raise `RejectError` where there is none."""
    check_size(data, place)
    if len(data) < _FRAME.size or data[0] != 0:
        detail = f"{place} does not begin with a zero byte and a schema's id (Confluent's framing)"
        raise RejectError(Reason.INVALID_AVRO, detail)
    _, schema_id = _FRAME.unpack_from(data)
    return Framed(schema_id, data[_FRAME.size :])


class AvroCodec:
    """Avro in Confluent's framing; see `Codec`."""

    def __init__(self, schemas: Schemas) -> None:
        self._schemas = schemas

    def open(self, data: bytes, place: str) -> Tree:
        """See `Codec`. Raise `HoldError` too, where the schema is not known yet."""
        framed = unframe(data, place)
        schema = self._schemas.get(framed.schema_id)
        try:
            value = schema.read(framed.body)
        except DamagedError as error:
            detail = f"{place} can't be read by schema {framed.schema_id}: {error}"
            raise RejectError(Reason.INVALID_AVRO, detail) from None
        return Tree(value, schema.types)


class FramedJsonCodec:
    """JSON in Confluent's framing, as its JSON Schema serializer writes it; see `Codec`.

    The schema is not asked for: JSON says itself what it is.
    """

    def __init__(self) -> None:
        self._json = JsonCodec()

    def open(self, data: bytes, place: str) -> Tree:
        """See `Codec`."""
        return self._json.open(unframe(data, place).body, place)
