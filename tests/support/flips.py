"""A load whose every disorder shows: each member changes once, and once back.

A member is first added and later removed, or the other way about, so what Braze sees of it must
be the first change any number of times, then the last any number of times. One that went back is
told by its ops alone, and whatever the log was cut into.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.support.processes import wait_until
from tests.support.stage import add, remove

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.stage import Stage

COHORTS = ("gold", "silver", "bronze")
PARTITIONS = 4


@dataclass(frozen=True, slots=True)
class _Flip:
    """One record of the log."""

    cohort: str
    user: str
    is_add: bool


class Flips:
    """What is produced to a stage's topic, and the questions that every test ends with."""

    def __init__(self, stage: Stage, partitions: int = PARTITIONS, seed: int = 1) -> None:
        self._stage = stage
        self._chance = random.Random(seed)
        self._numbers = 0
        self._logs: list[list[_Flip]] = [[] for _ in range(partitions)]
        self._once: list[list[_Flip]] = [[] for _ in range(partitions)]

    @property
    def ends(self) -> dict[int, int]:
        """Return how many records each partition has."""
        return {number: len(log) for number, log in enumerate(self._logs)}

    def produce(self, count: int = 20) -> None:
        """Append so many changes, spread over the partitions; all acknowledged on return."""
        records: dict[int, list[bytes]] = {}
        for _ in range(count):
            partition = self._chance.randrange(len(self._logs))
            flip = self._next(partition)
            self._logs[partition].append(flip)
            made = (add if flip.is_add else remove)(flip.cohort, flip.user)
            records.setdefault(partition, []).append(made)
        for partition, values in records.items():
            self._stage.produce(*values, partition=partition)

    def produce_until(
        self, what: str, check: Callable[[], object], timeout_s: float = 60.0
    ) -> None:
        """Go on appending a few at a time until this holds."""

        def held() -> bool:
            self.produce(5)
            return bool(check())

        wait_until(what, held, timeout_s)

    def _next(self, partition: int) -> _Flip:
        once = self._once[partition]
        if once and self._chance.random() < 0.5:
            first = once.pop(self._chance.randrange(len(once)))
            return _Flip(first.cohort, first.user, not first.is_add)
        self._numbers += 1
        cohort = self._chance.choice(COHORTS)
        flip = _Flip(cohort, f"u{self._numbers}", self._chance.random() < 0.5)
        once.append(flip)
        return flip

    # What must be true.

    def members(self) -> dict[str, set[str]]:
        """Return the fold of the log: who is in each cohort at its end."""
        found: dict[str, set[str]] = {}
        for log in self._logs:
            for flip in log:
                cohort = found.setdefault(flip.cohort, set())
                (cohort.add if flip.is_add else cohort.discard)(flip.user)
        return found

    def settle(self, timeout_s: float = 60.0) -> None:
        """Return when Braze has the fold of the log and all of it is committed; check the order."""
        self._stage.wait_members(self.members(), timeout_s=timeout_s)
        wait_until("all is committed", self._all_committed, timeout_s)
        self.check()

    def _all_committed(self) -> bool:
        committed = self._stage.committed(len(self._logs))
        return all(
            end == 0 or (number in committed and committed[number][0] == end)
            for number, end in self.ends.items()
        )

    def check(self) -> None:
        """Hold whatever has happened so far to order, and commits to what Braze has taken."""
        committed = self._stage.committed(len(self._logs))  # First, for Braze goes on meanwhile.
        seen: dict[tuple[str, object], list[bool]] = {}
        for cohort, member, is_add in self._stage.deliveries():
            seen.setdefault((cohort, member), []).append(is_add)
        for number, log in enumerate(self._logs):
            ops: dict[tuple[str, object], list[bool]] = {}
            for offset, flip in enumerate(log):
                past = number in committed and offset < committed[number][0]
                ops.setdefault((flip.cohort, flip.user), []).append(flip.is_add)
                if past:
                    self._check_taken(flip, seen.get((flip.cohort, flip.user), []), log)
            for key, logged in ops.items():
                _check_order(key, logged, seen.pop(key, []))
        assert not seen, f"members that no log names: {list(seen)[:5]}"

    def _check_taken(self, flip: _Flip, seen: list[bool], log: list[_Flip]) -> None:
        """A committed change was accepted, or a later one of its member was."""
        later = [
            other.is_add for other in log if (other.cohort, other.user) == (flip.cohort, flip.user)
        ]
        accepted = later[later.index(flip.is_add) :]
        assert any(op in accepted for op in seen), f"committed and never sent: {flip}"


def _check_order(key: tuple[str, object], logged: list[bool], seen: list[bool]) -> None:
    """Braze saw of one member its changes in the order of the log, each any number of times."""
    changed = [op for place, op in enumerate(seen) if place == 0 or op != seen[place - 1]]
    assert changed in ([], logged[:1], logged[1:], logged), f"{key} went back: {logged} {seen}"
