"""How soon another replica delivers what one that was stopped has given back."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.stage import CONSUMER_PROTOCOL, SHORT, Stage, add, stage_at
from tests.support.topics import create_topic

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(params=["classic", "consumer"])
def stage(request: pytest.FixtureRequest, kafka: str, tmp_path: Path) -> Iterator[Stage]:
    def create(topic: str, partitions: int) -> str:
        return create_topic(kafka, partitions, name=topic)

    timing = SHORT if request.param == "classic" else CONSUMER_PROTOCOL
    with stage_at(kafka, tmp_path, create, partitions=4, timing=timing) as stage:
        yield stage


def test_after_sigterm_its_partitions_are_delivered_by_another_within_seconds(stage: Stage) -> None:
    first, second = stage.start(), stage.start()
    for daemon in (first, second):
        daemon.wait_until_assigned(2)
    leaving = [row["partition"] for row in first.status()["partitions"]]
    for number in leaving:
        stage.produce(add("before", f"u{number}"), partition=number)
    stage.wait_members(before={f"u{number}" for number in leaving})

    begun_s = time.monotonic()
    first.signal(signal.SIGTERM)
    first.wait_for_line("drain_finished")  # From here on it reads nothing more.
    for number in leaving:
        stage.produce(add("after", f"u{number}"), partition=number)
    stage.wait_members(after={f"u{number}" for number in leaving})
    took_s = time.monotonic() - begun_s

    print(f"delivered by another {took_s:.1f} s after SIGTERM")
    assert took_s < 10.0
    assert first.wait() == 0
    second.wait_until_assigned(4)
    assert len(stage.deliveries()) == 4
