"""Record keys against members: what the keys of a sample say about order and about compaction.

Pure. A record's key chooses its partition, so changes of one member under two keys share one only
by chance; and compaction keeps one record a key, so a key must name the member there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from daemon.core.model import ChangeSet, Member
from daemon.kafka.records import Record
from daemon.tools.check.finding import Finding, count, ok, problem, warning

_Member: TypeAlias = tuple[str, Member]

_KEYED = "key the topic by user, by cohort or by both: order holds within a partition only"


@dataclass(slots=True)
class RecordKeys:
    """Which keys a sample's changes had, by member and the other way round."""

    keyless: int = 0
    keys: dict[_Member, set[bytes | None]] = field(default_factory=lambda: defaultdict(set))
    members: dict[bytes, set[_Member]] = field(default_factory=lambda: defaultdict(set))
    places: dict[_Member, set[int]] = field(default_factory=lambda: defaultdict(set))

    def take(self, record: Record, change_set: ChangeSet) -> None:
        """Add one record, and what it says alone."""
        key = record.key()
        self.keyless += key is None
        for cohort, changes in change_set.changes.items():
            for member in changes:
                self.places[cohort, member].add(change_set.partition.number)
                self.keys[cohort, member].add(key)
                if key is not None:
                    self.members[key].add((cohort, member))

    def findings(self, where: str, width: int, *, compacted: bool) -> Iterator[Finding]:
        """Return what is wrong with the keys of a topic of so many partitions."""
        split = sum(len(partitions) > 1 for partitions in self.places.values())
        moving = sum(len(keys) > 1 for keys in self.keys.values())
        if split:
            what = f"the changes of {count(split, 'member')} stand in more than one partition"
            yield warning(where, what, f"{_KEYED}; `cohortd check --keys` reads whole topics")
        elif moving and width > 1:
            what = f"the changes of {count(moving, 'member')} carry different keys"
            yield warning(where, what, f"{_KEYED}; they share one by chance at most")
        elif self.keyless and width > 1:
            what = f"{count(self.keyless, 'record')} without a key, in {count(width, 'partition')}"
            yield warning(where, what, _KEYED)
        if compacted:
            yield self._compaction(where)

    def _compaction(self, where: str) -> Finding:
        shared = sum(len(members) > 1 for members in self.members.values())
        if not shared and not self.keyless:
            what = f"is compacted; of {count(len(self.members), 'key')} sampled each names a member"
            return ok(where, what)
        if self.keyless:
            what = "is compacted, and records without a key are in it, which a broker refuses now"
        else:
            what = f"is compacted, and {count(shared, 'key')} sampled name several members each"
        remedy = "set cleanup.policy=delete, or key it by cohort and user: of the records with one"
        return problem(where, f"{what}: changes are lost", f"{remedy} key only the last stays")
