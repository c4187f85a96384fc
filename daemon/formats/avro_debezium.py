"""The loop over change events of one schema: the mapped columns, by source made for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TypeAlias

import msgspec

from daemon.config.mapping import Mapping
from daemon.core.model import Member
from daemon.formats.avro import FRAME_BYTES
from daemon.formats.avro_path import Loop, MadeRecord
from daemon.formats.avro_running import compiled
from daemon.formats.avro_schema import WriterSchema
from daemon.formats.avro_source import Source
from daemon.formats.avro_types import Node, Union
from daemon.formats.avro_types import Record as RecordType
from daemon.formats.avro_wanted import IDS, TEXTS, Leaf, Part, UnfitError
from daemon.formats.changes import DoubtError, Ignored
from daemon.formats.debezium_path import is_member, leave, target_of
from daemon.formats.debezium_shape import PlainColumns, identifier
from daemon.formats.decode import Gathered
from daemon.formats.json_limits import RECORD_BYTES_MAX
from daemon.formats.logical import DECIMAL
from daemon.formats.selection import Selection
from daemon.formats.values import UNAVAILABLE, Getter
from daemon.formats.values import Source as ValueSource
from daemon.formats.wrapping import Side
from daemon.kafka.records import Record

_SIDES: Final[tuple[Side, ...]] = ("before", "after")
_IMAGES_AFTER: Final = frozenset({"c", "u", "r"})
_STATES: Final = {str: TEXTS, bool: frozenset({"boolean"}), int: frozenset({"int", "long"})}


class Row(msgspec.Struct, gc=False):
    """The mapped columns of one image."""

    cohort: Any
    external: Any
    device: Any
    alias_name: Any
    alias_label: Any
    name: str | None
    state: Any


# The operation, and the images before and after.
Decode: TypeAlias = Callable[[bytes], tuple[str | None, Row | None, Row | None]]
Target: TypeAlias = Callable[[Row | None], tuple[str, Member]]


class RowLoops:
    """Writes the loops over change events of a plain mapping; see `WriteLoop`."""

    tombstones = True

    def __init__(self, mapping: Mapping, columns: PlainColumns, match_on: Sequence[str]) -> None:
        kinds = tuple(kind for kind in match_on if kind in mapping.identifiers)
        self._columns = columns
        self._identify = identifier(kinds, mapping)
        self._external_first = kinds[0] == "external_id"
        when = mapping.member_when
        self._allowed = None if when is None else frozenset(when.in_)
        state = next((type(value) for value in self._allowed or () if value is not None), str)
        self._states = _STATES[state]
        fixed = mapping.cohort_id.column is None
        self._cohort = Getter(mapping.cohort_id, "cohort_id") if fixed else None

    def __call__(self, frame: bytes, schema: WriterSchema, example: object) -> Loop:
        """See `WriteLoop`: fit is an envelope whose images have the deciding columns."""
        return _loop(frame, self._decoder(schema, example), self._target_of, self._allowed)

    def _decoder(self, schema: WriterSchema, example: object) -> Decode:
        wanted: dict[str, Leaf | Part] = {"op": Leaf("op")}
        wanted |= {side: self._image(schema, side) for side in _SIDES}
        if not isinstance(schema.node, RecordType) or not wanted.keys() <= _names(schema.node):
            raise UnfitError
        source = Source(indent=1)
        source.take(schema.node, Part(wanted), example)
        source.judge()
        rows = [f"Row({self._arguments(s, schema)}) if {s} else None" for s in _SIDES]
        head = ["def decode(b):", "    e = len(b)", f"    p = {FRAME_BYTES}"]
        tail = [f"    if p != e or e > {RECORD_BYTES_MAX}:", "        raise doubt"]
        lines = [*head, *source.lines, *tail, f"    return op, {', '.join(rows)}"]
        decode: Decode = compiled("decode", lines, {**source.data, "Row": Row})
        return decode

    def _image(self, schema: WriterSchema, side: Side) -> Part:
        """Return what is wanted of an image; raise `UnfitError` where it may lack what decides."""
        renamed = self._columns.renamed
        there = _names(_image_type(schema.node, side))
        for field, column in renamed.items():
            if field in ("cohort", "state") and column not in there:
                raise UnfitError
            logical = schema.types.get((side, column))
            if logical is not None and logical.name == DECIMAL:
                raise UnfitError
        leaves = {c: Leaf(f"{side}_{f}", self._kinds(f)) for f, c in renamed.items() if c in there}
        return Part(leaves, present=side)

    def _kinds(self, field: str) -> frozenset[str]:
        if field == "state":
            return self._states
        return TEXTS if field == "name" else IDS

    def _arguments(self, side: Side, schema: WriterSchema) -> str:
        """Return the variables of a row; a field that no column fills is None."""
        there, renamed = _names(_image_type(schema.node, side)), self._columns.renamed
        filled = {field for field, column in renamed.items() if column in there}
        return ", ".join(f"{side}_{f}" if f in filled else "None" for f in Row.__struct_fields__)

    def _target_of(self, topic: str) -> Target:
        """Return how a row of this topic names a cohort and a member."""
        fixed = None
        if self._cohort is not None:
            fixed = self._cohort.text(ValueSource(topic, MadeRecord(b"")))
            if not fixed:
                raise DoubtError
        return target_of(fixed, self._identify, external_first=self._external_first)


def _loop(
    frame: bytes,
    decode: Decode,
    target_of: Callable[[str], Target],
    allowed: frozenset[Any] | None,
) -> Loop:
    """Return the loop: it says what `RowPath` says, of rows that were decoded otherwise."""

    def loop(
        left: Iterator[Record], into: Gathered, selection: Selection, topic: str
    ) -> Record | None:
        target = target_of(topic)
        changes, names, begin = into.changes, into.names, selection.begin
        for record in left:
            value = record.value()
            if value is None:
                into.ignored[Ignored.TOMBSTONE] += 1
                continue
            if value[:FRAME_BYTES] != frame:
                return record
            op, before, after = decode(value)
            row, add = _standing(op, before, after, allowed)
            cohort, member = target(row)
            if op == "u" and before is not None and (allowed is None or is_member(before, allowed)):
                leave(target(before), (cohort, member), into, selection)
            try:
                changes[cohort][member] = add
            except KeyError:  # The cohort's first change in this run.
                changes[cohort] = begin(cohort)
                changes[cohort][member] = add
            if row.name and op != "d":
                names[cohort] = row.name
        return None

    return loop


def _standing(
    op: str | None, before: Row | None, after: Row | None, allowed: frozenset[Any] | None
) -> tuple[Row, bool]:
    """Return the image that counts, and whether it is a membership."""
    row = before if op == "d" else after
    if row is None or row.name == UNAVAILABLE:
        raise DoubtError
    if op == "d":
        return row, False
    if op not in _IMAGES_AFTER:
        raise DoubtError
    return row, allowed is None or is_member(row, allowed)


def _image_type(node: Node | None, side: Side) -> Node | None:
    """Return the type of an image that is there."""
    fields = node.fields if isinstance(node, RecordType) else ()
    found = next((each.node for each in fields if each.name == side), None)
    if isinstance(found, Union):
        return next((each for each in found.branches if isinstance(each, RecordType)), None)
    return found


def _names(node: Node | None) -> set[str]:
    return {each.name for each in node.fields} if isinstance(node, RecordType) else set()
