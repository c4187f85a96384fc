"""When the intake takes its turns: at whole ticks of the clock.

A window's age is a number of ticks, and it opens at the tick before its first change came, so it
is due in a turn. A tick after the turn before, it would be due between two, and wait for the
second.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

# A turn costs about as much for a few records of each cohort as for many, so the fewer the better.
TICK_S = 0.1

# Where that does not suit everybody: windows that live only a few ticks, or no whole number of
# them, would leave late by a good part of their age.
SHORT_TICK_S = 0.05
_TICKS_A_WINDOW = 10


def tick_of(ages_s: Iterable[float]) -> float:
    """Return the tick, in seconds, that suits windows of these ages."""
    return TICK_S if all(map(_suits, ages_s)) else SHORT_TICK_S


def _suits(age_s: float) -> bool:
    ticks = age_s / TICK_S
    return ticks >= _TICKS_A_WINDOW and math.isclose(ticks, round(ticks))


class Ticks:
    """Tells how long to poll, and how old what a poll brought may be."""

    def __init__(self, tick_s: float, clock: Callable[[], float]) -> None:
        self._tick_s = tick_s
        self._clock = clock
        self._polled_s = -math.inf

    def left_s(self, *, hurry: bool = False) -> float:
        """Return how long it is until the next tick; in a hurry, until the next short one."""
        tick_s = min(self._tick_s, SHORT_TICK_S) if hurry else self._tick_s
        return tick_s - self._clock() % tick_s

    def since_s(self, now_s: float) -> float:
        """Return the tick before anything came that a poll, over now, has brought.

        It came after the poll before, or after a long turn, the client may have waited with it:
        then it counts as a tick old.
        """
        oldest_s = max(self._polled_s, now_s - self._tick_s)
        self._polled_s = now_s
        return oldest_s - oldest_s % self._tick_s
