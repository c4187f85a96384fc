"""What a record of the topic of names says, whoever has written it."""

from __future__ import annotations

import json

import pytest

from daemon.kafka.names_topic import name_in

KEY = json.dumps(["ours", "vip"]).encode()
NAME = b'{"name": "VIP"}'


def test_a_record_of_ours_names_a_cohort() -> None:
    assert name_in(KEY, NAME, "ours") == {"vip": "VIP"}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (KEY, None),
        (None, NAME),
        (KEY, b"\xff"),
        (KEY, b"[]"),
        (KEY, b"{}"),
        (KEY, b'{"name": 7}'),
        (KEY, b"[" * 100_000),
        (b"[" * 100_000, NAME),
        (b"7", NAME),
        (b'["ours", ["vip"]]', NAME),
        (b'["ours", "vip", "more"]', NAME),
        (b'[{}, "vip"]', NAME),
        (b'["another", "vip"]', NAME),
    ],
)
def test_what_is_none_of_ours_says_nothing(key: bytes | None, value: bytes | None) -> None:
    assert name_in(key, value, "ours") == {}
