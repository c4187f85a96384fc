"""The loop over change events of a plainly mapped table; see `decode` for what a fast path is."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from operator import length_hint
from typing import Any, Final

from daemon.core.model import Member
from daemon.formats.changes import DoubtError, Ignored
from daemon.formats.debezium_shape import FastRows, certain
from daemon.formats.decode import DOUBTS, Gathered, pieces
from daemon.formats.json_limits import are_surely_within, vouch_limits
from daemon.formats.selection import Selection
from daemon.formats.values import UNAVAILABLE, Getter, Source
from daemon.kafka.records import Record, Run

_IMAGES_AFTER: Final = frozenset({"c", "u", "r"})


class RowPath:
    """The fast path of Debezium's change events."""

    def __init__(self, rows: FastRows) -> None:
        self._rows = rows
        self._cohort = None if rows.cohort is None else Getter(rows.cohort, "cohort_id")

    def take(self, run: Run, at: int, into: Gathered, selection: Selection) -> int:
        """See `FastPath`: the tombstones between the changes are counted apart."""
        try:
            fixed = self._fixed(run)
        except DOUBTS:
            return 0
        taken = changes = 0
        for records in pieces(run, at):
            values = [value for record in records if (value := record.value()) is not None]
            left = iter(values)
            try:
                if values:
                    self._group(fixed, self._envelopes(values, left), into, selection)
                taken, changes = taken + len(records), changes + len(values)
            except DOUBTS:
                good = max(0, len(values) - length_hint(left) - 1)
                taken, changes = taken + _place_of(good, records), changes + good
                break
        into.count += changes
        if taken > changes:
            into.ignored[Ignored.TOMBSTONE] += taken - changes
        return taken

    def _fixed(self, run: Run) -> str | None:
        """Return the cohort where it is the same for a whole topic."""
        if self._cohort is None:
            return None
        fixed = self._cohort.text(Source(run.partition.topic, run.records[0]))
        if not fixed:
            raise DoubtError
        return fixed

    def _group(
        self, fixed: str | None, envelopes: Iterator[bytes], into: Gathered, selection: Selection
    ) -> None:
        """Raise a doubt at a record that is no change event of the plain kind."""
        changes, names = into.changes, into.names
        allowed, begin = self._rows.allowed, selection.begin
        external_first = self._rows.external_first
        target = target_of(fixed, self._rows.identify, external_first=external_first)
        plain, named = fixed is None and external_first, self._rows.named
        for event in map(self._rows.decode, envelopes):
            op = event.op
            if op == "d":
                row, add = event.before, False
            elif op in _IMAGES_AFTER:
                row = event.after
                add = row is not None and (
                    allowed is None or row.state in allowed or is_member(row, allowed)
                )
            else:
                raise DoubtError
            if plain and row is not None and type(row.cohort) is type(row.external) is str:
                cohort, member = row.cohort, row.external or target(row)[1]
            else:
                cohort, member = target(row)
            if op == "u":
                old = event.before
                if old is None or (
                    plain
                    and old.external == member
                    and old.cohort == cohort
                    and old.state != UNAVAILABLE
                ):
                    pass  # As nearly always: it names nobody else.
                elif allowed is None or old.state in allowed or is_member(old, allowed):
                    leave(target(old), (cohort, member), into, selection)
            try:
                changes[cohort][member] = add
            except KeyError:  # The cohort's first change in this run.
                changes[cohort] = begin(cohort)
                changes[cohort][member] = add
            if named and op != "d" and row.name:
                names[cohort] = row.name

    def _envelopes(self, values: Sequence[bytes], left: Iterator[bytes]) -> Iterator[bytes]:
        """Take what is left of a piece's values out of its wrapping, all of one schema."""
        wrapping = self._rows.wrappings.find(values[0])
        if wrapping is None:
            within = are_surely_within(values)
            return left if within else (vouch_limits(each, each) for each in left)
        if not wrapping.is_plain:
            raise DoubtError
        return (vouch_limits(wrapping.payload_of(value), value) for value in left)


def _place_of(number: int, records: Sequence[Record]) -> int:
    """Return the place of a record that is known by its number among those with a value."""
    places = (at for at, record in enumerate(records) if record.value() is not None)
    return next(itertools.islice(places, number, None))


def target_of(
    fixed: str | None, identify: Callable[[Any], Member], *, external_first: bool
) -> Callable[[Any], tuple[str, Member]]:
    """Return how a row names a cohort and a member."""

    def target(row: Any) -> tuple[str, Member]:  # noqa: ANN401
        if row is None:
            raise DoubtError
        cohort = fixed or row.cohort
        if type(cohort) is not str:
            cohort = certain(cohort) or ""  # Nobody vouches for an empty one.
        member = row.external if external_first else None
        if type(member) is not str or not member:
            member = identify(row)
        return cohort, member

    return target


def leave(
    old: tuple[str, Member], new: tuple[str, Member], into: Gathered, selection: Selection
) -> None:
    """Remove whom a row named before an update, where that was another member or cohort."""
    if old == new:
        return
    if not selection.is_all:
        raise DoubtError  # Ignored is counted by record, not by change.
    into.changes.setdefault(old[0], {})[old[1]] = False
    into.count += 1


def is_member(row: Any, allowed: frozenset[Any]) -> bool:  # noqa: ANN401
    """Tell whether a row is a membership; raise `DoubtError` where its column was not sent."""
    if row.state in allowed:
        return True
    if row.state == UNAVAILABLE:
        raise DoubtError
    return False
