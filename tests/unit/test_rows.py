"""Flat rows: a column says how the row changed, or its state says all."""

from __future__ import annotations

from typing import Any

import pytest

from daemon.formats.changes import Ignored
from daemon.kafka.records import Reason
from tests.support.rows import ROW, VIP_U1_IN, VIP_U1_OUT, WHO, outcome, read, rows

OP: dict[str, Any] = {
    "op": {"column": "op", "add": ["I", 1], "remove": ["D", 2, None], "ignore": ["noop"]}
}
STATE = {"member_when": {"column": "status", "in": ["active"]}}
ALIAS = {
    "cohort_id": {"column": "cohort"},
    "alias": {"name": {"column": "email"}, "label": {"constant": "email"}},
}


@pytest.mark.parametrize(
    ("op", "expected"),
    [
        ("I", VIP_U1_IN),
        (1, VIP_U1_IN),
        ("D", VIP_U1_OUT),
        (2, VIP_U1_OUT),
        (None, VIP_U1_OUT),  # Null is a value.
        ("noop", Ignored.OP_IGNORED),
        ("d", Reason.UNKNOWN_OP),  # Case-sensitive.
        ("1", Reason.UNKNOWN_OP),  # A text is no number,
        (True, Reason.UNKNOWN_OP),  # and neither is a boolean.
        ({"x": 1}, Reason.UNKNOWN_OP),
        ("__debezium_unavailable_value", Reason.MISSING_COLUMN),
    ],
)
def test_a_row_changed_as_its_column_says_exactly(op: object, expected: object) -> None:
    assert outcome(read(rows(OP), {**ROW, "op": op})) == expected


def test_a_row_without_its_op_is_a_reject_and_never_an_add() -> None:
    decoded = read(rows(OP), ROW)

    assert outcome(decoded) is Reason.MISSING_COLUMN
    assert "column op (op)" in decoded.rejects[0].detail


@pytest.mark.parametrize(
    ("status", "expected"),
    [("active", VIP_U1_IN), ("paused", VIP_U1_OUT), (None, VIP_U1_OUT), ("Active", VIP_U1_OUT)],
)
def test_the_state_alone_tells_where_rows_are_polled(status: object, expected: object) -> None:
    assert outcome(read(rows(STATE), {**ROW, "status": status})) == expected


def test_an_added_row_that_is_no_member_is_a_removal_and_a_removed_one_is_too() -> None:
    decoder = rows(OP | STATE)

    assert outcome(read(decoder, {**ROW, "op": "I", "status": "left"})) == VIP_U1_OUT
    assert outcome(read(decoder, {**ROW, "op": "D", "status": "active"})) == VIP_U1_OUT


def test_an_absent_state_is_a_reject_and_never_not_a_member() -> None:
    assert outcome(read(rows(STATE), ROW)) is Reason.MISSING_COLUMN


@pytest.mark.parametrize("flag", ["false", "true", 0, 1])
def test_the_text_false_is_no_flag(flag: object) -> None:
    """A flag written as a text would otherwise put everybody in, or everybody out, in silence."""
    decoder = rows({"member_when": {"column": "flag", "in": [True]}})

    assert outcome(read(decoder, {**ROW, "flag": flag})) == VIP_U1_OUT
    assert outcome(read(decoder, {**ROW, "flag": True})) == VIP_U1_IN


def test_nobody_is_named_by_a_row_that_is_no_member() -> None:
    decoder = rows(STATE)

    assert outcome(read(decoder, {"cohort": "vip", "user": None, "status": "left"})) == (
        Ignored.NOT_A_MEMBER
    )
    assert outcome(read(decoder, {"cohort": "vip", "user": "", "status": "active"})) == (
        Reason.MISSING_IDENTITY
    )


@pytest.mark.parametrize(
    ("user", "text"),
    [(7, "7"), (2**70, str(2**70)), (-1, "-1"), ("007", "007"), ("9f3a", "9f3a")],
)
def test_numeric_ids_become_texts_digit_by_digit(user: object, text: str) -> None:
    assert outcome(read(rows(OP), {**ROW, "user": user, "op": "I"})) == {"vip": {text: True}}


@pytest.mark.parametrize("user", [1.5, True, ["u"], {"id": "u"}])
def test_what_cant_be_an_id_is_a_reject(user: object) -> None:
    assert outcome(read(rows(OP), {**ROW, "user": user, "op": "I"})) is Reason.INVALID_VALUE


def test_an_alias_has_the_value_as_its_name_and_the_kind_as_its_label() -> None:
    """The names are Braze's, and easily swapped: the label is `email`, the name the address."""
    row = {"cohort": "vip", "email": "a@b.c", "op": "I"}

    decoded = read(rows([ALIAS | OP]), row)

    ((member, add),) = decoded.change_set.changes["vip"].items()
    assert (member.name, member.label, add) == ("a@b.c", "email", True)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("on_null", "expected"),
    [
        (None, Reason.NULL_VALUE),
        ("reject", Reason.NULL_VALUE),
        ("ignore", Ignored.TOMBSTONE),
        ("remove", VIP_U1_OUT),
    ],
)
def test_a_null_row_is_what_the_mapping_says(on_null: str | None, expected: object) -> None:
    decoder = rows(OP | {"on_null": on_null})

    assert outcome(read(decoder, None, key=ROW)) == expected
    assert outcome(read(decoder, {"schema": {}, "payload": None}, key=ROW)) == expected


@pytest.mark.parametrize("key", [None, {"id": 5}, "u1"])
def test_a_null_row_whose_key_names_nobody_is_a_reject(key: object) -> None:
    decoded = read(rows(OP | {"on_null": "remove"}), None, key=key)

    assert outcome(decoded) in (Reason.MISSING_IDENTITY, Reason.MISSING_COLUMN)


def test_a_null_row_may_be_named_by_a_key_that_is_a_plain_text() -> None:
    mapping = {"cohort_id": {"topic": r"cohorts\.(.*)"}, "external_id": {"key": "."}}
    decoder = rows([{**mapping, **STATE, "on_null": "remove"}], key_encoding="string")

    decoded = read(decoder, None, key=b"u1", topic="cohorts.vip")

    assert outcome(decoded) == VIP_U1_OUT


CONDITIONS = [
    {"column": "event", "in": ["joined", "left"]},
    {"column": "traits.vip", "exists": True},
    {"column": "test", "exists": False},
]


@pytest.mark.parametrize(
    ("row", "met"),
    [
        ({"event": "joined", "traits": {"vip": None}}, True),
        ({"event": "viewed", "traits": {"vip": True}}, False),
        ({"event": ["joined"], "traits": {"vip": True}}, False),
        ({"event": "joined", "traits": {}}, False),
        ({"event": "joined"}, False),
        ({"traits": {"vip": True}}, False),
        ({"event": "joined", "traits": {"vip": True}, "test": None}, False),
    ],
)
def test_a_row_that_meets_not_all_conditions_is_ignored_and_counted(
    row: dict[str, Any], *, met: bool
) -> None:
    decoder = rows({"op": {"column": "event", "add": ["joined"]}}, only_when=CONDITIONS)

    assert outcome(read(decoder, {**ROW, **row})) == (
        VIP_U1_IN if met else Ignored.CONDITION_NOT_MET
    )


def _flag(cohort: str) -> dict[str, Any]:
    return {
        "cohort_id": {"constant": cohort},
        "external_id": {"column": "user"},
        "member_when": {"column": cohort, "in": [True]},
    }


def test_a_column_per_cohort_is_a_mapping_per_cohort() -> None:
    decoder = rows([_flag("vip"), _flag("lapsed")])

    decoded = read(decoder, {"user": "u1", "vip": True, "lapsed": False})

    assert outcome(decoded) == {"vip": {"u1": True}, "lapsed": {"u1": False}}
    assert decoded.change_set.count == 2


def test_a_record_that_one_of_the_mappings_cant_read_is_a_reject_as_a_whole() -> None:
    decoder = rows([_flag("vip"), _flag("lapsed")])

    assert outcome(read(decoder, {"user": "u1", "vip": True})) is Reason.MISSING_COLUMN


def test_a_record_that_no_mapping_finds_a_change_in_is_ignored() -> None:
    mappings = [WHO | {"op": {"column": "op", "add": ["I"], "ignore": ["U"]}}] * 2

    assert outcome(read(rows(mappings), {**ROW, "op": "U"})) is Ignored.OP_IGNORED


@pytest.mark.parametrize("value", [b"[]", b"7", b'"row"'])
def test_what_is_no_row_is_a_reject(value: bytes) -> None:
    assert outcome(read(rows(OP), value)) is Reason.INVALID_RECORD


def test_a_row_is_taken_out_of_connects_wrapping_with_its_types() -> None:
    amount = {"name": "org.apache.kafka.connect.data.Decimal", "parameters": {"scale": "2"}}
    schema = {"fields": [{"field": "user", **amount}]}
    row = {"cohort": "vip", "user": "BNI=", "op": "I"}

    decoded = read(rows(OP), {"schema": schema, "payload": row})

    assert outcome(decoded) == {"vip": {"12.34": True}}


def test_when_it_happened_is_told_by_the_mapping() -> None:
    decoder = rows(OP | {"occurred_at": {"column": "at"}})

    decoded = read(decoder, {**ROW, "op": "I", "at": "2026-01-02T03:04:05Z"})

    assert decoded.change_set.event_time_s == 1_767_323_045.0
