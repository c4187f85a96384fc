from __future__ import annotations

import pytest

from daemon.core.ledger import PartitionLedger


def test_without_holds_the_position_may_be_committed() -> None:
    ledger = PartitionLedger(100, 3)

    ledger.advance(180, 4)

    assert ledger.committable() == (180, 4)


def test_commit_waits_for_the_oldest_open_hold() -> None:
    ledger = PartitionLedger(100)
    first, second = ledger.hold(100), ledger.hold(140)
    ledger.advance(180)

    ledger.release(second)
    waiting = ledger.committable()[0]
    ledger.release(first)

    assert waiting == 100
    assert ledger.committable()[0] == 180


def test_a_hold_keeps_its_leader_epoch() -> None:
    ledger = PartitionLedger(100, 3)
    ledger.hold(100, 3)

    ledger.advance(180, 4)

    assert ledger.committable() == (100, 3)


def test_a_release_that_is_late_never_meets_a_newer_hold() -> None:
    late = PartitionLedger(0).hold(0)
    ledger = PartitionLedger(0)
    ledger.hold(0)
    ledger.advance(10)

    ledger.release(late)

    assert not ledger.holds(late)
    assert ledger.open_holds == 1
    assert ledger.committable()[0] == 0


def test_a_hold_beyond_a_gap_commits_no_more_than_the_position() -> None:
    ledger = PartitionLedger(100)
    ticket = ledger.hold(150)

    held = ledger.committable()[0]
    ledger.release(ticket)

    assert held == ledger.committable()[0] == 100


@pytest.mark.parametrize("floor", [99, 149])
def test_a_hold_below_the_position_or_the_last_floor_is_a_bug(floor: int) -> None:
    ledger = PartitionLedger(100)
    ledger.hold(150)

    with pytest.raises(AssertionError):
        ledger.hold(floor)

    assert ledger.open_holds == 1


def test_going_back_is_a_bug() -> None:
    ledger = PartitionLedger(100)

    with pytest.raises(AssertionError):
        ledger.advance(99)

    assert ledger.position == 100
