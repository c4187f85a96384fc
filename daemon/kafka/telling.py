"""What a consumer tells of the partitions it reads, without asking a broker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daemon.kafka.listing import listed

if TYPE_CHECKING:
    from confluent_kafka import Consumer

    from daemon.core.model import Partition
    from daemon.kafka.runs import Reading


class Telling:
    """Where reading stands, for the thread that owns the client; it has the client."""

    _consumer: Consumer
    _reading: Reading

    @property
    def stale_records(self) -> int:
        """How many records were out of date, and dropped."""
        return self._reading.stale

    def position(self, partition: Partition) -> int | None:
        """Return the next offset to be read (past control records), None before the first."""
        if partition not in self._reading:
            return None
        handed_out = self._reading.position(partition)
        offset = self._consumer.position([listed(partition)])[0].offset
        if offset < 0:
            return handed_out
        return offset if handed_out is None else max(offset, handed_out)

    def end_offset(self, partition: Partition) -> int | None:
        """Return the log end last seen in a fetch; never asks a broker.

        None before anything was heard of it since it was begun: what the client remembers of an
        earlier time says nothing of what others have read since. None after a fetch that failed.
        """
        if self._reading.position(partition) is None:
            return None
        marks = self._consumer.get_watermark_offsets(listed(partition), cached=True)
        return marks[1] if marks and marks[1] >= 0 else None

    def failing_topics(self) -> set[str]:
        """Return the topics of which a partition waits for a fetch that does not fail.

        At the end of a log a fetch that goes well brings nothing; it tells the end all the same.
        """
        failing = self._reading.failing
        return {at.topic for at in failing if self.end_offset(at) is None}
