from __future__ import annotations

import logging
from typing import Any, cast

from daemon.logs import FoldedLog


class Said:
    """Keeps what it was told."""

    def __init__(self) -> None:
        self.lines: list[tuple[int, str, dict[str, object]]] = []

    def log(self, level: int, event: str, **fields: object) -> None:
        self.lines.append((level, event, fields))


def folded(said: Said, keys_max: int = 10) -> FoldedLog:
    return FoldedLog(cast("Any", said), keys_max)


def test_repeats_are_said_at_powers_of_two_with_their_count() -> None:
    said = Said()
    repeats = folded(said)

    for _ in range(20):
        repeats.warning("update_retried", "vip", cohort="vip")

    assert [fields.get("count", 1) for _, _, fields in said.lines] == [1, 2, 4, 8, 16]
    assert {level for level, _, _ in said.lines} == {logging.WARNING}


def test_each_key_and_event_is_counted_on_its_own() -> None:
    said = Said()
    repeats = folded(said)

    repeats.warning("update_retried", "a")
    repeats.warning("update_retried", "b")
    repeats.error("update_refused", "a")

    assert len(said.lines) == 3


def test_a_recovered_key_is_said_again_at_once() -> None:
    said = Said()
    repeats = folded(said)
    for _ in range(3):
        repeats.warning("kafka_error", "b1")

    met = repeats.forget("kafka_error", "b1")
    repeats.warning("kafka_error", "b1")

    assert met == 3
    assert len(said.lines) == 3
    assert "count" not in said.lines[-1][2]


def test_the_number_of_keys_is_bounded_and_the_stalest_goes_first() -> None:
    said = Said()
    repeats = folded(said, keys_max=2)
    for key in ("a", "b", "a", "c"):  # b is now the stalest, and goes.
        repeats.warning("x", key)

    repeats.warning("x", "a")
    repeats.warning("x", "b")

    assert len(repeats._counts) == 2
    assert [fields.get("count", 1) for _, _, fields in said.lines] == [1, 1, 2, 1, 1]
