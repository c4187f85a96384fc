"""What a client reads: the positions, and records handed out through the daemon's own `Reading`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import cast
from unittest.mock import patch

from confluent_kafka import Message

from daemon.core.model import Partition
from daemon.kafka.client_errors import EventLog
from daemon.kafka.records import EndOfPartition, PartitionFault, Polled
from daemon.kafka.runs import Reading
from tests.simulation.log import Entry, Log
from tests.simulation.world import World


@dataclass(slots=True)
class Cursor:
    """Where reading of a partition stands."""

    position: int
    heard: bool = False
    paused: bool = False
    faulted: bool = False
    told_end: int = -1
    known_end: int = -1


class Fetcher:
    """Fetches what was begun. Now and then the client hands out what is out of date."""

    def __init__(self, world: World, log: Log) -> None:
        self._world = world
        self._log = log
        self._cursors: dict[Partition, Cursor] = {}
        self._reading = Reading()
        self._former: list[Partition] = []

    def __contains__(self, partition: Partition) -> bool:
        return partition in self._cursors

    def begin(self, offsets: Mapping[Partition, int]) -> None:
        """Read from these offsets on."""
        for partition, offset in offsets.items():
            self._cursors[partition] = Cursor(offset)
            self._reading.begin(partition, offset)

    def end(self, partition: Partition) -> None:
        """Read no more of it."""
        if self._cursors.pop(partition, None):
            self._former.append(partition)
        self._reading.end(partition)

    def seek(self, partition: Partition, offset: int) -> None:
        """Read on from another offset; the end of the log is told again."""
        cursor = self._cursors.get(partition)
        if cursor is not None:
            self._cursors[partition] = Cursor(offset, paused=cursor.paused)
            self._reading.begin(partition, offset)

    def pause(self, partition: Partition, *, paused: bool) -> None:
        """Hand out nothing of it, or go on."""
        if partition in self._cursors:
            self._world.sometimes("paused", int(paused))
            self._cursors[partition].paused = paused

    def paused(self) -> set[Partition]:
        """Return what is read and paused."""
        return {p for p, cursor in self._cursors.items() if cursor.paused and not cursor.faulted}

    def position(self, partition: Partition) -> int | None:
        """Return the next offset to be read, None before the first."""
        cursor = self._cursors.get(partition)
        return cursor.position if cursor is not None and cursor.heard else None

    def read_to(self, partition: Partition) -> int:
        """Return the offset after what was handed out."""
        cursor = self._cursors.get(partition)
        return cursor.position if cursor is not None else 0

    def end_offset(self, partition: Partition) -> int | None:
        """Return the log's end as last seen in a fetch, None before anything was handed out."""
        cursor = self._cursors.get(partition)
        return cursor.known_end if cursor is not None and cursor.heard else None

    def fetch(self, max_records: int) -> list[Polled]:
        """Return what is there, of some partitions."""
        polled: list[Polled] = []
        left = max_records
        order = list(self._cursors.items())
        self._world.rng.shuffle(order)
        for partition, cursor in order:
            if cursor.paused or cursor.faulted or left <= 0 or self._world.chance(0.2):
                continue
            found = self._of(partition, cursor, self._world.rng.randint(1, left))
            left -= sum(len(run.records) for run in found if not isinstance(run, _WITHOUT_RECORDS))
            polled += found
        return polled

    def _of(self, partition: Partition, cursor: Cursor, count: int) -> list[Polled]:
        end = cursor.known_end = self._log.end[partition]
        if not self._log.low[partition] <= cursor.position <= end:
            cursor.faulted = True
            self._log.broken.add(partition)
            self._world.note("fault", partition, cursor.position)
            return [PartitionFault(partition, "_AUTO_OFFSET_RESET", "offset out of range")]
        records = self._log.read(partition, cursor.position, count)
        if records:
            cursor.position = records[-1].offset() + 1
            cursor.heard = True
            polled = self._handed_out([*records, *self._stale(partition, records[0].offset())])
            if records[-1] is not self._log.records[partition][-1] or self._world.chance(0.7):
                return polled
            return [*polled, self._end_told(partition, cursor, end)]
        if cursor.told_end == end:
            return []
        return [self._end_told(partition, cursor, end)]

    def _end_told(self, partition: Partition, cursor: Cursor, end: int) -> EndOfPartition:
        cursor.told_end = cursor.position = end
        cursor.heard = True
        return EndOfPartition(partition, end)

    def _stale(self, partition: Partition, position: int) -> list[Entry]:
        """Return records that a rebalance, a pause or a seek should have taken away."""
        if not self._world.chance(0.03):
            return []
        self._world.sometimes("stale_records")
        former = [p for p in self._former if p not in self._cursors]
        if former and self._world.chance(0.5):
            return self._log.read(former[-1], self._log.low[former[-1]], 3)
        return list(self._log.between(partition, position - 3, position))

    def _handed_out(self, records: Sequence[Entry]) -> list[Polled]:
        return self._reading.take(cast("list[Message]", records), EventLog())


_WITHOUT_RECORDS = (EndOfPartition, PartitionFault)


@contextmanager
def entries_for_messages() -> Iterator[None]:
    """Let `Reading` take the log's entries: it calls the methods of a message on its class."""
    with ExitStack() as stack:
        for name in ("partition", "topic", "error", "offset"):
            stack.enter_context(patch(f"daemon.kafka.runs._{name}", getattr(Entry, name)))
        yield
