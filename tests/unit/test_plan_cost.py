"""What a plan says a cohort costs, and how long the quota makes it take."""

from __future__ import annotations

import pytest

from daemon.core.model import Changes
from daemon.core.pacer import SAFETY, Budget
from daemon.tools.plan.cost import Cost, price_of
from daemon.tools.plan.text import aligned, time_text
from tests.support.builders import members


def cost_of(*partitions: Changes) -> Cost:
    cost = Cost()
    for changes in partitions:
        cost.add("vip", changes)
    return cost


@pytest.mark.parametrize(
    ("partitions", "requests"),
    [([1], 1), ([1000], 1), ([1001], 2), ([600, 600], 2), ([400] * 4, 2)],
)
def test_the_rests_of_the_partitions_share_requests(partitions: list[int], requests: int) -> None:
    cost = cost_of(*(members(n, prefix=f"p{at}") for at, n in enumerate(partitions)))

    assert cost.requests == requests
    assert cost.members == sum(partitions)


def test_long_ids_take_more_requests_than_their_number() -> None:
    long: Changes = {f"{number:0>500}": True for number in range(1000)}

    assert cost_of(long).requests == 4  # Escaped, they could take 3 MB.


def test_adds_and_removes_are_counted_apart() -> None:
    cost = cost_of(members(3) | members(2, add=False, prefix="left"))

    assert (cost.adds, cost.removes) == (3, 2)


def test_the_price_is_what_the_reserve_leaves_and_the_first_waits_for_nothing() -> None:
    budget = Budget(requests_per_hour=3600, reserve=0.5, burst=10)
    costs = {name: cost_of(members(9_000)) for name in ("a", "b")}

    announced = price_of(costs, budget, announcements=2)
    known = price_of(costs, budget, announcements=0)

    assert (announced.requests, announced.announcements) == (20, 2)
    assert announced.time_s == pytest.approx(19 / (0.5 * SAFETY))
    assert announced.share == pytest.approx(20 / 3600)
    assert known.requests == 18


def test_columns_of_numbers_stand_right() -> None:
    assert aligned([["a", "n"], ["bb", "10"]], right=1) == ["a    n", "bb  10"]


@pytest.mark.parametrize(("seconds", "text"), [(3.4, "3 s"), (120, "2 min"), (7200, "2.0 h")])
def test_a_time_has_the_unit_that_fits(seconds: float, text: str) -> None:
    assert time_text(seconds) == text
