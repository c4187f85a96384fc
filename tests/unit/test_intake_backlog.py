"""A backlog found at the start: its windows gather for some seconds, once."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from daemon.core.tenure import Start, Tenure
from daemon.intake.backlog import FAR, GATHER_S, Backlog
from tests.support.builders import P0, P1

if TYPE_CHECKING:
    from daemon.core.model import Partition
    from daemon.kafka.records import ConsumerPort


class Ends:
    """A consumer that knows where logs end."""

    def __init__(self, ends: dict[Partition, int]) -> None:
        self.ends = ends

    def end_offset(self, partition: Partition) -> int | None:
        return self.ends.get(partition)


def _backlog(**ends: int) -> Backlog:
    known = {partition: ends[name] for name, partition in (("p0", P0), ("p1", P1)) if name in ends}
    return Backlog(cast("ConsumerPort", Ends(known)))


def _at(*positions: int) -> dict[Partition, Tenure]:
    starts = zip((P0, P1), positions, strict=False)
    return {partition: Tenure(partition, Start(at), "") for partition, at in starts}


def test_it_gathers_while_the_end_of_some_log_is_far() -> None:
    backlog = _backlog(p0=5, p1=100 * FAR)

    assert backlog.gathers(_at(5, 0), (), 0.0)
    assert backlog.gathers(_at(5, 50 * FAR), (), 1.0)


def test_it_does_not_where_the_ends_are_near() -> None:
    assert not _backlog(p0=FAR).gathers(_at(0), (), 0.0)


def test_it_ends_where_reading_has_caught_up() -> None:
    backlog = _backlog(p0=100 * FAR)
    backlog.gathers(_at(0), (), 0.0)

    assert not backlog.gathers(_at(99 * FAR), (), 1.0)


def test_a_long_backlog_gathers_for_a_moment_only() -> None:
    backlog = _backlog(p0=10**9)
    first = backlog.gathers(_at(0), (), 0.0)

    later = [
        backlog.gathers(_at(10**6), (), GATHER_S + more) for more in (-0.1, 0.0, 60.0, 3_600.0)
    ]

    assert first
    assert later == [True, False, False, False]


def test_a_parked_partition_is_no_backlog() -> None:
    backlog = _backlog(p0=100 * FAR)

    assert not backlog.gathers(_at(0), {P0}, 0.0)


def test_who_was_at_the_end_once_never_gathers_again() -> None:
    backlog = _backlog(p0=100 * FAR)
    near = backlog.gathers(_at(100 * FAR), (), 0.0)

    assert not near
    assert not backlog.gathers(_at(0), (), 10.0)


@pytest.mark.parametrize("at_first", [_at(), _at(0)], ids=["nothing owned", "no end known"])
def test_a_start_is_not_over_before_it_is_known_where_it_stands(
    at_first: dict[Partition, Tenure],
) -> None:
    ends: dict[Partition, int] = {}
    backlog = Backlog(cast("ConsumerPort", Ends(ends)))
    early = backlog.gathers(at_first, (), 0.0)
    ends[P0] = 100 * FAR

    assert not early
    assert backlog.gathers(_at(0), (), 60.0)
