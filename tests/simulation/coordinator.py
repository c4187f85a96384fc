"""The group's coordinator: members, epochs, who owns what, and the committed offsets."""

from __future__ import annotations

import functools
import itertools
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from daemon.core.model import Partition
from daemon.kafka.records import Commit, CommitResult, Committed
from tests.simulation.oracle import Oracle, Sending
from tests.simulation.scenario import HEARTBEAT_S, SESSION_S
from tests.simulation.world import World


class Client(Protocol):
    """The consumer of one process, as the coordinator sees it."""

    name: str

    @property
    def process(self) -> Sending:
        """The process around it."""

    def admitted(self, member: int) -> None: ...
    def told(self, member: int, what: str, partitions: Sequence[Partition]) -> None: ...
    def expelled(self, member: int) -> None: ...
    def polls_late(self) -> bool: ...


@dataclass(slots=True)
class CommitTrouble:
    """What befalls commits now, until when."""

    refuse_until_s: float = 0.0
    lose_until_s: float = 0.0


class Coordinator:
    """Assigns cooperatively, where a partition moves when its owner has given it back or is gone,
    or eagerly, where everybody first gives everything back.

    Commits are fenced by member and epoch, not by partition, as brokers do it: a member of the
    group may commit what another owns, even backwards. That is for the oracle to notice.
    """

    def __init__(self, world: World, oracle: Oracle) -> None:
        self.offsets: dict[Partition, Committed] = {}
        self.owner: dict[Partition, int | None] = dict.fromkeys(world.plan.partitions)
        self.silent_until_s = 0.0
        self._silent_at_s = 0.0
        self.trouble = CommitTrouble()
        self.judge = oracle.commits
        self._world = world
        self._members: dict[int, Client] = {}
        self._epochs: dict[int, int] = {}
        self._revoking: set[Partition] = set()
        self._ids = itertools.count(1)
        self._due = False
        self._collecting = False  # An eager rebalance is under way.
        world.after(1.0, self._watch_polls)

    @property
    def silent(self) -> bool:
        """It answers nobody."""
        return self._world.now < self.silent_until_s

    @property
    def silent_from_s(self) -> float:
        """Since when it has heard no heartbeat of anybody; never, while it listens."""
        return self._silent_at_s if self.silent else math.inf

    def hush(self, for_s: float) -> None:
        """Answer nobody for so long. Who did not speak in time afterwards is expired."""
        if self.silent:
            return
        self._silent_at_s = self._world.now - HEARTBEAT_S
        self.silent_until_s = self._world.now + for_s
        if for_s > SESSION_S and self._world.chance(0.5):
            for member in self._members:
                if self._world.chance(0.5):
                    self._world.at(self.silent_until_s, functools.partial(self.expire, member))

    def add(self, partition: Partition) -> None:
        """There is one more to give to somebody."""
        self.owner[partition] = None
        self._soon()

    def owner_name(self, partition: Partition) -> str | None:
        """Return the name of the process that owns a partition."""
        client = self._members.get(self.owner.get(partition) or 0)
        return client.name if client else None

    @property
    def members(self) -> int:
        """How many there are in the group."""
        return len(self._members)

    def epoch(self, member: int) -> int:
        """Return a member's epoch; 0 for none."""
        return self._epochs.get(member, 0)

    # Members come and go.

    def join(self, client: Client) -> None:
        """Take a member in."""
        member = next(self._ids)
        self._members[member] = client
        self._epochs[member] = 1
        client.admitted(member)
        self._world.note("joined", client.name, member)
        self._soon()

    def leave(self, member: int) -> None:
        """A member says goodbye."""
        self._remove(member)

    def abandoned(self, member: int) -> None:
        """A client goes on as another member; this one's session runs out some time."""
        if member in self._members:
            at_s = max(self._world.now, self.silent_until_s) + self._world.rng.uniform(0, SESSION_S)
            self._world.at(at_s, lambda: self._remove_late(member))

    def _remove_late(self, member: int) -> None:
        if self.silent:
            self.abandoned(member)
        else:
            self._remove(member)

    def expire(self, member: int) -> None:
        """A member was silent for too long: its partitions are free."""
        if member not in self._members or self.silent:
            return
        client = self._members[member]
        self._world.note("expired", client.name, member)
        self._world.sometimes("expired")
        self._remove(member)
        client.expelled(member)

    def _remove(self, member: int) -> None:
        if self._members.pop(member, None) is None:
            return
        for partition, owner in self.owner.items():
            if owner == member:
                self.owner[partition] = None
                self._revoking.discard(partition)
        self._soon()

    def _watch_polls(self) -> None:
        """A client that was not polled for `max.poll.interval` leaves by itself."""
        self._world.after(1.0, self._watch_polls)
        for member, client in list(self._members.items()):
            if client.polls_late():
                self._world.sometimes("poll_interval_exceeded")
                self.expire(member)

    # Partitions move.

    def shuffle(self, rng: random.Random) -> None:
        """Take a partition from its owner, or all; perhaps it gets it back at once."""
        owned = [p for p, m in self.owner.items() if m is not None and p not in self._revoking]
        if owned and self._world.plan.eager:
            self._collecting = True
            self._collect()
        elif owned:
            self._revoke([rng.choice(owned)])

    def _soon(self) -> None:
        if not self._due:
            self._due = True
            self._world.after(self._world.rng.choice((0.05, 0.3, 1.5)), self._rebalance)

    def _rebalance(self) -> None:
        if self.silent:
            self._world.at(self.silent_until_s + 0.05, self._rebalance)
            return
        self._due = False
        if not self._members:
            return
        if self._world.plan.eager:
            owned = any(member is not None for member in self.owner.values())
            if owned and not self._collecting:
                self._collecting = True
                self._collect()
            if any(member is not None for member in self.owner.values()):
                return
            self._collecting = False
        given = self._share_out()
        for member, partitions in given.items():
            self._epochs[member] += 1
            self._world.note("gives", self._members[member].name, *map(str, partitions))
            self._world.sometimes(
                f"rebalance_{'eager' if self._world.plan.eager else 'cooperative'}"
            )
            self._members[member].told(member, "assign", partitions)
        if not self._world.plan.eager:
            self._level()

    def _share_out(self) -> dict[int, list[Partition]]:
        """Give what nobody owns to those who own least."""
        given: dict[int, list[Partition]] = {}
        for partition in [p for p, member in self.owner.items() if member is None]:
            loads = self._loads()
            least = min(loads.values())
            member = self._world.rng.choice([m for m, load in loads.items() if load == least])
            self.owner[partition] = member
            given.setdefault(member, []).append(partition)
        return given

    def _level(self) -> None:
        """Take one from who owns too many."""
        loads = self._loads()
        most, least = max(loads, key=lambda m: loads[m]), min(loads, key=lambda m: loads[m])
        if loads[most] - loads[least] > 1:
            movable = [p for p, m in self.owner.items() if m == most and p not in self._revoking]
            if movable:
                self._revoke([self._world.rng.choice(movable)])

    def _collect(self) -> None:
        """Take everything from everybody."""
        for member in self._members:
            mine = [p for p, m in self.owner.items() if m == member and p not in self._revoking]
            if mine:
                self._revoke(mine)

    def _loads(self) -> dict[int, int]:
        owners = list(self.owner.values())
        return {member: owners.count(member) for member in self._members}

    def _revoke(self, partitions: Sequence[Partition]) -> None:
        """Take partitions from the one who owns them."""
        member = self.owner[partitions[0]]
        assert member is not None
        self._revoking.update(partitions)
        self._world.note("takes", self._members[member].name, *map(str, partitions))
        self._members[member].told(member, "revoke", partitions)

    def given_back(self, member: int, partitions: Sequence[Partition]) -> None:
        """A member has finished with partitions that were to be revoked."""
        if member not in self._members:
            return
        for partition in partitions:
            if self.owner[partition] == member:
                self.owner[partition] = None
                self._revoking.discard(partition)
        self._epochs[member] += 1
        self._soon()

    # Offsets.

    def write(self, partition: Partition, committed: Committed, *, broken: bool) -> None:
        """Let a person set an offset, as tools do while the group has no member."""
        assert not any(self.owner.values()), self.owner
        self.offsets[partition] = committed
        self.judge.set_by_person(partition, committed.offset, broken=broken)

    def commit(self, member: int, epoch: int, commits: Sequence[Commit]) -> list[CommitResult]:
        """Take a request's commits, or refuse it whole."""
        refusal = self._refusal(member, epoch)
        if refusal is not None:
            self._world.sometimes(f"commit_{refusal.lower()}")
            return [CommitResult(commit, refusal) for commit in commits]
        for commit in commits:
            committed = Committed(commit.offset, commit.metadata, commit.leader_epoch)
            before = self.offsets.get(commit.partition)
            self._world.note(
                "committed", self._members[member].name, commit.partition, commit.offset,
                commit.metadata[7:40],
            )  # fmt: skip
            self.judge.taken(self._members[member].process, commit.partition, before, committed)
            self.offsets[commit.partition] = committed
        return [CommitResult(commit) for commit in commits]

    def _refusal(self, member: int, epoch: int) -> str | None:
        if member not in self._members:
            return "UNKNOWN_MEMBER_ID"
        fenced = self._world.plan.arm == "storm" and self._world.chance(0.7)
        if epoch < self._epochs[member] and fenced:
            return self._world.rng.choice(("STALE_MEMBER_EPOCH", "ILLEGAL_GENERATION"))
        return None
