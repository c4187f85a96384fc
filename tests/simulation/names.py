"""Cohorts' names: what Braze was told of them, and the compacted topic that remembers it.

The daemon's own `NamesTopic` reads and writes; the thread that it has in a process is here a turn
now and then.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Any, Protocol, cast

from confluent_kafka import KafkaError, Message, Producer

from daemon.core.cohort_names import CohortNames
from daemon.core.delivery import Attempt
from daemon.core.verdict import Answer, Verdict
from daemon.kafka.names_topic import NamesTopic
from tests.simulation.log import Log
from tests.simulation.scenario import FINGERPRINT
from tests.simulation.world import Violation, World

# How long a process waits at its start for the topic to be read.
WAIT_S = 3.0

_AGAIN_S = 5.0
_TAKEN_MAX = 5


class Owner(Protocol):
    """The process around it."""

    name: str
    dead: bool

    @property
    def reachable(self) -> bool:
        """It and the brokers hear each other."""

    def guard(self, do: Callable[[], None]) -> Callable[[], None]: ...


class Record:
    """A record of the topic, or its end. It has the face of a client's message."""

    def __init__(self, key: bytes = b"", value: bytes = b"") -> None:
        self._key, self._value = key, value

    def error(self) -> KafkaError | None:
        return None if self._key else KafkaError(KafkaError._PARTITION_EOF)

    def key(self) -> bytes:
        return self._key

    def value(self) -> bytes:
        return self._value

    def partition(self) -> int:
        return 0


class Book:
    """All that is known of names outside of the processes."""

    def __init__(self, world: World) -> None:
        self.told: dict[str, str] = {}  # Which name of a cohort Braze took last.
        self.lost: set[str] = set()  # Cohorts that Braze does not know any more.
        self.records: list[Record | None] = []
        self.low = 0
        self.slow_until_s = self.out_until_s = 0.0
        self._sent: dict[str, str] = {}  # Under which name members went last.
        self._world = world
        for cohort in {cohort: None for cohort, _ in world.plan.place}:
            self.append(_key("another", cohort), json.dumps({"name": f"name 0 of {cohort}"}))

    def append(self, key: bytes, value: str | bytes) -> None:
        """Append a record."""
        self.records.append(Record(key, value.encode() if isinstance(value, str) else value))

    def truncate(self) -> None:
        """Lose all of it."""
        self._world.sometimes("names_truncated", int(self.low < len(self.records)))
        self.low = len(self.records)

    def compact(self) -> None:
        """Take away what a later record of the same key replaces."""
        last = {record.key(): n for n, record in enumerate(self.records) if record is not None}
        kept = set(last.values())
        self.records = [r if n in kept else None for n, r in enumerate(self.records)]

    def took(self, cohort: str, name: str) -> None:
        """Braze takes an announcement."""
        self._world.sometimes("renamed", int(self.told.get(cohort, name) != name))
        self._world.sometimes("cohort_announced_anew", int(cohort in self.lost))
        self.told[cohort] = name
        self.lost.discard(cohort)

    def sent(self, attempt: Attempt) -> None:
        """Braze takes members of a cohort, of a flush that has a name."""
        self._sent[attempt.cohort] = attempt.name

    def final(self, log: Log) -> None:
        """Judge that each cohort has its last name, where members were sent under it last."""
        limits = self._world.plan.limits
        for cohort, name in log.names.items() if limits.announce else ():
            if self._sent.get(cohort) != name or cohort in self.lost:
                continue
            if limits.names_topic and self._remembered(cohort) not in {None, self.told[cohort]}:
                self._world.sometimes("name_remembered_wrongly")
                continue  # The last was told but not written, or written before one told earlier.
            self._world.sometimes("name_followed", int(not name.startswith("name 0")))
            if self.told[cohort] != name:
                told = self.told[cohort]
                raise Violation("names", f"{cohort} is called {told!r} at the end, not {name!r}")

    def _remembered(self, cohort: str) -> str | None:
        ours = [r for r in self.records[self.low :] if r and r.key() == _key(FINGERPRINT, cohort)]
        return str(json.loads(ours[-1].value())["name"]) if ours else None


def _key(fingerprint: str, cohort: str) -> bytes:
    return json.dumps([fingerprint, cohort]).encode()


class Follower:
    """Makes the calls of the names' thread: reads the topic to its end, follows it, writes."""

    def __init__(
        self, world: World, owner: Owner, book: Book, heard: Callable[[dict[str, str]], None]
    ) -> None:
        self._topic = NamesTopic({}, {}, "names", FINGERPRINT)
        self._topic.listen(self._hear)
        self.tell = self._topic.tell
        self._heard = heard
        self._world = world
        self._owner = owner
        self._book = book
        self._begun_at_s = world.now
        self._written_at_s = 0.0
        self._begin()
        self._later(0.0)

    def is_over(self) -> bool:
        """Tell whether a start waits no longer: all was read, or it took too long."""
        if self._topic.wait(0):
            return True
        late = self._world.now >= self._begun_at_s + WAIT_S
        self._world.sometimes("names_given_up_waiting", int(late))
        return late

    def _later(self, delay_s: float) -> None:
        self._world.after(delay_s, self._owner.guard(self._turn))

    def _begin(self) -> None:
        self._at, self._told_end, self._left = 0, -1, {0}
        if self._world.chance(0.3):
            self._book.compact()

    def _turn(self) -> None:
        if self._world.now < self._book.out_until_s:
            self._begin()
            self._later(_AGAIN_S)
            return
        if self._owner.reachable:
            self._topic._take(cast("list[Message]", self._read()), self._left)
            self._topic._write(cast("Producer", self))
        self._later(self._world.rng.uniform(0.1, 1.0) + self._slowness_s())

    def _slowness_s(self) -> float:
        slow = self._world.now < self._book.slow_until_s
        return self._world.rng.uniform(0.5, 5) if slow else 0.0

    def _read(self) -> list[Record]:
        records, first = self._book.records, max(self._at, self._book.low)
        found = [r for r in itertools.islice(records, first, first + _TAKEN_MAX) if r is not None]
        self._at = min(len(records), first + _TAKEN_MAX)
        if self._at == len(records) != self._told_end:
            self._told_end = self._at
            found.append(Record())
        return found

    def _hear(self, names: dict[str, str]) -> None:
        delay_s = self._world.rng.choice((0.0, 0.01, 0.1))
        self._world.after(delay_s, self._owner.guard(lambda: self._heard(names)))

    def produce(self, _topic: str, value: bytes, key: bytes) -> None:
        """Take a record to write, as a producer does: it is lost where nobody can write it."""
        delay_s = self._world.rng.uniform(0.005, 0.2) + self._slowness_s()
        self._written_at_s = max(self._written_at_s, self._world.now + delay_s)

        def arrive() -> None:
            out = self._world.now < self._book.out_until_s
            if (out or self._owner.dead) and self._world.chance(0.5):
                self._world.sometimes("names_not_written")
            else:
                self._book.append(key, value)

        self._world.at(self._written_at_s, arrive)


class Naming:
    """What one process has heard and told of names, kept a second time; judges what it tells."""

    def __init__(self, world: World, owner: Any, book: Book, names: CohortNames) -> None:  # noqa: ANN401
        self.own: set[str] = set()  # Announced by this very process, and not lost since.
        self.follower: Follower | None = None
        self._known: dict[str, str] = {}  # Under which name, by memory or by itself.
        self._world = world
        self._owner: Owner = owner
        self._book = book
        self._names = names
        if world.plan.limits.names_topic:
            self.follower = Follower(world, owner, book, self._remember)

    @property
    def quiet(self) -> bool:
        """No new name is due later."""
        return self._names.due_at_s() == float("inf")

    def _remember(self, names: dict[str, str]) -> None:
        self._world.note("remembers", self._owner.name, names)
        self._known.update(names)
        self._names.remember(names)

    def starts(self, attempt: Attempt) -> None:
        """Judge an attempt: no members before a name, no name that is known already."""
        if not self._world.plan.limits.announce:
            return
        cohort, known = attempt.cohort, self._known.get(attempt.cohort)
        if attempt.update is None:
            if known == attempt.name:
                raise Violation("names", f"{cohort} is announced again as {known!r}")
            if known is not None and attempt.name == cohort:
                raise Violation("names", f"{cohort}, known as {known!r}, gets its id for a name")
        elif cohort not in self.own:
            if self.follower is None or cohort not in self._book.told:
                raise Violation("names", f"members of {cohort} are sent before its name")
            self._world.sometimes("names_remembered")

    def ended(self, attempt: Attempt, answer: Answer) -> None:
        """Take in what an answer says of a cohort and its name."""
        cohort = attempt.cohort
        refused = answer.verdict is Verdict.REFUSED and attempt.update is not None
        # A new name alone that is not found says nothing of the cohort: it would have been made.
        unknown = answer.reason == "not_found" and attempt.flush is not None
        if unknown or (refused and cohort not in self.own):
            self.own.discard(cohort)
            self._known.pop(cohort, None)
        elif answer.verdict is Verdict.ACCEPTED and attempt.update is None:
            self.own.add(cohort)
            self._known[cohort] = attempt.name
            if self.follower is not None:
                self.follower.tell(cohort, attempt.name)
