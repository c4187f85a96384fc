"""The native format: one JSON object a change, as `schemas/membership_change.schema.json` says."""

from __future__ import annotations

import binascii
from collections.abc import Callable, Sequence
from typing import Any, Final, Literal

import msgspec

from daemon.core.model import Alias, Device, Member
from daemon.formats.changes import (
    COHORT_BYTES_MAX,
    Change,
    DoubtError,
    Ignored,
    Read,
    RejectError,
    check_member,
    check_name,
    check_text,
)
from daemon.formats.codec import Codec
from daemon.formats.json_limits import check_limits, decode_json
from daemon.formats.logical import time_s
from daemon.formats.matching import Matching
from daemon.formats.values import Image, Source, as_text
from daemon.kafka.headers import headers_of
from daemon.kafka.records import Reason, Record

_IS_ADD = {"add": True, "remove": False}


class AnyEvent(msgspec.Struct):
    """A native event of which nothing is known yet. An absent field reads as null."""

    cohort_id: Any = None
    op: Any = msgspec.UNSET
    external_id: Any = None
    alias: Any = None
    device_id: Any = None
    cohort_name: Any = None
    occurred_at: Any = None  # No change depends on it, so an odd one is no reason for a reject.
    payload: msgspec.Raw = msgspec.Raw(b"")  # Of Connect's wrapping.
    specversion: Any = None  # From here on of a CloudEvent around it, in structured mode.
    data: msgspec.Raw = msgspec.Raw(b"")
    data_base64: Any = None
    datacontenttype: Any = None
    time: Any = None


class AliasName(msgspec.Struct, gc=False):
    """An alias as an event carries it."""

    name: str
    label: str


class Event(msgspec.Struct, gc=False):
    """A native event whose types are right: what the fast path decodes to."""

    cohort_id: str
    op: Literal["add", "remove"]
    external_id: str | None = None
    alias: AliasName | None = None
    device_id: str | None = None
    cohort_name: str | None = None


_decoder = msgspec.json.Decoder(AnyEvent)
_parts = msgspec.json.Decoder(dict[str, msgspec.Raw])
_any = msgspec.json.Decoder[Any]()
FIELDS: Final = frozenset(
    ("cohort_id", "op", "external_id", "alias", "device_id", "cohort_name", "occurred_at")
)


def _in_json(value: bytes) -> AnyEvent:
    """Decode the known fields alone, out of what the event may stand in."""
    return _taken_out(value)[0]


def _taken_out(value: bytes) -> tuple[AnyEvent, bytes]:
    """Return the event, and the bytes it stands in by itself."""
    check_limits(value)
    event = decode_json(_decoder, value, "the value")
    if event.op is not msgspec.UNSET:
        return event, value
    payload = bytes(event.payload)
    if payload:
        return decode_json(_decoder, payload, "payload"), payload
    if event.specversion is not None:
        return _in_cloud_event(event)
    return event, value


def _in_cloud_event(outer: AnyEvent) -> tuple[AnyEvent, bytes]:
    """Take the event out of a CloudEvent in structured mode; its time stands in for none.

    Source: CloudEvents 1.0, JSON format: `data`, or `data_base64`, of `datacontenttype`.
    """
    media = str(outer.datacontenttype or "application/json").partition(";")[0].strip().lower()
    if media != "application/json" and not media.endswith("+json"):
        detail = "datacontenttype of a CloudEvent: its data must be JSON"
        raise RejectError(Reason.UNSUPPORTED, detail)
    data = bytes(outer.data)
    if not data and isinstance(outer.data_base64, str):
        try:
            data = binascii.a2b_base64(outer.data_base64, strict_mode=True)
        except ValueError:
            raise RejectError(Reason.INVALID_VALUE, "data_base64 is no base64") from None
        check_limits(data, "data_base64")
    if not data:
        raise RejectError(Reason.INVALID_RECORD, "a CloudEvent without data")
    event = decode_json(_decoder, data, "data")
    if event.occurred_at is None:
        event.occurred_at = outer.time
    return event, data


class NativeReader:
    """Reads native events one by one, and says exactly what is wrong with a bad one."""

    def __init__(self, match_on: Sequence[str], codec: Codec | None = None) -> None:
        self._match_on = tuple(match_on)
        self._open = _in_json if codec is None else _through(codec)

    def read(self, topic: str, record: Record) -> Read:  # noqa: ARG002
        """See `Reader`: one event is one change."""
        value = record.value()
        if value is None:
            raise RejectError(Reason.NULL_VALUE, "a native event has a value")
        event = self._open(value)
        add = _read_op(event.op)
        cohort = _text(event.cohort_id, "cohort_id")
        if not cohort:
            raise RejectError(Reason.MISSING_COHORT, "cohort_id is absent, null or empty")
        check_text(cohort, "cohort_id", COHORT_BYTES_MAX)
        member = self._identify(event)
        name = _text(event.cohort_name, "cohort_name")
        return (Change(cohort, member, add, check_name(name) if name else None),)

    def occurred_at_s(self, topic: str, record: Record) -> float | None:  # noqa: ARG002
        """See `Reader`: an unreadable time is none, since nothing depends on it but a metric."""
        value = record.value()
        if value is None:
            return None
        try:
            occurred_at = self._open(value).occurred_at
            return time_s(_cloud_time(record) if occurred_at is None else occurred_at)
        except RejectError:
            return None

    def _identify(self, event: AnyEvent) -> Member:
        """Return the first identifier of `match_on` that is there; lower ones aren't looked at."""
        for kind in self._match_on:
            member = _read_alias(event.alias) if kind == "alias" else _read_id(event, kind)
            if member:
                check_member(member)
                return member
        detail = f"none of {', '.join(self._match_on)} names a user"
        raise RejectError(Reason.MISSING_IDENTITY, detail)


class SelectiveReader:
    """Reads native events of which only those count that meet all of `only_when`; see `Reader`."""

    def __init__(
        self, reader: NativeReader, only_when: Sequence[Matching], codec: Codec | None
    ) -> None:
        self.occurred_at_s = reader.occurred_at_s
        self._read = reader.read
        self._only_when = tuple(only_when)
        self._codec = codec

    def read(self, topic: str, record: Record) -> Read:
        """See `Reader`: what is no event at all is a reject, whatever the conditions are."""
        value = record.value()
        columns = None if value is None else self._open(value)
        if not isinstance(columns, dict):
            return self._read(topic, record)
        source = Source(topic, record, image=Image(columns))
        if not all(each.holds(source) for each in self._only_when):
            return Ignored.CONDITION_NOT_MET
        return self._read(topic, record)

    def _open(self, value: bytes) -> object:
        if self._codec is not None:
            return self._codec.open(value, "the value").value
        whole = decode_json(_parts, _taken_out(value)[1], "the value")
        wanted = {each.column[0] for each in self._only_when} & whole.keys()
        return {name: decode_json(_any, whole[name], "a column of only_when") for name in wanted}


def _cloud_time(record: Record) -> str | None:
    """Return the time of a CloudEvent in binary mode: Kafka's binding puts it into a header."""
    found = [value for name, value in headers_of(record) if name == "ce_time"]
    return found[-1].decode(errors="replace") if found and found[-1] else None


def _through(codec: Codec) -> Callable[[bytes], AnyEvent]:
    """Return how an event is opened that is not in JSON."""

    def open_(value: bytes) -> AnyEvent:
        whole = codec.open(value, "the value").value
        if not isinstance(whole, dict):
            raise RejectError(Reason.INVALID_RECORD, "the value is no record")
        return AnyEvent(**{name: whole[name] for name in FIELDS if name in whole})

    return open_


def _read_op(op: object) -> bool:
    if op is msgspec.UNSET:
        raise RejectError(Reason.UNKNOWN_OP, "op is absent; it is add or remove")
    if not isinstance(op, str) or op not in _IS_ADD:
        raise RejectError(Reason.UNKNOWN_OP, "op is neither add nor remove")
    return _IS_ADD[op]


def _read_id(event: AnyEvent, kind: str) -> Member | None:
    text = _text(getattr(event, kind), kind)
    return Device(text) if text and kind == "device_id" else text or None


def _read_alias(alias: object) -> Alias | None:
    if alias is None:
        return None
    if not isinstance(alias, dict):
        raise RejectError(Reason.INVALID_VALUE, "alias is no object of name and label")
    name = _text(alias.get("name"), "alias.name")
    label = _text(alias.get("label"), "alias.label")
    return Alias(name, label) if name and label else None


def _text(raw: object, place: str) -> str | None:
    """Return a text or null as it is: native ids are texts, a number is a reject."""
    if raw is None or isinstance(raw, str):
        return raw
    if type(raw) is int:
        raise RejectError(Reason.INVALID_VALUE, f"{place} is a number; it must be a text")
    return as_text(raw, place)


def other_identifier(match_on: Sequence[str]) -> Callable[[Event], Member]:
    """Return how the fast path finds a member that has no external id in first place."""
    kinds = tuple(match_on)

    def identify(event: Event) -> Member:
        for kind in kinds:
            if kind == "alias":
                alias = event.alias
                if alias is not None and alias.name and alias.label:
                    return Alias(alias.name, alias.label)
            elif kind == "device_id":
                if event.device_id:
                    return Device(event.device_id)
            elif event.external_id:
                return event.external_id
        raise DoubtError

    return identify
