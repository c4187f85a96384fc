"""The logs behind the letters, from each letter to the end: who is spoken of later."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from confluent_kafka import KafkaException
from confluent_kafka.admin._config import ConfigResource

from daemon.core.model import Partition
from daemon.errors import CohortdError
from daemon.tools.check.cluster import Cluster
from daemon.tools.dlq.judging import Log, Where
from daemon.tools.dlq.letter import DeadLetter
from daemon.tools.dlq.reading import Readers, Reading, Who
from daemon.tools.dlq.source import runs_of
from daemon.tools.log.scan import Stretch

Wanted = Mapping[Partition, set[Who]]


def wanted_of(letters: Sequence[tuple[DeadLetter, Reading]]) -> Wanted:
    """Return the members that these letters are about, by the partition they come from."""
    wanted: dict[Partition, set[Who]] = defaultdict(set)
    for letter, reading in letters:
        assert letter.source is not None
        wanted[letter.source].update(who for who, _ in reading.changes)
    return wanted


def look_at_logs(
    cluster: Cluster, readers: Readers, letters: Sequence[tuple[DeadLetter, Reading]]
) -> Log:
    """Scan what follows the letters, each partition once.

    Raise CohortdError where it can't be read: then nothing is known, and nothing is replayed.
    """
    wanted = wanted_of(letters)
    if not wanted:
        return Log({}, {})
    ranges = dict(cluster.ranges(sorted(wanted)))
    for topic in sorted({partition.topic for partition in wanted}):
        if _is_compacted(cluster, topic):
            # A removal may be gone, with its tombstone: the log shows nothing for certain.
            ranges |= {p: (end, end) for p, (_, end) in ranges.items() if p.topic == topic}
    oldest: dict[Partition, int] = {}
    for letter, _ in letters:
        assert letter.source is not None
        at = oldest.get(letter.source, letter.first_offset)
        oldest[letter.source] = min(at, letter.first_offset)
    stretches = [
        Stretch(partition, max(first, oldest[partition] + 1), end)
        for partition, (first, end) in sorted(ranges.items())
    ]
    last: dict[Where, int] = {}
    for run in runs_of(cluster, stretches):
        for who, offset in readers.offsets(run, wanted[run.partition]):
            last[Where(run.partition, who)] = offset
    return Log(ranges, last)


def _is_compacted(cluster: Cluster, topic: str) -> bool:
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
    asked = cluster.admin.describe_configs([resource], request_timeout=cluster.limit_s())
    try:
        found = asked[resource].result(cluster.limit_s() + 1)
    except (KafkaException, TimeoutError):
        raise CohortdError(
            f"topic {topic}: its cleanup.policy can't be asked for, so nobody knows what is gone"
            " from it; give this user DescribeConfigs on the topic"
        ) from None
    return "compact" in str(found["cleanup.policy"].value)
