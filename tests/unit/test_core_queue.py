from __future__ import annotations

from daemon.core.model import Changes, Lane, Partition
from daemon.core.queue import MEMBERS_MAX, WindowQueue, WindowRules
from daemon.core.window import Window
from tests.support.builders import P0, P1, lane_of, members, run_of


def _queue(**overrides: float) -> WindowQueue:
    return WindowQueue(WindowRules(max_age_s=2.0, max_changes=100, max_age_overrides=overrides))


def _gather(
    queue: WindowQueue, cohort: str, now_s: float, changes: Changes, partition: Partition = P0
) -> Window:
    window = queue.gather(cohort, now_s)
    lane = window.lanes.get(partition)
    if lane is None:
        lane = queue.open_lane(window, run_of({}, partition=partition), 1, now_s)
    queue.add(window, lane, changes)
    return window


def _due(queue: WindowQueue, now_s: float, *, everything: bool = False) -> list[str]:
    return [window.cohort for window in queue.due(now_s, everything=everything)]


def _take_all(queue: WindowQueue, window: Window) -> tuple[Lane, ...]:
    return queue.take(window, list(window.lanes), 0.0)


def test_windows_are_due_oldest_first() -> None:
    queue = _queue()
    for now_s, cohort in enumerate("cab"):
        _gather(queue, cohort, float(now_s), {"ann": True})

    assert _due(queue, 1.9) == []
    assert _due(queue, 3.0) == ["c", "a"]
    assert _due(queue, 9.0) == ["c", "a", "b"]


def test_everything_is_due_when_asked() -> None:
    queue = _queue(slow=60.0)
    _gather(queue, "slow", 0.0, {"ann": True})
    _gather(queue, "fast", 0.0, {"ann": True})

    assert _due(queue, 0.0, everything=True) == ["fast", "slow"]


def test_a_cohort_may_have_an_age_of_its_own() -> None:
    queue = _queue(slow=60.0, quick=0.5)
    for cohort in ("slow", "normal", "quick"):
        _gather(queue, cohort, 0.0, {"ann": True})

    assert _due(queue, 0.5) == ["quick"]
    assert _due(queue, 2.0) == ["quick", "normal"]
    assert _due(queue, 60.0) == ["quick", "normal", "slow"]


def test_where_all_wait_a_wish_counts_by_how_often_it_was_missed() -> None:
    queue = _queue(slow=60.0, quick=0.1)
    for now_s, cohort in ((0.0, "slow"), (60.0, "normal"), (67.5, "quick")):
        _gather(queue, cohort, now_s, {"ann": True})

    assert _due(queue, 68.0) == ["quick", "normal", "slow"]  # 5, 4 and 1.1 times.
    assert _due(queue, 67.7) == ["normal", "quick", "slow"]  # 3.9, 2 and 1.1 times.


def test_large_windows_are_due_at_once_but_never_before_an_old_one() -> None:
    queue = _queue()
    _gather(queue, "old", 0.0, {"ann": True})
    _gather(queue, "large", 1.0, members(100))

    assert _due(queue, 1.0) == ["large"]
    assert _due(queue, 2.5) == ["old", "large"]


def test_a_little_more_than_a_request_takes_goes_on_gathering_until_it_fills_two() -> None:
    queue = _queue()
    seen = []

    for size in (1_000, 1_001, 1_799, 1_800, 2_001):
        window = _gather(queue, "gold", 0.0, members(size))
        seen.append((window.members, _due(queue, 1.0), _due(queue, 2.0)))

    assert seen == [
        (1_000, ["gold"], ["gold"]),
        (1_001, [], ["gold"]),
        (1_799, [], ["gold"]),
        (1_800, ["gold"], ["gold"]),
        (2_001, [], ["gold"]),
    ]


def test_a_large_window_that_was_taken_is_due_no_more() -> None:
    queue = _queue()
    _take_all(queue, _gather(queue, "large", 1.0, members(100)))
    _gather(queue, "large", 1.0, {"ann": True})

    assert _due(queue, 1.0) == []


def test_a_full_window_is_closed_and_the_next_change_opens_another_behind_it() -> None:
    queue = _queue()
    first = _gather(queue, "gold", 0.0, members(MEMBERS_MAX - 1))
    same = _gather(queue, "gold", 1.0, {"last": True})

    behind = _gather(queue, "gold", 2.0, {"ann": True})
    also_behind = _gather(queue, "gold", 3.0, {"bob": True})

    assert first is same
    assert behind is also_behind is not first
    assert list(queue.heads()) == [first]
    assert list(queue.windows()) == [first, behind]


def test_the_window_behind_moves_up_when_the_head_has_left() -> None:
    queue = _queue()
    head = _gather(queue, "gold", 0.0, members(MEMBERS_MAX))
    behind = _gather(queue, "gold", 1.0, {"ann": True})

    _take_all(queue, head)

    assert list(queue.windows()) == [behind]
    assert _due(queue, 2.9) == []
    assert _due(queue, 3.0) == ["gold"]


def test_a_window_that_moves_up_hides_no_older_one() -> None:
    queue = _queue()
    head = _gather(queue, "flood", 0.0, members(MEMBERS_MAX))
    _gather(queue, "small", 1.0, {"ann": True})
    _gather(queue, "flood", 5.0, {"ann": True})

    _take_all(queue, head)

    assert _due(queue, 3.0) == ["small"]
    assert _due(queue, 7.0) == ["small", "flood"]


def test_a_backlog_has_its_turns_like_any_other_cohort() -> None:
    queue = _queue()
    head = _gather(queue, "flood", 0.0, members(MEMBERS_MAX))
    _gather(queue, "flood", 0.0, members(MEMBERS_MAX, prefix="next"))
    for now_s, cohort in ((1.0, "early"), (4.0, "late")):
        _gather(queue, cohort, now_s, {"ann": True})

    before = _due(queue, 6.5)
    queue.take(head, list(head.lanes), 3.0)

    assert before == ["flood", "early", "late"]
    assert _due(queue, 4.0) == ["early", "flood"]  # Nobody else needs the request.
    assert _due(queue, 6.5) == ["early", "flood", "late"]  # It has waited since its last turn.
    assert next(queue.heads()).opened_at_s == 1.0


def test_large_windows_take_turns() -> None:
    queue = _queue()
    for cohort in ("one", "two"):
        _gather(queue, cohort, 0.0, members(MEMBERS_MAX, prefix=cohort))
        _gather(queue, cohort, 0.0, members(MEMBERS_MAX, prefix=f"{cohort}-next"))
    seen = []

    for _ in range(4):
        first = next(queue.due(0.5, everything=False))
        seen.append(first.cohort)
        queue.take(first, list(first.lanes), 0.5)

    assert seen == ["one", "two", "one", "two"]


def test_a_full_window_that_moves_up_is_large() -> None:
    queue = _queue()
    head = _gather(queue, "gold", 0.0, members(MEMBERS_MAX))
    _gather(queue, "gold", 1.0, members(100, prefix="next"))

    _take_all(queue, head)

    assert _due(queue, 1.0) == ["gold"]


def test_what_is_put_back_stands_in_front() -> None:
    queue = _queue()
    _gather(queue, "a", 5.0, {"ann": True})
    _gather(queue, "b", 6.0, {"ann": True})

    queue.put_back("c", lane_of({}, opened_at_s=1.0), {"ann": True})
    queue.put_back("b", lane_of({}, opened_at_s=2.0), {"bob": True})

    assert _due(queue, 3.0) == ["c"]
    assert _due(queue, 4.0) == ["c", "b"]
    assert _due(queue, 7.0) == ["c", "b", "a"]


def test_what_is_put_back_joins_the_head_and_names_the_hold_it_replaces() -> None:
    queue = _queue()
    window = _gather(queue, "gold", 5.0, {"ann": False})

    needless = queue.put_back("gold", lane_of({}, ticket=0), {"ann": True, "bob": True})

    assert needless == 1
    assert window.lanes[P0].ticket == 0
    assert window.lanes[P0].changes == {"ann": False, "bob": True}
    assert queue.load.total == 2 + 6


def test_much_that_is_put_back_is_large() -> None:
    queue = _queue(gold=60.0)

    queue.put_back("gold", lane_of({}, opened_at_s=5.0), members(100))

    assert _due(queue, 5.0) == ["gold"]


def test_lanes_that_stay_keep_their_place() -> None:
    queue = _queue()
    window = _gather(queue, "gold", 0.0, {"ann": True}, P0)
    _gather(queue, "gold", 1.0, {"bob": True}, P1)

    taken = queue.take(window, [P0], 0.0)

    assert [lane.changes for lane in taken] == [{"ann": True}]
    assert _due(queue, 2.0) == ["gold"]
    assert queue.load.total == 7


def test_dropping_a_partition_forgets_its_lanes_in_every_window() -> None:
    queue = _queue()
    _gather(queue, "gold", 0.0, members(MEMBERS_MAX), P0)
    _gather(queue, "gold", 1.0, {"ann": True}, P0)
    _gather(queue, "gold", 1.0, {"bob": True}, P1)
    _gather(queue, "silver", 1.0, {"ann": True}, P0)

    queue.drop(P0)

    (window,) = queue.windows()
    assert set(window.lanes) == {P1}
    assert queue.load.total == 7
    assert _due(queue, 3.0) == ["gold"]


def test_dropping_an_empty_window_behind_leaves_the_head() -> None:
    queue = _queue()
    head = _gather(queue, "gold", 0.0, members(MEMBERS_MAX), P0)
    _gather(queue, "gold", 1.0, {"bob": True}, P1)

    queue.drop(P1)
    behind = _gather(queue, "gold", 2.0, {"cid": True}, P0)

    assert list(queue.windows()) == [head, behind]


def test_a_window_that_lost_most_of_itself_is_large_no_more() -> None:
    queue = _queue()
    _gather(queue, "gold", 0.0, members(99), P0)
    _gather(queue, "gold", 0.0, {"bob": True}, P1)

    queue.drop(P0)

    assert _due(queue, 0.0) == []


def test_windows_may_be_taken_while_they_are_walked() -> None:
    queue = _queue()
    for cohort in "abc":
        _gather(queue, cohort, 0.0, {"ann": True})

    walked = []
    for window in queue.due(5.0, everything=False):
        walked.append(window.cohort)
        _take_all(queue, window)

    assert walked == ["a", "b", "c"]
    assert queue.load.total == 0
