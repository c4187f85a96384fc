"""Where to begin newly assigned partitions: asks the broker, decides by `core.takeover`.

It upholds "Missing offsets: one rule" of the guarantees. Every question has a time limit, and no
answer is `KafkaUnavailable`: the caller asks again later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from daemon.core.model import Partition
from daemon.core.takeover import Destination, Foreign, Parked, first_start, take_over
from daemon.core.tenure import Start
from daemon.errors import KafkaUnavailable
from daemon.kafka.records import Committed, ConsumerPort

# How long one question to the broker may take; a rebalance waits meanwhile.
ASK_S = 10.0

# Topic ids are worth less of a wait, and a broker that does not tell them never will.
ASK_IDS_S = 2.0

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
        self._ids_told = True
        self.backfill_ends: dict[Partition, int] = {}  # Where the log ended at a first start.

    def find(self, partitions: Sequence[Partition], now_s: float) -> dict[Partition, Found]:
        """Return how to begin each. Raise `KafkaUnavailable` when the broker does not answer."""
        counts = self._consumer.partition_counts(ASK_S)
        self._ids = self._ask_ids()
        committed = self._consumer.committed(partitions, ASK_S)
        without = {p.topic for p in partitions if committed.get(p) is None}
        begun = {topic for topic in without if self._has_begun(topic, counts.get(topic, 0))}
        found = {
            p: self._one(p, committed.get(p), now_s, begun=p.topic in begun) for p in partitions
        }
        if self._topics_before is None:
            self._topics_before = frozenset(counts)
        return found

    def _ask_ids(self) -> dict[str, str]:
        if not self._ids_told:
            return {}
        try:
            return self._consumer.topic_ids(ASK_IDS_S)
        except KafkaUnavailable:
            self._ids_told = False
            return {}  # An offset's mark then says nothing of the topic's identity.

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
        if committed is None:
            return first_start(self._first_offset(partition, begun=begun), topic_id)
        offset = (committed.offset, committed.metadata, committed.leader_epoch)
        return take_over(offset, topic_id, self._destination, now_s)

    def _first_offset(self, partition: Partition, *, begun: bool) -> int:
        low, high = self._consumer.log_range(partition, ASK_S)
        self.backfill_ends[partition] = high
        if begun or self._first.at == "earliest":
            return low
        if self._first.at == "latest":
            return high
        return self._consumer.offset_at(partition, self._first.timestamp_ms, ASK_S)
