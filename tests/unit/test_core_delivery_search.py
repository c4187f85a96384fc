"""One bad member stays one bad member: the search for culprits, and its limits (G12, G11)."""

from __future__ import annotations

import bisect

import pytest

from daemon.core.delivery import Attempt, DeliveryRules
from daemon.core.verdict import Answer, Sent, Verdict
from tests.support.builders import (
    ACCEPTED,
    IDLE_RESET,
    REFUSED,
    SERVER_ERROR,
    TIMEOUT,
    flush_of,
    members,
)
from tests.support.sending import Sending, always, by_cohort, refusing

LOST = Answer(Verdict.RETRY, Sent.AMBIGUOUS, "reset")
SERVER_CUT = Answer(Verdict.RETRY, Sent.AMBIGUOUS, "truncated", 413)


def _requests_a_minute_max(starts: list[float]) -> int:
    return max(bisect.bisect_left(starts, at_s + 60.0) - n for n, at_s in enumerate(starts))


@pytest.mark.parametrize("bad_every", [1_000, 333, 20])  # 1, 3 and 50 of 1,000.
def test_only_the_culprits_are_refused(bad_every: int) -> None:
    bad = {f"user-{n}": True for n in range(bad_every // 2, 1_000, bad_every)}
    sending = Sending(refusing(bad))
    flush = flush_of(members(1_000))

    sending.submit(flush)
    sending.finish()

    outcome = sending.outcomes[flush.id]
    refused = {m: add for refusal in outcome.refused for m, add in refusal.changes.items()}
    assert refused == bad
    assert all(r.reason == "refused" and r.detail == REFUSED.detail for r in outcome.refused)
    assert sending.accepted["gold"] == {m: True for m in flush.changes if m not in bad}


@pytest.mark.parametrize("bad_every", [20, 2])
def test_a_search_costs_at_most_64_requests_a_minute(bad_every: int) -> None:
    bad = {f"user-{n}": True for n in range(0, 1_000, bad_every)}
    sending = Sending(refusing(bad))

    sending.submit(flush_of(members(1_000)))
    sending.finish(within_s=10_000.0)

    assert _requests_a_minute_max(sending.starts()) <= 65  # With the refused batch itself.


def test_a_search_delays_no_other_cohort() -> None:
    bad = {f"user-{n}": True for n in range(0, 1_000, 10)}
    sending = Sending(refusing(bad))
    sending.submit(flush_of(members(1_000)))

    for number in range(20):
        sending.submit(flush_of(members(1, prefix="other"), cohort=f"c{number}"))
        sending.go_on(2.0)

    assert len(sending.accepted.keys() - {"gold"}) == 20


def test_a_refusal_of_everything_refuses_nothing_and_is_probed_slowly() -> None:
    sending = Sending(always(REFUSED))
    flush = flush_of(members(1_000))
    sending.submit(flush)
    sending.go_on(200.0)
    began = len(sending.started)

    sending.go_on(600.0)

    assert flush.id not in sending.outcomes
    assert sending.delivery.health.refusing
    assert len(sending.started) - began <= 41


def test_when_everything_was_refused_and_is_no_more_nothing_is_refused_for_good() -> None:
    sending = Sending(always(REFUSED))
    flush = flush_of(members(1_000))
    sending.submit(flush)
    sending.go_on(3_600.0)

    sending.says = always(ACCEPTED)
    recovered_at_s = sending.now_s
    sending.finish(within_s=3_600.0)

    assert not sending.outcomes[flush.id].refused
    assert sending.accepted["gold"] == flush.changes
    assert sending.now_s - recovered_at_s <= 1_800.0


def test_when_everything_was_refused_and_is_no_more_other_cohorts_flow_within_30_seconds() -> None:
    sending = Sending(always(REFUSED))
    sending.submit(flush_of(members(1_000)))
    sending.go_on(3_600.0)

    sending.says = always(ACCEPTED)
    sending.submit(*(flush_of(members(1), cohort=f"c{n}") for n in range(30)))
    sending.go_on(30.0)

    assert len(sending.accepted.keys() - {"gold"}) == 30


def test_a_lone_culprit_waits_until_another_cohort_is_accepted() -> None:
    sending = Sending(by_cohort({"bad": REFUSED}))
    bad = flush_of(members(1), cohort="bad")
    sending.submit(bad)
    sending.go_on(120.0)
    waited = bad.id not in sending.outcomes
    room = sending.delivery.capacity(sending.now_s)

    sending.submit(flush_of(members(1), cohort="good"))
    sending.go_on(16.0)

    assert waited
    assert room == 1
    assert len(sending.outcomes[bad.id].refused) == 1
    assert not sending.delivery.health.refusing


def test_a_lone_culprit_is_refused_the_second_time_where_another_was_accepted_before() -> None:
    sending = Sending(by_cohort({"bad": REFUSED}))
    sending.submit(flush_of(members(1), cohort="good"))
    sending.go_on(50.0)
    bad = flush_of(members(1), cohort="bad")

    sending.submit(bad)
    sending.go_on(14.0)
    at_first = bad.id in sending.outcomes
    sending.go_on(2.0)

    assert not at_first
    assert len(sending.outcomes[bad.id].refused) == 1


def test_a_body_that_is_too_large_is_halved() -> None:
    def says(attempt: Attempt, now_s: float) -> Answer:
        assert attempt.update is not None
        return ACCEPTED if len(attempt.update) <= 300 else REFUSED

    sending = Sending(says)
    flush = flush_of(members(1_000))

    sending.submit(flush)
    sending.finish()

    assert not sending.outcomes[flush.id].refused
    assert sending.accepted["gold"] == flush.changes


@pytest.mark.parametrize("answer", [LOST, SERVER_CUT])
def test_what_breaks_off_when_it_is_large_is_halved_until_it_gets_through(answer: Answer) -> None:
    def says(attempt: Attempt, now_s: float) -> Answer:
        assert attempt.update is not None
        return ACCEPTED if len(attempt.update) <= 300 else answer

    sending = Sending(says)
    flush = flush_of(members(16_000))

    sending.submit(flush)
    sending.finish(within_s=300.0)

    assert not sending.outcomes[flush.id].refused
    assert sending.accepted["gold"] == flush.changes


def test_an_outage_in_which_everything_breaks_off_costs_a_few_requests_more() -> None:
    answers = [LOST]
    sending = Sending(lambda *_: answers[-1])
    sending.submit(flush_of(members(16_000)))
    sending.go_on(2 * 3600.0)

    answers.append(ACCEPTED)
    failed = len(sending.started)
    sending.finish(within_s=300.0)

    assert len(sending.started) - failed <= 16 + 10


def test_a_timeout_or_a_server_error_makes_nothing_smaller() -> None:
    for answer in (TIMEOUT, SERVER_ERROR, IDLE_RESET):
        sending = Sending(always(answer))
        sending.submit(flush_of(members(1_000)))

        sending.go_on(600.0)

        assert {len(a.update) for _, a in sending.started if a.update} == {1_000}


def test_a_cohort_whose_announcement_is_refused_is_refused_whole_and_alone() -> None:
    sending = Sending(by_cohort({"bad": REFUSED}), DeliveryRules())
    bad = flush_of(members(1_500), cohort="bad")
    sending.submit(flush_of(members(1), cohort="good"))
    sending.go_on(1.0)

    sending.submit(bad)
    sending.go_on(17.0)

    refused = {m for refusal in sending.outcomes[bad.id].refused for m in refusal.changes}
    assert refused == bad.changes.keys()
    assert sending.delivery.health.well(sending.now_s)


def test_a_cohort_of_which_every_member_is_refused_delays_no_other() -> None:
    sending = Sending(by_cohort({"bad": REFUSED}))
    bad = flush_of(members(100), cohort="bad")
    sending.submit(bad)

    number = 0
    while bad.id not in sending.outcomes:
        assert number < 600, "the search never ends"
        cohort, number = f"c{number}", number + 1
        sending.submit(flush_of(members(1), cohort=cohort))
        sending.go_on(2.0)
        assert cohort in sending.accepted

    refused = {m for refusal in sending.outcomes[bad.id].refused for m in refusal.changes}
    assert refused == bad.changes.keys()
    assert sending.outcomes[bad.id].left == {}
    assert _requests_a_minute_max(sending.starts("bad")) <= 65 + 100  # Each is refused twice.


def test_innocent_members_are_not_refused_when_braze_begins_to_refuse_everything() -> None:
    # Accepted until 30 s, everything refused until 300 s, accepted again.
    def says(attempt: Attempt, now_s: float) -> Answer:
        return REFUSED if 30.0 <= now_s < 300.0 else ACCEPTED

    sending = Sending(says)
    flushes = []
    for turn in range(12):
        for number in range(3):
            flush = flush_of(members(5), cohort=f"c{turn}-{number}")
            flushes.append(flush)
            sending.submit(flush)
        sending.go_on(5.0)

    sending.finish(within_s=3_600.0)

    assert all(not sending.outcomes[flush.id].refused for flush in flushes)


def test_a_second_refusal_right_behind_the_first_convicts_nobody() -> None:
    # One member is bad. When its innocent neighbours come to be tried alone, Braze refuses
    # everything for a while, though it took others of the batch shortly before.
    def says(attempt: Attempt, now_s: float) -> Answer:
        assert attempt.update is not None
        changes = attempt.update.changes
        if "user-0" in changes or 5.0 <= now_s < 17.0:
            return REFUSED
        return SERVER_ERROR if {"user-2", "user-3"} & changes.keys() and now_s < 5.0 else ACCEPTED

    sending = Sending(says)
    flush = flush_of(members(4))

    sending.submit(flush)
    sending.finish()

    refused = [refusal.changes for refusal in sending.outcomes[flush.id].refused]
    assert refused == [{"user-0": True}]
