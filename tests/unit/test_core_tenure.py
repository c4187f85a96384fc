from __future__ import annotations

import math

import pytest

from daemon.core.intent import TO_THE_END
from daemon.core.tenure import END_OF_LOG, RESERVE, Start, Tenure
from tests.support.builders import P0


def _tenure(
    position: int = 0,
    sent_to: float = 0,
    *,
    wait_until_s: float = -math.inf,
    acknowledged: int | None = 10**9,
) -> Tenure:
    tenure = Tenure(P0, Start(position, sent_to, wait_until_s, "topic"), "f1")
    if acknowledged is not None:
        tenure.acknowledge(acknowledged)
    return tenure


def _sent_to(tenure: Tenure, *, last: bool = False) -> int:
    return tenure.intent(0.0, last=last).mark.sent_to


def test_nothing_leaves_before_the_barrier_is_reached() -> None:
    tenure = _tenure(50, sent_to=100)

    tenure.advance(99)
    before = tenure.may_seal(60, 0.0)
    tenure.advance(100)

    assert not before
    assert tenure.may_seal(60, 0.0)
    assert tenure.barrier_to is None


def test_a_position_at_the_last_sent_offset_has_no_barrier() -> None:
    assert _tenure(100, sent_to=100).barrier_to is None


def test_nothing_leaves_before_the_wait_is_over() -> None:
    tenure = _tenure(wait_until_s=30.0)

    assert not tenure.may_seal(1, 29.9)
    assert tenure.may_seal(1, 30.0)


def test_nothing_at_or_beyond_the_acknowledged_intent_leaves() -> None:
    tenure = _tenure(acknowledged=100)

    assert tenure.may_seal(100, 0.0)  # The last record below it has offset 99.
    assert not tenure.may_seal(101, 0.0)


def test_an_older_acknowledgement_takes_nothing_away() -> None:
    tenure = _tenure(acknowledged=100)

    tenure.acknowledge(50)

    assert tenure.may_seal(100, 0.0)


def test_an_end_of_log_barrier_stands_at_the_first_end_seen() -> None:
    tenure = _tenure(10, END_OF_LOG)

    tenure.saw_end_of_log(100)
    tenure.saw_end_of_log(500)
    tenure.advance(100)

    assert tenure.barrier_to is None


def test_an_end_of_log_at_the_position_is_no_barrier() -> None:
    tenure = _tenure(10, END_OF_LOG)

    tenure.saw_end_of_log(10)

    assert tenure.may_seal(10, 0.0)


def test_a_barrier_that_is_known_stands_at_the_first_end_seen_or_below() -> None:
    far, near = _tenure(10, sent_to=50), _tenure(10, sent_to=15)

    for tenure in (far, near):
        tenure.saw_end_of_log(20)
        tenure.saw_end_of_log(30)

    assert (far.barrier_to, near.barrier_to) == (20, 15)
    assert _sent_to(far) == 10 + RESERVE


def test_an_intent_reaches_a_reserve_beyond_the_position() -> None:
    tenure = _tenure(500)

    assert _sent_to(tenure) == 500 + RESERVE
    assert _sent_to(tenure, last=True) == 500 + RESERVE  # What was said stays said.


def test_the_last_intent_asks_for_no_new_reserve() -> None:
    tenure = _tenure(500)

    assert _sent_to(tenure, last=True) == 500


def test_an_intent_never_falls_below_what_the_last_owner_said() -> None:
    tenure = _tenure(0, sent_to=10**6)

    assert _sent_to(tenure) == 10**6
    tenure.open_barrier()
    assert _sent_to(tenure) == 10**6


def test_while_the_end_of_the_log_is_unknown_a_commit_says_so() -> None:
    tenure = _tenure(0, END_OF_LOG)

    unknown = _sent_to(tenure)
    tenure.saw_end_of_log(10**6)
    replaying = _sent_to(tenure)
    tenure.open_barrier()

    assert unknown == TO_THE_END
    assert replaying == _sent_to(tenure, last=True) == 10**6


def test_a_new_intent_is_needed_when_less_than_half_of_the_reserve_is_left() -> None:
    tenure = _tenure(acknowledged=RESERVE)

    tenure.advance(RESERVE // 2)
    enough = tenure.needs_intent()
    tenure.advance(RESERVE // 2 + 1)

    assert not enough
    assert tenure.needs_intent()
    assert _tenure(acknowledged=None).needs_intent()


def test_only_the_last_commit_says_clean() -> None:
    tenure = _tenure()

    assert not tenure.intent(0.0, last=False).mark.clean
    assert tenure.intent(0.0, last=True).mark.clean


def test_an_open_hold_is_not_clean() -> None:
    tenure = _tenure()
    tenure.ledger.hold(0)
    tenure.advance(10)

    intent = tenure.intent(0.0, last=True)

    assert intent.offset == 0
    assert not intent.mark.clean


@pytest.mark.parametrize(("now_s", "clean"), [(29.9, False), (30.0, True)])
def test_an_ambiguous_attempt_is_not_clean_before_it_has_settled(now_s: float, clean: bool) -> None:
    tenure = _tenure()
    tenure.settle_until(30.0)
    tenure.settle_until(20.0)

    assert tenure.intent(now_s, last=True).mark.clean is clean


@pytest.mark.parametrize(("now_s", "clean"), [(29.9, False), (30.0, True)])
def test_a_wait_that_is_not_over_is_handed_on(now_s: float, clean: bool) -> None:
    tenure = _tenure(wait_until_s=30.0)

    assert tenure.intent(now_s, last=True).mark.clean is clean


def test_an_intent_carries_what_the_offset_belongs_to() -> None:
    mark = _tenure().intent(0.0, last=False).mark

    assert (mark.topic_id, mark.fingerprint) == ("topic", "f1")
