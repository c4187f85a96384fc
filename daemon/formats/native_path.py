"""The fast path of native events: a plain loop over typed structs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from operator import length_hint
from typing import cast

import msgspec

from daemon.core.model import Member
from daemon.formats.decode import DOUBTS, Gathered, pieces
from daemon.formats.json_limits import SHALLOW_BYTES_MAX, are_surely_within, vouch_limits
from daemon.formats.native import Event
from daemon.formats.selection import Begin, Selection
from daemon.kafka.records import Run


class NativePath(msgspec.Struct, frozen=True):
    """The fast path of native events."""

    decode: Callable[[bytes], Event]
    identify: Callable[[Event], Member]  # For events without an external id in first place.
    external_first: bool

    def take(self, run: Run, at: int, into: Gathered, selection: Selection) -> int:
        """See `FastPath`: each event is one change, so the records count."""
        taken = 0
        for records in pieces(run, at):
            values = [record.value() for record in records]
            left = iter(values)
            try:
                self._group(_within(values, left), into, selection.begin)
                taken += len(values)
            except DOUBTS:
                taken += len(values) - length_hint(left) - 1
                break
        into.count += taken
        return taken

    def _group(self, values: Iterator[bytes], into: Gathered, begin: Begin) -> None:
        """Raise one of `DOUBTS` at a record that is not complete and well-formed."""
        changes, names = into.changes, into.names
        known = changes.get  # At a steady pace a quarter of a run is some cohort's first change.
        identify, external_first = self.identify, self.external_first
        for event in map(self.decode, values):
            cohort = event.cohort_id
            member = (external_first and event.external_id) or identify(event)
            sink = known(cohort)
            if sink is None:
                sink = changes[cohort] = begin(cohort)
            sink[member] = event.op == "add"
            if event.cohort_name:
                names[cohort] = event.cohort_name


def _within(values: Sequence[bytes | None], left: Iterator[bytes | None]) -> Iterator[bytes]:
    """Return what is left of the values, with a look at each where one may not be decoded."""
    try:
        shallow = max(map(len, values)) <= SHALLOW_BYTES_MAX  # type: ignore[arg-type]
        if shallow or are_surely_within(cast("Sequence[bytes]", values)):
            return cast("Iterator[bytes]", left)
    except TypeError:  # One is absent.
        pass
    return (vouch_limits(each, each) for each in left)
