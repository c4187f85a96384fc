"""What reading one record can end in, and the limits of what may be an id.

Shared by every format; knows none of them, and no client library.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple, Protocol, TypeAlias

from daemon.core.model import Alias, Device, Member
from daemon.kafka.records import Reason, Record

ID_BYTES_MAX: Final = 512
COHORT_BYTES_MAX: Final = 256
NAME_BYTES_MAX: Final = 1024


class Ignored(StrEnum):
    """Why a record says nothing about a membership: the closed list of the rules."""

    TOMBSTONE = "tombstone"  # For log compaction; the delete before it said everything.
    HEARTBEAT = "heartbeat"  # The connector is alive.
    TRANSACTION = "transaction"  # The source's BEGIN or END.
    MESSAGE = "message"  # A logical decoding message.
    SCHEMA_CHANGE = "schema_change"  # DDL.
    SIGNAL = "signal"  # The connector's own signalling table.
    RESOLVED = "resolved"  # A progress mark of CockroachDB.
    CONDITION_NOT_MET = "condition_not_met"  # One of the input's `only_when`.
    OP_IGNORED = "op_ignored"  # By the mapping's `op.ignore`.
    OLD_IMAGE = "old_image"  # Of an update; by `old_images`, or since it was no membership.
    NOT_A_MEMBER = "not_a_member"  # `member_when` is false, and nobody is named.
    COHORT_NOT_SELECTED = "cohort_not_selected"  # By `cohorts.include` and `cohorts.exclude`.


class Change(NamedTuple):
    """One membership change of one record."""

    cohort: str
    member: Member
    add: bool
    name: str | None = None  # The cohort's name, where the record carries one.


class RejectError(Exception):
    """A record that can't be used. `detail` names places and types, never a value (G13)."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class HoldError(Exception):
    """A record that can't be read yet: its writer's schema is not known. Try again later."""

    def __init__(self, schema_id: int, detail: str) -> None:
        super().__init__(detail)
        self.schema_id = schema_id
        self.detail = detail
        self.readable = 0  # So many records of the run, at least, stand before it.


class DoubtError(Exception):
    """The fast path does not vouch for this run: the slow path has the say."""


Read: TypeAlias = tuple[Change, ...] | Ignored


class Reader(Protocol):
    """The slow, obvious way to read one record of one format: it has the last word."""

    def read(self, topic: str, record: Record) -> Read:
        """Return its changes in order, at least one, or the rule that ignores it.

        Raise `RejectError` where it can't be used, and nothing else whatever the bytes are.
        """

    def occurred_at_s(self, topic: str, record: Record) -> float | None:
        """Return when the record says it happened, in Unix time; None where it doesn't."""


def check_text(text: str, place: str, bytes_max: int = ID_BYTES_MAX) -> str:
    """Return the text unchanged where it may be an id; else raise `RejectError`."""
    if "\0" in text:
        raise RejectError(Reason.INVALID_VALUE, f"{place} contains a NUL character")
    if len(text) * 4 > bytes_max and len(text.encode()) > bytes_max:
        raise RejectError(Reason.ID_TOO_LONG, f"{place} is longer than {bytes_max} bytes")
    return text


def check_name(text: str) -> str:
    """Return the cohort name unchanged where it may be one; else raise `RejectError`."""
    if "\0" in text:
        raise RejectError(Reason.INVALID_VALUE, "cohort_name contains a NUL character")
    if len(text) * 4 > NAME_BYTES_MAX and len(text.encode()) > NAME_BYTES_MAX:
        detail = f"cohort_name is longer than {NAME_BYTES_MAX} bytes"
        raise RejectError(Reason.INVALID_VALUE, detail)
    return text


def check_member(member: Member) -> None:
    """Raise `RejectError` unless every part of it may be an id and none is empty."""
    match member:
        case Alias(name, label):
            parts = {"alias.name": name, "alias.label": label}
        case Device(id_):
            parts = {"device_id": id_}
        case _:
            parts = {"external_id": member}
    for place, text in parts.items():
        if not check_text(text, place):
            raise RejectError(Reason.MISSING_IDENTITY, f"{place} is empty")
