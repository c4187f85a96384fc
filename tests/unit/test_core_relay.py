"""The relay's public methods, one behaviour each."""

from __future__ import annotations

import pytest

from daemon.core.lease import Lease
from daemon.core.model import Listed, Outcome, Refusal
from daemon.core.relay import Relay
from daemon.core.relay_rules import RelayRules
from daemon.core.tenure import Start
from tests.support.builders import (
    P0,
    P1,
    abandoned,
    accepted,
    acknowledge,
    cohorts,
    committable,
    relay_of,
    run_of,
    seal_all,
)


def test_a_run_of_a_partition_that_is_not_owned_changes_nothing() -> None:
    relay = relay_of([P0])

    taken = relay.absorb(run_of({"gold": {"ann": True}}, partition=P1), 0.0)

    assert not taken
    assert relay.idle


def test_a_run_below_the_position_is_a_bug_of_the_caller() -> None:
    relay = relay_of()
    relay.absorb(run_of({"gold": {"ann": True}}, 10), 0.0)

    with pytest.raises(AssertionError):
        relay.absorb(run_of({"gold": {"ann": False}}, 10), 0.0)

    assert relay.tenures[P0].position == 11


def test_assigning_what_is_owned_is_a_bug_and_assigns_nothing() -> None:
    relay = relay_of([P0])

    with pytest.raises(AssertionError):
        relay.assign({P1: Start(0), P0: Start(0)})

    assert set(relay.tenures) == {P0}


def test_the_last_change_of_a_member_wins() -> None:
    relay = relay_of()
    relay.absorb(run_of({"gold": {"ann": True, "bob": True}}, 0), 0.0)
    relay.absorb(run_of({"gold": {"ann": False}}, 5), 1.0)

    (flush,) = relay.seal(2.0, capacity=1)

    assert flush.changes == {"ann": False, "bob": True}
    assert relay.tally.superseded == 1


def test_a_window_leaves_when_it_is_old_enough() -> None:
    relay = relay_of()
    relay.absorb(run_of({"gold": {"ann": True}}), 10.0)

    early = relay.seal(11.9, capacity=1)
    due = relay.seal(12.0, capacity=1)

    assert not early
    assert cohorts(due) == ["gold"]


def test_draining_ignores_the_age() -> None:
    relay = relay_of()
    relay.absorb(run_of({"gold": {"ann": True}}), 10.0)

    flushes = relay.seal(10.0, capacity=1, drain=True)

    assert cohorts(flushes) == ["gold"]


def test_no_more_windows_leave_than_there_is_capacity_for() -> None:
    relay = relay_of()
    relay.absorb(run_of({cohort: {"ann": True} for cohort in "abcde"}), 0.0)

    flushes = [relay.seal(5.0, capacity=n) for n in (0, 2, 9)]

    assert [cohorts(f) for f in flushes] == [[], ["a", "b"], ["c", "d", "e"]]


def test_a_cohort_has_one_flush_in_flight() -> None:
    relay = relay_of()
    relay.absorb(run_of({"gold": {"ann": True}}, 0), 0.0)
    (first,) = seal_all(relay)
    relay.absorb(run_of({"gold": {"bob": True}}, 1), 0.0)

    while_in_flight = seal_all(relay)
    relay.complete(accepted(first), 1.0)
    afterwards = seal_all(relay)

    assert not while_in_flight
    assert afterwards[0].changes == {"bob": True}


def test_nothing_leaves_on_a_lease_that_ran_out() -> None:
    relay = relay_of()
    relay.absorb(run_of({"gold": {"ann": True}}), 0.0)

    late = relay.seal(3_600.0, capacity=1)
    for_partition = relay.seal_partitions([P0], 3_600.0)

    assert not late
    assert not for_partition


def test_nothing_leaves_before_an_intent_is_acknowledged() -> None:
    relay = Relay(RelayRules(), Lease(100.0))
    relay.lease.renew(0.0)
    relay.assign({P0: Start(0)})
    relay.absorb(run_of({"gold": {"ann": True}}), 0.0)

    before = seal_all(relay)
    acknowledge(relay, 0.0)
    after = seal_all(relay)

    assert not before
    assert len(after) == 1


def test_an_acknowledged_commit_of_a_partition_given_up_renews_the_lease_only() -> None:
    relay = relay_of([P0, P1])
    intents = relay.intents([P0, P1], 500.0)
    relay.give_up(P1)

    relay.acknowledge(intents, 500.0)

    assert relay.lease.until_s == 4_100.0
    assert set(relay.tenures) == {P0}


def test_the_offset_waits_for_the_flush_and_follows_its_completion() -> None:
    relay = relay_of()
    relay.absorb(run_of({"gold": {"ann": True}}, 7), 0.0)
    offsets = [committable(relay)]
    (flush,) = seal_all(relay)
    offsets.append(committable(relay))

    relay.complete(accepted(flush), 1.0)

    assert [*offsets, committable(relay)] == [7, 7, 8]


def test_refused_members_are_done() -> None:
    relay = relay_of()
    relay.absorb(run_of({"gold": {"ann": True}}, 7), 0.0)
    (flush,) = seal_all(relay)

    relay.complete(Outcome(flush.id, (Refusal({"ann": True}, "refused", ""),)), 1.0)

    assert committable(relay) == 8
    assert relay.idle


def test_a_hold_for_a_dead_letter_keeps_the_offset() -> None:
    relay = relay_of()
    ticket = relay.hold(P0, 0)
    relay.absorb(run_of({}, 0, after=10), 0.0)

    held = committable(relay)
    relay.release(P0, ticket)

    assert (held, committable(relay)) == (0, 10)


def test_releasing_a_hold_of_a_partition_given_up_does_nothing() -> None:
    relay = relay_of()
    ticket = relay.hold(P0, 0)
    relay.give_up(P0)
    relay.assign({P0: Start(0)})
    again = relay.hold(P0, 0)
    relay.advance(P0, 9)

    relay.release(P0, ticket)
    relay.release(P1, again)

    assert committable(relay) == 0


def test_a_position_passes_control_records_and_never_goes_back() -> None:
    relay = relay_of()

    relay.advance(P0, 12)
    relay.advance(P0, 3)
    relay.advance(P1, 99)

    assert committable(relay) == 12


def test_what_a_partition_given_up_had_gathered_is_forgotten() -> None:
    relay = relay_of([P0, P1])
    relay.absorb(run_of({"gold": {"ann": True}}, partition=P0), 0.0)
    relay.absorb(run_of({"gold": {"bob": True}}, partition=P1), 0.0)

    relay.give_up(P0)
    (flush,) = seal_all(relay)

    assert flush.changes == {"bob": True}
    assert relay.pending == 7


def test_a_late_outcome_moves_nothing_of_a_partition_assigned_again() -> None:
    relay = relay_of([P0])
    relay.absorb(run_of({"gold": {"ann": True}}, 0), 0.0)
    (flush,) = seal_all(relay)
    relay.give_up(P0)
    relay.assign({P0: Start(0)})
    relay.absorb(run_of({"gold": {"ann": True}}, 0), 1.0)

    relay.complete(abandoned(flush), 2.0)

    assert committable(relay) == 0
    assert relay.pending == 7
    assert not relay.in_flight


def test_a_late_ambiguous_outcome_keeps_a_partition_assigned_again_from_saying_clean() -> None:
    relay = relay_of([P0])
    relay.absorb(run_of({"gold": {"ann": True}}, 0), 0.0)
    (flush,) = seal_all(relay)
    relay.give_up(P0)
    relay.assign({P0: Start(1)})

    relay.complete(Outcome(flush.id, listed=(Listed(dict(flush.changes), 40.0),)), 10.0)
    marks = [relay.intents([P0], now_s, last=True)[0].mark.clean for now_s in (39.0, 40.0)]

    assert marks == [False, True]


def test_what_an_abandoned_flush_left_goes_back_under_newer_changes() -> None:
    relay = relay_of()
    relay.absorb(run_of({"gold": {"ann": True, "bob": True, "cid": True}}, 0), 0.0)
    (flush,) = seal_all(relay)
    relay.absorb(run_of({"gold": {"ann": False}}, 5), 1.0)

    relay.complete(abandoned(flush, left={"ann": True, "bob": True}), 2.0)
    before = committable(relay)
    (again,) = seal_all(relay, 2.0)
    relay.complete(accepted(again), 3.0)

    assert before == 0
    assert again.changes == {"ann": False, "bob": True}
    assert committable(relay) == 6


def test_only_lanes_of_kept_partitions_go_back() -> None:
    relay = relay_of([P0, P1])
    relay.absorb(run_of({"gold": {"ann": True}}, partition=P0), 0.0)
    relay.absorb(run_of({"gold": {"bob": True}}, partition=P1), 0.0)
    (flush,) = seal_all(relay)
    relay.give_up(P0)

    relay.complete(abandoned(flush), 1.0)
    (again,) = seal_all(relay, 1.0)

    assert again.changes == {"bob": True}


def test_a_lane_of_which_nothing_is_left_releases_its_hold() -> None:
    relay = relay_of([P0, P1])
    relay.absorb(run_of({"gold": {"ann": True}}, partition=P0), 0.0)
    relay.absorb(run_of({"gold": {"bob": True}}, partition=P1), 0.0)
    (flush,) = seal_all(relay)

    relay.complete(abandoned(flush, left={"bob": True}), 1.0)

    assert committable(relay, P0) == 1
    assert committable(relay, P1) == 0


def test_the_opposite_of_what_was_ambiguous_waits_until_it_has_settled() -> None:
    relay = relay_of()
    relay.absorb(run_of({"gold": {"ann": True}}, 0), 0.0)
    (flush,) = seal_all(relay)
    relay.complete(Outcome(flush.id, listed=(Listed(dict(flush.changes), 30.0),)), 1.0)
    relay.absorb(run_of({"gold": {"ann": False}}, 1), 1.0)

    early = seal_all(relay, 29.9)
    due = seal_all(relay, 30.0)

    assert not early
    assert due[0].changes == {"ann": False}


def test_a_flush_has_more_to_send_once_its_cohort_has_gathered_more_that_may_leave() -> None:
    relay = relay_of()
    relay.absorb(run_of({"gold": {"ann": True}}, 0), 0.0)
    relay.absorb(run_of({"vip": {"eve": True}}, 1), 0.0)
    gold, vip = sorted(seal_all(relay), key=lambda flush: flush.cohort)

    before = relay.with_more_to_send([gold.id, vip.id], 1.0)
    relay.absorb(run_of({"gold": {"bob": True}}, 2), 1.0)
    after = relay.with_more_to_send([gold.id, vip.id], 1.0)

    assert before == []
    assert after == [gold.id]


def test_what_is_called_back_leaves_again_together_with_what_was_gathered_since() -> None:
    relay = relay_of()
    relay.absorb(run_of({"gold": {"ann": True}}, 0), 0.0)
    (flush,) = seal_all(relay)
    relay.absorb(run_of({"gold": {"bob": True}}, 1), 1.0)

    relay.complete(abandoned(flush), 2.0)

    (again,) = relay.seal(3.0, capacity=1)
    assert again.changes == {"ann": True, "bob": True}
