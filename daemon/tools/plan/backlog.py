"""What waits for a group: from where a daemon would begin each partition, to the end of its log.

It owns the questions; where to begin is decided by the very code the daemon begins with, so that
a plan is about what `run` would read.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from daemon.assembly import first_start
from daemon.config.settings import Settings
from daemon.core.model import Partition
from daemon.core.takeover import Destination, Foreign, Parked
from daemon.errors import KafkaUnavailable
from daemon.intake.starts import Found, Starts
from daemon.kafka import questions
from daemon.kafka.records import Committed, Survey
from daemon.tools.check.cluster import Cluster
from daemon.tools.log.scan import Stretch
from daemon.tools.log.topics import find_topics, topic_ids

_ASK_S_MAX: Final = 15.0


@dataclass(slots=True)
class Backlog:
    """The stretches to read, and why others are not: where a daemon would send nothing."""

    stretches: list[Stretch] = field(default_factory=list)
    stands: dict[Partition, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)  # Topics that an input names.
    begun: int = 0  # Partitions of which the group has an offset.


class _Asked:
    """Answers the three questions of a start: from what is known, or by asking."""

    def __init__(self, cluster: Cluster, ranges: dict[Partition, tuple[int, int]]) -> None:
        self.begun: set[Partition] = set()
        self._cluster = cluster
        self._ranges = ranges

    def committed(
        self, partitions: Sequence[Partition], timeout_s: float
    ) -> dict[Partition, Committed | None]:
        found = questions.committed(self._cluster.consumer, partitions, timeout_s)
        self.begun.update(partition for partition, at in found.items() if at is not None)
        return found

    def log_range(self, partition: Partition, timeout_s: float) -> tuple[int, int]:  # noqa: ARG002
        return self._ranges[partition]

    def offset_at(self, partition: Partition, timestamp_ms: int, timeout_s: float) -> int:
        return questions.offset_at(self._cluster.consumer, partition, timestamp_ms, timeout_s)


def find_backlog(cluster: Cluster, settings: Settings) -> Backlog:
    """Return what a daemon with these settings would read now, if it were the only one.

    Raise CohortdError, or NoAnswer, where the cluster does not tell.
    """
    counts, missing = find_topics(cluster, settings)
    backlog = Backlog(missing=missing)
    partitions = [Partition(t, number) for t in sorted(counts) for number in range(counts[t])]
    if not partitions:
        return backlog
    ranges = cluster.ranges(partitions)
    asked = _Asked(cluster, ranges)
    destination = Destination(settings.fingerprint, settings.delivery.settle)
    starts = Starts(asked, destination, first_start(settings.start), time.monotonic)
    survey = Survey(0.0, topic_ids(cluster, sorted(counts)), counts)
    for partition, found in _ask(starts, partitions, survey).items():
        low, high = ranges[partition]
        if isinstance(found, Foreign):
            backlog.stands[partition] = (
                f"its offset belongs to another destination (fingerprint {found.fingerprint})"
            )
        elif isinstance(found, Parked):
            backlog.stands[partition] = found.why
        elif not low <= found.position <= high:
            backlog.stands[partition] = (
                f"the group's offset {found.position} is out of range: the log has {low} to {high}"
            )
        else:
            backlog.stretches.append(Stretch(partition, found.position, high))
    backlog.begun = len(asked.begun)
    return backlog


def _ask(starts: Starts, partitions: Sequence[Partition], survey: Survey) -> dict[Partition, Found]:
    """Ask again, each time more patiently, as the daemon does; a while longer than one answer."""
    end_s = time.monotonic() + _ASK_S_MAX
    found: dict[Partition, Found] = {}
    left = partitions
    while True:
        asked = starts.find(left, survey, 0.0)
        found |= asked.found
        left = [partition for partition in left if partition not in found]
        if not left:
            return {partition: found[partition] for partition in partitions}
        if asked.in_vain and time.monotonic() > end_s:
            raise KafkaUnavailable(asked.in_vain)
