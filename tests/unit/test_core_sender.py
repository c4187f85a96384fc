from __future__ import annotations

import pytest

from daemon.core.model import Changes
from daemon.core.plan import halves
from daemon.core.sender import SEARCH_PAUSE_S, SEARCH_REQUESTS_MAX, Sender
from tests.support.builders import flush_of, members


def _sender(count: int = 2_500) -> Sender:
    return Sender(flush_of(members(count)))


def _left(sender: Sender) -> Changes:
    sender.abandoned = True
    return sender.outcome().left


def test_it_is_done_when_every_update_was_accepted() -> None:
    sender = _sender()

    for attempt_id in range(3):
        assert not sender.done
        sender.take(attempt_id, 0.0)
        sender.accept(attempt_id)

    assert sender.done
    assert not sender.outcome().left


def test_what_is_put_back_is_taken_next() -> None:
    sender = _sender()
    update = sender.take(1, 0.0)

    sender.put_back(1)

    assert sender.take(2, 0.0) is update


def test_an_accepted_update_forgets_the_failures_before() -> None:
    sender = _sender()
    sender.take(1, 0.0)
    sender.fail("locked", 5.0, ours=True)

    sender.accept(1)

    assert (sender.tries, sender.trouble) == (0, "")
    assert sender.failing_since_s > 1e9


def test_it_fails_since_the_first_failure_of_its_own() -> None:
    sender = _sender()

    sender.fail("timeout", 1.0, ours=False)
    sender.fail("locked", 2.0, ours=True)
    sender.fail("locked", 3.0, ours=True)

    assert sender.tries == 3
    assert sender.failing_since_s == 2.0


def test_abandoned_it_is_done_when_nothing_is_on_the_wire() -> None:
    sender = _sender()
    update = sender.take(1, 0.0)
    sender.abandoned = True
    on_the_wire = sender.done

    sender.accept(1)

    assert not on_the_wire
    assert sender.done
    assert _left(sender) == {m: True for m in sender.flush.changes if m not in update.changes}


def test_an_announcement_on_the_wire_is_waited_for() -> None:
    sender = _sender()
    sender.abandoned = sender.announcing = True

    assert not sender.done


def test_what_is_not_done_has_no_outcome() -> None:
    with pytest.raises(AssertionError):
        _sender().outcome()


def test_culprits_are_left_of_an_abandoned_one() -> None:
    sender = _sender(1)
    sender.suspect(sender.take(1, 0.0), "", 0.0)
    del sender.wire[1]

    assert _left(sender) == sender.flush.changes


def test_culprits_that_are_guilty_are_refused_and_the_others_wait() -> None:
    sender = _sender(2)
    one, other = halves(sender.take(1, 0.0))
    del sender.wire[1]
    sender.suspect(one, "bad", 10.0)
    sender.suspect(other, "bad", 99.0)

    convicted = sender.convict(lambda culprit: culprit.refused_at_s > 50.0)
    again = sender.convict(lambda culprit: culprit.refused_at_s > 50.0)

    assert convicted
    assert not again
    assert [culprit.update for culprit in sender.culprits] == [one]


def test_a_culprit_that_is_refused_again_keeps_the_time_of_its_first_refusal() -> None:
    sender = _sender(1)
    update = sender.take(1, 0.0)
    del sender.wire[1]
    sender.suspect(update, "bad", 10.0)
    sender.retry_culprits()

    sender.suspect(update, "bad", 25.0)

    (culprit,) = sender.culprits
    assert (culprit.first_refused_at_s, culprit.refused_at_s) == (10.0, 25.0)


def test_culprits_are_sent_again() -> None:
    sender = _sender(1)
    update = sender.take(1, 0.0)
    del sender.wire[1]
    sender.suspect(update, "bad", 10.0)

    sender.retry_culprits()

    assert list(sender.todo) == [update]
    assert not sender.culprits


def test_giving_up_refuses_what_was_not_accepted() -> None:
    sender = _sender(2_500)
    accepted = sender.take(1, 0.0)
    sender.accept(1)
    sender.suspect(sender.take(2, 0.0), "bad", 10.0)
    del sender.wire[2]
    sender.fail("locked", 10.0, ours=True)

    sender.give_up()

    refusals = sender.outcome().refused
    refused = {m for refusal in refusals for m in refusal.changes}
    assert {(r.reason, r.detail) for r in refusals} == {("gave_up", "locked")}
    assert refused == sender.flush.changes.keys() - accepted.changes.keys()


def test_a_search_pauses_after_its_requests() -> None:
    sender = _sender(2_000)
    first = sender.take(0, 0.0)
    del sender.wire[0]
    sender.search(halves(first))

    for attempt_id in range(1, SEARCH_REQUESTS_MAX):
        sender.take(attempt_id, 5.0)
        sender.put_back(attempt_id)
    before = sender.not_before_s
    sender.take(99, 5.0)

    assert before < 0.0
    assert sender.not_before_s == 5.0 + SEARCH_PAUSE_S


def test_requests_before_a_refusal_are_not_counted() -> None:
    sender = _sender()

    for attempt_id in range(3 * SEARCH_REQUESTS_MAX):
        sender.take(attempt_id, 0.0)
        sender.put_back(attempt_id)

    assert sender.not_before_s < 0.0


def test_a_newer_listing_of_an_update_replaces_its_older_one_and_no_other() -> None:
    sender = _sender(2_000)
    sender.list(sender.take(1, 0.0), 30.0)
    sender.accept(1)  # Nothing else refers to the update now; its listing stays.
    sender.search(halves(sender.take(2, 0.0)))
    del sender.wire[2]

    for attempt_id in (3, 4):
        sender.list(sender.take(attempt_id, 0.0), 50.0)
        sender.list(sender.wire[attempt_id], 60.0)
        sender.accept(attempt_id)

    listed = [(len(entry.changes), entry.until_s) for entry in sender.outcome().listed]
    assert sorted(listed) == [(500, 60.0), (500, 60.0), (1_000, 30.0)]
