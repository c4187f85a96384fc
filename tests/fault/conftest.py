"""Stages on a real Apache Kafka; each test here is about one row of the table of faults."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.conftest import each_stage, real_stage
from tests.support.stage import CONSUMER_PROTOCOL, Stage, stage_at
from tests.support.topics import create_topic

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["each_stage", "real_stage"]


@pytest.fixture
def newer_stage(kafka: str, tmp_path: Path) -> Iterator[Stage]:
    """Return a stage with one partition, for a group of the newer protocol."""

    def create(topic: str, partitions: int) -> str:
        return create_topic(kafka, partitions, name=topic)

    with stage_at(kafka, tmp_path, create, timing=CONSUMER_PROTOCOL) as stage:
        yield stage
