"""Who sends when: slots, fairness, announcements, abandoning, waking."""

from __future__ import annotations

import math

import pytest

from daemon.core.delivery import Attempt, DeliveryRules
from daemon.core.pacer import Budget
from daemon.core.turn import Turn
from daemon.core.verdict import Answer
from tests.support.builders import (
    ACCEPTED,
    QUEUED,
    REFUSED,
    SERVER_ERROR,
    flush_of,
    members,
    rate_limited,
)
from tests.support.sending import UNIX_S, Sending, always


def test_alone_a_flush_uses_every_slot() -> None:
    sending = Sending(always(ACCEPTED), DeliveryRules(slots=10, announce=False))

    sending.submit(flush_of(members(16_000)))

    assert len(sending.wire) == 10


def test_while_another_is_ready_a_flush_has_at_most_4_updates_on_the_wire() -> None:
    sending = Sending(always(ACCEPTED), DeliveryRules(slots=8, announce=False))
    flushes = [flush_of(members(12_000), cohort=cohort) for cohort in ("a", "b", "c")]

    sending.submit(*flushes)
    seen: list[dict[str, int]] = []
    while len(sending.delivery.lineup.ready) > 1:
        sending.step()
        on_wire = [a.cohort for a in sending.wire]
        seen.append({cohort: on_wire.count(cohort) for cohort in "abc"})

    later = seen[8:]  # The first had every slot before the others came.
    assert later
    assert all(count <= 4 for counts in later for count in counts.values())


def test_a_small_flush_gets_a_slot_as_soon_as_one_is_free() -> None:
    sending = Sending(always(ACCEPTED), DeliveryRules(slots=4, announce=False))
    sending.submit(flush_of(members(16_000), cohort="large"))

    sending.submit(flush_of(members(1), cohort="small"))
    sending.go_on(0.25)

    assert "small" in sending.accepted


def test_a_turn_is_one_request_and_every_fourth_is_beyond_one() -> None:
    budget = Budget(requests_per_hour=3_600, reserve=0, burst=1)
    sending = Sending(always(ACCEPTED), DeliveryRules(announce=False, budget=budget))
    sending.submit(flush_of(members(4_000), cohort="large"))
    sending.submit(*(flush_of(members(1), cohort=f"c{n}") for n in range(5)))

    sending.finish()

    turns = [attempt.cohort for _, attempt in sending.started]
    assert turns == ["large", "c0", "c1", "large", "c2", "c3", "c4", "large", "large"]


def test_where_requests_are_short_only_what_starts_soon_is_asked_for() -> None:
    budget = Budget(requests_per_hour=3_600, reserve=0, burst=2)
    sending = Sending(always(ACCEPTED), DeliveryRules(announce=False, budget=budget))

    rooms = [sending.delivery.capacity(0.0)]
    for number in range(3):
        sending.submit(flush_of(members(1), cohort=f"c{number}"))
        rooms.append(sending.delivery.capacity(0.0))

    assert rooms == [3, 2, 1, 0]


def test_room_shrinks_with_what_is_on_the_wire_and_what_waits_for_a_slot() -> None:
    sending = Sending(always(ACCEPTED), DeliveryRules(slots=3, announce=False))
    rooms = [sending.delivery.capacity(0.0)]

    for number in range(4):
        sending.submit(flush_of(members(1), cohort=f"c{number}"))
        rooms.append(sending.delivery.capacity(0.0))

    assert rooms == [3, 2, 1, 0, 0]


def test_flushes_of_many_requests_leave_room_for_the_turns_of_others() -> None:
    plenty = Budget(requests_per_hour=36_000_000)
    rules = DeliveryRules(slots=16, announce=False, budget=plenty)
    sending = Sending(always(ACCEPTED), rules)
    sending.submit(*(flush_of(members(20_000), cohort=f"large{n}") for n in range(20)))
    rooms = [sending.delivery.capacity(0.0)]  # Some have not had their turn.

    sending.go_on(0.25)
    rooms.append(sending.delivery.capacity(sending.now_s))

    assert sending.delivery.on_wire == 16
    assert rooms == [0, 2]  # All slots are taken, and the next two that come free are promised.


def test_many_large_flushes_take_a_quarter_from_the_small_ones_at_most() -> None:
    budget = Budget(requests_per_hour=36_000, reserve=0, burst=1)
    sending = Sending(always(ACCEPTED), DeliveryRules(announce=False, budget=budget))
    sending.submit(*(flush_of(members(30_000), cohort=f"large{n}") for n in range(20)))
    sending.go_on(3.0)  # Each has had its turn.
    before = len(sending.started)

    smalls = (flush_of(members(1), cohort=f"c{n}", turn=Turn(0.0, 1.0)) for n in range(60))
    sending.submit(*smalls)
    sending.go_on(7.0)

    turns = [attempt.cohort[:5] != "large" for _, attempt in sending.started[before:]]
    assert len(turns) > 60
    assert sum(turns[:60]) == 45
    assert all(any(turns[at : at + 2]) for at in range(59))


def test_a_flush_in_backoff_takes_no_room() -> None:
    sending = Sending(always(SERVER_ERROR), DeliveryRules(slots=3, announce=False))

    sending.submit(flush_of(members(1)))
    sending.go_on(0.1)

    assert sending.delivery.capacity(sending.now_s) == 3


def test_every_attempt_takes_a_token() -> None:
    budget = Budget(requests_per_hour=3_600, reserve=0, burst=2)
    sending = Sending(always(SERVER_ERROR), DeliveryRules(budget=budget))

    sending.submit(*(flush_of(members(1), cohort=f"c{n}") for n in range(40)))
    sending.go_on(9.0)

    assert len(sending.started) <= 2 + 9


def test_a_cohort_is_announced_before_its_members() -> None:
    sending = Sending(always(ACCEPTED), DeliveryRules())

    sending.submit(flush_of(members(3_000), name="Gold"))
    sending.finish()

    announcement, *updates = [attempt for _, attempt in sending.started]
    assert announcement.update is None
    assert announcement.name == "Gold"
    assert len(updates) == 3
    assert sending.starts()[1] == pytest.approx(0.1)


def test_no_member_leaves_while_the_announcement_fails() -> None:
    sending = Sending(
        lambda attempt, _: ACCEPTED if attempt.update else SERVER_ERROR, DeliveryRules()
    )

    sending.submit(flush_of(members(1)))
    sending.go_on(60.0)

    assert len(sending.started) > 3
    assert all(attempt.update is None for _, attempt in sending.started)


def _names(sending: Sending) -> list[tuple[int, str]]:
    return [(round(at_s), a.name) for at_s, a in sending.started if a.update is None]


def test_a_cohort_is_renamed_at_most_once_a_minute_and_the_last_name_follows_by_itself() -> None:
    sending = Sending(always(ACCEPTED), DeliveryRules())
    for name in ("One", "Two", "Three"):
        sending.submit(flush_of(members(1), name=name))
        sending.go_on(1.0)

    sending.go_on(200.0)

    assert _names(sending) == [(0, "One"), (60, "Three")]
    assert sending.delivery.names.renames == 1


def test_a_late_rename_waits_for_the_end_of_a_cool_down() -> None:
    answers = iter([ACCEPTED, ACCEPTED, rate_limited(UNIX_S + 100), ACCEPTED])
    sending = Sending(lambda *_: next(answers, ACCEPTED), DeliveryRules())
    sending.submit(flush_of(members(1), name="One"))
    sending.go_on(1.0)
    sending.submit(flush_of(members(1), name="Two"))
    sending.go_on(0.5)
    sending.abandon(list(sending.delivery.lineup.senders))

    sending.go_on(200.0)

    assert _names(sending) == [(0, "One"), (101, "Two")]


def test_members_go_under_the_old_name_where_only_the_new_one_is_refused() -> None:
    def says(attempt: Attempt, now_s: float) -> Answer:
        return REFUSED if attempt.update is None and attempt.name == "Bad" else ACCEPTED

    sending = Sending(says, DeliveryRules())
    sending.submit(flush_of(members(1), name="Good"))
    sending.go_on(100.0)
    renamed = flush_of(members(5), name="Bad")

    sending.submit(renamed)
    sending.go_on(1.0)

    assert not sending.outcomes[renamed.id].refused
    assert len(sending.accepted["gold"]) == 5


def test_abandoning_a_flush_with_nothing_on_the_wire_ends_it_at_once() -> None:
    sending = Sending(always(SERVER_ERROR))
    flush = flush_of(members(1_500))
    sending.submit(flush)
    sending.go_on(0.1)

    sending.abandon([flush.id])

    outcome = sending.outcomes[flush.id]
    assert outcome.abandoned
    assert outcome.left == flush.changes
    assert {m for entry in outcome.listed for m in entry.changes} == flush.changes.keys()


def test_abandoning_a_flush_on_the_wire_waits_for_the_answer_and_starts_nothing_more() -> None:
    sending = Sending(always(ACCEPTED), DeliveryRules(slots=1, announce=False))
    flush = flush_of(members(2_500))
    sending.submit(flush)

    sending.abandon([flush.id])
    waited = flush.id not in sending.outcomes
    sending.go_on(10.0)

    assert waited
    assert len(sending.started) == 1
    assert len(sending.outcomes[flush.id].left) == 1_500
    assert len(sending.accepted["gold"]) == 1_000


def test_abandoning_what_is_unknown_does_nothing() -> None:
    sending = Sending(always(ACCEPTED))

    sending.abandon([1, 2])

    assert not sending.outcomes


def test_nobody_is_woken_for_nothing() -> None:
    sending = Sending(always(ACCEPTED))

    asleep = sending.delivery.wake_at_s(0.0)
    sending.submit(flush_of(members(1)))

    assert asleep == math.inf
    assert sending.delivery.wake_at_s(0.0) == math.inf  # The answer is what it waits for.


@pytest.mark.parametrize("uptime_s", [1e5, 4e6, 3e8])
def test_it_runs_on_a_machine_that_has_been_up_for_long(uptime_s: float) -> None:
    sending = Sending(always(ACCEPTED), now_s=uptime_s)
    sending.submit(*(flush_of(members(1), cohort=f"c{n}") for n in range(300)))

    sending.finish()

    assert len(sending.accepted) == 300


def test_members_refused_while_their_cohort_is_still_queued_are_sent_again_whole() -> None:
    def says(attempt: Attempt, now_s: float) -> Answer:
        if attempt.update is None:
            return QUEUED
        return REFUSED if now_s < 6.0 else ACCEPTED

    sending = Sending(says, DeliveryRules())
    flush = flush_of(members(100))

    sending.submit(flush)
    sending.finish()

    assert not sending.outcomes[flush.id].refused
    assert {len(a.update) for _, a in sending.started if a.update is not None} == {100}
