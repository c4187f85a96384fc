"""Large cohorts, however many, leave the small ones their turns, with the daemon's own core."""

from __future__ import annotations

import pytest

from tests.bench.packing import Cohortd, Load, simulate, zipf

# A quarter of Braze's quota, 15 requests a second, is nearly all that eleven live cohorts want.
_LIVE = (1.0,) * 11


def _p99_s(*, backlogs: int = 0, backlog: int = 0) -> float:
    load = Load("", _LIVE, seconds=40, rate=500, backlogs=backlogs, backlog=backlog, share=1 / 4)
    return simulate(load, Cohortd(load), seed=1).p99_s


@pytest.mark.parametrize(("backlogs", "backlog"), [(1, 400_000), (8, 50_000), (25, 30_000)])
def test_live_cohorts_beside_backlogs_wait_at_most_twice_as_long(
    backlogs: int, backlog: int
) -> None:
    assert _p99_s(backlogs=backlogs, backlog=backlog) <= 2 * _p99_s()


def test_a_busy_cohort_gets_rid_of_what_it_gathers_while_hundreds_want_a_turn() -> None:
    load = Load("", zipf(300), seconds=60, rate=10_000)

    found = simulate(load, Cohortd(load), seed=1)

    assert found.p99_s <= 1.5 * load.best_p99_s()
