"""The open windows of all cohorts, in the order in which they should leave."""

from __future__ import annotations

import heapq
import itertools
import math
from collections import OrderedDict, deque
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Protocol

from daemon.core.model import Changes, Lane, Partition
from daemon.core.plan import MEMBERS_MAX as REQUEST_MEMBERS_MAX
from daemon.core.pressure import Load
from daemon.core.turn import Turn
from daemon.core.window import LANE_COST, OpenLane, Window, cost_of

# A window of this many members is closed and the next change opens another behind it.
MEMBERS_MAX = 32_000

# How full its requests must be for a window to leave before it is old.
FILLED = 0.9


@dataclass(frozen=True, slots=True)
class WindowRules:
    """When a window is due: its age in seconds (by cohort where a person said so), its size."""

    max_age_s: float = 2.0
    max_changes: int = 1_000
    max_age_overrides: Mapping[str, float] = field(default_factory=dict)

    def age_of(self, cohort: str) -> float:
        """How old a cohort's windows may become, in seconds."""
        overrides = self.max_age_overrides
        return overrides.get(cohort, self.max_age_s) if overrides else self.max_age_s

    @property
    def ages_s(self) -> frozenset[float]:
        """How old windows may become: every wish there is, in seconds."""
        return frozenset((self.max_age_s, *self.max_age_overrides.values()))


class Origin(Protocol):
    """Where a lane's changes come from: a run, or removals that have waited."""

    @property
    def partition(self) -> Partition:
        """Its partition."""

    @property
    def first_offset(self) -> int:
        """The offset that its hold does not pass."""

    @property
    def event_time_s(self) -> float | None:
        """When the first of it happened, in Unix time."""


class WindowQueue:
    """One line of windows a cohort; the heads are kept oldest first.

    Heads of one `max_age` stand in one ordered dict, so those that are due are a prefix of it
    and finding them costs nothing for the rest. New windows go to its end; what is put back is
    older than all and goes to its front.

    Where requests are short all windows wait, and who has waited longest goes first, measured by
    what it wishes (`Turn`). A cohort that holds more than one request can take is large: it has
    its turns like any other, and what nobody else needs.
    """

    def __init__(self, rules: WindowRules) -> None:
        self._rules = rules
        self._heads: dict[float, OrderedDict[str, Window]] = {}
        self._behind: dict[str, deque[Window]] = {}
        self._large: dict[str, Window] = {}
        self.load = Load()  # What all windows weigh against the limit on pending changes.

    def gather(self, cohort: str, now_s: float, whole: Partition | None = None) -> Window:
        """Return the window that takes this cohort's next changes, opening one if need be.

        `whole` is a partition behind its barrier: it has one lane a cohort, however large, since
        of a range that is replayed only last states may leave (G5).
        """
        group = self._group(cohort)
        window = group.get(cohort)
        if window is None:
            window = group[cohort] = Window(cohort, now_s)
            return window
        if not self._behind and window.members < MEMBERS_MAX:  # As nearly always.
            return window
        if cohort in self._behind:
            line = self._behind[cohort]
            if whole is not None:
                for waiting in (window, *line):
                    if whole in waiting.lanes:
                        return waiting
            window = line[-1]
        if whole is not None and whole in window.lanes:
            return window
        if window.members >= MEMBERS_MAX:
            window = Window(cohort, now_s)
            self._behind.setdefault(cohort, deque()).append(window)
        return window

    def changes_of(self, cohort: str, partition: Partition) -> list[Changes]:
        """Return what the cohort's windows hold of a partition, each its own."""
        return [window.lanes[partition].changes for window in self.with_lane(cohort, partition)]

    def with_lane(self, cohort: str, partition: Partition) -> list[Window]:
        """Return the cohort's windows that hold something of a partition, the next one first."""
        head = self._group(cohort).get(cohort)
        line = [head, *self._behind.get(cohort, ())] if head is not None else []
        return [window for window in line if partition in window.lanes]

    def open_lane(self, window: Window, run: Origin, ticket: int, now_s: float) -> OpenLane:
        """Begin the part of a window that comes from the run's partition."""
        lane = OpenLane(run.partition, ticket, now_s)
        lane.event_time_s = run.event_time_s
        lane.floor = lane.begin = run.first_offset
        window.lanes[run.partition] = lane
        self.load.add(run.partition, LANE_COST)
        return lane

    def add(self, window: Window, lane: OpenLane, changes: Changes) -> int:
        """Merge newer changes into a lane and return by how many members it grew."""
        grown = self.grow(window, lane, changes)
        self.load.add(lane.partition, grown)
        return grown

    def grow(self, window: Window, lane: OpenLane, changes: Changes) -> int:
        """Do what `add` does, but for the load: who adds much adds to that once."""
        grown = window.add(lane, changes)
        if window.members >= self._rules.max_changes:
            self._note_large(window)
        return grown

    def due(self, now_s: float, *, everything: bool) -> Iterator[Window]:
        """Yield the heads that should leave: the old ones in their turn, then the large ones.

        The windows may be taken from while this is consumed.
        """
        large = [window for window in self._large.values() if _fills_requests(window)]
        groups = [
            self._due_of(age, group, now_s, everything=everything)
            for age, group in self._heads.items()
        ]
        old: set[str] = set()
        for *_, window in heapq.merge(*groups):  # No two tuples tie before the window.
            old.add(window.cohort)
            yield window
        yield from (window for window in large if window.cohort not in old)

    def _due_of(
        self, age_s: float, group: OrderedDict[str, Window], now_s: float, *, everything: bool
    ) -> Iterator[tuple[float, float, int, Window]]:
        for index, window in enumerate(list(group.values())):
            if now_s < window.turn_since_s + age_s and not everything:
                break
            yield -Turn(window.turn_since_s, age_s).waited(now_s), age_s, index, window

    def turn_of(self, window: Window) -> Turn:
        """Return the turn that a head waits for."""
        return Turn(window.turn_since_s, self._rules.age_of(window.cohort))

    def heads(self) -> Iterator[Window]:
        """Yield the first window of each cohort."""
        return itertools.chain.from_iterable(list(g.values()) for g in self._heads.values())

    def heads_of(self, partitions: AbstractSet[Partition]) -> Iterator[Window]:
        """Yield the first window of each cohort that has something of these there."""
        if partitions:
            yield from [w for w in self.heads() if not partitions.isdisjoint(w.lanes)]

    def windows(self) -> Iterator[Window]:
        """Yield every window."""
        return itertools.chain(self.heads(), *(list(line) for line in self._behind.values()))

    def take(self, window: Window, partitions: list[Partition], now_s: float) -> tuple[Lane, ...]:
        """Seal and remove lanes of a head, oldest first; an empty head makes room for the next.

        Lanes that stay can't leave yet, so the window begins anew: else what it gathers beside
        them would leave at once, a request for every change.
        """
        lanes = window.take(partitions)
        for lane in lanes:
            self.load.add(lane.partition, -cost_of(lane))
        if window.lanes:
            window.opened_at_s = window.turn_since_s = now_s
            self._group(window.cohort).move_to_end(window.cohort)
        self._settle_head(window, now_s)
        return lanes

    def put_back(self, cohort: str, lane: Lane, changes: Changes) -> int | None:
        """Put what was not accepted of a sealed lane under newer changes, at the front.

        Return the ticket of a newer hold that is now needless, if there is one.
        """
        group = self._group(cohort)
        window = group.get(cohort)
        if window is None:
            window = group[cohort] = Window(cohort, lane.opened_at_s)
        before = window.cost
        needless = window.put_back(lane, changes)
        self.load.add(lane.partition, window.cost - before)
        _to_its_place(group, window)
        if window.members >= self._rules.max_changes:
            self._note_large(window)
        return needless

    def drop(self, partition: Partition) -> None:
        """Forget every lane of a partition that is no longer ours."""
        for window in [w for w in self.windows() if partition in w.lanes]:
            before = window.cost
            window.drop(partition)
            self.load.add(partition, window.cost - before)
            line = self._behind.get(window.cohort)
            if line is not None and window in line:
                if window.lanes:
                    continue
                line.remove(window)
                if not line:
                    del self._behind[window.cohort]
            else:
                self._settle_head(window)

    def _settle_head(self, window: Window, turn_s: float = -math.inf) -> None:
        """Let the next window move up where the head has nothing left.

        After a turn of its cohort, a large one is behind all other large ones, and has waited
        only since then.
        """
        self._large.pop(window.cohort, None)
        if window.lanes:
            if window.members >= self._rules.max_changes:
                self._note_large(window)
            return
        group = self._group(window.cohort)
        line = self._behind.get(window.cohort)
        if line is None:
            del group[window.cohort]
            return
        head = group[window.cohort] = line.popleft()
        if not line:
            del self._behind[window.cohort]
        if head.members >= self._rules.max_changes:
            head.turn_since_s = max(head.turn_since_s, turn_s)
            self._note_large(head)
        _to_its_place(group, head)

    def _note_large(self, window: Window) -> None:
        cohort = window.cohort
        if cohort not in self._large and self._group(cohort).get(cohort) is window:
            self._large[cohort] = window

    def _group(self, cohort: str) -> OrderedDict[str, Window]:
        age_s = self._rules.age_of(cohort)
        group = self._heads.get(age_s)
        if group is None:
            group = self._heads[age_s] = OrderedDict()
        return group


def _fills_requests(window: Window) -> bool:
    """Tell whether its last request is worth making now, as all before it are.

    A little more than one request takes would cost two: such a window goes on gathering until it
    is old, or fills them.
    """
    requests = math.ceil(window.members / REQUEST_MEMBERS_MAX)
    return requests == 1 or window.members >= FILLED * requests * REQUEST_MEMBERS_MAX


def _to_its_place(group: OrderedDict[str, Window], window: Window) -> None:
    """Let the heads stand oldest first again: one out of place hides those that are due."""
    group.move_to_end(window.cohort)
    older = [
        head.cohort
        for head in itertools.takewhile(
            lambda head: head.turn_since_s < window.turn_since_s, group.values()
        )
    ]
    for cohort in [window.cohort, *reversed(older)]:
        group.move_to_end(cohort, last=False)
