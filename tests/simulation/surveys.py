"""What the brokers tell beside the reading: a stand-in for the surveyor, on the simulated log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Protocol

from daemon.core.model import Partition
from daemon.kafka.records import Survey
from daemon.kafka.surveyor import AGAIN_S, EVERY_S
from tests.simulation.log import Log
from tests.simulation.world import World


class Owner(Protocol):
    """The process around it."""

    @property
    def reachable(self) -> bool:
        """It and the brokers hear each other."""

    def guard(self, do: Callable[[], None]) -> Callable[[], None]: ...


class Surveys:
    """Asks every few seconds; an answer takes its time, and is lost with the connection."""

    def __init__(self, world: World, owner: Owner, log: Log) -> None:
        self.latest: Survey | None = None
        self._world = world
        self._owner = owner
        self._log = log
        self._asked = 0
        self._ask()

    def hurry(self) -> None:
        """Ask now."""
        self._world.after(0.0, self._owner.guard(self._ask))

    def own(self, partitions: frozenset[Partition]) -> None:
        """What is told of their logs concerns what is seen, and nothing that is done."""

    def _ask(self) -> None:
        self._asked += 1
        number, asked_at_s = self._asked, self._world.now
        topics = Counter(partition.topic for partition in self._log.end)
        ids = {topic: self._log.topic_id(topic) for topic in topics}
        survey = Survey(asked_at_s, ids, dict(topics))

        def answer() -> None:
            heard = self._owner.reachable
            if heard:
                self._world.sometimes("surveyed")
                self.latest = survey
            self._world.after(EVERY_S if heard else AGAIN_S, self._owner.guard(again))

        def again() -> None:
            if number == self._asked:  # Nobody was in a hurry meanwhile.
                self._ask()

        self._world.after(self._world.rng.uniform(0.01, 1.0), self._owner.guard(answer))
