"""When the intake takes its turns: at whole ticks of the clock.

A window's age is a number of ticks, and it opens at the tick before its first change came, so it
is due in a turn. A tick after the turn before, it would be due between two, and wait for the
second.
"""

from __future__ import annotations

import math
from collections.abc import Callable

# A turn costs about as much for a few records of each cohort as for many, so the fewer the better.
TICK_S = 0.1

# A window that lives only a few ticks would leave late by a good part of its age.
_TICKS_A_WINDOW = 10
_SHORTEST_TICK_S = 0.05


def tick_of(shortest_age_s: float) -> float:
    """Return the tick, in seconds, where no window lives shorter than that."""
    return TICK_S if shortest_age_s >= _TICKS_A_WINDOW * TICK_S else _SHORTEST_TICK_S


class Ticks:
    """Tells how long to poll, and how old what a poll brought may be."""

    def __init__(self, tick_s: float, clock: Callable[[], float]) -> None:
        self._tick_s = tick_s
        self._clock = clock
        self._polled_s = -math.inf

    def left_s(self) -> float:
        """Return how long it is until the next tick."""
        return self._tick_s - self._clock() % self._tick_s

    def since_s(self, now_s: float) -> float:
        """Return the tick before anything came that a poll, over now, has brought.

        It came after the poll before, or after a long turn, the client may have waited with it:
        then it counts as a tick old.
        """
        oldest_s = max(self._polled_s, now_s - self._tick_s)
        self._polled_s = now_s
        return oldest_s - oldest_s % self._tick_s
