"""A group member's client: a stand-in for the consumer, on the simulated log."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from daemon.core.model import Partition
from daemon.errors import KafkaUnavailable
from daemon.kafka.records import (
    Commit,
    CommitResult,
    Committed,
    Polled,
    RebalanceListener,
)
from tests.simulation.channel import Channel
from tests.simulation.commits import is_open
from tests.simulation.coordinator import Coordinator
from tests.simulation.fetcher import Fetcher
from tests.simulation.log import Log
from tests.simulation.oracle import Sending
from tests.simulation.scenario import POLL_S, SETTLE_S
from tests.simulation.world import Waiter, World

# How long a question waits for a broker that is silent.
_ASKED_S = 1.5


class Owner(Waiter, Sending, Protocol):
    """The process around a client."""

    dead: bool

    @property
    def reachable(self) -> bool:
        """It and the brokers hear each other."""

    def guard(self, do: Callable[[], None]) -> Callable[[], None]: ...
    def awaits_schema(self, partition: Partition) -> bool:
        """Tell whether what comes next of a partition needs a schema that it can't know yet."""

    def entered(self, what: str) -> None:
        """It is inside a call of the group: here a process may be killed."""


class Consumer:
    """One thread calls it. Rebalances are served inside `poll_runs` and `close`."""

    def __init__(self, world: World, owner: Owner, log: Log, coordinator: Coordinator) -> None:
        self.name = owner.name
        self.assigned: set[Partition] = set()
        self.member = 0
        self.polled_at_s = world.now
        self.lost_here = False  # The client itself has noticed that its session is over.
        self._world = world
        self._owner = owner
        self._log = log
        self._coordinator = coordinator
        self._channel = Channel(world, owner, coordinator)
        self._listener: RebalanceListener
        self._fetcher = Fetcher(world, log)
        self._assigned_at_s: dict[Partition, float] = {}
        self._told: dict[Partition, Committed | None] = {}
        self._waits_until_s: dict[Partition, float] = {}
        self._begun_ends: dict[Partition, int] = {}
        self._inbox: deque[tuple[str, Sequence[Partition]]] = deque()
        self._expelled = False
        self._epoch = 0
        self._joining = False

    # What the coordinator says.

    @property
    def process(self) -> Sending:
        """The process around this client."""
        return self._owner

    def admitted(self, member: int) -> None:
        self.member, self._epoch, self._joining = member, 1, False

    def told(self, member: int, what: str, partitions: Sequence[Partition]) -> None:
        """The coordinator gives or takes; the client hears of it with its next heartbeat."""
        epoch = self._coordinator.epoch(member)
        listed = tuple(partitions)

        def heard() -> None:
            if self.member == member and not self._expelled:
                self._epoch = max(self._epoch, epoch)
                self._inbox.append((what, listed))

        self._channel.back(heard)

    def expelled(self, member: int) -> None:
        if self.member == member:
            self._expelled = True

    def polls_late(self) -> bool:
        """Tell whether the client leaves because nobody polls it."""
        if self._owner.dead or self._owner.frozen:
            return False
        return self._world.now - self.polled_at_s > POLL_S

    # Reading.

    def subscribe(self, listener: RebalanceListener) -> None:
        """Join the group, some time from now."""
        self._listener = listener
        self._join()

    def _join(self) -> None:
        if self._joining or self.member:
            return
        self._joining = True
        self._channel.there(lambda: self._coordinator.join(self))

    def poll_runs(self, max_records: int, timeout_s: float) -> list[Polled]:
        """Serve the group, then return what is there. It never waits: turns are paced outside."""
        self._owner.check_alive()
        self.polled_at_s = self._world.now
        reachable = self._owner.reachable
        if self.lost_here or (self._expelled and reachable and self._world.chance(0.3)):
            self._lose()
        if not reachable:
            return []
        self._join()
        if self._inbox and not self._expelled and self._world.chance(0.8):
            self._serve(*self._inbox.popleft())
        return self._fetcher.fetch(max_records)

    def _lose(self) -> None:
        self.lost_here = self._expelled = False
        self._inbox.clear()
        self._coordinator.abandoned(self.member)
        self.member, self._epoch = 0, 0
        lost = sorted(self.assigned)
        self.assigned.clear()
        if lost:
            self._world.note("on_lost", self.name, *map(str, lost))
            self._world.sometimes("on_lost")
            self._listener.on_lost(lost)
        for partition in lost:
            self._fetcher.end(partition)

    def _serve(self, what: str, partitions: Sequence[Partition]) -> None:
        if what == "assign":
            self.assigned.update(partitions)
            self._assigned_at_s.update(dict.fromkeys(partitions, self._world.now))
            self._world.note("on_assign", self.name, *map(str, partitions))
            self._listener.on_assign(partitions)
            return
        mine = [p for p in partitions if p in self.assigned]
        held = sum(p in self.paused() and self._owner.awaits_schema(p) for p in mine)
        self._world.sometimes("revoked_while_held", held)
        member = self.member
        self._world.note("on_revoke", self.name, *map(str, mine))
        self._owner.entered("revoke")
        self._listener.on_revoke(mine)
        self._world.note("revoked", self.name, *map(str, mine))
        self.assigned.difference_update(mine)
        for partition in mine:
            self._fetcher.end(partition)
        self._channel.there(lambda: self._coordinator.given_back(member, mine))

    def begin(self, offsets: Mapping[Partition, int]) -> None:
        """Read assigned partitions from these offsets."""
        fresh = {p: offset for p, offset in offsets.items() if p in self.assigned}
        fresh = {p: offset for p, offset in fresh.items() if p not in self._fetcher}
        self._fetcher.begin(fresh)
        for partition in fresh:
            self._begun_ends[partition] = self._log.end[partition]
            committed = self._told.get(partition)
            waits = committed is not None and is_open(committed)
            self._world.sometimes("waited", int(waits))
            until_s = self._assigned_at_s[partition] + SETTLE_S if waits else -math.inf
            self._waits_until_s[partition] = until_s

    def waits_until_s(self, partition: Partition) -> float:
        """Return when the one wait is over, by what the last owner said."""
        return self._waits_until_s.get(partition, -math.inf)

    def begun_end(self, partition: Partition) -> int:
        """Return where the log ended when reading of a partition began."""
        return self._begun_ends.get(partition, 0)

    def read_to(self, partition: Partition) -> int:
        """Return the offset after what was handed out."""
        return self._fetcher.read_to(partition)

    def paused(self) -> set[Partition]:
        """Return what is read and paused."""
        return self._fetcher.paused()

    def schemas_ahead(self, partition: Partition) -> set[int]:
        """Return the schemas of what one poll may hand out next of a partition."""
        at, most = self.read_to(partition), self._world.plan.limits.poll_max
        return {entry.schema for entry in self._log.read(partition, at, most)} - {0}

    def seek(self, partition: Partition, offset: int) -> None:
        """Read on from another offset."""
        self._fetcher.seek(partition, offset)

    def pause(self, partitions: Sequence[Partition]) -> None:
        """Hand out nothing of these."""
        for partition in partitions:
            self._fetcher.pause(partition, paused=True)

    def resume(self, partitions: Sequence[Partition]) -> None:
        """Undo `pause`."""
        for partition in partitions:
            self._fetcher.pause(partition, paused=False)

    def position(self, partition: Partition) -> int | None:
        """Return the next offset to be read, None before the first."""
        return self._fetcher.position(partition)

    def end_offset(self, partition: Partition) -> int | None:
        """Return the log's end as last seen in a fetch."""
        return self._fetcher.end_offset(partition)

    # Committing.

    def commit(self, commits: Sequence[Commit]) -> None:
        """Send without waiting, one request a topic."""
        self._owner.check_alive()
        topics: dict[str, list[Commit]] = {}
        for commit in commits:
            self._check_ours(commit)
            topics.setdefault(commit.partition.topic, []).append(commit)
        for ours in topics.values():
            self._channel.send(self.member, self._epoch, ours)

    def _check_ours(self, commit: Commit) -> None:
        """Judge here what the real client refuses: the daemon must not even ask."""
        if commit.partition not in self.assigned:
            self._coordinator.judge.asked(self.name, commit.partition)

    def commit_results(self) -> list[CommitResult]:
        """Return the answers that came since the last call."""
        found, self._channel.results = self._channel.results, []
        return found

    def commit_now(self, commits: Sequence[Commit]) -> list[CommitResult]:
        """Send and wait."""
        self._owner.check_alive()
        for commit in commits:
            self._check_ours(commit)
        return self._channel.send_and_wait(self.member, self._epoch, commits)

    # Asking.

    def _ask(self, timeout_s: float) -> None:
        self._owner.check_alive()
        until_s = self._world.now + min(timeout_s, _ASKED_S)
        if self._world.chance(0.3):
            self._world.wait(self._owner, lambda: False, self._world.now + 0.05)
        if not self._answered():
            self._world.wait(self._owner, self._answered, until_s)
        lost = self._world.plan.arm == "storm" and self._world.chance(0.02)
        if lost or not self._answered():
            self._world.sometimes("kafka_unavailable")
            raise KafkaUnavailable("nobody answers")

    def _answered(self) -> bool:
        return self._owner.reachable and not self._coordinator.silent

    def committed(
        self, partitions: Sequence[Partition], timeout_s: float
    ) -> dict[Partition, Committed | None]:
        """Ask the coordinator."""
        self._ask(timeout_s)
        told = {partition: self._coordinator.offsets.get(partition) for partition in partitions}
        self._told |= told
        return told

    def log_range(self, partition: Partition, timeout_s: float) -> tuple[int, int]:
        """Return the first offset and the end of the log."""
        self._ask(timeout_s)
        return self._log.low[partition], self._log.end[partition]

    def offset_at(self, partition: Partition, timestamp_ms: int, timeout_s: float) -> int:
        raise NotImplementedError  # No world starts at a time.

    def close(self) -> None:
        """Give back what is ours, and leave."""
        self._owner.check_alive()
        if self.assigned:
            self._owner.entered("close")
            mine = sorted(self.assigned)
            self._listener.on_revoke(mine)
            self.assigned.clear()
            for partition in mine:
                self._fetcher.end(partition)
        self._channel.there(lambda: self._coordinator.leave(self.member), even_gone=True)
