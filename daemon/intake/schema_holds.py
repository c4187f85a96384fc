"""Partitions that met a schema which is not known yet: put back, and read on when it is.

The registry is asked on another thread. Until it answers the partition is paused at the record
that could not be read, so nothing is skipped, and the others go on.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Protocol

import msgspec

from daemon.core.model import Partition
from daemon.formats.changes import HoldError
from daemon.kafka.records import ConsumerPort, Run
from daemon.logs import FoldedLog, event, get_logger


class Registry(Protocol):
    """What is asked of the schemas here."""

    @property
    def trouble(self) -> str:
        """Why the registry can't be asked, while it can't be."""

    def knows(self, schema_id: int) -> bool:
        """Tell whether there is an answer by now."""


class _Held(msgspec.Struct, frozen=True):
    schema_id: int
    offset: int


class SchemaHolds:
    """Which partitions wait for a schema."""

    def __init__(self, consumer: ConsumerPort, registry: Registry | None) -> None:
        self._consumer = consumer
        self._registry = registry
        self._held: dict[Partition, _Held] = {}
        self._log = FoldedLog(get_logger())

    def hold(self, run: Run, hold: HoldError, take: Callable[[Run], None]) -> None:
        """Have what stands before the record taken, and read on from there when it can be read.

        Else a run of many unknown schemas would be read from its beginning for each of them, and
        would never end where the first is forgotten before the last is known.
        """
        if hold.readable:
            before, run = run.cut(hold.readable)
            take(before)
            if self.holds(run.partition):
                return  # A schema has been forgotten in between.
        self.put_back(run, hold)

    def put_back(self, run: Run, hold: HoldError) -> None:
        """Read the run again from its first record, once the schema is known."""
        self._held[run.partition] = _Held(hold.schema_id, run.first_offset)
        self._consumer.seek(run.partition, run.first_offset)
        if self.trouble:
            self._log.warning(event.SCHEMA_AWAITED, str(hold.schema_id), detail=self.trouble)

    def waiting(self, assigned: Collection[Partition]) -> set[Partition]:
        """Return which of these still wait; the others are read on."""
        assert self._registry is not None or not self._held
        for partition, held in list(self._held.items()):
            known = self._registry is not None and self._registry.knows(held.schema_id)
            if known or partition not in assigned:
                del self._held[partition]
        if not self._held:
            self._log.forget(event.SCHEMA_AWAITED)
        return set(self._held)

    def holds(self, partition: Partition) -> bool:
        """Tell whether what is still handed out of a partition is to be dropped."""
        return partition in self._held

    @property
    def trouble(self) -> str:
        """Why partitions wait longer than it takes to ask; empty where none does."""
        if self._registry is None or not self._held or not self._registry.trouble:
            return ""
        partition, held = next(iter(self._held.items()))
        return f"{partition} needs schema {held.schema_id}: {self._registry.trouble}"
