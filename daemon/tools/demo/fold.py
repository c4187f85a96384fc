"""Folds a log of native events into who is in which cohort: what Braze must show at the end.

Written a second time on purpose, with nothing of the daemon's decoder and nothing of the
generator, so that a mistake of theirs is not repeated here. It is slow and plain.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeGuard

from daemon.core.model import Alias, Device, Member

ID_BYTES_MAX = 512


class Place(NamedTuple):
    """Where a record stands in the log."""

    partition: int
    offset: int


class LogRecord(NamedTuple):
    """One record, as read from the log."""

    place: Place
    timestamp_ms: int
    value: bytes | None


class Change(NamedTuple):
    """What a good record says."""

    cohort: str
    member: Member
    add: bool
    name: str | None


@dataclass(slots=True)
class Folded:
    """What a log comes to. `broken` are the records that are to be dead letters."""

    members: dict[str, set[Member]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    broken: set[Place] = field(default_factory=set)
    records: int = 0
    _named_ms: dict[str, int] = field(default_factory=dict)

    def take_name(self, cohort: str, name: str | None, timestamp_ms: int) -> None:
        """The newest name counts; a cohort that none of its events names goes by its id."""
        self.names.setdefault(cohort, cohort)
        if name and timestamp_ms >= self._named_ms.get(cohort, 0):
            self.names[cohort] = name
            self._named_ms[cohort] = timestamp_ms


def fold(records: Iterable[LogRecord]) -> Folded:
    """Return the state after these records; those of a partition are in the order of the log."""
    folded = Folded()
    for record in records:
        fold_one(folded, record)
    return folded


def fold_one(folded: Folded, record: LogRecord) -> Change | None:
    """Take one more record in; return what it says, None where it is broken."""
    folded.records += 1
    change = read(record.value)
    if change is None:
        folded.broken.add(record.place)
        return None
    members = folded.members.setdefault(change.cohort, set())
    (members.add if change.add else members.discard)(change.member)
    folded.take_name(change.cohort, change.name, record.timestamp_ms)
    return change


def read(value: bytes | None) -> Change | None:
    """Return what a record says; None where it is none of ours to understand."""
    try:
        event = json.loads(value.decode()) if value else None
    except (UnicodeDecodeError, json.JSONDecodeError):
        return None
    if not isinstance(event, dict) or event.get("op") not in {"add", "remove"}:
        return None
    cohort, member, name = event.get("cohort_id"), _member(event), event.get("cohort_name")
    if not _is_id(cohort) or member is None:
        return None
    return Change(cohort, member, event["op"] == "add", name)


def _member(event: dict[str, Any]) -> Member | None:
    """Return the first of external id, alias and device id that is there and not empty."""
    external_id, alias, device_id = (
        event.get(name) for name in ("external_id", "alias", "device_id")
    )
    if external_id is not None and external_id != "":
        return external_id if _is_id(external_id) else None
    if isinstance(alias, dict):
        name, label = alias.get("name"), alias.get("label")
        return Alias(name, label) if _is_id(name) and _is_id(label) else None
    return Device(device_id) if _is_id(device_id) else None


def _is_id(text: object) -> TypeGuard[str]:
    return isinstance(text, str) and 0 < len(text.encode()) <= ID_BYTES_MAX
