"""The clocks: the one that decides, and the one that people read."""

from __future__ import annotations

import time
from datetime import UTC, datetime

unix_s = time.time

if hasattr(time, "CLOCK_BOOTTIME"):

    def now_s() -> float:
        """Return seconds that go on while the machine is suspended, so a lease runs out (G6)."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

else:  # Not Linux: for trying things out only.
    now_s = time.monotonic


def utc_text(at_s: float | None) -> str | None:
    """Return a moment in Unix time as people write it, to the second; None where it is none.

    Whoever says a time, Braze or a producer, may say any number.
    """
    if at_s is None:
        return None
    try:
        moment = datetime.fromtimestamp(at_s, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
