"""The whole daemon and its schema registry: away, back, and with schemas that are no good."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.avro import framed, written
from tests.support.processes import wait_until
from tests.support.registry import Serving, SmallRegistry

if TYPE_CHECKING:
    from tests.support.stage import Stage

NATIVE = json.loads((Path(__file__).parents[2] / "schemas/membership_change.avsc").read_text())


@pytest.fixture
def registry() -> Iterator[SmallRegistry]:
    small = SmallRegistry()
    with Serving(small):
        yield small


def config(stage: Stage, registry: SmallRegistry, **more: object) -> dict[str, object]:
    return {
        "inputs": [{"topic": stage.topic, "encoding": "avro"}],
        "schema_registry": {"url": registry.url, **more},
    }


def add(user: str, schema_id: int = 1) -> bytes:
    event = {"cohort_id": "vip", "op": "add", "external_id": user}
    return written(NATIVE, event, schema_id)


def test_while_the_registry_is_away_nothing_is_lost_and_what_is_known_goes_on(
    wide_stage: Stage, registry: SmallRegistry
) -> None:
    stage = wide_stage
    registry.add(1, NATIVE)
    daemon = stage.start(config(stage, registry))
    daemon.wait_until_assigned(4)
    stage.produce(add("u0"), partition=0)
    stage.wait_members(vip={"u0"})
    registry.status = 503
    registry.add(2, NATIVE)

    stage.produce(add("u1"), add("u2", 2), add("u3"), partition=1)
    held = daemon.wait_for_reason("registry")
    stage.produce(add("u4"), partition=0)
    stage.wait_members(vip={"u0", "u1", "u4"})  # Their schema is known.

    assert held["live"] is True
    wait_until("it stands before the record that waits", lambda: stage.committed_offset(1) == 1)
    registry.status = 200
    stage.wait_members(vip={"u0", "u1", "u2", "u3", "u4"})
    wait_until("the offset follows", lambda: stage.committed_offset(1) == 3)
    assert daemon.status()["counters"]["dead_letters"] == 0
    assert daemon.terminate() == 0


def test_unknown_and_refused_schemas_are_dead_letters_and_the_rest_is_delivered(
    stage: Stage, registry: SmallRegistry
) -> None:
    registry.add(1, NATIVE)
    recursive = {"type": "record", "name": "R", "fields": [{"name": "r", "type": ["null", "R"]}]}
    registry.add(3, recursive)
    daemon = stage.start(config(stage, registry))

    stage.produce(add("u1"), add("x", 7), framed(3, b"\x00"), framed(1, b"\x02"), add("u2"))

    stage.wait_members(vip={"u1", "u2"})
    letters = [dict(each.headers() or ()) for each in stage.letters(3)]
    assert {each["cohortd.reason"] for each in letters} == {
        b"unknown_schema",
        b"refused_schema",
        b"invalid_avro",
    }
    assert daemon.terminate() == 0


def test_a_rotated_password_needs_no_restart(stage: Stage, registry: SmallRegistry) -> None:
    registry.add(1, NATIVE)
    registry.authorization = "Basic YW5uOnJpZ2h0"  # ann:right
    password = stage.folder / "registry.password"
    password.write_text("canary-wrong")
    daemon = stage.start(config(stage, registry, username="ann", password_file=str(password)))
    stage.produce(add("u1"))
    daemon.wait_for_reason("registry")

    password.write_text("right")

    stage.wait_members(vip={"u1"}, timeout_s=60.0)
    assert "canary" not in daemon.output()
    assert daemon.terminate() == 0


def test_a_stop_does_not_wait_for_the_registry(stage: Stage, registry: SmallRegistry) -> None:
    registry.status = 503
    daemon = stage.start(config(stage, registry))
    stage.produce(add("u1"))
    daemon.wait_for_reason("registry")

    assert daemon.terminate() == 0
    assert (stage.committed_offset() or 0) == 0
