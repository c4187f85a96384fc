"""A Braze that applies lists of members when it likes, and a sender that must end right.

It keeps what it has applied and in which order, so that a test sees whether an older state of a
member ever came after a newer one.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from enum import Enum, auto

import orjson
from prometheus_client import CollectorRegistry

from daemon.braze.client import BrazeClient, Endpoint
from daemon.braze.dispatcher import Dispatcher
from daemon.braze.watch import DeliveryWatch
from daemon.core.backoff import Backoff
from daemon.core.delivery import Delivery, DeliveryRules
from daemon.core.model import Changes, Outcome
from daemon.core.pacer import Budget
from daemon.core.queue import WindowRules
from daemon.metrics import CohortLabels, Metrics
from tests.support.builders import P0, acknowledge, committable, relay_of, run_of
from tests.support.raw_servers import KEYS, OK, Reader, Writer, serving

GENEROUS_S = 60.0


class Fate(Enum):
    ANSWERED = auto()
    UNANSWERED = auto()  # Applied at once, and nothing is said.
    LATE = auto()  # Applied some time after the sender has given up.


@dataclass(frozen=True)
class Arrived:
    """One whole request, in the order of arrival."""

    number: int
    cohort: str
    changes: dict[str, bool]


def _parse(number: int, body: bytes) -> Arrived:
    said = orjson.loads(body)
    changes: dict[str, bool] = {}
    for entry in said["cohort_changes"]:
        for member in entry["user_ids"]:
            assert member not in changes, "a member stands twice in a request"
            changes[member] = not entry.get("should_remove", False)
    return Arrived(number, said["cohort_id"], changes)


class LateBraze:
    """`fate` is asked for each request, `late_s` how long after the hang-up a late one comes."""

    def __init__(self, fate: Callable[[Arrived], Fate], late_s: Callable[[], float]) -> None:
        self.members: dict[str, set[str]] = {}
        self.arrived: list[Arrived] = []
        self.unanswered = 0
        self.late = 0  # Still to be applied.
        self.regressed: list[tuple[str, str]] = []
        self._fate = fate
        self._late_s = late_s
        self._applied: dict[tuple[str, str], tuple[int, bool]] = {}
        self._numbers = itertools.count(1)

    async def behave(self, reader: Reader, writer: Writer) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            if not await self.admit(length, writer):
                return
            request = _parse(next(self._numbers), await reader.readexactly(length))
            self.arrived.append(request)
            await self.treat(request, reader)
            writer.write(OK)
            await writer.drain()

    async def admit(self, length: int, writer: Writer) -> bool:
        """Tell whether a body of this length is read; a subclass may end the connection."""
        return True

    async def treat(self, request: Arrived, reader: Reader) -> None:
        """Apply a request; an answer follows, unless this waits for the sender to hang up."""
        fate = self._fate(request)
        if fate is not Fate.LATE:
            self.apply(request)
        if fate is Fate.ANSWERED:
            return
        self.unanswered += 1
        with suppress(ConnectionError):
            await reader.read()
        if fate is Fate.LATE:
            self.late += 1
            asyncio.get_running_loop().call_later(self._late_s(), self._apply_late, request)
        raise ConnectionAbortedError

    def _apply_late(self, request: Arrived) -> None:
        self.late -= 1
        self.apply(request)

    def apply(self, request: Arrived) -> None:
        members = self.members.setdefault(request.cohort, set())
        for member, add in request.changes.items():
            (members.add if add else members.discard)(member)
            key = (request.cohort, member)
            number, newest = self._applied.get(key, (0, add))
            if number > request.number and newest is not add:
                self.regressed.append(key)
            self._applied[key] = max((number, newest), (request.number, add))


class Sender:
    """The real relay, delivery, dispatcher and slots; a log of changes instead of Kafka."""

    def __init__(self, port: int, rules: DeliveryRules, request_timeout_s: float) -> None:
        self._began_s = time.monotonic()
        self.relay = relay_of(windows=WindowRules(max_age_s=0.0))
        self.log: dict[str, dict[str, bool]] = {}
        self._end = 0
        endpoint = Endpoint(f"http://127.0.0.1:{port}", "acme", request_timeout_s=request_timeout_s)
        self.slots = [  # On the clock of the dispatcher, which says when an attempt was allowed.
            BrazeClient(endpoint, lambda: KEYS, clock=self.now_s) for _ in range(rules.slots + 1)
        ]
        delivery = Delivery(rules, random.random, self.now_s())
        metrics = Metrics(CollectorRegistry(), CohortLabels((), 10))
        watch = DeliveryWatch(metrics, dict, {})
        self.dispatcher = Dispatcher(
            delivery, self.slots, watch, clock=self.now_s, unix_clock=time.time
        )
        self.dispatcher.tell(self._ended)
        self.dispatcher.renew(math.inf)

    def now_s(self) -> float:
        return time.monotonic() - self._began_s

    def change(self, cohort: str, changes: Changes) -> None:
        """Append to the log, and read it."""
        run = run_of({cohort: changes}, self._end)
        self._end = run.next_offset
        self.log.setdefault(cohort, {}).update({str(m): add for m, add in changes.items()})
        assert self.relay.absorb(run, self.now_s())
        acknowledge(self.relay, self.now_s())

    def pump(self) -> None:
        room = self.dispatcher.published.capacity
        self.dispatcher.submit(self.relay.seal(self.now_s(), capacity=room))

    def _ended(self, outcomes: list[Outcome]) -> None:
        for outcome in outcomes:
            self.relay.complete(outcome, self.now_s())

    async def until(self, holds: Callable[[], bool], within_s: float = GENEROUS_S) -> None:
        """Send on until this holds."""
        async with asyncio.timeout(within_s):
            while not holds():
                self.pump()
                await asyncio.wait({self.dispatcher.crashed}, timeout=0.005)
                if self.dispatcher.crashed.done():
                    self.dispatcher.crashed.result()

    @property
    def all_committable(self) -> bool:
        return committable(self.relay, P0) == self._end

    def should_be(self) -> dict[str, set[str]]:
        """Return the fold of the log."""
        return {c: {m for m, add in log.items() if add} for c, log in self.log.items()}


def rules_of(settle_s: float, slots: int = 24) -> DeliveryRules:
    """Return rules for a test: quick retries, no announcements, a budget that never binds."""
    return DeliveryRules(
        slots=slots,
        settle_s=settle_s,
        backoff=Backoff(0.01, 0.05),
        announce=False,
        budget=Budget(36_000_000, 0.0, slots),
    )


@asynccontextmanager
async def sending_to(
    braze: LateBraze, rules: DeliveryRules, request_timeout_s: float
) -> AsyncIterator[Sender]:
    async with serving(braze.behave) as server:
        sender = Sender(server.port, rules, request_timeout_s)
        yield sender
        await sender.dispatcher.close(GENEROUS_S)
