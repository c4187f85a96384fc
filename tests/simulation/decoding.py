"""Records and what is made of them: the daemon's own `Decoder` and bound of cohorts on entries."""

from __future__ import annotations

from typing import Protocol

from daemon.formats.changes import Change, RejectError
from daemon.formats.decode import Decoder
from daemon.formats.selection import CohortBound, Selection
from daemon.kafka.records import Reason, Record
from tests.simulation.log import Entry
from tests.simulation.world import Violation, World


class Schemas(Protocol):
    """Where schemas are known."""

    def get(self, schema_id: int) -> object:
        """Return a schema, raise `HoldError` where it is not known yet, else `RejectError`."""


class Roster:
    """Which cohorts one process has met, in their order: the first so many it must take in."""

    def __init__(self, world: World, name: str) -> None:
        self._world = world
        self._name = name
        self._most = world.plan.limits.cohorts_max
        self._met: dict[str, int] = {}
        self._refused = False

    def meet(self, cohort: str) -> None:
        """A record of this cohort was handed out to the process."""
        self._met.setdefault(cohort, len(self._met))

    def sends(self, cohort: str) -> None:
        """Judge that members of a cohort are sent."""
        if self._met[cohort] >= self._most:
            raise Violation("G9", f"{self._name} takes {cohort} in, the {self._met[cohort] + 1}th")
        self._world.sometimes("known_cohort_flows_beside_refused", int(self._refused))

    def refuses(self, cohort: str) -> None:
        """Judge that a record becomes a dead letter since its cohort is one too many."""
        if self._met[cohort] < self._most:
            raise Violation("G12", f"{self._name} refuses {cohort}, which there is room for")
        self._refused = True
        self._world.sometimes("cohort_refused")


class EntryReader:
    """Reads an entry; see `daemon.formats.changes.Reader`."""

    def __init__(self, schemas: Schemas, roster: Roster) -> None:
        self._schemas = schemas
        self._roster = roster

    def read(self, _topic: str, record: Record) -> tuple[Change, ...]:
        """Return its one change."""
        assert isinstance(record, Entry)
        if record.schema:
            self._schemas.get(record.schema)
        if record.key_of is None:
            raise RejectError(Reason.INVALID_RECORD, "broken")
        cohort, member = record.key_of
        self._roster.meet(cohort)
        return (Change(cohort, member, record.add, record.name),)

    def occurred_at_s(self, _topic: str, _record: Record) -> float | None:
        """Return nothing: it is not said."""
        return None


def decoder(world: World, schemas: Schemas, roster: Roster) -> Decoder:
    """Return what decodes the entries of all topics."""
    bound = CohortBound(world.plan.limits.cohorts_max)
    return Decoder(EntryReader(schemas, roster), selection=Selection(None, bound))
