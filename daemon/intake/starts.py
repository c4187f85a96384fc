"""Where to begin newly assigned partitions: asks the broker, decides by `core.takeover`.

What topics there are, and their ids, comes with a survey; offsets and log ends are asked for.

It upholds "Missing offsets: one rule" of the guarantees. Every question has a time limit, and no
answer is `KafkaUnavailable`: the caller asks again later.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

import msgspec

from daemon.core.intent import Mark
from daemon.core.model import Partition
from daemon.core.takeover import Destination, Foreign, Log, Parked, first_start, take_over
from daemon.core.tenure import Start
from daemon.errors import KafkaUnavailable
from daemon.kafka.records import Committed, Survey

# How long one question to the broker may take. The first time it is short, since a turn waits
# for it; each time it was in vain it is doubled, since the broker may only be slow.
ASK_S_MIN = 0.4
ASK_S_MAX = 5.0

Found: TypeAlias = Start | Foreign | Parked


class Offsets(Protocol):
    """Who is asked: the part of `ConsumerPort` that a start takes."""

    def committed(
        self, partitions: Sequence[Partition], timeout_s: float
    ) -> dict[Partition, Committed | None]:
        """Return what the group has committed."""

    def log_range(self, partition: Partition, timeout_s: float) -> tuple[int, int]:
        """Return the first offset and the end of the log."""

    def offset_at(self, partition: Partition, timestamp_ms: int, timeout_s: float) -> int:
        """Return the first offset at or after a time, the end of the log when there is none."""


class FirstStart(msgspec.Struct, frozen=True):
    """Where a group begins a topic of which it has no offset: `earliest`, `latest`, or a time."""

    at: str = "earliest"
    timestamp_ms: int = 0


class Starts:
    """Finds how to begin partitions; remembers which topics there were when the process began."""

    def __init__(
        self,
        consumer: Offsets,
        destination: Destination,
        first: FirstStart,
        beat: Callable[[], None] = lambda: None,
    ) -> None:
        self._beat = beat  # Told between two questions: a slow broker is no dead daemon.
        self._consumer = consumer
        self._destination = destination
        self._first = first
        self._topics_before: frozenset[str] | None = None
        self._ask_s = ASK_S_MIN
        self._known_ids: dict[str, str] = {}  # As this process first met each topic.
        self.backfill_ends: dict[Partition, int] = {}  # Where the log ended at a first start.

    def find(
        self, partitions: Sequence[Partition], survey: Survey, now_s: float
    ) -> dict[Partition, Found]:
        """Return how to begin each, given a survey that was asked for after they were assigned.

        Raise `KafkaUnavailable` when the broker does not answer.
        """
        try:
            found = self._find(partitions, survey, now_s)
        except KafkaUnavailable:
            self._ask_s = min(2 * self._ask_s, ASK_S_MAX)
            raise
        self._ask_s = ASK_S_MIN
        return found

    def met(self, survey: Survey) -> None:
        """Remember which topics there were at first, and the ids they had when first met."""
        if self._topics_before is None:
            self._topics_before = frozenset(survey.partitions)
        self._known_ids = {**survey.ids, **self._known_ids}

    def _find(
        self, partitions: Sequence[Partition], survey: Survey, now_s: float
    ) -> dict[Partition, Found]:
        committed = self._consumer.committed(partitions, self._ask_s)
        without = {p.topic for p in partitions if committed.get(p) is None}
        counts = survey.partitions
        begun = {topic for topic in without if self._has_begun(topic, counts.get(topic, 0))}
        found: dict[Partition, Found] = {}
        for partition in partitions:
            topic = partition.topic
            log = Log(survey.ids.get(topic, ""), self._known_ids.get(topic, ""))
            at = committed.get(partition)
            if at is None:
                position = self._first_offset(partition, begun=topic in begun)
                found[partition] = first_start(position, log, self._destination)
            else:
                found[partition] = self._take_over(partition, at, log, now_s)
        return found

    def _take_over(
        self, partition: Partition, committed: Committed, log: Log, now_s: float
    ) -> Found:
        mark = Mark.decode(committed.metadata)
        if mark is not None and mark.topic_id and mark.topic_id == log.topic_id:
            self._known_ids[partition.topic] = log.topic_id  # A person has said how to go on.
        offset = (committed.offset, committed.metadata, committed.leader_epoch)
        return take_over(offset, log, self._destination, now_s)

    def _has_begun(self, topic: str, partitions: int) -> bool:
        """Tell whether `start` is over for this topic.

        It is for a topic that appeared while running, and where any partition has an offset.
        """
        if self._topics_before is not None and topic not in self._topics_before:
            return True
        self._beat()
        every = [Partition(topic, number) for number in range(partitions)]
        return any(self._consumer.committed(every, self._ask_s).values())

    def _first_offset(self, partition: Partition, *, begun: bool) -> int:
        self._beat()
        low, high = self._consumer.log_range(partition, self._ask_s)
        self.backfill_ends[partition] = high
        if begun or self._first.at == "earliest":
            return low
        if self._first.at == "latest":
            return high
        self._beat()
        return self._consumer.offset_at(partition, self._first.timestamp_ms, self._ask_s)
