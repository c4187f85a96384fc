"""The dispatcher with slots that answer as they are told."""

from __future__ import annotations

import asyncio
import math
from typing import cast

import pytest
from prometheus_client import CollectorRegistry

from daemon.braze.bodies import Bodies
from daemon.braze.dispatcher import Dispatcher, Slot
from daemon.braze.watch import DeliveryWatch
from daemon.core.delivery import Delivery, DeliveryRules
from daemon.core.model import CohortUpdate, Outcome
from daemon.core.verdict import Answer
from daemon.metrics import CohortLabels, Metrics
from tests.support.builders import ACCEPTED, SERVER_ERROR, flush_of, members


class FailingOnce:
    """A slot whose first answer is that Braze is busy."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    async def send_update(
        self, update: CohortUpdate, encoded: bytes, *, allowed_s: float
    ) -> Answer:
        self.sent.append(encoded)
        return SERVER_ERROR if len(self.sent) == 1 else ACCEPTED

    async def aclose(self) -> None: ...


def dispatcher_of(slot: FailingOnce) -> Dispatcher:
    clock = asyncio.get_running_loop().time
    delivery = Delivery(DeliveryRules(slots=1, announce=False), lambda: 0.0, clock())
    watch = DeliveryWatch(Metrics(CollectorRegistry(), CohortLabels((), 10)), dict, {})
    slots = [cast("Slot", slot)]
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
