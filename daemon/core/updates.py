"""The updates of one flush that are still to be sent."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice

from daemon.core.model import CohortUpdate


class Updates:
    """A line of updates, each cut from its flush only when it comes to the front.

    An update has lists of its own for its members. Cut all at once, a large flush would stand
    in memory twice for as long as it is on its way.
    """

    def __init__(self, uncut: Iterator[CohortUpdate]) -> None:
        self._uncut = uncut
        self._behind: deque[CohortUpdate] = deque()
        self.cut = deque(islice(uncut, 1))  # Empty only when there is nothing more.

    def __bool__(self) -> bool:
        return bool(self.cut)

    def __iter__(self) -> Iterator[CohortUpdate]:
        """Yield all of them, for which all are cut."""
        self.cut.extend(self._uncut)
        self.cut.extend(self._behind)
        self._behind.clear()
        return iter(self.cut)

    def popleft(self) -> CohortUpdate:
        """Remove and return the next one."""
        update = self.cut.popleft()
        self._refill()
        return update

    def appendleft(self, update: CohortUpdate) -> None:
        """Let this be the next one."""
        self.cut.appendleft(update)

    def remove(self, update: CohortUpdate) -> None:
        """Take out one that is cut, to put others in its place."""
        self.cut.remove(update)

    def extendleft(self, updates: Iterable[CohortUpdate]) -> None:
        """Put these before all others, the last one first."""
        self.cut.extendleft(updates)

    def extend(self, updates: Iterable[CohortUpdate]) -> None:
        """Put these behind all others."""
        self._behind.extend(updates)
        self._refill()

    def clear(self) -> None:
        """Forget all of them."""
        self._uncut = iter(())
        self._behind.clear()
        self.cut.clear()

    def _refill(self) -> None:
        if not self.cut:
            self.cut.extend(islice(self._uncut, 1))
        if not self.cut:
            self.cut, self._behind = self._behind, self.cut
