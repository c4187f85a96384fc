"""From a run of bytes to a change set, rejects and counts: the loops that run per event.

A run takes the fast path: a plain loop over typed structs that builds no object of its own, logs
nothing and counts nothing. A record that it does not vouch for is read by the slow path, which says
what is wrong with it, and the loop goes on behind it, so a few bad records cost little more than
themselves. Both give the same answer for every record that the fast path takes; a property test
holds them to it.
"""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Final, Protocol, TypeAlias

import msgspec

from daemon.core.model import Changes, ChangeSet, Member
from daemon.formats.changes import (
    COHORT_BYTES_MAX,
    ID_BYTES_MAX,
    DoubtError,
    HoldError,
    Ignored,
    Reader,
    RejectError,
    check_member,
    check_name,
    check_text,
)
from daemon.formats.selection import ALL, Selection, Unselected
from daemon.formats.values import UNAVAILABLE
from daemon.kafka.headers import headers_of
from daemon.kafka.records import Reason, Record, Reject, Run

# A fast path goes through a run in pieces of so many records: what is copied or looked at for all
# of them together is done again behind a doubtful one.
_PIECE: Final = 256

# Where more than one record in so many is doubtful, the rest of a run is read slowly.
_DOUBTFUL_ONE_IN: Final = 8
_DOUBTS_LEAST: Final = 8

# What a fast path ends with when it meets anything but the good case.
DOUBTS = (DoubtError, RejectError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError)

# What a mistake of ours raises. It would end the process, and again at each start, for one record:
# that is a dead letter instead, which says so. Who searches for such mistakes empties this.
UNFORESEEN: tuple[type[Exception], ...] = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RuntimeError,
    StopIteration,
    SystemError,
    TypeError,
    ValueError,
)

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
        the run is taken then, and it may be decoded again; what stands before the record that
        needs the schema, by itself.
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
        except DOUBTS + UNFORESEEN:  # Of an id the loop could not judge: which record has it?
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
        try:
            while at < len(run.records) and not (rejects and stop_at_reject):
                if fast is not None:
                    at += fast.take(run, at, gathered, self._selection)
                    doubts += 1
                    if doubts > max(_DOUBTS_LEAST, at // _DOUBTFUL_ONE_IN):
                        fast = None
                if at < len(run.records):
                    self._read_slowly(run, run.records[at], gathered, rejects)
                    at += 1
        except HoldError as hold:
            hold.readable = max(hold.readable, at)
            raise
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
        except UNFORESEEN as bug:
            rejects.append(_reject(run, record, RejectError(Reason.INVALID_RECORD, _report(bug))))
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
        try:
            occurred_at_s = self._reader.occurred_at_s(run.partition.topic, first)
        except UNFORESEEN:  # Nothing depends on it but a metric.
            occurred_at_s = None
        if occurred_at_s is not None:
            return occurred_at_s
        kind, timestamp_ms = first.timestamp()
        return timestamp_ms / 1000 if kind and timestamp_ms >= 0 else None


def _report(bug: Exception) -> str:
    """Say where cohortd is wrong, in words that hold nothing of the record (G13)."""
    place = traceback.extract_tb(bug.__traceback__)[-1]
    where = f"{Path(place.filename).name}, line {place.lineno}"
    return f"a mistake of cohortd's, please report it: {type(bug).__name__} in {where}"


def _reject(run: Run, record: Record, error: RejectError) -> Reject:
    kind, timestamp_ms = record.timestamp()
    return Reject(
        partition=run.partition,
        offset=record.offset(),
        reason=error.reason,
        detail=error.detail,
        key=record.key(),
        value=record.value(),
        headers=tuple(headers_of(record)),
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
    groups, names = gathered.changes, gathered.names
    if UNAVAILABLE in names.values():
        raise DoubtError
    for name in names.values():
        check_name(name)
    members = list(chain.from_iterable(groups.values()))
    if _are_plain(members, ID_BYTES_MAX) and _are_plain(groups, COHORT_BYTES_MAX):
        return
    if UNAVAILABLE in groups:
        raise DoubtError
    for cohort, of_cohort in groups.items():
        if not check_text(cohort, "cohort_id", COHORT_BYTES_MAX):
            raise DoubtError
        if not _are_plain(of_cohort, ID_BYTES_MAX):
            _vouch_members(of_cohort)


def _are_plain(ids: Collection[Member], bytes_max: int) -> bool:
    """Tell whether these are texts that are ids beyond doubt. Where not, each is to be looked at.

    At a steady pace a run has few members of each of its many cohorts: all are judged together.
    """
    try:
        joined = "".join(ids)  # type: ignore[arg-type]  # A tuple raises.
    except TypeError:
        return False
    if "\0" in joined or UNAVAILABLE in joined:
        return False
    lengths = set(map(len, ids))
    return not lengths or (min(lengths) > 0 and max(lengths) * 4 <= bytes_max)


def _vouch_members(members: Changes) -> None:
    for member in members:
        check_member(member)
        parts = (member,) if isinstance(member, str) else member
        if UNAVAILABLE in parts:
            raise DoubtError
