"""Where to begin newly assigned partitions: asks the broker, decides by `core.takeover`.

It upholds "Missing offsets: one rule" of the guarantees. Every question has a time limit, and no
answer is `KafkaUnavailable`: the caller asks again later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from daemon.core.intent import Mark
from daemon.core.model import Partition
from daemon.core.takeover import Destination, Foreign, Log, Parked, first_start, take_over
from daemon.core.tenure import Start
from daemon.kafka.records import Committed, ConsumerPort

# How long one question to the broker may take; a rebalance waits meanwhile.
ASK_S = 10.0

Found: TypeAlias = Start | Foreign | Parked


@dataclass(frozen=True, slots=True)
class FirstStart:
    """Where a group begins a topic of which it has no offset: `earliest`, `latest`, or a time."""

    at: str = "earliest"
    timestamp_ms: int = 0


class Starts:
    """Finds how to begin partitions; remembers which topics there were when the process began."""

    def __init__(self, consumer: ConsumerPort, destination: Destination, first: FirstStart) -> None:
        self._consumer = consumer
        self._destination = destination
        self._first = first
        self._topics_before: frozenset[str] | None = None
        self._ids: dict[str, str] = {}
        self._known_ids: dict[str, str] = {}  # As this process first met each topic.
        self.backfill_ends: dict[Partition, int] = {}  # Where the log ended at a first start.

    def find(self, partitions: Sequence[Partition], now_s: float) -> dict[Partition, Found]:
        """Return how to begin each. Raise `KafkaUnavailable` when the broker does not answer."""
        counts = self._consumer.partition_counts(ASK_S)
        self._ids = self._consumer.topic_ids(ASK_S)
        self.met(self._ids)
        committed = self._consumer.committed(partitions, ASK_S)
        without = {p.topic for p in partitions if committed.get(p) is None}
        begun = {topic for topic in without if self._has_begun(topic, counts.get(topic, 0))}
        found = {
            p: self._one(p, committed.get(p), now_s, begun=p.topic in begun) for p in partitions
        }
        if self._topics_before is None:
            self._topics_before = frozenset(counts)
        return found

    def met(self, ids: Mapping[str, str]) -> None:
        """Remember topics by the ids they had when this process first met them."""
        self._known_ids = {**ids, **self._known_ids}

    def _has_begun(self, topic: str, partitions: int) -> bool:
        """Tell whether `start` is over for this topic.

        It is for a topic that appeared while running, and where any partition has an offset.
        """
        if self._topics_before is not None and topic not in self._topics_before:
            return True
        every = [Partition(topic, number) for number in range(partitions)]
        return any(self._consumer.committed(every, ASK_S).values())

    def _one(
        self,
        partition: Partition,
        committed: Committed | None,
        now_s: float,
        *,
        begun: bool,
    ) -> Found:
        topic_id = self._ids.get(partition.topic, "")
        log = Log(topic_id, self._known_ids.get(partition.topic, ""))
        if committed is None:
            position = self._first_offset(partition, begun=begun)
            return first_start(position, log, self._destination)
        mark = Mark.decode(committed.metadata)
        if mark is not None and mark.topic_id and mark.topic_id == topic_id:
            self._known_ids[partition.topic] = topic_id  # A person has said how to go on.
        offset = (committed.offset, committed.metadata, committed.leader_epoch)
        return take_over(offset, log, self._destination, now_s)

    def _first_offset(self, partition: Partition, *, begun: bool) -> int:
        low, high = self._consumer.log_range(partition, ASK_S)
        self.backfill_ends[partition] = high
        if begun or self._first.at == "earliest":
            return low
        if self._first.at == "latest":
            return high
        return self._consumer.offset_at(partition, self._first.timestamp_ms, ASK_S)
