"""What the simulator has seen: counts, and a bounded log of every request that arrived.

It must not know what a request did; only how it ended and what was wrong with it.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

SEEN_MAX = 100_000


class Violation(StrEnum):
    """What a client that keeps to Braze's contract never does."""

    BOTH_LISTS = "both_lists"  # One member added and removed by one request: undefined at Braze.
    TOO_MANY_IDS = "too_many_ids"  # Over 1,000.
    UNKNOWN_COHORT = "unknown_cohort"  # Members before the cohort was created.
    TOO_LARGE = "too_large"  # A body over 1 MiB.


@dataclass(frozen=True, slots=True)
class SeenRequest:
    """A request that arrived, applied or not.

    `outcome` is the status as text; or `hung`, `dropped`, `reset` where there was no answer.
    """

    arrival: int
    arrived_at_s: float
    endpoint: str
    cohort: str
    ids: int
    outcome: str
    caller: int | None = None  # The place of its partner key among the accepted ones.


class Stats:
    """Counts since the start. `seen` holds the newest requests in order of arrival."""

    def __init__(self, seen_max: int = SEEN_MAX) -> None:
        self._seen: deque[SeenRequest] = deque(maxlen=seen_max)
        self.arrivals = 0
        self.requests: dict[str, Counter[str]] = {"cohorts": Counter(), "users": Counter()}
        self.violations: Counter[str] = Counter({str(violation): 0 for violation in Violation})
        self.unknown_users = 0  # Adds of users that the workspace has not.
        self.connections = 0
        self.connections_open = 0
        self.in_flight = 0
        self.in_flight_max = 0
        self.late = 0  # Requests that a fault will have applied later.

    def arrive(self) -> int:
        """Return the place of a new request in the order of arrival, from 0."""
        self.arrivals += 1
        return self.arrivals - 1

    def record(self, request: SeenRequest) -> None:
        """Count a request under its endpoint and outcome, and keep it."""
        self.requests[request.endpoint][request.outcome] += 1
        self._seen.append(request)

    def violate(self, violation: Violation, count: int = 1) -> None:
        """Count something that the client must not do."""
        self.violations[violation] += count

    def seen(self, since: int = 0, limit: int | None = None) -> tuple[SeenRequest, ...]:
        """Return the requests from this arrival on that are still kept, oldest first."""
        later: Iterable[SeenRequest] = (each for each in self._seen if each.arrival >= since)
        return tuple(islice(later, limit))

    def begin(self) -> None:
        """A request is being answered."""
        self.in_flight += 1
        self.in_flight_max = max(self.in_flight, self.in_flight_max)

    def end(self) -> None:
        """A request was answered, or never will be."""
        self.in_flight -= 1

    def as_json(self) -> dict[str, object]:
        """Return every count, for `GET /_sim/stats`."""
        return {
            "arrivals": self.arrivals,
            "requests": {name: dict(counts) for name, counts in self.requests.items()},
            "violations": dict(self.violations),
            "unknown_users": self.unknown_users,
            "connections": self.connections,
            "connections_open": self.connections_open,
            "in_flight": self.in_flight,
            "in_flight_max": self.in_flight_max,
            "late": self.late,
        }
