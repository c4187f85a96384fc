"""How long it is until Kafka may delete what is not committed, by age and by pace."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest

from daemon.core.model import Partition
from daemon.intake.ages import Ages
from daemon.intake.headroom import MOVE_S, Headroom, Pace, Seen
from daemon.kafka.records import Kept, Survey

P, OTHER = Partition("t", 0), Partition("t", 1)
DAY_S = 86_400.0
NOW_UNIX_S = 1_700_000_000.0


def _survey(
    log_starts: Mapping[Partition, int], kept: Kept | None = None, asked_at_s: float = 0.0
) -> Survey:
    told = {} if kept is None else {P.topic: kept}
    return Survey(asked_at_s, {}, {P.topic: 2}, log_starts=log_starts, kept=told)


def _aged(age_s: float, offset: int = 100) -> Ages:
    """Return marks by which what stands at this offset is so old."""
    ages = Ages()
    ages.reached_end(P, offset, NOW_UNIX_S - age_s, 0.0)
    return ages


def _of(survey: Survey | None, ages: Ages | None = None, committed: int | None = 100) -> Seen:
    headroom = Headroom(ages or Ages())
    headroom.follow(survey, {P})
    return headroom.of(P, committed, 0.0, NOW_UNIX_S)


def test_what_is_not_committed_has_what_is_left_of_the_retention() -> None:
    seen = _of(_survey({P: 40}, Kept(7 * DAY_S)), _aged(5 * DAY_S))

    assert seen == Seen(40, 2 * DAY_S)


def test_what_may_be_gone_by_age_has_nothing_left() -> None:
    assert _of(_survey({P: 40}, Kept(7 * DAY_S)), _aged(8 * DAY_S)).headroom_s == 0.0


def test_where_everything_is_committed_it_is_the_whole_retention() -> None:
    assert _of(_survey({P: 40}, Kept(7 * DAY_S)), _aged(0.0)).headroom_s == 7 * DAY_S


def test_clocks_that_differ_leave_no_more_than_the_retention() -> None:
    assert _of(_survey({P: 40}, Kept(7 * DAY_S)), _aged(-60.0)).headroom_s == 7 * DAY_S


def test_a_log_that_begins_behind_the_commit_has_lost_something() -> None:
    assert _of(_survey({P: 101}), _aged(1.0)) == Seen(101, 0.0)
    assert _of(_survey({P: 100}, Kept(DAY_S)), _aged(1.0)).headroom_s == DAY_S - 1.0


def test_what_is_kept_for_ever_is_never_deleted() -> None:
    assert _of(_survey({P: 40}, Kept(math.inf))).headroom_s == math.inf


@pytest.mark.parametrize(
    ("survey", "committed", "seen"),
    [
        (None, 100, Seen()),
        (_survey({}), 100, Seen()),
        (_survey({P: 40}), 100, Seen(40)),
        (_survey({P: 40}, Kept(DAY_S)), None, Seen(40)),
        (_survey({P: 40}, Kept(DAY_S)), 100, Seen(40)),  # How old it is, nobody knows.
        (_survey({P: 40}, Kept(math.inf, by_size=True)), 100, Seen(40)),
    ],
)
def test_what_is_not_known_is_not_told(
    survey: Survey | None, committed: int | None, seen: Seen
) -> None:
    assert _of(survey, None, committed) == seen


def _moved(kept: Kept | None, age_s: float = 0.0) -> float | None:
    """Return the headroom when the log's start has moved by ten records a second of late."""
    headroom = Headroom(_aged(age_s, 72_000))
    for turn, start in enumerate((10, 3_000, 6_000, 9_000, 12_000)):
        headroom.follow(_survey({P: start}, kept, turn * MOVE_S), {P})
    return headroom.of(P, 72_000, 4 * MOVE_S, NOW_UNIX_S).headroom_s


@pytest.mark.parametrize("kept", [Kept(7 * DAY_S, by_size=True), Kept(math.inf, by_size=True)])
def test_where_size_limits_a_log_its_start_comes_at_the_pace_it_had(kept: Kept) -> None:
    assert _moved(kept) == pytest.approx(60_000 / 10)


def test_where_nobody_may_read_the_settings_the_pace_alone_tells() -> None:
    assert _moved(None) == pytest.approx(60_000 / 10)


def test_where_age_alone_limits_a_log_the_pace_says_nothing() -> None:
    """A bulk of old records that expires in minutes says nothing of those behind it."""
    assert _moved(Kept(7 * DAY_S)) == 7 * DAY_S


def test_the_smaller_of_both_counts() -> None:
    assert _moved(Kept(DAY_S, by_size=True), DAY_S - 60.0) == 60.0


def test_a_pace_is_known_from_the_second_move_on() -> None:
    pace = Pace()
    pace.saw(0, 0.0)
    pace.saw(50_000, 10.0)  # A segment that went just after the log was met.
    assert pace.per_s(10.0) is None

    pace.saw(60_000, 1_010.0)
    assert pace.per_s(1_010.0) == 10.0
    assert pace.per_s(1_500.0) == 10.0
    assert pace.per_s(3_010.0) == 5.0  # It has stood still for twice as long as it moved.


def test_moves_that_follow_each_other_soon_are_one() -> None:
    pace = Pace()
    pace.saw(0, 0.0)
    for second in range(10, 1_000, 10):
        pace.saw(second, float(second))

    assert pace.per_s(1_000.0) == pytest.approx(1.0)


def test_a_log_that_was_made_anew_has_no_pace() -> None:
    pace = Pace()
    for turn, start in enumerate((0, 100, 200)):
        pace.saw(start, turn * MOVE_S)
    assert pace.per_s(2 * MOVE_S)

    pace.saw(0, 3 * MOVE_S)

    assert pace.per_s(3 * MOVE_S) is None


def test_what_is_not_owned_is_forgotten() -> None:
    headroom = Headroom(Ages())
    headroom.follow(_survey({P: 0, OTHER: 0}), {P})
    assert headroom._paces.keys() == {P}

    headroom.follow(_survey({P: 0, OTHER: 0}), {OTHER})

    assert headroom._paces.keys() == {OTHER}
