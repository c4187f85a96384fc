"""What a cohort's waiting changes cost at Braze: requests, by the daemon's own planning. Pure.

The daemon gathers a cohort over all partitions; here one partition is seen at a time. So of each
partition the requests that are full are counted, and what is left over is added up and shared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from daemon.core.model import Changes, CohortUpdate, Flush
from daemon.core.pacer import Budget, Pacer
from daemon.core.plan import MEMBERS_BYTES_MAX, MEMBERS_MAX, member_bytes_max, plan
from daemon.core.turn import Turn

_NOBODYS: Final = 0  # The number of a flush that is never sent, and so has no turn.
_NO_TURN: Final = Turn(0.0, 1.0)


@dataclass(slots=True)
class Cost:
    """What one cohort adds up to."""

    adds: int = 0
    removes: int = 0
    full: int = 0
    left_members: int = 0
    left_bytes: int = 0

    @property
    def members(self) -> int:
        """How many members would be named."""
        return self.adds + self.removes

    @property
    def requests(self) -> int:
        """How many requests name members of this cohort, each tried once."""
        by_count = -(-self.left_members // MEMBERS_MAX)
        by_size = -(-self.left_bytes // MEMBERS_BYTES_MAX)
        return self.full + max(by_count, by_size)

    def add(self, cohort: str, changes: Changes) -> None:
        """Add the last changes of one partition; those of another partition are of others."""
        updates = list(plan(Flush(_NOBODYS, cohort, cohort, (), changes, 0.0, _NO_TURN)))
        adds = sum(changes.values())
        self.adds += adds
        self.removes += len(changes) - adds
        self.full += len(updates) - 1
        rest = updates[-1]
        if len(rest) == MEMBERS_MAX:
            self.full += 1
            return
        self.left_members += len(rest)
        self.left_bytes += _bytes(rest)


def _bytes(update: CohortUpdate) -> int:
    return sum(map(member_bytes_max, update.members))


@dataclass(frozen=True, slots=True)
class Price:
    """What all of it costs of the hour, and how long the quota alone makes it take."""

    updates: int
    announcements: int
    share: float  # Of `delivery.requests_per_hour`.
    time_s: float

    @property
    def requests(self) -> int:
        """All requests, each tried once."""
        return self.updates + self.announcements


def price_of(costs: Mapping[str, Cost], budget: Budget, announcements: int) -> Price:
    """Return the price of these cohorts together, and of so many announcements before them."""
    updates = sum(cost.requests for cost in costs.values())
    requests = updates + announcements
    waiting = max(0, requests - 1)  # Who has just started has saved nothing.
    return Price(
        updates,
        announcements,
        requests / budget.requests_per_hour,
        waiting / Pacer(budget, 0.0).rate_s,
    )
