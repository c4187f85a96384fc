"""Stages on a mock cluster and on a real Kafka; a test here is about one row of the faults."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.component.conftest import stage, wide_stage
from tests.integration.conftest import each_stage, real_stage
from tests.support.stage import CONSUMER_PROTOCOL, SHORT, Stage, stage_at
from tests.support.topics import create_topic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["each_stage", "real_stage", "stage", "wide_stage"]


@pytest.fixture
def newer_stage(kafka: str, tmp_path: Path) -> Iterator[Stage]:
    """Return a stage with one partition, for a group of the newer protocol."""

    with stage_at(kafka, tmp_path, _creator(kafka), timing=CONSUMER_PROTOCOL) as stage:
        yield stage


# What the fleets' tests are made for: a topic wide enough to be shared out.
_WIDE = 12


@pytest.fixture
def wide_stage_of_12(kafka: str, tmp_path: Path) -> Iterator[Stage]:
    """Return a stage with twelve partitions, for a group of the classic protocol."""
    with stage_at(kafka, tmp_path, _creator(kafka), partitions=_WIDE) as stage:
        yield stage


@pytest.fixture(params=["classic", "consumer"])
def each_wide_stage(request: pytest.FixtureRequest, kafka: str, tmp_path: Path) -> Iterator[Stage]:
    """Return such a stage for either protocol; a test that asks for it runs twice."""
    timing = SHORT if request.param == "classic" else CONSUMER_PROTOCOL
    with stage_at(kafka, tmp_path, _creator(kafka), partitions=_WIDE, timing=timing) as stage:
        yield stage


def _creator(kafka: str) -> Callable[[str, int], str]:
    return lambda topic, partitions: create_topic(kafka, partitions, name=topic)
