"""The dispatcher with slots that answer as they are told."""

from __future__ import annotations

import asyncio
import io
import json
import math
from typing import cast

import pytest
from prometheus_client import CollectorRegistry

from daemon.braze.bodies import Bodies
from daemon.braze.dispatcher import Dispatcher, Slot
from daemon.braze.watch import DeliveryWatch
from daemon.core.cohort_names import CohortNames
from daemon.core.delivery import Delivery, DeliveryRules
from daemon.core.model import CohortUpdate, Outcome
from daemon.core.verdict import Answer
from daemon.logs import MemberHasher, configure
from daemon.metrics import CohortLabels, Metrics
from tests.support.builders import ACCEPTED, SERVER_ERROR, flush_of, members
from tests.support.logging_restored import logging_restored

__all__ = ["logging_restored"]  # A fixture is there by being named.


class FailingOnce:
    """A slot whose first answer is that Braze is busy."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    async def send_update(
        self, update: CohortUpdate, encoded: bytes, *, allowed_s: float
    ) -> Answer:
        self.sent.append(encoded)
        return SERVER_ERROR if len(self.sent) == 1 else ACCEPTED

    @property
    def connected(self) -> bool:
        return True

    async def aclose(self) -> None: ...


class Connectable(FailingOnce):
    """A slot that has to be connected, and notes when it is; its first answers may be bad."""

    def __init__(self, *answers: Answer) -> None:
        super().__init__()
        self._answers = list(answers)
        self._connected = False
        self.ahead = 0

    @property
    def connected(self) -> bool:
        return self._connected

    async def connect(self) -> None:
        self.ahead += 1
        self._connected = True

    async def send_update(
        self, update: CohortUpdate, encoded: bytes, *, allowed_s: float
    ) -> Answer:
        self.sent.append(encoded)
        for _ in range(3):  # Whoever is connected ahead is faster.
            await asyncio.sleep(0)
        answer = self._answers.pop(0) if self._answers else ACCEPTED
        self._connected = answer is ACCEPTED
        return answer


def dispatcher_of(*own: FailingOnce) -> Dispatcher:
    clock = asyncio.get_running_loop().time
    delivery = Delivery(DeliveryRules(slots=1, announce=False), lambda: 0.0, clock())
    watch = DeliveryWatch(Metrics(CollectorRegistry(), CohortLabels((), 10)), dict, {})
    slots = [cast("Slot", slot) for slot in (own * 2 if len(own) == 1 else own)]
    made = Dispatcher(delivery, slots, watch, clock=clock, unix_clock=lambda: 0.0)
    made.renew(math.inf)
    return made


def test_a_retry_is_not_encoded_anew_and_an_ended_flush_leaves_nothing() -> None:
    slot, ended = FailingOnce(), asyncio.Event()

    async def deliver() -> Bodies:
        dispatcher = dispatcher_of(slot)

        def tell(outcomes: list[Outcome]) -> None:
            assert len(outcomes) == 1
            ended.set()

        dispatcher.tell(tell)
        dispatcher.submit([flush_of(members(3))])
        async with asyncio.timeout(30):
            await ended.wait()
        return dispatcher._bodies

    bodies = asyncio.run(deliver())

    assert len(slot.sent) == 2
    assert slot.sent[0] is slot.sent[1]
    assert bodies.bytes_kept == 0
    assert bodies._kept == {}


def test_every_attempt_at_an_update_is_told_at_debug_with_the_same_hashes() -> None:
    stream = io.StringIO()
    pipe = configure("debug", stream=stream, hash_key=b"k")

    async def deliver() -> None:
        dispatcher, ended = dispatcher_of(FailingOnce()), asyncio.Event()
        dispatcher.tell(lambda _: ended.set())
        dispatcher.submit([flush_of(members(2))])
        async with asyncio.timeout(30):
            await ended.wait()

    asyncio.run(deliver())

    assert pipe.close()
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    told = [line for line in lines if line["event"] == "update_answered"]
    assert [line["verdict"] for line in told] == ["retry", "accepted"]
    hashes = [MemberHasher(b"k").digest(member) for member in members(2)]
    assert [line["added"] for line in told] == [hashes, hashes]


def test_while_an_attempt_is_made_a_spare_slot_is_connected_ahead() -> None:
    spare, first = Connectable(), Connectable()

    async def deliver() -> None:
        dispatcher, ended = dispatcher_of(spare, first), asyncio.Event()
        dispatcher.tell(lambda _: ended.set())
        for _ in range(2):
            ended.clear()
            dispatcher.submit([flush_of(members(3))])
            async with asyncio.timeout(30):
                await ended.wait()

    asyncio.run(deliver())

    assert (spare.ahead, first.ahead) == (1, 0)
    assert (len(spare.sent), len(first.sent)) == (0, 2)  # The one that was in use is used again.


def test_after_a_spare_slot_could_not_be_connected_it_is_not_tried_with_each_attempt() -> None:
    class Unreachable(Connectable):
        async def connect(self) -> None:
            self.ahead += 1

    spare, first = Unreachable(SERVER_ERROR), Unreachable(SERVER_ERROR)

    async def deliver() -> None:
        dispatcher, ended = dispatcher_of(spare, first), asyncio.Event()
        dispatcher.tell(lambda _: ended.set())
        dispatcher.submit([flush_of(members(3))])
        async with asyncio.timeout(30):
            await ended.wait()

    asyncio.run(deliver())

    assert len(spare.sent) + len(first.sent) == 3
    assert spare.ahead + first.ahead == 1


def test_closing_waits_for_no_connection_that_is_made_ahead() -> None:
    class Silent(Connectable):
        async def connect(self) -> None:
            await asyncio.Event().wait()

    async def scenario() -> None:
        dispatcher = dispatcher_of(Silent())
        dispatcher.connect_ahead()
        async with asyncio.timeout(30):
            await dispatcher.close(math.inf)

    asyncio.run(scenario())


def test_a_bug_in_connecting_ahead_is_told_too() -> None:
    class Broken(Connectable):
        async def connect(self) -> None:
            _bug()

    async def connect() -> None:
        dispatcher = dispatcher_of(Broken())
        dispatcher.connect_ahead()
        async with asyncio.timeout(30):
            await dispatcher.crashed

    with pytest.raises(LookupError, match="a bug"):
        asyncio.run(connect())


def test_a_bug_behind_an_answer_is_told_like_one_before_it() -> None:
    def tell(_outcomes: list[Outcome]) -> None:
        raise LookupError("a bug")

    async def deliver() -> None:
        dispatcher = dispatcher_of(FailingOnce())
        dispatcher.tell(tell)
        dispatcher.submit([flush_of(members(3))])
        async with asyncio.timeout(30):
            await dispatcher.crashed

    with pytest.raises(LookupError, match="a bug"):
        asyncio.run(deliver())


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("submit", ((),)),
        ("abandon", ((),)),
        ("renew", (math.inf,)),
        ("share", (0.5,)),
        ("retry_now", ()),
        ("remember", ({},)),
    ],
)
def test_a_bug_in_what_the_event_loop_calls_is_told_too(
    name: str, args: tuple[object, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def call() -> None:
        dispatcher = dispatcher_of(FailingOnce())
        monkeypatch.setattr(Delivery, "start", _bug)
        monkeypatch.setattr(CohortNames, "remember", _bug)
        asyncio.get_running_loop().call_soon(getattr(dispatcher, name), *args)
        async with asyncio.timeout(30):
            await dispatcher.crashed

    with pytest.raises(LookupError, match="a bug"):
        asyncio.run(call())


def test_a_bug_when_it_is_time_to_go_on_is_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    async def wait() -> None:
        clock = asyncio.get_running_loop().time
        dispatcher = dispatcher_of(FailingOnce())
        monkeypatch.setattr(Delivery, "wake_at_s", lambda *_: clock())
        dispatcher.retry_now()
        monkeypatch.setattr(Delivery, "start", _bug)
        async with asyncio.timeout(30):
            await dispatcher.crashed

    with pytest.raises(LookupError, match="a bug"):
        asyncio.run(wait())


def _bug(*_: object) -> None:
    raise LookupError("a bug")
