"""Debezium's change events, read one by one: what each of them says about memberships.

Source: Debezium's documentation of its connectors and transforms, and records captured from it
(`tests/support/corpus`). An update is read as the difference of its two images: the new one is
applied, the old one removed where it was another member or cohort.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from daemon.config.inputs import KeyEncoding
from daemon.core.model import Member
from daemon.formats.changes import Change, Ignored, Read, RejectError
from daemon.formats.json_limits import DEPTH_MAX, check_limits, check_size, decode_json
from daemon.formats.logical import time_s
from daemon.formats.mapping import RowMapping
from daemon.formats.values import Image, Source, walk
from daemon.formats.wrapping import Side, SideTypes, Wrappings
from daemon.kafka.records import Reason, Record

_DELETE_REMEDY = (
    "a delete names whom it removes only under REPLICA IDENTITY FULL, or where the mapping reads"
    " from the record's key"
)
_MONGODB = (
    "an image that is a text (MongoDB) is not supported; put the connector's"
    " ExtractNewDocumentState transform before the topic"
)
_NO_OP = (
    "an envelope without op is not supported in this version; have the source write"
    " Debezium's op (CockroachDB: enriched envelope)"
)
_NOT_CHANGE = "neither a change event nor another record of Debezium's"
_FLATTENED = "a flattened record: the topic is written through ExtractNewRecordState; remove it"
_SIGNALS = frozenset(
    [
        "execute-snapshot",
        "log",
        "pause-snapshot",
        "resume-snapshot",
        "schema-changes",
        "set-binlog-position",
        "snapshot-window-close",
        "snapshot-window-open",
        "stop-snapshot",
    ]
)
_NOBODY = frozenset({Reason.MISSING_COHORT, Reason.MISSING_IDENTITY})
_NOT_FOUND = _NOBODY | {Reason.MISSING_COLUMN}
_NULL, _ABSENT = msgspec.Raw(b"null"), msgspec.Raw(b"")


class AnyEnvelope(msgspec.Struct):
    """The top of a record, whichever of the connector's kinds it is; images are not decoded."""

    op: Any = msgspec.UNSET
    before: msgspec.Raw = _NULL
    after: msgspec.Raw = _NULL
    source: msgspec.Raw = _NULL
    schema: msgspec.Raw = _NULL
    payload: msgspec.Raw = _ABSENT


class Event(NamedTuple):
    """A record taken out of its wrapping."""

    topic: str
    record: Record
    envelope: AnyEnvelope
    types: SideTypes
    text: bytes  # The envelope as it stands in the record.


_top = msgspec.json.Decoder(AnyEnvelope)
_any = msgspec.json.Decoder[Any]()


class RowDecoder:
    """Decodes some columns of an image and skips the others, whatever they hold."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = {f"c{at}": name for at, name in enumerate(dict.fromkeys(names))}
        fields = [(field, Any, msgspec.UNSET) for field in self._names]
        row = msgspec.defstruct("Row", fields, rename=self._names)
        self._decoder = msgspec.json.Decoder(row)

    def decode(self, text: bytes, place: str) -> dict[str, Any]:
        """Return those of the columns that are there."""
        row = decode_json(self._decoder, text, place)
        columns = {name: getattr(row, field) for field, name in self._names.items()}
        return {name: raw for name, raw in columns.items() if raw is not msgspec.UNSET}


class DebeziumReader:
    """Reads change events one by one; see `Reader`."""

    def __init__(
        self, mapping: RowMapping, key_encoding: KeyEncoding, wrappings: Wrappings
    ) -> None:
        self._mapping = mapping
        self._wrappings = wrappings
        self._key_encoding: KeyEncoding = key_encoding
        self._deciding = RowDecoder(path[0] for path in mapping.columns)
        self._times = RowDecoder(path[0] for path in mapping.time_columns)

    def read(self, topic: str, record: Record) -> Read:
        """See `Reader`: an update that moved its row is two changes, the removal first."""
        event = self._open(topic, record)
        if event is None:
            return Ignored.TOMBSTONE
        op = event.envelope.op
        if op is msgspec.UNSET:
            return _read_without_op(event.text)
        if op == "m":
            return Ignored.MESSAGE
        if op == "t":
            detail = "the table was emptied; whom that concerns the log does not say"
            raise RejectError(Reason.TRUNCATE, detail)
        if op not in ("c", "r", "u", "d"):
            raise RejectError(Reason.UNKNOWN_OP, "op is none of r, c, u, d")
        try:
            if op == "d":
                return (self._read_delete(event),)
            return self._read_upsert(event)
        except RejectError as error:
            if error.reason in _NOT_FOUND and _is_signal(event):
                return Ignored.SIGNAL
            raise

    def occurred_at_s(self, topic: str, record: Record) -> float | None:
        """Return the mapped time, else when the source's database committed it."""
        try:
            event = self._open(topic, record)
            if event is None:
                return None
            if self._mapping.occurred_at is None:
                committed = decode_json(_any, event.envelope.source, "source")
                return time_s(walk(committed, ("ts_ms",)))
            side: Side = "before" if event.envelope.op == "d" else "after"
            source = self._source(event, side, self._times)
            return None if source is None else time_s(*self._mapping.occurred_at.raw(source))
        except RejectError:
            return None

    def _open(self, topic: str, record: Record) -> Event | None:
        """Take the record out of `{schema, payload}`; None where nothing is in it."""
        value = record.value()
        if value is None:
            return None
        check_size(value)
        wrapping = self._wrappings.find(value)
        text = None if wrapping is None else wrapping.payload_of(value)
        if wrapping is not None and text is not None:
            check_limits(text, depth_max=DEPTH_MAX - 1)
            if text == b"null":
                return None
            try:
                return Event(topic, record, _top.decode(text), wrapping.types, text)
            except ValueError:  # Of msgspec, or of UTF-8.
                pass  # Something stands behind the payload, or is wrong: the whole tells.
        return self._open_whole(topic, record, value)

    def _open_whole(self, topic: str, record: Record, value: bytes) -> Event | None:
        check_limits(value)
        envelope = decode_json(_top, value, "the value")
        if envelope.op is not msgspec.UNSET or not bytes(envelope.payload):
            return Event(topic, record, envelope, {}, value)
        text = bytes(envelope.payload)
        if text == b"null":
            return None
        types = self._wrappings.types_of(envelope.schema)
        return Event(topic, record, decode_json(_top, text, "payload"), types, text)

    def _source(self, event: Event, side: Side, decoder: RowDecoder | None = None) -> Source | None:
        """Return what the mapping reads one image from; None where the image is null."""
        text = bytes(getattr(event.envelope, side))
        if text == b"null":
            return None
        if text.startswith(b'"'):
            raise RejectError(Reason.UNSUPPORTED, _MONGODB)
        columns = (decoder or self._deciding).decode(text, side)
        image = Image(columns, event.types.get(side, {}), deleted=event.envelope.op == "d")
        return Source(event.topic, event.record, self._key_encoding, image)

    def _read_delete(self, event: Event) -> Change:
        """Return the removal; the old image may name nobody, which never means user ""."""
        source = self._source(event, "before")
        whole = source is not None
        try:
            target = self._mapping.target(
                source or Source(event.topic, event.record, self._key_encoding, Image(deleted=True))
            )
        except RejectError as error:
            if not whole and error.reason is Reason.MISSING_COLUMN:
                detail = f"before is null; {_DELETE_REMEDY}"
                raise RejectError(Reason.MISSING_IDENTITY, detail) from None
            if error.reason in _NOBODY:
                raise RejectError(error.reason, f"{error.detail}; {_DELETE_REMEDY}") from None
            raise
        return Change(*target, add=False)

    def _read_upsert(self, event: Event) -> Read:
        source = self._source(event, "after")
        if source is None:
            raise RejectError(Reason.INVALID_RECORD, "after is null")
        is_member = self._mapping.is_member(source)
        target, nobody = None, None
        try:
            target = self._mapping.target(source)
        except RejectError as error:
            if error.reason not in _NOBODY:
                raise
            nobody = error
        old = self._read_old(event) if event.envelope.op == "u" else None
        changes: list[Change] = []
        if old is not None and old != target:
            changes.append(Change(*old, add=False))
        if target is not None:
            changes.append(Change(*target, is_member, self._mapping.name(source)))
        if not changes and nobody is not None:
            if is_member:
                raise nobody
            return Ignored.NOT_A_MEMBER
        return tuple(changes)

    def _read_old(self, event: Event) -> tuple[str, Member] | None:
        """Return the membership an update's old image was, None where it was none.

        An old image that could not have been applied (nobody named, an id too long) never became
        a membership, so there is nothing to remove; one that lacks a column is a reject.
        """
        source = self._source(event, "before")
        if source is None or not self._mapping.is_member(source):
            return None
        try:
            return self._mapping.target(source)
        except RejectError as error:
            if error.reason is Reason.MISSING_COLUMN:
                raise
            return None


def _read_without_op(text: bytes) -> Ignored:
    """Tell the connector's other records apart; raise `RejectError` for what is none of them."""
    record = decode_json(_any, text, "the value")
    if not isinstance(record, dict):
        raise RejectError(Reason.INVALID_RECORD, _NOT_CHANGE)
    if record.keys() == {"ts_ms"}:
        return Ignored.HEARTBEAT
    if record.keys() == {"resolved"}:
        return Ignored.RESOLVED
    if record.get("status") in ("BEGIN", "END") and "id" in record:
        return Ignored.TRANSACTION
    if "ddl" in record or "tableChanges" in record:
        return Ignored.SCHEMA_CHANGE
    if "before" in record or "after" in record:
        raise RejectError(Reason.UNSUPPORTED, _NO_OP)
    flattened = "__op" in record or "__deleted" in record
    raise RejectError(Reason.INVALID_RECORD, _FLATTENED if flattened else _NOT_CHANGE)


def _is_signal(event: Event) -> bool:
    """Tell whether the row is of the connector's signalling table (`id`, `type`, `data`)."""
    envelope = event.envelope
    try:
        row = decode_json(_any, envelope.before if envelope.op == "d" else envelope.after, "")
    except RejectError:
        return False
    if not isinstance(row, dict) or row.keys() != {"id", "type", "data"}:
        return False
    return envelope.op == "d" or row["type"] in _SIGNALS
