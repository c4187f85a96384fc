"""What the brokers tell beside the reading: a stand-in for the surveyor, on the simulated log."""

from __future__ import annotations

import math
from typing import Protocol

from daemon.kafka.records import Survey
from daemon.kafka.surveyor import EVERY_S
from tests.simulation.log import Log
from tests.simulation.world import World


class Process(Protocol):
    """Who asks."""

    @property
    def reachable(self) -> bool:
        """It and the brokers hear each other."""


class Surveys:
    """Made when they are due and somebody looks, as long as the brokers are heard."""

    def __init__(self, world: World, process: Process, log: Log) -> None:
        self._world = world
        self._process = process
        self._log = log
        self._survey: Survey | None = None
        self._due_s = -math.inf

    @property
    def latest(self) -> Survey | None:
        """Return the last one."""
        if self._world.now >= self._due_s and self._process.reachable:
            self._due_s = self._world.now + EVERY_S
            topics = [partition.topic for partition in self._log.end]
            ids = {topic: f"id-{topic}" for topic in topics}
            counts = {topic: topics.count(topic) for topic in topics}
            self._survey = Survey(self._world.now, ids, counts)
        return self._survey

    def hurry(self) -> None:
        """Make the next one when somebody looks."""
        self._due_s = -math.inf
