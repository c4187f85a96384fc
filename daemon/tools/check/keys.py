"""`check --keys`: whole topics, read for members whose changes stand in more than one partition.

Order holds within a partition only (docs/guarantees.md), so of such a member nobody can say which
change is the last. No member is shown (G13): two offsets say more to whoever looks for the cause.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from confluent_kafka import KafkaException

from daemon.assembly import decoder_of
from daemon.config.settings import Settings
from daemon.core.model import Partition
from daemon.errors import CohortdError
from daemon.formats.decode import Decoder
from daemon.kafka.client_errors import describe, error_of
from daemon.kafka.records import Run
from daemon.tools.check.cluster import Cluster, NoAnswer
from daemon.tools.check.finding import Finding, Group, count, note, ok, problem
from daemon.tools.log.progress import Progress
from daemon.tools.log.scan import Scan, Stretch, batches
from daemon.tools.log.strays import HASHES_MAX, Found, Place, Stray, Strays
from daemon.tools.log.topics import find_topics

_REMEDY = (
    "key the topic by user, by cohort or by both (Debezium: message.key.columns), and let one topic"
    " carry a member; then have the source write those members once more"
)
TITLE = "Keys: every change of the topics, by member and partition"


def look_at_keys(settings: Settings, hashes_max: int = HASHES_MAX) -> list[Group]:
    """Read every input's topics from the first record to the end; see `Strays` for the memory."""
    try:
        findings = _look(settings, hashes_max)
    except NoAnswer as answer:
        findings = list(answer.findings)
    except KafkaException as exception:
        remedy = "see whether the brokers are well, and try again"
        findings = [problem("Kafka", describe(error_of(exception)), remedy)]
    return [Group(TITLE, tuple(findings))]


def _look(settings: Settings, hashes_max: int) -> list[Finding]:
    with Cluster(settings, reads_much=True) as cluster:
        counts, missing = find_topics(cluster, settings)
        findings = [
            problem("inputs", f"topic {told} can't be read", "correct inputs, or create it")
            for told in missing
        ]
        partitions = [Partition(t, number) for t in sorted(counts) for number in range(counts[t])]
        ranges = cluster.ranges(partitions) if partitions else {}
        stretches = [Stretch(partition, *ranges[partition]) for partition in partitions]
        look = _Reading(Scan(cluster.consumer), decoder_of(settings), hashes_max)
        look.read(stretches)
        found = look.strays.find()
        places = [look.pinpoint(example, ranges) for example in found.examples]
    return [*findings, *_told(found, places, look)]


class _Reading:
    """The reading, and what it has met."""

    def __init__(self, scan: Scan, decoder_of: Callable[[str], Decoder], hashes_max: int) -> None:
        self.strays = Strays(hashes_max)
        self.records = 0
        self.rejects: Counter[str] = Counter()
        self.scan = scan
        self._decoder_of = decoder_of

    def read(self, stretches: list[Stretch]) -> None:
        progress = Progress(sum(map(len, stretches)))
        for batch in batches(stretches):
            for run in self.scan.runs(batch):
                self._take(run)
                progress.add(len(run.records))
            for stretch in batch:
                self.strays.close(stretch.partition)

    def _take(self, run: Run) -> None:
        decoded = self._decoder_of(run.partition.topic).decode(run)
        self.records += len(run.records)
        self.rejects[run.partition.topic] += len(decoded.rejects)
        for cohort, changes in decoded.change_set.changes.items():
            self.strays.add(run.partition, cohort, changes, run.first_offset)

    def pinpoint(self, stray: Stray, ranges: dict[Partition, tuple[int, int]]) -> str:
        """Read again from where it was met, and return its cohort and the offsets themselves."""
        met = [self._meet(stray.hash, place, ranges[place.partition][1]) for place in stray.places]
        (cohort, first), (_, second) = met
        return f"a member of cohort {cohort} at {first} and {second}"

    def _meet(self, hashed: int, place: Place, end: int) -> tuple[str, str]:
        decoder = self._decoder_of(place.partition.topic)
        for run in self.scan.runs([Stretch(place.partition, place.at, end)]):
            for record in run.records:
                offset = record.offset()
                alone = decoder.decode(Run(run.partition, [record], offset, offset + 1))
                for cohort, changes in alone.change_set.changes.items():
                    if any(hash((cohort, member)) == hashed for member in changes):
                        return cohort, f"{run.partition}:{offset}"
        raise CohortdError(f"{place.partition}: the log has changed while it was read; try again")


def _told(found: Found, places: list[str], look: _Reading) -> Iterator[Finding]:
    part = "" if found.one_in == 1 else f" looked at, one in {found.one_in}, for want of memory"
    read = f"{count(look.records, 'record')} read, {count(found.members, 'member')}{part}"
    if found.strays:
        what = f"the changes of {found.strays:,} stand in more than one partition: {read}"
        yield problem("keys", f"{what} ({'; '.join(places)})", _REMEDY)
    else:
        yield ok("keys", f"each member's changes stand in one partition: {read}")
    for topic, number in look.rejects.items():
        if number:
            what = f"{count(number, 'record')} can't be used and so are not looked at"
            yield note(topic, what, "`cohortd plan` says why, of those that are still to be read")
    for partition, why in look.scan.faults.items():
        yield problem(str(partition), f"can't be read: {why}", "see whether this user may Read it")
