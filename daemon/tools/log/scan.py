"""Stretches of partitions, read once from one offset to another; nothing is committed.

It owns the reading and its end; what a record means is others' business. Small stretches are read
together, since each costs a round to its broker; a large one is read alone, so whoever gathers
something of what is read has to hold one large partition, or a few small ones.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from confluent_kafka import KafkaException, TopicPartition

from daemon.core.model import Partition
from daemon.errors import CohortdError
from daemon.kafka.client_errors import EventLog, describe, error_of
from daemon.kafka.records import EndOfPartition, PartitionFault, Run
from daemon.kafka.runs import Reading

if TYPE_CHECKING:
    from confluent_kafka import Consumer, Message

SMALL_RECORDS_MAX: Final = 50_000  # Stretches of fewer records in all are read together.
SILENT_S_MAX: Final = 30.0
_POLL_MAX: Final = 10_000
_TURN_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class Stretch:
    """The records of a partition from the first offset on, up to the end, which is not read."""

    partition: Partition
    first: int
    end: int

    def __len__(self) -> int:
        """Return how many records it has at most: a log has gaps."""
        return max(0, self.end - self.first)


class Scan:
    """Reads stretches with a consumer that is nobody else's.

    `faults` says, once a stretch was read, why it ended early, where it did.
    """

    def __init__(self, consumer: Consumer, silent_s_max: float = SILENT_S_MAX) -> None:
        self.faults: dict[Partition, str] = {}
        self._consumer = consumer
        self._silent_s_max = silent_s_max
        self._events = EventLog()

    def runs(self, stretches: Sequence[Stretch]) -> Iterator[Run]:
        """Yield the runs of these stretches, each in the order of its log, in no order of theirs.

        Raise CohortdError when nothing comes for too long.
        """
        ends = {each.partition: each.end for each in stretches if len(each)}
        reading = Reading()
        starts = [TopicPartition(*each.partition, each.first) for each in stretches if len(each)]
        for each in stretches:
            reading.begin(each.partition, each.first)
        self._consumer.assign(starts)
        heard_s = time.monotonic()
        while ends:
            for polled in reading.take(self._consume(), self._events):
                heard_s = time.monotonic()
                end = ends.get(polled.partition)
                if end is None:
                    continue  # What was written meanwhile.
                if isinstance(polled, Run):
                    if run := until(polled, end):
                        yield run
                    over = polled.next_offset >= end
                elif isinstance(polled, EndOfPartition):
                    over = polled.offset >= end
                else:
                    assert isinstance(polled, PartitionFault)
                    self.faults[polled.partition] = f"{polled.code}: {polled.detail}"
                    over = True
                if over:
                    del ends[polled.partition]
            if time.monotonic() - heard_s > self._silent_s_max:
                raise self._silent(ends)
        self._consumer.unassign()

    def _consume(self) -> list[Message]:
        try:
            return self._consumer.consume(_POLL_MAX, _TURN_S)
        except KafkaException as exception:
            raise CohortdError(f"read from Kafka: {describe(error_of(exception))}") from exception

    def _silent(self, left: Iterable[Partition]) -> CohortdError:
        said = [f"{event.code}: {event.text}" for event in self._events.drain()]
        why = f" ({said[-1]})" if said else ""
        where = min(left)
        return CohortdError(
            f"{where} gave no records for {self._silent_s_max:g} s{why}; see whether its leader is"
            " up and this user may Read it, and try again"
        )


def until(run: Run, end: int) -> Run | None:
    """Return the part of the run before the offset, None where there is none."""
    if run.next_offset <= end:
        return run
    records = [record for record in run.records if record.offset() < end]
    if not records:
        return None
    return Run(run.partition, records, run.first_offset, records[-1].offset() + 1, run.leader_epoch)


def batches(stretches: Sequence[Stretch]) -> Iterator[list[Stretch]]:
    """Yield every stretch that has records once: the small ones together, a large one alone."""
    small: list[Stretch] = []
    for stretch in stretches:
        if not len(stretch):
            continue
        if len(stretch) >= SMALL_RECORDS_MAX:
            yield [stretch]
        elif sum(map(len, small)) + len(stretch) > SMALL_RECORDS_MAX:
            yield small
            small = [stretch]
        else:
            small.append(stretch)
    if small:
        yield small
