from __future__ import annotations

from daemon.core.model import Alias, Device, Member
from daemon.tools.simulator.cohorts import Arrival, Workspace, both_lists
from daemon.tools.simulator.history import AppliedRequest, History
from daemon.tools.simulator.request import Announcement, Update

ARRIVAL = Arrival(7, 100.0)


def a_workspace(users: list[Member] | None = None) -> Workspace:
    workspace = Workspace(users)
    workspace.announce(Announcement("vip", "VIP", "2026-01-01T00:00:00Z"), ARRIVAL, 100.5)
    return workspace


def an_update(*, adds: tuple[Member, ...] = (), removes: tuple[Member, ...] = ()) -> Update:
    return Update("vip", adds, removes)


def an_applied(number: int, *adds: str) -> AppliedRequest:
    return AppliedRequest(number, number, 1.0, 2.0, "users", "vip", adds=adds)


def test_the_three_kinds_of_members_never_meet() -> None:
    workspace = a_workspace()
    members: tuple[Member, ...] = ("x", Device("x"), Alias("x", "email"), Alias("email", "x"))

    workspace.update(an_update(adds=members), ARRIVAL, 101.0)
    workspace.update(an_update(removes=(Device("x"),)), ARRIVAL, 102.0)

    assert workspace.members("vip") == {"x", Alias("x", "email"), Alias("email", "x")}


def test_a_member_in_both_lists_is_counted_and_ends_up_removed() -> None:
    workspace = a_workspace()
    update = an_update(adds=("a", "b"), removes=("b", "c"))

    workspace.update(update, ARRIVAL, 101.0)

    assert both_lists(update) == 1
    assert workspace.members("vip") == {"a"}


def test_unknown_users_are_ignored_and_counted() -> None:
    workspace = a_workspace(["a", Device("d")])

    unknown = workspace.update(
        an_update(adds=("a", "b", "b", Device("d"), Device("a"))), ARRIVAL, 101.0
    )

    assert workspace.members("vip") == {"a", Device("d")}
    assert unknown == 2


def test_announcing_again_renames_and_keeps_members() -> None:
    workspace = a_workspace()
    workspace.update(an_update(adds=("a",)), ARRIVAL, 101.0)

    workspace.announce(Announcement("vip", "VIP", "2026-02-02T00:00:00Z"), ARRIVAL, 102.0)
    workspace.announce(Announcement("vip", "Best", "2026-03-03T00:00:00Z"), ARRIVAL, 103.0)

    cohort = workspace.cohorts["vip"]
    assert (cohort.name, cohort.created_at, cohort.renames) == ("Best", "2026-01-01T00:00:00Z", 1)
    assert cohort.members == {"a"}


def test_history_tells_the_order_of_application_for_one_member() -> None:
    workspace = a_workspace()

    workspace.update(an_update(adds=("a", "b")), Arrival(9, 101.0), 104.0)
    workspace.update(an_update(removes=("a",)), Arrival(8, 100.0), 105.0)

    assert workspace.history.ops("vip", "a") == ((1, True), (2, False))
    assert [each.arrival for each in workspace.history] == [7, 9, 8]
    assert [each.applied_at_s for each in workspace.history] == [100.5, 104.0, 105.0]


def test_history_lets_go_of_the_oldest_and_says_so() -> None:
    history = History(requests_max=3, ops_max=100)

    for number in range(5):
        history.append(an_applied(number, "a"))

    assert [each.number for each in history.since(0)] == [2, 3, 4]
    assert [each.number for each in history.since(3, limit=1)] == [3]
    assert (history.dropped, history.next_number) == (2, 5)


def test_history_is_bounded_by_the_changes_in_it_too() -> None:
    history = History(requests_max=100, ops_max=4)

    history.append(an_applied(0, "a", "b", "c"))
    history.append(an_applied(1, "a", "b"))
    history.append(an_applied(2, *"abcdefgh"))

    assert [each.number for each in history] == [2]


def test_tampering_changes_members_outside_the_history() -> None:
    workspace = a_workspace(["a"])
    workspace.update(an_update(adds=("a",)), ARRIVAL, 101.0)

    changed = workspace.tamper("vip", add=["a", "stranger"], remove=["nobody"])

    assert changed == 1
    assert workspace.members("vip") == {"a", "stranger"}
    assert len(workspace.history) == 2
