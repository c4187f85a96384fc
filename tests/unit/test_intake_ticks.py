"""Turns at whole ticks, and how old what a poll brings may be."""

from __future__ import annotations

import pytest

from daemon.intake.ticks import Ticks, tick_of

TICK_S = 0.25


class Clock:
    def __init__(self, now_s: float) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s


@pytest.mark.parametrize(("now_s", "left_s"), [(100.0, 0.25), (100.125, 0.125), (100.375, 0.125)])
def test_a_poll_ends_at_the_next_whole_tick(now_s: float, left_s: float) -> None:
    assert Ticks(TICK_S, Clock(now_s)).left_s() == left_s


def test_what_a_poll_brings_came_after_the_tick_of_the_one_before() -> None:
    ticks = Ticks(TICK_S, Clock(100.0))
    ticks.since_s(100.03125)

    assert ticks.since_s(100.25) == 100.0


def test_a_window_of_whole_ticks_is_due_in_a_turn_however_late_its_first_poll_was() -> None:
    ticks, max_age_s = Ticks(TICK_S, Clock(100.0)), 4 * TICK_S
    ticks.since_s(100.125)  # Half a tick late.

    opened_s = ticks.since_s(100.25)

    assert 101.0 - opened_s >= max_age_s


def test_after_a_long_turn_it_counts_as_a_tick_old() -> None:
    ticks = Ticks(TICK_S, Clock(100.0))
    ticks.since_s(100.0)

    assert ticks.since_s(130.25) == 130.0


def test_the_first_poll_has_none_before_it() -> None:
    assert Ticks(TICK_S, Clock(100.0)).since_s(100.25) == 100.0


@pytest.mark.parametrize(
    ("ages_s", "tick_s"),
    [
        ([3600.0], 0.1),
        ([1.0, 2.3], 0.1),
        ([2.0, 0.9], 0.05),
        ([1.25], 0.05),
        ([0.01], 0.05),
        ([0.0], 0.05),
    ],
)
def test_a_tick_suits_all_windows_or_is_halved(ages_s: list[float], tick_s: float) -> None:
    assert tick_of(ages_s) == tick_s


@pytest.mark.parametrize(("tick_s", "left_s"), [(0.1, 0.02), (0.05, 0.02), (0.02, 0.01)])
def test_in_a_hurry_a_poll_ends_at_the_next_short_tick(tick_s: float, left_s: float) -> None:
    assert Ticks(tick_s, Clock(0.03)).left_s(hurry=True) == pytest.approx(left_s)
