"""Outages, holds and giving up: what stops everybody, and what stops one cohort alone."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import pytest

from daemon.core.delivery import Attempt, DeliveryRules
from daemon.core.verdict import Answer
from tests.support.builders import (
    ACCEPTED,
    LOCKED,
    NOT_FOUND,
    REFUSED,
    SECRET,
    SERVER_ERROR,
    flush_of,
    members,
)
from tests.support.sending import Sending, always, by_cohort


def test_an_outage_is_probed_every_5_seconds() -> None:
    sending = Sending(always(SERVER_ERROR))
    sending.submit(*(flush_of(members(1), cohort=f"c{n}") for n in range(20)))
    sending.go_on(60.0)
    began = len(sending.started)

    sending.go_on(600.0)

    probes = sending.starts()[began:]
    assert 60 <= len(probes) <= 121
    assert all(later - earlier >= 4.999 for earlier, later in itertools.pairwise(probes))
    assert not sending.delivery.health.well(sending.now_s)


def test_an_outage_is_probed_no_faster_where_a_member_is_under_suspicion() -> None:
    others = [f"c{n}" for n in range(150)]
    sending = Sending(by_cohort({"bad": REFUSED} | dict.fromkeys(others, SERVER_ERROR)))
    sending.submit(flush_of(members(1), cohort="bad"))
    sending.submit(*(flush_of(members(1), cohort=cohort) for cohort in others))
    sending.go_on(20.0)
    began = len(sending.started)

    sending.go_on(60.0)

    probes = sending.starts()[began:]
    assert len(probes) >= 4
    assert all(later - earlier >= 4.999 for earlier, later in itertools.pairwise(probes))


def test_after_an_outage_everything_is_delivered_within_30_seconds() -> None:
    sending = Sending(always(SERVER_ERROR))
    sending.submit(*(flush_of(members(1), cohort=f"c{n}") for n in range(20)))
    sending.go_on(600.0)

    sending.says = always(ACCEPTED)
    sending.finish(within_s=30.0)

    assert len(sending.accepted) == 20


def test_the_first_acceptance_after_an_outage_ends_every_backoff_that_was_due_to_it() -> None:
    told = replace(SERVER_ERROR, retry_after_s=3_600.0)
    answers = {"told": told, "locked": LOCKED}
    others = [f"c{n}" for n in range(20)]
    sending = Sending(by_cohort(answers | dict.fromkeys(others, SERVER_ERROR)))
    sending.submit(*(flush_of(members(1), cohort=cohort) for cohort in (*others, *answers)))
    sending.go_on(600.0)
    assert sending.delivery.health.out(sending.now_s)

    sending.says = by_cohort({"locked": LOCKED})
    while not sending.accepted:
        sending.step()
    sending.go_on(1.0)

    assert sending.accepted.keys() == set(others)


def test_one_cohort_failing_alone_does_not_make_an_outage_for_the_others() -> None:
    sending = Sending(by_cohort({"broken": SERVER_ERROR}))
    sending.submit(flush_of(members(1), cohort="broken"))
    sending.go_on(400.0)

    room = sending.delivery.capacity(sending.now_s)
    sending.submit(flush_of(members(1), cohort="whole"))
    sending.go_on(10.0)

    assert room >= 1
    assert "whole" in sending.accepted


def test_a_401_holds_everything_and_is_probed_every_15_seconds() -> None:
    sending = Sending(always(SECRET))
    sending.submit(*(flush_of(members(1), cohort=f"c{n}") for n in range(5)))

    sending.go_on(151.0)

    hold = sending.delivery.health.hold
    assert hold is not None
    assert hold.reason == "client_secret"
    assert sending.starts()[5:] == pytest.approx([15.0 * n for n in range(1, 11)])
    assert not sending.outcomes


def test_a_hold_is_tried_again_at_once_when_told() -> None:
    sending = Sending(always(SECRET))
    flush = flush_of(members(1))
    sending.submit(flush)
    sending.go_on(20.0)

    sending.says = always(ACCEPTED)
    sending.delivery.health.probe_now()
    sending.pump()
    sending.go_on(0.2)

    assert flush.id in sending.outcomes
    assert sending.delivery.health.hold is None


def test_a_hold_without_flushes_leaves_room_for_one_to_probe_with() -> None:
    sending = Sending(always(SECRET))
    flush = flush_of(members(1))
    sending.submit(flush)
    sending.go_on(1.0)

    sending.abandon([flush.id])

    assert sending.delivery.capacity(sending.now_s) == 1


def test_a_hold_is_over_when_only_a_locked_cohort_was_left_to_probe_with() -> None:
    sending = Sending(always(SECRET))
    sending.submit(flush_of(members(1), cohort="locked"))
    sending.go_on(16.0)

    sending.says = by_cohort({"locked": LOCKED})
    sending.go_on(60.0)
    room = sending.delivery.capacity(sending.now_s)
    sending.submit(flush_of(members(1), cohort="free"))
    sending.go_on(31.0)

    assert room == 1
    assert "free" in sending.accepted


def test_a_404_of_one_cohort_is_that_cohorts_hold_while_others_succeed() -> None:
    sending = Sending(by_cohort({"unknown": NOT_FOUND}))
    sending.submit(flush_of(members(1), cohort="known"))
    sending.go_on(1.0)

    sending.submit(flush_of(members(1), cohort="unknown"))
    for _ in range(50):
        sending.go_on(1.0)
        sending.submit(flush_of(members(1), cohort="known"))
    sending.go_on(1.0)

    assert sending.delivery.health.well(sending.now_s)
    assert len(sending.starts("known")) == 51
    assert 3 <= len(sending.starts("unknown")) <= 5


def test_a_404_in_a_quiet_system_stops_another_cohort_for_2_seconds_at_most() -> None:
    sending = Sending(by_cohort({"unknown": NOT_FOUND}), DeliveryRules())
    sending.submit(flush_of(members(1), cohort="unknown"))
    sending.go_on(0.5)
    room = sending.delivery.capacity(sending.now_s)

    sending.submit(flush_of(members(1), cohort="known"))
    sending.go_on(2.0)

    assert room == 1
    assert "known" in sending.accepted


def test_a_404_for_everything_drops_nothing_and_recovers() -> None:
    sending = Sending(always(NOT_FOUND))
    sending.submit(*(flush_of(members(1), cohort=f"c{n}") for n in range(5)))
    sending.go_on(300.0)
    held = len(sending.outcomes)

    sending.says = always(ACCEPTED)
    sending.finish(within_s=30.0)

    assert held == 0
    assert len(sending.accepted) == 5


def test_a_locked_cohort_is_given_up_when_a_person_said_so_and_others_succeed() -> None:
    rules = DeliveryRules(announce=False, give_up_after_s=60.0)
    sending = Sending(by_cohort({"locked": LOCKED}), rules)
    locked = flush_of(members(3), cohort="locked")
    sending.submit(locked)

    sending.go_on(100.0)
    alone = locked.id in sending.outcomes
    sending.submit(flush_of(members(1), cohort="free"))
    sending.go_on(30.0)

    assert not alone
    (refusal,) = sending.outcomes[locked.id].refused
    assert refusal.reason == "gave_up"
    assert refusal.detail == "locked"
    assert refusal.changes == locked.changes


def test_a_server_error_is_never_given_up() -> None:
    rules = DeliveryRules(announce=False, give_up_after_s=60.0)
    sending = Sending(by_cohort({"broken": SERVER_ERROR}), rules)
    broken = flush_of(members(1), cohort="broken")
    sending.submit(broken)

    for _ in range(100):
        sending.submit(flush_of(members(1), cohort="whole"))
        sending.go_on(3.0)

    assert broken.id not in sending.outcomes


def test_nothing_starts_on_a_lease_that_ran_out() -> None:
    sending = Sending(always(ACCEPTED))
    sending.delivery.lease_until_s = 0.0

    sending.submit(flush_of(members(1)))

    assert not sending.started
    assert sending.delivery.capacity(0.0) == 0
    assert sending.delivery.wake_at_s(0.0) == math.inf


def test_a_cohort_that_was_only_remembered_is_announced_before_a_member_is_suspected() -> None:
    """Braze may have lost it since: 400, as for members that it will never take."""
    known: set[str] = set()

    def says(attempt: Attempt, _now_s: float) -> Answer:
        if attempt.update is None:
            known.add(attempt.cohort)
        return ACCEPTED if attempt.cohort in known else REFUSED

    sending = Sending(says, DeliveryRules(announce=True))
    sending.delivery.names.remember({"vip": "VIP"})
    sending.submit(flush_of(members(3), cohort="vip"))

    sending.finish(within_s=10.0)

    assert sending.accepted["vip"] == members(3)
    assert [a.update is None for _, a in sending.started] == [False, True, False]
