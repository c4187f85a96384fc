from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TypeAlias

import pytest

from daemon.core.model import Alias, Device, Member
from daemon.tools.demo.broken import BROKEN
from daemon.tools.demo.fold import Folded, LogRecord, Place, fold, read

Fields: TypeAlias = Mapping[str, object]


def _record(
    offset: int, fields: Fields | None = None, place: tuple[int, int] = (0, 0)
) -> LogRecord:
    """Return a good event; `place` is the partition and the time in milliseconds."""
    event = {"cohort_id": "vip", "op": "add", "external_id": "u1", **(fields or {})}
    return LogRecord(Place(place[0], offset), place[1], json.dumps(event).encode())


def test_the_last_change_of_a_member_counts() -> None:
    folded = fold(
        [_record(0), _record(1, {"op": "remove"}), _record(2), _record(3, {"external_id": "u2"})]
    )

    assert folded.members == {"vip": {"u1", "u2"}}
    assert folded.records == 4


def test_a_cohort_that_everybody_left_is_still_there() -> None:
    folded = fold([_record(0), _record(1, {"op": "remove"})])

    assert folded.members == {"vip": set()}


@pytest.mark.parametrize(
    ("fields", "member"),
    [
        ({"device_id": "d1"}, "u1"),
        ({"external_id": None, "device_id": "d1"}, Device("d1")),
        ({"external_id": "", "device_id": "d1"}, Device("d1")),
        (
            {"external_id": None, "alias": {"name": "a@b", "label": "email"}, "device_id": "d1"},
            Alias("a@b", "email"),
        ),
    ],
)
def test_the_first_identifier_there_is_names_the_member(fields: Fields, member: Member) -> None:
    change = read(_record(0, fields).value)

    assert change is not None
    assert change.member == member


@pytest.mark.parametrize(("what", "raw"), BROKEN)
def test_a_broken_record_changes_nothing_and_is_remembered(what: str, raw: bytes | None) -> None:
    folded = fold([_record(0), LogRecord(Place(2, 7), 0, raw)])

    assert folded.members == {"vip": {"u1"}}
    assert folded.broken == {Place(2, 7)}


def test_the_newest_name_counts_whatever_partition_is_read_last() -> None:
    folded = fold(
        [
            _record(0, {"cohort_name": "new"}, (0, 2)),
            _record(0, {"cohort_name": "old"}, (1, 1)),
        ]
    )

    assert folded.names == {"vip": "new"}


def test_a_cohort_that_nobody_names_goes_by_its_id() -> None:
    assert fold([_record(0)]).names == {"vip": "vip"}


def test_no_records_come_to_nothing() -> None:
    assert fold([]) == Folded()
