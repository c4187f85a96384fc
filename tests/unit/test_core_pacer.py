from __future__ import annotations

import math

import pytest

from daemon.core.backoff import Backoff
from daemon.core.pacer import Budget, Pacer
from daemon.core.verdict import Quota

_ONE_A_SECOND = Budget(requests_per_hour=3_600 / 0.97, reserve=0.0, burst=3)


def _spend(pacer: Pacer, count: int, now_s: float = 0.0) -> None:
    for _ in range(count):
        pacer.take(now_s)


def test_the_rate_keeps_the_reserve_and_a_little_more() -> None:
    pacer = Pacer(Budget(requests_per_hour=250_000, reserve=0.1), 0.0)

    assert pacer.rate_s == pytest.approx(250_000 * 0.9 * 0.97 / 3_600)


def test_a_burst_is_ready_and_then_the_rate_counts() -> None:
    pacer = Pacer(_ONE_A_SECOND, 0.0)

    _spend(pacer, 3)

    assert pacer.ready_at_s(0.0) == pytest.approx(1.0)
    assert pacer.ready_at_s(1.0) == 1.0
    assert pacer.ready_at_s(100.0) == 100.0


def test_what_is_prepared_is_what_starts_soon_and_never_nothing() -> None:
    pacer = Pacer(Budget(requests_per_hour=36_000 / 0.97, reserve=0.0, burst=3), 0.0)

    seen = [pacer.affordable(0.0)]
    _spend(pacer, 3)
    seen.append(pacer.affordable(0.0))
    pacer.cool_down(60.0, 0.0)
    seen.append(pacer.affordable(0.0))
    seen.append(pacer.affordable(59.9))
    pacer.set_share(0.0, 60.0)
    seen.append(pacer.affordable(60.0))

    assert seen == [6, 3, 1, 6, 1]  # Who owns nothing keeps one token of those saved.


def test_no_more_than_a_burst_is_saved_up() -> None:
    pacer = Pacer(_ONE_A_SECOND, 0.0)

    _spend(pacer, 3, 1_000.0)

    assert pacer.ready_at_s(1_000.0) == pytest.approx(1_001.0)


def test_taking_what_is_not_there_is_a_bug() -> None:
    pacer = Pacer(_ONE_A_SECOND, 0.0)
    _spend(pacer, 3)

    with pytest.raises(AssertionError):
        pacer.take(0.5)


def test_a_share_is_a_part_of_the_rate() -> None:
    pacer = Pacer(_ONE_A_SECOND, 0.0)
    _spend(pacer, 3)

    pacer.set_share(0.25, 0.0)

    assert pacer.rate_s == pytest.approx(0.25)
    assert pacer.ready_at_s(0.0) == pytest.approx(4.0)


def test_a_new_share_counts_from_now_on() -> None:
    pacer = Pacer(_ONE_A_SECOND, 0.0)
    pacer.set_share(1.0, 0.0)
    _spend(pacer, 1)

    pacer.set_share(0.5, 2.0)

    assert pacer.ready_at_s(2.0) == 2.0
    _spend(pacer, 2, 2.0)
    assert pacer.ready_at_s(2.0) == pytest.approx(4.0)


def test_who_owns_nothing_never_sends() -> None:
    pacer = Pacer(_ONE_A_SECOND, 0.0)

    pacer.set_share(0.0, 2.0)

    _spend(pacer, 1, 2.0)
    assert pacer.ready_at_s(2.0) == math.inf


def test_a_replica_that_has_just_started_has_saved_nothing() -> None:
    pacer = Pacer(_ONE_A_SECOND, 0.0)

    pacer.set_share(1.0, 0.0)

    _spend(pacer, 1)
    assert pacer.ready_at_s(0.0) == pytest.approx(1.0)


def test_what_all_replicas_save_up_is_half_of_what_is_kept_back() -> None:
    budget = Budget(requests_per_hour=10_000, reserve=0.0, burst=24)
    pacer = Pacer(budget, 0.0)
    bursts = [pacer.burst]
    for share in (0.1, 1 / 64):
        pacer.set_share(share, 0.0)
        bursts.append(pacer.burst)

    assert bursts == [24.0, pytest.approx(15.0), pytest.approx(150 / 64)]


def test_replicas_keep_the_total_whoever_is_flooded_and_each_may_use_its_own() -> None:
    shares = (0.5, 0.25, 0.25)
    budget = Budget(requests_per_hour=36_000, reserve=0.1, burst=24)
    used = []

    for share in shares:
        pacer = Pacer(budget, 0.0)
        pacer.set_share(share, 0.0)
        used.append(0)
        at_s = 0.0
        while (at_s := pacer.ready_at_s(at_s)) < 3600.0:
            pacer.take(at_s)
            used[-1] += 1

    assert sum(used) <= 36_000 * 0.9
    assert all(u >= 0.9 * 36_000 * 0.9 * s for u, s in zip(used, shares, strict=True))


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_share_outside_0_and_1_is_a_bug(share: float) -> None:
    with pytest.raises(AssertionError):
        Pacer(_ONE_A_SECOND, 0.0).set_share(share, 0.0)


@pytest.mark.parametrize(
    ("for_s", "until_s"), [(-5.0, 101.0), (0.0, 101.0), (60.0, 160.0), (1e9, 3_820.0)]
)
def test_a_cool_down_is_clamped(for_s: float, until_s: float) -> None:
    pacer = Pacer(_ONE_A_SECOND, 0.0)

    pacer.cool_down(for_s, 100.0)

    assert pacer.ready_at_s(100.0) == pacer.cool_until_s == until_s


def test_a_shorter_cool_down_shortens_nothing() -> None:
    pacer = Pacer(_ONE_A_SECOND, 0.0)
    pacer.cool_down(60.0, 0.0)

    pacer.cool_down(10.0, 1.0)

    assert pacer.cool_until_s == 60.0


def test_a_quota_that_is_used_up_cools_down() -> None:
    pacer = Pacer(_ONE_A_SECOND, 0.0)

    pacer.heard(Quota(remaining=1), 60.0, 0.0)
    before = pacer.ready_at_s(0.0)
    pacer.heard(Quota(remaining=0), 60.0, 0.0)

    assert before == 0.0
    assert pacer.ready_at_s(0.0) == 60.0


@pytest.mark.parametrize(("told", "used"), [(1_000, 1_000), (900_000, 250_000), (0, 250_000)])
def test_the_lower_limit_wins(told: int, used: int) -> None:
    pacer = Pacer(Budget(reserve=0.0), 0.0)

    pacer.heard(Quota(limit=told), 0.0, 0.0)

    assert pacer.rate_s == pytest.approx(used * 0.97 / 3_600)


@pytest.mark.parametrize("uptime_s", [1e5, 4e6, 3e8])
def test_what_is_ready_can_be_taken_on_a_clock_of_many_days(uptime_s: float) -> None:
    pacer = Pacer(Budget(), uptime_s)
    now_s = uptime_s

    for _ in range(2_000):
        now_s = pacer.ready_at_s(now_s)
        pacer.take(now_s)

    assert now_s - uptime_s == pytest.approx((2_000 - 24) / pacer.rate_s, rel=0.01)


@pytest.mark.parametrize(
    ("tries", "delay_s"), [(1, 0.5), (2, 1.0), (5, 8.0), (6, 16.0), (7, 20.0), (10_000, 20.0)]
)
def test_a_backoff_doubles_up_to_its_cap(tries: int, delay_s: float) -> None:
    backoff = Backoff(initial_s=0.5, max_s=20.0)

    assert backoff.delay_s(tries, 1.0) == delay_s
    assert backoff.delay_s(tries, 0.25) == delay_s / 4
    assert backoff.delay_s(tries, 0.0) == 0.0


def test_a_backoff_without_a_failure_is_a_bug() -> None:
    with pytest.raises(AssertionError):
        Backoff().delay_s(0, 0.5)
