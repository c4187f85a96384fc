"""Debezium's change events, read one by one: what each of them says about memberships.

Source: Debezium's documentation of its connectors and transforms, and records captured from it
(`tests/support/corpus`). An update is read as the difference of its two images: the new one is
applied, the old one removed where it was another member or cohort.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from daemon.core.model import Member
from daemon.formats.change_event import ChangeEvent, Opener, RowDecoder
from daemon.formats.changes import Change, Ignored, Read, RejectError
from daemon.formats.codec import Codec
from daemon.formats.logical import time_s
from daemon.formats.mapping import RowMapping
from daemon.formats.values import Image, Source, walk
from daemon.formats.wrapping import Side
from daemon.kafka.records import Reason, Record

_DELETE_REMEDY = (
    "a delete names whom it removes only under REPLICA IDENTITY FULL, or where the mapping reads"
    " from the record's key"
)
_NOT_CHANGE = "neither a change event nor another record of Debezium's"
_FLATTENED = (
    "a flattened record: format rows with preset debezium-flattened reads it;"
    " or remove the transform ExtractNewRecordState"
)
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


class Event(NamedTuple):
    """A change event, and the record it stands in."""

    topic: str
    record: Record
    change: ChangeEvent
    op: str  # Its own; where it has none, the one its images tell.
    told: bool  # Is it its own?


class DebeziumReader:
    """Reads change events one by one; see `Reader`."""

    def __init__(self, mapping: RowMapping, opener: Opener, keys: Codec) -> None:
        self._mapping = mapping
        self._opener = opener
        self._keys = keys
        self._deciding = RowDecoder(path[0] for path in mapping.columns)
        self._times = RowDecoder(path[0] for path in mapping.time_columns)

    def read(self, topic: str, record: Record) -> Read:
        """See `Reader`: an update that moved its row is two changes, the removal first."""
        event = self._open(topic, record)
        if event is None or isinstance(event, Ignored):
            return event or Ignored.TOMBSTONE
        op = event.op
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
            if event is None or isinstance(event, Ignored):
                return None
            if self._mapping.occurred_at is None:
                return time_s(walk(event.change.source(), ("ts_ms",)))
            side: Side = "before" if event.op == "d" else "after"
            source = self._source(event, side, self._times)
            return None if source is None else time_s(*self._mapping.occurred_at.raw(source))
        except RejectError:
            return None

    def _open(self, topic: str, record: Record) -> Event | Ignored | None:
        """Take the record out of its bytes; None where nothing is in it."""
        value = record.value()
        change = None if value is None else self._opener.open(value)
        if change is None:
            return None
        if change.op is not msgspec.UNSET:
            return Event(topic, record, change, change.op, told=True)
        op = _op_of_images(change.whole())
        return op if isinstance(op, Ignored) else Event(topic, record, change, op, told=False)

    def _source(self, event: Event, side: Side, decoder: RowDecoder | None = None) -> Source | None:
        """Return what the mapping reads one image from; None where the image is null."""
        columns = event.change.image(side, decoder or self._deciding)
        if columns is None:
            return None
        # What fills a delete's unknown columns is Debezium's: others write the row as it was.
        deleted = event.told and event.op == "d"
        image = Image(columns, event.change.types(side), deleted=deleted)
        return Source(event.topic, event.record, self._keys, image)

    def _read_delete(self, event: Event) -> Change:
        """Return the removal; the old image may name nobody, which never means user ""."""
        source = self._source(event, "before")
        whole = source is not None
        try:
            target = self._mapping.target(
                source or Source(event.topic, event.record, self._keys, Image(deleted=True))
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
        old = self._read_old(event) if event.op == "u" else None
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


class EveryReader:
    """Reads each record by several mappings, such as a column per cohort; see `Reader`."""

    def __init__(self, readers: Sequence[DebeziumReader]) -> None:
        self._readers = tuple(readers)

    def read(self, topic: str, record: Record) -> Read:
        """See `Reader`: the changes of all, in their order; a reject of one is the record's."""
        reads = [reader.read(topic, record) for reader in self._readers]
        changes = [each for each in reads if not isinstance(each, Ignored)]
        return tuple(change for each in changes for change in each) or reads[0]

    def occurred_at_s(self, topic: str, record: Record) -> float | None:
        """See `Reader`: by the first mapping."""
        return self._readers[0].occurred_at_s(topic, record)


def _op_of_images(record: object) -> Ignored | str:
    """Return what a record without `op` says: by its images, or which other kind it is.

    Materialize and CockroachDB write images alone: a row that is gone has no `after`.
    """
    if not isinstance(record, dict):
        raise RejectError(Reason.INVALID_RECORD, _NOT_CHANGE)
    if "before" in record or "after" in record:
        return "d" if record.get("after") is None else "u"
    if record.keys() == {"ts_ms"}:
        return Ignored.HEARTBEAT
    if record.keys() == {"resolved"}:
        return Ignored.RESOLVED
    if record.get("status") in ("BEGIN", "END") and "id" in record:
        return Ignored.TRANSACTION
    if "ddl" in record or "tableChanges" in record:
        return Ignored.SCHEMA_CHANGE
    flattened = "__op" in record or "__deleted" in record
    raise RejectError(Reason.INVALID_RECORD, _FLATTENED if flattened else _NOT_CHANGE)


def _is_signal(event: Event) -> bool:
    """Tell whether the row is of the connector's signalling table (`id`, `type`, `data`)."""
    deleted = event.op == "d"
    try:
        row = event.change.row("before" if deleted else "after")
    except RejectError:
        return False
    if not isinstance(row, dict) or row.keys() != {"id", "type", "data"}:
        return False
    kind = row["type"]
    return deleted or (isinstance(kind, str) and kind in _SIGNALS)
