"""Removals that wait for an add which cancels them."""

from __future__ import annotations

from typing import cast

import pytest

from daemon.core.lease import Lease
from daemon.core.model import Changes, ChangeSet, Flush, Outcome, Partition
from daemon.core.relay import Relay
from daemon.core.relay_rules import RelayRules
from daemon.core.tenure import Start
from daemon.core.window import LANE_COST
from daemon.intake.watch import count_changes

P = Partition("t", 0)
DELAY_S = 10.0


def relay(pending_max: int = 1_000) -> Relay:
    made = Relay(RelayRules(pending_max=pending_max, removal_delay_s=DELAY_S), Lease(1_000_000.0))
    made.assign({P: Start(0)})
    made.acknowledge(made.intents([P], 0.0), 0.0)
    return made


def absorb(on: Relay, at: int, now_s: float = 0.0, /, **changes: bool) -> None:
    on.absorb(ChangeSet(P, at, at + 1, {"vip": cast("Changes", changes)}, len(changes)), now_s)


def sealed(on: Relay, now_s: float, *, drain: bool = False) -> dict[str, bool]:
    flushes = on.seal(now_s, capacity=9, drain=drain)
    return {str(m): add for flush in flushes for m, add in flush.changes.items()}


def complete(on: Relay, flush: Flush, now_s: float) -> None:
    on.complete(Outcome(flush.id), now_s)


def committable(on: Relay) -> int:
    return on.tenures[P].ledger.committable()[0]


def test_a_removal_waits_and_then_leaves() -> None:
    on = relay()
    absorb(on, 0, ann=False)

    assert sealed(on, DELAY_S - 0.1) == {}
    assert (len(on.delayed), on.pending, count_changes(on)) == (1, 1 + LANE_COST, 1)
    assert sealed(on, DELAY_S) == {}  # Now it is in a window, which has its own age.
    assert len(on.delayed) == 0
    assert sealed(on, DELAY_S + 2.0) == {"ann": False}


def test_an_add_ends_it_and_takes_its_hold_over() -> None:
    on = relay()
    absorb(on, 5, ann=False)
    absorb(on, 6, 1.0, ann=True)

    [flush] = on.seal(5.0, capacity=9)

    assert flush.changes == {"ann": True}
    assert len(on.delayed) == 0
    assert committable(on) == 5  # Until Braze has the add, the removal is not done either.
    complete(on, flush, 6.0)
    assert committable(on) == 7
    assert on.idle
    assert on.tally.superseded == 1


def test_others_are_not_delayed_by_it() -> None:
    on = relay()
    absorb(on, 0, ann=False, bob=True)

    assert sealed(on, 3.0) == {"bob": True}


def test_what_has_not_left_yet_is_replaced_at_once() -> None:
    on = relay()
    absorb(on, 0, ann=True)
    absorb(on, 1, 0.5, ann=False)

    assert len(on.delayed) == 0
    assert sealed(on, 2.0) == {"ann": False}


def test_a_removal_that_is_said_again_waits_no_more() -> None:
    on = relay()
    absorb(on, 0, ann=False)
    absorb(on, 1, 1.0, ann=False)

    [flush] = on.seal(3.0, capacity=9)

    assert flush.changes == {"ann": False}
    assert committable(on) == 0
    complete(on, flush, 4.0)
    assert committable(on) == 2


def test_the_offset_waits_with_it() -> None:
    on = relay()
    absorb(on, 0, ann=False)
    absorb(on, 1, 1.0, bob=True)
    [flush] = on.seal(4.0, capacity=9)

    complete(on, flush, 5.0)

    assert committable(on) == 0


def test_it_joins_a_window_under_the_older_hold_of_both() -> None:
    on = relay()
    absorb(on, 0, ann=False)
    absorb(on, 1, DELAY_S - 0.5, bob=True)
    sealed(on, DELAY_S)

    [flush] = on.seal(DELAY_S + 2.0, capacity=9)

    assert flush.changes == {"bob": True, "ann": False}
    assert committable(on) == 0
    complete(on, flush, DELAY_S + 3.0)
    assert committable(on) == 2


def test_what_is_put_back_is_replaced_at_once_by_a_removal_that_waits() -> None:
    on = relay()
    absorb(on, 0, ann=True)
    [flush] = on.seal(3.0, capacity=9)
    absorb(on, 1, 4.0, ann=False)

    on.complete(Outcome(flush.id, left={"ann": True}, abandoned=True), 5.0)

    assert len(on.delayed) == 0
    assert committable(on) == 0
    assert sealed(on, 7.0) == {"ann": False}


def test_a_held_newer_lane_keeps_the_older_hold_when_something_is_put_back() -> None:
    on = relay()
    absorb(on, 0, ann=False)
    absorb(on, 1, 1.0, bob=True)
    [flush] = on.seal(4.0, capacity=9)
    absorb(on, 2, 5.0, cid=True)
    on.seal(DELAY_S, capacity=0)  # The removal joins the lane of `cid`.

    on.complete(Outcome(flush.id, left={"bob": True}, abandoned=True), DELAY_S + 1.0)

    assert committable(on) == 0


@pytest.mark.parametrize("drain", [True, False])
def test_a_stop_and_full_memory_do_not_wait_for_it(*, drain: bool) -> None:
    on = relay(pending_max=1_000 if drain else 1)
    absorb(on, 0, ann=False)

    assert sealed(on, 0.5, drain=drain) == {"ann": False}


def test_a_hand_over_sends_it_first() -> None:
    on = relay()
    absorb(on, 0, ann=False)

    [flush] = on.seal_partitions([P], 1.0)

    assert flush.changes == {"ann": False}


def test_given_up_it_is_forgotten() -> None:
    on = relay()
    absorb(on, 0, ann=False)

    on.give_up(P)

    assert (len(on.delayed), on.pending) == (0, 0)
    assert sealed(on, 99.0, drain=True) == {}
