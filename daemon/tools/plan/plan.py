"""The plan: what reading the backlog has shown, ready to be said in one form or another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from daemon.config.settings import Settings
from daemon.core.model import Partition
from daemon.tools.log.strays import Found
from daemon.tools.plan.cost import Cost, Price
from daemon.tools.plan.fold import RejectKind, Tally


@dataclass(frozen=True, slots=True)
class Plan:
    """What `run` would do with what waits."""

    settings: Settings
    tally: Tally
    names: Mapping[str, str]  # That Braze was told before, by cohort.
    price: Price
    strays: Found
    partitions: int
    begun: int  # Partitions of which the group has an offset.
    waiting: int  # Offsets between where the group stands and the end.
    stands: Mapping[Partition, str]  # Where nothing, or no more, would be read, and why.
    missing: tuple[str, ...]
    glob: str | None = None

    @property
    def superseded(self) -> int:
        """How many changes a later one of the same member makes needless; None beside a glob."""
        return self.tally.changes - self.tally.members

    def cohorts(self) -> list[tuple[str, Cost]]:
        """Return the cohorts, those that cost the most first."""
        every = self.tally.costs.items()
        return sorted(every, key=lambda entry: (-entry[1].requests, -entry[1].members, entry[0]))

    def rejects(self) -> list[RejectKind]:
        """Return the kinds of rejects, the most frequent first."""
        return sorted(self.tally.rejects.values(), key=lambda kind: (-kind.count, kind.reason))

    def called(self, cohort: str) -> str:
        """Return the name the cohort would have at Braze."""
        told = _told(self.settings, self.tally, cohort)
        return told or self.names.get(cohort) or cohort

    def at_braze(self, cohort: str) -> str:
        """Return the cohort's id at Braze."""
        return f"{self.settings.cohorts.id_prefix}{cohort}"


def announced_of(settings: Settings, tally: Tally, names: Mapping[str, str]) -> list[str]:
    """Return the cohorts to announce: those of whose name Braze is not known to have been told."""
    if not settings.cohorts.announce:
        return []
    return [
        cohort
        for cohort in tally.costs
        if cohort not in names or (_told(settings, tally, cohort) or names[cohort]) != names[cohort]
    ]


def _told(settings: Settings, tally: Tally, cohort: str) -> str | None:
    """Return the name that the configuration or a record gives."""
    override = settings.cohorts.overrides.get(cohort)
    return (override and override.name) or tally.names.get(cohort)
