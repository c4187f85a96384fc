"""The questions of a consumer: each waits for a broker, and raises KafkaUnavailable without one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daemon.kafka import questions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from confluent_kafka import Consumer

    from daemon.core.model import Partition
    from daemon.kafka.records import Committed


class Asking:
    """What a consumer can be asked, by the thread that owns it; it has the client."""

    _consumer: Consumer
    _topics: tuple[str, ...]
    _committed: dict[Partition, Committed | None]  # As last asked for.

    def committed(
        self, partitions: Sequence[Partition], timeout_s: float
    ) -> dict[Partition, Committed | None]:
        """Return what the group has committed, None for a partition without an offset."""
        found = questions.committed(self._consumer, partitions, timeout_s)
        self._committed.update(found)
        return found

    def partition_counts(self, timeout_s: float) -> dict[str, int]:
        """Return the partitions of each subscribed topic that exists."""
        return questions.partition_counts(self._consumer, self._topics, timeout_s)

    def log_range(self, partition: Partition, timeout_s: float) -> tuple[int, int]:
        """Return the first offset and the end of the log, as the broker has them now."""
        return questions.log_range(self._consumer, partition, timeout_s)

    def offset_at(self, partition: Partition, timestamp_ms: int, timeout_s: float) -> int:
        """Return the first offset at or after a time, the end of the log when there is none."""
        return questions.offset_at(self._consumer, partition, timestamp_ms, timeout_s)
