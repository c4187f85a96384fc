"""Removals that wait for an add which cancels them (`window.removal_delay`).

Some sources write an update as a removal and an addition. Sent as they come they would take a
member out and put them in again. Here a removal waits outside the windows, with a hold of its own,
until it is due; an add of the same member ends it, and takes its hold over. A removal that waits
is always newer than whatever the windows hold of its member, since any newer add would have ended
it: so it may be merged into a window at any time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from daemon.core.ledger import PartitionLedger
from daemon.core.model import Changes, ChangeSet, Member, Partition
from daemon.core.pressure import Load
from daemon.core.queue import WindowQueue
from daemon.core.tenure import Tenure
from daemon.core.window import LANE_COST, OpenLane, Window

Key: TypeAlias = tuple[Partition, str]


@dataclass(slots=True)
class Batch:
    """Removals of one cohort that came in one run; each has a hold at the run's first offset."""

    cohort: str
    partition: Partition
    first_offset: int
    top: int  # The offset after the run's last record.
    due_at_s: float
    event_time_s: float | None
    tickets: dict[Member, int]

    def hand_over(self, lane: OpenLane, ledger: PartitionLedger, tickets: list[int]) -> None:
        """Let a lane take these holds over: the oldest covers all."""
        for ticket in tickets:
            if ticket != lane.ticket:
                ledger.release(lane.take_over(ticket, self.first_offset))


class Ended(NamedTuple):
    """A removal that a newer change has ended: that one's lane takes its hold over."""

    batch: Batch
    ticket: int


@dataclass(slots=True)
class Kept:
    """What became of a run."""

    at_once: Mapping[str, Changes]  # What does not wait, by cohort.
    ended: dict[str, list[Ended]] = field(default_factory=dict)
    waiting_more: int = 0  # By how many removals more wait now.


class DelayedRemovals:
    """Batches in the order in which they are due, which is that in which they came."""

    def __init__(self, delay_s: float) -> None:
        self._delay_s = delay_s
        self._line: deque[Batch] = deque()
        self._of: dict[Key, dict[Member, Batch]] = {}
        self.load = Load()  # What they weigh against the limit on pending changes.
        self._members = 0

    def __len__(self) -> int:
        """Return how many removals wait."""
        return self._members

    def take_newer(
        self, partition: Partition, cohort: str, members: Iterable[Member]
    ) -> list[Batch]:
        """Remove and return the batches with a removal of one of these members."""
        waiting = self._of.get((partition, cohort))
        if not waiting:
            return []
        newer = {id(waiting[member]) for member in members if member in waiting}
        return self._take_if(lambda batch: id(batch) in newer) if newer else []

    def keep(
        self, run: ChangeSet, ledger: PartitionLedger, queue: WindowQueue, now_s: float
    ) -> Kept:
        """Let a run's removals wait, and end those that its adds cancel.

        A change that has not left yet is replaced at once: nobody is put in to be taken out. A
        removal that is said again is meant, and waits no more.
        """
        at_once: dict[str, Changes] = {}
        kept, before = Kept(at_once), self._members
        for cohort, changes in run.changes.items():
            key = run.partition, cohort
            waiting = self._of.get(key, {})
            unsent = queue.changes_of(cohort, run.partition)
            fresh: dict[Member, int] = {}
            for member, add in changes.items():
                if add or member in waiting or any(member in lane for lane in unsent):
                    at_once.setdefault(cohort, {})[member] = add
                    if member in waiting:
                        kept.ended.setdefault(cohort, []).append(self._end(waiting, member))
                else:
                    fresh[member] = ledger.hold(run.first_offset, run.leader_epoch)
            if fresh:
                self._put(run, key, fresh, now_s + self._delay_s)
        kept.waiting_more = self._members - before
        return kept

    def _put(self, run: ChangeSet, key: Key, tickets: dict[Member, int], due_at_s: float) -> None:
        first, top = run.first_offset, run.next_offset
        batch = Batch(key[1], key[0], first, top, due_at_s, run.event_time_s, tickets)
        self._line.append(batch)
        self._of.setdefault(key, {}).update(dict.fromkeys(tickets, batch))
        self._members += len(tickets)
        self.load.add(run.partition, len(tickets) + LANE_COST)

    def _end(self, waiting: dict[Member, Batch], member: Member) -> Ended:
        batch = waiting.pop(member)
        self._members -= 1
        ended = Ended(batch, batch.tickets.pop(member))
        self.load.add(batch.partition, -1 if batch.tickets else -1 - LANE_COST)
        return ended

    def take_due(self, now_s: float) -> list[Batch]:
        """Remove and return what is due."""
        due: list[Batch] = []
        while self._line and self._line[0].due_at_s <= now_s:
            due.append(self._line.popleft())
        return self._taken(due)

    def take_of(self, partitions: Iterable[Partition]) -> list[Batch]:
        """Remove and return the batches of these partitions, due or not."""
        wanted = {partition for partition in partitions if self.load.of(partition)}
        return self._take_if(lambda batch: batch.partition in wanted) if wanted else []

    def _take_if(self, wanted: Callable[[Batch], bool]) -> list[Batch]:
        taken = [batch for batch in self._line if wanted(batch)]
        self._line = deque(batch for batch in self._line if not wanted(batch))
        return self._taken(taken)

    def _taken(self, batches: list[Batch]) -> list[Batch]:
        found = [batch for batch in batches if batch.tickets]
        for batch in found:
            waiting = self._of[batch.partition, batch.cohort]
            for member in batch.tickets:
                del waiting[member]
            if not waiting:
                del self._of[batch.partition, batch.cohort]
            self._members -= len(batch.tickets)
            self.load.add(batch.partition, -len(batch.tickets) - LANE_COST)
        return found


def merge_batch(batch: Batch, queue: WindowQueue, tenure: Tenure, now_s: float) -> int:
    """Merge removals that have waited into the windows; return by how many members they grew."""
    window = _place_of(batch, queue) or queue.gather(batch.cohort, now_s)
    tickets = list(batch.tickets.values())
    lane = window.lanes.get(batch.partition)
    if lane is None:
        lane = queue.open_lane(window, batch, tickets[0], now_s)
    batch.hand_over(lane, tenure.ledger, tickets)
    lane.top = max(lane.top, batch.top)
    return queue.add(window, lane, dict.fromkeys(batch.tickets, False))


def _place_of(batch: Batch, queue: WindowQueue) -> Window | None:
    """Return the window where the removals would stand had they not waited, by their offset.

    A lane must not be told to reach behind changes that stand in a later window: what it has of
    their members would be sent as if it were newer than them.
    """
    windows = queue.with_lane(batch.cohort, batch.partition)
    earlier = [w for w in windows if w.lanes[batch.partition].begin <= batch.first_offset]
    return earlier[-1] if earlier else next(iter(windows), None)
