"""May we still write? Answered from the time of the last commit the broker took (G6)."""

from __future__ import annotations

import math

# What a process may lose between asking for the time and writing.
MARGIN_S = 2.0
SHORTEST_S = 1.0


def lease_length_s(session_s: float, heartbeat_s: float, request_s: float) -> float:
    """How long after sending an accepted commit a request may still be started.

    The coordinator gives our partitions away a session timeout after the last heartbeat it saw,
    which may be older than the commit by one heartbeat interval. A request started at the last
    moment must have ended by then.
    """
    # Rounded, so that settings written in tenths are compared as they are written.
    return round(session_s - heartbeat_s - request_s - MARGIN_S, 6)


class Lease:
    """The time until which requests may be started.

    A zombie's commit is refused by the broker, so its lease runs out by itself. Times are of a
    clock that goes on while the machine is suspended.
    """

    def __init__(self, length_s: float) -> None:
        self._sent_at_s = -math.inf
        self.set_length(length_s)

    @property
    def length_s(self) -> float:
        """Seconds that one accepted commit is good for; 0 while there is no length."""
        return self._length_s

    @property
    def until_s(self) -> float:
        """The moment after which nothing may be started."""
        return self._sent_at_s + self._length_s if self._length_s else -math.inf

    def set_length(self, length_s: float) -> None:
        """Count the commits accepted so far for so long; 0: nothing may be started."""
        assert length_s == 0 or length_s >= SHORTEST_S, length_s
        self._length_s = length_s

    def renew(self, sent_at_s: float) -> None:
        """The broker took a commit that was sent at this time."""
        self._sent_at_s = max(self._sent_at_s, sent_at_s)

    def fresh(self, now_s: float) -> bool:
        """Tell whether a request may be started now."""
        return now_s < self.until_s

    def overdue(self, now_s: float) -> bool:
        """Tell whether half of it is over: while commits are taken it never comes to that."""
        return self._length_s > 0 and self.until_s - now_s < self._length_s / 2
