"""Many replicas keep one budget, and use it (G8)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from daemon.core.pacer import Budget, Pacer
from tests.simulation.fleet import Fleet, run
from tests.simulation.fleets import FLEETS, shortened, whole_hours

# Small budgets are the hard ones: what 64 replicas may save up is more of an hour.
_SMALL = Budget(requests_per_hour=10_000, reserve=0.0, burst=24)
_HARD = Fleet(0, budget=_SMALL, churn=40, pauses=True)
_LATER = [name for name in FLEETS if name.startswith(("1,000", "100 ", "20 "))]


@pytest.mark.parametrize("name", [name for name in FLEETS if name not in _LATER])
def test_a_fleet_keeps_its_budget_in_every_hour_and_uses_it(name: str) -> None:
    fleet = shortened(FLEETS[name].fleet, seed=7)

    used = run(fleet)

    assert max(*used.hours, used.worst) <= fleet.total
    assert min(whole_hours(used, fleet)) >= FLEETS[name].used_min


@pytest.mark.parametrize("seed", range(12))
def test_a_small_budget_is_kept_through_pauses_and_troubles(seed: int) -> None:
    used = run(shortened(_HARD, seed))

    assert max(*used.hours, used.worst) <= _HARD.total
    assert used.starts > _HARD.replicas


@pytest.mark.parametrize("seed", range(4))
def test_the_smallest_budget_that_sizing_advises_is_kept(seed: int) -> None:
    fleet = replace(_HARD, budget=Budget(70 * _HARD.replicas, reserve=0.0, burst=24))

    used = run(shortened(fleet, seed))

    assert max(*used.hours, used.worst) <= fleet.total


def test_a_fleet_in_which_each_replica_takes_all_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pacer, "set_share", lambda *_: None)

    used = run(Fleet(1, replicas=3, partitions=6, hours=2, budget=_SMALL))

    assert used.worst > 2 * _HARD.total


def test_a_fleet_that_saves_up_a_burst_for_each_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pacer, "burst", property(lambda self: float(self._budget.burst)))

    worst = max(run(shortened(_HARD, seed)).worst for seed in range(3))

    assert worst > _HARD.total


def test_a_seed_replays() -> None:
    fleet = shortened(_HARD, seed=3)

    assert run(fleet) == run(fleet)
