"""What is asked of the brokers beside the reading: ids and partitions of the topics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Protocol

from daemon.kafka.records import Survey
from tests.simulation.log import Log
from tests.simulation.world import World

_EVERY_S = 10.0


class Owner(Protocol):
    """The process around a surveyor."""

    @property
    def reachable(self) -> bool: ...
    def guard(self, do: Callable[[], None]) -> Callable[[], None]: ...


class Surveyor:
    """Asks every few seconds; an answer takes its time, and is lost with the connection."""

    def __init__(self, world: World, owner: Owner, log: Log) -> None:
        self.latest: Survey | None = None
        self._world = world
        self._owner = owner
        self._log = log
        self._again()

    def hurry(self) -> None:
        """Ask now."""
        self._world.after(0.0, self._owner.guard(self._ask))

    def _again(self) -> None:
        self._ask()
        self._world.after(_EVERY_S, self._owner.guard(self._again))

    def _ask(self) -> None:
        asked_at_s, topics = self._world.now, Counter(p.topic for p in self._log.end)
        ids = {topic: self._log.topic_id(topic) for topic in topics}
        survey = Survey(asked_at_s, ids, dict(topics))

        def answer() -> None:
            if self._owner.reachable:
                self._world.sometimes("surveyed")
                self.latest = survey

        self._world.after(self._world.rng.uniform(0.01, 1.0), self._owner.guard(answer))
