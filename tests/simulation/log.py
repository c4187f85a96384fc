"""The Kafka log: offsets with gaps, changes, broken records, and what the records add up to."""

from __future__ import annotations

import itertools
import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence

from daemon.core.model import Partition
from tests.simulation.scenario import Key, Scenario
from tests.simulation.world import World


class Entry:
    """One record. It has the face of a client's message, as far as the intake uses it."""

    __slots__ = ("_offset", "add", "key_of")

    def __init__(self, offset: int, key_of: Key | None, *, add: bool) -> None:
        self._offset = offset
        self.key_of = key_of  # None: nobody can make sense of it.
        self.add = add

    def offset(self) -> int:
        return self._offset

    def value(self) -> bytes | None:
        return None

    def key(self) -> bytes | None:
        return None

    def headers(self) -> list[tuple[str, bytes | None]] | None:
        return None

    def timestamp(self) -> tuple[int, int]:
        return 0, 0


class Log:
    """All partitions, and the history of each member of each cohort in log order."""

    def __init__(self, plan: Scenario) -> None:
        self.records: dict[Partition, list[Entry]] = {p: [] for p in plan.partitions}
        self.end: dict[Partition, int] = dict.fromkeys(plan.partitions, 0)
        self.history: dict[Key, list[tuple[int, bool]]] = defaultdict(list)
        self._offsets: dict[Partition, list[int]] = {p: [] for p in plan.partitions}
        self._place = plan.place

    def append(self, key: Key, *, add: bool) -> None:
        """Append a change."""
        partition = self._place[key]
        self.history[key].append((self._put(partition, key, add=add), add))

    def append_broken(self, partition: Partition) -> None:
        """Append a record that can't be used."""
        self._put(partition, None, add=False)

    def skip(self, partition: Partition, count: int) -> None:
        """Leave a gap: control records, an aborted transaction."""
        self.end[partition] += count

    def _put(self, partition: Partition, key: Key | None, *, add: bool) -> int:
        offset = self.end[partition]
        self.records[partition].append(Entry(offset, key, add=add))
        self._offsets[partition].append(offset)
        self.end[partition] = offset + 1
        return offset

    def read(self, partition: Partition, offset: int, count: int) -> Sequence[Entry]:
        """Return at most so many records at or above an offset."""
        first = bisect_left(self._offsets[partition], offset)
        return self.records[partition][first : first + count]

    def between(self, partition: Partition, low: int, high: int) -> Sequence[Entry]:
        """Return the records from `low` up to `high`, without it."""
        offsets = self._offsets[partition]
        return self.records[partition][bisect_left(offsets, low) : bisect_left(offsets, high)]

    def below(self, key: Key, top: float = math.inf) -> tuple[int, bool] | None:
        """Return offset and direction of the last change of a key below `top`."""
        history = self.history.get(key, [])
        index = bisect_left(history, (top, False))
        return history[index - 1] if index else None


class Producer:
    """Appends the scenario's changes at random times, in bursts, with gaps between."""

    def __init__(self, world: World, log: Log) -> None:
        self._world = world
        self._log = log
        self._left = world.plan.changes
        self._pace_s = world.plan.duration_s / world.plan.changes
        if world.chance(0.3):  # There is a backlog.
            self._burst(world.plan.changes // 2)
        world.after(0.1, self._go_on)

    def _go_on(self) -> None:
        rng = self._world.rng
        self._burst(min(self._left, rng.choice((1, 1, 2, 6))))
        if self._left:
            self._world.after(rng.expovariate(1 / (self._pace_s * 2.5)), self._go_on)

    def _burst(self, count: int) -> None:
        plan, rng = self._world.plan, self._world.rng
        self._left -= count
        for _ in itertools.repeat(None, count):
            key = rng.choice(plan.keys)
            if rng.random() < plan.broken:
                self._log.append_broken(plan.place[key])
            else:
                self._log.append(key, add=rng.random() < 0.55)
            if rng.random() < 0.1:
                self._log.skip(plan.place[key], rng.randint(1, 4))

    def probe(self) -> None:
        """Append one harmless change for each partition and cohort: evidence that all flows."""
        plan = self._world.plan
        fresh: dict[tuple[Partition, str], Key] = {}
        for key in plan.keys:
            if key not in plan.refused:
                fresh.setdefault((plan.place[key], key[0]), key)
        for key in fresh.values():
            self._log.append(key, add=self._world.chance(0.5))
