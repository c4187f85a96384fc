"""The fast path of Avro: for each schema a loop of its own, held against the slow reader first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from operator import length_hint
from typing import Final, Protocol, TypeAlias

import msgspec

from daemon.formats.avro import FRAME_BYTES, Schemas, unframe
from daemon.formats.avro_binary import DamagedError
from daemon.formats.avro_samples import samples
from daemon.formats.avro_schema import WriterSchema
from daemon.formats.avro_wanted import UnfitError
from daemon.formats.changes import DoubtError, HoldError, Ignored, Reader, RejectError
from daemon.formats.decode import DOUBTS, Gathered, vouch
from daemon.formats.selection import ALL, Selection
from daemon.kafka.records import Record, Run

_LOOPS_MAX: Final = 128
_MADE_A_RUN_MAX: Final = 4  # It takes some 20 ms: whoever may register schemas can't hold us up.
_SAMPLES: Final = 60

# Takes records of one frame and topic into what is gathered, and returns the first that has
# another frame. A record that it does not vouch for ends it with a doubt, before anything of that
# is gathered.
Loop: TypeAlias = Callable[[Iterator[Record], Gathered, Selection, str], Record | None]

_LOOP_DOUBTS: Final = (*DOUBTS, DamagedError, LookupError)


class WriteLoop(Protocol):
    """Makes the loops of one format."""

    tombstones: bool  # Does a record without a value say nothing? Else it is the slow path's.

    def __call__(self, frame: bytes, schema: WriterSchema, example: object) -> Loop:
        """Return the loop over records with this frame; raise `UnfitError` where there is none.

        The example is the first of them, decoded.
        """


class _Known(msgspec.Struct, frozen=True):
    schema: WriterSchema
    loop: Loop | None


class AvroPath:
    """Reads the good records of a run, each by the loop of its schema; see `FastPath`."""

    def __init__(self, schemas: Schemas, write: WriteLoop, reader: Reader) -> None:
        self._schemas = schemas
        self._write = write
        self._reader = reader
        self._known: dict[bytes, _Known] = {}
        self._made_for = ("", -1, -1)  # The run for which loops were made last,
        self._made = 0  # and how many.

    def take(self, run: Run, at: int, into: Gathered, selection: Selection) -> int:
        """See `FastPath`: what each record is counted as, its loop knows.

        Raise `HoldError` where a schema is not known yet.
        """
        records = run.records[at:] if at else run.records
        left = iter(records)
        passed = into.ignored[Ignored.TOMBSTONE]
        try:
            record = next(left, None)
            while record is not None:
                value = record.value()
                if value is None:
                    self._pass_over(into)
                    record = next(left, None)
                else:
                    loop = self._loop(value, run)
                    record = loop(chain((record,), left), into, selection, run.partition.topic)
            taken = len(records)
        except HoldError as hold:
            hold.readable = at + len(records) - length_hint(left) - 1
            raise
        except _LOOP_DOUBTS:
            taken = len(records) - length_hint(left) - 1
        into.count += taken - (into.ignored[Ignored.TOMBSTONE] - passed)
        return taken

    def _pass_over(self, into: Gathered) -> None:
        if not self._write.tombstones:
            raise DoubtError
        into.ignored[Ignored.TOMBSTONE] += 1

    def _loop(self, value: bytes, run: Run) -> Loop:
        """Return the loop for records like this one; raise a doubt where there is none."""
        framed = unframe(value, "the value")
        schema = self._schemas.get(framed.schema_id)
        frame = value[:FRAME_BYTES]
        known = self._known.get(frame)
        if known is None or known.schema is not schema:
            self._count(run)
            example = schema.read(framed.body)
            if len(self._known) >= _LOOPS_MAX:
                del self._known[next(iter(self._known))]
            loop = self._written(frame, schema, example, run.partition.topic)
            known = self._known[frame] = _Known(schema, loop)
        if known.loop is None:
            raise DoubtError
        return known.loop

    def _count(self, run: Run) -> None:
        made_for = (*run.partition, run.first_offset)
        if made_for != self._made_for:
            self._made_for, self._made = made_for, 0
        self._made += 1
        if self._made > _MADE_A_RUN_MAX:
            raise DoubtError

    def _written(
        self, frame: bytes, schema: WriterSchema, example: object, topic: str
    ) -> Loop | None:
        if schema.node is None:  # Ours does not say what fastavro says.
            return None
        try:
            loop = self._write(frame, schema, example)
        except (UnfitError, SyntaxError, RecursionError):  # Python has limits of its own.
            return None
        # Each twice: a loop may know the second time what it has learned the first.
        bodies = (body for body in samples(schema.node, _SAMPLES) for _ in range(2))
        made = (MadeRecord(frame + body) for body in bodies)
        return loop if all(agree(loop, self._reader, topic, each) for each in made) else None


class MadeRecord(msgspec.Struct, frozen=True):
    """A record that nobody wrote."""

    body: bytes

    def value(self) -> bytes:
        """See `Record`."""
        return self.body

    def key(self) -> None:
        """See `Record`."""

    def headers(self) -> None:
        """See `Record`."""

    def offset(self) -> int:
        """See `Record`."""
        return 0

    def timestamp(self) -> tuple[int, int]:
        """See `Record`."""
        return 0, -1


def agree(loop: Loop, reader: Reader, topic: str, record: Record) -> bool:
    """Tell whether the loop leaves a record alone, or makes of it what the reader makes."""
    gathered = Gathered()
    try:
        if loop(iter((record,)), gathered, ALL, topic) is not None:
            return False
        vouch(gathered)
    except _LOOP_DOUBTS:
        return True
    try:
        read = reader.read(topic, record)
    except RejectError:
        return False
    if isinstance(read, Ignored):
        return False
    changes: dict[str, dict[object, bool]] = {}
    names: dict[str, str] = {}
    for cohort, member, add, name in read:
        changes.setdefault(cohort, {})[member] = add
        if name:
            names[cohort] = name
    return (gathered.changes, gathered.names, gathered.count + 1) == (changes, names, len(read))
