"""The line between the intake and the real `Delivery`, and the loop that makes its attempts.

A stand-in for the event loop: it makes the same calls in the same order as the dispatcher does,
with delays on the line in both directions.
"""

from __future__ import annotations

import dataclasses
import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from daemon.braze.dispatcher import Published
from daemon.braze.watch import blocked_now
from daemon.core.delivery import Attempt, Delivery
from daemon.core.model import Flush, Outcome
from daemon.core.outlook import Outlook, outlook_of
from daemon.core.verdict import Answer, Verdict
from tests.simulation.braze import Braze
from tests.simulation.decoding import Roster
from tests.simulation.names import Naming
from tests.simulation.oracle import Oracle, Request, Sending
from tests.simulation.pace import Pace
from tests.simulation.scenario import UNIX_0_S
from tests.simulation.world import World


class Owner(Sending, Protocol):
    """The process around a line."""

    @property
    def frozen(self) -> bool:
        """Nothing of it moves."""

    def check_alive(self) -> None: ...
    def guard(self, do: Callable[[], None]) -> Callable[[], None]: ...


@dataclass(frozen=True, slots=True)
class Judges:
    """Who judge each attempt: the oracle, and those who have an eye on one process."""

    oracle: Oracle
    naming: Naming
    roster: Roster


class Dispatcher:
    """Starts attempts whenever something may have changed."""

    def __init__(
        self, world: World, owner: Owner, delivery: Delivery, judges: Judges, braze: Braze
    ) -> None:
        self.published = Published()
        self.on_wire: dict[int, Request | None] = {}
        limits = world.plan.limits
        self._pace = Pace(world, limits.slots, limits.per_hour)
        self._world = world
        self._owner = owner
        self._delivery = delivery
        self._oracle, self._naming, self._roster = judges.oracle, judges.naming, judges.roster
        self._braze = braze
        self._taken = 0
        self._wake_at_s = math.inf
        self.tell: Callable[[list[Outcome]], None] = lambda _: None

    def submit(self, flushes: Sequence[Flush]) -> None:
        """Take flushes."""
        self._taken += len(flushes)
        for flush in flushes:
            self._delivery.submit(flush)
        self._pump()

    def abandon(self, flush_ids: Sequence[int]) -> None:
        """Start nothing more of these."""
        self._world.sometimes("abandoned")
        self._end(self._delivery.abandon(flush_ids, self._world.now))
        self._pump()

    def renew(self, until_s: float) -> None:
        """Attempts may be started until then."""
        self._delivery.lease_until_s = until_s
        self._pump()

    def share(self, part: float) -> None:
        """Use this part of the budget."""
        self._pace.share(part)
        self._delivery.pacer.set_share(part, self._world.now)
        self._pump()

    def waits(self) -> bool:
        """Tell whether the sending side has a declared reason to wait."""
        now_s, senders = self._world.now, self._delivery.lineup.senders.values()
        backoff = any(sender.not_before_s > now_s for sender in senders)
        return backoff or bool(blocked_now(self._delivery, now_s))

    @property
    def quiet(self) -> bool:
        """Nothing is on the wire, and no new name is due later."""
        return not self.on_wire and self._naming.quiet

    def _pump(self) -> None:
        now_s = self._world.now
        for attempt in self._delivery.start(now_s):
            self._start(attempt)
        at_s = self._delivery.wake_at_s(now_s)
        if at_s < math.inf and at_s != self._wake_at_s:
            self._wake_at_s = at_s
            self._world.at(max(now_s + 0.001, at_s), self._owner.guard(lambda: self._woken(at_s)))
        delivery = self._delivery
        self.published = Published(
            delivery.capacity(now_s),
            self._taken,
            delivery.unproven(),
            outlook_of(delivery, now_s),
        )

    def _woken(self, at_s: float) -> None:
        if at_s == self._wake_at_s:
            self._wake_at_s = math.inf
            self._pump()

    def _start(self, attempt: Attempt) -> None:
        self._pace.take(self._owner.name, len(self.on_wire))
        self._naming.starts(attempt)
        if attempt.update is not None:
            self._roster.sends(attempt.cohort)
        self._world.note(
            "attempt", self._owner.name, attempt.cohort, attempt.update and attempt.update.changes
        )
        request = self._oracle.attempt(self._owner, attempt)
        self.on_wire[attempt.id] = request
        heard: Callable[[Answer], None] = lambda answer: self._owner.guard(  # noqa: E731
            lambda: self._finish(attempt, answer)
        )()
        announced = attempt.cohort in self._naming.own
        self._braze.send(request, attempt, heard, announced=announced)

    def _finish(self, attempt: Attempt, answer: Answer) -> None:
        now_s = self._world.now
        request = self.on_wire.pop(attempt.id)
        self._world.note("answer", self._owner.name, attempt.cohort, answer.reason)
        if answer.verdict is Verdict.ACCEPTED and request is not None:
            self._oracle.acknowledged(request)
        self._naming.ended(attempt, answer)
        unix_s = UNIX_0_S + now_s + self._world.clock_off_s
        self._pace.heard(answer, unix_s, update=attempt.update is not None)
        self._end(self._delivery.finish(attempt.id, answer, now_s, unix_s))
        self._pump()

    def _end(self, outcomes: list[Outcome]) -> None:
        if outcomes:
            self.tell(outcomes)


class Line:
    """What the intake says reaches the dispatcher later, in order; so does what ended."""

    def __init__(self, world: World, owner: Owner, dispatcher: Dispatcher) -> None:
        self._world = world
        self._owner = owner
        self._dispatcher = dispatcher
        self._ended: deque[Outcome] = deque()
        self._submitted = 0
        self._on_the_way = 0  # Outcomes told that have not come over.
        self._there_at_s = 0.0
        self._back_at_s = 0.0
        dispatcher.tell = self._tell

    def _delay_s(self) -> float:
        return self._world.rng.choice((0.0, 0.001, 0.01, 0.01, 0.1, 0.4))

    def _say(self, do: Callable[[], None]) -> None:
        self._owner.check_alive()
        self._there_at_s = max(self._there_at_s, self._world.now + self._delay_s())
        self._world.at(self._there_at_s, self._owner.guard(do))

    def _tell(self, outcomes: list[Outcome]) -> None:
        self._back_at_s = max(self._back_at_s, self._world.now + self._delay_s())
        self._on_the_way += 1

        def heard() -> None:
            self._on_the_way -= 1
            self._ended.extend(outcomes)

        self._world.at(self._back_at_s, self._owner.guard(heard))

    def capacity(self) -> int:
        """Return how many flushes could be sent from at once, less those still on the line."""
        published = self._dispatcher.published
        return published.capacity - (self._submitted - published.taken)

    def outlook(self) -> Outlook:
        """Return when something may be sent next. What ended before this is in `outcomes`."""
        published = self._dispatcher.published
        busy = self._submitted > published.taken or self._on_the_way > 0
        return dataclasses.replace(published.outlook, busy=busy or published.outlook.busy)

    def suspects(self) -> frozenset[int]:
        """Return the flushes that were refused while nothing shows that Braze takes others."""
        return self._dispatcher.published.unproven

    def submit(self, flushes: Sequence[Flush]) -> None:
        """Hand over flushes."""
        if flushes:
            self._submitted += len(flushes)
            self._say(lambda: self._dispatcher.submit(flushes))

    def abandon(self, flush_ids: Sequence[int]) -> None:
        """Start nothing more of these."""
        self._say(lambda: self._dispatcher.abandon(tuple(flush_ids)))

    def renew(self, until_s: float) -> None:
        """Attempts may be started until then."""
        self._say(lambda: self._dispatcher.renew(until_s))

    def share(self, part: float) -> None:
        """Use this part of the budget."""
        self._say(lambda: self._dispatcher.share(part))

    def outcomes(self, timeout_s: float) -> list[Outcome]:
        """Return what has ended; the world goes on while this waits."""
        self._owner.check_alive()
        if timeout_s > 0 and not self._ended:
            self._world.wait(self._owner, lambda: bool(self._ended), self._world.now + timeout_s)
        found = list(self._ended)
        self._ended.clear()
        return found
