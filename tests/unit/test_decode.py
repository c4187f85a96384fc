from __future__ import annotations

import math
import time
from typing import Any

import pytest

from daemon.config.inputs import InputSettings
from daemon.core.model import Alias, Device
from daemon.formats.changes import Read
from daemon.formats.decode import Decoder, Gathered
from daemon.formats.decoders import compile_input
from daemon.formats.native import NativeReader
from daemon.formats.selection import CohortBound, Selection
from daemon.formats.values import UNAVAILABLE
from daemon.kafka.records import Reason, Record, Run
from tests.support.corpus import FakeRecord, run_of, run_of_records

GOOD = {"cohort_id": "vip", "op": "add", "external_id": "u1"}


def native(**settings: object) -> Decoder:
    return compile_input(InputSettings.model_validate({"topic": "t", **settings}))


def reject_of(value: bytes | dict[str, Any] | None) -> tuple[Reason, str]:
    decoded = native().decode(run_of(value))
    assert dict(decoded.change_set.changes) == {}
    (reject,) = decoded.rejects
    return reject.reason, reject.detail


def test_a_run_becomes_the_last_word_on_each_member_of_each_cohort() -> None:
    run = run_of(
        GOOD,
        {"cohort_id": "vip", "op": "remove", "external_id": "u2"},
        {"cohort_id": "new", "op": "add", "external_id": "u1"},
        {"cohort_id": "vip", "op": "remove", "external_id": "u1"},
    )

    decoded = native().decode(run)

    assert decoded.change_set.changes == {"vip": {"u1": False, "u2": False}, "new": {"u1": True}}
    assert decoded.change_set.count == 4
    assert decoded.change_set.first_offset == 100
    assert decoded.change_set.next_offset == 104
    assert decoded.change_set.leader_epoch == 7
    assert decoded.rejects == ()
    assert decoded.ignored == {}


def test_all_kinds_of_identifier_in_one_run() -> None:
    run = run_of(
        GOOD,
        {"cohort_id": "vip", "op": "add", "alias": {"name": "a@b.c", "label": "email"}},
        {"cohort_id": "vip", "op": "remove", "device_id": "d1"},
    )

    changes = native().decode(run).change_set.changes

    assert changes == {"vip": {"u1": True, Alias("a@b.c", "email"): True, Device("d1"): False}}


@pytest.mark.parametrize(
    ("match_on", "member"),
    [
        (["external_id", "alias", "device_id"], "u1"),
        (["alias", "external_id"], Alias("a", "email")),
        (["device_id"], Device("d1")),
    ],
)
def test_match_on_decides_among_several_identifiers(match_on: list[str], member: object) -> None:
    event = {**GOOD, "alias": {"name": "a", "label": "email"}, "device_id": "d1"}

    decoded = native(match_on=match_on).decode(run_of(event))

    assert decoded.change_set.changes == {"vip": {member: True}}


@pytest.mark.parametrize("absent", [None, ""])
def test_null_and_empty_identifiers_are_skipped(absent: str | None) -> None:
    event = {**GOOD, "external_id": absent, "alias": {"name": absent, "label": "email"}}

    decoded = native().decode(run_of({**event, "device_id": "d1"}))

    assert decoded.change_set.changes == {"vip": {Device("d1"): True}}


@pytest.mark.parametrize(
    ("value", "reason", "named"),
    [
        (None, Reason.NULL_VALUE, "value"),
        (b"", Reason.INVALID_JSON, "value"),
        (b"not json", Reason.INVALID_JSON, "value"),
        (b'{"cohort_id":"vip","op":"add","external_id":"\xff"}', Reason.INVALID_JSON, "UTF-8"),
        (b'{"cohort_id":"vip","op":"add","external_id":NaN}', Reason.INVALID_JSON, "malformed"),
        (b'{"cohort_id":"v","op":"add","external_id":"\\ud800"}', Reason.INVALID_JSON, "value"),
        (b"[1]", Reason.INVALID_RECORD, "array"),
        (b'"add"', Reason.INVALID_RECORD, "str"),
        ({**GOOD, "op": "delete"}, Reason.UNKNOWN_OP, "add nor remove"),
        ({**GOOD, "op": "Add"}, Reason.UNKNOWN_OP, "op"),
        ({**GOOD, "op": "false"}, Reason.UNKNOWN_OP, "op"),
        ({**GOOD, "op": True}, Reason.UNKNOWN_OP, "op"),
        ({**GOOD, "op": ["add"]}, Reason.UNKNOWN_OP, "op"),
        ({"cohort_id": "vip", "external_id": "u1"}, Reason.UNKNOWN_OP, "absent"),
        ({"op": "add", "external_id": "u1"}, Reason.MISSING_COHORT, "cohort_id"),
        ({**GOOD, "cohort_id": None}, Reason.MISSING_COHORT, "cohort_id"),
        ({**GOOD, "cohort_id": ""}, Reason.MISSING_COHORT, "cohort_id"),
        ({**GOOD, "cohort_id": 7}, Reason.INVALID_VALUE, "cohort_id is a number"),
        ({**GOOD, "cohort_id": "c" * 257}, Reason.ID_TOO_LONG, "cohort_id"),
        ({**GOOD, "cohort_id": "a\0b"}, Reason.INVALID_VALUE, "NUL"),
        ({**GOOD, "external_id": 17}, Reason.INVALID_VALUE, "external_id is a number"),
        ({**GOOD, "external_id": 1.5}, Reason.INVALID_VALUE, "external_id"),
        ({**GOOD, "external_id": True}, Reason.INVALID_VALUE, "boolean"),
        ({**GOOD, "external_id": {}}, Reason.INVALID_VALUE, "object"),
        ({**GOOD, "external_id": "a\0b"}, Reason.INVALID_VALUE, "NUL"),
        ({**GOOD, "external_id": "x" * 513}, Reason.ID_TOO_LONG, "512"),
        ({**GOOD, "external_id": "é" * 257}, Reason.ID_TOO_LONG, "512"),
        ({**GOOD, "external_id": None}, Reason.MISSING_IDENTITY, "external_id"),
        ({**GOOD, "external_id": "", "alias": "a"}, Reason.INVALID_VALUE, "alias"),
        ({**GOOD, "external_id": "", "alias": {"name": "a"}}, Reason.MISSING_IDENTITY, "alias"),
        ({**GOOD, "external_id": "", "device_id": 5}, Reason.INVALID_VALUE, "device_id"),
        ({**GOOD, "cohort_name": 5}, Reason.INVALID_VALUE, "cohort_name"),
        ({**GOOD, "cohort_name": "n" * 1025}, Reason.INVALID_VALUE, "cohort_name"),
        (b"[" * 65 + b"]" * 65, Reason.TOO_DEEP, "64"),
        (b"[" * 200_000, Reason.TOO_DEEP, "64"),
        (b'{"x":"' + b"x" * 1024 * 1024 + b'"}', Reason.TOO_LARGE, "1048576"),
    ],
)
def test_what_is_wrong_with_a_native_event_is_said(
    value: bytes | dict[str, Any] | None, reason: Reason, named: str
) -> None:
    said, detail = reject_of(value)

    assert said is reason
    assert named in detail


HOSTILE = {
    "deep arrays": b"[" * 900_000,
    "deep objects": b'{"a":' * 150_000 + b"1" + b"}" * 150_000,
    "deep inside": b'{"cohort_id":"v","op":"add","external_id":' + b"[" * 500_000,
    "closed and deep": b'{"x":' + b"[" * 400_000 + b"]" * 400_000 + b"}",
    "10 MB": b'{"cohort_id":"v","op":"add","external_id":"u","x":"' + b"x" * 10_000_000 + b'"}',
    "a number without end": b'{"op":' + b"9" * 1_000_000 + b"}",
    "NaN": b'{"cohort_id":"v","op":"add","external_id":NaN}',
    "Infinity": b'{"cohort_id":"v","op":"add","external_id":-Infinity}',
    "a lone surrogate": b'{"cohort_id":"v","op":"add","external_id":"\\ud800"}',
    "NUL": b'{"cohort_id":"v","op":"add","external_id":"\\u0000"}',
    "raw NUL": b'\x00{"cohort_id":"v","op":"add","external_id":"u"}',
    "no UTF-8": b'{"cohort_id":"v","op":"add","external_id":"\xed\xa0\x80"}',
    "keys that repeat": b"{" + b'"op":"x",' * 100_000 + b'"op":7}',
}


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
def test_what_is_hostile_is_refused_in_50_ms_and_the_others_are_taken(value: bytes) -> None:
    spent_s = math.inf
    for _ in range(10):  # A busy machine makes even a thread's own time longer, but not each time.
        if spent_s > 0.05:
            began_s = time.thread_time()
            decoded = native().decode(run_of(GOOD, value, {**GOOD, "external_id": "u2"}))
            spent_s = time.thread_time() - began_s

    assert [reject.offset for reject in decoded.rejects] == [101]
    assert len(decoded.rejects[0].detail) < 300
    assert decoded.change_set.changes == {"vip": {"u1": True, "u2": True}}
    assert spent_s <= 0.05


def test_ids_at_their_limits_are_taken() -> None:
    event = {**GOOD, "cohort_id": "é" * 128, "external_id": "é" * 256}

    decoded = native().decode(run_of(event))

    assert decoded.change_set.changes == {"é" * 128: {"é" * 256: True}}


def test_unknown_fields_are_ignored_however_they_nest_within_the_limit() -> None:
    deep = b'{"x":' + b"[" * 63 + b"]" * 63 + b',"cohort_id":"v","op":"add","external_id":"u"}'
    brackets = {**GOOD, "note": "[{" * 200}

    decoded = native().decode(run_of(deep, brackets))

    assert decoded.change_set.changes == {"v": {"u": True}, "vip": {"u1": True}}


def test_of_duplicate_keys_the_last_wins() -> None:
    value = b'{"cohort_id":"v","op":"remove","op":"add","external_id":"u","external_id":"w"}'

    assert native().decode(run_of(value)).change_set.changes == {"v": {"w": True}}


def test_a_reject_is_the_record_untouched() -> None:
    record = FakeRecord(b"{", b"key", (("h", b"1"), ("h", None)), 42, (1, 1_700_000_000_123))

    (reject,) = native().decode(run_of_records([record])).rejects

    assert (reject.partition, reject.offset) == (("t", 0), 42)
    assert (reject.key, reject.value) == (b"key", b"{")
    assert reject.headers == (("h", b"1"), ("h", None))
    assert reject.timestamp_ms == 1_700_000_000_123


def test_a_reject_never_says_what_the_record_holds() -> None:
    secret = "ann@example.com"

    decoded = native().decode(run_of({**GOOD, "op": secret}, {**GOOD, secret: [], "alias": 5}))

    assert all(secret not in reject.detail for reject in decoded.rejects)


def test_good_records_around_a_bad_one_are_taken() -> None:
    run = run_of(GOOD, b"{", {**GOOD, "external_id": "u2"})

    decoded = native().decode(run)

    assert decoded.change_set.changes == {"vip": {"u1": True, "u2": True}}
    assert [reject.offset for reject in decoded.rejects] == [101]
    assert decoded.change_set.next_offset == 103
    assert decoded.change_set.count == 2


def test_stop_at_reject_covers_only_what_stands_before_it() -> None:
    run = run_of(GOOD, b"{", {**GOOD, "external_id": "u2"}, b"{")

    decoded = native().decode(run, stop_at_reject=True)

    assert decoded.change_set.changes == {"vip": {"u1": True}}
    assert decoded.change_set.next_offset == 101
    assert [reject.offset for reject in decoded.rejects] == [101]


def test_stop_at_reject_takes_a_good_run_whole() -> None:
    assert native().decode(run_of(GOOD), stop_at_reject=True) == native().decode(run_of(GOOD))


def test_the_newest_name_of_a_cohort_is_kept() -> None:
    run = run_of(
        {**GOOD, "cohort_name": "old"},
        {**GOOD, "cohort_name": "new"},
        {**GOOD, "cohort_name": None},
        {**GOOD, "cohort_name": ""},
        {**GOOD, "cohort_id": "x"},
    )

    assert native().decode(run).change_set.names == {"vip": "new"}


@pytest.mark.parametrize(
    ("occurred_at", "event_time_s"),
    [
        ("2026-02-03T04:05:06.5Z", 1_770_091_506.5),
        ("2026-02-03T05:05:06.5+01:00", 1_770_091_506.5),
        ("2026-02-03T04:05:06.500000", 1_770_091_506.5),
        (1_770_091_506_500, 1_770_091_506.5),
        (1_770_091_506_500_000, 1_770_091_506.5),
        (1_770_091_506_500_000_000, 1_770_091_506.5),
        (None, 1_700_000_000.0),
        (True, 1_700_000_000.0),
        ("infinity", 1_700_000_000.0),
        (10**400, 1_700_000_000.0),
    ],
)
def test_event_time_is_the_events_own_else_kafkas(occurred_at: object, event_time_s: float) -> None:
    run = run_of({**GOOD, "occurred_at": occurred_at}, {**GOOD, "occurred_at": 1})

    decoded = native().decode(run)

    assert decoded.change_set.event_time_s == pytest.approx(event_time_s)
    assert decoded.rejects == ()


def test_no_time_at_all_is_no_event_time() -> None:
    record = FakeRecord(b'{"cohort_id":"v","op":"add","external_id":"u"}', _timestamp=(0, -1))

    assert native().decode(run_of_records([record])).change_set.event_time_s is None


@pytest.mark.parametrize("bad", [None, {**GOOD, "cohort_id": "out", "external_id": "x" * 600}])
def test_unselected_cohorts_are_counted_and_asked_for_once(bad: dict[str, str] | None) -> None:
    asked: list[str] = []

    def selected(cohort: str) -> bool:
        asked.append(cohort)
        return cohort == "vip"

    decoder = compile_input(InputSettings(topic="t"), selected)
    out = {**GOOD, "cohort_id": "out", "cohort_name": "Out"}
    records = [GOOD, out, out, {**GOOD, "external_id": "u2"}, *([bad] if bad else ())]

    decoder.decode(run_of(*records))
    decoded = decoder.decode(run_of(*records))

    assert decoded.change_set.changes == {"vip": {"u1": True, "u2": True}}
    assert decoded.change_set.names == {}
    assert decoded.change_set.count == 2
    assert decoded.ignored == {"cohort_not_selected": 2}
    assert len(decoded.rejects) == (bad is not None)
    assert asked == ["vip", "out"]


@pytest.mark.parametrize("slowly", [True, False])
def test_a_cohort_too_many_is_a_reject_and_those_known_go_on(*, slowly: bool) -> None:
    bound = CohortBound(2)
    decoder = compile_input(InputSettings(topic="t"), lambda c: c != "out", None, bound)
    if slowly:
        decoder._fast = None
    events = [{"cohort_id": c, "op": "add", "external_id": "u"} for c in ("a", "out", "b", "c")]

    first = decoder.decode(run_of(*events))
    second = decoder.decode(run_of(*reversed(events)))

    for decoded in (first, second):
        assert decoded.change_set.changes == {"a": {"u": True}, "b": {"u": True}}
        assert [each.reason for each in decoded.rejects] == [Reason.TOO_MANY_COHORTS]
        assert decoded.ignored == {"cohort_not_selected": 1}


def test_a_placeholder_is_an_id_to_a_native_event_whole_or_in_two_halves() -> None:
    half = len(UNAVAILABLE) // 2
    ids = [UNAVAILABLE[:half], UNAVAILABLE[half:], UNAVAILABLE]

    decoded = native().decode(run_of(*({**GOOD, "external_id": each} for each in ids)))

    assert decoded.rejects == ()
    assert decoded.change_set.changes == {"vip": dict.fromkeys(ids, True)}


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("a\0b", Reason.INVALID_VALUE),
        ("", Reason.MISSING_IDENTITY),
        ("x" * 513, Reason.ID_TOO_LONG),
    ],
)
@pytest.mark.parametrize("other", ["external_id", "device_id"])
def test_one_bad_id_among_many_cohorts_is_one_reject(bad: str, reason: Reason, other: str) -> None:
    good = [{"cohort_id": f"c{at}", "op": "add", other: f"u{at}"} for at in range(40)]
    run = run_of(*good[:20], {**GOOD, "external_id": bad}, *good[20:])

    decoded = native().decode(run)

    assert [(each.reason, each.offset) for each in decoded.rejects] == [(reason, 120)]
    assert decoded.change_set.count == 40
    assert "vip" not in decoded.change_set.changes


class Mistaken:
    """A reader, and a fast path, that makes a mistake at each event of one member."""

    def read(self, topic: str, record: Record) -> Read:
        return NativeReader(["external_id"]).read(topic, self._checked(record))

    def occurred_at_s(self, topic: str, record: Record) -> float | None:
        self._checked(record)
        raise IndexError("canary")

    def take(self, run: Run, at: int, into: Gathered, selection: Selection) -> int:
        raise TypeError("canary")

    def _checked(self, record: Record) -> Record:
        if b"canary" in (record.value() or b""):
            raise KeyError("canary")
        return record


def test_a_mistake_of_ours_costs_one_record_and_is_told_without_what_it_holds() -> None:
    run = run_of(GOOD, {**GOOD, "external_id": "canary"}, {**GOOD, "external_id": "u2"})

    decoded = Decoder(Mistaken(), Mistaken()).decode(run)

    assert decoded.change_set.changes == {"vip": {"u1": True, "u2": True}}
    assert decoded.change_set.event_time_s == 1_700_000_000.0
    (reject,) = decoded.rejects
    assert (reject.offset, reject.reason) == (101, Reason.INVALID_RECORD)
    assert reject.detail.startswith("a mistake of cohortd's, please report it: KeyError in test_")
    assert "canary" not in reject.detail
