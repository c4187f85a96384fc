"""Native events of which only those count that meet the input's `only_when`."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from pydantic import ValidationError

from daemon.config.inputs import InputSettings
from daemon.formats.changes import Ignored
from daemon.kafka.records import Reason
from tests.support.rows import VIP_U1_IN, VIP_U1_OUT, compiled, outcome, read

EVENT: dict[str, Any] = {"cohort_id": "vip", "op": "add", "external_id": "u1"}
MET: dict[str, Any] = {"source": "warehouse", "traits": {"vip": True}}
CONDITIONS = [
    {"column": "source", "in": ["warehouse"]},
    {"column": "traits.vip", "exists": True},
    {"column": "test", "exists": False},
]
AROUND = {"specversion": "1.0", "id": "1", "source": "/segments", "type": "membership"}


@pytest.mark.parametrize("encoding", ["json", "json-schema"])
@pytest.mark.parametrize(
    ("more", "met"),
    [
        (MET, True),
        (MET | {"source": "app"}, False),
        (MET | {"traits": {}}, False),
        (MET | {"test": None}, False),
        ({}, False),
    ],
)
def test_an_event_that_meets_not_all_conditions_is_ignored_and_counted(
    more: dict[str, Any], encoding: str, *, met: bool
) -> None:
    decoder = compiled(only_when=CONDITIONS, encoding=encoding)
    framed = b"\0\0\0\0\1" if encoding == "json-schema" else b""

    decoded = read(decoder, framed + json.dumps(EVENT | more).encode())

    assert outcome(decoded) == (VIP_U1_IN if met else Ignored.CONDITION_NOT_MET)


def test_a_removal_is_held_to_the_conditions_like_an_add() -> None:
    decoder = compiled(only_when=CONDITIONS)
    removal = EVENT | {"op": "remove"}

    assert outcome(read(decoder, removal | MET)) == VIP_U1_OUT
    assert outcome(read(decoder, removal)) is Ignored.CONDITION_NOT_MET


@pytest.mark.parametrize("met", [True, False])
def test_the_conditions_are_about_the_event_and_not_what_it_stands_in(*, met: bool) -> None:
    inside = EVENT | (MET if met else {})
    encoded = base64.b64encode(json.dumps(inside).encode()).decode()
    decoder = compiled(only_when=CONDITIONS)

    for whole in (
        {"schema": {"type": "struct"}, "payload": inside},
        {"payload": inside, "source": "warehouse"},
        AROUND | {"data": inside},
        AROUND | {"data_base64": encoded},
    ):
        assert outcome(read(decoder, whole)) == (VIP_U1_IN if met else Ignored.CONDITION_NOT_MET)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, Reason.NULL_VALUE),
        (b"{", Reason.INVALID_JSON),
        (b"[]", Reason.INVALID_RECORD),
        (AROUND | {"data": "<xml/>"}, Reason.INVALID_RECORD),
        (EVENT | MET | {"op": "upsert"}, Reason.UNKNOWN_OP),
    ],
)
def test_what_is_no_event_is_a_reject_whatever_the_conditions(
    value: object, reason: Reason
) -> None:
    assert outcome(read(compiled(only_when=CONDITIONS), value)) is reason


def test_a_change_event_takes_no_conditions_since_what_stops_to_meet_them_would_stay() -> None:
    mapping = {"cohort_id": {"column": "c"}, "external_id": {"column": "u"}}
    settings = {"topic": "t", "format": "debezium", "mapping": mapping, "only_when": CONDITIONS}

    with pytest.raises(ValidationError, match="member_when"):
        InputSettings.model_validate(settings)
