"""An encoding: bytes to plain values, and what a schema tells of them.

The slow path's half. What it gives is as JSON has it: dicts, lists, texts, numbers, booleans and
null, whatever the bytes were; a format reads that and knows no encoding.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from daemon.formats.changes import RejectError
from daemon.formats.json_limits import check_limits, decode_json
from daemon.formats.logical import Logical, Path, Types, find_logical
from daemon.kafka.records import Reason

_any = msgspec.json.Decoder[Any]()
_WRAPPED = frozenset(("schema", "payload"))


class Tree(NamedTuple):
    """A key or value, decoded whole. Where a schema tells types, `types` finds those of a path."""

    value: Any
    types: Types


class Codec(Protocol):
    """Turns the bytes of one side of a record, key or value, into a `Tree`."""

    def open(self, data: bytes, place: str) -> Tree:
        """Return what it holds; `place` is its name in messages.

        Raise `RejectError` where it can't be decoded, and nothing else whatever the bytes are.
        """


class ConnectTypes(msgspec.Struct, frozen=True):
    """The logical types that Connect's own schema gives, looked up where they are asked for."""

    schema: Any

    def get(self, path: Path, /) -> Logical | None:
        """Return the type at this path."""
        return find_logical(self.schema, path)


class PartTypes(msgspec.Struct, frozen=True):
    """The types below one field of a larger value."""

    whole: Types
    field: str

    def get(self, path: Path, /) -> Logical | None:
        """Return the type at this path, which begins below the field."""
        return self.whole.get((self.field, *path))


NO_TYPES: Final[Mapping[Path, Logical]] = {}


class JsonCodec:
    """JSON, taken out of Connect's `{"schema":…,"payload":…}` where it stands in one."""

    def __init__(self, remedy: str = "") -> None:
        self._remedy = remedy

    def open(self, data: bytes, place: str) -> Tree:
        """See `Codec`. Size and depth are limited; of duplicate keys the last wins."""
        check_limits(data, place)
        try:
            whole = decode_json(_any, data, place)
        except RejectError as error:
            if not self._remedy:
                raise
            raise RejectError(error.reason, f"{error.detail}; {self._remedy}") from None
        if isinstance(whole, dict) and whole.keys() == _WRAPPED:
            return Tree(whole["payload"], ConnectTypes(whole["schema"]))
        return Tree(whole, NO_TYPES)


class TextCodec:
    """A plain text: all of it is the value."""

    def open(self, data: bytes, place: str) -> Tree:
        """See `Codec`."""
        try:
            return Tree(data.decode(), NO_TYPES)
        except UnicodeDecodeError:
            raise RejectError(Reason.INVALID_VALUE, f"{place} is not UTF-8") from None


TEXT: Final = TextCodec()
