from __future__ import annotations

from typing import Any

import pytest

from daemon.kafka.records import Reason
from tests.support.change_events import ACTIVE, ROW, changes_of, debezium, event, reject_of
from tests.support.corpus import run_of


@pytest.mark.parametrize("op", ["c", "r", "u"])
def test_a_row_that_appears_is_a_member(op: str) -> None:
    decoded = debezium().decode(run_of(event(op, after=ROW)))

    assert changes_of(decoded) == {"vip": {"u1": True}}
    assert decoded.change_set.event_time_s == 1_600_000_000.0


def test_a_deleted_row_is_none_whatever_its_state_was() -> None:
    decoded = debezium(mapping=ACTIVE).decode(run_of(event("d", ROW | {"status": "left"}), None))

    assert changes_of(decoded) == {"vip": {"u1": False}}
    assert decoded.ignored == {"tombstone": 1}


def test_a_run_of_tombstones_changes_nothing() -> None:
    decoded = debezium().decode(run_of(None, None))

    assert changes_of(decoded) == {}
    assert decoded.ignored == {"tombstone": 2}
    assert decoded.change_set.next_offset == 102


@pytest.mark.parametrize(
    ("before", "after", "expected", "count"),
    [
        (ROW, ROW | {"user": "u2"}, {"vip": {"u1": False, "u2": True}}, 2),
        (ROW, ROW | {"cohort": "new"}, {"vip": {"u1": False}, "new": {"u1": True}}, 2),
        (ROW, ROW | {"status": "left"}, {"vip": {"u1": False}}, 1),
        (ROW, ROW, {"vip": {"u1": True}}, 1),
        (ROW | {"status": "left"}, ROW, {"vip": {"u1": True}}, 1),
        (ROW | {"status": "left", "user": "u0"}, ROW, {"vip": {"u1": True}}, 1),
        (ROW, ROW | {"user": None}, {"vip": {"u1": False}}, 1),
        (ROW, ROW | {"user": ""}, {"vip": {"u1": False}}, 1),
        (ROW | {"user": None}, ROW, {"vip": {"u1": True}}, 1),
        (ROW | {"user": "x" * 600}, ROW, {"vip": {"u1": True}}, 1),
        (None, ROW | {"user": "u2"}, {"vip": {"u2": True}}, 1),
    ],
)
def test_an_update_is_the_difference_of_its_images(
    before: object, after: object, expected: dict[str, Any], count: int
) -> None:
    decoded = debezium(mapping=ACTIVE).decode(run_of(event("u", before, after)))

    assert changes_of(decoded) == expected
    assert decoded.change_set.count == count


def test_a_row_that_names_nobody_and_is_no_member_is_ignored() -> None:
    decoded = debezium(mapping=ACTIVE).decode(
        run_of(event("c", after=ROW | {"user": None, "status": "x"}))
    )

    assert changes_of(decoded) == {}
    assert decoded.ignored == {"not_a_member": 1}


@pytest.mark.parametrize(
    ("value", "reason", "named"),
    [
        (event("t"), Reason.TRUNCATE, "emptied"),
        (event("x"), Reason.UNKNOWN_OP, "op"),
        (event("") | {"op": ["c"]}, Reason.UNKNOWN_OP, "op"),
        (event("d"), Reason.MISSING_IDENTITY, "REPLICA IDENTITY FULL"),
        (event("d", ROW | {"user": ""}), Reason.MISSING_IDENTITY, "REPLICA IDENTITY FULL"),
        (event("d", ROW | {"cohort": ""}), Reason.MISSING_COHORT, "REPLICA IDENTITY FULL"),
        (event("c"), Reason.INVALID_RECORD, "after is null"),
        (event("c", after=[1]), Reason.INVALID_RECORD, "array"),
        (event("c", after='{"_id": 1}'), Reason.UNSUPPORTED, "ExtractNewDocumentState"),
        ({"before": None, "after": None}, Reason.MISSING_IDENTITY, "REPLICA IDENTITY FULL"),
        ({**ROW, "__op": "c"}, Reason.INVALID_RECORD, "debezium-flattened"),
        (ROW, Reason.INVALID_RECORD, "change event"),
        (b"[]", Reason.INVALID_RECORD, "array"),
        (event("c", after={"cohort": "vip", "user": "u"}), Reason.MISSING_COLUMN, "status"),
        (event("c", after={"user": "u", "status": "x"}), Reason.MISSING_COLUMN, "cohort"),
        (event("c", after=ROW | {"user": 1.5}), Reason.INVALID_VALUE, "external_id"),
        (event("c", after=ROW | {"user": True}), Reason.INVALID_VALUE, "boolean"),
        (event("c", after=ROW | {"user": ["u"]}), Reason.INVALID_VALUE, "list"),
        (event("c", after=ROW | {"user": None}), Reason.MISSING_IDENTITY, "external_id"),
        (event("c", after=ROW | {"user": "u" * 513}), Reason.ID_TOO_LONG, "external_id"),
        (event("u", {"cohort": "vip", "user": "u"}, ROW), Reason.MISSING_COLUMN, "status"),
        (event("u", ROW | {"status": {}}, [ROW]), Reason.INVALID_RECORD, "after"),
    ],
)
def test_what_is_wrong_with_a_change_event_is_said(
    value: bytes | dict[str, Any], reason: Reason, named: str
) -> None:
    said, detail = reject_of(debezium(mapping=ACTIVE).decode(run_of(value)))

    assert said is reason
    assert named in detail


@pytest.mark.parametrize("column", ["cohort", "user", "status"])
def test_a_column_that_was_not_sent_decides_nothing(column: str) -> None:
    after = ROW | {column: "__debezium_unavailable_value"}

    said, detail = reject_of(debezium(mapping=ACTIVE).decode(run_of(event("u", None, after))))

    assert said is Reason.MISSING_COLUMN
    assert column in detail


def test_a_column_that_was_not_sent_and_decides_nothing_harms_nobody() -> None:
    mapping = {"cohort_name": {"column": "name"}}

    decoded = debezium(mapping=mapping).decode(
        run_of(event("u", None, ROW | {"name": "__debezium_unavailable_value", "note": "\0"}))
    )

    assert changes_of(decoded) == {"vip": {"u1": True}}
    assert not decoded.change_set.names  # It would rename the cohort.


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        ({"ts_ms": 1}, "heartbeat"),
        ({"status": "BEGIN", "id": "1:2", "ts_ms": 1}, "transaction"),
        ({"status": "END", "id": "1:2", "event_count": 3}, "transaction"),
        ({"op": "m", "message": {"prefix": "p"}}, "message"),
        (
            {"source": {}, "databaseName": "d", "ddl": "CREATE …", "tableChanges": []},
            "schema_change",
        ),
        ({"resolved": "1.0"}, "resolved"),
        (event("c", after={"id": "s", "type": "execute-snapshot", "data": None}), "signal"),
        (event("d", before={"id": "s", "type": "", "data": None}), "signal"),
        ({"schema": None, "payload": None}, "tombstone"),
    ],
)
def test_what_the_connector_says_of_itself_is_ignored_and_counted(
    value: dict[str, Any], rule: str
) -> None:
    plain = debezium().decode(run_of(value))
    wrapped = debezium().decode(run_of({"schema": {}, "payload": value}))

    assert changes_of(plain) == {}
    assert plain.ignored == {rule: 1}
    if rule != "tombstone":
        assert wrapped.ignored == {rule: 1}


def test_a_membership_table_is_no_signal_table() -> None:
    decoded = debezium().decode(run_of(event("c", after={"id": 1, "type": "x", "data": None})))

    assert decoded.ignored == {}
    assert decoded.rejects[0].reason is Reason.MISSING_COLUMN
