"""The dead-letter topic, and the inputs' logs behind its letters: read outside any group."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from daemon.config.settings import Settings
from daemon.core.model import Partition
from daemon.errors import CohortdError, Problem, SettingsError
from daemon.kafka.records import Run
from daemon.tools.check.cluster import Cluster
from daemon.tools.dlq.letter import DeadLetter, read_letter
from daemon.tools.log.scan import Scan, Stretch, batches


@dataclass(frozen=True, slots=True)
class Letters:
    """What was read of the dead-letter topic, oldest first in each partition."""

    topic: str
    letters: tuple[DeadLetter, ...]
    ends: Mapping[Partition, int]


def topic_of(settings: Settings) -> str:
    """Return the dead-letter topic; raise SettingsError where there is none."""
    if settings.dead_letter.topic is None:
        what = "there is no dead-letter topic in this configuration"
        raise SettingsError([Problem("dead_letter.topic", what, "name the topic to look at")])
    return settings.dead_letter.topic


def partitions_of(cluster: Cluster, topic: str) -> list[Partition]:
    """Return the partitions of a topic; raise CohortdError where it is not at the cluster."""
    cluster.connect()
    told = cluster.consumer.list_topics(topic, timeout=cluster.limit_s()).topics[topic]
    if told.error is not None:
        raise CohortdError(f"topic {topic}: {told.error.str()}; create it, or correct the name")
    return [Partition(topic, number) for number in sorted(told.partitions)]


def read_letters(
    cluster: Cluster, topic: str, begin: Mapping[Partition, int] | None = None
) -> Letters:
    """Read the topic from its beginning, or from where `begin` says, to its end as it is now."""
    ranges = cluster.ranges(partitions_of(cluster, topic))
    stretches = [
        Stretch(partition, max(low, (begin or {}).get(partition, low)), high)
        for partition, (low, high) in sorted(ranges.items())
    ]
    letters = [
        read_letter(run.partition, record)
        for run in runs_of(cluster, stretches)
        for record in run.records
    ]
    letters.sort(key=lambda letter: (letter.place, letter.offset))
    return Letters(topic, tuple(letters), {p: high for p, (_, high) in ranges.items()})


def runs_of(cluster: Cluster, stretches: Iterable[Stretch]) -> Iterator[Run]:
    """Yield the runs of these stretches; raise CohortdError where one can't be read."""
    for batch in batches(list(stretches)):
        scan = Scan(cluster.consumer)
        yield from scan.runs(batch)
        for partition, fault in scan.faults.items():
            raise CohortdError(f"{partition}: {fault}; nothing was changed")
