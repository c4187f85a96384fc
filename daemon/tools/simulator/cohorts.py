"""One Braze workspace: its cohorts, who is in them, and the order in which that came about.

Pure: times are arguments. It must not know of HTTP, keys, quotas or faults; what it is given to
apply, it applies.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace

from daemon.core.model import Member
from daemon.tools.simulator.history import AppliedRequest, History
from daemon.tools.simulator.request import Announcement, Update


@dataclass(slots=True)
class Cohort:
    """A cohort and its members. `created_at` is as first announced, `name` as last."""

    id: str
    name: str
    created_at: str
    members: set[Member] = field(default_factory=set)
    renames: int = 0


@dataclass(frozen=True, slots=True)
class Arrival:
    """When a request came, its place among all requests, and whose key it had, by its place."""

    number: int
    at_s: float
    caller: int | None = None


class Workspace:
    """The cohorts, and the history of what was applied to them.

    Where a list of known users is given, members not in it are ignored in silence, as Braze does.
    A member in both lists of one request ends up removed: Braze leaves it undefined, so this is
    a choice, and `both_lists` lets the caller count it as the violation that it is.
    """

    def __init__(
        self, users: Collection[Member] | None = None, history: History | None = None
    ) -> None:
        self._users = None if users is None else frozenset(users)
        self.cohorts: dict[str, Cohort] = {}
        self.history = History() if history is None else history

    def has(self, cohort: str) -> bool:
        """Return whether the cohort was announced."""
        return cohort in self.cohorts

    def members(self, cohort: str) -> frozenset[Member]:
        """Return the members of a cohort; none where there is no such cohort."""
        found = self.cohorts.get(cohort)
        return frozenset() if found is None else frozenset(found.members)

    def announce(self, announcement: Announcement, arrival: Arrival, now_s: float) -> None:
        """Create the cohort or rename it; repeating that changes nothing."""
        found = self.cohorts.get(announcement.cohort)
        if found is None:
            self.cohorts[announcement.cohort] = Cohort(
                announcement.cohort, announcement.name, announcement.created_at
            )
        elif found.name != announcement.name:
            found.name = announcement.name
            found.renames += 1
        request = self._applied("cohorts", announcement.cohort, arrival, now_s)
        self.history.append(replace(request, name=announcement.name))

    def update(self, update: Update, arrival: Arrival, now_s: float) -> int:
        """Add, then remove; return how many of the adds named users that are not known.

        The cohort must exist.
        """
        members = self.cohorts[update.cohort].members
        unknown = 0
        if self._users is None:
            members.update(update.adds)
        else:
            known = self._users.intersection(update.adds)
            unknown = len(set(update.adds)) - len(known)
            members.update(known)
        members.difference_update(update.removes)
        request = self._applied("users", update.cohort, arrival, now_s)
        self.history.append(replace(request, adds=update.adds, removes=update.removes))
        return unknown

    def _applied(
        self, endpoint: str, cohort: str, arrival: Arrival, now_s: float
    ) -> AppliedRequest:
        return AppliedRequest(
            number=self.history.next_number,
            arrival=arrival.number,
            arrived_at_s=arrival.at_s,
            applied_at_s=now_s,
            endpoint=endpoint,
            cohort=cohort,
            caller=arrival.caller,
        )

    def tamper(
        self, cohort: str, *, add: Iterable[Member] = (), remove: Iterable[Member] = ()
    ) -> int:
        """Change members behind the client's back, outside the history; return how many changed.

        The cohort must exist. Unknown users are added as well: it's the tester who says so.
        """
        members = self.cohorts[cohort].members
        added = set(add) - members
        removed = members.intersection(remove)
        members |= added
        members -= removed
        return len(added) + len(removed)


def both_lists(update: Update) -> int:
    """Return how many members a request both adds and removes."""
    if not update.adds or not update.removes:
        return 0
    return len(set(update.adds).intersection(update.removes))
