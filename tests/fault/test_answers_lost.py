"""Requests that Braze applied without a word, late, or out of turn: the last state is the log's."""

from __future__ import annotations

import asyncio
import os
import random

import pytest

from tests.support.late_braze import Arrived, Fate, LateBraze, Sender, rules_of, sending_to
from tests.support.raw_servers import Reader, Writer, reset

LOST = int(os.environ.get("LOST_ANSWERS", "100"))
TIMEOUT_S = 0.25
SETTLE_S = 1.5
LATE_S_MAX = 0.9  # After the hang-up; far from the end of SETTLE_S, for a busy machine.
MEMBERS = 5


class LosesFirst:
    """The first attempt at each list gets no answer, and half of those are applied late."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._lost: set[tuple[str, str]] = set()

    def __call__(self, request: Arrived) -> Fate:
        key = (request.cohort, repr(sorted(request.changes.items())))
        if key in self._lost:
            self._lost.discard(key)
            return Fate.ANSWERED
        self._lost.add(key)
        return self._chance.choice([Fate.UNANSWERED, Fate.LATE])


async def _change_until_lost(sender: Sender, braze: LateBraze, chance: random.Random) -> None:
    """Turn members of every cohort round and round until enough answers have been lost."""
    cohorts = [f"c{number}" for number in range(max(20, LOST // 10))]
    while braze.unanswered < LOST:
        for cohort in cohorts:
            log = sender.log.get(cohort, {})
            turned = chance.sample(range(MEMBERS), chance.randint(1, MEMBERS))
            sender.change(cohort, {f"m{n}": not log.get(f"m{n}", False) for n in turned})
        await sender.until(lambda: not any(sender.relay.waiting()))


async def _finish(sender: Sender, braze: LateBraze) -> None:
    await sender.until(lambda: sender.relay.idle)
    await sender.until(lambda: braze.late == 0)


@pytest.mark.timeout(600)
def test_applied_without_an_answer_or_late_the_last_change_of_each_member_wins() -> None:
    async def scenario() -> None:
        chance = random.Random(54)
        braze = LateBraze(LosesFirst(chance), lambda: chance.uniform(0.0, LATE_S_MAX))
        async with sending_to(braze, rules_of(SETTLE_S), TIMEOUT_S) as sender:
            await _change_until_lost(sender, braze, chance)
            await _finish(sender, braze)

            assert braze.unanswered >= LOST
            assert braze.regressed == []
            assert braze.members == sender.should_be()
            assert sender.all_committable

    asyncio.run(scenario())


def test_without_the_wait_late_requests_do_win() -> None:
    """The control: the Braze above is hostile enough, and is seen to be."""

    async def scenario() -> None:
        braze = LateBraze(lambda _: fates.pop(0) if fates else Fate.ANSWERED, lambda: LATE_S_MAX)
        async with sending_to(braze, rules_of(0.0), TIMEOUT_S) as sender:
            sender.change("vip", {"ann": True})
            await sender.until(lambda: braze.unanswered == 1)
            sender.change("vip", {"ann": False})
            await _finish(sender, braze)

            assert braze.regressed == [("vip", "ann")]
            assert braze.members != sender.should_be()

    fates = [Fate.LATE]
    asyncio.run(scenario())


def test_after_a_lost_answer_the_opposite_waits_and_the_same_direction_does_not() -> None:
    async def scenario() -> None:
        braze = LateBraze(lambda _: fates.pop(0) if fates else Fate.ANSWERED, lambda: 0.0)
        async with sending_to(braze, rules_of(SETTLE_S), TIMEOUT_S) as sender:
            sender.change("vip", {"ann": True})
            await sender.until(lambda: sender.relay.idle)
            accepted_s = sender.now_s()

            sender.change("vip", {"ann": True, "bob": True})
            await sender.until(lambda: sender.relay.idle)
            assert sender.now_s() - accepted_s < SETTLE_S / 2
            sender.change("vip", {"ann": False})
            await sender.until(lambda: sender.relay.idle)

            assert sender.now_s() - accepted_s > SETTLE_S - TIMEOUT_S
            assert braze.members == {"vip": {"bob"}}

    fates = [Fate.UNANSWERED]
    asyncio.run(scenario())


class ShufflingBraze(LateBraze):
    """Holds the requests of a flush until all are there, then applies them in any order."""

    def __init__(self, at_once: int, chance: random.Random) -> None:
        super().__init__(lambda _: Fate.ANSWERED, lambda: 0.0)
        self.swapped = 0
        self.shared: set[str] = set()  # Members of two requests side by side.
        self._at_once = at_once
        self._chance = chance
        self._held: list[Arrived] = []
        self._applied_all = asyncio.Event()

    async def treat(self, request: Arrived, reader: Reader) -> None:
        applied_all = self._applied_all
        for other in self._held:
            self.shared |= other.changes.keys() & request.changes.keys()
        self._held.append(request)
        if len(self._held) < self._at_once:
            await applied_all.wait()
            return
        order = self._chance.sample(self._held, len(self._held))
        self.swapped += order != self._held
        for held in order:
            self.apply(held)
        self._held.clear()
        self._applied_all = asyncio.Event()
        applied_all.set()


def test_requests_of_one_cohort_side_by_side_may_be_applied_in_any_order() -> None:
    async def scenario() -> None:
        chance = random.Random(64)
        braze = ShufflingBraze(at_once=3, chance=chance)
        async with sending_to(braze, rules_of(SETTLE_S), 30.0) as sender:
            for _ in range(12):
                log = sender.log.get("vip", {})
                turned = chance.sample(range(3_000), 2_500)
                sender.change("vip", {f"m{n}": not log.get(f"m{n}", False) for n in turned})
                await sender.until(lambda: sender.relay.idle)

            assert braze.swapped > 0
            assert braze.shared == set()
            assert braze.members == sender.should_be()

    asyncio.run(scenario())


class NarrowBraze(LateBraze):
    """Something before it ends the connection at once where a body is too large for it."""

    def __init__(self, bytes_max: int, *, says: bytes) -> None:
        super().__init__(lambda _: Fate.ANSWERED, lambda: 0.0)
        self.ended = 0
        self._bytes_max = bytes_max
        self._says = says

    async def admit(self, length: int, writer: Writer) -> bool:
        if length <= self._bytes_max:
            return True
        self.ended += 1
        writer.write(self._says)
        if self._says:
            await writer.drain()
        else:
            reset(writer)
        return False


TOO_LARGE = b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize("says", [TOO_LARGE, TOO_LARGE[:-2], b""], ids=["413", "cut", "reset"])
def test_a_large_request_that_is_turned_away_goes_in_smaller_ones(says: bytes) -> None:
    async def scenario() -> None:
        braze = NarrowBraze(9_000, says=says)
        async with sending_to(braze, rules_of(SETTLE_S), 30.0) as sender:
            sender.change("vip", {f"member-{n:020}": True for n in range(3_500)})

            await sender.until(lambda: sender.relay.idle)

            assert braze.ended > 0
            assert braze.members == sender.should_be()
            assert sender.all_committable

    asyncio.run(scenario())
