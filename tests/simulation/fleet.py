"""Many replicas, the daemon's own pacers, and one budget that they keep without a word (G8).

A light world: of a daemon there is the pacer with its share, of Kafka who owns what, of Braze the
hour in which it counts. Replicas start, leave, crash and freeze; their clocks run at speeds of
their own and none of them knows where Braze's hour begins. Demand has no end, but for pauses in
which everybody saves up what may be saved.
"""

from __future__ import annotations

import heapq
import itertools
import math
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from daemon.core.pacer import Budget, Pacer
from tests.simulation.fleet_group import Group

HOUR_S = 3_600.0
SESSION_S, LEASE_S = 45.0, 30.0
WAIT_S = 30.0  # After an unclean hand-over nothing is sent for so long.
DRIFT = 5e-4  # A clock that is being corrected runs so much too fast or too slow.
BIN_S = 60.0


@dataclass(frozen=True, slots=True)
class Fleet:
    """A world to be. `churn` is how many replicas start anew an hour; `busy` what part of the
    partitions has more to send than it may; `pauses` whether demand stands still now and then."""

    seed: int
    replicas: int = 64
    partitions: int = 192
    hours: int = 3
    budget: Budget = field(default_factory=Budget)
    churn: int = 0
    busy: float = 1.0
    pauses: bool = False

    @property
    def total(self) -> float:
        """What all replicas together may use of an hour."""
        return self.budget.requests_per_hour * (1 - self.budget.reserve)


@dataclass(frozen=True, slots=True)
class Used:
    """What a fleet has used: in Braze's hours, and in the worst 60 minutes there were."""

    hours: tuple[int, ...]
    worst: int
    starts: int
    rebalances: int


class Replica:
    """One process: a pacer, a clock of its own, and what it believes to own."""

    def __init__(self, world: _World) -> None:
        self._world = world
        self._speed = 1 + world.rng.uniform(-DRIFT, DRIFT)
        self._off_s = world.rng.uniform(0, 1e6)
        self._pacer = Pacer(world.plan.budget, self._clock())
        self._order = 0  # Of its next request; what was planned before is void.
        self.owned: set[int] = set()
        self.dead = False
        self.frozen_until_s = -math.inf
        self._lease_until_s = math.inf
        self._wait_until_s = -math.inf

    def _clock(self) -> float:
        return self._off_s + self._world.now_s * self._speed

    @property
    def hears(self) -> bool:
        return not self.dead and self._world.now_s >= self.frozen_until_s

    def told(self, owned: set[int], now_s: float) -> None:
        """Own these, and use the part of the budget that they are of all."""
        unclean = (owned - self.owned) & self._world.unclean
        self._world.unclean -= unclean
        if unclean and unclean == owned:  # Else the wait holds up those partitions alone.
            self._wait_until_s = now_s + WAIT_S
        self.owned = owned
        self._pacer.set_share(len(owned) / self._world.plan.partitions, self._clock())
        self.plan()

    def freeze(self, for_s: float) -> None:
        """Stand still; the last commit was taken a moment ago."""
        self.frozen_until_s = self._world.now_s + for_s
        self._lease_until_s = self._world.now_s + LEASE_S
        self._world.at(self.frozen_until_s, self.plan)

    def renew(self) -> None:
        """The group still knows it, so its commits are taken again."""
        self._lease_until_s = math.inf
        self.plan()

    def plan(self) -> None:
        """Say when the next request goes, as far as can be told now."""
        self._order += 1
        world, order = self._world, self._order
        if self.dead or world.busy.isdisjoint(self.owned):
            return
        now_s = self._clock()
        ready_s = self._pacer.ready_at_s(now_s)
        at_s = world.now_s + (ready_s - now_s) / self._speed
        at_s = max(at_s, self.frozen_until_s, self._wait_until_s, world.quiet_until_s)
        if at_s < self._lease_until_s:
            world.at(at_s, lambda: self._send(order))

    def _send(self, order: int) -> None:
        if order != self._order or not self.hears:
            return
        now_s = self._clock()
        if self._pacer.ready_at_s(now_s) <= now_s:
            self._pacer.take(now_s)
            self._world.count()
        self.plan()


class _World:
    def __init__(self, plan: Fleet) -> None:
        self.plan = plan
        self.rng = random.Random(f"fleet {plan.seed}")
        self.now_s = 0.0
        self.quiet_until_s = -math.inf
        self.busy = set(range(math.ceil(plan.busy * plan.partitions)))
        self.unclean: set[int] = set()  # Given up by nobody: the last owner was put out.
        self.starts = 0
        self.group = Group(plan.partitions)
        self._hour_off_s = self.rng.uniform(0, HOUR_S)
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._live: list[Replica] = []
        self._hours: Counter[int] = Counter()
        self._bins: Counter[int] = Counter()

    def at(self, at_s: float, do: Callable[[], None]) -> None:
        if at_s < math.inf:
            heapq.heappush(self._heap, (max(at_s, self.now_s), next(self._numbers), do))

    def count(self) -> None:
        self._hours[int((self.now_s + self._hour_off_s) // HOUR_S)] += 1
        self._bins[int(self.now_s // BIN_S)] += 1

    def start(self) -> None:
        replica = Replica(self)
        self.starts += 1
        self._live.append(replica)
        self.group.join(replica, self.now_s)

    def stop(self) -> None:
        """One leaves well, and another comes a little later."""
        replica = self._taken()
        replica.dead = True
        self.group.leave([replica], self.now_s)
        self.at(self.now_s + self.rng.uniform(1, 20), self.start)

    def crash(self) -> None:
        """One is killed; its partitions wait for its session, its place is taken before."""
        replica = self._taken()
        replica.dead = True
        self.at(self.now_s + self.rng.uniform(1, 60), self.start)
        self.at(self.now_s + SESSION_S, lambda: self._put_out(replica))

    def freeze(self) -> None:
        """One stands still, for less than its session or for longer."""
        replica, for_s = self.rng.choice(self._live), self.rng.uniform(5, 120)
        if not replica.hears:
            return
        replica.freeze(for_s)
        if for_s < SESSION_S:
            self.at(self.now_s + for_s, replica.renew)
        else:
            self.at(self.now_s + SESSION_S, lambda: self._put_out(replica))
            self.at(self.now_s + for_s, lambda: self._come_back(replica))

    def _put_out(self, replica: Replica) -> None:
        self.unclean |= replica.owned
        self.group.leave([replica], self.now_s)

    def _come_back(self, replica: Replica) -> None:
        """It learns that it has lost everything, and joins again."""
        if not replica.dead:
            replica.told(set(), self.now_s)
            replica.renew()
            self.group.join(replica, self.now_s)

    def _taken(self) -> Replica:
        return self._live.pop(self.rng.randrange(len(self._live)))

    def pause(self) -> None:
        """Nobody has anything to send for a while, then everybody at once."""
        self.quiet_until_s = self.now_s + self.rng.uniform(60, 600)
        self.at(self.now_s + self.rng.uniform(900, 2_400), self.pause)

    def run(self) -> Used:
        plan = self.plan
        end_s = plan.hours * HOUR_S
        for _ in range(plan.replicas):
            self.at(self.rng.uniform(0, 120), self.start)
        for _ in range(plan.churn * plan.hours):
            trouble = self.rng.choice((self.stop, self.crash, self.freeze))
            self.at(self.rng.uniform(180, end_s), trouble)
        if plan.pauses:
            self.at(self.rng.uniform(600, 1_800), self.pause)
        while self._heap and self._heap[0][0] <= end_s:
            self.now_s, _, do = heapq.heappop(self._heap)
            do()
        return self._used(end_s)

    def _used(self, end_s: float) -> Used:
        width, last = int(HOUR_S / BIN_S), int(end_s / BIN_S)
        bins = [self._bins[number] for number in range(last)]
        worst = max(sum(bins[at : at + width]) for at in range(last - width + 1))
        hours = tuple(self._hours[n] for n in sorted(self._hours))
        return Used(hours, worst, self.starts, self.group.rebalances)


def run(plan: Fleet) -> Used:
    """Let a fleet spend its budget for some hours."""
    return _World(plan).run()
