"""A stream of membership changes that never ends by itself, and what of it stands in the log.

One thread produces, seeded and paced; every record's offset is known once it is acknowledged.
"""

from __future__ import annotations

import random
import threading
import time
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from confluent_kafka import KafkaError, Message, Producer

from tests.support import topics
from tests.support.stage import change

if TYPE_CHECKING:
    from collections.abc import Iterator

# One turn of the producer: what it owes since the last one is produced at once.
_TICK_S = 0.02
_COHORTS = ("gold", "silver", "trial", "lapsed")

Key = tuple[str, str]  # Cohort and external id.


@dataclass(slots=True)
class Entry:
    """One record: when it was handed to the producer (Unix seconds), and where it stands."""

    at_s: float
    add: bool
    partition: int
    offset: int = -1  # Until it is acknowledged.


@dataclass(frozen=True, slots=True)
class LoadRules:
    """What is produced. `members` 0: every change is of a new member, so each is unmistakable."""

    seed: int
    partitions: int = 12
    per_second: int = 300
    members: int = 1_200


@dataclass(slots=True)
class Written:
    """The log as its producer knows it, by key and in the order of offsets."""

    entries: dict[Key, list[Entry]] = field(default_factory=dict)
    logs: dict[int, list[tuple[Key, Entry]]] = field(default_factory=dict)  # By partition.
    count: int = 0

    def add(self, key: Key, entry: Entry) -> None:
        self.entries.setdefault(key, []).append(entry)
        self.logs.setdefault(entry.partition, []).append((key, entry))
        self.count += 1

    def fold(self) -> dict[str, set[str]]:
        """Return the members that every cohort must have in the end."""
        found: dict[str, set[str]] = {}
        for (cohort, member), entries in self.entries.items():
            found.setdefault(cohort, set())
            if entries[-1].add:
                found[cohort].add(member)
        return found

    def ends(self) -> dict[int, int]:
        """Return the end of every partition's log."""
        return {partition: log[-1][1].offset + 1 for partition, log in self.logs.items()}


class Load:
    """Produces until it is stopped; `with` stops it. A member's changes share a partition."""

    def __init__(self, bootstrap: str, topic: str, rules: LoadRules) -> None:
        self.written = Written()
        self._topic = topic
        self._rules = rules
        self._chance = random.Random(rules.seed)
        self._keys = self._choose()
        self._failure: KafkaError | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "enable.idempotence": True,
                "linger.ms": 5,
                "log_level": 0,
                "queue.buffering.max.messages": 1_000_000,
            }
        )

    def start(self) -> Self:
        self._thread.start()
        return self

    def stop(self) -> Written:
        """Return what stands in the log; every record is acknowledged."""
        if not self._stopping.is_set():
            self._stopping.set()
            self._thread.join()
            left = self._producer.flush(60 + topics.TIMEOUT_S)
            assert left == 0, f"{left} records were not acknowledged"
            assert self._failure is None, self._failure
        return self.written

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _choose(self) -> Iterator[Key]:
        number = 0
        if not self._rules.members:
            while True:
                yield self._chance.choice(_COHORTS), f"m{number}"
                number += 1
        everyone = [
            (_COHORTS[number % len(_COHORTS)], f"m{number}")
            for number in range(self._rules.members)
        ]
        while True:  # Each once a round, so that a member's changes lie apart.
            self._chance.shuffle(everyone)
            yield from everyone

    def _run(self) -> None:
        begun_s, produced = time.monotonic(), 0
        while not self._stopping.wait(_TICK_S):
            owed = int((time.monotonic() - begun_s) * self._rules.per_second) - produced
            for _ in range(owed):
                self._produce(next(self._keys))
            produced += owed
            self._producer.poll(0)

    def _produce(self, key: Key) -> None:
        cohort, member = key
        entries = self.written.entries.get(key)
        partition = zlib.crc32(member.encode()) % self._rules.partitions
        add = not (entries and entries[-1].add)
        entry = Entry(time.time(), add, partition)

        def acknowledged(error: KafkaError | None, message: Message) -> None:
            offset = message.offset()
            if error is not None or offset is None:
                self._failure = self._failure or error
                return
            entry.offset = offset

        self.written.add(key, entry)  # Before it can be applied.
        value = change("add" if add else "remove", cohort, member)
        self._producer.produce(self._topic, value, partition=partition, on_delivery=acknowledged)
