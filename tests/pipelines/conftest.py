"""A stage on a real Apache Kafka; the topics are those of a page, under the test's own names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.stage import Stage, stage_at
from tests.support.topics import create_topic

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def stage(kafka: str, tmp_path: Path) -> Iterator[Stage]:
    def create(topic: str, partitions: int) -> None:
        create_topic(kafka, partitions, name=topic)

    with stage_at(kafka, tmp_path, create) as stage:
        yield stage
