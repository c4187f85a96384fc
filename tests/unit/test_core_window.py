from __future__ import annotations

import pytest

from daemon.core.joined import Joined
from daemon.core.model import Changes
from daemon.core.window import OpenLane, Window, merge
from tests.support.builders import P0, P1, P2, lane_of, members


def _open(window: Window, changes: Changes, *, ticket: int = 1, opened_at_s: float = 5.0) -> None:
    lane = window.lanes[P0] = OpenLane(P0, ticket, opened_at_s)
    lane.top = 50
    window.add(lane, changes)


def _lane(changes: Changes, opened_at_s: float, partition: int = 0) -> OpenLane:
    lane = OpenLane((P0, P1, P2)[partition], 1, opened_at_s)
    lane.changes = changes
    return lane


def test_adding_tells_how_many_members_are_new() -> None:
    window = Window("gold", 0.0)
    _open(window, {"ann": True})

    grown = window.add(window.lanes[P0], {"ann": False, "bob": True})

    assert grown == 1
    assert window.members == 2
    assert window.cost == 8
    assert window.lanes[P0].changes == {"ann": False, "bob": True}


def test_what_is_put_back_goes_under_newer_changes_with_its_older_hold() -> None:
    window = Window("gold", 5.0)
    _open(window, {"ann": False, "bob": True}, ticket=2)
    older = lane_of({}, ticket=1, top=10, opened_at_s=1.0)

    needless = window.put_back(older, {"ann": True, "cid": True})

    lane = window.lanes[P0]
    assert needless == 2
    assert lane.ticket == 1
    assert lane.changes == {"ann": False, "bob": True, "cid": True}
    assert lane.top == 50
    assert window.members == 3
    assert window.opened_at_s == lane.opened_at_s == 1.0


def test_what_is_put_back_where_nothing_newer_is_keeps_its_own_hold() -> None:
    window = Window("gold", 5.0)

    needless = window.put_back(lane_of({}, ticket=1, top=10), {"ann": True})

    assert needless is None
    assert window.members == 1
    assert window.lanes[P0].top == 10


def test_lanes_are_taken_oldest_first_and_the_others_stay() -> None:
    window = Window("gold", 0.0)
    for partition, opened_at_s in ((P0, 3.0), (P1, 1.0), (P2, 2.0)):
        lane = window.lanes[partition] = OpenLane(partition, 1, opened_at_s)
        window.add(lane, {str(partition): True})

    taken = window.take([P0, P1])

    assert [lane.partition for lane in taken] == [P1, P0]
    assert set(window.lanes) == {P2}
    assert window.members == 1


def test_dropping_forgets_a_lane_and_what_is_not_there_is_nothing() -> None:
    window = Window("gold", 0.0)
    _open(window, {"ann": True})

    dropped = window.drop(P0)

    assert dropped is not None
    assert window.drop(P1) is None
    assert window.cost == 0


def test_lanes_without_common_members_merge_without_dispute() -> None:
    merged, disputed = merge([_lane({"ann": True}, 1.0), _lane({"bob": False}, 2.0, 1)])

    assert merged == {"ann": True, "bob": False}
    assert disputed == 0


@pytest.mark.parametrize("later_first", [True, False])
@pytest.mark.parametrize("add", [True, False])
def test_the_lane_opened_last_wins(add: bool, later_first: bool) -> None:
    lanes = [_lane({"ann": not add}, 1.0), _lane({"ann": add}, 2.0, 1)]

    merged, disputed = merge(lanes[::-1] if later_first else lanes)

    assert merged == {"ann": add}
    assert disputed == 1


@pytest.mark.parametrize("first", [True, False])
def test_on_a_tie_the_removal_wins(first: bool) -> None:
    merged, _ = merge([_lane({"ann": first}, 1.0), _lane({"ann": not first}, 1.0, 1)])

    assert merged == {"ann": False}


def test_three_lanes_dispute_a_member_once() -> None:
    lanes = [
        _lane({"ann": a}, t, n) for n, (a, t) in enumerate([(True, 3.0), (False, 1), (True, 2)])
    ]

    assert merge(lanes) == ({"ann": True}, 1)


def test_lanes_that_agree_dispute_nothing() -> None:
    assert merge([_lane({"ann": True}, 1.0), _lane({"ann": True}, 2.0, 1)]) == ({"ann": True}, 0)


def test_what_takes_more_than_one_request_is_joined_and_not_copied() -> None:
    lanes = [_lane(members(600, prefix=prefix), 1.0, n) for n, prefix in enumerate("ab")]

    merged, disputed = merge(lanes)

    assert isinstance(merged, Joined)
    assert merged == lanes[0].changes | lanes[1].changes
    assert disputed == 0


def test_lanes_that_dispute_are_merged_however_many_members_they_have() -> None:
    changes = members(1_500)

    merged, disputed = merge([_lane(changes, 1.0), _lane({"user-7": False}, 2.0, 1)])

    assert merged == changes | {"user-7": False}
    assert disputed == 1


def test_merging_leaves_the_lanes_as_they_are() -> None:
    lanes = [_lane({"ann": True}, 1.0), _lane({"ann": False}, 2.0, 1)]

    merge(lanes)

    assert [lane.changes for lane in lanes] == [{"ann": True}, {"ann": False}]
