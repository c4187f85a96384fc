from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from daemon.core.model import Alias, Device, Member
from daemon.tools.demo.comparison import FAILURES_SHOWN_MAX, Found, compare
from daemon.tools.demo.fold import Folded, Place

LOG = Folded(
    members={"vip": {"u1", Alias("a@b", "email")}, "app": {Device("d1")}},
    names={"vip": "VIP", "app": "App"},
    broken={Place(0, 3)},
    records=9,
)
FOUND = Found(
    members={cohort: frozenset(members) for cohort, members in LOG.members.items()},
    names=LOG.names,
    dead_letters=[Place(0, 3)],
    violations={"both_lists": 0},
)


def _found_members(**members: set[Member]) -> Mapping[str, frozenset[Member]]:
    changed = {cohort: frozenset(each) for cohort, each in members.items()}
    return {**FOUND.members, **changed}


def test_equal_sides_are_equal() -> None:
    comparison = compare(LOG, FOUND)

    assert comparison.equal
    assert comparison.failures() == []
    assert [(row.id, row.expected, row.found) for row in comparison.rows] == [
        ("app", 1, 1),
        ("vip", 2, 2),
    ]


def test_a_missing_member_is_named_with_its_cohort() -> None:
    comparison = compare(LOG, replace(FOUND, members=_found_members(vip={"u1"})))

    assert not comparison.equal
    assert comparison.failures() == ["cohort vip: email a@b is missing at Braze"]


def test_a_member_too_much_is_named_with_its_cohort() -> None:
    both: set[Member] = {Device("d1"), Device("d2")}

    comparison = compare(LOG, replace(FOUND, members=_found_members(app=both)))

    assert comparison.failures() == ["cohort app: device d2 should not be there"]


def test_a_cohort_that_is_not_in_the_log_is_a_difference() -> None:
    comparison = compare(LOG, replace(FOUND, members=_found_members(other={"u9"})))

    assert comparison.failures()[0] == "cohort other: user u9 should not be there"


def test_another_name_is_a_difference() -> None:
    comparison = compare(LOG, replace(FOUND, names={"vip": "VIP", "app": "old"}))

    assert comparison.failures() == ["cohort app: is called 'old' at Braze, not 'App'"]


def test_a_broken_record_without_a_dead_letter_is_a_difference() -> None:
    comparison = compare(LOG, replace(FOUND, dead_letters=[]))

    assert comparison.dead_letters_wrong == (Place(0, 3),)
    assert not comparison.equal


def test_a_dead_letter_of_a_good_record_is_a_difference() -> None:
    comparison = compare(LOG, replace(FOUND, dead_letters=[Place(0, 3), Place(1, 1)]))

    assert comparison.dead_letters_wrong == (Place(1, 1),)


def test_a_dead_letter_that_a_crash_repeated_is_none() -> None:
    comparison = compare(LOG, replace(FOUND, dead_letters=[Place(0, 3), Place(0, 3)]))

    assert comparison.equal
    assert comparison.dead_letters_found == 1


def test_a_violation_is_a_difference() -> None:
    comparison = compare(LOG, replace(FOUND, violations={"both_lists": 2}))

    assert comparison.failures() == ["violation both_lists: 2"]


def test_of_very_many_differences_only_some_are_listed() -> None:
    many: set[Member] = {"u1", Alias("a@b", "email"), *(f"x{number}" for number in range(100))}

    lines = compare(LOG, replace(FOUND, members=_found_members(vip=many))).failures()

    assert len(lines) == FAILURES_SHOWN_MAX + 1
    assert lines[-1] == f"and {100 - FAILURES_SHOWN_MAX} more differences"
