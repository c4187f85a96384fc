"""The request budget: a token bucket, and the cool-down that Braze asks for. Told the time (G8)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from daemon.core.verdict import Quota

# What is kept back so that replicas whose clocks and partitions differ stay within the total.
SAFETY = 0.97

# How long a cool-down may be: not zero, and a little over the hour that Braze counts in.
COOL_DOWN_S_MIN = 1.0
COOL_DOWN_S_MAX = 3_720.0

# How far ahead flushes are prepared: a few turns of the reading side's loop.
SOON_S = 0.25


@dataclass(frozen=True, slots=True)
class Budget:
    """What all replicas together may use of the workspace's hour, and what one may use at once."""

    requests_per_hour: float = 250_000
    reserve: float = 0.1
    burst: int = 24


# A token that lacks less than this is whole: a clock of many days has no finer steps, and a wait
# that rounds to nothing would be no wait. What is lent here is paid back, so the rate is kept.
_WHOLE = 1 - 1e-3


class Pacer:
    """Every attempt takes a token, retries and announcements included.

    A replica's share is the partitions it owns over all partitions, so replicas keep the total
    without talking to each other.
    """

    def __init__(self, budget: Budget, now_s: float) -> None:
        self._budget = budget
        self._share = 1.0
        self._told = False  # Its share, so far.
        self._limit: float = budget.requests_per_hour
        self._tokens = float(budget.burst)
        self._filled_at_s = now_s
        self._cool_until_s = -math.inf

    @property
    def rate_s(self) -> float:
        """Requests a second that this replica may send."""
        return self._limit * (1 - self._budget.reserve) * self._share * SAFETY / 3600

    @property
    def burst(self) -> float:
        """Requests that may be saved up.

        All that replicas have saved may be spent in one hour beside its rate. So they share out
        half of what is kept back; the other half is for clocks that differ.
        """
        kept_back = self._limit * (1 - self._budget.reserve) * (1 - SAFETY)
        return min(float(self._budget.burst), max(1.0, kept_back / 2 * self._share))

    @property
    def cool_until_s(self) -> float:
        """Nothing is sent before then."""
        return self._cool_until_s

    def set_share(self, share: float, now_s: float) -> None:
        """This replica owns this part of all partitions, from 0 to 1."""
        assert 0 <= share <= 1, share
        self._fill(now_s)
        self._share = share
        # Who has just started has saved nothing: else a fleet that starts anew would spend it all.
        self._tokens = min(self._tokens, self.burst if self._told else 1.0)
        self._told = True

    def ready_at_s(self, now_s: float) -> float:
        """Return when the next request may start: now, later, or never at a share of 0."""
        self._fill(now_s)
        if self._tokens >= _WHOLE:
            return max(now_s, self._cool_until_s)
        if not self.rate_s:
            return math.inf
        return max(now_s + (1 - self._tokens) / self.rate_s, self._cool_until_s)

    def affordable(self, now_s: float) -> int:
        """Return how many requests are worth preparing now: those that start soon, at least one.

        What waits as a window instead goes on gathering, so that each request carries more.
        """
        self._fill(now_s)
        if self._cool_until_s >= now_s + SOON_S:
            return 1
        return max(1, math.ceil(self._tokens + SOON_S * self.rate_s))

    def take(self, now_s: float) -> None:
        """Spend a token. The caller has asked `ready_at_s`."""
        self._fill(now_s)
        assert self._tokens >= _WHOLE, self._tokens
        self._tokens -= 1

    def heard(self, quota: Quota, reset_in_s: float, now_s: float) -> None:
        """Learn from an answer's headers. A lower limit than the configured one wins."""
        if quota.limit is not None and quota.limit > 0:
            self._fill(now_s)
            self._limit = min(self._budget.requests_per_hour, quota.limit)
        if quota.remaining is not None and quota.remaining <= 0:
            self.cool_down(reset_in_s, now_s)

    def cool_down(self, for_s: float, now_s: float) -> None:
        """Send nothing for so long, within the bounds."""
        for_s = min(max(for_s, COOL_DOWN_S_MIN), COOL_DOWN_S_MAX)
        self._cool_until_s = max(self._cool_until_s, now_s + for_s)

    def _fill(self, now_s: float) -> None:
        if now_s > self._filled_at_s:
            grown = (now_s - self._filled_at_s) * self.rate_s
            self._tokens = min(self._tokens + grown, self.burst)
            self._filled_at_s = now_s
