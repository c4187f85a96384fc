"""How old what is not committed is, by the marks that runs and ends of the log leave."""

from __future__ import annotations

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
    ages.reached_end(P, 1, 5_000.0)
    ages.reached_end(P, 1, 5_001.0)
    assert ages.written_s(P, 1) == 5_001.0

    ages.read(_run(1, 5_002.5), 10.0)
    assert ages.written_s(P, 1) == 5_002.5


def test_what_is_read_again_changes_nothing() -> None:
    ages = Ages()
    ages.read(_run(0, 1_000.0), 0.0)
    ages.read(_run(10, 1_010.0), 10.0)
    ages.read(_run(5, 1_005.0), 20.0)

    assert ages.written_s(P, 7) == 1_000.0
    assert ages.written_s(P, 10) == 1_010.0


def test_the_marks_are_bounded_and_never_say_younger_than_it_is() -> None:
    ages = Ages()
    runs = 10 * MARKS_MAX
    for number in range(runs):
        ages.read(_run(number, float(number)), number * EVERY_S)

    assert len(ages._marks[P]) <= MARKS_MAX
    told = [ages.written_s(P, committed) or 0.0 for committed in range(runs)]
    assert all(written_s <= committed for committed, written_s in enumerate(told))
    assert told[-1] >= runs - 1 - MARKS_MAX
    assert told == sorted(told)


def test_a_partition_that_left_leaves_nothing() -> None:
    ages = Ages()
    ages.read(_run(0, 1_000.0), 0.0)

    ages.forget(P)

    assert ages.written_s(P, 0) is None
    assert not ages._next_s
