from __future__ import annotations

from daemon.tools.simulator.quota import Quota

HOUR = 1_800_000_000.0  # A full clock hour.


def test_requests_are_refused_once_the_hour_is_used_up() -> None:
    quota = Quota(limit=2)

    taken = [quota.take(HOUR + 10) for _ in range(4)]

    assert taken == [True, True, False, False]
    assert quota.headers(HOUR + 10) == (
        ("X-RateLimit-Limit", "2"),
        ("X-RateLimit-Remaining", "0"),
        ("X-RateLimit-Reset", str(int(HOUR) + 3600)),
    )


def test_the_window_resets_on_the_clock_hour_whenever_it_began() -> None:
    quota = Quota(limit=1)

    assert quota.take(HOUR + 3599.9)
    assert not quota.take(HOUR + 3599.95)
    assert quota.take(HOUR + 3600)


def test_others_can_use_up_the_pool() -> None:
    quota = Quota(limit=100)

    quota.set(HOUR, limit=50, remaining=1)

    assert [quota.take(HOUR), quota.take(HOUR)] == [True, False]
    assert quota.remaining(HOUR + 3600) == 50
