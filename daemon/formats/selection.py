"""Which cohorts are taken in: those a person wants, and no more than a process can bear."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeAlias

from daemon.core.model import Changes, Member
from daemon.formats.changes import Change, DoubtError, RejectError
from daemon.kafka.records import Reason

_COHORTS_CACHED_MAX: Final = 10_000

Begin: TypeAlias = Callable[[str], Changes]


class Unselected(Changes):
    """Takes the changes of a cohort that nobody wants, and counts them."""

    events = 0

    def __setitem__(self, member: Member, add: bool) -> None:
        super().__setitem__(member, add)  # Kept to be vouched for: a bad id is a reject here too.
        self.events += 1


class CohortBound:
    """How many cohorts one process takes in, in all its inputs: ids may come from anybody."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: set[str] = set()

    def admit(self, cohort: str) -> bool:
        """Tell whether the cohort is one of them."""
        if cohort in self._known:
            return True
        if len(self._known) >= self._most:
            return False
        self._known.add(cohort)
        return True


class Selection:
    """Which cohorts are wanted. Asks once a cohort, and remembers a bounded number of answers."""

    def __init__(
        self, selected: Callable[[str], bool] | None = None, bound: CohortBound | None = None
    ) -> None:
        self._selected = selected
        self._bound = bound
        self._cache: dict[str, bool] = {}

    @property
    def is_all(self) -> bool:
        """Nothing is ever left out."""
        return self._selected is None

    def __call__(self, cohort: str) -> bool:
        """Tell whether the cohort is wanted."""
        if self._selected is None:
            return True
        wanted = self._cache.get(cohort)
        if wanted is None:
            if len(self._cache) >= _COHORTS_CACHED_MAX:
                self._cache.clear()
            wanted = self._cache[cohort] = self._selected(cohort)
        return wanted

    def begin(self, cohort: str) -> Changes:
        """Return where the changes of a cohort go that is new in this run."""
        return {} if self(cohort) else Unselected()

    def admit(self, changes: Iterable[Change]) -> None:
        """Raise `RejectError` where a wanted cohort is one too many."""
        if self._bound is not None:
            for change in changes:
                if self(change.cohort) and not self._bound.admit(change.cohort):
                    detail = "more cohorts than cohorts.max_active"
                    raise RejectError(Reason.TOO_MANY_COHORTS, detail)

    def admit_all(self, grouped: Mapping[str, Changes]) -> None:
        """Raise `DoubtError` where a wanted cohort is one too many."""
        if self._bound is not None:
            for cohort, sink in grouped.items():
                if type(sink) is not Unselected and not self._bound.admit(cohort):
                    raise DoubtError


ALL: Final = Selection()
