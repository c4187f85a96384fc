"""From a run of bytes to a change set, rejects and counts: the loops that run per event.

A run takes the fast path: a plain loop over typed structs that builds no object of its own, logs
nothing and counts nothing. A record that it does not vouch for is read by the slow path, which says
what is wrong with it, and the loop goes on behind it, so a few bad records cost little more than
themselves. Both give the same answer for every record that the fast path takes; a property test
holds them to it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from operator import length_hint
from typing import Final, Protocol, TypeAlias

import msgspec

from daemon.core.model import Changes, ChangeSet, Member
from daemon.formats.changes import (
    COHORT_BYTES_MAX,
    ID_BYTES_MAX,
    DoubtError,
    Ignored,
    Reader,
    RejectError,
    check_member,
    check_name,
    check_text,
)
from daemon.formats.json_limits import (
    OPENINGS_MAX,
    RECORD_BYTES_MAX,
    SHALLOW_BYTES_MAX,
    count_openings,
)
from daemon.formats.native import Event
from daemon.formats.selection import ALL, Begin, Selection, Unselected
from daemon.formats.values import UNAVAILABLE
from daemon.kafka.records import Record, Reject, Run

# A fast path goes through a run in pieces of so many records: what is copied or looked at for all
# of them together is done again behind a doubtful one.
_PIECE: Final = 256

# Where more than one record in so many is doubtful, the rest of a run is read slowly.
_DOUBTFUL_ONE_IN: Final = 8
_DOUBTS_LEAST: Final = 8

# What a fast path ends with when it meets anything but the good case.
DOUBTS = (DoubtError, RejectError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError)

Grouped: TypeAlias = dict[str, Changes]


class Decoded(msgspec.Struct, frozen=True):
    """Every record of the run is in the change set, among the rejects, or counted as ignored.

    `ignored` is by the names of `Ignored`. After `stop_at_reject` there is at most one reject,
    and all else covers only the records before it.
    """

    change_set: ChangeSet
    rejects: tuple[Reject, ...] = ()
    ignored: dict[str, int] = msgspec.field(default_factory=dict)


class Gathered(msgspec.Struct):
    """What a loop has made of a run."""

    changes: Grouped = msgspec.field(default_factory=dict)
    names: dict[str, str] = msgspec.field(default_factory=dict)
    count: int = 0
    ignored: Counter[str] = msgspec.field(default_factory=Counter)


class FastPath(Protocol):
    """Reads the good records of a run."""

    def take(self, run: Run, at: int, into: Gathered, selection: Selection) -> int:
        """Take records from place `at` on, and return how many: up to the first doubtful one.

        Every change of an unselected cohort is counted too.
        """


class Decoder:
    """Decodes the runs of one input. It keeps caches but no state: order does not matter."""

    def __init__(
        self,
        reader: Reader,
        fast: FastPath | None = None,
        selection: Selection = ALL,
    ) -> None:
        self._reader = reader
        self._fast = fast
        self._selection = selection

    def decode(self, run: Run, *, stop_at_reject: bool = False) -> Decoded:
        """Return what the run says, whatever the bytes are.

        Raise `HoldError`, and nothing else, where a writer's schema is not known yet: nothing of
        the run is taken then, and it may be decoded again.
        """
        gathered, rejects = self._gather(run, stop_at_reject=stop_at_reject)
        next_offset = run.next_offset
        if rejects and stop_at_reject:
            next_offset = rejects[0].offset
        change_set = ChangeSet(
            partition=run.partition,
            first_offset=run.first_offset,
            next_offset=next_offset,
            changes=gathered.changes,
            count=gathered.count,
            names=gathered.names,
            event_time_s=self._event_time_s(run),
            leader_epoch=run.leader_epoch,
        )
        return Decoded(change_set, tuple(rejects), dict(gathered.ignored))

    def _gather(self, run: Run, *, stop_at_reject: bool) -> tuple[Gathered, list[Reject]]:
        try:
            gathered, rejects = self._read(run, self._fast, stop_at_reject=stop_at_reject)
            vouch(gathered)
            self._selection.admit_all(gathered.changes)
        except DOUBTS:  # Of an id that the loop could not judge: which record has it?
            return self._read(run, None, stop_at_reject=stop_at_reject)
        for cohort in [c for c, sink in gathered.changes.items() if type(sink) is Unselected]:
            sink = gathered.changes.pop(cohort)
            assert isinstance(sink, Unselected)
            gathered.names.pop(cohort, None)
            gathered.count -= sink.events
            gathered.ignored[Ignored.COHORT_NOT_SELECTED] += sink.events
        return gathered, rejects

    def _read(
        self, run: Run, fast: FastPath | None, *, stop_at_reject: bool
    ) -> tuple[Gathered, list[Reject]]:
        gathered = Gathered()
        rejects: list[Reject] = []
        at = doubts = 0
        while at < len(run.records) and not (rejects and stop_at_reject):
            if fast is not None:
                at += fast.take(run, at, gathered, self._selection)
                doubts += 1
                if doubts > max(_DOUBTS_LEAST, at // _DOUBTFUL_ONE_IN):
                    fast = None
            if at < len(run.records):
                self._read_slowly(run, run.records[at], gathered, rejects)
                at += 1
        return gathered, rejects

    def _read_slowly(
        self, run: Run, record: Record, gathered: Gathered, rejects: list[Reject]
    ) -> None:
        try:
            read = self._reader.read(run.partition.topic, record)
            if not isinstance(read, Ignored):
                self._selection.admit(read)
        except RejectError as error:
            rejects.append(_reject(run, record, error))
            return
        if isinstance(read, Ignored):
            gathered.ignored[read] += 1
            return
        selected = [change for change in read if self._selection(change.cohort)]
        for cohort, member, add, name in selected:
            gathered.changes.setdefault(cohort, {})[member] = add
            if name:
                gathered.names[cohort] = name
        gathered.count += len(selected)
        if not selected:
            gathered.ignored[Ignored.COHORT_NOT_SELECTED] += 1

    def _event_time_s(self, run: Run) -> float | None:
        """Return when the first record happened: by its own word, else by Kafka's."""
        first = run.records[0]
        occurred_at_s = self._reader.occurred_at_s(run.partition.topic, first)
        if occurred_at_s is not None:
            return occurred_at_s
        kind, timestamp_ms = first.timestamp()
        return timestamp_ms / 1000 if kind and timestamp_ms >= 0 else None


def _reject(run: Run, record: Record, error: RejectError) -> Reject:
    kind, timestamp_ms = record.timestamp()
    return Reject(
        partition=run.partition,
        offset=record.offset(),
        reason=error.reason,
        detail=error.detail,
        key=record.key(),
        value=record.value(),
        headers=tuple(record.headers() or ()),
        timestamp_ms=timestamp_ms if kind else None,
    )


def pieces(run: Run, at: int) -> Iterator[Sequence[Record]]:
    """Yield a run's records from place `at` on, a bounded number of them at a time."""
    for begin in range(at, len(run.records), _PIECE):
        yield run.records[begin : begin + _PIECE]


def vouch(gathered: Gathered) -> None:
    """Raise one of `DOUBTS` unless all ids and names may be such.

    Once a member that is left, not once an event, and mostly at the speed of C.
    """
    if UNAVAILABLE in (*gathered.changes, *gathered.names.values()):
        raise DoubtError
    for cohort, members in gathered.changes.items():
        if not check_text(cohort, "cohort_id", COHORT_BYTES_MAX):
            raise DoubtError
        _vouch_members(members)
    for name in gathered.names.values():
        check_name(name)


def _vouch_members(members: Changes) -> None:
    try:
        joined = "".join(members)  # type: ignore[arg-type]  # A tuple raises, below.
    except TypeError:
        for member in members:
            check_member(member)
            if UNAVAILABLE in (member, *member):
                raise DoubtError from None
        return
    if "\0" in joined or "" in members or UNAVAILABLE in members:
        raise DoubtError
    if max(map(len, members)) * 4 > ID_BYTES_MAX:
        for member in members:
            check_member(member)


class NativePath(msgspec.Struct, frozen=True):
    """The fast path of native events."""

    decode: Callable[[bytes], Event]
    identify: Callable[[Event], Member]  # For events without an external id in first place.
    external_first: bool

    def take(self, run: Run, at: int, into: Gathered, selection: Selection) -> int:
        """See `FastPath`: each event is one change, so the records count."""
        taken = 0
        for records in pieces(run, at):
            left = iter(records)
            try:
                self._group(left, into, selection.begin)
                taken += len(records)
            except DOUBTS:
                taken += len(records) - length_hint(left) - 1
                break
        into.count += taken
        return taken

    def _group(self, records: Iterator[Record], into: Gathered, begin: Begin) -> None:
        """Raise one of `DOUBTS` at a record that is not complete and well-formed."""
        changes, names = into.changes, into.names
        decode, identify, external_first = self.decode, self.identify, self.external_first
        for record in records:
            value = record.value()
            if value is None:
                raise DoubtError
            if len(value) > SHALLOW_BYTES_MAX and (
                len(value) > RECORD_BYTES_MAX or count_openings(value) > OPENINGS_MAX
            ):
                raise DoubtError
            event = decode(value)
            member = (external_first and event.external_id) or identify(event)
            try:
                changes[event.cohort_id][member] = event.op == "add"
            except KeyError:  # The cohort's first change in this run.
                changes[event.cohort_id] = begin(event.cohort_id)
                changes[event.cohort_id][member] = event.op == "add"
            if event.cohort_name:
                names[event.cohort_id] = event.cohort_name
