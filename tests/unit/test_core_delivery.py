"""What each answer of Braze means for its flush and for the others."""

from __future__ import annotations

import pytest

from daemon.core.backoff import Backoff
from daemon.core.delivery import Attempt, DeliveryRules
from daemon.core.verdict import Answer
from tests.support.builders import (
    ACCEPTED,
    IDLE_RESET,
    LOCKED,
    NO_CONNECTION,
    QUEUED,
    REFUSED,
    SERVER_ERROR,
    TIMEOUT,
    flush_of,
    members,
    rate_limited,
)
from tests.support.sending import UNIX_S, Sending, always, by_cohort


def test_an_accepted_flush_ends_with_nothing_left() -> None:
    sending = Sending(always(ACCEPTED))
    flush = flush_of(members(2_500))

    sending.submit(flush)
    sending.finish()

    outcome = sending.outcomes[flush.id]
    assert sending.accepted["gold"] == flush.changes
    assert not outcome.refused
    assert not outcome.left
    assert not outcome.listed
    assert len(sending.started) == 3


def test_a_queued_update_is_done_and_listed() -> None:
    sending = Sending(always(QUEUED))
    flush = flush_of(members(3))

    sending.submit(flush)
    sending.finish()

    (listed,) = sending.outcomes[flush.id].listed
    assert listed.changes == flush.changes
    assert listed.until_s == pytest.approx(30.1)


def test_every_queued_update_of_a_searched_flush_stays_listed() -> None:
    def says(attempt: Attempt, now_s: float) -> Answer:
        bad = attempt.update is not None and "user-1500" in attempt.update.changes
        return REFUSED if bad else QUEUED

    sending = Sending(says, DeliveryRules(slots=1, announce=False))
    flush = flush_of(members(2_000))

    sending.submit(flush)
    sending.finish()

    listed = {m for entry in sending.outcomes[flush.id].listed for m in entry.changes}
    assert listed == flush.changes.keys() - {"user-1500"}


@pytest.mark.parametrize("answer", [SERVER_ERROR, TIMEOUT])
def test_an_ambiguous_attempt_is_listed_even_when_the_next_is_accepted(answer: Answer) -> None:
    answers = iter([answer])
    sending = Sending(lambda *_: next(answers, ACCEPTED))
    flush = flush_of(members(3))

    sending.submit(flush)
    sending.finish()

    (listed,) = sending.outcomes[flush.id].listed
    assert listed.changes == flush.changes


@pytest.mark.parametrize("answer", [NO_CONNECTION, LOCKED, rate_limited(UNIX_S + 1)])
def test_an_attempt_that_cannot_have_been_applied_is_not_listed(answer: Answer) -> None:
    answers = iter([answer])
    sending = Sending(lambda *_: next(answers, ACCEPTED))
    flush = flush_of(members(3))

    sending.submit(flush)
    sending.finish()

    assert not sending.outcomes[flush.id].listed


def test_a_retry_waits_for_its_backoff() -> None:
    answers = iter([SERVER_ERROR, SERVER_ERROR])
    rules = DeliveryRules(announce=False, backoff=Backoff(initial_s=2.0, max_s=20.0))
    sending = Sending(lambda *_: next(answers, ACCEPTED), rules, chance=lambda: 0.5)

    sending.submit(flush_of(members(1)))
    sending.finish()

    assert sending.starts() == pytest.approx([0.0, 1.1, 3.2])


def test_a_longer_retry_after_wins() -> None:
    answers = iter([Answer(LOCKED.verdict, LOCKED.sent, "locked", 423, retry_after_s=7.0)])
    sending = Sending(lambda *_: next(answers, ACCEPTED))

    sending.submit(flush_of(members(1)))
    sending.finish()

    assert sending.starts() == pytest.approx([0.0, 7.1])


def test_an_idle_connection_that_was_closed_is_tried_again_at_once() -> None:
    answers = iter([IDLE_RESET])
    sending = Sending(lambda *_: next(answers, ACCEPTED))

    sending.submit(flush_of(members(1)))
    sending.finish()

    assert sending.starts() == pytest.approx([0.0, 0.1])


def test_a_locked_cohort_backs_off_alone() -> None:
    sending = Sending(by_cohort({"locked": LOCKED}))
    locked = flush_of(members(1), cohort="locked")

    sending.submit(locked)
    for _ in range(120):
        sending.submit(flush_of(members(1), cohort="free"))
        sending.go_on(1.0)

    assert len(sending.starts("free")) == 120
    assert 6 <= len(sending.starts("locked")) <= 25
    assert locked.id not in sending.outcomes


def test_nothing_is_sent_before_the_reset_of_a_429() -> None:
    answers = iter([rate_limited(UNIX_S + 120)])
    sending = Sending(lambda *_: next(answers, ACCEPTED))

    sending.submit(flush_of(members(1)))
    sending.go_on(1.0)
    sending.submit(flush_of(members(1), cohort="other"))
    sending.finish()

    first, *others = sending.starts()
    assert first == 0.0
    assert len(others) == 2
    assert min(others) >= 120.0
    assert min(others) <= 123.0


def test_a_reset_far_away_is_clamped() -> None:
    answers = iter([rate_limited(UNIX_S + 10**9)])
    sending = Sending(lambda *_: next(answers, ACCEPTED))

    sending.submit(flush_of(members(1)))
    sending.finish()

    assert 3_700 < sending.starts()[1] <= 3_720.2


def test_a_429_without_a_reset_waits_a_little() -> None:
    answers = iter([rate_limited()])
    sending = Sending(lambda *_: next(answers, ACCEPTED))

    sending.submit(flush_of(members(1)))
    sending.finish()

    assert 1.0 <= sending.starts()[1] <= 3.2
