"""Every request that was applied, in the order of application: what an ordering test reads.

It must not know why a request was applied when it was, nor what its members are now.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from daemon.core.model import Member

REQUESTS_MAX = 100_000
OPS_MAX = 2_000_000  # A full request is 1,000: 100,000 of those would be 10 GB.


@dataclass(frozen=True, slots=True)
class AppliedRequest:
    """One applied request. `arrival` is its place in the order of arrival, of all requests.

    `number` is its place in the order of application. Times are Unix seconds. `name` is set for
    an announcement, and `adds` and `removes` are as they stood in the request. `caller` is the
    place of its partner key among the accepted ones, where there are any: it tells replicas apart.
    """

    number: int
    arrival: int
    arrived_at_s: float
    applied_at_s: float
    endpoint: str
    cohort: str
    name: str | None = None
    adds: tuple[Member, ...] = ()
    removes: tuple[Member, ...] = ()
    caller: int | None = None

    def __len__(self) -> int:
        return len(self.adds) + len(self.removes)


class History:
    """The newest applied requests, numbered from 0.

    Both the requests and the member changes in them are bounded; `dropped` is how many of the
    oldest requests are gone, so a reader can tell that it came too late.
    """

    def __init__(self, requests_max: int = REQUESTS_MAX, ops_max: int = OPS_MAX) -> None:
        self._requests: deque[AppliedRequest] = deque()
        self._requests_max = requests_max
        self._ops_max = ops_max
        self._ops = 0
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._requests)

    def __iter__(self) -> Iterator[AppliedRequest]:
        return iter(self._requests)

    @property
    def next_number(self) -> int:
        """The number that the next applied request will have."""
        return self.dropped + len(self._requests)

    def append(self, request: AppliedRequest) -> None:
        """Keep a request, whose number must be `next_number`, and let go of the oldest."""
        assert request.number == self.next_number, (request.number, self.next_number)
        self._requests.append(request)
        self._ops += len(request)
        # The newest is always kept, even if it alone is over the bound.
        while len(self._requests) > 1 and (
            len(self._requests) > self._requests_max or self._ops > self._ops_max
        ):
            self._ops -= len(self._requests.popleft())
            self.dropped += 1

    def since(self, number: int, limit: int | None = None) -> tuple[AppliedRequest, ...]:
        """Return the requests from this number on that are still kept, oldest first."""
        start = max(number - self.dropped, 0)
        stop = None if limit is None else start + limit
        return tuple(islice(self._requests, start, stop))

    def ops(self, cohort: str, member: Member) -> tuple[tuple[int, bool], ...]:
        """Return what was applied to one member: (number, True to add), in order."""
        found: list[tuple[int, bool]] = []
        for request in self._requests:
            if request.cohort != cohort:
                continue
            if member in request.adds:
                found.append((request.number, True))
            if member in request.removes:
                found.append((request.number, False))
        return tuple(found)
