"""The nouns that cross the lines between Kafka, the core and Braze.

Everything here is immutable and knows nothing of where it came from or goes to. Times named
`…_s` are seconds of the caller's monotonic clock, except `event_time_s`, which is Unix time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple, Self, TypeAlias

from daemon.core.turn import Turn


class Partition(NamedTuple):
    """One partition of one topic."""

    topic: str
    number: int

    def __str__(self) -> str:
        return f"{self.topic}:{self.number}"


class Alias(NamedTuple):
    """A user alias. At Braze the label is the kind (`email`) and the name is the value."""

    name: str
    label: str


class Device(NamedTuple):
    """A device id, which names an anonymous user."""

    id: str


# Whom a change is about. A plain `str` is an external id. The same person as external id and
# as device id is two members, with no order between them.
Member: TypeAlias = str | Alias | Device

# The last word on each member: True to add, False to remove.
Changes: TypeAlias = dict[Member, bool]

# The same of several lanes, to be read only.
Merged: TypeAlias = Mapping[Member, bool]


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """A decoded run of one partition, already coalesced: the unit of everything that follows.

    `count` is the number of membership changes decoded (an update that moves a row is two), so
    what `changes` holds fewer was superseded within the run. `names` has the newest name of each
    cohort whose records carried one. `event_time_s` is the event time of the first record.
    """

    partition: Partition
    first_offset: int
    next_offset: int
    changes: Mapping[str, Changes]
    count: int = 0
    names: Mapping[str, str] = field(default_factory=dict)
    event_time_s: float | None = None
    leader_epoch: int | None = None


@dataclass(frozen=True, slots=True)
class Lane:
    """The part of a sealed window that came from one partition, with its ticket in the ledger."""

    partition: Partition
    ticket: int
    changes: Changes
    top: int  # The offset after the last record in it.
    opened_at_s: float
    event_time_s: float | None = None
    floor: int = 0  # The first offset of the run that opened it.


@dataclass(frozen=True, slots=True)
class Flush:
    """A sealed window, never changed again. At most one of a cohort is in flight.

    `turn` is the one it was sealed for: its first request goes where its cohort's place is.
    """

    id: int
    cohort: str
    name: str
    lanes: tuple[Lane, ...]
    changes: Merged
    opened_at_s: float
    turn: Turn


@dataclass(frozen=True, slots=True)
class CohortUpdate:
    """The members of one request: 1 to 1,000 ids over all kinds and both directions (G3).

    Nobody is in both lists. A table of them is wanted only where Braze does not take them.
    """

    cohort: str
    added: Sequence[Member] = ()
    removed: Sequence[Member] = ()

    @classmethod
    def of(cls, cohort: str, changes: Merged) -> Self:
        """Return the update that says these changes."""
        added = [member for member, add in changes.items() if add]
        return cls(cohort, added, [member for member, add in changes.items() if not add])

    def __len__(self) -> int:
        return len(self.added) + len(self.removed)

    @property
    def members(self) -> Iterator[Member]:
        """Everybody it names, those who leave first."""
        return chain(self.removed, self.added)

    @property
    def changes(self) -> Changes:
        """What it says of each, in a table of its own."""
        return dict.fromkeys(self.removed, False) | dict.fromkeys(self.added, True)


@dataclass(frozen=True, slots=True)
class Listed:
    """Members an ambiguous attempt named: Braze may still apply it before `until_s` (G4)."""

    changes: Changes
    until_s: float


@dataclass(frozen=True, slots=True)
class Refusal:
    """Members that Braze will never take, why, and in what words it said so."""

    changes: Changes
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of a flush.

    Every member of the flush was accepted, is in `refused`, or is in `left`. `left` is empty
    unless the flush was abandoned.
    """

    flush_id: int
    refused: tuple[Refusal, ...] = ()
    left: Changes = field(default_factory=dict)
    listed: tuple[Listed, ...] = ()
    abandoned: bool = False
