"""Where the mapping's values come from in one record, and how they become texts.

The slow path's half of the mapping: one call a value, everything checked, every refusal said in
words. Numbers become ids exactly; what can't (a float, a boolean, an object) is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final
from uuid import UUID

import msgspec

from daemon.config.mapping import MemberWhen, Value, path_text
from daemon.formats.changes import RejectError
from daemon.formats.codec import NO_TYPES, TEXT, Codec
from daemon.formats.logical import Logical, Path, Types, decode_logical
from daemon.kafka.headers import headers_of
from daemon.kafka.records import Reason, Record

# What Debezium writes for a large column that did not change and is not in the log.
UNAVAILABLE: Final = "__debezium_unavailable_value"

MISSING: Final = msgspec.UNSET  # Absent, which is not null.

_POSITION = re.compile(r"[0-9]{1,9}")
_KINDS = {
    bool: "a boolean",
    float: "a number with a fraction",
    list: "a list",
    dict: "an object",
    bytes: "bytes",
}


def walk(value: Any, path: Path) -> Any:  # noqa: ANN401
    """Return what stands at the path, `MISSING` where nothing does.

    In a list a name is a position from 0 on: CockroachDB's keys are lists.
    """
    for name in path:
        if isinstance(value, dict) and name in value:
            value = value[name]
        elif isinstance(value, list) and _POSITION.fullmatch(name) and int(name) < len(value):
            value = value[int(name)]
        else:
            return MISSING
    return value


class Image(msgspec.Struct, frozen=True):
    """The columns of a row, with their logical types where a schema tells them.

    `deleted` is set for the image of a delete: there, under the default replica identity,
    Debezium writes 0 for a NOT NULL number that it doesn't know. Unless the record's key has the
    column, such a 0 is no value.
    """

    columns: Mapping[str, Any] = msgspec.field(default_factory=dict)
    types: Types = msgspec.field(default_factory=lambda: NO_TYPES)
    deleted: bool = False


class Source(msgspec.Struct, frozen=True):
    """One image of one record, and all else that a value may come from."""

    topic: str
    record: Record
    keys: Codec = TEXT  # How its key is read.
    image: Image = Image()

    def column(self, path: Path) -> Any:  # noqa: ANN401
        """Return what the row has at the path, decimals as texts; `MISSING` where nothing is."""
        raw = walk(self.image.columns, path)
        if self.image.deleted and type(raw) is int and raw == 0 and not self._in_key(path):
            return None
        return decode_logical(raw, self.image.types.get(path), path_text(path))

    def _in_key(self, path: Path) -> bool:
        """Tell whether the key names the column; without a key, the image must be whole."""
        try:
            return self.record.key() is None or self.key(path)[0] is not MISSING
        except RejectError:
            return False

    def key(self, path: Path) -> tuple[Any, Logical | None]:
        """Return what the record's key has at the path, and its logical type."""
        key = self.record.key()
        if key is None:
            return MISSING, None
        tree = self.keys.open(key, "the key")
        logical = tree.types.get(path)
        return decode_logical(walk(tree.value, path), logical, f"key {path_text(path)}"), logical

    def header(self, name: str) -> Any:  # noqa: ANN401
        """Return the text of the last header of that name."""
        found = [text for header, text in headers_of(self.record) if header == name]
        if not found or found[-1] is None:
            return None
        try:
            return found[-1].decode()
        except UnicodeDecodeError:
            raise RejectError(Reason.INVALID_VALUE, f"header {name} is not UTF-8") from None


class Getter(msgspec.Struct, frozen=True):
    """One value of the mapping, ready to be read; `place` is its name in messages."""

    value: Value
    place: str

    def raw(self, source: Source) -> tuple[Any, Logical | None]:
        """Return the JSON value as it stands, `MISSING` where it doesn't; and its type."""
        value = self.value
        if value.column is not None:
            return source.column(value.column), source.image.types.get(value.column)
        if value.key is not None:
            return source.key(value.key)
        if value.header is not None:
            return source.header(value.header), None
        if value.topic is not None:
            return _from_topic(value.topic, source.topic), None
        return value.constant, None

    def text(self, source: Source, *, required: bool = False) -> str | None:
        """Return the text, None for what is null or empty.

        A column that was not sent is a reject, and an absent one where `required`.
        """
        raw, _ = self.raw(source)
        column = self.value.column
        if column is not None and (raw == UNAVAILABLE or (required and raw is MISSING)):
            raise missing_column(column, self.place)
        if raw is MISSING:
            return None
        text = as_text(raw, self.place)
        if text is not None and self.value.trim:
            text = text.strip()
        if text is not None and self.value.lower:
            text = text.lower()
        return text or None


def missing_column(column: Path, place: str) -> RejectError:
    """Return the reject for a column that the mapping decides by and the record lacks."""
    detail = f"column {path_text(column)} ({place}) is absent or was not sent"
    return RejectError(Reason.MISSING_COLUMN, detail)


def _from_topic(pattern: str, topic: str) -> str | None:
    found = re.fullmatch(pattern, topic)
    if found is None:
        return None
    return found[1] if found.re.groups else found[0]


def as_text(raw: Any, place: str) -> str | None:  # noqa: ANN401
    """Return a JSON value as the text of an id, None for null; raise `RejectError` otherwise."""
    if raw is None or isinstance(raw, str):
        return raw
    if isinstance(raw, UUID):  # Of an encoding that knows them.
        return str(raw)
    if type(raw) is int:
        return str(raw)
    kind = _KINDS.get(type(raw), type(raw).__name__)
    raise RejectError(Reason.INVALID_VALUE, f"{place} is {kind}, which can't be an id")


class Condition(msgspec.Struct, frozen=True):
    """`member_when`: whether the row is a membership, by one column's JSON value.

    Values compare exactly: true is not 1, "1" is not 1. (1 and 1.0 are the same JSON number.)
    """

    column: Path
    allowed: frozenset[tuple[bool, Any]]

    @classmethod
    def of(cls, when: MemberWhen) -> Condition:
        """Compile what the configuration says."""
        return cls(when.column, frozenset(exact(when.in_)))

    def holds(self, source: Source) -> bool:
        """Tell whether the row is a membership; raise `RejectError` where it can't be told."""
        raw = source.column(self.column)
        if raw is MISSING or raw == UNAVAILABLE:
            raise missing_column(self.column, "member_when")
        return is_one_of(raw, self.allowed)


def exact(values: Iterable[Any]) -> Iterable[tuple[bool, Any]]:
    """Return the JSON values as what compares exactly."""
    return ((isinstance(value, bool), value) for value in values)


def is_one_of(raw: Any, allowed: frozenset[tuple[bool, Any]]) -> bool:  # noqa: ANN401
    """Tell whether a JSON value is one of those that `exact` made."""
    return not isinstance(raw, list | dict) and (isinstance(raw, bool), raw) in allowed
