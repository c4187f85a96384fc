"""Connect's `{"schema":…,"payload":…}`, taken off by its bytes.

A connector repeats the schema in every record, byte by byte, at five times the size of the row.
Skipping the bytes of a schema seen before is several times faster than parsing it, and exact: what
follows a whole value and `,"payload":` is the payload. A text written otherwise (with spaces, or
the payload first) is no such wrapping and is parsed whole by whoever reads it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias

import msgspec

from daemon.formats.changes import RejectError
from daemon.formats.json_limits import check_limits, decode_json
from daemon.formats.logical import DECIMAL, Logical, Path, find_logical

_KNOWN_MAX: Final = 16
_PREFIX_BYTES_MAX: Final = 128 * 1024
_SIDES: Final[tuple[Side, ...]] = ("before", "after")

Side: TypeAlias = Literal["before", "after"]
SideTypes: TypeAlias = Mapping[Side, Mapping[Path, Logical]]


class Wrapping(msgspec.Struct, frozen=True):
    """A schema seen before: the bytes up to the payload, and the types of the mapped columns."""

    prefix: bytes
    types: SideTypes
    is_plain: bool  # No deciding column takes the schema to read: a decimal's text is base64.

    def payload_of(self, value: bytes) -> bytes | None:
        """Return the payload of another value of this schema, None where it is none such."""
        if not value.startswith(self.prefix) or not value.endswith(b"}"):
            return None
        return value[len(self.prefix) : -1]


class _Wrapped(msgspec.Struct):
    schema: msgspec.Raw
    payload: msgspec.Raw


_wrapped = msgspec.json.Decoder(_Wrapped)
_any = msgspec.json.Decoder[Any]()


class Wrappings:
    """The schemas last seen; a bounded number of them."""

    def __init__(self, columns: Sequence[Path], time_columns: Sequence[Path] = ()) -> None:
        self._deciding = frozenset(columns)
        self._columns = (*columns, *time_columns)
        self._known: list[Wrapping] = []

    def find(self, value: bytes) -> Wrapping | None:
        """Return the wrapping of a value, None where it has none.

        Raise `RejectError` where the value is beyond the limits, or not JSON.
        """
        if not value.startswith(b'{"schema":'):
            return None
        for wrapping in self._known:
            if value.startswith(wrapping.prefix):
                return wrapping
        learned = self._learn(value)
        if learned is not None:
            self._known = [learned, *self._known[: _KNOWN_MAX - 1]]
        return learned

    def types_of(self, schema: bytes | msgspec.Raw) -> SideTypes:
        """Return the logical types that a schema gives the mapped columns of both images."""
        parsed = decode_json(_any, schema, "schema")
        found: dict[Side, Mapping[Path, Logical]] = {}
        for side in _SIDES:
            types = {path: find_logical(parsed, (side, *path)) for path in self._columns}
            found[side] = {path: logical for path, logical in types.items() if logical}
        return found

    def _learn(self, value: bytes) -> Wrapping | None:
        check_limits(value)
        try:
            wrapped = decode_json(_wrapped, value, "the value")
        except RejectError:
            return None
        prefix = b'{"schema":' + bytes(wrapped.schema) + b',"payload":'
        if not value.startswith(prefix) or len(prefix) > _PREFIX_BYTES_MAX:
            return None
        types = self.types_of(wrapped.schema)
        decimals = (
            path
            for side in types.values()
            for path, logical in side.items()
            if logical.name == DECIMAL
        )
        return Wrapping(prefix, types, is_plain=self._deciding.isdisjoint(decimals))
