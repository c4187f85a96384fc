from __future__ import annotations

import pytest

from daemon.core.model import Alias, Changes, CohortUpdate, Device
from daemon.core.plan import MEMBERS_BYTES_MAX, halves, member_bytes_max, plan
from tests.support.builders import flush_of, members


@pytest.mark.parametrize(
    ("count", "sizes"),
    [(1, [1]), (1_000, [1_000]), (1_001, [1_000, 1]), (2_500, [1_000, 1_000, 500])],
)
def test_updates_hold_at_most_1000_members_and_every_one_once(count: int, sizes: list[int]) -> None:
    flush = flush_of(members(count))

    updates = list(plan(flush))

    merged: Changes = {}
    for update in updates:
        merged |= update.changes
    assert [len(update) for update in updates] == sizes
    assert merged == flush.changes
    assert {update.cohort for update in updates} == {"gold"}


def test_removals_go_first() -> None:
    changes = members(1_500) | members(500, add=False, prefix="gone")

    first, second = plan(flush_of(changes))

    assert list(first.changes.values()) == [False] * 500 + [True] * 500
    assert all(second.changes.values())


def test_members_that_are_long_make_smaller_updates() -> None:
    changes: Changes = {f"{n:0512}": True for n in range(1_000)}

    updates = list(plan(flush_of(changes)))

    assert len(updates) > 1
    assert sum(map(len, updates)) == 1_000
    assert all(sum(map(member_bytes_max, u.changes)) <= MEMBERS_BYTES_MAX for u in updates)


def test_a_bound_of_bytes_counts_every_part_of_a_member() -> None:
    assert member_bytes_max("\x00" * 10) >= 60
    assert member_bytes_max(Device("abc")) >= member_bytes_max("abc")
    assert member_bytes_max(Alias("abc", "email")) >= member_bytes_max("abcemail")


@pytest.mark.parametrize("count", [2, 3, 1_000])
def test_halves_part_the_members(count: int) -> None:
    update = CohortUpdate.of("gold", members(count))

    one, other = halves(update)

    assert len(one) == count // 2
    assert one.changes | other.changes == update.changes
    assert not one.changes.keys() & other.changes.keys()


@pytest.mark.parametrize("removed", range(6))
def test_halves_part_those_who_leave_and_those_who_join(removed: int) -> None:
    update = CohortUpdate.of("gold", {f"u{i}": i >= removed for i in range(5)})

    one, other = halves(update)

    assert (len(one), len(other)) == (2, 3)
    assert [*one.changes.items(), *other.changes.items()] == list(update.changes.items())


def test_a_single_member_has_no_halves() -> None:
    with pytest.raises(AssertionError):
        halves(CohortUpdate.of("gold", members(1)))
