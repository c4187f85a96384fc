"""What a stop may wait for: when anything that is held may start, and when that is out of sight."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from daemon.core.delivery import DeliveryRules
from daemon.core.model import Listed, Outcome
from daemon.core.outlook import Outlook, earliest_s, outlook_of
from daemon.core.pacer import Budget
from daemon.core.tenure import Start
from daemon.core.verdict import Answer
from tests.support.builders import (
    ACCEPTED,
    LOCKED,
    NOT_FOUND,
    P0,
    P1,
    REFUSED,
    SECRET,
    SERVER_ERROR,
    acknowledge,
    flush_of,
    members,
    rate_limited,
    relay_of,
    run_of,
    seal_all,
)
from tests.support.sending import UNIX_S, Sending, always, by_cohort

PLAIN = DeliveryRules(announce=False)
OPEN = Outlook()  # Whatever is sealed may be sent at once.


def outlook(sending: Sending) -> Outlook:
    return outlook_of(sending.delivery, sending.now_s)


def after(answer: Answer, for_s: float = 0.15) -> Sending:
    """Return a delivery whose only flush got this answer for so long."""
    sending = Sending(always(answer), PLAIN)
    sending.submit(flush_of(members(1)))
    sending.go_on(for_s)
    return sending


def test_with_nothing_to_send_nothing_will_start_and_what_comes_may_at_once() -> None:
    assert outlook(Sending(always(ACCEPTED), PLAIN)) == Outlook(opens_s=0.0)


def test_what_is_on_the_wire_will_be_answered() -> None:
    sending = Sending(always(ACCEPTED), PLAIN)

    sending.submit(flush_of(members(1)))

    assert outlook(sending).busy


def test_a_cohort_in_backoff_starts_when_that_is_over() -> None:
    sending = after(SERVER_ERROR)

    seen = outlook(sending)

    assert not seen.busy
    assert seen.next_s == sending.delivery.wake_at_s(sending.now_s) < math.inf
    assert seen.opens_s == sending.now_s  # Others need not wait for it.


def test_a_429_holds_everything_until_its_reset() -> None:
    sending = after(rate_limited(reset_at_s=UNIX_S + 600.0))

    seen = outlook(sending)

    assert 600.0 <= seen.next_s == seen.opens_s <= 603.0


def test_a_spent_budget_opens_with_the_next_token() -> None:
    budget = Budget(requests_per_hour=360, reserve=0, burst=1)
    sending = Sending(always(ACCEPTED), replace(PLAIN, budget=budget))
    sending.submit(flush_of(members(1)), flush_of(members(1), cohort="other"))
    sending.go_on(0.2)

    assert 9.0 < outlook(sending).next_s < 12.0


def test_a_share_of_nothing_opens_never() -> None:
    budget = Budget(burst=1)
    sending = Sending(always(ACCEPTED), replace(PLAIN, budget=budget))
    sending.delivery.pacer.set_share(0.0, 0.0)
    sending.submit(flush_of(members(1)), flush_of(members(1), cohort="other"))
    sending.go_on(0.2)

    assert outlook(sending).next_s == math.inf


@pytest.mark.parametrize("answer", [SECRET, NOT_FOUND])
def test_of_a_hold_no_end_is_in_sight_though_it_is_tried_again(answer: Answer) -> None:
    sending = after(answer)

    assert sending.delivery.wake_at_s(sending.now_s) < math.inf
    assert outlook(sending) == Outlook(next_s=math.inf, opens_s=math.inf)


def test_of_an_outage_no_end_is_in_sight_though_it_is_probed() -> None:
    sending = Sending(always(SERVER_ERROR), PLAIN)
    sending.submit(*(flush_of(members(1), cohort=f"c{number}") for number in range(8)))
    sending.go_on(15.0)
    while outlook(sending).busy:
        sending.step()

    assert sending.delivery.health.out(sending.now_s)
    assert outlook(sending) == Outlook(next_s=math.inf, opens_s=math.inf)


def test_where_all_is_refused_only_what_was_never_tried_may_show_something() -> None:
    sending = after(REFUSED)
    assert outlook(sending).next_s == math.inf
    assert outlook(sending).opens_s == pytest.approx(1.0)

    sending.delivery.submit(flush_of(members(1), cohort="other"))

    assert outlook(sending).next_s == pytest.approx(1.0)


def test_a_locked_cohort_does_not_hide_another_that_may_go_on() -> None:
    sending = Sending(by_cohort({"gold": LOCKED}), replace(PLAIN, slots=1), chance=lambda: 0.99)
    sending.submit(flush_of(members(1)))
    sending.go_on(3.0)
    while outlook(sending).busy:
        sending.step()
    locked_until_s = outlook(sending).next_s
    assert locked_until_s > sending.now_s

    sending.delivery.submit(flush_of(members(1), cohort="other"))

    assert outlook(sending).next_s == sending.now_s < locked_until_s


# With the windows that are not handed over yet.


def test_a_window_may_start_when_the_sending_side_opens() -> None:
    relay = relay_of()
    relay.absorb(run_of({"gold": members(1)}), 0.0)

    assert earliest_s(relay, OPEN, 5.0) == 5.0
    assert earliest_s(relay, Outlook(opens_s=60.0), 5.0) == 60.0
    assert earliest_s(relay, Outlook(opens_s=60.0, next_s=9.0), 5.0) == 9.0


def test_without_anything_held_nothing_will_start() -> None:
    assert earliest_s(relay_of(), OPEN, 0.0) == math.inf


def test_a_window_waits_for_the_wait_of_its_partition() -> None:
    relay = relay_of(())
    relay.assign({P0: Start(0, wait_until_s=30.0), P1: Start(0, wait_until_s=70.0)})
    acknowledge(relay, 0.0)
    for partition in (P1, P0):
        relay.absorb(run_of({f"c{partition.number}": members(1)}, partition=partition), 0.0)

    assert earliest_s(relay, OPEN, 5.0) == 30.0


def test_a_window_behind_a_barrier_never_leaves_since_nothing_more_is_read() -> None:
    relay = relay_of(())
    relay.assign({P0: Start(0, sent_to=100)})
    acknowledge(relay, 0.0)
    relay.absorb(run_of({"gold": members(1)}), 0.0)

    assert earliest_s(relay, OPEN, 5.0) == math.inf


def test_an_opposite_change_waits_until_the_lost_request_has_settled() -> None:
    relay = relay_of()
    relay.absorb(run_of({"gold": members(1)}), 0.0)
    [flush] = seal_all(relay)
    relay.absorb(run_of({"gold": members(1, add=False)}, 1), 0.0)
    assert earliest_s(relay, OPEN, 0.0) == math.inf  # It follows the flush of its cohort.

    relay.complete(Outcome(flush.id, listed=(Listed(dict(flush.changes), 40.0),)), 1.0)
    assert seal_all(relay, 1.0) == []

    assert earliest_s(relay, OPEN, 1.0) == 40.0


def test_on_a_stale_lease_nothing_starts_whatever_the_sending_side_says() -> None:
    relay = relay_of()
    relay.absorb(run_of({"gold": members(1)}), 0.0)

    assert earliest_s(relay, Outlook(next_s=0.0), 3_601.0) == math.inf
