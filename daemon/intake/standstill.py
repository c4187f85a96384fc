"""Whether what is in flight stands still: no flush has ended or started for a while."""

from __future__ import annotations

import math
from collections.abc import Iterable

# Flushes that stay the same ones for so long may need what waits behind a barrier, to end.
HELD_S = 30.0


class Standstill:
    """Told each turn which flushes are in flight."""

    def __init__(self) -> None:
        self._flights: tuple[int, ...] = ()
        self._since_s = -math.inf

    def lasts(self, flights: Iterable[int], now_s: float) -> bool:
        """Tell whether they have been the same ones for so long that none may ever end."""
        flights = tuple(flights)
        if flights != self._flights:
            self._flights, self._since_s = flights, now_s
        return now_s - self._since_s >= HELD_S
