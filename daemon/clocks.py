"""The clocks: the one that decides, and the one that people read."""

from __future__ import annotations

import time

unix_s = time.time

if hasattr(time, "CLOCK_BOOTTIME"):

    def now_s() -> float:
        """Return seconds that go on while the machine is suspended, so a lease runs out (G6)."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

else:  # Not Linux: for trying things out only.
    now_s = time.monotonic
