"""A backlog found at the start: its windows gather until it has been read, once."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from daemon.core.tenure import Start, Tenure
from daemon.intake.backlog import FAR, GATHER_S, Backlog
from tests.support.builders import P0, P1

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from daemon.core.model import Partition
    from daemon.kafka.records import ConsumerPort


class Beginning:
    """A start that knows where logs end, asked again and again."""

    def __init__(self, **ends: int) -> None:
        named = (("p0", P0), ("p1", P1))
        self.ends = {partition: ends[name] for name, partition in named if name in ends}
        self.told: dict[Partition, int] = {}
        self._backlog = Backlog(cast("ConsumerPort", self), self.told)

    def end_offset(self, partition: Partition) -> int | None:
        return self.ends.get(partition)

    def gathers(
        self,
        *positions: int,
        parked: Collection[Partition] = (),
        now_s: float = 0.0,
        full: bool = False,
    ) -> bool:
        return self._backlog.gathers(_at(*positions), parked, now_s, full=full)


def _at(*positions: int) -> Mapping[Partition, Tenure]:
    starts = zip((P0, P1), positions, strict=False)
    return {partition: Tenure(partition, Start(at), "") for partition, at in starts}


def test_it_gathers_while_the_end_of_some_log_is_far() -> None:
    start = Beginning(p0=5, p1=100 * FAR)

    assert start.gathers(5, 0)
    assert start.gathers(5, 50 * FAR, now_s=1.0)


def test_it_does_not_where_the_ends_are_near() -> None:
    assert not Beginning(p0=FAR).gathers(0)


def test_the_last_of_it_is_gathered_too() -> None:
    start = Beginning(p0=100 * FAR, p1=100 * FAR)
    start.gathers(0, 0)

    assert start.gathers(100 * FAR, 100 * FAR - 1, now_s=1.0)
    assert not start.gathers(100 * FAR, 100 * FAR, now_s=1.1)


def test_what_is_written_meanwhile_is_not_waited_for() -> None:
    start = Beginning(p0=100 * FAR)
    start.gathers(0)
    start.ends[P0] = 200 * FAR

    assert not start.gathers(100 * FAR, now_s=1.0)


def test_what_stands_behind_an_open_transaction_is_not_waited_for() -> None:
    start = Beginning(p0=100 * FAR)
    start.gathers(0)
    start.told[P0] = 60 * FAR

    assert start.gathers(59 * FAR, now_s=1.0)
    assert not start.gathers(60 * FAR, now_s=1.1)


def test_a_long_backlog_gathers_for_a_moment_only() -> None:
    start = Beginning(p0=10**9)
    first = start.gathers(0)

    later = [start.gathers(10**6, now_s=GATHER_S + more) for more in (-0.1, 0.0, 60.0, 3_600.0)]

    assert first
    assert later == [True, False, False, False]


def test_a_full_memory_ends_it() -> None:
    start = Beginning(p0=10**9)
    start.gathers(0)

    assert not start.gathers(10**6, now_s=1.0, full=True)
    assert not start.gathers(10**6, now_s=1.1)


def test_a_parked_partition_is_no_backlog() -> None:
    assert not Beginning(p0=100 * FAR).gathers(0, parked={P0})


def test_who_was_at_the_end_once_never_gathers_again() -> None:
    start = Beginning(p0=100 * FAR)
    near = start.gathers(100 * FAR)

    assert not near
    assert not start.gathers(0, now_s=10.0)


@pytest.mark.parametrize("at_first", [(), (0,)], ids=["nothing owned", "no end known"])
def test_a_start_is_not_over_before_it_is_known_where_it_stands(at_first: tuple[int, ...]) -> None:
    start = Beginning()
    early = start.gathers(*at_first)
    start.ends[P0] = 100 * FAR

    assert not early
    assert start.gathers(0, now_s=60.0)
