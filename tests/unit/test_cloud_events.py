"""CloudEvents around native events: structured and binary mode."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from daemon.config.inputs import InputSettings
from daemon.formats.decoders import compile_input
from daemon.kafka.records import Reason
from tests.support.corpus import FakeRecord, run_of, run_of_records
from tests.support.rows import VIP_U1_IN, outcome, read

NATIVE = {"cohort_id": "vip", "op": "add", "external_id": "u1"}
AROUND = {
    "specversion": "1.0",
    "id": "7f1c",
    "source": "/segments",
    "type": "com.example.membership",
    "time": "2026-01-02T03:04:05Z",
}
TIME_S = 1_767_323_045.0
DECODER = compile_input(InputSettings(topic="t"))


@pytest.mark.parametrize("media", [None, "application/json", "application/vnd.x+json; v=1"])
def test_structured_mode_has_the_event_as_its_data(media: str | None) -> None:
    around: dict[str, Any] = AROUND | ({} if media is None else {"datacontenttype": media})

    decoded = read(DECODER, around | {"data": NATIVE})

    assert outcome(decoded) == VIP_U1_IN
    assert decoded.change_set.event_time_s == TIME_S


def test_structured_mode_may_have_it_in_base64() -> None:
    data = base64.b64encode(json.dumps(NATIVE).encode()).decode()

    assert outcome(read(DECODER, AROUND | {"data_base64": data})) == VIP_U1_IN


def test_the_events_own_time_comes_before_that_around_it() -> None:
    data = NATIVE | {"occurred_at": TIME_S + 60}

    decoded = read(DECODER, AROUND | {"data": data | {"occurred_at": int(TIME_S + 60) * 1000}})

    assert decoded.change_set.event_time_s == TIME_S + 60


def test_binary_mode_is_the_event_itself_with_its_time_in_a_header() -> None:
    headers = (("ce_specversion", b"1.0"), ("ce_time", b"2026-01-02T03:04:05Z"))
    record = FakeRecord(json.dumps(NATIVE).encode(), None, headers)

    decoded = DECODER.decode(run_of_records([record]))

    assert outcome(decoded) == VIP_U1_IN
    assert decoded.change_set.event_time_s == TIME_S


@pytest.mark.parametrize(
    ("inside", "reason"),
    [
        ({}, Reason.INVALID_RECORD),
        ({"data": "<xml/>"}, Reason.INVALID_RECORD),
        ({"data": None}, Reason.INVALID_RECORD),
        ({"data": {"cohort_id": "vip"}}, Reason.UNKNOWN_OP),
        ({"data": NATIVE, "datacontenttype": "application/xml"}, Reason.UNSUPPORTED),
        ({"data_base64": "!"}, Reason.INVALID_VALUE),
        ({"data_base64": 7}, Reason.INVALID_RECORD),
        ({"data_base64": base64.b64encode(b"[" * 100).decode()}, Reason.TOO_DEEP),
    ],
)
def test_a_cloud_event_that_holds_no_change_is_a_reject(
    inside: dict[str, Any], reason: Reason
) -> None:
    assert outcome(read(DECODER, AROUND | inside)) is reason


def test_a_native_event_may_have_fields_of_those_names() -> None:
    assert outcome(read(DECODER, NATIVE | AROUND | {"data": {"op": "remove"}})) == VIP_U1_IN


def test_a_native_event_whose_extra_fields_have_odd_types_is_still_one() -> None:
    odd = {"data_base64": 7, "datacontenttype": [], "specversion": {}, "time": False}

    decoded = DECODER.decode(run_of(NATIVE | odd, b"bad"))  # The bad one makes it slow.

    assert decoded.change_set.changes == VIP_U1_IN
    assert [reject.offset for reject in decoded.rejects] == [101]
