from __future__ import annotations

import pytest

from daemon.core.model import Member
from daemon.tools.demo.tally import Tally, percentile
from daemon.tools.simulator.history import AppliedRequest
from daemon.tools.simulator.stats import SeenRequest


def _applied(number: int, at_s: float, *adds: Member) -> AppliedRequest:
    return AppliedRequest(number, number, at_s, at_s, "users", "vip", adds=adds)


def test_latency_is_from_producing_to_applying() -> None:
    tally = Tally()
    tally.steady = True
    tally.produced("vip", "u1", 10.0, add=True)

    tally.take_applied([_applied(0, 10.8, "u1")])

    assert tally.steady_s == [pytest.approx(0.8)]
    assert tally.cohorts["vip"].percentile(0.5, 11.0) == pytest.approx(0.8)
    assert tally.cohorts["vip"].adds == 1


def test_what_a_retry_applies_again_is_not_measured_again() -> None:
    tally = Tally()
    tally.steady = True
    tally.produced("vip", "u1", 10.0, add=True)

    tally.take_applied([_applied(0, 10.8, "u1"), _applied(1, 15.0, "u1")])

    assert len(tally.steady_s) == 1


def test_what_waits_through_a_crash_counts_only_as_the_worst() -> None:
    tally = Tally()
    tally.steady = True
    tally.produced("vip", "u1", 10.0, add=True)

    tally.interrupt()
    tally.produced("vip", "u2", 12.0, add=True)
    tally.take_applied([_applied(0, 25.0, "u1", "u2")])

    assert tally.steady_s == []
    assert tally.worst_s == pytest.approx(15.0)


def test_old_latencies_are_forgotten() -> None:
    tally = Tally()
    tally.steady = True
    tally.produced("vip", "u1", 10.0, add=True)
    tally.take_applied([_applied(0, 10.8, "u1")])

    assert tally.cohorts["vip"].percentile(0.5, 60.0) is None


def test_requests_are_counted_by_how_they_ended() -> None:
    tally = Tally()

    tally.take_seen(
        SeenRequest(arrival, 0.0, "users", "vip", 3, outcome)
        for arrival, outcome in enumerate(["201", "503", "dropped", "201"])
    )

    assert tally.outcomes == {"201": 2, "503": 1, "dropped": 1}
    assert tally.requests == tally.cohorts["vip"].requests == 4
    assert tally.next_seen == 4


def test_percentiles() -> None:
    values = [float(number) for number in range(100)]

    assert percentile(values, 0.5) == 50.0
    assert percentile(values, 0.99) == 99.0
    assert percentile([], 0.5) is None
