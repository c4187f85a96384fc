"""A letter of the dead-letter topic, as its headers tell it, and what is written of it again."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from daemon.core.model import Partition
from daemon.intake.dead_letters import CONNECT, MADE, OFFSETS, REASON, REPLAYS, is_ours
from daemon.kafka.headers import headers_of
from daemon.kafka.records import Headers, Record

UNKNOWN: Final = "unknown"  # Of a record that is no letter of ours.
_NUMBER = re.compile(rb"[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One letter: where it stands, where it comes from, and why it is here.

    `source` is None where its headers do not tell it. A letter that was made for a member that
    Braze refused comes from a range of offsets, of which `last_offset` is the end.
    """

    place: Partition  # Its partition of the dead-letter topic,
    offset: int  # and its offset there.
    source: Partition | None
    first_offset: int
    last_offset: int
    reason: str
    detail: str
    replays: int
    made: bool
    timestamp_ms: int | None
    record: Record

    def __str__(self) -> str:
        return f"{self.place.number}:{self.offset}"

    @property
    def headers(self) -> Headers:
        """The headers it had before it became a letter."""
        return [header for header in headers_of(self.record) if not is_ours(header[0])]

    def replay_headers(self) -> Headers:
        """Return the headers of the record that is written again: one replay more."""
        return [*self.headers, (REPLAYS, b"%d" % (self.replays + 1))]


def read_letter(place: Partition, record: Record) -> DeadLetter:
    """Return what a record of the dead-letter topic says; it may be anybody's."""
    told = dict(headers_of(record))
    topic, number = told.get(f"{CONNECT}topic"), _number(told.get(f"{CONNECT}partition"))
    first = _number(told.get(f"{CONNECT}offset"))
    source = None
    if topic and number is not None and first is not None:
        source = Partition(topic.decode(errors="replace"), number)
    offsets = _text(told.get(OFFSETS)).rpartition("-")[2].encode()
    last = _number(offsets)
    kind, timestamp_ms = record.timestamp()
    return DeadLetter(
        place=place,
        offset=record.offset(),
        source=source,
        first_offset=first or 0,
        last_offset=(first or 0) if last is None else last,
        reason=_text(told.get(REASON)) or UNKNOWN,
        detail=_text(told.get(f"{CONNECT}exception.message")),
        replays=_number(told.get(REPLAYS)) or 0,
        made=told.get(MADE) == b"true",
        timestamp_ms=timestamp_ms if kind else None,
        record=record,
    )


def _number(text: bytes | None) -> int | None:
    return int(text) if text and _NUMBER.fullmatch(text) else None


def _text(value: bytes | None) -> str:
    return "" if value is None else value.decode(errors="replace")
