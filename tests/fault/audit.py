"""What a run is held to: the log against the order in which Braze applied, and what was committed.

It knows the producer's log, the endpoint's history and the group's offsets, and never asks a
daemon. A member's states alternate in the log, so an older state after a newer one shows, unless
the same state has come again by then.
"""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.fault.load import Entry, Key, Written

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from daemon.core.intent import Mark
    from daemon.tools.simulator.history import AppliedRequest


@dataclass(frozen=True, slots=True)
class Applied:
    """One member change that Braze applied, and the process that sent it."""

    at_s: float
    add: bool
    caller: int | None


@dataclass(frozen=True, slots=True)
class Repeat:
    """A change that certainly was applied before: nothing newer stood in the log by then."""

    key: Key
    entry: Entry
    at_s: float
    callers: tuple[int | None, int | None]

    @property
    def by_the_same(self) -> bool:
        """Tell whether one process sent it twice: a retry of an attempt without an answer."""
        return self.callers[0] == self.callers[1]


@dataclass(slots=True)
class Crash:
    """What the group had committed when a process died: by partition, offset and `sent_to`."""

    at_s: float
    ranges: dict[int, tuple[int, float]]


@dataclass(slots=True)
class Audit:
    """Collects while a run lasts, and judges when it is over."""

    written: Written
    applied: dict[Key, list[Applied]] = field(default_factory=dict)
    last_s: dict[int, float] = field(default_factory=dict)  # When a partition last delivered.
    crashes: list[Crash] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    repeats: list[Repeat] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    _committed: dict[int, int] = field(default_factory=dict)
    _passed: Counter[int] = field(default_factory=Counter)

    def take(self, history: Iterable[AppliedRequest]) -> None:
        """Take in what was applied, in its order."""
        for request in history:
            self.counts["requests"] += request.endpoint == "users"
            for add, members in ((True, request.adds), (False, request.removes)):
                for member in members:
                    change = Applied(request.applied_at_s, add, request.caller)
                    self._took((request.cohort, str(member)), change)

    def _took(self, key: Key, change: Applied) -> None:
        self.counts["changes"] += 1
        self.applied.setdefault(key, []).append(change)
        if entries := self.written.entries.get(key):
            self.last_s[entries[0].partition] = change.at_s

    def took_offsets(self, committed: Mapping[int, tuple[int, Mark]]) -> None:
        """Hold the group's offsets against those before: none may go back."""
        for partition, (offset, _) in committed.items():
            before = self._committed.get(partition, 0)
            if offset < before:
                self.problems.append(f"G7: partition {partition} went from {before} to {offset}")
            self._committed[partition] = offset
            self.counts["commits seen"] += offset > before
            self._hold(partition, offset)

    def _hold(self, partition: int, offset: int) -> None:
        """Hold an offset, read before the history was, against what was applied by then (G2)."""
        log = self.written.logs.get(partition, [])
        at = self._passed[partition]
        while at < len(log) and 0 <= log[at][1].offset < offset:
            key, entry = log[at]
            if not self._was_told(key, entry):
                where = f"{partition}:{entry.offset}"
                self.problems.append(f"G2: {where} is committed and {key} was not told")
            at += 1
        self._passed[partition] = at

    def _was_told(self, key: Key, entry: Entry) -> bool:
        """Tell whether Braze applied it since it was made, or a newer one that supersedes it."""
        later = [a for a in self.applied.get(key, []) if a.at_s >= entry.at_s]
        newest = self.written.entries[key][-1] is entry
        return any(a.add is entry.add or not newest for a in later)

    def judge(self) -> None:
        """Hold every member's states against the log's order: spurious, regressed, repeated."""
        for key, changes in self.applied.items():
            entries = self.written.entries.get(key)
            if entries is None:
                self.problems.append(f"G1: {key} was never in the log")
                continue
            self._judge_one(key, changes, entries)
        self.counts["repeats"] = len(self.repeats)
        self.counts["repeats by another process"] = sum(not r.by_the_same for r in self.repeats)
        for repeat in self.repeats:
            if not repeat.by_the_same and not self._is_excused(repeat):
                where = f"{repeat.entry.partition}:{repeat.entry.offset}"
                self.problems.append(f"G5: {repeat.key} at {where} was repeated after no crash")

    def _judge_one(self, key: Key, changes: list[Applied], entries: list[Entry]) -> None:
        at, before = 0, None
        for change in changes:
            made = [i for i in _from(at, entries, change.add) if entries[i].at_s <= change.at_s]
            if not made:
                states = [(round(e.at_s, 3), e.add) for e in entries]
                self.problems.append(f"G5: {key} went back: {change} after {before} of {states}")
                return
            if before is not None and made == [at]:
                callers = (before.caller, change.caller)
                self.repeats.append(Repeat(key, entries[at], change.at_s, callers))
            at, before = made[0], change

    def _is_excused(self, repeat: Repeat) -> bool:
        """Tell whether a process died before, and had said that it may have sent this far (G5)."""
        partition, offset = repeat.entry.partition, repeat.entry.offset
        for crash in self.crashes:
            first, sent_to = crash.ranges.get(partition, (0, 0.0))
            if crash.at_s <= repeat.at_s and first <= offset < sent_to:
                return True
        return False

    def idle_s(self) -> dict[int, float]:
        """Return for each partition the longest time in which nothing of it was applied."""
        times: dict[int, list[float]] = {partition: [] for partition in self.written.logs}
        for key, changes in self.applied.items():
            partition = self.written.entries[key][0].partition
            times[partition].extend(change.at_s for change in changes)
        return {partition: _longest(sorted(found)) for partition, found in times.items()}


def _from(start: int, entries: list[Entry], add: bool) -> Iterator[int]:
    return (i for i in range(start, len(entries)) if entries[i].add is add)


def _longest(times: list[float]) -> float:
    return max((b - a for a, b in itertools.pairwise(times)), default=float("inf"))
