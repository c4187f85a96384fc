"""What arrived at the simulated Braze, counted by cohort, and how long it took to get there.

Read from the simulator's own records, so a killed daemon takes no count along. Latency is from
the moment a change was produced to the moment it was applied.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from daemon.core.model import Member
from daemon.tools.simulator.history import AppliedRequest
from daemon.tools.simulator.stats import SeenRequest

RECENT_S = 8.0


@dataclass(slots=True)
class CohortTally:
    """One cohort at Braze."""

    adds: int = 0
    removes: int = 0
    requests: int = 0
    recent: deque[tuple[float, float]] = field(default_factory=deque)  # When, and how long.

    def percentile(self, share: float, now_s: float) -> float | None:
        """Return the latency that this share of the last changes did not exceed.

        Changes that waited for a daemon to be there at all don't count.
        """
        while self.recent and now_s - self.recent[0][0] > RECENT_S:
            self.recent.popleft()
        return percentile([latency_s for _, latency_s in self.recent], share)


class Tally:
    """Everything since the start. Times are Unix seconds."""

    def __init__(self) -> None:
        self.cohorts: dict[str, CohortTally] = {}
        self.outcomes: Counter[str] = Counter()
        self.requests = 0
        self.next_applied = 0
        self.next_seen = 0
        self.steady = False  # Whether a daemon is there, so that a latency is one of its own.
        self.steady_s: list[float] = []  # Latencies of changes that came while it was.
        self.worst_s = 0.0
        self._produced_s: dict[tuple[str, Member, bool], tuple[float, bool]] = {}

    def produced(self, cohort: str, member: Member, now_s: float, *, add: bool) -> None:
        """Note when the newest change of a member to this state was produced."""
        self._produced_s[cohort, member, add] = (now_s, self.steady)

    def interrupt(self) -> None:
        """The daemon is gone: what was not applied yet waits for another one."""
        self.steady = False
        self._produced_s = {what: (at_s, False) for what, (at_s, _) in self._produced_s.items()}

    def take_applied(self, requests: Iterable[AppliedRequest]) -> None:
        """Count requests that Braze applied; each of them is given once."""
        for request in requests:
            self.next_applied = request.number + 1
            tally = self._of(request.cohort)
            tally.adds += len(request.adds)
            tally.removes += len(request.removes)
            for members, add in ((request.adds, True), (request.removes, False)):
                for member in members:
                    self._time(tally, (request.cohort, member, add), request.applied_at_s)

    def take_seen(self, requests: Iterable[SeenRequest]) -> None:
        """Count requests that arrived, applied or not; each of them is given once."""
        for request in requests:
            self.next_seen = request.arrival + 1
            self._of(request.cohort).requests += 1
            self.outcomes[request.outcome] += 1
            self.requests += 1

    def _of(self, cohort: str) -> CohortTally:
        return self.cohorts.setdefault(cohort, CohortTally())

    def _time(self, tally: CohortTally, what: tuple[str, Member, bool], applied_s: float) -> None:
        produced_s, steady = self._produced_s.get(what, (math.inf, False))
        if produced_s > applied_s:
            return  # Applied before, or a newer one is on its way.
        del self._produced_s[what]  # What is applied again by a retry is not counted again.
        latency_s = applied_s - produced_s
        self.worst_s = max(self.worst_s, latency_s)
        if steady:
            tally.recent.append((applied_s, latency_s))
            self.steady_s.append(latency_s)


def percentile(values: list[float], share: float) -> float | None:
    """Return the value that this share of them does not exceed; None of none."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
