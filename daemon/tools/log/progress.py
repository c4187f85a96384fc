"""How far a long scan is, said on stderr now and then."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Final

FIRST_S: Final = 3.0  # What is over sooner says nothing.
EVERY_S: Final = 5.0


class Progress:
    """Counts records, and says so a few times a minute."""

    def __init__(self, records: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._records = records
        self._read = 0
        self._clock = clock
        self._next_s = clock() + FIRST_S

    def add(self, records: int) -> None:
        """So many more were read."""
        self._read += records
        now_s = self._clock()
        if now_s < self._next_s:
            return
        self._next_s = now_s + EVERY_S
        part = min(1.0, self._read / max(1, self._records))
        told = f"cohortd: read {self._read:,} of about {self._records:,} records ({part:.0%})"
        print(told, file=sys.stderr, flush=True)
