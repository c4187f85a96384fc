"""Changes at a steady pace, each of a member of its own, and when Braze had each of them.

The simulator's history says when it was applied. The producer's clock and the simulator's are
one: both run on this machine.
"""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from tests.bench.daemon_run import Braze, Setup
from tests.bench.logs import producer
from tests.bench.measured import Measured
from tests.bench.workloads import native

TICK_S = 0.01

# The partition to write to, the member, and the record.
Change: TypeAlias = tuple[int, str, bytes, bytes | None]


class Reader(Protocol):
    """A process that reads the topic it was set up with."""

    @property
    def setup(self) -> Setup:
        """Return where it reads."""

    @property
    def child(self) -> Measured:
        """Return the process."""


@dataclass(slots=True)
class Produced:
    """When each member's change was produced, and what its reader used meanwhile."""

    at_s: dict[str, float] = field(default_factory=dict)
    cpu_s: float = 0.0


def changes(cohorts: Sequence[str], partitions: Sequence[int]) -> Iterator[Change]:
    """Yield additions without end, of cohorts at random; each cohort has one partition."""
    chance = random.Random(time.time_ns())
    everyone = range(len(cohorts))
    while True:
        for at in chance.choices(everyone, k=1_000):
            user = f"{chance.getrandbits(96):024x}"
            record = native(cohorts[at], user, int(time.time() * 1000), add=True)
            yield partitions[at % len(partitions)], user, *record


def pace(reader: Reader, found: Iterator[Change], rate: int, seconds: float) -> Produced:
    """Produce so many a second for so long, each on time."""
    produced = Produced()
    setup = reader.setup
    to = producer(setup.bootstrap, linger_ms=2)
    cpu_s, begun_s = reader.child.cpu_s(), time.time()
    while (late_s := time.time() - begun_s) < seconds:
        due = int(late_s * rate) - len(produced.at_s)
        for partition, user, key, value in itertools.islice(found, max(0, due)):
            produced.at_s[user] = time.time()
            to.produce(setup.topic, value, key, partition)
        to.poll(0)
        time.sleep(TICK_S)
    produced.cpu_s = reader.child.cpu_s() - cpu_s
    assert to.flush(30) == 0
    return produced


def applied(braze: Braze, since: int = 0) -> dict[str, float]:
    """Return when each member was first added."""
    found: dict[str, float] = {}
    for request in braze.logged("history", since):
        for user in request.get("adds", {}).get("user_ids", ()):
            found.setdefault(user, request["applied_at_s"])
    return found


def waits_s(produced: Produced, found: dict[str, float]) -> list[float]:
    """Return how long each change took that has arrived, the shortest first."""
    return sorted(found[user] - at_s for user, at_s in produced.at_s.items() if user in found)


def quantile(ordered: Sequence[float], part: float) -> float:
    """Return the value that this part of all is not above."""
    at = min(len(ordered) - 1, int(part * len(ordered)))
    return ordered[at] if ordered else float("nan")


def requests(braze: Braze, endpoint: str = "users") -> dict[str, int]:
    """Return how many requests of an endpoint ended how."""
    found: dict[str, int] = braze.get("stats")["requests"][endpoint]
    return found
