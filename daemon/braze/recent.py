"""How long things took of late: the last few seconds' measurements, bounded by time and number."""

from __future__ import annotations

import math
from collections import deque

from daemon.status import Spread

RECENT_S = 10.0  # Longer than a page's pause between two looks, so that it misses nothing.
KEPT_MAX = 1_000  # Of more, the newest are kept.
DRAWN_EVERY_S = 2.0  # To put them in order costs more than all else of a picture.


class Recent:
    """Told each measurement; one writer, which is also the reader."""

    def __init__(self) -> None:
        self._kept: deque[tuple[float, float]] = deque(maxlen=KEPT_MAX)
        self._spread: Spread | None = None
        self._drawn_s = -math.inf

    def add(self, seconds: float, now_s: float) -> None:
        """Take in how long one thing took; clocks that differ give 0."""
        self._kept.append((now_s, max(0.0, seconds)))

    def spread(self, now_s: float) -> Spread | None:
        """Return the spread of what was measured lately; None where nothing was.

        It is up to DRAWN_EVERY_S old.
        """
        if now_s - self._drawn_s >= DRAWN_EVERY_S:
            self._spread, self._drawn_s = self._draw(now_s), now_s
        return self._spread

    def _draw(self, now_s: float) -> Spread | None:
        kept = self._kept
        while kept and now_s - kept[0][0] > RECENT_S:
            kept.popleft()
        if not kept:
            return None
        ordered = sorted(seconds for _, seconds in kept)
        return Spread(len(ordered), _rank(ordered, 0.5), _rank(ordered, 0.99), ordered[-1])


def _rank(ordered: list[float], share: float) -> float:
    """Return the smallest value that this share of all is not above."""
    return ordered[math.ceil(share * len(ordered)) - 1]
