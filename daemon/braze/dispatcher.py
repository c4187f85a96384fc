"""Makes the attempts that `core.delivery` decides on: one slot each, on the event loop.

It owns the slots and nothing else: no decision about order, pace or retries is made here. An
attempt is never cancelled; it ends by its own deadline, which its slot keeps.
"""

from __future__ import annotations

import asyncio
import functools
import math
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Concatenate, NamedTuple, ParamSpec, Protocol

from daemon.braze.account import log_answer
from daemon.braze.bodies import Bodies
from daemon.braze.watch import DeliveryWatch
from daemon.core.delivery import Attempt, Delivery
from daemon.core.model import CohortUpdate, Flush, Outcome
from daemon.core.outlook import Outlook, outlook_of
from daemon.core.verdict import Answer, Verdict

P = ParamSpec("P")

# After a spare slot could not be connected.
AHEAD_PAUSE_S = 10.0


class Slot(Protocol):
    """One connection to Braze: one request at a time, each ending by its own deadline."""

    async def send_update(
        self, update: CohortUpdate, encoded: bytes, *, allowed_s: float
    ) -> Answer:
        """Send the members of one request. Its time counts from when it was allowed."""

    async def announce(
        self, cohort_id: str, name: str, created_at: str, *, allowed_s: float
    ) -> Answer:
        """Create a cohort, or give it its new name. Its time counts from when it was allowed."""

    @property
    def connected(self) -> bool:
        """Whether a request would wait for no handshake."""

    async def connect(self) -> None:
        """Connect ahead of the next request; it may fail without a word."""

    async def aclose(self) -> None:
        """Close the connection."""


class Published(NamedTuple):
    """What the intake may read at any time: replaced whole, so it is one consistent picture."""

    capacity: int = 0  # Flushes that could be sent from at once,
    taken: int = 0  # when so many had been taken.
    unproven: frozenset[int] = frozenset()  # Flushes refused while nothing was accepted.
    outlook: Outlook = Outlook()


def _loud(
    method: Callable[Concatenate[Dispatcher, P], None],
) -> Callable[Concatenate[Dispatcher, P], None]:
    """Let a bug end the process: what a callback raises asyncio logs, and goes on."""

    @functools.wraps(method)
    def guarded(self: Dispatcher, /, *args: P.args, **kwargs: P.kwargs) -> None:
        try:
            method(self, *args, **kwargs)
        except Exception as bug:  # noqa: BLE001  The top of a callback.
            self.crash(bug)

    return guarded


class Dispatcher:
    """Starts attempts whenever something may have changed, and tells of flushes that ended.

    It has one slot more than the delivery may use at once: while attempts are made, a spare one is
    connected ahead, so that one more attempt waits for no handshake. All methods belong to the
    event loop's thread; `published` may be read from any.
    """

    def __init__(
        self,
        delivery: Delivery,
        slots: Sequence[Slot],
        watch: DeliveryWatch,
        *,
        clock: Callable[[], float],
        unix_clock: Callable[[], float],
    ) -> None:
        self.published = Published()
        self.crashed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._delivery = delivery
        self._slots = tuple(slots)
        self._free = list(slots)  # Those that are connected last, where they are taken first.
        self._ahead: asyncio.Task[None] | None = None
        self._ahead_from_s = -math.inf
        self._watch = watch
        self._clock = clock
        self._unix_clock = unix_clock
        self._flushes: dict[int, Flush] = {}
        self._bodies = Bodies()
        self._taken = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._tell: Callable[[list[Outcome]], None] = lambda _: None
        self._announced: Callable[[str, str], None] = lambda _cohort, _name: None

    def when_announced(self, listener: Callable[[str, str], None]) -> None:
        """Say who is told of a cohort and its name that Braze has taken."""
        self._announced = listener

    @_loud
    def remember(self, names: dict[str, str]) -> None:
        """Braze knows these cohorts by these names already."""
        self._delivery.names.remember(names)

    def tell(self, listener: Callable[[list[Outcome]], None]) -> None:
        """Say who is told of flushes that have ended."""
        self._tell = listener

    # What the other side says.

    @_loud
    def submit(self, flushes: Sequence[Flush]) -> None:
        """Take flushes."""
        self._taken += len(flushes)
        for flush in flushes:
            self._flushes[flush.id] = flush
            self._delivery.submit(flush)
        self._pump()

    @_loud
    def abandon(self, flush_ids: Iterable[int]) -> None:
        """Start nothing more of these."""
        self._end(self._delivery.abandon(flush_ids, self._clock()))
        self._pump()

    @_loud
    def renew(self, until_s: float) -> None:
        """Attempts may be started until then."""
        self._delivery.lease_until_s = until_s
        self._pump()

    @_loud
    def share(self, part: float) -> None:
        """Use this part of the request budget."""
        self._delivery.pacer.set_share(part, self._clock())
        self._pump()

    @_loud
    def retry_now(self) -> None:
        """A key file has changed: try at once what is held."""
        self._delivery.health.probe_now()
        self._pump()

    @_loud
    def connect_ahead(self) -> None:
        """Connect a spare slot, unless one is; one at a time, and without a word where it fails.

        Then not again for a while: a gateway may have no room for one more.
        """
        rested = self._clock() >= self._ahead_from_s
        if rested and self._ahead is None and not self._free[-1].connected:
            self._ahead = asyncio.ensure_future(self._connect(self._free.pop()))

    def crash(self, bug: Exception) -> None:
        """Have the process ended for this; the first is told."""
        if not self.crashed.done():
            self.crashed.set_exception(bug)

    # Sending.

    @_loud
    def _pump(self) -> None:
        now_s = self._clock()
        attempts = self._delivery.start(now_s)
        for attempt in attempts:
            task = asyncio.ensure_future(self._attempt(self._free.pop(), attempt, now_s))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        if attempts:
            self.connect_ahead()
        self._wake_later(now_s)
        delivery = self._delivery
        self.published = Published(
            delivery.capacity(now_s),
            self._taken,
            delivery.unproven(),
            outlook_of(delivery, now_s),
        )

    def _wake_later(self, now_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        at_s = self._delivery.wake_at_s(now_s)
        if at_s < math.inf:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(max(0.001, at_s - now_s), self._pump)

    async def _connect(self, slot: Slot) -> None:
        try:
            await slot.connect()
        except Exception as bug:  # noqa: BLE001  The top of a task.
            self.crash(bug)
        self._ahead = None
        if not slot.connected:
            self._ahead_from_s = self._clock() + AHEAD_PAUSE_S
        self._give_back(slot)

    def _give_back(self, slot: Slot) -> None:
        self._free.insert(len(self._free) if slot.connected else 0, slot)

    async def _attempt(self, slot: Slot, attempt: Attempt, allowed_s: float) -> None:
        try:
            answer = await self._send(slot, attempt, allowed_s)
            self._answered(slot, attempt, answer, allowed_s)
        except Exception as bug:  # noqa: BLE001  The top of a task.
            self.crash(bug)

    def _answered(self, slot: Slot, attempt: Attempt, answer: Answer, allowed_s: float) -> None:
        now_s = self._clock()
        self._give_back(slot)
        self._watch.answered(attempt, answer, now_s - allowed_s, now_s)
        log_answer(attempt, answer, now_s - allowed_s)
        if attempt.update is None and answer.verdict is Verdict.ACCEPTED:
            self._announced(attempt.cohort, attempt.name)
        self._end(self._delivery.finish(attempt.id, answer, now_s, self._unix_clock()))
        self._pump()

    async def _send(self, slot: Slot, attempt: Attempt, allowed_s: float) -> Answer:
        # From the moment the lease was asked: a process that stands still in between finds the
        # attempt over when it wakes, and sends nothing late (G6).
        if attempt.update is not None and attempt.flush is not None:
            flush_id, update = attempt.flush.id, attempt.update
            encoded = self._bodies.of(flush_id, update)
            answer = await slot.send_update(update, encoded, allowed_s=allowed_s)
            if answer.verdict in {Verdict.ACCEPTED, Verdict.REFUSED}:
                self._bodies.forget(flush_id, update)
            return answer
        created_at = datetime.fromtimestamp(self._unix_clock(), UTC).isoformat()
        return await slot.announce(attempt.cohort, attempt.name, created_at, allowed_s=allowed_s)

    def _end(self, outcomes: list[Outcome]) -> None:
        now_s, unix_s = self._clock(), self._unix_clock()
        for outcome in outcomes:
            self._bodies.ended(outcome.flush_id)
            self._watch.ended(self._flushes.pop(outcome.flush_id), outcome, now_s, unix_s)
        if outcomes:
            self._tell(outcomes)

    # The end.

    async def close(self, timeout_s: float) -> None:
        """Wait for what is on the wire, at most this long, and close the connections."""
        if self._timer is not None:
            self._timer.cancel()
        if self._ahead is not None:  # Nothing is on that wire.
            self._ahead.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=timeout_s)
        for slot in self._slots:
            if slot in self._free:
                await slot.aclose()
