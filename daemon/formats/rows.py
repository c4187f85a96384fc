"""Flat rows, one record a change: what each of them says about memberships.

How a row changed is told by a column, or by its state alone (`member_when`). Several mappings may
read one record, such as a column per cohort; it is a reject as a whole where one of them can't.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum, auto
from typing import Any

import msgspec

from daemon.config.inputs import InputSettings
from daemon.config.mapping import Mapping, Operation
from daemon.formats.changes import Change, Ignored, Read, RejectError
from daemon.formats.codec import Codec
from daemon.formats.logical import Path, time_s
from daemon.formats.mapping import RowMapping
from daemon.formats.matching import Matching
from daemon.formats.values import (
    MISSING,
    UNAVAILABLE,
    Image,
    Source,
    exact,
    missing_column,
)
from daemon.kafka.records import Reason, Record

_FLATTENED = "debezium-flattened"
_NOBODY = frozenset({Reason.MISSING_COHORT, Reason.MISSING_IDENTITY})
_DELETE_REMEDY = (
    "a delete names whom it removes only under REPLICA IDENTITY FULL, or where the mapping reads"
    " from the record's key"
)


class Verb(Enum):
    """How a row changed."""

    ADD = auto()
    REMOVE = auto()
    IGNORE = auto()
    OLD = auto()  # The old image of an update, whose new one is a record of its own.


class Rules(msgspec.Struct, frozen=True):
    """One mapping of an input, compiled."""

    target: RowMapping
    verbs: tuple[Operations, ...]
    absent: Verb | None  # What a row says that has none of the columns; None: it is a reject.
    old_removes: bool
    on_null: str
    zero_is_unknown: bool  # In a delete: Debezium's filling of a column that it doesn't know.

    @classmethod
    def of(cls, mapping: Mapping, match_on: Sequence[str]) -> Rules:
        """Compile what the configuration says."""
        operations = mapping.op
        adds = not operations or any(each.absent == "add" for each in operations)
        return cls(
            RowMapping(mapping, match_on),
            tuple(Operations.of(operation) for operation in operations),
            Verb.ADD if adds else None,
            mapping.old_images == "remove",
            mapping.on_null or "reject",
            mapping.preset == _FLATTENED,
        )


class Operations(msgspec.Struct, frozen=True):
    """What the values of one column say; JSON values compare exactly."""

    column: Path
    verbs: dict[tuple[bool, Any], Verb]
    old_when: Matching | None

    @classmethod
    def of(cls, operation: Operation) -> Operations:
        """Compile what the configuration says."""
        lists = {
            Verb.ADD: operation.add,
            Verb.REMOVE: operation.remove,
            Verb.IGNORE: operation.ignore,
            Verb.OLD: operation.old,
        }
        verbs = {key: verb for verb, values in lists.items() for key in exact(values)}
        old_when = operation.old_when
        return cls(operation.column, verbs, None if old_when is None else Matching.of(old_when))

    def verb(self, source: Source) -> Verb | None:
        """Return what the row says, None where it has no such column."""
        raw = source.column(self.column)
        if raw is MISSING:
            return None
        if raw == UNAVAILABLE:
            raise missing_column(self.column, "op")
        known = not isinstance(raw, list | dict)
        verb = self.verbs.get((isinstance(raw, bool), raw)) if known else None
        if verb is None:
            raise RejectError(Reason.UNKNOWN_OP, "op is in none of the lists of the mapping")
        if verb is Verb.REMOVE and self.old_when is not None and self.old_when.holds(source):
            return Verb.OLD
        return verb


class RowsReader:
    """Reads flat rows one by one; see `Reader`."""

    def __init__(self, settings: InputSettings, codec: Codec, keys: Codec) -> None:
        self._rules = tuple(Rules.of(each, settings.match_on) for each in settings.mapping)
        self._only_when = tuple(Matching.of(condition) for condition in settings.only_when)
        self._codec = codec
        self._keys = keys

    def read(self, topic: str, record: Record) -> Read:
        """See `Reader`: a change from each mapping that finds one, in their order."""
        source = self._open(topic, record)
        if source is not None and not all(each.holds(source) for each in self._only_when):
            return Ignored.CONDITION_NOT_MET
        return joined(
            self._read_null(rules, topic, record) if source is None else _read_row(rules, source)
            for rules in self._rules
        )

    def occurred_at_s(self, topic: str, record: Record) -> float | None:
        """See `Reader`: by the first mapping that says where."""
        try:
            source = self._open(topic, record)
            for rules in self._rules:
                if source is not None and rules.target.occurred_at is not None:
                    return time_s(*rules.target.occurred_at.raw(source))
        except RejectError:
            pass
        return None

    def _open(self, topic: str, record: Record) -> Source | None:
        """Return what the mappings read; None where the record has no row."""
        value = record.value()
        if value is None:
            return None
        tree = self._codec.open(value, "the value")
        if tree.value is None:
            return None
        if not isinstance(tree.value, dict):
            raise RejectError(Reason.INVALID_RECORD, "the value is no row of named columns")
        return Source(topic, record, self._keys, Image(tree.value, tree.types))

    def _read_null(self, rules: Rules, topic: str, record: Record) -> Change | Ignored:
        if rules.on_null == "ignore":
            return Ignored.TOMBSTONE
        if rules.on_null == "reject":
            detail = (
                "the row is null; mapping.on_null says what that means (reject, remove, ignore)"
            )
            raise RejectError(Reason.NULL_VALUE, detail)
        key = record.key()
        if key is None:
            raise RejectError(Reason.MISSING_IDENTITY, "the row is null, and so is the key")
        tree = self._keys.open(key, "the key")
        columns = tree.value if isinstance(tree.value, dict) else {}
        image = Image(columns, tree.types)
        return Change(*rules.target.target(Source(topic, record, self._keys, image)), add=False)


def joined(reads: Iterable[Change | Ignored]) -> Read:
    """Return the changes of several mappings; where there are none, why the first has none."""
    said = list(reads)
    changes = tuple(each for each in said if not isinstance(each, Ignored))
    first = said[0]
    return changes or (first if isinstance(first, Ignored) else Ignored.NOT_A_MEMBER)


def _read_row(rules: Rules, source: Source) -> Change | Ignored:
    verb = _verb(rules, source)
    if verb is Verb.IGNORE:
        return Ignored.OP_IGNORED
    if verb is Verb.REMOVE:
        return _removal(rules, source)
    if verb is Verb.OLD:
        return _old_image(rules, source)
    return standing(rules.target, source)


def _verb(rules: Rules, source: Source) -> Verb:
    for operations in rules.verbs:
        verb = operations.verb(source)
        if verb is not None:
            return verb
    if rules.absent is None:
        raise missing_column(rules.verbs[0].column, "op")
    return rules.absent


def standing(mapping: RowMapping, source: Source) -> Change | Ignored:
    """Return what a row as it stands says: a membership, that it is none, or nobody's."""
    is_member = mapping.is_member(source)
    try:
        target = mapping.target(source)
    except RejectError as error:
        if is_member or error.reason not in _NOBODY:
            raise
        return Ignored.NOT_A_MEMBER
    return Change(*target, is_member, mapping.name(source))


def _removal(rules: Rules, source: Source) -> Change:
    if rules.zero_is_unknown:
        image = Image(source.image.columns, source.image.types, deleted=True)
        source = Source(source.topic, source.record, source.keys, image)
    try:
        return Change(*rules.target.target(source), add=False)
    except RejectError as error:
        if rules.zero_is_unknown and error.reason in _NOBODY:
            detail = f"{error.detail}; {_DELETE_REMEDY}"
            raise RejectError(error.reason, detail) from None
        raise


def _old_image(rules: Rules, source: Source) -> Change | Ignored:
    """Return the end of what the row was before; where it was no membership, there is none."""
    if not rules.old_removes or not rules.target.is_member(source):
        return Ignored.OLD_IMAGE
    try:
        return Change(*rules.target.target(source), add=False)
    except RejectError as error:
        if error.reason is Reason.MISSING_COLUMN:
            raise
        return Ignored.OLD_IMAGE  # It could not have been applied, so it never was.
