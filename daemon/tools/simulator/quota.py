"""The hourly quota: Braze counts requests by the clock hour and says so in three headers.

It must not know what a request is about; time is an argument.
"""

from __future__ import annotations

from typing import TypeAlias

HOUR_S = 3600
LIMIT = 250_000  # Braze's documented number for the cohort endpoints.

Headers: TypeAlias = tuple[tuple[str, str], ...]


class Quota:
    """Requests of the clock hour that `now_s`, a Unix time, falls into.

    A request beyond the limit is refused and not counted, so `remaining` is never negative.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self.limit = limit
        self._used = 0
        self._reset_at_s = 0

    def take(self, now_s: float) -> bool:
        """Count one request; False where the hour's quota is used up."""
        self._turn(now_s)
        if self._used >= self.limit:
            return False
        self._used += 1
        return True

    def remaining(self, now_s: float) -> int:
        """Return the requests left in this hour."""
        self._turn(now_s)
        return max(self.limit - self._used, 0)

    def set(self, now_s: float, *, limit: int | None = None, remaining: int | None = None) -> None:
        """Change the limit, or what is left of the hour, as other users of the pool would."""
        self._turn(now_s)
        if limit is not None:
            self.limit = limit
        if remaining is not None:
            self._used = self.limit - min(remaining, self.limit)

    def headers(self, now_s: float) -> Headers:
        """Return the headers that every answer carries; the reset is in Unix seconds."""
        return (
            ("X-RateLimit-Limit", str(self.limit)),
            ("X-RateLimit-Remaining", str(self.remaining(now_s))),
            ("X-RateLimit-Reset", str(self._reset_at_s)),
        )

    def _turn(self, now_s: float) -> None:
        reset_at_s = (int(now_s) // HOUR_S + 1) * HOUR_S
        if reset_at_s != self._reset_at_s:
            self._reset_at_s = reset_at_s
            self._used = 0
