"""Envelopes without `op`, as Materialize and CockroachDB write them: the images say all."""

from __future__ import annotations

import json
from typing import Any

import pytest

from daemon.formats.changes import Ignored
from daemon.kafka.records import Reason
from tests.support.change_events import ACTIVE, ROW, debezium
from tests.support.rows import VIP_U1_IN, VIP_U1_OUT, compiled, outcome, read

OTHER = ROW | {"user": "u2"}


@pytest.mark.parametrize(
    ("envelope", "expected"),
    [
        ({"before": None, "after": ROW}, VIP_U1_IN),
        ({"before": ROW, "after": None}, VIP_U1_OUT),
        ({"before": ROW, "after": ROW}, VIP_U1_IN),
        ({"before": ROW, "after": ROW | {"status": "left"}}, VIP_U1_OUT),
        ({"before": ROW, "after": OTHER}, {"vip": {"u1": False, "u2": True}}),
        ({"after": ROW, "updated": "1700000000.0000000000"}, VIP_U1_IN),
        ({"resolved": "1700000000.0000000000"}, Ignored.RESOLVED),
        ({"after": json.dumps(ROW)}, Reason.UNSUPPORTED),  # MongoDB's text.
        ({"after": ROW | {"status": None}}, VIP_U1_OUT),
        ({"after": {"cohort": "vip", "user": "u1"}}, Reason.MISSING_COLUMN),
    ],
)
def test_it_is_read_from_its_images(envelope: dict[str, Any], expected: object) -> None:
    assert outcome(read(debezium(mapping=ACTIVE), envelope)) == expected


def test_a_user_whose_id_is_0_is_removed_since_the_old_row_is_whole() -> None:
    """Debezium's 0 for a column that it doesn't know is Debezium's alone."""
    row = ROW | {"user": 0}

    assert outcome(read(debezium(), {"before": row, "after": None}, key={"id": 7})) == {
        "vip": {"0": False}
    }


def test_a_delete_without_old_image_is_named_by_a_key_that_is_a_list() -> None:
    """CockroachDB writes the columns of the primary key as a list."""
    mapping = {"cohort_id": {"key": "0"}, "external_id": {"key": "1"}}
    decoder = compiled(format="debezium", mapping=mapping)

    assert outcome(read(decoder, {"after": ROW}, key=["vip", "u1"])) == VIP_U1_IN
    assert outcome(read(decoder, {"after": None}, key=["vip", "u1"])) == VIP_U1_OUT
    assert outcome(read(decoder, {"after": None}, key=["vip"])) is Reason.MISSING_IDENTITY


def test_a_delete_without_old_image_and_without_such_a_key_is_a_reject() -> None:
    decoded = read(debezium(), {"after": None}, key=["vip", "u1"])

    assert outcome(decoded) is Reason.MISSING_IDENTITY
