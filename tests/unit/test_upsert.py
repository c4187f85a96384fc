"""Upserts: the key says who, a null value that they are gone."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from daemon.config.inputs import InputSettings
from daemon.core.model import Alias
from daemon.formats.changes import Ignored
from daemon.kafka.records import Reason
from tests.support.rows import VIP_U1_IN, VIP_U1_OUT, outcome, read, upserts

KEYED: dict[str, Any] = {"cohort_id": {"key": "cohort"}, "external_id": {"key": "user"}}
PER_TOPIC: dict[str, Any] = {
    "cohort_id": {"topic": r"cohorts\.(.*)"},
    "external_id": {"key": "."},
}
KEY = {"cohort": "vip", "user": "u1"}
ACTIVE = {"member_when": {"column": "status", "in": ["active"]}}


def test_a_row_is_a_membership_and_a_null_value_its_end() -> None:
    decoder = upserts(KEYED)

    assert outcome(read(decoder, {"since": 1}, key=KEY)) == VIP_U1_IN
    assert outcome(read(decoder, None, key=KEY)) == VIP_U1_OUT


@pytest.mark.parametrize("key_encoding", ["string", "json"])
def test_a_topic_per_cohort_whose_key_is_the_user(key_encoding: str) -> None:
    decoder = upserts(PER_TOPIC, key_encoding=key_encoding)
    key = b"u1" if key_encoding == "string" else b'"u1"'

    assert outcome(read(decoder, {}, key=key, topic="cohorts.vip")) == VIP_U1_IN
    assert outcome(read(decoder, None, key=key, topic="cohorts.vip")) == VIP_U1_OUT


def test_a_number_as_the_whole_key_is_its_digits() -> None:
    decoder = upserts(PER_TOPIC)

    read_as = outcome(read(decoder, {}, key=b"18446744073709551616", topic="cohorts.vip"))

    assert read_as == {"vip": {"18446744073709551616": True}}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"status": "active"}, VIP_U1_IN),
        ({"status": "left"}, VIP_U1_OUT),
        ({}, Reason.MISSING_COLUMN),
        (7, Reason.MISSING_COLUMN),
        (None, VIP_U1_OUT),
    ],
)
def test_the_value_may_say_that_the_row_is_no_membership(value: object, expected: object) -> None:
    assert outcome(read(upserts(KEYED | ACTIVE), value, key=KEY)) == expected


@pytest.mark.parametrize("value", [{"n": 1}, 7, "text", []])
def test_whatever_the_value_is_the_row_is_there(value: object) -> None:
    """A table of counts has a number as its value, and a windowed one a list."""
    assert outcome(read(upserts(KEYED), value, key=KEY)) == VIP_U1_IN


def test_keys_and_values_are_taken_out_of_connects_wrapping() -> None:
    decoder = upserts(KEYED | {"cohort_name": {"column": "name"}})
    key = {"schema": {}, "payload": KEY}

    decoded = read(decoder, {"schema": {}, "payload": {"name": "VIPs"}}, key=key)

    assert outcome(decoded) == VIP_U1_IN
    assert decoded.change_set.names == {"vip": "VIPs"}
    assert outcome(read(decoder, {"schema": {}, "payload": None}, key=key)) == VIP_U1_OUT


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        (None, Reason.MISSING_IDENTITY),
        ({"cohort": "vip"}, Reason.MISSING_IDENTITY),
        ({"cohort": "vip", "user": ""}, Reason.MISSING_IDENTITY),
        ({"user": "u1"}, Reason.MISSING_COHORT),
        (b"u1", Reason.INVALID_JSON),
        (b"\xff", Reason.INVALID_JSON),
    ],
)
def test_a_key_that_does_not_say_who_is_a_reject(key: object, reason: Reason) -> None:
    assert outcome(read(upserts(KEYED), None, key=key)) is reason
    assert outcome(read(upserts(KEYED), {}, key=key)) is reason


def test_a_value_that_cant_be_decoded_is_a_reject_and_no_membership() -> None:
    assert outcome(read(upserts(KEYED), b"{", key=KEY)) is Reason.INVALID_JSON


def test_an_alias_comes_from_the_key_and_a_constant() -> None:
    alias = {"name": {"key": "email", "lower": True}, "label": {"constant": "email"}}
    decoder = upserts({"cohort_id": {"constant": "vip"}, "alias": alias})

    read_as = outcome(read(decoder, {}, key={"email": "A@B.c"}))

    assert read_as == {"vip": {Alias("a@b.c", "email"): True}}


def test_a_row_that_is_no_member_and_names_nobody_is_ignored() -> None:
    decoded = read(upserts(KEYED | ACTIVE), {"status": "left"}, key={"cohort": "vip"})

    assert outcome(decoded) is Ignored.NOT_A_MEMBER


@pytest.mark.parametrize(
    "part",
    [
        {"cohort_id": {"column": "cohort"}},
        {"external_id": {"column": "user"}},
        {"device_id": {"column": "device"}},
        {"alias": {"name": {"column": "email"}, "label": {"constant": "email"}}},
    ],
)
def test_whom_it_is_about_must_come_from_the_key(part: dict[str, Any]) -> None:
    settings = {"topic": "t", "format": "upsert", "mapping": KEYED | part}

    with pytest.raises(ValidationError, match=r"must come from the key"):
        InputSettings.model_validate(settings)


def test_conditions_are_refused_since_what_stops_to_meet_them_would_stay() -> None:
    conditions = [{"column": "event", "in": ["a"]}]
    settings = {"topic": "t", "format": "upsert", "mapping": KEYED, "only_when": conditions}

    with pytest.raises(ValidationError, match="member_when"):
        InputSettings.model_validate(settings)
