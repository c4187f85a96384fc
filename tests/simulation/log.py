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

# A log made anew counts its offsets from 0 again. Those who judge count on: in places, which no
# two records of a partition have in common.
_LIFE = 1_000_000

# The id of a schema that the registry does not have.
UNKNOWN_SCHEMA = 99


class Entry:
    """One record. It has the face of a client's message, as far as the daemon uses it."""

    __slots__ = ("_offset", "_partition", "add", "key_of", "name", "schema")

    def __init__(self, partition: Partition, offset: int, key_of: Key | None, *, add: bool) -> None:
        self._partition = partition
        self._offset = offset
        self.key_of = key_of  # None: nobody can make sense of it.
        self.add = add
        self.name: str | None = None  # Of its cohort, where it says one.
        self.schema = 0  # By which it is written; 0 where it needs none.

    def topic(self) -> str:
        return self._partition.topic

    def partition(self) -> int:
        return self._partition.number

    def offset(self) -> int:
        return self._offset

    def error(self) -> None:
        return None

    def leader_epoch(self) -> int:
        return 0

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
        self.records: dict[Partition, list[Entry]] = {}
        self.low: dict[Partition, int] = {}
        self.end: dict[Partition, int] = {}
        self.broken: set[Partition] = set()  # The group's offset says nothing of the log any more.
        self.history: dict[Key, list[tuple[int, bool]]] = defaultdict(list)
        self._offsets: dict[Partition, list[int]] = {}
        self._lives: dict[str, int] = {}
        self._place = plan.place
        self.names = {cohort: f"name 0 of {cohort}" for cohort, _ in plan.place}
        self.schema = min(1, plan.limits.schemas)  # What is written now.
        for partition in plan.partitions:
            self.add(partition)

    def add(self, partition: Partition) -> None:
        """A partition comes into being, empty."""
        self._lives.setdefault(partition.topic, 1)
        self.records[partition] = []
        self._offsets[partition] = []
        self.low[partition] = self.end[partition] = 0

    def topic_id(self, topic: str) -> str:
        """Return what tells a topic from one of the same name that was deleted."""
        return f"id-{topic}-{self._lives[topic]}"

    def place(self, partition: Partition, offset: int) -> int:
        """Return what stands for an offset of the log that is there now."""
        return self._lives[partition.topic] * _LIFE + offset

    def append(self, key: Key, *, add: bool, named: bool = True) -> None:
        """Append a change, with its cohort's name or without."""
        partition = self._place[key]
        entry = self._put(partition, key, add=add)
        entry.name = self.names[key[0]] if named else None
        self.history[key].append((self.place(partition, entry.offset()), add))

    def append_broken(self, partition: Partition, *, unknown_schema: bool = False) -> None:
        """Append a record that can't be used: of a schema that nobody knows, or as it is."""
        entry = self._put(partition, None, add=False)
        entry.schema = UNKNOWN_SCHEMA if unknown_schema else entry.schema

    def rename(self, cohort: str) -> None:
        """Have records say another name of a cohort from now on."""
        number = int(self.names[cohort].split()[1]) + 1
        self.names[cohort] = f"name {number} of {cohort}"

    def skip(self, partition: Partition, count: int) -> None:
        """Leave a gap: control records, an aborted transaction."""
        self.end[partition] += count

    def _put(self, partition: Partition, key: Key | None, *, add: bool) -> Entry:
        offset = self.end[partition]
        entry = Entry(partition, offset, key, add=add)
        entry.schema = self.schema
        self.records[partition].append(entry)
        self._offsets[partition].append(offset)
        self.end[partition] = offset + 1
        return entry

    def expire(self, partition: Partition, low: int) -> None:
        """Nothing below `low` can be read any more; those who judge still know what it was."""
        assert self.low[partition] <= low <= self.end[partition]
        self.low[partition] = low

    def make_anew(self, topic: str) -> None:
        """Delete a topic, and create one of the same name."""
        self._lives[topic] += 1
        for partition in [p for p in self.end if p.topic == topic]:
            self.add(partition)

    def read(self, partition: Partition, offset: int, count: int) -> list[Entry]:
        """Return at most so many records at or above an offset."""
        first = bisect_left(self._offsets[partition], offset)
        return self.records[partition][first : first + count]

    def between(self, partition: Partition, low: int, high: int) -> Sequence[Entry]:
        """Return the records from `low` up to `high`, without it."""
        offsets = self._offsets[partition]
        return self.records[partition][bisect_left(offsets, low) : bisect_left(offsets, high)]

    def below(self, key: Key, top: float = math.inf) -> tuple[int, bool] | None:
        """Return place and direction of the last change of a key below the place `top`."""
        history = self.history.get(key, [])
        index = bisect_left(history, (top, False))
        return history[index - 1] if index else None


class Producer:
    """Appends the scenario's changes at random times, in bursts, with gaps between."""

    def __init__(self, world: World, log: Log) -> None:
        self._world = world
        self._log = log
        self._left = world.plan.changes
        self._pace_s = world.plan.duration_s / max(1, world.plan.changes)
        if world.plan.backlog:
            self._burst(world.plan.changes // 2)
        world.after(0.1, self._go_on)

    def _go_on(self) -> None:
        rng = self._world.rng
        self._burst(min(self._left, rng.choice((1, 1, 2, 6))))
        if self._left:
            self._world.after(rng.expovariate(1 / (self._pace_s * 2.5)), self._go_on)

    def _keys(self) -> list[Key]:
        plan = self._world.plan
        return [key for key in plan.keys if plan.place[key] in self._log.end]

    def _burst(self, count: int) -> None:
        plan, rng = self._world.plan, self._world.rng
        self._left -= count
        keys = self._keys()
        if plan.limits.schemas and rng.random() < 0.1:
            self._log.schema = rng.randint(1, plan.limits.schemas)
        for _ in itertools.repeat(None, count):
            key = rng.choice(keys)
            if rng.random() < plan.broken:
                unknown = bool(plan.limits.schemas) and rng.random() < 0.5
                self._log.append_broken(plan.place[key], unknown_schema=unknown)
            else:
                named = not plan.limits.announce or rng.random() < 0.9
                self._log.append(key, add=rng.random() < 0.55, named=named)
            if rng.random() < 0.1:
                self._log.skip(plan.place[key], rng.randint(1, 4))

    def probe(self) -> None:
        """Append one harmless change for each partition and cohort: evidence that all flows."""
        plan = self._world.plan
        fresh: dict[tuple[Partition, str], Key] = {}
        for key in self._keys():
            if key not in plan.refused:
                fresh.setdefault((plan.place[key], key[0]), key)
        for key in fresh.values():
            self._log.append(key, add=self._world.chance(0.5))
