from __future__ import annotations

import json
from typing import Any

import pytest

from daemon.core.model import Alias, Device
from daemon.formats.values import UNAVAILABLE
from daemon.kafka.records import Reason
from tests.support.change_events import ACTIVE, ROW, changes_of, debezium, event, reject_of
from tests.support.corpus import run_of


@pytest.mark.parametrize(
    ("raw", "text"),
    [(17, "17"), (0, "0"), (-1, "-1"), (2**53 + 1, "9007199254740993"), (10**40, "1" + "0" * 40)],
)
def test_integers_become_ids_exactly(raw: int, text: str) -> None:
    decoded = debezium().decode(run_of(event("c", after={"cohort": raw, "user": raw})))

    assert changes_of(decoded) == {text: {text: True}}


@pytest.mark.parametrize(
    ("key", "removed"), [(None, True), (b'{"user":0}', True), (b'{"id":1}', False)]
)
def test_a_zero_in_a_delete_counts_only_where_the_image_can_know_it(
    key: bytes | None, removed: bool
) -> None:
    decoded = debezium().decode(run_of(event("d", ROW | {"user": 0}), key=key))

    assert dict(decoded.change_set.changes) == ({"vip": {"0": False}} if removed else {})
    assert [reject.reason for reject in decoded.rejects] == (
        [] if removed else [Reason.MISSING_IDENTITY]
    )


def test_an_update_of_which_the_old_status_was_not_sent_is_a_reject() -> None:
    update = event("u", before=ROW | {"status": UNAVAILABLE}, after=ROW)

    decoded = debezium(mapping=ACTIVE).decode(run_of(update))

    assert reject_of(decoded)[0] is Reason.MISSING_COLUMN


@pytest.mark.parametrize(
    ("listed", "found", "member"),
    [
        ([True], True, True),
        ([True], 1, False),
        ([1], True, False),
        ([1], 1, True),
        ([1], "1", False),
        (["1"], 1, False),
        (["active"], "Active", False),
        (["true"], True, False),
        ([None], None, True),
        (["a"], None, False),
        (["a", None], None, True),
        ([1, "a"], "a", True),
        ([0], False, False),
        ([False], 0, False),
        (["a"], ["a"], False),
        (["a"], {"a": 1}, False),
    ],
)
def test_member_when_compares_json_values_exactly(
    listed: list[object], found: object, member: bool
) -> None:
    decoder = debezium(mapping={"member_when": {"column": "status", "in": listed}})

    decoded = decoder.decode(run_of(event("c", after=ROW | {"status": found})))

    assert changes_of(decoded) == {"vip": {"u1": member}}


def test_deletes_under_default_identity_work_where_the_key_names_the_member() -> None:
    mapping = {"cohort_id": {"key": "cohort"}, "external_id": {"key": "user"}}
    key = b'{"schema":{"type":"struct","fields":[]},"payload":{"cohort":"vip","user":7}}'

    decoded = debezium(mapping=mapping).decode(
        run_of(event("d", {"cohort": "", "user": ""}), event("d"), key=key)
    )

    assert changes_of(decoded) == {"vip": {"7": False}}


@pytest.mark.parametrize(
    ("key", "key_encoding", "reason"),
    [
        (b"user-1", "same", Reason.INVALID_JSON),
        (b"\xff", "string", Reason.INVALID_VALUE),
        (b'{"a":1}', "json", Reason.INVALID_VALUE),
        (None, "json", Reason.MISSING_IDENTITY),
        (b"[" * 100, "json", Reason.TOO_DEEP),
    ],
)
def test_a_key_that_is_no_id_is_a_reject(
    key: bytes | None, key_encoding: str, reason: Reason
) -> None:
    decoder = debezium(key_encoding, {"external_id": {"key": "."}})

    said, _ = reject_of(decoder.decode(run_of(event("c", after=ROW), key=key)))

    assert said is reason


def test_a_key_that_is_a_text_needs_its_encoding() -> None:
    decoder = debezium("string", {"external_id": {"key": ".", "trim": True, "lower": True}})

    decoded = decoder.decode(run_of(event("c", after=ROW), key=b" User-1 "))

    assert changes_of(decoded) == {"vip": {"user-1": True}}


def test_an_alias_and_a_device_by_priority() -> None:
    decoder = debezium(
        mapping={
            "alias": {"name": {"column": "email"}, "label": {"constant": "email"}},
            "device_id": {"column": "device"},
        }
    )
    nobody = ROW | {"user": None}

    decoded = decoder.decode(
        run_of(
            event("c", after=nobody | {"email": "a@b.c", "device": "d1"}),
            event("c", after=nobody | {"email": None, "device": "d2"}),
            event("c", after=ROW | {"email": "x@y.z", "device": "d3"}),
        )
    )

    assert changes_of(decoded) == {
        "vip": {Alias("a@b.c", "email"): True, Device("d2"): True, "u1": True}
    }


CONNECT_DECIMAL = {"name": "org.apache.kafka.connect.data.Decimal", "parameters": {"scale": "0"}}
TIME = "io.debezium.time.MicroTimestamp"


def wrapped(payload: object, **columns: dict[str, Any]) -> bytes:
    row = [{"field": name, **kind} for name, kind in columns.items()]
    sides = [{"field": side, "type": "struct", "fields": row} for side in ("before", "after")]
    schema = {"type": "struct", "fields": sides}
    return json.dumps({"schema": schema, "payload": payload}, separators=(",", ":")).encode()


def test_logical_types_of_a_schema_are_decoded() -> None:
    after = {
        "cohort": {"scale": 2, "value": "D5Uan6OihslPDnZsOQ=="},
        "user": "BNI=",
        "at": 5_000_000,
    }
    value = wrapped(event("c", after=after), user=CONNECT_DECIMAL, at={"name": TIME})
    spaced = json.dumps(json.loads(value)).encode()

    decoded = debezium(mapping={"occurred_at": {"column": "at"}}).decode(
        run_of(value, value, spaced)
    )

    assert changes_of(decoded) == {"12345678901234567890123456789.05": {"1234": True}}
    assert decoded.change_set.event_time_s == 5.0


def test_schemas_may_change_within_a_run() -> None:
    one = wrapped(event("c", after=ROW))
    two = wrapped(event("c", after=ROW | {"user": "BNI="}), user=CONNECT_DECIMAL)
    bare = json.dumps(event("d", before=ROW)).encode()

    decoded = debezium().decode(run_of(one, two, bare, one, two))

    assert changes_of(decoded) == {"vip": {"u1": True, "1234": True}}
    assert decoded.change_set.count == 5


@pytest.mark.parametrize("tail", [b',"op":"d"}', b',"payload":null}', b"} x", b"}}", b""])
def test_what_stands_behind_a_payload_is_not_overlooked(tail: bytes) -> None:
    value = wrapped(event("c", after=ROW))
    strange = value[:-1] + tail
    decoder = debezium()

    alone = debezium().decode(run_of(strange))
    after_a_good_one = decoder.decode(run_of(value, strange))

    assert dict(alone.change_set.changes) == {}
    assert after_a_good_one.change_set.count == 1
    assert after_a_good_one.ignored == alone.ignored
    assert [r.reason for r in after_a_good_one.rejects] == [r.reason for r in alone.rejects]


def test_a_wrapped_record_of_broken_text_is_a_reject() -> None:
    good = wrapped(event("c", after=ROW))

    decoded = debezium().decode(run_of(good, good.replace(b'"c"', b'"\xffc"')))

    assert [reject.reason for reject in decoded.rejects] == [Reason.INVALID_JSON]
    assert decoded.change_set.count == 1


def test_a_wrapped_record_has_the_limits_of_any_other() -> None:
    good = wrapped(event("c", after=ROW))
    large = wrapped(event("c", after=ROW | {"x": "x" * 1024 * 1024}))
    deep = good.replace(b'"u1"', b'"u1","x":' + b"[" * 62 + b"]" * 62)
    deepest = good.replace(b'"u1"', b'"u1","x":' + b"[" * 61 + b"]" * 61)

    decoded = debezium().decode(run_of(good, large, deep, deepest))

    assert [reject.reason for reject in decoded.rejects] == [Reason.TOO_LARGE, Reason.TOO_DEEP]
    assert decoded.change_set.count == 2


def test_a_record_has_its_own_limits_among_many() -> None:
    good = json.dumps(event("c", after=ROW), separators=(",", ":")).encode()
    large, deep, deepest, many = (
        good.replace(b'"u1"', b'"u1","x":' + value)
        for value in (
            b'"%s"' % (b"x" * 1024 * 1024),
            b"[" * 63 + b"]" * 63,
            b"[" * 62 + b"]" * 62,
            b"[%s[]]" % (b"[]," * 99),
        )
    )
    values = [*[good] * 9, deep, *[good] * 300, large, many, *[deepest] * 9]

    decoded = debezium().decode(run_of(*values))

    assert [(reject.value, reject.reason) for reject in decoded.rejects] == [
        (deep, Reason.TOO_DEEP),
        (large, Reason.TOO_LARGE),
    ]
    assert decoded.change_set.count == len(values) - 2
