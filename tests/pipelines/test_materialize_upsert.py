"""docs/pipelines/materialize-upsert.md: a topic per cohort, one of them made while it runs."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

from tests.support import kcat

if TYPE_CHECKING:
    from tests.pipelines.conftest import Pipeline


def test_the_cohorts_equal_the_segments(pipeline: Pipeline) -> None:
    chance = random.Random(4)
    segments: dict[str, set[str]] = {}
    pipeline.topic("cohorts.vip")

    def change(segment: str, count: int) -> None:
        members = segments.setdefault(segment, set())
        records: list[tuple[str, object]] = []
        for _ in range(count):
            user = f"u{chance.randrange(50)}"
            key = json.dumps({"user_id": user})
            if user in members and chance.random() < 0.5:
                members.remove(user)
                records.append((key, None))
            else:
                members.add(user)
                records.append((key, {"user_id": user, "since": chance.randrange(2**40)}))
        kcat.produce(pipeline.bootstrap, pipeline.named(f"cohorts.{segment}"), records)

    change("vip", 200)
    daemon = pipeline.start()
    pipeline.wait_equal(segments)

    pipeline.topic("cohorts.lapsed")  # A new segment, while it runs.
    change("lapsed", 200)
    change("vip", 100)
    pipeline.wait_equal(segments)

    assert daemon.terminate() == 0
    assert not daemon.log_lines("record_rejected")
