from __future__ import annotations

import pytest

from daemon.core.cohort_names import CohortNames
from daemon.core.lineup import Lineup
from daemon.core.sender import Sender
from daemon.core.turn import Turn
from daemon.core.verdict import Verdict
from tests.support.builders import TURN, flush_of, members


def _sender(cohort: str = "gold", turn: Turn = TURN) -> Sender:
    return Sender(flush_of(members(1_500), cohort=cohort, turn=turn))


def _turns(lineup: Lineup, now_s: float = 0.0, *, fresh_first: bool = False) -> list[str]:
    return [sender.flush.cohort for sender in lineup.in_turn(now_s, fresh_first=fresh_first)]


def test_the_ready_ones_are_served_in_turn() -> None:
    lineup = Lineup()
    one, other = _sender("one"), _sender("other")
    lineup.add(one)
    lineup.add(other)

    one.take(1, 0.0)
    one.put_back(1)
    lineup.place(one, 0.0)

    assert _turns(lineup) == ["other", "one"]


def test_who_has_waited_longest_by_its_own_wish_goes_first() -> None:
    lineup = Lineup()
    turns = {"minute": Turn(0.0, 60.0), "second": Turn(8.0, 1.0), "tenth": Turn(9.5, 0.1)}
    for cohort, turn in turns.items():
        lineup.add(_sender(cohort, turn))

    assert _turns(lineup, 10.0) == ["tenth", "second", "minute"]
    assert _turns(lineup, 300.0) == ["tenth", "second", "minute"]
    assert _turns(lineup, 8.1) == ["minute", "second", "tenth"]


def test_who_had_a_turn_comes_after_all_others_and_then_has_one_request_in_four() -> None:
    lineup = Lineup()
    large = _sender("large")
    lineup.add(large)
    lineup.sends(large)
    large.take(1, 0.0)
    seen = []

    for number in range(8):
        lineup.add(_sender(f"small {number}", Turn(1.0 + number, 2.0)))
    for _ in range(8):
        sender = next(lineup.in_turn(20.0, fresh_first=False))
        lineup.sends(sender)
        sender.had_turn = True
        if sender is not large:
            lineup.sent_all(sender)
        seen.append(sender.flush.cohort.split()[0])

    assert seen == ["small", "small", "large", "small", "small", "small", "large", "small"]


def test_what_failed_was_no_turn() -> None:
    lineup = Lineup()
    sender = _sender()
    lineup.add(sender)
    sender.take(1, 5.0)

    had = lineup.first_turns
    sender.put_back(1)

    assert (had, lineup.first_turns) == (0, 1)
    assert sender.turn.since_s == 5.0  # But it is behind those who were not tried meanwhile.


def test_those_never_tried_may_go_first() -> None:
    lineup = Lineup()
    tried, fresh = _sender("tried"), _sender("fresh")
    tried.take(1, 0.0)
    lineup.add(tried)
    lineup.add(fresh)

    assert lineup.fresh
    assert _turns(lineup, fresh_first=True) == ["fresh", "tried"]


def test_a_flush_comes_once() -> None:
    lineup = Lineup()
    sender = _sender()
    lineup.add(sender)

    with pytest.raises(AssertionError):
        lineup.add(sender)


def test_one_in_backoff_is_ready_when_its_time_has_come() -> None:
    lineup = Lineup()
    sender = _sender()
    lineup.add(sender)
    sender.not_before_s = 10.0
    lineup.place(sender, 0.0)

    lineup.wake(9.9)
    early = _turns(lineup)
    due_s = lineup.next_due_s()
    lineup.wake(10.0)

    assert early == []
    assert due_s == 10.0
    assert _turns(lineup) == ["gold"]
    assert lineup.next_due_s() is None


def test_one_that_has_ended_is_forgotten() -> None:
    lineup = Lineup()
    sender = _sender()
    lineup.add(sender)
    sender.abandoned = True

    ended = lineup.place(sender, 0.0)

    assert ended
    assert not lineup.senders
    assert not lineup.ready


def test_an_abandoned_one_is_never_ready_again() -> None:
    lineup = Lineup()
    sender = _sender()
    lineup.add(sender)
    sender.take(1, 0.0)
    sender.not_before_s = 10.0
    lineup.place(sender, 0.0)
    sender.abandoned = True
    lineup.place(sender, 1.0)

    lineup.wake(20.0)

    assert not lineup.ready


def _suspected(lineup: Lineup, refused_at_s: float) -> Sender:
    sender = Sender(flush_of(members(1)))
    lineup.add(sender)
    update = sender.take(1, 0.0)
    del sender.wire[1]
    sender.suspect(update, "bad", refused_at_s)
    lineup.place(sender, refused_at_s)
    return sender


def test_a_culprit_is_tried_again_after_15_seconds_and_stays_under_suspicion() -> None:
    lineup = Lineup()
    sender = _suspected(lineup, 5.0)

    lineup.wake(19.9)
    early = bool(lineup.ready)
    lineup.wake(20.0)

    assert not early
    assert list(lineup.ready.values()) == list(lineup.suspects.values()) == [sender]


def test_a_culprit_does_not_go_before_the_time_of_its_flush() -> None:
    lineup = Lineup()
    sender = _suspected(lineup, 5.0)
    sender.not_before_s = 60.0

    lineup.place(sender, 6.0)
    lineup.wake(59.0)
    early = bool(lineup.ready)
    lineup.wake(60.0)

    assert not early
    assert lineup.ready


def test_without_announcements_no_name_is_told() -> None:
    names = CohortNames(enabled=False)

    assert not names.must_announce("gold", "Gold", 0.0)


def test_a_cohort_is_announced_once_under_a_name() -> None:
    names = CohortNames(enabled=True)

    first = names.must_announce("gold", "Gold", 0.0)
    names.finished("gold", "Gold", Verdict.ACCEPTED, 0.0)

    assert first
    assert not names.must_announce("gold", "Gold", 1_000.0)


@pytest.mark.parametrize("verdict", [Verdict.RETRY, Verdict.BLOCKED, Verdict.REFUSED])
def test_a_first_announcement_that_failed_is_still_to_do(verdict: Verdict) -> None:
    names = CohortNames(enabled=True)

    names.finished("gold", "Gold", verdict, 0.0)

    assert names.must_announce("gold", "Gold", 1.0)


@pytest.mark.parametrize("verdict", [Verdict.RETRY, Verdict.BLOCKED, Verdict.REFUSED])
def test_a_rename_that_failed_is_tried_a_minute_later(verdict: Verdict) -> None:
    names = CohortNames(enabled=True)
    names.finished("gold", "Gold", Verdict.ACCEPTED, 0.0)

    names.finished("gold", "Au", verdict, 100.0)

    assert not names.must_announce("gold", "Au", 101.0)
    assert names.take_due(159.0) is None
    assert names.take_due(160.0) == ("gold", "Au")


def test_a_late_rename_that_another_process_has_told_is_not_told_again() -> None:
    names = CohortNames(enabled=True)
    names.finished("gold", "Gold", Verdict.ACCEPTED, 100.0)
    late = not names.must_announce("gold", "Au", 110.0)

    names.remember({"gold": "Au"})

    assert late
    assert names.take_due(160.0) is None
    assert not names.must_announce("gold", "Au", 160.0)


def test_a_late_rename_stays_due_where_another_name_is_remembered() -> None:
    names = CohortNames(enabled=True)
    names.finished("gold", "Gold", Verdict.ACCEPTED, 100.0)
    names.must_announce("gold", "Au", 110.0)

    names.remember({"gold": "Gold"})

    assert names.take_due(160.0) == ("gold", "Au")


def test_a_late_rename_that_a_flush_brings_is_told_once() -> None:
    names = CohortNames(enabled=True)
    names.finished("gold", "Gold", Verdict.ACCEPTED, 100.0)
    names.must_announce("gold", "Au", 110.0)

    brought = names.must_announce("gold", "Au", 160.0)

    assert brought
    assert names.take_due(160.0) is None


def test_a_cohort_that_went_back_to_its_name_is_not_renamed() -> None:
    names = CohortNames(enabled=True)
    names.finished("gold", "Gold", Verdict.ACCEPTED, 0.0)
    names.must_announce("gold", "Au", 1.0)

    names.must_announce("gold", "Gold", 2.0)

    assert names.take_due(100.0) is None


def test_a_cohort_that_braze_forgot_is_announced_again() -> None:
    names = CohortNames(enabled=True)
    names.finished("gold", "Gold", Verdict.ACCEPTED, 0.0)

    names.forget("gold")

    assert names.must_announce("gold", "Gold", 1.0)
    assert names.renames == 0
