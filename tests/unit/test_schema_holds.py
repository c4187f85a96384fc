"""A run with a record that can't be read yet: what stands before it is taken."""

from __future__ import annotations

from typing import Any, cast

from daemon.core.model import Partition
from daemon.formats.changes import HoldError
from daemon.intake.schema_holds import SchemaHolds
from daemon.kafka.records import Run
from tests.support.corpus import FakeRecord, run_of_records

RUN = run_of_records([FakeRecord(b"x", _offset=offset) for offset in (5, 7, 9, 12)])


class Seeking:
    def __init__(self) -> None:
        self.sought: list[tuple[Partition, int]] = []

    def seek(self, partition: Partition, offset: int) -> None:
        self.sought.append((partition, offset))


class Registry:
    trouble = ""

    def knows(self, _: int) -> bool:
        return False


def hold_at(readable: int) -> HoldError:
    hold = HoldError(3, "it is being asked for")
    hold.readable = readable
    return hold


def test_it_is_read_on_from_the_record_that_waits() -> None:
    consumer, taken = Seeking(), list[Run]()
    holds = SchemaHolds(cast("Any", consumer), Registry())

    holds.hold(RUN, hold_at(2), taken.append)

    assert [(run.first_offset, run.next_offset, len(run.records)) for run in taken] == [(5, 9, 2)]
    assert consumer.sought == [(RUN.partition, 9)]
    assert holds.waiting({RUN.partition}) == {RUN.partition}


def test_where_it_is_the_first_nothing_is_taken() -> None:
    consumer, taken = Seeking(), list[Run]()

    SchemaHolds(cast("Any", consumer), Registry()).hold(RUN, hold_at(0), taken.append)

    assert taken == []
    assert consumer.sought == [(RUN.partition, 5)]


def test_where_the_beginning_waits_by_now_it_is_read_on_from_there() -> None:
    consumer = Seeking()
    holds = SchemaHolds(cast("Any", consumer), Registry())

    holds.hold(RUN, hold_at(3), lambda before: holds.hold(before, hold_at(0), lambda _: None))

    assert consumer.sought == [(RUN.partition, 5)]
