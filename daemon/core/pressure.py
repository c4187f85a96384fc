"""How full memory is, whose changes fill it, and who is not read on for that (G9, G10)."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence

from daemon.core.model import Partition
from daemon.core.tenure import Tenure
from daemon.core.window import Window

# From here on whoever holds more than his share of the rest is not read on.
CROWDED = 0.75


class Load:
    """What changes weigh against the limit, in all and by the partition that they came from."""

    __slots__ = ("_of", "total")

    def __init__(self) -> None:
        self.total = 0
        self._of: dict[Partition, int] = {}

    def add(self, partition: Partition, cost: int) -> None:
        """Weigh so much more of a partition; less, where it is negative."""
        self.total += cost
        left = self._of.get(partition, 0) + cost
        if left:
            self._of[partition] = left
        else:
            self._of.pop(partition, None)

    def of(self, partition: Partition) -> int:
        """Return what a partition weighs."""
        return self._of.get(partition, 0)


class Pressure:
    """Told after every change of the loads; says which partitions are not read on.

    At the limit that is everybody, until half of it, or until nothing waits to be sent. Before
    that, from three quarters, it is those who hold more than their share of the last quarter,
    until they hold half a share: so a backlog in some partitions leaves the others room, and
    those that are read on never reach the limit together. Where everybody holds more than his
    share, nobody is kept from the last quarter.
    """

    def __init__(self, pending_max: int) -> None:
        self.saturated = False
        self._pending_max = pending_max
        self._crowding: frozenset[Partition] = frozenset()

    def update(
        self, waiting: Sequence[Load], in_flight: Load, tenures: Mapping[Partition, Tenure]
    ) -> None:
        """Look at what is pending now: what waits to be sent, and what is on its way.

        Where nothing waits, pausing longer makes no more room; and what is on its way may need
        what is read next, to show that Braze takes others (G12).
        """
        loads = [*waiting, in_flight]
        pending = sum(load.total for load in loads)
        drained = pending < self._pending_max and pending == in_flight.total
        if drained or pending <= self._pending_max // 2:
            self.saturated, self._crowding = False, frozenset()
            return
        self.saturated = self.saturated or pending >= self._pending_max
        full = pending >= CROWDED * self._pending_max
        if full or self._crowding:
            self._crowding = self._find_crowding(loads, tenures, full=full)

    def _find_crowding(
        self, loads: Sequence[Load], tenures: Mapping[Partition, Tenure], *, full: bool
    ) -> frozenset[Partition]:
        share = (1 - CROWDED) * self._pending_max / max(1, len(tenures))
        found = set()
        for partition in _drainable(tenures):
            held = sum(load.of(partition) for load in loads)
            if held > share / 2 and ((full and held > share) or partition in self._crowding):
                found.add(partition)
        return frozenset(found)

    def is_full(self, filling: int, *, growing: bool) -> bool:
        """Whether so much fills the memory; what grows no more does, where it keeps it full."""
        keeps_it_full = self.saturated and not growing
        return filling >= self._pending_max // (2 if keeps_it_full else 1)

    def crowding(self, tenures: Mapping[Partition, Tenure]) -> frozenset[Partition]:
        """Return who holds so much that the others would soon have no room; empty if all do."""
        if not self._crowding or len(self._crowding) == len(_drainable(tenures)):
            return frozenset()
        return self._crowding

    def to_pause(self, pending: int, tenures: Mapping[Partition, Tenure]) -> set[Partition]:
        """Return what must not be read on: at the limit everything, before it what can drain.

        A partition behind its barrier can't drain before it is read up to there: it comes last.
        """
        if not self.saturated:
            return set(self.crowding(tenures))
        if pending >= self._pending_max:
            return set(tenures)
        return set(_drainable(tenures))


def barrier_to_open(
    barred: Sequence[Partition], heads: Sequence[Window], stuck: Container[str]
) -> Partition | None:
    """Return the oldest barrier that keeps something back, where nothing else can leave.

    Windows behind a head that can't leave can't either, so the heads alone decide. Those of
    cohorts that are `stuck`, since what they have in flight does not end, leave whatever is opened
    no sooner: they count only where all are such. Then it may need what is behind them, to show
    that Braze takes others (G12).
    """
    free = [window for window in heads if window.cohort not in stuck]
    waiting = {partition for window in free or heads for partition in window.lanes}
    if not waiting.issubset(barred):
        return None
    return next((partition for partition in barred if partition in waiting), None)


def _drainable(tenures: Mapping[Partition, Tenure]) -> list[Partition]:
    return [partition for partition, tenure in tenures.items() if tenure.barrier_to is None]
