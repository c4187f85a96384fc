"""How old what is not committed is, by the marks that runs and ends of the log leave."""

from __future__ import annotations

import itertools

from daemon.core.model import Partition
from daemon.intake.ages import EVERY_S, MARKS_MAX, Ages
from daemon.kafka.records import Run
from tests.support.corpus import FakeRecord, run_of_records

P = Partition("t", 0)
BROKERS, NONE = 2, 0  # Kinds of timestamps.


def _run(first: int, unix_s: float, kind: int = BROKERS, count: int = 1) -> Run:
    stamp = (kind, int(unix_s * 1000))
    return run_of_records([FakeRecord(b"", None, (), first + n, stamp) for n in range(count)])


def test_the_last_mark_that_the_commit_has_reached_counts() -> None:
    ages = Ages()
    for number in range(4):
        ages.read(_run(10 * number, 1_000.0 + number), number * EVERY_S)

    assert ages.written_s(P, 0) == 1_000.0
    assert ages.written_s(P, 9) == 1_000.0
    assert ages.written_s(P, 25) == 1_002.0
    assert ages.written_s(P, 99) == 1_003.0


def test_where_the_first_record_there_is_stands_behind_the_commit_it_counts() -> None:
    ages = Ages()
    ages.read(_run(7, 1_000.0), 0.0)

    assert ages.written_s(P, 5) == 1_000.0


def test_of_the_runs_of_a_second_one_is_looked_at() -> None:
    ages = Ages()
    ages.read(_run(0, 1_000.0), 0.0)
    ages.read(_run(10, 1_001.0), 0.9)

    assert ages.written_s(P, 10) == 1_000.0
    ages.read(_run(20, 1_002.0), 1.0)
    assert ages.written_s(P, 20) == 1_002.0


def test_a_record_without_a_time_says_nothing() -> None:
    ages = Ages()
    ages.read(_run(0, 1_000.0, NONE), 0.0)

    assert ages.written_s(P, 0) is None
    ages.read(_run(1, 1_001.0), 0.1)
    assert ages.written_s(P, 1) == 1_001.0


def test_what_comes_behind_an_end_of_the_log_is_younger_than_that() -> None:
    ages = Ages()
    ages.read(_run(0, 1_000.0), 0.0)
    ages.reached_end(P, 1, 5_000.0, 1.0)
    ages.reached_end(P, 1, 5_000.1, 1.1)
    assert ages.written_s(P, 1) == 5_000.1

    ages.read(_run(1, 5_002.5), 10.0)
    assert ages.written_s(P, 1) == 5_002.5


def test_a_record_that_comes_just_behind_the_end_has_its_own_time_however_old() -> None:
    """A producer may give it the time of an event of last week, and Kafka goes by that."""
    ages = Ages()
    ages.reached_end(P, 5, 5_000.0, 10.0)

    ages.read(_run(5, 1_000.0), 10.1)
    ages.reached_end(P, 6, 5_001.0, 11.0)

    assert ages.written_s(P, 5) == 1_000.0
    assert ages.written_s(P, 6) == 5_001.0


def test_what_is_read_again_changes_nothing() -> None:
    ages = Ages()
    ages.read(_run(0, 1_000.0), 0.0)
    ages.read(_run(10, 1_010.0), 10.0)
    ages.read(_run(5, 1_005.0), 20.0)

    assert ages.written_s(P, 7) == 1_000.0
    assert ages.written_s(P, 10) == 1_010.0


def _outage(ages: Ages, runs: int) -> None:
    """Let runs come, one a second, while nothing is committed; the end is reached each time."""
    for number in range(runs):
        ages.read(_run(2 * number, float(number)), float(number))
        ages.reached_end(P, 2 * number + 1, number + 0.5, number + 0.5)
        ages.written_s(P, 0)


def test_the_marks_are_bounded_stand_evenly_and_never_say_younger_than_it_is() -> None:
    ages = Ages()
    runs = 100 * MARKS_MAX
    _outage(ages, runs)

    offsets = [offset for offset, _ in ages._logs[P].marks]
    assert len(offsets) <= MARKS_MAX
    gaps = [after - before for before, after in itertools.pairwise(offsets)]
    assert max(gaps) <= 2 * 4 * runs / MARKS_MAX
    told = [ages.written_s(P, committed) or 0.0 for committed in range(2 * runs)]
    assert all(written_s <= committed / 2 for committed, written_s in enumerate(told))
    assert told == sorted(told)


def test_after_a_long_outage_marks_come_once_a_second_again() -> None:
    ages = Ages()
    _outage(ages, 10 * MARKS_MAX)
    end, now_s = 20 * MARKS_MAX, 10 * MARKS_MAX + 0.0
    ages.written_s(P, end)

    ages.reached_end(P, end, 5_000.0, now_s)
    assert ages.written_s(P, end) == 5_000.0
    ages.read(_run(end, 5_003.0), now_s + EVERY_S)
    assert ages.written_s(P, end) == 5_003.0


def test_a_partition_that_left_leaves_nothing() -> None:
    ages = Ages()
    ages.read(_run(0, 1_000.0), 0.0)

    ages.forget(P)

    assert ages.written_s(P, 0) is None
    assert not ages._logs
