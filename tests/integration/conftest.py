"""Stages on a real Apache Kafka, for both group protocols."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.stage import CONSUMER_PROTOCOL, SHORT, Stage, stage_at
from tests.support.topics import create_topic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def real_stage(kafka: str, tmp_path: Path) -> Iterator[Stage]:
    """Return a stage with four partitions, for a group of the classic protocol."""
    with stage_at(kafka, tmp_path, _creator(kafka), partitions=4) as stage:
        yield stage


@pytest.fixture(params=["classic", "consumer"])
def each_stage(request: pytest.FixtureRequest, kafka: str, tmp_path: Path) -> Iterator[Stage]:
    """Return such a stage for either protocol; a test that asks for it runs twice."""
    timing = SHORT if request.param == "classic" else CONSUMER_PROTOCOL
    with stage_at(kafka, tmp_path, _creator(kafka), partitions=4, timing=timing) as stage:
        yield stage


def _creator(bootstrap: str) -> Callable[[str, int], str]:
    return lambda topic, partitions: create_topic(bootstrap, partitions, name=topic)
