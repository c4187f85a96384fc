"""Sampled records, opened as far as their bytes tell how: the encoding, and what stands in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from daemon.formats.avro import AvroCodec, FramedJsonCodec, Schemas
from daemon.formats.changes import RejectError
from daemon.formats.codec import Codec, JsonCodec
from daemon.kafka.records import Record

Kind = Literal["json", "json-schema", "avro", "string", "none"]
_FRAME_BYTES: Final = 5


@dataclass(slots=True)
class Opened:
    """One side of the records, keys or values."""

    kind: Kind
    contents: list[Any] = field(default_factory=list)  # What could be opened.
    nulls: int = 0
    unread: int = 0


def open_all(datas: Sequence[bytes | None], schemas: Schemas | None) -> Opened:
    """Return what the bytes hold, in the encoding that most of them have."""
    there = [data for data in datas if data is not None]
    kind = _kind(there)
    opened = Opened(kind, nulls=len(datas) - len(there))
    codec = _codec(kind, schemas)
    for data in there:
        if codec is None:
            opened.unread += kind == "avro"
            continue
        try:
            opened.contents.append(codec.open(data, "the value").value)
        except RejectError:
            opened.unread += 1
    return opened


def keys_of(records: Sequence[Record]) -> list[bytes | None]:
    """Return the records' keys."""
    return [record.key() for record in records]


def values_of(records: Sequence[Record]) -> list[bytes | None]:
    """Return the records' values."""
    return [record.value() for record in records]


def _kind(datas: Sequence[bytes]) -> Kind:
    if not datas:
        return "none"
    framed = [data for data in datas if data[:1] == b"\0" and len(data) > _FRAME_BYTES]
    if 2 * len(framed) > len(datas):
        texts = sum(_is_json(data[_FRAME_BYTES:]) for data in framed)
        return "json-schema" if 2 * texts > len(framed) else "avro"
    return "json" if 2 * sum(map(_is_json, datas)) > len(datas) else "string"


def _is_json(data: bytes) -> bool:
    try:
        JsonCodec().open(data, "the value")
    except RejectError:
        return False
    return True


def _codec(kind: Kind, schemas: Schemas | None) -> Codec | None:
    if kind == "json":
        return JsonCodec()
    if kind == "json-schema":
        return FramedJsonCodec()
    return AvroCodec(schemas) if kind == "avro" and schemas is not None else None
