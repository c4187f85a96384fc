"""What one cohort has gathered, by partition."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from daemon.core import plan
from daemon.core.joined import Joined
from daemon.core.model import Changes, Lane, Member, Merged, Partition

# What a lane costs beside its members, in members (G9).
LANE_COST = 6


def cost_of(lane: Lane) -> int:
    """Return what a sealed lane weighs against the limit on pending changes."""
    return len(lane.changes) + LANE_COST


class OpenLane:
    """The part of an open window that came from one partition, with its ticket."""

    __slots__ = (
        "begin",
        "changes",
        "event_time_s",
        "floor",
        "opened_at_s",
        "partition",
        "ticket",
        "top",
    )

    def __init__(self, partition: Partition, ticket: int, opened_at_s: float) -> None:
        self.partition = partition
        self.ticket = ticket
        self.opened_at_s = opened_at_s
        self.changes: Changes = {}
        self.top = 0
        self.event_time_s: float | None = None
        self.floor = 0
        self.begin = 0  # Where its records begin; the hold that it took over may be older.

    def take_over(self, ticket: int, floor: int) -> int:
        """Take a second hold: keep the older one, which covers both, and return the needless."""
        needless = max(self.ticket, ticket)
        self.ticket, self.floor = min(self.ticket, ticket), min(self.floor, floor)
        return needless

    def seal(self) -> Lane:
        """Return it as it is now; the changes are handed over, never copied."""
        return Lane(
            self.partition,
            self.ticket,
            self.changes,
            self.top,
            self.opened_at_s,
            self.event_time_s,
            self.floor,
        )


class Window:
    """What a cohort has gathered since it was opened; the last change of a member wins."""

    __slots__ = ("cohort", "held_until_s", "lanes", "members", "opened_at_s", "turn_since_s")

    def __init__(self, cohort: str, opened_at_s: float) -> None:
        self.cohort = cohort
        self.opened_at_s = opened_at_s
        # Since when it waits for its turn: since its cohort's last one, if that was later.
        self.turn_since_s = opened_at_s
        self.held_until_s = -math.inf  # An opposite change is still unsettled (G4).
        self.lanes: dict[Partition, OpenLane] = {}
        self.members = 0

    @property
    def cost(self) -> int:
        """What it weighs against the limit on pending changes."""
        return self.members + LANE_COST * len(self.lanes)

    def add(self, lane: OpenLane, changes: Changes) -> int:
        """Merge newer changes of a lane and return by how many members it grew."""
        before = len(lane.changes)
        lane.changes.update(changes)
        grown = len(lane.changes) - before
        self.members += grown
        return grown

    def put_back(self, lane: Lane, changes: Changes) -> int | None:
        """Put what was not accepted of a sealed lane under newer changes, with the older hold.

        Return the ticket that is now needless, if there is one: the older hold covers both.
        """
        newer = self.lanes.get(lane.partition)
        older = OpenLane(lane.partition, lane.ticket, lane.opened_at_s)
        older.changes = changes
        older.top = lane.top
        older.event_time_s = lane.event_time_s
        older.floor = older.begin = lane.floor
        self.lanes[lane.partition] = older
        self.opened_at_s = min(self.opened_at_s, lane.opened_at_s)
        self.turn_since_s = min(self.turn_since_s, lane.opened_at_s)
        self.members += len(changes)
        if newer is None:
            return None
        self.members -= len(newer.changes) + len(changes)
        changes.update(newer.changes)
        self.members += len(changes)
        older.top = max(older.top, newer.top)
        return older.take_over(newer.ticket, newer.floor)  # It may hold a removal that waited.

    def take(self, partitions: Iterable[Partition]) -> tuple[Lane, ...]:
        """Seal and remove these lanes, oldest first."""
        lanes = sorted(
            (self.lanes.pop(partition) for partition in partitions), key=lambda o: o.opened_at_s
        )
        self.members -= sum(len(lane.changes) for lane in lanes)
        return tuple(lane.seal() for lane in lanes)

    def drop(self, partition: Partition) -> OpenLane | None:
        """Forget a lane of a partition that is no longer ours."""
        lane = self.lanes.pop(partition, None)
        if lane is not None:
            self.members -= len(lane.changes)
        return lane


def merge(lanes: Sequence[OpenLane]) -> tuple[Merged, int]:
    """Merge lanes and count the members they disagree about.

    Producers promise that all changes of one member of one cohort share a partition, so lanes
    normally have no member in common. Where they do, the lane opened last wins, and on a tie
    the removal: nobody who has left is messaged.
    """
    if len(lanes) == 1:
        return lanes[0].changes, 0
    merged = dict(lanes[0].changes)
    for lane in lanes[1:]:
        merged.update(lane.changes)
    if len(merged) == sum(len(lane.changes) for lane in lanes):
        # No member is in two of them. What fits into one request is sent as it is.
        fits = len(merged) <= plan.MEMBERS_MAX
        return merged if fits else Joined(lane.changes for lane in lanes), 0
    merged = dict(lanes[0].changes)
    disputed: set[Member] = set()
    for lane in lanes[1:]:  # In any order: what they dispute is decided below.
        shared = merged.keys() & lane.changes.keys()
        disputed.update(m for m in shared if merged[m] != lane.changes[m])
        merged.update(lane.changes)
    for member in disputed:
        claims = [
            (lane.opened_at_s, not lane.changes[member]) for lane in lanes if member in lane.changes
        ]
        _, removed = max(claims)
        merged[member] = not removed
    return merged, len(disputed)
