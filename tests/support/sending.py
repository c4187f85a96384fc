"""A delivery with a pretended Braze and a clock of its own: attempts start and end by events."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable

from daemon.core.delivery import Attempt, Delivery, DeliveryRules
from daemon.core.model import Changes, Flush, Member, Outcome
from daemon.core.verdict import Answer
from tests.support.builders import ACCEPTED, REFUSED

# What the pretended Braze answers, told the attempt and the time.
Says = Callable[[Attempt, float], Answer]

UNIX_S = 1_800_000_000.0  # The wall clock when the pretended one shows 0.


class Sending:
    """Drives a delivery as the event loop does: at answers, and when it asks to be woken.

    Every step asserts that no member is on the wire twice, that the slots are kept, and that
    nobody is woken in a circle.
    """

    def __init__(
        self,
        says: Says,
        rules: DeliveryRules | None = None,
        *,
        latency_s: float = 0.1,
        chance: Callable[[], float] = lambda: 0.5,
        now_s: float = 0.0,
    ) -> None:
        self.says = says
        self.now_s = now_s
        self.started: list[tuple[float, Attempt]] = []
        self.outcomes: dict[int, Outcome] = {}
        self.accepted: dict[str, Changes] = {}
        self._rules = rules or DeliveryRules(announce=False)
        self.delivery = Delivery(self._rules, chance, now_s)
        self.delivery.lease_until_s = math.inf
        self._latency_s = latency_s
        self._wire: list[tuple[float, int, Attempt]] = []

    def submit(self, *flushes: Flush) -> None:
        for flush in flushes:
            self.delivery.submit(flush)
        self.pump()

    def abandon(self, flush_ids: Iterable[int]) -> None:
        self._note(self.delivery.abandon(flush_ids, self.now_s))
        self.pump()

    def pump(self) -> None:
        for attempt in self.delivery.start(self.now_s):
            self.started.append((self.now_s, attempt))
            heapq.heappush(self._wire, (self.now_s + self._latency_s, attempt.id, attempt))
        assert len(self._wire) == self.delivery.on_wire <= self._rules.slots
        self._assert_no_member_twice()
        assert not self.delivery.start(self.now_s)
        assert self.delivery.wake_at_s(self.now_s) > self.now_s

    def _assert_no_member_twice(self) -> None:
        seen: set[tuple[str, Member]] = set()
        for *_, attempt in self._wire:
            for member in attempt.update.changes if attempt.update else ():
                assert (attempt.cohort, member) not in seen
                seen.add((attempt.cohort, member))

    def step(self) -> bool:
        """Go to the next event; False where nothing will ever happen by itself."""
        answer_at_s = self._wire[0][0] if self._wire else math.inf
        at_s = min(answer_at_s, self.delivery.wake_at_s(self.now_s))
        if math.isinf(at_s):
            return False
        self.now_s = at_s
        if answer_at_s <= at_s:
            self._answer(heapq.heappop(self._wire)[2])
        self.pump()
        return True

    def _answer(self, attempt: Attempt) -> None:
        answer = self.says(attempt, self.now_s)
        if answer.verdict is ACCEPTED.verdict and attempt.update is not None:
            self.accepted.setdefault(attempt.cohort, {}).update(attempt.update.changes)
        now_s = self.now_s
        self._note(self.delivery.finish(attempt.id, answer, now_s, UNIX_S + now_s))

    def _note(self, outcomes: Iterable[Outcome]) -> None:
        for outcome in outcomes:
            assert outcome.flush_id not in self.outcomes
            self.outcomes[outcome.flush_id] = outcome

    def go_on(self, for_s: float) -> None:
        """Let this much time pass."""
        until_s = self.now_s + for_s
        while min(self._next_at_s(), math.inf) <= until_s:
            self.step()
        self.now_s = until_s
        self.pump()

    def _next_at_s(self) -> float:
        answer_at_s = self._wire[0][0] if self._wire else math.inf
        return min(answer_at_s, self.delivery.wake_at_s(self.now_s))

    def finish(self, within_s: float = 7200.0) -> None:
        """Go on until every flush has ended."""
        until_s = self.now_s + within_s
        while self.delivery.lineup.senders:
            assert self._next_at_s() <= until_s, "a flush never ends"
            self.step()

    def starts(self, cohort: str | None = None) -> list[float]:
        """Return when attempts were started, of one cohort or of all."""
        return [at_s for at_s, a in self.started if cohort in (None, a.cohort)]

    @property
    def wire(self) -> list[Attempt]:
        return [attempt for *_, attempt in self._wire]


def always(answer: Answer) -> Says:
    def says(attempt: Attempt, now_s: float) -> Answer:
        return answer

    return says


def refusing(bad: Iterable[Member]) -> Says:
    """Refuse every update that holds one of these."""
    refused = set(bad)

    def says(attempt: Attempt, now_s: float) -> Answer:
        held = attempt.update is not None and not refused.isdisjoint(attempt.update.changes)
        return REFUSED if held else ACCEPTED

    return says


def by_cohort(answers: dict[str, Answer]) -> Says:
    """Answer so for these cohorts, and accept all others."""

    def says(attempt: Attempt, now_s: float) -> Answer:
        return answers.get(attempt.cohort, ACCEPTED)

    return says
