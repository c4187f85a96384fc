"""Produces the day, at its pace, and keeps up with what the log says so far."""

from __future__ import annotations

import time
from collections.abc import Iterable

from daemon.tools.demo.day import Day, Event
from daemon.tools.demo.embedded_kafka import EmbeddedKafka
from daemon.tools.demo.files import INPUT
from daemon.tools.demo.fold import Folded, LogRecord, Place, fold_one
from daemon.tools.demo.tally import Tally


class Feed:
    """The day passes while `advance` is called, and stands still before `limit`.

    `log` is what has been produced, folded; only for the screen, since the comparison reads the
    log itself.
    """

    def __init__(self, day: Day, seconds: float, kafka: EmbeddedKafka, tally: Tally) -> None:
        self._day = day
        self._seconds = seconds
        self._kafka = kafka
        self._tally = tally
        self._next = 0
        self._passed_s = 0.0
        self.limit = 1.0
        self.log = Folded()

    @property
    def share(self) -> float:
        """How much of the day has passed."""
        return min(self._passed_s / self._seconds, self.limit)

    @property
    def over(self) -> bool:
        """Whether all of the day has been produced."""
        return self._next == len(self._day.events)

    def midnight(self) -> None:
        """Produce what is in the log before the day begins."""
        self._produce(self._day.midnight)

    def advance(self, seconds: float) -> None:
        """Let this much time pass, and produce what it brings."""
        self._passed_s = min(self._passed_s + seconds, self.limit * self._seconds)
        share, start, events = self.share, self._next, self._day.events
        while self._next < len(events) and events[self._next].at <= share:
            self._next += 1
        self._produce(events[start : self._next])
        self._kafka.poll()

    def _produce(self, events: Iterable[Event]) -> None:
        now_s = time.time()
        for event in events:
            value = event.value(now_s)
            self._kafka.produce(INPUT, event.key, value)
            change = fold_one(self.log, LogRecord(Place(0, -1), round(now_s * 1000), value))
            if change is not None:
                self._tally.produced(change.cohort, change.member, now_s, add=change.add)
