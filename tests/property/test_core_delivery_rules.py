"""The sending side against an obvious model: where each member is, and when each attempt began."""

from __future__ import annotations

import bisect
import math

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from daemon.core.delivery import Attempt, Delivery, DeliveryRules
from daemon.core.model import Flush, Member, Outcome
from daemon.core.pacer import Budget
from daemon.core.verdict import Answer, Quota, Sent, Verdict
from tests.support.builders import (
    ACCEPTED,
    IDLE_RESET,
    LOCKED,
    NO_CONNECTION,
    NOT_FOUND,
    QUEUED,
    REFUSED,
    SECRET,
    SERVER_ERROR,
    TIMEOUT,
    flush_of,
    members,
    rate_limited,
)

COHORTS = tuple("abcdef")
SLOTS = 4
BURST = 6
RATE_S = 5.0
ANSWERS = (
    *(ACCEPTED, QUEUED, REFUSED, LOCKED, NOT_FOUND, SECRET, SERVER_ERROR, TIMEOUT),
    *(NO_CONNECTION, IDLE_RESET, rate_limited(), rate_limited(50.0), rate_limited(None, 9.0)),
    Answer(Verdict.ACCEPTED, Sent.ANSWERED, "ok", 201, quota=Quota(1_000_000, 0, 20.0)),
)


class DeliveryRulesMachine(RuleBasedStateMachine):
    """Flushes of other cohorts at any time, any answer to any attempt, any waiting."""

    def __init__(self) -> None:
        super().__init__()
        budget = Budget(requests_per_hour=RATE_S * 3_600 / 0.97, reserve=0.0, burst=BURST)
        rules = DeliveryRules(slots=SLOTS, budget=budget, give_up_after_s=120.0)
        self.now_s = 0.0
        self.chance = 0.5
        self.delivery = Delivery(rules, lambda: self.chance, 0.0)
        self.lease_until_s = 1_000.0
        self.delivery.lease_until_s = self.lease_until_s
        self.flushes: dict[int, Flush] = {}
        self.accepted: dict[int, set[Member]] = {}
        self.ambiguous: dict[int, set[Member]] = {}
        self.abandoned: set[int] = set()
        self.wire: dict[int, Attempt] = {}
        self.starts: list[float] = []
        self.announced: set[str] = set()

    @rule(cohort=st.sampled_from(COHORTS), count=st.sampled_from([1, 2, 9, 1_001, 2_500]))
    def submit(self, cohort: str, count: int) -> None:
        if cohort in {flush.cohort for flush in self.flushes.values()}:
            return
        flush = flush_of(members(count), cohort=cohort, name=f"{cohort}{count}")
        self.flushes[flush.id] = flush
        self.accepted[flush.id] = set()
        self.ambiguous[flush.id] = set()
        self.delivery.submit(flush)
        self._start()

    @precondition(lambda self: self.wire)
    @rule(data=st.data(), answer=st.sampled_from(ANSWERS), chance=st.floats(0, 0.99))
    def answer(self, data: st.DataObject, answer: Answer, chance: float) -> None:
        self.chance = chance
        self._answer(data.draw(st.sampled_from(sorted(self.wire))), answer)

    @precondition(lambda self: self.wire)
    @rule(accept=st.booleans())
    def answer_all(self, accept: bool) -> None:
        for attempt_id in sorted(self.wire):
            self._answer(attempt_id, ACCEPTED if accept else REFUSED)

    def _answer(self, attempt_id: int, answer: Answer) -> None:
        attempt = self.wire.pop(attempt_id)
        if attempt.update is None and answer.verdict is Verdict.ACCEPTED:
            self.announced.add(attempt.cohort)
        if attempt.update is not None and attempt.flush is not None:
            if answer.verdict is Verdict.ACCEPTED:
                assert self.accepted[attempt.flush.id].isdisjoint(attempt.update.changes)
                self.accepted[attempt.flush.id] |= attempt.update.changes.keys()
            if answer.ambiguous:
                self.ambiguous[attempt.flush.id] |= attempt.update.changes.keys()
        self._end(self.delivery.finish(attempt_id, answer, self.now_s, self.now_s))
        self._start()

    @rule(for_s=st.sampled_from([0.2, 1.0, 5.0, 15.0, 70.0]))
    def wait(self, for_s: float) -> None:
        self.now_s += for_s
        self._start()

    @rule()
    def sleep(self) -> None:
        """Wait as the event loop does: until it is told to look again."""
        at_s = self.delivery.wake_at_s(self.now_s)
        assert at_s > self.now_s
        if at_s < math.inf:
            self.now_s = at_s
            self._start()

    @precondition(lambda self: self.flushes)
    @rule(data=st.data())
    def abandon(self, data: st.DataObject) -> None:
        flush_id = data.draw(st.sampled_from(sorted(self.flushes)))
        self.abandoned.add(flush_id)
        self._end(self.delivery.abandon([flush_id], self.now_s))
        self._start()

    @rule(share=st.sampled_from([0.0, 0.25, 1.0]))
    def share(self, share: float) -> None:
        self.delivery.pacer.set_share(share, self.now_s)
        self._start()

    @rule(for_s=st.sampled_from([0.0, 30.0, 1_000.0]))
    def renew(self, for_s: float) -> None:
        self.lease_until_s = self.now_s + for_s
        self.delivery.lease_until_s = self.lease_until_s
        self._start()

    @rule()
    def probe_now(self) -> None:
        self.delivery.health.probe_now()
        self._start()

    def _start(self) -> None:
        for attempt in self.delivery.start(self.now_s):
            assert self.now_s < self.lease_until_s
            assert attempt.id not in self.wire
            if attempt.flush is not None:
                assert attempt.flush.id in self.flushes
                assert attempt.flush.id not in self.abandoned
            if attempt.update is not None:
                assert 1 <= len(attempt.update) <= 1_000
                assert attempt.cohort in self.announced
            self.wire[attempt.id] = attempt
            self.starts.append(self.now_s)
        assert not self.delivery.start(self.now_s)

    def _end(self, outcomes: list[Outcome]) -> None:
        for outcome in outcomes:
            flush = self.flushes.pop(outcome.flush_id)
            accepted = self.accepted.pop(flush.id)
            refused = [m for refusal in outcome.refused for m in refusal.changes]
            ends = [*accepted, *refused, *outcome.left]
            assert len(ends) == len(flush.changes), "each member has one end"
            assert set(ends) == flush.changes.keys()
            assert outcome.abandoned == (flush.id in self.abandoned)
            assert outcome.abandoned or not outcome.left
            listed = {m for entry in outcome.listed for m in entry.changes}
            assert listed == self.ambiguous.pop(flush.id), "what is ambiguous is listed"
            assert all(a.flush is not flush for a in self.wire.values()), "nothing is on its way"

    @invariant()
    def no_member_is_on_the_wire_twice(self) -> None:
        seen = [(a.cohort, m) for a in self.wire.values() if a.update for m in a.update.changes]
        assert len(seen) == len(set(seen))
        assert len(self.wire) == self.delivery.on_wire <= SLOTS

    @invariant()
    def nobody_is_woken_in_a_circle(self) -> None:
        assert self.delivery.wake_at_s(self.now_s) > self.now_s

    @invariant()
    def the_rate_is_kept_in_any_interval(self) -> None:
        for first, from_s in enumerate(self.starts):
            until = bisect.bisect_right(self.starts, from_s + 2.0)
            assert until - first <= BURST + 2.0 * RATE_S + 0.01

    def teardown(self) -> None:
        """Once Braze takes everything, every flush ends by itself."""
        self.now_s += 1.0
        self.lease_until_s = self.delivery.lease_until_s = math.inf
        self.delivery.pacer.set_share(1.0, self.now_s)
        self._start()
        until_s = self.now_s + 7_200.0
        while self.flushes and self.now_s < until_s:
            if self.wire:
                self._answer(min(self.wire), ACCEPTED)
            else:
                self.sleep()
        assert not self.flushes


DeliveryRulesMachine.TestCase.settings = settings(
    max_examples=100, stateful_step_count=50, deadline=None
)
TestDeliveryRules = DeliveryRulesMachine.TestCase
