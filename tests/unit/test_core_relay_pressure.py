"""What weighs on memory, what is paused for it, and that it always ends."""

from __future__ import annotations

from daemon.core.lease import Lease
from daemon.core.model import Partition
from daemon.core.queue import MEMBERS_MAX
from daemon.core.relay import Relay
from daemon.core.relay_rules import RelayRules
from daemon.core.tenure import Start
from daemon.intake.watch import count_changes
from tests.support.builders import (
    P0,
    P1,
    P2,
    accepted,
    acknowledge,
    cohorts,
    members,
    relay_of,
    run_of,
    seal_all,
)


def test_a_lane_weighs_6_members_waiting_and_in_flight() -> None:
    relay = relay_of([P0, P1])
    relay.absorb(run_of({"a": members(10), "b": members(1)}, partition=P0), 0.0)
    relay.absorb(run_of({"a": members(5, prefix="other")}, partition=P1), 0.0)

    waiting = relay.pending, count_changes(relay)
    flushes = seal_all(relay)
    in_flight = relay.pending, count_changes(relay)
    for flush in flushes:
        relay.complete(accepted(flush), 1.0)

    assert waiting == in_flight == (16 + 3 * 6, 16)
    assert (relay.pending, count_changes(relay)) == (0, 0)


def test_it_is_saturated_from_the_high_mark_until_half_of_it() -> None:
    relay = relay_of(pending_max=100)
    seen = [relay.saturated]
    relay.absorb(run_of({"a": members(44)}, 0), 0.0)
    seen.append(relay.saturated)
    relay.absorb(run_of({"b": members(44)}, 100), 0.0)
    seen.append(relay.saturated)

    for flush in seal_all(relay):
        relay.complete(accepted(flush), 1.0)
        seen.append(relay.saturated)

    assert seen == [False, False, True, False, False]


def test_it_stays_saturated_between_the_marks() -> None:
    relay = relay_of(pending_max=100)
    relay.absorb(run_of({"a": members(34), "b": members(54)}), 0.0)
    (flush,) = relay.seal(0.0, capacity=1)

    relay.complete(accepted(flush), 1.0)

    assert relay.pending == 60
    assert relay.saturated


def test_where_nothing_waits_to_be_sent_it_is_saturated_at_the_limit_only() -> None:
    """What is on its way may need what is read next: evidence that Braze takes others (G12)."""
    relay = relay_of(pending_max=100)
    relay.absorb(run_of({"a": members(34), "b": members(54)}), 0.0)
    (flush,) = relay.seal(0.0, capacity=1)
    at_the_limit = relay.saturated, relay.to_pause()
    relay.complete(accepted(flush), 1.0)
    one_waits = relay.saturated

    relay.seal(1.0, capacity=1)

    assert at_the_limit == (True, {P0})
    assert one_waits
    assert relay.pending == 60
    assert (relay.saturated, relay.to_pause()) == (False, set())


def test_a_saturated_relay_seals_whatever_the_age() -> None:
    relay = relay_of(pending_max=10)
    relay.absorb(run_of({"a": members(4)}), 0.0)

    assert len(relay.seal(0.0, capacity=1)) == 1


def test_giving_up_ends_a_saturation() -> None:
    relay = relay_of(pending_max=10)
    relay.absorb(run_of({"a": members(4)}), 0.0)

    relay.give_up(P0)

    assert not relay.saturated


def test_at_the_cap_everything_is_paused_and_below_it_what_can_drain() -> None:
    relay = relay_of([P0], pending_max=100)
    relay.assign({P1: Start(0, sent_to=1_000)})
    free = relay.to_pause()
    relay.absorb(run_of({"a": members(60)}, partition=P0), 0.0)
    relay.absorb(run_of({"b": members(30)}, 0, partition=P1, after=30), 0.0)
    at_the_cap = relay.to_pause()
    relay.complete(accepted(seal_all(relay)[0]), 1.0)
    relay.absorb(run_of({"b": members(52, prefix="other")}, 30, partition=P1), 1.0)

    below = relay.to_pause() if relay.pending < 100 else None

    assert free == set()
    assert at_the_cap == {P0, P1}
    assert relay.pending == 88
    assert below == set()  # It had drained below half in between.


def test_between_the_marks_a_partition_before_its_barrier_is_read_on() -> None:
    relay = relay_of([P0], pending_max=100)
    relay.assign({P1: Start(0, sent_to=1_000)})
    relay.absorb(run_of({"a": members(30)}, partition=P0), 0.0)
    relay.absorb(run_of({"b": members(60)}, 0, partition=P1), 0.0)

    relay.complete(accepted(seal_all(relay)[0]), 1.0)

    assert relay.saturated
    assert relay.to_pause() == {P0}


def _crowded() -> Relay:
    """Return a relay of 100 in which P0 alone holds over three quarters; a share is 8."""
    relay = relay_of([P0, P1, P2], pending_max=100)
    relay.absorb(run_of({"live": members(2)}, partition=P1), 0.0)
    relay.absorb(run_of({"backlog": members(64), "more": members(4)}, partition=P0), 0.0)
    return relay


def test_from_three_quarters_who_holds_more_than_his_share_is_not_read_on() -> None:
    relay = _crowded()

    assert not relay.saturated
    assert relay.to_pause() == relay.crowding == {P0}


def test_what_would_make_room_leaves_before_its_age_and_nothing_else() -> None:
    relay = _crowded()

    flushes = relay.seal(0.0, capacity=9)

    assert cohorts(flushes) == ["backlog", "more"]


def test_he_is_read_on_when_half_of_the_limit_is_pending() -> None:
    relay = _crowded()
    live, backlog = relay.seal(60.0, capacity=2)
    relay.complete(accepted(live), 61.0)
    between_the_marks = relay.to_pause()

    relay.complete(accepted(backlog), 61.0)

    assert between_the_marks == {P0}
    assert relay.to_pause() == set()


def test_he_is_read_on_when_he_holds_half_a_share_whatever_the_others_hold() -> None:
    relay = relay_of([P0, P1, P2], pending_max=100)
    relay.absorb(run_of({"a": members(50)}, partition=P0), 0.0)
    relay.absorb(run_of({"b": members(14)}, partition=P1), 0.0)
    relay.absorb(run_of({"c": members(1)}, partition=P2), 0.0)
    both = relay.to_pause()
    _, flush = relay.seal(60.0, capacity=2)

    relay.complete(accepted(flush), 61.0)

    assert relay.pending == 63
    assert both == {P0, P1}
    assert relay.to_pause() == {P0}


def test_where_all_hold_more_than_their_share_nobody_is_kept_from_the_last_quarter() -> None:
    relay = relay_of([P0, P1], pending_max=100)
    relay.absorb(run_of({"a": members(30)}, partition=P0), 0.0)
    relay.absorb(run_of({"b": members(40)}, partition=P1), 0.0)
    free = relay.to_pause()
    relay.absorb(run_of({"b": members(20, prefix="x")}, 40, partition=P1), 0.0)

    assert free == set()
    assert relay.to_pause() == {P0, P1}


def test_a_partition_before_its_barrier_crowds_nobody() -> None:
    relay = relay_of([P0, P2], pending_max=100)
    relay.assign({P1: Start(0, sent_to=1_000)})

    relay.absorb(run_of({"b": members(80)}, 0, partition=P1), 0.0)

    assert relay.to_pause() == set()


def test_removals_that_wait_leave_at_once_where_they_crowd() -> None:
    relay = Relay(RelayRules(pending_max=100, removal_delay_s=60.0), Lease(3600.0))
    relay.assign({P0: Start(0), P1: Start(0)})
    acknowledge(relay, 0.0)
    relay.absorb(run_of({"a": members(75, add=False)}, partition=P0), 0.0)
    relay.absorb(run_of({"b": members(1, add=False)}, partition=P1), 0.0)

    relay.seal(0.0, capacity=0)

    assert relay.crowding == {P0}
    assert relay.delayed.load.of(P0) == 0
    assert len(relay.delayed) == 1


def test_no_barrier_opens_while_something_that_waits_can_drain() -> None:
    relay = relay_of([P0], pending_max=10)
    relay.assign({P1: Start(0, sent_to=1_000)})
    relay.absorb(run_of({"a": members(5)}, partition=P0), 0.0)
    relay.absorb(run_of({"b": members(5)}, 0, partition=P1), 0.0)

    assert relay.relieve() is None


def test_a_parked_partition_behind_its_barrier_keeps_what_was_read_of_it() -> None:
    relay = relay_of([P0], pending_max=100)
    relay.assign({P1: Start(0, sent_to=1_000)})
    acknowledge(relay, 0.0)
    relay.absorb(run_of({"a": members(10)}, partition=P1), 0.0)
    relay.absorb(run_of({"a": members(5, prefix="free")}, partition=P0), 0.0)

    sent = seal_all(relay)
    opened = relay.relieve({P1})
    committable = {intent.partition: intent.offset for intent in relay.intents([P0, P1], 0.0)}

    assert [len(flush.changes) for flush in sent] == [5]
    assert opened is None
    assert relay.pending == 10 + 6 + 5 + 6
    assert committable == {P0: 0, P1: 0}


def test_what_a_parked_partition_keeps_pauses_no_other_for_ever() -> None:
    relay = relay_of([P0], pending_max=100)
    relay.assign({P1: Start(0, sent_to=1_000)})
    acknowledge(relay, 0.0)
    relay.absorb(run_of({"a": members(60)}, partition=P1), 0.0)
    relay.absorb(run_of({"b": members(40)}, partition=P0), 0.0)
    (flush,) = seal_all(relay)
    relay.complete(accepted(flush), 1.0)
    paused = relay.to_pause()

    while_it_is_read_on = relay.relieve()
    parked = relay.relieve({P1})
    (last,) = seal_all(relay)
    relay.complete(accepted(last), 2.0)

    assert paused == {P0}
    assert while_it_is_read_on is None
    assert parked == P1
    assert not relay.to_pause()


def test_a_flight_that_is_held_keeps_no_barrier_shut() -> None:
    relay = relay_of([P0], pending_max=10)
    relay.assign({P1: Start(0, sent_to=1_000)})
    relay.absorb(run_of({"a": members(5)}, partition=P0), 0.0)
    seal_all(relay)
    relay.absorb(run_of({"b": members(3)}, 0, partition=P1), 0.0)
    filled_with_the_flight = relay.relieve()

    relay.absorb(run_of({"b": members(4)}, 3, partition=P1), 0.0)

    assert filled_with_the_flight is None
    assert relay.relieve() == P1


def _beside_a_locked_cohort(*, behind_it: Partition = P0) -> Relay:
    """Return a relay full of what waits: behind a flight of `locked`, and behind barriers."""
    relay = relay_of([P0], pending_max=60)
    relay.assign({P1: Start(0, sent_to=1_000), P2: Start(0, sent_to=1_000)})
    acknowledge(relay, 0.0)
    relay.absorb(run_of({"locked": members(5)}, partition=P0), 0.0)
    seal_all(relay)
    relay.absorb(run_of({"locked": members(5, prefix="next")}, 5, partition=behind_it), 0.0)
    return relay


def test_what_waits_behind_a_flight_that_is_held_keeps_no_barrier_shut() -> None:
    relay = _beside_a_locked_cohort()
    relay.absorb(run_of({"a": members(15)}, partition=P1), 0.0)
    relay.absorb(run_of({"b": members(15)}, partition=P2), 0.0)

    while_it_may_end = relay.relieve()
    opened = relay.relieve(held=True)
    sent = seal_all(relay)
    again = relay.relieve(held=True)

    assert while_it_may_end is None
    assert opened == P1
    assert cohorts(sent) == ["a"]
    assert again == P2


def test_no_barrier_opens_for_what_waits_behind_a_flight_that_is_held() -> None:
    relay = _beside_a_locked_cohort(behind_it=P1)
    relay.absorb(run_of({"b": members(40)}, partition=P2), 0.0)

    opened = relay.relieve(held=True)
    sent = seal_all(relay)

    assert opened == P2
    assert cohorts(sent) == ["b"]


def test_where_all_waits_behind_flights_that_are_held_a_barrier_that_helps_nobody_stays() -> None:
    relay = _beside_a_locked_cohort()
    relay.absorb(run_of({"locked": members(50, prefix="last")}, 5, partition=P1), 0.0)

    assert relay.relieve(held=True) is None


def test_a_barrier_opens_for_what_may_show_that_the_rest_of_a_cohort_is_taken() -> None:
    """Once its cohort has more to send, a suspect is called back and sent with it (G12)."""
    relay = _beside_a_locked_cohort(behind_it=P1)
    relay.absorb(run_of({"locked": members(50, prefix="last")}, 10, partition=P1), 0.0)
    (flight,) = relay.in_flight

    opened = relay.relieve(held=True)

    assert opened == P1
    assert relay.with_more_to_send([flight], 0.0) == [flight]


def test_a_barrier_that_keeps_nothing_back_stays() -> None:
    relay = relay_of([P0], pending_max=30)
    relay.assign({P1: Start(0, sent_to=1_000), P2: Start(0, sent_to=1_000)})
    relay.absorb(run_of({"a": members(30)}, partition=P2), 0.0)

    assert relay.relieve() == P2


def test_the_oldest_barrier_opens_where_barred_lanes_alone_fill_the_memory() -> None:
    relay = relay_of([P0], pending_max=30)
    relay.assign({P2: Start(0, sent_to=1_000)})
    relay.assign({P1: Start(0, sent_to=1_000)})
    acknowledge(relay, 0.0)
    for partition in (P1, P2):
        relay.absorb(run_of({"a": members(10, prefix=str(partition))}, partition=partition), 0.0)

    opened = relay.relieve()

    assert opened == P2
    assert len(seal_all(relay)) == 1


def test_a_window_stuck_behind_a_barred_head_opens_the_barrier_too() -> None:
    relay = relay_of([P0], pending_max=MEMBERS_MAX + 10)
    relay.assign({P1: Start(0, sent_to=10**6)})
    acknowledge(relay, 0.0)
    relay.absorb(run_of({"a": members(MEMBERS_MAX)}, partition=P1), 0.0)
    relay.absorb(run_of({"a": members(10, prefix="free")}, partition=P0), 0.0)
    stuck = not seal_all(relay)

    opened = relay.relieve()
    (flush,) = seal_all(relay)

    assert stuck
    assert opened == P1
    assert len(flush.changes) == MEMBERS_MAX
