from __future__ import annotations

import json
from collections import Counter, defaultdict
from zlib import crc32

import pytest

from daemon.core.model import Alias, Device, Member
from daemon.tools.demo.broken import BROKEN
from daemon.tools.demo.cohorts import COHORTS
from daemon.tools.demo.day import RENAME_AT, Day, Event, generate
from daemon.tools.demo.fold import read
from daemon.tools.demo.options import EVENTS_MAX, DemoOptions
from daemon.tools.demo.play import KILL_AT

SEED = DemoOptions().seed
NOW_S = 1_800_000_000.0


@pytest.fixture(scope="module")
def day() -> Day:
    return generate(SEED, 3_000)


def _all(day: Day) -> list[Event]:
    return [*day.midnight, *day.events]


def test_the_same_seed_gives_the_same_day(day: Day) -> None:
    again = generate(SEED, 3_000)

    assert again == day


def test_another_seed_gives_another_day(day: Day) -> None:
    assert generate(SEED + 1, 3_000) != day


def test_events_come_in_the_order_of_their_time(day: Day) -> None:
    times = [event.at for event in day.events]

    assert times == sorted(times)
    assert times[0] >= 0.0
    assert times[-1] <= 1.0


def test_all_changes_of_one_member_of_one_cohort_have_one_key(day: Day) -> None:
    keys: defaultdict[tuple[str, Member], set[bytes]] = defaultdict(set)

    for event in _all(day):
        change = read(event.value(NOW_S))
        if change is not None:
            keys[change.cohort, change.member].add(event.key)

    assert len(keys) > 1_000
    assert all(len(found) == 1 for found in keys.values())


def test_every_kind_of_identifier_is_there(day: Day) -> None:
    changes = [read(event.value(NOW_S)) for event in _all(day)]

    kinds = Counter(type(change.member) for change in changes if change)

    assert set(kinds) == {str, Alias, Device}
    assert min(kinds.values()) > 100


def test_some_members_flap(day: Day) -> None:
    turns: Counter[tuple[str, Member]] = Counter()

    for event in day.events:
        change = read(event.value(NOW_S))
        if change is not None and change.cohort == "cart-abandoners":
            turns[change.cohort, change.member] += 1

    assert sum(count >= 3 for count in turns.values()) > 20


def test_the_broken_records_and_no_others_are_broken(day: Day) -> None:
    unreadable = [event for event in _all(day) if read(event.value(NOW_S)) is None]

    assert unreadable == [event for event in _all(day) if event.broken]
    assert len(unreadable) == day.broken == len(BROKEN)


def test_a_value_carries_the_time_it_is_produced_at(day: Day) -> None:
    value = day.midnight[0].value(NOW_S)

    assert value is not None
    assert json.loads(value)["occurred_at"] == "2027-01-15T08:00:00.000+00:00"


@pytest.mark.parametrize("changes", [DemoOptions(seconds=5).changes, EVENTS_MAX])
def test_a_new_name_is_in_every_partition_before_the_kill(changes: int) -> None:
    renamed = {plan.id: plan for plan in COHORTS if plan.renamed}
    seen: defaultdict[str, set[int]] = defaultdict(set)

    for event in generate(SEED, changes).events:
        cohort = event.fields["cohort_id"] if event.fields else None
        if event.fields is None or cohort not in renamed or event.at < RENAME_AT:
            continue
        assert event.fields["cohort_name"] == renamed[str(cohort)].renamed
        if event.at < KILL_AT:
            seen[str(cohort)].add(crc32(event.key) % 4)

    assert seen == {cohort: {0, 1, 2, 3} for cohort in renamed}


def test_the_longest_day_fits_into_the_embedded_kafka() -> None:
    sizes = [0] * 4

    for event in _all(generate(SEED, DemoOptions(seconds=3600).changes)):
        sizes[crc32(event.key) % 4] += len(event.value(NOW_S) or b"") + len(event.key) + 70

    assert max(sizes) < 2_000_000
