"""What the last records would become: the daemon's own decoders, and counts for a person.

No value of a record is shown (G13), only cohorts, counts, offsets, reasons and shapes.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Final, cast

from daemon.assembly import decoder_of
from daemon.config.settings import Settings
from daemon.formats.decode import Decoded, Decoder
from daemon.kafka.records import Record, Reject, Run
from daemon.tools.check.cluster import Cluster
from daemon.tools.check.finding import Finding, count, listed, note, ok, problem, warning
from daemon.tools.check.group import Ranges
from daemon.tools.check.record_keys import RecordKeys
from daemon.tools.check.sample import TOPICS_MAX, Sample, read_last
from daemon.tools.check.shape import describe_members

_COHORTS_MAX: Final = 10
_REJECTS_MAX: Final = 5


@dataclass(slots=True)
class Preview:
    """What the last records of one topic would become."""

    topic: str
    records: int = 0
    changes: int = 0
    adds: Counter[str] = field(default_factory=Counter)
    removals: Counter[str] = field(default_factory=Counter)
    names: dict[str, str] = field(default_factory=dict)
    ignored: Counter[str] = field(default_factory=Counter)
    rejects: list[Reject] = field(default_factory=list)
    keys: RecordKeys = field(default_factory=RecordKeys)

    def take(self, decoded: Decoded) -> None:
        """Add what one partition's records say."""
        change_set = decoded.change_set
        self.changes += change_set.count
        self.names.update(change_set.names)
        self.ignored.update(decoded.ignored)
        self.rejects += decoded.rejects
        for cohort, changes in change_set.changes.items():
            self.adds[cohort] += sum(changes.values())
            self.removals[cohort] += len(changes) - sum(changes.values())


def look_at_records(
    cluster: Cluster, settings: Settings, ranges: Ranges, compacted: AbstractSet[str]
) -> list[Finding]:
    """Read the last records of each topic and say what they would become."""
    sample = read_last(cluster, ranges)
    decoder = decoder_of(settings)
    topics = sorted({partition.topic for partition in ranges})
    findings: list[Finding] = []
    for topic in topics[:TOPICS_MAX]:
        preview = preview_of(topic, sample, decoder)
        width = sum(partition.topic == topic for partition in ranges)
        findings += describe_preview(preview, settings)
        findings += preview.keys.findings(topic, width, compacted=topic in compacted)
    findings += _unread(sample)
    if len(topics) > TOPICS_MAX:
        findings.append(
            note("inputs", f"only {TOPICS_MAX} of {count(len(topics), 'topic')} are sampled")
        )
    return findings


def preview_of(topic: str, sample: Sample, decoder: Callable[[str], Decoder]) -> Preview:
    """Decode what was read of a topic."""
    preview = Preview(topic)
    for partition, records in sample.records.items():
        if partition.topic != topic:
            continue
        preview.records += len(records)
        first, last = records[0].offset() or 0, records[-1].offset() or 0
        run = Run(partition, cast("list[Record]", records), first, last + 1)
        preview.take(decoder(topic).decode(run))
        for record in run.records:
            offset = record.offset()
            alone = decoder(topic).decode(Run(partition, [record], offset, offset + 1))
            preview.keys.take(record, alone.change_set)
    return preview


def describe_preview(preview: Preview, settings: Settings) -> Iterator[Finding]:
    """Return what a person should know of what they become."""
    where = preview.topic
    if not preview.records:
        yield note(where, "no records to look at yet")
        return
    told = f"of the last {count(preview.records, 'record')}"
    parts = [count(preview.changes, "change")]
    if preview.ignored:
        rules = ", ".join(f"{rule} {number}" for rule, number in preview.ignored.items())
        parts.append(f"{preview.ignored.total()} ignored ({rules})")
    if preview.rejects:
        parts.append(f"{len(preview.rejects)} rejected")
    yield ok(where, f"{told}: {', '.join(parts)}")
    yield from _cohorts(preview, settings)
    yield from _rejects(preview)
    if not preview.changes and not preview.rejects:
        remedy = (
            "see cohorts.include and exclude, member_when, and whether the topic is the right one"
        )
        yield warning(where, f"{told} none says anything about a member", remedy)
    yield from describe_members(where, {member for _, member in preview.keys.keys})


def _cohorts(preview: Preview, settings: Settings) -> Iterator[Finding]:
    cohorts = sorted(preview.adds | preview.removals)
    for cohort in cohorts[:_COHORTS_MAX]:
        override = settings.cohorts.overrides.get(cohort)
        name = (override and override.name) or preview.names.get(cohort)
        called = f" ({name})" if name and name != cohort else ""
        adds, removals = preview.adds[cohort], preview.removals[cohort]
        told = f"{count(adds, 'add')}, {count(removals, 'removal')}"
        yield ok(preview.topic, f"cohort {settings.cohorts.id_prefix}{cohort}{called}: {told}")
    if len(cohorts) > _COHORTS_MAX:
        yield note(preview.topic, f"and {count(len(cohorts) - _COHORTS_MAX, 'cohort')} more")


def _rejects(preview: Preview) -> Iterator[Finding]:
    """Say each kind once, with where its first record stands."""
    every = len(preview.rejects) == preview.records
    kinds: dict[tuple[str, str], list[Reject]] = defaultdict(list)
    for reject in preview.rejects:
        kinds[reject.reason, reject.detail].append(reject)
    for (reason, detail), rejects in list(kinds.items())[:_REJECTS_MAX]:
        places = listed([f"{each.partition} offset {each.offset}" for each in rejects], 3)
        become = "a dead letter" if len(rejects) == 1 else "dead letters"
        told = f"{count(len(rejects), 'record')} would become {become}"
        what = f"{told}, {reason}: {detail} (at {places})"
        if every:
            remedy = "no record can be used: correct the input's format and mapping"
            yield problem(preview.topic, what, remedy)
        else:
            yield warning(preview.topic, what, "correct the mapping, or the producer of these")
    if len(kinds) > _REJECTS_MAX:
        yield note(preview.topic, f"and {len(kinds) - _REJECTS_MAX} more kinds of dead letters")


def _unread(sample: Sample) -> Iterator[Finding]:
    for partition, fault in sample.faults.items():
        remedy = "see whether this user may Read the topic"
        yield problem(str(partition), f"can't be read: {fault}", remedy)
    if sample.silent:
        what = f"{listed(map(str, sample.silent))} gave no records in time"
        yield warning("Kafka", what, "see whether their leaders are well, and try again")
