"""A stage on a mock cluster, for tests of the whole daemon without a JVM."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.stage import Stage, stage_at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.mock_cluster import MockCluster


@pytest.fixture
def stage(mock: MockCluster, tmp_path: Path) -> Iterator[Stage]:
    """Return a stage whose topic has one partition."""
    with stage_at(mock.bootstrap, tmp_path, mock.create_topic) as stage:
        yield stage


@pytest.fixture
def wide_stage(mock: MockCluster, tmp_path: Path) -> Iterator[Stage]:
    """Return a stage whose topic has four partitions."""
    with stage_at(mock.bootstrap, tmp_path, mock.create_topic, partitions=4) as stage:
        yield stage
