"""docs/pipelines/segment-track.md: audience events among others, written by kcat."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from tests.support import kcat

if TYPE_CHECKING:
    from tests.pipelines.conftest import Pipeline

AUDIENCES = ("first_time_shopper", "cart_abandoner")


def _event(name: str, user: str | None, properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "track",
        "userId": user,
        "event": name,
        "properties": properties,
        "timestamp": "2026-02-03T04:05:06.123Z",
    }


def test_the_cohorts_equal_the_audiences(pipeline: Pipeline) -> None:
    topic = pipeline.topic("segment.events")
    chance = random.Random(3)
    audiences: dict[str, set[str]] = {key: set() for key in AUDIENCES}
    daemon = pipeline.start()
    daemon.wait_until_assigned(3)  # The page starts at the latest record.

    records: list[tuple[str, object]] = []
    others = 0
    for _ in range(500):
        key, user = chance.choice(AUDIENCES), f"u{chance.randrange(40)}"
        members = audiences[key]
        if chance.random() < 0.5:
            others += 1
            records.append((user, _event("Order Completed", user, {"total": 12.5})))
        elif user in members:
            members.remove(user)
            records.append((user, _event("Audience Exited", user, {"audience_key": key})))
        else:
            members.add(user)
            records.append((user, _event("Audience Entered", user, {"audience_key": key})))
    records.append(("anonymous", _event("Audience Entered", None, {"audience_key": AUDIENCES[0]})))
    kcat.produce(pipeline.bootstrap, topic, records)

    pipeline.wait_equal({f"segment_{key}": users for key, users in audiences.items()})
    daemon.wait_for("all is counted", lambda s: s["counters"]["dead_letters"] == 1)
    labels = f'rule="condition_not_met",topic="{topic}"'
    series = f"cohortd_events_ignored_total{{{labels}}} {others}.0"
    assert series in daemon.get("/metrics")[1]
    assert daemon.terminate() == 0
